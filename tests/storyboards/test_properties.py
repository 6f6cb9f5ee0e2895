"""What holds for every input: no other error, and no meaning in the order of keys."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storyboards import Board, InvalidStoryboard, Storyboard, parse
from storyboards.yaml_nodes import compose, to_data

ROOM = Path(__file__).parents[2] / "storyboards"
TEXTS = [file.read_bytes() for file in sorted(ROOM.glob("*.yaml"))]
DATA = [to_data(tree) for text in TEXTS if (tree := compose(text.decode())[0])]
SHARDS = [
    *("{", "}", "[", "]", ": ", "- ", "\n", "  ", "&a ", "*a", "!x ", "|\n", ">", "'", '"', "#"),
    *("---\n", "\t", "null", "true", "-1", "1.5", "\\UFFFFFFFF", "? ", "<<: ", "clip: x", "{{"),
    *("%YAML 1.1\n", "continue: clip\n", "first_frame: {shot: ", "previous", "9" * 5000, "\u2028"),
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


def read(data: bytes) -> Board | None:
    """The board of these bytes; None where they are refused in due form."""
    try:
        return parse(data, file="board.yaml")
    except InvalidStoryboard as error:
        problems = error.problems
    assert problems
    for problem in problems:
        assert problem.message
        assert problem.remedy
        assert str(problem).encode()
        assert "\n" not in str(problem)
    return None


@given(st.binary(max_size=400))
def test_no_bytes_throw_anything_else(data: bytes) -> None:
    """Arbitrary bytes are a board or are refused."""
    read(data)


@given(st.text(max_size=400))
def test_no_text_throws_anything_else(text: str) -> None:
    """Arbitrary text is a board or is refused, also where no UTF-8 can carry it."""
    read(text.encode("utf-8", "surrogatepass"))


@given(st.lists(st.sampled_from(SHARDS), max_size=40).map("".join))
def test_no_shards_of_yaml_throw_anything_else(text: str) -> None:
    """YAML's own signs in any order are refused, not thrown."""
    read(text.encode())


@st.composite
def mutated_texts(draw: st.DrawFn) -> bytes:
    """An example board with a few places cut out and shards put in."""
    text = draw(st.sampled_from(TEXTS)).decode()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        length = draw(st.integers(0, 12))
        text = text[:start] + draw(st.sampled_from(["", *SHARDS])) + text[start + length :]
    return text.encode()


@settings(suppress_health_check=[HealthCheck.data_too_large])
@given(mutated_texts())
def test_no_mutation_of_an_example_throws_anything_else(data: bytes) -> None:
    """Boards that were almost right are refused or read."""
    read(data)


@st.composite
def mutated_data(draw: st.DrawFn) -> Any:
    """An example board with one value, somewhere, replaced by any other."""
    board = json.loads(json.dumps(draw(st.sampled_from(DATA))))
    place, key = board, draw(st.sampled_from(sorted(board)))
    while isinstance(place[key], dict | list) and place[key] and draw(st.booleans()):
        place = place[key]
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = draw(st.sampled_from(list(keys)))
    place[key] = draw(VALUES)
    return board


@given(mutated_data())
def test_no_value_in_any_place_throws_anything_else(board: Any) -> None:
    """JSON is YAML: whatever stands at any key is refused or read."""
    read(json.dumps(board).encode())


def shuffle(value: Any, chance: random.Random) -> Any:
    """The same data with the keys of every mapping in another order."""
    if isinstance(value, dict):
        keys = sorted(value)
        chance.shuffle(keys)
        return {key: shuffle(value[key], chance) for key in keys}
    return [shuffle(item, chance) for item in value] if isinstance(value, list) else value


@given(st.sampled_from(DATA), st.randoms(use_true_random=False))
def test_the_order_of_keys_means_nothing(data: Any, chance: random.Random) -> None:
    """A board with its keys in another order is the same board."""
    shuffled = read(json.dumps(shuffle(data, chance)).encode())
    assert shuffled is not None
    assert shuffled.storyboard == Storyboard.model_validate(data)
