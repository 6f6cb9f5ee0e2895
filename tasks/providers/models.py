"""What each Seedance family can do: one table of capabilities and one of pixel sizes.

A family is the same wherever it is served; what a provider narrows stands in the provider table.
Nothing here knows a price, an id of one vendor or a wire format. Sources: the create page of
Volcengine Ark (https://ark.volcengine.com/region:cn-beijing/docs/ark/create-video-generation-task-api),
its 2026 mirror at https://www.cii-group.com/docs.html for the models that the newest page dropped,
and the powertokens copy of BytePlus ModelArk's page. Read 2026-11-20.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

FRAMES_PER_SECOND = 24
"""Every family, always."""

RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9")
"""The ratios that have a size; `adaptive` is settled by the vendor."""

SEED_MOST = 2**31 - 1
"""The newest page's largest seed; older pages allow 2^32 - 1, so this one holds everywhere."""

EXPIRES_AFTER_SECONDS = (3600, 259_200)
"""What `execution_expires_after` may be."""

Opening = Literal["text", "frame", "reference"]
"""What a clip starts from: words alone, a first frame, or reference media."""


class Family(NamedTuple):
    """What one family of models takes and makes, where no provider narrows it."""

    name: str
    sizes: str
    """Which column of the pixel table it renders in."""
    seconds: tuple[int, int]
    """Shortest and longest clip."""
    resolutions: tuple[str, ...]
    default_resolution: str
    """The vendor's own; on 1.0 pro it is the dear 1080p."""
    text_to_video: bool = True
    first_frame: bool = True
    last_frame: bool = True
    """Only together with a first frame; neither goes beside reference media."""
    reference_images: int = 0
    reference_videos: int = 0
    reference_audio: int = 0
    reference_seconds: tuple[int, int] = (0, 0)
    """Shortest and longest reference clip or sound; the longest also caps each kind's sum."""
    reference_audio_alone: bool = False
    """Whether sounds may be the only reference."""
    reference_resolutions: tuple[str, ...] = ()
    """Narrower resolutions beside reference images; empty means no narrower."""
    audio: bool = False
    auto_seconds: bool = False
    """Whether the model may decide the length (`duration: -1`)."""
    default_seconds: int = 5
    """Ours, everywhere: 2.5 left alone would decide length and price itself."""
    frames: bool = False
    """Whether the length may be told in frames."""
    ratios: tuple[str, ...] = (*RATIOS, "adaptive")
    text_ratio: str = "adaptive"
    """The ratio that words alone get when none is told."""
    frame_ratio: str = "adaptive"
    """The ratio beside a first frame when none is told."""
    reference_ratio: str = "adaptive"
    """The ratio beside reference media when none is told."""
    adaptive_with_text: bool = True
    """Whether `adaptive` may be told with words alone."""
    adaptive_with_references: bool = True
    """Whether `adaptive` may be told beside reference media."""
    ratio_with_frame: bool = True
    """Whether another ratio than `adaptive` may be told beside a first frame."""
    seed: bool = False
    """False on 2.x, where the sources disagree and strict checking would refuse it."""
    camera_fixed: bool = False
    """Never beside reference images."""
    watermark: bool = True
    flex: bool = False
    """Half price and hours; never with a draft or a priority."""
    draft: bool = False
    """A cheap preview at 480p."""
    last_frame_in_draft: bool = False
    """Whether a draft names its last frame."""
    final_resolutions: tuple[str, ...] = ()
    """Resolutions of the full picture of a draft, the default first; empty means every one."""
    priority: bool = False
    web_search: bool = False
    hevc: tuple[str, ...] = ()
    """Resolutions that come as H.265 10-bit instead of H.264."""
    minimum_with_video: bool = False
    """Whether reference video sets a floor under the billed tokens."""
    refuses_faces: bool = False
    """Whether realistic faces in pictures are refused."""

    def default_ratio(self, opening: Opening) -> str:
        """The ratio the vendor takes when none is told."""
        told = {"frame": self.frame_ratio, "reference": self.reference_ratio}
        return told.get(opening, self.text_ratio)

    def codec(self, resolution: str) -> str:
        """`hevc` (10-bit) or `h264`, as the clip of that resolution comes."""
        return "hevc" if resolution in self.hevc else "h264"


_SEEDANCE_2_0 = Family(
    name="seedance-2.0",
    sizes="2.0",
    seconds=(4, 15),
    resolutions=("480p", "720p", "1080p", "4k"),
    default_resolution="720p",
    reference_images=9,
    reference_videos=3,
    reference_audio=3,
    reference_seconds=(2, 15),
    audio=True,
    auto_seconds=True,
    priority=True,
    web_search=True,
    hevc=("4k",),
    minimum_with_video=True,
    refuses_faces=True,
)

_SEEDANCE_1_0 = Family(
    name="seedance-1.0-pro",
    sizes="1.0",
    seconds=(2, 12),
    resolutions=("480p", "720p", "1080p"),
    default_resolution="1080p",
    frames=True,
    text_ratio="16:9",
    adaptive_with_text=False,
    seed=True,
    camera_fixed=True,
    flex=True,
)

_TABLE = (
    _SEEDANCE_2_0._replace(
        name="seedance-2.5",
        sizes="2.5",
        seconds=(4, 30),
        resolutions=("480p", "720p", "1080p"),
        reference_images=30,
        reference_videos=10,
        reference_audio=10,
        reference_seconds=(2, 30),
        reference_audio_alone=True,
        ratio_with_frame=False,
        draft=True,
        last_frame_in_draft=True,
        final_resolutions=("1080p",),
        hevc=("1080p",),
        minimum_with_video=False,
    ),
    _SEEDANCE_2_0,
    _SEEDANCE_2_0._replace(name="seedance-2.0-fast", resolutions=("480p", "720p"), hevc=()),
    _SEEDANCE_2_0._replace(name="seedance-2.0-mini", resolutions=("480p", "720p"), hevc=()),
    Family(
        name="seedance-1.5-pro",
        sizes="2.0",
        seconds=(4, 12),
        resolutions=("480p", "720p", "1080p"),
        default_resolution="720p",
        audio=True,
        auto_seconds=True,
        seed=True,
        camera_fixed=True,
        flex=True,
        draft=True,
    ),
    _SEEDANCE_1_0,
    _SEEDANCE_1_0._replace(name="seedance-1.0-pro-fast", last_frame=False),
    _SEEDANCE_1_0._replace(
        name="seedance-1.0-lite",
        default_resolution="720p",
        reference_images=4,
        reference_resolutions=("480p", "720p"),
        reference_ratio="16:9",
    ),
)

FAMILIES: Mapping[str, Family] = MappingProxyType({family.name: family for family in _TABLE})
"""Every family by its name, newest first."""

_SIZES: Mapping[str, Mapping[str, tuple[tuple[int, int], ...]]] = {
    # In the order of RATIOS: 16:9, 4:3, 1:1, 3:4, 9:16, 21:9.
    "2.5": {
        "480p": ((854, 480), (752, 560), (640, 640), (560, 752), (480, 854), (992, 432)),
        "720p": ((1280, 720), (1112, 834), (960, 960), (834, 1112), (720, 1280), (1470, 630)),
        "1080p": (
            *((1920, 1080), (1664, 1248), (1440, 1440)),
            *((1248, 1664), (1080, 1920), (2206, 946)),
        ),
    },
    "2.0": {
        "480p": ((864, 496), (752, 560), (640, 640), (560, 752), (496, 864), (992, 432)),
        "720p": ((1280, 720), (1112, 834), (960, 960), (834, 1112), (720, 1280), (1470, 630)),
        "1080p": (
            *((1920, 1080), (1664, 1248), (1440, 1440)),
            *((1248, 1664), (1080, 1920), (2206, 946)),
        ),
        "4k": (
            *((3840, 2160), (3326, 2494), (2880, 2880)),
            *((2494, 3326), (2160, 3840), (4398, 1886)),
        ),
    },
    "1.0": {
        "480p": ((864, 480), (736, 544), (640, 640), (544, 736), (480, 864), (960, 416)),
        "720p": ((1248, 704), (1120, 832), (960, 960), (832, 1120), (704, 1248), (1504, 640)),
        "1080p": (
            *((1920, 1088), (1664, 1248), (1440, 1440)),
            *((1248, 1664), (1088, 1920), (2176, 928)),
        ),
    },
}

# Newest first, and the longer word before the one it contains. `.` and `-` are the same in ids.
_FAMILY_WORDS = (
    ("2-5", "seedance-2.5"),
    ("2-0-fast", "seedance-2.0-fast"),
    ("2-0-mini", "seedance-2.0-mini"),
    ("2-0", "seedance-2.0"),
    ("1-5-pro", "seedance-1.5-pro"),
    ("1-0-pro-fast", "seedance-1.0-pro-fast"),
    ("1-0-pro", "seedance-1.0-pro"),
    ("1-0-lite", "seedance-1.0-lite"),
)


def family_of(model_id: str) -> Family | None:
    """The family that an exact id belongs to by its words, or None for an id that tells none."""
    told = model_id.lower().replace(".", "-")
    for word, name in _FAMILY_WORDS:
        if f"seedance-{word}" in told:
            return FAMILIES[name]
    return None


def size(family: Family, resolution: str, ratio: str) -> tuple[int, int]:
    """Width and height in pixels of a resolution and one of RATIOS.

    Raises KeyError for what the family does not render and for `adaptive`, which has no size yet.
    """
    if resolution not in family.resolutions or ratio not in RATIOS:
        raise KeyError(family.name, resolution, ratio)
    return _SIZES[family.sizes][resolution][RATIOS.index(ratio)]


def largest_size(family: Family, resolution: str) -> tuple[int, int]:
    """The size with the most pixels: what an `adaptive` clip may come to. Raises as `size`."""
    sizes = (size(family, resolution, ratio) for ratio in RATIOS if ratio in family.ratios)
    return max(sizes, key=math.prod)


def closest_ratio(family: Family, width: int, height: int) -> str:
    """The ratio of the family that a picture of that size comes nearest to.

    2.5 keeps the picture's own ratio beside a first frame, so there it is the nearest name only.
    """

    def distance(ratio: str) -> float:
        across, down = ratio.split(":")
        return abs(math.log(width / height) - math.log(int(across) / int(down)))

    return min((ratio for ratio in RATIOS if ratio in family.ratios), key=distance)


def frame_count(seconds: int) -> int:
    """Frames of an ordinary clip: one more than its seconds hold, the repeated first one."""
    return FRAMES_PER_SECOND * seconds + 1


def is_frame_count(frames: int) -> bool:
    """Whether `frames` may be asked for: 25 + 4n, from 29 to 289."""
    return 29 <= frames <= 289 and (frames - 25) % 4 == 0


class PictureLimits(NamedTuple):
    """What a picture that goes with an order may be."""

    mimes: tuple[str, ...]
    bytes_most: int
    side_least: int
    side_most: int
    aspect_least: float
    """Width by height."""
    aspect_most: float


PICTURES = PictureLimits(
    # HEIC is left out: which families take it is told differently on every page.
    mimes=("image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff", "image/gif"),
    bytes_most=30_000_000 - 1,
    side_least=300,
    side_most=6000,
    aspect_least=0.4,
    aspect_most=2.5,
)
"""First and last frames and reference images, on every family."""


class ClipLimits(NamedTuple):
    """What a clip that goes with an order as a reference may be."""

    endings: Mapping[str, str]
    """Ending of the file to its type."""
    codecs: tuple[str, ...]
    bytes_most: int
    side_least: int
    side_most: int
    aspect_least: float
    """Width by height."""
    aspect_most: float
    pixels_least: int
    """Width times height."""
    pixels_most: int
    rate_least: int
    """Pictures a second."""
    rate_most: int

    def objection(self, width: int, height: int) -> str:
        """What is wrong with a picture of that size, or nothing."""
        if not self.side_least <= min(width, height) <= max(width, height) <= self.side_most:
            return f"both sides must be {self.side_least} to {self.side_most} pixels"
        if not self.aspect_least <= width / height <= self.aspect_most:
            return f"width / height must be {self.aspect_least} to {self.aspect_most}"
        if not self.pixels_least <= width * height <= self.pixels_most:
            return f"it must have {self.pixels_least} to {self.pixels_most} pixels in all"
        return ""


CLIPS = ClipLimits(
    endings=MappingProxyType({"mp4": "video/mp4", "mov": "video/quicktime"}),
    codecs=("h264", "hevc"),
    # The newest page allows 200 MB; every page allows 50.
    bytes_most=50_000_000,
    side_least=300,
    side_most=6000,
    aspect_least=0.4,
    aspect_most=2.5,
    pixels_least=407_696,
    pixels_most=8_295_044,
    rate_least=24,
    rate_most=60,
)
"""Reference clips, on every family; how long they may be is the family's own."""

SOUND_BYTES_MOST = 15_000_000
"""A reference sound."""
