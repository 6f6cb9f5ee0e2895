"""`shotchain simulate` from outside: its first line, its variables, its faults and its help."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from flows.cli.main import main
from tasks.providers import PROVIDERS
from tasks.simulator.faults import KINDS

ROOT = Path(__file__).parents[2]


@contextmanager
def serve(folder: Path, *argv: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "simulate", "--store", str(folder), *argv],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_simulate_prints_address_and_variables(tmp_path: Path) -> None:
    """Stdout has the address, then the variables; stderr how to inject faults. Ctrl-C ends it."""
    with serve(tmp_path) as process:
        ready = process.stdout.readline()
        exports = [process.stdout.readline() for _ in range(2 * len(PROVIDERS))]
        hint = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20)

    match = re.fullmatch(r"READY (http://127\.0\.0\.1:\d+)\n", ready)
    assert match
    assert all(re.fullmatch(r"export SHOTCHAIN_[A-Z0-9_]+=\S+\n", line) for line in exports)
    assert f"{match[1]}/admin/faults" in hint
    assert (rest, process.returncode) == ("", 0)


def test_simulate_json_lists_faults_that_can_be_injected(tmp_path: Path) -> None:
    """With --json the first line is a document, and every fault in it is accepted."""
    with serve(tmp_path, "--json") as process:
        document = json.loads(process.stdout.readline())
        faults = [{"kind": fault["name"], **fault["options"]} for fault in document["faults"]]
        with httpx.Client(headers=document["admin_headers"], trust_env=False) as client:
            responses = [client.post(document["admin"], json=fault) for fault in faults]
            pending = client.get(document["admin"]).json()["pending"]

    base_url = document["export"]["SHOTCHAIN_ARK_BASE_URL"]
    assert document["ready"] == base_url.removesuffix("/ark/api/v3")
    assert {response.status_code for response in responses} == {200}
    assert [fault["kind"] for fault in pending] == [fault["name"] for fault in document["faults"]]
    assert all(fault["says"] for fault in document["faults"])


def test_simulate_help_lists_every_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """The help shows how faults are injected from a shell, a script and a board, and lists all."""
    with pytest.raises(SystemExit):
        main(["simulate", "--help"])
    text = capsys.readouterr().out

    assert "http://127.0.0.1:PORT/admin/faults" in text
    assert "faults.inject(" in text
    assert "[fail:CODE]" in text
    for name, kind in KINDS.items():
        assert re.search(rf"^  {name} +{re.escape(kind.description)}$", text, re.MULTILINE), name
    for provider in PROVIDERS:
        assert provider in text
    assert "{" + "mounts}" not in text


@pytest.mark.parametrize("port", ["x", "65536", "-1"])
def test_simulate_invalid_port_ends_with_2(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A port that does not exist is an error before anything is served."""
    assert main(["simulate", f"--port={port}"]) == 2
    assert "is not a port" in capsys.readouterr().err
