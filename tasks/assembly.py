"""Assembles a film: converts the clips that do not match, then joins all of them.

When it is needed, and where the film is kept, is decided in `board_film`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tasks.edit import EditClip, FilmEdit
from tasks.media.compatibility import choose_target, describe_conversion
from tasks.media.compositor import ClipPictures
from tasks.media.conform import conform
from tasks.media.ffmpeg_binary import find_ffmpeg
from tasks.media.join import JoinResult, PreparedFilm, join, prepare_film
from tasks.media.master import join_master
from tasks.media.probe import Clip, probe_with_timeline
from tasks.store import films
from tasks.store.atomic_files import digest_file
from tasks.store.edit_cache import EditCache
from tasks.store.films import WrittenFilm
from tasks.store.layout import Store

WORKERS = 2


def assemble(
    store: Store, edit: FilmEdit, film: Path, folder: Path, *, comment: str, ffmpeg: str | None
) -> WrittenFilm:
    """Write the film to exactly `film`.

    Args:
        store: The store with the encoded parts of earlier films.
        edit: Everything that the film is made of.
        film: The file to write.
        folder: An existing folder for temporary files and stems, on the same file system.
        comment: Written to the file's tags.
        ffmpeg: The configured ffmpeg program, if any.

    Raises:
        MediaError: A clip is missing, damaged or unusable, or the film can't be written.
        NotConfigured: A clip has to be converted, and there is no ffmpeg program.
        StoreError: The store can't be read.
    """
    films.require_unchanged_sounds(edit)
    cache = EditCache(store, folder)
    measured = _measure_clips(edit)
    target = choose_target([source.clip for source in measured], edit.picture)
    clips = [
        _conform(clip, source, target, edit, cache, ffmpeg)
        for clip, source in zip(edit.clips, measured, strict=True)
    ]
    result = _join(prepare_film(edit, clips), film, cache, folder, comment)
    cache.limit_size()
    conversions = tuple(
        describe_conversion(source.clip, target, edit.picture) for source in measured
    )
    return WrittenFilm(
        result.frames,
        conversions,
        result.encoded_frames,
        result.reused_spans,
        result.sound,
        {f".{stem.name}": stem for stem in result.stems},
    )


def _join(
    prepared: PreparedFilm, film: Path, cache: EditCache, folder: Path, comment: str
) -> JoinResult:
    if prepared.edit.picture.encodes_every_frame:
        return join_master(prepared, film, folder, comment=comment)
    return join(prepared, film, cache, folder, comment=comment)


def _measure_clips(edit: FilmEdit) -> list[ClipPictures]:
    """Return the measurements of each clip of an edit; a file that is shown twice is read once."""
    files = {clip.file: clip for clip in edit.clips}
    with ThreadPoolExecutor(WORKERS) as pool:
        measured = dict(zip(files, pool.map(_measure, files.values()), strict=True))
    return [measured[clip.file] for clip in edit.clips]


def _measure(clip: EditClip) -> ClipPictures:
    films.require_unchanged(clip)
    return ClipPictures(*probe_with_timeline(clip.file.path), clip.file.sha256)


def _conform(
    clip: EditClip,
    source: ClipPictures,
    target: Clip,
    edit: FilmEdit,
    cache: EditCache,
    ffmpeg: str | None,
) -> ClipPictures:
    """Return a clip that matches the film: itself, or converted now or for an earlier film."""

    def keep(key: str, make: Callable[[Path], None]) -> Path:
        return cache.get(key, "mp4", make).path

    path = conform(
        clip, source.clip, target, edit.picture, keep, find_ffmpeg=lambda: find_ffmpeg(ffmpeg)
    )
    if path == source.clip.path:
        return source
    return ClipPictures(*probe_with_timeline(path), digest_file(path))
