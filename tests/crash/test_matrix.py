"""A short crash matrix; `python tests/crash/matrix.py` is the long one, with every step."""

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
WRITES = tuple(
    f"{shot}/{name}"
    for shot in ("one", "two", "three", "four")
    for name in ("receipt.json intended", "receipt.json submitted", "receipt.json done",
                 "receipt.json kept", "last_frame.png", "clip.mp4")
)  # fmt: skip
MOMENTS = ("written", "synced", "renamed", "durable")
"""The moments of each write; all of them are steps of the long matrix."""


@pytest.fixture(params=VENDORS)
def crash(request, program, tmp_path_factory, draw_once):  # noqa: ARG001 - renders clips once
    """Provide kills at one vendor, and the run that was not interrupted."""
    matrix, scratch = program("matrix"), tmp_path_factory.mktemp("crash") / "trial"

    def expected(in_flight: tuple[str, ...]) -> str:
        return matrix.UNCLEAR if in_flight else matrix.SAME_FILM

    with matrix.fork_server() as server:
        reference = matrix.render_reference(server, scratch, request.param)
        try_kill = partial(matrix.try_kill, server, scratch, request.param, reference)
        yield SimpleNamespace(expected=expected, reference=reference, try_kill=try_kill)


def test_run_killed_at_durable_step_is_resumed(crash) -> None:
    """The next runs pay each shot once and make the same film; without a list, unclear is right."""
    passed = set(crash.reference.steps)
    results = {step: crash.try_kill(step=step) for step in STEPS}

    assert {f"{write} {moment}" for write in WRITES for moment in MOMENTS} <= passed
    assert {step: result.outcome for step, result in results.items()} == {
        step: crash.expected(result.in_flight) for step, result in results.items()
    }


@pytest.mark.long
def test_run_killed_at_any_time_is_resumed(crash) -> None:
    """The times are spread over the whole run, from the start to the film."""
    seconds = crash.reference.seconds
    results = [crash.try_kill(after_seconds=seconds * share) for share in (0.3, 0.5, 0.8)]

    assert [result.outcome for result in results if not result.is_good] == []
    assert any(result.was_killed for result in results)
