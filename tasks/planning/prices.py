"""The estimated tokens and price of a shot.

The token formula and the price lists are in `tasks.providers`.
"""

from __future__ import annotations

from typing import NamedTuple

from storyboards.models import Money
from tasks.budgets.money import ZERO
from tasks.plan import AUTO_DURATION, MediaSource
from tasks.planning.requests import PreparedRequest
from tasks.providers import Provider, ProviderModel
from tasks.providers.families import Family, count_frames, get_largest_frame_size
from tasks.providers.price_tables import FREE_PRICE_TABLE
from tasks.providers.prices import calculate_price, count_tokens


class PriceEstimate(NamedTuple):
    """The maximum usage and price of a render."""

    tokens: int | None
    """None if the model is an endpoint id, which hides its family."""
    price: Money | None
    """None if it is not known."""
    min_tokens: int | None = None
    """The usage if every length that is not known yet is the shortest; None if `tokens` is."""
    silent_price: Money | None = None
    """The maximum price without sound; None if it has none, or if that price is not known."""


def estimate_price(
    provider: Provider,
    model: ProviderModel,
    prepared: PreparedRequest,
    inputs: tuple[MediaSource, ...],
) -> PriceEstimate:
    """Return the maximum tokens and price of a request.

    Size and length that the model decides count with their maximum.
    """
    if model.family is None:
        return PriceEstimate(None, ZERO if provider.price_table == FREE_PRICE_TABLE else None)
    request = prepared.request
    is_draft = bool(request.draft) and prepared.final_request is None
    has_audio = bool(request.audio)
    width, height = _find_priced_size(model.family, prepared)
    clips = [source for source in inputs if source.role == "reference_video"]
    min_frames = prepared.frames
    if request.duration_seconds == AUTO_DURATION:
        min_frames = count_frames(model.family.duration_range_seconds[0])
    min_clip_seconds, max_clip_seconds = _sum_clip_seconds(clips, model.family)
    min_tokens, tokens = (
        count_tokens(
            width,
            height,
            frames,
            family=model.family,
            input_video_seconds=clip_seconds,
            draft=is_draft and not clips,
            audio=has_audio,
        )
        for frames, clip_seconds in (
            (min_frames, min_clip_seconds),
            (prepared.frames, max_clip_seconds),
        )
    )
    price = calculate_price(
        provider,
        model.family,
        tokens=tokens,
        resolution=prepared.resolution,
        audio=has_audio,
        video_input=bool(clips),
        flex=request.service_tier == "flex",
        draft=is_draft,
    )
    return PriceEstimate(
        tokens, price, min_tokens, _find_silent_price(provider, model, prepared, inputs)
    )


def _find_silent_price(
    provider: Provider,
    model: ProviderModel,
    prepared: PreparedRequest,
    inputs: tuple[MediaSource, ...],
) -> Money | None:
    """Return the price of the same request without sound, if it has sound."""
    if not prepared.request.audio or provider.price_table == FREE_PRICE_TABLE:
        return None
    silent = prepared._replace(request=prepared.request._replace(audio=False))
    return estimate_price(provider, model, silent, inputs).price


def _find_priced_size(family: Family, prepared: PreparedRequest) -> tuple[int, int]:
    if prepared.width and prepared.height:
        return prepared.width, prepared.height
    return get_largest_frame_size(family, prepared.resolution)


def _sum_clip_seconds(clips: list[MediaSource], family: Family) -> tuple[float, float]:
    """Return the minimum and the maximum of the duration of all reference clips together."""
    durations = [clip.duration_seconds for clip in clips if clip.duration_seconds is not None]
    if len(durations) == len(clips):
        return sum(durations), sum(durations)
    # The length of a clip at a URL is not known: the range for all clips together counts.
    return family.reference_duration_range_seconds
