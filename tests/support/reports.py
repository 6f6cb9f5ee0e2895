"""Look up one shot in a run report: its result, its files in the store, and its attempts."""

from __future__ import annotations

from pathlib import Path

from flows.report import RunReport, ShotResult
from tasks.plan import ShotToRender
from tasks.store.receipts import Attempt, read_receipt


def result_of(report: RunReport, shot_id: str) -> ShotResult:
    """Return the result of a shot."""
    return next(result for result in report.results if result.shot.id == shot_id)


def attempt_of(report: RunReport, shot_id: str) -> Attempt:
    """Return the current attempt of a shot as the run reported it."""
    attempt = result_of(report, shot_id).attempt
    assert attempt, f"{shot_id} was never submitted"
    return attempt


def folder_of(report: RunReport, shot_id: str) -> Path:
    """Return the folder of a shot's clip, last frame and receipt."""
    shot = _shot_of(report, shot_id)
    return report.run.records_of(shot).folder_of(shot.key)


def last_frame_path(report: RunReport, shot_id: str) -> Path:
    """Return the file of a shot's last frame."""
    frame = attempt_of(report, shot_id).last_frame
    assert frame, f"{shot_id} has no last frame"
    return folder_of(report, shot_id) / frame.name


def attempts_of(report: RunReport, shot_id: str) -> tuple[Attempt, ...]:
    """Return every attempt of a shot from its receipt, oldest first."""
    shot = _shot_of(report, shot_id)
    return read_receipt(shot.key, report.run.records_of(shot).read(shot.key)).attempts


def outcomes_of(report: RunReport) -> dict[str, str]:
    """Return the outcome of each shot, by id."""
    return {result.shot.id: result.outcome for result in report.results}


def _shot_of(report: RunReport, shot_id: str) -> ShotToRender:
    shot = report.run.plan.shot(shot_id)
    assert isinstance(shot, ShotToRender), f"{shot_id} is a file"
    return shot
