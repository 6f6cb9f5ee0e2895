"""The error tree: kinds, exit codes and the drawing in the docstring agree with the classes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tasks import errors
from tasks.errors import ProviderError, ShotchainError, unknown_shot_error


def subclasses(error: type[ShotchainError]) -> Iterator[type[ShotchainError]]:
    """Every error class of `tasks.errors` below `error`."""
    for subclass in error.__subclasses__():
        if subclass.__name__ in errors.__all__:
            yield subclass
            yield from subclasses(subclass)


ERRORS = tuple(subclasses(ShotchainError))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_error_kind_is_class_name_in_snake_case(error: type[ShotchainError]) -> None:
    """`--json` prints the kind, so it follows the name of the class."""
    assert error.kind == re.sub(r"(?<!^)(?=[A-Z])", "_", error.__name__).lower()


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_errors_docstring_draws_class_with_exit_code(error: type[ShotchainError]) -> None:
    """The tree in the module docstring shows each class with its exit code and recovery."""
    tree = re.sub(r"\n {20,}.*", "", errors.__doc__ or "")
    expected = f"{error.exit_code}"
    if issubclass(error, ProviderError):
        expected += rf"\s+{error.recovery.value}"

    assert re.search(rf"^ +{error.__name__} .* {expected}$", tree, re.MULTILINE)


def test_unknown_shot_similar_id_is_offered() -> None:
    """A mistyped shot id is answered with the similar ids of the board."""
    error = unknown_shot_error("storn", ["dawn", "storm"])

    assert str(error) == "there is no shot 'storn'. Did you mean storm?"


def test_unknown_shot_without_similar_id_names_plan() -> None:
    """Without a similar id the message names the command that lists the shots."""
    assert "`shotchain plan`" in str(unknown_shot_error("x", ["dawn"]))
