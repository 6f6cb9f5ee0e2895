"""The bounds of a board: expanded texts, their sum, lists, suggestions and messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyboards import InvalidStoryboard, Problem, Storyboard, parse
from storyboards.board import Board
from storyboards.problems import find_similar, merge_problems
from storyboards.prompts import LengthMeter, resolve_prompt
from storyboards.validation import check_tree
from storyboards.yaml_nodes import MappingNode, compose

LONG = "a" * 19_900


def reject(text: str) -> tuple[Problem, ...]:
    """Return the problems of a board that must have some."""
    with pytest.raises(InvalidStoryboard) as caught:
        parse(text.encode(), file="board.yaml")
    return caught.value.problems


@pytest.mark.parametrize(
    ("board", "place"),
    [
        (f"variables: {{v: {LONG}}}\nshots:\n- {{id: a, prompt: '{{v}}{{v}}'}}\n", (3, 19)),
        (f"variables: {{v: {LONG}}}\nlook: {{style: '{{v}}{{v}}'}}\n", (2, 15)),
        (f"variables: {{v: {LONG}}}\ncast: {{c: {{is: '{{v}}{{v}}'}}}}\n", (2, 16)),
        (f"cast: {{c: {{is: {LONG}}}}}\nshots:\n- {{id: a, prompt: '{{c}} and {{c}}'}}\n", (3, 19)),
        (
            f"variables: {{v: {LONG}}}\nshots:\n- {{id: a, prompt: x, style: '{{v}}{{v}}'}}\n",
            (3, 29),
        ),
    ],
    ids=["prompt", "style", "cast", "cast in prompt", "style of shot"],
)
def test_expanded_text_is_bounded(board: str, place: tuple[int, int]) -> None:
    """A text that is too long with its names expanded is reported at its own place."""
    (problem,) = reject(board if "shots:" in board else board + "shots: [{id: z, prompt: x}]\n")

    assert "more than 20,000 characters with its names expanded" in problem.message
    assert (problem.line, problem.column) == place


def test_nested_names_are_never_built() -> None:
    """A prompt of 850 GB is reported, with the cast member that multiplies it."""
    board = f"variables: {{v: {LONG}}}\n"
    board += f"cast: {{c: {{is: '{'{v}' * 6_500}'}}}}\n"
    board += f"shots: [{{id: a, prompt: '{'{c}' * 6_500}'}}]\n"

    assert [problem.path for problem in reject(board)] == ["cast.c.is", "shots[0].prompt"]


def test_sum_of_prompts_is_bounded() -> None:
    """The prompts of all shots together are bounded, the style in each of them included."""
    shots = "".join(f"- {{id: s{number}, prompt: x}}\n" for number in range(600))
    board = f"look: {{style: {LONG}}}\nshots:\n{shots}"

    (problem,) = reject(board)

    assert problem.message == (
        "the prompts up to shots[502] have more than 10,000,000 characters "
        "with their names expanded"
    )
    assert (problem.line, problem.column, problem.path) == (3, 1, "shots")
    parse(board.replace(LONG, "a" * 16_000).encode(), file="board.yaml")


def test_board_without_file_is_bounded() -> None:
    """A board that is passed as a value has the same bounds."""
    shots = [{"id": "a", "prompt": "{v}{v}"}]
    storyboard = Storyboard.model_validate({"variables": {"v": LONG}, "shots": shots})

    with pytest.raises(InvalidStoryboard, match="20,000 characters"):
        Board.of(storyboard)


def test_cast_in_one_text_is_bounded() -> None:
    """A text mentions at most 50 members of the cast."""
    members = "".join(f"  c{number}: {{is: a man}}\n" for number in range(51))
    names = "".join(f"{{c{number}}}" for number in range(51))

    (problem,) = reject(f"cast:\n{members}shots:\n- {{id: a, prompt: '{names}'}}\n")

    assert problem.message == "the text mentions 51 members of the cast"
    assert problem.path == "shots[0].prompt"


@pytest.mark.parametrize("key", ["images", "videos", "audio"])
def test_list_of_references_is_bounded(key: str) -> None:
    """A list of references has at most 50 items."""
    board = f"shots: [{{id: a, prompt: x, references: {{{key}: [{'u, ' * 51}]}}}}]\n"

    (problem,) = reject(board)

    assert problem.message == f"`{key}` has more than 50 items"


@pytest.mark.parametrize(
    ("board", "length"),
    [
        ("shots: [{id: %s, prompt: x}]\n", 64),
        ("model: %s\nshots: [{id: a, prompt: x}]\n", 200),
        ("provider: %s\nshots: [{id: a, prompt: x}]\n", 200),
        ("title: %s\nshots: [{id: a, prompt: x}]\n", 1_000),
        ("shots: [{id: a, prompt: x, title: %s}]\n", 1_000),
        ("shots: [{id: a, prompt: x, last_frame: %s}]\n", 4_000),
        ("shots: [{id: a, prompt: x, callback_url: %s}]\n", 4_000),
    ],
    ids=["id", "model", "provider", "title", "title of shot", "last_frame", "callback_url"],
)
def test_repeated_text_has_a_length_limit(board: str, length: int) -> None:
    """Texts that reports repeat are bounded, and a longer one is a text and not a list."""
    parse((board % ("x" * length)).encode(), file="board.yaml")

    (problem,) = reject(board % ("x" * (length + 1)))

    assert problem.message == f"the text is longer than {length} characters"


def test_suggestions_end_after_twenty() -> None:
    """The first unknown names are compared with the known ones, and all are reported."""
    names = "".join(f"{{keepr{number}}}" for number in range(30))

    problems = reject(f"variables: {{keeper: x}}\nshots: [{{id: a, prompt: '{names}'}}]\n")

    suggested = [problem.remedy.startswith("Did you mean") for problem in problems]
    assert suggested == [True] * 20 + [False] * 10


def test_suggestions_compare_2000_names() -> None:
    """A name is compared with the first 2000 of the known names."""
    known = [f"x{number}" for number in range(2_000)]

    assert find_similar("keepr", [*known[1:], "keeper"]) == ["keeper"]
    assert find_similar("keepr", [*known, "keeper"]) == []


def test_full_report_ends_the_check() -> None:
    """A board whose report is full is not planned: nothing of it could be added."""
    shots = "".join(f"- {{id: same, prompt: x, seconds: {n}}}\n" for n in range(1, 300))
    tree = compose(f"shots:\n{shots}").tree
    assert isinstance(tree, MappingNode)

    assert check_tree(tree).storyboard is None


def test_tags_without_end_end_the_check() -> None:
    """Thousands of YAML problems are reported without a look at the values."""
    problems = reject(f"shots: [{'{id: !t a, promt: x}, ' * 300}]\n")

    assert {problem.message[:8] for problem in problems[:-1]} == {"the tag "}


def test_long_cycle_is_shortened() -> None:
    """A cycle of many shots is reported by its first three shots and its last one."""
    shots = "".join(
        f"- {{id: s{n}, prompt: x, first_frame: {{shot: s{(n + 1) % 300}}}}}\n" for n in range(300)
    )

    (problem,) = reject(f"shots:\n{shots}")

    route = "`s0` -> `s1` -> `s2` -> 296 more -> `s299` -> `s0`"
    assert problem.message == f"the shot waits for itself: {route}"


def test_long_words_of_messages_are_cut() -> None:
    """A file name of 4000 characters does not fill the report."""
    (problem,) = merge_problems([Problem(f"there is no file {'f' * 4_000} here", "g" * 4_000)])

    assert problem.message == f"there is no file {'f' * 60}… here"
    assert problem.remedy == "g" * 60 + "…"


NAMES = {"b": "x", "ab": "yy"}
texts = st.lists(st.sampled_from(["{a}", "{b}", "{ab}", "{{", "}}", "x ", "."]), max_size=8)


@given(prompt=texts, style=texts, cast=texts)
def test_measured_length_covers_the_prompt(
    prompt: list[str], style: list[str], cast: list[str]
) -> None:
    """A built prompt is no longer than what was measured, and a full stop between its parts."""
    member = {"is": "c" + "".join(cast).replace("{a}", "{b}")}
    shot = {"id": "s", "prompt": "p" + "".join(prompt), "style": "".join(style)}
    storyboard = Storyboard.model_validate(
        {"cast": {"a": member}, "variables": NAMES, "shots": [shot]}
    )
    meter = LengthMeter(storyboard)

    built = resolve_prompt(storyboard, storyboard.shots[0]).text

    measured = meter.measure(shot["prompt"]) + meter.measure(shot["style"])
    assert measured - 40 <= len(built) <= measured + len(". ")
