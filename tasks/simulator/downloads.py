"""The file route: clips and last frames behind signed links, as an object storage serves them."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tasks.media.mime import sniff_mime
from tasks.simulator.connection import BrokenReply, wait
from tasks.simulator.faults import Fault, Seen
from tasks.simulator.files import is_file_name
from tasks.simulator.house import House
from tasks.simulator.ledger import Entry

_SLOW_STEPS = 20


def download_route(house: House) -> Route:
    """Return the route that serves the files."""

    async def answer(request: Request) -> Response:
        name = request.path_params["name"]
        job = house.jobs.find(Path(name).stem) if is_file_name(name) else None
        mount = job.mount if job else ""
        seen = Seen(mount, "download", f"{name}\n{job.commission.prompt if job else ''}")
        fault = house.faults.strike("file", seen)
        refused = _refused(house, request, name, known=job is not None)
        response = refused or serve_file(house, house.files.path(name), request, fault)
        struck = (fault.kind.name,) if fault else ()
        _write_down(house, request, mount, response.status_code, struck)
        return response

    return Route("/files/{name}", answer, methods=["GET", "HEAD"])


def _refused(house: House, request: Request, name: str, *, known: bool) -> Response | None:
    """Return the refusal of a link that opens nothing, or None."""
    if "authorization" in request.headers:
        message = "Only one auth mechanism allowed; the link is signed already."
        return _error(400, "InvalidArgument", message)
    objection = house.files.objection(name, dict(request.query_params), house.clock.now())
    if objection:
        return _error(403, "AccessDenied", objection)
    if not known or not house.files.path(name).is_file():
        return _error(404, "NoSuchKey", "The specified key does not exist.")
    return None


def serve_file(house: House, path: Path, request: Request, fault: Fault | None) -> Response:
    """Return a file or the part of it that is asked for, or what a fault makes of that."""
    kind = fault.kind.name if fault else ""
    if fault is not None and kind == "download_error":
        return _error(int(fault.number("status")), "InternalError", "We encountered an error.")
    data = path.read_bytes()
    start, end = _range(request.headers.get("range", ""), len(data))
    if start >= end:
        unsatisfiable = {"Content-Range": f"bytes */{len(data)}"}
        return Response(status_code=416, headers=unsatisfiable)
    whole = start == 0 and end == len(data)
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{path.stem}-{len(data)}"'}
    if not whole or "range" in request.headers:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
    status = 206 if "Content-Range" in headers else 200
    part = data[start:end]
    response = Response(part, status, headers, _media_type(path, data))
    if kind == "short_download":
        return BrokenReply(response, part, len(part) * 2 // 3)
    if fault is not None and kind == "slow_download":
        return _slow(house, part, response, fault.number("seconds"))
    return response


def _slow(house: House, data: bytes, like: Response, seconds: float) -> Response:
    async def trickle() -> AsyncIterator[bytes]:
        step = max(1, -(-len(data) // _SLOW_STEPS))
        for at in range(0, len(data), step):
            await wait(seconds / _SLOW_STEPS, house.closing.is_set)
            yield data[at : at + step]

    return StreamingResponse(trickle(), like.status_code, dict(like.headers))


def _range(told: str, size: int) -> tuple[int, int]:
    """Return the asked bytes as start and end; everything for a range that makes no sense."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", told.strip())
    if match is None or not (match[1] or match[2]):
        return 0, size
    if not match[1]:
        return max(0, size - int(match[2])), size
    end = int(match[2]) + 1 if match[2] else size
    return int(match[1]), min(end, size)


def _media_type(path: Path, data: bytes) -> str:
    """By the bytes: a JPEG under a PNG's name is what the vendors really send."""
    movies = {".mp4": "video/mp4", ".mov": "video/quicktime"}
    return movies.get(path.suffix) or sniff_mime(data[:64]) or "application/octet-stream"


def _error(status: int, code: str, message: str) -> Response:
    """Return an error in the object storage's form, which is not Ark's."""
    body = {"Code": code, "Message": message, "RequestId": secrets.token_hex(16)}
    return JSONResponse(body, status)


def _write_down(
    house: House, request: Request, mount: str, status: int, faults: tuple[str, ...]
) -> None:
    house.ledger.add(
        Entry(
            at=house.clock.now(),
            mount=mount,
            operation="download",
            method=request.method,
            path=request.url.path,
            status=status,
            job=Path(request.url.path).stem,
            faults=faults,
        )
    )
