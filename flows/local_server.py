"""The Prefect server of a run: the user's own, or a local server that ends with the run.

If `PREFECT_API_URL` is set, that server is used, after it has answered. Otherwise a process is
started that gets ready while this one imports Prefect, which takes about as long. A killed run
leaves at most a record of that process; the next run ends the recorded process if it still exists.

The local server and its client take no Prefect setting of the user, from variables, profiles or
files. Every server has an authentication string of its own, because web pages can send requests to
loopback too.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import (
    ExitStack,
    chdir,
    closing,
    contextmanager,
    redirect_stderr,
    suppress,
)
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from tasks.errors import NotConfigured
from tasks.own_files import check_tree
from tasks.providers.url_policy import is_loopback_url
from tasks.settings import (
    Settings,
    child_environment,
    exclude_loopback_from_proxies,
    replace_prefect_settings,
    set_environment,
)
from tasks.store.atomic_files import staged_file
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

SERVER_MODULE = "flows.server_process"
"""The module that a local server runs as its program."""

START_TIMEOUT_SECONDS = 300

FOLDER = Path(__file__).parent
"""The working directory of Prefect: a folder that has none of the files that Prefect reads."""


class ServerAddress(NamedTuple):
    """The port of a local server, and the string that authenticates its client."""

    port: int
    auth_string: str

    @property
    def origin(self) -> str:
        """The URL without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_url(self) -> str:
        """The value of `PREFECT_API_URL` for a client."""
        return f"{self.origin}/api"


@contextmanager
def prefect_server(
    settings: Settings, store: Store, *, log_level: str = "CRITICAL"
) -> Iterator[Callable[[], None]]:
    """Prepare the import of Prefect and start its server, which ends with this block.

    Within the block the working directory is another one.

    Args:
        settings: The settings of the run.
        store: The store that keeps the data of the server.
        log_level: The lowest level of Prefect's log that is shown on stderr.

    Yields:
        A function that imports Prefect and waits until the server answers. It raises NotConfigured
        if the server does not answer, or does not accept this client.

    Raises:
        NotConfigured: The server cannot be started.
    """
    url = settings.prefect_api_url
    exclude_loopback_from_proxies(drop_unusable=not url or is_loopback_url(url))
    # Prefect reads settings from files in the working directory (.env, prefect.toml,
    # pyproject.toml), and they can name code to run. A stranger's board may come with such files.
    with chdir(FOLDER):
        if url:
            # Its server keeps the log of the run at the level that the user sets.
            console = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": log_level}
            set_environment({**COMMON_SETTINGS, **console})
            yield partial(_check_server, url)
        else:
            with _local_server(store, log_level) as wait_for_server:
                yield wait_for_server


def _check_server(url: str) -> None:
    try:
        # The import of Prefect reads its settings, and prints whatever it dislikes in them.
        with redirect_stderr(StringIO()):
            from flows.server_check import check_server
    except ValueError as error:
        msg = "Prefect can't read its settings; `prefect config view` names the wrong one"
        raise NotConfigured(msg) from error
    check_server(url)


@contextmanager
def _local_server(store: Store, log_level: str) -> Iterator[Callable[[], None]]:
    # An older Prefect cannot read the database of a newer one.
    home = store.root / "prefect" / version("prefect")
    check_tree(home)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    stop_abandoned_servers(home)
    with _database_creation(home) as mark_created, _server_process(home) as (process, address):
        replace_prefect_settings(
            {
                **COMMON_SETTINGS,
                **_home_settings(home),
                "PREFECT_API_URL": address.api_url,
                "PREFECT_API_AUTH_STRING": address.auth_string,
                "PREFECT_LOGGING_LEVEL": log_level,
                "PREFECT_LOGGING_TO_API_ENABLED": "false",
                "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
            }
        )

        def wait_for_server() -> None:
            # The import takes as long as the start of the server, which goes on meanwhile.
            import_module("flows.render")
            _wait_until_ready(process, address, home / "server.log")
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

    Files that can name code are Prefect's own, because the store may be a stranger's.
    """
    spec = find_spec("prefect")
    package = Path(spec.origin).parent if spec and spec.origin else home
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_LOGGING_CONFIG_PATH": str(package / "logging" / "logging.yml"),
        "PREFECT_PROFILES_PATH": str(package / "settings" / "profiles.toml"),
    }


@contextmanager
def _server_process(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], ServerAddress]]:
    """Run the server within this block; yield its process and address."""
    # The socket listens before the server runs, so that early requests wait instead of failing.
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        auth_string = f"shotchain:{secrets.token_urlsafe(32)}"
        address = ServerAddress(listener.getsockname()[1], auth_string)
        process = _start_process(listener, address, home)
    try:
        with _record_process(home, process.pid, address):
            yield process, address
    finally:
        stop_process(process)


def _start_process(
    listener: socket.socket, address: ServerAddress, home: Path
) -> subprocess.Popen[bytes]:
    database = home / "prefect.db"
    variables = {
        **COMMON_SETTINGS,
        **SERVER_SETTINGS,
        **_home_settings(home),
        # Prefect would take a `?` in the path of its home for the end of the file's name.
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{quote(str(database))}",
        "PREFECT_SERVER_API_AUTH_STRING": address.auth_string,
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": address.origin,
        "PYTHONPATH": os.pathsep.join([str(FOLDER.parent), *filter(None, sys.path)]),
    }
    try:
        with (home / "server.log").open("wb") as log:
            return subprocess.Popen(
                # -P: Python would look for every module in the working directory first.
                [sys.executable, "-P", "-m", SERVER_MODULE, str(listener.fileno())],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=FOLDER,
                env=child_environment(variables),
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
    except OSError as error:
        msg = f"the local Prefect server can't be started: {error.strerror}; set PREFECT_API_URL"
        raise NotConfigured(msg) from error


def _wait_until_ready(process: subprocess.Popen[bytes], address: ServerAddress, log: Path) -> None:
    """Wait until the server answers a request with the authentication string."""
    token = b64encode(address.auth_string.encode()).decode()
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with (
            suppress(OSError, HTTPException),
            closing(HTTPConnection("127.0.0.1", address.port, timeout=5)) as connection,
        ):
            headers = {"Authorization": f"Basic {token}"}
            connection.request("GET", "/api/admin/version", headers=headers)
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
def _record_process(home: Path, pid: int, address: ServerAddress) -> Iterator[None]:
    """Keep a record of a server within this block, with a lock that ends with this process."""
    path = home / f"run-{os.getpid()}-{pid}.json"
    record = {
        "pid": pid,
        "started": process_start_time(pid),
        "api_url": address.api_url,
        "auth_string": address.auth_string,
    }
    with path.with_suffix(".lock").open("ab") as lock:
        try_lock(lock)
        with staged_file(path) as temp_path:
            temp_path.write_text(json.dumps(record))
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
    """End a server of a run, first with SIGTERM, then with SIGKILL.

    A record in a stranger's store can name any process: others than our servers are left alone.
    """
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        for _ in range(30):
            if not start_time or process_start_time(pid) != start_time:
                return
            if SERVER_MODULE not in _read_command_line(pid):
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
        return _ask_ps(pid, "lstart")
    state, start_time = fields[0], fields[19]
    # A zombie has ended; only its parent has not waited for it yet.
    return "" if state == "Z" else start_time


def _read_command_line(pid: int) -> list[str]:
    """Return the arguments of a process; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return _ask_ps(pid, "command").split()


def _ask_ps(pid: int, column: str) -> str:
    result = subprocess.run(
        ["ps", "-o", f"{column}=", "-p", str(pid)],  # noqa: S607 - macOS; its folder may differ
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.strip()
