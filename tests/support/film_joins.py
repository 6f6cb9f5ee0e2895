"""Joins clips in tests: an edit from files, and the film of an edit."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.edit import EditClip, FilmEdit, InputFile
from tasks.media.compositor import ClipPictures
from tasks.media.join import JoinResult, PreparedFilm, join, prepare_film
from tasks.media.probe import probe_with_timeline
from tasks.store.edit_cache import EditCache
from tasks.store.layout import Store


def make_clip(path: Path, **options: Any) -> EditClip:
    """Return a clip of an edit: by default the whole file, as a chapter."""
    file = InputFile(path, hashlib.sha256(path.read_bytes()).hexdigest())
    return replace(EditClip(file, path.stem, path.stem), **options)


def chain_edit(clips: Sequence[Path], *, chained: bool = True, **options: Any) -> FilmEdit:
    """Return the edit of clips that are all chained, or not chained at all."""
    last = len(clips) - 1
    return FilmEdit(
        tuple(
            make_clip(clip, drop_last_frame=chained and k < last, chapter_title=f"Shot {k}")
            for k, clip in enumerate(clips)
        ),
        **options,
    )


def prepare_edit(edit: FilmEdit) -> PreparedFilm:
    """Measure the clips of an edit and prepare its film."""
    clips = [
        ClipPictures(*probe_with_timeline(clip.file.path), clip.file.sha256) for clip in edit.clips
    ]
    return prepare_film(edit, clips)


def join_edit(
    edit: FilmEdit, film: Path, *, store: Path | None = None, **options: Any
) -> JoinResult:
    """Join the film of an edit, with encoded spans in `store`, or else in a temporary store."""
    return join_prepared(prepare_edit(edit), film, store=store, **options)


def join_prepared(
    prepared: PreparedFilm, film: Path, *, store: Path | None = None, **options: Any
) -> JoinResult:
    """Join a prepared film."""
    with tempfile.TemporaryDirectory() as folder:
        cache = EditCache(Store(store or Path(folder, "store")), Path(folder))
        return join(prepared, film, cache, Path(folder), **options)
