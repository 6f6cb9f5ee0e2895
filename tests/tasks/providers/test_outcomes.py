"""The rule about money at the wire, apart from any wire."""

import pytest

from tasks.errors import ProviderError
from tasks.providers.dialects import DIALECTS
from tasks.providers.outcomes import classify_create_response, classify_query_response
from tasks.providers.types import ApiResponse, LostResponse

ARK = DIALECTS["ark"]
CLOSED = {"not_sent", "throttled", "rejected", "unauthorized", "refused"}


@pytest.mark.parametrize(
    "status", [408, 409, 425, 500, 502, 503, 504, 301, 302, 307, 308, 100, 599]
)
@pytest.mark.parametrize("body", [None, {"error": {"code": "InvalidParameter", "message": "no"}}])
def test_a_status_that_decides_nothing_is_unclear(status, body):
    """Whatever the body says beside it."""
    told = classify_create_response(ARK, ApiResponse(status, body=body), now=0)

    assert isinstance(told, ProviderError)
    assert told.kind == "unclear"


@pytest.mark.parametrize(
    "status", [status for status in range(400, 500) if status not in (408, 409, 425)]
)
def test_every_other_4xx_closes_the_intent(status):
    """Nothing was accepted, with or without words, and also where the answer broke off."""
    for outcome in (
        ApiResponse(status, body={"error": {"code": "InternalServiceError", "message": "x"}}),
        ApiResponse(status, body=None, text="<html>"),
        LostResponse(was_sent=True, reason="cut", status=status),
    ):
        told = classify_create_response(ARK, outcome, now=0)

        assert isinstance(told, ProviderError)
        assert told.kind in CLOSED


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "InternalServiceError", "message": "x"}},
        {"error": {"code": "OutputVideoSensitiveContentDetected", "message": "x"}},
        {"code": "task_not_exist", "message": "x"},
        {"error": {"code": "SomethingNew", "message": "x"}},
    ],
)
def test_an_error_body_in_a_200_is_a_rejection(body):
    """By whatever code, it closes the intent."""
    assert classify_create_response(ARK, ApiResponse(200, body=body), now=0).kind in CLOSED


@pytest.mark.parametrize(
    "body", [None, {}, [], "ok", {"message": "accepted"}, {"id": ""}, {"id": None}]
)
def test_a_2xx_without_a_job_is_unclear(body):
    """A job may exist that nobody can name."""
    assert classify_create_response(ARK, ApiResponse(200, body=body), now=0).kind == "unclear"


@pytest.mark.parametrize(("sent", "kind"), [(True, "unclear"), (False, "not_sent")])
def test_a_lost_create_goes_by_whether_it_left(sent, kind):
    """What surely never left may be sent; all else is unclear."""
    assert (
        kind == classify_create_response(ARK, LostResponse(was_sent=sent, reason="x"), now=0).kind
    )


def test_a_2xx_that_broke_off_is_unclear():
    """It was accepted, and its id is lost."""
    assert (
        classify_create_response(
            ARK, LostResponse(was_sent=True, reason="cut", status=200), now=0
        ).kind
        == "unclear"
    )


@pytest.mark.parametrize("status", [408, 425, 500, 503])
def test_a_question_that_fails_over_there_may_be_asked_again(status):
    """Even where the code beside it would be final."""
    body = {"error": {"code": "AuthenticationError", "message": "x"}}

    assert (
        classify_query_response(ARK, ApiResponse(status, body=body), job="j", now=0).kind
        == "unreachable"
    )


def test_retry_after_is_told_with_the_error():
    """So that whoever asks again waits as long as was asked for."""
    reply = ApiResponse(429, {"retry-after": "7"}, {"message": "slow"})

    assert classify_create_response(ARK, reply, now=0).retry_after_seconds == 7
    assert classify_query_response(ARK, reply, job="j", now=0).retry_after_seconds == 7
