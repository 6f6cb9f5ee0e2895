"""The only HTTP on our end of the wire: sends, asks, waits and downloads for one provider.

A create is one POST on a connection of its own, with no loop around it. Questions are asked again
a few times and keep their connection. Downloads go out plain, without the key. Nothing here reads
the environment but what httpx reads for proxies and certificates, and it reads neither where the
vendor is this machine. No error carries a key, a signed URL or the exception it came from.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urljoin, urlsplit

import httpx

from tasks.errors import InvalidRequest, NotConfigured, ProviderError, Recovery, UrlExpired
from tasks.providers import Provider, downloads, url_policy
from tasks.providers.dialect import Dialect
from tasks.providers.downloads import DownloadProgress, DownloadTarget, FileTarget, MemoryTarget
from tasks.providers.error_mapping import LostResponse
from tasks.providers.http_transport import (
    DecompressionError,
    encode_body,
    http_client_factory,
    iter_body,
    look_up_host,
    redact_http_logs,
    resolve_no_addresses,
    send_request,
    to_lost_response,
)
from tasks.providers.job_client import MAX_ATTEMPTS, ApiKeySource, JobClient, retry_delay_seconds
from tasks.providers.types import ApiCall, ApiResponse, FileDigest
from tasks.providers.url_policy import (
    is_private_address,
    is_private_url,
    redact_urls,
)

HostResolver = Callable[[str], Awaitable[Iterable[str]]]

_CONNECT_TIMEOUT_SECONDS = 10.0
_WRITE_TIMEOUT_SECONDS = 300.0
_QUERY_TIMEOUT = httpx.Timeout(30.0, connect=_CONNECT_TIMEOUT_SECONDS)
_READ_TIMEOUT_SECONDS = 60.0
_HEADERS_TIMEOUT_SECONDS = 90.0
_DOWNLOAD_TIMEOUT_SECONDS = 1800.0
_MAX_DOWNLOAD_ATTEMPTS = 20
_MAX_REDIRECTS = 5


class Client(JobClient):
    """A conversation with one provider. Use it with `async with`, in one event loop."""

    def __init__(
        self,
        provider: Provider,
        dialect: Dialect,
        *,
        api_key: ApiKeySource,
        base_url: str = "",
        poll_max_seconds: float | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        resolve_host: HostResolver | None = None,
    ) -> None:
        """`base_url` replaces the row's own; `poll_seconds` is the longest wait between two asks.

        Raises NotConfigured where the base URL is none.
        """
        super().__init__(
            provider,
            dialect,
            api_key=api_key,
            base_url=_validate_base_url(base_url or provider.base_url, provider),
            poll_max_seconds=poll_max_seconds,
            clock=clock,
            sleep=sleep,
        )
        self._resolve = resolve_host or (
            look_up_host if transport is None else resolve_no_addresses
        )
        redact_http_logs()
        make = http_client_factory(self.base_url, transport)
        # A create that meets a connection just closed by the vendor would be unclear for nothing.
        self._sender = make(httpx.Limits(max_keepalive_connections=0))
        self._asker = make(httpx.Limits(max_keepalive_connections=4))
        self._loader = make(httpx.Limits(max_keepalive_connections=4))

    def __repr__(self) -> str:
        return f"Client({self.provider.name!r}, {redact_urls(self.base_url)!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        for http in (self._sender, self._asker, self._loader):
            await http.aclose()

    async def _send_once(
        self, call: ApiCall, purpose: Literal["create", "question"]
    ) -> ApiResponse | LostResponse:
        paying = purpose == "create"
        http = self._sender if paying else self._asker
        timeout = self._build_create_timeout() if paying else _QUERY_TIMEOUT
        request = self._build_request(http, call, timeout)
        total = _sum_timeouts(timeout)
        return await send_request(http, request, total_seconds=total)

    @property
    def create_timeout_seconds(self) -> float:
        """How long a create may take before it is given up."""
        return _sum_timeouts(self._build_create_timeout())

    def _build_create_timeout(self) -> httpx.Timeout:
        return httpx.Timeout(
            connect=_CONNECT_TIMEOUT_SECONDS,
            pool=_CONNECT_TIMEOUT_SECONDS,
            write=_WRITE_TIMEOUT_SECONDS,
            read=self.provider.create_read_timeout_seconds,
        )

    async def download(self, source: str | ApiCall, target: Path, *, max_bytes: int) -> FileDigest:
        """Put a file at `to`, whole or not at all: from a signed URL, or by a call with the key.

        Raises LinkExpired where the URL is no longer served, so that the job may be asked again;
        Unreachable after a few tries; Unreadable for a file over the limit or an address that may
        not be fetched from; StoreError where it can't be written.
        """
        with FileTarget(target) as staging:
            await self._download_with_retries(source, staging, max_bytes)
            return staging.commit()

    async def fetch_bytes(self, source: str | ApiCall, *, max_bytes: int) -> bytes:
        """The bytes of a small file. Raises as `download`."""
        memory = MemoryTarget()
        await self._download_with_retries(source, memory, max_bytes)
        return bytes(memory.data)

    def _build_request(
        self, http: httpx.AsyncClient, call: ApiCall, timeout: httpx.Timeout
    ) -> httpx.Request:
        content, content_type = encode_body(call)
        if len(content) > self.provider.max_request_bytes:
            limit = self.provider.max_request_bytes // 1_000_000
            msg = f"the order is larger than the {limit} MB the vendor takes; send smaller pictures"
            raise InvalidRequest(msg)
        headers = {"Authorization": f"Bearer {self._require_key()}", "Accept": "application/json"}
        if content_type:
            headers["Content-Type"] = content_type
        return http.build_request(
            call.method,
            self._build_url(call),
            content=content or None,
            headers=headers,
            timeout=timeout,
        )

    async def _download_with_retries(
        self, source: str | ApiCall, sink: DownloadTarget, limit_bytes: int
    ) -> None:
        transfer = DownloadProgress(sink, limit_bytes)
        idle = rounds = 0
        while True:
            before = sink.size_bytes
            error = await self._fetch_once(source, transfer)
            if error is None:
                return
            rounds += 1
            idle = 1 if sink.size_bytes > before else idle + 1
            retry = error.recovery is Recovery.RETRY and not isinstance(error, UrlExpired)
            if not retry or idle >= MAX_ATTEMPTS or rounds >= _MAX_DOWNLOAD_ATTEMPTS:
                raise self._finish_error(error)
            await self._sleep(retry_delay_seconds(error, idle))

    async def _fetch_once(
        self, source: str | ApiCall, transfer: DownloadProgress
    ) -> ProviderError | None:
        """One pass over the file, from where the last one broke off; None when it is whole."""
        own = isinstance(source, ApiCall)
        url = self._build_url(source) if isinstance(source, ApiCall) else source
        for _ in range(_MAX_REDIRECTS + 1):
            # Judged as httpx reads it, so that no odd spelling leads elsewhere.
            url = _normalize_url(url)
            if not await self._is_allowed(url):
                return downloads.build_forbidden_url_error(url)
            headers = transfer.build_range_headers()
            if own and url_policy.is_same_origin(url, self.base_url):
                headers["Authorization"] = f"Bearer {self._require_key()}"
            try:
                request = self._loader.build_request(
                    "GET", url, headers=headers, timeout=httpx.Timeout(_READ_TIMEOUT_SECONDS)
                )
                # The stall alone would let a head come letter by letter for days.
                async with asyncio.timeout(_HEADERS_TIMEOUT_SECONDS):
                    response = await self._loader.send(request, stream=True)
            except Exception as error:
                lost = to_lost_response(error, status=0)
            else:
                location = response.headers.get("location", "")
                if not (300 <= response.status_code < 400 and location):
                    return await _receive_download(response, transfer, url=url, own=own)
                await response.aclose()
                url = urljoin(url, location)
                continue
            return downloads.build_download_error(url, lost.reason)
        return downloads.build_forbidden_url_error(url)

    def _build_url(self, call: ApiCall) -> str:
        return str(httpx.URL(self.base_url + call.path, params=list(call.query) or None))

    async def _is_allowed(self, url: str) -> bool:
        if not url_policy.is_http_url(url):
            return False
        if is_private_url(self.base_url):
            return True
        if is_private_url(url):
            return False
        addresses = await self._resolve(urlsplit(url).hostname or "")
        return not any(is_private_address(address) for address in addresses)


def _sum_timeouts(timeout: httpx.Timeout) -> float:
    return float(sum(value for value in timeout.as_dict().values() if value))


def _normalize_url(url: str) -> str:
    try:
        return str(httpx.URL(url))
    except (httpx.InvalidURL, ValueError):
        return ""


def _validate_base_url(base_url: str, provider: Provider) -> str:
    bare = base_url.strip().rstrip("/")
    parts = urlsplit(bare) if url_policy.is_http_url(bare) else None
    if parts is None or parts.query or parts.fragment or "@" in parts.netloc:
        msg = (
            f"{provider.name} has no usable base URL; "
            f"set {provider.base_url_variable} to an http or https address without ? and @"
        )
        raise NotConfigured(msg)
    return bare


async def _receive_download(
    response: httpx.Response, transfer: DownloadProgress, *, url: str, own: bool
) -> ProviderError | None:
    """Take a download's answer in; None when the file is whole."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    try:
        if response.status_code not in (200, 206):
            words = await _read_beginning(response)
            return downloads.classify_http_error(
                response.status_code, headers, body_text=words, url=url, is_authenticated=own
            )
        error = transfer.start_response(response.status_code, headers, url)
        if error is not None:
            return error
        try:
            async with (
                asyncio.timeout(_DOWNLOAD_TIMEOUT_SECONDS),
                aclosing(iter_body(response)) as pieces,
            ):
                async for piece in pieces:
                    if not transfer.write_chunk(piece):
                        return downloads.build_too_large_error(url, transfer.max_bytes)
        except (httpx.HTTPError, httpx.StreamError, TimeoutError, DecompressionError) as raised:
            lost = to_lost_response(raised, status=response.status_code)
        else:
            return transfer.finish_response(url)
        return downloads.build_download_error(url, lost.reason)
    finally:
        await response.aclose()


async def _read_beginning(response: httpx.Response) -> str:
    data = bytearray()
    try:
        async with asyncio.timeout(_READ_TIMEOUT_SECONDS), aclosing(iter_body(response)) as pieces:
            async for piece in pieces:
                data += piece
                if len(data) > 2000:
                    break
    except (httpx.HTTPError, httpx.StreamError, TimeoutError, DecompressionError):
        return ""
    return data[:2000].decode("utf-8", "replace")
