"""Secrets, from outside: canaries in keys and URLs, hunted in every byte the product wrote."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from tasks.simulator.app import MOUNTS
from tasks.simulator.faults import Faults
from tasks.simulator.server import serve

ROOT = Path(__file__).parents[2]
HOUSES = ("ark", "modelark", "powertokens", "cometapi-volc", "kkiai-2", "infinity-blue")
KEYS = {name: f"sk-canary/{name}+9f2=Q7" for name in HOUSES}
SIGNED = "Canary5ignature0fAReference"
CALLED = "CanaryTokenOfACallback"
PASSWORD = "CanaryPa55word"
SIGNATURES = (b"X-Tos-Signature=", b"X-Tos-Credential=", b"X-Tos-Signature%3D")

BOARD = f"""\
title: Canaries
model: seedance-1.0-pro
look: {{resolution: 480p, seconds: 2, ratio: "16:9"}}
shots:
  - {{id: one, provider: ark, prompt: "Dawn.", callback_url: "http://127.0.0.1:9/?token={CALLED}"}}
  - {{id: two, provider: ark, prompt: "A lighthouse."}}
  - {{id: refused, provider: modelark, prompt: "Refuse me.", first_frame: none}}
  - {{id: echoed, provider: powertokens, prompt: "Echo the key.", first_frame: none}}
  - {{id: locked, provider: kkiai-2, model: seedance-2.0, seconds: 4, prompt: "Echo it.",
     first_frame: none}}
  - {{id: gone, provider: cometapi-volc, prompt: "The links expire.", first_frame: none}}
  - {{id: user, provider: infinity-blue, model: seedance-2.0, seconds: 4, prompt: "A user.",
     first_frame: none}}
  - {{id: signed, provider: ark, prompt: "From a picture.",
     first_frame: "https://pictures.example.com/a.png?X-Tos-Signature={SIGNED}"}}
  - {{id: own, provider: simulator, prompt: "Our own vendor.", first_frame: none}}
  - {{id: after, provider: simulator, prompt: "And what continues it."}}
"""
BUG = """
import sys
from tasks import shots

async def await_job(shot, context):
    client = context.client_of(shot.provider, None)
    key = client._key.require()
    cause = KeyError(f"https://h.example/v.mp4?X-Tos-Signature={key}")
    raise RuntimeError(f"no {key!r} and no data:image/png;base64,{key}", key) from cause

shots.await_job = await_job
from flows.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def spellings(canary: str) -> Iterator[bytes]:
    """The ways in which a canary may be written."""
    yield canary.encode()
    yield quote(canary, safe="").encode()
    yield json.dumps(canary)[1:-1].replace("/", "\\/").encode()
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + canary.encode() + bytes(3))
        yield encoded[4 : (before + len(canary)) * 8 // 6 - 1]
    # Half of a canary is one too.
    yield canary[: len(canary) * 2 // 3].encode()


def find_canaries(places: list[Path], said: bytes = b"") -> list[str]:
    """Where a canary is, in whatever spelling, below these folders and in what was said."""
    canaries = (*KEYS.values(), SIGNED, CALLED, PASSWORD)
    hunted = {spelling: canary for canary in canaries for spelling in spellings(canary)}
    hunted |= {signature: signature.decode() for signature in SIGNATURES}
    found = []
    files = [one for place in places for one in place.rglob("*") if one.is_file()]
    texts = [("what was said", said), *((str(one), one.read_bytes()) for one in files)]
    for name, data in texts:
        found += [f"{canary} in {name}" for word, canary in hunted.items() if word in data]
    return sorted(set(found))


class Rogue(BaseHTTPRequestHandler):
    """A vendor that hands back the key it was given, within its words."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        key = self.headers["Authorization"].removeprefix("Bearer ")
        link = f"https://v.example/a.mp4?X-Tos-Signature={key}"
        # The words are cut to a line, and the cut may fall into the key.
        words = f"{key} {link} {quote(key, safe='')} {'x' * 185} {key} {key}"
        status = 401 if "kkiai-2" in self.path else 400
        body = json.dumps({"error": {"code": f"Bad.{key}", "message": words}}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Nothing is said."""


@dataclass
class Place:
    """A user's machine: a working directory, a home, a folder for temporary files."""

    root: Path
    url: str
    faults: Faults
    words: dict[str, str] = field(default_factory=dict)
    said: bytes = b""

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "tmp"),
            "SHOTCHAIN_SIMULATOR_JOB_SECONDS": "0",
            "SHOTCHAIN_POLL_SECONDS": "0.2",
            **{f"SHOTCHAIN_{upper(name)}_API_KEY": key for name, key in KEYS.items()},
            **{f"SHOTCHAIN_{upper(name)}_BASE_URL": self.url + MOUNTS[name] for name in HOUSES},
            **self.words,
        }

    def run(self, *words: str, script: str | None = None) -> int:
        """Run a command line, and keep what it says."""
        begin = ["-c", script] if script else ["-m", "flows.cli.main"]
        ended = subprocess.run(
            [sys.executable, *begin, *words],
            cwd=self.root / "work",
            env=self.environment,
            capture_output=True,
            timeout=600,
            check=False,
        )
        self.said += ended.stdout + ended.stderr
        return ended.returncode

    def canaries(self) -> list[str]:
        """The canaries in everything that was written, but for the boards themselves."""
        boards = list((self.root / "work").glob("*.yaml"))
        for board in boards:
            board.unlink()
        return find_canaries([self.root], self.said)


def upper(name: str) -> str:
    return name.upper().replace("-", "_")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A machine with two vendors: one in order, one that hands back keys."""
    faults = Faults()
    rogue = ThreadingHTTPServer(("127.0.0.1", 0), Rogue)
    threading.Thread(target=rogue.serve_forever, daemon=True).start()
    root = tmp_path / "machine"
    for name in ("work", "home", "tmp"):
        (root / name).mkdir(parents=True)
    (root / "work" / "board.yaml").write_text(BOARD)
    with serve(tmp_path / "vendor", faults=faults) as url:
        found = Place(root, url, faults)
        bad = f"http://127.0.0.1:{rogue.server_port}"
        for name in ("powertokens", "kkiai-2"):
            found.words[f"SHOTCHAIN_{upper(name)}_BASE_URL"] = f"{bad}/{name}"
        found.words["SHOTCHAIN_INFINITY_BLUE_BASE_URL"] = f"http://user:{PASSWORD}@127.0.0.1:9/v1"
        yield found
    rogue.shutdown()
    rogue.server_close()


@pytest.mark.parametrize("canary", [KEYS["ark"], SIGNED, CALLED, PASSWORD])
def test_the_hunt_can_find_a_canary(tmp_path: Path, canary: str) -> None:
    """In a database's log, encoded, quoted, and cut off."""
    plants = {
        "prefect.db-wal": b"\0\1" + canary.encode() + b"\2",
        "header": base64.b64encode(b"user:" + canary.encode() + b"..."),
        "query": b"?k=" + quote(canary, safe="").encode(),
        "log": canary[: len(canary) * 3 // 4].encode() + b"\n",
    }
    for name, data in plants.items():
        (tmp_path / name).write_bytes(data)

    told = find_canaries([tmp_path])

    assert {Path(one.split(" in ")[1]).name for one in told} == set(plants)


def test_no_byte_that_a_run_writes_holds_a_secret(place: Place) -> None:
    """Shots that work, are refused, unlocked, lost, and a vendor that hands the key back."""
    place.faults.inject("refused", mount="modelark", code="InputTextSensitiveContentDetected")
    place.faults.inject("links_expired", mount="cometapi-volc", times=-1)

    assert place.run("plan", "board.yaml", "--json") == 0
    assert place.run("providers", "--json") == 0
    assert place.run("render", "board.yaml", "--yes", "--json") == 3

    document = place.said.decode()
    assert document.count('"outcome": "rendered"') >= 4, document
    assert "SHOTCHAIN_INFINITY_BLUE_BASE_URL" in document
    assert list(place.root.rglob("prefect.db"))
    assert place.canaries() == []


@pytest.mark.long
def test_a_bug_tells_no_secret(place: Place) -> None:
    """Neither in its log nor in Prefect's records, where its words would stand."""
    assert place.run("render", "board.yaml", "--yes", "--json", "--only", "two", script=BUG) == 70

    logs = list((place.root / "tmp").glob("shotchain-*.log"))
    assert "RuntimeError" in logs[0].read_text()
    assert str(logs[0]) in place.said.decode()
    database = next(place.root.rglob("prefect.db"))
    with sqlite3.connect(database) as records:
        messages = str(records.execute("select message from flow_run_state").fetchall())
        messages += str(records.execute("select message from task_run_state").fetchall())
    records.close()
    assert "this is a bug of shotchain" in messages
    assert place.canaries() == []


FLOW = """
import asyncio, sys
from prefect.blocks.system import Secret
from flows.render import render_storyboard

Secret(value=sys.stdin.readline().strip()).save("shotchain-ark-api-key")
asyncio.run(render_storyboard("work/board.yaml", store="store", out="film.mp4", yes=True))
"""


@pytest.mark.served
def test_a_server_s_records_hold_no_secret(place: Place, tmp_path: Path) -> None:
    """Logs, states, parameters and blocks of a run on a server, its key from a Secret block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    place.words |= {
        "PREFECT_HOME": str(place.root / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "prefect", "server", "start", "--no-ui", "--port", str(port)],
        env=place.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _await(f"http://127.0.0.1:{port}/api/health")
        place.words["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
        without = {n: w for n, w in place.environment.items() if n != "SHOTCHAIN_ARK_API_KEY"}
        ended = subprocess.run(
            [sys.executable, "-c", FLOW],
            cwd=place.root,
            env=without,
            input=KEYS["ark"].encode() + b"\n",
            capture_output=True,
            timeout=600,
            check=False,
        )
        time.sleep(5)  # logs are sent and written a moment later
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=60)
    place.said = ended.stdout + ended.stderr

    assert b"needs an API key" not in place.said
    assert list((place.root / "store" / "previz").glob("*/clip.mp4")), place.said.decode()
    records = b"".join(one.read_bytes() for one in (place.root / "prefect").glob("prefect.db*"))
    assert b"one: submit" in records
    assert place.canaries() == []


def _await(url: str) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.5)
    pytest.fail(f"{url} does not answer")
