"""Lines that only look like YAML, and lines of texts that look like mistakes and are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from storyboards.loading import load_partial


def find_problems(folder: Path, text: str) -> list[str]:
    """Return the problems of a board without its name."""
    path = folder / "b.yaml"
    path.write_text(text)
    return [str(problem) for problem in load_partial(path, shown_as="b").problems]


@pytest.mark.parametrize(
    "line", ["– she waits: yes", "1. id: dawn", "prompt:now", "```yaml", "prompt = no", "id：x"]
)
@pytest.mark.parametrize("style", ["|", ">"])
def test_line_of_a_text_is_not_a_mistake(tmp_path: Path, line: str, style: str) -> None:
    """A prompt may contain anything, also in a board with another problem."""
    text = f"shots:\n  - id: a\n    seconds: x\n    prompt: {style}\n      {line}\n      end\n"
    (problem,) = find_problems(tmp_path, text)

    assert problem.startswith("b:3:14: shots[0].seconds")


def test_clean_board_is_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a board with problems pays for the search."""
    monkeypatch.setattr("storyboards.yaml_lookalikes.repair_lines", None)

    assert find_problems(tmp_path, "shots:\n  - id: a\n    prompt: p\n") == []


def test_keys_that_move_keep_their_columns(tmp_path: Path) -> None:
    """The keys of a shot without its dash are moved; their problems are where they are written."""
    text = "shots:\n  - id: a\n    prompt: p\n  id: b\n  prompt: q\n  references:\n    images: 5\n"
    dash, images = find_problems(tmp_path, text)

    assert dash == "b:4:3: shots[1].id: a shot begins without a dash. Write `- id: ...`."
    assert images.startswith("b:7:13: shots[1].references.images")


def test_other_problem_of_a_repaired_line_is_reported(tmp_path: Path) -> None:
    """A line may have two mistakes."""
    text = "shots:\n  - id: a\n    prompt: p\n    seconds：five\n"

    assert [problem[:9] for problem in find_problems(tmp_path, text)] == ["b:4:12: s", "b:4:14: s"]


def test_shots_of_a_repaired_board_are_checked(tmp_path: Path) -> None:
    """Markdown, bullets and curly quotes in one board hide nothing."""
    text = (
        "Your board:\n```yaml\n“title”: Fox\nshots：\n  • id: a\n    prompt：p\n"
        "  • id: b\n    prompt: q\n    promt: r\n```\nEnjoy: it\n"
    )
    lines = [problem.split(":")[1] for problem in find_problems(tmp_path, text)]

    assert lines == ["2", "3", "4", "5", "6", "7", "9"]
