"""Take a guard out of the code, one at a time, and demand that tests fail each time.

    python tests/crash/mutations.py [--only WORDS]

Works on a copy of the tracked files in a temporary folder. The tests that are named for a mutation
are run on the unharmed copy first: there they pass. Prints a table; ends with 1 where a mutation is
not noticed, and fails loudly where the code that it takes out is not there any more.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tasks.store import layout, status
from tasks.store.atomic_files import digest_bytes
from tasks.store.layout import RecordStore
from tasks.store.receipts import AttemptState
from tasks.submission import context, download, payload, submit

NOTICED = 1
"""What pytest ends with where tests ran and failed."""

SHOOTING = "tests/flows/test_shooting.py"
GUARDS = "tests/flows/test_guards.py"
RESUME = "tests/flows/test_resume.py"
MATRIX = "tests/crash/test_matrix.py::test_a_run_killed_at_a_durable_step_is_finished_by_the_next"
FAULTS = "tests/crash/test_faults.py::test_a_fault_ends_as_the_table_says"

Function = ast.FunctionDef | ast.AsyncFunctionDef
Change = Callable[[Function], Function]
"""Removes a guard from the syntax tree of a function. Returns it unchanged if nothing matches."""


class Mutation(NamedTuple):
    """One guard to remove.

    The guard is anchored on the functions themselves, so that a rename does not break the check.
    """

    name: str
    functions: tuple[Callable[..., object], ...]
    change: Change
    tests: tuple[str, ...]


def drop_call(function: Callable[..., object], *, only_last: bool = False) -> Change:
    """Remove the statements that only call `function`, or the last of them."""

    def change(tree: Function) -> Function:
        calls = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and called_name(node.value) == function.__name__
        ]
        calls.sort(key=lambda node: node.lineno)
        for node in calls[-1:] if only_last else calls:
            replace_node(tree, node, ast.Pass())
        return tree

    return change


def drop_loop(tree: Function) -> Function:
    """Remove the `while` statements."""
    for node in [node for node in ast.walk(tree) if isinstance(node, ast.While)]:
        replace_node(tree, node, ast.Pass())
    return tree


def disable_check(function: Callable[..., object]) -> Change:
    """Turn every `if` whose condition calls `function` into one that never holds."""

    def change(tree: Function) -> Function:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and calls_function(node.test, function.__name__):
                node.test = ast.Constant(False)
        return tree

    return change


def compare_with_itself(tree: Function) -> Function:
    """Let every equality hold: both sides become the left one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq):
            node.comparators = [node.left]
    return tree


def swap_member(member: Enum, other: Enum) -> Change:
    """Use another member of an enumeration."""

    def change(tree: Function) -> Function:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == member.name:
                node.attr = other.name
        return tree

    return change


def pass_none_to(attribute: str) -> Change:
    """Pass None as the last argument of every call of a callable field."""

    def change(tree: Function) -> Function:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and called_name(node) == attribute:
                node.args[-1] = ast.Constant(None)
        return tree

    return change


def copy_instead_of_rename(tree: Function) -> Function:
    """Copy the bytes where the file was renamed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called_name(node) == Path.replace.__name__:
            source, target = ast.unparse(node.func.value), ast.unparse(node.args[0])
            copied = ast.parse(f"{target}.write_bytes({source}.read_bytes())", mode="eval").body
            node.func, node.args = copied.func, copied.args
    return tree


def called_name(node: ast.AST) -> str:
    """The last name of what a call calls; empty for anything else."""
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def calls_function(tree: ast.AST, name: str) -> bool:
    return any(called_name(node) == name for node in ast.walk(tree))


def replace_node(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    """Put another statement in the place of one."""
    for node in ast.walk(tree):
        for _, body in ast.iter_fields(node):
            if isinstance(body, list) and old in body:
                body[body.index(old)] = new


MUTATIONS = (
    Mutation(
        "the intent is not written",
        (submit._create,),
        drop_call(RecordStore.write),
        (
            f"{SHOOTING}::test_the_intent_is_on_disk_before_the_request",
            f"{MATRIX}[cometapi-volc]",
        ),
    ),
    Mutation(
        "the job's id is not written",
        (submit._send,),
        drop_call(RecordStore.write, only_last=True),
        (
            f"{RESUME}::test_a_job_is_asked_for_where_it_was_sent",
            f"{MATRIX}[cometapi-volc]",
        ),
    ),
    Mutation(
        "the key is not locked",
        (context.lock_key,),
        drop_loop,
        (f"{SHOOTING}::test_two_runs_at_once_pay_each_shot_once",),
    ),
    Mutation(
        "the digest of a kept last frame is not checked",
        (download._read_stored_frame,),
        disable_check(digest_bytes),
        (f"{GUARDS}::test_a_last_frame_that_was_changed_on_disk_is_not_continued",),
    ),
    Mutation(
        "the digest of an input is not checked",
        (payload._read_medium,),
        disable_check(digest_bytes),
        (f"{GUARDS}::test_a_picture_changed_during_the_run_is_not_sent",),
    ),
    Mutation(
        "a clip that is cut short on disk counts as kept",
        (status.is_stored,),
        compare_with_itself,
        (f"{GUARDS}::test_a_clip_cut_short_on_disk_is_fetched_again",),
    ),
    Mutation(
        "an unclear create is recorded as a rejected one",
        (submit._send,),
        swap_member(AttemptState.UNCLEAR, AttemptState.CLOSED),
        (f"{FAULTS}[create-cometapi-volc]",),
    ),
    Mutation(
        "the base URL that a job was sent to is not used",
        (download.await_job, download._download_frame, download._fetch_clip),
        pass_none_to("client_of"),
        (f"{RESUME}::test_a_job_is_asked_for_where_it_was_sent",),
    ),
    Mutation(
        "a written file is not renamed to its place at once",
        (layout.commit_file,),
        copy_instead_of_rename,
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


def mutate(copy: Path, mutation: Mutation) -> dict[Path, str]:
    """Remove the guard from the copy.

    Returns:
        The changed files and their text before.

    Raises:
        LookupError: A function does not have the guard any more.
    """
    before: dict[Path, str] = {}
    for function in mutation.functions:
        # `asynccontextmanager` and the like keep the function that they wrap.
        function = inspect.unwrap(function)
        path = copy / Path(inspect.getsourcefile(function)).relative_to(ROOT)
        before.setdefault(path, path.read_text())
        path.write_text(change_function(path.read_text(), function, mutation))
    return before


def change_function(text: str, function: Callable[..., object], mutation: Mutation) -> str:
    """A module's text with one function changed."""
    tree = ast.parse(text)
    (node,) = [
        node
        for node in ast.walk(tree)
        if isinstance(node, Function) and node.name == function.__name__
    ]
    unchanged = ast.unparse(node)
    changed = ast.unparse(mutation.change(node))
    if changed == unchanged:
        msg = f"{mutation.name}: {function.__qualname__} no longer has this guard"
        raise LookupError(msg)
    lines = text.splitlines()
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    indent = " " * node.col_offset
    lines[first - 1 : node.end_lineno] = [indent + line for line in changed.splitlines()]
    return "\n".join(lines) + "\n"


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
            before = mutate(copy, mutation)
            code, said = run_tests(copy, mutation.tests)
            for path, text in before.items():
                path.write_text(text)
            wrong += code != NOTICED
            noticed = "noticed" if code == NOTICED else "NOT NOTICED"
            print(f"{mutation.name:<50} {noticed}: {said}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
