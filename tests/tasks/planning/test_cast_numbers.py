"""Numbers of the cast's images in a prompt, and the keys of clips from before there were any."""

from __future__ import annotations

import pytest

from storyboards.prompts import find_mentions
from tasks.plan import ShotToRender
from tasks.planning.sent_prompts import describe_sent_prompt
from tasks.providers import Provider
from tests.support.boards import board_text, plan_shots, plan_warnings

URL = "https://x.example/k.png"
CAST = f"cast: {{keeper: {{is: an old keeper, images: ['{URL}']}}}}"
CHAIN = board_text(
    "id: a, prompt: '{keeper} waits'",
    "id: b, prompt: '{keeper} goes'",
    model="seedance-2.0",
    provider="ark",
    look="resolution: 480p, seconds: 4",
    extra=CAST,
)
EARLIER_KEYS = [
    "1c41b80b5567f5f15c810a698a3ce4e3011d5857861681cd8921ea4430d1df51",
    "0152630a98405fa4a08cb3ea3543e9228133bfb32087b14ef0e2c792d9c3f5f1",
]
"""The keys of `CHAIN` by the code before prompts had numbers: clips were paid for under them."""


def plan_prompt(make_board, *shots: str, cast: str = CAST, **options: str) -> str:
    text = board_text(*shots, **{"model": "seedance-2.0", "extra": cast, **options})
    return plan_shots(make_board(text))[-1].request.prompt


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("ark", "an old keeper (Image 1) waits"),
        ("modelark", "an old keeper (Image 1) waits"),
        ("infinity-blue", "an old keeper (image 1) waits"),
    ],
)
def test_prompt_names_cast_images_in_the_words_of_the_dialect(
    make_board, provider: str, expected: str
) -> None:
    """The vendors' pages differ in how a prompt refers to a picture."""
    shot = "id: a, prompt: '{keeper} waits'"

    assert plan_prompt(make_board, shot, provider=provider) == expected


def test_form_names_its_image_in_brackets(make_board, make_picture) -> None:
    """CometAPI's form takes one picture, as a file."""
    make_picture("k.png")
    prompt = plan_prompt(
        make_board,
        "id: a, prompt: '{keeper} waits'",
        cast=CAST.replace(URL, "k.png"),
        provider="cometapi-videos",
    )

    assert prompt == "an old keeper ([Image 1]) waits"


def test_numbers_count_the_references_before_them(make_board) -> None:
    """References of the shot are sent first, then the images of each member."""
    cast = (
        f"cast: {{keeper: {{is: a keeper, images: ['{URL}', '{URL}?2']}}, "
        "fox: {is: a fox, images: ['https://x.example/f.png']}}"
    )
    shot = (
        "id: a, prompt: '{fox} meets {keeper}, {fox} runs', "
        f"references: {{images: ['{URL}?0'], videos: ['{URL}.mp4']}}"
    )
    prompt = plan_prompt(make_board, shot, cast=cast)

    assert prompt == "a fox (Image 2) meets a keeper (Image 3, Image 4), a fox (Image 2) runs"


def test_image_that_the_author_names_has_no_second_number(make_board) -> None:
    """`{keeper}` and Image 1 in one prompt: the author has named it."""
    shot = "id: a, prompt: '{keeper}, as in Image 1, waits'"

    assert plan_prompt(make_board, shot) == "an old keeper, as in Image 1, waits"


def test_continued_clip_keeps_its_instruction(make_board) -> None:
    """The instruction to extend the clip stays at the start of the prompt."""
    prompt = plan_prompt(
        make_board, "id: a, prompt: p", "id: b, prompt: '{keeper}', continue: clip"
    )

    assert prompt == "Extend Video 1: an old keeper (Image 1)"


def test_unsent_images_have_no_number(make_board) -> None:
    """A shot that starts on a frame has no references."""
    _, second = plan_shots(make_board(CHAIN))

    assert second.request.prompt == "an old keeper goes"


def test_numbered_prompt_has_a_key_of_its_own(make_board) -> None:
    """Without a record of the earlier prompt, the key is that of what is sent."""
    keys = [shot.key for shot in plan_shots(make_board(CHAIN))]

    assert not set(keys) & set(EARLIER_KEYS)


@pytest.mark.parametrize("recorded", [EARLIER_KEYS, EARLIER_KEYS[:1]])
def test_recorded_prompt_without_numbers_keeps_its_key(make_board, recorded: list[str]) -> None:
    """A clip that was paid for stays kept, and so does its continuation."""
    lookups: list[tuple[str, str]] = []

    def has_record(provider: Provider, key: str) -> bool:
        lookups.append((provider.name, key))
        return key in recorded

    board = make_board(CHAIN)
    shots = plan_shots(board, has_record=has_record)

    assert [shot.key for shot in shots] == EARLIER_KEYS
    assert shots[0].request.prompt == "an old keeper waits"
    assert lookups == [("ark", EARLIER_KEYS[0])]
    assert "without their numbers" in plan_warnings(board, has_record=has_record)[0]


def test_draft_without_numbers_keeps_the_key_of_its_final_render(make_board) -> None:
    """The final render is requested by its draft, which was rendered under the earlier key."""
    text = CHAIN.replace("seedance-2.0", "seedance-2.5").replace("480p,", "1080p, draft: final,")

    def plan(**options: object) -> ShotToRender:
        return plan_shots(make_board(text), **options)[0]

    earlier = plan(has_record=lambda _, key: key != plan().draft.key)

    assert earlier.draft.request.prompt == "an old keeper waits"
    assert earlier.key != plan().key
    assert plan(has_record=lambda _, key: key == earlier.draft.key).key == earlier.key


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cup from Image 1 and @Image2", [("image", 1), ("image", 2)]),
        ("[Image 3] <Video 1> @img_2", [("image", 3), ("video", 1), ("image", 2)]),
        ("audio 1, 参考图1，图片2、视频3和音频4", None),
        ("地图1, image 4k, video 8-bit, imagery 1, Image 100, 1 image", []),
        ("İmage 1, ımage 2", []),
    ],
)
def test_find_mentions_reads_every_spelling(text: str, expected: list[tuple[str, int]]) -> None:
    """Vendors and their users write Image 1, @Image1, [Image 1], <Image 1> and 图1."""
    if expected is None:
        expected = [("audio", 1), ("image", 1), ("image", 2), ("video", 3), ("audio", 4)]

    assert [(each.kind, each.number) for each in find_mentions(text)] == expected


def test_sent_media_have_the_names_of_the_prompt(make_board, make_picture) -> None:
    """`plan --prompts` lists each picture by its number, also if one file is sent twice."""
    path = make_picture("k.png")
    cast = CAST.replace(URL, "k.png")
    shot = "id: a, prompt: '{keeper} waits', references: {images: [k.png]}"
    board = make_board(board_text(shot, model="seedance-2.0", extra=cast))
    (planned,) = plan_shots(board)
    sent = describe_sent_prompt(planned, path.parent)

    assert sent.text == "an old keeper (Image 2) waits"
    assert sent.media == (("Image 1", "k.png"), ("Image 2", "k.png (keeper)"))
