"""One HTTP exchange with httpx at a time: send a call, or receive a file, within size limits.

No retries and no wire formats; what is sent again is decided in `client`.

Proxies and certificates of the environment apply to vendors, never to this machine. No error
contains the httpx exception, because that holds the request with its key.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Any
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from tasks.errors import InvalidRequest, NotConfigured, ProviderError
from tasks.providers.downloads import (
    DownloadProgress,
    build_download_error,
    build_forbidden_url_error,
    build_too_large_error,
    classify_http_error,
)
from tasks.providers.error_mapping import sanitize_text
from tasks.providers.http_bodies import (
    DecompressionError,
    build_body,
    decode_response,
    iter_body,
    read_body,
)
from tasks.providers.pinned_transport import ADDRESSES_EXTENSION, PinnedTransport
from tasks.providers.provider import Provider
from tasks.providers.types import ApiCall, ApiResponse, LostResponse
from tasks.providers.url_policy import (
    find_literal_address,
    is_forbidden_address,
    is_http_url,
    is_loopback_url,
    is_private_address,
    is_private_url,
    is_same_origin,
)

HostResolver = Callable[[str], Awaitable[Iterable[str]]]
"""Returns the addresses of a host name."""

_CONNECT_TIMEOUT_SECONDS = 10.0
_WRITE_TIMEOUT_SECONDS = 300.0
_QUERY_TIMEOUT = httpx.Timeout(30.0, connect=_CONNECT_TIMEOUT_SECONDS)
_READ_TIMEOUT_SECONDS = 60.0
_HEADERS_TIMEOUT_SECONDS = 90.0
_DOWNLOAD_TIMEOUT_SECONDS = 1800.0
_MAX_REDIRECTS = 5

_MAX_ERROR_BYTES = 2000

_HEADERS = {"User-Agent": "shotchain", "Accept-Encoding": "identity"}

# With these the request certainly did not leave this machine.
_NOT_SENT_ERRORS = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)

_CONNECTION_LOST = "the connection was lost"

_CAUSES: tuple[tuple[type[Exception], str], ...] = (
    (httpx.ConnectTimeout, "no connection in time"),
    (httpx.PoolTimeout, "no connection was free in time"),
    (httpx.WriteTimeout, "the request could not be sent in time"),
    (httpx.TimeoutException, "no answer in time"),
    (TimeoutError, "no answer in time"),
    (httpx.ConnectError, "no connection"),
    (httpx.ProxyError, "the proxy failed"),
    (httpx.NetworkError, _CONNECTION_LOST),
    (httpx.RemoteProtocolError, _CONNECTION_LOST),
    (httpx.StreamError, _CONNECTION_LOST),
    (httpx.DecodingError, "the answer is damaged"),
    (DecompressionError, "the answer is damaged"),
    (httpx.UnsupportedProtocol, "the URL is not valid"),
    (httpx.InvalidURL, "the URL is not valid"),
    (httpx.HTTPError, _CONNECTION_LOST),
)
"""The plain words for an error of httpx; the first class that fits counts."""

_BODY_ERRORS = (httpx.HTTPError, httpx.StreamError, TimeoutError, DecompressionError)


class HttpTransport:
    """HTTP exchanges with one provider."""

    def __init__(
        self,
        provider: Provider,
        base_url: str,
        *,
        get_key: Callable[[], str],
        transport: httpx.AsyncBaseTransport | None = None,
        resolve_host: HostResolver | None = None,
    ) -> None:
        """Create the connection pools; nothing is sent yet.

        Args:
            provider: The provider; its time-outs and limits apply.
            base_url: The URL before the dialect's paths.
            get_key: Returns the API key, or raises NotConfigured.
            transport: Replaces the network, for tests.
            resolve_host: Returns the addresses of a host name; None for the system's resolver.

        Raises:
            NotConfigured: The base URL is missing or not valid.
        """
        self.base_url = _validate_base_url(base_url, provider)
        self._provider = provider
        self._get_key = get_key
        self._resolve_host = resolve_host or (
            _resolve_with_system if transport is None else _resolve_nothing
        )
        _redact_http_logs()
        self._transport = transport
        self._is_remote = not is_loopback_url(self.base_url)
        self._verify = (
            httpx.create_ssl_context(trust_env=self._is_remote)
            if self._is_remote or self.base_url.lower().startswith("https:")
            else _empty_ssl_context()
        )
        # A create on a kept connection that the vendor closes at that moment would be unclear.
        self._create_http = self._build_http(max_kept=0)
        self._query_http = self._build_http(max_kept=4)
        self._download_clients: dict[tuple[bool, str], httpx.AsyncClient] = {}

    async def aclose(self) -> None:
        """Close every connection."""
        for http in (self._create_http, self._query_http, *self._download_clients.values()):
            await http.aclose()

    def _build_http(self, *, max_kept: int) -> httpx.AsyncClient:
        """Return a client for calls, which go to the base URL, and through the user's proxies."""
        return _open_client(
            verify=self._verify,
            trust_env=self._is_remote,
            transport=self._transport,
            limits=httpx.Limits(max_keepalive_connections=max_kept),
        )

    def _get_download_http(self, url: str) -> httpx.AsyncClient:
        """Return the client for a file: pinned to checked addresses, or through a proxy.

        Raises:
            NotConfigured: The proxy's URL can't be used.
        """
        # A gateway on this machine may refer to files on the internet, behind a proxy.
        is_direct = self._transport is not None or is_loopback_url(url)
        proxy, is_secure = "" if is_direct else _find_proxy(url), url.startswith("https:")
        http = self._download_clients.get((is_secure, proxy))
        if http is None:
            verify = httpx.create_ssl_context() if is_secure else _empty_ssl_context()
            transport = self._transport
            if transport is None and not proxy:
                transport = PinnedTransport(verify)
            http = _open_client(
                verify=verify,
                trust_env=False,
                transport=transport,
                proxy=proxy or None,
                limits=httpx.Limits(max_keepalive_connections=0),
            )
            self._download_clients[is_secure, proxy] = http
        return http

    @property
    def create_timeout_seconds(self) -> float:
        """The longest time that a create may take."""
        return _sum_timeouts(self._create_timeout())

    def _create_timeout(self) -> httpx.Timeout:
        return httpx.Timeout(
            connect=_CONNECT_TIMEOUT_SECONDS,
            pool=_CONNECT_TIMEOUT_SECONDS,
            write=_WRITE_TIMEOUT_SECONDS,
            read=self._provider.create_read_timeout_seconds,
        )

    async def send(self, call: ApiCall, *, is_create: bool = False) -> ApiResponse | LostResponse:
        """Send a call with the API key, once, and read the complete response.

        Args:
            call: The call.
            is_create: True for a create: it uses a new connection and a longer time-out.

        Returns:
            A LostResponse for anything that goes wrong after the request was built.

        Raises:
            InvalidRequest: The call can't be encoded or is too large; nothing was sent.
            NotConfigured: The key is missing or not valid; nothing was sent.
        """
        http = self._create_http if is_create else self._query_http
        timeout = self._create_timeout() if is_create else _QUERY_TIMEOUT
        request = self._build_request(http, call, timeout)
        status = 0
        try:
            async with asyncio.timeout(_sum_timeouts(timeout)):
                response = await http.send(request, stream=True)
                status = response.status_code
                try:
                    data = await read_body(response)
                finally:
                    await response.aclose()
        except Exception as error:
            return _to_lost_response(error, status=status)
        return decode_response(status, _lower_headers(response), data)

    async def receive_file(
        self, source: str | ApiCall, progress: DownloadProgress
    ) -> ProviderError | None:
        """Request a file, or the rest of it, once, and write it to the target.

        The API key is sent only for a call, and only to the origin of the base URL. A vendor can't
        send us into a private network, unless its base URL is in one itself: each host is resolved
        once, every address is checked, and the connection goes to these addresses. Through a proxy
        of the user, the proxy resolves the host, and its own rules hold as well.

        Args:
            source: A signed URL, or a call that is sent with the API key.
            progress: Receives the bytes; may hold the beginning of the file already.

        Returns:
            The error of this attempt, or None if the file is complete.

        Raises:
            StoreError: The target can't be written.
            NotConfigured: The key is missing or not valid.
        """
        is_call = isinstance(source, ApiCall)
        url = self._build_url(source) if isinstance(source, ApiCall) else source
        for _ in range(_MAX_REDIRECTS + 1):
            # Checked in httpx's own spelling, so that no unusual spelling leads elsewhere.
            url = _normalize_url(url)
            addresses = await self._find_allowed_addresses(url)
            if addresses is None:
                return build_forbidden_url_error(url)
            headers = progress.build_range_headers()
            if is_call and is_same_origin(url, self.base_url):
                headers["Authorization"] = f"Bearer {self._get_key()}"
            response = await self._request_file(url, headers, addresses)
            if isinstance(response, LostResponse):
                return build_download_error(url, response.reason)
            location = response.headers.get("location", "")
            if not (300 <= response.status_code < 400 and location):
                return await _receive_response(
                    response, progress, url=url, is_authenticated=is_call
                )
            await response.aclose()
            url = urljoin(url, location)
        return build_forbidden_url_error(url)

    async def _request_file(
        self, url: str, headers: dict[str, str], addresses: tuple[str, ...]
    ) -> httpx.Response | LostResponse:
        http = self._get_download_http(url)
        try:
            request = http.build_request(
                "GET",
                url,
                headers=headers,
                timeout=httpx.Timeout(_READ_TIMEOUT_SECONDS, connect=_CONNECT_TIMEOUT_SECONDS),
                extensions={ADDRESSES_EXTENSION: addresses},
            )
            # The read time-out alone would let headers arrive byte by byte for days.
            async with asyncio.timeout(_HEADERS_TIMEOUT_SECONDS):
                return await http.send(request, stream=True)
        except Exception as error:
            return _to_lost_response(error, status=0)

    def _build_request(
        self, http: httpx.AsyncClient, call: ApiCall, timeout: httpx.Timeout
    ) -> httpx.Request:
        headers = {
            **dict(call.headers),
            "Authorization": f"Bearer {self._get_key()}",
            "Accept": "application/json",
        }
        try:
            request = http.build_request(
                call.method,
                self._build_url(call),
                headers=headers,
                timeout=timeout,
                **build_body(call),
            )
        except (ValueError, TypeError):
            failure = "the request contains text that is not valid Unicode; retype the prompt"
        else:
            max_bytes = self._provider.max_request_bytes
            if int(request.headers.get("Content-Length", 0)) <= max_bytes:
                return request
            failure = (
                f"the request is larger than the vendor's limit of {max_bytes // 1_000_000} MB; "
                "use smaller images"
            )
        # Raised outside the handler, so that the error does not carry the request with it.
        raise InvalidRequest(failure)

    def _build_url(self, call: ApiCall) -> str:
        return str(httpx.URL(self.base_url + call.path, params=list(call.query) or None))

    async def _find_allowed_addresses(self, url: str) -> tuple[str, ...] | None:
        """Return the addresses of a URL's host; None if the URL must not be requested.

        A URL of the base URL's own origin is always allowed: calls go there with the key.
        """
        if not is_http_url(url):
            return None
        is_own_origin = is_same_origin(url, self.base_url)
        allows_private = is_own_origin or is_private_url(self.base_url)
        if is_private_url(url) and not allows_private:
            return None
        literal = find_literal_address(url)
        addresses = (
            (literal,) if literal else tuple(await self._resolve_host(urlsplit(url).hostname or ""))
        )
        is_forbidden = is_forbidden_address if allows_private else is_private_address
        if not is_own_origin and any(map(is_forbidden, addresses)):
            return None
        return addresses


async def _receive_response(
    response: httpx.Response, progress: DownloadProgress, *, url: str, is_authenticated: bool
) -> ProviderError | None:
    """Write the body of a download's response to its target; None if the file is complete."""
    headers, status = _lower_headers(response), response.status_code
    try:
        if status not in (200, 206):
            text = await _read_error_text(response)
            return classify_http_error(
                status, headers, body_text=text, url=url, is_authenticated=is_authenticated
            )
        error = progress.start_response(status, headers, url)
        if error is not None:
            return error
        try:
            async with (
                asyncio.timeout(_DOWNLOAD_TIMEOUT_SECONDS),
                aclosing(iter_body(response)) as pieces,
            ):
                async for piece in pieces:
                    if not progress.write_chunk(piece):
                        return build_too_large_error(url, progress.max_bytes)
        except _BODY_ERRORS as raised:
            lost = _to_lost_response(raised, status=status)
        else:
            return progress.finish_response(url)
        return build_download_error(url, lost.reason)
    finally:
        await response.aclose()


async def _read_error_text(response: httpx.Response) -> str:
    data = bytearray()
    try:
        async with (
            asyncio.timeout(_READ_TIMEOUT_SECONDS),
            aclosing(iter_body(response)) as pieces,
        ):
            async for piece in pieces:
                data += piece
                if len(data) > _MAX_ERROR_BYTES:
                    break
    except _BODY_ERRORS:
        return ""
    return data[:_MAX_ERROR_BYTES].decode("utf-8", "replace")


def _to_lost_response(error: Exception, *, status: int) -> LostResponse:
    cause = next((text for kind, text in _CAUSES if isinstance(error, kind)), "")
    # The words of httpx about a broken connection say no more, and those of the system begin with
    # a number.
    message = "" if cause == _CONNECTION_LOST else sanitize_text(str(error), max_chars=160)
    message = re.sub(r"\[Errno -?\d+\] ", "", message)
    reason = ": ".join(filter(None, (cause, message))) or type(error).__name__
    return LostResponse(
        was_sent=status != 0 or not isinstance(error, _NOT_SENT_ERRORS),
        reason=reason,
        status=status,
    )


def _open_client(**options: Any) -> httpx.AsyncClient:
    """Return an HTTP client with our headers that follows no redirects.

    Raises:
        NotConfigured: A proxy of the environment can't be used.
    """
    try:
        return httpx.AsyncClient(follow_redirects=False, headers=_HEADERS, **options)
    except (ValueError, ImportError, httpx.InvalidURL):
        failure = (
            "a proxy of the environment can't be used; set HTTPS_PROXY, HTTP_PROXY or ALL_PROXY "
            "to an http or https URL"
        )
    # Raised outside the handler: the error of httpx may hold the proxy's password.
    raise NotConfigured(failure)


def _empty_ssl_context() -> ssl.SSLContext:
    """Return a context without certificates, for connections without TLS.

    Loading the certificates takes longer than a whole render by the simulator.
    """
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _find_proxy(url: str) -> str:
    """Return the proxy that the user's environment sets for a URL; empty for none."""
    parts, proxies = urlsplit(url), getproxies()
    proxy = proxies.get(parts.scheme.lower()) or proxies.get("all") or ""
    if not proxy or proxy_bypass(parts.hostname or ""):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _validate_base_url(base_url: str, provider: Provider) -> str:
    url = base_url.strip().rstrip("/")
    parts = urlsplit(url) if is_http_url(url) else None
    if parts is None or parts.query or parts.fragment or "@" in parts.netloc:
        msg = (
            f"{provider.name} has no valid base URL; "
            f"set {provider.base_url_variable} to an http or https URL without ? and @"
        )
        raise NotConfigured(msg)
    return url


def _sum_timeouts(timeout: httpx.Timeout) -> float:
    return float(sum(value for value in timeout.as_dict().values() if value))


def _normalize_url(url: str) -> str:
    try:
        return str(httpx.URL(url))
    except (httpx.InvalidURL, ValueError):
        return ""


def _lower_headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


async def _resolve_with_system(host: str) -> list[str]:
    """Return the addresses of a host; empty if it has none, for example behind a proxy."""
    try:
        infos = await asyncio.get_running_loop().getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return []
    return [str(address[0]) for *_, address in infos]


async def _resolve_nothing(_host: str) -> list[str]:
    return []


class _RedactingFilter(logging.Filter):
    """Redacts log records: httpx logs whole URLs, httpcore whole headers, with signatures."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record and keep it."""
        record.msg, record.args = sanitize_text(record.getMessage(), max_chars=500), ()
        return True


_REDACTING_FILTER = _RedactingFilter()


def _redact_http_logs() -> None:
    names = ("connection", "http11", "http2", "proxy", "socks")
    for name in ("httpx", *(f"httpcore.{name}" for name in names)):
        logging.getLogger(name).addFilter(_REDACTING_FILTER)
