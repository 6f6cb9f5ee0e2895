"""Gateways that pass on Ark's tasks: powertokens, CometAPI's volc route, kkiai.

Each is written from its own create page. What the pages do not mention is as at Ark.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tasks.simulator.api_errors import reject
from tasks.simulator.context import RequestContext
from tasks.simulator.job_request import JobRequest
from tasks.simulator.jobs import Job
from tasks.simulator.model_limits import MODEL_LIMITS, RATIOS
from tasks.simulator.validation.parameters import split_flags
from tasks.simulator.vendors.ark import ArkVendor

POWERTOKENS_MODELS: Mapping[str, str] = {
    "seedance-1-5-pro-251215": "seedance-1.5-pro",
    "seedance-1-0-pro-250528": "seedance-1.0-pro",
    "seedance-1-0-pro-fast-251015": "seedance-1.0-pro-fast",
    "dreamina-seedance-2-0-260128": "seedance-2.0",
    "dreamina-seedance-2-0-fast-260128": "seedance-2.0-fast",
}
"""Exact id to family."""
KKIAI_MODELS: Mapping[str, str] = {
    "doubao-seedance-1-5-pro-251215": "seedance-1.5-pro",
    "doubao-seedance-1-0-pro-250528": "seedance-1.0-pro",
    "doubao-seedance-1-0-pro-fast-251015": "seedance-1.0-pro-fast",
    "doubao-seedance-1-0-lite-t2v-250428": "seedance-1.0-lite-t2v",
    "doubao-seedance-1-0-lite-i2v-250428": "seedance-1.0-lite-i2v",
}
"""Exact id to family."""
KKIAI_2_MODELS: Mapping[str, str] = {
    "doubao-seedance-2-0-260128": "seedance-2.0",
    "doubao-seedance-2-0-fast-260128": "seedance-2.0-fast",
}
"""Exact id to family, at the base URL of the 2.0 models."""

_KKIAI_IGNORED_FIELDS = ("return_last_frame", "callback_url")
_KKIAI_FIELDS = frozenset({"model", "content", "generate_audio", *_KKIAI_IGNORED_FIELDS})
_KKIAI_RESPONSE_FIELDS = frozenset(
    {"id", "model", "status", "error", "content", "usage", "created_at", "updated_at"}
)
_KKIAI_CHOICES: Mapping[str, tuple[str, ...]] = {
    "resolution": ("480p", "720p", "1080p"),
    "ratio": (*RATIOS, "adaptive"),
    "camera_fixed": ("true", "false"),
    "watermark": ("true", "false"),
}
_MAX_SEED = 4_294_967_295


class PowertokensVendor(ArkVendor):
    """powertokens, a gateway to BytePlus ModelArk.

    Source: its create page (POST https://api.powertokens.ai/byteplus/api/v3/contents/generations/tasks).
    It has fewer models, no documented list, no 4k, and offline inference is "not yet integrated".
    """

    documented = ("create", "get", "delete")

    def validate(self, context: RequestContext, body: Mapping[str, Any]) -> JobRequest:
        """Return the job request of a create.

        Raises:
            ApiError: The gateway would reject the body.
        """
        request = context.validate(body)
        if request.service_tier == "flex":
            reject("service_tier", "offline inference (flex) is not integrated yet")
        if request.resolution == "4k":
            reject("resolution", "resolution must be one of 480p, 720p, 1080p")
        return request

    def log_note(self, body: Mapping[str, Any], request: JobRequest) -> str:
        """Return Ark's note without the seed, which this page allows for every model."""
        return super().log_note({**body, "seed": None}, request)


class CometVolcVendor(ArkVendor):
    """CometAPI's `volc/v3` route.

    Source: its create page (POST https://api.cometapi.com/volc/v3/contents/generations/tasks). It
    documents `model`, `content` with the text first, and `callback_url`; parameters are flags in
    the text. Other JSON fields of Ark are passed on. There is no list and no delete.
    """

    documented = ("create", "get")

    def validate(self, context: RequestContext, body: Mapping[str, Any]) -> JobRequest:
        """Return the job request of a create.

        Raises:
            ApiError: The gateway would reject the body.
        """
        request = context.validate(body)
        if body["content"][0].get("type") != "text":
            reject("content[0]", "the content must begin with the text instruction")
        return request

    def new_id(self, context: RequestContext, _request: JobRequest) -> str:
        """Return a random job id: `02`, milliseconds, hex digits, as in the page's example."""
        return f"02{int(context.now * 1000):013d}{secrets.token_hex(5)}"


class KkiaiVendor(ArkVendor):
    """kkiai's 1.x models: the parameters are flags in the text.

    Source: its create page (POST https://www.kkiai.com/volc/v1/contents/generations/tasks) and the
    list page beside it. Flags must be in the page's ranges. The only JSON parameter is
    `generate_audio`; `return_last_frame` and `callback_url`, which the page does not have, are
    accepted and ignored. A job has only the fields that the list page shows.
    """

    documented = ("create", "get", "list")

    def validate(self, context: RequestContext, body: Mapping[str, Any]) -> JobRequest:
        """Return the job request of a create.

        Raises:
            ApiError: The gateway would reject the body.
        """
        request = context.validate(body)
        for name, value in body.items():
            if value is not None and name not in _KKIAI_FIELDS:
                reject(name, f"`{name}` is not a JSON field here: add --{name} to the text")
        _check_kkiai_flags(_kkiai_flags(body), request)
        return replace(request, callback_url="", return_last_frame=False)

    def format_created(self, job: Job) -> dict[str, Any]:
        """Return the id, and a status that Ark does not have."""
        return {"id": job.id, "status": "submitted"}

    def log_note(self, body: Mapping[str, Any], _request: JobRequest) -> str:
        """Return the ignored fields."""
        names = [name for name in _KKIAI_IGNORED_FIELDS if body.get(name) is not None]
        return f"not documented here, and ignored: {', '.join(names)}" if names else ""

    def format_job(self, context: RequestContext, job: Job) -> dict[str, Any]:
        """Return the documented fields of the task object."""
        body = super().format_job(context, job)
        return {name: value for name, value in body.items() if name in _KKIAI_RESPONSE_FIELDS}


class Kkiai2Vendor(ArkVendor):
    """kkiai's 2.0 models at their own base URL: Ark without a documented delete."""

    documented = ("create", "get", "list")


def _kkiai_flags(body: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the flags of the text, which the page requires."""
    items = body["content"]
    for index, item in enumerate(items):
        if item["type"] not in {"text", "image_url"}:
            reject(f"content[{index}].type", "the content types are text and image_url")
    text = next((str(item["text"]) for item in items if item["type"] == "text"), "")
    prompt, flags = split_flags(text)
    if not prompt:
        reject("content", "The request is missing the text prompt.", code="MissingParameter")
    return flags


def _check_kkiai_flags(flags: Mapping[str, str], request: JobRequest) -> None:
    for name, value in flags.items():
        choices = _KKIAI_CHOICES.get(name)
        if choices and value not in choices:
            reject("content", f"--{name} must be one of {', '.join(choices)}")
    _check_integer_flag("duration", flags, MODEL_LIMITS[request.family].duration_seconds)
    _check_integer_flag("seed", flags, (0, _MAX_SEED))
    # The page names adaptive only as a default, and the default with references is 16:9.
    if flags.get("ratio") == "adaptive" and request.find_medium("reference_image"):
        reject("content", "--ratio adaptive is not supported with reference images")


def _check_integer_flag(name: str, flags: Mapping[str, str], limits: tuple[int, int]) -> None:
    value = flags.get(name)
    minimum, maximum = limits
    if value is None:
        return
    if not re.fullmatch(r"[0-9]{1,10}", value) or not minimum <= int(value) <= maximum:
        reject("content", f"--{name} must be an integer between {minimum} and {maximum}")
