"""Constraints of fields beyond their types, conversions, and keys that differ from attributes.

They stand in `Annotated` annotations of models. `readers` applies them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Mismatch(Exception):
    """A value that does not fulfil a constraint; raised by `Constraint.apply`.

    Args:
        kind: The type of the error, as pydantic names it.
        limits: The limits that the message names.
    """

    def __init__(self, kind: str, **limits: Any) -> None:
        super().__init__(kind)
        self.kind = kind
        self.limits = limits


class Constraint:
    """A requirement beyond the type, or a conversion.

    Args:
        apply: Returns the value, or raises Mismatch or ValueError.
        schema: The keys of JSON Schema for it.
    """

    def __init__(self, apply: Callable[[Any], Any], **schema: Any) -> None:
        self.apply = apply
        self.schema = schema


class Parser:
    """A conversion that comes before the check of the type.

    Args:
        apply: Returns the converted value, or the value itself if it can't be converted. Raises
            ValueError.
        schema: The whole JSON Schema of what an author may write.
    """

    def __init__(self, apply: Callable[[Any], Any], schema: dict[str, Any]) -> None:
        self.apply = apply
        self.schema = schema


class Alias:
    """The key that an author writes, if it can't be the name of the attribute."""

    def __init__(self, name: str) -> None:
        self.name = name


def max_length(limit: int) -> Constraint:
    """Return the constraint that a text or tuple is not longer."""

    def apply(value: Any) -> Any:
        if len(value) > limit:
            raise Mismatch("too_long", max_length=limit)  # noqa: EM101
        return value

    return Constraint(apply, max_length=limit)


def min_length(limit: int) -> Constraint:
    """Return the constraint that a text or tuple is not shorter."""

    def apply(value: Any) -> Any:
        if len(value) < limit:
            kind = "string_too_short" if isinstance(value, str) else "too_short"
            raise Mismatch(kind, min_length=limit)
        return value

    return Constraint(apply, min_length=limit)


def matching(check: Callable[[str], object], pattern: str) -> Constraint:
    """Return the constraint that a text passes a check.

    Args:
        check: Returns a true value for a valid text.
        pattern: The regular expression of the JSON Schema.
    """

    def apply(text: str) -> str:
        if check(text):
            return text
        raise Mismatch("string_pattern_mismatch")  # noqa: EM101

    return Constraint(apply, pattern=pattern)


def min_value(limit: int) -> Constraint:
    """Return the constraint that a number is not smaller."""
    return _bound("greater_than_equal", "ge", "minimum", limit, lambda value: value >= limit)


def more_than(limit: int) -> Constraint:
    """Return the constraint that a number is larger."""
    return _bound("greater_than", "gt", "exclusiveMinimum", limit, lambda value: value > limit)


def max_value(limit: int) -> Constraint:
    """Return the constraint that a number is not larger."""
    return _bound("less_than_equal", "le", "maximum", limit, lambda value: value <= limit)


def less_than(limit: int) -> Constraint:
    """Return the constraint that a number is smaller."""
    return _bound("less_than", "lt", "exclusiveMaximum", limit, lambda value: value < limit)


def _bound(
    kind: str, name: str, keyword: str, limit: int, is_within: Callable[[Any], bool]
) -> Constraint:
    def apply(value: Any) -> Any:
        if is_within(value):
            return value
        raise Mismatch(kind, **{name: limit})

    return Constraint(apply, **{keyword: limit})


def examples(*values: Any) -> Constraint:
    """Return examples for the JSON Schema; every value fulfils them."""
    return Constraint(lambda value: value, examples=list(values))
