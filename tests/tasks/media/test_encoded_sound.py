"""The encoded sound of films: made once, copied into every film that sounds the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tasks.edit import FilmEdit, InputFile, LoudnessEdit, MusicEdit, SoundEdit, Title
from tasks.media.audio import encoded_sound
from tasks.media.audio.film_sound import FilmSound
from tasks.media.join import JoinResult
from tests.support.film_joins import chain_edit, join_edit
from tests.support.sounds import make_film_sound, measure_film, write_wav


@pytest.fixture
def edit(studio: Any, tone: Any, tmp_path: Path) -> FilmEdit:
    """Return a film of two chained clips with music and a loudness."""
    clips = studio.chain(2, frames=49, tone=tone(channels=2))
    file = InputFile(write_wav(tmp_path / "m.wav", make_film_sound(5)), "music")
    sound = SoundEdit(MusicEdit(file), loudness=LoudnessEdit(-18))
    return chain_edit(clips, sound=sound)


def read_packets(film: Path) -> list[bytes]:
    """Return the packets of the sound of a film."""
    with av.open(str(film)) as container:
        return [bytes(packet) for packet in container.demux(audio=0)]


def count_encodings(
    edit: FilmEdit, film: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[JoinResult, int]:
    """Join a film, and return how often a sound was mixed."""
    opened = []

    def open_sound(*args: Any) -> FilmSound:
        opened.append(args)
        return FilmSound(*args)

    monkeypatch.setattr(encoded_sound, "FilmSound", open_sound)
    result = join_edit(edit, film, store=store)
    monkeypatch.undo()
    return result, len(opened)


def test_sound_is_encoded_once(
    edit: FilmEdit, studio: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ffmpeg: Path
) -> None:
    """A title on screen changes the picture alone: the packets of the sound are copied."""
    films = [tmp_path / f"film-{number}.mp4" for number in range(3)]
    first, count = count_encodings(edit, films[0], tmp_path / "store", monkeypatch)
    assert count == 1
    titled = replace(edit.clips[0], titles=(Title("A", first_frame=0, end_frame=12),))
    changed = replace(edit, clips=(titled, *edit.clips[1:]), title="Other")
    second, count = count_encodings(changed, films[1], tmp_path / "store", monkeypatch)
    assert count == 0
    assert second.sound == first.sound
    assert read_packets(films[1]) == read_packets(films[0])
    assert first.sound is not None
    loudness, peak = measure_film(ffmpeg, films[1])
    assert first.sound.loudness_lufs == pytest.approx(loudness, abs=0.06)
    assert peak <= -1
    surplus = studio.samples(films[1]).shape[1] - 97 * 2000
    assert 0 <= surplus < 2000
    louder = replace(edit, sound=replace(edit.sound, loudness=LoudnessEdit(-20)))
    _, count = count_encodings(louder, films[2], tmp_path / "store", monkeypatch)
    assert count == 1


def test_sound_without_loudness_is_kept_too(
    studio: Any, tone: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is measured, and the sound of the clips is not changed."""
    edit = chain_edit(studio.chain(3, tone=tone()))
    films = [tmp_path / f"film-{number}.mp4" for number in range(2)]
    first, count = count_encodings(edit, films[0], tmp_path / "store", monkeypatch)
    assert (first.sound, count) == (None, 1)
    _, count = count_encodings(edit, films[1], tmp_path / "store", monkeypatch)
    assert count == 0
    np.testing.assert_array_equal(studio.samples(films[0]), studio.samples(films[1]))


def test_what_is_heard_changes_identity(edit: FilmEdit) -> None:
    """Ranges, transitions, fades, card and sound; not titles, captions or shape."""
    voiced = replace(edit.clips[0], voice=InputFile(Path("v.wav"), "voice"))
    heard = [
        edit,
        replace(edit, fade_out_frames=12),
        replace(edit, clips=(voiced, *edit.clips[1:])),
        replace(edit, clips=(replace(edit.clips[0], end_frame=20), *edit.clips[1:])),
        replace(edit, sound=SoundEdit()),
    ]
    assert len({each.sound_identity() for each in heard}) == len(heard)
    seen = replace(edit.clips[0], focus=(0.1, 0.2), chapter_title="B", shot="b")
    assert replace(edit, clips=(seen, *edit.clips[1:])).sound_identity() == edit.sound_identity()
