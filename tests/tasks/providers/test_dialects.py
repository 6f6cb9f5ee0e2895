"""One contract for every dialect, and every exchange that was saved from the vendors' pages."""

import dataclasses
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import ProviderError, Rejected
from tasks.providers import PROVIDERS
from tasks.providers.contract import Done, Medium, Order, Reply, Waiting
from tasks.providers.dialects import DIALECTS

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8

STATUSES = st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 409, 429, 500, 502, 599])
WORDS = st.sampled_from(
    [
        *("id", "task_id", "status", "error", "code", "message", "content", "video_url", "usage"),
        *("completion_tokens", "created_at", "data", "items", "total", "ErrorCode", "detail"),
        *("last_frame_url", "duration", "seed", "progress", "metadata", "url", "failure_reason"),
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
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(WORDS, st.text()), inner, max_size=6)
    ),
    max_leaves=25,
)
TASKS = st.dictionaries(WORDS, BODIES, max_size=8)
REPLIES = st.builds(Reply, STATUSES, st.just({}), st.one_of(BODIES, TASKS), st.text(max_size=60))


@pytest.fixture(params=sorted(DIALECTS))
def dialect(request):
    """Every dialect of the registry."""
    return DIALECTS[request.param]


def test_a_dialect_is_registered_under_its_own_name(dialect):
    """The provider rows name it so."""
    assert DIALECTS[dialect.name] is dialect


def test_a_dialect_says_only_fields_of_an_order(dialect):
    """What it can say is told in the order's own words."""
    assert dialect.says <= {one.name for one in dataclasses.fields(Order)}
    assert {"model", "prompt"} <= dialect.says


def test_an_unsaid_field_is_not_sent(dialect):
    """None never travels, for vendors refuse fields that a model does not take."""
    call = dialect.create(Order(model="m", prompt="p"))

    assert call.method == "POST"
    assert not _has_none(call.json)


def _has_none(value):
    if isinstance(value, Mapping):
        return any(_has_none(inner) for inner in value.values())
    if isinstance(value, (list, tuple)):
        return any(_has_none(inner) for inner in value)
    return value is None


@pytest.mark.parametrize("job", ["a/b", "../x", "a?b=c", "a b", "ä"])
def test_a_job_s_id_stays_within_the_path(dialect, job):
    """An id is opaque: it can't lead to another address."""
    path = dialect.query(job).path

    assert path.startswith("/")
    assert path.count("/") == dialect.query("plain").path.count("/")
    assert not set("? ä") & set(path)


@settings(
    max_examples=400, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(reply=REPLIES, job=st.sampled_from(["", "cgt-1"]))
@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_no_reply_raises_anything_but_a_provider_s_error(name, reply, job):
    """Whatever a vendor sends, it ends in a meaning or in one clear error."""
    dialect = DIALECTS[name]

    error = dialect.explain(reply, job=job)
    assert error is None or isinstance(error, ProviderError)
    for ask in (dialect.created, dialect.read, dialect.listed):
        told = _error_of(ask, reply)
        assert told is None or (str(told) and str(told).isprintable())


def _error_of(ask, reply):
    try:
        ask(reply)
    except ProviderError as told:
        return told
    return None


@settings(max_examples=200, deadline=None, database=None)
@given(body=TASKS, secret=st.text("abcdef0123456789", min_size=12, max_size=12))
@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_no_error_repeats_a_signed_url(name, body, secret):
    """Wherever a vendor puts it."""
    link = f"https://tos.example.com/clip.mp4?X-Tos-Signature={secret}"
    words = f"resource download failed: {link} (see {link})"

    for error in ({"message": words, "code": link}, words):
        told = DIALECTS[name].explain(Reply(400, body={**body, "error": error}), job="cgt-1")
        assert told is not None
        assert secret not in f"{told} {told.code} {told!r}"


def test_an_order_becomes_the_request_of_the_page(create_file, order_of):
    """Field by field, and nothing more."""
    name, wire = create_file

    call = DIALECTS[name].create(order_of(wire["order"]))

    told = wire["request"]
    assert (told["method"], told["path"], told["json"]) == (call.method, call.path, call.json)


def test_the_reply_to_a_create_is_read_as_the_page_means_it(create_file):
    """A job's id, or the error by its kind and code."""
    name, wire = create_file
    reply = Reply(wire["reply"]["status"], body=wire["reply"]["body"])

    error = DIALECTS[name].explain(reply)

    if "job" in wire["means"]:
        assert error is None
        assert wire["means"]["job"] == DIALECTS[name].created(reply)
    else:
        assert wire["means"]["error"] == {"kind": error.kind, "code": error.code}


def test_a_question_and_its_reply_are_those_of_the_page(query_file):
    """Done with its URLs and facts, waiting, or the error that ended it."""
    name, wire = query_file
    dialect, job = DIALECTS[name], wire["job"]
    call = dialect.query(job)
    reply = Reply(wire["reply"]["status"], body=wire["reply"]["body"])

    assert wire["request"] == {"method": call.method, "path": call.path}
    assert wire["means"] == _meaning(dialect, reply, job)


def _meaning(dialect, reply, job):
    error = dialect.explain(reply, job=job)
    if error is not None:
        return {"error": {"kind": error.kind, "code": error.code}}
    try:
        status = dialect.read(reply)
    except ProviderError as ended:
        return {"error": {"kind": ended.kind, "code": ended.code}}
    if isinstance(status, Waiting):
        return {"waiting": status.state}
    told = {"clip_url": status.clip_url, "last_frame_url": status.last_frame_url}
    facts = dataclasses.asdict(status.facts)
    return {"done": told, "facts": {name: fact for name, fact in facts.items() if fact is not None}}


def test_a_list_and_its_reply_are_those_of_the_page(list_file):
    """Every job with its state."""
    name, wire = list_file
    call = DIALECTS[name].recent(**wire["page"])
    reply = Reply(wire["reply"]["status"], body=wire["reply"]["body"])

    jobs = DIALECTS[name].listed(reply)

    query = tuple(tuple(pair) for pair in wire["request"]["query"])
    assert (wire["request"]["path"], query) == (call.path, call.query)
    assert wire["means"]["jobs"] == {one.job: _state(one.status) for one in jobs}


def _state(status):
    if isinstance(status, ProviderError):
        return status.kind
    return "done" if isinstance(status, Done) else status.state


def test_a_cancel_is_that_of_the_page(cancel_file):
    """And its empty answer is no error."""
    name, wire = cancel_file
    call = DIALECTS[name].cancel(wire["job"])

    assert wire["request"] == {"method": call.method, "path": call.path}
    assert DIALECTS[name].explain(Reply(200, body=wire["reply"]["body"]), job="cgt-1") is None


@pytest.mark.parametrize("name", [row.name for row in PROVIDERS.values()])
def test_every_row_s_dialect_says_what_its_models_take(name):
    """A limit that the table grants must have a word on the wire."""
    row = PROVIDERS[name]
    dialect = DIALECTS[row.dialect]
    families = [row.family(one) for one in row.models]

    for field, granted in (
        ("seed", any(one.seed for one in families)),
        ("frames", any(one.frames for one in families)),
        ("audio", any(one.audio for one in families)),
        ("draft", any(one.draft for one in families)),
        ("camera_fixed", any(one.camera_fixed for one in families)),
    ):
        assert field in dialect.says or not granted


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    ],
)
def test_ark_tells_a_picture_s_type_by_its_bytes(data, mime):
    """Where the order does not tell it, the first bytes do."""
    order = Order(model="m", media=(Medium("first_frame", data=data),))

    content = DIALECTS["ark"].create(order).json["content"]

    assert content[0]["image_url"]["url"].startswith(f"data:{mime};base64,")


@pytest.mark.parametrize(
    "medium",
    [
        Medium("reference_video", data=b"\0\0\0\x18ftyp", mime="video/mp4"),
        Medium("first_frame", data=b"no picture"),
    ],
)
def test_ark_refuses_to_send_what_has_no_place(medium):
    """Clips go by URL only, and bytes of no known type go nowhere."""
    with pytest.raises(Rejected):
        DIALECTS["ark"].create(Order(model="m", media=(medium,)))


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("SUBMITTED", "queued"),
        ("Pending", "queued"),
        ("In Progress", "running"),
        ("IN_PROGRESS", "running"),
        ("paused-by-aliens", "unknown"),
    ],
)
def test_states_are_read_in_any_case_and_unknown_ones_go_on(word, state):
    """A new word of the vendor's is no end."""
    status = DIALECTS["ark"].read(Reply(200, body={"id": "cgt-1", "status": word}))

    assert state == status.state


def test_times_in_milliseconds_are_read_as_seconds():
    """Some gateways document one and send the other."""
    body = {"status": "running", "created_at": 1764347090922, "progress": "30%"}

    status = DIALECTS["ark"].read(Reply(200, body=body))

    assert status.facts.created_at == 1764347090.922
    assert status.progress == 0.3


def test_a_wrapped_task_is_found():
    """new-api puts the task into `data`."""
    body = {
        "code": "success",
        "data": {"task_id": "t-1", "status": "SUCCESS", "video_url": "https://v/x"},
    }

    assert DIALECTS["ark"].explain(Reply(200, body=body), job="t-1") is None
    assert DIALECTS["ark"].read(Reply(200, body=body)).clip_url == "https://v/x"
    assert DIALECTS["ark"].created(Reply(200, body=body)) == "t-1"
