"""Infinity Blue's video jobs: Sora's objects around Seedance 2.0, and a clip behind the key."""

from __future__ import annotations

import base64
import json
import re

import httpx
import pytest

from tasks.media.frames import first_frame, mean_difference

MODEL = "doubao-seedance-2-0-260128"
MODEL_FAST = "doubao-seedance-2-0-fast-260128"
ELSEWHERE = "https://example.com/a"
DAY = 86_400


@pytest.fixture(scope="module")
def host(checking):
    return checking.at("infinity-blue")


def post(host, body, **options):
    return host.client.post(host.url("/videos"), json=body, **options)


def get(host, job: str, tail: str = "", **options):
    return host.client.get(host.url(f"/videos/{job}{tail}"), **options)


def plain(**fields: object) -> dict:
    return {"model": MODEL, "prompt": "A kitten on a desk.", **fields}


def item(kind: str, role: str | None, url: str = ELSEWHERE) -> dict:
    told = {"type": f"{kind}_url", f"{kind}_url": {"url": url}}
    return {**told, "role": role} if role else told


def content(*items: dict) -> dict:
    return {"content": list(items)}


FIRST, LAST = item("image", "first_frame"), item("image", "last_frame")
REFERENCE = item("image", "reference_image")
ACCEPTED = {
    "nothing but the two": plain(),
    "the page's examples": plain(
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
    "the longest": plain(seconds="15", resolution="1080p", ratio="21:9"),
    "the shortest": plain(seconds="4", resolution="480p", ratio="9:16"),
    "the older length": plain(duration=4),
    "a length of 5.0": plain(duration=5.0),
    "the oldest length": plain(metadata={"duration": 15}),
    "the older size": plain(size="1280x720"),
    "a size that agrees": plain(size="1280x720", resolution="720p", ratio="16:9"),
    "a fixed camera": plain(camera_fixed=True, watermark=True, return_last_frame=True),
    "a picture": plain(image=f"{ELSEWHERE}.jpg", ratio="adaptive"),
    "two references": plain(ref_images=[ELSEWHERE, ELSEWHERE], ratio="1:1"),
    "two references by the other name": plain(images=[ELSEWHERE, ELSEWHERE]),
    "both frames": plain(metadata=content(FIRST, LAST), ratio="auto"),
    "a frame without a role": plain(metadata=content(item("image", None))),
    "all kinds of references": plain(
        metadata=content(
            REFERENCE, item("video", "reference_video"), item("audio", "reference_audio")
        )
    ),
    "parameters in the metadata": plain(
        metadata={"resolution": "480p", "ratio": "3:4", "generate_audio": True, "seed": 1}
    ),
    "a further key in the metadata": plain(metadata={"project": "film"}),
    "nothing but nulls": plain(seconds=None, image=None, metadata=None, seed=None),
    "fast": plain(model=MODEL_FAST, seconds="15", resolution="720p"),
}
OWN = {
    "no prompt": ({"model": MODEL}, "prompt", "missing_required_parameter"),
    "an empty prompt": (plain(prompt=" "), "prompt", "missing_required_parameter"),
    "no model": ({"prompt": "x"}, "model", "missing_required_parameter"),
    "another model": (plain(model="doubao-seedance-2-5-260628"), "model", "model_not_found"),
    "seconds as a number": (plain(seconds=5), "seconds", "invalid_duration"),
    "three seconds": (plain(seconds="3"), "seconds", "invalid_duration"),
    "16 seconds": (plain(seconds="16"), "seconds", "invalid_duration"),
    "no length of its own": (plain(seconds="-1"), "seconds", "invalid_duration"),
    "half a second": (plain(duration=4.5), "duration", "invalid_duration"),
    "a length as text": (plain(duration="5"), "duration", "invalid_duration"),
    "a length twice": (plain(seconds="5", duration=5), "seconds", "invalid_duration"),
    "a length in both places": (
        plain(seconds="5", metadata={"duration": 5}),
        "seconds",
        "invalid_duration",
    ),
    "a ratio in both places": (
        plain(ratio="16:9", metadata={"ratio": "16:9"}),
        "ratio",
        "duplicate_parameter",
    ),
    "a picture in both places": (
        plain(image=ELSEWHERE, metadata=content(FIRST)),
        "image",
        "duplicate_parameter",
    ),
    "references by both names": (
        plain(images=[ELSEWHERE], ref_images=[ELSEWHERE]),
        "images",
        "duplicate_parameter",
    ),
    "4k": (plain(resolution="4k"), "resolution", "invalid_parameter"),
    "a ratio nobody has": (plain(ratio="2:1"), "ratio", "invalid_parameter"),
    "adaptive without a picture": (plain(ratio="adaptive"), "ratio", "invalid_parameter"),
    "auto without a picture": (plain(ratio="auto"), "ratio", "invalid_parameter"),
    "a size nobody has": (plain(size="1x1"), "size", "invalid_parameter"),
    "a size that contradicts": (
        plain(size="1280x720", resolution="480p"),
        "size",
        "invalid_parameter",
    ),
    "true for a number": (plain(seed=True), "seed", "invalid_parameter"),
    "a number for true": (plain(watermark=1), "watermark", "invalid_parameter"),
    "two videos": (plain(n=2), "n", "invalid_parameter"),
    "another format": (plain(response_format="b64_json"), "response_format", "invalid_parameter"),
    "a text in the content": (
        plain(metadata=content({"type": "text", "text": "x"})),
        "metadata.content[0]",
        "invalid_parameter",
    ),
    "metadata as a list": (plain(metadata=[]), "metadata", "invalid_parameter"),
    "a picture as a list": (plain(image=[ELSEWHERE]), "image", "invalid_parameter"),
    **{
        name: (plain(**{name: value}), name, "unknown_parameter")
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
BEHIND = {
    "1080p on fast": (plain(model=MODEL_FAST, resolution="1080p"), "InvalidParameter"),
    "a last frame alone": (plain(metadata=content(LAST)), "InvalidParameter"),
    "a frame beside references": (plain(metadata=content(FIRST, REFERENCE)), "InvalidParameter"),
    "a picture beside references": (
        plain(image=ELSEWHERE, ref_images=[ELSEWHERE]),
        "InvalidParameter",
    ),
    "two pictures without roles": (
        plain(metadata=content(item("image", None), item("image", None))),
        "InvalidParameter",
    ),
    "an unknown role": (plain(metadata=content(item("image", "start"))), "InvalidParameter"),
    "a clip without a role": (plain(metadata=content(item("video", None))), "InvalidParameter"),
    "sound alone": (
        plain(metadata=content(item("audio", "reference_audio"))),
        "InvalidParameter",
    ),
    "a picture that is none": (
        plain(image="data:image/png;base64,AAAA"),
        "InvalidImageURL.InvalidFormat",
    ),
    "ten references": (plain(ref_images=[ELSEWHERE] * 10), "InvalidParameter"),
    "moderation": (
        plain(prompt="[refuse:InputTextSensitiveContentDetected]"),
        "InputTextSensitiveContentDetected",
    ),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_takes_what_the_page_documents(host, body) -> None:
    """With the object that the page shows: milliseconds, and seconds as a string."""
    reply = post(host, body)

    assert reply.status_code == 200, reply.text
    told = reply.json()
    assert re.fullmatch(r"video_[0-9a-f]+", told["id"])
    length = body.get("seconds") or body.get("duration")
    length = length or (body.get("metadata") or {}).get("duration", 5)
    assert told == {
        "id": told["id"],
        "object": "video",
        "model": body["model"],
        "status": "queued",
        "progress": 0,
        "created_at": int(host.clock.now() * 1000),
        "seconds": str(int(length)),
    }


@pytest.mark.parametrize(("body", "param", "code"), OWN.values(), ids=OWN)
def test_refuses_what_the_page_rules_out(host, body, param, code) -> None:
    """With an error of its own that names the field."""
    reply = post(host, body)

    error = reply.json()["error"]
    assert reply.status_code == 400
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)


@pytest.mark.parametrize(("body", "code"), BEHIND.values(), ids=BEHIND)
def test_passes_on_what_the_vendor_behind_it_refuses(host, body, code) -> None:
    """Ark's error comes as text in the message."""
    reply = post(host, body)

    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (400, "fail_to_fetch_task")
    assert json.loads(error["message"])["error"]["code"] == code


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"\\ud800"', b'{"prompt": "\\ud800"}'])
def test_a_body_that_is_no_json_object_is_refused(host, body) -> None:
    """By the gateway itself."""
    reply = host.client.post(
        host.url("/videos"), content=body, headers={"Content-Type": "application/json"}
    )

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_request")


def test_defaults_are_the_pages_own(host) -> None:
    """Silent, unlike Ark; five seconds in 720p, and the ratio of a picture where there is one."""
    text = host.commission(post(host, plain()).json()["id"])
    framed = host.commission(post(host, plain(image=ELSEWHERE)).json()["id"])

    assert (text["audio"], text["frames"], text["resolution"]) == (False, 121, "720p")
    assert (text["watermark"], text["return_last_frame"], text["ratio"]) == (False, False, "16:9")
    assert framed["media"][0]["role"] == "first_frame"


def test_a_fixed_camera_is_one(host) -> None:
    """The page offers it, though Ark's own page does not for these models."""
    assert host.commission(post(host, plain(camera_fixed=True)).json()["id"])["camera_fixed"]


def test_base64_in_the_content_is_noted_in_the_ledger(host, picture, data_uri) -> None:
    """The page documents public URLs there: it is taken, and the ledger says so."""
    inline = item("image", "first_frame", data_uri(picture()))
    job = post(host, plain(metadata=content(inline))).json()["id"]

    assert "base64" in next(entry.note for entry in host.ledger() if entry.job == job)


def test_a_picture_may_come_as_bare_base64(host, picture) -> None:
    """The page names base64 without a word of a data URI's head."""
    bare = base64.b64encode(picture(480, 864)).decode()

    job = post(host, plain(image=bare, resolution="480p")).json()["id"]

    assert host.commission(job)["ratio"] == "9:16"


def test_a_key_is_asked_for(host) -> None:
    """For the object and for the clip."""
    headers = {"Authorization": ""}

    made = post(host, plain(), headers=headers)
    clip = get(host, "video_1", "/content", headers=headers)

    assert (made.status_code, clip.status_code) == (401, 401)
    assert made.json()["error"]["type"] == "authentication_error"


@pytest.mark.parametrize("tail", ["", "/content"])
def test_an_unknown_job_is_not_found(host, tail) -> None:
    """404 with the gateway's own error."""
    reply = get(host, "video_none", tail)

    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "task_not_found")


@pytest.mark.parametrize(("method", "path"), [("GET", "/videos"), ("DELETE", "/videos/a")])
def test_there_is_no_list_and_no_delete(host, method, path) -> None:
    """Neither is documented."""
    assert host.client.request(method, host.url(path)).status_code == 404


@pytest.mark.parametrize(
    ("kind", "status", "progress"),
    [("job_failed", "failed", 100), ("job_expired", "in_progress", 30)],
)
def test_a_job_can_be_lost(vendor, kind, status, progress) -> None:
    """Failed with a code; one that ran out of time looks as if it ran on."""
    vendor.faults.inject(kind)
    host = vendor.at("infinity-blue")
    job = post(host, plain()).json()["id"]
    vendor.clock.advance(10)

    told = get(host, job).json()

    assert (told["status"], told["progress"]) == (status, progress)
    assert ("error" in told) == (status == "failed")
    assert get(host, job, "/content").status_code == 404


def test_a_shot_starts_on_its_picture_and_dies_after_a_day(
    vendor, picture, fetched, data_uri, tmp_path
) -> None:
    """The whole life: no clip before it is done, bytes with the key, gone with its file."""
    host = vendor.at("infinity-blue")
    given = picture(864, 496)
    body = plain(image=data_uri(given), seconds="4", resolution="480p", return_last_frame=True)
    job = post(host, body).json()["id"]
    made_at = vendor.clock.now()

    early = get(host, job, "/content")
    vendor.clock.advance(3)
    running = get(host, job).json()
    vendor.clock.advance(7)
    told = host.finished(f"/videos/{job}")
    clip = get(host, job, "/content")
    vendor.clock.advance(DAY)

    assert (early.status_code, early.json()["error"]["code"]) == (404, "video_not_ready")
    assert (running["status"], running["progress"]) == ("in_progress", 50)
    assert (told["status"], told["progress"], told["size"]) == ("completed", 100, "864x496")
    times = [told[name] for name in ("created_at", "completed_at", "expires_at")]
    assert times == [int((made_at + after) * 1000) for after in (0, 10, 10 + DAY)]
    assert set(told["metadata"]) == {"url"}
    assert "frame" not in json.dumps(told)
    assert (clip.status_code, clip.headers["content-type"]) == (200, "video/mp4")
    path = tmp_path / "a.mp4"
    path.write_bytes(clip.content)
    assert mean_difference(given, first_frame(path)) < 1.3
    assert (get(host, job).status_code, get(host, job, "/content").status_code) == (404, 404)


@pytest.fixture(scope="module")
def done(rendering):
    """A finished job whose clip is sent, and one whose clip is sent on to another host."""
    host = rendering.at("infinity-blue")
    jobs = []
    for kind in ("", "content_redirects"):
        if kind:
            rendering.faults.inject(kind)
        jobs.append(post(host, plain(seconds="4", resolution="480p")).json()["id"])
        # One after the other: the second clip is the first one, kept.
        host.finished(f"/videos/{jobs[-1]}")
    return host, *jobs


def test_a_clip_behind_the_key_is_the_one_behind_the_link(done, fetched) -> None:
    """Also in parts, also where a redirect leads to it; the key must not go along."""
    host, sent, sent_on = done
    whole = get(host, sent, "/content").content
    part = get(host, sent, "/content", headers={"Range": "bytes=0-9"})
    hint = get(host, sent_on, "/content")
    there = hint.headers["location"]
    with_key = host.client.get(there)

    assert whole == fetched(get(host, sent).json()["metadata"]["url"])
    assert (part.status_code, part.content) == (206, whole[:10])
    assert (hint.status_code, httpx.URL(there).host) == (302, "localhost")
    assert (with_key.status_code, fetched(there)) == (400, whole)


@pytest.mark.parametrize("kind", ["short_download", "download_error", "truncated", "lost_reply"])
def test_a_download_behind_the_key_can_fail(done, kind) -> None:
    """As one by a link can."""
    host, sent, _ = done
    host.faults.inject(kind, mount="infinity-blue", operation="content")

    if kind == "download_error":
        assert get(host, sent, "/content").status_code == 503
    else:
        with pytest.raises(httpx.RemoteProtocolError):
            get(host, sent, "/content")
    assert get(host, sent, "/content").status_code == 200
