"""The admin route: order faults, read the ledger, move a clock that is moved by hand.

GET    /admin/faults    every kind, and what is on order
POST   /admin/faults    {"kind": "throttled", "mount": "ark", "operation": "create", "times": 2}
DELETE /admin/faults    call everything off
GET    /admin/ledger    every request, and how many jobs each mount accepted
GET    /admin/clock     the simulator's time
POST   /admin/clock     {"advance_seconds": 60}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tasks.simulator.clock import ManualClock
from tasks.simulator.faults import Fault, describe_faults
from tasks.simulator.house import House
from tasks.simulator.ledger import count_creates


def admin_routes(house: House, mounts: Mapping[str, str]) -> list[Route]:
    """Return the routes that no vendor has."""

    async def home(_: Request) -> Response:
        return JSONResponse({"simulator": "shotchain", "mounts": dict(mounts)})

    async def faults(request: Request) -> Response:
        if request.method == "POST":
            return _order(house, mounts, await _json(request))
        if request.method == "DELETE":
            house.faults.clear()
        pending = [_describe(fault) for fault in house.faults.pending()]
        return JSONResponse({"kinds": describe_faults(), "pending": pending})

    async def ledger(_: Request) -> Response:
        entries = house.ledger.entries()
        told = [asdict(entry) for entry in entries]
        return JSONResponse({"entries": told, "creates": count_creates(entries)})

    async def clock(request: Request) -> Response:
        return _move(house, await _json(request)) if request.method == "POST" else _time(house)

    return [
        Route("/", home),
        Route("/admin/faults", faults, methods=["GET", "POST", "DELETE"]),
        Route("/admin/ledger", ledger),
        Route("/admin/clock", clock, methods=["GET", "POST"]),
    ]


def _order(house: House, mounts: Mapping[str, str], told: Mapping[str, Any]) -> Response:
    if told.get("mount", "") not in ("", *mounts):
        words = f"There is no mount {told['mount']!r}; there are {', '.join(mounts)}"
        return JSONResponse({"error": words}, 400)
    try:
        house.faults.order(**told)
    except (TypeError, ValueError) as wrong:
        return JSONResponse({"error": str(wrong)}, 400)
    return JSONResponse({"pending": [_describe(fault) for fault in house.faults.pending()]})


def _move(house: House, told: Mapping[str, Any]) -> Response:
    seconds = told.get("advance_seconds")
    if not isinstance(house.clock, ManualClock):
        return JSONResponse({"error": "this simulator lives by the machine's clock"}, 409)
    if not isinstance(seconds, int | float) or seconds < 0:
        return JSONResponse({"error": "send advance_seconds, a number from 0 on"}, 400)
    house.clock.advance(seconds)
    return _time(house)


def _time(house: House) -> Response:
    manual = isinstance(house.clock, ManualClock)
    return JSONResponse({"now": house.clock.now(), "manual": manual})


def _describe(fault: Fault) -> dict[str, Any]:
    return {**asdict(fault), "kind": fault.kind.name, "options": dict(fault.options)}


async def _json(request: Request) -> Mapping[str, Any]:
    try:
        told = await request.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
