"""A plan and the report of a run as text for a person. Imports neither rich nor Prefect."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from flows.cli.output.style import align_columns
from flows.report import Outcome, RunReport, ShotResult
from tasks.budgets.money import format_price
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.planning.conversions import Conversions


def count_noun(count: int, noun: str) -> str:
    """Return a count with its noun: `1 shot`, `2 shots`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def format_conversions(conversions: Conversions) -> list[str]:
    """Return a line for each shot that is converted."""
    return [f"converted: {shot_id}: {', '.join(texts)}" for shot_id, texts in conversions.items()]


def format_frames(frames: int) -> str:
    """Return a number of frames and their duration."""
    return f"{count_noun(frames, 'frame')}, {frames / FRAMES_PER_SECOND:.2f} s"


def format_report(report: RunReport, film: Path | None) -> str:
    """Return the outcome of a run: a line per shot, the film, the counts and what was paid.

    Args:
        report: The outcome.
        film: Where the film is; None without a film.
    """
    table = [_result_cells(result) for result in report.results]
    lines = [line.rstrip() for line in align_columns(table)] if table else []
    lines.append("")
    lines += format_conversions(report.conversions)
    if film and report.film:
        missing = f", without {', '.join(report.missing)}" if report.missing else ""
        lines.append(f"{film}  ({format_frames(report.film.frame_count)}{missing})")
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
