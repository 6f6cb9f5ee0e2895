"""Remove one guard from the code at a time and check that tests fail each time.

    python tests/crash/mutations.py [--only TEXT]

Works on a copy of the tracked files in a temporary folder. The tests of a mutation are first run on
the unchanged copy, where they must pass. Prints a table; ends with 1 if a mutation is not noticed,
and raises an error if the guard that it removes does not exist any more.
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

from trial import ROOT

from tasks.own_files import OwnFolder
from tasks.providers import outcomes, response_fields
from tasks.providers.client import Client
from tasks.store import claims, layout, rescue
from tasks.store.atomic_files import digest_bytes
from tasks.store.layout import RecordStore
from tasks.store.locks import wait_for_lock_async
from tasks.store.receipts import AttemptState
from tasks.submission import (
    await_job,
    download,
    job_evidence,
    payload,
    reconcile,
    recorder,
    submit,
    usage,
)

TESTS_FAILED = 1
"""Exit code of pytest if tests ran and failed."""

RENDER = "tests/flows/test_render.py"
STORED_FILES = "tests/flows/test_stored_files.py"
RESUME = "tests/flows/test_resume.py"
ATOMIC_FILES = "tests/tasks/store/test_atomic_files.py"
SUBMIT = "tests/tasks/submission/test_submit.py"
RECORDER = "tests/tasks/submission/test_recorder.py"
ADVERSARY = "tests/tasks/submission/test_adversary.py::test_adversary_example_holds"
AWAIT_JOB = "tests/tasks/submission/test_await_job.py"
RECONCILE = "tests/tasks/submission/test_reconcile.py"
OUTCOMES = "tests/tasks/providers/test_outcomes.py"
MATRIX = "tests/crash/test_matrix.py::test_run_killed_at_durable_step_is_resumed"
FAULTS = "tests/crash/test_faults.py::test_run_with_fault_ends_as_in_table"

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


def drop_call(function: Callable[..., object]) -> Change:
    """Remove the statements that only call `function`."""

    def change(tree: Function) -> Function:
        calls = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and called_name(node.value) == function.__name__
        ]
        for node in calls:
            replace_node(tree, node, ast.Pass())
        return tree

    return change


def disable_check(function: Callable[..., object]) -> Change:
    """Make every condition of an `if` that calls `function` false."""

    def change(tree: Function) -> Function:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and calls_function(node.test, function.__name__):
                node.test = ast.Constant(False)
        return tree

    return change


def return_value(value: bool | float | None) -> Change:
    """Return a constant instead of anything else."""

    def change(tree: Function) -> Function:
        for node in ast.walk(tree):
            if isinstance(node, ast.Return):
                node.value = ast.Constant(value)
        return tree

    return change


def drop_raise(function: Callable[..., object]) -> Change:
    """Remove the statements that raise what `function` returns."""

    def change(tree: Function) -> Function:
        for node in list(ast.walk(tree)):
            if isinstance(node, ast.Raise) and called_name(node.exc) == function.__name__:
                replace_node(tree, node, ast.Pass())
        return tree

    return change


def take_first_of(function: Callable[..., object]) -> Change:
    """Use the first argument of each call of `function` alone."""

    def change(tree: Function) -> Function:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and called_name(node) == function.__name__:
                node.args = node.args[:1] * 2
        return tree

    return change


def require_always(attribute: str) -> Change:
    """Make every condition of an `if` that reads `attribute` true."""

    def change(tree: Function) -> Function:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and attribute in attributes_of(node.test):
                node.test = ast.Constant(True)
        return tree

    return change


def pass_none_as(keyword: str) -> Change:
    """Pass None as a keyword argument in every call."""

    def change(tree: Function) -> Function:
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == keyword:
                node.value = ast.Constant(None)
        return tree

    return change


def compare_with_itself(tree: Function) -> Function:
    """Make every equality true: the left side is compared with itself."""
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
    """Pass None as the last argument in every call of a callable attribute."""

    def change(tree: Function) -> Function:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and called_name(node) == attribute:
                node.args[-1] = ast.Constant(None)
        return tree

    return change


def copy_instead_of_rename(tree: Function) -> Function:
    """Copy the bytes of a file in a folder instead of renaming it."""
    self, name, new_name = (argument.arg for argument in tree.args.args)
    text = f"({self}.path / {new_name}).write_bytes(({self}.path / {name}).read_bytes())"
    tree.body = ast.parse(text).body
    return tree


def called_name(node: ast.AST | None) -> str:
    """Return the last name of the callable of a call, awaited or not; empty for other nodes."""
    if isinstance(node, ast.Await):
        node = node.value
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def attributes_of(tree: ast.AST) -> set[str]:
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def calls_function(tree: ast.AST, name: str) -> bool:
    return any(called_name(node) == name for node in ast.walk(tree))


def replace_node(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    """Replace a statement by another one."""
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
            f"{RENDER}::test_submit_intent_is_written_before_request",
            f"{MATRIX}[cometapi-volc]",
        ),
    ),
    Mutation(
        "the job's id is not written",
        (recorder.Recorder.record_job,),
        drop_call(recorder.Recorder._write),
        (
            f"{RESUME}::test_job_is_queried_at_its_own_base_url",
            f"{MATRIX}[cometapi-volc]",
        ),
    ),
    Mutation(
        "the key is not locked",
        (layout.lock_key,),
        drop_call(wait_for_lock_async),
        (f"{RENDER}::test_runs_at_same_time_pay_each_shot_once",),
    ),
    Mutation(
        "the digest of a kept last frame is not checked",
        (download._read_stored_frame,),
        disable_check(digest_bytes),
        (f"{STORED_FILES}::test_frame_changed_on_disk_is_taken_from_clip",),
    ),
    Mutation(
        "the digest of an input file is not checked",
        (payload._read_medium,),
        disable_check(digest_bytes),
        (f"{STORED_FILES}::test_input_changed_during_run_is_not_sent",),
    ),
    Mutation(
        "a clip that is truncated on disk counts as kept",
        (layout.is_stored,),
        compare_with_itself,
        (f"{STORED_FILES}::test_clip_truncated_on_disk_is_fetched_again",),
    ),
    Mutation(
        "an unclear create is recorded as a rejected one",
        (recorder.Recorder.record_unclear,),
        swap_member(AttemptState.UNCLEAR, AttemptState.CLOSED),
        (f"{FAULTS}[create-cometapi-volc]",),
    ),
    Mutation(
        "a job of another attempt is recorded",
        (claims.find_claim,),
        return_value(None),
        (f"{SUBMIT}::test_submit_job_of_another_attempt_is_unclear",),
    ),
    Mutation(
        "the lock of claims is not taken",
        (recorder.Recorder.record_job,),
        drop_call(wait_for_lock_async),
        (f"{RECORDER}::test_recorder_two_processes_claim_a_job_once",),
    ),
    Mutation(
        "no space is taken on the disk before a request",
        (rescue.open_spare_file,),
        drop_call(rescue._write_all),
        (f"{RECORDER}::test_recorder_full_disk_has_space_for_the_job",),
    ),
    Mutation(
        "an undocumented error in a 2xx counts as a rejection",
        (outcomes.classify_create_response,),
        disable_check(outcomes._is_documented_rejection),
        (f"{OUTCOMES}::test_create_other_error_in_200_is_unclear",),
    ),
    Mutation(
        "the list of another account is searched",
        (reconcile.reconcile,),
        disable_check(Client.has_signed),
        (f"{RECONCILE}::test_reconcile_other_key_decides_nothing",),
    ),
    Mutation(
        "the base URL that a job was sent to is not used",
        (await_job.await_job, download._download_frame, download._fetch_clip),
        pass_none_to("client_of"),
        (f"{RESUME}::test_job_is_queried_at_its_own_base_url",),
    ),
    Mutation(
        "an unclear create is sent again without the author's word",
        (submit._resolve_unclear,),
        drop_raise(submit._unclear_error),
        (f"{ADVERSARY}[list: empty-modelark]",),
    ),
    Mutation(
        "a proof that fits another shot too is accepted",
        (reconcile._is_proof_shared,),
        return_value(False),
        (f"{RECONCILE}::test_reconcile_shared_first_frame_proves_nothing",),
    ),
    Mutation(
        "an adopted job is as old as its request by the local clock",
        (recorder.adopt_job,),
        pass_none_as("accepted_at"),
        (f"{ADVERSARY}[query: unknown job, adopted with wrong clock-modelark]",),
    ),
    Mutation(
        "a failed job is not asked for before another request",
        (submit._ask_ended_job,),
        disable_check(Client.has_signed),
        (f"{SUBMIT}::test_submit_revived_job_is_not_paid_again",),
    ),
    Mutation(
        "a run sends a shot any number of times",
        (submit._create,),
        drop_call(submit._require_unsent),
        (f"{SUBMIT}::test_submit_run_sends_a_shot_twice_at_most",),
    ),
    Mutation(
        "the end of a job is believed at once",
        (Client.query,),
        require_always("is_final"),
        (f"{AWAIT_JOB}::test_await_job_failed_once_is_not_an_end",),
    ),
    Mutation(
        "an end that does not name the job is believed",
        (response_fields._finish_status,),
        disable_check(response_fields.names_job),
        (f"{ADVERSARY}[query: unnamed, 40-modelark]",),
    ),
    Mutation(
        "a job is lost by one 404",
        (job_evidence._vendor_age,),
        return_value(1e9),
        (f"{ADVERSARY}[query: unknown job, 40-modelark]",),
    ),
    Mutation(
        "a job is lost by the local clock alone",
        (job_evidence._vendor_age,),
        take_first_of(min),
        (f"{ADVERSARY}[query: unknown job, wrong clock-modelark]",),
    ),
    Mutation(
        "a clip is lost by one 404",
        (job_evidence.is_file_lost,),
        return_value(True),
        (f"{ADVERSARY}[file: 404-modelark]",),
    ),
    Mutation(
        "the answer to another key counts",
        (job_evidence.is_same_key,),
        return_value(True),
        (f"{AWAIT_JOB}::test_await_job_other_key_decides_nothing",),
    ),
    Mutation(
        "an implausible usage is booked",
        (usage._is_plausible,),
        return_value(True),
        (f"{ADVERSARY}[usage: 1-modelark]",),
    ),
    Mutation(
        "a file is copied to its destination, not renamed",
        (OwnFolder.rename,),
        copy_instead_of_rename,
        (f"{ATOMIC_FILES}::test_write_bytes_open_reader_sees_old_content",),
    ),
)


def copy_tracked(target: Path) -> None:
    """Copy the files of the working tree that git does not ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def mutate(copy: Path, mutation: Mutation) -> dict[Path, str]:
    """Remove the guard from the copy.

    Returns:
        The changed files and their text before.

    Raises:
        LookupError: A function no longer has the guard.
    """
    before: dict[Path, str] = {}
    for function in mutation.functions:
        # A decorated function, such as a context manager, keeps the function that it wraps.
        function = inspect.unwrap(function)
        path = copy / Path(inspect.getsourcefile(function)).relative_to(ROOT)
        before.setdefault(path, path.read_text())
        path.write_text(change_function(path.read_text(), function, mutation))
    return before


def change_function(text: str, function: Callable[..., object], mutation: Mutation) -> str:
    """Return the text of a module with one function changed."""
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
    """Return the exit code of pytest and its last line."""
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *tests],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, (result.stdout.strip().splitlines() or [result.stderr])[-1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="only the mutations that contain this text")
    options = parser.parse_args()
    mutations = [mutation for mutation in MUTATIONS if options.only in mutation.name]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        copy_tracked(copy)
        tests = tuple(dict.fromkeys(test for mutation in mutations for test in mutation.tests))
        code, last_line = run_tests(copy, tests)
        print(f"{'unchanged':<50} {last_line}", flush=True)
        if code:
            return 1
        for mutation in mutations:
            before = mutate(copy, mutation)
            code, last_line = run_tests(copy, mutation.tests)
            for path, text in before.items():
                path.write_text(text)
            wrong += code != TESTS_FAILED
            result = "noticed" if code == TESTS_FAILED else "NOT NOTICED"
            print(f"{mutation.name:<50} {result}: {last_line}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
