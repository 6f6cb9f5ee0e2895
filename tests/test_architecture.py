"""The walls between the rooms, kept by reading every import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("storyboards", "tasks", "flows")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))

MAY_IMPORT = {
    "storyboards": {"storyboards"},
    "tasks": {"storyboards", "tasks"},
    "flows": {"storyboards", "tasks", "flows"},
}

ONLY_IN = {
    "prefect": {
        "tasks/retries.py",
        "tasks/shots.py",
        "tasks/editing.py",
        "flows/render.py",
        "flows/server_process.py",
    },
    "httpx": {"tasks/providers/"},
    "av": {"tasks/media/"},
    "ffmpeg": {"tasks/media/"},
    "imageio_ffmpeg": {"tasks/media/"},
    "starlette": {"tasks/simulator/"},
    "uvicorn": {"tasks/simulator/", "flows/server_process.py"},
    "subprocess": {"tasks/media/", "flows/local_server.py"},
}

PURE = {"httpx", "os", "asyncio", "time", "pathlib", "socket", "logging", "random", "subprocess"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path, *, at_import: bool = False) -> Iterator[str]:
    """The dotted names a module imports; with `at_import` only those outside functions."""
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
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from outside_functions(node)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_one_way(path: Path) -> None:
    """flows may import tasks, tasks may import storyboards, and never back."""
    allowed = MAY_IMPORT[name_of(path).split("/")[0]]
    ours = {name.split(".")[0] for name in imports(path)} & set(ROOMS)

    assert ours <= allowed


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_each_dangerous_import_has_one_home(path: Path) -> None:
    """Prefect, HTTP, video, servers and processes are each imported in their own place only."""
    name = name_of(path)
    roots = {imported.split(".")[0] for imported in imports(path)}
    strays = {one for one, homes in ONLY_IN.items() if one in roots and not in_any(name, homes)}

    assert not strays


def in_any(name: str, homes: set[str]) -> bool:
    return any(name == home or (home.endswith("/") and name.startswith(home)) for home in homes)


def test_http_is_spoken_by_the_client_alone() -> None:
    """Of our end of the wire, only the client and what it is made of import httpx."""
    speakers = {
        name_of(path)
        for path in MODULES
        if "httpx" in {name.split(".")[0] for name in imports(path)}
    }

    assert speakers == {
        "tasks/providers/client.py",
        "tasks/providers/http_bodies.py",
        "tasks/providers/http_transport.py",
    }


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_the_two_ends_of_the_wire_do_not_know_each_other(path: Path) -> None:
    """Providers and simulator are written from the vendors' pages, never from each other."""
    name, names = name_of(path), list(imports(path))
    if name.startswith("tasks/providers/"):
        assert not [one for one in names if one.startswith("tasks.simulator")]
    if name.startswith("tasks/simulator/"):
        allowed = ("tasks.simulator", "tasks.media", "tasks.errors")
        assert not [
            one for one in names if one.startswith("tasks.") and not one.startswith(allowed)
        ]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tasks/providers/dialects").glob("[!_]*.py")), ids=name_of
)
def test_dialects_do_no_io(path: Path) -> None:
    """A dialect turns values into values: no HTTP, no clock, no file, no other dialect."""
    names = list(imports(path))

    assert not {name.split(".")[0] for name in names} & PURE
    assert not [one for one in names if one.startswith("tasks.providers.dialects")]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_settings_knows_the_environment(path: Path) -> None:
    """os.environ and os.getenv stand in tasks/settings.py and nowhere else."""
    text = path.read_text()

    assert ("os.environ" in text or "getenv" in text) == (name_of(path) == "tasks/settings.py")


QUICK = (
    "storyboards/loading.py",
    "tasks/planning/planner.py",
    "tasks/store/status.py",
    "flows/cli/main.py",
    "flows/run.py",
    "flows/cli/output/text.py",
    "flows/cli/output/json.py",
    "flows/report.py",
)
HEAVY = {"prefect", "httpx", "av", "numpy", "PIL", "rich", "starlette", "uvicorn", "asyncio"}


@pytest.mark.parametrize("name", QUICK)
def test_what_must_be_instant_imports_nothing_heavy(name: str) -> None:
    """Checking and planning import none of the heavy packages, however many modules away."""
    seen: set[str] = set()
    waiting = [ROOT / name]
    while waiting:
        path = waiting.pop()
        if name_of(path) in seen:
            continue
        seen.add(name_of(path))
        for imported in imports(path, at_import=True):
            assert imported.split(".")[0] not in HEAVY, f"{name_of(path)} imports {imported}"
            place = ROOT / Path(*imported.split("."))
            waiting += [
                one for one in (place.with_suffix(".py"), place / "__init__.py") if one.exists()
            ]

    assert len(seen) > 5 or name == "flows/cli/main.py"


def test_one_place_sends_a_create_and_no_loop_is_around_it() -> None:
    """A blanket retry of creates is impossible: whatever tries again enters through `submit`."""
    found = []
    for path in MODULES:
        if name_of(path).startswith(("tasks/providers/", "tasks/media/")):
            continue
        loops: list[tuple[ast.AST, bool]] = [(ast.parse(path.read_text()), False)]
        while loops:
            node, looped = loops.pop()
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "create":
                found.append((name_of(path), looped))
            looped = looped or isinstance(node, (ast.For, ast.AsyncFor, ast.While))
            loops += [(one, looped) for one in ast.iter_child_nodes(node)]

    assert found == [("tasks/submission/submit.py", False)]
