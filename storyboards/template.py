"""The commented boards that `shotchain init` writes; each renders unchanged, for nothing.

They are the files in `templates`, and the pictures that they name are in `refs`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from storyboards.board import INLINE_NAME, derive_name

TEMPLATES = {
    "chain": "three shots: a chain and a cut",
    "edit": "ranges, transitions, titles, music, captions, versions",
    "spot": "twelve shots: two chains, a cast, an end card",
    "end-card": "a first and a last frame from pictures",
    "references": "pictures of people and things that the model uses",
}
"""Every template with what it shows; the first is the default."""

_FOLDER = Path(__file__).parent
SCHEMA_FILE = _FOLDER / "storyboard.schema.json"
"""The schema that the first line of a board names for editors, as a file beside the board."""

_TITLE = re.compile(r"^title: .*$", re.MULTILINE)
_PICTURE = re.compile(r"\brefs/[\w-]+\.\w+")


class Template(NamedTuple):
    """A board to begin with, and the pictures that it needs."""

    text: str
    pictures: dict[str, Path]
    """Paths relative to the board, with the files to copy there."""


def build_template(stem: str, template: str = "chain") -> Template:
    """Return the starter board for a file with this stem.

    Args:
        stem: The name of the file without its suffix, from which the title is made.
        template: A name of `TEMPLATES`.
    """
    text = (_FOLDER / "templates" / f"{template}.yaml").read_text(encoding="utf-8")
    name = "" if derive_name(stem) else f"name: {INLINE_NAME}\n"
    text = _TITLE.sub(lambda _: f"{name}title: {_quote_title(stem)}", text, count=1)
    return Template(text, {path: _FOLDER / path for path in sorted(set(_PICTURE.findall(text)))})


def _quote_title(stem: str) -> str:
    title = "".join(char for char in stem if char.isprintable())
    title = title.replace("-", " ").replace("_", " ").strip()
    quoted = (title[:1].upper() + title[1:]).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted or "Untitled"}"'
