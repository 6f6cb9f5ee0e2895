"""Reports of unexpected errors: a log file with the traceback, without keys and signed URLs."""

from __future__ import annotations

import re
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from storyboards.problems import ShotchainError
from storyboards.terminal_text import escape_control_chars
from tasks.redaction import redact_secrets
from tasks.settings import read_secrets

BUG_EXIT_CODE = 70
"""The exit code of a command that ends with a bug."""

_QUERY = re.compile(r"(?i)((?:https?|wss?|ftp|tos|s3):(?:\\?/){2}[^\s'\"?#]+)[?#][^\s'\"]*")
_USER = re.compile(r"(?i)((?:https?|wss?|ftp|tos|s3):(?:\\?/){2})[^\s'\"/?#@]+@")
_DATA = re.compile(r"(data:[a-z]+/[a-z0-9.+-]+;base64,)[A-Za-z0-9+/=]+")


class InternalError(Exception):
    """A bug whose log is written. Its message holds no secret, so Prefect may store it.

    Attributes:
        log: The log file.
    """

    def __init__(self, log: Path) -> None:
        super().__init__(f"this is a bug of shotchain; see {log}")
        self.log = log


@contextmanager
def report_bugs(secrets: frozenset[str]) -> Iterator[None]:
    """Replace unexpected errors within this block, whose messages may hold a key.

    Args:
        secrets: The keys to redact, beside those of the environment.

    Raises:
        InternalError: An error was unexpected; its log is written.
    """
    try:
        yield
    except (ShotchainError, InternalError):
        raise
    except Exception as error:
        raise InternalError(write_bug_report(error, secrets)) from None


def write_bug_report(error: BaseException, secrets: frozenset[str] = frozenset()) -> Path:
    """Write the traceback of an error to a new log file.

    Args:
        error: The error; an InternalError has its log already.
        secrets: The keys to redact, beside those of the environment.

    Returns:
        The log file.
    """
    if isinstance(error, InternalError):
        return error.log
    text = "".join(traceback.format_exception(error))
    return _write_log(redact_text(text, secrets | read_secrets()))


def report_alert(message: str) -> None:
    """Print a sentence to stderr at once, and write it to a log file.

    It reaches the user even if the run ends with an error of Prefect, as on a full disk.
    """
    print(f"shotchain: {escape_control_chars(message)}", file=sys.stderr, flush=True)
    # The temporary folder may be on the disk that is full.
    with suppress(OSError):
        _write_log(redact_text(f"{message}\n", read_secrets()))


def _write_log(text: str) -> Path:
    with tempfile.NamedTemporaryFile(
        "w", prefix="shotchain-", suffix=".log", delete=False, encoding="utf-8", errors="replace"
    ) as log:
        log.write(text)
    return Path(log.name)


def redact_text(text: str, secrets: frozenset[str]) -> str:
    """Return a text without secrets, queries and users of URLs, and contents of data URIs."""
    text = _QUERY.sub(r"\1?…", text)
    text = _USER.sub(r"\1", text)
    text = _DATA.sub(r"\1…", text)
    return redact_secrets(text, secrets)
