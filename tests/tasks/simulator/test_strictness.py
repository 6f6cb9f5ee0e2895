"""What the official dialect takes and what it refuses."""

from __future__ import annotations

import pytest

TEXT = {"type": "text", "text": "A quiet valley."}
MODEL_2_5 = "doubao-seedance-2-5-260628"
MODEL_2_0 = "doubao-seedance-2-0-260128"
MODEL_FAST = "doubao-seedance-2-0-fast-260128"
MODEL_1_5 = "doubao-seedance-1-5-pro-251215"
MODEL_PRO = "doubao-seedance-1-0-pro-250528"
MODEL_PRO_FAST = "doubao-seedance-1-0-pro-fast-251015"
MODEL_T2V = "doubao-seedance-1-0-lite-t2v-250428"
MODEL_I2V = "doubao-seedance-1-0-lite-i2v-250428"
ELSEWHERE = "https://example.com/a.png"


def image(role: str | None = None, url: str = ELSEWHERE) -> dict:
    item = {"type": "image_url", "image_url": {"url": url}}
    return {**item, "role": role} if role else item


def clip() -> dict:
    url = {"url": "https://example.com/a.mp4"}
    return {"type": "video_url", "video_url": url, "role": "reference_video"}


def sound() -> dict:
    url = {"url": "https://example.com/a.mp3"}
    return {"type": "audio_url", "audio_url": url, "role": "reference_audio"}


def plain(model: str, *content: dict, **fields: object) -> dict:
    """An order without any parameter but those given."""
    return {"model": model, "content": [TEXT, *content], **fields}


ACCEPTED = {
    "text alone": plain(MODEL_PRO),
    "every optional field null": plain(
        MODEL_2_0,
        **dict.fromkeys(
            ("seed", "frames", "camera_fixed", "service_tier", "draft", "tools", "priority")
        ),
    ),
    "a resolution in capitals": plain(MODEL_PRO, resolution="480P"),
    "4k on 2.0": plain(MODEL_2_0, resolution="4k", ratio="21:9"),
    "adaptive from text on 1.5": plain(MODEL_1_5, ratio="adaptive"),
    "the model decides the length": plain(MODEL_2_0, duration=-1),
    "a disputed seed on 2.0": plain(MODEL_2_0, seed=7),
    "the largest seed": plain(MODEL_PRO, seed=4294967295),
    "a first frame without a role": plain(MODEL_PRO, image()),
    "first and last frame": plain(MODEL_PRO, image("first_frame"), image("last_frame")),
    "a first frame with a ratio": plain(MODEL_2_0, image("first_frame"), ratio="1:1"),
    "a first frame on 2.5": plain(MODEL_2_5, image("first_frame"), duration=5),
    "four references on lite": plain(
        MODEL_I2V, *(image("reference_image") for _ in range(4)), resolution="720p"
    ),
    "all kinds of references": plain(MODEL_2_0, image("reference_image"), clip(), sound()),
    "sound alone on 2.5": plain(MODEL_2_5, sound()),
    "an asset": plain(MODEL_2_0, image("first_frame", "asset://asset-2026")),
    "offline": plain(MODEL_PRO, service_tier="flex", execution_expires_after=259200),
    "a draft": plain(MODEL_1_5, draft=True),
    "a web search": plain(MODEL_2_0, tools=[{"type": "web_search"}], priority=9),
    "an image without words": {"model": MODEL_PRO, "content": [image("first_frame")]},
}

REFUSED = {
    "an unknown field": (plain(MODEL_PRO, fps=24), "InvalidParameter", "fps"),
    "a length as text": (plain(MODEL_PRO, duration="5"), "InvalidParameter", "duration"),
    "a length as 5.0": (plain(MODEL_PRO, duration=5.0), "InvalidParameter", "duration"),
    "true for a number": (plain(MODEL_PRO, seed=True), "InvalidParameter", "seed"),
    "a number for true": (plain(MODEL_PRO, watermark=1), "InvalidParameter", "watermark"),
    "no model": ({"content": [TEXT]}, "MissingParameter", "model"),
    "no content": ({"model": MODEL_PRO}, "MissingParameter", "content"),
    "empty content": ({"model": MODEL_PRO, "content": []}, "InvalidParameter", "content"),
    "content as text": ({"model": MODEL_PRO, "content": "x"}, "InvalidParameter", "content"),
    "two texts": (plain(MODEL_PRO, TEXT), "InvalidParameter", "content[1]"),
    "an empty text": (
        {"model": MODEL_PRO, "content": [{"type": "text", "text": " "}]},
        "InvalidParameter",
        "content[0].text",
    ),
    "an unknown content type": (
        plain(MODEL_PRO, {"type": "picture"}),
        "InvalidParameter",
        "content[1].type",
    ),
    "an unknown key in content": (
        plain(MODEL_PRO, {**image("first_frame"), "size": 1}),
        "InvalidParameter",
        "content[1].size",
    ),
    "an unknown role": (plain(MODEL_PRO, image("start")), "InvalidParameter", "content[1].role"),
    "two images without roles": (
        plain(MODEL_PRO, image(), image()),
        "InvalidParameter",
        "content[1].role",
    ),
    "an empty url": (
        plain(MODEL_PRO, image("first_frame", "")),
        "InvalidImageURL.EmptyURL",
        "content[1].image_url.url",
    ),
    "a url to this machine": (
        plain(MODEL_PRO, image("first_frame", "http://127.0.0.1:9/a.png")),
        "InvalidParameter",
        "content[1].image_url.url",
    ),
    "a file url": (
        plain(MODEL_PRO, image("first_frame", "file:///etc/passwd")),
        "InvalidParameter",
        "content[1].image_url.url",
    ),
    "a clip in base64": (
        plain(
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
    "frames beside references": (
        plain(MODEL_2_0, image("first_frame"), image("reference_image")),
        "InvalidParameter",
        "content",
    ),
    "a last frame alone": (plain(MODEL_PRO, image("last_frame")), "InvalidParameter", "content"),
    "two first frames": (
        plain(MODEL_PRO, image("first_frame"), image("first_frame")),
        "InvalidParameter",
        "content",
    ),
    "a last frame on pro fast": (
        plain(MODEL_PRO_FAST, image("first_frame"), image("last_frame")),
        "InvalidParameter",
        "content",
    ),
    "a picture for text to video": (
        plain(MODEL_T2V, image("first_frame")),
        "InvalidParameter",
        "content",
    ),
    "text for image to video": (plain(MODEL_I2V), "InvalidParameter", "content"),
    "references on 1.5": (
        plain(MODEL_1_5, image("reference_image")),
        "InvalidParameter",
        "content",
    ),
    "ten references on 2.0": (
        plain(MODEL_2_0, *(image("reference_image") for _ in range(10))),
        "InvalidParameter",
        "content",
    ),
    "sound alone on 2.0": (plain(MODEL_2_0, sound()), "InvalidParameter", "content"),
    "three seconds on 2.0": (plain(MODEL_2_0, duration=3), "InvalidParameter", "duration"),
    "16 seconds on 2.0": (plain(MODEL_2_0, duration=16), "InvalidParameter", "duration"),
    "31 seconds": (plain(MODEL_2_5, duration=31), "InvalidParameter", "duration"),
    "no length of its own on 1.0": (
        plain(MODEL_PRO, duration=-1),
        "InvalidParameter",
        "duration",
    ),
    "frames of the wrong form": (plain(MODEL_PRO, frames=120), "InvalidParameter", "frames"),
    "too few frames": (plain(MODEL_PRO, frames=25), "InvalidParameter", "frames"),
    "frames on 2.0": (plain(MODEL_2_0, frames=29), "InvalidParameter", "frames"),
    "1080p on fast": (plain(MODEL_FAST, resolution="1080p"), "InvalidParameter", "resolution"),
    "4k on 2.5": (plain(MODEL_2_5, resolution="4k"), "InvalidParameter", "resolution"),
    "a resolution nobody has": (
        plain(MODEL_PRO, resolution="540p"),
        "InvalidParameter",
        "resolution",
    ),
    "1080p with references on lite": (
        plain(MODEL_I2V, image("reference_image"), resolution="1080p"),
        "InvalidParameter",
        "resolution",
    ),
    "a ratio nobody has": (plain(MODEL_PRO, ratio="2:1"), "InvalidParameter", "ratio"),
    "adaptive from text on 1.0": (plain(MODEL_PRO, ratio="adaptive"), "InvalidParameter", "ratio"),
    "a ratio with a first frame on 2.5": (
        plain(MODEL_2_5, image("first_frame"), ratio="16:9"),
        "InvalidParameter.TaskTypeConstraint",
        "ratio",
    ),
    "a seed below -1": (plain(MODEL_PRO, seed=-2), "InvalidParameter", "seed"),
    "a camera that is fixed on 2.0": (
        plain(MODEL_2_0, camera_fixed=False),
        "InvalidParameter",
        "camera_fixed",
    ),
    "sound on 1.0": (plain(MODEL_PRO, generate_audio=False), "InvalidParameter", "generate_audio"),
    "a tier on 2.0": (
        plain(MODEL_2_0, service_tier="default"),
        "InvalidParameter",
        "service_tier",
    ),
    "a draft on 2.0": (plain(MODEL_2_0, draft=False), "InvalidParameter", "draft"),
    "a draft in 720p": (
        plain(MODEL_1_5, draft=True, resolution="720p"),
        "InvalidParameter",
        "resolution",
    ),
    "a draft with its last frame": (
        plain(MODEL_1_5, draft=True, return_last_frame=True),
        "InvalidParameter",
        "return_last_frame",
    ),
    "a draft that nobody made": (
        {
            "model": MODEL_1_5,
            "content": [{"type": "draft_task", "draft_task": {"id": "cgt-1"}}],
        },
        "InvalidParameter",
        "content[0].draft_task.id",
    ),
    "priority on 1.0": (plain(MODEL_PRO, priority=1), "InvalidParameter", "priority"),
    "priority ten": (plain(MODEL_2_0, priority=10), "InvalidParameter", "priority"),
    "a tool nobody has": (plain(MODEL_2_0, tools=[{"type": "shell"}]), "InvalidParameter", "tools"),
    "an hour too short": (
        plain(MODEL_PRO, execution_expires_after=3599),
        "InvalidParameter",
        "execution_expires_after",
    ),
    "a long identifier": (
        plain(MODEL_PRO, safety_identifier="x" * 65),
        "InvalidParameter",
        "safety_identifier",
    ),
    "a callback to nowhere": (
        plain(MODEL_PRO, callback_url="mailto:a@b"),
        "InvalidParameter",
        "callback_url",
    ),
    "editing without a clip": (
        plain(MODEL_2_5, image("reference_image"), omni_reference_task_type="edit"),
        "InvalidParameter.TaskTypeMismatch",
        "omni_reference_task_type",
    ),
    "an endless prompt": (
        {"model": MODEL_PRO, "content": [{"type": "text", "text": "x" * 20001}]},
        "OutofContextError",
        "content[0].text",
    ),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_takes_what_the_page_documents(checking, body) -> None:
    """A documented request is answered with nothing but an id of the documented shape."""
    reply = checking.post(body)

    assert reply.status_code == 200, reply.text
    assert set(reply.json()) == {"id"}
    assert reply.json()["id"].startswith("cgt-")


@pytest.mark.parametrize(("body", "code", "param"), REFUSED.values(), ids=REFUSED)
def test_refuses_what_the_page_rules_out(checking, body, code, param) -> None:
    """A wrong request is a 400 with Ark's body, and makes no job."""
    before = checking.list()["total"]

    reply = checking.post(body)

    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["param"]) == (400, code, param)
    assert error["type"] == "BadRequest"
    assert error["message"].endswith(f"Request id: {reply.headers['X-Request-Id']}")
    assert checking.list()["total"] == before


@pytest.mark.parametrize("key", [None, "", "Bearer", "Basic abc"])
def test_refuses_a_request_without_a_key(checking, order, key) -> None:
    """Without a bearer key nothing is made, whatever else the request says."""
    headers = {"Authorization": key} if key is not None else {}

    import httpx

    with httpx.Client(trust_env=False) as client:
        reply = client.post(checking.url(), json=order(), headers=headers)

    assert reply.status_code == 401
    assert reply.json()["error"]["code"] == "AuthenticationError"
    assert reply.json()["error"]["type"] == "Unauthorized"


@pytest.mark.parametrize(
    ("mount", "model", "status"),
    [
        ("simulator", "doubao-seedance-1-0-pro-250528", 200),
        ("simulator", "seedance-1-0-pro-250528", 200),
        ("simulator", "seedance-1.0-pro", 404),
        ("ark", "doubao-seedance-1-0-pro-250528", 200),
        ("ark", "seedance-1-0-pro-250528", 404),
        ("modelark", "seedance-1-0-pro-250528", 200),
        ("modelark", "doubao-seedance-1-0-pro-250528", 404),
        ("modelark", "ep-20260101-abcde", 404),
    ],
)
def test_each_host_knows_its_own_model_ids(checking, order, mount, model, status) -> None:
    """Volcengine and BytePlus name the same models differently; the simulator takes both."""
    reply = checking.at(mount).post(order(model=model))

    assert reply.status_code == status
    if status == 404:
        assert reply.json()["error"]["code"] == "InvalidEndpointOrModel.NotFound"
        assert reply.json()["error"]["type"] == "NotFound"


def test_the_overseas_host_has_no_web_search(checking) -> None:
    """A tool that Volcengine takes is refused by BytePlus."""
    body = plain("dreamina-seedance-2-0-260128", tools=[{"type": "web_search"}])

    assert checking.at("simulator").post(body).status_code == 200
    assert checking.at("modelark").post(body).json()["error"]["param"] == "tools"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/contents/generations"), ("PUT", "/contents/generations/tasks"), ("GET", "/models")],
)
def test_a_wrong_path_is_an_invalid_action(checking, method, path) -> None:
    """What the API does not have is 404 InvalidAction, and not a web server's own page."""
    reply = checking.client.request(method, checking.url(path))

    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "InvalidAction"


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"{", {"Content-Type": "application/json"}),
        (b"[]", {"Content-Type": "application/json"}),
        (b"\xff", {"Content-Type": "application/json"}),
        (b"{}", {"Content-Type": "text/plain"}),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(checking, content, headers) -> None:
    """Broken JSON, a list, bytes and another content type are all 400."""
    reply = checking.client.post(checking.url(), content=content, headers=headers)

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "InvalidParameter")


def test_a_body_beyond_64_megabytes_is_refused(checking) -> None:
    """The vendors' limit on the whole request holds here too."""
    reply = checking.client.post(
        checking.url(),
        content=b" " * (64 * 1024 * 1024 + 1),
        headers={"Content-Type": "application/json"},
    )

    assert reply.status_code == 400
    assert "64 MB" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("width", "height", "form", "mime", "code"),
    [
        (864, 480, "PNG", "image/png", None),
        (300, 750, "JPEG", "image/jpeg", None),
        (750, 300, "WEBP", "image/webp", None),
        (400, 400, "BMP", "image/bmp", None),
        (864, 480, "JPEG", "image/png", "InvalidImageURL.InvalidFormat"),
        (864, 480, "PNG", "image/PNG", "InvalidImageURL.InvalidFormat"),
        (864, 480, "PNG", "text/plain", "InvalidImageURL.InvalidFormat"),
        (299, 480, "PNG", "image/png", "InvalidParameter"),
        (6001, 3000, "PNG", "image/png", "InvalidParameter"),
        (800, 310, "PNG", "image/png", "InvalidParameter"),
        (310, 800, "PNG", "image/png", "InvalidParameter"),
    ],
)
def test_an_image_is_judged_by_its_bytes(
    checking, order, picture, data_uri, width, height, form, mime, code
) -> None:
    """Format, sides and ratio are read from the picture itself, not from what is said of it."""
    url = data_uri(picture(width, height, form), mime)
    reply = checking.post(order(content=[TEXT, image("first_frame", url)], ratio=...))

    if code is None:
        assert reply.status_code == 200, reply.text
    else:
        assert reply.json()["error"]["code"] == code
        assert reply.json()["error"]["param"] == "content[1].image_url.url"


@pytest.mark.parametrize("data", [b"not a picture", b"", b"\x89PNG\r\n\x1a\n"])
def test_bytes_that_are_no_image_are_refused(checking, order, data_uri, data) -> None:
    """Text, nothing, and a picture that ends in its header are not images."""
    reply = checking.post(order(content=[TEXT, image("first_frame", data_uri(data))], ratio=...))

    assert reply.json()["error"]["code"] == "InvalidImageURL.InvalidFormat"


def test_a_sound_is_judged_by_its_bytes(checking, data_uri) -> None:
    """A text that calls itself WAV is refused."""
    url = data_uri(b"hello", "audio/wav")
    item = {"type": "audio_url", "audio_url": {"url": url}, "role": "reference_audio"}
    reply = checking.post(plain(MODEL_2_5, item))

    assert reply.json()["error"]["param"] == "content[1].audio_url.url"


def test_a_disputed_seed_is_noted_in_the_ledger(checking) -> None:
    """Whether 2.x takes a seed is disputed: it is taken, and the ledger says so."""
    job = checking.post(plain(MODEL_2_0, seed=7)).json()["id"]
    silent = checking.post(plain(MODEL_2_0, seed=None)).json()["id"]

    notes = {entry.job: entry.note for entry in checking.ledger()}
    assert "disputed" in notes[job]
    assert notes[silent] == ""


@pytest.mark.parametrize(
    ("prompt", "status"),
    [
        ("[refuse:InputTextSensitiveContentDetected]", 400),
        ("[refuse:AccountOverdueError]", 403),
        ("[refuse:ModelNotOpen]", 404),
        ("[refuse:QuotaExceeded]", 429),
        ("[refuse:InternalServiceError]", 500),
    ],
)
def test_a_prompt_can_order_its_refusal(checking, order, prompt, status) -> None:
    """A documented magic word is answered with its code and the status that goes with it."""
    reply = checking.post(order(content=[{"type": "text", "text": f"A fight. {prompt}"}]))

    assert reply.status_code == status
    assert reply.json()["error"]["code"] == prompt[8:-1]
