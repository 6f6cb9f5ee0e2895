"""The README lists the commands, options, exit codes, providers and modules of the program."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from flows.cli import main
from tasks.providers import PROVIDERS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def command_parsers() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command, by its name."""
    actions = main.build_parser(with_arguments=True)._actions
    commands = next(action for action in actions if isinstance(action, argparse._SubParsersAction))
    return dict(commands.choices)


@pytest.mark.parametrize("name", main.COMMANDS)
def test_readme_lists_every_command(name: str) -> None:
    """Each command is in the README with all its options, in the table or below it."""
    assert re.search(rf"`shotchain {name}\b", README)
    for action in command_parsers()[name]._actions:
        for option in action.option_strings:
            if option.startswith("--") and option not in ("--help", "--stale"):
                assert option in README, f"{name} {option}"


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_readme_lists_every_provider(name: str) -> None:
    """Each provider has a line in the table, with the variable of its key."""
    line = re.search(rf"^\| `{name}` \|.*$", README, re.MULTILINE)
    assert line
    if name != "simulator":
        assert PROVIDERS[name].key_variable in line[0]


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 70, 130])
def test_readme_lists_every_exit_code(code: int) -> None:
    """Each exit code has a line in the table."""
    assert re.search(rf"^\| {code}\b", README, re.MULTILINE)


def test_readme_lists_every_module() -> None:
    """Each module of tasks/ and flows/ is on the map, except in three packages of their own."""
    module_map = re.search(r"## The rooms\n\n```\n(.*?)```", README, re.DOTALL)[1]
    names = set(re.findall(r"[a-z_]+", module_map))
    modules = {
        path.stem
        for package in ("tasks", "flows")
        for path in (ROOT / package).rglob("*.py")
        if path.stem != "__init__" and not {"media", "providers", "simulator"} & set(path.parts)
    }

    assert modules - names == set()


def test_readme_commands_work_on_any_machine() -> None:
    """The two commands to begin with are single lines, without a path or host of one machine."""
    lines = [line for line in README.splitlines() if line.startswith("python3 -m pip")]

    assert len(lines) == 2
    assert lines[0].endswith("shotchain render storyboards/lighthouse.yaml")
    assert lines[1].endswith(".venv/bin/pytest")
    assert not re.search(r"https?://(?!127\.0\.0\.1|[a-z.]*\bexample\.com\b)", README)
