"""What a plan and a run say, as JSON documents: the fields that other programs read stay."""

from __future__ import annotations

from typing import Any

from flows.consent import list_budgets
from flows.report import RunReport, ShotResult, price_of
from flows.run import Run
from storyboards.problems import Problem, ShotchainError
from tasks.budgets.money import price_to_json
from tasks.plan import ExistingClip, Plan, PlannedShot, ShotToRender
from tasks.providers.prices import find_price_table
from tasks.store.layout import RecordStore
from tasks.store.receipts import Attempt

CURRENCY = "USD"
"""What a sum of nothing is told in, where no price names a currency."""


def check_document(plan: Plan) -> dict[str, Any]:
    """What `check --json` prints of a board that is clean."""
    return {
        "board": plan.board.name,
        "shots": len(plan.shots),
        "problems": [],
        "notes": [problem_json(note) for note in plan.warnings],
    }


def plan_document(production: Run) -> dict[str, Any]:
    """What `plan --json` prints."""
    plan = production.plan
    total = production.max_cost
    return {
        "board": production.board.name,
        "store": str(production.store.root),
        "shots": [_planned(production, shot) for shot in plan],
        "total": total.to_json(_currency(production)),
        "budgets": [
            {
                "whose": wall.owner,
                "limit": price_to_json(wall.amount),
                "booked": booked.to_json(wall.amount.currency),
            }
            for wall, booked in list_budgets(production)
        ],
        "price_lists": [
            {"dated": dated, "source": source}
            for dated, source in list_price_sources(production.plan)
        ],
        "critical_path": list(plan.critical_path),
        "film_frames": count_film_frames(production),
        "notes": [problem_json(note) for note in plan.warnings],
    }


def list_price_sources(plan: Plan) -> list[tuple[str, str]]:
    """The price lists that a plan's prices are from: their day and source."""
    rows = [(one.provider, one.family) for one in plan.shots_to_render if one.family]
    found = [find_price_table(row, family) for row, family in rows]
    return sorted({(table.as_of, table.source) for table in found if table})


def count_film_frames(production: Run) -> int | None:
    """Frames of the film by the plan; None where a file or the model decides."""
    plan = production.plan
    frames = 0
    for shot in plan:
        if isinstance(shot, ExistingClip) or shot.has_auto_duration:
            return None
        last = shot.index + 1 == len(plan.shots)
        frames += shot.frames - (not last and plan.is_seam(shot.index + 1))
    return frames


_EXISTING_CLIP: dict[str, Any] = {
    "continues": None,
    "continues_take": None,
    "continues_by": None,
    "anchor": None,
    "provider": None,
    "family": None,
    "model": None,
    "prompt": None,
    "draft": False,
    "resolution": None,
    "ratio": None,
    "width": None,
    "height": None,
    "seconds": None,
    "frames": None,
    "tokens": None,
}
"""The fields of a shot that is a file, which has no request."""


def _planned(production: Run, shot: PlannedShot) -> dict[str, Any]:
    standing = production.status[shot.id]
    fields = _EXISTING_CLIP if isinstance(shot, ExistingClip) else _request_fields(shot)
    return {
        "id": shot.id,
        "title": shot.chapter_title,
        "key": shot.key,
        "take": shot.take,
        "state": standing.state,
        "reason": standing.reason,
        "chain": shot.chain_id,
        "lock": shot.shot.lock,
        "seam": standing.seam,
        "goes_stale": standing.may_go_stale,
        "job": standing.attempt.job if standing.attempt else None,
        "price": _price(production, shot),
        **fields,
    }


def _request_fields(shot: ShotToRender) -> dict[str, Any]:
    return {
        "continues": shot.pinned_take.shot if shot.pinned_take else shot.continues,
        "continues_take": shot.pinned_take.take.number if shot.pinned_take else None,
        "continues_by": _continues_by(shot),
        "anchor": shot.anchor,
        "provider": shot.provider.name,
        "family": shot.family,
        "model": shot.model,
        "prompt": shot.content_request.prompt,
        "draft": "final" if shot.draft else bool(shot.request.draft),
        "resolution": shot.request.resolution,
        "ratio": shot.content_request.ratio,
        "width": shot.width,
        "height": shot.height,
        "seconds": shot.duration_seconds,
        "frames": shot.frames,
        "tokens": shot.tokens,
    }


def _continues_by(shot: ShotToRender) -> str | None:
    if shot.continues is None:
        return None
    return "clip" if shot.continues_clip else "frame"


def _price(production: Run, shot: PlannedShot) -> dict[str, Any]:
    price = price_to_json(price_of(shot, None))
    if price["amount"] == 0 and not price["currency"]:
        price["currency"] = _currency(production)
    return price


def _currency(production: Run) -> str:
    budget = production.board.storyboard.budget
    if budget and budget.currency:
        return budget.currency
    billed = (shot.provider.currency for shot in production.plan.shots_to_render)
    return next(filter(None, billed), CURRENCY)


def render_document(report: RunReport, film: str | None) -> dict[str, Any]:
    """What `render --json` prints."""
    production = report.run
    return {
        "film": film,
        "frames": report.film.frame_count if report.film else 0,
        "holes": list(report.missing),
        "shots": [_result(production, one) for one in report.results],
        "stale": [one.id for one in report.stale],
        "warnings": list(report.warnings),
        "spent": report.spent.to_json(_currency(production)),
    }


def _result(production: Run, result: ShotResult) -> dict[str, Any]:
    shot, attempt = result.shot, result.attempt
    price = price_to_json(price_of(shot, attempt))
    if price["amount"] == 0 and not price["currency"]:
        price["currency"] = _currency(production)
    provider, model, tokens = None, None, None
    clip, frame = None, None
    if isinstance(shot, ExistingClip):
        clip = str(shot.clip_path)
    else:
        provider, model, tokens = shot.provider.name, shot.model, shot.tokens
        clip, frame = _files(production.records_of(shot), shot, attempt)
    return {
        "id": shot.id,
        "key": shot.key,
        "outcome": result.outcome,
        "provider": provider,
        "model": model,
        "job": attempt.job if attempt else None,
        "clip": clip,
        "last_frame": frame,
        "frames": attempt.frames if attempt and attempt.frames else None,
        "seam_difference": attempt.seam_difference if attempt else None,
        "tokens": attempt.tokens if attempt and attempt.tokens is not None else tokens,
        "price": price,
        "error": error_json(result.error) if result.error else None,
    }


def _files(
    shelf: RecordStore, shot: ShotToRender, attempt: Attempt | None
) -> tuple[str | None, str | None]:
    home = shelf.folder_of(shot.key)
    clip = home / attempt.clip.name if attempt and attempt.clip else None
    frame = home / attempt.last_frame.name if attempt and attempt.last_frame else None
    return str(clip) if clip else None, str(frame) if frame else None


def error_document(error: Exception, report: dict[str, Any] | None = None) -> dict[str, Any]:
    """What every command prints with --json where it ends on 2, 3, 4 or 70."""
    problems: tuple[Problem, ...] = getattr(error, "problems", ())
    return {
        "error": error_json(error),
        "problems": [problem_json(problem) for problem in problems],
        **(report or {}),
    }


def error_json(error: Exception) -> dict[str, str]:
    """An error as `kind` and `message`."""
    kind = error.kind if isinstance(error, ShotchainError) else "bug"
    return {"kind": kind, "message": str(error) or type(error).__name__}


def problem_json(problem: Problem) -> dict[str, Any]:
    """One problem of a board."""
    return {
        "file": problem.file or None,
        "line": problem.line or None,
        "column": problem.column or None,
        "path": problem.path,
        "message": problem.message,
        "remedy": problem.remedy,
    }
