"""The takes of a board in its store, shot by shot, as `takes` lists them and `open` finds them.

The board is not planned, so a board that names a take that does not exist is listed as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from storyboards.board import Board
from storyboards.models import Money, Select, Shot
from tasks.budgets.money import format_price
from tasks.errors import unknown_shot_error
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.planning.selects import format_range
from tasks.providers import PROVIDERS
from tasks.store.board_identity import BoardIdentity, identify_board, read_identified_record
from tasks.store.board_records import use_recorded_name
from tasks.store.layout import Store
from tasks.store.receipts import AT_VENDOR_STATES, UNCLEAR_STATES, AttemptState
from tasks.store.takes import RecordedTake, TakeHistory


@dataclass(frozen=True)
class ShotTakes:
    """A shot of a board, and its takes by number."""

    shot: Shot
    number: int
    """Its place in the film, from 1."""
    takes: tuple[RecordedTake, ...]
    """A take over loopback stands before a paid take of the same number."""
    provider: str | None = None
    """The provider that the board writes for the shot; None if it writes none."""
    variant_id: str = ""
    """Its id; behind an @ it has the label of the version that it was rendered for."""

    @property
    def id(self) -> str:
        """The id of the shot, or of the variant of it."""
        return self.variant_id or self.shot.id

    @property
    def has_present_take(self) -> bool:
        """True if the take that the board requests was sent."""
        return any(recorded.take.number == self.shot.take for recorded in self.takes)

    def is_present(self, recorded: RecordedTake) -> bool:
        """Return True if the board requests this take."""
        return recorded.take.number == self.shot.take and self._counts(recorded)

    def _counts(self, recorded: RecordedTake) -> bool:
        """Return True unless another render of the same number is that of the board's provider."""
        number = recorded.take.number
        providers = {other.attempt.provider for other in self.takes if other.take.number == number}
        return self.provider not in providers or recorded.attempt.provider == self.provider

    def list_used_ranges(self, recorded: RecordedTake | None) -> tuple[tuple[int, int | None], ...]:
        """Return the ranges of a take that the film shows, with their first and end frames.

        Args:
            recorded: The take; None is the file of a shot that has one.
        """
        if recorded and (self.shot.clip or not self._counts(recorded)):
            return ()
        number = recorded.take.number if recorded else self.shot.take
        return tuple(
            (select.start or 0, select.end)
            for select in self.shot.use or (Select.model_construct(),)
            if (select.take or self.shot.take) == number
        )


@dataclass(frozen=True)
class BoardTakes:
    """A board, its store, and its shots with their takes."""

    board: Board
    store: Store
    identity: BoardIdentity
    shots: tuple[ShotTakes, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The name of the board, and the names that it had before."""
        return (self.board.name, *self.identity.former_names)


def read_board_takes(board: Board, root: Path, shot_ids: Sequence[str] = ()) -> BoardTakes:
    """Return the takes of a board. Offline; writes nothing.

    Args:
        board: The board.
        root: The folder of the store, which may not exist.
        shot_ids: The shots to read; all if it is empty.

    Raises:
        UsageError: The board has no such shot.
        StoreError: A record is damaged.
    """
    shots = board.storyboard.shots
    known_ids = [shot.id for shot in shots]
    for shot_id in shot_ids:
        if shot_id.partition("@")[0] not in known_ids:
            raise unknown_shot_error(shot_id, known_ids)
    store, board = Store(root), use_recorded_name(root, board)
    identity = identify_board(root, board)
    history = TakeHistory(store, read_identified_record(root, identity))
    selected = [
        ShotTakes(shot, number, _list_takes(history, each), _written_provider(board, shot), each)
        for number, shot in enumerate(shots, start=1)
        for each in (shot.id, *history.list_variants(shot.id))
        if not shot_ids or each in shot_ids or shot.id in shot_ids
    ]
    for shot_id in shot_ids:
        if not any(shot_takes.id == shot_id for shot_takes in selected):
            raise unknown_shot_error(shot_id, history.list_variants(shot_id.partition("@")[0]))
    return BoardTakes(board, store, identity, tuple(selected))


def _written_provider(board: Board, shot: Shot) -> str | None:
    storyboard = board.storyboard
    default = storyboard.provider if "provider" in storyboard.model_fields_set else None
    return shot.provider or default


def _list_takes(history: TakeHistory, shot_id: str) -> tuple[RecordedTake, ...]:
    takes = [*history.list_takes(shot_id, "previz"), *history.list_takes(shot_id, "shots")]
    return tuple(sorted(takes, key=lambda recorded: recorded.take.number))


def describe_state(recorded: RecordedTake) -> str:
    """Return the state of a take in one or two words."""
    state = recorded.attempt.state
    if state is AttemptState.KEPT:
        return "kept" if recorded.clip_path else "clip gone"
    if state in AT_VENDOR_STATES:
        return "in flight"
    return "unclear" if state in UNCLEAR_STATES else state.value


def price_of_take(recorded: RecordedTake) -> Money | None:
    """Return what a take cost if that is known, else its maximum; None if that is unknown too."""
    attempt = recorded.attempt
    return attempt.price if attempt.price is not None else attempt.max_price


def describe_price_of_take(recorded: RecordedTake) -> str:
    """Return the price of a take for people; nothing was paid for a rehearsal."""
    price = price_of_take(recorded)
    return "rehearsal" if recorded.is_rehearsal and price and price.amount else format_price(price)


def find_family(model: str) -> str | None:
    """Return the family of a provider's model id, or None if no built-in provider has it."""
    for provider in PROVIDERS.values():
        for family, ids in provider.models.items():
            if model in (family, *ids):
                return family
    return None


def describe_used_ranges(ranges: Sequence[tuple[int, int | None]]) -> str:
    """Return the ranges of a take that the film shows, for people; empty if it shows none."""
    return ", ".join(format_range(first, end) or "all" for first, end in ranges)


def duration_of_take(recorded: RecordedTake) -> float | None:
    """Return the length of a take in seconds; None if its frames are not counted yet."""
    frames = recorded.attempt.frames
    return frames / FRAMES_PER_SECOND if frames else None
