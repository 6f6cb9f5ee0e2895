"""The rules of the edit: what its values require of one another, in the film and in each version.

What depends on the lengths of shots or on files is checked with the plan.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Protocol, get_args

from storyboards.models import (
    LANGUAGE_TAG,
    Captions,
    Card,
    Crossfade,
    Dip,
    Film,
    Join,
    LegalLine,
    LoudnessTarget,
    OnScreenTitle,
    Ratio,
    Select,
    Shot,
    Storyboard,
    Version,
    VersionShot,
    parse_loudness,
)
from storyboards.problems import Problem, did_you_mean
from storyboards.prompts import expand_text, find_names, get_film_variables, has_lone_brace
from storyboards.terminal_text import quote
from storyboards.yaml_nodes import NodePath

NAME_PLACEHOLDERS = frozenset({"board", "ratio", "length"})
"""Names that the template of a version's name may have beside the variables."""
MAX_TEXT_LENGTH = 1_000
"""Characters of a text in the picture with its variables replaced."""
MAX_REFERENCE_LENGTH = 4_000
MIN_LUFS, MAX_LUFS = -50.0, -5.0
_BETWEEN_FOLDERS = re.compile(r"[/\\]")


class Names(Protocol):
    """The names of a board, and what was probably meant by an unknown one."""

    def unknown_name(self, path: NodePath, name: str, known: Collection[str]) -> Problem | None:
        """Return the problem of a name that is not a variable; None if it may be one."""

    def unknown_shot(self, path: NodePath, shot: str) -> Problem | None:
        """Return the problem of an id that no shot has; None if one may have it."""


def find_edit_problems(storyboard: Storyboard, names: Names) -> Iterator[Problem]:
    """Yield the contradictions of the edit, without line and column."""
    board_variables = get_film_variables(storyboard)
    rules = _FilmRules(board_variables, names, is_complete=not any(_csvs(storyboard)))
    for index, shot in enumerate(storyboard.shots):
        path: NodePath = ("shots", index)
        yield from _check_use((*path, "use"), shot.use, is_file=shot.clip is not None)
        for title_path, title in _titles_of(path, shot):
            yield from rules.check_title(title_path, title)
    yield from _check_first_transition(storyboard.shots[0])
    yield from rules.check_film(("film",), storyboard.film)
    yield from _check_dialogue(storyboard)
    for index, version in enumerate(storyboard.versions):
        yield from _VersionRules(storyboard, version, index, names).check()
    yield from _check_version_names(storyboard)


def _csvs(storyboard: Storyboard) -> Iterator[str]:
    return (version.csv for version in storyboard.versions if version.csv)


def _titles_of(path: NodePath, shot: Shot) -> Iterator[tuple[NodePath, OnScreenTitle]]:
    if isinstance(shot.title, OnScreenTitle):
        yield (*path, "title"), shot.title
    elif isinstance(shot.title, tuple):
        for index, title in enumerate(shot.title):
            yield (*path, "title", index), title


def _check_use(
    path: NodePath, selects: tuple[Select, ...] | None, *, is_file: bool
) -> Iterator[Problem]:
    for index, select in enumerate(selects or ()):
        yield from _check_range((*path, index), select.start or 0, select.end, ("from", "to"))
        if is_file and select.take is not None:
            message = "`take` has no effect with `clip`: a file has no takes"
            yield Problem(message, "Remove it.", keys=(*path, index, "take"))


def _check_range(
    path: NodePath, start: int, end: int | None, keys: tuple[str, str]
) -> Iterator[Problem]:
    """Check that a range has a frame."""
    if end is not None and end <= start:
        first, last = keys
        message = f"`{last}`, frame {end}, is not after `{first}`, frame {start}"
        remedy = f"Write a later time for `{last}`, or an earlier one for `{first}`."
        yield Problem(message, remedy, keys=(*path, last))


def _check_first_transition(shot: Shot) -> Iterator[Problem]:
    if isinstance(shot.transition, Crossfade | Dip):
        remedy = "Remove the line; `film: {fade_in: 24f}` begins the film from black."
        message = "there is no shot before the first one"
        yield Problem(message, remedy, keys=("shots", 0, "transition"))


def _check_dialogue(storyboard: Storyboard) -> Iterator[Problem]:
    captions = storyboard.film.captions
    if captions is None or not captions.dialogue or captions.file is not None:
        return
    # Boards without it do not need its patterns.
    from storyboards.dialogue import find_dialogue

    # An unknown name in a prompt is a problem of the prompt.
    with suppress(KeyError):
        if not any(find_dialogue(storyboard, shot) for shot in storyboard.shots):
            message = "no prompt has dialogue between quotes"
            remedy = 'Write it like: Mara whispers: "Good morning." Or name a `file`.'
            yield Problem(message, remedy, keys=("film", "captions", "dialogue"))


def count_frames_after(join: Join) -> int:
    """Return the frames that a transition changes of the shot or the card after it."""
    match join:
        case Crossfade():
            return join.crossfade
        case Dip():
            return join.length - join.length // 2
        case _:
            return 0


class _FilmRules:
    """The rules of the texts and settings of a film."""

    def __init__(self, variables: Mapping[str, str], names: Names, *, is_complete: bool) -> None:
        """Create the rules.

        Args:
            variables: The values of the variables.
            names: The names of the board.
            is_complete: False if a CSV file adds variables that are not known here.
        """
        self._variables = variables
        self._names = names
        self._is_complete = is_complete

    def check_film(self, path: NodePath, film: Film) -> Iterator[Problem]:
        if film.card:
            yield from self._check_card((*path, "card"), film.card)
        if film.captions:
            yield from self._check_captions((*path, "captions"), film.captions)
        if film.legal:
            yield from self._check_legal((*path, "legal"), film.legal)
        if film.loudness:
            yield from _check_loudness((*path, "loudness"), film.loudness)
        for reference_path, reference in _files_of(path, film):
            yield from self.check_text(reference_path, reference, MAX_REFERENCE_LENGTH)
        if isinstance(film.voice, dict):
            for shot in film.voice:
                if problem := self._names.unknown_shot((*path, "voice", shot), shot):
                    yield problem

    def check_title(self, path: NodePath, title: OnScreenTitle) -> Iterator[Problem]:
        if title.text is None and title.image is None:
            message = "the title has neither a `text` nor an `image`"
            yield Problem(message, "Write the text: `text: ...`.", keys=path)
        elif title.text is not None and title.image is not None:
            message = "`text` and `image` both fill the title"
            yield Problem(message, "Write a list of two titles.", keys=(*path, "image"))
        if title.image is not None:
            for key in ("font", "colour"):
                if key in title.model_fields_set and title.text is None:
                    message = f"`{key}` has no effect without `text`"
                    yield Problem(message, "Remove it.", keys=(*path, key))
        yield from _check_range(path, title.start, title.end, ("in", "out"))
        yield from _check_title_fade(path, title)
        yield from self._check_texts(path, title, ("text",), MAX_TEXT_LENGTH)
        yield from self._check_texts(path, title, ("image", "font"), MAX_REFERENCE_LENGTH)

    def _check_card(self, path: NodePath, card: Card) -> Iterator[Problem]:
        if card.text is None and card.image is None:
            message = "the card has neither an `image` nor a `text`"
            yield Problem(message, "Write one of them, or both.", keys=path)
        yield from self._check_texts(path, card, ("text",), MAX_TEXT_LENGTH)
        length = count_frames_after(card.transition)
        if length > card.seconds:
            message = f"the transition takes {length} frames of the card, which has {card.seconds}"
            remedy = "Show the card longer, or shorten the transition."
            yield Problem(message, remedy, keys=(*path, "transition"))

    def _check_captions(self, path: NodePath, captions: Captions) -> Iterator[Problem]:
        if captions.file is None and not captions.dialogue:
            message = "the captions have neither a `file` nor `dialogue: true`"
            yield Problem(message, "Write one of them.", keys=path)
        elif captions.file is not None and captions.dialogue:
            message = "`file` and `dialogue` both give the text"
            yield Problem(message, "Keep one of them.", keys=(*path, "dialogue"))
        language = (*path, "language")
        problems = list(self.check_text(language, captions.language, MAX_TEXT_LENGTH))
        yield from problems
        tag = None if problems else self._expand(captions.language)
        if tag is not None and not re.fullmatch(LANGUAGE_TAG, tag):
            message = f"{quote(tag)} is not a language"
            yield Problem(message, "Write it like en, de or zh-Hans.", keys=language)

    def _check_legal(self, path: NodePath, legal: str | LegalLine) -> Iterator[Problem]:
        if isinstance(legal, str):
            yield from self.check_text(path, legal, MAX_TEXT_LENGTH)
            return
        yield from _check_range(path, legal.start, legal.end, ("in", "out"))
        yield from self.check_text((*path, "text"), legal.text, MAX_TEXT_LENGTH)

    def _check_texts(
        self, path: NodePath, model: OnScreenTitle | Card, keys: tuple[str, ...], max_length: int
    ) -> Iterator[Problem]:
        for key in keys:
            if (text := getattr(model, key)) is not None:
                yield from self.check_text((*path, key), text, max_length)

    def check_text(self, path: NodePath, text: str, max_length: int) -> Iterator[Problem]:
        """Check the names in a text, and its length with their values."""
        if has_lone_brace(text):
            message = "a brace does not open or close a name"
            yield Problem(message, "Write {{ or }} for a plain brace.", keys=path)
        names = find_names(text)
        unknown = [name for name in dict.fromkeys(names) if name not in self._variables]
        for name in unknown if self._is_complete else ():
            if problem := self._names.unknown_name(path, name, self._variables):
                yield problem
        length = len(text) + sum(len(self._variables.get(name, "")) for name in names)
        if length > max_length:
            message = f"the text has more than {max_length:,} characters with its names expanded"
            yield Problem(message, "Shorten it, or the texts of the names in it.", keys=path)

    def _expand(self, text: str) -> str | None:
        """Return a text with its variables replaced; None if one is not known here."""
        try:
            return expand_text(text, self._variables.__getitem__)
        except KeyError:
            return None


def _check_title_fade(path: NodePath, title: OnScreenTitle) -> Iterator[Problem]:
    if title.end is None or "fade" not in title.model_fields_set or title.end <= title.start:
        return
    frames = title.end - title.start
    if 2 * title.fade > frames:
        message = f"the title is shown for {frames} frames, and its fades take {2 * title.fade}"
        remedy = f"Write a fade of at most {frames // 2}f, or show it longer."
        yield Problem(message, remedy, keys=(*path, "fade"))


def _check_loudness(path: NodePath, loudness: str | LoudnessTarget) -> Iterator[Problem]:
    if isinstance(loudness, LoudnessTarget):
        path, loudness = (*path, "target"), loudness.target
    if not MIN_LUFS <= parse_loudness(loudness) <= MAX_LUFS:
        message = f"{quote(loudness)} is out of range"
        remedy = f"Write {MIN_LUFS:g} to {MAX_LUFS:g} LUFS; the web has -14, EBU R128 -23."
        yield Problem(message, remedy, keys=path)


def _files_of(path: NodePath, film: Film) -> Iterator[tuple[NodePath, str]]:
    """Yield the files that the settings of a film name."""
    if film.music:
        yield (*path, "music", "file"), film.music.file
    if film.captions and film.captions.file is not None:
        yield (*path, "captions", "file"), film.captions.file
    if film.card and film.card.image is not None:
        yield (*path, "card", "image"), film.card.image
    voices = film.voice.items() if isinstance(film.voice, dict) else [("", film.voice)]
    for shot, voice in voices:
        voice_path = (*path, "voice", shot) if shot else (*path, "voice")
        if isinstance(voice, str):
            yield voice_path, voice
        elif voice:
            yield (*voice_path, "file"), voice.file


class _VersionRules:
    """The rules of one version."""

    def __init__(self, storyboard: Storyboard, version: Version, index: int, names: Names) -> None:
        self._storyboard = storyboard
        self._version = version
        self._path: NodePath = ("versions", index)
        self._names = names
        self._variables = {**get_film_variables(storyboard), **version.variables}
        self._film_rules = _FilmRules(self._variables, names, is_complete=version.csv is None)

    def check(self) -> Iterator[Problem]:
        version, path = self._version, self._path
        yield from self._check_name()
        yield from self._check_variables()
        yield from self._check_shots()
        if version.film:
            yield from self._film_rules.check_film((*path, "film"), version.film)
        if version.csv is not None:
            names = find_names(version.csv)
            if names or has_lone_brace(version.csv):
                message = "the name of the CSV file has a brace, and is read before the variables"
                yield Problem(message, "Write the name of one file.", keys=(*path, "csv"))
        if version.ratio is None and "fit" in version.model_fields_set:
            message = "`fit` has no effect without `ratio`"
            yield Problem(message, "Add the ratio, or remove `fit`.", keys=(*path, "fit"))
        elif version.fit == "render" and version.ratio not in get_args(Ratio):
            ratios = [ratio for ratio in get_args(Ratio) if ratio != "adaptive"]
            message = f"no model renders the ratio {version.ratio}"
            remedy = f"Write fit: crop, or one of {', '.join(ratios)}."
            yield Problem(message, remedy, keys=(*path, "ratio"))

    def _check_name(self) -> Iterator[Problem]:
        path: NodePath = (*self._path, "name")
        known = {**self._variables, **dict.fromkeys(NAME_PLACEHOLDERS, "")}
        rules = _FilmRules(known, self._names, is_complete=self._version.csv is None)
        yield from rules.check_text(path, self._version.name, MAX_TEXT_LENGTH)
        if _BETWEEN_FOLDERS.search(self._version.name):
            message = "a slash is not possible in the name of a film"
            yield Problem(message, "Write a name, not a path.", keys=path)

    def _check_variables(self) -> Iterator[Problem]:
        for name in self._version.variables:
            if name in self._storyboard.cast:
                message = f"{quote(name)} is a member of the cast, not a variable"
                yield Problem(message, "Name a variable.", keys=(*self._path, "set", name))
            elif name not in self._storyboard.variables and not self._is_used(name):
                message = f"no text of the board has {quote('{' + name + '}')}"
                known = self._storyboard.variables
                remedy = did_you_mean(name, known, otherwise="Write it in a text, or remove it.")
                yield Problem(message, remedy, keys=(*self._path, "set", name))

    def _is_used(self, name: str) -> bool:
        text = self._storyboard.model_dump_json()
        return re.search(rf"\{{\s*{re.escape(name)}\s*\}}", text) is not None

    def _check_shots(self) -> Iterator[Problem]:
        owners: dict[str, int] = {}
        files = {shot.id for shot in self._storyboard.shots if shot.clip is not None}
        for index, each in enumerate(self._version.shots or ()):
            path: NodePath = (*self._path, "shots", index)
            shot_id = each
            if isinstance(each, VersionShot):
                shot_id, is_file = each.id, each.id in files
                yield from _check_use((*path, "use"), each.use, is_file=is_file)
                path = (*path, "id")
            assert isinstance(shot_id, str)  # noqa: S101 - for the type checker
            if problem := self._names.unknown_shot(path, shot_id):
                yield problem
            owner = owners.setdefault(shot_id, index)
            if owner != index:
                message = f"the shot {quote(shot_id)} is already shots[{owner}] of this version"
                remedy = "Show it once; `use` may list several ranges."
                yield Problem(message, remedy, keys=path)


def _check_version_names(storyboard: Storyboard) -> Iterator[Problem]:
    """Check that versions whose names are known here have different ones."""
    owners: dict[str, int] = {}
    board_variables = get_film_variables(storyboard)
    for index, version in enumerate(storyboard.versions):
        if version.csv is not None:
            continue
        values = {
            **board_variables,
            **version.variables,
            "board": "{board}",
            "ratio": version.ratio or "{ratio}",
            "length": str(version.length or "{length}"),
        }
        try:
            name = expand_text(version.name, values.__getitem__).casefold()
        except KeyError:
            continue
        owner = owners.setdefault(name, index)
        if owner != index:
            message = f"versions[{owner}] has this name too"
            remedy = "Add what differs, such as {ratio}, {length} or a variable."
            yield Problem(message, remedy, keys=("versions", index, "name"))
