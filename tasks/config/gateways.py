"""Build providers from the configuration: gateways, and providers with own prices and limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from storyboards.problems import did_you_mean
from storyboards.terminal_text import quote
from tasks.config.schema import GatewaySection, LimitsSection, PriceSection
from tasks.providers import Provider
from tasks.providers.catalog import FAMILY_IN_DIALECT
from tasks.providers.dialects import DIALECTS
from tasks.providers.families import FAMILIES
from tasks.providers.price_tables import FREE_PRICE_TABLE, PriceTable, Rate

ReportProblem = Callable[[tuple[str, ...], str, str], None]
"""Reports a problem: the path within a section, the message, the remedy."""

_DEFAULT_CURRENCY = "USD"


def build_provider(
    name: str, section: GatewaySection, *, built_in: Mapping[str, Provider], report: ReportProblem
) -> Provider | None:
    """Build the provider of a gateway.

    Args:
        name: The gateway's name.
        section: Its section of the file.
        built_in: The built-in providers, which a gateway can be `like`.
        report: Receives each problem.

    Returns:
        The provider, or None if a problem was reported.
    """
    base = _find_base(section, built_in, report)
    models = _resolve_models(section, base, report) if base else None
    if base is None or models is None:
        return None
    configured: dict[str, Any] = {
        "currency": section.currency,
        "max_concurrent_jobs": section.jobs_at_once,
        "supports_listing": section.lists,
        "supports_cancel": section.cancels,
    }
    overrides = {
        family: capabilities
        for family, capabilities in base.family_overrides.items()
        if family in models
    }
    if section.like is None:
        overrides = {family: FAMILY_IN_DIALECT[base.dialect](family) for family in models}
    gateway = replace(
        base,
        name=name,
        base_url=section.base_url,
        models=models,
        family_overrides=overrides,
        limits_date="",
        price_table="",
        custom_key_variable=section.key,
        former_name=section.was or "",
    )
    return replace(
        gateway, **{field: value for field, value in configured.items() if value is not None}
    )


def _find_base(
    section: GatewaySection, built_in: Mapping[str, Provider], report: ReportProblem
) -> Provider | None:
    """Return the provider whose values apply if the section does not set them."""
    like, dialect = section.like, section.dialect
    paid = {
        name: provider
        for name, provider in built_in.items()
        if provider.price_table != FREE_PRICE_TABLE
    }
    if like is not None and like not in paid:
        message = f"there is no provider {quote(like)} to be like"
        report(("like",), message, suggest_known(like, paid))
    elif dialect is not None and dialect not in DIALECTS:
        message = f"there is no dialect {quote(dialect)}"
        report(("dialect",), message, suggest_known(dialect, DIALECTS))
    elif like is not None and dialect not in (None, paid[like].dialect):
        message = f"{like} uses the dialect {paid[like].dialect}, not {dialect}"
        report(("dialect",), message, "Remove dialect, or like.")
    elif like is not None:
        return paid[like]
    elif dialect is None:
        remedy = 'Add one, such as dialect = "ark", or like.'
        report((), "the gateway has no dialect", remedy)
    else:
        return Provider("", dialect, "", {}, price_table="", currency=_DEFAULT_CURRENCY)
    return None


def _resolve_models(
    section: GatewaySection, base: Provider, report: ReportProblem
) -> Mapping[str, tuple[str, ...]] | None:
    """Return family name to model ids; families without ids have those of the base provider."""
    if section.models is None and base.models:
        return base.models
    if not section.models:
        remedy = 'Add models = { "seedance-2.0" = "the-id-there" }, or like.'
        report(("models",), "the gateway has no models", remedy)
        return None
    models: dict[str, tuple[str, ...]] = {}
    for family, ids in section.models.items():
        if family not in FAMILIES:
            message = f"there is no family {quote(family)}"
            report(("models", family), message, suggest_known(family, FAMILIES))
        elif not ids and family not in base.models:
            message = f"the gateway's id of {family} is not known"
            remedy = f'Write {{ "{family}" = "the-id-there" }}, or be like a provider that has it.'
            report(("models", family), message, remedy)
        else:
            models[family] = ids or base.models[family]
    return models if len(models) == len(section.models) else None


def with_prices(provider: Provider, family: str, section: tuple[PriceSection, ...]) -> Provider:
    """Return the provider with own prices of a family, which replace all its list prices.

    Args:
        provider: The provider.
        family: The family's name.
        section: The prices; currency, date and source are the same in all of them.
    """
    rates = tuple(
        Rate(
            family,
            price.per_million_tokens,
            resolutions=price.resolutions,
            audio=price.audio,
            video_input=price.video_input,
            flex=price.flex,
        )
        for price in section
    )
    first = section[0]
    table = PriceTable(first.currency, first.date.isoformat(), first.source, rates)
    return replace(provider, custom_prices={**provider.custom_prices, family: table})


def with_limits(provider: Provider, section: LimitsSection, *, only_stricter: bool) -> Provider:
    """Return the provider with configured limits.

    Args:
        provider: The provider.
        section: The limits.
        only_stricter: True if more jobs or more frequent polls than before must be ignored.
    """
    max_jobs, max_seconds = provider.max_concurrent_jobs, provider.poll_max_seconds
    if section.jobs_at_once is not None:
        requested = section.jobs_at_once
        max_jobs = min(max_jobs, requested) if only_stricter else requested
    if section.poll_seconds is not None:
        seconds = float(section.poll_seconds)
        max_seconds = max(max_seconds, seconds) if only_stricter else seconds
    return replace(
        provider,
        max_concurrent_jobs=max_jobs,
        poll_max_seconds=max_seconds,
        poll_min_seconds=min(provider.poll_min_seconds, max_seconds),
    )


def suggest_known(name: str, known: Iterable[str]) -> str:
    """Return a remedy that offers similar names, else the command that lists all names."""
    otherwise = "`shotchain providers` lists all providers, dialects and models."
    return did_you_mean(name, known, otherwise=otherwise)
