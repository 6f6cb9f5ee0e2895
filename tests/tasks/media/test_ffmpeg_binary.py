"""Where ffmpeg is found, and what is said where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import NotConfigured
from tasks.media.ffmpeg_binary import bundled_ffmpeg, find_ffmpeg


def test_the_configured_program_comes_first(tmp_path: Path) -> None:
    """A path given by the operator wins over PATH and over the bundled one."""
    program = tmp_path / "my-ffmpeg"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    found = find_ffmpeg(str(program), which=lambda _: "/on/path", bundled=lambda: "/bundled")
    assert found == program


def test_a_configured_bare_name_is_looked_up_on_path() -> None:
    """`FFMPEG=ffmpeg7` means the ffmpeg7 of PATH."""
    programs = {"ffmpeg7": "/opt/ffmpeg7"}
    assert find_ffmpeg("ffmpeg7", which=programs.get) == Path("/opt/ffmpeg7")


def test_path_comes_before_the_bundled_program() -> None:
    """Without a configured one PATH's is taken, and only then the bundled one."""
    assert find_ffmpeg(None, which=lambda _: "/on/path", bundled=lambda: "/b") == Path("/on/path")
    assert find_ffmpeg(None, which=lambda _: None, bundled=lambda: "/b") == Path("/b")


def test_the_bundled_program_is_there() -> None:
    """imageio-ffmpeg brings a program that can be run."""
    bundled = bundled_ffmpeg()
    assert bundled is not None
    assert Path(bundled).is_file()


def test_a_configured_program_that_is_missing_is_named(tmp_path: Path) -> None:
    """A wrong FFMPEG is an error of its own and never quietly replaced by another program."""
    with pytest.raises(NotConfigured, match=r"FFMPEG is set to .*/nowhere/ffmpeg"):
        find_ffmpeg(str(tmp_path / "nowhere" / "ffmpeg"), which=lambda _: "/on/path")


def test_a_configured_file_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    """A file without the right to be executed is no program."""
    text = tmp_path / "ffmpeg.txt"
    text.write_text("not a program")
    with pytest.raises(NotConfigured, match="no program that can be run"):
        find_ffmpeg(str(text))


def test_no_ffmpeg_at_all_says_how_to_get_one() -> None:
    """Where none is found the sentence differs from the one about a wrong setting."""
    with pytest.raises(NotConfigured, match="install ffmpeg, or set FFMPEG"):
        find_ffmpeg(None, which=lambda _: None, bundled=lambda: None)
