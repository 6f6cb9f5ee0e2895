"""The times of captions from dialogue."""

from __future__ import annotations

from pathlib import Path

from tasks.edit import Caption, EditClip, InputFile, Transition, TransitionKind
from tasks.planning.dialogue_times import place_dialogue


def clip_of(shot: str, frames: int, **values: object) -> EditClip:
    """Return a clip of so many frames."""
    return EditClip(InputFile(Path("a.mp4"), "", frames), shot, None, **values)  # type: ignore[arg-type]


def test_lines_share_their_shot_by_length() -> None:
    """In their order, with a gap between them and none behind the last one."""
    clips = [clip_of("a", 49), clip_of("b", 100)]
    lines = {"b": ("x" * 10, "x" * 30)}

    assert place_dialogue(lines, clips) == (
        Caption(49, 72, "x" * 10),
        Caption(74, 149, "x" * 30),
    )


def test_lines_keep_out_of_crossfades_and_span_ranges() -> None:
    """A shot of two ranges has its lines over both; in a crossfade no line is shown twice."""
    crossfade = Transition(TransitionKind.CROSSFADE, 12)
    clips = [
        clip_of("a", 60, end_frame=24),
        clip_of("a", 60, first_frame=48),
        clip_of("b", 48, transition=crossfade),
    ]
    lines = {"a": ("One.",), "b": ("Two.",)}

    assert place_dialogue(lines, clips) == (Caption(0, 24, "One."), Caption(36, 72, "Two."))


def test_film_without_dialogue_has_no_captions() -> None:
    """Also if a shot is shorter than its lines need."""
    assert place_dialogue({"a": ()}, [clip_of("a", 49)]) == ()
    assert place_dialogue({"a": ("x", "y", "z")}, [clip_of("a", 2)]) == (
        Caption(0, 1, "y"),
        Caption(1, 2, "z"),
    )
