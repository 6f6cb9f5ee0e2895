"""The only request that costs money, against a server that misbehaves: error class and one POST."""

import asyncio
import json
import socket
import traceback

import httpx
import pytest
from pydantic import SecretStr

from tasks.errors import (
    AccountError,
    AuthenticationFailed,
    InputModerated,
    InvalidRequest,
    NotConfigured,
    ProviderError,
    RateLimited,
    RequestNotSent,
    SubmissionUnclear,
)
from tasks.providers import PROVIDERS
from tasks.providers.dialects.ark import Ark
from tasks.providers.types import ApiCall, FormPart, MediaInput
from tests.support.wire import (
    API_KEY,
    QUEUED,
    build_client,
    cut_off,
    reset,
    respond,
    run_client,
    serve,
    stall,
)


def run_create(request, *handlers, **options):
    """Create a job once; return the result or the error, and the vendor."""
    return run_client(lambda client: client.create(request), *handlers, **options)


def create(request, base_url, **options):
    """Create a job once at a base URL."""

    async def run():
        async with build_client(base_url, **options) as client:
            return await client.create(request)

    return asyncio.run(run())


def test_create_returns_job_and_vendor_time(render_request):
    """One POST with the key, to the base URL and the dialect's path."""
    headers = {"Date": "Wed, 18 Nov 2026 08:00:10 GMT"}

    created, vendor = run_create(render_request, respond(200, {"id": "cgt-1"}, headers))

    received = vendor.requests[0]
    assert (created.job, created.vendor_time) == ("cgt-1", 1794988810.0)
    assert received.target == "/ark/api/v3/contents/generations/tasks"
    assert received.headers["authorization"] == f"Bearer {API_KEY}"
    assert received.headers["content-type"] == "application/json"
    assert received.json["content"] == [{"type": "text", "text": render_request.prompt}]
    assert vendor.methods == ["POST"]


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_create_names_shot_to_simulator_only(render_request, provider):
    """The shot's id is sent to the simulator, percent-encoded, and to no vendor."""
    model = PROVIDERS[provider].model_ids[0]
    request = render_request._replace(model=model)

    _, vendor = run_client(
        lambda client: client.create(request, shot_id="灯 1"),
        respond(200, {"id": "cgt-1"}),
        provider=provider,
    )

    sent = [name for name in vendor.requests[0].headers if "shot" in name]
    if provider == "simulator":
        assert vendor.requests[0].headers["x-shotchain-shot"] == "%E7%81%AF%201"
    else:
        assert sent == []
    assert b"%E7%81%AF" not in vendor.requests[0].body


def error_body(code, message="x"):
    """Return an error body as Ark sends it."""
    return {"error": {"code": code, "message": message}}


@pytest.mark.parametrize(
    ("status", "body", "error_class"),
    [
        (400, error_body("InvalidParameter"), InvalidRequest),
        (400, error_body("InputTextSensitiveContentDetected"), InputModerated),
        (401, error_body("AuthenticationError"), AuthenticationFailed),
        (403, b"<html>no</html>", AccountError),
        (404, error_body("ModelNotOpen"), AccountError),
        (404, b"<html>nothing here</html>", AccountError),
        (422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, InvalidRequest),
        (429, error_body("ServerOverloaded"), RateLimited),
        (429, error_body("QuotaExceeded", "trial used up"), AccountError),
        (200, error_body("InvalidParameter"), InvalidRequest),
        (
            200,
            {"ErrorCode": "InputImageSensitiveContentDetected", "ErrorMessage": "x"},
            InputModerated,
        ),
        (408, error_body("RequestTimeout"), SubmissionUnclear),
        (409, error_body("Conflict"), SubmissionUnclear),
        (425, b"", SubmissionUnclear),
        (500, error_body("InternalServiceError"), SubmissionUnclear),
        (502, b"<html>Bad Gateway</html>", SubmissionUnclear),
        (503, error_body("InvalidParameter"), SubmissionUnclear),
        (200, b"<html>welcome</html>", SubmissionUnclear),
        (200, b"", SubmissionUnclear),
        (200, {"ok": True}, SubmissionUnclear),
        (204, b"", SubmissionUnclear),
        (200, b"[" * 100_000, SubmissionUnclear),
        (200, b'{"id":"x","more":' + b"[" * 200 + b"]" * 200 + b"}", SubmissionUnclear),
        (200, b'{"id":"' + b"x" * 5_000_000 + b'"}', SubmissionUnclear),
    ],
)
def test_create_error_class_after_one_post(render_request, status, body, error_class):
    """A rejection means that nothing was accepted; every ambiguous response is unclear."""
    error, vendor = run_create(render_request, respond(status, body))

    assert type(error) is error_class
    assert vendor.methods == ["POST"]


def test_create_redirect_is_unclear_and_not_followed(render_request):
    """Neither the request nor the key is sent anywhere else."""
    redirect = respond(307, b"", {"Location": "/elsewhere"})

    error, vendor = run_create(render_request, redirect, respond(200, {"id": "x"}))

    assert type(error) is SubmissionUnclear
    assert [received.target for received in vendor.requests] == [
        "/ark/api/v3/contents/generations/tasks"
    ]


async def close(connection):
    connection.writer.close()


async def cut_off_rejection(connection):
    await connection.send(b'HTTP/1.1 400 Bad\r\nContent-Length: 90\r\n\r\n{"error":')
    connection.writer.close()


async def send_other_protocol(connection):
    await connection.send(b"SSH-2.0-OpenSSH_9.6\r\n")
    connection.writer.close()


async def stall_in_body(connection):
    await connection.send(b'HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{"id":"cgt-')
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("handler", "error_class"),
    [
        (reset, SubmissionUnclear),
        (close, SubmissionUnclear),
        (cut_off, SubmissionUnclear),
        (cut_off_rejection, InvalidRequest),
        (send_other_protocol, SubmissionUnclear),
        (stall, SubmissionUnclear),
        (stall_in_body, SubmissionUnclear),
    ],
)
def test_create_broken_response_after_one_post(render_request, handler, error_class):
    """Unclear, except after the status of a rejection."""
    overrides = {"create_read_timeout_seconds": 0.3}

    error, vendor = run_create(render_request, handler, overrides=overrides)

    assert type(error) is error_class
    assert vendor.methods == ["POST"]


def test_create_uses_a_new_connection(render_request):
    """A kept connection that the vendor has just closed would make the create unclear."""

    async def run():
        async with serve(respond(200, QUEUED)) as vendor, build_client(vendor.base_url) as client:
            for _ in range(2):
                await client.query("cgt-1")
            query_connections = vendor.connections
            for _ in range(2):
                await client.create(render_request)
            return query_connections, vendor.connections

    assert asyncio.run(run()) == (1, 3)


def test_create_refused_connection_is_not_sent(render_request):
    """Nothing listens on the port."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    with pytest.raises(RequestNotSent):
        create(render_request, f"http://127.0.0.1:{port}/api/v3")


def test_create_failed_tls_handshake_is_not_sent(render_request):
    """The request is sent after the handshake."""

    async def close_at_once(_reader, writer):
        writer.close()

    async def run():
        server = await asyncio.start_server(close_at_once, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, build_client(f"https://127.0.0.1:{port}/api/v3") as client:
            await client.create(render_request)

    with pytest.raises(RequestNotSent):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("cause", "error_class"),
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
def test_create_transport_error_class(render_request, cause, error_class):
    """DNS, connect, TLS, pool and proxy errors come before sending; others may come after it."""
    received = []

    def fail(request):
        received.append(request)
        raise cause

    with pytest.raises(error_class) as raised:
        create(
            render_request,
            "https://ark.example.com/api/v3",
            transport=httpx.MockTransport(fail),
        )
    assert len(received) == 1
    assert type(cause).__name__ not in str(raised.value), "the message has plain words"
    assert "Errno" not in str(raised.value)


def test_create_can_be_cancelled(render_request):
    """Ctrl-C ends it; the receipt on disk records that it may have been sent."""

    async def run():
        async with serve(stall) as vendor, build_client(vendor.base_url) as client:
            task = asyncio.ensure_future(client.create(render_request))
            while not vendor.requests:
                await asyncio.sleep(0.01)
            task.cancel()
            await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


def test_create_retry_after_is_reported_not_used(render_request, clock):
    """The caller decides on a retry."""
    rate_limited = respond(429, error_body("ServerOverloaded"), {"Retry-After": "7"})

    error, vendor = run_create(render_request, rate_limited, clock=clock)

    assert error.retry_after_seconds == 7
    assert (vendor.methods, clock.sleeps) == (["POST"], [])


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (None, "ark needs an API key; set SHOTCHAIN_ARK_API_KEY"),
        (SecretStr(""), "needs an API key"),
        (SecretStr("two words"), "characters that no key has"),
        (SecretStr("line\nbreak"), "characters that no key has"),
        (lambda: None, "needs an API key"),
    ],
)
def test_create_without_valid_key_sends_nothing(render_request, key, message):
    """The error names the variable, never its value."""
    error, vendor = run_create(render_request, respond(200, {"id": "x"}), api_key=key)

    assert type(error) is NotConfigured
    assert message in str(error)
    assert "SHOTCHAIN_ARK_API_KEY" in str(error)
    assert "two words" not in str(error)
    assert vendor.requests == []


def test_create_calls_key_function_and_strips_key(render_request):
    """A function is called at each request; files end in a newline."""
    _, vendor = run_create(
        render_request, respond(200, {"id": "x"}), api_key=lambda: SecretStr("sk-late\n")
    )

    assert vendor.requests[0].headers["authorization"] == "Bearer sk-late"


@pytest.mark.parametrize(
    "base_url",
    ["ark.example.com", "ftp://h/x", "https://", "https://u:p@h/x", "https://h/x?y=1", "http://[x"],
)
def test_client_invalid_base_url_raises(base_url):
    """The error names the variable to set."""
    with pytest.raises(NotConfigured, match="SHOTCHAIN_ARK_BASE_URL"):
        build_client(base_url)


def test_create_larger_than_limit_is_not_sent(render_request):
    """The vendor accepts 64 MB; a larger upload would be in vain."""
    image = MediaInput("first_frame", data=b"\xff\xd8\xff" + b"0" * 3000)
    request = render_request._replace(media=(image,))

    error, vendor = run_create(
        request, respond(200, {"id": "x"}), overrides={"max_request_bytes": 2000}
    )

    assert type(error) is InvalidRequest
    assert vendor.requests == []


def test_create_invalid_unicode_is_not_sent(render_request):
    """For example half of a surrogate pair."""
    request = render_request._replace(prompt="\ud800")

    error, vendor = run_create(request, respond(200, {"id": "x"}))

    assert type(error) is InvalidRequest
    assert error.__context__ is None
    assert vendor.requests == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, error_body(f"bad {API_KEY}", f"key {API_KEY} is bad")),
        (401, {"error": f"Bearer {API_KEY}"}),
        (500, {"error": {"message": f"token={API_KEY}"}}),
        (502, f"<html>{API_KEY}</html>".encode()),
        (200, f"not json {API_KEY}".encode()),
        (429, {"message": API_KEY}),
    ],
)
def test_create_error_never_contains_the_key(render_request, status, body):
    """In whatever form the vendor repeats it, and also not in the cause of the error."""
    error, _ = run_create(render_request, respond(status, body))

    assert isinstance(error, ProviderError)
    output = "".join(traceback.format_exception(error)) + repr(error) + error.code
    assert API_KEY not in output
    assert error.__cause__ is None
    assert error.__context__ is None


@pytest.mark.parametrize("handler", [reset, cut_off, stall])
def test_create_error_has_no_cause(render_request, handler):
    """The httpx exception holds the request with the key, so it is not attached."""
    overrides = {"create_read_timeout_seconds": 0.2}

    error, _ = run_create(render_request, handler, overrides=overrides)

    assert error.__cause__ is None
    assert error.__context__ is None


def test_client_repr_has_no_secrets():
    """It may be printed."""
    client = build_client("https://ark.example.com/api/v3")

    assert repr(client) == "Client('ark', 'https://ark.example.com/api/v3')"


def test_create_form_is_sent_as_multipart(render_request):
    """For dialects that upload files: text fields bare, files with name and type."""

    class FormDialect(Ark):
        def build_create(self, request):
            parts = (
                FormPart("prompt", request.prompt.encode()),
                FormPart("input_reference", b"\x89PNG\r\n", "frame.png", "image/png"),
            )
            return ApiCall("POST", "/videos", parts=parts)

    def create_with_form(client):
        client.dialect = FormDialect()
        return client.create(render_request)

    _, vendor = run_client(create_with_form, respond(200, {"id": "t"}))

    received = vendor.requests[0]
    mime_type, _, boundary = received.headers["content-type"].partition("; boundary=")
    parts = received.body.split(f"--{boundary}".encode())
    assert mime_type == "multipart/form-data"
    assert (
        parts[1] == b'\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nA lamp turns on.\r\n'
    )
    assert parts[2] == (
        b'\r\nContent-Disposition: form-data; name="input_reference"; filename="frame.png"\r\n'
        b"Content-Type: image/png\r\n\r\n\x89PNG\r\n\r\n"
    )
    assert parts[3] == b"--\r\n"


def test_create_sends_prompt_unescaped(render_request):
    """Characters of every script are sent as UTF-8."""
    prompt = "灯塔 “α” 🌊"

    _, vendor = run_create(render_request._replace(prompt=prompt), respond(200, {"id": "x"}))

    assert prompt in vendor.requests[0].body.decode()
    assert json.loads(vendor.requests[0].body)["content"][0]["text"] == prompt
