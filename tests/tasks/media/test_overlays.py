"""Overlays: colours, soft edges, safe areas, places, and texts that cannot be drawn."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av.filter
import numpy as np
import pytest
from av.video.frame import VideoFrame
from PIL import Image

from tasks.edit import CardEdit, ClipPlace, EditClip, FilmEdit, InputFile, Title
from tasks.errors import MediaError
from tasks.media.composition import Composition
from tasks.media.titles.layout import lay_out_titles
from tasks.media.titles.overlay_planes import to_planes
from tasks.media.titles.overlays import Overlay, draw_card, list_overlays
from tasks.media.titles.safe_areas import find_safe_area
from tasks.media.titles.text_block import TextBlock

SIZES = ((640, 360), (360, 640), (360, 360), (640, 274), (360, 450))
CLIP_FRAMES = 48


def edit_of(*titles: Title, film: tuple[Title, ...] = ()) -> FilmEdit:
    clip = EditClip(InputFile(Path("clip.mp4"), "0"), "dawn", "dawn", titles=titles)
    return FilmEdit((clip,), titles=film)


def overlays_of(edit: FilmEdit, size: tuple[int, int] = SIZES[0]) -> tuple[Overlay, ...]:
    return list_overlays(edit, (ClipPlace(0, 0, CLIP_FRAMES),), *size)


def grey_frame(size: tuple[int, int], luma: int = 120) -> list[np.ndarray]:
    width, height = size
    half = (height // 2, width // 2)
    return [
        np.full((height, width), luma, np.uint8),
        np.full(half, 128, np.uint8),
        np.full(half, 128, np.uint8),
    ]


def drawn_box(overlay: Overlay) -> tuple[int, int, int, int]:
    """Return left, upper, right and lower side of the pixels that an overlay changes."""
    planes = overlay.draw()
    rows, columns = np.nonzero(planes.alpha)
    return (
        planes.x + columns.min(),
        planes.y + rows.min(),
        planes.x + columns.max() + 1,
        planes.y + rows.max() + 1,
    )


def decode(planes: list[np.ndarray]) -> np.ndarray:
    """Return planes as RGB, converted by swscale with its accurate options."""
    height, width = planes[0].shape
    frame = VideoFrame(width, height, "yuv420p")
    for plane, samples in zip(frame.planes, planes, strict=True):
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        rows[:, : plane.width] = samples
    frame.pts = 0
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=width, height=height, format=frame.format, time_base=Fraction(1, 24)
    )
    options = "in_color_matrix=bt709:in_range=tv:out_range=pc"
    flags = "flags=bicubic+accurate_rnd+full_chroma_int"
    scale = graph.add("scale", f"{options}:{flags}")
    graph.link_nodes(source, scale, graph.add("format", "rgb24"), graph.add("buffersink"))
    graph.configure()
    graph.vpush(frame)
    return graph.vpull().to_ndarray()


@pytest.mark.parametrize(
    "colour",
    ["#ff0000", "#00ff00", "#0000ff", "#ffffff", "#000000", "#f28c28", "#7f7f7f", "#123456"],
)
def test_colour_decodes_to_itself(colour: str) -> None:
    """A colour of a picture comes back within two levels from an accurate decoder."""
    image = Image.new("RGBA", (64, 64), colour)
    planes = grey_frame((64, 64))

    to_planes(image, 0, 0).blend(planes)

    expected = np.asarray(image, np.int16)[0, 0, :3]
    assert np.abs(decode(planes)[8:56, 8:56].astype(np.int16) - expected).max() <= 2


def test_white_and_black_are_limited_range() -> None:
    """White has the luma 235 and black 16, both without colour."""
    white = to_planes(Image.new("RGBA", (4, 4), "#ffffff"), 0, 0)
    black = to_planes(Image.new("RGBA", (4, 4), "#000000"), 0, 0)

    assert {int(white.luma[0, 0]), int(white.blue[0, 0]), int(white.red[0, 0])} == {235, 128}
    assert {int(black.luma[0, 0]), int(black.blue[0, 0]), int(black.red[0, 0])} == {16, 128}


def test_blend_of_transparent_part_keeps_frame() -> None:
    """A transparent part, or an overlay without opacity, changes no sample."""
    image = Image.new("RGBA", (16, 16), (255, 0, 0, 0))
    opaque = Image.new("RGBA", (16, 16), (255, 0, 0, 255))
    planes = grey_frame((32, 32))
    before = [plane.copy() for plane in planes]

    to_planes(image, 8, 8).blend(planes)
    to_planes(opaque, 8, 8).blend(planes, opacity=0.0)

    assert all(np.array_equal(*pair) for pair in zip(before, planes, strict=True))


def test_soft_edge_is_a_mix_of_both_colours() -> None:
    """Half transparent red over grey is the mean of both, in luma and in chroma."""
    planes = grey_frame((32, 32))

    to_planes(Image.new("RGBA", (32, 32), (255, 0, 0, 128)), 0, 0).blend(planes)

    grey, red = (120, 128, 128), (62.6, 102.3, 240)
    for plane, background, colour in zip(planes, grey, red, strict=True):
        mixed = (background * 127 + colour * 128) / 255
        assert np.abs(plane.astype(float) - mixed).max() <= 1


def test_edge_of_colour_has_no_fringe() -> None:
    """Beside a red patch on red, no chroma sample leaves the range of both."""
    planes = grey_frame((32, 32))
    image = Image.new("RGBA", (16, 16), (255, 255, 255, 0))
    image.paste((255, 0, 0, 255), (5, 5, 11, 11))

    to_planes(image, 8, 8).blend(planes)

    assert planes[1].min() >= 101
    assert planes[1].max() <= 128
    assert planes[2].min() >= 128
    assert planes[2].max() <= 241


def test_chroma_lies_on_even_columns() -> None:
    """A chroma sample is on its even column, as decoders expect, not between two columns."""
    image = Image.new("RGBA", (16, 4), (255, 0, 0, 0))
    image.paste((255, 0, 0, 255), (8, 0, 16, 4))

    planes = to_planes(image, 0, 0)

    assert planes.chroma_alpha[0].tolist() == [0, 0, 0, 0, 191, 255, 255, 255]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("place", ["upper", "center", "lower", "legal"])
def test_title_is_inside_safe_area(size: tuple[int, int], place: Any) -> None:
    """Text, outline and shadow stay inside the safe area of each shape, also if they wrap."""
    text = "Breakfast from 2.49 until noon, every day of the week"
    (overlay,) = overlays_of(edit_of(Title(text, place=place)), size)

    left, top, right, bottom = find_safe_area(*size).box(*size)
    box = drawn_box(overlay)

    assert left <= box[0] < box[2] <= right
    assert top <= box[1] < box[3] <= bottom


def test_safe_area_of_upright_film_leaves_room_for_buttons() -> None:
    """In 9:16 nothing stands in the upper 14 % and in the lower 35 %, nor in the outer 6 %."""
    left, top, right, bottom = find_safe_area(1080, 1920).box(1080, 1920)

    assert (left, right) == (66, 1014)
    assert top >= 0.14 * 1920
    assert bottom <= 0.65 * 1920


def test_titles_of_one_moment_are_stacked() -> None:
    """Titles of one place stand above one another, the legal line at the bottom."""
    edit = edit_of(Title("one"), Title("two"), film=(Title("Terms apply.", place="legal"),))

    legal, first, second = map(drawn_box, overlays_of(edit))

    assert second[3] <= first[1]
    assert first[3] <= legal[1]


def test_center_title_avoids_captions_below() -> None:
    """A title in the middle moves to the free rows if others need the middle."""
    titles = [Title(f"line {number}") for number in range(4)]

    boxes = [
        drawn_box(overlay) for overlay in overlays_of(edit_of(*titles, Title("A", place="center")))
    ]

    assert max(box[3] for box in boxes[4:]) <= min(box[1] for box in boxes[:4])


def test_titles_without_room_are_refused() -> None:
    """More titles than the picture holds are an error that names the text and its time."""
    titles = [Title(f"line {number}") for number in range(12)]

    with pytest.raises(MediaError, match=r"`line \d+` at 0.0 s does not fit into the safe area"):
        overlays_of(edit_of(*titles))


def test_long_text_shrinks_to_minimum() -> None:
    """A text that is too long for its size is drawn smaller, and refused below the minimum."""

    def size(text: str) -> int:
        edit = edit_of(Title(text, place="upper"))
        placed, _ = lay_out_titles(edit, (ClipPlace(0, 0, CLIP_FRAMES),), *SIZES[0])
        assert isinstance(placed[0].content, TextBlock)
        return placed[0].content.size

    phrase = "breakfast and supper "
    assert (size("breakfast"), size(phrase * 3), size(phrase * 8)) == (22, 22, 18)
    with pytest.raises(MediaError, match="at its smallest size, 13 pixels"):
        overlays_of(edit_of(Title(phrase * 40, place="upper")))


def test_opacity_fades_in_and_out() -> None:
    """A fade is linear, and its first frame is visible."""
    title = Title("now", first_frame=10, end_frame=20, fade_frames=2)
    (overlay,) = overlays_of(edit_of(title))

    shown = [round(overlay.opacity(frame), 2) for frame in range(9, 21)]

    assert shown == [0, 0.33, 0.67, 1, 1, 1, 1, 1, 1, 0.67, 0.33, 0]


def test_digest_changes_with_pixels_only() -> None:
    """The digest depends on text and colour, and not on the time of the title."""

    def digest(**changes: Any) -> str:
        title = replace(Title("now"), **changes)
        return overlays_of(edit_of(title))[0].digest

    assert digest() == digest(first_frame=5, fade_frames=3)
    assert (
        len({digest(), digest(text="then"), digest(colour="#ff0000"), digest(place="upper")}) == 4
    )


def test_title_of_crossfade_ends_in_its_middle() -> None:
    """During a crossfade the titles of both shots are never shown together."""
    clips = tuple(
        EditClip(InputFile(Path(name), name), name, name, titles=(Title(name),)) for name in "ab"
    )
    places = (ClipPlace(0, 0, 48), ClipPlace(36, 0, 48, overlap=12))

    first, second = list_overlays(FilmEdit(clips), places, *SIZES[0])

    assert (first.first_frame, first.end_frame) == (0, 42)
    assert (second.first_frame, second.end_frame) == (42, 84)


def test_picture_keeps_shape_and_transparency(tmp_path: Path) -> None:
    """A picture is scaled to its height, and transparent parts stay so."""
    image = Image.new("RGBA", (200, 100), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (50, 25, 150, 75))
    image.save(tmp_path / "logo.png")
    logo = InputFile(tmp_path / "logo.png", "1")

    (overlay,) = overlays_of(edit_of(Title(image=logo, place="center", size_percent=20)))
    planes = overlay.draw()

    assert planes.luma.shape == (72, 144)
    assert planes.alpha[0, 0] == 0
    assert planes.alpha[36, 72] == 255


def test_card_fills_frame_and_keeps_shape(tmp_path: Path) -> None:
    """A card's picture of another shape has bars of the background; all of it is opaque."""
    Image.new("RGB", (100, 100), "#ff0000").save(tmp_path / "card.png")
    card = CardEdit(48, InputFile(tmp_path / "card.png", "2"), background="#0000ff")

    planes = draw_card(FilmEdit((), card=card), (), 160, 90)

    assert planes.luma.shape == (90, 160)
    assert planes.alpha.min() == 255
    assert planes.red[22, 40] > 230
    assert planes.blue[22, 2] > 230


def test_card_text_is_drawn_inside_safe_area() -> None:
    """The text of a card stands in the middle of the safe area."""
    edit = replace(edit_of(), card=CardEdit(48, text="warm, wenn du es bist"))
    planes = draw_card(edit, (ClipPlace(0, 0, CLIP_FRAMES),), *SIZES[1])

    rows, columns = np.nonzero(planes.luma > 30)
    left, top, right, bottom = find_safe_area(*SIZES[1]).box(*SIZES[1])
    assert left <= columns.min() < columns.max() < right
    assert top <= rows.min() < rows.max() < bottom


def test_title_lasts_over_all_ranges_of_its_shot() -> None:
    """A title without an end stays until the last range of its shot ends."""
    clip = edit_of(Title("now")).clips[0]
    clips = (clip, replace(clip, chapter_title=None, titles=()), replace(clip, titles=()))
    places = (ClipPlace(0, 0, 48), ClipPlace(48, 0, 20), ClipPlace(68, 0, 48))

    (overlay,) = list_overlays(FilmEdit(clips), places, *SIZES[0])

    assert (overlay.first_frame, overlay.end_frame) == (0, 68)


@pytest.mark.parametrize("has_picture", [True, False])
def test_text_of_card_stands_above_small_print(tmp_path: Path, has_picture: bool) -> None:
    """Small print over the card and the card's own text never lie on one another."""
    Image.new("RGB", (64, 36), "#444444").save(tmp_path / "card.png")
    image = InputFile(tmp_path / "card.png", "2") if has_picture else None
    legal = Title("Terms apply, see the conditions. " * 4, place="legal")
    edit = replace(edit_of(film=(legal,)), card=CardEdit(48, image, "one\ntwo"))
    places = (ClipPlace(0, 0, CLIP_FRAMES),)

    (line,) = list_overlays(edit, places, *SIZES[2])
    rows = np.nonzero((draw_card(edit, places, *SIZES[2]).luma > 200).any(axis=1))[0]

    assert line.end_frame == CLIP_FRAMES + 48
    assert rows.max() < drawn_box(line)[1]


def test_digest_of_card_depends_on_texts_over_it_only() -> None:
    """Small print over the card may move its text; a title of a shot before it does not."""

    def digest(edit: FilmEdit) -> str:
        edit = replace(edit, card=CardEdit(48, text="Ember"))
        places = (ClipPlace(0, 0, CLIP_FRAMES), ClipPlace(CLIP_FRAMES, 0, 48))
        overlays = list_overlays(edit, places[:1], *SIZES[0])
        return Composition(edit, places, overlays).card_digest

    assert digest(edit_of()) == digest(edit_of(Title("CLAIM", end_frame=24)))
    assert digest(edit_of()) != digest(edit_of(film=(Title("Terms.", place="legal"),)))
