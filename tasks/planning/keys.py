"""Cache keys: equal keys mean one paid render.

A key hashes everything that changes picture or sound, and the key of the shot it continues. If what
is hashed changes, every user pays for every shot again; the golden keys in the tests guard it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from tasks.plan import MediaSource
from tasks.providers.types import RenderRequest

KEY_FORMAT_VERSION = 1
"""Increase it only if every shot is to be paid again."""

_EXCLUDED_FIELDS = frozenset(
    {
        "media",  # hashed by their bytes, as inputs
        "draft_job",  # hashed as the key of the draft
        "seed",  # hashed only if the board gives it
        "return_last_frame",
        "service_tier",
        "priority",
        "execution_expires_after_seconds",
        "callback_url",
        "safety_identifier",
    }
)


def compute_key(
    provider: str,
    request: RenderRequest,
    *,
    inputs: Iterable[MediaSource] = (),
    seed: int | None = None,
    take: int = 1,
    continues_key: str | None = None,
    continues_frame: int | None = None,
    draft_key: str | None = None,
) -> str:
    """Return the key of a shot that is rendered.

    Args:
        provider: The provider's name.
        request: The request without its media.
        inputs: The media, in the order in which they are sent.
        seed: The seed that the board gives, or None.
        take: The take that the board requests.
        continues_key: The key of the shot it continues.
        continues_frame: The number of the frame of that shot that it starts on, if that is the
            frame at an out point and not the last one.
        draft_key: The key of the draft from which it is made. It replaces `continues_key`, because
            the draft's key contains the key of the shot that the draft continues.
    """
    params = {
        name: value
        for name, value in request._asdict().items()
        if name not in _EXCLUDED_FIELDS and value not in (None, ())
    }
    media = [[source.role, source.identity] for source in inputs]
    origin: Any = continues_key
    if draft_key:
        origin = ["draft", draft_key]
    elif continues_frame is not None:
        origin = ["frame", continues_key, continues_frame]
    return _hash_json([KEY_FORMAT_VERSION, provider, params, media, seed, take, origin])


def compute_clip_key(sha256: str) -> str:
    """Return the key of a shot that is a file already."""
    return _hash_json([KEY_FORMAT_VERSION, "clip", sha256])


def derive_seed(key: str) -> int:
    """Return a seed derived from the key, by which the vendor's list of jobs can be searched.

    It is between 0 and 2^31 - 1, the narrowest range of the vendors' pages.
    """
    return int(key[:8], 16) & 0x7FFF_FFFF


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _hash_json(values: list[Any]) -> str:
    return hashlib.sha256(_ENCODER.encode(values).encode()).hexdigest()
