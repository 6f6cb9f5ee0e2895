"""CometAPI's video jobs: a strict form, words of its own, a picture that is leaned on."""

from __future__ import annotations

import re

import pytest

from tasks.media.frames import first_frame, mean_difference

MODEL_2_0 = "doubao-seedance-2-0"
MODEL_FAST = "doubao-seedance-2-0-fast"
MODEL_1_5 = "doubao-seedance-1-5-pro"
MODEL_PRO = "doubao-seedance-1-0-pro"
SEA = "A slow cinematic camera push across a coastal landscape at sunrise."


@pytest.fixture(scope="module")
def host(checking):
    return checking.at("cometapi-videos")


def form(model: str = MODEL_FAST, **parts: object) -> list:
    """The parts of a form; a value may be bytes, a (name, bytes, type) or `...` to leave it out."""
    told = {"prompt": SEA, "model": model, **parts}
    return [
        (name, value if isinstance(value, tuple) else (None, value))
        for name, value in told.items()
        if value is not ...
    ]


def post(host, parts, **options):
    return host.client.post(host.url("/videos"), files=parts, **options)


def get(host, job: str):
    return host.client.get(host.url(f"/videos/{job}"))


ACCEPTED = {
    "the page's example": form(seconds="5", size="16:9", resolution="720p"),
    "nothing but the two": form(),
    "the shortest on 2.0": form(MODEL_2_0, seconds="4", size="21:9", resolution="480p"),
    "the longest on fast": form(seconds="15", size="4:3"),
    "the longest on 1.5": form(MODEL_1_5, seconds="12", resolution="1080p", size="1:1"),
    "the shortest on 1.0": form(MODEL_PRO, seconds="2", resolution="1080p", size="3:4"),
    "the longest on 1.0": form(MODEL_PRO, seconds="10", size="9:16"),
    "a prompt in quotes": form(prompt='"Wait," she says, "wait!"'),
    "a prompt in Chinese": form(prompt="灯塔"),
}
# The word that the message must have; the code is InvalidParameter but where a field is missing.
REFUSED = {
    "no prompt": (form(prompt=...), "prompt"),
    "an empty prompt": (form(prompt=" "), "prompt"),
    "no model": (form(model=...), "model"),
    "a model with its date": (form("doubao-seedance-2-0-260128"), "model"),
    "a model in quotes": (form('"doubao-seedance-2-0-fast"'), "model"),
    "3 seconds on 2.0": (form(seconds="3"), "duration"),
    "16 seconds on 2.0": (form(seconds="16"), "duration"),
    "13 seconds on 1.5": (form(MODEL_1_5, seconds="13"), "duration"),
    "11 seconds on 1.0": (form(MODEL_PRO, seconds="11"), "duration"),
    "1 second on 1.0": (form(MODEL_PRO, seconds="1"), "duration"),
    "seconds in quotes": (form(seconds='"5"'), "duration"),
    "half seconds": (form(seconds="5.0"), "duration"),
    "seconds with a space": (form(seconds="5 "), "duration"),
    "a size in pixels": (form(size="1280x720"), "size"),
    "an adaptive size": (form(size="adaptive"), "size"),
    "a size in quotes": (form(size='"16:9"'), "size"),
    "1080p on 2.0": (form(MODEL_2_0, resolution="1080p"), "resolution"),
    "1080p on fast": (form(resolution="1080p"), "resolution"),
    "4k": (form(MODEL_1_5, resolution="4k"), "resolution"),
    "a seed": (form(seed="1"), "seed"),
    "a flag for sound": (form(generate_audio="true"), "generate_audio"),
    "a model twice": ([*form(), ("model", (None, MODEL_FAST))], "model"),
    "a reference as text": (form(input_reference="https://example.com/a.png"), "input_reference"),
    "a prompt as a file": (form(prompt=("a.txt", b"Sea", "text/plain")), "prompt"),
    "a text for a picture": (
        form(input_reference=("a.png", b"not a picture", "image/png")),
        "input_reference",
    ),
    "a prompt that is no text": (form(prompt=b"\xff\xfe"), "prompt"),
}


@pytest.mark.parametrize("parts", ACCEPTED.values(), ids=ACCEPTED)
def test_takes_what_the_page_documents(host, parts) -> None:
    """With the object that the page shows."""
    reply = post(host, parts)

    assert reply.status_code == 200, reply.text
    told = reply.json()
    assert re.fullmatch(r"task_[0-9a-f]+", told["id"])
    assert told == {
        "id": told["id"],
        "task_id": told["id"],
        "object": "video",
        "model": dict(parts)["model"][1],
        "status": "SUBMITTED",
        "progress": 0,
        "created_at": int(host.clock.now()),
    }


@pytest.mark.parametrize(("parts", "word"), REFUSED.values(), ids=REFUSED)
def test_refuses_what_the_page_rules_out(host, parts, word) -> None:
    """A 400 with a flat body that names what is wrong."""
    reply = post(host, parts)

    assert reply.status_code == 400
    assert set(reply.json()) == {"code", "message", "data"}
    assert word in reply.json()["message"]
    missing = reply.json()["message"].endswith("required")
    assert reply.json()["code"] == ("invalid_request" if missing else "InvalidParameter")


@pytest.mark.parametrize("model", [MODEL_1_5, MODEL_PRO])
def test_older_models_take_no_picture(host, picture, model) -> None:
    """With the very message of the page."""
    reply = post(host, form(model, input_reference=("a.png", picture(), "image/png")))

    short = model.removeprefix("doubao-")
    message = f"the specified task_type r2v does not support model {short}"
    assert (reply.status_code, reply.json()["message"]) == (400, message)


@pytest.mark.parametrize(
    ("form_of_file", "mime", "status"),
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
def test_a_picture_is_a_jpeg_png_or_webp(host, picture, form_of_file, mime, status) -> None:
    """By its bytes, which its part must not contradict."""
    parts = form(input_reference=("a.bin", picture(form=form_of_file), mime))

    assert post(host, parts).status_code == status


def test_a_second_picture_is_refused(host, picture) -> None:
    """The page speaks of one file."""
    file = ("input_reference", ("a.png", picture(), "image/png"))

    assert "more than once" in post(host, [*form(), file, file]).json()["message"]


BROKEN = {
    "JSON": ("application/json", b"{}"),
    "no boundary": ("multipart/form-data", b"--x\r\n\r\n--x--"),
    "no end": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"',
    ),
    "nothing": ("multipart/form-data; boundary=x", b""),
    "no parts": ("multipart/form-data; boundary=x", b"--x--"),
    "no head": ("multipart/form-data; boundary=x", b"--x\r\n\r\nvalue\r\n--x--"),
    "no name": (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Disposition: form-data\r\n\r\nvalue\r\n--x--",
    ),
    "an endless head": (
        "multipart/form-data; boundary=x",
        b"--x\r\n" + b"A: b\r\n" * 2000 + b"\r\nvalue\r\n--x--",
    ),
    "an endless form": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nv\r\n' * 100 + b"--x--",
    ),
    "an encoded form": ("application/x-www-form-urlencoded", b"prompt=a&model=b"),
}


@pytest.mark.parametrize(("media_type", "body"), BROKEN.values(), ids=BROKEN)
def test_a_form_that_can_not_be_read_is_refused(host, media_type, body) -> None:
    """A 400, whatever is broken."""
    headers = {"Content-Type": media_type}

    reply = host.client.post(host.url("/videos"), content=body, headers=headers)

    assert (reply.status_code, set(reply.json())) == (400, {"code", "message", "data"})


def test_a_form_as_curl_writes_it_is_read(host, picture) -> None:
    """Names without a type, a file with one, and bytes of every kind in it."""
    data = picture(form="PNG") + b"\r\n--\r\n\x00\xff\r\n"
    head = 'Content-Disposition: form-data; name="{}"'
    body = b"".join(
        [
            b"--cut\r\n" + head.format(name).encode() + b"\r\n\r\n" + value + b"\r\n"
            for name, value in ((b"prompt".decode(), b"Sea"), ("model", MODEL_FAST.encode()))
        ]
    )
    file = head.format("input_reference") + '; filename="a b.png"\r\nContent-Type: image/png'
    body += b"--cut\r\n" + file.encode() + b"\r\n\r\n" + data + b"\r\n--cut--\r\n"
    headers = {"Content-Type": 'multipart/form-data; boundary="cut"'}

    reply = host.client.post(host.url("/videos"), content=body, headers=headers)

    assert reply.status_code == 200, reply.text
    source = host.commission(reply.json()["id"])["media"][0]["source"]
    assert (host.root / "inputs" / source).read_bytes() == data


def test_a_key_is_asked_for_in_the_other_shape(host) -> None:
    """401 with a nested error, unlike the 400s."""
    reply = post(host, form(), headers={"Authorization": ""})

    assert (reply.status_code, set(reply.json())) == (401, {"error"})


@pytest.mark.parametrize("job", ["task_none", "cgt-1", "x" * 200])
def test_an_unknown_job_is_a_400(host, job) -> None:
    """`task_not_exist`, and no 404."""
    reply = get(host, job)

    assert (reply.status_code, reply.json()["message"]) == (400, "task_not_exist")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/videos"), ("DELETE", "/videos/a"), ("GET", "/videos/a/content")]
)
def test_there_is_nothing_else(host, method, path) -> None:
    """No list, no delete, no content route."""
    assert host.client.request(method, host.url(path)).status_code == 404


@pytest.mark.parametrize(
    ("words", "states"),
    [
        ((), ["SUBMITTED", "IN_PROGRESS", "SUCCESS"]),
        (("newer_words",), ["queued", "in_progress", "completed"]),
    ],
)
def test_a_job_is_told_in_the_words_of_a_page(vendor, words, states) -> None:
    """The first page's by default, the newer one's where they are ordered."""
    for word in words:
        vendor.faults.inject(word)
    host = vendor.at("cometapi-videos")
    job = post(host, form(MODEL_PRO, seconds="2", resolution="480p")).json()["id"]

    seen = []
    for seconds in (0, 3, 7):
        vendor.clock.advance(seconds)
        seen.append(host.finished(f"/videos/{job}") if seconds == 7 else get(host, job).json())

    assert [told["status"] for told in seen] == states
    assert [told["progress"] for told in seen] == [0, 30, 100]
    # The newer page warns of it: the time of completion says nothing.
    assert ("completed_at" in seen[1]) == bool(words)
    assert ("video_url" in seen[1], "video_url" in seen[2]) == (False, True)
    assert seen[2]["completed_at"] == seen[2]["created_at"] + 10
    assert not [name for name in seen[2] if "frame" in name]


@pytest.mark.parametrize(
    ("kind", "words", "status"),
    [
        ("job_failed", (), "FAILED"),
        ("job_expired", (), "ERROR"),
        ("job_failed", ("newer_words",), "failed"),
        ("job_expired", ("newer_words",), "error"),
    ],
)
def test_a_job_can_be_lost(vendor, kind, words, status) -> None:
    """With an error of code and message, and no clip."""
    for name in (kind, *words):
        vendor.faults.inject(name)
    host = vendor.at("cometapi-videos")
    job = post(host, form()).json()["id"]
    vendor.clock.advance(10)

    told = get(host, job).json()

    assert told["status"] == status
    assert set(told["error"]) == {"code", "message"}
    assert "video_url" not in told


def test_a_picture_is_leaned_on_and_not_started_from(rendering, picture, fetched, tmp_path) -> None:
    """The first frame is visibly another one, and still nearer to the picture than to nothing."""
    host = rendering.at("cometapi-videos")
    given = picture(864, 496)
    reference = {"input_reference": ("a.png", given, "image/png")}
    jobs = [
        post(host, form(seconds="4", resolution="480p", **more)).json()["id"]
        for more in (reference, {})
    ]

    clips = []
    for job in jobs:
        clips.append(tmp_path / f"{job}.mp4")
        clips[-1].write_bytes(fetched(host.finished(f"/videos/{job}")["video_url"]))

    leaning, free = (mean_difference(given, first_frame(clip)) for clip in clips)
    assert 6 < leaning < free / 2
