"""The state, times, price and chain of each shot while a run lasts.

Values for the displays; no text is drawn here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from flows.run import Run
from storyboards.models import Money
from tasks.budgets.money import Total, format_max_price, sum_prices
from tasks.plan import PlannedShot, ShotToRender
from tasks.progress import ENDED, WAITING, Progress, ProgressState, is_same_step
from tasks.store.status import ShotState

_PAID = frozenset(
    {
        ProgressState.DOWNLOADING,
        ProgressState.CHECKING,
        ProgressState.RENDERED,
        ProgressState.UNCLEAR,
    }
)
"""The vendor has finished the job, or may charge it."""


@dataclass
class ShotProgress:
    """The progress of a shot, or of the film."""

    name: str
    gutter: str
    """`┌`, `├` or `└` within a chain, else a blank."""
    progress: Progress
    shot: ShotToRender | None = None
    """None if it is a file, and for the film."""
    began_at: float | None = None
    """When something was first done for it, or its job was sent."""
    changed_at: float = 0.0
    ended_at: float | None = None

    @property
    def state(self) -> ProgressState:
        """The present step."""
        return self.progress.state

    @property
    def price(self) -> Money | None:
        """The price as it is booked."""
        return self.progress.price

    @property
    def is_paid(self) -> bool:
        """True if the vendor has finished its job in this run, or may charge it."""
        return self.state in _PAID

    def update(self, progress: Progress, now: float) -> None:
        """Take over the next step."""
        if not is_same_step(progress, self.progress):
            self.changed_at = now
        if progress.since is not None:
            self.began_at = progress.since
        elif self.began_at is None and progress.state not in ENDED | WAITING:
            self.began_at = now
        if progress.state in ENDED:
            self.ended_at = now
        self.progress = progress

    def progress_at(self, now: float) -> Progress:
        """Return the present step; the time until a retry counts down."""
        progress = self.progress
        if progress.delay_seconds is None:
            return progress
        left = max(progress.delay_seconds - (now - self.changed_at), 0.0)
        return replace(progress, delay_seconds=left)

    def elapsed_seconds(self, now: float) -> float | None:
        """Return how long it takes or took; None before it began."""
        if self.began_at is None:
            return None
        return (self.ended_at or now) - self.began_at

    def remaining_seconds(self, now: float) -> float | None:
        """Return the estimated time until the vendor has finished the job; None without one.

        It is not positive if the job takes longer than expected.
        """
        progress = self.progress
        if progress.since is None or progress.expected_seconds is None:
            return None
        return progress.expected_seconds - (now - progress.since)


@dataclass
class RunProgress:
    """The progress of all shots of a run, grouped by chain, and of the film."""

    run: Run
    started_at: float
    _by_id: dict[str | None, ShotProgress] = field(init=False)
    _scales: dict[str, float] = field(init=False, default_factory=dict)
    """Expected durations in relation to the usual ones, by provider."""

    def __post_init__(self) -> None:
        self._by_id = {}
        for _, group in groupby(_in_chains(self.run), key=lambda shot: shot.chain_id):
            chain = list(group)
            for index, shot in enumerate(chain):
                self._by_id[shot.id] = self._first_progress(shot, _gutter(index, len(chain)))
        self.max_price = sum_prices(self._max_prices().values())
        """The most that this run pays."""

    @property
    def shots(self) -> Sequence[ShotProgress]:
        """The shots in the order of their chains; the film last, when it is joined."""
        return list(self._by_id.values())

    @property
    def shots_only(self) -> Sequence[ShotProgress]:
        """The shots without the film."""
        return [shot for shot_id, shot in self._by_id.items() if shot_id is not None]

    @property
    def has_prices(self) -> bool:
        """True if the run pays something."""
        return not self.max_price.is_free

    def name_of(self, shot_id: str) -> str:
        """Return the title of a shot, or its id; empty if the run has no such shot."""
        return self._by_id[shot_id].name if shot_id in self._by_id else ""

    def last(self, shot_id: str | None) -> Progress | None:
        """Return the last step of a shot, or of the film; None before the film is joined."""
        shot = self._by_id.get(shot_id)
        return shot.progress if shot else None

    def update(self, progress: Progress, now: float) -> None:
        """Take over a step of a shot or of the film."""
        shot = self._by_id.get(progress.shot)
        if shot is None:
            shot = self._by_id[progress.shot] = ShotProgress(progress.shot or "film", " ", progress)
        shot.update(progress, now)
        if shot.shot and progress.expected_seconds:
            scale = progress.expected_seconds / max(shot.shot.typical_render_seconds, 0.001)
            self._scales[shot.shot.provider.name] = scale

    @property
    def price_text(self) -> str:
        """The sum so far and the most that the run may cost; empty for a free run."""
        if not self.has_prices:
            return ""
        paid = {shot.shot.key: shot.price for shot in self.shots if shot.shot and shot.is_paid}
        return f"paid {_format_paid(sum_prices(paid.values()), self.max_price)}"

    def remaining_seconds(self, now: float) -> float | None:
        """Return the estimated time of the longest chain that is left; None without an estimate."""
        finished_at: dict[str, float] = {}
        for planned in self.run.shots:
            seconds = self._remaining_of(self._by_id[planned.id], now)
            if seconds is None:
                return None
            finished_at[planned.id] = finished_at.get(planned.continues or "", 0.0) + seconds
        return max([*finished_at.values(), self._slot_seconds(now)], default=0.0)

    def _slot_seconds(self, now: float) -> float:
        """Return the time that all shots need, as many at once as `--jobs` allows."""
        jobs = self.run.options.jobs or len(self._by_id)
        return sum(self._remaining_of(shot, now) or 0.0 for shot in self.shots_only) / jobs

    def _remaining_of(self, shot: ShotProgress, now: float) -> float | None:
        if shot.shot is None or shot.state in ENDED or shot.is_paid:
            return 0.0
        if shot.shot.request.service_tier == "flex":
            return None
        scale = self._scales.get(shot.shot.provider.name, 1.0)
        remaining = shot.remaining_seconds(now)
        return (
            max(remaining, 0.0)
            if remaining is not None
            else (shot.shot.typical_render_seconds * scale)
        )

    def _first_progress(self, shot: PlannedShot, gutter: str) -> ShotProgress:
        status = self.run.status[shot.id]
        name = shot.chapter_title
        if status.state is ShotState.KEPT or not isinstance(shot, ShotToRender):
            return ShotProgress(name, gutter, Progress(shot.id, ProgressState.KEPT))
        attempt = status.attempt
        if status.state is ShotState.IN_FLIGHT and attempt:
            progress = Progress(
                shot.id, ProgressState.RENDERING, since=attempt.sent_at, is_resumed=True
            )
            return ShotProgress(name, gutter, progress, shot, attempt.sent_at)
        state = ProgressState.WAITING_FOR_SHOT if shot.continues else ProgressState.TO_RENDER
        return ShotProgress(name, gutter, Progress(shot.id, state, shot.continues or ""), shot)

    def _max_prices(self) -> Mapping[str, Money | None]:
        """Return the maximum price of each key that this run renders or downloads."""
        prices: dict[str, Money | None] = {}
        for shot in self.run.pending:
            status = self.run.status[shot.id]
            booked = status.attempt.booked_price if status.attempt else None
            is_sent = status.state is ShotState.TO_RENDER or shot.key in self.run.resubmitted
            prices[shot.key] = status.max_price if is_sent else booked
        return prices


def _in_chains(run: Run) -> list[PlannedShot]:
    """Return the shots of a run with those of a chain together, chains in the order of the film."""
    order: dict[str, int] = {}
    for shot in sorted(run.shots, key=lambda shot: shot.index):
        order.setdefault(shot.chain_id, len(order))
    return sorted(run.shots, key=lambda shot: order[shot.chain_id])


def _gutter(index: int, length: int) -> str:
    if length == 1:
        return " "
    if index == 0:
        return "┌"
    return "└" if index == length - 1 else "├"


def _format_paid(paid: Total, limit: Total) -> str:
    """Return such as `0.60 of at most 2.40 USD`; the currency stands once."""
    amount = paid.as_money
    if amount is None or limit.as_money is None:
        return f"{paid} of at most {format_max_price(limit)}"
    return f"{amount.amount:.2f} of at most {format_max_price(limit)}"
