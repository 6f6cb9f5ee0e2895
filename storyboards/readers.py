"""Readers: functions that check plain data, one for each type of value.

A reader returns the value, or adds every error with its type, location and limits and returns
`INVALID`. Which reader a field gets is decided in `frozen_model`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from storyboards.constraints import Constraint, Mismatch, Parser

Location = tuple[str | int, ...]
"""The keys and indexes of a value. After a key of several types comes the type that was tried;
"[key]" ends the location of a key of a dict."""
ErrorDetails = dict[str, Any]
"""An error as pydantic describes it: `type`, `loc`, `msg`, and `ctx` with the limits."""
Reader = Callable[[Any, Location, list[ErrorDetails]], Any]

INVALID: Any = object()


def add_error(errors: list[ErrorDetails], kind: str, location: Location, **limits: Any) -> Any:
    """Add an error to the list and return `INVALID`."""
    message = str(limits.get("error") or kind.replace("_", " "))
    errors.append({"type": kind, "loc": location, "msg": message, "ctx": limits})
    return INVALID


def scalar_reader(expected: type, kind: str) -> Reader:
    """Return a reader of text, whole numbers or booleans, which converts nothing.

    Args:
        expected: The type.
        kind: The type of the error for another value.
    """

    def read(value: Any, location: Location, errors: list[ErrorDetails]) -> Any:
        # Not isinstance: `true` is an int in Python.
        return value if type(value) is expected else add_error(errors, kind, location)

    return read


def number_reader(expected: type[float | Decimal], *accepted: type) -> Reader:
    """Return a reader of finite numbers.

    Args:
        expected: The type of the result.
        accepted: The types that are converted to it.
    """
    kind = expected.__name__.lower()

    def read(value: Any, location: Location, errors: list[ErrorDetails]) -> Any:
        if type(value) not in accepted:
            return add_error(errors, f"{kind}_type", location)
        try:
            number = expected(str(value))
            is_finite = math.isfinite(number)
        except (ValueError, OverflowError, InvalidOperation):
            return add_error(errors, f"{kind}_parsing", location)
        return number if is_finite else add_error(errors, "finite_number", location)

    return read


def choice_reader(choices: tuple[str, ...]) -> Reader:
    """Return a reader of one of several fixed texts."""
    *others, last = map(repr, choices)
    expected = f"{', '.join(others)} or {last}" if others else last

    def read(value: Any, location: Location, errors: list[ErrorDetails]) -> Any:
        if isinstance(value, str) and value in choices:
            return value
        return add_error(errors, "literal_error", location, expected=expected)

    return read


def tuple_reader(read_item: Reader) -> Reader:
    """Return a reader of lists with values of one type."""

    def read(value: Any, location: Location, errors: list[ErrorDetails]) -> Any:
        if not isinstance(value, list | tuple):
            return add_error(errors, "tuple_type", location)
        count = len(errors)
        items = [read_item(item, (*location, index), errors) for index, item in enumerate(value)]
        return tuple(items) if len(errors) == count else INVALID

    return read


def dict_reader(read_key: Reader, read_item: Reader) -> Reader:
    """Return a reader of mappings whose keys are the author's own names."""

    def read(value: Any, location: Location, errors: list[ErrorDetails]) -> Any:
        if not isinstance(value, dict):
            return add_error(errors, "dict_type", location)
        count, entries = len(errors), {}
        for key, item in value.items():
            name = read_key(key, (*location, key, "[key]"), errors)
            entries[name] = read_item(item, (*location, key), errors)
        return entries if len(errors) == count else INVALID

    return read


def union_reader(readers: Sequence[tuple[str, Reader]]) -> Reader:
    """Return a reader of the first type that takes the value.

    Args:
        readers: The readers with the names of their types for the locations of errors.
    """

    def read(value: Any, location: Location, errors: list[ErrorDetails]) -> Any:
        tried: list[ErrorDetails] = []
        for name, read_as in readers:
            result = read_as(value, (*location, name), tried)
            if result is not INVALID:
                return result
        errors += tried
        return INVALID

    return read


def optional_reader(read_value: Reader) -> Reader:
    """Return a reader of a value that may be None."""

    def read(value: Any, location: Location, errors: list[ErrorDetails]) -> Any:
        return None if value is None else read_value(value, location, errors)

    return read


def constrained_reader(read_value: Reader, constraints: Sequence[Constraint]) -> Reader:
    """Return a reader that applies constraints to the value."""

    def read(value: Any, location: Location, errors: list[ErrorDetails]) -> Any:
        result = read_value(value, location, errors)
        return result if result is INVALID else _constrain(result, constraints, location, errors)

    return read


def parsed_reader(parser: Parser, read_value: Reader) -> Reader:
    """Return a reader of the converted value."""

    def read(value: Any, location: Location, errors: list[ErrorDetails]) -> Any:
        try:
            converted = parser.apply(value)
        except ValueError as error:
            return add_error(errors, "value_error", location, error=error)
        return read_value(converted, location, errors)

    return read


def _constrain(
    value: Any, constraints: Sequence[Constraint], location: Location, errors: list[ErrorDetails]
) -> Any:
    try:
        for constraint in constraints:
            value = constraint.apply(value)
    except Mismatch as mismatch:
        return add_error(errors, mismatch.kind, location, **mismatch.limits)
    except ValueError as error:
        return add_error(errors, "value_error", location, error=error)
    return value
