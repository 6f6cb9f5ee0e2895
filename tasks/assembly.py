"""Assembles a film: converts the clips that do not match, then joins all of them.

When it is needed, and where the film is kept, is decided in `board_film`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tasks.edit import EditClip, FilmEdit
from tasks.media.compatibility import choose_target, describe_conversion
from tasks.media.conform import conform
from tasks.media.ffmpeg_binary import find_ffmpeg
from tasks.media.join import JoinInput, PreparedClip, join, prepare
from tasks.media.probe import Clip, probe
from tasks.store import films
from tasks.store.films import Conversions
from tasks.store.temp_files import CONVERTED_FOLDER_INFIX

WORKERS = 2


class AssembledFilm(NamedTuple):
    """A film that was written."""

    frames: int
    conversions: Conversions


def assemble(edit: FilmEdit, film: Path, *, comment: str, ffmpeg: str | None) -> AssembledFilm:
    """Write the film to exactly `film`.

    Args:
        edit: Everything that the film is made of.
        film: The file to write.
        comment: Written to the file's tags.
        ffmpeg: The configured ffmpeg program, if any.

    Raises:
        MediaError: A clip is missing, damaged or unusable, or the film can't be written.
        NotConfigured: A clip has to be converted, and there is no ffmpeg program.
    """
    with tempfile.TemporaryDirectory(
        dir=film.parent, prefix=f"{film.name}{CONVERTED_FOLDER_INFIX}"
    ) as folder:
        with ThreadPoolExecutor(WORKERS) as pool:
            probed = list(pool.map(_probe, edit.clips))
            target = choose_target(probed, edit.picture)
            paths = _conform_clips(edit, probed, target, Path(folder), ffmpeg)
            prepared = list(pool.map(_prepare, edit.clips, paths))
        frames = join(prepared, film, title=edit.title, comment=comment).frames
        conversions = tuple(describe_conversion(clip, target, edit.picture) for clip in probed)
        return AssembledFilm(frames, conversions)


def _probe(clip: EditClip) -> Clip:
    films.require_unchanged(clip)
    return probe(clip.file.path)


def _conform_clips(
    edit: FilmEdit, clips: Sequence[Clip], target: Clip, folder: Path, ffmpeg: str | None
) -> list[Path]:
    """Convert the clips that do not match, and return the paths of all clips to join."""

    def keep(key: str, make: Callable[[Path], None]) -> Path:
        path = folder / f"{key}.mp4"
        if not path.exists():
            make(path)
        return path

    return [
        conform(
            edit_clip, clip, target, edit.picture, keep, find_ffmpeg=lambda: find_ffmpeg(ffmpeg)
        )
        for edit_clip, clip in zip(edit.clips, clips, strict=True)
    ]


def _prepare(clip: EditClip, path: Path) -> PreparedClip:
    return prepare(JoinInput(path, clip.drop_last_frame, clip.chapter_title or clip.shot))
