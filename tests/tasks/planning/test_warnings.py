"""Warnings of a plan: references that are not sent, crops, mixed sizes; each is printed once."""

from __future__ import annotations

import pytest

from tasks.planning.planner import make_plan
from tests.support.boards import board_text, plan_problems, plan_warnings, write_clip

IMAGES = "references: {images: ['https://x.example/k.png']}"


@pytest.mark.parametrize(
    ("shot", "message"),
    [
        ("prompt: 'The cup of Image 1'", "names `Image 1`, and no picture"),
        ("prompt: 'The cup of @Image1'", "names `@Image1`, and no picture"),
        ("prompt: '图1'", "names `图1`, and no picture"),
        ("prompt: 'as in Video 1'", "names `Video 1`, and no clip"),
        ("prompt: 'Audio 2'", "names `Audio 2`, and no sound"),
        (f"prompt: 'Image 1, Image 2', {IMAGES}", "names `Image 2`, and there is only 1 picture"),
        ("prompt: p, style: 'like Image 1'", "names `Image 1`, and no picture"),
    ],
)
def test_number_without_a_reference_is_a_warning(make_board, shot: str, message: str) -> None:
    """The model would make something up, and it is paid for."""
    board = make_board(board_text(f"id: a, {shot}", model="seedance-2.0"))
    (warning,) = make_plan(board).warnings

    assert message in warning.message
    assert "`references: {" in warning.remedy
    assert warning.path == "shots[0].prompt"


def test_number_with_a_reference_is_not_reported(make_board, make_picture) -> None:
    """References of the shot, images of the cast and a clip that is continued have numbers."""
    make_picture("k.png")
    cast = "cast: {keeper: {is: a man, images: [k.png]}}"
    board = board_text(
        f"id: a, prompt: 'Image 1', {IMAGES}",
        "id: b, first_frame: none, prompt: '{keeper} of Image 1'",
        "id: c, continue: clip, prompt: 'Go on with Video 1'",
        model="seedance-2.0",
        extra=cast,
    )

    assert not [text for text in plan_warnings(make_board(board)) if "the prompt names" in text]


@pytest.mark.parametrize(
    ("model", "provider", "shots", "remedy"),
    [
        ("seedance-1.5-pro", "ark", 1, "Use seedance-2.5, seedance-2.0 or seedance-2.0-fast"),
        ("seedance-2.0", "ark", 2, "Add `references: {images: [FILE]}` and first_frame: none, or"),
        ("seedance-1.5-pro", "kkiai", 1, "Use seedance-1.0-lite with references, or"),
        ("seedance-1.5-pro", "cometapi-volc", 1, "Describe it in words."),
    ],
)
def test_remedy_of_a_number_names_what_the_shot_lacks(
    make_board, model: str, provider: str, shots: int, remedy: str
) -> None:
    """A model with references, or a shot that starts without a frame."""
    text = board_text(
        *("id: x, prompt: p", "id: a, prompt: 'Image 1'")[-shots:], model=model, provider=provider
    )

    assert make_plan(make_board(text)).warnings[0].remedy.startswith(remedy)


def test_soft_anchor_counts_as_image_one(make_board) -> None:
    """CometAPI's page asks to say that [Image 1] is the first frame."""
    board = make_board(
        board_text(
            "id: a, prompt: p",
            "id: b, prompt: '[Image 1] is the first frame.'",
            model="seedance-2.0",
            provider="cometapi-videos",
        )
    )

    assert not [text for text in plan_warnings(board) if "the prompt names" in text]


def test_equal_warnings_are_one_sentence(make_board) -> None:
    """With the first three shots and a count; all shots need no names."""
    shots = [f"id: s{number}, prompt: 'picture {number} @Image1'" for number in range(12)]
    some = plan_warnings(make_board(board_text(*shots, "id: z, prompt: p", model="seedance-2.0")))
    every = plan_warnings(make_board(board_text(*shots, model="seedance-1.0-pro")))

    assert [text for text in some if "Image1" in text][1].endswith("(s1, s2, s3 and 8 more)")
    assert [text.rpartition("(")[2] for text in every] == ["all shots)"]


def test_unsupported_resolution_is_reported_once(make_board) -> None:
    """In the look, with what is used instead; on a shot it is an error with the models."""
    shots = [f"id: s{number}, prompt: 'picture {number}'" for number in range(12)]
    text = board_text(*shots, model="seedance-2.0-fast", look="resolution: 1080p, seconds: 4")
    (warning,) = make_plan(make_board(text)).warnings
    (problem,) = plan_problems(
        make_board(board_text("id: a, prompt: p, resolution: 1080p", model="seedance-2.0-fast"))
    )

    assert warning.path == "look.resolution"
    assert warning.message == (
        "1080p is not used: seedance-2.0-fast does not support it; 720p is used (all shots)"
    )
    assert "or use seedance-2.0 " in warning.remedy.replace(",", " ")
    assert problem.message == "seedance-2.0-fast does not support resolution: 1080p"
    assert problem.remedy.startswith("Use 480p or 720p, or use seedance-2.0, ")


def test_mixed_sizes_are_a_warning(make_board, tmp_path) -> None:
    """With the size of the film, how the others are fitted, and an own clip of another shape."""
    make_board()
    write_clip(tmp_path / "boards" / "own.mp4", width=480, height=864, frames=24)
    text = board_text(
        "id: a, prompt: p",
        "id: b, prompt: q",
        "id: c, prompt: r, first_frame: none, ratio: '9:16'",
        "id: d, prompt: s, first_frame: none, resolution: 720p",
        "id: e, clip: own.mp4",
    )
    (warning,) = make_plan(make_board(text)).warnings

    assert warning.path == "shots[2]"
    assert warning.message == (
        "the film will be 864x480, and clips of other sizes are fitted into it: "
        "480x864 gets black borders (c, e); 1248x704 is scaled (d)"
    )
    assert warning.remedy.startswith("Set one ratio and one resolution")


def test_equal_sizes_are_not_reported(make_board) -> None:
    """Also if the model decides the size of a shot."""
    text = board_text(
        "id: a, prompt: p", "id: b, prompt: q, ratio: adaptive, first_frame: 'https://x.example/a'"
    )

    assert plan_warnings(make_board(text)) == []


def test_size_of_the_film_is_that_of_the_join(make_board, tmp_path) -> None:
    """The warning and the join choose the same size."""
    from tasks.planning.conversions import plan_conversions

    make_board()
    write_clip(tmp_path / "boards" / "own.mp4", width=640, height=640, frames=24)
    text = board_text(
        "id: a, prompt: p, ratio: '9:16'", "id: b, clip: own.mp4", "id: c, clip: own.mp4"
    )
    plan = make_plan(make_board(text))

    assert plan_conversions(plan) == {"a": ("480x864 scaled into 640x640",)}
    assert "the film will be 640x640" in plan.warnings[0].message


@pytest.mark.parametrize(
    ("shot", "path", "message", "remedy"),
    [
        (
            "first_frame: wide.png, last_frame: square.png",
            "last_frame",
            "square.png is 640x640 and the clip 864x480: the vendor cuts off",
            "Save it as 864x480.",
        ),
        (
            "first_frame: square.png, last_frame: wide.png",
            "first_frame",
            "square.png is 640x640 and the clip 864x480",
            "Set ratio: adaptive to keep its shape, or save it as 864x480.",
        ),
        (
            "first_frame: square.png, last_frame: wide.png, ratio: adaptive",
            "last_frame",
            "wide.png is 640x360 and the clip 640x640",
            "Save it as 640x640.",
        ),
    ],
)
def test_picture_of_another_shape_is_a_warning(
    make_board, make_picture, shot: str, path: str, message: str, remedy: str
) -> None:
    """The vendor crops the middle of it: a logo near the edge is lost."""
    make_picture("wide.png")
    make_picture("square.png", 640, 640)
    (warning,) = make_plan(make_board(board_text(f"id: a, prompt: p, {shot}"))).warnings

    assert warning.path == f"shots[0].{path}"
    assert message in warning.message
    assert warning.remedy == remedy


def test_frame_of_another_shape_is_a_warning(make_board) -> None:
    """The picture jumps at the seam if a shot and its parent differ in ratio."""
    text = board_text("id: a, prompt: p", "id: b, prompt: q, ratio: '1:1'")
    crop = make_plan(make_board(text)).warnings[0]

    assert crop.path == "shots[1].first_frame"
    assert "the frame that it starts on is 864x480 and the clip 640x640" in crop.message


def test_frame_of_an_own_clip_is_measured(make_board, tmp_path) -> None:
    """A shot that continues an upright clip from a phone in a wide film loses most of it."""
    make_board()
    write_clip(tmp_path / "boards" / "own.mp4", width=480, height=864, frames=24)
    text = board_text("id: a, clip: own.mp4", "id: b, prompt: q")
    crop = make_plan(make_board(text)).warnings[0]

    assert "the frame that it starts on is 480x864 and the clip 864x480" in crop.message


def test_picture_of_the_same_shape_is_not_reported(make_board, make_picture) -> None:
    """The sizes of the vendors are not exactly their ratios."""
    make_picture("hd.png", 1920, 1080)
    shot = "id: a, prompt: p, first_frame: hd.png, last_frame: hd.png"

    for model in ("seedance-1.0-pro", "seedance-1.5-pro", "seedance-2.5"):
        assert plan_warnings(make_board(board_text(shot, model=model))) == []


def test_picture_between_two_ratios_is_a_warning(make_board, make_picture) -> None:
    """`adaptive` is the nearest ratio of the model; only 2.5 keeps the picture's own."""
    make_picture("odd.png", 1000, 700)
    shot = "id: a, prompt: p, first_frame: odd.png, ratio: adaptive"
    (warning,) = make_plan(make_board(board_text(shot, model="seedance-2.0"))).warnings

    assert "odd.png is 1000x700 and the clip 752x560" in warning.message
    assert warning.remedy == "Save it as 752x560."
    assert plan_warnings(make_board(board_text(shot, model="seedance-2.5"))) == []


def test_very_long_prompt_is_a_warning(make_board) -> None:
    """Vendors advise at most 1,000 words."""
    text = board_text(f"id: a, prompt: '{'fox ' * 1001}'")

    assert "has 1,001 words" in plan_warnings(make_board(text))[0]
    assert plan_warnings(make_board(text.replace("fox ", "", 1))) == []


@pytest.mark.parametrize(
    ("prompt", "provider", "expected"),
    [
        ("A fox —ratio 1:1", "ark", "sets nothing"),
        ("A fox --duration 5", "infinity-blue", "sets nothing"),
        ("A fox – seed of doubt", "ark", ""),
        ("A clock — duration matters", "ark", ""),
    ],
)
def test_parameter_in_a_prompt_is_a_warning(
    make_board, prompt: str, provider: str, expected: str
) -> None:
    """A text editor makes one dash of two; some wire formats read no parameters at all."""
    text = board_text(f"id: a, prompt: '{prompt}'", provider=provider, model="seedance-2.0")
    warnings = plan_warnings(make_board(text))

    assert [expected in warning for warning in warnings] == ([True] if expected else [])
