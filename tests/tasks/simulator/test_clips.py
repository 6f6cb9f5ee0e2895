"""Clips rendered and downloaded over HTTP: their size, and chains of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.media.frames import first_frame, last_frame, mean_difference
from tasks.media.probe import probe
from tests.support.simulator_requests import (
    MODEL_2_0,
    data_uri,
    download,
    image_item,
    media_item,
    save_clip,
    text_item,
)

Fetch = Callable[[dict[str, Any]], tuple[Path, bytes]]


@pytest.fixture(scope="module")
def two_second_job(rendering):
    """A finished job of two seconds."""
    return rendering.wait_for_job(rendering.create(frames=..., duration=2, return_last_frame=True))


@pytest.fixture
def fetch(tmp_path: Path) -> Fetch:
    """Return a function that downloads the clip and the last frame of a job."""

    def fetch_job(job: dict[str, Any]) -> tuple[Path, bytes]:
        content = job["content"]
        return save_clip(content["video_url"], tmp_path), download(content["last_frame_url"])

    return fetch_job


def test_chained_shots_share_their_frames(rendering, fetch, two_second_job) -> None:
    """Each shot starts on the frame that the previous one ended on."""
    clip, frame = fetch(two_second_job)
    assert frame == last_frame(clip)
    for text in ("The stair. Push in.", "The sea, pan left."):
        content = [text_item(text), image_item("first_frame", data_uri(frame))]
        previous_frame = frame

        job = rendering.wait_for_job(rendering.create(content=content, return_last_frame=True))

        clip, frame = fetch(job)
        assert frame == last_frame(clip)
        assert mean_difference(previous_frame, first_frame(clip)) < 1.3


@pytest.mark.parametrize(
    ("fields", "size", "frames", "has_audio"),
    [
        ({"model": "dreamina-seedance-2-5-260628", "duration": 4}, (854, 480), 97, True),
        ({"duration": 2}, (864, 480), 49, False),
        ({"frames": 33, "ratio": "9:16"}, (480, 864), 33, False),
    ],
)
def test_clip_has_requested_size_and_length(
    rendering, fetch, fields, size, frames, has_audio
) -> None:
    """Pixels and frames are exactly the vendor's; there is sound if the model has it."""
    job = rendering.wait_for_job(
        rendering.create(**{"frames": ..., "return_last_frame": True, **fields})
    )

    clip = probe(fetch(job)[0])

    assert (clip.width, clip.height, clip.frames) == (*size, frames)
    assert clip.has_audio is has_audio


def test_remote_image_gets_same_stand_in(rendering, fetch) -> None:
    """A remote image is not fetched; a drawn one takes its place, the same for the same URL."""
    content = [image_item("first_frame")]

    jobs = [rendering.create(content=content, return_last_frame=True, seed=seed) for seed in (1, 2)]

    first, second = (first_frame(fetch(rendering.wait_for_job(job))[0]) for job in jobs)
    assert mean_difference(first, second) < 1


def test_reference_video_is_continued_and_billed(rendering, fetch, two_second_job) -> None:
    """A clip of the simulator sent as reference video is continued from its last frame."""
    source_clip, _ = fetch(two_second_job)
    url = two_second_job["content"]["video_url"]
    reference = media_item("video", "reference_video", url)
    content = [text_item("The storm comes. Extend it."), reference]

    job = rendering.wait_for_job(
        rendering.create(
            model=MODEL_2_0,
            frames=...,
            duration=4,
            return_last_frame=True,
            generate_audio=False,
            content=content,
            ratio="adaptive",
        )
    )

    clip, _ = fetch(job)
    # Not equal, because the two models have different sizes for 480p.
    assert mean_difference(last_frame(source_clip), first_frame(clip)) < 2.5
    # With a reference video, the vendor bills at least five thirds of the output's duration.
    assert job["usage"]["total_tokens"] == 864 * 496 * 7 * 24 // 1024
