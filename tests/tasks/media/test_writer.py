"""Clips written from planes and samples."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tasks.errors import MediaError
from tasks.media.writer import ClipWriter


def grey(value: int, width: int = 320, height: int = 180) -> tuple[np.ndarray, ...]:
    half = (height // 2, width // 2)
    return (
        np.full((height, width), value, np.uint8),
        np.full(half, 128, np.uint8),
        np.full(half, 128, np.uint8),
    )


def test_frames_keep_order_and_luma(tmp_path) -> None:
    """Decoded frames have the luma they were written with, and key frames two seconds apart."""
    path = tmp_path / "a.mp4"
    values = [40 + 2 * index for index in range(60)]

    with ClipWriter(path, 320, 180, audio=False) as writer:
        for value in values:
            writer.write_frame(*grey(value))

    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    shown = [float(frame.to_ndarray()[:180].mean()) for frame in frames]
    assert shown == pytest.approx(values, abs=1.5)
    assert [index for index, frame in enumerate(frames) if frame.key_frame] == [0, 48]
    assert [frame.pts * frame.time_base * 24 for frame in frames] == list(range(60))


def test_samples_keep_their_position(tmp_path) -> None:
    """Samples written frame by frame are decoded at the same positions."""
    path = tmp_path / "a.mp4"
    time = np.arange(48_000, dtype=np.float32) / 48_000
    tone = (0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)

    with ClipWriter(path, 320, 180, audio=True) as writer:
        for frame in range(24):
            writer.write_frame(*grey(120))
            writer.write_samples(tone[frame * 2000 : (frame + 1) * 2000])

    with av.open(str(path)) as container:
        sound = np.concatenate([part.to_ndarray()[0] for part in container.decode(audio=0)])
    assert np.abs(sound[4000:40_000] - tone[4000:40_000]).mean() < 0.02


@pytest.mark.parametrize("size", [(321, 180), (320, 181)])
def test_odd_size_is_rejected(tmp_path, size) -> None:
    """A size that is not even has no 4:2:0 chroma planes and is rejected."""
    with pytest.raises(MediaError, match="even"):
        ClipWriter(tmp_path / "a.mp4", *size, audio=False)


def test_planes_of_other_size_leave_no_file(tmp_path) -> None:
    """Planes of another size are rejected, and the incomplete file is removed."""
    path = tmp_path / "a.mp4"

    def write() -> None:
        with ClipWriter(path, 320, 180, audio=False) as writer:
            writer.write_frame(*grey(120))
            writer.write_frame(*grey(120, 640, 360))

    with pytest.raises(MediaError, match="320×180"):
        write()
    assert not path.exists()


def test_failed_clip_leaves_no_file(tmp_path) -> None:
    """A missing folder and a clip without frames are MediaErrors, and no file is left."""

    def write(frames: int, path: Path) -> None:
        with ClipWriter(path, 320, 180, audio=False) as writer:
            for _ in range(frames):
                writer.write_frame(*grey(120))

    with pytest.raises(MediaError, match=r"a\.mp4 could not be written"):
        write(90, tmp_path / "nowhere" / "a.mp4")
    with pytest.raises(MediaError, match=r"b\.mp4 was closed without a frame"):
        write(0, tmp_path / "b.mp4")
    assert list(tmp_path.glob("*.mp4")) == []


def test_intra_frame_is_key_frame(tmp_path) -> None:
    """A frame written with `intra` is a key frame."""
    path = tmp_path / "a.mp4"
    with ClipWriter(path, 320, 180, audio=False) as writer:
        for index in range(10):
            writer.write_frame(*grey(120), intra=index == 9)

    with av.open(str(path)) as container:
        keys = [frame.key_frame for frame in container.decode(video=0)]
    assert keys == [True, *[False] * 8, True]
