"""Replies that a well-behaved server can't give: none at all, half of one, or very slowly.

The server's own class for a connection is extended by one thing: a request can reach the
transport it came over, which is what breaking off needs.
"""

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


class Connection(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with the transport in each request's state."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport where requests find it."""
        if isinstance(transport, asyncio.Transport):
            super().connection_made(transport)
        self.app_state = {**self.app_state, _STATE: transport}


class NoReply(Response):
    """Closes the connection without a word, by a reset where the kernel can."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Break off and wait until the server has noticed."""
        _break_off(scope, reset=self._reset)
        await _gone(receive)


class BrokenReply(Response):
    """Sends the head with the whole length, then part of the body, and closes or resets."""

    def __init__(self, whole: Response, body: bytes, keep: int, *, reset: bool = False) -> None:
        super().__init__()
        self._whole = whole
        self._body = body
        self._keep = keep
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the first bytes and break off."""
        headers = [pair for pair in self._whole.raw_headers if pair[0] != b"content-length"]
        headers.append((b"content-length", str(len(self._body)).encode()))
        await send(
            {
                "type": "http.response.start",
                "status": self._whole.status_code,
                "headers": headers,
            }
        )
        part = self._body[: self._keep]
        await send({"type": "http.response.body", "body": part, "more_body": True})
        _break_off(scope, reset=self._reset)
        await _gone(receive)


async def wait(seconds: float, is_closing: Callable[[], bool]) -> None:
    """Wait, but no longer than the server stands."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end and not is_closing():
        await asyncio.sleep(min(0.05, max(0.0, end - loop.time())))


def _break_off(scope: Scope, *, reset: bool) -> None:
    transport = _transport(scope)
    if not reset:
        transport.close()
        return
    raw: Any = transport.get_extra_info("socket")
    # Lingering for zero seconds turns closing into a reset.
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _transport(scope: Scope) -> asyncio.Transport:
    transport = scope["state"][_STATE]
    if not isinstance(transport, asyncio.Transport):
        message = "this server does not serve through tasks.simulator.connection"
        raise TypeError(message)
    return transport


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
