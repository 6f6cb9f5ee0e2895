"""Resumable downloads into memory or an atomically replaced file.

Tracks ranges, size limits and completeness. Sending the HTTP requests belongs in `client`."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol

from tasks.errors import (
    AccountError,
    MalformedResponse,
    ProviderError,
    StoreError,
    Unreachable,
    UrlExpired,
)
from tasks.providers.polling import parse_retry_after
from tasks.providers.types import FileDigest
from tasks.providers.url_policy import redact_url
from tasks.store.atomic_files import lock_temp_file


class DownloadTarget(Protocol):
    """Where a download goes."""

    @property
    def size_bytes(self) -> int:
        """Bytes so far."""
        ...

    def write(self, chunk: bytes) -> None:
        """Take further bytes."""
        ...

    def reset(self) -> None:
        """Forget all bytes so far."""
        ...


class MemoryTarget:
    """A sink for small files."""

    def __init__(self) -> None:
        self.data = bytearray()

    @property
    def size_bytes(self) -> int:
        """Bytes so far."""
        return len(self.data)

    def write(self, chunk: bytes) -> None:
        """Take further bytes."""
        self.data += chunk

    def reset(self) -> None:
        """Forget all bytes so far."""
        self.data.clear()


class FileTarget:
    """A sink in the target's own folder. `commit` puts it in place; leaving without takes it away.

    Raises StoreError where the folder can't be written.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self.size_bytes = 0
        self._digest = hashlib.sha256()
        self._file: IO[bytes] | None = None
        self._path: Path | None = None

    def __enter__(self) -> FileTarget:
        folder = self._target.parent
        path = folder / f".{self._target.name[:100]}.{secrets.token_hex(6)}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = path.open("xb")
            lock_temp_file(self._file)
        except OSError as error:
            raise self._build_store_error(error) from None
        self._path = path
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._close_quietly(self._file)
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Take further bytes."""
        try:
            self._require_open().write(chunk)
        except OSError as error:
            raise self._build_store_error(error) from None
        self._digest.update(chunk)
        self.size_bytes += len(chunk)

    def reset(self) -> None:
        """Forget all bytes so far."""
        try:
            self._require_open().seek(0)
            self._require_open().truncate()
        except OSError as error:
            raise self._build_store_error(error) from None
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def commit(self) -> FileDigest:
        """Make the bytes durable and move them into place."""
        file, path = self._require_open(), self._path or self._target
        try:
            file.flush()
            os.fsync(file.fileno())
            file.close()
            path.replace(self._target)
            _fsync_folder(self._target.parent)
        except OSError as error:
            raise self._build_store_error(error) from None
        self._path = None
        return FileDigest(self._digest.hexdigest(), self.size_bytes)

    def _require_open(self) -> IO[bytes]:
        if self._file is None or self._path is None:
            msg = "a staging file is used within its `with`, and committed once"
            raise RuntimeError(msg)
        return self._file

    def _build_store_error(self, error: OSError) -> StoreError:
        why = error.strerror or type(error).__name__
        return StoreError(f"{self._target} could not be written: {why}; free or mend its folder")

    @staticmethod
    def _close_quietly(file: IO[bytes]) -> None:
        # A full disk fails again on the flush within close; what matters was told before.
        try:
            file.close()
        except OSError:
            return


def _fsync_folder(folder: Path) -> None:
    """Make the new name itself durable, where the system lets folders be synced."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return
    finally:
        os.close(handle)


_NOT_READY_PATTERN = re.compile(r"(?i)not[_ ]ready|processing|in progress")


class DownloadProgress:
    """One file on its way into a sink, over several answers where the connection is cut."""

    def __init__(self, target: DownloadTarget, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._sink = target
        self._total: int | None = None
        self._validator = ""
        self._resumable = False

    def build_range_headers(self) -> dict[str, str]:
        """What to ask for: the whole file, or the rest of it."""
        if not self._resumable or not self._sink.size_bytes:
            return {}
        asked = {"Range": f"bytes={self._sink.size_bytes}-"}
        return {**asked, "If-Range": self._validator} if self._validator else asked

    def start_response(
        self, status: int, headers: Mapping[str, str], url: str
    ) -> ProviderError | None:
        """Take note of an answer of 200 or 206; the error that it is, or None."""
        if headers.get("content-type", "").lower().startswith(("text/html", "application/json")):
            return build_download_error(url, "it is a page, not a file")
        if status == 206:
            return self._check_continuation(headers, url)
        self._sink.reset()
        plain = headers.get("content-encoding", "identity").lower() == "identity"
        self._total = _parse_length(headers.get("content-length")) if plain else None
        etag = headers.get("etag", "")
        strong = etag if not etag.startswith("W/") else ""
        self._validator = strong or headers.get("last-modified", "")
        ranges = headers.get("accept-ranges", "").lower() == "bytes"
        self._resumable = plain and (ranges or bool(self._validator))
        if self._total is not None and self._total > self.max_bytes:
            return build_too_large_error(url, self.max_bytes)
        return None

    def write_chunk(self, chunk: bytes) -> bool:
        """Take further bytes; False where they are more than the limit."""
        if self._sink.size_bytes + len(chunk) > self.max_bytes:
            return False
        self._sink.write(chunk)
        return True

    def finish_response(self, url: str) -> ProviderError | None:
        """The error that a finished answer leaves, or None where the file is whole."""
        size = self._sink.size_bytes
        if self._total is not None and size != self._total:
            if size > self._total:
                self._sink.reset()
            return build_download_error(url, f"{size} of {self._total} bytes came")
        return build_download_error(url, "it is empty") if not size else None

    def _check_continuation(self, headers: Mapping[str, str], url: str) -> ProviderError | None:
        told = re.match(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("content-range", ""))
        total = _parse_length(told[2]) if told else None
        fits = told is not None and int(told[1]) == self._sink.size_bytes
        if fits and self._resumable and total in (None, self._total):
            return None
        self._sink.reset()
        self._resumable = False
        return build_download_error(url, "it does not go on where it broke off")


def classify_http_error(
    status: int, headers: Mapping[str, str], *, body_text: str, url: str, is_authenticated: bool
) -> ProviderError:
    """The error that a status other than 200 and 206 is; `own` for a file behind the key."""
    if is_authenticated and status in (401, 403):
        return AccountError(f"{redact_url(url)} does not accept the key; check it", status=status)
    # Infinity Blue answers 404 for a clip that is not ready as for one that is gone.
    unready = (is_authenticated and status == 404) or bool(_NOT_READY_PATTERN.search(body_text))
    if status in (408, 416, 425, 429) or status >= 500 or unready:
        error = build_download_error(url, f"HTTP {status}", status=status)
        # A date would need a clock; seconds are what file servers send.
        error.retry_after_seconds = parse_retry_after(headers.get("retry-after"), 0.0)
        return error
    if status >= 400:
        msg = f"{redact_url(url)} is no longer served (HTTP {status}); ask after the job again"
        return UrlExpired(msg, status=status)
    return build_download_error(url, f"HTTP {status}", status=status)


def build_download_error(url: str, reason: str, *, status: int = 0) -> ProviderError:
    """A download that may be tried again."""
    return Unreachable(
        f"{redact_url(url)} could not be downloaded: {reason}; ask again", status=status
    )


def build_too_large_error(url: str, max_bytes: int) -> ProviderError:
    """A file that is larger than any that was asked for."""
    return MalformedResponse(
        f"{redact_url(url)} is larger than {max_bytes} bytes; it was not taken"
    )


def build_forbidden_url_error(url: str) -> ProviderError:
    """An address that a vendor has no business to send us to."""
    return MalformedResponse(
        f"the vendor points to {redact_url(url)}, which is not fetched: it lies in this network, "
        "is no web address or redirects without end"
    )


def _parse_length(value: str | None) -> int | None:
    return int(value) if value and re.fullmatch(r"\d{1,15}", value) else None
