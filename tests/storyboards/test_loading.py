"""From a file to a board: names, places, empty keys, every problem at once."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from storyboards import Board, InvalidStoryboard, Problem, Storyboard, load, parse, yaml_nodes

Read = Callable[[str], Board]
Refuse = Callable[[str | bytes], tuple[Problem, ...]]
SHOTS = 'shots:\n  - id: dawn\n    prompt: "Waves."\n'


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("lighthouse", "lighthouse"),
        ("my film (v2)", "my-film-v2"),
        ("spot.final", "spot-final"),
        ("Größe", "Groe"),
        ("_draft", "draft"),
        ("x" * 90, "x" * 64),
    ],
)
def test_a_board_is_named_after_its_file(tmp_path: Path, stem: str, name: str) -> None:
    """What is no letter, digit, - or _ in the stem becomes a dash."""
    file = tmp_path / f"{stem}.yaml"
    file.write_text(SHOTS, encoding="utf-8")
    assert load(file).name == name


def test_a_name_in_the_board_replaces_the_files(tmp_path: Path) -> None:
    """`name:` rules, also where the file's own name is of no use."""
    file = tmp_path / "灯台.yaml"
    file.write_text(f"name: todai\n{SHOTS}", encoding="utf-8")
    assert load(file).name == "todai"


def test_a_file_name_without_a_letter_asks_for_a_name(tmp_path: Path) -> None:
    """Where the stem gives no name, the author is asked for one."""
    file = tmp_path / "灯台.yaml"
    file.write_text(SHOTS, encoding="utf-8")
    with pytest.raises(InvalidStoryboard, match="Add a line `name:") as caught:
        load(file)
    assert caught.value.problems[0].line == 1


def test_a_board_knows_its_file_and_what_the_user_called_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is absolute, the message as typed."""
    (tmp_path / "board.yaml").write_text(SHOTS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    board = load(Path("board.yaml"))
    assert board.file == tmp_path / "board.yaml"
    assert board.folder == tmp_path
    assert board.shown_as == "board.yaml"


def test_bytes_without_a_folder_make_a_board_without_files(tmp_path: Path) -> None:
    """References begin in the folder that is given, or nowhere."""
    assert parse(SHOTS.encode(), file="x/board.yaml").folder is None
    board = parse(SHOTS.encode(), file="x/board.yaml", folder=tmp_path)
    assert board.file == tmp_path / "board.yaml"
    assert board.shown_as == "x/board.yaml"


def test_a_place_is_found_for_every_path(read: Read) -> None:
    """Values, items and keys that are not written lead to the nearest thing that is."""
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


def test_a_problem_at_a_path_names_file_line_and_column(read: Read) -> None:
    """What others find wrong is told at the place where it is written."""
    problem = read(SHOTS).problem(("shots", 0, "prompt"), "the text is dull", "Add a whale.")
    told = "board.yaml:3:13: shots[0].prompt: the text is dull. Add a whale."
    assert str(problem) == told


def test_an_inline_board_has_problems_without_a_place() -> None:
    """A storyboard that came as a value is checked too, and told by its path alone."""
    storyboard = Storyboard.model_validate({"shots": [{"id": "dawn", "prompt": "{keeper}"}]})
    with pytest.raises(InvalidStoryboard) as caught:
        Board.of(storyboard)
    assert str(caught.value).startswith("shots[0].prompt: `{keeper}` is not among")


def test_an_inline_board_has_a_name_and_no_file() -> None:
    """The name is the storyboard's, the caller's or `storyboard`."""
    shots = [{"id": "dawn", "prompt": "Waves."}]
    plain = Storyboard.model_validate({"shots": shots})
    named = Storyboard.model_validate({"name": "coast", "shots": shots})
    assert (Board.of(plain).name, Board.of(named).name) == ("storyboard", "coast")
    assert Board.of(plain, name="spot").name == "spot"
    assert Board.of(plain).file is None
    assert Board.of(plain).locate(("shots", 0)) == (0, 0)


def test_a_storyboard_survives_json(example: Path) -> None:
    """Prefect hands boards over as JSON: what comes out is what went in."""
    storyboard = load(example).storyboard
    dumped = storyboard.model_dump_json(by_alias=True)
    assert Storyboard.model_validate_json(dumped) == storyboard
    Board.of(Storyboard.model_validate_json(dumped))


def test_a_board_survives_pickling(example: Path) -> None:
    """A board that went through a pickle is equal and still knows its places."""
    board = load(example)
    again = pickle.loads(pickle.dumps(board))
    assert again == board
    assert again.locate(("shots", 1)) == board.locate(("shots", 1))


def test_empty_keys_count_as_left_out(read: Read) -> None:
    """A section whose lines are all commented out says nothing."""
    text = f"title:\nlook:\n#  seconds: 5\ncast:\nfilm:\n{SHOTS}    seconds:\n    references:\n"
    board = read(text)
    assert board.storyboard == read(SHOTS).storyboard


@pytest.mark.parametrize("key", ["first_frame:", "first_frame: null", "first_frame: ~"])
def test_an_empty_first_frame_is_asked_about(refuse: Refuse, key: str) -> None:
    """Nothing could mean none or previous, and one of them costs another chain."""
    (problem,) = refuse(f"{SHOTS}    {key}\n")
    assert problem.path == "shots[0].first_frame"
    assert "is empty" in problem.message


def test_an_empty_budget_is_no_missing_wall(refuse: Refuse) -> None:
    """A budget without an amount is asked about, for money would flow without it."""
    (problem,) = refuse(f"budget:\n{SHOTS}")
    assert problem.path == "budget"


def test_anchors_and_aliases_are_allowed(read: Read) -> None:
    """An alias stands for what its anchor holds, and its places are the anchor's."""
    board = read(
        "cast:\n  keeper: {is: &words an old keeper}\n"
        "shots:\n  - {id: dawn, prompt: *words}\n  - {id: dusk, prompt: *words}\n"
    )
    assert [shot.prompt for shot in board.storyboard.shots] == ["an old keeper"] * 2
    assert board.locate(("shots", 1, "prompt")) == (2, 16)


def test_problems_of_every_kind_are_told_at_once_in_the_order_of_the_file(refuse: Refuse) -> None:
    """Misfits, contradictions and flaws of the YAML come together."""
    problems = refuse(
        "lok: {seconds: 5}\n"
        "look: {seconds: 5, seconds: 6, ratio: 1:2}\n"
        "shots:\n"
        "  - {id: dawn, prompt: '{nobody}'}\n"
        "  - {id: dawn, prompt: x, frist_frame: none}\n"
    )
    assert [problem.path for problem in problems] == [
        "lok",
        "look.seconds",
        "look.ratio",
        "shots[0].prompt",
        "shots[1].id",
        "shots[1].frist_frame",
    ]


@pytest.mark.parametrize(
    "text",
    [
        'shots:\n  - id: dawn\n    promt: "Waves."\n',
        'casts: {keeper: {is: x}}\nshots:\n  - {id: dawn, prompt: "{keeper}"}\n',
        'cast: {keeper: {is: x, imgs: [a]}}\nshots:\n  - {id: dawn, prompt: "{keeper}"}\n',
        "shots:\n  - {id: at dawn, prompt: x}\n  - {id: b, first_frame: {shot: dawn}, prompt: x}\n",
        "shots:\n  - {id: a, first_frame: {shot: b}, prompt: x}\n"
        "  - {id: b, frist_frame: none, prompt: x}\n",
    ],
)
def test_one_mistake_is_told_once(refuse: Refuse, text: str) -> None:
    """What only follows from a misspelled key or id is not told as well."""
    assert len(refuse(text)) == 1


def test_a_file_full_of_problems_is_told_in_a_readable_number(refuse: Refuse) -> None:
    """Thousands of misfits end with one line that says so."""
    problems = refuse(f"shots: [{'a, ' * 20_000}]\n")
    assert len(problems) == 201
    assert problems[-1].message == "there may be more problems"


def test_the_python_parser_reads_the_same_board(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where libyaml is missing, boards and places are the same."""
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
def test_tricks_end_in_a_problem_with_either_parser(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch, text: str, loader: type
) -> None:
    """Escapes beyond Unicode, endless numbers and bottomless nesting are told, not thrown."""
    monkeypatch.setattr(yaml_nodes, "LOADER", loader)
    problems = refuse(text)
    assert all(problem.remedy and problem.line for problem in problems)


def test_what_is_quoted_is_harmless_to_a_terminal(refuse: Refuse) -> None:
    """No escape of a stranger's board reaches the terminal, not even through a key."""
    told = "\n".join(map(str, refuse(f'"\\e]0;owned\\a": 1\n"\\u202Ekey": 2\n{SHOTS}')))
    assert "\x1b" not in told
    assert "\u202e" not in told


def test_a_problem_quotes_only_the_beginning_of_a_long_text(refuse: Refuse) -> None:
    """A message stays readable, however long the value is."""
    (problem,) = refuse(f"{SHOTS}    seconds: {'x' * 10_000}\n")
    assert len(str(problem)) < 250
