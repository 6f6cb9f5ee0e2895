"""The ends of clips at chained seams are encoded before the film needs them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tasks.planning.planner import make_plan
from tasks.seam_tails import drops_last_frame, encode_tail
from tasks.store.layout import Store
from tests.support.boards import board_text
from tests.support.film_joins import chain_edit, join_edit


def write_clip(path: Path, first: int) -> Path:
    """Write 32 frames that refer to each other in both directions."""
    with av.open(str(path), "w", format="mp4") as container:
        options = {"preset": "veryfast", "x264-params": "b-adapt=0:bframes=3:scenecut=0"}
        stream = container.add_stream("libx264", rate=24, options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for number in range(32):
            planes = np.full((144, 160), 128, np.uint8)
            planes[:96] = 60 + (np.arange(160) * 3 + 5 * (first + number)) % 120
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        container.mux(stream.encode(None))
    return path


def test_join_after_encode_tail_encodes_nothing(tmp_path: Path) -> None:
    """The film takes the ends of its clips from the store."""
    clips = [write_clip(tmp_path / f"{k}.mp4", 31 * k) for k in range(3)]
    edit = chain_edit(clips)
    for clip in edit.clips[:2]:
        encode_tail(Store(tmp_path / "store"), clip.file.path, clip.file.sha256)
    film = join_edit(edit, tmp_path / "film.mp4", store=tmp_path / "store")

    assert film.frames == 94
    assert film.reused_spans == len(film.spans) == 2
    assert film.encoded_frames == 0


@pytest.mark.parametrize("content", [None, b"not a clip"])
def test_encode_tail_of_unusable_clip_does_nothing(tmp_path: Path, content: bytes | None) -> None:
    """The join reports what is wrong with a clip, not the step that only saves time."""
    if content is not None:
        (tmp_path / "a.mp4").write_bytes(content)
    encode_tail(Store(tmp_path / "store"), tmp_path / "a.mp4", "0" * 64)

    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("second", "extra", "expected"),
    [
        ("", "", True),
        (", first_frame: none", "", False),
        (", transition: {crossfade: 6f}", "", False),
        ("", "film: {join: {dip: black}}", False),
        (", transition: cut", "film: {join: {dip: black}}", True),
    ],
)
def test_drops_last_frame_at_chained_cuts(
    make_board, second: str, extra: str, expected: bool
) -> None:
    """Only a cut to the shot that starts on the last frame leaves it out."""
    board = make_board(board_text("id: a, prompt: p", f"id: b, prompt: q{second}", extra=extra))
    plan = make_plan(board)

    assert [drops_last_frame(plan, shot) for shot in plan.shots] == [expected, False]
