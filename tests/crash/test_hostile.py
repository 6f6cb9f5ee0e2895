"""Some cases of the table of the hostile vendor; `python tests/crash/hostile.py` prints all."""

from __future__ import annotations

import pytest

import tests.support.plain_tasks  # noqa: F401 - Prefect is imported before its home is replaced

SHORT = (
    "create: accepted late",
    "create: accepted 503",
    "list: empty",
    "list: html",
    "list: the clock was wrong in the run that sent",
    "ids: a repeated id, not accepted",
    "query: unknown job",
    "query: unnamed, once",
    "query: word archived",
    "query: the key of another account",
    "clip: 404",
    "disk: ENOSPC after the create",
)


def find_deviations(hostile, folder, provider: str, names: set[str]) -> dict[str, str]:
    """Run the cases of these names; return how each deviates from the table."""
    return {
        case.name: hostile.find_deviation(case, provider, hostile.run_case(folder, provider, case))
        for case in hostile.CASES
        if case.name in names
    }


@pytest.mark.parametrize("provider", ["ark", "infinity-blue"])
def test_hostile_vendor_is_paid_as_in_table(program, tmp_path, provider: str) -> None:
    """One job per shot is charged at most, and its clip is stored if that is possible."""
    deviations = find_deviations(program("hostile"), tmp_path, provider, set(SHORT))

    assert deviations == dict.fromkeys(deviations, "")
    assert len(deviations) == len(SHORT)


@pytest.mark.long
@pytest.mark.parametrize("provider", ["ark", "infinity-blue"])
def test_every_case_of_hostile_vendor_is_as_in_table(program, tmp_path, provider: str) -> None:
    """The same for the whole table."""
    hostile = program("hostile")
    deviations = find_deviations(hostile, tmp_path, provider, {case.name for case in hostile.CASES})

    assert deviations == dict.fromkeys(deviations, "")
