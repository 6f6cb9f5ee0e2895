"""`shotchain retake` and `shotchain pick`: the board says which take counts, and is changed here.

They spend nothing and need no network: the board's text is edited in place, planned again as it
would be, and only then written. What a render would do and cost next is said at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flows.arguments import Commands, add_board, add_command, open_production, say
from tasks.errors import UsageError

if TYPE_CHECKING:
    from flows.production import Production
    from storyboards.yaml_editor import Edit
    from tasks.plan import PlannedShot
    from tasks.records.takes import Render


class Change(NamedTuple):
    """A board as it was and as it is now."""

    before: Production
    after: Production
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

    production = open_production(arguments)
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
    production = open_production(arguments)
    shot = _shot(production, arguments.shot)
    _note(production)
    render = _find(production, shot, arguments.take)
    edits = _edits_back(production, shot, render)
    remarks = [] if render.noted else ["its prompt and seed are not on record: they stay"]
    change = _apply(production, shot, edits, remarks)
    _tell(change._replace(remarks=(*change.remarks, *_losses(change, render))), arguments)
    return 0


def _shot(production: Production, shot: str) -> PlannedShot:
    """The shot to change. Raises UsageError where there is none that is rendered."""
    from flows.commands.takes import present_take

    present_take(production.board, shot)
    found = production.plan.shot(shot)
    if found.clip:
        msg = f"{shot} is a file and has no takes; name a shot that is rendered"
        raise UsageError(msg)
    return found


def _note(production: Production) -> None:
    """Note what the board asks for now, so that it can be found again once it is changed."""
    from flows.noting import take_of
    from tasks.records.boards import note_takes

    there = [one for one in production.plan if production.survey[one.id].attempt]
    takes = {one.id: take_of(production, one) for one in there if one.provider}
    if takes:
        note_takes(production.store.root, production.board.name, takes)


def _highest(production: Production, shot: PlannedShot) -> int:
    """The highest take of a shot that the store or the board knows: the next one is new."""
    from tasks.records.takes import Memory

    memory = Memory(production.store, production.record)
    noted = (one.number for one in production.record.takes.get(shot.id, ()))
    booked = (one.take.number for one in memory.find_renders(shot.id, None))
    return max((shot.take, *noted, *booked))


def _pins(production: Production, shot: PlannedShot) -> list[Edit]:
    """The edits that leave what continues a shot on the take it has now."""
    from storyboards.models import FromShot
    from storyboards.yaml_editor import Edit

    edits = []
    for one in production.plan:
        if one.continues != shot.id:
            continue
        path = ("shots", one.index, "first_frame")
        if one.shot.continue_:
            msg = f"{one.id} continues the clip of {shot.id}, not its frame, and can't be kept on "
            raise UsageError(msg + f"take {shot.take}; retake without --keep-rest")
        if isinstance(one.shot.first_frame, FromShot):
            edits.append(Edit((*path, "take"), shot.take))
        else:
            edits.append(Edit(path, {"shot": shot.id, "take": shot.take}))
    return edits


def _find(production: Production, shot: PlannedShot, number: int) -> Render:
    """A take of a shot. Raises UsageError where the store has none of that number."""
    from flows.production import shelf_name_of
    from tasks.records.boards import read_board
    from tasks.records.takes import Memory

    board = production.board
    record = read_board(production.store.root, board.name, board.file)
    shelf = shelf_name_of(production.settings, shot)
    renders = Memory(production.store, record).find_renders(shot.id, shelf)
    for render in renders:
        if render.take.number == number:
            return render
    known = ", ".join(str(one.take.number) for one in renders) or "none"
    msg = f"the store has no render of take {number} of {shot.id}; it has {known}"
    raise UsageError(msg)


def _edits_back(production: Production, shot: PlannedShot, render: Render) -> list[Edit]:
    """What has to change for the board to ask for a take as it was asked for."""
    from storyboards.yaml_editor import Edit

    take, path = render.take, ("shots", shot.index)
    edits = []
    if shot.take != take.number:
        edits.append(Edit((*path, "take"), take.number))
    if render.noted and production.plan.board_seed(shot) != take.seed:
        edits.append(Edit((*path, "seed"), take.seed))
    if render.noted and shot.shot.prompt != take.prompt:
        edits.append(Edit((*path, "prompt"), take.prompt))
    return edits


def _losses(change: Change, render: Render) -> list[str]:
    """Why a take does not come back as it was, where it does not."""
    from tasks.records.locks import changes

    plan = change.after.plan
    shot = plan.shot(change.shot)
    if shot.key == render.take.key:
        return []
    told = [f"this is not take {render.take.number} as it was rendered: "]
    told[0] += "; ".join(changes(shot, render, plan))
    start = render.take.continues
    if start and start != shot.continues_key:
        known = change.after.record.takes.items()
        found = [(one, take.number) for one, takes in known for take in takes if take.key == start]
        told += [f"it continued take {number} of {one}" for one, number in found[-1:]]
    return told


def _apply(
    production: Production, shot: PlannedShot, edits: Sequence[Edit], remarks: Sequence[str]
) -> Change:
    """Change the board's file, once it is known what that comes to.

    Raises InvalidStoryboard, and leaves the file alone, where the board would not be clean.
    """
    from flows.noting import note_there
    from flows.production import prepare
    from storyboards.loading import parse, read_bytes
    from storyboards.yaml_editor import apply_edits, replace_file

    file, shown = production.board.file, production.board.shown_as
    assert file is not None  # noqa: S101 - a command's board is a file
    data = read_bytes(file, file=shown)
    changed = apply_edits(data, edits, file=shown)
    board = parse(changed, file=shown, folder=file.parent)
    after = prepare(board, production.wish, production.settings, working=Path.cwd())
    if changed != data:
        replace_file(file, data, changed, shown=shown)
    # What was picked or pinned is needed from now on, also before the next render.
    note_there(after, [one for one in after.plan if after.survey[one.id].state == "kept"])
    return Change(production, after, shot.id, tuple(edits), tuple(remarks))


def _tell(change: Change, arguments: argparse.Namespace) -> None:
    production = change.after
    shot = production.plan.shot(change.shot)
    document: dict[str, Any] = {}
    if arguments.json:
        from flows.told import plan_document

        document = {
            **plan_document(production),
            "file": str(production.board.file),
            "shot": shot.id,
            "take": shot.take,
            "was": change.before.plan.shot(change.shot).take,
            "changed": [_told_edit(production, edit) for edit in change.edits],
            "to_render": [one.id for one in production.waiting],
            "stale": [one.id for one in production.plan if _is_stale(production, one)],
            "warnings": list(change.remarks),
        }
    say(document, "" if arguments.json else _text(change, arguments.board), arguments)


def _told_edit(production: Production, edit: Edit) -> dict[str, Any]:
    from storyboards.terminal_text import format_path

    line, _ = production.board.locate(edit.path)
    return {"path": format_path(edit.path), "line": line, "value": edit.value}


def _is_stale(production: Production, shot: PlannedShot) -> bool:
    standing = production.survey[shot.id]
    return standing.seam == "stale" or standing.goes_stale


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
    for one in production.waiting:
        standing = production.survey[one.id]
        lines.append(f"{standing.state}: {one.id}: {standing.reason}")
    for one in production.plan:
        if _is_stale(production, one):
            lines.append(f"stale: {one.id}: {production.survey[one.id].reason}")
    to_pay = production.to_pay
    lines.append(f"to pay: {to_pay}" + (" at most" if not to_pay.free else ""))
    if production.waiting:
        lines.append(f"next: shotchain render {board}")
    return "\n".join(lines)
