"""Access to the simulator: for programs of this machine, not for web pages that are open on it.

A page can send simple requests to loopback, and let a name of its own point there (DNS rebinding).
It cannot choose the Host header, and cannot set other headers without permission of the server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

ADMIN_HEADER = "X-Shotchain-Admin"
"""The header that every admin request must have, with any value."""

_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")


class HostCheck:
    """Rejects requests with the name of another host.

    Args:
        app: The application behind it.
        host: The name or address that the server is bound to, allowed beside those of loopback.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._allowed = {*_LOOPBACK_HOSTS, host.lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or respond with 421 (Misdirected Request)."""
        host = Headers(scope=scope).get("host", "").lower()
        if _without_port(host) in self._allowed:
            await self._app(scope, receive, send)
            return
        message = f"the simulator does not serve the host {host!r}; use http://127.0.0.1"
        await JSONResponse({"error": message}, 421)(scope, receive, send)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def require_admin_header(
    respond: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Let an admin route respond with 403 unless the request has the header."""

    async def check(request: Request) -> Response:
        if ADMIN_HEADER in request.headers:
            return await respond(request)
        message = f"admin requests need the header `{ADMIN_HEADER}: 1`"
        return JSONResponse({"error": message}, 403)

    return check
