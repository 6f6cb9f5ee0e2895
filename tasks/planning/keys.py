"""Cache keys: equal keys mean one paid render.

A key hashes everything that changes picture or sound, and the key of the shot it continues. Changing what is hashed makes every user pay again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from tasks.plan import MediaSource
from tasks.providers.types import RenderRequest

KEY_FORMAT_VERSION = 1
"""Raise it only when every shot is to be paid again."""

_EXCLUDED_FIELDS = frozenset(
    {
        "media",  # by their bytes, as inputs
        "draft_job",  # by the key of the draft
        "seed",  # only where the board gives it
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
    draft_key: str | None = None,
) -> str:
    """The key of a shot that is rendered; `continues` is the key of the shot it starts from.

    `draft` is the key of the draft whose full picture it is; all that this one hashes goes with it.
    """
    words = {
        name: value
        for name, value in vars(request).items()
        if name not in _EXCLUDED_FIELDS and value not in (None, ())
    }
    media = [[given.role, given.identity] for given in inputs]
    made_from: Any = ["draft", draft_key] if draft_key else continues_key
    return _hash_json([KEY_FORMAT_VERSION, provider, words, media, seed, take, made_from])


def compute_clip_key(sha256: str) -> str:
    """The key of a shot that is a file already."""
    return _hash_json([KEY_FORMAT_VERSION, "clip", sha256])


def derive_seed(key: str) -> int:
    """A seed from the key, so that jobs of shots that give none can be told apart."""
    return int(key[:8], 16) & 0x7FFF_FFFF


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _hash_json(values: list[Any]) -> str:
    return hashlib.sha256(_ENCODER.encode(values).encode()).hexdigest()
