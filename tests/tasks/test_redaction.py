"""Secrets struck out of a text, however they are written there."""

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
    "written",
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
def test_a_key_is_struck_out_in_every_spelling(written):
    """No run of it that says anything is left, whatever stands around it."""
    left = redact_secrets(f"before {written} behind", [KEY])

    assert left.startswith("before ")
    assert left.endswith(" behind")
    assert "…" in left
    assert not any(written[at : at + 8] in left for at in range(2, len(written) - 10))


@given(KEYS, st.integers(0, 2))
def test_base64_hides_no_key_wherever_it_begins(key, before):
    """Three places in a group of three bytes, and each spells it otherwise."""
    encoded = base64.b64encode(bytes(before) + key.encode() + b"end").decode()

    assert redact_secrets(encoded, [key]) != encoded


@pytest.mark.parametrize("tail", ["", "…"])
def test_the_beginning_that_a_cut_left_goes_too(tail):
    """Vendors' words are cut to a line before the key is looked for."""
    assert redact_secrets(f"wrong key {KEY[:15]}{tail}", [KEY]) == "wrong key …"


def test_a_key_of_a_letter_or_two_is_the_simulator_s():
    """It would blot out every word."""
    assert redact_secrets("a text", ["t", ""]) == "a text"
