"""A vendor in memory that may lose, delay, repeat, hide and misname its jobs, lists and files.

It charges for every job that it accepted, except those that fail in its documented words or that
it cancels. Its lies are those that vendors have been seen to tell: it never reports a job as failed
twice in a row if the job did not fail, and it rejects no accepted create with a status that
excludes a job. The invariants belong in `hostile_world`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cache
from typing import Any

import httpx

from tests.support.paid_path import clip, picture, response

DAY_SECONDS = 86_400.0
RETENTION_SECONDS = 7 * DAY_SECONDS
FILES_URL = "https://files.example/files"
SIGNATURE = "5ec7e7-signature"
TRUE_TOKENS = 49_005
_PROMPT = re.compile(rb"Picture of (\w+)\.")


@dataclass
class Job:
    """A job that the vendor accepted."""

    id: str
    account: str
    shot: str
    request: dict[str, Any]
    created_at: float
    seconds: float
    """The time until it ends."""
    queued_seconds: float
    """The time during which it can be cancelled."""
    failure: str = ""
    """The status and code of a failure that is not charged: `failed InternalServiceError`."""
    is_cancelled: bool = False
    is_deleted: bool = False
    """True if its record was deleted by a cancel that came too late."""
    has_lied: bool = False
    """True if its last state was an end that is not true."""
    was_lost: bool = False
    """True if the vendor refused it after the documented time."""

    @property
    def is_charged(self) -> bool:
        """True if the vendor charges for it."""
        return not self.failure and not self.is_cancelled

    def status(self, now: float) -> str:
        """Return its true status in Ark's words."""
        age = now - self.created_at
        if self.is_cancelled:
            return "cancelled"
        if age < self.queued_seconds:
            return "queued"
        if age < self.seconds:
            return "running"
        return self.failure.partition(" ")[0] or "succeeded"


@cache
def draw_clip(level: int, frames: int, size: tuple[int, int]) -> bytes:
    """Return a grey clip."""
    return clip(level, frames=frames, size=size)


def mark_clip(data: bytes, job: str) -> bytes:
    """Return a clip with the id of its job in a box that players ignore."""
    name = job.encode()
    return data + (8 + len(name)).to_bytes(4, "big") + b"free" + name


def job_of_clip(data: bytes) -> str:
    """Return the id of the job that rendered a clip."""
    return data.rpartition(b"free")[2].decode()


@dataclass
class HostileVendor:
    """One vendor with several accounts. Its wire format is Ark's, or that of `/videos`."""

    clock: Callable[[], float]
    """Returns the vendor's time."""
    is_ark: bool
    levels: dict[str, int] = field(default_factory=dict)
    """The grey level of the clips of a shot, if it is not 128."""
    files_url: str = FILES_URL
    clip_frames: int = 5
    clip_size: tuple[int, int] = (64, 64)
    late_seconds: float = 700.0
    """The time of a late create: longer than a client waits for the response."""
    job_seconds: float = 40.0
    accounts: dict[str, str] = field(default_factory=dict)
    """Account by API key; other keys are rejected."""
    jobs: dict[str, Job] = field(default_factory=dict)
    creates: deque[str] = field(default_factory=deque)
    """The moods of the next creates; an empty one is an honest response."""
    queries: deque[str] = field(default_factory=deque)
    """The moods of the next queries."""
    files: deque[str] = field(default_factory=deque)
    """The moods of the next downloads."""
    list_mood: str = ""
    cancel_mood: str = ""
    usage: int | None = TRUE_TOKENS
    next_job: dict[str, Any] = field(default_factory=dict)
    """Fields of the next job."""
    allows_lies: bool = True
    """False while two runs ask: each could see another half of the truth."""
    find_repeatable_id: Callable[[], str] = lambda: ""
    """Returns the id of an earlier job, for a proxy that repeats a response; empty for none.

    A receipt must contain it: without one an earlier job looks like a new one.
    """
    announced: set[str] = field(default_factory=set)
    """The ids of the jobs that an honest response to a create contained."""
    create_log: list[str] = field(default_factory=list)
    """The shot of each create that arrived."""

    def be_honest(self) -> None:
        """Forget every mood. The jobs keep their fate."""
        self.creates.clear()
        self.queries.clear()
        self.files.clear()
        self.list_mood = self.cancel_mood = ""
        self.usage = TRUE_TOKENS
        self.next_job = {}

    def charged_jobs(self) -> list[Job]:
        """Return the jobs that are on the bill."""
        return [job for job in self.jobs.values() if job.is_charged]

    def is_served(self, job: Job) -> bool:
        """Return True if the vendor still has a job by its documentation."""
        return not job.is_deleted and self.clock() - job.created_at < RETENTION_SECONDS

    async def handle(self, request: httpx.Request) -> httpx.Response:
        """Respond to a request, or raise an error of httpx."""
        answer = await self._handle(request)
        answer.headers["Date"] = formatdate(self.clock(), usegmt=True)
        return answer

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.startswith("/files/"):
            return self._serve_file(path.rpartition("/")[2].partition(".")[0], path)
        account = self.accounts.get(
            request.headers.get("Authorization", "").removeprefix("Bearer ")
        )
        if account is None:
            return _error(401, "AuthenticationError", "The API key doesn't exist.")
        base = path.partition("/tasks" if self.is_ark else "/videos")[2].strip("/")
        if request.method == "POST":
            return await self._create(request, account)
        if not base:
            return self._list(request, account)
        if base.endswith("/content"):
            return self._serve_file(base.removesuffix("/content"), ".mp4")
        job = self._find(base, account)
        if request.method == "DELETE":
            return self._cancel(job)
        return self._query(job, base)

    # Creates.

    async def _create(self, request: httpx.Request, account: str) -> httpx.Response:
        shot = _PROMPT.search(request.content)
        self.create_log.append(shot[1].decode() if shot else "")
        mood = self.creates.popleft() if self.creates else ""
        accepted, _, kind = mood.partition(" ") if mood else ("accepted", "", "")
        if accepted == "accepted":
            delay = self.late_seconds if kind == "late" else 0.0
            job = self._accept(request, account, delay)
            if not kind:
                self.announced.add(job.id)
                return response(200, self._created(job.id))
        return await self._misrespond(kind)

    def _created(self, job: str) -> dict[str, Any]:
        return {"id": job} if self.is_ark else {"id": job, "object": "video", "status": "queued"}

    def _accept(self, request: httpx.Request, account: str, delay: float) -> Job:
        name = f"cgt-{len(self.jobs) + 1:03}"
        body = json.loads(request.content) if request.content.startswith(b"{") else {}
        shot = self.create_log[-1]
        values: dict[str, Any] = {
            "seconds": self.job_seconds,
            "queued_seconds": self.job_seconds / 4,
            **self.next_job,
        }
        self.jobs[name] = Job(name, account, shot, body, self.clock() + delay, **values)
        self.next_job = {}
        return self.jobs[name]

    async def _misrespond(self, kind: str) -> httpx.Response:
        if kind in ("late", "timeout"):
            await asyncio.sleep(self.late_seconds)
        failure = _fail(kind)
        if failure is None:
            return response(200, self._created(self.find_repeatable_id()))
        if kind == "307":
            failure.headers["Location"] = "https://vendor.example/elsewhere"
        return failure

    # Queries.

    def _find(self, name: str, account: str) -> Job | None:
        job = self.jobs.get(name.removeprefix("task-"))
        if job is None or job.account != account or not self.is_served(job):
            return None
        return job if job.created_at <= self.clock() else None

    def _query(self, job: Job | None, name: str) -> httpx.Response:
        mood = self.queries.popleft() if self.queries else ""
        if job is None:
            known = self.jobs.get(name)
            if known and self.clock() - known.created_at >= RETENTION_SECONDS:
                known.was_lost = True
            return self._unknown_job()
        if mood == "unknown job":
            return self._unknown_job()
        failure = _fail(mood)
        if failure:
            return failure
        if mood.startswith("lie ") and self.allows_lies and not job.has_lied:
            job.has_lied = True
            ended = {"status": mood.removeprefix("lie "), "content": {}, "metadata": {}}
            reason = {"error": _INTERNAL} if mood == "lie failed" else {}
            return response(200, {**self.describe(job), **ended, **reason})
        answer = self._reword(job, mood)
        if answer.get("id") == job.id:
            job.has_lied = False
        return response(200, answer)

    def _reword(self, job: Job, mood: str) -> dict[str, Any]:
        """Return the state of a job as a mood misreports it."""
        answer = self.describe(job)
        if mood == "other job":
            others = [other for other in self.jobs.values() if other is not job]
            return self.describe(others[0]) if others else {**answer, "id": "cgt-000"}
        if mood == "unnamed":
            return {"status": "failed", "error": _INTERNAL}
        if mood == "unnamed timeout":
            return {"status": "timeout"}
        if mood == "no url":
            return {**answer, "content": {}, "metadata": {}}
        if mood == "url with a space":
            spaced: dict[str, Any] = json.loads(
                json.dumps(answer).replace(".mp4", ".mp4?name=the clip")
            )
            return spaced
        if mood.startswith("word "):
            return {**answer, "status": mood.removeprefix("word ")}
        return answer

    def _unknown_job(self) -> httpx.Response:
        if self.is_ark:
            return _error(404, "NotFound", "The specified task is not found.")
        return _error(404, "invalid_request_error", "Task not found")

    def describe(self, job: Job) -> dict[str, Any]:
        """Return the true state of a job."""
        status = job.status(self.clock())
        answer: dict[str, Any] = {
            "id": job.id,
            "model": job.request.get("model"),
            "status": status,
            "created_at": int(job.created_at),
            "seed": job.request.get("seed", 4_000_000_000 + len(job.id)),
        }
        if status == "succeeded":
            url = f"{self.files_url}/{job.id}"
            answer |= {"updated_at": int(job.created_at + job.seconds)}
            urls = {"video_url": f"{url}.mp4?sig={SIGNATURE}"}
            if self.is_ark:
                urls["last_frame_url"] = f"{url}.png?sig={SIGNATURE}"
                answer |= {"content": urls}
                answer |= {
                    "resolution": job.request.get("resolution"),
                    "ratio": job.request.get("ratio"),
                    "duration": job.request.get("duration"),
                }
            else:
                answer |= {"metadata": {"url": urls["video_url"]}}
            if self.usage is not None:
                answer["usage"] = {"completion_tokens": self.usage}
        elif job.failure and status not in ("queued", "running", "cancelled"):
            code = job.failure.partition(" ")[2]
            answer |= {"error": {"code": code, "message": "it did not work"}} if code else {}
        if not self.is_ark:
            answer["object"] = "video"
        return answer

    # Lists.

    def _list(self, request: httpx.Request, account: str) -> httpx.Response:
        if not self.is_ark:
            return response(404, b"Not Found", mime_type="text/plain")
        mood, now = self.list_mood, self.clock()
        failure = _fail(mood)
        if failure:
            return failure
        jobs = [job for job in self.jobs.values() if self._find(job.id, account)]
        items = [self.describe(job) for job in reversed(jobs)]
        if mood == "empty":
            items = []
        elif mood == "partial":
            items = items[1:]
        elif mood == "lag":
            items = [item for item in items if now - item["created_at"] > 300]
        elif mood == "other shape":
            return response(200, {"code": 0, "result": {"tasks": items}})
        items = [_RENAMES.get(mood, dict)(item) for item in items]
        page, size = int(request.url.params["page_num"]), int(request.url.params["page_size"])
        first = (page - 1) * size
        if mood == "shifted":
            # New jobs at the top between two pages move the rest: some jobs are on no page.
            first, size = (page - 1) * 2, 1
        elif mood == "same page":
            first = 0
        return response(200, {"total": len(jobs), "items": items[first : first + size]})

    # Cancels.

    def _cancel(self, job: Job | None) -> httpx.Response:
        if job is None:
            return self._unknown_job()
        status = job.status(self.clock())
        if self.cancel_mood == "race" and status == "queued":
            # It began at that moment: the response is a success all the same.
            job.queued_seconds = 0.0
            return response(200, {})
        if self.cancel_mood == "lost" and status == "queued":
            job.is_cancelled = True
            raise httpx.ReadError("lost")
        if status == "queued":
            job.is_cancelled = True
        elif status == "running":
            return _error(400, "InvalidParameter", "The task is running.")
        else:
            job.is_deleted = True
        return response(200, {})

    # Files.

    def _serve_file(self, name: str, path: str) -> httpx.Response:
        job = self.jobs[name]
        level = self.levels.get(job.shot, 128)
        data = mark_clip(draw_clip(level, self.clip_frames, self.clip_size), name)
        mood = self.files.popleft() if self.files else ""
        if path.endswith(".png"):
            return response(200, picture(level, self.clip_size), mime_type="image/png")
        if mood in _LOST:
            raise _LOST[mood]("lost")
        if mood.isdigit():
            if self.clock() - job.created_at > DAY_SECONDS:
                job.was_lost = True
            return response(int(mood), b"<Error>AccessDenied</Error>", mime_type="text/xml")
        if mood == "html":
            return response(200, b"<html>log in</html>", mime_type="text/html")
        if mood == "truncated":
            return response(200, data[: len(data) // 2], mime_type="video/mp4")
        if not self.is_served(job):
            job.was_lost = True
            return response(404, b"<Error>NoSuchKey</Error>", mime_type="text/xml")
        return response(200, data, mime_type="video/mp4")


def _fail(mood: str) -> httpx.Response | None:
    """Return the response to a request that fails, or None; raise an error if there is none."""
    if mood in _LOST:
        raise _LOST[mood]("lost")
    if mood in _MALFORMED:
        return _MALFORMED[mood]()
    if mood.isdigit():
        return _error(int(mood), _CODES.get(mood, "InternalServiceError"), "no available channel")
    return None


def _error(status: int, code: str, message: str) -> httpx.Response:
    return response(status, {"error": {"code": code, "message": message, "type": code}})


_INTERNAL = {"code": "InternalServiceError", "message": "the service failed"}

_CODES = {
    "401": "AuthenticationError",
    "403": "AccessDenied",
    "409": "Conflict",
    "429": "RateLimitExceeded",
    "400": "InvalidParameter",
}

_LOST: dict[str, type[httpx.TransportError]] = {
    "late": httpx.ReadTimeout,
    "timeout": httpx.ReadTimeout,
    "reset": httpx.ReadError,
    "write error": httpx.WriteError,
    "not connected": httpx.ConnectError,
    "protocol": httpx.RemoteProtocolError,
}

_MALFORMED: dict[str, Callable[[], httpx.Response]] = {
    "html": lambda: response(200, b"<html>busy</html>", mime_type="text/html"),
    "cut": lambda: response(200, b'{"id": "cgt'),
    "no id": lambda: response(200, {"request_id": "7"}),
    "empty body": lambda: response(200, b""),
    "error body": lambda: response(200, {"error": _INTERNAL}),
    "error fail": lambda: response(200, {"code": "fail", "message": "timeout"}),
    "error text": lambda: response(200, {"error": "upstream timeout"}),
}


def _rename(item: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if name == old else name: value for name, value in item.items()}


_RENAMES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "other ids": lambda item: {**item, "id": f"task-{item['id']}"},
    "no ids": lambda item: _rename(item, "id", "uuid"),
    "other model": lambda item: {**item, "model": "Seedance 1.0 Pro"},
    "no model": lambda item: _rename(item, "model", "model_name"),
    "other tier": lambda item: {**item, "service_tier": "standard"},
    "other seed": lambda item: {**item, "seed": -1},
    "no seed": lambda item: _rename(item, "seed", "random_seed"),
    "text seed": lambda item: {**item, "seed": str(item["seed"])},
    "milliseconds": lambda item: {**item, "created_at": item["created_at"] * 1000},
    "time zone": lambda item: {**item, "created_at": item["created_at"] + 8 * 3600},
    "no time": lambda item: _rename(item, "created_at", "create_time"),
    "zero time": lambda item: {**item, "created_at": 0},
    "other size": lambda item: {**item, "resolution": "720P", "ratio": "adaptive"},
    "hidden model": lambda item: {**item, "model": "ep-20260101-abcde"},
}

CREATE_MOODS = (
    "accepted late",
    "accepted timeout",
    "accepted reset",
    "accepted write error",
    "accepted protocol",
    "accepted html",
    "accepted cut",
    "accepted no id",
    "accepted empty body",
    "accepted replay",
    "accepted 408",
    "accepted 409",
    "accepted 500",
    "accepted 503",
    "accepted 504",
    "accepted 307",
    "refused replay",
    "refused timeout",
    "refused reset",
    "refused not connected",
    "refused html",
    "refused 400",
    "refused 401",
    "refused 409",
    "refused 429",
    "refused 500",
    "refused 503",
    "refused error body",
)
"""The first word is the fate of the create, the others are the response."""

QUERY_MOODS = (
    "timeout",
    "reset",
    "not connected",
    "unknown job",
    "403",
    "429",
    "500",
    "503",
    "html",
    "cut",
    "empty body",
    "no id",
    "error body",
    "error fail",
    "error text",
    "other job",
    "unnamed",
    "unnamed timeout",
    "word error",
    "word timeout",
    "word archived",
    "no url",
    "url with a space",
    "lie failed",
    "lie expired",
    "lie cancelled",
)

LIST_MOODS = (
    "empty",
    "partial",
    "lag",
    "shifted",
    "same page",
    "other shape",
    "html",
    "error body",
    "reset",
    "403",
    "500",
    *_RENAMES,
)

FILE_MOODS = ("403", "404", "500", "html", "reset", "truncated")

CANCEL_MOODS = ("", "race", "lost")
