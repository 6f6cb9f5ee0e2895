"""Usage is believed only within a band around what the request may cost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tasks.plan import ShotToRender
from tasks.providers.types import JobDetails, JobResult
from tasks.submission.usage import Usage, read_usage
from tests.support.boards import board_text, plan_shots

LOOK = "resolution: 480p, seconds: 5"


@pytest.fixture
def plan_shot(make_board):
    """Return a planned shot of `model` with more fields."""

    def plan(fields: str, *, provider: str = "modelark", model: str = "seedance-1.5-pro"):
        text = board_text(f"id: a, prompt: p{fields}", provider=provider, model=model, look=LOOK)
        (shot,) = plan_shots(make_board(text))
        return shot

    return plan


def read(shot: ShotToRender, tokens: int | None) -> Usage:
    return read_usage(shot, JobResult("https://a.example/a.mp4", details=JobDetails(tokens=tokens)))


@pytest.mark.parametrize(
    ("factor", "is_believed"),
    [("0", False), ("0.49", False), ("0.51", True), ("1", True), ("1.99", True), ("2.01", False)],
)
def test_usage_is_believed_from_half_to_twice(plan_shot, factor: str, is_believed: bool) -> None:
    """Of the estimate, if the request determines the length."""
    shot = plan_shot("")
    tokens = int(shot.tokens * Decimal(factor))
    usage = read(shot, tokens)

    if is_believed:
        assert usage.tokens == tokens
        assert usage.price.amount == shot.max_price.amount * tokens / shot.tokens
        assert usage.implausible_tokens is None
    else:
        assert usage == Usage(None, None, tokens)


def test_usage_of_auto_length_is_believed(plan_shot) -> None:
    """The model may take the shortest length; half of that is the minimum."""
    shot = plan_shot(", seconds: auto")
    shortest = 864 * 496 * 97 // 1024

    assert (shot.min_tokens, shot.tokens) == (shortest, 864 * 496 * 289 // 1024)
    assert read(shot, shortest).tokens == shortest
    assert read(shot, shortest // 2 - 1).price is None


def test_usage_of_clip_at_url_is_believed(plan_shot) -> None:
    """The length of the input clip is known to the vendor only."""
    fields = ", references: {videos: ['https://a.example/a.mp4']}"
    shot = plan_shot(fields, model="seedance-2.0")

    assert shot.min_tokens < shot.tokens / 2
    assert read(shot, shot.min_tokens).tokens == shot.min_tokens


def test_usage_of_free_provider_costs_nothing(plan_shot) -> None:
    """The simulator is free, whatever it reports."""
    shot = plan_shot("", provider="simulator")

    assert [read(shot, tokens).price.amount for tokens in (None, 0, shot.tokens)] == [0, 0, 0]


def test_usage_of_endpoint_id_has_no_price(plan_shot) -> None:
    """The id hides the family: a usage above zero is recorded, without a price."""
    shot = plan_shot("", model="ep-20260101000000-abcde")

    assert read(shot, 0) == Usage(None, None, 0)
    assert read(shot, 49_005) == Usage(49_005)
