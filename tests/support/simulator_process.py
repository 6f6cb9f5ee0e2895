"""Serve the simulator in a process of its own, as a user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.settings import child_environment

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def simulator_process(store: Path, **env: str) -> Iterator[dict[str, str]]:
    """Run `shotchain simulate` within this block.

    Args:
        store: The store that gets the simulator's folder, `simulator`.
        **env: Variables of the process.

    Yields:
        The variables that send the requests to every provider to this simulator.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "simulate", "--json", "--store", str(store)],
        cwd=ROOT,
        env=child_environment({"PYTHONPATH": os.fspath(ROOT), **env}),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout
        exported: dict[str, str] = json.loads(process.stdout.readline())["export"]
        yield exported
    finally:
        process.terminate()
        process.communicate(timeout=60)
