"""The tables and keys of `shotchain.toml` as pydantic models, and validation errors as problems.

Field names are the TOML keys. A value that may be an API key is never repeated in a message. What
the sections mean for providers and budgets is in `gateways` and `merge`.
"""

from __future__ import annotations

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
from tasks.config.toml_lines import ConfigFile, TomlPath
from tasks.providers.url_policy import is_loopback_url

KEY_VARIABLE_PREFIX = "SHOTCHAIN_"
"""The prefix of the names of variables that may hold API keys."""

_KEY_VARIABLE = re.compile(rf"{KEY_VARIABLE_PREFIX}[A-Z0-9_]*[A-Z0-9]")
_VARIABLE_LIKE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
_BASE_URL = re.compile(r"(https?)://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?")


def _require_number(value: Any) -> Any:
    """Accept a number, also in quotes, but not `true`, which Python counts as a number."""
    is_number = isinstance(value, int | Decimal | str) and not isinstance(value, bool)
    if not is_number:
        msg = "the value is not a number; write one like 2.50"
        raise ValueError(msg)
    return value


def _require_date(value: Any) -> Any:
    """Accept a date only; pydantic reads a number as seconds since 1970."""
    if isinstance(value, datetime.date | str) and not isinstance(value, datetime.datetime):
        return value
    msg = "the value is not a date; write one like 2026-11-01"
    raise ValueError(msg)


def _check_key_variable(value: str) -> str:
    if not _KEY_VARIABLE.fullmatch(value):
        shown = value if _VARIABLE_LIKE.fullmatch(value) else "the value"
        msg = (
            f"{shown} is not a variable that may hold an API key; name a variable that begins with "
            f"{KEY_VARIABLE_PREFIX}, and keep the key itself out of the file"
        )
        raise ValueError(msg)
    return value


def _check_base_url(value: str) -> str:
    url = value.strip().rstrip("/")
    match = _BASE_URL.fullmatch(url)
    if not match or not _has_host(url):
        msg = "the value is not a base URL; write https://api.example.com/v1, without ? and @"
        raise ValueError(msg)
    if match[1] == "http" and not is_loopback_url(url):
        msg = "API keys are not sent over plain http; write https (http is for this machine only)"
        raise ValueError(msg)
    return url


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _as_list(value: Any) -> Any:
    """Return one table as a list of one."""
    return [value] if isinstance(value, dict) else value


def _normalize_models(value: Any) -> Any:
    """Return family to ids; a list of families has no ids, which come from another provider."""
    if isinstance(value, list) and all(isinstance(family, str) for family in value):
        return dict.fromkeys(value, ())
    is_table = isinstance(value, dict)
    if not is_table:
        msg = (
            "the value does not name models; "
            'write { "seedance-2.0" = "the-id" }, or a list of families'
        )
        raise ValueError(msg)
    return {name: [ids] if isinstance(ids, str) else ids for name, ids in value.items()}


NonEmptyText = Annotated[
    str, StringConstraints(pattern=r"\S", max_length=300, strip_whitespace=True)
]
GatewayName = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)
]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
CurrencyPair = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}/[A-Z]{3}$")]
TokenPrice = Annotated[Decimal, BeforeValidator(_require_number), Field(ge=0, le=1_000_000)]
RateValue = Annotated[
    Decimal, BeforeValidator(_require_number), Field(ge=Decimal("0.000001"), le=Decimal(1_000_000))
]
Date = Annotated[datetime.date, BeforeValidator(_require_date)]
MaxParallelJobs = Annotated[Integer, Field(ge=1, le=1000)]
ModelIds = Annotated[tuple[NonEmptyText, ...], Field(max_length=2)]


class BudgetSection(FrozenModel):
    """`[budgets.acme]`: hard limits for some boards."""

    month: Budget | None = None
    total: Budget | None = None
    boards: Annotated[tuple[NonEmptyText, ...], Field(min_length=1)] | None = None


class RateSection(FrozenModel):
    """`[rates."USD/CNY"]`: units of the second currency for one unit of the first, on a day."""

    rate: RateValue
    date: Date


class LimitsSection(FrozenModel):
    """`[limits.modelark]`: how many jobs and polls a provider gets."""

    jobs_at_once: MaxParallelJobs | None = None
    poll_seconds: (
        Annotated[Decimal, BeforeValidator(_require_number), Field(gt=0, le=600)] | None
    ) = None


class PriceSection(FrozenModel):
    """`[prices.NAME."seedance-1.5-pro"]`: a price, and the requests to which it applies."""

    per_million_tokens: TokenPrice
    currency: Currency
    date: Date
    source: NonEmptyText = "shotchain.toml"
    resolutions: tuple[Resolution, ...] = ()
    audio: Boolean | None = None
    video_input: Boolean | None = None
    flex: Boolean = False


class GatewaySection(FrozenModel):
    """`[providers.my-gateway]`: a provider that uses a known dialect."""

    base_url: Annotated[NonEmptyText, AfterValidator(_check_base_url)]
    key: Annotated[NonEmptyText, AfterValidator(_check_key_variable)]
    dialect: NonEmptyText | None = None
    like: NonEmptyText | None = None
    was: GatewayName | None = None
    models: Annotated[dict[str, ModelIds], BeforeValidator(_normalize_models)] | None = None
    currency: Currency | None = None
    jobs_at_once: MaxParallelJobs | None = None
    lists: Boolean | None = None
    cancels: Boolean | None = None


PriceSections: TypeAlias = dict[
    NonEmptyText,
    dict[
        NonEmptyText,
        Annotated[tuple[PriceSection, ...], BeforeValidator(_as_list), Field(min_length=1)],
    ],
]


class ConfigDocument(FrozenModel):
    """The whole file."""

    providers: dict[GatewayName, GatewaySection] = Field(default_factory=dict)
    budgets: dict[NonEmptyText, BudgetSection] = Field(default_factory=dict)
    rates: dict[CurrencyPair, RateSection] = Field(default_factory=dict)
    limits: dict[NonEmptyText, LimitsSection] = Field(default_factory=dict)
    prices: PriceSections = Field(default_factory=dict)


_SECTIONS: dict[str, type[FrozenModel]] = {
    "providers": GatewaySection,
    "budgets": BudgetSection,
    "rates": RateSection,
    "limits": LimitsSection,
    "prices": PriceSection,
}
_NAME_REMEDIES = {
    "providers": "Use lower-case letters, digits and -, and begin with a letter: my-gateway.",
    "rates": 'Write two currencies: [rates."USD/CNY"].',
}
_REMEDIES = {
    "month": 'Write it like "50 USD".',
    "total": 'Write it like "200 USD".',
    "currency": "Write three upper-case letters, like USD.",
    "boards": 'Write names or patterns in a list: ["spot-*"].',
    "resolutions": 'Write some of "480p", "720p", "1080p" and "4k" in a list.',
    "date": "Write a date like 2026-11-01.",
    "rate": "Write the units of the second currency for one unit of the first: 7.12.",
    "key": f"Write the name of a variable, like {KEY_VARIABLE_PREFIX}MY_GATEWAY_API_KEY.",
    "was": "Write the name that the gateway had before: my-gateway.",
    "base_url": "Write it up to the dialect's own path, like https://api.example.com/v1.",
}


def validate_config(file: ConfigFile) -> ConfigDocument | tuple[Problem, ...]:
    """Return the content of a file, or every problem with it."""
    try:
        document = ConfigDocument.model_validate(file.data)
    except ValidationError as error:
        problems = _to_problems(file, error.errors(include_url=False))
        return tuple(dict.fromkeys(problems))
    return tuple(_check_consistency(file, document)) or document


def _to_problems(file: ConfigFile, errors: Iterable[Any]) -> Iterator[Problem]:
    for error in errors:
        path, kind = _path_in_file(error["loc"], file.data), error["type"]
        at_key = path[-1:] == ("[key]",)
        path = path[:-1] if at_key else path
        if at_key:
            message = f"{quote(path[-1])} is not a valid name in {quote(path[0])}"
            yield file.problem(path, message, _NAME_REMEDIES.get(str(path[0]), "Give it a name."))
        elif kind == "extra_forbidden":
            yield file.problem(path, f"unknown key {quote(path[-1])}", _suggest_key(path))
        elif kind == "missing":
            remedy = _REMEDIES.get(str(path[-1]), "Add it.")
            yield file.problem(path, f"{quote(path[-1])} is missing", remedy)
        else:
            yield file.problem(path, *_describe(error, path))


def _path_in_file(path: TomlPath, data: Any) -> TomlPath:
    """Return the path as it is in the file, without the index of a table that `_as_list` wraps."""
    in_file: list[str | int] = []
    for part in path:
        if isinstance(part, str):
            in_file.append(part)
            data = data.get(part) if isinstance(data, dict) else None
        elif isinstance(data, list):
            in_file.append(part)
            data = data[part] if part < len(data) else None
    return tuple(in_file)


def _suggest_key(path: TomlPath) -> str:
    known = _SECTIONS if len(path) == 1 else _SECTIONS[str(path[0])].model_fields
    return did_you_mean(
        str(path[-1]), known, otherwise="Remove it; flows/README.md lists all keys."
    )


def _describe(error: Any, path: TomlPath) -> tuple[str, str]:
    """Return message and remedy for a wrong value, which may be a secret and is not repeated."""
    text, limits = str(error["msg"]), error.get("ctx", {})
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    remedy = _REMEDIES.get(key, "Correct the value.")
    match error["type"]:
        case "value_error":
            message, _, more = text.removeprefix("Value error, ").partition("; ")
            return message, f"{more[:1].upper()}{more[1:]}." if more else remedy
        case "model_type" | "dict_type":
            return f"{quote(key)} must be a table", f"Write [{format_path(path)}], then its keys."
        case "greater_than_equal" | "greater_than" | "less_than_equal" | "less_than":
            bounds = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
            bound = next(name for name in bounds if name in limits)
            return "the number is out of range", f"Write {bounds[bound]} {limits[bound]}."
        case "too_short":
            return f"{quote(key)} is empty", remedy
        case "too_long":
            return f"{quote(key)} has more than {limits['max_length']} entries", remedy
    return f"{text[:1].lower()}{text[1:]}", remedy


def _check_consistency(file: ConfigFile, document: ConfigDocument) -> Iterator[Problem]:
    """Yield the problems of values that do not fit together."""
    for name, budget in document.budgets.items():
        if budget.month is None and budget.total is None:
            remedy = 'Write month = "50 USD" or total = "200 USD".'
            yield file.problem(("budgets", name), "the budget has no amount", remedy)
    seen: dict[frozenset[str], str] = {}
    for pair in document.rates:
        currencies = frozenset(pair.split("/"))
        other = seen.setdefault(currencies, pair)
        if len(currencies) == 1:
            yield file.problem(
                ("rates", pair), "a rate needs two currencies", _NAME_REMEDIES["rates"]
            )
        elif other != pair:
            message = f"{quote(other)} already sets this rate"
            yield file.problem(("rates", pair), message, "Remove one of them.")
    for name, families in document.prices.items():
        for family, prices in families.items():
            if len({(price.currency, price.date, price.source) for price in prices}) > 1:
                message = "the prices of one family differ in currency, date or source"
                remedy = "Write them with the same currency, date and source."
                yield file.problem(("prices", name, family), message, remedy)
