"""Serves the simulator on loopback: beside a running program in a thread, or by itself."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from tasks.errors import NotConfigured
from tasks.simulator.app import build_app, resume_callbacks
from tasks.simulator.clock import Clock
from tasks.simulator.connection import Connection
from tasks.simulator.faults import Faults
from tasks.simulator.house import CALLBACK_SECONDS, House, open_house

_HOST = "127.0.0.1"
_GRACE_SECONDS = 2
# Longer than any client keeps a connection: a create that is sent over one that is just being
# closed could not be told from one that was lost.
_KEEP_ALIVE_SECONDS = 120


@contextmanager
def serve(
    root: Path,
    *,
    job_seconds: float | None = None,
    port: int = 0,
    ffmpeg: Path | str | None = None,
    clock: Clock | None = None,
    faults: Faults | None = None,
    callback_seconds: float = CALLBACK_SECONDS,
) -> Iterator[str]:
    """Serve in a thread and give the base URL, such as `http://127.0.0.1:43211`.

    Port 0 takes a free one. `job_seconds` None lets a job take as long as its picture needs. The
    ffmpeg program is not needed: pictures are encoded in this process. A callback has
    `callback_seconds` to be acknowledged. Raises NotConfigured where the port is taken.
    """
    del ffmpeg
    sock = _listen(port)
    try:
        house = open_house(
            root,
            clock=clock,
            faults=faults,
            job_seconds=job_seconds,
            callback_seconds=callback_seconds,
        )
    except BaseException:
        sock.close()
        raise
    server = _Server(house)
    thread = threading.Thread(target=server.run, args=([sock],), name="simulator-server")
    thread.start()
    server.answering.wait()
    base_url = f"http://{_HOST}:{sock.getsockname()[1]}"
    try:
        resume_callbacks(house, base_url)
        yield base_url
    finally:
        house.closing.set()
        server.should_exit = True
        thread.join()
        house.close()


class _Server(uvicorn.Server):
    """uvicorn, which says when it answers and stops without waiting for idle clients."""

    def __init__(self, house: House) -> None:
        self.answering = threading.Event()
        super().__init__(
            uvicorn.Config(
                build_app(house),
                http=Connection,
                loop="asyncio",
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then let the waiting thread go on."""
        try:
            await super().startup(sockets)
        finally:
            self.answering.set()

    async def main_loop(self) -> None:
        """Look for the end often: uvicorn's own tenth of a second is felt in every test."""
        tick = 0
        while not await self.on_tick(tick):
            tick += 1
            await asyncio.sleep(0.02)


def _listen(port: int) -> socket.socket:
    # With the protocol told, asyncio turns Nagle's delay off: it costs 40 ms on every reply.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((_HOST, port))
    except OSError as taken:
        sock.close()
        message = f"The simulator can't listen on port {port} ({taken.strerror}); choose another"
        raise NotConfigured(message) from taken
    # Listening at once: whoever connects before the server runs waits instead of failing.
    sock.listen(128)
    return sock
