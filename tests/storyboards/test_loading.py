"""From a file to a board: names, places, empty keys, every problem at once."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from storyboards import Board, InvalidStoryboard, Problem, Storyboard, load, parse, yaml_nodes

Read = Callable[[str], Board]
Reject = Callable[[str | bytes], tuple[Problem, ...]]
SHOTS = 'shots:\n  - id: dawn\n    prompt: "Waves."\n'


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("lighthouse", "lighthouse"),
        ("my film (v2)", "my-film-v2"),
        ("spot.final", "spot-final"),
        ("Größe", "Größe"),
        ("Zoe\u0301", "Zo\u00e9"),
        ("灯台", "灯台"),
        ("_draft", "draft"),
        ("x" * 90, "x" * 64),
        ("灯" * 90, "灯" * 40),
        ("CON", "CON-board"),
        ("nul.draft", "nul-draft"),
    ],
)
def test_board_name_is_derived_from_stem(tmp_path: Path, stem: str, name: str) -> None:
    """Letters of every script stay; everything else becomes a dash; files can have the name."""
    file = tmp_path / "board.yaml"
    file.write_text(SHOTS, encoding="utf-8")
    assert load(file).name == "board"
    assert parse(SHOTS.encode(), file=f"{stem}.yaml").name == name


def test_board_name_key_replaces_stem(tmp_path: Path) -> None:
    """`name:` wins, also if no name can be derived from the file."""
    file = tmp_path / "….yaml"
    file.write_text(f"name: todai\n{SHOTS}", encoding="utf-8")
    assert load(file).name == "todai"


def test_stem_without_letter_needs_name(tmp_path: Path) -> None:
    """If no name can be derived from the stem, the author is asked for one."""
    file = tmp_path / "….yaml"
    file.write_text(SHOTS, encoding="utf-8")
    with pytest.raises(InvalidStoryboard, match="Add a line `name:") as caught:
        load(file)
    assert caught.value.problems[0].line == 1


def test_board_has_file_and_shown_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is absolute, the name in messages as typed."""
    (tmp_path / "board.yaml").write_text(SHOTS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    board = load(Path("board.yaml"))
    assert board.file == tmp_path / "board.yaml"
    assert board.folder == tmp_path
    assert board.shown_as == "board.yaml"


def test_parse_without_folder_has_no_file(tmp_path: Path) -> None:
    """References begin in the given folder, or the board reads no files."""
    assert parse(SHOTS.encode(), file="x/board.yaml").folder is None
    board = parse(SHOTS.encode(), file="x/board.yaml", folder=tmp_path)
    assert board.file == tmp_path / "board.yaml"
    assert board.shown_as == "x/board.yaml"


def test_locate_finds_nearest_place(read: Read) -> None:
    """Values, items and keys that are not written have the place of the nearest value."""
    board = read(
        f"look:\n  seconds: 5\n{SHOTS}    first_frame: none\n  - {{id: dusk, prompt: x}}\n"
    )
    assert board.locate(("look", "seconds")) == (2, 12)
    assert board.locate(("shots", 0)) == (4, 5)
    assert board.locate(("shots", 0, "first_frame")) == (6, 18)
    assert board.locate(("shots", 0, "seconds")) == (4, 5)
    assert board.locate(("shots", 1, "prompt")) == (7, 24)
    assert board.locate(("shots", 7, "prompt")) == (4, 3)
    assert board.locate(("film", "join")) == (1, 1)
    assert board.locate(()) == (1, 1)


def test_problem_text_has_place_and_remedy(read: Read) -> None:
    """A problem that a later check finds has the place of the value."""
    problem = read(SHOTS).problem(("shots", 0, "prompt"), "the text is dull", "Add a whale.")
    text = "board.yaml:3:13: shots[0].prompt: the text is dull. Add a whale."
    assert str(problem) == text


def test_inline_board_problem_has_path_only() -> None:
    """A storyboard that is passed as a value is checked too; its problems have no place."""
    storyboard = Storyboard.model_validate({"shots": [{"id": "dawn", "prompt": "{keeper}"}]})
    with pytest.raises(InvalidStoryboard) as caught:
        Board.of(storyboard)
    assert str(caught.value).startswith("shots[0].prompt: `{keeper}` is not in the cast")


def test_inline_board_has_name_and_no_file() -> None:
    """The name is the storyboard's, the caller's or `storyboard`."""
    shots = [{"id": "dawn", "prompt": "Waves."}]
    plain = Storyboard.model_validate({"shots": shots})
    named = Storyboard.model_validate({"name": "coast", "shots": shots})
    assert (Board.of(plain).name, Board.of(named).name) == ("storyboard", "coast")
    assert Board.of(plain, name="spot").name == "spot"
    assert Board.of(plain).file is None
    assert Board.of(plain).locate(("shots", 0)) == (0, 0)


def test_storyboard_survives_json(example: Path) -> None:
    """Prefect passes boards as JSON: the parsed storyboard equals the original."""
    storyboard = load(example).storyboard
    dumped = storyboard.model_dump_json(by_alias=True)
    assert Storyboard.model_validate_json(dumped) == storyboard
    Board.of(Storyboard.model_validate_json(dumped))


def test_board_survives_pickling(example: Path) -> None:
    """An unpickled board is equal and still has its places."""
    board = load(example)
    again = pickle.loads(pickle.dumps(board))
    assert again == board
    assert again.locate(("shots", 1)) == board.locate(("shots", 1))


def test_empty_keys_are_left_out(read: Read) -> None:
    """A section whose lines are all commented out has no effect."""
    text = f"title:\nlook:\n#  seconds: 5\ncast:\nfilm:\n{SHOTS}    seconds:\n    references:\n"
    board = read(text)
    assert board.storyboard == read(SHOTS).storyboard


@pytest.mark.parametrize("key", ["first_frame:", "first_frame: null", "first_frame: ~"])
def test_empty_first_frame_is_a_problem(reject: Reject, key: str) -> None:
    """An empty value could mean none or previous, and one of them costs another chain."""
    (problem,) = reject(f"{SHOTS}    {key}\n")
    assert problem.path == "shots[0].first_frame"
    assert "is empty" in problem.message


def test_empty_budget_is_a_problem(reject: Reject) -> None:
    """A budget without an amount is reported, because without it there is no limit."""
    (problem,) = reject(f"budget:\n{SHOTS}")
    assert problem.path == "budget"


def test_anchors_and_aliases_are_allowed(read: Read) -> None:
    """An alias has the value of its anchor, and its place."""
    board = read(
        "cast:\n  keeper: {is: &words an old keeper}\n"
        "shots:\n  - {id: dawn, prompt: *words}\n  - {id: dusk, prompt: *words}\n"
    )
    assert [shot.prompt for shot in board.storyboard.shots] == ["an old keeper"] * 2
    assert board.locate(("shots", 1, "prompt")) == (2, 16)


def test_file_full_of_problems_is_bounded(reject: Reject) -> None:
    """Thousands of problems end with a line that states it."""
    problems = reject(f"shots: [{'a, ' * 20_000}]\n")
    assert len(problems) == 201
    assert problems[-1].message == "more problems are not shown, at least 1"


def test_python_parser_reads_same_board(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without libyaml, boards and places are the same."""
    fast = load(example)
    monkeypatch.setattr(yaml_nodes, "LOADER", yaml.SafeLoader)
    slow = load(example)
    assert slow == fast
    assert slow.tree == fast.tree


@pytest.mark.parametrize(
    "text",
    [
        'title: "\\UFFFFFFFF"\n' + SHOTS,
        'title: "\\uD800"\n' + SHOTS,
        "%YAML " + "9" * 5000 + ".1\n---\n" + SHOTS,
        "[" * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "title: [&a x, *a\n",
        "title: !<x\n" + SHOTS,
    ],
)
@pytest.mark.parametrize("loader", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)])
def test_hostile_text_ends_in_problem(
    reject: Reject, monkeypatch: pytest.MonkeyPatch, text: str, loader: type
) -> None:
    """Escapes beyond Unicode, endless numbers and deep nesting are problems with both parsers."""
    monkeypatch.setattr(yaml_nodes, "LOADER", loader)
    problems = reject(text)
    assert all(problem.remedy and problem.line for problem in problems)


def test_message_has_no_control_characters(reject: Reject) -> None:
    """No escape sequence of a board reaches the terminal, not even through a key."""
    text = "\n".join(map(str, reject(f'"\\e]0;owned\\a": 1\n"\\u202Ekey": 2\n{SHOTS}')))
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_message_shortens_long_value(reject: Reject) -> None:
    """A message stays readable, however long the value is."""
    (problem,) = reject(f"{SHOTS}    seconds: {'x' * 10_000}\n")
    assert len(str(problem)) < 250
