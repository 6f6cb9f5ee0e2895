"""Plain scalars: only what looks like nothing else has a type."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyboards import Board
from storyboards.yaml_nodes import read_plain

Read = Callable[[str], Board]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("5", 5),
        ("-14", -14),
        ("+3", 3),
        ("0.5", 0.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("-16.25", -16.25),
    ],
)
def test_keyword_or_number_has_type(text: str, value: object) -> None:
    """Only these scalars are not text."""
    plain = read_plain(text)
    assert plain == value
    assert type(plain) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "16:9",
        "0:30",
        "no",
        "yes",
        "on",
        "off",
        "y",
        "n",
        "True",
        "FALSE",
        "Null",
        "010",
        "00",
        "0x1f",
        "0o17",
        "0b1",
        "1_000",
        "1e3",
        "1.5e3",
        ".inf",
        ".nan",
        ".",
        "-",
        "+",
        "-.",
        "2026-08-01",
        "2026-08-01T10:00:00Z",
        "=",
        "<<",
        "1.2.3",
        "５",
        "1,000",
        "4.00USD",
    ],
)
def test_other_scalar_is_text(text: str) -> None:
    """Ratios, times, dates, YAML 1.1's booleans and other bases are what the author wrote."""
    assert read_plain(text) == text


def test_very_long_number_is_text() -> None:
    """Thousands of digits take no time and are not parsed as an integer."""
    assert read_plain("9" * 10_000) == "9" * 10_000


@given(st.integers(min_value=-(10**18) + 1, max_value=10**18 - 1))
def test_integer_round_trips(number: int) -> None:
    """Integers of up to eighteen digits survive being written."""
    assert read_plain(str(number)) == number


@given(st.text())
def test_any_text_is_typed_or_unchanged(text: str) -> None:
    """No text raises, and text is never changed."""
    value = read_plain(text)
    assert value is None or isinstance(value, bool | int | float) or value == text


@pytest.mark.parametrize(
    "text", ["1984", "007", "1.50", "true", "16:9", "no", "2026-08-01", "0x1f", '"1984"', "+1"]
)
def test_title_keeps_written_form(read: Read, text: str) -> None:
    """A title that looks like a number keeps its zeros and its form."""
    board = read(f'title: {text}\nshots: [{{id: dawn, prompt: "Waves."}}]\n')
    assert board.storyboard.title == text.strip('"')


def test_numbers_are_allowed_as_texts(read: Read) -> None:
    """Ids, variables, links and files may be bare numbers, and keep their form."""
    board = read(
        "variables: {year: 1984, take: 0.50}\n"
        "shots:\n"
        "  - {id: 007, prompt: '{year} {take}'}\n"
        "  - {id: 8, first_frame: {shot: 007}, prompt: 9}\n"
        "  - {id: 9, first_frame: 12, references: {images: [1.0]}}\n"
    )
    first, second, third = board.storyboard.shots
    assert (first.id, second.id, second.prompt, third.first_frame) == ("007", "8", "9", "12")
    assert third.references is not None
    assert third.references.images == ("1.0",)
    assert board.storyboard.variables == {"year": "1984", "take": "0.50"}


def test_ratio_needs_no_quotes(read: Read) -> None:
    """16:9 is a ratio, not the number 969."""
    board = read("look: {ratio: 16:9}\nshots: [{id: dawn, prompt: Waves}]\n")
    assert board.storyboard.look.ratio == "16:9"
