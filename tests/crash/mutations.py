"""Take a guard out of the code, one at a time, and demand that tests fail each time.

    python tests/crash/mutations.py [--only WORDS]

Works on a copy of the tracked files in a temporary folder. The tests that are named for a mutation
are run on the unharmed copy first: there they pass. Prints a table; ends with 1 where a mutation is
not noticed, and fails loudly where the code that it takes out is not there any more.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
NOTICED = 1
"""What pytest ends with where tests ran and failed."""

SHOOTING = "tests/flows/test_shooting.py"
GUARDS = "tests/flows/test_guards.py"
RESUME = "tests/flows/test_resume.py"
MATRIX = "tests/crash/test_matrix.py::test_a_run_killed_at_a_durable_step_is_finished_by_the_next"
FAULTS = "tests/crash/test_faults.py::test_a_fault_ends_as_the_table_says"


class Mutation(NamedTuple):
    """One guard, taken out."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTATIONS = (
    Mutation(
        "the intent is not written",
        "tasks/sending/submission.py",
        """\
        shelf.write(shot.key, receipt.to_record())
    sending =""",
        """\
        pass
    sending =""",
        (
            f"{SHOOTING}::test_the_intent_is_on_disk_before_the_request",
            f"{MATRIX}[cometapi-volc]",
        ),
    ),
    Mutation(
        "the job's id is not written",
        "tasks/sending/submission.py",
        """\
    shelf.write(shot.key, receipt.to_record())
    desk.tell(shot.id, "sent", None)""",
        """    desk.tell(shot.id, "sent", None)""",
        (
            f"{RESUME}::test_a_job_is_asked_for_where_it_was_sent",
            f"{MATRIX}[cometapi-volc]",
        ),
    ),
    Mutation(
        "the key is not locked",
        "tasks/sending/desk.py",
        """\
        while not try_lock(file):
            await asyncio.sleep(LOCK_POLL_SECONDS)
""",
        "",
        (f"{SHOOTING}::test_two_runs_at_once_pay_each_shot_once",),
    ),
    Mutation(
        "the digest of a kept last frame is not checked",
        "tasks/sending/jobs.py",
        "    if digest_bytes(data) != kept.sha256:\n",
        "    if not data:\n",
        (f"{GUARDS}::test_a_last_frame_that_was_changed_on_disk_is_not_continued",),
    ),
    Mutation(
        "the digest of an input is not checked",
        "tasks/sending/packing.py",
        "    if digest_bytes(data) != given.identity:\n",
        "    if not data:\n",
        (f"{GUARDS}::test_a_picture_changed_during_the_run_is_not_sent",),
    ),
    Mutation(
        "a clip that is cut short on disk counts as kept",
        "tasks/records/survey.py",
        "        return (home / kept.file).stat().st_size == kept.bytes\n",
        "        return (home / kept.file).exists()\n",
        (f"{GUARDS}::test_a_clip_cut_short_on_disk_is_fetched_again",),
    ),
    Mutation(
        "a doubtful create is taken for a refused one",
        "tasks/sending/submission.py",
        "        receipt = receipt.amend(State.UNCLEAR, doubted_at=now(), error=str(error))\n",
        "        receipt = receipt.amend(State.CLOSED, doubted_at=now(), error=str(error))\n",
        (f"{FAULTS}[create-cometapi-volc]",),
    ),
    Mutation(
        "the base URL that a job was sent to is not used",
        "tasks/sending/jobs.py",
        "desk.client_of(row_of(shot), attempt)",
        "desk.client_of(row_of(shot), None)",
        (f"{RESUME}::test_a_job_is_asked_for_where_it_was_sent",),
    ),
    Mutation(
        "a write is not put in place at once",
        "tasks/store.py",
        "    staging.replace(path)\n",
        "    path.write_bytes(staging.read_bytes())\n",
        (
            "tests/tasks/test_store.py::test_whoever_reads_while_it_is_written_sees_the_old_file_whole",
        ),
    ),
)


def copy_tracked(to: Path) -> None:
    """Copy what git knows, as it stands in the working tree."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


def mutate(copy: Path, mutation: Mutation) -> str:
    """Take the guard out; returns the file as it was. Raises LookupError where it is not there."""
    path = copy / mutation.file
    text = path.read_text()
    if mutation.old not in text:
        msg = f"{mutation.name}: {mutation.file} no longer holds\n{mutation.old}"
        raise LookupError(msg)
    path.write_text(text.replace(mutation.old, mutation.new))
    return text


def run_tests(copy: Path, tests: tuple[str, ...]) -> tuple[int, str]:
    """The exit code of pytest, and its last line."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *tests],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    return ran.returncode, (ran.stdout.strip().splitlines() or [ran.stderr])[-1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="only the mutations with these words")
    words = parser.parse_args()
    chosen = [one for one in MUTATIONS if words.only in one.name]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        copy_tracked(copy)
        tests = tuple(dict.fromkeys(test for one in chosen for test in one.tests))
        code, said = run_tests(copy, tests)
        print(f"{'unharmed':<50} {said}", flush=True)
        if code:
            return 1
        for mutation in chosen:
            text = mutate(copy, mutation)
            code, said = run_tests(copy, mutation.tests)
            (copy / mutation.file).write_text(text)
            wrong += code != NOTICED
            noticed = "noticed" if code == NOTICED else "NOT NOTICED"
            print(f"{mutation.name:<50} {noticed}: {said}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
