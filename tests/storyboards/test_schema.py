"""The JSON Schema that editors read agrees with the loader."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from storyboards.schema import FILE, build_schema, render_schema, write_schema
from storyboards.yaml_nodes import compose, to_data

BROKEN = Path(__file__).parent / "broken"
SCHEMA = Draft202012Validator(build_schema())


def errors_of(file: Path) -> list[str]:
    """What a validator finds in a board."""
    tree, _ = compose(file.read_text(encoding="utf-8"))
    return [error.message for error in SCHEMA.iter_errors(to_data(tree))] if tree else []


def test_the_file_is_current() -> None:
    """The schema beside the models is what they say: run `python -m storyboards.schema`."""
    assert FILE.read_text(encoding="utf-8") == render_schema()


def test_it_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    """Writing gives the file that is compared above."""
    write_schema(tmp_path / "schema.json")
    assert json.loads((tmp_path / "schema.json").read_text(encoding="utf-8")) == build_schema()


def test_it_is_a_schema_with_a_title() -> None:
    """It is valid by its own rules and says what it is for."""
    Draft202012Validator.check_schema(build_schema())
    assert build_schema()["title"] == "Shotchain storyboard"


def test_every_key_explains_itself() -> None:
    """An editor has a sentence for every key and every kind of section."""
    schema = build_schema()
    for model in (schema, *schema["$defs"].values()):
        assert model["description"]
        assert model["additionalProperties"] is False
        for name, field in model["properties"].items():
            described = field.get("description") or schema["$defs"].get(
                field.get("$ref", "").rpartition("/")[2], {}
            ).get("description")
            assert described, name


def test_the_keys_are_spelled_as_in_a_board() -> None:
    """`is` and `continue` are no names in Python, and stand in the schema as authors write them."""
    models = build_schema()["$defs"]
    assert "is" in models["CastMember"]["properties"]
    assert models["Shot"]["properties"]["continue"]["const"] == "clip"
    assert not {"is_", "continue_"} & {
        *models["CastMember"]["properties"],
        *models["Shot"]["properties"],
    }


def test_the_examples_are_valid(example: Path) -> None:
    """An editor finds nothing to mark in the boards that we ship."""
    assert errors_of(example) == []


def test_each_example_names_the_schema_that_lies_beside_it(example: Path) -> None:
    """The first line tells the editor where the schema is."""
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
        "shots-empty",
    ],
)
def test_an_editor_marks_what_the_loader_refuses(kind: str) -> None:
    """What can be said in a schema is said in it."""
    (file,) = BROKEN.glob(f"[0-9][0-9]-{kind}.yaml")
    assert errors_of(file)
