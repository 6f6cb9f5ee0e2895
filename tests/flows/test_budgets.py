"""Budgets of boards and runs, held against a vendor with prices on a real port."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import pytest

from flows.cli.main import main
from flows.cli.output.text import format_plan
from flows.consent import check_consent
from flows.documents import plan_document
from flows.render import render_run
from storyboards.models import Money
from tasks.budgets.ledger import Ledger
from tasks.errors import BudgetExceeded, UsageError
from tasks.retries import is_retryable
from tasks.store.receipts import AttemptState
from tests.support.plain_tasks import command_without_engine, plain_tasks

PRICE = "0.0496125"
"""Of two seconds at 480p by seedance-1.0-pro at modelark, in USD."""


def ledger(studio, *, loopback: bool = True):
    shelf = studio.prepare(BOARD).store.records(loopback=loopback)
    return Ledger(shelf).entries()


BOARD = "shots: [{id: one, prompt: One.}]\n"


@pytest.fixture
def paid(chain):
    """The text of a chain at a vendor with prices, with a budget of its board."""

    def make(*shots: str, budget: str = "", **prompts: str) -> str:
        head = f"budget: {budget}" if budget else ""
        return chain(*shots, provider="modelark", head=head, **prompts)

    return make


def test_a_submit_that_could_pass_the_board_s_budget_is_not_sent(studio, paid, outcomes) -> None:
    """What is rendered is kept, the rest is skipped, and its price is said."""
    report = studio.run(paid("one", "two", "three", budget="0.06 USD"))

    assert outcomes(report) == {"one": "rendered", "two": "skipped", "three": "skipped"}
    refused = report.results[1].error
    assert isinstance(refused, BudgetExceeded)
    assert "two may cost 0.049612 USD beside 0.049612 USD that is booked" in str(refused)
    assert report.film is None
    assert studio.submits == 1
    assert str(report.spent) == "0.0496 USD"


def test_a_board_s_budget_caps_all_its_runs_together(studio, paid) -> None:
    """What an earlier run booked under the board's name counts, and under another's does not."""
    studio.run(paid("one", budget="0.06 USD"))
    edited = paid("one", one="Something else.", budget="0.06 USD")
    again = studio.prepare(edited)

    with pytest.raises(BudgetExceeded, match=r"may cost 0\.049612 USD beside 0\.049612 USD"):
        check_consent(again)
    assert studio.run(edited).results[0].outcome == "skipped"
    check_consent(studio.prepare(edited, name="another"))
    check_consent(studio.prepare(paid("one", budget="0.06 USD")))
    assert studio.submits == 1


def test_a_key_that_two_boards_share_is_booked_where_it_was_paid(studio, paid, outcomes) -> None:
    """The second board keeps it, and its budget has all that it had."""
    studio.run(paid("one"), name="first")
    report = studio.run(paid("one", budget="0 USD"), name="second")

    assert outcomes(report) == {"one": "kept"}
    assert [entry.attempt.board for entry in ledger(studio)] == ["first"]


def test_a_job_in_flight_counts_at_its_maximum_and_only_once(studio, paid, outcomes) -> None:
    """Fetching what an earlier run sent costs nothing on top of what is booked for it."""
    first = studio.run(paid("one"))
    path = first.run.records_of(first.results[0].shot).folder_of(first.results[0].shot.key)
    record = json.loads((path / "receipt.json").read_text())
    attempt = record["attempts"][0]
    for fact in ("done_at", "clip", "last_frame", "tokens", "price", "frames"):
        attempt.pop(fact, None)
    attempt["state"] = "submitted"
    (path / "receipt.json").write_text(json.dumps(record))
    board = paid("one", "two", budget=f"{2 * Decimal('0.049612'):.6f} USD")

    with pytest.raises(BudgetExceeded, match=r"beside 0\.049612 USD that is booked"):
        check_consent(studio.prepare(board))
    report = studio.run(paid("one", "two", budget="0.099225 USD"))
    assert outcomes(report) == {"one": "rendered", "two": "rendered"}
    assert studio.submits == 2


def test_two_runs_at_once_share_a_board_s_budget(studio, paid) -> None:
    """With money for one of two shots each, one is sent in all."""
    texts = [paid("a", budget="0.06 USD"), paid("b", budget="0.06 USD")]
    productions = [studio.prepare(text) for text in texts]
    productions[0].store.initialize()

    async def render_both():
        return await asyncio.gather(*(render_run(run, studio.on_progress) for run in productions))

    with plain_tasks():
        reports = asyncio.run(render_both())

    assert sorted(one.results[0].outcome for one in reports) == ["rendered", "skipped"]
    assert studio.submits == 1


def test_a_client_s_month_caps_its_boards_together(studio, paid, outcomes) -> None:
    """Also at the submit: what another board of the client booked is not there to be spent."""
    toml = '[budgets.acme]\nmonth = "0.06 USD"\nboards = ["spot-*"]\n'
    (studio.folder / "shotchain.toml").write_text(toml)
    studio.run(paid("one"), name="spot-1")
    edited = paid("one", one="Something else.")

    with pytest.raises(BudgetExceeded, match=r"the budget of acme for this month: 0\.06 USD"):
        check_consent(studio.prepare(edited, name="spot-2"))
    assert outcomes(studio.run(edited, name="spot-2")) == {"one": "skipped"}
    with pytest.raises(BudgetExceeded, match="nobody agreed"):
        check_consent(studio.prepare(edited, name="another"))
    assert studio.submits == 1


def test_a_dated_rate_holds_a_price_against_a_budget_in_another_currency(studio, paid) -> None:
    """Without it exit 2; with it the wall stands where the rate puts it."""
    with pytest.raises(UsageError, match=r"shotchain\.toml"):
        check_consent(studio.prepare(paid("one", budget="0.35 CNY")))
    rate = '[rates."USD/CNY"]\nrate = 7\ndate = 2026-11-01\n'
    (studio.folder / "shotchain.toml").write_text(rate)

    check_consent(studio.prepare(paid("one", budget="0.347288 CNY")))
    with pytest.raises(BudgetExceeded):
        check_consent(studio.prepare(paid("one", budget="0.347287 CNY")))


def test_a_rehearsal_eats_no_real_budget(studio, paid) -> None:
    """What came over loopback is booked there, and the real board has all of its budget."""
    text = paid("one", budget="0.06 USD")
    studio.run(text)
    studio.words["SHOTCHAIN_MODELARK_BASE_URL"] = "https://modelark.example/api/v3"

    production = studio.prepare(text)
    assert production.status["one"].state == "to render"
    check_consent(production)
    assert len(ledger(studio)) == 1
    assert ledger(studio, loopback=False) == []


def test_a_receipt_keeps_the_day_and_the_source_of_its_price(studio, paid) -> None:
    """Whoever adds up a year later knows which list an estimate came from."""
    studio.run(paid("one"))
    (entry,) = ledger(studio)

    assert entry.max_price == entry.actual_price == Money(amount=Decimal(PRICE), currency="USD")
    assert entry.attempt.price_list_date == "2026-09-13"
    assert "byteplus" in entry.attempt.price_list_source
    assert entry.attempt.state is AttemptState.KEPT


def test_prefect_does_not_try_again_against_a_wall() -> None:
    """The budget will be the same in a minute."""
    assert not is_retryable(BudgetExceeded("no"))


def test_a_plan_says_what_is_left_and_where_its_prices_are_from(studio, paid) -> None:
    """Beside the price stand the budget, what is booked of it, and the list with its day."""
    studio.run(paid("one"))
    production = studio.prepare(paid("one", "two", budget="0.06 USD"))
    document = plan_document(production)

    assert document["budgets"] == [
        {
            "whose": "the board board",
            "limit": {"amount": 0.06, "currency": "USD"},
            "booked": {"amount": 0.049612, "currency": "USD"},
        }
    ]
    assert [one["dated"] for one in document["price_lists"]] == ["2026-09-13"]
    text = format_plan(production)
    assert "budget of the board board: 0.06 USD, of it booked: 0.049612 USD" in text
    assert "prices of 2026-09-13: https://docs.byteplus.com" in text


def test_a_budget_that_refuses_in_mid_run_ends_with_4_and_the_whole_document(
    studio, paid, monkeypatch, capsys
) -> None:
    """A clip that is lost here and there may not be bought again: the rest goes on, and is told."""
    first = studio.run(paid("one", "x|first_frame: none"))
    one = first.results[0]
    (first.run.records_of(one.shot).folder_of(one.shot.key) / "clip.mp4").unlink()
    (studio.root / "jobs" / f"{one.attempt.job}.json").unlink()
    studio.write(paid("one", "x|first_frame: none", budget="0.12 USD"))
    monkeypatch.chdir(studio.folder)
    for name, word in studio.settings("modelark").words.items():
        monkeypatch.setenv(name, word)

    with command_without_engine():
        code = main(["render", "board.yaml", "--store", "store", "--json"])
    out, err = capsys.readouterr()
    document = json.loads(out)

    assert code == 4
    assert document["error"]["kind"] == "budget_exceeded"
    assert [one["outcome"] for one in document["shots"]] == ["skipped", "kept"]
    assert document["shots"][0]["error"]["kind"] == "budget_exceeded"
    assert document["film"] is None
    assert document["spent"]["amount"] == 0
    assert "one may cost 0.049612 USD beside 0.099225 USD that is booked" in err
    assert studio.submits == 2
