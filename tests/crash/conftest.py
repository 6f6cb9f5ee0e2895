"""Lets the tests here import the programs beside them, which are run by hand as well."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def program() -> Iterator[Callable[[str], ModuleType]]:
    """A program of this folder as a module: `program("matrix")`."""
    here = str(Path(__file__).parent)
    sys.path.insert(0, here)
    yield importlib.import_module
    sys.path.remove(here)
