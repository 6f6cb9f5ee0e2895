"""The fault table, every row of it; `python tests/crash/faults.py` prints it."""

from __future__ import annotations

import pytest

MOMENTS = ("none", "create", "job", "query", "download", "last frame", "callback")


@pytest.mark.usefixtures("draw_once")
@pytest.mark.parametrize("vendor", ["ark", "cometapi-volc"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_fault_ends_as_the_table_says(program, tmp_path, moment: str, vendor: str) -> None:
    """Outcome, paid creates, exit code and message of each, and what the next run comes to."""
    faults = program("faults")
    rows = [row for row in faults.ROWS if row.name.partition(":")[0] == moment]
    found = {}
    for row in rows:
        first, again = faults.strike(tmp_path / "trial", vendor, row)
        found[row.name] = faults.find_size_problem(row, vendor, first, again)

    assert rows
    assert {name: why for name, why in found.items() if why} == {}


def test_every_fault_of_the_simulator_is_in_the_table(program) -> None:
    """A fault that is added there is to be judged here; how long a job takes is none."""
    from tasks.simulator.faults import KINDS

    ordered = {row.order.get("kind") for row in program("faults").ROWS}

    assert ordered - {None} == set(KINDS) - {"job_takes"}
