"""The outcome of a run: each shot, the film, what was paid, and where the film is put."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from flows.run import Run
from storyboards.models import Money
from storyboards.problems import ShotchainError
from tasks.budgets.money import ZERO, Total, describe_price, sum_prices
from tasks.edit import FilmEdit, InputFile
from tasks.errors import BudgetExceeded, ProviderError, SubmissionUnclear
from tasks.plan import ExistingClip, Plan, PlannedShot, PlannedVersion, ShotToRender
from tasks.planning.conversions import (
    Conversions,
    describe_input_conversions,
    plan_conversions,
)
from tasks.planning.film_edit import build_edit
from tasks.progress import Progress, ProgressState
from tasks.store import films
from tasks.store.atomic_files import digest_file
from tasks.store.checksums import lists_any, write_checksums
from tasks.store.films import StoredFilm, film_marker
from tasks.store.history import record_rendered_shots, record_requested_takes
from tasks.store.receipts import Attempt
from tasks.store.side_files import list_side_files, read_side_files, side_path
from tasks.store.staleness import describe_end, is_stale
from tasks.store.status import ShotState
from tasks.submission.moderation import explain_moderation


class Outcome(StrEnum):
    """The outcome of a shot of a run."""

    KEPT = "kept"
    """Its clip was paid for by an earlier run, or is the board's own file."""
    RENDERED = "rendered"
    FAILED = "failed"
    UNCLEAR = "unclear"
    """It may have been charged, and its job is not known."""
    SKIPPED = "skipped"
    """Nothing was sent: the shot it continues has no last frame, or a budget forbids it."""


class ShotResult(NamedTuple):
    """The outcome of one shot."""

    shot: PlannedShot
    outcome: Outcome
    attempt: Attempt | None = None
    """The current attempt; None for a file of the board, and if nothing was ever sent."""
    error: ShotchainError | None = None

    @property
    def has_clip(self) -> bool:
        """True if the clip is in the store."""
        return self.outcome in (Outcome.KEPT, Outcome.RENDERED)

    @property
    def price(self) -> Money | None:
        """The actual price if it is known, else the estimate; None if that is unknown too."""
        return price_of(self.shot, self.attempt)


class VersionResult(NamedTuple):
    """The outcome of one version of a board."""

    version: PlannedVersion
    missing: tuple[str, ...] = ()
    """Ids of its shots without a clip."""
    film: StoredFilm | None = None
    error: ShotchainError | None = None
    """Why its film could not be joined or put in place, if no shot is the reason."""
    path: Path | None = None
    """The file of its film for the user; None until it is there."""


class FilmTitle(NamedTuple):
    """The names of a film: its file in the store and its title."""

    name: str
    title: str


def describe_outcome(result: ShotResult) -> Progress:
    """Return the outcome of a shot as its last progress."""
    attempt, error = result.attempt, result.error
    # The line of a progress begins with the shot, and so do many messages.
    detail = str(error).removeprefix(f"{result.shot.id}: ") if error else ""
    if result.outcome is Outcome.SKIPPED and not error:
        detail = f"{result.shot.continues} has no {name_start_frame(result.shot)}"
    return Progress(
        result.shot.id,
        ProgressState(result.outcome),
        detail,
        job=attempt.job if attempt else None,
        provider=attempt.provider if attempt else "",
        price=result.price,
    )


def name_start_frame(shot: PlannedShot) -> str:
    """Return the name of the frame of another shot that a shot starts on."""
    number = shot.continues_frame if isinstance(shot, ShotToRender) else None
    return "last frame" if number is None else f"frame {number}"


class RunReport(NamedTuple):
    """The outcome of a run."""

    run: Run
    results: tuple[ShotResult, ...]
    """In the order of the film, then of versions alone; of a partial run the selected shots."""
    film: StoredFilm | None = None
    error: ShotchainError | None = None
    """Why the film could not be joined, if no shot is the reason."""
    versions: tuple[VersionResult, ...] = ()
    """In the order of the board; empty until their shots have ended."""
    checksums: Path | None = None
    """The file with the checksums of the film and its versions, once it is written."""
    run_url: str = ""
    """The page of the flow run on the user's Prefect server; empty without one."""
    quality_warnings: tuple[str, ...] = ()
    """One sentence for each value that exceeds a limit of the board; see `flows.quality`."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Ids of the shots of this run without a clip, those of versions included."""
        return tuple(result.shot.id for result in self.results if not result.has_clip)

    @property
    def holes(self) -> tuple[str, ...]:
        """Ids of the shots of the film of the board itself that have no clip."""
        return self.holes_of(self.run.plan)

    def holes_of(self, plan: Plan) -> tuple[str, ...]:
        """Return the ids of the shots of a film that have no clip after this run."""
        missing = set(self.missing)
        return tuple(dict.fromkeys(shot.id for shot in plan if shot.id in missing))

    @property
    def errors(self) -> tuple[ShotchainError, ...]:
        """Every error of the run, those of shots first."""
        errors = [result.error for result in self.results] + [self.error]
        errors += [version.error for version in self.versions]
        return tuple(error for error in errors if error)

    @property
    def stale(self) -> tuple[ShotToRender, ...]:
        """The shots that start from a frame that the shot before no longer ends on."""
        attempts = {result.shot.id: result.attempt for result in self.results}
        return tuple(
            result.shot
            for result in self.results
            if result.has_clip
            and isinstance(result.shot, ShotToRender)
            and is_stale(result.shot, result.attempt, attempts.get(result.shot.continues or ""))
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence for each thing the author should look at although nothing failed."""
        stale = (
            f"the seam before {shot.id} is stale: {shot.id} starts from a frame that "
            f"{describe_end(shot)}; "
            f"--stale cascade renders {shot.id} again"
            for shot in self.stale
        )
        return (*stale, *self._usage_warnings(), *self.quality_warnings)

    def _usage_warnings(self) -> Iterator[str]:
        for result in self.results:
            attempt = result.attempt
            if attempt and attempt.implausible_tokens is not None and attempt.booked_price != ZERO:
                yield (
                    f"{attempt.provider} reported {attempt.implausible_tokens} tokens for "
                    f"{result.shot.id}, which does not fit the request: its maximum price, "
                    f"{describe_price(attempt.booked_price)}, stays booked"
                )

    @property
    def conversions(self) -> Conversions:
        """Conversions in each shot: those of the film, or without a film those of the plan."""
        shots = [result.shot for result in self.results]
        if self.film is None:
            planned = plan_conversions(self.run.plan)
            return {shot.id: planned[shot.id] for shot in shots if shot.id in planned}
        holes = set(self.holes)
        in_film = [shot for shot in self.run.plan if shot.id not in holes]
        clips = (shot.id for shot in in_film for _ in shot.used_ranges)
        converted: dict[str, tuple[str, ...]] = {}
        # Films that were joined by an earlier version have no record of it.
        for shot_id, texts in zip(clips, self.film.conversions, strict=False):
            converted[shot_id] = tuple(dict.fromkeys((*converted.get(shot_id, ()), *texts)))
        texts_by_shot = {
            shot.id: (*describe_input_conversions(shot), *converted.get(shot.id, ()))
            for shot in shots
        }
        return {shot_id: texts for shot_id, texts in texts_by_shot.items() if texts}

    @property
    def spent(self) -> Total:
        """The sum that this run paid; shots that share a key count once."""
        return self._sum_spent(is_rehearsal=None)

    @property
    def paid(self) -> Total:
        """The part of `spent` that vendors elsewhere charge."""
        return self._sum_spent(is_rehearsal=False)

    @property
    def rehearsal(self) -> Total:
        """The part of `spent` that is the list price of renders by providers on this machine."""
        return self._sum_spent(is_rehearsal=True)

    @property
    def has_rendered(self) -> bool:
        """True if this run rendered a shot."""
        return any(result.outcome is Outcome.RENDERED for result in self.results)

    def _sum_spent(self, *, is_rehearsal: bool | None) -> Total:
        """Return the sum of all shots, or of those that were a rehearsal or were not."""
        prices = {
            result.shot.key: result.price
            for result in self.results
            if result.outcome in (Outcome.RENDERED, Outcome.UNCLEAR)
            and is_rehearsal in (None, self._is_rehearsal(result.shot))
        }
        return sum_prices(prices.values())

    def _is_rehearsal(self, shot: PlannedShot) -> bool:
        return isinstance(shot, ShotToRender) and self.run.folder_of(shot.provider) == "previz"


def price_of(shot: PlannedShot, attempt: Attempt | None) -> Money | None:
    """Return what a shot cost if that is known, else its estimate; None if that is unknown."""
    if isinstance(shot, ExistingClip):
        return ZERO
    return attempt.price if attempt and attempt.price is not None else shot.max_price


def report_kept(run: Run) -> RunReport | None:
    """Return the report of a run that has nothing to render or join, else None."""
    if run.pending:
        return None
    report = _all_kept(run)
    if not run.makes_film:
        return report
    film = _find_film(report, run.plan)
    versions = [
        VersionResult(version, film=_find_film(report, version.plan)) for version in run.versions
    ]
    if film is None or any(version.film is None for version in versions):
        return None
    return report._replace(film=film, versions=tuple(versions))


def find_current_films(run: Run) -> frozenset[str]:
    """Return the names of the films of a board that the store has as the board requests them."""
    kept = [shot for shot in run.plan.all_shots if run.status[shot.id].state is ShotState.KEPT]
    results = (ShotResult(shot, Outcome.KEPT, run.status[shot.id].attempt) for shot in kept)
    report, ids = RunReport(run, tuple(results)), {shot.id for shot in kept}
    films_of_board = (run.plan, *(version.plan for version in run.plan.versions))
    return frozenset(
        plan.board.name
        for plan in films_of_board
        if all(shot.id in ids for shot in plan if shot.shows_own_clip) and _find_film(report, plan)
    )


def _find_film(report: RunReport, plan: Plan) -> StoredFilm | None:
    edit = find_edit(report, plan)
    return films.find_film(report.run.store, plan.board.name, edit.identity())


def join_kept(run: Run) -> RunReport:
    """Join the films of a run that has nothing to render, as the flow does, but without Prefect."""
    # av takes as long to import as everything that a kept run needs.
    from tasks.board_film import make_film

    def join(plan: Plan) -> StoredFilm:
        marker = film_marker(plan.board.name, plan.board.file)
        edit = find_edit(report, plan)
        return make_film(run.store, plan.board.name, marker, edit, ffmpeg=run.settings.ffmpeg)

    report = _all_kept(run)
    # Nothing that this run keeps may be cleaned away meanwhile.
    with run.store.shared_lock():
        record_kept(run)
        try:
            report = report._replace(film=join(run.plan))
        except ShotchainError as error:
            report = report._replace(error=error)
        for version in run.versions:
            try:
                result = VersionResult(version, film=join(version.plan))
            except ShotchainError as error:
                result = VersionResult(version, error=name_version(error, version))
            report = report._replace(versions=(*report.versions, result))
    return report


def record_kept(run: Run) -> None:
    """Record the takes and the shots of a run that has nothing to render.

    Raises:
        StoreError: The store cannot be written.
    """
    run.record_identity()
    record_requested_takes(run.store.root, run.plan, run.shots, folder_of=run.folder_of)
    record_rendered_shots(run.store.root, run.plan, run.shots)


def _all_kept(run: Run) -> RunReport:
    selected = {shot.id for shot in run.shots}
    results = tuple(
        ShotResult(shot, Outcome.KEPT, run.status[shot.id].attempt)
        for shot in run.plan.all_shots
        if shot.id in selected
    )
    return RunReport(run, results)


def find_edit(report: RunReport, plan: Plan) -> FilmEdit:
    """Return the edit of a film of a run, from the clips in the store.

    Args:
        report: The outcome of the run.
        plan: The plan of the board, or of one of its versions.
    """
    title = film_title(plan, report.holes_of(plan)).title
    return build_edit(plan, locate_clips(report, plan), title=title)


def locate_clips(report: RunReport, plan: Plan) -> dict[str, InputFile]:
    """Return the clip of each shot of a film that has one, by the shot's id."""
    shown = {shot.id for shot in plan if shot.shows_own_clip}
    return {
        result.shot.id: _locate_clip(report.run, result)
        for result in report.results
        if result.has_clip and result.shot.id in shown
    }


def failed_result(shot: PlannedShot, attempt: Attempt | None, error: ShotchainError) -> ShotResult:
    """Return the outcome of a shot that ended with an error."""
    if isinstance(error, SubmissionUnclear):
        return ShotResult(shot, Outcome.UNCLEAR, attempt, error)
    if isinstance(error, BudgetExceeded):
        # Nothing was sent and nothing is wrong with the shot: a higher budget renders it.
        return ShotResult(shot, Outcome.SKIPPED, attempt, error)
    if isinstance(error, ProviderError) and isinstance(shot, ShotToRender):
        error = explain_moderation(shot, error)
    return ShotResult(shot, Outcome.FAILED, attempt, error)


def _locate_clip(run: Run, result: ShotResult) -> InputFile:
    """Return the file of a shot's clip."""
    shot, attempt = result.shot, result.attempt
    if isinstance(shot, ExistingClip):
        return InputFile(shot.clip_path, digest_file(shot.clip_path))
    if attempt is None or attempt.clip is None:
        msg = f"{shot.id} is to be joined and has no clip"
        raise AssertionError(msg)
    folder = run.records_of(shot).folder_of(shot.key)
    return InputFile(folder / attempt.clip.name, attempt.clip.sha256, attempt.frames)


def film_title(plan: Plan, missing: Sequence[str]) -> FilmTitle:
    """Return the names of a film; a partial film never replaces the full one.

    Args:
        plan: The plan of the board, or of one of its versions.
        missing: The ids of its shots without a clip.
    """
    board = plan.board
    title = board.storyboard.title or board.name
    if not missing:
        return FilmTitle(board.name, title)
    return FilmTitle(
        f"{board.name}{films.PARTIAL_SUFFIX}", f"{title} (without {', '.join(missing)})"
    )


def list_film_side_files(report: RunReport, film: Path | None) -> tuple[Path, ...]:
    """Return the files beside the film of a run, such as its captions and stems.

    Args:
        report: The outcome of the run.
        film: Where the film is; None without a film.

    Raises:
        StoreError: The record of the film is damaged.
    """
    return list_side_files(report.film.path, film) if report.film and film else ()


def name_version(error: ShotchainError, version: PlannedVersion) -> ShotchainError:
    """Return an error of joining a version with the name of the version in its message."""
    named = copy(error)
    named.args = (f"{version.name}: {error}",)
    return named


def export(report: RunReport) -> Path | None:
    """Put the film of the board at the place the user expects.

    Returns:
        Where the film is: in the store if no place is set, None without a film.

    Raises:
        StoreError: The film cannot be written there.
    """
    is_named = report.run.options.out is not None
    return _export_film(report, report.film, report.run.film_path, report.holes, is_named=is_named)


def export_versions(report: RunReport, film: Path | None) -> RunReport:
    """Put the films of versions beside that of the board, and write the checksums of all.

    Args:
        report: The outcome of the run.
        film: Where the film of the board is; None without a film.

    Returns:
        The report with the places of the films; a film that can't be written has an error.
    """
    exported = []
    for result in report.versions:
        place = report.run.version_path(result.version)
        try:
            path = _export_film(report, result.film, place, result.missing, is_named=False)
        except ShotchainError as error:
            exported.append(result._replace(error=result.error or error))
        else:
            exported.append(result._replace(path=path))
    report = report._replace(versions=tuple(exported))
    try:
        return report._replace(checksums=_write_checksums(report, film))
    except ShotchainError as error:
        return report._replace(error=report.error or error)


def _write_checksums(report: RunReport, film: Path | None) -> Path | None:
    """Write the checksums of a film with versions, or update those that list it already."""
    run = report.run
    if run.film_path is None:
        return None
    exported = [(film, report.film), *((result.path, result.film) for result in report.versions)]
    digests: dict[str, str] = {}
    for path, stored in exported:
        if path and stored:
            digests[path.name] = films.read_digest(run.store, stored)
            side_files = read_side_files(stored.path).items()
            digests |= {side_path(path, suffix).name: digest for suffix, digest in side_files}
    folder = run.film_path.parent
    has_versions = any(result.path for result in report.versions)
    if not has_versions and not lists_any(folder, digests):
        return None
    return write_checksums(run.store, folder, digests)


def _export_film(
    report: RunReport,
    film: StoredFilm | None,
    path: Path | None,
    missing: Sequence[str],
    *,
    is_named: bool,
) -> Path | None:
    run = report.run
    if film is None or path is None:
        return film.path if film else None
    if missing and not is_named:
        path = path.with_name(f"{path.stem}{films.PARTIAL_SUFFIX}{path.suffix}")
    if film.is_new or not films.is_exported(film, path):
        films.export_film(run.store, film, path, run.board.file)
    return path
