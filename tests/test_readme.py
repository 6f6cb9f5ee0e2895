"""The README: its two commands work on any machine, it is short, and its pictures exist."""

from __future__ import annotations

import re

from tests.support.documents import ROOT, read_block, read_document

README = read_document("README.md")
INSTALL = (
    "python3 -m pip install -q --target .tools uv && .tools/bin/uv venv -q --allow-existing && "
    ".tools/bin/uv pip sync -q requirements.lock && "
)


def test_readme_has_at_most_200_lines() -> None:
    """Everything else is in the README of a package."""
    assert len(README.splitlines()) <= 200


def test_readme_commands_are_single_lines() -> None:
    """Each of the two commands can be copied and run on a bare machine."""
    lines = [line for line in README.splitlines() if line.startswith("python3 -m pip")]

    assert lines == [
        f"{INSTALL}.venv/bin/shotchain render storyboards/lighthouse.yaml",
        f"{INSTALL}.venv/bin/pytest -n 3 --maxschedchunk=2",
    ]


def test_readme_test_command_is_marked_for_ci() -> None:
    """`.ci/run` runs the line with pytest in the block `tests`."""
    assert read_block("README.md", "tests").rstrip().endswith("--maxschedchunk=2")
    assert "<!-- tests -->" in read_document(".ci/run")


def test_readme_names_no_foreign_host() -> None:
    """Nothing is installed or loaded from a host that a reader may not reach."""
    assert not re.search(r"https?://(?!127\.0\.0\.1|[a-z.]*\bexample\.com\b)", README)


def test_readme_pictures_exist_and_are_small() -> None:
    """The contact sheet and the terminal, both below 150 kB."""
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)

    assert sorted(pictures) == [".github/contact-sheet.jpg", ".github/terminal.svg"]
    assert all(0 < (ROOT / picture).stat().st_size < 150_000 for picture in pictures)


def test_readme_terminal_picture_loads_nothing() -> None:
    """A page that shows the SVG blocks fonts of other hosts."""
    picture = read_document(".github/terminal.svg")

    assert "@font-face" not in picture
    assert "storyboards/lighthouse.yaml" in picture.replace("&#160;", " ")


def test_readme_links_every_document() -> None:
    """The README of each package, security and contributing."""
    documents = [*ROOT.glob("[a-z]*/README.md"), *(ROOT / ".github").glob("*.md")]
    paths = {document.relative_to(ROOT).as_posix() for document in documents}

    assert paths <= set(re.findall(r"\]\(([^)#]+)", README))
