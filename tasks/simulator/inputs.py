"""Pictures, clips and sounds that come with a request: judged by their bytes, then kept.

The limits are the vendors' (Volcengine create page, sections on image, video and audio input).
Nothing is ever fetched: our own signed links are read from disk, and what lies elsewhere is
stood in for.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, urlsplit

from tasks.errors import MediaError
from tasks.media.audio_headers import audio_seconds
from tasks.media.image_headers import image_size
from tasks.media.mime import sniff_mime
from tasks.simulator.assets import Asset, Assets, judge_picture
from tasks.simulator.commission import Medium
from tasks.simulator.families import Family
from tasks.simulator.files import Files
from tasks.simulator.jobs import Jobs
from tasks.simulator.refusals import reject

_BAD_FORMAT = "InvalidImageURL.InvalidFormat"
_MEGABYTE = 1024 * 1024
_IMAGE_BYTES = 30 * _MEGABYTE
_SOUND_BYTES = 15 * _MEGABYTE
_SHORTEST_SIDE, _LONGEST_SIDE = 300, 6000
_NARROWEST, _WIDEST = 0.4, 2.5
_SOUNDS = {"audio/wav": "audio/wav", "audio/mp3": "audio/mpeg", "audio/mpeg": "audio/mpeg"}
"""What the bytes prove of a sound that a data URI names so."""
_ELSEWHERE_SECONDS = 5.0
"""How long a clip or sound counts that only its owner could fetch."""


@dataclass(frozen=True)
class Inputs:
    """Takes what a request brings along."""

    files: Files
    jobs: Jobs
    now: float
    assets: Assets | None = None
    """What was left with this mount before; None where it takes nothing."""

    def take(self, role: str, url: str, family: Family, *, param: str) -> Medium:
        """Return the medium behind a URL. Raises Refusal where the vendor would not take it."""
        if not url:
            code = "InvalidImageURL.EmptyURL" if "image" in param else "InvalidParameter"
            reject(param, "The specified url is empty.", code=code)
        if url.startswith("data:"):
            return self._inline(role, url, family, param)
        return self._linked(role, url, family, param)

    def take_image(self, role: str, data: bytes, family: Family, *, param: str) -> Medium:
        """Return a picture that came as bytes. Raises Refusal."""
        width, height = _judged_image(data, family, param)
        if sniff_mime(data) == "image/heic":
            # Taken as the vendors take it, but nothing here decodes it.
            stand_in = _elsewhere(role, hashlib.sha256(data).hexdigest())
            return replace(stand_in, width=width, height=height)
        return Medium(role, self.files.keep_input(data), width, height)

    def _inline(self, role: str, url: str, family: Family, param: str) -> Medium:
        mime, data = _decoded(url, param)
        kind = mime.partition("/")[0]
        if role == "reference_video":
            reject(param, "video content must be a URL, base64 is not supported")
        if role == "reference_audio":
            return self._sound(data, mime, param)
        if kind != "image" or _same(mime) != sniff_mime(data):
            message = f"The image is not of the format that its data URI names ({mime})."
            reject(param, message, code=_BAD_FORMAT)
        return self.take_image(role, data, family, param=param)

    def _linked(self, role: str, url: str, family: Family, param: str) -> Medium:
        asset = self.assets.find(url) if self.assets else None
        if asset is not None:
            return self._left(role, asset, param)
        path, objection = self.files.own(url, self.now)
        if objection or (path is None and not _may_be_fetched(url)):
            reject(param, f"resource download failed: {objection or 'unreachable host'}")
        if path is None:
            return _elsewhere(role, url)
        if role == "reference_video":
            return self._own_clip(path.stem, param)
        if role == "reference_audio":
            reject(param, "invalid audio: the resource is not wav or mp3")
        return self.take_image(role, path.read_bytes(), family, param=param)

    def _left(self, role: str, asset: Asset, param: str) -> Medium:
        """A clip that was left here: its last picture is what a continuation starts from."""
        if role != "reference_video":
            reject(param, "the asset is a video")
        return Medium(role, asset.last_frame, asset.width, asset.height, asset.seconds)

    def _own_clip(self, job: str, param: str) -> Medium:
        """A clip of ours: its last picture is what a continuation starts from."""
        made = self.jobs.find(job)
        if made is None:
            reject(param, "resource download failed: The specified key does not exist.")
        commission = made.commission
        judge_picture(commission.width, commission.height, param=param)
        name = self.files.keep_input(self.files.path(made.last_frame).read_bytes())
        size = (commission.width, commission.height)
        return Medium("reference_video", name, *size, commission.duration_seconds)

    def _sound(self, data: bytes, mime: str, param: str) -> Medium:
        if sniff_mime(data) != _SOUNDS.get(mime, ""):
            reject(param, f"invalid audio: the bytes are not what the data URI names ({mime})")
        if len(data) > _SOUND_BYTES:
            reject(param, "invalid audio: larger than 15 MB")
        try:
            seconds = audio_seconds(data, "the sound")
        except MediaError as error:
            reject(param, f"invalid audio: {error}")
        return Medium("reference_audio", self.files.keep_input(data), seconds=seconds)


def _decoded(url: str, param: str) -> tuple[str, bytes]:
    head, comma, body = url.partition(",")
    mime, _, encoding = head.removeprefix("data:").partition(";")
    if not comma or encoding != "base64" or mime != mime.lower():
        message = "A data URI must read data:image/<lowercase format>;base64,<data>."
        reject(param, message, code=_BAD_FORMAT)
    try:
        return mime, base64.b64decode(body, validate=True)
    except ValueError:
        message = "The base64 data of the data URI can't be decoded."
        reject(param, message, code=_BAD_FORMAT)


def _judged_image(data: bytes, family: Family, param: str) -> tuple[int, int]:
    try:
        width, height = image_size(data)
    except MediaError as broken:
        reject(param, f"{broken}.", code=_BAD_FORMAT)
    if sniff_mime(data) == "image/heic" and not family.heif:
        message = f"heic is not supported for {family.name}."
        reject(param, message, code=_BAD_FORMAT)
    if len(data) >= _IMAGE_BYTES:
        reject(param, "invalid image: it must be smaller than 30 MB")
    if min(width, height) < _SHORTEST_SIDE or max(width, height) > _LONGEST_SIDE:
        message = f"invalid image: {width}x{height}, each side must be between 300 and 6000 px"
        reject(param, message)
    if not _NARROWEST <= width / height <= _WIDEST:
        message = f"invalid image: {width}x{height}, width / height must be between 0.4 and 2.5"
        reject(param, message)
    return width, height


def _elsewhere(role: str, url: str) -> Medium:
    name = f"elsewhere-{hashlib.sha256(url.encode()).hexdigest()[:32]}"
    timed = role in {"reference_video", "reference_audio"}
    return Medium(role, name, seconds=_ELSEWHERE_SECONDS if timed else 0.0)


def _may_be_fetched(url: str) -> bool:
    """Tell whether a vendor could fetch it: private and loopback hosts are out of its reach."""
    parts = _split(url)
    if parts is None:
        return False
    if parts.scheme == "asset":
        return bool(parts.netloc)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return False
    try:
        address = ipaddress.ip_address(parts.hostname)
    except ValueError:
        return parts.hostname != "localhost" and not parts.hostname.endswith(".localhost")
    return address.is_global


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _same(mime: str) -> str:
    return {"image/jpg": "image/jpeg", "image/heif": "image/heic"}.get(mime, mime)
