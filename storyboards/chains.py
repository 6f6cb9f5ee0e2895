"""The links between shots that make chains, read from the shots alone."""

from __future__ import annotations

from collections.abc import Mapping

from storyboards.models import FromShot, Shot, Storyboard


def find_links(storyboard: Storyboard) -> dict[str, str | None]:
    """Return, by shot id, the id of the shot that it continues; None where a chain begins.

    A shot with ``continue: clip`` continues the shot before it as well. A returned id need not
    exist in the board.
    """
    links: dict[str, str | None] = {}
    previous: Shot | None = None
    for shot in storyboard.shots:
        links[shot.id] = _find_link(shot, previous.id if previous else None)
        previous = shot
    return links


def _find_link(shot: Shot, previous: str | None) -> str | None:
    if shot.clip is not None:
        return None
    if isinstance(shot.first_frame, FromShot):
        return shot.first_frame.shot
    return previous if shot.first_frame in (None, "previous") else None


def find_cycles(links: Mapping[str, str | None]) -> list[tuple[str, ...]]:
    """Return each cycle of shots that continue one another, from its first shot in the board."""
    order = {shot: index for index, shot in enumerate(links)}
    cycles: list[tuple[str, ...]] = []
    seen: set[str] = set()
    for start in links:
        walked: dict[str, None] = {}
        shot: str | None = start
        while shot is not None and shot not in seen and shot in links:
            seen.add(shot)
            walked[shot] = None
            shot = links[shot]
        if shot is not None and shot in walked:
            cycle = list(walked)[list(walked).index(shot) :]
            first = cycle.index(min(cycle, key=order.__getitem__))
            cycles.append((*cycle[first:], *cycle[:first]))
    return cycles
