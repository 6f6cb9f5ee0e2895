"""`shotchain simulate` as its user meets it: the first line, the variables, the faults on order."""

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

WORDS = [sys.executable, "-m", "flows.cli.main", "simulate"]
ROOT = Path(__file__).parents[2]


@contextmanager
def simulating(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*WORDS, "--store", str(folder), *words],
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


def test_the_first_line_is_where_it_listens_and_variables_follow(tmp_path) -> None:
    """Nothing else goes to stdout; how faults are ordered is told beside it. Ctrl-C is its end."""
    with simulating(tmp_path) as process:
        ready = process.stdout.readline()
        exports = [process.stdout.readline() for _ in range(2 * len(PROVIDERS))]
        hint = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20)

    found = re.fullmatch(r"READY (http://127\.0\.0\.1:\d+)\n", ready)
    assert found
    assert all(re.fullmatch(r"export SHOTCHAIN_[A-Z0-9_]+=\S+\n", line) for line in exports)
    assert f"{found[1]}/admin/faults" in hint
    assert (rest, process.returncode) == ("", 0)


def test_the_document_tells_where_faults_are_ordered_and_which_there_are(tmp_path) -> None:
    """One line of JSON; what it tells can be ordered there."""
    with simulating(tmp_path, "--json") as process:
        told = json.loads(process.stdout.readline())
        orders = [{"kind": row["name"], **row["options"]} for row in told["faults"]]
        replies = [httpx.post(told["admin"], json=one, trust_env=False) for one in orders]
        pending = httpx.get(told["admin"], trust_env=False).json()["pending"]

    assert told["ready"] == told["export"]["SHOTCHAIN_ARK_BASE_URL"].removesuffix("/ark/api/v3")
    assert {reply.status_code for reply in replies} == {200}
    assert [one["kind"] for one in pending] == [row["name"] for row in told["faults"]]
    assert all(row["says"] for row in told["faults"])


def test_the_help_tells_each_fault_and_each_way_to_order_it(capsys) -> None:
    """A curl line, a script, a word in the prompt, and every fault by its name."""
    from tasks.simulator.faults import KINDS

    with pytest.raises(SystemExit):
        main(["simulate", "--help"])
    told = capsys.readouterr().out

    assert "http://127.0.0.1:PORT/admin/faults" in told
    assert "faults.inject(" in told
    assert "[fail:CODE]" in told
    for name, kind in KINDS.items():
        assert re.search(rf"^  {name} +{re.escape(kind.description)}$", told, re.MULTILINE), name
    for provider in PROVIDERS:
        assert provider in told
    assert "{" + "mounts}" not in told


def test_other_commands_do_not_load_the_table_of_faults() -> None:
    """It would cost every `check` its making."""
    code = "import sys; from flows.cli.main import parser; parser(['check']); print(*sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert "flows.cli.simulate" in told.stdout.split()
    assert "tasks.simulator.faults" not in told.stdout.split()


@pytest.mark.parametrize("port", ["x", "65536", "-1"])
def test_a_port_that_is_none_is_a_wrong_command(port, capsys) -> None:
    """Exit 2, before anything is served."""
    assert main(["simulate", f"--port={port}"]) == 2
    assert "is no port" in capsys.readouterr().err
