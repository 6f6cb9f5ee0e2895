"""What became of a run: each shot, the film, what was paid, and where the film is put."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Literal, NamedTuple

from flows.run import Run
from storyboards.models import Money
from tasks.budgets.money import ZERO, Total, sum_prices
from tasks.plan import ExistingClip, PlannedShot, ShotToRender, is_chained
from tasks.store import films
from tasks.store.atomic_files import digest_file
from tasks.store.films import FilmClip, StoredFilm
from tasks.store.receipts import Attempt
from tasks.store.staleness import describe_first_frame, is_stale

Outcome = Literal["kept", "rendered", "failed", "unclear", "skipped"]


class ShotResult(NamedTuple):
    """What became of one shot."""

    shot: PlannedShot
    outcome: Outcome
    attempt: Attempt | None = None
    error: Exception | None = None

    @property
    def has_clip(self) -> bool:
        """Whether its clip is in the store."""
        return self.outcome in ("kept", "rendered")


class FilmTitle(NamedTuple):
    """What a film is called: its name in the store, and its title."""

    name: str
    title: str


class RunReport(NamedTuple):
    """What became of a run."""

    run: Run
    results: tuple[ShotResult, ...]
    """In the order of the film; of a part of the board, only that part."""
    film: StoredFilm | None = None
    error: Exception | None = None
    """Why there is no film, where no shot is the reason."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The shots of this run that there is no clip of."""
        return tuple(one.shot.id for one in self.results if not one.has_clip)

    @property
    def stale(self) -> tuple[ShotToRender, ...]:
        """The shots that start on a frame that the shot before no longer ends on."""
        attempts = {one.shot.id: one.attempt for one in self.results}
        return tuple(
            one.shot
            for one in self.results
            if one.has_clip
            and isinstance(one.shot, ShotToRender)
            and is_stale(one.shot, one.attempt, attempts.get(one.shot.continues or ""))
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the author should look at though nothing failed."""
        return tuple(
            f"the seam before {one.id} is stale: it starts on a frame that {describe_first_frame(one)} no "
            f"longer ends on; --stale cascade renders {one.id} again"
            for one in self.stale
        )

    @property
    def spent(self) -> Total:
        """What this run paid; a shared key counts once."""
        paid = {one.shot.key: one for one in self.results if one.outcome in ("rendered", "unclear")}
        return sum_prices(price_of(one.shot, one.attempt) for one in paid.values())


def price_of(shot: PlannedShot, attempt: Attempt | None) -> Money | None:
    """What a shot cost where that is known, else what it is estimated at."""
    if isinstance(shot, ExistingClip):
        return ZERO
    return attempt.price if attempt and attempt.price is not None else shot.max_price


def list_clips(production: Run, attempts: Mapping[str, Attempt | None]) -> list[FilmClip]:
    """The clips of these shots in the order of the film, and what goes at their seams."""
    there = [one for one in production.plan if one.id in attempts]
    found = []
    for shot, after in zip_longest(there, there[1:]):
        attempt = attempts[shot.id]
        if isinstance(shot, ExistingClip):
            path, sha256 = shot.clip_path, digest_file(shot.clip_path)
        else:
            assert attempt is not None  # noqa: S101 - a film is made of kept shots only
            assert attempt.clip is not None  # noqa: S101 - and those have their clip
            path = production.records_of(shot).folder_of(shot.key) / attempt.clip.name
            sha256 = attempt.clip.sha256
        drop = after is not None and is_chained(shot, after)
        found.append(FilmClip(path, sha256, shot.chapter_title, drop_last_frame=drop))
    return found


def find_joined_film(production: Run, pieces: list[FilmClip], cut: FilmTitle) -> StoredFilm | None:
    """The film of just these pieces, where the store has it."""
    return films.find_film(
        production.store, cut.name, films.compute_film_identity(pieces, cut.title)
    )


def full_title(production: Run) -> FilmTitle:
    """The film with every shot in it."""
    return FilmTitle(
        production.board.name, production.board.storyboard.title or production.board.name
    )


def partial_title(production: Run, holes: Collection[str]) -> FilmTitle:
    """The film without some shots; it says so, and never takes the whole one's place."""
    whole = full_title(production)
    return FilmTitle(f"{whole.name}.partial", f"{whole.title} (without {', '.join(holes)})")


def export(report: RunReport) -> Path | None:
    """Put the film where the user looks for it. Returns where that is; None without a film."""
    production, film, place = report.run, report.film, report.run.film_path
    if film is None or place is None:
        return film.path if film else None
    if report.missing and production.options.out is None:
        place = place.with_name(f"{place.stem}.partial{place.suffix}")
    if film.is_new or not films.is_exported(film, place):
        films.export_film(production.store, film, place, production.board.file)
    return place
