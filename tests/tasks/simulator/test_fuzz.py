"""Random requests: every mount responds to each of them as its vendor documents.

Most are valid requests with a few changed values, so that a good part of them is accepted.
"""

from __future__ import annotations

import json
import os
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.simulator_requests import TASKS, SimulatorClient

# To run more by hand: SIMULATOR_FUZZ=10000 pytest -n 0 tests/tasks/simulator/test_fuzz.py
EXAMPLES = int(os.environ.get("SIMULATOR_FUZZ", "200"))
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
short_text = st.text(max_size=12) | st.sampled_from(
    ["", " ", "\x00", "\ud800", "😀", "[refuse:InternalX]", "9" * 5000, "[fail:X]", '"5"']
)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | short_text
    | st.sampled_from(["5", 5, 5.0, -1, "16:9", "adaptive", "auto", "720p", "flex", "1280x720"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(short_text, inner, max_size=3),
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


def media_items(kind: str) -> st.SearchStrategy:
    """Return content items of a kind with a URL."""
    payload = st.fixed_dictionaries({"url": urls | anything}) | anything
    fields = {"type": st.just(f"{kind}_url"), f"{kind}_url": payload}
    return st.fixed_dictionaries(fields, optional={"role": roles | anything})


texts = st.builds(lambda *parts: " ".join(parts), short_text, *[st.sampled_from(["", *FLAGS])] * 2)
text_items = st.fixed_dictionaries({"type": st.just("text"), "text": texts | anything})
content = st.lists(
    st.one_of(
        text_items,
        media_items("image"),
        media_items("video"),
        media_items("audio"),
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
    "safety_identifier": short_text | anything,
    "tools": st.just([{"type": "web_search"}]) | anything,
    "execution_expires_after": st.sampled_from([3600, 1, 259_201]) | anything,
    **{
        name: st.booleans() | anything
        for name in ("camera_fixed", "watermark", "generate_audio", "return_last_frame", "draft")
    },
}


def nearly_valid(valid: dict, optional: dict, wild: dict) -> st.SearchStrategy:
    """Return valid bodies with a changed field or two, and bodies of random fields."""
    bodies = st.fixed_dictionaries(valid, optional=optional)
    changes = st.one_of(
        st.just({}),
        st.sampled_from(sorted(wild)).flatmap(
            lambda name: st.fixed_dictionaries({name: wild[name]})
        ),
        st.dictionaries(st.sampled_from(sorted(wild)) | short_text, anything, max_size=1),
    )
    changed = st.builds(lambda body, change: {**body, **change}, bodies, changes)
    return st.one_of(changed, changed, st.fixed_dictionaries({}, optional=wild), anything)


VALID_TEXT = st.just({"type": "text", "text": "A cat."})
VALID_IMAGE = st.just(
    {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}, "role": "first_frame"}
)
VALID_FIELDS = {
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
    """Return bodies for a mount with Ark's wire format."""
    valid_content = st.one_of(
        st.tuples(VALID_TEXT), st.tuples(VALID_TEXT, VALID_IMAGE), st.tuples(text_items)
    )
    valid = {"model": st.just(ARK_MODELS[mount]), "content": valid_content}
    wild = {"model": models, "content": content | anything, **FIELDS}
    # kkiai takes parameters as flags only.
    optional = {} if mount == "kkiai" else VALID_FIELDS
    return nearly_valid(valid, optional, wild)


sora_fields = {
    **{name: FIELDS[name] for name in ("resolution", "ratio", "duration", "seed")},
    **{
        name: st.booleans() | anything
        for name in ("camera_fixed", "watermark", "generate_audio", "return_last_frame")
    },
}
sora_bodies = nearly_valid(
    {"model": st.just("doubao-seedance-2-0-260128"), "prompt": texts},
    {name: value for name, value in VALID_FIELDS.items() if name != "duration"},
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
def send(validating: SimulatorClient):
    """Send bytes to a mount; return status and body of a documented response."""

    def send_bytes(mount: str, path: str, data: bytes, media_type: str) -> tuple[int, dict]:
        client = validating.at(mount)
        headers = {"Content-Type": media_type}
        response = client.client.post(client.url(path), content=data, headers=headers)
        assert response.status_code in STATUSES, (response.text, data)
        body = response.json()
        assert isinstance(body, dict)
        return response.status_code, body

    return send_bytes


def to_json(body: object) -> bytes:
    """Return a body as JSON."""
    return json.dumps(body).encode()


def to_part(name: str, value: bytes) -> bytes:
    """Return a part of a form with the boundary x."""
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"'
    return head.encode() + b"\r\n\r\n" + value + b"\r\n"


@pytest.mark.parametrize("mount", ARK_MODELS)
def test_random_ark_body_gets_id_or_error(send, mount) -> None:
    """The response has an id, or Ark's error."""

    @fuzzed
    @given(body=ark_bodies(mount))
    def check(body: object) -> None:
        status, response = send(mount, TASKS, to_json(body), "application/json")
        fields = set(response.get("error", ()))
        expected = set() if status == 200 else {"code", "message", "param", "type"}
        assert fields == expected
        pattern = r"(?:cgt-|02)[0-9a-z-]+" if status == 200 else ""
        assert re.fullmatch(pattern, response.get("id", ""))

    check()


def test_random_sora_body_gets_job_or_error(send) -> None:
    """The response has a job, or the gateway's error."""

    @fuzzed
    @given(body=sora_bodies)
    def check(body: object) -> None:
        status, response = send("infinity-blue", "/videos", to_json(body), "application/json")
        fields = set(response.get("error", ()))
        expected = set() if status == 200 else {"message", "type", "param", "code"}
        assert fields == expected
        assert isinstance(response.get("seconds"), str if status == 200 else type(None))

    check()


def test_random_form_gets_job_or_error(send) -> None:
    """The response has a job, or a flat error."""

    @fuzzed
    @given(
        fields=st.fixed_dictionaries(
            {name: form_values[name] for name in ("prompt", "model")},
            optional={name: form_values[name] for name in ("seconds", "size", "resolution")},
        ),
        changes=st.dictionaries(
            st.sampled_from([*form_values, "input_reference"]), short_text, max_size=1
        ),
        file=st.none() | st.binary(max_size=40) | st.sampled_from([b"\x89PNG\r\n\x1a\n"]),
        noise=st.none() | st.tuples(st.binary(max_size=20), st.binary(max_size=20)),
    )
    def check(fields: dict, changes: dict, file: bytes | None, noise: tuple | None) -> None:
        parts = [
            to_part(name, value.encode("utf-8", "surrogatepass"))
            for name, value in {**fields, **changes}.items()
        ]
        if file is not None:
            parts.append(to_part('input_reference"; filename="a.png', file))
        if noise is not None:
            parts.append(b"--x\r\n" + b"\r\n\r\n".join(noise) + b"\r\n")
        body = b"".join(parts) + b"--x--\r\n"
        media_type = "multipart/form-data; boundary=x"
        status, response = send("cometapi-videos", "/videos", body, media_type)
        is_flat_error = set(response) == {"code", "message", "data"}
        has_error_object = set(response) == {"error"}
        assert is_flat_error == (status == 400)
        assert has_error_object == (status not in {200, 400})
        assert bool(response.get("task_id")) == (status == 200)

    check()


@pytest.mark.parametrize("mount", ["simulator", "infinity-blue", "cometapi-videos"])
def test_random_bytes_are_400(send, mount) -> None:
    """The bytes are neither JSON nor a form, whatever the content type."""

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
    def check(data: bytes, media_type: str) -> None:
        path = TASKS if mount == "simulator" else "/videos"
        assert send(mount, path, data, media_type)[0] == 400

    check()


@pytest.mark.parametrize("mount", ["simulator", "kkiai"])
def test_random_list_query_gets_page_or_400(validating, mount) -> None:
    """The response has a page, or an error with status 400."""
    client = validating.at(mount)
    keys = ["page_num", "page_size", "filter.status", "filter.task_ids", "filter.model"]
    printable = st.text(st.characters(codec="utf-8"), max_size=10)
    values = st.integers(-1, 600).map(str) | printable | st.just("9" * 5000)

    @settings(fuzzed, max_examples=min(60, EXAMPLES))
    @given(query=st.dictionaries(st.sampled_from(keys), values, max_size=3))
    def check(query: dict) -> None:
        response = client.client.get(client.url(), params=query)
        expected = {200: {"total", "items"}, 400: {"error"}}
        assert set(response.json()) == expected[response.status_code]

    check()
