"""Ids and names: letters of every script, one normal form, safe as file names."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyboards import Board, Problem, parse
from storyboards.board import derive_name

Read = Callable[[str], Board]
Reject = Callable[[str | bytes], tuple[Problem, ...]]
DECOMPOSED, COMPOSED = "Zoe\u0301", "Zo\u00e9"


@pytest.mark.parametrize("name", ["größe", "灯台", "подъём", "प्रभात", "فجر", "01-ночь", "a_b-c"])
def test_id_takes_letters_of_any_script(read: Read, name: str) -> None:
    """An id keeps its letters, marks included."""
    board = read(f"shots:\n  - {{id: {name}, prompt: x}}\n")
    assert board.storyboard.shots[0].id == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize("name", ["at dawn", "_a", "a.b", "a\u200bb", "\u0301a", "日、本", "a‿b"])
def test_id_with_other_characters_is_rejected(reject: Reject, name: str) -> None:
    """Blanks, punctuation and invisible characters are not part of an id."""
    (problem,) = reject(f'shots:\n  - {{id: "{name}", prompt: x}}\n')
    assert problem.path == "shots[0].id"


def test_ids_are_compared_after_normalisation(reject: Reject) -> None:
    """Two spellings of one id are a duplicate."""
    (problem,) = reject(
        f"shots:\n  - {{id: {DECOMPOSED}, prompt: x}}\n  - {{id: {COMPOSED}, prompt: x}}\n"
    )
    assert problem.path == "shots[1].id"


def test_link_finds_id_in_other_normal_form(read: Read) -> None:
    """A link to a shot may be written in another normal form than its id."""
    board = read(
        f"shots:\n  - {{id: {COMPOSED}, prompt: x}}\n"
        f"  - {{id: b, first_frame: {{shot: {DECOMPOSED}}}, prompt: x}}\n"
    )
    assert board.storyboard.shots[0].id == COMPOSED


def test_cast_keys_in_two_normal_forms_are_duplicates(reject: Reject) -> None:
    """Two spellings of one cast member are one key that is written twice."""
    (problem,) = reject(
        f"cast:\n  {DECOMPOSED}: {{is: a girl}}\n  {COMPOSED}: {{is: a girl}}\n"
        f"shots:\n  - {{id: a, prompt: '{{{COMPOSED}}}'}}\n"
    )
    assert "is written twice" in problem.message


@pytest.mark.parametrize("name", ["con", "NUL", "com1", "placed", "灯" * 41])
def test_board_name_must_be_a_file_name(reject: Reject, name: str) -> None:
    """Device names of Windows and names of too many bytes are rejected."""
    (problem,) = reject(f"name: {name}\nshots:\n  - {{id: a, prompt: x}}\n")
    assert problem.path == "name"
    assert problem.remedy


@given(st.text(alphabet=st.characters(exclude_characters="/\0"), min_size=1, max_size=300))
def test_derived_name_is_safe_and_valid(stem: str) -> None:
    """A derived name is short, in NFC, not reserved, and valid as `name:`."""
    name = derive_name(stem)
    if not name:
        return
    assert len(name.encode()) <= 126
    assert name == unicodedata.normalize("NFC", name)
    text = f"name: '{name}'\nshots: [{{id: a, prompt: x}}]\n"
    assert parse(text.encode(), file="board.yaml").name == name
