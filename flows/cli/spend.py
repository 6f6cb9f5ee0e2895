"""`shotchain spend`: show what the store has booked, estimate beside actual. Offline, read-only."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

from flows.cli.arguments import add_store, find_store_path
from flows.cli.output import print_output
from flows.cli.statement import (
    NO_CLIENT,
    Grouping,
    StatementLine,
    format_csv,
    format_table,
    line_document,
    make_group_of,
    sum_all,
    sum_by_group,
)
from tasks.budgets.ledger import Ledger, LedgerEntry
from tasks.config.loader import load_config
from tasks.errors import UsageError
from tasks.settings import read_settings
from tasks.store.layout import Store
from tasks.store.used_frames import read_used_frames

TITLES = {False: "paid to vendors", True: "rehearsed on this machine, at no charge"}
"""Titles of the sections, by whether their vendors are on this machine."""


class Section(NamedTuple):
    """The sums of all renders at vendors, or of those at vendors on this machine."""

    is_loopback: bool
    entries: Sequence[LedgerEntry]
    lines: Sequence[StatementLine]
    totals: Sequence[StatementLine]


EXAMPLES = """\
# estimate and actual of every board in this store
shotchain spend
# what each shot cost for a second that a film shows, all its takes together
shotchain spend --by shot
# per month, for a spreadsheet
shotchain spend --by month --csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `spend`."""
    by = "a line for each board (the default), shot, provider, client or month"
    choices = get_args(Grouping)
    parser.add_argument("--by", metavar="WHAT", choices=choices, default="board", help=by)
    parser.add_argument("--csv", action="store_true", help="print the lines for a spreadsheet")
    add_store(parser)


def run_command(arguments: argparse.Namespace) -> int:
    """Print the sums and return the exit code.

    Raises:
        UsageError: Both --csv and --json are given.
        StoreError: A receipt is damaged.
        InvalidConfiguration: A `shotchain.toml` is wrong; it is read for `--by client` only.
    """
    if arguments.csv and arguments.json:
        msg = "give --csv or --json, not both"
        raise UsageError(msg)
    grouping: Grouping = arguments.by
    client_of = _load_clients() if grouping == "client" else lambda _: NO_CLIENT
    store = Store(find_store_path(arguments))
    sections = _read_sections(store, make_group_of(grouping, client_of))
    if arguments.csv:
        lines = {section.is_loopback: section.lines for section in sections}
        sys.stdout.write(format_csv(grouping, lines))
        return 0
    print_output(
        lambda: _document(store, sections, grouping),
        lambda: _text(store, sections, grouping),
        as_json=arguments.json,
    )
    return 0


def _load_clients() -> Callable[[str], str]:
    """Return the function that returns the client of a board.

    A client is the first budget of `shotchain.toml` that names the board.
    """
    # Trusting the file is safe: nothing is sent to its providers.
    config = load_config(read_settings(), Path.cwd(), trust=True)

    def client_of(board: str) -> str:
        budgets = config.budgets_for(board)
        return next((budget.name for budget in budgets if budget.boards is not None), NO_CLIENT)

    return client_of


def _read_sections(store: Store, group_of: Callable[[LedgerEntry], str]) -> list[Section]:
    """Return the sections that have entries."""
    sections = []
    used_frames = read_used_frames(store)
    for is_loopback in TITLES:
        entries = Ledger(store.records(loopback=is_loopback)).entries()
        charged = [entry for entry in entries if entry.is_charged]
        if charged:
            lines = sum_by_group(charged, group_of, used_frames)
            totals = sum_all(charged, used_frames)
            sections.append(Section(is_loopback, charged, lines, totals))
    return sections


def _text(store: Store, sections: Sequence[Section], grouping: Grouping) -> str:
    blocks = [
        f"{TITLES[section.is_loopback]}:\n\n{format_table(grouping, section.lines, section.totals)}"
        for section in sections
    ]
    sources = [f"prices of {date}: {source}" for date, source in _price_lists(sections)]
    if sources:
        blocks.append("\n".join(sources))
    if not blocks:
        return f"nothing is booked in {store.root}"
    return "\n\n".join([*blocks, f"booked in {store.root}; a budget counts within one store"])


def _document(store: Store, sections: Sequence[Section], grouping: Grouping) -> dict[str, Any]:
    return {
        "store": str(store.root),
        "by": grouping,
        "rows": [
            line_document(line, is_loopback=section.is_loopback)
            for section in sections
            for line in section.lines
        ],
        "totals": [
            line_document(line, is_loopback=section.is_loopback)
            for section in sections
            for line in section.totals
        ],
        "price_lists": [
            {"dated": date, "source": source} for date, source in _price_lists(sections)
        ],
    }


def _price_lists(sections: Sequence[Section]) -> list[tuple[str, str]]:
    """Return the dates and sources of the price lists that the estimates are from."""
    attempts = [entry.attempt for section in sections for entry in section.entries]
    return sorted(
        {
            (attempt.price_list_date, attempt.price_list_source)
            for attempt in attempts
            if attempt.price_list_date and attempt.price_list_source
        }
    )
