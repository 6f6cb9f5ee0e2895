"""The proxies of the environment: which can be used, and how loopback is kept from all of them.

Works on mappings of variables; `settings` reads and writes those of the process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from urllib.parse import urlsplit

_PROXY_NAMES = ("http_proxy", "https_proxy", "all_proxy")
_EXCEPTIONS_NAME = "no_proxy"
_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
_SCHEMES = ("http", "https", "socks5", "socks5h")

# httpx fails on other entries, such as an IPv6 address in brackets.
_EXCEPTION = re.compile(r"[\w.*:/-]+")


def find_unusable_proxies(variables: Mapping[str, str]) -> dict[str, str]:
    """Return why each proxy that httpx cannot use is unusable, by the name of its variable."""
    reasons = {
        name: _find_fault(url)
        for name, url in variables.items()
        if name.lower() in _PROXY_NAMES and url
    }
    return {name: reason for name, reason in reasons.items() if reason}


def _find_fault(url: str) -> str:
    """Return why httpx cannot use a proxy, without the URL, which may hold a password."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        is_complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_complete = False
    if not is_complete:
        return "is not the URL of a proxy"
    if parts.scheme not in _SCHEMES:
        return f"names a proxy of the kind {parts.scheme}, not http, https or socks5"
    if parts.scheme.startswith("socks") and not find_spec("socksio"):
        return "names a SOCKS proxy, which needs the Python package socksio"
    return ""


def exclude_loopback(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables to set so that no proxy is used for this machine.

    Empty without a proxy: a variable alone would hide the proxies of the system's settings.
    """
    by_name = {name.lower(): value for name, value in variables.items() if value}
    if not any(name in by_name for name in _PROXY_NAMES):
        return {}
    # Python prefers the name in lower case.
    value = variables.get(_EXCEPTIONS_NAME) or by_name.get(_EXCEPTIONS_NAME, "")
    entries = (entry.strip(" \t[]") for entry in value.split(","))
    kept = [entry for entry in entries if _EXCEPTION.fullmatch(entry)]
    hosts = ",".join(dict.fromkeys([*kept, *_LOOPBACK_HOSTS]))
    return {_EXCEPTIONS_NAME: hosts, _EXCEPTIONS_NAME.upper(): hosts}


def is_proxy_variable(name: str) -> bool:
    """Return True if a variable sets a proxy, or what is excluded from it."""
    return name.lower() in (*_PROXY_NAMES, _EXCEPTIONS_NAME)
