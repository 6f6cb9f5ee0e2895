"""The built-in providers: base URLs, model ids, and where a provider differs from a model family.

Data only. General family capabilities are in `families`. The gateways' prices are unknown:
CometAPI's model page gives dollars per second without the frame size, and the others publish none.

A model's id does not tell what a provider lets it do: there are gateways that sell 4k by upscaling,
or 2.5 with 15 s. So limits belong to the provider, with the day on which its pages were read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from tasks.providers.families import FAMILIES, RATIOS, Family
from tasks.providers.names import find_provider_names, match_name
from tasks.providers.provider import Provider, UnknownName

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
    # Private access: the account must be admitted and the model activated. Volcengine has no id.
    "seedance-2.5-flash": ("dreamina-seedance-2-5-flash-261115",),
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


def _select_ids(
    ids: Mapping[str, tuple[str, ...]], names: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    return {name: ids[name] for name in names}


def _by_name(*families: Family) -> dict[str, Family]:
    return {family.name: family for family in families}


def _without_web_search(names: Iterable[str]) -> dict[str, Family]:
    """Return the families that lose web search: overseas nodes have none (powertokens' page)."""
    families = (FAMILIES[name] for name in names)
    return _by_name(
        *(
            family._replace(supports_web_search=False)
            for family in families
            if family.supports_web_search
        )
    )


# 4k of 2.5 was seen at BytePlus and its resellers only; Volcengine's newest page ends at 1080p.
_VOLCENGINE_FAMILIES = _by_name(
    FAMILIES["seedance-2.5"]._replace(resolutions=("480p", "720p", "1080p"))
)

# powertokens' create page: no 4k, no tools, no offline inference. Priority on plain 2.0 only: the
# page contradicts itself on whether "2.0 series" includes the other 2.0 models.
_POWERTOKENS_FAMILIES = _by_name(
    FAMILIES["seedance-2.0"]._replace(
        resolutions=("480p", "720p", "1080p"),
        supports_web_search=False,
    ),
    FAMILIES["seedance-2.0-fast"]._replace(priority=False, supports_web_search=False),
    FAMILIES["seedance-1.5-pro"]._replace(flex=False),
    FAMILIES["seedance-1.0-pro"]._replace(flex=False),
    FAMILIES["seedance-1.0-pro-fast"]._replace(flex=False),
)


def _limit_to_flags(name: str) -> Family:
    """Return the family without the parameters that have no documented prompt flag.

    These are frames, service tier, draft, and -1 for a duration that the model decides.
    """
    family = FAMILIES[name]
    return family._replace(supports_auto_duration=False, frames=False, flex=False, draft=False)


# CometAPI's page offers pictures for "first-frame or last-frame guidance" only.
_COMETAPI_VOLC_FAMILIES = _by_name(
    *(
        _limit_to_flags(name)._replace(reference_images=0, reference_resolutions=())
        for name in _SEEDANCE_1
    )
)

# kkiai's page does not list `adaptive`, so it is requested by omitting the ratio, which works only
# if it is the default.
_KKIAI_FAMILIES = _by_name(
    *(
        _limit_to_flags(name)._replace(supports_adaptive_with_references=False)
        for name in _SEEDANCE_1
    ),
)


def _limit_to_form(name: str) -> Family:
    """Return the family as CometAPI's form allows.

    The form has prompt, model, seconds, size, resolution and one image, and no other field.
    """
    return FAMILIES[name]._replace(
        default_resolution="720p",
        last_frame=False,
        reference_images=0,
        reference_videos=0,
        reference_audio=0,
        reference_duration_range_seconds=(0, 0),
        audio=False,
        supports_auto_duration=False,
        frames=False,
        ratios=RATIOS,
        text_ratio="16:9",
        frame_ratio="16:9",
        reference_ratio="16:9",
        supports_adaptive_with_text=False,
        supports_adaptive_with_references=False,
        seed=False,
        camera_fixed=False,
        watermark=False,
        flex=False,
        draft=False,
        priority=False,
        supports_web_search=False,
        has_token_minimum_with_video=False,
    )


_COMETAPI_VIDEOS_FAMILIES = _by_name(
    _limit_to_form("seedance-2.0")._replace(resolutions=("480p", "720p"), reference_images=1),
    _limit_to_form("seedance-2.0-fast")._replace(reference_images=1),
    _limit_to_form("seedance-1.5-pro")._replace(first_frame=False),
    _limit_to_form("seedance-1.0-pro")._replace(first_frame=False, duration_range_seconds=(2, 10)),
)


def _limit_to_sora(name: str) -> Family:
    """Return the family without frames, service tier, draft, priority and tools.

    A request without an image must name a ratio.
    """
    return FAMILIES[name]._replace(
        supports_auto_duration=False,
        frames=False,
        text_ratio="16:9",
        supports_adaptive_with_text=False,
        flex=False,
        draft=False,
        priority=False,
        supports_web_search=False,
    )


def _limit_to_infinity_blue(name: str) -> Family:
    """Return the family as Infinity Blue's page documents it: seed, fixed camera and no 4k."""
    return _limit_to_sora(name)._replace(
        resolutions=tuple(size for size in FAMILIES[name].resolutions if size != "4k"),
        seed=True,
        camera_fixed=True,
    )


FAMILY_IN_DIALECT: Mapping[str, Callable[[str], Family]] = {
    "ark": FAMILIES.__getitem__,
    "volc": _limit_to_flags,
    "videos": _limit_to_form,
    "kkiai": _limit_to_flags,
    "sora": _limit_to_sora,
}
"""Dialect name to a function that limits a family, given by name, to what the dialect can send."""


_BUILT_IN_PROVIDERS = (
    Provider(
        name="simulator",
        dialect="ark",
        base_url="",
        # Every family: those that Volcengine lacks have BytePlus's ids.
        models={name: _VOLCENGINE_IDS.get(name, _BYTEPLUS_IDS[name]) for name in FAMILIES},
        model_aliases={model_id: name for name, ids in _BYTEPLUS_IDS.items() for model_id in ids},
        price_table="free",
        currency="",
        supports_listing=True,
        shot_header="X-Shotchain-Shot",
        upload_path="/assets",
        supports_cancel=True,
        max_concurrent_jobs=4,
        poll_min_seconds=0.1,
        poll_max_seconds=2.0,
        typical_job_seconds=1.0,
    ),
    Provider(
        name="ark",
        dialect="ark",
        base_url="https://ark.cn-beijing.volces.com/api/v3",
        models=_VOLCENGINE_IDS,
        family_overrides=_VOLCENGINE_FAMILIES,
        limits_date="2026-11-25",
        price_table="volcengine",
        currency="CNY",
        accepts_endpoint_ids=True,
        supports_listing=True,
        supports_cancel=True,
        # Volcengine's table of online limits (2026-04): ten at the same time, five on lite.
        max_concurrent_jobs=10,
    ),
    Provider(
        name="modelark",
        dialect="ark",
        base_url="https://ark.ap-southeast.bytepluses.com/api/v3",
        models=_BYTEPLUS_IDS,
        family_overrides=_without_web_search(_BYTEPLUS_IDS),
        limits_date="2026-11-25",
        price_table="byteplus",
        currency="USD",
        accepts_endpoint_ids=True,
        supports_listing=True,
        supports_cancel=True,
        # Measured on an individual account; larger accounts have more.
        max_concurrent_jobs=3,
    ),
    Provider(
        name="powertokens",
        dialect="ark",
        base_url="https://api.powertokens.ai/byteplus/api/v3",
        limits_date="2026-11-20",
        models=_select_ids(_BYTEPLUS_IDS, (*_SEEDANCE_2_0, *_SEEDANCE_1[:3])),
        family_overrides=_POWERTOKENS_FAMILIES,
        price_table="powertokens",
        currency="USD",
        accepts_endpoint_ids=True,
        supports_cancel=True,
    ),
    Provider(
        name="cometapi-volc",
        dialect="volc",
        base_url="https://api.cometapi.com/volc/v3",
        limits_date="2026-11-20",
        models=_select_ids(_VOLCENGINE_IDS, _SEEDANCE_1),
        family_overrides=_COMETAPI_VOLC_FAMILIES,
        price_table="cometapi",
        currency="USD",
    ),
    Provider(
        name="cometapi-videos",
        dialect="videos",
        base_url="https://api.cometapi.com/v1",
        limits_date="2026-11-20",
        models=_COMETAPI_IDS,
        family_overrides=_COMETAPI_VIDEOS_FAMILIES,
        price_table="cometapi",
        currency="USD",
        # Its page: "every 10 to 20 seconds".
        poll_min_seconds=10.0,
        poll_max_seconds=20.0,
    ),
    Provider(
        name="kkiai",
        dialect="kkiai",
        base_url="https://www.kkiai.com/volc/v1",
        limits_date="2026-11-20",
        models=_select_ids(_VOLCENGINE_IDS, _SEEDANCE_1),
        family_overrides=_KKIAI_FAMILIES,
        price_table="kkiai",
        currency="USD",
        supports_listing=True,
    ),
    Provider(
        name="kkiai-2",
        dialect="ark",
        base_url="https://www.kkiai.com/api/v3",
        limits_date="2026-11-20",
        models=_select_ids(_VOLCENGINE_IDS, _SEEDANCE_2_0),
        price_table="kkiai",
        currency="USD",
        # No page documents a list; the client treats a list that is not found as unsupported.
        supports_listing=True,
    ),
    Provider(
        name="infinity-blue",
        dialect="sora",
        base_url="https://api.getinfinityblue.com/v1",
        limits_date="2026-11-20",
        models=_select_ids(_VOLCENGINE_IDS, _SEEDANCE_2_0),
        family_overrides=_by_name(*(_limit_to_infinity_blue(name) for name in _SEEDANCE_2_0)),
        price_table="infinity-blue",
        currency="USD",
        # Its page: every 5 to 10 seconds.
        poll_min_seconds=5.0,
        poll_max_seconds=10.0,
    ),
)

PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {provider.name: provider for provider in _BUILT_IN_PROVIDERS}
)
"""Every built-in provider by name, the simulator first. `tasks.config` adds the user's gateways."""


def find_provider(name: str, providers: Mapping[str, Provider] | None = None) -> Provider:
    """Return the provider of that name. Case, blanks, `_` and dots do not count.

    Args:
        name: The provider's name.
        providers: The providers to search; None for the built-in providers.

    Raises:
        UnknownName: No provider has that name, or several differ from it only in spelling.
    """
    known = PROVIDERS if providers is None else providers
    provider = match_name(name, known)
    if provider is None:
        message = f"there is no provider {name!r}"
        raise UnknownName(message, find_provider_names(name, known))
    return known[provider]
