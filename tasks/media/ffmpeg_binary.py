"""Where the ffmpeg program is found; nothing here starts it.

Most of the room works through PyAV and needs no program. Whoever does need one asks here, at
that moment and not before, so that a machine without ffmpeg can still do everything else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tasks.errors import NotConfigured


def bundled_ffmpeg() -> str | None:
    """Return the program that imageio-ffmpeg brings along, or None where it brings none."""
    try:
        import imageio_ffmpeg
    except ImportError:
        return None
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return None


def find_ffmpeg(
    configured: str | None,
    *,
    which: Callable[[str], str | None] = shutil.which,
    bundled: Callable[[], str | None] = bundled_ffmpeg,
) -> Path:
    """Return ffmpeg: the configured one, else PATH's, else imageio-ffmpeg's.

    Raises NotConfigured when the configured one can't be run, or when there is none at all.
    """
    if configured:
        return _configured_ffmpeg(configured, which)
    found = which("ffmpeg") or bundled()
    if found is None:
        message = (
            "ffmpeg was not found on PATH and imageio-ffmpeg brings none for this machine; "
            "install ffmpeg, or set FFMPEG to its path"
        )
        raise NotConfigured(message)
    return Path(found)


def _configured_ffmpeg(configured: str, which: Callable[[str], str | None]) -> Path:
    path = Path(configured).expanduser()
    if path.is_file() and os.access(path, os.X_OK):
        return path
    # A bare name such as `ffmpeg7` is meant to be looked up; a path is meant as it stands.
    named = which(configured) if path.name == configured else None
    if named is None:
        message = (
            f"FFMPEG is set to {configured}, and no program that can be run is there; "
            "correct it, or unset it to use the ffmpeg on PATH"
        )
        raise NotConfigured(message)
    return Path(named)
