"""powertokens: BytePlus's Ark with the ids and limits of its own page."""

from __future__ import annotations

import re

import pytest

from tasks.media.frames import first_frame, mean_difference

TEXT = {"type": "text", "text": "A quiet valley."}
MODEL_2_0 = "dreamina-seedance-2-0-260128"
MODEL_FAST = "dreamina-seedance-2-0-fast-260128"
MODEL_1_5 = "seedance-1-5-pro-251215"
MODEL_PRO = "seedance-1-0-pro-250528"
MODEL_PRO_FAST = "seedance-1-0-pro-fast-251015"
ELSEWHERE = "https://example.com/a"


@pytest.fixture(scope="module")
def host(checking):
    return checking.at("powertokens")


def media(kind: str, role: str, url: str = ELSEWHERE) -> dict:
    return {"type": f"{kind}_url", f"{kind}_url": {"url": url}, "role": role}


def image(role: str = "first_frame", url: str = ELSEWHERE) -> dict:
    return media("image", role, url)


def plain(model: str, *content: dict, **fields: object) -> dict:
    return {"model": model, "content": [TEXT, *content], **fields}


REFERENCES = (
    media("image", "reference_image"),
    media("image", "reference_image"),
    media("video", "reference_video"),
    media("audio", "reference_audio"),
)
ACCEPTED = {
    "the page's example": plain(
        MODEL_2_0, *REFERENCES, generate_audio=True, ratio="16:9", duration=11, watermark=False
    ),
    "references without words": {"model": MODEL_2_0, "content": list(REFERENCES)},
    "an asset": plain(MODEL_2_0, image(url="asset://asset-2026")),
    "a picture without words": {"model": MODEL_PRO, "content": [image()]},
    "everything for 2.0": plain(
        MODEL_2_0,
        image(),
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
    "priority on fast": plain(MODEL_FAST, priority=0, duration=15, resolution="720p"),
    "everything for 1.5": plain(
        MODEL_1_5, draft=True, resolution="480p", camera_fixed=True, duration=12, seed=-1
    ),
    "the default tier on 1.0": plain(
        MODEL_PRO, service_tier="default", frames=57, execution_expires_after=259_200
    ),
    "adaptive with a frame on 1.0": plain(MODEL_PRO, image(), ratio="adaptive", duration=2),
    "pro fast": plain(MODEL_PRO_FAST, duration=12, resolution="1080p"),
    "nothing but nulls": plain(MODEL_2_0, **dict.fromkeys(("tools", "frames", "service_tier"))),
}
REFUSED = {
    "offline inference": (plain(MODEL_PRO, service_tier="flex"), "service_tier"),
    "a tier on 2.0": (plain(MODEL_2_0, service_tier="default"), "service_tier"),
    "a web search": (plain(MODEL_2_0, tools=[{"type": "web_search"}]), "tools"),
    "no tools on 2.0": (plain(MODEL_2_0, tools=[]), "tools"),
    "4k": (plain(MODEL_2_0, resolution="4k"), "resolution"),
    "1080p on fast": (plain(MODEL_FAST, resolution="1080p"), "resolution"),
    "16 seconds": (plain(MODEL_2_0, duration=16), "duration"),
    "13 seconds on 1.5": (plain(MODEL_1_5, duration=13), "duration"),
    "no length of its own on 1.0": (plain(MODEL_PRO, duration=-1), "duration"),
    "a length as text": (plain(MODEL_2_0, duration="5"), "duration"),
    "frames on 1.5": (plain(MODEL_1_5, frames=57), "frames"),
    "frames out of step": (plain(MODEL_PRO, frames=58), "frames"),
    "a seed too large": (plain(MODEL_PRO, seed=4_294_967_296), "seed"),
    "a fixed camera on 2.0": (plain(MODEL_2_0, camera_fixed=True), "camera_fixed"),
    "a draft on 2.0": (plain(MODEL_2_0, draft=True), "draft"),
    "a draft in 720p": (plain(MODEL_1_5, draft=True, resolution="720p"), "resolution"),
    "sound on 1.0": (plain(MODEL_PRO, generate_audio=True), "generate_audio"),
    "priority on 1.5": (plain(MODEL_1_5, priority=1), "priority"),
    "adaptive from text on 1.0": (plain(MODEL_PRO, ratio="adaptive"), "ratio"),
    "mov": (plain(MODEL_2_0, output_format="mov"), "output_format"),
    "an early end": (
        plain(MODEL_PRO, execution_expires_after=3599),
        "execution_expires_after",
    ),
    "a long identifier": (plain(MODEL_PRO, safety_identifier="x" * 65), "safety_identifier"),
    "sound alone": (plain(MODEL_2_0, media("audio", "reference_audio")), "content"),
    "a frame beside references": (plain(MODEL_2_0, image(), REFERENCES[0]), "content"),
    "a first and last frame on pro fast": (
        plain(MODEL_PRO_FAST, image(), image("last_frame")),
        "content",
    ),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_takes_what_the_page_documents(host, body) -> None:
    """With an id of Ark's shape and nothing else, but for an identifier that was sent."""
    reply = host.post(body)

    assert reply.status_code == 200, reply.text
    assert re.fullmatch(r"cgt-\d{14}-[a-z0-9]{5}", reply.json()["id"])
    assert set(reply.json()) <= {"id", "safety_identifier"}


@pytest.mark.parametrize(("body", "param"), REFUSED.values(), ids=REFUSED)
def test_refuses_what_the_page_rules_out(host, body, param) -> None:
    """A 400 in Ark's words that names the field."""
    reply = host.post(body)

    error = reply.json()["error"]
    assert (reply.status_code, error["param"], error["type"]) == (400, param, "BadRequest")


@pytest.mark.parametrize(
    "model",
    ["doubao-seedance-2-0-260128", "dreamina-seedance-2-5-260628", "seedance-1-0-lite-t2v-250428"],
)
def test_other_models_are_not_there(host, model) -> None:
    """Five ids are served; Volcengine's, 2.5 and lite are not among them."""
    assert host.post(plain(model)).status_code == 404


def test_there_is_no_list_but_a_delete(vendor) -> None:
    """The page and those beside it document create, get and delete."""
    vendor.faults.inject("job_stalls")
    host = vendor.at("powertokens")
    job = host.post(plain(MODEL_PRO)).json()["id"]

    listed = host.client.get(host.url())

    assert (listed.status_code, listed.json()["error"]["code"]) == (404, "InvalidAction")
    assert host.delete(job).json() == {}
    assert host.get(job).json()["status"] == "cancelled"


def test_a_seed_is_undisputed_here(host) -> None:
    """This page restricts it to no model, so the ledger has nothing to note."""
    job = host.post(plain(MODEL_2_0, seed=7)).json()["id"]

    assert next(entry.note for entry in host.ledger() if entry.job == job) == ""


def test_a_shot_starts_on_its_first_frame_and_hands_on_its_last(
    rendering, picture, data_uri, fetched, tmp_path
) -> None:
    """The whole life of a chained shot, with both links."""
    host = rendering.at("powertokens")
    given = picture(864, 480)
    body = plain(MODEL_PRO, image(url=data_uri(given)), resolution="480p", ratio="adaptive")
    job = host.post({**body, "frames": 29, "return_last_frame": True}).json()["id"]

    told = host.rendered(job)

    clip = tmp_path / "a.mp4"
    clip.write_bytes(fetched(told["content"]["video_url"]))
    assert mean_difference(given, first_frame(clip)) < 1.3
    assert fetched(told["content"]["last_frame_url"])[1:4] == b"PNG"
    assert (told["ratio"], told["frames"]) == ("16:9", 29)
