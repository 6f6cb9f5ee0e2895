"""A line for every request the simulator saw or sent, so that a test can count what was paid for.

It is a file of JSON lines that outlives the process: each `render` may serve a simulator of its
own, and only all of their requests together tell whether a shot was bought twice.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """One request and what came of it."""

    at: float
    """Unix seconds, by the simulator's clock."""
    mount: str
    """The provider's name; empty outside the mounts."""
    operation: str
    """`create`, `get`, `list`, `delete`, `content`, `download`, `callback`, or `unknown`."""
    method: str
    path: str
    """Without the query: that holds signatures."""
    status: int
    """0 where no reply was sent."""
    job: str = ""
    model: str = ""
    accepted: bool = False
    """Whether a job was made: what a vendor would charge for."""
    code: str = ""
    """The error code that was answered."""
    faults: tuple[str, ...] = ()
    note: str = ""
    """What sources disagree about in a create; the status that a callback told."""


class Ledger:
    """Appends and reads the lines under one root."""

    def __init__(self, root: Path) -> None:
        self._path = root / "ledger.jsonl"

    def add(self, entry: Entry) -> None:
        """Append one line; whole, also beside another process."""
        with self._path.open("ab", buffering=0) as file:
            file.write(json.dumps(asdict(entry)).encode() + b"\n")

    def entries(self) -> list[Entry]:
        """Return every line, oldest first."""
        return read_ledger(self._path.parent)


def read_ledger(root: Path) -> list[Entry]:
    """Return what a simulator under that root has seen, oldest first, also when it is gone."""
    path = root / "ledger.jsonl"
    if not path.exists():
        return []
    lines = [json.loads(line) for line in path.read_bytes().splitlines() if line]
    return [Entry(**{**line, "faults": tuple(line["faults"])}) for line in lines]


def count_creates(entries: list[Entry]) -> dict[str, int]:
    """Return how many jobs each mount accepted."""
    counts: dict[str, int] = {}
    for entry in entries:
        if entry.accepted:
            counts[entry.mount] = counts.get(entry.mount, 0) + 1
    return counts
