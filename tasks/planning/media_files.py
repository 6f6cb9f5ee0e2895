"""Find and check the images, clips and audio files that a board names.

Only files inside the board's folder are read. URLs are passed on as written and never fetched.
Whether a model or a wire format accepts a file is checked in `references`.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from itertools import islice
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

from storyboards.board import Board
from storyboards.problems import Problem, find_similar, join_or
from tasks.errors import MediaError
from tasks.media.audio.headers import audio_seconds
from tasks.media.image_headers import image_size
from tasks.media.mime import sniff_mime
from tasks.media.mp4_guard import check_clip_file
from tasks.media.orientation import read_image_orientation
from tasks.plan import MediaSource
from tasks.providers.families import CLIP_LIMITS, IMAGE_LIMITS, MAX_AUDIO_BYTES
from tasks.providers.types import MediaRole
from tasks.store.atomic_files import digest_bytes, digest_file

if TYPE_CHECKING:
    from tasks.media.probe import Clip

_COPY_REMEDY = "Copy the file beside the board, and write its path from there."
_OUTSIDE_REMEDY = "Put the file beside the board; no other files are read."
_MAX_LISTED_FILES = 2_000
_WEB_ADDRESS = re.compile(
    r"//|www\.|[\w-]+(\.[\w-]+)*\.(com|org|net|io|ai|cn|dev|app)/", re.IGNORECASE
)
_CLIP_REMEDY = "Save it as MP4 or MOV with H.264 or H.265."


class MediaInputError(Exception):
    """An input that can't be used.

    Attributes:
        problem: What is wrong with it and the remedy, without a place in the board.
    """

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.problem = Problem(message, remedy)


def find_image(board: Board, role: MediaRole, reference: str) -> MediaSource:
    """Return the image that a board names, checked as far as possible without a vendor.

    Args:
        board: The board.
        role: What the image is used for.
        reference: The file or URL as written.

    Raises:
        MediaInputError: If it is not in the board's folder, or vendors do not accept it.
    """
    if is_url(reference):
        return MediaSource(role, reference, url=reference)
    path = resolve_file(board, reference)
    size_bytes = path.stat().st_size
    if size_bytes > IMAGE_LIMITS.max_bytes:
        msg = f"the image {reference} has {size_bytes / 1e6:.0f} MB"
        raise MediaInputError(msg, f"Make it smaller than {IMAGE_LIMITS.max_bytes / 1e6:.0f} MB.")
    data = path.read_bytes()
    mime = sniff_mime(data)
    orientation = read_image_orientation(data)
    width, height = _read_dimensions(reference, data, mime)
    if orientation.swaps_sides:
        width, height = height, width
    return MediaSource(
        role,
        digest_bytes(data),
        path,
        mime=mime or "",
        width=width,
        height=height,
        conversion=orientation.description,
    )


def _read_dimensions(reference: str, data: bytes, mime: str | None) -> tuple[int, int]:
    if mime not in IMAGE_LIMITS.mime_types:
        msg = f"{reference} is not an image that vendors accept"
        raise MediaInputError(msg, "Save it as PNG or JPEG.")
    try:
        width, height = image_size(data)
    except MediaError as error:
        raise MediaInputError(str(error), "Save the image again as PNG or JPEG.") from None
    min_side, max_side = IMAGE_LIMITS.min_side, IMAGE_LIMITS.max_side
    size = f"the image {reference} is {width}x{height}"
    if not (min_side <= width <= max_side and min_side <= height <= max_side):
        remedy = f"Make both sides {min_side} to {max_side} pixels."
        raise MediaInputError(size, remedy)
    if not IMAGE_LIMITS.min_aspect <= width / height <= IMAGE_LIMITS.max_aspect:
        remedy = f"Make width / height {IMAGE_LIMITS.min_aspect} to {IMAGE_LIMITS.max_aspect}."
        msg = f"{size}, too narrow or too wide"
        raise MediaInputError(msg, remedy)
    return width, height


def find_audio(board: Board, reference: str) -> MediaSource:
    """Return the audio that a board names.

    Raises:
        MediaInputError: If it is not in the board's folder, or vendors do not accept it.
    """
    if is_url(reference):
        return MediaSource("reference_audio", reference, url=reference)
    path = resolve_file(board, reference)
    if path.stat().st_size > MAX_AUDIO_BYTES:
        msg = f"the audio {reference} is larger than {MAX_AUDIO_BYTES // 1_000_000} MB"
        raise MediaInputError(msg, "Make it shorter.")
    data = path.read_bytes()
    try:
        seconds = audio_seconds(data, path.name)
    except MediaError as error:
        raise MediaInputError(str(error), "Save it as WAV or MP3.") from None
    mime = sniff_mime(data) or ""
    return MediaSource(
        "reference_audio", digest_bytes(data), path, mime=mime, duration_seconds=seconds
    )


def find_video(board: Board, reference: str) -> MediaSource:
    """Return the reference clip that a board names.

    Raises:
        MediaInputError: If it is not in the board's folder, or vendors do not accept it.
    """
    if is_url(reference):
        return MediaSource("reference_video", reference, url=reference)
    path = resolve_file(board, reference)
    mime = CLIP_LIMITS.mime_type_by_extension.get(path.suffix.lstrip(".").lower(), "")
    if not mime:
        msg = f"{reference} is not a clip that vendors accept"
        raise MediaInputError(msg, _CLIP_REMEDY)
    if path.stat().st_size > CLIP_LIMITS.max_bytes:
        msg = f"the clip {reference} is larger than {CLIP_LIMITS.max_bytes // 1_000_000} MB"
        raise MediaInputError(msg, "Make it shorter or smaller.")
    width, height, seconds = probe_reference_clip(path, reference)
    return MediaSource("reference_video", digest_file(path), path, "", mime, width, height, seconds)


def probe_reference_clip(path: Path, reference: str) -> tuple[int, int, float]:
    """Return width, height and duration in seconds of a clip that vendors accept as reference.

    Args:
        path: The file.
        reference: The file as written, for messages.

    Raises:
        MediaInputError: If vendors do not accept it.
    """
    # Loads av, which most boards do not need to be checked or planned.
    from tasks.media.probe import probe

    try:
        clip = probe(path)
    except MediaError as error:
        raise MediaInputError(str(error), _CLIP_REMEDY) from None
    width, height = clip.display_size
    if size_problem := CLIP_LIMITS.find_size_problem(width, height):
        msg = f"the clip {reference} is {width}x{height}, and {size_problem}"
        raise MediaInputError(msg, "Save it in another size.")
    if clip.codec not in CLIP_LIMITS.codecs:
        msg = f"the clip {reference} is encoded with {clip.codec}, which vendors do not accept"
        raise MediaInputError(msg, "Save it with H.264 or H.265.")
    if not CLIP_LIMITS.min_fps <= clip.rate <= CLIP_LIMITS.max_fps:
        msg = f"the clip {reference} has {float(clip.rate):g} frames per second"
        remedy = f"Save it with {CLIP_LIMITS.min_fps} to {CLIP_LIMITS.max_fps}."
        raise MediaInputError(msg, remedy)
    return width, height, clip.duration_seconds


def measure_shot_clip(path: Path, reference: str) -> Clip:
    """Return the measurements of a shot that is a file already, without decoding it.

    Args:
        path: The file.
        reference: The file as written, for messages.

    Raises:
        MediaInputError: If it is not a usable MP4 or QuickTime clip.
    """
    try:
        check_clip_file(path)
        # Loads av, which boards without clips do not need to be checked or planned.
        from tasks.media.probe import probe

        return probe(path)
    except MediaError as error:
        msg = f"{reference} {str(error).removeprefix(f'{path} ')}"
        raise MediaInputError(msg, "Give an MP4 or QuickTime clip.") from None


def resolve_file(board: Board, reference: str) -> Path:
    """Return the file that a board names, which must be inside the board's folder.

    Raises:
        MediaInputError: If the board has no folder, or the file is missing, outside the folder or
            not a regular file.
    """
    if board.folder is None:
        msg = f"a board that is passed as a value reads no local file such as {reference}"
        raise MediaInputError(msg, "Give a URL, or save the board as a file.")
    if problem := _check_path(reference):
        raise MediaInputError(*problem)
    folder = board.folder.resolve()
    try:
        path = (folder / reference).resolve(strict=True)
        is_inside = path.is_relative_to(folder) and not Path(reference).is_absolute()
    except FileNotFoundError:
        msg = f"there is no file {reference} beside the board"
        raise MediaInputError(msg, _suggest_reference(folder, reference)) from None
    except (OSError, ValueError, RuntimeError):
        msg = f"{reference} is not a valid file name"
        raise MediaInputError(msg, "Correct the name.") from None
    if not is_inside:
        msg = f"{reference} is outside the board's folder"
        raise MediaInputError(msg, _OUTSIDE_REMEDY)
    if not path.is_file():
        msg = f"{reference} is not a regular file"
        raise MediaInputError(msg, "Name a file.")
    return path


def _check_path(reference: str) -> tuple[str, str] | None:
    """Return message and remedy of a reference that is not a path in the board's folder."""
    if re.match(r"[a-z]+:\s*//", reference):
        known = "Begin it with https:// or http://, and remove blanks."
        return f"{reference} is not a URL that vendors accept", known
    if reference.startswith("//"):
        return f"{reference} is not a URL that vendors accept", f"Write https:{reference}."
    if reference.startswith(("/", "\\")) or PureWindowsPath(reference).drive:
        return f"{reference} is outside the board's folder", _COPY_REMEDY
    if os.path.normpath(reference).startswith(".."):
        return f"{reference} is outside the board's folder", _OUTSIDE_REMEDY
    return None


def _suggest_reference(folder: Path, reference: str) -> str:
    """Return the remedy for a file that does not exist: a URL, or the most similar names."""
    if _WEB_ADDRESS.match(reference):
        return f"Write https://{reference.lstrip('/')}, if it is a URL."
    if reference.startswith("~"):
        return _COPY_REMEDY
    similar = [""]
    for part in Path(reference).parts:
        names = _list_names(folder / similar[0])
        similar = [str(Path(similar[0], name)) for name in find_similar(part, names)]
        if not similar:
            return f"Put it into {folder.name}/, or correct the name."
    return f"Did you mean {join_or(similar)}? Otherwise put it into {folder.name}/."


def _list_names(folder: Path) -> list[str]:
    """Return the names in a folder, which is that of the board or in it."""
    with suppress(OSError):
        if not folder.is_symlink():
            return [path.name for path in islice(folder.iterdir(), _MAX_LISTED_FILES)]
    return []


def is_url(reference: str) -> bool:
    """Return whether a reference is a URL or a vendor's asset id instead of a file."""
    return reference.startswith(("https://", "http://", "asset://"))
