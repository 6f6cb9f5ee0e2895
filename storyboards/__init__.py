"""The storyboard language: what an author writes, and nothing about how it is rendered.

    models         what an author may write, as frozen values
    loading        a file or bytes to a `Board`, or every problem at once
    board          a storyboard with its name, its file and the place of each value
    validation     what values require of one another
    placeholders   what stands in place of broken values
    messages       what is wrong with a value, and the remedy
    problems       the root of all expected errors, `Problem`, "did you mean"
    terminal_text  text that is safe to print
    prompts        the full prompt of a shot
    chains         which shot continues which
    yaml_nodes     YAML text to nodes with line and column
    yaml_syntax    messages for YAML syntax errors
    yaml_recovery  reading on after YAML syntax errors
    yaml_editor    single values changed in a board's own text
    schema         the JSON Schema for editors
    template       the board that `shotchain init` writes

The example boards are in the same folder. Nothing here imports from `tasks` or `flows`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from storyboards.problems import InvalidStoryboard, Problem, ShotchainError

if TYPE_CHECKING:
    from storyboards.board import Board
    from storyboards.loading import load, parse
    from storyboards.models import Shot, Storyboard

__all__ = [
    "Board",
    "InvalidStoryboard",
    "Problem",
    "Shot",
    "ShotchainError",
    "Storyboard",
    "load",
    "parse",
]

_MODULES = {
    "Board": "board",
    "Shot": "models",
    "Storyboard": "models",
    "load": "loading",
    "parse": "loading",
}


def __getattr__(name: str) -> Any:
    """Import what needs pydantic or yaml when it is first used."""
    if name not in _MODULES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
