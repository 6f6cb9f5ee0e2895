"""No limit is exceeded at any moment, whatever fails and however many runs spend at once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.budgets.ledger import Ledger
from tasks.budgets.limits import BudgetGuard, BudgetLimit, board_limit, make_reserve
from tasks.budgets.money import sum_prices
from tasks.store.layout import RecordStore, Store
from tests.support.spending import (
    FAILURES,
    SpendingVendor,
    priced_shot,
    render_all,
    spending_context,
    usd,
)

ROOT = Path(__file__).parents[3]

LIMITS = st.just(10_000) | st.integers(0, 150)
"""Thousandths of a dollar; the first is never reached."""

RUNS = st.lists(
    st.tuples(
        st.sampled_from(["b", "c"]),
        st.lists(st.tuples(st.integers(0, 9), st.integers(1, 30)), max_size=4),
        LIMITS,
    ),
    min_size=1,
    max_size=3,
)
"""The board, the shots (key and thousands of tokens) and the limit of each run."""


@settings(max_examples=40, deadline=None)
@given(
    runs=RUNS,
    limits=st.tuples(LIMITS, LIMITS),
    failures=st.lists(st.sampled_from(FAILURES), max_size=20),
)
def test_spending_never_exceeds_a_limit(
    runs: list[tuple[str, list[tuple[int, int]], int]],
    limits: tuple[int, int],
    failures: list[str],
) -> None:
    """For any boards, prices, failures and concurrent runs, checked before each response."""
    board, client = (Decimal(limit) / 1000 for limit in limits)
    run_limits: list[Decimal] = []
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))

        def check_ledger() -> None:
            entries = Ledger(store.records(loopback=False)).entries()
            prices = {entry: entry.booked_price.amount for entry in entries}
            assert sum(prices[entry] for entry in entries if entry.attempt.board == "b") <= board
            assert sum(prices.values()) <= client
            for number, limit in enumerate(run_limits):
                own = [entry for entry in entries if entry.attempt.shot.startswith(f"{number}-")]
                assert sum(prices[entry] for entry in own) <= limit

        vendor = SpendingVendor(failures, check_ledger)
        shared = [
            BudgetLimit("b", usd(board), ("b",)),
            BudgetLimit("client", usd(client), ("*",), is_monthly=True),
        ]

        async def run(name: str, shots: list[tuple[int, int]], thousandths: int) -> None:
            number, limit = len(run_limits), Decimal(thousandths) / 1000
            run_limits.append(limit)
            applying = [shared_limit for shared_limit in shared if shared_limit.applies_to(name)]
            guard = BudgetGuard([*applying, BudgetLimit("run", usd(limit))])
            context = spending_context(store, vendor, guard, board_name=name)
            await render_all(
                [priced_shot(f"k{key}", tokens * 1000, run=number) for key, tokens in shots],
                context,
            )

        async def run_all() -> None:
            await asyncio.gather(*(run(*values) for values in runs))

        asyncio.run(run_all())
        check_ledger()


SPENDER = """
import asyncio, json, sys
from pathlib import Path
from tasks.budgets.limits import BudgetGuard, board_limit
from tasks.store.layout import Store
from tests.support.spending import SpendingVendor, priced_shot, render_all, spending_context, usd

store, name = Store(Path(sys.argv[1])), sys.argv[2]
guard = BudgetGuard([board_limit("b", usd("0.010"))])
context = spending_context(store, SpendingVendor(), guard)
shots = [priced_shot(f"{name}-{number}", 1000) for number in range(8)]
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(asyncio.run(render_all(shots, context))))
"""


def test_spending_two_processes_share_one_budget(store: Store, records: RecordStore) -> None:
    """Of sixteen shots in two processes, four fit into the budget."""
    spenders = [
        subprocess.Popen(
            [sys.executable, "-c", SPENDER, str(store.root), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for name in ("left", "right")
    ]
    for spender in spenders:
        assert spender.stdout.readline() == "ready\n"
    for spender in spenders:
        spender.stdin.write("go\n")
        spender.stdin.flush()
    results = [result for spender in spenders for result in json.loads(spender.communicate()[0])]

    assert sorted(results) == ["over budget"] * 12 + ["rendered"] * 4
    entries = Ledger(records).entries()
    assert sum_prices(entry.booked_price for entry in entries).as_money == usd("0.0100000")


HOLDER = """
import sys
from pathlib import Path
from tasks.store.locks import open_lock_file, try_lock
with open_lock_file(Path(sys.argv[1])) as file:
    print(try_lock(file), flush=True)
    sys.stdin.read()
"""


def test_reserve_killed_holder_blocks_no_run(store: Store, records: RecordStore, begin) -> None:
    """The ledger lock of a killed process is free at once."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(store.ledger_lock_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as holder:
        assert holder.stdout.readline() == "True\n"
        holder.kill()
        holder.wait()
    guard = BudgetGuard([board_limit("b", usd(1))])

    async def reserve() -> None:
        receipt = begin(usd(1))
        async with make_reserve(guard, store.ledger_lock_path)(receipt, records):
            records.write("next", receipt.to_record())

    asyncio.run(reserve())
    assert records.read("next")
