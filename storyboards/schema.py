"""The JSON Schema by which editors complete, explain and check a board.

It is generated from the models; ``python -m storyboards.schema`` writes it beside them. What values
demand of one another is beyond a schema and stays with `rules`.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections import ChainMap
from itertools import pairwise
from pathlib import Path
from typing import Any

from storyboards import models
from storyboards.models import Storyboard

FILE = Path(__file__).with_name("storyboard.schema.json")

_WRITTEN_AS_NUMBERS = frozenset({"id", "name", "shot", "title"})
"""Texts that may be written as a bare number, like ``id: 1`` or ``title: 1984``."""


def build_schema() -> dict[str, Any]:
    """The schema of a board as an author writes it."""
    schema: dict[str, Any] = _tidy(Storyboard.model_json_schema(by_alias=True))
    words = _read_docstrings()
    for title, model in {"Storyboard": schema, **schema["$defs"]}.items():
        for name, field in list(model.get("properties", {}).items()):
            if name in words.get(title, {}):
                field = model["properties"][name] = {"description": words[title][name], **field}
            if name in _WRITTEN_AS_NUMBERS and field.get("type") == "string":
                field["type"] = ["string", "integer"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Shotchain storyboard",
    }


def write_schema(file: Path = FILE) -> None:
    """Writes the schema where the example boards look for it."""
    file.write_text(render_schema(), encoding="utf-8")


def render_schema() -> str:
    """The schema as the text of its file."""
    return json.dumps(build_schema(), indent=2, ensure_ascii=False) + "\n"


def _read_docstrings() -> dict[str, dict[str, str]]:
    """What the models say of each field, by the name of the model and the key as it is written.

    Read from the source here: pydantic could, but at every start and not only for the schema.
    """
    tree = ast.parse(inspect.getsource(models))
    own = {node.name: _docstrings_of(node) for node in tree.body if isinstance(node, ast.ClassDef)}
    found: dict[str, dict[str, str]] = {}
    for name in own:
        model = getattr(models, name)
        said = ChainMap(*(own[base.__name__] for base in model.__mro__ if base.__name__ in own))
        fields = getattr(model, "model_fields", {})
        found[name] = {
            field.alias or key: said[key] for key, field in fields.items() if key in said
        }
    return found


def _docstrings_of(node: ast.ClassDef) -> dict[str, str]:
    return {
        said.target.id: inspect.cleandoc(words.value.value)
        for said, words in pairwise(node.body)
        if isinstance(said, ast.AnnAssign)
        and isinstance(said.target, ast.Name)
        and isinstance(words, ast.Expr)
        and isinstance(words.value, ast.Constant)
        and isinstance(words.value.value, str)
    }


def _tidy(node: Any) -> Any:
    """Without what nobody writes or reads: nulls, empty defaults, titles that repeat the key."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    tidied: dict[str, Any] = {
        key: _tidy_fields(value) if key in ("properties", "$defs") else _tidy(value)
        for key, value in node.items()
        if key != "title" and not (key == "default" and not isinstance(value, str | int | float))
    }
    if "patternProperties" in tidied:
        tidied["additionalProperties"] = False
    kinds = [kind for kind in tidied.pop("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        return {**kinds[0], **tidied}
    return {"anyOf": kinds, **tidied} if kinds else tidied


def _tidy_fields(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: _tidy(field) for name, field in fields.items()}


if __name__ == "__main__":
    write_schema()
