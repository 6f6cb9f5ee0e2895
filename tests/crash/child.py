"""Runs of the command that can be killed: each in a process forked from this one, without Prefect.

Started by `stage`; one line of JSON in, the child's pid out at once, its exit code when it is over.
What a run writes durably is watched from here, not from the product: every `os.fsync` and every
rename passes `Watch`, which notes its name and kills the process at the one it was told.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.run import Run

# Staging files are named after their place: .NAME.PID.NANOSECONDS.staging, .NAME.RANDOM.part
SUFFIXES = {".staging": 3, ".part": 2}

PRELOADED = (
    *("av", "httpx", "PIL.Image", "flows.cli.main", "flows.cli.render", "flows.render"),
    *("storyboards.loading", "tasks.assembly", "tasks.media.frames", "tasks.planning.planner"),
)


class Watch:
    """Names the moments of every durable write, and kills at one of them.

    written   the staging file is complete, and not synced
    synced    it is, and not renamed
    renamed   it has its name, and the folder is not synced
    durable   it is
    """

    def __init__(self, log: Path, kill: str | None) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._kill = kill
        self._seen: Counter[str] = Counter()
        self._names: dict[str, str] = {}
        self._lock = threading.Lock()
        self._here = threading.local()
        self._fsync, self._replace = os.fsync, os.replace

    def install(self) -> None:
        os.fsync, os.replace = self.fsync, self.replace

    def know(self, folder: Path, name: str) -> None:
        """What a folder of the store is called in a step's name."""
        self._names[str(folder)] = name

    def fsync(self, file: int) -> None:
        path = Path(f"/proc/self/fd/{file}").readlink()
        if path.is_dir():
            self._fsync(file)
            self._pass(self._here.step, "durable")
        else:
            self._here.step = self._name(path, place_of(path))
            self._pass(self._here.step, "written")
            self._fsync(file)

    def replace(self, source: Any, target: Any) -> None:
        step = getattr(self._here, "step", str(target))
        self._pass(step, "synced")
        self._replace(source, target)
        self._pass(step, "renamed")

    def _name(self, staging: Path, place: Path) -> str:
        shot = self._names.get(str(place.parent), place.parent.name)
        name = f"{shot}/{place.name}"
        if place.name == "receipt.json":
            name += f" {json.loads(staging.read_bytes())['attempts'][-1]['state']}"
        with self._lock:
            self._seen[name] += 1
            return name if self._seen[name] == 1 else f"{name} again"

    def _pass(self, step: str, moment: str) -> None:
        words = f"{step} {moment}"
        os.write(self._log, words.encode() + b"\n")
        if words == self._kill:
            os.kill(os.getpid(), signal.SIGKILL)


def place_of(staging: Path) -> Path:
    """Where a staging file will be."""
    parts = staging.name.removeprefix(".").split(".")
    return staging.with_name(".".join(parts[: -SUFFIXES.get(staging.suffix, 0) or None]))


def name_folders(watch: Watch) -> Callable[[Run], None]:
    """Return a function that gives the folders of a run's shots names for `Watch`."""

    def name(run: Run) -> None:
        for shot in run.plan.shots_to_render:
            watch.know(run.records_of(shot).folder_of(shot.key), shot.id)

    return name


def perform(job: dict[str, Any]) -> int:
    """One command, in a process of its own."""
    os.environ.clear()
    os.environ.update(job["words"])
    os.chdir(job["folder"])
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(job[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    watch = Watch(Path(job["log"]), job["kill"])
    watch.install()
    from flows.cli.main import main
    from tests.support.plain_tasks import command_without_engine

    with command_without_engine(name_folders(watch)):
        return main(job["argv"])


def import_all() -> None:
    """Import once what every run needs: it takes longer than the run."""
    for name in PRELOADED:
        importlib.import_module(name)


def main() -> None:
    import_all()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            code = 70
            try:
                code = perform(json.loads(line))
                sys.stdout.flush()
            finally:
                os._exit(code)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
