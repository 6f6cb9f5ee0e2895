"""Tokens against every published figure, and prices against the published examples."""

from decimal import Decimal

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
    # width, height, frames made, seconds of reference video, tokens as billed
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
]


@pytest.mark.parametrize(("width", "height", "frames", "video", "billed"), PUBLISHED)
def test_the_formula_fits_every_published_figure(width, height, frames, video, billed):
    """Seconds x 24 and one more frame, times pixels, by 1024, rounded down."""
    assert billed == count_tokens(width, height, frames, input_video_seconds=video)


@pytest.mark.parametrize(
    ("resolution", "seconds", "least"),
    [("480p", 4, 70_308), ("480p", 15, 251_100), ("720p", 4, 151_200), ("720p", 15, 540_000)],
)
def test_reference_video_on_2_0_has_a_floor(resolution, seconds, least):
    """Volcengine's table of least tokens: ceil(5/3 x seconds) of picture at 24 frames."""
    family = FAMILIES["seedance-2.0"]
    width, height = get_frame_size(family, resolution, "16:9")

    told = count_tokens(width, height, count_frames(seconds), family=family, input_video_seconds=2)

    assert least == told


def test_the_floor_holds_only_beside_reference_video_and_only_on_2_0():
    """Without video in the input, or on 2.5, the plain count stays."""
    frames = count_frames(4)

    assert count_tokens(864, 496, frames, family=FAMILIES["seedance-2.0"]) == 864 * 496 * 97 // 1024
    assert (
        count_tokens(854, 480, frames, family=FAMILIES["seedance-2.5"], input_video_seconds=2)
        == 854 * 480 * 145 // 1024
    )


@pytest.mark.parametrize(("audio", "factor"), [(True, "0.6"), (False, "0.7")])
def test_a_draft_of_1_5_counts_less(audio, factor):
    """With sound 0.6 of its tokens, silent 0.7."""
    family = FAMILIES["seedance-1.5-pro"]

    told = count_tokens(864, 496, 97, family=family, draft=True, audio=audio)

    assert told == int(Decimal(864 * 496 * 97) * Decimal(factor) / 1024)


def test_a_draft_of_2_5_counts_in_full():
    """Its factor is published nowhere, so the wall is not built too low."""
    family = FAMILIES["seedance-2.5"]

    assert count_tokens(854, 480, 97, family=family, draft=True) == count_tokens(854, 480, 97)


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
def test_volcengine_s_own_examples_come_out(name, resolution, audio, expected):
    """Five seconds of 16:9 cost what the pages say, which leave out the one frame more."""
    family = FAMILIES[name]
    count = count_tokens(*get_frame_size(family, resolution, "16:9"), 120)

    told = calculate_price(
        PROVIDERS["ark"], family, tokens=count, resolution=resolution, audio=audio
    )

    assert told is not None
    assert (Decimal(expected), "CNY") == (round(told.amount, 2), told.currency)


def rate_of(provider, name, **more):
    told = calculate_price(PROVIDERS[provider], FAMILIES[name], tokens=1_000_000, **more)
    return told and str(told.amount.normalize() + 0)


@pytest.mark.parametrize(
    ("name", "more", "expected"),
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
def test_volcengine_s_list_in_yuan(name, more, expected):
    """Per million tokens; what the page has no price for is None, never zero."""
    assert expected == rate_of("ark", name, **more)


@pytest.mark.parametrize(
    ("name", "more", "expected"),
    [
        ("seedance-2.5", {"resolution": "480p"}, "10.7"),
        ("seedance-2.5", {"resolution": "480p", "video_input": True}, "6.4"),
        ("seedance-2.5", {"resolution": "1080p"}, "11.7"),
        ("seedance-2.5", {"resolution": "1080p", "video_input": True}, None),
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
def test_byteplus_s_list_in_dollars(name, more, expected):
    """Per million tokens; lite and flex are published nowhere."""
    assert expected == rate_of("modelark", name, **more)


def test_the_simulator_costs_nothing_and_has_every_currency():
    """Zero without a currency, also for what no table knows."""
    told = calculate_price(PROVIDERS["simulator"], None, tokens=10**9, resolution="4k", flex=True)

    assert told == Money(amount=Decimal(0))


def test_a_model_without_a_family_has_no_price():
    """Only the account knows what an endpoint id runs."""
    assert calculate_price(PROVIDERS["ark"], None, tokens=1, resolution="720p") is None


def test_sums_are_exact_until_they_are_shown():
    """A small sum keeps its digits; people see two, or four where two would hide it."""
    told = calculate_price(
        PROVIDERS["modelark"], FAMILIES["seedance-1.0-pro"], tokens=7, resolution="480p"
    )

    assert told == Money(amount=Decimal("0.0000175"), currency="USD")


def test_a_user_s_own_table_stands_in_for_the_list():
    """Prices are data, handed in."""
    mine = PriceTable("EUR", "today", "my contract", (Rate("seedance-2.0", Decimal(3)),))

    told = calculate_price(
        PROVIDERS["ark"],
        FAMILIES["seedance-2.0"],
        tokens=1_000_000,
        resolution="4k",
        tables={"volcengine": mine},
    )

    assert told == Money(amount=Decimal(3), currency="EUR")


def test_every_table_tells_its_day_and_source():
    """And a provider's table is in its currency."""
    assert all(table.as_of and table.source for table in PRICE_TABLES.values())
    for row in PROVIDERS.values():
        if row.price_table in PRICE_TABLES:
            assert PRICE_TABLES[row.price_table].currency == row.currency


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_but_the_simulator_costs_money(name):
    """It has a currency, and a price that is listed or unknown, never zero."""
    row = PROVIDERS[name]
    family = row.get_family(next(iter(row.models)))

    told = calculate_price(row, family, tokens=108_900, resolution="720p")

    assert bool(row.currency) == (name != "simulator")
    assert (told is None) == (name not in ("simulator", "ark", "modelark"))
    assert told is None or (told.amount == 0) == (name == "simulator")
