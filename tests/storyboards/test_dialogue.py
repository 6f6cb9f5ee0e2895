"""Quotations of prompts as the text of captions."""

from __future__ import annotations

import pytest

from storyboards.dialogue import find_dialogue
from storyboards.models import Storyboard


def dialogue_of(prompt: str, **keys: object) -> tuple[str, ...]:
    """Return what is spoken in a shot with this prompt."""
    board = {
        "cast": {"mara": {"is": 'a sailor with "Ember" on her cap'}},
        "variables": {"line": "Warm, when you are."},
        "shots": [{"id": "a", "prompt": prompt, **keys}],
    }
    storyboard = Storyboard.model_validate(board)
    return find_dialogue(storyboard, storyboard.shots[0])


@pytest.mark.parametrize(
    ("prompt", "spoken"),
    [
        ('She calls: "Good morning." He nods.', ("Good morning.",)),
        ('"One," he shouts. "Two."', ("One,", "Two.")),
        ("She calls “Guten Tag”, he „Servus“ and «Salut».", ("Guten Tag", "Servus", "Salut")),
        ("她说：「你好」，他说：“再见”。", ("你好", "再见")),
        ('He calls "שלום".', ("שלום",)),
        ("It's the keeper's lamp.", ()),
        ("No quotation.", ()),
        ('Only marks: "?!" and "".', ()),
        ('One mark of an inch: 5" wide.', ()),
    ],
)
def test_dialogue_is_text_between_quotes(prompt: str, spoken: tuple[str, ...]) -> None:
    """Of every usual kind of double quotes; apostrophes and lone marks are none."""
    assert dialogue_of(prompt) == spoken


@pytest.mark.parametrize(
    "prompt",
    ['A sign reads "Open".', 'A book titled: "Fog".', "Ein Schild: „Offen“.", "牌子上写着“营业”。"],
)
def test_dialogue_leaves_lettering_out(prompt: str) -> None:
    """A sign is seen and not heard."""
    assert dialogue_of(prompt) == ()


def test_dialogue_expands_names() -> None:
    """A variable may be the line; what the description of the cast quotes is not spoken."""
    assert dialogue_of('{mara} shouts: "{line} {{really}}"') == ("Warm, when you are. {really}",)
    assert dialogue_of('"Ahoy, {mara}!"') == ("Ahoy, a sailor with Ember on her cap!",)


def test_clip_has_no_dialogue() -> None:
    """A file has no prompt."""
    storyboard = Storyboard.model_validate({"shots": [{"id": "a", "clip": "a.mp4"}]})
    assert find_dialogue(storyboard, storyboard.shots[0]) == ()
