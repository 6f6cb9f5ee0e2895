"""The lock file: it satisfies pyproject.toml, every file has a hash, and no host is named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def locked_versions() -> dict[str, list[str]]:
    """Return the locked versions by package name; markers may allow several for one package."""
    versions: dict[str, list[str]] = {}
    for line in LOCK.splitlines():
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", line)
        if match:
            versions.setdefault(canonicalize_name(match[1]), []).append(match[2])
    return versions


def project_requirements() -> list[Requirement]:
    """Return the requirements of the project, its extras and its development group."""
    extras = PROJECT["project"].get("optional-dependencies", {})
    texts = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["dependency-groups"]["dev"],
        *(text for group in extras.values() for text in group),
    ]
    return [Requirement(text) for text in texts]


def test_lock_satisfies_project_requirements() -> None:
    """Every dependency in pyproject.toml is locked, on every platform, within its bounds."""
    versions = locked_versions()
    problems = []
    for requirement in project_requirements():
        locked = versions.get(canonicalize_name(requirement.name), [])
        if not locked or not all(version in requirement.specifier for version in locked):
            problems.append(f"{requirement} is locked at {locked}")

    assert not problems


def test_lock_has_hash_for_every_package() -> None:
    """Each pinned package is followed by at least one sha256."""
    blocks = re.split(r"\n(?=[A-Za-z0-9])", LOCK)
    without_hash = [
        block.split()[0]
        for block in blocks
        if re.match(r"[A-Za-z0-9._-]+(\[[^]]*\])?==", block) and "--hash=sha256:" not in block
    ]

    assert not without_hash
    assert len(locked_versions()) > 50


def test_lock_names_no_host_and_ends_with_project() -> None:
    """The lock installs from any index, and the project itself comes last."""
    assert not re.search(r"https?://|--index-url|--find-links", LOCK)
    assert LOCK.rstrip().splitlines()[-1] == "-e ."
