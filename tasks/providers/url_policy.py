"""Classify URLs as loopback, private or public, and remove secrets from URLs.

Pure: host names are not resolved here; the client checks the resolved addresses."""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from unicodedata import normalize
from urllib.parse import SplitResult, urlsplit, urlunsplit

_LOCAL_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback")
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa", ".lan")

# Proxies that answer DNS themselves ("fake IP") hand these out for every public host.
_BENCHMARK_NETWORK = ip_network("198.18.0.0/15")

# Providers' and overlay networks' own, which Python calls neither private nor global.
_SHARED_NETWORK = ip_network("100.64.0.0/10")

# Addresses that carry an IPv4 one in their last four bytes: NAT64, and two that are retired.
_IPV4_EMBEDDING_NETWORKS = tuple(map(ip_network, ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96")))

# Compiled when they are needed. JSON within a message may escape the slashes.
_URL = r"(?i)(https?|wss?|ftp|tos|s3):(?:\\?/){2}[^\s\"'<>`]+"
_DATA_URI = r"(?i)\bdata:[\w.+-]*/?[\w.+-]*;base64,[A-Za-z0-9+/=_-]*"


def is_loopback_url(url: str) -> bool:
    """Whether the URL's host is this machine, as it is written."""
    host = _host_of(url)
    if host in _LOCAL_NAMES or host.endswith(".localhost"):
        return True
    address = _parse_address(host)
    return address is not None and (address.is_loopback or address.is_unspecified)


def is_private_url(url: str) -> bool:
    """Whether the URL's host is this machine or its own network, as it is written."""
    host = _host_of(url)
    if host in _LOCAL_NAMES or host.endswith(_LOCAL_SUFFIXES):
        return True
    return is_private_address(host)


def is_private_address(address: str) -> bool:
    """Whether a literal address is loopback, private, link-local or no single host's at all."""
    found = _parse_address(address)
    if found is None:
        return False
    if isinstance(found, IPv6Address):
        inner = _embedded_ipv4(found)
        if inner is not None and is_private_address(str(inner)):
            return True
        if found.is_site_local:
            return True
    elif found in _BENCHMARK_NETWORK or found in _SHARED_NETWORK:
        return found in _SHARED_NETWORK
    # Link-local addresses count as private there.
    return found.is_private or found.is_loopback or found.is_multicast or found.is_unspecified


def _embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a gateway on the way would make of it."""
    if address.sixtofour is not None:
        return address.sixtofour
    if any(address in carrier for carrier in _IPV4_EMBEDDING_NETWORKS):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def redact_url(url: str) -> str:
    """The URL without user, query and fragment: what may stand in a log or an error."""
    parts = _try_urlsplit(url)
    if parts is None:
        return "…"
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, place, parts.path, "", ""))


def redact_urls(text: str) -> str:
    """The text with every URL in it redacted and every inlined file left out."""
    shorter = re.sub(_DATA_URI, "data:…", text)
    return re.sub(_URL, lambda found: redact_url(found[0].replace("\\/", "/")), shorter)


def _try_urlsplit(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _host_of(url: str) -> str:
    parts = _try_urlsplit(url)
    try:
        host = (parts.hostname or "") if parts else ""
    except ValueError:
        return ""
    # What a look-up makes of other scripts' digits and full stops: `127。0。0。1` is this machine.
    return normalize("NFKC", host).replace("\u3002", ".").lower().rstrip(".")


def _parse_address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is without a look-up, also in the odd spellings that C takes."""
    bare = host.strip("[]").partition("%")[0]
    try:
        found = ip_address(bare)
    except ValueError:
        return _parse_legacy_ipv4(bare)
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def _parse_legacy_ipv4(host: str) -> IPv4Address | None:
    if not re.fullmatch(r"(0x[0-9a-f]*|\d+)(\.(0x[0-9a-f]*|\d+)){0,3}", host):
        return None
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def is_http_url(url: str) -> bool:
    """Whether it is an http or https URL with a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def is_same_origin(first: str, second: str) -> bool:
    """Whether two URLs have scheme, host and port in common."""
    return _origin_of(first) == _origin_of(second)


def _origin_of(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        default = 443 if parts.scheme.lower() == "https" else 80
        return parts.scheme.lower(), parts.hostname or "", parts.port or default
    except ValueError:
        return "", url, None
