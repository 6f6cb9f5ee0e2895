"""Downloads: whole or not at all, without the key, and only from where a vendor may point."""

import asyncio
import gzip
import hashlib
import logging

import httpx
import pytest

from tasks.errors import (
    AccountError,
    MalformedResponse,
    ProviderError,
    StoreError,
    Unreachable,
    UrlExpired,
)
from tasks.providers.types import ApiCall

DATA = bytes(range(256)) * 400
LIMIT = 10_000_000


def load(serving, client_of, target, *acts, source=None, limit=LIMIT):
    """Download from a vendor that acts so: what came of it, and the vendor."""

    async def run():
        async with serving(*acts) as vendor, client_of(vendor.url) as client:
            try:
                got = await client.download(source or vendor.file("c.mp4"), target, max_bytes=limit)
            except (ProviderError, StoreError) as error:
                got = error
            return got, vendor

    return asyncio.run(run())


@pytest.fixture
def target(tmp_path):
    """Where the clip shall be."""
    return tmp_path / "clips" / "c.mp4"


def test_a_file_is_put_in_place_with_its_digest(serving, client_of, answers, target):
    """Byte for byte, in a folder that is made."""
    got, _ = load(serving, client_of, target, answers(200, DATA))

    assert target.read_bytes() == DATA
    assert (got.sha256, got.size_bytes) == (hashlib.sha256(DATA).hexdigest(), len(DATA))


def test_the_key_stays_at_home(serving, client_of, answers, target, key):
    """A signed URL is spoilt by an Authorization header, and a host of files has no use for it."""
    _, vendor = load(serving, client_of, target, answers(200, DATA))

    assert "authorization" not in vendor.requests[0].headers
    assert key not in str(vendor.requests[0].headers)
    assert vendor.requests[0].target == "/files/c.mp4?X-Tos-Signature=5ec7e7"


def partly(end, headers=b""):
    async def act(connection):
        length = str(len(DATA)).encode()
        await connection.send(
            b"HTTP/1.1 200 OK\r\nContent-Length: "
            + length
            + b"\r\n"
            + headers
            + b"\r\n"
            + DATA[:end]
        )
        connection.writer.close()

    return act


async def the_rest(connection):
    start = int(connection.request.headers["range"].removeprefix("bytes=").rstrip("-"))
    told = {"Content-Range": f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"}
    await connection.answer(206, DATA[start:], told)


def test_a_cut_is_continued_where_it_broke_off(serving, client_of, target):
    """Where the server allows, only the rest is asked for, of the same file."""
    got, vendor = load(
        serving,
        client_of,
        target,
        partly(60_000, b'Accept-Ranges: bytes\r\nETag: "a"\r\n'),
        the_rest,
    )

    assert got.sha256 == hashlib.sha256(DATA).hexdigest()
    assert target.read_bytes() == DATA
    asked = vendor.requests[1].headers
    assert asked["range"].startswith("bytes=")
    assert int(asked["range"][6:-1]) > 0
    assert asked["if-range"] == '"a"'


def test_a_cut_begins_anew_where_the_server_has_no_ranges(serving, client_of, answers, target):
    """The first half is not kept twice."""
    _, vendor = load(serving, client_of, target, partly(60_000), answers(200, DATA))

    assert target.read_bytes() == DATA
    assert "range" not in vendor.requests[1].headers


def test_a_server_that_ignores_the_range_is_understood(serving, client_of, answers, target):
    """A 200 is the whole file again."""
    load(
        serving, client_of, target, partly(60_000, b"Accept-Ranges: bytes\r\n"), answers(200, DATA)
    )

    assert target.read_bytes() == DATA


def test_a_rest_that_does_not_fit_begins_anew(serving, client_of, answers, target):
    """Bytes from another place are never glued on, also where the sum would be right."""

    async def another_place(connection):
        start = int(connection.request.headers["range"][6:-1])
        told = {"Content-Range": f"bytes {start - 7}-{len(DATA) - 8}/{len(DATA)}"}
        await connection.answer(206, DATA[start - 7 : -7], told)

    ranges = b"Accept-Ranges: bytes\r\n"
    _, vendor = load(
        serving, client_of, target, partly(60_000, ranges), another_place, answers(200, DATA)
    )

    assert target.read_bytes() == DATA
    assert len(vendor.requests) == 3


@pytest.mark.parametrize("act", [partly(100), partly(0)])
def test_a_file_that_never_comes_whole_leaves_nothing_behind(serving, client_of, target, act):
    """After a few tries; neither a half clip nor a staging file stays."""
    got, vendor = load(serving, client_of, target, act)

    assert type(got) is Unreachable
    assert len(vendor.requests) == 4
    assert list(target.parent.iterdir()) == []


def test_progress_gives_patience(serving, client_of, target):
    """A line that breaks often but moves on is followed for longer."""

    async def a_bit_more(connection):
        start = int(connection.request.headers.get("range", "bytes=0-")[6:-1])
        rest = len(DATA) - start
        told = f"HTTP/1.1 206 P\r\nContent-Range: bytes {start}-{len(DATA) - 1}/{len(DATA)}\r\n"
        head = f"{told}Content-Length: {rest}\r\n\r\n"
        await connection.send(head.encode() + DATA[start : start + 13_000])
        connection.writer.close()

    _, vendor = load(
        serving, client_of, target, partly(13_000, b"Accept-Ranges: bytes\r\n"), a_bit_more
    )

    assert target.read_bytes() == DATA
    assert len(vendor.requests) > 4


def test_an_old_file_stays_until_the_new_one_is_whole(serving, client_of, target):
    """A failed download damages nothing."""
    target.parent.mkdir()
    target.write_bytes(b"old")

    load(serving, client_of, target, partly(100))

    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("status", [403, 404, 401, 410, 400])
def test_a_url_that_is_no_longer_served_is_told_apart(serving, client_of, answers, target, status):
    """So that the job is asked for a fresh one; nothing is tried twice."""
    got, vendor = load(serving, client_of, target, answers(status, b"<Error>Expired</Error>"))

    assert type(got) is UrlExpired
    assert len(vendor.requests) == 1
    assert "5ec7e7" not in str(got)


@pytest.mark.parametrize(
    "act",
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
def test_what_may_pass_is_tried_again(serving, client_of, answers, target, act):
    """A busy server, a clip that is not ready, an empty file, a page in place of one."""
    got, _ = load(serving, client_of, target, answers(*act), answers(200, DATA))

    assert got.size_bytes == len(DATA)


def test_a_file_over_the_limit_is_not_taken(serving, client_of, answers, target):
    """Told beforehand or found out on the way."""

    async def without_length(connection):
        await connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + DATA)
        connection.writer.close()

    for act in (answers(200, DATA), without_length):
        got, vendor = load(serving, client_of, target, act, limit=50_000)
        assert type(got) is MalformedResponse
        assert len(vendor.requests) == 1
    assert list(target.parent.iterdir()) == []


def test_a_redirect_is_followed(serving, client_of, answers, target):
    """To another place on the way to the file."""
    load(
        serving,
        client_of,
        target,
        answers(302, b"", {"Location": "/cdn/c.mp4"}),
        answers(200, DATA),
    )

    assert target.read_bytes() == DATA


def test_a_file_behind_the_key_is_asked_for_with_it(serving, client_of, answers, target, key):
    """Some gateways serve the clip themselves, and redirect to it without the key."""
    call = ApiCall("GET", "/videos/v1/content", query=(("variant", "video"),))

    async def run():
        async with serving(answers(200, DATA)) as files:
            there = f"http://127.0.0.1:{files.port}/c.mp4"
            async with serving(answers(302, b"", {"Location": there})) as vendor:
                async with client_of(vendor.url) as client:
                    await client.download(call, target, max_bytes=LIMIT)
                return vendor.requests, files.requests

    asked, fetched = asyncio.run(run())
    assert asked[0].target == "/ark/api/v3/videos/v1/content?variant=video"
    assert asked[0].headers["authorization"] == f"Bearer {key}"
    assert "authorization" not in fetched[0].headers
    assert target.read_bytes() == DATA


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AccountError), (403, AccountError), (404, Unreachable), (410, UrlExpired)],
)
def test_a_refusal_of_a_file_behind_the_key_says_whose_matter_it_is(
    serving, client_of, answers, target, status, kind
):
    """The key's, or the file's; a 404 may be a clip that is not ready yet."""
    got, _ = load(
        serving,
        client_of,
        target,
        answers(status, b""),
        source=ApiCall("GET", "/videos/v1/content"),
    )

    assert type(got) is kind


def from_outside(client_of, url, handler, *, resolve_host=None):
    async def run():
        async with client_of(
            "https://ark.example.com/api/v3",
            transport=httpx.MockTransport(handler),
            resolve_host=resolve_host,
        ) as client:
            return await client.fetch_bytes(url, max_bytes=1000)

    return asyncio.run(run())


NEAR = [
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


@pytest.mark.parametrize("near", NEAR)
@pytest.mark.parametrize("redirected", [False, True])
def test_a_vendor_outside_never_sends_us_into_our_own_network(client_of, near, redirected):
    """Neither by a URL nor by a redirect; nothing is fetched."""
    fetched = []

    def handler(request):
        fetched.append(request.url.host)
        return httpx.Response(302, headers={"Location": near.encode()})

    with pytest.raises(ProviderError):
        from_outside(client_of, "https://v.example.com/c.mp4" if redirected else near, handler)
    assert set(fetched) == ({"v.example.com"} if redirected else set())


def test_a_name_that_stands_for_a_near_address_is_not_fetched(client_of):
    """What counts is what it resolves to."""

    async def resolve(host):
        return ["93.184.216.34", "192.168.1.7"]

    with pytest.raises(MalformedResponse):
        from_outside(
            client_of, "https://v.example.com/x", lambda request: None, resolve_host=resolve
        )


def test_redirects_come_to_an_end(client_of):
    """A circle is no address."""
    hops = []

    def handler(request):
        hops.append(request)
        return httpx.Response(302, headers={"Location": "/again"})

    with pytest.raises(MalformedResponse):
        from_outside(client_of, "https://v.example.com/x", handler)
    assert len(hops) == 6


def test_small_files_come_as_bytes(client_of):
    """The last frame is needed in hand; the key does not go with it."""
    seen = []

    def handler(request):
        seen.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(b"\xff\xd8\xff"))

    assert from_outside(client_of, "https://v.example.com/f.png?sig=1", handler) == b"\xff\xd8\xff"
    assert "authorization" not in seen[0].headers


def test_a_folder_that_can_t_be_written_is_told(serving, client_of, answers, tmp_path):
    """With its name and the system's reason."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")

    got, _ = load(serving, client_of, blocked / "c.mp4", answers(200, DATA))

    assert type(got) is StoreError
    assert str(blocked / "c.mp4") in str(got)


def test_logs_show_no_signature_and_no_key(serving, client_of, answers, target, caplog, key):
    """httpx would log whole URLs, and httpcore whole headers."""
    caplog.set_level(logging.DEBUG)
    elsewhere = answers(302, b"", {"Location": "/cdn/c.mp4?X-Tos-Signature=5ec7e7"})

    load(serving, client_of, target, elsewhere, answers(200, DATA))

    assert "httpx" in {record.name for record in caplog.records}
    assert "5ec7e7" not in caplog.text
    assert key not in caplog.text


def test_a_lost_download_carries_no_url_with_it(serving, client_of, target):
    """Neither in words nor in what it came from."""
    got, _ = load(serving, client_of, target, partly(100))

    assert "5ec7e7" not in repr(got)
    assert got.__cause__ is None
    assert got.__context__ is None


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip"])
def test_a_packed_bomb_is_not_taken(serving, client_of, target, encoding):
    """A few bytes that unpack to more than the limit, once or twice over, leave no file behind."""
    bomb = gzip.compress(bytes(60_000_000))

    async def act(connection):
        await connection.answer(200, bomb, {"Content-Encoding": encoding})

    got, _ = load(serving, client_of, target, act)

    assert isinstance(got, MalformedResponse if encoding == "gzip" else Unreachable)
    assert list(target.parent.glob("**/*")) == []


def test_a_clip_that_was_packed_on_the_way_is_unpacked(serving, client_of, answers, target):
    """Some gateways compress what was asked for plain."""
    load(
        serving,
        client_of,
        target,
        answers(200, gzip.compress(DATA), {"Content-Encoding": "gzip"}),
    )

    assert target.read_bytes() == DATA


def test_a_head_that_comes_letter_by_letter_comes_to_an_end(
    serving, client_of, target, monkeypatch
):
    """Each letter in time, and all of it never: the whole head has a limit as well."""
    monkeypatch.setattr("tasks.providers.http_transport._HEADERS_TIMEOUT_SECONDS", 0.2)

    async def drip(connection):
        await connection.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            await connection.send(b"x")
            await asyncio.sleep(0.02)

    got, _ = load(serving, client_of, target, drip)

    assert isinstance(got, Unreachable)
