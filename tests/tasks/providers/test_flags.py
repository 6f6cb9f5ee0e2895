"""Parameters in the prompt: how they are written, and which words of an author's are dangerous."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import InvalidRequest
from tasks.providers.dialects import DIALECTS
from tasks.providers.request_fields import append_prompt_flags, find_prompt_flag
from tasks.providers.types import RenderRequest

IN_TEXT = ["volc", "kkiai"]


def test_flags_stand_behind_the_words():
    """In their order, one space between, truths in small letters, none for what is unsaid."""
    flags = (("ratio", "16:9"), ("seed", 0), ("cf", False), ("wm", True), ("dur", None))

    assert (
        append_prompt_flags("Rain. \n", flags) == "Rain. --ratio 16:9 --seed 0 --cf false --wm true"
    )


@pytest.mark.parametrize(
    ("prompt", "flag"),
    [
        ("Rain --duration 12", "--duration"),
        ("--rs 1080p Rain", "--rs"),
        ("Rain\n--RATIO 1:1", "--RATIO"),
        ('He says "--dur 12"', "--dur"),
        ("Rain (--seed 4)", "--seed"),
        ("Rain (--no-such-thing)", "--no-such-thing"),
        ("Rain.--wm true", "--wm"),
        ("word--duration 12", "--duration"),
        ("Rain --no-such-thing", "--no-such-thing"),
        ("---duration 12", "--duration"),
    ],
)
def test_a_word_that_could_be_a_flag_is_found(prompt, flag):
    """Wherever it stands, and whether the vendor knows it or not."""
    assert find_prompt_flag(prompt) == flag


@pytest.mark.parametrize(
    "prompt",
    [
        *("He waits -- then runs.", "He waits--then runs.", "a well-known -- 5 s -- shot", "--"),
        *("5--7 birds", "– –duration", "- -duration 12", "the seed--bed", "--5"),
    ],
)
def test_dashes_of_plain_prose_are_no_flags(prompt):
    """An author may write them."""
    assert find_prompt_flag(prompt) is None


@pytest.mark.parametrize("name", IN_TEXT)
def test_a_prompt_with_a_flag_is_never_sent(name):
    """It could ask for another length than the one that was priced."""
    with pytest.raises(InvalidRequest, match="--duration"):
        DIALECTS[name].build_create(
            RenderRequest(model="m", prompt="Rain --duration 12", duration_seconds=4)
        )


@settings(max_examples=100, deadline=None, database=None)
@given(
    prompt=st.text(max_size=40).filter(lambda words: words.strip() and not find_prompt_flag(words))
)
@pytest.mark.parametrize("name", IN_TEXT)
def test_each_parameter_is_said_once_and_in_one_way(name, prompt):
    """As a flag or as JSON, never as both, and the author's words stand before them."""
    order = RenderRequest(
        model="m",
        prompt=prompt,
        resolution="480p",
        ratio="16:9",
        duration_seconds=5,
        seed=7,
        camera_fixed=False,
        watermark=False,
        audio=False,
    )

    body = DIALECTS[name].build_create(order).json

    text = body["content"][0]["text"]
    words = text[len(prompt.rstrip()) :].split(" ")
    assert text.startswith(prompt.rstrip())
    assert set(body) == {"model", "content", "generate_audio"}
    assert len(words) == 1 + 2 * 6
    assert len({word for word in words if word.startswith("--")}) == 6


@pytest.mark.parametrize("name", IN_TEXT)
def test_a_random_seed_is_one_that_is_not_said(name):
    """kkiai takes no -1, and Ark's own default is the same."""
    body = DIALECTS[name].build_create(RenderRequest(model="m", prompt="p", seed=-1)).json

    assert body["content"] == [{"type": "text", "text": "p"}]


@pytest.mark.parametrize("name", sorted(set(DIALECTS) - {"ark"}))
def test_a_length_that_the_model_decides_is_ark_s_alone(name):
    """No gateway documents it."""
    with pytest.raises(InvalidRequest, match="duration"):
        DIALECTS[name].build_create(RenderRequest(model="m", prompt="p", duration_seconds=-1))
