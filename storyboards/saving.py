"""A board's file replaced by what was made of it: whole or not at all, and only if nobody else did.

A link is followed: what it leads to is replaced, and the link stays one. The file keeps its mode.
"""

from __future__ import annotations

import os
from pathlib import Path

from storyboards.errors import InvalidStoryboard, Problem


def save(path: Path, before: bytes, after: bytes, *, shown: str) -> None:
    """Replace the bytes of a board's file, durable when this returns.

    Raises InvalidStoryboard where the file is not what it was, or can't be written.
    """
    place = path.resolve()
    staging = place.with_name(f".{place.name}.{os.getpid()}.staging")
    try:
        with staging.open("xb") as file:
            staging.chmod(place.stat().st_mode & 0o7777)
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        if place.read_bytes() != before:
            raise _refuse(shown, "the file was changed meanwhile", "Run the command again.")
        staging.replace(place)
    except OSError as error:
        message = f"the file can't be written: {error.strerror}"
        raise _refuse(shown, message, "Change its permissions or make room.") from error
    finally:
        staging.unlink(missing_ok=True)


def _refuse(shown: str, message: str, remedy: str) -> InvalidStoryboard:
    return InvalidStoryboard([Problem(message, remedy, shown)])
