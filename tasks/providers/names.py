"""Names of models and providers as people type them.

A name that differs from a known one only in case, blanks, `_` and dots is that name. For every
other name there are candidates, never a choice: a wrong guess would be a render that costs money.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from storyboards.problems import MAX_CANDIDATES, find_similar, join_or
from tasks.providers.families import FAMILIES

# Patterns are compiled when they are used: correct names need none.
_SEPARATORS = r"[\s._-]+"
_TOKEN = r"[a-z]+|\d"  # noqa: S105 - no secret
_DATE = r"-?\d{6}$"
_VENDOR = r"^(?:doubao|dreamina|bytedance|byteplus|volcengine)-(?=.)"
_MIN_SIMILARITY = 0.6
_MAX_SCORE_GAP = 0.1
_EQUAL_SCORES = 0.05
"""Scores that differ by less do not decide: the cheaper family comes first."""
_MAX_NAME_LENGTH = 64

_OTHER_PROVIDER_NAMES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("byteplus", "bytepluses", "dreamina"), ("modelark",)),
    **dict.fromkeys(("volcengine", "volces", "volc", "doubao"), ("ark",)),
    **dict.fromkeys(("bytedance", "seedance"), ("ark", "modelark")),
    **dict.fromkeys(("sim", "local", "fake", "mock", "test"), ("simulator",)),
}
"""Companies and brands to the providers that are theirs."""

_CHEAPEST_FIRST = {name: rank for rank, name in enumerate(reversed(list(FAMILIES)))}
"""The order of the families by age, which nearly is that of their prices."""


def match_name(name: str, known: Collection[str]) -> str | None:
    """Return the known name that `name` is, however it is spelled; None if it is none or several.

    Args:
        name: The name as typed.
        known: The names that exist.
    """
    if name in known:
        return name
    spelling = _normalise(name)
    matches = [candidate for candidate in known if _normalise(candidate) == spelling]
    return matches[0] if len(matches) == 1 else None


def _normalise(name: str) -> str:
    return re.sub(_SEPARATORS, "-", name.strip().lower())


def find_provider_names(name: str, known: Collection[str]) -> list[str]:
    """Return at most three known providers that an unknown name may mean, the nearest first."""
    brands = _OTHER_PROVIDER_NAMES.get(_normalise(name), ())
    return [brand for brand in brands if brand in known] or find_similar(name, known)


def explain_unknown_model(name: str, models: Mapping[str, Sequence[str]]) -> tuple[list[str], str]:
    """Return the models of a provider that an unknown name may mean, or a remedy if it has none.

    Families that begin with the name come first, then families that contain it, and only then those
    that are spelled similarly. Of equally near families the cheaper generation comes first. If the
    provider lacks the family that is meant, families with a similar name are not candidates.

    Args:
        name: The name as typed.
        models: The provider's families with their ids.

    Returns:
        At most three families or ids, and an empty text; or no names, and a sentence with the
        families that are nearest to the missing family. Both are empty if the name is like no
        family.
    """
    spelling = _normalise(name)
    if not spelling or len(spelling) > _MAX_NAME_LENGTH:
        return [], ""
    short = re.sub(_VENDOR, "", re.sub(_DATE, "", spelling))
    meant = _find_families(short)
    known = [family for family in meant if family in models]
    if meant and not known:
        return [], _describe_nearest(meant[0], models)
    if short != spelling and known and _normalise(known[0]) == short:
        # An id of another region or another date.
        known = [known[0], *models[known[0]]]
    return known[:MAX_CANDIDATES], ""


def _describe_nearest(wanted: str, families: Iterable[str]) -> str:
    """Return a sentence with the families of a provider that are nearest to a missing family."""
    order = list(FAMILIES)

    def distance(family: str) -> tuple[int, int]:
        return abs(order.index(family) - order.index(wanted)), _CHEAPEST_FIRST[family]

    near = sorted(families, key=distance)[:MAX_CANDIDATES]
    return f"The nearest that it has: {join_or(near)}." if near else ""


def _find_families(name: str) -> list[str]:
    """Return all families that a name may mean, the nearest first."""
    wanted, known = _split(name), {family: _split(family) for family in FAMILIES}
    if not wanted:
        return []
    for is_match in (_is_beginning, _is_part, _has_all):
        matches = [family for family, tokens in known.items() if is_match(wanted, tokens)]
        if matches:
            return sorted(matches, key=lambda family: _rank(family, known[family]))
    return _find_similar_families("".join(wanted), known)


def _split(name: str) -> list[str]:
    """Return words and single digits: `seedance2`, `seedance-2` and `seedance v2` are the same."""
    return [part for part in re.findall(_TOKEN, name) if part != "v"]


def _is_beginning(wanted: list[str], tokens: list[str]) -> bool:
    """Return whether the tokens begin with those wanted; the last token may be cut off."""
    head = tokens[: len(wanted)]
    return len(head) == len(wanted) and (
        wanted[:-1] == head[:-1] and head[-1].startswith(wanted[-1])
    )


def _is_part(wanted: list[str], tokens: list[str]) -> bool:
    """Return whether the tokens contain those wanted, one after another."""
    starts = range(len(tokens) - len(wanted) + 1)
    return any(tokens[start : start + len(wanted)] == wanted for start in starts)


def _has_all(wanted: list[str], tokens: list[str]) -> bool:
    """Return whether the tokens contain those wanted, in any order."""
    return all(tokens.count(token) >= wanted.count(token) for token in wanted)


def _rank(family: str, tokens: list[str]) -> tuple[str, int, int]:
    """Return what orders families that match equally: generation, length, price."""
    generation = "".join(token for token in tokens if token.isdigit())
    return generation, len(tokens), _CHEAPEST_FIRST[family]


def _find_similar_families(name: str, known: Mapping[str, list[str]]) -> list[str]:
    # Only a wrong name needs difflib; planning a correct board should not pay for its import.
    from difflib import SequenceMatcher

    scores = {
        family: SequenceMatcher(None, name, "".join(tokens)).ratio()
        for family, tokens in known.items()
    }
    best = max(scores.values(), default=0.0)
    near = [family for family, score in scores.items() if score >= best - _MAX_SCORE_GAP]
    if best < _MIN_SIMILARITY:
        return []
    return sorted(
        near,
        key=lambda family: (
            int((best - scores[family]) / _EQUAL_SCORES),
            _CHEAPEST_FIRST[family],
        ),
    )
