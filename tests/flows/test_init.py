"""`shotchain init` and `shotchain schema`: starter boards, and what editors need beside them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from flows.cli.main import main, parse_arguments
from flows.cli.schema import format_schema
from flows.documents import count_film_frames
from flows.run import RunOptions, prepare_run
from storyboards import load
from storyboards.chains import find_links
from storyboards.template import TEMPLATES
from tasks.settings import read_settings
from tests.support.plain_tasks import render_plainly

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def next_command(text: str) -> list[str]:
    """Return the arguments of the command that `init` prints, as a shell reads it."""
    line = next(line for line in text.splitlines() if line.startswith("next: "))
    program, *argv = shlex.split(line.removeprefix("next: "))
    assert program == "shotchain"
    return argv


@pytest.mark.parametrize("template", TEMPLATES)
def test_template_is_clean_and_free(folder: Path, capsys: Capture, template: str) -> None:
    """Each board can be checked and planned at once; its first line names a file that exists."""
    assert main(["init", "film.yaml", "--template", template]) == 0
    capsys.readouterr()
    assert main(["plan", "film.yaml", "--json"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["total"]["amount"] == 0
    first = (folder / "film.yaml").read_text().splitlines()[0]
    schema = folder / first.removeprefix("# yaml-language-server: $schema=")
    assert schema.read_text() == format_schema()


def test_spot_has_two_chains_and_an_end_card(folder: Path) -> None:
    """Twelve shots, a cast that every shot but a few uses, and a budget to switch on."""
    main(["init", "spot.yaml", "--template", "spot"])
    storyboard = load(folder / "spot.yaml").storyboard
    links = find_links(storyboard)

    assert len(storyboard.shots) == 12
    assert [shot for shot, parent in links.items() if parent is None] == [
        *("kettle", "yard", "end-card")
    ]
    assert storyboard.shots[-1].last_frame
    assert len(storyboard.cast) == 3
    text = (folder / "spot.yaml").read_text().replace("# budget:", "budget:")
    (folder / "spot.yaml").write_text(text)
    assert load(folder / "spot.yaml").storyboard.budget


@pytest.mark.parametrize(
    "template",
    [
        pytest.param(name, marks=[] if name == "end-card" else [pytest.mark.long])
        for name in TEMPLATES
    ],
)
def test_template_becomes_planned_film(folder: Path, template: str) -> None:
    """It renders unchanged with the simulator."""
    main(["init", "film.yaml", "--template", template])
    board = load(folder / "film.yaml")
    run = prepare_run(board, RunOptions(), read_settings({}), working_folder=folder)
    report = render_plainly(run)

    assert report.errors == ()
    assert report.film.frame_count == count_film_frames(run)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("film", "film.yaml"),
        ("film.yml", "film.yml"),
        ("Film.YAML", "Film.YAML"),
        ("v1.2", "v1.2.yaml"),
        ("my film.yaml", "my film.yaml"),
        ("it's", "it's.yaml"),
        ("灯台", "灯台.yaml"),
        ("$HOME;x", "$HOME;x.yaml"),
        ("new folder/film", "new folder/film.yaml"),
    ],
)
def test_next_command_names_the_new_board(
    folder: Path, capsys: Capture, name: str, file: str
) -> None:
    """The suffix is added if it is missing; a shell reads the command as it is meant."""
    assert main(["init", name]) == 0
    arguments = parse_arguments(next_command(capsys.readouterr().out))

    assert arguments.board == file
    assert (folder / file).is_file()
    assert main(["check", arguments.board]) == 0


def test_next_command_of_a_name_with_a_dash(folder: Path, capsys: Capture) -> None:
    """Without `./` the name would be an option."""
    assert main(["init", "--", "-x"]) == 0

    assert next_command(capsys.readouterr().out) == ["render", "./-x.yaml"]
    assert (folder / "-x.yaml").is_file()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (".", ". is a folder; name a file in it: film.yaml"),
        ("..", ".. is a folder; name a file in it: ../film.yaml"),
        ("old", "old is a folder; name a file in it: old/film.yaml"),
        ("new/", "new/ is a folder; name a file in it: new/film.yaml"),
        ("film.json", "film.json is not a YAML file; name it film.yaml"),
        ("here", "here.yaml exists; name a new file"),
        ("here.yaml/film", "the folder here.yaml can't be made: File exists; name another file"),
    ],
)
def test_unusable_name_is_one_sentence(
    folder: Path, capsys: Capture, name: str, message: str
) -> None:
    """Nothing is written then."""
    (folder / "old").mkdir()
    (folder / "here.yaml").touch()

    assert main(["init", name]) == 2
    assert capsys.readouterr().err == f"shotchain: {message}\n"
    assert sorted(path.name for path in folder.iterdir()) == ["here.yaml", "old"]


def test_existing_files_stay(folder: Path, capsys: Capture) -> None:
    """A picture and a schema of the user are never replaced; the board uses another picture."""
    (folder / "refs").mkdir()
    (folder / "refs" / "ember-end.jpg").write_bytes(b"mine")
    (folder / "storyboard.schema.json").write_text("{}")
    assert main(["init", "card", "--template", "end-card", "--json"]) == 0
    out, err = capsys.readouterr()

    document: dict[str, Any] = json.loads(out)
    assert document == {
        "file": str(folder / "card.yaml"),
        "template": "end-card",
        "files": [str(folder / "card.yaml"), str(folder / "refs" / "ember-pack.jpg")],
    }
    assert err == (
        "warning: refs/ember-end.jpg exists with another picture, which the board uses\n"
    )
    assert (folder / "refs" / "ember-end.jpg").read_bytes() == b"mine"
    assert (folder / "storyboard.schema.json").read_text() == "{}"
    for name in ("twice/a", "twice/b"):
        assert main(["init", name, "--template", "end-card"]) == 0
        assert capsys.readouterr().err == ""
    assert main(["init", "other", "--template", "end-card"]) == 0
    assert capsys.readouterr().out.startswith("other.yaml is written\n")


def test_schema_is_printed_or_written(folder: Path, capsys: Capture) -> None:
    """On stdout it is one document, with or without --json; --out replaces a file."""
    for argv in (["schema"], ["schema", "--json"]):
        assert main(argv) == 0
        assert capsys.readouterr().out == format_schema()
    (folder / "s.json").write_text("old")
    assert main(["schema", "--out", "s.json"]) == 0
    assert capsys.readouterr().out == "s.json is written\n"
    assert (folder / "s.json").read_text() == format_schema()
    assert main(["schema", "--out", "s.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(folder / "s.json")}
    assert main(["schema", "--out", "."]) == 2
    assert "can't be written" in capsys.readouterr().err
