"""Resumable downloads into memory or into a file that is replaced atomically.

Tracks ranges, size limits and completeness, and decides what is retried. Sending the HTTP requests
belongs in `http_transport`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import IO, Protocol, Self

from tasks.errors import (
    AccountError,
    AuthenticationFailed,
    MalformedResponse,
    ProviderError,
    Recovery,
    StoreError,
    Unreachable,
    UrlExpired,
)
from tasks.own_files import open_folder
from tasks.providers.polling import parse_retry_after, retry_delay_seconds
from tasks.providers.types import FileDigest, Retry
from tasks.providers.url_policy import redact_url
from tasks.store.atomic_files import commit_file, lock_temp_file

_MAX_ATTEMPTS = 20
_MAX_ATTEMPTS_WITHOUT_PROGRESS = 4

_NOT_READY_PATTERN = re.compile(r"(?i)not[_ ]ready|processing|in progress")


class DownloadTarget(Protocol):
    """The destination of a download."""

    @property
    def size_bytes(self) -> int:
        """The bytes written so far."""
        ...

    @property
    def sha256(self) -> str:
        """The digest of these bytes, in hex."""
        ...

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        ...

    def reset(self) -> None:
        """Discard all bytes."""
        ...


class MemoryTarget:
    """A destination in memory, for small files."""

    def __init__(self) -> None:
        self.data = bytearray()

    @property
    def size_bytes(self) -> int:
        """The bytes written so far."""
        return len(self.data)

    @property
    def sha256(self) -> str:
        """The digest of these bytes, in hex."""
        return hashlib.sha256(self.data).hexdigest()

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self.data += chunk

    def reset(self) -> None:
        """Discard all bytes."""
        self.data.clear()


class FileTarget:
    """A temporary file next to the destination. `commit` renames it; leaving the `with` removes it.

    Every method raises StoreError if the folder or the file can't be written. Unlike
    `atomic_files.staged_file` it stays open, so that a download can resume, and hashes the bytes
    as they are written.
    """

    def __init__(self, destination: Path) -> None:
        self._destination = destination
        self.size_bytes = 0
        self._hash = hashlib.sha256()
        self._file: IO[bytes] | None = None
        self._path: Path | None = None

    def __enter__(self) -> Self:
        folder = self._destination.parent
        path = folder / f".{self._destination.name[:100]}.{secrets.token_hex(6)}.part"
        try:
            with open_folder(folder, create=True) as own_folder:
                self._file = own_folder.open(path.name, "xb")
            lock_temp_file(self._file)
        except OSError as error:
            raise self._build_store_error(error) from None
        self._path = path
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._close_quietly(self._file)
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    @property
    def sha256(self) -> str:
        """The digest of the bytes written so far, in hex."""
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Append bytes.

        Raises:
            StoreError: The file can't be written.
        """
        try:
            self._require_open().write(chunk)
        except OSError as error:
            raise self._build_store_error(error) from None
        self._hash.update(chunk)
        self.size_bytes += len(chunk)

    def reset(self) -> None:
        """Discard all bytes.

        Raises:
            StoreError: The file can't be truncated.
        """
        try:
            self._require_open().seek(0)
            self._require_open().truncate()
        except OSError as error:
            raise self._build_store_error(error) from None
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def commit(self) -> FileDigest:
        """Sync the bytes to disk and rename the file to its destination.

        Raises:
            StoreError: The file can't be synced or renamed.
        """
        file, path = self._require_open(), self._path or self._destination
        try:
            file.close()
            commit_file(path, self._destination)
        except OSError as error:
            raise self._build_store_error(error) from None
        self._path = None
        return FileDigest(self._hash.hexdigest(), self.size_bytes)

    def _require_open(self) -> IO[bytes]:
        if self._file is None or self._path is None:
            msg = "a FileTarget is used inside its `with` and committed once"
            raise RuntimeError(msg)
        return self._file

    def _build_store_error(self, error: OSError) -> StoreError:
        reason = error.strerror or type(error).__name__
        return StoreError(
            f"{self._destination} can't be written: {reason}; free disk space or fix the folder"
        )

    @staticmethod
    def _close_quietly(file: IO[bytes]) -> None:
        # On a full disk the flush inside close fails again; the error was already raised.
        try:
            file.close()
        except OSError:
            return


class DownloadProgress:
    """One file on its way into a target, over several responses if the connection breaks."""

    def __init__(self, target: DownloadTarget, max_bytes: int) -> None:
        self.target = target
        self.max_bytes = max_bytes
        self._total_bytes: int | None = None
        self._validator = ""
        self._is_resumable = False

    def build_range_headers(self) -> dict[str, str]:
        """Return the headers that request the rest of the file; empty for the whole file."""
        if not self._is_resumable or not self.target.size_bytes:
            return {}
        headers = {"Range": f"bytes={self.target.size_bytes}-"}
        return {**headers, "If-Range": self._validator} if self._validator else headers

    def start_response(
        self, status: int, headers: Mapping[str, str], url: str
    ) -> ProviderError | None:
        """Start a response, before its body is written.

        Args:
            status: 200 or 206.
            headers: Names in lower case.
            url: The URL of the file, for error messages.

        Returns:
            The error if the response does not contain the file, or not its next part; else None.
        """
        if headers.get("content-type", "").lower().startswith(("text/html", "application/json")):
            return build_download_error(url, "the response is a page, not a file")
        if status == 206:
            return self._check_continuation(headers, url)
        self.target.reset()
        is_identity = headers.get("content-encoding", "identity").lower() == "identity"
        self._total_bytes = _parse_length(headers.get("content-length")) if is_identity else None
        etag = headers.get("etag", "")
        strong_etag = etag if not etag.startswith("W/") else ""
        self._validator = strong_etag or headers.get("last-modified", "")
        accepts_ranges = headers.get("accept-ranges", "").lower() == "bytes"
        self._is_resumable = is_identity and (accepts_ranges or bool(self._validator))
        if self._total_bytes is not None and self._total_bytes > self.max_bytes:
            return build_too_large_error(url, self.max_bytes)
        return None

    def write_chunk(self, chunk: bytes) -> bool:
        """Write bytes to the target; return False, without writing, if they exceed the limit.

        Raises:
            StoreError: The target can't be written.
        """
        if self.target.size_bytes + len(chunk) > self.max_bytes:
            return False
        self.target.write(chunk)
        return True

    def finish_response(self, url: str) -> ProviderError | None:
        """Return the error of a response that ended, or None if the file is complete."""
        size = self.target.size_bytes
        if self._total_bytes is not None and size != self._total_bytes:
            if size > self._total_bytes:
                self.target.reset()
            return build_download_error(url, f"received {size} of {self._total_bytes} bytes")
        return build_download_error(url, "the file is empty") if not size else None

    def _check_continuation(self, headers: Mapping[str, str], url: str) -> ProviderError | None:
        match = re.match(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("content-range", ""))
        total = _parse_length(match[2]) if match else None
        starts_here = match is not None and int(match[1]) == self.target.size_bytes
        if starts_here and self._is_resumable and total in (None, self._total_bytes):
            return None
        self.target.reset()
        self._is_resumable = False
        return build_download_error(url, "the server resumed at another position")


async def receive_with_retries(
    receive: Callable[[DownloadProgress], Awaitable[ProviderError | None]],
    progress: DownloadProgress,
    sleep: Callable[[float], Awaitable[None]],
    on_retry: Callable[[Retry], None] | None = None,
) -> ProviderError | None:
    """Receive a file in several attempts; return the last error, or None if it is complete.

    A connection that breaks often but makes progress gets more attempts than a dead one.

    Args:
        receive: Sends one request for the file, or for the rest of it.
        progress: The state of the download.
        sleep: Waits for a number of seconds.
        on_retry: Called before a further attempt.

    Raises:
        StoreError: The target can't be written.
    """
    attempts = attempts_without_progress = 0
    while True:
        size_before = progress.target.size_bytes
        error = await receive(progress)
        if error is None:
            return None
        attempts += 1
        has_progress = progress.target.size_bytes > size_before
        attempts_without_progress = 1 if has_progress else attempts_without_progress + 1
        can_retry = error.recovery is Recovery.RETRY and not isinstance(error, UrlExpired)
        is_exhausted = (
            attempts_without_progress >= _MAX_ATTEMPTS_WITHOUT_PROGRESS or attempts >= _MAX_ATTEMPTS
        )
        if not can_retry or is_exhausted:
            return error
        delay = retry_delay_seconds(attempts_without_progress, error.retry_after_seconds)
        if on_retry is not None:
            max_retries = _MAX_ATTEMPTS_WITHOUT_PROGRESS - 1
            on_retry(Retry(attempts_without_progress, max_retries, delay, error))
        await sleep(delay)


def classify_http_error(
    status: int, headers: Mapping[str, str], *, body_text: str, url: str, is_authenticated: bool
) -> ProviderError:
    """Return the error for a download with a status other than 200 and 206.

    Args:
        status: The HTTP status.
        headers: Names in lower case.
        body_text: The beginning of the body.
        url: The URL of the file.
        is_authenticated: True if the file is downloaded with the API key.
    """
    if is_authenticated and status in (401, 403):
        error_class = AuthenticationFailed if status == 401 else AccountError
        return error_class(
            f"{redact_url(url)} rejects the API key; check the key and its permissions",
            status=status,
        )
    # Infinity Blue returns 404 for a clip that is not ready and for a clip that was deleted.
    may_be_unready = is_authenticated and status == 404
    is_unready = may_be_unready or bool(_NOT_READY_PATTERN.search(body_text))
    if status in (408, 416, 425, 429) or status >= 500 or is_unready:
        error = build_download_error(url, f"HTTP {status}", status=status)
        # Only seconds: a date would need a clock, and file servers send seconds.
        error.retry_after_seconds = parse_retry_after(headers.get("retry-after"), 0.0)
        return error
    if status >= 400:
        return UrlExpired(
            f"{redact_url(url)} is no longer served (HTTP {status}); "
            "query the job again for a new URL",
            status=status,
        )
    return build_download_error(url, f"HTTP {status}", status=status)


def build_download_error(url: str, reason: str, *, status: int = 0) -> ProviderError:
    """Return the error of a download that may succeed later."""
    return Unreachable(
        f"{redact_url(url)} could not be downloaded: {reason}; try again later", status=status
    )


def build_too_large_error(url: str, max_bytes: int) -> ProviderError:
    """Return the error of a file that is larger than the limit."""
    return MalformedResponse(
        f"{redact_url(url)} is larger than the limit of {max_bytes} bytes and was not stored; "
        "render the shot again"
    )


def build_forbidden_url_error(url: str) -> ProviderError:
    """Return the error of a URL that the vendor must not send us to."""
    return MalformedResponse(
        f"the vendor refers to {redact_url(url)}, which is not downloaded: it is in this network, "
        "not an http URL, or redirects too often; the job stays done: get the clip from the "
        "vendor's console and use it with `clip: FILE`, or report it to the vendor"
    )


def _parse_length(value: str | None) -> int | None:
    return int(value) if value and re.fullmatch(r"\d{1,15}", value) else None
