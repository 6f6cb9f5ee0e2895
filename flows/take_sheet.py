"""The contact sheet of takes: its rows, their text, and its name.

It is drawn by `tasks.media.contact_sheet` and written by `tasks.store.sheet_files`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from itertools import count, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from flows.board_takes import (
    BoardTakes,
    ShotTakes,
    describe_price_of_take,
    describe_state,
    describe_used_ranges,
    duration_of_take,
    find_family,
)
from storyboards.board import Board
from storyboards.models import Quality
from tasks.edit import EditClip, InputFile
from tasks.errors import UsageError
from tasks.planning.media_files import MediaInputError, resolve_file
from tasks.quality import ShotQuality
from tasks.quality_faults import find_shot_faults
from tasks.store.measured_clips import find_measures
from tasks.store.receipts import AT_VENDOR_STATES, UNCLEAR_STATES, AttemptState
from tasks.store.sheet_files import check_replaceable, write_pages
from tasks.store.takes import RecordedTake

if TYPE_CHECKING:
    # Loads av and Pillow, which the list of takes does not need.
    from tasks.media.contact_sheet import SheetGroup, SheetRow

SHEET_FORMAT_VERSION = 1
"""Part of the digest: another number lets every sheet be drawn again."""

OnTake = Callable[[str, int, int], None]
"""Called with the shot and its number among `total` rows, before a row is drawn."""

_MAX_LETTERS = 8
_WORDS_BEFORE_CHANGE = 4
_MAX_ID_BYTES = 60
"""Of a shot's id in a file name: file systems take 255 bytes, and the board's name takes 120."""


def default_sheet_path(takes: BoardTakes, shot_id: str | None) -> Path:
    """Return where the sheet of a board or a shot is put, relative to the working directory."""
    name = takes.board.name
    if shot_id:
        name += "." + shot_id.encode()[:_MAX_ID_BYTES].decode(errors="ignore")
    return Path("films") / f"{name}.takes.png"


def resolve_sheet_path(path: Path, *, is_explicit: bool) -> Path:
    """Return the absolute path of a sheet; only folders that the user named may be links.

    Raises:
        UsageError: The name does not end in `.png`.
    """
    if path.suffix.lower() != ".png":
        msg = f"{path} does not end in .png; name a PNG file, and write SHOT before --sheet"
        raise UsageError(msg)
    if not is_explicit:
        return Path.cwd().resolve() / path
    return path.absolute().parent.resolve() / path.name


def draw_sheet(
    takes: BoardTakes,
    path: Path,
    *,
    ffmpeg: str | None = None,
    on_take: OnTake = lambda *_: None,
) -> list[Path]:
    """Draw the contact sheet of takes and return the files of its pages.

    Args:
        takes: The takes.
        path: The file of the first page, see `resolve_sheet_path`.
        ffmpeg: The configured ffmpeg program, if any; only HDR needs one.
        on_take: See `OnTake`.

    Raises:
        UsageError: A file that is not a contact sheet would be replaced, or can't be written.
    """
    from tasks.media.contact_sheet import draw_pages

    groups, digest = build_groups(takes), digest_sheet(takes)
    total, numbers = sum(len(group.rows) for group in groups), count(1)

    def on_row(group: SheetGroup, _: SheetRow) -> None:
        on_take(group.heading, next(numbers), total)

    # Before the work, which may take a minute.
    check_replaceable(path)
    pages = draw_pages(sheet_title(takes.board), groups, ffmpeg=ffmpeg, on_row=on_row)
    return write_pages(pages, path, digest)


def sheet_title(board: Board) -> str:
    """Return the title of the sheet of a board."""
    return f"{board.storyboard.title or board.name}: takes"


def digest_sheet(takes: BoardTakes) -> str:
    """Return a digest of what a sheet shows; another state of the takes has another digest."""
    content = [
        [*group._replace(rows=()), *map(_row_content, group.rows)] for group in build_groups(takes)
    ]
    parts = [SHEET_FORMAT_VERSION, sheet_title(takes.board), content]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _row_content(sheet_row: SheetRow) -> list[object]:
    return [*sheet_row._replace(clip=None), _file_state(sheet_row.clip)]


def _file_state(path: Path | None) -> list[int]:
    """Return values that change if a file is replaced."""
    if path is None:
        return []
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def build_groups(takes: BoardTakes) -> list[SheetGroup]:
    """Return a group of rows for each shot, in the order of the film."""
    return [_build_group(takes, shot_takes) for shot_takes in takes.shots]


def _build_group(takes: BoardTakes, shot_takes: ShotTakes) -> SheetGroup:
    from tasks.media.contact_sheet import SheetGroup

    shot = shot_takes.shot
    rows = [_take_row(takes, shot_takes, recorded) for recorded in shot_takes.takes]
    if shot.clip:
        rows.append(_own_clip_row(takes.board, shot.clip, _describe_used(shot_takes, None)))
    elif rows and not shot_takes.has_present_take:
        rows.append(_missing_take_row(shot.take))
    prompts = {recorded.take.prompt for recorded in shot_takes.takes}
    shared = shot.prompt if not prompts else prompts.pop() if len(prompts) == 1 else ""
    rows = _shorten_prompts(rows, is_shared=bool(shared))
    return SheetGroup(_heading(shot_takes), _remark(shot_takes), shared or "", tuple(rows))


def _shorten_prompts(rows: Sequence[SheetRow], *, is_shared: bool) -> list[SheetRow]:
    """Return the rows with each prompt once; later ones begin near what was changed in them."""
    shown: list[SheetRow] = []
    takes_by_prompt: dict[str, str] = {}
    previous = ""
    for sheet_row in rows:
        prompt, text = sheet_row.prompt, ""
        if prompt and not is_shared:
            same = takes_by_prompt.setdefault(prompt, sheet_row.label)
            is_new = same == sheet_row.label
            text = _from_change(prompt, previous) if is_new else f"prompt of {same}"
            previous = prompt
        shown.append(sheet_row._replace(prompt=text))
    return shown


def _from_change(prompt: str, previous: str) -> str:
    """Return a prompt from a few words before the first change on, if that is not its beginning."""
    parts = prompt.split()
    pairs = zip(parts, previous.split(), strict=False)
    equal = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    start = equal - _WORDS_BEFORE_CHANGE
    return prompt if start <= _WORDS_BEFORE_CHANGE else " ".join(["…", *parts[start:]])


def find_undrawable(takes: BoardTakes) -> str:
    """Return letters of the ids that no font of this machine has; empty if all can be drawn."""
    from tasks.media.lettering import is_drawable

    letters = dict.fromkeys(letter for shot_takes in takes.shots for letter in shot_takes.id)
    return "".join(letter for letter in letters if not is_drawable(letter))[:_MAX_LETTERS]


def _heading(shot_takes: ShotTakes) -> str:
    """Return number, id and title of a shot; `shot 3` if no font here has the letters of its id."""
    from tasks.media.lettering import is_drawable, keep_drawable

    shot, number = shot_takes.shot, shot_takes.number
    name = (
        f"{number}  {shot_takes.id}" if all(map(is_drawable, shot_takes.id)) else f"shot {number}"
    )
    title = keep_drawable(shot.chapter_title if isinstance(shot.title, str) else "")
    return f"{name}  ·  {title}" if title else name


def _remark(shot_takes: ShotTakes) -> str:
    number = len(shot_takes.takes)
    if not number:
        return "a file" if shot_takes.shot.clip else "not rendered yet"
    present = "" if shot_takes.shot.clip else f" · present: take {shot_takes.shot.take}"
    return f"{number} takes{present}" if number > 1 else "1 take"


def _take_row(takes: BoardTakes, shot_takes: ShotTakes, recorded: RecordedTake) -> SheetRow:
    from tasks.media.contact_sheet import SheetRow

    attempt, seconds = recorded.attempt, duration_of_take(recorded)
    is_present = shot_takes.is_present(recorded) and not shot_takes.shot.clip
    price = describe_price_of_take(recorded)
    state = [describe_state(recorded), "price unknown" if price == "unknown" else price]
    seed = [] if attempt.seed is None else [f"seed {attempt.seed}"]
    return SheetRow(
        f"take {recorded.take.number}",
        (
            " · ".join([*state, *([] if seconds is None else [f"{seconds:.1f} s"])]),
            f"{attempt.provider} · {find_family(attempt.model) or attempt.model}",
            " · ".join([*seed, attempt.intended_at[:10]]),
            *_describe_used(shot_takes, recorded),
            *_describe_quality(takes, recorded),
        ),
        recorded.clip_path,
        "" if recorded.clip_path else _reason_without_clip(recorded),
        recorded.take.prompt or "",
        "present" if is_present else "",
    )


def _reason_without_clip(recorded: RecordedTake) -> str:
    state = recorded.attempt.state
    if state in AT_VENDOR_STATES:
        return "the vendor has its job; `shotchain render` downloads the clip"
    if state in UNCLEAR_STATES:
        return "it is unclear if the vendor has a job; `shotchain plan` shows what to do"
    if state is AttemptState.CLEANED:
        day = (recorded.attempt.cleaned_at or "")[:10]
        return f"the clip was removed by `shotchain clean` on {day}"
    if state is AttemptState.LOST:
        return "neither the vendor nor the store has the clip"
    return "the clip is missing from the store"


def _missing_take_row(number: int) -> SheetRow:
    from tasks.media.contact_sheet import SheetRow

    reason = "the board requests this take, and it is not rendered yet"
    return SheetRow(f"take {number}", ("not rendered yet",), None, reason, badge="present")


def _describe_used(shot_takes: ShotTakes, recorded: RecordedTake | None) -> tuple[str, ...]:
    """Return a line for the ranges of a take that the film shows, if the board has ranges."""
    used = describe_used_ranges(shot_takes.list_used_ranges(recorded))
    return (f"used: {used}",) if used and shot_takes.shot.use else ()


def _describe_quality(takes: BoardTakes, recorded: RecordedTake) -> tuple[str, ...]:
    """Return a line for what exceeds the limits of the board in a take that `qc` has measured."""
    clip = recorded.attempt.clip
    measures = find_measures(takes.store, clip.sha256) if clip and recorded.clip_path else None
    if clip is None or recorded.clip_path is None or measures is None:
        return ()
    whole = EditClip(InputFile(recorded.clip_path, clip.sha256), recorded.shot, None)
    shot = ShotQuality(recorded.shot, whole, measures, (0, measures.frames))
    limits = takes.board.storyboard.qc or Quality()
    faults = dict.fromkeys(finding.fault.value for finding in find_shot_faults(shot, limits))
    return (f"qc: {', '.join(faults) or 'within limits'}",)


def _own_clip_row(board: Board, reference: str, used: tuple[str, ...]) -> SheetRow:
    from tasks.media.contact_sheet import SheetRow

    path, reason = None, ""
    try:
        path = resolve_file(board, reference)
    except MediaInputError as error:
        reason = error.problem.message
    return SheetRow("file", (reference, *used), path, reason, badge="present")
