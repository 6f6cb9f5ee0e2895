"""Problems of a configuration: each at its line, without secrets, all of them at once."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.config.loader import load_config
from tasks.errors import InvalidConfiguration, Problem
from tasks.settings import read_settings
from tests.support.configuration import GATEWAY

GATEWAY_PATH = "providers.my-gateway"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('dialect = "sorra"', f"2: {GATEWAY_PATH}.dialect: there is no dialect `sorra`"),
        ('like = "ark"', f"2: {GATEWAY_PATH}.dialect: ark uses the dialect ark, not sora"),
        ('like = "simulator"', f"6: {GATEWAY_PATH}.like: there is no provider `simulator`"),
        (
            'models = { "seedance-9" = "x" }',
            f"5: {GATEWAY_PATH}.models.seedance-9: there is no family `seedance-9`",
        ),
        (
            'models = ["seedance-2.0"]',
            f'5: {GATEWAY_PATH}.models["seedance-2.0"]: the gateway\'s id of seedance-2.0 is not',
        ),
        ('models = ["a"', "5: : the file is not valid TOML"),
        ("models = {}", f"5: {GATEWAY_PATH}.models: the gateway has no models"),
        ("models = 3", f"5: {GATEWAY_PATH}.models: the value does not name models"),
        ('key = "OPENAI_API_KEY"', f"4: {GATEWAY_PATH}.key: OPENAI_API_KEY is not a variable"),
        ('key = "SHOTCHAIN_"', f"4: {GATEWAY_PATH}.key: the value is not a variable"),
        (
            'base_url = "http://api.example.com/v1"',
            f"3: {GATEWAY_PATH}.base_url: API keys are not sent over plain http",
        ),
        ("jobs_at_once = 0", f"6: {GATEWAY_PATH}.jobs_at_once: the number is out of range"),
        ('bass_url = "x"', f"6: {GATEWAY_PATH}.bass_url: unknown key `bass_url`"),
    ],
)
def test_gateway_problem_is_reported_at_its_key(config_problems, line: str, problem: str) -> None:
    """One problem each, with the line in the file."""
    (message,) = config_problems(_replace_line(line))

    assert message.startswith(problem)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://api.example.com",
        "https://a@b.example/v1",
        "https://b.example/v1?k=1",
        "https://[::1/v1",
        "https://a.example:99999",
    ],
)
def test_invalid_base_url_is_rejected(config_problems, url: str) -> None:
    """Another scheme, credentials, a query, a broken host and an impossible port."""
    (message,) = config_problems(_replace_line(f'base_url = "{url}"'))

    assert message == (f"3: {GATEWAY_PATH}.base_url: the value is not a base URL")


def _replace_line(line: str) -> str:
    """Return the gateway's section with a line instead of that of the same key, or added."""
    key = line.partition(" ")[0]
    lines = GATEWAY.splitlines()
    matches = [index for index, other in enumerate(lines) if other.startswith(f"{key} ")]
    if matches:
        lines[matches[0]] = line
    else:
        lines.append(line)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[budgets.a]", "1: budgets.a: the budget has no amount"),
        ('[budgets.a]\nmonth = "5"', "2: budgets.a.month: the currency is missing"),
        ("[budgets.a]\nmonth = 5\n", "2: budgets.a.month: the currency is missing"),
        ('[budget.a]\nmonth = "5 USD"', "1: budget: unknown key `budget`"),
        ('[budgets.a]\ntotl = "5 USD"', "2: budgets.a.totl: unknown key `totl`"),
        ('[rates."USD/USD"]\nrate = 1\ndate = 2026-11-01', '1: rates["USD/USD"]: a rate needs two'),
        (
            '[rates."usd/CNY"]\nrate = 1\ndate = 2026-11-01',
            '1: rates["usd/CNY"]: `usd/CNY` is not a valid name in `rates`',
        ),
        ('[rates."USD/CNY"]\nrate = 7', '1: rates["USD/CNY"].date: `date` is missing'),
        ('[rates."USD/CNY"]\nrate = 0\ndate = 2026-11-01', '2: rates["USD/CNY"].rate: the number'),
        ('[rates."USD/CNY"]\nrate = nan\ndate = 2026-11-01', '2: rates["USD/CNY"].rate: '),
        (
            '[rates."USD/CNY"]\nrate = true\ndate = 2026-11-01',
            '2: rates["USD/CNY"].rate: the value is not a number',
        ),
        (
            '[rates."USD/CNY"]\nrate = 7\ndate = 7',
            '3: rates["USD/CNY"].date: the value is not a date',
        ),
        (
            '[rates]\n"USD/CNY" = {rate = 7, date = 2026-11-01}\n'
            '"CNY/USD" = {rate = 7, date = 2026-11-01}',
            '3: rates["CNY/USD"]: `USD/CNY` already sets this rate',
        ),
        ("[limits.arc]\njobs_at_once = 1", "1: limits.arc: there is no provider `arc`"),
        ("[limits]\njobs_at_once = 1", "2: limits.jobs_at_once: `jobs_at_once` must be a table"),
        (
            "[prices.ark.seedance-1]\nper_million_tokens = 1\ncurrency = 'USD'\ndate = 2026-11-01",
            "1: prices.ark.seedance-1: ark has no family `seedance-1`",
        ),
        (
            "[prices.simulator.x]\nper_million_tokens = 1\ncurrency = 'USD'\ndate = '2026-11-01'",
            "1: prices.simulator: simulator is free",
        ),
    ],
)
def test_other_problem_is_reported_at_its_key(config_problems, text: str, problem: str) -> None:
    """Unknown keys, amounts, currencies, dates and names."""
    (message,) = config_problems(text)

    assert message.startswith(problem)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("[limits.modelarc]\njobs_at_once = 1", "Did you mean modelark?"),
        ("[limits.xyz]\njobs_at_once = 1", "`shotchain providers` lists all providers, dialects"),
        ('[budgets.a]\ntotl = "5 USD"', "Did you mean total?"),
        ('[budgets.a]\nxyz = "5 USD"', "Remove it; README.md lists all keys."),
    ],
)
def test_unknown_name_offers_the_nearest(configure, text: str, remedy: str) -> None:
    """At most three names, or where all of them are listed."""
    with pytest.raises(InvalidConfiguration) as raised:
        configure(text)

    assert raised.value.problems[0].remedy.startswith(remedy)


def test_all_problems_of_both_files_are_reported(config_problems) -> None:
    """In the order of the files and of their lines."""
    messages = config_problems("[budgets.a]\nx = 1\n[limits.ark]\ny = 2", "z = 3\n" + GATEWAY)

    assert [message.split(": ")[:2] for message in messages] == [
        ["2", "budgets.a.x"],
        ["4", "limits.ark.y"],
        ["1", "z"],
        ["2", "providers.my-gateway"],
    ]


@pytest.mark.parametrize("value", ["sk-live-0123456789", "https://user:pass@host.example/?sig=1"])
@pytest.mark.parametrize("key", ["key", "base_url", "api_key"])
def test_message_does_not_repeat_a_possible_api_key(configure, key: str, value: str) -> None:
    """A user may write the key itself into the file; no log may show it."""
    with pytest.raises(InvalidConfiguration) as raised:
        configure(f'{GATEWAY.replace("key =", "# key =")}{key} = "{value}"\n')

    assert value not in str(raised.value)


scalars = st.sampled_from(
    ["1", "-1", "1e400", "nan", "true", '""', '"5 USD"', "[]", "[1]", "{}", '["ark"]', "2026-11-01",
     "07:32:00", '"sora"', '"https://[::1"', '"SHOTCHAIN_A"', "[{}]", '{"seedance-2.0" = 3}']
)  # fmt: skip
keys = st.sampled_from(
    ["rate", "date", "month", "total", "boards", "key", "base_url", "dialect", "like", "models",
     "jobs_at_once", "poll_seconds", "per_million_tokens", "currency", "x", '""', '"\\n"']
)  # fmt: skip
tables = st.sampled_from(
    ["[providers.a]", "[budgets.a]", '[rates."USD/CNY"]', "[limits.ark]", "[limits.ark.b]",
     '[prices.ark."seedance-2.0"]', '[[prices.ark."seedance-2.0"]]', "[prices.ark]", "[providers]",
     "[rates]", "[[budgets]]"]
)  # fmt: skip


@given(table=tables, entries=st.dictionaries(keys, scalars, max_size=6))
def test_no_configuration_crashes(tmp_path_factory, table: str, entries: dict[str, str]) -> None:
    """It is loaded, or every problem is reported at a line of the file."""
    path = tmp_path_factory.mktemp("any") / "own.toml"
    path.write_text("\n".join([table, *(f"{key} = {value}" for key, value in entries.items())]))
    problems: tuple[Problem, ...] = ()
    try:
        load_config(read_settings({"SHOTCHAIN_CONFIG": str(path)}))
    except InvalidConfiguration as error:
        problems = error.problems
    finally:
        shutil.rmtree(path.parent)
    assert all(1 <= problem.line <= 1 + len(entries) for problem in problems)
