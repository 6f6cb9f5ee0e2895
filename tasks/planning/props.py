"""What a shot's model is shown and played: the media that the board names, and its cast's images.

Found here and checked as far as that needs no model; what is wrong is told to the planner. What a
model and a wire format take is told by `enclosures`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from storyboards.board import Board
from storyboards.prompts import Prompt
from tasks.planning.inputs import Input, Unusable, find_clip, find_picture, find_sound, is_url
from tasks.providers import Provider
from tasks.providers.contract import Role
from tasks.providers.dialects import DIALECTS

_IMAGE: Role = "reference_image"


@dataclass(frozen=True)
class Props:
    """Gathers the media of one board's shots."""

    board: Board
    problem: Callable[[tuple[str | int, ...], str, str], None]
    """Told the path of what is wrong, what it is, and the remedy."""
    note: Callable[[int, str], None]
    """Told the index of a shot and what its author should know."""
    _seen: dict[tuple[Role, str], Input | Unusable] = field(default_factory=dict)
    """A board may name one large file in every shot: it is looked at once."""

    def given(self, index: int) -> tuple[Input, ...]:
        """What the shot itself names, as far as it can be used."""
        shot, found = self.board.storyboard.shots[index], []
        given = shot.references
        wanted: list[tuple[str, Role, tuple[str, ...]]] = [
            ("references", "reference_image", given.images if given else ()),
            ("references", "reference_video", given.videos if given else ()),
            ("references", "reference_audio", given.audio if given else ()),
        ]
        if isinstance(shot.first_frame, str) and shot.first_frame not in ("previous", "none"):
            wanted.insert(0, ("first_frame", "first_frame", (shot.first_frame,)))
        if shot.last_frame:
            wanted.append(("last_frame", "last_frame", (shot.last_frame,)))
        for word, role, written in wanted:
            for one in written:
                try:
                    found.append(self._find(role, one))
                except Unusable as error:
                    self.problem(("shots", index, word), error.message, error.remedy)
        return tuple(found)

    def _find(self, role: Role, written: str) -> Input:
        found = self._seen.get((role, written))
        if found is None:
            try:
                found = self._look(role, written)
            except Unusable as error:
                found = error
            self._seen[role, written] = found
        if isinstance(found, Unusable):
            raise found
        return found

    def _look(self, role: Role, written: str) -> Input:
        if role == "reference_audio":
            return find_sound(self.board, written)
        if role == "reference_video":
            return find_clip(self.board, written)
        return find_picture(self.board, role, written)

    def of_cast(
        self, index: int, prompt: Prompt, row: Provider, *, framed: bool
    ) -> Iterator[Input]:
        """The cast's images where the model takes references beside what else is given."""
        shot = self.board.storyboard.shots[index]
        word = shot.model or self.board.storyboard.model
        family = row.family(word) if word in row.models else None
        room = family.reference_images if family else 0
        room -= len(shot.references.images) if shot.references else 0
        for name in prompt.cast:
            member = self.board.storyboard.cast[name]
            if not member.images:
                continue
            why = _carried(row, member.images)
            if framed or shot.last_frame:
                why = "a shot that starts on a frame takes no references"
            elif family is None or not family.reference_images:
                why = f"{word} takes no reference images"
            elif len(member.images) > room:
                why = f"{word} takes {family.reference_images} reference images"
            if why:
                self._tell_cast(index, name, why, required=member.required)
                continue
            room -= len(member.images)
            for image in member.images:
                try:
                    yield self._find(_IMAGE, image)
                except Unusable as error:
                    self.problem(("cast", name, "images"), error.message, error.remedy)
            self.note(index, f"the images of {name} are sent as references")

    def _tell_cast(self, index: int, name: str, why: str, *, required: bool) -> None:
        message = f"the images of {name} are not sent: {why}"
        if required:
            remedy = "Take a model with references and first_frame: none, or drop required."
            self.problem(("shots", index), message, remedy)
        else:
            self.note(index, message)


def _carried(row: Provider, images: tuple[str, ...]) -> str:
    """Why the wire format does not carry the images of a member; empty where it does."""
    dialect = DIALECTS[row.dialect]
    if any(not is_url(image) for image in images) and _IMAGE not in dialect.inlines:
        return f"{row.name} takes reference images by URL only"
    if any(is_url(image) for image in images) and _IMAGE not in dialect.links:
        return f"{row.name} takes reference images as files only"
    return ""
