"""The base class of models: frozen values that are read from plain data by their annotations.

Every error is reported at once; `messages` turns them into sentences. The names of methods and of
error types are pydantic's. pydantic itself is not used here: to import it and to build its
validators takes 110 ms of CPU, nearly half of what a `check` of 500 shots took with it.

An annotation may be str, int, float, bool, Decimal, a `Literal` of texts, a model, a tuple or dict
of these, a union, and `Annotated` with constraints. Text is never converted to a number or boolean,
except for a Decimal. What several values require of one another does not belong here.
"""

from __future__ import annotations

import inspect
from decimal import Decimal
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    Self,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
)

from storyboards.constraints import Alias, Constraint, Parser
from storyboards.readers import (
    INVALID,
    ErrorDetails,
    Location,
    Reader,
    add_error,
    choice_reader,
    constrained_reader,
    dict_reader,
    number_reader,
    optional_reader,
    parsed_reader,
    scalar_reader,
    tuple_reader,
    union_reader,
)

_REQUIRED: Any = object()
_READERS: dict[Any, Reader] = {
    str: scalar_reader(str, "string_type"),
    int: scalar_reader(int, "int_type"),
    bool: scalar_reader(bool, "bool_type"),
    float: number_reader(float, int, float),
    Decimal: number_reader(Decimal, int, float, str, Decimal),
}


class ValidationError(ValueError):
    """Data that does not fit a model.

    Args:
        errors: Every error.
    """

    def __init__(self, errors: list[ErrorDetails]) -> None:
        path = ".".join(map(str, errors[0]["loc"]))
        super().__init__(f"{path}: {errors[0]['msg']}" if path else errors[0]["msg"])
        self.errors = errors


class ModelField:
    """One field of a model.

    Args:
        annotation: Its type, with constraints.
        default: Its default.
    """

    def __init__(self, annotation: Any, default: Any) -> None:
        self.annotation = annotation
        self.default = default
        aliases = (each.name for each in get_args(annotation)[1:] if isinstance(each, Alias))
        self.alias: str | None = next(aliases, None)
        """The key that an author writes, if it is not the name of the attribute."""
        self._reader: Reader | None = None

    @property
    def is_required(self) -> bool:
        """True if the field has no default."""
        return self.default is _REQUIRED

    @property
    def reader(self) -> Reader:
        """The reader of the field, built when it is first used."""
        if self._reader is None:
            self._reader = _build_reader(self.annotation)
        return self._reader


@dataclass_transform(kw_only_default=True, frozen_default=True)
class FrozenModel:
    """A frozen value of fields that rejects unknown keys.

    The instance has the values that were written; the class has the defaults.
    """

    model_fields: ClassVar[dict[str, ModelField]] = {}
    """The fields by the names of their attributes."""
    _fields_by_key: ClassVar[dict[str, tuple[str, ModelField]]] = {}
    """Name and field by the key that an author writes."""

    def __init_subclass__(cls) -> None:
        own = {
            name: ModelField(annotation, cls.__dict__.get(name, _REQUIRED))
            for name, annotation in inspect.get_annotations(cls).items()
        }
        cls.model_fields = cls.model_fields | own
        cls._fields_by_key = {
            field.alias or name: (name, field) for name, field in cls.model_fields.items()
        }

    def __init__(self, **values: Any) -> None:
        errors: list[ErrorDetails] = []
        read = self._read_values(values, (), errors)
        if errors:
            raise ValidationError(errors)
        vars(self).update(read)

    @classmethod
    def model_validate(cls, data: Any) -> Self:
        """Return the model of plain data.

        Raises:
            ValidationError: The data does not fit, with every error.
        """
        errors: list[ErrorDetails] = []
        model: Self = cls.read(data, (), errors)
        if errors:
            raise ValidationError(errors)
        return model

    @classmethod
    def model_construct(cls, **values: Any) -> Self:
        """Return a model of values that are known to be valid."""
        model = object.__new__(cls)
        vars(model).update(values)
        return model

    @classmethod
    def read(cls, data: Any, location: Location, errors: list[ErrorDetails]) -> Any:
        """Return the model of plain data, or `INVALID` after every error was added to the list."""
        if isinstance(data, cls):
            return data
        if not isinstance(data, dict):
            return add_error(errors, "model_type", location)
        values = cls._read_values(data, location, errors)
        return INVALID if values is INVALID else cls.model_construct(**values)

    @classmethod
    def _read_values(
        cls, data: dict[str, Any], location: Location, errors: list[ErrorDetails]
    ) -> Any:
        """Return the values by attribute, or `INVALID`."""
        count, values, fields = len(errors), {}, cls._fields_by_key
        for key, value in data.items():
            if key in fields:
                name, field = fields[key]
                values[name] = field.reader(value, (*location, key), errors)
            else:
                add_error(errors, "extra_forbidden", (*location, key))
        for key, (_, field) in fields.items():
            if field.is_required and key not in data:
                add_error(errors, "missing", (*location, key))
        return values if len(errors) == count else INVALID

    @property
    def model_fields_set(self) -> frozenset[str]:
        """The names of the fields that were written."""
        return frozenset(vars(self))

    def __setattr__(self, name: str, value: object) -> None:
        msg = f"{type(self).__name__} is frozen: {name} can't be changed"
        raise AttributeError(msg)

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FrozenModel) or type(self) is not type(other):
            return NotImplemented
        return vars(self) == vars(other) or self._to_tuple() == other._to_tuple()

    def __hash__(self) -> int:
        return hash(self._to_tuple())

    def _to_tuple(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.model_fields)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({values})"


def _build_reader(annotation: Any) -> Reader:
    """Return the reader of an annotation."""
    if annotation in _READERS:
        return _READERS[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _build_annotated(*arguments)
    if origin in (Union, UnionType):
        return _build_union(arguments)
    if origin is Literal:
        return choice_reader(arguments)
    if origin is tuple:
        return tuple_reader(_build_reader(arguments[0]))
    if origin is dict:
        return dict_reader(_build_reader(arguments[0]), _build_reader(arguments[1]))
    read: Reader = annotation.read
    return read


def _build_annotated(annotation: Any, *metadata: Any) -> Reader:
    reader = _build_reader(annotation)
    constraints = [each for each in metadata if isinstance(each, Constraint)]
    if constraints:
        reader = constrained_reader(reader, constraints)
    for parser in metadata:
        if isinstance(parser, Parser):
            reader = parsed_reader(parser, reader)
    return reader


def _build_union(types: tuple[Any, ...]) -> Reader:
    readers = [(_name_type(each), _build_reader(each)) for each in types if each is not NoneType]
    reader = readers[0][1] if len(readers) == 1 else union_reader(readers)
    return optional_reader(reader) if NoneType in types else reader


def _name_type(annotation: Any) -> str:
    """Return the name of a type in locations; only those of models begin with a capital."""
    is_model = isinstance(annotation, type) and issubclass(annotation, FrozenModel)
    return annotation.__name__ if is_model else "value"
