"""The document that `shotchain qc --json` prints. Its fields are a contract with other programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.quality import QualityReport
from tasks.quality import ChainQuality, Range, SeamQuality, ShotQuality, Step
from tasks.quality_faults import Finding


def quality_document(report: QualityReport, plots: Mapping[str, Path]) -> dict[str, Any]:
    """Return the document of a report, with the file of each chain's plot by the chain's id."""
    return {
        "board": report.run.board.name,
        "store": str(report.run.store.root),
        "passed": not report.findings,
        "limits": report.limits.model_dump(mode="json"),
        "findings": [finding_json(finding) for finding in report.findings],
        "shots": [
            _shot_json(shot, film_frame)
            for shot, film_frame in zip(report.shots, report.film_frames, strict=True)
        ],
        "seams": [_seam_json(seam) for seam in report.seams],
        "chains": [_chain_json(chain, plots.get(chain.id)) for chain in report.chains],
        "missing": list(report.missing),
        "unmeasured": dict(report.unmeasured),
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """Return a value that exceeds its limit, as in the documents of `qc` and `render`."""
    return {
        "kind": finding.fault.value,
        "shot": finding.shot,
        "message": finding.message,
        "frames": [finding.first_frame, finding.end_frame],
        "value": _round(finding.value),
        "limit": finding.limit,
    }


def _shot_json(shot: ShotQuality, film_frame: int) -> dict[str, Any]:
    first, end = shot.shown
    return {
        "id": shot.shot,
        "clip": str(shot.clip.file.path),
        "frames": [first, end],
        "film_frame": film_frame,
        "luma": _round(shot.mean("luma")),
        "contrast": _round(shot.mean("contrast")),
        "chroma": [_round(shot.mean("blue")), _round(shot.mean("red"))],
        "sharpness": _round(shot.mean("sharpness")),
        "black": _ranges(shot.black),
        "frozen": _ranges(shot.frozen),
        "silent": _ranges(shot.silent),
        "flashes": shot.max_flashes,
        "cuts": shot.cuts,
        "clipped": {
            "luma_low": _percent(shot.highest("low")),
            "luma_high": _percent(shot.highest("high")),
            "rgb_low": _percent(shot.highest("dark")),
            "rgb_high": _percent(shot.highest("bright")),
            "outside_r103": _percent(shot.highest("illegal")),
        },
        "sound": {
            "true_peak": shot.peak_db,
            "full_scale_samples": round(shot.total("full_scale")),
        }
        if shot.measures.has_sound
        else None,
    }


def _seam_json(seam: SeamQuality) -> dict[str, Any]:
    return {
        "before": seam.before,
        "after": seam.after,
        "same_picture": seam.is_linked,
        "in_film": seam.is_visible,
        "difference": None if seam.difference is None else _round(seam.difference),
        **_step_json(seam.step),
    }


def _chain_json(chain: ChainQuality, plot: Path | None) -> dict[str, Any]:
    return {
        "id": chain.id,
        "shots": list(chain.shots),
        "drift": _step_json(chain.drift),
        "same_scene": chain.is_same_scene,
        "change": _step_json(chain.change),
        "plot": str(plot) if plot else None,
    }


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "luma": _round(step.luma),
        "chroma": [_round(step.blue), _round(step.red)],
        "contrast": _round(step.contrast),
        "sharpness": _round(step.sharpness),
    }


def _ranges(stretches: list[Range]) -> list[list[int]]:
    return [list(stretch) for stretch in stretches]


def _percent(share: float) -> float:
    return _round(100 * share)


def _round(value: float) -> float:
    return round(value, 3)
