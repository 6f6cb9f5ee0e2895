"""The ends of clips at chained seams, encoded while the vendor renders other shots.

The film leaves out the last frame of such a clip, and frames before it may refer to that one, so
that they are encoded again. This only saves time: the join encodes what the store does not have.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

from tasks.edit import EditClip, FilmEdit, InputFile
from tasks.errors import MediaError, StoreError
from tasks.plan import Plan, PlannedShot
from tasks.store.layout import Store


def drops_last_frame(plan: Plan, shot: PlannedShot) -> bool:
    """Return whether the film of a plan surely leaves out the last frame of a shot's clip.

    False also if the clip is converted for the film in any case.
    """
    film, following = plan.board.storyboard.film, shot.index + 1
    if following >= len(plan.shots) or not plan.is_seam(following):
        return False
    join = plan.shots[following].shot.transition or film.join
    return join == "cut" and film.codec in ("h264", "keep") and shot.used_ranges[-1].take is None


def encode_tail(store: Store, path: Path, sha256: str) -> None:
    """Encode the end of a clip whose last frame is left out, unless the store has it.

    Without effect if the clip can't be in a film unchanged, or the store can't be written.

    Args:
        store: The store that keeps the result.
        path: The clip.
        sha256: The digest of its content.
    """
    # av and numpy take long to import.
    from tasks.media.compositor import ClipPictures
    from tasks.media.join import encode_spans, prepare_film
    from tasks.media.probe import probe_with_timeline
    from tasks.store.edit_cache import EditCache

    clip = EditClip(InputFile(path, sha256), path.stem, None, drop_last_frame=True)
    with suppress(MediaError, StoreError, OSError), tempfile.TemporaryDirectory() as folder:
        film = prepare_film(FilmEdit((clip,)), [ClipPictures(*probe_with_timeline(path), sha256)])
        if film.spans:
            encode_spans(film, EditCache(store, Path(folder)))
