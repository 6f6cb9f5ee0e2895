"""Clips over the wire: what is downloaded is what was ordered, and a chain holds together."""

from __future__ import annotations

import httpx
import pytest

from tasks.media.frames import first_frame, last_frame, mean_difference
from tasks.media.probe import probe


@pytest.fixture(scope="module")
def two_seconds(rendering):
    """A finished job of two seconds."""
    return rendering.rendered(rendering.create(frames=..., duration=2, return_last_frame=True))


@pytest.fixture
def fetch(tmp_path):
    """Download a job's clip and last frame: `clip, frame = fetch(told)`."""

    def download(told):
        with httpx.Client(trust_env=False) as stranger:
            clip = tmp_path / f"{told['id']}.mp4"
            clip.write_bytes(stranger.get(told["content"]["video_url"]).content)
            return clip, stranger.get(told["content"]["last_frame_url"]).content

    return download


def test_a_chain_of_shots_is_seamless(rendering, fetch, data_uri, two_seconds) -> None:
    """Each shot begins on the very frame that the one before it ended on."""
    clip, frame = fetch(two_seconds)
    assert frame == last_frame(clip)
    for text in ("The stair. Push in.", "The sea, pan left."):
        item = {"type": "image_url", "image_url": {"url": data_uri(frame)}, "role": "first_frame"}
        content = [{"type": "text", "text": text}, item]
        told = rendering.rendered(rendering.create(content=content, return_last_frame=True))
        before = frame
        clip, frame = fetch(told)

        assert frame == last_frame(clip)
        assert mean_difference(before, first_frame(clip)) < 1.3


@pytest.mark.parametrize(
    ("fields", "size", "frames"),
    [
        ({"model": "dreamina-seedance-2-5-260628", "duration": 4}, (854, 480), 97),
        ({"duration": 2}, (864, 480), 49),
        ({"frames": 33, "ratio": "9:16"}, (480, 864), 33),
    ],
)
def test_a_clip_measures_what_was_ordered(rendering, fetch, fields, size, frames) -> None:
    """Pixels and frames are exactly the vendor's; sound is there where the model has it."""
    order = {"frames": ..., "return_last_frame": True, **fields}
    told = rendering.rendered(rendering.create(**order))

    clip, _ = fetch(told)

    measured = probe(clip)
    assert (measured.width, measured.height, measured.frames) == (*size, frames)
    assert measured.has_audio == told.get("generate_audio", False)


def test_a_picture_on_somebodys_server_is_stood_in_for(rendering, fetch) -> None:
    """Nothing is fetched: a drawn picture takes its place, the same one for the same URL."""
    url = "https://example.com/packshot.png"
    content = [{"type": "image_url", "image_url": {"url": url}, "role": "first_frame"}]
    orders = [{"content": content, "return_last_frame": True, "seed": seed} for seed in (1, 2)]

    jobs = [rendering.create(**order) for order in orders]
    firsts = [first_frame(fetch(rendering.rendered(job))[0]) for job in jobs]

    assert mean_difference(*firsts) < 1


def test_a_clip_of_ours_is_continued(rendering, fetch, two_seconds) -> None:
    """Sent as a reference video, it is gone on from its last picture, and billed with."""
    model = "doubao-seedance-2-0-260128"
    small = {"model": model, "frames": ..., "duration": 4, "return_last_frame": True}
    clip, _ = fetch(two_seconds)
    url = {"url": two_seconds["content"]["video_url"]}
    content = [
        {"type": "text", "text": "The storm comes. Extend it."},
        {"type": "video_url", "video_url": url, "role": "reference_video"},
    ]
    more = rendering.rendered(
        rendering.create(**small, generate_audio=False, content=content, ratio="adaptive")
    )
    later, _ = fetch(more)

    # But for the fitting: the two models have other sizes of 480p.
    assert mean_difference(last_frame(clip), first_frame(later)) < 2.5
    # The vendor bills five thirds of the seconds at least, once a clip goes in.
    assert more["usage"]["total_tokens"] == 864 * 496 * 7 * 24 // 1024
