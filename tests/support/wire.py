"""A stub vendor on loopback that can break off, stall and misbehave; clients of it; wire data."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from tasks.errors import NotConfigured, ProviderError, StoreError
from tasks.providers import PROVIDERS
from tasks.providers.client import Client
from tasks.providers.dialects import DIALECTS
from tasks.providers.types import MediaInput, RenderRequest

WIRE_FOLDER = Path(__file__).parents[1] / "wire"
API_KEY = "sk-very-secret-0123456789"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8

QUEUED = {"id": "cgt-1", "status": "queued"}
RUNNING = {"id": "cgt-1", "status": "running"}
SUCCEEDED = {
    "id": "cgt-1",
    "status": "succeeded",
    "content": {"video_url": "https://v.example.com/c.mp4?sig=1"},
}

Handler = Callable[["Connection"], Awaitable[None]]
"""Handles one request: responds, breaks off or stalls."""


@dataclass
class ReceivedRequest:
    """A request as the stub vendor received it."""

    method: str
    target: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


@dataclass
class Connection:
    """One request and the connection to respond on."""

    request: ReceivedRequest
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send raw bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def respond(
        self, status: int, body: Any = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a complete response; a body that is not bytes is sent as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        mime_type = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        defaults = {"Content-Type": mime_type, "Content-Length": str(len(data))}
        lines = (f"{name}: {value}\r\n" for name, value in {**defaults, **(headers or {})}.items())
        await self.send(f"HTTP/1.1 {status} Status\r\n{''.join(lines)}\r\n".encode() + data)

    async def reset(self) -> None:
        """Reset the connection instead of closing it."""
        raw_socket = self.writer.get_extra_info("socket")
        raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@dataclass
class StubVendor:
    """Handles each request with the next handler; the last handler stays."""

    handlers: list[Handler]
    port: int = 0
    requests: list[ReceivedRequest] = field(default_factory=list)
    connections: int = 0

    @property
    def base_url(self) -> str:
        """The base URL of its API."""
        return f"http://127.0.0.1:{self.port}/ark/api/v3"

    @property
    def methods(self) -> list[str]:
        """The methods of the received requests."""
        return [request.method for request in self.requests]

    def file_url(self, name: str) -> str:
        """Return a signed URL of a file."""
        return f"http://127.0.0.1:{self.port}/files/{name}?X-Tos-Signature=5ec7e7"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle the requests of one connection."""
        self.connections += 1
        try:
            while request := await _read_request(reader):
                handler = self.handlers[min(len(self.requests), len(self.handlers) - 1)]
                self.requests.append(request)
                await handler(Connection(request, writer))
                if writer.is_closing():
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


async def _read_request(reader: asyncio.StreamReader) -> ReceivedRequest | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return ReceivedRequest(method, target, headers, body)


@asynccontextmanager
async def serve(*handlers: Handler) -> AsyncIterator[StubVendor]:
    """Run a stub vendor on a loopback port."""
    vendor = StubVendor(list(handlers))
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(vendor.handle(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    vendor.port = server.sockets[0].getsockname()[1]
    try:
        yield vendor
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def respond(status: int, body: Any = b"", headers: Mapping[str, str] | None = None) -> Handler:
    """Return a handler that sends one complete response."""

    async def handler(connection: Connection) -> None:
        await connection.respond(status, body, headers)

    return handler


async def reset(connection: Connection) -> None:
    """Reset the connection without a response."""
    await connection.reset()


async def cut_off(connection: Connection) -> None:
    """Close the connection in the middle of a 200."""
    await connection.send(b'HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{"id":"cgt-')
    connection.writer.close()


async def stall(_connection: Connection) -> None:
    """Never respond."""
    await asyncio.Event().wait()


class FakeClock:
    """A clock that advances only when its `sleep` is awaited."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Advance the clock without waiting."""
        self.sleeps.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def build_client(
    base_url: str,
    *,
    provider: str = "ark",
    overrides: Mapping[str, Any] | None = None,
    clock: FakeClock | None = None,
    **options: Any,
) -> Client:
    """Build a client with a fake clock.

    Args:
        base_url: The base URL.
        provider: The name of a built-in provider.
        overrides: Fields of the provider that are replaced.
        clock: The clock; a new one if it is None.
        options: Further arguments of `Client`.
    """
    chosen = replace(PROVIDERS[provider], **(overrides or {}))
    clock = clock or FakeClock()
    options.setdefault("api_key", SecretStr(API_KEY))
    return Client(
        chosen,
        DIALECTS[chosen.dialect],
        base_url=base_url,
        clock=clock,
        sleep=clock.sleep,
        **options,
    )


def run_client(
    action: Callable[[Client], Awaitable[Any]], *handlers: Handler, **options: Any
) -> tuple[Any, StubVendor]:
    """Run an action of a client against a stub vendor.

    Args:
        action: Receives the client.
        handlers: The handlers of the vendor's requests, in order; the last one stays.
        options: Arguments of `build_client`.

    Returns:
        The result of the action, or the error that it raised; and the vendor.
    """

    async def run() -> tuple[Any, StubVendor]:
        async with serve(*handlers) as vendor, build_client(vendor.base_url, **options) as client:
            try:
                return await action(client), vendor
            except (ProviderError, NotConfigured, StoreError) as error:
                return error, vendor

    return asyncio.run(run())


def parse_request(data: Mapping[str, Any]) -> RenderRequest:
    """Build the render request that a wire file describes under `order`."""
    media = tuple(
        MediaInput(
            role=medium["role"],
            url=medium.get("url", ""),
            data=base64.b64decode(medium.get("base64", "")),
            mime_type=medium.get("mime", ""),
        )
        for medium in data.get("media", ())
    )
    return RenderRequest(**{**data, "media": media, "tools": tuple(data.get("tools", ()))})


def find_wire_files(kind: str) -> list[Path]:
    """Return the wire files of a kind: `create`, `query`, `list` or `cancel`."""
    return sorted(WIRE_FOLDER.glob(f"*/{kind}-*.json")) + sorted(WIRE_FOLDER.glob(f"*/{kind}.json"))
