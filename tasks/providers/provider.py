"""What a provider is: a row of data, and the models that its words stand for.

The rows themselves stand in `rows`, what a family can do everywhere in `models`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tasks.errors import UsageError
from tasks.providers.models import FAMILIES, Family

if TYPE_CHECKING:
    from tasks.providers.prices import PriceTable


class Model(NamedTuple):
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
    """The name of its price table; a name without a table has no known prices."""
    currency: str
    """What it bills in; empty where it costs nothing."""
    narrowed: Mapping[str, Family] = field(default_factory=dict)
    """Families that can do less here than elsewhere, or more."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Further exact ids that it takes, to their family."""
    endpoint_ids: bool = False
    """Whether `ep-…` ids of the account are taken as models."""
    lists: bool = False
    """Whether it is to be asked for its recent jobs, where its dialect can."""
    uploads: str = ""
    """Where files that the format takes by URL only are left with it, behind the base URL; empty
    where nothing documented takes them."""
    cancels: bool = False
    """Whether it gives queued jobs up, where its dialect can ask for it."""
    jobs_at_once: int = 5
    """Jobs of one account that run side by side."""
    poll_least_seconds: float = 2.0
    poll_most_seconds: float = 10.0
    create_read_timeout_seconds: float = 300.0
    """Long, for a create that times out is unclear, and inlined pictures take their time."""
    request_limit_bytes: int = 64_000_000
    typical_seconds: float = 120.0
    """How long a 5 s clip usually takes."""
    own_prices: Mapping[str, PriceTable] = field(default_factory=dict)
    """What the user says that families cost here, in place of the whole list price of each."""
    own_key_variable: str = ""
    """The environment variable that a configuration names for the API key."""
    configured_in: str = ""
    """The file that configures this provider; empty for a built-in one."""

    @property
    def key_variable(self) -> str:
        """The environment variable that holds the API key."""
        return self.own_key_variable or f"SHOTCHAIN_{self._upper}_API_KEY"

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
        near = suggestion(word, (*self.models, *self.exact_ids))
        return (
            f"{self.name} has no model {word!r}{near}; "
            f"it has the families {families} and the ids {ids}"
        )


def suggestion(word: str, known: Iterable[str]) -> str:
    """The known word that is nearest, as a question in brackets, or nothing."""
    # Only a wrong word needs it, and a right one should not pay for its import.
    from difflib import get_close_matches

    found = get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f" (did you mean {found[0]!r}?)" if found else ""


def _only(family: Family, model_id: str) -> Family:
    """The family as that one id serves it: lite's words and pictures have an id each."""
    if "-t2v-" in model_id:
        return family._replace(
            first_frame=False,
            last_frame=False,
            reference_images=0,
            reference_resolutions=(),
        )
    if "-i2v-" in model_id:
        return family._replace(text_to_video=False)
    return family
