"""The limits and output sizes of each model family, from the vendors' own tables.

Source: the Volcengine create page
https://ark.volcengine.com/region:cn-beijing/docs/ark/create-video-generation-task-api and the
capability tables of its mirrors. Where copies disagree, the wider limit is used: the simulator is
strict about what is certainly wrong and lenient about what is disputed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

Size = tuple[int, int]

RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9")

# Volcengine's ids begin with `doubao-`; BytePlus's with `dreamina-` from 2.0, without a prefix
# before. Flash has no id at Volcengine.
_IDS = {
    "seedance-2.5": ("doubao-seedance-2-5-260628", "dreamina-seedance-2-5-260628"),
    "seedance-2.5-flash": ("", "dreamina-seedance-2-5-flash-261115"),
    "seedance-2.0": ("doubao-seedance-2-0-260128", "dreamina-seedance-2-0-260128"),
    "seedance-2.0-fast": ("doubao-seedance-2-0-fast-260128", "dreamina-seedance-2-0-fast-260128"),
    "seedance-2.0-mini": ("doubao-seedance-2-0-mini-260615", "dreamina-seedance-2-0-mini-260615"),
    "seedance-1.5-pro": ("doubao-seedance-1-5-pro-251215", "seedance-1-5-pro-251215"),
    "seedance-1.0-pro": ("doubao-seedance-1-0-pro-250528", "seedance-1-0-pro-250528"),
    "seedance-1.0-pro-fast": (
        "doubao-seedance-1-0-pro-fast-251015",
        "seedance-1-0-pro-fast-251015",
    ),
    "seedance-1.0-lite-t2v": (
        "doubao-seedance-1-0-lite-t2v-250428",
        "seedance-1-0-lite-t2v-250428",
    ),
    "seedance-1.0-lite-i2v": (
        "doubao-seedance-1-0-lite-i2v-250428",
        "seedance-1-0-lite-i2v-250428",
    ),
}
VOLCENGINE_MODELS: Mapping[str, str] = {ids[0]: family for family, ids in _IDS.items() if ids[0]}
"""Exact id to family."""
BYTEPLUS_MODELS: Mapping[str, str] = {ids[1]: family for family, ids in _IDS.items()}
"""Exact id to family."""


@dataclass(frozen=True)
class ModelLimits:
    """One column of the capability table."""

    family: str
    size_table: str
    """The column of the pixel size table."""
    task_types: frozenset[str]
    """Of `t2v` (text), `i2v` (first frame), `flf2v` (first and last), `r2v` (references)."""
    duration_seconds: tuple[int, int]
    """Minimum and maximum."""
    parameters: frozenset[str]
    """The supported parameters, of those that not every model supports."""
    resolutions: tuple[str, ...] = ("480p", "720p", "1080p")
    default_resolution: str = "720p"
    default_seconds: int = 5
    supports_auto_duration: bool = False
    """True if -1 lets the model choose the duration."""
    supports_adaptive_text: bool = False
    """True if the ratio may be `adaptive` without any media."""
    supports_ratio_with_frame: bool = True
    """True if the ratio may be explicit when a first frame is given."""
    max_images: int = 0
    max_videos: int = 0
    max_sounds: int = 0
    max_reference_seconds: int = 15
    """Of all reference clips together; likewise of all sounds."""
    supports_sound_only: bool = False
    """True if sounds may be the only references."""
    supports_heif: bool = True


_ALL_TASK_TYPES = frozenset({"t2v", "i2v", "flf2v", "r2v"})
_WITHOUT_REFERENCES = frozenset({"t2v", "i2v", "flf2v"})
# The newest page lists seed for 1.0 only, gateways offer it for 2.x, and no page shows an error.
# It is disputed, so it is accepted everywhere and the request log notes it.
_EVERYWHERE = frozenset({"seed"})
_PARAMETERS_1 = _EVERYWHERE | {"camera_fixed", "service_tier"}
_PARAMETERS_2 = _EVERYWHERE | {"generate_audio", "priority", "tools"}


def _limits_2_0(family: str, resolutions: tuple[str, ...]) -> ModelLimits:
    return ModelLimits(
        family=family,
        size_table="2.0",
        task_types=_ALL_TASK_TYPES,
        duration_seconds=(4, 15),
        parameters=_PARAMETERS_2,
        resolutions=resolutions,
        supports_auto_duration=True,
        supports_adaptive_text=True,
        max_images=9,
        max_videos=3,
        max_sounds=3,
    )


def _limits_1_0(
    family: str, task_types: frozenset[str], resolution: str, max_images: int = 0
) -> ModelLimits:
    return ModelLimits(
        family=family,
        size_table="1.0",
        task_types=task_types,
        duration_seconds=(2, 12),
        parameters=_PARAMETERS_1 | {"frames"},
        default_resolution=resolution,
        max_images=max_images,
        supports_heif=False,
    )


_SEEDANCE_2_5 = ModelLimits(
    family="seedance-2.5",
    size_table="2.5",
    task_types=_ALL_TASK_TYPES,
    duration_seconds=(4, 30),
    parameters=_PARAMETERS_2 | {"draft", "output_format", "omni_reference_task_type"},
    resolutions=("480p", "720p", "1080p", "4k"),
    default_seconds=-1,
    supports_auto_duration=True,
    supports_adaptive_text=True,
    supports_ratio_with_frame=False,
    max_images=30,
    max_videos=10,
    max_sounds=10,
    max_reference_seconds=30,
    supports_sound_only=True,
)

_LIMITS = (
    _SEEDANCE_2_5,
    # BytePlus's own node v0.9.0 (2026-11-13): no draft, and no other output format than MP4.
    replace(
        _SEEDANCE_2_5,
        family="seedance-2.5-flash",
        parameters=_PARAMETERS_2 | {"omni_reference_task_type"},
        resolutions=("480p", "720p"),
    ),
    _limits_2_0("seedance-2.0", ("480p", "720p", "1080p", "4k")),
    _limits_2_0("seedance-2.0-fast", ("480p", "720p")),
    _limits_2_0("seedance-2.0-mini", ("480p", "720p")),
    ModelLimits(
        family="seedance-1.5-pro",
        size_table="2.0",
        task_types=_WITHOUT_REFERENCES,
        duration_seconds=(4, 12),
        parameters=_PARAMETERS_1 | {"generate_audio", "draft"},
        supports_auto_duration=True,
        supports_adaptive_text=True,
    ),
    _limits_1_0("seedance-1.0-pro", _WITHOUT_REFERENCES, "1080p"),
    _limits_1_0("seedance-1.0-pro-fast", frozenset({"t2v", "i2v"}), "1080p"),
    _limits_1_0("seedance-1.0-lite-t2v", frozenset({"t2v"}), "720p"),
    _limits_1_0("seedance-1.0-lite-i2v", frozenset({"i2v", "flf2v", "r2v"}), "720p", 4),
)
MODEL_LIMITS: Mapping[str, ModelLimits] = {limits.family: limits for limits in _LIMITS}
"""Family to limits."""

_SHARED_720P = ((1280, 720), (1112, 834), (960, 960), (834, 1112), (720, 1280), (1470, 630))
_SHARED_1080P = (
    *((1920, 1080), (1664, 1248), (1440, 1440)),
    *((1248, 1664), (1080, 1920), (2206, 946)),
)
_SHARED_4K = (
    *((3840, 2160), (3326, 2494), (2880, 2880)),
    *((2494, 3326), (2160, 3840), (4398, 1886)),
)
# The sizes are in the order of RATIOS. Most are not multiples of 16.
_PIXEL_SIZES: Mapping[str, Mapping[str, tuple[Size, ...]]] = {
    "2.5": {
        "480p": ((854, 480), (752, 560), (640, 640), (560, 752), (480, 854), (992, 432)),
        "720p": _SHARED_720P,
        "1080p": _SHARED_1080P,
        "4k": _SHARED_4K,
    },
    "2.0": {
        "480p": ((864, 496), (752, 560), (640, 640), (560, 752), (496, 864), (992, 432)),
        "720p": _SHARED_720P,
        "1080p": _SHARED_1080P,
        "4k": _SHARED_4K,
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


def pixel_size(size_table: str, resolution: str, ratio: str) -> Size:
    """Return width and height from the size table that a model's limits name."""
    return _PIXEL_SIZES[size_table][resolution][RATIOS.index(ratio)]


def closest_ratio(width: float, height: float) -> str:
    """Return the supported ratio that is closest to width / height."""
    target = math.log(width / height)
    return min(RATIOS, key=lambda ratio: abs(math.log(_quotient(ratio)) - target))


def _quotient(ratio: str) -> float:
    width, height = ratio.split(":")
    return int(width) / int(height)
