"""Duration of sound files."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from tasks.errors import MediaError
from tasks.media.audio.headers import audio_seconds
from tasks.media.mime import sniff_mime

BEAT = Path(__file__).parents[3] / "storyboards" / "refs" / "tea-beat.mp3"


@pytest.fixture
def write_wave(tmp_path: Path):
    """Return a function that writes a silent WAV: `write_wave(seconds)`."""

    def write(seconds: float, name: str = "a.wav") -> Path:
        path = tmp_path / name
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(22_050)
            file.writeframes(b"\0" * 4 * round(22_050 * seconds))
        return path

    return write


def test_wav_duration_is_read(write_wave) -> None:
    """The duration of a WAV is that of its samples."""
    assert audio_seconds(write_wave(2.5).read_bytes(), "a.wav") == pytest.approx(2.5)


def test_truncated_wav_counts_existing_bytes(write_wave) -> None:
    """A WAV of an interrupted recorder is as long as its data, not as its header."""
    path = write_wave(4)
    path.write_bytes(path.read_bytes()[: 44 + 22_050 * 4])

    assert audio_seconds(path.read_bytes(), path.name) == pytest.approx(1.0)


def test_wav_chunks_before_data_are_skipped(write_wave) -> None:
    """Chunks of other types before the samples do not change the duration."""
    path = write_wave(1)
    data = path.read_bytes()
    path.write_bytes(data[:36] + b"junk\x03\0\0\0abc\0" + data[36:])

    assert audio_seconds(path.read_bytes(), path.name) == pytest.approx(1.0)


def test_mp3_duration_is_read() -> None:
    """The duration of an MP3, which has none in its header, is that of its packets."""
    assert sniff_mime(BEAT.read_bytes()) == "audio/mpeg"
    assert audio_seconds(BEAT.read_bytes(), BEAT.name) == pytest.approx(4.0, abs=0.1)


@pytest.mark.parametrize("data", [b"", b"no sound", b"\xff\xd8\xff\xe0 a picture", b"RIFF    WAVE"])
def test_other_formats_are_rejected(tmp_path: Path, data: bytes) -> None:
    """A file that is neither WAV nor MP3 is rejected whatever its name."""
    path = tmp_path / "a.wav"
    path.write_bytes(data)

    with pytest.raises(MediaError, match=r"a\.wav"):
        audio_seconds(path.read_bytes(), path.name)


def test_mp3_without_frames_is_rejected(tmp_path: Path) -> None:
    """An MP3 with a tag and no audio frames is rejected."""
    path = tmp_path / "a.mp3"
    path.write_bytes(b"ID3\x04" + b"\0" * 200)

    with pytest.raises(MediaError, match=r"a\.mp3"):
        audio_seconds(path.read_bytes(), path.name)
