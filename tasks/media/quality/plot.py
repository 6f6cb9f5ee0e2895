"""Draws the plot of a chain: the values of every frame, along the shots, with limits and faults.

In the style of contact sheets. Which values are a fault is decided in `tasks.quality`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from PIL import Image, ImageDraw

from storyboards.models import Quality
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.media.lettering import Lettering
from tasks.quality import ClipMeasures, Range, Step
from tasks.quality_faults import Finding

WIDTH = 1600

_BACKGROUND, _PANEL, _LINE, _EDGE = "#1c1c1c", "#262626", "#4a4a4a", "#6a6a6a"
_TEXT, _QUIET, _FAULT, _FAULT_TEXT = "#f2f2f2", "#bcbcbc", "#7a2f2a", "#f0b0a0"
_UNUSED = "#181818"
_LIMIT = "#f0c040"
_COLOURS = ("#f2f2f2", "#6ab0ff", "#ff8a70")
"""Of the lines of a panel; those of Cb and Cr are blue and red."""

_MARGIN, _LEFT, _RIGHT = 40, 118, 250
_PLOT_LEFT, _PLOT_RIGHT = _LEFT, WIDTH - _RIGHT
_PANEL_HEIGHT, _PANEL_GAP, _PADDING = 132, 34, 14
_TITLE, _BODY, _SMALL = Lettering(34), Lettering(22), Lettering(18)
_MAX_NOTES = 6
_MIN_ID_PIXELS = 40
_TICK_SECONDS = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)
_MIN_TICK_PIXELS = 90


class PlottedShot(NamedTuple):
    """A shot of a chain."""

    name: str
    number: int
    """Its place in the film, which is drawn if the name has no space."""
    measures: ClipMeasures
    shown: tuple[Range, ...]
    """The ranges that the film shows."""
    drift: Step
    """From the beginning of the chain to the first frame of the shot, at the seams."""
    difference: float | None
    """Of the picture that it starts on; None if it starts on none."""
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    """A sentence for each finding."""


class _Panel(NamedTuple):
    """A panel: one or several lines over all frames."""

    title: str
    unit: str
    lines: tuple[tuple[str, tuple[float, ...]], ...]
    """Name and values of each."""
    min_span: float
    limits: tuple[float, ...] = ()
    floor: float = -math.inf
    decimals: int = 1


def draw_chain(title: str, shots: Sequence[PlottedShot], limits: Quality) -> Image.Image:
    """Return the plot of a chain, 1600 pixels wide.

    Args:
        title: The title of the plot.
        shots: The shots in the order of the chain.
        limits: The limits of the board.
    """
    panels = list(_list_panels(shots, limits))
    lines = _shorten_notes([note for shot in shots for note in shot.notes])
    top = _MARGIN + 50 + len(lines) * 28 + 44
    height = top + len(panels) * (_PANEL_HEIGHT + _PANEL_GAP) + 56
    image = Image.new("RGB", (WIDTH, height), _BACKGROUND)
    canvas = ImageDraw.Draw(image)
    scale = _TimeScale(sum(shot.measures.frames for shot in shots))
    _draw_heading(canvas, title, lines, has_faults=bool(lines))
    _draw_ids(canvas, shots, scale, top - 12)
    for index, panel in enumerate(panels):
        y = top + index * (_PANEL_HEIGHT + _PANEL_GAP)
        _draw_panel(canvas, panel, shots, scale, y)
    _draw_time_axis(canvas, scale, height - 56 - _PANEL_GAP + 4)
    return image


def _list_panels(shots: Sequence[PlottedShot], limits: Quality) -> Iterator[_Panel]:
    luma, contrast = _join(shots, "luma"), _join(shots, "contrast")
    yield _Panel("luma", "levels", (("mean", luma), ("contrast", contrast)), 20, floor=0)
    drifts = [(shot.drift, shot.measures.frames) for shot in shots]
    lines = tuple(
        (name, tuple(step[index] for step, frames in drifts for _ in range(frames)))
        for index, name in enumerate(("luma", "Cb", "Cr"))
    )
    drift_limits = (-limits.drift, limits.drift)
    yield _Panel("drift at seams", "levels", lines, 2.5 * limits.drift, drift_limits, decimals=2)
    chroma = (("Cb", _join(shots, "blue")), ("Cr", _join(shots, "red")))
    yield _Panel("chroma", "levels", (("", ()), *chroma), 10)
    yield _Panel("sharpness", "levels", (("", _join(shots, "sharpness")),), 2, floor=0)
    yield _Panel(
        "change", "levels", (("to the frame before", _join(shots, "difference")),), 2, floor=0
    )
    bright, dark = (
        tuple(100 * value for value in _join(shots, name)) for name in ("bright", "low")
    )
    yield _Panel(
        "clipped", "% of picture", (("bright", bright), ("dark", dark)), 10, (limits.clipping,), 0
    )
    if any(shot.measures.has_sound for shot in shots):
        peak, level = _join(shots, "peak", -120.0), _join(shots, "level", -120.0)
        yield _Panel(
            "sound", "dB", (("true peak", _clamp(peak)), ("RMS", _clamp(level))), 70, floor=-70
        )


def _clamp(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(max(-70.0, value) for value in values)


def _join(shots: Sequence[PlottedShot], name: str, missing: float = 0.0) -> tuple[float, ...]:
    """Return the values of all shots one after the other."""
    return tuple(
        value
        for shot in shots
        for value in shot.measures.values.get(name, (missing,) * shot.measures.frames)
    )


class _TimeScale(NamedTuple):
    """The horizontal axis."""

    frames: int

    def x(self, frame: float) -> float:
        return _PLOT_LEFT + (_PLOT_RIGHT - _PLOT_LEFT) * frame / max(1, self.frames)


def _shorten_notes(notes: Sequence[str]) -> list[str]:
    more = len(notes) - _MAX_NOTES
    return [*notes[:_MAX_NOTES], *([f"and {more} more"] if more > 0 else [])]


def _draw_heading(
    canvas: ImageDraw.ImageDraw, title: str, lines: Sequence[str], *, has_faults: bool
) -> None:
    verdict = "over a limit" if has_faults else "within all limits"
    x = WIDTH - _MARGIN - _BODY.width(verdict)
    base = _MARGIN + 30
    _TITLE.draw(canvas, (_MARGIN, base), _TITLE.cut(title, x - 2 * _MARGIN), _TEXT)
    _BODY.draw(canvas, (x, base), verdict, _FAULT_TEXT if has_faults else _QUIET)
    for number, line in enumerate(lines, start=1):
        text = _BODY.cut(line, WIDTH - 2 * _MARGIN)
        _BODY.draw(canvas, (_MARGIN, base + 28 * number + 6), text, _FAULT_TEXT)


def _draw_ids(
    canvas: ImageDraw.ImageDraw, shots: Sequence[PlottedShot], scale: _TimeScale, base: float
) -> None:
    """Draw the id of each shot above its part, as far as it has space."""
    first = 0
    for shot in shots:
        left, right = scale.x(first), scale.x(first + shot.measures.frames)
        first += shot.measures.frames
        space = right - left - 8
        text = _SMALL.cut(shot.name, space) if space >= _MIN_ID_PIXELS else str(shot.number)
        if _SMALL.width(text) <= space:
            colour = _FAULT_TEXT if shot.findings else _TEXT
            _SMALL.draw(canvas, (left + 4, base), text, colour)
        if shot.difference is not None:
            label = f"seam {shot.difference:.1f}"
            x = left + 4 + _SMALL.width(text) + 12
            if x + _SMALL.width(label) <= right:
                _SMALL.draw(canvas, (x, base), label, _QUIET)


def _draw_panel(
    canvas: ImageDraw.ImageDraw,
    panel: _Panel,
    shots: Sequence[PlottedShot],
    scale: _TimeScale,
    top: int,
) -> None:
    bottom = top + _PANEL_HEIGHT
    canvas.rectangle((_PLOT_LEFT, top, _PLOT_RIGHT, bottom), fill=_PANEL)
    _draw_backgrounds(canvas, shots, scale, top, bottom)
    ticks = _choose_ticks(panel)
    lowest, highest = ticks[0], ticks[-1]

    def y(value: float) -> float:
        share = (value - lowest) / (highest - lowest)
        return bottom - (bottom - top) * min(1.0, max(0.0, share))

    for tick in ticks:
        canvas.line((_PLOT_LEFT, y(tick), _PLOT_RIGHT, y(tick)), fill=_LINE)
        label = f"{tick:g}"
        corner = (_PLOT_LEFT - 8 - _SMALL.width(label), y(tick) + 6)
        _SMALL.draw(canvas, corner, label, _QUIET)
    for limit in panel.limits:
        if lowest <= limit <= highest:
            _draw_dashes(canvas, y(limit))
    _draw_boundaries(canvas, shots, scale, top, bottom)
    for number, (_, values) in enumerate(panel.lines):
        points = [(x, y(value)) for x, value in _reduce(values, scale)]
        if len(points) > 1:
            canvas.line(points, fill=_COLOURS[number], width=2, joint="curve")
    _draw_legend(canvas, panel, top)


def _draw_backgrounds(
    canvas: ImageDraw.ImageDraw,
    shots: Sequence[PlottedShot],
    scale: _TimeScale,
    top: int,
    bottom: int,
) -> None:
    """Darken what the film does not show, and mark the frames of faults."""
    start = 0
    for shot in shots:
        end = start + shot.measures.frames
        edges = [start, *(start + frame for shown in shot.shown for frame in shown), end]
        for left, right in zip(edges[::2], edges[1::2], strict=True):
            # The frame that a chained seam drops is too narrow to be shown.
            if right - left > 1:
                box = (scale.x(left), top, scale.x(right), bottom)
                canvas.rectangle(box, fill=_UNUSED)
        for finding in shot.findings:
            if finding.end_frame > finding.first_frame:
                begin, finish = (
                    scale.x(start + frame) for frame in (finding.first_frame, finding.end_frame)
                )
                canvas.rectangle((begin, top, max(finish, begin + 3), bottom), fill=_FAULT)
        start += shot.measures.frames


def _draw_boundaries(
    canvas: ImageDraw.ImageDraw,
    shots: Sequence[PlottedShot],
    scale: _TimeScale,
    top: int,
    bottom: int,
) -> None:
    start = 0
    for shot, _ in pairwise(shots):
        start += shot.measures.frames
        x = scale.x(start)
        canvas.line((x, top - 6, x, bottom), fill=_EDGE, width=2)


def _draw_dashes(canvas: ImageDraw.ImageDraw, y: float) -> None:
    for x in range(_PLOT_LEFT, _PLOT_RIGHT, 14):
        canvas.line((x, y, min(x + 7, _PLOT_RIGHT), y), fill=_LIMIT, width=2)


def _draw_legend(canvas: ImageDraw.ImageDraw, panel: _Panel, top: int) -> None:
    """Write the name of a panel, its unit, and the last value of each line, right of it."""
    x, base = _PLOT_RIGHT + 16, top + 18
    _BODY.draw(canvas, (x, base), panel.title, _TEXT)
    base += 24
    _SMALL.draw(canvas, (x, base), panel.unit, _QUIET)
    for number, (name, values) in enumerate(panel.lines):
        if values:
            base += 22
            ends = f"{values[0]:.{panel.decimals}f} to {values[-1]:.{panel.decimals}f}"
            text = f"{name} {ends}" if name and len(panel.lines) > 1 else ends
            _SMALL.draw(canvas, (x, base), _SMALL.cut(text, _RIGHT - 30), _COLOURS[number])
    if panel.limits:
        sign = "±" if len(panel.limits) > 1 else ""
        text = f"limit {sign}{panel.limits[-1]:g}"
        _SMALL.draw(canvas, (x, base + 22), text, _LIMIT)


def _draw_time_axis(canvas: ImageDraw.ImageDraw, scale: _TimeScale, top: float) -> None:
    seconds = scale.frames / FRAMES_PER_SECOND
    pixels = (_PLOT_RIGHT - _PLOT_LEFT) / max(seconds, 1 / FRAMES_PER_SECOND)
    step = next((step for step in _TICK_SECONDS if step * pixels >= _MIN_TICK_PIXELS), 3600)
    for number in range(int(seconds / step) + 1):
        x = scale.x(number * step * FRAMES_PER_SECOND)
        canvas.line((x, top - 4, x, top + 2), fill=_EDGE, width=2)
        label = f"{number * step:g} s"
        _SMALL.draw(canvas, (x - _SMALL.width(label) / 2, top + 22), label, _QUIET)
    total = f"{scale.frames} frames, {seconds:.2f} s"
    _SMALL.draw(canvas, (_PLOT_RIGHT + 44, top + 22), total, _QUIET)


def _choose_ticks(panel: _Panel) -> list[float]:
    """Return round values for the grid of a panel, which include all its values."""
    values = [value for _, series in panel.lines for value in series]
    lowest, highest = min(values), max(values)
    if panel.limits:
        lowest, highest = min(lowest, *panel.limits), max(highest, *panel.limits)
    missing = max(0.0, panel.min_span - (highest - lowest))
    lowest, highest = max(panel.floor, lowest - missing / 2), highest + missing / 2
    step = _round_step((highest - lowest) / 4)
    first = math.floor(lowest / step)
    count = math.ceil(highest / step) - first
    return [(first + number) * step for number in range(count + 1)]


def _round_step(step: float) -> float:
    """Return 1, 2 or 5 times a power of ten, at least as large as a step."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)


def _reduce(values: Sequence[float], scale: _TimeScale) -> Iterator[tuple[float, float]]:
    """Yield the points of a line: of many frames at a pixel the lowest and the highest."""
    per_pixel = max(1, len(values) // (_PLOT_RIGHT - _PLOT_LEFT))
    for first in range(0, len(values), per_pixel):
        part = values[first : first + per_pixel]
        x = scale.x(first + len(part) / 2)
        if per_pixel == 1:
            yield x, part[0]
        else:
            yield x, min(part)
            yield x, max(part)
