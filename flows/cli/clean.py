"""`shotchain clean`: remove files that are no longer needed from the store.

`tasks.store.clean` finds the clips that may be removed. This module adds the keys that boards still
need, asks for consent, and prints the result.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from flows.cli.arguments import add_store, ask_yes_no, open_store
from flows.cli.output import print_output
from flows.cli.output.style import count_noun
from flows.run import RunOptions, prepare_run
from storyboards.loading import load
from storyboards.problems import ShotchainError
from tasks.budgets.money import Total, format_price, price_to_json, sum_prices
from tasks.errors import StoreError, UsageError
from tasks.settings import read_settings
from tasks.simulator.cleanup import RemovedJobs, remove_jobs
from tasks.store.board_records import iter_board_records, referenced_keys
from tasks.store.clean import (
    RemovableClip,
    find_half_cleaned,
    find_needed_jobs,
    find_removable,
    remove_clip,
)
from tasks.store.edit_cache import find_unused_edits
from tasks.store.layout import Store
from tasks.store.temp_files import find_abandoned_files, format_bytes, remove_path, size_of

UNIT_SECONDS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}

EXAMPLES = """\
# list what would be removed, takes older than 30 days included
shotchain clean --older 30d --dry-run
# remove it, but nothing that these boards need
shotchain clean --older 30d film.yaml spots/autumn.yaml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `clean`."""
    boards = "boards whose clips are kept, beside those that the store has seen"
    parser.add_argument("boards", metavar="BOARD", nargs="*", help=boards)
    add_store(parser)
    older = "also remove clips and takes older than AGE, such as 30d"
    parser.add_argument("--older", metavar="AGE", type=_parse_age, help=older)
    dry_run = "print what would be removed, and remove nothing"
    parser.add_argument("--dry-run", action="store_true", help=dry_run)
    trust = "let shotchain.toml beside a board define providers"
    parser.add_argument("--trust", action="store_true", help=trust)
    yes = "agree to remove clips that were paid for"
    parser.add_argument("--yes", action="store_true", help=yes)


def _parse_age(text: str) -> int:
    """Return an age such as `30d` in seconds."""
    number, unit = text[:-1], text[-1:]
    if unit not in UNIT_SECONDS or not number.isdecimal() or len(number) > 6:
        msg = f"{text!r} is not an age; write it like 30d, 2w or 12h"
        raise argparse.ArgumentTypeError(msg)
    return int(number) * UNIT_SECONDS[unit]


def run_command(arguments: argparse.Namespace) -> int:
    """Clean the store and return the exit code.

    Raises:
        UsageError: The store does not exist, or paid clips would be removed without consent.
        StoreError: A record is damaged, a run uses the store, or a file cannot be removed.
        ShotchainError: A board of the command cannot be planned.
    """
    boards = tuple(Path(board) for board in arguments.boards)
    store = open_store(arguments, boards[0] if boards else None)
    cleaner = Cleaner(store, boards, arguments.older, trust=arguments.trust)
    plan = cleaner.find()
    if not arguments.dry_run:
        _check_consent(plan, arguments)
        plan = cleaner.remove(plan)
    print_output(
        lambda: clean_document(store, plan, dry_run=arguments.dry_run),
        lambda: format_clean(plan, dry_run=arguments.dry_run),
        as_json=arguments.json,
    )
    return 0


def _check_consent(plan: CleanPlan, arguments: argparse.Namespace) -> None:
    """Ask before anything is removed that was paid for.

    Raises:
        UsageError: The user does not agree, or there is no terminal to ask in.
    """
    if plan.paid.is_free or arguments.yes:
        return
    if not arguments.json and ask_yes_no(
        f"Remove clips that cost {plan.paid}?", before=format_clean(plan, dry_run=True)
    ):
        return
    msg = f"clips that cost {plan.paid} would be removed: list them by --dry-run, agree by --yes"
    raise UsageError(msg)


class CleanPlan(NamedTuple):
    """The files that are removed, or would be."""

    files: dict[Path, int]
    """Unfinished files, and encoded parts of films that are not used; their sizes in bytes."""
    jobs: RemovedJobs | None
    """The jobs of the simulator; None while it is served."""
    clips: tuple[RemovableClip, ...]

    @property
    def size_bytes(self) -> int:
        """The space that is freed."""
        jobs = self.jobs.bytes if self.jobs else 0
        return sum(self.files.values()) + jobs + sum(clip.size_bytes for clip in self.clips)

    @property
    def paid(self) -> Total:
        """The price that was paid for the clips."""
        return sum_prices(clip.price for clip in self.clips)


class Cleaner(NamedTuple):
    """Finds and removes the files of a store that are no longer needed."""

    store: Store
    boards: Collection[Path]
    """Boards whose clips stay, beside those that the store has seen."""
    min_age_seconds: float | None = None
    """Remove clips that are older; None keeps every clip."""
    trust: bool = False
    """True if a `shotchain.toml` beside one of the boards may define providers."""

    def find(self) -> CleanPlan:
        """Return what would be removed.

        Raises:
            StoreError: A record is damaged.
            ShotchainError: One of the boards cannot be planned.
        """
        paths = (
            *find_abandoned_files(self.store),
            *find_half_cleaned(self.store),
            *find_unused_edits(self.store),
        )
        files = {path: size_of(path) for path in paths}
        return CleanPlan(
            files, _remove_simulator_jobs(self.store, dry_run=True), self._find_clips()
        )

    def remove(self, plan: CleanPlan) -> CleanPlan:
        """Remove what was planned, except what is needed by now.

        Returns:
            What was removed.

        Raises:
            StoreError: A run uses the store, or a file cannot be removed.
            ShotchainError: One of the boards cannot be planned.
        """
        clips = self._remove_clips(plan.clips) if plan.clips else ()
        files = {path: remove_path(path) for path in plan.files}
        return CleanPlan(files, _remove_simulator_jobs(self.store, dry_run=False), clips)

    def _remove_clips(self, planned: tuple[RemovableClip, ...]) -> tuple[RemovableClip, ...]:
        with self.store.exclusive_lock() as is_exclusive:
            if not is_exclusive:
                msg = "a run uses this store: clean its clips when the run has ended"
                raise StoreError(msg)
            # While the user was asked, a board may have come to need one of them.
            clips = [clip for clip in self._find_clips() if clip in planned]
            sizes = [(clip, remove_clip(clip)) for clip in clips]
        return tuple(clip._replace(size_bytes=size) for clip, size in sizes if size is not None)

    def _find_clips(self) -> tuple[RemovableClip, ...]:
        if self.min_age_seconds is None:
            return ()
        needed = frozenset(self._iter_needed_keys())
        return find_removable(self.store, needed, min_age_seconds=self.min_age_seconds)

    def _iter_needed_keys(self) -> Iterator[str]:
        """Yield the keys of all boards: those of the command, and those that the store has seen."""
        for board in self.boards:
            yield from _iter_board_keys(self.store, board, trust=self.trust)
        for record in iter_board_records(self.store.root):
            recorded_keys = referenced_keys(record)
            yield from recorded_keys
            for takes in record.takes.values():
                for take in takes:
                    if take.key in recorded_keys and take.continues_key:
                        yield take.continues_key
            if record.file and record.file.exists():
                try:
                    # Its providers are used to compute keys only; nothing is sent to them.
                    yield from _iter_board_keys(self.store, record.file, trust=True)
                except ShotchainError:
                    note = f"note: {record.file} has problems; only clips of its last run are kept"
                    print(note, file=sys.stderr)


def _iter_board_keys(store: Store, board: Path, *, trust: bool) -> Iterator[str]:
    """Yield the keys of a board's shots, those that they continue, and those of used takes."""
    options = RunOptions(store=store.root, trust=trust)
    plan = prepare_run(load(board), options, read_settings(), working_folder=Path.cwd()).plan
    yield from (shot.key for shot in plan.all_shots)
    yield from (shot.continues_key for shot in plan.shots_to_render if shot.continues_key)
    yield from plan.recorded_keys


def _remove_simulator_jobs(store: Store, *, dry_run: bool) -> RemovedJobs | None:
    """Remove the simulator's jobs that no shot waits for; return None while it is served."""
    awaited_jobs, claimed_jobs = find_needed_jobs(store)

    def is_needed(job: str) -> bool:
        return job in awaited_jobs or (claimed_jobs is not None and job not in claimed_jobs)

    folder = store.simulator_folder
    try:
        return remove_jobs(folder, is_needed, dry_run=dry_run)
    except OSError as error:
        msg = f"{folder} can't be cleaned: {error.strerror}; check the store's permissions"
        raise StoreError(msg) from error


def format_clean(plan: CleanPlan, *, dry_run: bool) -> str:
    """Return what is removed as text: a line for each clip and file, and the sum."""
    lines = [
        f"{clip.key[:10]}  {clip.attempt.board}/{clip.attempt.shot} take {clip.attempt.take}  "
        f"{clip.rendered_at[:10]}  {format_price(clip.price)}  {format_bytes(clip.size_bytes)}"
        for clip in plan.clips
    ]
    lines += [f"{path}  {format_bytes(size)}" for path, size in plan.files.items()]
    if plan.jobs is None:
        lines.append("a simulator is served from this store; its jobs stay")
    parts = []
    if plan.clips:
        parts.append(f"{count_noun(len(plan.clips), 'clip')} (paid: {plan.paid})")
    if plan.jobs and plan.jobs.jobs:
        parts.append(count_noun(plan.jobs.jobs, "simulator job"))
    if plan.files:
        unused = sum(path.parent.name == "edits" for path in plan.files)
        if len(plan.files) > unused:
            parts.append(count_noun(len(plan.files) - unused, "unfinished file"))
        if unused:
            parts.append(count_noun(unused, "unused part") + " of films")
    verb = "would remove" if dry_run else "removed"
    summary = f"{verb}: {', '.join(parts)}; {format_bytes(plan.size_bytes)}"
    return "\n".join([*lines, summary if parts else "nothing to remove"])


def clean_document(store: Store, plan: CleanPlan, *, dry_run: bool) -> dict[str, Any]:
    """Return the document that `clean --json` prints."""
    jobs = plan.jobs
    return {
        "store": str(store.root),
        "dry_run": dry_run,
        "clips": [
            {
                "key": clip.key,
                "board": clip.attempt.board,
                "shot": clip.attempt.shot,
                "take": clip.attempt.take,
                "made_at": clip.rendered_at,
                "price": price_to_json(clip.price),
                "bytes": clip.size_bytes,
            }
            for clip in plan.clips
        ],
        "paid": plan.paid.to_json(),
        "files": [{"path": str(path), "bytes": size} for path, size in plan.files.items()],
        "simulator": {
            "served": jobs is None,
            "jobs": jobs.jobs if jobs else 0,
            "kept": jobs.kept if jobs else None,
            "bytes": jobs.bytes if jobs else 0,
        },
        "bytes": plan.size_bytes,
    }
