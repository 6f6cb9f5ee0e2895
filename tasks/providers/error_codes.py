"""Table of vendor error codes: a code prefix to the exception class, the cause and the remedy.

Sources: Ark's public error codes (https://www.volcengine.com/docs/82379/1299023), the gateways that
forward them, and the OpenAI-style codes of other gateways. Read 2026-11-20. Unknown codes are
classified by HTTP status in `error_mapping`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tasks.errors import (
    AccountError,
    InputModerated,
    InvalidRequest,
    JobLost,
    OutputModerated,
    ProviderError,
    RateLimited,
    Unreachable,
)


class ErrorMeaning(NamedTuple):
    """What a code says: the class of error, the fact and the author's next step."""

    error_class: type[ProviderError]
    cause: str
    remedy: str


PROMPT_MODERATED = ErrorMeaning(
    InputModerated, "moderation refused the prompt", "write the prompt differently"
)
FACE_MODERATED = ErrorMeaning(
    InputModerated,
    "moderation saw a real person in an input",
    "use a picture without a realistic face, an `asset://` id, or a 1.x model",
)
IMAGE_MODERATED = ErrorMeaning(InputModerated, "moderation refused a picture", "change the picture")
CLIP_MODERATED = ErrorMeaning(
    InputModerated, "moderation refused a reference clip", "change the clip"
)
AUDIO_MODERATED = ErrorMeaning(
    InputModerated, "moderation refused a reference sound", "change the sound"
)
INPUT_MODERATED = ErrorMeaning(
    InputModerated, "moderation refused the input", "change the prompt or the pictures"
)
OUTPUT_MODERATED = ErrorMeaning(
    OutputModerated,
    "moderation refused what was rendered",
    "ask for a new take, or change the prompt if it happens again",
)
INVALID_PARAMETER = ErrorMeaning(
    InvalidRequest, "the vendor does not take a parameter", "change what the message names"
)
WRONG_TASK_TYPE = ErrorMeaning(
    InvalidRequest,
    "the vendor took the prompt for an edit or an extension",
    "use ratio adaptive and drop words like add, replace, extend or continue",
)
UNUSABLE_MEDIA = ErrorMeaning(
    InvalidRequest, "the vendor can't use a picture", "check the picture's address and format"
)
PROMPT_TOO_LONG = ErrorMeaning(InvalidRequest, "the prompt is too long", "shorten the prompt")
INVALID_KEY = ErrorMeaning(
    AccountError, "the vendor does not accept the key", "check the key and its region"
)
MODEL_UNAVAILABLE = ErrorMeaning(
    AccountError,
    "the account does not have this model",
    "activate it in the vendor's console, or choose another model",
)
PERMISSION_DENIED = ErrorMeaning(
    AccountError, "the account may not do this", "check its rights and services in the console"
)
OUT_OF_CREDIT = ErrorMeaning(
    AccountError, "the account is overdue or out of credit", "top it up in the vendor's console"
)
ACCOUNT_LIMIT_REACHED = ErrorMeaning(
    AccountError, "the account's own limit is reached", "raise the limit in the vendor's console"
)
UNKNOWN_ENDPOINT = ErrorMeaning(
    AccountError, "the address is not one of this API", "check the provider's base URL"
)
RATE_LIMITED = ErrorMeaning(RateLimited, "the vendor asks for patience", "ask again later")
QUEUE_FULL = ErrorMeaning(
    RateLimited, "its queue for this account is full", "ask again when a job is done"
)
MODERATION_UNAVAILABLE = ErrorMeaning(
    RateLimited, "its moderation could not be reached", "ask again later"
)
VENDOR_ERROR = ErrorMeaning(Unreachable, "the vendor failed by itself", "ask again later")
UNKNOWN_JOB = ErrorMeaning(JobLost, "the vendor does not know the job", "render the shot again")

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
    """What a code says by the longest beginning that is known; None for an unknown code."""
    # APIYI puts PUBLIC_ before the codes of moderation.
    known = code.strip().lower().removeprefix("public_")
    fitting = [beginning for beginning in _MEANINGS if known.startswith(beginning)]
    return _MEANINGS[max(fitting, key=len)] if fitting else None
