"""The texts of a film's picture, checked with the plan: places, letters, room, reading time."""

from __future__ import annotations

from pathlib import Path

import pytest

from storyboards.loading import parse
from storyboards.problems import InvalidStoryboard
from tasks.media.titles import fonts as title_fonts
from tasks.planning.planner import make_plan

SHOT = "id: a, prompt: 'Mara whispers: \"Hello.\"'"


def check(
    title: str = "", film: str = "", *, shot: str = SHOT, folder: Path | None = None, head: str = ""
) -> list[str]:
    """Return the problems of a board with a shot of five seconds, or else its warnings."""
    text = f"{head}look: {{ratio: '16:9', seconds: 5, resolution: 480p}}\nshots:\n"
    text += f"- {{{shot}{f', title: {title}' if title else ''}}}\nfilm: {{{film}}}\n"
    try:
        plan = make_plan(parse(text.encode(), file="board.yaml", folder=folder))
    except InvalidStoryboard as error:
        return [f"problem {each}" for each in error.problems]
    return list(map(str, plan.warnings))


@pytest.mark.parametrize(
    ("title", "film"),
    [
        ("{text: warm, place: upper}", "legal: Terms apply."),
        ("[{text: one}, {text: two}]", "card: {text: Ember}"),
        ("", "captions: {dialogue: true, burn: true}"),
    ],
)
def test_usual_texts_are_clean(title: str, film: str) -> None:
    """Titles of one moment, small print, cards and captions have no finding."""
    assert check(title, film) == []


def test_missing_letters_are_named_with_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that no font here can draw is a problem before anything is paid."""
    monkeypatch.setattr(title_fonts, "_find_system_fonts", lambda: ())

    (problem,) = check("{text: 你好}", film="card: {text: Ember}")
    assert problem.startswith(
        "problem board.yaml:3:60: shots[0].title.text: no font here has 你 (U+4F60) 好 (U+597D)"
    )
    assert "film.card.text: no font here has 你" in check(film="card: {text: 你}")[0]
    assert "film.legal: no font here has 你" in check(film="legal: 你")[0]


def test_text_without_room_is_a_problem() -> None:
    """A text that does not fit at its smallest size, or beside others, is refused."""
    long = "breakfast " * 40
    assert "does not fit into the safe area at its smallest size, 17 px" in (
        check(f"{{text: '{long}'}}")[0].replace("pixels", "px")
    )
    many = ", ".join(f"{{text: 'title {number}'}}" for number in range(12))
    assert "does not fit into the safe area with" in check(f"[{many}]")[0]


def test_title_after_end_of_shot_is_a_problem() -> None:
    """A title that begins after the end of its shot is never shown."""
    (problem,) = check("{text: late, in: 6.0}")

    assert "shots[0].title.text: `late` is never shown" in problem


@pytest.mark.parametrize(
    ("title", "film", "warning"),
    [
        ("{text: now, out: 12f}", "", "`now` is shown for 0.5 s, and takes 1.0 s to read"),
        ("", "legal: {text: 'Ends soon.', out: 1.0}", "is shown for 1.0 s, and takes 2.4 s"),
        (
            "",
            "card: {text: Ember, seconds: 12f}",
            "`Ember` is shown for 0.5 s, and takes 1.0 s",
        ),
    ],
)
def test_text_that_is_too_short_to_read_warns(title: str, film: str, warning: str) -> None:
    """The warning has the time and the time that is needed, and nothing is stopped."""
    (finding,) = check(title, film)

    assert not finding.startswith("problem")
    assert warning in finding


def test_captions_after_end_of_film_warn(tmp_path: Path) -> None:
    """A caption after the film's end is named with its time; mistakes have the file's line."""
    srt = "1\n00:00:01,000 --> 00:00:03,000\nin\n\n2\n00:00:09,000 --> 00:00:10,000\nlate\n"
    (tmp_path / "en.srt").write_text(srt)

    (late,) = check(film="captions: {file: en.srt}", folder=tmp_path)
    assert "a caption begins after the end of the film (5.0 s)" in late
    assert "the first at 9.0 s: `late`" in late

    (tmp_path / "en.srt").write_text(srt.replace("03,000", "01,200"))
    assert "en.srt:2:1" in check(film="captions: {file: en.srt}", folder=tmp_path)[0]


def test_other_problems_do_not_hide_texts() -> None:
    """One check reports the texts together with the limits of the models."""
    findings = check("{text: late, in: 6.0}", shot=f"{SHOT}, seed: 1, frames: 3")

    assert any("is never shown" in finding for finding in findings)
    assert len(findings) > 1
