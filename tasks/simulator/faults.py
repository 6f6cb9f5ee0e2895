"""Fault injection: the failures of a vendor that can be set for the next matching requests.

A fault is injected by a script (`faults.inject("throttled", mount="ark", operation="create")`) or
through the admin routes. KINDS lists every kind with the moment at which it applies. Faults of
different moments can apply to the same request.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

MOMENTS: Mapping[str, str] = {
    "connection": "before the request is read, so `match` never fits",
    "pace": "before the response",
    "answer": "instead of the vendor's response: no job is created and none would be charged",
    "job": "when a job is created: the job keeps the fault",
    "reply": "while the response is sent: the request took effect, and a create would be charged",
    "file": "when a clip or a last frame is downloaded",
    "callback": "when a job's status is sent to its callback_url, if that is on this machine",
}
"""The moments at which a fault can apply, in the order of a request's progress."""

OPERATIONS = ("create", "get", "list", "delete", "content", "download", "callback")
"""The operations that a fault can be limited to."""


@dataclass(frozen=True)
class FaultKind:
    """A kind of failure."""

    name: str
    moment: str
    """One of MOMENTS."""
    description: str
    options: Mapping[str, float | str] = field(default_factory=dict)
    """The options with their defaults."""


_KINDS = (
    FaultKind("reset", "connection", "the connection is reset before the request is read"),
    FaultKind("stall", "pace", "the response is late", {"seconds": 5.0}),
    FaultKind(
        "throttled",
        "answer",
        "429, without Retry-After unless it is set",
        {"retry_after": "", "code": "RateLimitExceeded.EndpointRPMExceeded"},
    ),
    FaultKind("server_error", "answer", "a 5xx with an error body", {"status": 500}),
    FaultKind("html", "answer", "an HTML page instead of JSON", {"status": 502}),
    FaultKind(
        "refused",
        "answer",
        "an error with this code and the status that belongs to it",
        {"code": "InvalidParameter"},
    ),
    FaultKind(
        "error_in_200",
        "answer",
        "an error body with status 200",
        {"code": "InternalServiceError"},
    ),
    FaultKind(
        "other_body",
        "answer",
        "this JSON with this status; JOB stands for the id of the job",
        {"status": 200, "body": "null"},
    ),
    FaultKind(
        "job_failed",
        "job",
        "the job is accepted, then fails with this code",
        {"code": "OutputVideoSensitiveContentDetected"},
    ),
    FaultKind("job_expired", "job", "the job is accepted, then expires"),
    FaultKind("job_takes", "job", "the job takes this long", {"seconds": 60.0}),
    FaultKind("job_stalls", "job", "the job keeps running until it expires"),
    FaultKind("links_expired", "job", "the links of the finished job have already expired"),
    FaultKind("jpeg_frame", "job", "the last frame is a JPEG in a file named .png"),
    FaultKind("other_picture", "job", "an equal request gives a different clip, as at the vendors"),
    FaultKind("newer_words", "job", "the job's statuses are those of CometAPI's newer video pages"),
    FaultKind("content_redirects", "job", "the content route redirects to another host"),
    FaultKind("lost_reply", "reply", "the connection closes without a response"),
    FaultKind("reset_midway", "reply", "the connection is reset after half of the response"),
    FaultKind("truncated", "reply", "the response ends half-way, short of its Content-Length"),
    FaultKind("cut_json", "reply", "the response is the first half of the JSON, length adjusted"),
    FaultKind("no_id", "reply", "the response has no job id"),
    FaultKind("short_download", "file", "a download ends before its Content-Length"),
    FaultKind("slow_download", "file", "a download takes this long", {"seconds": 5.0}),
    FaultKind("download_error", "file", "a download fails with this status", {"status": 503}),
    FaultKind("callback_twice", "callback", "a callback is sent twice"),
    FaultKind("callback_none", "callback", "a callback is not sent"),
)
KINDS: Mapping[str, FaultKind] = {kind.name: kind for kind in _KINDS}


@dataclass(frozen=True)
class FaultTarget:
    """A request, download or callback that a fault may apply to."""

    mount: str
    operation: str
    text: str = ""
    """Path, body and the job's prompt: the text that `match` is searched in."""


@dataclass
class Fault:
    """An injected fault, with the number of times that it still applies."""

    kind: FaultKind
    mount: str = ""
    """Empty for every mount; likewise the operation and the match."""
    operation: str = ""
    match: str = ""
    """Text that the request's path or body, or the job's prompt, must contain."""
    times: int = 1
    """The number of times it still applies; -1 for no limit."""
    after: int = 0
    """The number of matching requests that are let through first."""
    options: Mapping[str, Any] = field(default_factory=dict)

    def number(self, name: str) -> float:
        """Return an option as a number."""
        return float(self.options[name])

    def text(self, name: str) -> str:
        """Return an option as text."""
        return str(self.options[name])

    def matches(self, target: FaultTarget) -> bool:
        """Return True if mount, operation and text match."""
        return (
            self.mount in ("", target.mount)
            and self.operation in ("", target.operation)
            and self.match in target.text
        )


class Faults:
    """The injected faults. Thread-safe."""

    def __init__(self) -> None:
        self._pending: list[Fault] = []
        self._lock = threading.Lock()

    def inject(
        self,
        kind: str,
        *,
        mount: str = "",
        operation: str = "",
        match: str = "",
        times: int = 1,
        after: int = 0,
        **options: float | str,
    ) -> None:
        """Set a fault for the next requests that match.

        Args:
            kind: A name in KINDS.
            mount: A provider's name; empty for all.
            operation: One of OPERATIONS; empty for all.
            match: Text that the request's path or body, or the job's prompt, must contain.
            times: How often it applies; -1 for no limit.
            after: How many matching requests are let through first.
            **options: The kind's own options.

        Raises:
            ValueError: A name is unknown, or a number is out of range.
        """
        if kind not in KINDS:
            message = f"unknown fault {kind!r}; the faults are {', '.join(KINDS)}"
            raise ValueError(message)
        if operation not in ("", *OPERATIONS):
            message = f"unknown operation {operation!r}; the operations are {', '.join(OPERATIONS)}"
            raise ValueError(message)
        _check_number("times", times, minimum=-1, integer=True)
        _check_number("after", after, integer=True)
        all_options = _with_defaults(KINDS[kind], options)
        fault = Fault(KINDS[kind], str(mount), operation, str(match), times, after, all_options)
        with self._lock:
            self._pending.append(fault)

    def clear(self) -> None:
        """Remove every fault."""
        with self._lock:
            self._pending.clear()

    def pending(self) -> list[Fault]:
        """Return the faults that can still apply."""
        with self._lock:
            return [fault for fault in self._pending if fault.times]

    def take(self, moment: str, target: FaultTarget, *, kinds: Iterable[str] = ()) -> Fault | None:
        """Return the fault that applies now, the oldest first, and count it down.

        Args:
            moment: One of MOMENTS.
            target: The request, download or callback.
            kinds: The kinds to consider; empty for all.

        Returns:
            The fault, or None.
        """
        names = set(kinds)
        with self._lock:
            for fault in self._pending:
                is_due = fault.kind.moment == moment and (not names or fault.kind.name in names)
                if not is_due or not fault.times or not fault.matches(target):
                    continue
                if fault.after:
                    fault.after -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    def take_for_job(self, target: FaultTarget) -> list[Fault]:
        """Return the faults that apply to a new job, at most one of each kind."""
        names = [kind.name for kind in _KINDS if kind.moment == "job"]
        taken = (self.take("job", target, kinds=(name,)) for name in names)
        return [fault for fault in taken if fault is not None]


def describe_faults() -> list[dict[str, Any]]:
    """Return every kind as JSON: name, moment, description, options with their defaults."""
    return [
        {
            "name": kind.name,
            "moment": kind.moment,
            "says": kind.description,
            "options": dict(kind.options),
        }
        for kind in _KINDS
    ]


def _with_defaults(kind: FaultKind, options: Mapping[str, Any]) -> Mapping[str, Any]:
    if unknown := sorted(set(options) - set(kind.options)):
        known = f"its options are {', '.join(kind.options)}" if kind.options else "it has none"
        message = f"the fault {kind.name} has no option {unknown[0]!r}; {known}"
        raise ValueError(message)
    for name, value in options.items():
        if not isinstance(kind.options[name], str):
            _check_number(name, value)
    return {**kind.options, **options}


def _check_number(name: str, value: Any, *, minimum: int = 0, integer: bool = False) -> None:
    """Reject a number that would otherwise fail only when the fault applies."""
    types = int if integer else (int, float)
    is_wrong = isinstance(value, bool) or not isinstance(value, types)
    if is_wrong or not math.isfinite(value) or value < minimum:
        noun = "an integer" if integer else "a number"
        message = f"`{name}` must be {noun} of at least {minimum}, not {value!r}"
        raise ValueError(message)
