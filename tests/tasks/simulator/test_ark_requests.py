"""Creates in the official Ark format: accepted and rejected bodies, models and media."""

from __future__ import annotations

import httpx
import pytest

from tests.support.boards import write_wav
from tests.support.simulator_requests import (
    MODEL_1_0_LITE_I2V,
    MODEL_1_0_LITE_T2V,
    MODEL_1_0_PRO,
    MODEL_1_0_PRO_FAST,
    MODEL_1_5_PRO,
    MODEL_2_0,
    MODEL_2_0_FAST,
    MODEL_2_5,
    MODEL_2_5_FLASH,
    TASKS,
    data_uri,
    image_bytes,
    image_item,
    media_item,
    minimal_request,
    request_with,
    text_item,
)

CLIP = media_item("video", "reference_video")
SOUND = media_item("audio", "reference_audio")
ACCEPTED = {
    "text only": request_with(MODEL_1_0_PRO),
    "every optional field null": request_with(
        MODEL_2_0,
        **dict.fromkeys(
            ("seed", "frames", "camera_fixed", "service_tier", "draft", "tools", "priority")
        ),
    ),
    "a resolution in capitals": request_with(MODEL_1_0_PRO, resolution="480P"),
    "4k on 2.0": request_with(MODEL_2_0, resolution="4k", ratio="21:9"),
    "adaptive without media on 1.5": request_with(MODEL_1_5_PRO, ratio="adaptive"),
    "auto duration": request_with(MODEL_2_0, duration=-1),
    "a disputed seed on 2.0": request_with(MODEL_2_0, seed=7),
    "the largest seed": request_with(MODEL_1_0_PRO, seed=4294967295),
    "a first frame without a role": request_with(MODEL_1_0_PRO, image_item()),
    "first and last frame": request_with(
        MODEL_1_0_PRO, image_item("first_frame"), image_item("last_frame")
    ),
    "a first frame with a ratio": request_with(MODEL_2_0, image_item("first_frame"), ratio="1:1"),
    "a first frame on 2.5": request_with(MODEL_2_5, image_item("first_frame"), duration=5),
    "four references on lite": request_with(
        MODEL_1_0_LITE_I2V, *(image_item("reference_image") for _ in range(4)), resolution="720p"
    ),
    "all kinds of references": request_with(MODEL_2_0, image_item("reference_image"), CLIP, SOUND),
    "sound only on 2.5": request_with(MODEL_2_5, SOUND),
    "an asset": request_with(MODEL_2_0, image_item("first_frame", "asset://asset-2026")),
    "flex tier": request_with(MODEL_1_0_PRO, service_tier="flex", execution_expires_after=259200),
    "a draft": request_with(MODEL_1_5_PRO, draft=True),
    "a web search": request_with(MODEL_2_0, tools=[{"type": "web_search"}], priority=9),
    "an image without text": {"model": MODEL_1_0_PRO, "content": [image_item("first_frame")]},
}

REJECTED = {
    "an unknown field": (request_with(MODEL_1_0_PRO, fps=24), "InvalidParameter", "fps"),
    "duration as text": (request_with(MODEL_1_0_PRO, duration="5"), "InvalidParameter", "duration"),
    "duration as 5.0": (request_with(MODEL_1_0_PRO, duration=5.0), "InvalidParameter", "duration"),
    "boolean seed": (request_with(MODEL_1_0_PRO, seed=True), "InvalidParameter", "seed"),
    "numeric watermark": (
        request_with(MODEL_1_0_PRO, watermark=1),
        "InvalidParameter",
        "watermark",
    ),
    "no model": ({"content": [text_item()]}, "MissingParameter", "model"),
    "no content": ({"model": MODEL_1_0_PRO}, "MissingParameter", "content"),
    "empty content": ({"model": MODEL_1_0_PRO, "content": []}, "InvalidParameter", "content"),
    "content as text": ({"model": MODEL_1_0_PRO, "content": "x"}, "InvalidParameter", "content"),
    "two texts": (request_with(MODEL_1_0_PRO, text_item()), "InvalidParameter", "content[1]"),
    "an empty text": (
        {"model": MODEL_1_0_PRO, "content": [{"type": "text", "text": " "}]},
        "InvalidParameter",
        "content[0].text",
    ),
    "an unknown content type": (
        request_with(MODEL_1_0_PRO, {"type": "picture"}),
        "InvalidParameter",
        "content[1].type",
    ),
    "an unknown key in content": (
        request_with(MODEL_1_0_PRO, {**image_item("first_frame"), "size": 1}),
        "InvalidParameter",
        "content[1].size",
    ),
    "an unknown role": (
        request_with(MODEL_1_0_PRO, image_item("start")),
        "InvalidParameter",
        "content[1].role",
    ),
    "two images without roles": (
        request_with(MODEL_1_0_PRO, image_item(), image_item()),
        "InvalidParameter",
        "content[1].role",
    ),
    "an empty url": (
        request_with(MODEL_1_0_PRO, image_item("first_frame", "")),
        "InvalidImageURL.EmptyURL",
        "content[1].image_url.url",
    ),
    "a loopback url": (
        request_with(MODEL_1_0_PRO, image_item("first_frame", "http://127.0.0.1:9/a.png")),
        "InvalidParameter",
        "content[1].image_url.url",
    ),
    "a file url": (
        request_with(MODEL_1_0_PRO, image_item("first_frame", "file:///etc/passwd")),
        "InvalidParameter",
        "content[1].image_url.url",
    ),
    "a clip in base64": (
        request_with(
            MODEL_2_0,
            {
                "type": "video_url",
                "video_url": {"url": "data:video/mp4;base64,AAAA"},
                "role": "reference_video",
            },
        ),
        "InvalidParameter",
        "content[1].video_url.url",
    ),
    "a frame with references": (
        request_with(MODEL_2_0, image_item("first_frame"), image_item("reference_image")),
        "InvalidParameter",
        "content",
    ),
    "a last frame only": (
        request_with(MODEL_1_0_PRO, image_item("last_frame")),
        "InvalidParameter",
        "content",
    ),
    "two first frames": (
        request_with(MODEL_1_0_PRO, image_item("first_frame"), image_item("first_frame")),
        "InvalidParameter",
        "content",
    ),
    "a last frame on pro fast": (
        request_with(MODEL_1_0_PRO_FAST, image_item("first_frame"), image_item("last_frame")),
        "InvalidParameter",
        "content",
    ),
    "an image for text to video": (
        request_with(MODEL_1_0_LITE_T2V, image_item("first_frame")),
        "InvalidParameter",
        "content",
    ),
    "text for image to video": (request_with(MODEL_1_0_LITE_I2V), "InvalidParameter", "content"),
    "references on 1.5": (
        request_with(MODEL_1_5_PRO, image_item("reference_image")),
        "InvalidParameter",
        "content",
    ),
    "ten references on 2.0": (
        request_with(MODEL_2_0, *(image_item("reference_image") for _ in range(10))),
        "InvalidParameter",
        "content",
    ),
    "sound only on 2.0": (request_with(MODEL_2_0, SOUND), "InvalidParameter", "content"),
    "three seconds on 2.0": (request_with(MODEL_2_0, duration=3), "InvalidParameter", "duration"),
    "16 seconds on 2.0": (request_with(MODEL_2_0, duration=16), "InvalidParameter", "duration"),
    "31 seconds": (request_with(MODEL_2_5, duration=31), "InvalidParameter", "duration"),
    "auto duration on 1.0": (
        request_with(MODEL_1_0_PRO, duration=-1),
        "InvalidParameter",
        "duration",
    ),
    "frames of the wrong form": (
        request_with(MODEL_1_0_PRO, frames=120),
        "InvalidParameter",
        "frames",
    ),
    "too few frames": (request_with(MODEL_1_0_PRO, frames=25), "InvalidParameter", "frames"),
    "frames on 2.0": (request_with(MODEL_2_0, frames=29), "InvalidParameter", "frames"),
    "1080p on fast": (
        request_with(MODEL_2_0_FAST, resolution="1080p"),
        "InvalidParameter",
        "resolution",
    ),
    **{
        f"{name} on 2.5 flash": (
            request_with(MODEL_2_5_FLASH, **{name: value}),
            "InvalidParameter",
            name,
        )
        for name, value in {
            "resolution": "1080p",
            "draft": True,
            "output_format": "mov",
            "duration": 31,
        }.items()
    },
    "an unknown resolution": (
        request_with(MODEL_1_0_PRO, resolution="540p"),
        "InvalidParameter",
        "resolution",
    ),
    "1080p with references on lite": (
        request_with(MODEL_1_0_LITE_I2V, image_item("reference_image"), resolution="1080p"),
        "InvalidParameter",
        "resolution",
    ),
    "an unknown ratio": (request_with(MODEL_1_0_PRO, ratio="2:1"), "InvalidParameter", "ratio"),
    "adaptive without media on 1.0": (
        request_with(MODEL_1_0_PRO, ratio="adaptive"),
        "InvalidParameter",
        "ratio",
    ),
    "a ratio with a first frame on 2.5": (
        request_with(MODEL_2_5, image_item("first_frame"), ratio="16:9"),
        "InvalidParameter.TaskTypeConstraint",
        "ratio",
    ),
    "a seed below -1": (request_with(MODEL_1_0_PRO, seed=-2), "InvalidParameter", "seed"),
    "camera_fixed on 2.0": (
        request_with(MODEL_2_0, camera_fixed=False),
        "InvalidParameter",
        "camera_fixed",
    ),
    "sound on 1.0": (
        request_with(MODEL_1_0_PRO, generate_audio=False),
        "InvalidParameter",
        "generate_audio",
    ),
    "service_tier on 2.0": (
        request_with(MODEL_2_0, service_tier="default"),
        "InvalidParameter",
        "service_tier",
    ),
    "a draft on 2.0": (request_with(MODEL_2_0, draft=False), "InvalidParameter", "draft"),
    "a draft in 720p": (
        request_with(MODEL_1_5_PRO, draft=True, resolution="720p"),
        "InvalidParameter",
        "resolution",
    ),
    "a draft with its last frame": (
        request_with(MODEL_1_5_PRO, draft=True, return_last_frame=True),
        "InvalidParameter",
        "return_last_frame",
    ),
    "an unknown draft": (
        {
            "model": MODEL_1_5_PRO,
            "content": [{"type": "draft_task", "draft_task": {"id": "cgt-1"}}],
        },
        "InvalidParameter",
        "content[0].draft_task.id",
    ),
    "priority on 1.0": (request_with(MODEL_1_0_PRO, priority=1), "InvalidParameter", "priority"),
    "priority 10": (request_with(MODEL_2_0, priority=10), "InvalidParameter", "priority"),
    "an unknown tool": (
        request_with(MODEL_2_0, tools=[{"type": "shell"}]),
        "InvalidParameter",
        "tools",
    ),
    "expiry below an hour": (
        request_with(MODEL_1_0_PRO, execution_expires_after=3599),
        "InvalidParameter",
        "execution_expires_after",
    ),
    "a long safety_identifier": (
        request_with(MODEL_1_0_PRO, safety_identifier="x" * 65),
        "InvalidParameter",
        "safety_identifier",
    ),
    "a callback that is not HTTP": (
        request_with(MODEL_1_0_PRO, callback_url="mailto:a@b"),
        "InvalidParameter",
        "callback_url",
    ),
    "an edit without a clip": (
        request_with(MODEL_2_5, image_item("reference_image"), omni_reference_task_type="edit"),
        "InvalidParameter.TaskTypeMismatch",
        "omni_reference_task_type",
    ),
    "a prompt above the limit": (
        {"model": MODEL_1_0_PRO, "content": [{"type": "text", "text": "x" * 20001}]},
        "OutofContextError",
        "content[0].text",
    ),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_create_as_documented_returns_id(validating, body) -> None:
    """The response has only an id in the documented format."""
    response = validating.post(body)

    assert response.status_code == 200, response.text
    assert set(response.json()) == {"id"}
    assert response.json()["id"].startswith("cgt-")


@pytest.mark.parametrize(("body", "code", "param"), REJECTED.values(), ids=REJECTED)
def test_create_with_invalid_body_is_400(validating, body, code, param) -> None:
    """The error is in Ark's format, and no job is created."""
    before = validating.list_jobs()["total"]

    response = validating.post(body)

    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, code, param)
    assert error["type"] == "BadRequest"
    assert error["message"].endswith(f"Request id: {response.headers['X-Request-Id']}")
    assert validating.list_jobs()["total"] == before


@pytest.mark.parametrize("key", [None, "", "Bearer", "Basic abc"])
def test_create_without_key_is_401(validating, key) -> None:
    """A request needs a bearer key that is not empty."""
    headers = {"Authorization": key} if key is not None else {}

    response = httpx.post(
        validating.url(), json=minimal_request(), headers=headers, trust_env=False
    )

    error = response.json()["error"]
    assert response.status_code == 401
    assert (error["code"], error["type"]) == ("AuthenticationError", "Unauthorized")


@pytest.mark.parametrize(
    ("mount", "model"),
    [
        ("simulator", MODEL_1_0_PRO),
        ("simulator", "seedance-1-0-pro-250528"),
        ("ark", MODEL_1_0_PRO),
        ("modelark", "seedance-1-0-pro-250528"),
    ],
)
def test_model_of_mount_is_accepted(validating, mount, model) -> None:
    """Volcengine and BytePlus have different ids; the simulator's own mount has both."""
    assert validating.at(mount).post(minimal_request(model=model)).status_code == 200


@pytest.mark.parametrize(
    ("mount", "model"),
    [
        ("simulator", "seedance-1.0-pro"),
        ("ark", "seedance-1-0-pro-250528"),
        ("modelark", MODEL_1_0_PRO),
        ("modelark", "ep-20260101-abcde"),
    ],
)
def test_model_of_other_mount_is_404(validating, mount, model) -> None:
    """The error is Ark's own for a model without access."""
    response = validating.at(mount).post(minimal_request(model=model))

    error = response.json()["error"]
    assert response.status_code == 404
    assert (error["code"], error["type"]) == ("InvalidEndpointOrModel.NotFound", "NotFound")


def test_web_search_at_modelark_is_rejected(validating) -> None:
    """BytePlus does not have the tool that Volcengine has."""
    body = request_with("dreamina-seedance-2-0-260128", tools=[{"type": "web_search"}])

    assert validating.at("simulator").post(body).status_code == 200
    assert validating.at("modelark").post(body).json()["error"]["param"] == "tools"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/contents/generations"), ("PUT", TASKS), ("GET", "/models")],
)
def test_unknown_path_is_invalid_action(validating, method, path) -> None:
    """The error is Ark's, not the web server's."""
    response = validating.client.request(method, validating.url(path))

    assert response.status_code == 404
    assert response.json()["error"]["code"] == "InvalidAction"


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"\xff", "application/json"),
        (b"{}", "text/plain"),
    ],
)
def test_body_that_is_not_a_json_object_is_400(validating, content, media_type) -> None:
    """Broken JSON, an array, invalid UTF-8 and another content type are rejected."""
    headers = {"Content-Type": media_type}
    response = validating.client.post(validating.url(), content=content, headers=headers)

    assert (response.status_code, response.json()["error"]["code"]) == (400, "InvalidParameter")


def test_body_above_64_megabytes_is_400(validating) -> None:
    """The vendors limit the size of a request."""
    response = validating.client.post(
        validating.url(),
        content=b" " * (64 * 1024 * 1024 + 1),
        headers={"Content-Type": "application/json"},
    )

    assert response.status_code == 400
    assert "64 MB" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("width", "height", "image_format"),
    [(864, 480, "PNG"), (300, 750, "JPEG"), (750, 300, "WEBP"), (400, 400, "BMP")],
)
def test_image_within_limits_is_accepted(validating, width, height, image_format) -> None:
    """The formats and sizes of the page are accepted."""
    url = data_uri(image_bytes(width, height, image_format), f"image/{image_format.lower()}")
    content = [text_item(), image_item("first_frame", url)]

    response = validating.post(minimal_request(content=content, ratio=...))

    assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    ("width", "height", "image_format", "media_type", "code"),
    [
        (864, 480, "JPEG", "image/png", "InvalidImageURL.InvalidFormat"),
        (864, 480, "PNG", "image/PNG", "InvalidImageURL.InvalidFormat"),
        (864, 480, "PNG", "text/plain", "InvalidImageURL.InvalidFormat"),
        (299, 480, "PNG", "image/png", "InvalidParameter"),
        (6001, 3000, "PNG", "image/png", "InvalidParameter"),
        (800, 310, "PNG", "image/png", "InvalidParameter"),
        (310, 800, "PNG", "image/png", "InvalidParameter"),
    ],
)
def test_image_outside_limits_is_rejected(
    validating, width, height, image_format, media_type, code
) -> None:
    """Format, sides and ratio are read from the image itself."""
    url = data_uri(image_bytes(width, height, image_format), media_type)
    content = [text_item(), image_item("first_frame", url)]

    error = validating.post(minimal_request(content=content, ratio=...)).json()["error"]

    assert (error["code"], error["param"]) == (code, "content[1].image_url.url")


@pytest.mark.parametrize("data", [b"not a picture", b"", b"\x89PNG\r\n\x1a\n"])
def test_image_that_can_not_be_read_is_rejected(validating, data) -> None:
    """Text, nothing, and a file that ends in its header are not images."""
    content = [text_item(), image_item("first_frame", data_uri(data))]

    response = validating.post(minimal_request(content=content, ratio=...))

    assert response.json()["error"]["code"] == "InvalidImageURL.InvalidFormat"


@pytest.mark.parametrize(("seconds", "status"), [(1.7, 400), (1.8, 200)])
def test_reference_has_a_minimum_length(validating, tmp_path, seconds, status) -> None:
    """A sound lasts at least 1.8 s, as does a clip."""
    path = tmp_path / "a.wav"
    write_wav(path, seconds=seconds)
    sound = media_item("audio", "reference_audio", data_uri(path.read_bytes(), "audio/wav"))

    response = validating.post(request_with(MODEL_2_5, sound))

    assert response.status_code == status


def test_sound_that_can_not_be_read_is_rejected(validating) -> None:
    """Text that is marked as WAV is not a sound."""
    sound = media_item("audio", "reference_audio", data_uri(b"hello", "audio/wav"))

    response = validating.post(request_with(MODEL_2_5, sound))

    assert response.json()["error"]["param"] == "content[1].audio_url.url"


def test_disputed_seed_is_noted_in_log(validating) -> None:
    """A seed for 2.x is disputed between pages: it is accepted and noted."""
    with_seed, without_seed = (
        validating.post(request_with(MODEL_2_0, seed=seed)).json()["id"] for seed in (7, None)
    )

    assert "disputed" in validating.log_note(with_seed)
    assert validating.log_note(without_seed) == ""


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("InputTextSensitiveContentDetected", 400),
        ("AccountOverdueError", 403),
        ("ModelNotOpen", 404),
        ("QuotaExceeded", 429),
        ("InternalServiceError", 500),
    ],
)
def test_refuse_directive_returns_status_of_code(validating, code, status) -> None:
    """The directive's code sets code and status of the error."""
    content = [text_item(f"A fight. [refuse:{code}]")]

    response = validating.post(minimal_request(content=content))

    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
