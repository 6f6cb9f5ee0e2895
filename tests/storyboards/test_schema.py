"""The JSON Schema that editors read agrees with the loader."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from flows.cli.schema import format_schema
from storyboards.schema import build_schema
from storyboards.template import SCHEMA_FILE, TEMPLATES, build_template
from storyboards.yaml_nodes import compose, to_data
from tasks.providers import PROVIDERS
from tasks.providers.families import FAMILIES

BROKEN = Path(__file__).parent / "broken"
SCHEMA = Draft202012Validator(json.loads(format_schema()))


def errors_of(file: Path) -> list[str]:
    """Return what a validator finds in a board."""
    tree = compose(file.read_text(encoding="utf-8")).tree
    return [error.message for error in SCHEMA.iter_errors(to_data(tree))] if tree else []


def is_valid_id(name: str) -> bool:
    """Return whether a validator accepts an id."""
    return SCHEMA.is_valid({"shots": [{"id": name, "prompt": "x"}]})


def is_valid_name(name: str) -> bool:
    """Return whether a validator accepts the name of a variable."""
    return SCHEMA.is_valid({"variables": {name: "x"}, "shots": [{"id": "a", "prompt": "x"}]})


def test_schema_file_is_current() -> None:
    """The file is up to date: run `shotchain schema --out storyboards/storyboard.schema.json`."""
    assert SCHEMA_FILE.read_text(encoding="utf-8") == format_schema()


def test_schema_is_valid_and_has_identity() -> None:
    """It is valid by its own rules, and has a title and an id that is not an address."""
    schema = json.loads(format_schema())
    Draft202012Validator.check_schema(schema)

    assert schema["title"] == "Shotchain storyboard"
    assert schema["$id"] == "urn:shotchain:storyboard"


def test_schema_offers_names_of_the_catalog() -> None:
    """An editor completes families and providers, on the board and on a shot."""
    schema = json.loads(format_schema())
    for model in (schema, schema["$defs"]["Shot"]):
        assert model["properties"]["model"]["examples"] == list(FAMILIES)
        assert model["properties"]["provider"]["examples"] == list(PROVIDERS)


@pytest.mark.parametrize(
    ("keys", "is_valid"),
    [
        ({}, False),
        ({"title": "Rain", "last_frame": "a.png"}, False),
        ({"references": {"audio": ["a.mp3"]}, "seconds": 5}, True),
        ({"prompt": "Rain."}, True),
        ({"clip": "a.mp4"}, True),
        ({"continue": "clip"}, True),
        ({"first_frame": "a.png"}, True),
        ({"first_frame": {"shot": "z"}}, True),
    ],
)
def test_shot_needs_prompt_or_clip(keys: dict[str, Any], is_valid: bool) -> None:
    """Something that it shows; an editor names `prompt` first if everything is missing."""
    errors = list(SCHEMA.iter_errors({"shots": [{"id": "a", **keys}]}))

    assert (errors == []) is is_valid
    assert [error.context[0].message for error in errors] == ["'prompt' is a required property"] * (
        not is_valid
    )


@pytest.mark.parametrize("template", TEMPLATES)
def test_templates_are_valid(template: str) -> None:
    """An editor finds nothing to mark in a new board."""
    tree = compose(build_template("new", template).text).tree

    assert [error.message for error in SCHEMA.iter_errors(to_data(tree))] == []


def test_every_key_has_description() -> None:
    """An editor has a sentence for every key and every section."""
    schema = build_schema()
    for model in (schema, *schema["$defs"].values()):
        assert model["description"]
        assert model["additionalProperties"] is False
        for name, field in model["properties"].items():
            described = field.get("description") or schema["$defs"].get(
                field.get("$ref", "").rpartition("/")[2], {}
            ).get("description")
            assert described, name


def test_keys_are_spelt_as_in_board() -> None:
    """The schema has `is` and `continue`, which are other names in Python."""
    models = build_schema()["$defs"]
    assert "is" in models["CastMember"]["properties"]
    assert models["Shot"]["properties"]["continue"]["const"] == "clip"
    assert not {"text", "continues"} & {
        *models["CastMember"]["properties"],
        *models["Shot"]["properties"],
    }


def test_examples_are_valid(example: Path) -> None:
    """An editor finds nothing to mark in the example boards."""
    assert errors_of(example) == []


def test_example_names_schema(example: Path) -> None:
    """The first line of each example names the schema for the editor."""
    first = example.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=./storyboard.schema.json"
    assert (example.parent / "storyboard.schema.json").is_file()


@pytest.mark.parametrize(
    "kind",
    [
        "unknown-key",
        "key-at-the-wrong-height",
        "id-missing",
        "id-with-blank",
        "prompt-empty",
        "first-frame-list",
        "first-frame-unknown-key",
        "seconds-in-words",
        "seconds-in-quotes",
        "seconds-minus-one",
        "take-zero",
        "truth-in-words",
        "ratio-unknown",
        "resolution-as-number",
        "budget-without-currency",
        "budget-in-words",
        "continue-something-else",
        "name-with-blank",
        "cast-as-text",
        "cast-without-words",
        "references-as-text",
        "crossfade-too-short",
        "loudness-without-unit",
        "no-shots",
        "prompt-missing",
        "shots-empty",
    ],
)
def test_schema_rejects_broken_board(kind: str) -> None:
    """The schema rejects everything that a schema can express."""
    (file,) = BROKEN.glob(f"[0-9][0-9]-{kind}.yaml")
    assert errors_of(file)


@pytest.mark.parametrize("name", ["dawn", "02-b_c", "größe", "灯台", "подъём", "प्रभात"])
def test_schema_accepts_id_of_any_script(name: str) -> None:
    """Letters of every script, digits, - and _ are an id for editors too."""
    assert is_valid_id(name)


@pytest.mark.parametrize("name", ["at dawn", "a.b", "-a", "_a", "a/b", "a`b", "日 本", "a\u3000b"])
def test_schema_rejects_invalid_id(name: str) -> None:
    """Blanks and punctuation are not part of an id, nor is a - or _ at its start."""
    assert not is_valid_id(name)


@pytest.mark.parametrize(
    ("name", "valid"), [("_a", True), ("größe", True), ("1a", False), ("-a", False), ("a b", False)]
)
def test_schema_checks_variable_names(name: str, valid: bool) -> None:
    """The names of variables begin with a letter or _."""
    assert is_valid_name(name) == valid


def find_patterns(node: Any) -> Iterator[str]:
    """Yield every regular expression of a schema."""
    if isinstance(node, list):
        for item in node:
            yield from find_patterns(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "pattern" and isinstance(value, str):
                yield value
            if key == "patternProperties":
                yield from value
            yield from find_patterns(value)


def test_patterns_compile_in_python() -> None:
    """Validators in Python do not support Unicode classes for letters."""
    patterns = set(find_patterns(build_schema()))
    assert patterns
    for pattern in patterns:
        re.compile(pattern)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_patterns_compile_in_javascript() -> None:
    """The YAML extension of VS Code compiles patterns with the flag u, which is strict."""
    patterns = sorted(set(find_patterns(build_schema())))
    code = (
        "const patterns = JSON.parse(process.argv[1]);"
        "const found = patterns.map(p => new RegExp(p, 'u'));"
        "const ids = found.filter(r => r.test('größe') && r.test('灯台') && !r.test('a b'));"
        "console.log(found.length, ids.length);"
    )
    finished = subprocess.run(
        ["node", "-e", code, json.dumps(patterns)], check=True, capture_output=True, text=True
    )
    assert finished.stdout.split() == [str(len(patterns)), "2"]
