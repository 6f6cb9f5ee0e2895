"""Find and check the images, clips and audio files that a board names.

Only files inside the board's folder are read; URLs are passed on as written and never fetched."""

from __future__ import annotations

from pathlib import Path

from storyboards.board import Board
from tasks.errors import MediaError
from tasks.media.audio_headers import audio_seconds
from tasks.media.image_headers import image_size
from tasks.media.mime import sniff_mime
from tasks.media.mp4_guard import check_clip_file
from tasks.plan import MediaSource
from tasks.providers.families import CLIP_LIMITS, IMAGE_LIMITS, MAX_AUDIO_BYTES
from tasks.providers.types import MediaRole
from tasks.store.atomic_files import digest_bytes, digest_file


class MediaInputError(Exception):
    """An input that can't be used: what is wrong with it, and what the author does about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def find_image(board: Board, role: MediaRole, reference: str) -> MediaSource:
    """The picture a board names, checked as far as that is possible without a vendor.

    Raises Unusable.
    """
    if is_url(reference):
        return MediaSource(role, reference, url=reference)
    path = resolve_file(board, reference)
    size = path.stat().st_size
    if size > IMAGE_LIMITS.max_bytes:
        msg = f"the picture {reference} has {size / 1e6:.0f} MB"
        raise MediaInputError(msg, f"Make it smaller than {IMAGE_LIMITS.max_bytes / 1e6:.0f} MB.")
    data = path.read_bytes()
    mime = sniff_mime(data)
    width, height = _read_dimensions(reference, data, mime)
    return MediaSource(role, digest_bytes(data), path, mime=mime or "", width=width, height=height)


def _read_dimensions(reference: str, data: bytes, mime: str | None) -> tuple[int, int]:
    if mime not in IMAGE_LIMITS.mime_types:
        msg = f"{reference} is no picture that vendors take"
        raise MediaInputError(msg, "Save it as PNG or JPEG.")
    try:
        width, height = image_size(data)
    except MediaError as error:
        raise MediaInputError(str(error), "Save the picture again as PNG or JPEG.") from None
    least, most = IMAGE_LIMITS.min_side, IMAGE_LIMITS.max_side
    if not (least <= width <= most and least <= height <= most):
        msg = f"the picture {reference} is {width}x{height} pixels"
        raise MediaInputError(msg, f"Make both sides {least} to {most} pixels.")
    if not IMAGE_LIMITS.min_aspect <= width / height <= IMAGE_LIMITS.max_aspect:
        msg = f"the picture {reference} is {width}x{height}, too narrow or too wide"
        ask = f"Make width / height {IMAGE_LIMITS.min_aspect} to {IMAGE_LIMITS.max_aspect}."
        raise MediaInputError(msg, ask)
    return width, height


def find_audio(board: Board, reference: str) -> MediaSource:
    """The sound a board names. Raises Unusable."""
    if is_url(reference):
        return MediaSource("reference_audio", reference, url=reference)
    path = resolve_file(board, reference)
    if path.stat().st_size > MAX_AUDIO_BYTES:
        msg = f"the sound {reference} is larger than {MAX_AUDIO_BYTES // 1_000_000} MB"
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
    """The reference clip a board names. Raises Unusable."""
    if is_url(reference):
        return MediaSource("reference_video", reference, url=reference)
    path = resolve_file(board, reference)
    mime = CLIP_LIMITS.mime_type_by_extension.get(path.suffix.lstrip(".").lower(), "")
    if not mime:
        msg = f"{reference} is no clip that vendors take"
        raise MediaInputError(msg, "Save it as MP4 or MOV with H.264 or H.265.")
    if path.stat().st_size > CLIP_LIMITS.max_bytes:
        msg = f"the clip {reference} is larger than {CLIP_LIMITS.max_bytes // 1_000_000} MB"
        raise MediaInputError(msg, "Make it shorter or smaller.")
    width, height, seconds = probe_reference_clip(path, reference)
    return MediaSource("reference_video", digest_file(path), path, "", mime, width, height, seconds)


def probe_reference_clip(path: Path, reference: str) -> tuple[int, int, float]:
    """Width, height and seconds of a clip that vendors take. Raises Unusable for another."""
    from tasks.media.probe import probe

    try:
        clip = probe(path)
    except MediaError as error:
        raise MediaInputError(str(error), "Save it as MP4 or MOV with H.264 or H.265.") from None
    size = f"the clip {reference} is {clip.width}x{clip.height}"
    if objection := CLIP_LIMITS.find_size_problem(clip.width, clip.height):
        msg = f"{size}, and {objection}"
        raise MediaInputError(msg, "Save it in another size.")
    if clip.codec not in CLIP_LIMITS.codecs:
        msg = f"the clip {reference} is {clip.codec}, which vendors don't take"
        raise MediaInputError(msg, "Save it with H.264 or H.265.")
    if not CLIP_LIMITS.min_fps <= clip.rate <= CLIP_LIMITS.max_fps:
        msg = f"the clip {reference} has {float(clip.rate):g} pictures a second"
        raise MediaInputError(msg, f"Save it with {CLIP_LIMITS.min_fps} to {CLIP_LIMITS.max_fps}.")
    return clip.width, clip.height, clip.duration_seconds


def find_shot_clip(board: Board, reference: str) -> Path:
    """The clip that stands for a shot, looked at as far as that is instant. Raises Unusable."""
    path = resolve_file(board, reference)
    try:
        check_clip_file(path)
    except MediaError as error:
        msg = f"{reference} {str(error).removeprefix(f'{path} ')}"
        raise MediaInputError(msg, "Give an MP4 or QuickTime clip.") from None
    return path


def resolve_file(board: Board, reference: str) -> Path:
    """The file that a board names, inside its folder. Raises Unusable."""
    if board.folder is None:
        msg = f"a board that came as a value reads no local file such as {reference}"
        raise MediaInputError(msg, "Give a URL, or put the board into a file.")
    folder = board.folder.resolve()
    try:
        path = (folder / reference).resolve(strict=True)
        inside = path.is_relative_to(folder) and not Path(reference).is_absolute()
    except FileNotFoundError:
        msg = f"there is no file {reference} beside the board"
        raise MediaInputError(msg, f"Put it into {folder.name}/, or correct the name.") from None
    except (OSError, ValueError, RuntimeError):
        msg = f"{reference} is no name of a file"
        raise MediaInputError(msg, "Correct the name.") from None
    if not inside:
        msg = f"{reference} lies outside the board's folder"
        raise MediaInputError(msg, "Put the file beside the board; nothing outside is read.")
    if not path.is_file():
        msg = f"{reference} is no file"
        raise MediaInputError(msg, "Name a file.")
    return path


def is_url(reference: str) -> bool:
    """Whether a reference is a URL or a vendor's asset id, not a file."""
    return reference.startswith(("https://", "http://", "asset://"))
