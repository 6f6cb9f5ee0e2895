"""Layout of titles, small print and captions: inside the safe area, never on one another.

Texts of one side are stacked: the legal line at the bottom, titles above it, captions above
both. A text that does not fit is a problem with its place, which `check` reports.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from storyboards.terminal_text import quote
from tasks.edit import ClipPlace, FilmEdit, InputFile, Title
from tasks.errors import MediaError
from tasks.media.titles.fonts import FontSet, can_shape, choose_fonts, needs_shaping
from tasks.media.titles.picture_files import picture_size
from tasks.media.titles.safe_areas import find_safe_area
from tasks.media.titles.style import MAX_PICTURE_PERCENT, STYLES, TextStyle, margin_of
from tasks.media.titles.text_block import TextBlock, fit_text
from tasks.media.titles.times import Origin, TimedTitle, list_titles

_DRAWING_VERSION = 1
"""Part of the digest of each overlay: another number lets all of them be drawn again."""
_ORDER = ("legal", "lower", "caption", "upper", "card with picture", "card", "center")
"""The order in which texts of one moment are stacked."""
_PERIOD = 240
_GAP_PERCENT = 1.0
_SHRINK = 0.85
"""The next size of a text that has no room beside others."""


class LayoutProblem(NamedTuple):
    """A reason why a title can't be drawn, as a sentence without full stop, and the remedy."""

    origin: Origin
    message: str
    remedy: str


@dataclass(frozen=True)
class PlacedTitle:
    """A title with its box in the frame, all sides even."""

    timed: TimedTitle
    content: TextBlock | InputFile
    x: int
    y: int
    width: int
    height: int

    def intersects(self, other: PlacedTitle) -> bool:
        """Return True if the boxes of both have a common pixel."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )

    def digest(self) -> str:
        """Return a digest of everything that changes its pixels."""
        title = self.timed.title
        parts: list[Any] = [_DRAWING_VERSION, title.place, self.x, self.y, self.width, self.height]
        if isinstance(self.content, InputFile):
            parts.append(self.content.sha256)
        else:
            text = self.content.text
            fonts = [font.identify() for font in self.content.fonts.list_used(text)]
            parts += [text, self.content.size, title.colour, fonts]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def lay_out_titles(
    edit: FilmEdit, places: Sequence[ClipPlace], width: int, height: int
) -> tuple[list[PlacedTitle], list[LayoutProblem]]:
    """Return the titles of an edit with their boxes, and what can't be drawn.

    Args:
        edit: The edit.
        places: The places of its clips in the film.
        width: The width of the film.
        height: The height of the film.
    """
    layout = _Layout(width, height)
    titles = [each for each in list_titles(edit, places) if each.first_frame < each.end_frame]
    for timed in sorted(titles, key=lambda each: (_ORDER.index(each.title.place),)):
        layout.add(timed)
    return layout.placed, layout.problems


class _Layout:
    """The frame of a film, filled title by title."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        self.unit = min(width, height) / 100
        """A percent of the shorter side."""
        self.gap = _even(_GAP_PERCENT * self.unit)
        self.safe = find_safe_area(width, height).box(width, height)
        self.placed: list[PlacedTitle] = []
        self._periods: dict[int, list[PlacedTitle]] = defaultdict(list)
        """The titles of each period of the film, since a film may have thousands of captions."""
        self.problems: list[LayoutProblem] = []

    def add(self, timed: TimedTitle) -> None:
        """Place a title, or note why it can't be placed."""
        beside = self._find_beside(timed)
        refused: Sequence[PlacedTitle] | None = None
        try:
            for content, width, height in self._measure(timed):
                placed, others = self._place(timed, content, (width, height), beside)
                if not others:
                    self._keep(placed)
                    return
                refused = others
        except MediaError as error:
            self._note(timed, str(error), "Use another file.")
        if refused is not None:
            self._note(
                timed,
                f"{_name(timed)} does not fit into the safe area with {_name(refused[0].timed)}",
                "Make it smaller or shorter, or show it at another time or place.",
            )

    def _place(
        self,
        timed: TimedTitle,
        content: TextBlock | InputFile,
        size: tuple[int, int],
        beside: Sequence[PlacedTitle],
    ) -> tuple[PlacedTitle, list[PlacedTitle]]:
        """Return a title with its box, and the titles that the box lies on."""
        width, height = size
        left, _, right, _ = self.safe
        y = self._stack(STYLES[timed.title.place], height, beside)
        x = left + (right - left - width) // 4 * 2
        placed = PlacedTitle(timed, content, x, y, width, height)
        return placed, [other for other in beside if placed.intersects(other)]

    def _find_beside(self, timed: TimedTitle) -> list[PlacedTitle]:
        """Return the titles that are shown together with a title, in the order of placing."""
        others = {
            id(other): other for period in _periods_of(timed) for other in self._periods[period]
        }
        return [other for other in others.values() if other.timed.overlaps(timed)]

    def _keep(self, placed: PlacedTitle) -> None:
        self.placed.append(placed)
        for period in _periods_of(placed.timed):
            self._periods[period].append(placed)

    def _stack(self, style: TextStyle, height: int, beside: Sequence[PlacedTitle]) -> int:
        """Return the upper side that is free and nearest to the edge of its place.

        If none is free, it is the side at the edge.
        """
        _, top, _, bottom = self.safe
        middle = top + (bottom - top - height) // 4 * 2
        wanted = {"top": top, "middle": middle, "bottom": bottom - height}[style.edge]
        sides = [
            wanted,
            *(other.y + other.height + self.gap for other in beside),
            *(other.y - self.gap - height for other in beside),
        ]
        free = [
            side
            for side in sides
            if top <= side <= bottom - height
            and not any(_share_rows(side, height, other) for other in beside)
        ]
        return min(free, key=lambda side: abs(side - wanted), default=wanted)

    def _measure(self, timed: TimedTitle) -> Iterator[tuple[TextBlock | InputFile, int, int]]:
        """Yield what is drawn with its width and height, the largest first.

        Nothing is yielded for a title that can't be drawn in any place; it is noted.
        """
        title = timed.title
        if title.image:
            yield title.image, *self._picture_size(title, title.image)
            return
        fonts = choose_fonts(title.text, title.font)
        if problem := find_text_problem(title.text, fonts):
            self._note(timed, *problem)
            return
        style, block = STYLES[title.place], None
        for block in self._fit(title, fonts):
            margin = margin_of(block.size)
            yield block, _even(block.width + 2 * margin), _even(block.height + 2 * margin)
        if block is None:
            self._note(
                timed,
                f"{_name(timed)} does not fit into the safe area at its smallest size, "
                f"{self._smallest_size(title, style)} pixels",
                f"Make it shorter; {style.max_lines} lines are possible.",
            )

    def _fit(self, title: Title, fonts: FontSet) -> Iterator[TextBlock]:
        """Yield a text in the largest size that fits into the safe area, then in smaller ones."""
        style = STYLES[title.place]
        size = round(style.percent * self.unit)
        if title.size_percent:
            size = round(title.size_percent * self.size[1] / 100)
        smallest = self._smallest_size(title, style)
        while size >= smallest:
            block = fit_into(self.safe, title.text, fonts, (size, smallest), style)
            if block is None:
                return
            yield block
            size = max(smallest, int(_SHRINK * block.size)) if block.size > smallest else 0

    def _smallest_size(self, title: Title, style: TextStyle) -> int:
        smallest = round(style.min_percent * self.unit)
        if title.size_percent:
            # A size that the board asks for is never enlarged.
            smallest = min(smallest, round(title.size_percent * self.size[1] / 100))
        return max(1, smallest)

    def _picture_size(self, title: Title, image: InputFile) -> tuple[int, int]:
        own_width, own_height = picture_size(image.path)
        left, top, right, bottom = self.safe
        height = (title.size_percent or MAX_PICTURE_PERCENT) * self.size[1] / 100
        scale = min(height / own_height, (right - left) / own_width, (bottom - top) / own_height)
        return max(2, _even_below(own_width * scale)), max(2, _even_below(own_height * scale))

    def _note(self, timed: TimedTitle, message: str, remedy: str) -> None:
        self.problems.append(LayoutProblem(timed.origin, message, remedy))


def fit_into(
    safe: tuple[int, int, int, int],
    text: str,
    fonts: FontSet,
    sizes: tuple[int, int],
    style: TextStyle,
) -> TextBlock | None:
    """Return a text in the largest size that fits into a safe area with its margins, or None.

    Args:
        safe: Left, upper, right and lower side in pixels.
        text: The text.
        fonts: The fonts for it.
        sizes: The size to begin with, and the smallest one, in pixels.
        style: The style of its place.
    """
    left, top, right, bottom = safe
    margin = 2 * margin_of(sizes[0])
    box = (right - left - margin, bottom - top - margin)
    return fit_text(text, fonts, sizes, box, style.max_lines)


def find_text_problem(text: str, fonts: FontSet) -> tuple[str, str] | None:
    """Return message and remedy of a text that can't be drawn on this machine, or None."""
    if missing := fonts.find_missing(text):
        shown = " ".join(f"{letter} (U+{ord(letter):04X})" for letter in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        message = f"no font here has {shown}{more} of {quote(text)}"
        return message, "Name a font file with these letters: font, or install a Noto font."
    if needs_shaping(text) and not can_shape():
        message = f"the letters of {quote(text)} can't be put in order without FriBiDi"
        return message, "Install it (the package libfribidi0 or fribidi), or use a picture."
    return None


def _periods_of(timed: TimedTitle) -> range:
    return range(timed.first_frame // _PERIOD, timed.end_frame // _PERIOD + 1)


def _share_rows(y: int, height: int, other: PlacedTitle) -> bool:
    return y < other.y + other.height and other.y < y + height


def _name(timed: TimedTitle) -> str:
    title = timed.title
    seconds = timed.first_frame / 24
    what = quote(title.text) if title.text else f"the picture of {title.place}"
    return f"{what} at {seconds:.1f} s"


def _even(pixels: float) -> int:
    """Return the next even number."""
    return 2 * -(-round(pixels) // 2)


def _even_below(pixels: float) -> int:
    return int(pixels) // 2 * 2
