"""The rules by which a film at 24 frames per second is conformed to another rate."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest

from tasks.film_rates import RATES, FilmRate, find_rate


def cadence(rate: FilmRate, frames: int) -> list[int]:
    """Return the frame at 24 per second that each frame of the conformed film shows."""
    return [rate.source_frame(number, frames) for number in range(rate.count_frames(frames))]


@pytest.mark.parametrize(
    ("rate", "frames", "seconds"),
    [
        (24, 360, Fraction(15)),
        (23.976, 360, Fraction(15_015, 1000)),
        (25, 375, Fraction(15)),
        (29.97, 450, Fraction(15_015, 1000)),
    ],
)
def test_spot_of_15_seconds_has_the_length_of_its_rate(
    rate: float, frames: int, seconds: Fraction
) -> None:
    """15 seconds at 24 are 375 frames at 25, and 450 at 29.97."""
    film_rate = find_rate(rate)
    assert film_rate.count_frames(360) == frames
    assert film_rate.duration(360) == film_rate.seconds(360) == seconds


def test_23976_shows_each_frame_once() -> None:
    """No frame is left out or repeated."""
    assert cadence(find_rate(23.976), 48) == list(range(48))


def test_25_repeats_one_frame_in_24() -> None:
    """The repeated frame is in the middle of each second."""
    shown = cadence(find_rate(25), 72)
    assert len(shown) == 75
    assert shown == sorted(shown)
    assert [frame for frame, count in Counter(shown).items() if count == 2] == [12, 36, 60]


def test_2997_repeats_the_third_of_four_frames() -> None:
    """The cadence is 1, 1, 2, 1."""
    assert cadence(find_rate(29.97), 8) == [0, 1, 2, 2, 3, 4, 5, 6, 6, 7]


@pytest.mark.parametrize("rate", RATES, ids=lambda rate: rate.name)
def test_every_rate_shows_all_frames_in_sync(rate: FilmRate) -> None:
    """For any length, no frame is missing, and picture and sound are apart by half a frame."""
    for frames in range(1, 200):
        shown = cadence(rate, frames)
        assert sorted(set(shown)) == list(range(frames))
        assert shown == sorted(shown)
        assert abs(rate.duration(frames) - rate.seconds(frames)) * rate.frames_per_second <= 0.5
        for number, source in enumerate(shown[:-1]):
            middle = (number + Fraction(1, 2)) / rate.frames_per_second
            assert rate.seconds(source) <= middle <= rate.seconds(source + 1)


def test_drop_frame_time_code_has_a_semicolon() -> None:
    """Only 29.97 counts drop-frame."""
    assert [rate.time_code for rate in RATES] == ["01:00:00:00"] * 3 + ["01:00:00;00"]
