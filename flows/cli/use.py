"""`shotchain use`: choose the range of a take that the film shows, by `use` in the board."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from flows.cli.arguments import add_board, add_shot, prepare_board
from flows.cli.board_change import (
    BoardChange,
    change_board,
    change_document,
    format_change,
    record_current_takes,
)
from flows.cli.output import print_output
from flows.cli.output.style import count_noun, fit_width
from flows.run import Run, records_folder_of
from storyboards.frame_times import MAX_TIME_FRAMES, parse_time
from storyboards.models import Select
from storyboards.yaml_editor import Edit
from tasks.errors import UsageError
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.plan import ExistingClip, PlannedShot, count_clip_frames
from tasks.store.board_identity import read_identified_record
from tasks.store.takes import TakeHistory

EXAMPLES = """\
# show seconds 1.0 to 3.4 of take 2 of the shot `lamp`
shotchain use film.yaml lamp --take 2 --from 1.0 --to 3.4
# and after it another range, in frames
shotchain use film.yaml lamp --add --take 3 --from 12f
# show the whole current take again
shotchain use film.yaml lamp --clear
"""


class _Time(NamedTuple):
    """A time as it is written in the board, and as a number of frames."""

    written: float | str
    frames: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `use`."""
    add_board(parser)
    add_shot(parser)
    take = "a recorded take, as `shotchain takes` lists it; the current take by default"
    parser.add_argument("--take", metavar="N", type=int, help=take)
    start = "the in point, in seconds (1.5) or frames (36f); the beginning by default"
    parser.add_argument("--from", dest="start", metavar="T", type=_read_time, help=start)
    end = "the out point, the first frame that is not shown; the end by default"
    parser.add_argument("--to", dest="end", metavar="T", type=_read_time, help=end)
    what = parser.add_mutually_exclusive_group()
    add = "show the range after those that the shot has, instead of them"
    what.add_argument("--add", action="store_true", help=add)
    clear = "remove all ranges: the film shows the whole current take"
    what.add_argument("--clear", action="store_true", help=clear)


def _read_time(text: str) -> _Time:
    """Read a time as it may be written in a board.

    Raises:
        ArgumentTypeError: It is not a time.
    """
    try:
        written: float | str = float(text)
    except ValueError:
        written = text.strip()
    frames = parse_time(written)
    if not isinstance(frames, int) or not 0 <= frames <= MAX_TIME_FRAMES:
        message = f"{text} is not a time; write seconds, like 1.5, or frames, like 36f"
        raise argparse.ArgumentTypeError(message)
    return _Time(written, frames)


def run_command(arguments: argparse.Namespace) -> int:
    """Change the board and return the exit code.

    Raises:
        UsageError: The shot or the take does not exist, or the range has no frames.
        ShotchainError: See `flows.run.prepare_run` and `change_board`.
    """
    _check_arguments(arguments)
    run = prepare_board(arguments)
    shot = run.plan.find_shot(arguments.shot)
    record_current_takes(run)
    _check_take(run, shot, arguments.take)
    edits = [Edit(_path_of(shot), None)] if shot.shot.use else []
    if not arguments.clear:
        edits = list(_edits_to_use(shot, arguments))
    change = change_board(run, shot, edits, (), unchanged=f"{shot.id} shows this already")
    change = change._replace(remarks=tuple(_describe(change)))
    print_output(
        lambda: {
            **change_document(change),
            "use": _use_document(change.shot),
            "frames": _count_frames(change.shot),
            "moved": _list_moved(change),
        },
        lambda: format_change(change, arguments, fit_width(sys.stdout)),
        as_json=arguments.json,
    )
    return 0


def _check_arguments(arguments: argparse.Namespace) -> None:
    """Check the options against one another.

    Raises:
        UsageError: They contradict one another, or name nothing.
    """
    start, end = arguments.start, arguments.end
    names_range = arguments.take is not None or start or end
    if arguments.clear and names_range:
        msg = "--clear removes all ranges; leave --take, --from and --to out"
        raise UsageError(msg)
    if not arguments.clear and not names_range:
        msg = "give --take, --from or --to for a range, or --clear for the whole take"
        raise UsageError(msg)
    if end and end.frames <= (start.frames if start else 0):
        msg = f"--to {end.written} is not after --from {start.written if start else 0}; swap them"
        raise UsageError(msg)


def _check_take(run: Run, shot: PlannedShot, number: int | None) -> None:
    """Check that a shot has the take.

    Raises:
        UsageError: The shot is a file, or the store has no such take.
    """
    if number is None:
        return
    if isinstance(shot, ExistingClip):
        msg = f"{shot.id} is a file and has no takes; leave --take out"
        raise UsageError(msg)
    if number == shot.take:
        return
    record = read_identified_record(run.store.root, run.identity)
    folder = records_folder_of(run.settings, shot.provider)
    takes = TakeHistory(run.store, record).list_takes(shot.id, folder)
    numbers = [recorded.take.number for recorded in takes]
    if number not in numbers:
        listed = ", ".join(map(str, numbers)) or "none"
        msg = f"the store has no render of take {number} of {shot.id}; it has {listed}"
        raise UsageError(msg)


def _path_of(shot: PlannedShot) -> tuple[str | int, ...]:
    return ("shots", shot.index, "use")


def _edits_to_use(shot: PlannedShot, arguments: argparse.Namespace) -> Iterator[Edit]:
    """Yield the edits after which the board names the range of the arguments.

    The keys of a range that is written already are edited one by one, so that its comments stay.
    """
    path, written = _path_of(shot), shot.shot.use or ()
    times = {"from": arguments.start, "to": arguments.end}
    values = {"take": arguments.take} if arguments.take is not None else {}
    values |= {key: time.written for key, time in times.items() if time}
    if not written:
        yield Edit(path, [values])
    elif arguments.add:
        yield Edit((*path, len(written)), values)
    else:
        for index in reversed(range(1, len(written))):
            yield Edit((*path, index), None)
        yield from _edits_of_range((*path, 0), written[0], values)


def _edits_of_range(
    path: tuple[str | int, ...], written: Select, values: dict[str, Any]
) -> Iterator[Edit]:
    present = {"take": written.take, "from": written.start, "to": written.end}
    # `to` before `from`, which is inserted in front of it; new keys before old ones are removed.
    for key in ("take", "to", "from"):
        value = values.get(key)
        as_frames = value if key == "take" else parse_time(value)
        if value is not None and as_frames != present[key]:
            yield Edit((*path, key), value)
    for key in ("take", "from", "to"):
        if key not in values and present[key] is not None:
            yield Edit((*path, key), None)


def _describe(change: BoardChange) -> Iterator[str]:
    """Yield the length of the shot in the film, and what the next run renders for the change."""
    frames = _count_frames(change.shot)
    if frames is not None:
        seconds = round(frames / FRAMES_PER_SECOND, 2)
        yield f"{change.shot_id} has {count_noun(frames, 'frame')} in the film, {seconds:g} s"
    moved = _list_moved(change)
    pending = {shot.id for shot in change.after.pending}
    if again := [shot_id for shot_id in moved if shot_id in pending]:
        cost = change.after.status.max_total(tuple(again))
        price = "" if cost.is_free else f", for at most {cost}"
        yield f"the out point moved: {_join(again)} rendered again{price}"
    if kept := [shot_id for shot_id in moved if shot_id not in pending]:
        yield f"the out point moved: {_join(kept)} in the store already"
    if not moved:
        yield "no shot is rendered again"


def _join(ids: Sequence[str]) -> str:
    return f"{', '.join(ids)} {'is' if len(ids) == 1 else 'are'}"


def _count_frames(shot: PlannedShot) -> int | None:
    """Return the frames that the film shows of a shot; None if they are not known yet."""
    total = 0
    for used in shot.used_ranges:
        frames = count_clip_frames(shot, used)
        if frames is None:
            return None
        total += used.count_frames(frames)
    return total


def _list_moved(change: BoardChange) -> list[str]:
    """Return the ids of the shots with another key than before the change."""
    before, after = change.before.plan, change.after.plan
    return [shot.id for shot in after.shots_to_render if shot.key != before.shot(shot.id).key]


def _use_document(shot: PlannedShot) -> list[dict[str, int | None]]:
    return [
        {"take": select.take, "from_frame": select.start or 0, "to_frame": select.end}
        for select in shot.shot.use or ()
    ]
