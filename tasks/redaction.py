"""Striking secrets out of a text, however they are written there: quoted, encoded or cut off.

Which secrets there are, whoever asks knows. Signed URLs are the business of `providers.addresses`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from functools import cache
from urllib.parse import quote, quote_plus

STRUCK = "…"

_LEAST = 6
"""Shorter ones are the simulator's, and would blot out every word."""
_CUT_LEAST = 8


def strike(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, and without the beginning that a cut left of one."""
    for secret in secrets:
        if len(secret) < _LEAST:
            continue
        for spelling in _spellings(secret):
            text = text.replace(spelling, STRUCK)
        for length in range(len(secret) - 1, _CUT_LEAST - 1, -1):
            text = text.replace(secret[:length], STRUCK)
    return text.replace(STRUCK * 2, STRUCK)


@cache
def _spellings(secret: str) -> tuple[str, ...]:
    """The longest first, so that none is left half struck."""
    return tuple(sorted(dict.fromkeys(_spelled(secret)), key=len, reverse=True))


def _spelled(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield repr(secret)[1:-1]
    data = secret.encode("utf-8", "surrogateescape")
    for before in range(3):
        # Where the secret stands within what is encoded decides its letters, but for the edges.
        first = -(-before * 8 // 6)
        whole = (before + len(data)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(before) + data + bytes(2)).decode()[first:whole]
