"""The life of jobs: status over time, list, delete, expiry, restarts and killed processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from tasks.errors import NotConfigured
from tasks.simulator.clock import SystemClock
from tests.support.simulator_requests import (
    MODEL_1_0_PRO,
    MODEL_1_5_PRO,
    TASKS,
    SimulatorClient,
    minimal_request,
    served,
    text_item,
    wait_until,
)

HOUR = 3600
DAY = 24 * HOUR
UNFINISHED_FIELDS = {"id", "model", "status", "created_at", "updated_at"}
SERVE = """
import sys, time
from pathlib import Path
from tasks.simulator.server import serve
with serve(Path(sys.argv[1])) as url:
    print(url, flush=True)
    time.sleep(60)
"""


def get_status(client: SimulatorClient, job: str) -> str:
    """Return the status of a job."""
    status: str = client.get(job).json()["status"]
    return status


def test_job_status_follows_clock(simulator) -> None:
    """A job is queued, then running, then succeeded; updated_at is the time of the change."""
    job = simulator.create()
    start = int(simulator.clock.now())

    queued = simulator.get(job).json()
    simulator.clock.advance(3)
    running = simulator.get(job).json()
    simulator.clock.advance(7)
    done = simulator.wait_for_job(job)

    assert (queued["status"], queued["created_at"]) == ("queued", start)
    assert queued["updated_at"] == start
    assert (running["status"], running["updated_at"]) == ("running", start + 2)
    assert (done["status"], done["updated_at"]) == ("succeeded", start + 10)
    assert set(queued) == set(running) == UNFINISHED_FIELDS


def test_finished_job_has_documented_fields(simulator) -> None:
    """Fields that the model does not have are left out."""
    job_id = simulator.create(seed=11, return_last_frame=True)
    simulator.clock.advance(10)

    job = simulator.wait_for_job(job_id)

    assert re.fullmatch(r"cgt-\d{14}-[a-z0-9]{5}", job["id"])
    assert job["model"] == MODEL_1_0_PRO
    assert (job["resolution"], job["ratio"], job["framespersecond"]) == ("480p", "16:9", 24)
    assert (job["frames"], job["seed"]) == (29, 11)
    assert "duration" not in job
    assert "generate_audio" not in job
    tokens = 864 * 480 * 29 // 1024
    assert job["usage"] == {"completion_tokens": tokens, "total_tokens": tokens}
    assert set(job["content"]) == {"video_url", "last_frame_url"}


def test_finished_job_has_duration_if_requested(simulator) -> None:
    """A job has either duration or frames, and a last frame only if it was requested."""
    job_id = simulator.create(frames=..., duration=2)
    simulator.clock.advance(10)

    job = simulator.wait_for_job(job_id)

    assert job["duration"] == 2
    assert "frames" not in job
    assert set(job["content"]) == {"video_url"}


def test_job_does_not_end_before_its_minimum_duration(simulator) -> None:
    """A clip that is ready early does not end the job."""
    job = simulator.create()
    clip = simulator.root / "files" / f"{job}.mp4"
    wait_until(clip.exists)

    assert get_status(simulator, job) == "queued"


def test_fail_directive_fails_job(simulator) -> None:
    """A failed job is a 200 with an error."""
    text = "A fight [fail:OutputVideoSensitiveContentDetected]"
    job = simulator.create(content=[text_item(text)])
    before = get_status(simulator, job)
    simulator.clock.advance(10)

    response = simulator.get(job)

    error = response.json()["error"]
    assert before == "queued"
    assert (response.status_code, response.json()["status"]) == (200, "failed")
    assert set(error) == {"code", "message"}
    assert error["code"] == "OutputVideoSensitiveContentDetected"
    assert "Request id: " in error["message"]
    assert "content" not in response.json()


def test_job_expires_after_its_time_limit(simulator) -> None:
    """The limit counts from the creation."""
    simulator.faults.inject("job_stalls")
    job = simulator.create(execution_expires_after=2 * HOUR)

    simulator.clock.advance(2 * HOUR - 1)
    before = get_status(simulator, job)
    simulator.clock.advance(1)

    assert (before, get_status(simulator, job)) == ("running", "expired")


def test_files_expire_after_a_day_and_job_after_a_week(simulator) -> None:
    """After a day the content is null, after a week the id is unknown."""
    job = simulator.create()
    simulator.clock.advance(10)
    simulator.wait_for_job(job)

    simulator.clock.advance(DAY)
    without_files = simulator.get(job).json()
    simulator.clock.advance(6 * DAY - 10)

    assert (without_files["status"], without_files["content"]) == ("succeeded", None)
    assert simulator.get(job).status_code == 404


@pytest.mark.parametrize(
    "job", ["cgt-20260101000000-aaaaa", "../secret", "%2e%2e%2flock", "x" * 300]
)
def test_get_of_unknown_job_is_404(simulator, job) -> None:
    """An id that looks like a path reads no other file."""
    response = simulator.get(job)

    assert response.status_code == 404
    assert response.json()["error"]["type"] == "NotFound"


def test_job_is_unknown_at_other_mount(stalled) -> None:
    """Mounts share a server and no jobs."""
    job = stalled.create()

    assert stalled.at("ark").get(job).status_code == 404
    assert stalled.at("ark").list_jobs()["total"] == 0


def test_delete_of_queued_job_cancels_it(stalled) -> None:
    """A cancelled job can't be deleted again, and is unknown after a day."""
    job = stalled.create()

    response = stalled.delete(job)

    assert (response.status_code, response.json()) == (200, {})
    assert get_status(stalled, job) == "cancelled"
    assert stalled.delete(job).status_code == 403
    stalled.clock.advance(DAY)
    assert stalled.get(job).status_code == 404


def test_delete_of_running_job_is_rejected(simulator) -> None:
    """The job continues and succeeds."""
    job = simulator.create()
    simulator.clock.advance(3)

    response = simulator.delete(job)

    assert response.status_code == 403
    assert response.json()["error"]["code"] == "OperationDenied.InvalidState"
    simulator.clock.advance(7)
    assert simulator.wait_for_job(job)["status"] == "succeeded"


def test_delete_of_finished_job_removes_files(simulator) -> None:
    """Afterwards the id is unknown and the link is dead. A DELETE may have a body."""
    job = simulator.create()
    simulator.clock.advance(10)
    link = simulator.wait_for_job(job)["content"]["video_url"]

    url = simulator.url(f"{TASKS}/{job}")
    response = simulator.client.request("DELETE", url, json={})

    assert (response.status_code, response.json()) == (200, {})
    assert simulator.get(job).status_code == 404
    assert httpx.get(link, trust_env=False).status_code == 404
    assert not list((simulator.root / "files").glob(f"{job}*"))


def test_list_is_filtered_and_paged(stalled) -> None:
    """The list is newest first and has flex jobs only if the filter requests them."""
    jobs = []
    for _ in range(3):
        jobs.append(stalled.create())
        stalled.clock.advance(1)
    flex = stalled.create(service_tier="flex")
    stalled.delete(jobs[0])

    def list_ids(**query: object) -> list[str]:
        return [item["id"] for item in stalled.list_jobs(**query)["items"]]

    assert re.fullmatch(r"cgt-batch-\d{14}-[a-z0-9]{5}", flex)
    assert list_ids() == jobs[::-1]
    assert list_ids(**{"filter.service_tier": "flex"}) == [flex]
    assert list_ids(page_num=2, page_size=2) == jobs[:1]
    assert stalled.list_jobs(page_num=2, page_size=2)["total"] == 3
    assert list_ids(**{"filter.task_ids": jobs[1:]}) == jobs[:0:-1]
    assert stalled.list_jobs(**{"filter.status": "succeeded"}) == {"total": 0, "items": []}
    assert stalled.list_jobs(**{"filter.model": MODEL_1_0_PRO})["total"] == 3
    assert stalled.list_jobs(**{"filter.model": "other"})["total"] == 0


@pytest.mark.parametrize(
    ("name", "value"), [("page_num", 0), ("page_size", 501), ("filter.status", "done")]
)
def test_list_with_invalid_query_is_400(simulator, name, value) -> None:
    """Pages are 1 to 500, and a status is one of six."""
    response = simulator.client.get(simulator.url(), params={name: value})

    assert (response.status_code, response.json()["error"]["param"]) == (400, name)


def test_draft_is_promoted_to_full_size(simulator) -> None:
    """The promoted job keeps seed and prompt; nothing else of the draft can be changed."""
    draft = simulator.create(
        model=MODEL_1_5_PRO, frames=..., duration=4, draft=True, generate_audio=False
    )
    content = [{"type": "draft_task", "draft_task": {"id": draft}}]
    body = {"model": MODEL_1_5_PRO, "content": content}
    before_success = simulator.post(body)
    simulator.clock.advance(10)
    job = simulator.wait_for_job(draft)
    simulator.faults.inject("job_stalls")

    with_duration = simulator.post({**body, "duration": 5})
    promoted = simulator.post({**body, "resolution": "720p"})

    assert before_success.status_code == with_duration.status_code == 400
    assert (job["draft"], job["generate_audio"]) == (True, False)
    assert job["usage"]["total_tokens"] == (864 * 496 * 97 // 1024) * 7 // 10
    assert promoted.status_code == 200
    request = simulator.job_request(promoted.json()["id"])
    assert (request["draft_job"], request["seed"]) == (draft, job["seed"])
    assert request["width"] == 1280


def test_job_record_keeps_its_keys(stalled) -> None:
    """The keys are those of earlier versions, whose records must stay readable."""
    job = stalled.create()

    record = json.loads((stalled.root / "jobs" / f"{job}.json").read_bytes())

    assert set(record) == {
        *("id", "mount", "commission", "created_at", "due_seconds", "fate", "status"),
        *("updated_at", "started_at", "rendered_at", "trouble", "told_status"),
    }


def test_restart_keeps_jobs_links_and_log(tmp_path: Path) -> None:
    """The next server on the same root returns the job, serves its old link, continues the log."""
    with served(tmp_path) as first:
        job_id = first.create()
        job = first.wait_for_job(job_id)
    with served(tmp_path) as second:
        later_job = second.get(job_id).json()
        path = job["content"]["video_url"].removeprefix(first.base_url)
        clip = httpx.get(second.base_url + path, trust_env=False)
        second.faults.inject("job_stalls")
        second.create()

        assert later_job["usage"] == job["usage"]
        assert later_job["updated_at"] == job["updated_at"]
        assert clip.content[4:8] == b"ftyp"
        assert second.created_jobs() == {"simulator": 2}


@pytest.mark.usefixtures("without_clip_cache")
def test_killed_server_renders_same_clip_after_restart(tmp_path: Path) -> None:
    """After a kill in the middle of rendering, the next server finishes the job."""
    root = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(root)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        url = f"{process.stdout.readline().strip()}/simulator/api/v3{TASKS}"
        headers = {"Authorization": "Bearer any"}
        response = httpx.post(url, json=minimal_request(), headers=headers, trust_env=False)
        job = response.json()["id"]
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    clip = root / "files" / f"{job}.mp4"
    assert not clip.exists()

    with served(root, clock=SystemClock()) as client:
        assert client.wait_for_job(job)["status"] == "succeeded"
        new_job = client.create()
        client.wait_for_job(new_job)

    assert (root / "files" / f"{new_job}.mp4").read_bytes() == clip.read_bytes()


def test_two_servers_share_one_root(tmp_path: Path) -> None:
    """Each server finishes the jobs that the other created."""
    with served(tmp_path) as first, served(tmp_path) as second:
        jobs = [client.create(seed=seed) for seed, client in enumerate((first, second))]

        for client in (first, second):
            statuses = [client.wait_for_job(job)["status"] for job in jobs]
            assert statuses == ["succeeded"] * 2


def test_close_leaves_no_thread(tmp_path: Path) -> None:
    """A server that is stopped in the middle of rendering ends its threads."""
    threads = set(threading.enumerate())
    with served(tmp_path) as client:
        client.create(frames=289)

    assert set(threading.enumerate()) <= threads


def test_serve_on_taken_port_raises_not_configured(tmp_path: Path) -> None:
    """The message names the port."""
    with served(tmp_path / "first") as client:
        port = int(client.base_url.rpartition(":")[2])
        with (
            pytest.raises(NotConfigured, match=str(port)),
            served(tmp_path / "second", port=port),
        ):
            pass
