"""The versions of a run side by side: what each renders and shares, its price and its seams."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from flows.run import Run
from tasks.budgets.money import Total
from tasks.film_rates import find_rate
from tasks.media.film_format import film_size
from tasks.plan import ExistingClip, Plan, PlannedShot, PlannedVersion, Size, is_chained
from tasks.planning.film_edit import count_planned_frames
from tasks.store.status import ShotState


class Seam(NamedTuple):
    """The place at which two shots meet in a film."""

    before: str
    """Id of the earlier shot, without its version."""
    after: str
    is_chained: bool
    left_out: str = ""
    """The shot that `after` starts on, if the version does not show it: its frame stays."""


class FilmCost(NamedTuple):
    """The needs and the price of the film of the board, or of one of its versions."""

    plan: Plan
    version: PlannedVersion | None
    """None for the film of the board itself."""
    is_selected: bool
    """True if this run makes it."""
    own: tuple[str, ...]
    """Ids of the shots to render that only this film needs."""
    shared: tuple[str, ...]
    """Ids of the shots to render that other films need too."""
    price: Total
    """The maximum price if only this film was made."""
    added: Total
    """The maximum price of the shots that only this film needs."""
    frames: int | None
    """At the rate of the film; None if the model decides the length of a shot."""
    seconds: float | None
    size: Size
    """(0, 0) if the model decides the size."""

    @property
    def name(self) -> str:
        """The name of the film's file."""
        return self.plan.board.name

    @property
    def seams(self) -> tuple[Seam, ...]:
        """The seams between its shots, in its order."""
        return tuple(_find_seams(self.plan))


def list_film_costs(run: Run) -> list[FilmCost]:
    """Return the film of the board, and its versions with the most expensive first."""
    needed = {version.name: _find_needed(run.plan, version.plan) for version in run.plan.versions}
    film = _find_needed(run.plan, run.plan)
    uses = Counter(shot_id for ids in (film, *needed.values()) for shot_id in ids)
    pending = {
        shot.id
        for shot in run.plan.shots_to_render
        if run.status[shot.id].state is not ShotState.KEPT
    }
    selected = {version.name for version in run.versions}

    def measure(plan: Plan, ids: Mapping[str, None], version: PlannedVersion | None) -> FilmCost:
        own = tuple(shot_id for shot_id in ids if shot_id in pending and uses[shot_id] == 1)
        shared = tuple(shot_id for shot_id in ids if shot_id in pending and uses[shot_id] > 1)
        frames, rate = count_planned_frames(plan), find_rate(plan.board.storyboard.film.rate)
        return FilmCost(
            plan,
            version,
            run.makes_film if version is None else version.name in selected,
            own,
            shared,
            price=run.status.max_total(tuple(ids)),
            added=run.status.max_total(own),
            frames=None if frames is None else rate.count_frames(frames),
            seconds=None if frames is None else float(rate.duration(frames)),
            size=_find_size(plan),
        )

    versions = [measure(each.plan, needed[each.name], each) for each in run.plan.versions]
    by_cost = sorted(versions, key=lambda cost: -sum(cost.price.by_currency.values()))
    return [measure(run.plan, film, None), *by_cost]


def _find_needed(board_plan: Plan, plan: Plan) -> dict[str, None]:
    """Return the ids of the shots of a film and of those that they continue."""
    return dict.fromkeys(
        shot_id for shot in plan if shot.shows_own_clip for shot_id in board_plan.path_to(shot.id)
    )


def _find_size(plan: Plan) -> Size:
    """Return the size of a film: the most frequent one of its shots, in the film's shape."""
    sizes = Counter(filter(None, map(_size_of, plan)))
    if not sizes:
        return 0, 0
    return film_size(sizes.most_common(1)[0][0], plan.target.ratio)


def _size_of(shot: PlannedShot) -> Size | None:
    if isinstance(shot, ExistingClip):
        return shot.measured.display_size
    return (shot.width, shot.height) if shot.width and shot.height else None


def _find_seams(plan: Plan) -> Iterable[Seam]:
    shots = list(plan)
    shown = {shot.id for shot in shots}
    join = plan.board.storyboard.film.join
    for before, after in itertools.pairwise(shots):
        start = after.continues
        left_out = start.partition("@")[0] if start and start not in shown else ""
        is_cut = (after.shot.transition or join) == "cut"
        yield Seam(before.shot.id, after.shot.id, is_cut and is_chained(before, after), left_out)


def film_cost_document(cost: FilmCost) -> dict[str, Any]:
    """Return a version as `plan --json` prints it."""
    version, target = cost.version, cost.plan.target
    width, height = cost.size
    return {
        "name": cost.name,
        "selected": cost.is_selected,
        "ratio": version.written.ratio if version else None,
        "fit": version.written.fit if version and version.written.ratio else None,
        "length": target.length,
        "set": dict(version.values) if version else {},
        "table": _place_document(version),
        "shots": [shot.id for shot in cost.plan],
        "frames": cost.frames,
        "seconds": cost.seconds,
        "width": width or None,
        "height": height or None,
        "to_render": [*cost.own, *cost.shared],
        "own": list(cost.own),
        "shared": list(cost.shared),
        "price": cost.price.to_json(),
        "added_price": cost.added.to_json(),
        "seams": [
            {
                "from": seam.before,
                "to": seam.after,
                "chained": seam.is_chained,
                "left_out": seam.left_out or None,
            }
            for seam in cost.seams
        ],
    }


def _place_document(version: PlannedVersion | None) -> dict[str, Any] | None:
    """Return the file and the line of a version in a table; None if it is in the board."""
    if version is None or not version.place.file:
        return None
    return {"file": version.place.file, "line": version.place.line}
