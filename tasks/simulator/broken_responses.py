"""Responses that a correct server does not send: none, half of one, or a very slow one."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_STATE = "transport"


class InterruptibleProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with the transport in each request's state.

    A response needs the transport to close the connection in the middle of a reply.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport in the state of the connection's requests."""
        if isinstance(transport, asyncio.Transport):
            super().connection_made(transport)
        self.app_state = {**self.app_state, _STATE: transport}


class DroppedResponse(Response):
    """Closes the connection without a reply, or resets it."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        """Disconnect, and wait until the server notices."""
        _disconnect(scope, reset=self._reset)
        await _disconnected(receive)


class TruncatedResponse(Response):
    """Announces the whole length, sends part of the body, then closes or resets the connection."""

    def __init__(self, whole: Response, body: bytes, sent: int, *, reset: bool = False) -> None:
        super().__init__()
        self._whole = whole
        self._body = body
        self._sent = sent
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head and part of the body, disconnect, and wait until the server notices."""
        headers = [pair for pair in self._whole.raw_headers if pair[0] != b"content-length"]
        headers.append((b"content-length", str(len(self._body)).encode()))
        await send(
            {
                "type": "http.response.start",
                "status": self._whole.status_code,
                "headers": headers,
            }
        )
        part = self._body[: self._sent]
        await send({"type": "http.response.body", "body": part, "more_body": True})
        _disconnect(scope, reset=self._reset)
        await _disconnected(receive)


async def wait_unless_closing(seconds: float, is_closing: Callable[[], bool]) -> None:
    """Sleep for `seconds`, or until the server closes."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end and not is_closing():
        await asyncio.sleep(min(0.05, max(0.0, end - loop.time())))


def _disconnect(scope: Scope, *, reset: bool) -> None:
    transport = scope["state"][_STATE]
    if not isinstance(transport, asyncio.Transport):
        message = "the server does not use InterruptibleProtocol"
        raise TypeError(message)
    if not reset:
        transport.close()
        return
    raw: Any = transport.get_extra_info("socket")
    # Lingering for zero seconds turns a close into a reset.
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
