"""Bodies of HTTP requests and responses: encoded by httpx, decompressed and decoded within limits.

httpx 0.28 decompresses without a limit: it turns 483 bytes of `gzip, gzip` into a single chunk of
200 MB, and 58 kB of gzip into one of 60 MB, before its caller sees the first byte. So response
bodies are read raw and decompressed here. URLs belong in `http_transport`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

import httpx

from tasks.providers.types import ApiCall, ApiResponse

_MAX_RESPONSE_BYTES = 4_000_000
_MAX_TEXT_CHARS = 4000
_MAX_JSON_DEPTH = 100
_CHUNK_BYTES = 1 << 16


class DecompressionError(Exception):
    """A response body can't be decompressed; the message gives the reason in a few words."""


def build_body(call: ApiCall) -> dict[str, Any]:
    """Return the body of a call as arguments of httpx's `build_request`."""
    if call.parts:
        return {
            "files": [
                (part.name, (part.filename or None, part.data, part.mime_type or None))
                for part in call.parts
            ]
        }
    return {} if call.json is None else {"json": call.json}


def decode_response(status: int, headers: dict[str, str], data: bytes | None) -> ApiResponse:
    """Return the response; its body is None if it is not JSON, or nested too deeply.

    Args:
        status: The HTTP status.
        headers: Names in lower case.
        data: The body; None if it was too large to read.
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
    for _ in range(_MAX_JSON_DEPTH):
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


class Decompressor:
    """Decompresses one body in pieces of at most 64 KiB."""

    def __init__(self, encoding: str) -> None:
        """Start a body.

        Args:
            encoding: The Content-Encoding header; empty if there is none.

        Raises:
            DecompressionError: The encoding is not identity, gzip or deflate. Several encodings on
                top of each other are only used by decompression bombs.
        """
        name = encoding.strip().lower()
        if name not in ("", "identity", "gzip", "x-gzip", "deflate"):
            msg = "the body has an encoding that was not requested"
            raise DecompressionError(msg)
        # 32: zlib detects gzip and zlib headers; `deflate` means the latter.
        is_identity = name in ("", "identity")
        self._zlib = None if is_identity else zlib.decompressobj(32 + zlib.MAX_WBITS)
        self._has_started = False

    def decompress(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the decompressed pieces of a chunk.

        Raises:
            DecompressionError: The body is damaged.
        """
        if self._zlib is None:
            yield chunk
            return
        while chunk and not self._zlib.eof:
            try:
                piece = self._zlib.decompress(chunk, _CHUNK_BYTES)
            except zlib.error as error:
                msg = "the compressed body is damaged"
                raise DecompressionError(msg) from error
            chunk = self._zlib.unconsumed_tail
            self._has_started = True
            if piece:
                yield piece

    @property
    def is_complete(self) -> bool:
        """True if the body was not cut off."""
        return self._zlib is None or self._zlib.eof or not self._has_started


async def iter_body(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """Yield the decompressed body of a streamed response, in pieces of at most 64 KiB.

    A body that is not compressed comes in the pieces of the network.

    Raises:
        DecompressionError: The body has another encoding, is damaged or cut off.
    """
    decompressor = Decompressor(response.headers.get("content-encoding", ""))
    async for chunk in response.aiter_raw():
        for piece in decompressor.decompress(chunk):
            yield piece
    if not decompressor.is_complete:
        msg = "the compressed body was cut off"
        raise DecompressionError(msg)


async def read_body(response: httpx.Response) -> bytes | None:
    """Return the body of a streamed response, or None if it is larger than 4 MB.

    Raises:
        DecompressionError: The body has another encoding, is damaged or cut off.
    """
    data = bytearray()
    async with aclosing(iter_body(response)) as pieces:
        async for piece in pieces:
            data += piece
            if len(data) > _MAX_RESPONSE_BYTES:
                return None
    return bytes(data)
