"""The staging of a breakdown: which silhouette stands where and how large. Nothing here draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tasks.simulator.footage.breakdown import PEOPLE, Breakdown, Mention
from tasks.simulator.footage.silhouettes import FIGURES, LEGS, THINGS
from tasks.simulator.footage.stage import MAX_COPIES, SIDES, Piece, Stage

FRAME_METRES = {
    "XWS": 15.0, "WS": 4.4, "FS": 2.4, "MWS": 1.6, "MS": 1.15, "MCU": 0.8, "CU": 0.52, "ECU": 0.19,
}  # fmt: skip
"""Height of the frame where the people stand."""
_THING_SHARES = {
    "XWS": 0.26, "WS": 0.4, "FS": 0.54, "MWS": 0.58, "MS": 0.62, "MCU": 0.66, "CU": 0.7, "ECU": 1.3,
}  # fmt: skip
"""Height of the main thing as a share of the frame, in a shot without people."""
_HORIZON, _FOOT = 0.64, 0.92
_PERSON_METRES = {"m": 1.75, "w": 1.66, "c": 1.15}
_SEAT_METRES, _TABLE_METRES = 0.45, 0.76
_STAIRS_HEIGHT = 0.54
_MOUNTS = {"bicycle": 0.22, "motorcycle": 0.22, "horse": 0.45, "boat": 0.08}
"""Things to ride, and how high their rider is, as a share of their height."""
_HANDS = {"umbrella": "18,65", "guitar": "9,50"}
_SEATS = frozenset({"chair", "sofa", "bench", "bed"})
_TABLE_TOP = "mP 0,86 400,86 400,100 0,100;cP 0,-400 400,-400 400,86 0,86"


def stage(breakdown: Breakdown, ratio: float, light_x: float, rng: np.random.Generator) -> Stage:
    """Return the staging of a breakdown.

    Args:
        breakdown: What the prompt asks for.
        ratio: Width of the frame divided by its height.
        light_x: x of the light, as a fraction of the width.
        rng: Decides what the prompt leaves open.
    """
    result = Stage(breakdown, ratio, light_x, rng)
    persons = _list_persons(breakdown)
    has_crowd = any(mention.name == "crowd" for mention in breakdown.people)
    if breakdown.view == "top" and not persons:
        _stage_from_above(result)
    elif persons or has_crowd:
        _stage_people(result, persons)
    else:
        _stage_things(result)
    if has_crowd:
        _add_crowd(result)
    return result


def _list_persons(breakdown: Breakdown) -> list[tuple[str, Mention]]:
    """Return the people one by one, as the letter of their kind and their mention."""
    persons = []
    for mention in breakdown.people:
        members = PEOPLE[mention.name]
        persons += [
            (member, mention) for member in members * (mention.count if len(members) == 1 else 1)
        ]
    if breakdown.view == "shoulder" and len(persons) > 1:
        # The first one is seen from behind, at the edge.
        del persons[0]
    return persons[:6]


def _stage_people(result: Stage, persons: list[tuple[str, Mention]]) -> None:
    breakdown, count = result.breakdown, len(persons)
    group_metres = (count - 1) * (0.42 if result.is_tight else 0.7) + 0.6 if count > 1 else 0.0
    result.metres = max(FRAME_METRES[breakdown.size], group_metres / result.ratio)
    if _has_stairs(result) or _mount(breakdown):
        result.metres = max(result.metres, 3.0)
    is_seated = "seated" in breakdown.actions or (result.has_table and result.is_tight)
    sunk = _SEAT_METRES if is_seated else 0.0
    tall = max((_PERSON_METRES[kind] for kind, _ in persons), default=1.7)
    floor = max(_FOOT, 0.1 + (tall - sunk) / result.metres)
    floor -= 0.25 if breakdown.size == "ECU" else 0.0
    pose = "sitting" if is_seated and not result.has_table else "standing"
    if pose == "standing" and "walking" in breakdown.actions and breakdown.view != "behind":
        pose = "walking"
    travel = next((m.travel for m in breakdown.mentions if m.travel and m.name != "train"), 0.0)
    xs = _person_xs(result, persons, travel)
    result.taken += xs
    _add_surroundings(result, floor, xs, travel)
    for number, ((kind, mention), x) in enumerate(zip(persons, xs, strict=True)):
        # A child's chair is higher.
        foot = floor + (sunk - 0.4 * (kind == "c") * is_seated) / result.metres
        # People turn to the middle, or to where they go.
        facing = (1 if x <= 0.5 else -1) if not travel else (1 if travel > 0 else -1)
        place = (x - travel / 2, foot - _rise(result, x), facing)
        if is_seated and breakdown.view != "behind":
            _add_seat(result, floor, x, number)
        _add_person(result, (kind, replace(mention, travel=travel)), place, number, pose)
    if is_seated and breakdown.view == "behind":
        _add_seat(result, floor, 0.5 if count > 1 else xs[0], 0)
    if result.has_table:
        _add_table(result, floor)
    if breakdown.view == "shoulder":
        _add_shoulder(result, xs)


def _person_xs(result: Stage, persons: list[tuple[str, Mention]], travel: float) -> list[float]:
    count, size = len(persons), result.breakdown.size
    if count == 1:
        is_central = size in {"CU", "ECU", "XWS"} or abs(travel) > 0.3
        shift = 0.14 if result.breakdown.things else 0.12
        if _has_stairs(result):
            return [0.36]
        alone = 0.5 if is_central else 0.5 + (shift if result.light_x < 0.5 else -shift)
        return [SIDES.get(persons[0][1].place, alone)]
    spacing = (0.5 if result.is_tight else 0.75) / (result.metres * result.ratio)
    step = min(0.84 / max(1, count), max(spacing, 0.15))
    step = max(step, 0.34) if count == 2 else step
    order = {"left": 0, "right": 2}
    ranks = sorted(
        range(count), key=lambda number: (order.get(persons[number][1].place, 1), number)
    )
    return [0.5 + (ranks.index(number) - (count - 1) / 2) * step for number in range(count)]


def _rise(result: Stage, x: float) -> float:
    """Return how high a person at `x` stands or sits, as a fraction of the frame height."""
    if mount := _mount(result.breakdown):
        return THINGS[mount].metres / result.metres * _MOUNTS[mount]
    if not _has_stairs(result):
        return 0.0
    steps = 1 + int(((x - 0.5) * result.ratio / _STAIRS_HEIGHT * 100 + 150) / 37.2)
    return min(8, max(0, steps)) * _STAIRS_HEIGHT / 8 - 0.06


def _has_stairs(result: Stage) -> bool:
    """Return True if there are stairs to stand on."""
    return not result.is_tight and any(m.name == "stairs" for m in result.breakdown.things)


def _mount(breakdown: Breakdown) -> str:
    """Return what the first person rides, empty if nothing."""
    names = (mention.name for mention in breakdown.things if "riding" in breakdown.actions)
    return next((name for name in names if name in _MOUNTS), "")


def _add_person(
    result: Stage,
    person: tuple[str, Mention],
    place: tuple[float, float, int],
    number: int,
    pose: str,
) -> None:
    (kind, mention), (x, foot, facing), breakdown = person, place, result.breakdown
    height, haze = _PERSON_METRES[kind] / result.metres, 0.0
    if mention.place == "background" and breakdown.size not in {"CU", "ECU"}:
        height, haze, foot = height * 0.5, 0.35, _HORIZON + (foot - _HORIZON) * 0.5
    is_back = breakdown.view == "behind"
    body, arm, head, face = FIGURES["back" if is_back else {"w": "woman"}.get(kind, "man")]
    held = _held(result, number)
    arm = f"cl5 12,76 17,59 {held[1]};ko {held[1]} 2.6,3;" if held else arm
    base = Piece(
        _join(pose, body) + arm,
        x,
        foot,
        height,
        mention.colour,
        facing,
        haze,
        False,
        mention.travel,
    )
    # The heads of children are larger in proportion to their bodies.
    grown = 1.22 if kind == "c" else 1.0
    upper = replace(base, y=foot + height * 0.82 * (grown - 1), height=height * grown, shapes=head)
    turned = replace(upper, shapes=face, x=x + facing * height * 0.009 / result.ratio)
    result.pieces += [base, upper, turned]
    if held:
        _add_held(result, base, held[0], held[1])


def _join(pose: str, body: str) -> str:
    """Return legs and body; the legs of a person who sits are in front."""
    return body + LEGS[pose] if pose == "sitting" else LEGS[pose] + body


def _add_seat(result: Stage, floor: float, x: float, number: int) -> None:
    """Add the chair of a person, or the sofa or bench of all, once."""
    seat = next((m for m in result.breakdown.things if m.name in _SEATS), None)
    if seat is None or (number > 0 and seat.name != "chair"):
        return
    count = sum(1 for _ in _list_persons(result.breakdown))
    middle = 0.5 if seat.name != "chair" and count > 1 else x
    height = THINGS[seat.name].metres / result.metres
    result.add(replace(seat, travel=0.0), middle, floor, height, haze=0.25)


def _held(result: Stage, number: int) -> tuple[Mention, str] | None:
    """Return what a person holds, and the place of the hand, if it is anything."""
    things = [m for m in result.breakdown.things if m.name == "umbrella"]
    if not result.has_table:
        things += [m for m in result.tops() if m.name not in {"lamp", "candle"}]
    if number >= len(things) or result.breakdown.size == "ECU":
        return None
    return things[number], _HANDS.get(things[number].name, "20,62")


def _add_held(result: Stage, person: Piece, held: Mention, hand: str) -> None:
    unit = person.height / 100
    across, up = (float(value) for value in hand.split(","))
    x = person.x + across * unit / result.ratio * person.flip
    height = max(THINGS[held.name].metres / result.metres, 0.1)
    y = min(person.y - (up - 2) * unit, 0.98)
    result.add(replace(held, travel=0.0), x, y, height, flip=person.flip, travel=person.travel)


def _add_surroundings(result: Stage, floor: float, xs: list[float], travel: float) -> None:
    """Add the things behind and beside the people."""
    breakdown, is_room = result.breakdown, result.breakdown.setting == "room"
    for mention in breakdown.things:
        thing, actual = THINGS[mention.name], THINGS[mention.name].metres / result.metres
        is_handled = mention.name in {"table", "umbrella", "window"} or thing.where == "top"
        if mention.name in _SEATS and "seated" in breakdown.actions:
            continue
        if mention.name == _mount(breakdown):
            x, flip = xs[0] - travel / 2, -1 if travel < 0 else 1
            mount = replace(mention, travel=0.0)
            result.add(mount, x, floor, actual, flip=flip, travel=travel)
        elif mention.name == "stairs":
            result.add(mention, 0.5, 0.98, _STAIRS_HEIGHT)
        elif mention.name in {"lamp", "candle"} and not result.has_table:
            result.add(mention, result.free_x(), floor, min(1.5 / result.metres, 0.66))
        elif is_handled:
            continue
        elif thing.where == "wall" and is_room:
            result.add_to_wall(mention, min(actual, 0.86))
        else:
            for _ in range(min(mention.count, 3)):
                _add_beside(result, mention, floor, actual)


def _add_beside(result: Stage, mention: Mention, floor: float, actual: float) -> None:
    thing, is_behind = THINGS[mention.name], mention.place == "background"
    x = SIDES.get(mention.place) or result.free_x()
    if thing.where == "sky":
        result.add(mention, x, 0.26, min(max(actual, 0.09), 0.26), haze=0.25)
        return
    limit = (0.52 if thing.aspect > 1 else 0.66) * (0.6 if is_behind else 1.0)
    height = min(max(actual, 0.14), limit)
    # A reduced thing stands farther away, nearer to the horizon.
    y = _HORIZON + (floor - _HORIZON) * min(1.0, height / actual)
    is_far = thing.where == "far" or is_behind
    result.add(mention, x, y, height, haze=0.45 if is_far else 0.1, is_far=is_far)


def _add_table(result: Stage, floor: float) -> None:
    """Add a table in front of the people, and what stands on it."""
    top = floor - _TABLE_METRES / result.metres
    if result.is_tight:
        top = min(max(top, 0.56), 0.8)
        result.pieces.append(Piece(_TABLE_TOP, 0.5, top + 0.6, 0.6))
    else:
        result.add(Mention("table"), 0.5, floor + 0.03, _TABLE_METRES / result.metres)
    things = result.tops()
    width = 0.7 if result.is_tight else 1.6 / result.metres / result.ratio
    for number, mention in enumerate(things):
        x = 0.5 + (number - (len(things) - 1) / 2) * min(0.17, width / len(things))
        height = max(THINGS[mention.name].metres / result.metres, 0.11)
        result.add(mention, x, top + 0.05, height)


def _add_shoulder(result: Stage, xs: list[float]) -> None:
    """Add the person over whose shoulder the camera looks."""
    body, arm, head, _ = FIGURES["back"]
    height = 1.75 / result.metres * 1.9
    x = 0.86 if xs and xs[0] < 0.5 else 0.14
    result.pieces.append(Piece(body + arm + head, x, 0.06 + height, height, "#15161c"))


def _add_crowd(result: Stage) -> None:
    """Add rows of people seen from behind; the nearest are in front of everything else."""
    for rank in range(5):
        near = (rank + 1) / 5
        height = (0.16 + 0.62 * near**1.7) * (1.4 if result.is_tight else 1.0)
        step = height * 0.30 / result.ratio
        for x in np.arange(step * result.rng.uniform(-1, 0), 1.04, step):
            body, arm, head, _ = FIGURES["raised" if result.rng.random() < 0.4 else "back"]
            tall = height * result.rng.uniform(0.94, 1.06)
            piece = Piece(
                body + arm + head, float(x), 0.57 + 0.2 * near + tall, tall, haze=0.62 - 0.62 * near
            )
            result.pieces.append(replace(piece, is_far=rank < 3))


def _stage_from_above(result: Stage) -> None:
    """Lay the things out side by side on a surface."""
    things = [m for m in result.breakdown.things if m.name != "table"][:6]
    step = 0.86 / max(1, len(things))
    for number, mention in enumerate(things):
        height = min(0.5, 0.86 * step * result.ratio / THINGS[mention.name].aspect)
        x = 0.5 + (number - (len(things) - 1) / 2) * step
        result.add(replace(mention, travel=0.0), x, 0.5 + height / 2, height)


def _stage_things(result: Stage) -> None:
    """Stage a shot without people around its main thing."""
    breakdown, tops = result.breakdown, result.tops()
    share = _THING_SHARES[breakdown.size] * (0.72 if breakdown.title is not None else 1.0)
    others = [m for m in breakdown.things if THINGS[m.name].where != "top" and m.name != "window"]
    if tops:
        others = [m for m in others if m.name != "table"]
        result.taken.append(0.5)
    main = next((m for m in others if THINGS[m.name].where in {"ground", "far"}), None)
    for mention in others:
        copies = min(mention.count, MAX_COPIES)
        for number in range(copies):
            side = (number - (copies - 1) / 2) * 0.8 / copies if copies > 1 else None
            _add_alone(result, mention, main, share, side)
    if tops:
        _add_tops(result, tops, share)


def _add_tops(result: Stage, tops: list[Mention], share: float) -> None:
    """Add the small things in a row, on a table unless the setting is a studio."""
    breakdown = result.breakdown
    foot = 0.68 if breakdown.title is not None else max(0.55 + share / 2, 0.1 + share)
    if result.has_table and not result.is_tight:
        result.add(Mention("table"), 0.5, _FOOT, 0.4)
        foot, share = _FOOT - 0.385, 0.22
    elif breakdown.setting != "studio" or result.has_table:
        top = min(foot - 0.04, 0.93)
        result.pieces.append(Piece(_TABLE_TOP, 0.5, top + 0.6, 0.6))
    front = [m for m in tops if m.place != "background"] or tops
    for mention in (m for m in tops if m not in front):
        result.add(mention, 0.8, foot - 0.04, share * 0.6, haze=0.3)
    step = min(0.86 / len(front), 0.3)
    for number, mention in enumerate(front):
        x = 0.5 + (number - (len(front) - 1) / 2) * step
        x = SIDES.get(mention.place, x) if len(front) == 1 else x
        relative = THINGS[mention.name].metres / THINGS[front[0].name].metres
        height = share * min(max(relative, 0.55), 1.25)
        if len(front) > 1:
            height = min(height, 1.1 * step * result.ratio / THINGS[mention.name].aspect)
        result.add(mention, x, foot, height)


def _add_alone(
    result: Stage, mention: Mention, main: Mention | None, share: float, side: float | None
) -> None:
    """Add a large thing of a shot without people."""
    breakdown, thing, is_behind = (
        result.breakdown,
        THINGS[mention.name],
        mention.place == "background",
    )
    if thing.where == "wall" and breakdown.setting == "room":
        result.add_to_wall(mention, max(share, 0.5))
        return
    is_central = (
        breakdown.size in {"CU", "ECU"} or abs(mention.travel) > 0.3 or breakdown.title is not None
    )
    alone = 0.5 if is_central else (0.6 if result.light_x < 0.5 else 0.4)
    x = SIDES.get(mention.place) or (result.free_x() if result.taken else alone)
    x = 0.5 + side if side is not None else x
    result.taken.append(x)
    relative = thing.metres / THINGS[main.name].metres if main else 1.0
    height = share * min(max(relative, 0.4), 1.5) * (0.55 if is_behind else 1.0)
    if thing.where == "sky":
        result.add(mention, x, 0.22 + height * 0.7, height * 0.7)
        return
    is_far = is_behind or (mention is not main and thing.where == "far")
    is_afloat = breakdown.setting == "sea" and mention.name in {"boat", "ship"}
    foot = 0.78 if is_afloat else 0.74 if is_far else _FOOT
    foot = 0.55 + height / 2 if breakdown.size in {"CU", "ECU"} else foot
    foot = min(foot, 0.7) if breakdown.title is not None else foot
    result.add(mention, x, foot, height, haze=0.35 if is_far else 0.0, is_far=is_far)
