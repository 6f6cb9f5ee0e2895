"""What a vendor's file is written against: calls in, answers out, and the desk between them.

A vendor knows its wire and nothing of HTTP servers, disks or threads. The desk of a mount gives
it the jobs, the check and the links; the app around it does authorization, faults and the ledger.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from tasks.simulator.assets import Asset, Assets
from tasks.simulator.callbacks import Callbacks
from tasks.simulator.checks import Checker
from tasks.simulator.clock import Clock
from tasks.simulator.commission import Commission, Medium
from tasks.simulator.families import FAMILIES
from tasks.simulator.faults import Fault, Faults, Seen
from tasks.simulator.files import Files
from tasks.simulator.footage.pool import RenderPool
from tasks.simulator.inputs import Inputs
from tasks.simulator.jobs import Job, Jobs
from tasks.simulator.prompt_directives import apply_refuse_directive, error_message, planned_fate
from tasks.simulator.refusals import Refusal

OperationName = Literal["create", "get", "list", "delete", "content", "upload"]


@dataclass(frozen=True)
class Call:
    """One request, read whole."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    """The path's own parameters, such as the job's id."""
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    """In lower case."""
    body: bytes = field(default=b"", repr=False)
    base_url: str = ""
    """As the client wrote it, up to the port: links begin with it."""
    request_id: str = ""

    @property
    def has_key(self) -> bool:
        """Whether a bearer key is there; any non-empty one is good."""
        scheme, _, key = self.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and bool(key.strip())

    def asked(self, name: str) -> str:
        """Return the last value of a query key, or an empty string."""
        return next((value for key, value in reversed(self.query) if key == name), "")

    def asked_all(self, name: str) -> list[str]:
        """Return every value of a query key."""
        return [value for key, value in self.query if key == name]


@dataclass(frozen=True)
class Answer:
    """What goes back: JSON, raw bytes with a type of their own, or a file."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    file: str = ""
    """The name of a job's file; it is sent in place of the body."""
    job: str = ""
    """For the ledger: the job that was made or asked for; likewise what follows."""
    model: str = ""
    accepted: bool = False
    code: str = ""
    note: str = ""
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """One thing a vendor's API can do."""

    name: OperationName
    method: str
    path: str
    """Behind the mount's path; `{id}` is the job's."""
    answer: Callable[[Desk, Call], Answer]


class Vendor(Protocol):
    """A wire format, from the vendor's side."""

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What it can do."""
        ...

    def refuse(self, refusal: Refusal, call: Call) -> Answer:
        """Put a refusal into the vendor's words."""
        ...

    def describe(self, desk: Desk, job: Job, call: Call) -> dict[str, Any]:
        """Put a job into the vendor's words, as a get and a callback tell it."""
        ...


@dataclass(frozen=True)
class Mount:
    """A row: one provider's place on this server."""

    provider: str
    path: str
    vendor: Vendor
    models: Mapping[str, str]
    """Which exact ids it takes, and the family of each."""
    lacks: frozenset[str] = frozenset()
    """Fields that this vendor takes on no model."""


@dataclass(frozen=True)
class Desk:
    """One mount's counter: everything a vendor's file may ask for."""

    mount: Mount
    jobs: Jobs
    files: Files
    assets: Assets
    renderers: RenderPool
    faults: Faults
    callbacks: Callbacks
    clock: Clock
    job_seconds: float | None

    def check(self, body: Mapping[str, Any]) -> Commission:
        """Return what Ark's fields ask for. Raises Refusal."""
        return Checker(self.mount.models, self._inputs, self.find, self.mount.lacks).check(body)

    def take_picture(self, role: str, data: bytes, model: str, *, param: str) -> Medium:
        """Return a picture that came as a file, for a model of this mount. Raises Refusal."""
        family = FAMILIES[self.mount.models[model]]
        return self._inputs.take_image(role, data, family, param=param)

    def keep_asset(self, data: bytes) -> Asset:
        """Take a clip that a later order will name. Raises Refusal."""
        return self.assets.keep(data)

    def accept(self, call: Call, commission: Commission, new_id: Callable[[], str]) -> Job:
        """Make a job of a commission and see to its picture. Raises Refusal where so told."""
        apply_refuse_directive(commission.prompt)
        seen = Seen(self.mount.provider, "create", _text(call))
        commission, job = self._destined(commission, self.faults.strike_job(seen))
        for _ in range(100):
            made = replace(job, id=new_id(), commission=commission)
            try:
                self.jobs.add(made)
            except FileExistsError:
                continue
            self.renderers.submit(made)
            self.call_back(made, call.base_url)
            return made
        message = "no free job id was found"
        raise RuntimeError(message)

    def find(self, job_id: str) -> Job | None:
        """Return this mount's job as it stands, or None."""
        job = self.jobs.find(job_id, self.mount.provider)
        if job is not None:
            self.renderers.submit(job)
        return job

    def call_back(self, job: Job, base_url: str) -> None:
        """See to the callbacks of a job, with links that begin with that base URL."""
        if job.commission.callback_url:
            call = Call("GET", "", base_url=base_url, request_id=new_request_id())
            self.callbacks.watch(job, lambda job: self.mount.vendor.describe(self, job, call))

    def all(self) -> list[Job]:
        """Return this mount's jobs, newest first."""
        return self.jobs.all(self.mount.provider)

    def cancel(self, job: Job) -> None:
        """Take a queued job out of the queue."""
        now = self.clock.now()
        self.renderers.cancel(job.id)
        self.jobs.change(job.id, lambda job: replace(job, status="cancelled", updated_at=now))

    def remove(self, job: Job) -> None:
        """Forget a job and its files."""
        self.renderers.cancel(job.id)
        self.jobs.remove(job.id)
        self.files.remove(job.id)

    def clip_url(self, job: Job, call: Call) -> str:
        """Return the signed link to the clip."""
        return call.base_url + self.files.signed_path(job.clip, job.links_made_at())

    def last_frame_url(self, job: Job, call: Call) -> str:
        """Return the signed link to the last frame."""
        return call.base_url + self.files.signed_path(job.last_frame, job.links_made_at())

    def stamp(self) -> str:
        """Return the vendor's local time (UTC+8) as 14 digits, as ids carry it."""
        moment = datetime.fromtimestamp(self.clock.now(), UTC) + timedelta(hours=8)
        return moment.strftime("%Y%m%d%H%M%S")

    @property
    def _inputs(self) -> Inputs:
        takes = any(one.name == "upload" for one in self.mount.vendor.operations)
        return Inputs(self.files, self.jobs, self.clock.now(), self.assets if takes else None)

    def _destined(self, commission: Commission, faults: list[Fault]) -> tuple[Commission, Job]:
        """Return commission and job as the prompt's magic words and the faults decide."""
        fate = planned_fate(commission.prompt)
        due_seconds = self.job_seconds
        for fault in faults:
            match fault.kind.name:
                case "job_failed":
                    code = fault.word("code")
                    fate = replace(fate, error_code=code, error_message=error_message(code))
                case "job_expired":
                    fate = replace(fate, expires=True)
                case "job_takes":
                    due_seconds = fault.number("seconds")
                case "job_stalls":
                    fate = replace(fate, stalls=True)
                case "links_expired":
                    fate = replace(fate, links_expired=True)
                case "jpeg_frame":
                    fate = replace(fate, jpeg_frame=True)
                case "newer_words":
                    fate = replace(fate, newer_words=True)
                case "content_redirects":
                    fate = replace(fate, content_redirects=True)
                case "other_picture":
                    commission = replace(commission, seed=secrets.randbelow(2**31))
        now = self.clock.now()
        return commission, Job(
            id="",
            mount=self.mount.provider,
            commission=commission,
            created_at=now,
            due_seconds=due_seconds,
            fate=fate,
            updated_at=now,
        )


def new_request_id() -> str:
    """Return a request id in the shape of Ark's own: `02`, milliseconds, hex."""
    return f"02{secrets.randbelow(10**13):013d}{secrets.token_hex(16)}"


def _text(call: Call) -> str:
    return f"{call.path}\n{call.body.decode('utf-8', 'replace')}"
