"""What becomes of a bug: a log of where it happened, without anything that is secret."""

from __future__ import annotations

import re
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storyboards.problems import ShotchainError
from tasks.redaction import redact_secrets
from tasks.settings import read_secrets

_QUERY = re.compile(r"(?i)((?:https?|wss?|ftp|tos|s3):(?:\\?/){2}[^\s'\"?#]+)[?#][^\s'\"]*")
_USER = re.compile(r"(?i)((?:https?|wss?|ftp|tos|s3):(?:\\?/){2})[^\s'\"/?#@]+@")
_DATA = re.compile(r"(data:[a-z]+/[a-z0-9.+-]+;base64,)[A-Za-z0-9+/=]+")


class InternalError(Exception):
    """A bug whose log is written: what Prefect may see and keep of it."""

    def __init__(self, log: Path) -> None:
        super().__init__(f"this is a bug of shotchain; {log} tells more")
        self.log = log


@contextmanager
def report_bugs(secrets: frozenset[str]) -> Iterator[None]:
    """Turn whatever nobody expected within this block into a Bug, for its words may hold a key."""
    try:
        yield
    except (ShotchainError, InternalError):
        raise
    except Exception as error:
        raise InternalError(write_bug_report(error, secrets)) from None


def write_bug_report(error: BaseException, secrets: frozenset[str] = frozenset()) -> Path:
    """Write what happened to a new file, keys and signed URLs struck out, and return its path."""
    if isinstance(error, InternalError):
        return error.log
    text = "".join(traceback.format_exception(error))
    with tempfile.NamedTemporaryFile(
        "w", prefix="shotchain-", suffix=".log", delete=False, encoding="utf-8", errors="replace"
    ) as log:
        log.write(redact_text(text, secrets | read_secrets()))
    return Path(log.name)


def redact_text(text: str, secrets: frozenset[str]) -> str:
    """A text without the queries of its URLs, the bytes of its data URIs and the given secrets."""
    text = _QUERY.sub(r"\1?…", text)
    text = _USER.sub(r"\1", text)
    text = _DATA.sub(r"\1…", text)
    return redact_secrets(text, secrets)
