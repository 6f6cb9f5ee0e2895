"""CometAPI's video jobs: a strict form, other statuses, an image as a loose anchor."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tasks.media.frames import first_frame, mean_difference
from tests.support.simulator_requests import SimulatorClient, image_bytes, save_clip

VIDEOS = "/videos"
MODEL_2_0 = "doubao-seedance-2-0"
MODEL_2_0_FAST = "doubao-seedance-2-0-fast"
MODEL_1_5_PRO = "doubao-seedance-1-5-pro"
MODEL_1_0_PRO = "doubao-seedance-1-0-pro"
PROMPT = "A slow cinematic camera push across a coastal landscape at sunrise."


@pytest.fixture(scope="module")
def gateway(validating: SimulatorClient) -> SimulatorClient:
    """The mount of CometAPI's `/videos`."""
    return validating.at("cometapi-videos")


def form(model: Any = MODEL_2_0_FAST, **parts: Any) -> list[tuple[str, Any]]:
    """Build the parts of a form.

    A value is text, bytes, or a tuple (file name, bytes, media type); `...` leaves it out.
    """
    fields = {"prompt": PROMPT, "model": model, **parts}
    return [
        (name, value if isinstance(value, tuple) else (None, value))
        for name, value in fields.items()
        if value is not ...
    ]


def post(gateway: SimulatorClient, parts: list[tuple[str, Any]], **options: Any) -> httpx.Response:
    """Post a form."""
    return gateway.client.post(gateway.url(VIDEOS), files=parts, **options)


def post_raw(gateway: SimulatorClient, body: bytes, media_type: str) -> httpx.Response:
    """Post bytes with a content type."""
    headers = {"Content-Type": media_type}
    return gateway.client.post(gateway.url(VIDEOS), content=body, headers=headers)


def create(gateway: SimulatorClient, *args: Any, **parts: Any) -> str:
    """Create a job and return its id."""
    response = post(gateway, form(*args, **parts))
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


def get(gateway: SimulatorClient, job: str) -> httpx.Response:
    """Get a job."""
    return gateway.client.get(gateway.url(f"{VIDEOS}/{job}"))


ACCEPTED = {
    "the page's example": form(seconds="5", size="16:9", resolution="720p"),
    "only required fields": form(),
    "the shortest on 2.0": form(MODEL_2_0, seconds="4", size="21:9", resolution="480p"),
    "the longest on fast": form(seconds="15", size="4:3"),
    "the longest on 1.5": form(MODEL_1_5_PRO, seconds="12", resolution="1080p", size="1:1"),
    "the shortest on 1.0": form(MODEL_1_0_PRO, seconds="2", resolution="1080p", size="3:4"),
    "the longest on 1.0": form(MODEL_1_0_PRO, seconds="10", size="9:16"),
    "a prompt in quotes": form(prompt='"Wait," she whispers.'),
    "a prompt in Chinese": form(prompt="灯塔"),
}
MISSING = {
    "no prompt": form(prompt=...),
    "an empty prompt": form(prompt=" "),
    "no model": form(model=...),
}
# The body, and a word in the message.
REJECTED = {
    "a model with its date": (form("doubao-seedance-2-0-260128"), "model"),
    "a model in quotes": (form('"doubao-seedance-2-0-fast"'), "model"),
    "3 seconds on 2.0": (form(seconds="3"), "duration"),
    "16 seconds on 2.0": (form(seconds="16"), "duration"),
    "13 seconds on 1.5": (form(MODEL_1_5_PRO, seconds="13"), "duration"),
    "11 seconds on 1.0": (form(MODEL_1_0_PRO, seconds="11"), "duration"),
    "1 second on 1.0": (form(MODEL_1_0_PRO, seconds="1"), "duration"),
    "seconds in quotes": (form(seconds='"5"'), "duration"),
    "seconds as 5.0": (form(seconds="5.0"), "duration"),
    "seconds with a space": (form(seconds="5 "), "duration"),
    "a size in pixels": (form(size="1280x720"), "size"),
    "an adaptive size": (form(size="adaptive"), "size"),
    "a size in quotes": (form(size='"16:9"'), "size"),
    "1080p on 2.0": (form(MODEL_2_0, resolution="1080p"), "resolution"),
    "1080p on fast": (form(resolution="1080p"), "resolution"),
    "4k": (form(MODEL_1_5_PRO, resolution="4k"), "resolution"),
    "a seed": (form(seed="1"), "seed"),
    "generate_audio": (form(generate_audio="true"), "generate_audio"),
    "a model twice": ([*form(), ("model", (None, MODEL_2_0_FAST))], "model"),
    "a reference as text": (form(input_reference="https://example.com/a.png"), "input_reference"),
    "a prompt as a file": (form(prompt=("a.txt", b"Sea", "text/plain")), "prompt"),
    "an image that is text": (
        form(input_reference=("a.png", b"not a picture", "image/png")),
        "input_reference",
    ),
    "a prompt that is not UTF-8": (form(prompt=b"\xff\xfe"), "prompt"),
}


@pytest.mark.parametrize("parts", ACCEPTED.values(), ids=ACCEPTED)
def test_create_as_documented_returns_job(gateway, parts) -> None:
    """The job has the fields that the page shows."""
    response = post(gateway, parts)

    assert response.status_code == 200, response.text
    job = response.json()
    assert re.fullmatch(r"task_[0-9a-f]+", job["id"])
    assert job == {
        "id": job["id"],
        "task_id": job["id"],
        "object": "video",
        "model": dict(parts)["model"][1],
        "status": "SUBMITTED",
        "progress": 0,
        "created_at": int(gateway.clock.now()),
    }


@pytest.mark.parametrize(("parts", "word"), REJECTED.values(), ids=REJECTED)
def test_create_with_invalid_form_is_400(gateway, parts, word) -> None:
    """The error is flat and names the field."""
    response = post(gateway, parts)

    body = response.json()
    assert response.status_code == 400
    assert set(body) == {"code", "message", "data"}
    assert body["code"] == "InvalidParameter"
    assert word in body["message"]


@pytest.mark.parametrize("parts", MISSING.values(), ids=MISSING)
def test_create_without_required_field_is_400(gateway, parts) -> None:
    """A missing field has another code than an invalid one."""
    response = post(gateway, parts)

    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert response.json()["message"].endswith("is required")


@pytest.mark.parametrize("model", [MODEL_1_5_PRO, MODEL_1_0_PRO])
def test_image_for_older_model_is_rejected(gateway, model) -> None:
    """The message is the page's own."""
    response = post(gateway, form(model, input_reference=("a.png", image_bytes(), "image/png")))

    name = model.removeprefix("doubao-")
    message = f"the specified task_type r2v does not support model {name}"
    assert (response.status_code, response.json()["message"]) == (400, message)


@pytest.mark.parametrize(
    ("image_format", "media_type", "status"),
    [
        ("JPEG", "image/jpeg", 200),
        ("PNG", "image/png", 200),
        ("WEBP", "image/webp", 200),
        ("PNG", "application/octet-stream", 200),
        ("PNG", "image/jpeg", 400),
        ("BMP", "image/bmp", 400),
        ("GIF", "image/gif", 400),
    ],
)
def test_image_must_be_jpeg_png_or_webp(gateway, image_format, media_type, status) -> None:
    """The bytes count, and the part's content type must agree with them."""
    image = ("a.bin", image_bytes(image_format=image_format), media_type)

    assert post(gateway, form(input_reference=image)).status_code == status


def test_second_image_is_rejected(gateway) -> None:
    """The page documents one file."""
    part = ("input_reference", ("a.png", image_bytes(), "image/png"))

    assert "more than once" in post(gateway, [*form(), part, part]).json()["message"]


BROKEN = {
    "JSON": ("application/json", b"{}"),
    "no boundary": ("multipart/form-data", b"--x\r\n\r\n--x--"),
    "no end": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"',
    ),
    "an empty body": ("multipart/form-data; boundary=x", b""),
    "no parts": ("multipart/form-data; boundary=x", b"--x--"),
    "no head": ("multipart/form-data; boundary=x", b"--x\r\n\r\nvalue\r\n--x--"),
    "no name": (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Disposition: form-data\r\n\r\nvalue\r\n--x--",
    ),
    "a head above the limit": (
        "multipart/form-data; boundary=x",
        b"--x\r\n" + b"A: b\r\n" * 2000 + b"\r\nvalue\r\n--x--",
    ),
    "too many parts": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nv\r\n' * 100 + b"--x--",
    ),
    "an encoded form": ("application/x-www-form-urlencoded", b"prompt=a&model=b"),
}


@pytest.mark.parametrize(("media_type", "body"), BROKEN.values(), ids=BROKEN)
def test_form_that_can_not_be_read_is_400(gateway, media_type, body) -> None:
    """The error is flat."""
    response = post_raw(gateway, body, media_type)

    assert (response.status_code, set(response.json())) == (400, {"code", "message", "data"})


def test_form_in_format_of_curl_is_read(gateway) -> None:
    """Text parts have no type, and the bytes of the file may contain anything."""
    data = image_bytes() + b"\r\n--\r\n\x00\xff\r\n"
    head = 'Content-Disposition: form-data; name="{}"'
    fields = (("prompt", "Sea"), ("model", MODEL_2_0_FAST))
    parts = [f"{head.format(name)}\r\n\r\n{value}".encode() for name, value in fields]
    file_head = head.format("input_reference") + '; filename="a b.png"\r\nContent-Type: image/png'
    parts.append(file_head.encode() + b"\r\n\r\n" + data)
    body = b"".join(b"--cut\r\n" + part + b"\r\n" for part in parts) + b"--cut--\r\n"

    response = post_raw(gateway, body, 'multipart/form-data; boundary="cut"')

    assert response.status_code == 200, response.text
    source = gateway.job_request(response.json()["id"])["media"][0]["source"]
    assert (gateway.root / "inputs" / source).read_bytes() == data


def test_create_without_key_is_401(gateway) -> None:
    """The error is nested, unlike that of a 400."""
    response = post(gateway, form(), headers={"Authorization": ""})

    assert (response.status_code, set(response.json())) == (401, {"error"})


@pytest.mark.parametrize("job", ["task_none", "cgt-1", "x" * 200])
def test_get_of_unknown_job_is_400(gateway, job) -> None:
    """The page documents `task_not_exist` instead of a 404."""
    response = get(gateway, job)

    assert (response.status_code, response.json()["message"]) == (400, "task_not_exist")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/videos"), ("DELETE", "/videos/a"), ("GET", "/videos/a/content")]
)
def test_undocumented_operation_is_404(gateway, method, path) -> None:
    """There is no list, no delete and no content route."""
    assert gateway.client.request(method, gateway.url(path)).status_code == 404


def run_job(simulator: SimulatorClient) -> list[dict[str, Any]]:
    """Return a job when it is queued, running and finished."""
    gateway = simulator.at("cometapi-videos")
    job = create(gateway, MODEL_1_0_PRO, seconds="2", resolution="480p")
    queued = get(gateway, job).json()
    simulator.clock.advance(3)
    running = get(gateway, job).json()
    simulator.clock.advance(7)
    return [queued, running, gateway.wait_for_end(f"{VIDEOS}/{job}")]


def test_job_has_statuses_of_first_page(simulator) -> None:
    """The clip's URL and the time of completion come with the final status."""
    jobs = run_job(simulator)

    assert [job["status"] for job in jobs] == ["SUBMITTED", "IN_PROGRESS", "SUCCESS"]
    assert [job["progress"] for job in jobs] == [0, 30, 100]
    assert ["video_url" in job for job in jobs] == [False, False, True]
    assert ["completed_at" in job for job in jobs] == [False, False, True]
    assert jobs[2]["completed_at"] == jobs[2]["created_at"] + 10
    assert [name for name in jobs[2] if "frame" in name] == []


def test_job_has_statuses_of_newer_page(simulator) -> None:
    """The newer page warns that a running job can have a time of completion."""
    simulator.faults.inject("newer_words")

    jobs = run_job(simulator)

    assert [job["status"] for job in jobs] == ["queued", "in_progress", "completed"]
    assert ["video_url" in job for job in jobs] == [False, False, True]
    assert ["completed_at" in job for job in jobs] == [False, True, True]


@pytest.mark.parametrize(
    ("faults", "status"),
    [
        (["job_failed"], "FAILED"),
        (["job_expired"], "ERROR"),
        (["job_failed", "newer_words"], "failed"),
        (["job_expired", "newer_words"], "error"),
    ],
)
def test_job_without_clip_has_error(simulator, faults, status) -> None:
    """A failed and an expired job have an error and no URL."""
    for fault in faults:
        simulator.faults.inject(fault)
    gateway = simulator.at("cometapi-videos")
    job_id = create(gateway)
    simulator.clock.advance(10)

    job = get(gateway, job_id).json()

    assert job["status"] == status
    assert set(job["error"]) == {"code", "message"}
    assert "video_url" not in job


def test_image_is_only_a_loose_anchor(rendering, tmp_path) -> None:
    """The first frame differs from the image, but less than that of a clip without image."""
    gateway = rendering.at("cometapi-videos")
    image = image_bytes(864, 496)
    parts = {"seconds": "4", "resolution": "480p"}
    jobs = [
        create(gateway, input_reference=("a.png", image, "image/png"), **parts),
        create(gateway, **parts),
    ]

    differences = []
    for job in jobs:
        clip = save_clip(gateway.wait_for_end(f"{VIDEOS}/{job}")["video_url"], tmp_path)
        differences.append(mean_difference(image, first_frame(clip)))

    assert 6 < differences[0] < differences[1] / 2
