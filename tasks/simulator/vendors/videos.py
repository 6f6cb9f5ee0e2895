"""CometAPI's video jobs: a multipart form in, one word of status and one URL out.

Written from its create page (POST https://api.cometapi.com/v1/videos) and the query page beside
it. The form is strict: bare values, no part twice, no part that the page does not have. The
picture is a loose anchor: the page's own error calls the mode `r2v`, a reference. Errors come in
two shapes, a flat one for what is wrong with the order and a nested one for everything else.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tasks.media.mime import sniff_mime
from tasks.simulator.bodies import Part, read_form
from tasks.simulator.commission import Commission
from tasks.simulator.desk import Answer, Call, Desk, Operation
from tasks.simulator.families import RATIOS
from tasks.simulator.jobs import Job
from tasks.simulator.refusals import Refusal, reject

VIDEOS_PATH = "/videos"
_BAD_REQUEST = "invalid_request"
_PICTURES = ("image/jpeg", "image/png", "image/webp")
_TEXTS = ("prompt", "model", "seconds", "size", "resolution")
# Before the clip is there, and its progress then; the second word is the newer pages'.
_STATES: Mapping[str, tuple[str, str, int]] = {
    "queued": ("SUBMITTED", "queued", 0),
    "running": ("IN_PROGRESS", "in_progress", 30),
    "succeeded": ("SUCCESS", "completed", 100),
    "failed": ("FAILED", "failed", 100),
}
# No state is documented for a job that ran out of time.
_OTHER = ("ERROR", "error", 100)


@dataclass(frozen=True)
class _Tier:
    """One row of the page's tables."""

    family: str
    seconds: tuple[int, int]
    resolutions: tuple[str, ...]
    takes_picture: bool = False


_TIERS: Mapping[str, _Tier] = {
    "doubao-seedance-2-0": _Tier("seedance-2.0", (4, 15), ("480p", "720p"), takes_picture=True),
    "doubao-seedance-2-0-fast": _Tier(
        "seedance-2.0-fast", (4, 15), ("480p", "720p"), takes_picture=True
    ),
    "doubao-seedance-1-5-pro": _Tier("seedance-1.5-pro", (4, 12), ("480p", "720p", "1080p")),
    "doubao-seedance-1-0-pro": _Tier("seedance-1.0-pro", (2, 10), ("480p", "720p", "1080p")),
}
MODELS: Mapping[str, str] = {model: tier.family for model, tier in _TIERS.items()}
"""The page's short names, to families."""


class Videos:
    """The wire."""

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What the pages document."""
        return (
            Operation("create", "POST", VIDEOS_PATH, self.create),
            Operation("get", "GET", VIDEOS_PATH + "/{id}", self.get),
        )

    def refuse(self, refusal: Refusal, call: Call) -> Answer:
        """Return a flat error for a wrong order, a nested one otherwise."""
        message = f"{refusal.message} (request id: {call.request_id})"
        flat = {"code": refusal.code, "message": refusal.message, "data": None}
        error = {
            "message": message,
            "type": "comet_api_error",
            "param": refusal.param,
            "code": refusal.code,
        }
        body = flat if refusal.status == 400 else {"error": error}
        return Answer(body, refusal.status, code=refusal.code)

    def create(self, desk: Desk, call: Call) -> Answer:
        """Take a job."""
        commission = _commissioned(desk, read_form(call))
        job = desk.accept(call, commission, lambda: f"task_{secrets.token_hex(12)}")
        return Answer(
            self.describe(desk, job, call), job=job.id, model=commission.model, accepted=True
        )

    def get(self, desk: Desk, call: Call) -> Answer:
        """Tell how a job stands."""
        job = desk.find(call.params["id"])
        if job is None:
            reject("id", "task_not_exist", code=_BAD_REQUEST)
        return Answer(self.describe(desk, job, call), job=job.id, model=job.commission.model)

    def describe(self, desk: Desk, job: Job, call: Call) -> dict[str, Any]:
        """Return the job; the clip's URL comes with success, and a last frame never."""
        word, newer_word, progress = _STATES.get(job.status, _OTHER)
        told: dict[str, Any] = {
            "id": job.id,
            "task_id": job.id,
            "object": "video",
            "model": job.commission.model,
            "status": newer_word if job.fate.newer_words else word,
            "progress": progress,
            "created_at": int(job.created_at),
        }
        # The newer query page warns that the time of completion may stand there too early.
        if job.is_over or (job.fate.newer_words and job.status == "running"):
            told["completed_at"] = int(job.updated_at)
        if job.status == "succeeded":
            told["video_url"] = desk.clip_url(job, call)
        elif job.is_over:
            told["error"] = _error(job)
        return told


def _commissioned(desk: Desk, parts: Sequence[Part]) -> Commission:
    """Return what the form asks for. Raises Refusal."""
    texts, picture = _sorted(parts)
    for name in ("prompt", "model"):
        if not texts.get(name, "").strip():
            reject(name, f"{name} is required", code=_BAD_REQUEST)
    tier = _TIERS.get(texts["model"])
    if tier is None:
        reject("model", f"model must be one of {', '.join(_TIERS)}")
    commission = desk.check(
        {
            "model": texts["model"],
            "content": [{"type": "text", "text": texts["prompt"]}],
            "duration": _seconds(texts.get("seconds", "5"), tier),
            "ratio": _one_of("size", texts.get("size", "16:9"), RATIOS),
            "resolution": _one_of("resolution", texts.get("resolution", "720p"), tier.resolutions),
        }
    )
    return commission if picture is None else _anchored(desk, commission, picture)


def _sorted(parts: Sequence[Part]) -> tuple[dict[str, str], Part | None]:
    """Return the text fields by name, and the picture. Raises Refusal for any other part."""
    texts: dict[str, str] = {}
    picture: Part | None = None
    for part in parts:
        if part.name in texts or (picture is not None and part.name == picture.name):
            reject(part.name, f"{part.name} is given more than once")
        if part.name == "input_reference" and part.filename:
            picture = part
        elif part.name in _TEXTS and not part.filename:
            texts[part.name] = part.text
        else:
            what = "a file" if part.name == "input_reference" else "a field of this form"
            reject(part.name, f"{part.name} is not {what}")
    return texts, picture


def _seconds(word: str, tier: _Tier) -> int:
    low, high = tier.seconds
    if not re.fullmatch(r"[1-9][0-9]?", word) or not low <= int(word) <= high:
        reject("seconds", f"the duration must be an integer between {low} and {high}")
    return int(word)


def _one_of(name: str, word: str, words: tuple[str, ...]) -> str:
    if word not in words:
        reject(name, f"{name} must be one of {', '.join(words)}")
    return word


def _anchored(desk: Desk, commission: Commission, picture: Part) -> Commission:
    model = commission.model
    if not _TIERS[model].takes_picture:
        short = model.removeprefix("doubao-")
        reject("input_reference", f"the specified task_type r2v does not support model {short}")
    mime = sniff_mime(picture.data)
    if mime not in _PICTURES:
        reject("input_reference", "input_reference must be a JPEG, PNG or WebP picture")
    if picture.media_type not in {"", "application/octet-stream", mime}:
        message = f"input_reference is {mime}, and its part says {picture.media_type}"
        reject("input_reference", message)
    medium = desk.take_picture("input_reference", picture.data, model, param="input_reference")
    return replace(commission, media=(medium,)).with_seed(-1)


def _error(job: Job) -> dict[str, str]:
    if job.status != "failed":
        return {"code": "task_expired", "message": "The task ran out of time."}
    return {
        "code": job.fate.error_code or "InternalServiceError",
        "message": job.fate.error_message or job.trouble,
    }


VIDEOS = Videos()
