"""`takes --sheet` and `open`: what is drawn, where it is put, and which file is opened."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from flows.board_takes import read_board_takes
from flows.cli.main import main
from flows.take_sheet import build_groups
from storyboards.loading import load
from tasks.settings import Desktop
from tasks.store.films import film_marker
from tasks.store.receipts import AttemptState
from tests.support.boards import write_clip
from tests.support.stored_takes import StoredTakes

BOARD = """\
title: The spot
model: seedance-1.5-pro
shots:
  - {id: dawn, title: The lamp room, take: 2, prompt: Dawn.}
  - {id: sea, prompt: Sea.}
  - {id: own, clip: refs/own.mp4}
  - {id: night, prompt: Night.}
"""

Command = Callable[..., SimpleNamespace]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small clip."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_clip(path, width=64, height=36, frames=5)
    return path.read_bytes()


@pytest.fixture
def takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clip: bytes) -> StoredTakes:
    """Write the board with its own clip; its store has two takes of dawn."""
    (tmp_path / "film.yaml").write_text(BOARD)
    (tmp_path / "refs").mkdir()
    (tmp_path / "refs" / "own.mp4").write_bytes(clip)
    monkeypatch.chdir(tmp_path)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "CI", "SSH_CONNECTION", "SSH_TTY"):
        monkeypatch.delenv(name, raising=False)
    takes = StoredTakes(tmp_path / ".shotchain")
    takes.add("dawn", 1, clip=clip)
    takes.add("dawn", 2, clip=clip)
    return takes


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command; return its exit code, its lines, and stderr."""

    def run(*argv: str) -> SimpleNamespace:
        code = main(argv)
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, lines=out.splitlines(), out=out, err=err)

    return run


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Put an `xdg-open` on PATH that records what it opens; return the paths so far."""
    record, folder = tmp_path / "opened", tmp_path / "bin"
    folder.mkdir()
    program = folder / "xdg-open"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" >> "{record}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr("tasks.viewer.sys.platform", "linux")
    display = Desktop(has_display=True, is_remote=False, is_automated=False, is_wsl=False)
    monkeypatch.setattr("tasks.viewer.read_desktop", lambda: display)
    return lambda: record.read_text().splitlines() if record.exists() else []


def rows_of(board: str = "film.yaml") -> list[tuple[str, list[tuple[str, bool, str, str]]]]:
    """Return heading and rows (label, has a clip, reason, badge) of each group."""
    path = Path(board)
    groups = build_groups(read_board_takes(load(path), Path(".shotchain").absolute()))
    return [
        (
            group.heading,
            [
                (label, clip is not None, reason, badge)
                for label, _, clip, reason, _, badge in group.rows
            ],
        )
        for group in groups
    ]


def test_sheet_is_put_beside_the_film(takes: StoredTakes, command: Command) -> None:
    """Its path is printed, and its pages are PNG files that others may read."""
    del takes
    result = command("takes", "film.yaml", "--sheet")
    path = Path.cwd() / "films" / "film.takes.png"

    assert (result.code, result.out, result.err) == (0, f"{path}\n", "")
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.width == 1654
    assert path.stat().st_mode & 0o777 == 0o666 & ~current_umask()
    sheet = command("takes", "film.yaml", "dawn", "--sheet")
    assert sheet.lines == [str(path.with_name("film.dawn.takes.png"))]


def current_umask() -> int:
    """Return the umask of this process."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_json_of_a_sheet_has_takes_and_pages(takes: StoredTakes, command: Command) -> None:
    """The document of `takes`, and the files."""
    del takes
    document = json.loads(command("takes", "film.yaml", "--sheet", "out/a.png", "--json").out)

    assert document["sheet"] == [str(Path.cwd() / "out" / "a.png")]
    assert len(document["shots"]) == 4
    assert Path(document["sheet"][0]).exists()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("dawn", "dawn does not end in .png; name a PNG file, and write SHOT before --sheet"),
        ("refs/mine.png", "refs/mine.png is not a contact sheet"),
        ("film.yaml", "film.yaml does not end in .png"),
    ],
)
def test_sheet_replaces_no_other_file(
    takes: StoredTakes, command: Command, file: str, message: str
) -> None:
    """A shot in the place of the file, a picture of the user, the board."""
    del takes
    Image.new("RGB", (4, 4)).save("refs/mine.png")
    before = Path("refs/mine.png").read_bytes()
    result = command("takes", "film.yaml", "--sheet", file)

    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert Path("refs/mine.png").read_bytes() == before
    assert Path("film.yaml").read_text() == BOARD


def test_sheet_has_a_row_for_every_take(takes: StoredTakes) -> None:
    """Also for clips that are missing, and for the board's own clip; the present take is marked."""
    takes.add("sea", 3, clip=None)
    takes.add("sea", 4, state=AttemptState.SUBMITTED, clip=None)
    takes.add("sea", 5, state=AttemptState.CLEANED, clip=None, cleaned_at="2026-11-30T01:00")
    (dawn, dawn_rows), (sea, sea_rows), (own, own_rows), (night, night_rows) = rows_of()

    assert [dawn, sea, own, night] == ["1  dawn  ·  The lamp room", "2  sea", "3  own", "4  night"]
    assert dawn_rows == [("take 1", True, "", ""), ("take 2", True, "", "present")]
    assert [(label, reason) for label, _, reason, _ in sea_rows] == [
        ("take 3", "the clip is missing from the store"),
        ("take 4", "the vendor has its job; `shotchain render` downloads the clip"),
        ("take 5", "the clip was removed by `shotchain clean` on 2026-11-30"),
        ("take 1", "the board requests this take, and it is not rendered yet"),
    ]
    assert sea_rows[-1][3] == "present"
    assert own_rows == [("file", True, "", "present")]
    assert night_rows == []
    Path("refs/own.mp4").unlink()
    assert rows_of()[2][1] == [
        ("file", False, "there is no file refs/own.mp4 beside the board", "present")
    ]


def test_prompt_is_in_the_heading_unless_takes_differ(takes: StoredTakes, clip: bytes) -> None:
    """A prompt that all takes share is shown once."""
    path = Path("film.yaml")

    def prompts() -> tuple[str, list[str]]:
        group = build_groups(read_board_takes(load(path), takes.root))[0]
        return group.prompt, [sheet_row.prompt for sheet_row in group.rows]

    assert prompts() == ("Rain.", ["", ""])
    takes.add("dawn", 2, clip=clip, prompt="Snow.")
    takes.add("dawn", 3, clip=clip, prompt="Rain.")
    assert prompts() == ("", ["Rain.", "Snow.", "prompt of take 1"])


def test_changed_prompt_begins_near_its_change(takes: StoredTakes, clip: bytes) -> None:
    """A row has room for three lines, and the change may be below them."""
    beginning = "one two three four five six seven eight nine ten"
    takes.add("sea", 1, clip=clip, prompt=f"{beginning} old.")
    takes.add("sea", 2, clip=clip, prompt=f"{beginning} young.")
    takes.add("sea", 3, clip=clip, prompt="one two young.")
    group = build_groups(read_board_takes(load(Path("film.yaml")), takes.root))[1]

    assert [sheet_row.prompt for sheet_row in group.rows] == [
        f"{beginning} old.",
        "… seven eight nine ten young.",
        "one two young.",
    ]


def test_id_without_a_font_is_shown_as_a_number(
    takes: StoredTakes, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command prints which letters are missing."""
    monkeypatch.setattr("tasks.media.lettering.find_fallbacks", lambda: ())
    Path("film.yaml").write_text(BOARD.replace("id: dawn", "id: 海边"))
    del takes

    assert rows_of()[0][0] == "shot 1  ·  The lamp room"
    Path("film.yaml").write_text(Path("film.yaml").read_text().replace("The lamp room", "海边"))
    assert rows_of()[0][0] == "shot 1"
    result = command("takes", "film.yaml", "--sheet")
    assert "no font on this machine has 海边" in result.err


def test_open_draws_the_sheet_unless_it_is_current(
    takes: StoredTakes, command: Command, opened: Callable[[], list[str]], clip: bytes
) -> None:
    """A new take, another choice, and a clip that is gone or replaced let it be drawn again."""
    path = Path.cwd() / "films" / "film.takes.png"

    def drawn_at() -> int:
        assert command("open", "film.yaml", "--sheet").code == 0
        return path.stat().st_mtime_ns

    times = [drawn_at(), drawn_at()]
    assert times[0] == times[1]
    takes.add("sea", clip=clip)
    times.append(drawn_at())
    Path("film.yaml").write_text(BOARD.replace("take: 2", "take: 1"))
    times.append(drawn_at())
    (takes.root / "shots" / "dawn-1-shots" / "clip.mp4").unlink()
    times.append(drawn_at())
    Path("refs/own.mp4").write_bytes(clip + b"\0")
    times.append(drawn_at())

    assert len(set(times)) == 5
    assert opened() == [str(path)] * 6


def test_open_shows_film_and_clips(
    takes: StoredTakes, command: Command, opened: Callable[[], list[str]]
) -> None:
    """The film of the board, the take that it requests, another take, and its own clip."""
    film = takes.root / "films" / "film.mp4"
    film.parent.mkdir()
    film.write_bytes(film_marker("film", Path("film.yaml").resolve()).encode())
    clips = [takes.root / "shots" / f"dawn-{number}-shots" / "clip.mp4" for number in (1, 2)]
    paths = [
        command("open", "film.yaml", *argv).lines
        for argv in ((), ("dawn",), ("dawn", "--take", "1"), ("own",))
    ]

    assert paths == [
        [str(film)],
        [str(clips[1])],
        [str(clips[0])],
        [str(Path.cwd() / "refs/own.mp4")],
    ]
    assert opened() == [path for [path] in paths]


def test_open_prints_only_with_print(
    takes: StoredTakes, command: Command, opened: Callable[[], list[str]]
) -> None:
    """Nothing is started, and stderr stays empty."""
    del takes
    result = command("open", "film.yaml", "dawn", "--print")

    assert (result.code, result.err, opened()) == (0, "", [])
    assert result.lines[0].endswith("clip.mp4")


def test_open_without_a_display_prints_the_reason(takes: StoredTakes, command: Command) -> None:
    """The path is on stdout for scripts, and the exit code is 0."""
    del takes
    result = command("open", "film.yaml", "dawn")
    document = json.loads(command("open", "film.yaml", "dawn", "--json").out)

    assert (result.code, result.err) == (0, "not opened: there is no display\n")
    assert document == {
        "board": "film",
        "kind": "clip",
        "path": result.lines[0],
        "pages": None,
        "viewer": None,
        "reason": "there is no display",
    }


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "film has no film yet; `shotchain render film.yaml` makes it"),
        (["sea"], "the store has no clip of take 1 of sea; it has none"),
        (["dawn", "--take", "7"], "the store has no clip of take 7 of dawn; it has 1, 2"),
        (["dusk"], "there is no shot 'dusk'"),
        (["--take", "1"], "--take is for the clip of a shot"),
        (["dawn", "--sheet", "--take", "1"], "--take is for the clip of a shot"),
    ],
)
def test_open_of_nothing_is_one_sentence(
    takes: StoredTakes, command: Command, argv: list[str], message: str
) -> None:
    """It names the clips that the store has."""
    del takes
    result = command("open", "film.yaml", *argv)

    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("name", ["run.desktop", "own.sh"])
def test_open_refuses_files_that_are_not_clips(
    takes: StoredTakes, command: Command, opened: Callable[[], list[str]], name: str
) -> None:
    """A stranger's board may name a file that a desktop would run."""
    del takes
    Path("film.yaml").write_text(BOARD.replace("own.mp4", name))
    Path("refs", name).write_text("#!/bin/sh\n")

    assert "so it is not opened" in command("open", "film.yaml", "own").err
    assert opened() == []


def test_open_refuses_a_stored_clip_with_another_name(
    takes: StoredTakes, command: Command, opened: Callable[[], list[str]]
) -> None:
    """A stranger's receipt may name any file in the folder of its key."""
    clip: dict[str, Any] = {"name": "run.desktop", "sha256": "0", "size_bytes": 1}
    path = takes.add("sea", clip=None)
    record = json.loads((path.with_name("receipt.json")).read_text())
    record["attempts"][0]["clip"] = clip
    path.with_name("receipt.json").write_text(json.dumps(record))
    path.with_name("run.desktop").write_text("x")

    assert "the store has no clip of take 1 of sea" in command("open", "film.yaml", "sea").err
    assert opened() == []
