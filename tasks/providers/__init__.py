"""Our end of the wire: who renders, in which wire format, with which models and limits.

    models        what each Seedance family can do, and the pixel sizes
    prices        tokens and dated list prices
    provider      what a row of the provider table is, and which model a word stands for
    rows          the rows: base URLs, ids, and what each vendor narrows
    contract      orders, calls, replies and what a reply means: what dialects and client agree on
    dialects/     one file per wire format: an order into a call, a reply into meaning; no I/O
    saying        what dialects share to say an order
    flags         parameters as words at the end of the prompt
    reading       what dialects share to read replies
    ark_jobs      the job object of Ark, which three dialects share
    video_jobs    the job object of `/videos`, which two dialects share
    complaints    what vendors' error bodies mean
    codes         what their error codes mean
    outcomes      what came of a request: the rule about money at the wire
    addresses     loopback, private addresses, URLs without their secrets
    patience      how long to wait between two questions, and when to give up
    encoding      bodies to bytes and back
    staging       a file that is whole or not there
    transfers     a download as it goes on
    conversation  the create, the questions, the wait, the list, the cancel
    client        the only HTTP, and what the shots use

This module is the provider table. A provider is a row of data; a gateway that speaks a known
dialect is one more row and no code, and a user's own comes from `shotchain.toml`. Importing it
reads no environment and starts no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tasks.errors import UsageError
from tasks.providers.catalog import BUILT_IN_PROVIDERS
from tasks.providers.provider import Provider, ProviderModel, format_suggestion

__all__ = ["PROVIDERS", "Provider", "ProviderModel", "find_provider"]

PROVIDERS: Mapping[str, Provider] = MappingProxyType({row.name: row for row in BUILT_IN_PROVIDERS})
"""Every built-in provider by its name; `tasks.config.config` adds the gateways of a user."""


def find_provider(name: str, providers: Mapping[str, Provider] | None = None) -> Provider:
    """The provider of that name, among the given ones or the built-in ones.

    Raises UsageError, which lists them all, for a name not known.
    """
    known = PROVIDERS if providers is None else providers
    if name in known:
        return known[name]
    near = format_suggestion(name, tuple(known))
    msg = f"there is no provider {name!r}{near}; there are: {', '.join(known)}"
    raise UsageError(msg)
