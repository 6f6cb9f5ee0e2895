"""A plan and the report of a run as text for a person. Imports neither rich nor Prefect."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from flows.cli.output.style import align_columns
from flows.consent import list_budgets
from flows.documents import count_film_frames, list_price_sources
from flows.report import Outcome, RunReport, ShotResult
from flows.run import Run
from storyboards.terminal_text import escape_control_chars
from tasks.budgets.money import ZERO, format_exact, format_price, sum_prices
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.plan import ExistingClip, PlannedShot, ShotToRender
from tasks.planning.conversions import Conversions, plan_conversions
from tasks.store.status import ShotState

KEY_LENGTH = 10
"""Characters of a key that are printed; enough to find its folder in the store."""

PLAN_COLUMNS = ("shot", "chain", "provider", "model", "length", "size", "key", "tokens", "price")


def format_plan(run: Run) -> str:
    """Return the plan of a board: a line per shot, the price, the longest chain."""
    plan = run.plan
    header, *lines = align_columns([PLAN_COLUMNS, *map(_plan_cells, plan)])
    statuses = [run.status[shot.id] for shot in plan]
    return "\n".join(
        [
            header,
            *(
                f"{line}  {status.state}: {status.reason}"
                for line, status in zip(lines, statuses, strict=True)
            ),
            "",
            *(f"note: {escape_control_chars(note)}" for note in run.identity_notes),
            *(f"note: {note}" for note in plan.warnings),
            *_format_conversions(plan_conversions(plan)),
            *_summarize_plan(run),
        ]
    )


def _format_conversions(conversions: Conversions) -> list[str]:
    return [f"converted: {shot_id}: {', '.join(texts)}" for shot_id, texts in conversions.items()]


def _plan_cells(shot: PlannedShot) -> tuple[str, ...]:
    key = shot.key[:KEY_LENGTH]
    if isinstance(shot, ExistingClip):
        width, height = shot.measured.display_size
        seconds, size = f"{float(shot.measured.end_seconds):.4g} s", f"{width}x{height}"
        return shot.id, shot.chain_id, "file", "-", seconds, size, key, "-", format_price(ZERO)
    return (
        shot.id,
        _chain(shot),
        shot.provider.name,
        shot.family or shot.model,
        _length(shot),
        f"{shot.width}x{shot.height}" if shot.width else "-",
        key,
        "-" if shot.tokens is None else str(shot.tokens),
        format_price(shot.max_price),
    )


def _chain(shot: ShotToRender) -> str:
    if shot.pinned_take:
        return f"{shot.chain_id} < {shot.pinned_take.shot} take {shot.pinned_take.take.number}"
    if shot.continues is None:
        return shot.chain_id
    return f"{shot.chain_id} < {shot.continues}{' (clip)' if shot.continues_clip else ''}"


def _length(shot: ShotToRender) -> str:
    seconds = f"{shot.duration_seconds:g} s"
    return f"auto, {seconds} at most" if shot.has_auto_duration else seconds


def _summarize_plan(run: Run) -> list[str]:
    plan = run.plan
    counts = Counter(run.status[shot.id].state for shot in plan)
    states = ", ".join(f"{counts[state]} {state}" for state in ShotState if counts[state])
    lines = [
        f"{len(plan.shots)} shots: {states}",
        f"to pay: {run.max_cost}" + ("" if run.max_cost.is_free else " at most"),
    ]
    for limit, booked in list_budgets(run):
        amount = format_exact(sum_prices([limit.amount]))
        lines.append(
            f"budget of {limit.owner}: {amount}, of it booked in {run.store.root}: "
            f"{format_exact(booked)}"
        )
    lines += [f"prices of {date}: {source}" for date, source in list_price_sources(plan)]
    lines.append(f"longest chain: {' > '.join(plan.critical_path)}")
    frames = count_film_frames(run)
    if frames:
        lines.append(f"film: {_format_frames(frames)}")
    return lines


def _format_frames(frames: int) -> str:
    return f"{frames} frames, {frames / FRAMES_PER_SECOND:.2f} s"


def format_report(report: RunReport, film: Path | None) -> str:
    """Return the outcome of a run: a line per shot, the film, the counts and what was paid.

    Args:
        report: The outcome.
        film: Where the film is; None without a film.
    """
    table = [_result_cells(result) for result in report.results]
    lines = [line.rstrip() for line in align_columns(table)] if table else []
    lines.append("")
    lines += _format_conversions(report.conversions)
    if film and report.film:
        missing = f", without {', '.join(report.missing)}" if report.missing else ""
        lines.append(f"{film}  ({_format_frames(report.film.frame_count)}{missing})")
    counts = Counter(result.outcome for result in report.results)
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    lines.append(f"{outcomes}; paid {report.spent}")
    return "\n".join(lines)


def _result_cells(result: ShotResult) -> tuple[str, ...]:
    attempt = result.attempt
    frames = f"{attempt.frames} frames" if attempt and attempt.frames else ""
    has_price = result.outcome not in (Outcome.FAILED, Outcome.SKIPPED)
    price = format_price(result.price) if has_price else ""
    return result.shot.id, result.outcome, frames, price, _explain(result)


def _explain(result: ShotResult) -> str:
    """Return what the author should know about the outcome of a shot; empty in the normal case."""
    if result.error:
        return str(result.error)
    if result.outcome == Outcome.SKIPPED:
        return f"continues {result.shot.continues}, which has no last frame"
    if result.attempt and result.attempt.seam_difference is not None:
        difference = result.attempt.seam_difference
        return f"a soft anchor: its first frame differs by {difference:.1f} of 255"
    return ""
