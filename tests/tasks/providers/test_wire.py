"""Every exchange that was saved from the vendors' pages, encoded and parsed by its dialect."""

import base64

from tasks.errors import ProviderError
from tasks.providers.dialects import DIALECTS
from tasks.providers.types import ApiResponse, JobPending, JobResult
from tests.support.wire import find_wire_files, parse_request


def parse_response(wire):
    """Return the response of a wire file."""
    return ApiResponse(wire["reply"]["status"], body=wire["reply"]["body"])


def test_create_request_matches_page(create_file):
    """Field by field, and nothing more."""
    name, wire = create_file

    call = DIALECTS[name].build_create(parse_request(wire["order"]))

    head = {"method": call.method, "path": call.path}
    body = (
        {"parts": [_describe_part(part) for part in call.parts]}
        if call.parts
        else {"json": call.json}
    )
    assert {**head, **body} == wire["request"]


def _describe_part(part):
    if not part.filename:
        return {"name": part.name, "text": part.data.decode()}
    data = base64.b64encode(part.data).decode()
    return {
        "name": part.name,
        "filename": part.filename,
        "mime": part.mime_type,
        "base64": data,
    }


def test_create_response_matches_page(create_file):
    """A job id, or the error with its kind and code."""
    name, wire = create_file
    response = parse_response(wire)

    error = DIALECTS[name].parse_error(response)

    if error is None:
        assert wire["means"] == {"job": DIALECTS[name].parse_created(response)}
    else:
        assert wire["means"] == {"error": {"kind": error.kind, "code": error.code}}


def test_query_exchange_matches_page(query_file):
    """Request; and result with URLs and details, pending state or error."""
    name, wire = query_file
    dialect, job = DIALECTS[name], wire["job"]

    call = dialect.build_query(job)

    assert {"method": call.method, "path": call.path} == wire["request"]
    assert _describe_status(dialect, parse_response(wire), job) == wire["means"]


def _describe_status(dialect, response, job):
    error = dialect.parse_error(response, job=job)
    if error is not None:
        return {"error": {"kind": error.kind, "code": error.code}}
    try:
        status = dialect.parse_status(response, job=job)
    except ProviderError as failure:
        return {"error": {"kind": failure.kind, "code": failure.code}}
    if isinstance(status, JobPending):
        return {"waiting": status.state}
    result = {"clip_url": status.clip_url, "last_frame_url": status.last_frame_url}
    if status.clip_call is not None:
        result["clip_call"] = status.clip_call.path
    details = status.details._asdict()
    reported = {name: value for name, value in details.items() if value is not None}
    return {"done": result, "facts": reported}


def test_list_exchange_matches_page(list_file):
    """Request, and every job with its state."""
    name, wire = list_file
    call = DIALECTS[name].build_list(**wire["page"])

    jobs = DIALECTS[name].parse_list(parse_response(wire))

    query = tuple(tuple(pair) for pair in wire["request"]["query"])
    assert (call.path, call.query) == (wire["request"]["path"], query)
    assert {job.job: _describe_listed(job.status) for job in jobs} == wire["means"]["jobs"]


def _describe_listed(status):
    if isinstance(status, ProviderError):
        return status.kind
    return "done" if isinstance(status, JobResult) else status.state


def test_cancel_exchange_matches_page(cancel_file):
    """The empty response is not an error."""
    name, wire = cancel_file

    call = DIALECTS[name].build_cancel(wire["job"])
    error = DIALECTS[name].parse_error(parse_response(wire), job="cgt-1")

    assert {"method": call.method, "path": call.path} == wire["request"]
    assert error is None


def test_wire_files_cover_every_dialect():
    """Every dialect has saved creates and queries."""
    for kind in ("create", "query"):
        assert {path.parent.name for path in find_wire_files(kind)} == set(DIALECTS)
