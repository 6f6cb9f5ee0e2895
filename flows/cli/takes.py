"""`shotchain takes`: list the takes of a board or of one shot, or draw a contact sheet.

The board is not planned, so the command also works if the board names a take that does not exist.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows.board_takes import (
    BoardTakes,
    ShotTakes,
    describe_price_of_take,
    describe_state,
    describe_used_ranges,
    duration_of_take,
    find_family,
    price_of_take,
    read_board_takes,
)
from flows.cli.arguments import add_board_file, add_shot, add_store, find_store_path
from flows.cli.output import print_output
from flows.cli.output.progress_line import show_progress
from flows.cli.output.style import (
    align_columns,
    cell_width,
    pad,
    paint,
    paint_state,
    print_styled,
    terminal_width,
    truncate,
    wrap,
)
from storyboards.loading import load
from storyboards.terminal_text import escape_control_chars
from tasks.budgets.money import price_to_json
from tasks.settings import read_settings
from tasks.store.takes import RecordedTake

USED_COLUMN, WIDE_COLUMN = "used", "last frame"
"""`used` is shown if the board has ranges of takes."""
COLUMNS = ("take", "state", "model", "seed", "date", "price", "length", USED_COLUMN)
_LEFT_OUT_FIRST = ("seed", "date", "length")
"""The columns that a narrow terminal does not show."""
_MAX_COLUMNS = 80
_MIN_MODEL_WIDTH = 14
_MIN_PROVIDER_WIDTH = 4
_INDENT = "  "
_DEFAULT_SHEET = Path()
"""The value of `--sheet` without FILE."""

EXAMPLES = """\
# every shot of the board with its takes
shotchain takes film.yaml
# the takes of the shot `lamp`, with the files of their last frames
shotchain takes film.yaml lamp --wide
# draw all takes on a contact sheet, to choose from
shotchain takes film.yaml --sheet
# as JSON, with the prompt and the file of each take
shotchain takes film.yaml lamp --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `takes`."""
    add_board_file(parser)
    shot = "the id of a shot; every shot of the board by default"
    add_shot(parser, nargs="?", help=shot)
    sheet = "draw the takes as a contact sheet instead, by default films/NAME.takes.png"
    parser.add_argument(
        "--sheet", metavar="FILE", nargs="?", const=_DEFAULT_SHEET, type=Path, help=sheet
    )
    wide = "show exact model ids and the files of the last frames, in lines of any length"
    parser.add_argument("--wide", action="store_true", help=wide)
    add_store(parser)


def run_command(arguments: argparse.Namespace) -> int:
    """List or draw the takes and return the exit code.

    Raises:
        InvalidStoryboard: The board has problems.
        UsageError: The board has no such shot, or the sheet can't be written.
        StoreError: A record is damaged.
    """
    board = load(Path(arguments.board))
    shot_ids = [arguments.shot] if arguments.shot else []
    takes = read_board_takes(board, find_store_path(arguments, board.file), shot_ids)
    if arguments.sheet:
        file = None if arguments.sheet == _DEFAULT_SHEET else arguments.sheet
        pages = draw_sheet_pages(takes, arguments.shot, file, is_quiet=arguments.json)
        sheet = {"sheet": [str(page) for page in pages]}
        print_output(
            lambda: {**_document(takes, arguments.shot), **sheet},
            lambda: "\n".join(sheet["sheet"]),
            as_json=arguments.json,
        )
        return 0
    print_output(
        lambda: _document(takes, arguments.shot),
        lambda: _format_takes(takes, arguments),
        as_json=arguments.json,
    )
    return 0


def draw_sheet_pages(
    takes: BoardTakes, shot_id: str | None, file: Path | None, *, is_quiet: bool
) -> list[Path]:
    """Draw the contact sheet of takes with its progress on stderr; return the files of its pages.

    Args:
        takes: The takes.
        shot_id: The shot, if the sheet is of one shot.
        file: The file that the user named, if any.
        is_quiet: Print nothing.

    Raises:
        UsageError: The sheet can't be written there.
    """
    # Loads av and Pillow.
    from flows.take_sheet import default_sheet_path, draw_sheet, find_undrawable, resolve_sheet_path

    path = resolve_sheet_path(
        file or default_sheet_path(takes, shot_id), is_explicit=file is not None
    )
    with show_progress("drawing", is_quiet=is_quiet) as on_take:
        pages = draw_sheet(takes, path, ffmpeg=read_settings().ffmpeg, on_take=on_take)
    if not is_quiet and (letters := find_undrawable(takes)):
        note = f"no font on this machine has {letters}: shots are named by their numbers"
        print_styled(f"note: {note}; install a font such as Noto Sans CJK", sys.stderr)
    return pages


def _document(takes: BoardTakes, shot_id: str | None) -> dict[str, Any]:
    shots = [_shot_document(shot_takes) for shot_takes in takes.shots]
    if shot_id is not None:
        return {"board": takes.board.name, **shots[0], "variants": shots[1:]}
    return {"board": takes.board.name, "shots": shots}


def _shot_document(shot_takes: ShotTakes) -> dict[str, Any]:
    shot = shot_takes.shot
    return {
        "shot": shot_takes.id,
        "title": shot.chapter_title,
        "file": shot.clip,
        "used": _ranges_document(shot_takes, None) if shot.clip else None,
        "take": shot.take,
        "takes": [
            {
                **_take_document(recorded, is_present=shot_takes.is_present(recorded)),
                "used": _ranges_document(shot_takes, recorded),
            }
            for recorded in shot_takes.takes
        ],
    }


def _ranges_document(
    shot_takes: ShotTakes, recorded: RecordedTake | None
) -> list[dict[str, int | None]]:
    return [{"from": first, "to": end} for first, end in shot_takes.list_used_ranges(recorded)]


def _take_document(recorded: RecordedTake, *, is_present: bool) -> dict[str, Any]:
    take, attempt = recorded.take, recorded.attempt
    return {
        "take": take.number,
        "present": is_present,
        "state": describe_state(recorded),
        "rehearsal": recorded.is_rehearsal,
        "key": take.key,
        "provider": attempt.provider,
        "model": attempt.model,
        "seed": attempt.seed,
        "prompt": take.prompt,
        "price": price_to_json(price_of_take(recorded)),
        "date": attempt.intended_at,
        "frames": attempt.frames,
        "seconds": duration_of_take(recorded),
        "last_frame": str(recorded.last_frame_path) if recorded.last_frame_path else None,
        "clip": str(recorded.clip_path) if recorded.clip_path else None,
    }


def _format_takes(takes: BoardTakes, arguments: argparse.Namespace) -> str:
    """Return a table per shot; their columns are aligned with each other."""
    rows = [
        _format_take(recorded, shot_takes, wide=arguments.wide)
        for shot_takes in takes.shots
        for recorded in shot_takes.takes
    ]
    columns = [*COLUMNS, *([WIDE_COLUMN] if arguments.wide else [])]
    if not any(shot_takes.shot.use for shot_takes in takes.shots):
        place = columns.index(USED_COLUMN)
        columns.remove(USED_COLUMN)
        rows = [(*cells[:place], *cells[place + 1 :]) for cells in rows]
    width = min(terminal_width(sys.stdout), _MAX_COLUMNS)
    table = [tuple(columns), *rows]
    if not arguments.wide:
        table = _fit_columns(table, width)
    header, *lines = align_columns(table)
    remaining = iter(lines)
    blocks = []
    for shot_takes in takes.shots:
        shot_lines = [f"{_INDENT}{next(remaining)}" for _ in shot_takes.takes]
        heading = _format_heading(shot_takes, None if arguments.wide else width)
        blocks += [heading, *shot_lines, *_format_missing_take(shot_takes)]
    if not rows:
        return "\n".join(blocks)
    note = "* the take that the board requests"
    if any(len(shot_takes.takes) > 1 for shot_takes in takes.shots):
        note += "; `shotchain pick` returns to another"
    notes = [paint(line, "dim") for line in wrap(note, width)]
    return "\n".join([paint(f"{_INDENT}{header}", "dim"), *blocks, "", *notes])


def _format_heading(shot_takes: ShotTakes, width: int | None) -> str:
    """Return the id of a shot, and beside it its title, its file, or that it is not rendered."""
    shot = shot_takes.shot
    if not shot_takes.takes:
        remark = f"a file: {shot.clip}" if shot.clip else "not rendered yet"
    else:
        remark = shot.title if isinstance(shot.title, str) else ""
    shot_id = shot_takes.id if width is None else truncate(shot_takes.id, width)
    rest = (width or sys.maxsize) - cell_width(shot_id) - 2
    if not remark or rest < 1:
        return paint(shot_id, "bold")
    return f"{paint(shot_id, 'bold')}  {paint(truncate(remark, rest), 'dim')}"


def _format_missing_take(shot_takes: ShotTakes) -> list[str]:
    """Return a line if the take that the board requests is not among those of a shot."""
    if not shot_takes.takes or shot_takes.has_present_take or shot_takes.shot.clip:
        return []
    number = pad(f"{shot_takes.shot.take} *", len(COLUMNS[0]))
    return [f"{_INDENT}{number}  {paint_state('to render', text='not rendered yet')}"]


def _format_take(recorded: RecordedTake, shot_takes: ShotTakes, *, wide: bool) -> tuple[str, ...]:
    number, attempt = recorded.take.number, recorded.attempt
    seconds = duration_of_take(recorded)
    model = attempt.model if wide else _short_model(attempt.model)
    cells = (
        f"{number} *" if shot_takes.is_present(recorded) else str(number),
        paint_state(describe_state(recorded)),
        escape_control_chars(f"{attempt.provider}/{model}"),
        "-" if attempt.seed is None else str(attempt.seed),
        _format_date(attempt.intended_at, wide=wide),
        describe_price_of_take(recorded),
        "-" if seconds is None else f"{seconds:.1f} s",
        describe_used_ranges(shot_takes.list_used_ranges(recorded)) or "-",
    )
    return (*cells, _format_path(recorded.last_frame_path)) if wide else cells


def _short_model(model: str) -> str:
    """Return the family of a model without the part that all families share."""
    return (find_family(model) or model).removeprefix("seedance-")


def _format_date(timestamp: str, *, wide: bool) -> str:
    """Return the day, or the minute, of a time in a receipt."""
    return escape_control_chars(timestamp[:16].replace("T", " ") if wide else timestamp[:10])


def _format_path(path: Path | None) -> str:
    """Return a path relative to the working folder if it is in it."""
    if path is None:
        return "-"
    folder = Path.cwd().resolve()
    shown = path.relative_to(folder) if path.is_relative_to(folder) else path
    return escape_control_chars(shown)


def _fit_columns(table: Sequence[tuple[str, ...]], width: int) -> list[tuple[str, ...]]:
    """Return a table in at most `width` columns: models are cut, then columns are left out."""
    columns = table[0]
    names = list(columns)
    while True:
        kept = [[cells[columns.index(name)] for name in names] for cells in table]
        widths = [max(map(cell_width, cells)) for cells in zip(*kept, strict=True)]
        place = names.index("model")
        others = sum(widths) - widths[place] + 2 * (len(names) - 1) + len(_INDENT)
        left_out = next((name for name in _LEFT_OUT_FIRST if name in names), None)
        if left_out is None or width - others >= min(widths[place], _MIN_MODEL_WIDTH):
            break
        names.remove(left_out)
    for cells in kept:
        cells[place] = _cut_model(cells[place], max(1, width - others))
    return [tuple(cells) for cells in kept]


def _cut_model(cell: str, width: int) -> str:
    """Return provider and model in a width; the provider is cut first."""
    provider, slash, model = cell.rpartition("/")
    provider_width = width - cell_width(slash + model)
    if cell_width(cell) > width and provider and provider_width >= _MIN_PROVIDER_WIDTH:
        return truncate(provider, provider_width) + slash + model
    return truncate(cell, width)
