"""The wire formats: one file each, and nothing else in this folder.

A dialect is pure: it is handed an order or a reply and hands back a call or a meaning. To add one,
save exchanges from the vendor's page under `tests/wire/`, write the file, and add its row below.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tasks.providers.contract import Dialect
from tasks.providers.dialects.ark import Ark
from tasks.providers.dialects.kkiai import Kkiai
from tasks.providers.dialects.sora import Sora
from tasks.providers.dialects.videos import Videos
from tasks.providers.dialects.volc import Volc

__all__ = ["DIALECTS"]

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {"ark": Ark(), "volc": Volc(), "videos": Videos(), "kkiai": Kkiai(), "sora": Sora()}
)
"""Every dialect by the name that provider rows give."""
