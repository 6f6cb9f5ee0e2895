"""A transport that connects to addresses which were checked before, and never resolves a name.

A name that is resolved a second time may lead elsewhere: its owner can answer with a public address
when the name is checked, and with a loopback address a moment later. Which addresses are allowed is
decided in `http_transport`.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable

import httpx

ADDRESSES_EXTENSION = "checked_addresses"
"""The extension of a request with the addresses that it may connect to, in their order."""

_CONNECT_ERRORS = (httpx.ConnectError, httpx.ConnectTimeout)


class PinnedTransport(httpx.AsyncBaseTransport):
    """Sends a request to its checked addresses, one after the other until one accepts.

    Host header, server name and certificate stay those of the URL's host. Connections are not
    reused, because httpx would share one between all hosts of an address.
    """

    def __init__(self, verify: ssl.SSLContext) -> None:
        limits = httpx.Limits(max_keepalive_connections=0)
        self._transport = httpx.AsyncHTTPTransport(verify=verify, limits=limits, trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request.

        Raises:
            httpx.ConnectError: The request has no checked address, or none accepts a connection.
        """
        addresses: Iterable[str] = request.extensions.get(ADDRESSES_EXTENSION, ())
        error: httpx.TransportError = httpx.ConnectError("the host has no address")
        for address in addresses:
            try:
                return await self._transport.handle_async_request(_pin(request, address))
            except _CONNECT_ERRORS as raised:
                error = raised
        raise error

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()


def _pin(request: httpx.Request, address: str) -> httpx.Request:
    """Return the request with the address in its URL and the host's name everywhere else."""
    server_name = request.url.raw_host.decode("ascii")
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": server_name},
    )
