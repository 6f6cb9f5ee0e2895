"""What a vendor refuses, before it is put into a vendor's own words on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

STATUS_TYPES: Mapping[int, str] = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    429: "TooManyRequests",
    500: "InternalServerError",
    502: "InternalServerError",
    503: "InternalServerError",
    504: "InternalServerError",
}
"""Ark's `type` for each status."""

# From the official error table; what is not named here is a 400.
_STATUS_BY_PREFIX = (
    ("AuthenticationError", 401),
    ("InvalidAccountStatus", 401),
    ("AccountOverdueError", 403),
    ("AccessDenied", 403),
    ("OperationDenied", 403),
    ("InvalidEndpointOrModel", 404),
    ("ModelNotOpen", 404),
    ("UnsupportedModel", 404),
    ("NotFound", 404),
    ("InvalidAction", 404),
    ("RateLimitExceeded", 429),
    ("ModelAccount", 429),
    ("APIAccount", 429),
    ("AccountRateLimitExceeded", 429),
    ("RequestBurstTooFast", 429),
    ("InflightBatchsizeExceeded", 429),
    ("ServerOverloaded", 429),
    ("QuotaExceeded", 429),
    ("SetLimitExceeded", 429),
    ("InternalServiceError", 500),
)


class Refusal(Exception):
    """A request that the vendor does not take; nothing was made of it."""

    def __init__(self, code: str, message: str, *, param: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.status = status or status_of(code)


def status_of(code: str) -> int:
    """Return the HTTP status that goes with one of Ark's error codes."""
    return next((status for prefix, status in _STATUS_BY_PREFIX if code.startswith(prefix)), 400)


def reject(param: str, message: str, *, code: str = "InvalidParameter") -> NoReturn:
    """Raise the refusal of a wrong, missing or inapplicable value."""
    raise Refusal(code, message, param=param)
