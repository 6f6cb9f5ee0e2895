"""The storyboard room: what is asked, and nothing about how it is rendered.

    models        what an author may write, as frozen values
    loading       a file or bytes in, a `Board` out, or every problem at once
        source, composing    bytes to text, text to a tree of nodes (with scalars, syntax)
        rules                what values demand of one another
        explaining           what does not fit, in words (with vocabulary, suggesting, quoting)
        mending              lets the rules see the rest of a board that does not fit
    board         a storyboard with its name, its file and the place of each value
    prompts       the full words of a shot
    chains        which shot continues which
    rewriting     single values changed in a board's own text (with spelling)
    saving        a board's file replaced, whole or not at all
    schema        writes storyboard.schema.json for editors
    starter       the board that `shotchain init` writes
    errors        the root of all expected errors, and the storyboard's own

The example boards lie beside them. Nothing here imports from `tasks` or `flows`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from storyboards.errors import InvalidStoryboard, Problem, RenderingError

if TYPE_CHECKING:
    from storyboards.board import Board
    from storyboards.loading import load, parse
    from storyboards.models import Shot, Storyboard

__all__ = [
    "Board",
    "InvalidStoryboard",
    "Problem",
    "RenderingError",
    "Shot",
    "Storyboard",
    "load",
    "parse",
]

_HOMES = {
    "Board": "board",
    "Shot": "models",
    "Storyboard": "models",
    "load": "loading",
    "parse": "loading",
}


def __getattr__(name: str) -> Any:
    """What needs pydantic or yaml is imported when it is first asked for."""
    from importlib import import_module

    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
