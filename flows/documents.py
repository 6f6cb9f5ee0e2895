"""A plan, a run and an error as JSON documents, whose fields are a contract with other programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flows.consent import BudgetBalance, find_budget_error, list_budgets
from flows.report import RunReport, ShotResult, VersionResult, list_film_side_files
from flows.run import Run
from flows.version_costs import film_cost_document, list_film_costs
from storyboards.models import Money
from storyboards.problems import Problem, ShotchainError
from tasks.budgets.money import ZERO, format_max_price, price_to_json, sum_prices
from tasks.film_rates import find_rate
from tasks.plan import (
    ExistingClip,
    Plan,
    PlannedShot,
    ShotToRender,
    UsedRange,
    count_clip_frames,
)
from tasks.planning.conversions import plan_conversions
from tasks.planning.film_edit import count_planned_frames
from tasks.planning.sent_prompts import describe_sent_prompt
from tasks.providers.prices import find_price_table

DEFAULT_CURRENCY = "USD"
"""The currency of a sum of zero if neither a budget nor a provider has one."""


def check_document(plan: Plan) -> dict[str, Any]:
    """Return the document that `check --json` prints for a valid board."""
    return {
        "file": plan.board.shown_as,
        "board": plan.board.name,
        "shots": len(plan.shots),
        "versions": [version.name for version in plan.versions],
        "problems": [],
        "notes": [problem_json(note) for note in plan.warnings],
    }


def plan_document(run: Run, *, with_prompts: bool = False) -> dict[str, Any]:
    """Return the document that `plan --json` prints.

    Args:
        run: The run.
        with_prompts: Add what the vendor of each shot gets.
    """
    conversions = plan_conversions(run.plan)
    budget_error = find_budget_error(run)
    selected = {shot.id for shot in run.shots}
    return {
        "board": run.board.name,
        "store": str(run.store.root),
        "shots": [
            {
                **_planned_shot_json(run, shot),
                **(_sent_prompt_json(run, shot) if with_prompts else {}),
                "selected": shot.id in selected,
                "conversions": list(conversions.get(shot.id, ())),
            }
            for shot in run.plan.all_shots
        ],
        "versions": [film_cost_document(cost) for cost in list_film_costs(run) if cost.version],
        "total": run.max_cost.to_json(_currency(run)),
        "budgets": [
            {
                "whose": balance.limit.owner,
                "limit": price_to_json(balance.limit.amount),
                "booked": balance.booked.to_json(balance.limit.amount.currency),
                "this_run": balance.requested.to_json(balance.limit.amount.currency),
                "remaining": _remaining_json(balance),
                "store": str(run.store.root),
            }
            for balance in list_budgets(run)
        ],
        "budget_error": error_json(budget_error) if budget_error else None,
        "price_lists": [
            {"dated": date, "source": source} for date, source in list_price_sources(run.plan)
        ],
        "critical_path": list(run.plan.critical_path),
        "film_frames": count_film_frames(run),
        "film_rate": run.board.storyboard.film.rate,
        "notes": [problem_json(note) for note in list_notes(run)],
    }


def list_notes(run: Run) -> list[Problem]:
    """Return what the author should know about a plan although nothing is wrong with it."""
    sentences = (*run.identity_notes, *_describe_default_audio(run))
    return [
        *(Problem(sentence, file=run.board.shown_as) for sentence in sentences),
        *run.plan.warnings,
    ]


def _describe_default_audio(run: Run) -> Iterator[str]:
    """Yield what a run costs without the sound that the board did not ask for, if that is less."""
    if run.board.storyboard.look.audio is not None:
        return
    prices = {shot.key: run.status[shot.id].max_price for shot in run.shots}
    silent_prices = dict(prices)
    for shot in run.shots:
        if isinstance(shot, ShotToRender) and shot.shot.audio is None and shot.silent_price:
            price = prices[shot.key]
            # A kept shot costs nothing, with sound or without.
            if price and price.amount:
                silent_prices[shot.key] = shot.silent_price
    total, silent_total = sum_prices(prices.values()), sum_prices(silent_prices.values())
    if sum(silent_total.by_currency.values()) < sum(total.by_currency.values()):
        yield (
            f"sound is on by default: with `audio: false` in `look` this run costs "
            f"{format_max_price(silent_total)} at most, in place of {format_max_price(total)}"
        )


def _remaining_json(balance: BudgetBalance) -> dict[str, Any]:
    amount, currency = balance.remaining, balance.limit.amount.currency
    known = None if amount is None else float(round(amount, 6))
    return {"amount": known, "currency": None if amount is None else currency or None}


def list_price_sources(plan: Plan) -> list[tuple[str, str]]:
    """Return the dates and sources of the price lists that a plan's prices are from."""
    tables = (
        find_price_table(shot.provider, shot.family) for shot in plan.shots_to_render if shot.family
    )
    return sorted({(table.as_of, table.source) for table in tables if table})


def count_film_frames(run: Run) -> int | None:
    """Return the frames of the film at its rate; None if the model decides a shot's length."""
    frames = count_planned_frames(run.plan)
    rate = find_rate(run.board.storyboard.film.rate)
    return None if frames is None else rate.count_frames(frames)


_NO_REQUEST: dict[str, Any] = {
    "continues": None,
    "continues_take": None,
    "continues_frame": None,
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
    "audio": None,
}
"""The fields of a request for a shot that is a file."""


def _planned_shot_json(run: Run, shot: PlannedShot) -> dict[str, Any]:
    status = run.status[shot.id]
    price: Money | None = ZERO
    price_per_second: Money | None = ZERO
    if isinstance(shot, ShotToRender):
        price, price_per_second = shot.max_price, shot.price_per_second
        request = _request_json(shot)
    else:
        width, height = shot.measured.display_size
        seconds = float(shot.measured.end_seconds)
        size = {"width": width, "height": height, "seconds": seconds, "frames": shot.frames}
        request = {**_NO_REQUEST, **size, "audio": shot.measured.has_audio}
    return {
        "id": shot.id,
        "shot": shot.shot.id,
        "title": shot.chapter_title,
        "key": shot.key,
        "take": shot.take,
        "use": [_range_json(shot, used) for used in shot.used_ranges],
        "state": status.state,
        "reason": status.reason,
        "chain": shot.chain_id,
        "lock": shot.shot.lock,
        "seam": status.seam,
        "goes_stale": status.may_go_stale,
        "job": status.attempt.job if status.attempt else None,
        "price": _price_json(run, price),
        "price_per_second": _price_json(run, price_per_second),
        **request,
    }


def _range_json(shot: PlannedShot, used: UsedRange) -> dict[str, Any]:
    frames = count_clip_frames(shot, used)
    own_take = None if isinstance(shot, ExistingClip) else shot.take
    return {
        "take": used.take.take.number if used.take else own_take,
        "from": used.first_frame,
        "to": used.end_frame,
        "frames": None if frames is None else used.count_frames(frames),
    }


def _sent_prompt_json(run: Run, shot: PlannedShot) -> dict[str, Any]:
    if isinstance(shot, ExistingClip):
        return {"sent_prompt": None, "sent_media": []}
    sent = describe_sent_prompt(shot, run.board.folder)
    media = [{"name": name, "source": source} for name, source in sent.media]
    return {"sent_prompt": sent.text, "sent_media": media}


def _request_json(shot: ShotToRender) -> dict[str, Any]:
    return {
        "continues": shot.pinned_take.shot if shot.pinned_take else shot.continues,
        "continues_take": shot.pinned_take.take.number if shot.pinned_take else None,
        "continues_frame": shot.continues_frame,
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
        "audio": shot.content_request.audio,
    }


def _continues_by(shot: ShotToRender) -> str | None:
    if shot.continues is None:
        return None
    return "clip" if shot.continues_clip else "frame"


def _price_json(run: Run, price: Money | None) -> dict[str, Any]:
    document = price_to_json(price)
    if document["amount"] == 0 and not document["currency"]:
        document["currency"] = _currency(run)
    return document


def _currency(run: Run) -> str:
    """Return the currency in which a sum of zero is written."""
    budget = run.board.storyboard.budget
    if budget and budget.currency:
        return budget.currency
    currencies = (shot.provider.currency for shot in run.plan.shots_to_render)
    return next(filter(None, currencies), DEFAULT_CURRENCY)


def report_document(report: RunReport, film: Path | None) -> dict[str, Any]:
    """Return the document that `render --json` prints.

    Args:
        report: The outcome of the run.
        film: Where the film is; None without a film.
    """
    conversions = report.conversions
    return {
        "film": str(film) if film else None,
        "frames": report.film.frame_count if report.film else 0,
        "rate": report.film.rate if report.film else None,
        "side_files": list(map(str, list_film_side_files(report, film))),
        "sound": report.film.sound.to_record() if report.film and report.film.sound else None,
        "holes": list(report.holes),
        "shots": [
            {
                **_result_json(report.run, result),
                "conversions": list(conversions.get(result.shot.id, ())),
            }
            for result in report.results
        ],
        "versions": [_version_json(result) for result in report.versions],
        "checksums": str(report.checksums) if report.checksums else None,
        "stale": [shot.id for shot in report.stale],
        "warnings": [*report.run.identity_notes, *report.warnings],
        "spent": report.spent.to_json(_currency(report.run)),
        "rehearsal": report.rehearsal.to_json(_currency(report.run)),
        "run_url": report.run_url or None,
    }


def _version_json(result: VersionResult) -> dict[str, Any]:
    return {
        "name": result.version.name,
        "film": str(result.path) if result.path else None,
        "frames": result.film.frame_count if result.film else 0,
        "holes": list(result.missing),
        "shots": [shot.id for shot in result.version.plan],
        "error": error_json(result.error) if result.error else None,
    }


def _result_json(run: Run, result: ShotResult) -> dict[str, Any]:
    shot, attempt = result.shot, result.attempt
    provider, model, tokens = None, None, None
    clip: Path | None = None
    last_frame: Path | None = None
    if isinstance(shot, ExistingClip):
        clip = shot.clip_path
    else:
        provider, model, tokens = shot.provider.name, shot.model, shot.tokens
        folder = run.records_of(shot).folder_of(shot.key)
        if attempt and attempt.clip:
            clip = folder / attempt.clip.name
        if attempt and attempt.last_frame:
            last_frame = folder / attempt.last_frame.name
    return {
        "id": shot.id,
        "shot": shot.shot.id,
        "key": shot.key,
        "outcome": result.outcome,
        "provider": provider,
        "model": model,
        "job": attempt.job if attempt else None,
        "clip": str(clip) if clip else None,
        "last_frame": str(last_frame) if last_frame else None,
        "frames": attempt.frames if attempt and attempt.frames else None,
        "seam_difference": attempt.seam_difference if attempt else None,
        "tokens": attempt.tokens if attempt and attempt.tokens is not None else tokens,
        "price": _price_json(run, result.price),
        "error": error_json(result.error) if result.error else None,
    }


def error_document(error: Exception, report: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the document that every command prints with --json if it ends with 2, 3, 4 or 70.

    Args:
        error: The error.
        report: The fields of `report_document`, if a run had begun.
    """
    problems: tuple[Problem, ...] = getattr(error, "problems", ())
    return {
        "error": error_json(error),
        "problems": [problem_json(problem) for problem in problems],
        **(report or {}),
    }


def error_json(error: Exception) -> dict[str, str]:
    """Return an error as `kind` and `message`; every unexpected error is of the kind `bug`."""
    kind = error.kind if isinstance(error, ShotchainError) else "bug"
    return {"kind": kind, "message": str(error) or type(error).__name__}


def problem_json(problem: Problem) -> dict[str, Any]:
    """Return a problem of a board with its place; unknown parts of the place are None."""
    return {
        "file": problem.file or None,
        "line": problem.line or None,
        "column": problem.column or None,
        "path": problem.path,
        "message": problem.message,
        "remedy": problem.remedy,
    }
