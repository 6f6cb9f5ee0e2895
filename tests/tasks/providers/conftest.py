"""A vendor of a few lines on loopback, which can also break off, stall and lie; and wire data."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tasks.providers import PROVIDERS
from tasks.providers.client import Client
from tasks.providers.dialects import DIALECTS
from tasks.providers.types import MediaInput, RenderRequest

WIRE = Path(__file__).parents[2] / "wire"
KEY = "sk-very-secret-0123456789"

Act = Callable[["Connection"], Awaitable[None]]


@dataclass
class Request:
    """What arrived, as it stood on the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Connection:
    """One request and the two ends of its connection."""

    request: Request
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(
        self, status: int, body: Any = b"", headers: dict[str, str] | None = None
    ) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        told = {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        await self.send(f"HTTP/1.1 {status} Told\r\n{head}\r\n".encode() + data)

    async def reset(self) -> None:
        """Break the connection the hard way."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@dataclass
class Vendor:
    """Answers each request with the next act; the last one stays."""

    acts: list[Act]
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/ark/api/v3"

    def file(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/files/{name}?X-Tos-Signature=5ec7e7"

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while request := await _read(reader):
                act = self.acts[min(len(self.requests), len(self.acts) - 1)]
                self.requests.append(request)
                await act(Connection(request, writer))
                if writer.is_closing():
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, target, headers, body)


@asynccontextmanager
async def _serving(*acts: Act) -> AsyncIterator[Vendor]:
    vendor = Vendor(list(acts))
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(vendor.take(reader, writer))
        tasks.add(task)

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


@pytest.fixture
def serving():
    """`async with serving(act, …) as vendor`: a vendor that answers with these acts in turn."""
    return _serving


@pytest.fixture
def answers():
    """`answers(status, body, headers)`: the act of one whole answer."""

    def make(status: int, body: Any = b"", headers: dict[str, str] | None = None) -> Act:
        async def act(connection: Connection) -> None:
            await connection.answer(status, body, headers)

        return act

    return make


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.naps: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    """A clock without waiting."""
    return Clock()


@pytest.fixture
def key() -> str:
    """The API key that must never be seen."""
    return KEY


@pytest.fixture
def client_of(clock: Clock):
    """`client_of(base_url, …)`: a client that speaks ark there, with the test's clock."""

    def make(base_url: str, *, provider: str = "ark", row: dict[str, Any] | None = None, **more):
        chosen = replace(PROVIDERS[provider], **(row or {}))
        more.setdefault("api_key", SecretStr(KEY))
        return Client(
            chosen,
            DIALECTS[chosen.dialect],
            base_url=base_url,
            clock=clock,
            sleep=clock.sleep,
            **more,
        )

    return make


@pytest.fixture
def order() -> RenderRequest:
    """The smallest order."""
    return RenderRequest(model="doubao-seedance-1-5-pro-251215", prompt="A lamp turns on.")


def _order(told: dict[str, Any]) -> RenderRequest:
    media = tuple(
        MediaInput(
            role=one["role"],
            url=one.get("url", ""),
            data=base64.b64decode(one.get("base64", "")),
            mime_type=one.get("mime", ""),
        )
        for one in told.get("media", ())
    )
    return RenderRequest(**{**told, "media": media, "tools": tuple(told.get("tools", ()))})


@pytest.fixture
def order_of():
    """`order_of(told)`: the order that a wire file tells."""
    return _order


def wire_files(kind: str) -> Sequence[Path]:
    return sorted(WIRE.glob(f"*/{kind}-*.json")) + sorted(WIRE.glob(f"*/{kind}.json"))


@pytest.fixture
def wire_folders() -> set[str]:
    """The dialects that have both a create and a question saved."""
    creates, queries = (
        {path.parent.name for path in wire_files(kind)} for kind in ("create", "query")
    )
    return creates & queries


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give tests with a `…_file` argument every wire file of that kind, as (dialect, told)."""
    for name in metafunc.fixturenames:
        if name.endswith("_file"):
            files = wire_files(name.removesuffix("_file"))
            cases = [(path.parent.name, json.loads(path.read_text("utf-8"))) for path in files]
            metafunc.parametrize(name, cases, ids=[f"{p.parent.name}-{p.stem}" for p in files])
