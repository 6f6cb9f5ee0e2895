"""`shotchain open`: show the film, a clip or the contact sheet with the system's viewer.

The path is always printed. The board is not planned, so this also works if takes are missing.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Literal, NamedTuple

from flows.board_takes import BoardTakes, ShotTakes, read_board_takes
from flows.cli.arguments import add_board_file, add_shot, add_store, find_store_path
from flows.cli.output import print_output
from flows.cli.output.style import print_styled
from flows.run import default_film_path
from storyboards.loading import load
from tasks.errors import UsageError
from tasks.planning.media_files import MediaInputError, resolve_file
from tasks.store.films import CLIP_SUFFIXES, find_newest_film
from tasks.store.sheet_files import find_current_pages
from tasks.store.takes import RecordedTake
from tasks.viewer import Opening, open_in_viewer

EXAMPLES = """\
# the film
shotchain open film.yaml
# take 1 of the shot `lamp`
shotchain open film.yaml lamp --take 1
# the contact sheet of all takes
shotchain open film.yaml --sheet
# only print the path of the film
shotchain open film.yaml --print
"""

Kind = Literal["film", "clip", "sheet"]


class Target(NamedTuple):
    """The files to open, the first of them first."""

    kind: Kind
    paths: tuple[Path, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `open`."""
    add_board_file(parser)
    add_shot(parser, nargs="?", help="the id of a shot, whose clip is opened instead of the film")
    take = "the number of the take; by default the take that the board requests"
    parser.add_argument("--take", metavar="N", type=int, help=take)
    sheet = "open the contact sheet of the takes, of all shots or of SHOT"
    parser.add_argument("--sheet", action="store_true", help=sheet)
    only_print = "only print the path"
    parser.add_argument("--print", action="store_true", help=only_print)
    add_store(parser)


def run_command(arguments: argparse.Namespace) -> int:
    """Open a file, print its path, and return the exit code: 1 if the viewer fails.

    Raises:
        InvalidStoryboard: The board has problems.
        UsageError: There is no such shot, take, film or clip.
        StoreError: A record is damaged.
    """
    if arguments.take is not None and (arguments.sheet or not arguments.shot):
        msg = "--take is for the clip of a shot; name the shot, and leave --sheet out"
        raise UsageError(msg)
    board = load(Path(arguments.board))
    shot_ids = [arguments.shot] if arguments.shot else []
    takes = read_board_takes(board, find_store_path(arguments, board.file), shot_ids)
    target = _find_target(takes, arguments)
    opening = Opening() if arguments.print else open_in_viewer(target.paths[0])
    print_output(
        lambda: {
            "board": takes.board.name,
            "kind": target.kind,
            "path": str(target.paths[0]),
            "pages": [str(path) for path in target.paths] if target.kind == "sheet" else None,
            "viewer": opening.viewer or None,
            "reason": opening.reason or None,
        },
        lambda: "\n".join(map(str, target.paths)),
        as_json=arguments.json,
    )
    if opening.reason:
        print_styled(f"not opened: {opening.reason}", sys.stderr)
    return int(opening.is_failed)


def _find_target(takes: BoardTakes, arguments: argparse.Namespace) -> Target:
    if arguments.sheet:
        return Target("sheet", tuple(_make_sheet(takes, arguments)))
    if arguments.shot:
        return Target("clip", (_find_clip(takes, takes.shots[0], arguments.take),))
    return Target("film", (_find_film(takes, arguments.board),))


def _make_sheet(takes: BoardTakes, arguments: argparse.Namespace) -> list[Path]:
    """Return the pages of the contact sheet, which is drawn unless it is current."""
    # Loads av and Pillow.
    from flows.cli.takes import draw_sheet_pages
    from flows.take_sheet import default_sheet_path, digest_sheet, resolve_sheet_path

    path = resolve_sheet_path(default_sheet_path(takes, arguments.shot), is_explicit=False)
    pages = find_current_pages(path, digest_sheet(takes))
    return pages or draw_sheet_pages(takes, arguments.shot, None, is_quiet=arguments.json)


def _find_film(takes: BoardTakes, board: str) -> Path:
    default_path = Path.cwd().resolve() / default_film_path(takes.board.name)
    path = find_newest_film(takes.store, takes.names, takes.board.file, default_path)
    if path is None:
        msg = f"{takes.board.name} has no film yet; `shotchain render {board}` makes it"
        raise UsageError(msg)
    return path


def _find_clip(takes: BoardTakes, shot_takes: ShotTakes, number: int | None) -> Path:
    """Return the clip of a take, or the file of a shot that is a file.

    Raises:
        UsageError: There is no such clip.
    """
    shot = shot_takes.shot
    if shot.clip and number is None:
        return _find_own_clip(takes, shot.clip)
    wanted = shot.take if number is None else number
    clips = _clips_by_take(shot_takes)
    if wanted in clips:
        return clips[wanted]
    others = ", ".join(map(str, clips)) or "none"
    msg = f"the store has no clip of take {wanted} of {shot_takes.id}; it has {others}"
    raise UsageError(msg)


def _clips_by_take(shot_takes: ShotTakes) -> dict[int, Path]:
    """Return the clips by number of the take; of two renders of a number the newest counts."""

    def sent_at(recorded: RecordedTake) -> str:
        return recorded.attempt.intended_at

    by_age = sorted(shot_takes.takes, key=sent_at)
    clips = {recorded.take.number: recorded.clip_path for recorded in by_age if recorded.clip_path}
    return {
        number: clips[number]
        for number in sorted(clips)
        if clips[number].suffix.lower() in CLIP_SUFFIXES
    }


def _find_own_clip(takes: BoardTakes, reference: str) -> Path:
    try:
        path = resolve_file(takes.board, reference)
    except MediaInputError as error:
        raise UsageError(error.problem.message) from None
    if path.suffix.lower() not in CLIP_SUFFIXES:
        msg = f"{reference} does not end in {', '.join(CLIP_SUFFIXES)}, so it is not opened"
        raise UsageError(msg)
    return path
