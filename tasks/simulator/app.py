"""The simulator as a web application: a row per provider, the files, and the admin route.

A vendor's file says what its API does; here is what all of them share: reading the request,
the key, the faults, the ledger. Another vendor is one file in `vendors/` and one row in ROWS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tasks.simulator.admin import admin_routes
from tasks.simulator.connection import BrokenReply, NoReply, wait
from tasks.simulator.desk import Answer, Call, Desk, Mount, Operation, new_request_id
from tasks.simulator.downloads import download_route, serve_file
from tasks.simulator.families import BYTEPLUS_MODELS, VOLCENGINE_MODELS
from tasks.simulator.faults import Fault, Seen
from tasks.simulator.house import House
from tasks.simulator.ledger import Entry
from tasks.simulator.prompt_directives import error_message
from tasks.simulator.refusals import Refusal, reject
from tasks.simulator.vendors import kkiai, powertokens, sora, videos, volc
from tasks.simulator.vendors.ark import ARK
from tasks.simulator.vendors.own import OWN

# Web search is not offered on overseas nodes.
_OVERSEAS = frozenset({"tools"})
ROWS = (
    Mount("simulator", "/simulator/api/v3", OWN, {**VOLCENGINE_MODELS, **BYTEPLUS_MODELS}),
    Mount("ark", "/ark/api/v3", ARK, VOLCENGINE_MODELS),
    Mount("modelark", "/modelark/api/v3", ARK, BYTEPLUS_MODELS, _OVERSEAS),
    Mount(
        "powertokens",
        "/powertokens/byteplus/api/v3",
        powertokens.POWERTOKENS,
        powertokens.MODELS,
        _OVERSEAS,
    ),
    Mount("cometapi-volc", "/cometapi-volc/volc/v3", volc.VOLC, VOLCENGINE_MODELS),
    Mount("cometapi-videos", "/cometapi-videos/v1", videos.VIDEOS, videos.MODELS),
    Mount("kkiai", "/kkiai/volc/v1", kkiai.KKIAI, kkiai.MODELS),
    Mount("kkiai-2", "/kkiai-2/api/v3", kkiai.KKIAI_2, kkiai.MODELS_2),
    Mount("infinity-blue", "/infinity-blue/v1", sora.SORA, sora.MODELS),
)
MOUNTS: Mapping[str, str] = MappingProxyType({mount.provider: mount.path for mount in ROWS})
"""Provider name to the path its base URL ends with."""

_BODY_BYTES = 64 * 1024 * 1024
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_PAGE = "<!doctype html><html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body>"

_Endpoint = Callable[[Request], Awaitable[Response]]


def build_app(house: House) -> Starlette:
    """Return the application over an open house."""
    routes = [route for mount in ROWS for route in _mount_routes(house, mount)]
    return Starlette(routes=[*routes, download_route(house), *admin_routes(house, MOUNTS)])


def resume_callbacks(house: House, base_url: str) -> None:
    """Go on telling of the jobs that an earlier process took."""
    mounts = {mount.provider: mount for mount in ROWS}
    for job in house.jobs.all():
        if job.commission.callback_url and job.mount in mounts:
            house.desk(mounts[job.mount]).call_back(job, base_url)


def _mount_routes(house: House, mount: Mount) -> list[Route]:
    desk = house.desk(mount)
    known = [
        Route(
            mount.path + operation.path,
            _endpoint(house, desk, operation),
            methods=[operation.method],
        )
        for operation in mount.vendor.operations
    ]
    wrong = Route(mount.path + "/{rest:path}", _wrong_path(house, desk), methods=_METHODS)
    return [*known, wrong]


def _endpoint(house: House, desk: Desk, operation: Operation) -> _Endpoint:
    async def answer(request: Request) -> Response:
        return await _Visit(house, desk, operation, request).answer()

    return answer


def _wrong_path(house: House, desk: Desk) -> _Endpoint:
    async def answer(request: Request) -> Response:
        call = _call(request, b"")
        message = f"The specified action is invalid: {request.method} {request.url.path}"
        refused = desk.mount.vendor.refuse(Refusal("InvalidAction", message), call)
        _write_down(house, desk.mount.provider, "unknown", call, refused)
        return _response(refused, call)

    return answer


class _Visit:
    """One request at a mount, from its first byte to the ledger."""

    def __init__(self, house: House, desk: Desk, operation: Operation, request: Request) -> None:
        self._house = house
        self._desk = desk
        self._operation = operation
        self._request = request
        self._seen = Seen(desk.mount.provider, operation.name)
        self._struck: list[str] = []

    async def answer(self) -> Response:
        """Answer as the vendor would, or as a fault orders."""
        if self._strikes("connection"):
            self._note(_call(self._request, b""), Answer(None, 0))
            return NoReply(reset=True)
        try:
            call = await self._read()
        except ClientDisconnect:
            return Response()
        except Refusal as refusal:
            call = _call(self._request, b"")
            return self._finish(call, self._desk.mount.vendor.refuse(refusal, call))
        if slow := self._strikes("pace"):
            await wait(slow.number("seconds"), self._house.closing.is_set)
        return self._finish(call, await self._answer(call))

    async def _read(self) -> Call:
        chunks: list[bytes] = []
        size = 0
        async for chunk in self._request.stream():
            size += len(chunk)
            if size > _BODY_BYTES:
                # The rest is read all the same: a client that still sends reads no answer.
                chunks.clear()
                continue
            chunks.append(chunk)
        call = _call(self._request, b"".join(chunks))
        if size > _BODY_BYTES:
            reject("", "The request body is larger than 64 MB.")
        self._seen = replace(self._seen, text=self._text(call))
        return call

    async def _answer(self, call: Call) -> Answer:
        vendor = self._desk.mount.vendor
        if not call.has_key:
            message = "The API key in the request is missing or invalid."
            return vendor.refuse(Refusal("AuthenticationError", message), call)
        if fault := self._strikes("answer"):
            return _ordered(fault, self._desk, call)
        try:
            # Pictures come with a create, and a list reads every job: neither must hold up
            # anybody's poll.
            if self._operation.name in {"create", "list", "upload"}:
                return await asyncio.to_thread(self._operation.answer, self._desk, call)
            return self._operation.answer(self._desk, call)
        except Refusal as refusal:
            return vendor.refuse(refusal, call)

    def _finish(self, call: Call, answer: Answer) -> Response:
        fault = self._strikes("reply")
        kind = fault.kind.name if fault else ""
        if kind == "no_id" and isinstance(answer.body, dict):
            kept = {key: value for key, value in answer.body.items() if key not in _ID_KEYS}
            answer = replace(answer, body=kept)
        response = self._file(answer) if answer.file else _response(answer, call)
        answer = replace(answer, status=0 if kind == "lost_reply" else response.status_code)
        self._note(call, answer)
        if kind == "lost_reply":
            return NoReply(reset=False)
        # What already breaks off, or comes slowly, has no body at hand.
        return _spoilt(response, kind, bytes(getattr(response, "body", b"")))

    def _file(self, answer: Answer) -> Response:
        path = self._house.files.path(answer.file)
        return serve_file(self._house, path, self._request, self._strikes("file"))

    def _strikes(self, moment: str) -> Fault | None:
        fault = self._house.faults.strike(moment, self._seen)
        if fault is not None:
            self._struck.append(fault.kind.name)
        return fault

    def _text(self, call: Call) -> str:
        """What a fault's match is looked for in: path, body, and the prompt of the job."""
        job = self._house.jobs.find(call.params["id"]) if "id" in call.params else None
        prompt = job.commission.prompt if job else ""
        return f"{call.path}\n{call.body.decode('utf-8', 'replace')}\n{prompt}"

    def _note(self, call: Call, answer: Answer) -> None:
        faults = (*answer.faults, *self._struck)
        provider = self._desk.mount.provider
        noted = replace(answer, faults=faults)
        _write_down(self._house, provider, self._operation.name, call, noted)


_ID_KEYS = frozenset({"id", "task_id"})


def _call(request: Request, body: bytes) -> Call:
    return Call(
        method=request.method,
        path=request.url.path,
        params={key: str(value) for key, value in request.path_params.items()},
        query=tuple(request.query_params.multi_items()),
        headers=dict(request.headers),
        body=body,
        base_url=f"{request.url.scheme}://{request.url.netloc}",
        request_id=new_request_id(),
    )


def _ordered(fault: Fault, desk: Desk, call: Call) -> Answer:
    """Return the answer that a fault orders."""
    refuse = desk.mount.vendor.refuse
    code = str(fault.options.get("code", "InternalServiceError"))
    match fault.kind.name:
        case "throttled":
            answer = refuse(Refusal(code, error_message(code), status=429), call)
            after = fault.word("retry_after")
            return replace(answer, headers={"Retry-After": after} if after else {})
        case "server_error":
            message = "The service encountered an unexpected internal error."
            return refuse(Refusal(code, message, status=int(fault.number("status"))), call)
        case "html":
            return Answer(_PAGE, int(fault.number("status")), media_type="text/html")
        case "error_in_200":
            return replace(refuse(Refusal(code, error_message(code)), call), status=200)
        case _:
            return refuse(Refusal(code, error_message(code)), call)


def _spoilt(response: Response, kind: str, body: bytes) -> Response:
    """Return the reply as a fault leaves it."""
    if body and kind in {"truncated", "reset_midway"}:
        return BrokenReply(response, body, len(body) // 2, reset=kind == "reset_midway")
    if body and kind == "cut_json":
        headers = {
            name: word for name, word in response.headers.items() if name != "content-length"
        }
        return Response(body[: len(body) // 2], response.status_code, headers)
    return response


def _response(answer: Answer, call: Call) -> Response:
    headers = {"X-Request-Id": call.request_id, **answer.headers}
    if answer.media_type == "text/html":
        return HTMLResponse(answer.body, answer.status, headers)
    if isinstance(answer.body, bytes):
        return Response(answer.body, answer.status, headers, answer.media_type)
    return JSONResponse(answer.body, answer.status, headers)


def _write_down(house: House, mount: str, operation: str, call: Call, answer: Answer) -> None:
    house.ledger.add(
        Entry(
            at=house.clock.now(),
            mount=mount,
            operation=operation,
            method=call.method,
            path=call.path,
            status=answer.status,
            job=answer.job or call.params.get("id", ""),
            model=answer.model,
            accepted=answer.accepted,
            code=answer.code,
            faults=answer.faults,
            note=answer.note,
        )
    )
