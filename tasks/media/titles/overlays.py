"""Pictures that lie over the frames of a film: titles, the legal line, burnt captions, the card.

An overlay is described without drawing it, so that a film whose overlays are kept draws nothing.
Their places are decided in `layout`; blending into frames is done by the composer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from tasks.edit import CardEdit, ClipPlace, FilmEdit
from tasks.errors import MediaError

if TYPE_CHECKING:
    from tasks.media.titles.layout import PlacedTitle
    from tasks.media.titles.overlay_planes import OverlayPlanes


@dataclass(frozen=True)
class Overlay:
    """A picture over a range of the film's frames, drawn when it is needed."""

    first_frame: int
    end_frame: int
    """The film's frame after the last one."""
    fade_frames: int
    """Frames that it takes to appear, and to disappear."""
    digest: str
    """Of everything that changes its pixels, the range excluded."""
    draw: Callable[[], OverlayPlanes] = field(repr=False, compare=False)

    def opacity(self, frame: int) -> float:
        """Return how opaque it is in a frame of the film, from 0 (not shown) to 1.

        Fades are linear, and their first and last frames are visible already.
        """
        if not self.first_frame <= frame < self.end_frame:
            return 0.0
        nearest_end = min(frame - self.first_frame, self.end_frame - 1 - frame)
        return min(1.0, (nearest_end + 1) / (self.fade_frames + 1))


def list_overlays(
    edit: FilmEdit, places: Sequence[ClipPlace], width: int, height: int
) -> tuple[Overlay, ...]:
    """Return what lies over the frames of a film, in the order in which it is blended.

    Args:
        edit: The edit.
        places: The places of its clips in the film.
        width: The width of the film.
        height: The height of the film.

    Raises:
        MediaError: A text or picture can't be drawn inside the safe area.
    """
    if not (edit.titles or edit.captions or any(clip.titles for clip in edit.clips)):
        return ()
    return tuple(
        Overlay(
            title.timed.first_frame,
            title.timed.end_frame,
            title.timed.title.fade_frames,
            title.digest(),
            partial(_draw, title),
        )
        for title in _lay_out(edit, places, width, height)
        if not _is_of_card(title)
    )


def _draw(placed: PlacedTitle) -> OverlayPlanes:
    from tasks.media.titles.overlay_planes import to_planes
    from tasks.media.titles.picture import draw_title

    return to_planes(draw_title(placed), placed.x, placed.y)


def draw_card(
    edit: FilmEdit, places: Sequence[ClipPlace], width: int, height: int
) -> OverlayPlanes:
    """Return the picture of the card of a film, which fills the frame.

    Its text stands beside the small print and the captions that lie over the card.

    Args:
        edit: The edit, with a card.
        places: The places of its clips in the film.
        width: The width of the film.
        height: The height of the film.

    Raises:
        MediaError: Its text or picture can't be drawn.
    """
    from tasks.media.titles.card import draw_card_image
    from tasks.media.titles.overlay_planes import to_planes

    texts = (title for title in _lay_out(edit, places, width, height) if _is_of_card(title))
    card = edit.card or CardEdit(0)
    return to_planes(draw_card_image(card, next(texts, None), width, height), 0, 0)


def _lay_out(
    edit: FilmEdit, places: Sequence[ClipPlace], width: int, height: int
) -> list[PlacedTitle]:
    # PIL takes long to import, and most films have no text in their picture.
    from tasks.media.titles.layout import lay_out_titles

    placed, problems = lay_out_titles(edit, places, width, height)
    if problems:
        message = f"{problems[0].message}. {problems[0].remedy}"
        raise MediaError(message)
    return placed


def _is_of_card(title: PlacedTitle) -> bool:
    return title.timed.origin.kind == "card"
