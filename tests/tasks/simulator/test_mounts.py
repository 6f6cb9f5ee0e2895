"""Behaviour that every mount shares: keys, faults, the log, failing jobs."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tasks.simulator.app import MOUNTS
from tests.support.simulator_requests import (
    MODEL_1_0_PRO,
    MODEL_2_0,
    TASKS,
    SimulatorClient,
    text_item,
)

VIDEOS = "/videos"
MODELS = {
    "simulator": MODEL_1_0_PRO,
    "ark": MODEL_1_0_PRO,
    "modelark": "seedance-1-0-pro-250528",
    "powertokens": "seedance-1-0-pro-250528",
    "cometapi-volc": MODEL_1_0_PRO,
    "cometapi-videos": "doubao-seedance-1-0-pro",
    "kkiai": MODEL_1_0_PRO,
    "kkiai-2": MODEL_2_0,
    "infinity-blue": MODEL_2_0,
}
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
MODERATION_CODE = "InputTextSensitiveContentDetected"


def jobs_path(mount: str) -> str:
    """Return the path of a mount's jobs."""
    return VIDEOS if mount in {"cometapi-videos", "infinity-blue"} else TASKS


def create(
    simulator: SimulatorClient, mount: str, prompt: str = "A cat.", **options: Any
) -> httpx.Response:
    """Create the simplest job in the mount's own format."""
    client, model = simulator.at(mount), MODELS[mount]
    if mount == "cometapi-videos":
        parts = {"prompt": (None, prompt), "model": (None, model)}
        return client.client.post(client.url(VIDEOS), files=parts, **options)
    if mount == "infinity-blue":
        return client.post({"model": model, "prompt": prompt}, VIDEOS, **options)
    return client.post({"model": model, "content": [text_item(prompt)]}, **options)


def get(simulator: SimulatorClient, mount: str, job: str) -> httpx.Response:
    """Get a job from a mount."""
    return simulator.client.get(simulator.at(mount).url(f"{jobs_path(mount)}/{job}"))


def test_mounts_are_the_documented_paths() -> None:
    """`simulate` prints these paths, and the base URLs of the providers end with them."""
    assert dict(MOUNTS) == PATHS


@pytest.mark.parametrize("mount", PATHS)
def test_failed_job_is_reported_in_the_format_of_the_mount(simulator, mount) -> None:
    """A job that fails is logged as created, and its get is a 200 with the error."""
    simulator.faults.inject("job_failed", mount=mount)
    job = create(simulator, mount).json()["id"]
    before = get(simulator, mount, job)
    simulator.clock.advance(10)
    after = get(simulator, mount, job)

    assert simulator.created_jobs() == {mount: 1}
    assert (before.status_code, after.status_code) == (200, 200)
    assert after.json()["status"].lower() == "failed"
    assert after.json()["error"]["code"] == "OutputVideoSensitiveContentDetected"


@pytest.mark.parametrize("mount", PATHS)
def test_create_without_key_is_401(stalled, mount) -> None:
    """Nothing is created without a key."""
    response = create(stalled, mount, headers={"Authorization": ""})

    assert response.status_code == 401
    assert stalled.created_jobs() == {}


@pytest.mark.parametrize("mount", PATHS)
def test_answer_faults_create_no_job(stalled, mount) -> None:
    """Each fault applies once, and then the next create succeeds."""
    for kind in ("throttled", "html", "server_error", "error_in_200"):
        stalled.faults.inject(kind, mount=mount, operation="create")

    responses = [create(stalled, mount) for _ in range(5)]

    assert [response.status_code for response in responses] == [429, 502, 500, 200, 200]
    assert "id" not in responses[3].json()
    assert responses[4].json()["id"]
    assert stalled.created_jobs() == {mount: 1}


@pytest.mark.parametrize("mount", PATHS)
def test_reply_faults_create_a_job(stalled, mount) -> None:
    """The job is created and logged although the client gets no id."""
    for kind in ("lost_reply", "truncated", "no_id"):
        stalled.faults.inject(kind, mount=mount, operation="create")

    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            create(stalled, mount)
    without_id = create(stalled, mount).json()

    assert not {"id", "task_id"} & set(without_id)
    assert stalled.created_jobs() == {mount: 3}


@pytest.mark.parametrize("mount", PATHS)
def test_refuse_directive_rejects_create(stalled, mount) -> None:
    """Moderation is a 400 that contains the code, in the mount's own format."""
    response = create(stalled, mount, f"A fight [refuse:{MODERATION_CODE}]")

    assert response.status_code == 400
    assert MODERATION_CODE in response.text


@pytest.mark.parametrize("mount", PATHS)
def test_unknown_path_is_404(stalled, mount) -> None:
    """The error is in the vendor's format, not in the web server's."""
    response = stalled.client.get(stalled.at(mount).url("/nothing/here"))

    assert response.status_code == 404
    assert set(response.json()) == {"error"}


def test_jobs_belong_to_one_mount(stalled) -> None:
    """A mount does not know the jobs of another, and the admin route counts them separately."""
    jobs = {mount: create(stalled, mount).json()["id"] for mount in PATHS}
    ledger = stalled.client.get(f"{stalled.base_url}/admin/ledger").json()

    assert ledger["creates"] == dict.fromkeys(PATHS, 1)
    for mount in PATHS:
        statuses = {other: get(stalled, mount, job).status_code for other, job in jobs.items()}
        # CometAPI's page documents a 400 for an unknown job.
        missing = 400 if mount == "cometapi-videos" else 404
        assert statuses == {other: 200 if other == mount else missing for other in PATHS}


@pytest.mark.parametrize("mount", ["cometapi-videos", "infinity-blue"])
def test_fault_by_admin_applies_at_videos_mount(stalled, inject_by_admin, mount) -> None:
    """Faults apply to the `/videos` formats as they do to Ark's."""
    job = create(stalled, mount).json()["id"]
    inject_by_admin("throttled", mount=mount, operation="get", retry_after="2")

    throttled = get(stalled, mount, job)

    assert (throttled.status_code, throttled.headers["retry-after"]) == (429, "2")
    assert get(stalled, mount, job).status_code == 200
