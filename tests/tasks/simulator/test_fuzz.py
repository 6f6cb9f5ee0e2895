"""Orders that nobody would write: each vendor answers every one of them as it documents.

Most begin as a good order and have a few values changed, so that a good part of them is taken.
"""

from __future__ import annotations

import json
import os
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# More by hand: SIMULATOR_FUZZ=10000 pytest -n 0 tests/tasks/simulator/test_fuzz.py
EXAMPLES = int(os.environ.get("SIMULATOR_FUZZ", "200"))
TASKS = "/contents/generations/tasks"
STATUSES = {200, 400, 401, 403, 404, 429}
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

IDS = (
    *("doubao-seedance-1-5-pro-251215", "doubao-seedance-1-0-pro-250528"),
    *("doubao-seedance-2-0-260128", "doubao-seedance-2-0-fast-260128"),
    *("doubao-seedance-1-0-lite-i2v-250428", "seedance-1-5-pro-251215"),
    *("seedance-1-0-pro-250528", "dreamina-seedance-2-0-260128", "doubao-seedance-2-0"),
)
FLAGS = (
    *("--duration 5", "--dur -1", "--ratio 1:1", "--rt x", "--seed 1", "--seed -1", "--rs 4k"),
    *("--resolution 480p", "--cf true", "--watermark maybe", "--fps 24", "--", "--loop"),
)
words = st.text(max_size=12) | st.sampled_from(
    ["", " ", "\x00", "\ud800", "😀", "[refuse:InternalX]", "9" * 5000, "[fail:X]", '"5"']
)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | words
    | st.sampled_from(["5", 5, 5.0, -1, "16:9", "adaptive", "auto", "720p", "flex", "1280x720"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
urls = st.sampled_from(
    [
        *("https://example.com/a.png", "http://127.0.0.1/a", "http://[", "", "asset://a", "x"),
        *("data:image/png;base64,AAAA", "data:image/png;base64,é", "data:,", "data:", "file:///"),
        *("http://a/files/a.png?X-Tos-Date=1", "http://a/files/..%2fsecret", "https://a:b@c:d/"),
    ]
)
roles = st.sampled_from(
    [None, "first_frame", "last_frame", "reference_image", "reference_video", "reference_audio"]
)


def item(kind: str) -> st.SearchStrategy:
    payload = st.fixed_dictionaries({"url": urls | anything}) | anything
    told = {"type": st.just(f"{kind}_url"), f"{kind}_url": payload}
    return st.fixed_dictionaries(told, optional={"role": roles | anything})


texts = st.builds(lambda *parts: " ".join(parts), words, *[st.sampled_from(["", *FLAGS])] * 2)
text_item = st.fixed_dictionaries({"type": st.just("text"), "text": texts | anything})
content = st.lists(
    st.one_of(
        text_item,
        item("image"),
        item("video"),
        item("audio"),
        st.fixed_dictionaries({"type": st.just("draft_task"), "draft_task": anything}),
        anything,
    ),
    max_size=4,
)
models = st.sampled_from(IDS) | anything
FIELDS = {
    "resolution": st.sampled_from(["480p", "720P", "1080p", "4k"]) | anything,
    "ratio": st.sampled_from(["16:9", "adaptive", "auto", "2:1"]) | anything,
    "duration": st.integers(-2, 32) | anything,
    "frames": st.integers(20, 300) | anything,
    "seed": st.integers(-2, 2**32) | anything,
    "service_tier": st.sampled_from(["default", "flex"]) | anything,
    "priority": st.integers(-1, 10) | anything,
    "callback_url": urls | anything,
    "safety_identifier": words | anything,
    "tools": st.just([{"type": "web_search"}]) | anything,
    "execution_expires_after": st.sampled_from([3600, 1, 259_201]) | anything,
    **{
        name: st.booleans() | anything
        for name in ("camera_fixed", "watermark", "generate_audio", "return_last_frame", "draft")
    },
}


def nearly(good: dict, optional: dict, wild: dict) -> st.SearchStrategy:
    """A good order with a field or two spoilt, or one of which every field is open."""
    bodies = st.fixed_dictionaries(good, optional=optional)
    spoilt = st.one_of(
        st.just({}),
        st.sampled_from(sorted(wild)).flatmap(
            lambda name: st.fixed_dictionaries({name: wild[name]})
        ),
        st.dictionaries(st.sampled_from(sorted(wild)) | words, anything, max_size=1),
    )
    nearly_good = st.builds(lambda body, more: {**body, **more}, bodies, spoilt)
    return st.one_of(nearly_good, nearly_good, st.fixed_dictionaries({}, optional=wild), anything)


GOOD_TEXT = st.just({"type": "text", "text": "A cat."})
GOOD_IMAGE = st.just(
    {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}, "role": "first_frame"}
)
GOOD = {
    "resolution": st.sampled_from(["480p", "720p"]),
    "ratio": st.sampled_from(["16:9", "9:16"]),
    "duration": st.integers(4, 12),
    "watermark": st.booleans(),
    "return_last_frame": st.booleans(),
}
ARK_MODELS = {
    "simulator": "doubao-seedance-1-5-pro-251215",
    "powertokens": "dreamina-seedance-2-0-260128",
    "cometapi-volc": "doubao-seedance-1-0-pro-250528",
    "kkiai": "doubao-seedance-1-5-pro-251215",
    "kkiai-2": "doubao-seedance-2-0-fast-260128",
}


def ark_bodies(mount: str) -> st.SearchStrategy:
    good_content = st.one_of(
        st.tuples(GOOD_TEXT), st.tuples(GOOD_TEXT, GOOD_IMAGE), st.tuples(text_item)
    )
    good = {"model": st.just(ARK_MODELS[mount]), "content": good_content}
    wild = {"model": models, "content": content | anything, **FIELDS}
    flagged = {} if mount == "kkiai" else GOOD
    return nearly(good, flagged, wild)


sora_fields = {
    **{name: FIELDS[name] for name in ("resolution", "ratio", "duration", "seed")},
    **{
        name: st.booleans() | anything
        for name in ("camera_fixed", "watermark", "generate_audio", "return_last_frame")
    },
}
sora_bodies = nearly(
    {"model": st.just("doubao-seedance-2-0-260128"), "prompt": texts},
    {name: value for name, value in GOOD.items() if name != "duration"},
    {
        **sora_fields,
        "model": models,
        "prompt": texts | anything,
        "seconds": st.integers(2, 17).map(str) | anything,
        "size": st.just("1280x720") | anything,
        "image": urls | anything,
        "ref_images": st.lists(urls, max_size=3) | anything,
        "n": st.just(1) | anything,
        "response_format": st.just("url") | anything,
        "user": anything,
        "metadata": st.fixed_dictionaries({}, optional={**sora_fields, "content": content})
        | anything,
    },
)
form_values = {
    "prompt": texts,
    "model": st.sampled_from(["doubao-seedance-2-0", "doubao-seedance-1-0-pro", "x"]),
    "seconds": st.integers(3, 11).map(str),
    "size": st.sampled_from(["16:9", "1:1", "2:1", '"16:9"']),
    "resolution": st.sampled_from(["480p", "720p", "1080p"]),
}


@pytest.fixture(scope="module")
def answered(checking):
    """Send bytes to a mount and return status and JSON of a documented answer."""

    def send(mount: str, path: str, data: bytes, media_type: str) -> tuple[int, dict]:
        host = checking.at(mount)
        reply = host.client.post(host.url(path), content=data, headers={"Content-Type": media_type})
        assert reply.status_code in STATUSES, (reply.text, data)
        told = reply.json()
        assert isinstance(told, dict)
        assert told.get("id") if reply.status_code == 200 else ("error" in told or "code" in told)
        return reply.status_code, told

    return send


def as_json(body: object) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.parametrize("mount", ARK_MODELS)
def test_any_ark_order_is_answered(answered, mount) -> None:
    """With an id or with Ark's error, and nothing else."""

    @fuzzed
    @given(body=ark_bodies(mount))
    def send(body: object) -> None:
        status, told = answered(mount, TASKS, as_json(body), "application/json")
        if status == 200:
            assert re.fullmatch(r"(?:cgt-|02)[0-9a-z-]+", told["id"])
        else:
            assert set(told["error"]) == {"code", "message", "param", "type"}

    send()


def test_any_sora_order_is_answered(answered) -> None:
    """With a job or with the gateway's error."""

    @fuzzed
    @given(body=sora_bodies)
    def send(body: object) -> None:
        status, told = answered("infinity-blue", "/videos", as_json(body), "application/json")
        if status == 200:
            assert isinstance(told["seconds"], str)
        else:
            assert set(told["error"]) == {"message", "type", "param", "code"}

    send()


def test_any_form_is_answered(answered) -> None:
    """With a job or with a flat error."""

    @fuzzed
    @given(
        fields=st.fixed_dictionaries(
            {name: form_values[name] for name in ("prompt", "model")},
            optional={name: form_values[name] for name in ("seconds", "size", "resolution")},
        ),
        spoilt=st.dictionaries(
            st.sampled_from([*form_values, "input_reference"]), words, max_size=1
        ),
        file=st.none() | st.binary(max_size=40) | st.sampled_from([b"\x89PNG\r\n\x1a\n"]),
        noise=st.none() | st.tuples(st.binary(max_size=20), st.binary(max_size=20)),
    )
    def send(fields: dict, spoilt: dict, file: bytes | None, noise: tuple | None) -> None:
        parts = [
            _part(name, value.encode("utf-8", "surrogatepass"))
            for name, value in {**fields, **spoilt}.items()
        ]
        if file is not None:
            parts.append(_part('input_reference"; filename="a.png', file))
        if noise is not None:
            parts.append(b"--x\r\n" + b"\r\n\r\n".join(noise) + b"\r\n")
        body = b"".join(parts) + b"--x--\r\n"
        status, told = answered(
            "cometapi-videos", "/videos", body, "multipart/form-data; boundary=x"
        )
        assert set(told) == {"code", "message", "data"} if status == 400 else told["task_id"]

    send()


@pytest.mark.parametrize("mount", ["simulator", "infinity-blue", "cometapi-videos"])
def test_any_bytes_are_answered(answered, mount) -> None:
    """Bytes that are no JSON and no form, under any type that a client may claim."""

    @settings(fuzzed, max_examples=min(60, EXAMPLES))
    @given(
        data=st.binary(max_size=200) | st.just(b"[" * 100_000),
        media_type=st.sampled_from(
            [
                *("application/json", "application/json; charset=utf-16", "text/plain", "x"),
                *(
                    "multipart/form-data",
                    "multipart/form-data; boundary=x",
                    'multipart/form-data; boundary=""',
                ),
            ]
        ),
    )
    def send(data: bytes, media_type: str) -> None:
        path = TASKS if mount == "simulator" else "/videos"
        assert answered(mount, path, data, media_type)[0] == 400

    send()


@pytest.mark.parametrize("mount", ["simulator", "kkiai"])
def test_any_list_query_is_answered(checking, mount) -> None:
    """With a page or with a 400."""
    host = checking.at(mount)
    keys = ["page_num", "page_size", "filter.status", "filter.task_ids", "filter.model"]
    printable = st.text(st.characters(codec="utf-8"), max_size=10)
    values = st.integers(-1, 600).map(str) | printable | st.just("9" * 5000)

    @settings(fuzzed, max_examples=min(60, EXAMPLES))
    @given(query=st.dictionaries(st.sampled_from(keys), values, max_size=3))
    def send(query: dict) -> None:
        reply = host.client.get(host.url(), params=query)
        assert reply.status_code in {200, 400}
        assert "items" in reply.json() or "error" in reply.json()

    send()


def _part(name: str, value: bytes) -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"'
    return head.encode() + b"\r\n\r\n" + value + b"\r\n"
