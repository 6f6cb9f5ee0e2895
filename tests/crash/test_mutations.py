"""The mutation check itself: its guards and its tests exist."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def mutations(program):
    """Import the program."""
    return program("mutations")


def test_mutations_guards_exist_in_functions(mutations, tmp_path: Path) -> None:
    """Each mutation changes the function that it names."""
    mutations.copy_tracked(tmp_path)
    changed = {}
    for mutation in mutations.MUTATIONS:
        before = mutations.mutate(tmp_path, mutation)
        changed[mutation.name] = all(path.read_text() != text for path, text in before.items())
        for path, text in before.items():
            path.write_text(text)

    assert changed == {mutation.name: True for mutation in mutations.MUTATIONS}


def test_mutations_named_tests_exist(mutations) -> None:
    """A renamed test does not leave a mutation without a test."""
    named = {test for mutation in mutations.MUTATIONS for test in mutation.tests}
    missing = [
        test
        for test in named
        if f"def {test.split('::')[1].partition('[')[0]}("
        not in (ROOT / test.split("::")[0]).read_text()
    ]

    assert missing == []
