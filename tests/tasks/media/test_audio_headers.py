"""Sound files by their bytes: what they are and how long they last."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from tasks.errors import MediaError
from tasks.media.audio_headers import audio_seconds
from tasks.media.mime import sniff_mime

BEAT = Path(__file__).parents[3] / "storyboards" / "refs" / "tea-beat.mp3"


@pytest.fixture
def write_wave(tmp_path: Path):
    """Write a silent WAV: `write_wave(seconds)`."""

    def write(seconds: float, name: str = "a.wav") -> Path:
        path = tmp_path / name
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(22_050)
            file.writeframes(b"\0" * 4 * round(22_050 * seconds))
        return path

    return write


def test_a_wave_lasts_as_long_as_its_header_says(write_wave) -> None:
    """Bytes of sound over bytes a second."""
    assert audio_seconds(write_wave(2.5).read_bytes(), "a.wav") == pytest.approx(2.5)


def test_a_wave_that_was_cut_off_lasts_as_long_as_its_bytes(write_wave) -> None:
    """A recorder that was stopped leaves a length larger than the file."""
    path = write_wave(4)
    path.write_bytes(path.read_bytes()[: 44 + 22_050 * 4])

    assert audio_seconds(path.read_bytes(), path.name) == pytest.approx(1.0)


def test_what_stands_before_the_sound_is_passed_over(write_wave) -> None:
    """Recorders put chunks of their own between header and sound."""
    path = write_wave(1)
    data = path.read_bytes()
    path.write_bytes(data[:36] + b"LIST\x03\0\0\0abc\0" + data[36:])

    assert audio_seconds(path.read_bytes(), path.name) == pytest.approx(1.0)


def test_an_mp3_is_walked_through() -> None:
    """It tells its length nowhere."""
    assert sniff_mime(BEAT.read_bytes()) == "audio/mpeg"
    assert audio_seconds(BEAT.read_bytes(), BEAT.name) == pytest.approx(4.0, abs=0.1)


@pytest.mark.parametrize("data", [b"", b"no sound", b"\xff\xd8\xff\xe0 a picture", b"RIFF    WAVE"])
def test_what_is_no_sound_is_refused(tmp_path: Path, data: bytes) -> None:
    """Also where its name says otherwise."""
    path = tmp_path / "a.wav"
    path.write_bytes(data)

    with pytest.raises(MediaError, match=r"a\.wav"):
        audio_seconds(path.read_bytes(), path.name)


def test_a_damaged_mp3_is_refused(tmp_path: Path) -> None:
    """A head and nothing behind it."""
    path = tmp_path / "a.mp3"
    path.write_bytes(b"ID3\x04" + b"\0" * 200)

    with pytest.raises(MediaError, match=r"a\.mp3"):
        audio_seconds(path.read_bytes(), path.name)
