"""Files left with the simulator before an order names them, as in a vendor's asset library.

Only the simulator's own mount has this: it stands on the machine where the files are, so a board's
local clips need no public place. Limits are those of reference clips (Volcengine create page,
section on video input); what a model allows of their length is judged with the order.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from tasks.errors import MediaError
from tasks.simulator.files import Files, write_whole
from tasks.simulator.refusals import reject

SCHEME = "asset://"
_PREFIX = "simulated-"
_ID = re.compile(_PREFIX + r"[0-9a-f]{32}")
_BYTES = 60_000_000
_PIXELS = (407_696, 8_295_044)
_SIDES = (300, 6000)
_SHAPES = (0.4, 2.5)
_RATES = (24, 60)
_CODECS = ("h264", "hevc")


@dataclass(frozen=True)
class Asset:
    """A clip that was left here."""

    id: str
    last_frame: str
    """The name of a kept input: what a continuation starts from."""
    width: int
    height: int
    seconds: float

    @property
    def url(self) -> str:
        """How an order names it."""
        return SCHEME + self.id


class Assets:
    """The library under one root; the same file left twice is one asset."""

    def __init__(self, root: Path, files: Files) -> None:
        self._folder = root / "assets"
        self._files = files

    def keep(self, data: bytes) -> Asset:
        """Judge a clip and write it down. Raises Refusal."""
        if len(data) > _BYTES:
            reject("file", f"the file is larger than {_BYTES // 1_000_000} MB")
        path = self._files.inputs / self._files.keep_input(data)
        asset = self._measured(path, _PREFIX + hashlib.sha256(data).hexdigest()[:32])
        self._folder.mkdir(exist_ok=True)
        write_whole(self._folder / f"{asset.id}.json", json.dumps(asdict(asset)).encode())
        return asset

    def find(self, url: str) -> Asset | None:
        """Return the asset of a URL, or None for one that is not of this library.

        Raises Refusal for one that is, and is not there.
        """
        name = url.removeprefix(SCHEME)
        if not url.startswith(SCHEME + _PREFIX):
            return None
        path = self._folder / f"{name}.json"
        if not _ID.fullmatch(name) or not path.is_file():
            reject("content", f"resource download failed: the asset {name} was not found")
        asset = Asset(**json.loads(path.read_bytes()))
        if not (self._files.inputs / asset.last_frame).is_file():
            reject("content", f"resource download failed: the asset {name} is kept no more")
        return asset

    def _measured(self, path: Path, name: str) -> Asset:
        # Whoever leaves no file needs no decoder.
        from tasks.media.frames import last_frame
        from tasks.media.probe import probe

        try:
            clip = probe(path)
            picture = last_frame(path)
        except MediaError:
            reject("file", "invalid video: it must be MP4 or MOV, and whole")
        judge_picture(clip.width, clip.height, param="file")
        if clip.codec not in _CODECS:
            reject("file", f"invalid video: {clip.codec}, the codec must be H.264 or H.265")
        if not _RATES[0] <= clip.rate <= _RATES[1]:
            reject("file", f"invalid video: {float(clip.rate):g} fps, it must be 24 to 60")
        last = self._files.keep_input(picture)
        return Asset(name, last, clip.width, clip.height, clip.duration_seconds)


def judge_picture(width: int, height: int, *, param: str) -> None:
    """Raise Refusal where a reference clip is of a size that vendors don't take."""
    size = f"invalid video: {width}x{height}"
    if min(width, height) < _SIDES[0] or max(width, height) > _SIDES[1]:
        reject(param, f"{size}, each side must be between 300 and 6000 px")
    if not _SHAPES[0] <= width / height <= _SHAPES[1]:
        reject(param, f"{size}, width / height must be between 0.4 and 2.5")
    if not _PIXELS[0] <= width * height <= _PIXELS[1]:
        reject(param, f"{size}, the pixels must be between {_PIXELS[0]} and {_PIXELS[1]}")
