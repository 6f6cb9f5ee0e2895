"""What `clean` removes, once somebody agreed, and how it tells that.

What may go is `cleaning`'s to say; here the boards are read that still need something.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from storyboards.problems import ShotchainError
from tasks.budgets.money import format_price, price_to_json, sum_prices
from tasks.errors import StoreError
from tasks.settings import read_settings
from tasks.simulator.sweeping import Swept, sweep
from tasks.store.board_records import iter_board_records, referenced_keys
from tasks.store.clean import (
    RemovableClip,
    find_half_cleaned,
    find_needed_jobs,
    find_removable,
    remove_clip,
)
from tasks.store.layout import Store
from tasks.store.temp_files import find_abandoned_files, format_bytes, remove_path, size_of


class CleanPlan(NamedTuple):
    """What goes, or would go."""

    files: dict[Path, int]
    """Half-written files and their bytes."""
    jobs: Swept | None
    """The local vendor's; None while it is served."""
    clips: tuple[RemovableClip, ...]

    @property
    def bytes(self) -> int:
        """What is free then."""
        swept = self.jobs.bytes if self.jobs else 0
        return sum(self.files.values()) + swept + sum(one.size_bytes for one in self.clips)


class Cleaner(NamedTuple):
    """One `clean`: where, for which boards, and how far it goes."""

    store: Store
    boards: Collection[Path]
    older_seconds: float | None = None
    """None leaves every clip."""
    trust: bool = False
    """Whether a `shotchain.toml` beside a board given may name providers."""

    def look(self) -> CleanPlan:
        """What would go. Raises StoreError where a record is damaged."""
        store = self.store
        files = {
            path: size_of(path)
            for path in (*find_abandoned_files(store), *find_half_cleaned(store))
        }
        return CleanPlan(files, _sweep(store, dry_run=True), self._doomed())

    def sweep(self, told: CleanPlan) -> CleanPlan:
        """Remove what was told, as far as it may still go. Returns what went.

        Raises StoreError where a run needs the store now, or the disk refuses.
        """
        clips = self._clean(told.clips) if told.clips else ()
        files = {path: remove_path(path) for path in told.files}
        return CleanPlan(files, _sweep(self.store, dry_run=False), clips)

    def _clean(self, told: tuple[RemovableClip, ...]) -> tuple[RemovableClip, ...]:
        with self.store.exclusive_lock() as alone:
            if not alone:
                msg = "a run needs this store now; clean its clips when that has ended"
                raise StoreError(msg)
            # Somebody was asked meanwhile: a board may have come to need one of them.
            freed = [(one, remove_clip(one)) for one in self._doomed() if one in told]
        return tuple(one._replace(size_bytes=size) for one, size in freed if size is not None)

    def _doomed(self) -> tuple[RemovableClip, ...]:
        if self.older_seconds is None:
            return ()
        needed = _referred(self.store, self.boards, trust=self.trust)
        return find_removable(self.store, needed, min_age_seconds=self.older_seconds)


def _sweep(store: Store, *, dry_run: bool) -> Swept | None:
    waited, claimed = find_needed_jobs(store)

    def is_needed(job: str) -> bool:
        return job in waited or (claimed is not None and job not in claimed)

    try:
        return sweep(store.simulator_folder, is_needed, dry_run=dry_run)
    except OSError as error:
        msg = (
            f"{store.simulator_folder} can't be cleaned: {error.strerror}; check the store's rights"
        )
        raise StoreError(msg) from error


def _referred(store: Store, files: Collection[Path], *, trust: bool) -> frozenset[str]:
    """Every key that a board given, or one that the store has seen, refers to or starts on."""
    keys: set[str] = set()
    for board in files:
        keys.update(_keys(store, board, trust=trust))
    for record in iter_board_records(store.root):
        known = referenced_keys(record)
        keys |= known
        takes = (take for all_ in record.takes.values() for take in all_)
        keys.update(one.continues_key for one in takes if one.key in known and one.continues_key)
        if record.file and record.file.exists():
            try:
                # Only its keys are computed: nothing is sent where that file says.
                keys.update(_keys(store, record.file, trust=True))
            except ShotchainError:
                note = f"note: {record.file} has problems; only what it used last is kept for it"
                print(note, file=sys.stderr)
    return frozenset(keys)


def _keys(store: Store, board: Path, *, trust: bool) -> Iterator[str]:
    from flows.run import RunOptions, prepare_run
    from storyboards.loading import load

    wish = RunOptions(store=store.root, trust=trust)
    plan = prepare_run(load(board), wish, read_settings(), working=Path.cwd()).plan
    for shot in plan:
        yield shot.key
    for shot in plan.shots_to_render:
        if shot.continues_key:
            yield shot.continues_key


def format_clean(going: CleanPlan, *, dry_run: bool) -> str:
    """What goes: a line for each clip and file, and the sum."""
    lines = [
        f"{one.key[:10]}  {one.attempt.board}/{one.attempt.shot} take {one.attempt.take}  "
        f"{one.rendered_at[:10]}  {format_price(one.price)}  {format_bytes(one.size_bytes)}"
        for one in going.clips
    ]
    lines += [f"{path}  {format_bytes(size)}" for path, size in going.files.items()]
    if going.jobs is None:
        lines.append("a simulator is served from this store; its jobs stay")
    parts = [
        _count(len(going.clips), "clip")
        + f" (paid: {sum_prices(one.price for one in going.clips)})",
        _count(going.jobs.jobs if going.jobs else 0, "simulator job"),
        _count(len(going.files), "unfinished file"),
    ]
    told = ", ".join(part for part in parts if not part.startswith("0"))
    verb = "would go" if dry_run else "removed"
    lines.append(f"{verb}: {told}; {format_bytes(going.bytes)}" if told else "nothing is to remove")
    return "\n".join(lines)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def clean_document(store: Store, going: CleanPlan, *, dry_run: bool) -> dict[str, Any]:
    """What `clean --json` prints."""
    return {
        "store": str(store.root),
        "dry_run": dry_run,
        "clips": [
            {
                "key": one.key,
                "board": one.attempt.board,
                "shot": one.attempt.shot,
                "take": one.attempt.take,
                "made_at": one.rendered_at,
                "price": price_to_json(one.price),
                "bytes": one.size_bytes,
            }
            for one in going.clips
        ],
        "paid": sum_prices(one.price for one in going.clips).to_json(),
        "files": [{"path": str(path), "bytes": size} for path, size in going.files.items()],
        "simulator": {
            "served": going.jobs is None,
            "jobs": going.jobs.jobs if going.jobs else 0,
            "kept": going.jobs.kept if going.jobs else None,
            "bytes": going.jobs.bytes if going.jobs else 0,
        },
        "bytes": going.bytes,
    }
