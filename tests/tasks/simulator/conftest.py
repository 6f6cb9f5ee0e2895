"""A simulator on a loopback port, a clock that is moved by hand, and the pictures to send it.

A clip that was filmed once, without a picture to start from, is kept for the whole session: most
tests order the same one and ask about something else. `afresh` films anew.
"""

from __future__ import annotations

import base64
import importlib
import io
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from PIL import Image

from tasks.simulator.app import MOUNTS
from tasks.simulator.clock import ManualClock
from tasks.simulator.faults import Faults
from tasks.simulator.footage import renderer
from tasks.simulator.ledger import read_ledger
from tasks.simulator.server import serve

START = 1_790_000_000.0
TASKS = "/contents/generations/tasks"
PRO = "doubao-seedance-1-0-pro-250528"
MODEL_1_5 = "doubao-seedance-1-5-pro-251215"
# A test that waits longer than this for a picture has failed.
PATIENCE_SECONDS = 60


@dataclass
class Vendor:
    """One mount of a running simulator, as a client sees it."""

    base_url: str
    root: Path
    clock: ManualClock
    faults: Faults
    client: httpx.Client = field(repr=False)
    mount: str = "simulator"

    def at(self, mount: str) -> Vendor:
        """Return another mount of the same server."""
        return Vendor(self.base_url, self.root, self.clock, self.faults, self.client, mount)

    def url(self, path: str = TASKS) -> str:
        return f"{self.base_url}{MOUNTS[self.mount]}{path}"

    def post(self, body: Any, **options: Any) -> httpx.Response:
        return self.client.post(self.url(), json=body, **options)

    def get(self, job: str) -> httpx.Response:
        return self.client.get(self.url(f"{TASKS}/{job}"))

    def list(self, **query: Any) -> Any:
        return self.client.get(self.url(), params=query).json()

    def delete(self, job: str) -> httpx.Response:
        return self.client.delete(self.url(f"{TASKS}/{job}"))

    def create(self, **fields: Any) -> str:
        """Create the smallest job, with these fields changed, and return its id."""
        reply = self.post(small_order(**fields))
        assert reply.status_code == 200, reply.text
        return str(reply.json()["id"])

    def rendered(self, job: str) -> dict[str, Any]:
        """Wait until the job is over and return its task object."""
        return self.finished(f"{TASKS}/{job}")

    def finished(self, path: str) -> dict[str, Any]:
        """Wait until the object at that path tells an end in any vendor's words."""
        going = {"queued", "running", "SUBMITTED", "IN_PROGRESS", "in_progress"}
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            told = self.client.get(self.url(path)).json()
            if told["status"] not in going:
                return told
            time.sleep(0.02)
        raise AssertionError(f"{path} is still {told['status']}")

    def commission(self, job: str) -> dict[str, Any]:
        """What the simulator wrote down that it was asked for."""
        record = json.loads((self.root / "jobs" / f"{job}.json").read_bytes())
        return record["commission"]

    def ledger(self) -> list[Any]:
        return read_ledger(self.root)


def small_order(**fields: Any) -> dict[str, Any]:
    """The smallest picture there is: 29 frames at 480p. A field given as `...` is left out."""
    order = {
        "model": PRO,
        "content": [{"type": "text", "text": "A quiet valley at dawn."}],
        "resolution": "480p",
        "ratio": "16:9",
        "frames": 29,
        **fields,
    }
    return {name: value for name, value in order.items() if value is not ...}


@pytest.fixture(scope="session")
def vendors_own() -> Callable[[str], ModuleType]:
    """Import a vendor's own client. A user's machine may lack it; under CI it must be there."""

    def find(name: str) -> ModuleType:
        if os.environ.get("CI"):
            return importlib.import_module(name)
        reason = f"{name} is not installed: it comes with the development group"
        return pytest.importorskip(name, reason=reason)

    return find


@contextmanager
def served(root: Path, **options: Any) -> Iterator[Vendor]:
    clock = options.pop("clock", None) or ManualClock(START)
    faults = Faults()
    with (
        serve(root, clock=clock, faults=faults, **options) as base_url,
        httpx.Client(headers={"Authorization": "Bearer any"}, trust_env=False) as client,
    ):
        yield Vendor(base_url, root, clock, faults, client)


class KeptClips:
    """Stands for `render_clip`: films what was never filmed, and copies what was."""

    def __init__(self, folder: Path, film: Callable[..., bytes]) -> None:
        self.is_on = True
        self._folder = folder
        self._film = film

    def __call__(self, spec: renderer.ClipSpec, path: Path, **options: Any) -> bytes:
        if not self.is_on or spec.first_frame or spec.last_frame or spec.reference_images:
            return self._film(spec, path, **options)
        kept = self._folder / f"{hash(spec)}{path.suffix}"
        frame = kept.with_suffix(".png")
        if frame.exists():
            shutil.copyfile(kept, path)
            return frame.read_bytes()
        picture = self._film(spec, path, **options)
        shutil.copyfile(path, kept)
        # The frame last: whoever sees it finds the clip whole.
        frame.with_suffix(".part").write_bytes(picture)
        frame.with_suffix(".part").rename(frame)
        return picture


@pytest.fixture(scope="session", autouse=True)
def kept_clips(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptClips]:
    """Keep clips for the session."""
    kept = KeptClips(tmp_path_factory.mktemp("kept"), renderer.render_clip)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renderer, "render_clip", kept)
        yield kept


@pytest.fixture
def afresh(kept_clips: KeptClips) -> Iterator[None]:
    """Film every clip of this test anew."""
    kept_clips.is_on = False
    yield
    kept_clips.is_on = True


@pytest.fixture
def serving() -> Callable[..., Any]:
    """Serve a root: `with serving(root, job_seconds=10) as vendor`."""
    return served


@pytest.fixture(scope="module")
def open_vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    """A simulator whose jobs take ten seconds of a clock that is moved by hand."""
    with served(tmp_path_factory.mktemp("simulator"), job_seconds=10) as vendor:
        yield vendor


@pytest.fixture
def vendor(open_vendor: Vendor) -> Iterator[Vendor]:
    """The same without any job, request or fault of the tests before."""
    for job in open_vendor.root.glob("jobs/*.json"):
        job.unlink()
    (open_vendor.root / "ledger.jsonl").unlink(missing_ok=True)
    yield open_vendor
    pending = open_vendor.faults.pending()
    open_vendor.faults.clear()
    # A fault that was ordered and did not strike is a test that proved nothing.
    assert [fault for fault in pending if fault.times > 0] == []


@pytest.fixture
def taking(vendor: Vendor) -> Vendor:
    """The same, for tests that need no picture: whatever it takes is never rendered."""
    vendor.faults.order("job_stalls", times=-1)
    return vendor


@pytest.fixture(scope="module")
def checking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    """A simulator that takes and refuses orders but renders nothing: every job stalls."""
    with served(tmp_path_factory.mktemp("checking")) as vendor:
        vendor.faults.order("job_stalls", times=-1)
        yield vendor


@pytest.fixture(scope="module")
def rendering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    """A simulator whose jobs take as long as their picture needs."""
    with served(tmp_path_factory.mktemp("rendering")) as vendor:
        yield vendor
    assert vendor.faults.pending() == []


@pytest.fixture(scope="session")
def order() -> Callable[..., dict[str, Any]]:
    """Build the smallest order, with fields changed or (`...`) left out."""
    return small_order


def picture_bytes(width: int = 864, height: int = 480, form: str = "PNG") -> bytes:
    """A picture with edges, gradients and saturated colours, where errors of colour show."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    for index, colour in enumerate(("#d02020", "#20a040", "#2050d0", "#f0d060")):
        side = width // 8
        image.paste(colour, (side * (2 * index), height // 3, side * (2 * index + 1), height // 2))
    target = io.BytesIO()
    image.save(target, form)
    return target.getvalue()


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """Make a picture file: `picture(864, 480, "JPEG")`."""
    return picture_bytes


@pytest.fixture(scope="session")
def data_uri() -> Callable[..., str]:
    """Wrap bytes into a data URI: `data_uri(data, "image/png")`."""

    def wrap(data: bytes, mime: str = "image/png") -> str:
        return f"data:{mime};base64,{base64.b64encode(data).decode()}"

    return wrap


@pytest.fixture(scope="session")
def fetched() -> Callable[[str], bytes]:
    """Download what a signed link leads to, as a stranger without a key."""

    def fetch(url: str) -> bytes:
        with httpx.Client(trust_env=False) as stranger:
            return stranger.get(url).raise_for_status().content

    return fetch
