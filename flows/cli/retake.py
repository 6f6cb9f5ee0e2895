"""`shotchain retake` and `shotchain pick`: the board says which take counts, and is changed here.

They spend nothing and need no network: the board's text is edited in place, planned again as it
would be, and only then written. What a render would do and cost next is said at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flows.cli.arguments import Commands, add_board, add_command, open_run, print_output
from tasks.errors import UsageError

if TYPE_CHECKING:
    from flows.run import Run
    from storyboards.yaml_editor import Edit
    from tasks.plan import PlannedShot, ShotToRender
    from tasks.store.takes import RecordedTake


class Change(NamedTuple):
    """A board as it was and as it is now."""

    before: Run
    after: Run
    shot: str
    edits: tuple[Edit, ...]
    remarks: tuple[str, ...]
    """What the author should know beside what is to render."""


def add(commands: Commands) -> None:
    """Add the two commands."""
    retake = add_command(commands, "retake", "ask for a new take of a shot", _retake)
    add_board(retake)
    retake.add_argument("shot", metavar="SHOT", help="the shot's id")
    retake.add_argument("--seed", metavar="N", type=int, help="the seed of the new take")
    rest = retake.add_mutually_exclusive_group()
    rest.add_argument(
        "--cascade", action="store_true", help="what continues it is rendered again; the default"
    )
    rest.add_argument(
        "--keep-rest", action="store_true", help="what continues it stays on the old take"
    )
    pick = add_command(commands, "pick", "go back to a take of a shot", _pick)
    add_board(pick)
    pick.add_argument("shot", metavar="SHOT", help="the shot's id")
    pick.add_argument("take", metavar="TAKE", type=int, help="one that `takes` lists")


def _retake(arguments: argparse.Namespace) -> int:
    from storyboards.yaml_editor import Edit

    production = open_run(arguments)
    shot = _shot(production, arguments.shot)
    _note(production)
    path: tuple[str | int, ...] = ("shots", shot.index)
    edits = [Edit((*path, "take"), _highest(production, shot) + 1)]
    remarks = []
    if arguments.seed is not None:
        edits.append(Edit((*path, "seed"), arguments.seed))
    elif production.plan.board_seed(shot) is not None:
        seed = production.plan.board_seed(shot)
        remarks.append(f"seed {seed} stays as it is; --seed N gives the model another start")
    if arguments.keep_rest:
        edits += _pins(production, shot)
    _tell(_apply(production, shot, edits, remarks), arguments)
    return 0


def _pick(arguments: argparse.Namespace) -> int:
    production = open_run(arguments)
    shot = _shot(production, arguments.shot)
    _note(production)
    render = _find(production, shot, arguments.take)
    edits = _edits_back(production, shot, render)
    remarks = (
        [] if render.has_board_record else ["its prompt and seed are not on record: they stay"]
    )
    change = _apply(production, shot, edits, remarks)
    _tell(change._replace(remarks=(*change.remarks, *_losses(change, render))), arguments)
    return 0


def _shot(production: Run, shot: str) -> ShotToRender:
    """The shot to change. Raises UsageError where there is none that is rendered."""
    from flows.cli.takes import current_take
    from tasks.plan import ExistingClip

    current_take(production.board, shot)
    found = production.plan.shot(shot)
    if isinstance(found, ExistingClip):
        msg = f"{shot} is a file and has no takes; name a shot that is rendered"
        raise UsageError(msg)
    return found


def _note(production: Run) -> None:
    """Note what the board asks for now, so that it can be found again once it is changed."""
    from flows.history import requested_take
    from tasks.store.board_records import record_takes

    there = [one for one in production.plan.shots_to_render if production.status[one.id].attempt]
    takes = {one.id: requested_take(production, one) for one in there}
    if takes:
        record_takes(production.store.root, production.board.name, takes)


def _highest(production: Run, shot: ShotToRender) -> int:
    """The highest take of a shot that the store or the board knows: the next one is new."""
    from tasks.store.takes import TakeHistory

    memory = TakeHistory(production.store, production.board_record)
    noted = (one.number for one in production.board_record.takes.get(shot.id, ()))
    booked = (one.take.number for one in memory.list_takes(shot.id, None))
    return max((shot.take, *noted, *booked))


def _pins(production: Run, shot: ShotToRender) -> list[Edit]:
    """The edits that leave what continues a shot on the take it has now."""
    from storyboards.models import FromShot
    from storyboards.yaml_editor import Edit

    edits = []
    for one in production.plan.shots_to_render:
        if one.continues != shot.id:
            continue
        path = ("shots", one.index, "first_frame")
        if one.shot.continues:
            msg = f"{one.id} continues the clip of {shot.id}, not its frame, and can't be kept on "
            raise UsageError(msg + f"take {shot.take}; retake without --keep-rest")
        if isinstance(one.shot.first_frame, FromShot):
            edits.append(Edit((*path, "take"), shot.take))
        else:
            edits.append(Edit(path, {"shot": shot.id, "take": shot.take}))
    return edits


def _find(production: Run, shot: ShotToRender, number: int) -> RecordedTake:
    """A take of a shot. Raises UsageError where the store has none of that number."""
    from flows.run import records_folder_of
    from tasks.store.board_records import read_board_record
    from tasks.store.takes import TakeHistory

    board = production.board
    record = read_board_record(production.store.root, board.name, board.file)
    shelf = records_folder_of(production.settings, shot.provider)
    renders = TakeHistory(production.store, record).list_takes(shot.id, shelf)
    for render in renders:
        if render.take.number == number:
            return render
    known = ", ".join(str(one.take.number) for one in renders) or "none"
    msg = f"the store has no render of take {number} of {shot.id}; it has {known}"
    raise UsageError(msg)


def _edits_back(production: Run, shot: ShotToRender, render: RecordedTake) -> list[Edit]:
    """What has to change for the board to ask for a take as it was asked for."""
    from storyboards.yaml_editor import Edit

    take, path = render.take, ("shots", shot.index)
    edits = []
    if shot.take != take.number:
        edits.append(Edit((*path, "take"), take.number))
    if render.has_board_record and production.plan.board_seed(shot) != take.seed:
        edits.append(Edit((*path, "seed"), take.seed))
    if render.has_board_record and shot.shot.prompt != take.prompt:
        edits.append(Edit((*path, "prompt"), take.prompt))
    return edits


def _losses(change: Change, render: RecordedTake) -> list[str]:
    """Why a take does not come back as it was, where it does not."""
    from tasks.store.locked import describe_changes

    plan = change.after.plan
    shot = _shot(change.after, change.shot)
    if shot.key == render.take.key:
        return []
    told = [f"this is not take {render.take.number} as it was rendered: "]
    told[0] += "; ".join(describe_changes(shot, render, plan))
    start = render.take.continues_key
    if start and start != shot.continues_key:
        known = change.after.board_record.takes.items()
        found = [(one, take.number) for one, takes in known for take in takes if take.key == start]
        told += [f"it continued take {number} of {one}" for one, number in found[-1:]]
    return told


def _apply(
    production: Run, shot: ShotToRender, edits: Sequence[Edit], remarks: Sequence[str]
) -> Change:
    """Change the board's file, once it is known what that comes to.

    Raises InvalidStoryboard, and leaves the file alone, where the board would not be clean.
    """
    from flows.history import record_rendered_shots
    from flows.run import prepare_run
    from storyboards.loading import parse, read_bytes
    from storyboards.yaml_editor import apply_edits, replace_file
    from tasks.store.status import ShotState

    file, shown = production.board.file, production.board.shown_as
    assert file is not None  # noqa: S101 - a command's board is a file
    data = read_bytes(file, file=shown)
    changed = apply_edits(data, edits, file=shown)
    board = parse(changed, file=shown, folder=file.parent)
    after = prepare_run(board, production.options, production.settings, working_folder=Path.cwd())
    if changed != data:
        replace_file(file, data, changed, shown=shown)
    # What was picked or pinned is needed from now on, also before the next render.
    record_rendered_shots(
        after, [one for one in after.plan if after.status[one.id].state is ShotState.KEPT]
    )
    return Change(production, after, shot.id, tuple(edits), tuple(remarks))


def _tell(change: Change, arguments: argparse.Namespace) -> None:
    production = change.after
    shot = production.plan.shot(change.shot)
    document: dict[str, Any] = {}
    if arguments.json:
        from flows.documents import plan_document

        document = {
            **plan_document(production),
            "file": str(production.board.file),
            "shot": shot.id,
            "take": shot.take,
            "was": change.before.plan.shot(change.shot).take,
            "changed": [_told_edit(production, edit) for edit in change.edits],
            "to_render": [one.id for one in production.pending],
            "stale": [one.id for one in production.plan if _is_stale(production, one)],
            "warnings": list(change.remarks),
        }
    print_output(document, "" if arguments.json else _text(change, arguments.board), arguments)


def _told_edit(production: Run, edit: Edit) -> dict[str, Any]:
    from storyboards.terminal_text import format_path

    line, _ = production.board.locate(edit.path)
    return {"path": format_path(edit.path), "line": line, "value": edit.value}


def _is_stale(production: Run, shot: PlannedShot) -> bool:
    standing = production.status[shot.id]
    return standing.seam == "stale" or standing.may_go_stale


def _text(change: Change, board: str) -> str:
    from storyboards.yaml_editor import format_value

    production = change.after
    shot = production.plan.shot(change.shot)
    lines = []
    for edit in change.edits:
        told = _told_edit(production, edit)
        value = "taken out" if edit.value is None else next(format_value(edit.value))
        lines.append(f"{board}:{told['line']}: {told['path']}: {value}")
    if not change.edits:
        lines.append(f"{shot.id} is take {shot.take} already")
    lines += change.remarks
    for pending in production.pending:
        standing = production.status[pending.id]
        lines.append(f"{standing.state}: {pending.id}: {standing.reason}")
    for one in production.plan:
        if _is_stale(production, one):
            lines.append(f"stale: {one.id}: {production.status[one.id].reason}")
    to_pay = production.max_cost
    lines.append(f"to pay: {to_pay}" + (" at most" if not to_pay.is_free else ""))
    if production.pending:
        lines.append(f"next: shotchain render {board}")
    return "\n".join(lines)
