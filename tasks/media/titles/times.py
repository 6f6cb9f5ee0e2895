"""The titles and captions of an edit with their ranges in the film.

Nothing is measured or drawn here, so that plans can check how long a text is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tasks.edit import CardEdit, ClipPlace, FilmEdit, Title


class Origin(NamedTuple):
    """The part of an edit that a title comes from."""

    kind: Literal["clip", "film", "caption", "card"]
    number: int
    """Of the title, or of the caption."""
    clip: int = -1
    """The number of the clip, if it is a title of a clip."""


@dataclass(frozen=True)
class TimedTitle:
    """A title with its range in the frames of the film."""

    origin: Origin
    title: Title
    first_frame: int
    end_frame: int

    def overlaps(self, other: TimedTitle) -> bool:
        """Return True if both are shown in a frame."""
        return self.first_frame < other.end_frame and other.first_frame < self.end_frame


def list_titles(edit: FilmEdit, places: Sequence[ClipPlace]) -> Iterator[TimedTitle]:
    """Yield the titles, burnt captions and the card's text of an edit, with their ranges."""
    total = count_film_frames(edit, places)
    for number, title in enumerate(edit.titles):
        yield _time(Origin("film", number), title, (0, total), (0, total))
    card = edit.card.transition if edit.card else None
    overlaps = [*(place.overlap for place in places[1:]), card.overlap if card else 0]
    for index, clip in enumerate(edit.clips):
        first, last = places[index], _last_of_shot(edit, index)
        within = (first.first_frame, places[last].end_frame)
        # During a crossfade the titles of both shots would lie on one another.
        limits = (within[0] + first.overlap // 2, within[1] - (overlaps[last] + 1) // 2)
        for number, title in enumerate(clip.titles):
            yield _time(Origin("clip", number, index), title, within, limits)
    if edit.card and edit.card.text:
        begin = places[-1].end_frame - overlaps[-1] // 2
        yield TimedTitle(Origin("card", 0), _title_of_card(edit.card), begin, total)
    if edit.captions and edit.captions.burn:
        for number, caption in enumerate(edit.captions.captions):
            title = Title(caption.text, None, caption.first_frame, caption.end_frame, "caption")
            yield _time(Origin("caption", number), title, (0, total), (0, total))


def _title_of_card(card: CardEdit) -> Title:
    place: Literal["card", "card with picture"] = "card with picture" if card.image else "card"
    return Title(card.text, place=place, colour=card.colour)


def _last_of_shot(edit: FilmEdit, index: int) -> int:
    """Return the number of the last clip of a shot; its ranges after the first have no chapter."""
    last = index
    while last + 1 < len(edit.clips) and edit.clips[last + 1].chapter_title is None:
        last += 1
    return last


def count_film_frames(edit: FilmEdit, places: Sequence[ClipPlace]) -> int:
    """Return the frames of a film whose clips have these places, its card included."""
    if edit.length is not None:
        return edit.length
    frames = places[-1].end_frame if places else 0
    card = edit.card
    overlap = card.transition.overlap if card and card.transition else 0
    return frames + (card.frames - overlap if card else 0)


def _time(
    origin: Origin, title: Title, within: tuple[int, int], limits: tuple[int, int]
) -> TimedTitle:
    start, end = within
    last = end if title.end_frame is None else min(end, start + title.end_frame)
    return TimedTitle(
        origin, title, max(limits[0], start + title.first_frame), min(limits[1], last)
    )
