"""The model families, compared with the capability matrix and pixel tables of the vendor pages."""

import pytest

from tasks.providers.families import (
    FAMILIES,
    IMAGE_LIMITS,
    RATIOS,
    count_frames,
    find_closest_ratio,
    get_frame_size,
    get_largest_frame_size,
    is_valid_frame_count,
)

MATRIX = {
    # name: (seconds, auto, first, last, images, videos, audio refs, audio, frames, seed, flex)
    "seedance-2.5": ((4, 30), True, True, True, 30, 10, 10, True, False, False, False),
    "seedance-2.5-flash": ((4, 30), True, True, True, 30, 10, 10, True, False, False, False),
    "seedance-2.0": ((4, 15), True, True, True, 9, 3, 3, True, False, False, False),
    "seedance-2.0-fast": ((4, 15), True, True, True, 9, 3, 3, True, False, False, False),
    "seedance-2.0-mini": ((4, 15), True, True, True, 9, 3, 3, True, False, False, False),
    "seedance-1.5-pro": ((4, 12), True, True, True, 0, 0, 0, True, False, True, True),
    "seedance-1.0-pro": ((2, 12), False, True, True, 0, 0, 0, False, True, True, True),
    "seedance-1.0-pro-fast": ((2, 12), False, True, False, 0, 0, 0, False, True, True, True),
    "seedance-1.0-lite": ((2, 12), False, True, True, 4, 0, 0, False, True, True, True),
}


@pytest.mark.parametrize("name", MATRIX)
def test_family_matches_capability_matrix(name):
    """Durations, frames, references, sound, seed and service tier."""
    family = FAMILIES[name]

    capabilities = (
        family.duration_range_seconds,
        family.supports_auto_duration,
        family.first_frame,
        family.last_frame,
        family.reference_images,
        family.reference_videos,
        family.reference_audio,
        family.audio,
        family.frames,
        family.seed,
        family.flex,
    )
    assert capabilities == MATRIX[name]


def test_families_are_those_of_the_matrix():
    """There are nine and no more."""
    assert set(FAMILIES) == set(MATRIX)


@pytest.mark.parametrize(
    ("name", "resolutions", "default"),
    [
        ("seedance-2.5", ("480p", "720p", "1080p", "4k"), "720p"),
        ("seedance-2.5-flash", ("480p", "720p"), "720p"),
        ("seedance-2.0", ("480p", "720p", "1080p", "4k"), "720p"),
        ("seedance-2.0-fast", ("480p", "720p"), "720p"),
        ("seedance-2.0-mini", ("480p", "720p"), "720p"),
        ("seedance-1.5-pro", ("480p", "720p", "1080p"), "720p"),
        ("seedance-1.0-pro", ("480p", "720p", "1080p"), "1080p"),
        ("seedance-1.0-pro-fast", ("480p", "720p", "1080p"), "1080p"),
        ("seedance-1.0-lite", ("480p", "720p", "1080p"), "720p"),
    ],
)
def test_family_resolutions_match_matrix(name, resolutions, default):
    """With the vendor's own default."""
    family = FAMILIES[name]

    assert (family.resolutions, family.default_resolution) == (resolutions, default)


def test_default_duration_is_five_seconds():
    """Also on 2.5, which would otherwise choose the duration and so the price."""
    assert {family.default_duration_seconds for family in FAMILIES.values()} == {5}


def find_families(condition):
    """Return the names of the families that meet a condition."""
    return {name for name, family in FAMILIES.items() if condition(family)}


def test_priority_and_search_belong_to_2_x():
    """A fixed camera belongs to 1.x."""
    newer = {name for name in FAMILIES if name.startswith("seedance-2")}

    assert find_families(lambda family: family.priority) == newer
    assert find_families(lambda family: family.supports_web_search) == newer
    assert find_families(lambda family: not family.camera_fixed) == newer


def test_drafts_belong_to_2_5_and_1_5():
    """A draft of 1.5 returns no last frame."""
    assert find_families(lambda family: family.draft) == {"seedance-2.5", "seedance-1.5-pro"}
    assert find_families(lambda family: family.has_last_frame_in_draft) == {"seedance-2.5"}


def test_2_5_requires_adaptive_with_first_frame():
    """For every other family an explicit ratio crops the image."""
    adaptive = find_families(lambda family: not family.supports_ratio_with_frame)

    assert adaptive == {"seedance-2.5", "seedance-2.5-flash"}


@pytest.mark.parametrize(
    ("name", "text", "frame", "reference", "adaptive_with_text"),
    [
        ("seedance-2.0", "adaptive", "adaptive", "adaptive", True),
        ("seedance-1.5-pro", "adaptive", "adaptive", "adaptive", True),
        ("seedance-1.0-pro", "16:9", "adaptive", "adaptive", False),
        ("seedance-1.0-lite", "16:9", "adaptive", "16:9", False),
    ],
)
def test_default_ratio_depends_on_start_mode(name, text, frame, reference, adaptive_with_text):
    """Text alone, a first frame, or reference media."""
    family = FAMILIES[name]

    ratios = tuple(family.get_default_ratio(mode) for mode in ("text", "frame", "reference"))

    assert ratios == (text, frame, reference)
    assert family.supports_adaptive_with_text == adaptive_with_text


@pytest.mark.parametrize(
    ("name", "resolution", "expected"),
    [
        ("seedance-2.5", "480p", "854x480 752x560 640x640 560x752 480x854 992x432"),
        ("seedance-2.5", "720p", "1280x720 1112x834 960x960 834x1112 720x1280 1470x630"),
        ("seedance-2.5", "1080p", "1920x1080 1664x1248 1440x1440 1248x1664 1080x1920 2206x946"),
        ("seedance-2.5", "4k", "3840x2160 3326x2494 2880x2880 2494x3326 2160x3840 4398x1886"),
        ("seedance-2.5-flash", "480p", "854x480 752x560 640x640 560x752 480x854 992x432"),
        ("seedance-1.5-pro", "480p", "864x496 752x560 640x640 560x752 496x864 992x432"),
        ("seedance-2.0-mini", "720p", "1280x720 1112x834 960x960 834x1112 720x1280 1470x630"),
        ("seedance-2.0", "1080p", "1920x1080 1664x1248 1440x1440 1248x1664 1080x1920 2206x946"),
        ("seedance-2.0", "4k", "3840x2160 3326x2494 2880x2880 2494x3326 2160x3840 4398x1886"),
        ("seedance-1.0-pro", "480p", "864x480 736x544 640x640 544x736 480x864 960x416"),
        ("seedance-1.0-lite", "720p", "1248x704 1120x832 960x960 832x1120 704x1248 1504x640"),
        ("seedance-1.0-pro", "1080p", "1920x1088 1664x1248 1440x1440 1248x1664 1088x1920 2176x928"),
    ],
)
def test_frame_size_matches_pixel_table(name, resolution, expected):
    """Width and height for 16:9, 4:3, 1:1, 3:4, 9:16 and 21:9, in that order."""
    sizes = [get_frame_size(FAMILIES[name], resolution, ratio) for ratio in RATIOS]

    assert " ".join(f"{width}x{height}" for width, height in sizes) == expected


@pytest.mark.parametrize(("resolution", "ratio"), [("4k", "16:9"), ("720p", "adaptive")])
def test_frame_size_of_unsupported_format_raises(resolution, ratio):
    """A resolution of another family, and `adaptive`, which the vendor resolves later."""
    with pytest.raises(KeyError):
        get_frame_size(FAMILIES["seedance-1.5-pro"], resolution, ratio)


def test_largest_frame_size_has_most_pixels():
    """The maximum price of an adaptive clip uses it; for 1.5 at 720p it is 4:3."""
    assert get_largest_frame_size(FAMILIES["seedance-1.5-pro"], "480p") == (864, 496)
    assert get_largest_frame_size(FAMILIES["seedance-1.5-pro"], "720p") == (1112, 834)


@pytest.mark.parametrize("name", FAMILIES)
def test_closest_ratio_of_rendered_frame_is_its_own(name):
    """A chain keeps its ratio: each clip starts from the last frame of the previous clip."""
    family = FAMILIES[name]

    for resolution in family.resolutions:
        for ratio in RATIOS:
            size = get_frame_size(family, resolution, ratio)
            assert find_closest_ratio(family, *size) == ratio


@pytest.mark.parametrize("name", FAMILIES)
def test_rendered_frame_is_a_valid_first_frame(name):
    """So that the next shot of a chain can always start from it."""
    family = FAMILIES[name]

    for resolution in family.resolutions:
        for ratio in RATIOS:
            width, height = get_frame_size(family, resolution, ratio)
            assert IMAGE_LIMITS.min_side <= min(width, height)
            assert max(width, height) <= IMAGE_LIMITS.max_side
            assert IMAGE_LIMITS.min_aspect <= width / height <= IMAGE_LIMITS.max_aspect


def test_count_frames_adds_one_frame():
    """Five seconds are 121 frames."""
    assert [count_frames(seconds) for seconds in (4, 5, 30)] == [97, 121, 721]


def test_frame_count_is_25_plus_multiples_of_4():
    """From 29 to 289; the vendor rejects any other number."""
    allowed = [frames for frames in range(400) if is_valid_frame_count(frames)]

    assert allowed[:3] == [29, 33, 37]
    assert (allowed[-1], len(allowed)) == (289, 66)
