"""The files of a film, read and checked before anything is paid."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from storyboards.loading import parse
from storyboards.models import Film
from tasks.edit import Caption
from tasks.planning.film_files import FilmFiles, list_film_files, read_film_files
from tasks.planning.planner import make_plan
from tasks.planning.shot_settings import ProblemLog
from tasks.store.atomic_files import digest_file

FONT = Path(__file__).parents[3] / "tasks/media/titles/font_files/NotoSans-SemiBold.ttf"
SRT = "1\n00:00:01,000 --> 00:00:02,500\nWarm, when you are.\n"

Read = Callable[..., tuple[FilmFiles, list[str]]]


def write_wav(path: Path, seconds: float = 0.1) -> Path:
    """Write a silent sound file."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\0\0" * int(8000 * seconds))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of a board with a file of each kind."""
    refs = tmp_path / "board" / "refs"
    refs.mkdir(parents=True)
    write_wav(refs / "theme.wav")
    Image.new("RGBA", (32, 18)).save(refs / "card.png")
    (refs / "en.srt").write_text(SRT)
    (refs / "brand.ttf").write_bytes(FONT.read_bytes())
    return refs.parent


@pytest.fixture
def read(folder: Path) -> Read:
    """Return a function that reads the files of a board with this film and these titles."""

    def read_board(film: str = "", title: str = "", **keys: str) -> tuple[FilmFiles, list[str]]:
        head = "".join(f"{key}: {value}\n" for key, value in keys.items())
        text = f"{head}shots:\n- {{id: a, prompt: x, title: {title or 'A'}}}\nfilm: {{{film}}}\n"
        log = ProblemLog(parse(text.encode(), file="board.yaml", folder=folder))
        files = read_film_files(log)
        return files, list(map(str, log.media_problems))

    return read_board


def test_files_are_found_by_expanded_reference(read: Read) -> None:
    """Of every kind, with the digest of their content."""
    files, problems = read(
        'music: {file: "refs/{track}.wav"}, voice: {a: {file: refs/theme.wav}}, '
        "captions: {file: refs/en.srt}, card: {image: refs/card.png}",
        "[{text: Hi, font: refs/brand.ttf}, {image: refs/card.png}]",
        variables="{track: theme}",
    )
    names = ("refs/theme.wav", "refs/en.srt", "refs/card.png", "refs/brand.ttf")

    assert problems == []
    assert set(files.files) == set(names)
    assert all(file.sha256 == digest_file(file.path) for file in files.files.values())
    assert files.captions == {"refs/en.srt": (Caption(24, 60, "Warm, when you are."),)}


def test_every_file_of_the_language_is_listed() -> None:
    """A key of the film that names a file is not forgotten here."""
    film = Film.model_validate(
        {
            "music": {"file": "1"},
            "voice": {"a": "2", "b": {"file": "3"}},
            "captions": {"file": "4"},
            "card": {"image": "5"},
        }
    )
    shots = [SimpleNamespace(title=None, on_screen_titles=())]
    storyboard: Any = SimpleNamespace(shots=shots, film=film)

    assert [named.reference for named in list_film_files(storyboard)] == list("12345")


@pytest.mark.parametrize(
    ("film", "expected"),
    [
        ("music: {file: refs/them.wav}", "3:22: film.music.file: there is no file refs/them.wav"),
        ("music: {file: refs/en.srt}", "film.music.file: refs/en.srt is not a sound file"),
        ("music: {file: refs/card.png}", "film.music.file: refs/card.png"),
        ("voice: {a: ../a.wav}", "3:19: film.voice.a: ../a.wav is outside the board's folder"),
        ("voice: refs", "film.voice: refs is not a regular file"),
        ("voice: https://example.com/a.wav", "film.voice: https://example.com/a.wav is a URL"),
        ("card: {image: refs/theme.wav}", "film.card.image: refs/theme.wav is not a picture"),
        ("card: {image: link.png}", "film.card.image: link.png is outside the board's folder"),
    ],
)
def test_unusable_file_is_a_problem_at_its_place(
    folder: Path, read: Read, film: str, expected: str
) -> None:
    """Missing, of another kind, out of the folder by name or by link, or a URL."""
    outside = folder.parent / "outside.png"
    Image.new("L", (8, 8)).save(outside)
    (folder / "link.png").symlink_to(outside)
    _, problems = read(film)

    (problem,) = problems
    assert expected in problem
    assert problem.startswith("board.yaml:3:")


def test_title_with_unusable_font_is_a_problem(folder: Path, read: Read) -> None:
    """A font is opened; its first bytes alone prove nothing."""
    (folder / "refs" / "cut.ttf").write_bytes(FONT.read_bytes()[:200])
    _, problems = read(title="{text: Hi, font: refs/cut.ttf}")
    _, others = read(title="[{text: Hi, font: refs/en.srt}]")

    assert problems[0].startswith("board.yaml:2:46: shots[0].title.font: refs/cut.ttf is not a fo")
    assert "shots[0].title[0].font: refs/en.srt is not a font" in others[0]


def test_picture_that_is_cut_off_is_a_problem(folder: Path, read: Read) -> None:
    """It is decoded, since its header is complete."""
    Image.effect_noise((300, 300), 99).save(folder / "whole.png")
    (folder / "cut.png").write_bytes((folder / "whole.png").read_bytes()[:20_000])
    _, problems = read("card: {image: cut.png}")

    assert "cut.png is not a picture that can be drawn: the image is damaged" in problems[0]


def test_sizes_are_bounded(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file makes a check slow or large."""
    module = "tasks.planning.film_files"
    monkeypatch.setattr(f"{module}.MAX_SOUND_BYTES", 100)
    monkeypatch.setattr(f"{module}.MAX_CAPTION_BYTES", 10)
    monkeypatch.setattr(f"{module}.MAX_PICTURE_PIXELS", 100)
    monkeypatch.setattr(f"{module}.MAX_FONT_BYTES", 100)
    film = "voice: refs/theme.wav, captions: {file: refs/en.srt}, card: {image: refs/card.png}"
    _, problems = read(film, "{text: Hi, font: refs/brand.ttf}")

    assert [problem.partition(": ")[2].partition(".")[0] for problem in problems] == [
        "shots[0]",
        *("film", "film", "film"),
    ]
    assert "refs/brand.ttf is larger than 0 MB" in problems[0]
    assert "refs/card.png is 32x18, more than 36 million pixels" in problems[3]


def test_mistake_in_captions_has_its_own_line(folder: Path, read: Read) -> None:
    """The file and the line of the mistake, not those of the board."""
    (folder / "refs" / "bad.srt").write_text(f"{SRT}\n2\n00:00:05,000 --> 00:00:04,000\nBack.\n")
    _, problems = read("captions: {file: refs/bad.srt}")

    assert problems == [
        "refs/bad.srt:6:1: film.captions.file: the caption ends at 00:00:04.000, and begins at "
        "00:00:05.000. Correct its times."
    ]


def test_oddity_of_captions_is_a_warning(folder: Path, read: Read) -> None:
    """The board can be rendered."""
    (folder / "refs" / "odd.srt").write_bytes(SRT.encode() + "\nÄ".encode("cp1252"))
    files, problems = read("captions: {file: refs/odd.srt}")

    assert problems == []
    assert [str(each).partition(". ")[0] for each in files.warnings] == [
        "refs/odd.srt:5:1: film.captions.file: the file is not UTF-8; it is read as Windows-1252"
    ]


def test_file_is_read_once(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is named, and an unusable one has one problem."""
    calls: list[Path] = []

    def count(path: Path) -> str:
        calls.append(path)
        return "digest"

    monkeypatch.setattr("tasks.planning.film_files.digest_file", count)
    read("voice: {a: refs/theme.wav}, music: {file: refs/theme.wav}")
    _, problems = read("card: {image: refs/no.png}", "[{image: refs/no.png}, {image: refs/no.png}]")

    assert len(calls) == 2
    assert len(problems) == 1


def test_version_reads_its_own_files(folder: Path) -> None:
    """With its variables; the place is that of the key of the version, if it has one."""
    text = (
        "variables: {lang: en}\n"
        "shots: [{id: z, prompt: x}, {id: a, prompt: x, title: {image: 'refs/{lang}.png'}}]\n"
        "film: {captions: {file: 'refs/{lang}.srt'}}\n"
        "versions: [{name: v, set: {lang: de}, film: {card: {image: refs/no.png}}}]\n"
    )
    board = parse(text.encode(), file="board.yaml", folder=folder)
    Image.new("L", (8, 8)).save(folder / "refs" / "en.png")
    version = board.storyboard.versions[0]
    own = board.storyboard.model_copy(
        update={
            "variables": dict(version.variables),
            "film": board.storyboard.film.model_copy(update={"card": version.film.card}),
            "shots": board.storyboard.shots[1:],
        }
    )
    log = ProblemLog(board)
    versions: Any = [
        SimpleNamespace(name="v", path=("versions", 0), board=SimpleNamespace(storyboard=own))
    ]
    read_film_files(log, versions)

    assert [str(each).partition(" beside")[0] for each in log.media_problems] == [
        "board.yaml:2:63: shots[1].title.image: in v: there is no file refs/de.png",
        "board.yaml:3:25: film.captions.file: in v: there is no file refs/de.srt",
        "board.yaml:4:60: versions[0].film.card.image: in v: there is no file refs/no.png",
    ]


def test_plan_has_files_and_reports_problems(folder: Path) -> None:
    """`check`, `plan` and `render` make a plan first."""
    text = "shots: [{id: a, prompt: x}]\nfilm: {card: {image: refs/no.png}}\n"
    with pytest.raises(Exception, match=r"board.yaml:2:22: film.card.image: there is no file"):
        make_plan(parse(text.encode(), file="board.yaml", folder=folder))


def test_board_without_a_file_reads_none() -> None:
    """A board that is passed as a value names no local file."""
    text = "shots: [{id: a, prompt: x}]\nfilm: {card: {image: refs/no.png}}\n"
    log = ProblemLog(parse(text.encode(), file="board.yaml"))
    read_film_files(log)

    assert "reads no local file such as refs/no.png" in str(log.media_problems[0])
