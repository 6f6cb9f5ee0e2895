"""The JSON Schema with which editors complete, explain and check a board.

It is generated from the models; `shotchain schema` prints it. A schema can't express what values
require of one another: that stays with `validation`.
"""

from __future__ import annotations

import ast
import inspect
from collections import ChainMap
from collections.abc import Collection
from itertools import pairwise
from typing import Any

from storyboards import models
from storyboards.models import Storyboard

SCHEMA_ID = "urn:shotchain:storyboard"
"""An identity, not an address: the schema comes with the program, so it works offline."""

_WRITABLE_AS_INTEGER = frozenset({"id", "name", "shot", "title", "text"})
"""Texts that may be written as a bare number, for example ``id: 1`` or ``title: 1984``."""

_CONTENTS_OF_A_SHOT = ("prompt", "clip", "references", "continue", "first_frame")
"""Keys that show something; a shot needs one of them. An editor names the first if all are missing.

`first_frame: none` is not enough; only `validation` reports that, because no language server has a
readable message for it.
"""


def build_schema(
    *, models: Collection[str] = (), providers: Collection[str] = ()
) -> dict[str, Any]:
    """Return the schema of a board as an author writes it.

    Args:
        models: Names that editors offer for `model`.
        providers: Names that editors offer for `provider`.
    """
    schema: dict[str, Any] = _tidy(Storyboard.model_json_schema(by_alias=True))
    docstrings = _read_docstrings()
    names = {"model": models, "provider": providers}
    for title, model in {"Storyboard": schema, **schema["$defs"]}.items():
        for name, field in list(model.get("properties", {}).items()):
            if name in docstrings.get(title, {}):
                field = {"description": docstrings[title][name], **field}
                model["properties"][name] = field
            if name in _WRITABLE_AS_INTEGER:
                for each in (field, *field.get("anyOf", ())):
                    if each.get("type") == "string":
                        each["type"] = ["string", "integer"]
            if names.get(name):
                field["examples"] = list(names[name])
    schema["$defs"]["Shot"]["anyOf"] = [{"required": [key]} for key in _CONTENTS_OF_A_SHOT]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **schema,
        "title": "Shotchain storyboard",
    }


def _read_docstrings() -> dict[str, dict[str, str]]:
    """Return the docstrings of the models' fields, by model and by the key as it is written.

    They are read from the source here: pydantic could do it, but at every start.
    """
    tree = ast.parse(inspect.getsource(models))
    own = {node.name: _docstrings_of(node) for node in tree.body if isinstance(node, ast.ClassDef)}
    by_model: dict[str, dict[str, str]] = {}
    for name in own:
        model = getattr(models, name)
        inherited = ChainMap(
            *(own[base.__name__] for base in model.__mro__ if base.__name__ in own)
        )
        fields = getattr(model, "model_fields", {})
        by_model[name] = {
            field.alias or key: inherited[key] for key, field in fields.items() if key in inherited
        }
    return by_model


def _docstrings_of(node: ast.ClassDef) -> dict[str, str]:
    return {
        field.target.id: inspect.cleandoc(docstring.value.value)
        for field, docstring in pairwise(node.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(docstring, ast.Expr)
        and isinstance(docstring.value, ast.Constant)
        and isinstance(docstring.value.value, str)
    }


def _tidy(node: Any) -> Any:
    """Remove nulls, empty defaults and titles that repeat the key."""
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
    types = [each for each in tidied.pop("anyOf", ()) if each != {"type": "null"}]
    if len(types) == 1:
        return {**types[0], **tidied}
    return {"anyOf": types, **tidied} if types else tidied


def _tidy_fields(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: _tidy(field) for name, field in fields.items()}
