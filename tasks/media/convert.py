"""Making a clip fit the others, through the ffmpeg program: size, rate, codec, pixels, colour.

Which clips have to, and what they have to be like, is decided in `agreement.py`.
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
from tasks.media.container import BOUNDS
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.media.probe import Clip, probe

Filter = tuple[str, tuple[object, ...], dict[str, object]]

_CRF = 16  # visually lossless
_LAST_WORDS = 600


def convert(
    clip: Path, like: Clip, out: Path, *, ffmpeg: Path, deadline_seconds: float = 600
) -> Clip:
    """Encode a clip anew, to exactly `out`, so that it can stand beside `like`; sound is kept.

    The picture is scaled to lie whole within the size of `like`, with black beside it. Raises
    MediaError with ffmpeg's last words.
    """
    command = [str(ffmpeg), *_arguments(probe(clip), like, out)]
    with tempfile.TemporaryFile() as words:
        try:
            # A file for stderr, for a full pipe would stop ffmpeg; no stdin, for it would read it.
            ended = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=words,
                timeout=deadline_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            message = f"ffmpeg did not fit {clip} within {deadline_seconds:g} seconds"
            raise MediaError(message) from late
        except OSError as error:
            message = f"{ffmpeg} can't be started: {error.strerror}"
            raise MediaError(message) from error
        if ended.returncode != 0:
            message = f"ffmpeg could not fit {clip} ({ended.returncode}): {_last_words(words)}"
            raise MediaError(message)
    return probe(out)


def _arguments(clip: Clip, like: Clip, out: Path) -> list[str]:
    source = ffmpeg.input(f"file:{clip.path.absolute()}", format="mov", **BOUNDS)
    picture = source["v:0"]
    for name, values, options in _filters(clip, like):
        picture = picture.filter(name, *values, **options)
    streams = [picture, source["a:0"]] if clip.has_audio else [picture]
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
        # The last picture may say that it stands for days.
        options["frames:v"] = (
            math.ceil(clip.duration_seconds * FRAMES_PER_SECOND) + FRAMES_PER_SECOND
        )
    command = ffmpeg.output(*streams, f"file:{out.absolute()}", **options)
    quiet = command.global_args("-nostdin", "-hide_banner", "-loglevel", "error")
    return list(quiet.overwrite_output().get_args())


def _filters(clip: Clip, like: Clip) -> list[Filter]:
    accurate = "lanczos+accurate_rnd+full_chroma_int"
    matrix, tags = _colours(like)
    fitted: dict[str, object] = {
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
        # Scaling judges the shape by counting pixels, so they are made square first.
        filters.append(("scale", ("trunc(iw*sar/2)*2", "ih"), {"flags": accurate}))
    filters.append(("scale", (like.width, like.height), fitted))
    filters.append(("pad", (like.width, like.height, -1, -1), {}))
    filters.append(("setsar", (1,), {}))
    filters.append(("format", ("yuv420p",), {}))
    filters.append(("setparams", (), tags))
    return filters


def _colours(like: Clip) -> tuple[str, dict[str, object]]:
    """Return the matrix to convert to and the tags to write: the film's, and BT.709 by default."""
    old = like.colour.matrix in (BT601_625, BT601_525)
    name = "smpte170m" if old else "bt709"
    tags: dict[str, object] = {
        "color_primaries": name,
        "color_trc": name,
        "colorspace": name,
        "range": "tv",
    }
    return name, tags


def _last_words(words: IO[bytes]) -> str:
    end = words.seek(0, 2)
    words.seek(max(0, end - _LAST_WORDS))
    return " ".join(words.read().decode(errors="replace").split()) or "it said nothing"
