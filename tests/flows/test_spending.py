"""`shotchain spend` from outside: what is booked, estimate beside actual."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from flows.cli.main import main
from storyboards.models import Money
from tasks.store.layout import Store
from tasks.store.receipts import Attempt, AttemptState, Receipt

ROOT = Path(__file__).parents[2]

ATTEMPT = Attempt(
    state=AttemptState.KEPT,
    board="spot",
    shot="one",
    take=1,
    provider="modelark",
    model="m",
    base_url="https://a.example",
    request_sha256="o",
    intended_at="2026-06-30T23:59:59.000+00:00",
    max_price=Money(amount=Decimal("0.10"), currency="USD"),
    price=Money(amount=Decimal("0.08"), currency="USD"),
    price_list_date="2026-09-13",
    price_list_source="a price list",
)


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put attempts on record in a store of the working directory: `book("k", board="spot")`."""
    monkeypatch.chdir(tmp_path)
    store = Store(tmp_path / ".shotchain")

    def put(key: str, *, previz: bool = False, **facts: object) -> None:
        receipt = Receipt(key, (replace(ATTEMPT, **facts),))
        store.records(loopback=previz).write(key, receipt.to_record())

    return put


def usd(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


def spend(capsys, *words: str) -> str:
    assert main(["spend", *words]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def rows(capsys, *words: str) -> dict[str, dict]:
    document = json.loads(spend(capsys, "--json", *words))
    return {row["name"]: row for row in document["rows"]}


def test_estimate_actual_and_difference_stand_side_by_side(book, capsys) -> None:
    """A line per board, the totals beneath, and where the prices are from."""
    book("a")
    book("b", price=usd("0.11"))
    book("c", board="film", price_most=usd("1"), price=usd("1"))

    lines = spend(capsys).splitlines()

    assert lines[0] == "paid to vendors:"
    assert lines[2].split() == ["board", "shots", "estimate", "actual", "difference", "booked"]
    assert [" ".join(line.split()) for line in lines[3:6]] == [
        "film 1 1.00 USD 1.00 USD 0 1.00 USD",
        "spot 2 0.20 USD 0.19 USD -0.01 USD 0.19 USD",
        "total 3 1.20 USD 1.19 USD -0.01 USD 1.19 USD",
    ]
    assert lines[-1] == "prices of 2026-09-13: a price list"


def test_the_readme_shows_what_is_printed(book, capsys) -> None:
    """The example is the real thing, to the last blank."""
    source = {"price_list_date": "2026-11-01", "price_list_source": "our contract"}
    most = {"max_price": usd("0.36"), **source}
    for key, price in (("a", "0.31"), ("b", "0.32"), ("c", "0.32")):
        estimate = usd("0.31" if key == "a" else "0.33")
        book(key, board="lighthouse", price=usd(price), price_most=estimate, **source)
    book("d", price=usd("0.36"), **most)
    book("e", price=None, state=AttemptState.SUBMITTED, **most)
    shown = re.search(r"<!-- spend -->\n```\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)

    assert spend(capsys) == shown[1]


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("board", ["film", "spot"]),
        ("provider", ["ark", "modelark"]),
        ("month", ["2026-06", "2026-07"]),
        ("client", ["-"]),
    ],
)
def test_a_line_stands_for_what_was_asked_for(book, capsys, by: str, names: list[str]) -> None:
    """Boards, providers, clients, or calendar months in UTC."""
    book("a")
    book("b", board="film", provider="ark", intended_at="2026-07-01T00:00:00.000+00:00")

    assert sorted(rows(capsys, "--by", by)) == names


def test_a_client_is_a_budget_that_names_the_board(book, capsys, tmp_path: Path) -> None:
    """The first in the file; a budget of every board is nobody's."""
    (tmp_path / "shotchain.toml").write_text(TOML)
    book("a", board="spot-1")
    book("b", board="spot-2", price=usd("1"))
    book("c", board="other")

    found = {name: row["actual"]["amount"] for name, row in rows(capsys, "--by", "client").items()}
    assert found == {"acme": 1.08, "-": 0.08}


TOML = """\
[budgets.house]
total = "1000 USD"

[budgets.acme]
month = "50 USD"
boards = ["spot-*"]

[budgets.late]
total = "5 USD"
boards = ["spot-1"]
"""


def test_nothing_that_may_be_charged_is_hidden(book, capsys) -> None:
    """In flight, unclear, and never told: each beside the actual, and all of it in the sum."""
    silent = {"price": None, "max_price": usd("0.10")}
    book("told")
    book("flying", state=AttemptState.SUBMITTED, **silent)
    book("sending", state=AttemptState.INTENDED, **silent)
    book("unclear", state=AttemptState.UNCLEAR, **silent)
    book("given-up", state=AttemptState.ABANDONED, **silent)
    book("silent", **silent)
    book("failed", state=AttemptState.FAILED, **silent)
    book("closed", state=AttemptState.CLOSED, **silent)

    row = rows(capsys)["spot"]
    found = {name: sum_["amount"] for name, sum_ in row.items() if isinstance(sum_, dict)}

    assert row["shots"] == 6
    assert found == {
        "estimate": 0.1,
        "actual": 0.08,
        "difference": -0.02,
        "in_flight": 0.1,
        "unclear": 0.2,
        "untold": 0.2,
        "booked": 0.58,
    }


def test_currencies_are_never_added_up_and_the_unknown_is_no_zero(book, capsys) -> None:
    """A row per currency, and one of nulls for what has no known price."""
    book("a")
    book("b", price=Money(amount=Decimal(1), currency="CNY"), price_most=None)
    book("c", price=None, price_most=None)
    document = json.loads(spend(capsys, "--json"))

    by_currency = {row["booked"]["currency"]: row for row in document["totals"]}
    assert by_currency["USD"]["booked"]["amount"] == 0.08
    assert by_currency["CNY"]["booked"]["amount"] == 1
    assert by_currency["CNY"]["estimate"]["amount"] is None
    assert by_currency["CNY"]["difference"]["amount"] is None
    assert by_currency[None]["booked"]["amount"] is None
    assert "unknown" in spend(capsys)


def test_what_was_rehearsed_stands_apart(book, capsys) -> None:
    """Loopback charges nothing, and is in no sum of what is paid."""
    book("a")
    book("b", previz=True, price=usd("7"))
    document = json.loads(spend(capsys, "--json"))

    found = [(row["previz"], row["booked"]["amount"]) for row in document["totals"]]
    assert found == [(False, 0.08), (True, 7.0)]
    text = spend(capsys)
    assert text.index("paid to vendors") < text.index("rehearsed on this machine")


def test_the_lines_for_a_spreadsheet_are_plain_csv_without_formulas(book, capsys) -> None:
    """RFC 4180: CRLF, quotes where they must be; no cell of text begins a formula."""
    book("a", board="=cmd|' /C calc'!A0")
    book("b", board='say "hi", twice')
    book("c", board="-2+3")
    book("d", board="@sum", price=usd("0.123456789"))
    out = spend(capsys, "--csv")

    assert out.endswith("\r\n")
    assert out.count("\r\n") == 5
    assert '"say ""hi"", twice"' in out
    head, *lines = csv.reader(io.StringIO(out, newline=""))
    assert head[:5] == ["board", "previz", "currency", "shots", "estimate"]
    assert [line[0] for line in lines] == ["'-2+3", "'=cmd|' /C calc'!A0", "'@sum",
                                           'say "hi", twice']  # fmt: skip
    assert dict(zip(head, lines[2], strict=True))["actual"] == "0.123457"
    assert dict(zip(head, lines[0], strict=True))["difference"] == "-0.02"
    assert {line[1] for line in lines} == {"no"}


def test_a_store_without_receipts_says_so(book, capsys, tmp_path: Path) -> None:
    """Nothing is made, and the place that was looked at is named."""
    assert spend(capsys) == f"nothing is booked in {tmp_path / '.shotchain'}\n"
    assert json.loads(spend(capsys, "--json"))["rows"] == []
    assert not (tmp_path / ".shotchain").exists()


def test_a_damaged_receipt_is_no_missing_one(book, capsys, tmp_path: Path) -> None:
    """A sum without it would be too low: exit 1 names it."""
    book("a")
    (tmp_path / ".shotchain/shots/a/receipt.json").write_text("{")

    assert main(["spend"]) == 1
    assert "receipt.json is damaged" in capsys.readouterr().err


def test_csv_and_json_are_two_answers(book, capsys) -> None:
    """One of them at a time."""
    assert main(["spend", "--csv", "--json"]) == 2
    assert "not both" in capsys.readouterr().err


def test_the_nearest_store_above_is_the_one(book, capsys, tmp_path: Path, monkeypatch) -> None:
    """As for a board that lies here."""
    book("a")
    (tmp_path / "boards").mkdir()
    monkeypatch.chdir(tmp_path / "boards")

    assert "spot" in rows(capsys)


def test_adding_up_starts_neither_prefect_nor_http(book, tmp_path: Path) -> None:
    """It answers as quickly as `check`."""
    book("a")
    code = (
        "import sys; from flows.cli.main import main; main(['spend']); "
        "assert not {'prefect', 'httpx', 'av', 'asyncio', 'rich'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(ROOT)})
