"""Build the plan of a board and collect every problem.

Offline: reads only the board's input files. The takes that shots are pinned to are found by the
caller; if the store has what a run needs is checked in `preconditions`.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from storyboards.board import Board
from storyboards.chains import find_links
from storyboards.models import FromShot, Shot
from storyboards.problems import InvalidStoryboard, Problem, limit_problems, merge_problems
from storyboards.prompts import Prompt, resolve_prompt
from tasks.plan import (
    ExistingClip,
    MediaSource,
    Plan,
    PlannedShot,
    ShotToRender,
    Size,
    count_clip_frames,
    is_chained,
)
from tasks.planning.continuation import (
    add_extend_instruction,
    build_clip_input,
    check_continued_clip,
    check_continued_end,
    warn_about_soft_anchor,
)
from tasks.planning.film_files import OwnFilm, read_film_files
from tasks.planning.keys import compute_clip_key
from tasks.planning.media_files import MediaInputError
from tasks.planning.planned_shot import (
    HasRecord,
    InvalidShot,
    Parent,
    RequestedShot,
    build_planned_shot,
    invalid_shot,
)
from tasks.planning.references import (
    MediaGatherer,
    check_media_inputs,
    find_start,
    label_cast,
)
from tasks.planning.requests import build_request
from tasks.planning.selects import (
    FindTake,
    ShotTakes,
    StartFrame,
    add_used_ranges,
    find_needed_shots,
    find_start_frame,
)
from tasks.planning.set_aside import BrokenValues
from tasks.planning.shot_settings import (
    ProblemLog,
    ShotSettings,
    find_families,
    format_candidates,
)
from tasks.planning.transitions import check_transitions
from tasks.planning.warnings import (
    merge_warnings,
    warn_about_cast,
    warn_about_crops,
    warn_about_mentions,
    warn_about_prompt,
    warn_about_shared_keys,
    warn_about_sizes,
)
from tasks.providers import PROVIDERS, Provider, ProviderModel, UnknownName, find_provider
from tasks.providers.dialects import DIALECTS
from tasks.providers.families import FAMILIES, IMAGE_LIMITS, StartMode

if TYPE_CHECKING:
    from tasks.planning.variants import PlannedLook
    from tasks.planning.versions import ExpandedVersion

    # Loads asyncio and ssl, which `check` does not need.
    from tasks.store.takes import RecordedTake


def make_plan(
    board: Board,
    *,
    provider: str | None = None,
    providers: Mapping[str, Provider] | None = None,
    find_take: FindTake | None = None,
    has_record: HasRecord | None = None,
    requested: Collection[str] = (),
    variables: Mapping[str, str] | None = None,
) -> Plan:
    """Build the plan of a board, its versions included.

    Args:
        board: The board.
        provider: Replaces the provider of the board and of every shot.
        providers: All providers by name; by default the built-in ones.
        find_take: Finds the takes that shots are pinned to; without it there are none.
        has_record: Finds what was rendered before prompts had the numbers of the cast's images;
            without it nothing was.
        requested: The ids of shots to render although the film shows other takes of them.
        variables: Values of variables that replace those of the board.

    Raises:
        InvalidStoryboard: With every problem of the board, those of its file included.
        UsageError: If there is no provider of the name `provider`, or no variable of a name.
    """
    if variables:
        from tasks.planning.versions import check_variables

        variables = check_variables(board, variables)
    store = _StoreLookup(find_take, has_record)
    planner = _Planner(board, provider, PROVIDERS if providers is None else providers, store)
    shots, log = planner.plan(), planner.log
    own_board, versions = _expand_versions(board, log, variables or {})
    own_film = (OwnFilm(own_board),) if versions else ()
    files = read_film_files(log, (*own_film, *versions))
    plan = Plan(own_board, shots, film_files=files.files, caption_files=files.captions)
    if not (board.problems or log.media_problems or log.problems):
        plan = _plan_versions(plan, versions, log, planner)
    plan = _mark_needed(plan, frozenset(requested))
    texts = planner.check_texts(plan)
    problems = merge_problems((*board.problems, *log.media_problems, *log.problems))
    if problems:
        raise InvalidStoryboard(problems)
    warnings = (
        *board.warnings,
        *merge_warnings(log.warnings, sum(shot.clip is None for shot in planner.shots)),
        *warn_about_sizes(board, plan.shots),
        *warn_about_shared_keys(board, plan.shots),
        *files.warnings,
        *texts,
    )
    in_file_order = sorted(warnings, key=lambda warning: (warning.line, warning.column))
    shown = limit_problems(in_file_order, "more notes are not shown: {count}")
    return replace(plan, warnings=shown)


def _expand_versions(
    board: Board, log: ProblemLog, variables: Mapping[str, str]
) -> tuple[Board, tuple[ExpandedVersion, ...]]:
    """Return the board of its own film, and its versions."""
    if not board.storyboard.versions and not variables:
        return board, ()
    # Boards without versions do not need their modules, which take 3 % of `check`.
    from tasks.planning.versions import expand_versions

    expansion = expand_versions(board, log, variables)
    return expansion.board, expansion.versions


def _plan_versions(
    plan: Plan, versions: Sequence[ExpandedVersion], log: ProblemLog, planner: _Planner
) -> Plan:
    if not versions:
        return plan
    # Boards without versions do not need the edit of a film, nor the modules for it.
    from tasks.planning.variants import plan_versions

    return plan_versions(plan, versions, log, planner)


def _mark_needed(plan: Plan, requested: frozenset[str]) -> Plan:
    """Return the plan; nothing is rendered that neither a film nor another shot uses."""
    films = [plan, *(version.plan for version in plan.versions)]
    shown = {shot.id for film in films for shot in film if shot.shows_own_clip}
    needed = find_needed_shots(plan.all_shots, requested | shown)

    def mark(shot: PlannedShot) -> PlannedShot:
        if isinstance(shot, ExistingClip) or shot.id in needed:
            return shot
        return replace(shot, is_needed=False)

    return replace(
        plan, shots=tuple(map(mark, plan.shots)), variants=tuple(map(mark, plan.variants))
    )


class _StoreLookup(NamedTuple):
    """Functions that look something up in the store; None without a store."""

    find_take: FindTake | None
    has_record: HasRecord | None

    def for_variants(self, label: str, *, has_own_shape: bool) -> _StoreLookup:
        """Return the functions for variants of shots, which have takes of their own.

        Args:
            label: The label of the variants.
            has_own_shape: True if they have the shape of the board's own film, whose takes serve
                them too.
        """
        find_own_take = self.find_take
        if find_own_take is None:
            return self

        def find_take(shot: str, number: int, provider: Provider | None) -> RecordedTake | None:
            take = find_own_take(f"{shot}@{label}", number, provider)
            return take or (find_own_take(shot, number, provider) if has_own_shape else None)

        return self._replace(find_take=find_take)


class _Planner:
    """Plans the shots of one board; problems are logged and never raised."""

    def __init__(
        self,
        board: Board,
        provider: str | None,
        providers: Mapping[str, Provider],
        store: _StoreLookup,
    ) -> None:
        self.board = board
        self.provider = provider
        self.providers = providers
        self.store = store
        self.log = ProblemLog(board)
        self.shots = board.storyboard.shots
        self.media = MediaGatherer(self.log)
        self.continues_of = find_links(board.storyboard)
        self.continued = {
            self.continues_of[shot.id] for shot in self.shots if shot.continues is None
        }
        """The ids of the shots whose last frame another shot starts on."""
        self.broken = BrokenValues(board, self.continues_of)
        self.planned: dict[str, Parent] = {}
        self.index = {shot.id: index for index, shot in enumerate(self.shots)}

    def plan_look(self, board: Board, version: ExpandedVersion) -> PlannedLook:
        """Plan the board as it is rendered for a version; files are not read again."""
        has_own_shape = version.look.ratio is None
        store = self.store.for_variants(version.label, has_own_shape=has_own_shape)
        planner = _Planner(board, self.provider, self.providers, store)
        planner.media = replace(self.media, log=planner.log)
        from tasks.planning.variants import PlannedLook

        return PlannedLook(planner.plan(), planner.log)

    def add_version_ranges(
        self, shot: PlannedShot, version: ExpandedVersion, log: ProblemLog
    ) -> PlannedShot:
        """Return a shot of a version with the ranges that the version itself shows."""
        if isinstance(shot, ExistingClip):
            return add_used_ranges(shot, log, self._takes_of(shot))
        store = self.store
        if shot.variant:
            store = store.for_variants(shot.variant, has_own_shape=version.look.ratio is None)
        return add_used_ranges(shot, log, ShotTakes(replace(shot, variant=""), store.find_take))

    def plan(self) -> tuple[PlannedShot, ...]:
        for shot in self.shots:
            self._plan_with_parents(shot.id)
        planned = [self.planned[shot.id] for shot in self.shots]
        for previous, following in itertools.pairwise(planned):
            self._check_end_of_clip(previous, following)
        shots = tuple(shot for shot in planned if not isinstance(shot, InvalidShot))
        if len(shots) == len(planned):
            check_transitions(self.log, self.board.storyboard.film, shots)
        return shots

    def check_texts(self, plan: Plan) -> list[Problem]:
        """Log what can't be drawn of the texts of all films, and return the warnings about them."""
        if len(plan.shots) < len(self.shots) or self.log.media_problems:
            return []  # The places of the texts, or their fonts and pictures, are not known.
        if not any(_has_texts(film) for film in (plan, *(each.plan for each in plan.versions))):
            return []
        # Loads Pillow, and the edit of a film.
        from tasks.planning.title_checks import check_texts

        problems, warnings = self.log.problems, list[Problem]()
        own = dict.fromkeys(check_texts(plan))
        for finding in own:
            problem = self.board.problem(*finding[:3])
            (problems if finding.is_problem else warnings).append(problem)
        for version in plan.versions:
            for finding in check_texts(version.plan):
                if finding not in own:
                    problem = Problem(finding.message, finding.remedy, keys=finding.keys)
                    problem = version.relocate(problem, self.board)
                    (problems if finding.is_problem else warnings).append(problem)
        return warnings

    def _check_end_of_clip(self, shot: Parent, following: Parent) -> None:
        """Check that a shot keeps a picture if the film drops its last one."""
        if isinstance(shot, InvalidShot) or isinstance(following, InvalidShot):
            return
        last = shot.used_ranges[-1]
        frames = count_clip_frames(shot, last)
        if frames is None or last.count_frames(frames) != 1 or not is_chained(shot, following):
            return
        path: tuple[str | int, ...] = ("shots", shot.index, "use", len(shot.used_ranges) - 1)
        msg = f"the last range of {shot.id} has a single frame, and {following.id} begins with it"
        remedy = "Remove the range, or begin it earlier."
        if isinstance(shot, ExistingClip) and shot.frames == 1:
            path = ("shots", shot.index, "clip")
            msg = f"{shot.shot.clip} has a single frame, and {following.id} begins with it"
            remedy = f"Use a longer clip, or save it as a picture: first_frame of {following.id}."
        self.log.add(path, Problem(msg, remedy))

    def _plan_with_parents(self, shot_id: str) -> None:
        path = [shot_id]
        while (parent := self.continues_of[path[-1]]) is not None and parent not in self.planned:
            path.append(parent)
        for planned_id in reversed(path):
            if planned_id not in self.planned:
                index = self.index[planned_id]
                self.planned[planned_id] = self._plan_shot(index)
                self.broken.drop_consequences(index, self.log)

    def _plan_shot(self, index: int) -> Parent:
        shot = self.shots[index]
        parent = self.planned.get(self.continues_of[shot.id] or "")
        if self.broken.is_set_aside(index):
            return invalid_shot(shot, parent)
        if shot.clip is not None:
            return self._plan_clip(index, shot, shot.clip)
        provider = self._find_provider(index, shot)
        if provider is None:
            return invalid_shot(shot, parent)
        prompt = resolve_prompt(self.board.storyboard, shot)
        continues_clip = shot.continues is not None and parent is not None
        has_chained_frame = parent is not None and not continues_clip
        inputs = self._gather_inputs(index, prompt, provider, has_chained_frame=has_chained_frame)
        if continues_clip and parent:
            inputs = (*self._continued_clip(index, parent), *inputs)
        labels = label_cast(DIALECTS[provider.dialect], prompt, inputs)
        plain_prompt = prompt
        if labels:
            prompt = resolve_prompt(self.board.storyboard, shot, labels=labels)
        if continues_clip and parent:
            plain_prompt, prompt = map(add_extend_instruction, (plain_prompt, prompt))
        model = self._find_model(
            index, shot, provider, with_image=has_chained_frame or bool(inputs)
        )
        if model is None:
            return invalid_shot(shot, parent)
        # The model of an endpoint id is not known: the family with most features rejects least.
        family = model.family or FAMILIES["seedance-2.0"]
        start_mode, size = _find_start(parent if has_chained_frame else None, inputs)
        settings = ShotSettings(self.log, index, family, provider, start_mode, continues_clip)
        self._check_first_and_last_frame(settings)
        check_media_inputs(settings, inputs, has_chained_frame=has_chained_frame)
        if continues_clip:
            check_continued_clip(settings, None if isinstance(parent, InvalidShot) else parent)
        start = self._find_start_frame(settings, parent)
        prepared = build_request(settings, model.id, prompt, first_frame_size=size)
        if settings.get("reseed") and settings.get("seed") is not None:
            settings.add_warning("reseed is not used: the seed is given")
        requested = RequestedShot(settings, model, prepared, plain_prompt.text, inputs)
        planned = build_planned_shot(requested, parent, start, self.store.has_record)
        planned = add_used_ranges(planned, self.log, self._takes_of(planned))
        self._warn(settings, requested, planned, _find_frame_size(parent, has_chained_frame))
        return planned

    def _warn(
        self, settings: ShotSettings, requested: RequestedShot, planned: ShotToRender, size: Size
    ) -> None:
        """Warn about what the vendor may do with a shot that its author does not expect.

        Args:
            settings: The settings of the shot.
            requested: Its request and its media.
            planned: The shot.
            size: The size of the frame of another shot that it starts on; else (0, 0).
        """
        prompt = planned.content_request.prompt
        warn_about_cast(settings, requested.inputs, prompt, requested.plain_prompt)
        warn_about_prompt(settings, requested.plain_prompt)
        warn_about_mentions(settings, requested.plain_prompt, requested.inputs)
        warn_about_crops(settings, requested.prepared, requested.inputs, size)
        warn_about_soft_anchor(settings, planned)

    def _gather_inputs(
        self, index: int, prompt: Prompt, provider: Provider, *, has_chained_frame: bool
    ) -> tuple[MediaSource, ...]:
        """Return what the shot names, and the cast's images, without the clip it continues."""
        inputs = self.media.shot_media(index)
        has_first_frame = has_chained_frame or _has_first_frame(inputs)
        images = self.media.cast_images(index, prompt, provider, has_first_frame=has_first_frame)
        return (*inputs, *images)

    def _find_start_frame(self, settings: ShotSettings, parent: Parent | None) -> StartFrame:
        """Return the take and the frame of the parent that a shot starts on."""
        start = settings.shot.first_frame
        number = start.take if isinstance(start, FromShot) else None
        if parent is None or isinstance(parent, InvalidShot):
            return StartFrame()
        if settings.continues_clip:
            check_continued_end(settings, parent)
            return StartFrame()
        takes = self._takes_of(parent)
        frame = find_start_frame(parent, number, takes)
        if frame is None and number is not None:
            path = ("shots", settings.index, "first_frame", "take")
            takes.add_missing(self.log, path, number)
        return frame or StartFrame()

    def _takes_of(self, shot: PlannedShot) -> ShotTakes:
        return ShotTakes(shot, self.store.find_take)

    def _continued_clip(self, index: int, parent: Parent) -> tuple[MediaSource, ...]:
        """Return the clip of the previous shot as the input to be continued, if it is usable."""
        if isinstance(parent, InvalidShot):
            return (MediaSource("reference_video", "", source_shot=parent.id),)
        try:
            return (build_clip_input(parent),)
        except MediaInputError as error:
            self.log.add(("shots", index, "continue"), error.problem)
            return ()

    def _plan_clip(self, index: int, shot: Shot, reference: str) -> Parent:
        try:
            clip, digest = self.media.shot_clip(reference)
        except MediaInputError as error:
            self.log.add(("shots", index, "clip"), error.problem)
            return invalid_shot(shot, None)
        self._check_last_frame_shape(index, shot, clip.display_size)
        planned = ExistingClip(shot, index, compute_clip_key(digest), clip.path, clip)
        return add_used_ranges(planned, self.log, self._takes_of(planned))

    def _check_last_frame_shape(self, index: int, shot: Shot, size: Size) -> None:
        """Check that vendors accept the last frame of a file as a first frame."""
        width, height = size
        if (
            shot.id in self.continued
            and not IMAGE_LIMITS.min_aspect <= width / height <= IMAGE_LIMITS.max_aspect
        ):
            msg = f"{shot.clip} is {width}x{height}, too narrow or too wide for a first frame"
            remedy = f"Make width / height {IMAGE_LIMITS.min_aspect} to {IMAGE_LIMITS.max_aspect}."
            self.log.add(("shots", index, "clip"), Problem(msg, remedy))

    def _find_provider(self, index: int, shot: Shot) -> Provider | None:
        name = self.provider or shot.provider or self.board.storyboard.provider
        try:
            return find_provider(name, self.providers)
        except UnknownName as error:
            if self.provider:
                raise
            path = ("shots", index, "provider") if shot.provider else ("provider",)
            self.log.add_problem(path, error.message, error.remedy)
            # If only one provider can be meant, the rest of the shot is checked as well.
            return self.providers[error.meant] if error.meant else None

    def _find_model(
        self, index: int, shot: Shot, provider: Provider, *, with_image: bool
    ) -> ProviderModel | None:
        name = shot.model or self.board.storyboard.model
        try:
            return provider.resolve_model(name, with_image=with_image)
        except UnknownName as error:
            path = ("shots", index, "model") if shot.model else ("model",)
            self.log.add_problem(path, error.message, error.remedy)
            if not error.meant:
                return None
            # Only one model can be meant: its limits are checked as well.
            return provider.resolve_model(error.meant, with_image=with_image)

    def _check_first_and_last_frame(self, settings: ShotSettings) -> None:
        """Check that the model and the wire format support the shot's first and last frame."""
        shot, family, provider = settings.shot, settings.family, settings.provider
        is_supported = family.first_frame and settings.dialect.first_frame_anchor != "no"
        if settings.start_mode == "frame" and not is_supported:
            path: tuple[str | int, ...] = ("shots", settings.index)
            if shot.first_frame is not None:
                path = (*path, "first_frame")
            message = f"{family.name} at {provider.name} does not support a first frame"
            remedy = "Set first_frame: none, or use another model."
            self.log.add_problem(path, message, remedy)
        if shot.last_frame and not family.last_frame:
            names = find_families(provider, lambda other: other.last_frame)
            alternatives = f", or use {format_candidates(names)}" if names else ""
            message = f"{family.name} does not support last_frame"
            settings.add_problem("last_frame", message, f"Remove last_frame{alternatives}.")
        elif shot.last_frame and settings.start_mode != "frame":
            message = "last_frame needs a first frame"
            settings.add_problem("last_frame", message, "Give first_frame.")


def _has_texts(plan: Plan) -> bool:
    """Return whether texts are drawn into a film or written beside it."""
    film = plan.board.storyboard.film
    return bool(
        film.legal or film.captions or film.card or any(shot.shot.on_screen_titles for shot in plan)
    )


def _has_first_frame(inputs: tuple[MediaSource, ...]) -> bool:
    return any(source.role == "first_frame" for source in inputs)


def _find_frame_size(parent: Parent | None, is_chained: bool) -> Size:
    """Return the size of the frame that a shot starts on; (0, 0) if it is not another shot's."""
    if not is_chained or parent is None or isinstance(parent, InvalidShot):
        return 0, 0
    if isinstance(parent, ExistingClip):
        return parent.measured.display_size
    return parent.width or 0, parent.height or 0


def _find_start(parent: Parent | None, inputs: tuple[MediaSource, ...]) -> tuple[StartMode, Size]:
    """Return what a shot starts from, and the size of the image that decides its ratio."""
    if isinstance(parent, ShotToRender):
        return "frame", (parent.width or 0, parent.height or 0)
    if parent:
        return "frame", (0, 0)
    return find_start(inputs)
