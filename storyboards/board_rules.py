"""The rules of a storyboard: what its values require of one another. Those of the edit are apart.

Problems that may be the consequence of a broken value are left out in `validation`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from storyboards.chains import find_cycles, find_links
from storyboards.edit_rules import find_edit_problems
from storyboards.models import FromShot, Shot, Storyboard
from storyboards.problems import MAX_CANDIDATES, Problem, did_you_mean, find_similar
from storyboards.prompts import (
    MAX_CAST_IN_TEXT,
    MAX_PROMPT_LENGTH,
    MAX_TOTAL_LENGTH,
    LengthMeter,
    find_names,
    has_lone_brace,
)
from storyboards.suggestions import suggest_first_frame
from storyboards.terminal_text import quote, shorten
from storyboards.yaml_nodes import NodePath

_LINK_KEYS = frozenset({"", "id", "first_frame", "continue", "clip"})
_ALLOWED_WITH_CLIP = frozenset({"id", "title", "clip", "transition", "use", "focus"})
_MAX_SUGGESTIONS = 20
"""Unknown names that are compared with all known ones; more of them have one cause."""


class BoardRules:
    """The rules for one storyboard; each yields problems."""

    def __init__(self, storyboard: Storyboard, broken: Collection[NodePath]) -> None:
        self.storyboard = storyboard
        self.broken = broken
        self.suggestions = 0
        self._ids = dict.fromkeys(shot.id for shot in storyboard.shots)
        shots = [path for path in broken if path[:1] == ("shots",) or path == ("",)]
        self.knows_ids = not any(len(path) < 3 or path[2] in ("", "id") for path in shots)
        self.knows_shots = not any(len(path) < 2 for path in shots)
        self.broken_links = {
            path[1] for path in shots if len(path) == 2 or (path[2:3] and path[2] in _LINK_KEYS)
        }
        """The indexes of shots that may continue another shot than it seems."""

    def check(self) -> Iterator[Problem]:
        """Yield the contradictions, without line and column."""
        yield from self._check_ids()
        yield from self._check_cast()
        yield from self._check_texts()
        yield from self._check_lengths()
        for index, shot in enumerate(self.storyboard.shots):
            yield from self._check_shot(("shots", index), shot)
        yield from self._check_first_shot(self.storyboard.shots[0])
        yield from self._check_first_frames()
        yield from find_edit_problems(self.storyboard, self)
        if self.knows_shots:
            yield from self._check_cycles()

    def _knows_name(self, name: str) -> bool:
        """Return whether a name that is unknown was surely never defined."""
        return not any(
            path == ("",)
            or (path[0] in ("cast", "variables") and (len(path) < 2 or path[1] in ("", name)))
            or (path[0] == "versions" and (len(path) < 3 or path[2] in ("", "set", "csv")))
            for path in self.broken
        )

    def _check_ids(self) -> Iterator[Problem]:
        owners: dict[str, int] = {}
        for index, shot in enumerate(self.storyboard.shots):
            owner = owners.setdefault(shot.id, index)
            if owner != index:
                message = f"the id {quote(shot.id)} is already used by shots[{owner}]"
                remedy = "Give each shot an id of its own."
                yield Problem(message, remedy, keys=("shots", index, "id"))

    def _check_cast(self) -> Iterator[Problem]:
        variables = self.storyboard.variables
        for name, member in self.storyboard.cast.items():
            if name in variables:
                message = f"{quote(name)} is both a member of the cast and a variable"
                yield Problem(message, "Rename one of the two.", keys=("variables", name))
            if member.required and not member.images:
                message = "`required` has no effect without `images`"
                remedy = "Add the images, or remove `required`."
                yield Problem(message, remedy, keys=("cast", name, "required"))
            path: NodePath = ("cast", name, "is")
            yield from self._check_names(member.text, path, variables, "a variable")

    def _check_texts(self) -> Iterator[Problem]:
        known = {**self.storyboard.variables, **self.storyboard.cast}
        for path, text in self._find_texts():
            yield from self._check_names(text, path, known, "in the cast or a variable")

    def _find_texts(self) -> Iterator[tuple[NodePath, str]]:
        if self.storyboard.look.style:
            yield ("look", "style"), self.storyboard.look.style
        for index, shot in enumerate(self.storyboard.shots):
            if shot.prompt:
                yield ("shots", index, "prompt"), shot.prompt
            if shot.style:
                yield ("shots", index, "style"), shot.style

    def _check_names(
        self, text: str, path: NodePath, known: Collection[str], kind: str
    ) -> Iterator[Problem]:
        if has_lone_brace(text):
            message = "a brace does not open or close a name"
            yield Problem(message, "Write {{ or }} for a plain brace.", keys=path)
        for name in dict.fromkeys(find_names(text)):
            if name not in known and (problem := self.unknown_name(path, name, known, kind)):
                yield problem

    def unknown_name(
        self, path: NodePath, name: str, known: Collection[str], kind: str = "a variable"
    ) -> Problem | None:
        """Return the problem of a name that is unknown; None if it may be a broken one."""
        if not self._knows_name(name):
            return None
        message = f"{quote('{' + name + '}')} is not {kind}"
        remedy = self._did_you_mean(name, known) or _name_remedy(name, known, kind)
        return Problem(message, remedy, keys=path)

    def _check_lengths(self) -> Iterator[Problem]:
        """Check how long the texts become before one of them is built."""
        meter, storyboard = LengthMeter(self.storyboard), self.storyboard
        for name, member in storyboard.cast.items():
            if meter.measure(member.text, with_cast=False) > MAX_PROMPT_LENGTH:
                yield _too_long(("cast", name, "is"))
        for path, text in self._find_texts():
            count = meter.count_cast(text)
            if count > MAX_CAST_IN_TEXT:
                message = f"the text mentions {count} members of the cast"
                remedy = f"Mention at most {MAX_CAST_IN_TEXT}; no model takes more references."
                yield Problem(message, remedy, keys=path)
            if meter.measure(text) > MAX_PROMPT_LENGTH:
                yield _too_long(path)
        total = 0
        for index, shot in enumerate(storyboard.shots):
            style = storyboard.look.style if shot.style is None else shot.style
            lengths = (meter.measure(text) for text in (shot.prompt, style) if text)
            total += sum(min(length, MAX_PROMPT_LENGTH) for length in lengths)
            if total > MAX_TOTAL_LENGTH:
                message = (
                    f"the prompts up to shots[{index}] have more than {MAX_TOTAL_LENGTH:,} "
                    "characters with their names expanded"
                )
                yield Problem(message, "Split the board, or shorten its texts.", keys=("shots",))
                return

    def _check_shot(self, path: NodePath, shot: Shot) -> Iterator[Problem]:
        if shot.clip is not None:
            yield from _check_clip(path, shot)
            return
        if shot.seconds is not None and shot.frames is not None:
            message = "`seconds` and `frames` both set the length"
            yield Problem(message, "Keep one of them.", keys=(*path, "frames"))
        if shot.continues and shot.first_frame is not None:
            message = "`continue: clip` and `first_frame` both set where the shot begins"
            yield Problem(message, "Keep one of them.", keys=(*path, "continue"))
        if shot.prompt is None and not _shows_something(shot):
            message = "the shot has neither a `prompt` nor a `clip`"
            yield Problem(message, "Describe what happens: `prompt: ...`.", keys=path)

    def _check_first_shot(self, shot: Shot) -> Iterator[Problem]:
        message = "there is no shot before the first one"
        if shot.first_frame == "previous":
            remedy = "Remove the line, or name another shot or a file."
            yield Problem(message, remedy, keys=("shots", 0, "first_frame"))
        if shot.continues:
            yield Problem(message, "Remove the line.", keys=("shots", 0, "continue"))

    def _check_first_frames(self) -> Iterator[Problem]:
        ids = self._ids
        for index, shot in enumerate(self.storyboard.shots):
            path: NodePath = ("shots", index, "first_frame")
            if isinstance(shot.first_frame, FromShot):
                if problem := self.unknown_shot((*path, "shot"), shot.first_frame.shot):
                    yield problem
            elif shot.first_frame in ids:
                message = f"{quote(shot.first_frame)} is the id of a shot, but read as a file"
                yield Problem(message, f"Write {{shot: {shot.first_frame}}}.", keys=path)
            elif shot.first_frame and (keyword := _find_keyword(shot.first_frame)):
                message = f"{quote(shot.first_frame)} is read as a file"
                yield Problem(message, f"Write {keyword}.", keys=path)

    def unknown_shot(self, path: NodePath, shot: str) -> Problem | None:
        """Return the problem of an id that no shot has; None if one may have it."""
        ids = self._ids
        if shot in ids or not (self.knows_ids or find_similar(shot, ids)):
            return None
        remedy = self._did_you_mean(shot, ids) or f"The shots are: {_list_some(ids)}."
        return Problem(f"there is no shot {quote(shot)}", remedy, keys=path)

    def _did_you_mean(self, name: str, known: Collection[str]) -> str:
        self.suggestions += 1
        return did_you_mean(name, known) if self.suggestions <= _MAX_SUGGESTIONS else ""

    def _check_cycles(self) -> Iterator[Problem]:
        indexes = {shot.id: index for index, shot in enumerate(self.storyboard.shots)}
        # Two shots with one id make cycles that are not in the board.
        twice = {
            shot.id for index, shot in enumerate(self.storyboard.shots) if indexes[shot.id] != index
        }
        for cycle in find_cycles(find_links(self.storyboard)):
            if any(shot in twice or indexes[shot] in self.broken_links for shot in cycle):
                continue
            route = _format_route(cycle)
            message = f"the shot waits for itself: {route}"
            if len(cycle) == 1:
                message = "the shot starts from its own last frame"
            remedy = "Let one of them start elsewhere: `first_frame: none`."
            yield Problem(message, remedy, keys=("shots", indexes[cycle[0]], "first_frame"))


def _too_long(path: NodePath) -> Problem:
    message = f"the text has more than {MAX_PROMPT_LENGTH:,} characters with its names expanded"
    return Problem(message, "Shorten it, or the texts of the names in it.", keys=path)


def _check_clip(path: NodePath, shot: Shot) -> Iterator[Problem]:
    for name in sorted(shot.model_fields_set - _ALLOWED_WITH_CLIP):
        field = type(shot).model_fields[name]
        if getattr(shot, name) != field.default:
            key = field.alias or name
            message = f"`{key}` has no effect with `clip`: nothing is rendered"
            yield Problem(message, "Remove one of the two.", keys=(*path, key))


def _shows_something(shot: Shot) -> bool:
    """Return whether the shot names a picture or a clip that can replace a prompt."""
    references = shot.references and (shot.references.images or shot.references.videos)
    has_frame = shot.first_frame not in (None, "none", "previous")
    return bool(has_frame or shot.continues or references)


def _find_keyword(first_frame: str) -> str:
    """Return the keyword that a word was probably meant to be; "" for a keyword and for a file."""
    if first_frame in ("none", "previous") or not first_frame.strip().replace("_", "").isalpha():
        return ""
    return suggest_first_frame(first_frame)


def _name_remedy(name: str, known: Collection[str], kind: str) -> str:
    section = "`cast` or `variables`" if "cast" in kind else "`variables`"
    remedy = f"Add {quote(name)} under {section}."
    if known:
        remedy = f"The names are: {_list_some(known)}."
    return f"{remedy} A plain brace is written {{{{."


def _format_route(cycle: Sequence[str]) -> str:
    """Return the shots of a cycle in order; of a long one the first three and the last."""
    shown = [quote(shot) for shot in cycle]
    if len(cycle) > MAX_CANDIDATES + 1:
        shown[MAX_CANDIDATES:-1] = [f"{len(cycle) - MAX_CANDIDATES - 1} more"]
    return " -> ".join((*shown, quote(cycle[0])))


def _list_some(names: Collection[str]) -> str:
    listed = ", ".join(map(shorten, islice(names, MAX_CANDIDATES)))
    more = len(names) - MAX_CANDIDATES
    return f"{listed} and {more} more" if more > 0 else listed
