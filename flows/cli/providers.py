"""`shotchain providers`: list providers, their models and limits, and whether keys are set."""

from __future__ import annotations

import argparse
from typing import Any

from flows.cli.output import print_output
from tasks.config.loader import load_config
from tasks.providers import Provider
from tasks.providers.price_tables import FREE_PRICE_TABLE
from tasks.providers.prices import find_price_table
from tasks.providers.url_policy import redact_url
from tasks.settings import Settings, read_settings

EXAMPLES = """\
# which models there are, and which keys are set
shotchain providers
# with base URLs and price lists, for programs
shotchain providers --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `providers`: none beside `--json`."""


def run_command(arguments: argparse.Namespace) -> int:
    """List the providers and return the exit code. A key itself is never printed.

    Raises:
        InvalidConfiguration: The user's `shotchain.toml` is wrong.
    """
    settings = read_settings()
    config = load_config(settings)
    documents = [_provider_document(settings, provider) for provider in config.providers.values()]
    print_output(
        lambda: {"providers": documents},
        lambda: "\n".join(line for document in documents for line in _format_provider(document)),
        as_json=arguments.json,
    )
    return 0


def _provider_document(settings: Settings, provider: Provider) -> dict[str, Any]:
    is_free = provider.price_table == FREE_PRICE_TABLE
    return {
        "name": provider.name,
        "dialect": provider.dialect,
        "base_url": redact_url(settings.base_url(provider.name, provider.base_url)),
        "key_variable": None if is_free else provider.key_variable,
        "key_set": is_free or settings.api_key(provider.key_variable) is not None,
        "jobs_at_once": provider.max_concurrent_jobs,
        "limits_date": provider.limits_date or None,
        "currency": provider.currency or None,
        "file": provider.config_file or None,
        "models": {name: _model_document(provider, name) for name in provider.models},
    }


def _model_document(provider: Provider, name: str) -> dict[str, Any]:
    family, prices = provider.get_family(name), find_price_table(provider, name)
    return {
        "ids": list(provider.models[name]),
        "seconds": list(family.duration_range_seconds),
        "resolutions": list(family.resolutions),
        "first_frame": family.first_frame,
        "last_frame": family.last_frame,
        "reference_images": family.reference_images,
        "audio": family.audio,
        "seed": family.seed,
        "prices": {"currency": prices.currency, "date": prices.as_of, "source": prices.source}
        if prices
        else None,
    }


def _format_provider(document: dict[str, Any]) -> list[str]:
    """Return the lines of a provider: its dialect and key, and one line per model."""
    key = f"{document['key_variable']} is {'set' if document['key_set'] else 'not set'}"
    details = [document["dialect"], key if document["key_variable"] else "needs no key"]
    if document["limits_date"]:
        details.append(f"limits of {document['limits_date']}")
    if document["file"]:
        details.append(f"from {document['file']}")
    lines = [f"{document['name']}  ({'; '.join(details)})"]
    for name, model in document["models"].items():
        seconds = "-".join(map(str, model["seconds"]))
        sizes = " ".join(model["resolutions"])
        lines.append(f"  {name:22} {seconds:>5} s  {sizes:22} {model['ids'][0]}")
    return lines
