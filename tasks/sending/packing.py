"""What is sent with an order: the frame before, and the files that the board names, by their bytes.

Read at the moment of sending, and only where they are still what the plan has seen.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace

from tasks.errors import MediaError
from tasks.media.mime import sniff_mime
from tasks.plan import PlannedShot
from tasks.planning.inputs import Input
from tasks.providers.client import Client
from tasks.providers.contract import Medium, Order
from tasks.store import digest_bytes


@dataclass(frozen=True)
class Frame:
    """The picture a shot ends on: its bytes, and the vendor's own URL while that is fresh."""

    data: bytes = field(repr=False)
    sha256: str
    url: str = field(default="", repr=False)
    """Signed: never into a record, a log or an error. Good only where it came from."""
    origin: str = ""
    """The base URL of the vendor that made it."""
    shot: PlannedShot | None = field(default=None, repr=False)
    """The shot that ends on it, for whoever needs its clip."""


def pack(shot: PlannedShot, order: Order, frame: Frame | None, client: Client) -> Order:
    """The order as it is sent: the files read, the frame before as the vendor takes it best."""
    media = [_medium(given) for given in shot.inputs if not given.shot]
    if frame and not shot.by_clip:
        # The vendor knows its own picture again, so its URL goes back where it is still fresh.
        takes = "first_frame" in client.dialect.links and frame.origin == client.base_url
        ours = frame.url if takes else ""
        mime = sniff_mime(frame.data) or "image/png"
        first = Medium("first_frame", url=ours, data=b"" if ours else frame.data, mime=mime)
        media.insert(0, first)
    return replace(order, media=tuple(media))


def _medium(given: Input) -> Medium:
    if given.path is None:
        return Medium(given.role, url=given.url)
    data = given.path.read_bytes()
    if digest_bytes(data) != given.identity:
        msg = f"{given.path.name} was changed during the run; run again to plan with what it is now"
        raise MediaError(msg)
    return Medium(given.role, data=data, mime=given.mime)


def refuse_black(shot: PlannedShot, frame: Frame | None) -> None:
    """Raise MediaError where a shot would go on from black: no money is spent on that."""
    if frame is None:
        return
    from tasks.media.frames import is_black

    if is_black(frame.data):
        msg = (
            f"{shot.continues} ends on black, and {shot.id} would start from it; "
            f"change the prompt of {shot.continues}, or set first_frame: none on {shot.id}"
        )
        raise MediaError(msg)


def digest_order(order: Order) -> str:
    """A digest of what is sent, the media by their bytes or by their place without its query."""
    facts = asdict(order)
    facts["media"] = [
        [one.role, digest_bytes(one.data) if one.data else one.url.partition("?")[0]]
        for one in order.media
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
