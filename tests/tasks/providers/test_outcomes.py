"""The rule that decides whether a create was accepted, without a network."""

import pytest

from tasks.errors import ProviderError, SubmissionUnclear, Unreachable
from tasks.providers.dialects import DIALECTS
from tasks.providers.outcomes import classify_create_response, classify_query_response
from tasks.providers.types import ApiResponse, LostResponse

ARK = DIALECTS["ark"]
NOT_ACCEPTED_KINDS = {
    "request_not_sent",
    "rate_limited",
    "invalid_request",
    "account_error",
    "authentication_failed",
    "input_moderated",
}


def create_kind(outcome):
    """Return the kind of the error of a create."""
    error = classify_create_response(ARK, outcome, now=0)
    assert isinstance(error, ProviderError)
    return error.kind


@pytest.mark.parametrize(
    "status", [408, 409, 425, 500, 502, 503, 504, 301, 302, 307, 308, 100, 599]
)
@pytest.mark.parametrize("body", [None, {"error": {"code": "InvalidParameter", "message": "no"}}])
def test_create_ambiguous_status_is_unclear(status, body):
    """The body makes no difference."""
    assert create_kind(ApiResponse(status, body=body)) == "submission_unclear"


@pytest.mark.parametrize(
    "status", [status for status in range(400, 500) if status not in (408, 409, 425)]
)
def test_create_other_4xx_is_not_accepted(status):
    """With or without a known code, and also if the response was cut off after the status."""
    body = {"error": {"code": "InternalServiceError", "message": "x"}}

    assert create_kind(ApiResponse(status, body=body)) in NOT_ACCEPTED_KINDS
    assert create_kind(ApiResponse(status, body=None, text="<html>")) in NOT_ACCEPTED_KINDS
    assert create_kind(LostResponse(was_sent=True, reason="cut", status=status)) in (
        NOT_ACCEPTED_KINDS
    )


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "InvalidParameter.Ratio", "message": "x"}},
        {"error": {"code": "AccountOverdueError", "message": "x"}},
        {"error": {"code": "RateLimitExceeded", "message": "x"}, "request_id": "021773"},
        {"ErrorCode": "InputImageSensitiveContentDetected", "ErrorMessage": "x"},
        {"code": "insufficient_user_quota", "data": {"id": ""}},
    ],
)
def test_create_documented_error_in_200_is_not_accepted(body):
    """A documented code that rejects a request, without a job id, proves it."""
    assert create_kind(ApiResponse(200, body=body)) in NOT_ACCEPTED_KINDS


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "InternalServiceError", "message": "x"}},
        {"error": {"code": "OutputVideoSensitiveContentDetected", "message": "x"}},
        {"error": {"code": "SomethingNew", "message": "x"}},
        {"error": "rejected"},
        {"success": False},
        {"code": "task_not_exist", "message": "x"},
        {"code": "fail_to_fetch_task", "message": "x"},
        {"code": 500, "message": "InvalidParameter"},
        {"error": {"code": "InvalidParameter"}, "job_id": "cgt-1"},
        {"error": {"code": "InvalidParameter", "details": [{"taskId": 17}]}},
    ],
)
def test_create_other_error_in_200_is_unclear(body):
    """Undocumented words, failures inside the vendor, and a job id prove no rejection."""
    assert create_kind(ApiResponse(200, body=body)) == "submission_unclear"


@pytest.mark.parametrize("body", [{"id": "cgt-1"}, {"data": {"task_id": "cgt-1"}}])
def test_create_job_beside_an_error_is_accepted(body):
    """The job exists, whatever else the response contains."""
    body = {**body, "error": {"code": "InvalidParameter", "message": "x"}}

    assert classify_create_response(ARK, ApiResponse(200, body=body), now=0) == "cgt-1"


@pytest.mark.parametrize(
    "body", [None, {}, [], "ok", {"message": "accepted"}, {"id": ""}, {"id": None}]
)
def test_create_2xx_without_job_is_unclear(body):
    """A job may exist whose id is not known."""
    assert create_kind(ApiResponse(200, body=body)) == "submission_unclear"


@pytest.mark.parametrize(
    ("was_sent", "kind"), [(True, "submission_unclear"), (False, "request_not_sent")]
)
def test_create_lost_response_depends_on_was_sent(was_sent, kind):
    """Only a request that certainly was not sent may be sent again."""
    assert create_kind(LostResponse(was_sent=was_sent, reason="x")) == kind


def test_create_cut_off_2xx_is_unclear():
    """It was accepted, and its job id is lost."""
    assert (
        create_kind(LostResponse(was_sent=True, reason="cut", status=200)) == "submission_unclear"
    )


@pytest.mark.parametrize("status", [408, 425, 500, 503])
def test_query_vendor_failure_is_unreachable(status):
    """Even if the code in the body is final."""
    body = {"error": {"code": "AuthenticationError", "message": "x"}}

    error = classify_query_response(ARK, ApiResponse(status, body=body), job="j", now=0)

    assert isinstance(error, ProviderError)
    assert error.kind == "unreachable"


def test_retry_after_is_part_of_the_error():
    """So that the caller can wait as long as the vendor requires."""
    response = ApiResponse(429, {"retry-after": "7"}, {"message": "slow"})

    create_error = classify_create_response(ARK, response, now=0)
    query_error = classify_query_response(ARK, response, job="j", now=0)

    for error in (create_error, query_error):
        assert isinstance(error, ProviderError)
        assert error.retry_after_seconds == 7


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (
            ApiResponse(503, text='{"error": {"message": "no available channel"}}'),
            "no available channel",
        ),
        (
            ApiResponse(307, {"location": "https://other.example/v3?token=5ecret"}),
            "the status is 307, a redirect to https://other.example/v3",
        ),
        (ApiResponse(302, {"location": "/v4?sig=5ecret"}), "a redirect to /v4"),
    ],
)
def test_create_unclear_quotes_the_vendor(response, text):
    """The author sees what the vendor answered, without its secrets."""
    error = classify_create_response(DIALECTS["ark"], response, now=0.0)

    assert type(error) is SubmissionUnclear
    assert text in str(error)
    assert "5ecret" not in str(error)


def test_query_redirect_names_its_target():
    """The base URL is wrong then, and the author sees the right one."""
    response = ApiResponse(301, {"location": "https://other.example/v3?token=5ecret"})

    error = classify_query_response(DIALECTS["ark"], response, job="cgt-1", now=0.0)

    assert "redirects the request to https://other.example/v3 (HTTP 301)" in str(error)


def test_query_error_in_200_is_the_vendors_own():
    """The query itself is right, so it is repeated instead of corrected by the author."""
    response = ApiResponse(200, body={"code": "fail", "message": "upstream timeout"})

    error = classify_query_response(ARK, response, job="cgt-1", now=0)

    assert isinstance(error, Unreachable)
    assert "the vendor had an internal error: upstream timeout (fail)" in str(error)
