"""A proxy before the simulator that loses or rewrites responses, as gateways and networks do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit


class Exchange(NamedTuple):
    """A request, and the simulator's response to it."""

    operation: str
    """`create`, `list` or `other`."""
    path: str
    body: Any
    """The JSON of the response; None if it is not JSON."""


class Reply(NamedTuple):
    """The response that the client gets instead."""

    body: object
    """JSON, or bytes."""
    mime_type: str = "application/json"
    status: int = 200


LOST = Reply(b"", status=0)
"""The connection is closed without a response."""

Rewrite = Callable[[Exchange], Reply | None]
"""Returns the response that the client gets; None for the simulator's own."""


class RewritingProxy:
    """Forwards requests; `rewrite` may be replaced at any time."""

    def __init__(self, url: str) -> None:
        self.rewrite: Rewrite = lambda _: None
        self._host = urlsplit(url).netloc
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self) -> None:
                proxy.forward(self)

            do_GET = do_POST = do_DELETE = forward  # noqa: N815 - names of http.server

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """The URL of the proxy."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def serve(self) -> Iterator[RewritingProxy]:
        """Serve within this block."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def forward(self, request: BaseHTTPRequestHandler) -> None:
        """Forward one request, and send the rewritten response."""
        length = int(request.headers.get("Content-Length", 0))
        connection = HTTPConnection(self._host)
        connection.request(
            request.command, request.path, request.rfile.read(length), dict(request.headers)
        )
        response = connection.getresponse()
        data, status, headers = response.read(), response.status, response.headers
        connection.close()
        reply = self.rewrite(Exchange(_name_operation(request), request.path, _parse(data)))
        if reply is LOST:
            request.close_connection = True
            return
        mime_type = headers.get("Content-Type", "")
        if reply is not None:
            data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            status, mime_type = reply.status, reply.mime_type
        request.send_response(status)
        request.send_header("Content-Type", mime_type)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)


def _name_operation(request: BaseHTTPRequestHandler) -> str:
    if request.command == "POST":
        return "create"
    return "list" if urlsplit(request.path).path.endswith("/tasks") else "other"


def _parse(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None
