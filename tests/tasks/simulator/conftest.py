"""Running simulators with a manual clock, and a session-wide cache of rendered clips.

Most tests need the same clip and check something else, so a clip without input images is rendered
once per session. The fixture `without_clip_cache` turns that off.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tasks.simulator.footage import renderer
from tests.support.simulator_requests import CallbackReceiver, SimulatorClient, served


class ClipCache:
    """Replaces `render_clip`: renders a clip once and copies it afterwards."""

    def __init__(self, folder: Path, render_clip: Callable[..., bytes]) -> None:
        self.is_on = True
        self._folder = folder
        self._render_clip = render_clip

    def __call__(self, spec: renderer.ClipSpec, path: Path, **options: Any) -> bytes:
        """Write the clip and return its last frame, as `render_clip` does."""
        if not self.is_on or spec.first_frame or spec.last_frame or spec.reference_images:
            return self._render_clip(spec, path, **options)
        clip = self._folder / f"{hash(spec)}{path.suffix}"
        frame = clip.with_suffix(".png")
        if frame.exists():
            shutil.copyfile(clip, path)
            return frame.read_bytes()
        image = self._render_clip(spec, path, **options)
        shutil.copyfile(path, clip)
        # The frame is written last, so that its existence means the clip is complete.
        frame.with_suffix(".part").write_bytes(image)
        frame.with_suffix(".part").rename(frame)
        return image


@pytest.fixture(scope="session", autouse=True)
def clip_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClipCache]:
    """Cache rendered clips for the session."""
    cache = ClipCache(tmp_path_factory.mktemp("clips"), renderer.render_clip)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renderer, "render_clip", cache)
        yield cache


@pytest.fixture
def without_clip_cache(clip_cache: ClipCache) -> Iterator[None]:
    """Render every clip of this test."""
    clip_cache.is_on = False
    yield
    clip_cache.is_on = True


@pytest.fixture(scope="module")
def module_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorClient]:
    """A simulator whose jobs take ten seconds of a manual clock."""
    with served(tmp_path_factory.mktemp("simulator"), job_seconds=10) as client:
        yield client


@pytest.fixture
def simulator(module_simulator: SimulatorClient) -> Iterator[SimulatorClient]:
    """The same without any job, request or fault of earlier tests."""
    for job in module_simulator.root.glob("jobs/*.json"):
        job.unlink()
    (module_simulator.root / "ledger.jsonl").unlink(missing_ok=True)
    yield module_simulator
    pending = module_simulator.faults.pending()
    module_simulator.faults.clear()
    # A test that injects a fault which never applies proves nothing.
    assert [fault for fault in pending if fault.times > 0] == []


@pytest.fixture
def stalled(simulator: SimulatorClient) -> SimulatorClient:
    """The same, but every job stalls: for tests that need no clip."""
    simulator.faults.inject("job_stalls", times=-1)
    return simulator


@pytest.fixture(scope="module")
def validating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorClient]:
    """A simulator for a whole module whose jobs all stall: it validates and never renders."""
    with served(tmp_path_factory.mktemp("validating")) as client:
        client.faults.inject("job_stalls", times=-1)
        yield client


@pytest.fixture(scope="module")
def rendering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorClient]:
    """A simulator for a whole module whose jobs take as long as their rendering."""
    with served(tmp_path_factory.mktemp("rendering")) as client:
        yield client
    assert client.faults.pending() == []


@pytest.fixture
def receiver() -> Iterator[CallbackReceiver]:
    """A receiver of callbacks."""
    with CallbackReceiver() as receiver:
        yield receiver


@pytest.fixture
def inject_by_admin(simulator: SimulatorClient) -> Callable[..., None]:
    """Inject a fault through the admin route: `inject_by_admin("throttled", retry_after="3")`."""

    def inject(kind: str, **options: Any) -> None:
        url = f"{simulator.base_url}/admin/faults"
        response = simulator.client.post(url, json={"kind": kind, **options})
        assert response.status_code == 200, response.text

    return inject


@pytest.fixture(scope="session")
def import_sdk() -> Callable[[str], ModuleType]:
    """Import a vendor's own client library; it may be missing except in CI."""

    def import_module(name: str) -> ModuleType:
        if os.environ.get("CI"):
            return importlib.import_module(name)
        reason = f"{name} is not installed: it comes with the development group"
        module: ModuleType = pytest.importorskip(name, reason=reason)
        return module

    return import_module
