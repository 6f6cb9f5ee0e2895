"""The prompts of a plan as text: for each shot what its vendor gets."""

from __future__ import annotations

from collections.abc import Sequence

from flows.cli.output.style import paint, wrap
from flows.run import Run
from tasks.plan import PlannedShot, ShotToRender
from tasks.planning.sent_prompts import describe_sent_prompt

_INDENT = "  "


def format_prompts(run: Run, shots: Sequence[PlannedShot], width: int) -> list[str]:
    """Return for each shot its prompt as it is sent, and the media that are sent with it."""
    lines: list[str] = []
    for shot in shots:
        if isinstance(shot, ShotToRender):
            lines += ["", *_format_prompt(run, shot, width)]
    return lines


def _format_prompt(run: Run, shot: ShotToRender, width: int) -> list[str]:
    sent = describe_sent_prompt(shot, run.board.folder)
    lines = [paint(line, "bold") for line in wrap(shot.id, width)]
    for paragraph in (sent.text or "(no prompt)").splitlines():
        lines += [_INDENT + line for line in wrap(paragraph, width - len(_INDENT))]
    for name, source in sent.media:
        entry = wrap(f"{name}: {source}", width - len(_INDENT), indent=_INDENT)
        lines += [_INDENT + line for line in entry]
    return lines
