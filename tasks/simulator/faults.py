"""Everything that may go wrong at a vendor, to be ordered for the next matching requests.

A fault is ordered by script (`faults.order("throttled", mount="ark", operation="create")`) or
through the admin route. KINDS is the whole list, with the moment each strikes; faults of
different moments strike the same request together.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

MOMENTS: Mapping[str, str] = {
    "connection": "before the request is read: `match` has nothing to look at yet",
    "pace": "before the answer",
    "answer": "in place of the vendor's answer: nothing is made, nothing would be paid",
    "job": "when a create is taken: the job carries it from then on",
    "reply": "on the way back: the request was carried out, and a create would be paid",
    "file": "when a clip or a last frame is downloaded",
    "callback": "when a job's state is told to its callback_url, if that is on this machine",
}
"""When a fault strikes, in the order of a request's way."""

OPERATIONS = ("create", "get", "list", "delete", "content", "download", "callback")
"""What a fault may be ordered for."""


@dataclass(frozen=True)
class Kind:
    """One thing that may go wrong."""

    name: str
    moment: str
    """One of MOMENTS: when a request or a job meets it."""
    says: str
    options: Mapping[str, float | str] = field(default_factory=dict)
    """What may be set, with the defaults."""


_ROWS = (
    Kind("reset", "connection", "the connection is reset before the request is read"),
    Kind("stall", "pace", "the reply comes late", {"seconds": 5.0}),
    Kind(
        "throttled",
        "answer",
        "429; without Retry-After unless it is set",
        {"retry_after": "", "code": "RateLimitExceeded.EndpointRPMExceeded"},
    ),
    Kind("server_error", "answer", "a 5xx with an error body; nothing is made", {"status": 500}),
    Kind("html", "answer", "a web page instead of JSON", {"status": 502}),
    Kind(
        "refused",
        "answer",
        "the error with that code, with the status that goes with it",
        {"code": "InvalidParameter"},
    ),
    Kind(
        "error_in_200",
        "answer",
        "200 with an error body; nothing is made",
        {"code": "InternalServiceError"},
    ),
    Kind(
        "job_failed",
        "job",
        "the job is taken and then fails with that code",
        {"code": "OutputVideoSensitiveContentDetected"},
    ),
    Kind("job_expired", "job", "the job is taken and then expires"),
    Kind("job_takes", "job", "the job takes that long in all", {"seconds": 60.0}),
    Kind("job_stalls", "job", "the job runs and never ends, until its own expiry"),
    Kind("links_expired", "job", "the links of the finished job have expired already"),
    Kind("jpeg_frame", "job", "the last frame is a JPEG under a name that ends in .png"),
    Kind("other_picture", "job", "the same request gives another picture, as at the vendors"),
    Kind("newer_words", "job", "the job's states in the words of CometAPI's newer video pages"),
    Kind("content_redirects", "job", "the route of the job's clip redirects to another host"),
    Kind("lost_reply", "reply", "the connection closes unanswered"),
    Kind("reset_midway", "reply", "half of the reply comes, then the connection is reset"),
    Kind("truncated", "reply", "the reply breaks off half way, short of its Content-Length"),
    Kind("cut_json", "reply", "the reply ends half way through its JSON, as if that were all"),
    Kind("no_id", "reply", "the reply has no id in it"),
    Kind("short_download", "file", "a download ends before its Content-Length"),
    Kind("slow_download", "file", "a download takes that long", {"seconds": 5.0}),
    Kind("download_error", "file", "a download answers with that status", {"status": 503}),
    Kind("callback_twice", "callback", "a callback is sent twice"),
    Kind("callback_none", "callback", "a callback is never sent"),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ROWS}


@dataclass(frozen=True)
class Seen:
    """What a fault can be matched against."""

    mount: str
    operation: str
    text: str = ""
    """Path, body and the job's prompt."""


@dataclass
class Fault:
    """An ordered fault, with how often it still strikes."""

    kind: Kind
    mount: str = ""
    """Empty matches every mount; likewise the operation and the match."""
    operation: str = ""
    match: str = ""
    """Words that must occur in the request's path or body, or in the job's prompt."""
    times: int = 1
    """How often it strikes; -1 for ever."""
    after: int = 0
    """How many matching requests pass first."""
    options: Mapping[str, Any] = field(default_factory=dict)

    def number(self, name: str) -> float:
        """Return an option as a number."""
        return float(self.options[name])

    def word(self, name: str) -> str:
        """Return an option as text."""
        return str(self.options[name])

    def fits(self, seen: Seen) -> bool:
        """Tell whether the request is one of those it was ordered for."""
        return (
            self.mount in ("", seen.mount)
            and self.operation in ("", seen.operation)
            and self.match in seen.text
        )


class Faults:
    """The faults that are on order. Safe for threads."""

    def __init__(self) -> None:
        self._pending: list[Fault] = []
        self._lock = threading.Lock()

    def order(
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
        """Order a fault. Raises ValueError for what there is not, or what can't be."""
        if kind not in KINDS:
            message = f"There is no fault {kind!r}; there are {', '.join(KINDS)}"
            raise ValueError(message)
        if operation not in ("", *OPERATIONS):
            message = f"There is no operation {operation!r}; there are {', '.join(OPERATIONS)}"
            raise ValueError(message)
        _check_number("times", times, least=-1, whole=True)
        _check_number("after", after, whole=True)
        told = _with_defaults(KINDS[kind], options)
        fault = Fault(KINDS[kind], str(mount), operation, str(match), times, after, told)
        with self._lock:
            self._pending.append(fault)

    def clear(self) -> None:
        """Call every fault off."""
        with self._lock:
            self._pending.clear()

    def pending(self) -> list[Fault]:
        """Return what is still on order."""
        with self._lock:
            return [fault for fault in self._pending if fault.times]

    def strike(self, moment: str, seen: Seen, *, only: Iterable[str] = ()) -> Fault | None:
        """Return the fault that strikes now, the first ordered first, and count it down."""
        names = set(only)
        with self._lock:
            for fault in self._pending:
                due = fault.kind.moment == moment and (not names or fault.kind.name in names)
                if not due or not fault.times or not fault.fits(seen):
                    continue
                if fault.after:
                    fault.after -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    def strike_job(self, seen: Seen) -> list[Fault]:
        """Return every kind of fault that strikes a job that is being made."""
        kinds = [kind.name for kind in _ROWS if kind.moment == "job"]
        struck = (self.strike("job", seen, only=(name,)) for name in kinds)
        return [fault for fault in struck if fault is not None]


def _with_defaults(kind: Kind, options: Mapping[str, Any]) -> Mapping[str, Any]:
    if strangers := sorted(set(options) - set(kind.options)):
        has = f"it has {', '.join(kind.options)}" if kind.options else "it has none"
        message = f"The fault {kind.name} has no option {strangers[0]!r}; {has}"
        raise ValueError(message)
    for name, value in options.items():
        if not isinstance(kind.options[name], str):
            _check_number(name, value)
    return {**kind.options, **options}


def _check_number(name: str, value: Any, *, least: int = 0, whole: bool = False) -> None:
    """Refuse at the order what could only fail when the fault strikes."""
    kinds = int if whole else (int, float)
    wrong = isinstance(value, bool) or not isinstance(value, kinds)
    if wrong or not math.isfinite(value) or value < least:
        what = "a whole number" if whole else "a number"
        message = f"`{name}` must be {what} of at least {least}"
        raise ValueError(message)


def describe_faults() -> list[dict[str, Any]]:
    """Return every kind as JSON tells it: name, moment, what it does, options with defaults."""
    return [
        {
            "name": kind.name,
            "moment": kind.moment,
            "says": kind.says,
            "options": dict(kind.options),
        }
        for kind in _ROWS
    ]
