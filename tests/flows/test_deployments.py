"""The documented commands for a Prefect server, from a fresh clone to a film in the store."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support.documents import ROOT, read_block, read_document

DOCUMENT = "flows/README.md"

pytestmark = pytest.mark.served


@pytest.fixture(scope="module")
def port() -> int:
    """Find a free port for the server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clone the repository and install it in its own environment by the README's commands."""
    folder = tmp_path_factory.mktemp("fresh") / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    readme = read_document("README.md")
    install = re.search(r"```sh\n(python3 -m pip.*?) && \.venv/bin/shotchain", readme)
    assert install, "README has no command that installs the tool"
    if (ROOT / ".tools").is_dir():
        shutil.copytree(ROOT / ".tools", folder / ".tools")
    subprocess.run(["bash", "-ec", install[1]], cwd=folder, check=True)
    return folder


@contextmanager
def run_in_background(commands: str, clone: Path, env: dict[str, str], log: Path) -> Iterator[None]:
    """Run commands in a shell within this block; end them with all their children afterwards."""
    with log.open("wb") as file:
        shell = subprocess.Popen(
            ["bash", "-c", commands],
            cwd=clone,
            env=env,
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


def wait_until_healthy(url: str, log: Path) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                if response.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    pytest.fail(f"the server does not answer: {log.read_text()[-2000:]}")


def wait_until_logged(text: str, log: Path) -> None:
    deadline = time.monotonic() + 180
    while text not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.5)


def run(commands: str, clone: Path, env: dict[str, str], log: Path) -> str:
    """Run commands that must succeed and return their output; `log` is the worker's."""
    result = subprocess.run(
        ["bash", "-ec", commands],
        cwd=clone,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}\n{log.read_text()[-3000:]}"
    return result.stdout


def count_task_states(port: int, output: str) -> dict[str, int]:
    """Return the number of tasks in each state, for the run that a command printed."""
    flow_run = re.search(r"UUID: ([0-9a-f-]{36})", output)[1]
    body = json.dumps({"flow_runs": {"id": {"any_": [flow_run]}}}).encode()
    url = f"http://127.0.0.1:{port}/api/task_runs/filter"
    # The server records the last states a moment after the run.
    for _ in range(60):
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as response:
            names = [task_run["state_name"] for task_run in json.load(response)]
        if names and set(names) <= {"Cached", "Completed"}:
            break
        time.sleep(0.5)
    return dict(Counter(names))


def switch_schedule(commands: str, clone: Path, env: dict[str, str], log: Path) -> list[bool]:
    """Run the commands that list, resume and pause a schedule; return if it is active each time."""
    *setup, show, resume, pause = commands.strip().splitlines()
    states = []
    schedule_id = ""
    for switch in ("", resume, pause):
        command = switch.replace("SCHEDULE_ID", schedule_id)
        output = run("\n".join([*setup, command, show]), clone, env, log)
        schedule_id = re.search(r"[0-9a-f-]{36}", output)[0]
        states.append(re.search(rf"{schedule_id}.*(True|False)", output)[1] == "True")
    return states


def test_documented_commands_deploy_and_render(
    clone: Path, port: int, tmp_path: Path, decode
) -> None:
    """Server, pool, deployment, worker and run work; in later runs every shot is Cached."""
    env = {
        **os.environ,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "HOME": str(tmp_path / "home"),
    }
    commands = {
        name: read_block(DOCUMENT, name).replace("4200", str(port))
        for name in ("server", "worker", "run", "schedule")
    }
    nightly = re.sub(r"/storyboard .*--watch", "/nightly --watch", commands["run"])
    server_log, worker_log = tmp_path / "server.log", tmp_path / "worker.log"
    with run_in_background(commands["server"], clone, env, server_log):
        wait_until_healthy(f"http://127.0.0.1:{port}/api/health", server_log)
        with run_in_background(commands["worker"], clone, env, worker_log):
            wait_until_logged("started!", worker_log)
            outputs = [
                run(command, clone, env, worker_log)
                for command in (commands["run"], commands["run"], nightly)
            ]
            states = [count_task_states(port, output) for output in outputs]
            active = switch_schedule(commands["schedule"], clone, env, worker_log)

    assert "finished successfully" in outputs[0]
    assert states == [{"Completed": 10}, *[{"Cached": 3, "Completed": 1}] * 2]
    assert decode(clone / ".shotchain" / "films" / "lighthouse.mp4").frames == 3 * 97 - 2
    assert not (clone / "films").exists()
    assert active == [False, True, False]


def test_installed_prefect_is_locked_version() -> None:
    """The tests of the server are valid only for the locked version."""
    locked = re.search(r"^prefect==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)

    assert version("prefect") == locked[1]
