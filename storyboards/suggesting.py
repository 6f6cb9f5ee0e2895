""" "Did you mean": the known word that a wrong one is nearest to."""

from __future__ import annotations

from collections.abc import Iterable

from storyboards.quoting import quote

_LONGEST = 64
_NEAR = 0.7


def suggest(word: str, known: Iterable[str]) -> str:
    """A sentence that offers the nearest known word; empty where none is near."""
    near = find_near(word, known)
    return f"Did you mean {quote(near)}?" if near else ""


def find_near(word: str, known: Iterable[str]) -> str:
    """The known word that is nearest to this one; empty where none is near."""
    # Only a wrong board needs it, and a right one should not pay for its import.
    from difflib import get_close_matches

    if len(word) > _LONGEST:
        return ""
    spelled = {name.lower().replace("-", "_"): name for name in known}
    near = get_close_matches(word.lower().replace("-", "_"), spelled, n=1, cutoff=_NEAR)
    return spelled[near[0]] if near else ""
