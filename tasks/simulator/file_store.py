"""The simulated object storage: files of jobs behind signed links, and the stored inputs.

A link is signed as the vendors' object storage does it: it carries its own date and lifetime, and
needs no key. The storage rejects a request that has both a signature and a key.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from tasks.media.mime import sniff_mime
from tasks.own_files import file_status, list_files, open_folder, read_file, remove_file
from tasks.simulator.broken_responses import TruncatedResponse, wait_unless_closing
from tasks.simulator.faults import Fault
from tasks.simulator.file_names import (
    FILE_STAGING_PATTERN,
    FILE_SUFFIXES,
    INPUT_PATTERN,
    is_file_name,
    is_input_name,
)

LIFETIME_SECONDS = 86_400
_INPUT_SECONDS = 8 * 86_400
_STAGING_SECONDS = 3600
_SIGNING_KEY_FILE = "secret"
_DATE = "%Y%m%dT%H%M%SZ"
_VIDEO_TYPES: Mapping[str, str] = {".mp4": "video/mp4", ".mov": "video/quicktime"}
_SLOW_CHUNKS = 20


class FileStore:
    """The files under one root."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "files"
        self.inputs = root / "inputs"
        for folder in (self.folder, self.inputs):
            with open_folder(folder, create=True):
                pass
        self._secret = _load_secret(root)

    def has(self, name: str) -> bool:
        """Return True if a job's file exists."""
        return is_file_name(name) and file_status(self.folder / name) is not None

    def has_input(self, name: str) -> bool:
        """Return True if an input is stored under that name."""
        return is_input_name(name) and file_status(self.inputs / name) is not None

    def read(self, name: str) -> bytes:
        """Return the content of a job's file.

        Raises:
            OSError: It does not exist or can't be read.
        """
        return read_file(self.folder / name)

    def read_input(self, name: str) -> bytes:
        """Return the content of a stored input.

        Raises:
            OSError: It does not exist or can't be read.
        """
        return read_file(self.inputs / name)

    def write(self, name: str, data: bytes) -> None:
        """Write a job's file."""
        write_atomically(self.folder / name, data)

    @contextmanager
    def staged(self, name: str) -> Iterator[Path]:
        """Yield the path of an empty file to write to; at the end it is renamed to `name`."""
        staging = f".{secrets.token_hex(4)}.{name}"
        with open_folder(self.folder) as folder:
            try:
                folder.open(staging, "xb").close()
                yield self.folder / staging
                folder.rename(staging, name)
            finally:
                folder.remove(staging)

    def signed_path(self, name: str, signed_at: float) -> str:
        """Return the path and query of a link that expires a day after `signed_at`."""
        date = datetime.fromtimestamp(int(signed_at), UTC).strftime(_DATE)
        query = {
            "X-Tos-Algorithm": "TOS4-HMAC-SHA256",
            "X-Tos-Date": date,
            "X-Tos-Expires": str(LIFETIME_SECONDS),
            "X-Tos-Signature": self._sign(name, date, str(LIFETIME_SECONDS)),
        }
        return f"/files/{name}?{urlencode(query)}"

    def check_link(self, name: str, query: Mapping[str, str], now: float) -> str:
        """Return why a link is not valid, or an empty string."""
        date, lifetime = query.get("X-Tos-Date", ""), query.get("X-Tos-Expires", "")
        signature = query.get("X-Tos-Signature", "")
        if not hmac.compare_digest(signature.encode(), self._sign(name, date, lifetime).encode()):
            return "The request signature we calculated does not match the signature you provided."
        signed_at = datetime.strptime(date, _DATE).replace(tzinfo=UTC).timestamp()
        if now >= signed_at + int(lifetime):
            return "Request has expired."
        return ""

    def resolve_link(self, url: str, now: float) -> tuple[str, str]:
        """Return the file behind one of this simulator's links, and what is wrong with the link.

        Returns:
            The name and an empty string; the name and a message if the link does not work; two
            empty strings for any other URL.
        """
        try:
            parts = urlsplit(url)
        except ValueError:
            return "", ""
        name = parts.path.removeprefix("/files/")
        if not parts.path.startswith("/files/") or not is_file_name(name):
            return "", ""
        error = self.check_link(name, dict(parse_qsl(parts.query)), now)
        return name, error or ("" if self.has(name) else "The specified key does not exist.")

    def store_input(self, data: bytes) -> str:
        """Store an input under its digest and return that name."""
        name = hashlib.sha256(data).hexdigest()
        path = self.inputs / name
        status = file_status(path)
        if status is None or status.st_nlink > 1:
            write_atomically(path, data)
        else:
            # The clean-up goes by age, and this input is in use again.
            os.utime(path, follow_symlinks=False)
        return name

    def remove(self, job: str) -> None:
        """Remove the files of a job."""
        for suffix in FILE_SUFFIXES:
            remove_file(self.folder / f"{job}.{suffix}")

    def remove_expired(self) -> None:
        """Remove inputs that are older than any job, and unfinished files of killed processes.

        Modification times are compared with the system clock, not with the simulator's.
        """
        now = time.time()
        _remove_older(self.inputs, INPUT_PATTERN, now - _INPUT_SECONDS)
        _remove_older(self.folder, FILE_STAGING_PATTERN, now - _STAGING_SECONDS)

    def _sign(self, name: str, date: str, lifetime: str) -> str:
        message = f"{name}\n{date}\n{lifetime}".encode()
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that no reader ever sees half-written.

    There is no fsync: a killed process loses nothing without it, and what a power failure loses
    here costs nothing.

    Raises:
        UnsafeStore: A folder of the path is a link.
        OSError: The file can't be written.
    """
    staging = f".{path.name}.{secrets.token_hex(4)}"
    with open_folder(path.parent, create=True) as folder:
        with folder.open(staging, "xb") as file:
            file.write(data)
        folder.rename(staging, path.name)


def serve_file(
    path: Path, request: Request, fault: Fault | None, is_closing: Callable[[], bool]
) -> Response:
    """Return the response with a file, or with the requested range of it.

    Args:
        path: The file, which exists.
        request: The request, whose Range header is honoured.
        fault: A fault of the moment `file`, or None.
        is_closing: Ends a slow download when it returns True.
    """
    kind = fault.kind.name if fault else ""
    if fault is not None and kind == "download_error":
        return storage_error(
            int(fault.number("status")), "InternalError", "We encountered an error."
        )
    data = read_file(path)
    start, end = _range(request.headers.get("range", ""), len(data))
    if start >= end:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{len(data)}"})
    is_partial = "range" in request.headers
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{path.stem}-{len(data)}"'}
    if is_partial:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
    part = data[start:end]
    response = Response(part, 206 if is_partial else 200, headers, _media_type(path, data))
    if kind == "short_download":
        return TruncatedResponse(response, part, len(part) * 2 // 3)
    if fault is not None and kind == "slow_download":
        return _slow_response(response, part, fault.number("seconds"), is_closing)
    return response


def storage_error(status: int, code: str, message: str) -> Response:
    """Return an error in the object storage's format, which differs from Ark's."""
    body = {"Code": code, "Message": message, "RequestId": secrets.token_hex(16)}
    return JSONResponse(body, status)


def _slow_response(
    whole: Response, data: bytes, seconds: float, is_closing: Callable[[], bool]
) -> Response:
    async def send_chunks() -> AsyncIterator[bytes]:
        size = max(1, -(-len(data) // _SLOW_CHUNKS))
        for start in range(0, len(data), size):
            await wait_unless_closing(seconds / _SLOW_CHUNKS, is_closing)
            yield data[start : start + size]

    return StreamingResponse(send_chunks(), whole.status_code, dict(whole.headers))


def _range(header: str, size: int) -> tuple[int, int]:
    """Return start and end of the requested bytes; the whole file if the header is not valid."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip())
    if match is None or not (match[1] or match[2]):
        return 0, size
    if not match[1]:
        return max(0, size - int(match[2])), size
    end = int(match[2]) + 1 if match[2] else size
    return int(match[1]), min(end, size)


def _media_type(path: Path, data: bytes) -> str:
    # By the bytes: vendors send JPEG frames in files named .png.
    return _VIDEO_TYPES.get(path.suffix) or sniff_mime(data[:64]) or "application/octet-stream"


def _remove_older(folder: Path, pattern: re.Pattern[str], moment: float) -> None:
    for name in list_files(folder, pattern):
        status = file_status(folder / name)
        if status and status.st_mtime < moment:
            remove_file(folder / name)


def _load_secret(root: Path) -> bytes:
    """Return the root's signing key. It is stored, so that links outlive the process."""
    with open_folder(root) as folder:
        if folder.file_status(_SIGNING_KEY_FILE) is None:
            staging = f".{_SIGNING_KEY_FILE}.{secrets.token_hex(4)}"
            with folder.open(staging, "xb") as file:
                file.write(secrets.token_bytes(32))
            # Unlike a rename, a link does not replace a key that another process has just written.
            try:
                (root / _SIGNING_KEY_FILE).hardlink_to(root / staging)
            except FileExistsError:
                pass
            finally:
                folder.remove(staging)
        with folder.open(_SIGNING_KEY_FILE, "rb") as file:
            secret: bytes = file.read()
    return secret
