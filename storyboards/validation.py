"""What the parts of a storyboard require of one another: ids, links, names and exclusive keys.

Each rule checks a storyboard whose every value is valid by itself. What a model or a provider can
do, and whether a file exists, is not checked here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any, NamedTuple

from pydantic import ValidationError

from storyboards.chains import find_cycles, find_links
from storyboards.messages import Misfit, meant_key
from storyboards.models import Crossfade, FromShot, Shot, Storyboard
from storyboards.problems import did_you_mean
from storyboards.prompts import find_names, has_lone_brace
from storyboards.terminal_text import format_path, quote
from storyboards.yaml_nodes import NodePath

MOST_FAULTS = 200
_LISTED = 8

_BESIDE_CLIP = frozenset({"id", "title", "clip", "transition"})


class Fault(NamedTuple):
    """A contradiction, where it stands and what to do about it."""

    path: NodePath
    message: str
    remedy: str
    relies_on: str = ""
    """``names``, ``ids`` or ``links``: what has to be sound elsewhere for this to be sure."""


def find_problems(storyboard: Storyboard) -> list[Fault]:
    """Everything in which the storyboard contradicts itself, up to more than anybody reads."""
    return list(islice(_find_all(storyboard), MOST_FAULTS))


def _find_all(storyboard: Storyboard) -> Iterator[Fault]:
    yield from _check_ids(storyboard)
    yield from _check_cast(storyboard)
    yield from _check_words(storyboard)
    for index, shot in enumerate(storyboard.shots):
        yield from _check_shot(index, shot)
    yield from _check_beginning(storyboard.shots[0])
    yield from _check_first_frames(storyboard)
    yield from _check_loops(storyboard)


def _check_ids(storyboard: Storyboard) -> Iterator[Fault]:
    owners: dict[str, int] = {}
    for index, shot in enumerate(storyboard.shots):
        owner = owners.setdefault(shot.id, index)
        if owner != index:
            taken_by = format_path(("shots", owner))
            message = f"the id {quote(shot.id)} already belongs to {taken_by}"
            yield Fault(("shots", index, "id"), message, "Give each shot an id of its own.")


def _check_cast(storyboard: Storyboard) -> Iterator[Fault]:
    known = storyboard.variables
    for name, member in storyboard.cast.items():
        if name in storyboard.variables:
            message = f"{quote(name)} is both a member of the cast and a variable"
            yield Fault(("variables", name), message, "Rename one of the two.")
        if member.required and not member.images:
            message = "`required` says nothing without `images`"
            remedy = "Add the images, or take `required` out."
            yield Fault(("cast", name, "required"), message, remedy)
        yield from _check_names(member.is_, ("cast", name, "is"), known, "variables")


def _check_words(storyboard: Storyboard) -> Iterator[Fault]:
    known = {**storyboard.variables, **storyboard.cast}
    for path, words in _find_words(storyboard):
        yield from _check_names(words, path, known, "cast and variables")


def _find_words(storyboard: Storyboard) -> Iterator[tuple[NodePath, str]]:
    if storyboard.look.style:
        yield ("look", "style"), storyboard.look.style
    for index, shot in enumerate(storyboard.shots):
        if shot.prompt:
            yield ("shots", index, "prompt"), shot.prompt
        if shot.style:
            yield ("shots", index, "style"), shot.style


def _check_names(
    words: str, path: NodePath, known: Collection[str], of_what: str
) -> Iterator[Fault]:
    if has_lone_brace(words):
        yield Fault(path, "a brace opens or closes no name", "Write {{ or }} for a plain brace.")
    for name in dict.fromkeys(find_names(words)):
        if name not in known:
            message = f"{quote('{' + name + '}')} is not among the {of_what}"
            yield Fault(path, message, did_you_mean(name, known) or _offer(name, known), "names")


def _offer(name: str, known: Collection[str]) -> str:
    have = f"Add {quote(name)} under `cast` or `variables`."
    if known:
        have = f"The names are: {_list_some(known)}."
    return f"{have} A plain brace is written {{{{."


def _list_some(words: Collection[str]) -> str:
    told = ", ".join(islice(words, _LISTED))
    more = len(words) - _LISTED
    return f"{told} and {more} more" if more > 0 else told


def _check_shot(index: int, shot: Shot) -> Iterator[Fault]:
    path: NodePath = ("shots", index)
    if shot.clip is not None:
        yield from _check_clip(path, shot)
        return
    if shot.seconds is not None and shot.frames is not None:
        message = "`seconds` and `frames` both give the length"
        yield Fault((*path, "frames"), message, "Keep one of them.")
    if shot.continue_ and shot.first_frame is not None:
        message = "`continue: clip` and `first_frame` both say where the shot begins"
        yield Fault((*path, "continue"), message, "Keep one of them.")
    if shot.prompt is None and not _shows_something(shot):
        message = "the shot has neither a `prompt` nor a `clip`"
        yield Fault(path, message, "Say what happens: `prompt: ...`.")


def _check_clip(path: NodePath, shot: Shot) -> Iterator[Fault]:
    for name in sorted(shot.model_fields_set - _BESIDE_CLIP):
        field = type(shot).model_fields[name]
        if getattr(shot, name) != field.default:
            key = field.alias or name
            message = f"`{key}` says nothing beside `clip`: nothing is rendered"
            yield Fault((*path, key), message, "Take one of the two out.")


def _shows_something(shot: Shot) -> bool:
    """Whether a picture or a clip that the shot names can stand for a prompt."""
    refers = shot.references and (shot.references.images or shot.references.videos)
    return bool(shot.first_frame not in (None, "none", "previous") or shot.continue_ or refers)


def _check_beginning(shot: Shot) -> Iterator[Fault]:
    nothing = "there is no shot before the first one"
    if shot.first_frame == "previous":
        remedy = "Take the line out, or name another shot or a file."
        yield Fault(("shots", 0, "first_frame"), nothing, remedy)
    if shot.continue_:
        yield Fault(("shots", 0, "continue"), nothing, "Take the line out.")
    if isinstance(shot.transition, Crossfade):
        yield Fault(("shots", 0, "transition"), nothing, "Take the line out.")


def _check_first_frames(storyboard: Storyboard) -> Iterator[Fault]:
    ids = dict.fromkeys(shot.id for shot in storyboard.shots)
    for index, shot in enumerate(storyboard.shots):
        path: NodePath = ("shots", index, "first_frame")
        if isinstance(shot.first_frame, FromShot):
            wanted = shot.first_frame.shot
            if wanted not in ids:
                remedy = did_you_mean(wanted, ids) or f"The shots are: {_list_some(ids)}."
                yield Fault((*path, "shot"), f"there is no shot {quote(wanted)}", remedy, "ids")
        elif shot.first_frame in ids:
            message = f"{quote(shot.first_frame)} is a shot, and here it would be a file"
            yield Fault(path, message, f"Write {{shot: {shot.first_frame}}}.")
        elif shot.first_frame and _is_miswritten(shot.first_frame):
            message = f"{quote(shot.first_frame)} would be a file"
            yield Fault(path, message, f"Write {shot.first_frame.strip().lower()}.")


def _is_miswritten(first_frame: str) -> bool:
    word = first_frame.strip().lower()
    return word in ("none", "previous") and word != first_frame


def _check_loops(storyboard: Storyboard) -> Iterator[Fault]:
    places = {shot.id: index for index, shot in enumerate(storyboard.shots)}
    if len(places) < len(storyboard.shots):
        return  # two shots of one id make rings that nobody wrote
    for loop in find_cycles(find_links(storyboard)):
        told = " -> ".join((*map(quote, loop), quote(loop[0])))
        message = f"the shot waits for itself: {told}"
        if len(loop) == 1:
            message = "the shot starts from its own last frame"
        path: NodePath = ("shots", places[loop[0]], "first_frame")
        yield Fault(path, message, "Let one of them start elsewhere: `first_frame: none`.", "links")


_NAMED = ("cast", "variables")
_SOMETHING = "something"
_UNNAMED = "a-shot-whose-id-is-unknown"


def find_remaining_problems(data: dict[str, Any], misfits: list[Misfit]) -> list[Fault]:
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
    return [fault for fault in find_problems(mended) if not _echoes(fault, paths)]


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


def _echoes(fault: Fault, misfits: list[NodePath]) -> bool:
    """Whether the fault may exist only because something else was left out."""
    if any(fault.path == path[: len(fault.path)] for path in misfits):
        return True
    if fault.relies_on == "names":
        return any(len(path) == 1 and _means_names(path) for path in misfits)
    if fault.relies_on == "ids":
        return any(path[0] == "shots" and (len(path) == 2 or path[2] == "id") for path in misfits)
    return fault.relies_on == "links" and any(path[0] == "shots" for path in misfits)


def _means_names(path: NodePath) -> bool:
    return path[0] in _NAMED or meant_key(path) in _NAMED
