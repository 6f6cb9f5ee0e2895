"""A board resolved: chains, prompts, limits, keys and prices, without a vendor or a store."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storyboards.problems import InvalidStoryboard
from tasks.planning.planner import make_plan

HEAD = "model: seedance-1.0-pro\nlook: {resolution: 480p, seconds: 2}\nshots:\n"


def board_of(*shots: str, head: str = HEAD) -> str:
    return head + "".join(f"  - {{{shot}}}\n" for shot in shots)


def keys(plan) -> dict[str, str]:
    return {shot.id: shot.key for shot in plan}


def test_a_chain_is_a_tree_of_shots_by_their_last_frames(make_board) -> None:
    """Chains are named after their first shot, also where one shot is continued twice."""
    plan = make_plan(
        make_board(
            board_of(
                "id: a, prompt: a",
                "id: b, prompt: b",
                "id: c, prompt: c, first_frame: none",
                "id: d, prompt: d, first_frame: {shot: a}",
                "id: e, prompt: e",
            )
        )
    )

    assert {one.id: (one.chain_id, one.continues) for one in plan} == {
        "a": ("a", None),
        "b": ("a", "a"),
        "c": ("c", None),
        "d": ("a", "a"),
        "e": ("a", "d"),
    }
    assert [plan.is_seam(index) for index in range(5)] == [False, True, False, False, True]


def test_an_edit_reaches_the_shot_and_all_that_continue_it(make_board) -> None:
    """Editing shot 2 of 4 changes the keys of 2, 3 and 4 and of nothing else."""
    shots = [f"id: s{n}, prompt: p{n}" for n in range(1, 5)]
    before = keys(make_plan(make_board(board_of(*shots))))
    shots[1] = "id: s2, prompt: other"
    after = keys(make_plan(make_board(board_of(*shots))))

    assert [before[s] == after[s] for s in ("s1", "s2", "s3", "s4")] == [True, False, False, False]


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ("title: Another", True),
        ("callback_url: 'https://x.example/y'", True),
        ("service_tier: flex", True),
        ("execution_expires_after: 7200", True),
        ("safety_identifier: abc", True),
        ("take: 2", False),
        ("seed: 7", False),
        ("camera_fixed: true", False),
        ("watermark: true", False),
        ("seconds: 3", False),
        ("ratio: '1:1'", False),
        ("model: seedance-1.0-pro-fast", False),
        ("resolution: 720p", False),
    ],
)
def test_a_key_holds_what_changes_picture_or_sound(make_board, change: str, same: bool) -> None:
    """Titles, queueing and billing words leave the key alone; what is seen or heard changes it."""
    before = keys(make_plan(make_board(board_of("id: a, prompt: p"))))
    after = keys(make_plan(make_board(board_of(f"id: a, prompt: p, {change}"))))

    assert (before == after) is same


def test_keys_do_not_depend_on_names_places_or_the_order_of_keys(make_board, tmp_path) -> None:
    """Another id, another folder and another order of the YAML's keys give the same key."""
    first = make_plan(make_board(board_of("id: a, prompt: p, seed: 4, take: 2")))
    again = make_plan(
        make_board(
            board_of("take: 2, seed: 4, prompt: p, id: b"), name="x", folder=tmp_path / "elsewhere"
        )
    )

    assert first.shots[0].key == again.shots[0].key


def test_another_provider_is_another_key(make_board) -> None:
    """The same board at another provider is rendered and paid anew."""
    board = make_board(board_of("id: a, prompt: p"))
    found = {
        make_plan(board, provider=name).shots[0].key for name in ("simulator", "ark", "modelark")
    }

    assert len(found) == 3


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(1, 7), st.data())
def test_changing_a_shot_changes_the_keys_behind_it_only(make_board, count: int, data) -> None:
    """Whatever shot of a chain is edited: those before keep their keys, it and the rest do not."""
    edited = data.draw(st.integers(0, count - 1))
    shots = [f"id: s{n}, prompt: p{n}" for n in range(count)]
    before = [one.key for one in make_plan(make_board(board_of(*shots)))]
    shots[edited] += ", take: 2"
    after = [one.key for one in make_plan(make_board(board_of(*shots)))]

    assert [a == b for a, b in zip(before, after, strict=True)] == [
        n < edited for n in range(count)
    ]


def test_a_picture_counts_by_its_bytes(make_board, make_picture) -> None:
    """A file under another name is the same input; other bytes under the same name are not."""
    make_picture("a.png")
    make_picture("b.png")
    one = make_plan(make_board(board_of("id: a, prompt: p, first_frame: a.png")))
    two = make_plan(make_board(board_of("id: a, prompt: p, first_frame: b.png")))
    make_picture("a.png", colour="red")
    three = make_plan(make_board(board_of("id: a, prompt: p, first_frame: a.png")))

    assert one.shots[0].key == two.shots[0].key != three.shots[0].key


def test_a_seed_of_its_own_is_sent_and_is_not_in_the_key(make_board) -> None:
    """Jobs can be told apart by a seed from the key, where the model takes one."""
    plan = make_plan(make_board(board_of("id: a, prompt: p", "id: b, prompt: q")))
    seeds = [one.request.seed for one in plan]

    assert all(0 <= seed < 2**31 for seed in seeds)
    assert seeds[0] != seeds[1]
    assert (
        make_plan(make_board(board_of("id: a, prompt: p, model: seedance-2.0, seconds: 4")))
        .shots[0]
        .request.seed
        is None
    )


def test_defaults_that_cost_money_are_sent(make_board) -> None:
    """Sound, watermark, resolution, ratio and length are always said explicitly."""
    plan = make_plan(make_board("shots: [{id: a, prompt: p}]"))
    order = plan.shots[0].request

    assert (order.audio, order.watermark, order.return_last_frame) == (True, False, True)
    assert (order.resolution, order.ratio, order.duration_seconds) == ("720p", "16:9", 5)


def test_a_price_is_tokens_times_the_list_price(make_board) -> None:
    """Five seconds of 720p of 1.5 pro with sound: 108,900 tokens at 2.40 USD a million."""
    shot = make_plan(make_board("provider: modelark\nshots: [{id: a, prompt: p}]")).shots[0]

    assert shot.tokens == 108_900
    assert shot.max_price.amount == Decimal("0.26136")
    assert shot.max_price.currency == "USD"


def test_an_open_length_is_priced_at_the_longest(make_board) -> None:
    """`seconds: auto` is priced at the twelve seconds that 1.5 pro may take."""
    shot = make_plan(make_board("provider: modelark\nshots: [{id: a, prompt: p, seconds: auto}]"))

    assert shot.shots[0].request.duration_seconds == -1
    assert shot.shots[0].tokens == 1280 * 720 * (12 * 24 + 1) // 1024


@pytest.mark.parametrize(
    ("shot", "said", "remedy"),
    [
        ("seconds: 40", "takes 2 to 12 seconds, not 40", "Take 2 to 12"),
        ("resolution: 4k", "takes no resolution: 4k", "480p"),
        ("seconds: auto", "takes no seconds: auto", "2 to 12"),
        ("audio: true", "takes no audio", "seedance-1.5-pro"),
        ("draft: true", "takes no draft", "seedance-1.5-pro"),
        ("priority: 3", "takes no priority", "seedance-2.0"),
        ("seed: -5", "seed can't be -5", "0 to"),
        ("frames: 30", "frames can't be 30", "29, 33"),
        ("ratio: adaptive", "adaptive with words alone", "16:9"),
        ("execution_expires_after: 5", "can't be 5 seconds", "3600"),
        ("tools: [web_search]", "has no tools", "seedance-2.0"),
        ("last_frame: a.png", "needs a first frame", "Give first_frame"),
        ("first_frame: nowhere.png", "no file nowhere.png", "correct the name"),
        ("model: seedance-1.0-pro-fast, first_frame: a.png, last_frame: a.png",
         "takes no last_frame", "seedance-1.5-pro"),
        ("references: {images: [a.png]}", "takes no reference images", "seedance-2.0"),
        ("first_frame: small.png", "100x100", "300"),
        ("first_frame: wide.png", "too narrow or too wide", "0.4"),
        ("first_frame: text.png", "is no picture", "PNG"),
        ("clip: nowhere.mp4", "no file nowhere.mp4", "correct the name"),
    ],
)  # fmt: skip
def test_what_a_model_lacks_is_refused_with_the_alternative(
    make_board, make_picture, shot: str, said: str, remedy: str
) -> None:
    """A value on a shot that its model lacks: its file and line, what is wrong, what to take."""
    make_picture("a.png")
    make_picture("small.png", 100, 100)
    make_picture("wide.png", 3000, 400)
    make_picture("text.png").write_text("no picture")
    words = "id: a" + ("" if "clip" in shot else ", prompt: p")
    board = make_board(board_of(f"{words}, {shot}"))

    with pytest.raises(InvalidStoryboard) as raised:
        make_plan(board)

    problem = raised.value.problems[0]
    assert (problem.file, problem.line) == ("four.yaml", 4)
    assert said in problem.message
    assert remedy in problem.remedy


def test_the_same_value_in_the_look_is_a_note(make_board) -> None:
    """What the look says and a model lacks is reported as not used."""
    plan = make_plan(make_board("look: {seed: 5, draft: true, resolution: 480p, seconds: 4}\n"
                                "model: seedance-2.0\nshots: [{id: a, prompt: p}]"))  # fmt: skip

    told = " ".join(note.message for note in plan.warnings)
    assert "look.seed: 5 is not used" in told
    assert "look.draft: true is not used" in told
    assert plan.shots[0].request.seed is None


def test_a_default_chain_on_a_model_without_first_frame_is_refused(make_board) -> None:
    """The remedy offers to begin a new chain."""
    text = board_of("id: a, prompt: p", "id: b, prompt: q").replace(
        "seedance-1.0-pro", "doubao-seedance-1-0-lite-t2v-250428"
    )
    board = make_board(text)

    with pytest.raises(InvalidStoryboard, match="first_frame: none"):
        make_plan(board)


def test_every_problem_is_told_at_once_in_the_order_of_the_file(make_board) -> None:
    """Three shots with one problem each make three problems."""
    shots = [f"id: s{n}, prompt: p, seconds: 99" for n in range(3)]
    board = make_board(board_of(*shots))

    with pytest.raises(InvalidStoryboard) as raised:
        make_plan(board)

    assert [problem.line for problem in raised.value.problems] == [4, 5, 6]


def test_two_shots_with_one_key_are_told(make_board) -> None:
    """The same picture twice is rendered once, and the author hears of it."""
    plan = make_plan(
        make_board(board_of("id: a, prompt: p", "id: b, prompt: p, first_frame: none"))
    )

    assert plan.shots[0].key == plan.shots[1].key
    assert "b is the same picture as a" in plan.warnings[0].message


def test_a_word_that_vendors_read_as_a_parameter_is_refused(make_board) -> None:
    """A prompt can't smuggle `--duration 12` past the budget."""
    board = make_board(board_of('id: a, prompt: "p --duration 12"'))

    with pytest.raises(InvalidStoryboard, match="--duration"):
        make_plan(board)


def test_nothing_outside_the_board_s_folder_is_read(make_board, make_picture, tmp_path) -> None:
    """Neither `..`, nor an absolute path, nor a link leads out."""
    secret = make_picture("../secret.png")
    (tmp_path / "boards").mkdir(exist_ok=True)
    (tmp_path / "boards" / "link.png").symlink_to(secret)
    for written in ("../secret.png", str(secret), "link.png"):
        board = make_board(board_of(f"id: a, prompt: p, first_frame: '{written}'"))
        with pytest.raises(InvalidStoryboard, match="outside"):
            make_plan(board)


def test_cast_images_go_where_the_model_takes_references(make_board, make_picture) -> None:
    """They are hints: sent with words alone on 2.0, told as not sent beside a frame."""
    make_picture("k.png")
    text = (
        "model: seedance-2.0\nlook: {resolution: 480p, seconds: 4}\n"
        "cast: {keeper: {is: an old man, images: [k.png]}}\n"
        "shots: [{id: a, prompt: '{keeper} waits'}, {id: b, prompt: '{keeper} goes'}]"
    )
    plan = make_plan(make_board(text))

    assert [given.role for given in plan.shots[0].inputs] == ["reference_image"]
    assert plan.shots[1].inputs == ()
    assert plan.shots[0].request.prompt.startswith("an old man waits")
    told = [note.message for note in plan.warnings]
    assert "the images of keeper are sent as references" in told
    assert any("not sent" in message for message in told)


def test_what_is_not_built_yet_says_so(make_board) -> None:
    """Known words that do not work yet are refused by name, before anything is paid."""
    text = "film: {music: {file: a.mp3}, loudness: -16 LUFS, join: {crossfade: 1}}\n"
    board = make_board(text + "shots: [{id: a, prompt: p}]")

    with pytest.raises(InvalidStoryboard) as raised:
        make_plan(board)

    assert sum("not built yet" in problem.message for problem in raised.value.problems) == 3
