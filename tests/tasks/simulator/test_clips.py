"""Clips rendered and downloaded over HTTP: their size, and chains of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.media.frames import first_frame, last_frame, mean_difference
from tasks.media.probe import probe

Fetch = Callable[[dict[str, Any]], tuple[Path, bytes]]


@pytest.fixture(scope="module")
def two_second_job(rendering):
    """A finished job of two seconds."""
    return rendering.rendered(rendering.create(frames=..., duration=2, return_last_frame=True))


@pytest.fixture
def fetch(tmp_path: Path) -> Fetch:
    """Return a function that downloads the clip and the last frame of a job."""

    def download(job: dict[str, Any]) -> tuple[Path, bytes]:
        with httpx.Client(trust_env=False) as client:
            clip = tmp_path / f"{job['id']}.mp4"
            clip.write_bytes(client.get(job["content"]["video_url"]).content)
            return clip, client.get(job["content"]["last_frame_url"]).content

    return download


def test_chained_shots_share_their_frames(rendering, fetch, data_uri, two_second_job) -> None:
    """Each shot starts on the frame that the previous one ended on."""
    clip, frame = fetch(two_second_job)
    assert frame == last_frame(clip)
    for text in ("The stair. Push in.", "The sea, pan left."):
        item = {"type": "image_url", "image_url": {"url": data_uri(frame)}, "role": "first_frame"}
        content = [{"type": "text", "text": text}, item]
        previous_frame = frame

        job = rendering.rendered(rendering.create(content=content, return_last_frame=True))

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
    job = rendering.rendered(
        rendering.create(**{"frames": ..., "return_last_frame": True, **fields})
    )

    clip = probe(fetch(job)[0])

    assert (clip.width, clip.height, clip.frames) == (*size, frames)
    assert clip.has_audio is has_audio


def test_remote_image_gets_same_stand_in(rendering, fetch) -> None:
    """A remote image is not fetched; a drawn one takes its place, the same for the same URL."""
    url = "https://example.com/packshot.png"
    content = [{"type": "image_url", "image_url": {"url": url}, "role": "first_frame"}]

    jobs = [rendering.create(content=content, return_last_frame=True, seed=seed) for seed in (1, 2)]

    first, second = (first_frame(fetch(rendering.rendered(job))[0]) for job in jobs)
    assert mean_difference(first, second) < 1


def test_reference_video_is_continued_and_billed(rendering, fetch, two_second_job) -> None:
    """A clip of the simulator sent as reference video is continued from its last frame."""
    source_clip, _ = fetch(two_second_job)
    url = {"url": two_second_job["content"]["video_url"]}
    content = [
        {"type": "text", "text": "The storm comes. Extend it."},
        {"type": "video_url", "video_url": url, "role": "reference_video"},
    ]

    job = rendering.rendered(
        rendering.create(
            model="doubao-seedance-2-0-260128",
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
