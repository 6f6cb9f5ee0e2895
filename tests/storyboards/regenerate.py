"""Writes what the loader says about each broken board beside it, and prints what has changed.

Run ``python tests/storyboards/regenerate.py`` from the repository, and read the diff: the texts are
what an author is told, so each change is one on purpose.
"""

from __future__ import annotations

import sys
from difflib import unified_diff
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))


def regenerate(folder: Path) -> None:
    """Brings the .txt of every board in the folder up to date."""
    for board in sorted(folder.glob("*.yaml")):
        expected = board.with_suffix(".txt")
        before = expected.read_text(encoding="utf-8") if expected.exists() else ""
        after = tell_problems(board)
        sys.stdout.writelines(
            unified_diff(
                before.splitlines(keepends=True),
                after.splitlines(keepends=True),
                f"{expected.name} (before)",
                f"{expected.name} (after)",
            )
        )
        expected.write_text(after, encoding="utf-8")


def tell_problems(board: Path) -> str:
    """What the loader says about a board, told of by its file's name alone."""
    from storyboards import InvalidStoryboard, load

    try:
        load(board, shown_as=board.name)
    except InvalidStoryboard as error:
        return f"{error}\n"
    return "the loader has no objection\n"


if __name__ == "__main__":
    regenerate(HERE / "broken")
