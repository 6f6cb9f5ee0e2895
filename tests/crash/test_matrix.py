"""A short crash matrix; `python tests/crash/matrix.py` is the long one: every step, any moment."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

VENDORS = ("ark", "cometapi-volc")
MOMENTS = (
    "one/receipt.json intended durable",
    "one/receipt.json submitted written",
    "two/receipt.json submitted durable",
    "two/receipt.json done synced",
    "four/clip.mp4 renamed",
    "three/last_frame.png durable",
    "films/board.json written",
)


@pytest.fixture(scope="module", params=VENDORS)
def stage(request, program, tmp_path_factory):
    """A vendor, the process that forks the runs, and the film that nobody interrupted."""
    matrix, scratch = program("matrix"), tmp_path_factory.mktemp("crash") / "trial"
    with matrix.children() as kids, matrix.remembered():
        reference = matrix.film_uninterrupted(kids, scratch, request.param)

        def try_kill(**when):
            return matrix.try_kill(kids, scratch, request.param, reference, **when)

        yield SimpleNamespace(
            expected=lambda sent: (
                matrix.UNCLEAR if matrix.may_stay_unclear(request.param, sent) else matrix.SAME
            ),
            reference=reference,
            try_kill=try_kill,
        )


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.xdist_group("crash")
def test_a_run_killed_at_a_durable_step_is_finished_by_the_next(stage, moment: str) -> None:
    """Creates = shots, no clip lost, the same film; or unclear without a list of jobs."""
    verdict = stage.try_kill(step=moment)

    assert verdict.outcome == stage.expected(verdict.sent)


@pytest.mark.xdist_group("crash")
def test_a_run_killed_at_any_moment_is_finished_by_the_next(stage) -> None:
    """Moments spread over the whole run, from the first import to the film."""
    seconds = stage.reference.seconds
    verdicts = [stage.try_kill(after=seconds * part) for part in (0.3, 0.5, 0.8)]

    assert [one.outcome for one in verdicts if not one.good] == []


@pytest.mark.xdist_group("crash")
def test_every_write_that_matters_is_a_step_of_the_matrix(stage) -> None:
    """Each of a shot's records and files is seen, at each of its four moments."""
    for shot in ("one", "two", "three", "four"):
        for name in ("receipt.json intended", "receipt.json submitted", "receipt.json done",
                     "receipt.json kept", "last_frame.png", "clip.mp4"):  # fmt: skip
            for moment in ("written", "synced", "renamed", "durable"):
                assert f"{shot}/{name} {moment}" in stage.reference.steps
