"""From a board to its plan: every shot looked at, every problem told at once. Pure and offline.

Reads the board's own input files and nothing else. What the store already has is told by `survey`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from storyboards.board import Board
from storyboards.chains import find_links
from storyboards.models import FromShot, Money, Shot
from storyboards.problems import InvalidStoryboard, Problem, ShotchainError, merge_problems
from storyboards.prompts import resolve_prompt
from tasks.money.bill import NOTHING
from tasks.plan import Draft, Plan, PlannedShot
from tasks.planning.asking import Asked
from tasks.planning.enclosures import check_enclosures
from tasks.planning.inputs import Input, Unusable, find_own_clip
from tasks.planning.keys import derived_seed, key_of, key_of_clip
from tasks.planning.lineage import (
    check_continued,
    clip_of,
    draft_key,
    extend,
    find_anchor,
    tell_anchor,
)
from tasks.planning.orders import Made, make_order, price_size
from tasks.planning.props import Props
from tasks.planning.set_aside import BrokenValues
from tasks.providers import Model, Provider, find_provider
from tasks.providers.dialects import DIALECTS
from tasks.providers.models import FAMILIES, Opening
from tasks.providers.prices import price, tokens
from tasks.store import digest_file

if TYPE_CHECKING:
    from tasks.records.takes import Render

Size = tuple[int, int]

Recall = Callable[[PlannedShot, int], "Render | None"]
"""The recorded render of another take of a shot; None where the store has none."""


def make_plan(
    board: Board,
    *,
    provider: str | None = None,
    providers: Mapping[str, Provider] | None = None,
    recall: Recall = lambda shot, take: None,
) -> Plan:
    """The plan of a board; `provider` replaces the board's and every shot's.

    `providers` are those that there are, by name; without them the built-in ones. `recall` finds
    the takes that shots start on where those are not the present ones.

    Raises InvalidStoryboard with every problem that is found, those of the board's file included.
    """
    planner = _Planner(board, provider, providers, recall)
    planned = planner.plan()
    problems = merge_problems((*board.problems, *planner.file_problems, *planner.problems))
    if problems:
        raise InvalidStoryboard(problems)
    return Plan(board, planned, tuple(dict.fromkeys((*planner.notes, *_shared(board, planned)))))


def _shared(board: Board, shots: tuple[PlannedShot, ...]) -> Iterator[Problem]:
    first: dict[str, PlannedShot] = {}
    for shot in shots:
        other = first.setdefault(shot.key, shot)
        if other is not shot:
            message = f"{shot.id} is the same picture as {other.id}: it is rendered once"
            remedy = "Raise its take, or change its prompt, for another one."
            yield board.problem(("shots", shot.index), message, remedy)


class _Planner:
    """Plans one board: what was found wrong is collected, never raised, until the end."""

    def __init__(
        self,
        board: Board,
        provider: str | None,
        providers: Mapping[str, Provider] | None,
        recall: Recall,
    ) -> None:
        self.board = board
        self.provider = provider
        self.providers = providers
        self.recall = recall
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self.shots = board.storyboard.shots
        self.file_problems: list[Problem] = []
        self.props = Props(board, self.file_problem, self.note)
        self.links = find_links(board.storyboard)
        self.broken = BrokenValues(board, self.links)
        self.done: dict[str, PlannedShot] = {}
        self.index = {shot.id: index for index, shot in enumerate(self.shots)}

    def plan(self) -> tuple[PlannedShot, ...]:
        self._refuse_later()
        for shot in self.shots:
            self._plan_with_parents(shot.id)
        return tuple(self.done[shot.id] for shot in self.shots)

    def _plan_with_parents(self, shot: str) -> None:
        path = [shot]
        while (before := self.links[path[-1]]) is not None and before not in self.done:
            path.append(before)
        for one in reversed(path):
            if one not in self.done:
                index, known = self.index[one], len(self.problems)
                self.done[one] = self._plan_shot(index)
                found = self.problems[known:]
                self.problems[known:] = [p for p in found if not self.broken.explain(index, p)]

    def problem(self, path: tuple[str | int, ...], message: str, remedy: str) -> None:
        self.problems.append(self.board.problem(path, message, remedy))

    def file_problem(self, path: tuple[str | int, ...], message: str, remedy: str) -> None:
        problem = self.board.problem(path, message, remedy)
        if not self.broken.explain_file(problem):
            self.file_problems.append(problem)

    def note(self, index: int, message: str) -> None:
        self.notes.append(self.board.problem(("shots", index), message))

    def _refuse_later(self) -> None:
        film = self.board.storyboard.film
        remedy = "Take it out for now."
        for word in ("music", "loudness"):
            if getattr(film, word) is not None:
                self.problem(("film", word), f"film.{word} is not built yet", remedy)
        if film.join != "cut":
            self.problem(("film", "join"), "a crossfade is not built yet", "Set join: cut.")
        if film.codec != "h264":
            self.problem(("film", "codec"), "codec: keep is not built yet", remedy)
        for index, shot in enumerate(self.shots):
            if shot.transition not in (None, "cut"):
                path = ("shots", index, "transition")
                self.problem(path, "a crossfade is not built yet", remedy)

    def _plan_shot(self, index: int) -> PlannedShot:
        shot = self.shots[index]
        parent = self.done.get(self.links[shot.id] or "")
        if self.broken.holds(index):
            return _unplanned(index, shot, parent)
        if shot.clip is not None:
            return self._plan_clip(index, shot, shot.clip)
        row = self._provider(index, shot)
        if row is None:
            return _unplanned(index, shot, parent)
        inputs, prompt = self.props.given(index), resolve_prompt(self.board.storyboard, shot)
        extends = shot.continue_ is not None and parent is not None
        framed = any(given.role == "first_frame" for given in inputs)
        framed = framed or (parent is not None and not extends)
        inputs = (*inputs, *self.props.of_cast(index, prompt, row, framed=framed))
        if extends and parent:
            inputs, prompt = (*self._clip_before(index, parent), *inputs), extend(prompt)
        model = self._model(index, shot, row, framed=framed or bool(inputs))
        if model is None:
            return _unplanned(index, shot, parent)
        # An endpoint id hides its model; the most able family lets everything through.
        family = model.family or FAMILIES["seedance-2.0"]
        opening, size = _opening(None if extends else parent, inputs)
        asked = Asked(self.board, index, family, DIALECTS[row.dialect], opening, extends=extends)
        self._check_frames(asked, row)
        check_enclosures(asked, row, inputs, chained=parent is not None and not extends)
        if extends and parent:
            check_continued(asked, row, parent)
        pinned = self._pinned(index, shot, parent)
        made = make_order(asked, model.id, prompt, framed=size)
        self.problems += asked.problems
        if asked.value("reseed") and asked.value("seed") is not None:
            asked.notes.append("reseed is not used: the seed is given")
        planned = _priced(_Ordered(asked, row, model, made, inputs), parent, pinned)
        for note in (*asked.notes, *tell_anchor(planned)):
            self.note(index, note)
        return planned

    def _pinned(self, index: int, shot: Shot, parent: PlannedShot | None) -> Render | None:
        """The recorded take that a shot starts on, where that is not the present one."""
        start = shot.first_frame
        if parent is None or not isinstance(start, FromShot) or start.take in (None, parent.take):
            return None
        found = self.recall(parent, start.take or 1)
        if found is None:
            path = ("shots", index, "first_frame", "take")
            message = f"the store has no render of take {start.take} of {parent.id}"
            remedy = f"Name a take that `shotchain takes` lists for {parent.id}, or leave take out."
            self.problem(path, message, remedy)
        return found

    def _clip_before(self, index: int, parent: PlannedShot) -> tuple[Input, ...]:
        """The clip of the shot before, to be continued, where vendors take it."""
        try:
            return (clip_of(parent, parent.key),)
        except Unusable as error:
            self.problem(("shots", index, "continue"), error.message, error.remedy)
            return ()

    def _plan_clip(self, index: int, shot: Shot, written: str) -> PlannedShot:
        try:
            path = find_own_clip(self.board, written)
            key = key_of_clip(digest_file(path))
        except Unusable as error:
            self.problem(("shots", index, "clip"), error.message, error.remedy)
            path, key = None, ""
        return PlannedShot(shot, index, key, chain=shot.id, clip=path)

    def _provider(self, index: int, shot: Shot) -> Provider | None:
        name = self.provider or shot.provider or self.board.storyboard.provider
        try:
            return find_provider(name, self.providers)
        except ShotchainError as error:
            if self.provider:
                raise
            path = ("shots", index, "provider") if shot.provider else ("provider",)
            self.problem(path, str(error), "Name one of them.")
            return None

    def _model(self, index: int, shot: Shot, row: Provider, *, framed: bool) -> Model | None:
        word = shot.model or self.board.storyboard.model
        try:
            return row.model(word, with_frame=framed)
        except ShotchainError as error:
            path = ("shots", index, "model") if shot.model else ("model",)
            self.problem(path, str(error), "Name one of them.")
            return None

    def _check_frames(self, asked: Asked, row: Provider) -> None:
        """First and last frames: whether the model and the dialect take them."""
        shot, family = asked.shot, asked.family
        takes = family.first_frame and asked.dialect.takes_first_frame != "no"
        if asked.opening == "frame" and not takes:
            path: tuple[str | int, ...] = ("shots", asked.index)
            if shot.first_frame is not None:
                path = (*path, "first_frame")
            message = f"{family.name} at {row.name} takes no first frame"
            self.problem(path, message, "Set first_frame: none, or take another model.")
        if shot.last_frame and not family.last_frame:
            has = [name for name, one in FAMILIES.items() if one.last_frame and name in row.models]
            message = f"{family.name} takes no last_frame"
            remedy = f"These do: {', '.join(has)}."
            self.problem(("shots", asked.index, "last_frame"), message, remedy)
        elif shot.last_frame and asked.opening != "frame":
            message = "last_frame needs a first frame beside it"
            self.problem(("shots", asked.index, "last_frame"), message, "Give first_frame.")


class _Ordered(NamedTuple):
    """One shot's order, and what is to be known for its key and its price."""

    asked: Asked
    row: Provider
    model: Model
    made: Made
    inputs: tuple[Input, ...]


def _unplanned(index: int, shot: Shot, parent: PlannedShot | None) -> PlannedShot:
    """A shot of which too much is wrong; those behind it can still be looked at."""
    chain, continues = (parent.chain, parent.id) if parent else (shot.id, None)
    return PlannedShot(shot, index, key="", chain=chain, continues=continues)


def _priced(ordered: _Ordered, parent: PlannedShot | None, pinned: Render | None) -> PlannedShot:
    asked, row, model, made, inputs = ordered
    order = made.order
    before = pinned.take.key if pinned else parent.key if parent else None
    before_draft = pinned.take.key if pinned else draft_key(parent) if parent else None
    if pinned:
        # It waits for nobody: what it starts on was rendered long ago.
        parent = None
    key = _key(ordered, before)
    count, cost = _cost(row, model, made, inputs)
    draft = None
    if made.final:
        # Its draft continued the draft of the shot before, where that one is promoted as well.
        draft = Draft(_key(ordered, before_draft), order)
        order = made.final
        key = key_of(row.name, order, take=asked.shot.take, draft=draft.key)
    # Of use only where the vendor can be asked for its jobs, and more than it need know else.
    elif order.seed is None and asked.family.seed and row.lists:
        order = order.with_seed(derived_seed(key))
    return PlannedShot(
        asked.shot,
        asked.index,
        key,
        chain=parent.chain if parent else asked.shot.id,
        continues=parent.id if parent else None,
        continues_key=draft.key if draft else before,
        pinned=pinned,
        by_clip=asked.extends,
        provider=row,
        model=model.id,
        family=model.family.name if model.family else None,
        order=order,
        draft=draft,
        inputs=() if draft else inputs,
        width=made.width,
        height=made.height,
        frames=made.frames,
        tokens=count,
        price=cost,
        video_input=any(given.role == "reference_video" for given in inputs),
        anchor=find_anchor(asked, parent, promoted=draft is not None),
        allows=_allowed(asked),
    )


def _key(ordered: _Ordered, before: str | None) -> str:
    """The key of a shot; `before` is that of the shot it continues, by frame or by clip."""
    asked, row, _, made, inputs = ordered
    return key_of(
        row.name,
        made.order,
        inputs=(one._replace(identity=before or "") if one.shot else one for one in inputs),
        seed=made.order.seed,
        take=asked.shot.take,
        continues=before,
    )


def _allowed(asked: Asked) -> frozenset[str]:
    """A seed that the board gives is part of the picture it asks for, so no other is tried."""
    wanted = asked.value("reseed") and asked.value("seed") is None
    return frozenset({"reseed"}) if wanted else frozenset()


def _opening(parent: PlannedShot | None, inputs: tuple[Input, ...]) -> tuple[Opening, Size]:
    """What a shot starts from, and the size of its first picture where that is known."""
    if parent:
        return "frame", (parent.width or 0, parent.height or 0)
    for given in inputs:
        if given.role == "first_frame":
            return "frame", (given.width, given.height)
    if any(given.role.startswith("reference") for given in inputs):
        # The first clip settles the ratio, else the first picture (powertokens' page).
        seen = [given for given in inputs if given.role == "reference_video"]
        seen += [given for given in inputs if given.role == "reference_image"]
        return "reference", (seen[0].width, seen[0].height) if seen else (0, 0)
    return "text", (0, 0)


def _cost(
    row: Provider, model: Model, made: Made, inputs: tuple[Input, ...]
) -> tuple[int | None, Money | None]:
    """Tokens and price of an order; unknown where the model or its input's length is."""
    if model.family is None:
        return None, NOTHING if row.prices == "free" else None
    order = made.order
    width, height = price_size(model.family, made)
    count = tokens(
        width,
        height,
        made.frames,
        family=model.family,
        draft=bool(order.draft) and made.final is None,
        audio=bool(order.audio),
    )
    clips = [given for given in inputs if given.role == "reference_video"]
    if clips:
        told = [given.seconds for given in clips if given.seconds is not None]
        # How long a clip at a URL is, nobody told: the most that all of them may have.
        whole = sum(told) if len(told) == len(clips) else model.family.reference_seconds[1]
        count = tokens(width, height, made.frames, family=model.family, input_video_seconds=whole)
    cost = price(
        row,
        model.family,
        tokens=count,
        resolution=made.resolution,
        audio=bool(order.audio),
        video_input=bool(clips),
        flex=order.service_tier == "flex",
        draft=bool(order.draft) and made.final is None,
    )
    return count, cost
