"""Every case of the fault table; `python tests/crash/faults.py` prints it."""

from __future__ import annotations

import pytest

import tests.support.plain_tasks  # noqa: F401 - Prefect is imported before its home is replaced

MOMENTS = ("none", "create", "job", "query", "download", "last frame", "callback")


@pytest.mark.usefixtures("draw_once")
@pytest.mark.parametrize("vendor", ["ark", "cometapi-volc"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_run_with_fault_ends_as_in_table(program, tmp_path, moment: str, vendor: str) -> None:
    """The outcome, paid jobs, exit code and message are as expected, and so is the next run."""
    faults = program("faults")
    cases = [case for case in faults.CASES if case.name.partition(":")[0] == moment]
    deviations = {}
    for case in cases:
        outcomes = faults.run_case(tmp_path / "trial", vendor, case)
        deviations[case.name] = faults.find_deviation(case, vendor, *outcomes)

    assert deviations == {case.name: "" for case in cases}
    assert cases


def test_table_contains_every_moment(program) -> None:
    """No case is left out by the parameters of the test above."""
    moments = {case.name.partition(":")[0] for case in program("faults").CASES}

    assert moments == set(MOMENTS)


def test_table_contains_every_fault_kind(program) -> None:
    """A new fault needs a case; the duration of a job is not a fault of it."""
    from tasks.simulator.faults import KINDS

    injected = {case.fault.get("kind") for case in program("faults").CASES}

    assert injected - {None} == set(KINDS) - {"job_takes"}
