"""What holds at every mount: keys, faults, the admin route, the ledger, lives that end."""

from __future__ import annotations

import httpx
import pytest

from tasks.simulator.app import MOUNTS
from tasks.simulator.request_log import count_created_jobs

TASKS = "/contents/generations/tasks"
VIDEOS = "/videos"
MODELS = {
    "simulator": "doubao-seedance-1-0-pro-250528",
    "ark": "doubao-seedance-1-0-pro-250528",
    "modelark": "seedance-1-0-pro-250528",
    "powertokens": "seedance-1-0-pro-250528",
    "cometapi-volc": "doubao-seedance-1-0-pro-250528",
    "cometapi-videos": "doubao-seedance-1-0-pro",
    "kkiai": "doubao-seedance-1-0-pro-250528",
    "kkiai-2": "doubao-seedance-2-0-260128",
    "infinity-blue": "doubao-seedance-2-0-260128",
}
FAILED = {"failed", "FAILED"}
PATHS = {
    "simulator": "/simulator/api/v3",
    "ark": "/ark/api/v3",
    "modelark": "/modelark/api/v3",
    "powertokens": "/powertokens/byteplus/api/v3",
    "cometapi-volc": "/cometapi-volc/volc/v3",
    "cometapi-videos": "/cometapi-videos/v1",
    "kkiai": "/kkiai/volc/v1",
    "kkiai-2": "/kkiai-2/api/v3",
    "infinity-blue": "/infinity-blue/v1",
}


def route(mount: str) -> str:
    return VIDEOS if mount in {"cometapi-videos", "infinity-blue"} else TASKS


def create(vendor, mount: str, prompt: str = "A cat.", **options) -> httpx.Response:
    """Order the plainest job in the mount's own form."""
    host, model = vendor.at(mount), MODELS[mount]
    url = host.url(route(mount))
    if mount == "cometapi-videos":
        parts = {"prompt": (None, prompt), "model": (None, model)}
        return host.client.post(url, files=parts, **options)
    if mount == "infinity-blue":
        return host.client.post(url, json={"model": model, "prompt": prompt}, **options)
    content = [{"type": "text", "text": prompt}]
    return host.client.post(url, json={"model": model, "content": content}, **options)


def get(vendor, mount: str, job: str) -> httpx.Response:
    return vendor.client.get(vendor.at(mount).url(f"{route(mount)}/{job}"))


def test_every_provider_is_mounted() -> None:
    """At the paths that `simulate` announces."""
    assert dict(MOUNTS) == PATHS


@pytest.mark.parametrize("mount", PATHS)
def test_a_job_is_taken_counted_and_lost(vendor, mount) -> None:
    """One accepted create in the ledger, a failed job in the mount's words, and no clip."""
    vendor.faults.inject("job_failed", mount=mount)
    job = create(vendor, mount).json()["id"]
    before = get(vendor, mount, job)
    vendor.clock.advance(10)
    after = get(vendor, mount, job)

    assert count_created_jobs(vendor.ledger()) == {mount: 1}
    assert (before.status_code, after.status_code) == (200, 200)
    assert after.json()["status"] in FAILED
    assert after.json()["error"]["code"] == "OutputVideoSensitiveContentDetected"


@pytest.mark.parametrize("mount", PATHS)
def test_nothing_is_made_without_a_key(taking, mount) -> None:
    """401 before anything else is looked at."""
    taken = create(taking, mount, headers={"Authorization": ""})

    assert taken.status_code == 401
    assert count_created_jobs(taking.ledger()) == {}


@pytest.mark.parametrize("mount", PATHS)
def test_faults_strike_at_every_mount(taking, mount) -> None:
    """Throttling, a web page, an error in a 200, a failing server: each once, then it goes on."""
    for kind in ("throttled", "html", "server_error", "error_in_200"):
        taking.faults.inject(kind, mount=mount, operation="create")

    replies = [create(taking, mount) for _ in range(5)]

    assert [reply.status_code for reply in replies] == [429, 502, 500, 200, 200]
    assert "id" not in replies[3].json()
    assert replies[4].json()["id"]
    assert count_created_jobs(taking.ledger()) == {mount: 1}


@pytest.mark.parametrize("mount", PATHS)
def test_replies_can_be_lost_at_every_mount(taking, mount) -> None:
    """The job is made, counted, and not told of."""
    for kind in ("lost_reply", "truncated", "no_id"):
        taking.faults.inject(kind, mount=mount, operation="create")

    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            create(taking, mount)
    silent = create(taking, mount).json()

    assert not {"id", "task_id"} & set(silent)
    assert count_created_jobs(taking.ledger()) == {mount: 3}


@pytest.mark.parametrize("mount", PATHS)
def test_a_prompt_orders_its_refusal_at_every_mount(taking, mount) -> None:
    """Moderation answers 400 and names its code, in whatever shape the vendor has."""
    reply = create(taking, mount, "A fight [refuse:InputTextSensitiveContentDetected]")

    assert reply.status_code == 400
    assert "InputTextSensitiveContentDetected" in reply.text


@pytest.mark.parametrize("mount", PATHS)
def test_a_wrong_path_is_a_404_at_every_mount(taking, mount) -> None:
    """In the vendor's own error, not in the web server's."""
    reply = taking.client.get(taking.at(mount).url("/nothing/here"))

    assert reply.status_code == 404
    assert set(reply.json()) == {"error"}


def test_jobs_of_all_mounts_are_counted_apart(taking) -> None:
    """By the admin route, too; none knows another's job."""
    jobs = {mount: create(taking, mount).json()["id"] for mount in PATHS}
    ledger = taking.client.get(f"{taking.base_url}/admin/ledger").json()

    assert ledger["creates"] == dict.fromkeys(PATHS, 1)
    for mount, job in jobs.items():
        assert get(taking, mount, job).status_code == 200
        assert {
            get(taking, mount, jobs[other]).status_code for other in PATHS if other != mount
        } <= {
            400,
            404,
        }


@pytest.mark.parametrize("mount", ["cometapi-videos", "infinity-blue"])
def test_a_fault_ordered_by_admin_strikes(taking, mount) -> None:
    """As at Ark's mounts."""
    told = {"kind": "throttled", "mount": mount, "operation": "get", "retry_after": "2"}
    job = create(taking, mount).json()["id"]

    assert taking.client.post(f"{taking.base_url}/admin/faults", json=told).status_code == 200

    throttled = get(taking, mount, job)
    assert (throttled.status_code, throttled.headers["retry-after"]) == (429, "2")
    assert get(taking, mount, job).status_code == 200
