"""Contact sheets: pictures in the shape of their clips, groups on a page, cards without a clip."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tasks.media import contact_sheet
from tasks.media.contact_sheet import (
    PAGE_SIZE,
    SheetGroup,
    SheetRow,
    count_pictures,
    draw_pages,
    picture_box,
)
from tasks.media.frames import SampledFrame

HIGHLIGHT = (0xF0, 0xC0, 0x40)


@pytest.fixture
def clips(monkeypatch: pytest.MonkeyPatch) -> Callable[[tuple[int, int]], Path]:
    """Let clips of any size exist without decoding: `clips((16, 9))`, red at first, then green."""
    sizes: dict[Path, tuple[int, int]] = {}

    def sample(path: Path, *, count_of: Any, box_of: Any, **_: Any) -> list[SampledFrame]:
        width, height = sizes[path]
        count = count_of(5.0, sizes[path])
        box = box_of(count)
        factor = min(box[0] / width, box[1] / height)
        size = (round(width * factor), round(height * factor))
        colours = ["#ff0000", *["#00ff00"] * (count - 1)]
        return [SampledFrame(0.0, Image.new("RGB", size, colour)) for colour in colours]

    def make(size: tuple[int, int]) -> Path:
        path = Path(f"/clips/{len(sizes)}.mp4")
        sizes[path] = size
        return path

    monkeypatch.setattr(contact_sheet, "sample_frames", sample)
    return make


def sheet_row(clip: Path | None, **values: Any) -> SheetRow:
    """Return a row with a label."""
    return SheetRow(**{"label": "take 1", "facts": ("kept",), "clip": clip, **values})


def group(*rows: SheetRow, heading: str = "1  dawn", prompt: str = "Rain.") -> SheetGroup:
    """Return a group of rows."""
    return SheetGroup(heading, f"{len(rows)} takes", prompt, rows)


def box_of_colour(image: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Return left, top, width and height of the pixels of a colour."""
    rows, columns = np.nonzero((np.asarray(image) == colour).all(axis=2))
    left, top = int(columns.min()), int(rows.min())
    return left, top, int(columns.max()) - left + 1, int(rows.max()) - top + 1


@pytest.mark.parametrize(
    ("seconds", "size", "count"),
    [
        (5, (864, 480), 3),
        (8, (864, 480), 3),
        (12, (864, 480), 5),
        (5, (960, 416), 3),
        (12, (960, 416), 5),
        (5, (640, 640), 3),
        (5, (480, 864), 5),
        (5, (9, 200), 5),
    ],
)
def test_number_of_pictures(seconds: float, size: tuple[int, int], count: int) -> None:
    """Three, with the middle; five of a long clip, or of one so narrow that they have room."""
    assert count_pictures(seconds, size) == count


@pytest.mark.parametrize("size", [(16, 9), (21, 9), (9, 16), (1, 1), (10, 1), (1, 10)])
def test_pictures_keep_their_shape_in_the_row(
    clips: Callable[[tuple[int, int]], Path], size: tuple[int, int]
) -> None:
    """All pictures of a row are within the page, the first at the left."""
    (page,) = draw_pages("Film", [group(sheet_row(clips(size)))])
    left, top, width, height = box_of_colour(page, (255, 0, 0))
    next_left, next_top, rest_width, _ = box_of_colour(page, (0, 255, 0))

    assert width / height == pytest.approx(size[0] / size[1], rel=0.05)
    assert (next_top, next_left > left + width) == (top, True)
    assert next_left + rest_width <= PAGE_SIZE[0] - 56
    assert max(width, height) > 200 or size in ((10, 1), (1, 10))
    assert height <= picture_box(3)[1]


def test_rows_of_different_shapes_have_one_left_edge(
    clips: Callable[[tuple[int, int]], Path],
) -> None:
    """Takes are compared from top to bottom, so first frames stand below each other."""
    rows = [sheet_row(clips(size)) for size in ((16, 9), (9, 16), (21, 9))]
    (page,) = draw_pages("Film", [group(*rows)])
    red = (np.asarray(page) == (255, 0, 0)).all(axis=2)
    starts = {int(np.argmax(line)) for line in red if line.any()}

    assert len(starts) == 1


def test_chosen_row_is_highlighted(clips: Callable[[tuple[int, int]], Path]) -> None:
    """A bar at its left over its height, and a badge; other rows have none of the colour."""
    rows = [sheet_row(clips((16, 9))), sheet_row(clips((16, 9)), badge="present")]
    (page,) = draw_pages("Film", [group(*rows)])
    left, top, width, height = box_of_colour(page, HIGHLIGHT)
    (plain,) = draw_pages("Film", [group(*(item._replace(badge="") for item in rows))])

    assert (left, height > 200) == (56, True)
    assert width < 400
    assert top > page.height / 2 - 100
    assert not (np.asarray(plain) == HIGHLIGHT).all(axis=2).any()


def test_pages_have_the_shape_of_a4_at_most(clips: Callable[[tuple[int, int]], Path]) -> None:
    """200 takes are divided into pages of one width; the last one ends with its content."""
    clip = clips((16, 9))
    groups = [group(*[sheet_row(clip)] * 20, heading=f"{number}") for number in range(10)]
    sizes = [page.size for page in draw_pages("Film", groups)]

    assert {width for width, _ in sizes} == {PAGE_SIZE[0]}
    assert max(height for _, height in sizes) <= PAGE_SIZE[1]
    assert 20 < len(sizes) < 40


def test_group_that_fits_on_a_page_is_not_divided(
    clips: Callable[[tuple[int, int]], Path],
) -> None:
    """Its takes are compared with each other, so it begins on a new page."""
    clip = clips((16, 9))
    groups = [group(*[sheet_row(clip)] * 5, heading=heading) for heading in "abcd"]
    counts = []
    for page in draw_pages("Film", groups):
        red = (np.asarray(page) == (255, 0, 0)).all(axis=2).any(axis=1)
        counts.append(int(np.count_nonzero(np.diff(red.astype(int)) == 1)))

    assert sum(counts) == 4 * 5
    assert [count % 5 for count in counts] == [0] * len(counts)


def test_long_group_goes_on_below_its_heading(
    clips: Callable[[tuple[int, int]], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins on the page of the group before it, and its heading is repeated."""
    clip, headings = clips((16, 9)), []
    draw_heading = contact_sheet._draw_heading

    def record(shown: SheetGroup, *, is_continued: bool = False) -> Image.Image:
        headings.append((shown.heading, is_continued))
        return draw_heading(shown, is_continued=is_continued)

    monkeypatch.setattr(contact_sheet, "_draw_heading", record)
    groups = [group(sheet_row(clip), heading="a"), group(*[sheet_row(clip)] * 20, heading="b")]
    pages = list(draw_pages("Film", groups))

    assert len(pages) == 3
    assert headings == [("a", False), ("b", False), ("b", True), ("b", True)]


def test_pages_are_drawn_one_by_one(clips: Callable[[tuple[int, int]], Path]) -> None:
    """No more rows are drawn than the page needs and the next group has on a page."""
    clip, drawn = clips((16, 9)), []
    groups = [group(*[sheet_row(clip)] * 200)]
    pages = draw_pages("Film", groups, on_row=lambda *_: drawn.append(1))
    next(pages)

    assert len(drawn) < 15


@pytest.mark.parametrize("content", [b"", b"<html>", b"\0\0\0\x18ftypmp42" + b"\0" * 4000])
def test_damaged_clip_has_a_card_without_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """The reason is in its place, without folders of this machine."""
    clip, reasons = tmp_path / "clip.mp4", []
    clip.write_bytes(content)

    def draw_card(reason: str, _: str) -> Image.Image:
        reasons.append(reason)
        return Image.new("RGB", (10, 10))

    monkeypatch.setattr(contact_sheet, "_draw_card", draw_card)
    list(draw_pages("Film", [group(sheet_row(clip), sheet_row(None, reason="it was removed"))]))

    assert reasons[0].startswith("the clip is ")
    assert str(tmp_path) not in reasons[0]
    assert reasons[1] == "it was removed"


def test_real_clip_is_drawn(studio: Any) -> None:
    """With a title and a prompt of any letters and length."""
    clip = studio.clip("a.mp4", frames=25, tone=None)
    (page,) = draw_pages("海边 Film", [group(sheet_row(clip), prompt="word " * 300)])
    _, height = picture_box(3)

    assert page.height < 2 * height + 400
    assert len(page.getcolors(1 << 24) or ()) > 1000
