"""The commands that look after a store: `verify`, `clean`, `cancel`. Words in, what is told out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.arguments import (
    Commands,
    add_board,
    add_command,
    add_store,
    find_store_path,
    open_run,
    print_output,
)
from tasks.errors import UsageError

if TYPE_CHECKING:
    from flows.cli.clean import CleanPlan
    from tasks.store.layout import Store

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
    from tasks.store.layout import Store

    store = Store(find_store_path(arguments, board))
    if not store.root.is_dir():
        msg = f"there is no store at {store.root}; name one by --store"
        raise UsageError(msg)
    return store


def _verify(arguments: argparse.Namespace) -> int:
    from flows.cli.verify import verify_command

    document, text, code = verify_command(_open_store(arguments), repair=arguments.repair)
    print_output(document, text, arguments)
    return code


def _clean(arguments: argparse.Namespace) -> int:
    from flows.cli.clean import Cleaner, clean_document, format_clean

    boards = tuple(Path(board) for board in arguments.boards)
    store = _open_store(arguments, boards[0] if boards else None)
    broom = Cleaner(store, boards, arguments.older, trust=arguments.trust)
    going = broom.look()
    if not arguments.dry_run:
        _check_agreed(going, arguments)
        going = broom.sweep(going)
    document = clean_document(store, going, dry_run=arguments.dry_run)
    print_output(document, format_clean(going, dry_run=arguments.dry_run), arguments)
    return 0


def _check_agreed(going: CleanPlan, arguments: argparse.Namespace) -> None:
    """Ask before anything goes that was paid for. Raises UsageError where nobody agrees."""
    from flows.cli.clean import format_clean
    from tasks.budgets.money import sum_prices

    bill = sum_prices(one.price for one in going.clips)
    if bill.is_free or arguments.yes:
        return
    if not arguments.json and sys.stdin.isatty() and sys.stderr.isatty():
        print(format_clean(going, dry_run=True), file=sys.stderr)
        print(f"Remove what was paid {bill}? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return
    msg = f"clips that were paid {bill} would go, and nobody agreed: look by --dry-run, give --yes"
    raise UsageError(msg)


def _cancel(arguments: argparse.Namespace) -> int:
    from flows.cli.cancel import cancel_jobs

    document, text, code = cancel_jobs(open_run(arguments))
    print_output(document, text, arguments)
    return code
