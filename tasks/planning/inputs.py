"""The pictures, clips and sounds that a board names: where they are, whether they may be used.

A file is read where it stands, inside the board's folder and nowhere else; a URL goes to the vendor
as it is written. Nothing is fetched here.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from storyboards.board import Board
from tasks.errors import MediaError
from tasks.media.audio_headers import audio_seconds
from tasks.media.image_headers import image_size
from tasks.media.mime import sniff_mime
from tasks.media.mp4_guard import check_clip_file
from tasks.providers.contract import Role
from tasks.providers.models import CLIPS, PICTURES, SOUND_BYTES_MOST
from tasks.store import digest_bytes, digest_file


class Unusable(Exception):
    """An input that can't be used: what is wrong with it, and what the author does about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class Input(NamedTuple):
    """A picture, clip or sound as the board names it, and its identity."""

    role: Role
    identity: str
    """sha256 of a file's bytes; a URL as written."""
    path: Path | None = None
    url: str = ""
    mime: str = ""
    """Of a local file, by its bytes."""
    width: int = 0
    """Pixels of a local picture or clip, else 0."""
    height: int = 0
    seconds: float | None = None
    """Length of a clip or sound, where it is known."""
    shot: str = ""
    """The shot whose clip it is, which has neither path nor URL before that is rendered."""


def find_picture(board: Board, role: Role, written: str) -> Input:
    """The picture a board names, checked as far as that is possible without a vendor.

    Raises Unusable.
    """
    if is_url(written):
        return Input(role, written, url=written)
    path = find_file(board, written)
    size = path.stat().st_size
    if size > PICTURES.bytes_most:
        msg = f"the picture {written} has {size / 1e6:.0f} MB"
        raise Unusable(msg, f"Make it smaller than {PICTURES.bytes_most / 1e6:.0f} MB.")
    data = path.read_bytes()
    mime = sniff_mime(data)
    width, height = _measure(written, data, mime)
    return Input(role, digest_bytes(data), path, mime=mime or "", width=width, height=height)


def _measure(written: str, data: bytes, mime: str | None) -> tuple[int, int]:
    if mime not in PICTURES.mimes:
        msg = f"{written} is no picture that vendors take"
        raise Unusable(msg, "Save it as PNG or JPEG.")
    try:
        width, height = image_size(data)
    except MediaError as error:
        raise Unusable(str(error), "Save the picture again as PNG or JPEG.") from None
    least, most = PICTURES.side_least, PICTURES.side_most
    if not (least <= width <= most and least <= height <= most):
        msg = f"the picture {written} is {width}x{height} pixels"
        raise Unusable(msg, f"Make both sides {least} to {most} pixels.")
    if not PICTURES.aspect_least <= width / height <= PICTURES.aspect_most:
        msg = f"the picture {written} is {width}x{height}, too narrow or too wide"
        ask = f"Make width / height {PICTURES.aspect_least} to {PICTURES.aspect_most}."
        raise Unusable(msg, ask)
    return width, height


def find_sound(board: Board, written: str) -> Input:
    """The sound a board names. Raises Unusable."""
    if is_url(written):
        return Input("reference_audio", written, url=written)
    path = find_file(board, written)
    if path.stat().st_size > SOUND_BYTES_MOST:
        msg = f"the sound {written} is larger than {SOUND_BYTES_MOST // 1_000_000} MB"
        raise Unusable(msg, "Make it shorter.")
    data = path.read_bytes()
    try:
        seconds = audio_seconds(data, path.name)
    except MediaError as error:
        raise Unusable(str(error), "Save it as WAV or MP3.") from None
    mime = sniff_mime(data) or ""
    return Input("reference_audio", digest_bytes(data), path, mime=mime, seconds=seconds)


def find_clip(board: Board, written: str) -> Input:
    """The reference clip a board names. Raises Unusable."""
    if is_url(written):
        return Input("reference_video", written, url=written)
    path = find_file(board, written)
    mime = CLIPS.endings.get(path.suffix.lstrip(".").lower(), "")
    if not mime:
        msg = f"{written} is no clip that vendors take"
        raise Unusable(msg, "Save it as MP4 or MOV with H.264 or H.265.")
    if path.stat().st_size > CLIPS.bytes_most:
        msg = f"the clip {written} is larger than {CLIPS.bytes_most // 1_000_000} MB"
        raise Unusable(msg, "Make it shorter or smaller.")
    width, height, seconds = look_at_clip(path, written)
    return Input("reference_video", digest_file(path), path, "", mime, width, height, seconds)


def look_at_clip(path: Path, written: str) -> tuple[int, int, float]:
    """Width, height and seconds of a clip that vendors take. Raises Unusable for another."""
    from tasks.media.probe import probe

    try:
        clip = probe(path)
    except MediaError as error:
        raise Unusable(str(error), "Save it as MP4 or MOV with H.264 or H.265.") from None
    size = f"the clip {written} is {clip.width}x{clip.height}"
    if objection := CLIPS.objection(clip.width, clip.height):
        msg = f"{size}, and {objection}"
        raise Unusable(msg, "Save it in another size.")
    if clip.codec not in CLIPS.codecs:
        msg = f"the clip {written} is {clip.codec}, which vendors don't take"
        raise Unusable(msg, "Save it with H.264 or H.265.")
    if not CLIPS.rate_least <= clip.rate <= CLIPS.rate_most:
        msg = f"the clip {written} has {float(clip.rate):g} pictures a second"
        raise Unusable(msg, f"Save it with {CLIPS.rate_least} to {CLIPS.rate_most}.")
    return clip.width, clip.height, clip.duration_seconds


def find_own_clip(board: Board, written: str) -> Path:
    """The clip that stands for a shot, looked at as far as that is instant. Raises Unusable."""
    path = find_file(board, written)
    try:
        check_clip_file(path)
    except MediaError as error:
        msg = f"{written} {str(error).removeprefix(f'{path} ')}"
        raise Unusable(msg, "Give an MP4 or QuickTime clip.") from None
    return path


def find_file(board: Board, written: str) -> Path:
    """The file that a board names, inside its folder. Raises Unusable."""
    if board.folder is None:
        msg = f"a board that came as a value reads no local file such as {written}"
        raise Unusable(msg, "Give a URL, or put the board into a file.")
    folder = board.folder.resolve()
    try:
        path = (folder / written).resolve(strict=True)
        inside = path.is_relative_to(folder) and not Path(written).is_absolute()
    except FileNotFoundError:
        msg = f"there is no file {written} beside the board"
        raise Unusable(msg, f"Put it into {folder.name}/, or correct the name.") from None
    except (OSError, ValueError, RuntimeError):
        msg = f"{written} is no name of a file"
        raise Unusable(msg, "Correct the name.") from None
    if not inside:
        msg = f"{written} lies outside the board's folder"
        raise Unusable(msg, "Put the file beside the board; nothing outside is read.")
    if not path.is_file():
        msg = f"{written} is no file"
        raise Unusable(msg, "Name a file.")
    return path


def is_url(written: str) -> bool:
    """Whether a reference is a URL or a vendor's asset id, not a file."""
    return written.startswith(("https://", "http://", "asset://"))
