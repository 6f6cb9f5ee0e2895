"""A short crash matrix; `python tests/crash/matrix.py` is the long one: every step, any moment."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import pytest

VENDORS = ("ark", "cometapi-volc")
STEPS = (
    "one/receipt.json intended durable",
    "one/receipt.json submitted written",
    "two/receipt.json submitted durable",
    "two/receipt.json done synced",
    "four/clip.mp4 renamed",
    "three/last_frame.png durable",
    "films/board.json written",
)
FILES = tuple(
    f"{shot}/{name}"
    for shot in ("one", "two", "three", "four")
    for name in ("receipt.json intended", "receipt.json submitted", "receipt.json done",
                 "receipt.json kept", "last_frame.png", "clip.mp4")
)  # fmt: skip
MOMENTS = ("written", "synced", "renamed", "durable")
"""Those of every file that matters; each is a step of the long matrix."""


@pytest.fixture(params=VENDORS)
def stage(request, program, tmp_path_factory, draw_once):
    """A vendor, the process that forks the runs, and the film that nobody interrupted."""
    matrix, scratch = program("matrix"), tmp_path_factory.mktemp("crash") / "trial"
    with matrix.children() as kids:
        reference = matrix.film_uninterrupted(kids, scratch, request.param)
        yield SimpleNamespace(
            expected=lambda sent: (
                matrix.UNCLEAR if matrix.may_stay_unclear(request.param, sent) else matrix.SAME
            ),
            reference=reference,
            try_kill=partial(matrix.try_kill, kids, scratch, request.param, reference),
        )


def test_a_run_killed_at_a_durable_step_is_finished_by_the_next(stage) -> None:
    """Creates = shots, no clip lost, the same film; or unclear without a list of jobs."""
    steps = set(stage.reference.steps)
    assert {f"{one} {moment}" for one in FILES for moment in MOMENTS} <= steps
    wrong = {}
    for step in STEPS:
        verdict = stage.try_kill(step=step)
        if verdict.outcome != stage.expected(verdict.sent):
            wrong[step] = verdict.outcome

    assert wrong == {}


@pytest.mark.long
def test_a_run_killed_at_any_moment_is_finished_by_the_next(stage) -> None:
    """Moments spread over the whole run, from the first import to the film."""
    seconds = stage.reference.seconds
    verdicts = [stage.try_kill(after=seconds * part) for part in (0.3, 0.5, 0.8)]

    assert [one.outcome for one in verdicts if not one.good] == []
    assert any(one.killed for one in verdicts)
