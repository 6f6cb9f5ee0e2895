"""The table of families, against the capability matrix and the pixel tables of the vendor pages."""

import pytest

from tasks.providers.families import (
    FAMILIES,
    IMAGE_LIMITS,
    RATIOS,
    count_frames,
    find_closest_ratio,
    find_family,
    get_frame_size,
    get_largest_frame_size,
    is_valid_frame_count,
)

MATRIX = {
    # name: (seconds, auto, first, last, images, videos, audio refs, audio, frames, seed, flex)
    "seedance-2.5": ((4, 30), True, True, True, 30, 10, 10, True, False, False, False),
    "seedance-2.0": ((4, 15), True, True, True, 9, 3, 3, True, False, False, False),
    "seedance-2.0-fast": ((4, 15), True, True, True, 9, 3, 3, True, False, False, False),
    "seedance-2.0-mini": ((4, 15), True, True, True, 9, 3, 3, True, False, False, False),
    "seedance-1.5-pro": ((4, 12), True, True, True, 0, 0, 0, True, False, True, True),
    "seedance-1.0-pro": ((2, 12), False, True, True, 0, 0, 0, False, True, True, True),
    "seedance-1.0-pro-fast": ((2, 12), False, True, False, 0, 0, 0, False, True, True, True),
    "seedance-1.0-lite": ((2, 12), False, True, True, 4, 0, 0, False, True, True, True),
}


@pytest.mark.parametrize("name", MATRIX)
def test_a_family_takes_what_the_matrix_says(name):
    """Lengths, frames, references, sound, seed and tier are those of the vendor's matrix."""
    one = FAMILIES[name]

    references = (one.reference_images, one.reference_videos, one.reference_audio)
    told = (
        *(
            one.duration_range_seconds,
            one.supports_auto_duration,
            one.first_frame,
            one.last_frame,
            *references,
        ),
        *(one.audio, one.frames, one.seed, one.flex),
    )
    assert MATRIX[name] == told


def test_there_are_no_other_families():
    """The table holds the eight families and no more."""
    assert set(MATRIX) == set(FAMILIES)


@pytest.mark.parametrize(
    ("name", "resolutions", "default"),
    [
        ("seedance-2.5", ("480p", "720p", "1080p"), "720p"),
        ("seedance-2.0", ("480p", "720p", "1080p", "4k"), "720p"),
        ("seedance-2.0-fast", ("480p", "720p"), "720p"),
        ("seedance-2.0-mini", ("480p", "720p"), "720p"),
        ("seedance-1.5-pro", ("480p", "720p", "1080p"), "720p"),
        ("seedance-1.0-pro", ("480p", "720p", "1080p"), "1080p"),
        ("seedance-1.0-pro-fast", ("480p", "720p", "1080p"), "1080p"),
        ("seedance-1.0-lite", ("480p", "720p", "1080p"), "720p"),
    ],
)
def test_a_family_renders_its_resolutions(name, resolutions, default):
    """Resolutions and the vendor's own default are those of the matrix."""
    assert (resolutions, default) == (FAMILIES[name].resolutions, FAMILIES[name].default_resolution)


def test_every_family_lasts_five_seconds_unless_told():
    """Our default is 5 everywhere, also on 2.5, which would choose length and price itself."""
    assert {5} == {one.default_duration_seconds for one in FAMILIES.values()}


def test_only_the_2_x_families_queue_by_priority_and_search():
    """Priority and web search belong to 2.x, seed, held camera and flex to 1.x."""
    newer = {name for name, one in FAMILIES.items() if one.priority and one.supports_web_search}

    assert newer == {name for name in FAMILIES if name.startswith("seedance-2")}
    assert newer == {name for name, one in FAMILIES.items() if not one.camera_fixed}
    assert newer == {name for name, one in FAMILIES.items() if one.rejects_real_faces}


def test_only_2_5_and_1_5_have_drafts():
    """A draft of 1.5 names no last frame."""
    assert {name for name, one in FAMILIES.items() if one.draft} == {
        "seedance-2.5",
        "seedance-1.5-pro",
    }
    assert not FAMILIES["seedance-1.5-pro"].has_last_frame_in_draft


def test_2_5_takes_no_other_ratio_than_adaptive_beside_a_first_frame():
    """Everywhere else an explicit ratio crops the picture."""
    assert [name for name, one in FAMILIES.items() if not one.supports_ratio_with_frame] == [
        "seedance-2.5"
    ]


@pytest.mark.parametrize(
    ("name", "text", "frame", "reference", "adaptive_with_text"),
    [
        ("seedance-2.0", "adaptive", "adaptive", "adaptive", True),
        ("seedance-1.5-pro", "adaptive", "adaptive", "adaptive", True),
        ("seedance-1.0-pro", "16:9", "adaptive", "adaptive", False),
        ("seedance-1.0-lite", "16:9", "adaptive", "16:9", False),
    ],
)
def test_a_family_has_its_own_default_ratio(name, text, frame, reference, adaptive_with_text):
    """What is taken when no ratio is told depends on what the clip starts from."""
    one = FAMILIES[name]

    assert (text, frame, reference) == tuple(
        one.get_default_ratio(opening) for opening in ("text", "frame", "reference")
    )
    assert adaptive_with_text == one.supports_adaptive_with_text


def test_large_clips_of_two_families_are_hevc():
    """1080p of 2.5 and 4k of 2.0 come as 10-bit H.265, all else as H.264."""
    hevc = {
        (n, r) for n, one in FAMILIES.items() for r in one.resolutions if one.get_codec(r) == "hevc"
    }

    assert hevc == {("seedance-2.5", "1080p"), ("seedance-2.0", "4k")}


@pytest.mark.parametrize(
    ("name", "resolution", "expected"),
    [
        ("seedance-2.5", "480p", "854x480 752x560 640x640 560x752 480x854 992x432"),
        ("seedance-2.5", "720p", "1280x720 1112x834 960x960 834x1112 720x1280 1470x630"),
        ("seedance-2.5", "1080p", "1920x1080 1664x1248 1440x1440 1248x1664 1080x1920 2206x946"),
        ("seedance-1.5-pro", "480p", "864x496 752x560 640x640 560x752 496x864 992x432"),
        ("seedance-2.0-mini", "720p", "1280x720 1112x834 960x960 834x1112 720x1280 1470x630"),
        ("seedance-2.0", "1080p", "1920x1080 1664x1248 1440x1440 1248x1664 1080x1920 2206x946"),
        ("seedance-2.0", "4k", "3840x2160 3326x2494 2880x2880 2494x3326 2160x3840 4398x1886"),
        ("seedance-1.0-pro", "480p", "864x480 736x544 640x640 544x736 480x864 960x416"),
        ("seedance-1.0-lite", "720p", "1248x704 1120x832 960x960 832x1120 704x1248 1504x640"),
        ("seedance-1.0-pro", "1080p", "1920x1088 1664x1248 1440x1440 1248x1664 1088x1920 2176x928"),
    ],
)
def test_sizes_are_those_of_the_pixel_table(name, resolution, expected):
    """Width and height for 16:9, 4:3, 1:1, 3:4, 9:16 and 21:9, in that order."""
    sizes = [get_frame_size(FAMILIES[name], resolution, ratio) for ratio in RATIOS]

    assert expected == " ".join(f"{width}x{height}" for width, height in sizes)


@pytest.mark.parametrize(("resolution", "ratio"), [("4k", "16:9"), ("720p", "adaptive")])
def test_what_a_family_does_not_render_has_no_size(resolution, ratio):
    """A resolution of another family and a ratio that is not settled yet raise KeyError."""
    with pytest.raises(KeyError):
        get_frame_size(FAMILIES["seedance-1.5-pro"], resolution, ratio)


def test_an_adaptive_clip_is_bounded_by_the_largest_size():
    """4:3 has the most pixels of 1.5 at 720p, so a price is reckoned with it."""
    assert get_largest_frame_size(FAMILIES["seedance-1.5-pro"], "480p") == (864, 496)
    assert get_largest_frame_size(FAMILIES["seedance-1.5-pro"], "720p") == (1112, 834)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_rendered_frame_fed_back_keeps_its_ratio(name):
    """The last frame of any clip is nearest to the ratio that the clip was rendered in."""
    family = FAMILIES[name]

    for resolution in family.resolutions:
        for ratio in RATIOS:
            assert ratio == find_closest_ratio(family, *get_frame_size(family, resolution, ratio))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_rendered_frame_is_within_the_limits_of_a_picture(name):
    """So that a chain can always feed it back."""
    family = FAMILIES[name]

    for resolution in family.resolutions:
        for ratio in RATIOS:
            width, height = get_frame_size(family, resolution, ratio)
            assert IMAGE_LIMITS.min_side <= min(width, height)
            assert max(width, height) <= IMAGE_LIMITS.max_side
            assert IMAGE_LIMITS.min_aspect <= width / height <= IMAGE_LIMITS.max_aspect


def test_an_ordinary_clip_has_one_frame_more_than_its_seconds():
    """Five seconds are 121 frames."""
    assert [count_frames(seconds) for seconds in (4, 5, 30)] == [97, 121, 721]


def test_frames_may_be_25_and_fours_from_29_to_289():
    """Any other number is refused by the vendor."""
    allowed = [frames for frames in range(400) if is_valid_frame_count(frames)]

    assert allowed[:3] == [29, 33, 37]
    assert (allowed[-1], len(allowed)) == (289, 66)


@pytest.mark.parametrize(
    ("model_id", "name"),
    [
        ("doubao-seedance-1-0-pro-fast-251015", "seedance-1.0-pro-fast"),
        ("doubao-seedance-1-0-pro-250528", "seedance-1.0-pro"),
        ("seedance-1-0-lite-i2v-250428", "seedance-1.0-lite"),
        ("dreamina-seedance-2-0-fast-260128", "seedance-2.0-fast"),
        ("doubao-seedance-2.0", "seedance-2.0"),
        ("Seedance-2-5-270101", "seedance-2.5"),
    ],
)
def test_an_id_tells_its_family(model_id, name):
    """By its words, dots or dashes, and never by a shorter word that it contains."""
    assert find_family(model_id) is FAMILIES[name]


@pytest.mark.parametrize("model_id", ["ep-20260101-abcde", "kling-2-0", ""])
def test_an_id_that_tells_nothing_has_no_family(model_id):
    """Endpoint ids and other vendors' models are None."""
    assert find_family(model_id) is None
