"""The breakdown of a prompt: what its picture must show, found by the keywords of keywords.txt.

Nothing here draws.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tasks.simulator.footage.silhouettes import THINGS

_NUMBERS = {"one": 1, "two": 2, "both": 2, "pair": 2, "three": 3, "four": 4, "five": 5, "many": 6}
_COUNT = rf"\b({'|'.join(_NUMBERS)}|several|\d)\s+(?:of )?(?:[\w-]+,?\s+){{0,3}}$"
_QUOTED = r"[\"“«「『]([^\"”»」』]{1,80})[\"”»」』]"
_NAMED = r"(?:reads?|name\w*|words?|text|tag ?line|slogan|title|appears): *([^.;:]{2,60})"
_BRAND = r"\b((?:[A-Z][\w&]+ )+)logo|logo (?:of|for) ((?:[A-Z][\w&]+ ?)+)"
_MAX_TITLE_LINES = 3
_DETERMINED = r"\b(?:the|his|her|its|same)\s+(?:\w+\s+)?$"


def _read_keywords() -> dict[str, dict[str, str]]:
    """Return the name and the pattern of each row, by section."""
    sections: dict[str, dict[str, str]] = {}
    for line in Path(__file__).with_name("keywords.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            section = sections.setdefault(line[1:-1], {})
        elif line and not line.startswith("#"):
            name, pattern = line.split(maxsplit=1)
            section[name] = pattern
    return sections


_KEYWORDS = _read_keywords()
PEOPLE = {name.partition(":")[0]: name.partition(":")[2] for name in _KEYWORDS["people"]}
"""Names of people, and a letter for each of them: `m` man, `w` woman, `c` child."""
_NOUNS = re.compile(
    "(?<![a-z-])(?:"
    + "|".join(
        f"(?P<{name.partition(':')[0]}>{pattern})" for name, pattern in _KEYWORDS["people"].items()
    )
    + "".join(f"|(?P<{name}>{thing.pattern})" for name, thing in THINGS.items())
    + ")(?![a-z])"
)


@dataclass(frozen=True)
class Mention:
    """A thing, or people of one kind, as a prompt names them."""

    name: str
    """A name in THINGS or in PEOPLE."""
    count: int = 1
    place: str = ""
    """`left`, `right`, `centre`, `background`, `foreground` or empty."""
    colour: str = ""
    """`#rrggbb`, or empty if the prompt names none."""
    travel: float = 0.0
    """Movement to the right during the shot, as a fraction of the frame width."""

    @property
    def is_person(self) -> bool:
        """Return True if this is a person or several."""
        return self.name in PEOPLE


@dataclass(frozen=True)
class Breakdown:
    """The picture that a prompt asks for."""

    size: str
    """A shot size of keywords.txt: the first in the prompt, else the usual size for the subject."""
    mentions: tuple[Mention, ...]
    setting: str
    """`room`, `studio`, `city`, `sea`, `forest` or `ridges`."""
    weather: str
    """`snow`, `rain`, `embers`, `dust` or empty."""
    title: str | None
    """The text to set in type; empty for text that the prompt does not quote, None for no text."""
    view: str
    """`top`, `aerial`, `low`, `shoulder`, `behind` or empty."""
    actions: frozenset[str]
    """Of `seated`, `walking` and `riding`."""
    is_monochrome: bool

    @property
    def people(self) -> tuple[Mention, ...]:
        """Return the mentions of people."""
        return tuple(mention for mention in self.mentions if mention.is_person)

    @property
    def things(self) -> tuple[Mention, ...]:
        """Return the mentions of things."""
        return tuple(mention for mention in self.mentions if not mention.is_person)


def break_down(prompt: str) -> Breakdown:
    """Return the breakdown of a prompt."""
    title = find_title(prompt)
    # Letters are shown as letters: a logo "TEA HOUSE" is not a house.
    described = re.sub(_QUOTED, " ", prompt).replace(title or " ", " ")
    text = re.sub(rf"\b(?:{_KEYWORDS['hints']['camera']})\b", " ", described.lower())
    mentions = _find_mentions(text)
    setting = _find_setting(text, mentions, title)
    return Breakdown(
        size=find_size(prompt) or _suitable_size(text, mentions),
        mentions=mentions,
        setting=setting,
        weather=find_weather(prompt, setting),
        title=title,
        view=_first_row("views", text),
        actions=frozenset(name for name in _KEYWORDS["actions"] if _matches("actions", name, text)),
        is_monochrome=_matches("hints", "monochrome", text),
    )


def find_size(prompt: str) -> str:
    """Return the shot size that the prompt names first, empty if it names none."""
    sizes = []
    for order, (name, pattern) in enumerate(_KEYWORDS["sizes"].items()):
        # Abbreviations count only in capitals: `ms` are milliseconds.
        for parts, text in (
            ([part for part in pattern.split("|") if part.isupper()], prompt),
            ([part for part in pattern.split("|") if not part.isupper()], prompt.lower()),
        ):
            if match := re.search(rf"(?<![A-Za-z])(?:{'|'.join(parts)})(?![A-Za-z])", text):
                sizes.append((match.start(), order, name))
    return min(sizes)[2] if sizes else ""


def find_weather(prompt: str, setting: str) -> str:
    """Return the kind of particles in the air: `snow`, `rain`, `embers`, `dust` or empty."""
    is_inside = setting in {"room", "studio"}
    weather = _first_row("weather", prompt.lower())
    if weather == "embers" or (weather and not is_inside):
        return weather
    return "dust" if is_inside or setting == "forest" else ""


def find_title(prompt: str) -> str | None:
    """Return the text that the prompt wants in type: empty if it does not quote it, or None.

    Several quoted texts are lines, such as a name and the claim below it.
    """
    if not _matches("hints", "type", prompt.lower()):
        return None
    speech = rf"{_KEYWORDS['hints']['speech']}[^.\"“]{{0,30}}$"
    quoted = [
        match[1].strip()
        for match in re.finditer(_QUOTED, prompt)
        if not re.search(speech, prompt[: match.start()].lower())
    ]
    if quoted:
        return "\n".join(quoted[:_MAX_TITLE_LINES])
    named = re.search(_NAMED, prompt, re.IGNORECASE) or re.search(_BRAND, prompt)
    text = next(filter(None, named.groups()), "") if named else ""
    return re.sub(r"^(?:The|A|An|Our) ", "", text).strip(" ,")


def _find_mentions(text: str) -> tuple[Mention, ...]:
    matches = list(_NOUNS.finditer(text))
    mentions: dict[str, Mention] = {}
    leads = bool(matches) and _find_place(text[: matches[0].start()]) != ""
    ends = [0, *(match.end() for match in matches)]
    starts = [*(match.start() for match in matches), len(text)]
    for number, match in enumerate(matches):
        before = text[ends[number] : match.start()]
        after = re.split(r"[.;]", text[match.end() : starts[number + 1]])[0]
        name = _gendered(match, text)
        mention = Mention(
            name,
            _find_count(before, match[0]),
            _find_place(before if leads else after.split(",")[0]),
            _find_colour(name, before, after),
            _find_travel(after),
        )
        # The same words again, as after a second `{keeper}`, are the same person.
        tail = text[match.start() : match.end() + 12] if name in PEOPLE else ""
        key = f"{name} {tail}"
        known = next((old for old in mentions if old == key or _is_again(name, old, before)), "")
        mentions[known or key] = _merge(mentions[known], mention) if known else mention
    return _complete(text, tuple(mentions.values()))


def _gendered(match: re.Match[str], text: str) -> str:
    """Return the name of a match; a neutral word with `her` after it is a woman."""
    name = match.lastgroup or ""
    is_open = name == "man" and not re.match(_KEYWORDS["hints"]["male"], match[0])
    return "woman" if is_open and _has("she|hers?", text[match.end() :][:90]) else name


def _complete(text: str, mentions: tuple[Mention, ...]) -> tuple[Mention, ...]:
    """Add what is only implied, and remove hands that belong to people."""
    if _matches("hints", "unpeopled", text):
        return tuple(mention for mention in mentions if not mention.is_person)
    if not any(mention.is_person for mention in mentions):
        for name, pronouns in (("woman", "she|hers?"), ("man", "he|his|him")):
            if _has(pronouns, text):
                mentions = (Mention(name, colour=_find_colour(name, "", text)), *mentions)
                break
    names = {mention.name for mention in mentions}
    if names & set(PEOPLE):
        mentions = tuple(mention for mention in mentions if mention.name != "hand")
    for implied in _KEYWORDS["hints"]["implies"].split():
        person, _, thing = implied.partition("=")
        if _has(person, text) and thing not in names:
            mentions = (*mentions, Mention(thing))
    if not mentions and _matches("hints", "product", text):
        mentions = (Mention("box"),)
    return mentions


def _is_again(name: str, old: str, before: str) -> bool:
    """Return True for `the man` after `a man` or `a couple`, and for every thing named twice."""
    known = old.split()[0]
    if name not in PEOPLE or known not in PEOPLE:
        return known == name
    is_same = known == name or len(PEOPLE[known]) > 1
    return is_same and re.search(_DETERMINED, before) is not None


def _merge(known: Mention, again: Mention) -> Mention:
    return replace(
        known,
        count=max(known.count, again.count),
        place=known.place or again.place,
        colour=known.colour or again.colour,
        travel=known.travel or again.travel,
    )


def _find_count(before: str, noun: str) -> int:
    if match := re.search(_COUNT, before):
        return _NUMBERS.get(match[1]) or min(9, int(match[1]) if match[1].isdigit() else 4)
    hints = _KEYWORDS["hints"]
    is_single = re.fullmatch(f"{hints['singular']}|{hints['collective']}", noun)
    return 3 if re.search(r"(?:s|[mw]o?men|children)$", noun) and not is_single else 1


def _find_place(segment: str) -> str:
    return _earliest("places", segment)


def _find_travel(segment: str) -> float:
    for name, travel in (("rightwards", 0.5), ("leftwards", -0.5)):
        if _matches("actions", name, segment):
            return travel
    return 0.16 if _matches("actions", "moving", segment.split(",")[0]) else 0.0


def _find_colour(name: str, before: str, after: str) -> str:
    """Return the colour of a thing (words before it) or of a person's clothes (words after)."""
    clothes = _KEYWORDS["hints"]["clothes"]
    for code, colours in _KEYWORDS["colours"].items():
        pattern = rf"\b(?:{colours})[ -](?:[\w-]+ ){{0,2}}"
        if (
            re.search(rf"{pattern}(?:{clothes})\b", after)
            if name in PEOPLE
            else re.search(f"{pattern}$", before)
        ):
            return f"#{code}"
    return ""


def _find_setting(text: str, mentions: tuple[Mention, ...], title: str | None) -> str:
    if setting := _earliest("settings", text):
        return setting
    is_product = bool(mentions) and all(_is_top(mention) for mention in mentions)
    return "studio" if is_product or (title is not None and not mentions) else "ridges"


def _suitable_size(text: str, mentions: tuple[Mention, ...]) -> str:
    if not any(mention.is_person for mention in mentions):
        return "CU" if mentions and _is_top(mentions[0]) else "WS"
    return "MS" if _matches("actions", "emotional", text) else "FS"


def _is_top(mention: Mention) -> bool:
    return not mention.is_person and THINGS[mention.name].where == "top"


def _first_row(section: str, text: str) -> str:
    rows: Iterable[str] = _KEYWORDS[section]
    return next((name for name in rows if _matches(section, name, text)), "")


def _earliest(section: str, text: str) -> str:
    """Return the row of a section that the text mentions first, empty if it mentions none."""
    matches = [
        (match.start(), name)
        for name, pattern in _KEYWORDS[section].items()
        if (match := re.search(rf"\b(?:{pattern})\b", text))
    ]
    return min(matches)[1] if matches else ""


def _matches(section: str, name: str, text: str) -> bool:
    return _has(_KEYWORDS[section][name], text)


def _has(pattern: str, text: str) -> bool:
    return re.search(rf"\b(?:{pattern})\b", text) is not None
