"""The result of a create or a query: accepted, certainly not accepted, or unclear.

This is the rule that keeps a shot from being paid twice: a create counts as not accepted only if
the response proves it: by a 4xx, or in a 2xx by a documented code and no job id. Parsing of error
bodies belongs in `error_mapping`. No I/O.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tasks.errors import (
    AccountError,
    InputModerated,
    InvalidRequest,
    MalformedResponse,
    ProviderError,
    RateLimited,
    RequestNotSent,
    SubmissionUnclear,
    Unreachable,
)
from tasks.providers.dialect import Dialect
from tasks.providers.error_codes import VENDOR_ERROR, find_meaning
from tasks.providers.error_mapping import (
    VendorError,
    build_error,
    parse_vendor_error,
    sanitize_text,
)
from tasks.providers.polling import parse_http_date, parse_retry_after
from tasks.providers.types import ApiResponse, LostResponse
from tasks.providers.url_policy import redact_url

# A create that ends with one of these was certainly not accepted; with any other it is unclear.
_NOT_ACCEPTED_ERRORS = (RequestNotSent, RateLimited, InvalidRequest, AccountError, InputModerated)

# 408 and 425: the vendor did not process the request. 409: an earlier request may have succeeded.
_AMBIGUOUS_STATUSES = (408, 409, 425)

# The names of fields that hold a job id at some vendor. An error body often has a `request_id`.
_JOB_ID_NAME = r"(?i)(task|job|video|generation)?_?id"


def classify_create_response(
    dialect: Dialect, outcome: ApiResponse | LostResponse, *, now: float
) -> str | ProviderError:
    """Return the id of the created job, or the error of the create.

    Args:
        dialect: Parses the response.
        outcome: The response, or how it was lost.
        now: Unix seconds, to evaluate Retry-After.

    Returns:
        RequestNotSent, RateLimited, InvalidRequest, AccountError or InputModerated if the create
        was certainly not accepted, SubmissionUnclear if a job may exist.
    """
    if isinstance(outcome, LostResponse):
        if _is_definite_rejection(outcome.status):
            outcome = ApiResponse(outcome.status)
        elif outcome.was_sent:
            return _build_submission_unclear(outcome.reason, outcome.status)
        else:
            return RequestNotSent(
                f"the vendor could not be reached: {outcome.reason}; nothing was sent"
            )
    if not 200 <= outcome.status < 300 and not _is_definite_rejection(outcome.status):
        location = sanitize_text(redact_url(outcome.headers.get("location", "")), max_chars=200)
        redirect = f", a redirect to {location}" if location else ""
        return _build_submission_unclear(
            f"the status is {outcome.status}{redirect}{_quote_response(outcome)}", outcome.status
        )
    error = dialect.parse_error(outcome)
    if error is not None:
        if 200 <= outcome.status < 300 and not _is_documented_rejection(error, outcome.body):
            quotation = _quote_response(outcome)
            return _build_submission_unclear(
                f"the response is an error with status {outcome.status}{quotation}", outcome.status
            )
        rejection = _to_not_accepted_error(error, outcome)
        rejection.retry_after_seconds = parse_retry_after(outcome.headers.get("retry-after"), now)
        return rejection
    try:
        return dialect.parse_created(outcome)
    except MalformedResponse:
        return _build_submission_unclear(
            f"the response contains no job id{_quote_response(outcome)}", outcome.status
        )


def classify_query_response(
    dialect: Dialect, outcome: ApiResponse | LostResponse, *, job: str, now: float
) -> ApiResponse | ProviderError:
    """Return the response to any call except a create, or the error that it contains.

    Args:
        dialect: Parses the response.
        outcome: The response, or how it was lost.
        job: The id of the queried job; empty if the call is not about a job.
        now: Unix seconds, to evaluate Retry-After.

    Returns:
        Unreachable if the same call may succeed later.
    """
    if isinstance(outcome, LostResponse):
        return Unreachable(
            f"the vendor did not respond: {outcome.reason}; try again later", status=outcome.status
        )
    error = dialect.parse_error(outcome, job=job)
    if error is None:
        return outcome
    error.vendor_time = parse_http_date(outcome.headers.get("date"))
    if job and 200 <= outcome.status < 300 and isinstance(error, InvalidRequest):
        # A query that the vendor accepted can't be wrong: the error is the vendor's own.
        vendor_error = parse_vendor_error(outcome.body, outcome.text) or VendorError("", "")
        error = build_error(VENDOR_ERROR, vendor_error, status=outcome.status)
    if outcome.status >= 500 or outcome.status in (408, 425):
        error = Unreachable(str(error), code=error.code, status=outcome.status)
    error.retry_after_seconds = parse_retry_after(outcome.headers.get("retry-after"), now)
    return error


def _is_definite_rejection(status: int) -> bool:
    return 400 <= status < 500 and status not in _AMBIGUOUS_STATUSES


def _is_documented_rejection(error: ProviderError, body: Any) -> bool:
    """Return True if the error body of a 2xx proves that nothing was accepted."""
    meaning = find_meaning(error.code)
    is_rejection = meaning is not None and issubclass(meaning.error_class, _NOT_ACCEPTED_ERRORS)
    return is_rejection and not _may_hold_job_id(body)


def _may_hold_job_id(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_may_hold_job_id, value))
    if not isinstance(value, Mapping):
        return False
    return any(
        (item and isinstance(item, str | int) and re.fullmatch(_JOB_ID_NAME, str(name)))
        or _may_hold_job_id(item)
        for name, item in value.items()
    )


def _to_not_accepted_error(error: ProviderError, response: ApiResponse) -> ProviderError:
    """Return the error as a class that implies that nothing was accepted."""
    if isinstance(error, _NOT_ACCEPTED_ERRORS):
        return error
    error_class = RateLimited if response.status == 429 else InvalidRequest
    return error_class(str(error), code=error.code, status=response.status)


def _build_submission_unclear(reason: str, status: int) -> SubmissionUnclear:
    return SubmissionUnclear(f"the create may have been accepted: {reason}", status=status)


def _quote_response(response: ApiResponse) -> str:
    quotation = sanitize_text(response.text, max_chars=120)
    return f" ({quotation})" if quotation else ""
