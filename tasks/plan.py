"""The plan: shots with their requests, chains, keys and prices. Values only; no I/O.

`planning` builds it from a board; `store.status` compares it with a store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from storyboards.board import Board
from storyboards.models import Money, Shot
from storyboards.problems import Problem
from tasks.budgets.money import ZERO
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.providers import Provider
from tasks.providers.types import MediaRole, RenderRequest

if TYPE_CHECKING:
    from tasks.store.takes import RecordedTake


Size = tuple[int, int]


class Draft(NamedTuple):
    """The preview whose full picture a shot is."""

    key: str
    request: RenderRequest
    """What was asked for it: the words and all else that the full picture takes over."""


@dataclass(frozen=True)
class PlannedShot:
    """One shot as it will be rendered, with its identity and its price."""

    shot: Shot
    index: int
    key: str
    chain_id: str
    """The id of the first shot of its chain."""
    continues: str | None = None
    """The id of the shot whose last frame, or whose clip, it starts from."""
    continues_key: str | None = None
    """The key of the render whose last frame or clip it starts from, or of its own draft."""
    pinned_take: RecordedTake | None = None
    """The recorded take that it starts from, where that is not a shot's present one."""
    continues_clip: bool = False
    """Whether it continues that shot's clip and not its last frame, which it does not repeat."""
    provider: Provider | None = None
    """None for a shot that is a file already."""
    model: str | None = None
    family: str | None = None
    request: RenderRequest | None = None
    """Without its media, which are read when it is sent."""
    draft: Draft | None = None
    """The draft that it is the full picture of."""
    inputs: tuple[MediaSource, ...] = ()
    clip_path: Path | None = None
    """The file of a shot that exists already."""
    width: int | None = None
    height: int | None = None
    frames: int | None = None
    """Frames of the clip; the most there may be where the model decides."""
    tokens: int | None = None
    max_price: Money | None = ZERO
    """None is unknown."""
    has_video_input: bool = False
    """Whether reference clips went into the picture, which is priced otherwise."""
    anchor: Literal["exact", "soft"] | None = None
    """Whether it starts on just the frame it is given or only leans on it; None without one."""
    allowed_retries: frozenset[str] = frozenset()
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
    def chapter_title(self) -> str:
        """What its chapter is called."""
        return self.shot.title or self.shot.id

    @property
    def has_soft_anchor(self) -> bool:
        """Whether it only leans on the frame it is given."""
        return self.anchor == "soft"

    @property
    def content_request(self) -> RenderRequest | None:
        """The order that says what is seen: of the full picture of a draft, the draft's."""
        return self.draft.request if self.draft else self.request

    @property
    def duration_seconds(self) -> float | None:
        """Its length as the film sees it."""
        if self.content_request and self.content_request.duration_seconds not in (
            None,
            AUTO_DURATION,
        ):
            return self.content_request.duration_seconds
        return None if self.frames is None else self.frames / FRAMES_PER_SECOND


@dataclass(frozen=True)
class Plan:
    """Every shot in the order of the film, and what an author should know about them."""

    board: Board
    shots: tuple[PlannedShot, ...]
    warnings: tuple[Problem, ...] = ()
    """What is not used, shared or soft: worth a warning, no error."""

    def __iter__(self) -> Iterator[PlannedShot]:
        return iter(self.shots)

    def shot(self, shot_id: str) -> PlannedShot:
        """The shot of that id. Raises KeyError."""
        return self._by_id[shot_id]

    @cached_property
    def _by_id(self) -> Mapping[str, PlannedShot]:
        return {one.id: one for one in self.shots}

    def is_seam(self, index: int) -> bool:
        """Whether the film comes into this shot by a chained cut: a frame that is seen twice."""
        return index > 0 and is_chained(self.shots[index - 1], self.shots[index])

    def path_to(self, shot_id: str) -> tuple[str, ...]:
        """The ids of the shots that this one continues, from the first of its chain to itself."""
        path = [shot_id]
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
        for one in self.dependency_order():
            waits[one.id] = waits.get(one.continues or "", 0.0) + typical_render_seconds(one)
        return self.path_to(max(waits, key=waits.__getitem__))

    def dependency_order(self) -> tuple[PlannedShot, ...]:
        """The shots, each behind the one it continues; else in the order of the film."""
        return self._dependency_order

    @cached_property
    def _dependency_order(self) -> tuple[PlannedShot, ...]:
        ordered: dict[str, PlannedShot] = {}
        for shot in self.shots:
            path = [shot.id]
            while (before := self._by_id[path[-1]].continues) and before not in ordered:
                path.append(before)
            ordered.update((one, self._by_id[one]) for one in reversed(path))
        return tuple(ordered.values())


def is_chained(previous: PlannedShot, following: PlannedShot) -> bool:
    """Whether a shot that stands directly behind another begins on the picture that ends it."""
    if following.continues_clip:
        return False
    if following.pinned_take:
        return following.pinned_take.take.key == previous.key
    return following.continues == previous.id


def typical_render_seconds(shot: PlannedShot) -> float:
    """How long the vendor usually takes for a shot: by its seconds, from what a 5 s clip takes."""
    if not shot.provider:
        return 0.0
    return shot.provider.typical_job_seconds * ((shot.duration_seconds or 5.0) + 5) / 10


class MediaSource(NamedTuple):
    """A picture, clip or sound as the board names it, and its identity."""

    role: MediaRole
    identity: str
    """sha256 of a file's bytes; a URL as written."""
    path: Path | None = None
    url: str = ""
    mime: str = ""
    """Of a local file, by its bytes."""
    width: int = 0
    """Pixels of a local picture or clip, else 0."""
    height: int = 0
    duration_seconds: float | None = None
    """Length of a clip or sound, where it is known."""
    source_shot: str = ""
    """The shot whose clip it is, which has neither path nor URL before that is rendered."""


AUTO_DURATION = -1
"""What `seconds: auto` is on the wire."""
