"""Uploaded clips: only at the simulator's own mount, validated, and used in creates."""

from __future__ import annotations

import io
from typing import Any

import av
import httpx
import pytest
from PIL import Image

from tests.support.simulator_requests import (
    MODEL_2_0,
    SimulatorClient,
    media_item,
    minimal_request,
    text_item,
)


def clip_bytes(width: int = 864, height: int = 480, frames: int = 48, rate: int = 24) -> bytes:
    """Return a blue clip whose last frame is red."""
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
    """A clip of two seconds."""
    return clip_bytes()


def upload(client: SimulatorClient, data: bytes, name: str = "file") -> httpx.Response:
    """Upload a clip."""
    return client.client.post(client.url("/assets"), files={name: ("clip.mp4", data, "video/mp4")})


def request_with_clip(url: str, kind: str = "video") -> dict[str, Any]:
    """Build a create that refers to a clip, or to a clip as if it were a sound."""
    content = [text_item("Extend Video 1: it goes on."), media_item(kind, f"reference_{kind}", url)]
    return minimal_request(model=MODEL_2_0, content=content, frames=..., duration=4)


def test_upload_is_used_as_reference_clip(validating, clip) -> None:
    """The job gets the clip's duration, which is billed, and its last frame, which is continued."""
    asset = upload(validating, clip).json()
    repeated = upload(validating, clip).json()
    response = validating.post(request_with_clip(asset["url"]))

    assert asset == repeated
    assert asset["url"] == f"asset://{asset['id']}"
    medium = validating.job_request(response.json()["id"])["media"][0]
    assert (medium["role"], medium["width"], medium["height"]) == ("reference_video", 864, 480)
    assert medium["seconds"] == 2
    with Image.open(validating.root / "inputs" / medium["source"]) as image:
        red, green, blue = image.convert("RGB").crop((400, 200, 401, 201)).tobytes()
    assert red > 200
    assert max(green, blue) < 60


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"not a clip", "MP4 or MOV"),
        (clip_bytes(736, 544, frames=3), "the pixels must be"),
        (clip_bytes(1600, 480, frames=3), "width / height"),
        (clip_bytes(200, 480, frames=3), "each side"),
        (clip_bytes(frames=3, rate=12), "12 fps"),
    ],
)
def test_upload_of_invalid_clip_is_rejected(validating, data: bytes, message: str) -> None:
    """The limits are those of the vendors' page for reference clips."""
    response = upload(validating, data)

    assert response.status_code == 400
    assert message in response.json()["error"]["message"]


def test_upload_form_with_other_part_is_rejected(validating, clip) -> None:
    """The form has one part named `file`."""
    assert upload(validating, clip, name="video").status_code == 400


def test_upload_without_key_is_rejected(validating, clip) -> None:
    """An upload needs a key, as every request does."""
    url = validating.url("/assets")

    assert httpx.post(url, files={"file": ("a.mp4", clip)}, trust_env=False).status_code == 401


@pytest.mark.parametrize("mount", ["ark", "modelark", "powertokens", "kkiai-2", "infinity-blue"])
def test_upload_at_vendor_mount_is_404(validating, clip, mount: str) -> None:
    """No vendor documents an upload."""
    assert upload(validating.at(mount), clip).status_code == 404


def test_asset_at_vendor_mount_is_placeholder(validating, clip) -> None:
    """Another mount does not know the asset and uses a placeholder, as for any remote URL."""
    asset = upload(validating, clip).json()
    ark = validating.at("ark")
    response = ark.post(request_with_clip(asset["url"]))

    medium = ark.job_request(response.json()["id"])["media"][0]
    assert medium["source"].startswith("elsewhere-")


@pytest.mark.parametrize("name", ["simulated-" + "0" * 32, "simulated-../../secret", "simulated-"])
def test_unknown_asset_is_rejected(validating, name: str) -> None:
    """An id that was never uploaded is not found, and never becomes a path."""
    response = validating.post(request_with_clip(f"asset://{name}"))

    assert "was not found" in response.json()["error"]["message"]


def test_asset_as_sound_is_rejected(validating, clip) -> None:
    """A clip can't have the role of a sound."""
    asset = upload(validating, clip).json()
    response = validating.post(request_with_clip(asset["url"], kind="audio"))

    assert "the asset is a video" in response.json()["error"]["message"]


def test_own_clip_below_size_limit_is_rejected(rendering) -> None:
    """A rendered clip of 736x544 has fewer pixels than a reference clip must have."""
    job = rendering.create(ratio="4:3")
    url = rendering.wait_for_job(job)["content"]["video_url"]
    response = rendering.post(request_with_clip(url))

    assert "the pixels must be" in response.json()["error"]["message"]
