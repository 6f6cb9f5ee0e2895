"""The system's viewer is found on PATH, gets one path without a shell, and outlives the command."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks import viewer
from tasks.settings import Desktop, read_desktop
from tasks.viewer import open_in_viewer

DISPLAY = Desktop(has_display=True, is_remote=False, is_automated=False, is_wsl=False)
FILM = Path("/films/a b;c $(d) film.mp4")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="uses programs of Linux")

AddProgram = Callable[[str, str], Path]


@pytest.fixture
def add_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AddProgram:
    """Put a shell script on PATH, where it is the only program: `add_program(name, text)`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def add(name: str, text: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    return add


def record_arguments(tmp_path: Path) -> str:
    """Return shell code that writes the arguments of a program to a file, one a line."""
    return f"printf '%s\\n' \"$@\" > {shlex.quote(str(tmp_path / 'arguments'))}"


def test_xdg_open_gets_the_path_alone(tmp_path: Path, add_program: AddProgram) -> None:
    """Blanks and characters of shells are part of the path."""
    add_program("xdg-open", record_arguments(tmp_path))

    assert open_in_viewer(FILM, DISPLAY).viewer == "xdg-open"
    assert (tmp_path / "arguments").read_text() == f"{FILM}\n"


def test_viewer_has_no_keys(
    tmp_path: Path, add_program: AddProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variables of ours are not passed on; those of the desktop are."""
    monkeypatch.setenv("SHOTCHAIN_ARK_API_KEY", "secret")
    monkeypatch.setenv("DISPLAY", ":7")
    add_program("xdg-open", f"echo $DISPLAY $SHOTCHAIN_ARK_API_KEY > {tmp_path}/variables")
    open_in_viewer(FILM, DISPLAY)

    assert (tmp_path / "variables").read_text() == ":7\n"


def test_viewer_runs_in_its_own_session(
    tmp_path: Path, add_program: AddProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A viewer that stays open is not waited for, and a hang-up of the terminal misses it."""
    monkeypatch.setattr(viewer, "_START_SECONDS", 0.3)
    add_program("xdg-open", f"echo $$ > {tmp_path}/pid; exec /bin/sleep 30")
    assert open_in_viewer(FILM, DISPLAY) == viewer.Opening("xdg-open")
    pid = int((tmp_path / "pid").read_text())
    try:
        assert os.getsid(pid) == pid
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def test_failing_viewer_is_reported(add_program: AddProgram) -> None:
    """`xdg-open` returns 3 if no program can open the file."""
    add_program("xdg-open", "exit 3")
    opening = open_in_viewer(FILM, DISPLAY)

    assert (opening.reason, opening.is_failed) == ("xdg-open failed with exit code 3", True)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"has_display": False}, "there is no display"),
        ({"has_display": False, "is_remote": True}, "this is a remote session"),
        ({"is_automated": True}, "CI is set, so there is no screen"),
        ({"is_wsl": True}, "wslview is not installed (it is in the package wslu)"),
    ],
)
def test_nothing_is_started_without_a_display(
    add_program: AddProgram, changes: dict[str, bool], reason: str
) -> None:
    """It is not a failure: the user gets the path."""
    add_program("xdg-open", "exit 3")
    opening = open_in_viewer(FILM, DISPLAY._replace(**changes))

    assert (opening.viewer, opening.reason, opening.is_failed) == ("", reason, False)


def test_forwarded_display_is_used(add_program: AddProgram) -> None:
    """`ssh -X` has a display of the user's own machine."""
    add_program("xdg-open", "")

    assert open_in_viewer(FILM, DISPLAY._replace(is_remote=True)).viewer == "xdg-open"


def test_program_in_the_working_folder_is_not_started(
    tmp_path: Path, add_program: AddProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PATH with an empty entry means the working folder, which may be a cloned repository."""
    add_program("xdg-open", record_arguments(tmp_path))
    monkeypatch.chdir(tmp_path / "bin")
    monkeypatch.setenv("PATH", ":.")
    opening = open_in_viewer(FILM, DISPLAY)

    assert opening.reason == "xdg-open is not installed"
    assert not (tmp_path / "arguments").exists()


def test_wslview_comes_before_explorer(tmp_path: Path, add_program: AddProgram) -> None:
    """Explorer needs the path of Windows, and its exit code means nothing."""
    wsl = DISPLAY._replace(is_wsl=True, has_display=False)
    add_program("explorer.exe", f"{record_arguments(tmp_path)}; exit 1")
    add_program("wslpath", "printf '%s\\n' 'C:\\films\\film.mp4'")
    assert open_in_viewer(FILM, wsl) == viewer.Opening("explorer.exe")
    assert (tmp_path / "arguments").read_text() == "C:\\films\\film.mp4\n"
    add_program("wslpath", "exit 1")
    assert open_in_viewer(FILM, wsl).reason == f"Windows has no path for {FILM}"

    add_program("wslview", record_arguments(tmp_path))
    assert open_in_viewer(FILM, wsl) == viewer.Opening("wslview")
    assert (tmp_path / "arguments").read_text() == f"{FILM}\n"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, (False, False, False, False)),
        ({"DISPLAY": ":0"}, (True, False, False, False)),
        ({"WAYLAND_DISPLAY": "wayland-0", "SSH_TTY": "/dev/pts/1"}, (True, True, False, False)),
        ({"CI": "true", "SSH_CONNECTION": "1.2.3.4"}, (False, True, True, False)),
        ({"CI": "false", "WSL_DISTRO_NAME": "Ubuntu"}, (False, False, False, True)),
    ],
)
def test_read_desktop(environ: dict[str, str], expected: tuple[bool, ...]) -> None:
    """The variables that sessions, CI services and WSL set."""
    assert read_desktop(environ) == Desktop(*expected)
