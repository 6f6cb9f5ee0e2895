"""Redact secrets from text in every common spelling: quoted, encoded or truncated.

The caller supplies the secrets. Signed URLs are handled in `providers`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from functools import cache
from urllib.parse import quote, quote_plus

REDACTED = "…"

_MIN_SECRET_LENGTH = 6
"""Shorter secrets are the simulator's; redacting them would remove parts of ordinary text."""
_MIN_PREFIX_LENGTH = 8


def redact_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return the text without the secrets and without their beginnings, if a cut left any."""
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
    """Return all spellings, the longest first, so that no spelling is redacted only in part."""
    return tuple(sorted(dict.fromkeys(_iter_spellings(secret)), key=len, reverse=True))


def _iter_spellings(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield repr(secret)[1:-1]
    data = secret.encode("utf-8", "surrogateescape")
    for offset in range(3):
        # base64 encodes groups of three bytes: the offset of the secret in its group changes all
        # letters, and its neighbours change the letters at both edges, which are left out here.
        start = -(-offset * 8 // 6)
        end = (offset + len(data)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(offset) + data + bytes(2)).decode()[start:end]
