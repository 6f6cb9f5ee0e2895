"""kkiai: parameters as flags in the text for 1.x, plain Ark at another base for 2.0."""

from __future__ import annotations

import re

import pytest

from tasks.media.frames import first_frame, mean_difference

MODEL_1_5 = "doubao-seedance-1-5-pro-251215"
MODEL_PRO = "doubao-seedance-1-0-pro-250528"
MODEL_PRO_FAST = "doubao-seedance-1-0-pro-fast-251015"
MODEL_T2V = "doubao-seedance-1-0-lite-t2v-250428"
MODEL_I2V = "doubao-seedance-1-0-lite-i2v-250428"
MODEL_2_0 = "doubao-seedance-2-0-260128"


@pytest.fixture(scope="module")
def host(checking):
    return checking.at("kkiai")


def text(flags: str = "", words: str = "A field of daisies.") -> dict:
    return {"type": "text", "text": f"{words} {flags}"}


def image(role: str | None = "first_frame", url: str = "https://example.com/a.png") -> dict:
    item = {"type": "image_url", "image_url": {"url": url}}
    return {**item, "role": role} if role else item


def plain(model: str, flags: str = "", *content: dict, **fields: object) -> dict:
    return {"model": model, "content": [text(flags), *content], **fields}


REFERENCE = image("reference_image")
ACCEPTED = {
    "the page's example": plain(
        MODEL_PRO_FAST,
        "--resolution 480p --ratio 16:9 --duration 2 --camera_fixed false --watermark false "
        "--seed 1",
    ),
    "the longest": plain(MODEL_PRO, "--duration 12 --resolution 1080p --ratio 21:9"),
    "the largest seed": plain(MODEL_PRO, "--seed 4294967295"),
    "the smallest seed": plain(MODEL_PRO, "--seed 0"),
    "no flags": plain(MODEL_T2V),
    "a first frame without a role": plain(MODEL_PRO, "", image(None)),
    "a text after the frame": {"model": MODEL_PRO, "content": [image(), text()]},
    "a first and last frame": plain(MODEL_I2V, "", image(), image("last_frame")),
    "four references": plain(MODEL_I2V, "--resolution 720p", *[REFERENCE] * 4),
    "silence on 1.5": plain(MODEL_1_5, "--duration 4", generate_audio=False),
    "adaptive where it is the default": plain(MODEL_1_5, "--ratio adaptive"),
    "adaptive with a frame": plain(MODEL_PRO, "--ratio adaptive", image()),
    "what the page does not have, and ignores": plain(
        MODEL_PRO, return_last_frame=True, callback_url="https://example.com/hook"
    ),
    "nothing but nulls": plain(MODEL_PRO, seed=None, duration=None, tools=None),
}
REFUSED = {
    "one second": plain(MODEL_PRO, "--duration 1"),
    "13 seconds": plain(MODEL_PRO, "--duration 13"),
    "three seconds on 1.5": plain(MODEL_1_5, "--duration 3"),
    "no length of its own": plain(MODEL_1_5, "--duration -1"),
    "half a second": plain(MODEL_PRO, "--duration 2.5"),
    "a random seed": plain(MODEL_PRO, "--seed -1"),
    "a seed too large": plain(MODEL_PRO, "--seed 4294967296"),
    "4k": plain(MODEL_PRO, "--resolution 4k"),
    "a resolution in capitals": plain(MODEL_PRO, "--resolution 480P"),
    "a ratio nobody has": plain(MODEL_PRO, "--ratio 2:1"),
    "adaptive from text on 1.0": plain(MODEL_PRO, "--ratio adaptive"),
    "adaptive with references": plain(MODEL_I2V, "--ratio adaptive", REFERENCE),
    "a camera half fixed": plain(MODEL_PRO, "--camera_fixed maybe"),
    "a camera fixed with references": plain(MODEL_I2V, "--camera_fixed true", REFERENCE),
    "a watermark as a number": plain(MODEL_PRO, "--watermark 1"),
    "1080p with references": plain(MODEL_I2V, "--resolution 1080p", REFERENCE),
    "sound on 1.0": plain(MODEL_PRO, generate_audio=True),
    "a length as JSON": plain(MODEL_PRO, duration=5),
    "a ratio as JSON": plain(MODEL_PRO, ratio="16:9"),
    "a seed as JSON": plain(MODEL_PRO, seed=1),
    "a tier": plain(MODEL_PRO, service_tier="default"),
    "no text": {"model": MODEL_PRO, "content": [image()]},
    "nothing but flags": {"model": MODEL_PRO, "content": [text("--duration 5", "")]},
    "five references": plain(MODEL_I2V, "--resolution 720p", *[REFERENCE] * 5),
    "a reference on 1.5": plain(MODEL_1_5, "", REFERENCE),
    "a first and last frame on pro fast": plain(MODEL_PRO_FAST, "", image(), image("last_frame")),
    "a frame for text to video": plain(MODEL_T2V, "", image()),
    "text for image to video": plain(MODEL_I2V),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_takes_what_the_page_documents(host, body) -> None:
    """With an id and a status that Ark does not have."""
    reply = host.post(body)

    assert reply.status_code == 200, reply.text
    assert re.fullmatch(r"cgt-\d{14}-[a-z0-9]{5}", reply.json()["id"])
    assert reply.json() == {"id": reply.json()["id"], "status": "submitted"}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_refuses_what_the_page_rules_out(host, body) -> None:
    """A 400 in Ark's words."""
    reply = host.post(body)

    assert (reply.status_code, reply.json()["error"]["type"]) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("mount", "model", "status"),
    [
        ("kkiai", MODEL_2_0, 404),
        ("kkiai", "seedance-1-0-pro-250528", 404),
        ("kkiai-2", MODEL_2_0, 200),
        ("kkiai-2", "doubao-seedance-2-0-fast-260128", 200),
        ("kkiai-2", "doubao-seedance-2-0-mini-260615", 404),
        ("kkiai-2", MODEL_PRO, 404),
    ],
)
def test_each_base_has_its_models(checking, mount, model, status) -> None:
    """1.x at one, 2.0 at the other."""
    assert checking.at(mount).post(plain(model)).status_code == status


def test_what_does_nothing_is_noted_in_the_ledger(host) -> None:
    """A last frame that was asked for and a callback are taken; the ledger says they do nothing."""
    body = plain(MODEL_PRO, return_last_frame=True, callback_url="https://example.com/hook")
    job = host.post(body).json()["id"]

    note = next(entry.note for entry in host.ledger() if entry.job == job)
    assert "return_last_frame, callback_url" in note


@pytest.mark.parametrize("mount", ["kkiai", "kkiai-2"])
def test_there_is_no_delete(checking, mount) -> None:
    """It is not documented."""
    host = checking.at(mount)
    job = host.post(plain(MODEL_2_0 if mount == "kkiai-2" else MODEL_PRO)).json()["id"]

    assert host.delete(job).json()["error"]["code"] == "InvalidAction"
    assert host.get(job).status_code == 200


def test_jobs_are_listed(vendor) -> None:
    """With the three query keys that the list page shows."""
    vendor.faults.inject("job_stalls", times=-1)
    host = vendor.at("kkiai")
    jobs = []
    for _ in range(3):
        jobs.append(host.post(plain(MODEL_PRO)).json()["id"])
        vendor.clock.advance(1)

    assert [item["id"] for item in host.list(page_size=2)["items"]] == jobs[:0:-1]
    chosen = host.list(**{"filter.status": "queued", "filter.task_ids": jobs[:2]})
    assert chosen["total"] <= 2
    assert host.list(**{"filter.status": "succeeded"}) == {"total": 0, "items": []}
    assert host.at("kkiai-2").list()["total"] == 0


def test_a_shot_starts_on_its_first_frame(rendering, picture, data_uri, fetched, tmp_path) -> None:
    """Its object has the documented fields alone: no last frame, though one was asked for."""
    host = rendering.at("kkiai")
    given = picture(864, 480)
    body = plain(MODEL_PRO, "--resolution 480p --duration 2", image(url=data_uri(given)))
    job = host.post({**body, "return_last_frame": True}).json()["id"]

    told = host.rendered(job)

    clip = tmp_path / "a.mp4"
    clip.write_bytes(fetched(told["content"]["video_url"]))
    assert mean_difference(given, first_frame(clip)) < 1.3
    assert set(told) == {*("id", "model", "status", "content", "usage", "created_at", "updated_at")}
    assert set(told["content"]) == {"video_url"}
    assert told["usage"]["total_tokens"] == 19_845
    assert host.list()["items"] == [told]


def test_the_other_base_is_plain_ark(checking) -> None:
    """JSON parameters, an answer of nothing but the id, and a list."""
    host = checking.at("kkiai-2")
    body = plain(MODEL_2_0, "", image(), duration=15, resolution="4k", return_last_frame=True)

    reply = host.post(body)

    assert set(reply.json()) == {"id"}
    assert reply.json()["id"] in {item["id"] for item in host.list()["items"]}
    assert host.post({**body, "duration": 16}).json()["error"]["param"] == "duration"
