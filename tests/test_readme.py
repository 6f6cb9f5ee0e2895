"""The README says what the program does: commands, options, exit codes, providers, rooms."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from flows.cli import main
from tasks.providers import PROVIDERS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def commands() -> dict[str, argparse.ArgumentParser]:
    parser = main.build_parser()
    action = next(one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    return dict(action.choices)


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_is_told(name: str) -> None:
    """With its options, in the table or the lines beneath it."""
    assert re.search(rf"`shotchain {name}\b", README)
    for action in commands()[name]._actions:
        for option in action.option_strings:
            if option.startswith("--") and option not in ("--help", "--stale"):
                assert option in README, f"{name} {option}"


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_every_provider_is_told_with_its_key(name: str) -> None:
    """A row of the table each."""
    row = re.search(rf"^\| `{name}` \|.*$", README, re.MULTILINE)
    assert row
    if name != "simulator":
        assert PROVIDERS[name].key_variable in row[0]


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 70, 130])
def test_every_exit_code_is_told(code: int) -> None:
    """A row of the table each."""
    assert re.search(rf"^\| {code}\b", README, re.MULTILINE)


def test_every_module_of_the_two_outer_rooms_is_on_the_map() -> None:
    """Whoever adds a module to tasks/ or flows/ puts it on the map."""
    rooms = re.search(r"## The rooms\n\n```\n(.*?)```", README, re.DOTALL)[1]
    words = set(re.findall(r"[a-z_]+", rooms))
    modules = {
        path.stem
        for room in ("tasks", "flows")
        for path in (ROOT / room).rglob("*.py")
        if path.stem != "__init__" and not {"media", "providers", "simulator"} & set(path.parts)
    }

    assert modules - words == set()


def test_the_commands_are_single_lines_that_name_no_place_or_host() -> None:
    """Copy, paste, done: on any machine."""
    lines = [line for line in README.splitlines() if line.startswith("python3 -m pip")]

    assert len(lines) == 2
    assert lines[0].endswith("shotchain render storyboards/lighthouse.yaml")
    assert lines[1].endswith(".venv/bin/pytest")
    assert not re.search(r"https?://(?!127\.0\.0\.1|[a-z.]*\bexample\.com\b)", README)
