"""Run the command in child processes that can be killed; each is forked from this one.

Started by `trial.ForkServer`. It reads one line of JSON per run, and prints the child's pid at once
and its exit code when it has ended. Prefect is imported once, in the parent, and its engine is not
used. The durable writes of a run are observed here and not in the product: every `os.fsync` and
every rename passes `WriteMonitor`, which logs its step and kills the process at the requested one.
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

TEMP_NAME_PARTS = {".staging": 3, ".part": 2}
"""Parts that a temporary file adds to the name of its destination, by its suffix.

The names are `.NAME.PID.NANOSECONDS.staging` and `.NAME.RANDOM.part`.
"""

PRELOADED = (
    *("av", "httpx", "PIL.Image", "flows.cli.main", "flows.cli.render", "flows.render"),
    *("storyboards.loading", "tasks.assembly", "tasks.board_film", "tasks.media.frames"),
    *("tasks.media.retitle", "tasks.planning.planner"),
    "tests.support.plain_tasks",
)


class WriteMonitor:
    """Log the steps of every durable write, and kill the process at one of them.

    The steps of a write are:

    written   the temporary file is complete, but not synced
    synced    the file is synced, but not renamed
    renamed   the file has its final name, but the folder is not synced
    durable   the folder is synced
    """

    def __init__(self, log: Path, kill_at: str | None) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._kill_at = kill_at
        self._counts: Counter[str] = Counter()
        self._folder_names: dict[str, str] = {}
        self._lock = threading.Lock()
        self._thread = threading.local()
        self._fsync, self._replace = os.fsync, os.replace

    def install(self) -> None:
        os.fsync = self.fsync  # type: ignore[assignment]
        os.replace = self.replace  # type: ignore[assignment]

    def name_folder(self, folder: Path, name: str) -> None:
        """Set the name that steps use for a folder of the store."""
        self._folder_names[str(folder)] = name

    def fsync(self, file: int) -> None:
        path = Path(f"/proc/self/fd/{file}").readlink()
        if path.is_dir():
            self._fsync(file)
            self._pass(self._thread.write, "durable")
        else:
            self._thread.write = self._describe_write(path)
            self._pass(self._thread.write, "written")
            self._fsync(file)

    def replace(self, source: Any, target: Any, **folders: int) -> None:
        write = getattr(self._thread, "write", str(target))
        self._pass(write, "synced")
        self._replace(source, target, **folders)
        self._pass(write, "renamed")

    def _describe_write(self, temp_path: Path) -> str:
        destination = find_destination(temp_path)
        shot = self._folder_names.get(str(destination.parent), destination.parent.name)
        write = f"{shot}/{destination.name}"
        if destination.name == "receipt.json":
            write += f" {json.loads(temp_path.read_bytes())['attempts'][-1]['state']}"
        with self._lock:
            self._counts[write] += 1
            return write if self._counts[write] == 1 else f"{write} again"

    def _pass(self, write: str, moment: str) -> None:
        step = f"{write} {moment}"
        os.write(self._log, step.encode() + b"\n")
        if step == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def find_destination(temp_path: Path) -> Path:
    """Return the path that a temporary file is renamed to."""
    parts = temp_path.name.removeprefix(".").split(".")
    count = TEMP_NAME_PARTS.get(temp_path.suffix, 0)
    return temp_path.with_name(".".join(parts[: -count or None]))


def name_shot_folders(monitor: WriteMonitor) -> Callable[[Run], None]:
    """Return a function that names the folders of a run's shots after the shots."""

    def name_folders(run: Run) -> None:
        for shot in run.plan.shots_to_render:
            monitor.name_folder(run.records_of(shot).folder_of(shot.key), shot.id)

    return name_folders


def run_command(job: dict[str, Any]) -> int:
    """Run one command in this process and return its exit code."""
    os.environ.clear()
    os.environ.update(job["env"])
    os.chdir(job["folder"])
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(job[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    monitor = WriteMonitor(Path(job["log"]), job["kill_at"])
    monitor.install()
    from flows.cli.main import main
    from tests.support.plain_tasks import command_without_engine

    with command_without_engine(name_shot_folders(monitor)):
        return main(job["argv"])


def import_all() -> None:
    """Import what every run needs: imports take longer than the run."""
    for name in PRELOADED:
        importlib.import_module(name)


def main() -> None:
    import_all()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            code = 70
            try:
                code = run_command(json.loads(line))
                sys.stdout.flush()
            finally:
                os._exit(code)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
