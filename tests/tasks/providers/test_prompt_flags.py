"""Parameters as flags in the prompt: how they are written, and which prompts are rejected."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import InvalidRequest
from tasks.providers.dialects import DIALECTS
from tasks.providers.request_fields import append_prompt_flags, find_prompt_flag
from tasks.providers.types import RenderRequest

FLAG_DIALECTS = ["volc", "kkiai"]


def test_append_flags_writes_them_in_order():
    """One space between, booleans in lower case, values of None left out."""
    flags = (("ratio", "16:9"), ("seed", 0), ("cf", False), ("wm", True), ("dur", None))

    text = append_prompt_flags("Rain. \n", flags)

    assert text == "Rain. --ratio 16:9 --seed 0 --cf false --wm true"


@pytest.mark.parametrize(
    ("prompt", "flag"),
    [
        ("Rain --duration 12", "--duration"),
        ("--rs 1080p Rain", "--rs"),
        ("Rain\n--RATIO 1:1", "--RATIO"),
        ('He shouts "--dur 12"', "--dur"),
        ("Rain (--seed 4)", "--seed"),
        ("Rain (--no-such-thing)", "--no-such-thing"),
        ("Rain.--wm true", "--wm"),
        ("word--duration 12", "--duration"),
        ("Rain --no-such-thing", "--no-such-thing"),
        ("---duration 12", "--duration"),
    ],
)
def test_find_flag_finds_known_and_unknown_flags(prompt, flag):
    """At any position, whether the vendor documents the flag or not."""
    assert find_prompt_flag(prompt) == flag


@pytest.mark.parametrize(
    "prompt",
    [
        *("He waits -- then runs.", "He waits--then runs.", "a well-known -- 5 s -- shot", "--"),
        *("5--7 birds", "– –duration", "- -duration 12", "the seed--bed", "--5"),
    ],
)
def test_find_flag_ignores_dashes_of_prose(prompt):
    """An author may write dashes."""
    assert find_prompt_flag(prompt) is None


@pytest.mark.parametrize("name", FLAG_DIALECTS)
def test_create_rejects_prompt_with_flag(name):
    """The flag could request a duration that was not priced."""
    request = RenderRequest(model="m", prompt="Rain --duration 12", duration_seconds=4)

    with pytest.raises(InvalidRequest, match="--duration"):
        DIALECTS[name].build_create(request)


@settings(max_examples=100, deadline=None, database=None)
@given(prompt=st.text(max_size=40).filter(lambda text: text.strip() and not find_prompt_flag(text)))
@pytest.mark.parametrize("name", FLAG_DIALECTS)
def test_create_sends_each_parameter_once(name, prompt):
    """As a flag or as JSON, never as both, after the unchanged prompt."""
    request = RenderRequest(
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

    body = DIALECTS[name].build_create(request).json

    text = body["content"][0]["text"]
    flags = text[len(prompt.rstrip()) :].split(" ")
    assert text.startswith(prompt.rstrip())
    assert set(body) == {"model", "content", "generate_audio"}
    assert len(flags) == 1 + 2 * 6
    assert len({flag for flag in flags if flag.startswith("--")}) == 6


@pytest.mark.parametrize("name", FLAG_DIALECTS)
def test_create_omits_random_seed(name):
    """The value -1 is rejected by kkiai, and Ark's default is a random seed."""
    body = DIALECTS[name].build_create(RenderRequest(model="m", prompt="p", seed=-1)).json

    assert body["content"] == [{"type": "text", "text": "p"}]


@pytest.mark.parametrize("name", sorted(set(DIALECTS) - {"ark"}))
def test_create_auto_duration_is_rejected_by_gateways(name):
    """Only Ark documents a duration that the model decides."""
    with pytest.raises(InvalidRequest, match="duration"):
        DIALECTS[name].build_create(RenderRequest(model="m", prompt="p", duration_seconds=-1))
