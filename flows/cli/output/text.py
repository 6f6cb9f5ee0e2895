"""The report of a run as text for a person. Imports neither rich nor Prefect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from flows.cli.output.style import (
    DEFAULT_WIDTH,
    align_columns,
    cell_width,
    count_noun,
    paint,
    paint_state,
    truncate,
    wrap,
)
from flows.report import (
    Outcome,
    RunReport,
    ShotResult,
    list_film_side_files,
    name_start_frame,
)
from storyboards.problems import MAX_CANDIDATES
from storyboards.terminal_text import escape_control_chars
from tasks.budgets.money import format_price
from tasks.errors import QualityExceeded
from tasks.film_rates import find_rate
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.planning.conversions import Conversions

_MAX_LISTED_VERSIONS = 40
"""Versions whose files are listed after a run."""


def format_conversions(conversions: Conversions) -> list[str]:
    """Return a line for each shot that is converted."""
    return [f"converted: {shot_id}: {', '.join(texts)}" for shot_id, texts in conversions.items()]


def format_frames(frames: int, rate: float = 24.0) -> str:
    """Return a number of frames and their duration, and the rate if it is not 24."""
    seconds = float(frames / find_rate(rate).frames_per_second)
    speed = "" if rate == FRAMES_PER_SECOND else f" at {rate:g} per second"
    return f"{count_noun(frames, 'frame')}{speed}, {seconds:.2f} s"


def format_report(
    report: RunReport,
    film: Path | None,
    *,
    width: int = DEFAULT_WIDTH,
    next_commands: Sequence[str] = (),
) -> str:
    """Return the outcome of a run: its shots, why some failed, the film, and what was paid.

    Args:
        report: The outcome.
        film: Where the film is, absolute; None without a film.
        width: Columns of a line.
        next_commands: What the user may type next, each with a text before it.
    """
    lines = [*_format_results(report, width), *format_conversions(report.conversions)]
    for sentence, style in _list_reasons(report):
        lines += [paint(line, style) for line in wrap(sentence, width, indent="  ")]
    if lines:
        lines.append("")
    if film and report.film:
        missing = _format_missing(report.holes)
        # The path is not wrapped, so that it can be copied.
        length = format_frames(report.film.frame_count, report.film.rate)
        lines.append(f"{shorten_path(film)}  ({length}{missing})")
        if side_files := list_film_side_files(report, film):
            names = ", ".join(path.name for path in side_files)
            lines += wrap(f"beside it: {escape_control_chars(names)}", width, indent="  ")
        if report.film.sound:
            lines += wrap(f"sound: {report.film.sound.describe()}", width, indent="  ")
    lines += _format_versions(report)
    lines += wrap(f"{_count_outcomes(report)}; {describe_spent(report)}", width, indent="  ")
    if report.run_url:
        lines.append(f"run: {report.run_url}")
    return "\n".join([*lines, *next_commands])


def _format_versions(report: RunReport) -> list[str]:
    """Return a line for each version that was made, and one for the checksums."""
    existing = [result for result in report.versions if result.path and result.film]
    lines = [
        f"{shorten_path(result.path)}  ({format_frames(result.film.frame_count, result.film.rate)}"
        f"{_format_missing(result.missing)})"
        for result in existing[:_MAX_LISTED_VERSIONS]
        if result.path and result.film
    ]
    if len(existing) > len(lines):
        lines.append(f"{count_noun(len(existing) - len(lines), 'version')} more beside them")
    if report.checksums:
        lines.append(f"{shorten_path(report.checksums)}  (checksums)")
    return lines


def _format_missing(shot_ids: Sequence[str]) -> str:
    return f", without {', '.join(shot_ids)}" if shot_ids else ""


def shorten_path(path: Path) -> Path:
    """Return a path relative to the working directory if it is in it."""
    folder = Path.cwd().resolve()
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def _format_results(report: RunReport, width: int) -> list[str]:
    """Return a line for each shot that this run worked on."""
    table = [_result_cells(result) for result in report.results if result.outcome != Outcome.KEPT]
    if not table:
        return []
    used = sum(max(cell_width(cells[index]) for cells in table) + 2 for index in (1, 2, 3))
    cut = [(truncate(shot, max(width - used, 8)), *cells) for shot, *cells in table]
    return align_columns(cut, right=(2, 3))


def _result_cells(result: ShotResult) -> tuple[str, ...]:
    attempt = result.attempt
    has_frames = result.has_clip and attempt and attempt.frames
    frames = count_noun(attempt.frames or 0, "frame") if attempt and has_frames else ""
    has_price = result.outcome not in (Outcome.FAILED, Outcome.SKIPPED)
    price = format_price(result.price) if has_price else ""
    return escape_control_chars(result.shot.id), paint_state(result.outcome), frames, price


def _list_reasons(report: RunReport) -> Iterator[tuple[str, str]]:
    """Yield each reason once, with the shots that it applies to and its colour."""
    shots_by_reason: dict[tuple[str, str], list[str]] = {}
    for result in report.results:
        reason = _explain(result)
        if reason:
            is_stop = isinstance(result.error, QualityExceeded) and result.has_clip
            label = _STOPPED if is_stop else result.outcome.value
            shots_by_reason.setdefault((label, reason), []).append(result.shot.id)
    for (outcome, reason), shot_ids in shots_by_reason.items():
        yield _name_shots(reason, outcome, shot_ids), _REASON_COLOURS.get(outcome, "")
    if report.error:
        failure = "not put in place" if report.film else "not joined"
        yield f"the film is {failure}: {report.error}", "red"
    for version in report.versions:
        if version.error:
            yield f"a version is not made: {version.error}", "red"
        elif version.film is None:
            without = ", ".join(version.missing)
            yield f"{version.version.name} is not made: no clip of {without}", "red"


_STOPPED = "stopped"
"""In place of the outcome of a shot that was rendered and ends its chain."""

_REASON_COLOURS: dict[str, str] = {
    Outcome.FAILED: "red",
    Outcome.UNCLEAR: "magenta",
    _STOPPED: "red",
}


def _name_shots(reason: str, outcome: str, shot_ids: Sequence[str]) -> str:
    """Return a reason after the shots that it applies to, unless it begins with their name."""
    ids = list(map(escape_control_chars, shot_ids))
    if len(ids) == 1 and reason.startswith((f"{ids[0]} ", f"{ids[0]}:")):
        return f"{outcome}: {reason}"
    listed = ", ".join(ids[:MAX_CANDIDATES])
    more = len(ids) - MAX_CANDIDATES
    return f"{outcome}: {listed}{f' and {more} more' if more > 0 else ''}: {reason}"


def _count_outcomes(report: RunReport) -> str:
    counts = Counter(result.outcome for result in report.results)
    outcomes = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])
    return f"{count_noun(len(report.results), 'shot')}: {outcomes}"


def describe_spent(report: RunReport) -> str:
    """Return what a run paid, and what it would have paid if it was a rehearsal."""
    parts = [] if report.paid.is_free else [f"paid {report.paid}"]
    if not report.rehearsal.is_free:
        parts.append(
            f"would have cost {report.rehearsal} at list price; "
            "this was a rehearsal on this machine"
        )
    if parts:
        return "; ".join(parts)
    return "free (simulator)" if report.has_rendered else "paid nothing"


def _explain(result: ShotResult) -> str:
    """Return what the author should know about the outcome of a shot; empty in the normal case."""
    if result.error:
        return str(result.error)
    if result.outcome == Outcome.SKIPPED:
        return f"continues {result.shot.continues}, which has no {name_start_frame(result.shot)}"
    if result.attempt and result.attempt.seam_difference is not None:
        difference = result.attempt.seam_difference
        return f"a soft anchor: its first frame differs by {difference:.1f} of 255"
    return ""
