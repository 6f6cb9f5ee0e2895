"""The JSON Schema of a model, made from its annotations. See `schema` for that of a board."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from storyboards.constraints import Constraint, Parser
from storyboards.frozen_model import FrozenModel, ModelField

JsonSchema = dict[str, Any]

_TYPES = {str: "string", int: "integer", bool: "boolean", float: "number", Decimal: "number"}


def build_model_schema(model: type[FrozenModel]) -> JsonSchema:
    """Return the JSON Schema of what an author may write for a model."""
    definitions: dict[str, JsonSchema] = {}
    schema = _object_schema(model, definitions)
    return {"$defs": dict(sorted(definitions.items())), **schema}


def _object_schema(model: type[FrozenModel], definitions: dict[str, JsonSchema]) -> JsonSchema:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    schema: JsonSchema = {
        "additionalProperties": False,
        "description": inspect.cleandoc(model.__doc__ or ""),
        "properties": {key: _field_schema(field, definitions) for key, field in fields.items()},
    }
    required = [key for key, field in fields.items() if field.is_required]
    return schema | ({"required": required} if required else {}) | {"type": "object"}


def _field_schema(field: ModelField, definitions: dict[str, JsonSchema]) -> JsonSchema:
    schema = _schema_of(field.annotation, definitions)
    default = {"default": field.default} if isinstance(field.default, str | int | float) else {}
    return dict(sorted((schema | default).items()))


def _schema_of(annotation: Any, definitions: dict[str, JsonSchema]) -> JsonSchema:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in _TYPES:
        return {"type": _TYPES[annotation]}
    if origin is Annotated:
        return _annotated_schema(arguments[0], arguments[1:], definitions)
    if origin in (Union, UnionType):
        return _union_schema(arguments, definitions)
    if origin is Literal:
        allowed = {"enum": list(arguments)} if arguments[1:] else {"const": arguments[0]}
        return {**allowed, "type": "string"}
    if origin is tuple:
        return {"items": _schema_of(arguments[0], definitions), "type": "array"}
    if origin is dict:
        return _dict_schema(arguments[0], arguments[1], definitions)
    return _reference(annotation, definitions)


def _annotated_schema(
    annotation: Any, metadata: Iterable[Any], definitions: dict[str, JsonSchema]
) -> JsonSchema:
    for parser in metadata:
        if isinstance(parser, Parser):
            return parser.schema
    schema = _schema_of(annotation, definitions)
    unit = "Items" if schema.get("type") == "array" else "Length"
    names = {"max_length": f"max{unit}", "min_length": f"min{unit}"}
    for constraint in metadata:
        if isinstance(constraint, Constraint):
            schema |= {names.get(key, key): value for key, value in constraint.schema.items()}
    return dict(sorted(schema.items()))


def _union_schema(types: Iterable[Any], definitions: dict[str, JsonSchema]) -> JsonSchema:
    schemas = [_schema_of(each, definitions) for each in types if each is not NoneType]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _dict_schema(key: Any, item: Any, definitions: dict[str, JsonSchema]) -> JsonSchema:
    names = _schema_of(key, definitions)
    entries = {names.pop("pattern"): _schema_of(item, definitions)}
    del names["type"]  # every key is text
    return {"patternProperties": entries, "propertyNames": names, "type": "object"}


def _reference(model: type[FrozenModel], definitions: dict[str, JsonSchema]) -> JsonSchema:
    if model.__name__ not in definitions:
        definitions[model.__name__] = _object_schema(model, definitions)
    return {"$ref": f"#/$defs/{model.__name__}"}
