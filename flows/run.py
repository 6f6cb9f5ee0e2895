"""A run of a storyboard before anything is spent: options, plan, state of the store, and checks.

Offline and without side effects. `run_context` opens what a run needs while it renders, and
`render` is the run itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from storyboards.board import Board
from storyboards.models import normalise_name
from storyboards.problems import did_you_mean
from storyboards.terminal_text import quote
from tasks.budgets.limits import BudgetGuard, BudgetLimit, board_limit, config_limit, run_limit
from tasks.budgets.money import Total
from tasks.config.config import Config
from tasks.config.loader import load_config
from tasks.edit import PictureEdit
from tasks.errors import InvalidConfiguration, InvalidStoryboard, NotConfigured, UsageError
from tasks.own_clips import find_clip_problems, find_sound_problems
from tasks.plan import Plan, PlannedShot, PlannedVersion, ShotToRender
from tasks.planning.film_edit import build_edit, list_side_suffixes
from tasks.planning.film_tools import require_film_tools
from tasks.planning.planner import make_plan
from tasks.planning.preconditions import find_unmet_preconditions
from tasks.providers import Provider, missing_key_error
from tasks.providers.url_policy import is_loopback_url
from tasks.settings import Settings, find_store
from tasks.simulator.cleanup import check_root
from tasks.store import films
from tasks.store.board_identity import (
    BoardIdentity,
    BoardNames,
    describe_identity,
    identify_board,
    read_identified_record,
)
from tasks.store.board_records import (
    BoardRecord,
    RecordsFolder,
    check_board_files,
    read_board_facts,
    record_identity,
    use_recorded_name,
)
from tasks.store.layout import RecordStore, Store
from tasks.store.lock_probe import require_exclusive_locks
from tasks.store.locked import (
    find_broken_locks,
    find_missing_clips,
    find_missing_first_frames,
    find_unrecorded_locks,
)
from tasks.store.renamed_gateways import find_renamed_gateways
from tasks.store.side_files import require_own_side_files
from tasks.store.staleness import StalePolicy, apply_stale_policy, reject_stale
from tasks.store.status import BoardStatus, ShotState, read_board_status
from tasks.store.takes import RecordedTake, TakeHistory, records_folder

SIMULATOR = "simulator"


class RunOptions(NamedTuple):
    """The options of a run, beside the storyboard."""

    provider: str | None = None
    """Replaces the provider of the board and of every shot."""
    only: tuple[str, ...] = ()
    """Ids of the shots to render, with what they continue; no film is made."""
    until: str | None = None
    """Id of the last shot to render, in the order of the board; no film is made."""
    jobs: int | None = None
    """Maximum number of shots that render at the same time; None is the providers' limit."""
    store: Path | None = None
    out: Path | None = None
    """File of the film; None puts it at `films/<board name>.mp4` in the working directory."""
    budget: str | None = None
    """Maximum price of this run, such as `3 USD`."""
    yes: bool = False
    """True if the user agreed to pay the price of the plan."""
    resubmit: tuple[str, ...] = ()
    """Ids of unclear shots that are sent again, at the risk of a second charge."""
    partial: bool = False
    """True if a film is joined although shots are missing."""
    trust: bool = False
    """True if `shotchain.toml` beside the board may define providers and prices."""
    stale: StalePolicy = StalePolicy.KEEP
    was: str | None = None
    """The name that the board had before it was renamed; `none` if it had no other."""
    versions: tuple[str, ...] | None = None
    """Names of the versions to make beside the film; None is all of them."""
    variables: Mapping[str, str] = MappingProxyType({})
    """Values of variables that replace those of the board."""

    @property
    def is_part(self) -> bool:
        """True if only some shots are rendered, and neither the film nor a version is made."""
        return bool(self.only) or self.until is not None

    def normalise_ids(self) -> RunOptions:
        """Return the options with the ids of shots in the form in which boards are compared."""
        return self._replace(
            only=tuple(map(normalise_name, self.only)),
            until=normalise_name(self.until),
            resubmit=tuple(map(normalise_name, self.resubmit)),
            versions=self.versions and tuple(map(normalise_name, self.versions)),
        )


@dataclass(frozen=True)
class Run:
    """A storyboard that is planned and compared with its store. Nothing is spent yet."""

    board: Board
    options: RunOptions
    settings: Settings
    store: Store
    status: BoardStatus
    shots: tuple[PlannedShot, ...]
    """The shots of this run, each after the shot it continues."""
    versions: tuple[PlannedVersion, ...]
    """The versions that this run makes."""
    film_path: Path | None
    """The place of the film for the user; None leaves it in the store."""
    identity: BoardIdentity
    """The names that the store has for the board."""
    board_record: BoardRecord
    budget_guard: BudgetGuard
    config: Config = field(default_factory=Config)
    serves_simulator: bool = False
    """True if the simulator runs in this process, at an address of this run only."""

    @property
    def plan(self) -> Plan:
        """The plan of the whole board."""
        return self.status.plan

    @property
    def makes_film(self) -> bool:
        """True if the run covers the whole board and therefore joins the film."""
        return not self.options.is_part

    @property
    def pending(self) -> tuple[ShotToRender, ...]:
        """The shots of this run whose clip is not in the store."""
        return tuple(
            shot
            for shot in self.shots
            if isinstance(shot, ShotToRender) and self.status[shot.id].state != ShotState.KEPT
        )

    @property
    def max_cost(self) -> Total:
        """The maximum price of this run."""
        return self.status.max_total(tuple(shot.id for shot in self.shots))

    @property
    def providers(self) -> tuple[Provider, ...]:
        """The providers that pending shots are rendered by."""
        return tuple({shot.provider.name: shot.provider for shot in self.pending}.values())

    @property
    def needs_simulator(self) -> bool:
        """True if this run has to serve the simulator itself."""
        is_used = any(provider.name == SIMULATOR for provider in self.providers)
        return is_used and not self.settings.base_url(SIMULATOR, "")

    @property
    def resubmitted(self) -> Mapping[str, str]:
        """Keys that may be sent again although a job is unclear, and when that was recorded."""
        attempts = {
            shot.key: self.status[shot.id].attempt
            for shot in self.shots
            if shot.id in self.options.resubmit
        }
        return {key: attempt.intended_at for key, attempt in attempts.items() if attempt}

    @property
    def identity_notes(self) -> tuple[str, ...]:
        """A sentence for each name that the board had or may have had and is not recorded yet."""
        return tuple(describe_identity(self.identity, self.board.shown_as))

    def record_identity(self) -> str:
        """Record the board and its former names in the store, and return its id there.

        Raises:
            StoreError: The records are damaged or can't be written.
        """
        identity = self.identity
        return record_identity(
            self.store.root,
            identity.name,
            identity.file,
            newly_recognised=identity.newly_recognised,
            undecided=[(other.name, other.file) for other in identity.candidates],
            other_names=identity.other_names,
        )

    def folder_of(self, provider: Provider) -> RecordsFolder:
        """Return the name of the folder that keeps a provider's records."""
        return records_folder_of(self.settings, provider)

    def records_of(self, shot: ShotToRender) -> RecordStore:
        """Return the records of a shot's provider; loopback renders are kept apart."""
        return _records_of(self.store, self.settings, shot)

    def list_recorded_takes(self, shot: ShotToRender) -> tuple[RecordedTake, ...]:
        """Return the takes of a shot; for a provider on loopback those of vendors as well."""
        folder = self.folder_of(shot.provider)
        history = TakeHistory(self.store, self.board_record)
        return history.list_takes(shot.id, None if folder == "previz" else folder)

    def version_path(self, version: PlannedVersion) -> Path | None:
        """Return the place of the film of a version: beside that of the board; None without one."""
        name = f"{version.name}{_film_suffix(version.plan.board)}"
        return self.film_path and self.film_path.with_name(name)

    def digest(self) -> str:
        """Return a digest of the shots of this run and their keys.

        Equal digests mean that two runs would render the same things.
        """
        text = "\n".join(f"{shot.id} {shot.key}" for shot in self.shots)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def prepare_run(
    board: Board, options: RunOptions, settings: Settings, *, working_folder: Path
) -> Run:
    """Plan a storyboard and compare it with its store. Offline; writes nothing.

    Args:
        board: The storyboard.
        options: What is asked for.
        settings: The settings of this process.
        working_folder: Folder that relative paths and the default film path start from.

    Raises:
        InvalidStoryboard: The author has to change the board.
        InvalidConfiguration: A `shotchain.toml` is wrong.
        UsageError: An option names a shot or an amount that does not exist.
        NotConfigured: A setting is missing.
        StoreError: A record in the store is damaged.
    """
    if options.jobs is not None and options.jobs < 1:
        msg = f"jobs is {options.jobs}: give the number of shots to render at once, 1 or more"
        raise UsageError(msg)
    options = options.normalise_ids()
    config = load_config(settings, board.folder, display_name=board.shown_as, trust=options.trust)
    store = Store(find_store(settings, options.store, board.file, working_folder=working_folder))
    board = use_recorded_name(store.root, board)
    identity = identify_board(store.root, board, options.was)
    record = read_identified_record(store.root, identity)
    status = _plan_board(board, options, settings, store, record, config)
    versions = _select_versions(status.plan, options)
    shots = _select_shots(status.plan, options, versions)
    _check_shots(status, shots, versions, settings, TakeHistory(store, record))
    _check_version_names(status.plan, store)
    _check_resubmit(status, options)
    leaves_film_in_store = settings.is_deployed and options.out is None
    return Run(
        board=status.plan.board,
        options=options,
        settings=settings,
        store=store,
        status=status,
        shots=shots,
        versions=versions,
        film_path=None if leaves_film_in_store else _film_path(board, options, working_folder),
        identity=identity,
        board_record=record,
        config=config,
        budget_guard=BudgetGuard(
            _budget_limits(board, options, config, identity),
            convert=config.convert,
            names_of=BoardNames(store.root, identity).names_of,
        ),
    )


def _film_path(board: Board, options: RunOptions, working_folder: Path) -> Path:
    """Return the absolute path of the exported film; only folders that the user named are links."""
    if options.out is None:
        return working_folder.resolve() / default_film_path(board.name, _film_suffix(board))
    path = (working_folder / options.out).absolute()
    return path.parent.resolve() / path.name if path.name != ".." else path.resolve()


def _film_suffix(board: Board) -> str:
    """Return the suffix of the file of a board's film."""
    return PictureEdit(codec=board.storyboard.film.codec).suffix


def default_film_path(board_name: str, suffix: str = ".mp4") -> Path:
    """Return where the film of a board is put, relative to the working directory."""
    return Path("films") / f"{board_name}{suffix}"


def _plan_board(
    board: Board,
    options: RunOptions,
    settings: Settings,
    store: Store,
    record: BoardRecord,
    config: Config,
) -> BoardStatus:
    """Return the status of the planned board, its versions included."""
    history = TakeHistory(store, record)

    def find_take(shot_id: str, take: int, provider: Provider | None) -> RecordedTake | None:
        # A shot that is a file now had its takes at whatever provider it named then.
        folder = records_folder_of(settings, provider) if provider else None
        recorded = history.find_take(shot_id, take, folder)
        if recorded is None and folder == "previz":
            # A rehearsal may show and continue what was paid for, never the reverse.
            return history.find_take(shot_id, take, "shots")
        return recorded

    def has_record(provider: Provider, key: str) -> bool:
        is_loopback = records_folder_of(settings, provider) == "previz"
        return store.records(loopback=is_loopback).read(key) is not None

    plan = make_plan(
        board,
        provider=options.provider,
        providers=config.providers,
        find_take=find_take,
        has_record=has_record,
        requested=options.only,
        variables=options.variables,
    )
    records_of = partial(_records_of, store, settings)
    status = read_board_status(plan, records_of, record, resubmit=options.resubmit)
    return apply_stale_policy(status, options.stale)


def _check_shots(
    status: BoardStatus,
    shots: tuple[PlannedShot, ...],
    versions: tuple[PlannedVersion, ...],
    settings: Settings,
    history: TakeHistory,
) -> None:
    """Check that no locked shot is rendered again, and that named takes have clip and last frame.

    Raises:
        InvalidStoryboard: With every problem.
    """

    def list_takes(shot: ShotToRender) -> tuple[RecordedTake, ...]:
        return history.list_takes(shot.id, records_folder_of(settings, shot.provider))

    problems = (
        *find_missing_clips(status, shots, versions),
        *find_missing_first_frames(status, shots),
        *find_broken_locks(status, shots, list_takes),
    )
    if problems:
        raise InvalidStoryboard(problems)


def _select_versions(plan: Plan, options: RunOptions) -> tuple[PlannedVersion, ...]:
    """Return the versions that a run makes.

    Raises:
        UsageError: The board has no version of a name, or `--versions` is with a part of the board.
    """
    if options.versions is None:
        return () if options.is_part else plan.versions
    if options.versions and options.is_part:
        msg = "--only and --until make no version: leave --versions out"
        raise UsageError(msg)
    names = [version.name for version in plan.versions]
    for name in options.versions:
        if name not in names:
            otherwise = "`shotchain plan` lists them." if names else "The board has no versions."
            remedy = did_you_mean(name, names, otherwise=otherwise)
            msg = f"{plan.board.name} has no version {quote(name)}. {remedy}"
            raise UsageError(msg)
    return tuple(version for version in plan.versions if version.name in options.versions)


def _check_version_names(plan: Plan, store: Store) -> None:
    """Check that the store has no board of the name of a version.

    Raises:
        InvalidStoryboard: With a problem for each such version.
    """
    problems = [
        version.place.problem(
            plan.board,
            "name",
            f"the store has a board of the name {version.name}, whose film is named by it",
            "Give the version another name.",
        )
        for version in plan.versions
        if read_board_facts(store.root, version.name).files
    ]
    if problems:
        raise InvalidStoryboard(problems)


def _check_resubmit(status: BoardStatus, options: RunOptions) -> None:
    for shot_id in options.resubmit:
        state = status[status.plan.find_shot(shot_id).id].state
        if state != ShotState.UNCLEAR:
            msg = f"{shot_id} is {state}, not unclear: leave --resubmit out"
            raise UsageError(msg)


def _budget_limits(
    board: Board, options: RunOptions, config: Config, identity: BoardIdentity
) -> tuple[BudgetLimit, ...]:
    """Return every budget that applies to a run of a board."""
    limits = [run_limit(options.budget)] if options.budget is not None else []
    if board.storyboard.budget is not None:
        limits.append(board_limit(board.name, board.storyboard.budget))
    return (*limits, *map(config_limit, config.budgets_for(*identity.all_names)))


def _select_shots(
    plan: Plan, options: RunOptions, versions: tuple[PlannedVersion, ...]
) -> tuple[PlannedShot, ...]:
    """Return the shots of a run with what they continue.

    These are the shots that `--only` and `--until` leave, else those of the film and of versions.
    """
    ids = [shot.id for shot in plan]
    if options.is_part:
        selected = {shot.id for shot in plan.all_shots} if options.only else set(ids)
        if options.until:
            selected &= set(ids[: ids.index(plan.find_shot(options.until).id) + 1])
        if options.only:
            selected &= {plan.find_shot(shot_id).id for shot_id in options.only}
    else:
        films = [plan, *(version.plan for version in versions)]
        selected = {shot.id for film in films for shot in film if _is_part(shot)}
    needed = {shot_id for chosen in selected for shot_id in plan.path_to(chosen)}
    return tuple(shot for shot in plan.dependency_order() if shot.id in needed)


def _is_part(shot: PlannedShot) -> bool:
    """Return True if a film shows the present take of a shot, or no film of the board does."""
    return shot.shows_own_clip or (isinstance(shot, ShotToRender) and not shot.is_needed)


def provider_url(settings: Settings, provider: Provider) -> str:
    """Return the base URL of a provider, or an empty string if the simulator is not served yet."""
    return settings.base_url(provider.name, provider.base_url)


def records_folder_of(settings: Settings, provider: Provider) -> RecordsFolder:
    """Return the name of the folder that keeps the records of a provider."""
    url = provider_url(settings, provider)
    return records_folder(loopback=not url or is_loopback_url(url))


def _records_of(store: Store, settings: Settings, shot: ShotToRender) -> RecordStore:
    return store.records(loopback=records_folder_of(settings, shot.provider) == "previz")


def check_preconditions(run: Run) -> None:
    """Check that the store has what the shots of a run start from, under their names. Offline.

    Raises:
        InvalidStoryboard: Shots that cannot continue a clip or promote a draft, or are locked
            elsewhere, all of them.
        InvalidConfiguration: A gateway seems to have been renamed.
        StaleSeam: A seam is stale and `--stale refuse` was given.
        NotConfigured: PyAV or ffmpeg lacks an encoder that the film needs.
    """
    base_url_of = partial(provider_url, run.settings)
    renamed = find_renamed_gateways(
        run.status,
        run.shots,
        is_configured=lambda name: run.config.find_recorded(name) is not None,
        records_of=run.records_of,
        base_url_of=base_url_of,
    )
    if problems := tuple(renamed):
        raise InvalidConfiguration(problems)
    unmet = find_unmet_preconditions(
        run.status, run.shots, records_of=run.records_of, base_url_of=base_url_of
    )
    unrecorded = find_unrecorded_locks(run.status, run.shots, run.list_recorded_takes)
    in_file_order = sorted(
        (*unmet, *unrecorded), key=lambda problem: (problem.line, problem.column)
    )
    if in_file_order:
        raise InvalidStoryboard(in_file_order)
    if run.options.stale == StalePolicy.REFUSE:
        reject_stale(run.status, run.shots)
    if run.makes_film:
        require_film_tools(run.plan, ffmpeg=run.settings.ffmpeg)


def check_store(run: Run) -> None:
    """Check that everything that a run will write in its store is a regular file or is missing.

    Every file is examined again when it is used. This check reports it before anything is spent.

    Raises:
        UnsafeStore: The store has a link or a special file in the place of a file of this run.
        StoreError: The store can't be read.
    """
    run.store.check_locks()
    check_board_files(run.store.root, run.board.name)
    for shot in run.pending:
        run.records_of(shot).check_files(shot.key)
    for name in (run.board.name, *(version.name for version in run.versions)):
        films.check_files(run.store, name)
    if run.needs_simulator:
        check_root(run.store.simulator_folder)


def open_store(run: Run) -> None:
    """Create the store, and check that it is safe to pay from if this run may pay a provider.

    Raises:
        NotConfigured: The file system of the store lets two runs pay for the same shot.
        StoreError: The store can't be written.
    """
    run.store.initialize()
    # A vendor on loopback counts: it may be a gateway of the user's that pays another one.
    if any(provider.name != SIMULATOR for provider in run.providers):
        require_exclusive_locks(run.store.root)


def check_ready(run: Run, *, on_check: Callable[[str], None] = lambda _: None) -> None:
    """Check before anything is spent that a run can complete.

    Args:
        run: The run.
        on_check: Called with the name of each clip of the user that is decoded now.

    Raises:
        NotConfigured: A key, the store of a deployment or a part of ffmpeg is missing, or the
            environment names a proxy or a certificate file that cannot be used.
        UsageError: The film would replace the film of another board, or a path is not valid UTF-8.
        InvalidStoryboard: See `check_preconditions`.
        StaleSeam: See `check_preconditions`.
        StoreError: See `check_store`.
    """
    check_preconditions(run)
    if run.pending:
        _check_paths(run)
    certificates = run.settings.certificate_file
    if run.pending and certificates and not certificates.is_file():
        msg = f"SSL_CERT_FILE names {certificates}, which is not a file; correct or unset it"
        raise NotConfigured(msg)
    for provider in run.providers:
        if provider.name != SIMULATOR and run.settings.api_key(provider.key_variable) is None:
            raise missing_key_error(provider)
        _check_proxies(run, provider)
        has_store = run.options.store or run.settings.store_path
        if run.settings.is_deployed and provider.currency and not has_store:
            msg = f"a deployment that pays {provider.name} needs a store: set SHOTCHAIN_STORE"
            raise NotConfigured(msg)
    if run.pending:
        # Of films with the same picture; a run that pays nothing finds out when it joins them.
        pictures = {build_edit(each.plan, {}).picture: each.plan for each in run.versions}
        for plan in pictures.values():
            require_film_tools(plan, ffmpeg=run.settings.ffmpeg)
    check_store(run)
    if run.makes_film and run.film_path:
        _check_destinations(run, run.film_path)
    # Last, because it takes longest.
    _check_own_files(run, on_check)


def _check_own_files(run: Run, on_check: Callable[[str], None]) -> None:
    """Decode the user's own clips and sounds that were not decoded before.

    Raises:
        InvalidStoryboard: Some are damaged, all of them.
        NotConfigured: See `find_clip_problems`.
    """
    problems = list(
        find_clip_problems(
            run.plan,
            run.shots,
            run.pending,
            run.store,
            ffmpeg=run.settings.ffmpeg,
            on_check=on_check,
        )
    )
    if run.pending and run.makes_film:
        # A run that pays nothing finds out when it joins the film.
        problems += find_sound_problems(run.plan, run.versions, run.store, on_check=on_check)
    if problems:
        raise InvalidStoryboard(tuple(problems))


def _check_film_suffix(board: Board, path: Path) -> None:
    """Check that the name of a master is that of a QuickTime file."""
    codec, suffix = board.storyboard.film.codec, _film_suffix(board)
    if path.suffix.lower() != suffix and suffix != ".mp4":
        name = path.with_suffix(suffix).name
        msg = f"{path.name} can't be a film with codec: {codec}, which is a MOV file; use {name}"
        raise UsageError(msg)


def _check_destinations(run: Run, film_path: Path) -> None:
    """Check that no film of a run replaces a file of the user by accident.

    Raises:
        UsageError: One of them would.
    """
    is_explicit = run.options.out is not None
    _check_film_suffix(run.board, film_path)
    check = partial(films.require_own_destination, run.store, board_file=run.board.file)
    check(film_path, run.board.name, is_explicit=is_explicit)
    require_own_side_files(run.store, film_path, list_side_suffixes(run.plan))
    for version in run.versions:
        path = run.version_path(version) or film_path
        if path.stem == film_path.stem:
            msg = f"{path} would be the film and the version {version.name}: use another --out"
            raise UsageError(msg)
        # The user named the file of the film, not those beside it.
        check(path, version.name, is_explicit=False)
        require_own_side_files(run.store, path, list_side_suffixes(version.plan))


def _check_paths(run: Run) -> None:
    """Check that the paths of a run can be parameters of the flow, which Prefect stores as text."""
    for path in filter(None, (run.board.file, run.store.root, run.film_path)):
        try:
            str(path).encode()
        except UnicodeEncodeError as error:
            name = str(path).encode(errors="backslashreplace").decode()
            msg = f"{name} is not valid UTF-8 in this locale; rename the folder or the file"
            raise UsageError(msg) from error


def _check_proxies(run: Run, provider: Provider) -> None:
    """Check that the proxies of the environment can be used, if requests go through them."""
    if records_folder_of(run.settings, provider) == "previz":
        return
    for name, reason in run.settings.unusable_proxies.items():
        msg = f"{name} {reason}; set it to an http or https proxy, or unset it"
        raise NotConfigured(msg)
