"""Fault injection: matching, counting, validation, and the admin routes.

The effect of each kind is checked in test_fault_kinds.
"""

from __future__ import annotations

import time

import httpx
import pytest

from tasks.simulator.clock import SystemClock
from tasks.simulator.faults import KINDS, MOMENTS, Faults, describe_faults
from tests.support.simulator_requests import download, minimal_request, served, text_item


def test_fault_applies_as_often_as_injected(stalled) -> None:
    """Afterwards the same request succeeds, and only that one creates a job."""
    stalled.faults.inject("throttled", operation="create", times=2)

    responses = [stalled.post(minimal_request()) for _ in range(3)]

    assert [response.status_code for response in responses] == [429, 429, 200]
    assert stalled.created_jobs() == {"simulator": 1}


def test_fault_applies_only_to_matching_requests(stalled) -> None:
    """Mount, operation and text must match."""
    stalled.faults.inject("server_error", mount="ark")
    stalled.faults.inject("server_error", operation="get", match="storm")

    calm, storm = stalled.create(), stalled.create(content=[text_item("A storm.")])

    assert stalled.get(calm).status_code == 200
    assert [stalled.get(storm).status_code for _ in range(2)] == [500, 200]
    ark = stalled.at("ark")
    assert [ark.post(minimal_request()).status_code for _ in range(2)] == [500, 200]


def test_fault_after_lets_requests_through(stalled) -> None:
    """`after` is the number of matching requests that are let through."""
    stalled.faults.inject("server_error", operation="create", after=1)

    statuses = [stalled.post(minimal_request()).status_code for _ in range(3)]

    assert statuses == [200, 500, 200]


def test_faults_of_different_moments_apply_together(simulator) -> None:
    """One create gets a job that fails, and no response."""
    simulator.faults.inject("job_failed")
    simulator.faults.inject("lost_reply", operation="create")
    with pytest.raises(httpx.RemoteProtocolError):
        simulator.post(minimal_request())
    simulator.clock.advance(10)

    assert simulator.list_jobs()["items"][0]["status"] == "failed"


def test_close_does_not_wait_for_stalled_response(tmp_path) -> None:
    """The server stops at once although a response is still due."""
    with served(tmp_path) as client:
        client.faults.inject("job_stalls")
        client.faults.inject("stall", operation="create", seconds=60)
        with pytest.raises(httpx.ReadTimeout):
            client.post(minimal_request(), timeout=0.2)
        start = time.monotonic()

    assert time.monotonic() - start < 10


def test_admin_faults_are_injected_and_removed(simulator) -> None:
    """A fault posted to the admin route is pending, applies, is logged, and can be removed."""
    url = f"{simulator.base_url}/admin/faults"
    fault = {"kind": "throttled", "mount": "simulator", "operation": "create", "times": 2}

    injected = simulator.client.post(url, json=fault).json()
    response = simulator.post(minimal_request())
    ledger = simulator.client.get(f"{simulator.base_url}/admin/ledger").json()
    remaining = simulator.client.delete(url).json()["pending"]

    assert [(item["kind"], item["times"]) for item in injected["pending"]] == [("throttled", 2)]
    assert response.status_code == 429
    entries = [(entry["operation"], entry["faults"]) for entry in ledger["entries"]]
    assert entries == [("create", ["throttled"])]
    assert ledger["creates"] == {}
    assert remaining == []


def test_admin_clock_advances_manual_clock(simulator) -> None:
    """The clock only moves forward."""
    url = f"{simulator.base_url}/admin/clock"
    before = simulator.clock.now()

    advanced = simulator.client.post(url, json={"advance_seconds": 60})
    rejected = simulator.client.post(url, json={"advance_seconds": -1})

    assert advanced.json() == {"now": before + 60, "manual": True}
    assert rejected.status_code == 400
    assert simulator.clock.now() == before + 60


def test_admin_clock_rejects_system_clock(tmp_path) -> None:
    """The system clock can't be advanced."""
    with served(tmp_path, clock=SystemClock()) as client:
        url = f"{client.base_url}/admin/clock"
        response = client.client.post(url, json={"advance_seconds": 1})

    assert response.status_code == 409


def test_log_contains_no_signature_and_no_key(rendering) -> None:
    """The log has paths without their query, and no headers."""
    download(rendering.wait_for_job(rendering.create())["content"]["video_url"])

    text = (rendering.root / "ledger.jsonl").read_text()

    assert "/files/" in text
    assert "X-Tos" not in text
    assert "Bearer" not in text


def test_inject_of_unknown_name_is_rejected() -> None:
    """A misspelt kind or option must not pass for a fault that never applied."""
    faults = Faults()

    with pytest.raises(ValueError, match="unknown fault 'trottled'"):
        faults.inject("trottled")
    with pytest.raises(ValueError, match="no option 'status'"):
        faults.inject("throttled", status=500)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"times": "2"}, "`times` must be an integer"),
        ({"times": 1.5}, "`times` must be an integer"),
        ({"times": -2}, "`times` must be an integer of at least -1"),
        ({"times": True}, "`times` must be an integer"),
        ({"after": -1}, "`after` must be an integer of at least 0"),
        ({"operation": "creat"}, "unknown operation 'creat'"),
        ({"seconds": "soon"}, "`seconds` must be a number"),
        ({"seconds": float("nan")}, "`seconds` must be a number"),
        ({"seconds": -1}, "`seconds` must be a number of at least 0"),
    ],
    ids=str,
)
def test_inject_of_invalid_option_is_rejected(options, message) -> None:
    """A value that would fail later, or never apply, is rejected at once."""
    faults = Faults()

    with pytest.raises(ValueError, match=message):
        faults.inject("stall", **options)

    assert faults.pending() == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"kind": "stall", "mount": "arc"}', "unknown mount 'arc'"),
        (b'{"kind": "earthquake"}', "unknown fault 'earthquake'"),
        (b"kind=stall", "kind"),
    ],
)
def test_admin_faults_rejects_invalid_body(simulator, body, message) -> None:
    """An unknown mount or kind, and a body that is not JSON, are a 400."""
    response = simulator.client.post(f"{simulator.base_url}/admin/faults", content=body)

    assert response.status_code == 400
    assert message in response.json()["error"]
    assert simulator.faults.pending() == []


def test_describe_faults_covers_every_kind() -> None:
    """Each kind has a known moment and a description."""
    descriptions = describe_faults()

    assert [item["name"] for item in descriptions] == list(KINDS)
    assert {item["moment"] for item in descriptions} == set(MOMENTS)
    assert "" not in {item["says"] for item in descriptions}
