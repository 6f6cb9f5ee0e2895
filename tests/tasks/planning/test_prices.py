"""Estimated tokens and prices of shots."""

from __future__ import annotations

from decimal import Decimal

import pytest

from storyboards.models import Money
from tests.support.boards import board_text, plan_shots

DEFAULTS = {"provider": "modelark", "model": "seedance-1.5-pro", "look": "seconds: 5"}


def test_price_is_tokens_times_list_price(make_board) -> None:
    """Five seconds of 720p of 1.5 pro with sound: 108,900 tokens at 2.40 USD per million."""
    (shot,) = plan_shots(make_board(board_text("id: a, prompt: p", **DEFAULTS)))

    assert shot.tokens == 108_900
    assert shot.max_price == Money(amount=Decimal("0.26136"), currency="USD")


def test_auto_duration_is_priced_at_the_maximum(make_board) -> None:
    """1.5 pro may take up to twelve seconds."""
    (shot,) = plan_shots(make_board(board_text("id: a, prompt: p, seconds: auto", **DEFAULTS)))

    assert shot.tokens == 1280 * 720 * (12 * 24 + 1) // 1024


def test_unknown_size_is_priced_at_the_largest(make_board) -> None:
    """The ratio of an image at a URL is not known; 4:3 has most pixels at 720p."""
    shot = "id: a, prompt: p, ratio: adaptive, first_frame: 'https://x.example/a.png'"
    (planned,) = plan_shots(make_board(board_text(shot, **DEFAULTS)))

    assert planned.width is None
    assert planned.tokens == 1112 * 834 * 121 // 1024


def test_draft_is_priced_with_its_factor(make_board) -> None:
    """A draft of 1.5 pro with sound counts 0.6 of its tokens, the final render all of them."""
    look = "resolution: 480p, seconds: 4, draft: true"
    text = board_text("id: a, prompt: p", **{**DEFAULTS, "look": look})
    (draft,) = plan_shots(make_board(text))
    (final,) = plan_shots(make_board(text.replace("draft: true", "draft: final")))

    assert final.tokens == 864 * 496 * 97 // 1024
    assert draft.tokens == final.tokens * 6 // 10
    assert final.max_price.amount == Decimal(final.tokens) * Decimal("2.4") / 1_000_000


def test_flex_tier_has_its_own_price(make_board) -> None:
    """Ark renders 1.0 pro offline for half the price."""
    text = board_text("id: a, prompt: p", "id: b, prompt: p, service_tier: flex", provider="ark")
    plain, flex = plan_shots(make_board(text))

    assert flex.tokens == plain.tokens
    assert flex.max_price.amount * 2 == plain.max_price.amount


def test_continued_clip_is_billed_as_input(make_board) -> None:
    """4 s made from a clip of 4 s, at the rate with reference video."""
    text = board_text(
        "id: a, prompt: p",
        "id: b, prompt: q, continue: clip",
        provider="modelark",
        model="seedance-2.0",
    )
    first, second = plan_shots(make_board(text))

    assert second.has_video_input
    assert second.tokens == 864 * 496 * (97 + 96) // 1024
    assert first.max_price.amount == Decimal(first.tokens) * Decimal("7.00") / 1_000_000
    assert second.max_price.amount == Decimal(second.tokens) * Decimal("4.30") / 1_000_000


def test_clip_at_a_url_is_billed_at_the_maximum_length(make_board) -> None:
    """2.0 takes up to 15 s of reference video; a URL's length is not known."""
    text = board_text(
        "id: a, prompt: p, references: {videos: ['https://x.example/a.mp4']}",
        provider="modelark",
        model="seedance-2.0",
    )
    (shot,) = plan_shots(make_board(text))

    assert shot.tokens == 864 * 496 * (97 + 15 * 24) // 1024


@pytest.mark.parametrize(
    ("provider", "model", "price"),
    [
        ("simulator", "seedance-1.0-pro", Money(amount=Decimal(0))),
        ("kkiai", "seedance-1.0-pro", None),
        ("ark", "ep-20261101-abcde", None),
    ],
)
def test_price_is_zero_if_free_and_none_if_unknown(
    make_board, provider: str, model: str, price: Money | None
) -> None:
    """A provider without a price list and an endpoint id, which hides its model, have no price."""
    (shot,) = plan_shots(make_board(board_text("id: a, prompt: p", provider=provider, model=model)))

    assert shot.max_price == price
    assert (shot.tokens is None) is model.startswith("ep-")
