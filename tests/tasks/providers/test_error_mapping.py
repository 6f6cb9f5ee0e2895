"""Vendor errors: every shape of error body that vendors send, and the meaning of each code."""

import json

import pytest

from tasks.errors import AuthenticationFailed
from tasks.providers.error_mapping import parse_vendor_error, sanitize_text
from tasks.providers.response_fields import parse_error
from tasks.providers.types import ApiResponse

INNER = json.dumps({"error": {"code": "X", "message": "no"}})
SHAPES = {
    "object": {"error": {"code": "X", "message": "no"}},
    "flat": {"code": "X", "message": "no"},
    "capitals": {"ErrorCode": "X", "ErrorMessage": "no"},
    "detail": {"code": "X", "detail": "no"},
    "nested": {"error": {"code": "fail", "message": INNER}},
    "nested after text": {"code": "fail", "message": f"upstream: {INNER}"},
    "nested twice": {"error": json.dumps({"message": INNER})},
    "text and code": {"code": "X", "error": "no"},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_parse_vendor_error_reads_every_shape(shape):
    """However deep a gateway nests them."""
    error = parse_vendor_error(SHAPES[shape])

    assert error is not None
    assert (error.code, error.message) == ("X", "no")


@pytest.mark.parametrize("body", [None, [], {}, 7, {"error": None}, {"error": {}}])
def test_parse_vendor_error_without_error_is_none(body):
    """Nulls and empty objects are not errors."""
    assert parse_vendor_error(body) is None


def test_html_error_page_is_quoted_without_markup():
    """For example a proxy's 502."""
    page = (
        "<html><head><style>a{}</style><title>502 Bad Gateway</title></head><h1>nginx</h1></html>"
    )

    error = parse_error(ApiResponse(502, body=None, text=page))

    assert error is not None
    assert error.kind == "unreachable"
    assert "502 Bad Gateway nginx" in str(error)
    assert "<" not in str(error)


CODES = [
    # status, code, message, kind
    (400, "MissingParameter.content", "", "invalid_request"),
    (400, "InvalidParameter", "", "invalid_request"),
    (400, "InvalidParameter.TaskTypeConstraint", "", "invalid_request"),
    (400, "InvalidImageURL.EmptyURL", "", "invalid_request"),
    (400, "InvalidParameter", "resource download failed", "invalid_request"),
    (400, "InputTextSensitiveContentDetected", "", "input_moderated"),
    (400, "SensitiveContentDetected.SevereViolation", "", "input_moderated"),
    (400, "InputTextRiskDetection", "", "input_moderated"),
    (400, "InputImageSensitiveContentDetected.PolicyViolation", "", "input_moderated"),
    (400, "InputImageSensitiveContentDetected.PrivacyInformation", "", "input_moderated"),
    (400, "InputVideoSensitiveContentDetected", "", "input_moderated"),
    (400, "InputAudioSensitiveContentDetected", "", "input_moderated"),
    (403, "PUBLIC_InputTextSensitiveContentDetected", "", "input_moderated"),
    (400, "OutofContextError", "", "invalid_request"),
    (400, "InvalidEndpoint.ClosedEndpoint", "", "account_error"),
    (400, "InvalidSubscription", "", "account_error"),
    (400, "ContentSecurityDetectionError", "", "rate_limited"),
    (401, "AuthenticationError", "", "authentication_failed"),
    (401, "InvalidAccountStatus", "", "authentication_failed"),
    (403, "AccountOverdueError", "", "account_error"),
    (403, "AccessDenied", "", "account_error"),
    (403, "OperationDenied.ServiceNotOpen", "", "account_error"),
    (404, "InvalidEndpointOrModel.NotFound", "", "account_error"),
    (404, "InvalidEndpointOrModel.ModelIDAccessDisabled", "", "account_error"),
    (404, "ModelNotOpen", "", "account_error"),
    (404, "UnsupportedModel", "", "account_error"),
    (404, "InvalidAction", "", "account_error"),
    (429, "RateLimitExceeded.EndpointTPMExceeded", "", "rate_limited"),
    (429, "RateLimitExceeded.EndpointFlexTPMExceeded", "", "rate_limited"),
    (429, "ModelAccountIpmRateLimitExceeded", "", "rate_limited"),
    (429, "APIAccountRpmRateLimitExceeded", "", "rate_limited"),
    (429, "AccountRateLimitExceeded", "", "rate_limited"),
    (429, "RequestBurstTooFast", "", "rate_limited"),
    (429, "InflightBatchsizeExceeded", "", "rate_limited"),
    (429, "ServerOverloaded", "", "rate_limited"),
    (429, "QuotaExceeded", "", "rate_limited"),
    (
        429,
        "QuotaExceeded",
        "The number of queued tasks exceeds the limit of your plan.",
        "rate_limited",
    ),
    (429, "QuotaExceeded", "The weekly quota of your plan is used up.", "account_error"),
    (429, "QuotaExceeded", "The 5-hour quota is exhausted.", "account_error"),
    (429, "SetLimitExceeded", "", "account_error"),
    (429, "insufficient_quota", "", "account_error"),
    (429, "", "Slow down.", "rate_limited"),
    (500, "InternalServiceError", "", "unreachable"),
    (402, "", "Payment required", "account_error"),
    (400, "SomethingNew", "", "invalid_request"),
    (422, "", "content policy", "invalid_request"),
    (403, "SomethingNew", "", "account_error"),
    (404, "", "Not Found", "account_error"),
    (404, "SomethingNew", "no such thing", "invalid_request"),
    (302, "", "", "malformed_response"),
]


@pytest.mark.parametrize(("status", "code", "message", "kind"), CODES)
def test_error_kind_follows_code_then_status(status, code, message, kind):
    """By the longest known prefix of the code; an unknown code by the HTTP status."""
    error = parse_error(ApiResponse(status, body={"error": {"code": code, "message": message}}))

    assert error is not None
    assert (error.kind, error.code, error.status) == (kind, code, status)


@pytest.mark.parametrize(("status", "code", "message"), [case[:3] for case in CODES])
def test_error_message_is_one_line_with_remedy(status, code, message):
    """Cause, the vendor's message and code, and the next step."""
    error = parse_error(ApiResponse(status, body={"error": {"code": code, "message": message}}))

    cause, separator, remedy = str(error).rpartition("; ")
    assert separator
    assert (code or message.rstrip(".") or f"HTTP {status}") in cause
    assert remedy
    assert str(error).isprintable()


@pytest.mark.parametrize(
    "response",
    [
        ApiResponse(401, body=None),
        ApiResponse(401, body={"error": {"code": "AuthenticationError", "message": "x"}}),
        ApiResponse(403, body={"error": {"code": "invalid_api_key", "message": "x"}}),
    ],
)
def test_rejected_key_is_authentication_failed(response):
    """By the status 401 or by the code."""
    assert type(parse_error(response)) is AuthenticationFailed


def test_face_moderation_has_its_own_message():
    """Its code contains the general moderation code, but the remedy differs."""
    code = "InputImageSensitiveContentDetected"

    face = parse_error(
        ApiResponse(400, body={"code": f"{code}.PrivacyInformation", "message": "x"})
    )
    other = parse_error(ApiResponse(400, body={"code": code, "message": "x"}))

    assert "real person" in str(face)
    assert "real person" not in str(other)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, {"error": {"code": "NotFound", "message": "The task is not found"}}, "job_not_found"),
        (404, {"error": {"code": "ResourceNotFound", "message": ""}}, "job_not_found"),
        (404, {"message": "task cgt-1 not exist"}, "job_not_found"),
        (400, {"code": "task_not_exist", "message": "task_not_exist"}, "job_not_found"),
        (400, {"message": "task_not_exist"}, "job_not_found"),
        (404, {"detail": "Not Found"}, "malformed_response"),
        (404, {"code": 404, "message": "Not Found"}, "malformed_response"),
        (404, None, "malformed_response"),
        (404, {"error": {"code": "InvalidAction", "message": "x"}}, "account_error"),
        (500, {"message": "task not found in cache"}, "unreachable"),
    ],
)
def test_job_is_lost_only_if_vendor_mentions_it(status, body, kind):
    """A lost job is rendered and paid again, so a wrong URL must not look like one."""
    error = parse_error(ApiResponse(status, body=body, text="x"), job="cgt-1")

    assert error is not None
    assert error.kind == kind


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
def test_success_without_error_fields_is_no_error(body):
    """A message alone is not an error, and an id is always a job that may be charged."""
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
def test_error_in_success_response_is_found(body):
    """Relays hide rejections in a 200."""
    error = parse_error(ApiResponse(200, body=body))

    assert error is not None
    assert error.kind == "invalid_request"


@pytest.mark.parametrize(
    ("text", "expected"),
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
def test_sanitize_text_removes_unsafe_parts(text, expected):
    """Signatures, keys, data URIs, control characters and markup."""
    assert sanitize_text(text) == expected


def test_sanitize_text_cuts_long_text():
    """An error message is a sentence, not a page."""
    assert len(sanitize_text("word " * 10_000)) == 300
