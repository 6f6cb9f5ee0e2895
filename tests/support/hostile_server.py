"""Serves a hostile vendor on loopback, by real HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.support.hostile_vendor import HostileVendor
from tests.support.wire import Connection, StubVendor, serve


@contextmanager
def serve_hostile_vendor(vendor: HostileVendor) -> Iterator[str]:
    """Serve a vendor from a thread within this block, and yield the root of its URLs."""
    started, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()
    roots: list[str] = []

    async def handle(connection: Connection) -> None:
        request = connection.request
        url = f"{roots[0]}{request.target}"
        try:
            answer = await vendor.handle(
                httpx.Request(request.method, url, headers=request.headers, content=request.body)
            )
        except (httpx.ReadError, httpx.WriteError):
            await connection.reset()
        except httpx.TransportError:
            connection.writer.close()
        else:
            await connection.respond(answer.status_code, answer.read(), dict(answer.headers))

    async def run() -> None:
        async with serve(handle) as stub:
            roots.append(_root_of(stub))
            vendor.files_url = f"{roots[0]}/files"
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    started.wait()
    try:
        yield roots[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def _root_of(stub: StubVendor) -> str:
    return f"http://127.0.0.1:{stub.port}"
