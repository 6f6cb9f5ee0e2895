"""Build providers from the configuration: gateways, user-defined prices and limits."""

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
"""Tells a problem: the path within what is looked at, the message, the remedy."""

_DEFAULT_CURRENCY = "USD"


def build_provider(
    name: str, section: GatewaySection, *, built_in: Mapping[str, Provider], report: ReportProblem
) -> Provider | None:
    """The row of a gateway; None where `tell` was told why there is none."""
    base = _find_base(section, built_in, report)
    models = _resolve_models(section, base, report) if base else None
    if base is None or models is None:
        return None
    overrides: dict[str, Any] = {
        field: value
        for field, value in (
            ("currency", section.currency),
            ("max_concurrent_jobs", section.jobs_at_once),
            ("supports_listing", section.lists),
            ("supports_cancel", section.cancels),
        )
        if value is not None
    }
    narrowed = {family: one for family, one in base.family_overrides.items() if family in models}
    if section.like is None:
        narrowed = {family: FAMILY_IN_DIALECT[base.dialect](family) for family in models}
    row = replace(
        base,
        name=name,
        base_url=section.base_url,
        models=models,
        family_overrides=narrowed,
        price_table="",
        custom_key_variable=section.key,
    )
    return replace(row, **overrides)


def _find_base(
    section: GatewaySection, built_in: Mapping[str, Provider], report: ReportProblem
) -> Provider | None:
    """The row that fills in what the gateway does not say."""
    like, dialect = section.like, section.dialect
    paid = {name: row for name, row in built_in.items() if row.price_table != FREE_PRICE_TABLE}
    if like is not None and like not in paid:
        report(
            ("like",), f"there is no provider {quote(like)} to be like", suggest_known(like, paid)
        )
    elif dialect is not None and dialect not in DIALECTS:
        report(
            ("dialect",), f"there is no dialect {quote(dialect)}", suggest_known(dialect, DIALECTS)
        )
    elif like is not None and dialect not in (None, paid[like].dialect):
        message = f"{like} speaks {paid[like].dialect}, not {dialect}"
        report(("dialect",), message, "Leave out dialect, or like.")
    elif like is not None:
        return paid[like]
    elif dialect is None:
        report((), "the gateway names no dialect", f"Add dialect, one of {', '.join(DIALECTS)}.")
    else:
        return Provider("", dialect, "", {}, price_table="", currency=_DEFAULT_CURRENCY)
    return None


def _resolve_models(
    section: GatewaySection, base: Provider, report: ReportProblem
) -> Mapping[str, tuple[str, ...]] | None:
    """Family to ids; those without an id of their own have the ids of the row it is like."""
    if section.models is None and base.models:
        return base.models
    if not section.models:
        remedy = 'Add models = { "seedance-2.0" = "the-id-there" }, or like.'
        report(("models",), "the gateway names no models", remedy)
        return None
    found: dict[str, tuple[str, ...]] = {}
    for family, ids in section.models.items():
        if family not in FAMILIES:
            report(
                ("models", family),
                f"there is no family {quote(family)}",
                suggest_known(family, FAMILIES),
            )
        elif not ids and family not in base.models:
            message = f"the id of {family} there is not known"
            remedy = f'Write {{ "{family}" = "the-id-there" }}, or be like a provider that has it.'
            report(("models", family), message, remedy)
        else:
            found[family] = ids or base.models[family]
    return found if len(found) == len(section.models) else None


def with_prices(provider: Provider, family: str, section: tuple[PriceSection, ...]) -> Provider:
    """The row with a user's own prices of one family, in place of all that the list says of it."""
    one = section[0]
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
    table = PriceTable(one.currency, one.date.isoformat(), one.source, rates)
    return replace(provider, custom_prices={**provider.custom_prices, family: table})


def with_limits(provider: Provider, section: LimitsSection, *, only_stricter: bool) -> Provider:
    """The row used as a user says; `only_lower` lets nothing become faster than it was."""
    jobs, most = provider.max_concurrent_jobs, provider.poll_max_seconds
    if section.jobs_at_once is not None:
        jobs = min(jobs, section.jobs_at_once) if only_stricter else section.jobs_at_once
    if section.poll_seconds is not None:
        asked = float(section.poll_seconds)
        most = max(most, asked) if only_stricter else asked
    least = min(provider.poll_min_seconds, most)
    return replace(
        provider, max_concurrent_jobs=jobs, poll_max_seconds=most, poll_min_seconds=least
    )


def suggest_known(name: str, known: Iterable[str]) -> str:
    """The known word that is near, and all of them."""
    return f"{did_you_mean(name, known)} There are: {', '.join(known)}.".strip()
