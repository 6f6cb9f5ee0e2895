"""Settings of the environment that a run must not take, or must check before it pays."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.settings.models.api import APISettings
from pydantic import ValidationError

from flows.local_server import prefect_server, process_start_time, stop_abandoned_servers
from flows.run import check_ready
from flows.server_check import check_server, describe_error
from tasks.errors import NotConfigured
from tasks.settings import Settings
from tasks.store.layout import Store

ROOT = Path(__file__).parents[2]
PASSWORD = "pa55word"


@pytest.fixture
def dead_url() -> Iterator[str]:
    """The URL of a port without a listener."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://user:{PASSWORD}@127.0.0.1:{bound.getsockname()[1]}"


class Answer(BaseHTTPRequestHandler):
    """Answers every request with the status in its path."""

    def do_POST(self) -> None:
        status = int(self.path.split("/")[1])
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST  # noqa: N815 - the name that http.server calls

    def log_message(self, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def answering_url() -> Iterator[str]:
    """The URL of a server that is not Prefect's."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://user:{PASSWORD}@127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("401", "rejects the credentials (status 401): set PREFECT_API_AUTH_STRING"),
        ("403", "rejects the credentials (status 403)"),
        ("404", "can't be used (status 404): start it, or change or unset PREFECT_API_URL"),
        ("502", "can't be used (status 502)"),
        ("200", "can't be used"),
    ],
)
def test_server_that_is_unusable_is_rejected(answering_url: str, path: str, message: str) -> None:
    """A server that does not accept this client, or is not Prefect's, is named without user."""
    url = f"{answering_url}/{path}"
    with (
        temporary_settings({PREFECT_API_URL: url}),
        pytest.raises(NotConfigured) as caught,
    ):
        check_server(url)

    assert message in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert "\n" not in str(caught.value)


def render(folder: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flows.cli", "render", "board.yaml", "-q", "--yes"]
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


@pytest.mark.engine
def test_dead_server_ends_run_before_it_pays(studio, chain, dead_url: str) -> None:
    """The command ends with 3 and one sentence, and the vendor gets no request."""
    studio.write(chain("one", provider="ark"))
    environ = dict(studio.settings().variables) | {"PREFECT_API_URL": f"{dead_url}/api"}
    result = render(studio.folder, environ)

    assert result.returncode == 3
    assert "PREFECT_API_URL" in result.stderr
    assert PASSWORD not in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert studio.submits == 0


def test_missing_certificates_end_run_early(studio, chain) -> None:
    """Prefect and the clients of vendors would fail to load them, after the run has begun."""
    studio.env["SSL_CERT_FILE"] = "/nowhere.pem"

    with pytest.raises(NotConfigured, match=r"SSL_CERT_FILE names /nowhere.pem"):
        check_ready(studio.prepare(chain("one")))


@pytest.mark.parametrize("url", ["socks://127.0.0.1:1080", "::::"])
def test_unusable_proxy_ends_run_before_it_pays(studio, chain, url: str) -> None:
    """A run at a remote vendor needs the proxy; a run on this machine does not."""
    text = chain("one", provider="ark")
    studio.env["ALL_PROXY"] = url
    check_ready(studio.prepare(text))
    studio.env["SHOTCHAIN_ARK_BASE_URL"] = "https://ark.example/api/v3"

    with pytest.raises(NotConfigured, match="ALL_PROXY"):
        check_ready(studio.prepare(text))


def test_invalid_setting_is_named_without_value() -> None:
    """A setting that Prefect can't read is reported with its name; its value may be secret."""
    with pytest.raises(ValidationError) as caught:
        APISettings(request_timeout=PASSWORD)
    text = describe_error(caught.value)

    assert text.startswith("request_timeout: Input should be a valid number")
    assert PASSWORD not in text


RUN = """
import json, sys
from http.client import HTTPConnection
from pathlib import Path
from flows.local_server import prefect_server, process_start_time, stop_abandoned_servers
from flows.run import RunOptions, prepare_run
from storyboards import load
from tasks.settings import read_settings

folder = Path.cwd()
run = prepare_run(load(folder / "board.yaml"), RunOptions(), read_settings(), working_folder=folder)
run.store.initialize()
facts = {}


def ask(**headers):
    connection = HTTPConnection("127.0.0.1", port)
    connection.putrequest("POST", "/api/flow_runs/filter", skip_host="Host" in headers)
    for name, value in {"Content-Length": "2", **headers}.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders(b"{}")
    response = connection.getresponse()
    return response.status, response.headers.get("access-control-allow-origin")


with prefect_server(read_settings(), run.store) as wait_for_server:
    wait_for_server()
    (path,) = run.store.root.glob("prefect/*/run-*.json")
    record = json.loads(path.read_text())
    port = int(record["api_url"].split(":")[2].split("/")[0])
    from base64 import b64encode
    auth = "Basic " + b64encode(record["auth_string"].encode()).decode()
    facts["mode"] = path.stat().st_mode & 0o777
    facts["without auth"], _ = ask()
    facts["other auth"], _ = ask(Authorization="Basic " + b64encode(b"admin:x").decode())
    facts["with auth"], _ = ask(Authorization=auth)
    facts["other host"], _ = ask(Authorization=auth, Host="evil.example")
    facts["other origin"] = ask(Authorization=auth, Origin="https://evil.example")
    command = Path(f"/proc/{record['pid']}/cmdline").read_text()
    facts["auth in argv"] = record["auth_string"] in command
    from flows.render import run_flow
    from flows.run_context import Caller

    caller = Caller(folder, lambda *_: None)
    run_flow(folder / "board.yaml", {}, caller)
    facts["frames"] = caller.report.film.frame_count
facts["records"] = [path.name for path in run.store.root.glob("prefect/*/run-*")]
print(json.dumps(facts))
"""


@pytest.mark.engine
def test_local_server_takes_no_setting_of_user(tmp_path: Path, chain, dead_url: str) -> None:
    """With hostile settings a run ends well, and pages and other programs get no answer."""
    foreign, folder = tmp_path / "foreign", tmp_path / "what? #1 %41"
    folder.mkdir()
    (folder / "board.yaml").write_text(chain("one"))
    (folder / ".env").write_text(f"PREFECT_API_URL={dead_url}/api\n")
    database = f"sqlite+aiosqlite:///{foreign}.db"
    hostile = {
        "HTTP_PROXY": dead_url,
        "ALL_PROXY": "socks://127.0.0.1:1/",
        "NO_PROXY": "[::1]",
        "PREFECT_SERVER_API_AUTH_STRING": "admin:other",
        "PREFECT_API_AUTH_STRING": "admin:other",
        "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK": "s3-bucket/missing",
        "PREFECT_API_DATABASE_CONNECTION_URL": database,
        "prefect_server_database_connection_url": database,
        "PREFECT_HOME": str(foreign),
        "PREFECT_PROFILE": "missing",
        "PREFECT_API_REQUEST_TIMEOUT": "not a number",
        "PREFECT_SERVER_API_BASE_PATH": "/other",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "*",
        "PREFECT_LOGGING_SETTINGS_PATH": str(foreign / "logging.yml"),
    }
    result = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **hostile},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert result.returncode == 0, result.stderr

    assert json.loads(result.stdout.splitlines()[-1]) == {
        "mode": 0o600,
        "without auth": 401,
        "other auth": 401,
        "with auth": 200,
        "other host": 400,
        "other origin": [200, None],
        "auth in argv": False,
        "frames": 49,
        "records": [],
    }
    # Nothing is beside the folder: a `?` in its name ends no path.
    assert list(tmp_path.iterdir()) == [folder]


def test_only_servers_of_runs_are_ended(tmp_path: Path) -> None:
    """A record in a stranger's store can name any process with its start time."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        record = {"pid": process.pid, "started": process_start_time(process.pid)}
        (tmp_path / "run-1-2.json").write_text(json.dumps(record))
        stop_abandoned_servers(tmp_path)

        process.communicate(b"\n", timeout=60)

    assert process.returncode == 0
    assert not list(tmp_path.iterdir())


def test_server_with_url_is_checked_lazily(tmp_path: Path, dead_url: str) -> None:
    """The check comes when Prefect was imported, and leaves no process and no folder."""
    settings = Settings(prefect_api_url=f"{dead_url}/api")
    with (
        temporary_settings({PREFECT_API_URL: f"{dead_url}/api"}),
        prefect_server(settings, Store(tmp_path / "store")) as wait_for_server,
        pytest.raises(NotConfigured, match="can't be used"),
    ):
        wait_for_server()

    assert not (tmp_path / "store").exists()
