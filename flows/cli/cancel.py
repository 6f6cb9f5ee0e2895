"""`shotchain cancel`: cancel the jobs of a board that are still queued, and report all others."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from flows.cli.arguments import add_board, prepare_board
from flows.cli.output import print_output
from flows.run import Run
from flows.run_context import Clients, serve_simulator
from tasks.errors import NotConfigured
from tasks.store.clean import iter_receipts
from tasks.store.layout import RecordStore
from tasks.store.receipts import Attempt
from tasks.submission.cancel import NO_JOB, CancelOutcome, CancelResult, cancel, known_outcome

OPEN_OUTCOMES = (CancelOutcome.NOT_SENT, CancelOutcome.UNCLEAR)
"""The state of the job is not known."""

TargetId = tuple[str, str]
"""A folder of records and a key in it."""

EXAMPLES = """\
# cancel what is still queued; a running job goes on and is paid
shotchain cancel film.yaml
# at the provider that a run named
shotchain cancel film.yaml --provider modelark
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `cancel`."""
    add_board(parser)


def run_command(arguments: argparse.Namespace) -> int:
    """Cancel the queued jobs of the board and return the exit code.

    Raises:
        ShotchainError: See `flows.run.prepare_run`.
    """
    run = prepare_board(arguments)
    report = cancel_jobs(run)
    print_output(report.document, report.text, as_json=arguments.json)
    return report.exit_code


class CancelTarget(NamedTuple):
    """A key of the board whose job may be cancelled."""

    shot: str
    key: str
    records: RecordStore
    attempt: Attempt | None
    """The latest attempt, if the key was ever sent."""
    is_current: bool = True
    """False if the board was edited since and no longer requests this key."""

    @property
    def id(self) -> TargetId:
        """The identity of the key in the store; several shots may share it."""
        return str(self.records.folder), self.key


class CancelReport(NamedTuple):
    """The outcome for each shot of a board, and for jobs of its earlier versions."""

    board: str
    results: tuple[tuple[CancelTarget, CancelResult], ...]

    @property
    def exit_code(self) -> int:
        """3 if a key is missing or rejected, 1 if a job's state is not known, else 0."""
        codes = {result.error.exit_code for _, result in self.results if result.error}
        if NotConfigured.exit_code in codes:
            return NotConfigured.exit_code
        is_open = any(result.outcome in OPEN_OUTCOMES for _, result in self.results)
        return 1 if is_open else 0

    def text(self) -> str:
        """Return a line for each job, and how many were cancelled."""
        jobs = [
            (target, result)
            for target, result in self.results
            if result.outcome is not CancelOutcome.NO_JOB
        ]
        if not jobs:
            return f"{self.board} has no job at a vendor: nothing to cancel"
        count = sum(result.outcome is CancelOutcome.CANCELLED for _, result in jobs)
        lines = [f"{_name(target)}: {result.message}" for target, result in jobs]
        return "\n".join([*lines, f"{count} of {len(jobs)} cancelled"])

    def document(self) -> dict[str, Any]:
        """Return the document that `cancel --json` prints."""
        return {
            "board": self.board,
            "shots": [
                {
                    "id": target.shot,
                    "key": target.key,
                    "present": target.is_current,
                    "provider": target.attempt.provider if target.attempt else None,
                    "job": target.attempt.job if target.attempt else None,
                    "outcome": result.outcome,
                    "message": result.message,
                }
                for target, result in self.results
            ],
        }


def _name(target: CancelTarget) -> str:
    return target.shot if target.is_current else f"{target.shot} (before an edit)"


def cancel_jobs(run: Run) -> CancelReport:
    """Cancel the queued jobs of a board and report the outcome for each shot."""
    targets = tuple(_iter_targets(run))
    # Shots that share a key share its job, so a dict keeps each key once.
    submitted = {target.id: target for target in targets if known_outcome(target.attempt) is None}
    answers: Mapping[TargetId, CancelResult] = {}
    if submitted:
        with serve_simulator(run) as served_run:
            answers = asyncio.run(_cancel_all(served_run, tuple(submitted.values())))
    results = (
        (target, answers.get(target.id) or known_outcome(target.attempt) or NO_JOB)
        for target in targets
    )
    return CancelReport(run.board.name, tuple(results))


def _iter_targets(run: Run) -> Iterator[CancelTarget]:
    """Yield the shots of the board, then the jobs of its earlier versions."""
    current_ids = set()
    for shot in run.plan.shots_to_render:
        attempt = run.status[shot.id].attempt
        target = CancelTarget(shot.id, shot.key, run.records_of(shot), attempt)
        current_ids.add(target.id)
        yield target
    for receipt in iter_receipts(run.store):
        latest = receipt.current
        if latest is None or not run.board_record.owns(latest) or known_outcome(latest) == NO_JOB:
            continue
        target = CancelTarget(latest.shot, receipt.key, receipt.records, latest, is_current=False)
        if target.id not in current_ids:
            yield target


async def _cancel_all(run: Run, targets: Sequence[CancelTarget]) -> Mapping[TargetId, CancelResult]:
    async with Clients(run) as clients:
        results = await asyncio.gather(*(_cancel(run, clients, target) for target in targets))
    return {target.id: result for target, result in zip(targets, results, strict=True)}


async def _cancel(run: Run, clients: Clients, target: CancelTarget) -> CancelResult:
    assert target.attempt  # noqa: S101 - `known_outcome` is None only for a submitted attempt
    name = target.attempt.provider
    provider = run.config.find_recorded(name)
    if provider is None:
        return CancelResult(CancelOutcome.NOT_SENT, f"{name} is no longer a configured provider")
    try:
        client = clients.get(provider, target.attempt)
    except NotConfigured as error:
        return CancelResult(CancelOutcome.NOT_SENT, f"{name} could not be asked: {error}", error)
    return await cancel(target.key, target.records, client)
