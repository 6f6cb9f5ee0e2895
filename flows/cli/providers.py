"""What `providers` tells: every row of the table and whether its key is set, never a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.providers import Provider
from tasks.providers.price_tables import FREE_PRICE_TABLE
from tasks.providers.prices import find_price_table
from tasks.providers.url_policy import redact_url
from tasks.settings import Settings


def list_providers(
    settings: Settings, providers: Mapping[str, Provider]
) -> tuple[dict[str, Any], str]:
    """Every provider as a document and as text: dialect, models, limits, where it comes from."""
    rows = [_row(settings, row) for row in providers.values()]
    return {"providers": rows}, "\n".join(line for row in rows for line in _lines(row))


def _row(settings: Settings, row: Provider) -> dict[str, Any]:
    free = row.price_table == FREE_PRICE_TABLE
    return {
        "name": row.name,
        "dialect": row.dialect,
        "base_url": redact_url(settings.base_url(row.name, row.base_url)),
        "key_variable": None if free else row.key_variable,
        "key_set": free or settings.api_key(row.key_variable) is not None,
        "jobs_at_once": row.max_concurrent_jobs,
        "currency": row.currency or None,
        "file": row.config_file or None,
        "models": {name: _model(row, name) for name in row.models},
    }


def _model(row: Provider, name: str) -> dict[str, Any]:
    family, table = row.get_family(name), find_price_table(row, name)
    return {
        "ids": list(row.models[name]),
        "seconds": list(family.duration_range_seconds),
        "resolutions": list(family.resolutions),
        "first_frame": family.first_frame,
        "last_frame": family.last_frame,
        "reference_images": family.reference_images,
        "audio": family.audio,
        "seed": family.seed,
        "prices": {"currency": table.currency, "date": table.as_of, "source": table.source}
        if table
        else None,
    }


def _lines(row: dict[str, Any]) -> list[str]:
    key = f"{row['key_variable']} is {'set' if row['key_set'] else 'not set'}"
    said = [row["dialect"], key if row["key_variable"] else "needs no key"]
    if row["file"]:
        said.append(f"from {row['file']}")
    lines = [f"{row['name']}  ({'; '.join(said)})"]
    for name, model in row["models"].items():
        seconds = "-".join(str(one) for one in model["seconds"])
        sizes = " ".join(model["resolutions"])
        lines.append(
            f"  {name.ljust(22)} {seconds.rjust(5)} s  {sizes.ljust(22)} {model['ids'][0]}"
        )
    return lines
