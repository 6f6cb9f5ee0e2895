"""The prose check: what each rule reports and accepts, and the places of its reports."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = Path(__file__).parents[1] / ".ci" / "prose.py"


def load_program() -> ModuleType:
    """Import the check from its file; `.ci` is not a package."""
    spec = importlib.util.spec_from_file_location("prose", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["prose"] = module
    spec.loader.exec_module(module)
    return module


prose = load_program()

TEMPLATES = {
    prose.DOCSTRING: 'def run():\n    """{}"""\n',
    prose.COMMENT: "# {}\n",
    prose.MESSAGE: "message = f'{}'\n",
    prose.MARKDOWN: "{}\n",
    prose.NAME: "{} = 1\n",
}
"""A file with one text of each kind."""

BY_KIND = [
    pytest.param(rule, kind, id=f"{rule.id}-{kind}") for rule in prose.RULES for kind in rule.kinds
]


def rules_of(text: str, path: str = "a.py") -> list[str]:
    """Return the ids of the rules that report something, in the order of the text."""
    return [finding.rule for finding in prose.check_text(text, path)]


def build(kind: str, text: str) -> tuple[str, str]:
    """Return the content and the name of a file that holds `text` as that kind."""
    return TEMPLATES[kind].format(text), "a.md" if kind == prose.MARKDOWN else "a.py"


@pytest.mark.parametrize(("rule", "kind"), BY_KIND)
def test_rule_bad_example_is_reported(rule, kind) -> None:
    """The bad example is reported by its own rule, in every kind of text that the rule reads."""
    assert rule.id in rules_of(*build(kind, rule.bad))


@pytest.mark.parametrize(("rule", "kind"), BY_KIND)
def test_rule_good_example_is_accepted(rule, kind) -> None:
    """The good example passes all rules."""
    assert rules_of(*build(kind, rule.good)) == []


def test_rules_have_unique_ids() -> None:
    """An id in a comment suppresses one rule."""
    assert len(prose.IDS) == len(prose.RULES)


@pytest.mark.parametrize(
    "text",
    [
        "there is no shot 'a' in this board",
        "the job is no longer listed",
        "it takes no more than a second",
        "The folder where the store is.",
        "no one that is listed",
        "clips, each of which has sound",
        "Return what a vendor lists.",
        "the text as it is parsed",
        "printed as `says` in the table",
    ],
)
def test_plain_text_is_accepted(text: str) -> None:
    """Constructions near a rule, which are plain English, are not reported."""
    assert rules_of(*build(prose.DOCSTRING, text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "state = 'told'\n",
        "names = ['one', 'said']\n",
        "call(one=1)\nprint(told)\n",
        "text = f'{told} {one.says!r}'\n",
        "at_most(3)\n",
        "def test_the_most_frequent_size_wins(): pass\n",
    ],
)
def test_code_is_not_prose(text: str) -> None:
    """Single words, placeholders, uses of names and keywords of a call are not reported."""
    assert rules_of(text) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("x = 1\n# a port\n# is\n#   no port\n", (3, 3)),
        ('"""Check a port.\n\n    It is\n    no port.\n"""\n', (3, 8)),
        ("raise E('ä',\n    f'{a}{b!r} is '\n    'no port')\n", (2, 16)),
        ("def f(ä, told): pass\n", (1, 10)),
        ("try: pass\nexcept E as found: pass\n", (2, 1)),
        ("x = {'ä': 1}  # it is no port\n", (1, 20)),
        ("self.told = 1\n", (1, 1)),
    ],
)
def test_finding_has_line_and_column(text: str, place: tuple[int, int]) -> None:
    """Places count from 1 in characters, across joined literals and comment lines."""
    [finding] = prose.check_text(text, "a.py")

    assert (finding.line, finding.column) == place


def test_separate_comments_are_not_joined() -> None:
    """Comments behind code, or with an empty line between, are texts of their own."""
    assert rules_of("x = 1  # it is\ny = 2  # no port\n") == []
    assert rules_of("# it is\n\n# no port\n") == []


def test_only_the_start_of_a_comment_is_a_start() -> None:
    """The second line of a comment may begin with any word."""
    assert rules_of("# Return the place\n# where a board is.\n") == []
    assert rules_of("x = 1  # where a board is\n") == ["question-start"]


def test_markdown_code_is_not_checked() -> None:
    """Fenced code, inline code, comments and addresses are left out; the text is checked."""
    code = "```\nit says\n```\nA `says` [link](https://example.com/it says).\n<!-- told -->\n\n"

    assert rules_of(code + "It is\nno port.\n", "a.md") == ["is-no"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("told = 1  # prose: ignore name-filler\n", "a.py"),
        ("# A page says so. prose: ignore says\n".replace(". ", ".  # "), "a.py"),
        ('"""Return it.\n\nA page says so.\n"""  # prose: ignore says\n', "a.py"),
        ("told = 'it is no port'  # prose: ignore name-filler, is-no\n", "a.py"),
        ("A page says so. <!-- prose: ignore says -->\n", "a.md"),
    ],
)
def test_ignore_suppresses_a_rule(text: str, path: str) -> None:
    """A comment on the line, or behind a string of several lines, suppresses the rules it names."""
    assert rules_of(text, path) == []


@pytest.mark.parametrize("rule", ["says", "no-such-rule"])
def test_unused_ignore_is_reported(rule: str) -> None:
    """A comment that suppresses nothing, or names a rule that does not exist, is reported."""
    assert rules_of(f"x = 1  # prose: ignore {rule}\n") == [prose.UNUSED]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with two findings, and files that are not read."""
    for name, text in {
        "a/b/c/one.py": "told = 1\n",
        "README.md": "It says so.\n",
        "fine.py": "shot = 1\n",
        "notes.txt": "It says so.\n",
        ".venv/x.py": "told = 1\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_main_prints_findings_and_returns_1(tree: Path, capsys) -> None:
    """Each finding is a line `file:line:column: rule: message`; hidden folders are left out."""
    code = prose.main([str(tree)])

    lines = capsys.readouterr().out.splitlines()
    assert code == 1
    assert [line.partition(": '")[0] for line in lines] == [
        f"{tree}/README.md:1:4: says",
        f"{tree}/a/b/c/one.py:1:1: name-filler",
    ]


def test_main_clean_file_returns_0(tree: Path, capsys) -> None:
    """Without a finding nothing is printed."""
    assert prose.main([str(tree / "fine.py")]) == 0
    assert capsys.readouterr().out == ""


def test_main_statistics_counts_by_rule_and_folder(tree: Path, capsys) -> None:
    """Both tables, and the total; the exit code is still 1."""
    code = prose.main(["--statistics", str(tree)])

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert code == 1
    assert ["says", "1"] in lines
    assert ["name-filler", "1"] in lines
    assert ["total", "2"] in lines


def test_main_rules_prints_reason_and_examples(capsys) -> None:
    """Every rule is printed with both of its examples."""
    assert prose.main(["--rules"]) == 0

    printed = capsys.readouterr().out
    assert all(text in printed for rule in prose.RULES for text in (rule.id, rule.bad, rule.good))
