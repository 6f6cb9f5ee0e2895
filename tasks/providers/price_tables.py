"""Dated list prices per million tokens, by vendor.

Data only; the formulas are in `prices`. Promotions are left out, so that a budget checked against
list prices never assumes a price that is too low. The Volcengine table comes from the copy of
Volcengine's pricing page in github.com/ArcReel/ArcReel, `docs/ark-docs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

FREE_PRICE_TABLE = "free"
"""The name of the table in which everything is free: the simulator's."""


class Rate(NamedTuple):
    """One price per million tokens and the clips it applies to."""

    family: str
    per_million: Decimal
    resolutions: tuple[str, ...] = ()
    """Empty if it applies to every resolution."""
    audio: bool | None = None
    """None if it applies with and without sound."""
    video_input: bool | None = None
    """None if it applies with and without reference video."""
    flex: bool = False


class PriceTable(NamedTuple):
    """A vendor's list prices on one day. The first rate that matches applies."""

    currency: str
    as_of: str
    source: str
    rates: tuple[Rate, ...]


def _build_rate_pair(
    family: str, resolutions: tuple[str, ...], plain: str, video: str
) -> tuple[Rate, ...]:
    """Return the rates without and, if `video` is not empty, with reference video."""
    pair = [Rate(family, Decimal(plain), resolutions, video_input=False)]
    if video:
        pair.append(Rate(family, Decimal(video), resolutions, video_input=True))
    return tuple(pair)


def _build_flex_rates(family: str, price: str, *, audio: bool | None = None) -> tuple[Rate, ...]:
    """Return a rate and its half for offline inference, as Volcengine documents for 1.x."""
    full = Decimal(price)
    return (Rate(family, full, audio=audio), Rate(family, full / 2, audio=audio, flex=True))


_VOLCENGINE = PriceTable(
    currency="CNY",
    as_of="2026-08",
    source="Volcengine Ark pricing page, copies by ArcReel (2026-04) and others (2026-08)",
    rates=(
        *_build_rate_pair("seedance-2.5", ("480p", "720p"), "70", "42"),
        # No list price of 4k was seen (2026-11-25), and resellers contradict one another.
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
        # No list price was seen (2026-11-25) of 1080p with reference video, of 4k, where resellers
        # contradict one another ($4.66 and $12.60 per million), and of 2.5 Flash.
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
"""The price tables by name. A provider whose table is not here has unknown prices."""
