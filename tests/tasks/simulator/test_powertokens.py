"""powertokens: BytePlus's Ark with the ids and limits of its own page."""

from __future__ import annotations

import re

import pytest

from tasks.media.frames import first_frame, mean_difference
from tests.support.simulator_requests import (
    SimulatorClient,
    data_uri,
    download,
    image_bytes,
    image_item,
    media_item,
    request_with,
    save_clip,
)

MODEL_2_0 = "dreamina-seedance-2-0-260128"
MODEL_2_0_FAST = "dreamina-seedance-2-0-fast-260128"
MODEL_1_5_PRO = "seedance-1-5-pro-251215"
MODEL_1_0_PRO = "seedance-1-0-pro-250528"
MODEL_1_0_PRO_FAST = "seedance-1-0-pro-fast-251015"


@pytest.fixture(scope="module")
def gateway(validating: SimulatorClient) -> SimulatorClient:
    """The mount of powertokens."""
    return validating.at("powertokens")


REFERENCES = (
    media_item("image", "reference_image"),
    media_item("image", "reference_image"),
    media_item("video", "reference_video"),
    media_item("audio", "reference_audio"),
)
ACCEPTED = {
    "the page's example": request_with(
        MODEL_2_0, *REFERENCES, generate_audio=True, ratio="16:9", duration=11, watermark=False
    ),
    "references without text": {"model": MODEL_2_0, "content": list(REFERENCES)},
    "an asset": request_with(MODEL_2_0, image_item("first_frame", "asset://asset-2026")),
    "an image without text": {"model": MODEL_1_0_PRO, "content": [image_item("first_frame")]},
    "every field of 2.0": request_with(
        MODEL_2_0,
        image_item("first_frame"),
        resolution="1080p",
        ratio="adaptive",
        duration=-1,
        generate_audio=False,
        watermark=True,
        return_last_frame=True,
        execution_expires_after=3600,
        safety_identifier="x" * 64,
        priority=9,
        seed=4_294_967_295,
        callback_url="https://example.com/hook",
    ),
    "priority on fast": request_with(MODEL_2_0_FAST, priority=0, duration=15, resolution="720p"),
    "every field of 1.5": request_with(
        MODEL_1_5_PRO, draft=True, resolution="480p", camera_fixed=True, duration=12, seed=-1
    ),
    "the default tier on 1.0": request_with(
        MODEL_1_0_PRO, service_tier="default", frames=57, execution_expires_after=259_200
    ),
    "adaptive with a frame on 1.0": request_with(
        MODEL_1_0_PRO, image_item("first_frame"), ratio="adaptive", duration=2
    ),
    "pro fast": request_with(MODEL_1_0_PRO_FAST, duration=12, resolution="1080p"),
    "null fields": request_with(MODEL_2_0, **dict.fromkeys(("tools", "frames", "service_tier"))),
}
REJECTED = {
    "flex tier": (request_with(MODEL_1_0_PRO, service_tier="flex"), "service_tier"),
    "service_tier on 2.0": (request_with(MODEL_2_0, service_tier="default"), "service_tier"),
    "a web search": (request_with(MODEL_2_0, tools=[{"type": "web_search"}]), "tools"),
    "empty tools on 2.0": (request_with(MODEL_2_0, tools=[]), "tools"),
    "4k": (request_with(MODEL_2_0, resolution="4k"), "resolution"),
    "1080p on fast": (request_with(MODEL_2_0_FAST, resolution="1080p"), "resolution"),
    "16 seconds": (request_with(MODEL_2_0, duration=16), "duration"),
    "13 seconds on 1.5": (request_with(MODEL_1_5_PRO, duration=13), "duration"),
    "auto duration on 1.0": (request_with(MODEL_1_0_PRO, duration=-1), "duration"),
    "duration as text": (request_with(MODEL_2_0, duration="5"), "duration"),
    "frames on 1.5": (request_with(MODEL_1_5_PRO, frames=57), "frames"),
    "frames out of step": (request_with(MODEL_1_0_PRO, frames=58), "frames"),
    "a seed too large": (request_with(MODEL_1_0_PRO, seed=4_294_967_296), "seed"),
    "camera_fixed on 2.0": (request_with(MODEL_2_0, camera_fixed=True), "camera_fixed"),
    "a draft on 2.0": (request_with(MODEL_2_0, draft=True), "draft"),
    "a draft in 720p": (request_with(MODEL_1_5_PRO, draft=True, resolution="720p"), "resolution"),
    "sound on 1.0": (request_with(MODEL_1_0_PRO, generate_audio=True), "generate_audio"),
    "priority on 1.5": (request_with(MODEL_1_5_PRO, priority=1), "priority"),
    "adaptive without media on 1.0": (request_with(MODEL_1_0_PRO, ratio="adaptive"), "ratio"),
    "mov": (request_with(MODEL_2_0, output_format="mov"), "output_format"),
    "expiry below an hour": (
        request_with(MODEL_1_0_PRO, execution_expires_after=3599),
        "execution_expires_after",
    ),
    "a long safety_identifier": (
        request_with(MODEL_1_0_PRO, safety_identifier="x" * 65),
        "safety_identifier",
    ),
    "sound only": (request_with(MODEL_2_0, media_item("audio", "reference_audio")), "content"),
    "a frame with references": (
        request_with(MODEL_2_0, image_item("first_frame"), REFERENCES[0]),
        "content",
    ),
    "a first and last frame on pro fast": (
        request_with(MODEL_1_0_PRO_FAST, image_item("first_frame"), image_item("last_frame")),
        "content",
    ),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_create_as_documented_returns_id(gateway, body) -> None:
    """The id is in Ark's format; a safety_identifier is returned if one was sent."""
    response = gateway.post(body)

    assert response.status_code == 200, response.text
    assert re.fullmatch(r"cgt-\d{14}-[a-z0-9]{5}", response.json()["id"])
    assert set(response.json()) == {"id"} | ({"safety_identifier"} & set(body))


@pytest.mark.parametrize(("body", "param"), REJECTED.values(), ids=REJECTED)
def test_create_with_invalid_body_is_400(gateway, body, param) -> None:
    """The error is in Ark's format and names the field."""
    response = gateway.post(body)

    error = response.json()["error"]
    assert (response.status_code, error["param"], error["type"]) == (400, param, "BadRequest")


@pytest.mark.parametrize(
    "model",
    ["doubao-seedance-2-0-260128", "dreamina-seedance-2-5-260628", "seedance-1-0-lite-t2v-250428"],
)
def test_undocumented_model_is_404(gateway, model) -> None:
    """The page has five ids, without Volcengine's, 2.5 and lite."""
    assert gateway.post(request_with(model)).status_code == 404


def test_list_is_404(gateway) -> None:
    """The page and those beside it document create, get and delete."""
    response = gateway.client.get(gateway.url())

    assert (response.status_code, response.json()["error"]["code"]) == (404, "InvalidAction")


def test_delete_cancels_queued_job(stalled) -> None:
    """A delete is documented."""
    gateway = stalled.at("powertokens")
    job = gateway.post(request_with(MODEL_1_0_PRO)).json()["id"]

    assert gateway.delete(job).json() == {}
    assert gateway.get(job).json()["status"] == "cancelled"


def test_seed_is_not_noted_in_log(gateway) -> None:
    """This page allows a seed for every model, so nothing is disputed."""
    job = gateway.post(request_with(MODEL_2_0, seed=7)).json()["id"]

    assert gateway.log_note(job) == ""


def test_clip_starts_on_first_frame_and_returns_last(rendering, tmp_path) -> None:
    """A chained shot gets both links."""
    gateway = rendering.at("powertokens")
    image = image_bytes(864, 480)
    start = image_item("first_frame", data_uri(image))
    body = request_with(MODEL_1_0_PRO, start, resolution="480p", ratio="adaptive")
    job_id = gateway.post({**body, "frames": 29, "return_last_frame": True}).json()["id"]

    job = gateway.wait_for_job(job_id)

    clip = save_clip(job["content"]["video_url"], tmp_path)
    assert mean_difference(image, first_frame(clip)) < 1.3
    assert download(job["content"]["last_frame_url"])[1:4] == b"PNG"
    assert (job["ratio"], job["frames"]) == ("16:9", 29)
