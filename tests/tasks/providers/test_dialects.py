"""One contract for every dialect: what is sent, what is refused, and what any reply may be."""

import dataclasses
import json
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tasks.errors import InvalidRequest, ProviderError
from tasks.providers import PROVIDERS
from tasks.providers.dialects import DIALECTS
from tasks.providers.types import ApiResponse, JobResult, MediaInput, RenderRequest

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8

STATUSES = st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 409, 429, 500, 502, 599])
WORDS = st.sampled_from(
    [
        *("id", "task_id", "status", "error", "code", "message", "content", "video_url", "usage"),
        *("completion_tokens", "created_at", "data", "items", "total", "ErrorCode", "detail"),
        *("last_frame_url", "duration", "seed", "progress", "metadata", "url", "failure_reason"),
        *("seconds", "completed_at", "fail_reason", "model"),
    ]
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        [
            "succeeded",
            "failed",
            "QUEUED",
            "expired",
            "SUCCESS",
            "in_progress",
            "submitted",
            "1e999",
            "-5",
            "https://x/y",
            "{",
            '{"error":1}',
        ]
    ),
)
BODIES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(WORDS, st.text()), inner, max_size=6),
    ),
    max_leaves=25,
)
TASKS = st.dictionaries(WORDS, BODIES, max_size=8)
REPLIES = st.builds(
    ApiResponse, STATUSES, st.just({}), st.one_of(BODIES, TASKS), st.text(max_size=60)
)


@pytest.fixture(params=sorted(DIALECTS))
def dialect(request):
    """Every dialect of the registry."""
    return DIALECTS[request.param]


def test_a_dialect_is_registered_under_its_own_name(dialect):
    """The provider rows name it so."""
    assert DIALECTS[dialect.name] is dialect


def test_a_dialect_says_only_fields_of_an_order(dialect):
    """What it can say is told in the order's own words."""
    assert dialect.supported_fields <= {one.name for one in dataclasses.fields(RenderRequest)}
    assert {"model", "prompt"} <= dialect.supported_fields


def test_an_unsaid_field_is_not_sent(dialect):
    """None never travels, for vendors refuse fields that a model does not take."""
    call = dialect.build_create(RenderRequest(model="m", prompt="p"))

    assert call.method == "POST"
    assert call.json or call.parts
    assert not _has_none(call.json or {})
    assert all(part.data for part in call.parts)


def _has_none(value):
    if isinstance(value, Mapping):
        return any(_has_none(inner) for inner in value.values())
    if isinstance(value, (list, tuple)):
        return any(_has_none(inner) for inner in value)
    return value is None


@pytest.mark.parametrize("job", ["a/b", "../x", "a?b=c", "a b", "ä"])
def test_a_job_s_id_stays_within_the_path(dialect, job):
    """An id is opaque: it can't lead to another address."""
    path = dialect.build_query(job).path

    assert path.startswith("/")
    assert path.count("/") == dialect.build_query("plain").path.count("/")
    assert not set("? ä") & set(path)


@settings(
    max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(reply=REPLIES, job=st.sampled_from(["", "cgt-1"]))
@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_no_reply_raises_anything_but_a_provider_s_error(name, reply, job):
    """Whatever a vendor sends, it ends in a meaning or in one clear error."""
    dialect = DIALECTS[name]

    error = dialect.parse_error(reply, job=job)
    assert error is None or isinstance(error, ProviderError)
    for ask in (dialect.parse_created, dialect.parse_status, dialect.parse_list):
        told = _error_of(ask, reply)
        assert told is None or (str(told) and str(told).isprintable())


def _error_of(ask, reply):
    try:
        ask(reply)
    except ProviderError as told:
        return told
    return None


@settings(max_examples=60, deadline=None, database=None)
@given(body=TASKS, secret=st.text("abcdef0123456789", min_size=12, max_size=12))
@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_no_error_repeats_a_signed_url(name, body, secret):
    """Wherever a vendor puts it."""
    # A vendor that writes these very letters elsewhere has not given its signature away.
    assume(secret not in str(body))
    link = f"https://tos.example.com/clip.mp4?X-Tos-Signature={secret}"
    words = f"resource download failed: {link} (see {link})"

    for error in ({"message": words, "code": link}, words):
        told = DIALECTS[name].parse_error(
            ApiResponse(400, body={**body, "error": error}), job="cgt-1"
        )
        assert told is not None
        assert secret not in f"{told} {told.code} {told!r}"


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_row_s_dialect_says_what_its_models_take(name):
    """A limit that the table grants must have a word on the wire."""
    row = PROVIDERS[name]
    dialect = DIALECTS[row.dialect]
    families = [row.get_family(one) for one in row.models]

    for field, granted in (
        ("seed", any(one.seed for one in families)),
        ("frames", any(one.frames for one in families)),
        ("audio", any(one.audio for one in families)),
        ("draft", any(one.draft for one in families)),
        ("camera_fixed", any(one.camera_fixed for one in families)),
        ("watermark", any(one.watermark for one in families)),
        ("service_tier", any(one.flex for one in families)),
        ("priority", any(one.priority for one in families)),
        ("tools", any(one.supports_web_search for one in families)),
    ):
        assert field in dialect.supported_fields or not granted
    for role, granted in (
        ("first_frame", any(one.first_frame for one in families)),
        ("last_frame", any(one.last_frame for one in families)),
        ("reference_image", any(one.reference_images for one in families)),
        ("reference_video", any(one.reference_videos for one in families)),
        ("reference_audio", any(one.reference_audio for one in families)),
    ):
        assert role in dialect.inline_roles | dialect.url_roles or not granted


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_row_claims_no_list_and_no_cancel_that_its_dialect_lacks(name):
    """A provider may have less than its dialect, never more."""
    row = PROVIDERS[name]
    dialect = DIALECTS[row.dialect]

    assert dialect.build_list("m", None, 1) is not None or not row.supports_listing
    assert dialect.build_cancel("j") is not None or not row.supports_cancel


IMAGES = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0",
    "image/webp": b"RIFF\0\0\0\0WEBPVP8 ",
}


@pytest.mark.parametrize("mime", IMAGES)
def test_a_picture_s_type_is_told_by_its_bytes(dialect, mime):
    """Where the order does not tell it, the first bytes do."""
    order = RenderRequest(
        model="m", prompt="p", media=(MediaInput("first_frame", data=IMAGES[mime]),)
    )

    call = dialect.build_create(order)

    if call.parts:
        assert (call.parts[-1].mime_type, call.parts[-1].data) == (mime, IMAGES[mime])
    else:
        assert f"data:{mime};base64," in json.dumps(call.json)


@pytest.mark.parametrize(
    "medium",
    [
        MediaInput("reference_video", data=b"\0\0\0\x18ftyp", mime_type="video/mp4"),
        MediaInput("first_frame", data=b"no picture"),
        MediaInput("first_frame"),
    ],
)
def test_what_has_no_place_is_not_sent(dialect, medium):
    """Clips go by URL only, and bytes of no known type go nowhere."""
    with pytest.raises(InvalidRequest):
        dialect.build_create(RenderRequest(model="m", prompt="p", media=(medium,)))


@pytest.mark.parametrize("role", ["first_frame", "last_frame", "reference_image"])
@pytest.mark.parametrize("place", ["inline_roles", "url_roles"])
def test_a_dialect_takes_the_pictures_it_says_it_takes(dialect, role, place):
    """By file and by URL, and no others."""
    given = {"data": PNG} if place == "inline_roles" else {"url": "https://example.com/a.png"}
    order = RenderRequest(model="m", prompt="p", media=(MediaInput(role, **given),))

    if role in getattr(dialect, place):
        assert dialect.build_create(order).method == "POST"
    else:
        with pytest.raises(InvalidRequest):
            dialect.build_create(order)


OTHERS = {
    "frames": 57,
    "seed": 7,
    "camera_fixed": True,
    "watermark": False,
    "audio": True,
    "draft": True,
    "draft_job": "cgt-1",
    "service_tier": "flex",
    "priority": 3,
    "execution_expires_after_seconds": 3600,
    "callback_url": "https://example.com/hook",
    "safety_identifier": "5f4dcc",
    "tools": ("web_search",),
}


@pytest.mark.parametrize("field", OTHERS)
def test_what_has_no_word_is_refused_and_what_has_one_is_sent(dialect, field):
    """Nothing that an author asked for is dropped in silence."""
    order = RenderRequest(model="m", prompt="p", **{field: OTHERS[field]})
    plain = dialect.build_create(RenderRequest(model="m", prompt="p"))

    if field not in dialect.supported_fields:
        with pytest.raises(InvalidRequest, match=field.removesuffix("_seconds")):
            dialect.build_create(order)
    elif (dialect.name, field) != ("volc", "audio"):
        assert dialect.build_create(order) != plain


def test_the_last_frame_is_asked_for_where_that_can_be_done_only(dialect):
    """Elsewhere the clip itself ends on it."""
    plain = dialect.build_create(RenderRequest(model="m", prompt="p"))

    asked = dialect.build_create(RenderRequest(model="m", prompt="p", return_last_frame=True))

    assert (asked != plain) == ("return_last_frame" in dialect.supported_fields)


@pytest.mark.parametrize("prompt", ["", " \n"])
def test_a_prompt_is_asked_for_where_there_must_be_one(dialect, prompt):
    """Also beside a picture."""
    order = RenderRequest(model="m", prompt=prompt, media=(MediaInput("first_frame", data=PNG),))

    if dialect.requires_prompt:
        with pytest.raises(InvalidRequest, match="prompt"):
            dialect.build_create(order)
    else:
        assert dialect.build_create(order)


STATES = [
    *(("queued", "queued"), ("SUBMITTED", "queued"), ("submitted", "queued")),
    *(("Pending", "queued"), ("running", "running"), ("In Progress", "running")),
    *(("IN_PROGRESS", "running"), ("processing", "running"), ("NOT_START", "queued")),
    *(("unknown", "unknown"), ("paused-by-aliens", "unknown")),
    *(("SUCCESS", "done"), ("Succeeded", "done"), ("completed", "done")),
    *(("FAILED", "job_failed"), ("ERROR", "job_failed"), ("failure", "job_failed")),
    *(("expired", "job_failed"), ("cancelled", "job_failed"), ("Canceled", "job_failed")),
]


@pytest.mark.parametrize(("word", "state"), STATES)
def test_states_of_every_vocabulary_are_read_in_any_case(dialect, word, state):
    """A new word of the vendor's is no end."""
    reply = ApiResponse(200, body={"id": "j-1", "status": word})

    assert state == _told(dialect, reply)


def _told(dialect, reply):
    try:
        status = dialect.parse_status(reply)
    except ProviderError as error:
        return error.kind
    return "done" if isinstance(status, JobResult) else status.state


def test_times_in_milliseconds_are_read_as_seconds(dialect):
    """Some gateways document one and send the other."""
    body = {"status": "running", "created_at": 1764347090922, "progress": "30%"}

    status = dialect.parse_status(ApiResponse(200, body=body))

    assert status.details.created_at == 1764347090.922
    assert status.progress == 0.3


def test_a_wrapped_task_is_found(dialect):
    """new-api puts the task into `data`."""
    body = {
        "code": "success",
        "data": {"task_id": "t-1", "status": "SUCCESS", "video_url": "https://v/x"},
    }

    assert dialect.parse_error(ApiResponse(200, body=body), job="t-1") is None
    assert dialect.parse_status(ApiResponse(200, body=body)).clip_url == "https://v/x"
    assert dialect.parse_created(ApiResponse(200, body=body)) == "t-1"


@pytest.mark.parametrize(
    "body",
    [
        {"code": "task_not_exist", "message": "task_not_exist"},
        {"error": {"message": "task_not_exist", "type": "comet_api_error"}},
        {"error": {"code": "fail_to_fetch_task", "message": '{"message": "task_not_exist"}'}},
    ],
)
def test_an_unknown_job_is_lost_also_where_it_is_a_400(dialect, body):
    """In any shape; without a job to ask after, it is a wrong request."""
    assert dialect.parse_error(ApiResponse(400, body=body), job="t-1").kind == "job_lost"
    assert dialect.parse_error(ApiResponse(400, body=body)).kind == "rejected"
