"""Budgets of boards, runs and clients, enforced at a vendor with prices on a real port."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import pytest

from flows.cli.main import main
from flows.cli.output.plan_text import format_plan
from flows.consent import check_consent
from flows.documents import plan_document
from flows.render import render_run
from storyboards.models import Money
from tasks.budgets.ledger import Ledger
from tasks.errors import BudgetExceeded, UsageError
from tasks.retries import is_retryable
from tasks.store.receipts import AttemptState, Receipt
from tests.support.paid_path import make_attempt
from tests.support.plain_tasks import command_without_engine, plain_tasks
from tests.support.reports import folder_of

PRICE = "0.0496125"
"""Price in USD of two seconds at 480p by seedance-1.0-pro at modelark."""


def read_ledger(studio, *, loopback: bool = True):
    store = studio.prepare("shots: [{id: one, prompt: One.}]\n").store
    return Ledger(store.records(loopback=loopback)).entries()


@pytest.fixture
def paid_chain(chain):
    """Build the text of a chain at a vendor with prices, with a budget of the board."""

    def build(*shots: str, budget: str = "", **prompts: str) -> str:
        head = f"budget: {budget}" if budget else ""
        return chain(*shots, provider="modelark", head=head, **prompts)

    return build


def test_submit_beyond_board_budget_is_skipped(studio, paid_chain, outcomes) -> None:
    """The first shot is kept, the others are skipped, and the error has the price."""
    report = studio.run(paid_chain("one", "two", "three", budget="0.06 USD"))

    assert outcomes(report) == {"one": "rendered", "two": "skipped", "three": "skipped"}
    error = report.results[1].error
    assert isinstance(error, BudgetExceeded)
    assert "two may cost 0.049612 USD beside 0.049612 USD that is booked" in str(error)
    assert report.film is None
    assert studio.submits == 1
    assert str(report.spent) == "0.0496 USD"


def test_board_budget_limits_all_its_runs(studio, paid_chain, outcomes) -> None:
    """Prices that earlier runs booked for the board count; those of other boards do not."""
    studio.run(paid_chain("one", budget="0.06 USD"))
    edited = paid_chain("one", one="Something else.", budget="0.06 USD")

    with pytest.raises(BudgetExceeded, match=r"may cost 0\.049612 USD beside 0\.049612 USD"):
        check_consent(studio.prepare(edited))
    assert outcomes(studio.run(edited)) == {"one": "skipped"}
    check_consent(studio.prepare(edited, name="another", yes=True))
    check_consent(studio.prepare(paid_chain("one", budget="0.06 USD")))
    assert studio.submits == 1


def test_shared_key_is_booked_for_first_board(studio, paid_chain, outcomes) -> None:
    """The second board keeps the shot, and its budget is untouched."""
    studio.run(paid_chain("one"), name="first")
    report = studio.run(paid_chain("one", budget="0 USD"), name="second")

    assert outcomes(report) == {"one": "kept"}
    assert [entry.attempt.board for entry in read_ledger(studio)] == ["first"]


def test_job_in_flight_counts_once_at_max_price(studio, paid_chain, outcomes) -> None:
    """Downloading the job of an earlier run costs nothing beyond its booked price."""
    path = folder_of(studio.run(paid_chain("one")), "one") / "receipt.json"
    record = json.loads(path.read_text())
    attempt = record["attempts"][0]
    for fact in ("done_at", "clip", "last_frame", "tokens", "price", "frames"):
        attempt.pop(fact, None)
    attempt["state"] = "submitted"
    path.write_text(json.dumps(record))
    too_low = paid_chain("one", "two", budget=f"{2 * Decimal('0.049612'):.6f} USD")

    with pytest.raises(BudgetExceeded, match=r"beside 0\.049612 USD that is booked"):
        check_consent(studio.prepare(too_low))
    report = studio.run(paid_chain("one", "two", budget="0.099225 USD"))
    assert outcomes(report) == {"one": "rendered", "two": "rendered"}
    assert studio.submits == 2


def test_runs_at_same_time_share_board_budget(studio, paid_chain) -> None:
    """If the budget allows one of two shots, one is sent in total."""
    texts = [paid_chain("a", budget="0.06 USD"), paid_chain("b", budget="0.06 USD")]
    runs = [studio.prepare(text) for text in texts]
    runs[0].store.initialize()

    async def render_both():
        return await asyncio.gather(*(render_run(run, studio.on_progress) for run in runs))

    with plain_tasks():
        reports = asyncio.run(render_both())

    assert sorted(report.results[0].outcome for report in reports) == ["rendered", "skipped"]
    assert studio.submits == 1


def test_month_budget_is_shared_by_boards(studio, paid_chain, outcomes) -> None:
    """Prices booked by another board of the client count, also when a shot is submitted."""
    toml = '[budgets.acme]\nmonth = "0.06 USD"\nboards = ["spot-*"]\n'
    (studio.folder / "shotchain.toml").write_text(toml)
    studio.run(paid_chain("one"), name="spot-1")
    edited = paid_chain("one", one="Something else.")

    with pytest.raises(BudgetExceeded, match=r"the budget of acme for this month: 0\.06 USD"):
        check_consent(studio.prepare(edited, name="spot-2"))
    assert outcomes(studio.run(edited, name="spot-2")) == {"one": "skipped"}
    assert studio.submits == 1


def test_board_without_budget_needs_consent(studio, paid_chain) -> None:
    """A price without a budget must be agreed to."""
    run = studio.prepare(paid_chain("one"))

    with pytest.raises(BudgetExceeded, match=r'give --yes or --budget "0\.049613 USD"'):
        check_consent(run)
    check_consent(studio.prepare(paid_chain("one"), yes=True))
    check_consent(studio.prepare(paid_chain("one"), budget="0.049613 USD"))


def test_budget_in_other_currency_needs_rate(studio, paid_chain) -> None:
    """Without a rate it is a usage error; with a rate the limit applies to the smallest unit."""
    with pytest.raises(UsageError, match=r"shotchain\.toml"):
        check_consent(studio.prepare(paid_chain("one", budget="0.35 CNY")))
    rate = '[rates."USD/CNY"]\nrate = 7\ndate = 2026-11-01\n'
    (studio.folder / "shotchain.toml").write_text(rate)

    check_consent(studio.prepare(paid_chain("one", budget="0.347288 CNY"), yes=True))
    with pytest.raises(BudgetExceeded, match="more than the budget"):
        check_consent(studio.prepare(paid_chain("one", budget="0.347287 CNY"), yes=True))


def test_loopback_run_books_no_vendor_budget(studio, paid_chain) -> None:
    """A rehearsal at loopback is booked apart; the board's budget stays whole."""
    text = paid_chain("one", budget="0.06 USD")
    studio.run(text)
    studio.env["SHOTCHAIN_MODELARK_BASE_URL"] = "https://modelark.example/api/v3"
    run = studio.prepare(text)

    assert run.status["one"].state == "to render"
    check_consent(run, ask=lambda _: True)
    assert len(read_ledger(studio)) == 1
    assert read_ledger(studio, loopback=False) == []


def test_receipt_has_source_of_price(studio, paid_chain) -> None:
    """The date and source of the price list are booked with the price."""
    studio.run(paid_chain("one"))
    (entry,) = read_ledger(studio)

    assert entry.max_price == entry.actual_price == Money(amount=Decimal(PRICE), currency="USD")
    assert entry.attempt.price_list_date == "2026-09-13"
    assert "byteplus" in entry.attempt.price_list_source
    assert entry.attempt.state is AttemptState.KEPT


def test_budget_error_is_not_retried() -> None:
    """The budget will be the same in a minute."""
    assert not is_retryable(BudgetExceeded("budget"))


def test_plan_has_budgets_and_price_lists(studio, paid_chain) -> None:
    """Document and text contain the budget, its booked part, and the dated price list."""
    studio.run(paid_chain("one"))
    run = studio.prepare(paid_chain("one", "two", budget="0.06 USD"))
    document, text = plan_document(run), format_plan(run)

    assert document["budgets"] == [
        {
            "whose": "the board board",
            "limit": {"amount": 0.06, "currency": "USD"},
            "booked": {"amount": 0.049612, "currency": "USD"},
            "this_run": {"amount": 0.049612, "currency": "USD"},
            "remaining": {"amount": -0.039225, "currency": "USD"},
            "store": str(run.store.root),
        }
    ]
    assert [price_list["dated"] for price_list in document["price_lists"]] == ["2026-09-13"]
    place = run.store.root
    assert "the board board  0.06 USD  0.049612 USD  0.049612 USD  -0.039225 USD" in text
    # A long path is wrapped.
    assert f"bookedin{place}" in "".join(text.split())
    assert "prices of 2026-09-13: https://docs.byteplus.com" in text


def test_budget_reached_in_run_exits_4_with_document(
    studio, paid_chain, monkeypatch, capsys
) -> None:
    """A sum that another run booked meanwhile counts: the shot is skipped, the rest is reported."""
    text = paid_chain("one", "x|first_frame: none", budget="0.12 USD")
    studio.run(text, only=("x",))
    studio.write(text)
    booked = make_attempt(
        AttemptState.KEPT, board="board", max_price=Money(amount=Decimal(PRICE), currency="USD")
    )

    def book(run) -> None:
        records = run.store.records(loopback=True)
        records.write("f" * 64, Receipt("f" * 64, (booked,)).to_record())

    monkeypatch.chdir(studio.folder)
    for name, value in studio.settings().variables.items():
        monkeypatch.setenv(name, value)

    with command_without_engine(book):
        code = main(["render", "board.yaml", "--store", "store", "--yes", "--json"])
    out, err = capsys.readouterr()
    document = json.loads(out)

    assert code == 4
    assert document["error"]["kind"] == "budget_exceeded"
    assert [shot["outcome"] for shot in document["shots"]] == ["skipped", "kept"]
    assert document["shots"][0]["error"]["kind"] == "budget_exceeded"
    assert document["film"] is None
    assert document["spent"]["amount"] == 0
    assert "one may cost 0.049612 USD beside 0.099225 USD that is booked" in err
    assert studio.submits == 1
