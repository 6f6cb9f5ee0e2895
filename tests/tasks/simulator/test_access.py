"""The simulator serves programs of this machine, not web pages that are open on it."""

from __future__ import annotations

import httpx
import pytest

from tasks.simulator.access import ADMIN_HEADER
from tests.support.simulator_requests import minimal_request

ADMIN_ROUTES = [
    ("GET", "/admin/faults"),
    ("POST", "/admin/faults"),
    ("DELETE", "/admin/faults"),
    ("GET", "/admin/ledger"),
    ("GET", "/admin/clock"),
    ("POST", "/admin/clock"),
]
FAULT = '{"kind": "throttled", "operation": "create"}'


@pytest.mark.parametrize(("method", "path"), ADMIN_ROUTES)
def test_admin_route_without_header_is_forbidden(simulator, method: str, path: str) -> None:
    """A request that a page can send without permission changes and shows nothing."""
    headers = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
    url = simulator.base_url + path
    response = httpx.request(method, url, content=FAULT, headers=headers, trust_env=False)

    assert response.status_code == 403
    assert ADMIN_HEADER in response.json()["error"]
    assert simulator.faults.pending() == []


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_admin_header_is_not_permitted_to_pages(simulator, method: str) -> None:
    """A browser asks before it sends the header for a page, and gets no permission."""
    response = simulator.client.options(
        f"{simulator.base_url}/admin/faults",
        headers={
            "Origin": "https://evil.example",
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": ADMIN_HEADER,
        },
    )

    assert not [name for name in response.headers if name.startswith("access-control")]
    assert response.status_code >= 400


@pytest.mark.parametrize(
    "path", ["/", "/admin/faults", "/files/a.mp4", "/simulator/api/v3/contents/generations/tasks"]
)
@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_request_for_other_host_is_rejected(simulator, path: str, host: str) -> None:
    """A name of a page's own that points to loopback is not served, on any route."""
    response = simulator.client.post(
        simulator.base_url + path, json=minimal_request(), headers={"Host": host}
    )

    assert response.status_code == 421
    assert simulator.log() == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_request_for_this_machine_is_served(stalled, host: str) -> None:
    """Each name of loopback works, with and without a port."""
    for name in (host, f"{host}:{stalled.base_url.rpartition(':')[2]}"):
        response = stalled.post(minimal_request(), headers={"Host": name})

        assert response.status_code == 200
