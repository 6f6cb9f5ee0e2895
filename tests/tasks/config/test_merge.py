"""Gateways, prices, limits and rates of both files together, and which file precedes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from storyboards.models import Money
from tasks.config.config import Author
from tasks.errors import InvalidConfiguration
from tasks.planning.planner import make_plan
from tasks.providers import PROVIDERS
from tasks.providers.families import FAMILIES
from tasks.providers.prices import calculate_price
from tests.support.configuration import GATEWAY, money
from tests.support.documents import read_block

EXAMPLE = read_block("flows/README.md", "configuration")


class TestReadmeExample:
    """The example of flows/README.md does what its comments state."""

    def test_gateway_has_its_own_values(self, configure) -> None:
        """A gateway with a dialect sets everything itself."""
        gateway = configure(EXAMPLE).providers["my-gateway"]

        assert (gateway.dialect, gateway.base_url) == ("ark", "https://api.example.com/api/v3")
        assert gateway.key_variable == "SHOTCHAIN_MY_GATEWAY_API_KEY"
        assert gateway.max_concurrent_jobs == 3
        assert (gateway.supports_listing, gateway.supports_cancel) == (True, False)
        assert gateway.config_file.endswith("own.toml")

    def test_gateway_like_a_provider_has_its_ids(self, configure) -> None:
        """Only the named families, and the currency of the provider it is like."""
        gateway = configure(EXAMPLE).providers["studio-ark"]

        assert gateway.models == {
            name: PROVIDERS["ark"].models[name] for name in ("seedance-1.0-pro", "seedance-2.0")
        }
        assert (gateway.key_variable, gateway.currency) == ("SHOTCHAIN_STUDIO_KEY", "CNY")

    def test_budgets_rates_and_limits(self, configure) -> None:
        """Budgets with two amounts are two limits."""
        config = configure(EXAMPLE)
        modelark = config.providers["modelark"]

        assert [(limit.name, str(limit.amount), limit.is_monthly) for limit in config.budgets] == [
            ("acme", "50 USD", True),
            ("acme", "400 USD", False),
        ]
        assert config.convert(money("10 USD"), "CNY", Author.USER) == money("71.20 CNY")
        assert (modelark.max_concurrent_jobs, modelark.poll_max_seconds) == (2, 20.0)
        assert list(config.providers) == [*PROVIDERS, "my-gateway", "studio-ark"]

    @pytest.mark.parametrize(
        ("options", "price"),
        [
            ({"audio": True}, money("2.20 USD")),
            ({"audio": False}, money("1.10 USD")),
            ({"audio": True, "flex": True}, None),
        ],
    )
    def test_prices_replace_the_list_of_a_family(
        self, configure, options: dict[str, Any], price: Money | None
    ) -> None:
        """A request without a configured price has an unknown price, never the list's."""
        provider = configure(EXAMPLE).providers["modelark"]
        family = provider.get_family("seedance-1.5-pro")

        assert (
            calculate_price(provider, family, tokens=1_000_000, resolution="720p", **options)
            == price
        )

    def test_other_families_keep_their_list_prices(self, configure) -> None:
        """The example sets the prices of 1.5 pro only."""
        provider = configure(EXAMPLE).providers["modelark"]
        family = provider.get_family("seedance-1.0-pro")
        price, list_price = (
            calculate_price(vendor, family, tokens=1_000_000, resolution="720p")
            for vendor in (provider, PROVIDERS["modelark"])
        )

        assert price == list_price == money("2.50 USD")


@pytest.mark.parametrize("name", ["my-gateway", "volcengine", "free"])
def test_gateway_without_prices_has_none(configure, name: str) -> None:
    """Also if it is like a provider with a price list, or has the name of a price list."""
    text = GATEWAY.replace('dialect = "sora"', 'like = "infinity-blue"')
    text = text.replace("providers.my-gateway", f"providers.{name}")
    gateway = configure(text).providers[name]
    family = gateway.get_family("seedance-2.0")

    assert calculate_price(gateway, family, tokens=1, resolution="720p") is None


def test_gateway_has_the_features_of_its_dialect(configure) -> None:
    """The flags of `volc` can't request frames; a gateway like kkiai has kkiai's features."""
    text = GATEWAY.replace("seedance-2.0", "seedance-1.0-pro")
    volc = configure(text.replace('"sora"', '"volc"')).providers["my-gateway"]
    like = configure(text.replace('dialect = "sora"', 'like = "kkiai"')).providers["my-gateway"]

    assert FAMILIES["seedance-1.0-pro"].frames
    assert not volc.get_family("seedance-1.0-pro").frames
    assert like.dialect == "kkiai"
    assert like.get_family("seedance-1.0-pro") == PROVIDERS["kkiai"].get_family("seedance-1.0-pro")


def test_configured_price_is_in_the_plan(configure, make_board) -> None:
    """With its currency; the cache key does not depend on it."""
    board = make_board(
        "provider: modelark\nmodel: seedance-1.0-pro\n"
        "shots: [{id: one, prompt: Dawn., seconds: 5, resolution: 480p}]"
    )
    text = '[prices.modelark."seedance-1.0-pro"]\nper_million_tokens = "10"\n'
    config = configure(text + 'currency = "EUR"\ndate = 2026-11-01\n')
    (before,) = make_plan(board).shots_to_render
    (after,) = make_plan(board, providers=config.providers).shots_to_render

    assert after.max_price.amount == Decimal(after.tokens) * 10 / 1_000_000
    assert (before.max_price.currency, after.max_price.currency) == ("USD", "EUR")
    assert before.key == after.key


def test_budgets_of_both_files_apply(configure) -> None:
    """A file beside a board can't raise the user's limit by using its name."""
    config = configure('[budgets.acme]\nmonth = "5 USD"', '[budgets.acme]\nmonth = "900 USD"')

    assert [str(limit.amount) for limit in config.budgets] == ["5 USD", "900 USD"]
    assert [Path(limit.file).name for limit in config.budgets] == ["own.toml", "shotchain.toml"]


def test_user_rate_precedes_the_board_rate(configure) -> None:
    """In either direction, however old it is, and also for limits of the board's author."""
    own = '[rates."USD/CNY"]\nrate = 7\ndate = 2020-01-01\n'
    beside = '[rates."CNY/USD"]\nrate = 1\ndate = 2026-11-01\n[rates."EUR/USD"]\nrate = 2\n'
    config = configure(own, beside + "date = 2026-11-01")

    assert config.convert(money("1 USD"), "CNY", Author.BOARD) == money("7 CNY")
    assert config.convert(money("3 EUR"), "USD", Author.BOARD) == money("6 USD")
    rate = config.find_rate("CNY", "USD", Author.BOARD)
    assert str(rate) == "1 USD = 7 CNY of 2020-01-01"


def test_board_rate_is_not_for_user_limits(configure) -> None:
    """A stranger's rate would decide how much of the user's own limit is left."""
    config = configure(None, '[rates."USD/CNY"]\nrate = 0.001\ndate = 2026-11-01\n')

    assert config.convert(money("1 CNY"), "USD", Author.BOARD) == money("1000 USD")
    assert config.convert(money("1 CNY"), "USD", Author.USER) is None


MORE = "[limits.modelark]\njobs_at_once = 50\npoll_seconds = 0.5\n"
LESS = "[limits.modelark]\njobs_at_once = 1\npoll_seconds = 60\n"
LISTED = (PROVIDERS["modelark"].max_concurrent_jobs, PROVIDERS["modelark"].poll_max_seconds)


@pytest.mark.parametrize(
    ("user_text", "board_text", "limits"),
    [
        (None, MORE, LISTED),
        (None, LESS, (1, 60.0)),
        (MORE, None, (50, 0.5)),
        (MORE, LESS, (1, 60.0)),
        (LESS, MORE, (1, 60.0)),
    ],
)
def test_board_limits_are_stricter_only(
    configure, user_text: str | None, board_text: str | None, limits: tuple[int, float]
) -> None:
    """The user may also allow more jobs and more frequent polls than the default."""
    provider = configure(user_text, board_text).providers["modelark"]

    assert (provider.max_concurrent_jobs, provider.poll_max_seconds) == limits
    assert provider.poll_min_seconds <= provider.poll_max_seconds


BOARD_TEXT = GATEWAY + (
    '[prices.my-gateway."seedance-2.0"]\nper_million_tokens = 1\n'
    'currency = "USD"\ndate = 2026-11-01\n'
)


def test_providers_and_prices_beside_a_board_need_trust(config_problems) -> None:
    """Each section is reported at its line."""
    assert config_problems(None, BOARD_TEXT) == [
        "1: providers.my-gateway: a configuration beside a board may not define providers, "
        "which receive API keys",
        "6: prices.my-gateway: a configuration beside a board may not define prices",
    ]


def test_trusted_file_defines_providers_and_prices(configure) -> None:
    """The provider names the file from which it comes."""
    gateway = configure(None, BOARD_TEXT, trust=True).providers["my-gateway"]

    assert gateway.config_file == "project/shotchain.toml"
    assert gateway.custom_prices["seedance-2.0"].as_of == "2026-11-01"


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("name", ["ark", "simulator", "my-gateway"])
def test_board_file_replaces_no_provider(configure, name: str, trust: bool) -> None:
    """Neither a built-in provider nor the user's own gateway, trusted or not."""
    text = GATEWAY.replace("my-gateway", name).replace("api.example", "thief.example")

    with pytest.raises(InvalidConfiguration, match=r"project/shotchain\.toml:1: "):
        configure(GATEWAY, text, trust=trust)


@pytest.mark.parametrize("name", ["ark", "simulator"])
def test_user_file_replaces_no_built_in_provider(configure, name: str) -> None:
    """A base URL is replaced by its environment variable."""
    with pytest.raises(InvalidConfiguration, match=f"{name} is a built-in provider") as raised:
        configure(GATEWAY.replace("my-gateway", name))

    assert f"SHOTCHAIN_{name.upper()}_BASE_URL" in raised.value.problems[0].remedy


def test_prices_of_an_invalid_gateway_are_no_further_problem(config_problems) -> None:
    """The gateway's own problem is enough."""
    text = BOARD_TEXT.replace('"sora"', '"sorra"')

    (problem,) = config_problems(text)

    assert "there is no dialect `sorra`" in problem


@pytest.mark.parametrize(
    ("was", "message"),
    [
        ("ark", "`ark` is the name of another provider: ark"),
        ("other", "`other` is the name of another provider: other"),
        ("shared", "`shared` is the name of another provider: "),
    ],
)
def test_former_name_must_be_unused(config_problems, was: str, message: str) -> None:
    """Two providers with one name in keys and receipts would use each other's jobs."""
    second = GATEWAY.replace("my-gateway", "other")
    if was == "shared":
        second += 'was = "shared"\n'
    problems = config_problems(f'{GATEWAY}was = "{was}"\n{second}')

    assert message in problems[0]
    assert len(problems) == (2 if was == "shared" else 1)


def test_former_name_is_in_keys_and_receipts(configure) -> None:
    """A renamed gateway pays nothing again: keys and receipts keep the former name."""
    gateway = configure(f'{GATEWAY}was = "old"\n').providers["my-gateway"]

    assert (gateway.name, gateway.record_name) == ("my-gateway", "old")
