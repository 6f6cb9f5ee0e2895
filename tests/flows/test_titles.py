"""Titles, small print, the card and captions of a board: they change the film and no render."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from flows.report import report_kept
from flows.run import check_ready
from tasks.errors import UsageError
from tasks.media.titles.caption_files import read_captions

TITLES = """film:
  legal: Terms apply.
  card: {text: "Ember", seconds: 1, background: "#ff0000", transition: {crossfade: 12f}}
  captions: {dialogue: true, language: de-AT}
"""


def planes_of(film: Path, number: int) -> np.ndarray:
    with av.open(str(film)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index == number:
                return frame.to_ndarray()
    raise AssertionError(number)


def test_texts_change_the_film_and_no_key(studio, chain) -> None:
    """Adding titles, a card and captions submits nothing, and the film has them."""
    spoken = 'She whispers: \\"Guten Tag & hallo.\\"'
    plain = studio.run(chain("one", "two", one=spoken))
    first = planes_of(plain.film.path, 30)

    titled = chain("one|title: {text: CLAIM, place: upper, in: 0.5}", "two", one=spoken) + TITLES
    report = studio.run(titled)

    assert studio.creates == 2
    assert [each.shot.key for each in report.results] == [each.shot.key for each in plain.results]
    # 97 frames of the chain, and a card of 24 that overlaps 12.
    assert report.film.frame_count == 109
    frame = planes_of(report.film.path, 30)
    assert np.abs(frame[:120].astype(int) - first[:120]).max() > 60
    assert planes_of(report.film.path, 105)[10, 10] == pytest.approx(63, abs=3)
    folder = studio.folder / "films"
    cues = read_captions((folder / "board.de-AT.srt").read_bytes()).cues
    assert [cue.text for cue in cues] == ["Guten Tag & hallo."]
    assert "Guten Tag &amp; hallo." in (folder / "board.de-AT.vtt").read_text()
    with av.open(str(folder / "board.mp4")) as container:
        assert [stream.language for stream in container.streams.subtitles] == ["deu"]
    assert report_kept(studio.prepare(titled)).film is not None


def test_captions_of_the_user_stop_the_run_before_it_pays(studio, chain) -> None:
    """A caption file that shotchain did not write is never replaced; nothing is submitted."""
    folder = studio.folder / "films"
    folder.mkdir()
    (folder / "board.en.srt").write_text("mine")
    run = studio.prepare(
        chain("one", one='She whispers: \\"Hm.\\"') + "film: {captions: {dialogue: true}}\n"
    )

    with pytest.raises(UsageError, match=r"board\.en\.srt was not written by shotchain"):
        check_ready(run)

    assert studio.creates == 0
