"""`shotchain spend`: what the store has booked, estimate beside actual. Offline; writes nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flows.arguments import Commands, add_command, add_store, find_root, say
from tasks.errors import UsageError

if TYPE_CHECKING:
    from flows.commands.statement import By
    from tasks.money.ledger import Entry
    from tasks.store import Store

BY = ("board", "provider", "client", "month")

TITLES = {False: "paid to vendors", True: "rehearsed on this machine, where nothing is charged"}
"""What came over loopback stands apart, by whether it did."""


class Section(NamedTuple):
    """The entries of one shelf, and what they are called for a person."""

    previz: bool
    title: str
    entries: Sequence[Entry]


def add(commands: Commands) -> None:
    """Add the command."""
    command = add_command(commands, "spend", "say what was spent, estimate beside actual", _spend)
    command.add_argument("--by", choices=BY, default="board", help="what a line stands for")
    command.add_argument("--csv", action="store_true", help="print the lines for a spreadsheet")
    add_store(command)


def _spend(arguments: argparse.Namespace) -> int:
    from flows.commands import statement
    from tasks.store import Store

    if arguments.csv and arguments.json:
        msg = "give --csv or --json, not both"
        raise UsageError(msg)
    store = Store(find_root(arguments))
    client_of = _client_of() if arguments.by == "client" else None
    name_of = statement.name_by(arguments.by, client_of or (lambda board: statement.NOBODY))
    sections = _sections(store)
    if arguments.csv:
        rows = {one.previz: statement.add_up(one.entries, name_of) for one in sections}
        sys.stdout.write(statement.rows_csv(arguments.by, rows))
        return 0
    text = "" if arguments.json else _text(store, sections, arguments.by, name_of)
    say(_document(store, sections, arguments.by, name_of), text, arguments)
    return 0


def _client_of() -> Callable[[str], str]:
    """A client is a budget that names boards; the first one that names this one."""
    from flows.commands.statement import NOBODY
    from tasks.configuration.values import read_configuration
    from tasks.settings import read_settings

    # Trusted with names and nothing else: nothing is sent anywhere.
    configuration = read_configuration(read_settings(), Path.cwd(), trust=True)

    def client_of(board: str) -> str:
        named = (wall.name for wall in configuration.walls(board) if wall.boards is not None)
        return next(named, NOBODY)

    return client_of


def _sections(store: Store) -> list[Section]:
    from tasks.money.ledger import Ledger

    found = []
    for previz, title in TITLES.items():
        every = Ledger(store.shelf(loopback=previz)).entries()
        costs = [entry for entry in every if entry.costs]
        found += [Section(previz, title, costs)] if costs else []
    return found


def _text(
    store: Store, sections: Sequence[Section], by: By, name_of: Callable[[Entry], str]
) -> str:
    from flows.commands.statement import add_up, rows_text, total_up

    lines = [f"nothing is booked in {store.root}"] if not sections else []
    for one in sections:
        lines += [f"{one.title}:", ""]
        lines += [rows_text(by, add_up(one.entries, name_of), total_up(one.entries)), ""]
    lists = _price_lists(sections)
    lines += [f"prices of {dated}: {source}" for dated, source in lists]
    return "\n".join(lines).rstrip()


def _document(
    store: Store, sections: Sequence[Section], by: By, name_of: Callable[[Entry], str]
) -> dict[str, Any]:
    from flows.commands.statement import add_up, row_json, total_up

    def told(one: Section, rows: Sequence[Any]) -> list[dict[str, Any]]:
        return [row_json(row, previz=one.previz) for row in rows]

    return {
        "store": str(store.root),
        "by": by,
        "rows": [row for one in sections for row in told(one, add_up(one.entries, name_of))],
        "totals": [row for one in sections for row in told(one, total_up(one.entries))],
        "price_lists": [
            {"dated": dated, "source": source} for dated, source in _price_lists(sections)
        ],
    }


def _price_lists(sections: Sequence[Section]) -> list[tuple[str, str]]:
    """The price lists that estimates were made from: their day and source."""
    attempts = [entry.attempt for one in sections for entry in one.entries]
    return sorted(
        {
            (one.price_dated, one.price_source)
            for one in attempts
            if one.price_dated and one.price_source
        }
    )
