"""Serves the simulator on loopback, in a thread of this process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from tasks.errors import NotConfigured
from tasks.simulator.access import HostCheck
from tasks.simulator.app import build_app, resume_callbacks
from tasks.simulator.broken_responses import InterruptibleProtocol
from tasks.simulator.clock import Clock
from tasks.simulator.faults import Faults
from tasks.simulator.state import CALLBACK_SECONDS, SimulatorState, open_state

_HOST = "127.0.0.1"
_SHUTDOWN_SECONDS = 2
# Longer than any client keeps a connection. A create that is sent while the server closes an idle
# connection looks like a lost one.
_KEEP_ALIVE_SECONDS = 120
_TICK_SECONDS = 0.02


@contextmanager
def serve(
    root: Path,
    *,
    job_seconds: float | None = None,
    port: int = 0,
    clock: Clock | None = None,
    faults: Faults | None = None,
    callback_seconds: float = CALLBACK_SECONDS,
) -> Iterator[str]:
    """Serve the simulator in a thread while the context is open.

    Args:
        root: The folder for jobs and files; it need not exist.
        job_seconds: The minimum duration of a job; by default as long as the rendering takes.
        port: The port on 127.0.0.1; 0 for a free one.
        clock: The simulator's time; by default the system clock.
        faults: The faults to apply; more can be injected while it is served.
        callback_seconds: How long a receiver has to acknowledge a callback.

    Yields:
        The root URL, such as `http://127.0.0.1:43211`.

    Raises:
        NotConfigured: The port is taken; the user must choose another.
    """
    sock = _listen(port)
    try:
        state = open_state(
            root,
            clock=clock,
            faults=faults,
            job_seconds=job_seconds,
            callback_seconds=callback_seconds,
        )
    except BaseException:
        sock.close()
        raise
    server = _Server(state)
    thread = threading.Thread(target=server.run, args=([sock],), name="simulator-server")
    thread.start()
    server.is_ready.wait()
    base_url = f"http://{_HOST}:{sock.getsockname()[1]}"
    try:
        resume_callbacks(state, base_url)
        yield base_url
    finally:
        state.closing.set()
        server.should_exit = True
        thread.join()
        state.close()


class _Server(uvicorn.Server):
    """A uvicorn server that signals when it is ready and stops without waiting for idle clients."""

    def __init__(self, state: SimulatorState) -> None:
        self.is_ready = threading.Event()
        super().__init__(
            uvicorn.Config(
                HostCheck(build_app(state), _HOST),
                http=InterruptibleProtocol,
                loop="asyncio",
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then signal that the server is ready."""
        try:
            await super().startup(sockets)
        finally:
            self.is_ready.set()

    async def main_loop(self) -> None:
        """Check often for the end: every test would wait for uvicorn's own 0.1 s."""
        tick = 0
        while not await self.on_tick(tick):
            tick += 1
            await asyncio.sleep(_TICK_SECONDS)


def _listen(port: int) -> socket.socket:
    # With an explicit protocol, asyncio turns off Nagle's algorithm, which delays every response
    # by 40 ms.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((_HOST, port))
    except OSError as error:
        sock.close()
        message = f"The simulator can't listen on port {port} ({error.strerror}); choose another"
        raise NotConfigured(message) from error
    # Listen now: a client that connects before the server runs then waits instead of failing.
    sock.listen(128)
    return sock
