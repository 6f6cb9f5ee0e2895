"""What became of a run: each shot, the film, what was paid, and where the film is put."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from flows.production import Production
from storyboards.models import Money
from tasks import films
from tasks.bill import Bill, add
from tasks.films import Film, Piece
from tasks.plan import PlannedShot
from tasks.receipts import Attempt
from tasks.store import digest_file

Outcome = Literal["kept", "rendered", "failed", "unclear", "skipped"]


class Result(NamedTuple):
    """What became of one shot."""

    shot: PlannedShot
    outcome: Outcome
    attempt: Attempt | None = None
    error: Exception | None = None


class Report(NamedTuple):
    """What became of a run."""

    production: Production
    results: tuple[Result, ...]
    """In the order of the film; of a part of the board, only that part."""
    film: Film | None = None
    error: Exception | None = None
    """Why there is no film, where no shot is the reason."""

    @property
    def spent(self) -> Bill:
        """What this run paid; a shared key counts once."""
        paid = {one.shot.key: one for one in self.results if one.outcome in ("rendered", "unclear")}
        return add(price_of(one.shot, one.attempt) for one in paid.values())


def price_of(shot: PlannedShot, attempt: Attempt | None) -> Money | None:
    """What a shot cost where that is known, else what it is estimated at."""
    return attempt.price if attempt and attempt.price is not None else shot.price


def pieces_of(production: Production, attempts: Mapping[str, Attempt | None]) -> list[Piece]:
    """The film's clips in order, where they lie, and what goes at their seams."""
    found = []
    plan = production.plan
    for shot in plan:
        last = shot.index + 1 == len(plan.shots)
        attempt = attempts.get(shot.id)
        if shot.clip:
            path, sha256 = shot.clip, digest_file(shot.clip)
        else:
            assert attempt is not None  # noqa: S101 - a film is made of kept shots only
            assert attempt.clip is not None  # noqa: S101 - and those have their clip
            path = production.shelf(shot).home(shot.key) / attempt.clip.file
            sha256 = attempt.clip.sha256
        drop = not last and plan.seam(shot.index + 1)
        found.append(Piece(path, sha256, shot.title, drop_last=drop))
    return found


def find_film(production: Production, pieces: list[Piece]) -> Film | None:
    """The film of just these pieces, where the store has it."""
    title = production.board.storyboard.title or production.board.name
    identity = films.identity_of(pieces, title)
    return films.find_kept(production.store, production.board.name, identity)


def put(production: Production, film: Film) -> Path:
    """Put the film where the user looks for it. Returns where that is."""
    place = production.place
    if place is None:
        return film.path
    if film.joined or not films.is_placed(film, place):
        films.place(production.store, film, place, production.board.file)
    return place
