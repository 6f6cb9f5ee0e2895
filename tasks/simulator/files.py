"""The files that jobs make and inputs they were given, and the signed links to the former.

A link is signed the way the vendors' object storage does it: it carries its own date and
lifetime, works without a key, and breaks with one.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

LIFETIME_SECONDS = 86_400
_INPUT_SECONDS = 8 * 86_400
_STAGING_SECONDS = 3600
_NAME = re.compile(r"[A-Za-z0-9_-]+\.(?:mp4|mov|png)")
_DATE = "%Y%m%dT%H%M%SZ"


class Files:
    """The simulator's file store under one root."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "files"
        self.inputs = root / "inputs"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.inputs.mkdir(exist_ok=True)
        self._secret = _keep_secret(root / "secret")

    def path(self, name: str) -> Path:
        """Return where the file of that name lies."""
        return self.folder / name

    def signed_path(self, name: str, made_at: float) -> str:
        """Return path and query of the file's link, which dies a day after it was made."""
        date = datetime.fromtimestamp(int(made_at), UTC).strftime(_DATE)
        query = {
            "X-Tos-Algorithm": "TOS4-HMAC-SHA256",
            "X-Tos-Date": date,
            "X-Tos-Expires": str(LIFETIME_SECONDS),
            "X-Tos-Signature": self._sign(name, date, str(LIFETIME_SECONDS)),
        }
        return f"/files/{name}?{urlencode(query)}"

    def objection(self, name: str, query: Mapping[str, str], now: float) -> str:
        """Return why a link does not open the file, or an empty string where it does."""
        date, lifetime = query.get("X-Tos-Date", ""), query.get("X-Tos-Expires", "")
        signature = query.get("X-Tos-Signature", "")
        if not hmac.compare_digest(signature.encode(), self._sign(name, date, lifetime).encode()):
            return "The request signature we calculated does not match the signature you provided."
        made_at = datetime.strptime(date, _DATE).replace(tzinfo=UTC).timestamp()
        if now >= made_at + int(lifetime):
            return "Request has expired."
        return ""

    def own(self, url: str, now: float) -> tuple[Path | None, str]:
        """Return the file behind one of our own links, and what is wrong with the link.

        Neither is given for a link that is not ours.
        """
        try:
            parts = urlsplit(url)
        except ValueError:
            return None, ""
        name = parts.path.removeprefix("/files/")
        if not parts.path.startswith("/files/") or not is_file_name(name):
            return None, ""
        objection = self.objection(name, dict(parse_qsl(parts.query)), now)
        path = self.path(name)
        return path, objection or ("" if path.is_file() else "The specified key does not exist.")

    def keep_input(self, data: bytes) -> str:
        """Write an input down under its digest and return that name."""
        name = hashlib.sha256(data).hexdigest()
        path = self.inputs / name
        if not path.exists():
            write_whole(path, data)
        else:
            # Young again: what is still used is not swept away.
            os.utime(path)
        return name

    def remove(self, job: str) -> None:
        """Remove what the job made."""
        for path in self.folder.glob(f"{job}.*"):
            path.unlink(missing_ok=True)

    def staging(self, name: str) -> Path:
        """Return where a file is made before it gets that name; never the same place twice."""
        return self.folder / f".{secrets.token_hex(4)}.{name}"

    def sweep(self) -> None:
        """Remove inputs that no job can need any more, and what killed processes left unfinished.

        By the machine's time, whatever clock the jobs live by: it is the files' own.
        """
        now = time.time()
        for path in self.inputs.iterdir():
            _remove_older(path, now - _INPUT_SECONDS)
        for path in self.folder.glob(".*"):
            _remove_older(path, now - _STAGING_SECONDS)

    def _sign(self, name: str, date: str, lifetime: str) -> str:
        told = f"{name}\n{date}\n{lifetime}".encode()
        return hmac.new(self._secret, told, hashlib.sha256).hexdigest()


def is_file_name(name: str) -> bool:
    """Tell whether that could be the name of a file here; nothing else is looked up on disk."""
    return _NAME.fullmatch(name) is not None


def _remove_older(path: Path, moment: float) -> None:
    # Another process may sweep the same root.
    with suppress(FileNotFoundError):
        if path.stat().st_mtime < moment:
            path.unlink()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees half of it.

    There is no fsync: a killed process loses nothing that way, and a power cut may cost a previz.
    """
    staging = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    staging.write_bytes(data)
    staging.replace(path)


def _keep_secret(path: Path) -> bytes:
    """Return the root's secret, made at the first start: links outlive the process."""
    if not path.exists():
        staging = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        staging.write_bytes(secrets.token_bytes(32))
        staging.chmod(0o600)
        # A link, unlike a rename, never replaces what another process wrote meanwhile.
        try:
            path.hardlink_to(staging)
        except FileExistsError:
            pass
        finally:
            staging.unlink()
    return path.read_bytes()
