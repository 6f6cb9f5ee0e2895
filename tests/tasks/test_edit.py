"""The edit of a film as values: identities and the places of clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tasks.edit import (
    CardEdit,
    EditClip,
    FilmEdit,
    InputFile,
    Transition,
    TransitionKind,
    count_frames,
    lay_out,
    list_used_ranges,
)

CLIP = EditClip(InputFile(Path("a.mp4"), "sha"), "dawn", "Dawn", drop_last_frame=True)
EDIT = FilmEdit((CLIP,), "Film")


def test_identity_depends_on_content_and_not_on_paths() -> None:
    """Content, chapters, dropped frames, ranges and title make another film; paths do not."""
    moved = replace(CLIP, file=InputFile(Path("b.mp4"), "sha"))
    assert replace(EDIT, clips=(moved,)).identity() == EDIT.identity()
    others = [
        replace(EDIT, clips=(replace(CLIP, file=InputFile(Path("a.mp4"), "other")),)),
        replace(EDIT, clips=(replace(CLIP, chapter_title="Dusk"),)),
        replace(EDIT, clips=(replace(CLIP, drop_last_frame=False),)),
        replace(EDIT, clips=(replace(CLIP, end_frame=9),)),
        replace(EDIT, clips=(CLIP, CLIP)),
        replace(EDIT, title="Other"),
        replace(EDIT, fade_out_frames=12),
    ]
    assert len({EDIT.identity(), *(edit.identity() for edit in others)}) == 8


def test_content_identity_ignores_titles() -> None:
    """The title and the chapters' titles change no picture; the number of chapters counts."""
    retitled = replace(EDIT, title="Other", clips=(replace(CLIP, chapter_title="Dusk"),))
    without_chapter = replace(EDIT, clips=(replace(CLIP, chapter_title=None),))
    assert retitled.content_identity() == EDIT.content_identity()
    assert without_chapter.content_identity() != EDIT.content_identity()


def test_lay_out_crossfade_overlaps_and_drops_nothing() -> None:
    """4 clips of 121 frames, two chained seams and a crossfade of 12 frames are 470 frames."""
    whole = replace(CLIP, drop_last_frame=False)
    mixed = replace(CLIP, transition=Transition(TransitionKind.CROSSFADE, 12))
    places = lay_out((CLIP, whole, mixed, whole), [121] * 4)
    assert [place.first_frame for place in places] == [0, 120, 229, 349]
    assert places[-1].end_frame == 470
    assert places[2].overlap == 12


def test_lay_out_ranges_and_dips() -> None:
    """A range has its own length; a dip overlaps nothing."""
    dip = Transition(TransitionKind.DIP_TO_BLACK, 24)
    ranged = replace(CLIP, drop_last_frame=False, first_frame=12, end_frame=100, transition=dip)
    places = lay_out((ranged, ranged), [121, 121])
    assert [(place.first_frame, place.clip_first, place.frames) for place in places] == [
        (0, 12, 88),
        (88, 12, 88),
    ]


def test_count_frames_includes_the_card() -> None:
    """A card adds its frames, less those of a crossfade into it."""
    card = CardEdit(48, transition=Transition(TransitionKind.CROSSFADE, 12))
    assert count_frames(replace(EDIT, card=card), [121]) == 120 + 36


def test_used_ranges_are_what_the_film_shows() -> None:
    """Dropped frames, frames beyond the length and the card are not used; a mix shows both."""
    first = replace(CLIP, file=InputFile(Path("a.mp4"), "a", 121), first_frame=24)
    mix = Transition(TransitionKind.CROSSFADE, 12)
    second = replace(CLIP, file=InputFile(Path("b.mp4"), "b", 49), transition=mix)
    second = replace(second, drop_last_frame=False)
    edit = FilmEdit((first, second, second), card=CardEdit(48))

    assert list_used_ranges(edit) == {"a": [(24, 120)], "b": [(0, 49), (0, 49)]}
    shorter = replace(edit, length=96 + 37 + 20 + 48)
    assert list_used_ranges(shorter) == {"a": [(24, 120)], "b": [(0, 49), (0, 32)]}
