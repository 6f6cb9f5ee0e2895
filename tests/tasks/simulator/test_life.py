"""How jobs live: states by the clock, listing, deleting, forgetting, and a killed process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.simulator.request_log import count_created_jobs

HOUR = 3600
DAY = 24 * HOUR
MINIMAL = {"id", "model", "status", "created_at", "updated_at"}


def advanced(vendor, seconds: float) -> None:
    vendor.clock.advance(seconds)


def status(vendor, job: str) -> str:
    return vendor.get(job).json().get("status", "none")


def test_a_job_is_queued_then_running_then_succeeded(vendor) -> None:
    """The status follows the clock, and updated_at is the moment of the last change."""
    job = vendor.create()
    start = int(vendor.clock.now())

    queued = vendor.get(job).json()
    advanced(vendor, 3)
    running = vendor.get(job).json()
    vendor.clock.advance(7)
    done = vendor.rendered(job)

    assert (queued["status"], queued["created_at"], queued["updated_at"]) == (
        "queued",
        start,
        start,
    )
    assert (running["status"], running["updated_at"]) == ("running", start + 2)
    assert (done["status"], done["updated_at"]) == ("succeeded", start + 10)
    assert set(queued) == set(running) == MINIMAL


def test_a_finished_job_tells_what_was_made(vendor) -> None:
    """The task object has the documented fields with the documented types."""
    job = vendor.create(seed=11, return_last_frame=True)
    advanced(vendor, 10)

    told = vendor.rendered(job)

    assert re.fullmatch(r"cgt-\d{14}-[a-z0-9]{5}", told["id"])
    assert told["model"] == "doubao-seedance-1-0-pro-250528"
    assert (told["resolution"], told["ratio"], told["framespersecond"]) == ("480p", "16:9", 24)
    assert (told["frames"], told["seed"]) == (29, 11)
    assert "duration" not in told
    assert "generate_audio" not in told
    tokens = 864 * 480 * 29 // 1024
    assert told["usage"] == {"completion_tokens": tokens, "total_tokens": tokens}
    assert set(told["content"]) == {"video_url", "last_frame_url"}


def test_a_job_asked_in_seconds_tells_seconds(vendor) -> None:
    """Duration or frames, never both; no last frame where none was asked for."""
    job = vendor.create(frames=..., duration=2)
    advanced(vendor, 10)

    told = vendor.rendered(job)

    assert told["duration"] == 2
    assert "frames" not in told
    assert set(told["content"]) == {"video_url"}


def test_a_job_takes_no_less_than_its_set_time(vendor) -> None:
    """A picture that is ready early does not end the job early."""
    job = vendor.create()
    clip = vendor.root / "files" / f"{job}.mp4"
    while not clip.exists():
        threading.Event().wait(0.02)

    assert status(vendor, job) == "queued"


def test_a_job_fails_as_its_prompt_orders(vendor) -> None:
    """A failed job is a 200 with status failed and an error of code and message."""
    text = "A fight [fail:OutputVideoSensitiveContentDetected]"
    job = vendor.create(content=[{"type": "text", "text": text}])
    assert status(vendor, job) == "queued"
    advanced(vendor, 10)

    reply = vendor.get(job)

    assert reply.status_code == 200
    assert reply.json()["status"] == "failed"
    assert set(reply.json()["error"]) == {"code", "message"}
    assert reply.json()["error"]["code"] == "OutputVideoSensitiveContentDetected"
    assert "Request id: " in reply.json()["error"]["message"]
    assert "content" not in reply.json()


def test_a_job_expires_when_it_is_not_done_in_time(vendor) -> None:
    """Counted from its creation, by the time limit it was given."""
    vendor.faults.inject("job_stalls")
    job = vendor.create(execution_expires_after=2 * HOUR)

    advanced(vendor, 2 * HOUR - 1)
    before = status(vendor, job)
    advanced(vendor, 1)

    assert (before, status(vendor, job)) == ("running", "expired")


def test_files_are_erased_after_a_day_and_the_job_after_seven(vendor) -> None:
    """The content is null then, and at last the id is unknown."""
    job = vendor.create()
    advanced(vendor, 10)
    vendor.rendered(job)

    advanced(vendor, DAY)
    late = vendor.get(job).json()
    advanced(vendor, 6 * DAY - 10)
    gone = vendor.get(job)

    assert (late["status"], late["content"]) == ("succeeded", None)
    assert gone.status_code == 404


@pytest.mark.parametrize(
    "job", ["cgt-20260101000000-aaaaa", "../secret", "%2e%2e%2flock", "x" * 300]
)
def test_an_unknown_job_is_not_found(vendor, job) -> None:
    """Also where the id is an attempt to reach another file."""
    reply = vendor.get(job)

    assert reply.status_code == 404
    assert reply.json()["error"]["type"] == "NotFound"


def test_a_job_of_one_provider_is_unknown_to_another(taking) -> None:
    """Mounts share a server, not their jobs."""
    job = taking.create()

    assert taking.at("ark").get(job).status_code == 404
    assert taking.at("ark").list()["total"] == 0


def test_a_queued_job_is_cancelled_and_forgotten_a_day_later(taking) -> None:
    """DELETE answers an empty object; a cancelled job can't be deleted again."""
    job = taking.create()

    reply = taking.delete(job)

    assert (reply.status_code, reply.json()) == (200, {})
    assert status(taking, job) == "cancelled"
    assert taking.delete(job).status_code == 403
    advanced(taking, DAY)
    assert taking.get(job).status_code == 404


def test_a_running_job_can_not_be_cancelled(vendor) -> None:
    """It goes on and succeeds."""
    job = vendor.create()
    advanced(vendor, 3)

    reply = vendor.delete(job)

    assert (reply.status_code, reply.json()["error"]["code"]) == (
        403,
        "OperationDenied.InvalidState",
    )
    advanced(vendor, 7)
    assert vendor.rendered(job)["status"] == "succeeded"


def test_a_finished_job_is_deleted_with_its_files(vendor) -> None:
    """Afterwards neither the id nor the link leads anywhere."""
    job = vendor.create()
    advanced(vendor, 10)
    link = vendor.rendered(job)["content"]["video_url"]

    reply = vendor.client.request(
        "DELETE", vendor.url(f"/contents/generations/tasks/{job}"), json={}
    )

    assert (reply.status_code, reply.json()) == (200, {})
    assert vendor.get(job).status_code == 404
    assert vendor.client.get(link, headers={"Authorization": ""}).status_code in {400, 404}
    assert not list((vendor.root / "files").glob(f"{job}*"))


def test_the_list_is_filtered_and_paged(taking) -> None:
    """Newest first; flex jobs only where they are asked for."""
    jobs = []
    for _ in range(3):
        jobs.append(taking.create())
        advanced(taking, 1)
    flex = taking.create(service_tier="flex")
    taking.delete(jobs[0])

    assert re.fullmatch(r"cgt-batch-\d{14}-[a-z0-9]{5}", flex)
    assert [item["id"] for item in taking.list()["items"]] == jobs[::-1]
    assert [item["id"] for item in taking.list(**{"filter.service_tier": "flex"})["items"]] == [
        flex
    ]
    page = taking.list(page_num=2, page_size=2)
    assert (page["total"], [item["id"] for item in page["items"]]) == (3, jobs[:1])
    chosen = taking.list(**{"filter.task_ids": jobs[1:]})
    assert {item["id"] for item in chosen["items"]} == set(jobs[1:])
    assert taking.list(**{"filter.status": "succeeded"}) == {"total": 0, "items": []}
    assert taking.list(**{"filter.model": "doubao-seedance-1-0-pro-250528"})["total"] == 3
    assert taking.list(**{"filter.model": "other"})["total"] == 0


@pytest.mark.parametrize("query", [{"page_num": 0}, {"page_size": 501}, {"filter.status": "done"}])
def test_a_wrong_list_query_is_refused(vendor, query) -> None:
    """Pages are 1 to 500, and a status is one of six."""
    reply = vendor.client.get(vendor.url(), params=query)

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, next(iter(query)))


def test_a_draft_is_promoted_to_the_same_picture_in_full_size(vendor) -> None:
    """It repeats nothing, keeps seed and prompt, and a draft that failed can't be promoted."""
    model = "doubao-seedance-1-5-pro-251215"
    draft = vendor.create(model=model, frames=..., duration=4, draft=True, generate_audio=False)
    body = {"model": model, "content": [{"type": "draft_task", "draft_task": {"id": draft}}]}
    early = vendor.post(body)
    advanced(vendor, 10)
    told = vendor.rendered(draft)
    vendor.faults.inject("job_stalls")

    refused = vendor.post({**body, "duration": 5})
    promoted = vendor.post({**body, "resolution": "720p"})

    assert early.status_code == refused.status_code == 400
    assert (told["draft"], told["generate_audio"]) == (True, False)
    assert told["usage"]["total_tokens"] == (864 * 496 * 97 // 1024) * 7 // 10
    assert promoted.status_code == 200
    record = json.loads((vendor.root / "jobs" / f"{promoted.json()['id']}.json").read_text())
    assert record["commission"]["draft_job"] == draft
    assert record["commission"]["seed"] == told["seed"]
    assert record["commission"]["width"] == 1280


def test_jobs_links_and_the_ledger_outlive_the_server(tmp_path: Path, serving: Callable) -> None:
    """The next server on the same root knows the job, serves its old link, and counts on."""
    with serving(tmp_path) as first:
        job = first.create()
        told = first.rendered(job)
    with serving(tmp_path) as second:
        again = second.get(job).json()
        path = told["content"]["video_url"].split("/files/")[1]
        clip = second.client.get(
            f"{second.base_url}/files/{path}", headers={"Authorization": ""}
        ).status_code
        second.faults.inject("job_stalls")
        second.create()

        assert again["usage"] == told["usage"]
        assert again["updated_at"] == told["updated_at"]
        # An empty Authorization header is a header all the same.
        assert clip == 400
        assert count_created_jobs(second.ledger()) == {"simulator": 2}


_KILLED = """
import sys, time
from pathlib import Path
from tasks.simulator.server import serve
with serve(Path(sys.argv[1])) as url:
    print(url, flush=True)
    time.sleep(60)
"""


@pytest.mark.usefixtures("afresh")
def test_a_killed_simulator_renders_the_same_picture_again(
    tmp_path: Path, serving: Callable, order: Callable
) -> None:
    """kill -9 amid a rendering: the next server finishes the job, with the very same bytes."""
    import httpx

    root = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(root)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip() + "/simulator/api/v3/contents/generations/tasks"
        headers = {"Authorization": "Bearer any"}
        job = httpx.post(url, json=order(), headers=headers, trust_env=False).json()["id"]
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert not (root / "files" / f"{job}.mp4").exists()

    import time

    from tasks.simulator.clock import SystemClock

    with serving(root, clock=SystemClock()) as vendor:
        assert vendor.rendered(job)["status"] == "succeeded"
        killed = (root / "files" / f"{job}.mp4").read_bytes()
        fresh = vendor.create()
        vendor.rendered(fresh)
        assert (root / "files" / f"{fresh}.mp4").read_bytes() == killed
        assert time.time() - vendor.get(job).json()["created_at"] < 120


def test_two_servers_on_one_root_share_a_job(tmp_path: Path, serving: Callable) -> None:
    """Each finishes what the other took, and neither damages it."""
    with serving(tmp_path) as one, serving(tmp_path) as two:
        jobs = [vendor.create(seed=index) for index, vendor in enumerate((one, two))]

        for vendor in (one, two):
            assert [vendor.rendered(job)["status"] for job in jobs] == ["succeeded"] * 2


def test_a_server_leaves_no_thread_behind(tmp_path: Path, serving: Callable) -> None:
    """Also where it is stopped amid a rendering."""
    before = set(threading.enumerate())
    with serving(tmp_path) as vendor:
        vendor.create(frames=289)

    assert set(threading.enumerate()) <= before


def test_a_taken_port_is_told_in_one_sentence(tmp_path: Path, serving: Callable) -> None:
    """Instead of a traceback from the server."""
    from tasks.errors import NotConfigured

    with serving(tmp_path / "one") as vendor:
        port = int(vendor.base_url.rpartition(":")[2])
        with pytest.raises(NotConfigured, match=str(port)), serving(tmp_path / "two", port=port):
            pass
