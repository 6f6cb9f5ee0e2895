"""Checks of the user's own clips and sounds before anything is paid: each is decoded once, whole.

What a header shows is checked by `planning`. Clips that were rendered are checked when they are
downloaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from storyboards.problems import Problem
from storyboards.prompts import expand_variables
from tasks.edit import InputFile
from tasks.errors import MediaError
from tasks.plan import ExistingClip, Plan, PlannedShot, PlannedVersion, ShotToRender
from tasks.planning.film_files import FileKind, list_film_files
from tasks.store.atomic_files import digest_bytes
from tasks.store.checked_clips import CheckedClip, find_checked_clip, record_checked_clip
from tasks.store.layout import Store

_REMEDY = "Copy or export the clip again."
# Slow machines decode a tenth of real time; a clip is refused only if the program seems to hang.
_MIN_DEADLINE_SECONDS, _DEADLINE_FACTOR = 600, 20


class _OwnFile(NamedTuple):
    """A clip of the user, and its place in the board."""

    path: Path
    reference: str
    """The file as written."""
    digest: str
    """A digest that depends on the content."""
    keys: tuple[str | int, ...]
    duration_seconds: float
    out_points: tuple[int, ...] = ()
    """The frames, not the last, that shots to pay for start on."""


def find_clip_problems(
    plan: Plan,
    shots: tuple[PlannedShot, ...],
    pending: tuple[ShotToRender, ...],
    store: Store,
    *,
    ffmpeg: str | None,
    on_check: Callable[[str], None] = lambda _: None,
) -> Iterator[Problem]:
    """Yield the problems of the clips that the film or a shot to pay for needs.

    Args:
        plan: The plan of the board.
        shots: The shots of this run.
        pending: Those of them that will be rendered.
        store: The store that keeps the results.
        ffmpeg: The configured ffmpeg program, if any.
        on_check: Called with the name of each clip that has to be decoded.

    Raises:
        NotConfigured: A clip is in HDR, and ffmpeg can't convert it.
    """
    for shot in shots:
        if isinstance(shot, ExistingClip):
            _require_conversion(shot, ffmpeg)
    for file in dict.fromkeys(_list_files(shots, pending)):
        message, remedy, checked = "", _REMEDY, None
        try:
            checked = _check_once(file, store, ffmpeg=ffmpeg, on_check=on_check)
        except MediaError as error:
            message = f"{file.reference} {str(error).removeprefix(f'{file.path} ')}"
        if checked:
            shot = plan.shots[int(file.keys[1])]
            message, remedy = _find_black_start(shot, file, checked, pending) or (message, remedy)
        if message:
            yield plan.board.problem(file.keys, message, remedy)


def find_sound_problems(
    plan: Plan,
    versions: Iterable[PlannedVersion],
    store: Store,
    *,
    on_check: Callable[[str], None] = lambda _: None,
) -> Iterator[Problem]:
    """Yield the problems of the music and the voices of the films that a run makes.

    Args:
        plan: The plan of the board.
        versions: The versions that are made beside its film.
        store: The store that keeps the results.
        on_check: Called with the name of each file that has to be decoded.
    """
    checked: set[str] = set()
    for film, version in [(plan, None), *((version.plan, version) for version in versions)]:
        for named in list_film_files(film.board.storyboard):
            if named.kind not in (FileKind.MUSIC, FileKind.VOICE):
                continue
            reference = expand_variables(film.board.storyboard, named.reference)
            file = plan.film_files[reference]
            if file.sha256 in checked:
                continue
            checked.add(file.sha256)
            if message := _find_damage(file, reference, store, on_check):
                problem = film.board.problem(named.path, message, "Export the sound again.")
                yield version.relocate(problem, plan.board) if version else problem


def _find_damage(
    file: InputFile, reference: str, store: Store, on_check: Callable[[str], None]
) -> str:
    """Return what is wrong with a sound file, or an empty text; each content is decoded once."""
    digest = digest_bytes(f"sound {file.sha256}".encode())
    if find_checked_clip(store, digest):
        return ""
    on_check(reference)
    # av and numpy take long to import, and the files of most runs were checked before.
    from tasks.media.audio.files import verify_audio

    try:
        verify_audio(file.path)
    except MediaError as error:
        return f"{reference} {str(error).removeprefix(f'{file.path} ')}"
    record_checked_clip(store, digest, CheckedClip(ends_black=False))
    return ""


def _find_black_start(
    shot: PlannedShot, file: _OwnFile, checked: CheckedClip, pending: tuple[ShotToRender, ...]
) -> tuple[str, str] | None:
    """Return message and remedy if a shot to pay for starts on a black frame of a clip."""
    for following in pending:
        if following.continues != shot.id or following.continues_clip:
            continue
        number = following.continues_frame
        ending, remedy = "ends on black", "Cut its end off"
        if number is not None:
            ending, remedy = f"is black at frame {number}", "Move the out point in `use`"
        if checked.black_at.get(number) if number is not None else checked.ends_black:
            return (
                f"{file.reference} {ending}, and {following.id} would start from it",
                f"{remedy}, or set first_frame: none on {following.id}.",
            )
    return None


def _require_conversion(shot: ExistingClip, ffmpeg: str | None) -> None:
    if shot.measured.is_hdr:
        # Runs ffmpeg, and imports av, which most runs do not need here.
        from tasks.media.convert import require_tone_mapping
        from tasks.media.ffmpeg_binary import find_ffmpeg

        require_tone_mapping(find_ffmpeg(ffmpeg), shot.clip_path)


def _list_files(
    shots: tuple[PlannedShot, ...], pending: tuple[ShotToRender, ...]
) -> Iterator[_OwnFile]:
    for shot in shots:
        if isinstance(shot, ExistingClip):
            yield _OwnFile(
                shot.clip_path,
                shot.shot.clip or "",
                shot.key,
                ("shots", shot.index, "clip"),
                shot.measured.duration_seconds,
                _list_out_points(shot, pending),
            )
    for shot in pending:
        for source in shot.inputs:
            if source.role == "reference_video" and source.path:
                yield _OwnFile(
                    source.path,
                    source.path.name,
                    source.identity,
                    ("shots", shot.index, "references"),
                    source.duration_seconds or 0,
                )


def _list_out_points(shot: ExistingClip, pending: tuple[ShotToRender, ...]) -> tuple[int, ...]:
    numbers = (other.continues_frame for other in pending if other.continues == shot.id)
    return tuple(sorted({number for number in numbers if number is not None}))


def _check_once(
    file: _OwnFile, store: Store, *, ffmpeg: str | None, on_check: Callable[[str], None]
) -> CheckedClip:
    earlier = find_checked_clip(store, file.digest)
    if earlier and earlier.black_at.keys() >= set(file.out_points):
        return earlier
    # av and numpy take long to import, and the clips of most runs were checked before.
    from tasks.media.frames import is_black, last_frame, read_frame

    checked = earlier
    if checked is None:
        on_check(file.reference)
        _verify(file)
        checked = CheckedClip(ends_black=is_black(last_frame(file.path, ffmpeg=ffmpeg)))
    black_at = {
        number: is_black(read_frame(file.path, number, ffmpeg=ffmpeg))
        for number in file.out_points
        if number not in checked.black_at
    }
    checked = checked._replace(black_at={**checked.black_at, **black_at})
    record_checked_clip(store, file.digest, checked)
    return checked


def _verify(file: _OwnFile) -> None:
    from tasks.media.probe import verify

    deadline_seconds = max(_MIN_DEADLINE_SECONDS, _DEADLINE_FACTOR * file.duration_seconds)
    verify(file.path, deadline_seconds=deadline_seconds, requires_one_size=True)
