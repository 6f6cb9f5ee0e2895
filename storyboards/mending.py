"""A storyboard without its misfits, so that the rules can still look at the rest of it.

With it one check of a board tells everything at once. What a rule finds is dropped where it may be
nothing but the echo of a misfit.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from storyboards.explaining import Misfit
from storyboards.models import Storyboard
from storyboards.nodes import Path
from storyboards.rules import Fault, find_faults
from storyboards.vocabulary import meant_key

_NAMED = ("cast", "variables")
_SOMETHING = "something"
_UNNAMED = "a-shot-whose-id-is-unknown"


def find_remaining_faults(data: dict[str, Any], misfits: list[Misfit]) -> list[Fault]:
    """What the rules find in the rest of a board, whose plain data this takes apart."""
    paths = [misfit.path for misfit in misfits]
    if ("shots",) in paths:
        return []
    for misfit in misfits:
        _leave_out(data, misfit)
    try:
        mended = Storyboard.model_validate(data)
    except ValidationError:
        return []
    return [fault for fault in find_faults(mended) if not _echoes(fault, paths)]


def _leave_out(data: Any, misfit: Misfit) -> None:
    match misfit.path:
        case ("shots", int() as index):
            data["shots"][index] = {"id": f"{_UNNAMED}-{index}"}
        case ("shots", int() as index, "id", *_):
            data["shots"][index]["id"] = f"{_UNNAMED}-{index}"
        case ("shots", int() as index, key, *_):
            data["shots"][index].pop(key, None)
        case ("look" | "film" as section, key, *_):
            data[section].pop(key, None)
        case ("cast" | "variables" as section, name) if misfit.at_key:
            data[section].pop(name, None)
        case ("cast", name, *_):
            data["cast"][name] = {"is": _SOMETHING}
        case ("variables", name):
            data["variables"][name] = _SOMETHING
        case (key, *_):
            data.pop(key, None)


def _echoes(fault: Fault, misfits: list[Path]) -> bool:
    """Whether the fault may exist only because something else was left out."""
    if any(fault.path == path[: len(fault.path)] for path in misfits):
        return True
    if fault.relies_on == "names":
        return any(len(path) == 1 and _means_names(path) for path in misfits)
    if fault.relies_on == "ids":
        return any(path[0] == "shots" and (len(path) == 2 or path[2] == "id") for path in misfits)
    return fault.relies_on == "links" and any(path[0] == "shots" for path in misfits)


def _means_names(path: Path) -> bool:
    return path[0] in _NAMED or meant_key(path) in _NAMED
