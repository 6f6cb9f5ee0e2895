"""Rows of the provider table out of a user's words: gateways, own prices, limits.

A gateway is as able as the built-in row that it is like; where it names none, as able as its
dialect has words for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from storyboards.problems import did_you_mean
from storyboards.terminal_text import quote
from tasks.configuration.words import GatewayWritten, LimitsWritten, PriceWritten
from tasks.providers import Provider
from tasks.providers.dialects import DIALECTS
from tasks.providers.models import FAMILIES
from tasks.providers.prices import FREE, PriceTable, Rate
from tasks.providers.rows import IN_DIALECT

Tell = Callable[[tuple[str, ...], str, str], None]
"""Tells a problem: the path within what is looked at, the message, the remedy."""

_CURRENCY = "USD"


def make_row(
    name: str, written: GatewayWritten, *, built_in: Mapping[str, Provider], tell: Tell
) -> Provider | None:
    """The row of a gateway; None where `tell` was told why there is none."""
    base = _base(written, built_in, tell)
    models = _models(written, base, tell) if base else None
    if base is None or models is None:
        return None
    said = {
        word: value
        for word in ("currency", "jobs_at_once", "lists", "cancels")
        if (value := getattr(written, word)) is not None
    }
    narrowed = {family: one for family, one in base.narrowed.items() if family in models}
    if written.like is None:
        narrowed = {family: IN_DIALECT[base.dialect](family) for family in models}
    row = replace(
        base,
        name=name,
        base_url=written.base_url,
        models=models,
        narrowed=narrowed,
        prices="",
        own_key_variable=written.key,
    )
    return replace(row, **said)


def _base(written: GatewayWritten, built_in: Mapping[str, Provider], tell: Tell) -> Provider | None:
    """The row that fills in what the gateway does not say."""
    like, dialect = written.like, written.dialect
    paid = {name: row for name, row in built_in.items() if row.prices != FREE}
    if like is not None and like not in paid:
        tell(("like",), f"there is no provider {quote(like)} to be like", offer(like, paid))
    elif dialect is not None and dialect not in DIALECTS:
        tell(("dialect",), f"there is no dialect {quote(dialect)}", offer(dialect, DIALECTS))
    elif like is not None and dialect not in (None, paid[like].dialect):
        message = f"{like} speaks {paid[like].dialect}, not {dialect}"
        tell(("dialect",), message, "Leave out dialect, or like.")
    elif like is not None:
        return paid[like]
    elif dialect is None:
        tell((), "the gateway names no dialect", f"Add dialect, one of {', '.join(DIALECTS)}.")
    else:
        return Provider("", dialect, "", {}, prices="", currency=_CURRENCY)
    return None


def _models(
    written: GatewayWritten, base: Provider, tell: Tell
) -> Mapping[str, tuple[str, ...]] | None:
    """Family to ids; those without an id of their own have the ids of the row it is like."""
    if written.models is None and base.models:
        return base.models
    if not written.models:
        remedy = 'Add models = { "seedance-2.0" = "the-id-there" }, or like.'
        tell(("models",), "the gateway names no models", remedy)
        return None
    found: dict[str, tuple[str, ...]] = {}
    for family, ids in written.models.items():
        if family not in FAMILIES:
            tell(("models", family), f"there is no family {quote(family)}", offer(family, FAMILIES))
        elif not ids and family not in base.models:
            message = f"the id of {family} there is not known"
            remedy = f'Write {{ "{family}" = "the-id-there" }}, or be like a provider that has it.'
            tell(("models", family), message, remedy)
        else:
            found[family] = ids or base.models[family]
    return found if len(found) == len(written.models) else None


def with_prices(row: Provider, family: str, written: tuple[PriceWritten, ...]) -> Provider:
    """The row with a user's own prices of one family, in place of all that the list says of it."""
    one = written[0]
    rates = tuple(
        Rate(
            family,
            price.per_million_tokens,
            resolutions=price.resolutions,
            audio=price.audio,
            video_input=price.video_input,
            flex=price.flex,
        )
        for price in written
    )
    table = PriceTable(one.currency, one.date.isoformat(), one.source, rates)
    return replace(row, own_prices={**row.own_prices, family: table})


def with_limits(row: Provider, written: LimitsWritten, *, only_lower: bool) -> Provider:
    """The row used as a user says; `only_lower` lets nothing become faster than it was."""
    jobs, most = row.jobs_at_once, row.poll_most_seconds
    if written.jobs_at_once is not None:
        jobs = min(jobs, written.jobs_at_once) if only_lower else written.jobs_at_once
    if written.poll_seconds is not None:
        asked = float(written.poll_seconds)
        most = max(most, asked) if only_lower else asked
    least = min(row.poll_least_seconds, most)
    return replace(row, jobs_at_once=jobs, poll_most_seconds=most, poll_least_seconds=least)


def offer(word: str, known: Iterable[str]) -> str:
    """The known word that is near, and all of them."""
    return f"{did_you_mean(word, known)} There are: {', '.join(known)}.".strip()
