"""The lock file: what it holds is what the project asks for, and it names no host."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def locked() -> dict[str, list[tuple[str, str]]]:
    """Name to its versions and markers."""
    found: dict[str, list[tuple[str, str]]] = {}
    for line in LOCK.splitlines():
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)(?: ; ([^\\]+))?", line)
        if match:
            name = canonicalize_name(match[1])
            found.setdefault(name, []).append((match[2], (match[3] or "").strip()))
    return found


def asked() -> list[Requirement]:
    extras = PROJECT["project"].get("optional-dependencies", {})
    words = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["dependency-groups"]["dev"],
        *(word for group in extras.values() for word in group),
    ]
    return [Requirement(word) for word in words]


def test_the_lock_holds_every_dependency_at_a_version_that_is_asked_for() -> None:
    """Whatever pyproject.toml asks for is locked within its bounds, on every platform."""
    pinned = locked()
    wrong = [
        f"{one} is locked at {version}"
        for one in asked()
        for version, _ in pinned.get(canonicalize_name(one.name), [("nothing", "")])
        if version == "nothing" or version not in one.specifier
    ]

    assert not wrong


def test_every_locked_file_has_a_hash() -> None:
    """Each pinned package is followed by at least one sha256."""
    blocks = re.split(r"\n(?=[A-Za-z0-9])", LOCK)
    bare = [
        block.split()[0]
        for block in blocks
        if re.match(r"[A-Za-z0-9._-]+(\[[^]]*\])?==", block) and "--hash=sha256:" not in block
    ]

    assert not bare
    assert len(locked()) > 50


def test_the_lock_names_no_host_and_ends_with_the_project() -> None:
    """It installs as it stands wherever packages come from, and the project itself last."""
    assert not re.search(r"https?://|--index-url|--find-links", LOCK)
    assert LOCK.rstrip().splitlines()[-1] == "-e ."
