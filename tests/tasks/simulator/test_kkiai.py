"""kkiai: parameters as flags in the text for 1.x, plain Ark at another base URL for 2.0."""

from __future__ import annotations

import re

import pytest

from tasks.media.frames import first_frame, mean_difference
from tests.support.simulator_requests import (
    MODEL_1_0_LITE_I2V,
    MODEL_1_0_LITE_T2V,
    MODEL_1_0_PRO,
    MODEL_1_0_PRO_FAST,
    MODEL_1_5_PRO,
    MODEL_2_0,
    MODEL_2_0_FAST,
    SimulatorClient,
    data_uri,
    image_bytes,
    image_item,
    save_clip,
    text_item,
)


@pytest.fixture(scope="module")
def gateway(validating: SimulatorClient) -> SimulatorClient:
    """The mount of kkiai's 1.x models."""
    return validating.at("kkiai")


def request(model: str, flags: str = "", *content: dict, **fields: object) -> dict:
    """Build a create with flags in its text."""
    text = text_item(f"A field of daisies. {flags}")
    return {"model": model, "content": [text, *content], **fields}


FRAME = image_item("first_frame")
REFERENCE = image_item("reference_image")
ACCEPTED = {
    "the page's example": request(
        MODEL_1_0_PRO_FAST,
        "--resolution 480p --ratio 16:9 --duration 2 --camera_fixed false --watermark false "
        "--seed 1",
    ),
    "the longest": request(MODEL_1_0_PRO, "--duration 12 --resolution 1080p --ratio 21:9"),
    "the largest seed": request(MODEL_1_0_PRO, "--seed 4294967295"),
    "the smallest seed": request(MODEL_1_0_PRO, "--seed 0"),
    "no flags": request(MODEL_1_0_LITE_T2V),
    "a first frame without a role": request(MODEL_1_0_PRO, "", image_item()),
    "a text after the frame": {"model": MODEL_1_0_PRO, "content": [FRAME, text_item()]},
    "a first and last frame": request(MODEL_1_0_LITE_I2V, "", FRAME, image_item("last_frame")),
    "four references": request(MODEL_1_0_LITE_I2V, "--resolution 720p", *[REFERENCE] * 4),
    "no sound on 1.5": request(MODEL_1_5_PRO, "--duration 4", generate_audio=False),
    "adaptive as the default": request(MODEL_1_5_PRO, "--ratio adaptive"),
    "adaptive with a frame": request(MODEL_1_0_PRO, "--ratio adaptive", FRAME),
    "ignored fields": request(
        MODEL_1_0_PRO, return_last_frame=True, callback_url="https://example.com/hook"
    ),
    "null fields": request(MODEL_1_0_PRO, seed=None, duration=None, tools=None),
}
REJECTED = {
    "one second": request(MODEL_1_0_PRO, "--duration 1"),
    "13 seconds": request(MODEL_1_0_PRO, "--duration 13"),
    "three seconds on 1.5": request(MODEL_1_5_PRO, "--duration 3"),
    "auto duration": request(MODEL_1_5_PRO, "--duration -1"),
    "half a second": request(MODEL_1_0_PRO, "--duration 2.5"),
    "a random seed": request(MODEL_1_0_PRO, "--seed -1"),
    "a seed too large": request(MODEL_1_0_PRO, "--seed 4294967296"),
    "4k": request(MODEL_1_0_PRO, "--resolution 4k"),
    "a resolution in capitals": request(MODEL_1_0_PRO, "--resolution 480P"),
    "an unknown ratio": request(MODEL_1_0_PRO, "--ratio 2:1"),
    "adaptive without media on 1.0": request(MODEL_1_0_PRO, "--ratio adaptive"),
    "adaptive with references": request(MODEL_1_0_LITE_I2V, "--ratio adaptive", REFERENCE),
    "camera_fixed maybe": request(MODEL_1_0_PRO, "--camera_fixed maybe"),
    "camera_fixed with references": request(MODEL_1_0_LITE_I2V, "--camera_fixed true", REFERENCE),
    "a watermark as a number": request(MODEL_1_0_PRO, "--watermark 1"),
    "1080p with references": request(MODEL_1_0_LITE_I2V, "--resolution 1080p", REFERENCE),
    "sound on 1.0": request(MODEL_1_0_PRO, generate_audio=True),
    "duration as JSON": request(MODEL_1_0_PRO, duration=5),
    "ratio as JSON": request(MODEL_1_0_PRO, ratio="16:9"),
    "seed as JSON": request(MODEL_1_0_PRO, seed=1),
    "service_tier": request(MODEL_1_0_PRO, service_tier="default"),
    "no text": {"model": MODEL_1_0_PRO, "content": [FRAME]},
    "flags without text": {"model": MODEL_1_0_PRO, "content": [text_item("--duration 5")]},
    "five references": request(MODEL_1_0_LITE_I2V, "--resolution 720p", *[REFERENCE] * 5),
    "a reference on 1.5": request(MODEL_1_5_PRO, "", REFERENCE),
    "a first and last frame on pro fast": request(
        MODEL_1_0_PRO_FAST, "", FRAME, image_item("last_frame")
    ),
    "a frame for text to video": request(MODEL_1_0_LITE_T2V, "", FRAME),
    "text for image to video": request(MODEL_1_0_LITE_I2V),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_create_as_documented_returns_id(gateway, body) -> None:
    """The response has a status that Ark's does not have."""
    response = gateway.post(body)

    assert response.status_code == 200, response.text
    job = response.json()["id"]
    assert re.fullmatch(r"cgt-\d{14}-[a-z0-9]{5}", job)
    assert response.json() == {"id": job, "status": "submitted"}


@pytest.mark.parametrize("body", REJECTED.values(), ids=REJECTED)
def test_create_with_invalid_body_is_400(gateway, body) -> None:
    """The error is in Ark's format."""
    response = gateway.post(body)

    assert (response.status_code, response.json()["error"]["type"]) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("mount", "model", "status"),
    [
        ("kkiai", MODEL_2_0, 404),
        ("kkiai", "seedance-1-0-pro-250528", 404),
        ("kkiai-2", MODEL_2_0, 200),
        ("kkiai-2", MODEL_2_0_FAST, 200),
        ("kkiai-2", "doubao-seedance-2-0-mini-260615", 404),
        ("kkiai-2", MODEL_1_0_PRO, 404),
    ],
)
def test_models_belong_to_one_base_url(validating, mount, model, status) -> None:
    """The 1.x models are at one base URL, the 2.0 models at the other."""
    assert validating.at(mount).post(request(model)).status_code == status


def test_ignored_fields_are_noted_in_log(gateway) -> None:
    """return_last_frame and callback_url are accepted and have no effect."""
    body = request(MODEL_1_0_PRO, return_last_frame=True, callback_url="https://example.com/hook")
    job = gateway.post(body).json()["id"]

    assert "return_last_frame, callback_url" in gateway.log_note(job)


@pytest.mark.parametrize(("mount", "model"), [("kkiai", MODEL_1_0_PRO), ("kkiai-2", MODEL_2_0)])
def test_delete_is_invalid_action(validating, mount, model) -> None:
    """No delete is documented, and the job continues."""
    gateway = validating.at(mount)
    job = gateway.post(request(model)).json()["id"]

    assert gateway.delete(job).json()["error"]["code"] == "InvalidAction"
    assert gateway.get(job).status_code == 200


def test_list_supports_documented_filters(stalled) -> None:
    """The list page shows three query parameters."""
    gateway = stalled.at("kkiai")
    jobs = []
    for _ in range(3):
        jobs.append(gateway.post(request(MODEL_1_0_PRO)).json()["id"])
        stalled.clock.advance(1)

    page = gateway.list_jobs(page_size=2)
    chosen = gateway.list_jobs(**{"filter.task_ids": jobs[:2]})

    assert [item["id"] for item in page["items"]] == jobs[:0:-1]
    assert {item["id"] for item in chosen["items"]} == set(jobs[:2])
    assert gateway.list_jobs(**{"filter.status": "succeeded"}) == {"total": 0, "items": []}
    assert gateway.at("kkiai-2").list_jobs()["total"] == 0


def test_job_has_only_documented_fields(rendering, tmp_path) -> None:
    """The clip starts on the first frame; a last frame is not returned although requested."""
    gateway = rendering.at("kkiai")
    image = image_bytes(864, 480)
    start = image_item("first_frame", data_uri(image))
    body = request(MODEL_1_0_PRO, "--resolution 480p --duration 2", start)
    job_id = gateway.post({**body, "return_last_frame": True}).json()["id"]

    job = gateway.wait_for_job(job_id)

    clip = save_clip(job["content"]["video_url"], tmp_path)
    assert mean_difference(image, first_frame(clip)) < 1.3
    assert set(job) == {*("id", "model", "status", "content", "usage", "created_at", "updated_at")}
    assert set(job["content"]) == {"video_url"}
    assert job["usage"]["total_tokens"] == 19_845
    assert gateway.list_jobs()["items"] == [job]


def test_other_base_url_is_plain_ark(validating) -> None:
    """It has JSON parameters, a response with only the id, and a list."""
    gateway = validating.at("kkiai-2")
    body = request(MODEL_2_0, "", FRAME, duration=15, resolution="4k", return_last_frame=True)

    response = gateway.post(body)

    assert set(response.json()) == {"id"}
    assert response.json()["id"] in {item["id"] for item in gateway.list_jobs()["items"]}
    assert gateway.post({**body, "duration": 16}).json()["error"]["param"] == "duration"
