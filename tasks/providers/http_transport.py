"""One HTTP exchange with httpx at a time: send a call, or receive a file, within size limits.

No retries and no wire formats; what is sent again is decided in `client`.

Proxies and certificates of the environment apply to vendors, never to this machine. No error
contains the httpx exception, because that holds the request with its key.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing
from urllib.parse import urljoin, urlsplit

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
from tasks.providers.provider import Provider
from tasks.providers.types import ApiCall, ApiResponse, LostResponse
from tasks.providers.url_policy import (
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

# With these the request certainly did not leave this machine.
_NOT_SENT_ERRORS = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)

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
        build_http = _http_client_factory(self.base_url, transport)
        # A create on a kept connection that the vendor closes at that moment would be unclear.
        self._create_http = build_http(httpx.Limits(max_keepalive_connections=0))
        self._query_http = build_http(httpx.Limits(max_keepalive_connections=4))
        self._download_http = build_http(httpx.Limits(max_keepalive_connections=4))

    async def aclose(self) -> None:
        """Close every connection."""
        for http in (self._create_http, self._query_http, self._download_http):
            await http.aclose()

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
        send us into a private network, unless its base URL is in one itself.

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
            if not await self._is_allowed(url):
                return build_forbidden_url_error(url)
            headers = progress.build_range_headers()
            if is_call and is_same_origin(url, self.base_url):
                headers["Authorization"] = f"Bearer {self._get_key()}"
            response = await self._request_file(url, headers)
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
        self, url: str, headers: dict[str, str]
    ) -> httpx.Response | LostResponse:
        try:
            request = self._download_http.build_request(
                "GET", url, headers=headers, timeout=httpx.Timeout(_READ_TIMEOUT_SECONDS)
            )
            # The read time-out alone would let headers arrive byte by byte for days.
            async with asyncio.timeout(_HEADERS_TIMEOUT_SECONDS):
                return await self._download_http.send(request, stream=True)
        except Exception as error:
            return _to_lost_response(error, status=0)

    def _build_request(
        self, http: httpx.AsyncClient, call: ApiCall, timeout: httpx.Timeout
    ) -> httpx.Request:
        headers = {"Authorization": f"Bearer {self._get_key()}", "Accept": "application/json"}
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

    async def _is_allowed(self, url: str) -> bool:
        if not is_http_url(url):
            return False
        if is_private_url(self.base_url):
            return True
        if is_private_url(url):
            return False
        addresses = await self._resolve_host(urlsplit(url).hostname or "")
        return not any(is_private_address(address) for address in addresses)


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
    name = type(error).__name__
    message = sanitize_text(str(error), max_chars=160)
    return LostResponse(
        was_sent=status != 0 or not isinstance(error, _NOT_SENT_ERRORS),
        reason=f"{name}: {message}" if message else name,
        status=status,
    )


def _http_client_factory(
    base_url: str, transport: httpx.AsyncBaseTransport | None
) -> Callable[[httpx.Limits], httpx.AsyncClient]:
    """Return a function that builds HTTP clients with one shared set of certificates."""
    is_remote = not is_loopback_url(base_url)
    needs_no_certificates = not is_remote and base_url.lower().startswith("http:")
    # Loading the certificates takes longer than a whole render by the simulator.
    verify = (
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if needs_no_certificates
        else httpx.create_ssl_context(trust_env=is_remote)
    )

    def build_http(limits: httpx.Limits) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            verify=verify,
            trust_env=is_remote,
            transport=transport,
            limits=limits,
            follow_redirects=False,
            headers={"User-Agent": "shotchain", "Accept-Encoding": "identity"},
        )

    return build_http


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
