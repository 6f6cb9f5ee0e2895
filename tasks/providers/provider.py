"""What a provider is: a row of data, and the models that its words stand for.

The rows themselves stand in `rows`, what a family can do everywhere in `models`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tasks.errors import NotConfigured, UsageError
from tasks.providers.families import FAMILIES, Family

if TYPE_CHECKING:
    from tasks.providers.prices import PriceTable


class ProviderModel(NamedTuple):
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
    price_table: str
    """The name of its price table; a name without a table has no known prices."""
    currency: str
    """What it bills in; empty where it costs nothing."""
    family_overrides: Mapping[str, Family] = field(default_factory=dict)
    """Families that can do less here than elsewhere, or more."""
    model_aliases: Mapping[str, str] = field(default_factory=dict)
    """Further exact ids that it takes, to their family."""
    accepts_endpoint_ids: bool = False
    """Whether `ep-…` ids of the account are taken as models."""
    supports_listing: bool = False
    """Whether it is to be asked for its recent jobs, where its dialect can."""
    upload_path: str = ""
    """Where files that the format takes by URL only are left with it, behind the base URL; empty
    where nothing documented takes them."""
    supports_cancel: bool = False
    """Whether it gives queued jobs up, where its dialect can ask for it."""
    max_concurrent_jobs: int = 5
    """Jobs of one account that run side by side."""
    poll_min_seconds: float = 2.0
    poll_max_seconds: float = 10.0
    create_read_timeout_seconds: float = 300.0
    """Long, for a create that times out is unclear, and inlined pictures take their time."""
    max_request_bytes: int = 64_000_000
    typical_job_seconds: float = 120.0
    """How long a 5 s clip usually takes."""
    custom_prices: Mapping[str, PriceTable] = field(default_factory=dict)
    """What the user says that families cost here, in place of the whole list price of each."""
    custom_key_variable: str = ""
    """The environment variable that a configuration names for the API key."""
    config_file: str = ""
    """The file that configures this provider; empty for a built-in one."""

    def missing_key_error(self) -> NotConfigured:
        """Return the error for a run that needs this provider's key and has none."""
        return NotConfigured(f"{self.name} needs a key: set {self.key_variable}")

    @property
    def key_variable(self) -> str:
        """The environment variable that holds the API key."""
        return self.custom_key_variable or f"SHOTCHAIN_{self._variable_name}_API_KEY"

    @property
    def base_url_variable(self) -> str:
        """The environment variable that replaces the base URL."""
        return f"SHOTCHAIN_{self._variable_name}_BASE_URL"

    @property
    def _variable_name(self) -> str:
        return self.name.upper().replace("-", "_")

    @property
    def model_ids(self) -> tuple[str, ...]:
        """Every exact id that it takes."""
        return (*(one for ids in self.models.values() for one in ids), *self.model_aliases)

    def get_family(self, name: str) -> Family:
        """What a family can do here. Raises KeyError where it is not served."""
        if name not in self.models:
            raise KeyError(name)
        return self.family_overrides.get(name, FAMILIES[name])

    def resolve_model(self, name_or_id: str, *, with_image: bool) -> ProviderModel:
        """The model that a family's name or an exact id stands for.

        `with_frame` tells whether any picture goes with the order, for a family with two ids.
        Raises UsageError, which lists what the provider has, for a word it does not know.
        """
        if name_or_id in self.models:
            ids = self.models[name_or_id]
            return ProviderModel(self.get_family(name_or_id), ids[-1] if with_image else ids[0])
        for name, ids in self.models.items():
            if name_or_id in ids:
                return ProviderModel(_restrict_to_id(self.get_family(name), name_or_id), name_or_id)
        if name_or_id in self.model_aliases:
            return ProviderModel(
                _restrict_to_id(self.get_family(self.model_aliases[name_or_id]), name_or_id),
                name_or_id,
            )
        if self.accepts_endpoint_ids and name_or_id.startswith("ep-"):
            return ProviderModel(None, name_or_id)
        raise UsageError(self._format_unknown_model(name_or_id))

    def _format_unknown_model(self, word: str) -> str:
        families = ", ".join(self.models)
        ids = ", ".join(self.model_ids)
        near = format_suggestion(word, (*self.models, *self.model_ids))
        return (
            f"{self.name} has no model {word!r}{near}; "
            f"it has the families {families} and the ids {ids}"
        )


def format_suggestion(word: str, known: Iterable[str]) -> str:
    """The known word that is nearest, as a question in brackets, or nothing."""
    # Only a wrong word needs it, and a right one should not pay for its import.
    from difflib import get_close_matches

    found = get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f" (did you mean {found[0]!r}?)" if found else ""


def _restrict_to_id(family: Family, model_id: str) -> Family:
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
