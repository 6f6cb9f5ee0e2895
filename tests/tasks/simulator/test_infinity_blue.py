"""Infinity Blue's video jobs: Sora's objects around Seedance 2.0; the clip needs the key."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import httpx
import pytest

from tasks.media.frames import first_frame, mean_difference
from tests.support.simulator_requests import (
    MODEL_2_0,
    MODEL_2_0_FAST,
    REMOTE_URL,
    SimulatorClient,
    data_uri,
    download,
    image_bytes,
    media_item,
    text_item,
)

VIDEOS = "/videos"
DAY = 86_400


@pytest.fixture(scope="module")
def gateway(validating: SimulatorClient) -> SimulatorClient:
    """The mount of Infinity Blue."""
    return validating.at("infinity-blue")


def create(gateway: SimulatorClient, body: dict[str, Any]) -> str:
    """Create a job and return its id."""
    response = gateway.post(body, VIDEOS)
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


def get(gateway: SimulatorClient, job: str, suffix: str = "", **options: Any) -> httpx.Response:
    """Get a job or, with a suffix, its content."""
    return gateway.client.get(gateway.url(f"{VIDEOS}/{job}{suffix}"), **options)


def request(**fields: object) -> dict[str, Any]:
    """Build a create from its two required fields and others."""
    return {"model": MODEL_2_0, "prompt": "A kitten on a desk.", **fields}


def content(*items: dict[str, Any]) -> dict[str, Any]:
    """Build the metadata with these content items."""
    return {"content": list(items)}


FIRST, LAST = media_item("image", "first_frame"), media_item("image", "last_frame")
REFERENCE = media_item("image", "reference_image")
ACCEPTED = {
    "only required fields": request(),
    "the page's example": request(
        seconds="5",
        resolution="720p",
        ratio="16:9",
        generate_audio=False,
        watermark=False,
        camera_fixed=False,
        return_last_frame=False,
        seed=20231234,
        n=1,
        response_format="url",
        user="user-1234",
    ),
    "the longest": request(seconds="15", resolution="1080p", ratio="21:9"),
    "the shortest": request(seconds="4", resolution="480p", ratio="9:16"),
    "duration": request(duration=4),
    "duration as 5.0": request(duration=5.0),
    "duration in metadata": request(metadata={"duration": 15}),
    "size": request(size="1280x720"),
    "a size that agrees": request(size="1280x720", resolution="720p", ratio="16:9"),
    "a fixed camera": request(camera_fixed=True, watermark=True, return_last_frame=True),
    "an image": request(image=REMOTE_URL, ratio="adaptive"),
    "two references": request(ref_images=[REMOTE_URL, REMOTE_URL], ratio="1:1"),
    "two references as images": request(images=[REMOTE_URL, REMOTE_URL]),
    "both frames": request(metadata=content(FIRST, LAST), ratio="auto"),
    "a frame without a role": request(metadata=content(media_item("image", None))),
    "all kinds of references": request(
        metadata=content(
            REFERENCE,
            media_item("video", "reference_video"),
            media_item("audio", "reference_audio"),
        )
    ),
    "parameters in metadata": request(
        metadata={"resolution": "480p", "ratio": "3:4", "generate_audio": True, "seed": 1}
    ),
    "an unknown key in metadata": request(metadata={"project": "film"}),
    "null fields": request(seconds=None, image=None, metadata=None, seed=None),
    "fast": request(model=MODEL_2_0_FAST, seconds="15", resolution="720p"),
}
GATEWAY_ERRORS = {
    "no prompt": ({"model": MODEL_2_0}, "prompt", "missing_required_parameter"),
    "an empty prompt": (request(prompt=" "), "prompt", "missing_required_parameter"),
    "no model": ({"prompt": "x"}, "model", "missing_required_parameter"),
    "another model": (request(model="doubao-seedance-2-5-260628"), "model", "model_not_found"),
    "seconds as a number": (request(seconds=5), "seconds", "invalid_duration"),
    "three seconds": (request(seconds="3"), "seconds", "invalid_duration"),
    "16 seconds": (request(seconds="16"), "seconds", "invalid_duration"),
    "auto duration": (request(seconds="-1"), "seconds", "invalid_duration"),
    "duration as 4.5": (request(duration=4.5), "duration", "invalid_duration"),
    "duration as text": (request(duration="5"), "duration", "invalid_duration"),
    "seconds and duration": (request(seconds="5", duration=5), "seconds", "invalid_duration"),
    "duration also in metadata": (
        request(seconds="5", metadata={"duration": 5}),
        "seconds",
        "invalid_duration",
    ),
    "ratio also in metadata": (
        request(ratio="16:9", metadata={"ratio": "16:9"}),
        "ratio",
        "duplicate_parameter",
    ),
    "image also in metadata": (
        request(image=REMOTE_URL, metadata=content(FIRST)),
        "image",
        "duplicate_parameter",
    ),
    "ref_images and images": (
        request(images=[REMOTE_URL], ref_images=[REMOTE_URL]),
        "images",
        "duplicate_parameter",
    ),
    "4k": (request(resolution="4k"), "resolution", "invalid_parameter"),
    "an unknown ratio": (request(ratio="2:1"), "ratio", "invalid_parameter"),
    "adaptive without media": (request(ratio="adaptive"), "ratio", "invalid_parameter"),
    "auto without media": (request(ratio="auto"), "ratio", "invalid_parameter"),
    "an unknown size": (request(size="1x1"), "size", "invalid_parameter"),
    "a size that contradicts": (
        request(size="1280x720", resolution="480p"),
        "size",
        "invalid_parameter",
    ),
    "boolean seed": (request(seed=True), "seed", "invalid_parameter"),
    "numeric watermark": (request(watermark=1), "watermark", "invalid_parameter"),
    "two videos": (request(n=2), "n", "invalid_parameter"),
    "another format": (request(response_format="b64_json"), "response_format", "invalid_parameter"),
    "text in content": (
        request(metadata=content(text_item("x"))),
        "metadata.content[0]",
        "invalid_parameter",
    ),
    "metadata as a list": (request(metadata=[]), "metadata", "invalid_parameter"),
    "image as a list": (request(image=[REMOTE_URL]), "image", "invalid_parameter"),
    **{
        name: (request(**{name: value}), name, "unknown_parameter")
        for name, value in {
            "callback_url": "https://example.com/hook",
            "service_tier": "default",
            "execution_expires_after": 7200,
            "priority": 1,
            "draft": False,
            "frames": 57,
            "tools": [],
            "safety_identifier": "x",
        }.items()
    },
}
VENDOR_ERRORS = {
    "1080p on fast": (request(model=MODEL_2_0_FAST, resolution="1080p"), "InvalidParameter"),
    "a last frame only": (request(metadata=content(LAST)), "InvalidParameter"),
    "a frame with references": (request(metadata=content(FIRST, REFERENCE)), "InvalidParameter"),
    "an image with references": (
        request(image=REMOTE_URL, ref_images=[REMOTE_URL]),
        "InvalidParameter",
    ),
    "two images without roles": (
        request(metadata=content(media_item("image", None), media_item("image", None))),
        "InvalidParameter",
    ),
    "an unknown role": (
        request(metadata=content(media_item("image", "start"))),
        "InvalidParameter",
    ),
    "a clip without a role": (
        request(metadata=content(media_item("video", None))),
        "InvalidParameter",
    ),
    "sound only": (
        request(metadata=content(media_item("audio", "reference_audio"))),
        "InvalidParameter",
    ),
    "an invalid image": (
        request(image="data:image/png;base64,AAAA"),
        "InvalidImageURL.InvalidFormat",
    ),
    "ten references": (request(ref_images=[REMOTE_URL] * 10), "InvalidParameter"),
    "moderation": (
        request(prompt="[refuse:InputTextSensitiveContentDetected]"),
        "InputTextSensitiveContentDetected",
    ),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_create_as_documented_returns_job(gateway, body) -> None:
    """The job has times in milliseconds and the duration as a string."""
    response = gateway.post(body, VIDEOS)

    assert response.status_code == 200, response.text
    job = response.json()
    assert re.fullmatch(r"video_[0-9a-f]+", job["id"])
    duration = body.get("seconds") or body.get("duration")
    duration = duration or (body.get("metadata") or {}).get("duration", 5)
    assert job == {
        "id": job["id"],
        "object": "video",
        "model": body["model"],
        "status": "queued",
        "progress": 0,
        "created_at": int(gateway.clock.now() * 1000),
        "seconds": str(int(duration)),
    }


@pytest.mark.parametrize(("body", "param", "code"), GATEWAY_ERRORS.values(), ids=GATEWAY_ERRORS)
def test_create_with_invalid_body_is_gateway_error(gateway, body, param, code) -> None:
    """The gateway's own error names the field."""
    response = gateway.post(body, VIDEOS)

    error = response.json()["error"]
    assert response.status_code == 400
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)


@pytest.mark.parametrize(("body", "code"), VENDOR_ERRORS.values(), ids=VENDOR_ERRORS)
def test_create_rejected_by_vendor_contains_its_error(gateway, body, code) -> None:
    """Ark's error body is the text of the gateway's message."""
    response = gateway.post(body, VIDEOS)

    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, "fail_to_fetch_task")
    assert json.loads(error["message"])["error"]["code"] == code


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"\\ud800"', b'{"prompt": "\\ud800"}'])
def test_body_that_is_not_a_json_object_is_400(gateway, body) -> None:
    """The gateway itself rejects it."""
    headers = {"Content-Type": "application/json"}
    response = gateway.client.post(gateway.url(VIDEOS), content=body, headers=headers)

    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")


def test_defaults_are_those_of_the_page(gateway) -> None:
    """Without sound, unlike Ark; five seconds in 720p, 16:9."""
    job_request = gateway.job_request(create(gateway, request()))

    assert job_request["audio"] is False
    assert job_request["watermark"] is False
    assert job_request["return_last_frame"] is False
    assert (job_request["frames"], job_request["resolution"]) == (121, "720p")
    assert job_request["ratio"] == "16:9"


def test_image_is_first_frame(gateway) -> None:
    """The field `image` has the role of a first frame."""
    job_request = gateway.job_request(create(gateway, request(image=REMOTE_URL)))

    assert [medium["role"] for medium in job_request["media"]] == ["first_frame"]


def test_camera_fixed_is_accepted(gateway) -> None:
    """The page has it although Ark's own page does not for these models."""
    job = create(gateway, request(camera_fixed=True))

    assert gateway.job_request(job)["camera_fixed"] is True


def test_base64_in_metadata_is_noted_in_log(gateway) -> None:
    """The page documents public URLs there: base64 is accepted and noted."""
    inline = media_item("image", "first_frame", data_uri(image_bytes()))
    job = create(gateway, request(metadata=content(inline)))

    assert "base64" in gateway.log_note(job)


def test_image_as_bare_base64_is_accepted(gateway) -> None:
    """The page documents base64 without the head of a data URI."""
    image = base64.b64encode(image_bytes(480, 864)).decode()

    job = create(gateway, request(image=image, resolution="480p"))

    assert gateway.job_request(job)["ratio"] == "9:16"


def test_request_without_key_is_401(gateway) -> None:
    """The job and the clip need a key."""
    headers = {"Authorization": ""}

    created = gateway.post(request(), VIDEOS, headers=headers)
    clip = get(gateway, "video_1", "/content", headers=headers)

    assert (created.status_code, clip.status_code) == (401, 401)
    assert created.json()["error"]["type"] == "authentication_error"


@pytest.mark.parametrize("suffix", ["", "/content"])
def test_get_of_unknown_job_is_404(gateway, suffix) -> None:
    """The error is the gateway's own."""
    response = get(gateway, "video_none", suffix)

    assert (response.status_code, response.json()["error"]["code"]) == (404, "task_not_found")


@pytest.mark.parametrize(("method", "path"), [("GET", "/videos"), ("DELETE", "/videos/a")])
def test_list_and_delete_are_404(gateway, method, path) -> None:
    """Neither is documented."""
    assert gateway.client.request(method, gateway.url(path)).status_code == 404


@pytest.mark.parametrize(
    ("fault", "status", "progress", "fields"),
    [("job_failed", "failed", 100, {"error"}), ("job_expired", "in_progress", 30, set())],
)
def test_job_without_clip_has_no_content(simulator, fault, status, progress, fields) -> None:
    """A failed job has an error; an expired job seems to run."""
    simulator.faults.inject(fault)
    gateway = simulator.at("infinity-blue")
    job_id = create(gateway, request())
    simulator.clock.advance(10)

    job = get(gateway, job_id).json()

    assert (job["status"], job["progress"]) == (status, progress)
    assert {"error"} & set(job) == fields
    assert get(gateway, job_id, "/content").status_code == 404


def test_job_from_creation_to_expiry(simulator, tmp_path) -> None:
    """The clip starts on the image, needs the key, and is forgotten with the job after a day."""
    gateway = simulator.at("infinity-blue")
    image = image_bytes(864, 496)
    body = request(image=data_uri(image), seconds="4", resolution="480p", return_last_frame=True)
    job_id = create(gateway, body)
    created_at = simulator.clock.now()

    without_clip = get(gateway, job_id, "/content")
    simulator.clock.advance(3)
    running = get(gateway, job_id).json()
    simulator.clock.advance(7)
    job = gateway.wait_for_end(f"{VIDEOS}/{job_id}")
    clip = get(gateway, job_id, "/content")
    simulator.clock.advance(DAY)
    expired = [get(gateway, job_id, suffix).status_code for suffix in ("", "/content")]

    assert without_clip.status_code == 404
    assert without_clip.json()["error"]["code"] == "video_not_ready"
    assert (running["status"], running["progress"]) == ("in_progress", 50)
    assert (job["status"], job["progress"], job["size"]) == ("completed", 100, "864x496")
    times = [job[name] for name in ("created_at", "completed_at", "expires_at")]
    assert times == [int((created_at + after) * 1000) for after in (0, 10, 10 + DAY)]
    assert set(job["metadata"]) == {"url"}
    assert "frame" not in json.dumps(job)
    assert (clip.status_code, clip.headers["content-type"]) == (200, "video/mp4")
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip.content)
    assert mean_difference(image, first_frame(path)) < 1.3
    assert expired == [404, 404]


@pytest.fixture(scope="module")
def finished_jobs(rendering: SimulatorClient) -> tuple[SimulatorClient, str, str]:
    """The mount, a finished job, and a job whose content route redirects to another host."""
    gateway = rendering.at("infinity-blue")
    jobs = []
    for fault in (None, "content_redirects"):
        if fault:
            rendering.faults.inject(fault)
        job = create(gateway, request(seconds="4", resolution="480p"))
        # One after the other, so that the second clip comes from the cache.
        gateway.wait_for_end(f"{VIDEOS}/{job}")
        jobs.append(job)
    return gateway, jobs[0], jobs[1]


def test_content_equals_linked_clip(finished_jobs) -> None:
    """The content route supports ranges."""
    gateway, job, _ = finished_jobs
    whole = get(gateway, job, "/content").content
    part = get(gateway, job, "/content", headers={"Range": "bytes=0-9"})

    assert whole == download(get(gateway, job).json()["metadata"]["url"])
    assert (part.status_code, part.content) == (206, whole[:10])


def test_content_redirect_must_be_followed_without_key(finished_jobs) -> None:
    """The other host rejects the key."""
    gateway, job, redirected_job = finished_jobs
    redirect = get(gateway, redirected_job, "/content")
    location = redirect.headers["location"]

    assert (redirect.status_code, httpx.URL(location).host) == (302, "localhost")
    assert gateway.client.get(location).status_code == 400
    assert download(location) == get(gateway, job, "/content").content


@pytest.mark.parametrize("fault", ["short_download", "truncated", "lost_reply"])
def test_content_can_break_off(finished_jobs, fault) -> None:
    """Download and reply faults apply to the content route."""
    gateway, job, _ = finished_jobs
    gateway.faults.inject(fault, mount="infinity-blue", operation="content")

    with pytest.raises(httpx.RemoteProtocolError):
        get(gateway, job, "/content")
    assert get(gateway, job, "/content").status_code == 200


def test_content_can_fail_with_status(finished_jobs) -> None:
    """The status is the fault's, and the next request succeeds."""
    gateway, job, _ = finished_jobs
    gateway.faults.inject("download_error", mount="infinity-blue", operation="content")

    assert [get(gateway, job, "/content").status_code for _ in range(2)] == [503, 200]
