"""Converts clips and frames with the ffmpeg program, so that they match the others of a film.

Changes size, frame rate, codec, pixel format and colours. `compatibility` decides which clips need
it.
"""

from __future__ import annotations

import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import IO

import ffmpeg

from tasks.errors import MediaError, NotConfigured
from tasks.media.compatibility import BT601_525, BT601_625
from tasks.media.container import INPUT_OPTIONS
from tasks.media.conversion import (
    HDR_FORMAT,
    Filter,
    cover_size,
    crop_filter,
    fit_size,
    format_arguments,
    picture_filters,
    rgb_filters,
    split_at_tone_mapping,
    timing_filters,
)
from tasks.media.probe import Clip, probe

CRF = 16  # visually lossless
_GROUP_FRAMES = 24
# Slow machines encode 4K in HEVC at a fiftieth of its speed.
_MIN_DEADLINE_SECONDS, _DEADLINE_FACTOR = 600, 100
# Apple's players open HEVC only with the tag hvc1.
_ENCODERS: dict[str, dict[str, object]] = {
    "h264": {"c:v": "libx264"},
    "hevc": {"c:v": "libx265", "tag:v": "hvc1", "x265-params": "open-gop=0:log-level=error"},
}
_MAX_STDERR_CHARS = 600
_QUIET = ("-nostdin", "-hide_banner", "-loglevel", "error")


def convert(
    clip: Path,
    target: Clip,
    out: Path,
    *,
    ffmpeg: Path,
    crop_focus: tuple[float, float] | None = None,
    crf: int = CRF,
    deadline_seconds: float | None = None,
) -> Clip:
    """Re-encode a clip so that it can be joined with `target`, and return its measurements.

    Frames of another shape are scaled to fit and padded with black, or cropped. The audio is kept.
    The result has `clip.film_frames` frames and ends on the last picture of the clip. Its groups of
    pictures are short, so that a later edit of the film encodes few frames again.

    Args:
        clip: The clip to convert.
        target: What the result has to match.
        out: The file to write.
        ffmpeg: Path of the ffmpeg program.
        crop_focus: The point of interest that a crop keeps, as shares of width and height; None
            pads with black.
        crf: Constant rate factor of the encoder: lower is better.
        deadline_seconds: The time after which ffmpeg is killed; by default it depends on the clip.

    Raises:
        MediaError: ffmpeg failed or took too long; the message has the end of its output.
        NotConfigured: The clip is in HDR, and ffmpeg has no filter for it.
    """
    source = probe(clip)
    if source.is_hdr:
        require_tone_mapping(ffmpeg, clip)
    _run(
        [str(ffmpeg), *_arguments(source, target, out, crop_focus=crop_focus, crf=crf)],
        clip=clip,
        deadline_seconds=deadline_seconds or _deadline_seconds(source),
    )
    converted = probe(out)
    if converted.frames != source.film_frames:
        message = f"{clip} has {converted.frames} frames after conversion, not {source.film_frames}"
        raise MediaError(message)
    return converted


def map_to_sdr(pixels: bytes, size: tuple[int, int], clip: Clip, *, ffmpeg: Path) -> bytes:
    """Return an HDR frame as RGB of 8 bits; PyAV has no filter for it.

    Args:
        pixels: The planes of the frame in `HDR_FORMAT`.
        size: Its width and height.
        clip: The clip that it is from.
        ffmpeg: Path of the ffmpeg program.

    Raises:
        MediaError: ffmpeg failed or took too long.
        NotConfigured: ffmpeg has no filter for it.
    """
    require_tone_mapping(ffmpeg, clip.path)
    _, filters = split_at_tone_mapping(rgb_filters(clip, size))
    text = ",".join(
        f"{name}={format_arguments(*values, **options)}" for name, values, options in filters
    )
    command = [str(ffmpeg), *_QUIET, "-f", "rawvideo", "-pixel_format", HDR_FORMAT]
    command += ["-video_size", f"{size[0]}x{size[1]}", "-i", "pipe:0", "-vf", text]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
    return _run(command, clip=clip.path, deadline_seconds=60, input_bytes=pixels)


def require_tone_mapping(ffmpeg: Path, clip: Path) -> None:
    """Check that an ffmpeg program can convert HDR.

    Raises:
        NotConfigured: It can't.
        MediaError: It can't be started.
    """
    if not _has_tone_mapping(ffmpeg, clip):
        message = (
            f"{clip} is in HDR, and {ffmpeg} has no zscale filter to convert it; set FFMPEG to a "
            "build with zimg, such as that of imageio-ffmpeg, or save the clip in SDR"
        )
        raise NotConfigured(message)


def require_program_encoder(ffmpeg: Path, codec: str) -> None:
    """Check that an ffmpeg program can encode clips that are converted.

    Args:
        ffmpeg: Path of the ffmpeg program.
        codec: That of the film: `h264` or `hevc`.

    Raises:
        NotConfigured: It can't.
        MediaError: It can't be started.
    """
    name = str(_ENCODERS[codec]["c:v"])
    if name not in _list_encoders(ffmpeg):
        message = (
            f"{ffmpeg} has no encoder {name}, which clips of this film are converted with; set "
            "FFMPEG to a build that has it, such as that of imageio-ffmpeg"
        )
        raise NotConfigured(message)


@lru_cache
def _list_encoders(ffmpeg: Path) -> frozenset[str]:
    listed = _run([str(ffmpeg), "-hide_banner", "-encoders"], clip=ffmpeg, deadline_seconds=60)
    return frozenset(listed.decode(errors="replace").split())


@lru_cache
def _has_tone_mapping(ffmpeg: Path, clip: Path) -> bool:
    listed = _run([str(ffmpeg), "-hide_banner", "-filters"], clip=clip, deadline_seconds=60)
    return {b"zscale", b"tonemap"} <= set(listed.split())


def _run(
    command: list[str], *, clip: Path, deadline_seconds: float, input_bytes: bytes | None = None
) -> bytes:
    """Run ffmpeg for a clip and return what it prints."""
    with tempfile.TemporaryFile() as stderr:
        try:
            # stderr goes to a file, because a full pipe would block ffmpeg.
            process = subprocess.run(
                command,
                stdin=subprocess.DEVNULL if input_bytes is None else None,
                input=input_bytes,
                stdout=subprocess.PIPE,
                stderr=stderr,
                timeout=deadline_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            message = f"ffmpeg did not convert {clip} within {deadline_seconds:g} seconds"
            raise MediaError(message) from error
        except OSError as error:
            message = f"{command[0]} can't be started: {error.strerror}"
            raise MediaError(message) from error
        if process.returncode != 0:
            message = f"ffmpeg could not convert {clip} ({process.returncode}): {_tail(stderr)}"
            raise MediaError(message)
    return process.stdout


def _arguments(
    clip: Clip, target: Clip, out: Path, *, crop_focus: tuple[float, float] | None, crf: int
) -> list[str]:
    source = ffmpeg.input(
        f"file:{clip.path.absolute()}", format="mov", noautorotate=None, **INPUT_OPTIONS
    )
    video = source[f"v:{clip.video_track}"]
    for name, values, options in _filters(clip, target, crop_focus):
        video = video.filter(name, *values, **options)
    streams = [video, source[f"a:{clip.audio_track}"]] if clip.has_audio else [video]
    options = {
        "format": "mp4",
        **_ENCODERS[target.codec],
        "crf": crf,
        "preset": "fast",
        "g": _GROUP_FRAMES,
        "c:a": "copy" if clip.audio_codec == "aac" else "aac",
        "movflags": "+faststart",
        "map_metadata": -1,
        "map_chapters": -1,
    }
    command = ffmpeg.output(*streams, f"file:{out.absolute()}", **options)
    return list(command.global_args(*_QUIET).overwrite_output().get_args())


def _filters(clip: Clip, target: Clip, crop_focus: tuple[float, float] | None) -> list[Filter]:
    matrix, tags = _colours(target)
    box = (target.width, target.height)
    fit = fit_size if crop_focus is None else cover_size
    size = fit(clip.display_size, box)
    frame: Filter = ("pad", (*box, -1, -1), {})
    out: dict[str, object] = {"out_color_matrix": matrix, "out_range": "tv"}
    return [
        *([("yadif", (), {})] if clip.is_interlaced else []),
        *timing_filters(clip),
        *picture_filters(clip, size, flags="lanczos", out=out),
        frame if crop_focus is None else crop_filter(size, box, crop_focus),
        ("setsar", (1,), {}),
        ("format", (target.pix_fmt,), {}),
        ("setparams", (), tags),
        # Players of the film would turn it again.
        ("sidedata", (), {"mode": "delete", "type": "DISPLAYMATRIX"}),
    ]


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


def _deadline_seconds(clip: Clip) -> float:
    return max(_MIN_DEADLINE_SECONDS, _DEADLINE_FACTOR * clip.duration_seconds)


def _tail(stderr: IO[bytes]) -> str:
    end = stderr.seek(0, 2)
    stderr.seek(max(0, end - _MAX_STDERR_CHARS))
    return " ".join(stderr.read().decode(errors="replace").split()) or "no output"
