"""Draws contact sheets: a row of small pictures per clip, in groups, on pages of the shape of A4.

The text has the size of print: on A4, 200 pixels are an inch. The words of a row, and the place of
the pages on disk, do not belong here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw

from storyboards.problems import ShotchainError
from tasks.media.frames import SampledFrame, sample_frames
from tasks.media.lettering import Lettering

PAGE_SIZE = (1654, 2339)
"""The width and the largest height of a page: A4 upright."""

_BACKGROUND, _PANEL, _CARD, _LINE = "#1c1c1c", "#303030", "#262626", "#4a4a4a"
_TEXT, _QUIET, _WARNING = "#f2f2f2", "#bcbcbc", "#f0b0a0"
_HIGHLIGHT, _ON_HIGHLIGHT = "#f0c040", "#1c1c1c"
"""Greys, because a tinted surrounding changes how colours are seen. One hue marks the choice."""

_MARGIN, _GAP, _PADDING, _BAR = 56, 12, 18, 10
_WIDTH = PAGE_SIZE[0] - 2 * _MARGIN
_TEXT_LEFT, _TEXT_WIDTH = _BAR + _PADDING, 420
_STRIP_LEFT = _TEXT_LEFT + _TEXT_WIDTH + _PADDING
_STRIP_WIDTH = _WIDTH - _STRIP_LEFT - _PADDING
_MAX_PICTURE_HEIGHT, _CARD_HEIGHT = 280, 130
_LONG_SECONDS = 8.5

_TITLE, _HEADING, _LABEL = Lettering(42), Lettering(36), Lettering(30)
_BODY, _CAPTION = Lettering(22), Lettering(18)
_LINE_SPACING = 1.35
_MAX_PROMPT_LINES = 3


class SheetRow(NamedTuple):
    """A clip, or the reason why it cannot be shown, and the text beside it."""

    label: str
    """For example `take 2`."""
    facts: tuple[str, ...]
    """Lines below the label."""
    clip: Path | None
    reason: str = ""
    """The reason why there is no clip."""
    prompt: str = ""
    """The beginning of it is shown; empty if the group shows it."""
    badge: str = ""
    """A word that marks the chosen row, which is highlighted."""


class SheetGroup(NamedTuple):
    """Rows that are compared with each other."""

    heading: str
    remark: str
    """Shown at the right of the heading."""
    prompt: str
    rows: tuple[SheetRow, ...]


OnRow = Callable[[SheetGroup, SheetRow], None]


def count_pictures(seconds: float, size: tuple[int, int]) -> int:
    """Return the number of pictures of a clip: first, middle and last.

    A clip that is long, or upright so that they have room, has two more between them.

    Args:
        seconds: The length of the clip.
        size: Its width and height.
    """
    width = _MAX_PICTURE_HEIGHT * size[0] / size[1]
    has_room = 5 * width + 4 * _GAP <= _STRIP_WIDTH
    return 5 if has_room or seconds > _LONG_SECONDS else 3


def picture_box(count: int) -> tuple[int, int]:
    """Return the largest width and height of each of so many pictures in a row."""
    return (_STRIP_WIDTH - (count - 1) * _GAP) // count, _MAX_PICTURE_HEIGHT


def draw_pages(
    title: str,
    groups: Iterable[SheetGroup],
    *,
    ffmpeg: str | None = None,
    on_row: OnRow = lambda *_: None,
) -> Iterator[Image.Image]:
    """Yield the pages of a sheet. One clip and at most two pages are in memory.

    A group is not divided if it fits on a page.

    Args:
        title: The title, shown on each page.
        groups: The groups.
        ffmpeg: The configured ffmpeg program, if any; only HDR needs one.
        on_row: Called before a row is drawn.
    """
    page = _Page(title, 1)
    for group in groups:
        rows = _draw_rows(group, ffmpeg, on_row)
        blocks = [_draw_heading(group)]
        for sheet_row in rows:
            blocks.append(sheet_row)
            if not page.could_hold(blocks):
                break
        # A group that is longer than a page begins on any page with room for its first row.
        needed = blocks if page.could_hold(blocks) else blocks[:2]
        if not page.has_room_for(needed):
            yield page.finish()
            page = _Page(title, page.number + 1)
        for block in chain(blocks, rows):
            if not page.has_room_for([block]):
                yield page.finish()
                page = _Page(title, page.number + 1)
                page.add(_draw_heading(group, is_continued=True))
            page.add(block)
    yield page.finish()


class _Page:
    """A page that is filled from its top."""

    def __init__(self, title: str, number: int) -> None:
        self.number = number
        self._image = Image.new("RGB", PAGE_SIZE, _BACKGROUND)
        canvas = ImageDraw.Draw(self._image)
        label = f"page {number}"
        title_width = _WIDTH - _BODY.width(label) - _PADDING
        base = _MARGIN + _TITLE.size
        _TITLE.draw(canvas, (_MARGIN, base), _TITLE.cut(title, title_width), _TEXT)
        _BODY.draw(canvas, (_MARGIN + _WIDTH - _BODY.width(label), base), label, _QUIET)
        self._top = self._y = base + _PADDING

    def could_hold(self, blocks: Sequence[Image.Image]) -> bool:
        """Return True if the blocks fit on an empty page."""
        return self._top + _total_height(blocks) <= PAGE_SIZE[1] - _MARGIN

    def has_room_for(self, blocks: Sequence[Image.Image]) -> bool:
        """Return True if the blocks fit below those that are on the page."""
        return self._y + _total_height(blocks) <= PAGE_SIZE[1] - _MARGIN

    def add(self, block: Image.Image) -> None:
        """Add a block below the others."""
        self._image.paste(block, (_MARGIN, self._y))
        self._y += _total_height([block])

    def finish(self) -> Image.Image:
        """Return the page without its empty end."""
        return self._image.crop((0, 0, PAGE_SIZE[0], min(self._y + _MARGIN, PAGE_SIZE[1])))


def _total_height(blocks: Sequence[Image.Image]) -> int:
    return sum(block.height + _GAP for block in blocks)


def _draw_heading(group: SheetGroup, *, is_continued: bool = False) -> Image.Image:
    """Return the heading of a group, with its prompt below it."""
    remark = "continued" if is_continued else group.remark
    prompt = "" if is_continued else group.prompt
    lines = _BODY.wrap(prompt, _WIDTH, max_lines=_MAX_PROMPT_LINES)
    base = 2 * _PADDING + _HEADING.size
    image = Image.new("RGB", (_WIDTH, base + _PADDING + _lines_height(lines)), _BACKGROUND)
    canvas = ImageDraw.Draw(image)
    canvas.rectangle((0, 0, _WIDTH, 1), fill=_LINE)
    remark_width = _BODY.width(remark)
    heading = _HEADING.cut(group.heading, _WIDTH - remark_width - _PADDING)
    _HEADING.draw(canvas, (0, base), heading, _TEXT)
    _BODY.draw(canvas, (_WIDTH - remark_width, base), remark, _QUIET)
    _draw_lines(canvas, (0, base + _PADDING // 2), lines, _QUIET)
    return image


def _draw_rows(group: SheetGroup, ffmpeg: str | None, on_row: OnRow) -> Iterator[Image.Image]:
    for sheet_row in group.rows:
        on_row(group, sheet_row)
        yield _draw_row(sheet_row, _draw_strip(sheet_row, ffmpeg))


def _draw_row(sheet_row: SheetRow, strip: Image.Image) -> Image.Image:
    """Return a row: the text at the left, the pictures at the right."""
    facts = [_BODY.cut(fact, _TEXT_WIDTH) for fact in sheet_row.facts]
    prompt = _BODY.wrap(sheet_row.prompt, _TEXT_WIDTH, max_lines=_MAX_PROMPT_LINES)
    base = _PADDING + _LABEL.size
    text_height = base + _lines_height([*facts, *prompt]) + _PADDING // 2
    height = max(text_height, strip.height + _PADDING) + _PADDING
    image = Image.new("RGB", (_WIDTH, height), _PANEL if sheet_row.badge else _BACKGROUND)
    canvas = ImageDraw.Draw(image)
    if sheet_row.badge:
        canvas.rectangle((0, 0, _BAR - 1, height), fill=_HIGHLIGHT)
    badge_left = _TEXT_LEFT + _LABEL.width(sheet_row.label) + _PADDING
    _LABEL.draw(canvas, (_TEXT_LEFT, base), sheet_row.label, _TEXT)
    _draw_badge(canvas, (badge_left, base), sheet_row.badge)
    y = _draw_lines(canvas, (_TEXT_LEFT, base), facts, _TEXT)
    _draw_lines(canvas, (_TEXT_LEFT, y + _PADDING / 2), prompt, _QUIET)
    image.paste(strip, (_STRIP_LEFT, _PADDING))
    return image


def _draw_badge(canvas: ImageDraw.ImageDraw, corner: tuple[float, float], word: str) -> None:
    if not word:
        return
    x, base = corner
    box = (x, base - _BODY.size - 4, x + _BODY.width(word) + _PADDING, base + 8)
    canvas.rounded_rectangle(box, radius=6, fill=_HIGHLIGHT)
    _BODY.draw(canvas, (x + _PADDING / 2, base), word, _ON_HIGHLIGHT)


def _draw_strip(sheet_row: SheetRow, ffmpeg: str | None) -> Image.Image:
    """Return the pictures of a clip with their times, or a card with the reason for none."""
    background = _PANEL if sheet_row.badge else _BACKGROUND
    if sheet_row.clip is None:
        return _draw_card(sheet_row.reason, background)
    try:
        pictures = sample_frames(
            sheet_row.clip, count_of=count_pictures, box_of=picture_box, ffmpeg=ffmpeg
        )
    except ShotchainError as error:
        # A sheet is shown to others: the folders of this machine do not belong on it.
        path = sheet_row.clip
        reason = str(error).removeprefix(f"{path} ").replace(str(path), path.name)
        return _draw_card(f"the clip {reason}", background)
    return _draw_pictures(pictures, background)


def _draw_pictures(pictures: Sequence[SampledFrame], background: str) -> Image.Image:
    caption_height = round(_CAPTION.size * _LINE_SPACING)
    height = max(picture.image.height for picture in pictures) + caption_height
    image = Image.new("RGB", (_STRIP_WIDTH, height), background)
    canvas = ImageDraw.Draw(image)
    x = 0
    for picture in pictures:
        image.paste(picture.image, (x, 0))
        corner = (x, picture.image.height + _CAPTION.size)
        _CAPTION.draw(canvas, corner, f"{picture.seconds:.1f} s", _QUIET)
        x += picture.image.width + _GAP
    return image


def _draw_card(reason: str, background: str) -> Image.Image:
    """Return a card with a sentence in place of the pictures."""
    image = Image.new("RGB", (_STRIP_WIDTH, _CARD_HEIGHT), background)
    canvas = ImageDraw.Draw(image)
    box = (0, 0, _STRIP_WIDTH - 1, _CARD_HEIGHT - 1)
    canvas.rounded_rectangle(box, radius=8, fill=_CARD, outline=_LINE, width=2)
    lines = _BODY.wrap(reason, _STRIP_WIDTH - 4 * _PADDING, max_lines=_MAX_PROMPT_LINES)
    top = (_CARD_HEIGHT - _lines_height(lines)) // 2
    _draw_lines(canvas, (2 * _PADDING, top), lines, _WARNING)
    return image


def _draw_lines(
    canvas: ImageDraw.ImageDraw, corner: tuple[float, float], lines: Sequence[str], fill: str
) -> float:
    """Draw lines below a corner and return the y below them."""
    x, y = corner
    for line in lines:
        y += _BODY.size * _LINE_SPACING
        _BODY.draw(canvas, (x, y), line, fill)
    return y


def _lines_height(lines: Sequence[str]) -> int:
    return round(len(lines) * _BODY.size * _LINE_SPACING)
