"""The plots of a board's chains: what they show, their names, and which of them are current.

They are drawn by `tasks.media.quality.plot` and written by `tasks.store.sheet_files`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flows.quality import QualityReport
from tasks.errors import UsageError
from tasks.quality import ChainQuality, ShotQuality
from tasks.quality_faults import Finding
from tasks.store.sheet_files import check_replaceable, find_current_pages, write_pages

if TYPE_CHECKING:
    # Loads Pillow, which current plots do not need.
    from tasks.media.quality.plot import PlottedShot

PLOT_FORMAT_VERSION = 4
"""Part of the digest: another number lets every plot be drawn again."""

_REMEDY = "name another folder after --out"
_MAX_ID_BYTES = 60
"""Of a chain's id in a file name, as for contact sheets."""


def write_plots(report: QualityReport, folder: Path | None) -> dict[str, Path]:
    """Write the plot of each chain unless it is current; return their files by the chain's id.

    Args:
        report: The report.
        folder: The folder that the user named; the folder of sheets in the store by default.

    Raises:
        UsageError: The folder can't be used, or another file has the name of a plot.
        StoreError: A plot can't be written in the store.
    """
    if folder is not None and folder.exists() and not folder.is_dir():
        msg = f"{folder} is not a folder; name a folder after --out"
        raise UsageError(msg)
    target = folder.resolve() if folder else report.run.store.sheets_folder
    paths = {}
    for number, chain in enumerate(report.chains, start=1):
        path = target / _plot_name(report, chain, number)
        digest = _digest_plot(report, chain)
        if not find_current_pages(path, digest, remedy=_REMEDY):
            _write_plot(report, chain, path, digest)
        paths[chain.id] = path
    return paths


def _plot_name(report: QualityReport, chain: ChainQuality, number: int) -> str:
    # The number keeps ids apart that differ only after these bytes, or in upper case.
    chain_id = chain.id.encode()[:_MAX_ID_BYTES].decode(errors="ignore")
    return f"{report.run.board.name}.qc-{number}-{chain_id}.png"


def _write_plot(report: QualityReport, chain: ChainQuality, path: Path, digest: str) -> None:
    # Loads Pillow.
    from tasks.media.quality.plot import draw_chain

    check_replaceable(path, remedy=_REMEDY)
    title = _title(report, chain).replace(chain.id, _drawable_names(report)[chain.id])
    plot = draw_chain(title, list(_list_shots(report, chain)), report.limits)
    write_pages(iter([plot]), path, digest, remedy=_REMEDY)


def _title(report: QualityReport, chain: ChainQuality) -> str:
    board = report.run.board
    return f"chain {chain.id} of {board.storyboard.title or board.name}"


def _list_shots(report: QualityReport, chain: ChainQuality) -> Iterator[PlottedShot]:
    from tasks.media.quality.plot import PlottedShot

    names = _drawable_names(report)
    for shot_id in chain.shots:
        clips = _clips_of(report, shot_id)
        findings = report.findings_of(shot_id)
        yield PlottedShot(
            names[shot_id],
            report.run.plan.shot(shot_id).index + 1,
            report.measures[shot_id],
            tuple(clip.shown for clip in clips),
            report.drifts[shot_id],
            report.differences.get(shot_id),
            findings,
            tuple(_note(finding, names) for finding in findings),
        )


def _drawable_names(report: QualityReport) -> dict[str, str]:
    """Return the id of each shot, or `shot 3` if no font here has its letters."""
    from tasks.media.lettering import is_drawable

    return {
        shot.id: shot.id if all(map(is_drawable, shot.id)) else f"shot {shot.index + 1}"
        for shot in report.run.plan
    }


def _note(finding: Finding, names: Mapping[str, str]) -> str:
    note = f"{finding.shot}: {finding.sentence}"
    # Longer ids first: one may begin with another.
    for shot_id in sorted(names, key=len, reverse=True):
        if names[shot_id] != shot_id:
            note = note.replace(shot_id, names[shot_id])
    return note


def _clips_of(report: QualityReport, shot_id: str) -> Sequence[ShotQuality]:
    """Return the ranges that the film shows of the clip that a chain is made of."""
    measures = report.measures[shot_id]
    return [clip for clip in report.shots if clip.shot == shot_id and clip.measures is measures]


def _digest_plot(report: QualityReport, chain: ChainQuality) -> str:
    """Return a digest of what a plot shows."""
    shots = [
        [
            shot_id,
            report.clip_digests[shot_id],
            [clip.shown for clip in _clips_of(report, shot_id)],
            [round(value, 3) for value in report.drifts[shot_id]],
            report.differences.get(shot_id),
            [finding.message for finding in report.findings_of(shot_id)],
        ]
        for shot_id in chain.shots
    ]
    limits = report.limits.model_dump(mode="json")
    parts = [PLOT_FORMAT_VERSION, _title(report, chain), shots, limits]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
