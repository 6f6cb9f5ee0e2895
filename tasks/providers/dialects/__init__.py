"""The wire formats: one file each, and nothing else in this folder.

A dialect is pure: it is handed an order or a reply and hands back a call or a meaning. To add one,
save exchanges from the vendor's page under `tests/wire/`, write the file, and add its row below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from tasks.providers.dialect import Dialect

__all__ = ["DIALECTS"]


class DialectRegistry(Mapping[str, Dialect]):
    """Dialects by name, each imported when it is first asked for: a plan needs one of them."""

    def __init__(self, homes: Mapping[str, str]) -> None:
        self._homes = homes
        self._dialects: dict[str, Dialect] = {}

    def __getitem__(self, name: str) -> Dialect:
        if name not in self._dialects:
            module, _, kind = self._homes[name].partition(".")
            self._dialects[name] = getattr(import_module(f"{__name__}.{module}"), kind)()
        return self._dialects[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __len__(self) -> int:
        return len(self._homes)


DIALECTS: Mapping[str, Dialect] = DialectRegistry(
    {
        "ark": "ark.Ark",
        "volc": "volc.Volc",
        "videos": "videos.Videos",
        "kkiai": "kkiai.Kkiai",
        "sora": "sora.Sora",
    }
)
"""Every dialect by the name that provider rows give."""
