"""Assembles a film: converts the clips that do not match, then joins all of them.

Needs no Prefect: the task of the flow and the command line join by the same function.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tasks.errors import MediaError
from tasks.media.compatibility import choose_target, describe_conversion, find_mismatches
from tasks.media.convert import convert
from tasks.media.ffmpeg_binary import find_ffmpeg
from tasks.media.join import JoinInput, PreparedClip, join, prepare
from tasks.media.probe import Clip, probe
from tasks.store import films
from tasks.store.atomic_files import digest_file, staged_file
from tasks.store.films import Conversions, FilmClip, StoredFilm
from tasks.store.layout import Store
from tasks.store.temp_files import CONVERTED_FOLDER_INFIX

WORKERS = 2


class AssembledFilm(NamedTuple):
    """A film that was written."""

    frames: int
    conversions: Conversions


def make_film(
    store: Store, name: str, title: str, marker: str, clips: list[FilmClip], *, ffmpeg: str | None
) -> StoredFilm:
    """Return the film of exactly these clips, joined unless the store has it.

    Args:
        store: The store that keeps the film.
        name: Name of the film's file in the store, without suffix.
        title: Title of the film.
        marker: Written into the file, so that the board's own film can be recognised.
        clips: The clips in the order of the film.
        ffmpeg: The configured ffmpeg program, if any.

    Raises:
        MediaError: A clip is missing, damaged or unusable, or the film can't be written.
        NotConfigured: A clip has to be converted, and there is no ffmpeg program.
        StoreError: The film cannot be recorded.
    """
    identity = films.compute_film_identity(clips, title)
    kept = films.find_film(store, name, identity)
    if kept:
        return kept
    with staged_file(store.films_folder / f"{name}.mp4") as temp_path:
        film = assemble(clips, temp_path, title=title, comment=marker, ffmpeg=ffmpeg)
    return films.record_film(store, name, identity, film.frames, film.conversions)


def assemble(
    clips: Sequence[FilmClip], film: Path, *, title: str, comment: str, ffmpeg: str | None
) -> AssembledFilm:
    """Write the film to exactly `film`.

    Args:
        clips: The clips in the order of the film.
        film: The file to write.
        title: Written to the file's tags.
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
            probed = list(pool.map(_probe, clips))
            target = choose_target(probed)
            paths = _convert_mismatches(probed, target, Path(folder), ffmpeg)
            prepared = list(pool.map(_prepare, clips, paths))
        frames = join(prepared, film, title=title, comment=comment).frames
        return AssembledFilm(frames, tuple(describe_conversion(clip, target) for clip in probed))


def _probe(film_clip: FilmClip) -> Clip:
    """Probe a clip after checking that it is still the file that was stored."""
    try:
        is_unchanged = digest_file(film_clip.path) == film_clip.sha256
    except OSError as error:
        message = (
            f"the clip {film_clip.path} can't be read: {error.strerror}; run again to restore it"
        )
        raise MediaError(message) from error
    if not is_unchanged:
        message = (
            f"the clip of {film_clip.chapter_title} is damaged ({film_clip.path}), so no film was "
            "made; move it away with `shotchain verify --repair`, then run again"
        )
        raise MediaError(message)
    return probe(film_clip.path)


def _convert_mismatches(
    clips: Sequence[Clip], target: Clip, folder: Path, ffmpeg: str | None
) -> list[Path]:
    """Convert the clips that do not match, and return the paths of all clips to join."""
    paths = []
    for number, clip in enumerate(clips):
        path = clip.path
        if find_mismatches(clip, target):
            path = folder / f"{number}.mp4"
            convert(clip.path, target, path, ffmpeg=find_ffmpeg(ffmpeg))
        paths.append(path)
    return paths


def _prepare(clip: FilmClip, path: Path) -> PreparedClip:
    return prepare(JoinInput(path, clip.drop_last_frame, clip.chapter_title))
