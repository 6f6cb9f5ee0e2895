"""The commands that look after a store: `verify`, `clean`, `cancel`. Words in, what is told out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flows.arguments import (
    Commands,
    add_board,
    add_command,
    add_store,
    find_root,
    open_production,
    say,
)
from tasks.errors import UsageError

if TYPE_CHECKING:
    from flows.commands.clearing import Going
    from tasks.store import Store

UNIT_SECONDS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}


def add_housekeeping(commands: Commands) -> None:
    """Add the commands."""
    verify = add_command(commands, "verify", "read the store again and name damage", _verify)
    add_store(verify)
    repair = "put damaged clips and films aside, for the next run to bring back"
    verify.add_argument("--repair", action="store_true", help=repair)
    clean = add_command(commands, "clean", "remove what nobody needs from the store", _clean)
    clean.add_argument("boards", metavar="BOARD", nargs="*", help="what it refers to stays")
    add_store(clean)
    older = "also clips and takes older than that, such as 30d"
    clean.add_argument("--older", metavar="AGE", type=_age, help=older)
    clean.add_argument("--dry-run", action="store_true", help="say what would go, remove nothing")
    trust = "let shotchain.toml beside a board name providers"
    clean.add_argument("--trust", action="store_true", help=trust)
    clean.add_argument("--yes", action="store_true", help="agree to lose what was paid for")
    add_board(add_command(commands, "cancel", "take back jobs that are still queued", _cancel))


def _age(text: str) -> int:
    number, unit = text[:-1], text[-1:]
    if unit not in UNIT_SECONDS or not number.isdecimal() or len(number) > 6:
        msg = f"{text!r} is no age; write it like 30d, 2w or 12h"
        raise argparse.ArgumentTypeError(msg)
    return int(number) * UNIT_SECONDS[unit]


def _open_store(arguments: argparse.Namespace, board: Path | None = None) -> Store:
    from tasks.store import Store

    store = Store(find_root(arguments, board))
    if not store.root.is_dir():
        msg = f"there is no store at {store.root}; name one by --store"
        raise UsageError(msg)
    return store


def _verify(arguments: argparse.Namespace) -> int:
    from flows.commands.verifying import verify

    document, text, code = verify(_open_store(arguments), repair=arguments.repair)
    say(document, text, arguments)
    return code


def _clean(arguments: argparse.Namespace) -> int:
    from flows.commands.clearing import Broom, cleaning_document, cleaning_text

    boards = tuple(Path(board) for board in arguments.boards)
    store = _open_store(arguments, boards[0] if boards else None)
    broom = Broom(store, boards, arguments.older, trust=arguments.trust)
    going = broom.look()
    if not arguments.dry_run:
        _check_agreed(going, arguments)
        going = broom.sweep(going)
    document = cleaning_document(store, going, dry_run=arguments.dry_run)
    say(document, cleaning_text(going, dry_run=arguments.dry_run), arguments)
    return 0


def _check_agreed(going: Going, arguments: argparse.Namespace) -> None:
    """Ask before anything goes that was paid for. Raises UsageError where nobody agrees."""
    from flows.commands.clearing import cleaning_text
    from tasks.money.bill import add

    bill = add(one.price for one in going.clips)
    if bill.free or arguments.yes:
        return
    if not arguments.json and sys.stdin.isatty() and sys.stderr.isatty():
        print(cleaning_text(going, dry_run=True), file=sys.stderr)
        print(f"Remove what was paid {bill}? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return
    msg = f"clips that were paid {bill} would go, and nobody agreed: look by --dry-run, give --yes"
    raise UsageError(msg)


def _cancel(arguments: argparse.Namespace) -> int:
    from flows.commands.cancelling import cancel

    document, text, code = cancel(open_production(arguments))
    say(document, text, arguments)
    return code
