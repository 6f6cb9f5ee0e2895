"""Send HTTP requests with httpx and encode, decompress and decode their bodies within size limits.

No retries and no dialect knowledge."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import ssl
import zlib
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing

import httpx

from tasks.errors import InvalidRequest
from tasks.providers.error_mapping import LostResponse
from tasks.providers.response_fields import sanitize_text
from tasks.providers.types import ApiCall, ApiResponse, FormPart
from tasks.providers.url_policy import (
    is_loopback_url,
)

_MAX_DEPTH = 100
_MAX_TEXT_CHARS = 4000


def encode_body(call: ApiCall) -> tuple[bytes, str]:
    """The body and its content type; both empty for a call without a body.

    Raises Rejected for words that can't be written as UTF-8.
    """
    if call.parts:
        boundary = f"shotchain-{secrets.token_hex(16)}"
        content = b"".join(_encode_part(part, boundary) for part in call.parts)
        return content + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
    if call.json is None:
        return b"", ""
    try:
        text = json.dumps(call.json, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8"), "application/json"
    except (ValueError, TypeError):
        failed = "the order holds something that can't be sent as text; check the prompt's letters"
    raise InvalidRequest(failed)


def _encode_part(part: FormPart, boundary: str) -> bytes:
    filename = f'; filename="{_quote_parameter(part.filename)}"' if part.filename else ""
    kind = f"Content-Type: {part.mime_type}\r\n" if part.mime_type else ""
    head = (
        f'Content-Disposition: form-data; name="{_quote_parameter(part.name)}"{filename}\r\n{kind}'
    )
    return f"--{boundary}\r\n{head}\r\n".encode() + part.data + b"\r\n"


def _quote_parameter(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable() and letter not in '"\\')


def decode_response(status: int, headers: dict[str, str], data: bytes | None) -> ApiResponse:
    """The reply that these bytes are; its body is None where they are no JSON.

    `data` is None where the body was cut or too large.
    """
    if data is None:
        return ApiResponse(status, headers)
    text = data[:_MAX_TEXT_CHARS].decode("utf-8", "replace")
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return ApiResponse(status, headers, None, text)
    return ApiResponse(status, headers, body if _is_shallow(body) else None, text)


def _is_shallow(body: object) -> bool:
    level = [body]
    for _ in range(_MAX_DEPTH):
        deeper: list[object] = []
        for value in level:
            if isinstance(value, dict):
                deeper.extend(value.values())
            elif isinstance(value, list):
                deeper.extend(value)
        if not deeper:
            return True
        level = deeper
    return False


_CHUNK_BYTES = 1 << 16
_IDENTITY_ENCODINGS = ("", "identity")
_COMPRESSED_ENCODINGS = ("gzip", "x-gzip", "deflate")

# Both wrappings of deflate, told by their first bytes.
_AUTO_DETECT_WBITS = 32 + zlib.MAX_WBITS


class DecompressionError(Exception):
    """A body that can't be unpacked; says why in a few words."""


class Decompressor:
    """Unpacks one body. Raises Packed for an encoding that was not asked for and is not known."""

    def __init__(self, encoding: str) -> None:
        word = encoding.strip().lower()
        if word not in (*_IDENTITY_ENCODINGS, *_COMPRESSED_ENCODINGS):
            # Several on top of each other are a bomb and nothing else.
            msg = "its body is packed in a way that was not asked for"
            raise DecompressionError(msg)
        self._unpack = (
            None if word in _IDENTITY_ENCODINGS else zlib.decompressobj(_AUTO_DETECT_WBITS)
        )
        self._begun = False

    def decompress(self, chunk: bytes) -> Iterator[bytes]:
        """The bytes that a chunk brings, in pieces. Raises Packed where it is damaged."""
        if self._unpack is None:
            yield chunk
            return
        while chunk and not self._unpack.eof:
            try:
                piece = self._unpack.decompress(chunk, _CHUNK_BYTES)
            except zlib.error as error:
                msg = "its body is packed and damaged"
                raise DecompressionError(msg) from error
            chunk = self._unpack.unconsumed_tail
            self._begun = True
            if piece:
                yield piece

    @property
    def is_complete(self) -> bool:
        """Whether the body came to its own end."""
        return self._unpack is None or self._unpack.eof or not self._begun


_MAX_RESPONSE_BYTES = 4_000_000


_NOT_SENT_ERRORS = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


def http_client_factory(
    base_url: str, transport: httpx.AsyncBaseTransport | None
) -> Callable[[httpx.Limits], httpx.AsyncClient]:
    """Makes plain clients that share one set of certificates.

    Proxies and certificates of the environment count for vendors, never for this machine.
    """
    outside = not is_loopback_url(base_url)
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


async def send_request(
    http: httpx.AsyncClient, request: httpx.Request, *, total_seconds: float
) -> ApiResponse | LostResponse:
    """Send once and read the whole reply; whatever goes wrong is told, not raised."""
    status = 0
    try:
        async with asyncio.timeout(total_seconds):
            response = await http.send(request, stream=True)
            status = response.status_code
            try:
                data = await _read_body(response)
            finally:
                await response.aclose()
    except Exception as error:
        return to_lost_response(error, status=status)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return decode_response(status, headers, data)


def to_lost_response(error: Exception, *, status: int) -> LostResponse:
    # The exception itself holds the request with its key, so only its words leave here.
    name = type(error).__name__
    words = sanitize_text(str(error), max_chars=160)
    return LostResponse(
        was_sent=status != 0 or not isinstance(error, _NOT_SENT_ERRORS),
        reason=f"{name}: {words}" if words else name,
        status=status,
    )


async def _read_body(response: httpx.Response) -> bytes | None:
    """The body, or None where it is larger than any reply should be."""
    data = bytearray()
    async with aclosing(iter_body(response)) as pieces:
        async for piece in pieces:
            data += piece
            if len(data) > _MAX_RESPONSE_BYTES:
                return None
    return bytes(data)


async def iter_body(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The body as it comes, unpacked within bounds, which httpx does not keep. Raises Packed."""
    unpacker = Decompressor(response.headers.get("content-encoding", ""))
    async for chunk in response.aiter_raw():
        for piece in unpacker.decompress(chunk):
            yield piece
    if not unpacker.is_complete:
        msg = "its body is packed and cut off"
        raise DecompressionError(msg)


async def look_up_host(host: str) -> list[str]:
    """The addresses of a host; none where it can't be looked up, as behind a proxy."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return []
    return [str(place[0]) for *_, place in found]


async def resolve_no_addresses(host: str) -> list[str]:
    return []


class _RedactingFilter(logging.Filter):
    """httpx logs whole URLs, and httpcore whole headers, signatures and all."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = sanitize_text(record.getMessage(), max_chars=500), ()
        return True


_REDACTING_FILTER = _RedactingFilter()


def redact_http_logs() -> None:
    names = ("connection", "http11", "http2", "proxy", "socks")
    for name in ("httpx", *(f"httpcore.{one}" for one in names)):
        logging.getLogger(name).addFilter(_REDACTING_FILTER)
