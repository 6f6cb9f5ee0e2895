"""The documents of the packages state what the code does: keys, commands, tables, paths."""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main
from flows.report import Outcome
from storyboards import load, models
from storyboards.schema import build_schema
from tasks.providers import PROVIDERS
from tasks.providers.families import FAMILIES
from tasks.settings import variable_name
from tasks.simulator.faults import KINDS
from tasks.store import receipts
from tasks.store.receipts import AttemptState
from tasks.store.staleness import StalePolicy
from tasks.store.status import SeamState, ShotState
from tests.support.documents import (
    ROOT,
    iter_code_blocks,
    read_block,
    read_document,
    read_section,
    read_table,
    table_cells,
)

LANGUAGE, COMMANDS, CODE, TESTS = (
    f"{folder}/README.md" for folder in ("storyboards", "flows", "tasks", "tests")
)
DOCUMENTS = (
    *("README.md", LANGUAGE, COMMANDS, CODE, TESTS),
    *(".github/CONTRIBUTING.md", ".github/SECURITY.md"),
)


class TestLanguage:
    """storyboards/README.md describes every key."""

    def test_every_key_has_a_row_with_an_example(self) -> None:
        """Each key of each model is the first cell of a row, and in the row's example."""
        keys = {field for model in iter_models() for field in iter_keys(model)}
        examples = {key: example for _, key, example in iter_key_rows()}

        assert keys - set(examples) == set()
        assert [key for key in examples if key not in examples[key]] == []

    def test_every_value_of_a_choice_appears(self) -> None:
        """Each value of a literal is in backticks."""
        values = set(iter_choices(build_schema()))
        text = re.sub(r"```.*?```", "", read_document(LANGUAGE), flags=re.DOTALL)
        code = " ".join(re.findall(r"`([^`]+)`", text))

        assert len(values) > 20
        assert {value for value in values if not re.search(rf"\b{re.escape(value)}\b", code)} == (
            set()
        )

    @pytest.mark.parametrize("block", list(iter_code_blocks(LANGUAGE, "yaml")))
    def test_example_board_is_valid(self, block: str, tmp_path: Path, capsys) -> None:
        """`shotchain check` accepts each YAML example, beside the files that it names."""
        shutil.copytree(ROOT / "storyboards" / "refs", tmp_path / "refs")
        board = tmp_path / "example.yaml"
        board.write_text(block)

        assert main.main(["check", str(board)]) == 0, capsys.readouterr().err

    def test_example_of_a_key_is_valid(self, tmp_path: Path) -> None:
        """The loader accepts the example of each row in a board."""
        rows = list(iter_key_rows())
        for number, (section, _, example) in enumerate(rows):
            board = tmp_path / f"row-{number}.yaml"
            board.write_text(wrap_example(section, example))
            load(board)

        assert len(rows) > 50

    def test_model_table_has_every_family(self) -> None:
        """Seconds, resolutions and the other capabilities are those of the code."""
        assert read_table(LANGUAGE, "models") == [family_cells(name) for name in FAMILIES]

    def test_board_table_has_every_example_board(self) -> None:
        """The table and the folder have the same boards."""
        named = set(re.findall(r"^\| `(\S+\.yaml)` \|", read_document(LANGUAGE), re.MULTILINE))

        assert named == {path.name for path in (ROOT / "storyboards").glob("*.yaml")}


KEY_SECTIONS = {
    "The board": "{example}",
    "The look": "look: {{{example}}}",
    "The cast": "cast: {{fox: {{{is_text}{example}}}}}",
    "Shots": "shots: [{{{id}{prompt}{example}}}]",
    "References": "shots: [{{id: a, references: {{{example}}}, prompt: Rain.}}]",
    "Ranges of takes": "shots: [{{{id}{prompt}{example}}}]",
    "Transitions": "shots: [{{{id}{prompt}{example}}}]",
    "Titles": "shots: [{{{id}{prompt}{example}}}]",
    "The film": "film: {{{example}}}",
    "Music and voice": "film: {{{example}}}",
    "Loudness": "film: {{{example}}}",
    "Limits of quality": "{example}",
    "Captions": (
        "variables: {{lang: en}}\nfilm: {{{example}}}\n"
        "shots: [{{id: a, prompt: 'She whispers: \"Rain.\"'}}]"
    ),
    "End card and legal line": "film: {{{example}}}",
    "Versions": (
        "variables: {{lang: en}}\n"
        "versions: [{{{name}{example}}}]\n"
        "shots: [{{id: z, prompt: Fog.}}, {{id: a, prompt: Rain.}}]"
    ),
}
"""A heading of the language's README to the board around an example in its first tables."""


def iter_key_rows() -> Iterator[tuple[str, str, str]]:
    """Yield the heading, the key and the example of each row in a table of keys."""
    for heading in KEY_SECTIONS:
        section = read_section(LANGUAGE, heading).split("\n### ", 1)[0]
        for table in re.findall(r"^\| key \| example .*\n(?:\|.*\n?)+", section, re.MULTILINE):
            for key, example, *_ in table_cells(table):
                yield heading, key.strip("`"), example.strip("`")


def wrap_example(heading: str, example: str) -> str:
    """Return a board with an example of a row."""
    board = KEY_SECTIONS[heading].format(
        example=example,
        is_text="" if example.startswith("is:") else "is: a fox, ",
        name="" if example.startswith("name:") else "name: other, ",
        id="" if example.startswith("id:") else "id: a, ",
        prompt="" if example.startswith(("prompt:", "clip:")) else "prompt: Rain., ",
    )
    if "required: true" in board:
        board = board.replace("required", "images: [refs/tea-cup.jpg], required")
    if "keeper}" in board:
        board = f"cast: {{keeper: {{is: a keeper}}}}\n{board}"
    # A first shot can't continue a clip or change from another shot.
    board = board.replace(
        "shots: [{id: a, prompt: Rain., ", "shots: [{id: z, prompt: Fog.}, {id: a, prompt: Rain., "
    )
    return board if "shots:" in board else f"{board}\nshots: [{{id: a, prompt: Rain.}}]"


def iter_models() -> Iterator[type[models.FrozenModel]]:
    """Yield the parts of a storyboard that an author writes as keys and values."""
    for value in vars(models).values():
        is_model = isinstance(value, type) and issubclass(value, models.FrozenModel)
        if is_model and value not in (models.FrozenModel, models.Money, models.FromShot):
            yield value


def iter_keys(model: type[models.FrozenModel]) -> Iterator[str]:
    """Yield the keys of a part as an author writes them."""
    for name, field in model.model_fields.items():
        yield field.alias or name


def iter_choices(schema: Any) -> Iterator[str]:
    """Yield every fixed text of a JSON Schema."""
    if isinstance(schema, dict):
        texts = [*schema.get("enum", ()), schema.get("const")]
        yield from (text for text in texts if isinstance(text, str))
        for value in schema.values():
            yield from iter_choices(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from iter_choices(value)


ALSO = {
    "supports_auto_duration": "seconds: auto",
    "frames": "frames",
    "seed": "seed",
    "camera_fixed": "camera_fixed",
    "flex": "service_tier: flex",
    "draft": "draft",
    "priority": "priority",
    "supports_web_search": "tools",
}
"""A field of a family to what its row of the table names."""


def family_cells(name: str) -> list[str]:
    """Return the row of a family in the table of models."""
    family = FAMILIES[name]
    low, high = family.duration_range_seconds
    references = (family.reference_images, family.reference_videos, family.reference_audio)
    return [
        f"`{name}`",
        f"{low} to {high}",
        " ".join(family.resolutions),
        "yes" if family.audio else "no",
        "yes" if family.last_frame else "no",
        ", ".join(map(str, references)) if any(references) else "none",
        ", ".join(f"`{text}`" for field, text in ALSO.items() if getattr(family, field)),
    ]


@cache
def command_parsers() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command."""
    parser = main.build_parser(with_arguments=True)
    actions = (item for item in parser._actions if isinstance(item, argparse._SubParsersAction))
    return dict(next(actions).choices)


class TestCommands:
    """flows/README.md describes the command line."""

    @pytest.mark.parametrize("name", main.COMMANDS)
    def test_usage_is_that_of_the_parser(self, name: str) -> None:
        """The block below a command's heading has every argument and option."""
        usage = re.search(r"```\n(.*?)```", read_section(COMMANDS, name), re.DOTALL)[1]
        expected = command_parsers()[name].format_usage().removeprefix("usage: ")

        assert usage.split() == expected.replace("[-h] ", "").split()

    @pytest.mark.parametrize("name", main.COMMANDS)
    def test_option_is_explained(self, name: str) -> None:
        """In the text of the command, or in the table of shared options."""
        text = re.sub(r"```\n.*?```", "", read_section(COMMANDS, name), count=1, flags=re.DOTALL)
        shared = read_section(COMMANDS, "Commands").split("\n### ", 1)[0]
        options = {
            option
            for action in command_parsers()[name]._actions
            for option in action.option_strings
            if option.startswith("--") and option != "--help"
        }

        assert {option for option in options if option not in text + shared} == set()

    def test_shared_options_belong_to_several_commands(self) -> None:
        """An option in the shared table is an option of at least two commands."""
        shared = read_section(COMMANDS, "Commands").split("\n### ", 1)[0]
        for option in re.findall(r"^\| `(--[a-z]+)", shared, re.MULTILINE):
            commands = [
                name
                for name, parser in command_parsers().items()
                if option in parser._option_string_actions
            ]
            assert len(commands) > 1, option

    def test_every_command_has_a_heading(self) -> None:
        """The headings are the commands, in the order of `--help`."""
        headings = re.findall(r"^### (\w+)$", read_section(COMMANDS, "Commands"), re.MULTILINE)

        assert headings == list(main.COMMANDS)

    @pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 70, 130])
    def test_exit_code_has_a_row(self, code: int) -> None:
        """Each exit code is a row of its table."""
        assert re.search(rf"^\| {code}\b", read_section(COMMANDS, "Exit codes"), re.MULTILINE)

    @pytest.mark.parametrize("name", main.COMMANDS)
    def test_json_document_is_described(self, name: str) -> None:
        """Each command is in the table of documents."""
        rows = re.findall(r"^\| (`.*?) \|", read_section(COMMANDS, "JSON documents"), re.MULTILINE)

        assert any(f"`{name}`" in row for row in rows)  # prose: ignore name-filler

    @pytest.mark.parametrize(
        "values", [Outcome, ShotState, SeamState, StalePolicy], ids=lambda enum: enum.__name__
    )
    def test_values_of_json_fields_appear(self, values: type[StrEnum]) -> None:
        """Each value of a field with fixed values is in backticks."""
        text = read_document(COMMANDS)

        assert [value for value in values if f"`{value}`" not in text] == []


class TestJsonFields:
    """The fields of the documents are those that commands print."""

    @pytest.fixture
    def document(self, tmp_path: Path, monkeypatch, capsys):
        """Run a command in a folder with a small board and return its document."""
        import json

        (tmp_path / "board.yaml").write_text("shots: [{id: a, prompt: Rain.}]\n")
        (tmp_path / ".shotchain").mkdir()
        monkeypatch.chdir(tmp_path)

        def run(*argv: str) -> dict[str, Any]:
            main.main([*argv, "--json"])
            return json.loads(capsys.readouterr().out)

        return run

    @pytest.mark.parametrize(
        "command",
        [
            *("init new.yaml", "check board.yaml", "plan board.yaml", "providers", "spend"),
            *("verify", "clean", "cancel board.yaml", "completion bash", "retake board.yaml a"),
        ],
    )
    def test_every_field_appears(self, document, command: str) -> None:
        """Each field of the document, and of its first shot, is in the section."""
        printed = document(*command.split())
        section = read_section(COMMANDS, "JSON documents")
        fields = {*printed, *(printed.get("shots") or [{}])[0]} if command[0] != "c" else {*printed}

        assert {field for field in fields if f"`{field}`" not in section} == set()

    def test_fields_of_an_error_appear(self, document) -> None:
        """An error and a problem."""
        printed = document("check", "missing.yaml")
        section = read_section(COMMANDS, "JSON documents")
        fields = {*printed, *printed["error"], *printed["problems"][0]}

        assert {field for field in fields if f"`{field}`" not in section} == set()


class TestProviders:
    """The tables of providers and variables are those of the code."""

    def test_provider_has_a_row_with_its_key(self) -> None:
        """Every built-in provider, in the order of the catalog."""
        rows = {cells[0]: cells[2] for cells in read_table(COMMANDS, "providers")}

        assert rows == {
            f"`{name}`": "none" if name == "simulator" else f"`{provider.key_variable}`"
            for name, provider in PROVIDERS.items()
        }

    def test_catalog_table_is_that_of_the_code(self) -> None:
        """Dialect, currency and parallel jobs of every provider."""
        assert read_table(CODE, "catalog") == [
            [
                f"`{provider.name}`",
                f"`{provider.dialect}`",
                provider.currency or "free",
                str(provider.max_concurrent_jobs),
            ]
            for provider in PROVIDERS.values()
        ]

    def test_environment_variables_appear(self) -> None:
        """Every variable that the settings read, and the pattern of those of providers."""
        source = read_document("tasks/settings.py")
        names = set(re.findall(r"\"((?:SHOTCHAIN|PREFECT|XDG)_[A-Z_]*[A-Z]|FFMPEG)\"", source))
        section = read_section(COMMANDS, "Environment")

        assert "SHOTCHAIN_STORE" in names
        assert {name for name in names - {"PREFECT__FLOW_RUN_ID"} if name not in section} == set()
        for suffix in ("API_KEY", "BASE_URL"):
            assert variable_name("<provider>", suffix) in section

    def test_faults_are_listed_by_moment(self) -> None:
        """Every fault of the simulator."""
        rows = {
            moment: re.findall(r"\w+", faults) for moment, faults in read_table(COMMANDS, "faults")
        }
        moments = dict.fromkeys(kind.moment for kind in KINDS.values())

        assert rows == {
            moment: [kind.name for kind in KINDS.values() if kind.moment == moment]
            for moment in moments
        }


class TestCode:
    """tasks/README.md describes packages and receipts."""

    def test_layout_has_every_part(self) -> None:
        """Each package and module of `tasks`."""
        linked = set(
            re.findall(r"\]\(([^)]+)\)", "".join(map("".join, read_table(CODE, "layout"))))
        )
        parts = {
            path.name
            for path in (ROOT / "tasks").iterdir()
            if path.name[0] not in "._" and (path.is_dir() or path.suffix == ".py")
        }

        assert linked - {"providers/dialects"} == {part.removesuffix("/") for part in parts}

    def test_state_diagram_has_every_state(self) -> None:
        """The states in the diagram are those of an attempt."""
        diagram = state_diagram()
        states = {state for transition in diagram for state in transition}

        assert states - {"[*]"} == {state.name for state in AttemptState}

    def test_state_diagram_has_every_transition(self) -> None:
        """The transitions that the module of the receipts draws."""
        drawn = re.findall(r"^ +(\(none\)|[A-Z]+) -+> ([A-Z]+) ", receipts.__doc__, re.MULTILINE)
        transitions = {(source.replace("(none)", "[*]"), target) for source, target in drawn}

        assert len(transitions) > 10
        assert transitions - state_diagram() == set()


def state_diagram() -> set[tuple[str, str]]:
    """Return the transitions of the Mermaid diagram of a receipt."""
    diagrams = [block for block in iter_code_blocks(CODE, "mermaid") if "stateDiagram" in block]
    return set(re.findall(r"^\s*(\S+) --> (\w+)", diagrams[0], re.MULTILINE))


class TestTests:
    """tests/README.md describes the tests."""

    def test_marks_have_their_time_outs(self) -> None:
        """Each mark with the seconds that conftest.py gives it."""
        import tomllib

        from tests.conftest import TIMEOUT_SECONDS

        options = tomllib.loads(read_document("pyproject.toml"))["tool"]["pytest"]["ini_options"]
        cells = re.findall(
            r"^\| (?:`(\w+)`|none) .* (\d+) \|$", read_section(TESTS, "Marks and time-outs"), re.M
        )
        expected = {"": options["timeout"], **TIMEOUT_SECONDS}

        assert {mark: int(seconds) for mark, seconds in cells} == expected
        assert {mark.partition(":")[0] for mark in options["markers"]} == set(TIMEOUT_SECONDS)

    def test_every_folder_appears(self) -> None:
        """Each folder of tests that mirrors a package or has a purpose of its own."""
        folders = {
            path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py")
        }
        text = read_document(TESTS)

        assert len(folders) > 10
        assert {folder for folder in folders if f"`{folder}`" not in text} <= {"tests"}

    def test_every_program_appears(self) -> None:
        """Each benchmark and each crash program that is run by hand."""
        programs = {
            path.relative_to(ROOT).as_posix()
            for folder in ("benchmarks", "crash")
            for path in (ROOT / "tests" / folder).glob("*.py")
            if '__name__ == "__main__"' in path.read_text() and path.stem != "child"
        }

        assert len(programs) > 8
        assert {name for name in programs if f"python {name}`" not in read_document(TESTS)} == set()


@pytest.mark.parametrize("document", [LANGUAGE, COMMANDS])
def test_module_table_is_complete(document: str) -> None:
    """Each module of the package, except those of the commands."""
    folder = (ROOT / document).parent
    modules = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if not path.stem.startswith("__")
    }
    commands = {f"cli/{name}.py" for name in main.COMMANDS}
    cells = "".join(map("".join, read_table(document, "modules")))

    assert set(re.findall(r"\]\(([^)]+)\)", cells)) == modules - commands


PATH = re.compile(r"`(?:\.venv/bin/python )?((?:\.?[\w-]+/)*[\w.-]+(?:\.\w+|/))`")
FOLDERS = ("storyboards/", "tasks/", "flows/", "tests/", ".ci/", ".github/")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_exist(document: str) -> None:
    """Every relative link, and every path in backticks that begins with a folder of ours."""
    folder, text = (ROOT / document).parent, read_document(document)
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    quoted = [path for path in PATH.findall(text) if path.startswith(FOLDERS)]
    missing = [link for link in links if not (folder / link).exists()]
    missing += [path for path in quoted if not (ROOT / path).exists()]

    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_anchors_exist(document: str) -> None:
    """Every link to a heading, in the same document or in another."""
    folder = (ROOT / document).parent
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", read_document(document)):
        target = (folder / path).resolve() if path else ROOT / document
        headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
        assert anchor in {slug(heading) for heading in headings}, f"{path}#{anchor}"


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_nightly_schedule_is_off() -> None:
    """The deployment is created with a schedule that a user switches on."""
    import yaml

    deployments = yaml.safe_load(read_document("prefect.yaml"))["deployments"]
    schedules = {deployment["name"]: deployment.get("schedules") for deployment in deployments}

    assert [schedule["active"] for schedule in schedules["nightly"]] == [False]
    assert schedules["storyboard"] is None


@pytest.mark.parametrize("marker", ["server", "worker", "run", "schedule"])
def test_server_commands_are_marked(marker: str) -> None:
    """The blocks that the test of the deployments runs."""
    assert "prefect " in read_block(COMMANDS, marker)
