"""CometAPI's volc route: Ark's format with the text first, flags in it, and other ids."""

from __future__ import annotations

import re

import pytest

from tasks.media.frames import first_frame, mean_difference
from tests.support.simulator_requests import (
    MODEL_1_0_PRO,
    MODEL_1_5_PRO,
    MODEL_2_0,
    TASKS,
    SimulatorClient,
    data_uri,
    image_bytes,
    image_item,
    save_clip,
    text_item,
)

BOAT = "A paper boat drifts on a quiet lake at sunrise."


@pytest.fixture(scope="module")
def gateway(validating: SimulatorClient) -> SimulatorClient:
    """The mount of the volc route."""
    return validating.at("cometapi-volc")


def request(*content: dict, model: str = MODEL_1_5_PRO, **fields: object) -> dict:
    """Build a create; without content it has the text alone."""
    return {"model": model, "content": list(content) or [text_item(BOAT)], **fields}


ACCEPTED = {
    "the page's example": request(text_item(f"{BOAT} --duration 5 --ratio 16:9")),
    "a callback": request(callback_url="https://example.com/hook"),
    "a first frame": request(text_item(), image_item("first_frame")),
    "first and last frame": request(
        text_item(), image_item("first_frame"), image_item("last_frame")
    ),
    "Ark's JSON fields": request(
        duration=4, resolution="1080p", ratio="adaptive", seed=1, generate_audio=False
    ),
    "return_last_frame": request(return_last_frame=True),
    "references on 2.0": request(text_item(), image_item("reference_image"), model=MODEL_2_0),
    "null fields": request(tools=None, frames=None),
    "a flag that Ark ignores": request(text_item(f"{BOAT} --duration 99")),
}
REJECTED = {
    "an image before the text": request(image_item("first_frame"), text_item()),
    "no text": request(image_item("first_frame")),
    "references on 1.5": request(text_item(), image_item("reference_image")),
    "a last frame only": request(text_item(), image_item("last_frame")),
    "13 seconds": request(duration=13),
    "duration as text": request(duration="5"),
    "4k": request(resolution="4k"),
    "an unknown field": request(fps=24),
    "a callback without scheme": request(callback_url="example.com"),
    "no content": {"model": MODEL_1_5_PRO, "content": []},
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_create_as_documented_returns_id(gateway, body) -> None:
    """The response has only an id, and the id is not in Ark's format."""
    response = gateway.post(body)

    assert response.status_code == 200, response.text
    assert set(response.json()) == {"id"}
    assert re.fullmatch(r"02\d{13}[0-9a-f]+", response.json()["id"])


@pytest.mark.parametrize("body", REJECTED.values(), ids=REJECTED)
def test_create_with_invalid_body_is_400(gateway, body) -> None:
    """The error is in Ark's format."""
    response = gateway.post(body)

    assert (response.status_code, response.json()["error"]["type"]) == (400, "BadRequest")


def test_flags_set_parameters(gateway) -> None:
    """Flags at the end of the text set the parameters and are not part of the prompt."""
    text = f"{BOAT} --duration 12 --ratio 9:16 --rs 480p --seed 3 --cf true --wm true"
    job_request = gateway.job_request(gateway.post(request(text_item(text))).json()["id"])

    assert job_request["prompt"] == BOAT
    size = (job_request["width"], job_request["height"], job_request["frames"])
    assert size == (496, 864, 289)
    assert job_request["seed"] == 3
    assert job_request["camera_fixed"] is True
    assert job_request["watermark"] is True


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_list_and_delete_are_404(gateway, method) -> None:
    """Neither is documented."""
    job = gateway.post(request()).json()["id"]
    path = f"{TASKS}/{job}" if method == "DELETE" else TASKS

    response = gateway.client.request(method, gateway.url(path))

    assert (response.status_code, response.json()["error"]["code"]) == (404, "InvalidAction")


def test_get_of_unknown_job_is_404(gateway) -> None:
    """The gateway returns Ark's status."""
    assert gateway.get("021773297205999example").status_code == 404


def test_clip_starts_on_first_frame(rendering, tmp_path) -> None:
    """The last frame is returned only if Ark's own field requests it."""
    gateway = rendering.at("cometapi-volc")
    image = image_bytes(864, 480)
    start = image_item("first_frame", data_uri(image))
    body = request(text_item("She turns. --rs 480p"), start, model=MODEL_1_0_PRO, frames=29)
    jobs = [
        gateway.post({**body, **fields}).json()["id"]
        for fields in ({}, {"return_last_frame": True})
    ]

    default, with_frame = (gateway.wait_for_job(job)["content"] for job in jobs)

    clip = save_clip(default["video_url"], tmp_path)
    assert mean_difference(image, first_frame(clip)) < 1.3
    assert set(default) == {"video_url"}
    assert set(with_frame) == {"video_url", "last_frame_url"}
