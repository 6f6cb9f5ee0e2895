"""Properties of every input: no other exception, and the order of keys has no effect."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storyboards import Board, InvalidStoryboard, Storyboard, parse
from storyboards.yaml_nodes import compose, to_data

FOLDER = Path(__file__).parents[2] / "storyboards"
TEXTS = [file.read_bytes() for file in sorted(FOLDER.glob("*.yaml"))]
DATA = [to_data(tree) for text in TEXTS if (tree := compose(text.decode()).tree)]
FRAGMENTS = [
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
    """Return the board of these bytes, or None if they are rejected with proper problems."""
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
def test_any_bytes_are_read_or_rejected(data: bytes) -> None:
    """Arbitrary bytes are a board or raise InvalidStoryboard."""
    read(data)


@given(st.text(max_size=400))
def test_any_text_is_read_or_rejected(text: str) -> None:
    """Arbitrary text is a board or raises InvalidStoryboard, surrogates included."""
    read(text.encode("utf-8", "surrogatepass"))


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join))
def test_any_yaml_fragments_are_read_or_rejected(text: str) -> None:
    """YAML's own indicators in any order raise nothing but InvalidStoryboard."""
    read(text.encode())


@st.composite
def mutated_texts(draw: st.DrawFn) -> bytes:
    """Draw an example board with a few parts cut out and fragments inserted."""
    text = draw(st.sampled_from(TEXTS)).decode()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        length = draw(st.integers(0, 12))
        text = text[:start] + draw(st.sampled_from(["", *FRAGMENTS])) + text[start + length :]
    return text.encode()


@settings(suppress_health_check=[HealthCheck.data_too_large])
@given(mutated_texts())
def test_any_mutation_is_read_or_rejected(data: bytes) -> None:
    """Boards that were almost right are read or raise InvalidStoryboard."""
    read(data)


@st.composite
def mutated_data(draw: st.DrawFn) -> Any:
    """Draw an example board with one value replaced by any other."""
    board = json.loads(json.dumps(draw(st.sampled_from(DATA))))
    parent, key = board, draw(st.sampled_from(sorted(board)))
    while isinstance(parent[key], dict | list) and parent[key] and draw(st.booleans()):
        parent = parent[key]
        keys = sorted(parent) if isinstance(parent, dict) else range(len(parent))
        key = draw(st.sampled_from(list(keys)))
    parent[key] = draw(VALUES)
    return board


@given(mutated_data())
def test_any_value_is_read_or_rejected(board: Any) -> None:
    """JSON is YAML: any value at any key is read or raises InvalidStoryboard."""
    read(json.dumps(board).encode())


def shuffle(value: Any, rng: random.Random) -> Any:
    """Return the same data with the keys of every mapping in another order."""
    if isinstance(value, dict):
        keys = sorted(value)
        rng.shuffle(keys)
        return {key: shuffle(value[key], rng) for key in keys}
    return [shuffle(item, rng) for item in value] if isinstance(value, list) else value


@given(st.sampled_from(DATA), st.randoms(use_true_random=False))
def test_order_of_keys_has_no_effect(data: Any, rng: random.Random) -> None:
    """A board with its keys in another order is the same board."""
    shuffled = read(json.dumps(shuffle(data, rng)).encode())
    assert shuffled is not None
    assert shuffled.storyboard == Storyboard.model_validate(data)
