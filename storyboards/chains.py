"""Which shot continues which: the links that make chains, read from the shots alone."""

from __future__ import annotations

from collections.abc import Mapping

from storyboards.models import FromShot, Shot, Storyboard


def find_links(storyboard: Storyboard) -> dict[str, str | None]:
    """For each shot's id the id of the shot that it continues, or None where a chain begins.

    A shot made by ``continue: clip`` continues the one before it as well. An id may be one that
    the board does not have.
    """
    links: dict[str, str | None] = {}
    before: Shot | None = None
    for shot in storyboard.shots:
        links[shot.id] = find_link(shot, before.id if before else None)
        before = shot
    return links


def find_link(shot: Shot, before: str | None) -> str | None:
    """The id of the shot that this one continues, where the one before it has the id ``before``."""
    if shot.clip is not None:
        return None
    if isinstance(shot.first_frame, FromShot):
        return shot.first_frame.shot
    return before if shot.first_frame in (None, "previous") else None


def find_loops(links: Mapping[str, str | None]) -> list[tuple[str, ...]]:
    """The rings of shots that continue one another, each from its first shot in the board."""
    order = {shot: index for index, shot in enumerate(links)}
    loops: list[tuple[str, ...]] = []
    seen: set[str] = set()
    for start in links:
        walked: dict[str, None] = {}
        shot: str | None = start
        while shot is not None and shot not in seen and shot in links:
            seen.add(shot)
            walked[shot] = None
            shot = links[shot]
        if shot is not None and shot in walked:
            ring = list(walked)[list(walked).index(shot) :]
            first = ring.index(min(ring, key=order.__getitem__))
            loops.append((*ring[first:], *ring[:first]))
    return loops
