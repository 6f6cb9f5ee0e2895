"""The dialogue that prompts quote, as the text of captions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from storyboards.models import Shot, Storyboard
from storyboards.prompts import expand_text

_QUOTES = (
    *(('"', '"'), ("“", "”"), ("„", "“"), ("„", "”"), ("”", "”")),
    *(("«", "»"), ("»", "«"), ("「", "」"), ("『", "』")),
)
_QUOTED = re.compile(
    "|".join(f"{start}([^{start}{end}\n]{{1,500}}){end}" for start, end in _QUOTES)
)
"""A quotation in one line; single quotes are apostrophes too often."""
_WITHOUT_QUOTES = str.maketrans("", "", "".join({mark for pair in _QUOTES for mark in pair}))
_LETTERING = frozenset(
    {"reads", "reading", "written", "titled", "labelled", "labeled", "lettering", "inscription"}
    | {"sign", "label", "logo", "text", "title", "aufschrift", "schild", "titel", "intitulé"}
)
"""Words in front of what is to be seen, not heard: a sign that reads "Open"."""
_LETTERING_SUFFIXES = ("写着", "写有", "标着", "印着", "字样", "書かれた")


def find_dialogue(storyboard: Storyboard, shot: Shot) -> tuple[str, ...]:
    """Return what is spoken in a shot: the quotations of its prompt, in order.

    A quotation after a word such as `reads` or `titled` is lettering and left out.

    Raises:
        KeyError: If a name in the prompt is unknown, which validation rules out.
    """
    if shot.clip is not None or not shot.prompt:
        return ()

    def look_up(name: str) -> str:
        member = storyboard.cast.get(name)
        if member is None:
            return storyboard.variables[name]
        text = expand_text(member.text, storyboard.variables.__getitem__)
        # Quotations in a description are not spoken.
        return text.strip().translate(_WITHOUT_QUOTES)

    return tuple(_find_quotations(expand_text(shot.prompt, look_up)))


def _find_quotations(prompt: str) -> Iterator[str]:
    for match in _QUOTED.finditer(prompt):
        quotation = next(group for group in match.groups() if group is not None).strip()
        if any(map(str.isalnum, quotation)) and not _is_lettering(prompt[: match.start()]):
            yield quotation


def _is_lettering(before: str) -> bool:
    """Return whether the words in front of a quotation announce lettering."""
    before = before[-40:].rstrip(" \t\n:,：，")
    if before.endswith(_LETTERING_SUFFIXES):
        return True
    return before.rpartition(" ")[2].lower() in _LETTERING
