"""What each model family can do, as the vendors' own tables say; the simulator's own copy.

Source: the Volcengine create page
https://ark.volcengine.com/region:cn-beijing/docs/ark/create-video-generation-task-api and the
capability tables of its mirrors. Where copies disagree the wider reading stands here: a
simulator is strict about what is surely wrong and lenient about what is disputed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9")

# `doubao-` on Volcengine; on BytePlus `dreamina-` from 2.0 on and no prefix before.
_IDS = {
    "seedance-2.5": ("doubao-seedance-2-5-260628", "dreamina-seedance-2-5-260628"),
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
VOLCENGINE_MODELS: Mapping[str, str] = {ids[0]: family for family, ids in _IDS.items()}
"""Exact id to family."""
BYTEPLUS_MODELS: Mapping[str, str] = {ids[1]: family for family, ids in _IDS.items()}


@dataclass(frozen=True)
class Family:
    """One column of the capability table."""

    name: str
    sizes: str
    """Which column of the pixel size table."""
    tasks: frozenset[str]
    """Of `t2v` (text), `i2v` (first frame), `flf2v` (first and last), `r2v` (references)."""
    seconds: tuple[int, int]
    parameters: frozenset[str]
    """Which of the fields that not every model takes."""
    resolutions: tuple[str, ...] = ("480p", "720p", "1080p")
    resolution: str = "720p"
    """The default; likewise below."""
    default_seconds: int = 5
    chooses_seconds: bool = False
    """Whether -1 lets the model decide."""
    text_adaptive: bool = False
    """Whether a shot from text alone may be `adaptive`."""
    explicit_ratio_with_frame: bool = True
    images: int = 0
    """How many reference images at most; likewise below."""
    videos: int = 0
    sounds: int = 0
    reference_seconds: int = 15
    """How long reference clips and sounds may be, one and all together."""
    sound_alone: bool = False
    heif: bool = True


_LONG = frozenset({"t2v", "i2v", "flf2v", "r2v"})
_PRO = frozenset({"t2v", "i2v", "flf2v"})
# The newest page names seed for 1.0 only, gateways offer it on 2.x, and nobody shows a refusal:
# disputed, so it is taken everywhere and the ledger notes it.
_EVERYWHERE = frozenset({"seed"})
_OLD = _EVERYWHERE | {"camera_fixed", "service_tier"}
_NEW = _EVERYWHERE | {"generate_audio", "priority", "tools"}


def _second_generation(name: str, resolutions: tuple[str, ...]) -> Family:
    return Family(
        name=name,
        sizes="2.0",
        tasks=_LONG,
        seconds=(4, 15),
        parameters=_NEW,
        resolutions=resolutions,
        chooses_seconds=True,
        text_adaptive=True,
        images=9,
        videos=3,
        sounds=3,
    )


def _lite(name: str, tasks: frozenset[str], images: int) -> Family:
    return Family(
        name=name,
        sizes="1.0",
        tasks=tasks,
        seconds=(2, 12),
        parameters=_OLD | {"frames"},
        images=images,
        heif=False,
    )


def _first_pro(name: str, tasks: frozenset[str]) -> Family:
    return Family(
        name=name,
        sizes="1.0",
        tasks=tasks,
        seconds=(2, 12),
        parameters=_OLD | {"frames"},
        resolution="1080p",
        heif=False,
    )


_ROWS = (
    Family(
        name="seedance-2.5",
        sizes="2.5",
        tasks=_LONG,
        seconds=(4, 30),
        parameters=_NEW | {"draft", "output_format", "omni_reference_task_type"},
        default_seconds=-1,
        chooses_seconds=True,
        text_adaptive=True,
        explicit_ratio_with_frame=False,
        images=30,
        videos=10,
        sounds=10,
        reference_seconds=30,
        sound_alone=True,
    ),
    _second_generation("seedance-2.0", ("480p", "720p", "1080p", "4k")),
    _second_generation("seedance-2.0-fast", ("480p", "720p")),
    _second_generation("seedance-2.0-mini", ("480p", "720p")),
    Family(
        name="seedance-1.5-pro",
        sizes="2.0",
        tasks=_PRO,
        seconds=(4, 12),
        parameters=_OLD | {"generate_audio", "draft"},
        chooses_seconds=True,
        text_adaptive=True,
    ),
    _first_pro("seedance-1.0-pro", _PRO),
    _first_pro("seedance-1.0-pro-fast", frozenset({"t2v", "i2v"})),
    _lite("seedance-1.0-lite-t2v", frozenset({"t2v"}), 0),
    _lite("seedance-1.0-lite-i2v", frozenset({"i2v", "flf2v", "r2v"}), 4),
)
FAMILIES: Mapping[str, Family] = {family.name: family for family in _ROWS}
