"""Suggestions for values that do not fit: the value that was probably meant, or nothing."""

from __future__ import annotations

import pytest

from storyboards.suggestions import suggest_first_frame, suggest_value


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("seconds", "5 sec", "Write 5,"),
        ("seconds", "4,5", "4 or 5."),
        ("seconds", "0.5", ""),
        ("seconds", "long", ""),
        ("resolution", "Full HD", "Write 1080p."),
        ("resolution", "1280 × 720", "Write 720p."),
        ("resolution", "1440p", ""),
        ("ratio", "9x16", "Write 9:16."),
        ("ratio", "5:3", ""),
        ("ratio", "Portrait", "Write 9:16."),
        ("budget", "US$ 4.50", "Write 4.50 USD."),
        ("budget", "20元", "Write 20 CNY."),
        ("budget", "4 to 5 USD", ""),
        ("budget", "4 points", ""),
        ("id", "act 1/first light!", "Write act-1-first-light:"),
        ("id", "！？", ""),
        ("id", "灯 台", "Write 灯-台:"),
        ("seconds", "9" * 1000, ""),
        ("style", "x", ""),
    ],
)
def test_suggest_value_returns_the_value(key: str, text: str, value: str) -> None:
    """A suggestion that is not sure is left out."""
    assert value in suggest_value(key, text)
    assert value or not suggest_value(key, text)


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("last", "previous"),
        ("Prev", "previous"),
        ("previos", "previous"),
        ("non", "none"),
        ("No", "none"),
        ("fox", ""),
        ("dusk", ""),
    ],
)
def test_suggest_first_frame_offers_a_keyword(text: str, keyword: str) -> None:
    """A word that is like neither keyword may be a file."""
    assert suggest_first_frame(text) == keyword
