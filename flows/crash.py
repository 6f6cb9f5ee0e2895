"""The log of a bug: where it happened, without anything that is secret."""

from __future__ import annotations

import re
import tempfile
import traceback
from pathlib import Path

from tasks.settings import read_secrets

_QUERY = re.compile(r"(https?://[^\s'\"?#]+)[?#][^\s'\"]*")
_DATA = re.compile(r"(data:[a-z]+/[a-z0-9.+-]+;base64,)[A-Za-z0-9+/=]+")


def write_log(error: BaseException) -> Path:
    """Write what happened to a new file, keys and signed URLs struck out, and return its path."""
    text = "".join(traceback.format_exception(error))
    with tempfile.NamedTemporaryFile(
        "w", prefix="shotchain-", suffix=".log", delete=False, encoding="utf-8", errors="replace"
    ) as log:
        log.write(strike_out(text, read_secrets()))
    return Path(log.name)


def strike_out(text: str, secrets: frozenset[str]) -> str:
    """A text without the queries of its URLs, the bytes of its data URIs and the given secrets."""
    text = _QUERY.sub(r"\1?…", text)
    text = _DATA.sub(r"\1…", text)
    for secret in secrets:
        text = text.replace(secret, "…")
    return text
