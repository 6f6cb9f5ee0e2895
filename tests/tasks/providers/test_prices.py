"""Token counts and prices, compared with every published figure."""

from decimal import ROUND_HALF_UP, Decimal

import pytest

from storyboards.models import Money
from tasks.providers import PROVIDERS
from tasks.providers.families import FAMILIES, count_frames, get_frame_size
from tasks.providers.price_tables import PRICE_TABLES, PriceTable, Rate
from tasks.providers.prices import (
    calculate_price,
    count_tokens,
)

PUBLISHED = [
    # width, height, rendered frames, seconds of reference video, billed tokens
    (1280, 720, count_frames(5), 0, 108_900),
    (1280, 720, count_frames(4), 0, 87_300),
    (1280, 720, count_frames(4), 4, 173_700),
    (1280, 720, count_frames(10), 0, 216_900),
    (1280, 720, count_frames(30), 0, 648_900),
    (1920, 1080, count_frames(5), 0, 245_025),
    (854, 480, count_frames(4), 0, 38_830),
    (854, 480, count_frames(5), 0, 48_437),
    (854, 480, count_frames(4), 5, 86_867),
    (1248, 1664, count_frames(15), 0, 732_108),
    (1920, 1088, count_frames(5), 0, 246_840),
    (1088, 1920, 145, 0, 295_800),
    (3840, 2160, count_frames(4), 0, 785_700),
]


@pytest.mark.parametrize(("width", "height", "frames", "video", "billed"), PUBLISHED)
def test_count_tokens_matches_published_figures(width, height, frames, video, billed):
    """Frames times pixels, divided by 1024, rounded down."""
    assert count_tokens(width, height, frames, input_video_seconds=video) == billed


@pytest.mark.parametrize(
    ("resolution", "seconds", "min_tokens"),
    [("480p", 4, 70_308), ("480p", 15, 251_100), ("720p", 4, 151_200), ("720p", 15, 540_000)],
)
def test_count_tokens_2_0_video_has_minimum(resolution, seconds, min_tokens):
    """Volcengine's table of minimum tokens: the frames of ceil(5/3 x seconds)."""
    family = FAMILIES["seedance-2.0"]
    width, height = get_frame_size(family, resolution, "16:9")

    tokens = count_tokens(
        width, height, count_frames(seconds), family=family, input_video_seconds=2
    )

    assert tokens == min_tokens


def test_count_tokens_other_clips_have_no_minimum():
    """Without reference video, or on 2.5, the plain count applies."""
    frames = count_frames(4)

    assert count_tokens(864, 496, frames, family=FAMILIES["seedance-2.0"]) == 864 * 496 * 97 // 1024
    assert (
        count_tokens(854, 480, frames, family=FAMILIES["seedance-2.5"], input_video_seconds=2)
        == 854 * 480 * 145 // 1024
    )


@pytest.mark.parametrize(("audio", "factor"), [(True, "0.6"), (False, "0.7")])
def test_count_tokens_1_5_draft_is_cheaper(audio, factor):
    """With sound 0.6 of its tokens, silent 0.7."""
    family = FAMILIES["seedance-1.5-pro"]

    tokens = count_tokens(864, 496, 97, family=family, draft=True, audio=audio)

    assert tokens == int(Decimal(864 * 496 * 97) * Decimal(factor) / 1024)


def test_count_tokens_2_5_draft_counts_in_full():
    """A draft of 5 s was billed 48,437 tokens, as many as an ordinary clip."""
    family = FAMILIES["seedance-2.5"]

    assert count_tokens(854, 480, count_frames(5), family=family, draft=True) == 48_437


@pytest.mark.parametrize(
    ("name", "resolution", "audio", "expected"),
    [
        ("seedance-2.5", "480p", True, "3.36"),
        ("seedance-2.5", "720p", True, "7.56"),
        ("seedance-2.5", "1080p", True, "18.71"),
        ("seedance-2.0", "480p", True, "2.31"),
        ("seedance-2.0", "720p", False, "4.97"),
        ("seedance-2.0", "1080p", True, "12.39"),
        ("seedance-2.0", "4k", True, "25.27"),
        ("seedance-2.0-fast", "720p", True, "4.00"),
        ("seedance-2.0-mini", "720p", True, "2.48"),
        ("seedance-1.5-pro", "480p", True, "0.80"),
        ("seedance-1.5-pro", "720p", True, "1.73"),
        ("seedance-1.5-pro", "1080p", True, "3.89"),
    ],
)
def test_price_matches_volcengine_examples(name, resolution, audio, expected):
    """Five seconds of 16:9; the pages' examples leave out the additional frame."""
    family = FAMILIES[name]
    count = count_tokens(*get_frame_size(family, resolution, "16:9"), 120)

    price = calculate_price(
        PROVIDERS["ark"], family, tokens=count, resolution=resolution, audio=audio
    )

    assert price is not None
    rounded = price.amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert (rounded, price.currency) == (Decimal(expected), "CNY")


def find_rate(provider, name, **options):
    """Return the price of a million tokens as text, or None."""
    price = calculate_price(PROVIDERS[provider], FAMILIES[name], tokens=1_000_000, **options)
    return price and str(price.amount.normalize() + 0)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("seedance-2.5", {"resolution": "720p", "video_input": True}, "42"),
        ("seedance-2.5", {"resolution": "1080p", "video_input": True}, "46"),
        ("seedance-2.0", {"resolution": "720p", "video_input": True}, "28"),
        ("seedance-2.0", {"resolution": "1080p"}, "51"),
        ("seedance-2.0", {"resolution": "1080p", "video_input": True}, "31"),
        ("seedance-2.0", {"resolution": "4k", "video_input": True}, "16"),
        ("seedance-2.0-fast", {"resolution": "480p", "video_input": True}, "22"),
        ("seedance-2.0-mini", {"resolution": "480p", "video_input": True}, "14"),
        ("seedance-1.5-pro", {"resolution": "480p", "audio": True, "flex": True}, "8"),
        ("seedance-1.5-pro", {"resolution": "480p"}, "8"),
        ("seedance-1.5-pro", {"resolution": "480p", "flex": True}, "4"),
        ("seedance-1.0-pro", {"resolution": "1080p", "flex": True}, "7.5"),
        ("seedance-1.0-pro-fast", {"resolution": "1080p"}, "4.2"),
        ("seedance-1.0-pro-fast", {"resolution": "1080p", "flex": True}, "2.1"),
        ("seedance-1.0-lite", {"resolution": "720p"}, "10"),
        ("seedance-2.0", {"resolution": "720p", "flex": True}, None),
        ("seedance-1.0-pro", {"resolution": "480p", "draft": True}, None),
        ("seedance-1.5-pro", {"resolution": "480p", "draft": True, "flex": True}, None),
    ],
)
def test_volcengine_list_prices(name, options, expected):
    """Yuan per million tokens; a price that the page does not list is None, never zero."""
    assert find_rate("ark", name, **options) == expected


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("seedance-2.5", {"resolution": "480p"}, "10.7"),
        ("seedance-2.5", {"resolution": "480p", "video_input": True}, "6.4"),
        ("seedance-2.5", {"resolution": "1080p"}, "11.7"),
        ("seedance-2.5", {"resolution": "1080p", "video_input": True}, None),
        ("seedance-2.5", {"resolution": "4k"}, None),
        ("seedance-2.5-flash", {"resolution": "480p"}, None),
        ("seedance-2.5-flash", {"resolution": "720p", "video_input": True}, None),
        ("seedance-2.0", {"resolution": "720p"}, "7"),
        ("seedance-2.0", {"resolution": "1080p", "video_input": True}, "4.7"),
        ("seedance-2.0", {"resolution": "4k"}, "4"),
        ("seedance-2.0-fast", {"resolution": "720p"}, "5.6"),
        ("seedance-2.0-mini", {"resolution": "720p", "video_input": True}, "2.1"),
        ("seedance-1.5-pro", {"resolution": "720p", "audio": True}, "2.4"),
        ("seedance-1.5-pro", {"resolution": "720p"}, "1.2"),
        ("seedance-1.5-pro", {"resolution": "720p", "flex": True}, None),
        ("seedance-1.0-pro", {"resolution": "720p"}, "2.5"),
        ("seedance-1.0-pro-fast", {"resolution": "720p"}, "1"),
        ("seedance-1.0-lite", {"resolution": "720p"}, None),
    ],
)
def test_byteplus_list_prices(name, options, expected):
    """Dollars per million tokens; those of lite, flex, 2.5 at 4k and 2.5 Flash were not seen."""
    assert find_rate("modelark", name, **options) == expected


def test_simulator_is_free():
    """Zero without a currency, also for a model that no table contains."""
    price = calculate_price(PROVIDERS["simulator"], None, tokens=10**9, resolution="4k", flex=True)

    assert price == Money(amount=Decimal(0))


def test_price_of_unknown_family_is_none():
    """The model behind an endpoint id is not known."""
    assert calculate_price(PROVIDERS["ark"], None, tokens=1, resolution="720p") is None


def test_price_is_exact():
    """A small price keeps its digits."""
    price = calculate_price(
        PROVIDERS["modelark"], FAMILIES["seedance-1.0-pro"], tokens=7, resolution="480p"
    )

    assert price == Money(amount=Decimal("0.0000175"), currency="USD")


def test_price_uses_given_tables():
    """A table that is passed in replaces the list prices."""
    table = PriceTable("EUR", "today", "my contract", (Rate("seedance-2.0", Decimal(3)),))

    price = calculate_price(
        PROVIDERS["ark"],
        FAMILIES["seedance-2.0"],
        tokens=1_000_000,
        resolution="4k",
        tables={"volcengine": table},
    )

    assert price == Money(amount=Decimal(3), currency="EUR")


@pytest.mark.parametrize("name", PRICE_TABLES)
def test_price_table_fits_its_providers(name):
    """It has a date, a source, at least one provider, and the currency of its providers."""
    table = PRICE_TABLES[name]
    providers = [provider for provider in PROVIDERS.values() if provider.price_table == name]

    assert table.as_of
    assert table.source
    assert {provider.currency for provider in providers} == {table.currency}


@pytest.mark.parametrize("name", PROVIDERS)
def test_only_the_simulator_is_free(name):
    """Every other provider has a currency and a price that is listed or unknown, never zero."""
    provider = PROVIDERS[name]
    family = provider.get_family(next(iter(provider.models)))

    price = calculate_price(provider, family, tokens=108_900, resolution="720p")

    assert bool(provider.currency) == (name != "simulator")
    assert (price is None) == (name not in ("simulator", "ark", "modelark"))
    assert price is None or (price.amount == 0) == (name == "simulator")
