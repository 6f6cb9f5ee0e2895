"""Locates the ffmpeg program; `convert` starts it.

Everything else works through PyAV. The program is looked up only when it is needed, so that a
machine without ffmpeg can do everything else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tasks.errors import NotConfigured


def bundled_ffmpeg() -> str | None:
    """Return the path of the program in imageio-ffmpeg, or None if it has none."""
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
    """Return the path of ffmpeg: the configured one, else that on PATH, else imageio-ffmpeg's.

    Args:
        configured: A path, or a name to look up on PATH.
        which: Looks up a name on PATH.
        bundled: Returns the program in imageio-ffmpeg.

    Raises:
        NotConfigured: The configured program can't be run, or there is none at all.
    """
    if configured:
        return _configured_ffmpeg(configured, which)
    program = which("ffmpeg") or bundled()
    if program is None:
        message = (
            "ffmpeg was not found on PATH, and imageio-ffmpeg has none for this machine; "
            "install ffmpeg, or set FFMPEG to its path"
        )
        raise NotConfigured(message)
    return Path(program)


def _configured_ffmpeg(configured: str, which: Callable[[str], str | None]) -> Path:
    path = Path(configured).expanduser()
    if path.is_file() and os.access(path, os.X_OK):
        return path
    # A bare name such as `ffmpeg7` is looked up on PATH.
    named = which(configured) if path.name == configured else None
    if named is None:
        message = (
            f"FFMPEG is set to {configured}, which is not an executable program; "
            "correct it, or unset it to use the ffmpeg on PATH"
        )
        raise NotConfigured(message)
    return Path(named)
