"""Lookup of the ffmpeg program."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import NotConfigured
from tasks.media.ffmpeg_binary import bundled_ffmpeg, find_ffmpeg


def test_configured_program_is_preferred(tmp_path: Path) -> None:
    """A configured path takes precedence over PATH and imageio-ffmpeg."""
    program = tmp_path / "my-ffmpeg"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    path = find_ffmpeg(str(program), which=lambda _: "/on/path", bundled=lambda: "/bundled")
    assert path == program


def test_configured_name_is_looked_up_on_path() -> None:
    """`FFMPEG=ffmpeg7` means the ffmpeg7 on PATH."""
    programs = {"ffmpeg7": "/opt/ffmpeg7"}
    assert find_ffmpeg("ffmpeg7", which=programs.get) == Path("/opt/ffmpeg7")


def test_path_is_preferred_to_bundled_program() -> None:
    """The program on PATH is used if there is one, and imageio-ffmpeg's otherwise."""
    assert find_ffmpeg(None, which=lambda _: "/on/path", bundled=lambda: "/b") == Path("/on/path")
    assert find_ffmpeg(None, which=lambda _: None, bundled=lambda: "/b") == Path("/b")


def test_bundled_program_exists() -> None:
    """imageio-ffmpeg has a program for this machine."""
    bundled = bundled_ffmpeg()
    assert bundled is not None
    assert Path(bundled).is_file()


def test_missing_configured_program_is_an_error(tmp_path: Path) -> None:
    """A wrong FFMPEG is an error, and another program does not take its place."""
    with pytest.raises(NotConfigured, match=r"FFMPEG is set to .*/nowhere/ffmpeg"):
        find_ffmpeg(str(tmp_path / "nowhere" / "ffmpeg"), which=lambda _: "/on/path")


def test_configured_file_must_be_executable(tmp_path: Path) -> None:
    """A file without execute permission is rejected."""
    text = tmp_path / "ffmpeg.txt"
    text.write_text("not a program")
    with pytest.raises(NotConfigured, match="not an executable program"):
        find_ffmpeg(str(text))


def test_missing_ffmpeg_error_explains_the_remedy() -> None:
    """If there is no ffmpeg at all, the error explains how to get one."""
    with pytest.raises(NotConfigured, match="install ffmpeg, or set FFMPEG"):
        find_ffmpeg(None, which=lambda _: None, bundled=lambda: None)
