"""The usage that a vendor reports for a job, if it is plausible, and the price that follows.

Every provider bills by one formula, see `tasks.providers.prices`. Usage that is far from what it
gives for the request is an error of the vendor. It counts as not reported, so that the maximum
price stays booked: a usage of 1 token would let every budget be spent again, and one of a billion
would use it up.
"""

from __future__ import annotations

from typing import NamedTuple

from storyboards.models import Money
from tasks.plan import ShotToRender
from tasks.providers import prices
from tasks.providers.price_tables import FREE_PRICE_TABLE
from tasks.providers.types import JobResult

MAX_USAGE_FACTOR = 2
"""Usage is plausible from half of the request's minimum to twice its maximum. Bills that were found
differ from the formula by a frame at most. A size that the vendor rounds, and a draft factor that
no page states (0.6 and 0.7 are known), stay within."""


class Usage(NamedTuple):
    """The usage of a job."""

    tokens: int | None = None
    """None if the vendor reports no usage that is plausible."""
    price: Money | None = None
    """The actual price; None if it is not known, so that the maximum price stays booked."""
    implausible_tokens: int | None = None
    """The usage that the vendor reported, if it is not plausible."""


def read_usage(shot: ShotToRender, result: JobResult) -> Usage:
    """Return the usage of a finished job and its price."""
    tokens, is_free = result.details.tokens, shot.provider.price_table == FREE_PRICE_TABLE
    free_price = shot.max_price if is_free else None
    if tokens is None:
        return Usage(price=free_price)
    if not _is_plausible(tokens, shot):
        return Usage(None, free_price, tokens)
    if shot.family is None:
        return Usage(tokens, free_price)
    price = prices.calculate_price(
        shot.provider,
        shot.provider.get_family(shot.family),
        tokens=tokens,
        resolution=shot.request.resolution or "",
        audio=bool(shot.content_request.audio),
        video_input=shot.has_video_input,
        flex=shot.request.service_tier == "flex",
        draft=bool(shot.request.draft),
    )
    return Usage(tokens, price)


def _is_plausible(tokens: int, shot: ShotToRender) -> bool:
    if shot.min_tokens is None or shot.tokens is None:
        # The family of an endpoint id is not known; nor is its price.
        return tokens > 0
    return shot.min_tokens <= tokens * MAX_USAGE_FACTOR and tokens <= shot.tokens * MAX_USAGE_FACTOR
