"""`shotchain qc`: measure the clips of a board and report what exceeds a limit. Offline.

A clip is decoded once; its measures are kept in the store.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from flows.cli.arguments import add_board, prepare_board
from flows.cli.output import print_output
from flows.cli.output.progress_line import show_progress
from flows.cli.output.style import (
    align_columns,
    cell_width,
    count_noun,
    fit_width,
    paint,
    truncate,
    wrap,
)
from flows.quality import QualityReport, examine_board
from flows.quality_documents import quality_document
from flows.quality_plots import write_plots
from storyboards.terminal_text import escape_control_chars
from tasks.quality import ChainQuality, SeamQuality, ShotQuality, Step
from tasks.quality_faults import LIMIT_WORDS

_COLUMNS = ("shot", "luma", "seam", "step", "chroma", "sharp", "flash", "clip", "peak", "")
_LEFT_OUT_FIRST = ("chroma", "peak", "flash", "clip")
"""The columns that a narrow terminal does not show."""
_CHAIN_COLUMNS = ("chain", "shots", "luma", "Cb", "Cr", "contrast", "sharp")
_NOTHING = "–"
_INDENT = "  "
_MIN_ID_WIDTH, _FAULT_WIDTH = 8, 14
_LEGEND = (
    "luma: mean level. At the seam before the shot: difference of the two pictures, steps of luma "
    "and chroma in levels, of sharpness in percent. flash: most within a second; clip: percent of "
    "a picture at maximum; peak: true peak of the sound in dB"
)

_CHAIN_LEGEND = (
    "drift along each chain: steps at its seams added up, in levels; of sharpness the mean of a "
    "seam in percent"
)

EXAMPLES = """\
# measure the clips, and report seams, faults and drift; a plot per chain
shotchain qc film.yaml
# exit 1 if something exceeds a limit of the board
shotchain qc film.yaml --check
# the plots in a folder, and every value as JSON
shotchain qc film.yaml --json --out qc
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `qc`."""
    add_board(parser)
    check = "exit with 1 if something exceeds a limit or a clip can't be measured"
    parser.add_argument("--check", action="store_true", help=check)
    out = "the folder of the plots; the folder sheets of the store by default"
    parser.add_argument("--out", metavar="FOLDER", type=Path, help=out)


def run_command(arguments: argparse.Namespace) -> int:
    """Print the quality of the clips and return the exit code.

    Raises:
        ShotchainError: See `flows.run.prepare_run` and `flows.quality_plots.write_plots`.
    """
    run = prepare_board(arguments)
    with show_progress("measuring", is_quiet=arguments.json) as on_clip:
        report = examine_board(run, on_clip=on_clip)
    plots = write_plots(report, arguments.out)
    print_output(
        lambda: quality_document(report, plots),
        lambda: _format_report(report, plots, fit_width(sys.stdout)),
        as_json=arguments.json,
    )
    return int(arguments.check and bool(report.findings or report.unmeasured))


def _format_report(report: QualityReport, plots: Mapping[str, Path], width: int) -> str:
    blocks = [
        _format_verdict(report, width),
        _format_shots(report, width),
        _format_chains(report, width),
        _format_notes(report, width),
        [f"{_INDENT}{_shorten(path)}" for path in plots.values()],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _format_verdict(report: QualityReport, width: int) -> list[str]:
    """Return the verdict, then each finding."""
    shots = count_noun(len({shot.shot for shot in report.shots}), "shot")
    seams = count_noun(sum(seam.is_linked for seam in report.seams), "chained seam")
    examined = f"{shots}, {seams}, {count_noun(len(report.chains), 'chain')}"
    if not report.shots:
        verdict, style = "nothing to measure: the store has no clip of this board", "yellow"
    elif report.findings:
        count = count_noun(len(report.findings), "value")
        over = "exceeds its limit" if len(report.findings) == 1 else "exceed their limits"
        verdict, style = f"✗ {count} {over} in {examined}", "red"
    else:
        verdict, style = f"✓ within all limits: {examined}", "green"
    lines = [paint(line, style) for line in wrap(verdict, width, indent=_INDENT)]
    for finding in report.findings:
        sentence = f"{finding.shot}: {finding.sentence}"
        lines += [f"{_INDENT}{line}" for line in wrap(sentence, width - 2, indent=_INDENT)]
    return lines


def _format_shots(report: QualityReport, width: int) -> list[str]:
    """Return the table of the shots, each range that the film shows in a line."""
    if not report.shots:
        return []
    seams = {seam.after: seam for seam in report.seams if seam.is_linked}
    rows = [_shot_cells(report, shot, seams.get(shot.shot)) for shot in report.shots]
    lines = _align_table(_COLUMNS, rows, width)
    legend = [paint(line, "dim") for line in wrap(_LEGEND, width - 2)]
    return [f"{_INDENT}{line}" for line in (*lines, *legend)]


def _align_table(names: Sequence[str], rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """Return the lines of a table; a narrow terminal cuts ids, then leaves out columns."""
    columns = [list(cells) for cells in zip(names, *rows, strict=True)]
    left_out = [name for name in _LEFT_OUT_FIRST if name in names]
    while True:
        others = [max(map(cell_width, column)) + 2 for column in columns[1:]]
        space = width - len(_INDENT) - sum(others)
        if space >= _MIN_ID_WIDTH or not left_out:
            break
        name = left_out.pop(0)
        columns = [column for column in columns if column[0] != name]
    columns[0] = [truncate(cell, max(space, _MIN_ID_WIDTH)) for cell in columns[0]]
    header, *lines = [list(cells) for cells in zip(*columns, strict=True)]
    right = [index for index, name in enumerate(header) if index and name]
    return align_columns([[paint(name, "bold") for name in header], *lines], right=right)


def _shot_cells(
    report: QualityReport, shot: ShotQuality, seam: SeamQuality | None
) -> tuple[str, ...]:
    is_first = next(clip for clip in report.shots if clip.shot == shot.shot) is shot
    if not is_first:
        seam = None
    step = seam.step if seam else None
    findings = [
        finding
        for finding in report.findings_of(shot.shot)
        if is_first or shot.shown[0] <= finding.first_frame < shot.shown[1]
    ]
    faults = list(dict.fromkeys(LIMIT_WORDS[finding.fault] for finding in findings))
    more = f" +{len(faults) - 1}" if len(faults) > 1 else ""
    return (
        escape_control_chars(shot.shot),
        f"{shot.mean('luma'):.1f}",
        f"{seam.difference:.1f}" if seam and seam.difference is not None else _NOTHING,
        f"{step.luma:+.1f}" if step else _NOTHING,
        f"{_largest_chroma(step):+.1f}" if step else _NOTHING,
        f"{step.sharpness:+.0f}" if step else _NOTHING,
        str(shot.max_flashes),
        f"{100 * shot.highest('bright'):.0f}",
        _NOTHING if shot.peak_db is None else f"{shot.peak_db:.1f}",
        paint(truncate(f"✗ {faults[0]}{more}", _FAULT_WIDTH), "red")
        if faults
        else paint("✓", "green"),
    )


def _largest_chroma(step: Step) -> float:
    return max(step.blue, step.red, key=abs)


def _format_chains(report: QualityReport, width: int) -> list[str]:
    """Return the table of the drift along each chain."""
    chains = [chain for chain in report.chains if len(chain.shots) > 1]
    if not chains:
        return []
    lines = _align_table(_CHAIN_COLUMNS, list(map(_chain_cells, chains)), width)
    legend = [paint(line, "dim") for line in wrap(_CHAIN_LEGEND, width - 2)]
    return [f"{_INDENT}{line}" for line in (*lines, *legend)]


def _chain_cells(chain: ChainQuality) -> tuple[str, ...]:
    drift = chain.drift
    return (
        escape_control_chars(chain.id),
        str(len(chain.shots)),
        f"{drift.luma:+.2f}",
        f"{drift.blue:+.2f}",
        f"{drift.red:+.2f}",
        f"{drift.contrast:+.2f}",
        f"{chain.softening:+.0f}",
    )


def _format_notes(report: QualityReport, width: int) -> list[str]:
    """Return what was not measured, and why."""
    notes = [f"not measured: {shot}: {reason}" for shot, reason in report.unmeasured.items()]
    if report.missing:
        notes.append(f"without a clip: {', '.join(report.missing)}")
    return [paint(line, "yellow") for note in notes for line in wrap(note, width, indent=_INDENT)]


def _shorten(path: Path) -> str:
    """Return a path relative to the working folder if it is in it."""
    folder = Path.cwd().resolve()
    return escape_control_chars(path.relative_to(folder) if path.is_relative_to(folder) else path)
