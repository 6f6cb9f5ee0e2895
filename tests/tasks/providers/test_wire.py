"""Every exchange that was saved from the vendors' pages, read and written by its dialect."""

import base64
import dataclasses

from tasks.errors import ProviderError
from tasks.providers.dialects import DIALECTS
from tasks.providers.types import ApiResponse, JobPending, JobResult


def test_an_order_becomes_the_request_of_the_page(create_file, order_of):
    """Field by field, and nothing more."""
    name, wire = create_file

    call = DIALECTS[name].build_create(order_of(wire["order"]))

    sent = {"method": call.method, "path": call.path}
    body = {"parts": [_part(part) for part in call.parts]} if call.parts else {"json": call.json}
    assert wire["request"] == {**sent, **body}


def _part(part):
    if not part.filename:
        return {"name": part.name, "text": part.data.decode()}
    data = base64.b64encode(part.data).decode()
    return {"name": part.name, "filename": part.filename, "mime": part.mime_type, "base64": data}


def test_the_reply_to_a_create_is_read_as_the_page_means_it(create_file):
    """A job's id, or the error by its kind and code."""
    name, wire = create_file
    reply = ApiResponse(wire["reply"]["status"], body=wire["reply"]["body"])

    error = DIALECTS[name].parse_error(reply)

    if "job" in wire["means"]:
        assert error is None
        assert wire["means"]["job"] == DIALECTS[name].parse_created(reply)
    else:
        assert wire["means"]["error"] == {"kind": error.kind, "code": error.code}


def test_a_question_and_its_reply_are_those_of_the_page(query_file):
    """Done with its URLs and facts, waiting, or the error that ended it."""
    name, wire = query_file
    dialect, job = DIALECTS[name], wire["job"]
    call = dialect.build_query(job)
    reply = ApiResponse(wire["reply"]["status"], body=wire["reply"]["body"])

    assert wire["request"] == {"method": call.method, "path": call.path}
    assert wire["means"] == _meaning(dialect, reply, job)


def _meaning(dialect, reply, job):
    error = dialect.parse_error(reply, job=job)
    if error is not None:
        return {"error": {"kind": error.kind, "code": error.code}}
    try:
        status = dialect.parse_status(reply)
    except ProviderError as ended:
        return {"error": {"kind": ended.kind, "code": ended.code}}
    if isinstance(status, JobPending):
        return {"waiting": status.state}
    told = {"clip_url": status.clip_url, "last_frame_url": status.last_frame_url}
    if status.clip_call is not None:
        told["clip_call"] = status.clip_call.path
    facts = dataclasses.asdict(status.details)
    return {"done": told, "facts": {name: fact for name, fact in facts.items() if fact is not None}}


def test_a_list_and_its_reply_are_those_of_the_page(list_file):
    """Every job with its state."""
    name, wire = list_file
    call = DIALECTS[name].build_list(**wire["page"])
    reply = ApiResponse(wire["reply"]["status"], body=wire["reply"]["body"])

    jobs = DIALECTS[name].parse_list(reply)

    query = tuple(tuple(pair) for pair in wire["request"]["query"])
    assert (wire["request"]["path"], query) == (call.path, call.query)
    assert wire["means"]["jobs"] == {one.job: _state(one.status) for one in jobs}


def _state(status):
    if isinstance(status, ProviderError):
        return status.kind
    return "done" if isinstance(status, JobResult) else status.state


def test_a_cancel_is_that_of_the_page(cancel_file):
    """And its empty answer is no error."""
    name, wire = cancel_file
    call = DIALECTS[name].build_cancel(wire["job"])

    assert wire["request"] == {"method": call.method, "path": call.path}
    assert (
        DIALECTS[name].parse_error(ApiResponse(200, body=wire["reply"]["body"]), job="cgt-1")
        is None
    )


def test_every_dialect_has_exchanges(wire_folders):
    """Of creates and of questions."""
    assert set(DIALECTS) == wire_folders
