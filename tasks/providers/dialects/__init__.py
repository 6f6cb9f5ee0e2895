"""The registry of wire formats; this folder contains one module per format and nothing else.

To add a format, save exchanges from the vendor's pages under `tests/wire/`, write the module as a
subclass of `Dialect`, and add its row below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from tasks.providers.dialect import Dialect

__all__ = ["DIALECTS"]


class DialectRegistry(Mapping[str, Dialect]):
    """Dialects by name, each imported at its first use: a plan needs one of them."""

    def __init__(self, locations: Mapping[str, str]) -> None:
        """Create the registry.

        Args:
            locations: Dialect name to `module.Class` in this folder.
        """
        self._locations = locations
        self._dialects: dict[str, Dialect] = {}

    def __getitem__(self, name: str) -> Dialect:
        if name not in self._dialects:
            module, _, class_name = self._locations[name].partition(".")
            dialect_class = getattr(import_module(f"{__name__}.{module}"), class_name)
            self._dialects[name] = dialect_class()
        return self._dialects[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._locations)

    def __len__(self) -> int:
        return len(self._locations)


DIALECTS: Mapping[str, Dialect] = DialectRegistry(
    {
        "ark": "ark.Ark",
        "volc": "volc.Volc",
        "videos": "videos.Videos",
        "kkiai": "kkiai.Kkiai",
        "sora": "sora.Sora",
    }
)
"""Every dialect by the name that the provider table uses."""
