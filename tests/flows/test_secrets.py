"""Canary secrets in keys and URLs must not be in any byte that a run writes or prints."""

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
PROVIDERS = ("ark", "modelark", "powertokens", "cometapi-volc", "kkiai-2", "infinity-blue")
KEYS = {name: f"sk-canary/{name}+9f2=Q7" for name in PROVIDERS}
SIGNATURE = "Canary5ignature0fAReference"
CALLBACK_TOKEN = "CanaryTokenOfACallback"
PASSWORD = "CanaryPa55word"
SIGNED_PARAMETERS = (b"X-Tos-Signature=", b"X-Tos-Credential=", b"X-Tos-Signature%3D")

BOARD = f"""\
title: Canaries
model: seedance-1.0-pro
look: {{resolution: 480p, seconds: 2, ratio: "16:9"}}
shots:
  - {{id: one, provider: ark, prompt: "Dawn.",
     callback_url: "http://127.0.0.1:9/?token={CALLBACK_TOKEN}"}}
  - {{id: two, provider: ark, prompt: "A lighthouse."}}
  - {{id: refused, provider: modelark, prompt: "Refuse me.", first_frame: none}}
  - {{id: echoed, provider: powertokens, prompt: "Echo the key.", first_frame: none}}
  - {{id: locked, provider: kkiai-2, model: seedance-2.0, seconds: 4, prompt: "Echo it.",
     first_frame: none}}
  - {{id: gone, provider: cometapi-volc, prompt: "The links expire.", first_frame: none}}
  - {{id: user, provider: infinity-blue, model: seedance-2.0, seconds: 4, prompt: "A user.",
     first_frame: none}}
  - {{id: signed, provider: ark, prompt: "From a picture.",
     first_frame: "https://pictures.example.com/a.png?X-Tos-Signature={SIGNATURE}"}}
  - {{id: own, provider: simulator, prompt: "Our own vendor.", first_frame: none}}
  - {{id: after, provider: simulator, prompt: "And what continues it."}}
"""
BUG = """
import os, sys
from tasks.submission import await_job as module

async def await_job(shot, context):
    key = os.environ["SHOTCHAIN_ARK_API_KEY"]
    cause = KeyError(f"https://h.example/v.mp4?X-Tos-Signature={key}")
    raise RuntimeError(f"no {key!r} and no data:image/png;base64,{key}", key) from cause

# Before Prefect is imported, which the command does when its server has started.
module.await_job = await_job
from flows.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def spellings(canary: str) -> Iterator[bytes]:
    """Yield the encodings in which a canary may be written, and a part of it."""
    yield canary.encode()
    yield quote(canary, safe="").encode()
    yield json.dumps(canary)[1:-1].replace("/", "\\/").encode()
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + canary.encode() + bytes(3))
        yield encoded[4 : (before + len(canary)) * 8 // 6 - 1]
    # A truncated secret is a leak as well.
    yield canary[: len(canary) * 2 // 3].encode()


def find_canaries(folders: list[Path], output: bytes = b"") -> list[str]:
    """Return where a canary is, in any spelling, in the files of folders and in an output."""
    canaries = (*KEYS.values(), SIGNATURE, CALLBACK_TOKEN, PASSWORD)
    patterns = {spelling: canary for canary in canaries for spelling in spellings(canary)}
    patterns |= {parameter: parameter.decode() for parameter in SIGNED_PARAMETERS}
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    leaks = []
    for name, data in [("the output", output), *((str(path), path.read_bytes()) for path in files)]:
        leaks += [f"{canary} in {name}" for pattern, canary in patterns.items() if pattern in data]
    return sorted(set(leaks))


class EchoingVendor(BaseHTTPRequestHandler):
    """A vendor that repeats the key of a request in its error message."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        key = self.headers["Authorization"].removeprefix("Bearer ")
        link = f"https://v.example/a.mp4?X-Tos-Signature={key}"
        # Messages are cut to a maximum length, and the cut can fall into the key.
        message = f"{key} {link} {quote(key, safe='')} {'x' * 185} {key} {key}"
        status = 401 if "kkiai-2" in self.path else 400
        body = json.dumps({"error": {"code": f"Bad.{key}", "message": message}}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Print nothing."""


@dataclass
class Machine:
    """A user's machine: a working directory, a home folder, a folder for temporary files."""

    root: Path
    url: str
    faults: Faults
    variables: dict[str, str] = field(default_factory=dict)
    """Variables that are added to the environment."""
    output: bytes = b""
    """Everything that the commands printed."""

    @property
    def env(self) -> dict[str, str]:
        """The environment of a command."""
        urls = {name: self.url + MOUNTS[name] for name in PROVIDERS}
        return {
            **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "tmp"),
            "SHOTCHAIN_SIMULATOR_JOB_SECONDS": "0",
            "SHOTCHAIN_POLL_SECONDS": "0.2",
            **{f"SHOTCHAIN_{upper(name)}_API_KEY": key for name, key in KEYS.items()},
            **{f"SHOTCHAIN_{upper(name)}_BASE_URL": url for name, url in urls.items()},
            **self.variables,
        }

    def run(self, *argv: str, script: str | None = None) -> int:
        """Run a command, or a script with its arguments; keep what it prints."""
        program = ["-c", script] if script else ["-m", "flows.cli"]
        result = subprocess.run(
            [sys.executable, *program, *argv],
            cwd=self.root / "work",
            env=self.env,
            capture_output=True,
            timeout=600,
            check=False,
        )
        self.output += result.stdout + result.stderr
        return result.returncode

    def find_leaks(self) -> list[str]:
        """Return the canaries in everything that was written or printed, except the boards."""
        for board in list((self.root / "work").glob("*.yaml")):
            board.unlink()
        return find_canaries([self.root], self.output)


def upper(name: str) -> str:
    return name.upper().replace("-", "_")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine with two vendors: a simulator, and a vendor that repeats keys."""
    faults = Faults()
    echoing = ThreadingHTTPServer(("127.0.0.1", 0), EchoingVendor)
    threading.Thread(target=echoing.serve_forever, daemon=True).start()
    root = tmp_path / "machine"
    for name in ("work", "home", "tmp"):
        (root / name).mkdir(parents=True)
    (root / "work" / "board.yaml").write_text(BOARD)
    with serve(tmp_path / "vendor", faults=faults) as url:
        machine = Machine(root, url, faults)
        echoing_url = f"http://127.0.0.1:{echoing.server_port}"
        for name in ("powertokens", "kkiai-2"):
            machine.variables[f"SHOTCHAIN_{upper(name)}_BASE_URL"] = f"{echoing_url}/{name}"
        url_with_password = f"http://user:{PASSWORD}@127.0.0.1:9/v1"
        machine.variables["SHOTCHAIN_INFINITY_BLUE_BASE_URL"] = url_with_password
        yield machine
    echoing.shutdown()
    echoing.server_close()


@pytest.mark.parametrize("canary", [KEYS["ark"], SIGNATURE, CALLBACK_TOKEN, PASSWORD])
def test_find_canaries_finds_every_spelling(tmp_path: Path, canary: str) -> None:
    """A canary is found within a database, encoded, quoted and truncated."""
    contents = {
        "prefect.db-wal": b"\0\1" + canary.encode() + b"\2",
        "header": base64.b64encode(b"user:" + canary.encode() + b"..."),
        "query": b"?k=" + quote(canary, safe="").encode(),
        "log": canary[: len(canary) * 3 // 4].encode() + b"\n",
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)

    leaks = find_canaries([tmp_path])

    assert {Path(leak.split(" in ")[1]).name for leak in leaks} == set(contents)


@pytest.mark.engine
@pytest.mark.parametrize(
    "has_expired_links",
    [
        False,
        # The task asks for the clip again for some minutes.
        pytest.param(True, marks=pytest.mark.long),
    ],
)
def test_run_writes_no_secret(machine: Machine, *, has_expired_links: bool) -> None:
    """Rendered, moderated and rejected shots, and a vendor that repeats the key."""
    machine.faults.inject("refused", mount="modelark", code="InputTextSensitiveContentDetected")
    if has_expired_links:
        machine.faults.inject("links_expired", mount="cometapi-volc", times=-1)

    assert machine.run("plan", "board.yaml", "--json") == 0
    assert machine.run("providers", "--json") == 0
    assert machine.run("render", "board.yaml", "--yes", "--json") == 3

    output = machine.output.decode()
    assert output.count('"outcome": "rendered"') >= 4, output
    assert "SHOTCHAIN_INFINITY_BLUE_BASE_URL" in output
    assert list(machine.root.rglob("prefect.db"))
    assert machine.find_leaks() == []


@pytest.mark.long
def test_bug_report_contains_no_secret(machine: Machine) -> None:
    """An exception with the key in its message is redacted in the log and in Prefect's records."""
    argv = ("render", "board.yaml", "--yes", "--json", "--only", "two")
    assert machine.run(*argv, script=BUG) == 70

    (log,) = (machine.root / "tmp").glob("shotchain-*.log")
    assert "RuntimeError" in log.read_text()
    assert str(log) in machine.output.decode()
    database = next(machine.root.rglob("prefect.db"))
    with sqlite3.connect(database) as records:
        messages = str(records.execute("select message from flow_run_state").fetchall())
        messages += str(records.execute("select message from task_run_state").fetchall())
    records.close()
    assert "this is a bug of shotchain" in messages
    assert machine.find_leaks() == []


FLOW = """
import asyncio, sys
from prefect.blocks.system import Secret
from flows.render import render_storyboard

Secret(value=sys.stdin.readline().strip()).save("shotchain-ark-api-key")
asyncio.run(render_storyboard("work/board.yaml", store="store", out="film.mp4", yes=True))
"""


@pytest.mark.served
def test_server_records_contain_no_secret(machine: Machine) -> None:
    """Logs, states, parameters and blocks of a run whose key comes from a Secret block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    machine.variables |= {
        "PREFECT_HOME": str(machine.root / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "prefect", "server", "start", "--no-ui", "--port", str(port)],
        env=machine.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}/api/health")
        machine.variables["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
        env = machine.env
        del env["SHOTCHAIN_ARK_API_KEY"]
        result = subprocess.run(
            [sys.executable, "-c", FLOW],
            cwd=machine.root,
            env=env,
            input=KEYS["ark"].encode() + b"\n",
            capture_output=True,
            timeout=600,
            check=False,
        )
        time.sleep(5)  # Prefect sends and writes logs a moment later.
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=60)
    machine.output = result.stdout + result.stderr

    assert b"needs an API key" not in machine.output
    assert list((machine.root / "store" / "previz").glob("*/clip.mp4")), machine.output.decode()
    database = (machine.root / "prefect").glob("prefect.db*")
    assert b"one: submit" in b"".join(path.read_bytes() for path in database)
    assert machine.find_leaks() == []


def wait_until_healthy(url: str) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5) as response:
            if response.status == 200:
                return
        time.sleep(0.5)
    pytest.fail(f"{url} does not answer")
