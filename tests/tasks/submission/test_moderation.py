"""Moderation errors name the shot, the rejected input and possible changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import InputModerated, InvalidRequest, OutputModerated, ProviderError
from tasks.plan import MediaSource
from tasks.submission.moderation import explain_moderation
from tests.support.paid_path import make_shot

INPUTS = (
    MediaSource("last_frame", "-", path=Path("/boards/refs/end.png")),
    MediaSource("reference_image", "-", url="https://a.example/hat.png?sig=5ecret"),
)


@pytest.mark.parametrize(
    ("index", "name"),
    [
        (0, "the prompt"),
        (1, "the last frame of zero"),
        (2, "the last frame end.png"),
        (3, "the reference image https://a.example/hat.png"),
    ],
)
def test_explain_moderation_names_content_items(index: int, name: str) -> None:
    """An item of `content` is named by its place: prompt, previous frame, then inputs."""
    error = InputModerated(f"content[{index}] is sensitive", code="Sensitive", status=400)
    explained = explain_moderation(make_shot(continues="zero", inputs=INPUTS), error)

    assert str(explained) == f"one: content[{index}] is sensitive; content[{index}] is {name}"
    assert (explained.code, explained.status) == ("Sensitive", 400)


def test_explain_moderation_without_prompt_and_previous_shot() -> None:
    """Without a prompt and a previous frame the first item is the first input."""
    shot = make_shot(request={"prompt": ""}, inputs=INPUTS)
    explained = explain_moderation(shot, InputModerated("content[0]"))

    assert str(explained).endswith("content[0] is the last frame end.png")


def test_explain_moderation_unknown_item_is_not_named() -> None:
    """An item outside of the request adds nothing to the message."""
    assert str(explain_moderation(make_shot(), InputModerated("content[7]"))) == "one: content[7]"


def test_explain_moderation_face_offers_changes() -> None:
    """A rejected face in the previous last frame comes with three ways out."""
    error = InputModerated("no", code="InputImageSensitiveContentDetected.PrivacyInformation")
    explained = str(explain_moderation(make_shot(continues="zero"), error))

    assert "let zero end without a face" in explained
    assert "first_frame: none on one" in explained


def test_explain_moderation_keeps_class_and_finality() -> None:
    """The error stays what it was, so that retry rules still apply."""
    explained = explain_moderation(make_shot(), OutputModerated("no", is_final=True))

    assert type(explained) is OutputModerated
    assert explained.is_final


def test_explain_moderation_other_errors_are_unchanged() -> None:
    """An error that is not about moderation is returned as the same object."""
    error: ProviderError = InvalidRequest("no")

    assert explain_moderation(make_shot(), error) is error
