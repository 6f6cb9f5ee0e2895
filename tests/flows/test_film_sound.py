"""The sound of a board's film: measured, reported and kept; stems beside it; refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from flows.cli.main import main
from tasks.media.ffmpeg_binary import find_ffmpeg
from tests.support.own_clips import draw_scene, write_clip
from tests.support.sounds import (
    make_near_silence,
    make_noise,
    make_speech,
    measure_film,
    read_wav,
    write_wav,
)

BOARD = """\
shots:
  - {id: one, clip: own.mp4}
  - {id: two, clip: own.mp4}
film:
  music: {file: music.wav, duck: true, loop: true}
  voice: {two: {file: voice.wav, at: 6f}}
  loudness: LOUDNESS
  stems: true
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory, with a mute clip of a second, music and a voice."""
    write_clip(tmp_path / "own.mp4", [draw_scene((320, 180), step) for step in range(24)])
    write_wav(tmp_path / "music.wav", make_noise(1.2) * 0.05, make_noise(1.2, seed=2) * 0.05)
    write_wav(tmp_path / "voice.wav", make_speech(0.6))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def render(loudness: str, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    """Render the board, and return the exit code and what was printed."""
    Path("board.yaml").write_text(BOARD.replace("LOUDNESS", loudness))
    code = main(["render", "board.yaml", "--yes", "--store", "store", *options])
    return code, capsys.readouterr().out


def test_sound_is_measured_and_reported(folder, capsys) -> None:
    """The document has the loudness of the film, in the second run too; the text prints it."""
    code, printed = render("-16 LUFS", capsys, "--json")
    document = json.loads(printed)
    loudness, peak = measure_film(find_ffmpeg(None), folder / "films" / "board.mp4")
    assert code == 0
    assert loudness == pytest.approx(-16, abs=0.3)
    assert peak <= -1
    assert document["sound"]["loudness_lufs"] == pytest.approx(loudness, abs=0.06)
    assert document["sound"]["true_peak_db"] == pytest.approx(peak, abs=0.11)
    _, printed = render("-16 LUFS", capsys, "--json")
    assert json.loads(printed)["sound"] == document["sound"]
    _, printed = render("-16 LUFS", capsys)
    assert f"sound: {loudness:.1f} LUFS, true peak" in printed


def test_stems_are_exported_with_film(folder, capsys) -> None:
    """Music and voice, as long as the film; a mute clip has no stem."""
    _, printed = render("-16 LUFS", capsys, "--json")
    names = ["board.music.wav", "board.voice.wav"]
    assert sorted(Path(path).name for path in json.loads(printed)["side_files"]) == names
    stems = [read_wav(folder / "films" / name) for name in names]
    assert [stem.shape for stem in stems] == [(2, 96_000)] * 2
    assert not stems[1][:, : 30 * 2000].any()
    assert np.abs(stems[1][:, 30 * 2000 :]).max() > 0.05
    # Another title writes the film anew, with the stems it had.
    board = BOARD.replace("id: one,", "id: one, title: Other,")
    Path("board.yaml").write_text(board.replace("LOUDNESS", "-16 LUFS"))
    assert main(["render", "board.yaml", "--yes", "--store", "store", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert sorted(Path(path).name for path in document["side_files"]) == names
    assert document["sound"] is not None


def test_refused_gain_keeps_earlier_film(folder, capsys) -> None:
    """A film that needs too much gain does not replace the earlier one; the clips are kept."""
    render("-16 LUFS", capsys)
    before = (folder / "films" / "board.mp4").read_bytes()
    silence = make_near_silence(1.2) * 0.1
    write_wav(folder / "music.wav", silence, silence)
    write_wav(folder / "voice.wav", silence[:28_000])
    code, printed = render("-14 LUFS", capsys)
    assert code == 1
    text = " ".join(printed.split())
    assert "dB of gain, and 20 dB are allowed" in text
    assert "max_gain_db: " in text
    assert (folder / "films" / "board.mp4").read_bytes() == before
    assert [path.name for path in (folder / "store").rglob("*.fitted-*")] == []


def test_silent_film_is_reported(folder, capsys) -> None:
    """It has no loudness, and is not raised."""
    for name in ("music.wav", "voice.wav"):
        write_wav(folder / name, np.zeros(57_600))
    code, printed = render("-16 LUFS", capsys)
    assert code == 0
    assert "sound: silent, so that the loudness was not set" in printed
