"""Guards and fixtures for every test: nothing leaves this machine, nothing touches a home."""

from __future__ import annotations

import importlib
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

UNDER_CI = bool(os.environ.get("CI"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests of minutes to those who ask for them by their mark, as CI does."""
    asked = config.getoption("-m") or ""
    for mark in {"served", "long"} - set(asked.split()):
        skip = pytest.mark.skip(reason=f"takes minutes: run it with -m {mark}, as CI does")
        for item in items:
            if item.get_closest_marker(mark):
                item.add_marker(skip)


LOOPBACK = ("127.0.0.1", "::1", "localhost", "")


class LeftTheMachine(AssertionError):
    """A test opened a socket beyond loopback."""


@pytest.fixture(autouse=True)
def stay_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail whatever connects to another machine."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def check(address: object) -> None:
        host = str(address[0]) if isinstance(address, tuple) else ""
        if host not in LOOPBACK and not host.startswith("127."):
            raise LeftTheMachine(f"a test connects to {address}")

    def guarded(self: socket.socket, address: object) -> None:
        check(address)
        connect(self, address)

    def guarded_ex(self: socket.socket, address: object) -> int:
        check(address)
        return connect_ex(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_ex)


@pytest.fixture(autouse=True)
def no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A home folder that must stay empty, and an environment without our variables."""
    home = tmp_path / "home-that-nobody-asked-for"
    monkeypatch.setenv("HOME", str(home))
    for name in list(os.environ):
        if name.startswith(("SHOTCHAIN_", "PREFECT_")):
            monkeypatch.delenv(name)
    yield
    assert not home.exists(), f"the home folder was used: {list(home.rglob('*'))}"


@pytest.fixture(scope="session")
def program() -> Iterator[Callable[[str], ModuleType]]:
    """A program of `tests/crash`, which are run by hand as well: `program("matrix")`."""
    here = str(Path(__file__).parent / "crash")
    sys.path.insert(0, here)
    yield importlib.import_module
    sys.path.remove(here)


@pytest.fixture(scope="session")
def pictures() -> dict[object, tuple[bytes, bytes]]:
    """What the simulator has drawn in this session, for `draw_once`."""
    return {}


@pytest.fixture
def draw_once(program, pictures) -> Iterator[None]:
    """Let the simulator draw each picture once in a session, for tests that look at none."""
    with program("stage").remembered(pictures):
        yield


@pytest.fixture
def board_file(tmp_path: Path) -> Path:
    """A board of four shots in one chain, at the shortest and smallest there is."""
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
def make_board(tmp_path: Path):
    """Write a board beside its files and load it: `make_board(text, name="four")`."""
    from storyboards import load

    def make(text: str = FOUR, *, name: str = "four", folder: Path | None = None):
        place = (folder or tmp_path / "boards") / f"{name}.yaml"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return load(place, shown_as=place.name)

    return make


@pytest.fixture
def keep(tmp_path: Path):
    """Put a kept shot into a store without rendering it: `keep("a", days=40, continues=key)`.

    Returns its key. `state` and any other fact of its attempt may be given; `clip` is the bytes.
    """
    from dataclasses import replace
    from datetime import UTC, datetime, timedelta
    from decimal import Decimal
    from hashlib import sha256

    from storyboards.models import Money
    from tasks.store.atomic_files import write_bytes
    from tasks.store.layout import Store
    from tasks.store.receipts import Attempt, AttemptState, Receipt, StoredFile

    def put(shot: str, *, days: float = 0.0, clip: bytes = b"", loopback: bool = False, **facts):
        key = sha256(shot.encode()).hexdigest()
        shelf = Store(tmp_path / "store").records(loopback=loopback)
        data, picture = clip or f"clip of {shot}".encode(), f"frame of {shot}".encode()
        write_bytes(shelf.folder_of(key) / "clip.mp4", data)
        write_bytes(shelf.folder_of(key) / "last_frame.png", picture)
        moment = (datetime.now(UTC) - timedelta(days=days)).isoformat()
        attempt = Attempt(
            state=AttemptState.KEPT,
            board="film",
            shot=shot,
            take=1,
            provider="ark",
            model="m",
            base_url="https://a.example",
            request_sha256="o",
            intended_at=moment,
            job=f"job-{shot}",
            price=Money(amount=Decimal("0.25"), currency="USD"),
            clip=StoredFile("clip.mp4", sha256(data).hexdigest(), len(data)),
            last_frame=StoredFile("last_frame.png", sha256(picture).hexdigest(), len(picture)),
        )
        shelf.write(key, Receipt(key, (replace(attempt, **facts),)).to_record())
        return key

    return put


@pytest.fixture
def make_picture(tmp_path: Path):
    """Write a small plain picture beside the board: `make_picture("refs/a.png", 640, 360)`."""
    from PIL import Image

    def make(name: str, width: int = 640, height: int = 360, colour: str = "teal") -> Path:
        place = tmp_path / "boards" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height), colour).save(place)
        return place

    return make
