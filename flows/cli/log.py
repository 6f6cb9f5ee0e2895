"""`shotchain log`: print what a vendor was asked about the shots of a board and what it answered.

The board is not planned, so the command also works if the board has problems.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

from flows.cli.arguments import add_board_file, add_shot, add_store, find_store_path
from flows.cli.output import print_output
from flows.cli.output.style import (
    cell_width,
    pad,
    paint,
    paint_state,
    print_styled,
    terminal_width,
    wrap,
)
from flows.cli.output.times import (
    describe_zone,
    format_clock,
    format_day,
    format_moment,
    format_size,
)
from flows.shot_logs import AttemptLog, BoardLog, log_document, read_board_log, read_time
from storyboards.loading import load_partial
from storyboards.terminal_text import escape_control_chars
from tasks.budgets.money import format_price
from tasks.errors import UsageError
from tasks.store.log_file import LogEntry
from tasks.store.receipts import (
    AT_VENDOR_STATES,
    UNCHARGED_STATES,
    UNCLEAR_STATES,
    Attempt,
    AttemptState,
)

DEFAULT_LAST = 20
"""The number of attempts that are printed if no shot is named."""

_INDENT = "  "
_MAX_TEXT_CHARS = 2000
_MIN_WIDTH = 40
_STATE_WORDS = {
    AttemptState.INTENDED: "unclear",
    AttemptState.SUBMITTED: "in flight",
    AttemptState.DONE: "in flight",
    AttemptState.CLOSED: "failed",
}
"""The words of a person for the states whose own word is not one."""

_STATE_NOTES = {
    "abandoned": "abandoned: given up with --resubmit, its price stays booked",
    "cancelled": "cancelled, not charged",
    "closed": "closed: nothing was accepted, not charged",
    "kept": "kept: the clip is in the store",
    "submitted": "submitted: the job is on record",
}
"""Texts for the states whose own word is too short for a person."""

EXAMPLES = """\
# what the vendor was asked about the shot `lamp`, and what it answered
shotchain log film.yaml lamp
# with the bodies of requests and responses, of one take
shotchain log film.yaml lamp --take 2 --full
# the last five attempts of all shots
shotchain log film.yaml --last 5
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `log`."""
    add_board_file(parser)
    shot = f"the id of a shot; by default the last {DEFAULT_LAST} attempts of all shots"
    add_shot(parser, nargs="?", help=shot)
    parser.add_argument("--take", metavar="N", type=int, help="only the take with this number")
    last = "only the newest N attempts"
    parser.add_argument("--last", metavar="N", type=int, help=last)
    full = "print addresses and the bodies of requests and responses as well"
    parser.add_argument("-v", "--full", action="store_true", help=full)
    add_store(parser)


def run_command(arguments: argparse.Namespace) -> int:
    """Print the log and return the exit code.

    Raises:
        InvalidStoryboard: Nothing of the board can be read.
        UsageError: Neither the board nor the store has the shot.
        StoreError: The record of the board is damaged.
    """
    last = arguments.last
    if last is None and arguments.shot is None:
        last = DEFAULT_LAST
    if last is not None and last < 1:
        msg = f"--last is {last}: give the number of attempts to print, 1 or more"
        raise UsageError(msg)
    board = load_partial(Path(arguments.board))
    log = read_board_log(
        board,
        find_store_path(arguments, board.file),
        shot=arguments.shot,
        take=arguments.take,
        last=last,
    )
    for warning in log.warnings:
        print_styled(f"warning: {escape_control_chars(warning)}", sys.stderr)
    print_output(
        lambda: log_document(log), lambda: _format_log(log, arguments), as_json=arguments.json
    )
    return 0


def _format_log(log: BoardLog, arguments: argparse.Namespace) -> str:
    if not log.attempts:
        owner = arguments.shot or log.board
        take = "" if arguments.take is None else f" (take {arguments.take})"
        return f"the store has no attempt of {owner}{take}: {log.store.root}"
    width = max(terminal_width(sys.stdout), _MIN_WIDTH)
    blocks = [_format_attempt(attempt, width, full=arguments.full) for attempt in log.attempts]
    notes = [f"times are in {describe_zone(datetime.now(UTC))}"]
    if log.left_out:
        notes.append(f"{log.left_out} earlier attempts are left out; --last N prints more")
    if not arguments.full and any(attempt.entries for attempt in log.attempts):
        notes.append("--full prints the bodies of requests and responses")
    lines = [line for note in notes for line in wrap(note, width)]
    return "\n\n".join([*blocks, "\n".join(paint(line, "dim") for line in lines)])


def _format_attempt(attempt_log: AttemptLog, width: int, *, full: bool) -> str:
    """Return a heading, the facts of the receipt, and a line per entry."""
    heading = f"{attempt_log.shot}, take {attempt_log.take}"
    if attempt_log.is_rehearsal:
        heading += ", rehearsal"
    lines = [paint(line, "bold") for line in wrap(heading, width)]
    attempt = attempt_log.attempt
    if attempt is not None:
        lines[-1] += f"  {paint_state(_STATE_WORDS.get(attempt.state, attempt.state.value))}"
        lines += _indent_wrapped(_describe_attempt(attempt), width)
    day = ""
    outcome = ""
    for entry, repeats in _join_repeats(attempt_log.entries):
        if format_day(entry.time) != day:
            day = format_day(entry.time)
            lines.append(f"{_INDENT}{paint(day, 'dim')}")
        lines += _format_entry(entry, repeats, width, outcome=outcome)
        outcome = str(entry.document.get("outcome"))
        if full:
            lines += _format_bodies(entry.document)
    if attempt is not None and not attempt_log.entries:
        lines += _describe_without_log(attempt, width)
    return "\n".join(lines)


def _indent_wrapped(text: str, width: int) -> list[str]:
    return [f"{_INDENT}{line}" for line in wrap(text, width - len(_INDENT))]


def _describe_attempt(attempt: Attempt) -> str:
    """Return provider, model, job and price of an attempt in a line."""
    parts = [f"{attempt.provider} {attempt.model}"]
    if attempt.job:
        parts.append(f"job {attempt.job}")
    return ", ".join([*parts, _describe_price(attempt)])


def _describe_price(attempt: Attempt) -> str:
    if attempt.state in UNCHARGED_STATES:
        return "not charged"
    if attempt.price is not None:
        return format_price(attempt.price)
    price = format_price(attempt.max_price)
    if attempt.max_price is not None and not attempt.max_price.amount:
        return price
    if attempt.state in UNCLEAR_STATES:
        return f"{price} may be charged"
    return f"at most {price}" if attempt.state in AT_VENDOR_STATES else f"booked {price}"


def _describe_without_log(attempt: Attempt, width: int) -> list[str]:
    """Return what the receipt of an attempt contains, if it has no log."""
    times = {
        "requested": attempt.intended_at,
        "accepted": attempt.accepted_at or attempt.submitted_at,
        "unclear since": attempt.unclear_since,
        "done": attempt.done_at,
    }
    now = datetime.now(UTC)
    shown = ", ".join(
        f"{name} {format_moment(read_time(time), now)}" for name, time in times.items() if time
    )
    lines = _indent_wrapped(f"no log of it; the receipt has: {shown}", width)
    return [*lines, *(_indent_wrapped(attempt.error, width) if attempt.error else [])]


def _join_repeats(
    entries: tuple[LogEntry, ...],
) -> Iterator[tuple[LogEntry, LogEntry | None]]:
    """Yield the entries, each query with the entry of the further ones that had its answer."""
    for entry, after in zip_longest(entries, entries[1:]):
        if entry.event == "repeated":
            continue
        yield entry, after if after is not None and after.event == "repeated" else None


def _format_entry(
    entry: LogEntry, repeats: LogEntry | None, width: int, *, outcome: str
) -> list[str]:
    """Return an entry as a line: time, event, status, and what it means, which may be longer.

    Args:
        entry: The entry.
        repeats: The entry of the further queries that had its answer.
        width: The columns of the terminal.
        outcome: The outcome of the entry before, which is not printed twice.
    """
    document = entry.document
    status = document.get("status")
    before = "  ".join(
        (
            f"{_INDENT}{format_clock(entry.time)}",
            pad(_shorten(entry.event, 8), 8),
            pad(str(status) if isinstance(status, int) else "", 3),
        )
    )
    text = _describe_entry(entry, outcome)
    if repeats is not None:
        count = _shorten(repeats.document.get("count"), 9)
        text += f" (and {count} more times until {format_clock(repeats.time)})"
    indent = cell_width(before) + 2
    first, *rest = wrap(text, max(width - indent, 20)) or [""]
    style = _entry_style(entry)
    return [
        f"{before}  {paint(first, style)}",
        *(f"{' ' * indent}{paint(line, style)}" for line in rest),
    ]


def _describe_entry(entry: LogEntry, outcome: str) -> str:
    document = entry.document
    text = _shorten(document.get("outcome") or document.get("message"), _MAX_TEXT_CHARS)
    match entry.event:
        case "state":
            return _describe_state(document, outcome)
        case "download":
            return f"{text}: {_describe_file(document)}"
        case "full":
            return "the log has reached its limit; nothing after this is recorded"
        case _:
            return text


def _describe_file(document: Mapping[str, Any]) -> str:
    name = _shorten(str(document.get("url")).rpartition("/")[2], 100)
    size, seconds = document.get("size_bytes"), document.get("seconds")
    if not isinstance(size, int) or not isinstance(seconds, (int, float)):
        return name
    return f"{name}, {format_size(size)} in {seconds:.1f} s"


def _describe_state(document: Mapping[str, Any], outcome: str) -> str:
    text = _shorten(document.get("state"), 20)
    text = _STATE_NOTES.get(text, text)
    if document.get("proof"):
        text += f", found in the vendor's list by its {_shorten(document['proof'], 20)}"
    price = document.get("price")
    if isinstance(price, dict) and price.get("amount") and document.get("state") == "done":
        text += f", {_shorten(price['amount'], 12)} {_shorten(price.get('currency'), 8)}"
    error = document.get("error")
    is_known = str(error) in outcome
    return f"{text}: {_shorten(error, _MAX_TEXT_CHARS)}" if error and not is_known else text


def _entry_style(entry: LogEntry) -> str:
    text = str(entry.document.get("outcome", ""))
    if entry.event == "error" or text.startswith("rejected"):
        return "red"
    is_unclear = entry.document.get("state") == "unclear" or text.startswith("unclear")
    return "magenta" if is_unclear else ""


def _shorten(value: object, max_chars: int) -> str:
    """Return a value of an entry as text; entries may be a stranger's."""
    text = "" if value is None else str(value)
    return escape_control_chars(text if len(text) <= max_chars else f"{text[:max_chars]}…")


def _format_bodies(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield address, ids and bodies of an exchange, indented below its line."""
    indent = _INDENT * 3
    address, request_id = document.get("url"), document.get("request_id")
    if address:
        yield indent + escape_control_chars(f"{document.get('method')} {address}")
    if request_id:
        yield f"{indent}request id: {escape_control_chars(str(request_id))}"
    for name in ("request", "response", "lost"):
        body = document.get(name)
        if body is None:
            continue
        yield f"{indent}{name}:"
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, indent=2)
        for line in text.splitlines():
            yield f"{indent}{_INDENT}{escape_control_chars(line)}"
