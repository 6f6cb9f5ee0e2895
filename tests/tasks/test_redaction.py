"""Secrets are redacted from text in every spelling."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.redaction import redact_secrets

KEY = 'sk-"ca\\na/ry+ü=%0123456789'
KEYS = st.text(min_size=6, max_size=40).filter(lambda key: key.isprintable() and key.isascii())


@pytest.mark.parametrize(
    "spelling",
    [
        KEY,
        quote(KEY, safe=""),
        json.dumps(KEY),
        repr(KEY),
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(f"u:{KEY}".encode()).decode(),
        base64.urlsafe_b64encode(f"user:{KEY}:x".encode()).decode(),
    ],
)
def test_redact_secrets_every_spelling_is_removed(spelling: str) -> None:
    """No readable part of the key is left, and the text around it stays."""
    redacted = redact_secrets(f"before {spelling} behind", [KEY])

    assert redacted.startswith("before ")
    assert redacted.endswith(" behind")
    assert "…" in redacted
    assert not any(spelling[at : at + 8] in redacted for at in range(2, len(spelling) - 10))


@given(KEYS, st.integers(0, 2))
def test_redact_secrets_base64_at_any_offset(key: str, offset: int) -> None:
    """The offset of a key in a group of three bytes does not hide it."""
    encoded = base64.b64encode(bytes(offset) + key.encode() + b"end").decode()

    assert redact_secrets(encoded, [key]) != encoded


@pytest.mark.parametrize("tail", ["", "…"])
def test_redact_secrets_truncated_key_is_removed(tail: str) -> None:
    """Vendor messages are cut to a line before keys are searched, so the beginning counts too."""
    assert redact_secrets(f"wrong key {KEY[:15]}{tail}", [KEY]) == "wrong key …"


def test_redact_secrets_short_key_is_ignored() -> None:
    """A key of one or two letters would remove parts of ordinary text."""
    assert redact_secrets("a text", ["t", ""]) == "a text"
