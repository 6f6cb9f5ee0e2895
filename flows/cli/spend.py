"""`shotchain spend`: what the store has booked, estimate beside actual. Offline; writes nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flows.cli.arguments import Commands, add_command, add_store, find_store_path, print_output
from tasks.errors import UsageError

if TYPE_CHECKING:
    from flows.cli.statement import By
    from tasks.budgets.ledger import LedgerEntry
    from tasks.store.layout import Store

BY = ("board", "provider", "client", "month")

TITLES = {False: "paid to vendors", True: "rehearsed on this machine, where nothing is charged"}
"""What came over loopback stands apart, by whether it did."""


class Section(NamedTuple):
    """The entries of one shelf, and what they are called for a person."""

    previz: bool
    title: str
    entries: Sequence[LedgerEntry]


def add(commands: Commands) -> None:
    """Add the command."""
    command = add_command(commands, "spend", "say what was spent, estimate beside actual", _spend)
    command.add_argument("--by", choices=BY, default="board", help="what a line stands for")
    command.add_argument("--csv", action="store_true", help="print the lines for a spreadsheet")
    add_store(command)


def _spend(arguments: argparse.Namespace) -> int:
    from flows.cli import statement
    from tasks.store.layout import Store

    if arguments.csv and arguments.json:
        msg = "give --csv or --json, not both"
        raise UsageError(msg)
    store = Store(find_store_path(arguments))
    client_of = _client_of() if arguments.by == "client" else None
    name_of = statement.grouping_by(arguments.by, client_of or (lambda board: statement.NOBODY))
    sections = _sections(store)
    if arguments.csv:
        rows = {one.previz: statement.summarize(one.entries, name_of) for one in sections}
        sys.stdout.write(statement.format_csv(arguments.by, rows))
        return 0
    text = "" if arguments.json else _text(store, sections, arguments.by, name_of)
    print_output(_document(store, sections, arguments.by, name_of), text, arguments)
    return 0


def _client_of() -> Callable[[str], str]:
    """A client is a budget that names boards; the first one that names this one."""
    from flows.cli.statement import NOBODY
    from tasks.config.loader import load_config
    from tasks.settings import read_settings

    # Trusted with names and nothing else: nothing is sent anywhere.
    configuration = load_config(read_settings(), Path.cwd(), trust=True)

    def client_of(board: str) -> str:
        named = (wall.name for wall in configuration.budgets_for(board) if wall.boards is not None)
        return next(named, NOBODY)

    return client_of


def _sections(store: Store) -> list[Section]:
    from tasks.budgets.ledger import Ledger

    found = []
    for previz, title in TITLES.items():
        every = Ledger(store.records(loopback=previz)).entries()
        costs = [entry for entry in every if entry.is_charged]
        found += [Section(previz, title, costs)] if costs else []
    return found


def _text(
    store: Store, sections: Sequence[Section], by: By, name_of: Callable[[LedgerEntry], str]
) -> str:
    from flows.cli.statement import format_table, summarize, summarize_totals

    lines = [f"nothing is booked in {store.root}"] if not sections else []
    for one in sections:
        lines += [f"{one.title}:", ""]
        lines += [
            format_table(by, summarize(one.entries, name_of), summarize_totals(one.entries)),
            "",
        ]
    lists = _price_lists(sections)
    lines += [f"prices of {dated}: {source}" for dated, source in lists]
    return "\n".join(lines).rstrip()


def _document(
    store: Store, sections: Sequence[Section], by: By, name_of: Callable[[LedgerEntry], str]
) -> dict[str, Any]:
    from flows.cli.statement import row_document, summarize, summarize_totals

    def told(one: Section, rows: Sequence[Any]) -> list[dict[str, Any]]:
        return [row_document(row, previz=one.previz) for row in rows]

    return {
        "store": str(store.root),
        "by": by,
        "rows": [row for one in sections for row in told(one, summarize(one.entries, name_of))],
        "totals": [row for one in sections for row in told(one, summarize_totals(one.entries))],
        "price_lists": [
            {"dated": dated, "source": source} for dated, source in _price_lists(sections)
        ],
    }


def _price_lists(sections: Sequence[Section]) -> list[tuple[str, str]]:
    """The price lists that estimates were made from: their day and source."""
    attempts = [entry.attempt for one in sections for entry in one.entries]
    return sorted(
        {
            (one.price_list_date, one.price_list_source)
            for one in attempts
            if one.price_list_date and one.price_list_source
        }
    )
