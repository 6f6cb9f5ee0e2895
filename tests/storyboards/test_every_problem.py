"""One check reports every problem: broken values are set aside and the rest is still checked."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storyboards import InvalidStoryboard, Problem
from storyboards.loading import load_partial
from tasks.planning.planner import make_plan

Reject = Callable[[str | bytes], tuple[Problem, ...]]

EVERYTHING = """\
title: "The lighthouse
provider: simulator
model: seedance-1.5-pro
look: {resolution: 480p}
cast:
  keeper: {is: !str an old keeper}
shots:
  - id: dawn
    prompt: "{keeper} opens the door."
    seconds: 99
  - id: dawn
    prompt: ""
  - id: storm
    prompt: "Waves.
    first_frame: refs/missing.png
\t  seed: 5
  - id: lamp
    seed: 1
    seed: 2
    promt: "The lamp turns on."
    first_frame: {shot: stairs}
  - id: logo
    first_frame: {shot: storm
    prompt: "{stranger} pushes in."
    references: {images: [refs/gone.png]}
"""
EVERY_PROBLEM = [
    (1, "title", "a quote is opened and never closed"),
    (6, "cast.keeper.is", "the tag `!str` is not allowed; a board is plain data"),
    (10, "shots[0].seconds", "seedance-1.5-pro takes 4 to 12 seconds, not 99"),
    (11, "shots[1].id", "the id `dawn` is already used by shots[0]"),
    (12, "shots[1].prompt", "the text is empty"),
    (14, "shots[2].prompt", "a quote is opened and never closed"),
    (15, "shots[2].first_frame", "there is no file refs/missing.png beside the board"),
    (16, "shots[2].seed", "the line is indented with a tab"),
    (19, "shots[3].seed", "`seed` is written twice; the first is in line 18"),
    (20, "shots[3].promt", "unknown key `promt`"),
    (21, "shots[3].first_frame.shot", "there is no shot `stairs`"),
    (23, "shots[4].first_frame", "a bracket is not closed, or a comma is missing"),
    (24, "shots[4].prompt", "`{stranger}` is not in the cast or a variable"),
    (25, "shots[4].references", "there is no file refs/gone.png beside the board"),
]


def find_all(file: Path) -> tuple[Problem, ...]:
    """Return every problem that a check of a file reports."""
    with pytest.raises(InvalidStoryboard) as caught:
        make_plan(load_partial(file))
    return caught.value.problems


def test_check_reports_problems_of_every_kind(tmp_path: Path) -> None:
    """YAML faults, duplicates, empty texts, model limits and missing files come together."""
    file = tmp_path / "board.yaml"
    file.write_text(EVERYTHING, encoding="utf-8")
    problems = find_all(file)
    expected = [(line, path) for line, path, _ in EVERY_PROBLEM]
    assert [(problem.line, problem.path) for problem in problems] == expected
    for problem, (_, _, message) in zip(problems, EVERY_PROBLEM, strict=True):
        assert problem.message.startswith(message)
        assert problem.remedy


def test_parse_reports_language_and_yaml_together(reject: Reject) -> None:
    """Values that do not fit, contradictions and YAML faults are in the order of the file."""
    problems = reject(
        "lok: {seconds: 5}\n"
        "look: {seconds: 5, seconds: 6, ratio: 1:2}\n"
        "shots:\n"
        "  - {id: dawn, prompt: '{stranger} and {nothing}'}\n"
        "  - {id: dawn, prompt: x, frist_frame: none}\n"
    )
    assert [problem.path for problem in problems] == [
        "lok",
        "look.seconds",
        "look.ratio",
        "shots[0].prompt",
        "shots[0].prompt",
        "shots[1].id",
        "shots[1].frist_frame",
    ]


@pytest.mark.parametrize(
    "text",
    [
        'shots:\n  - id: dawn\n    promt: "Waves."\n',
        'shots:\n  - idd: dawn\n    prompt: "Waves."\n',
        'casts: {keeper: {is: x}}\nshots:\n  - {id: dawn, prompt: "{keeper}"}\n',
        'cast: {keeper: {is: x, imgs: [a]}}\nshots:\n  - {id: dawn, prompt: "{keeper}"}\n',
        'cast: {a b: {is: x}}\nshots:\n  - {id: dawn, prompt: "{a b}"}\n',
        "shots:\n  - {id: at dawn, prompt: x}\n  - {id: b, first_frame: {shot: dawn}, prompt: x}\n",
        "shots:\n  - {id: a, first_frame: {shot: b}, prompt: x}\n"
        "  - {id: b, frist_frame: none, prompt: x}\n",
        # Syntax errors: what they hide is not reported as missing or unknown.
        "shots\n  - {id: a, prompt: x}\n",
        "shots:\n  - id: b\n    prompt: @x\n    seed: 5\n",
        "shots:\n  - id: 'a\n    prompt: x\n  - {id: b, first_frame: {shot: a}, prompt: x}\n",
        "shots:\n  - id: a\n\tprompt: x\n    seed: 5\n",
        'cast:\n  keeper: {is: "x}\nshots:\n  - {id: a, prompt: "{keeper}"}\n',
        'cast\n  keeper: {is: x}\nshots:\n  - {id: a, prompt: "{keeper}"}\n',
        "shots:\n  - id: a\n    prompt: x\n   - id: b\n     prompt: y\n"
        "  - {id: c, first_frame: {shot: b}, prompt: x}\n",
        "title: a\n---\nshots:\n  - {id: a, prompt: x}\n",
        "shots:\n  - {id: a, prompt: *x}\n",
        "shots:\n  - {[x]: y, id: a}\n  - {id: b, first_frame: {shot: a}, prompt: x}\n",
        "cast:\n\tkeeper: {is: x}\n\tboy: {is: x}\nshots:\n  - {id: a, prompt: '{boy}'}\n",
        "shots:\n\t- id: a\n\t  prompt: x\n",
        "shots:\n  - {id: a, prompt: x}\n\t- id: b\n  - {id: c, first_frame: {shot: b}}\n",
        "cast: {a: {is: x}}\ncast: {b: {is: x}}\nshots:\n  - {id: a, prompt: '{a} {b}'}\n",
    ],
)
def test_one_mistake_is_one_problem(reject: Reject, text: str) -> None:
    """A problem that is only the consequence of another one is not reported."""
    assert len(reject(text)) == 1


@pytest.mark.parametrize(
    ("shot", "broken"),
    [
        ("model: [x], seconds: 20", "shots[1].model"),
        ("provider: {a: b}, seed: 5, last_frame: refs/a.png", "shots[1].provider"),
        ("first_frame: [x], last_frame: 'https://a.example/b.png'", "shots[1].first_frame"),
        ("clip: [x], seconds: 99", "shots[1].clip"),
        ("ratio: 16:10, first_frame: tall.png", "shots[1].ratio"),
        ("draft: maybe, resolution: 1080p", "shots[1].draft"),
    ],
)
def test_limits_of_unknown_values_are_not_reported(
    tmp_path: Path, make_picture: Callable[..., object], shot: str, broken: str
) -> None:
    """A limit that only a placeholder violates is not reported."""
    make_picture("tall.png", 480, 864)
    file = tmp_path / "boards" / "board.yaml"
    text = "look: {ratio: 16:9}\nshots:\n  - {id: a, prompt: x}\n"
    file.write_text(f"{text}  - {{id: b, prompt: x, {shot}}}\n", encoding="utf-8")
    problems = {problem.path for problem in find_all(file)}
    assert problems - {"shots[1].last_frame"} == {broken}


FAULTS = {
    "tab": ("title", "\tnote: x", "note"),
    "quote": ("title", 'title: "A film', "title"),
    "duplicate key": ("title", "title: A\ntitle: B", "title"),
    "tag": ("model", "model: !env x", "model"),
    "unknown key": ("model", "modell: x", "modell"),
    "empty prompt": ("a", '  - {id: a, prompt: ""}', "shots[0].prompt"),
    "unknown name": ("a", '  - {id: a, prompt: "{stranger}"}', "shots[0].prompt"),
    "duplicate id": ("b", "  - {id: c, prompt: x}", "shots[2].id"),
    "open bracket": ("b", "  - {id: b, prompt: x", "shots[1]"),
    "model limit": ("c", "  - {id: c, prompt: x, seconds: 99}", "shots[2].seconds"),
    "no such value": ("c", "  - {id: c, prompt: x, take: zero}", "shots[2].take"),
    "missing file": ("d", "  - {id: d, prompt: x, first_frame: no.png}", "shots[3].first_frame"),
    "unknown alias": ("d", "  - {id: d, prompt: *no}", "shots[3].prompt"),
    "not a mapping": ("e", "  - e", "shots[4]"),
    "colon": ("e", "  - id: e\n    prompt: Waves: they break", "shots[4].prompt"),
}
CLEAN = {
    "title": "title: A film",
    "model": "model: seedance-1.5-pro",
    "shots": "shots:",
    **{name: f"  - {{id: {name}, prompt: x}}" for name in "abcde"},
}
HIDES = {"tag": {"model limit"}, "unknown key": {"model limit"}}
"""A broken model hides what depends on it."""


@settings(max_examples=200)
@given(st.sets(st.sampled_from(sorted(FAULTS)), min_size=1))
def test_combined_faults_are_all_reported(faults: set[str]) -> None:
    """Any combination of faults in different values is reported at least in full."""
    lines = dict(CLEAN)
    wanted: dict[str, str] = {}
    for fault in sorted(faults):
        part, text, path = FAULTS[fault]
        if lines[part] == CLEAN[part]:
            lines[part] = text
            wanted[fault] = path
    for fault in list(wanted):
        for hidden in HIDES.get(fault, ()):
            wanted.pop(hidden, None)
    with pytest.MonkeyPatch.context() as patch:
        folder = Path(__file__).parent / "broken"
        data = "\n".join(lines.values()).encode() + b"\n"
        patch.setattr("storyboards.loading.read_bytes", mock.Mock(return_value=data))
        problems = find_all(folder / "combined.yaml")
    paths = [problem.path for problem in problems]
    missing = [f"{fault}: {path}" for fault, path in wanted.items() if path not in paths]
    assert not missing, (data.decode(), list(map(str, problems)))
    extra = [path for path in paths if path not in wanted.values()]
    assert not extra, (data.decode(), list(map(str, problems)))


def test_syntax_errors_in_many_lines_are_all_reported(reject: Reject) -> None:
    """Each of many syntax errors is reported once, and nothing besides."""
    shots = "".join(f"  - id: s{n}\n    prompt: @{n}\n" for n in range(40))
    problems = reject(f"shots:\n{shots}")
    assert [problem.line for problem in problems] == [3 + 2 * n for n in range(40)]


def test_hostile_file_of_errors_is_bounded(reject: Reject) -> None:
    """A large file with an error on every line is rejected with a bounded number of problems."""
    problems = reject("shots:\n" + "  - id: @\n" * 100_000)
    assert 1 <= len(problems) <= 201
    assert problems[-1].message == "the rest of the board was not checked"


def test_message_paths_use_the_authors_numbering(reject: Reject) -> None:
    """A shot that is set aside keeps its number, so the ones behind it keep theirs."""
    problems = reject(
        "shots:\n"
        "  - {id: a, prompt: x}\n"
        "   - id: b\n"
        "     prompt: x\n"
        "  - {id: c, prompt: x, take: 0}\n"
    )
    assert [re.sub(r"\.id$", "", problem.path) for problem in problems] == [
        "shots[1]",
        "shots[2].take",
    ]
