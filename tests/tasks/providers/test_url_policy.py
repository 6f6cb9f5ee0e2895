"""Loopback, private and public addresses, and URLs without their secrets."""

import pytest

from tasks.providers.url_policy import (
    is_forbidden_address,
    is_loopback_url,
    is_private_address,
    is_private_url,
    redact_url,
)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/api",
        "http://localhost/x",
        "http://LOCALHOST./x",
        "http://sim.localhost/x",
        "http://[::1]:9/x",
        "http://[::ffff:127.0.0.1]/x",
        "http://127.1/x",
        "http://2130706433/x",
        "http://0x7f000001/x",
        "http://127\u30020\uff0e0\uff61\uff11/x",
        "http://0.0.0.0:1/x",
        "http://user@127.0.0.1/x",
    ],
)
def test_loopback_is_detected_in_every_spelling(url):
    """A loopback URL is private as well."""
    assert is_loopback_url(url)
    assert is_private_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://ark.cn-beijing.volces.com/api/v3",
        "http://10.0.0.1/x",
        "http://127.0.0.1.example.com/x",
        "http://localhost.example.com/x",
        "http://example.com/127.0.0.1",
        "http://[broken/x",
        "",
    ],
)
def test_other_hosts_are_not_loopback(url):
    """Also hosts that only look like it."""
    assert not is_loopback_url(url)


@pytest.mark.parametrize(
    "host",
    [
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.1",
        "169.254.169.254",
        "[fd00::1]",
        "[fe80::1]",
        "[fec0::1]",
        "100.64.0.1",
        "[::127.0.0.1]",
        "[64:ff9b::10.0.0.1]",
        "[2002:a00:1::]",
        "[::ffff:0:192.168.0.1]",
        "[::ffff:10.0.0.1]",
        "[2001:0:4136:e378:8000:63bf:f5ff:fffe]",
        "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
        "[64:ff9b:1::8.8.8.8]",
        "[ff02::1]",
        "[2001:db8::1]",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.5",
        "nas.local",
    ],
)
def test_local_network_is_private(host):
    """A vendor must not refer to it."""
    assert is_private_url(f"http://{host}/latest/meta-data")


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "198.18.0.5", "64:ff9b::8.8.8.8", "not an address"]
)
def test_internet_is_not_private(address):
    """Neither are the addresses that a proxy invents for public names."""
    assert not is_private_address(address)


@pytest.mark.parametrize(
    ("address", "is_forbidden"),
    [
        ("169.254.169.254", True),
        ("fe80::1", True),
        ("::ffff:169.254.169.254", True),
        ("64:ff9b::169.254.169.254", True),
        ("10.0.0.6", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("8.8.8.8", False),
    ],
)
def test_link_local_addresses_are_always_forbidden(address, is_forbidden):
    """Clouds hand out credentials there; a gateway in this network has no files there."""
    assert is_forbidden_address(address) == is_forbidden


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://u:p@h.example:8443/a/b.mp4?X=1&Y=2#z", "https://h.example:8443/a/b.mp4"),
        ("https://h.example", "https://h.example"),
        ("http://[broken", "…"),
    ],
)
def test_redact_url_removes_secrets(url, expected):
    """User, query and fragment are removed."""
    assert redact_url(url) == expected
