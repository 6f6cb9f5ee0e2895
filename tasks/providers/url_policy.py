"""Classify URLs as loopback, private or public, and remove secrets from URLs.

Pure: host names are not resolved here; the client checks the resolved addresses.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from unicodedata import normalize
from urllib.parse import SplitResult, urlsplit, urlunsplit

_LOCAL_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback")
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa", ".lan")

# Proxies that answer DNS themselves ("fake IP") return these addresses for every public host.
_BENCHMARK_NETWORK = ip_network("198.18.0.0/15")

# IPv6 networks with an IPv4 address in the last four bytes: NAT64, and two deprecated forms.
_IPV4_EMBEDDING_NETWORKS = tuple(map(ip_network, ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96")))

# NAT64 of a single network (RFC 8215), with IPv4 addresses at places of its own choice.
_LOCAL_NAT64_NETWORK = ip_network("64:ff9b:1::/48")

# Plain strings, compiled at first use. JSON inside a message may escape the slashes.
_URL = r"(?i)(https?|wss?|ftp|tos|s3):(?:\\?/){2}[^\s\"'<>`]+"
_DATA_URI = r"(?i)\bdata:[\w.+-]*/?[\w.+-]*;base64,[A-Za-z0-9+/=_-]*"


def is_loopback_url(url: str) -> bool:
    """Return True if the URL's host is this machine, without resolving names."""
    host = _host_of(url)
    if host in _LOCAL_NAMES or host.endswith(".localhost"):
        return True
    address = _parse_address(host)
    return address is not None and (address.is_loopback or address.is_unspecified)


def is_private_url(url: str) -> bool:
    """Return True if the host is this machine or in its network, without resolving names."""
    host = _host_of(url)
    if host in _LOCAL_NAMES or host.endswith(_LOCAL_SUFFIXES):
        return True
    address = _parse_address(host)
    return address is not None and not _is_global(address)


def is_private_address(address: str) -> bool:
    """Return True if the resolved address of a name is not an address of the internet.

    The exception is 198.18.0.0/15, which is reserved for benchmarks: proxies that answer DNS
    themselves return it for public names.
    """
    parsed = _parse_address(address)
    if parsed is None:
        return False
    return parsed not in _BENCHMARK_NETWORK and not _is_global(parsed)


def is_forbidden_address(address: str) -> bool:
    """Return True for an address that even a gateway in this network must not refer to.

    Link-local addresses have the services of a cloud that hand out credentials.
    """
    parsed = _parse_address(address)
    if parsed is None:
        return False
    if isinstance(parsed, IPv6Address):
        parsed = _embedded_ipv4(parsed) or parsed
    return parsed.is_link_local or parsed.is_multicast


def find_literal_address(url: str) -> str:
    """Return the address in a URL, also from a legacy spelling; empty if its host is a name."""
    address = _parse_address(_host_of(url))
    return "" if address is None else str(address)


def _is_global(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        if address in _LOCAL_NAT64_NETWORK or address.is_site_local:
            return False
        embedded = _embedded_ipv4(address)
        if embedded is not None and not _is_global(embedded):
            return False
    # Python calls multicast global, because its packets may leave the network.
    return address.is_global and not address.is_multicast


def _embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that a gateway would translate it to, or None."""
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    # The unspecified address and loopback are in ::/96 too, and embed nothing.
    if any(address in network for network in _IPV4_EMBEDDING_NETWORKS) and int(address) > 1:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def redact_url(url: str) -> str:
    """Return the URL without user, query and fragment, as logs and errors may contain it."""
    parts = _try_urlsplit(url)
    if parts is None:
        return "…"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def redact_urls(text: str) -> str:
    """Return the text with every URL redacted and every data URI removed."""
    without_data = re.sub(_DATA_URI, "data:…", text)
    return re.sub(_URL, lambda match: redact_url(match[0].replace("\\/", "/")), without_data)


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
    # Name resolution normalises other scripts' digits and full stops: `127。0。0。1` is loopback.
    return normalize("NFKC", host).replace("\u3002", ".").lower().rstrip(".")


def _parse_address(host: str) -> IPv4Address | IPv6Address | None:
    """Return a literal address, also in the legacy spellings that the C library accepts."""
    bare = host.strip("[]").partition("%")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return _parse_legacy_ipv4(bare)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _parse_legacy_ipv4(host: str) -> IPv4Address | None:
    if not re.fullmatch(r"(0x[0-9a-f]*|\d+)(\.(0x[0-9a-f]*|\d+)){0,3}", host):
        return None
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def is_http_url(url: str) -> bool:
    """Return True if it is an http or https URL with a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def is_same_origin(first: str, second: str) -> bool:
    """Return True if two URLs have the same scheme, host and port."""
    return _origin_of(first) == _origin_of(second)


def _origin_of(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        default = 443 if parts.scheme.lower() == "https" else 80
        return parts.scheme.lower(), parts.hostname or "", parts.port or default
    except ValueError:
        return "", url, None
