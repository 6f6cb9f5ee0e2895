"""The full text of a shot's prompt: names expanded, doubled braces resolved, the style appended.

``{name}`` is a member of the cast or a variable, ``{{`` and ``}}`` are braces. The text of a cast
member may contain variables; the text of a variable is inserted unchanged. What a dialect sends of
it is not decided here.
"""

from __future__ import annotations

import re
import unicodedata
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from storyboards.models import Shot, Storyboard, normalise_name

MAX_PROMPT_LENGTH = 20_000
"""Characters of a text, also with its names expanded; vendors advise at most about 1,000 words."""
MAX_TOTAL_LENGTH = 10_000_000
"""Characters of all prompts of a board: 5,000 for each of the 2,000 shots that it may have."""
MAX_CAST_IN_TEXT = 50
"""Members of the cast that one text mentions: no model takes more references."""

MediaKind = Literal["image", "video", "audio"]

# Every branch begins with a literal brace, so that the search can skip to the next one.
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|\{|\}")


_MENTION = re.compile(
    # The scope of ASCII: a dotted or dotless i of Turkish is another word.
    r"(?:[@<\[]\s*|(?<![\w-]))((?a:image|img|video|audio))[ _]?([1-9][0-9]?)(?![\w%-]|\.\d)"
    r"|@?(?<!地)(图片|图像|图|视频|音频) ?([1-9][0-9]?)(?![0-9])",
    re.IGNORECASE,
)
_KINDS: Mapping[str, MediaKind] = {
    **dict.fromkeys(("image", "img", "图片", "图像", "图"), "image"),
    **dict.fromkeys(("video", "视频"), "video"),
    **dict.fromkeys(("audio", "音频"), "audio"),
}


class Mention(NamedTuple):
    """A place in a prompt that names a medium by its number."""

    kind: MediaKind
    number: int
    text: str
    """As it is written, without brackets."""


def find_mentions(text: str) -> Iterator[Mention]:
    """Yield the numbered media that a prompt names, such as Image 1, @Image1, <Video 2> or 图1."""
    if not _may_mention(text):
        return
    for match in _MENTION.finditer(text):
        word, number = (match[1], match[2]) if match[1] else (match[3], match[4])
        yield Mention(_KINDS[word.lower()], int(number), match[0].lstrip("<[ "))


def _may_mention(text: str) -> bool:
    """Return False if a text surely names no medium; the search takes twenty times as long."""
    lower = text.lower()
    has_word = "image" in lower or "img" in lower or "video" in lower or "audio" in lower
    return has_word or not text.isascii()


class Prompt(NamedTuple):
    """The expanded prompt of a shot, and the cast members it mentions."""

    text: str
    """Prompt and style; empty if the shot has neither."""
    cast: tuple[str, ...] = ()
    """Names of the cast, each once, in the order in which they appear."""


def resolve_prompt(
    storyboard: Storyboard, shot: Shot, *, labels: Mapping[str, str] | None = None
) -> Prompt:
    """Return the full prompt of a shot of this storyboard.

    Args:
        storyboard: The storyboard.
        shot: The shot.
        labels: Texts that follow the text of a member of the cast in parentheses, by its name.

    Raises:
        KeyError: If a name in it is unknown, which validation rules out.
    """
    style = storyboard.look.style if shot.style is None else shot.style
    texts = [text.strip() for text in (shot.prompt, style) if text and text.strip()]
    if shot.clip is not None:
        texts = []
    mentioned = dict.fromkeys(
        name for text in texts for name in find_names(text) if name in storyboard.cast
    )
    look_up = _name_resolver(storyboard, labels or {})
    return Prompt(_join([expand_text(text, look_up) for text in texts]), tuple(mentioned))


def expand_variables(storyboard: Storyboard, text: str) -> str:
    """Return a text of the film with its variables replaced and doubled braces resolved.

    Raises:
        KeyError: If a name in it is unknown, which validation rules out.
    """
    return expand_text(text, get_film_variables(storyboard).__getitem__)


def get_film_variables(storyboard: Storyboard) -> Mapping[str, str]:
    """Return the values of the variables in the film of the board itself.

    A variable that only versions set has the value of the first of them.
    """
    return ChainMap(storyboard.variables, *(version.variables for version in storyboard.versions))


def find_names(text: str) -> tuple[str, ...]:
    """Return the names between braces, in order, as often as they are used."""
    return _split(text).names


def has_lone_brace(text: str) -> bool:
    """Return whether a brace is neither doubled nor part of a pair."""
    return _split(text).has_lone_brace


class LengthMeter:
    """Measures the expanded texts of a storyboard without building them.

    A small board can expand to terabytes: the text of a variable is multiplied by its uses in a
    cast member, and that by its uses in every prompt.
    """

    def __init__(self, storyboard: Storyboard) -> None:
        self._cast = storyboard.cast
        self._variables = {name: len(text) for name, text in storyboard.variables.items()}
        # By text: aliases repeat one text in many shots.
        self._lengths: dict[tuple[str, bool], int] = {}
        self._cast_counts: dict[str, int] = {}

    def count_cast(self, text: str) -> int:
        """Return how many members of the cast a text mentions."""
        count = self._cast_counts.get(text)
        if count is None:
            count = len(self._cast.keys() & set(find_names(text)))
            self._cast_counts[text] = count
        return count

    def measure(self, text: str, *, with_cast: bool = True) -> int:
        """Return the length of a text with its names expanded; a name that is unknown is empty."""
        length = self._lengths.get((text, with_cast))
        if length is None:
            split = _split(text)
            length = split.literal_length
            for name in split.names:
                length += self._measure_name(name, with_cast=with_cast)
            self._lengths[text, with_cast] = length
        return length

    def _measure_name(self, name: str, *, with_cast: bool) -> int:
        member = self._cast.get(name) if with_cast else None
        if member:
            return self.measure(member.text, with_cast=False)
        return self._variables.get(name, 0)


class _Split(NamedTuple):
    """A text between names: a literal, a name, a literal, and so on."""

    parts: tuple[str, ...]
    """At odd places names, at even ones literals with doubled braces resolved."""
    has_lone_brace: bool

    @property
    def names(self) -> tuple[str, ...]:
        return self.parts[1::2]

    @property
    def literal_length(self) -> int:
        return sum(map(len, self.parts[::2]))


# A text is searched for its names by the checks, and to be expanded; 2000 shots may share it.
@lru_cache(maxsize=4096)
def _split(text: str) -> _Split:
    if "{" not in text and "}" not in text:
        return _Split((text,), has_lone_brace=False)
    parts, literal, end, has_lone_brace = [], "", 0, False
    for match in _BRACES.finditer(text):
        literal += text[end : match.start()]
        end = match.end()
        if match[1] is None:
            literal += match[0][0]
            has_lone_brace |= len(match[0]) == 1
        else:
            parts += [literal, normalise_name(match[1].strip())]
            literal = ""
    return _Split((*parts, literal + text[end:]), has_lone_brace)


def _name_resolver(storyboard: Storyboard, labels: Mapping[str, str]) -> Callable[[str], str]:
    variables = storyboard.variables

    def look_up(name: str) -> str:
        member = storyboard.cast.get(name)
        if not member:
            return variables[name]
        text = expand_text(member.text, variables.__getitem__).strip()
        return f"{text} ({labels[name]})" if name in labels else text

    return look_up


def expand_text(text: str, look_up: Callable[[str], str]) -> str:
    """Return a text with its names replaced and doubled braces resolved.

    Args:
        text: The text.
        look_up: Returns the text of a name.
    """
    parts = list(_split(text).parts)
    parts[1::2] = map(look_up, parts[1::2])
    return "".join(parts)


def _join(sentences: list[str]) -> str:
    """Join the parts; a part without punctuation at its end gets a full stop before the next."""
    text = ""
    for sentence in sentences:
        if text:
            text += " " if unicodedata.category(text[-1]).startswith("P") else ". "
        text += sentence
    return text
