"""The planner: every problem of a board at once, providers and models, pinned takes, warnings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import UsageError
from tasks.planning.planner import make_plan
from tasks.providers import PROVIDERS, Provider
from tasks.store.board_records import Take
from tasks.store.receipts import Attempt, AttemptState
from tasks.store.takes import RecordedTake
from tests.support.boards import board_text, plan_problems, plan_shots, plan_warnings


def recorded_take(number: int, *, key: str = "k" * 64) -> RecordedTake:
    take = Take(number, key, "shots")
    attempt = Attempt(
        state=AttemptState.KEPT,
        board="four",
        shot="a",
        take=number,
        provider="simulator",
        model="m",
        base_url="",
        request_sha256="r",
        intended_at="2026-11-01T00:00:00+00:00",
    )
    return RecordedTake("a", take, attempt, Path("nowhere"))


def test_problems_come_in_the_order_of_the_file(make_board) -> None:
    """Also if a shot is planned before its place, because an earlier shot continues it."""
    shots = [f"id: s{n}, prompt: p, seconds: 99" for n in range(3)]
    shots[0] += ", first_frame: {shot: s2}"
    shots[2] += ", first_frame: none"

    problems = plan_problems(make_board(board_text(*shots)))

    assert [problem.line for problem in problems] == [5, 6, 7]


def test_shot_with_several_problems_reports_all(make_board) -> None:
    """Each value is checked although another one is wrong."""
    text = board_text("id: a, prompt: 'p --seed 1', seconds: 99, resolution: 4k, seed: -1")

    assert {problem.path for problem in plan_problems(make_board(text))} == {
        "shots[0].prompt",
        "shots[0].seconds",
        "shots[0].resolution",
        "shots[0].seed",
    }


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("simulatr", "Did you mean simulator?"),
        ("cometapi", "Did you mean cometapi-volc or cometapi-videos?"),
        ("xyz", "`shotchain providers` lists all providers and models."),
    ],
)
def test_unknown_provider_offers_the_nearest(make_board, name: str, remedy: str) -> None:
    """At most three names, or the command that lists all."""
    (problem,) = plan_problems(make_board(board_text("id: a, prompt: p", provider=name)))

    assert problem.path == "provider"
    assert problem.message == f"there is no provider {name!r}"
    assert problem.remedy == remedy


def test_unknown_provider_of_a_shot_is_reported_there(make_board) -> None:
    """The board's provider is right."""
    text = board_text("id: a, prompt: p, provider: simulatr")
    (problem,) = plan_problems(make_board(text))

    assert problem.path == "shots[0].provider"


def test_unknown_provider_of_the_command_is_a_usage_error(make_board) -> None:
    """It is not in the board, so it is not a problem of the board."""
    with pytest.raises(UsageError, match="simulatr"):
        make_plan(make_board(board_text("id: a, prompt: p")), provider="simulatr")


@pytest.mark.parametrize(
    ("model", "remedy"),
    [
        ("seedance 1.5", "Did you mean seedance-1.5-pro?"),
        ("veo", "`shotchain providers` lists all providers and models."),
    ],
)
def test_unknown_model_offers_the_nearest(make_board, model: str, remedy: str) -> None:
    """At most three names, or the command that lists all."""
    (problem,) = plan_problems(make_board(board_text(f"id: a, prompt: p, model: {model}")))

    assert problem.path == "shots[0].model"
    assert problem.message == f"simulator has no model {model!r}"
    assert problem.remedy == remedy


def test_limits_of_the_only_candidate_are_checked(make_board) -> None:
    """A mistyped model hides no other problem, if only one model can be meant."""
    text = board_text("id: a, prompt: p, model: seedance 1.5, seconds: 3")
    problems = plan_problems(make_board(text))

    assert [problem.path for problem in problems] == ["shots[0].model", "shots[0].seconds"]
    text = board_text("id: a, prompt: p, model: pro, seconds: 1")
    assert [problem.path for problem in plan_problems(make_board(text))] == ["shots[0].model"]


def test_limits_at_the_only_candidate_provider_are_checked(make_board) -> None:
    """A mistyped provider hides no other problem, if only one provider can be meant."""
    text = board_text("id: a, prompt: p, provider: simulatr, seconds: 99")

    assert [problem.path for problem in plan_problems(make_board(text))] == [
        "shots[0].provider",
        "shots[0].seconds",
    ]


def test_spelling_of_names_does_not_change_the_key(make_board) -> None:
    """A family and a provider in other letters are the same request, with its cast's images."""
    text = board_text("id: a, prompt: p", provider="ark", model="seedance-1.5-pro")
    (shot,) = plan_shots(make_board(text))
    other = board_text("id: a, prompt: p", provider="ARK", model="Seedance 1.5 Pro")
    (same,) = plan_shots(make_board(other))

    assert (same.key, same.family, same.max_price) == (shot.key, shot.family, shot.max_price)
    assert shot.max_price


def test_model_of_another_provider_is_unknown(make_board) -> None:
    """infinity-blue has the 2.0 models only."""
    board = make_board(board_text("id: a, prompt: p", model="seedance-1.5-pro"))
    (problem,) = plan_problems(board, provider="infinity-blue")

    assert problem.path == "model"
    assert problem.message == "infinity-blue has no model 'seedance-1.5-pro'"
    assert problem.remedy == "The nearest that it has: seedance-2.0-fast or seedance-2.0."


def test_shot_after_an_invalid_shot_is_checked(make_board) -> None:
    """Its own problems are reported, and those of the shots that continue it in turn."""
    text = board_text(
        "id: a, prompt: p, model: nothing",
        "id: b, prompt: q, seconds: 99",
        "id: c, prompt: r, continue: clip",
    )
    problems = plan_problems(make_board(text))

    assert [problem.path for problem in problems] == [
        "shots[0].model",
        "shots[1].seconds",
        "shots[2].continue",
    ]


def test_shot_after_an_invalid_clip_is_checked(make_board) -> None:
    """The missing file does not hide that its clip can't be continued."""
    text = board_text("id: a, clip: nowhere.mp4", "id: b, prompt: q, continue: clip")
    problems = plan_problems(make_board(text))

    assert [problem.path for problem in problems] == ["shots[0].clip", "shots[1].continue"]


PINNED = ("id: a, prompt: p, take: 3", "id: b, prompt: q, first_frame: {shot: a, take: 2}")


def test_pinned_take_starts_a_chain(make_board) -> None:
    """The shot waits for no other shot, and its key contains the key of the recorded take."""
    recorded = recorded_take(2)
    board = make_board(board_text(*PINNED))
    plan = make_plan(board, find_take=lambda *_: recorded)
    _, shot = plan.shots_to_render

    assert shot.pinned_take is recorded
    assert (shot.chain_id, shot.continues, shot.continues_key) == ("b", None, "k" * 64)
    assert not plan.is_seam(1)


def test_pinned_take_is_a_seam_after_its_own_picture(make_board) -> None:
    """The frame is repeated if the shot before it is the very render that is pinned."""
    board = make_board(board_text(*PINNED))
    key = make_plan(board, find_take=lambda *_: recorded_take(2)).shot("a").key
    plan = make_plan(board, find_take=lambda *_: recorded_take(2, key=key))

    assert plan.is_seam(1)


def test_pinned_take_is_looked_up_by_shot_take_and_provider(make_board) -> None:
    """The provider of the pinned shot decides which records are searched."""
    calls: list[tuple[str, int, str | None]] = []

    def find_take(shot_id: str, take: int, provider: Provider | None) -> RecordedTake:
        calls.append((shot_id, take, provider.name if provider else None))
        return recorded_take(take)

    make_plan(make_board(board_text(*PINNED)), find_take=find_take)

    assert calls == [("a", 2, "simulator")]


def test_current_take_is_not_looked_up(make_board) -> None:
    """A shot that names the current take continues the shot in the ordinary way."""
    shots = (PINNED[0], PINNED[1].replace("take: 2", "take: 3"))
    _, shot = plan_shots(make_board(board_text(*shots)))

    assert (shot.pinned_take, shot.continues) == (None, "a")


def test_missing_pinned_take_is_a_problem(make_board) -> None:
    """The remedy names the command that lists the takes."""
    (problem,) = plan_problems(make_board(board_text(*PINNED)))

    assert problem.path == "shots[1].first_frame.take"
    assert problem.message == "the store has no render of take 2 of a"
    assert "`shotchain takes`" in problem.remedy


def test_first_frame_without_support_offers_a_cut(make_board) -> None:
    """The default chain on a model that takes no first frame is reported at the shot."""
    model = "doubao-seedance-1-0-lite-t2v-250428"
    text = board_text("id: a, prompt: p", "id: b, prompt: q", model=model)
    (problem,) = plan_problems(make_board(text))

    assert problem.path == "shots[1]"
    assert problem.message == "seedance-1.0-lite at simulator does not support a first frame"
    assert "first_frame: none" in problem.remedy


def test_lite_takes_its_id_by_the_kind_of_input(make_board) -> None:
    """The first shot has text alone, the second starts on a frame."""
    text = board_text("id: a, prompt: p", "id: b, prompt: q", model="seedance-1.0-lite")

    assert [shot.model for shot in plan_shots(make_board(text))] == [
        "doubao-seedance-1-0-lite-t2v-250428",
        "doubao-seedance-1-0-lite-i2v-250428",
    ]


def test_provider_option_replaces_that_of_every_shot(make_board) -> None:
    """Also if a shot names its own provider."""
    text = board_text("id: a, prompt: p, provider: modelark", "id: b, prompt: q")
    shots = plan_shots(make_board(text), provider="ark")

    assert [shot.provider for shot in shots] == [PROVIDERS["ark"]] * 2


def test_shared_key_is_a_warning(make_board) -> None:
    """The same request twice is rendered once."""
    board = make_board(board_text("id: a, prompt: p", "id: b, prompt: p, first_frame: none"))
    first, second = plan_shots(board)

    assert first.key == second.key
    assert plan_warnings(board) == ["b is the same picture as a: it is rendered once"]


def test_notes_of_a_long_board_are_counted(make_board) -> None:
    """The first 200 notes are reported, and the number of the others."""
    shots = [f"id: s{number}, prompt: p, first_frame: none" for number in range(300)]

    warnings = plan_warnings(make_board(board_text(*shots)))

    assert len(warnings) == 201
    assert warnings[-1] == "more notes are not shown: 99"
