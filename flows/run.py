"""A run of a board before it begins: what is asked, what stands, what it may cost, what it needs.

Plans, looks into the store and serves the local vendor; `shooting` does the run itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial as bind
from pathlib import Path
from typing import NamedTuple

from storyboards.board import Board
from tasks.budgets.limits import BudgetGuard, BudgetLimit, board_limit, config_limit, run_limit
from tasks.budgets.money import Total
from tasks.config.config import Config
from tasks.config.loader import load_config
from tasks.errors import InvalidStoryboard, NotConfigured, UsageError, unknown_shot_error
from tasks.plan import Plan, PlannedShot, ShotToRender
from tasks.planning.planner import make_plan
from tasks.planning.preconditions import find_unmet_preconditions
from tasks.providers import Provider
from tasks.providers.url_policy import is_loopback_url
from tasks.settings import Settings, find_store
from tasks.store import films
from tasks.store.board_records import BoardRecord, RecordsFolder, read_board_record
from tasks.store.layout import RecordStore, Store
from tasks.store.locked import find_broken_locks, find_missing_first_frames
from tasks.store.staleness import StalePolicy, apply_stale_policy, reject_stale
from tasks.store.status import BoardStatus, ShotState, read_board_status
from tasks.store.takes import RecordedTake, TakeHistory, records_folder

SIMULATOR = "simulator"


class RunOptions(NamedTuple):
    """What a run is asked for, beside the board."""

    provider: str | None = None
    only: tuple[str, ...] = ()
    until: str | None = None
    jobs: int | None = None
    """Shots that render at the same time; None is as many as the providers allow."""
    store: Path | None = None
    out: Path | None = None
    budget: str | None = None
    yes: bool = False
    """Whether somebody agreed to pay what the plan says."""
    resubmit: tuple[str, ...] = ()
    """Shots whose doubtful job is given up where the vendor can't tell of it."""
    partial: bool = False
    """Whether the film is made with the shots that there are."""
    trust: bool = False
    """Whether a `shotchain.toml` beside the board may name providers and prices."""
    stale: StalePolicy = StalePolicy.KEEP
    """What to do about kept shots that start on a frame that is gone."""


@dataclass(frozen=True)
class Run:
    """A board that is planned and held against its store. Nothing is spent yet."""

    board: Board
    options: RunOptions
    settings: Settings
    store: Store
    status: BoardStatus
    shots: tuple[PlannedShot, ...]
    """The shots of this run, each behind the one it continues."""
    film_path: Path | None
    """Where the film is put for the user; None leaves it in the store."""
    board_record: BoardRecord
    """What the store remembers of the board."""
    budget_guard: BudgetGuard
    """What the run may spend; one for all that sends in its name."""
    config: Config = field(default_factory=Config)
    """What `shotchain.toml` says for this board."""
    serves_simulator: bool = False
    """Whether the simulator runs in this process, at an address of this run only."""

    @property
    def plan(self) -> Plan:
        """The plan of the whole board."""
        return self.status.plan

    @property
    def makes_film(self) -> bool:
        """Whether the run makes the film."""
        return not self.options.only and self.options.until is None

    @property
    def pending(self) -> tuple[ShotToRender, ...]:
        """The shots of this run that are not kept."""
        return tuple(
            shot
            for shot in self.shots
            if isinstance(shot, ShotToRender) and self.status[shot.id].state is not ShotState.KEPT
        )

    @property
    def max_cost(self) -> Total:
        """The most this run may cost."""
        return self.status.max_total(tuple(one.id for one in self.shots))

    @property
    def paid_providers(self) -> tuple[Provider, ...]:
        """The providers of this run that ask for a key."""
        rows = {shot.provider.name: shot.provider for shot in self.pending}
        return tuple(row for name, row in rows.items() if name != SIMULATOR)

    @property
    def needs_simulator(self) -> bool:
        """Whether the local vendor has to be served for this run."""
        rows = {shot.provider.name for shot in self.pending}
        return SIMULATOR in rows and not self.settings.base_url(SIMULATOR, "")

    @property
    def resubmitted(self) -> Mapping[str, str]:
        """The keys that may be sent again though a job is in doubt, and when that was intended."""
        attempts = {one.key: self.status[one.id].attempt for one in self._resubmitted}
        return {key: one.intended_at for key, one in attempts.items() if one}

    @property
    def _resubmitted(self) -> tuple[PlannedShot, ...]:
        return tuple(one for one in self.shots if one.id in self.options.resubmit)

    def records_of(self, shot: ShotToRender) -> RecordStore:
        """Where this shot's records are."""
        return records_of(self.store, self.settings, shot)


def prepare_run(board: Board, wish: RunOptions, settings: Settings, *, working: Path) -> Run:
    """Plan a board and hold it against its store. Offline; writes nothing.

    Raises InvalidStoryboard, InvalidConfiguration, UsageError, NotConfigured and StoreError.
    """
    if wish.jobs is not None and wish.jobs < 1:
        msg = f"{wish.jobs} shots at the same time are none; give jobs of 1 or more"
        raise UsageError(msg)
    configuration = load_config(
        settings, board.folder, display_name=board.shown_as, trust=wish.trust
    )
    store = Store(find_store(settings, wish.store, board.file, working_folder=working))
    record = read_board_record(store.root, board.name, board.file)
    surveyed, chosen = _plan_board(board, wish, settings, store, record, configuration)
    _check_resubmit(surveyed, wish)
    place = (working / (wish.out or Path("films") / f"{board.name}.mp4")).absolute()
    deployed = settings.is_deployed and wish.out is None
    return Run(
        board=board,
        options=wish,
        settings=settings,
        store=store,
        status=surveyed,
        shots=chosen,
        film_path=None if deployed else place,
        board_record=record,
        config=configuration,
        budget_guard=BudgetGuard(
            _budget_limits(board, wish, configuration), convert=configuration.convert
        ),
    )


def _plan_board(
    board: Board,
    wish: RunOptions,
    settings: Settings,
    store: Store,
    record: BoardRecord,
    configuration: Config,
) -> tuple[BoardStatus, tuple[PlannedShot, ...]]:
    """The board planned with the takes of its store, where it stands, and the shots of the run."""
    memory = TakeHistory(store, record)

    def find_take(shot_id: str, take: int, provider: Provider | None) -> RecordedTake | None:
        # A shot that is a file now had its takes wherever its provider was then.
        folder = records_folder_of(settings, provider) if provider else None
        return memory.find_take(shot_id, take, folder)

    def find_takes(shot: ShotToRender) -> tuple[RecordedTake, ...]:
        return memory.list_takes(shot.id, records_folder_of(settings, shot.provider))

    plan = make_plan(
        board, provider=wish.provider, providers=configuration.providers, find_take=find_take
    )
    found = read_board_status(
        plan, bind(records_of, store, settings), record, resubmit=wish.resubmit
    )
    found, chosen = apply_stale_policy(found, wish.stale), _select_shots(plan, wish)
    problems = (
        *find_missing_first_frames(found, chosen),
        *find_broken_locks(found, chosen, find_takes),
    )
    if problems:
        raise InvalidStoryboard(problems)
    return found, chosen


def _check_resubmit(surveyed: BoardStatus, wish: RunOptions) -> None:
    known = {one.id for one in surveyed.plan}
    for shot in wish.resubmit:
        if shot not in known:
            raise unknown_shot_error(shot, known)
        standing = surveyed[shot]
        if standing.state is not ShotState.UNCLEAR:
            msg = f"{shot} is {standing.state}, not unclear: leave --resubmit out"
            raise UsageError(msg)


def _budget_limits(
    board: Board, wish: RunOptions, configuration: Config
) -> tuple[BudgetLimit, ...]:
    """Every budget that holds for a run of a board. Raises UsageError where one is no amount."""
    walls = [run_limit(wish.budget)] if wish.budget is not None else []
    if board.storyboard.budget is not None:
        walls.append(board_limit(board.name, board.storyboard.budget))
    return (*walls, *map(config_limit, configuration.budgets_for(board.name)))


def _select_shots(plan: Plan, wish: RunOptions) -> tuple[PlannedShot, ...]:
    known = [one.id for one in plan]
    named = [*wish.only, *([wish.until] if wish.until else [])]
    for shot in named:
        if shot not in known:
            raise unknown_shot_error(shot, known)
    if not named:
        return plan.dependency_order()
    wanted = set(known)
    if wish.until:
        wanted &= set(known[: known.index(wish.until) + 1])
    if wish.only:
        wanted &= set(wish.only)
    wanted = {before for shot in wanted for before in plan.path_to(shot)}
    return tuple(one for one in plan.dependency_order() if one.id in wanted)


def provider_url(settings: Settings, provider: Provider) -> str:
    """Where a provider is; empty for a simulator that is not served yet."""
    return settings.base_url(provider.name, provider.base_url)


def records_of(store: Store, settings: Settings, shot: ShotToRender) -> RecordStore:
    """The shelf of a shot's provider: what came over loopback never stands beside the rest."""
    return store.records(loopback=records_folder_of(settings, shot.provider) == "previz")


def records_folder_of(settings: Settings, provider: Provider) -> RecordsFolder:
    """What records call the shelf of a provider."""
    url = provider_url(settings, provider)
    return records_folder(loopback=not url or is_loopback_url(url))


def check_preconditions(production: Run) -> None:
    """See to it that what is to be rendered can be, by what the store has; offline.

    Raises InvalidStoryboard with every shot that can't continue a clip or promote a draft, and
    StaleSeam where stale seams are refused.
    """
    settings = production.settings
    obstacles = find_unmet_preconditions(
        production.status,
        production.shots,
        records_of=production.records_of,
        base_url_of=lambda row: provider_url(settings, row),
    )
    problems = sorted(obstacles, key=lambda problem: (problem.line, problem.column))
    if problems:
        raise InvalidStoryboard(problems)
    if production.options.stale is StalePolicy.REFUSE:
        reject_stale(production.status, production.shots)


def check_ready(production: Run) -> None:
    """See to it before anything is spent that the run can go through.

    Raises NotConfigured for a missing key or store, UsageError for another board's film, and what
    `check_possible` raises.
    """
    check_preconditions(production)
    settings = production.settings
    rows = {shot.provider.name: shot.provider for shot in production.pending}
    for provider in rows.values():
        if provider.name != SIMULATOR and settings.api_key(provider.key_variable) is None:
            msg = f"{provider.name} needs a key; set {provider.key_variable}"
            raise NotConfigured(msg)
        chosen = production.options.store or settings.store_path
        if settings.is_deployed and provider.currency and chosen is None:
            msg = f"a deployment that pays {provider.name} needs a store; set SHOTCHAIN_STORE"
            raise NotConfigured(msg)
    if production.makes_film and production.film_path:
        films.require_own_destination(
            production.store,
            production.film_path,
            production.board.name,
            production.board.file,
            is_explicit=production.options.out is not None,
        )


@contextmanager
def serve_simulator(production: Run) -> Iterator[Run]:
    """Serve the simulator for this run, where it is needed and nobody else serves it."""
    if not production.needs_simulator:
        yield production
        return
    from tasks.simulator.app import MOUNTS
    from tasks.simulator.server import serve

    settings = production.settings
    with serve(
        production.store.simulator_folder, job_seconds=settings.simulator_job_seconds
    ) as root:
        words = {**settings.variables, "SHOTCHAIN_SIMULATOR_BASE_URL": root + MOUNTS[SIMULATOR]}
        settings = replace(settings, variables=words)
        yield replace(production, settings=settings, serves_simulator=True)
