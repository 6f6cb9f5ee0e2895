"""Build the plan of a board and collect every problem. Offline; reads only the board's input files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from storyboards.board import Board
from storyboards.chains import find_links
from storyboards.models import FromShot, Money, Shot
from storyboards.problems import InvalidStoryboard, Problem
from storyboards.prompts import resolve_prompt
from tasks.budgets.money import ZERO
from tasks.plan import Draft, MediaSource, Plan, PlannedShot
from tasks.planning.continuation import (
    add_extend_instruction,
    build_clip_input,
    check_continued_clip,
    describe_soft_anchor,
    find_anchor,
    get_draft_key,
)
from tasks.planning.keys import compute_clip_key, compute_key, derive_seed
from tasks.planning.media_files import MediaInputError, find_shot_clip
from tasks.planning.references import MediaGatherer, check_media_inputs
from tasks.planning.requests import PreparedRequest, build_request, pricing_size
from tasks.planning.shot_settings import ShotSettings
from tasks.providers import Provider, ProviderModel, UnknownName, find_provider
from tasks.providers.dialects import DIALECTS
from tasks.providers.families import FAMILIES, StartMode
from tasks.providers.prices import calculate_price, count_tokens
from tasks.store.atomic_files import digest_file

if TYPE_CHECKING:
    from tasks.store.takes import RecordedTake


Size = tuple[int, int]

FindTake = Callable[[PlannedShot, int], "RecordedTake | None"]
"""The recorded render of another take of a shot; None where the store has none."""


def make_plan(
    board: Board,
    *,
    provider: str | None = None,
    providers: Mapping[str, Provider] | None = None,
    find_take: FindTake = lambda shot, take: None,
) -> Plan:
    """The plan of a board; `provider` replaces the board's and every shot's.

    `providers` are those that there are, by name; without them the built-in ones. `recall` finds
    the takes that shots start on where those are not the present ones.

    Raises InvalidStoryboard with every problem that is found.
    """
    planner = _Planner(board, provider, providers, find_take)
    planned = planner.plan()
    if planner.problems:
        order = sorted(planner.problems, key=lambda problem: (problem.line, problem.column))
        raise InvalidStoryboard(tuple(dict.fromkeys(order)))
    return Plan(
        board,
        planned,
        tuple(dict.fromkeys((*planner.warnings, *_shared_key_warnings(board, planned)))),
    )


def _shared_key_warnings(board: Board, shots: tuple[PlannedShot, ...]) -> Iterator[Problem]:
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
        recall: FindTake,
    ) -> None:
        self.board = board
        self.provider = provider
        self.providers = providers
        self.find_take = recall
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.shots = board.storyboard.shots
        self.media = MediaGatherer(board, self.add_problem, self.add_warning)
        self.continues_of = find_links(board.storyboard)
        self.planned: dict[str, PlannedShot] = {}
        self.index = {shot.id: index for index, shot in enumerate(self.shots)}

    def plan(self) -> tuple[PlannedShot, ...]:
        self._reject_unsupported()
        for shot in self.shots:
            self._plan_with_parents(shot.id)
        return tuple(self.planned[shot.id] for shot in self.shots)

    def _plan_with_parents(self, shot: str) -> None:
        path = [shot]
        while (before := self.continues_of[path[-1]]) is not None and before not in self.planned:
            path.append(before)
        for one in reversed(path):
            if one not in self.planned:
                self.planned[one] = self._plan_shot(self.index[one])

    def add_problem(self, path: tuple[str | int, ...], message: str, remedy: str) -> None:
        self.problems.append(self.board.problem(path, message, remedy))

    def add_warning(self, index: int, message: str) -> None:
        self.warnings.append(self.board.problem(("shots", index), message))

    def _reject_unsupported(self) -> None:
        film = self.board.storyboard.film
        remedy = "Take it out for now."
        for word in ("music", "loudness"):
            if getattr(film, word) is not None:
                self.add_problem(("film", word), f"film.{word} is not built yet", remedy)
        if film.join != "cut":
            self.add_problem(("film", "join"), "a crossfade is not built yet", "Set join: cut.")
        if film.codec != "h264":
            self.add_problem(("film", "codec"), "codec: keep is not built yet", remedy)
        for index, shot in enumerate(self.shots):
            if shot.transition not in (None, "cut"):
                path = ("shots", index, "transition")
                self.add_problem(path, "a crossfade is not built yet", remedy)

    def _plan_shot(self, index: int) -> PlannedShot:
        shot = self.shots[index]
        parent = self.planned.get(self.continues_of[shot.id] or "")
        if shot.clip is not None:
            return self._plan_clip(index, shot, shot.clip)
        row = self._find_provider(index, shot)
        if row is None:
            return _invalid_shot(index, shot, parent)
        inputs, prompt = self.media.shot_media(index), resolve_prompt(self.board.storyboard, shot)
        extends = shot.continue_ is not None and parent is not None
        framed = any(given.role == "first_frame" for given in inputs)
        framed = framed or (parent is not None and not extends)
        inputs = (*inputs, *self.media.cast_images(index, prompt, row, has_first_frame=framed))
        if extends and parent:
            inputs, prompt = (
                (*self._continued_clip(index, parent), *inputs),
                add_extend_instruction(prompt),
            )
        model = self._find_model(index, shot, row, has_first_frame=framed or bool(inputs))
        if model is None:
            return _invalid_shot(index, shot, parent)
        # An endpoint id hides its model; the most able family lets everything through.
        family = model.family or FAMILIES["seedance-2.0"]
        opening, size = _find_opening(None if extends else parent, inputs)
        asked = ShotSettings(
            self.board, index, family, DIALECTS[row.dialect], opening, continues_clip=extends
        )
        self._check_first_and_last_frame(asked, row)
        check_media_inputs(asked, row, inputs, has_chained_frame=parent is not None and not extends)
        if extends and parent:
            check_continued_clip(asked, row, parent)
        pinned = self._find_pinned_take(index, shot, parent)
        made = build_request(asked, model.id, prompt, first_frame_size=size)
        self.problems += asked.problems
        if asked.get("reseed") and asked.get("seed") is not None:
            asked.notes.append("reseed is not used: the seed is given")
        planned = _build_planned_shot(
            _RequestedShot(asked, row, model, made, inputs), parent, pinned
        )
        for note in (*asked.notes, *describe_soft_anchor(planned)):
            self.add_warning(index, note)
        return planned

    def _find_pinned_take(
        self, index: int, shot: Shot, parent: PlannedShot | None
    ) -> RecordedTake | None:
        """The recorded take that a shot starts on, where that is not the present one."""
        start = shot.first_frame
        if parent is None or not isinstance(start, FromShot) or start.take in (None, parent.take):
            return None
        found = self.find_take(parent, start.take or 1)
        if found is None:
            path = ("shots", index, "first_frame", "take")
            message = f"the store has no render of take {start.take} of {parent.id}"
            remedy = f"Name a take that `shotchain takes` lists for {parent.id}, or leave take out."
            self.add_problem(path, message, remedy)
        return found

    def _continued_clip(self, index: int, parent: PlannedShot) -> tuple[MediaSource, ...]:
        """The clip of the shot before, to be continued, where vendors take it."""
        try:
            return (build_clip_input(parent, parent.key),)
        except MediaInputError as error:
            self.add_problem(("shots", index, "continue"), error.message, error.remedy)
            return ()

    def _plan_clip(self, index: int, shot: Shot, reference: str) -> PlannedShot:
        try:
            path = find_shot_clip(self.board, reference)
            key = compute_clip_key(digest_file(path))
        except MediaInputError as error:
            self.add_problem(("shots", index, "clip"), error.message, error.remedy)
            path, key = None, ""
        return PlannedShot(shot, index, key, chain_id=shot.id, clip_path=path)

    def _find_provider(self, index: int, shot: Shot) -> Provider | None:
        name = self.provider or shot.provider or self.board.storyboard.provider
        try:
            return find_provider(name, self.providers)
        except UnknownName as error:
            if self.provider:
                raise
            path = ("shots", index, "provider") if shot.provider else ("provider",)
            self.add_problem(path, error.message, error.remedy)
            return None

    def _find_model(
        self, index: int, shot: Shot, provider: Provider, *, has_first_frame: bool
    ) -> ProviderModel | None:
        word = shot.model or self.board.storyboard.model
        try:
            return provider.resolve_model(word, with_image=has_first_frame)
        except UnknownName as error:
            path = ("shots", index, "model") if shot.model else ("model",)
            self.add_problem(path, error.message, error.remedy)
            return None

    def _check_first_and_last_frame(self, settings: ShotSettings, provider: Provider) -> None:
        """First and last frames: whether the model and the dialect take them."""
        shot, family = settings.shot, settings.family
        takes = family.first_frame and settings.dialect.first_frame_anchor != "no"
        if settings.opening == "frame" and not takes:
            path: tuple[str | int, ...] = ("shots", settings.index)
            if shot.first_frame is not None:
                path = (*path, "first_frame")
            message = f"{family.name} at {provider.name} takes no first frame"
            self.add_problem(path, message, "Set first_frame: none, or take another model.")
        if shot.last_frame and not family.last_frame:
            has = [
                name for name, one in FAMILIES.items() if one.last_frame and name in provider.models
            ]
            message = f"{family.name} takes no last_frame"
            remedy = f"These do: {', '.join(has)}."
            self.add_problem(("shots", settings.index, "last_frame"), message, remedy)
        elif shot.last_frame and settings.opening != "frame":
            message = "last_frame needs a first frame beside it"
            self.add_problem(("shots", settings.index, "last_frame"), message, "Give first_frame.")


class _RequestedShot(NamedTuple):
    """One shot's order, and what is to be known for its key and its price."""

    settings: ShotSettings
    provider: Provider
    model: ProviderModel
    prepared: PreparedRequest
    inputs: tuple[MediaSource, ...]


def _invalid_shot(index: int, shot: Shot, parent: PlannedShot | None) -> PlannedShot:
    """A shot of which too much is wrong; those behind it can still be looked at."""
    chain, continues = (parent.chain_id, parent.id) if parent else (shot.id, None)
    return PlannedShot(shot, index, key="", chain_id=chain, continues=continues)


def _build_planned_shot(
    requested: _RequestedShot, parent: PlannedShot | None, pinned_take: RecordedTake | None
) -> PlannedShot:
    asked, row, model, made, inputs = requested
    order = made.request
    before = pinned_take.take.key if pinned_take else parent.key if parent else None
    before_draft = (
        pinned_take.take.key if pinned_take else get_draft_key(parent) if parent else None
    )
    if pinned_take:
        # It waits for nobody: what it starts on was rendered long ago.
        parent = None
    key = _compute_shot_key(requested, before)
    count, cost = _estimate_price(row, model, made, inputs)
    draft = None
    if made.final_request:
        # Its draft continued the draft of the shot before, where that one is promoted as well.
        draft = Draft(_compute_shot_key(requested, before_draft), order)
        order = made.final_request
        key = compute_key(row.name, order, take=asked.shot.take, draft_key=draft.key)
    # Of use only where the vendor can be asked for its jobs, and more than it need know else.
    elif order.seed is None and asked.family.seed and row.supports_listing:
        order = order.with_seed(derive_seed(key))
    return PlannedShot(
        asked.shot,
        asked.index,
        key,
        chain_id=parent.chain_id if parent else asked.shot.id,
        continues=parent.id if parent else None,
        continues_key=draft.key if draft else before,
        pinned_take=pinned_take,
        continues_clip=asked.continues_clip,
        provider=row,
        model=model.id,
        family=model.family.name if model.family else None,
        request=order,
        draft=draft,
        inputs=() if draft else inputs,
        width=made.width,
        height=made.height,
        frames=made.frames,
        tokens=count,
        max_price=cost,
        has_video_input=any(given.role == "reference_video" for given in inputs),
        anchor=find_anchor(asked, parent, from_draft=draft is not None),
        allowed_retries=_allowed_retries(asked),
    )


def _compute_shot_key(requested: _RequestedShot, continues_key: str | None) -> str:
    """The key of a shot; `before` is that of the shot it continues, by frame or by clip."""
    asked, row, _, made, inputs = requested
    return compute_key(
        row.name,
        made.request,
        inputs=(
            one._replace(identity=continues_key or "") if one.source_shot else one for one in inputs
        ),
        seed=made.request.seed,
        take=asked.shot.take,
        continues_key=continues_key,
    )


def _allowed_retries(settings: ShotSettings) -> frozenset[str]:
    """A seed that the board gives is part of the picture it asks for, so no other is tried."""
    wanted = settings.get("reseed") and settings.get("seed") is None
    return frozenset({"reseed"}) if wanted else frozenset()


def _find_opening(
    parent: PlannedShot | None, inputs: tuple[MediaSource, ...]
) -> tuple[StartMode, Size]:
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


def _estimate_price(
    provider: Provider,
    model: ProviderModel,
    prepared: PreparedRequest,
    inputs: tuple[MediaSource, ...],
) -> tuple[int | None, Money | None]:
    """Tokens and price of an order; unknown where the model or its input's length is."""
    if model.family is None:
        return None, ZERO if provider.price_table == "free" else None
    order = prepared.request
    width, height = pricing_size(model.family, prepared)
    count = count_tokens(
        width,
        height,
        prepared.frames,
        family=model.family,
        draft=bool(order.draft) and prepared.final_request is None,
        audio=bool(order.audio),
    )
    clips = [given for given in inputs if given.role == "reference_video"]
    if clips:
        told = [given.duration_seconds for given in clips if given.duration_seconds is not None]
        # How long a clip at a URL is, nobody told: the most that all of them may have.
        whole = (
            sum(told)
            if len(told) == len(clips)
            else model.family.reference_duration_range_seconds[1]
        )
        count = count_tokens(
            width, height, prepared.frames, family=model.family, input_video_seconds=whole
        )
    cost = calculate_price(
        provider,
        model.family,
        tokens=count,
        resolution=prepared.resolution,
        audio=bool(order.audio),
        video_input=bool(clips),
        flex=order.service_tier == "flex",
        draft=bool(order.draft) and prepared.final_request is None,
    )
    return count, cost
