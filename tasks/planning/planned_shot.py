"""From the request of a shot to the shot of a plan: its key, its draft, its seed and its price.

The checks of the request come before: see `requests` and `references`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from storyboards.models import Shot
from tasks.plan import WHOLE_CLIP, Draft, MediaSource, PlannedShot, ShotToRender, UsedRange
from tasks.planning.continuation import find_anchor, get_draft_key
from tasks.planning.keys import compute_key, derive_seed
from tasks.planning.prices import estimate_price
from tasks.planning.requests import PreparedRequest
from tasks.planning.selects import StartFrame
from tasks.planning.shot_settings import ShotSettings
from tasks.providers import Provider, ProviderModel

if TYPE_CHECKING:
    # Loads asyncio and ssl, which `check` does not need.
    from tasks.store.takes import RecordedTake

HasRecord = Callable[[Provider, str], bool]
"""Returns whether the store has the record of a key of this provider, whatever its state."""


class InvalidShot(NamedTuple):
    """Stands for a shot that can't be planned, so that the shots that continue it are checked."""

    shot: Shot
    chain_id: str

    @property
    def id(self) -> str:
        """The shot's id."""
        return self.shot.id

    @property
    def take(self) -> int:
        """The take that the board requests."""
        return self.shot.take

    @property
    def used_ranges(self) -> tuple[UsedRange, ...]:
        """The ranges that the film shows, as far as they are known."""
        return WHOLE_CLIP


Parent = PlannedShot | InvalidShot
"""The shot that another shot continues."""


class RequestedShot(NamedTuple):
    """A shot with its request, and what its key and its price depend on."""

    settings: ShotSettings
    model: ProviderModel
    prepared: PreparedRequest
    plain_prompt: str
    """The prompt without the numbers of the cast's images."""
    inputs: tuple[MediaSource, ...]

    def as_before_numbers(self) -> RequestedShot:
        """Return the shot as it was requested before prompts had these numbers."""
        request = self.prepared.request.with_prompt(self.plain_prompt)
        return self._replace(prepared=self.prepared._replace(request=request))


class _Origin(NamedTuple):
    """The key of the shot that a shot continues, and the frame of it, as its own key has them."""

    key: str | None
    frame: int | None


def invalid_shot(shot: Shot, parent: Parent | None) -> InvalidShot:
    """Return the stand-in of a shot that can't be planned."""
    return InvalidShot(shot, parent.chain_id if parent else shot.id)


def build_planned_shot(
    requested: RequestedShot,
    parent: Parent | None,
    start: StartFrame,
    has_record: HasRecord | None,
) -> ShotToRender:
    """Return a shot as its provider renders it.

    Args:
        requested: The shot with its request.
        parent: The shot that it continues, if any.
        start: The take and the frame of `parent` that it starts on.
        has_record: Finds what was rendered before prompts had the numbers of the cast's images.
    """
    continues_key, draft_continues_key = _continued_keys(parent, start.take)
    if start.take:
        # It does not wait for its parent: the frame it starts on was rendered earlier.
        parent = None
    # A draft continued the draft of the parent, if the parent is a final render as well.
    is_final = requested.prepared.final_request is not None
    origin_key = draft_continues_key if is_final else continues_key
    origin = _Origin(origin_key, start.number)
    requested, key = _choose_wording(requested, origin, has_record)
    settings, model, prepared, _, inputs = requested
    shot, provider, request = settings.shot, settings.provider, prepared.request
    estimate = estimate_price(provider, model, prepared, inputs)
    draft = None
    if prepared.final_request:
        draft = Draft(key, request)
        request = prepared.final_request
        key = compute_key(provider.record_name, request, take=shot.take, draft_key=draft.key)
    elif request.seed is None and settings.family.seed and provider.supports_listing:
        # Only a provider that lists its jobs needs a seed, to find a job by it.
        request = request.with_seed(derive_seed(key))
    valid_parent = None if isinstance(parent, InvalidShot) else parent
    return ShotToRender(
        shot,
        settings.index,
        key,
        chain_id=parent.chain_id if parent else shot.id,
        provider=provider,
        model=model.id,
        request=request,
        frames=prepared.frames,
        family=model.family.name if model.family else None,
        width=prepared.width,
        height=prepared.height,
        tokens=estimate.tokens,
        min_tokens=estimate.min_tokens,
        max_price=estimate.price,
        silent_price=estimate.silent_price,
        continues=parent.id if parent else None,
        continues_key=draft.key if draft else continues_key,
        continues_frame=start.number,
        pinned_take=start.take,
        continues_clip=settings.continues_clip,
        draft=draft,
        inputs=() if draft else inputs,
        has_video_input=any(source.role == "reference_video" for source in inputs),
        anchor=find_anchor(settings, valid_parent, from_draft=draft is not None),
        allowed_retries=_allowed_retries(settings),
    )


def _continued_keys(
    parent: Parent | None, pinned_take: RecordedTake | None
) -> tuple[str | None, str | None]:
    """Return the keys of the render that a shot continues, and that its draft continues."""
    if pinned_take:
        return pinned_take.take.key, pinned_take.take.key
    if parent is None:
        return None, None
    if isinstance(parent, InvalidShot):
        # The shot is only built so that it is checked; the board has problems.
        return "", ""
    return parent.key, get_draft_key(parent)


def _choose_wording(
    requested: RequestedShot, origin: _Origin, has_record: HasRecord | None
) -> tuple[RequestedShot, str]:
    """Return the shot with its key, as it was requested before if the store has a record of that.

    A clip that was paid for before prompts had the numbers of the cast's images stays kept, and so
    do the clips that continue it.
    """
    key = _compute_shot_key(requested, origin)
    if has_record is None or requested.plain_prompt == requested.prepared.request.prompt:
        return requested, key
    earlier = requested.as_before_numbers()
    earlier_key = _compute_shot_key(earlier, origin)
    if has_record(requested.settings.provider, earlier_key):
        return earlier, earlier_key
    return requested, key


def _compute_shot_key(requested: RequestedShot, origin: _Origin) -> str:
    settings, prepared, inputs = requested.settings, requested.prepared, requested.inputs
    return compute_key(
        settings.provider.record_name,
        prepared.request,
        inputs=(
            source._replace(identity=origin.key or "") if source.source_shot else source
            for source in inputs
        ),
        seed=prepared.request.seed,
        take=settings.shot.take,
        continues_key=origin.key,
        continues_frame=origin.frame,
    )


def _allowed_retries(settings: ShotSettings) -> frozenset[str]:
    # A seed in the board is part of what the author requests, so no other seed is tried.
    allows_reseed = settings.get("reseed") and settings.get("seed") is None
    return frozenset({"reseed"}) if allows_reseed else frozenset()
