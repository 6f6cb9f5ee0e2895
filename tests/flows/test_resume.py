"""Going on where another run stopped: another process, another machine, other settings, days later.

Each run here is a new one over the same store; what the vendor took is counted by its own ledger.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from flows.cli.render import report_kept
from flows.run_context import open_run
from tasks.errors import NotConfigured, Unreachable
from tasks.providers.client import Client
from tasks.providers.dialects import DIALECTS
from tasks.simulator.request_log import read_request_log
from tasks.simulator.server import serve
from tasks.store.receipts import Attempt, AttemptState


async def switch_off(*args: object, **kwargs: object) -> None:
    """End a task as a machine that is switched off does."""
    del args, kwargs
    raise Unreachable("switched off")


SUBMITTED = {"await_frame": switch_off}
"""A run that ends when its first jobs are submitted."""

RENDERED = {"download_clip": switch_off}
"""A run that ends before its first clip is downloaded."""


def requests(studio, operation: str) -> list[int]:
    """The statuses of every such request, in order."""
    return [one.status for one in read_request_log(studio.root) if one.operation == operation]


def downloads(studio, ending: str = ".mp4") -> list[int]:
    return [
        one.status
        for one in read_request_log(studio.root)
        if one.operation == "download" and one.path.endswith(ending)
    ]


def change_receipts(store: Path, **facts: object) -> None:
    """Edit the attempt that counts in every receipt."""
    for path in store.rglob("receipt.json"):
        record = json.loads(path.read_bytes())
        record["attempts"][-1].update(facts)
        path.write_text(json.dumps(record))


def days_ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")


@pytest.mark.parametrize("stop", [SUBMITTED, RENDERED])
@pytest.mark.parametrize("provider", ["ark", "cometapi-volc"])
def test_what_was_sent_is_picked_up_by_the_next_run(
    studio, chain, outcomes, stop, provider
) -> None:
    """Whether the job was queued or done when the first run ended, nothing is sent again."""
    text = chain("one", "two", provider=provider)
    first = studio.run(text, tasks=stop)
    standings = studio.prepare(text).status
    again = studio.run(text)

    assert outcomes(first)["one"] == "failed"
    assert standings["one"].max_price.amount == 0
    # Without a frame of the vendor's, the clip itself is brought home to take it.
    brought = stop is RENDERED and provider == "cometapi-volc"
    assert standings["one"].state == ("kept" if brought else "in flight")
    assert again.film.frame_count == 97
    assert studio.submits == studio.creates == 2


def test_a_job_is_asked_for_where_it_was_sent(studio, chain, outcomes, tmp_path) -> None:
    """The base URL was changed since: the job is fetched from the old one, what is new is sent to
    the new one."""
    text = chain("one", "two", provider="ark")
    studio.run(text, tasks=SUBMITTED)
    with serve(tmp_path / "elsewhere") as url:
        studio.words["SHOTCHAIN_ARK_BASE_URL"] = f"{url}/ark/api/v3"
        report = studio.run(text)
        elsewhere = read_request_log(tmp_path / "elsewhere")

    assert outcomes(report) == {"one": "rendered", "two": "rendered"}
    assert studio.creates == 1
    assert sum(one.accepted for one in elsewhere) == 1
    urls = {one.shot.id: one.attempt.base_url for one in report.results}
    assert urls == {"one": f"{studio.url}/ark/api/v3", "two": f"{url}/ark/api/v3"}


def test_another_machine_with_the_same_store_goes_on(studio, chain, outcomes, tmp_path) -> None:
    """The store lies at another path, the board too; the job is picked up and the film is made."""
    text = chain("one", "two", provider="ark")
    studio.run(text, tasks=SUBMITTED)
    shutil.move(studio.folder / "store", tmp_path / "carried")
    studio.folder = tmp_path / "other-machine"
    studio.folder.mkdir()
    report = studio.run(text, store=tmp_path / "carried")

    assert outcomes(report) == {"one": "rendered", "two": "rendered"}
    assert (studio.folder / "films" / "board.mp4").exists()
    assert studio.creates == 2


def test_a_copied_store_holds_the_film_and_needs_nothing(studio, chain, tmp_path) -> None:
    """What is kept is kept wherever the folder lies: no vendor is asked, nothing is joined."""
    text = chain("one", "two", provider="ark")
    studio.run(text)
    seen = len(read_request_log(studio.root))
    shutil.copytree(studio.folder / "store", tmp_path / "copied")
    report = report_kept(studio.prepare(text, store=tmp_path / "copied"))

    assert [one.outcome for one in report.results] == ["kept", "kept"]
    assert report.film.path.is_relative_to(tmp_path / "copied")
    assert not report.film.is_new
    assert len(read_request_log(studio.root)) == seen


def test_a_job_older_than_a_vendor_keeps_it_is_told_with_its_price(studio, chain) -> None:
    """Seven days are over: the plan says which job, that it is rendered again, and for how much."""
    text = chain("one", provider="ark")
    studio.run(text, tasks=SUBMITTED)
    receipt = next((studio.folder / "store").rglob("receipt.json"))
    job = json.loads(receipt.read_bytes())["attempts"][-1]["job"]
    change_receipts(studio.folder / "store", intended_at=days_ago(8), submitted_at=days_ago(8))
    production = studio.prepare(text)
    standing = production.status["one"]

    assert standing.state == "to render"
    assert standing.reason == (
        f"job {job} is older than the 7 days a vendor keeps it; it is rendered again for 0.30 CNY"
    )
    assert str(production.max_cost) == "0.30 CNY"


@pytest.mark.parametrize("forgotten", [True, False])
def test_a_job_older_than_a_week_is_asked_for_before_it_is_paid_again(
    studio, chain, outcomes, forgotten: bool
) -> None:
    """One more create where the vendor has forgotten it, none where it has not."""
    text = chain("one", provider="ark")
    studio.run(text, tasks=SUBMITTED)
    change_receipts(studio.folder / "store", intended_at=days_ago(8), submitted_at=days_ago(8))
    if forgotten:
        for job in (studio.root / "jobs").glob("*.json"):
            job.unlink()
    report = studio.run(text)

    assert outcomes(report) == {"one": "rendered"}
    assert studio.creates == (2 if forgotten else 1)


def test_a_url_that_is_no_longer_served_is_asked_for_again(studio, chain, outcomes) -> None:
    """403 from the file store: the job is queried once more, and what it says now is fetched."""
    studio.faults.inject("download_error", match=".mp4", status=403)
    text = chain("one", provider="ark")
    report = studio.run(text)
    last = [one.operation for one in read_request_log(studio.root)][-3:]

    assert outcomes(report) == {"one": "rendered"}
    assert downloads(studio) == [403, 200]
    assert last == ["download", "get", "download"]
    assert studio.creates == 1


def test_a_download_that_breaks_off_goes_on_where_it_was(studio, chain, outcomes) -> None:
    """Only the rest is asked for, and the clip is whole by its digest."""
    studio.faults.inject("short_download", match=".mp4")
    report = studio.run(chain("one", provider="ark"))

    assert outcomes(report) == {"one": "rendered"}
    assert downloads(studio) == [200, 206]
    assert studio.creates == 1


def test_a_download_that_failed_is_repeated_by_the_next_run(studio, chain, outcomes) -> None:
    """A file store that is down for a whole run costs a run, not a render."""
    studio.faults.inject("download_error", match=".mp4", times=4)
    text = chain("one", provider="ark")
    first = studio.run(text)
    again = studio.run(text)

    assert outcomes(first) == {"one": "failed"}
    assert isinstance(first.results[0].error, Unreachable)
    assert outcomes(again) == {"one": "rendered"}
    assert downloads(studio) == [503, 503, 503, 503, 200]
    assert studio.creates == 1


def test_a_job_that_outlasts_a_run_is_gone_on_with(studio, chain, outcomes, monkeypatch) -> None:
    """At its deadline a job is kept, told as such, and fetched by a later run."""
    studio.faults.inject("job_stalls")
    monkeypatch.setattr("tasks.submission.await_job.job_timeout_seconds", lambda *_: 0.0)
    text = chain("one", provider="ark")
    first = studio.run(text)
    again = studio.run(text)

    assert outcomes(first) == outcomes(again) == {"one": "failed"}
    assert "it is kept, and the next run goes on with it" in str(again.results[0].error)
    assert studio.submits == 1


def test_an_address_of_before_is_asked_only_where_the_same_key_was_used_there(
    studio, chain
) -> None:
    """Settings may change while a job runs; a receipt of a stranger's store leads no key away."""
    before = "https://before.example.com/api/v3"
    studio.words["SHOTCHAIN_ARK_BASE_URL"] = "https://now.example.com/api/v3"
    production = studio.prepare(chain("one", provider="ark"))
    row = production.plan.shot("one").provider
    sent = Client(
        row, DIALECTS[row.dialect], api_key=SecretStr("canary-key-9f2"), base_url=before
    ).sign_base_url()
    attempt = Attempt(
        AttemptState.SUBMITTED, "board", "one", 1, "ark", "m", before, "-", days_ago(0)
    )

    async def ask(seal: str | None) -> str:
        async with open_run(production, studio.on_progress) as context:
            return context.submission.client_of(row, replace(attempt, base_url_hmac=seal)).base_url

    assert asyncio.run(ask(sent)) == before
    for wrong in (None, sent[::-1]):
        with pytest.raises(NotConfigured, match="if you sent the job there, set SHOTCHAIN_ARK_BASE"):
            asyncio.run(ask(wrong))
    assert "canary" not in sent


def test_every_receipt_is_sealed_with_the_key_that_it_was_sent_with(studio, chain) -> None:
    """Before the request, with all else that the intent holds."""
    studio.run(chain("one", provider="ark"), tasks=SUBMITTED)
    (path,) = studio.folder.rglob("receipt.json")

    assert len(json.loads(path.read_bytes())["attempts"][-1]["base_url_hmac"]) == 32
