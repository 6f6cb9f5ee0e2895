"""Runs that go on where another one stopped: later, on another machine, with other settings.

Each run is a new one over the same store; created jobs are counted by the vendor's request log.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from flows.report import report_kept
from flows.run import Run
from flows.run_context import open_run
from tasks.errors import NotConfigured, Unreachable
from tasks.providers.client import Client
from tasks.providers.dialects import DIALECTS
from tasks.simulator.request_log import read_request_log
from tasks.simulator.server import serve
from tasks.store.receipts import Attempt, AttemptState


async def power_off(*args: object, **kwargs: object) -> None:
    """End a task as if the machine were switched off."""
    del args, kwargs
    raise Unreachable("switched off")


SUBMITTED = {"await_frame": power_off}
"""Tasks of a run that ends when its first jobs are submitted."""

RENDERED = {"download_clip": power_off}
"""Tasks of a run that ends before its first clip is downloaded."""


def clip_statuses(studio) -> list[int]:
    """Return the HTTP statuses of the downloads of clips, oldest first."""
    downloads = studio.requests("download")
    return [request.status for request in downloads if request.path.endswith(".mp4")]


def update_attempts(store: Path, **facts: object) -> None:
    """Change the latest attempt in every receipt."""
    for path in store.rglob("receipt.json"):
        record = json.loads(path.read_bytes())
        record["attempts"][-1].update(facts)
        path.write_text(json.dumps(record))


def days_ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")


@pytest.mark.parametrize(
    ("stop", "provider", "state"),
    [
        (SUBMITTED, "ark", "in flight"),
        (SUBMITTED, "cometapi-volc", "in flight"),
        (RENDERED, "ark", "in flight"),
        # This vendor provides no last frame, so the clip was downloaded to decode it.
        (RENDERED, "cometapi-volc", "kept"),
    ],
    ids=["submitted-ark", "submitted-cometapi-volc", "rendered-ark", "rendered-cometapi-volc"],
)
def test_submitted_job_is_resumed(studio, chain, outcomes, stop, provider, state) -> None:
    """A job that was queued or done when the first run ended is not sent again."""
    text = chain("one", "two", provider=provider)
    first = studio.run(text, tasks=stop)
    status = studio.prepare(text).status["one"]
    following = studio.run(text)

    assert outcomes(first)["one"] == "failed"
    assert (status.state, status.max_price.amount) == (state, 0)
    assert following.film.frame_count == 97
    assert studio.submits == studio.creates == 2


def test_job_is_queried_at_its_own_base_url(studio, chain, outcomes, tmp_path) -> None:
    """If the base URL changes, a job is fetched from the old one; new jobs go to the new one."""
    text = chain("one", "two", provider="ark")
    studio.run(text, tasks=SUBMITTED)
    with serve(tmp_path / "elsewhere") as url:
        studio.env["SHOTCHAIN_ARK_BASE_URL"] = f"{url}/ark/api/v3"
        report = studio.run(text)
        elsewhere = read_request_log(tmp_path / "elsewhere")

    assert outcomes(report) == {"one": "rendered", "two": "rendered"}
    assert studio.creates == 1
    assert sum(request.accepted for request in elsewhere) == 1
    urls = {result.shot.id: result.attempt.base_url for result in report.results}
    assert urls == {"one": f"{studio.url}/ark/api/v3", "two": f"{url}/ark/api/v3"}


def test_moved_store_is_resumed(studio, chain, outcomes, tmp_path) -> None:
    """With board and store at other paths, the job is resumed and the film is made."""
    text = chain("one", "two", provider="ark")
    studio.run(text, tasks=SUBMITTED)
    shutil.move(studio.folder / "store", tmp_path / "moved")
    studio.folder = tmp_path / "other-machine"
    studio.folder.mkdir()
    report = studio.run(text, store=tmp_path / "moved")

    assert outcomes(report) == {"one": "rendered", "two": "rendered"}
    assert (studio.folder / "films" / "board.mp4").exists()
    assert studio.creates == 2


def test_copied_store_needs_no_request(studio, chain, tmp_path) -> None:
    """Kept shots and the film are kept at any path: no request is sent and nothing is joined."""
    text = chain("one", "two", provider="ark")
    studio.run(text)
    requests = len(read_request_log(studio.root))
    shutil.copytree(studio.folder / "store", tmp_path / "copied")
    report = report_kept(studio.prepare(text, store=tmp_path / "copied"))

    assert [result.outcome for result in report.results] == ["kept", "kept"]
    assert report.film.path.is_relative_to(tmp_path / "copied")
    assert not report.film.is_new
    assert len(read_request_log(studio.root)) == requests


def test_plan_of_expired_job_has_its_price(studio, chain) -> None:
    """After seven days the plan names the job, and the price of rendering it again."""
    text = chain("one", provider="ark")
    studio.run(text, tasks=SUBMITTED)
    receipt = next((studio.folder / "store").rglob("receipt.json"))
    job = json.loads(receipt.read_bytes())["attempts"][-1]["job"]
    update_attempts(studio.folder / "store", intended_at=days_ago(8), submitted_at=days_ago(8))
    run = studio.prepare(text)
    status = run.status["one"]

    assert status.state == "to render"
    assert f"job {job} is older than the 7 days" in status.reason
    assert "rendered again for 0.30 CNY" in status.reason
    assert str(run.max_cost) == "0.30 CNY"


@pytest.mark.parametrize(("is_forgotten", "creates"), [(True, 2), (False, 1)])
def test_expired_job_is_queried_before_paying(
    studio, chain, outcomes, is_forgotten: bool, creates: int
) -> None:
    """Another job is created only if the vendor has forgotten the first one."""
    text = chain("one", provider="ark")
    studio.run(text, tasks=SUBMITTED)
    times = ("intended_at", "submitted_at", "accepted_at")
    update_attempts(studio.folder / "store", **dict.fromkeys(times, days_ago(8)))
    for job in (studio.root / "jobs").glob("*.json") if is_forgotten else ():
        job.unlink()
    report = studio.run(text)

    assert outcomes(report) == {"one": "rendered"}
    assert studio.creates == creates


def test_expired_url_is_queried_again(studio, chain, outcomes) -> None:
    """After status 403 the job is queried once more, and its new URL is downloaded."""
    studio.faults.inject("download_error", match=".mp4", status=403)
    report = studio.run(chain("one", provider="ark"))
    operations = [request.operation for request in read_request_log(studio.root)]

    assert outcomes(report) == {"one": "rendered"}
    assert clip_statuses(studio) == [403, 200]
    assert operations[-3:] == ["download", "get", "download"]
    assert studio.creates == 1


def test_interrupted_download_is_continued(studio, chain, outcomes) -> None:
    """Only the rest of the clip is requested, and its digest is that of the whole clip."""
    studio.faults.inject("short_download", match=".mp4")
    report = studio.run(chain("one", provider="ark"))

    assert outcomes(report) == {"one": "rendered"}
    assert clip_statuses(studio) == [200, 206]
    assert studio.creates == 1


def test_failed_download_is_repeated_by_next_run(studio, chain, outcomes) -> None:
    """An outage of the file server for a whole run does not cost another job."""
    studio.faults.inject("download_error", match=".mp4", times=4)
    text = chain("one", provider="ark")
    first = studio.run(text)
    following = studio.run(text)

    assert outcomes(first) == {"one": "failed"}
    assert isinstance(first.results[0].error, Unreachable)
    assert outcomes(following) == {"one": "rendered"}
    assert clip_statuses(studio) == [503, 503, 503, 503, 200]
    assert studio.creates == 1


def test_job_past_its_deadline_is_kept(studio, chain, outcomes, monkeypatch) -> None:
    """A job that outlasts the run fails its shot and is not sent again by the next run."""
    studio.faults.inject("job_stalls")
    monkeypatch.setattr("tasks.submission.await_job.job_timeout_seconds", lambda *_: 0.0)
    text = chain("one", provider="ark")
    first = studio.run(text)
    following = studio.run(text)

    assert outcomes(first) == outcomes(following) == {"one": "failed"}
    assert "its receipt is kept, and the next run waits for it again" in str(
        following.results[0].error
    )
    assert studio.submits == 1


OLD_URL = "https://before.example.com/api/v3"


@pytest.fixture
def moved_run(studio, chain) -> Run:
    """A run whose provider has another base URL than an earlier attempt."""
    studio.env["SHOTCHAIN_ARK_BASE_URL"] = "https://now.example.com/api/v3"
    run = studio.prepare(chain("one", provider="ark"))
    run.store.initialize()
    return run


def sign_old_url(run: Run) -> str:
    (shot,) = run.plan.shots_to_render
    provider, key = shot.provider, SecretStr("canary-key-9f2")
    dialect = DIALECTS[provider.dialect]
    return Client(provider, dialect, api_key=key, base_url=OLD_URL).sign_base_url()


def find_client_url(run: Run, signature: str | None) -> str:
    """Return the base URL of the client for an attempt at the old base URL."""
    attempt = Attempt(
        AttemptState.SUBMITTED, "board", "one", 1, "ark", "m", OLD_URL, "-", days_ago(0),
        base_url_hmac=signature,
    )  # fmt: skip

    async def find() -> str:
        async with open_run(run, lambda *_: None) as context:
            (shot,) = run.plan.shots_to_render
            return context.submission.client_of(shot.provider, attempt).base_url

    return asyncio.run(find())


def test_old_base_url_with_signature_gets_key(moved_run) -> None:
    """Settings may change while a job runs; the signature proves that the key was sent there."""
    signature = sign_old_url(moved_run)

    assert find_client_url(moved_run, signature) == OLD_URL
    assert "canary" not in signature


@pytest.mark.parametrize("change", [lambda _: None, lambda signature: signature[::-1]])
def test_old_base_url_without_signature_gets_no_key(moved_run, change) -> None:
    """A receipt in the store of a stranger cannot send the key to another host."""
    signature = change(sign_old_url(moved_run))

    with pytest.raises(NotConfigured, match="if you sent the job there, set SHOTCHAIN_ARK_BASE"):
        find_client_url(moved_run, signature)


def test_receipt_contains_signature_of_base_url(studio, chain) -> None:
    """The signature is written before the request, with the rest of the intent."""
    studio.run(chain("one", provider="ark"), tasks=SUBMITTED)
    (path,) = studio.folder.rglob("receipt.json")

    assert len(json.loads(path.read_bytes())["attempts"][-1]["base_url_hmac"]) == 32
