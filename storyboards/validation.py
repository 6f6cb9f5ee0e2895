"""Check that the values of a board fit the models and one another: every problem in one check.

A value that does not fit is set aside, so that the rest can still be checked: it is removed or
replaced by a placeholder, and its path is noted as broken. A problem that may only be the
consequence of a broken value is not reported.

The limits of models and providers, and files, are not checked here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from pydantic import ValidationError

from storyboards.chains import find_cycles, find_links
from storyboards.edit_rules import find_edit_problems
from storyboards.messages import explain, read_location
from storyboards.models import FromShot, Shot, Storyboard
from storyboards.placeholders import SetAside
from storyboards.problems import MAX_CANDIDATES, MAX_PROBLEMS, Problem, did_you_mean, find_similar
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
from storyboards.yaml_nodes import (
    MappingNode,
    NodePath,
    ScalarNode,
    SequenceNode,
    find,
    find_place,
    to_data,
)

_NEVER_EMPTY = {
    "first_frame": "Write none for a cut or previous for the chain, or remove the line.",
    "budget": "Write an amount like 4.00 USD, or remove the line.",
}
"""Keys that must not be empty: it is unclear what an author means by it, and it costs money."""
_LINK_KEYS = frozenset({"", "id", "first_frame", "continue", "clip"})
_ALLOWED_WITH_CLIP = frozenset({"id", "title", "clip", "transition", "use", "focus"})
_MAX_ROUNDS = 8
_MAX_SUGGESTIONS = 20
"""Unknown names that are compared with all known ones; more of them have one cause."""


def find_warnings(storyboard: Storyboard) -> Iterator[Problem]:
    """Yield what is valid and probably a mistake, without line and column."""
    owners: dict[str, int] = {}
    for index, shot in enumerate(storyboard.shots):
        owner = owners.setdefault(shot.id.casefold(), index)
        other = storyboard.shots[owner].id
        if other != shot.id:
            message = f"the id {quote(shot.id)} differs from {quote(other)} only in its capitals"
            remedy = "Give each shot an id that is not mistaken for another one."
            yield Problem(message, remedy, keys=("shots", index, "id"))


class Checked(NamedTuple):
    """The valid rest of a board after a check."""

    storyboard: Storyboard | None
    """Valid, with placeholders for what is broken; None if too much is broken."""
    problems: list[Problem]
    """With line and column, without the file's name."""
    broken: set[NodePath]
    """The paths of the values that were set aside. A path that ends in an empty key stands for
    keys that may be missing there."""


def check_tree(tree: MappingNode, broken: Collection[NodePath] = ()) -> Checked:
    """Check a board's values and what they require of one another.

    Args:
        tree: The board.
        broken: Paths of values that are known to be unusable.
    """
    data = _without_empty(to_data(tree))
    aside = SetAside(data)
    aside.add(broken)
    problems = [each for each in _find_empty(tree) if not _is_within(each.keys, aside.broken)]
    aside.add([problem.keys for problem in problems])
    storyboard = None
    for _ in range(_MAX_ROUNDS):
        try:
            storyboard = _build(data, tree)
            break
        except ValidationError as error:
            invalid = explain(error.errors(include_url=False), tree)
            problems += [
                problem for problem in invalid if not _is_within(problem.keys, aside.broken)
            ]
            aside.add([problem.keys for problem in invalid])
            # A report that is full has no place for what the rest of the board would add.
            if not invalid or len(problems) >= MAX_PROBLEMS:
                break
    if storyboard is None:
        return Checked(None, problems, aside.broken)
    contradictions = find_problems(storyboard, aside.broken)
    if not contradictions and not aside.broken:
        return Checked(storyboard, problems, aside.broken)
    problems += [_place(problem, tree) for problem in contradictions]
    if len(problems) >= MAX_PROBLEMS:
        return Checked(None, problems, aside.broken)
    return Checked(_without_contradictions(storyboard, aside), problems, aside.broken)


def _without_contradictions(storyboard: Storyboard, aside: SetAside) -> Storyboard | None:
    """Set the values aside that break a rule, until the storyboard breaks none."""
    for _ in range(_MAX_ROUNDS):
        problems = find_problems(storyboard)
        if not problems:
            return storyboard
        # A shot that shows nothing lacks its prompt.
        aside.add(
            [
                (*problem.keys, "prompt") if len(problem.keys) == 2 else problem.keys
                for problem in problems
            ]
        )
        try:
            storyboard = Storyboard.model_validate(aside.data)
        except ValidationError:
            return None
    return None


def _build(data: dict[str, Any], tree: MappingNode) -> Storyboard:
    """Build the storyboard; a bare number in place of a text is the text it is written as."""
    try:
        return Storyboard.model_validate(data)
    except ValidationError as error:
        if not _restore_texts(data, tree, error):
            raise
        return Storyboard.model_validate(data)


def _restore_texts(data: dict[str, Any], tree: MappingNode, error: ValidationError) -> bool:
    restored = False
    for detail in error.errors(include_url=False, include_context=False):
        if detail["type"] != "string_type":
            continue
        path = read_location(detail["loc"]).path
        node, reached = find(tree, path)
        if reached == path and isinstance(node, ScalarNode) and node.value is not None:
            parent: Any = data
            for part in path[:-1]:
                parent = parent[part]
            parent[path[-1]] = node.text
            restored = True
    return restored


def _without_empty(data: dict[str, Any]) -> dict[str, Any]:
    """Drop keys without a value, which count as left out, except names in cast and variables."""
    kept: dict[str, Any] = {}
    for key, value in data.items():
        if key in ("cast", "variables") and isinstance(value, dict):
            kept[key] = {name: _drop_none(member) for name, member in value.items()}
        elif value is not None:
            kept[key] = _drop_none(value)
    return kept


def _drop_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _drop_none(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        return [_drop_none(item) for item in value]
    return value


def _find_empty(tree: MappingNode) -> list[Problem]:
    shots = tree.entries.get("shots")
    count = len(shots.items) if isinstance(shots, SequenceNode) else 0
    paths: list[NodePath] = [("budget",)]
    paths += [("shots", index, "first_frame") for index in range(count)]
    problems = []
    for path in paths:
        node, reached = find(tree, path)
        if reached == path and isinstance(node, ScalarNode) and node.value is None:
            key = str(path[-1])
            problem = Problem(f"{quote(key)} is empty", _NEVER_EMPTY[key], keys=path)
            problems.append(_place(problem, tree))
    return problems


def _place(problem: Problem, tree: MappingNode) -> Problem:
    line, column = find_place(tree, problem.keys)
    return problem._replace(line=line, column=column)


def find_problems(storyboard: Storyboard, broken: Collection[NodePath] = ()) -> list[Problem]:
    """Return the contradictions in a storyboard, without line and column.

    Args:
        storyboard: A storyboard whose values each fit the models.
        broken: Paths of values that were set aside. Contradictions that may be their consequence
            are left out.

    Returns:
        At most one more than `MAX_PROBLEMS` problems.
    """
    problems = _Rules(storyboard, broken).check()
    independent = (each for each in problems if not _is_consequence(each.keys, broken))
    return list(islice(independent, MAX_PROBLEMS + 1))


def _is_within(path: NodePath, broken: Collection[NodePath]) -> bool:
    """Return whether the value at a path is broken, or part of a broken one."""
    return any(path[:length] in broken for length in range(1, len(path) + 1))


def _is_consequence(path: NodePath, broken: Collection[NodePath]) -> bool:
    """Return whether a problem at a path may exist only because something was set aside."""
    return _is_within(path, broken) or any(each[: len(path)] == path for each in broken)


class _Rules:
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
