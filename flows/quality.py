"""The quality of a board's clips: what is measured, compared, and over its limit.

Offline. Clips that were measured before are not read again; `tasks.quality` has the rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from flows.report import Outcome, RunReport, ShotResult, find_edit, locate_clips
from flows.run import Run
from storyboards.models import Quality
from tasks.clip_measures import LAST_FRAME, ClipMeasurer, Link, OnClip
from tasks.edit import EditClip, FilmEdit, InputFile, lay_out
from tasks.errors import QualityExceeded, StoreError
from tasks.plan import ExistingClip, Plan, PlannedShot
from tasks.quality import (
    NO_STEP,
    ChainQuality,
    ClipMeasures,
    SeamQuality,
    ShotQuality,
    Step,
    build_step,
    find_frame,
    measure_step,
    shows_same_scene,
)
from tasks.quality_faults import (
    LIMIT_WORDS,
    Finding,
    find_drift,
    find_seam_faults,
    find_shot_faults,
)
from tasks.store.status import ShotState

if TYPE_CHECKING:
    # Loads numpy.
    pass


@dataclass(frozen=True)
class QualityReport:
    """The measures of a board's clips, and what exceeds a limit."""

    run: Run
    limits: Quality
    shots: tuple[ShotQuality, ...]
    """A range of each clip that the film shows, in the order of the film."""
    film_frames: tuple[int, ...]
    """The film's frame at which each of them begins."""
    seams: tuple[SeamQuality, ...]
    chains: tuple[ChainQuality, ...]
    findings: tuple[Finding, ...]
    missing: tuple[str, ...] = ()
    """Ids of the shots without a clip."""
    unmeasured: Mapping[str, str] = field(default_factory=dict)
    """Why a clip could not be measured, by the id of the shot."""
    measures: Mapping[str, ClipMeasures] = field(default_factory=dict)
    """Of the clip that each shot's chain is made of, by the id of the shot."""
    clip_digests: Mapping[str, str] = field(default_factory=dict)
    """The digest of that clip."""
    drifts: Mapping[str, Step] = field(default_factory=dict)
    """The sum of the steps at the seams from the beginning of a chain to each shot."""
    differences: Mapping[str, float] = field(default_factory=dict)
    """The difference of each shot's first frame and the frame that it starts on."""

    def findings_of(self, shot_id: str) -> tuple[Finding, ...]:
        """Return what exceeds a limit in a shot or at its beginning."""
        return tuple(finding for finding in self.findings if finding.shot == shot_id)


def limits_of(run: Run) -> Quality:
    """Return the limits of a board: its own, or the default ones."""
    return run.board.storyboard.qc or Quality()


def examine_board(run: Run, *, on_clip: OnClip = lambda *_: None) -> QualityReport:
    """Measure the clips of a board that the store has, and compare them.

    Raises:
        StoreError: A record is damaged.
    """
    results = tuple(
        ShotResult(shot, Outcome.KEPT, run.status[shot.id].attempt)
        for shot in run.plan
        if run.status[shot.id].state is ShotState.KEPT
    )
    if results:
        with suppress(StoreError):
            # A board of own clips may have no store yet.
            run.store.initialize()
    return examine(RunReport(run, results), on_clip=on_clip)


def examine(
    report: RunReport, *, on_clip: OnClip = lambda *_: None, reads_clips: bool = True
) -> QualityReport:
    """Measure and compare the clips of a run.

    Args:
        report: The run.
        on_clip: See `OnClip`.
        reads_clips: False to use only what was measured before.
    """
    run = report.run
    edit, files = find_edit(report, run.plan), locate_clips(report, run.plan)
    links = list(_find_links(run.plan, edit, files))
    measurer = ClipMeasurer(run.store, links, on_clip, reads_clips=reads_clips)
    measurer.measure(_order_files(run.plan, edit, files))
    return _Examiner(run, edit, files, links, measurer).examine()


def find_stop(report: RunReport, shot_id: str) -> QualityExceeded | None:
    """Return why nothing that continues a shot is rendered, or None if it is within all limits.

    Args:
        report: The shots of its chain up to it, whose clips were measured.
        shot_id: The id of the shot.
    """
    findings = examine(report, reads_clips=False).findings_of(shot_id)
    if not findings:
        return None
    more = f", and {count_more}" if (count_more := _count_more(findings)) else ""
    limits = dict.fromkeys(f"qc.{LIMIT_WORDS[finding.fault]}" for finding in findings)
    msg = (
        f"{shot_id} is beyond a limit of the board: {findings[0].sentence}{more}; "
        f"`shotchain retake` takes it again, or change {' and '.join(limits)}"
    )
    return QualityExceeded(msg)


def _count_more(findings: Sequence[Finding]) -> str:
    return f"{len(findings) - 1} more" if len(findings) > 1 else ""


def add_quality_warnings(report: RunReport) -> RunReport:
    """Return a report with what exceeds a limit, if the board has limits. Reads no clip."""
    if report.run.board.storyboard.qc is None:
        return report
    quality = examine(report, reads_clips=False)
    stopped = {
        result.shot.id for result in report.results if isinstance(result.error, QualityExceeded)
    }
    warnings = [
        f"{finding.shot}: {finding.sentence}"
        for finding in quality.findings
        if finding.shot not in stopped
    ]
    if quality.unmeasured:
        ids = ", ".join(quality.unmeasured)
        warnings.append(f"the clips of {ids} are not measured; `shotchain qc` measures them")
    return report._replace(quality_warnings=tuple(warnings))


def _find_links(plan: Plan, edit: FilmEdit, files: Mapping[str, InputFile]) -> Iterator[Link]:
    """Yield the frames that clips start on, those of the plan and those that the film drops."""
    known = set()
    for link in (*_find_planned_links(plan, files), *_find_dropped_frames(edit)):
        identity = (*link.name, link.other.sha256)
        if identity not in known:
            known.add(identity)
            yield link


def _find_planned_links(plan: Plan, files: Mapping[str, InputFile]) -> Iterator[Link]:
    for shot in plan:
        if isinstance(shot, ExistingClip) or shot.id not in files or shot.continues_clip:
            continue
        before, file = shot.continues, files.get(shot.continues or "")
        pinned = shot.pinned_take
        if pinned and pinned.clip_path and pinned.attempt.clip:
            before, file = pinned.shot, InputFile(pinned.clip_path, pinned.attempt.clip.sha256)
        if before and file:
            frame = LAST_FRAME if shot.continues_frame is None else shot.continues_frame
            yield Link(before, file, frame, shot.id, files[shot.id])


def _find_dropped_frames(edit: FilmEdit) -> Iterator[Link]:
    for clip, following in pairwise(edit.clips):
        if clip.drop_last_frame:
            yield Link(clip.shot, clip.file, LAST_FRAME, following.shot, following.file)


def _order_files(
    plan: Plan, edit: FilmEdit, files: Mapping[str, InputFile]
) -> list[tuple[str, InputFile]]:
    """Return every clip once, chain by chain, so that few frames wait to be compared."""
    chains: dict[str, list[PlannedShot]] = {}
    for shot in plan.dependency_order():
        chains.setdefault(shot.chain_id, []).append(shot)
    in_chains = [
        (shot.id, files[shot.id]) for shots in chains.values() for shot in shots if shot.id in files
    ]
    others = [(clip.shot, clip.file) for clip in edit.clips]
    ordered: dict[str, tuple[str, InputFile]] = {}
    for shot_id, file in (*in_chains, *others):
        ordered.setdefault(file.sha256, (shot_id, file))
    return list(ordered.values())


class _Examiner:
    """Compares the measures of a board with its limits."""

    def __init__(
        self,
        run: Run,
        edit: FilmEdit,
        files: Mapping[str, InputFile],
        links: Sequence[Link],
        measurer: ClipMeasurer,
    ) -> None:
        self._run, self._edit, self._files = run, edit, files
        self._links, self._measured = links, measurer
        self._limits = limits_of(run)
        self._visible = {(before.shot, after.shot) for before, after in pairwise(edit.clips)}

    def examine(self) -> QualityReport:
        """Return the report."""
        measures = self._measured.measures
        shown = [clip for clip in self._edit.clips if clip.file.sha256 in measures]
        places = lay_out(shown, [measures[clip.file.sha256].frames for clip in shown])
        shots = tuple(map(self._examine_shot, shown))
        seams, drifts = tuple(self._examine_seams()), self._add_up_steps()
        chains = tuple(self._examine_chains(drifts))
        return QualityReport(
            self._run,
            self._limits,
            shots,
            tuple(place.first_frame for place in places),
            seams,
            chains,
            tuple(self._find_faults(shots, seams, chains)),
            tuple(self._list_missing()),
            dict(self._list_unmeasured()),
            {shot_id: measures[self._files[shot_id].sha256] for shot_id in drifts},
            {shot_id: self._files[shot_id].sha256 for shot_id in drifts},
            drifts,
            {link.after: value for link, value in self._measured.differences.items()},
        )

    def _list_missing(self) -> Iterator[str]:
        for shot in self._run.plan:
            if shot.shows_own_clip and shot.id not in self._files:
                yield shot.id

    def _list_unmeasured(self) -> Iterator[tuple[str, str]]:
        for clip in self._edit.clips:
            if clip.file.sha256 not in self._measured.measures:
                yield clip.shot, self._measured.errors.get(clip.file.sha256, "not measured yet")

    def _examine_shot(self, clip: EditClip) -> ShotQuality:
        measures = self._measured.measures[clip.file.sha256]
        end = measures.frames if clip.end_frame is None else min(clip.end_frame, measures.frames)
        shown = (clip.first_frame, end - clip.drop_last_frame)
        return ShotQuality(clip.shot, clip, measures, shown)

    def _examine_seams(self) -> Iterator[SeamQuality]:
        """Yield the links, and the cuts between shots that the film shows next to each other."""
        for link in self._links:
            step = self._step_of(link)
            if step is not None:
                yield SeamQuality(
                    link.before,
                    link.after,
                    step,
                    self._measured.differences.get(link),
                    is_visible=(link.before, link.after) in self._visible,
                )
        linked = {(link.before, link.after) for link in self._links}
        for before, after in pairwise(map(self._measured_clip, self._edit.clips)):
            if before and after and (before.shot, after.shot) not in linked:
                last = before.shown[1] - 1
                step = measure_step(before.measures, last, after.measures, after.shown[0])
                yield SeamQuality(before.shot, after.shot, step)

    def _measured_clip(self, clip: EditClip) -> ShotQuality | None:
        is_measured = clip.file.sha256 in self._measured.measures
        return self._examine_shot(clip) if is_measured else None

    def _step_of(self, link: Link) -> Step | None:
        before = self._measured.measures.get(link.file.sha256)
        after = self._measured.measures.get(link.other.sha256)
        if before is None or after is None or before.is_hdr or after.is_hdr:
            return None
        return measure_step(before, find_frame(link.frame, before.frames), after, 0)

    def _measures_of(self, shot_id: str) -> ClipMeasures | None:
        file = self._files.get(shot_id)
        return self._measured.measures.get(file.sha256) if file else None

    def _add_up_steps(self) -> dict[str, Step]:
        """Return the sum of the steps from the beginning of its chain to each measured shot."""
        steps = {link.after: (link.before, self._step_of(link)) for link in self._links}
        sums: dict[str, Step] = {}
        for shot in self._run.plan.dependency_order():
            if self._measures_of(shot.id):
                before, step = steps.get(shot.id, ("", None))
                sums[shot.id] = sums.get(before, NO_STEP).plus(step or NO_STEP)
        return sums

    def _examine_chains(self, drifts: Mapping[str, Step]) -> Iterator[ChainQuality]:
        chains: dict[str, list[str]] = {}
        for shot_id in drifts:
            chains.setdefault(self._run.plan.shot(shot_id).chain_id, []).append(shot_id)
        for chain_id, shot_ids in chains.items():
            first, last = (self._measures_of(shot_id) for shot_id in (shot_ids[0], shot_ids[-1]))
            if first and last:
                drift = max((drifts[shot_id] for shot_id in shot_ids), key=_luma_of)
                is_same_scene = len(shot_ids) > 1 and shows_same_scene(first, last)
                if is_same_scene:
                    drift = max(drift, measure_step(first, 0, last, LAST_FRAME), key=_luma_of)
                change = _change_of_means(first, last)
                yield ChainQuality(chain_id, tuple(shot_ids), drift, is_same_scene, change)

    def _find_faults(
        self,
        shots: Iterable[ShotQuality],
        seams: Iterable[SeamQuality],
        chains: Iterable[ChainQuality],
    ) -> Iterator[Finding]:
        """Yield what exceeds a limit, in the order of the film."""
        limits = self._limits
        findings = [
            *(finding for seam in seams for finding in find_seam_faults(seam, limits)),
            *(finding for shot in shots for finding in find_shot_faults(shot, limits)),
            *(finding for chain in chains for finding in find_drift(chain, limits)),
        ]
        places = {shot.id: shot.index for shot in self._run.plan}
        yield from sorted(
            findings,
            key=lambda finding: (places.get(finding.shot, len(places)), finding.first_frame),
        )


def _luma_of(step: Step) -> float:
    return abs(step.luma)


def _change_of_means(first: ClipMeasures, last: ClipMeasures) -> Step:
    def means_of(name: str) -> tuple[float, float]:
        return sum(first.values[name]) / first.frames, sum(last.values[name]) / last.frames

    return build_step(means_of)
