"""The film of a board: as the store has it, with other titles, or joined anew.

Needs no Prefect: the task of the flow and the command line call the same function.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.edit import STEM_SUFFIXES, FilmEdit, list_used_ranges
from tasks.film_rates import find_rate
from tasks.store import films
from tasks.store.atomic_files import staged_file
from tasks.store.films import StoredFilm, WrittenFilm
from tasks.store.layout import Store
from tasks.store.side_files import move_side_files, read_side_files, write_side_files
from tasks.store.temp_files import CONVERTED_FOLDER_INFIX


def make_film(
    store: Store, name: str, marker: str, edit: FilmEdit, *, ffmpeg: str | None
) -> StoredFilm:
    """Return the film of an edit, joined unless the store has it.

    Args:
        store: The store that keeps the film.
        name: Name of the film's file in the store, without suffix.
        marker: Written into the file, so that the board's own film can be recognised.
        edit: Everything that the film is made of.
        ffmpeg: The configured ffmpeg program, if any.

    Raises:
        MediaError: A clip is missing, damaged or unusable, or the film can't be written.
        NotConfigured: A clip has to be converted, and there is no ffmpeg program.
        StoreError: The film cannot be recorded.
    """
    identity = edit.identity()
    kept = films.find_film(store, name, identity)
    if kept:
        return kept
    path = store.films_folder / f"{name}{edit.picture.suffix}"
    with ExitStack() as stack:
        with staged_file(path) as temp_path:
            prefix = f"{temp_path.name}{CONVERTED_FOLDER_INFIX}"
            folder = stack.enter_context(TemporaryDirectory(dir=path.parent, prefix=prefix))
            written = _retitle(store, name, marker, edit, temp_path) or _assemble(
                store, marker, edit, temp_path, Path(folder), ffmpeg
            )
        # After the film, so that a film that can't be made leaves the stems of the one before.
        stems = move_side_files(path, written.new_stems)
    captions = _write_captions(path, edit, written.frames)
    film = films.record_film(
        store,
        name,
        identity,
        written.frames,
        written.conversions,
        content=edit.content_identity(),
        picture=edit.picture,
        side_files={**captions, **written.kept_stems, **stems},
        sound=written.sound,
        used_ranges=list_used_ranges(edit),
    )
    return film._replace(encoded_frames=written.encoded_frames, reused_spans=written.reused_spans)


def _write_captions(film: Path, edit: FilmEdit, frames: int) -> dict[str, str]:
    """Write the captions beside a film in the store, and return their digests by suffix."""
    if edit.captions is None:
        return {}
    # Films without captions do not need their patterns, which take 4 ms of a join.
    from tasks.media.titles.captions import format_sidecars

    rate = find_rate(edit.picture.rate)
    contents = format_sidecars(edit.captions, rate.count_source_frames(frames), rate)
    return write_side_files(film, {suffix: text.encode() for suffix, text in contents.items()})


def _retitle(
    store: Store, name: str, marker: str, edit: FilmEdit, film: Path
) -> WrittenFilm | None:
    """Write the stored film with these titles, if only its titles differ; else return None."""
    stored = films.find_film_of_content(store, name, edit)
    if stored is None:
        return None
    # av takes long to import.
    from tasks.media.retitle import retitle

    for clip in edit.clips:
        films.require_unchanged(clip)
    titles = [clip.chapter_title for clip in edit.clips if clip.chapter_title is not None]
    is_written = retitle(
        stored.path,
        film,
        title=edit.title,
        comment=marker,
        chapter_titles=titles,
        suffix=edit.picture.suffix,
        rate=find_rate(edit.picture.rate),
    )
    if not is_written:
        return None
    side_files = read_side_files(stored.path)
    stems = {suffix: digest for suffix, digest in side_files.items() if suffix in STEM_SUFFIXES}
    return WrittenFilm(stored.frame_count, stored.conversions, sound=stored.sound, kept_stems=stems)


def _assemble(
    store: Store, marker: str, edit: FilmEdit, film: Path, folder: Path, ffmpeg: str | None
) -> WrittenFilm:
    # numpy takes longer to import than a film takes to be written with other titles.
    from tasks.assembly import assemble

    return assemble(store, edit, film, folder, comment=marker, ffmpeg=ffmpeg)
