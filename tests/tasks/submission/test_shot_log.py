"""The log of a shot has every exchange and decision, and changes nothing of a run."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.errors import ProviderError, ShotchainError, SubmissionUnclear
from tasks.providers.exchanges import Exchange, report_exchange
from tasks.providers.types import ApiResponse
from tasks.store.layout import LOG_NAME, RECEIPT_NAME, RecordStore, Store
from tasks.store.log_file import read_log
from tasks.store.receipts import AttemptState
from tasks.submission import reconcile, shot_log
from tasks.submission.await_job import await_job
from tasks.submission.cancel import cancel
from tasks.submission.context import SubmissionContext
from tasks.submission.download import fetch_clip, fetch_last_frame
from tasks.submission.log_entries import Redact, describe_exchange
from tasks.submission.payload import LastFrame
from tasks.submission.shot_log import StepLog, log_exchanges
from tasks.submission.submit import submit
from tests.support.paid_path import (
    API_KEY,
    KEY,
    FakeVendor,
    clip,
    make_attempt,
    make_context,
    make_shot,
    picture,
    read_attempts,
    response,
    write_attempts,
)

FRAME = LastFrame(picture(128), "frame-sha256")
SUBMITTED = make_attempt(AttemptState.SUBMITTED, job="cgt-1")


@pytest.fixture(autouse=True)
def no_clock_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the vendor's list once, without waiting for late entries."""
    monkeypatch.setattr(reconcile, "CLOCK_MARGIN_SECONDS", 0.0)


def entries(records: RecordStore, key: str = KEY) -> list[dict[str, Any]]:
    """Return the entries of the log of a key."""
    return [dict(entry.document) for entry in read_log(records, key).entries]


def outcomes(records: RecordStore) -> list[tuple[str, str]]:
    """Return each event of the log with the first words of what it means."""
    return [
        (
            entry["event"],
            str(entry.get("outcome") or entry.get("state") or entry.get("message"))[:24],
        )
        for entry in entries(records)
    ]


def test_log_of_a_render_has_every_step(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """Create, changes of the job's state and downloads are logged, each with its time."""
    shot = make_shot()
    data = clip(128, size=(864, 480))
    vendor.files = {"cgt-1.mp4": data, "cgt-1.png": picture(128)}
    running = {"id": "cgt-1", "status": "running"}
    vendor.answers = [(200, {**running, "status": "queued"}), (200, running), (200, running)]
    vendor.answers += [(503, {}), (200, running)]

    async def render() -> None:
        await submit(shot, FRAME, context)
        result = await await_job(shot, context)
        await fetch_last_frame(shot, result, context)
        await fetch_clip(shot, result, context)

    asyncio.run(render())

    assert outcomes(records) == [
        ("create", "accepted as job cgt-1"),
        ("state", "submitted"),
        ("query", "queued"),
        ("query", "running"),
        ("repeated", "running"),
        ("query", "modelark: the vendor had"),
        ("query", "running"),
        ("query", "succeeded"),
        ("state", "done"),
        ("download", "complete"),
        ("download", "complete"),
        ("state", "kept"),
    ]
    create, done, downloaded = (entries(records)[index] for index in (0, 8, 10))
    assert create["url"] == "https://vendor.example/api/v3/contents/generations/tasks"
    assert create["request"]["seed"] == 7
    assert create["status"] == 200
    assert create["response"] == {"id": "cgt-1"}
    assert (create["shot"], create["take"]) == ("one", 1)
    assert done["price"]["currency"] == "USD"
    assert downloaded["size_bytes"] == len(data)
    assert downloaded["sha256"] == read_attempts(records)[0].clip.sha256
    assert {entry["attempt"] for entry in entries(records)} == {
        read_attempts(records)[0].intended_at
    }


def test_log_has_neither_key_nor_signature_nor_media(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """The file has no part of the key, of a signed URL or of the picture that was sent."""

    async def echo(request: httpx.Request) -> httpx.Response:
        header = request.headers["Authorization"]
        body = {"error": {"code": "InvalidParameter", "message": f"{header} {request.content!r}"}}
        return response(400, body)

    vendor.on_create = echo
    with pytest.raises(ProviderError):
        asyncio.run(submit(make_shot(), FRAME, context))
    asyncio.run(submit(make_shot(), FRAME, context))
    asyncio.run(await_job(make_shot(), context))

    text = (records.folder_of(KEY) / LOG_NAME).read_text()
    assert API_KEY.get_secret_value() not in text
    assert "5ecret" not in text
    assert ";base64" not in text
    assert "<png 64x64, sha256 " in text


def test_log_is_written_after_the_receipt(
    context: SubmissionContext, records: RecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a create is logged, its job is on record already."""
    states: list[tuple[str, str | None]] = []

    def append(_: RecordStore, key: str, lines: Any) -> None:
        states.extend((line["event"], read_attempts(records, key)[-1].job) for line in lines)

    def describe(exchange: Exchange, redact: Redact) -> dict[str, Any]:
        described.append(read_attempts(records)[-1].job)
        return describe_exchange(exchange, redact)

    described: list[str | None] = []
    monkeypatch.setattr(shot_log, "describe_exchange", describe)
    monkeypatch.setattr(shot_log, "append_entries", append)
    asyncio.run(submit(make_shot(), FRAME, context))

    assert states == [("create", "cgt-1"), ("state", "cgt-1")]
    assert described == ["cgt-1"]


def test_running_job_is_logged_while_it_runs(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """A run that is killed during the render leaves the states that it has seen."""
    write_attempts(records, SUBMITTED)
    vendor.answers = [(200, {"id": "cgt-1", "status": "running"})]
    vendor.add_job("cgt-1")
    seen: list[list[tuple[str, str]]] = []
    context = make_context(
        context.store, vendor.client(), on_progress=lambda *_: seen.append(outcomes(records))
    )
    asyncio.run(await_job(make_shot(), context))

    assert [("query", "running")] in seen


def break_disk(_: RecordStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every write of the log fail."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shot_log, "append_entries", fail)


def break_description(_: RecordStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the description of an exchange fail."""
    monkeypatch.setattr(shot_log, "describe_exchange", lambda *_: 1 / 0)


def break_observer(_: RecordStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the collection of exchanges fail."""
    monkeypatch.setattr(shot_log.StepLog, "__call__", lambda *_: 1 / 0)


def replace_by_folder(records: RecordStore, _: pytest.MonkeyPatch) -> None:
    """Put a folder in the place of the log."""
    (records.folder_of(KEY) / LOG_NAME).mkdir(parents=True)


def replace_by_link(records: RecordStore, _: pytest.MonkeyPatch) -> None:
    """Put a link in the place of the log."""
    path = records.folder_of(KEY) / LOG_NAME
    path.parent.mkdir(parents=True)
    path.symlink_to(path.parent.parent / "victim")


@pytest.mark.parametrize(
    "break_log",
    [break_disk, break_description, break_observer, replace_by_folder, replace_by_link],
)
def test_broken_log_changes_nothing(
    vendor: FakeVendor,
    context: SubmissionContext,
    records: RecordStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    break_log: Callable[[RecordStore, pytest.MonkeyPatch], None],
) -> None:
    """Without a log the shot is sent once, and its end is recorded."""
    break_log(records, monkeypatch)
    vendor.answers = [(200, {"id": "cgt-1", "status": "running"})]

    async def render() -> None:
        await submit(make_shot(), FRAME, context)
        await await_job(make_shot(), context)

    asyncio.run(render())

    (attempt,) = read_attempts(records)
    assert (attempt.state, attempt.job) == (AttemptState.DONE, "cgt-1")
    assert len(vendor.created()) == 1
    assert not list(tmp_path.rglob("victim"))


def lose(error: type[httpx.TransportError]) -> Callable[[httpx.Request], Any]:
    """Fail a create request on the way."""

    async def fail(_: httpx.Request) -> httpx.Response:
        raise error("lost")

    return fail


def test_unclear_create_is_logged_with_its_request(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """The request, the cause, the list that was read and the advice are there."""
    vendor.on_create = lose(httpx.ReadTimeout)
    with pytest.raises(SubmissionUnclear):
        asyncio.run(submit(make_shot(), FRAME, context))

    create, listed, state, error = entries(records)
    assert (create["event"], create["status"], create["lost"]) == (
        "create",
        None,
        "no answer in time: lost",
    )
    assert create["outcome"].startswith("unclear: ")
    assert (listed["event"], listed["outcome"]) == ("list", "0 jobs")
    assert (state["state"], error["kind"]) == ("unclear", "submission_unclear")
    assert "--resubmit one" in error["message"]


def test_request_that_was_not_sent_is_logged(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """A connection that was refused is logged as not sent, once."""
    vendor.on_create = lose(httpx.ConnectError)
    with pytest.raises(ShotchainError):
        asyncio.run(submit(make_shot(), FRAME, context))

    create, state = entries(records)
    assert create["outcome"].startswith("not sent: ")
    assert state["state"] == "closed"


def test_adoption_is_logged_with_its_proof(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """The state of an adopted job has the proof that it is ours."""
    write_attempts(records, make_attempt(AttemptState.UNCLEAR))
    vendor.add_job("cgt-7")
    asyncio.run(submit(make_shot(), FRAME, context))

    state = entries(records)[-1]
    assert (state["state"], state["job"], state["proof"]) == ("submitted", "cgt-7", "seed")


def test_search_for_the_job_belongs_to_the_new_attempt(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """The create, the list and the queries of the listed job are of one attempt."""

    async def create_and_lose(_: httpx.Request) -> httpx.Response:
        vendor.add_job("cgt-lost")
        raise httpx.ReadTimeout("lost")

    vendor.on_create = create_and_lose
    vendor.answers = [(200, {"id": "cgt-lost", "status": "running"})]
    write_attempts(records, make_attempt(AttemptState.CLOSED))
    asyncio.run(submit(make_shot(), FRAME, context))

    assert [(event, text) for event, text in outcomes(records) if event == "query"] == [
        ("query", "running"),
        ("query", "succeeded"),
    ]
    new = read_attempts(records)[-1].intended_at
    assert {entry["attempt"] for entry in entries(records)} == {new}


def test_resubmit_is_logged_in_order(
    vendor: FakeVendor, store: Store, records: RecordStore
) -> None:
    """The attempt that was given up comes before the create of the next one."""
    unclear = make_attempt(AttemptState.UNCLEAR)
    write_attempts(records, unclear)
    client = vendor.client(supports_listing=False)
    context = make_context(store, client, resubmit={KEY: unclear.intended_at})
    asyncio.run(submit(make_shot(), None, context))

    assert outcomes(records) == [
        ("state", "abandoned"),
        ("create", "accepted as job cgt-1"),
        ("state", "submitted"),
    ]
    assert [entry["attempt"] for entry in entries(records)] == [
        attempt.intended_at for attempt in (unclear, *read_attempts(records)[1:] * 2)
    ]


def test_cancel_is_logged(vendor: FakeVendor, records: RecordStore) -> None:
    """The cancel of a queued job and its new state are logged with the shot of the receipt."""
    vendor.add_job("cgt-1", "queued")
    write_attempts(records, SUBMITTED)
    asyncio.run(cancel(KEY, records, vendor.client()))

    events = [event for event, _ in outcomes(records)]
    assert events == ["query", "cancel", "query", "repeated", "state"]
    assert outcomes(records)[-1] == ("state", "cancelled")
    assert entries(records)[-1]["shot"] == "one"


def test_step_that_does_nothing_logs_nothing(
    context: SubmissionContext, records: RecordStore
) -> None:
    """A kept shot of a later run adds nothing."""
    write_attempts(records, SUBMITTED)
    asyncio.run(submit(make_shot(), FRAME, context))

    assert entries(records) == []


def test_bug_is_logged_without_its_message(records: RecordStore) -> None:
    """The message of an unexpected error may hold anything."""

    def fail() -> None:
        with log_exchanges(records, KEY, shot="one", take=1):
            write_attempts(records, SUBMITTED)
            msg = f"no {API_KEY.get_secret_value()}"
            raise RuntimeError(msg)

    with pytest.raises(RuntimeError):
        fail()

    assert outcomes(records) == [("state", "submitted"), ("error", "a bug: RuntimeError")]


def test_exchange_after_the_step_is_dropped(records: RecordStore) -> None:
    """A task that goes on after an interrupt writes nothing before its receipt."""
    url, answer = "https://vendor.example/tasks/cgt-1", ApiResponse(200, {}, {})
    query = Exchange("query", "modelark", url, 0.0, 0.1, str, response=answer, result="queued")
    log = StepLog(records, KEY, shot="one", take=1, redact=str)
    log.finish(None)
    log(query)

    assert entries(records) == []


def test_damaged_receipt_does_not_stop_the_log(records: RecordStore) -> None:
    """The step itself reports the damage."""
    records.folder_of(KEY).mkdir(parents=True)
    (records.folder_of(KEY) / RECEIPT_NAME).write_bytes(b"{")

    with log_exchanges(records, KEY, shot="one", take=1):
        pass

    assert entries(records) == []


def test_step_within_a_step_is_logged_once(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """The last frame of a vendor without one is decoded from the clip, which is another step."""
    vendor.files = {"cgt-1.mp4": clip(128, size=(864, 480))}
    vendor.add_job("cgt-1")
    write_attempts(records, SUBMITTED)
    asyncio.run(fetch_last_frame(make_shot(), None, context))

    assert outcomes(records) == [
        ("query", "succeeded"),
        ("download", "complete"),
        ("state", "kept"),
    ]


def test_keys_of_the_run_are_redacted(
    vendor: FakeVendor, store: Store, records: RecordStore
) -> None:
    """The key of another provider of the run is in no entry."""
    vendor.on_create = respond_with_key
    context = make_context(
        store, vendor.client(), redact=lambda text: text.replace("other-key-5512", "…")
    )
    with pytest.raises(ProviderError):
        asyncio.run(submit(make_shot(), FRAME, context))

    assert "other-key" not in (records.folder_of(KEY) / LOG_NAME).read_text()


async def respond_with_key(_: httpx.Request) -> httpx.Response:
    """Repeat a key in an error."""
    return response(400, {"error": {"code": "InvalidParameter", "message": "other-key-5512"}})


def test_exchange_without_a_log_is_dropped() -> None:
    """Outside of a step there is no observer."""
    report_exchange(None)
