"""Replies that no vendor would send: each has one meaning, or is one clear error, at every dialect.

Most begin as a reply that was saved from a vendor's page and have a place or two spoilt, so that a
good part of them is understood; the others are made up, or are no JSON at all.
"""

from __future__ import annotations

import asyncio
import copy
import json
import math
import os
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path
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

# More by hand: DIALECT_FUZZ=10000 pytest -n 0 tests/tasks/providers/test_fuzz.py
EXAMPLES, TALKS = (int(os.environ.get("DIALECT_FUZZ", usual)) for usual in ("100", "25"))
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

WIRE = Path(__file__).parents[2] / "wire"
ROWS = {
    "ark": "ark",
    "volc": "cometapi-volc",
    "videos": "cometapi-videos",
    "kkiai": "kkiai",
    "sora": "infinity-blue",
}
NOW = 1_800_000_000.0
CREATE_ENDS = (RateLimited, InvalidRequest, AccountError, InputModerated, SubmissionUnclear)

names = st.sampled_from(
    [
        *("id", "task_id", "status", "error", "code", "message", "type", "content", "video_url"),
        *("last_frame_url", "usage", "completion_tokens", "total_tokens", "created_at", "data"),
        *("updated_at", "items", "total", "ErrorCode", "ErrorMessage", "detail", "success", "url"),
        *("failure_reason", "fail_reason", "metadata", "seconds", "duration", "frames", "seed"),
        *("progress", "completed_at", "model", "generate_audio", "resolution", "msg", "param"),
    ]
)
words = st.text(max_size=20) | st.sampled_from(
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
    words,
)
anything = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(names | words, inner, max_size=5)
    ),
    max_leaves=12,
)


def saved_bodies() -> list[Any]:
    """Every body of a reply that was saved, of all dialects: gateways mix them up, too."""
    told = (json.loads(path.read_text("utf-8")) for path in sorted(WIRE.glob("*/*.json")))
    return [one["reply"]["body"] for one in told]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to every value within."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inner:
        yield (*path, key)
        if isinstance(one, (dict, list)):
            yield from places(one, (*path, key))


@st.composite
def spoilt(draw: st.DrawFn) -> Any:
    """A saved body with a value changed, taken away, moved, wrapped or added, up to three times."""
    body = copy.deepcopy(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(0, 3))):
        found = list(places(body)) if isinstance(body, (dict, list)) else []
        if not found:
            break
        *way, last = draw(st.sampled_from(found))
        place = body
        for key in way:
            place = place[key]
        _spoil(draw, place, last)
    wrap = draw(st.sampled_from(["data", "error", "items", "detail", "list", *[""] * 20]))
    return [body] if wrap == "list" else {wrap: body} if wrap else body


def _spoil(draw: st.DrawFn, place: Any, key: Any) -> None:
    match draw(st.sampled_from(["change", "change", "take", "wrap", "text", "rename", "add"])):
        case "change":
            place[key] = draw(anything)
        case "take":
            del place[key]
        case "wrap":
            place[key] = draw(st.sampled_from([[place[key]], {"data": place[key]}]))
        case "text":
            place[key] = json.dumps(place[key])
        case "rename" if isinstance(place, dict):
            place[draw(names)] = place.pop(key)
        case _ if isinstance(place, dict):
            place[draw(names)] = draw(anything)
        case _:
            place.append(draw(anything))


def nested(depth: int, inner: str, kind: str) -> bytes:
    """JSON so deep: lists, objects, or errors within errors."""
    opening, closing = {
        "list": ("[", "]"),
        "object": ('{"data":', "}"),
        "error": ('{"error":', "}"),
    }[kind]
    return (opening * depth + inner + closing * depth).encode()


def cut(text: str, at: int, between: bytes) -> bytes:
    """Broken off, or with something in its midst."""
    data = text.encode()
    at = at % (len(data) + 1)
    return data[:at] + between + (data[at:] if between else b"")


BODIES = saved_bodies()
jsons = st.builds(json.dumps, spoilt() | anything)
datas = st.one_of(
    *(st.builds(json.dumps, spoilt()).map(str.encode) for _ in range(9)),
    jsons.map(str.encode),
    st.builds(cut, jsons, st.integers(0, 4000), st.just(b"") | st.binary(max_size=6)),
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
# Half of them a 200: that is where most has to be understood.
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


def test_there_are_replies_to_spoil() -> None:
    """Of every dialect."""
    assert len(BODIES) > 60
    assert {path.parent.name for path in WIRE.glob("*/*.json")} == set(DIALECTS) == set(ROWS)


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_any_reply_has_a_meaning_or_is_one_clear_error(name) -> None:
    """As an answer to a create, to a question and to a list; whatever is told can be used."""
    dialect = DIALECTS[name]

    @fuzzed
    @given(status=statuses, headers=headers, data=st.none() | datas, job=jobs)
    def read(status: int, headers: dict[str, str], data: bytes | None, job: str) -> None:
        reply = decode_response(status, headers, data)
        _check_create(dialect, reply)
        question = outcomes.classify_query_response(dialect, reply, job=job, now=NOW)
        _check_error(question if isinstance(question, ProviderError) else None)
        for ask in (dialect.parse_created, dialect.parse_status, dialect.parse_list):
            _check_answer(_answer(ask, reply))

    read()


def _answer(ask: Any, reply: ApiResponse) -> Any:
    try:
        return ask(reply)
    except ProviderError as error:
        return error


def _check_create(dialect: Any, reply: ApiResponse) -> None:
    """Money: a job that is named is taken, and what is not surely refused is unclear."""
    outcome = outcomes.classify_create_response(dialect, reply, now=NOW)
    named = _answer(dialect.parse_created, reply)
    if 200 <= reply.status < 300 and isinstance(named, str):
        assert outcome == named
    if isinstance(outcome, str):
        event("a job")
        assert 200 <= reply.status < 300
        return
    event(outcome.kind)
    assert isinstance(outcome, CREATE_ENDS)
    is_refusal = 400 <= reply.status < 500 and reply.status not in (408, 409, 425)
    assert is_refusal or 200 <= reply.status < 300 or isinstance(outcome, SubmissionUnclear)
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


def _check_answer(answer: Any) -> None:
    if isinstance(answer, ProviderError):
        _check_error(answer)
    elif isinstance(answer, str):
        assert answer
        assert answer.isprintable()
    elif isinstance(answer, (JobPending, JobResult)):
        _check_status(answer)
    else:
        for one in answer:
            _check_answer(one.job)
            _check_answer(one.status)


def _check_status(status: JobPending | JobResult) -> None:
    event(type(status).__name__)
    if isinstance(status, JobResult):
        for url in (status.clip_url, status.last_frame_url):
            assert url == "" or url.lower().startswith(("http://", "https://"))
    else:
        assert status.progress is None or 0 <= status.progress <= 1
    for fact in astuple(status.details):
        if isinstance(fact, float):
            assert math.isfinite(fact)
        if isinstance(fact, str):
            assert fact.isprintable()


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_any_replies_leave_the_client_with_an_answer_or_an_error(name) -> None:
    """Several in a row, also badly packed ones: create, ask, wait, list and cancel all end."""
    replies: list[httpx.Response] = []

    def answer(_: httpx.Request) -> httpx.Response:
        told = replies.pop(0) if len(replies) > 1 else replies[0]
        # Anew, for what has been read is not sent twice.
        return httpx.Response(
            told.status_code, headers=told.headers, stream=httpx.ByteStream(told.extensions["data"])
        )

    with asyncio.Runner() as runner:
        client, clock = runner.run(_client(name, answer))

        @settings(fuzzed, max_examples=TALKS)
        @given(
            told=st.lists(st.tuples(statuses, headers, datas), min_size=1, max_size=5),
            packed=st.sampled_from([{}, {}, {}, {"content-encoding": "gzip"}]),
            job=jobs,
        )
        def talk(told: list[Any], packed: dict[str, str], job: str) -> None:
            for action in ("create", "query", "wait", "recent", "cancel"):
                replies[:] = [_response(*one, packed) for one in told]
                try:
                    result = runner.run(_say(client, action, job, clock()))
                except ProviderError as error:
                    _check_error(error)
                else:
                    event(f"{action}: {type(result).__name__}")
                    assert isinstance(
                        result, CreatedJob | JobPending | JobResult | JobList | bool | None
                    )

        talk()
        runner.run(client.aclose())


def _response(
    status: int, headers: dict[str, str], data: bytes, packed: dict[str, str]
) -> httpx.Response:
    # Bytes, for a vendor may send any.
    raw = [(name.encode(), word.encode("latin-1")) for name, word in {**headers, **packed}.items()]
    return httpx.Response(status, headers=raw, extensions={"data": data})


async def _client(name: str, answer: Any) -> tuple[Client, Any]:
    now = [NOW]

    async def sleep(seconds: float) -> None:
        assert seconds >= 0
        now[0] += seconds

    client = Client(
        PROVIDERS[ROWS[name]],
        DIALECTS[name],
        api_key=SecretStr("sk-very-secret-0123456789"),
        transport=httpx.MockTransport(answer),
        clock=lambda: now[0],
        sleep=sleep,
    )
    return client, lambda: now[0]


async def _say(client: Client, action: str, job: str, now: float) -> Any:
    match action:
        case "create":
            return await client.create(RenderRequest(model="m", prompt="A lamp turns on."))
        case "query":
            return await client.query(job)
        case "wait":
            return await client.wait(job, started_at=now, timeout_seconds=30)
        case "recent":
            return await client.list_jobs("m", created_after=now - 60)
        case _:
            return await client.cancel(job)
