"""`shotchain spend` from outside: the booked sums, estimate beside actual."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.cli.main import main
from storyboards.models import Money
from tasks.store.atomic_files import write_record
from tasks.store.layout import Store
from tasks.store.receipts import Attempt, AttemptState, Receipt, StoredFile
from tests.support.documents import read_block

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

Capture = pytest.CaptureFixture[str]
Book = Callable[..., None]


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    """Write receipts to a store in the working directory: `book("k", board="spot")`."""
    monkeypatch.chdir(tmp_path)
    store = Store(tmp_path / ".shotchain")

    def put(key: str, *, loopback: bool = False, **fields: Any) -> None:
        receipt = Receipt(key, (replace(ATTEMPT, **fields),))
        store.records(loopback=loopback).write(key, receipt.to_record())

    return put


def usd(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


def spend(capsys: Capture, *argv: str) -> str:
    """Return what `spend` prints."""
    assert main(["spend", *argv]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def spend_lines(capsys: Capture, *argv: str) -> dict[str, dict[str, Any]]:
    """Return the lines of `spend --json` by their names."""
    document = json.loads(spend(capsys, "--json", *argv))
    return {line["name"]: line for line in document["rows"]}


def test_spend_prints_a_line_per_board(book: Book, capsys: Capture) -> None:
    """The table has a line per board with estimate, actual and difference, and the totals."""
    book("a")
    book("b", price=usd("0.11"))
    book("c", board="film", max_price=usd("1"), price=usd("1"))

    lines = spend(capsys).splitlines()

    assert lines[0] == "paid to vendors:"
    assert lines[2].split() == ["board", "shots", "estimate", "actual", "difference", "booked"]
    assert [" ".join(line.split()) for line in lines[3:6]] == [
        "film 1 1.00 USD 1.00 USD 0 1.00 USD",
        "spot 2 0.20 USD 0.19 USD -0.01 USD 0.19 USD",
        "total 3 1.20 USD 1.19 USD -0.01 USD 1.19 USD",
    ]
    assert lines[-3] == "prices of 2026-09-13: a price list"
    assert lines[-1] == f"booked in {Path.cwd()}/.shotchain; a budget counts within one store"


def test_readme_shows_real_output_of_spend(book: Book, capsys: Capture) -> None:
    """The example in the README is what `spend` prints for these receipts."""
    source = {"price_list_date": "2026-11-01", "price_list_source": "our contract"}
    spot = {"max_price": usd("0.36"), **source}
    for key, price in (("a", "0.31"), ("b", "0.32"), ("c", "0.32")):
        estimate = usd("0.31" if key == "a" else "0.33")
        book(key, board="lighthouse", price=usd(price), max_price=estimate, **source)
    book("d", price=usd("0.36"), **spot)
    book("e", price=None, state=AttemptState.SUBMITTED, **spot)

    text = spend(capsys).replace(str(Path.cwd()), "/films")
    assert text == read_block("flows/README.md", "spend")


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("board", ["film", "spot"]),
        ("provider", ["ark", "modelark"]),
        ("month", ["2026-06", "2026-07"]),
        ("client", ["-"]),
    ],
)
def test_spend_groups_lines_by_option(
    book: Book, capsys: Capture, by: str, names: list[str]
) -> None:
    """A line stands for a board, a provider, a client, or a calendar month in UTC."""
    book("a")
    book("b", board="film", provider="ark", intended_at="2026-07-01T00:00:00.000+00:00")

    assert sorted(spend_lines(capsys, "--by", by)) == names


def test_spend_client_is_first_budget_with_the_board(
    book: Book, capsys: Capture, tmp_path: Path
) -> None:
    """The client of a board is the first budget in the file that names it."""
    (tmp_path / "shotchain.toml").write_text(TOML)
    book("a", board="spot-1")
    book("b", board="spot-2", price=usd("1"))
    book("c", board="other")

    lines = spend_lines(capsys, "--by", "client")

    amounts = {name: line["actual"]["amount"] for name, line in lines.items()}
    assert amounts == {"acme": 1.08, "-": 0.08}


def test_spend_has_all_that_may_be_charged(book: Book, capsys: Capture) -> None:
    """Renders in flight, unclear, or without reported usage have columns and are booked."""
    no_usage = {"price": None, "max_price": usd("0.10")}
    book("with-usage")
    book("flying", state=AttemptState.SUBMITTED, **no_usage)
    book("sending", state=AttemptState.INTENDED, **no_usage)
    book("unclear", state=AttemptState.UNCLEAR, **no_usage)
    book("given-up", state=AttemptState.ABANDONED, **no_usage)
    book("kept", **no_usage)
    book("failed", state=AttemptState.FAILED, **no_usage)
    book("closed", state=AttemptState.CLOSED, **no_usage)

    line = spend_lines(capsys)["spot"]

    assert line["shots"] == 6
    amounts = {name: value["amount"] for name, value in line.items() if isinstance(value, dict)}
    assert amounts == {
        "estimate": 0.1,
        "actual": 0.08,
        "difference": -0.02,
        "in_flight": 0.1,
        "unclear": 0.2,
        "untold": 0.2,
        "booked": 0.58,
        "price_per_used_second": None,
    }


def test_spend_has_a_line_per_currency(book: Book, capsys: Capture) -> None:
    """Currencies are not added up; unknown prices have a line of nulls, not of zeros."""
    book("a")
    book("b", price=Money(amount=Decimal(1), currency="CNY"), max_price=None)
    book("c", price=None, max_price=None)
    document = json.loads(spend(capsys, "--json"))

    by_currency = {line["booked"]["currency"]: line for line in document["totals"]}
    assert by_currency["USD"]["booked"]["amount"] == 0.08
    assert by_currency["CNY"]["booked"]["amount"] == 1
    assert by_currency["CNY"]["estimate"]["amount"] is None
    assert by_currency["CNY"]["difference"]["amount"] is None
    assert by_currency[None]["booked"]["amount"] is None
    assert "unknown" in spend(capsys)


def test_spend_separates_loopback_from_paid(book: Book, capsys: Capture) -> None:
    """Renders over loopback are not charged and have sums of their own."""
    book("a")
    book("b", loopback=True, price=usd("7"))
    document = json.loads(spend(capsys, "--json"))

    sums = [(line["previz"], line["booked"]["amount"]) for line in document["totals"]]
    assert sums == [(False, 0.08), (True, 7.0)]
    text = spend(capsys)
    assert text.index("paid to vendors") < text.index("rehearsed on this machine, at no charge")


def test_spend_csv_has_no_formulas(book: Book, capsys: Capture) -> None:
    """The CSV follows RFC 4180, and no text in it begins like a formula."""
    book("a", board="=cmd|' /C calc'!A0")
    book("b", board='cut "B", twice')
    book("c", board="-2+3")
    book("d", board="@sum", price=usd("0.123456789"))
    out = spend(capsys, "--csv")

    assert out.endswith("\r\n")
    assert out.count("\r\n") == 5
    assert '"cut ""B"", twice"' in out
    header, *lines = csv.reader(io.StringIO(out, newline=""))
    assert header[:5] == ["board", "previz", "currency", "shots", "estimate"]
    assert [line[0] for line in lines] == ["'-2+3", "'=cmd|' /C calc'!A0", "'@sum",
                                           'cut "B", twice']  # fmt: skip
    assert dict(zip(header, lines[2], strict=True))["actual"] == "0.123457"
    assert dict(zip(header, lines[0], strict=True))["difference"] == "-0.02"
    assert {line[1] for line in lines} == {"no"}


@pytest.mark.usefixtures("book")
def test_spend_without_receipts_names_the_store(capsys: Capture, tmp_path: Path) -> None:
    """Without receipts the store is named, and not created."""
    assert spend(capsys) == f"nothing is booked in {tmp_path / '.shotchain'}\n"
    assert json.loads(spend(capsys, "--json"))["rows"] == []
    assert not (tmp_path / ".shotchain").exists()


def test_spend_damaged_receipt_ends_with_1(book: Book, capsys: Capture, tmp_path: Path) -> None:
    """A damaged receipt is an error, because a sum without it would be too low."""
    book("a")
    (tmp_path / ".shotchain/shots/a/receipt.json").write_text("{")

    assert main(["spend"]) == 1
    assert "receipt.json is damaged" in capsys.readouterr().err


@pytest.mark.usefixtures("book")
def test_spend_csv_with_json_ends_with_2(capsys: Capture) -> None:
    """--csv and --json exclude each other."""
    assert main(["spend", "--csv", "--json"]) == 2
    assert "not both" in capsys.readouterr().err


def test_spend_uses_the_nearest_store_above(
    book: Book, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is found as for a board in the working directory."""
    book("a")
    (tmp_path / "boards").mkdir()
    monkeypatch.chdir(tmp_path / "boards")

    assert "spot" in spend_lines(capsys)


def test_spend_imports_no_heavy_library(book: Book) -> None:
    """`spend` imports neither Prefect nor what only a run needs."""
    book("a")
    code = (
        "import sys; from flows.cli.main import main; main(['spend']); "
        "assert not {'prefect', 'httpx', 'av', 'asyncio', 'rich'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(ROOT)})


def test_spend_price_per_used_second(book: Book, capsys: Capture, tmp_path: Path) -> None:
    """Each shot and the total have the booked sum for each second that films show, once."""
    clips = {name: StoredFile("clip.mp4", name * 64, 9) for name in "abc"}
    book("1", shot="one", take=1, clip=clips["a"])
    book("2", shot="one", take=2, clip=clips["b"])
    book("3", shot="two", clip=clips["c"])
    films = tmp_path / ".shotchain" / "films"
    write_record(films / "spot.json", {"used": {"a" * 64: [[0, 48], [24, 72]]}})
    write_record(films / "spot-short.json", {"used": {"a" * 64: [[60, 96]], "d" * 64: [[0, 9]]}})
    write_record(films / "odd.json", {"used": {"c" * 64: ["x", [1, None], 5], "b" * 64: 7}})

    table = spend(capsys, "--by", "shot")
    (line,) = [line.split() for line in table.splitlines() if line.startswith("spot/one")]
    assert line[-5:] == ["0.16", "USD", "4", "0.04", "USD"]
    document = json.loads(spend(capsys, "--by", "shot", "--json"))
    lines = document["rows"]
    prices = {line["name"]: line["price_per_used_second"]["amount"] for line in lines}
    assert prices == {"spot/one": 0.04, "spot/two": None}
    (total,) = document["totals"]
    assert (total["used_seconds"], total["price_per_used_second"]["amount"]) == (4.0, 0.06)
    (first, second) = csv.DictReader(io.StringIO(spend(capsys, "--by", "shot", "--csv")))
    assert (first["used_seconds"], first["price_per_used_second"]) == ("4.00", "0.04")
    assert (second["used_seconds"], second["price_per_used_second"]) == ("0.00", "")
