"""Errors that a vendor's API returns, before a vendor module puts them into its own format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

ERROR_TYPES: Mapping[int, str] = {
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
"""HTTP status to Ark's error `type`."""

# From the official error table. A code without an entry is a 400.
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


class ApiError(Exception):
    """An error response to a request that changed nothing.

    Args:
        code: Ark's error code, or a gateway's own.
        message: The message without the request id.
        param: The request field that is wrong, if any.
        status: The HTTP status; by default the status of the code.
    """

    def __init__(self, code: str, message: str, *, param: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.status = status or _status(code)


def reject(param: str, message: str, *, code: str = "InvalidParameter") -> NoReturn:
    """Raise the ApiError of a wrong, missing or unsupported value.

    Raises:
        ApiError: Always.
    """
    raise ApiError(code, message, param=param)


def _status(code: str) -> int:
    return next((status for prefix, status in _STATUS_BY_PREFIX if code.startswith(prefix)), 400)
