"""The run that a command opened before Prefect was there, for the flow to go on with.

Prefect's parameters are data; what is open (a served simulator, a display) can't be one of them.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field

from flows.production import Production
from flows.results import Report
from tasks.sending.desk import Tell


@dataclass(frozen=True)
class Run:
    """An open production, and who is told of it."""

    production: Production
    tell: Tell
    reports: list[Report] = field(default_factory=list)
    """What the flow reports, for the command that opened the run."""


RUN: ContextVar[Run | None] = ContextVar("run", default=None)
