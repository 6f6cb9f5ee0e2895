"""`shotchain.toml`: what it sets, whose word counts, and how everything wrong with it is told."""

from __future__ import annotations

import re
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyboards.models import Money
from tasks.config.config import Config, ExchangeRate
from tasks.config.loader import load_config
from tasks.config.toml_lines import find_lines
from tasks.errors import InvalidConfiguration, NotConfigured
from tasks.planning.planner import make_plan
from tasks.providers import PROVIDERS
from tasks.providers.families import FAMILIES
from tasks.providers.prices import calculate_price
from tasks.settings import read_secrets, read_settings

README = (Path(__file__).parents[3] / "README.md").read_text()
EXAMPLE = re.search(r"<!-- configuration -->\n```toml\n(.*?)```", README, re.DOTALL)[1]

GATEWAY = """\
[providers.my-gateway]
dialect = "sora"
base_url = "https://api.example.com/v1"
key = "SHOTCHAIN_MY_KEY"
models = { "seedance-2.0" = "their-2" }
"""


@pytest.fixture
def configure(tmp_path: Path):
    """The configuration of a user's text and of one beside the board: `configure(own, beside)`."""
    folder = tmp_path / "project"
    folder.mkdir()

    def read(own: str | None = None, beside: str | None = None, *, trust: bool = False):
        for text, file in ((own, tmp_path / "own.toml"), (beside, folder / "shotchain.toml")):
            file.unlink(missing_ok=True)
            if text is not None:
                file.write_text(text)
        settings = read_settings({"SHOTCHAIN_CONFIG": str(tmp_path / "own.toml")} if own else {})
        return load_config(settings, folder, display_name="project/board.yaml", trust=trust)

    return read


@pytest.fixture
def refused(configure):
    """Every problem of a configuration that is refused, as `line: path: message`."""

    def read(own: str | None = None, beside: str | None = None) -> list[str]:
        with pytest.raises(InvalidConfiguration) as caught:
            configure(own, beside)
        assert caught.value.exit_code == 2
        assert all(one.file and one.remedy for one in caught.value.problems)
        return [f"{one.line}: {one.path}: {one.message}" for one in caught.value.problems]

    return read


def money(text: str) -> Money:
    amount, _, currency = text.partition(" ")
    return Money(amount=Decimal(amount), currency=currency)


def test_without_a_file_there_are_the_built_in_rows_and_no_walls(configure):
    """Nothing is read, nothing is set."""
    assert configure() == Config()
    assert configure().providers is PROVIDERS


def test_the_example_of_the_readme_says_what_it_tells(configure):
    """Gateways, prices, walls, rates and limits, each at its place."""
    told = configure(EXAMPLE)

    mine, studio = told.providers["my-gateway"], told.providers["studio-ark"]
    assert (mine.dialect, mine.base_url) == ("ark", "https://api.example.com/api/v3")
    assert mine.key_variable == "SHOTCHAIN_MY_GATEWAY_API_KEY"
    assert (mine.max_concurrent_jobs, mine.supports_listing, mine.supports_cancel) == (
        3,
        True,
        False,
    )
    assert mine.config_file.endswith("own.toml")
    assert studio.models == {
        name: PROVIDERS["ark"].models[name] for name in ("seedance-1.0-pro", "seedance-2.0")
    }
    assert (studio.key_variable, studio.currency) == ("SHOTCHAIN_STUDIO_KEY", "CNY")
    assert [(wall.name, str(wall.amount), wall.month) for wall in told.budgets] == [
        ("acme", "50 USD", True),
        ("acme", "400 USD", False),
    ]
    assert told.convert(money("10 USD"), "CNY") == money("71.20 CNY")
    modelark = told.providers["modelark"]
    assert (modelark.max_concurrent_jobs, modelark.poll_max_seconds) == (2, 20.0)
    assert list(told.providers) == [*PROVIDERS, "my-gateway", "studio-ark"]


@pytest.mark.parametrize(("audio", "expected"), [(True, "2.20 USD"), (False, "1.10 USD")])
def test_own_prices_replace_the_list_of_a_family(configure, audio: bool, expected: str):
    """Each of them for what it holds, and unknown where none does: never the list's, never zero."""
    row = configure(EXAMPLE).providers["modelark"]
    family = row.family("seedance-1.5-pro")
    asked = {"tokens": 1_000_000, "resolution": "720p", "audio": audio}

    assert calculate_price(row, family, **asked) == money(expected)
    assert calculate_price(row, family, **asked, flex=True) is None
    other = row.family("seedance-1.0-pro")
    assert calculate_price(row, other, **asked) == calculate_price(
        PROVIDERS["modelark"], other, **asked
    )


def test_a_gateway_s_price_is_unknown_until_somebody_tells_it(configure):
    """Also where it is like a provider with a list, or has the name of one."""
    text = GATEWAY.replace('dialect = "sora"', 'like = "infinity-blue"')
    for name in ("my-gateway", "volcengine", "free"):
        row = configure(text.replace("providers.my-gateway", f"providers.{name}")).providers[name]
        assert calculate_price(row, row.family("seedance-2.0"), tokens=1, resolution="720p") is None


def test_a_price_of_a_configuration_is_in_the_plan(configure, make_board):
    """With its currency, and the key is the one it was without."""
    board = make_board(
        "provider: modelark\nmodel: seedance-1.0-pro\n"
        "shots: [{id: one, prompt: Dawn., seconds: 5, resolution: 480p}]"
    )
    own = '[prices.modelark."seedance-1.0-pro"]\nper_million_tokens = "10"\n'
    told = configure(own + 'currency = "EUR"\ndate = 2026-11-01\n')
    before, after = (make_plan(board, providers=one) for one in (None, told.providers))

    assert after.shots[0].max_price == Money(
        amount=Decimal(after.shots[0].tokens) * 10 / 1_000_000, currency="EUR"
    )
    assert before.shots[0].max_price.currency == "USD"
    assert before.shots[0].key == after.shots[0].key


def test_a_wall_covers_the_boards_it_names(configure):
    """By name or pattern, in the case they are written in; all of them where it names none."""
    told = configure('[budgets.acme]\nmonth = "5 USD"\nboards = ["spot-*", "Logo"]\n'
                     '[budgets.all]\ntotal = "9 EUR"')  # fmt: skip

    assert [wall.name for wall in told.walls("spot-7")] == ["acme", "all"]
    assert [wall.name for wall in told.walls("logo")] == ["all"]
    assert [wall.name for wall in told.walls("Logo")] == ["acme", "all"]


def test_walls_of_both_files_stand_beside_each_other(configure):
    """A file beside a board can't raise a wall of the user's own by its name."""
    told = configure('[budgets.acme]\nmonth = "5 USD"', '[budgets.acme]\nmonth = "900 USD"')

    assert [str(wall.amount) for wall in told.budgets] == ["5 USD", "900 USD"]
    assert [Path(wall.file).name for wall in told.budgets] == ["own.toml", "shotchain.toml"]


def test_a_rate_of_the_user_s_own_goes_before_one_beside_the_board(configure):
    """Whichever way round either is written, and however new."""
    own = '[rates."USD/CNY"]\nrate = 7\ndate = 2020-01-01\n'
    beside = '[rates."CNY/USD"]\nrate = 1\ndate = 2026-11-01\n[rates."EUR/USD"]\nrate = 2\n'
    told = configure(own, beside + "date = 2026-11-01")

    assert told.convert(money("1 USD"), "CNY") == money("7 CNY")
    assert told.convert(money("14 CNY"), "USD") == money("2 USD")
    assert told.convert(money("3 EUR"), "USD") == money("6 USD")
    assert told.convert(money("3 EUR"), "CNY") is None
    assert str(told.rate("CNY", "USD")) == "1 USD = 7 CNY of 2020-01-01"


def test_nothing_is_nothing_in_every_currency():
    """No rate is needed for it, nor from a currency to itself."""
    assert Config().convert(Money(amount=Decimal(0)), "USD") == money("0 USD")
    assert Config().convert(money("3 USD"), "USD") == money("3 USD")
    assert Config().convert(money("3 USD"), "CNY") is None


amounts = st.decimals("0.000001", "999999999999", places=6)
worths = st.decimals("0.000001", "1000000", places=6)


@given(amount=amounts, worth=worths)
def test_a_sum_comes_back_from_another_currency(amount: Decimal, worth: Decimal):
    """To a millionth of what it was, however large either number is."""
    rate = ExchangeRate("USD", "CNY", worth, date(2026, 11, 1))
    there = rate.convert(Money(amount=amount, currency="USD"))
    back = rate.convert(there)

    assert (there.currency, back.currency) == ("CNY", "USD")
    assert abs(back.amount - amount) <= amount / 1_000_000


def test_limits_beside_a_board_only_lower(configure):
    """Fewer jobs and rarer questions; the user's own may go either way."""
    more = "[limits.modelark]\njobs_at_once = 50\npoll_seconds = 0.5\n"
    less = "[limits.modelark]\njobs_at_once = 1\npoll_seconds = 60\n"
    row = PROVIDERS["modelark"]

    def of(*texts: str | None) -> tuple[int, float]:
        one = configure(*texts).providers["modelark"]
        assert one.poll_min_seconds <= one.poll_max_seconds
        return one.max_concurrent_jobs, one.poll_max_seconds

    assert of(None, more) == (row.max_concurrent_jobs, row.poll_max_seconds)
    assert of(None, less) == (1, 60.0)
    assert of(more) == (50, 0.5)
    assert of(more, less) == (1, 60.0)
    assert of(less, more) == (1, 60.0)


def test_a_gateway_is_as_able_as_its_dialect_has_words_for(configure):
    """A flag in the text says no frames; like a vendor, it is narrowed as that one is."""
    text = GATEWAY.replace("seedance-2.0", "seedance-1.0-pro")
    volc = configure(text.replace('"sora"', '"volc"')).providers["my-gateway"]
    like = configure(text.replace('dialect = "sora"', 'like = "kkiai"')).providers["my-gateway"]

    assert FAMILIES["seedance-1.0-pro"].frames
    assert not volc.family("seedance-1.0-pro").frames
    assert like.dialect == "kkiai"
    assert like.family("seedance-1.0-pro") == PROVIDERS["kkiai"].get_family("seedance-1.0-pro")


def test_a_stranger_s_file_names_no_provider_and_no_price(refused, configure):
    """Each with its line; with --trust it may, and the rows say where they come from."""
    beside = GATEWAY + '[prices.my-gateway."seedance-2.0"]\nper_million_tokens = 1\n'
    beside += 'currency = "USD"\ndate = 2026-11-01\n'

    assert refused(None, beside) == [
        "1: providers.my-gateway: a configuration beside a board may not say where keys are sent",
        "6: prices.my-gateway: a configuration beside a board may not say what a shot costs",
    ]
    row = configure(None, beside, trust=True).providers["my-gateway"]
    assert row.config_file == "project/shotchain.toml"
    assert row.custom_prices["seedance-2.0"].dated == "2026-11-01"


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("name", ["ark", "simulator", "my-gateway"])
def test_no_file_sends_a_known_provider_elsewhere(configure, name: str, trust: bool):
    """Neither a built-in one nor one of the user's own, trusted or not."""
    beside = GATEWAY.replace("my-gateway", name).replace("api.example", "thief.example")

    with pytest.raises(InvalidConfiguration, match=r"project/shotchain\.toml:1: "):
        configure(GATEWAY, beside, trust=trust)
    if name != "my-gateway":
        with pytest.raises(InvalidConfiguration, match=f"{name} is a provider of shotchain itself"):
            configure(beside)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('dialect = "sorra"', "2: providers.my-gateway.dialect: there is no dialect `sorra`"),
        ('like = "ark"', "2: providers.my-gateway.dialect: ark speaks ark, not sora"),
        ('like = "simulator"', "6: providers.my-gateway.like: there is no provider `simulator`"),
        (
            'models = { "seedance-9" = "x" }',
            "5: providers.my-gateway.models.seedance-9: there is no family `seedance-9`",
        ),
        (
            'models = ["seedance-2.0"]',
            '5: providers.my-gateway.models["seedance-2.0"]: the id of seedance-2.0 there',
        ),
        ('models = ["a"', "5: : the file is no TOML"),
        ("models = {}", "5: providers.my-gateway.models: the gateway names no models"),
        ("models = 3", "5: providers.my-gateway.models: no models are written here"),
        ('key = "OPENAI_API_KEY"', "4: providers.my-gateway.key: OPENAI_API_KEY is no variable"),
        ('key = "SHOTCHAIN_"', "4: providers.my-gateway.key: this is no variable"),
        ('base_url = "http://api.example.com/v1"', "3: providers.my-gateway.base_url: a key does"),
        ('base_url = "ftp://api.example.com"', "3: providers.my-gateway.base_url: this is no base"),
        ('base_url = "https://a@b.example/v1"', "3: providers.my-gateway.base_url: this is no"),
        ('base_url = "https://b.example/v1?k=1"', "3: providers.my-gateway.base_url: this is no"),
        ('base_url = "https://[::1/v1"', "3: providers.my-gateway.base_url: this is no base URL"),
        ('base_url = "https://a.example:99999"', "3: providers.my-gateway.base_url: this is no"),
        (
            "jobs_at_once = 0",
            "6: providers.my-gateway.max_concurrent_jobs: the number is out of range",
        ),
        ('bass_url = "x"', "6: providers.my-gateway.bass_url: unknown key `bass_url`"),
    ],
)
def test_what_is_wrong_with_a_gateway_is_told_with_its_line(refused, line: str, told: str):
    """One problem each, at the key that is wrong."""
    key = line.partition(" ")[0]
    lines = [one for one in GATEWAY.splitlines() if not one.startswith(f"{key} ")]
    place = [one.startswith(f"{key} ") for one in GATEWAY.splitlines()]
    lines.insert(place.index(True) if any(place) else len(lines), line)
    found = refused("\n".join(lines) + "\n")

    assert len(found) == 1
    assert found[0].startswith(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[budgets.a]", "1: budgets.a: the budget names no amount"),
        ('[budgets.a]\nmonth = "5"', "2: budgets.a.month: the currency is missing"),
        ("[budgets.a]\nmonth = 5\n", "2: budgets.a.month: the currency is missing"),
        ('[budget.a]\nmonth = "5 USD"', "1: budget: unknown key `budget`"),
        ('[budgets.a]\ntotl = "5 USD"', "2: budgets.a.totl: unknown key `totl`"),
        ('[rates."USD/USD"]\nrate = 1\ndate = 2026-11-01', '1: rates["USD/USD"]: a rate needs two'),
        ('[rates."usd/CNY"]\nrate = 1\ndate = 2026-11-01', '1: rates["usd/CNY"]: `usd/CNY` is no'),
        ('[rates."USD/CNY"]\nrate = 7', '1: rates["USD/CNY"].date: `date` is missing'),
        ('[rates."USD/CNY"]\nrate = 0\ndate = 2026-11-01', '2: rates["USD/CNY"].rate: the number'),
        ('[rates."USD/CNY"]\nrate = nan\ndate = 2026-11-01', '2: rates["USD/CNY"].rate: '),
        ('[rates."USD/CNY"]\nrate = true\ndate = 2026-11-01', '2: rates["USD/CNY"].rate: no numb'),
        ('[rates."USD/CNY"]\nrate = 7\ndate = 7', '3: rates["USD/CNY"].date: no day is written'),
        (
            '[rates]\n"USD/CNY" = {rate = 7, date = 2026-11-01}\n'
            '"CNY/USD" = {rate = 7, date = 2026-11-01}',
            '3: rates["CNY/USD"]: `USD/CNY` says it already',
        ),
        ("[limits.arc]\njobs_at_once = 1", "1: limits.arc: there is no provider `arc`"),
        ("[limits]\njobs_at_once = 1", "2: limits.max_concurrent_jobs: `jobs_at_once` is a table"),
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
def test_every_other_mistake_is_told_with_its_line(refused, text: str, told: str):
    """Words, amounts, pairs, days and names."""
    (found,) = refused(text)
    assert found.startswith(told)


def test_every_problem_of_both_files_is_told_at_once(refused):
    """In the order of the files and of their lines."""
    found = refused("[budgets.a]\nx = 1\n[limits.ark]\ny = 2", "z = 3\n" + GATEWAY)

    assert [one.split(": ")[:2] for one in found] == [
        ["2", "budgets.a.x"],
        ["4", "limits.ark.y"],
        ["1", "z"],
        ["2", "providers.my-gateway"],
    ]


@pytest.mark.parametrize("word", ["sk-live-0123456789", "https://user:pass@host.example/?sig=1"])
def test_no_message_repeats_what_may_be_a_key(configure, word: str):
    """Somebody who writes the key itself into the file reads it in no log."""
    for name in ("key", "base_url", "api_key"):
        with pytest.raises(InvalidConfiguration) as caught:
            configure(f'{GATEWAY.replace("key =", "# key =")}{name} = "{word}"\n')
        assert word not in str(caught.value)


@pytest.mark.parametrize("text", ["x = " + "[" * 50_000, "x = " + "1" * 9_000, "\0", "[a]\n[a]"])
def test_a_file_that_is_no_toml_is_one_clear_problem(refused, text: str):
    """However deep, long or binary it is."""
    (found,) = refused(text)
    assert "file is" in found


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
def test_no_configuration_is_a_crash(tmp_path_factory, table: str, entries: dict[str, str]):
    """It is read, or every problem of it is told at a line of the file."""
    own = tmp_path_factory.mktemp("any") / "own.toml"
    own.write_text("\n".join([table, *(f"{key} = {value}" for key, value in entries.items())]))
    problems = ()
    try:
        load_config(read_settings({"SHOTCHAIN_CONFIG": str(own)}))
    except InvalidConfiguration as error:
        problems = error.problems
    finally:
        shutil.rmtree(own.parent)
    assert all(1 <= one.line <= 1 + len(entries) for one in problems)


def test_a_file_of_another_encoding_is_told_at_its_line(tmp_path, configure):
    """A mark at the beginning is none of it."""
    own = tmp_path / "own.toml"
    settings = read_settings({"SHOTCHAIN_CONFIG": str(own)})
    own.write_bytes(b'\xef\xbb\xbf[budgets.a]\r\nmonth = "5 USD"\r\n')
    assert load_config(settings).budgets[0].name == "a"
    own.write_bytes(b"[budgets.a]\nmonth = '5 USD'\n# \xff")
    with pytest.raises(InvalidConfiguration, match=r"own\.toml:3: the file is no UTF-8"):
        load_config(settings)


def test_a_large_file_is_not_read_to_its_end(refused):
    """A board's folder may hold anything."""
    assert refused(None, "# " + "x" * 300_000) == ["0: : the file is larger than 256 kB"]


@given(
    keys=st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(["1", '"a = 1"', "[1,\n 2,\n]", "{x = 1}"])),
        max_size=12,
    )
)
def test_every_key_has_the_line_it_is_written_in(keys: list[tuple[int, str]]):
    """Behind values of several lines, comments and empty lines, too."""
    lines, expected = ["[table]"], {("table",): 1}
    for index, (blanks, value) in enumerate(keys):
        lines += ["# x = [" if blank % 2 else "" for blank in range(blanks)]
        expected["table", f"k{index}"] = len(lines) + 1
        lines += f"k{index} = {value}".split("\n")

    found = find_lines("\n".join(lines))
    assert {path: line for path, line in found.items() if path[-1] != "x"} == expected


def test_the_user_s_own_file_is_found_in_the_order_that_is_told(tmp_path):
    """SHOTCHAIN_CONFIG, then XDG_CONFIG_HOME, then the home folder, and never a relative one."""
    home = {"HOME": "/home/a"}

    def found(**words: str) -> str:
        return str(read_settings({**home, **words}).config_path)

    assert found() == "/home/a/.config/shotchain/shotchain.toml"
    assert found(XDG_CONFIG_HOME="/etc/x") == "/etc/x/shotchain/shotchain.toml"
    assert found(XDG_CONFIG_HOME="x") == "/home/a/.config/shotchain/shotchain.toml"
    assert found(XDG_CONFIG_HOME="/etc/x", SHOTCHAIN_CONFIG="mine.toml") == "mine.toml"
    assert read_settings({}).config_path is None


def test_a_file_that_is_named_has_to_be_there(tmp_path):
    """A wall in it would be missed; the one in the home folder may be missing."""
    missing = tmp_path / "nowhere" / "shotchain.toml"
    with pytest.raises(NotConfigured, match="nowhere"):
        load_config(read_settings({"SHOTCHAIN_CONFIG": str(missing)}))
    settings = read_settings({"XDG_CONFIG_HOME": str(tmp_path / "nowhere")})
    assert load_config(settings) == Config()


def test_a_link_out_of_the_board_s_folder_is_not_followed(tmp_path, configure):
    """Nor one that leads nowhere, nor a folder of that name."""
    outside = tmp_path / "outside.toml"
    outside.write_text("secret-word")
    beside = tmp_path / "project" / "shotchain.toml"
    beside.symlink_to(outside)
    settings = read_settings({})
    with pytest.raises(InvalidConfiguration, match="link out of the board's folder") as caught:
        load_config(settings, beside.parent)
    assert "secret-word" not in str(caught.value)
    outside.unlink()
    with pytest.raises(NotConfigured, match="can't be read"):
        load_config(settings, beside.parent)
    beside.unlink()
    beside.mkdir()
    with pytest.raises(InvalidConfiguration, match="no regular file"):
        load_config(settings, beside.parent)


def test_the_user_s_own_file_beside_a_board_is_the_user_s_own(tmp_path):
    """It is read once and needs no trust."""
    own = tmp_path / "shotchain.toml"
    own.write_text(GATEWAY + '[budgets.a]\nmonth = "5 USD"\n')
    told = load_config(read_settings({"SHOTCHAIN_CONFIG": str(own)}), tmp_path)

    assert "my-gateway" in told.providers
    assert len(told.budgets) == 1


def test_a_key_under_any_name_is_struck_out_of_a_log(monkeypatch):
    """What a configuration may name as a key counts as one; folders and addresses do not."""
    monkeypatch.setenv("SHOTCHAIN_STUDIO_KEY", "studio-secret")
    monkeypatch.setenv("SHOTCHAIN_STORE", "/var/store")
    monkeypatch.setenv("SHOTCHAIN_ARK_BASE_URL", "http://127.0.0.1:1/v3")

    assert read_secrets() == {"studio-secret"}
