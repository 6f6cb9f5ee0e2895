"""What a clip costs: the token formula, and dated tables of list prices per million tokens.

The vendors document tokens = seconds x width x height x 24 / 1024. What they bill fits one more
frame, floor(width x height x (24 x seconds + 1) / 1024), in all twelve figures that were found:

    size        frames  tokens   source
    1280x720    121     108900   powertokens' GET example; APIYI's Seedance 2.5 billing table
    1280x720    97      87300    crazyrouter.com blog, 2026-06-18
    1280x720    193     173700   the same: 4 s made from a 4 s reference clip
    1280x720    241     216900   APIYI's table
    1280x720    721     648900   APIYI's table
    1920x1080   121     245025   APIYI's table
    854x480     97      38830    APIYI's table
    854x480     121     48437    APIYI's table
    854x480     217     86867    APIYI's table: 4 s made from a 5 s reference clip
    1248x1664   361     732108   APIYI's text, a 15 s clip of 2.0
    1920x1088   121     246840   a GET sample of 1.0 pro
    1088x1920   145     295800   a mirror's sample that asked for 145 frames

So estimates use it, and the vendor's own `usage` replaces them. Promotions are left out: a wall
built from list prices is never too low. Draft factors and the Volcengine table come from the copy
of Volcengine's pricing page in github.com/ArcReel/ArcReel, `docs/ark-docs`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from storyboards.models import Money
from tasks.providers.families import FRAMES_PER_SECOND, Family

if TYPE_CHECKING:
    from tasks.providers import Provider

FREE_PRICE_TABLE = "free"
"""The name of the table where everything costs nothing: the simulator's."""

_PIXELS_PER_TOKEN = 1024
_MILLION = Decimal(1_000_000)
_ZERO = Money(amount=Decimal(0))


class Rate(NamedTuple):
    """One price per million tokens, and what it holds for. None holds for both."""

    family: str
    per_million: Decimal
    resolutions: tuple[str, ...] = ()
    """Empty holds for every one."""
    audio: bool | None = None
    video_input: bool | None = None
    flex: bool = False


class PriceTable(NamedTuple):
    """A vendor's list prices on one day. Rates are tried in order; the first that fits counts."""

    currency: str
    as_of: str
    source: str
    rates: tuple[Rate, ...]


def _build_rate_pair(
    family: str, resolutions: tuple[str, ...], plain: str, video: str
) -> tuple[Rate, ...]:
    """A price without and, where it is told, one with reference video."""
    pair = [Rate(family, Decimal(plain), resolutions, video_input=False)]
    if video:
        pair.append(Rate(family, Decimal(video), resolutions, video_input=True))
    return tuple(pair)


def _build_flex_rates(family: str, price: str, *, audio: bool | None = None) -> tuple[Rate, ...]:
    """A price and its half for offline inference, as Volcengine tells for all of 1.x."""
    full = Decimal(price)
    return (Rate(family, full, audio=audio), Rate(family, full / 2, audio=audio, flex=True))


_VOLCENGINE = PriceTable(
    currency="CNY",
    as_of="2026-08",
    source="Volcengine Ark pricing page, copies by ArcReel (2026-04) and others (2026-08)",
    rates=(
        *_build_rate_pair("seedance-2.5", ("480p", "720p"), "70", "42"),
        *_build_rate_pair("seedance-2.5", ("1080p",), "77", "46"),
        *_build_rate_pair("seedance-2.0", ("480p", "720p"), "46", "28"),
        *_build_rate_pair("seedance-2.0", ("1080p",), "51", "31"),
        *_build_rate_pair("seedance-2.0", ("4k",), "26", "16"),
        *_build_rate_pair("seedance-2.0-fast", (), "37", "22"),
        *_build_rate_pair("seedance-2.0-mini", (), "23", "14"),
        *_build_flex_rates("seedance-1.5-pro", "16", audio=True),
        *_build_flex_rates("seedance-1.5-pro", "8", audio=False),
        *_build_flex_rates("seedance-1.0-pro", "15"),
        *_build_flex_rates("seedance-1.0-pro-fast", "4.2"),
        *_build_flex_rates("seedance-1.0-lite", "10"),
    ),
)

_BYTEPLUS = PriceTable(
    currency="USD",
    as_of="2026-09-13",
    source="https://docs.byteplus.com/en/docs/ModelArk/1544106 as read by third parties; "
    "Comfy-Org/docs PR #966",
    rates=(
        *_build_rate_pair("seedance-2.5", ("480p", "720p"), "10.70", "6.40"),
        *_build_rate_pair("seedance-2.5", ("1080p",), "11.70", ""),
        *_build_rate_pair("seedance-2.0", ("480p", "720p"), "7.00", "4.30"),
        *_build_rate_pair("seedance-2.0", ("1080p",), "7.70", "4.70"),
        *_build_rate_pair("seedance-2.0", ("4k",), "4.00", "2.40"),
        # 3.30 is inferred from the ratio on the other models; the page was not seen.
        *_build_rate_pair("seedance-2.0-fast", (), "5.60", "3.30"),
        *_build_rate_pair("seedance-2.0-mini", (), "3.50", "2.10"),
        Rate("seedance-1.5-pro", Decimal("2.40"), audio=True),
        Rate("seedance-1.5-pro", Decimal("1.20"), audio=False),
        Rate("seedance-1.0-pro", Decimal("2.50")),
        Rate("seedance-1.0-pro-fast", Decimal("1.00")),
    ),
)

PRICE_TABLES: Mapping[str, PriceTable] = MappingProxyType(
    {"volcengine": _VOLCENGINE, "byteplus": _BYTEPLUS}
)
"""The price tables by the name that a provider's row gives. A name not in here has no prices."""


def count_tokens(
    width: int,
    height: int,
    frames: int,
    *,
    family: Family | None = None,
    input_video_seconds: float = 0,
    draft: bool = False,
    audio: bool = False,
) -> int:
    """Tokens that a clip of `width` x `height` pixels and `frames` frames is billed.

    With reference video its seconds count too, and 2.0 bills at least ceil(5/3 x seconds) of
    picture. A 1.5 pro draft counts 0.6 of its tokens with sound and 0.7 without; 2.5's factor is
    not told, so its drafts count in full.
    """
    if not draft and not input_video_seconds:
        return width * height * frames // _PIXELS_PER_TOKEN
    seen = Fraction(frames) + Fraction(input_video_seconds) * FRAMES_PER_SECOND
    if input_video_seconds and family is not None and family.has_token_minimum_with_video:
        output_seconds = max(frames - 1, 0) // FRAMES_PER_SECOND
        seen = max(seen, Fraction(math.ceil(Fraction(5, 3) * output_seconds) * FRAMES_PER_SECOND))
    if draft and family is not None and family.name == "seedance-1.5-pro":
        seen *= Fraction(6, 10) if audio else Fraction(7, 10)
    return math.floor(width * height * seen / _PIXELS_PER_TOKEN)


def calculate_price(
    provider: Provider,
    family: Family | None,
    *,
    tokens: int,
    resolution: str,
    audio: bool = False,
    video_input: bool = False,
    flex: bool = False,
    draft: bool = False,
    tables: Mapping[str, PriceTable] = PRICE_TABLES,
) -> Money | None:
    """What so many tokens cost at a provider, exactly; None where the price is not known.

    A draft pays the full rate for its fewer tokens, and no flex rate.
    """
    if provider.price_table == FREE_PRICE_TABLE:
        return _ZERO
    if family is None or (draft and (flex or not family.draft)):
        return None
    table = find_price_table(provider, family.name, tables)
    if table is None:
        return None
    asked = (family.name, resolution, audio, video_input, flex)
    rate = _find_rate(table.rates, asked)
    if rate is None:
        return None
    return Money(amount=rate.per_million * tokens / _MILLION, currency=table.currency)


def find_price_table(
    provider: Provider, family: str, tables: Mapping[str, PriceTable] = PRICE_TABLES
) -> PriceTable | None:
    """The prices that hold for a family at a provider: the user's own, else the list; or None."""
    table = provider.custom_prices.get(family) or tables.get(provider.price_table)
    if table is None or all(rate.family != family for rate in table.rates):
        return None
    return table


def _find_rate(rates: Sequence[Rate], asked: tuple[str, str, bool, bool, bool]) -> Rate | None:
    family, resolution, audio, video_input, flex = asked
    for rate in rates:
        if (
            rate.family == family
            and (not rate.resolutions or resolution in rate.resolutions)
            and rate.audio in (None, audio)
            and rate.video_input in (None, video_input)
            and rate.flex == flex
        ):
            return rate
    return None


def round_for_display(money: Money) -> Money:
    """The sum for people: two decimals, four where it is under a tenth. Never for adding up."""
    step = Decimal("0.0001") if 0 < money.amount < Decimal("0.1") else Decimal("0.01")
    amount = money.amount.quantize(step, rounding=ROUND_HALF_UP)
    return Money(amount=amount, currency=money.currency)
