"""Every kind of fault in `shotchain simulate --help` has the effect in its description.

Each kind has a check of the same name. It injects the fault through the admin route and meets it
over HTTP. A kind without a check fails, and so does a check of an unknown kind.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from flows.cli.simulate import faults_text
from tasks.media.mime import sniff_mime
from tasks.simulator.faults import KINDS
from tests.support.simulator_requests import (
    MODEL_2_0,
    TASKS,
    CallbackReceiver,
    SimulatorClient,
    minimal_request,
    wait_until,
)

HELP = faults_text()
FAULT_LIST = HELP.partition("The faults, by the moment")[2]
LISTED_KINDS = re.findall(r"^  ([a-z_0-9]+) +\S.*$", FAULT_LIST, re.MULTILINE)
VIDEOS = "/videos"
Inject = Callable[..., None]
Check = Callable[[SimulatorClient, Inject], None]


def post(simulator: SimulatorClient, **options: Any) -> httpx.Response:
    """Post the smallest create."""
    return simulator.post(minimal_request(), **options)


def finish_job(simulator: SimulatorClient, **fields: Any) -> dict[str, Any]:
    """Create a job and return it once it is final."""
    job = simulator.create(**fields)
    simulator.clock.advance(10)
    return simulator.wait_for_job(job)


def clip_url(simulator: SimulatorClient, **fields: Any) -> str:
    """Create a job and return the link to its clip."""
    url: str = finish_job(simulator, **fields)["content"]["video_url"]
    return url


def fetch(url: str) -> httpx.Response:
    """Get a URL without a key."""
    return httpx.get(url, trust_env=False)


def wait_for_log(simulator: SimulatorClient, operation: str, count: int) -> None:
    """Wait until the log has that many requests of an operation."""

    def operations() -> list[str]:
        return [entry.operation for entry in simulator.log()]

    wait_until(lambda: operations().count(operation) >= count, operations)


def reset(simulator: SimulatorClient, inject: Inject) -> None:
    inject("reset", operation="create")
    with pytest.raises((httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)):
        post(simulator)
    assert simulator.created_jobs() == {}


def stall(simulator: SimulatorClient, inject: Inject) -> None:
    inject("stall", operation="get", seconds=0.3)
    job = simulator.create()
    with pytest.raises(httpx.ReadTimeout):
        simulator.client.get(simulator.url(f"{TASKS}/{job}"), timeout=0.1)
    assert simulator.get(job).status_code == 200
    # The late response is logged before the next check starts.
    wait_for_log(simulator, "get", 2)


def throttled(simulator: SimulatorClient, inject: Inject) -> None:
    inject("throttled", operation="create")
    inject("throttled", operation="create", retry_after="3", code="ServerOverloaded")
    default, with_options = post(simulator), post(simulator)
    assert [default.status_code, with_options.status_code] == [429, 429]
    assert default.json()["error"]["type"] == "TooManyRequests"
    assert "retry-after" not in default.headers
    assert with_options.headers["retry-after"] == "3"
    assert with_options.json()["error"]["code"] == "ServerOverloaded"
    assert simulator.created_jobs() == {}


def server_error(simulator: SimulatorClient, inject: Inject) -> None:
    for status in (500, 502, 503, 504):
        inject("server_error", operation="create", status=status)
        response = post(simulator)
        error = response.json()["error"]
        assert response.status_code == status
        assert (error["type"], error["code"]) == ("InternalServerError", "InternalServiceError")
    assert simulator.created_jobs() == {}


def html(simulator: SimulatorClient, inject: Inject) -> None:
    inject("html", operation="create")
    inject("html", operation="create", status=200)
    inject("html", operation="list", status=200)
    # One gateway answers a list of jobs with the page of its site (docs.laozhang.ai, 2026-11).
    responses = [post(simulator), post(simulator), simulator.client.get(simulator.url(TASKS))]
    assert [response.status_code for response in responses] == [502, 200, 200]
    types = [response.headers["content-type"].partition(";")[0] for response in responses]
    assert types == ["text/html"] * 3
    assert simulator.created_jobs() == {}


def refused(simulator: SimulatorClient, inject: Inject) -> None:
    inject("refused", operation="create", code="AccountOverdueError")
    response = post(simulator)
    assert (response.status_code, response.json()["error"]["code"]) == (403, "AccountOverdueError")
    assert simulator.created_jobs() == {}


def error_in_200(simulator: SimulatorClient, inject: Inject) -> None:
    inject("error_in_200", operation="create")
    response = post(simulator)
    assert (response.status_code, set(response.json())) == (200, {"error"})
    assert simulator.created_jobs() == {}


def other_body(simulator: SimulatorClient, inject: Inject) -> None:
    inject("other_body", operation="create", status=404, body='{"error": "no task"}')
    response = post(simulator)
    assert (response.status_code, response.json()) == (404, {"error": "no task"})
    assert simulator.created_jobs() == {}


def job_failed(simulator: SimulatorClient, inject: Inject) -> None:
    codes = ["OutputVideoSensitiveContentDetected", "OutputAudioSensitiveContentDetected"]
    inject("job_failed")
    inject("job_failed", code=codes[1])
    jobs = [finish_job(simulator) for _ in codes]
    assert [job["status"] for job in jobs] == ["failed", "failed"]
    assert [job["error"]["code"] for job in jobs] == codes


def job_expired(simulator: SimulatorClient, inject: Inject) -> None:
    inject("job_expired")
    job = finish_job(simulator)
    assert job["status"] == "expired"
    assert "content" not in job


def job_takes(simulator: SimulatorClient, inject: Inject) -> None:
    inject("job_failed", times=2)
    inject("job_takes", seconds=25)
    jobs = [simulator.create() for _ in range(2)]
    simulator.clock.advance(10)
    assert [simulator.get(job).json()["status"] for job in jobs] == ["running", "failed"]
    simulator.clock.advance(15)
    assert simulator.get(jobs[0]).json()["status"] == "failed"


def job_stalls(simulator: SimulatorClient, inject: Inject) -> None:
    inject("job_stalls")
    job = simulator.create(execution_expires_after=3600)
    simulator.clock.advance(3599)
    assert simulator.get(job).json()["status"] == "running"
    simulator.clock.advance(1)
    assert simulator.get(job).json()["status"] == "expired"


def links_expired(simulator: SimulatorClient, inject: Inject) -> None:
    inject("links_expired")
    assert [fetch(clip_url(simulator)).status_code for _ in range(2)] == [403, 200]


def jpeg_frame(simulator: SimulatorClient, inject: Inject) -> None:
    inject("jpeg_frame")
    links = [
        finish_job(simulator, return_last_frame=True)["content"]["last_frame_url"] for _ in range(2)
    ]
    frames = [fetch(link) for link in links]
    expected = ["image/jpeg", "image/png"]
    assert [".png?" in link for link in links] == [True, True]
    assert [sniff_mime(frame.content) for frame in frames] == expected
    assert [frame.headers["content-type"] for frame in frames] == expected


def other_picture(simulator: SimulatorClient, inject: Inject) -> None:
    first = fetch(clip_url(simulator, seed=7)).content
    inject("other_picture")
    other = fetch(clip_url(simulator, seed=7)).content
    repeated = fetch(clip_url(simulator, seed=7)).content
    assert first == repeated
    assert first != other


def newer_words(simulator: SimulatorClient, inject: Inject) -> None:
    inject("newer_words")
    inject("job_failed")
    client = simulator.at("cometapi-videos")
    fields = {"prompt": "A cat.", "model": "doubao-seedance-1-0-pro", "seconds": "2"}
    parts = {name: (None, value) for name, value in fields.items()}
    url = client.url(VIDEOS)
    job = client.client.post(url, files=parts).json()["id"]
    before = client.client.get(f"{url}/{job}").json()["status"]
    simulator.clock.advance(10)
    after = client.client.get(f"{url}/{job}").json()["status"]
    assert (before, after) == ("queued", "failed")


def content_redirects(simulator: SimulatorClient, inject: Inject) -> None:
    inject("content_redirects")
    client = simulator.at("infinity-blue")
    body = {"model": MODEL_2_0, "prompt": "A cat.", "seconds": "4", "resolution": "480p"}
    job = client.post(body, VIDEOS).json()["id"]
    simulator.clock.advance(10)
    client.wait_for_end(f"{VIDEOS}/{job}")
    response = client.client.get(client.url(f"{VIDEOS}/{job}/content"))
    assert response.status_code == 302
    assert response.headers["location"].startswith("http://localhost:")


def check_job_is_created(
    simulator: SimulatorClient, inject: Inject, kind: str, error: type[Exception]
) -> None:
    """Check that a create has an effect although its response does not arrive."""
    inject("job_stalls")
    inject(kind, operation="create")
    with pytest.raises(error):
        post(simulator)
    assert simulator.created_jobs() == {"simulator": 1}
    assert simulator.list_jobs()["total"] == 1


def lost_reply(simulator: SimulatorClient, inject: Inject) -> None:
    check_job_is_created(simulator, inject, "lost_reply", httpx.RemoteProtocolError)
    assert [entry.status for entry in simulator.log() if entry.accepted] == [0]


def reset_midway(simulator: SimulatorClient, inject: Inject) -> None:
    check_job_is_created(simulator, inject, "reset_midway", httpx.ReadError)


def truncated(simulator: SimulatorClient, inject: Inject) -> None:
    check_job_is_created(simulator, inject, "truncated", httpx.RemoteProtocolError)


def cut_json(simulator: SimulatorClient, inject: Inject) -> None:
    inject("job_stalls")
    inject("cut_json", operation="create")
    response = post(simulator)
    assert response.status_code == 200
    assert len(response.content) == int(response.headers["content-length"])
    assert response.text.startswith('{"id":')
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        response.json()
    assert simulator.created_jobs() == {"simulator": 1}


def no_id(simulator: SimulatorClient, inject: Inject) -> None:
    inject("job_stalls")
    inject("no_id", operation="create")
    response = post(simulator)
    assert (response.status_code, response.json()) == (200, {})
    assert simulator.created_jobs() == {"simulator": 1}


def short_download(simulator: SimulatorClient, inject: Inject) -> None:
    inject("short_download", operation="download")
    link = clip_url(simulator)
    with pytest.raises(httpx.RemoteProtocolError):
        fetch(link)
    assert fetch(link).content[4:8] == b"ftyp"


def slow_download(simulator: SimulatorClient, inject: Inject) -> None:
    inject("slow_download", seconds=0.3)
    link = clip_url(simulator)
    with httpx.Client(trust_env=False) as client, client.stream("GET", link) as response:
        chunks = list(response.iter_raw())
    assert len(chunks) > 1
    assert b"".join(chunks) == fetch(link).content


def download_error(simulator: SimulatorClient, inject: Inject) -> None:
    inject("download_error", status=404)
    link = clip_url(simulator)
    assert [fetch(link).status_code for _ in range(2)] == [404, 200]


def receive_callbacks(
    simulator: SimulatorClient, inject: Inject, *kinds: str, counts: tuple[int, int]
) -> list[str]:
    """Return the callbacks of a job that fails.

    Args:
        simulator: The simulator.
        inject: Injects a fault.
        kinds: Further faults.
        counts: The callbacks in the log before the job fails, and afterwards.
    """
    for kind in ("job_failed", *kinds):
        inject(kind)
    with CallbackReceiver() as receiver:
        simulator.create(callback_url=receiver.url)
        wait_for_log(simulator, "callback", counts[0])
        simulator.clock.advance(10)
        wait_for_log(simulator, "callback", counts[1])
        return receiver.received


def callback_twice(simulator: SimulatorClient, inject: Inject) -> None:
    received = receive_callbacks(simulator, inject, "callback_twice", counts=(2, 3))
    assert received == ["queued", "queued", "failed"]


def callback_none(simulator: SimulatorClient, inject: Inject) -> None:
    # The omitted callback is logged.
    received = receive_callbacks(simulator, inject, "callback_none", counts=(1, 2))
    assert received == ["failed"]


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        *(reset, stall, throttled, server_error, html, refused, error_in_200, other_body),
        *(job_failed, job_expired, job_takes, job_stalls, links_expired, jpeg_frame, other_picture),
        *(newer_words, content_redirects, lost_reply, reset_midway, truncated, cut_json, no_id),
        *(short_download, slow_download, download_error, callback_twice, callback_none),
    )
}


@pytest.mark.parametrize("kind", LISTED_KINDS)
def test_fault_has_described_effect(simulator, inject_by_admin, kind) -> None:
    """Each kind in the help is injected over HTTP and met over HTTP."""
    CHECKS[kind](simulator, inject_by_admin)


def test_callback_without_fault_is_sent_once(simulator, inject_by_admin) -> None:
    """The checks of the callback faults compare with this."""
    received = receive_callbacks(simulator, inject_by_admin, counts=(1, 2))

    assert received == ["queued", "failed"]


def test_every_kind_is_listed_and_checked() -> None:
    """The help, the checks and the table have the same kinds, and the help describes each."""
    assert sorted(LISTED_KINDS) == sorted(CHECKS) == sorted(KINDS)
    assert [kind.name for kind in KINDS.values() if kind.description not in HELP] == []


def test_examples_in_help_are_accepted(simulator) -> None:
    """Each JSON example can be posted unchanged."""
    examples = re.findall(r"\{\"kind\".*?\}", HELP)
    url = f"{simulator.base_url}/admin/faults"

    responses = [simulator.client.post(url, content=example) for example in examples]
    pending = responses[-1].json()["pending"]
    remaining = simulator.client.delete(url).json()["pending"]

    assert {response.status_code for response in responses} == {200}
    assert len(examples) > 8
    kinds = [json.loads(example)["kind"] for example in examples]
    assert [fault["kind"] for fault in pending] == kinds
    assert remaining == []
