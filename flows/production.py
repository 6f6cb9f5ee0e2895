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
from tasks import films
from tasks.configuration.values import Configuration, read_configuration
from tasks.errors import InvalidStoryboard, NotConfigured, UsageError
from tasks.money.bill import Bill
from tasks.money.walls import Account, Wall, board_wall, budget_wall, run_wall
from tasks.plan import Plan, PlannedShot
from tasks.planning.obstacles import find_obstacles
from tasks.planning.planner import make_plan
from tasks.providers import Provider
from tasks.providers.addresses import is_loopback
from tasks.records.boards import BoardRecord, ShelfName, read_board
from tasks.records.locks import find_broken_locks, find_lost_starts
from tasks.records.seams import Stale, judge, refuse_stale
from tasks.records.survey import Survey, survey
from tasks.records.takes import Memory, Render, shelf_name
from tasks.settings import Settings, find_store
from tasks.store import Shelf, Store

SIMULATOR = "simulator"


class Wish(NamedTuple):
    """What a run is asked for, beside the board."""

    provider: str | None = None
    only: tuple[str, ...] = ()
    until: str | None = None
    jobs: int | None = None
    """Shots that render at the same time; None is as many as the providers allow."""
    store: Path | None = None
    out: Path | None = None
    budget: str | None = None
    agreed: bool = False
    """Whether somebody agreed to pay what the plan says."""
    resubmit: tuple[str, ...] = ()
    """Shots whose doubtful job is given up where the vendor can't tell of it."""
    partial: bool = False
    """Whether the film is made with the shots that there are."""
    trust: bool = False
    """Whether a `shotchain.toml` beside the board may name providers and prices."""
    stale: Stale = "keep"
    """What to do about kept shots that start on a frame that is gone."""


@dataclass(frozen=True)
class Production:
    """A board that is planned and held against its store. Nothing is spent yet."""

    board: Board
    wish: Wish
    settings: Settings
    store: Store
    survey: Survey
    chosen: tuple[PlannedShot, ...]
    """The shots of this run, each behind the one it continues."""
    place: Path | None
    """Where the film is put for the user; None leaves it in the store."""
    record: BoardRecord
    """What the store remembers of the board."""
    account: Account
    """What the run may spend; one for all that sends in its name."""
    configuration: Configuration = field(default_factory=Configuration)
    """What `shotchain.toml` says for this board."""
    self_served: bool = False
    """Whether the simulator runs in this process, at an address of this run only."""

    @property
    def plan(self) -> Plan:
        """The plan of the whole board."""
        return self.survey.plan

    @property
    def whole(self) -> bool:
        """Whether the run makes the film."""
        return not self.wish.only and self.wish.until is None

    @property
    def waiting(self) -> tuple[PlannedShot, ...]:
        """The shots of this run that are not kept."""
        return tuple(one for one in self.chosen if self.survey[one.id].state != "kept")

    @property
    def to_pay(self) -> Bill:
        """The most this run may cost."""
        return self.survey.to_pay(tuple(one.id for one in self.chosen))

    @property
    def paid_providers(self) -> tuple[Provider, ...]:
        """The providers of this run that ask for a key."""
        rows = {one.provider.name: one.provider for one in self.waiting if one.provider}
        return tuple(row for name, row in rows.items() if name != SIMULATOR)

    @property
    def needs_simulator(self) -> bool:
        """Whether the local vendor has to be served for this run."""
        rows = {one.provider.name for one in self.waiting if one.provider}
        return SIMULATOR in rows and not self.settings.base_url(SIMULATOR, "")

    @property
    def resubmit(self) -> Mapping[str, str]:
        """The keys that may be sent again though a job is in doubt, and when that was intended."""
        attempts = {one.key: self.survey[one.id].attempt for one in self._resubmitted}
        return {key: one.intended_at for key, one in attempts.items() if one}

    @property
    def _resubmitted(self) -> tuple[PlannedShot, ...]:
        return tuple(one for one in self.chosen if one.id in self.wish.resubmit)

    def shelf(self, shot: PlannedShot) -> Shelf:
        """Where this shot's records are."""
        return shelf_of(self.store, self.settings, shot)


def prepare(board: Board, wish: Wish, settings: Settings, *, working: Path) -> Production:
    """Plan a board and hold it against its store. Offline; writes nothing.

    Raises InvalidStoryboard, InvalidConfiguration, UsageError, NotConfigured and StoreError.
    """
    if wish.jobs is not None and wish.jobs < 1:
        msg = f"{wish.jobs} shots at the same time are none; give jobs of 1 or more"
        raise UsageError(msg)
    configuration = read_configuration(
        settings, board.folder, shown_as=board.shown_as, trust=wish.trust
    )
    store = Store(find_store(settings, wish.store, board.file, working=working))
    record = read_board(store.root, board.name, board.file)
    surveyed, chosen = _look(board, wish, settings, store, record, configuration)
    _check_resubmit(surveyed, wish)
    place = (working / (wish.out or Path("films") / f"{board.name}.mp4")).absolute()
    deployed = settings.deployed and wish.out is None
    return Production(
        board=board,
        wish=wish,
        settings=settings,
        store=store,
        survey=surveyed,
        chosen=chosen,
        place=None if deployed else place,
        record=record,
        configuration=configuration,
        account=Account(_walls(board, wish, configuration), convert=configuration.convert),
    )


def _look(
    board: Board,
    wish: Wish,
    settings: Settings,
    store: Store,
    record: BoardRecord,
    configuration: Configuration,
) -> tuple[Survey, tuple[PlannedShot, ...]]:
    """The board planned with the takes of its store, where it stands, and the shots of the run."""
    memory = Memory(store, record)

    def shelf(shot: PlannedShot) -> ShelfName | None:
        # A shot that is a file now had its takes wherever its provider was then.
        return shelf_name_of(settings, shot) if shot.provider else None

    def find_take(shot: PlannedShot, take: int) -> Render | None:
        return memory.recall(shot.id, take, shelf(shot))

    def find_takes(shot: PlannedShot) -> tuple[Render, ...]:
        return memory.find_renders(shot.id, shelf(shot))

    plan = make_plan(
        board, provider=wish.provider, providers=configuration.providers, recall=find_take
    )
    found = survey(plan, bind(shelf_of, store, settings), record, resubmit=wish.resubmit)
    found, chosen = judge(found, wish.stale), _choose(plan, wish)
    problems = (
        *find_lost_starts(found, chosen),
        *find_broken_locks(found, chosen, find_takes),
    )
    if problems:
        raise InvalidStoryboard(problems)
    return found, chosen


def _check_resubmit(surveyed: Survey, wish: Wish) -> None:
    known = {one.id for one in surveyed.plan}
    for shot in wish.resubmit:
        if shot not in known:
            msg = f"there is no shot {shot!r}; the board has {', '.join(sorted(known))}"
            raise UsageError(msg)
        standing = surveyed[shot]
        if standing.state != "unclear":
            msg = f"{shot} is {standing.state}, not unclear: leave --resubmit out"
            raise UsageError(msg)


def _walls(board: Board, wish: Wish, configuration: Configuration) -> tuple[Wall, ...]:
    """Every budget that holds for a run of a board. Raises UsageError where one is no amount."""
    walls = [run_wall(wish.budget)] if wish.budget is not None else []
    if board.storyboard.budget is not None:
        walls.append(board_wall(board.name, board.storyboard.budget))
    return (*walls, *map(budget_wall, configuration.walls(board.name)))


def _choose(plan: Plan, wish: Wish) -> tuple[PlannedShot, ...]:
    known = [one.id for one in plan]
    named = [*wish.only, *([wish.until] if wish.until else [])]
    for shot in named:
        if shot not in known:
            msg = f"there is no shot {shot!r}; the board has {', '.join(known)}"
            raise UsageError(msg)
    if not named:
        return plan.in_order()
    wanted = set(known)
    if wish.until:
        wanted &= set(known[: known.index(wish.until) + 1])
    if wish.only:
        wanted &= set(wish.only)
    wanted = {before for shot in wanted for before in plan.path_to(shot)}
    return tuple(one for one in plan.in_order() if one.id in wanted)


def base_url(settings: Settings, provider: Provider) -> str:
    """Where a provider is; empty for a simulator that is not served yet."""
    return settings.base_url(provider.name, provider.base_url)


def shelf_of(store: Store, settings: Settings, shot: PlannedShot) -> Shelf:
    """The shelf of a shot's provider: what came over loopback never stands beside the rest."""
    return store.shelf(loopback=shelf_name_of(settings, shot) == "previz")


def shelf_name_of(settings: Settings, shot: PlannedShot) -> ShelfName:
    """What records call the shelf of a shot's provider."""
    url = base_url(settings, shot.provider) if shot.provider else ""
    return shelf_name(loopback=not url or is_loopback(url))


def check_possible(production: Production) -> None:
    """See to it that what is to be rendered can be, by what the store has; offline.

    Raises InvalidStoryboard with every shot that can't continue a clip or promote a draft, and
    StaleSeam where stale seams are refused.
    """
    settings = production.settings
    obstacles = find_obstacles(
        production.survey,
        production.chosen,
        shelf_of=production.shelf,
        base_url=lambda row: base_url(settings, row),
    )
    problems = sorted(obstacles, key=lambda problem: (problem.line, problem.column))
    if problems:
        raise InvalidStoryboard(problems)
    if production.wish.stale == "refuse":
        refuse_stale(production.survey, production.chosen)


def check_ready(production: Production) -> None:
    """See to it before anything is spent that the run can go through.

    Raises NotConfigured for a missing key or store, UsageError for another board's film, and what
    `check_possible` raises.
    """
    check_possible(production)
    settings = production.settings
    rows = {one.provider.name: one.provider for one in production.waiting if one.provider}
    for provider in rows.values():
        if provider.name != SIMULATOR and settings.key(provider.key_variable) is None:
            msg = f"{provider.name} needs a key; set {provider.key_variable}"
            raise NotConfigured(msg)
        chosen = production.wish.store or settings.store
        if settings.deployed and provider.currency and chosen is None:
            msg = f"a deployment that pays {provider.name} needs a store; set SHOTCHAIN_STORE"
            raise NotConfigured(msg)
    if production.whole and production.place:
        films.refuse_other(
            production.store,
            production.place,
            production.board.name,
            production.board.file,
            given=production.wish.out is not None,
        )


@contextmanager
def served(production: Production) -> Iterator[Production]:
    """Serve the simulator for this run, where it is needed and nobody else serves it."""
    if not production.needs_simulator:
        yield production
        return
    from tasks.simulator.app import MOUNTS
    from tasks.simulator.server import serve

    settings = production.settings
    with serve(production.store.simulator, job_seconds=settings.simulator_job_seconds) as root:
        words = {**settings.words, "SHOTCHAIN_SIMULATOR_BASE_URL": root + MOUNTS[SIMULATOR]}
        settings = replace(settings, words=words)
        yield replace(production, settings=settings, self_served=True)
