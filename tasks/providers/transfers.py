"""A download as it goes on: where to continue, whether it is whole, and why it is not. No HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from tasks.errors import ProviderError, Unauthorized, Unreachable, Unreadable
from tasks.providers.addresses import redact
from tasks.providers.contract import LinkExpired
from tasks.providers.patience import retry_after_seconds
from tasks.providers.staging import Sink

_NOT_READY = re.compile(r"(?i)not[_ ]ready|processing|in progress")


class Transfer:
    """One file on its way into a sink, over several answers where the connection is cut."""

    def __init__(self, sink: Sink, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._sink = sink
        self._total: int | None = None
        self._validator = ""
        self._resumable = False

    def headers(self) -> dict[str, str]:
        """What to ask for: the whole file, or the rest of it."""
        if not self._resumable or not self._sink.size:
            return {}
        asked = {"Range": f"bytes={self._sink.size}-"}
        return {**asked, "If-Range": self._validator} if self._validator else asked

    def begin(self, status: int, headers: Mapping[str, str], url: str) -> ProviderError | None:
        """Take note of an answer of 200 or 206; the error that it is, or None."""
        if headers.get("content-type", "").lower().startswith(("text/html", "application/json")):
            return broken(url, "it is a page, not a file")
        if status == 206:
            return self._continue(headers, url)
        self._sink.restart()
        plain = headers.get("content-encoding", "identity").lower() == "identity"
        self._total = _integer(headers.get("content-length")) if plain else None
        etag = headers.get("etag", "")
        strong = etag if not etag.startswith("W/") else ""
        self._validator = strong or headers.get("last-modified", "")
        ranges = headers.get("accept-ranges", "").lower() == "bytes"
        self._resumable = plain and (ranges or bool(self._validator))
        if self._total is not None and self._total > self.limit_bytes:
            return too_large(url, self.limit_bytes)
        return None

    def take(self, chunk: bytes) -> bool:
        """Take further bytes; False where they are more than the limit."""
        if self._sink.size + len(chunk) > self.limit_bytes:
            return False
        self._sink.write(chunk)
        return True

    def end(self, url: str) -> ProviderError | None:
        """The error that a finished answer leaves, or None where the file is whole."""
        size = self._sink.size
        if self._total is not None and size != self._total:
            if size > self._total:
                self._sink.restart()
            return broken(url, f"{size} of {self._total} bytes came")
        return broken(url, "it is empty") if not size else None

    def _continue(self, headers: Mapping[str, str], url: str) -> ProviderError | None:
        told = re.match(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("content-range", ""))
        total = _integer(told[2]) if told else None
        fits = told is not None and int(told[1]) == self._sink.size
        if fits and self._resumable and total in (None, self._total):
            return None
        self._sink.restart()
        self._resumable = False
        return broken(url, "it does not go on where it broke off")


def refused(
    status: int, headers: Mapping[str, str], *, words: str, url: str, own: bool
) -> ProviderError:
    """The error that a status other than 200 and 206 is; `own` for a file behind the key."""
    if own and status in (401, 403):
        return Unauthorized(f"{redact(url)} does not accept the key; check it", status=status)
    # Infinity Blue answers 404 for a clip that is not ready as for one that is gone.
    unready = (own and status == 404) or bool(_NOT_READY.search(words))
    if status in (408, 416, 425, 429) or status >= 500 or unready:
        error = broken(url, f"HTTP {status}", status=status)
        # A date would need a clock; seconds are what file servers send.
        error.retry_after_seconds = retry_after_seconds(headers.get("retry-after"), 0.0)
        return error
    if status >= 400:
        msg = f"{redact(url)} is no longer served (HTTP {status}); ask after the job again"
        return LinkExpired(msg, status=status)
    return broken(url, f"HTTP {status}", status=status)


def broken(url: str, why: str, *, status: int = 0) -> ProviderError:
    """A download that may be tried again."""
    return Unreachable(f"{redact(url)} could not be downloaded: {why}; ask again", status=status)


def too_large(url: str, limit_bytes: int) -> ProviderError:
    """A file that is larger than any that was asked for."""
    return Unreadable(f"{redact(url)} is larger than {limit_bytes} bytes; it was not taken")


def forbidden(url: str) -> ProviderError:
    """An address that a vendor has no business to send us to."""
    return Unreadable(
        f"the vendor points to {redact(url)}, which is not fetched: it lies in this network, "
        "is no web address or redirects without end"
    )


def is_web(url: str) -> bool:
    """Whether it is an http or https URL with a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def same_origin(one: str, other: str) -> bool:
    """Whether two URLs have scheme, host and port in common."""
    return _origin(one) == _origin(other)


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        default = 443 if parts.scheme.lower() == "https" else 80
        return parts.scheme.lower(), parts.hostname or "", parts.port or default
    except ValueError:
        return "", url, None


def _integer(value: str | None) -> int | None:
    return int(value) if value and re.fullmatch(r"\d{1,15}", value) else None
