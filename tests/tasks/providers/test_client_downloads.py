"""Downloads: complete or not at all, without the key, and only from URLs that are allowed."""

import asyncio
import gzip
import hashlib
import logging

import httpx
import pytest

from tasks.errors import (
    AccountError,
    AuthenticationFailed,
    MalformedResponse,
    ProviderError,
    StoreError,
    Unreachable,
    UrlExpired,
)
from tasks.providers.types import ApiCall
from tests.support.wire import API_KEY, build_client, respond, run_client, serve

DATA = bytes(range(256)) * 400
MAX_BYTES = 10_000_000
SIGNATURE = "5ec7e7"
"""The signature in `StubVendor.file_url`."""


def run_download(target, *handlers, source=None, max_bytes=MAX_BYTES):
    """Download a file; return its digest or the error, and the vendor."""

    async def run():
        async with serve(*handlers) as vendor, build_client(vendor.base_url) as client:
            url = source or vendor.file_url("c.mp4")
            try:
                return await client.download(url, target, max_bytes=max_bytes), vendor
            except (ProviderError, StoreError) as error:
                return error, vendor

    return asyncio.run(run())


@pytest.fixture
def target(tmp_path):
    """The path of the clip; its folder does not exist yet."""
    return tmp_path / "clips" / "c.mp4"


def test_download_writes_file_and_returns_digest(target):
    """Byte for byte, into a new folder."""
    digest, _ = run_download(target, respond(200, DATA))

    assert target.read_bytes() == DATA
    assert (digest.sha256, digest.size_bytes) == (hashlib.sha256(DATA).hexdigest(), len(DATA))


def test_download_from_url_sends_no_key(target):
    """An Authorization header breaks a signed URL, and file hosts must not see the key."""
    _, vendor = run_download(target, respond(200, DATA))

    assert "authorization" not in vendor.requests[0].headers
    assert API_KEY not in str(vendor.requests[0].headers)
    assert vendor.requests[0].target == f"/files/c.mp4?X-Tos-Signature={SIGNATURE}"


def send_part(end, headers=b""):
    """Return a handler that sends the first bytes of the file and closes the connection."""

    async def handler(connection):
        length = str(len(DATA)).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n" + headers + b"\r\n"
        await connection.send(head + DATA[:end])
        connection.writer.close()

    return handler


def parse_range_start(connection):
    """Return the start of the requested range; 0 for the whole file."""
    return int(connection.request.headers.get("range", "bytes=0-")[6:-1])


async def send_rest(connection):
    start = parse_range_start(connection)
    headers = {"Content-Range": f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"}
    await connection.respond(206, DATA[start:], headers)


RANGES = b"Accept-Ranges: bytes\r\n"


def test_download_resumes_after_cut(target):
    """If the server supports ranges, only the rest of the same file is requested."""
    digest, vendor = run_download(target, send_part(60_000, RANGES + b'ETag: "a"\r\n'), send_rest)

    headers = vendor.requests[1].headers
    assert digest.sha256 == hashlib.sha256(DATA).hexdigest()
    assert target.read_bytes() == DATA
    assert headers["range"].startswith("bytes=")
    assert int(headers["range"][6:-1]) > 0
    assert headers["if-range"] == '"a"'


def test_download_restarts_without_range_support(target):
    """The first half is not kept twice."""
    _, vendor = run_download(target, send_part(60_000), respond(200, DATA))

    assert target.read_bytes() == DATA
    assert "range" not in vendor.requests[1].headers


def test_download_accepts_200_to_range_request(target):
    """A server may ignore the range; a 200 is the whole file again."""
    _, vendor = run_download(target, send_part(60_000, RANGES), respond(200, DATA))

    assert "range" in vendor.requests[1].headers
    assert target.read_bytes() == DATA


def test_download_restarts_after_wrong_range(target):
    """Bytes of another position are never appended, even if the total would be right."""

    async def send_other_range(connection):
        start = parse_range_start(connection)
        headers = {"Content-Range": f"bytes {start - 7}-{len(DATA) - 8}/{len(DATA)}"}
        await connection.respond(206, DATA[start - 7 : -7], headers)

    _, vendor = run_download(
        target, send_part(60_000, RANGES), send_other_range, respond(200, DATA)
    )

    assert target.read_bytes() == DATA
    assert len(vendor.requests) == 3


@pytest.mark.parametrize("sent_bytes", [100, 0])
def test_download_never_complete_leaves_nothing(target, sent_bytes):
    """After four attempts; neither a partial clip nor a temporary file remains."""
    error, vendor = run_download(target, send_part(sent_bytes))

    assert type(error) is Unreachable
    assert len(vendor.requests) == 4
    assert list(target.parent.iterdir()) == []


def test_download_with_progress_gets_more_attempts(target):
    """A connection that breaks often but makes progress is resumed more often."""

    async def send_some_more(connection):
        start = parse_range_start(connection)
        content_range = f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"
        head = f"HTTP/1.1 206 P\r\nContent-Range: {content_range}\r\n"
        head += f"Content-Length: {len(DATA) - start}\r\n\r\n"
        await connection.send(head.encode() + DATA[start : start + 13_000])
        connection.writer.close()

    _, vendor = run_download(target, send_part(13_000, RANGES), send_some_more)

    assert target.read_bytes() == DATA
    assert len(vendor.requests) > 4


def test_download_failure_keeps_existing_file(target):
    """The file is replaced only by a complete one."""
    target.parent.mkdir()
    target.write_bytes(b"old")

    run_download(target, send_part(100))

    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("status", [403, 404, 401, 410, 400])
def test_download_expired_url_is_not_retried(target, status):
    """The caller queries the job for a new URL."""
    error, vendor = run_download(target, respond(status, b"<Error>Expired</Error>"))

    assert type(error) is UrlExpired
    assert len(vendor.requests) == 1
    assert SIGNATURE not in str(error)


@pytest.mark.parametrize(
    "response",
    [
        (500, b""),
        (503, b"", {"Retry-After": "2"}),
        (429, b""),
        (400, {"error": {"code": "video_not_ready", "message": "x"}}),
        (200, b""),
        (200, b"<html>oops</html>", {"Content-Type": "text/html"}),
        (200, {"error": "oops"}),
    ],
)
def test_download_retries_temporary_failures(target, response):
    """A busy server, a clip that is not ready, an empty file, a page instead of a file."""
    digest, _ = run_download(target, respond(*response), respond(200, DATA))

    assert digest.size_bytes == len(DATA)


async def send_without_length(connection):
    await connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + DATA)
    connection.writer.close()


@pytest.mark.parametrize("handler", [respond(200, DATA), send_without_length])
def test_download_over_limit_is_rejected(target, handler):
    """By its Content-Length, or when the limit is exceeded."""
    error, vendor = run_download(target, handler, max_bytes=50_000)

    assert type(error) is MalformedResponse
    assert len(vendor.requests) == 1
    assert list(target.parent.iterdir()) == []


def test_download_follows_redirect(target):
    """To another URL of the file."""
    run_download(target, respond(302, b"", {"Location": "/cdn/c.mp4"}), respond(200, DATA))

    assert target.read_bytes() == DATA


def test_download_by_call_sends_key_to_vendor_only(target):
    """Some gateways serve the clip themselves and redirect to a host that must not see the key."""
    call = ApiCall("GET", "/videos/v1/content", query=(("variant", "video"),))

    async def run():
        async with serve(respond(200, DATA)) as files:
            redirect = respond(302, b"", {"Location": f"http://127.0.0.1:{files.port}/c.mp4"})
            async with serve(redirect) as vendor:
                async with build_client(vendor.base_url) as client:
                    await client.download(call, target, max_bytes=MAX_BYTES)
                return vendor.requests, files.requests

    vendor_requests, file_requests = asyncio.run(run())
    assert vendor_requests[0].target == "/ark/api/v3/videos/v1/content?variant=video"
    assert vendor_requests[0].headers["authorization"] == f"Bearer {API_KEY}"
    assert "authorization" not in file_requests[0].headers
    assert target.read_bytes() == DATA


@pytest.mark.parametrize(
    ("status", "error_class"),
    [(401, AuthenticationFailed), (403, AccountError), (404, Unreachable), (410, UrlExpired)],
)
def test_download_by_call_error_class(target, status, error_class):
    """The key is rejected, the clip is deleted, or (404) it may not be ready yet."""
    error, _ = run_download(
        target, respond(status, b""), source=ApiCall("GET", "/videos/v1/content")
    )

    assert type(error) is error_class


def fetch_from_remote(url, handler, **options):
    """Fetch a file as a client of a remote vendor, with a mocked network."""

    async def run():
        async with build_client(
            "https://ark.example.com/api/v3", transport=httpx.MockTransport(handler), **options
        ) as client:
            return await client.fetch_bytes(url, max_bytes=1000)

    return asyncio.run(run())


FORBIDDEN_URLS = [
    "http://127.0.0.1:8080/x",
    "http://169.254.169.254/latest/meta-data",
    "http://10.0.0.1/x",
    "http://[::1]/x",
    "http://localhost/x",
    "http://2130706433/x",
    "http://0x7f.1/x",
    "http://\uff11\uff12\uff17.0.0.1/x",
    "file:///etc/passwd",
    "ftp://example.com/x",
]


@pytest.mark.parametrize("url", FORBIDDEN_URLS)
@pytest.mark.parametrize("is_redirect", [False, True])
def test_download_forbidden_url_is_not_requested(url, is_redirect):
    """A remote vendor can't send us into our network, neither by a URL nor by a redirect."""
    hosts = []

    def redirect(request):
        hosts.append(request.url.host)
        return httpx.Response(302, headers={"Location": url.encode()})

    with pytest.raises(ProviderError):
        fetch_from_remote("https://v.example.com/c.mp4" if is_redirect else url, redirect)
    assert set(hosts) == ({"v.example.com"} if is_redirect else set())


def test_download_host_with_private_address_is_forbidden():
    """The resolved addresses of a host name count."""

    async def resolve_host(_host):
        return ["93.184.216.34", "192.168.1.7"]

    with pytest.raises(MalformedResponse):
        fetch_from_remote(
            "https://v.example.com/x", lambda _request: None, resolve_host=resolve_host
        )


def test_download_redirect_loop_ends():
    """After the first request and five redirects."""
    requests = []

    def redirect(request):
        requests.append(request)
        return httpx.Response(302, headers={"Location": "/again"})

    with pytest.raises(MalformedResponse):
        fetch_from_remote("https://v.example.com/x", redirect)
    assert len(requests) == 6


def test_fetch_bytes_returns_small_file():
    """Without the key."""
    requests = []

    def send_file(request):
        requests.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(b"\xff\xd8\xff"))

    data = fetch_from_remote("https://v.example.com/f.png?sig=1", send_file)

    assert data == b"\xff\xd8\xff"
    assert "authorization" not in requests[0].headers


def test_download_into_invalid_folder_raises(tmp_path):
    """The error contains the path and the system's reason."""
    file = tmp_path / "file"
    file.write_text("not a folder")

    error, _ = run_download(file / "c.mp4", respond(200, DATA))

    assert isinstance(error, StoreError)
    assert str(file) in str(error)


def test_download_logs_contain_no_secrets(target, caplog):
    """Unfiltered, httpx logs whole URLs and httpcore whole headers."""
    caplog.set_level(logging.DEBUG)
    redirect = respond(302, b"", {"Location": f"/cdn/c.mp4?X-Tos-Signature={SIGNATURE}"})

    run_download(target, redirect, respond(200, DATA))

    assert "httpx" in {record.name for record in caplog.records}
    assert SIGNATURE not in caplog.text
    assert API_KEY not in caplog.text


def test_download_error_contains_no_signature(target):
    """Neither in its message nor in its cause."""
    error, _ = run_download(target, send_part(100))

    assert SIGNATURE not in repr(error)
    assert error.__cause__ is None
    assert error.__context__ is None


@pytest.mark.parametrize(
    ("encoding", "error_class"), [("gzip", MalformedResponse), ("gzip, gzip", Unreachable)]
)
def test_download_decompression_bomb_is_rejected(target, encoding, error_class):
    """A few bytes that decompress to more than the limit leave no file behind."""
    bomb = gzip.compress(bytes(60_000_000))

    error, _ = run_download(target, respond(200, bomb, {"Content-Encoding": encoding}))

    assert type(error) is error_class
    assert list(target.parent.glob("**/*")) == []


def test_download_decompresses_gzip(target):
    """Some gateways compress although the client requests identity."""
    run_download(target, respond(200, gzip.compress(DATA), {"Content-Encoding": "gzip"}))

    assert target.read_bytes() == DATA


def test_download_slow_headers_time_out(target, monkeypatch):
    """Each byte arrives in time, but the headers as a whole have a limit as well."""
    monkeypatch.setattr("tasks.providers.http_transport._HEADERS_TIMEOUT_SECONDS", 0.2)

    async def send_slowly(connection):
        await connection.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            await connection.send(b"x")
            await asyncio.sleep(0.02)

    error, _ = run_download(target, send_slowly)

    assert isinstance(error, Unreachable)


@pytest.mark.parametrize("url", ["asset://asset-1", "asset://a/b"])
def test_upload_returns_asset_url(url):
    """As a form with one file, sent with the key."""
    asset = respond(200, {"url": url})

    result, vendor = run_client(
        lambda client: client.upload(b"clip", "video/mp4"),
        asset,
        overrides={"upload_path": "/assets"},
    )

    received = vendor.requests[0]
    assert result == url
    assert (received.method, received.target) == ("POST", "/ark/api/v3/assets")
    assert received.headers["authorization"] == f"Bearer {API_KEY}"
    assert b'name="file"; filename="reference.mp4"\r\nContent-Type: video/mp4' in received.body
