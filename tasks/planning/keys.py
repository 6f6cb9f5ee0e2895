"""The identity of a shot's result: equal keys mean one paid render.

A key hashes what changes the picture or the sound, as it is sent: provider, its model id, prompt,
parameters, input files by their bytes, the take, and the key of the shot it continues. So keys are
a Merkle chain: an edit reaches the shot and all that continue it, and nothing else. API keys, base
URLs, paths, names, titles, queueing and billing words are left out. A surprise here costs money:
`tests/tasks/planning/goldens/keys.json` holds the keys of the example boards.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from tasks.planning.inputs import Input
from tasks.providers.contract import Order

FORMAT = 1
"""Raise it only when every shot is to be paid again."""

_LEFT_OUT = frozenset(
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


def key_of(
    provider: str,
    order: Order,
    *,
    inputs: Iterable[Input] = (),
    seed: int | None = None,
    take: int = 1,
    continues: str | None = None,
    draft: str | None = None,
) -> str:
    """The key of a shot that is rendered; `continues` is the key of the shot it starts from.

    `draft` is the key of the draft whose full picture it is; all that this one hashes goes with it.
    """
    words = {
        name: value
        for name, value in vars(order).items()
        if name not in _LEFT_OUT and value not in (None, ())
    }
    media = [[given.role, given.identity] for given in inputs]
    made_from: Any = ["draft", draft] if draft else continues
    return _digest([FORMAT, provider, words, media, seed, take, made_from])


def key_of_clip(sha256: str) -> str:
    """The key of a shot that is a file already."""
    return _digest([FORMAT, "clip", sha256])


def derived_seed(key: str) -> int:
    """A seed from the key, so that jobs of shots that give none can be told apart."""
    return int(key[:8], 16) & 0x7FFF_FFFF


_JSON = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _digest(facts: list[Any]) -> str:
    return hashlib.sha256(_JSON.encode(facts).encode()).hexdigest()
