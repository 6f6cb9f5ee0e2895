"""Write the problems of each broken board to the text file beside it, and print what changed.

Run ``python tests/storyboards/regenerate.py`` from the repository, and read the diff: authors read
these texts, so every change should be intended.
"""

from __future__ import annotations

import sys
from difflib import unified_diff
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))


def regenerate(folder: Path) -> None:
    """Update the .txt file of every board in the folder."""
    for board in sorted(folder.glob("*.yaml")):
        expected = board.with_suffix(".txt")
        before = expected.read_text(encoding="utf-8") if expected.exists() else ""
        after = format_problems(board)
        sys.stdout.writelines(
            unified_diff(
                before.splitlines(keepends=True),
                after.splitlines(keepends=True),
                f"{expected.name} (before)",
                f"{expected.name} (after)",
            )
        )
        expected.write_text(after, encoding="utf-8")


def format_problems(board: Path) -> str:
    """Return the problems of a board, which is named without its folder."""
    from storyboards import InvalidStoryboard, load

    try:
        load(board, shown_as=board.name)
    except InvalidStoryboard as error:
        return f"{error}\n"
    return "the board has no problems\n"


if __name__ == "__main__":
    regenerate(HERE / "broken")
