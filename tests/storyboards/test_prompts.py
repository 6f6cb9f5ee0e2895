"""The full words of a shot: names, braces and style."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyboards import Board
from storyboards.models import Storyboard
from storyboards.prompts import Prompt, resolve_prompt

Read = Callable[[str], Board]


def resolve_first(**board: object) -> Prompt:
    """The prompt of the first shot of a board given as keys and values."""
    storyboard = Storyboard.model_validate(board)
    return resolve_prompt(storyboard, storyboard.shots[0])


def resolve_words(words: str, **board: object) -> str:
    """The full text of these words."""
    return resolve_first(shots=[{"id": "dawn", "prompt": words}], **board).text


def test_names_become_the_words_of_cast_and_variables() -> None:
    """Both kinds of names stand for their words, as often as they are used."""
    text = resolve_words(
        "{keeper} waves. {keeper} waits in {town}.",
        cast={"keeper": {"is": "an old keeper"}},
        variables={"town": "Bergen"},
    )
    assert text == "an old keeper waves. an old keeper waits in Bergen."


def test_the_words_of_the_cast_may_hold_variables() -> None:
    """A colour can change for all shots at once; variables are taken as they stand."""
    text = resolve_words(
        "{keeper}",
        cast={"keeper": {"is": "a keeper in a {coat} coat"}},
        variables={"coat": "{yellow}"},
    )
    assert text == "a keeper in a {yellow} coat"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("a {{ and a }}", "a { and a }"),
        ("{{keeper}}", "{keeper}"),
        ("{{{town}}}", "{Bergen}"),
        ("{ town }", "Bergen"),
        ("  Waves.\n", "Waves."),
    ],
)
def test_doubled_braces_are_braces(words: str, text: str) -> None:
    """`{{` and `}}` are plain, also right beside a name."""
    assert resolve_words(words, variables={"town": "Bergen"}) == text


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("Waves break.", "Waves break. 35mm film."),
        ("Waves break", "Waves break. 35mm film."),
        ("Waves break!", "Waves break! 35mm film."),
        ("海浪。", "海浪。 35mm film."),
    ],
)
def test_the_style_stands_behind_the_prompt_as_a_sentence_of_its_own(
    prompt: str, text: str
) -> None:
    """A prompt without punctuation gets a full stop, others keep theirs."""
    assert resolve_words(prompt, look={"style": "35mm film."}) == text


def test_a_shots_own_style_replaces_the_looks_and_may_be_nothing() -> None:
    """A shot says its own style; an empty one leaves the prompt alone."""
    look = {"style": "35mm film."}
    own = {"id": "dawn", "prompt": "Waves.", "style": "Ink on paper."}
    none = {"id": "dawn", "prompt": "Waves.", "style": ""}
    assert resolve_first(shots=[own], look=look).text == "Waves. Ink on paper."
    assert resolve_first(shots=[none], look=look).text == "Waves."


def test_a_shot_without_words_has_the_style_alone_and_a_clip_has_nothing() -> None:
    """A picture may stand for a prompt; a clip that exists needs no words."""
    look = {"style": "35mm film."}
    picture = {"id": "logo", "first_frame": "refs/logo.png"}
    clip = {"id": "logo", "clip": "logo.mp4"}
    assert resolve_first(shots=[picture], look=look).text == "35mm film."
    assert resolve_first(shots=[picture]).text == ""
    assert resolve_first(shots=[clip], look=look).text == ""


def test_the_cast_is_told_once_each_in_the_order_of_appearance() -> None:
    """The members used in prompt and style are listed; variables are not."""
    prompt = resolve_first(
        cast={"a": {"is": "A"}, "b": {"is": "B"}, "c": {"is": "C"}, "d": {"is": "D"}},
        variables={"v": "V"},
        look={"style": "like {a}"},
        shots=[{"id": "dawn", "prompt": "{c} {v} {b} {c} {{d}}"}],
    )
    assert prompt.cast == ("c", "b", "a")


@given(st.text(alphabet=st.characters(exclude_characters="{}", exclude_categories=["Cs"])))
def test_words_without_braces_stay_as_they_are(words: str) -> None:
    """Nothing but names and braces changes, apart from the space around the text."""
    written = f"x{words}x"
    assert resolve_words(written) == written


@given(st.text(alphabet="ab{} "))
def test_doubling_every_brace_says_any_text(words: str) -> None:
    """Whatever an author wants to say with braces can be said."""
    doubled = words.replace("{", "{{").replace("}", "}}")
    assert resolve_words(f"x{doubled}x") == f"x{words}x"
