"""What may stand in a `shotchain.toml`: its tables as models, and what is wrong with one in words.

A value that might be a key or hold one is never repeated.
"""

import datetime
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationError

from storyboards.models import Boolean, Budget, FrozenModel, Integer, Resolution
from storyboards.problems import Problem, did_you_mean
from storyboards.terminal_text import format_path, quote
from tasks.configuration.file import ConfigurationFile, Path
from tasks.providers.addresses import is_loopback

PREFIX = "SHOTCHAIN_"
"""What the name of a key variable begins with."""

_KEY_VARIABLE = re.compile(rf"{PREFIX}[A-Z0-9_]*[A-Z0-9]")
_LOOKS_LIKE_A_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
_ADDRESS = re.compile(r"(https?)://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?")


def _exact(value: Any) -> Any:
    """A number, also one in quotes; `true` and what is none are refused."""
    written = isinstance(value, int | Decimal | str) and not isinstance(value, bool)
    if not written:
        msg = "no number is written here; write one like 2.50"
        raise ValueError(msg)
    return value


def _day(value: Any) -> Any:
    """A day; pydantic would take a number for seconds since 1970."""
    if isinstance(value, datetime.date | str) and not isinstance(value, datetime.datetime):
        return value
    msg = "no day is written here; write one like 2026-11-01"
    raise ValueError(msg)


def _variable(value: str) -> str:
    if not _KEY_VARIABLE.fullmatch(value):
        shown = f"{value} is" if _LOOKS_LIKE_A_VARIABLE.fullmatch(value) else "this is"
        msg = (
            f"{shown} no variable that may hold a key; name one that begins with {PREFIX}, "
            "and keep the key itself out of the file"
        )
        raise ValueError(msg)
    return value


def _address(value: str) -> str:
    bare = value.strip().rstrip("/")
    found = _ADDRESS.fullmatch(bare)
    if not found or not _has_host(bare):
        msg = "this is no base URL; write one like https://api.example.com/v1, without ? and @"
        raise ValueError(msg)
    if found[1] == "http" and not is_loopback(bare):
        msg = "a key does not go over plain http; write https (http is for this machine alone)"
        raise ValueError(msg)
    return bare


def _has_host(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _listed(value: Any) -> Any:
    """One table, or several as a list."""
    return [value] if isinstance(value, dict) else value


def _models(value: Any) -> Any:
    """Family to ids: one id, a list of them, or a list of families whose ids are another row's."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return dict.fromkeys(value, ())
    written = isinstance(value, dict)
    if not written:
        msg = 'no models are written here; write { "seedance-2.0" = "the-id" }, or a list of names'
        raise ValueError(msg)
    return {name: [ids] if isinstance(ids, str) else ids for name, ids in value.items()}


Text = Annotated[str, StringConstraints(pattern=r"\S", max_length=300, strip_whitespace=True)]
GatewayName = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)
]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Pair = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}/[A-Z]{3}$")]
Price = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=1_000_000)]
Worth = Annotated[
    Decimal, BeforeValidator(_exact), Field(ge=Decimal("0.000001"), le=Decimal(1_000_000))
]
Day = Annotated[datetime.date, BeforeValidator(_day)]
JobsAtOnce = Annotated[Integer, Field(ge=1, le=1000)]
Ids = Annotated[tuple[Text, ...], Field(max_length=2)]


class BudgetWritten(FrozenModel):
    """`[budgets.acme]`: walls around some boards."""

    month: Budget | None = None
    total: Budget | None = None
    boards: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None


class RateWritten(FrozenModel):
    """`[rates."USD/CNY"]`: what one of the first was worth in the second, on a day."""

    rate: Worth
    date: Day


class LimitsWritten(FrozenModel):
    """`[limits.modelark]`: how a provider is to be used."""

    jobs_at_once: JobsAtOnce | None = None
    poll_seconds: Annotated[Decimal, BeforeValidator(_exact), Field(gt=0, le=600)] | None = None


class PriceWritten(FrozenModel):
    """`[prices.NAME."seedance-1.5-pro"]`: a price, and what it holds for."""

    per_million_tokens: Price
    currency: Currency
    date: Day
    source: Text = "shotchain.toml"
    resolutions: tuple[Resolution, ...] = ()
    audio: Boolean | None = None
    video_input: Boolean | None = None
    flex: Boolean = False


class GatewayWritten(FrozenModel):
    """`[providers.my-gateway]`: somebody who speaks a known dialect."""

    base_url: Annotated[Text, AfterValidator(_address)]
    key: Annotated[Text, AfterValidator(_variable)]
    dialect: Text | None = None
    like: Text | None = None
    models: Annotated[dict[str, Ids], BeforeValidator(_models)] | None = None
    currency: Currency | None = None
    jobs_at_once: JobsAtOnce | None = None
    lists: Boolean | None = None
    cancels: Boolean | None = None


PricesWritten: TypeAlias = dict[
    Text,
    dict[Text, Annotated[tuple[PriceWritten, ...], BeforeValidator(_listed), Field(min_length=1)]],
]


class Words(FrozenModel):
    """The whole file."""

    providers: dict[GatewayName, GatewayWritten] = Field(default_factory=dict)
    budgets: dict[Text, BudgetWritten] = Field(default_factory=dict)
    rates: dict[Pair, RateWritten] = Field(default_factory=dict)
    limits: dict[Text, LimitsWritten] = Field(default_factory=dict)
    prices: PricesWritten = Field(default_factory=dict)


_TABLES: dict[str, type[FrozenModel]] = {
    "providers": GatewayWritten,
    "budgets": BudgetWritten,
    "rates": RateWritten,
    "limits": LimitsWritten,
    "prices": PriceWritten,
}
_NAMES = {
    "providers": "Use small letters, digits and - , and begin with a letter: my-gateway.",
    "rates": 'Write two currencies: [rates."USD/CNY"].',
}
_REMEDIES = {
    "month": 'Write it like "50 USD".',
    "total": 'Write it like "200 USD".',
    "currency": "Write three capital letters, like USD.",
    "boards": 'Write names or patterns in a list: ["spot-*"].',
    "resolutions": 'Write some of "480p", "720p", "1080p" and "4k" in a list.',
    "date": "Write a day like 2026-11-01.",
    "rate": "Write how many of the second currency one of the first is: 7.12.",
    "key": f"Write the name of a variable, like {PREFIX}MY_GATEWAY_API_KEY.",
    "base_url": "Write it up to the dialect's own path, like https://api.example.com/v1.",
}


def read_words(file: ConfigurationFile) -> Words | tuple[Problem, ...]:
    """What the file says, or every problem with it."""
    try:
        words = Words.model_validate(file.data)
    except ValidationError as error:
        found = error.errors(include_url=False)
        return tuple(dict.fromkeys(_explain(file, found)))
    return tuple(_faults(file, words)) or words


def _explain(file: ConfigurationFile, errors: Iterable[Any]) -> Iterator[Problem]:
    for error in errors:
        path, kind = _as_written(error["loc"], file.data), error["type"]
        at_key = path[-1:] == ("[key]",)
        path = path[:-1] if at_key else path
        if at_key:
            message = f"{quote(path[-1])} is no name for one of {quote(path[0])}"
            yield file.problem(path, message, _NAMES.get(str(path[0]), "Name it."))
        elif kind == "extra_forbidden":
            yield file.problem(path, f"unknown key {quote(path[-1])}", _hint(path))
        elif kind == "missing":
            remedy = _REMEDIES.get(str(path[-1]), "Add it.")
            yield file.problem(path, f"{quote(path[-1])} is missing", remedy)
        else:
            yield file.problem(path, *_describe(error, path))


def _as_written(path: Path, data: Any) -> Path:
    """The path without the index of what stands alone in the file and is a list for us."""
    found: list[str | int] = []
    for part in path:
        if isinstance(part, str):
            found.append(part)
            data = data.get(part) if isinstance(data, dict) else None
        elif isinstance(data, list):
            found.append(part)
            data = data[part] if part < len(data) else None
    return tuple(found)


def _hint(path: Path) -> str:
    known = _TABLES if len(path) == 1 else _TABLES[str(path[0])].model_fields
    return did_you_mean(str(path[-1]), known) or f"There are: {', '.join(known)}."


def _describe(error: Any, path: Path) -> tuple[str, str]:
    """Message and remedy for a wrong value, which may be a secret and is not repeated."""
    said, limits = str(error["msg"]), error.get("ctx", {})
    named = next((part for part in reversed(path) if isinstance(part, str)), "")
    remedy = _REMEDIES.get(named, "Write it anew.")
    match error["type"]:
        case "value_error":
            message, _, more = said.removeprefix("Value error, ").partition("; ")
            return message, f"{more[:1].upper()}{more[1:]}." if more else remedy
        case "model_type" | "dict_type":
            return f"{quote(named)} is a table", f"Write [{format_path(path)}], then its keys."
        case "greater_than_equal" | "greater_than" | "less_than_equal" | "less_than":
            words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
            sign = next(one for one in words if one in limits)
            return "the number is out of range", f"Write {words[sign]} {limits[sign]}."
        case "too_short":
            return f"{quote(named)} is empty", remedy
        case "too_long":
            return f"{quote(named)} has more than {limits['max_length']} entries", remedy
    return f"{said[:1].lower()}{said[1:]}", remedy


def _faults(file: ConfigurationFile, words: Words) -> Iterator[Problem]:
    """What values of one table demand of one another."""
    for name, budget in words.budgets.items():
        if budget.month is None and budget.total is None:
            remedy = 'Write month = "50 USD" or total = "200 USD".'
            yield file.problem(("budgets", name), "the budget names no amount", remedy)
    seen: dict[frozenset[str], str] = {}
    for pair in words.rates:
        currencies = frozenset(pair.split("/"))
        other = seen.setdefault(currencies, pair)
        if len(currencies) == 1:
            yield file.problem(("rates", pair), "a rate needs two currencies", _NAMES["rates"])
        elif other != pair:
            message, remedy = f"{quote(other)} says it already", "Leave one of them out."
            yield file.problem(("rates", pair), message, remedy)
    for name, families in words.prices.items():
        for family, prices in families.items():
            if len({(one.currency, one.date, one.source) for one in prices}) > 1:
                message = "the prices of one family differ in currency, date or source"
                remedy = "Write them with the same currency, date and source."
                yield file.problem(("prices", name, family), message, remedy)
