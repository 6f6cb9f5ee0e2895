"""Responses that no vendor would send: every dialect returns a valid result or one clear error.

Most are saved responses of a vendor's page with one or two values mutated, so that parsers get far
into them; the others are generated, or are not JSON.
"""

from __future__ import annotations

import asyncio
import copy
import json
import math
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from tasks.errors import (
    AccountError,
    InputModerated,
    InvalidRequest,
    ProviderError,
    RateLimited,
    SubmissionUnclear,
)
from tasks.providers import PROVIDERS, outcomes
from tasks.providers.client import Client
from tasks.providers.dialects import DIALECTS
from tasks.providers.http_bodies import decode_response
from tasks.providers.types import (
    ApiResponse,
    CreatedJob,
    JobList,
    JobPending,
    JobResult,
    RenderRequest,
)
from tests.support.wire import API_KEY, WIRE_FOLDER

# To run more: DIALECT_FUZZ=10000 pytest -n 0 tests/tasks/providers/test_fuzz.py
EXAMPLES, CLIENT_EXAMPLES = (
    int(os.environ.get("DIALECT_FUZZ", default)) for default in ("100", "25")
)
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

PROVIDER_BY_DIALECT = {
    "ark": "ark",
    "volc": "cometapi-volc",
    "videos": "cometapi-videos",
    "kkiai": "kkiai",
    "sora": "infinity-blue",
}
NOW = 1_800_000_000.0
CREATE_ERRORS = (RateLimited, InvalidRequest, AccountError, InputModerated, SubmissionUnclear)

field_names = st.sampled_from(
    [
        *("id", "task_id", "status", "error", "code", "message", "type", "content", "video_url"),
        *("last_frame_url", "usage", "completion_tokens", "total_tokens", "created_at", "data"),
        *("updated_at", "items", "total", "ErrorCode", "ErrorMessage", "detail", "success", "url"),
        *("failure_reason", "fail_reason", "metadata", "seconds", "duration", "frames", "seed"),
        *("progress", "completed_at", "model", "generate_audio", "resolution", "msg", "param"),
    ]
)
texts = st.text(max_size=20) | st.sampled_from(
    [
        *("succeeded", "FAILED", "Queued", "expired", "cancelled", "SUCCESS", "in progress", "ok"),
        *("cgt-20260721134956-h5cz9", "..", "a/b", "\ud800", "\x00", "\u202e", "😀" * 300),
        *("5", "-1", "1e999", "nan", "Infinity", "9" * 400, "30%", "%", "true", "16:9", "0x10"),
        *("https://v.example.com/a.mp4?X-Tos-Signature=5ec7e7", "https://[", "file:///etc/passwd"),
        *("http:// ", "javascript:alert(1)", "https://a:b@c:99999/", "HTTPS://V/" + "a" * 9000),
        *("{", '{"error":1}', '{"code":' * 40, '{"message":"{\\"code\\":\\"X\\"}"}', "[" * 3000),
        *("<html><script>" * 50, "task_not_exist", "QuotaExceeded", "NotFound", "2026-11-21"),
        *("InputImageSensitiveContentDetected.PrivacyInformation", "AccountOverdueError", "---"),
    ]
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([10**400, -(10**30), 1764347090922, 0, -1, 5]),
    st.floats(),
    texts,
)
json_values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(field_names | texts, inner, max_size=5)
    ),
    max_leaves=12,
)


def load_bodies() -> list[Any]:
    """Return the response bodies of all wire files; gateways mix up the formats, too."""
    files = (json.loads(path.read_text("utf-8")) for path in sorted(WIRE_FOLDER.glob("*/*.json")))
    return [wire["reply"]["body"] for wire in files]


def iter_paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside `value`."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, (dict, list)):
            yield from iter_paths(inner, (*path, key))


@st.composite
def mutated_bodies(draw: st.DrawFn) -> Any:
    """Draw a saved body with up to three values changed, removed, renamed, wrapped or added."""
    body = copy.deepcopy(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(0, 3))):
        paths = list(iter_paths(body)) if isinstance(body, (dict, list)) else []
        if not paths:
            break
        *parents, key = draw(st.sampled_from(paths))
        parent = body
        for step in parents:
            parent = parent[step]
        _mutate(draw, parent, key)
    wrap = draw(st.sampled_from(["data", "error", "items", "detail", "list", *[""] * 20]))
    return [body] if wrap == "list" else {wrap: body} if wrap else body


def _mutate(draw: st.DrawFn, parent: Any, key: Any) -> None:
    match draw(st.sampled_from(["change", "change", "remove", "wrap", "text", "rename", "add"])):
        case "change":
            parent[key] = draw(json_values)
        case "remove":
            del parent[key]
        case "wrap":
            parent[key] = draw(st.sampled_from([[parent[key]], {"data": parent[key]}]))
        case "text":
            parent[key] = json.dumps(parent[key])
        case "rename" if isinstance(parent, dict):
            parent[draw(field_names)] = parent.pop(key)
        case _ if isinstance(parent, dict):
            parent[draw(field_names)] = draw(json_values)
        case _:
            parent.append(draw(json_values))


def nested(depth: int, inner: str, kind: str) -> bytes:
    """Return JSON of that depth: lists, objects, or errors inside errors."""
    opening, closing = {
        "list": ("[", "]"),
        "object": ('{"data":', "}"),
        "error": ('{"error":', "}"),
    }[kind]
    return (opening * depth + inner + closing * depth).encode()


def damage(text: str, at: int, between: bytes) -> bytes:
    """Return the text cut off, or with bytes inserted."""
    data = text.encode()
    at = at % (len(data) + 1)
    return data[:at] + between + (data[at:] if between else b"")


BODIES = load_bodies()
json_texts = st.builds(json.dumps, mutated_bodies() | json_values)
body_bytes = st.one_of(
    *(st.builds(json.dumps, mutated_bodies()).map(str.encode) for _ in range(9)),
    json_texts.map(str.encode),
    st.builds(damage, json_texts, st.integers(0, 4000), st.just(b"") | st.binary(max_size=6)),
    st.builds(
        nested,
        st.sampled_from([3, 98, 99, 100, 101, 900, 20_000]),
        st.sampled_from(['{"id": "j", "status": "succeeded"}', "1", '"x"', ""]),
        st.sampled_from(["list", "object", "error"]),
    ),
    st.binary(max_size=80),
    st.sampled_from(
        [
            *(b"", b"null", b"NaN", b"-Infinity", b"1e999", b"9" * 5000, b"\xef\xbb\xbf{}", b"{}"),
            b'{"id": NaN, "status": "succeeded", "created_at": Infinity}',
            b'{"id": ' + b"9" * 5000 + b"}",
            '{"id": "j", "status": "running"}'.encode("utf-16"),
            b"<!doctype html><html><body>502 Bad Gateway</body></html>",
            b'{"id": "a", "id": ["b"], "status": "failed", "status": "succeeded"}',
        ]
    ),
)
# Most are 200: these responses are parsed the furthest.
statuses = st.sampled_from(
    [
        *([200] * 40 + [201, 202, 204, 206, 301, 302, 307, 400, 400, 400, 400, 401, 402, 403, 404]),
        *(404, 405, 408, 409, 410, 413, 422, 425, 429, 429, 451, 500, 501, 502, 503, 504, 520, 999),
    ]
)
header_values = st.sampled_from(
    [
        *("3", "-1", "1e9", "nan", "soon", "", "0.5", "99999999999999999999"),
        *("Wed, 18 Nov 2026 08:00:10 GMT", "Wed, 99 Nov 2026 25:61:61 GMT", "Thu, 01 Jan 1970"),
        *("text/html", "application/json; charset=utf-7", "gzip", "br", "identity", "\xff\xfe"),
        *("https://elsewhere.example/", "//x", "0", "100000"),
    ]
)
headers = st.dictionaries(
    st.sampled_from(["retry-after", "date", "content-type", "location", "x-request-id"]),
    header_values,
    max_size=3,
)
jobs = st.sampled_from(["cgt-20260721134956-h5cz9", "task_1", "../x", "ü"])


def test_fuzz_covers_every_dialect() -> None:
    """With many saved responses."""
    folders = {path.parent.name for path in WIRE_FOLDER.glob("*/*.json")}

    assert len(BODIES) > 60
    assert folders == set(DIALECTS) == set(PROVIDER_BY_DIALECT)


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_fuzz_parsers_return_valid_results(name: str) -> None:
    """As the response to a create, a query and a list."""
    dialect = DIALECTS[name]

    @fuzzed
    @given(status=statuses, headers=headers, data=st.none() | body_bytes, job=jobs)
    def check(status: int, headers: dict[str, str], data: bytes | None, job: str) -> None:
        response = decode_response(status, headers, data)
        _check_create(dialect, response)
        result = outcomes.classify_query_response(dialect, response, job=job, now=NOW)
        _check_error(result if isinstance(result, ProviderError) else None)
        for parse in (dialect.parse_created, dialect.parse_status, dialect.parse_list):
            _check_result(_parse(parse, response))

    check()


def _parse(parse: Any, response: ApiResponse) -> Any:
    try:
        return parse(response)
    except ProviderError as error:
        return error


def _check_create(dialect: Any, response: ApiResponse) -> None:
    """Check that a named job is accepted, and that anything but a certain rejection is unclear."""
    outcome = outcomes.classify_create_response(dialect, response, now=NOW)
    job = _parse(dialect.parse_created, response)
    is_success = 200 <= response.status < 300
    if is_success and isinstance(job, str):
        assert outcome == job
    if isinstance(outcome, str):
        event("a job")
        assert is_success
        return
    event(outcome.kind)
    assert isinstance(outcome, CREATE_ERRORS)
    is_rejection = 400 <= response.status < 500 and response.status not in (408, 409, 425)
    assert is_rejection or is_success or isinstance(outcome, SubmissionUnclear)
    _check_error(outcome)


def _check_error(error: ProviderError | None) -> None:
    if error is None:
        return
    text = str(error)
    assert text.isprintable()
    assert 0 < len(text) < 1000
    assert "5ec7e7" not in text + error.code
    assert len(error.code) <= 100
    assert error.retry_after_seconds is None or 0 <= error.retry_after_seconds <= 60


def _check_result(result: Any) -> None:
    if isinstance(result, ProviderError):
        _check_error(result)
    elif isinstance(result, str):
        assert result
        assert result.isprintable()
    elif isinstance(result, (JobPending, JobResult)):
        _check_status(result)
    else:
        for job in result:
            _check_result(job.job)
            _check_result(job.status)


def _check_status(status: JobPending | JobResult) -> None:
    event(type(status).__name__)
    if isinstance(status, JobResult):
        for url in (status.clip_url, status.last_frame_url):
            assert url == "" or url.lower().startswith(("http://", "https://"))
    else:
        assert status.progress is None or 0 <= status.progress <= 1
    for value in status.details:
        if isinstance(value, float):
            assert math.isfinite(value)
        if isinstance(value, str):
            assert value.isprintable()


RESULT_TYPES = {
    "create": CreatedJob,
    "query": JobPending | JobResult,
    "wait": JobResult,
    "list": JobList | None,
    "cancel": JobPending | JobResult,
}


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_fuzz_client_actions_end(name: str) -> None:
    """With several responses in a row, also with a wrong encoding: a result or an error."""
    responses: list[httpx.Response] = []

    def respond(_: httpx.Request) -> httpx.Response:
        response = responses.pop(0) if len(responses) > 1 else responses[0]
        # A new object, because a response can be read only once.
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=httpx.ByteStream(response.extensions["data"]),
        )

    with asyncio.Runner() as runner:
        client, clock = runner.run(_build_client(name, respond))

        @settings(fuzzed, max_examples=CLIENT_EXAMPLES)
        @given(
            exchanges=st.lists(st.tuples(statuses, headers, body_bytes), min_size=1, max_size=5),
            encoding=st.sampled_from([{}, {}, {}, {"content-encoding": "gzip"}]),
            job=jobs,
        )
        def check(exchanges: list[Any], encoding: dict[str, str], job: str) -> None:
            for action, result_type in RESULT_TYPES.items():
                responses[:] = [
                    _build_response(status, {**headers, **encoding}, data)
                    for status, headers, data in exchanges
                ]
                try:
                    result = runner.run(_run_action(client, action, job, clock()))
                except ProviderError as error:
                    _check_error(error)
                else:
                    event(f"{action}: {type(result).__name__}")
                    assert isinstance(result, result_type)

        check()
        runner.run(client.aclose())


def _build_response(status: int, headers: dict[str, str], data: bytes) -> httpx.Response:
    # As bytes, because a vendor may send any.
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return httpx.Response(status, headers=raw, extensions={"data": data})


async def _build_client(name: str, respond: Any) -> tuple[Client, Any]:
    now = [NOW]

    async def sleep(seconds: float) -> None:
        assert seconds >= 0
        now[0] += seconds

    client = Client(
        PROVIDERS[PROVIDER_BY_DIALECT[name]],
        DIALECTS[name],
        api_key=SecretStr(API_KEY),
        transport=httpx.MockTransport(respond),
        clock=lambda: now[0],
        sleep=sleep,
    )
    return client, lambda: now[0]


async def _run_action(client: Client, action: str, job: str, now: float) -> Any:
    match action:
        case "create":
            return await client.create(RenderRequest(model="m", prompt="A lamp turns on."))
        case "query":
            return await client.query(job)
        case "wait":
            return await client.wait(job, started_at=now, timeout_seconds=30)
        case "list":
            return await client.list_jobs("m", created_after=now - 60)
        case _:
            return await client.cancel(job)
