"""The root of all expected errors, the problems of a storyboard, and "did you mean".

ShotchainError            anything a user can cause or a vendor can do; one clear sentence
    InvalidStoryboard     the author acts: every problem at once, each with its place and remedy

Imports neither pydantic nor yaml, so that errors can be caught before either is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from storyboards.terminal_text import escape_control_chars, format_path, shorten, shorten_words

MAX_PROBLEMS = 200
"""The most problems that are reported: a file that is not a board has one on every line."""
MAX_CANDIDATES = 3
"""The most names that one error message lists."""
_MAX_NAME_LENGTH = 64
_MAX_COMPARED = 2_000
"""Known names that an unknown one is compared with: as many as a board may have shots."""
_MIN_PREFIX_LENGTH = 3
_MIN_SIMILARITY = 0.6
_MAX_SCORE_GAP = 0.1
"""Names that are much less similar than the best one are noise."""


class ShotchainError(Exception):
    """The root: an expected failure, reported in one sentence and never as a traceback."""

    kind = "error"
    exit_code = 1

    def __str__(self) -> str:
        # File names and vendors' messages must not move a terminal's cursor or forge a line.
        return escape_control_chars(super().__str__())


class Problem(NamedTuple):
    """A problem of a storyboard or a configuration file, its place, and the remedy."""

    message: str
    """The problem in a sentence, without a full stop at the end."""
    remedy: str = ""
    """The change that solves it, as a sentence; may be empty."""
    file: str = ""
    """The file as the user named it; empty for a board that was passed as a value."""
    line: int = 0
    """1-based; 0 if the place is not known (yet)."""
    column: int = 0
    """1-based; 0 if the place is not known (yet)."""
    keys: tuple[str | int, ...] = ()
    """The path in the data, for example ``("shots", 2, "seconds")``."""

    @property
    def path(self) -> str:
        """The path in the YAML as text, for example ``shots[2].seconds``."""
        return format_path(self.keys)

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        text = ": ".join(part for part in (place, self.path, self.message) if part)
        return escape_control_chars(f"{text}. {self.remedy}" if self.remedy else text)


class InvalidStoryboard(ShotchainError):
    """The board can't be rendered as it is written. The author acts.

    Attributes:
        problems: Every problem that was found, in the order of the file.
    """

    kind = "invalid_storyboard"
    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __str__(self) -> str:
        # The problems are escaped one by one: the line breaks between them stay.
        return Exception.__str__(self)


def merge_problems(problems: Iterable[Problem], *, file: str = "") -> tuple[Problem, ...]:
    """Return the problems in the order of file, line and column, each once.

    Args:
        problems: In the order in which they were found.
        file: The file of the problems that have none yet.

    Returns:
        At most `MAX_PROBLEMS` problems with the values in them shortened, and a last problem that
        states it if there are more.
    """
    placed = (each if each.file else each._replace(file=file) for each in problems)
    merged = sorted(dict.fromkeys(placed), key=lambda each: (each.file, each.line, each.column))
    return limit_problems(
        merged, "more problems are not shown, at least {count}", "Fix these first."
    )


def limit_problems(problems: Sequence[Problem], more: str, remedy: str = "") -> tuple[Problem, ...]:
    """Return the first problems, each of a readable length, and a last one with the count.

    Args:
        problems: In the order in which they are reported.
        more: The message that stands for the rest, with `{count}`.
        remedy: The remedy of that message.
    """
    shown = [
        each._replace(message=shorten_words(each.message), remedy=shorten_words(each.remedy))
        for each in problems[:MAX_PROBLEMS]
    ]
    count = len(problems) - len(shown)
    if count:
        shown.append(Problem(more.format(count=count), remedy, problems[0].file))
    return tuple(shown)


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """Return a sentence that offers the nearest known names.

    Args:
        name: The unknown name.
        known: The names that exist.
        otherwise: The sentence to return if no name is similar, for example with the command that
            lists all names.

    Returns:
        "Did you mean a, b or c?" with at most three names, the nearest first; else `otherwise`.
    """
    names = [shorten(candidate) for candidate in find_similar(name, known)]
    return f"Did you mean {join_or(names)}?" if names else otherwise


def join_or(names: Sequence[str]) -> str:
    """Return the names as a list in a sentence: "a", "a or b", "a, b or c"."""
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def find_similar(name: str, known: Iterable[str]) -> list[str]:
    """Return at most three known names that are similar to `name`, the nearest first.

    Names that begin with `name` come before all others. Case does not count, nor does the
    difference between a blank, ``-`` and ``_``.
    """
    # Only a wrong name needs difflib; reading a correct board should not pay for its import.
    from difflib import SequenceMatcher, get_close_matches

    if not name.strip() or len(name) > _MAX_NAME_LENGTH:
        return []
    by_spelling = {_normalise(candidate): candidate for candidate in islice(known, _MAX_COMPARED)}
    spelling = _normalise(name)
    longer = [candidate for candidate in by_spelling if candidate.startswith(spelling)]
    if longer and (len(spelling) >= _MIN_PREFIX_LENGTH or spelling in by_spelling):
        near = sorted(longer, key=len)[:MAX_CANDIDATES]
    else:
        near = get_close_matches(spelling, by_spelling, n=MAX_CANDIDATES, cutoff=_MIN_SIMILARITY)
        scores = [SequenceMatcher(None, spelling, candidate).ratio() for candidate in near]
        near = [
            candidate
            for candidate, score in zip(near, scores, strict=True)
            if score >= scores[0] - _MAX_SCORE_GAP
        ]
    return [by_spelling[candidate] for candidate in near]


def _normalise(name: str) -> str:
    return name.strip().lower().replace("_", "-").replace(" ", "-")
