"""Prices of clips: the token formula, and the lookup in a provider's price table.

The tables are in `price_tables`. The vendors document
tokens = seconds x width x height x 24 / 1024. What they bill matches one more frame,
floor(width x height x (24 x seconds + 1) / 1024), in all fourteen figures that were found:

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
    3840x2160   97      785700   a bill of Seedance 2.5 at 4k, 2026-11
    854x480     121     48437    a bill of a draft of 2.5, 2026-11: the same as without a draft

Comfy bills 2.5 for 24 x seconds + 1 frames, with the seconds of reference video added (its pricing
page of 2026-08-21, Comfy-Org/docs #1450).

Estimates use this formula; the vendor's own `usage` replaces them after the render. The draft
factors come from the copy of Volcengine's pricing page in github.com/ArcReel/ArcReel,
`docs/ark-docs`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from storyboards.models import Money
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.providers.families import Family
from tasks.providers.price_tables import FREE_PRICE_TABLE, PRICE_TABLES, PriceTable, Rate
from tasks.providers.provider import Provider

_PIXELS_PER_TOKEN = 1024
_MILLION = Decimal(1_000_000)
_ZERO = Money(amount=Decimal(0))


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
    """Return the tokens that are billed for a clip.

    With reference video its duration is billed as well, and 2.0 bills at least the frames of
    ceil(5/3 x seconds). A 1.5 pro draft is billed 0.6 of its tokens with sound and 0.7 without. A
    draft of 2.5 is billed in full, and its final render is billed again.

    Args:
        width: Pixels.
        height: Pixels.
        frames: Frames of the rendered clip.
        family: The model's family; None if it is not known.
        input_video_seconds: Total duration of the reference clips.
        draft: True for a draft.
        audio: True if the clip has sound.
    """
    if not draft and not input_video_seconds:
        return width * height * frames // _PIXELS_PER_TOKEN
    billed_frames = Fraction(frames) + Fraction(input_video_seconds) * FRAMES_PER_SECOND
    if input_video_seconds and family is not None and family.has_token_minimum_with_video:
        output_seconds = max(frames - 1, 0) // FRAMES_PER_SECOND
        min_seconds = math.ceil(Fraction(5, 3) * output_seconds)
        billed_frames = max(billed_frames, Fraction(min_seconds * FRAMES_PER_SECOND))
    if draft and family is not None and family.name == "seedance-1.5-pro":
        billed_frames *= Fraction(6, 10) if audio else Fraction(7, 10)
    return math.floor(width * height * billed_frames / _PIXELS_PER_TOKEN)


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
    """Return the exact price of that many tokens, or None if it is not known.

    A draft is billed the full rate for its lower token count; there is no flex rate for drafts.

    Args:
        provider: The provider that renders the clip.
        family: The model's family; None if it is not known.
        tokens: The number of billed tokens.
        resolution: For example `720p`.
        audio: True if the clip has sound.
        video_input: True if the request contains reference video.
        flex: True for offline inference.
        draft: True for a draft.
        tables: The list prices by table name.
    """
    if provider.price_table == FREE_PRICE_TABLE:
        return _ZERO
    if family is None or (draft and (flex or not family.draft)):
        return None
    table = find_price_table(provider, family.name, tables)
    if table is None:
        return None
    rate = _find_rate(
        table.rates, family.name, resolution, audio=audio, video_input=video_input, flex=flex
    )
    if rate is None:
        return None
    return Money(amount=rate.per_million * tokens / _MILLION, currency=table.currency)


def find_price_table(
    provider: Provider, family: str, tables: Mapping[str, PriceTable] = PRICE_TABLES
) -> PriceTable | None:
    """Return the prices of a family at a provider: the user's own, else the list, or None."""
    table = provider.custom_prices.get(family) or tables.get(provider.price_table)
    if table is None or all(rate.family != family for rate in table.rates):
        return None
    return table


def _find_rate(
    rates: Sequence[Rate],
    family: str,
    resolution: str,
    *,
    audio: bool,
    video_input: bool,
    flex: bool,
) -> Rate | None:
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
