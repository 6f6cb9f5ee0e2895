"""`shotchain status`: print what stands where, since when, and what it cost. Offline.

If the board has problems, what the store has is printed, and then the problems.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from flows.board_status import (
    FAILED,
    IN_FLIGHT,
    KEPT,
    TO_RENDER,
    UNCLEAR,
    JobStatus,
    ShotReport,
    read_job_status,
    read_stored_status,
    status_document,
)
from flows.cli.arguments import add_board, find_store_path, prepare_board
from flows.cli.output import print_output
from flows.cli.output.style import (
    align_columns,
    cell_width,
    paint,
    paint_state,
    print_styled,
    terminal_width,
    truncate,
    wrap,
)
from flows.cli.output.times import describe_zone, format_moment, format_span
from flows.documents import error_document
from storyboards.board import derive_name
from storyboards.loading import load_partial
from storyboards.problems import MAX_CANDIDATES
from storyboards.terminal_text import escape_control_chars
from tasks.budgets.money import Total, format_price
from tasks.errors import InvalidStoryboard
from tasks.film_rates import find_rate
from tasks.store.board_identity import identify_board, read_identified_record
from tasks.store.board_records import read_board_record, use_recorded_name
from tasks.store.layout import Store
from tasks.store.receipts import AttemptState

_COLUMNS = ("shot", "take", "state", "since", "price")
_LEFT_OUT_FIRST = ("take", "since")
"""The columns that a narrow terminal does not show."""
_INDENT = "  "
_DETAIL_INDENT = "      "
_MAX_WIDTH = 100
_MIN_WIDTH = 40
_MIN_ID_WIDTH = 12

EXAMPLES = """\
# what is kept, at a vendor, unclear or to render, and what it cost
shotchain status film.yaml
# the ids of the jobs that are at a vendor now
shotchain status film.yaml --json | jq '.shots[] | select(.state == "in flight") | .job'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `status`."""
    add_board(parser)


def run_command(arguments: argparse.Namespace) -> int:
    """Print the state of the board's job and return the exit code.

    Raises:
        ShotchainError: See `flows.run.prepare_run`; not for problems of the board.
    """
    try:
        status = read_job_status(prepare_board(arguments))
    except InvalidStoryboard as error:
        return _print_stored(arguments, error)
    next_command = _find_next_command(status, arguments)
    _print_warnings(status)
    print_output(
        lambda: status_document(status, next_command),
        lambda: _format_status(status, next_command),
        as_json=arguments.json,
    )
    return 0


def _print_stored(arguments: argparse.Namespace, error: InvalidStoryboard) -> int:
    """Print what the store has of a board with problems, and the problems."""
    status, next_command = _read_stored(arguments), f"shotchain check {_quote(arguments.board)}"
    _print_warnings(status)
    print_output(
        lambda: error_document(error, status_document(status, next_command)),
        lambda: _format_status(status, next_command),
        as_json=arguments.json,
    )
    print(error, file=sys.stderr)
    return error.exit_code


def _read_stored(arguments: argparse.Namespace) -> JobStatus:
    path = Path(arguments.board)
    root = find_store_path(arguments, path.absolute())
    try:
        board = load_partial(path)
    except InvalidStoryboard:
        # Nothing of the file can be read: its shots are those that were recorded last.
        record = read_board_record(root, derive_name(path.stem), path.absolute())
        shots: Sequence[tuple[str, int | None]] = [(shot, None) for shot in record.shot_keys]
    else:
        board = use_recorded_name(root, board)
        record = read_identified_record(root, identify_board(root, board))
        shots = [(shot.id, shot.take) for shot in board.storyboard.shots]
    return read_stored_status(Store(root), record, shots)


def _print_warnings(status: JobStatus) -> None:
    for warning in status.warnings:
        print_styled(f"warning: {escape_control_chars(warning)}", sys.stderr)


def _find_next_command(status: JobStatus, arguments: argparse.Namespace) -> str:
    """Return the command that the user types next."""
    board = _quote(arguments.board)
    options = "".join(
        f" --{name} {_quote(str(value))}"
        for name, value in (("provider", arguments.provider), ("store", arguments.store))
        if value
    )
    store = f" --store {_quote(str(arguments.store))}" if arguments.store else ""
    if status.is_in_use:
        return f"shotchain status {board}{options}"
    unclear = status.shots_in(UNCLEAR)
    if unclear and not status.shots_in(TO_RENDER, IN_FLIGHT, FAILED):
        return f"shotchain log {board} {_quote(unclear[0].id)}{store}"
    if len(status.shots_in(KEPT)) < len(status.shots) or not status.has_current_films:
        trust = " --trust" if arguments.trust else ""
        return f"shotchain render {board}{options}{trust}"
    return f"shotchain open {board}{store}"


def _quote(text: str) -> str:
    return shlex.quote(text)


def _format_status(status: JobStatus, next_command: str) -> str:
    now = datetime.now(UTC)
    width = min(max(terminal_width(sys.stdout), _MIN_WIDTH), _MAX_WIDTH)
    lines = [*_format_heading(status, now, width), ""]
    lines += [*_format_shots(status.shots, now, width), ""] if status.shots else []
    lines += [line for text in _describe_totals(status) for line in wrap(text, width)]
    lines += [paint(line, "dim") for line in wrap(f"times are in {describe_zone(now)}", width)]
    lines.append(f"next: {escape_control_chars(next_command)}")
    return "\n".join(lines)


def _format_heading(status: JobStatus, now: datetime, width: int) -> list[str]:
    """Return the title, the number of shots in each state, the film, and if a run is active."""
    counts = Counter(shot.state for shot in status.shots)
    order = (KEPT, IN_FLIGHT, UNCLEAR, FAILED, TO_RENDER)
    states = ", ".join(f"{counts[state]} {state}" for state in order if counts[state])
    heading = f"{status.title}: {states or 'no shots'}"
    first, *rest = wrap(heading, width)
    texts = [*_describe_film(status, now), *_describe_versions(status), *_describe_use(status, now)]
    return [paint(first, "bold"), *rest, *(line for text in texts for line in wrap(text, width))]


def _describe_film(status: JobStatus, now: datetime) -> list[str]:
    film = status.film
    if film is None:
        return ["film: not joined yet"]
    folder = Path.cwd().resolve()
    path = film.path.relative_to(folder) if film.path.is_relative_to(folder) else film.path
    seconds = float(film.frame_count / find_rate(film.rate).frames_per_second)
    age = {
        True: "up to date",
        False: "older than the board; a render joins it again",
        None: "compared with the board when that has no problems",
    }[film.is_current]
    made_at = format_moment(film.made_at, now)
    return [f"film: {path}, {film.frame_count} frames ({seconds:.2f} s), made {made_at}, {age}"]


def _describe_versions(status: JobStatus) -> list[str]:
    """Return how many versions are up to date, and the names of the others."""
    others = [name for name, film in status.versions.items() if not (film and film.is_current)]
    if not status.versions:
        return []
    count = len(status.versions)
    if not others:
        return [f"versions: {count} of {count} up to date"]
    more = f" and {len(others) - MAX_CANDIDATES} more" if len(others) > MAX_CANDIDATES else ""
    names = f"{', '.join(others[:MAX_CANDIDATES])}{more}"
    return [f"versions: {count - len(others)} of {count} up to date; a render joins {names}"]


def _describe_use(status: JobStatus, now: datetime) -> list[str]:
    if not status.is_in_use:
        return []
    since = status.in_use_since
    began = f" since {format_moment(since, now)}" if since else ""
    return [f"a run uses this store at this moment{began}"]


def _format_shots(shots: Sequence[ShotReport], now: datetime, width: int) -> list[str]:
    """Return a table of the shots, with a line below those that need an explanation."""
    table = [_COLUMNS, *(_cells(shot, now) for shot in shots)]
    header, *lines = align_columns(_fit_columns(table, width))
    result = [paint(f"{_INDENT}{header}", "dim")]
    for shot, line in zip(shots, lines, strict=True):
        result.append(f"{_INDENT}{line}")
        for text in _describe_details(shot, now):
            wrapped = wrap(text, width - len(_DETAIL_INDENT))
            result += [paint(f"{_DETAIL_INDENT}{part}", "dim") for part in wrapped]
    return result


def _cells(shot: ShotReport, now: datetime) -> tuple[str, ...]:
    return (
        escape_control_chars(shot.id),
        "-" if shot.take is None else str(shot.take),
        paint_state(shot.state, text=_state_text(shot)),
        format_moment(shot.since, now) if shot.since else "-",
        _format_price(shot),
    )


def _state_text(shot: ShotReport) -> str:
    if shot.state == IN_FLIGHT and shot.attempt:
        return "rendering" if shot.attempt.state is AttemptState.SUBMITTED else "to download"
    return "kept, stale" if shot.is_stale and shot.state == KEPT else shot.state


def _format_price(shot: ShotReport) -> str:
    if shot.state == TO_RENDER and shot.attempt is None and shot.price is None:
        return "-"
    price = format_price(shot.price)
    if shot.price is None or not shot.price.amount or shot.is_price_actual:
        return price
    return f"{price} at most"


def _describe_details(shot: ShotReport, now: datetime) -> list[str]:
    """Return what a person should know about a shot beside its line."""
    details = []
    if shot.state == IN_FLIGHT and shot.attempt:
        details.append(f"job {shot.job} at {shot.attempt.provider}{_describe_expiry(shot, now)}")
        if shot.attempt.state is AttemptState.DONE:
            details.append("the next run downloads its clip")
        elif shot.attempt.state is not AttemptState.SUBMITTED:
            details.append(shot.reason)
    elif shot.state in (UNCLEAR, FAILED) or (shot.state == TO_RENDER and shot.since is None):
        details.append(shot.reason)
    if shot.is_stale:
        details.append("it starts on a frame that the shot before no longer ends on")
    if shot.lock:
        details.append("locked: it is not rendered again")
    return [detail for detail in details if detail and detail != "not rendered yet"]


def _describe_expiry(shot: ShotReport, now: datetime) -> str:
    expires_at = shot.expires_at
    if expires_at is None:
        return ""
    what = "its files" if shot.attempt and shot.attempt.state is AttemptState.DONE else "it"
    left = (expires_at - now).total_seconds()
    if left <= 0:
        return f"; the vendor may have deleted {what}"
    return f"; {format_span(left)} until the vendor deletes {what}"


def _fit_columns(table: list[tuple[str, ...]], width: int) -> list[list[str]]:
    """Return a table in at most `width` columns: columns are left out, then ids are cut."""
    names = list(_COLUMNS)
    while True:
        kept = [[cells[_COLUMNS.index(name)] for name in names] for cells in table]
        widths = [max(map(cell_width, cells)) for cells in zip(*kept, strict=True)]
        space = width - len(_INDENT) - sum(widths[1:]) - 2 * (len(names) - 1)
        left_out = next((name for name in _LEFT_OUT_FIRST if name in names), None)
        if left_out is None or space >= min(widths[0], _MIN_ID_WIDTH):
            break
        names.remove(left_out)
    for cells in kept:
        cells[0] = truncate(cells[0], max(space, 1))
    return kept


def _describe_totals(status: JobStatus) -> list[str]:
    totals = status.totals
    parts: list[tuple[str, Total | None, str]] = [
        ("paid", totals.paid, ""),
        ("in flight", totals.in_flight, " at most"),
        ("unclear", totals.unclear, " may be charged"),
        ("still to pay", totals.to_pay, " at most"),
    ]
    sums = [
        f"{name}: {total}{remark if total.by_currency else ''}"
        for name, total, remark in parts
        if total is not None and (name in ("paid", "still to pay") or not total.is_free)
    ]
    lines = ["; ".join(sums)]
    if not totals.rehearsed.is_free:
        lines.append(f"rehearsed on this machine, not paid: {totals.rehearsed} at list price")
    return lines
