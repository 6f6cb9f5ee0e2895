"""Capabilities, media limits and pixel sizes of each Seedance model family.

Provider-specific limits belong in `catalog`, prices in `price_tables`. Sources: the create page of
Volcengine Ark
(https://ark.volcengine.com/region:cn-beijing/docs/ark/create-video-generation-task-api), its 2026
mirror at https://www.cii-group.com/docs.html for models that the newest page dropped, and
the powertokens copy of BytePlus ModelArk's page. Read 2026-11-20. Seedance 2.5 Flash and 2.5 at 4k:
github.com/byteplus-sa/ComfyUI-BytePlus-ModelArk v0.9.0 (2026-11-13), seen 2026-11-25.

Clips are H.264, except 1080p of 2.5 and 4k, which are 10-bit H.265.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from tasks.media.film_format import FRAMES_PER_SECOND

RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9")
"""The ratios that have a fixed size; the vendor resolves `adaptive`."""

MAX_SEED = 2**31 - 1
"""The newest page's largest seed; older pages allow 2^32 - 1, so this value is valid everywhere."""

EXPIRY_RANGE_SECONDS = (3600, 259_200)
"""Smallest and largest `execution_expires_after`."""

StartMode = Literal["text", "frame", "reference"]
"""The input that a clip starts from: text alone, a first frame, or reference media."""


class Family(NamedTuple):
    """Inputs, parameters and formats of one model family, before a provider limits them."""

    name: str
    size_table: str
    """The key of its pixel sizes in the size table."""
    duration_range_seconds: tuple[int, int]
    """Shortest and longest clip."""
    resolutions: tuple[str, ...]
    default_resolution: str
    """The vendor's default; on 1.0 pro it is the expensive 1080p."""
    hevc_resolutions: tuple[str, ...] = ()
    """Resolutions whose clips are HEVC in 10 bits; all others are H.264 in 8."""
    text_to_video: bool = True
    first_frame: bool = True
    last_frame: bool = True
    """Only together with a first frame; neither is allowed with reference media."""
    reference_images: int = 0
    reference_videos: int = 0
    reference_audio: int = 0
    reference_duration_range_seconds: tuple[float, float] = (0, 0)
    """Shortest and longest reference clip or sound; the longest also limits the sum per kind."""
    supports_audio_only_reference: bool = False
    """True if sounds may be the only reference media."""
    reference_resolutions: tuple[str, ...] = ()
    """Resolutions allowed with reference images; empty if all are."""
    audio: bool = False
    supports_auto_duration: bool = False
    """True if the model may decide the duration (`duration: -1`)."""
    default_duration_seconds: int = 5
    """Our default for every family: without it 2.5 would choose the duration and so the price."""
    frames: bool = False
    """True if the duration may be given in frames."""
    ratios: tuple[str, ...] = (*RATIOS, "adaptive")
    text_ratio: str = "adaptive"
    """The vendor's default ratio for text alone."""
    frame_ratio: str = "adaptive"
    """The vendor's default ratio with a first frame."""
    reference_ratio: str = "adaptive"
    """The vendor's default ratio with reference media."""
    supports_adaptive_with_text: bool = True
    """True if `adaptive` is allowed with text alone."""
    supports_adaptive_with_references: bool = True
    """True if `adaptive` is allowed with reference media."""
    supports_ratio_with_frame: bool = True
    """True if ratios other than `adaptive` are allowed with a first frame."""
    seed: bool = False
    """False on 2.x: the sources disagree, and strict checking would reject it."""
    camera_fixed: bool = False
    """Not allowed with reference images."""
    watermark: bool = True
    flex: bool = False
    """Half price, but takes hours; not allowed with a draft or a priority."""
    draft: bool = False
    """A cheap preview at 480p."""
    has_last_frame_in_draft: bool = False
    """True if a draft job returns its last frame."""
    final_resolutions: tuple[str, ...] = ()
    """Resolutions of the full render of a draft, the default first; empty if all are allowed."""
    priority: bool = False
    supports_web_search: bool = False
    has_token_minimum_with_video: bool = False
    """True if reference video sets a minimum of billed tokens."""

    def get_default_ratio(self, start_mode: StartMode) -> str:
        """Return the ratio that the vendor uses if the request names none."""
        ratios = {"frame": self.frame_ratio, "reference": self.reference_ratio}
        return ratios.get(start_mode, self.text_ratio)


_SEEDANCE_2_0 = Family(
    name="seedance-2.0",
    size_table="2.0",
    duration_range_seconds=(4, 15),
    resolutions=("480p", "720p", "1080p", "4k"),
    default_resolution="720p",
    hevc_resolutions=("4k",),
    reference_images=9,
    reference_videos=3,
    reference_audio=3,
    # The pages say 2 s; clips from 1.8 s are accepted (seen 2026-11-25).
    reference_duration_range_seconds=(1.8, 15),
    audio=True,
    supports_auto_duration=True,
    priority=True,
    supports_web_search=True,
    has_token_minimum_with_video=True,
)

_SEEDANCE_2_5 = _SEEDANCE_2_0._replace(
    name="seedance-2.5",
    size_table="2.5",
    hevc_resolutions=("1080p", "4k"),
    duration_range_seconds=(4, 30),
    reference_images=30,
    reference_videos=10,
    reference_audio=10,
    reference_duration_range_seconds=(1.8, 30),
    supports_audio_only_reference=True,
    supports_ratio_with_frame=False,
    draft=True,
    has_last_frame_in_draft=True,
    final_resolutions=("1080p",),
    has_token_minimum_with_video=False,
)

_SEEDANCE_1_0 = Family(
    name="seedance-1.0-pro",
    size_table="1.0",
    duration_range_seconds=(2, 12),
    resolutions=("480p", "720p", "1080p"),
    default_resolution="1080p",
    frames=True,
    text_ratio="16:9",
    supports_adaptive_with_text=False,
    seed=True,
    camera_fixed=True,
    flex=True,
)

_FAMILY_LIST = (
    _SEEDANCE_2_5,
    _SEEDANCE_2_5._replace(
        name="seedance-2.5-flash",
        resolutions=("480p", "720p"),
        draft=False,
        has_last_frame_in_draft=False,
        final_resolutions=(),
    ),
    _SEEDANCE_2_0,
    _SEEDANCE_2_0._replace(name="seedance-2.0-fast", resolutions=("480p", "720p")),
    _SEEDANCE_2_0._replace(name="seedance-2.0-mini", resolutions=("480p", "720p")),
    Family(
        name="seedance-1.5-pro",
        size_table="2.0",
        duration_range_seconds=(4, 12),
        resolutions=("480p", "720p", "1080p"),
        default_resolution="720p",
        audio=True,
        supports_auto_duration=True,
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

FAMILIES: Mapping[str, Family] = MappingProxyType({family.name: family for family in _FAMILY_LIST})
"""Every family by name, the newest first."""

_SIZES_4K = (
    *((3840, 2160), (3326, 2494), (2880, 2880)),
    *((2494, 3326), (2160, 3840), (4398, 1886)),
)
_SIZES: Mapping[str, Mapping[str, tuple[tuple[int, int], ...]]] = {
    # In the order of RATIOS: 16:9, 4:3, 1:1, 3:4, 9:16, 21:9.
    "2.5": {
        "480p": ((854, 480), (752, 560), (640, 640), (560, 752), (480, 854), (992, 432)),
        "720p": ((1280, 720), (1112, 834), (960, 960), (834, 1112), (720, 1280), (1470, 630)),
        "1080p": (
            *((1920, 1080), (1664, 1248), (1440, 1440)),
            *((1248, 1664), (1080, 1920), (2206, 946)),
        ),
        # Only 16:9 was seen; the other sizes are those of 2.0, as they are at 720p and 1080p.
        "4k": _SIZES_4K,
    },
    "2.0": {
        "480p": ((864, 496), (752, 560), (640, 640), (560, 752), (496, 864), (992, 432)),
        "720p": ((1280, 720), (1112, 834), (960, 960), (834, 1112), (720, 1280), (1470, 630)),
        "1080p": (
            *((1920, 1080), (1664, 1248), (1440, 1440)),
            *((1248, 1664), (1080, 1920), (2206, 946)),
        ),
        "4k": _SIZES_4K,
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


def get_frame_size(family: Family, resolution: str, ratio: str) -> tuple[int, int]:
    """Return width and height in pixels.

    Raises:
        KeyError: The family does not render the resolution, or the ratio is not one of RATIOS;
            `adaptive` has no size before the vendor resolves it.
    """
    if resolution not in family.resolutions or ratio not in RATIOS:
        raise KeyError(family.name, resolution, ratio)
    return _SIZES[family.size_table][resolution][RATIOS.index(ratio)]


def get_largest_frame_size(family: Family, resolution: str) -> tuple[int, int]:
    """Return width and height of the largest possible `adaptive` clip.

    Raises:
        KeyError: The family does not render the resolution.
    """
    sizes = (
        get_frame_size(family, resolution, ratio) for ratio in RATIOS if ratio in family.ratios
    )
    return max(sizes, key=math.prod)


def find_closest_ratio(family: Family, width: int, height: int) -> str:
    """Return the family's ratio that is closest to an image of that size.

    For a first frame on 2.5 this is only the closest name: 2.5 keeps the image's own ratio.
    """

    def distance(ratio: str) -> float:
        across, down = ratio.split(":")
        return abs(math.log(width / height) - math.log(int(across) / int(down)))

    return min((ratio for ratio in RATIOS if ratio in family.ratios), key=distance)


def count_frames(duration_seconds: int) -> int:
    """Return the frame count of a clip of whole seconds; the repeated first frame adds 1."""
    return FRAMES_PER_SECOND * duration_seconds + 1


def is_valid_frame_count(frames: int) -> bool:
    """Return True if `frames` may be requested: 25 + 4n, from 29 to 289."""
    return 29 <= frames <= 289 and (frames - 25) % 4 == 0


class ImageLimits(NamedTuple):
    """Limits of an image input."""

    mime_types: tuple[str, ...]
    max_bytes: int
    min_side: int
    max_side: int
    min_aspect: float
    """Width by height."""
    max_aspect: float


IMAGE_LIMITS = ImageLimits(
    # HEIC is left out: the pages disagree on which families accept it.
    mime_types=("image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff", "image/gif"),
    max_bytes=30_000_000 - 1,
    min_side=300,
    max_side=6000,
    min_aspect=0.4,
    max_aspect=2.5,
)
"""First and last frames and reference images, on every family."""


class ClipLimits(NamedTuple):
    """Limits of a reference clip."""

    mime_type_by_extension: Mapping[str, str]
    """File name extension to MIME type."""
    codecs: tuple[str, ...]
    max_bytes: int
    min_side: int
    max_side: int
    min_aspect: float
    """Width by height."""
    max_aspect: float
    min_pixels: int
    """Width times height."""
    max_pixels: int
    min_fps: int
    """Frames per second."""
    max_fps: int

    def find_size_problem(self, width: int, height: int) -> str:
        """Return what is wrong with a frame of that size, or an empty string."""
        if not self.min_side <= min(width, height) <= max(width, height) <= self.max_side:
            return f"both sides must be {self.min_side} to {self.max_side} pixels"
        if not self.min_aspect <= width / height <= self.max_aspect:
            return f"width / height must be {self.min_aspect} to {self.max_aspect}"
        if not self.min_pixels <= width * height <= self.max_pixels:
            return f"it must have {self.min_pixels} to {self.max_pixels} pixels in total"
        return ""


CLIP_LIMITS = ClipLimits(
    mime_type_by_extension=MappingProxyType({"mp4": "video/mp4", "mov": "video/quicktime"}),
    codecs=("h264", "hevc"),
    # The newest page allows 200 MB; every page allows 50.
    max_bytes=50_000_000,
    min_side=300,
    max_side=6000,
    min_aspect=0.4,
    max_aspect=2.5,
    min_pixels=407_696,
    max_pixels=8_295_044,
    min_fps=24,
    max_fps=60,
)
"""Reference clips, on every family; their duration range is a field of `Family`."""

MAX_AUDIO_BYTES = 15_000_000
"""Reference sounds, on every family."""
