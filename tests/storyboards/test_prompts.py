"""The full prompt of a shot: names, braces and style."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyboards.models import Storyboard
from storyboards.prompts import Prompt, resolve_prompt


def resolve_first(**board: object) -> Prompt:
    """Return the prompt of the first shot of a board given as keys and values."""
    storyboard = Storyboard.model_validate(board)
    return resolve_prompt(storyboard, storyboard.shots[0])


def resolve_text(prompt: str, **board: object) -> str:
    """Return the full text of a prompt."""
    return resolve_first(shots=[{"id": "dawn", "prompt": prompt}], **board).text


def test_names_expand_to_cast_and_variables() -> None:
    """Names of both kinds expand, as often as they are used."""
    text = resolve_text(
        "{keeper} waves. {keeper} waits in {town}.",
        cast={"keeper": {"is": "an old keeper"}},
        variables={"town": "Bergen"},
    )
    assert text == "an old keeper waves. an old keeper waits in Bergen."


def test_cast_text_may_contain_variables() -> None:
    """Variables in the text of a cast member expand; those in a variable do not."""
    text = resolve_text(
        "{keeper}",
        cast={"keeper": {"is": "a keeper in a {coat} coat"}},
        variables={"coat": "{yellow}"},
    )
    assert text == "a keeper in a {yellow} coat"


def test_names_match_in_any_normal_form() -> None:
    """A name that is composed in the cast and decomposed in the prompt is the same name."""
    text = resolve_text("{Zoe\u0301} waves.", cast={"Zo\u00e9": {"is": "a girl"}})
    assert text == "a girl waves."


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("a {{ and a }}", "a { and a }"),
        ("{{keeper}}", "{keeper}"),
        ("{{{town}}}", "{Bergen}"),
        ("{ town }", "Bergen"),
        ("  Waves.\n", "Waves."),
    ],
)
def test_doubled_braces_are_braces(prompt: str, text: str) -> None:
    """`{{` and `}}` are plain braces, also right beside a name."""
    assert resolve_text(prompt, variables={"town": "Bergen"}) == text


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("Waves break.", "Waves break. 35mm film."),
        ("Waves break", "Waves break. 35mm film."),
        ("Waves break!", "Waves break! 35mm film."),
        ("海浪。", "海浪。 35mm film."),
    ],
)
def test_style_is_appended_as_sentence(prompt: str, text: str) -> None:
    """A prompt without punctuation gets a full stop, others keep theirs."""
    assert resolve_text(prompt, look={"style": "35mm film."}) == text


def test_shot_style_replaces_look_style() -> None:
    """A shot's own style is used; an empty one leaves the prompt alone."""
    look = {"style": "35mm film."}
    own = {"id": "dawn", "prompt": "Waves.", "style": "Ink on paper."}
    none = {"id": "dawn", "prompt": "Waves.", "style": ""}
    assert resolve_first(shots=[own], look=look).text == "Waves. Ink on paper."
    assert resolve_first(shots=[none], look=look).text == "Waves."


def test_shot_without_prompt_has_style_only() -> None:
    """A shot with a picture may have the style alone; a clip has no text."""
    look = {"style": "35mm film."}
    picture = {"id": "logo", "first_frame": "refs/logo.png"}
    clip = {"id": "logo", "clip": "logo.mp4"}
    assert resolve_first(shots=[picture], look=look).text == "35mm film."
    assert resolve_first(shots=[picture]).text == ""
    assert resolve_first(shots=[clip], look=look).text == ""


def test_cast_lists_members_in_order() -> None:
    """The members used in prompt and style are listed once each; variables are not."""
    prompt = resolve_first(
        cast={"a": {"is": "A"}, "b": {"is": "B"}, "c": {"is": "C"}, "d": {"is": "D"}},
        variables={"v": "V"},
        look={"style": "like {a}"},
        shots=[{"id": "dawn", "prompt": "{c} {v} {b} {c} {{d}}"}],
    )
    assert prompt.cast == ("c", "b", "a")


@given(st.text(alphabet=st.characters(exclude_characters="{}", exclude_categories=["Cs"])))
def test_text_without_braces_is_unchanged(text: str) -> None:
    """Nothing but names and braces changes, apart from the space around the text."""
    prompt = f"x{text}x"
    assert resolve_text(prompt) == prompt


@given(st.text(alphabet="ab{} "))
def test_doubled_braces_express_any_text(text: str) -> None:
    """Every text with braces can be written by doubling them."""
    doubled = text.replace("{", "{{").replace("}", "}}")
    assert resolve_text(f"x{doubled}x") == f"x{text}x"
