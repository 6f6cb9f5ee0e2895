"""The contract of every dialect: what is sent, what is rejected, and how responses are parsed."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tasks.errors import InvalidRequest, JobFailed, MalformedResponse, ProviderError
from tasks.providers import PROVIDERS
from tasks.providers.dialects import DIALECTS
from tasks.providers.types import ApiResponse, JobResult, MediaInput, RenderRequest
from tests.support.wire import PNG

STATUSES = st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 409, 429, 500, 502, 599])
FIELD_NAMES = st.sampled_from(
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
            *("succeeded", "failed", "QUEUED", "expired", "SUCCESS", "in_progress", "submitted"),
            *("1e999", "-5", "https://x/y", "{", '{"error":1}'),
        ]
    ),
)
BODIES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(FIELD_NAMES, st.text()), inner, max_size=6),
    ),
    max_leaves=25,
)
TASKS = st.dictionaries(FIELD_NAMES, BODIES, max_size=8)
RESPONSES = st.builds(
    ApiResponse, STATUSES, st.just({}), st.one_of(BODIES, TASKS), st.text(max_size=60)
)


@pytest.fixture(params=sorted(DIALECTS))
def dialect(request):
    """Every dialect of the registry."""
    return DIALECTS[request.param]


def test_dialect_is_registered_by_its_name(dialect):
    """The provider table uses that name."""
    assert DIALECTS[dialect.name] is dialect


def test_dialect_supported_fields_exist(dialect):
    """They are fields of RenderRequest."""
    assert dialect.supported_fields <= set(RenderRequest._fields)
    assert {"model", "prompt"} <= dialect.supported_fields


def test_create_sends_no_unset_field(dialect):
    """None is never sent, because vendors reject fields that a model does not take."""
    call = dialect.build_create(RenderRequest(model="m", prompt="p"))

    assert call.method == "POST"
    assert call.json or call.parts
    assert not _contains_none(call.json or {})
    assert all(part.data for part in call.parts)


def _contains_none(value):
    if isinstance(value, Mapping):
        return any(_contains_none(inner) for inner in value.values())
    if isinstance(value, (list, tuple)):
        return any(_contains_none(inner) for inner in value)
    return value is None


@pytest.mark.parametrize("job", ["a/b", "../x", "a?b=c", "a b", "ä"])
def test_query_path_is_safe_for_any_job_id(dialect, job):
    """An id can't lead to another path."""
    path = dialect.build_query(job).path

    assert path.startswith("/")
    assert path.count("/") == dialect.build_query("plain").path.count("/")
    assert not set("? ä") & set(path)


@settings(
    max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(response=RESPONSES, job=st.sampled_from(["", "cgt-1"]))
@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_any_response_raises_only_provider_errors(name, response, job):
    """With a printable message."""
    dialect = DIALECTS[name]

    error = dialect.parse_error(response, job=job)

    assert error is None or isinstance(error, ProviderError)
    for parse in (dialect.parse_created, dialect.parse_status, dialect.parse_list):
        raised = _raised_error(parse, response)
        assert raised is None or (str(raised) and str(raised).isprintable())


def _raised_error(parse, response):
    try:
        parse(response)
    except ProviderError as error:
        return error
    return None


@settings(max_examples=60, deadline=None, database=None)
@given(body=TASKS, secret=st.text("abcdef0123456789", min_size=12, max_size=12))
@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_error_never_contains_signed_url(name, body, secret):
    """Wherever the vendor puts it."""
    # If other fields contain the same characters, finding them proves nothing.
    assume(secret not in str(body))
    url = f"https://tos.example.com/clip.mp4?X-Tos-Signature={secret}"
    message = f"resource download failed: {url} (see {url})"

    for error_field in ({"message": message, "code": url}, message):
        response = ApiResponse(400, body={**body, "error": error_field})
        error = DIALECTS[name].parse_error(response, job="cgt-1")
        assert error is not None
        assert secret not in f"{error} {error.code} {error!r}"


@pytest.mark.parametrize("name", PROVIDERS)
def test_dialect_can_send_what_families_support(name):
    """Every capability in the provider table has a field in the wire format."""
    provider = PROVIDERS[name]
    dialect = DIALECTS[provider.dialect]
    families = [provider.get_family(family) for family in provider.models]

    for field, is_supported in (
        ("seed", any(family.seed for family in families)),
        ("frames", any(family.frames for family in families)),
        ("audio", any(family.audio for family in families)),
        ("draft", any(family.draft for family in families)),
        ("camera_fixed", any(family.camera_fixed for family in families)),
        ("watermark", any(family.watermark for family in families)),
        ("service_tier", any(family.flex for family in families)),
        ("priority", any(family.priority for family in families)),
        ("tools", any(family.supports_web_search for family in families)),
    ):
        assert field in dialect.supported_fields or not is_supported
    for role, is_supported in (
        ("first_frame", any(family.first_frame for family in families)),
        ("last_frame", any(family.last_frame for family in families)),
        ("reference_image", any(family.reference_images for family in families)),
        ("reference_video", any(family.reference_videos for family in families)),
        ("reference_audio", any(family.reference_audio for family in families)),
    ):
        assert role in dialect.inline_roles | dialect.url_roles or not is_supported


@pytest.mark.parametrize("name", PROVIDERS)
def test_provider_list_and_cancel_exist_in_dialect(name):
    """A provider may support less than its dialect, never more."""
    provider = PROVIDERS[name]
    dialect = DIALECTS[provider.dialect]

    assert dialect.build_list("m", None, 1) is not None or not provider.supports_listing
    assert dialect.build_cancel("j") is not None or not provider.supports_cancel


IMAGES = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0",
    "image/webp": b"RIFF\0\0\0\0WEBPVP8 ",
}


@pytest.mark.parametrize("mime_type", IMAGES)
def test_image_type_is_sniffed_from_bytes(dialect, mime_type):
    """If the request does not name it."""
    image = MediaInput("first_frame", data=IMAGES[mime_type])

    call = dialect.build_create(RenderRequest(model="m", prompt="p", media=(image,)))

    if call.parts:
        part = call.parts[-1]
        assert (part.mime_type, part.data) == (mime_type, IMAGES[mime_type])
    else:
        assert f"data:{mime_type};base64," in json.dumps(call.json)


@pytest.mark.parametrize(
    "medium",
    [
        MediaInput("reference_video", data=b"\0\0\0\x18ftyp", mime_type="video/mp4"),
        MediaInput("first_frame", data=b"not an image"),
        MediaInput("first_frame"),
    ],
)
def test_create_rejects_unsupported_bytes(dialect, medium):
    """Clips are sent by URL only, and bytes of an unknown type are not sent at all."""
    with pytest.raises(InvalidRequest):
        dialect.build_create(RenderRequest(model="m", prompt="p", media=(medium,)))


ROLE_CASES = [
    (name, role, attribute)
    for name in sorted(DIALECTS)
    for role in ("first_frame", "last_frame", "reference_image")
    for attribute in ("inline_roles", "url_roles")
]


def build_image_request(role, attribute):
    """Return a request with one image, as a file or as a URL."""
    form = {"data": PNG} if attribute == "inline_roles" else {"url": "https://example.com/a.png"}
    return RenderRequest(model="m", prompt="p", media=(MediaInput(role, **form),))


@pytest.mark.parametrize(
    ("name", "role", "attribute"),
    [case for case in ROLE_CASES if case[1] in getattr(DIALECTS[case[0]], case[2])],
)
def test_create_accepts_image_of_supported_role(name, role, attribute):
    """As a file and as a URL."""
    assert DIALECTS[name].build_create(build_image_request(role, attribute)).method == "POST"


@pytest.mark.parametrize(
    ("name", "role", "attribute"),
    [case for case in ROLE_CASES if case[1] not in getattr(DIALECTS[case[0]], case[2])],
)
def test_create_rejects_image_of_other_role(name, role, attribute):
    """As a file and as a URL."""
    with pytest.raises(InvalidRequest):
        DIALECTS[name].build_create(build_image_request(role, attribute))


PARAMS: dict[str, Any] = {
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


@pytest.mark.parametrize("field", PARAMS)
def test_create_sends_or_rejects_every_parameter(dialect, field):
    """No parameter of the author is dropped without an error."""
    request = RenderRequest(model="m", prompt="p", **{field: PARAMS[field]})
    plain = dialect.build_create(RenderRequest(model="m", prompt="p"))

    if field not in dialect.supported_fields:
        with pytest.raises(InvalidRequest, match=field.removesuffix("_seconds")):
            dialect.build_create(request)
    elif (dialect.name, field) == ("volc", "audio"):
        # Sound is the default there, so only False is sent.
        silent = dialect.build_create(RenderRequest(model="m", prompt="p", audio=False))
        assert dialect.build_create(request) == plain
        assert silent != plain
    else:
        assert dialect.build_create(request) != plain


def test_create_ignores_unsupported_last_frame(dialect):
    """The clip itself ends on it."""
    plain = dialect.build_create(RenderRequest(model="m", prompt="p"))

    call = dialect.build_create(RenderRequest(model="m", prompt="p", return_last_frame=True))

    assert (call != plain) == ("return_last_frame" in dialect.supported_fields)


@pytest.mark.parametrize("name", [name for name in DIALECTS if DIALECTS[name].requires_prompt])
@pytest.mark.parametrize("prompt", ["", " \n"])
def test_create_rejects_empty_prompt(name, prompt):
    """Also with an image."""
    image = MediaInput("first_frame", data=PNG)

    with pytest.raises(InvalidRequest, match="prompt"):
        DIALECTS[name].build_create(RenderRequest(model="m", prompt=prompt, media=(image,)))


def test_create_without_prompt_is_accepted_by_ark():
    """The content is the image alone."""
    image = MediaInput("first_frame", data=PNG)

    body = DIALECTS["ark"].build_create(RenderRequest(model="m", media=(image,))).json

    assert [item["type"] for item in body["content"]] == ["image_url"]


STATES = [
    *(("queued", "queued"), ("SUBMITTED", "queued"), ("submitted", "queued")),
    *(("Pending", "queued"), ("running", "running"), ("In Progress", "running")),
    *(("IN_PROGRESS", "running"), ("processing", "running"), ("NOT_START", "queued")),
    *(("unknown", "unknown"), ("paused-by-aliens", "unknown")),
    *(("SUCCESS", "done"), ("Succeeded", "done"), ("completed", "done")),
    *(("FAILED", "job_failed"), ("failure", "unknown"), ("fail", "unknown")),
    *(("timeout", "unknown"), ("Canceled", "unknown"), ("terminated", "unknown")),
]

ENDS = {
    "ark": {"failed", "expired", "cancelled"},
    "kkiai": {"failed", "expired", "cancelled"},
    "volc": {"failed", "expired", "cancelled"},
    "videos": {"failed", "error"},
    "sora": {"failed"},
}
"""The words for an end without a clip that each vendor documents."""


@pytest.mark.parametrize(("status_text", "state"), STATES)
def test_status_texts_of_every_vendor_are_parsed(dialect, status_text, state):
    """In any case; an unlisted text does not end the job."""
    response = ApiResponse(200, body={"id": "j-1", "status": status_text})

    assert _parse_state(dialect, response) == state


@pytest.mark.parametrize("word", ["failed", "error", "expired", "cancelled"])
def test_end_counts_in_documented_words_only(dialect, word):
    """Another job may be paid for after an end, so a word of another vendor is unknown."""
    response = ApiResponse(200, body={"id": "j-1", "status": word.upper()})

    is_end = word in ENDS[dialect.name]
    kind = "job_cancelled" if word == "cancelled" else "job_failed"
    assert _parse_state(dialect, response) == (kind if is_end else "unknown")


@pytest.mark.parametrize(
    "body",
    [
        {"status": "failed"},
        {"status": "failed", "error": {"code": "InternalServiceError", "message": "x"}},
        {"id": "j-2", "status": "failed"},
        {"id": "j-2", "task_id": "j-3", "status": "failed"},
        {"data": {"task_id": "j-2", "status": "failed"}},
    ],
)
def test_end_must_name_the_job(dialect, body):
    """A page of a proxy, or the state of another job, does not end ours."""
    with pytest.raises(MalformedResponse) as caught:
        dialect.parse_status(ApiResponse(200, body=body), job="j-1")

    assert not caught.value.is_final


@pytest.mark.parametrize(
    "body",
    [
        {"id": "j-1", "status": "failed"},
        {"id": "other", "task_id": "j-1", "status": "FAILED"},
        {"status": "error", "data": {"id": "j-1", "status": "failed"}},
        {"id": "request-9", "status": "ok", "data": {"task_id": "j-1", "status": "failed"}},
    ],
)
def test_end_that_names_the_job_is_final(dialect, body):
    """Also inside the frame of a gateway, whose own status and id do not count."""
    with pytest.raises(JobFailed) as caught:
        dialect.parse_status(ApiResponse(200, body=body), job="j-1")

    assert caught.value.is_final


def test_result_of_another_job_is_rejected(dialect):
    """Its clip is not ours; an object without an id is that of the queried job."""
    body = {"id": "j-2", "status": "completed", "video_url": "https://v/x"}

    with pytest.raises(MalformedResponse, match="about j-2"):
        dialect.parse_status(ApiResponse(200, body=body), job="j-1")
    del body["id"]
    assert dialect.parse_status(ApiResponse(200, body=body), job="j-1").clip_url == "https://v/x"


def test_clip_beside_unknown_word_is_reported(dialect):
    """With the vendor's own words, redacted; the clip must prove the success."""
    body = {
        "id": "j-1",
        "status": "polished",
        "message": "see https://h/x?sig=5ecret",
        "video_url": "https://v/a b.mp4?sig=1",
        "metadata": {},
    }

    result = dialect.parse_status(ApiResponse(200, body=body), job="j-1")

    assert result.clip_url == "https://v/a%20b.mp4?sig=1"
    assert result.vendor_text == "status 'polished', see https://h/x"


def _parse_state(dialect, response):
    try:
        status = dialect.parse_status(response)
    except ProviderError as error:
        return error.kind
    return "done" if isinstance(status, JobResult) else status.state


def test_milliseconds_are_parsed_as_seconds(dialect):
    """Some gateways document one unit and send the other."""
    body = {"status": "running", "created_at": 1764347090922, "progress": "30%"}

    status = dialect.parse_status(ApiResponse(200, body=body))

    assert status.details.created_at == 1764347090.922
    assert status.progress == 0.3


def test_wrapped_task_is_parsed(dialect):
    """The software new-api puts the task into `data`."""
    task = {"task_id": "t-1", "status": "SUCCESS", "video_url": "https://v/x"}
    response = ApiResponse(200, body={"code": "success", "data": task})

    assert dialect.parse_error(response, job="t-1") is None
    assert dialect.parse_status(response).clip_url == "https://v/x"
    assert dialect.parse_created(response) == "t-1"


@pytest.mark.parametrize(
    "body",
    [
        {"code": "task_not_exist", "message": "task_not_exist"},
        {"error": {"message": "task_not_exist", "type": "comet_api_error"}},
        {"error": {"code": "fail_to_fetch_task", "message": '{"message": "task_not_exist"}'}},
    ],
)
def test_unknown_job_in_a_400_is_lost(dialect, body):
    """In any shape; for a call that is not about a job it is an invalid request."""
    response = ApiResponse(400, body=body)

    assert dialect.parse_error(response, job="t-1").kind == "job_not_found"
    assert dialect.parse_error(response).kind == "invalid_request"
