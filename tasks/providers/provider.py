"""A provider: a row of data, and the model ids that its model names stand for.

The rows are in `catalog`, what a model family can do everywhere is in `families`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from storyboards.problems import join_or
from tasks.errors import NotConfigured, UsageError
from tasks.providers.families import FAMILIES, Family
from tasks.providers.names import explain_unknown_model, match_name
from tasks.providers.price_tables import PriceTable

_ALL_NAMES = "`shotchain providers` lists all providers and models."


class ProviderModel(NamedTuple):
    """A model as one provider serves it."""

    family: Family | None
    """The family's capabilities there; None for an endpoint id, whose model we cannot know."""
    id: str
    """The provider's own model id."""


class UnknownName(UsageError):
    """A provider or model name that does not exist. The author or user acts.

    Attributes:
        message: The problem in a sentence, without a full stop.
        remedy: The sentence with the candidates.
        meant: The only candidate; empty if there are none or several.
    """

    def __init__(self, message: str, candidates: Sequence[str], *, remedy: str = "") -> None:
        self.message = message
        self.meant = candidates[0] if len(candidates) == 1 else ""
        self.remedy = remedy or _ALL_NAMES
        if candidates:
            self.remedy = f"Did you mean {join_or(candidates)}?"
        super().__init__(f"{message}. {self.remedy}")


@dataclass(frozen=True)
class Provider:
    """An API that uses one of our dialects: where it is, its models, limits and prices."""

    name: str
    dialect: str
    base_url: str
    """Everything before the dialect's path; empty for the simulator, which we start ourselves."""
    models: Mapping[str, tuple[str, ...]]
    """Family name to model ids. Two ids: one for text alone, one for requests with an image."""
    price_table: str
    """The name of its price table. Without a table of that name the prices are unknown."""
    currency: str
    """The billing currency; empty if everything is free."""
    family_overrides: Mapping[str, Family] = field(default_factory=dict)
    """Families whose capabilities here differ from the general ones."""
    limits_date: str = ""
    """The day on which its pages were read; empty for the simulator and the user's gateways."""
    model_aliases: Mapping[str, str] = field(default_factory=dict)
    """Further accepted model ids, mapped to their family."""
    accepts_endpoint_ids: bool = False
    """True if the account's `ep-…` ids are accepted as models."""
    supports_listing: bool = False
    """True if recent jobs may be listed, provided that the dialect can."""
    shot_header: str = ""
    """The header of a create that names the shot. Only the simulator has one: it puts the id on the
    slate; a vendor gets nothing of it."""
    upload_path: str = ""
    """Appended to the base URL, to upload media that requests name by URL only; empty if no upload
    is documented."""
    supports_cancel: bool = False
    """True if queued jobs can be cancelled, provided that the dialect can."""
    max_concurrent_jobs: int = 5
    """Jobs of one account that run at the same time."""
    poll_min_seconds: float = 2.0
    poll_max_seconds: float = 10.0
    create_read_timeout_seconds: float = 300.0
    """Long, because a create that times out is unclear and inline images take time to process."""
    max_request_bytes: int = 64_000_000
    typical_job_seconds: float = 120.0
    """The usual time to render a 5 s clip."""
    custom_prices: Mapping[str, PriceTable] = field(default_factory=dict)
    """The user's own price table per family; replaces the list prices of that family entirely."""
    custom_key_variable: str = ""
    """The environment variable that a configuration file names for the API key."""
    config_file: str = ""
    """The file that configures this provider; empty for a built-in provider."""
    former_name: str = ""
    """The name of a gateway before it was renamed."""

    @property
    def record_name(self) -> str:
        """The name in keys and receipts, which a renamed gateway keeps."""
        return self.former_name or self.name

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
        """Every exact model id that the provider accepts."""
        ids = (model_id for family_ids in self.models.values() for model_id in family_ids)
        return (*ids, *self.model_aliases)

    def get_family(self, name: str) -> Family:
        """Return the capabilities of a family at this provider.

        Raises:
            KeyError: The provider does not serve the family.
        """
        if name not in self.models:
            raise KeyError(name)
        return self.family_overrides.get(name, FAMILIES[name])

    def resolve_model(self, name_or_id: str, *, with_image: bool) -> ProviderModel:
        """Return the model that a family name or an exact id stands for.

        Args:
            name_or_id: A family name such as `seedance-1.5-pro`, also as `Seedance 1.5 Pro`, or one
                of the provider's ids.
            with_image: True if the request contains an image, for families with two ids.

        Returns:
            The id to send, and the family narrowed to what that id can do.

        Raises:
            UnknownName: The provider has no such model.
        """
        if name_or_id in self.models:
            return self._resolve_family(name_or_id, with_image=with_image)
        name = self._find_family_name(name_or_id)
        if name is not None:
            return ProviderModel(_restrict_to_id(self.get_family(name), name_or_id), name_or_id)
        if self.accepts_endpoint_ids and name_or_id.startswith("ep-"):
            return ProviderModel(None, name_or_id)
        name = match_name(name_or_id, self.models)
        if name is not None:
            return self._resolve_family(name, with_image=with_image)
        raise self._unknown_model(name_or_id)

    def _resolve_family(self, name: str, *, with_image: bool) -> ProviderModel:
        ids = self.models[name]
        return ProviderModel(self.get_family(name), ids[-1] if with_image else ids[0])

    def _find_family_name(self, model_id: str) -> str | None:
        for name, ids in self.models.items():
            if model_id in ids:
                return name
        return self.model_aliases.get(model_id)

    def _unknown_model(self, name: str) -> UnknownName:
        message = f"{self.name} has no model {name!r}"
        candidates, remedy = explain_unknown_model(name, self.models)
        return UnknownName(message, candidates, remedy=remedy)


def missing_key_error(provider: Provider) -> NotConfigured:
    """Return the error for a provider whose API key is not set."""
    return NotConfigured(f"{provider.name} needs an API key; set {provider.key_variable}")


def _restrict_to_id(family: Family, model_id: str) -> Family:
    """Return the family as that id serves it: lite has one id for text and one for images."""
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
