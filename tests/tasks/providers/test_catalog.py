"""The provider table: models, limits, and the errors for unknown names."""

import subprocess
import sys

import pytest

from tasks.errors import NotConfigured
from tasks.providers import PROVIDERS, UnknownName, find_provider, missing_key_error
from tasks.providers.dialects import DIALECTS
from tasks.providers.families import FAMILIES, IMAGE_LIMITS, RATIOS

FAMILY_BY_ID = {
    "doubao-seedance-2-5-260628": "seedance-2.5",
    "dreamina-seedance-2-5-260628": "seedance-2.5",
    "dreamina-seedance-2-5-flash-261115": "seedance-2.5-flash",
    "doubao-seedance-2-0-260128": "seedance-2.0",
    "dreamina-seedance-2-0-260128": "seedance-2.0",
    "doubao-seedance-2-0-fast-260128": "seedance-2.0-fast",
    "dreamina-seedance-2-0-fast-260128": "seedance-2.0-fast",
    "doubao-seedance-2-0-mini-260615": "seedance-2.0-mini",
    "dreamina-seedance-2-0-mini-260615": "seedance-2.0-mini",
    "doubao-seedance-1-5-pro-251215": "seedance-1.5-pro",
    "seedance-1-5-pro-251215": "seedance-1.5-pro",
    "doubao-seedance-1-0-pro-250528": "seedance-1.0-pro",
    "seedance-1-0-pro-250528": "seedance-1.0-pro",
    "doubao-seedance-1-0-pro-fast-251015": "seedance-1.0-pro-fast",
    "seedance-1-0-pro-fast-251015": "seedance-1.0-pro-fast",
    "doubao-seedance-1-0-lite-t2v-250428": "seedance-1.0-lite",
    "seedance-1-0-lite-t2v-250428": "seedance-1.0-lite",
    "doubao-seedance-1-0-lite-i2v-250428": "seedance-1.0-lite",
    "seedance-1-0-lite-i2v-250428": "seedance-1.0-lite",
}


@pytest.mark.parametrize("name", FAMILIES)
def test_simulator_serves_every_family(name):
    """Every board can be tried for free."""
    model = PROVIDERS["simulator"].resolve_model(name, with_image=True)

    assert model.family is FAMILIES[name]


@pytest.mark.parametrize(("model_id", "family"), FAMILY_BY_ID.items())
def test_simulator_accepts_every_exact_id(model_id, family):
    """The id is sent unchanged, and its family is known."""
    model = PROVIDERS["simulator"].resolve_model(model_id, with_image=False)

    assert model.id == model_id
    assert model.family is not None
    assert model.family.name == family


@pytest.mark.parametrize(
    ("provider", "with_image", "model_id"),
    [
        ("ark", False, "doubao-seedance-1-0-lite-t2v-250428"),
        ("ark", True, "doubao-seedance-1-0-lite-i2v-250428"),
        ("modelark", False, "seedance-1-0-lite-t2v-250428"),
        ("modelark", True, "seedance-1-0-lite-i2v-250428"),
    ],
)
def test_lite_id_depends_on_image(provider, with_image, model_id):
    """The family has one id for text alone and one for requests with an image."""
    model = PROVIDERS[provider].resolve_model("seedance-1.0-lite", with_image=with_image)

    assert model.id == model_id


def test_flash_is_served_by_byteplus_alone():
    """No other vendor's page has an id of it; the simulator has every family."""
    served = {name for name in PROVIDERS if "seedance-2.5-flash" in PROVIDERS[name].models}

    assert served == {"simulator", "modelark"}


@pytest.mark.parametrize(("provider", "has_4k"), [("modelark", True), ("ark", False)])
def test_4k_of_2_5_belongs_to_the_provider(provider, has_4k):
    """The same model ends at 1080p at Volcengine."""
    assert ("4k" in PROVIDERS[provider].get_family("seedance-2.5").resolutions) is has_4k


@pytest.mark.parametrize("name", PROVIDERS)
def test_limits_of_a_provider_have_a_date(name):
    """Those of a vendor were read on a day; the simulator's are ours."""
    assert bool(PROVIDERS[name].limits_date) == (name != "simulator")


def test_lite_exact_id_limits_the_family():
    """One id accepts text only, the other requires an image."""
    ark = PROVIDERS["ark"]

    text = ark.resolve_model("doubao-seedance-1-0-lite-t2v-250428", with_image=True).family
    image = ark.resolve_model("doubao-seedance-1-0-lite-i2v-250428", with_image=True).family

    assert text is not None
    assert (text.text_to_video, text.first_frame, text.reference_images) == (True, False, 0)
    assert image is not None
    assert (image.text_to_video, image.first_frame) == (False, True)


def test_endpoint_id_has_no_family():
    """The model behind it is not known."""
    model = PROVIDERS["ark"].resolve_model("ep-20260101120000-abcde", with_image=False)

    assert (model.family, model.id) == (None, "ep-20260101120000-abcde")


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("ark", "dreamina-seedance-2-0-260128"),
        ("modelark", "doubao-seedance-1-5-pro-251215"),
        ("ark", "seedance-3.0"),
        ("simulator", "ep-20260101120000-abcde"),
        ("ark", "doubao-seedance-1-0-pro-250428"),
        ("ark", ""),
    ],
)
def test_unknown_model_raises_with_remedy(provider, name):
    """Also for an id of the other region, and for an id that is almost right."""
    with pytest.raises(UnknownName) as raised:
        PROVIDERS[provider].resolve_model(name, with_image=False)

    error = raised.value
    assert error.message == f"{provider} has no model {name!r}"
    assert error.remedy.startswith(("Did you mean ", "`shotchain providers` lists "))
    assert str(error) == f"{error.message}. {error.remedy}"


def test_misspelt_name_gets_at_most_three_candidates():
    """For a model and for a provider."""
    with pytest.raises(UnknownName, match=r"Did you mean seedance-1\.5-pro") as raised:
        PROVIDERS["ark"].resolve_model("seedance-1.5pro", with_image=False)
    assert str(raised.value).count("seedance-") <= 1 + 3
    with pytest.raises(UnknownName, match="Did you mean modelark"):
        find_provider("model-ark")


def test_dissimilar_name_points_to_the_command():
    """The command lists all providers and models."""
    with pytest.raises(UnknownName, match="`shotchain providers` lists all"):
        find_provider("nobody")


def test_missing_key_error_names_the_variable():
    """The operator sets it."""
    error = missing_key_error(PROVIDERS["modelark"])

    assert isinstance(error, NotConfigured)
    assert str(error) == "modelark needs an API key; set SHOTCHAIN_MODELARK_API_KEY"


@pytest.mark.parametrize("name", DIALECTS)
def test_dialect_accepts_image_types_of_models(name):
    """CometAPI's form accepts the three types of its page, the others accept all."""
    form_types = {"image/jpeg", "image/png", "image/webp"}
    expected = form_types if name == "videos" else set(IMAGE_LIMITS.mime_types)

    assert DIALECTS[name].inline_image_types == expected


@pytest.mark.parametrize("name", PROVIDERS)
def test_provider_is_found_by_name(name):
    """And its dialect exists."""
    assert find_provider(name) is PROVIDERS[name]
    assert PROVIDERS[name].name == name
    assert PROVIDERS[name].dialect in DIALECTS


def test_provider_variables_are_derived_from_name():
    """Upper case, with underscores instead of dashes."""
    assert PROVIDERS["modelark"].key_variable == "SHOTCHAIN_MODELARK_API_KEY"
    assert PROVIDERS["modelark"].base_url_variable == "SHOTCHAIN_MODELARK_BASE_URL"
    assert PROVIDERS["kkiai-2"].key_variable == "SHOTCHAIN_KKIAI_2_API_KEY"


@pytest.mark.parametrize(
    ("name", "dialect", "base_url", "max_jobs"),
    [
        ("ark", "ark", "https://ark.cn-beijing.volces.com/api/v3", 10),
        ("modelark", "ark", "https://ark.ap-southeast.bytepluses.com/api/v3", 3),
        ("simulator", "ark", "", 4),
        ("powertokens", "ark", "https://api.powertokens.ai/byteplus/api/v3", 5),
        ("cometapi-volc", "volc", "https://api.cometapi.com/volc/v3", 5),
        ("cometapi-videos", "videos", "https://api.cometapi.com/v1", 5),
        ("kkiai", "kkiai", "https://www.kkiai.com/volc/v1", 5),
        ("kkiai-2", "ark", "https://www.kkiai.com/api/v3", 5),
        ("infinity-blue", "sora", "https://api.getinfinityblue.com/v1", 5),
    ],
)
def test_provider_base_url_and_job_limit(name, dialect, base_url, max_jobs):
    """The vendor's URL before the dialect's path, and its limit of concurrent jobs."""
    provider = PROVIDERS[name]

    assert (provider.dialect, provider.base_url) == (dialect, base_url)
    assert provider.max_concurrent_jobs == max_jobs


@pytest.mark.parametrize(
    ("name", "supports_listing", "supports_cancel"),
    [
        ("simulator", True, True),
        ("ark", True, True),
        ("modelark", True, True),
        ("powertokens", False, True),
        ("cometapi-volc", False, False),
        ("cometapi-videos", False, False),
        ("kkiai", True, False),
        ("kkiai-2", True, False),
        ("infinity-blue", False, False),
    ],
)
def test_provider_listing_and_cancel_match_pages(name, supports_listing, supports_cancel):
    """Not every vendor documents a list of recent jobs and a cancel."""
    provider = PROVIDERS[name]

    assert provider.supports_listing == supports_listing
    assert provider.supports_cancel == supports_cancel


@pytest.mark.parametrize(
    ("name", "seconds"), [("cometapi-videos", (10, 20)), ("infinity-blue", (5, 10))]
)
def test_gateway_poll_interval_matches_page(name, seconds):
    """For the gateways whose page recommends an interval."""
    provider = PROVIDERS[name]

    assert (provider.poll_min_seconds, provider.poll_max_seconds) == seconds


GATEWAYS = {
    "powertokens": {
        "seedance-2.0": "dreamina-seedance-2-0-260128",
        "seedance-2.0-fast": "dreamina-seedance-2-0-fast-260128",
        "seedance-1.5-pro": "seedance-1-5-pro-251215",
        "seedance-1.0-pro": "seedance-1-0-pro-250528",
        "seedance-1.0-pro-fast": "seedance-1-0-pro-fast-251015",
    },
    "cometapi-volc": {
        "seedance-1.5-pro": "doubao-seedance-1-5-pro-251215",
        "seedance-1.0-pro": "doubao-seedance-1-0-pro-250528",
        "seedance-1.0-pro-fast": "doubao-seedance-1-0-pro-fast-251015",
        "seedance-1.0-lite": "doubao-seedance-1-0-lite-t2v-250428",
    },
    "cometapi-videos": {
        "seedance-2.0": "doubao-seedance-2-0",
        "seedance-2.0-fast": "doubao-seedance-2-0-fast",
        "seedance-1.5-pro": "doubao-seedance-1-5-pro",
        "seedance-1.0-pro": "doubao-seedance-1-0-pro",
    },
    "kkiai": {
        "seedance-1.5-pro": "doubao-seedance-1-5-pro-251215",
        "seedance-1.0-pro": "doubao-seedance-1-0-pro-250528",
        "seedance-1.0-pro-fast": "doubao-seedance-1-0-pro-fast-251015",
        "seedance-1.0-lite": "doubao-seedance-1-0-lite-t2v-250428",
    },
    "kkiai-2": {
        "seedance-2.0": "doubao-seedance-2-0-260128",
        "seedance-2.0-fast": "doubao-seedance-2-0-fast-260128",
    },
    "infinity-blue": {
        "seedance-2.0": "doubao-seedance-2-0-260128",
        "seedance-2.0-fast": "doubao-seedance-2-0-fast-260128",
    },
}


@pytest.mark.parametrize("name", GATEWAYS)
def test_gateway_models_match_page(name):
    """With the gateway's own ids."""
    provider = PROVIDERS[name]

    ids = {
        family: provider.resolve_model(family, with_image=False).id for family in provider.models
    }
    assert ids == GATEWAYS[name]


LIMITS = [
    # provider, family, capabilities according to the provider's page
    ("powertokens", "seedance-2.0", {"resolutions": ("480p", "720p", "1080p")}),
    (
        "powertokens",
        "seedance-2.0",
        {"priority": True, "supports_web_search": False, "draft": False},
    ),
    ("powertokens", "seedance-2.0-fast", {"resolutions": ("480p", "720p"), "priority": False}),
    (
        "powertokens",
        "seedance-1.5-pro",
        {"draft": True, "flex": False, "supports_auto_duration": True},
    ),
    (
        "powertokens",
        "seedance-1.0-pro",
        {"frames": True, "flex": False, "duration_range_seconds": (2, 12)},
    ),
    (
        "cometapi-volc",
        "seedance-1.5-pro",
        {"supports_auto_duration": False, "duration_range_seconds": (4, 12)},
    ),
    ("cometapi-volc", "seedance-1.5-pro", {"draft": False, "flex": False, "audio": True}),
    ("cometapi-volc", "seedance-1.0-pro", {"frames": False, "seed": True}),
    ("cometapi-volc", "seedance-1.0-lite", {"reference_images": 0, "last_frame": True}),
    (
        "cometapi-videos",
        "seedance-2.0",
        {"resolutions": ("480p", "720p"), "duration_range_seconds": (4, 15)},
    ),
    ("cometapi-videos", "seedance-2.0", {"first_frame": True, "last_frame": False}),
    ("cometapi-videos", "seedance-2.0", {"reference_images": 1, "reference_videos": 0}),
    ("cometapi-videos", "seedance-2.0", {"audio": False, "seed": False, "watermark": False}),
    ("cometapi-videos", "seedance-2.0", {"ratios": RATIOS, "text_ratio": "16:9"}),
    (
        "cometapi-videos",
        "seedance-1.5-pro",
        {"first_frame": False, "duration_range_seconds": (4, 12)},
    ),
    (
        "cometapi-videos",
        "seedance-1.0-pro",
        {"first_frame": False, "duration_range_seconds": (2, 10)},
    ),
    ("cometapi-videos", "seedance-1.0-pro", {"default_resolution": "720p", "seed": False}),
    (
        "kkiai",
        "seedance-1.5-pro",
        {"supports_auto_duration": False, "audio": True, "duration_range_seconds": (4, 12)},
    ),
    ("kkiai", "seedance-1.0-pro-fast", {"last_frame": False, "first_frame": True}),
    (
        "kkiai",
        "seedance-1.0-lite",
        {"reference_images": 4, "supports_adaptive_with_references": False},
    ),
    ("kkiai", "seedance-1.0-lite", {"reference_resolutions": ("480p", "720p")}),
    ("kkiai-2", "seedance-2.0", {"supports_auto_duration": True, "priority": True}),
    ("infinity-blue", "seedance-2.0", {"resolutions": ("480p", "720p", "1080p")}),
    (
        "infinity-blue",
        "seedance-2.0",
        {"supports_auto_duration": False, "seed": True, "camera_fixed": True},
    ),
    (
        "infinity-blue",
        "seedance-2.0",
        {"supports_adaptive_with_text": False, "reference_videos": 3},
    ),
    ("infinity-blue", "seedance-2.0-fast", {"resolutions": ("480p", "720p"), "priority": False}),
]


@pytest.mark.parametrize(("name", "family", "limits"), LIMITS)
def test_gateway_limits_match_page(name, family, limits):
    """The family's capabilities, limited and extended by the gateway's page."""
    limited = PROVIDERS[name].get_family(family)

    assert {field: getattr(limited, field) for field in limits} == limits


@pytest.mark.parametrize(
    ("name", "family"),
    [(name, family) for name, provider in PROVIDERS.items() for family in provider.models],
)
def test_served_family_is_consistent(name, family):
    """Its defaults are among its allowed values."""
    served = PROVIDERS[name].get_family(family)

    assert served.name == family
    assert served.default_resolution in served.resolutions
    shortest, longest = served.duration_range_seconds
    assert shortest <= served.default_duration_seconds <= longest
    default_ratios = {served.text_ratio, served.frame_ratio, served.reference_ratio}
    assert default_ratios <= set(served.ratios)
    assert served.supports_adaptive_with_text or served.text_ratio != "adaptive"


@pytest.mark.parametrize("name", PROVIDERS)
def test_family_overrides_are_served(name):
    """A provider overrides only families that it serves."""
    assert set(PROVIDERS[name].family_overrides) <= set(PROVIDERS[name].models)


@pytest.mark.parametrize("name", ["ark", "modelark"])
def test_vendor_poll_interval_and_limits(name):
    """Their samples poll every ten seconds; large images take minutes to be accepted."""
    provider = PROVIDERS[name]

    assert (provider.poll_min_seconds, provider.poll_max_seconds) == (2, 10)
    assert provider.create_read_timeout_seconds == 300
    assert provider.max_request_bytes == 64_000_000


def test_modelark_has_no_web_search():
    """The only limit of BytePlus compared with Volcengine."""
    assert not PROVIDERS["modelark"].get_family("seedance-2.0").supports_web_search
    assert PROVIDERS["ark"].get_family("seedance-2.0").supports_web_search


def test_provider_table_loads_without_http():
    """`check` and `plan` start fast."""
    code = (
        "import sys, tasks.providers, tasks.providers.dialects; "
        "sys.exit(any(name in sys.modules for name in ('httpx', 'pydantic', 'prefect')))"
    )

    result = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)

    assert result.returncode == 0


def test_provider_table_is_complete():
    """Nine rows, in the order in which they are listed."""
    assert list(PROVIDERS) == [
        *("simulator", "ark", "modelark", "powertokens", "cometapi-volc", "cometapi-videos"),
        *("kkiai", "kkiai-2", "infinity-blue"),
    ]
