"""Transitions that are longer than their shots are found before anything is paid."""

from __future__ import annotations

import pytest

from tests.support.boards import board_text, plan_problems, plan_shots

SHOTS = (
    "id: a, prompt: p, seconds: 4",
    "id: b, prompt: q, seconds: 4, transition: {crossfade: 60f}",
    "id: c, prompt: r, seconds: 4, transition: {crossfade: 37f}",
)


def test_transitions_that_fit_are_no_problem(make_board) -> None:
    """A shot of 97 frames has space for 60 at its beginning and 37 at its end."""
    plain = [shot.key for shot in plan_shots(make_board(board_text(*SHOTS[:1])))]

    assert [shot.key for shot in plan_shots(make_board(board_text(*SHOTS)))][:1] == plain


def test_transitions_count_frames_of_ranges(make_board) -> None:
    """The first range has the transition into its shot, the last one the transition out of it."""
    use = "use: [{from: 10f, to: 20f}, {to: 40f}]"
    text = board_text(SHOTS[0], f"{SHOTS[1].replace('60f', '11f')}, {use}", SHOTS[2])
    (problem,) = plan_problems(make_board(text))

    assert problem.message == "the transitions take 11 frames of a range of b, which has 10"
    assert problem.path == "shots[1].transition"


@pytest.mark.parametrize(
    ("change", "extra", "path", "message"),
    [
        ("37f", "", "shots[2].transition", "take 98 frames of b, which has 97"),
        ("", "join: {crossfade: 90f}", "film.join", "take 150 frames of b, which has 97"),
        ("", "join: {dip: black, length: 80f}", "film.join", "take 100 frames of b, which has 97"),
        (
            "",
            "card: {text: x, seconds: 5, transition: {crossfade: 100f}}",
            "film.card.transition",
            "take 100 frames of c, which has 97",
        ),
    ],
)
def test_transitions_too_long_name_the_shot(
    make_board, change: str, extra: str, path: str, message: str
) -> None:
    """The problem is at the transition that the shot has no space for."""
    last = SHOTS[2].replace("37f", "38f") if change else "id: c, prompt: r, seconds: 4"
    text = board_text(*SHOTS[:2], last, extra=f"film: {{{extra}}}" if extra else "")
    problems = [
        problem for problem in plan_problems(make_board(text)) if "transitions" in problem.message
    ]

    assert [(problem.path, message in problem.message) for problem in problems] == [(path, True)]
