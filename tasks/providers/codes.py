"""What the vendors' error codes mean: one table from a code's beginning to the error tree.

It follows Ark's public error codes (https://www.volcengine.com/docs/82379/1299023), the gateways
that pass them on, and the OpenAI-like codes of gateways of their own. Read 2026-11-20. The set is
open: a code not in here is judged by the HTTP status.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tasks.errors import (
    JobLost,
    OutputRefused,
    ProviderError,
    Refused,
    Rejected,
    Throttled,
    Unauthorized,
    Unreachable,
)


class Meaning(NamedTuple):
    """What a code says: the class of error, the fact and the author's next step."""

    kind: type[ProviderError]
    fact: str
    step: str


PROMPT = Meaning(Refused, "moderation refused the prompt", "write the prompt differently")
FACE = Meaning(
    Refused,
    "moderation saw a real person in an input",
    "use a picture without a realistic face, an `asset://` id, or a 1.x model",
)
PICTURE = Meaning(Refused, "moderation refused a picture", "change the picture")
CLIP = Meaning(Refused, "moderation refused a reference clip", "change the clip")
SOUND = Meaning(Refused, "moderation refused a reference sound", "change the sound")
INPUT = Meaning(Refused, "moderation refused the input", "change the prompt or the pictures")
OUTPUT = Meaning(
    OutputRefused,
    "moderation refused what was rendered",
    "ask for a new take, or change the prompt if it happens again",
)
WRONG = Meaning(Rejected, "the vendor does not take a parameter", "change what the message names")
TASK_TYPE = Meaning(
    Rejected,
    "the vendor took the prompt for an edit or an extension",
    "use ratio adaptive and drop words like add, replace, extend or continue",
)
MEDIA = Meaning(
    Rejected, "the vendor can't use a picture", "check the picture's address and format"
)
LONG = Meaning(Rejected, "the prompt is too long", "shorten the prompt")
KEY = Meaning(Unauthorized, "the vendor does not accept the key", "check the key and its region")
MODEL = Meaning(
    Unauthorized,
    "the account does not have this model",
    "activate it in the vendor's console, or choose another model",
)
RIGHTS = Meaning(
    Unauthorized, "the account may not do this", "check its rights and services in the console"
)
CREDIT = Meaning(
    Unauthorized, "the account is overdue or out of credit", "top it up in the vendor's console"
)
LIMIT = Meaning(
    Unauthorized, "the account's own limit is reached", "raise the limit in the vendor's console"
)
ADDRESS = Meaning(
    Unauthorized, "the address is not one of this API", "check the provider's base URL"
)
BUSY = Meaning(Throttled, "the vendor asks for patience", "ask again later")
QUEUE = Meaning(Throttled, "its queue for this account is full", "ask again when a job is done")
CHECKER = Meaning(Throttled, "its moderation could not be reached", "ask again later")
BROKEN = Meaning(Unreachable, "the vendor failed by itself", "ask again later")
UNKNOWN_JOB = Meaning(JobLost, "the vendor does not know the job", "render the shot again")

_BY_CODE: Mapping[str, Meaning] = MappingProxyType(
    {
        "accessdenied": RIGHTS,
        "accountoverdue": CREDIT,
        "accountratelimitexceeded": BUSY,
        "apiaccount": BUSY,
        "authentication": KEY,
        "content_policy_violation": INPUT,
        "contentsecuritydetectionerror": CHECKER,
        "fail_to_fetch_task": BROKEN,
        "inflightbatchsizeexceeded": QUEUE,
        "inputaudiosensitivecontentdetected": SOUND,
        "inputimageriskdetection": PICTURE,
        "inputimagesensitivecontentdetected": PICTURE,
        "inputimagesensitivecontentdetected.privacyinformation": FACE,
        "inputtextriskdetection": PROMPT,
        "inputtextsensitivecontentdetected": PROMPT,
        "inputvideosensitivecontentdetected": CLIP,
        "inputvideosensitivecontentdetected.privacyinformation": FACE,
        "insufficient_balance": CREDIT,
        "insufficient_quota": CREDIT,
        "insufficient_user_quota": CREDIT,
        "internal": BROKEN,
        "invalid_api_key": KEY,
        "invalid_token": KEY,
        "invalidaccountstatus": KEY,
        "invalidaction": ADDRESS,
        "invalidendpoint.closedendpoint": MODEL,
        "invalidendpointormodel": MODEL,
        "invalidimageurl": MEDIA,
        "invalidparameter": WRONG,
        "invalidparameter.tasktypeconstraint": TASK_TYPE,
        "invalidparameter.tasktypemismatch": TASK_TYPE,
        "invalidsubscription": CREDIT,
        "missingparameter": WRONG,
        "model_not_found": MODEL,
        "modelaccount": BUSY,
        "modelnotopen": MODEL,
        "moderation_blocked": INPUT,
        "operationdenied": RIGHTS,
        "operationdenied.serviceoverdue": CREDIT,
        "outofcontexterror": LONG,
        "outputaudio": OUTPUT,
        "outputimage": OUTPUT,
        "outputtext": OUTPUT,
        "outputvideo": OUTPUT,
        "rate_limit": BUSY,
        "ratelimitexceeded": BUSY,
        "ratelimitexceeded.endpointflextpmexceeded": QUEUE,
        "requestbursttoofast": BUSY,
        "sensitivecontentdetected": INPUT,
        "serveroverloaded": BUSY,
        "setlimitexceeded": LIMIT,
        "task_not_exist": UNKNOWN_JOB,
        "task_not_found": UNKNOWN_JOB,
        "tasknotfound": UNKNOWN_JOB,
        "unsupportedmodel": MODEL,
    }
)


def by_code(code: str) -> Meaning | None:
    """What a code says by the longest beginning that is known; None for an unknown code."""
    # APIYI puts PUBLIC_ before the codes of moderation.
    known = code.strip().lower().removeprefix("public_")
    fitting = [beginning for beginning in _BY_CODE if known.startswith(beginning)]
    return _BY_CODE[max(fitting, key=len)] if fitting else None
