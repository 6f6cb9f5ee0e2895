"""Which size, length and ratio an order has when it does not say so itself."""

from __future__ import annotations

import pytest

from tasks.simulator.jobs import JobStore
from tasks.simulator.model_limits import MODEL_LIMITS, RATIOS, closest_ratio, pixel_size

TEXT = {"type": "text", "text": "A quiet valley."}

# Read off the vendors' table of output sizes, one row per line.
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


@pytest.mark.parametrize("row", SIZES)
def test_every_size_is_the_vendors_own(row) -> None:
    """Each cell of the vendors' table is what a clip of that family measures."""
    resolution, ratio, *cells = row.split()
    for column, cell in zip(("2.5", "2.0", "1.0"), cells, strict=True):
        if cell != "-":
            assert "x".join(map(str, pixel_size(column, resolution, ratio))) == cell


def test_every_family_has_a_size_for_all_it_offers() -> None:
    """No resolution and ratio that a family offers is without an (even) size."""
    for family in MODEL_LIMITS.values():
        for resolution in family.resolutions:
            for ratio in RATIOS:
                width, height = pixel_size(family.size_table, resolution, ratio)
                assert width % 2 == height % 2 == 0


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
def test_adaptive_is_the_closest_listed_ratio(width, height, ratio) -> None:
    """A picture's own ratio is rounded to one of the six."""
    assert closest_ratio(width, height) == ratio


def commissioned(checking, body):
    """The commission that a request became, as the simulator wrote it down."""
    reply = checking.post(body)
    assert reply.status_code == 200, reply.text
    job = JobStore(checking.root, checking.clock).find(reply.json()["id"])
    assert job is not None
    return job.request


@pytest.mark.parametrize(
    ("model", "resolution", "frames", "audio"),
    [
        ("doubao-seedance-2-0-260128", "720p", 121, True),
        ("doubao-seedance-1-5-pro-251215", "720p", 121, True),
        ("doubao-seedance-1-0-pro-250528", "1080p", 121, None),
        ("doubao-seedance-1-0-lite-t2v-250428", "720p", 121, None),
    ],
)
def test_defaults_are_the_models_own(checking, model, resolution, frames, audio) -> None:
    """Resolution, length and sound follow the capability table where nothing is said."""
    commission = commissioned(checking, {"model": model, "content": [TEXT]})

    assert (commission.resolution, commission.ratio) == (resolution, "16:9")
    assert (commission.frames, commission.audio) == (frames, audio)


def test_the_model_decides_a_length_within_its_range(checking) -> None:
    """2.5 without a length, and -1 anywhere, give one of the model's own lengths."""
    body = {"model": "doubao-seedance-2-5-260628", "content": [TEXT]}

    assert 4 <= commissioned(checking, body).duration_seconds <= 30


def test_the_first_frame_decides_an_adaptive_ratio(checking, picture, data_uri) -> None:
    """By its role, whatever stands first in the content."""
    items = [
        {"type": "image_url", "image_url": {"url": data_uri(picture(w, h))}, "role": role}
        for w, h, role in ((864, 496, "last_frame"), (496, 864, "first_frame"))
    ]
    body = {"model": "doubao-seedance-1-5-pro-251215", "content": items, "resolution": "480p"}

    commission = commissioned(checking, body)

    assert (commission.ratio, commission.width, commission.height) == ("9:16", 496, 864)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A cat. --rs 480p --rt 1:1 --dur 3 --seed 9", ("480p", "1:1", 73, 9)),
        ("A cat. --resolution 720p --ratio 9:16 --duration 12", ("720p", "9:16", 289, None)),
        ("A cat. --dur 99 --rs 999p --seed x", ("1080p", "16:9", 121, None)),
        ("A cat. --dur 3 --dur 4", ("1080p", "16:9", 97, None)),
    ],
)
def test_flags_at_the_end_of_the_text_are_honoured(checking, text, told) -> None:
    """A flag counts like the field of its name; a wrong one is ignored without a word."""
    content = [{"type": "text", "text": text}]
    commission = commissioned(
        checking, {"model": "doubao-seedance-1-0-pro-250528", "content": content}
    )

    resolution, ratio, frames, seed = told
    assert commission.prompt == "A cat."
    assert (commission.resolution, commission.ratio) == (resolution, ratio)
    assert commission.frames == frames
    assert seed is None or commission.seed == seed


def test_a_field_wins_over_a_flag(checking) -> None:
    """Where both are sent, the strong form counts."""
    content = [{"type": "text", "text": "A cat. --dur 3 --wm true --cf true"}]
    body = {"model": "doubao-seedance-1-0-pro-250528", "content": content, "duration": 7}

    commission = commissioned(checking, body)

    assert commission.duration_seconds == 7
    assert commission.watermark
    assert commission.camera_fixed


@pytest.mark.parametrize("text", ["A cat --loop forever", "Use --seed 5 of them, please"])
def test_other_words_with_dashes_stay_in_the_prompt(checking, text) -> None:
    """Only known flags, and only at the end, are taken out of the text."""
    content = [{"type": "text", "text": text}]
    body = {"model": "doubao-seedance-1-0-pro-250528", "content": content}

    assert commissioned(checking, body).prompt == text


@pytest.mark.parametrize(
    ("model", "fields", "tokens"),
    [
        # Usage that vendors published.
        ("doubao-seedance-2-0-260128", {"resolution": "720p", "ratio": "16:9"}, 108_900),
        (
            "doubao-seedance-2-0-260128",
            {"resolution": "720p", "ratio": "16:9", "duration": 4},
            87_300,
        ),
        (
            "doubao-seedance-2-5-260628",
            {"resolution": "480p", "ratio": "16:9", "duration": 5},
            48_437,
        ),
        (
            "doubao-seedance-2-0-260128",
            {"resolution": "1080p", "ratio": "3:4", "duration": 15},
            732_108,
        ),
        ("doubao-seedance-1-0-pro-250528", {"resolution": "1080p"}, 246_840),
        ("doubao-seedance-1-0-pro-250528", {"ratio": "9:16", "frames": 145}, 295_800),
    ],
)
def test_tokens_are_what_vendors_billed(checking, model, fields, tokens) -> None:
    """The usage of published jobs is reproduced exactly."""
    commission = commissioned(checking, {"model": model, "content": [TEXT], **fields})

    assert commission.tokens == tokens


def test_the_same_order_has_the_same_seed_and_another_one_another(checking, order) -> None:
    """Without a seed the request itself decides it; with one, that counts."""
    first, again = (commissioned(checking, order()) for _ in range(2))
    other = commissioned(checking, order(content=[{"type": "text", "text": "A storm."}]))

    assert first.seed == again.seed
    assert first.seed != other.seed
    assert commissioned(checking, order(seed=42)).seed == 42


def test_another_picture_can_be_ordered_for_the_same_request(checking, order) -> None:
    """As at a real vendor, where the same request never gives the same clip."""
    usual = commissioned(checking, order())
    checking.faults.inject("other_picture")

    assert commissioned(checking, order()).seed != usual.seed
