"""The Prefect server of a run: the user's own, or a local server that ends with the run.

If `PREFECT_API_URL` is set, that server is used. Otherwise a process is started that gets ready
while this one imports Prefect, which takes about as long. A killed run leaves at most a record of
that process; the next run ends the recorded process if it still exists.
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
"""Prefect's settings in the run and in its server: no telemetry, no noise, time to start."""

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
"""Further settings of the server of a run."""

START_TIMEOUT_SECONDS = 300

ROOT = Path(__file__).parents[1]
"""The folder that the server imports this package from."""


@contextmanager
def prefect_server(settings: Settings, store: Store) -> Iterator[Callable[[], None]]:
    """Prepare the import of Prefect and start its server, which ends with this block.

    Within the block the working directory is another one.

    Args:
        settings: The settings of the run.
        store: The store that keeps the data of the server.

    Yields:
        A function that waits until the server answers, and raises NotConfigured if it does not.

    Raises:
        NotConfigured: The server cannot be started.
    """
    set_environment(COMMON_SETTINGS)
    # Prefect reads settings from files in the working directory (.env, prefect.toml,
    # pyproject.toml), and they can name code to run. A stranger's board may come with such files.
    with chdir(ROOT):
        if settings.prefect_api_url:
            yield lambda: None
        else:
            with _local_server(store) as wait_for_server:
                yield wait_for_server


@contextmanager
def _local_server(store: Store) -> Iterator[Callable[[], None]]:
    # An older Prefect cannot read the database of a newer one.
    home = store.root / "prefect" / version("prefect")
    home.mkdir(parents=True, exist_ok=True)
    stop_abandoned_servers(home)
    with _database_creation(home) as mark_created, _server_process(home) as (process, port):
        set_environment(
            {
                **_home_settings(home),
                "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
                "PREFECT_LOGGING_LEVEL": "CRITICAL",
                "PREFECT_LOGGING_TO_API_ENABLED": "false",
                "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
            }
        )

        def wait_for_server() -> None:
            _wait_for_health(process, port, home / "server.log")
            mark_created()

        yield wait_for_server


@contextmanager
def _database_creation(home: Path) -> Iterator[Callable[[], None]]:
    """Let one run at a time create the database: two servers cannot do that at once.

    Yields:
        A function to call when the server answers, so that other runs go on.
    """
    marker = home / "made"
    with ExitStack() as stack:
        if not marker.exists():
            lock = stack.enter_context(open_lock_file(home / "made.lock"))
            wait_for_lock(lock)
            if marker.exists():
                stack.close()

        def mark_created() -> None:
            marker.touch()
            stack.close()

        yield mark_created


def _home_settings(home: Path) -> dict[str, str]:
    """Return the settings for a home folder that holds data only.

    Files that can name code are Prefect's own, because the store may be a stranger's. Variables of
    the user's environment take precedence.
    """
    spec = find_spec("prefect")
    package = Path(spec.origin).parent if spec and spec.origin else home
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_LOGGING_CONFIG_PATH": str(package / "logging" / "logging.yml"),
        "PREFECT_PROFILES_PATH": str(package / "settings" / "profiles.toml"),
    }


@contextmanager
def _server_process(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run the server within this block; yield its process and port."""
    # The socket listens before the server runs, so that early requests wait instead of failing.
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        port: int = listener.getsockname()[1]
        process = _start_process(listener, home)
    try:
        with _record_process(home, process.pid):
            yield process, port
    finally:
        stop_process(process)


def _start_process(listener: socket.socket, home: Path) -> subprocess.Popen[bytes]:
    variables = {**COMMON_SETTINGS, **SERVER_SETTINGS, **_home_settings(home)}
    try:
        with (home / "server.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "flows.server_process", str(listener.fileno())],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=child_environment(variables),
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
    except OSError as error:
        msg = f"the local Prefect server can't be started: {error.strerror}; set PREFECT_API_URL"
        raise NotConfigured(msg) from error


def _wait_for_health(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with (
            suppress(OSError, HTTPException),
            closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection,
        ):
            connection.request("GET", "/api/health")
            if connection.getresponse().status == HTTPStatus.OK:
                return
    msg = f"the local Prefect server does not start: see {log}, or set PREFECT_API_URL"
    raise NotConfigured(msg)


def stop_process(process: subprocess.Popen[bytes]) -> None:
    """Terminate a server and wait for its end; kill it after a few seconds."""
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin:
        process.stdin.close()


@contextmanager
def _record_process(home: Path, pid: int) -> Iterator[None]:
    """Keep a record of a server within this block, with a lock that ends with this process."""
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
    """End the servers of killed runs, if the process with that pid is still the recorded one."""
    for path in home.glob("run-*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            with path.with_suffix(".lock").open("ab") as lock:
                if not try_lock(lock):
                    continue
                record = json.loads(path.read_bytes())
                _kill(int(record["pid"]), str(record["started"]))
            path.with_suffix(".lock").unlink(missing_ok=True)
            path.unlink(missing_ok=True)


def _kill(pid: int, start_time: str) -> None:
    """End a process, first with SIGTERM, then with SIGKILL."""
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        for _ in range(30):
            if not start_time or process_start_time(pid) != start_time:
                return
            os.kill(pid, signal_number)
            time.sleep(0.1)


def process_start_time(pid: int) -> str:
    """Return when a process was started, in the system's format; empty if it has ended.

    Together with the pid this identifies a process, because pids are reused.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""
        result = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607 - macOS; its folder may differ
            capture_output=True,
            text=True,
            check=False,
        )
        return result.stdout.strip()
    state, start_time = fields[0], fields[19]
    # A zombie has ended; only its parent has not waited for it yet.
    return "" if state == "Z" else start_time
