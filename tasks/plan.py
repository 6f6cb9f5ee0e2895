"""The plan of a board: its shots in film order with requests, chains, keys and prices.

Values only. `tasks.planning` builds a plan from a board, `tasks.store.status` compares it with a
store, and no code here reads a file, a store or a network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from storyboards.board import Board
from storyboards.models import Money, Shot, Version
from storyboards.problems import Problem
from storyboards.terminal_text import format_path
from tasks.errors import unknown_shot_error
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.providers import Provider
from tasks.providers.types import MediaRole, RenderRequest

if TYPE_CHECKING:
    # Boards without an edit do not need the values of one, which take 5 % of `check`.
    from tasks.edit import Caption, InputFile

    # Loads av, which boards without clips do not need.
    from tasks.media.probe import Clip

    # Loads asyncio and ssl, which `check` does not need.
    from tasks.store.takes import RecordedTake


Size = tuple[int, int]
"""Width and height in pixels; (0, 0) if not known."""

AUTO_DURATION = -1
"""The value of `seconds: auto` in a request."""


class Anchor(StrEnum):
    """The relation of a clip's first picture to the first frame that was sent."""

    EXACT = "exact"
    """Both are the same picture."""
    SOFT = "soft"
    """The model uses the frame as guidance only, so a seam may show."""


class MediaSource(NamedTuple):
    """An image, clip or audio file that a board names, and its identity in cache keys."""

    role: MediaRole
    identity: str
    """The sha256 of a file's bytes, or a URL as written."""
    path: Path | None = None
    url: str = ""
    mime: str = ""
    """Of a local file, detected from its bytes."""
    width: int = 0
    """Pixels of a local image or clip, else 0."""
    height: int = 0
    duration_seconds: float | None = None
    """Length of a clip or audio file; None if it is not known."""
    source_shot: str = ""
    """The shot whose clip this is. Such a source has neither path nor URL before that shot is
    rendered."""
    cast_member: str = ""
    """The member of the cast whose image this is."""
    conversion: str = ""
    """The turn that a local image needs before it is sent; empty if it is upright."""


class UsedRange(NamedTuple):
    """A range of a clip that the film shows; frames count from 0, 24 to a second."""

    take: RecordedTake | None = None
    """The recorded take; None is the take that the board requests, or the board's own file."""
    first_frame: int = 0
    """The in point."""
    end_frame: int | None = None
    """The out point, the first frame that is not shown any more; None is the end of the clip."""

    def shows_end(self, clip_frames: int | None) -> bool:
        """Return True if the range ends with a clip of so many frames; None is unknown."""
        if self.end_frame is None:
            return True
        return clip_frames is not None and self.end_frame >= clip_frames

    def count_frames(self, clip_frames: int) -> int:
        """Return its number of frames, of a clip of so many."""
        end = clip_frames if self.end_frame is None else min(self.end_frame, clip_frames)
        return max(0, end - self.first_frame)


WHOLE_CLIP = (UsedRange(),)
"""The ranges of a shot that the film shows from its first to its last frame."""


class Draft(NamedTuple):
    """The preview job from which a `draft: final` shot is made."""

    key: str
    request: RenderRequest
    """The draft's request, whose prompt and parameters the final render takes over."""


@dataclass(frozen=True)
class _Shot:
    """The fields that both kinds of shots share."""

    shot: Shot
    """The shot as written in the board."""
    index: int
    """Its place in the film, from 0."""
    key: str
    """The cache key: equal keys mean one paid render."""
    used_ranges: tuple[UsedRange, ...] = field(default=WHOLE_CLIP, kw_only=True)
    """The ranges that the film shows, in this order."""

    @property
    def id(self) -> str:
        """The shot's id."""
        return self.shot.id

    @property
    def take(self) -> int:
        """The take that the board requests."""
        return self.shot.take

    @property
    def chapter_title(self) -> str:
        """The title of the shot's chapter in the film."""
        return self.shot.chapter_title

    @property
    def used_takes(self) -> tuple[RecordedTake, ...]:
        """The recorded takes that the film shows, beside the take that the board requests."""
        return tuple(used.take for used in self.used_ranges if used.take)

    @property
    def shows_own_clip(self) -> bool:
        """True if the film shows the take that the board requests, or the board's own file."""
        return any(used.take is None for used in self.used_ranges)


@dataclass(frozen=True)
class ExistingClip(_Shot):
    """A shot that is a file already (`clip: FILE`): never rendered, free, first of a chain."""

    clip_path: Path
    measured: Clip
    """Its size, rate, length and colours."""

    @property
    def frames(self) -> int:
        """Its frames in the film, the last one included."""
        return self.measured.film_frames

    @property
    def chain_id(self) -> str:
        """The id of the first shot of its chain: its own."""
        return self.id

    @property
    def continues(self) -> None:
        """The shot it continues: none."""
        return


@dataclass(frozen=True)
class ShotToRender(_Shot):
    """A shot that a provider renders, with its request and its price."""

    chain_id: str
    """The id of the first shot of its chain."""
    provider: Provider
    model: str
    """The provider's own id of the model."""
    request: RenderRequest
    """Without its media, which are read when it is sent."""
    frames: int
    """Frames of the clip; their maximum if the model decides."""
    family: str | None = None
    """None if the model is an endpoint id, which hides its family."""
    width: int | None = None
    """None if the model decides the ratio."""
    height: int | None = None
    tokens: int | None = None
    """The maximum usage; None if it is not known."""
    min_tokens: int | None = None
    """The usage if every length that is not known yet is the shortest; None if `tokens` is."""
    max_price: Money | None = None
    """None if the price is not known."""
    silent_price: Money | None = None
    """The maximum price without sound; None if it has none, or if that price is not known."""
    continues: str | None = None
    """The id of the shot whose last frame or clip it starts from, if that shot is in this plan."""
    continues_key: str | None = None
    """The key of the render (or of its draft) whose frame or clip it starts from."""
    continues_frame: int | None = None
    """The number of the frame that it starts on, at an out point; None is the last frame."""
    pinned_take: RecordedTake | None = None
    """The recorded take it starts from, if the board names another one than the current take."""
    continues_clip: bool = False
    """True if it continues that shot's clip (`continue: clip`), so that no frame is repeated."""
    draft: Draft | None = None
    """The draft from which it is made; None unless it is a `draft: final` shot."""
    inputs: tuple[MediaSource, ...] = ()
    has_video_input: bool = False
    """True if reference clips are among the inputs, which changes the price."""
    anchor: Anchor | None = None
    """None if it starts without a frame."""
    allowed_retries: frozenset[str] = frozenset()
    """The keys of the board that allow another attempt, as far as one can help."""
    is_needed: bool = True
    """False if the film shows only other takes and no shot continues this one: it is not rendered.
    """
    variant: str = ""
    """The label of the version that it is rendered for; empty for the board's own film."""

    @property
    def id(self) -> str:
        """The shot's id, and behind an @ the label of its version."""
        return f"{self.shot.id}@{self.variant}" if self.variant else self.shot.id

    @property
    def has_soft_anchor(self) -> bool:
        """True if the model uses its first frame as guidance only."""
        return self.anchor is Anchor.SOFT

    @property
    def content_request(self) -> RenderRequest:
        """The request that decides what is seen: that of the draft, if the shot has one."""
        return self.draft.request if self.draft else self.request

    @property
    def has_auto_duration(self) -> bool:
        """True if the model decides the length."""
        return self.content_request.duration_seconds == AUTO_DURATION

    @property
    def duration_seconds(self) -> float:
        """Its length in the film; the maximum if the model decides."""
        requested = self.content_request.duration_seconds
        if requested is None or self.has_auto_duration:
            return self.frames / FRAMES_PER_SECOND
        return requested

    @property
    def price_per_second(self) -> Money | None:
        """The maximum price of a second of the clip; None if the price is not known."""
        if self.max_price is None:
            return None
        amount = self.max_price.amount / Decimal(str(self.duration_seconds))
        return Money(amount=amount, currency=self.max_price.currency)

    @property
    def typical_render_seconds(self) -> float:
        """The vendor's usual time for it, scaled from the time of a 5 s clip."""
        return self.provider.typical_job_seconds * (self.duration_seconds + 5) / 10


PlannedShot = ShotToRender | ExistingClip
"""A shot of a plan."""


class VersionPlace(NamedTuple):
    """The place in which a version is written: an entry of `versions`, or a row of its table."""

    path: tuple[str | int, ...]
    """The path of the entry."""
    file: str = ""
    """The file of its table, as the user names it; empty without one."""
    line: int = 0
    """The line of its row."""

    def problem(self, board: Board, key: str, message: str, remedy: str = "") -> Problem:
        """Return a problem of the version.

        Args:
            board: The board that lists it.
            key: The key of the entry that is wrong; empty for the entry itself.
            message: The problem.
            remedy: The remedy.
        """
        if self.file:
            return Problem(message, remedy, self.file, self.line)
        return board.problem((*self.path, key) if key else self.path, message, remedy)

    def relocate(self, problem: Problem, board: Board, name: str) -> Problem:
        """Return a problem of the film of the version at the place of the version.

        Args:
            problem: The problem, at a path of the board.
            board: The board that lists the version.
            name: The name of the version.
        """
        message = f"in {name}, {format_path(problem.keys)}: {problem.message}"
        return self.problem(board, "", message, problem.remedy)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.file else format_path(self.path)


@dataclass(frozen=True)
class PlannedVersion:
    """Another film of the board, from the same shots or from variants of them."""

    name: str
    """The name of its film's file, without suffix; unique in the board."""
    plan: Plan
    """Its film: its shots in its order, with a board of its own."""
    written: Version
    """The entry in the board."""
    place: VersionPlace
    values: Mapping[str, str] = field(default_factory=dict)
    """The values of variables that it sets."""

    def relocate(self, problem: Problem, board: Board) -> Problem:
        """Return a problem of its film at its own place in the board that lists it."""
        return self.place.relocate(problem, board, self.name)


class FilmTarget(NamedTuple):
    """The shape and the length that the film of a version is brought to."""

    ratio: tuple[int, int] | None = None
    """Width to height; None keeps that of the clips."""
    fit: Literal["crop", "pad"] = "crop"
    length: int | None = None
    """In frames; None keeps that of the clips."""


@dataclass(frozen=True)
class Plan:
    """Every shot in film order, and what the author should know about them."""

    board: Board
    shots: tuple[PlannedShot, ...]
    warnings: tuple[Problem, ...] = ()
    """Settings that are not used, shared keys, soft anchors: nothing that stops a render."""
    film_files: Mapping[str, InputFile] = field(default_factory=dict)
    """The files of the films, such as their music, by the reference with variables replaced."""
    caption_files: Mapping[str, tuple[Caption, ...]] = field(default_factory=dict)
    """The content of those that are captions."""
    target: FilmTarget = field(default_factory=FilmTarget)
    """The shape and the length of the film."""
    versions: tuple[PlannedVersion, ...] = ()
    variants: tuple[PlannedShot, ...] = ()
    """The shots that only versions need, each after the shot it continues."""

    def __iter__(self) -> Iterator[PlannedShot]:
        return iter(self.shots)

    @cached_property
    def all_shots(self) -> tuple[PlannedShot, ...]:
        """The shots of the board's own film in film order, then those of versions alone."""
        return (*self.shots, *self.variants)

    @cached_property
    def shots_to_render(self) -> tuple[ShotToRender, ...]:
        """The shots that are not files already, in film order, then those of versions alone."""
        return tuple(shot for shot in self.all_shots if isinstance(shot, ShotToRender))

    def shot(self, shot_id: str) -> PlannedShot:
        """Return the shot of that id.

        Raises:
            KeyError: If the plan has none.
        """
        return self.shots_by_id[shot_id]

    def find_shot(self, shot_id: str) -> PlannedShot:
        """Return the shot of an id that the user gave.

        Raises:
            UsageError: The plan has no such shot.
        """
        shot = self.shots_by_id.get(shot_id)
        if shot is None:
            raise unknown_shot_error(shot_id, self.shots_by_id)
        return shot

    @cached_property
    def shots_by_id(self) -> Mapping[str, PlannedShot]:
        """All shots by their ids."""
        return {shot.id: shot for shot in self.all_shots}

    def version(self, name: str) -> PlannedVersion:
        """Return the version of that name.

        Raises:
            KeyError: If the plan has none.
        """
        return self._versions_by_name[name]

    @cached_property
    def _versions_by_name(self) -> Mapping[str, PlannedVersion]:
        return {version.name: version for version in self.versions}

    def is_seam(self, index: int) -> bool:
        """Return whether the shot at `index` repeats the last frame of the shot before it."""
        return index > 0 and is_chained(self.shots[index - 1], self.shots[index])

    @property
    def recorded_keys(self) -> frozenset[str]:
        """The keys of recorded takes that shots start on or that a film shows."""
        pinned = {shot.pinned_take.take.key for shot in self.shots_to_render if shot.pinned_take}
        films = [self, *(version.plan for version in self.versions)]
        return frozenset(pinned.union(*(_used_keys(shot) for film in films for shot in film)))

    def out_points(self, shot_id: str) -> tuple[int, ...]:
        """Return the frames of a shot's present clip, not its last, that other shots start on."""
        frames = {
            shot.continues_frame
            for shot in self.shots_to_render
            if shot.continues == shot_id and shot.is_needed and shot.continues_frame is not None
        }
        return tuple(sorted(frames))

    def path_to(self, shot_id: str) -> tuple[str, ...]:
        """Return the ids of the chain up to a shot, from its first shot to the shot itself."""
        shot = self.shots_by_id[shot_id]
        path = [shot_id]
        if isinstance(shot, ShotToRender) and not shot.is_needed:
            return (shot_id,)
        while (previous := self.shots_by_id[path[-1]].continues) is not None:
            path.append(previous)
        return tuple(reversed(path))

    def board_seed(self, shot: PlannedShot) -> int | None:
        """Return the seed that the board gives a shot, itself or in its look."""
        own = shot.shot.seed
        return self.board.storyboard.look.seed if own is None else own

    @property
    def critical_path(self) -> tuple[str, ...]:
        """The ids of the chain that takes longest, by the vendors' usual times."""
        finished_at: dict[str, float] = {}
        for shot in self.dependency_order():
            seconds = 0.0
            if isinstance(shot, ShotToRender) and shot.is_needed:
                seconds = shot.typical_render_seconds
            finished_at[shot.id] = finished_at.get(shot.continues or "", 0.0) + seconds
        return self.path_to(max(finished_at, key=finished_at.__getitem__))

    def dependency_order(self) -> tuple[PlannedShot, ...]:
        """Return all shots, each after the one it continues, otherwise in film order."""
        return self._dependency_order

    @cached_property
    def _dependency_order(self) -> tuple[PlannedShot, ...]:
        ordered: dict[str, PlannedShot] = {}
        for shot in self.all_shots:
            path = [shot.id]
            while (previous := self.shots_by_id[path[-1]].continues) and previous not in ordered:
                path.append(previous)
            ordered.update((shot_id, self.shots_by_id[shot_id]) for shot_id in reversed(path))
        return tuple(ordered.values())


def count_clip_frames(shot: PlannedShot, used: UsedRange) -> int | None:
    """Return the frames of the clip that a range of a shot is part of; None if not known yet.

    For a take that the model decides the length of, it is the maximum.
    """
    return used.take.attempt.frames if used.take else shot.frames


def _used_keys(shot: PlannedShot) -> set[str]:
    return {recorded.take.key for recorded in shot.used_takes}


def is_chained(
    previous: PlannedShot, following: PlannedShot, *, clip_frames: int | None = None
) -> bool:
    """Return whether a shot begins on the last frame that the film shows of the shot before it.

    Args:
        previous: The shot directly before it in the film.
        following: The shot.
        clip_frames: The counted frames of the clip that `previous` is shown in last; by default
            as planned.
    """
    last, first = previous.used_ranges[-1], following.used_ranges[0]
    frames = count_clip_frames(previous, last) if clip_frames is None else clip_frames
    if first.first_frame or not last.shows_end(frames):
        return False
    if not _starts_on_clip(following, first, previous, last):
        return False
    start_frame = first.take.attempt.continues_frame if first.take else _own_start_frame(following)
    # A clip may be shorter than planned: then its last frame stood in for that at the out point.
    return start_frame is None or (frames is not None and start_frame >= frames)


def _starts_on_clip(
    following: PlannedShot, first: UsedRange, previous: PlannedShot, last: UsedRange
) -> bool:
    """Return whether the first clip shown of a shot starts on a frame of the last one before it."""
    shown_key = last.take.take.key if last.take else previous.key
    if following.shot.continues:
        return False
    if first.take:
        return first.take.attempt.continues_key == shown_key
    if isinstance(following, ExistingClip) or following.continues_clip:
        return False
    if following.pinned_take:
        return following.pinned_take.take.key == shown_key
    return following.continues == previous.id and last.take is None


def _own_start_frame(shot: PlannedShot) -> int | None:
    return shot.continues_frame if isinstance(shot, ShotToRender) else None
