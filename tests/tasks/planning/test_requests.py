"""The request of a shot: defaults that are sent, and settings that a model does not support."""

from __future__ import annotations

import pytest

from tests.support.boards import board_text, plan_problems, plan_shots, plan_warnings


def test_request_contains_defaults_that_cost_money(make_board) -> None:
    """Sound, watermark, last frame, resolution, ratio and length never depend on the vendor."""
    (shot,) = plan_shots(make_board("shots: [{id: a, prompt: p}]"))
    request = shot.request

    assert (request.audio, request.watermark, request.return_last_frame) == (True, False, True)
    assert (request.resolution, request.ratio, request.duration_seconds) == ("720p", "16:9", 5)


def test_shot_precedes_look(make_board) -> None:
    """A value of the look counts for shots without a value of their own."""
    text = board_text(
        "id: a, prompt: p, ratio: '1:1'", "id: b, prompt: q", look="ratio: '9:16', seconds: 6"
    )
    first, second = plan_shots(make_board(text))

    assert (first.request.ratio, second.request.ratio) == ("1:1", "9:16")
    assert first.request.duration_seconds == 6


@pytest.mark.parametrize(
    ("shot", "message", "remedy"),
    [
        ("seconds: 40", "takes 2 to 12 seconds, not 40", "Use 2 to 12."),
        ("seconds: 14", "takes 2 to 12 seconds, not 14", "Use 2 to 12, or use seedance-2.0-mini"),
        ("resolution: 4k", "does not support resolution: 4k", "720p or 1080p, or use seedance-2"),
        ("seconds: auto", "does not support seconds: auto", "Use 2 to 12 seconds."),
        ("audio: true", "does not support audio: true", "Remove audio, or use seedance-1.5-pro"),
        ("draft: true", "does not support draft: true", "seedance-1.5-pro or seedance-2.5."),
        ("priority: 3", "does not support priority: 3", "seedance-2.0-mini"),
        ("seed: -5", "seed can't be -5", "Use 0 to"),
        ("frames: 30", "frames can't be 30", "29, 33"),
        ("ratio: adaptive", "does not support ratio: adaptive with text alone", "16:9"),
        ("execution_expires_after: 5", "can't be 5 seconds", "Use 3600 to"),
        ("tools: [web_search]", "has no tools", "Remove tools, or use seedance-2.0-mini"),
        ("last_frame: a.png", "needs a first frame", "Give first_frame."),
        (
            "model: seedance-1.0-pro-fast, first_frame: a.png, last_frame: a.png",
            "seedance-1.0-pro-fast does not support last_frame",
            "Remove last_frame, or use",
        ),
        ("model: seedance-2.0, seed: 5", "does not support seed: 5", "Remove seed, or use"),
        ("model: seedance-2.0, frames: 29", "does not support frames", "Remove frames, or use"),
        (
            "model: seedance-2.0, camera_fixed: true",
            "does not support camera_fixed: true",
            "Remove camera_fixed, or use seedance-1.5-pro",
        ),
        (
            "model: seedance-2.0, service_tier: flex",
            "does not support service_tier: flex",
            "Remove service_tier, or use seedance-1.5-pro",
        ),
        (
            "model: seedance-1.0-lite, camera_fixed: true, references: {images: [a.png]}",
            "camera_fixed can't be combined with references",
            "Remove camera_fixed or the references.",
        ),
        (
            "model: seedance-2.5, first_frame: a.png, ratio: '1:1'",
            "keeps the ratio of the first frame, and 640x360 is not 1:1",
            "Crop the image to 1:1",
        ),
    ],
)
def test_request_rejects_unsupported_setting(
    make_board, make_picture, shot: str, message: str, remedy: str
) -> None:
    """A setting on a shot that its model does not support is a problem with an alternative."""
    make_picture("a.png")
    (problem,) = plan_problems(make_board(board_text(f"id: a, prompt: p, {shot}")))

    assert (problem.file, problem.line) == ("four.yaml", 5)
    assert message in problem.message
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("provider", "model", "setting"),
    [
        ("cometapi-videos", "seedance-2.0", "audio: false"),
        ("cometapi-videos", "seedance-2.0", "watermark: true"),
        ("infinity-blue", "seedance-2.0", "callback_url: 'https://x.example/a'"),
        ("kkiai", "seedance-1.5-pro", "execution_expires_after: 7200"),
    ],
)
def test_request_rejects_what_the_provider_lacks(
    make_board, provider: str, model: str, setting: str
) -> None:
    """The message names the provider, because another model would not help."""
    text = board_text(f"id: a, prompt: p, {setting}", provider=provider, model=model)
    (problem,) = plan_problems(make_board(text))

    key = setting.partition(":")[0]
    assert f"{provider} does not support {key}" in problem.message
    assert problem.remedy == f"Remove {key}."


def test_remedy_offers_models_of_the_provider_only(make_board) -> None:
    """At infinity-blue no model has drafts, and only 2.0 models are offered for anything."""
    no_draft, no_reference = (
        plan_problems(make_board(board_text(f"id: a, prompt: p, {setting}", **where)))[0]
        for setting, where in (
            ("draft: true", {"provider": "infinity-blue", "model": "seedance-2.0"}),
            ("references: {images: ['https://x.example/a.png']}", {"provider": "powertokens"}),
        )
    )

    assert no_draft.remedy == "Remove draft."
    assert no_reference.remedy == "Use seedance-2.0 or seedance-2.0-fast."


def test_remedy_offers_three_models_at_most(make_board) -> None:
    """Five families have sound: the nearest three are named, and the command that lists all."""
    (problem,) = plan_problems(make_board(board_text("id: a, prompt: p, audio: true")))

    assert problem.remedy == (
        "Remove audio, or use seedance-1.5-pro, seedance-2.0-mini or seedance-2.0-fast "
        "(`shotchain providers` lists all)."
    )


def test_unsupported_setting_in_look_is_a_warning(make_board) -> None:
    """It is reported as not used and not sent."""
    board = make_board(
        board_text(
            "id: a, prompt: p", model="seedance-2.0", look="seed: 5, draft: true, seconds: 4"
        )
    )
    warnings = plan_warnings(board)
    (shot,) = plan_shots(board)

    assert "5 is not used: seedance-2.0 does not support it" in warnings
    assert "true is not used: seedance-2.0 does not support it" in warnings
    assert (shot.request.seed, shot.request.draft) == (None, None)


def test_length_in_look_is_a_problem(make_board) -> None:
    """Another length would change the film, so an impossible length is never replaced."""
    board = make_board(board_text("id: a, prompt: p", look="seconds: 40"))
    (problem,) = plan_problems(board)

    assert problem.path == "look.seconds"


def test_auto_duration_counts_the_maximum_frames(make_board) -> None:
    """`seconds: auto` is sent as -1, and 1.5 pro may take twelve seconds."""
    text = board_text("id: a, prompt: p, seconds: auto", model="seedance-1.5-pro")
    (shot,) = plan_shots(make_board(text))

    assert shot.request.duration_seconds == -1
    assert shot.has_auto_duration
    assert shot.frames == 12 * 24 + 1


def test_frames_replace_seconds(make_board) -> None:
    """A request has a number of frames or a duration, not both."""
    (shot,) = plan_shots(make_board(board_text("id: a, prompt: p, frames: 57")))

    assert (shot.request.frames, shot.request.duration_seconds, shot.frames) == (57, None, 57)


@pytest.mark.parametrize(
    ("size", "expected"), [((640, 360), (1248, 704)), ((360, 640), (704, 1248))]
)
def test_adaptive_ratio_takes_the_size_of_the_first_frame(
    make_board, make_picture, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    """The planned size is that of the ratio next to the image's."""
    make_picture("a.png", *size)
    text = board_text(
        "id: a, prompt: p, first_frame: a.png, ratio: adaptive", look="resolution: 720p"
    )
    (shot,) = plan_shots(make_board(text))

    assert shot.request.ratio == "adaptive"
    assert (shot.width, shot.height) == expected


def test_adaptive_ratio_of_a_url_leaves_the_size_unknown(make_board) -> None:
    """URLs are never fetched."""
    shot = "id: a, prompt: p, first_frame: 'https://x.example/a.png', ratio: adaptive"
    (planned,) = plan_shots(make_board(board_text(shot)))

    assert (planned.width, planned.height) == (None, None)


def test_prompt_with_vendor_flag_is_rejected(make_board) -> None:
    """`--duration 12` in a prompt would be read as a parameter and exceed the budget."""
    (problem,) = plan_problems(make_board(board_text('id: a, prompt: "p --duration 12"')))

    assert "'--duration'" in problem.message
    assert problem.path == "shots[0].prompt"


def test_prompt_with_dashes_is_sent_if_flags_are_not_parsed(make_board) -> None:
    """Only wire formats with parameters in the text read such words."""
    text = board_text(
        'id: a, prompt: "p --duration 12"', provider="infinity-blue", model="seedance-2.0"
    )
    (shot,) = plan_shots(make_board(text))

    assert shot.request.prompt == "p --duration 12"


def test_prompt_is_required_by_some_providers(make_board) -> None:
    """For Ark a first frame alone is enough."""
    shot = "id: a, first_frame: 'https://x.example/a.png'"
    text = board_text(shot, model="seedance-2.0")
    (planned,) = plan_shots(make_board(text))
    (problem,) = plan_problems(make_board(text), provider="infinity-blue")

    assert planned.request.prompt == ""
    assert problem.message == "the shot has no prompt"


@pytest.mark.parametrize(
    ("seed", "retries", "warnings"),
    [("", {"reseed"}, []), (", seed: 4", set(), ["reseed is not used: the seed is given"])],
)
def test_reseed_is_allowed_without_a_seed_only(
    make_board, seed: str, retries: set[str], warnings: list[str]
) -> None:
    """A seed in the board is part of the picture that the author requests."""
    board = make_board(board_text(f"id: a, prompt: p, reseed: true{seed}"))

    assert plan_shots(board)[0].allowed_retries == retries
    assert plan_warnings(board) == warnings
