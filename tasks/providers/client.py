"""The only HTTP on our end of the wire: sends, asks, waits and downloads for one provider.

A create is one POST on a connection of its own, with no loop around it. Questions are asked again
a few times and keep their connection. Downloads go out plain, without the key. Nothing here reads
the environment but what httpx reads for proxies and certificates, and it reads neither where the
vendor is this machine. No error carries a key, a signed URL or the exception it came from.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urljoin, urlsplit

import httpx

from tasks.errors import Again, NotConfigured, ProviderError, Rejected
from tasks.providers import Provider, transfers
from tasks.providers.addresses import is_loopback, is_private, is_private_address, redact_text
from tasks.providers.contract import Call, Dialect, Digest, LinkExpired, Reply
from tasks.providers.conversation import TRIES, Conversation, Key, pause_seconds
from tasks.providers.encoding import decode, encode
from tasks.providers.outcomes import Lost
from tasks.providers.reading import clean
from tasks.providers.staging import Memory, Sink, Staging
from tasks.providers.transfers import Transfer
from tasks.providers.unpacking import Packed, Unpacker

Resolve = Callable[[str], Awaitable[Iterable[str]]]

_CONNECT_SECONDS = 10.0
_WRITE_SECONDS = 300.0
_QUESTION_TIMEOUT = httpx.Timeout(30.0, connect=_CONNECT_SECONDS)
_STALL_SECONDS = 60.0
_HEAD_SECONDS = 90.0
_PASS_SECONDS = 1800.0
_REPLY_BYTES_MOST = 4_000_000
_TRANSFER_ROUNDS_MOST = 20
_REDIRECTS_MOST = 5

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


class Client(Conversation):
    """A conversation with one provider. Use it with `async with`, in one event loop."""

    def __init__(
        self,
        provider: Provider,
        dialect: Dialect,
        *,
        api_key: Key,
        base_url: str = "",
        poll_seconds: float | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        resolve: Resolve | None = None,
    ) -> None:
        """`base_url` replaces the row's own; `poll_seconds` is the longest wait between two asks.

        Raises NotConfigured where the base URL is none.
        """
        super().__init__(
            provider,
            dialect,
            api_key=api_key,
            base_url=_checked(base_url or provider.base_url, provider),
            poll_seconds=poll_seconds,
            clock=clock,
            sleep=sleep,
        )
        self._resolve = resolve or (_look_up if transport is None else _nothing)
        _hush_http_logs()
        make = _maker(self.base_url, transport)
        # A create that meets a connection just closed by the vendor would be unclear for nothing.
        self._sender = make(httpx.Limits(max_keepalive_connections=0))
        self._asker = make(httpx.Limits(max_keepalive_connections=4))
        self._loader = make(httpx.Limits(max_keepalive_connections=4))

    def __repr__(self) -> str:
        return f"Client({self.provider.name!r}, {redact_text(self.base_url)!r})"

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

    async def _exchange(self, call: Call, purpose: Literal["create", "question"]) -> Reply | Lost:
        paying = purpose == "create"
        http = self._sender if paying else self._asker
        timeout = self._create_timeout() if paying else _QUESTION_TIMEOUT
        request = self._request(http, call, timeout)
        total = _total_seconds(timeout)
        return await _send(http, request, total_seconds=total)

    @property
    def create_limit_seconds(self) -> float:
        """How long a create may take before it is given up."""
        return _total_seconds(self._create_timeout())

    def _create_timeout(self) -> httpx.Timeout:
        return httpx.Timeout(
            connect=_CONNECT_SECONDS,
            pool=_CONNECT_SECONDS,
            write=_WRITE_SECONDS,
            read=self.provider.create_read_timeout_seconds,
        )

    async def download(self, source: str | Call, to: Path, *, limit_bytes: int) -> Digest:
        """Put a file at `to`, whole or not at all: from a signed URL, or by a call with the key.

        Raises LinkExpired where the URL is no longer served, so that the job may be asked again;
        Unreachable after a few tries; Unreadable for a file over the limit or an address that may
        not be fetched from; StoreError where it can't be written.
        """
        with Staging(to) as staging:
            await self._fetch(source, staging, limit_bytes)
            return staging.commit()

    async def fetch_bytes(self, source: str | Call, *, limit_bytes: int) -> bytes:
        """The bytes of a small file. Raises as `download`."""
        memory = Memory()
        await self._fetch(source, memory, limit_bytes)
        return bytes(memory.data)

    def _request(
        self, http: httpx.AsyncClient, call: Call, timeout: httpx.Timeout
    ) -> httpx.Request:
        content, content_type = encode(call)
        if len(content) > self.provider.request_limit_bytes:
            limit = self.provider.request_limit_bytes // 1_000_000
            msg = f"the order is larger than the {limit} MB the vendor takes; send smaller pictures"
            raise Rejected(msg)
        headers = {"Authorization": f"Bearer {self._key()}", "Accept": "application/json"}
        if content_type:
            headers["Content-Type"] = content_type
        return http.build_request(
            call.method,
            self._url(call),
            content=content or None,
            headers=headers,
            timeout=timeout,
        )

    async def _fetch(self, source: str | Call, sink: Sink, limit_bytes: int) -> None:
        transfer = Transfer(sink, limit_bytes)
        idle = rounds = 0
        while True:
            before = sink.size
            error = await self._fetch_once(source, transfer)
            if error is None:
                return
            rounds += 1
            idle = 1 if sink.size > before else idle + 1
            retry = error.again is Again.ASK and not isinstance(error, LinkExpired)
            if not retry or idle >= TRIES or rounds >= _TRANSFER_ROUNDS_MOST:
                raise self._told(error)
            await self._sleep(pause_seconds(error, idle))

    async def _fetch_once(self, source: str | Call, transfer: Transfer) -> ProviderError | None:
        """One pass over the file, from where the last one broke off; None when it is whole."""
        own = isinstance(source, Call)
        url = self._url(source) if isinstance(source, Call) else source
        for _ in range(_REDIRECTS_MOST + 1):
            # Judged as httpx reads it, so that no odd spelling leads elsewhere.
            url = _normal(url)
            if not await self._may_reach(url):
                return transfers.forbidden(url)
            headers = transfer.headers()
            if own and transfers.same_origin(url, self.base_url):
                headers["Authorization"] = f"Bearer {self._key()}"
            try:
                request = self._loader.build_request(
                    "GET", url, headers=headers, timeout=httpx.Timeout(_STALL_SECONDS)
                )
                # The stall alone would let a head come letter by letter for days.
                async with asyncio.timeout(_HEAD_SECONDS):
                    response = await self._loader.send(request, stream=True)
            except Exception as error:
                lost = _lost(error, status=0)
            else:
                location = response.headers.get("location", "")
                if not (300 <= response.status_code < 400 and location):
                    return await _receive(response, transfer, url=url, own=own)
                await response.aclose()
                url = urljoin(url, location)
                continue
            return transfers.broken(url, lost.why)
        return transfers.forbidden(url)

    def _url(self, call: Call) -> str:
        return str(httpx.URL(self.base_url + call.path, params=list(call.query) or None))

    async def _may_reach(self, url: str) -> bool:
        if not transfers.is_web(url):
            return False
        if is_private(self.base_url):
            return True
        if is_private(url):
            return False
        addresses = await self._resolve(urlsplit(url).hostname or "")
        return not any(is_private_address(address) for address in addresses)


def _total_seconds(timeout: httpx.Timeout) -> float:
    return float(sum(value for value in timeout.as_dict().values() if value))


def _normal(url: str) -> str:
    try:
        return str(httpx.URL(url))
    except (httpx.InvalidURL, ValueError):
        return ""


def _checked(base_url: str, provider: Provider) -> str:
    bare = base_url.strip().rstrip("/")
    parts = urlsplit(bare) if transfers.is_web(bare) else None
    if parts is None or parts.query or parts.fragment or "@" in parts.netloc:
        msg = (
            f"{provider.name} has no usable base URL; "
            f"set {provider.base_url_variable} to an http or https address without ? and @"
        )
        raise NotConfigured(msg)
    return bare


def _maker(
    base_url: str, transport: httpx.AsyncBaseTransport | None
) -> Callable[[httpx.Limits], httpx.AsyncClient]:
    """Makes plain clients that share one set of certificates.

    Proxies and certificates of the environment count for vendors, never for this machine.
    """
    outside = not is_loopback(base_url)
    plain = not outside and base_url.lower().startswith("http:")
    # Loading certificates takes longer than a whole render of the simulator's needs.
    verify = (
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if plain
        else httpx.create_ssl_context(trust_env=outside)
    )

    def make(limits: httpx.Limits) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            verify=verify,
            trust_env=outside,
            transport=transport,
            limits=limits,
            follow_redirects=False,
            headers={"User-Agent": "shotchain", "Accept-Encoding": "identity"},
        )

    return make


async def _send(
    http: httpx.AsyncClient, request: httpx.Request, *, total_seconds: float
) -> Reply | Lost:
    """Send once and read the whole reply; whatever goes wrong is told, not raised."""
    status = 0
    try:
        async with asyncio.timeout(total_seconds):
            response = await http.send(request, stream=True)
            status = response.status_code
            try:
                data = await _read(response)
            finally:
                await response.aclose()
    except Exception as error:
        return _lost(error, status=status)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return decode(status, headers, data)


def _lost(error: Exception, *, status: int) -> Lost:
    # The exception itself holds the request with its key, so only its words leave here.
    name = type(error).__name__
    words = clean(str(error), most=160)
    return Lost(
        sent=status != 0 or not isinstance(error, _NEVER_SENT),
        why=f"{name}: {words}" if words else name,
        status=status,
    )


async def _read(response: httpx.Response) -> bytes | None:
    """The body, or None where it is larger than any reply should be."""
    data = bytearray()
    async with aclosing(_pieces(response)) as pieces:
        async for piece in pieces:
            data += piece
            if len(data) > _REPLY_BYTES_MOST:
                return None
    return bytes(data)


async def _pieces(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The body as it comes, unpacked within bounds, which httpx does not keep. Raises Packed."""
    unpacker = Unpacker(response.headers.get("content-encoding", ""))
    async for chunk in response.aiter_raw():
        for piece in unpacker.feed(chunk):
            yield piece
    if not unpacker.whole:
        msg = "its body is packed and cut off"
        raise Packed(msg)


async def _receive(
    response: httpx.Response, transfer: Transfer, *, url: str, own: bool
) -> ProviderError | None:
    """Take a download's answer in; None when the file is whole."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    try:
        if response.status_code not in (200, 206):
            words = await _beginning(response)
            return transfers.refused(response.status_code, headers, words=words, url=url, own=own)
        error = transfer.begin(response.status_code, headers, url)
        if error is not None:
            return error
        try:
            async with asyncio.timeout(_PASS_SECONDS), aclosing(_pieces(response)) as pieces:
                async for piece in pieces:
                    if not transfer.take(piece):
                        return transfers.too_large(url, transfer.limit_bytes)
        except (httpx.HTTPError, httpx.StreamError, TimeoutError, Packed) as raised:
            lost = _lost(raised, status=response.status_code)
        else:
            return transfer.end(url)
        return transfers.broken(url, lost.why)
    finally:
        await response.aclose()


async def _beginning(response: httpx.Response) -> str:
    data = bytearray()
    try:
        async with asyncio.timeout(_STALL_SECONDS), aclosing(_pieces(response)) as pieces:
            async for piece in pieces:
                data += piece
                if len(data) > 2000:
                    break
    except (httpx.HTTPError, httpx.StreamError, TimeoutError, Packed):
        return ""
    return data[:2000].decode("utf-8", "replace")


async def _look_up(host: str) -> list[str]:
    """The addresses of a host; none where it can't be looked up, as behind a proxy."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return []
    return [str(place[0]) for *_, place in found]


async def _nothing(host: str) -> list[str]:
    return []


class _Redacting(logging.Filter):
    """httpx logs whole URLs, and httpcore whole headers, signatures and all."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = clean(record.getMessage(), most=500), ()
        return True


_REDACTING = _Redacting()


def _hush_http_logs() -> None:
    names = ("connection", "http11", "http2", "proxy", "socks")
    for name in ("httpx", *(f"httpcore.{one}" for one in names)):
        logging.getLogger(name).addFilter(_REDACTING)
