"""Captions in the film: as a track that ffmpeg reads back, and burnt into the touched groups."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import av
import pytest

from tasks.edit import Caption, CaptionsEdit, PictureEdit, Title
from tasks.media.master import join_master
from tasks.media.retitle import retitle
from tasks.media.titles.caption_files import read_captions
from tasks.media.titles.captions import place_cues
from tasks.media.titles.language_codes import find_three_letter_code
from tests.support.film_joins import chain_edit, join_edit, prepare_edit

CAPTIONS = (
    Caption(3, 15, "Fish & chips < 3 --> {3}"),
    Caption(15, 24, "שלום 😀\n三\nfour"),
    Caption(30, 49, "end"),
)


def extract(studio: Any, film: Path) -> tuple[Caption, ...]:
    """Return the captions that ffmpeg extracts from a film."""
    command = [str(studio.ffmpeg), "-v", "warning", "-i", str(film), "-map", "0:s:0"]
    result = subprocess.run([*command, "-f", "srt", "-"], check=True, capture_output=True)
    assert not result.stderr
    return place_cues(read_captions(result.stdout).cues)


@pytest.mark.parametrize("has_sound", [True, False])
def test_track_reads_back_equal(studio: Any, tmp_path: Path, has_sound: bool) -> None:
    """Ffmpeg lists the track with its language, and extracts the same texts and frames."""
    clips = studio.chain(2, **({} if has_sound else {"tone": None}))
    edit = chain_edit(clips, captions=CaptionsEdit(CAPTIONS, "de-AT"))

    film = join_edit(edit, tmp_path / "film.mp4")

    assert studio.numbers(film.path) == list(range(49))
    assert studio.decode_errors(film.path) == ""
    assert extract(studio, film.path) == CAPTIONS
    with av.open(str(film.path)) as container:
        (track,) = container.streams.subtitles
        assert track.codec_context.name == "mov_text"
        assert track.language == "deu"
        assert container.streams[0].type == "video"


@pytest.mark.parametrize("picture", [PictureEdit(codec="prores"), PictureEdit(rate=25)])
def test_encoded_film_has_the_track(studio: Any, tmp_path: Path, picture: PictureEdit) -> None:
    """Masters, and films whose frames are all encoded, have the track too."""
    edit = chain_edit(studio.chain(2), captions=CaptionsEdit(CAPTIONS), picture=picture)

    film = join_master(prepare_edit(edit), tmp_path / "film", tmp_path)

    assert extract(studio, film.path) == CAPTIONS


def test_retitled_film_keeps_its_track(studio: Any, tmp_path: Path) -> None:
    """A film with other titles has every byte of a join with these titles, captions included."""
    clips = studio.chain(2)
    captions = CaptionsEdit(CAPTIONS, "en")
    before = join_edit(chain_edit(clips, captions=captions, title="Old"), tmp_path / "a.mp4")
    wanted = join_edit(chain_edit(clips, captions=captions, title="New"), tmp_path / "b.mp4")
    film = tmp_path / "c.mp4"

    titles = ["Shot 0", "Shot 1"]
    assert retitle(before.path, film, title="New", comment="", chapter_titles=titles)

    assert film.read_bytes() == wanted.path.read_bytes()


def test_burnt_caption_encodes_touched_groups_only(studio: Any, video: Any, tmp_path: Path) -> None:
    """A burnt caption changes the frames from its key frame to the next one, without a track."""
    clips = [studio.clip("long.mp4", frames=96, video=video(gop=24, bframes=0))]
    burnt = CaptionsEdit((Caption(30, 40, "burnt"),), burn=True)

    film = join_edit(chain_edit(clips, captions=burnt), tmp_path / "film.mp4")

    before, after = studio.digests(clips[0]), studio.digests(film.path)
    changed = [number for number in range(96) if before[number] != after[number]]
    assert set(range(30, 40)) <= set(changed) <= set(range(24, 48))
    with av.open(str(film.path)) as container:
        assert not container.streams.subtitles


def test_title_of_a_moment_is_encoded_alone(studio: Any, video: Any, tmp_path: Path) -> None:
    """A second join encodes nothing, and another title of one moment encodes that moment."""
    clips = [studio.clip("long.mp4", frames=96, video=video(gop=24, bframes=0))]
    store = tmp_path / "store"

    def join(first: str, second: str) -> int:
        titles = (
            Title(first, first_frame=4, end_frame=12),
            Title(second, first_frame=60, end_frame=70),
        )
        edit = chain_edit(clips, titles=titles)
        return join_edit(edit, tmp_path / "film.mp4", store=store).encoded_frames

    assert join("one", "two") == 32
    assert join("one", "two") == 0
    assert join("one", "three") == 12


@pytest.mark.parametrize(
    ("tag", "code"), [("de-AT", "deu"), ("zh-Hans", "zho"), ("gsw", "gsw"), ("xx", "und")]
)
def test_language_has_three_letters(tag: str, code: str) -> None:
    """MP4 has the code of ISO 639-2 for a language."""
    assert find_three_letter_code(tag) == code
