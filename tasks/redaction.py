"""Redact secrets from text in every common spelling: quoted, encoded or truncated.

The caller supplies the secrets. Signed URLs are handled in `providers`."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from functools import cache
from urllib.parse import quote, quote_plus

REDACTED = "…"

_MIN_SECRET_LENGTH = 6
"""Shorter ones are the simulator's, and would blot out every word."""
_MIN_PREFIX_LENGTH = 8


def redact_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, and without the beginning that a cut left of one."""
    for secret in secrets:
        if len(secret) < _MIN_SECRET_LENGTH:
            continue
        for spelling in _spellings(secret):
            text = text.replace(spelling, REDACTED)
        for length in range(len(secret) - 1, _MIN_PREFIX_LENGTH - 1, -1):
            text = text.replace(secret[:length], REDACTED)
    return text.replace(REDACTED * 2, REDACTED)


@cache
def _spellings(secret: str) -> tuple[str, ...]:
    """The longest first, so that none is left half struck."""
    return tuple(sorted(dict.fromkeys(_iter_spellings(secret)), key=len, reverse=True))


def _iter_spellings(secret: str) -> Iterator[str]:
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
