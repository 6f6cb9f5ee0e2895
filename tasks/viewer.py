"""Opens a file with the system's viewer, which goes on after this process.

The file is the only argument, and no shell is involved. Which files may be opened is decided by the
caller.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tasks.settings import Desktop, read_desktop, viewer_environment

_START_SECONDS = 1.5
"""The time for which an opener is watched: `xdg-open` reports failures within a second."""

_CONVERT_SECONDS = 10


class Opening(NamedTuple):
    """The result of opening a file."""

    viewer: str = ""
    """The program that was started; empty if there is none."""
    reason: str = ""
    """Why the file was not opened; empty if it was."""
    is_failed: bool = False
    """True if the program failed; False if this machine has none, or no display."""


def open_in_viewer(path: Path, desktop: Desktop | None = None) -> Opening:
    """Open a file with the program that the system has for it.

    Args:
        path: The absolute path.
        desktop: The environment of the desktop; that of this process if None.
    """
    desktop = desktop or read_desktop()
    if desktop.is_automated:
        return Opening(reason="CI is set, so there is no screen")
    if sys.platform == "win32":
        return _open_on_windows(path)
    command, reason = _find_command(path, desktop)
    return _start(command) if command else Opening(reason=reason)


def _find_command(path: Path, desktop: Desktop) -> tuple[list[str], str]:
    """Return the command that opens a file, or the reason why there is none."""
    if desktop.is_wsl:
        return _find_wsl_command(path)
    if desktop.is_remote and (sys.platform == "darwin" or not desktop.has_display):
        return [], "this is a remote session"
    if sys.platform == "darwin":
        return ["/usr/bin/open", str(path)], ""
    if not desktop.has_display:
        return [], "there is no display"
    opener = _find_program("xdg-open")
    return ([opener, str(path)], "") if opener else ([], "xdg-open is not installed")


def _find_wsl_command(path: Path) -> tuple[list[str], str]:
    opener = _find_program("wslview")
    if opener:
        return [opener, str(path)], ""
    explorer, converter = _find_program("explorer.exe"), _find_program("wslpath")
    if not (explorer and converter):
        return [], "wslview is not installed (it is in the package wslu)"
    try:
        windows_path = subprocess.run(
            [converter, "-w", str(path)],
            check=True,
            capture_output=True,
            text=True,
            timeout=_CONVERT_SECONDS,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return [], f"Windows has no path for {path}"
    return [explorer, windows_path], ""


def _find_program(name: str) -> str | None:
    """Return the path of a program; never one in the working folder, which may be a stranger's."""
    path = shutil.which(name)
    return path if path and Path(path).is_absolute() else None


def _start(command: list[str]) -> Opening:
    """Start a viewer in a session of its own, and report if it fails at once."""
    program = Path(command[0]).name
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=viewer_environment(),
            start_new_session=True,
        )
    except OSError as error:
        return Opening(reason=f"{program} can't be started: {error.strerror}", is_failed=True)
    try:
        code = process.wait(_START_SECONDS)
    except subprocess.TimeoutExpired:
        # The viewer itself, which runs until the user closes it. Python would warn of a process
        # that is not waited for.
        process.returncode = 0
        return Opening(program)
    # Explorer returns 1 whether it has opened the file or not.
    if code and program != "explorer.exe":
        return Opening(reason=f"{program} failed with exit code {code}", is_failed=True)
    return Opening(program)


def _open_on_windows(path: Path) -> Opening:
    if sys.platform == "win32":
        import os

        try:
            os.startfile(path)  # noqa: S606 - the user's program for MP4 or PNG files
        except OSError as error:
            return Opening(reason=f"Windows can't open it: {error.strerror}", is_failed=True)
    return Opening("the program for it")
