"""Checks of the texts in a film's picture, before anything is paid.

Every text must have its letters in a font, fit into the safe area, and lie on no other: else the
film can't be made. A text that is shown too short to be read is a warning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from storyboards.models import LegalLine, OnScreenTitle
from storyboards.terminal_text import quote
from storyboards.yaml_nodes import NodePath
from tasks.edit import ClipPlace, FilmEdit
from tasks.media.film_format import FRAMES_PER_SECOND, film_size
from tasks.media.titles.reading_speed import legal_seconds, title_seconds
from tasks.media.titles.times import Origin, TimedTitle, count_film_frames, list_titles
from tasks.plan import ExistingClip, Plan, PlannedShot, Size
from tasks.planning.film_edit import has_exact_lengths, plan_film

_DEFAULT_SIZE = (1280, 720)
"""Of a film whose shape the model decides."""


class TextFinding(NamedTuple):
    """A finding about a text in the picture."""

    keys: NodePath
    message: str
    remedy: str = ""
    is_problem: bool = False
    """True if the film can't be made with it."""


def check_texts(plan: Plan) -> Iterator[TextFinding]:
    """Yield the findings about the titles, the small print, the card and the captions of a film.

    Args:
        plan: The plan of the board.
    """
    planned = plan_film(plan)
    if planned is None:
        return
    edit, places = planned
    size = find_film_size(plan, edit)
    timed = list(list_titles(edit, places))
    if has_exact_lengths(plan):
        yield from _check_times(plan, edit, timed)
        yield from _check_captions(edit, count_film_frames(edit, places))
    yield from _check_layout(plan, edit, places, size)


def find_film_size(plan: Plan, edit: FilmEdit) -> Size:
    """Return the size of a film as far as the plan has it: that of most shots."""
    sizes = Counter(size for shot in plan if (size := _size_of(shot)))
    size = sizes.most_common(1)[0][0] if sizes else _DEFAULT_SIZE
    if edit.picture.ratio is None:
        return size
    return film_size(size, edit.picture.ratio)


def _size_of(shot: PlannedShot) -> Size | None:
    if isinstance(shot, ExistingClip):
        return shot.measured.display_size
    return (shot.width, shot.height) if shot.width and shot.height else None


def _check_times(plan: Plan, edit: FilmEdit, titles: list[TimedTitle]) -> Iterator[TextFinding]:
    for timed in titles:
        title, keys = timed.title, _find_keys(plan, edit, timed.origin)
        frames = timed.end_frame - timed.first_frame
        if frames <= 0:
            message = f"{_name(timed)} is never shown: it begins after the end"
            yield TextFinding(keys, message, "Begin it earlier.", is_problem=True)
        elif title.text and timed.origin.kind != "caption":
            is_legal = title.place == "legal"
            needed = legal_seconds(title.text) if is_legal else title_seconds(title.text)
            if frames < int(needed * FRAMES_PER_SECOND):
                message = (
                    f"{_name(timed)} is shown for {frames / FRAMES_PER_SECOND:.1f} s, "
                    f"and takes {needed:.1f} s to read"
                )
                yield TextFinding(keys, message, "Show it longer, or shorten it.")


def _check_captions(edit: FilmEdit, frames: int) -> Iterator[TextFinding]:
    captions = edit.captions.captions if edit.captions else ()
    late = [caption for caption in captions if caption.first_frame >= frames]
    if late:
        first = min(late)
        count = "a caption begins" if len(late) == 1 else f"{len(late)} captions begin"
        message = (
            f"{count} after the end of the film ({frames / FRAMES_PER_SECOND:.1f} s) and "
            f"can't be shown, the first at {first.first_frame / FRAMES_PER_SECOND:.1f} s: "
            f"{quote(first.text)}"
        )
        yield TextFinding(("film", "captions"), message)


def _check_layout(
    plan: Plan, edit: FilmEdit, places: tuple[ClipPlace, ...], size: Size
) -> Iterator[TextFinding]:
    if not any(True for _ in list_titles(edit, places)):
        return
    # Loads PIL, which films without texts do not need to be planned.
    from tasks.media.titles.layout import lay_out_titles

    for problem in lay_out_titles(edit, places, *size)[1]:
        keys = _find_keys(plan, edit, problem.origin)
        yield TextFinding(keys, problem.message, problem.remedy, is_problem=True)


def _find_keys(plan: Plan, edit: FilmEdit, origin: Origin) -> NodePath:
    """Return the path of a text in the board."""
    match origin.kind:
        case "clip":
            return _keys_of_title(plan.shot(edit.clips[origin.clip].shot), origin.number)
        case "film":
            is_plain = not isinstance(plan.board.storyboard.film.legal, LegalLine)
            return ("film", "legal") if is_plain else ("film", "legal", "text")
        case "caption":
            return ("film", "captions")
        case _:
            return ("film", "card", "text")


def _keys_of_title(shot: PlannedShot, number: int) -> NodePath:
    key = "text" if shot.shot.on_screen_titles[number].text else "image"
    if isinstance(shot.shot.title, OnScreenTitle):
        return ("shots", shot.index, "title", key)
    return ("shots", shot.index, "title", number, key)


def _name(timed: TimedTitle) -> str:
    return quote(timed.title.text) if timed.title.text else "the picture"
