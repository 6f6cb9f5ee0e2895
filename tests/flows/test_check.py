"""`shotchain check`: many boards, standard input, and the hook for pre-commit."""

from __future__ import annotations

import io
import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from flows.cli.main import main, parse_arguments
from storyboards import Board, load
from tasks.planning.planner import make_plan
from tests.support.documents import ROOT, read_block

GOOD = "shots: [{id: dawn, prompt: Rain.}]\n"
BAD = "shots: [{id: dawn, promt: Rain.}]\n"
PROBLEM = "bad.yaml:1:20: shots[0].promt: unknown key `promt`. Did you mean prompt?\n"
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to a folder with a clean and a broken board."""
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch):
    """Replace standard input."""

    def replace(text: str, *, is_terminal: bool = False) -> None:
        stdin = SimpleNamespace(buffer=io.BytesIO(text.encode()), isatty=lambda: is_terminal)
        monkeypatch.setattr("sys.stdin", stdin)

    return replace


def test_check_many_boards_reports_each(folder: Path, capsys: Capture) -> None:
    """A broken board does not keep the others from the check; the exit code is 2."""
    (folder / "also.yaml").write_text(BAD)

    assert main(["check", "bad.yaml", "good.yaml", "goood.yaml", "also.yaml"]) == 2
    out, err = capsys.readouterr()
    assert out == "good.yaml is clean: 1 shot\n"
    assert err == (
        f"{PROBLEM}"
        "goood.yaml: there is no such file. Did you mean good.yaml?\n"
        f"{PROBLEM.replace('bad', 'also')}"
        "shotchain: 3 of 4 boards have problems\n"
    )


@pytest.mark.usefixtures("folder")
def test_check_many_clean_boards_ends_with_0(capsys: Capture) -> None:
    """A line for each; a board that is named twice is checked once."""
    assert main(["check", "good.yaml", "good.yaml", "./good.yaml"]) == 0
    assert capsys.readouterr() == ("good.yaml is clean: 1 shot\n" * 2, "")


def test_check_many_boards_prints_a_shared_problem_once(folder: Path, capsys: Capture) -> None:
    """Boards of one folder share the problems of the configuration file in it."""
    (folder / "other.yaml").write_text(GOOD)
    (folder / "shotchain.toml").write_text("[budget]\n")

    assert main(["check", "good.yaml", "other.yaml"]) == 2
    assert capsys.readouterr().err == (
        "shotchain.toml:1: budget: unknown key `budget`. Did you mean budgets?\n"
        "shotchain: 2 of 2 boards have problems\n"
    )


@pytest.mark.usefixtures("folder")
def test_check_many_boards_prints_one_document(capsys: Capture) -> None:
    """`boards` has the document of each; the problems of all are in `problems` as well."""
    assert main(["check", "good.yaml", "bad.yaml", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    good, bad = document["boards"]

    assert (good["file"], good["shots"], good["problems"]) == ("good.yaml", 1, [])
    assert (bad["file"], bad["error"]["kind"]) == ("bad.yaml", "invalid_storyboard")
    assert document["problems"] == bad["problems"]
    assert [problem["file"] for problem in bad["problems"]] == ["bad.yaml"]
    assert document["error"] == bad["error"]

    assert main(["check", "good.yaml", "./good.yaml", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (len(document["boards"]), document["problems"], "error" in document) == (2, [], False)


@pytest.mark.usefixtures("folder")
def test_check_reads_standard_input(capsys: Capture, type_in) -> None:
    """`-` is a board as well, alone or beside files; problems name it."""
    type_in(BAD)
    assert main(["check", "-"]) == 2
    assert capsys.readouterr() == ("", PROBLEM.replace("bad.yaml", "<stdin>"))
    type_in(GOOD)
    assert main(["check", "-", "good.yaml"]) == 0
    out = capsys.readouterr().out
    assert out == "<stdin> is clean: 1 shot\ngood.yaml is clean: 1 shot\n"


def test_check_finds_files_beside_the_name_of_stdin(folder: Path, capsys: Capture, type_in) -> None:
    """An editor names the file that is not saved yet; its folder may be another one."""
    (folder / "spots").mkdir()
    (folder / "spots" / "clip.mp4").write_bytes(b"not a clip")
    board = "shots: [{id: a, clip: clip.mp4}]\n"
    type_in(board)
    assert main(["check", "-", "--stdin-name", "spots/new.yaml"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("spots/new.yaml:1:23: shots[0].clip: ")
    assert "no file" not in err
    type_in(board)
    assert main(["check", "-"]) == 2
    assert "there is no file clip.mp4 beside the board" in capsys.readouterr().err


@pytest.mark.parametrize("keys", ["lock: true", "first_frame: {shot: a, take: 2}"])
def test_check_compares_stdin_with_the_store(
    folder: Path, monkeypatch: pytest.MonkeyPatch, type_in, keys: str
) -> None:
    """A shot with a lock or on a take needs the store of the board that is being edited."""
    compared = []

    def prepare(_: object, board: Board) -> SimpleNamespace:
        compared.append(board.file)
        return SimpleNamespace(plan=make_plan(load(folder / "good.yaml")))

    monkeypatch.setattr("flows.cli.check.prepare_board", prepare)
    type_in(f"shots: [{{id: a, prompt: Rain.}}, {{id: b, prompt: Fog., {keys}}}]\n")

    assert main(["check", "-", "--stdin-name", "good.yaml"]) == 0
    assert compared == [folder / "good.yaml"]


@pytest.mark.usefixtures("folder")
def test_check_waiting_for_a_terminal_prints_it(capsys: Capture, type_in) -> None:
    """A user who types `-` would otherwise see nothing happen."""
    type_in(GOOD, is_terminal=True)

    assert main(["check", "-"]) == 0
    assert "Ctrl-D ends it" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_name_of_stdin_needs_stdin(capsys: Capture) -> None:
    """Otherwise the wrong text would be checked."""
    assert main(["check", "good.yaml", "--stdin-name", "new.yaml"]) == 2
    assert "Write - as the board" in capsys.readouterr().err


def test_check_of_a_folder_names_boards_in_it(folder: Path, capsys: Capture) -> None:
    """A folder is not searched: other programs have YAML files there too."""
    (folder / "empty").mkdir()

    assert main(["check", "."]) == 2
    assert capsys.readouterr().err.endswith("folder. Name a board in it: bad.yaml or good.yaml.\n")
    assert main(["check", "empty"]) == 2
    assert capsys.readouterr().err == "empty: this is a folder. Name the board's YAML file.\n"


class TestPreCommit:
    """`.pre-commit-hooks.yaml`, which other repositories use."""

    HOOK = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())[0]

    def test_hook_has_the_required_keys(self) -> None:
        """As pre-commit's page on creating hooks lists them."""
        assert set(self.HOOK) <= {
            *("id", "name", "entry", "language"),
            "description",
            "types",
            "files",
        }
        assert (self.HOOK["language"], self.HOOK["types"]) == ("python", ["yaml"])

    def test_hook_runs_a_command_with_the_files(self) -> None:
        """pre-commit appends the names of the changed files."""
        program, *argv = shlex.split(self.HOOK["entry"])
        arguments = parse_arguments([*argv, "storyboards/a.yaml", "storyboards/b.yaml"])

        assert program == "shotchain"
        assert arguments.boards == ["storyboards/a.yaml", "storyboards/b.yaml"]

    @pytest.mark.parametrize(
        ("file", "is_board"),
        [
            ("storyboards/lighthouse.yaml", True),
            ("films/boards/spot.yml", True),
            (".github/workflows/ci.yaml", False),
            ("dashboards/sales.yaml", False),
            ("storyboards/refs/notes.yaml", False),
        ],
    )
    def test_hook_takes_boards_only(self, file: str, is_board: bool) -> None:
        """By default the files of a folder for boards."""
        assert bool(re.search(self.HOOK["files"], file)) is is_board

    def test_documented_configuration_names_the_hook(self) -> None:
        """The example in the README is a configuration of pre-commit with this hook."""
        (repo,) = yaml.safe_load(read_block("flows/README.md", "pre-commit"))["repos"]

        assert [hook["id"] for hook in repo["hooks"]] == [self.HOOK["id"]]
