"""Defaults of size, duration and ratio; flags; tokens; seeds."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.simulator.job_request import JobRequest
from tasks.simulator.jobs import JobStore
from tasks.simulator.model_limits import MODEL_LIMITS, RATIOS, closest_ratio, pixel_size
from tests.support.simulator_requests import (
    MODEL_1_0_LITE_T2V,
    MODEL_1_0_PRO,
    MODEL_1_5_PRO,
    MODEL_2_0,
    MODEL_2_5,
    SimulatorClient,
    data_uri,
    image_bytes,
    image_item,
    minimal_request,
    request_with,
    text_item,
)

# The vendors' table of output sizes: resolution, ratio, 2.5, 2.0 and 1.5, 1.0.
SIZES = """\
480p 16:9  854x480   864x496   864x480
480p 4:3   752x560   752x560   736x544
480p 1:1   640x640   640x640   640x640
480p 3:4   560x752   560x752   544x736
480p 9:16  480x854   496x864   480x864
480p 21:9  992x432   992x432   960x416
720p 16:9  1280x720  1280x720  1248x704
720p 4:3   1112x834  1112x834  1120x832
720p 1:1   960x960   960x960   960x960
720p 3:4   834x1112  834x1112  832x1120
720p 9:16  720x1280  720x1280  704x1248
720p 21:9  1470x630  1470x630  1504x640
1080p 16:9 1920x1080 1920x1080 1920x1088
1080p 4:3  1664x1248 1664x1248 1664x1248
1080p 1:1  1440x1440 1440x1440 1440x1440
1080p 3:4  1248x1664 1248x1664 1248x1664
1080p 9:16 1080x1920 1080x1920 1088x1920
1080p 21:9 2206x946  2206x946  2176x928
4k 16:9    -         3840x2160 -
4k 4:3     -         3326x2494 -
4k 1:1     -         2880x2880 -
4k 3:4     -         2494x3326 -
4k 9:16    -         2160x3840 -
4k 21:9    -         4398x1886 -
""".splitlines()
CELLS = [
    (table, *line.split()[:2], cell)
    for line in SIZES
    for table, cell in zip(("2.5", "2.0", "1.0"), line.split()[2:], strict=True)
    if cell != "-"
]


@pytest.mark.parametrize(("table", "resolution", "ratio", "size"), CELLS)
def test_pixel_size_is_the_vendors_size(table, resolution, ratio, size) -> None:
    """Every cell of the vendors' table is reproduced."""
    width, height = pixel_size(table, resolution, ratio)

    assert f"{width}x{height}" == size


@pytest.mark.parametrize("family", MODEL_LIMITS)
def test_pixel_size_exists_for_each_limit(family) -> None:
    """Every resolution and ratio that a family supports has an even size."""
    limits = MODEL_LIMITS[family]
    sizes = [
        pixel_size(limits.size_table, resolution, ratio)
        for resolution in limits.resolutions
        for ratio in RATIOS
    ]

    assert [size for size in sizes if size[0] % 2 or size[1] % 2] == []


@pytest.mark.parametrize(
    ("width", "height", "ratio"),
    [
        (864, 496, "16:9"),
        (496, 864, "9:16"),
        (640, 640, "1:1"),
        (992, 432, "21:9"),
        (750, 1000, "3:4"),
    ],
)
def test_closest_ratio_is_one_of_six(width, height, ratio) -> None:
    """An image's own ratio is rounded to a supported one."""
    assert closest_ratio(width, height) == ratio


def create(simulator: SimulatorClient, body: dict[str, Any]) -> JobRequest:
    """Create a job and return the request in its record."""
    response = simulator.post(body)
    assert response.status_code == 200, response.text
    job = JobStore(simulator.root, simulator.clock).find(response.json()["id"])
    assert job is not None
    return job.request


@pytest.mark.parametrize(
    ("model", "resolution", "audio"),
    [
        (MODEL_2_0, "720p", True),
        (MODEL_1_5_PRO, "720p", True),
        (MODEL_1_0_PRO, "1080p", None),
        (MODEL_1_0_LITE_T2V, "720p", None),
    ],
)
def test_defaults_depend_on_model(validating, model, resolution, audio) -> None:
    """Resolution, duration and sound are those of the capability table."""
    request = create(validating, request_with(model))

    assert (request.resolution, request.ratio) == (resolution, "16:9")
    assert (request.frames, request.audio) == (121, audio)


def test_auto_duration_is_within_limits(validating) -> None:
    """2.5 chooses its own duration unless the request gives one."""
    assert 4 <= create(validating, request_with(MODEL_2_5)).duration_seconds <= 30


def test_adaptive_ratio_follows_first_frame(validating) -> None:
    """The image with the role first_frame counts, whatever its position in the content."""
    items = [
        image_item(role, data_uri(image_bytes(width, height)))
        for width, height, role in ((864, 496, "last_frame"), (496, 864, "first_frame"))
    ]
    body = {"model": MODEL_1_5_PRO, "content": items, "resolution": "480p"}

    request = create(validating, body)

    assert (request.ratio, request.width, request.height) == ("9:16", 496, 864)


@pytest.mark.parametrize(
    ("flags", "resolution", "ratio", "frames"),
    [
        ("--rs 480p --rt 1:1 --dur 3 --seed 9", "480p", "1:1", 73),
        ("--resolution 720p --ratio 9:16 --duration 12", "720p", "9:16", 289),
        ("--dur 99 --rs 999p --seed x", "1080p", "16:9", 121),
        ("--dur 3 --dur 4", "1080p", "16:9", 97),
    ],
)
def test_flags_set_parameters(validating, flags, resolution, ratio, frames) -> None:
    """A flag at the end of the text counts as the field; a wrong value is silently ignored."""
    body = {"model": MODEL_1_0_PRO, "content": [text_item(f"A cat. {flags}")]}

    request = create(validating, body)

    assert request.prompt == "A cat."
    assert (request.resolution, request.ratio) == (resolution, ratio)
    assert request.frames == frames


def test_seed_flag_sets_seed(validating) -> None:
    """The flag counts as the field."""
    body = {"model": MODEL_1_0_PRO, "content": [text_item("A cat. --seed 9")]}

    assert create(validating, body).seed == 9


def test_field_takes_precedence_over_flag(validating) -> None:
    """If both are given, the field counts."""
    text = "A cat. --dur 3 --wm true --cf true"
    body = {"model": MODEL_1_0_PRO, "content": [text_item(text)], "duration": 7}

    request = create(validating, body)

    assert request.duration_seconds == 7
    assert request.watermark
    assert request.camera_fixed


@pytest.mark.parametrize("text", ["A cat --loop forever", "Use --seed 5 of them, please"])
def test_other_dashes_stay_in_prompt(validating, text) -> None:
    """Only known flags at the end of the text are removed from it."""
    body = {"model": MODEL_1_0_PRO, "content": [text_item(text)]}

    assert create(validating, body).prompt == text


# Usage that vendors have published.
@pytest.mark.parametrize(
    ("model", "fields", "tokens"),
    [
        (MODEL_2_0, {"resolution": "720p", "ratio": "16:9"}, 108_900),
        (MODEL_2_0, {"resolution": "720p", "ratio": "16:9", "duration": 4}, 87_300),
        (MODEL_2_5, {"resolution": "480p", "ratio": "16:9", "duration": 5}, 48_437),
        (MODEL_2_0, {"resolution": "1080p", "ratio": "3:4", "duration": 15}, 732_108),
        (MODEL_1_0_PRO, {"resolution": "1080p"}, 246_840),
        (MODEL_1_0_PRO, {"ratio": "9:16", "frames": 145}, 295_800),
    ],
)
def test_tokens_equal_published_usage(validating, model, fields, tokens) -> None:
    """The usage of published jobs is reproduced exactly."""
    assert create(validating, request_with(model, **fields)).tokens == tokens


def test_seed_is_derived_from_request(validating) -> None:
    """Equal requests get the same seed, other requests another one, a given seed is kept."""
    first, repeated = (create(validating, minimal_request()) for _ in range(2))
    other = create(validating, minimal_request(content=[text_item("A storm.")]))

    assert first.seed == repeated.seed
    assert first.seed != other.seed
    assert create(validating, minimal_request(seed=42)).seed == 42


def test_shot_id_of_header_is_for_the_slate_only(simulator: SimulatorClient) -> None:
    """The header's shot id is kept with the job, and changes neither seed nor digest."""
    jobs = JobStore(simulator.root, simulator.clock)
    headers: tuple[dict[str, str], ...] = ({"X-Shotchain-Shot": "%E7%81%AF%201"}, {})

    first, second = (
        jobs.find(simulator.post(minimal_request(), headers=header).json()["id"])
        for header in headers
    )

    assert first is not None
    assert second is not None
    assert (first.request.shot_id, second.request.shot_id) == ("灯 1", "")
    assert first.request.digest == second.request.digest
    assert first.request.seed == second.request.seed
