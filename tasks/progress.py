"""The progress of a shot or of the film as values, and the words that describe it.

The live display, the lines without a terminal and the log of a flow run all use these words.
Nothing is estimated as a fact here: a percentage is the vendor's. No I/O and no clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from storyboards.models import Money
from tasks.budgets.money import format_price
from tasks.errors import ProviderError


class ProgressState(StrEnum):
    """The step at which a shot or the film is."""

    TO_RENDER = "to render"
    """The run has not begun with it."""
    WAITING_FOR_SHOT = "waiting for shot"
    """It continues a shot whose last frame is not there yet."""
    WAITING_FOR_SLOT = "waiting for slot"
    """As many shots are rendered as the provider or `--jobs` allows."""
    SENDING = "sending"
    LOOKING_FOR_JOB = "looking for its job"
    QUEUED = "queued"
    RENDERING = "rendering"
    AT_VENDOR = "at the vendor"
    """The vendor has the job and reports a state that it does not document."""
    RETRYING = "retrying"
    DOWNLOADING = "downloading"
    CHECKING = "checking"
    JOINING = "joining"
    """The only state of the film."""
    KEPT = "kept"
    RENDERED = "rendered"
    FAILED = "failed"
    UNCLEAR = "unclear"
    SKIPPED = "skipped"


ENDED = frozenset(
    {
        ProgressState.KEPT,
        ProgressState.RENDERED,
        ProgressState.FAILED,
        ProgressState.UNCLEAR,
        ProgressState.SKIPPED,
    }
)
"""The outcomes: nothing follows them in a run."""

AT_VENDOR = frozenset({ProgressState.QUEUED, ProgressState.RENDERING, ProgressState.AT_VENDOR})
"""The vendor has the job and has not finished it."""

WAITING = frozenset(
    {
        ProgressState.TO_RENDER,
        ProgressState.WAITING_FOR_SHOT,
        ProgressState.WAITING_FOR_SLOT,
    }
)
"""Nothing is done for the shot yet."""


@dataclass(frozen=True)
class Progress:
    """The step at which a shot or the film is, and what is known about it."""

    shot: str | None
    """The id of the shot; None for the film."""
    state: ProgressState
    detail: str = ""
    """The shot that is waited for, the vendor's own word, or the reason in a few words."""
    message: str = ""
    """The whole message of an error."""
    fraction: float | None = None
    """From 0 to 1 as the vendor reports it; None if it does not."""
    since: float | None = None
    """Unix seconds at which the job was sent to the vendor."""
    is_resumed: bool = False
    """True if an earlier run sent the job."""
    expected_seconds: float | None = None
    """The estimated duration of the job from the previous ones; None if it can't be estimated."""
    retry: int = 0
    """The number of the retry that follows, from 1; 0 if none does."""
    max_retries: int = 0
    delay_seconds: float | None = None
    """The time until the retry; None if it is not known."""
    is_delay_estimated: bool = False
    """True if the retry may come somewhat earlier or later."""
    job: str | None = None
    provider: str = ""
    price: Money | None = None
    """The price of the job as it is booked; None if it is unknown or nothing was sent."""


OnProgress = Callable[[Progress], None]
"""Called with each step of a shot and of the film, from any thread."""


def ignore_progress(progress: Progress) -> None:
    """Do nothing, as a default for OnProgress."""


def describe_reason(error: BaseException) -> str:
    """Return in a few words why a call is repeated: the vendor's status, or what happened."""
    if isinstance(error, ProviderError) and error.status:
        return f"{error.status} from the vendor"
    # The remedy, which a retry follows anyway, is behind the semicolon; the cause is the last part.
    cause = str(error).partition("; ")[0]
    return cause.rpartition("did not respond: ")[2]


def describe_progress(
    progress: Progress, *, now: datetime, name: str = "", is_short: bool = False
) -> str:
    """Return the state in plain words, such as `rendering 42 %`.

    Args:
        progress: The progress.
        now: The local time, to leave the date out of a time of today.
        name: The name of the shot that is waited for, if it is not its id.
        is_short: Leave out what a narrow line has no space for.
    """
    state = progress.state
    if state is ProgressState.WAITING_FOR_SHOT:
        return f"waiting for {name or progress.detail}"
    if state is ProgressState.WAITING_FOR_SLOT:
        return "waiting for a slot"
    if state is ProgressState.RETRYING:
        return _describe_retry(progress, is_short=is_short)
    if state in AT_VENDOR:
        return _describe_job(progress, now, is_short=is_short)
    if state in (ProgressState.FAILED, ProgressState.UNCLEAR, ProgressState.SKIPPED):
        return f"{state}: {progress.detail}" if progress.detail and not is_short else state.value
    return f"{state} {progress.detail}" if state is ProgressState.JOINING else state.value


def _describe_retry(progress: Progress, *, is_short: bool) -> str:
    text = f"retry {progress.retry} of {progress.max_retries}"
    if progress.delay_seconds and progress.delay_seconds >= 1:
        about = "about " if progress.is_delay_estimated else ""
        text += f" in {about}{progress.delay_seconds:.0f} s"
    reason = progress.detail if is_short else progress.message or progress.detail
    return f"{text}: {reason}" if reason else text


def _describe_job(progress: Progress, now: datetime, *, is_short: bool) -> str:
    text = {
        ProgressState.QUEUED: "queued",
        ProgressState.RENDERING: "rendering",
        ProgressState.AT_VENDOR: "at the vendor",
    }[progress.state]
    if progress.fraction is not None and progress.state is ProgressState.RENDERING:
        text += f" {progress.fraction:.0%}".replace("%", " %")
    if progress.is_resumed and progress.since is not None:
        place = "" if is_short or progress.state is ProgressState.AT_VENDOR else " at the vendor"
        text += f"{place} since {format_clock(progress.since, now)}"
    if progress.state is ProgressState.AT_VENDOR and progress.detail and not is_short:
        text += f", which reports {progress.detail}"
    return text


def local_now() -> datetime:
    """Return the present time in the time zone of this machine."""
    return datetime.now().astimezone()


def format_clock(unix_seconds: float, now: datetime) -> str:
    """Return a local time such as `12:03`, with the date if it is not today."""
    at = datetime.fromtimestamp(unix_seconds, tz=now.tzinfo)
    return f"{at:%H:%M}" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M}"


def describe_line(progress: Progress, *, now: datetime) -> str:
    """Return a line for a log without the shot: the state, and its job or its price in brackets."""
    text = describe_progress(progress, now=now)
    if progress.state in AT_VENDOR and progress.job:
        return f"{text} (job {progress.job} at {progress.provider})"
    if progress.state is ProgressState.RENDERED and progress.price is not None:
        return f"{text} ({format_price(progress.price)})"
    return text


def is_same_step(progress: Progress, last: Progress | None) -> bool:
    """Return True if only the fraction or the expected time has changed since the last report."""
    return last is not None and _step(progress) == _step(last)


def _step(progress: Progress) -> tuple[object, ...]:
    return progress.state, progress.detail, progress.retry, progress.job
