"""Files left with the simulator: only at its own mount, judged by their bytes, used in orders."""

from __future__ import annotations

import io
from typing import Any

import av
import httpx
import pytest
from PIL import Image

MODEL = "doubao-seedance-2-0-260128"


def clip_bytes(width: int = 864, height: int = 480, frames: int = 48, rate: int = 24) -> bytes:
    """A clip that turns from blue to red, so that its last picture is known."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            colour = "red" if number == frames - 1 else "blue"
            frame = av.VideoFrame.from_image(Image.new("RGB", (width, height), colour))
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue()


@pytest.fixture(scope="module")
def clip() -> bytes:
    return clip_bytes()


def leave(vendor, data: bytes, name: str = "file", mount: str = "simulator") -> httpx.Response:
    place = vendor.at(mount).url("/assets")
    return vendor.client.post(place, files={name: ("clip.mp4", data, "video/mp4")})


def with_clip(order, url: str, kind: str = "video_url") -> dict[str, Any]:
    role = {"video_url": "reference_video", "audio_url": "reference_audio"}[kind]
    content = [
        {"type": "text", "text": "Extend Video 1: it goes on."},
        {"type": kind, kind: {"url": url}, "role": role},
    ]
    return order(model=MODEL, content=content, frames=..., duration=4)


def test_a_clip_that_was_left_here_goes_with_an_order(checking, clip, order) -> None:
    """By its id: with its length for the bill, and its last picture for what continues it."""
    left = leave(checking, clip).json()
    again = leave(checking, clip).json()
    reply = checking.post(with_clip(order, left["url"]))

    assert left == again
    assert left["url"] == f"asset://{left['id']}"
    medium = checking.commission(reply.json()["id"])["media"][0]
    assert (medium["role"], medium["width"], medium["height"]) == ("reference_video", 864, 480)
    assert medium["seconds"] == 2
    with Image.open(checking.root / "inputs" / medium["source"]) as picture:
        red, green, blue = picture.convert("RGB").getpixel((400, 200))
    assert red > 200
    assert max(green, blue) < 60


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"no clip", "MP4 or MOV"),
        (clip_bytes(736, 544, frames=3), "the pixels must be"),
        (clip_bytes(1600, 480, frames=3), "width / height"),
        (clip_bytes(200, 480, frames=3), "each side"),
        (clip_bytes(frames=3, rate=12), "12 fps"),
    ],
)
def test_a_clip_that_vendors_do_not_take_is_refused(checking, data: bytes, said: str) -> None:
    """As the vendors' page limits reference clips."""
    reply = leave(checking, data)

    assert reply.status_code == 400
    assert said in reply.json()["error"]["message"]


def test_the_form_is_strict(checking, clip) -> None:
    """One part, a file, under its name; and with a key."""
    assert leave(checking, clip, name="video").status_code == 400
    with httpx.Client(trust_env=False) as stranger:
        place = checking.url("/assets")
        assert stranger.post(place, files={"file": ("a.mp4", clip)}).status_code == 401


@pytest.mark.parametrize("mount", ["ark", "modelark", "powertokens", "kkiai-2", "infinity-blue"])
def test_no_vendor_s_mount_has_the_route(checking, clip, mount: str) -> None:
    """None of them documents it."""
    assert leave(checking, clip, mount=mount).status_code == 404


def test_a_vendor_s_mount_does_not_know_what_was_left(checking, clip, order) -> None:
    """There the id is a stranger's: stood in for, as any other."""
    left = leave(checking, clip).json()
    ark = checking.at("ark")
    reply = ark.post(with_clip(order, left["url"]))

    medium = ark.commission(reply.json()["id"])["media"][0]
    assert medium["source"].startswith("elsewhere-")


@pytest.mark.parametrize("name", ["simulated-" + "0" * 32, "simulated-../../secret", "simulated-"])
def test_an_id_of_ours_that_is_not_there_is_refused(checking, order, name: str) -> None:
    """And no id becomes a path."""
    reply = checking.post(with_clip(order, f"asset://{name}"))

    assert "was not found" in reply.json()["error"]["message"]


def test_a_clip_is_no_sound(checking, clip, order) -> None:
    """The role has to fit."""
    left = leave(checking, clip).json()
    reply = checking.post(with_clip(order, left["url"], kind="audio_url"))

    assert "the asset is a video" in reply.json()["error"]["message"]


def test_a_job_s_own_clip_is_held_to_the_same_limits(rendering, order) -> None:
    """A clip of 736x544 has fewer pixels than vendors take as a reference."""
    job = rendering.create(ratio="4:3")
    url = rendering.rendered(job)["content"]["video_url"]
    reply = rendering.post(with_clip(order, url))

    assert "the pixels must be" in reply.json()["error"]["message"]
