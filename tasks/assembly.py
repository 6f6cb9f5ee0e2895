"""From clips to the film: what disagrees is fitted by rule, then all are joined frame for frame."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tasks.errors import MediaError
from tasks.media.compatibility import choose_target, find_mismatches, find_obstacles
from tasks.media.convert import convert
from tasks.media.ffmpeg_binary import find_ffmpeg
from tasks.media.join import JoinInput, PreparedClip, join, prepare
from tasks.media.probe import Clip, probe
from tasks.store.atomic_files import digest_file
from tasks.store.films import FilmClip
from tasks.store.temp_files import CONVERTED_FOLDER_INFIX

WORKERS = 2


def assemble(
    pieces: Sequence[FilmClip], film: Path, *, title: str, comment: str, ffmpeg: str | None
) -> int:
    """Write the film to exactly that path and return its frames.

    Raises MediaError where a clip can't be used, NotConfigured where ffmpeg is needed and missing.
    """
    with tempfile.TemporaryDirectory(
        dir=film.parent, prefix=f"{film.name}{CONVERTED_FOLDER_INFIX}"
    ) as folder:
        with ThreadPoolExecutor(WORKERS) as pool:
            clips = list(pool.map(_probe, pieces))
            paths = _fitted(clips, Path(folder), ffmpeg)
            prepared: list[PreparedClip] = list(
                pool.map(
                    lambda piece, path: prepare(
                        JoinInput(path, piece.drop_last_frame, piece.chapter_title)
                    ),
                    pieces,
                    paths,
                )
            )
        return join(prepared, film, title=title, comment=comment).frames


def _probe(piece: FilmClip) -> Clip:
    """Look at a clip, once it is sure that it is still the one that was kept."""
    try:
        same = digest_file(piece.path) == piece.sha256
    except OSError as error:
        msg = f"the clip {piece.path} can't be read: {error.strerror}; run again to bring it back"
        raise MediaError(msg) from error
    if not same:
        msg = (
            f"the clip of {piece.chapter_title} is damaged ({piece.path}): no film is made of it; "
        )
        raise MediaError(msg + "`shotchain verify --repair` puts it aside, then run again")
    return probe(piece.path)


def _fitted(clips: Sequence[Clip], folder: Path, ffmpeg: str | None) -> list[Path]:
    """Where each clip lies that can be joined: itself, or what was made to fit."""
    like = choose_target(clips)
    paths = []
    for number, clip in enumerate(clips):
        if not find_obstacles(clip) and not find_mismatches(clip, like):
            paths.append(clip.path)
            continue
        out = folder / f"{number}.mp4"
        convert(clip.path, like, out, ffmpeg=find_ffmpeg(ffmpeg))
        paths.append(out)
    return paths
