"""The composition of a film's frames: the pictures that are mixed, and what lies over them.

No code here reads a file or a pixel. `split` decides which frames are copied, and `compositor`
makes the others.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from tasks.edit import (
    ClipPlace,
    FilmEdit,
    LengthMismatch,
    Transition,
    TransitionKind,
    cut_to_length,
    digest_value,
    lay_out,
)
from tasks.errors import MediaError

if TYPE_CHECKING:
    from tasks.media.titles.overlays import Overlay

_COLOURS: dict[TransitionKind, Literal["black", "white"]] = {
    TransitionKind.DIP_TO_BLACK: "black",
    TransitionKind.DIP_TO_WHITE: "white",
}
_WHOLE = Fraction(1)


class Picture(NamedTuple):
    """A frame of a clip in a mix."""

    clip: int
    """Number of the clip in the film; that of the card follows the last one."""
    frame: int
    """Number of the frame in the clip."""
    share: Fraction = _WHOLE


class Recipe(NamedTuple):
    """The composition of a frame of the film."""

    pictures: tuple[Picture, ...]
    """They are added up by their shares; the rest is `colour`."""
    colour: Literal["black", "white"] = "black"
    overlays: tuple[tuple[int, float], ...] = ()
    """Numbers of the overlays over the mix, from the lowest to the highest, and their opacity."""
    brightness: Fraction = _WHOLE
    """The share of all that; the rest is black, in which the film begins or ends."""

    @property
    def plain_picture(self) -> Picture | None:
        """The only picture if nothing is changed in it, else None."""
        picture = self.pictures[0]
        is_plain = picture.share == self.brightness == 1 and not self.overlays
        return picture if is_plain else None


@dataclass(frozen=True)
class Composition:
    """The frames of a film as recipes."""

    edit: FilmEdit
    places: tuple[ClipPlace, ...]
    """The places of the clips, and then that of the card, if there is one."""
    overlays: tuple[Overlay, ...] = ()

    @property
    def total_frames(self) -> int:
        """The number of frames of the film."""
        return self.places[-1].end_frame

    @cached_property
    def transitions(self) -> tuple[Transition | None, ...]:
        """The transition into each clip and into the card, and None after the last of them."""
        clips = [clip.transition for clip in self.edit.clips[1:]]
        # The clips and the card, and after the last of them there is none.
        card = self.edit.card
        return (None, *clips, *([card.transition] if card else []), None)

    @cached_property
    def first_frames(self) -> list[int]:
        """The film's frame at which each clip, and the card, begins."""
        return [place.first_frame for place in self.places]

    @cached_property
    def card_digest(self) -> str:
        """A digest of everything that is seen on the card; other texts may move its text."""
        card = self.edit.card and replace(self.edit.card, frames=0, transition=None)
        first = self.places[-1].first_frame
        texts = [
            (overlay.digest, max(overlay.first_frame, first) - first, overlay.end_frame - first)
            for overlay in self.overlays
            if overlay.end_frame > first
        ]
        return digest_value((card, tuple(texts)))

    def find_clip(self, frame: int) -> int:
        """Return the number of the clip that began last at a frame of the film."""
        return bisect_right(self.first_frames, frame) - 1

    def recipe(self, frame: int) -> Recipe:
        """Return the composition of a frame of the film."""
        clip = self.find_clip(frame)
        pictures, colour = self._mix(clip, frame)
        return Recipe(pictures, colour, tuple(self._overlays(frame)), self._brightness(frame))

    def touched_ranges(self) -> list[range]:
        """Return the frames of the film that differ from those of its clips, as ranges in order."""
        return _merge(
            range(max(0, touched.start), min(self.total_frames, touched.stop))
            for touched in self._iter_touched()
        )

    def _iter_touched(self) -> Iterator[range]:
        edit, total = self.edit, self.total_frames
        yield range(edit.fade_in_frames)
        yield range(total - edit.fade_out_frames, total)
        for place, transition in zip(self.places, self.transitions, strict=False):
            if transition:
                begin, end = _split(transition)
                yield range(place.first_frame - begin, place.first_frame + end)
        if edit.card:
            yield range(self.places[-1].first_frame, total)
        for overlay in self.overlays:
            yield range(overlay.first_frame, overlay.end_frame)

    def _mix(self, clip: int, frame: int) -> tuple[tuple[Picture, ...], Literal["black", "white"]]:
        place = self.places[clip]
        picture = Picture(clip, frame - place.first_frame + place.clip_first)
        if frame < place.first_frame + place.overlap:
            before = self.places[clip - 1]
            share = Fraction(frame - place.first_frame + 1, place.overlap + 1)
            earlier = Picture(clip - 1, frame - before.first_frame + before.clip_first, 1 - share)
            return (earlier, picture._replace(share=share)), "black"
        share, colour = self._dip(clip, frame)
        return (picture._replace(share=share),), colour

    def _dip(self, clip: int, frame: int) -> tuple[Fraction, Literal["black", "white"]]:
        """Return the share of a clip's picture in a dip, and the colour of the rest."""
        place, into = self.places[clip], self.transitions[clip]
        if into and into.kind in _COLOURS:
            share = _fade_in(frame - place.first_frame, _split(into)[1])
            if share < 1:
                return share, _COLOURS[into.kind]
        out = self.transitions[clip + 1]
        if out and out.kind in _COLOURS:
            return _fade_out(place.end_frame - frame, _split(out)[0]), _COLOURS[out.kind]
        return _WHOLE, "black"

    def _overlays(self, frame: int) -> Iterator[tuple[int, float]]:
        for number, overlay in enumerate(self.overlays):
            if opacity := overlay.opacity(frame):
                yield number, opacity

    def _brightness(self, frame: int) -> Fraction:
        return min(
            _fade_in(frame, self.edit.fade_in_frames),
            _fade_out(self.total_frames - frame, self.edit.fade_out_frames),
        )


def compose(edit: FilmEdit, clip_frames: Sequence[int]) -> Composition:
    """Return the composition of a film, without overlays.

    Args:
        edit: The film.
        clip_frames: The number of frames of each clip's file.

    Raises:
        MediaError: A clip is too short for its range, its transitions or the film's length.
    """
    edit = _cut(edit, clip_frames)
    places = lay_out(edit.clips, clip_frames)
    if not places:
        message = "There is no clip to join"
        raise MediaError(message)
    if edit.card:
        overlap = edit.card.transition.overlap if edit.card.transition else 0
        first = places[-1].end_frame - overlap
        places = (*places, ClipPlace(first, 0, edit.card.frames, overlap))
    composition = Composition(edit, places)
    for number in range(len(places)):
        _check_place(composition, number)
    return composition


def _cut(edit: FilmEdit, clip_frames: Sequence[int]) -> FilmEdit:
    """Return an edit whose last clip ends so that the film has its exact length.

    Raises:
        MediaError: There is too little material, or too much.
    """
    try:
        return cut_to_length(edit, clip_frames)
    except LengthMismatch as mismatch:
        message = f"the length of the film is {edit.length} frames, and {mismatch}"
        raise MediaError(message) from mismatch


def _check_place(composition: Composition, number: int) -> None:
    place, clips = composition.places[number], composition.edit.clips
    name = f"the clip of {clips[number].shot}" if number < len(clips) else "the card"
    if place.frames < 1:
        message = f"{name} has no frame in the film: its range, or the film's length, leaves none"
        raise MediaError(message)
    before, after = composition.transitions[number : number + 2]
    needed = _count_frames_after(before) + _count_frames_before(after)
    if needed > place.frames:
        message = (
            f"{name} has {place.frames} frames in the film, and its transitions take {needed}; "
            "make them shorter"
        )
        raise MediaError(message)


def _count_frames_after(transition: Transition | None) -> int:
    """Return the frames of the later clip that a transition changes."""
    return _split(transition)[1] if transition else 0


def _count_frames_before(transition: Transition | None) -> int:
    """Return the frames of the earlier clip that a transition changes."""
    if transition is None:
        return 0
    return transition.overlap or _split(transition)[0]


def _split(transition: Transition) -> tuple[int, int]:
    """Return the frames of a transition before and after the later clip begins."""
    begin = 0 if transition.overlap else transition.frames // 2
    return begin, transition.frames - begin


def _fade_in(frame: int, frames: int) -> Fraction:
    """Return the share of the picture in a frame of a fade: none in the first one."""
    return Fraction(frame, frames) if frame < frames else _WHOLE


def _fade_out(remaining: int, frames: int) -> Fraction:
    """Return the share of the picture in a frame of a fade: none in the last one."""
    return Fraction(remaining - 1, frames) if remaining <= frames else _WHOLE


def _merge(ranges: Iterator[range]) -> list[range]:
    merged: list[range] = []
    for each in sorted((each for each in ranges if each), key=lambda each: each.start):
        if merged and each.start <= merged[-1].stop:
            merged[-1] = range(merged[-1].start, max(merged[-1].stop, each.stop))
        else:
            merged.append(each)
    return merged
