"""The help of the program and its commands, and the answers to wrong command lines."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest

from flows.cli.main import COMMAND_GROUPS, COMMANDS, main, parse_arguments

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to a working directory with a valid board, `film.yaml`."""
    (tmp_path / "film.yaml").write_text("shots: [{id: dawn, prompt: Rain.}]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read_examples(command: str) -> list[str]:
    return importlib.import_module(f"flows.cli.{command}").EXAMPLES.strip().splitlines()


def print_help(capsys: Capture, *argv: str) -> str:
    """Return what a request for help prints on stdout; it ends with 0."""
    with pytest.raises(SystemExit) as ended:
        main(argv)
    out, err = capsys.readouterr()
    assert (ended.value.code, err) == (0, "")
    return out


@pytest.mark.parametrize(
    "argv", [(), ("help",), ("--help",), ("-h",), ("help", "help"), ("help", "--json")]
)
def test_program_help_groups_every_command(capsys: Capture, argv: tuple[str, ...]) -> None:
    """No arguments are a request for the help, which shows where to start and every command."""
    out = print_help(capsys, *argv)

    assert out.index("start here:") < out.index("shotchain render film.yaml")
    for title, commands in COMMAND_GROUPS.items():
        section = out.partition(f"\n{title}:\n")[2].partition("\n\n")[0]
        assert [line.split()[0] for line in section.splitlines()] == list(commands)


def test_first_commands_are_valid() -> None:
    """The commands under "start here" can be parsed."""
    from flows.cli.parser import START_HERE

    for line in START_HERE:
        parse_arguments(shlex.split(line)[1:])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_example_is_valid(command: str) -> None:
    """A command has two to four examples, each below a comment, and each can be parsed."""
    lines = read_examples(command)

    assert 4 <= len(lines) <= 8
    for comment, example in zip(lines[::2], lines[1::2], strict=True):
        assert comment.startswith("# ")
        program, *argv = shlex.split(re.split(" [>|] ", example)[0])
        assert program == "shotchain"
        parse_arguments(argv)
    assert any(line.startswith(f"shotchain {command} ") for line in [f"{x} " for x in lines])


@pytest.mark.parametrize("command", COMMANDS)
def test_command_help_ends_with_examples(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """`help COMMAND` is `COMMAND --help`: the examples follow the options, whole to be copied."""
    monkeypatch.setenv("COLUMNS", "60")
    out = print_help(capsys, "help", command)

    assert out == print_help(capsys, command, "--help")
    options, _, examples = out.partition("\nexamples:\n")
    assert "--json" in options
    for example in read_examples(command)[1::2]:
        assert f"\n  {example}\n" in examples


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_wrapped_to_the_terminal(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """At 60 columns only what is to be copied is longer; a wide terminal gets short lines too."""
    monkeypatch.setenv("COLUMNS", "60")
    narrow = print_help(capsys, *filter(None, ["help", command]))
    monkeypatch.setenv("COLUMNS", "200")
    wide = print_help(capsys, *filter(None, ["help", command]))

    if command == "simulate":  # its table of faults is wide
        narrow, wide = (text.partition("\nexamples:")[0] for text in (narrow, wide))
    lines = [line for line in narrow.splitlines() if not line.strip().startswith("shotchain")]
    assert [line for line in lines if len(line) > 60] == []
    assert max(map(len, wide.splitlines())) <= 100


@pytest.mark.parametrize("columns", ["1", "8"])
def test_help_in_a_tiny_terminal_is_printed(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """Lines are longer than the terminal then, but nothing fails."""
    monkeypatch.setenv("COLUMNS", columns)

    assert "completion" in print_help(capsys)
    assert "--budget" in print_help(capsys, "help", "render")


@pytest.mark.parametrize("command", ["", "render"])
def test_help_has_bold_headings_with_colour_only(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """A pipe and NO_COLOR get the same text without escape codes, on every version of Python."""
    argv = list(filter(None, ["help", command]))
    plain = print_help(capsys, *argv)
    monkeypatch.setenv("FORCE_COLOR", "1")
    painted = print_help(capsys, *argv)
    monkeypatch.setenv("NO_COLOR", "1")

    assert print_help(capsys, *argv) == plain == re.sub(r"\x1b\[\d*m", "", painted)
    assert "\x1b" not in plain
    assert "\x1b[1moptions:\x1b[0m\n" in painted
    assert "\x1b[1musage:\x1b[0m shotchain" in painted


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("help rendr", "there is no command 'rendr'. Did you mean render?"),
        ("hlep", "there is no command 'hlep'. Did you mean help?"),
        ("run film.yaml", "there is no command 'run'. Did you mean render?"),
        (
            "--json check film.yaml",
            "the command comes first. Did you mean `shotchain check --json film.yaml`?",
        ),
        (
            "film.yaml render --yes",
            "the command comes first. Did you mean `shotchain render film.yaml --yes`?",
        ),
        ("film", "there is no command 'film'. Did you mean `shotchain render film.yaml`?"),
        ("--store x", "there is no option '--store'. See `shotchain --help`."),
        ("-v", "there is no option '-v'. Did you mean --version?"),
        ("chk film.yaml", "there is no command 'chk'. Did you mean check?"),
        ("spendings", "there is no command 'spendings'. Did you mean spend?"),
        ("''", "there is no command ''. `shotchain --help` lists them."),
        ("render", "BOARD is missing. Did you mean `shotchain render film.yaml`?"),
        ("retake", "BOARD and SHOT are missing. Boards in this folder: film.yaml."),
        ("retake film.yaml", "SHOT is missing. See `shotchain retake --help`."),
        ("render film.yaml --budget", "--budget needs a value. See `shotchain render --help`."),
        (
            "pick film.yaml dawn two",
            "TAKE: 'two' is not a whole number. See `shotchain pick --help`.",
        ),
        ("init x --template Spot", "--template: 'Spot' is not a choice. Did you mean spot?"),
        (
            "completion powershell",
            "SHELL: 'powershell' is not a choice. Choose bash, zsh or fish.",
        ),
        ("version", "there is no command 'version'. Did you mean --version?"),
        (
            "film.yaml --budget '3 USD'",
            "there is no command 'film.yaml'. Did you mean "
            "`shotchain render film.yaml --budget '3 USD'`?",
        ),
        (
            "--provider ark render film.yaml",
            "the command comes first. Did you mean `shotchain render --provider ark film.yaml`?",
        ),
        ("render film.yaml --re", "there is no option '--re'. Did you mean --resubmit?"),
        ("render film.yaml --resub dawn", "there is no option '--resub'. Did you mean --resubmit?"),
        ("render film.yaml --jbos 2", "there is no option '--jbos'. Did you mean --jobs?"),
        ("render film.yaml --shot dawn", "there is no option '--shot'. Did you mean --only?"),
        ("render film.yaml -y", "there is no option '-y'. Did you mean --yes?"),
        (
            "render film.yaml --strict",
            "there is no option '--strict'. See `shotchain render --help`.",
        ),
        (
            "render film.yaml ''",
            "there is one argument too many: ''. See `shotchain render --help`.",
        ),
        *(
            (
                f"render film.yaml --only {ids}",
                "there is one argument too many: 'dusk'. Several shots are one argument: "
                "--only dawn,dusk.",
            )
            for ids in ("dawn dusk", "dawn, dusk")
        ),
        ("render film.yaml --output x", "there is no option '--output'. Did you mean --out?"),
        (
            "render film.yaml --model x",
            "there is no option '--model'. Write `model: ...` into the board.",
        ),
        ("render film.yaml –yes", "'–yes' begins with a typographic dash. Write --yes."),
        (
            "render film.yaml dawn",
            "there is one argument too many: 'dawn'. To render one shot, write --only dawn.",
        ),
        (
            "render film.yaml other.yaml",
            "there is one argument too many: 'other.yaml'. See `shotchain render --help`.",
        ),
        *(
            (
                f"render {line}",
                'the amount and its currency are one argument. Write --budget "3 USD".',
            )
            for line in (
                *("film.yaml --budget 3 USD", "--budget 3 USD film.yaml", "--budget 3 USD"),
                "film.yaml --budget=3 USD",
            )
        ),
        ("retake dawn film.yaml", "the board comes before the shot. Write `film.yaml dawn`."),
        ("takes dawn film.yaml", "the board comes before the shot. Write `film.yaml dawn`."),
        ("pick dawn film.yaml 1", "the board comes before the shot. Write `film.yaml dawn`."),
    ],
)
@pytest.mark.usefixtures("folder")
def test_wrong_command_line_is_corrected(capsys: Capture, line: str, sentence: str) -> None:
    """A mistake is one sentence with the command that was probably meant; exit code 2."""
    assert main(shlex.split(line)) == 2
    assert capsys.readouterr().err == f"shotchain: {sentence}\n"


def test_missing_board_without_boards_names_the_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Nothing can be offered in an empty folder."""
    monkeypatch.chdir(tmp_path)

    assert main(["plan"]) == 2
    assert capsys.readouterr().err == (
        "shotchain: BOARD is missing. See `shotchain plan --help`.\n"
    )


@pytest.mark.usefixtures("folder")
def test_quoted_budget_is_not_a_mistake(capsys: Capture) -> None:
    """Nor is an amount before a board whose name looks like a currency."""
    for budget in ("3 USD", "3USD", "0"):
        parse_arguments(["render", "film.yaml", "--budget", budget])
        parse_arguments(["render", f"--budget={budget}", "film.yaml"])
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("word", ["--trust", "--store", "--resubmit", "--yes"])
def test_option_with_consequences_is_offered_for_a_slip_only(word: str) -> None:
    """A word that only has some of its letters is not answered with it."""
    from flows.cli.mistakes import find_typos

    others = {"--trust": "strict", "--store": "force", "--resubmit": "submission", "--yes": "yield"}
    assert find_typos(word[:-1] + word[-1] * 2, [word]) == [word]
    assert find_typos(f"--{others[word]}", [word]) == []


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("flim.yaml", "Did you mean film.yaml?"),
        ("film", "Did you mean film.yaml?"),
        ("film.yml", "Did you mean film.yaml?"),
        ("boards/spot.yml", "Did you mean boards/spot.yaml?"),
        ("boards/spo.yaml", "Did you mean boards/spot.yaml or boards/spot-2.yaml?"),
        ("./boards/autum.yaml", "Did you mean boards/autumn.yaml?"),
        ("xyz.yaml", "Check the path, or write a starter with `shotchain init FILE`."),
    ],
)
def test_missing_board_offers_similar_files(
    folder: Path, capsys: Capture, name: str, remedy: str
) -> None:
    """A file that does not exist is answered with the boards beside it that have a similar name."""
    (folder / "boards").mkdir()
    for board in ("autumn", "spot", "spot-2"):
        (folder / "boards" / f"{board}.yaml").touch()
    (folder / "flim.yaml.txt").touch()
    (folder / "xyz").touch()
    (folder / "xyzz.schema.json").touch()

    assert main(["check", name]) == 2
    assert capsys.readouterr().err.endswith(f"there is no such file. {remedy}\n")
