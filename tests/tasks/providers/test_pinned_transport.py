"""Downloads connect to the addresses that were checked: a name is resolved once and never again."""

import asyncio
import socket
import ssl
import subprocess
from contextlib import asynccontextmanager

import httpx
import pytest

from tasks.errors import MalformedResponse, NotConfigured, ProviderError, Unreachable
from tasks.providers import http_transport
from tests.support.wire import build_client, respond, serve

DATA = b"\0\0\0\x18ftypmp42" + b"\1" * 500
VENDOR = "https://ark.example.com/api/v3"


class Resolver:
    """Answers the first question with the given addresses, and every further one with loopback."""

    def __init__(self, *addresses, always=False):
        self.addresses, self.always = addresses, always
        self.hosts = []

    async def __call__(self, host):
        self.hosts.append(host)
        is_first = len(self.hosts) == 1
        return self.addresses if is_first or self.always else ["127.0.0.1"]


@pytest.fixture
def public_loopback(monkeypatch):
    """Let addresses 127.0.0.2 and 127.0.0.3 pass for public, and forbid every other lookup."""

    def is_private_address(address):
        return address not in ("127.0.0.2", "127.0.0.3")

    def resolve(host, *_args, **_kwargs):
        raise AssertionError(f"{host} was resolved")

    async def getaddrinfo(_loop, host, port, **_kwargs):
        if host[0].isdigit():
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        return resolve(host)

    monkeypatch.setattr(http_transport, "is_private_address", is_private_address)
    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)


@asynccontextmanager
async def serve_on(address, *handlers, tls=None):
    """Run a stub vendor on an address of loopback."""
    original = asyncio.start_server

    def start_server(accept, _host, port):
        return original(accept, address, port, ssl=tls)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "start_server", start_server)
        async with serve(*handlers) as vendor:
            yield vendor


def fetch(url, *handlers, resolver, base_url=VENDOR, address="127.0.0.2", tls=None):
    """Fetch a file of a stub vendor; `PORT` in the URLs is its port.

    Returns:
        The bytes or the error, and the requests that arrived.
    """

    async def run():
        async with serve_on(address, *handlers, tls=tls) as vendor:
            port = str(vendor.port)
            base = base_url.replace("PORT", port)
            async with build_client(base, resolve_host=resolver) as client:
                try:
                    data = await client.fetch_bytes(url.replace("PORT", port), max_bytes=10_000)
                except (ProviderError, NotConfigured) as error:
                    return error, vendor.requests
                return data, vendor.requests

    return asyncio.run(run())


@pytest.mark.usefixtures("public_loopback")
def test_download_connects_to_checked_address():
    """A second DNS answer is never asked for; the host's name stays in the Host header."""
    resolver = Resolver("127.0.0.2")

    data, requests = fetch("http://v.example.com:PORT/c.mp4", respond(200, DATA), resolver=resolver)

    assert data == DATA
    assert resolver.hosts == ["v.example.com"]
    assert requests[0].headers["host"].startswith("v.example.com:")


@pytest.mark.usefixtures("public_loopback")
def test_download_tries_each_checked_address():
    """The first address may be unreachable, as an IPv6 address often is."""
    resolver = Resolver("127.0.0.3", "127.0.0.2")

    data, _ = fetch("http://v.example.com:PORT/c.mp4", respond(200, DATA), resolver=resolver)

    assert data == DATA


@pytest.mark.usefixtures("public_loopback")
@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("127.0.0.2", "10.0.0.1")])
def test_download_of_private_address_is_forbidden(addresses):
    """One private address among public ones is enough; the job stays done."""
    error, requests = fetch(
        "http://v.example.com:PORT/c.mp4", respond(200, DATA), resolver=Resolver(*addresses)
    )

    assert type(error) is MalformedResponse
    assert "the job stays done" in str(error)
    assert requests == []


@pytest.mark.usefixtures("public_loopback")
def test_download_redirect_is_checked_again():
    """The host of a redirect is resolved and checked separately."""
    redirect = respond(302, b"", {"Location": "http://other.example.com/c.mp4"})
    resolver = Resolver("127.0.0.2")

    error, requests = fetch("http://v.example.com:PORT/c.mp4", redirect, resolver=resolver)

    assert type(error) is MalformedResponse
    assert resolver.hosts == ["v.example.com", "other.example.com"]
    assert len(requests) == 1


@pytest.mark.usefixtures("public_loopback")
def test_download_of_unresolvable_host_is_retried():
    """Nothing is resolved behind the back of the check."""
    error, requests = fetch(
        "http://v.example.com:PORT/c.mp4", respond(200, DATA), resolver=Resolver(always=True)
    )

    assert type(error) is Unreachable
    assert "the host has no address" in str(error)
    assert requests == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """The paths of a self-signed certificate for v.example.com, and of its key."""
    folder = tmp_path_factory.mktemp("certificate")
    paths = folder / "certificate.pem", folder / "key.pem"
    subject = ["-subj", "/CN=v.example.com", "-addext", "subjectAltName=DNS:v.example.com"]
    output = ["-out", str(paths[0]), "-keyout", str(paths[1]), "-nodes", "-days", "2"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", *subject, *output]
    subprocess.run(command, check=True, capture_output=True)
    return paths


@pytest.mark.usefixtures("public_loopback")
@pytest.mark.parametrize(
    ("host", "is_served"), [("v.example.com", True), ("other.example.com", False)]
)
def test_download_verifies_certificate_of_host(monkeypatch, certificate, host, is_served):
    """Server name and certificate are those of the URL's host, not of the address."""
    server, names = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), []
    server.load_cert_chain(*certificate)
    server.sni_callback = lambda _socket, name, _context: names.append(name)
    client = ssl.create_default_context(cafile=str(certificate[0]))
    monkeypatch.setattr(httpx, "create_ssl_context", lambda **_: client)

    result, _ = fetch(
        f"https://{host}:PORT/c.mp4",
        respond(200, DATA),
        resolver=Resolver("127.0.0.2", always=True),
        tls=server,
    )

    assert set(names) == {host}
    assert result == DATA if is_served else "CERTIFICATE_VERIFY_FAILED" in str(result)


@pytest.mark.parametrize("url", ["http://gateway.example:PORT/c.mp4", "/c.mp4"])
def test_download_from_own_gateway_is_allowed(url):
    """A gateway of the user's own may serve clips from its own origin, also by a redirect."""

    async def resolver(_host):
        return ["127.0.0.1"]

    redirect = [respond(302, b"", {"Location": "/c.mp4"})] if url.startswith("/") else []
    source = url if url.startswith("http") else "http://gateway.example:PORT/first.mp4"

    data, requests = fetch(
        source,
        *redirect,
        respond(200, DATA),
        resolver=resolver,
        base_url="http://gateway.example:PORT/v1",
        address="127.0.0.1",
    )

    assert data == DATA
    assert len(requests) == 1 + len(redirect)


@pytest.mark.parametrize(
    "url",
    [
        "http://gateway.example:1/c.mp4",
        "https://gateway.example:PORT/c.mp4",
        "http://files.example:PORT/c.mp4",
        "http://127.0.0.1:PORT/c.mp4",
    ],
)
def test_download_from_other_private_origin_is_forbidden(url):
    """Another scheme, host or port in this network is not the user's gateway."""

    async def resolver(_host):
        return ["127.0.0.1"]

    error, requests = fetch(
        url,
        respond(200, DATA),
        resolver=resolver,
        base_url="http://gateway.example:PORT/v1",
        address="127.0.0.1",
    )

    assert type(error) is MalformedResponse
    assert requests == []


@pytest.mark.parametrize(
    ("host", "is_allowed"), [("127.0.0.1", True), ("169.254.169.254", False), ("[fe80::1]", False)]
)
def test_download_by_private_gateway_is_bounded(host, is_allowed):
    """A gateway at a private address may have its files there, but never at a link-local one."""
    result, _ = fetch(
        f"http://{host}:PORT/c.mp4",
        respond(200, DATA),
        resolver=Resolver(),
        base_url="http://192.168.7.1:9/v1",
        address="127.0.0.1",
    )

    assert (result == DATA) == is_allowed
    assert isinstance(result, bytes | MalformedResponse)


@pytest.fixture
def proxies(monkeypatch):
    """Set the proxy of an environment variable, and no other."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch.setenv


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy", "HTTP_PROXY"])
def test_download_uses_the_users_proxy(proxies, variable):
    """The proxy resolves the host, so that the whole URL reaches it."""

    async def run():
        async with serve(respond(200, DATA)) as proxy:
            proxies(variable, f"127.0.0.1:{proxy.port}")
            async with build_client(VENDOR, resolve_host=Resolver()) as client:
                data = await client.fetch_bytes("http://v.example.com/c.mp4", max_bytes=10_000)
            return data, [request.target for request in proxy.requests]

    assert asyncio.run(run()) == (DATA, ["http://v.example.com/c.mp4"])


@pytest.mark.parametrize("url", ["http://127.0.0.1/x", "http://printer.local/x", "http://nas/x"])
def test_download_by_proxy_is_checked(proxies, url):
    """Names that can be resolved here are checked with a proxy too."""
    proxies("http_proxy", "http://127.0.0.1:1")

    async def run():
        async with build_client(VENDOR, resolve_host=Resolver("10.0.0.7")) as client:
            return await client.fetch_bytes(url, max_bytes=10_000)

    with pytest.raises(MalformedResponse):
        asyncio.run(run())


@pytest.mark.usefixtures("public_loopback")
def test_download_without_proxy_for_host_is_pinned(proxies):
    """NO_PROXY is honoured."""
    proxies("http_proxy", "http://127.0.0.1:1")
    proxies("no_proxy", "v.example.com")

    data, _ = fetch(
        "http://v.example.com:PORT/c.mp4", respond(200, DATA), resolver=Resolver("127.0.0.2")
    )

    assert data == DATA


def test_download_by_invalid_proxy_is_not_configured(proxies):
    """One sentence instead of a traceback."""
    proxies("http_proxy", "gopher://user:secret@127.0.0.1:1")

    with pytest.raises(NotConfigured) as caught:
        build_client(VENDOR)
    error = caught.value

    assert "a proxy of the environment can't be used" in str(error)
    assert "secret" not in str(error)
