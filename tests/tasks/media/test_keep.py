"""Films that keep the codec of their clips: HEVC in 8 and 10 bits, with all that is encoded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tasks.edit import PictureEdit, Title, Transition, TransitionKind
from tasks.media.probe import probe
from tests.support.film_joins import chain_edit, join_edit, make_clip
from tests.tasks.media.conftest import VideoOptions

KEEP = PictureEdit(codec="keep")
SIZE = (320, 180)
HEVC_10 = VideoOptions(size=SIZE, codec="libx265", pix_fmt="yuv420p10le")


def planes(path: Path) -> list[np.ndarray]:
    """Return all planes of each frame of a film, in levels of 10 bits."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray().astype(float) for frame in container.decode(video=0)]


@pytest.mark.long
def test_edits_of_hevc_are_encoded_in_ten_bits(studio: Any) -> None:
    """A crossfade, a range, a title and a fade; the frames outside are those of the clips."""
    paths = [studio.clip(f"{k}.mp4", frames=49, base=100 * k, video=HEVC_10) for k in range(3)]
    first, second, third = map(make_clip, paths)
    crossfade = Transition(TransitionKind.CROSSFADE, 8)
    title = Title("Ember", first_frame=4, end_frame=10, fade_frames=0)
    edit = replace(
        chain_edit(paths, chained=False, picture=KEEP),
        clips=(
            replace(first, end_frame=40),
            replace(second, transition=crossfade),
            replace(third, first_frame=5, titles=(title,)),
        ),
        fade_out_frames=6,
    )
    film = join_edit(edit, studio.folder / "film.mp4")
    assert film.frames == 40 + 49 - 8 + 44
    assert studio.decode_errors(film.path) == ""
    measured = probe(film.path)
    assert (measured.codec, measured.pix_fmt, measured.is_constant) == ("hevc", "yuv420p10le", True)
    shown, sources = planes(film.path), [planes(path) for path in paths]
    touched = set(film.reencoded_frames)
    for number in set(range(film.frames)) - touched:
        clip = (number >= 32) + (number >= 81)
        assert np.array_equal(shown[number], sources[clip][number - (0, 32, 76)[clip]])
    assert len(touched) < film.frames
    for step in range(8):
        share = (step + 1) / 9
        mix = sources[0][32 + step] * (1 - share) + sources[1][step] * share
        assert np.abs(shown[32 + step] - mix).mean() < 1.5 * 4
    # The title is white: 235 of 255, in ten bits.
    bright = np.percentile(shown[81 + 6][150:168, 140:180], 97)
    assert bright == pytest.approx(940, abs=16)
    luma = shown[-1][: SIZE[1]]
    assert np.abs(luma - 64).max() < 8


def test_seek_finds_every_clip_of_hevc(studio: Any) -> None:
    """Each clip and each encoded span begins with a frame that a player can start at."""
    clips = studio.chain(3, frames=25, video=HEVC_10, tone=None)
    film = join_edit(chain_edit(clips, picture=KEEP), studio.folder / "film.mp4")
    for number in (0, 24, 30, 48, 60):
        with av.open(str(film.path)) as container:
            stream = container.streams.video[0]
            container.seek(round(number / 24 / stream.time_base), stream=stream)
            times = (round(frame.time * 24) for frame in container.decode(stream))
            assert next(time for time in times if time >= number) == number
