"""Budgets: what is booked plus what is about to be sent passes no wall, whoever else sends."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as tune
from hypothesis import strategies as some

from storyboards.models import Money, Shot
from tasks.budgets.ledger import Ledger
from tasks.budgets.limits import BudgetGuard, BudgetLimit, board_limit, make_reserve, run_limit
from tasks.budgets.money import sum_prices
from tasks.errors import (
    BudgetExceeded,
    JobFailed,
    JobLost,
    RateLimited,
    SubmissionUnclear,
    Unreachable,
    UsageError,
)
from tasks.plan import ShotToRender
from tasks.providers import PROVIDERS
from tasks.providers.types import CreatedJob, JobDetails, JobResult, RenderRequest
from tasks.store.layout import Store
from tasks.store.receipts import Attempt, AttemptState, Receipt, utc_now
from tasks.submission.await_job import await_job
from tasks.submission.context import SubmissionContext
from tasks.submission.submit import submit

ROOT = Path(__file__).parents[3]


def usd(amount: str | int | Decimal) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


ATTEMPT = Attempt(
    state=AttemptState.INTENDED,
    board="b",
    shot="s",
    take=1,
    provider="modelark",
    model="m",
    base_url="https://a.example",
    request_sha256="o",
    intended_at=utc_now(),
    max_price=usd("0.25"),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


@pytest.fixture
def book(store: Store):
    """Put an attempt on record: `book("k", State.KEPT, price=usd(1))`."""

    def put(key: str, state: AttemptState, *, loopback: bool = False, **facts: object) -> Receipt:
        receipt = Receipt(key).begin_attempt(replace(ATTEMPT, state=state, **facts))
        store.records(loopback=loopback).write(key, receipt.to_record())
        return receipt

    return put


def begin(price: Money | None, key: str = "next", **facts: object) -> Receipt:
    return Receipt(key).begin_attempt(replace(ATTEMPT, shot="next", max_price=price, **facts))


def test_what_is_booked_counts_with_what_is_about_to_be_sent(store: Store, book) -> None:
    """A wall is reached exactly, and not passed by the smallest sum."""
    book("a", AttemptState.KEPT, price=usd("0.10"))
    account = BudgetGuard([board_limit("b", usd("0.30"))])
    shelf = store.records(loopback=False)

    account.check_attempt(begin(usd("0.20")), shelf)
    with pytest.raises(
        BudgetExceeded, match=r"0\.200001 USD beside 0\.10 USD that is booked"
    ) as caught:
        account.check_attempt(begin(usd("0.200001")), shelf)

    assert "more than the budget of the board b: 0.30 USD" in str(caught.value)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("state", "price", "counts"),
    [
        (AttemptState.INTENDED, None, "0.25"),
        (AttemptState.UNCLEAR, None, "0.25"),
        (AttemptState.SUBMITTED, None, "0.25"),
        (AttemptState.DONE, usd("0.10"), "0.10"),
        (AttemptState.KEPT, usd("0.10"), "0.10"),
        (AttemptState.KEPT, None, "0.25"),
        (AttemptState.LOST, usd("0.10"), "0.10"),
        (AttemptState.LOST, None, "0.25"),
        (AttemptState.ABANDONED, None, "0.25"),
        (AttemptState.CLOSED, None, "0"),
        (AttemptState.FAILED, None, "0"),
    ],
)
def test_every_state_counts_as_what_it_may_have_cost(
    store: Store, book, state: AttemptState, price: Money | None, counts: str
) -> None:
    """At the maximum until the vendor tells; nothing where nothing was taken or it failed."""
    book("a", state, price=price)
    wall = board_limit("b", usd(1))
    account = BudgetGuard([wall])
    shelf = store.records(loopback=False)
    left = Decimal(1) - Decimal(counts)

    account.check_attempt(begin(usd(left)), shelf)
    with pytest.raises(BudgetExceeded):
        account.check_attempt(begin(usd(left + Decimal("0.000001"))), shelf)


def test_other_boards_months_and_shelves_do_not_count(store: Store, book) -> None:
    """A wall counts its own boards, its own month, and no rehearsal for the real thing."""
    book("a", AttemptState.KEPT, board="other", price=usd(5))
    book("b", AttemptState.KEPT, loopback=True, price=usd(5))
    book(
        "c",
        AttemptState.KEPT,
        board="spot-1",
        price=usd(5),
        intended_at="2026-06-30T23:59:59+00:00",
    )
    month = BudgetLimit("client", usd(1), ("spot-*", "b"), is_monthly=True)
    account = BudgetGuard([board_limit("b", usd(1)), month])

    account.check_attempt(begin(usd(1)), store.records(loopback=False))
    with pytest.raises(BudgetExceeded):
        account.check_attempt(begin(usd(1)), store.records(loopback=True))


def test_a_month_is_that_of_the_intent_in_utc(store: Store, book) -> None:
    """What was made out before midnight counts in the month before, wherever the clock is now."""
    book("a", AttemptState.KEPT, price=usd(1), intended_at="2026-06-30T20:00:00+00:00")
    wall = BudgetLimit("client", usd(1), ("*",), is_monthly=True)
    account = BudgetGuard([wall], clock=lambda: datetime(2026, 7, 1, tzinfo=UTC))
    shelf = store.records(loopback=False)

    account.check_total({shelf: {"next": usd(1)}})
    account.check_attempt(begin(usd(1), intended_at="2026-07-01T00:00:00+00:00"), shelf)
    with pytest.raises(BudgetExceeded):
        account.check_attempt(begin(usd(1), intended_at="2026-06-30T23:59:59.999+00:00"), shelf)


@pytest.mark.parametrize("limit", [Money(amount=Decimal(0)), usd(0), usd(100)])
def test_an_unknown_price_passes_no_wall(store: Store, limit: Money) -> None:
    """It is never taken for nothing, however high the wall."""
    account = BudgetGuard([BudgetLimit("this run", limit)])

    with pytest.raises(BudgetExceeded, match="price of next is not known"):
        account.check_attempt(begin(None), store.records(loopback=False))
    with pytest.raises(BudgetExceeded, match="price of x is not known"):
        account.check_total({store.records(loopback=False): {"x": None, "y": usd(1)}})


def test_what_is_booked_at_an_unknown_price_leaves_nothing_that_is_sure(store, book) -> None:
    """A wall that can't be counted up to lets nothing through but what is free."""
    book("a", AttemptState.KEPT, max_price=None)
    account = BudgetGuard([board_limit("b", usd(100))])
    shelf = store.records(loopback=False)

    account.check_attempt(begin(usd(0)), shelf)
    with pytest.raises(BudgetExceeded, match="unknown price"):
        account.check_attempt(begin(usd(1)), shelf)


def test_a_free_shot_passes_a_wall_that_is_passed_already(store: Store, book) -> None:
    """What costs nothing can be sent whatever is booked."""
    book("a", AttemptState.KEPT, price=usd(5))
    account = BudgetGuard([board_limit("b", usd(1)), run_limit("0")])

    account.check_attempt(begin(Money(amount=Decimal(0))), store.records(loopback=False))


def test_two_currencies_need_a_rate(store: Store, book) -> None:
    """Without one the command is wrong; with one the wall is held in its own currency."""
    book("a", AttemptState.KEPT, price=Money(amount=Decimal(7), currency="CNY"))
    shelf, wall = store.records(loopback=False), board_limit("b", usd(2))

    with pytest.raises(UsageError, match="is in USD and 7\\.00 CNY"):
        BudgetGuard([wall]).check_attempt(begin(usd(1)), shelf)

    def convert(price: Money, currency: str) -> Money | None:
        rate = 1 if price.currency == currency else 7
        return Money(amount=price.amount / rate, currency=currency)

    account = BudgetGuard([wall], convert=convert)
    account.check_attempt(begin(usd(1)), shelf)
    with pytest.raises(BudgetExceeded):
        account.check_attempt(begin(usd("1.01")), shelf)


def test_a_budget_of_nothing_has_every_currency(store: Store) -> None:
    """`--budget 0` refuses whatever costs, in whatever currency."""
    account = BudgetGuard([run_limit("0")])

    with pytest.raises(BudgetExceeded, match="more than the budget of this run: 0"):
        account.check_attempt(
            begin(Money(amount=Decimal(1), currency="CNY")), store.records(loopback=False)
        )


def test_a_run_counts_what_it_sent_itself_at_what_that_became(store: Store, book) -> None:
    """An earlier run's job is not this run's; its own count for less once the vendor tells."""
    shelf = store.records(loopback=False)
    book("before", AttemptState.KEPT, price=usd(5))
    account = BudgetGuard([run_limit("1 USD")])
    first = begin(usd("0.60"), key="a")
    account.check_attempt(first, shelf)
    account.record_attempt(first, shelf)
    shelf.write("a", first.to_record())

    with pytest.raises(BudgetExceeded):
        account.check_attempt(begin(usd("0.60"), key="b"), shelf)
    shelf.write("a", first.update(AttemptState.KEPT, price=usd("0.40")).to_record())
    account.check_attempt(begin(usd("0.60"), key="b"), shelf)
    shelf.write("a", first.update(AttemptState.CLOSED).to_record())
    account.check_attempt(begin(usd(1), key="b"), shelf)


def test_a_receipt_is_read_again_only_where_it_was_replaced(store, book, monkeypatch) -> None:
    """A thousand shots are not read a thousand times."""
    for number in range(30):
        book(f"k{number}", AttemptState.SUBMITTED)
    ledger = Ledger(store.records(loopback=False))
    read: list[str] = []
    monkeypatch.setattr(
        "tasks.budgets.ledger.read_receipt",
        lambda key, record: read.append(key) or Receipt(key, (replace(ATTEMPT),)),
    )
    ledger.entries()
    ledger.entries()
    book("k7", AttemptState.KEPT)
    book("new", AttemptState.KEPT)
    ledger.entries()

    assert len(read) == 32
    assert sorted(read[-2:]) == ["k7", "new"]


def test_without_a_wall_nothing_is_read_and_nobody_waits(store: Store, book) -> None:
    """A damaged receipt of another board stops only runs that have to add it up."""
    book("a", AttemptState.KEPT)
    shelf = store.records(loopback=False)
    (shelf.folder_of("a") / "receipt.json").write_text("{")

    async def enter(account: BudgetGuard) -> None:
        async with make_reserve(account, store.ledger_lock_path)(begin(usd(1)), shelf):
            pass

    asyncio.run(enter(BudgetGuard()))
    assert not store.ledger_lock_path.exists()
    with pytest.raises(Exception, match="damaged"):
        asyncio.run(enter(BudgetGuard([board_limit("b", usd(9))])))


PER_TOKEN = Decimal("2.5") / 1_000_000
"""BytePlus's price of seedance-1.0-pro."""


def planned(key: str, tokens: int, run: int = 0) -> ShotToRender:
    return ShotToRender(
        Shot(id=f"{run}-{key}", prompt="A picture."),
        0,
        key,
        chain_id=key,
        provider=PROVIDERS["modelark"],
        family="seedance-1.0-pro",
        model="m",
        frames=121,
        # The vendor reads the seed as what it bills.
        request=RenderRequest("m", prompt="A picture.", resolution="480p", seed=tokens),
        max_price=usd(PER_TOKEN * tokens),
    )


class Vendor:
    """Takes orders and spoils them as it is told; looks into the ledger at each moment."""

    base_url = "https://vendor.example"

    def __init__(self, spoils: list[str], look) -> None:
        self._spoils = spoils
        self._look = look
        self._jobs: dict[str, tuple[str, int]] = {}

    def sign_base_url(self) -> str:
        return ""

    async def create(self, order: RenderRequest) -> CreatedJob:
        self._look()
        await asyncio.sleep(0)
        spoil = self._spoils.pop() if self._spoils else "ok"
        if spoil == "throttled":
            raise RateLimited("slow down")
        if spoil == "unclear":
            raise SubmissionUnclear("no answer")
        self._jobs[job := f"job-{len(self._jobs)}"] = (spoil, order.seed or 0)
        return CreatedJob(job)

    async def wait(self, job: str, **_: object) -> JobResult:
        self._look()
        await asyncio.sleep(0)
        spoil, tokens = self._jobs[job]
        if spoil == "failed":
            raise JobFailed("no")
        if spoil == "lost":
            raise JobLost("gone")
        told = {"silent": None, "less": tokens // 2}.get(spoil, tokens)
        return JobResult(details=JobDetails(tokens=told))


async def render(shot: ShotToRender, desk: SubmissionContext) -> str:
    for _ in range(3):
        try:
            await submit(shot, None, desk, reconcile_unclear=False)
            await await_job(shot, desk)
        except (RateLimited, JobFailed, JobLost, Unreachable):
            continue
        except SubmissionUnclear:
            return "unclear"
        except BudgetExceeded:
            return "refused"
        return "rendered"
    return "gave up"


LIMITS = some.just(10_000) | some.integers(0, 150)
"""Thousandths of a dollar; the highest is in nobody's way."""
SPOILS = some.sampled_from(["ok", "less", "silent", "throttled", "unclear", "failed", "lost"])


@tune(max_examples=40, deadline=None)
@given(
    runs=some.lists(
        some.tuples(
            some.sampled_from(["b", "c"]),
            some.lists(some.tuples(some.integers(0, 9), some.integers(1, 30)), max_size=4),
            LIMITS,
        ),
        min_size=1,
        max_size=3,
    ),
    limits=some.tuples(LIMITS, LIMITS),
    spoils=some.lists(SPOILS, max_size=20),
)
def test_spend_never_passes_a_wall(runs, limits, spoils) -> None:
    """Over random boards, prices, failures and concurrency, at every moment of every run."""
    board, client = (Decimal(limit) / 1000 for limit in limits)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        shelf = store.records(loopback=False)
        walls = [
            BudgetLimit("b", usd(board), ("b",)),
            BudgetLimit("client", usd(client), ("*",), is_monthly=True),
        ]
        budgets: list[Decimal] = []

        def look() -> None:
            entries = Ledger(shelf).entries()
            ours = [one.booked_price for one in entries if one.attempt.board == "b"]
            assert sum(price.amount for price in ours) <= board
            assert sum(one.booked_price.amount for one in entries) <= client
            for number, limit in enumerate(budgets):
                sent = [one for one in entries if one.attempt.shot.startswith(f"{number}-")]
                assert sum(one.booked_price.amount for one in sent) <= limit

        vendor = Vendor(list(spoils), look)

        async def run(name: str, shots, budget: int) -> None:
            most = Decimal(budget) / 1000
            account = BudgetGuard(
                [*[one for one in walls if one.applies_to(name)], BudgetLimit("run", usd(most))]
            )
            budgets.append(most)
            number = len(budgets) - 1
            desk = SubmissionContext(
                name,
                lambda shot: shelf,
                lambda provider, url: vendor,
                reserve=make_reserve(account, store.ledger_lock_path),
            )
            waiting = [
                render(planned(f"k{key}", tokens * 1000, number), desk) for key, tokens in shots
            ]
            await asyncio.gather(*waiting)

        async def everything() -> None:
            await asyncio.gather(*(run(*one) for one in runs))

        asyncio.run(everything())
        look()


SENDER = """
import asyncio, json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_limits as here
from tasks.budgets.limits import BudgetGuard, board_limit, make_reserve
from tasks.store.layout import Store
from tasks.submission.context import SubmissionContext

store, name = Store(Path(sys.argv[2])), sys.argv[3]
shelf = store.records(loopback=False)
account = BudgetGuard([board_limit("b", here.usd("0.010"))])
vendor = here.Vendor([], lambda: None)
desk = SubmissionContext("b", lambda shot: shelf, lambda provider, url: vendor,
                 reserve=make_reserve(account, store.ledger_lock_path))
shots = [here.planned(f"{name}-{number}", 1000) for number in range(8)]

async def send():
    return await asyncio.gather(*(here.render(shot, desk) for shot in shots))

print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(asyncio.run(send())))
"""


def test_two_processes_stay_within_one_budget(store: Store) -> None:
    """Sixteen shots in two processes, a budget for four: four are sent, twelve refused."""
    senders = [
        subprocess.Popen(
            [sys.executable, "-c", SENDER, str(Path(__file__).parent), str(store.root), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for name in ("left", "right")
    ]
    for sender in senders:
        assert sender.stdout.readline() == "ready\n"
    for sender in senders:
        sender.stdin.write("go\n")
        sender.stdin.flush()
    told = [outcome for sender in senders for outcome in json.loads(sender.communicate()[0])]

    assert sorted(told) == ["refused"] * 12 + ["rendered"] * 4
    entries = Ledger(store.records(loopback=False)).entries()
    assert sum_prices(entry.booked_price for entry in entries).as_money == usd("0.0100000")


def test_a_sender_that_died_holds_nobody_up(store: Store) -> None:
    """The store's lock is free again when its holder was killed."""
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\n"
            "from pathlib import Path\n"
            "from tasks.store.locks import open_lock_file, try_lock\n"
            "with open_lock_file(Path(sys.argv[1])) as file:\n"
            "    print(try_lock(file), flush=True)\n"
            "    time.sleep(600)\n",
            str(store.ledger_lock_path),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert holder.stdout.readline() == "True\n"
    holder.kill()
    holder.wait()
    holder.stdout.close()
    shelf = store.records(loopback=False)
    account = BudgetGuard([board_limit("b", usd(1))])

    async def enter() -> None:
        receipt = begin(usd(1))
        async with make_reserve(account, store.ledger_lock_path)(receipt, shelf):
            shelf.write("next", receipt.to_record())

    asyncio.run(enter())
    assert shelf.read("next")
