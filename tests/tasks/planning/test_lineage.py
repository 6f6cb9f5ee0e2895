"""What the board alone tells of clips that are continued and drafts that are promoted."""

from __future__ import annotations

import pytest

from storyboards.problems import InvalidStoryboard
from tasks.planning.planner import make_plan

HEAD = "model: {model}\nprovider: {provider}\nlook: {{resolution: 480p, seconds: 4{look}}}\n"


def board_of(*shots: str, model="seedance-2.0", provider="simulator", look="") -> str:
    head = HEAD.format(model=model, provider=provider, look=f", {look}" if look else "")
    return head + "shots:\n" + "".join(f"  - {{{shot}}}\n" for shot in shots)


CONTINUED = ("id: a, prompt: p", "id: b, prompt: q, continue: clip")
FRAMED = ("id: a, prompt: p", "id: b, prompt: q")


def refused(make_board, text: str) -> str:
    with pytest.raises(InvalidStoryboard) as raised:
        make_plan(make_board(text))
    return str(raised.value)


def test_a_continued_clip_is_the_first_reference_and_drops_nothing_at_the_seam(make_board) -> None:
    """It goes with the order as Video 1, the words say so, and its picture is not repeated."""
    plan = make_plan(make_board(board_of(*CONTINUED)))
    one, two = plan.shots

    assert (two.chain_id, two.continues, two.continues_clip, two.anchor) == ("a", "a", True, None)
    assert [(given.role, given.source_shot) for given in two.inputs] == [("reference_video", "a")]
    assert two.request.prompt == "Extend Video 1: q"
    assert two.request.model == "doubao-seedance-2-0-260128"
    assert not plan.is_seam(1)
    assert one.continues_clip is False


def test_a_shot_without_words_asks_to_extend_all_the_same(make_board) -> None:
    """The clip stands for a prompt, and the model is still told what to do with it."""
    plan = make_plan(make_board(board_of("id: a, prompt: p", "id: b, continue: clip")))

    assert plan.shots[1].request.prompt == "Extend Video 1."


def test_the_key_holds_that_it_goes_on_by_clip_and_from_which_shot(make_board) -> None:
    """By clip is another picture than by frame, and an edit of the shot before reaches it."""
    clip = make_plan(make_board(board_of(*CONTINUED))).shots[1].key
    words = "id: b, prompt: 'Extend Video 1: q'"
    frame = make_plan(make_board(board_of(CONTINUED[0], words))).shots[1].key
    edited = make_plan(make_board(board_of("id: a, prompt: other", CONTINUED[1]))).shots[1].key

    assert len({clip, frame, edited}) == 3


def test_the_clip_before_is_billed_too(make_board) -> None:
    """Its seconds count as input: 4 s made from 4 s, at the rate with reference video."""
    plan = make_plan(make_board(board_of(*CONTINUED, provider="modelark")))
    one, two = plan.shots

    assert two.tokens == 864 * 496 * (97 + 96) // 1024
    assert float(one.max_price.amount) == pytest.approx(one.tokens * 7.0 / 1e6)
    assert float(two.max_price.amount) == pytest.approx(two.tokens * 4.3 / 1e6)


def test_2_5_keeps_the_ratio_of_the_clip_that_it_extends(make_board) -> None:
    """Another ratio than adaptive is refused there by the vendor, after waiting."""
    plan = make_plan(make_board(board_of(*CONTINUED, model="seedance-2.5", look="ratio: '16:9'")))

    assert plan.shots[1].request.ratio == "adaptive"
    assert (plan.shots[1].width, plan.shots[1].height) == (854, 480)


def test_other_references_stand_beside_the_clip(make_board, make_picture) -> None:
    """The clip first, so that its number does not depend on them."""
    make_picture("k.png")
    shot = "id: b, prompt: q, continue: clip, references: {images: [k.png]}"
    plan = make_plan(make_board(board_of("id: a, prompt: p", shot)))

    assert [one.role for one in plan.shots[1].inputs] == ["reference_video", "reference_image"]


@pytest.mark.parametrize(
    ("shots", "words", "said"),
    [
        (CONTINUED, {"model": "seedance-1.5-pro"}, "seedance-1.5-pro at simulator takes no"),
        (CONTINUED, {"model": "seedance-1.5-pro"}, "or take seedance-2.5, seedance-2.0"),
        (CONTINUED, {"provider": "cometapi-videos"}, "cometapi-videos takes no reference clip"),
        (CONTINUED, {"provider": "cometapi-videos"}, "Leave continue out."),
        (("id: a, prompt: p, provider: ark", CONTINUED[1]), {"provider": "modelark"},
         "a is rendered by ark, not by modelark. Leave continue out, or: Give a public URL"),
        (("id: a, clip: c.mp4", CONTINUED[1]), {"provider": "ark"},
         "a is a file, and ark takes reference clips by URL only"),
        (("id: a, prompt: p, model: seedance-1.0-pro, ratio: '4:3'", CONTINUED[1]), {},
         "736x544, and it must have 407696 to 8295044 pixels"),
        (("id: a, prompt: p, model: seedance-2.5, seconds: 20", CONTINUED[1]), {},
         "takes 15 s of reference video in all, not 20"),
        (("id: a, prompt: p, model: seedance-1.0-pro, frames: 29", CONTINUED[1]), {},
         "lasts 1.0 s, and a reference at least 2 s"),
        (("id: a, prompt: p", CONTINUED[1] + ", last_frame: k.png"), {},
         "references can't go together with a first or last frame"),
        (("id: a, prompt: p", CONTINUED[1] + ", references: {videos: ['https://x.example/1.mp4', "
          "'https://x.example/2.mp4', 'https://x.example/3.mp4']}"), {}, "and 4 are given"),
    ],
)  # fmt: skip
def test_a_clip_that_can_not_be_continued_is_told_before_anything_is_paid(
    make_board, make_picture, shots, words, said: str
) -> None:
    """By the model, the wire, another provider, its size or its length; with the alternatives."""
    make_picture("k.png")
    if "c.mp4" in shots[0]:
        _film(make_picture("k.png").parent / "c.mp4")

    assert said in refused(make_board, board_of(*shots, **words))


def _film(path) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 864, 496, "yuv420p"
        for number in range(72):
            frame = av.VideoFrame(864, 496, "yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_the_simulator_continues_a_file(make_board, make_picture) -> None:
    """It stands on this machine, so the file itself can be left with it."""
    _film(make_picture("k.png").parent / "c.mp4")
    plan = make_plan(make_board(board_of("id: a, clip: c.mp4", CONTINUED[1])))

    given = plan.shots[1].inputs[0]
    assert (given.width, given.height, given.duration_seconds) == (864, 496, 3.0)


@pytest.mark.parametrize(
    ("videos", "provider", "said"),
    [
        ("[c.mp4]", "ark", "ark takes reference clips by URL only, and c.mp4 is a file. "
                           "Give a public URL or an asset:// id"),
        ("[c.mp4]", "ark", "`continue: clip` while the same provider's job is younger than 20"),
        ("[nowhere.mp4]", "simulator", "there is no file nowhere.mp4"),
        ("[k.png]", "simulator", "k.png is no clip that vendors take"),
        ("[text.mp4]", "simulator", "Save it as MP4 or MOV"),
        ("[c.mp4, c.mp4, c.mp4, c.mp4]", "simulator", "takes 3 reference videos, and 4 are given"),
    ],
)  # fmt: skip
def test_a_local_reference_clip_is_for_the_simulator(
    make_board, make_picture, videos: str, provider: str, said: str
) -> None:
    """Elsewhere it is refused with the ways there are; a file that is none is told anywhere."""
    folder = make_picture("k.png").parent
    (folder / "text.mp4").write_text("no clip")
    _film(folder / "c.mp4")
    text = board_of(f"id: a, prompt: p, references: {{videos: {videos}}}", provider=provider)

    assert said in refused(make_board, text)


@pytest.mark.parametrize("url", ["https://x.example/a.mp4", "asset://asset-2026"])
def test_a_url_or_an_asset_goes_to_every_vendor_that_takes_clips(make_board, url: str) -> None:
    """As it is written."""
    for provider in ("ark", "powertokens", "kkiai-2", "infinity-blue"):
        text = board_of(f"id: a, prompt: p, references: {{videos: ['{url}']}}", provider=provider)
        assert make_plan(make_board(text)).shots[0].inputs[0].url == url


def test_sounds_are_held_to_the_seconds_that_a_model_takes(make_board, make_picture) -> None:
    """Two to fifteen seconds on 2.0, all together; and never alone but on 2.5."""
    import wave

    folder = make_picture("k.png").parent
    for name, seconds in (("short.wav", 1), ("long.wav", 9)):
        with wave.open(str(folder / name), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(b"\0\0" * 8000 * seconds)

    def with_sounds(sounds: str, **words: str) -> str:
        images = "" if words else "images: [k.png], "
        shot = f"id: a, prompt: p, references: {{{images}audio: {sounds}}}"
        return board_of(shot, **words)

    assert "short.wav lasts 1.0 s" in refused(make_board, with_sounds("[short.wav]"))
    told = refused(make_board, with_sounds("[long.wav, long.wav]"))
    assert "takes 15 s of reference audio in all, not 18" in told
    assert "or take seedance-2.5" in told
    make_plan(make_board(with_sounds("[long.wav, long.wav]", model="seedance-2.5")))


DRAFT = "model: seedance-1.5-pro\nlook: {resolution: 480p, seconds: 4, draft: true}\nshots:\n"
TWO = "  - {id: a, prompt: p}\n  - {id: b, prompt: q}\n"


def test_the_full_picture_of_a_draft_repeats_nothing_that_the_draft_fixed(make_board) -> None:
    """Model, resolution and what belongs to the job; its key hashes the key of the draft."""
    draft = make_plan(make_board(DRAFT + TWO))
    final = make_plan(
        make_board(DRAFT.replace("draft: true", "draft: final").replace("480p", "720p") + TWO)
    )

    assert [one.draft.key for one in final] == [one.key for one in draft]
    for one in final:
        said = {name for name, value in vars(one.request).items() if value not in (None, (), "")}
        assert said == {"model", "resolution", "watermark", "return_last_frame"}
        assert (one.width, one.height, one.frames, one.duration_seconds) == (1280, 720, 97, 4)
        assert one.content_request.prompt in ("p", "q")
    assert final.shots[1].request.resolution == "720p"


def test_the_key_of_a_full_picture_follows_its_draft_alone(make_board) -> None:
    """Another word in the draft is another full picture; another resolution is one too."""
    text = DRAFT.replace("draft: true", "draft: final") + TWO
    keys = {
        make_plan(make_board(one)).shots[1].key
        for one in (text, text.replace("prompt: p", "prompt: x"), text.replace("480p", "720p"))
    }

    assert len(keys) == 3


def test_a_full_picture_costs_the_full_price(make_board) -> None:
    """A draft of 1.5 pro with sound counts 0.6 of its tokens, the full picture all of them."""
    text = "provider: modelark\n" + DRAFT + TWO
    draft = make_plan(make_board(text)).shots[0]
    final = make_plan(make_board(text.replace("draft: true", "draft: final"))).shots[0]

    assert draft.tokens == final.tokens * 6 // 10 == 864 * 496 * 97 // 1024 * 6 // 10
    assert float(final.max_price.amount) == pytest.approx(final.tokens * 2.4 / 1e6)


def test_a_full_picture_behind_another_leans_on_its_frame(make_board) -> None:
    """Its draft started on the draft before it: a soft anchor, and the author hears of it."""
    text = DRAFT.replace("draft: true", "draft: final") + TWO
    plan = make_plan(make_board(text))
    mixed = make_plan(make_board(text.replace("id: a,", "id: a, draft: false,")))

    assert [one.anchor for one in plan] == [None, "soft"]
    assert plan.is_seam(1)
    assert "not its full picture: a soft anchor" in plan.warnings[0].message
    assert [one.anchor for one in mixed] == [None, "exact"]
    assert mixed.shots[1].draft.key != plan.shots[1].draft.key


@pytest.mark.parametrize(
    ("model", "look", "said"),
    [
        ("seedance-2.5", "draft: final, resolution: 720p", "of seedance-2.5 is 1080p, not 720p"),
        ("seedance-1.5-pro", "draft: true, resolution: 720p", "a draft is 480p, not 720p"),
        ("seedance-1.5-pro", "draft: final, service_tier: flex", "a draft has no flex tier"),
    ],
)
def test_what_a_draft_or_its_full_picture_can_not_be_is_refused(
    make_board, model: str, look: str, said: str
) -> None:
    """By the limits of the vendors' pages."""
    text = f"model: {model}\nlook: {{{look}}}\nshots: [{{id: a, prompt: p}}]"

    assert said in refused(make_board, text)


def test_a_draft_is_480p_where_nothing_is_said_and_a_full_picture_of_2_5_is_1080p(
    make_board,
) -> None:
    """The only ones there are."""
    text = "model: seedance-2.5\nlook: {draft: true}\nshots: [{id: a, prompt: p}]"
    draft = make_plan(make_board(text)).shots[0]
    final = make_plan(make_board(text.replace("true", "final"))).shots[0]

    assert (draft.request.resolution, final.request.resolution) == ("480p", "1080p")
    assert final.draft.key == draft.key


def test_a_model_without_drafts_has_no_full_pictures_either(make_board) -> None:
    """On a shot an error with the alternatives, in the look a note."""
    shot = "shots: [{id: a, prompt: p, draft: final}]"

    assert "takes no draft: final" in refused(make_board, f"model: seedance-2.0\n{shot}")
    plan = make_plan(
        make_board("model: seedance-2.0\nlook: {draft: final}\nshots: [{id: a, prompt: p}]")
    )
    assert "look.draft: final is not used" in plan.warnings[0].message


@pytest.mark.parametrize(
    ("provider", "image", "sent"),
    [
        ("infinity-blue", "https://x.example/k.png", True),
        ("infinity-blue", "k.png", False),
        ("cometapi-videos", "k.png", True),
        ("cometapi-videos", "https://x.example/k.png", False),
    ],
)
def test_cast_images_go_in_the_form_that_a_wire_carries(
    make_board, make_picture, provider: str, image: str, sent: bool
) -> None:
    """By URL or as files; what can't go is told and is no error, for they are hints."""
    make_picture("k.png")
    cast = f"cast: {{keeper: {{is: an old man, images: ['{image}']}}}}\n"
    text = cast + board_of('id: a, prompt: "{keeper} waits"', provider=provider)
    plan = make_plan(make_board(text))

    assert bool(plan.shots[0].inputs) is sent
    told = "are sent as references" if sent else "are not sent"
    assert any(told in note.message for note in plan.warnings)
