"""Measures clips, each of them once, and compares the frames that should be the same picture.

Few frames are in memory: those of clips that wait for the clip that starts on them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from tasks.edit import InputFile
from tasks.errors import MediaError
from tasks.quality import ClipMeasures, find_frame
from tasks.store.atomic_files import digest_file
from tasks.store.layout import Store
from tasks.store.measured_clips import (
    find_difference,
    find_measures,
    record_difference,
    record_measures,
)

if TYPE_CHECKING:
    # Loads numpy.
    from tasks.media.quality.measure import Plane

LAST_FRAME = -1
"""The number of a clip's last frame, whose number is not known before it is measured."""

_DEADLINE_SECONDS = 1800
_DAMAGED = "is not the file that was stored; `shotchain verify --repair` puts it aside"

OnClip = Callable[[str, int, int], None]
"""Called with the shot and its number among `total` clips before a clip is decoded."""


class Link(NamedTuple):
    """A frame of a clip that another clip starts on: both pictures should be the same."""

    before: str
    """Id of the shot that the frame is of."""
    file: InputFile
    frame: int
    """Its number in the clip; -1 is the last."""
    after: str
    other: InputFile

    @property
    def name(self) -> tuple[str, int]:
        """The digest of the clip and the number of the frame."""
        return self.file.sha256, self.frame


class ClipMeasurer:
    """Measures each clip once and compares linked frames as soon as both are decoded.

    Args:
        store: The store that keeps the measures.
        links: The frames to compare.
        on_clip: See `OnClip`.
        reads_clips: False to use only what was measured before.
    """

    def __init__(
        self,
        store: Store,
        links: Sequence[Link],
        on_clip: OnClip = lambda *_: None,
        *,
        reads_clips: bool = True,
    ) -> None:
        self._store, self._on_clip, self._reads_clips = store, on_clip, reads_clips
        self.measures: dict[str, ClipMeasures] = {}
        self.errors: dict[str, str] = {}
        self.differences: dict[Link, float] = {}
        for link in links:
            difference = find_difference(store, link.name, link.other.sha256)
            if difference is not None:
                self.differences[link] = difference
        self._pending = [link for link in links if link not in self.differences]
        self._lumas: dict[tuple[str, int], Plane] = {}

    def measure(self, files: Sequence[tuple[str, InputFile]]) -> None:
        """Measure the clips, each with the id of its shot."""
        for number, (shot_id, file) in enumerate(files, start=1):
            digest = file.sha256
            measures = find_measures(self._store, digest)
            if measures:
                self.measures[digest] = measures
            wanted = self._wanted_frames(digest)
            if not self._reads_clips or (measures and not wanted):
                continue
            self._on_clip(shot_id, number, len(files))
            try:
                self._read(file, wanted, is_measured=measures is not None)
            except MediaError as error:
                self.errors[digest] = str(error).removeprefix(f"{file.path} ")
            self._compare()

    def _wanted_frames(self, digest: str) -> set[int]:
        frames = {link.frame for link in self._pending if link.file.sha256 == digest}
        starts = {0 for link in self._pending if link.other.sha256 == digest}
        return frames | starts

    def _read(self, file: InputFile, wanted: set[int], *, is_measured: bool) -> None:
        """Decode a clip: all of it, or only the frames that are compared.

        Raises:
            MediaError: The clip is damaged.
        """
        # Loads numpy and av; a board that was measured before needs neither.
        from tasks.media.quality.measure import measure_clip, read_lumas

        with suppress(OSError):
            if digest_file(file.path) != file.sha256:
                msg = f"{file.path} {_DAMAGED}"
                raise MediaError(msg)
        if is_measured:
            lumas = read_lumas(file.path, wanted)
        else:
            measured = measure_clip(file.path, keep=wanted, deadline_seconds=_DEADLINE_SECONDS)
            self.measures[file.sha256], lumas = measured
            record_measures(self._store, file.sha256, measured.measures)
        frames = self.measures[file.sha256].frames
        for number in wanted:
            self._lumas[file.sha256, number] = lumas[find_frame(number, frames)]

    def _compare(self) -> None:
        """Compare the links whose frames are both there, and forget frames of no other link."""
        from tasks.media.quality.measure import compare_lumas

        for link in list(self._pending):
            before = self._lumas.get(link.name)
            after = self._lumas.get((link.other.sha256, 0))
            if before is not None and after is not None:
                difference = compare_lumas(before, after)
                self.differences[link] = difference
                record_difference(self._store, link.name, link.other.sha256, difference)
                self._pending.remove(link)
        needed = {link.name for link in self._pending}
        needed |= {(link.other.sha256, 0) for link in self._pending}
        self._lumas = {name: luma for name, luma in self._lumas.items() if name in needed}
