"""Our end of the wire: who renders, in which wire format, with which models and limits.

    models      what each Seedance family can do, and the pixel sizes
    prices      tokens and dated list prices
    contract    orders, calls, replies and what a reply means: what dialects and client agree on
    dialects/   one file per wire format: an order into a call, a reply into meaning; no I/O
    reading     what dialects share to read replies
    complaints  what vendors' error bodies mean
    codes       what their error codes mean
    outcomes    what came of a request: the rule about money at the wire
    addresses   loopback, private addresses, URLs without their secrets
    patience    how long to wait between two questions, and when to give up
    encoding    bodies to bytes and back
    staging     a file that is whole or not there
    transfers   a download as it goes on
    conversation  the create, the questions, the wait, the list, the cancel
    client      the only HTTP, and what the shots use

This module is the provider table. A provider is a row of data; a gateway that speaks a known
dialect is one more row and no code. Importing it reads no environment and starts no HTTP.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from tasks.errors import NotBuilt, UsageError
from tasks.providers.models import FAMILIES, Family

__all__ = ["LATER", "PROVIDERS", "Model", "Provider", "find_provider"]


@dataclass(frozen=True)
class Model:
    """A model as one provider serves it."""

    family: Family | None
    """What it can do there; None for an endpoint id, whose model only the account knows."""
    id: str
    """The provider's own id."""


@dataclass(frozen=True)
class Provider:
    """Somebody who speaks a dialect: where, with which models, how fast and at what price."""

    name: str
    dialect: str
    base_url: str
    """Up to, not including, the dialect's path; empty for the simulator, which is started."""
    models: Mapping[str, tuple[str, ...]]
    """Family to exact ids. Two ids: the first for words alone, the second beside a picture."""
    prices: str
    """The name of its price table."""
    currency: str
    """What it bills in; empty where it costs nothing."""
    narrowed: Mapping[str, Family] = field(default_factory=dict)
    """Families that can do less here than elsewhere."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Further exact ids that it takes, to their family."""
    endpoint_ids: bool = False
    """Whether `ep-…` ids of the account are taken as models."""
    jobs_at_once: int = 5
    """Jobs of one account that run side by side."""
    poll_least_seconds: float = 2.0
    poll_most_seconds: float = 10.0
    create_read_timeout_seconds: float = 300.0
    """Long, for a create that times out is unclear, and inlined pictures take their time."""
    request_limit_bytes: int = 64_000_000
    typical_seconds: float = 120.0
    """How long a 5 s clip usually takes."""

    @property
    def key_variable(self) -> str:
        """The environment variable that holds the API key."""
        return f"SHOTCHAIN_{self._upper}_API_KEY"

    @property
    def base_url_variable(self) -> str:
        """The environment variable that replaces the base URL."""
        return f"SHOTCHAIN_{self._upper}_BASE_URL"

    @property
    def _upper(self) -> str:
        return self.name.upper().replace("-", "_")

    @property
    def exact_ids(self) -> tuple[str, ...]:
        """Every exact id that it takes."""
        return (*(one for ids in self.models.values() for one in ids), *self.aliases)

    def family(self, name: str) -> Family:
        """What a family can do here. Raises KeyError where it is not served."""
        if name not in self.models:
            raise KeyError(name)
        return self.narrowed.get(name, FAMILIES[name])

    def model(self, word: str, *, with_frame: bool) -> Model:
        """The model that a family's name or an exact id stands for.

        `with_frame` tells whether any picture goes with the order, for a family with two ids.
        Raises UsageError, which lists what the provider has, for a word it does not know.
        """
        if word in self.models:
            ids = self.models[word]
            return Model(self.family(word), ids[-1] if with_frame else ids[0])
        for name, ids in self.models.items():
            if word in ids:
                return Model(_only(self.family(name), word), word)
        if word in self.aliases:
            return Model(_only(self.family(self.aliases[word]), word), word)
        if self.endpoint_ids and word.startswith("ep-"):
            return Model(None, word)
        raise UsageError(self._lacks(word))

    def _lacks(self, word: str) -> str:
        families = ", ".join(self.models)
        ids = ", ".join(self.exact_ids)
        return (
            f"{self.name} has no model {word!r}{_suggest(word, (*self.models, *self.exact_ids))}; "
            f"it has the families {families} and the ids {ids}"
        )


def _only(family: Family, model_id: str) -> Family:
    """The family as that one id serves it: lite's words and pictures have an id each."""
    if "-t2v-" in model_id:
        return replace(
            family,
            first_frame=False,
            last_frame=False,
            reference_images=0,
            reference_resolutions=(),
        )
    if "-i2v-" in model_id:
        return replace(family, text_to_video=False)
    return family


def _suggest(word: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f" (did you mean {found[0]!r}?)" if found else ""


_VOLCENGINE_IDS: Mapping[str, tuple[str, ...]] = {
    "seedance-2.5": ("doubao-seedance-2-5-260628",),
    "seedance-2.0": ("doubao-seedance-2-0-260128",),
    "seedance-2.0-fast": ("doubao-seedance-2-0-fast-260128",),
    "seedance-2.0-mini": ("doubao-seedance-2-0-mini-260615",),
    "seedance-1.5-pro": ("doubao-seedance-1-5-pro-251215",),
    "seedance-1.0-pro": ("doubao-seedance-1-0-pro-250528",),
    "seedance-1.0-pro-fast": ("doubao-seedance-1-0-pro-fast-251015",),
    "seedance-1.0-lite": (
        "doubao-seedance-1-0-lite-t2v-250428",
        "doubao-seedance-1-0-lite-i2v-250428",
    ),
}

_BYTEPLUS_IDS: Mapping[str, tuple[str, ...]] = {
    "seedance-2.5": ("dreamina-seedance-2-5-260628",),
    "seedance-2.0": ("dreamina-seedance-2-0-260128",),
    "seedance-2.0-fast": ("dreamina-seedance-2-0-fast-260128",),
    "seedance-2.0-mini": ("dreamina-seedance-2-0-mini-260615",),
    "seedance-1.5-pro": ("seedance-1-5-pro-251215",),
    "seedance-1.0-pro": ("seedance-1-0-pro-250528",),
    "seedance-1.0-pro-fast": ("seedance-1-0-pro-fast-251015",),
    "seedance-1.0-lite": ("seedance-1-0-lite-t2v-250428", "seedance-1-0-lite-i2v-250428"),
}


def _without_web_search(names: Iterable[str]) -> dict[str, Family]:
    """Overseas nodes do not search the web (powertokens' create page)."""
    families = (FAMILIES[name] for name in names)
    return {one.name: replace(one, web_search=False) for one in families if one.web_search}


_ROWS = (
    Provider(
        name="simulator",
        dialect="ark",
        base_url="",
        models=_VOLCENGINE_IDS,
        aliases={one: name for name, ids in _BYTEPLUS_IDS.items() for one in ids},
        prices="free",
        currency="",
        jobs_at_once=4,
        poll_least_seconds=0.1,
        poll_most_seconds=2.0,
        typical_seconds=1.0,
    ),
    Provider(
        name="ark",
        dialect="ark",
        base_url="https://ark.cn-beijing.volces.com/api/v3",
        models=_VOLCENGINE_IDS,
        prices="volcengine",
        currency="CNY",
        endpoint_ids=True,
        # Volcengine's table of online limits (2026-04): ten side by side, five on lite.
        jobs_at_once=10,
    ),
    Provider(
        name="modelark",
        dialect="ark",
        base_url="https://ark.ap-southeast.bytepluses.com/api/v3",
        models=_BYTEPLUS_IDS,
        narrowed=_without_web_search(_BYTEPLUS_IDS),
        prices="byteplus",
        currency="USD",
        endpoint_ids=True,
        # Measured on an individual account; larger accounts have more.
        jobs_at_once=3,
    ),
)

PROVIDERS: Mapping[str, Provider] = MappingProxyType({row.name: row for row in _ROWS})
"""Every provider that works, by its name."""

LATER = (
    "powertokens",
    "cometapi-volc",
    "cometapi-videos",
    "kkiai",
    "kkiai-2",
    "infinity-blue",
)
"""Known providers whose rows are still to come."""


def find_provider(name: str) -> Provider:
    """The provider of that name.

    Raises NotBuilt for one of LATER, and UsageError, which lists them all, for a name not known.
    """
    if name in PROVIDERS:
        return PROVIDERS[name]
    if name in LATER:
        msg = f"the provider {name} is not built yet; these are: {', '.join(PROVIDERS)}"
        raise NotBuilt(msg)
    known = (*PROVIDERS, *LATER)
    msg = f"there is no provider {name!r}{_suggest(name, known)}; there are: {', '.join(PROVIDERS)}"
    raise UsageError(msg)
