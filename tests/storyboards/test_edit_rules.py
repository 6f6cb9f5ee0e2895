"""Requirements of the values of the edit of one another, beside the table of mistakes."""

from __future__ import annotations

from typing import Any

import pytest

from storyboards.loading import parse_partial
from storyboards.models import Storyboard
from storyboards.prompts import expand_variables
from storyboards.validation import find_problems

SHOTS = [{"id": "a", "prompt": "x"}, {"id": "b", "prompt": "x"}]


def problems_of(**keys: Any) -> list[str]:
    """Return the problems of a board with these keys."""
    storyboard = Storyboard.model_validate({"shots": SHOTS, **keys})
    return [f"{each.path}: {each.message}" for each in find_problems(storyboard)]


def test_edit_of_the_issue_is_valid() -> None:
    """Every word as it is first written down, with variables that only a version sets."""
    board = """
shots:
  - {id: kettle, prompt: A kettle.}
  - {id: dawn, prompt: Dawn.}
  - id: pour
    prompt: Pour.
    use: [{take: 2, from: 1.0, to: 3.4}, {take: 3, from: 0.5}]
  - id: sip
    prompt: Sip.
    transition: {crossfade: 12f}
    title: {text: "{claim}", in: 1.0, out: 3.5, place: lower}
film:
  join: cut
  fade_in: 12f
  fade_out: 24f
  music: {file: refs/theme.mp3, gain_db: -14, duck: true, fade_out: 2.0, loop: true}
  voice: {dawn: refs/vo-dawn.wav}
  loudness: -14 LUFS
  captions: {file: refs/en.srt, burn: false}
  card: {image: refs/endcard.png, seconds: 2}
versions:
  - {name: "{board}-{ratio}-{lang}-{length}", ratio: "9:16", fit: crop, length: 15,
     shots: [kettle, pour, sip], set: {lang: de, claim: "warm, wenn du es bist"}}
"""
    parsed = parse_partial(board.encode(), file="board.yaml")
    pour = parsed.storyboard.shots[2]

    assert parsed.problems == ()
    assert pour.use is not None
    assert [(each.take, each.start, each.end) for each in pour.use] == [(2, 24, 82), (3, 12, None)]
    assert expand_variables(parsed.storyboard, "{claim}") == "warm, wenn du es bist"


def test_use_of_a_file_has_no_takes() -> None:
    """A clip may have ranges and a focus, but no takes."""
    clip = {"id": "a", "clip": "a.mp4", "use": [{"from": 12}], "focus": [0.2, 0.5]}
    assert problems_of(shots=[clip]) == []

    clip["use"] = [{"take": 1}]
    assert problems_of(shots=[clip]) == [
        "shots[0].use[0].take: `take` has no effect with `clip`: a file has no takes"
    ]


def test_first_shot_has_no_transition() -> None:
    """A dip is none either; a cut is nothing."""
    shots = [{"id": "a", "prompt": "x", "transition": {"dip": "black"}}]
    assert problems_of(shots=shots) == [
        "shots[0].transition: there is no shot before the first one"
    ]
    assert problems_of(shots=[{**shots[0], "transition": "cut"}]) == []


@pytest.mark.parametrize(
    ("film", "expected"),
    [
        ({"legal": "{a}"}, "film.legal: `{a}` is not a variable"),
        ({"legal": {"text": "x", "in": 2, "out": 1}}, "film.legal.out: `out`, frame 24"),
        ({"card": {"text": "{a}"}}, "film.card.text: `{a}` is not a variable"),
        ({"card": {"image": "{a}.png"}}, "film.card.image: `{a}` is not a variable"),
        ({"music": {"file": "{a}.mp3"}}, "film.music.file: `{a}` is not a variable"),
        ({"captions": {"file": "{a}.srt"}}, "film.captions.file: `{a}` is not a variable"),
        ({"captions": {"file": "x", "language": "{a}"}}, "film.captions.language: `{a}`"),
        ({"voice": "{a}.wav"}, "film.voice: `{a}` is not a variable"),
        ({"voice": {"file": "{a}.wav"}}, "film.voice.file: `{a}` is not a variable"),
        ({"voice": {"a": "{a}.wav"}}, "film.voice.a: `{a}` is not a variable"),
        ({"voice": {"b": {"file": "{a}.wav"}}}, "film.voice.b.file: `{a}` is not a variable"),
        ({"loudness": {"target": "-60 LUFS"}}, "film.loudness.target: `-60 LUFS` is out of range"),
        ({"legal": "a } b"}, "film.legal: a brace does not open or close a name"),
    ],
)
def test_values_of_the_film_are_checked(film: dict[str, Any], expected: str) -> None:
    """In the film of the board and in that of a version, at their own places."""
    (problem,) = problems_of(film=film)
    (of_version,) = problems_of(versions=[{"name": "v", "film": film}])

    assert problem.startswith(expected)
    assert of_version.startswith(f"versions[0].{expected}")


def test_length_of_expanded_text_is_bounded() -> None:
    """A small board can't expand to a large text."""
    variables = {"a": "x" * 10_000}
    (problem,) = problems_of(variables=variables, film={"legal": "{a}"})
    assert problem == "film.legal: the text has more than 1,000 characters with its names expanded"


def test_dialogue_needs_quotes_in_a_prompt() -> None:
    """Captions of nothing are a mistake; an unknown name in the prompt is another one."""
    film = {"captions": {"dialogue": True}}
    spoken = {"id": "c", "prompt": 'She whispers: "Rain."'}
    assert problems_of(shots=[*SHOTS, spoken], film=film) == []
    assert problems_of(film=film) == [
        "film.captions.dialogue: no prompt has dialogue between quotes"
    ]
    unknown = {"id": "c", "prompt": "{who} waits."}
    assert problems_of(shots=[unknown], film=film) == [
        "shots[0].prompt: `{who}` is not in the cast or a variable"
    ]


def test_language_is_checked_with_its_value() -> None:
    """The value of the variable must be a language."""
    film = {"captions": {"file": "a.srt", "language": "{lang}"}}
    assert problems_of(variables={"lang": "zh-Hans"}, film=film) == []
    assert problems_of(variables={"lang": "Chinese"}, film=film) == [
        "film.captions.language: `Chinese` is not a language"
    ]


def test_csv_may_define_any_variable_of_a_version() -> None:
    """Its header is not known here; without it a name is unknown."""
    version = {"name": "{board}-{market}", "film": {"legal": "{terms}"}}
    assert problems_of(versions=[{**version, "csv": "a.csv"}]) == []
    assert problems_of(versions=[version]) == [
        "versions[0].name: `{market}` is not a variable",
        "versions[0].film.legal: `{terms}` is not a variable",
    ]


def test_title_picture_has_neither_font_nor_colour() -> None:
    """Both are of the text."""
    title = {"image": "a.png", "font": "a.ttf", "colour": "#ff0000"}
    assert problems_of(shots=[{**SHOTS[0], "title": title}]) == [
        "shots[0].title.font: `font` has no effect without `text`",
        "shots[0].title.colour: `colour` has no effect without `text`",
    ]


def test_title_out_before_in_has_one_problem() -> None:
    """Its fades are not compared with a length that it can't have."""
    title = {"text": "x", "in": 2, "out": 1, "fade": 1}
    assert len(problems_of(shots=[{**SHOTS[0], "title": [title]}])) == 1


def test_range_of_a_version_is_checked() -> None:
    """As that of a shot."""
    shots = [{"id": "a", "use": [{"from": 2, "to": 2}]}]
    (problem,) = problems_of(versions=[{"name": "v", "shots": shots}])
    assert problem.startswith("versions[0].shots[0].use[0].to: `to`, frame 48, is not after")


def test_variable_of_a_version_is_not_of_the_cast() -> None:
    """A version can't rename who appears."""
    cast = {"fox": {"is": "a fox"}}
    assert problems_of(cast=cast, versions=[{"name": "v", "set": {"fox": "x"}}]) == [
        "versions[0].set.fox: `fox` is a member of the cast, not a variable"
    ]


def test_names_of_versions_are_compared_expanded() -> None:
    """Equal names are a problem; a CSV file may make them differ."""
    versions = [
        {"name": "{board}-{lang}", "set": {"lang": "de"}},
        {"name": "{board}-DE"},
        {"name": "{board}-{lang}", "csv": "a.csv"},
    ]
    (problem,) = problems_of(variables={"lang": "en"}, versions=versions)
    assert problem == "versions[1].name: versions[0] has this name too"


def test_unknown_shot_may_be_a_broken_one() -> None:
    """A voice may name the shot whose id is broken."""
    text = "shots: [{id: a b, prompt: x}]\nfilm: {voice: {dawn: a.wav}}\n"
    parsed = parse_partial(text.encode(), file="board.yaml")
    assert [each.path for each in parsed.problems] == ["shots[0].id"]


def test_broken_version_does_not_hide_another() -> None:
    """It is set aside alone."""
    text = """
shots: [{id: a, prompt: x}]
versions:
  - {name: "", ratio: 9x16}
  - {name: v, shots: [b]}
"""
    parsed = parse_partial(text.encode(), file="board.yaml")
    assert [each.path for each in parsed.problems] == [
        "versions[0].name",
        "versions[0].ratio",
        "versions[1].shots[0]",
    ]
