"""A vendor in memory that speaks Ark's dialect, and values for tests of the paid path."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from email.utils import formatdate
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
from PIL import Image
from pydantic import SecretStr

from storyboards.board import Board
from storyboards.models import Money, Shot, Storyboard
from tasks.media.probe import Clip
from tasks.plan import ExistingClip, Plan, PlannedShot, ShotToRender
from tasks.providers import PROVIDERS
from tasks.providers.api_key import ApiKey
from tasks.providers.client import Client
from tasks.providers.dialects import DIALECTS
from tasks.providers.types import RenderRequest
from tasks.store.layout import RecordStore, Store
from tasks.store.receipts import Attempt, AttemptState, Receipt, read_receipt, utc_now
from tasks.submission.context import SubmissionContext

PROVIDER = PROVIDERS["modelark"]
"""Lists and cancels jobs."""
BASE_URL = "https://vendor.example/api/v3"
API_KEY = SecretStr("sk-0123456789")
BASE_URL_HMAC = ApiKey(PROVIDER, API_KEY).sign(f"{PROVIDER.name} {BASE_URL}")
MODEL = "seedance-1-0-pro-250528"
KEY = "f" * 64
SEED = 7
PRICE = Money(amount=Decimal("0.25"), currency="USD")

Respond = Callable[[httpx.Request], Awaitable[httpx.Response]]


def response(
    status: int, body: object = None, *, mime_type: str = "application/json"
) -> httpx.Response:
    """Return a response that is read as from the wire; `body` is JSON, unless it is bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": mime_type, "Content-Length": str(len(data))}
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(data))


@dataclass
class FakeVendor:
    """A vendor whose jobs, files and failures a test sets."""

    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The jobs in Ark's JSON, by id."""
    files: dict[str, bytes | int] = field(default_factory=dict)
    """The content of each file, or its HTTP status, by name."""
    on_create: Respond | None = None
    """Responds to the next create request instead; it may raise an httpx error."""
    on_every_create: Respond | None = None
    """Responds to all create requests instead."""
    on_delete: Respond | None = None
    """Responds to every request to cancel instead."""
    lists: Callable[[], httpx.Response] | None = None
    """Responds to every request for the list instead."""
    requests: list[httpx.Request] = field(default_factory=list)
    date: float | None = field(default_factory=time.time)
    """The vendor's time in Unix seconds; None sends no Date header."""
    answers: list[tuple[int, object]] = field(default_factory=list)
    """Status and body of the next queries of jobs, instead of those that follow from `jobs`."""

    def sent(self, method: str) -> list[httpx.Request]:
        """Return all requests of a method."""
        return [request for request in self.requests if request.method == method]

    def created(self) -> list[dict[str, Any]]:
        """Return the bodies of all create requests."""
        return [json.loads(request.content) for request in self.sent("POST")]

    def add_job(self, job: str, status: str = "succeeded", **values: Any) -> None:
        """Add a job that fits the request of `make_shot`."""
        content = {
            "video_url": f"https://files.example/{job}.mp4?sig=5ecret",
            "last_frame_url": f"https://files.example/{job}.png?sig=5ecret",
        }
        self.jobs[job] = {
            "id": job,
            "model": MODEL,
            "status": status,
            "content": content if status == "succeeded" else {},
            "created_at": time.time(),
            "updated_at": time.time(),
            "usage": {"completion_tokens": 49_005},
            "seed": SEED,
            "resolution": "480p",
            "ratio": "16:9",
            "duration": 2,
            **values,
        }

    def client(self, *, api_key: SecretStr = API_KEY, **changes: Any) -> Client:
        """Return a client of this vendor that never waits; `changes` are fields of its provider."""

        async def no_sleep(_: float) -> None:
            return

        return Client(
            replace(PROVIDER, **changes),
            DIALECTS[PROVIDER.dialect],
            api_key=api_key,
            base_url=BASE_URL,
            transport=httpx.MockTransport(self._handle),
            sleep=no_sleep,
        )

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        answer = await self._respond(request)
        if self.date is not None:
            answer.headers["Date"] = formatdate(self.date, usegmt=True)
        return answer

    async def _respond(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.host == "files.example":
            return self._serve_file(request.url.path.strip("/"))
        if request.method == "POST":
            return await self._create(request)
        job = request.url.path.rpartition("/tasks")[2].strip("/")
        if not job and self.lists:
            return self.lists()
        if not job:
            is_first_page = request.url.params["page_num"] == "1"
            return response(200, {"items": [*self.jobs.values()] * is_first_page})
        if self.answers and request.method == "GET":
            return response(*self.answers.pop(0))
        if job not in self.jobs:
            error = {"code": "ResourceNotFound", "message": "no such task"}
            return response(404, {"error": error})
        if request.method == "DELETE" and self.on_delete:
            return await self.on_delete(request)
        if request.method == "DELETE":
            self.jobs[job]["status"] = "cancelled"
            return response(200, {})
        return response(200, self.jobs[job])

    async def _create(self, request: httpx.Request) -> httpx.Response:
        respond, self.on_create = self.on_create or self.on_every_create, None
        if respond:
            return await respond(request)
        job = f"cgt-{len(self.jobs) + 1}"
        self.add_job(job, seed=json.loads(request.content).get("seed"))
        return response(200, {"id": job})

    def _serve_file(self, name: str) -> httpx.Response:
        content = self.files.get(name, 404)
        if isinstance(content, int):
            return response(content, b"gone", mime_type="text/plain")
        return response(200, content, mime_type="video/mp4")


def make_shot(*, request: dict[str, Any] | None = None, **values: Any) -> ShotToRender:
    """Return a shot of two seconds at 480p; `request` and `values` replace fields of it."""
    render_request = RenderRequest(
        MODEL,
        prompt="A picture.",
        resolution="480p",
        ratio="16:9",
        duration_seconds=2,
        seed=SEED,
    )
    shot = ShotToRender(
        Shot(id="one", prompt="A picture."),
        0,
        KEY,
        chain_id="one",
        provider=PROVIDER,
        model=MODEL,
        family="seedance-1.0-pro",
        request=render_request._replace(**(request or {})),
        frames=49,
        max_price=PRICE,
    )
    return replace(shot, **values)


def make_existing_clip(shot: Shot, index: int, key: str, path: Path) -> ExistingClip:
    """Return a shot that is a file: two seconds at 480p that no film has to convert."""
    measured = Clip(path, 864, 480, 49, Fraction(24), "h264", "yuv420p", Fraction(1))
    return ExistingClip(shot, index, key, path, measured)


def make_plan(*shots: PlannedShot) -> Plan:
    """Return a plan of these shots, whose board has nothing else."""
    storyboard = Storyboard(shots=[shot.shot for shot in shots])
    return Plan(Board(storyboard, "board"), shots)


def make_attempt(state: AttemptState, **values: Any) -> Attempt:
    """Return an attempt at `make_shot`; `values` replace fields of it."""
    attempt = Attempt(
        state=state,
        board="board",
        shot="one",
        take=1,
        provider=PROVIDER.name,
        model=MODEL,
        base_url=BASE_URL,
        request_sha256="-",
        intended_at=utc_now(),
        max_price=PRICE,
        seed=SEED,
        base_url_hmac=BASE_URL_HMAC,
    )
    return replace(attempt, **values)


def write_attempts(records: RecordStore, *attempts: Attempt, key: str = KEY) -> None:
    """Write the receipt of a key."""
    records.write(key, Receipt(key, attempts).to_record())


def read_attempts(records: RecordStore, key: str = KEY) -> tuple[Attempt, ...]:
    """Read the attempts of a key."""
    return read_receipt(key, records.read(key)).attempts


def make_context(
    store: Store, client: Client, *shots: PlannedShot, **values: Any
) -> SubmissionContext:
    """Return the context of a run of these shots with one client."""
    return SubmissionContext(
        "board",
        make_plan(*(shots or (make_shot(),))),
        store,
        records_of=lambda _: store.records(loopback=False),
        client_of=lambda *_: client,
        **values,
    )


def picture(level: int, size: tuple[int, int] = (64, 64)) -> bytes:
    """Return a plain grey PNG."""
    file = io.BytesIO()
    Image.new("RGB", size, (level, level, level)).save(file, format="PNG")
    return file.getvalue()


def clip(level: int, *, frames: int = 49, size: tuple[int, int] = (64, 64)) -> bytes:
    """Return a plain grey MP4 without sound."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        image = np.full((size[1], size[0], 3), level, np.uint8)
        for _ in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()
