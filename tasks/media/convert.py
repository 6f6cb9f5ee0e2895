"""Converts a clip with the ffmpeg program so that it matches the others of a film.

Changes size, frame rate, codec, pixel format and colours. `compatibility` decides which clips need
it.
"""

from __future__ import annotations

import math
import subprocess
import tempfile
from pathlib import Path
from typing import IO

import ffmpeg

from tasks.errors import MediaError
from tasks.media.compatibility import BT601_525, BT601_625, resolve_matrix
from tasks.media.container import INPUT_OPTIONS
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.media.probe import Clip, probe

Filter = tuple[str, tuple[object, ...], dict[str, object]]

_CRF = 16  # visually lossless
_MAX_STDERR_CHARS = 600


def convert(
    clip: Path, target: Clip, out: Path, *, ffmpeg: Path, deadline_seconds: float = 600
) -> Clip:
    """Re-encode a clip so that it can be joined with `target`, and return its measurements.

    Frames of another shape are scaled to fit and padded with black. The audio is kept.

    Args:
        clip: The clip to convert.
        target: What the result has to match.
        out: The file to write.
        ffmpeg: Path of the ffmpeg program.
        deadline_seconds: The time after which ffmpeg is killed.

    Raises:
        MediaError: ffmpeg failed or took too long; the message has the end of its output.
    """
    command = [str(ffmpeg), *_arguments(probe(clip), target, out)]
    with tempfile.TemporaryFile() as stderr:
        try:
            # stderr goes to a file, because a full pipe would block ffmpeg.
            process = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                timeout=deadline_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            message = f"ffmpeg did not convert {clip} within {deadline_seconds:g} seconds"
            raise MediaError(message) from error
        except OSError as error:
            message = f"{ffmpeg} can't be started: {error.strerror}"
            raise MediaError(message) from error
        if process.returncode != 0:
            message = f"ffmpeg could not convert {clip} ({process.returncode}): {_tail(stderr)}"
            raise MediaError(message)
    return probe(out)


def _arguments(clip: Clip, target: Clip, out: Path) -> list[str]:
    source = ffmpeg.input(f"file:{clip.path.absolute()}", format="mov", **INPUT_OPTIONS)
    video = source["v:0"]
    for name, values, options in _filters(clip, target):
        video = video.filter(name, *values, **options)
    streams = [video, source["a:0"]] if clip.has_audio else [video]
    options = {
        "format": "mp4",
        "c:v": "libx264",
        "crf": _CRF,
        "preset": "fast",
        "c:a": "copy" if clip.audio_codec == "aac" else "aac",
        "movflags": "+faststart",
        "map_metadata": -1,
        "map_chapters": -1,
    }
    if clip.rate:
        # The last frame may have a duration of days.
        options["frames:v"] = (
            math.ceil(clip.duration_seconds * FRAMES_PER_SECOND) + FRAMES_PER_SECOND
        )
    command = ffmpeg.output(*streams, f"file:{out.absolute()}", **options)
    quiet = command.global_args("-nostdin", "-hide_banner", "-loglevel", "error")
    return list(quiet.overwrite_output().get_args())


def _filters(clip: Clip, target: Clip) -> list[Filter]:
    accurate = "lanczos+accurate_rnd+full_chroma_int"
    matrix, tags = _colours(target)
    scaling: dict[str, object] = {
        "force_original_aspect_ratio": "decrease",
        "force_divisible_by": 2,
        "in_color_matrix": resolve_matrix(clip),
        "in_range": "pc" if clip.colour.is_full_range else "tv",
        "out_color_matrix": matrix,
        "out_range": "tv",
        "flags": accurate,
    }
    filters: list[Filter] = []
    if clip.is_interlaced:
        filters.append(("yadif", (), {}))
    filters.append(("fps", (FRAMES_PER_SECOND,), {}))
    if clip.sar != 1:
        # The aspect ratio is computed from the number of pixels, so they are made square first.
        filters.append(("scale", ("trunc(iw*sar/2)*2", "ih"), {"flags": accurate}))
    filters.append(("scale", (target.width, target.height), scaling))
    filters.append(("pad", (target.width, target.height, -1, -1), {}))
    filters.append(("setsar", (1,), {}))
    filters.append(("format", ("yuv420p",), {}))
    filters.append(("setparams", (), tags))
    return filters


def _colours(target: Clip) -> tuple[str, dict[str, object]]:
    """Return the matrix to convert to and the tags to write: the target's, or BT.709."""
    is_bt601 = target.colour.matrix in (BT601_625, BT601_525)
    name = "smpte170m" if is_bt601 else "bt709"
    tags: dict[str, object] = {
        "color_primaries": name,
        "color_trc": name,
        "colorspace": name,
        "range": "tv",
    }
    return name, tags


def _tail(stderr: IO[bytes]) -> str:
    end = stderr.seek(0, 2)
    stderr.seek(max(0, end - _MAX_STDERR_CHARS))
    return " ".join(stderr.read().decode(errors="replace").split()) or "no output"
