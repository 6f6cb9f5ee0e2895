"""The log of every request that the simulator received or sent.

It is a file of JSON lines that outlives the process. Each `render` may start a simulator of its
own, so only the requests of all of them show whether a shot was paid for twice.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tasks.own_files import open_file, read_file


@dataclass(frozen=True)
class LoggedRequest:
    """One request and its outcome."""

    at: float
    """Unix seconds of the simulator's clock."""
    mount: str
    """The provider's name; empty outside the mounts."""
    operation: str
    """`create`, `get`, `list`, `delete`, `content`, `download`, `callback`, or `unknown`."""
    method: str
    path: str
    """Without the query, which holds signatures."""
    status: int
    """The HTTP status; 0 if no response was sent."""
    job: str = ""
    model: str = ""
    accepted: bool = False
    """True if a job was created, which a vendor would charge for."""
    code: str = ""
    """The error code of the response."""
    faults: tuple[str, ...] = ()
    note: str = ""
    """Undocumented or disputed parameters of a create; the status that a callback reported."""


class RequestLog:
    """The request log under one root."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def add(self, request: LoggedRequest) -> None:
        """Append a request in one write, so that several processes can share the file."""
        with open_file(_log_path(self._root), "ab", buffering=0) as file:
            file.write(json.dumps(asdict(request)).encode() + b"\n")

    def read(self) -> list[LoggedRequest]:
        """Return every request, oldest first."""
        return read_request_log(self._root)


def read_request_log(root: Path) -> list[LoggedRequest]:
    """Return every request of the simulators under `root`, oldest first; none need be running."""
    try:
        data = read_file(_log_path(root))
    except FileNotFoundError:
        return []
    lines = [json.loads(line) for line in data.splitlines() if line]
    return [LoggedRequest(**{**line, "faults": tuple(line["faults"])}) for line in lines]


def count_created_jobs(requests: Iterable[LoggedRequest]) -> dict[str, int]:
    """Return the number of jobs created at each mount."""
    return dict(Counter(request.mount for request in requests if request.accepted))


def _log_path(root: Path) -> Path:
    return root / "ledger.jsonl"
