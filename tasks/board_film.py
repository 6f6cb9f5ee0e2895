"""The film of a board: as the store has it, with other titles, or joined anew.

Needs no Prefect: the task of the flow and the command line call the same function.
"""

from __future__ import annotations

from pathlib import Path

from tasks.store import films
from tasks.store.atomic_files import staged_file
from tasks.store.films import Conversions, FilmClip, StoredFilm
from tasks.store.layout import Store


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
        frames, conversions = _retitle(store, name, title, marker, clips, temp_path) or _assemble(
            title, marker, clips, temp_path, ffmpeg
        )
    content = films.compute_content_identity(clips)
    return films.record_film(store, name, identity, frames, conversions, content=content)


def _retitle(
    store: Store, name: str, title: str, marker: str, clips: list[FilmClip], film: Path
) -> tuple[int, Conversions] | None:
    """Write the stored film with these titles, if only its titles differ; else return None."""
    stored = films.find_film_of_clips(store, name, clips)
    if stored is None:
        return None
    # av takes long to import.
    from tasks.media.retitle import retitle

    for clip in clips:
        films.require_unchanged(clip)
    titles = [clip.chapter_title for clip in clips]
    if not retitle(stored.path, film, title=title, comment=marker, chapter_titles=titles):
        return None
    return stored.frame_count, stored.conversions


def _assemble(
    title: str, marker: str, clips: list[FilmClip], film: Path, ffmpeg: str | None
) -> tuple[int, Conversions]:
    # numpy takes longer to import than a film takes to be written with other titles.
    from tasks.assembly import assemble

    return assemble(clips, film, title=title, comment=marker, ffmpeg=ffmpeg)
