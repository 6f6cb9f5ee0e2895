"""The simulator as a web application: one mount per provider, the files, the admin routes.

Everything that the vendors share is here: reading the request, the key, the faults, the log. A
further vendor is a module in `vendors/` and an entry in `_MOUNTS`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tasks.simulator.admin import admin_routes
from tasks.simulator.api_errors import ApiError, reject
from tasks.simulator.broken_responses import (
    DroppedResponse,
    TruncatedResponse,
    wait_unless_closing,
)
from tasks.simulator.context import (
    ApiCall,
    ApiResponse,
    Mount,
    Operation,
    RequestContext,
    new_request_id,
)
from tasks.simulator.faults import Fault, FaultTarget
from tasks.simulator.file_names import is_file_name
from tasks.simulator.file_store import serve_file, storage_error
from tasks.simulator.model_limits import BYTEPLUS_MODELS, VOLCENGINE_MODELS
from tasks.simulator.prompt_directives import error_message
from tasks.simulator.request_log import LoggedRequest
from tasks.simulator.state import SimulatorState
from tasks.simulator.vendors import ark_gateways, sora, videos
from tasks.simulator.vendors.ark import ArkVendor, SimulatorVendor

# Web search is not offered on overseas nodes.
_OVERSEAS = frozenset({"tools"})
_MOUNTS = (
    Mount(
        "simulator",
        "/simulator/api/v3",
        SimulatorVendor(),
        {**VOLCENGINE_MODELS, **BYTEPLUS_MODELS},
    ),
    Mount("ark", "/ark/api/v3", ArkVendor(), VOLCENGINE_MODELS),
    Mount("modelark", "/modelark/api/v3", ArkVendor(), BYTEPLUS_MODELS, _OVERSEAS),
    Mount(
        "powertokens",
        "/powertokens/byteplus/api/v3",
        ark_gateways.PowertokensVendor(),
        ark_gateways.POWERTOKENS_MODELS,
        _OVERSEAS,
    ),
    Mount(
        "cometapi-volc",
        "/cometapi-volc/volc/v3",
        ark_gateways.CometVolcVendor(),
        VOLCENGINE_MODELS,
    ),
    Mount("cometapi-videos", "/cometapi-videos/v1", videos.VideosVendor(), videos.MODELS),
    Mount("kkiai", "/kkiai/volc/v1", ark_gateways.KkiaiVendor(), ark_gateways.KKIAI_MODELS),
    Mount("kkiai-2", "/kkiai-2/api/v3", ark_gateways.Kkiai2Vendor(), ark_gateways.KKIAI_2_MODELS),
    Mount("infinity-blue", "/infinity-blue/v1", sora.SoraVendor(), sora.MODELS),
)
MOUNTS: Mapping[str, str] = MappingProxyType({mount.provider: mount.path for mount in _MOUNTS})
"""Provider name to the path that its base URL ends with."""

_MAX_BODY_BYTES = 64 * 1024 * 1024
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_ERROR_PAGE = (
    "<!doctype html><html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body>"
)
_ID_KEYS = frozenset({"id", "task_id"})
# A create reads images and a list reads every job: in a thread, neither delays a poll.
_SLOW_OPERATIONS = frozenset({"create", "list", "upload"})

_Endpoint = Callable[[Request], Awaitable[Response]]


def build_app(state: SimulatorState) -> Starlette:
    """Return the web application over an open state."""
    routes = [route for mount in _MOUNTS for route in _mount_routes(state, mount)]
    files = Route("/files/{name}", _file_endpoint(state), methods=["GET", "HEAD"])
    return Starlette(routes=[*routes, files, *admin_routes(state, MOUNTS)])


def resume_callbacks(state: SimulatorState, base_url: str) -> None:
    """Continue the callbacks of jobs that an earlier process created."""
    mounts = {mount.provider: mount for mount in _MOUNTS}
    for job in state.jobs.all():
        if job.mount in mounts:
            call = ApiCall("GET", "", base_url=base_url)
            RequestContext(state, mounts[job.mount], call).start_callbacks(job)


def _mount_routes(state: SimulatorState, mount: Mount) -> list[Route]:
    routes = [
        Route(
            mount.path + operation.path,
            _operation_endpoint(state, mount, operation),
            methods=[operation.method],
        )
        for operation in mount.vendor.operations
    ]
    rest = Route(mount.path + "/{rest:path}", _unknown_endpoint(state, mount), methods=_METHODS)
    return [*routes, rest]


def _operation_endpoint(state: SimulatorState, mount: Mount, operation: Operation) -> _Endpoint:
    async def respond(request: Request) -> Response:
        return await _RequestHandler(state, mount, operation, request).respond()

    return respond


def _unknown_endpoint(state: SimulatorState, mount: Mount) -> _Endpoint:
    async def respond(request: Request) -> Response:
        call = _api_call(request, b"")
        message = f"The specified action is invalid: {request.method} {request.url.path}"
        response = mount.vendor.format_error(ApiError("InvalidAction", message), call.request_id)
        _log(state, mount.provider, "unknown", call, response)
        return _http_response(response, call)

    return respond


def _file_endpoint(state: SimulatorState) -> _Endpoint:
    async def respond(request: Request) -> Response:
        name = request.path_params["name"]
        job = state.jobs.find(Path(name).stem) if is_file_name(name) else None
        mount, prompt = (job.mount, job.request.prompt) if job else ("", "")
        fault = state.faults.take("file", FaultTarget(mount, "download", f"{name}\n{prompt}"))
        response = _link_error(state, request, name, is_known=job is not None) or serve_file(
            state.files.folder / name, request, fault, state.closing.is_set
        )
        entry = ApiResponse(
            None,
            response.status_code,
            job=Path(request.url.path).stem,
            faults=(fault.kind.name,) if fault else (),
        )
        _log(state, mount, "download", _api_call(request, b""), entry)
        return response

    return respond


def _link_error(
    state: SimulatorState, request: Request, name: str, *, is_known: bool
) -> Response | None:
    """Return the error response of a link that does not work, or None."""
    if "authorization" in request.headers:
        message = "Only one auth mechanism allowed; the link is signed already."
        return storage_error(400, "InvalidArgument", message)
    problem = state.files.check_link(name, dict(request.query_params), state.clock.now())
    if problem:
        return storage_error(403, "AccessDenied", problem)
    if not is_known or not state.files.has(name):
        return storage_error(404, "NoSuchKey", "The specified key does not exist.")
    return None


class _RequestHandler:
    """Handles one request at a mount, from its first byte to the log."""

    def __init__(
        self, state: SimulatorState, mount: Mount, operation: Operation, request: Request
    ) -> None:
        self._state = state
        self._mount = mount
        self._operation = operation
        self._request = request
        self._target = FaultTarget(mount.provider, operation.name)
        self._applied_faults: list[str] = []

    async def respond(self) -> Response:
        """Return the vendor's response, or the response that a fault requires."""
        if self._take_fault("connection"):
            self._log(_api_call(self._request, b""), ApiResponse(None, 0))
            return DroppedResponse(reset=True)
        try:
            call = await self._read()
        except ClientDisconnect:
            return Response()
        except ApiError as error:
            call = _api_call(self._request, b"")
            return self._finish(call, self._mount.vendor.format_error(error, call.request_id))
        if fault := self._take_fault("pace"):
            await wait_unless_closing(fault.number("seconds"), self._state.closing.is_set)
        return self._finish(call, await self._call_vendor(call))

    async def _read(self) -> ApiCall:
        chunks: list[bytes] = []
        size = 0
        async for chunk in self._request.stream():
            size += len(chunk)
            if size > _MAX_BODY_BYTES:
                # Read the rest anyway: a client that is still sending reads no response.
                chunks.clear()
                continue
            chunks.append(chunk)
        call = _api_call(self._request, b"".join(chunks))
        if size > _MAX_BODY_BYTES:
            reject("", "The request body is larger than 64 MB.")
        job = self._state.jobs.find(call.params["id"]) if "id" in call.params else None
        prompt = job.request.prompt if job else ""
        self._target = replace(self._target, text=f"{call.text}\n{prompt}")
        return call

    async def _call_vendor(self, call: ApiCall) -> ApiResponse:
        vendor = self._mount.vendor
        if not call.has_key:
            message = "The API key in the request is missing or invalid."
            return vendor.format_error(ApiError("AuthenticationError", message), call.request_id)
        if fault := self._take_fault("answer"):
            return _fault_response(fault, self._mount, call)
        context = RequestContext(self._state, self._mount, call)
        try:
            if self._operation.name in _SLOW_OPERATIONS:
                return await asyncio.to_thread(self._operation.respond, context)
            return self._operation.respond(context)
        except ApiError as error:
            return vendor.format_error(error, call.request_id)

    def _finish(self, call: ApiCall, response: ApiResponse) -> Response:
        fault = self._take_fault("reply")
        kind = fault.kind.name if fault else ""
        if kind == "no_id" and isinstance(response.body, dict):
            body = {key: value for key, value in response.body.items() if key not in _ID_KEYS}
            response = replace(response, body=body)
        http_response = (
            self._serve(response.file) if response.file else _http_response(response, call)
        )
        status = 0 if kind == "lost_reply" else http_response.status_code
        self._log(call, replace(response, status=status))
        if kind == "lost_reply":
            return DroppedResponse(reset=False)
        # Truncated and slow responses have no body to damage.
        return _damage(http_response, kind, bytes(getattr(http_response, "body", b"")))

    def _serve(self, name: str) -> Response:
        path, fault = self._state.files.folder / name, self._take_fault("file")
        return serve_file(path, self._request, fault, self._state.closing.is_set)

    def _take_fault(self, moment: str) -> Fault | None:
        fault = self._state.faults.take(moment, self._target)
        if fault is not None:
            self._applied_faults.append(fault.kind.name)
        return fault

    def _log(self, call: ApiCall, response: ApiResponse) -> None:
        entry = replace(response, faults=(*response.faults, *self._applied_faults))
        _log(self._state, self._mount.provider, self._operation.name, call, entry)


def _api_call(request: Request, body: bytes) -> ApiCall:
    return ApiCall(
        method=request.method,
        path=request.url.path,
        params={key: str(value) for key, value in request.path_params.items()},
        query=tuple(request.query_params.multi_items()),
        headers=dict(request.headers),
        body=body,
        base_url=f"{request.url.scheme}://{request.url.netloc}",
        request_id=new_request_id(),
    )


def _fault_response(fault: Fault, mount: Mount, call: ApiCall) -> ApiResponse:
    """Return the response that a fault of the moment `answer` requires."""
    if fault.kind.name == "html":
        return ApiResponse(_ERROR_PAGE, int(fault.number("status")), media_type="text/html")
    if fault.kind.name == "other_body":
        text = fault.text("body").replace("JOB", call.params.get("id", ""))
        return ApiResponse(text.encode(), int(fault.number("status")))
    code = str(fault.options.get("code", "InternalServiceError"))
    message, status = error_message(code), 0
    if fault.kind.name == "throttled":
        status = 429
    elif fault.kind.name == "server_error":
        message = "The service encountered an unexpected internal error."
        status = int(fault.number("status"))
    error = ApiError(code, message, status=status)
    response = mount.vendor.format_error(error, call.request_id)
    if fault.kind.name == "error_in_200":
        return replace(response, status=200)
    retry_after = str(fault.options.get("retry_after", ""))
    return replace(response, headers={"Retry-After": retry_after} if retry_after else {})


def _damage(response: Response, kind: str, body: bytes) -> Response:
    """Return the response as a fault of the moment `reply` leaves it."""
    if body and kind in {"truncated", "reset_midway"}:
        return TruncatedResponse(response, body, len(body) // 2, reset=kind == "reset_midway")
    if body and kind == "cut_json":
        headers = {
            name: value for name, value in response.headers.items() if name != "content-length"
        }
        return Response(body[: len(body) // 2], response.status_code, headers)
    return response


def _http_response(response: ApiResponse, call: ApiCall) -> Response:
    headers = {"X-Request-Id": call.request_id, **response.headers}
    if response.media_type == "text/html":
        return HTMLResponse(response.body, response.status, headers)
    if isinstance(response.body, bytes):
        return Response(response.body, response.status, headers, response.media_type)
    return JSONResponse(response.body, response.status, headers)


def _log(
    state: SimulatorState, mount: str, operation: str, call: ApiCall, response: ApiResponse
) -> None:
    state.log.add(
        LoggedRequest(
            at=state.clock.now(),
            mount=mount,
            operation=operation,
            method=call.method,
            path=call.path,
            status=response.status,
            job=response.job or call.params.get("id", ""),
            model=response.model,
            accepted=response.accepted,
            code=response.code,
            faults=response.faults,
            note=response.note,
        )
    )
