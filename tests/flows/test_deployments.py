"""README's commands for a Prefect server, from a fresh clone to a film in the store."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

pytestmark = pytest.mark.served


def block(marker: str) -> str:
    """The shell commands of README's block behind a marker."""
    found = re.search(rf"<!-- {marker} -->\n```sh\n(.*?)```", README, re.DOTALL)
    assert found, f"README has no block {marker}"
    return found[1]


@pytest.fixture(scope="module")
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git has, with an environment of its own, installed as README says."""
    folder = tmp_path_factory.mktemp("fresh") / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    first = re.search(r"```sh\n(python3 -m pip.*?) && \.venv/bin/shotchain", README)
    if (ROOT / ".tools").is_dir():
        shutil.copytree(ROOT / ".tools", folder / ".tools")
    subprocess.run(["bash", "-ec", first[1]], cwd=folder, check=True)
    return folder


@contextmanager
def running(commands: str, clone: Path, environment: dict[str, str], log: Path) -> Iterator[None]:
    """Commands in a shell of their own, ended with all their children at the end."""
    with log.open("wb") as file:
        shell = subprocess.Popen(
            ["bash", "-c", commands],
            cwd=clone,
            env=environment,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(shell.pid, number)
                    shell.wait(timeout=15)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue


def wait_until_answering(url: str, log: Path) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    pytest.fail(f"the server does not answer: {log.read_text()[-2000:]}")


def wait_until_saying(words: str, log: Path) -> None:
    deadline = time.monotonic() + 180
    while words not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.5)


def test_the_commands_of_the_readme_lead_to_a_film_in_the_store(
    clone: Path, port: int, tmp_path: Path
) -> None:
    """Server, pool, deploy, worker, run; a second run finds every shot Cached."""
    environment = {
        **os.environ,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "HOME": str(tmp_path / "home"),
    }
    commands = {
        name: block(name).replace("4200", str(port)) for name in ("server", "worker", "run")
    }
    server_log, worker_log = tmp_path / "server.log", tmp_path / "worker.log"
    with running(commands["server"], clone, environment, server_log):
        wait_until_answering(f"http://127.0.0.1:{port}/api/health", server_log)
        with running(commands["worker"], clone, environment, worker_log):
            wait_until_saying("started!", worker_log)
            told = run(commands["run"], clone, environment, worker_log)
            again = run(commands["run"], clone, environment, worker_log)
            nightly = run(
                re.sub(r"/storyboard .*--watch", "/nightly --watch", commands["run"]),
                clone,
                environment,
                worker_log,
            )

            seen = [states_of(port, one) for one in (told, again, nightly)]

    assert "finished successfully" in told
    assert seen[0] == {"Completed": 10}
    assert seen[1] == seen[2] == {"Cached": 3, "Completed": 1}
    film = clone / ".shotchain" / "films" / "lighthouse.mp4"
    assert frames_of(film) == 3 * 97 - 2
    assert not (clone / "films").exists()


def states_of(port: int, told: str) -> dict[str, int]:
    """How many tasks of a run ended in which state; the server notes them a moment later."""
    flow_run = re.search(r"UUID: ([0-9a-f-]{36})", told)[1]
    body = json.dumps({"flow_runs": {"id": {"any_": [flow_run]}}}).encode()
    url = f"http://127.0.0.1:{port}/api/task_runs/filter"
    for _ in range(60):
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            names = [one["state_name"] for one in json.load(answer)]
        if names and set(names) <= {"Cached", "Completed"}:
            break
        time.sleep(0.5)
    return dict(Counter(names))


def run(commands: str, clone: Path, environment: dict[str, str], log: Path) -> str:
    ended = subprocess.run(
        ["bash", "-ec", commands],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    told = f"{ended.stdout}\n{ended.stderr}\n{log.read_text()[-3000:]}"
    assert ended.returncode == 0, told
    return ended.stdout


def frames_of(film: Path) -> int:
    import av

    with av.open(str(film)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_the_environment_that_runs_this_is_the_locked_one() -> None:
    """The server's tests mean what they say only on the versions that are locked."""
    from importlib.metadata import version

    locked = re.search(r"^prefect==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert version("prefect") == locked[1], sys.executable
