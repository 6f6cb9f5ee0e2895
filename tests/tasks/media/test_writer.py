"""The writer of new clips: what it is given is what a player shows, and failures are told."""

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


def test_frames_come_out_in_order_and_in_value(tmp_path) -> None:
    """One decoded picture for each that was written, with key frames two seconds apart."""
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


def test_sound_lies_beside_the_picture(tmp_path) -> None:
    """However it is cut into pieces, the samples come out in place."""
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
def test_an_odd_side_is_refused(tmp_path, size) -> None:
    """Half of it would be no whole chroma sample."""
    with pytest.raises(MediaError, match="even"):
        ClipWriter(tmp_path / "a.mp4", *size, audio=False)


def test_planes_of_another_size_are_refused_and_nothing_is_left(tmp_path) -> None:
    """The half-written file goes."""
    path = tmp_path / "a.mp4"

    def write() -> None:
        with ClipWriter(path, 320, 180, audio=False) as writer:
            writer.write_frame(*grey(120))
            writer.write_frame(*grey(120, 640, 360))

    with pytest.raises(MediaError, match="320×180"):
        write()
    assert not path.exists()


def test_a_folder_that_is_not_there_is_a_media_error(tmp_path) -> None:
    """Told in one sentence."""

    def write(frames: int, path: Path) -> None:
        with ClipWriter(path, 320, 180, audio=False) as writer:
            for _ in range(frames):
                writer.write_frame(*grey(120))

    with pytest.raises(MediaError, match=r"a\.mp4 could not be written"):
        write(90, tmp_path / "nowhere" / "a.mp4")
    with pytest.raises(MediaError, match=r"b\.mp4 was closed without a picture"):
        write(0, tmp_path / "b.mp4")
    assert list(tmp_path.glob("*.mp4")) == []


def test_a_picture_can_be_coded_by_itself(tmp_path) -> None:
    """A key frame where one is asked for."""
    path = tmp_path / "a.mp4"
    with ClipWriter(path, 320, 180, audio=False) as writer:
        for index in range(10):
            writer.write_frame(*grey(120), intra=index == 9)

    with av.open(str(path)) as container:
        keys = [frame.key_frame for frame in container.decode(video=0)]
    assert keys == [True, *[False] * 8, True]
