"""The process of the local Prefect server: serves one run and ends with it.

Its standard input is a pipe from the run and closes when the run has ended, however that happened.
The process has a session of its own: Ctrl-C must reach the run only, which still has to report the
interrupt to the server.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time

GRACE_SECONDS = 2
"""Time in which the server still answers after the run has ended."""


def exit_with_parent() -> None:
    """Wait until standard input is closed, then end this process."""
    # Not through Python's buffer: its lock would be held if the process ends for another reason.
    while os.read(sys.stdin.fileno(), 1024):
        pass
    time.sleep(GRACE_SECONDS)
    os._exit(0)


def serve(listener: socket.socket) -> None:
    """Serve Prefect's API on a socket that is listening."""
    # These imports take seconds. The parent may end meanwhile, which `exit_with_parent` must see.
    import uvicorn
    from prefect.server.api.server import create_app
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    # A web page can let a name of its own point to loopback and send requests as that host.
    app = TrustedHostMiddleware(
        create_app(ephemeral=True, final=True), allowed_hosts=["127.0.0.1", "localhost"]
    )
    config = uvicorn.Config(
        app,
        proxy_headers=False,
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=1,
        lifespan="on",
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    # The run waits for SIGTERM in a thread and has it blocked, and this process inherits that.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=exit_with_parent, daemon=True).start()
    serve(socket.socket(fileno=int(sys.argv[1])))
