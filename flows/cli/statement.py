"""What was spent, added up by board, provider, client or month: rows, and how they are told.

A row has one currency and compares like with like: estimate and actual are of those shots of which
the vendor told the usage. What else is booked stands beside them, so that nothing is hidden.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from storyboards.models import Money
from tasks.budgets.ledger import LedgerEntry
from tasks.budgets.money import format_exact_amount

By = Literal["board", "provider", "client", "month"]

NOBODY = "-"
"""The client of a board that no budget names."""

COLUMNS = ("estimate", "actual", "difference", "in flight", "unclear", "untold", "booked")

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


class StatementRow(NamedTuple):
    """The sums of one group in one currency. None is unknown."""

    name: str
    currency: str | None
    """Empty for what is free, None for what has no known price."""
    shots: int
    """Renders that are paid or may be."""
    estimate: Decimal | None
    """The most that was said before sending, of what the vendor told the usage of."""
    actual: Decimal | None
    """The same by the vendor's usage."""
    in_flight: Decimal | None
    """The most that the jobs may cost that are still at the vendor."""
    unclear: Decimal | None
    """The most that those may cost of which it is not known whether they were taken."""
    untold: Decimal | None
    """Booked at the estimate: the vendor told no usage."""

    @property
    def difference(self) -> Decimal | None:
        """How much more than estimated it was; less is negative."""
        return None if self.actual is None or self.estimate is None else self.actual - self.estimate

    @property
    def booked(self) -> Decimal | None:
        """What counts against a budget."""
        return _sum([self.actual, self.in_flight, self.unclear, self.untold])

    @property
    def sums(self) -> tuple[Decimal | None, ...]:
        """The sums in the order of the columns."""
        mid = (self.in_flight, self.unclear, self.untold)
        return (self.estimate, self.actual, self.difference, *mid, self.booked)


def summarize(
    entries: Iterable[LedgerEntry], name_of: Callable[[LedgerEntry], str]
) -> list[StatementRow]:
    """A row per group and currency, in the order of their names, of entries that cost something."""
    groups: dict[tuple[str, str | None], list[LedgerEntry]] = {}
    for entry in entries:
        groups.setdefault((name_of(entry), _currency(entry)), []).append(entry)
    keys = sorted(groups, key=lambda key: (key[0], key[1] or ""))
    return [_row(*key, groups[key]) for key in keys]


def summarize_totals(entries: Iterable[LedgerEntry]) -> list[StatementRow]:
    """The sums of everything, a row per currency."""
    return summarize(entries, lambda entry: "total")


def grouping_by(by: By, client_of: Callable[[str], str]) -> Callable[[LedgerEntry], str]:
    """How an entry is grouped; a client's name is found by the board's."""
    names: Mapping[By, Callable[[LedgerEntry], str]] = {
        "board": lambda entry: entry.attempt.board,
        "provider": lambda entry: entry.attempt.provider,
        "client": lambda entry: client_of(entry.attempt.board),
        "month": lambda entry: entry.month,
    }
    return names[by]


def _row(name: str, currency: str | None, entries: Sequence[LedgerEntry]) -> StatementRow:
    told = [one for one in entries if one.actual_price is not None]
    silent = [one for one in entries if one.actual_price is None]
    flying = [one.booked_price for one in silent if one.is_in_flight]
    unclear = [one.booked_price for one in silent if one.is_unclear]
    untold = [one.booked_price for one in silent if not one.is_in_flight and not one.is_unclear]
    return StatementRow(
        name,
        currency,
        len(entries),
        estimate=_amounts([one.max_price for one in told]),
        actual=_amounts([one.actual_price for one in told]),
        in_flight=_amounts(flying),
        unclear=_amounts(unclear),
        untold=_amounts(untold),
    )


def _currency(entry: LedgerEntry) -> str | None:
    price = entry.actual_price or entry.max_price
    return price.currency if price else None


def _amounts(prices: Iterable[Money | None]) -> Decimal | None:
    return _sum([None if price is None else price.amount for price in prices])


def _sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """A sum, unknown where a part of it is."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None


def row_document(row: StatementRow, *, previz: bool) -> dict[str, Any]:
    """A row as JSON: each sum an amount with its currency."""
    told = {
        column.replace(" ", "_"): _money_json(amount, row.currency)
        for column, amount in zip(COLUMNS, row.sums, strict=True)
    }
    return {"name": row.name, "previz": previz, "shots": row.shots, **told}


def _money_json(amount: Decimal | None, currency: str | None) -> dict[str, Any]:
    if amount is None:
        return {"amount": None, "currency": currency or None}
    return {"amount": float(round(amount, 6)), "currency": currency or None}


def format_csv(by: By, sections: Mapping[bool, Sequence[StatementRow]]) -> str:
    """Rows as RFC 4180 has them, CRLF at their ends; `sections` by whether it is previz."""
    text = io.StringIO()
    writer = csv.writer(text)
    names = [column.replace(" ", "_") for column in COLUMNS]
    writer.writerow([by, "previz", "currency", "shots", *names])
    for previz, rows in sections.items():
        for row in rows:
            sums = ["" if one is None else format_exact_amount(one) for one in row.sums]
            kind = "yes" if previz else "no"
            writer.writerow([_cell(row.name), kind, row.currency or "", row.shots, *sums])
    return text.getvalue()


def _cell(word: str) -> str:
    """Text that no spreadsheet takes for a formula. A dash alone is none."""
    return f"'{word}" if word.startswith(_FORMULA) and len(word) > 1 else word


def format_table(by: By, rows: Sequence[StatementRow], totals: Sequence[StatementRow]) -> str:
    """Rows for a person, the totals beneath; columns of which nothing is to say are left out."""
    every = [*rows, *totals] if len(rows) > len(totals) else list(rows)
    shown = [
        column
        for column, name in enumerate(COLUMNS)
        if name in COLUMNS[:3] or any(row.sums[column] != 0 for row in every)
    ]
    lines = [[by, "shots", *(COLUMNS[column] for column in shown)]]
    for row in every:
        cells = (_said(row.sums[column], row.currency) for column in shown)
        lines.append([row.name, str(row.shots), *cells])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_aligned(line, widths) for line in lines)


def _said(amount: Decimal | None, currency: str | None) -> str:
    if amount is None:
        return "unknown"
    return f"{format_exact_amount(amount)} {currency}".strip() if amount else "0"


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    first = cells[0].ljust(widths[0])
    rest = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return "  ".join([first, *rest])
