"""CometAPI's volc route: Ark with the text first, flags in it, and an id of its own."""

from __future__ import annotations

import re

import pytest

from tasks.media.frames import first_frame, mean_difference

MODEL_1_5 = "doubao-seedance-1-5-pro-251215"
MODEL_PRO = "doubao-seedance-1-0-pro-250528"
MODEL_2_0 = "doubao-seedance-2-0-260128"
BOAT = "A paper boat drifts on a quiet lake at sunrise."


@pytest.fixture(scope="module")
def host(checking):
    return checking.at("cometapi-volc")


def text(words: str = BOAT) -> dict:
    return {"type": "text", "text": words}


def image(role: str, url: str = "https://example.com/a.png") -> dict:
    return {"type": "image_url", "image_url": {"url": url}, "role": role}


def plain(*content: dict, model: str = MODEL_1_5, **fields: object) -> dict:
    return {"model": model, "content": list(content) or [text()], **fields}


ACCEPTED = {
    "the page's example": plain(text(f"{BOAT} --duration 5 --ratio 16:9")),
    "a callback": plain(callback_url="https://example.com/hook"),
    "a first frame": plain(text(), image("first_frame")),
    "a first and last frame": plain(text(), image("first_frame"), image("last_frame")),
    "what Ark takes as JSON": plain(
        duration=4, resolution="1080p", ratio="adaptive", seed=1, generate_audio=False
    ),
    "a last frame asked for": plain(return_last_frame=True),
    "references where the model has them": plain(text(), image("reference_image"), model=MODEL_2_0),
    "nothing but nulls": plain(tools=None, frames=None),
    "a flag that Ark ignores": plain(text(f"{BOAT} --duration 99")),
}
REFUSED = {
    "an image before the text": plain(image("first_frame"), text()),
    "no text": plain(image("first_frame")),
    "references on 1.5": plain(text(), image("reference_image")),
    "a last frame alone": plain(text(), image("last_frame")),
    "13 seconds": plain(duration=13),
    "a length as text": plain(duration="5"),
    "4k": plain(resolution="4k"),
    "a field nobody has": plain(fps=24),
    "a callback to nowhere": plain(callback_url="example.com"),
    "no content": {"model": MODEL_1_5, "content": []},
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_takes_what_the_page_documents(host, body) -> None:
    """With nothing but an id, which does not look like Ark's."""
    reply = host.post(body)

    assert reply.status_code == 200, reply.text
    assert set(reply.json()) == {"id"}
    assert re.fullmatch(r"02\d{13}[0-9a-f]+", reply.json()["id"])


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_refuses_what_ark_refuses_and_content_without_a_beginning(host, body) -> None:
    """A 400 in Ark's words."""
    reply = host.post(body)

    assert (reply.status_code, reply.json()["error"]["type"]) == (400, "BadRequest")


def test_flags_in_the_text_are_honoured(host) -> None:
    """As Ark honours them: they leave the prompt and decide the picture."""
    words = f"{BOAT} --duration 12 --ratio 9:16 --rs 480p --seed 3 --cf true --wm true"
    commission = host.commission(host.post(plain(text(words))).json()["id"])

    assert commission["prompt"] == BOAT
    assert (commission["width"], commission["height"], commission["frames"]) == (496, 864, 289)
    assert (commission["seed"], commission["camera_fixed"], commission["watermark"]) == (3, 1, 1)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_there_is_no_list_and_no_delete(host, method) -> None:
    """Neither is documented."""
    job = host.post(plain()).json()["id"]
    path = "/contents/generations/tasks" + (f"/{job}" if method == "DELETE" else "")

    reply = host.client.request(method, host.url(path))

    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "InvalidAction")


def test_an_unknown_job_is_not_found(host) -> None:
    """As at Ark."""
    assert host.get("021773297205999example").status_code == 404


def test_a_shot_starts_on_its_first_frame(rendering, picture, data_uri, fetched, tmp_path) -> None:
    """A last frame comes back only where Ark's own field asks for it."""
    host = rendering.at("cometapi-volc")
    given = picture(864, 480)
    start = image("first_frame", data_uri(given))
    body = plain(text("She turns. --rs 480p"), start, model=MODEL_PRO, frames=29)
    jobs = [host.post({**body, **more}).json()["id"] for more in ({}, {"return_last_frame": True})]

    silent, asked = (host.rendered(job)["content"] for job in jobs)

    clip = tmp_path / "a.mp4"
    clip.write_bytes(fetched(silent["video_url"]))
    assert mean_difference(given, first_frame(clip)) < 1.3
    assert (set(silent), set(asked)) == ({"video_url"}, {"video_url", "last_frame_url"})
