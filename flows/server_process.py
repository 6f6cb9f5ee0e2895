"""The local Prefect server, as a process of its own: serves one run and leaves with it.

Its standard input is the lifeline: it ends when the run that started it is gone, however that went.
It sits in its own session, because Ctrl-C must reach the run and not the server that the run still
has to tell about it.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time

GRACE_SECONDS = 2


def leave_with_parent() -> None:
    """Wait until nobody holds the other end of standard input, then end this process."""
    # Without Python's buffer, whose lock would be held when this process ends in another way.
    while os.read(sys.stdin.fileno(), 1024):
        pass
    time.sleep(GRACE_SECONDS)
    os._exit(0)


def serve(listener: socket.socket) -> None:
    """Serve Prefect's API on a socket that listens already."""
    import uvicorn
    from prefect.server.api.server import create_app

    config = uvicorn.Config(
        create_app(ephemeral=True, final=True),
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=1,
        lifespan="on",
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    # The run that starts this waits for SIGTERM in a thread of its own, and has it blocked.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=leave_with_parent, daemon=True).start()
    serve(socket.socket(fileno=int(sys.argv[1])))
