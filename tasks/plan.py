"""The storyboard resolved: shots with their orders, chains, keys and prices. Pure and offline.

Values only: `planning` makes them from a board, `survey` holds them against a store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from storyboards.board import Board
from storyboards.models import Money, Shot
from storyboards.problems import Problem
from tasks.money.bill import NOTHING
from tasks.planning.inputs import Input
from tasks.planning.orders import AUTO
from tasks.providers import Provider
from tasks.providers.contract import Order
from tasks.providers.models import FRAMES_PER_SECOND

if TYPE_CHECKING:
    from tasks.records.takes import Render

Size = tuple[int, int]


class Draft(NamedTuple):
    """The preview whose full picture a shot is."""

    key: str
    order: Order
    """What was asked for it: the words and all else that the full picture takes over."""


@dataclass(frozen=True)
class PlannedShot:
    """One shot as it will be rendered, with its identity and its price."""

    shot: Shot
    index: int
    key: str
    chain: str
    """The id of the first shot of its chain."""
    continues: str | None = None
    """The id of the shot whose last frame, or whose clip, it starts from."""
    continues_key: str | None = None
    """The key of the render whose last frame or clip it starts from, or of its own draft."""
    pinned: Render | None = None
    """The recorded take that it starts from, where that is not a shot's present one."""
    by_clip: bool = False
    """Whether it continues that shot's clip and not its last frame, which it does not repeat."""
    provider: Provider | None = None
    """None for a shot that is a file already."""
    model: str | None = None
    family: str | None = None
    order: Order | None = None
    """Without its media, which are read when it is sent."""
    draft: Draft | None = None
    """The draft that it is the full picture of."""
    inputs: tuple[Input, ...] = ()
    clip: Path | None = None
    """The file of a shot that exists already."""
    width: int | None = None
    height: int | None = None
    frames: int | None = None
    """Frames of the clip; the most there may be where the model decides."""
    tokens: int | None = None
    price: Money | None = NOTHING
    """None is unknown."""
    video_input: bool = False
    """Whether reference clips went into the picture, which is priced otherwise."""
    anchor: Literal["exact", "soft"] | None = None
    """Whether it starts on just the frame it is given or only leans on it; None without one."""
    allows: frozenset[str] = frozenset()
    """The board's words that allow another try, where they can help."""

    @property
    def id(self) -> str:
        """The shot's id."""
        return self.shot.id

    @property
    def take(self) -> int:
        """The shot's present take."""
        return self.shot.take

    @property
    def title(self) -> str:
        """What its chapter is called."""
        return self.shot.title or self.shot.id

    @property
    def soft_anchor(self) -> bool:
        """Whether it only leans on the frame it is given."""
        return self.anchor == "soft"

    @property
    def wanted(self) -> Order | None:
        """The order that says what is seen: of the full picture of a draft, the draft's."""
        return self.draft.order if self.draft else self.order

    @property
    def seconds(self) -> float | None:
        """Its length as the film sees it."""
        if self.wanted and self.wanted.duration_seconds not in (None, AUTO):
            return self.wanted.duration_seconds
        return None if self.frames is None else self.frames / FRAMES_PER_SECOND


@dataclass(frozen=True)
class Plan:
    """Every shot in the order of the film, and what an author should know about them."""

    board: Board
    shots: tuple[PlannedShot, ...]
    notes: tuple[Problem, ...] = ()
    """What is not used, shared or soft: worth a warning, no error."""

    def __iter__(self) -> Iterator[PlannedShot]:
        return iter(self.shots)

    def shot(self, shot: str) -> PlannedShot:
        """The shot of that id. Raises KeyError."""
        return self._by_id[shot]

    @cached_property
    def _by_id(self) -> Mapping[str, PlannedShot]:
        return {one.id: one for one in self.shots}

    def seam(self, index: int) -> bool:
        """Whether the film comes into this shot by a chained cut: a frame that is seen twice."""
        return index > 0 and is_chained(self.shots[index - 1], self.shots[index])

    def path_to(self, shot: str) -> tuple[str, ...]:
        """The ids of the shots that this one continues, from the first of its chain to itself."""
        path = [shot]
        while (before := self._by_id[path[-1]].continues) is not None:
            path.append(before)
        return tuple(reversed(path))

    def board_seed(self, shot: PlannedShot) -> int | None:
        """The seed that the board gives a shot, itself or in its look."""
        own = shot.shot.seed
        return self.board.storyboard.look.seed if own is None else own

    @property
    def critical_path(self) -> tuple[str, ...]:
        """The shots that must wait for one another longest, by the vendors' usual times."""
        waits: dict[str, float] = {}
        for one in self.in_order():
            waits[one.id] = waits.get(one.continues or "", 0.0) + usual_seconds(one)
        return self.path_to(max(waits, key=waits.__getitem__))

    def in_order(self) -> tuple[PlannedShot, ...]:
        """The shots, each behind the one it continues; else in the order of the film."""
        return self._in_order

    @cached_property
    def _in_order(self) -> tuple[PlannedShot, ...]:
        ordered: dict[str, PlannedShot] = {}
        for shot in self.shots:
            path = [shot.id]
            while (before := self._by_id[path[-1]].continues) and before not in ordered:
                path.append(before)
            ordered.update((one, self._by_id[one]) for one in reversed(path))
        return tuple(ordered.values())


def is_chained(before: PlannedShot, after: PlannedShot) -> bool:
    """Whether a shot that stands directly behind another begins on the picture that ends it."""
    if after.by_clip:
        return False
    if after.pinned:
        return after.pinned.take.key == before.key
    return after.continues == before.id


def usual_seconds(shot: PlannedShot) -> float:
    """How long the vendor usually takes for a shot: by its seconds, from what a 5 s clip takes."""
    if not shot.provider:
        return 0.0
    return shot.provider.typical_seconds * ((shot.seconds or 5.0) + 5) / 10
