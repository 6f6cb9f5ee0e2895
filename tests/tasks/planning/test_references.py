"""References of a shot and of its cast: number, length, combination and the way they are sent."""

from __future__ import annotations

import pytest

from tests.support.boards import (
    board_text,
    plan_problems,
    plan_shots,
    plan_warnings,
    write_clip,
    write_wav,
)

CAST = "cast: {keeper: {is: an old man, images: [IMAGES]}}"


def reference_board(references: str, *, model="seedance-2.0", provider="simulator") -> str:
    return board_text(
        f"id: a, prompt: p, references: {{{references}}}", model=model, provider=provider
    )


@pytest.mark.parametrize(
    ("videos", "provider", "message", "remedy"),
    [
        ("c.mp4", "ark", "ark takes reference clips by URL only, and c.mp4 is", "asset:// id"),
        ("nowhere.mp4", "simulator", "there is no file nowhere.mp4", "correct the name"),
        ("k.png", "simulator", "k.png is not a clip that vendors accept", "MP4 or MOV"),
        ("text.mp4", "simulator", "text.mp4", "Save it as MP4 or MOV"),
        (
            "c.mp4, c.mp4, c.mp4, c.mp4",
            "simulator",
            "seedance-2.0 takes at most 3 reference videos, and 4 are given",
            "Use seedance-2.5 or seedance-2.5-flash.",
        ),
    ],
)
def test_unusable_reference_clip_is_a_problem(
    make_board, make_picture, videos: str, provider: str, message: str, remedy: str
) -> None:
    """Files are for the simulator; vendors take clips by URL."""
    folder = make_picture("k.png").parent
    (folder / "text.mp4").write_text("not a clip")
    write_clip(folder / "c.mp4")
    (problem, *_) = plan_problems(
        make_board(reference_board(f"videos: [{videos}]", provider=provider))
    )

    assert problem.path == "shots[0].references"
    assert message in problem.message
    assert remedy in problem.remedy


@pytest.mark.parametrize("provider", ["ark", "powertokens", "kkiai-2", "infinity-blue"])
@pytest.mark.parametrize("url", ["https://x.example/a.mp4", "asset://asset-2026"])
def test_reference_clip_at_a_url_is_sent_as_written(make_board, provider: str, url: str) -> None:
    """Every vendor that takes clips takes them by URL or asset id."""
    (shot,) = plan_shots(make_board(reference_board(f"videos: ['{url}']", provider=provider)))

    assert [(source.role, source.url) for source in shot.inputs] == [("reference_video", url)]


@pytest.mark.parametrize(
    ("audio", "message", "remedy"),
    [
        ("short.wav", "short.wav lasts 1.0 s, and a reference at least 1.8 s", "longer"),
        (
            "long.wav, long.wav",
            "seedance-2.0 takes at most 15 s of reference audio in total, not 18",
            "Use less, or use seedance-2.5 or seedance-2.5-flash.",
        ),
    ],
)
def test_audio_has_a_length_range(
    make_board, make_picture, audio: str, message: str, remedy: str
) -> None:
    """Each file has a minimum length, and all files together have a maximum."""
    folder = make_picture("k.png").parent
    write_wav(folder / "short.wav", seconds=1)
    write_wav(folder / "long.wav", seconds=9)
    references = f"images: [k.png], audio: [{audio}]"
    (problem,) = plan_problems(make_board(reference_board(references)))

    assert problem.message == message
    assert remedy in problem.remedy


def test_audio_alone_is_for_2_5_only(make_board, make_picture) -> None:
    """2.0 needs an image or a clip beside it."""
    write_wav(make_picture("k.png").with_name("long.wav"), seconds=9)
    (problem,) = plan_problems(make_board(reference_board("audio: [long.wav]")))
    (shot,) = plan_shots(make_board(reference_board("audio: [long.wav]", model="seedance-2.5")))

    assert problem.message == "audio can't be the only reference"
    assert [source.role for source in shot.inputs] == ["reference_audio"]


@pytest.mark.parametrize(
    ("shot", "key"),
    [
        ("references: {images: [k.png]}, first_frame: k.png", "references"),
        ("continue: clip, last_frame: k.png", "last_frame"),
    ],
)
def test_references_exclude_frames(make_board, make_picture, shot: str, key: str) -> None:
    """Vendors take references or frames; a continued clip is a reference too."""
    make_picture("k.png")
    text = board_text("id: a, prompt: p", f"id: b, prompt: q, {shot}", model="seedance-2.0")
    problems = plan_problems(make_board(text))

    assert [problem.path for problem in problems][:1] == [f"shots[1].{key}"]
    assert "references can't be combined with a first or last frame" in [
        problem.message for problem in problems
    ]


@pytest.mark.parametrize(
    ("provider", "shot", "message"),
    [
        (
            "cometapi-videos",
            "first_frame: 'https://x.example/k.png'",
            "cometapi-videos can't send a first frame by URL",
        ),
        (
            "infinity-blue",
            "references: {images: [k.png]}",
            "infinity-blue can't send a reference image as a file",
        ),
        (
            "infinity-blue",
            "first_frame: k.png, last_frame: 'https://x.example/k.png'",
            "infinity-blue can send one file and nothing else beside it",
        ),
    ],
)
def test_media_must_fit_the_wire_format(
    make_board, make_picture, provider: str, shot: str, message: str
) -> None:
    """Some wire formats take files only, some URLs only, and some a single file."""
    make_picture("k.png")
    text = board_text(f"id: a, prompt: p, {shot}", model="seedance-2.0", provider=provider)

    assert message in [problem.message for problem in plan_problems(make_board(text))]


def test_image_format_must_fit_the_wire_format(make_board, make_picture) -> None:
    """A file that vendors accept in general may not be accepted in a form upload."""
    make_picture("k.bmp")
    text = board_text(
        "id: a, prompt: p, first_frame: k.bmp", model="seedance-2.0", provider="cometapi-videos"
    )
    (problem,) = plan_problems(make_board(text))

    assert "not image/bmp" in problem.message


def test_cast_images_are_sent_with_text_alone(make_board, make_picture) -> None:
    """They are references of a shot without a frame; a chained shot starts on a frame."""
    make_picture("k.png")
    text = board_text(
        "id: a, prompt: '{keeper} waits'",
        "id: b, prompt: '{keeper} goes'",
        model="seedance-2.0",
        extra=CAST.replace("IMAGES", "k.png"),
    )
    board = make_board(text)
    first, second = plan_shots(board)

    assert [source.role for source in first.inputs] == ["reference_image"]
    assert second.inputs == ()
    assert first.request.prompt.startswith("an old man (Image 1) waits")
    assert plan_warnings(board) == [
        "the images of keeper are sent as references: Image 1",
        "the images of keeper are not sent: a shot that starts on a frame can't have references",
    ]


@pytest.mark.parametrize(
    ("provider", "model", "image", "reason"),
    [
        ("infinity-blue", "seedance-2.0", "https://x.example/k.png", None),
        ("infinity-blue", "seedance-2.0", "k.png", "takes reference images by URL only"),
        ("cometapi-videos", "seedance-2.0", "k.png", None),
        ("ark", "Seedance 2.0", "k.png", None),
        (
            "cometapi-videos",
            "seedance-2.0",
            "https://x.example/k.png",
            "takes reference images as files only",
        ),
        ("ark", "seedance-1.0-pro", "k.png", "seedance-1.0-pro does not support reference images"),
        ("ark", "seedance-1.0-lite", "k.png, k.png, k.png, k.png, k.png", "takes at most 4"),
    ],
)
def test_unsent_cast_images_are_a_warning(
    make_board, make_picture, provider: str, model: str, image: str, reason: str | None
) -> None:
    """Cast images are hints: the reason why they are not sent is a warning."""
    make_picture("k.png")
    images = ", ".join(f"'{name}'" for name in image.split(", "))
    text = board_text(
        "id: a, prompt: '{keeper} waits'",
        provider=provider,
        model=model,
        extra=CAST.replace("IMAGES", images),
    )
    board = make_board(text)
    (shot,) = plan_shots(board)
    (warning,) = plan_warnings(board)

    assert bool(shot.inputs) is (reason is None)
    assert (reason or "are sent as references") in warning


def test_required_cast_images_are_a_problem_if_unsent(make_board, make_picture) -> None:
    """`required: true` is for a shot that must not be rendered without them."""
    make_picture("k.png")
    cast = CAST.replace("IMAGES", "k.png").replace("is:", "required: true, is:")
    (problem,) = plan_problems(
        make_board(board_text("id: a, prompt: '{keeper} waits'", extra=cast))
    )

    assert problem.path == "shots[0]"
    assert "the images of keeper are not sent" in problem.message


def test_unusable_cast_image_is_reported_at_the_cast(make_board) -> None:
    """Not at the shots that mention the member, and only once."""
    text = board_text(
        "id: a, prompt: '{keeper} waits'",
        "id: b, prompt: '{keeper} goes', first_frame: none",
        model="seedance-2.0",
        extra=CAST.replace("IMAGES", "nowhere.png"),
    )
    (problem,) = plan_problems(make_board(text))

    assert problem.path == "cast.keeper.images"


def test_file_named_by_every_shot_is_read_once(make_board, make_picture, monkeypatch) -> None:
    """However a board spells its name: a clip of 500 MB in 2000 shots is not read 2000 times."""
    folder = make_picture("k.png").parent
    write_clip(folder / "own.mp4")
    read: list[str] = []

    def record(name: str) -> str:
        read.append(name)
        return "d"

    monkeypatch.setattr("tasks.planning.references.digest_file", lambda path: record(path.name))
    monkeypatch.setattr("tasks.planning.media_files.digest_bytes", lambda _: record("k.png"))
    shots = [f"id: c{n}, clip: {'./' * n}own.mp4" for n in range(4)]
    shots += [
        f"id: r{n}, first_frame: none, prompt: p, references: {{images: [{'./' * n}k.png]}}"
        for n in range(4)
    ]

    plan_shots(make_board(board_text(*shots, model="seedance-2.0")))

    assert read == ["own.mp4", "k.png"]
