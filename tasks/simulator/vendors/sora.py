"""Infinity Blue's video jobs: Sora's objects around Seedance 2.0, times in milliseconds.

Written from its create page
(https://newdocs.getinfinityblue.com/en-videos/seedance-20/create-seedance-video-task), which
names few fields, and the vendor's OpenAPI file, which names them all. What the gateway itself
refuses has an error of its own; what the vendor behind it refuses comes as `fail_to_fetch_task`
with Ark's error as text in the message. The bytes of a clip stand behind the key, too.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tasks.simulator.bodies import read_json
from tasks.simulator.commission import Commission
from tasks.simulator.desk import Answer, Call, Desk, Operation
from tasks.simulator.files import LIFETIME_SECONDS
from tasks.simulator.jobs import Job
from tasks.simulator.refusals import Refusal
from tasks.simulator.vendors.ark import error_body
from tasks.simulator.vendors.sora_order import BadOrder, read_order, refuse_order

MODELS: Mapping[str, str] = {
    "doubao-seedance-2-0-260128": "seedance-2.0",
    "doubao-seedance-2-0-fast-260128": "seedance-2.0-fast",
}
"""Exact id to family."""
VIDEOS_PATH = "/videos"
_STATES: Mapping[str, tuple[str, int]] = {
    "queued": ("queued", 10),
    "running": ("in_progress", 50),
    "succeeded": ("completed", 100),
    "failed": ("failed", 100),
}
# What the software behind it says of a state that it does not know: a job that ran out of time
# looks as if it ran on.
_UNKNOWN = ("in_progress", 30)
_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    429: "rate_limit_error",
    500: "server_error",
    502: "server_error",
    503: "server_error",
    504: "server_error",
}
# Codes that arise at the door, before anything is passed on.
_OWN_CODES: Mapping[str, str] = {
    "AuthenticationError": "invalid_api_key",
    "InvalidAction": "not_found",
}


class Sora:
    """The wire."""

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What the pages document."""
        return (
            Operation("create", "POST", VIDEOS_PATH, self.create),
            Operation("get", "GET", VIDEOS_PATH + "/{id}", self.get),
            Operation("content", "GET", VIDEOS_PATH + "/{id}/content", self.content),
        )

    def refuse(self, refusal: Refusal, call: Call) -> Answer:
        """Return the gateway's error, or Ark's wrapped into it."""
        own = isinstance(refusal, BadOrder) or refusal.code in _OWN_CODES
        message = refusal.message if own else json.dumps(error_body(refusal, call))
        code = _OWN_CODES.get(refusal.code, refusal.code) if own else "fail_to_fetch_task"
        error = {
            "message": message,
            "type": _TYPES.get(refusal.status, "invalid_request_error"),
            "param": (refusal.param or None) if own else None,
            "code": code or None,
        }
        return Answer({"error": error}, refusal.status, code=refusal.code)

    def create(self, desk: Desk, call: Call) -> Answer:
        """Take a job."""
        try:
            body = read_json(call)
        except Refusal as unread:
            refuse_order("", unread.message, code="invalid_request")
        commission = _commissioned(desk, body)
        job = desk.accept(call, commission, lambda: f"video_{secrets.token_hex(12)}")
        told = {**self.describe(desk, job, call), "progress": 0}
        return Answer(
            told,
            job=job.id,
            model=commission.model,
            accepted=True,
            note=_note(body),
        )

    def get(self, desk: Desk, call: Call) -> Answer:
        """Tell how a job stands."""
        job = _known(desk, call)
        return Answer(self.describe(desk, job, call), job=job.id, model=job.commission.model)

    def content(self, desk: Desk, call: Call) -> Answer:
        """Send the clip, or send on to it."""
        job = _known(desk, call)
        if not job.has_files(desk.clock.now()):
            refuse_order("", "The video is not ready.", code="video_not_ready", status=404)
        if job.fate.content_redirects:
            there = {"Location": _other_host(desk.clip_url(job, call))}
            return Answer(b"", 302, there, "text/plain", job=job.id)
        return Answer(None, file=job.clip, job=job.id)

    def describe(self, desk: Desk, job: Job, call: Call) -> dict[str, Any]:
        """Return the job; the clip's URL comes in the metadata, and a last frame never."""
        status, progress = _STATES.get(job.status, _UNKNOWN)
        told: dict[str, Any] = {
            "id": job.id,
            "object": "video",
            "model": job.commission.model,
            "status": status,
            "progress": progress,
            "created_at": _milliseconds(job.created_at),
            "seconds": str(job.commission.duration_seconds),
        }
        if job.status == "failed":
            told["error"] = _error(job)
        if job.status == "succeeded":
            told |= {
                "completed_at": _milliseconds(job.updated_at),
                "expires_at": _milliseconds(job.updated_at + LIFETIME_SECONDS),
                "size": f"{job.commission.width}x{job.commission.height}",
                "metadata": {"url": desk.clip_url(job, call)},
            }
        return told


def _commissioned(desk: Desk, body: Mapping[str, Any]) -> Commission:
    order = read_order(body)
    if order.ark["model"] not in desk.mount.models:
        message = f"model must be one of {', '.join(desk.mount.models)}"
        refuse_order("model", message, code="model_not_found")
    # The page offers a fixed camera, which Ark's own page does not for these models.
    return replace(desk.check(order.ark), camera_fixed=order.camera_fixed)


def _known(desk: Desk, call: Call) -> Job:
    """Return the job; with its file it is forgotten, `expires_at` being the expiry of both."""
    job = desk.find(call.params["id"])
    if job is None or (job.status == "succeeded" and not job.has_files(desk.clock.now())):
        refuse_order("", "Task not found", code="task_not_found", status=404)
    return job


def _error(job: Job) -> dict[str, str]:
    return {
        "code": job.fate.error_code or "generation_failed",
        "message": job.fate.error_message or job.trouble,
    }


def _note(body: Mapping[str, Any]) -> str:
    """Say in the ledger what the page leaves open."""
    metadata = body.get("metadata") or {}
    if '"data:' in json.dumps(metadata.get("content")):
        return "metadata.content is documented for public URLs, not for base64"
    return ""


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _other_host(url: str) -> str:
    """Return the same place by this machine's other name: a key must not go along."""
    if "//127.0.0.1" in url:
        return url.replace("//127.0.0.1", "//localhost", 1)
    return url.replace("//localhost", "//127.0.0.1", 1)


SORA = Sora()
