"""The package's public names, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import storyboards

FOLDER = Path(storyboards.__file__).parent


def run(code: str, *arguments: str) -> str:
    """Return what a new Python process prints for this code."""
    finished = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=FOLDER.parent,
    )
    return finished.stdout.strip()


def test_public_names_exist() -> None:
    """Each public name can be imported, and an unknown one is an AttributeError."""
    for name in storyboards.__all__:
        assert getattr(storyboards, name) is not None
    with pytest.raises(AttributeError, match="Sotryboard"):
        _ = storyboards.Sotryboard


def test_import_loads_neither_pydantic_nor_yaml() -> None:
    """Errors can be caught without loading the language."""
    code = "import sys, storyboards; print({'pydantic', 'yaml'} & set(sys.modules))"
    assert run(code) == "set()"


def test_load_clean_board_imports_nothing_heavy() -> None:
    """Loading a clean board imports nothing but pydantic and yaml."""
    code = (
        "import sys, pathlib; from storyboards import load; load(pathlib.Path(sys.argv[1]))\n"
        "print({'difflib', 'prefect', 'httpx', 'numpy', 'av'} & set(sys.modules))"
    )
    assert run(code, str(FOLDER / "lighthouse.yaml")) == "set()"
