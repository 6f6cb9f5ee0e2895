"""What became of a run: each shot, the film, what was paid, and where the film is put."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Literal, NamedTuple

from flows.production import Production
from storyboards.models import Money
from tasks import films
from tasks.films import Film, Piece
from tasks.money.bill import Bill, add
from tasks.plan import PlannedShot, is_chained
from tasks.receipts import Attempt
from tasks.records.seams import is_stale, started_on
from tasks.store import digest_file

Outcome = Literal["kept", "rendered", "failed", "unclear", "skipped"]


class Result(NamedTuple):
    """What became of one shot."""

    shot: PlannedShot
    outcome: Outcome
    attempt: Attempt | None = None
    error: Exception | None = None

    @property
    def there(self) -> bool:
        """Whether its clip is in the store."""
        return self.outcome in ("kept", "rendered")


class Cut(NamedTuple):
    """What a film is called: its name in the store, and its title."""

    name: str
    title: str


class Report(NamedTuple):
    """What became of a run."""

    production: Production
    results: tuple[Result, ...]
    """In the order of the film; of a part of the board, only that part."""
    film: Film | None = None
    error: Exception | None = None
    """Why there is no film, where no shot is the reason."""

    @property
    def holes(self) -> tuple[str, ...]:
        """The shots of this run that there is no clip of."""
        return tuple(one.shot.id for one in self.results if not one.there)

    @property
    def stale(self) -> tuple[PlannedShot, ...]:
        """The shots that start on a frame that the shot before no longer ends on."""
        attempts = {one.shot.id: one.attempt for one in self.results}
        return tuple(
            one.shot
            for one in self.results
            if one.there and is_stale(one.shot, one.attempt, attempts.get(one.shot.continues or ""))
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the author should look at though nothing failed."""
        return tuple(
            f"the seam before {one.id} is stale: it starts on a frame that {started_on(one)} no "
            f"longer ends on; --stale cascade renders {one.id} again"
            for one in self.stale
        )

    @property
    def spent(self) -> Bill:
        """What this run paid; a shared key counts once."""
        paid = {one.shot.key: one for one in self.results if one.outcome in ("rendered", "unclear")}
        return add(price_of(one.shot, one.attempt) for one in paid.values())


def price_of(shot: PlannedShot, attempt: Attempt | None) -> Money | None:
    """What a shot cost where that is known, else what it is estimated at."""
    return attempt.price if attempt and attempt.price is not None else shot.price


def pieces_of(production: Production, attempts: Mapping[str, Attempt | None]) -> list[Piece]:
    """The clips of these shots in the order of the film, and what goes at their seams."""
    there = [one for one in production.plan if one.id in attempts]
    found = []
    for shot, after in zip_longest(there, there[1:]):
        attempt = attempts[shot.id]
        if shot.clip:
            path, sha256 = shot.clip, digest_file(shot.clip)
        else:
            assert attempt is not None  # noqa: S101 - a film is made of kept shots only
            assert attempt.clip is not None  # noqa: S101 - and those have their clip
            path = production.shelf(shot).home(shot.key) / attempt.clip.file
            sha256 = attempt.clip.sha256
        drop = after is not None and is_chained(shot, after)
        found.append(Piece(path, sha256, shot.title, drop_last=drop))
    return found


def find_film(production: Production, pieces: list[Piece], cut: Cut) -> Film | None:
    """The film of just these pieces, where the store has it."""
    return films.find_kept(production.store, cut.name, films.identity_of(pieces, cut.title))


def whole_cut(production: Production) -> Cut:
    """The film with every shot in it."""
    return Cut(production.board.name, production.board.storyboard.title or production.board.name)


def partial_cut(production: Production, holes: Collection[str]) -> Cut:
    """The film without some shots; it says so, and never takes the whole one's place."""
    whole = whole_cut(production)
    return Cut(f"{whole.name}.partial", f"{whole.title} (without {', '.join(holes)})")


def put(report: Report) -> Path | None:
    """Put the film where the user looks for it. Returns where that is; None without a film."""
    production, film, place = report.production, report.film, report.production.place
    if film is None or place is None:
        return film.path if film else None
    if report.holes and production.wish.out is None:
        place = place.with_name(f"{place.stem}.partial{place.suffix}")
    if film.joined or not films.is_placed(film, place):
        films.place(production.store, film, place, production.board.file)
    return place
