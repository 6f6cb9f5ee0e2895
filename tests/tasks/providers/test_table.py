"""The provider table: who is there, which models they take, and what asking amiss says."""

import subprocess
import sys

import pytest

from tasks.errors import UsageError
from tasks.providers import PROVIDERS, find_provider
from tasks.providers.dialects import DIALECTS
from tasks.providers.families import FAMILIES, IMAGE_LIMITS, RATIOS, find_family

IDS = (
    "doubao-seedance-2-5-260628",
    "dreamina-seedance-2-5-260628",
    "doubao-seedance-2-0-260128",
    "dreamina-seedance-2-0-260128",
    "doubao-seedance-2-0-fast-260128",
    "dreamina-seedance-2-0-fast-260128",
    "doubao-seedance-2-0-mini-260615",
    "dreamina-seedance-2-0-mini-260615",
    "doubao-seedance-1-5-pro-251215",
    "seedance-1-5-pro-251215",
    "doubao-seedance-1-0-pro-250528",
    "seedance-1-0-pro-250528",
    "doubao-seedance-1-0-pro-fast-251015",
    "seedance-1-0-pro-fast-251015",
    "doubao-seedance-1-0-lite-t2v-250428",
    "seedance-1-0-lite-t2v-250428",
    "doubao-seedance-1-0-lite-i2v-250428",
    "seedance-1-0-lite-i2v-250428",
)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_simulator_has_every_family(name):
    """Whatever a board asks for can be tried for nothing."""
    model = PROVIDERS["simulator"].resolve_model(name, with_image=True)

    assert model.family is FAMILIES[name]


@pytest.mark.parametrize("model_id", IDS)
def test_the_simulator_takes_every_exact_id(model_id):
    """An exact id stays as it is and finds its family."""
    model = PROVIDERS["simulator"].resolve_model(model_id, with_image=False)

    assert model.id == model_id
    assert model.family is not None
    assert model.family.name == find_family(model_id).name


@pytest.mark.parametrize(
    ("provider", "with_frame", "model_id"),
    [
        ("ark", False, "doubao-seedance-1-0-lite-t2v-250428"),
        ("ark", True, "doubao-seedance-1-0-lite-i2v-250428"),
        ("modelark", False, "seedance-1-0-lite-t2v-250428"),
        ("modelark", True, "seedance-1-0-lite-i2v-250428"),
    ],
)
def test_lite_goes_by_whether_a_picture_is_given(provider, with_frame, model_id):
    """The family has an id for words and one for pictures."""
    assert (
        model_id == PROVIDERS[provider].resolve_model("seedance-1.0-lite", with_image=with_frame).id
    )


def test_lite_s_exact_ids_can_do_half_each():
    """Words only, or pictures only."""
    words = (
        PROVIDERS["ark"]
        .resolve_model("doubao-seedance-1-0-lite-t2v-250428", with_image=True)
        .family
    )
    pictures = (
        PROVIDERS["ark"]
        .resolve_model("doubao-seedance-1-0-lite-i2v-250428", with_image=True)
        .family
    )

    assert (words.text_to_video, words.first_frame, words.reference_images) == (True, False, 0)
    assert (pictures.text_to_video, pictures.first_frame) == (False, True)


def test_an_endpoint_id_is_taken_without_a_family():
    """Only the account knows what it runs."""
    model = PROVIDERS["ark"].resolve_model("ep-20260101120000-abcde", with_image=False)

    assert (model.family, model.id) == (None, "ep-20260101120000-abcde")


@pytest.mark.parametrize(
    ("provider", "word"),
    [
        ("ark", "dreamina-seedance-2-0-260128"),
        ("modelark", "doubao-seedance-1-5-pro-251215"),
        ("ark", "seedance-3.0"),
        ("simulator", "ep-20260101120000-abcde"),
        ("ark", "doubao-seedance-1-0-pro-250428"),
        ("ark", ""),
    ],
)
def test_a_model_that_a_provider_lacks_is_told_with_what_it_has(provider, word):
    """Also an id of the other region, and one that is only nearly right."""
    with pytest.raises(UsageError) as raised:
        PROVIDERS[provider].resolve_model(word, with_image=False)

    told = str(raised.value)
    assert f"{provider} has no model {word!r}" in told
    assert all(one in told for one in PROVIDERS[provider].model_ids)
    assert "seedance-1.5-pro" in told


def test_a_slip_of_the_pen_gets_a_suggestion():
    """For a model and for a provider."""
    with pytest.raises(UsageError, match=r"did you mean 'seedance-1\.5-pro'"):
        PROVIDERS["ark"].resolve_model("seedance-1.5pro", with_image=False)
    with pytest.raises(UsageError, match="did you mean 'modelark'"):
        find_provider("model-ark")


def test_an_unknown_provider_is_told_with_those_there_are():
    """The message lists every row."""
    with pytest.raises(UsageError, match="simulator, ark, modelark"):
        find_provider("nobody")


def test_a_dialect_takes_no_type_of_picture_that_models_do_not():
    """CometAPI's form takes the three of its page, the others all."""
    for name, dialect in DIALECTS.items():
        assert dialect.inline_image_types <= set(IMAGE_LIMITS.mime_types)
        assert name == "videos" or dialect.inline_image_types == set(IMAGE_LIMITS.mime_types)
    assert DIALECTS["videos"].inline_image_types == {"image/jpeg", "image/png", "image/webp"}


def test_rows_are_found_by_name():
    """And each speaks a dialect that is there."""
    for name, row in PROVIDERS.items():
        assert find_provider(name) is row
        assert row.dialect in DIALECTS


def test_each_row_names_its_variables():
    """Upper case, dashes become underscores."""
    assert PROVIDERS["modelark"].key_variable == "SHOTCHAIN_MODELARK_API_KEY"
    assert PROVIDERS["modelark"].base_url_variable == "SHOTCHAIN_MODELARK_BASE_URL"
    assert PROVIDERS["kkiai-2"].key_variable == "SHOTCHAIN_KKIAI_2_API_KEY"


@pytest.mark.parametrize(
    ("name", "dialect", "base_url", "at_once"),
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
def test_a_row_knows_where_and_how_many(name, dialect, base_url, at_once):
    """The vendor's own address, without the dialect's path, and its jobs side by side."""
    row = PROVIDERS[name]

    assert (dialect, base_url, at_once) == (row.dialect, row.base_url, row.max_concurrent_jobs)


@pytest.mark.parametrize(
    ("name", "lists", "cancels"),
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
def test_a_row_knows_what_its_vendor_documents(name, lists, cancels):
    """A list of recent jobs and a cancel are not everywhere."""
    assert (lists, cancels) == (PROVIDERS[name].supports_listing, PROVIDERS[name].supports_cancel)


@pytest.mark.parametrize(
    ("name", "seconds"), [("cometapi-videos", (10, 20)), ("infinity-blue", (5, 10))]
)
def test_a_gateway_is_asked_as_often_as_it_advises(name, seconds):
    """Where its page says how often."""
    row = PROVIDERS[name]

    assert seconds == (row.poll_min_seconds, row.poll_max_seconds)


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
def test_a_gateway_has_the_models_of_its_page(name):
    """Under its own ids."""
    row = PROVIDERS[name]

    told = {family: row.resolve_model(family, with_image=False).id for family in row.models}
    assert told == GATEWAYS[name]


LIMITS = [
    # provider, family, what its page narrows or offers
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
def test_a_gateway_narrows_what_its_page_narrows(name, family, limits):
    """And nothing that the family could not do is granted but what the page offers."""
    one = PROVIDERS[name].get_family(family)

    assert limits == {word: getattr(one, word) for word in limits}


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_narrowed_family_holds_together(name):
    """Its defaults are among what it takes, and it is one that the row serves."""
    row = PROVIDERS[name]

    assert set(row.family_overrides) <= set(row.models)
    for word in row.models:
        one = row.get_family(word)
        assert one.name == word
        assert one.default_resolution in one.resolutions
        assert (
            one.duration_range_seconds[0]
            <= one.default_duration_seconds
            <= one.duration_range_seconds[1]
        )
        assert {one.text_ratio, one.frame_ratio, one.reference_ratio} <= set(one.ratios)
        assert one.supports_adaptive_with_text or one.text_ratio != "adaptive"
        assert set(one.hevc_resolutions) <= set(one.resolutions)


@pytest.mark.parametrize("name", ["ark", "modelark"])
def test_a_vendor_is_asked_every_two_to_ten_seconds_and_given_time(name):
    """Its samples ask every ten; large pictures take more than a minute to be accepted."""
    row = PROVIDERS[name]

    assert (row.poll_min_seconds, row.poll_max_seconds) == (2, 10)
    assert (row.create_read_timeout_seconds, row.max_request_bytes) == (300, 64_000_000)


def test_overseas_models_do_not_search_the_web():
    """The one limit that BytePlus narrows."""
    assert not PROVIDERS["modelark"].get_family("seedance-2.0").supports_web_search
    assert PROVIDERS["ark"].get_family("seedance-2.0").supports_web_search


def test_the_table_loads_without_http():
    """`check` and `plan` stay instant."""
    code = (
        "import sys, tasks.providers, tasks.providers.dialects; "
        "sys.exit(any(name in sys.modules for name in ('httpx', 'pydantic', 'prefect')))"
    )

    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)

    assert done.returncode == 0


def test_every_provider_that_was_promised_is_there():
    """Nine rows, in the order in which they are listed."""
    assert list(PROVIDERS) == [
        *("simulator", "ark", "modelark", "powertokens", "cometapi-volc", "cometapi-videos"),
        *("kkiai", "kkiai-2", "infinity-blue"),
    ]
