"""The versions of a board as boards of their own: names, variables, shots and film settings.

A version is a film of the same shots: in another shape, length or language. Which of its shots are
those of the board's own film, and which are rendered for it, is decided in `variants`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import PurePath
from typing import NamedTuple

from storyboards.board import Board, derive_name
from storyboards.loading import find_forbidden_char, list_boards
from storyboards.models import (
    Film,
    Shot,
    Storyboard,
    Version,
    VersionShot,
    check_board_name,
    normalise_name,
)
from storyboards.problems import did_you_mean
from storyboards.prompts import (
    MAX_PROMPT_LENGTH,
    expand_text,
    find_names,
    get_film_variables,
    has_lone_brace,
)
from storyboards.terminal_text import quote
from storyboards.validation import find_problems
from storyboards.yaml_nodes import NodePath
from tasks.errors import UsageError
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.plan import FilmTarget, VersionPlace
from tasks.planning.media_files import MediaInputError
from tasks.planning.shot_settings import ProblemLog

MAX_VERSIONS = 1_000
"""Of one board in all, the rows of tables included."""

MAX_SHOWN_SHOTS = 100_000
"""Of all versions of a board together."""


class RenderedLook(NamedTuple):
    """Everything by which the renders of a version differ from those of the board's own film."""

    ratio: str | None = None
    """The ratio in which shots are rendered; None is that of the board."""
    variables: tuple[tuple[str, str], ...] = ()
    """The variables with other values that prompts contain, by name."""


OWN_LOOK = RenderedLook()
"""The renders are those of the board's own film."""


@dataclass(frozen=True)
class ExpandedVersion:
    """One version: an entry of `versions`, or a row of its table."""

    name: str
    """The name of its film's file, without suffix; unique in the board."""
    label: str
    """The name of its renders in the ids of shots: what differs from the board's own film."""
    place: VersionPlace
    written: Version
    board: Board = field(repr=False)
    """Its board: the shots in its order, its variables and its film's settings."""
    target: FilmTarget
    look: RenderedLook
    values: Mapping[str, str] = field(default_factory=dict)
    """The values of variables that it sets."""

    @property
    def path(self) -> NodePath:
        """The path of its entry in the board; empty for the film of the board itself."""
        return self.place.path


def check_variables(board: Board, values: Mapping[str, str]) -> dict[str, str]:
    """Return the values of variables that the user gives, by names as boards have them.

    Raises:
        UsageError: The board has no such variable, or a value is not a text of a board.
    """
    checked = {}
    for name, value in values.items():
        known = get_film_variables(board.storyboard)
        normalised = normalise_name(name)
        if normalised not in known:
            remedy = did_you_mean(name, known, otherwise="Add it to `variables` of the board.")
            msg = f"{board.shown_as or board.name} has no variable {quote(name)}. {remedy}"
            raise UsageError(msg)
        if not value.strip() or len(value) > MAX_PROMPT_LENGTH or find_forbidden_char(value):
            msg = f"the value of {name} is empty, too long or has control characters"
            raise UsageError(msg)
        checked[normalised] = value
    return checked


class Expansion(NamedTuple):
    """A board and its versions."""

    board: Board
    """With the variables that only versions set: in its own film, the first value counts."""
    versions: tuple[ExpandedVersion, ...] = ()


def expand_versions(board: Board, log: ProblemLog, variables: Mapping[str, str]) -> Expansion:
    """Return the versions of a board; every problem of them is logged.

    Args:
        board: The board.
        log: The log of the plan.
        variables: Values of variables that the user gives. With them the board's own film is the
            first version, of the name of the board.
    """
    if not board.storyboard.versions and not variables:
        return Expansion(board)
    return _Expander(board, log, variables).expand()


class _Variant(NamedTuple):
    """An entry of `versions` with the values of a row, or without a table."""

    place: VersionPlace
    written: Version
    values: Mapping[str, str]
    """The values of variables that the version sets."""


class _Expander:
    """Expands the versions of one board; what can't be used is logged and left out."""

    def __init__(self, board: Board, log: ProblemLog, variables: Mapping[str, str]) -> None:
        self._board, self._log = board, log
        self._storyboard = board.storyboard
        self._set = variables
        self._variables: Mapping[str, str] = {}
        self._shots = {shot.id: shot for shot in self._storyboard.shots}

    def expand(self) -> Expansion:
        variants = self._list_variants()
        first_values: dict[str, str] = {}
        for variant in variants:
            first_values = {**variant.values, **first_values}
        self._variables = {**first_values, **self._storyboard.variables, **self._set}
        own_variables = {**first_values, **self._storyboard.variables}
        board = _with_variables(self._board, own_variables)
        if any(variant.place.file for variant in variants):
            self._check_own_texts(board)
        expanded = list(filter(None, map(self._expand_one, variants)))
        self._check_collisions(expanded)
        own = [self._expand_own_film()] if self._set else []
        return Expansion(board, _with_unique_labels([*own, *expanded]))

    def _list_variants(self) -> list[_Variant]:
        limit = min(MAX_VERSIONS, MAX_SHOWN_SHOTS // len(self._shots))
        variants = list(islice(self._iter_variants(), limit + 1))
        if len(variants) > limit:
            message = f"the board has more than {limit:,} versions"
            self._add(variants.pop(), "", message, "Split the board.")
        return variants

    def _check_own_texts(self, board: Board) -> None:
        """Check the texts of the board's own film, whose variables a table may give."""
        whole = board.storyboard.model_copy(update={"versions": ()})
        for problem in find_problems(whole, self._board.broken):
            self._log.add_problem(problem.keys, problem.message, problem.remedy)

    def _expand_own_film(self) -> ExpandedVersion:
        """Return the film of the board itself with the values that the user gives."""
        version = Version(name=self._board.name)
        return ExpandedVersion(
            self._board.name,
            derive_name("-".join(self._set.values())) or "set",
            VersionPlace(()),
            version,
            _with_variables(self._board, self._variables),
            FilmTarget(),
            self._find_look(version, self._variables),
        )

    def _iter_variants(self) -> Iterator[_Variant]:
        for index, version in enumerate(self._storyboard.versions):
            place = VersionPlace(("versions", index))
            if any(path[:2] == place.path for path in self._board.broken):
                continue
            if version.csv is None:
                yield _Variant(place, version, version.variables)
            else:
                yield from self._iter_rows(place, version, version.csv)

    def _iter_rows(
        self, place: VersionPlace, version: Version, reference: str
    ) -> Iterator[_Variant]:
        # Loads csv and builds validators, which boards without tables do not need.
        from tasks.planning.version_table import InvalidTable, read_table

        try:
            table = read_table(self._board, reference)
        except MediaInputError as error:
            self._log.add((*place.path, "csv"), error.problem)
        except InvalidTable as error:
            self._log.media_problems += error.problems
        else:
            file = str(PurePath(self._board.shown_as).parent / reference)
            for line, values in table:
                in_table = place._replace(file=file, line=line)
                yield _Variant(in_table, version, {**version.variables, **values})

    def _expand_one(self, variant: _Variant) -> ExpandedVersion | None:
        name = self._expand_name(variant)
        shots = tuple(self._find_shots(variant))
        if not name or not shots:
            return None
        film = _merge_film(self._storyboard.film, variant.written.film)
        variables = {**self._variables, **variant.values}
        changes = {"variables": variables, "shots": shots, "film": film, "versions": ()}
        storyboard = self._storyboard.model_copy(update=changes)
        self._check_texts(variant, name, storyboard)
        look = self._find_look(variant.written, variables)
        return ExpandedVersion(
            name,
            self._expand_label(variant, look) or name,
            variant.place,
            variant.written,
            replace(self._board, storyboard=storyboard, name=name),
            _find_target(variant.written),
            look,
            variant.values,
        )

    def _check_texts(self, variant: _Variant, name: str, storyboard: Storyboard) -> None:
        """Check the texts and settings of a version with the values of its variables."""
        # All shots: a version may begin with a shot that continues another.
        whole = storyboard.model_copy(update={"shots": self._storyboard.shots})
        for problem in find_problems(whole):
            self._log.problems.append(variant.place.relocate(problem, self._board, name))

    def _find_look(self, version: Version, variables: Mapping[str, str]) -> RenderedLook:
        own = self._storyboard
        changed = {
            name: variables[name]
            for name in self._prompt_names
            if variables[name] != own.variables.get(name)
        }
        ratio = version.ratio if version.fit == "render" else None
        has_ratio = ratio and self._ratios != {ratio}
        return RenderedLook(ratio if has_ratio else None, tuple(sorted(changed.items())))

    @cached_property
    def _prompt_names(self) -> frozenset[str]:
        """The variables in the texts that vendors get."""
        storyboard = self._storyboard
        rendered = [shot for shot in storyboard.shots if shot.clip is None]
        texts = [storyboard.look.style, *(member.text for member in storyboard.cast.values())]
        texts += [text for shot in rendered for text in (shot.prompt, shot.style)]
        names = {name for text in texts if text for name in find_names(text)}
        return frozenset(names & storyboard.variables.keys())

    @cached_property
    def _ratios(self) -> set[str | None]:
        """The ratios in which the shots of the board are rendered."""
        storyboard = self._storyboard
        rendered = [shot for shot in storyboard.shots if shot.clip is None]
        return {shot.ratio or storyboard.look.ratio for shot in rendered}

    def _expand_name(self, variant: _Variant) -> str:
        """Return the name of a version, or "" if files can't have it."""
        template = variant.written.name
        values = self._name_values(variant)
        if has_lone_brace(template):
            message = "a brace in the name does not open or close a word"
            self._add(variant, "name", message, "Write the name like {board}-{ratio}-{lang}.")
            return ""
        unknown = [word for word in dict.fromkeys(find_names(template)) if word not in values]
        for word in unknown:
            self._add(variant, "name", *_explain_unknown_word(word, variant, values))
        name = "" if unknown else expand_text(template, values.__getitem__)
        if not unknown and (problem := _find_name_problem(name)):
            message = f"a file can't have the name {quote(name)} on every system: {problem}"
            remedy = "Use letters, digits, - and _; values of variables get - for anything else."
            self._add(variant, "name", message, remedy)
            return ""
        return name

    def _expand_label(self, variant: _Variant, look: RenderedLook) -> str:
        """Return the name without what does not change a render, such as the length."""
        values = self._name_values(variant)
        if not look.variables:
            values |= dict.fromkeys(self._variables, "") | dict.fromkeys(variant.values, "")
        if not look.ratio:
            values["ratio"] = ""
        values |= {"board": "", "length": ""}
        return derive_name(expand_text(variant.written.name, values.__getitem__))

    def _name_values(self, variant: _Variant) -> dict[str, str]:
        """Return what may stand in a name, as it is written there."""
        version, variables = variant.written, {**self._variables, **variant.values}
        values = {name: derive_name(text) for name, text in variables.items()}
        values["board"] = self._board.name
        ratio = version.ratio or self._storyboard.look.ratio
        values.pop("ratio", None)
        values.pop("length", None)
        if ratio and ratio != "adaptive":
            values["ratio"] = ratio.replace(":", "x")
        if version.length is not None:
            values["length"] = format_length(version.length)
        return values

    def _find_shots(self, variant: _Variant) -> Iterator[Shot]:
        """Yield the shots of a version in its order, with its own ranges and points of interest."""
        if variant.written.shots is None:
            yield from self._storyboard.shots
            return
        for named in variant.written.shots:
            shot_id = named.id if isinstance(named, VersionShot) else named
            shot = self._shots.get(shot_id)
            if shot is None:
                # It has a problem, and a placeholder in its place.
                continue
            if isinstance(named, VersionShot):
                own = {key: getattr(named, key) for key in ("use", "focus")}
                changes = {key: value for key, value in own.items() if value is not None}
                shot = shot.model_copy(update=changes)
            yield shot

    def _check_collisions(self, versions: list[ExpandedVersion]) -> None:
        """Check that no two films of the board, or of a board beside it, have one name."""
        owners = {_fold(self._board.name): "the film of the board itself"}
        if versions:
            owners |= self._list_neighbours()
        for version in versions:
            folded = _fold(version.name)
            if owner := owners.get(folded):
                message = f"the name {quote(version.name)} is already that of {owner}"
                remedy = "Add what differs to the name: {ratio}, {length} or a variable."
                problem = version.place.problem(self._board, "name", message, remedy)
                self._log.problems.append(problem)
            else:
                owners[folded] = str(version.place)

    def _list_neighbours(self) -> dict[str, str]:
        """Return the boards beside this one by the names of their films."""
        file = self._board.file
        if file is None:
            return {}
        names = [name for name in list_boards(file.parent) if name != file.name]
        return {_fold(derive_name(PurePath(name).stem)): f"the film of {name}" for name in names}

    def _add(self, variant: _Variant, key: str, message: str, remedy: str) -> None:
        self._log.problems.append(variant.place.problem(self._board, key, message, remedy))


def _with_variables(board: Board, variables: Mapping[str, str]) -> Board:
    storyboard = board.storyboard.model_copy(update={"variables": variables})
    return replace(board, storyboard=storyboard)


def _find_target(version: Version) -> FilmTarget:
    if version.ratio is None:
        return FilmTarget(length=version.length)
    # Of a version that is rendered, only the user's own clips have another shape.
    fit = "crop" if version.fit == "render" else version.fit
    return FilmTarget(_parse_ratio(version.ratio), fit, version.length)


def _parse_ratio(ratio: str) -> tuple[int, int]:
    width, _, height = ratio.partition(":")
    return int(width), int(height)


def format_length(frames: int) -> str:
    """Return a length as part of a file's name: `15s`, or `100f` if it is not whole seconds."""
    seconds, rest = divmod(frames, FRAMES_PER_SECOND)
    return f"{frames}f" if rest else f"{seconds}s"


def _explain_unknown_word(
    word: str, variant: _Variant, values: Mapping[str, str]
) -> tuple[str, str]:
    """Return the problem of a word in a name that has no value, and its remedy."""
    if word == "length":
        return "the name has {length}, and the version no length", "Add length, or remove it."
    if word == "ratio":
        return "the name has {ratio}, and neither the version nor `look` a ratio", "Add ratio."
    place = "a column of the table" if variant.place.file else "set"
    remedy = did_you_mean(word, values, otherwise=f"Add it to {place} or to `variables`.")
    return f"{quote('{' + word + '}')} is not a variable of this version", remedy


def _find_name_problem(name: str) -> str:
    """Return why files can't have a name on every system; else ""."""
    if not name:
        return "it is empty"
    if name[0] in "-_":
        return f"it begins with {name[0]}"
    for char in name:
        if char not in "-_" and unicodedata.category(char)[0] not in "LMN":
            return f"it contains {quote(char)}"
    try:
        check_board_name(name)
    except ValueError as error:
        return str(error)
    return ""


def _fold(name: str) -> str:
    """Return a name as file systems compare it that ignore capitals."""
    return unicodedata.normalize("NFC", name).casefold()


def _with_unique_labels(versions: list[ExpandedVersion]) -> tuple[ExpandedVersion, ...]:
    """Return the versions; its name is the label of one with a label of other renders."""
    owners: dict[str, RenderedLook] = {}
    unique = []
    for version in versions:
        if owners.setdefault(version.label, version.look) != version.look:
            version = replace(version, label=version.name)
        unique.append(version)
    return tuple(unique)


def _merge_film(film: Film, own: Film | None) -> Film:
    """Return the settings of a version's film: its keys replace those of the board."""
    if own is None:
        return film
    return film.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})
