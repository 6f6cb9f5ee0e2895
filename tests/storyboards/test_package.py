"""The room's front door: what it offers, and that it costs nothing to open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import storyboards

ROOM = Path(storyboards.__file__).parent


def run(code: str, *arguments: str) -> str:
    """What a fresh Python prints for this code."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOM.parent,
    )
    return done.stdout.strip()


def test_every_promised_name_is_there() -> None:
    """Each public name can be imported, and an unknown one is an AttributeError."""
    for name in storyboards.__all__:
        assert getattr(storyboards, name) is not None
    with pytest.raises(AttributeError, match="Sotryboard"):
        _ = storyboards.Sotryboard


def test_opening_the_room_imports_neither_pydantic_nor_yaml() -> None:
    """Errors can be caught without paying for the language."""
    code = "import sys, storyboards; print({'pydantic', 'yaml'} & set(sys.modules))"
    assert run(code) == "set()"


def test_reading_a_clean_board_imports_no_words_for_mistakes() -> None:
    """What only a wrong board needs stays out, and so does everything but pydantic and yaml."""
    code = (
        "import sys, pathlib; from storyboards import load; load(pathlib.Path(sys.argv[1]))\n"
        "unwanted = 'difflib prefect httpx numpy av'\n"
        "print(set(unwanted.split()) & set(sys.modules))"
    )
    assert run(code, str(ROOM / "lighthouse.yaml")) == "set()"
