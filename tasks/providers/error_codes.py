"""Table of vendor error codes: a code prefix to the exception class, the cause and the remedy.

Sources: Ark's public error codes (https://www.volcengine.com/docs/82379/1299023), the gateways that
forward them, and the OpenAI-style codes of other gateways. Read 2026-11-20. Unknown codes are
classified by HTTP status in `error_mapping`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tasks.errors import (
    AccountError,
    AuthenticationFailed,
    InputModerated,
    InvalidRequest,
    JobNotFound,
    OutputModerated,
    ProviderError,
    RateLimited,
    Unreachable,
)


class ErrorMeaning(NamedTuple):
    """The exception for an error code, and the two halves of its message."""

    error_class: type[ProviderError]
    cause: str
    remedy: str
    """The next step of the author or operator."""


PROMPT_MODERATED = ErrorMeaning(
    InputModerated, "moderation rejected the prompt", "reword the prompt"
)
FACE_MODERATED = ErrorMeaning(
    InputModerated,
    "moderation found a real person in an input",
    "use an image without a realistic face, an `asset://` id, or a 1.x model",
)
IMAGE_MODERATED = ErrorMeaning(InputModerated, "moderation rejected an image", "replace the image")
CLIP_MODERATED = ErrorMeaning(
    InputModerated, "moderation rejected a reference clip", "replace the clip"
)
AUDIO_MODERATED = ErrorMeaning(
    InputModerated, "moderation rejected a reference sound", "replace the sound"
)
INPUT_MODERATED = ErrorMeaning(
    InputModerated, "moderation rejected the input", "change the prompt or the images"
)
OUTPUT_MODERATED = ErrorMeaning(
    OutputModerated,
    "moderation rejected the rendered clip",
    "request a new take, and change the prompt if it happens again",
)
INVALID_PARAMETER = ErrorMeaning(
    InvalidRequest, "the vendor rejected a parameter", "correct the parameter that is named"
)
WRONG_TASK_TYPE = ErrorMeaning(
    InvalidRequest,
    "the vendor classified the prompt as an edit or an extension of a clip",
    "set ratio: adaptive and avoid words such as add, replace, extend or continue",
)
UNUSABLE_MEDIA = ErrorMeaning(
    InvalidRequest, "the vendor can't use an image", "check the image's URL and format"
)
PROMPT_TOO_LONG = ErrorMeaning(InvalidRequest, "the prompt is too long", "shorten the prompt")
INVALID_KEY = ErrorMeaning(
    AuthenticationFailed,
    "the vendor does not accept the API key",
    "check the key and its region",
)
MODEL_UNAVAILABLE = ErrorMeaning(
    AccountError,
    "the account has no access to this model",
    "activate it in the vendor's console, or choose another model",
)
PERMISSION_DENIED = ErrorMeaning(
    AccountError,
    "the account lacks a permission",
    "check its permissions and services in the vendor's console",
)
OUT_OF_CREDIT = ErrorMeaning(
    AccountError, "the account is overdue or out of credit", "top it up in the vendor's console"
)
ACCOUNT_LIMIT_REACHED = ErrorMeaning(
    AccountError,
    "the spending limit of the account is reached",
    "raise the limit in the vendor's console",
)
UNKNOWN_ENDPOINT = ErrorMeaning(
    AccountError, "the URL is not part of this API", "check the provider's base URL"
)
RATE_LIMITED = ErrorMeaning(RateLimited, "the vendor received too many requests", "try again later")
QUEUE_FULL = ErrorMeaning(
    RateLimited, "the vendor's queue for this account is full", "try again when a job has ended"
)
MODERATION_UNAVAILABLE = ErrorMeaning(
    RateLimited, "the vendor's moderation service is unavailable", "try again later"
)
VENDOR_ERROR = ErrorMeaning(Unreachable, "the vendor had an internal error", "try again later")
UNKNOWN_JOB = ErrorMeaning(
    JobNotFound, "the vendor does not know this job", "look for it in the vendor's console"
)

_MEANINGS: Mapping[str, ErrorMeaning] = MappingProxyType(
    {
        "accessdenied": PERMISSION_DENIED,
        "accountoverdue": OUT_OF_CREDIT,
        "accountratelimitexceeded": RATE_LIMITED,
        "apiaccount": RATE_LIMITED,
        "authentication": INVALID_KEY,
        "content_policy_violation": INPUT_MODERATED,
        "contentsecuritydetectionerror": MODERATION_UNAVAILABLE,
        "fail_to_fetch_task": VENDOR_ERROR,
        "inflightbatchsizeexceeded": QUEUE_FULL,
        "inputaudiosensitivecontentdetected": AUDIO_MODERATED,
        "inputimageriskdetection": IMAGE_MODERATED,
        "inputimagesensitivecontentdetected": IMAGE_MODERATED,
        "inputimagesensitivecontentdetected.privacyinformation": FACE_MODERATED,
        "inputtextriskdetection": PROMPT_MODERATED,
        "inputtextsensitivecontentdetected": PROMPT_MODERATED,
        "inputvideosensitivecontentdetected": CLIP_MODERATED,
        "inputvideosensitivecontentdetected.privacyinformation": FACE_MODERATED,
        "insufficient_balance": OUT_OF_CREDIT,
        "insufficient_quota": OUT_OF_CREDIT,
        "insufficient_user_quota": OUT_OF_CREDIT,
        "internal": VENDOR_ERROR,
        "invalid_api_key": INVALID_KEY,
        "invalid_token": INVALID_KEY,
        "invalidaccountstatus": INVALID_KEY,
        "invalidaction": UNKNOWN_ENDPOINT,
        "invalidendpoint.closedendpoint": MODEL_UNAVAILABLE,
        "invalidendpointormodel": MODEL_UNAVAILABLE,
        "invalidimageurl": UNUSABLE_MEDIA,
        "invalidparameter": INVALID_PARAMETER,
        "invalidparameter.tasktypeconstraint": WRONG_TASK_TYPE,
        "invalidparameter.tasktypemismatch": WRONG_TASK_TYPE,
        "invalidsubscription": OUT_OF_CREDIT,
        "missingparameter": INVALID_PARAMETER,
        "model_not_found": MODEL_UNAVAILABLE,
        "modelaccount": RATE_LIMITED,
        "modelnotopen": MODEL_UNAVAILABLE,
        "moderation_blocked": INPUT_MODERATED,
        "operationdenied": PERMISSION_DENIED,
        "operationdenied.serviceoverdue": OUT_OF_CREDIT,
        "outofcontexterror": PROMPT_TOO_LONG,
        "outputaudio": OUTPUT_MODERATED,
        "outputimage": OUTPUT_MODERATED,
        "outputtext": OUTPUT_MODERATED,
        "outputvideo": OUTPUT_MODERATED,
        "rate_limit": RATE_LIMITED,
        "ratelimitexceeded": RATE_LIMITED,
        "ratelimitexceeded.endpointflextpmexceeded": QUEUE_FULL,
        "requestbursttoofast": RATE_LIMITED,
        "sensitivecontentdetected": INPUT_MODERATED,
        "serveroverloaded": RATE_LIMITED,
        "setlimitexceeded": ACCOUNT_LIMIT_REACHED,
        "task_not_exist": UNKNOWN_JOB,
        "task_not_found": UNKNOWN_JOB,
        "tasknotfound": UNKNOWN_JOB,
        "unsupportedmodel": MODEL_UNAVAILABLE,
    }
)


def find_meaning(code: str) -> ErrorMeaning | None:
    """Return the meaning of a vendor's code by its longest known prefix, or None if unknown."""
    # APIYI adds PUBLIC_ to the moderation codes.
    normalized = code.strip().lower().removeprefix("public_")
    prefixes = [prefix for prefix in _MEANINGS if normalized.startswith(prefix)]
    return _MEANINGS[max(prefixes, key=len)] if prefixes else None
