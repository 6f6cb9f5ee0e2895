"""Proxies of the environment that can be used, and none of them for this machine."""

from __future__ import annotations

import httpx
import pytest

from tasks.proxies import exclude_loopback, find_unusable_proxies
from tasks.settings import child_environment, exclude_loopback_from_proxies

PROXY = "http://user:pa55@proxy.example:3128"


@pytest.mark.parametrize(
    ("name", "url", "reason"),
    [
        ("ALL_PROXY", "socks://127.0.0.1:1080/", "of the kind socks"),
        ("all_proxy", "socks4://127.0.0.1:1080", "of the kind socks4"),
        ("HTTPS_PROXY", "http://proxy.example:port", "not the URL of a proxy"),
        ("HTTP_PROXY", "::::", "not the URL of a proxy"),
        ("HTTP_PROXY", PROXY, ""),
        ("https_proxy", "proxy.example:3128", ""),
    ],
)
def test_unusable_proxy_is_named_with_reason(name: str, url: str, reason: str) -> None:
    """The name of the variable and the reason are returned, and never the URL."""
    unusable = find_unusable_proxies({name: url, "OTHER_PROXY": "::::"})

    assert list(unusable) == ([name] if reason else [])
    assert reason in unusable.get(name, "")
    assert "pa55" not in str(unusable)


def test_socks_proxy_needs_a_package(monkeypatch) -> None:
    """The HTTP client fails without socksio, even if no request needs the proxy."""
    monkeypatch.setattr("tasks.proxies.find_spec", lambda _: None)
    unusable = find_unusable_proxies({"ALL_PROXY": "socks5://127.0.0.1:1080"})
    assert "socksio" in unusable["ALL_PROXY"]

    monkeypatch.setattr("tasks.proxies.find_spec", lambda name: name)
    assert find_unusable_proxies({"ALL_PROXY": "socks5://127.0.0.1:1080"}) == {}


@pytest.mark.parametrize(
    ("variables", "hosts"),
    [
        ({"HTTP_PROXY": PROXY}, "127.0.0.1,localhost,::1"),
        ({"ALL_PROXY": PROXY, "NO_PROXY": "a.example, b"}, "a.example,b,127.0.0.1,localhost,::1"),
        ({"http_proxy": PROXY, "NO_PROXY": "a", "no_proxy": "b"}, "b,127.0.0.1,localhost,::1"),
        ({"HTTP_PROXY": PROXY, "NO_PROXY": "[::1],{x}"}, "::1,127.0.0.1,localhost"),
    ],
)
def test_loopback_is_excluded_in_both_spellings(variables: dict[str, str], hosts: str) -> None:
    """Hosts that the user excludes stay excluded; entries that httpx fails on are left out."""
    assert exclude_loopback(variables) == {"no_proxy": hosts, "NO_PROXY": hosts}


def test_nothing_is_set_without_proxy() -> None:
    """The variable alone would hide the proxies of the system's settings on macOS."""
    assert exclude_loopback({"NO_PROXY": "a.example", "HTTP_PROXY": ""}) == {}


def test_process_uses_no_proxy_on_loopback(monkeypatch) -> None:
    """A client that trusts the environment can be built, and has a proxy for vendors only."""
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "[::1]")
    monkeypatch.delenv("no_proxy", raising=False)
    exclude_loopback_from_proxies(drop_unusable=True)
    environment = child_environment({})

    with httpx.Client() as client:
        direct = client._transport_for_url(httpx.URL("http://127.0.0.1:4200"))
        proxied = client._transport_for_url(httpx.URL("https://vendor.example"))
    assert direct is client._transport
    assert proxied is not client._transport
    assert not [name for name in environment if name.lower().endswith("_proxy")]
