"""Ark's video generation tasks, as Volcengine and BytePlus serve them.

Written from the create page https://ark.volcengine.com/region:cn-beijing/docs/ark/create-video-generation-task-api
and the get, list and delete pages beside it. Gateways with the same wire format subclass
`ArkVendor` and change what their own pages change. So does the simulator's own mount, which adds
an upload.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Mapping
from typing import Any, ClassVar

from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.simulator.api_errors import ERROR_TYPES, ApiError, reject
from tasks.simulator.callbacks import parse_loopback_url
from tasks.simulator.context import (
    ApiCall,
    ApiResponse,
    Operation,
    OperationName,
    RequestContext,
)
from tasks.simulator.job_request import JobRequest
from tasks.simulator.jobs import Job
from tasks.simulator.validation.body import read_form, read_json

_TASKS_PATH = "/contents/generations/tasks"
_ID_CHARACTERS = string.ascii_lowercase + string.digits
_STATUSES = ("queued", "running", "cancelled", "succeeded", "failed", "expired")
_DELETABLE_STATUSES = frozenset({"succeeded", "failed", "expired"})
_MAX_PAGE = 500


class ArkVendor:
    """Ark's wire format. A gateway lists the operations that it documents."""

    documented: ClassVar[tuple[OperationName, ...]] = ("create", "get", "list", "delete")

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The documented operations."""
        operations = (
            Operation("create", "POST", _TASKS_PATH, self.create),
            Operation("get", "GET", _TASKS_PATH + "/{id}", self.get),
            Operation("list", "GET", _TASKS_PATH, self.list),
            Operation("delete", "DELETE", _TASKS_PATH + "/{id}", self.delete),
        )
        return tuple(operation for operation in operations if operation.name in self.documented)

    def format_error(self, error: ApiError, request_id: str) -> ApiResponse:
        """Return Ark's error body."""
        return ApiResponse(error_body(error, request_id), error.status, code=error.code)

    def validate(self, context: RequestContext, body: Mapping[str, Any]) -> JobRequest:
        """Return the job request of a create.

        Raises:
            ApiError: The vendor would reject the body.
        """
        return context.validate(body)

    def new_id(self, context: RequestContext, request: JobRequest) -> str:
        """Return a random job id: the queue, the vendor's local time, five characters."""
        queue = "cgt-batch" if request.service_tier == "flex" else "cgt"
        tail = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(5))
        return f"{queue}-{context.local_time()}-{tail}"

    def format_created(self, job: Job) -> dict[str, Any]:
        """Return the response body of a create."""
        body = {"id": job.id}
        if job.request.safety_identifier:
            body["safety_identifier"] = job.request.safety_identifier
        return body

    def log_note(self, body: Mapping[str, Any], request: JobRequest) -> str:
        """Return what in a create is disputed between pages, or has no effect here."""
        notes = []
        if request.callback_url and parse_loopback_url(request.callback_url) is None:
            notes.append("callback_url is not on this machine: nothing is sent to it")
        if request.family.startswith("seedance-2") and body.get("seed") is not None:
            notes.append("seed is disputed for 2.x: the newest vendor page does not list it")
        return "; ".join(notes)

    def create(self, context: RequestContext) -> ApiResponse:
        """Create a job.

        Raises:
            ApiError: The vendor would reject the request.
        """
        body = read_json(context.call.body, context.call.headers)
        request = self.validate(context, body)
        job = context.create_job(request, lambda: self.new_id(context, request))
        return ApiResponse(
            self.format_created(job),
            job=job.id,
            model=request.model,
            accepted=True,
            note=self.log_note(body, request),
        )

    def get(self, context: RequestContext) -> ApiResponse:
        """Return a job.

        Raises:
            ApiError: The job does not exist.
        """
        job = _require_job(context)
        return ApiResponse(self.format_job(context, job), job=job.id, model=job.request.model)

    def list(self, context: RequestContext) -> ApiResponse:
        """Return a page of the jobs of the last seven days; flex jobs only if requested.

        Raises:
            ApiError: A query parameter is not valid.
        """
        call = context.call
        status = call.query_value("filter.status")
        if status and status not in _STATUSES:
            reject("filter.status", f"filter.status must be one of {', '.join(_STATUSES)}")
        jobs = [job for job in context.all_jobs() if _matches_filters(job, call)]
        page = _page_number(call, "page_num", 1)
        size = _page_number(call, "page_size", 10)
        items = [self.format_job(context, job) for job in jobs[(page - 1) * size : page * size]]
        return ApiResponse({"total": len(jobs), "items": items})

    def delete(self, context: RequestContext) -> ApiResponse:
        """Cancel a queued job, or remove a finished one.

        Raises:
            ApiError: The job does not exist, is running or is cancelled.
        """
        job = _require_job(context)
        if job.status == "queued":
            context.cancel_job(job)
        elif job.status in _DELETABLE_STATUSES:
            context.remove_job(job)
        else:
            message = f"The task {job.id} is {job.status} and can't be cancelled or deleted."
            reject("id", message, code="OperationDenied.InvalidState")
        return ApiResponse({}, job=job.id)

    def format_job(self, context: RequestContext, job: Job) -> dict[str, Any]:
        """Return the task object; before the job is final it only has the status and times."""
        body: dict[str, Any] = {
            "id": job.id,
            "model": job.request.model,
            "status": job.status,
            "created_at": int(job.created_at),
            "updated_at": int(job.updated_at),
        }
        if job.status == "failed":
            code = job.scenario.error_code or "InternalServiceError"
            message = job.scenario.error_message or job.render_error
            request_id = context.call.request_id
            body["error"] = {"code": code, "message": f"{message} Request id: {request_id}"}
        if job.status == "succeeded":
            body |= _format_result(context, job)
        return body


class SimulatorVendor(ArkVendor):
    """The simulator's own mount: Ark's wire format, and an upload for clips without a URL.

    Ark takes reference clips only by URL or `asset://`, and its asset library is filled by hand in
    a console. Here `POST /assets`, a form with one part `file`, stores a clip and returns its URL.
    """

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Ark's operations and the upload."""
        return (*super().operations, Operation("upload", "POST", "/assets", self.upload))

    def upload(self, context: RequestContext) -> ApiResponse:
        """Store a clip.

        Raises:
            ApiError: The form or the clip is not valid.
        """
        parts = read_form(context.call.body, context.call.headers)
        if len(parts) != 1 or parts[0].name != "file" or not parts[0].filename:
            reject("file", "send a form with one part, a file under the name `file`")
        asset = context.state.assets.add(parts[0].data)
        return ApiResponse({"id": asset.id, "url": asset.url, "seconds": asset.seconds})


def error_body(error: ApiError, request_id: str) -> dict[str, Any]:
    """Return an error in Ark's format, with the request id at the end of the message."""
    return {
        "error": {
            "code": error.code,
            "message": f"{error.message} Request id: {request_id}",
            "param": error.param,
            "type": ERROR_TYPES.get(error.status, "BadRequest"),
        }
    }


def _format_result(context: RequestContext, job: Job) -> dict[str, Any]:
    request = job.request
    length = (
        {"frames": request.frames}
        if request.asked_in_frames
        else {"duration": request.duration_seconds}
    )
    tokens = request.tokens
    body = {
        "content": _format_content(context, job),
        "usage": {"completion_tokens": tokens, "total_tokens": tokens},
        "seed": request.seed,
        "resolution": request.resolution,
        "ratio": request.ratio,
        **length,
        "framespersecond": FRAMES_PER_SECOND,
        "service_tier": request.service_tier,
        "execution_expires_after": request.expires_after_seconds,
        "generate_audio": request.audio,
        "draft": request.draft,
        "draft_task_id": request.draft_job or None,
        "priority": request.priority,
        "safety_identifier": request.safety_identifier or None,
        "tools": [{"type": tool} for tool in request.tools] or None,
    }
    return {name: value for name, value in body.items() if value is not None or name == "content"}


def _format_content(context: RequestContext, job: Job) -> dict[str, str] | None:
    """Return the links, or None once the files are erased."""
    if not job.has_files(context.now):
        return None
    content = {"video_url": context.clip_url(job)}
    if job.request.return_last_frame:
        content["last_frame_url"] = context.last_frame_url(job)
    return content


def _require_job(context: RequestContext) -> Job:
    job = context.find_job()
    if job is None:
        message = f"The specified task {context.call.params['id']} is not found."
        reject("id", message, code="NotFound")
    return job


def _matches_filters(job: Job, call: ApiCall) -> bool:
    tier = call.query_value("filter.service_tier") or "default"
    status, model = call.query_value("filter.status"), call.query_value("filter.model")
    ids = call.query_values("filter.task_ids")
    return (
        job.request.service_tier == tier
        and status in ("", job.status)
        and model in ("", job.request.model)
        and (not ids or job.id in ids)
    )


def _page_number(call: ApiCall, name: str, default: int) -> int:
    value = call.query_value(name)
    if not value:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", value) or not 1 <= int(value) <= _MAX_PAGE:
        reject(name, f"{name} must be an integer between 1 and {_MAX_PAGE}")
    return int(value)
