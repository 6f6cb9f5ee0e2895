"""The Prefect task that joins the clips of a run into the film.

The joining itself is done in `assembly`, which the command line calls without Prefect as well. What
the store remembers of a film is in `store.films`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.board_film import make_film
from tasks.edit import InputFile
from tasks.planning.film_edit import build_edit
from tasks.retries import JOIN_RETRIES, retry_condition
from tasks.shots import StoredClip, report_task_bugs
from tasks.sound_report import SoundReport
from tasks.store.films import Conversions
from tasks.submission.context import current_context


@dataclass(frozen=True)
class JoinedFilm:
    """A film that is complete in the store."""

    file: str
    """Path relative to the store."""
    frames: int
    is_new: bool
    """True if this run joined it."""
    conversions: Conversions = ()
    sound: SoundReport | None = None
    rate: float = 24.0


@task(
    task_run_name="join {name}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=retry_condition,
    **JOIN_RETRIES,
)
@report_task_bugs
async def join_film(
    name: str, title: str, marker: str, clips: list[StoredClip], version: str | None = None
) -> JoinedFilm:
    """Join clips into a film in the store, unless the store has exactly this film.

    Args:
        name: Name of the film's file in the store, without suffix.
        title: Title of the film.
        marker: Written into the file, so that the board's own film can be recognised.
        clips: The clips in the order of the film.
        version: The name of the version; None for the film of the board itself.

    Raises:
        MediaError: A clip cannot be used.
        NotConfigured: ffmpeg is needed and was not found.
        StoreError: The film cannot be written.
    """
    context = current_context()
    # An absolute path, that of the board's own clip, replaces the store's folder.
    files = {
        clip.shot: InputFile(context.store.root / clip.file, clip.sha256, clip.frames)
        for clip in clips
    }
    plan = context.plan.version(version).plan if version else context.plan
    edit = build_edit(plan, files, title=title)
    film = await asyncio.to_thread(
        make_film, context.store, name, marker, edit, ffmpeg=context.ffmpeg
    )
    file = film.path.relative_to(context.store.root).as_posix()
    return JoinedFilm(file, film.frame_count, film.is_new, film.conversions, film.sound, film.rate)
