"""The admin routes: inject faults, read the request log, advance a manual clock.

GET    /admin/faults    every kind of fault, and the pending faults
POST   /admin/faults    {"kind": "throttled", "mount": "ark", "operation": "create", "times": 2}
DELETE /admin/faults    remove every pending fault
GET    /admin/ledger    every request, and the number of jobs created at each mount
GET    /admin/clock     the simulator's time
POST   /admin/clock     {"advance_seconds": 60}

Every request needs the header `X-Shotchain-Admin`; see `access`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tasks.simulator.access import require_admin_header
from tasks.simulator.clock import ManualClock
from tasks.simulator.faults import Fault, describe_faults
from tasks.simulator.request_log import count_created_jobs
from tasks.simulator.state import SimulatorState


def admin_routes(state: SimulatorState, mounts: Mapping[str, str]) -> list[Route]:
    """Return the admin routes.

    Args:
        state: The simulator's state.
        mounts: Provider name to path, as the root URL lists them.
    """

    async def root(_: Request) -> Response:
        return JSONResponse({"simulator": "shotchain", "mounts": dict(mounts)})

    async def faults(request: Request) -> Response:
        if request.method == "POST":
            return _inject(state, mounts, await _read_json(request))
        if request.method == "DELETE":
            state.faults.clear()
        return JSONResponse({"kinds": describe_faults(), "pending": _pending(state)})

    async def ledger(_: Request) -> Response:
        requests = state.log.read()
        entries = [asdict(request) for request in requests]
        return JSONResponse({"entries": entries, "creates": count_created_jobs(requests)})

    async def clock(request: Request) -> Response:
        if request.method == "POST":
            return _advance(state, await _read_json(request))
        return _time(state)

    return [
        Route("/", root),
        Route("/admin/faults", require_admin_header(faults), methods=["GET", "POST", "DELETE"]),
        Route("/admin/ledger", require_admin_header(ledger)),
        Route("/admin/clock", require_admin_header(clock), methods=["GET", "POST"]),
    ]


def _inject(
    state: SimulatorState, mounts: Mapping[str, str], options: Mapping[str, Any]
) -> Response:
    if options.get("mount", "") not in ("", *mounts):
        message = f"unknown mount {options['mount']!r}; the mounts are {', '.join(mounts)}"
        return _error(400, message)
    try:
        state.faults.inject(**options)
    except (TypeError, ValueError) as error:
        return _error(400, str(error))
    return JSONResponse({"pending": _pending(state)})


def _pending(state: SimulatorState) -> list[dict[str, Any]]:
    return [_fault_json(fault) for fault in state.faults.pending()]


def _fault_json(fault: Fault) -> dict[str, Any]:
    return {**asdict(fault), "kind": fault.kind.name, "options": dict(fault.options)}


def _advance(state: SimulatorState, options: Mapping[str, Any]) -> Response:
    seconds = options.get("advance_seconds")
    if not isinstance(state.clock, ManualClock):
        return _error(409, "this simulator uses the system clock, which can't be advanced")
    if not isinstance(seconds, int | float) or seconds < 0:
        return _error(400, "`advance_seconds` must be a number of at least 0")
    state.clock.advance(seconds)
    return _time(state)


def _time(state: SimulatorState) -> Response:
    is_manual = isinstance(state.clock, ManualClock)
    return JSONResponse({"now": state.clock.now(), "manual": is_manual})


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)


async def _read_json(request: Request) -> Mapping[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
