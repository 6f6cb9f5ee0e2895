"""Guards and fixtures for every test: no connection beyond loopback, no file in the home folder."""

from __future__ import annotations

import importlib
import os
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from storyboards import Board, load
from storyboards.models import Money
from tasks.store.atomic_files import write_bytes
from tasks.store.layout import Store
from tasks.store.receipts import Attempt, AttemptState, Receipt, StoredFile
from tests.support.full_disk import FullDisk, mount_disk

OPT_IN_MARKS = ("long", "served")
"""Marks of tests that take minutes; they run only if `-m` selects them, as in CI."""

TIMEOUT_SECONDS = {"served": 900, "long": 900, "engine": 300}
"""Time-outs of marked tests in place of the default in pyproject.toml; the first mark counts."""

LOOPBACK = ("127.0.0.1", "::1", "localhost", "")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip opt-in tests that `-m` does not select, and give slow tests a longer time-out."""
    selected = set((config.getoption("-m") or "").split())
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        for name in OPT_IN_MARKS:
            if name in marks - selected:
                reason = f"takes minutes: run it with -m {name}, as CI does"
                item.add_marker(pytest.mark.skip(reason=reason))
        seconds = next((TIMEOUT_SECONDS[name] for name in TIMEOUT_SECONDS if name in marks), None)
        if seconds is not None and "timeout" not in marks:
            item.add_marker(pytest.mark.timeout(seconds))


class NetworkAccessError(AssertionError):
    """A test opened a socket beyond loopback."""


@pytest.fixture(autouse=True)
def stay_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail every connection to another machine."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def check(address: object) -> None:
        host = str(address[0]) if isinstance(address, tuple) else ""
        if host not in LOOPBACK and not host.startswith("127."):
            raise NetworkAccessError(f"a test connects to {address}")

    def guarded(self: socket.socket, address: Any) -> None:
        check(address)
        connect(self, address)

    def guarded_ex(self: socket.socket, address: Any) -> int:
        check(address)
        return connect_ex(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_ex)


@pytest.fixture(autouse=True)
def no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Set a home folder that must stay absent, and remove our variables from the environment."""
    home = tmp_path / "unused-home"
    monkeypatch.setenv("HOME", str(home))
    for name in list(os.environ):
        if name.startswith(("SHOTCHAIN_", "PREFECT_")):
            monkeypatch.delenv(name)
    yield
    assert not home.exists(), f"the home folder was used: {list(home.rglob('*'))}"


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[FullDisk]:
    """Provide a small disk that can be filled; skip the test if this user can't mount one."""
    with mount_disk(tmp_path / "disk") as disk:
        if disk is None:
            pytest.skip("this user can't mount a file system")
        yield disk


@pytest.fixture(scope="session")
def program() -> Iterator[Callable[[str], ModuleType]]:
    """Import a module of `tests/crash`, whose modules are programs as well: `program("matrix")`."""
    folder = str(Path(__file__).parent / "crash")
    sys.path.insert(0, folder)
    yield importlib.import_module
    sys.path.remove(folder)


@pytest.fixture(scope="session")
def pictures() -> dict[object, tuple[bytes, bytes]]:
    """Cache of the clips and frames that the simulator drew in this session, for `draw_once`."""
    return {}


@pytest.fixture
def draw_once(
    program: Callable[[str], ModuleType], pictures: dict[object, tuple[bytes, bytes]]
) -> Iterator[None]:
    """Draw each simulated clip once per session, for tests that do not look at the picture."""
    with program("trial").cached_clips(pictures):
        yield


@pytest.fixture
def board_file(tmp_path: Path) -> Path:
    """Write a board of four shots in one chain, with the smallest size and length."""
    path = tmp_path / "boards" / "four.yaml"
    path.parent.mkdir()
    path.write_text(FOUR)
    return path


FOUR = """\
title: Four
model: seedance-1.0-pro
look: {resolution: 480p, seconds: 2, ratio: "16:9"}
shots:
  - {id: one, prompt: "Dawn over the sea."}
  - {id: two, prompt: "A lighthouse."}
  - {id: three, prompt: "The lamp turns."}
  - {id: four, prompt: "A ship passes."}
"""


@pytest.fixture
def make_board(tmp_path: Path) -> Callable[..., Board]:
    """Write a board beside its files and load it: `make_board(text, name="four")`."""

    def make(text: str = FOUR, *, name: str = "four", folder: Path | None = None) -> Board:
        path = (folder or tmp_path / "boards") / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return load(path, shown_as=path.name)

    return make


@pytest.fixture
def keep(tmp_path: Path) -> Callable[..., str]:
    """Put a kept shot into the store without rendering it: `keep("a", days=40, continues=key)`.

    The function returns the key. `clip` is the content of the clip; other keywords, such as
    `state`, replace fields of the attempt.
    """

    def put(
        shot: str, *, days: float = 0.0, clip: bytes = b"", loopback: bool = False, **fields: Any
    ) -> str:
        key = sha256(shot.encode()).hexdigest()
        shelf = Store(tmp_path / "store").records(loopback=loopback)
        data, picture = clip or f"clip of {shot}".encode(), f"frame of {shot}".encode()
        write_bytes(shelf.folder_of(key) / "clip.mp4", data)
        write_bytes(shelf.folder_of(key) / "last_frame.png", picture)
        attempt = Attempt(
            state=AttemptState.KEPT,
            board="film",
            shot=shot,
            take=1,
            provider="ark",
            model="m",
            base_url="https://a.example",
            request_sha256="o",
            intended_at=(datetime.now(UTC) - timedelta(days=days)).isoformat(),
            job=f"job-{shot}",
            price=Money(amount=Decimal("0.25"), currency="USD"),
            clip=StoredFile("clip.mp4", sha256(data).hexdigest(), len(data)),
            last_frame=StoredFile("last_frame.png", sha256(picture).hexdigest(), len(picture)),
        )
        shelf.write(key, Receipt(key, (replace(attempt, **fields),)).to_record())
        return key

    return put


@pytest.fixture
def make_picture(tmp_path: Path) -> Callable[..., Path]:
    """Write a small plain picture beside the board: `make_picture("refs/a.png", 640, 360)`."""

    def make(name: str, width: int = 640, height: int = 360, colour: str = "teal") -> Path:
        path = tmp_path / "boards" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height), colour).save(path)
        return path

    return make
