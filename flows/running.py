"""The run that a command opened before Prefect was there, for the flow to go on with.

Prefect's parameters are data; what is open (a served simulator, a display) can't be one of them.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field

from flows.report import RunReport
from flows.run import Run
from tasks.submission.context import OnProgress


@dataclass(frozen=True)
class OpenRun:
    """An open production, and who is told of it."""

    production: Run
    tell: OnProgress
    reports: list[RunReport] = field(default_factory=list)
    """What the flow reports, for the command that opened the run."""


RUN: ContextVar[OpenRun | None] = ContextVar("run", default=None)
