"""The encoders that a film needs are checked before anything is paid; the plan has conversions."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import av
import imageio_ffmpeg
import pytest

from flows.cli.main import main
from tasks.errors import NotConfigured, UsageError
from tasks.media.convert import require_program_encoder
from tasks.planning.conversions import plan_conversions
from tasks.planning.film_tools import require_film_tools
from tasks.planning.planner import make_plan
from tests.support.own_clips import draw_scene, write_clip

HEVC_SHOT = (
    "provider: ark\nmodel: seedance-2.5\nlook: {resolution: 1080p, ratio: '16:9', seconds: 5}\n"
    "shots:\n  - {id: a, prompt: p}\n  - {id: b, prompt: q, first_frame: none}\n"
)


def board_text(film: str) -> str:
    """Return a board of a clip of the user at 30 frames per second, with settings of the film."""
    return f"film: {film}\nshots:\n  - {{id: a, clip: a.mp4}}\n"


@pytest.fixture
def own_board(make_board, tmp_path: Path):
    """Return a function that makes a board with a clip of the user, of a text."""
    make_board()
    pictures = [draw_scene((320, 180), step) for step in range(12)]
    write_clip(tmp_path / "boards" / "a.mp4", pictures, rate=Fraction(30))
    return make_board


def fake_ffmpeg(folder: Path, encoders: str) -> str:
    """Write a program that lists encoders as ffmpeg does, and return its path."""
    program = folder / "ffmpeg"
    program.write_text(f"#!/bin/sh\necho ' V....D {encoders}'\n")
    program.chmod(0o755)
    return str(program)


def test_missing_encoder_of_ffmpeg_is_found_before_paying(own_board, tmp_path: Path) -> None:
    """A clip that has to be converted needs libx264 in the user's ffmpeg program."""
    plan = make_plan(own_board(board_text("{}")))
    require_film_tools(plan, ffmpeg=imageio_ffmpeg.get_ffmpeg_exe())
    with pytest.raises(NotConfigured, match=r"ffmpeg has no encoder libx264, which .*; set FFMPEG"):
        require_film_tools(plan, ffmpeg=fake_ffmpeg(tmp_path, "libopenh264"))


@pytest.mark.parametrize(
    ("film", "encoder"),
    [
        ("{codec: prores}", "prores_ks"),
        ("{codec: dnxhr}", "dnxhd"),
        ("{codec: prores, rate: 25}", "pcm_s24le"),
        ("{rate: 29.97}", "libx264"),
    ],
)
def test_missing_encoder_of_pyav_is_found_before_paying(
    own_board, monkeypatch: pytest.MonkeyPatch, film: str, encoder: str
) -> None:
    """A master, and a film that shows frames twice, is encoded by PyAV."""
    plan = make_plan(own_board(board_text(film)))
    require_film_tools(plan, ffmpeg=None)
    real = av.codec.Codec

    def find(name: str, mode: Literal["r", "w"]) -> object:
        if name == encoder:
            raise av.codec.codec.UnknownCodecError(name)
        return real(name, mode)

    codec = SimpleNamespace(Codec=find, codec=av.codec.codec)
    monkeypatch.setattr("tasks.media.encoders.av", SimpleNamespace(codec=codec))
    with pytest.raises(NotConfigured, match=f"PyAV has no encoder {encoder}, which film.codec"):
        require_film_tools(plan, ffmpeg=None)


@pytest.mark.parametrize("command", ["check", "plan"])
def test_commands_end_with_3(
    own_board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, command: str
) -> None:
    """`check` and `plan` print one sentence if ffmpeg can't convert a clip."""
    own_board(board_text("{}"))
    monkeypatch.setenv("FFMPEG", fake_ffmpeg(tmp_path, "mpeg4"))
    monkeypatch.chdir(tmp_path)
    board = next((tmp_path / "boards").glob("*.yaml"))
    assert main([command, str(board)]) == 3
    assert capsys.readouterr().err.count("has no encoder libx264") == 1


def test_films_that_need_no_encoder_load_nothing(make_board) -> None:
    """A board of shots in H.264 needs neither av nor ffmpeg."""
    text = "shots:\n  - {id: a, prompt: p}\n  - {id: b, prompt: q}\n"
    require_film_tools(make_plan(make_board(text)), ffmpeg="/nowhere/ffmpeg")


def test_conversions_of_hevc_shots_are_planned(make_board) -> None:
    """A film in H.264 converts the clips that a model delivers as HEVC; `keep` does not."""
    text = ("yuv420p10le to yuv420p", "hevc to h264")
    assert plan_conversions(make_plan(make_board(HEVC_SHOT))) == {"a": text, "b": text}
    kept = make_plan(make_board("film: {codec: keep}\n" + HEVC_SHOT))
    assert plan_conversions(kept) == {}


def test_mixed_codecs_are_converted_to_that_of_most_clips(make_board) -> None:
    """With `keep`, two clips in HEVC and one in H.264 make a film in HEVC."""
    text = HEVC_SHOT + "  - {id: c, prompt: r, first_frame: none, model: seedance-2.0}\n"
    plan = make_plan(make_board("film: {codec: keep}\n" + text))
    assert plan_conversions(plan) == {"c": ("yuv420p to yuv420p10le", "h264 to hevc")}


def test_program_encoder_is_found() -> None:
    """The program of imageio-ffmpeg encodes both codecs that films copy."""
    for codec in ("h264", "hevc"):
        require_program_encoder(Path(imageio_ffmpeg.get_ffmpeg_exe()), codec)


def test_film_that_is_too_small_for_dnxhr_is_refused(own_board, tmp_path: Path) -> None:
    """Before anything is paid, with the codec that can be used."""
    pictures = [draw_scene((180, 320), step) for step in range(12)]
    write_clip(tmp_path / "boards" / "a.mp4", pictures)
    plan = make_plan(own_board(board_text("{codec: dnxhr}")))
    with pytest.raises(UsageError, match="256x120 or more, and the film is 180x320; use prores"):
        require_film_tools(plan, ffmpeg=None)
