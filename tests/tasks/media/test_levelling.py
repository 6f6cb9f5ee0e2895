"""Loudness of films, measured on their AAC by ffmpeg's own meter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tasks.edit import FilmEdit, InputFile, LoudnessEdit, MusicEdit, SoundEdit
from tasks.errors import MediaError
from tasks.media.audio.film_sound import FilmSound
from tasks.media.audio.track import AudioTrack
from tasks.media.film_file import open_film
from tasks.sound_report import SoundReport
from tests.support.sounds import (
    make_film_sound,
    make_near_silence,
    make_noise,
    make_speech,
    measure_film,
    write_wav,
)

SECONDS = 8
SOUNDS = {"speech": make_speech, "film": make_film_sound, "near-silence": make_near_silence}


def write_film(folder: Path, sound: Path, channels: int, loudness: LoudnessEdit) -> SoundReport:
    """Write the sound of a film that has only this music."""
    music = MusicEdit(InputFile(sound, ""), fade_out_frames=0)
    edit = FilmEdit((), sound=SoundEdit(music=music, loudness=loudness))
    with (
        FilmSound(edit, (), (), 24 * SECONDS, channels, folder) as film_sound,
        open_film(folder / "film.mp4") as film,
    ):
        track = AudioTrack(film, channels)
        for _ in range(SECONDS):
            track.append(film_sound.read(24))
        track.finish()
        assert film_sound.report is not None
        return film_sound.report


def write_sound(folder: Path, kind: str, channels: int) -> Path:
    """Write a sound of a kind; the channels of stereo differ."""
    sound = SOUNDS[kind](SECONDS)
    others = [0.7 * np.roll(sound, 37)] * (channels - 1)
    return write_wav(folder / f"{kind}.wav", sound, *others)


@pytest.mark.parametrize("target", [-14.0, -16.0, -23.0])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", list(SOUNDS))
def test_encoded_film_has_loudness(
    tmp_path: Path, ffmpeg: Path, kind: str, channels: int, target: float
) -> None:
    """Each kind of sound has the loudness within 0.3 LU, and peaks of at most -1 dBTP."""
    sound = write_sound(tmp_path, kind, channels)
    report = write_film(tmp_path, sound, channels, LoudnessEdit(target, max_gain_db=60))
    loudness, peak = measure_film(ffmpeg, tmp_path / "film.mp4")
    assert loudness == pytest.approx(target, abs=0.3)
    assert peak <= -1.0
    assert report.loudness_lufs == pytest.approx(loudness, abs=0.06)
    assert report.true_peak_db == pytest.approx(peak, abs=0.11)
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".m4a") == []


def test_board_chooses_highest_peak(tmp_path: Path, ffmpeg: Path) -> None:
    """EBU R128 for some broadcasters: -23 LUFS with peaks of at most -3 dBTP."""
    sound = write_sound(tmp_path, "film", 2)
    write_film(tmp_path, sound, 2, LoudnessEdit(-23, peak_db=-3))
    loudness, peak = measure_film(ffmpeg, tmp_path / "film.mp4")
    assert loudness == pytest.approx(-23, abs=0.3)
    assert peak <= -3.0


def test_too_much_gain_is_refused(tmp_path: Path) -> None:
    """Near-silence is not raised by more than 20 dB, unless the board allows it."""
    sound = write_sound(tmp_path, "near-silence", 1)
    with pytest.raises(MediaError, match=r"-16 LUFS need 3\d\.\d dB of gain, and 20 dB") as caught:
        write_film(tmp_path, sound, 1, LoudnessEdit(-16))
    assert "max_gain_db: 3" in str(caught.value)


def test_silence_is_reported(tmp_path: Path) -> None:
    """Digital silence is not raised."""
    sound = write_wav(tmp_path / "silence.wav", np.zeros(48_000 * SECONDS))
    report = write_film(tmp_path, sound, 1, LoudnessEdit(-16))
    assert report.is_silent
    assert report.gain_db == 0


def test_unreachable_loudness_is_refused(tmp_path: Path) -> None:
    """A film can't be louder than its peaks allow."""
    sound = write_wav(tmp_path / "noise.wav", make_noise(SECONDS) * 0.1)
    with pytest.raises(MediaError, match=r"can't have -3 LUFS with true peaks of at most -9 dBTP"):
        write_film(tmp_path, sound, 1, LoudnessEdit(-3, peak_db=-9, max_gain_db=60))
