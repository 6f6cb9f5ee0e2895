"""What a plan and a run say, as JSON documents: the fields that other programs read stay."""

from __future__ import annotations

from typing import Any

from flows.agreement import budgets_of
from flows.production import Production
from flows.results import Report, Result, price_of
from storyboards.problems import Problem, ShotchainError
from tasks.money.bill import price_json
from tasks.plan import Plan, PlannedShot
from tasks.providers.prices import find_table
from tasks.receipts import Attempt
from tasks.store import Shelf

CURRENCY = "USD"
"""What a sum of nothing is told in, where no price names a currency."""


def check_document(plan: Plan) -> dict[str, Any]:
    """What `check --json` prints of a board that is clean."""
    return {
        "board": plan.board.name,
        "shots": len(plan.shots),
        "problems": [],
        "notes": [problem_json(note) for note in plan.notes],
    }


def plan_document(production: Production) -> dict[str, Any]:
    """What `plan --json` prints."""
    plan = production.plan
    total = production.to_pay
    return {
        "board": production.board.name,
        "store": str(production.store.root),
        "shots": [_planned(production, shot) for shot in plan],
        "total": total.to_json(_currency(production)),
        "budgets": [
            {
                "whose": wall.whose,
                "limit": price_json(wall.limit),
                "booked": booked.to_json(wall.limit.currency),
            }
            for wall, booked in budgets_of(production)
        ],
        "price_lists": [
            {"dated": dated, "source": source} for dated, source in price_lists(production.plan)
        ],
        "critical_path": list(plan.critical_path),
        "film_frames": film_frames(production),
        "notes": [problem_json(note) for note in plan.notes],
    }


def price_lists(plan: Plan) -> list[tuple[str, str]]:
    """The price lists that a plan's prices are from: their day and source."""
    rows = [(one.provider, one.family) for one in plan if one.provider and one.family]
    found = [find_table(row, family) for row, family in rows]
    return sorted({(table.dated, table.source) for table in found if table})


def film_frames(production: Production) -> int | None:
    """Frames of the film by the plan; None where a file or the model decides."""
    plan = production.plan
    frames = 0
    for shot in plan:
        if shot.frames is None or (shot.wanted and shot.wanted.duration_seconds == -1):
            return None
        last = shot.index + 1 == len(plan.shots)
        frames += shot.frames - (not last and plan.seam(shot.index + 1))
    return frames


def _planned(production: Production, shot: PlannedShot) -> dict[str, Any]:
    standing = production.survey[shot.id]
    order, wanted = shot.order, shot.wanted
    return {
        "id": shot.id,
        "title": shot.title,
        "key": shot.key,
        "take": shot.take,
        "state": standing.state,
        "reason": standing.reason,
        "chain": shot.chain,
        "continues": shot.pinned.shot if shot.pinned else shot.continues,
        "continues_take": shot.pinned.take.number if shot.pinned else None,
        "lock": shot.shot.lock,
        "continues_by": _continues_by(shot),
        "anchor": shot.anchor,
        "seam": standing.seam,
        "goes_stale": standing.goes_stale,
        "provider": shot.provider.name if shot.provider else None,
        "family": shot.family,
        "model": shot.model,
        "job": standing.attempt.job if standing.attempt else None,
        "prompt": wanted.prompt if wanted else None,
        "draft": "final" if shot.draft else bool(order and order.draft),
        "resolution": order.resolution if order else None,
        "ratio": wanted.ratio if wanted else None,
        "width": shot.width,
        "height": shot.height,
        "seconds": shot.seconds,
        "frames": shot.frames,
        "tokens": shot.tokens,
        "price": _price(production, shot),
    }


def _continues_by(shot: PlannedShot) -> str | None:
    if shot.continues is None:
        return None
    return "clip" if shot.by_clip else "frame"


def _price(production: Production, shot: PlannedShot) -> dict[str, Any]:
    price = price_json(shot.price)
    if price["amount"] == 0 and not price["currency"]:
        price["currency"] = _currency(production)
    return price


def _currency(production: Production) -> str:
    budget = production.board.storyboard.budget
    if budget and budget.currency:
        return budget.currency
    billed = (one.provider.currency for one in production.plan if one.provider)
    return next(filter(None, billed), CURRENCY)


def render_document(report: Report, film: str | None) -> dict[str, Any]:
    """What `render --json` prints."""
    production = report.production
    return {
        "film": film,
        "frames": report.film.frames if report.film else 0,
        "holes": list(report.holes),
        "shots": [_result(production, one) for one in report.results],
        "stale": [one.id for one in report.stale],
        "warnings": list(report.warnings),
        "spent": report.spent.to_json(_currency(production)),
    }


def _result(production: Production, result: Result) -> dict[str, Any]:
    shot, attempt = result.shot, result.attempt
    price = price_json(price_of(shot, attempt))
    if price["amount"] == 0 and not price["currency"]:
        price["currency"] = _currency(production)
    clip, frame = _files(production.shelf(shot), shot, attempt)
    return {
        "id": shot.id,
        "key": shot.key,
        "outcome": result.outcome,
        "provider": shot.provider.name if shot.provider else None,
        "model": shot.model,
        "job": attempt.job if attempt else None,
        "clip": clip,
        "last_frame": frame,
        "frames": attempt.frames if attempt and attempt.frames else None,
        "seam_difference": attempt.seam_difference if attempt else None,
        "tokens": attempt.tokens if attempt and attempt.tokens is not None else shot.tokens,
        "price": price,
        "error": error_json(result.error) if result.error else None,
    }


def _files(
    shelf: Shelf, shot: PlannedShot, attempt: Attempt | None
) -> tuple[str | None, str | None]:
    if shot.clip:
        return str(shot.clip), None
    home = shelf.home(shot.key)
    clip = home / attempt.clip.file if attempt and attempt.clip else None
    frame = home / attempt.last_frame.file if attempt and attempt.last_frame else None
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
