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
from tasks.errors import JobFailed, JobLost, Throttled, Unclear, Unpayable, Unreachable, UsageError
from tasks.money.bill import add
from tasks.money.booking import booking
from tasks.money.ledger import Ledger
from tasks.money.walls import Account, Wall, board_wall, run_wall
from tasks.plan import PlannedShot
from tasks.providers import PROVIDERS
from tasks.providers.contract import Created, Done, Facts, Order
from tasks.receipts import Attempt, Receipt, State, now
from tasks.sending import jobs
from tasks.sending.desk import Desk
from tasks.sending.submission import submit
from tasks.store import Store

ROOT = Path(__file__).parents[3]


def usd(amount: str | int | Decimal) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


ATTEMPT = Attempt(
    state=State.INTENDED,
    board="b",
    shot="s",
    take=1,
    provider="modelark",
    model="m",
    base_url="https://a.example",
    order="o",
    intended_at=now(),
    price_most=usd("0.25"),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


@pytest.fixture
def book(store: Store):
    """Put an attempt on record: `book("k", State.KEPT, price=usd(1))`."""

    def put(key: str, state: State, *, loopback: bool = False, **facts: object) -> Receipt:
        receipt = Receipt(key).intend(replace(ATTEMPT, state=state, **facts))
        store.shelf(loopback=loopback).write(key, receipt.to_record())
        return receipt

    return put


def begin(price: Money | None, key: str = "next", **facts: object) -> Receipt:
    return Receipt(key).intend(replace(ATTEMPT, shot="next", price_most=price, **facts))


def test_what_is_booked_counts_with_what_is_about_to_be_sent(store: Store, book) -> None:
    """A wall is reached exactly, and not passed by the smallest sum."""
    book("a", State.KEPT, price=usd("0.10"))
    account = Account([board_wall("b", usd("0.30"))])
    shelf = store.shelf(loopback=False)

    account.check(begin(usd("0.20")), shelf)
    with pytest.raises(Unpayable, match=r"0\.200001 USD beside 0\.10 USD that is booked") as caught:
        account.check(begin(usd("0.200001")), shelf)

    assert "more than the budget of the board b: 0.30 USD" in str(caught.value)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("state", "price", "counts"),
    [
        (State.INTENDED, None, "0.25"),
        (State.UNCLEAR, None, "0.25"),
        (State.SUBMITTED, None, "0.25"),
        (State.DONE, usd("0.10"), "0.10"),
        (State.KEPT, usd("0.10"), "0.10"),
        (State.KEPT, None, "0.25"),
        (State.LOST, usd("0.10"), "0.10"),
        (State.LOST, None, "0.25"),
        (State.ABANDONED, None, "0.25"),
        (State.CLOSED, None, "0"),
        (State.FAILED, None, "0"),
    ],
)
def test_every_state_counts_as_what_it_may_have_cost(
    store: Store, book, state: State, price: Money | None, counts: str
) -> None:
    """At the maximum until the vendor tells; nothing where nothing was taken or it failed."""
    book("a", state, price=price)
    wall = board_wall("b", usd(1))
    account = Account([wall])
    shelf = store.shelf(loopback=False)
    left = Decimal(1) - Decimal(counts)

    account.check(begin(usd(left)), shelf)
    with pytest.raises(Unpayable):
        account.check(begin(usd(left + Decimal("0.000001"))), shelf)


def test_other_boards_months_and_shelves_do_not_count(store: Store, book) -> None:
    """A wall counts its own boards, its own month, and no rehearsal for the real thing."""
    book("a", State.KEPT, board="other", price=usd(5))
    book("b", State.KEPT, loopback=True, price=usd(5))
    book("c", State.KEPT, board="spot-1", price=usd(5), intended_at="2026-06-30T23:59:59+00:00")
    month = Wall("client", usd(1), ("spot-*", "b"), month=True)
    account = Account([board_wall("b", usd(1)), month])

    account.check(begin(usd(1)), store.shelf(loopback=False))
    with pytest.raises(Unpayable):
        account.check(begin(usd(1)), store.shelf(loopback=True))


def test_a_month_is_that_of_the_intent_in_utc(store: Store, book) -> None:
    """What was made out before midnight counts in the month before, wherever the clock is now."""
    book("a", State.KEPT, price=usd(1), intended_at="2026-06-30T20:00:00+00:00")
    wall = Wall("client", usd(1), ("*",), month=True)
    account = Account([wall], clock=lambda: datetime(2026, 7, 1, tzinfo=UTC))
    shelf = store.shelf(loopback=False)

    account.check_total({shelf: {"next": usd(1)}})
    account.check(begin(usd(1), intended_at="2026-07-01T00:00:00+00:00"), shelf)
    with pytest.raises(Unpayable):
        account.check(begin(usd(1), intended_at="2026-06-30T23:59:59.999+00:00"), shelf)


@pytest.mark.parametrize("limit", [Money(amount=Decimal(0)), usd(0), usd(100)])
def test_an_unknown_price_passes_no_wall(store: Store, limit: Money) -> None:
    """It is never taken for nothing, however high the wall."""
    account = Account([Wall("this run", limit)])

    with pytest.raises(Unpayable, match="price is not known of next"):
        account.check(begin(None), store.shelf(loopback=False))
    with pytest.raises(Unpayable, match="price is not known of x"):
        account.check_total({store.shelf(loopback=False): {"x": None, "y": usd(1)}})


def test_what_is_booked_at_an_unknown_price_leaves_nothing_that_is_sure(store, book) -> None:
    """A wall that can't be counted up to lets nothing through but what is free."""
    book("a", State.KEPT, price_most=None)
    account = Account([board_wall("b", usd(100))])
    shelf = store.shelf(loopback=False)

    account.check(begin(usd(0)), shelf)
    with pytest.raises(Unpayable, match="unknown price"):
        account.check(begin(usd(1)), shelf)


def test_a_free_shot_passes_a_wall_that_is_passed_already(store: Store, book) -> None:
    """What costs nothing can be sent whatever is booked."""
    book("a", State.KEPT, price=usd(5))
    account = Account([board_wall("b", usd(1)), run_wall("0")])

    account.check(begin(Money(amount=Decimal(0))), store.shelf(loopback=False))


def test_two_currencies_need_a_rate(store: Store, book) -> None:
    """Without one the command is wrong; with one the wall is held in its own currency."""
    book("a", State.KEPT, price=Money(amount=Decimal(7), currency="CNY"))
    shelf, wall = store.shelf(loopback=False), board_wall("b", usd(2))

    with pytest.raises(UsageError, match="is in USD and 7\\.00 CNY"):
        Account([wall]).check(begin(usd(1)), shelf)

    def convert(price: Money, currency: str) -> Money | None:
        rate = 1 if price.currency == currency else 7
        return Money(amount=price.amount / rate, currency=currency)

    account = Account([wall], convert=convert)
    account.check(begin(usd(1)), shelf)
    with pytest.raises(Unpayable):
        account.check(begin(usd("1.01")), shelf)


def test_a_budget_of_nothing_has_every_currency(store: Store) -> None:
    """`--budget 0` refuses whatever costs, in whatever currency."""
    account = Account([run_wall("0")])

    with pytest.raises(Unpayable, match="more than the budget of this run: 0"):
        account.check(begin(Money(amount=Decimal(1), currency="CNY")), store.shelf(loopback=False))


def test_a_run_counts_what_it_sent_itself_at_what_that_became(store: Store, book) -> None:
    """An earlier run's job is not this run's; its own count for less once the vendor tells."""
    shelf = store.shelf(loopback=False)
    book("before", State.KEPT, price=usd(5))
    account = Account([run_wall("1 USD")])
    first = begin(usd("0.60"), key="a")
    account.check(first, shelf)
    account.note(first, shelf)
    shelf.write("a", first.to_record())

    with pytest.raises(Unpayable):
        account.check(begin(usd("0.60"), key="b"), shelf)
    shelf.write("a", first.amend(State.KEPT, price=usd("0.40")).to_record())
    account.check(begin(usd("0.60"), key="b"), shelf)
    shelf.write("a", first.amend(State.CLOSED).to_record())
    account.check(begin(usd(1), key="b"), shelf)


def test_a_receipt_is_read_again_only_where_it_was_replaced(store, book, monkeypatch) -> None:
    """A thousand shots are not read a thousand times."""
    for number in range(30):
        book(f"k{number}", State.SUBMITTED)
    ledger = Ledger(store.shelf(loopback=False))
    read: list[str] = []
    monkeypatch.setattr(
        "tasks.money.ledger.read_receipt",
        lambda key, record: read.append(key) or Receipt(key, (replace(ATTEMPT),)),
    )
    ledger.entries()
    ledger.entries()
    book("k7", State.KEPT)
    book("new", State.KEPT)
    ledger.entries()

    assert len(read) == 32
    assert sorted(read[-2:]) == ["k7", "new"]


def test_without_a_wall_nothing_is_read_and_nobody_waits(store: Store, book) -> None:
    """A damaged receipt of another board stops only runs that have to add it up."""
    book("a", State.KEPT)
    shelf = store.shelf(loopback=False)
    (shelf.home("a") / "receipt.json").write_text("{")

    async def enter(account: Account) -> None:
        async with booking(account, store.ledger_lock)(begin(usd(1)), shelf):
            pass

    asyncio.run(enter(Account()))
    assert not store.ledger_lock.exists()
    with pytest.raises(Exception, match="damaged"):
        asyncio.run(enter(Account([board_wall("b", usd(9))])))


PER_TOKEN = Decimal("2.5") / 1_000_000
"""BytePlus's price of seedance-1.0-pro."""


def planned(key: str, tokens: int, run: int = 0) -> PlannedShot:
    return PlannedShot(
        Shot(id=f"{run}-{key}", prompt="A picture."),
        0,
        key,
        chain=key,
        provider=PROVIDERS["modelark"],
        family="seedance-1.0-pro",
        model="m",
        # The vendor reads the seed as what it bills.
        order=Order("m", prompt="A picture.", resolution="480p", seed=tokens),
        price=usd(PER_TOKEN * tokens),
    )


class Vendor:
    """Takes orders and spoils them as it is told; looks into the ledger at each moment."""

    base_url = "https://vendor.example"

    def __init__(self, spoils: list[str], look) -> None:
        self._spoils = spoils
        self._look = look
        self._jobs: dict[str, tuple[str, int]] = {}

    def seal(self) -> str:
        return ""

    async def create(self, order: Order) -> Created:
        self._look()
        await asyncio.sleep(0)
        spoil = self._spoils.pop() if self._spoils else "ok"
        if spoil == "throttled":
            raise Throttled("slow down")
        if spoil == "unclear":
            raise Unclear("no answer")
        self._jobs[job := f"job-{len(self._jobs)}"] = (spoil, order.seed or 0)
        return Created(job)

    async def wait(self, job: str, **_: object) -> Done:
        self._look()
        await asyncio.sleep(0)
        spoil, tokens = self._jobs[job]
        if spoil == "failed":
            raise JobFailed("no")
        if spoil == "lost":
            raise JobLost("gone")
        told = {"silent": None, "less": tokens // 2}.get(spoil, tokens)
        return Done(facts=Facts(tokens=told))


async def render(shot: PlannedShot, desk: Desk) -> str:
    for _ in range(3):
        try:
            await submit(shot, None, desk, patient=False)
            await jobs.wait(shot, desk)
        except (Throttled, JobFailed, JobLost, Unreachable):
            continue
        except Unclear:
            return "unclear"
        except Unpayable:
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
        shelf = store.shelf(loopback=False)
        walls = [
            Wall("b", usd(board), ("b",)),
            Wall("client", usd(client), ("*",), month=True),
        ]
        budgets: list[Decimal] = []

        def look() -> None:
            entries = Ledger(shelf).entries()
            ours = [one.booked for one in entries if one.attempt.board == "b"]
            assert sum(price.amount for price in ours) <= board
            assert sum(one.booked.amount for one in entries) <= client
            for number, limit in enumerate(budgets):
                sent = [one for one in entries if one.attempt.shot.startswith(f"{number}-")]
                assert sum(one.booked.amount for one in sent) <= limit

        vendor = Vendor(list(spoils), look)

        async def run(name: str, shots, budget: int) -> None:
            most = Decimal(budget) / 1000
            account = Account([*[one for one in walls if one.counts(name)], Wall("run", usd(most))])
            budgets.append(most)
            number = len(budgets) - 1
            desk = Desk(
                name,
                lambda shot: shelf,
                lambda provider, url: vendor,
                booking=booking(account, store.ledger_lock),
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
import test_walls as here
from tasks.money.booking import booking
from tasks.sending.desk import Desk
from tasks.store import Store
from tasks.money.walls import Account, board_wall

store, name = Store(Path(sys.argv[2])), sys.argv[3]
shelf = store.shelf(loopback=False)
account = Account([board_wall("b", here.usd("0.010"))])
vendor = here.Vendor([], lambda: None)
desk = Desk("b", lambda shot: shelf, lambda provider, url: vendor,
                 booking=booking(account, store.ledger_lock))
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
    entries = Ledger(store.shelf(loopback=False)).entries()
    assert add(entry.booked for entry in entries).single == usd("0.0100000")


def test_a_sender_that_died_holds_nobody_up(store: Store) -> None:
    """The store's lock is free again when its holder was killed."""
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\n"
            "from pathlib import Path\n"
            "from tasks.store import opened_lock, try_lock\n"
            "with opened_lock(Path(sys.argv[1])) as file:\n"
            "    print(try_lock(file), flush=True)\n"
            "    time.sleep(600)\n",
            str(store.ledger_lock),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert holder.stdout.readline() == "True\n"
    holder.kill()
    holder.wait()
    holder.stdout.close()
    shelf = store.shelf(loopback=False)
    account = Account([board_wall("b", usd(1))])

    async def enter() -> None:
        receipt = begin(usd(1))
        async with booking(account, store.ledger_lock)(receipt, shelf):
            shelf.write("next", receipt.to_record())

    asyncio.run(enter())
    assert shelf.read("next")
