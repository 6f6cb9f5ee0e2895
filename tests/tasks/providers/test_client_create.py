"""The one request that costs money, against a server that misbehaves: the class, and one POST."""

import asyncio
import json
import socket
import traceback
from dataclasses import replace

import httpx
import pytest
from pydantic import SecretStr

from tasks.errors import (
    AccountError,
    InputModerated,
    InvalidRequest,
    NotConfigured,
    ProviderError,
    RateLimited,
    RequestNotSent,
    SubmissionUnclear,
)
from tasks.providers.dialects import DIALECTS
from tasks.providers.types import ApiCall, FormPart, MediaInput


def create(serving, client_of, order, *acts, **more):
    """Create once at a vendor that acts so; the result or the error, and the vendor."""

    async def run():
        async with serving(*acts) as vendor, client_of(vendor.url, **more) as client:
            try:
                return await client.create(order), vendor
            except (ProviderError, NotConfigured) as error:
                return error, vendor

    return asyncio.run(run())


def posts(vendor):
    return [request.method for request in vendor.requests].count("POST")


def test_a_create_tells_the_job_and_the_vendor_s_time(serving, client_of, order, answers, key):
    """One POST with the key, to the base URL and the dialect's path."""
    act = answers(200, {"id": "cgt-1"}, {"Date": "Wed, 18 Nov 2026 08:00:10 GMT"})

    created, vendor = create(serving, client_of, order, act)

    request = vendor.requests[0]
    assert (created.job, created.vendor_time) == ("cgt-1", 1794988810.0)
    assert request.target == "/ark/api/v3/contents/generations/tasks"
    assert request.headers["authorization"] == f"Bearer {key}"
    assert request.headers["content-type"] == "application/json"
    assert request.json["content"] == [{"type": "text", "text": order.prompt}]
    assert posts(vendor) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"code": "InvalidParameter", "message": "ratio"}}, InvalidRequest),
        (
            400,
            {"error": {"code": "InputTextSensitiveContentDetected", "message": "x"}},
            InputModerated,
        ),
        (401, {"error": {"code": "AuthenticationError", "message": "x"}}, AccountError),
        (403, b"<html>no</html>", AccountError),
        (404, {"error": {"code": "ModelNotOpen", "message": "x"}}, AccountError),
        (404, b"<html>nothing here</html>", AccountError),
        (422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, InvalidRequest),
        (429, {"error": {"code": "ServerOverloaded", "message": "x"}}, RateLimited),
        (429, {"error": {"code": "QuotaExceeded", "message": "trial used up"}}, AccountError),
        (200, {"error": {"code": "InvalidParameter", "message": "x"}}, InvalidRequest),
        (
            200,
            {"ErrorCode": "InputImageSensitiveContentDetected", "ErrorMessage": "x"},
            InputModerated,
        ),
        (408, {"error": {"code": "RequestTimeout", "message": "x"}}, SubmissionUnclear),
        (409, {"error": {"code": "Conflict", "message": "x"}}, SubmissionUnclear),
        (425, b"", SubmissionUnclear),
        (500, {"error": {"code": "InternalServiceError", "message": "x"}}, SubmissionUnclear),
        (502, b"<html>Bad Gateway</html>", SubmissionUnclear),
        (503, {"error": {"code": "InvalidParameter", "message": "x"}}, SubmissionUnclear),
        (200, b"<html>welcome</html>", SubmissionUnclear),
        (200, b"", SubmissionUnclear),
        (200, {"ok": True}, SubmissionUnclear),
        (204, b"", SubmissionUnclear),
        (200, b"[" * 100_000, SubmissionUnclear),
        (200, b'{"id":"x","more":' + b"[" * 200 + b"]" * 200 + b"}", SubmissionUnclear),
        (200, b'{"id":"' + b"x" * 5_000_000 + b'"}', SubmissionUnclear),
    ],
)
def test_an_answer_is_told_by_its_class_after_one_post(
    serving, client_of, order, answers, status, body, kind
):
    """Refusals say that nothing was accepted; everything that decides nothing is unclear."""
    told, vendor = create(serving, client_of, order, answers(status, body))

    assert type(told) is kind
    assert posts(vendor) == 1


def test_a_redirect_is_unclear_and_the_key_does_not_follow_it(serving, client_of, order, answers):
    """Neither the order nor the key goes anywhere else."""
    told, vendor = create(
        serving,
        client_of,
        order,
        answers(307, b"", {"Location": "/elsewhere"}),
        answers(200, {"id": "x"}),
    )

    assert type(told) is SubmissionUnclear
    assert [request.target for request in vendor.requests] == [
        "/ark/api/v3/contents/generations/tasks"
    ]


async def reset(connection):
    await connection.reset()


async def hang_up(connection):
    connection.writer.close()


async def break_off(connection):
    await connection.send(b'HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{"id":"cgt-')
    connection.writer.close()


async def break_off_a_refusal(connection):
    await connection.send(b'HTTP/1.1 400 Bad\r\nContent-Length: 90\r\n\r\n{"error":')
    connection.writer.close()


async def babble(connection):
    await connection.send(b"SSH-2.0-OpenSSH_9.6\r\n")
    connection.writer.close()


async def stall(connection):
    await asyncio.Event().wait()


async def stall_within(connection):
    await connection.send(b'HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{"id":"cgt-')
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (reset, SubmissionUnclear),
        (hang_up, SubmissionUnclear),
        (break_off, SubmissionUnclear),
        (break_off_a_refusal, InvalidRequest),
        (babble, SubmissionUnclear),
        (stall, SubmissionUnclear),
        (stall_within, SubmissionUnclear),
    ],
)
def test_a_broken_answer_is_unclear_after_one_post(serving, client_of, order, act, kind):
    """Only a refusal's own status decides, whatever became of its words."""
    row = {"create_read_timeout_seconds": 0.3}

    told, vendor = create(serving, client_of, order, act, row=row)

    assert type(told) is kind
    assert posts(vendor) == 1


def test_a_create_takes_a_connection_of_its_own(serving, client_of, order, answers):
    """One that the vendor has just closed would make a create unclear for nothing."""

    async def run():
        async with (
            serving(answers(200, {"id": "cgt-1", "status": "queued"})) as vendor,
            client_of(vendor.url) as client,
        ):
            for _ in range(2):
                await client.query("cgt-1")
            asked = vendor.connections
            for _ in range(2):
                await client.create(order)
            return asked, vendor.connections

    assert asyncio.run(run()) == (1, 3)


def test_nobody_listening_is_not_sent(client_of, order):
    """A refused connection surely carried nothing."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def run():
        async with client_of(f"http://127.0.0.1:{port}/api/v3") as client:
            await client.create(order)

    with pytest.raises(RequestNotSent):
        asyncio.run(run())


def test_a_failed_tls_handshake_is_not_sent(client_of, order):
    """The order never passed it."""

    async def hang_up(reader, writer):
        writer.close()

    async def run():
        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, client_of(f"https://127.0.0.1:{port}/api/v3") as client:
            await client.create(order)

    with pytest.raises(RequestNotSent):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (httpx.ConnectError("[Errno -2] Name or service not known"), RequestNotSent),
        (httpx.ConnectTimeout(""), RequestNotSent),
        (httpx.PoolTimeout(""), RequestNotSent),
        (httpx.ProxyError("407"), RequestNotSent),
        (httpx.WriteTimeout(""), SubmissionUnclear),
        (httpx.WriteError(""), SubmissionUnclear),
        (httpx.ReadTimeout(""), SubmissionUnclear),
        (httpx.ReadError(""), SubmissionUnclear),
        (httpx.CloseError(""), SubmissionUnclear),
        (httpx.RemoteProtocolError(""), SubmissionUnclear),
        (httpx.LocalProtocolError(""), SubmissionUnclear),
        (httpx.DecodingError(""), SubmissionUnclear),
        (OSError("odd"), SubmissionUnclear),
        (RuntimeError("odder"), SubmissionUnclear),
    ],
)
def test_what_goes_wrong_on_the_way_is_told_by_whether_it_left(client_of, order, raised, kind):
    """DNS, connect, TLS, pool and proxy came before sending; everything else may have arrived."""
    sent = []

    def fail(request):
        sent.append(request)
        raise raised

    async def run():
        async with client_of(
            "https://ark.example.com/api/v3", transport=httpx.MockTransport(fail)
        ) as client:
            await client.create(order)

    with pytest.raises(kind):
        asyncio.run(run())
    assert len(sent) == 1


def test_an_interrupt_is_not_swallowed(serving, client_of, order):
    """Ctrl-C during a create ends it; the receipt on disk knows that it may have been sent."""

    async def run():
        async with serving(stall) as vendor, client_of(vendor.url) as client:
            task = asyncio.ensure_future(client.create(order))
            while not vendor.requests:
                await asyncio.sleep(0.01)
            task.cancel()
            await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


def test_retry_after_comes_with_the_error_and_nothing_is_sent_again(
    serving, client_of, order, answers, clock
):
    """Whether to send again is not decided here."""
    body = {"error": {"code": "ServerOverloaded", "message": "x"}}

    told, vendor = create(serving, client_of, order, answers(429, body, {"Retry-After": "7"}))

    assert told.retry_after_seconds == 7
    assert (posts(vendor), clock.naps) == (1, [])


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (None, "needs an API key; set SHOTCHAIN_ARK_API_KEY"),
        (SecretStr(""), "needs an API key"),
        (SecretStr("two words"), "no API key has"),
        (SecretStr("line\nbreak"), "no API key has"),
        (lambda: None, "needs an API key"),
    ],
)
def test_without_a_usable_key_nothing_is_sent(serving, client_of, order, answers, key, words):
    """The operator is told which variable to set, and never what it holds."""
    told, vendor = create(serving, client_of, order, answers(200, {"id": "x"}), api_key=key)

    assert type(told) is NotConfigured
    assert words in str(told)
    assert "two words" not in str(told)
    assert vendor.requests == []


def test_a_key_may_come_late_and_with_a_line_break_behind_it(serving, client_of, order, answers):
    """A callable is asked at each request; files end in a newline."""
    _, vendor = create(
        serving, client_of, order, answers(200, {"id": "x"}), api_key=lambda: SecretStr("sk-late\n")
    )

    assert vendor.requests[0].headers["authorization"] == "Bearer sk-late"


@pytest.mark.parametrize(
    "base_url",
    ["ark.example.com", "ftp://h/x", "https://", "https://u:p@h/x", "https://h/x?y=1", "http://[x"],
)
def test_a_base_url_that_is_none_is_told_with_its_variable(client_of, base_url):
    """Before anything else."""
    with pytest.raises(NotConfigured, match="SHOTCHAIN_ARK_BASE_URL"):
        client_of(base_url)


def test_an_order_over_the_limit_is_not_sent(serving, client_of, order, answers):
    """The vendor takes 64 MB; the upload would be in vain."""
    large = replace(order, media=(MediaInput("first_frame", data=b"\xff\xd8\xff" + b"0" * 3000),))

    told, vendor = create(
        serving, client_of, large, answers(200, {"id": "x"}), row={"max_request_bytes": 2000}
    )

    assert type(told) is InvalidRequest
    assert vendor.requests == []


def test_letters_that_can_t_be_sent_are_told_before_sending(serving, client_of, order, answers):
    """Half a surrogate pair is no text."""
    told, vendor = create(
        serving, client_of, replace(order, prompt="\ud800"), answers(200, {"id": "x"})
    )

    assert type(told) is InvalidRequest
    assert vendor.requests == []


ECHOES = [
    lambda key: (400, {"error": {"code": f"bad {key}", "message": f"key {key} is bad"}}),
    lambda key: (401, {"error": f"Bearer {key}"}),
    lambda key: (500, {"error": {"message": f"token={key}"}}),
    lambda key: (502, f"<html>{key}</html>".encode()),
    lambda key: (200, f"not json {key}".encode()),
    lambda key: (429, {"message": f"{key}"}),
]


@pytest.mark.parametrize("echo", ECHOES)
def test_no_error_repeats_the_key(serving, client_of, order, answers, key, echo):
    """However the vendor echoes it, also not in what the error came from."""
    told, _ = create(serving, client_of, order, answers(*echo(key)))

    assert isinstance(told, ProviderError)
    seen = "".join(traceback.format_exception(told)) + repr(told) + told.code
    assert key not in seen
    assert told.__cause__ is None
    assert told.__context__ is None


@pytest.mark.parametrize("act", [reset, break_off, stall])
def test_a_lost_create_carries_no_request(serving, client_of, order, act):
    """The exception that it came from holds the key, so it stays behind."""
    told, _ = create(serving, client_of, order, act, row={"create_read_timeout_seconds": 0.2})

    assert told.__cause__ is None
    assert told.__context__ is None


def test_a_client_shows_neither_key_nor_query(client_of, key):
    """It may be printed."""
    shown = repr(client_of("https://ark.example.com/api/v3", transport=httpx.MockTransport(None)))

    assert shown == "Client('ark', 'https://ark.example.com/api/v3')"
    assert key not in shown


def test_a_form_travels_in_parts(serving, client_of, order, answers):
    """For dialects that upload files: words bare, files with name and type."""

    class Forms(type(DIALECTS["ark"])):
        def build_create(self, order):
            parts = (
                FormPart("prompt", order.prompt.encode()),
                FormPart("input_reference", b"\x89PNG\r\n", "frame.png", "image/png"),
            )
            return ApiCall("POST", "/videos", parts=parts)

    async def run():
        async with serving(answers(200, {"id": "t"})) as vendor, client_of(vendor.url) as client:
            client.dialect = Forms()
            await client.create(order)
            return vendor.requests[0]

    request = asyncio.run(run())
    kind, _, boundary = request.headers["content-type"].partition("; boundary=")
    parts = request.body.split(f"--{boundary}".encode())
    assert kind == "multipart/form-data"
    assert (
        parts[1] == b'\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nA lamp turns on.\r\n'
    )
    assert parts[2] == (
        b'\r\nContent-Disposition: form-data; name="input_reference"; filename="frame.png"\r\n'
        b"Content-Type: image/png\r\n\r\n\x89PNG\r\n\r\n"
    )
    assert parts[3] == b"--\r\n"


def test_a_prompt_travels_as_it_was_written(serving, client_of, order, answers):
    """Letters of every script, unescaped."""
    _, vendor = create(
        serving, client_of, replace(order, prompt="灯塔 “α” 🌊"), answers(200, {"id": "x"})
    )

    assert "灯塔 “α” 🌊" in vendor.requests[0].body.decode()
    assert json.loads(vendor.requests[0].body)["content"][0]["text"] == "灯塔 “α” 🌊"
