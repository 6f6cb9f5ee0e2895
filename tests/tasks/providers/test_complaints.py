"""Vendors' errors: every body shape that was seen, and what each code means."""

import json

import pytest

from tasks.providers.error_mapping import parse_vendor_error, sanitize_text
from tasks.providers.response_fields import parse_error
from tasks.providers.types import ApiResponse

SHAPES = {
    "object": {"error": {"code": "X", "message": "no"}},
    "flat": {"code": "X", "message": "no"},
    "capitals": {"ErrorCode": "X", "ErrorMessage": "no"},
    "detail": {"code": "X", "detail": "no"},
    "nested": {
        "error": {"code": "fail", "message": json.dumps({"error": {"code": "X", "message": "no"}})}
    },
    "nested after words": {
        "code": "fail",
        "message": "upstream: " + json.dumps({"error": {"code": "X", "message": "no"}}),
    },
    "twice nested": {
        "error": json.dumps({"message": json.dumps({"error": {"code": "X", "message": "no"}})})
    },
    "word and code": {"code": "X", "error": "no"},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_tells_its_code_and_words(shape):
    """However deep a gateway wraps them."""
    told = parse_vendor_error(SHAPES[shape])

    assert (told.code, told.message) == ("X", "no")


@pytest.mark.parametrize("body", [None, [], {}, 7, {"error": None}, {"error": {}}])
def test_what_complains_of_nothing_is_no_complaint(body):
    """Nulls and empty objects are not errors."""
    assert parse_vendor_error(body) is None


def test_a_page_of_html_is_told_by_its_words():
    """A proxy's 502, without its markup."""
    page = (
        "<html><head><style>a{}</style><title>502 Bad Gateway</title></head><h1>nginx</h1></html>"
    )

    error = parse_error(ApiResponse(502, body=None, text=page))

    assert error.kind == "unreachable"
    assert "502 Bad Gateway nginx" in str(error)
    assert "<" not in str(error)


CODES = [
    # status, code, message, kind
    (400, "MissingParameter.content", "", "rejected"),
    (400, "InvalidParameter", "", "rejected"),
    (400, "InvalidParameter.TaskTypeConstraint", "", "rejected"),
    (400, "InvalidImageURL.EmptyURL", "", "rejected"),
    (400, "InvalidParameter", "resource download failed", "rejected"),
    (400, "InputTextSensitiveContentDetected", "", "refused"),
    (400, "SensitiveContentDetected.SevereViolation", "", "refused"),
    (400, "InputTextRiskDetection", "", "refused"),
    (400, "InputImageSensitiveContentDetected.PolicyViolation", "", "refused"),
    (400, "InputImageSensitiveContentDetected.PrivacyInformation", "", "refused"),
    (400, "InputVideoSensitiveContentDetected", "", "refused"),
    (400, "InputAudioSensitiveContentDetected", "", "refused"),
    (403, "PUBLIC_InputTextSensitiveContentDetected", "", "refused"),
    (400, "OutofContextError", "", "rejected"),
    (400, "InvalidEndpoint.ClosedEndpoint", "", "unauthorized"),
    (400, "InvalidSubscription", "", "unauthorized"),
    (400, "ContentSecurityDetectionError", "", "throttled"),
    (401, "AuthenticationError", "", "unauthorized"),
    (401, "InvalidAccountStatus", "", "unauthorized"),
    (403, "AccountOverdueError", "", "unauthorized"),
    (403, "AccessDenied", "", "unauthorized"),
    (403, "OperationDenied.ServiceNotOpen", "", "unauthorized"),
    (404, "InvalidEndpointOrModel.NotFound", "", "unauthorized"),
    (404, "InvalidEndpointOrModel.ModelIDAccessDisabled", "", "unauthorized"),
    (404, "ModelNotOpen", "", "unauthorized"),
    (404, "UnsupportedModel", "", "unauthorized"),
    (404, "InvalidAction", "", "unauthorized"),
    (429, "RateLimitExceeded.EndpointTPMExceeded", "", "throttled"),
    (429, "RateLimitExceeded.EndpointFlexTPMExceeded", "", "throttled"),
    (429, "ModelAccountIpmRateLimitExceeded", "", "throttled"),
    (429, "APIAccountRpmRateLimitExceeded", "", "throttled"),
    (429, "AccountRateLimitExceeded", "", "throttled"),
    (429, "RequestBurstTooFast", "", "throttled"),
    (429, "InflightBatchsizeExceeded", "", "throttled"),
    (429, "ServerOverloaded", "", "throttled"),
    (429, "QuotaExceeded", "", "throttled"),
    (
        429,
        "QuotaExceeded",
        "The number of queued tasks exceeds the limit of your plan.",
        "throttled",
    ),
    (429, "QuotaExceeded", "The weekly quota of your plan is used up.", "unauthorized"),
    (429, "QuotaExceeded", "The 5-hour quota is exhausted.", "unauthorized"),
    (429, "SetLimitExceeded", "", "unauthorized"),
    (429, "insufficient_quota", "", "unauthorized"),
    (429, "", "Slow down.", "throttled"),
    (500, "InternalServiceError", "", "unreachable"),
    (402, "", "Payment required", "unauthorized"),
    (400, "SomethingNew", "", "rejected"),
    (422, "", "content policy", "rejected"),
    (403, "SomethingNew", "", "unauthorized"),
    (404, "", "Not Found", "unauthorized"),
    (404, "SomethingNew", "no such thing", "rejected"),
    (302, "", "", "unreadable"),
]


@pytest.mark.parametrize(("status", "code", "message", "kind"), CODES)
def test_a_code_says_who_acts(status, code, message, kind):
    """By its longest known beginning; an unknown one by the HTTP status."""
    error = parse_error(ApiResponse(status, body={"error": {"code": code, "message": message}}))

    assert (kind, code, status) == (error.kind, error.code, error.status)


@pytest.mark.parametrize(("status", "code", "message", "kind"), CODES)
def test_every_error_is_one_line_with_a_next_step(status, code, message, kind):
    """What is wrong, in whose words, and what to do."""
    error = parse_error(ApiResponse(status, body={"error": {"code": code, "message": message}}))

    fact, _, step = str(error).rpartition("; ")
    assert fact
    assert step
    assert str(error).isprintable()


def test_a_face_is_told_apart_from_other_moderation():
    """The privacy code contains the general one, and has another remedy."""
    face = parse_error(
        ApiResponse(
            400,
            body={"code": "InputImageSensitiveContentDetected.PrivacyInformation", "message": "x"},
        )
    )
    other = parse_error(
        ApiResponse(400, body={"code": "InputImageSensitiveContentDetected", "message": "x"})
    )

    assert "real person" in str(face)
    assert "real person" not in str(other)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, {"error": {"code": "NotFound", "message": "The task is not found"}}, "job_lost"),
        (404, {"error": {"code": "ResourceNotFound", "message": ""}}, "job_lost"),
        (404, {"message": "task cgt-1 not exist"}, "job_lost"),
        (400, {"code": "task_not_exist", "message": "task_not_exist"}, "job_lost"),
        (400, {"message": "task_not_exist"}, "job_lost"),
        (404, {"detail": "Not Found"}, "unreadable"),
        (404, {"code": 404, "message": "Not Found"}, "unreadable"),
        (404, None, "unreadable"),
        (404, {"error": {"code": "InvalidAction", "message": "x"}}, "unauthorized"),
        (500, {"message": "task not found in cache"}, "unreachable"),
    ],
)
def test_a_job_counts_as_lost_only_where_the_vendor_says_so(status, body, kind):
    """A lost job is rendered and paid again, so a wrong address must not look like one."""
    assert kind == parse_error(ApiResponse(status, body=body, text="x"), job="cgt-1").kind


@pytest.mark.parametrize(
    "body",
    [
        {"id": "cgt-1", "error": None},
        {"id": "cgt-1", "error": {"code": "X", "message": "y"}},
        {"code": "success", "data": {"task_id": "t"}},
        {"code": 0, "message": "ok"},
        {"message": "accepted"},
        {},
        None,
    ],
)
def test_a_success_is_an_error_only_where_it_complains(body):
    """Plain words are none, and an id is always a job that may be charged."""
    assert parse_error(ApiResponse(200, body=body, text="x")) is None


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "InvalidParameter", "message": "x"}},
        {"error": "bad"},
        {"code": "InvalidParameter", "message": "x", "status": "error"},
        {"code": 400, "message": "x"},
        {"success": False, "message": "x"},
        {"ErrorCode": "InvalidParameter", "ErrorMessage": "x"},
    ],
)
def test_an_error_within_a_success_is_found(body):
    """Relays hide refusals in a 200."""
    assert parse_error(ApiResponse(200, body=body)).kind == "rejected"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "see https://u:p@h.example/x.mp4?X-Tos-Signature=abc#f now",
            "see https://h.example/x.mp4 now",
        ),
        (r"at https:\/\/h.example\/x?sig=abc end", "at https://h.example/x end"),
        ("token=abc&x=1", "token=…&x=1"),
        ("Authorization: Bearer sk-abc", "Authorization: Bearer …"),
        ("used Bearer sk-abc.", "used Bearer …"),
        ("got data:image/png;base64,iVBORw0KGgo= here", "got data:… here"),
        ("two\nlines\x1b[31m", "two lines [31m"),
        ("<b>bold</b>", "bold"),
    ],
)
def test_a_vendor_s_words_are_made_fit_for_one_line(words, expected):
    """No signature, no inlined file, no control character, no markup."""
    assert expected == sanitize_text(words)


def test_long_words_are_cut():
    """An error is a sentence, not a page."""
    assert len(sanitize_text("word " * 10_000)) == 300
