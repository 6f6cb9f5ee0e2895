"""Fixtures of the provider tests; the stub vendor and the builders are in `tests.support.wire`."""

from __future__ import annotations

import json

import pytest

from tasks.providers.types import RenderRequest
from tests.support.wire import FakeClock, find_wire_files


@pytest.fixture
def clock() -> FakeClock:
    """A clock that does not wait."""
    return FakeClock()


@pytest.fixture
def render_request() -> RenderRequest:
    """The smallest render request."""
    return RenderRequest(model="doubao-seedance-1-5-pro-251215", prompt="A lamp turns on.")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give tests with a `…_file` argument every wire file of that kind, as (dialect, content)."""
    for name in metafunc.fixturenames:
        if name.endswith("_file"):
            files = find_wire_files(name.removesuffix("_file"))
            cases = [(path.parent.name, json.loads(path.read_text("utf-8"))) for path in files]
            ids = [f"{path.parent.name}-{path.stem}" for path in files]
            metafunc.parametrize(name, cases, ids=ids)
