"""The progress that a run reports: every step of every shot, in plain words."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from tasks.errors import Unreachable
from tasks.progress import Progress, ProgressState, describe_line, describe_progress
from tests.support.plain_tasks import PlainTask

NOW = datetime.now().astimezone()

JARGON = ("Error", "httpx", "running", "submit", "sent", "None", "await")


def steps_of(studio, shot: str | None) -> list[str]:
    """Return the different states of a shot in their order."""
    states = [each.state.value for each in studio.progress if each.shot == shot]
    return list(dict.fromkeys(states))


def test_progress_of_chain_is_complete(studio, chain) -> None:
    """From waiting to the film, with job, price and provider where they are known."""
    report = studio.run(chain("one", "two", "three|first_frame: none", provider="ark"), jobs=1)

    assert report.errors == ()
    assert steps_of(studio, "one")[0] == "sending"
    assert steps_of(studio, "one")[-3:] == ["downloading", "checking", "rendered"]
    assert steps_of(studio, "two")[0] == "waiting for shot"
    assert steps_of(studio, "three")[0] == "waiting for slot"
    assert steps_of(studio, None) == ["joining"]
    queued = [each for each in studio.progress if each.state is ProgressState.QUEUED]
    assert all(each.job and each.provider == "ark" for each in queued)
    assert all(each.since and abs(each.since - time.time()) < 120 for each in queued)
    prices = [each.price for each in studio.progress if each.state is ProgressState.RENDERED]
    assert prices == [result.price for result in report.results]
    lines = [describe_line(each, now=NOW) for each in studio.progress]
    assert not any(word in line for line in lines for word in JARGON)


def test_progress_of_resumed_job_has_its_time(studio, chain) -> None:
    """An earlier run sent it: `rendering at the vendor since` that time."""

    async def lose(_job: object) -> None:
        raise Unreachable("the network is down")

    lost: dict[str, PlainTask] = {"await_frame": lose}
    studio.run(chain("one"), tasks=lost)
    sent_at = studio.progress[-2].since
    studio.progress.clear()
    studio.run(chain("one"))
    first = studio.progress[0]

    assert (first.state, first.is_resumed) == (ProgressState.RENDERING, True)
    assert first.since == pytest.approx(sent_at, abs=1)
    since = f"{datetime.fromtimestamp(first.since, tz=NOW.tzinfo):%H:%M}"
    assert describe_progress(first, now=NOW) == f"rendering at the vendor since {since}"
    assert steps_of(studio, "one")[-1] == "rendered"
    assert studio.creates == 1


def test_progress_of_repeated_download_has_reason(studio, chain) -> None:
    """A download that breaks is repeated, and reported without names of classes."""
    studio.faults.inject("short_download", times=1)
    studio.run(chain("one"))
    retries = [each for each in studio.progress if each.state is ProgressState.RETRYING]

    assert [(each.retry, each.max_retries) for each in retries][:1] == [(1, 3)]
    assert all(each.detail and not any(word in each.detail for word in JARGON) for each in retries)


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress("a", ProgressState.WAITING_FOR_SHOT, "b"), "waiting for b"),
        (Progress("a", ProgressState.WAITING_FOR_SLOT), "waiting for a slot"),
        (Progress("a", ProgressState.RENDERING, fraction=0.424), "rendering 42 %"),
        (Progress("a", ProgressState.QUEUED, fraction=0.0), "queued"),
        (
            Progress("a", ProgressState.AT_VENDOR, "status 'polishing'"),
            "at the vendor, which reports status 'polishing'",
        ),
        (
            Progress("a", ProgressState.RETRYING, "503", retry=2, max_retries=5, delay_seconds=8),
            "retry 2 of 5 in 8 s: 503",
        ),
        (
            Progress(
                "a",
                ProgressState.RETRYING,
                retry=1,
                max_retries=5,
                delay_seconds=20,
                is_delay_estimated=True,
            ),
            "retry 1 of 5 in about 20 s",
        ),
        (Progress("a", ProgressState.FAILED, "why"), "failed: why"),
        (Progress(None, ProgressState.JOINING, "2 clips"), "joining 2 clips"),
    ],
)
def test_describe_progress_is_plain(progress: Progress, text: str) -> None:
    """The words that the display, the lines and the log of a flow run share."""
    assert describe_progress(progress, now=NOW) == text


@pytest.mark.parametrize(
    ("seconds", "has_date"), [(0, False), (-90_000, True), (-86_400 * 6, True)]
)
def test_describe_progress_since_has_date_unless_today(seconds: int, has_date: bool) -> None:
    """A laptop that was closed for days."""
    since = NOW.timestamp() + seconds
    progress = Progress("a", ProgressState.QUEUED, since=since, is_resumed=True)

    date = f"since {datetime.fromtimestamp(since, tz=NOW.tzinfo):%Y-%m-%d}"

    assert (date in describe_progress(progress, now=NOW)) == has_date
