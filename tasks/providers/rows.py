"""The rows of the provider table: base URLs, exact ids, and what each vendor narrows.

Data only. What a family can do where nobody narrows it stands in `models`. The gateways' prices are
unknown: CometAPI's model page names dollars per second without saying for which size, and the
others name none that was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tasks.providers.models import FAMILIES, RATIOS, Family
from tasks.providers.provider import Provider

_VOLCENGINE_IDS: Mapping[str, tuple[str, ...]] = {
    "seedance-2.5": ("doubao-seedance-2-5-260628",),
    "seedance-2.0": ("doubao-seedance-2-0-260128",),
    "seedance-2.0-fast": ("doubao-seedance-2-0-fast-260128",),
    "seedance-2.0-mini": ("doubao-seedance-2-0-mini-260615",),
    "seedance-1.5-pro": ("doubao-seedance-1-5-pro-251215",),
    "seedance-1.0-pro": ("doubao-seedance-1-0-pro-250528",),
    "seedance-1.0-pro-fast": ("doubao-seedance-1-0-pro-fast-251015",),
    "seedance-1.0-lite": (
        "doubao-seedance-1-0-lite-t2v-250428",
        "doubao-seedance-1-0-lite-i2v-250428",
    ),
}

_BYTEPLUS_IDS: Mapping[str, tuple[str, ...]] = {
    "seedance-2.5": ("dreamina-seedance-2-5-260628",),
    "seedance-2.0": ("dreamina-seedance-2-0-260128",),
    "seedance-2.0-fast": ("dreamina-seedance-2-0-fast-260128",),
    "seedance-2.0-mini": ("dreamina-seedance-2-0-mini-260615",),
    "seedance-1.5-pro": ("seedance-1-5-pro-251215",),
    "seedance-1.0-pro": ("seedance-1-0-pro-250528",),
    "seedance-1.0-pro-fast": ("seedance-1-0-pro-fast-251015",),
    "seedance-1.0-lite": ("seedance-1-0-lite-t2v-250428", "seedance-1-0-lite-i2v-250428"),
}

_COMETAPI_IDS: Mapping[str, tuple[str, ...]] = {
    "seedance-2.0": ("doubao-seedance-2-0",),
    "seedance-2.0-fast": ("doubao-seedance-2-0-fast",),
    "seedance-1.5-pro": ("doubao-seedance-1-5-pro",),
    "seedance-1.0-pro": ("doubao-seedance-1-0-pro",),
}

_SEEDANCE_1 = ("seedance-1.5-pro", "seedance-1.0-pro", "seedance-1.0-pro-fast", "seedance-1.0-lite")
_SEEDANCE_2_0 = ("seedance-2.0", "seedance-2.0-fast")


def _some(ids: Mapping[str, tuple[str, ...]], names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    return {name: ids[name] for name in names}


def _by_name(*families: Family) -> dict[str, Family]:
    return {family.name: family for family in families}


def _without_web_search(names: Iterable[str]) -> dict[str, Family]:
    """Overseas nodes do not search the web (powertokens' create page)."""
    families = (FAMILIES[name] for name in names)
    return _by_name(*(one._replace(web_search=False) for one in families if one.web_search))


# powertokens' create page: no 4k, tools or offline inference, and a priority on plain 2.0 alone,
# for where the page says "2.0" and where "2.0 series" it does not agree with itself.
_AT_POWERTOKENS = _by_name(
    FAMILIES["seedance-2.0"]._replace(
        resolutions=("480p", "720p", "1080p"),
        hevc=(),
        web_search=False,
    ),
    FAMILIES["seedance-2.0-fast"]._replace(priority=False, web_search=False),
    FAMILIES["seedance-1.5-pro"]._replace(flex=False),
    FAMILIES["seedance-1.0-pro"]._replace(flex=False),
    FAMILIES["seedance-1.0-pro-fast"]._replace(flex=False),
)


def _in_flags(name: str) -> Family:
    """No flag is documented for frames, tier or draft, nor -1 for a length the model decides."""
    family = FAMILIES[name]
    return family._replace(auto_seconds=False, frames=False, flex=False, draft=False)


# CometAPI's page offers pictures for "first-frame or last-frame guidance" only.
_AT_COMETAPI_VOLC = _by_name(
    *(
        _in_flags(name)._replace(reference_images=0, reference_resolutions=())
        for name in _SEEDANCE_1
    )
)

# kkiai's page names no `adaptive`, so it is had by silence, where it is the default alone.
_AT_KKIAI = _by_name(
    *(_in_flags(name)._replace(adaptive_with_references=False) for name in _SEEDANCE_1),
)


def _in_a_form(name: str) -> Family:
    """CometAPI's form: prompt, model, seconds, size, resolution, one picture, and no other word."""
    return FAMILIES[name]._replace(
        default_resolution="720p",
        last_frame=False,
        reference_images=0,
        reference_videos=0,
        reference_audio=0,
        reference_seconds=(0, 0),
        audio=False,
        auto_seconds=False,
        frames=False,
        ratios=RATIOS,
        text_ratio="16:9",
        frame_ratio="16:9",
        reference_ratio="16:9",
        adaptive_with_text=False,
        adaptive_with_references=False,
        seed=False,
        camera_fixed=False,
        watermark=False,
        flex=False,
        draft=False,
        priority=False,
        web_search=False,
        hevc=(),
        minimum_with_video=False,
    )


_AT_COMETAPI_VIDEOS = _by_name(
    _in_a_form("seedance-2.0")._replace(resolutions=("480p", "720p"), reference_images=1),
    _in_a_form("seedance-2.0-fast")._replace(reference_images=1),
    _in_a_form("seedance-1.5-pro")._replace(first_frame=False),
    _in_a_form("seedance-1.0-pro")._replace(first_frame=False, seconds=(2, 10)),
)


def _in_sora_words(name: str) -> Family:
    """No word for frames, tier, draft, priority or tools; beside words alone a ratio is wanted."""
    return FAMILIES[name]._replace(
        hevc=(),
        auto_seconds=False,
        frames=False,
        text_ratio="16:9",
        adaptive_with_text=False,
        flex=False,
        draft=False,
        priority=False,
        web_search=False,
    )


def _at_infinity_blue(name: str) -> Family:
    """Its page has a seed and a held camera for 2.0, and no 4k."""
    return _in_sora_words(name)._replace(
        resolutions=tuple(one for one in FAMILIES[name].resolutions if one != "4k"),
        seed=True,
        camera_fixed=True,
    )


IN_DIALECT: Mapping[str, Callable[[str], Family]] = {
    "ark": FAMILIES.__getitem__,
    "volc": _in_flags,
    "videos": _in_a_form,
    "kkiai": _in_flags,
    "sora": _in_sora_words,
}
"""What is left of a family in a wire format, whoever the vendor is."""


ROWS = (
    Provider(
        name="simulator",
        dialect="ark",
        base_url="",
        models=_VOLCENGINE_IDS,
        aliases={one: name for name, ids in _BYTEPLUS_IDS.items() for one in ids},
        prices="free",
        currency="",
        lists=True,
        uploads="/assets",
        cancels=True,
        jobs_at_once=4,
        poll_least_seconds=0.1,
        poll_most_seconds=2.0,
        typical_seconds=1.0,
    ),
    Provider(
        name="ark",
        dialect="ark",
        base_url="https://ark.cn-beijing.volces.com/api/v3",
        models=_VOLCENGINE_IDS,
        prices="volcengine",
        currency="CNY",
        endpoint_ids=True,
        lists=True,
        cancels=True,
        # Volcengine's table of online limits (2026-04): ten side by side, five on lite.
        jobs_at_once=10,
    ),
    Provider(
        name="modelark",
        dialect="ark",
        base_url="https://ark.ap-southeast.bytepluses.com/api/v3",
        models=_BYTEPLUS_IDS,
        narrowed=_without_web_search(_BYTEPLUS_IDS),
        prices="byteplus",
        currency="USD",
        endpoint_ids=True,
        lists=True,
        cancels=True,
        # Measured on an individual account; larger accounts have more.
        jobs_at_once=3,
    ),
    Provider(
        name="powertokens",
        dialect="ark",
        base_url="https://api.powertokens.ai/byteplus/api/v3",
        models=_some(_BYTEPLUS_IDS, (*_SEEDANCE_2_0, *_SEEDANCE_1[:3])),
        narrowed=_AT_POWERTOKENS,
        prices="powertokens",
        currency="USD",
        endpoint_ids=True,
        cancels=True,
    ),
    Provider(
        name="cometapi-volc",
        dialect="volc",
        base_url="https://api.cometapi.com/volc/v3",
        models=_some(_VOLCENGINE_IDS, _SEEDANCE_1),
        narrowed=_AT_COMETAPI_VOLC,
        prices="cometapi",
        currency="USD",
    ),
    Provider(
        name="cometapi-videos",
        dialect="videos",
        base_url="https://api.cometapi.com/v1",
        models=_COMETAPI_IDS,
        narrowed=_AT_COMETAPI_VIDEOS,
        prices="cometapi",
        currency="USD",
        # Its page: "every 10 to 20 seconds".
        poll_least_seconds=10.0,
        poll_most_seconds=20.0,
    ),
    Provider(
        name="kkiai",
        dialect="kkiai",
        base_url="https://www.kkiai.com/volc/v1",
        models=_some(_VOLCENGINE_IDS, _SEEDANCE_1),
        narrowed=_AT_KKIAI,
        prices="kkiai",
        currency="USD",
        lists=True,
    ),
    Provider(
        name="kkiai-2",
        dialect="ark",
        base_url="https://www.kkiai.com/api/v3",
        models=_some(_VOLCENGINE_IDS, _SEEDANCE_2_0),
        prices="kkiai",
        currency="USD",
        # No page tells of a list there; one that is not answered counts as none.
        lists=True,
    ),
    Provider(
        name="infinity-blue",
        dialect="sora",
        base_url="https://api.getinfinityblue.com/v1",
        models=_some(_VOLCENGINE_IDS, _SEEDANCE_2_0),
        narrowed=_by_name(*(_at_infinity_blue(name) for name in _SEEDANCE_2_0)),
        prices="infinity-blue",
        currency="USD",
        # Its page: every 5 to 10 seconds.
        poll_least_seconds=5.0,
        poll_most_seconds=10.0,
    ),
)
"""Every provider that works, the simulator first."""
