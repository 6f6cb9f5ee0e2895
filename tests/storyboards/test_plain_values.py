"""Plain words: only what looks like nothing else gets a type."""

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
def test_truth_nothing_and_decimal_numbers_have_a_type(text: str, value: object) -> None:
    """These are the only words that are not text."""
    read = read_plain(text)
    assert read == value
    assert type(read) is type(value)


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
def test_everything_else_stays_text(text: str) -> None:
    """Ratios, times, dates, YAML 1.1's truths and other bases are what the author wrote."""
    assert read_plain(text) == text


def test_a_number_longer_than_any_number_stays_text() -> None:
    """Thousands of digits cost nothing and reach no integer parser."""
    assert read_plain("9" * 10_000) == "9" * 10_000


@given(st.integers(min_value=-(10**18) + 1, max_value=10**18 - 1))
def test_a_written_integer_is_that_integer(number: int) -> None:
    """Integers of up to eighteen digits survive being written."""
    assert read_plain(str(number)) == number


@given(st.text())
def test_a_word_is_typed_or_left_as_it_is(text: str) -> None:
    """No word raises, and text is never changed."""
    value = read_plain(text)
    assert value is None or isinstance(value, bool | int | float) or value == text


@pytest.mark.parametrize(
    "written", ["1984", "007", "1.50", "true", "16:9", "no", "2026-08-01", "0x1f", '"1984"', "+1"]
)
def test_where_text_is_wanted_it_is_the_text_as_written(read: Read, written: str) -> None:
    """A title that looks like a number keeps its zeros and its form."""
    board = read(f'title: {written}\nshots: [{{id: dawn, prompt: "Waves."}}]\n')
    assert board.storyboard.title == written.strip('"')


def test_numbers_may_be_ids_and_words(read: Read) -> None:
    """ids, variables, shots to continue and files may be bare numbers, and stay as written."""
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


def test_the_ratio_needs_no_quotes(read: Read) -> None:
    """16:9 is a ratio, not nine hundred and sixty-nine."""
    board = read("look: {ratio: 16:9}\nshots: [{id: dawn, prompt: Waves}]\n")
    assert board.storyboard.look.ratio == "16:9"
