"""Prefect's engine for a run of ours: which server it talks to, and that none outlives the run.

Where `PREFECT_API_URL` names a server, that one is used. Otherwise a server of our own starts, as
a process beside the import of Prefect, which takes about as long. A run that was killed leaves at
most a record behind; the next run ends what the record names, if it is still that process.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir, closing, contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from tasks.errors import NotConfigured
from tasks.settings import Settings, child_environment, set_environment
from tasks.store.atomic_files import write_record
from tasks.store.layout import Store
from tasks.store.locks import open_lock_file, try_lock, wait_for_lock

COMMON_SETTINGS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    # The default of 20 s fails on a busy machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
}
"""What every Prefect process of ours is told: no telemetry, no noise, time to start."""

SERVER_SETTINGS = {
    # A server of one run has nothing to schedule, to expire or to vacuum.
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_REPOSSESSOR_ENABLED": "false",
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_SERVER_UI_ENABLED": "false",
}
"""What our own server is told on top."""


START_SECONDS = 300

ROOT = Path(__file__).parents[1]


@contextmanager
def prefect_server(settings: Settings, store: Store) -> Iterator[Callable[[], None]]:
    """Make Prefect ready to import: its server starts now and ends with this block.

    Yields a function that waits until the server answers. Both raise NotConfigured where it can't
    be started. Within this block the working directory is another one.
    """
    set_environment(COMMON_SETTINGS)
    # Prefect takes settings from files in the working directory (.env, prefect.toml,
    # pyproject.toml), and they can name code to run: whoever hands over a board could write them.
    with chdir(ROOT):
        if settings.prefect_api_url:
            yield lambda: None
        else:
            with _local(store) as wait_for_server:
                yield wait_for_server


@contextmanager
def _local(store: Store) -> Iterator[Callable[[], None]]:
    # An older Prefect can't read the database of a newer one.
    home = store.root / "prefect" / version("prefect")
    stop_abandoned_servers(home)
    with _first_start(home) as started_well, _server(home) as (child, port):
        set_environment(
            {
                **_at(home),
                "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
                "PREFECT_LOGGING_LEVEL": "CRITICAL",
                "PREFECT_LOGGING_TO_API_ENABLED": "false",
                "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
            }
        )

        def wait_for_server() -> None:
            _await_answer(child, port, home / "server.log")
            started_well()

        yield wait_for_server


@contextmanager
def _first_start(home: Path) -> Iterator[Callable[[], None]]:
    """Wait while another run starts the first server here: two can't make one database at once.

    Yields a function to call once the server answers.
    """
    home.mkdir(parents=True, exist_ok=True)
    made = home / "made"
    with ExitStack() as stack:
        if not made.exists():
            lock = stack.enter_context(open_lock_file(home / "made.lock"))
            wait_for_lock(lock)
            if made.exists():
                stack.close()

        def started_well() -> None:
            made.touch()
            stack.close()

        yield started_well


def _at(home: Path) -> dict[str, str]:
    """A home for data alone: what may name code is Prefect's own, for a store may be a stranger's.

    The variables of the user's environment still count.
    """
    found = find_spec("prefect")
    package = Path(found.origin).parent if found and found.origin else home
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_LOGGING_CONFIG_PATH": str(package / "logging" / "logging.yml"),
        "PREFECT_PROFILES_PATH": str(package / "settings" / "profiles.toml"),
    }


@contextmanager
def _server(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    home.mkdir(parents=True, exist_ok=True)
    # The socket listens before the server runs: whoever asks early waits in its queue.
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        port: int = listener.getsockname()[1]
        child = _start(listener, home)
    try:
        with _recorded(home, child.pid):
            yield child, port
    finally:
        stop_process(child)


def _start(listener: socket.socket, home: Path) -> subprocess.Popen[bytes]:
    words = {**COMMON_SETTINGS, **SERVER_SETTINGS, **_at(home)}
    try:
        with (home / "server.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "flows.server_process", str(listener.fileno())],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=child_environment(words),
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
    except OSError as error:
        msg = f"the local Prefect server can't be started: {error.strerror}; set PREFECT_API_URL"
        raise NotConfigured(msg) from error


def _await_answer(child: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        with (
            suppress(OSError, HTTPException),
            closing(HTTPConnection("127.0.0.1", port, timeout=5)) as server,
        ):
            server.request("GET", "/api/health")
            if server.getresponse().status == HTTPStatus.OK:
                return
    msg = f"the local Prefect server does not start; {log} says why, or set PREFECT_API_URL"
    raise NotConfigured(msg)


def stop_process(child: subprocess.Popen[bytes]) -> None:
    """End our server: ask first, insist after a few seconds, and leave nothing of it behind."""
    child.terminate()
    try:
        child.wait(timeout=5)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdin:
        child.stdin.close()


@contextmanager
def _recorded(home: Path, pid: int) -> Iterator[None]:
    """Leave word of a child for as long as this run lives; the open lock says that it does."""
    path = home / f"run-{os.getpid()}-{pid}.json"
    with path.with_suffix(".lock").open("ab") as lock:
        try_lock(lock)
        write_record(path, {"pid": pid, "started": process_start_time(pid)})
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            path.with_suffix(".lock").unlink(missing_ok=True)


def stop_abandoned_servers(home: Path) -> None:
    """End the servers of runs that are gone, where the process is still the recorded one."""
    for path in home.glob("run-*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            with path.with_suffix(".lock").open("ab") as lock:
                if not try_lock(lock):
                    continue
                record = json.loads(path.read_bytes())
                _kill(int(record["pid"]), str(record["started"]))
            path.with_suffix(".lock").unlink(missing_ok=True)
            path.unlink(missing_ok=True)


def _kill(pid: int, recorded: str) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for _ in range(30):
            if not recorded or process_start_time(pid) != recorded:
                return
            os.kill(pid, sign)
            time.sleep(0.1)


def process_start_time(pid: int) -> str:
    """When a process began, in whatever words the system has; empty where it is not there."""
    try:
        facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""
        told = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607 - macOS, wherever it keeps it
            capture_output=True,
            text=True,
            check=False,
        )
        return told.stdout.strip()
    # A zombie has ended; only its parent has not looked yet.
    return "" if facts[0] == "Z" else facts[19]
