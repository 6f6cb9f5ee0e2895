"""Entries of a log have no key, signature or media, wherever a vendor puts them."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tasks.errors import InvalidRequest, RateLimited, RequestNotSent, SubmissionUnclear
from tasks.providers import PROVIDERS
from tasks.providers.api_key import ApiKey
from tasks.providers.exchanges import Exchange
from tasks.providers.types import ApiCall, ApiResponse, FormPart, LostResponse
from tasks.submission.log_entries import (
    MAX_BODY_CHARS,
    clean_text,
    describe_exchange,
    describe_media,
)
from tests.support.paid_path import picture

KEY = "sk-canary/9f2+Q7=zzTop42"
OTHER_KEY = "other-provider-key-55"
SIGNATURE = "5ignatureOfAFile"
PNG = picture(128, (640, 480))
DATA_URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
REDACT = ApiKey(PROVIDERS["modelark"], SecretStr(KEY)).redact

SPELLINGS = {
    "plain": KEY,
    "percent": quote(KEY, safe=""),
    "escaped slash": KEY.replace("/", "\\/"),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "basic": base64.b64encode(f"user:{KEY}".encode()).decode(),
    "cut": KEY[:14],
    "bearer": f"Bearer {KEY}",
}
SIGNED = {
    "query": f"https://v.example/a.mp4?X-Tos-Signature={SIGNATURE}&X-Tos-Credential={SIGNATURE}",
    "relative": f"/a.mp4?Expires=1&Signature={SIGNATURE}",
    "amazon": f"a.mp4?x=1&amp;X-Amz-Security-Token={SIGNATURE}",
    "user": f"https://me:{SIGNATURE}@v.example/a.mp4",
    "escaped": f"https:\\/\\/v.example\\/a.mp4?sig={SIGNATURE}",
    "bucket": f"tos://bucket/a.mp4?token={SIGNATURE}",
}


def make_exchange(**values: Any) -> Exchange:
    """Return a create; `values` replace fields of it."""
    call = ApiCall("POST", "/tasks", json={"prompt": "Dawn."})
    response = ApiResponse(200, {}, {"id": "cgt-1"})
    defaults: dict[str, Any] = {"call": call, "response": response, "result": "cgt-1"}
    url = "https://v.example/tasks"
    return Exchange("create", "modelark", url, 0.0, 0.1, REDACT, **{**defaults, **values})


def describe(exchange: Exchange) -> str:
    """Return the entry of an exchange as the line of a log."""
    entry = describe_exchange(exchange, lambda text: text.replace(OTHER_KEY, "…"))
    return json.dumps(entry, ensure_ascii=False)


PLACES = {
    "error message": lambda text: ApiResponse(400, {}, {"error": {"message": f"bad {text}."}}),
    "error code": lambda text: ApiResponse(400, {}, {"error": {"code": text}}),
    "field name": lambda text: ApiResponse(200, {}, {text: 1}),
    "nested list": lambda text: ApiResponse(200, {}, {"a": [[[{"b": [text]}]]]}),
    "page": lambda text: ApiResponse(500, {}, None, f"<html>{text}</html>"),
    "request id": lambda text: ApiResponse(200, {"x-request-id": text}, {"id": "cgt-1"}),
    "lost": lambda text: LostResponse(was_sent=True, reason=f"redirected to {text}"),
    "long text": lambda text: ApiResponse(200, {}, {"m": "long " * 799 + text}),
    "long word": lambda text: ApiResponse(200, {}, {"m": "x" * 3995 + text}),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_key_in_response_is_redacted(place: str, spelling: str) -> None:
    """The key is in no part of an entry, in any spelling, nor is its beginning."""
    line = describe(make_exchange(response=PLACES[place](SPELLINGS[spelling])))

    for text in (KEY[:9], quote(KEY, safe="")[:14], SPELLINGS["base64"][:12], "zzTop42"):
        assert text not in line


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", SIGNED)
def test_signature_in_response_is_redacted(place: str, form: str) -> None:
    """URLs lose query and user, also where they are not complete."""
    line = describe(make_exchange(response=PLACES[place](SIGNED[form])))

    assert SIGNATURE not in line


@pytest.mark.parametrize("place", [place for place in PLACES if place != "request id"])
def test_media_in_response_is_described(place: str) -> None:
    """A data URI and bare base64 are replaced, in a body that is not JSON as well."""
    encoded = DATA_URI.rpartition(",")[2]
    for text in (DATA_URI, DATA_URI.replace("/", "\\/"), encoded):
        line = describe(make_exchange(response=PLACES[place](text)))

        assert encoded[:60] not in line
        assert "base64," not in line.replace("<base64,", "")


def test_request_describes_its_media() -> None:
    """An image is described with kind, size in pixels, digest and bytes; the prompt stays."""
    body = {"content": [{"type": "text", "text": "Dawn. 灯台"}, {"image_url": {"url": DATA_URI}}]}
    exchange = make_exchange(call=ApiCall("POST", "/tasks", json=body))

    request = describe_exchange(exchange, str)["request"]

    assert request["content"][0] == {"type": "text", "text": "Dawn. 灯台"}
    assert request["content"][1]["image_url"]["url"] == describe_media(PNG)
    assert describe_media(PNG).startswith("<png 640x480, sha256 ")


def test_form_describes_its_files() -> None:
    """The parts of a form are listed; a file is described, and a text is cleaned."""
    parts = (
        FormPart("prompt", f"Dawn {KEY}".encode()),
        FormPart("image", PNG, "a.png", "image/png"),
        FormPart("clip", b"\0" * 2_000_000, "a.bin", "video/mp4"),
    )
    exchange = make_exchange(call=ApiCall("POST", "/v1/videos", parts=parts))

    prompt, image, clip = describe_exchange(exchange, str)["request"]

    assert prompt == {"name": "prompt", "value": "Dawn …"}
    assert image["value"] == describe_media(PNG)
    assert clip["value"].startswith("<file, sha256 ")
    assert clip["value"].endswith("2.0 MB>")


def test_keys_of_other_providers_are_redacted() -> None:
    """A key of the run that is not the client's is removed as well."""
    response = ApiResponse(200, {}, {"id": "cgt-1", "note": OTHER_KEY})

    assert OTHER_KEY not in describe(make_exchange(response=response))


def test_fields_named_as_secrets_are_hidden() -> None:
    """A secret that we do not know is hidden by the name of its field; usage stays."""
    body = {"api_key": "x1", "access_token": "x2", "usage": {"completion_tokens": 5}}

    line = describe(make_exchange(response=ApiResponse(200, {}, body)))

    assert "x1" not in line
    assert "x2" not in line
    assert '"completion_tokens": 5' in line


def nest(depth: int) -> Any:
    """Return lists within lists."""
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


HOSTILE_BODIES: dict[str, Any] = {
    "long text": {"m": "word " * 800_000},
    "many texts": [["word " * 20] * 99] * 99,
    "many names": {f"{index:050}": 0 for index in range(20_000)},
    "many numbers": list(range(20_000)),
    "long texts": ["word " * 790] * 9,
    "empty lists": [[[[]] * 99] * 99] * 99,
    "deep": nest(90),
    "escapes": {"m": "\0" * 9000, "n": "\ud800" * 9000},
    "infinity": {"m": float("inf"), "n": float("nan")},
    "huge numbers": [10**4000] * 99,
    "data URIs": {"m": "data%3a" * 500_000, "n": "data:a" * 500_000},
    "parameters": {"m": "?" + "sig" * 1_000_000},
}


@pytest.mark.parametrize("name", HOSTILE_BODIES)
def test_body_is_bounded(name: str) -> None:
    """A hostile body makes no long and no invalid entry, whatever its shape."""
    response = ApiResponse(200, {}, HOSTILE_BODIES[name])
    entry = describe_exchange(make_exchange(response=response), str)
    text = json.dumps(entry["response"], ensure_ascii=False)

    assert len(text) < MAX_BODY_CHARS + 6 * 8000
    assert text.count("[") <= 2000
    assert len(text.replace("\\u0000", "0")) < MAX_BODY_CHARS + 3000
    json.loads(text, parse_constant=pytest.fail)


def test_long_text_is_cut_before_it_is_cleaned() -> None:
    """The patterns see a part of a long text, and a part of that is kept."""
    lengths: list[int] = []

    def redact(text: str) -> str:
        lengths.append(len(text))
        return text

    text = clean_text("word " * 800_000, redact)

    assert lengths == [20_000]
    assert text.endswith("… (4000000 characters)")
    assert len(text) < 4100


def test_media_in_a_text_are_described() -> None:
    """A data URI within a text, a large one, and one without base64."""
    large = picture(7, (3000, 3000))
    uri = f"data:image/png;base64,{base64.b64encode(large).decode()}"
    assert len(uri) > 20_000

    assert clean_text(uri, str) == describe_media(large)
    assert clean_text(f"no {DATA_URI}.", str) == f"no {describe_media(PNG)}."
    assert clean_text("data:image/svg+xml,%3Csvg%20secret", str) == "<a data URI>"


def test_unknown_credentials_are_hidden() -> None:
    """A header that is repeated is hidden, whose key it may be."""
    text = "Authorization: Basic dXNlcjpwYXNz, Bearer abcdef123456"

    assert clean_text(text, str) == "Authorization: Basic …, Bearer …"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RequestNotSent("DNS"), "not sent: DNS"),
        (SubmissionUnclear("a reset"), "unclear: a reset"),
        (RateLimited("wait"), "not accepted, and may be sent again: wait"),
        (InvalidRequest("bad"), "rejected: bad"),
        (None, "accepted as job cgt-1"),
    ],
)
def test_outcome_of_create_states_decision(error: Any, outcome: str) -> None:
    """An entry contains in a sentence what the response means for the money."""
    assert describe_exchange(make_exchange(error=error), str)["outcome"] == outcome


@given(
    before=st.text(max_size=30),
    after=st.text(max_size=30),
    spelling=st.sampled_from(sorted(SPELLINGS.values())),
)
def test_any_text_around_a_key_is_cleaned(before: str, after: str, spelling: str) -> None:
    """The middle of the key stays in no text, whatever stands around it."""
    text = clean_text(f"{before}{spelling}{after}", REDACT)

    assert KEY[:10] not in text
    assert SPELLINGS["base64"][:12] not in text
