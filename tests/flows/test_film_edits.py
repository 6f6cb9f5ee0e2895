"""Edits of a film: a run pays nothing for them, and encodes only what they touch."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from flows.report import join_kept
from tests.support.reports import folder_of

FILM = "film: {fade_in: 6f, fade_out: 12f}\n"
CARD = "{text: Ember, seconds: 1.5, background: '#ff0000', transition: {crossfade: 6f}}"


def planes(path: Path) -> list[np.ndarray]:
    """Return all planes of each frame of a film."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray().astype(np.int16) for frame in container.decode(video=0)]


def test_transitions_and_fades_of_a_board(studio, chain, decode) -> None:
    """A crossfade replaces the dropped frame, a dip keeps all, and nothing is rendered again."""
    plain = studio.run(chain("one", "two", "three"))
    assert decode(plain.film.path).frames == 145
    creates = studio.creates
    clips = [planes(folder_of(plain, shot) / "clip.mp4") for shot in ("one", "two")]
    text = chain("one", "two|transition: {crossfade: 12f}", "three|transition: {dip: white}")
    film = join_kept(studio.prepare(FILM + text)).film

    assert studio.creates == creates
    assert film.frame_count == decode(film.path).frames == 147 - 12
    shown = planes(film.path)
    mix = clips[0][37 + 5] * (7 / 13) + clips[1][5] * (6 / 13)
    assert np.abs(shown[37 + 5] - mix).mean() < 1.5
    height = shown[0].shape[0] * 2 // 3
    assert np.abs(shown[85][:height] - 235).max() <= 2
    assert np.abs(shown[0][:height] - 16).max() <= 2
    assert np.abs(shown[-1][:height] - 16).max() <= 2
    assert film.encoded_frames > 0


def test_edit_again_encodes_only_its_seam(studio, chain) -> None:
    """Each edit encodes the frames around it; going back encodes nothing."""
    seam = "two|transition: {crossfade: 6f}"
    first = chain("one", seam, "three|transition: {crossfade: 12f}")
    studio.run(first)
    second = chain("one|title: New", seam, "three|transition: {crossfade: 8f}")
    film = join_kept(studio.prepare(FILM + second)).film
    assert 0 < film.encoded_frames < film.frame_count
    assert film.reused_spans > 0

    again = join_kept(studio.prepare(first)).film
    assert (again.encoded_frames, again.is_new) == (0, True)
    (studio.folder / "store" / "films" / "board.mp4").unlink()
    for path in (studio.folder / "store" / "edits").iterdir():
        path.unlink()
    anew = join_kept(studio.prepare(first)).film
    assert anew.encoded_frames > 0


@pytest.mark.parametrize("damage", ["clip", "folder"])
def test_cache_that_can_not_be_used(studio, chain, damage: str) -> None:
    """A damaged part is encoded again; a link in place of the cache is refused."""
    film = studio.run(chain("one", "two|transition: {crossfade: 12f}")).film
    content = film.path.read_bytes()
    film.path.unlink()
    edits = studio.folder / "store" / "edits"
    if damage == "clip":
        for path in edits.iterdir():
            path.write_bytes(path.read_bytes()[:-1])
        run = studio.prepare(chain("one", "two|transition: {crossfade: 12f}"))
        assert join_kept(run).film.path.read_bytes() == content
        return
    edits.rename(studio.folder / "elsewhere")
    edits.symlink_to(studio.folder / "elsewhere")
    report = join_kept(studio.prepare(chain("one", "two|transition: {crossfade: 12f}")))
    assert report.film is None
    assert "symbolic link" in str(report.error)


def test_titles_and_card_of_a_board(studio, chain, decode) -> None:
    """A title is drawn over its shot and a card follows the film; nothing is rendered for them."""
    plain = studio.run(chain("one", "two"))
    creates, source = studio.creates, planes(plain.film.path)
    text = chain("one|title: {text: Warm, out: 1.5}", "two", head=f"film: {{card: {CARD}}}")
    film = join_kept(studio.prepare(text)).film

    assert studio.creates == creates
    assert film.frame_count == decode(film.path).frames == 97 + 36 - 6
    shown = planes(film.path)
    height = shown[0].shape[0] * 2 // 3
    assert np.abs(shown[20] - source[20])[:height].max() > 60
    assert np.abs(shown[40] - source[40])[:height].mean() < 1.5
    # Red in BT.709: 16 + 219 * 0.2126.
    assert np.abs(shown[100][:20] - 63).max() <= 1
    assert film.frame_count - film.encoded_frames >= 24
