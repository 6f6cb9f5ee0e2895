"""The provider table: who is there, which models they take, and what asking amiss says."""

import subprocess
import sys

import pytest

from tasks.errors import NotBuilt, UsageError
from tasks.providers import LATER, PROVIDERS, find_provider
from tasks.providers.dialects import DIALECTS
from tasks.providers.models import FAMILIES, family_of

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
    model = PROVIDERS["simulator"].model(name, with_frame=True)

    assert model.family is FAMILIES[name]


@pytest.mark.parametrize("model_id", IDS)
def test_the_simulator_takes_every_exact_id(model_id):
    """An exact id stays as it is and finds its family."""
    model = PROVIDERS["simulator"].model(model_id, with_frame=False)

    assert model.id == model_id
    assert model.family is not None
    assert model.family.name == family_of(model_id).name


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
    assert model_id == PROVIDERS[provider].model("seedance-1.0-lite", with_frame=with_frame).id


def test_lite_s_exact_ids_can_do_half_each():
    """Words only, or pictures only."""
    words = PROVIDERS["ark"].model("doubao-seedance-1-0-lite-t2v-250428", with_frame=True).family
    pictures = PROVIDERS["ark"].model("doubao-seedance-1-0-lite-i2v-250428", with_frame=True).family

    assert (words.text_to_video, words.first_frame, words.reference_images) == (True, False, 0)
    assert (pictures.text_to_video, pictures.first_frame) == (False, True)


def test_an_endpoint_id_is_taken_without_a_family():
    """Only the account knows what it runs."""
    model = PROVIDERS["ark"].model("ep-20260101120000-abcde", with_frame=False)

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
        PROVIDERS[provider].model(word, with_frame=False)

    told = str(raised.value)
    assert f"{provider} has no model {word!r}" in told
    assert all(one in told for one in PROVIDERS[provider].exact_ids)
    assert "seedance-1.5-pro" in told


def test_a_slip_of_the_pen_gets_a_suggestion():
    """For a model and for a provider."""
    with pytest.raises(UsageError, match=r"did you mean 'seedance-1\.5-pro'"):
        PROVIDERS["ark"].model("seedance-1.5pro", with_frame=False)
    with pytest.raises(UsageError, match="did you mean 'modelark'"):
        find_provider("model-ark")


@pytest.mark.parametrize("name", LATER)
def test_a_later_provider_is_known_but_not_built(name):
    """It is no unknown word, and it is no traceback."""
    with pytest.raises(NotBuilt, match="not built yet"):
        find_provider(name)


def test_an_unknown_provider_is_told_with_those_there_are():
    """The message lists every row."""
    with pytest.raises(UsageError, match="simulator, ark, modelark"):
        find_provider("nobody")


def test_rows_are_found_by_name():
    """And each speaks a dialect that is there."""
    for name, row in PROVIDERS.items():
        assert find_provider(name) is row
        assert row.dialect in DIALECTS


def test_each_row_names_its_variables():
    """Upper case, dashes become underscores."""
    assert PROVIDERS["modelark"].key_variable == "SHOTCHAIN_MODELARK_API_KEY"
    assert PROVIDERS["modelark"].base_url_variable == "SHOTCHAIN_MODELARK_BASE_URL"


@pytest.mark.parametrize(
    ("name", "base_url", "at_once"),
    [
        ("ark", "https://ark.cn-beijing.volces.com/api/v3", 10),
        ("modelark", "https://ark.ap-southeast.bytepluses.com/api/v3", 3),
        ("simulator", "", 4),
    ],
)
def test_a_row_knows_where_and_how_many(name, base_url, at_once):
    """The vendor's own address, without the dialect's path, and its jobs side by side."""
    assert (base_url, at_once) == (PROVIDERS[name].base_url, PROVIDERS[name].jobs_at_once)


@pytest.mark.parametrize("name", ["ark", "modelark"])
def test_a_vendor_is_asked_every_two_to_ten_seconds_and_given_time(name):
    """Its samples ask every ten; large pictures take more than a minute to be accepted."""
    row = PROVIDERS[name]

    assert (row.poll_least_seconds, row.poll_most_seconds) == (2, 10)
    assert (row.create_read_timeout_seconds, row.request_limit_bytes) == (300, 64_000_000)


def test_overseas_models_do_not_search_the_web():
    """The one limit that BytePlus narrows."""
    assert not PROVIDERS["modelark"].family("seedance-2.0").web_search
    assert PROVIDERS["ark"].family("seedance-2.0").web_search


def test_the_table_loads_without_http():
    """`check` and `plan` stay instant."""
    code = (
        "import sys, tasks.providers, tasks.providers.dialects; "
        "sys.exit(any(name in sys.modules for name in ('httpx', 'pydantic', 'prefect')))"
    )

    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)

    assert done.returncode == 0
