"""The boundaries between the packages, checked by reading every import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("storyboards", "tasks", "flows")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

MAY_IMPORT = {
    "storyboards": {"storyboards"},
    "tasks": {"storyboards", "tasks"},
    "flows": {"storyboards", "tasks", "flows"},
}

ONLY_IN = {
    "prefect": {
        "tasks/retries.py",
        "tasks/shots.py",
        "tasks/film.py",
        "flows/render.py",
        "flows/server_check.py",
        "flows/server_process.py",
    },
    "httpx": {"tasks/providers/"},
    "av": {"tasks/media/"},
    "ffmpeg": {"tasks/media/"},
    "imageio_ffmpeg": {"tasks/media/"},
    "starlette": {"tasks/simulator/", "flows/server_process.py"},
    "uvicorn": {"tasks/simulator/", "flows/server_process.py"},
    "subprocess": {"tasks/media/", "tasks/viewer.py", "flows/local_server.py"},
}

PURE = {"httpx", "os", "asyncio", "time", "pathlib", "socket", "logging", "random", "subprocess"}


def name_of(path: Path) -> str:
    """Return a path relative to the repository, as in the tables of this module."""
    return path.relative_to(ROOT).as_posix()


def imports(path: Path, *, at_import: bool = False) -> Iterator[str]:
    """Yield the dotted names a module imports; with `at_import` only those outside functions."""
    tree = ast.parse(path.read_text())
    nodes = outside_functions(tree) if at_import else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} imports relatively"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run when the module is imported."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from outside_functions(node)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_follow_package_order(path: Path) -> None:
    """Imports go from flows to tasks to storyboards and never back."""
    allowed = MAY_IMPORT[name_of(path).split("/")[0]]
    ours = {name.split(".")[0] for name in imports(path)} & set(PACKAGES)

    assert ours <= allowed


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_restricted_import_is_in_its_package(path: Path) -> None:
    """Prefect, HTTP, video, servers and processes are imported only in the modules listed."""
    name = name_of(path)
    roots = {imported.split(".")[0] for imported in imports(path)}
    misplaced = {
        root for root, places in ONLY_IN.items() if root in roots and not is_in(name, places)
    }

    assert not misplaced


def is_in(name: str, places: set[str]) -> bool:
    """Return True if a module is one of `places`, or in a folder among them."""
    return any(
        name == place or (place.endswith("/") and name.startswith(place)) for place in places
    )


def test_httpx_is_imported_by_client_only() -> None:
    """Of the providers, only the client and its parts import httpx."""
    importers = {
        name_of(path)
        for path in MODULES
        if "httpx" in {name.split(".")[0] for name in imports(path)}
    }

    assert importers == {
        "tasks/providers/client.py",
        "tasks/providers/http_bodies.py",
        "tasks/providers/http_transport.py",
        "tasks/providers/pinned_transport.py",
    }


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_providers_and_simulator_are_independent(path: Path) -> None:
    """Providers and simulator are written from the vendors' pages, never from each other."""
    name, names = name_of(path), list(imports(path))
    if name.startswith("tasks/providers/"):
        assert not [imported for imported in names if imported.startswith("tasks.simulator")]
    if name.startswith("tasks/simulator/"):
        allowed = ("tasks.simulator", "tasks.media", "tasks.errors", "tasks.own_files")
        assert not [
            imported
            for imported in names
            if imported.startswith("tasks.") and not imported.startswith(allowed)
        ]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tasks/providers/dialects").glob("[!_]*.py")), ids=name_of
)
def test_dialect_does_no_io(path: Path) -> None:
    """A dialect converts values: no HTTP, no clock, no file, no other dialect."""
    names = list(imports(path))

    assert not {name.split(".")[0] for name in names} & PURE
    assert not [imported for imported in names if imported.startswith("tasks.providers.dialects")]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_environment_is_read_in_settings_only(path: Path) -> None:
    """Only tasks/settings.py uses os.environ and os.getenv."""
    text = path.read_text()

    assert ("os.environ" in text or "getenv" in text) == (name_of(path) == "tasks/settings.py")


FAST_START = (
    "storyboards/loading.py",
    "tasks/planning/planner.py",
    "tasks/store/status.py",
    "flows/cli/main.py",
    "flows/cli/check.py",
    "flows/cli/plan.py",
    "flows/cli/providers.py",
    "flows/cli/render.py",
    "flows/cli/spend.py",
    "flows/cli/log.py",
    "flows/cli/status.py",
    "flows/cli/takes.py",
    "flows/documents.py",
    "flows/run.py",
    "flows/report.py",
)
HEAVY = {"prefect", "httpx", "av", "numpy", "PIL", "rich", "starlette", "uvicorn", "asyncio"}


@pytest.mark.parametrize("name", FAST_START)
def test_fast_start_module_imports_no_heavy_package(name: str) -> None:
    """Checking and planning import none of the heavy packages, directly or indirectly."""
    seen: set[str] = set()
    waiting = [ROOT / name]
    while waiting:
        path = waiting.pop()
        if name_of(path) in seen:
            continue
        seen.add(name_of(path))
        for imported in imports(path, at_import=True):
            assert imported.split(".")[0] not in HEAVY, f"{name_of(path)} imports {imported}"
            base = ROOT / Path(*imported.split("."))
            modules = (base.with_suffix(".py"), base / "__init__.py")
            waiting += [module for module in modules if module.exists()]

    assert len(seen) > 5 or name == "flows/cli/main.py"


def test_create_is_called_once_and_outside_loops() -> None:
    """Creates cannot be retried blindly: every retry enters through `submit`."""
    calls = []
    for path in MODULES:
        if name_of(path).startswith(("tasks/providers/", "tasks/media/")):
            continue
        loops: list[tuple[ast.AST, bool]] = [(ast.parse(path.read_text()), False)]
        while loops:
            node, looped = loops.pop()
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "create":
                calls.append((name_of(path), looped))
            looped = looped or isinstance(node, (ast.For, ast.AsyncFor, ast.While))
            loops += [(child, looped) for child in ast.iter_child_nodes(node)]

    assert calls == [("tasks/submission/submit.py", False)]


def test_modules_have_no_import_cycle() -> None:
    """No module imports itself through others, in functions and for types neither."""
    names = {module_name(path): path for path in MODULES}
    graph = {
        module: {name for name in imports(path) if name in names and name != module}
        for module, path in names.items()
    }
    waiting = dict(graph)
    while ready := {module for module, needs in waiting.items() if not needs & waiting.keys()}:
        waiting = {module: needs for module, needs in waiting.items() if module not in ready}

    assert sorted(waiting) == []


def module_name(path: Path) -> str:
    """Return the dotted name of a module or package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
