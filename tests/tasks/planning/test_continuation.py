"""Shots that continue a clip, and drafts with their final renders."""

from __future__ import annotations

import pytest

from tasks.plan import Anchor
from tasks.planning.planner import make_plan
from tests.support.boards import board_text, plan_problems, plan_shots, plan_warnings, write_clip

FIRST = "id: a, prompt: p"
SECOND = "id: b, prompt: q, continue: clip"


def clip_board(first: str = FIRST, second: str = SECOND, **options: str) -> str:
    return board_text(first, second, **{"model": "seedance-2.0", **options})


def draft_board(draft: str, *, resolution: str = "480p", provider: str = "simulator") -> str:
    look = f"resolution: {resolution}, seconds: 4, draft: {draft}"
    return board_text(
        FIRST, "id: b, prompt: q", model="seedance-1.5-pro", provider=provider, look=look
    )


def test_continued_clip_is_the_first_reference(make_board) -> None:
    """The clip is sent as Video 1, and the prompt asks to extend it."""
    _, shot = plan_shots(make_board(clip_board()))

    assert (shot.chain_id, shot.continues, shot.continues_clip) == ("a", "a", True)
    assert [(source.role, source.source_shot) for source in shot.inputs] == [
        ("reference_video", "a")
    ]
    assert shot.request.prompt == "Extend Video 1: q"
    assert shot.anchor is None


def test_continued_clip_repeats_no_frame(make_board) -> None:
    """No frame is dropped at that seam."""
    assert not make_plan(make_board(clip_board())).is_seam(1)


def test_continued_clip_needs_no_prompt(make_board) -> None:
    """The clip stands for a prompt, and the model is still asked to extend it."""
    _, shot = plan_shots(make_board(clip_board(second="id: b, continue: clip")))

    assert shot.request.prompt == "Extend Video 1."


def test_continued_clip_is_part_of_the_key(make_board) -> None:
    """A clip is another input than a frame, and an edit of the continued shot changes the key."""
    frame = "id: b, prompt: 'Extend Video 1: q'"
    keys = {
        make_plan(make_board(text)).shot("b").key
        for text in (clip_board(), clip_board(second=frame), clip_board(first="id: a, prompt: x"))
    }

    assert len(keys) == 3


def test_2_5_keeps_the_ratio_of_a_continued_clip(make_board) -> None:
    """The vendor rejects every other ratio than adaptive, and only after a wait."""
    text = clip_board(model="seedance-2.5", look="resolution: 480p, seconds: 4, ratio: '16:9'")
    _, shot = plan_shots(make_board(text))

    assert shot.request.ratio == "adaptive"
    assert (shot.width, shot.height) == (854, 480)


def test_references_come_after_a_continued_clip(make_board, make_picture) -> None:
    """The clip is Video 1 whatever else is given."""
    make_picture("k.png")
    second = "id: b, prompt: q, continue: clip, references: {images: [k.png]}"
    _, shot = plan_shots(make_board(clip_board(second=second)))

    assert [source.role for source in shot.inputs] == ["reference_video", "reference_image"]


def test_continued_clip_of_auto_length_counts_the_maximum(make_board) -> None:
    """Vendors bill whole seconds: the maximum of 15 s is within the limit for references."""
    _, shot = plan_shots(make_board(clip_board(first=f"{FIRST}, seconds: auto")))

    assert [source.duration_seconds for source in shot.inputs] == [15]


THREE_CLIPS = ", ".join(f"'https://x.example/{number}.mp4'" for number in range(3))


@pytest.mark.parametrize(
    ("first", "options", "message", "remedy"),
    [
        (
            FIRST,
            {"model": "seedance-1.5-pro"},
            "seedance-1.5-pro at simulator does not support reference clips",
            "Remove continue, or use seedance-2.0-mini, seedance-2.0-fast or seedance-2.0 (",
        ),
        (
            FIRST,
            {"provider": "cometapi-videos"},
            "seedance-2.0 at cometapi-videos does not support reference clips",
            "Remove continue.",
        ),
        (
            f"{FIRST}, provider: ark",
            {"provider": "modelark"},
            "a is rendered by ark, not by modelark",
            "Remove continue, or: Give a public URL",
        ),
        (
            f"{FIRST}, model: seedance-1.0-pro, ratio: '4:3'",
            {},
            "the clip of a is 736x544, and it must have 407696 to 8295044 pixels",
            "another resolution or ratio",
        ),
        (
            f"{FIRST}, model: seedance-2.5, seconds: 20",
            {},
            "takes at most 15 s of reference video in total, not 20",
            "Use less, or use seedance-2.5 or seedance-2.5-flash.",
        ),
        (
            f"{FIRST}, model: seedance-1.0-pro, frames: 29",
            {},
            "the clip of a lasts 1.0 s, and a reference at least 1.8 s",
            "longer",
        ),
    ],
)
def test_clip_that_can_not_be_continued_is_a_problem(
    make_board, first: str, options: dict[str, str], message: str, remedy: str
) -> None:
    """The model, the provider, the size or the length may forbid it; nothing is paid before."""
    problems = plan_problems(make_board(clip_board(first, **options)))
    problem = next(problem for problem in problems if message in problem.message)

    assert problem.path == "shots[1].continue"
    assert remedy in problem.remedy


def test_continued_clip_counts_as_a_reference(make_board) -> None:
    """Three more clips are one too many."""
    second = f"{SECOND}, references: {{videos: [{THREE_CLIPS}]}}"
    (problem,) = plan_problems(make_board(clip_board(second=second)))

    assert "and 4 are given" in problem.message


def test_clip_of_a_file_is_for_the_simulator(make_board, make_picture) -> None:
    """The file is uploaded there; a vendor takes URLs only."""
    write_clip(make_picture("k.png").with_name("c.mp4"))
    board = make_board(clip_board("id: a, clip: c.mp4"))
    (shot,) = plan_shots(board)
    (problem,) = plan_problems(board, provider="ark")

    assert [(source.width, source.height, source.duration_seconds) for source in shot.inputs] == [
        (864, 496, 3.0)
    ]
    assert problem.message == "a is a file, and ark takes reference clips by URL only"


def test_final_request_has_what_the_draft_leaves_open(make_board) -> None:
    """The draft fixes everything but resolution and what belongs to the job."""
    drafts = plan_shots(make_board(draft_board("true")))
    finals = plan_shots(make_board(draft_board("final", resolution="720p")))

    assert [shot.draft.key for shot in finals] == [shot.key for shot in drafts]
    for shot in finals:
        values = shot.request._asdict()
        sent = {name for name, value in values.items() if value not in (None, (), "")}
        assert sent == {"model", "resolution", "watermark", "return_last_frame"}
        assert shot.request.resolution == "720p"
        assert (shot.width, shot.height, shot.frames) == (1280, 720, 97)
        assert shot.duration_seconds == 4
    assert [shot.content_request.prompt for shot in finals] == ["p", "q"]


def test_final_key_depends_on_its_draft(make_board) -> None:
    """Another prompt of the draft is another final render, and so is another resolution."""
    text = draft_board("final")
    keys = {
        plan_shots(make_board(edited))[0].key
        for edited in (text, text.replace("prompt: p", "prompt: x"), text.replace("480p", "720p"))
    }

    assert len(keys) == 3


def test_final_after_final_has_a_soft_anchor(make_board) -> None:
    """Its draft started on the draft of the shot before, not on that shot's final render."""
    board = make_board(draft_board("final"))
    plan = make_plan(board)

    assert [shot.anchor for shot in plan.shots_to_render] == [None, Anchor.SOFT]
    assert plan.is_seam(1)
    assert plan_warnings(board) == [
        "it starts where the draft of the shot before ended, not its final render: "
        "a soft anchor, so the seam may show"
    ]


def test_final_after_plain_shot_has_an_exact_anchor(make_board) -> None:
    """Its draft started on the very frame that the film shows; the draft is another job then."""
    text = draft_board("final")
    after_final = plan_shots(make_board(text))[1]
    after_plain = plan_shots(make_board(text.replace("id: a,", "id: a, draft: false,")))[1]

    assert after_plain.anchor is Anchor.EXACT
    assert after_plain.draft.key != after_final.draft.key


def test_plain_shot_after_final_has_an_exact_anchor(make_board) -> None:
    """It starts on the last frame of the final render, which the film shows."""
    text = draft_board("final").replace("id: b,", "id: b, draft: false,")

    assert plan_shots(make_board(text))[1].anchor is Anchor.EXACT


def test_soft_anchor_of_a_wire_format_is_a_warning(make_board) -> None:
    """CometAPI's form uses an image as guidance only."""
    text = board_text(
        FIRST,
        "id: b, prompt: q",
        model="seedance-2.0",
        provider="cometapi-videos",
        look="seconds: 4",
    )
    board = make_board(text)

    assert plan_shots(board)[1].anchor is Anchor.SOFT
    assert plan_warnings(board) == [
        "cometapi-videos uses the first frame as guidance only: a soft anchor, so the seam may show"
    ]


@pytest.mark.parametrize(
    ("model", "look", "message"),
    [
        (
            "seedance-2.5",
            "draft: final, resolution: 720p",
            "the final render of a draft of seedance-2.5 is 1080p, not 720p",
        ),
        ("seedance-1.5-pro", "draft: true, resolution: 720p", "a draft is 480p, not 720p"),
        (
            "seedance-1.5-pro",
            "draft: final, service_tier: flex",
            "a draft can't use the flex tier",
        ),
    ],
)
def test_draft_limits_are_problems(make_board, model: str, look: str, message: str) -> None:
    """The limits are those of the vendors' pages."""
    (problem,) = plan_problems(make_board(board_text(FIRST, model=model, look=look)))

    assert problem.message == message


def test_draft_resolutions_have_defaults(make_board) -> None:
    """A draft is 480p, and the final render of 2.5 is 1080p."""
    text = board_text(FIRST, model="seedance-2.5", look="draft: true")
    (draft,) = plan_shots(make_board(text))
    (final,) = plan_shots(make_board(text.replace("true", "final")))

    assert (draft.request.resolution, final.request.resolution) == ("480p", "1080p")
    assert final.draft.key == draft.key


def test_priority_of_a_final_render_is_a_warning(make_board) -> None:
    """The draft is queued with it; the final render takes no priority."""
    text = board_text(f"{FIRST}, priority: 5", model="seedance-2.5", look="draft: final")
    board = make_board(text)
    (shot,) = plan_shots(board)

    assert (shot.draft.request.priority, shot.request.priority) == (5, None)
    assert plan_warnings(board) == ["priority is not used: the final render of a draft takes none"]


def test_final_without_drafts_is_unsupported(make_board) -> None:
    """On a shot a problem with the alternatives, in the look a warning."""
    (problem,) = plan_problems(
        make_board(board_text(f"{FIRST}, draft: final", model="seedance-2.0"))
    )
    warnings = plan_warnings(
        make_board(board_text(FIRST, model="seedance-2.0", look="draft: final"))
    )

    assert problem.message == "seedance-2.0 does not support draft: final"
    assert problem.remedy == "Remove draft, or use seedance-2.5 or seedance-1.5-pro."
    assert warnings == ["final is not used: seedance-2.0 does not support it"]
