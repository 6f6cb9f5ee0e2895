"""Change the take or the ranges of a shot in its board's text, for `retake`, `pick` and `use`.

Nothing is spent: the text is edited in place, and written only if the changed board can be planned.
The next render and its cost are printed at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flows.cli.next_command import build_command
from flows.cli.output.style import paint_state, wrap
from flows.documents import plan_document
from flows.run import Run, prepare_run
from storyboards.loading import parse, read_bytes
from storyboards.terminal_text import format_path
from storyboards.yaml_editor import Edit, apply_edits, format_value, replace_file
from tasks.errors import UsageError
from tasks.plan import PlannedShot, ShotToRender
from tasks.store.board_records import record_takes
from tasks.store.history import record_rendered_shots, requested_take
from tasks.store.status import SeamState, ShotState


class BoardChange(NamedTuple):
    """A board before and after an edit."""

    before: Run
    after: Run
    shot_id: str
    edits: tuple[Edit, ...]
    remarks: tuple[str, ...] = ()
    """Further notes for the author, beside the next render."""
    unchanged: str = ""
    """The note if there was nothing to edit; by default that the take is requested already."""

    @property
    def shot(self) -> PlannedShot:
        """The shot after the edit."""
        return self.after.plan.shot(self.shot_id)

    @property
    def stale(self) -> tuple[PlannedShot, ...]:
        """The shots that are stale now, or may become stale in the next run."""
        status = self.after.status
        return tuple(
            shot
            for shot in self.after.plan.all_shots
            if status[shot.id].seam == SeamState.STALE or status[shot.id].may_go_stale
        )


def find_shot_to_change(run: Run, shot_id: str) -> ShotToRender:
    """Return the shot whose take is changed.

    Raises:
        UsageError: The board has no such shot, it is a file, or it is that of a version.
    """
    shot = run.plan.find_shot(shot_id)
    if shot.id != shot.shot.id:
        msg = f"{shot_id} is {shot.shot.id} for a version, which has the take of all: "
        raise UsageError(msg + f"name {shot.shot.id}")
    if not isinstance(shot, ShotToRender):
        msg = f"{shot_id} is a file and has no takes; name a shot that is rendered"
        raise UsageError(msg)
    return shot


def record_current_takes(run: Run) -> None:
    """Record the takes that the board requests now, so that `pick` finds them after the edit.

    Raises:
        StoreError: The record cannot be written.
    """
    takes = {
        shot.id: requested_take(shot, run.plan, run.folder_of(shot.provider))
        for shot in run.plan.shots_to_render
        if shot.is_needed and run.status[shot.id].attempt
    }
    if takes:
        run.record_identity()
        record_takes(run.store.root, run.board.name, takes)


def change_board(
    run: Run,
    shot: PlannedShot,
    edits: Sequence[Edit],
    remarks: Sequence[str],
    *,
    unchanged: str = "",
) -> BoardChange:
    """Edit the file of the board.

    Args:
        run: The board before the edit.
        shot: The shot that is changed.
        edits: The values to set.
        remarks: See `BoardChange.remarks`.
        unchanged: See `BoardChange.unchanged`.

    Raises:
        InvalidStoryboard: The changed board would not be valid; the file is unchanged.
        ShotchainError: See `flows.run.prepare_run`; the file is unchanged.
    """
    file, shown = run.board.file, run.board.shown_as
    assert file is not None  # noqa: S101 - the board of a command is a file
    before = read_bytes(file, file=shown)
    after = apply_edits(before, edits, file=shown)
    board = parse(after, file=shown, folder=file.parent)
    changed_run = prepare_run(board, run.options, run.settings, working_folder=Path.cwd())
    if after != before:
        replace_file(file, before, after, shown=shown)
    # A take that was picked or pinned must survive `clean`, also before the next render.
    status = changed_run.status
    remarks = [*remarks, *_describe_shown_takes(changed_run, shot.id)]
    kept = [shot for shot in changed_run.plan.all_shots if status[shot.id].state is ShotState.KEPT]
    if changed_run.store.root.is_dir():
        changed_run.record_identity()
    record_rendered_shots(changed_run.store.root, changed_run.plan, kept)
    return BoardChange(run, changed_run, shot.id, tuple(edits), tuple(remarks), unchanged)


def _describe_shown_takes(run: Run, shot_id: str) -> Iterator[str]:
    """Yield that the film shows only other takes of a shot than its present take."""
    shot = run.plan.shot(shot_id)
    if isinstance(shot, ShotToRender) and not shot.shows_own_clip:
        numbers = dict.fromkeys(recorded.take.number for recorded in shot.used_takes)
        names = " and ".join(f"take {number}" for number in numbers)
        remark = f"the film shows {names} of {shot_id}, which `use` names; change it to show "
        remark += f"take {shot.take}"
        if not shot.is_needed:
            remark += f", or render it with --only {shot_id}"
        yield remark


def change_document(change: BoardChange) -> dict[str, Any]:
    """Return the document of `retake --json` and `pick --json`, and a part of `use --json`."""
    run = change.after
    return {
        **plan_document(run),
        "file": str(run.board.file),
        "shot": change.shot_id,
        "take": change.shot.take,
        "was": change.before.plan.shot(change.shot_id).take,
        "changed": [_edit_document(run, edit) for edit in change.edits],
        "to_render": [shot.id for shot in run.pending],
        "stale": [shot.id for shot in change.stale],
        "warnings": list(change.remarks),
    }


def _edit_document(run: Run, edit: Edit) -> dict[str, Any]:
    line, _ = run.board.locate(edit.path)
    return {"path": format_path(edit.path), "line": line, "value": edit.value}


def format_change(change: BoardChange, arguments: argparse.Namespace, width: int) -> str:
    """Return a change as text: the edited lines, the remarks, and the next run.

    Args:
        change: The change.
        arguments: The arguments of the command, with the file of the board as the user named it.
        width: Columns of a line.
    """
    run, shot = change.after, change.shot
    lines = [_format_edit(run, edit, arguments.board) for edit in change.edits]
    if not change.edits:
        lines.append(change.unchanged or f"{shot.id} is take {shot.take} already")
    for remark in change.remarks:
        lines += wrap(remark, width, indent="  ")
    for pending in run.pending:
        lines += _format_pending(run, pending, width)
    for stale in change.stale:
        lines += wrap(f"stale: {stale.id}: {run.status[stale.id].reason}", width, indent="  ")
    lines.append(f"to pay: {run.max_cost}" + ("" if run.max_cost.is_free else " at most"))
    if run.pending:
        lines.append(f"next: {build_command('render', arguments)}")
    return "\n".join(lines)


def _format_pending(run: Run, shot: ShotToRender, width: int) -> list[str]:
    status = run.status[shot.id]
    text = f"{status.state}: {shot.id}: {status.reason}"
    first, *others = wrap(text, width - 2, indent="  ")
    return [paint_state(status.state, text=first), *(f"  {line}" for line in others)]


def _format_edit(run: Run, edit: Edit, board: str) -> str:
    value = "removed" if edit.value is None else next(format_value(edit.value))
    document = _edit_document(run, edit)
    return f"{board}:{document['line']}: {document['path']}: {value}"
