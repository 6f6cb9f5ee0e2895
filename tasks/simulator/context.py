"""The interface for vendor modules: the call, the response, and the request context.

A vendor module covers a wire format and no HTTP server, disk or thread. The request context gives
it the jobs, the validation and the links. The app handles authorization, faults and the log.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol
from urllib.parse import unquote

from tasks.simulator.api_errors import ApiError
from tasks.simulator.faults import Fault, FaultTarget
from tasks.simulator.job_request import InputMedium, JobRequest
from tasks.simulator.jobs import Job
from tasks.simulator.model_limits import MODEL_LIMITS
from tasks.simulator.prompt_directives import (
    apply_refuse_directive,
    error_message,
    read_scenario,
)
from tasks.simulator.state import SimulatorState
from tasks.simulator.validation.input_media import InputMediaReader
from tasks.simulator.validation.validator import RequestValidator

OperationName = Literal["create", "get", "list", "delete", "content", "upload"]
_ID_ATTEMPTS = 100
_MAX_SHOT_ID = 40
_SCENARIO_FLAGS: Mapping[str, str] = {
    "job_expired": "expires",
    "job_stalls": "stalls",
    "links_expired": "links_expired",
    "jpeg_frame": "jpeg_frame",
    "newer_words": "newer_words",
    "content_redirects": "content_redirects",
}
"""Kind of fault to the flag of a scenario that it sets."""


@dataclass(frozen=True)
class ApiCall:
    """An HTTP request with its whole body."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    """The path's parameters, such as the job's id."""
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    """The names are in lower case."""
    body: bytes = field(default=b"", repr=False)
    base_url: str = ""
    """Scheme, host and port as the client wrote them; links begin with it."""
    request_id: str = ""

    @property
    def has_key(self) -> bool:
        """True if the request has a bearer key; any non-empty key is valid."""
        scheme, _, key = self.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and bool(key.strip())

    @property
    def shot_id(self) -> str:
        """The shot that the client names for the slate, which no vendor's client does; or empty."""
        return unquote(self.headers.get("x-shotchain-shot", ""))[:_MAX_SHOT_ID]

    @property
    def text(self) -> str:
        """Path and body, as a fault's `match` sees them."""
        return f"{self.path}\n{self.body.decode('utf-8', 'replace')}"

    def query_value(self, name: str) -> str:
        """Return the last value of a query parameter, or an empty string."""
        return next((value for key, value in reversed(self.query) if key == name), "")

    def query_values(self, name: str) -> list[str]:
        """Return every value of a query parameter."""
        return [value for key, value in self.query if key == name]


@dataclass(frozen=True)
class ApiResponse:
    """A response with JSON, with raw bytes of another type, or with a file."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    file: str = ""
    """The name of a job's file to send instead of the body."""
    job: str = ""
    """The job that was created or read. This and the following fields are for the log."""
    model: str = ""
    accepted: bool = False
    """True if a job was created."""
    code: str = ""
    note: str = ""
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """An operation of a vendor's API."""

    name: OperationName
    method: str
    path: str
    """The path below the mount's; `{id}` is the job's id."""
    respond: Callable[[RequestContext], ApiResponse]
    """Returns the response, or raises ApiError."""


class Vendor(Protocol):
    """A wire format at the vendor's end."""

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The documented operations."""
        ...

    def format_error(self, error: ApiError, request_id: str) -> ApiResponse:
        """Return an error in the vendor's format."""
        ...

    def format_job(self, context: RequestContext, job: Job) -> dict[str, Any]:
        """Return a job in the vendor's format, as a get and a callback send it."""
        ...


@dataclass(frozen=True)
class Mount:
    """One provider's place on the server."""

    provider: str
    path: str
    vendor: Vendor
    models: Mapping[str, str]
    """Exact id to family, for every model that the provider has."""
    unsupported_fields: frozenset[str] = frozenset()
    """Fields that the provider does not take for any model."""


@dataclass(frozen=True)
class RequestContext:
    """One request at one mount, with everything that a vendor module may use."""

    state: SimulatorState
    mount: Mount
    call: ApiCall

    @property
    def now(self) -> float:
        """The simulator's time, in Unix seconds."""
        return self.state.clock.now()

    def validate(self, body: Mapping[str, Any]) -> JobRequest:
        """Return the job request of a body with Ark's fields.

        Raises:
            ApiError: The vendor would reject the body.
        """
        mount = self.mount
        validator = RequestValidator(
            mount.models, self._media_reader(), self.find_job, mount.unsupported_fields
        )
        return validator.validate(body)

    def read_image(self, role: str, data: bytes, model: str, *, param: str) -> InputMedium:
        """Validate and store an image that was sent as a file.

        Raises:
            ApiError: The vendor would reject the image for this model.
        """
        limits = MODEL_LIMITS[self.mount.models[model]]
        return self._media_reader().read_image(role, data, limits, param=param)

    def create_job(self, request: JobRequest, new_id: Callable[[], str]) -> Job:
        """Create a job and start its rendering and its callbacks.

        Args:
            request: The validated request.
            new_id: Returns a random id in the vendor's format.

        Raises:
            ApiError: A directive in the prompt requires it.
        """
        apply_refuse_directive(request.prompt)
        target = FaultTarget(self.mount.provider, "create", self.call.text)
        request = replace(request, shot_id=self.call.shot_id)
        draft = self._prepare_job(request, self.state.faults.take_for_job(target))
        for _ in range(_ID_ATTEMPTS):
            job = replace(draft, id=new_id())
            try:
                self.state.jobs.add(job)
            except FileExistsError:
                continue
            self.state.render_pool.submit(job)
            self.start_callbacks(job)
            return job
        message = f"no free job id in {_ID_ATTEMPTS} attempts"
        raise RuntimeError(message)

    def find_job(self, job_id: str = "") -> Job | None:
        """Return a job of this mount, by default the one in the path; None if it has none."""
        job = self.state.jobs.find(job_id or self.call.params["id"], self.mount.provider)
        if job is not None:
            self.state.render_pool.submit(job)
        return job

    def all_jobs(self) -> list[Job]:
        """Return this mount's jobs, newest first."""
        return self.state.jobs.all(self.mount.provider)

    def cancel_job(self, job: Job) -> None:
        """Cancel a queued job."""
        now = self.now
        self.state.render_pool.cancel(job.id)
        self.state.jobs.update(job.id, lambda job: replace(job, status="cancelled", updated_at=now))

    def remove_job(self, job: Job) -> None:
        """Remove a job and its files."""
        self.state.render_pool.cancel(job.id)
        self.state.jobs.remove(job.id)
        self.state.files.remove(job.id)

    def start_callbacks(self, job: Job) -> None:
        """Send the job's status changes to its callback_url, if it has one."""
        if job.request.callback_url:
            call = ApiCall("GET", "", base_url=self.call.base_url, request_id=new_request_id())
            context = replace(self, call=call)
            self.state.callbacks.watch(job, lambda job: self.mount.vendor.format_job(context, job))

    def clip_url(self, job: Job) -> str:
        """Return the signed link to the clip."""
        path = self.state.files.signed_path(job.clip_name, job.links_signed_at)
        return self.call.base_url + path

    def last_frame_url(self, job: Job) -> str:
        """Return the signed link to the last frame."""
        path = self.state.files.signed_path(job.last_frame_name, job.links_signed_at)
        return self.call.base_url + path

    def local_time(self) -> str:
        """Return the vendor's local time (UTC+8) as 14 digits, the form in job ids."""
        moment = datetime.fromtimestamp(self.now, UTC) + timedelta(hours=8)
        return moment.strftime("%Y%m%d%H%M%S")

    def _media_reader(self) -> InputMediaReader:
        state = self.state
        has_uploads = any(item.name == "upload" for item in self.mount.vendor.operations)
        return InputMediaReader(
            state.files, state.jobs, self.now, state.assets if has_uploads else None
        )

    def _prepare_job(self, request: JobRequest, faults: list[Fault]) -> Job:
        """Return the job without its id, with the prompt's directives and the faults applied."""
        scenario, flags = read_scenario(request.prompt), dict[str, Any]()
        min_seconds = self.state.job_seconds
        for fault in faults:
            kind = fault.kind.name
            if kind == "job_failed":
                code = fault.text("code")
                scenario = replace(scenario, error_code=code, error_message=error_message(code))
            elif kind == "job_takes":
                min_seconds = fault.number("seconds")
            elif kind == "other_picture":
                request = replace(request, seed=secrets.randbelow(2**31))
            else:
                flags[_SCENARIO_FLAGS[kind]] = True
        now = self.now
        return Job(
            id="",
            mount=self.mount.provider,
            request=request,
            created_at=now,
            min_seconds=min_seconds,
            scenario=replace(scenario, **flags),
            updated_at=now,
        )


def new_request_id() -> str:
    """Return a request id in the format of Ark's: `02`, milliseconds, hex digits."""
    return f"02{secrets.randbelow(10**13):013d}{secrets.token_hex(16)}"
