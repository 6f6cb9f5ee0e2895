"""Creates whose job a vendor hides, rewords, repeats or denies: each is paid once.

Each case runs the command twice through a proxy before the simulator, at vendors with a list of
jobs (`ark`, `kkiai`) and without (`cometapi-volc`, `infinity-blue`). `-rP` prints the table: case,
vendor, creates, charged, exit code and message of both runs.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pytest

from flows.cli.main import main
from tasks.providers.client import Client
from tests.support.full_disk import FailingWrites
from tests.support.plain_tasks import command_without_engine
from tests.support.rewriting_proxy import LOST, Exchange, Reply, Rewrite, RewritingProxy

LIST_VENDORS = ("ark", "kkiai")
OTHER_VENDORS = ("cometapi-volc", "infinity-blue")
RESUBMIT = "--resubmit one"

Items = list[dict[str, Any]]


class Outcome(NamedTuple):
    """The outcome of a run."""

    creates: int
    charged: int
    exit_code: int
    message: str


class Case(NamedTuple):
    """The responses of a vendor, and the exit codes and messages that are expected."""

    name: str
    rewrite: Rewrite
    """Rewrites the responses of the first run."""
    exit_code: int
    message: str
    next_exit_code: int
    creates: int = 1
    rewrites_next: bool = True
    """False if the second run gets the vendor's own responses."""
    board: str = ""
    """More shots."""


def lose_create(exchange: Exchange) -> Reply | None:
    """Lose every response to a create, after the vendor accepted it."""
    return LOST if exchange.operation == "create" else None


def relist(change: Callable[[Items], object], **reply: Any) -> Rewrite:
    """Lose the response to the create, and rewrite the items of each list."""

    def rewrite(exchange: Exchange) -> Reply | None:
        if exchange.operation == "create":
            return LOST
        if exchange.operation != "list":
            return None
        return Reply(change(exchange.body["items"]), **reply)

    return rewrite


def reword(**changes: Any) -> Rewrite:
    """List each job with other values."""
    return relist(lambda items: {"items": [{**item, **changes} for item in items]})


def shift_time(seconds: int) -> Rewrite:
    """List each job with another time of creation."""
    return relist(
        lambda items: {
            "items": [{**item, "created_at": item["created_at"] + seconds} for item in items]
        }
    )


def rename_id(items: Items) -> object:
    return {"items": [{**item, "id": None, "taskId": item["id"]} for item in items]}


def list_others(items: Items) -> object:
    return {"items": [{**item, "id": f"other-{item['id']}", "seed": 1} for item in items]}


NO_LIST = "list of jobs can't be read"
NOT_LISTED = "shows no job that fits, which proves nothing"

LIST_CASES = (
    Case("empty", relist(lambda _: {"items": []}), 1, NOT_LISTED, 1),
    Case("incomplete", relist(list_others), 1, NOT_LISTED, 1),
    Case("lags for a run", relist(lambda _: {"items": []}), 1, NOT_LISTED, 0, rewrites_next=False),
    Case("ignores its pages", reword(), 0, "", 0),
    Case("another model", reword(model="seedance-pro"), 1, NOT_LISTED, 1),
    Case("another tier", reword(service_tier="standard"), 1, NOT_LISTED, 1),
    Case("another seed", reword(seed=17), 1, NOT_LISTED, 1),
    Case("an hour early", shift_time(-3600), 1, NOT_LISTED, 1),
    Case("an hour late", shift_time(3600), 1, NOT_LISTED, 1),
    Case("time as text", reword(created_at="2026-11-29 05:00"), 1, NOT_LISTED, 1),
    Case("no time", reword(created_at=None), 1, NOT_LISTED, 1),
    Case("another name of the id", relist(rename_id), 1, NOT_LISTED, 1),
    Case("HTML", relist(lambda _: b"<html>", mime_type="text/html"), 1, NO_LIST, 1),
    Case("JSON as text", relist(lambda i: {"items": i}, mime_type="text/plain"), 1, NO_LIST, 1),
    Case("no items field", relist(lambda i: {"total": 0, "tasks": i}), 1, NO_LIST, 1),
    Case("an error", relist(lambda _: {}, status=500), 1, NO_LIST, 1),
)
"""Lists after a lost response to a create."""


def answer_with(body: Callable[[Any], object]) -> Rewrite:
    """Rewrite each response to an accepted create."""
    return lambda exchange: Reply(body(exchange.body)) if exchange.operation == "create" else None


class ReplayFirstCreate:
    """Answers each create with the response to the first one."""

    def __init__(self) -> None:
        self._first: object = None

    def __call__(self, exchange: Exchange) -> Reply | None:
        if exchange.operation != "create":
            return None
        self._first = self._first or exchange.body
        return Reply(self._first)


def error(code: str, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": "no"}, **more}


SECOND_SHOT = '  - {id: two, prompt: "Picture of two.", first_frame: none}\n'
IS_ERROR = "the response is an error with status 200"

CREATE_CASES = (
    Case("undocumented error", answer_with(lambda _: error("Sorry")), 1, IS_ERROR, 1),
    Case("internal error", answer_with(lambda _: error("InternalServiceError")), 1, IS_ERROR, 1),
    Case(
        "documented error, other id",
        answer_with(lambda body: error("InvalidParameter", job_id=body["id"])),
        1,
        IS_ERROR,
        1,
    ),
    Case("error beside the id", answer_with(lambda body: error("Sorry", **body)), 0, "", 0),
    Case("success: false", answer_with(lambda _: {"success": False}), 1, "no job id", 1),
    Case(
        "one id for two creates",
        ReplayFirstCreate(),
        1,
        "returned job",
        1,
        creates=2,
        board=SECOND_SHOT,
    ),
)
"""Responses to a create that the vendor accepted; no job is found in a list."""


@pytest.fixture
def proxy(studio: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[RewritingProxy]:
    """Serve a proxy before the studio's simulator, and keep waits short."""
    monkeypatch.setattr("tasks.submission.reconcile.LOOPBACK_CLOCK_MARGIN_SECONDS", 0.0)
    monkeypatch.setattr("tasks.providers.client.retry_delay_seconds", lambda *_: 0.0)
    monkeypatch.chdir(studio.folder)
    with RewritingProxy(studio.url).serve() as proxy:
        studio.url = proxy.url
        yield proxy


def write_board(studio: Any, vendor: str, case: Case) -> None:
    is_new = vendor == "infinity-blue"
    model, seconds = ("seedance-2.0", 4) if is_new else ("seedance-1.0-pro", 2)
    studio.write(
        f"provider: {vendor}\nmodel: {model}\n"
        f"look: {{resolution: 480p, seconds: {seconds}, ratio: '16:9'}}\n"
        f'shots:\n  - {{id: one, prompt: "Picture of one."}}\n{case.board}'
    )


def run_command(studio: Any, case: Case, vendor: str, *extra: str) -> Outcome:
    """Run `shotchain render` in this process, print its row, and return its outcome."""
    out, err = io.StringIO(), io.StringIO()
    argv = ["render", "--json", "--yes", "--jobs", "1", "--store", "store", "board.yaml"]
    with (
        mock.patch.dict(os.environ, studio.settings().variables),
        command_without_engine(),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = main([*argv, *extra])
    jobs = [json.loads(path.read_bytes()) for path in (studio.root / "jobs").glob("*.json")]
    charged = sum(job["status"] not in ("failed", "expired", "cancelled") for job in jobs)
    outcome = Outcome(studio.creates, charged, code, err.getvalue().strip())
    print("|", case.name, "|", vendor, "|", *(f"{value} |" for value in outcome))
    return outcome


def check(studio: Any, proxy: RewritingProxy, case: Case, vendor: str) -> None:
    """Run a case twice, and compare what was paid and reported."""
    write_board(studio, vendor, case)
    proxy.rewrite = case.rewrite
    first = run_command(studio, case, vendor)
    if not case.rewrites_next:
        proxy.rewrite = lambda _: None
    following = run_command(studio, case, vendor)

    assert first[:3] == (case.creates, case.creates, case.exit_code), first
    assert case.message in first.message
    assert case.exit_code == 0 or "--resubmit" in first.message
    assert following[:3] == (case.creates, case.creates, case.next_exit_code), following


@pytest.mark.parametrize("vendor", LIST_VENDORS)
@pytest.mark.parametrize("case", LIST_CASES, ids=lambda case: case.name)
def test_list_without_proof_pays_once(
    studio: Any, proxy: RewritingProxy, case: Case, vendor: str
) -> None:
    """Only a proven job is adopted, whatever the list shows, and nothing is sent again."""
    if vendor == "kkiai" and case.next_exit_code == 0:
        # The vendor's list has no seeds, and the shot starts on no frame.
        case = case._replace(exit_code=1, message="nothing proves it", next_exit_code=1)
        if not case.rewrites_next:
            case = case._replace(message=NOT_LISTED)
    check(studio, proxy, case, vendor)


@pytest.mark.parametrize("vendor", OTHER_VENDORS)
def test_lost_response_without_list_pays_once(
    studio: Any, proxy: RewritingProxy, vendor: str
) -> None:
    """At a vendor without a list of jobs nothing can be looked up."""
    check(studio, proxy, Case("lost", lose_create, 1, "gives no list of its jobs", 1), vendor)


@pytest.mark.parametrize("vendor", ["ark", *OTHER_VENDORS])
@pytest.mark.parametrize("case", CREATE_CASES, ids=lambda case: case.name)
def test_odd_response_to_accepted_create_pays_once(
    studio: Any, proxy: RewritingProxy, case: Case, vendor: str
) -> None:
    """A body that looks like a rejection, or names another job, does not lead to another create."""
    # A new one for each vendor: it remembers the first response.
    rewrite = ReplayFirstCreate() if case.creates == 2 else case.rewrite

    def without_list(exchange: Exchange) -> Reply | None:
        return Reply({"items": []}) if exchange.operation == "list" else rewrite(exchange)

    check(studio, proxy, case._replace(rewrite=without_list), vendor)


def test_replayed_response_names_job_and_shot(studio: Any, proxy: RewritingProxy) -> None:
    """The second shot is unclear and not rendered with the picture of the first."""
    (case,) = (case for case in CREATE_CASES if case.name == "one id for two creates")
    write_board(studio, "cometapi-volc", case)
    proxy.rewrite = ReplayFirstCreate()
    outcome = run_command(studio, case, "cometapi-volc")
    (job,) = [
        attempt["job"]
        for path in (studio.folder / "store").glob("*/*/receipt.json")
        for attempt in json.loads(path.read_bytes())["attempts"]
        if "job" in attempt
    ]

    assert f"returned job {job}, which is the job of one already" in outcome.message


@pytest.mark.parametrize("ahead_seconds", [-7200, 7200])
def test_wrong_clock_while_sending_pays_once(
    studio: Any, proxy: RewritingProxy, monkeypatch: pytest.MonkeyPatch, ahead_seconds: int
) -> None:
    """A clock that was wrong in the run that sent leaves the shot unclear, and not free to send."""
    from tasks.store import receipts
    from tasks.submission import recorder, submit

    case = Case("wrong clock", relist(lambda _: {"items": []}), 1, NOT_LISTED, 1)
    write_board(studio, "ark", case)
    proxy.rewrite = case.rewrite
    utc_now = receipts.utc_now

    def wrong_now() -> str:
        return receipts.format_timestamp(receipts.parse_timestamp(utc_now()) + ahead_seconds)

    for module in (submit, recorder):
        monkeypatch.setattr(module, "utc_now", wrong_now)
    first = run_command(studio, case, "ark")
    for module in (submit, recorder):
        monkeypatch.setattr(module, "utc_now", utc_now)
    proxy.rewrite = lambda _: None
    following = run_command(studio, case, "ark")

    assert (first[:3], following[:3]) == ((1, 1, 1), (1, 1, 1))
    assert NOT_LISTED in following.message


def test_list_of_another_key_decides_nothing(studio: Any, proxy: RewritingProxy) -> None:
    """With the key of another account the message names the cause; the first key finds the job."""
    case = Case("another key", relist(lambda _: {"items": []}), 1, NOT_LISTED, 1)
    write_board(studio, "ark", case)
    proxy.rewrite = case.rewrite
    run_command(studio, case, "ark")
    proxy.rewrite = lambda _: None
    settings = studio.settings
    key = "SHOTCHAIN_ARK_API_KEY"
    studio.settings = lambda: replace(
        settings(), variables={**settings().variables, key: "canary-other-key"}
    )
    other = run_command(studio, case, "ark")
    studio.settings = settings
    following = run_command(studio, case, "ark")

    assert other[:3] == (1, 1, 1)
    assert "sent with another API key" in other.message
    assert following[:3] == (1, 1, 0)


@pytest.mark.parametrize("vendor", ["ark", *OTHER_VENDORS])
def test_unwritable_receipt_reaches_the_user(
    studio: Any,
    proxy: RewritingProxy,  # noqa: ARG001 - sets the working folder
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    vendor: str,
) -> None:
    """The job's id is on stderr and in a log, and the next run has the clip without another job."""
    case = Case("disk full", lambda _: None, 1, "accepted job", 0)
    write_board(studio, vendor, case)
    state, logs = tmp_path / "state", tmp_path / "logs"
    logs.mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    monkeypatch.setattr("tempfile.tempdir", str(logs))
    writes = FailingWrites(studio.folder / "store", 0)
    create = Client.create

    async def create_and_fill(self: Client, request: Any, **options: Any) -> Any:
        created = await create(self, request, **options)
        writes.start()
        return created

    monkeypatch.setattr(Client, "create", create_and_fill)
    with writes.patched():
        first = run_command(studio, case, vendor)
    writes.stop()
    (record,) = [json.loads(path.read_bytes()) for path in state.glob("shotchain/*.json")]
    (log,) = [path.read_text() for path in logs.glob("shotchain-*.log")]
    following = run_command(studio, case, vendor)

    assert first[:3] == (1, 1, 1)
    assert all(record["job"] in text for text in (first.message, log))
    assert "No space left on device" in first.message
    assert following[:3] == (1, 1, 0)
    assert list(state.glob("shotchain/*.json")) == []


def test_resubmit_pays_once_more(studio: Any, proxy: RewritingProxy) -> None:
    """The author's word, and nothing else, sends an unclear shot again: once."""
    case = Case("resubmit", lose_create, 1, "", 1)
    write_board(studio, "cometapi-volc", case)
    proxy.rewrite = case.rewrite
    first = run_command(studio, case, "cometapi-volc")
    second = run_command(studio, case, "cometapi-volc", "--resubmit", "one")
    third = run_command(studio, case, "cometapi-volc")

    assert [outcome[:3] for outcome in (first, second, third)] == [(1, 1, 1), (2, 2, 1), (2, 2, 1)]
