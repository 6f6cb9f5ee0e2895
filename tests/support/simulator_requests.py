"""A client of the simulator, builders of its requests, and a receiver of its callbacks."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from tasks.simulator.access import ADMIN_HEADER
from tasks.simulator.app import MOUNTS
from tasks.simulator.clock import ManualClock
from tasks.simulator.faults import Faults
from tasks.simulator.request_log import LoggedRequest, count_created_jobs, read_request_log
from tasks.simulator.server import serve

START = 1_790_000_000.0
TASKS = "/contents/generations/tasks"
TIMEOUT_SECONDS = 60
REMOTE_URL = "https://example.com/a.png"
RUNNING_STATUSES = {"queued", "running", "SUBMITTED", "IN_PROGRESS", "in_progress"}

MODEL_2_5 = "doubao-seedance-2-5-260628"
MODEL_2_5_FLASH = "dreamina-seedance-2-5-flash-261115"
MODEL_2_0 = "doubao-seedance-2-0-260128"
MODEL_2_0_FAST = "doubao-seedance-2-0-fast-260128"
MODEL_1_5_PRO = "doubao-seedance-1-5-pro-251215"
MODEL_1_0_PRO = "doubao-seedance-1-0-pro-250528"
MODEL_1_0_PRO_FAST = "doubao-seedance-1-0-pro-fast-251015"
MODEL_1_0_LITE_T2V = "doubao-seedance-1-0-lite-t2v-250428"
MODEL_1_0_LITE_I2V = "doubao-seedance-1-0-lite-i2v-250428"


@dataclass(frozen=True)
class SimulatorClient:
    """A client of one mount of a running simulator."""

    base_url: str
    root: Path
    clock: ManualClock
    faults: Faults
    client: httpx.Client = field(repr=False)
    mount: str = "simulator"

    def at(self, mount: str) -> SimulatorClient:
        """Return a client of another mount of the same server."""
        return replace(self, mount=mount)

    def url(self, path: str = TASKS) -> str:
        """Return the URL of a path below the mount."""
        return f"{self.base_url}{MOUNTS[self.mount]}{path}"

    def post(self, body: Any, path: str = TASKS, **options: Any) -> httpx.Response:
        """Post JSON, by default as a create of Ark's."""
        return self.client.post(self.url(path), json=body, **options)

    def get(self, job: str) -> httpx.Response:
        """Get a job of Ark's."""
        return self.client.get(self.url(f"{TASKS}/{job}"))

    def list_jobs(self, **query: Any) -> Any:
        """Return a page of Ark's list."""
        return self.client.get(self.url(), params=query).json()

    def delete(self, job: str) -> httpx.Response:
        """Delete a job of Ark's."""
        return self.client.delete(self.url(f"{TASKS}/{job}"))

    def create(self, **fields: Any) -> str:
        """Create the smallest job, with some fields changed, and return its id."""
        response = self.post(minimal_request(**fields))
        assert response.status_code == 200, response.text
        return str(response.json()["id"])

    def wait_for_job(self, job: str) -> dict[str, Any]:
        """Wait until a job of Ark's is final and return it."""
        return self.wait_for_end(f"{TASKS}/{job}")

    def wait_for_end(self, path: str) -> dict[str, Any]:
        """Wait until the job at a path is final, in any vendor's format, and return it."""

        def read() -> dict[str, Any]:
            job: dict[str, Any] = self.client.get(self.url(path)).json()
            return job

        wait_until(lambda: read()["status"] not in RUNNING_STATUSES, read)
        return read()

    def job_request(self, job: str) -> dict[str, Any]:
        """Return the request in the record of a job."""
        record = json.loads((self.root / "jobs" / f"{job}.json").read_bytes())
        request: dict[str, Any] = record["commission"]
        return request

    def log(self) -> list[LoggedRequest]:
        """Return the request log."""
        return read_request_log(self.root)

    def log_note(self, job: str) -> str:
        """Return the note on the create of a job."""
        return next(entry.note for entry in self.log() if entry.job == job)

    def created_jobs(self) -> dict[str, int]:
        """Return the number of jobs created at each mount."""
        return count_created_jobs(self.log())


CLIENT_HEADERS = {"Authorization": "Bearer any", ADMIN_HEADER: "1"}


@contextmanager
def served(root: Path, **options: Any) -> Iterator[SimulatorClient]:
    """Serve a simulator, with a manual clock unless `clock` is given, and yield its client."""
    clock = options.pop("clock", None) or ManualClock(START)
    faults = Faults()
    with (
        serve(root, clock=clock, faults=faults, **options) as base_url,
        httpx.Client(headers=CLIENT_HEADERS, trust_env=False) as client,
    ):
        yield SimulatorClient(base_url, root, clock, faults, client)


def wait_until(is_done: Callable[[], bool], describe: Callable[[], object] = lambda: None) -> None:
    """Wait until a condition holds; fail with a description after a minute."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while not is_done():
        assert time.monotonic() < end, describe()
        time.sleep(0.01)


def minimal_request(**fields: Any) -> dict[str, Any]:
    """Build the smallest create of Ark's: 29 frames at 480p. A field set to `...` is left out."""
    body = {
        "model": MODEL_1_0_PRO,
        "content": [text_item()],
        "resolution": "480p",
        "ratio": "16:9",
        "frames": 29,
        **fields,
    }
    return {name: value for name, value in body.items() if value is not ...}


def request_with(model: str, *items: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Build a create of Ark's from a text, further content items, and fields."""
    return {"model": model, "content": [text_item(), *items], **fields}


def text_item(text: str = "A quiet valley at dawn.") -> dict[str, Any]:
    """Build a content item with text."""
    return {"type": "text", "text": text}


def media_item(kind: str, role: str | None = None, url: str = REMOTE_URL) -> dict[str, Any]:
    """Build a content item with a URL; `kind` is image, video or audio."""
    item = {"type": f"{kind}_url", f"{kind}_url": {"url": url}}
    return {**item, "role": role} if role else item


def image_item(role: str | None = None, url: str = REMOTE_URL) -> dict[str, Any]:
    """Build a content item with an image."""
    return media_item("image", role, url)


def image_bytes(width: int = 864, height: int = 480, image_format: str = "PNG") -> bytes:
    """Return an image with edges, gradients and saturated colours, which show colour errors."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    side = width // 8
    for index, colour in enumerate(("#d02020", "#20a040", "#2050d0", "#f0d060")):
        left = side * 2 * index
        image.paste(colour, (left, height // 3, left + side, height // 2))
    target = io.BytesIO()
    image.save(target, image_format)
    return target.getvalue()


def data_uri(data: bytes, media_type: str = "image/png") -> str:
    """Return the data URI of some bytes."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def download(url: str) -> bytes:
    """Return the bytes behind a signed link, requested without a key."""
    return httpx.get(url, trust_env=False).raise_for_status().content


def save_clip(url: str, folder: Path) -> Path:
    """Download a clip into a folder and return its path."""
    path = folder / f"{len(list(folder.iterdir()))}.mp4"
    path.write_bytes(download(url))
    return path


class CallbackReceiver:
    """An HTTP server on this machine that records callbacks.

    It responds with the next of `statuses`, then with 200.
    """

    def __init__(self, port: int = 0) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.append(json.loads(body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?key=secret"

    def __enter__(self) -> CallbackReceiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def received(self) -> list[str]:
        """The statuses of the jobs in the callbacks."""
        return [body["status"] for body in self.bodies]

    def wait_for(self, *statuses: str) -> None:
        """Wait until exactly these statuses were received."""
        wait_until(lambda: self.received == list(statuses), lambda: self.received)
