"""Our side of the vendors' APIs: provider table, model families, prices, wire formats, HTTP client.

    families         capabilities, limits and pixel sizes of each Seedance family
    price_tables     dated list prices
    prices           tokens and prices of a clip
    names            names of models and providers as people type them
    provider         one provider: base URL, models, limits; resolves model names
    catalog          the built-in providers
    types            requests, calls, responses and job states
    dialect          base class of the wire formats
    dialects/        one module per wire format; pure functions
    request_fields   helpers that build requests: media, form fields, prompt flags
    response_fields  helpers that parse responses: single fields, errors, job objects
    error_codes      table of vendor error codes
    error_mapping    error bodies to exceptions
    outcomes         result of a create or a query: accepted, rejected or unclear
    url_policy       loopback and private addresses; URLs without secrets
    polling          poll intervals, retry delays, job time-outs
    downloads        resumable downloads to a file or into memory
    http_bodies      bodies of requests and responses, with size limits
    http_transport   one HTTP exchange
    api_key          the API key of one provider, kept out of errors
    client           jobs of one provider: create, query, wait, list, cancel, upload, download

A provider is a row of data: a gateway that uses a known dialect needs a row and no code, and a
user's own gateway comes from `shotchain.toml`. Importing this package reads no environment
variable and loads no HTTP library. Modules of this package import each other directly, never this
facade, so that imports stay free of circles.
"""

from __future__ import annotations

from tasks.providers.catalog import PROVIDERS, find_provider
from tasks.providers.provider import Provider, ProviderModel, UnknownName, missing_key_error

__all__ = [
    "PROVIDERS",
    "Provider",
    "ProviderModel",
    "UnknownName",
    "find_provider",
    "missing_key_error",
]
