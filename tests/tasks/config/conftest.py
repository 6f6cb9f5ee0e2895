"""Fixtures that load configurations from text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.config.config import Config
from tasks.config.loader import load_config
from tasks.errors import InvalidConfiguration
from tasks.settings import read_settings


@pytest.fixture
def configure(tmp_path: Path) -> Callable[..., Config]:
    """Load the user's text and the text beside the board: `configure(user_text, board_text)`."""
    folder = tmp_path / "project"
    folder.mkdir()

    def configure(
        user_text: str | None = None, board_text: str | None = None, *, trust: bool = False
    ) -> Config:
        user_file = tmp_path / "own.toml"
        for text, file in ((user_text, user_file), (board_text, folder / "shotchain.toml")):
            file.unlink(missing_ok=True)
            if text is not None:
                file.write_text(text)
        settings = read_settings({"SHOTCHAIN_CONFIG": str(user_file)} if user_text else {})
        return load_config(settings, folder, display_name="project/board.yaml", trust=trust)

    return configure


@pytest.fixture
def config_problems(configure: Callable[..., Config]) -> Callable[..., list[str]]:
    """Load an invalid configuration and return its problems as `line: path: message`."""

    def load(user_text: str | None = None, board_text: str | None = None) -> list[str]:
        with pytest.raises(InvalidConfiguration) as raised:
            configure(user_text, board_text)
        assert raised.value.exit_code == 2
        problems = raised.value.problems
        assert all(problem.file and problem.remedy for problem in problems)
        return [f"{problem.line}: {problem.path}: {problem.message}" for problem in problems]

    return load
