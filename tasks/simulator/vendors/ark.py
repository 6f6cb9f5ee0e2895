"""Ark's video generation tasks, as Volcengine and BytePlus serve them.

Written from the create page https://ark.volcengine.com/region:cn-beijing/docs/ark/create-video-generation-task-api
and the get, list and delete pages beside it. Gateways that speak the same wire extend `Ark` by
what their own page says otherwise.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.simulator.bodies import read_json
from tasks.simulator.callbacks import loopback_address
from tasks.simulator.commission import Commission
from tasks.simulator.desk import Answer, Call, Desk, Operation, OperationName
from tasks.simulator.jobs import Job
from tasks.simulator.refusals import STATUS_TYPES, Refusal, reject

TASKS = "/contents/generations/tasks"
_LETTERS = string.ascii_lowercase + string.digits
_STATUSES = ("queued", "running", "cancelled", "succeeded", "failed", "expired")
_DELETABLE = frozenset({"succeeded", "failed", "expired"})


@dataclass(frozen=True)
class Ark:
    """The wire. A gateway names the operations that it documents."""

    names: tuple[OperationName, ...] = ("create", "get", "list", "delete")

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What this host documents."""
        known = (
            Operation("create", "POST", TASKS, self.create),
            Operation("get", "GET", TASKS + "/{id}", self.get),
            Operation("list", "GET", TASKS, self.list),
            Operation("delete", "DELETE", TASKS + "/{id}", self.delete),
        )
        return tuple(operation for operation in known if operation.name in self.names)

    def refuse(self, refusal: Refusal, call: Call) -> Answer:
        """Return Ark's error body."""
        return Answer(error_body(refusal, call), refusal.status, code=refusal.code)

    def check(self, desk: Desk, body: Mapping[str, Any]) -> Commission:
        """Read a create as Ark documents it. Raises Refusal."""
        return desk.check(body)

    def new_id(self, desk: Desk, commission: Commission) -> str:
        """Return an id: the queue, the vendor's local time, five characters."""
        queue = "cgt-batch" if commission.service_tier == "flex" else "cgt"
        tail = "".join(secrets.choice(_LETTERS) for _ in range(5))
        return f"{queue}-{desk.stamp()}-{tail}"

    def accepted(self, job: Job) -> dict[str, Any]:
        """Return what a create is answered with."""
        told = {"id": job.id}
        if job.commission.safety_identifier:
            told["safety_identifier"] = job.commission.safety_identifier
        return told

    def note(self, body: Mapping[str, Any], commission: Commission) -> str:
        """Say in the ledger what sources disagree about, or what does nothing here."""
        notes = []
        if commission.callback_url and loopback_address(commission.callback_url) is None:
            notes.append("callback_url is not on this machine: nothing is sent there")
        if commission.family.startswith("seedance-2") and body.get("seed") is not None:
            notes.append("seed is disputed for 2.x: the newest vendor page does not list it")
        return "; ".join(notes)

    def create(self, desk: Desk, call: Call) -> Answer:
        """Take a job."""
        body = read_json(call)
        commission = self.check(desk, body)
        job = desk.accept(call, commission, lambda: self.new_id(desk, commission))
        return Answer(
            self.accepted(job),
            job=job.id,
            model=commission.model,
            accepted=True,
            note=self.note(body, commission),
        )

    def get(self, desk: Desk, call: Call) -> Answer:
        """Tell how a job stands."""
        job = _known(desk, call)
        return Answer(self.describe(desk, job, call), job=job.id, model=job.commission.model)

    def describe(self, desk: Desk, job: Job, call: Call) -> dict[str, Any]:
        """Return the task object; until a job is over it tells no more than its status."""
        told: dict[str, Any] = {
            "id": job.id,
            "model": job.commission.model,
            "status": job.status,
            "created_at": int(job.created_at),
            "updated_at": int(job.updated_at),
        }
        if job.status == "failed":
            told["error"] = _error(job, call)
        if job.status == "succeeded":
            told |= _made(desk, job, call)
        return told

    def list(self, desk: Desk, call: Call) -> Answer:
        """Tell of the jobs of the last seven days; flex ones only where they are asked for."""
        status = call.asked("filter.status")
        if status and status not in _STATUSES:
            reject("filter.status", f"filter.status must be one of {', '.join(_STATUSES)}")
        jobs = [job for job in desk.all() if _is_listed(job, call)]
        page = _number(call, "page_num", 1)
        size = _number(call, "page_size", 10)
        shown = jobs[(page - 1) * size : page * size]
        items = [self.describe(desk, job, call) for job in shown]
        return Answer({"total": len(jobs), "items": items})

    def delete(self, desk: Desk, call: Call) -> Answer:
        """Cancel a queued job, or forget one that is over."""
        job = _known(desk, call)
        if job.status == "queued":
            desk.cancel(job)
        elif job.status in _DELETABLE:
            desk.remove(job)
        else:
            message = f"The task {job.id} is {job.status} and can't be cancelled or deleted."
            reject("id", message, code="OperationDenied.InvalidState")
        return Answer({}, job=job.id)


def error_body(refusal: Refusal, call: Call) -> dict[str, Any]:
    """Return a refusal in Ark's words: the request id stands at the end of the message."""
    error = {
        "code": refusal.code,
        "message": f"{refusal.message} Request id: {call.request_id}",
        "param": refusal.param,
        "type": STATUS_TYPES.get(refusal.status, "BadRequest"),
    }
    return {"error": error}


def _made(desk: Desk, job: Job, call: Call) -> dict[str, Any]:
    commission = job.commission
    length = (
        {"frames": commission.frames}
        if commission.asked_in_frames
        else {"duration": commission.duration_seconds}
    )
    tokens = commission.tokens
    told = {
        "content": _content(desk, job, call),
        "usage": {"completion_tokens": tokens, "total_tokens": tokens},
        "seed": commission.seed,
        "resolution": commission.resolution,
        "ratio": commission.ratio,
        **length,
        "framespersecond": 24,
        "service_tier": commission.service_tier,
        "execution_expires_after": commission.expires_after_seconds,
        "generate_audio": commission.audio,
        "draft": commission.draft,
        "draft_task_id": commission.draft_job or None,
        "priority": commission.priority,
        "safety_identifier": commission.safety_identifier or None,
        "tools": [{"type": tool} for tool in commission.tools] or None,
    }
    return {name: value for name, value in told.items() if value is not None or name == "content"}


def _content(desk: Desk, job: Job, call: Call) -> dict[str, str] | None:
    """Return the links, or nothing once the files are erased."""
    if not job.has_files(desk.clock.now()):
        return None
    content = {"video_url": desk.clip_url(job, call)}
    if job.commission.return_last_frame:
        content["last_frame_url"] = desk.last_frame_url(job, call)
    return content


def _error(job: Job, call: Call) -> dict[str, str]:
    message = job.fate.error_message or job.trouble
    code = job.fate.error_code or "InternalServiceError"
    return {"code": code, "message": f"{message} Request id: {call.request_id}"}


def _known(desk: Desk, call: Call) -> Job:
    job_id = call.params["id"]
    job = desk.find(job_id)
    if job is None:
        reject("id", f"The specified task {job_id} is not found.", code="NotFound")
    return job


def _is_listed(job: Job, call: Call) -> bool:
    tier = call.asked("filter.service_tier") or "default"
    status, model = call.asked("filter.status"), call.asked("filter.model")
    ids = call.asked_all("filter.task_ids")
    return (
        job.commission.service_tier == tier
        and status in ("", job.status)
        and model in ("", job.commission.model)
        and (not ids or job.id in ids)
    )


def _number(call: Call, name: str, default: int) -> int:
    word = call.asked(name)
    if not word:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", word) or not 1 <= int(word) <= 500:
        reject(name, f"{name} must be an integer between 1 and 500")
    return int(word)


ARK = Ark()
