"""Sums of what was spent by board, provider, client or month, as a table, CSV and JSON.

A line has one currency. Its estimate and actual are of the same shots: those whose usage the vendor
reported. Everything else that is booked has columns of its own. `spend` reads the ledger.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from flows.cli.output.style import cell_width, pad
from storyboards.models import Money
from storyboards.terminal_text import escape_control_chars
from tasks.budgets.ledger import LedgerEntry
from tasks.budgets.money import format_exact_amount
from tasks.media.film_format import FRAMES_PER_SECOND

Grouping = Literal["board", "shot", "provider", "client", "month"]
"""The property of an entry that a line stands for."""

NO_CLIENT = "-"
"""The client of a board that no budget names."""

COLUMNS = ("estimate", "actual", "difference", "in flight", "unclear", "untold", "booked")

USE_COLUMNS = ("used seconds", "price per used second")
"""Columns of what films show: each frame once, and the booked sum for each of its seconds."""

ALWAYS_SHOWN = COLUMNS[:3]
"""Columns of the table that are shown even if all their sums are zero."""

_FORMULA_START = ("=", "+", "-", "@", "\t", "\r")
"""Characters at which a spreadsheet takes a cell for a formula."""


class StatementLine(NamedTuple):
    """The sums of one group in one currency; None is an unknown sum."""

    name: str
    currency: str | None
    """Empty if everything is free, None if no price is known."""
    shot_count: int
    """Renders that are paid or may be charged."""
    estimate: Decimal | None
    """The maximum price, as estimated before sending, of renders whose usage is known."""
    actual: Decimal | None
    """The price of the same renders by the vendor's usage."""
    in_flight: Decimal | None
    """The maximum price of jobs that are still at the vendor."""
    unclear: Decimal | None
    """The maximum price of requests that the vendor may have accepted."""
    untold: Decimal | None
    """The maximum price of renders whose usage the vendor did not report."""
    used_frames: int = 0
    """Frames of these renders that a film shows."""

    @property
    def difference(self) -> Decimal | None:
        """The actual minus the estimate."""
        if self.actual is None or self.estimate is None:
            return None
        return self.actual - self.estimate

    @property
    def booked(self) -> Decimal | None:
        """The sum that counts against a budget."""
        return _sum_amounts([self.actual, self.in_flight, self.unclear, self.untold])

    @property
    def used_seconds(self) -> Decimal:
        """The time of these renders that a film shows."""
        return Decimal(self.used_frames) / FRAMES_PER_SECOND

    @property
    def price_per_used_second(self) -> Decimal | None:
        """The booked sum for each second that a film shows; None if it shows none."""
        if self.booked is None or not self.used_frames:
            return None
        return self.booked / self.used_seconds

    @property
    def sums(self) -> tuple[Decimal | None, ...]:
        """The sums in the order of COLUMNS."""
        not_actual = (self.in_flight, self.unclear, self.untold)
        return (self.estimate, self.actual, self.difference, *not_actual, self.booked)


def sum_by_group(
    entries: Iterable[LedgerEntry],
    group_of: Callable[[LedgerEntry], str],
    used_frames: Mapping[str, int],
) -> list[StatementLine]:
    """Return a line per group and currency, sorted by both.

    Args:
        entries: The entries that are paid or may be charged.
        group_of: Returns the name of an entry's group.
        used_frames: The number of frames that films show of a clip, by the digest of the clip.
    """
    groups: dict[tuple[str, str | None], list[LedgerEntry]] = {}
    for entry in entries:
        groups.setdefault((group_of(entry), _currency(entry)), []).append(entry)
    keys = sorted(groups, key=lambda key: (key[0], key[1] or ""))
    return [
        _sum_entries(name, currency, groups[name, currency])._replace(
            used_frames=_count_used_frames(groups[name, currency], used_frames)
        )
        for name, currency in keys
    ]


def sum_all(entries: Iterable[LedgerEntry], used_frames: Mapping[str, int]) -> list[StatementLine]:
    """Return the totals, a line per currency."""
    return sum_by_group(entries, lambda _: "total", used_frames)


def _count_used_frames(entries: Iterable[LedgerEntry], used_frames: Mapping[str, int]) -> int:
    digests = {entry.attempt.clip.sha256 for entry in entries if entry.attempt.clip}
    return sum(used_frames.get(digest, 0) for digest in digests)


def make_group_of(
    grouping: Grouping, client_of: Callable[[str], str]
) -> Callable[[LedgerEntry], str]:
    """Return the function that returns the name of an entry's group.

    Args:
        grouping: The property that groups entries.
        client_of: Returns the client of a board, by the board's name.
    """
    functions: Mapping[Grouping, Callable[[LedgerEntry], str]] = {
        "board": lambda entry: entry.attempt.board,
        "shot": lambda entry: f"{entry.attempt.board}/{entry.attempt.shot}",
        "provider": lambda entry: entry.attempt.provider,
        "client": lambda entry: client_of(entry.attempt.board),
        "month": lambda entry: entry.month,
    }
    return functions[grouping]


def _sum_entries(name: str, currency: str | None, entries: Sequence[LedgerEntry]) -> StatementLine:
    with_usage = [entry for entry in entries if entry.actual_price is not None]
    without_usage = [entry for entry in entries if entry.actual_price is None]
    in_flight = [entry for entry in without_usage if entry.is_in_flight]
    unclear = [entry for entry in without_usage if entry.is_unclear]
    untold = [entry for entry in without_usage if not entry.is_in_flight and not entry.is_unclear]
    return StatementLine(
        name,
        currency,
        len(entries),
        estimate=_sum_prices(entry.max_price for entry in with_usage),
        actual=_sum_prices(entry.actual_price for entry in with_usage),
        in_flight=_sum_prices(entry.booked_price for entry in in_flight),
        unclear=_sum_prices(entry.booked_price for entry in unclear),
        untold=_sum_prices(entry.booked_price for entry in untold),
    )


def _currency(entry: LedgerEntry) -> str | None:
    price = entry.actual_price or entry.max_price
    return price.currency if price else None


def _sum_prices(prices: Iterable[Money | None]) -> Decimal | None:
    return _sum_amounts([None if price is None else price.amount for price in prices])


def _sum_amounts(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """Return the sum, None if an amount is unknown."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None


def line_document(line: StatementLine, *, is_loopback: bool) -> dict[str, Any]:
    """Return a line as JSON: each sum an amount with its currency."""
    sums = {
        _field_name(column): _amount_json(amount, line.currency)
        for column, amount in zip(COLUMNS, line.sums, strict=True)
    }
    return {
        "name": line.name,
        "previz": is_loopback,
        "shots": line.shot_count,
        **sums,
        "used_seconds": float(round(line.used_seconds, 3)),
        "price_per_used_second": _amount_json(line.price_per_used_second, line.currency),
    }


def _field_name(column: str) -> str:
    return column.replace(" ", "_")


def _amount_json(amount: Decimal | None, currency: str | None) -> dict[str, Any]:
    number = None if amount is None else float(round(amount, 6))
    return {"amount": number, "currency": currency or None}


def format_csv(grouping: Grouping, lines: Mapping[bool, Sequence[StatementLine]]) -> str:
    """Return lines as CSV after RFC 4180, with CRLF line ends.

    Args:
        grouping: The property that a line stands for, the title of the first column.
        lines: The lines, by whether their vendors are on this machine.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    head = [grouping, "previz", "currency", "shots", *map(_field_name, COLUMNS)]
    writer.writerow([*head, *map(_field_name, USE_COLUMNS)])
    for is_loopback, group in lines.items():
        for line in group:
            used = (round(line.used_seconds, 3), _round_price(line.price_per_used_second))
            sums = [
                "" if amount is None else format_exact_amount(amount)
                for amount in (*line.sums, *used)
            ]
            kind = "yes" if is_loopback else "no"
            name = _escape_formula(line.name)
            writer.writerow([name, kind, line.currency or "", line.shot_count, *sums])
    return text.getvalue()


def _escape_formula(text: str) -> str:
    """Return text that a spreadsheet does not take for a formula; a single dash is not one."""
    return f"'{text}" if text.startswith(_FORMULA_START) and len(text) > 1 else text


def format_table(
    grouping: Grouping, lines: Sequence[StatementLine], totals: Sequence[StatementLine]
) -> str:
    """Return lines as a table, the totals below.

    Totals are left out if they would repeat the lines, columns if all their sums are zero.
    """
    shown = [*lines, *totals] if len(lines) > len(totals) else list(lines)
    columns = [
        index
        for index, column in enumerate(COLUMNS)
        if column in ALWAYS_SHOWN or any(line.sums[index] != 0 for line in shown)
    ]
    is_used = any(line.used_frames for line in shown)
    use_columns = USE_COLUMNS if is_used else ()
    table = [[grouping, "shots", *(COLUMNS[index] for index in columns), *use_columns]]
    for line in shown:
        sums = (_format_amount(line.sums[index], line.currency) for index in columns)
        used = _format_use(line) if is_used else ()
        name = escape_control_chars(line.name)
        table.append([name, str(line.shot_count), *sums, *used])
    widths = [max(map(cell_width, cells)) for cells in zip(*table, strict=True)]
    return "\n".join(_align(cells, widths) for cells in table)


def _format_use(line: StatementLine) -> tuple[str, str]:
    price = _round_price(line.price_per_used_second)
    per_second = "-" if price is None else _format_amount(price, line.currency)
    return f"{round(float(line.used_seconds), 2):g}", per_second


def _round_price(price: Decimal | None) -> Decimal | None:
    return None if price is None else round(price, 6)


def _format_amount(amount: Decimal | None, currency: str | None) -> str:
    if amount is None:
        return "unknown"
    return f"{format_exact_amount(amount)} {currency}".strip() if amount else "0"


def _align(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Return the cells as a line: the name to the left, numbers to the right."""
    first = pad(cells[0], widths[0])
    numbers = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return "  ".join([first, *numbers])
