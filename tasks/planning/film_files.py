"""Find, read and check the files of the film before anything is paid.

Music, voices, captions, pictures and fonts are read by the same rule as the inputs of shots: only
files beside the board, within limits. A version reads the files of its own variables. Tables of
versions are read in `version_table`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple, Protocol

from storyboards.board import Board
from storyboards.models import Film, OnScreenTitle, Storyboard, Voice
from storyboards.problems import Problem
from storyboards.prompts import expand_variables
from storyboards.yaml_nodes import NodePath
from tasks.errors import MediaError
from tasks.media.image_headers import image_size
from tasks.planning.media_files import MediaInputError, is_url, resolve_file
from tasks.planning.shot_settings import ProblemLog
from tasks.store.atomic_files import digest_bytes, digest_file

if TYPE_CHECKING:
    from tasks.edit import Caption, InputFile
    from tasks.media.titles.caption_files import CaptionProblem

MAX_SOUND_BYTES = 2_000_000_000
"""Three hours of 24-bit stereo."""
MAX_PICTURE_BYTES = 50_000_000
MAX_PICTURE_PIXELS = 36_000_000
MAX_FONT_BYTES = 50_000_000
"""Fonts with all Chinese characters have up to 40 MB."""
MAX_CAPTION_BYTES = 2_000_000

_FONT_SIGNATURES = (b"\x00\x01\x00\x00", b"OTTO", b"true", b"ttcf")
_PROBE_SIZE = 16


class FileKind(StrEnum):
    """The use of a file in a film."""

    MUSIC = "music"
    VOICE = "voice"
    CAPTIONS = "captions"
    PICTURE = "picture"
    FONT = "font"


class NamedFile(NamedTuple):
    """A file that a board names for its film."""

    path: NodePath
    kind: FileKind
    reference: str
    """As it is written, with variables."""


class FilmFiles(NamedTuple):
    """The files of the films of a board, by the reference with variables replaced."""

    files: Mapping[str, InputFile]
    captions: Mapping[str, tuple[Caption, ...]]
    """The content of the caption files."""
    warnings: tuple[Problem, ...] = ()


class VersionFilm(Protocol):
    """A version of a board as a board of its own."""

    @property
    def name(self) -> str:
        """The name of its film."""

    @property
    def path(self) -> NodePath:
        """Its entry in the board; empty for the board's own film."""

    @property
    def board(self) -> Board:
        """Its board, with its variables and the settings of its film."""


class OwnFilm(NamedTuple):
    """The film of the board itself, with the variables that only versions set."""

    board: Board
    name: str = ""
    path: NodePath = ()


def read_film_files(log: ProblemLog, versions: Sequence[VersionFilm] = ()) -> FilmFiles:
    """Read every file of the films of a board; what can't be used is logged.

    Args:
        log: The log of the plan.
        versions: The versions of the board.
    """
    reader = _Reader(log)
    reader.read(log.board.storyboard, "", list_film_files(log.board.storyboard))
    for version in versions:
        named = _place_in_version(log.board.storyboard, version)
        reader.read(version.board.storyboard, version.name, named)
    return FilmFiles(reader.files, reader.captions, tuple(dict.fromkeys(reader.warnings)))


def list_film_files(storyboard: Storyboard) -> Iterator[NamedFile]:
    """Yield the files that the titles of a board and its film name."""
    for index, shot in enumerate(storyboard.shots):
        for number, title in enumerate(shot.on_screen_titles):
            path: NodePath = ("shots", index, "title")
            is_list = not isinstance(shot.title, OnScreenTitle)
            yield from _list_of_title((*path, number) if is_list else path, title)
    yield from _list_of_film(storyboard.film)


def _list_of_title(path: NodePath, title: OnScreenTitle) -> Iterator[NamedFile]:
    if title.image is not None:
        yield NamedFile((*path, "image"), FileKind.PICTURE, title.image)
    if title.font is not None:
        yield NamedFile((*path, "font"), FileKind.FONT, title.font)


def _list_of_film(film: Film) -> Iterator[NamedFile]:
    if film.music:
        yield NamedFile(("film", "music", "file"), FileKind.MUSIC, film.music.file)
    voices = film.voice if isinstance(film.voice, dict) else {"": film.voice}
    for shot, voice in voices.items():
        path: NodePath = ("film", "voice", shot) if shot else ("film", "voice")
        if isinstance(voice, Voice):
            yield NamedFile((*path, "file"), FileKind.VOICE, voice.file)
        elif voice is not None:
            yield NamedFile(path, FileKind.VOICE, voice)
    if film.captions and film.captions.file is not None:
        yield NamedFile(("film", "captions", "file"), FileKind.CAPTIONS, film.captions.file)
    if film.card and film.card.image is not None:
        yield NamedFile(("film", "card", "image"), FileKind.PICTURE, film.card.image)


def _place_in_version(board: Storyboard, version: VersionFilm) -> Iterator[NamedFile]:
    """Yield the files of a version, each at the place where the board names it."""
    own = version.board.storyboard
    index_of = {shot.id: index for index, shot in enumerate(board.shots)}
    overrides = board.versions[int(version.path[1])].film if version.path else None
    replaced = overrides.model_fields_set if overrides else frozenset[str]()
    for named in list_film_files(own):
        match named.path:
            case ("shots", int() as index, *rest):
                path: NodePath = ("shots", index_of[own.shots[index].id], *rest)
            case ("film", str() as key, *_) if key in replaced:
                path = (*version.path, *named.path)
            case path:
                pass
        yield named._replace(path=path)


@dataclass
class _Reader:
    """Reads each file once, however often it is named."""

    log: ProblemLog
    files: dict[str, InputFile] = field(default_factory=dict)
    captions: dict[str, tuple[Caption, ...]] = field(default_factory=dict)
    warnings: list[Problem] = field(default_factory=list)
    _known: set[tuple[FileKind, str]] = field(default_factory=set)

    def read(self, storyboard: Storyboard, version: str, files: Iterable[NamedFile]) -> None:
        """Read the files of a film.

        Args:
            storyboard: The board with the film's variables.
            version: The name of the version; empty for the board's own film.
            files: The files.
        """
        for named in files:
            try:
                reference = expand_variables(storyboard, named.reference)
            except KeyError:
                continue  # The variable is broken, which is reported.
            if (named.kind, reference) in self._known:
                continue
            self._known.add((named.kind, reference))
            try:
                self._read_one(named, reference)
            except MediaInputError as error:
                message = f"in {version}: {error.problem.message}" if version else None
                problem = error.problem._replace(message=message or error.problem.message)
                self.log.add(named.path, problem)

    def _read_one(self, named: NamedFile, reference: str) -> None:
        path = _resolve(self.log.board, reference)
        match named.kind:
            case FileKind.MUSIC | FileKind.VOICE:
                self.files[reference] = _read_sound(path, reference)
            case FileKind.PICTURE:
                self.files[reference] = _read_picture(path, reference)
            case FileKind.FONT:
                self.files[reference] = _read_font(path, reference)
            case FileKind.CAPTIONS:
                self._read_captions(named, path, reference)

    def _read_captions(self, named: NamedFile, path: Path, reference: str) -> None:
        # Boards without captions do not need their patterns, which take 9 ms of `check`.
        from tasks.media.titles.caption_files import read_captions
        from tasks.media.titles.captions import place_cues

        data = _read_bounded(path, reference, MAX_CAPTION_BYTES, "Give the captions of one film.")
        content = read_captions(data)
        shown_as = str(PurePath(self.log.board.shown_as).parent / reference)
        self.log.media_problems += _place(content.problems, shown_as, named.path)
        self.warnings += _place(content.warnings, shown_as, named.path)
        self.files[reference] = _name_by_content(path, digest_bytes(data))
        self.captions[reference] = place_cues(content.cues)


def _place(problems: Iterable[CaptionProblem], shown_as: str, path: NodePath) -> Iterator[Problem]:
    """Yield the mistakes of a caption file at their own lines."""
    for each in problems:
        column = min(each.line, 1)
        yield Problem(each.message, each.remedy, shown_as, each.line, column, path)


def _resolve(board: Board, reference: str) -> Path:
    if is_url(reference):
        msg = f"{reference} is a URL, and a film reads only files"
        raise MediaInputError(msg, "Save the file beside the board, and write its path.")
    return resolve_file(board, reference)


def _name_by_content(path: Path, sha256: str) -> InputFile:
    # Boards without files do not need the values of an edit.
    from tasks.edit import InputFile

    return InputFile(path, sha256)


def _read_bounded(path: Path, reference: str, max_bytes: int, remedy: str) -> bytes:
    with path.open("rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        msg = f"{reference} is larger than {max_bytes // 1_000_000} MB"
        raise MediaInputError(msg, remedy)
    return data


def _read_sound(path: Path, reference: str) -> InputFile:
    # Loads av, which boards without sound files do not need.
    from tasks.media.audio.files import probe_audio

    if path.stat().st_size > MAX_SOUND_BYTES:
        msg = f"{reference} is larger than {MAX_SOUND_BYTES // 1_000_000} MB"
        raise MediaInputError(msg, "Give a shorter file.")
    try:
        probe_audio(path)
    except MediaError as error:
        msg = f"{reference} {str(error).removeprefix(f'{path} ')}"
        raise MediaInputError(msg, "Give a sound file, such as WAV, MP3, M4A or FLAC.") from None
    return _name_by_content(path, digest_file(path))


def _read_picture(path: Path, reference: str) -> InputFile:
    # Loads Pillow, which boards without pictures in the film do not need.
    from tasks.media.titles.picture_files import open_image

    remedy = "Save it again as PNG or JPEG."
    data = _read_bounded(path, reference, MAX_PICTURE_BYTES, "Save it smaller.")
    try:
        width, height = image_size(data)
        if width * height > MAX_PICTURE_PIXELS:
            msg = f"{reference} is {width}x{height}, more than 36 million pixels"
            raise MediaInputError(msg, "Save it smaller.")
        with open_image(data) as image:
            image.load()
    except MediaError as error:
        msg = f"{reference} is not a picture that can be drawn: {_as_clause(error)}"
        raise MediaInputError(msg, remedy) from None
    return _name_by_content(path, digest_bytes(data))


def _as_clause(error: MediaError) -> str:
    text = str(error)
    return text[:1].lower() + text[1:]


def _read_font(path: Path, reference: str) -> InputFile:
    # Loads Pillow, which boards without fonts of their own do not need.
    from tasks.media.titles.fonts import FontFile

    data = _read_bounded(path, reference, MAX_FONT_BYTES, "Give a font with fewer letters.")
    msg = f"{reference} is not a font that can be used"
    problem = MediaInputError(msg, "Give a TTF, OTF or TTC file.")
    if not data.startswith(_FONT_SIGNATURES):
        raise problem
    file = _name_by_content(path, digest_bytes(data))
    try:
        FontFile("", file).load(_PROBE_SIZE)
    except MediaError:
        raise problem from None
    return file
