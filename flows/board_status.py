"""The state of a board's job: what stands where, since when, what it cost. Offline, reads only.

For a board with problems, which can't be planned, the store alone is read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from flows.report import find_current_films
from flows.run import Run
from storyboards.models import Money
from tasks.budgets.ledger import LedgerEntry
from tasks.budgets.money import Total, price_to_json, sum_prices
from tasks.errors import StoreError
from tasks.own_files import file_status, list_files, list_folders
from tasks.plan import ExistingClip, PlannedShot
from tasks.store import films
from tasks.store.board_records import BoardRecord
from tasks.store.layout import Store
from tasks.store.receipts import (
    AT_VENDOR_STATES,
    FILE_RETENTION_SECONDS,
    JOB_RETENTION_SECONDS,
    UNCLEAR_STATES,
    Attempt,
    AttemptState,
    read_receipt,
)
from tasks.store.status import SeamState, ShotState
from tasks.store.takes import RecordedTake, TakeHistory

KEPT, IN_FLIGHT, UNCLEAR, FAILED, TO_RENDER = (
    "kept",
    "in flight",
    "unclear",
    "failed",
    "to render",
)
"""The states of a shot; `failed` is a shot to render whose last attempt failed."""

_RUN_PATTERN = re.compile(r"run-\d+-\d+\.json")


class ShotReport(NamedTuple):
    """The state of one shot, with the reason and the price."""

    id: str
    take: int | None
    state: str
    reason: str
    """The cause of the state, for people."""
    since: datetime | None = None
    """The time of the state: of the clip, of the job's acceptance, or of the failed request."""
    attempt: Attempt | None = None
    """The last attempt of its key, if any."""
    price: Money | None = None
    """The price of its clip or job, else the maximum of a render; None if unknown."""
    is_price_actual: bool = False
    """True if the vendor has reported the usage."""
    is_stale: bool = False
    lock: bool = False
    is_rehearsal: bool = False

    @property
    def job(self) -> str | None:
        """The vendor's job of a shot in flight, or of its clip."""
        return self.attempt.job if self.attempt else None

    @property
    def expires_at(self) -> datetime | None:
        """The time until which the vendor keeps the job, or the files of a finished job."""
        attempt = self.attempt
        if attempt is None or self.state not in (IN_FLIGHT, UNCLEAR) or not attempt.job:
            return None
        if attempt.state is AttemptState.DONE and attempt.done_at:
            return _parse(attempt.done_at) + timedelta(seconds=FILE_RETENTION_SECONDS)
        accepted_at = attempt.accepted_at or attempt.submitted_at or attempt.intended_at
        return _parse(accepted_at) + timedelta(seconds=JOB_RETENTION_SECONDS)


class FilmReport(NamedTuple):
    """The film of a board, or of one of its versions."""

    name: str
    path: Path
    frame_count: int
    made_at: datetime
    is_current: bool | None
    """True if it is what the board requests now; None if the board can't be planned."""
    rate: float = 24.0


class Totals(NamedTuple):
    """The sums that a board has cost in its store, and what is left to pay."""

    paid: Total
    in_flight: Total
    """The maximum of the jobs that the vendors have."""
    unclear: Total
    to_pay: Total | None
    """The maximum of the next run; None if the board can't be planned."""
    rehearsed: Total
    """The prices of renders by providers on this machine, which are not paid."""


@dataclass(frozen=True)
class JobStatus:
    """The state of a board's job."""

    board: str
    title: str
    store: Store
    shots: tuple[ShotReport, ...]
    film: FilmReport | None
    totals: Totals
    is_in_use: bool | None
    """True if a run or a `clean` uses the store now; None if that can't be found out."""
    in_use_since: datetime | None = None
    warnings: tuple[str, ...] = ()
    versions: Mapping[str, FilmReport | None] = field(default_factory=dict)
    """The films of versions by name, as the board lists them; None if the store has none."""

    @property
    def has_current_films(self) -> bool:
        """True if the film and all versions are what the board requests."""
        films_of_board = (self.film, *self.versions.values())
        return all(film is not None and film.is_current for film in films_of_board)

    def shots_in(self, *states: str) -> tuple[ShotReport, ...]:
        """Return the shots in one of these states."""
        return tuple(shot for shot in self.shots if shot.state in states)


def read_job_status(run: Run) -> JobStatus:
    """Return the state of a planned board.

    Raises:
        StoreError: A record is damaged.
    """
    shots = tuple(_report_shot(run, shot) for shot in run.plan.all_shots)
    status = _build_status(run.store, run.board_record, shots, run.board.name)
    current = find_current_films(run)
    versions = {
        version.name: _complete_film(
            _find_film(run.store, version.name), run.version_path(version), current
        )
        for version in run.plan.versions
    }
    return replace(
        status,
        title=run.board.storyboard.title or run.board.name,
        film=_complete_film(status.film, run.film_path, current),
        totals=status.totals._replace(to_pay=run.max_cost),
        versions=versions,
    )


def _complete_film(
    film: FilmReport | None, path: Path | None, current: Collection[str]
) -> FilmReport | None:
    """Return a film with its place for the user, and if the board requests it.

    Args:
        film: The film in the store.
        path: The place of a copy of it, if there is one.
        current: The names of the films that are up to date.
    """
    if film is None:
        return None
    film = film._replace(is_current=film.name in current)
    if path:
        stored = films.StoredFilm(film.path, film.frame_count, is_new=False)
        with suppress(StoreError):
            if films.is_exported(stored, path):
                film = film._replace(path=path)
    return film


def _report_shot(run: Run, shot: PlannedShot) -> ShotReport:
    status = run.status[shot.id]
    if isinstance(shot, ExistingClip):
        return ShotReport(shot.id, None, KEPT, f"a file: {shot.shot.clip}", price=status.max_price)
    records = run.records_of(shot)
    attempts = read_receipt(shot.key, records.read(shot.key)).attempts
    attempt = status.attempt or (attempts[-1] if attempts else None)
    report = ShotReport(
        shot.id,
        shot.take,
        status.state.value,
        status.reason,
        attempt=attempt,
        price=shot.max_price,
        is_stale=status.seam is SeamState.STALE,
        lock=bool(shot.shot.lock),
        is_rehearsal=run.folder_of(shot.provider) == "previz",
    )
    has_failed = attempt is not None and attempt.state in (AttemptState.FAILED, AttemptState.CLOSED)
    if status.state is ShotState.TO_RENDER:
        if not has_failed or attempt is None:
            return report._replace(attempt=None)
        reason = attempt.error or "no reason recorded"
        return report._replace(state=FAILED, reason=reason, since=_parse(attempt.intended_at))
    return report if attempt is None else _add_attempt(report, attempt)


def _add_attempt(report: ShotReport, attempt: Attempt) -> ShotReport:
    """Return the report of a shot with the times and the price of the attempt that counts."""
    times = {
        KEPT: attempt.done_at,
        IN_FLIGHT: attempt.accepted_at,
        UNCLEAR: attempt.unclear_since,
    }
    since = times.get(report.state) or attempt.submitted_at or attempt.intended_at
    return report._replace(
        attempt=attempt,
        since=_parse(since),
        price=attempt.price if attempt.price is not None else attempt.max_price,
        is_price_actual=attempt.price is not None,
    )


def read_stored_status(
    store: Store, record: BoardRecord, shots: Sequence[tuple[str, int | None]]
) -> JobStatus:
    """Return the state of a board that can't be planned, from the store alone.

    Args:
        store: The store.
        record: The record of the board.
        shots: The ids of its shots, with the takes that it requests, as far as they are known.

    Raises:
        StoreError: A record is damaged.
    """
    history = TakeHistory(store, record)
    reports = tuple(_report_stored_shot(history, shot_id, take) for shot_id, take in shots)
    return _build_status(store, record, reports, record.name)


def _report_stored_shot(history: TakeHistory, shot_id: str, take: int | None) -> ShotReport:
    takes = [
        recorded
        for recorded in history.list_takes(shot_id, None)
        if take in (None, recorded.take.number)
    ]
    if not takes:
        return ShotReport(shot_id, take, TO_RENDER, "the store has no render of it")
    recorded = max(takes, key=lambda recorded: recorded.attempt.intended_at)
    report = ShotReport(
        shot_id,
        recorded.take.number,
        _stored_state(recorded),
        "",
        is_rehearsal=recorded.is_rehearsal,
    )
    return _add_attempt(report, recorded.attempt)


def _stored_state(recorded: RecordedTake) -> str:
    state = recorded.attempt.state
    if state in UNCLEAR_STATES or recorded.attempt.unclear_since:
        return UNCLEAR
    if state in AT_VENDOR_STATES:
        return IN_FLIGHT
    return KEPT if recorded.clip_path else TO_RENDER


def _build_status(
    store: Store, record: BoardRecord, shots: tuple[ShotReport, ...], name: str
) -> JobStatus:
    """Return the state of a board without the facts that only its plan has."""
    warnings: list[str] = []
    is_in_use = store.is_in_use()
    return JobStatus(
        board=name,
        title=name,
        store=store,
        shots=shots,
        film=_find_film(store, name),
        totals=_add_up(store, record, warnings),
        is_in_use=is_in_use,
        in_use_since=_find_run_start(store) if is_in_use else None,
        warnings=tuple(warnings),
    )


def _find_film(store: Store, name: str) -> FilmReport | None:
    film = films.read_recorded_film(store, name)
    if film is None:
        return None
    made_at = datetime.fromtimestamp(film.made_at, UTC)
    return FilmReport(name, film.path, film.frame_count, made_at, None, film.rate)


def _add_up(store: Store, record: BoardRecord, warnings: list[str]) -> Totals:
    """Return the sums of a board's attempts; a damaged receipt becomes a warning."""
    paid, rehearsed = (_list_own(store, record, warnings, loopback=flag) for flag in (False, True))
    in_flight = [entry for entry in paid if entry.is_in_flight]
    unclear = [entry for entry in paid if entry.is_unclear or entry.attempt.unclear_since]
    settled = [entry for entry in paid if entry not in in_flight and entry not in unclear]
    return Totals(
        paid=_sum_booked(settled),
        in_flight=_sum_booked(in_flight),
        unclear=_sum_booked(unclear),
        to_pay=None,
        rehearsed=_sum_booked(rehearsed),
    )


def _list_own(
    store: Store, record: BoardRecord, warnings: list[str], *, loopback: bool
) -> list[LedgerEntry]:
    records = store.records(loopback=loopback)
    entries = []
    for key in records.iter_keys():
        try:
            attempts = read_receipt(key, records.read(key)).attempts
        except StoreError as error:
            warnings.append(str(error))
            continue
        entries += [
            LedgerEntry(key, index, attempt)
            for index, attempt in enumerate(attempts)
            if record.owns(attempt)
        ]
    return entries


def _sum_booked(entries: Iterable[LedgerEntry]) -> Total:
    return sum_prices(entry.booked_price for entry in entries)


def _find_run_start(store: Store) -> datetime | None:
    """Return when the newest run with a local Prefect server in the store began, if one did."""
    folder = store.root / "prefect"
    with suppress(StoreError):
        paths = [
            folder / version / name
            for version in list_folders(folder)
            for name in list_files(folder / version, _RUN_PATTERN)
        ]
        times = [status.st_mtime for path in paths if (status := file_status(path))]
        return datetime.fromtimestamp(max(times), UTC) if times else None
    return None


def _parse(timestamp: str) -> datetime:
    time = datetime.fromisoformat(timestamp)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def status_document(status: JobStatus, next_command: str) -> dict[str, Any]:
    """Return the document that `status --json` prints."""
    totals, film = status.totals, status.film
    return {
        "board": status.board,
        "store": str(status.store.root),
        "shots": [_shot_document(shot) for shot in status.shots],
        "film": _film_document(film),
        "versions": [
            {"name": name, "film": _film_document(version)}
            for name, version in status.versions.items()
        ],
        "in_use": status.is_in_use,
        "in_use_since": _format_utc(status.in_use_since),
        "paid": totals.paid.to_json(),
        "in_flight": totals.in_flight.to_json(),
        "unclear": totals.unclear.to_json(),
        "to_pay": totals.to_pay.to_json() if totals.to_pay is not None else None,
        "rehearsed": totals.rehearsed.to_json(),
        "next": next_command,
        "warnings": list(status.warnings),
    }


def _film_document(film: FilmReport | None) -> dict[str, Any] | None:
    if film is None:
        return None
    return {
        "path": str(film.path),
        "frames": film.frame_count,
        "rate": film.rate,
        "made": _format_utc(film.made_at),
        "up_to_date": film.is_current,
    }


def _shot_document(shot: ShotReport) -> dict[str, Any]:
    return {
        "id": shot.id,
        "take": shot.take,
        "state": shot.state,
        "reason": shot.reason,
        "since": _format_utc(shot.since),
        "job": shot.job,
        "expires": _format_utc(shot.expires_at),
        "provider": shot.attempt.provider if shot.attempt else None,
        "model": shot.attempt.model if shot.attempt else None,
        "price": price_to_json(shot.price),
        "price_is_actual": shot.is_price_actual,
        "stale": shot.is_stale,
        "lock": shot.lock,
        "rehearsal": shot.is_rehearsal,
    }


def _format_utc(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat(timespec="seconds") if time else None
