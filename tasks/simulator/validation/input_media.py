"""Images, clips and sounds of a request: validated by their bytes, then stored.

The limits are the vendors' (Volcengine create page, sections on image, video and audio input).
Nothing is fetched: the simulator's own signed links are read from disk, and for any other URL a
placeholder is used.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from tasks.errors import MediaError
from tasks.media.audio.headers import audio_seconds
from tasks.media.image_headers import image_size
from tasks.media.mime import sniff_mime
from tasks.own_files import file_status, read_file
from tasks.simulator.api_errors import reject
from tasks.simulator.file_store import FileStore, write_atomically
from tasks.simulator.job_request import InputMedium
from tasks.simulator.jobs import JobStore
from tasks.simulator.model_limits import ModelLimits

_BAD_FORMAT = "InvalidImageURL.InvalidFormat"
_MAX_IMAGE_BYTES = 30 * 1024 * 1024
_MAX_SOUND_BYTES = 15 * 1024 * 1024
_MAX_CLIP_BYTES = 60_000_000
_MIN_SIDE, _MAX_SIDE = 300, 6000
_MIN_ASPECT, _MAX_ASPECT = 0.4, 2.5
_MIN_CLIP_PIXELS, _MAX_CLIP_PIXELS = 407_696, 8_295_044
_MIN_CLIP_RATE, _MAX_CLIP_RATE = 24, 60
_CLIP_CODECS = ("h264", "hevc")
_SOUND_TYPES: Mapping[str, str] = {
    "audio/wav": "audio/wav",
    "audio/mp3": "audio/mpeg",
    "audio/mpeg": "audio/mpeg",
}
"""Media type in a data URI to the media type that the bytes must have."""
_IMAGE_TYPES: Mapping[str, str] = {"image/jpg": "image/jpeg", "image/heif": "image/heic"}
_TIMED_ROLES = frozenset({"reference_video", "reference_audio"})
_PLACEHOLDER_SECONDS = 5.0
"""The assumed duration of a clip or sound behind a URL."""

_ASSET_SCHEME = "asset://"
_ASSET_PREFIX = "simulated-"
_ASSET_ID = re.compile(_ASSET_PREFIX + r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Asset:
    """An uploaded clip."""

    id: str
    last_frame: str
    """The name of a stored input: a continuation starts with this image."""
    width: int
    height: int
    seconds: float

    @property
    def url(self) -> str:
        """The URL by which a create refers to it."""
        return _ASSET_SCHEME + self.id


class AssetLibrary:
    """The clips that were uploaded before a create refers to them, under one root.

    Only the simulator's own mount has uploads. It runs on the machine that has the board's files,
    so a local clip needs no public URL. The same file is one asset, however often it is uploaded.
    """

    def __init__(self, root: Path, files: FileStore) -> None:
        self._folder = root / "assets"
        self._files = files

    def add(self, data: bytes) -> Asset:
        """Validate and store a clip. Its duration is checked when a create refers to it.

        Raises:
            ApiError: The vendors would not accept it as a reference clip.
        """
        if len(data) > _MAX_CLIP_BYTES:
            reject("file", f"the file is larger than {_MAX_CLIP_BYTES // 1_000_000} MB")
        path = self._files.inputs / self._files.store_input(data)
        asset = self._probe(path, _ASSET_PREFIX + hashlib.sha256(data).hexdigest()[:32])
        write_atomically(self._folder / f"{asset.id}.json", json.dumps(asdict(asset)).encode())
        return asset

    def find(self, url: str) -> Asset | None:
        """Return the asset of a URL, or None if the URL does not belong to this library.

        Raises:
            ApiError: The URL belongs to this library, and the asset does not exist.
        """
        asset_id = url.removeprefix(_ASSET_SCHEME)
        if not url.startswith(_ASSET_SCHEME + _ASSET_PREFIX):
            return None
        path = self._folder / f"{asset_id}.json"
        if not _ASSET_ID.fullmatch(asset_id) or file_status(path) is None:
            reject("content", f"resource download failed: the asset {asset_id} was not found")
        asset = Asset(**json.loads(read_file(path)))
        if not self._files.has_input(asset.last_frame):
            reject("content", f"resource download failed: the asset {asset_id} has expired")
        return asset

    def _probe(self, path: Path, asset_id: str) -> Asset:
        # av is heavy, and only an upload needs it.
        from tasks.media.frames import last_frame
        from tasks.media.probe import probe

        try:
            clip = probe(path)
            image = last_frame(path)
        except MediaError:
            reject("file", "invalid video: it must be a complete MP4 or MOV file")
        _check_clip_size(clip.width, clip.height, param="file")
        if clip.codec not in _CLIP_CODECS:
            reject("file", f"invalid video: {clip.codec}, the codec must be H.264 or H.265")
        if not _MIN_CLIP_RATE <= clip.rate <= _MAX_CLIP_RATE:
            reject("file", f"invalid video: {float(clip.rate):g} fps, it must be 24 to 60")
        last_frame_name = self._files.store_input(image)
        return Asset(asset_id, last_frame_name, clip.width, clip.height, clip.duration_seconds)


@dataclass(frozen=True)
class InputMediaReader:
    """Validates and stores the media of a request."""

    files: FileStore
    jobs: JobStore
    now: float
    assets: AssetLibrary | None = None
    """The uploads of this mount; None if it has no uploads."""

    def read_url(self, role: str, url: str, limits: ModelLimits, *, param: str) -> InputMedium:
        """Return the medium behind a URL or data URI.

        Raises:
            ApiError: The vendor would reject it.
        """
        if not url:
            code = "InvalidImageURL.EmptyURL" if "image" in param else "InvalidParameter"
            reject(param, "The specified url is empty.", code=code)
        if url.startswith("data:"):
            return self._read_data_uri(role, url, limits, param)
        asset = self.assets.find(url) if self.assets else None
        if asset is not None:
            return _asset_medium(role, asset, param)
        name, problem = self.files.resolve_link(url, self.now)
        if problem or (not name and not _is_public(url)):
            reject(param, f"resource download failed: {problem or 'unreachable host'}")
        if not name:
            return _placeholder(role, url)
        if role == "reference_video":
            return self._read_own_clip(Path(name).stem, param)
        if role == "reference_audio":
            reject(param, "invalid audio: the resource is not wav or mp3")
        return self.read_image(role, self.files.read(name), limits, param=param)

    def read_image(self, role: str, data: bytes, limits: ModelLimits, *, param: str) -> InputMedium:
        """Return the medium of an image's bytes.

        Raises:
            ApiError: The vendor would reject it.
        """
        width, height = _check_image(data, limits, param)
        if sniff_mime(data) == "image/heic":
            # Vendors accept HEIC, but nothing here decodes it.
            placeholder = _placeholder(role, hashlib.sha256(data).hexdigest())
            return replace(placeholder, width=width, height=height)
        return InputMedium(role, self.files.store_input(data), width, height)

    def _read_data_uri(self, role: str, url: str, limits: ModelLimits, param: str) -> InputMedium:
        media_type, data = _decode_data_uri(url, param)
        if role == "reference_video":
            reject(param, "video content must be a URL, base64 is not supported")
        if role == "reference_audio":
            return self._read_sound(data, media_type, param)
        is_image = media_type.startswith("image/")
        if not is_image or sniff_mime(data) != _IMAGE_TYPES.get(media_type, media_type):
            message = f"The image is not of the format that its data URI names ({media_type})."
            reject(param, message, code=_BAD_FORMAT)
        return self.read_image(role, data, limits, param=param)

    def _read_own_clip(self, job_id: str, param: str) -> InputMedium:
        """Return a clip of the simulator, represented by its last frame."""
        job = self.jobs.find(job_id)
        if job is None:
            reject(param, "resource download failed: The specified key does not exist.")
        width, height = job.request.width, job.request.height
        _check_clip_size(width, height, param=param)
        name = self.files.store_input(self.files.read(job.last_frame_name))
        return InputMedium("reference_video", name, width, height, job.request.duration_seconds)

    def _read_sound(self, data: bytes, media_type: str, param: str) -> InputMedium:
        if sniff_mime(data) != _SOUND_TYPES.get(media_type, ""):
            message = f"invalid audio: the bytes are not what the data URI names ({media_type})"
            reject(param, message)
        if len(data) > _MAX_SOUND_BYTES:
            reject(param, "invalid audio: larger than 15 MB")
        try:
            seconds = audio_seconds(data, "the sound")
        except MediaError as error:
            reject(param, f"invalid audio: {error}")
        return InputMedium("reference_audio", self.files.store_input(data), seconds=seconds)


def _asset_medium(role: str, asset: Asset, param: str) -> InputMedium:
    if role != "reference_video":
        reject(param, "the asset is a video")
    return InputMedium(role, asset.last_frame, asset.width, asset.height, asset.seconds)


def _decode_data_uri(url: str, param: str) -> tuple[str, bytes]:
    head, comma, body = url.partition(",")
    media_type, _, encoding = head.removeprefix("data:").partition(";")
    if not comma or encoding != "base64" or media_type != media_type.lower():
        message = "A data URI must read data:image/<lowercase format>;base64,<data>."
        reject(param, message, code=_BAD_FORMAT)
    try:
        return media_type, base64.b64decode(body, validate=True)
    except ValueError:
        message = "The base64 data of the data URI can't be decoded."
        reject(param, message, code=_BAD_FORMAT)


def _check_image(data: bytes, limits: ModelLimits, param: str) -> tuple[int, int]:
    """Return width and height of a valid image."""
    try:
        width, height = image_size(data)
    except MediaError as error:
        reject(param, f"{error}.", code=_BAD_FORMAT)
    if sniff_mime(data) == "image/heic" and not limits.supports_heif:
        message = f"heic is not supported for {limits.family}."
        reject(param, message, code=_BAD_FORMAT)
    if len(data) >= _MAX_IMAGE_BYTES:
        reject(param, "invalid image: it must be smaller than 30 MB")
    _check_sides(f"invalid image: {width}x{height}", width, height, param)
    return width, height


def _check_clip_size(width: int, height: int, *, param: str) -> None:
    subject = f"invalid video: {width}x{height}"
    _check_sides(subject, width, height, param)
    if not _MIN_CLIP_PIXELS <= width * height <= _MAX_CLIP_PIXELS:
        limits = f"{_MIN_CLIP_PIXELS} and {_MAX_CLIP_PIXELS}"
        reject(param, f"{subject}, the pixels must be between {limits}")


def _check_sides(subject: str, width: int, height: int, param: str) -> None:
    if min(width, height) < _MIN_SIDE or max(width, height) > _MAX_SIDE:
        reject(param, f"{subject}, each side must be between {_MIN_SIDE} and {_MAX_SIDE} px")
    if not _MIN_ASPECT <= width / height <= _MAX_ASPECT:
        limits = f"{_MIN_ASPECT} and {_MAX_ASPECT}"
        reject(param, f"{subject}, width / height must be between {limits}")


def _placeholder(role: str, url: str) -> InputMedium:
    name = f"elsewhere-{hashlib.sha256(url.encode()).hexdigest()[:32]}"
    return InputMedium(role, name, seconds=_PLACEHOLDER_SECONDS if role in _TIMED_ROLES else 0.0)


def _is_public(url: str) -> bool:
    """Return True if a vendor could fetch the URL; private and loopback hosts are not public."""
    try:
        parts = urlsplit(url)
    except ValueError:
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
