"""Every fault that `shotchain simulate --help` tells of: ordered as it says, it does what it says.

The proofs stand by the fault's name and order through the admin route; a fault without a proof, or
a proof of a fault that is not told, fails.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from flows.cli.simulate import faults_text
from tasks.media.mime import sniff_mime
from tasks.simulator.ledger import count_creates

HELP = faults_text()
TOLD = re.findall(r"^  ([a-z_0-9]+) +\S.*$", HELP.partition("The faults, by when")[2], re.MULTILINE)
FRAME = {"return_last_frame": True}
Proof = Callable[["Bench"], None]


class Bench:
    """A simulator on real HTTP, and what a proof needs of it."""

    def __init__(self, vendor: Any, order: Callable[..., dict]) -> None:
        self.vendor = vendor
        self.body = order

    def order(self, kind: str, **told: Any) -> None:
        """Through the admin route, as the help shows."""
        url = f"{self.vendor.base_url}/admin/faults"
        reply = httpx.post(url, content=json.dumps({"kind": kind} | told), trust_env=False)
        assert reply.status_code == 200, reply.text

    def post(self, **options: Any) -> httpx.Response:
        return self.vendor.post(self.body(), **options)

    @property
    def made(self) -> int:
        return count_creates(self.vendor.ledger()).get("simulator", 0)

    def done(self, **fields: Any) -> dict[str, Any]:
        """A job that is over."""
        job = self.vendor.create(**fields)
        self.vendor.clock.advance(10)
        return self.vendor.rendered(job)

    def link(self, **fields: Any) -> str:
        return self.done(**fields)["content"]["video_url"]

    def fetch(self, url: str) -> httpx.Response:
        return httpx.get(url, trust_env=False)


def reset(bench: Bench) -> None:
    bench.order("reset", operation="create")
    with pytest.raises((httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)):
        bench.post()
    assert bench.made == 0


def stall(bench: Bench) -> None:
    bench.order("stall", operation="get", seconds=0.3)
    job = bench.vendor.create()
    with pytest.raises(httpx.ReadTimeout):
        bench.vendor.client.get(bench.vendor.url(f"/contents/generations/tasks/{job}"), timeout=0.1)
    assert bench.vendor.get(job).status_code == 200
    # The late one has left nothing that the next proof would meet.
    _wait(bench, "get", 2)


def throttled(bench: Bench) -> None:
    bench.order("throttled", operation="create")
    bench.order("throttled", operation="create", retry_after="3", code="ServerOverloaded")
    bare, patient = bench.post(), bench.post()
    assert [bare.status_code, patient.status_code] == [429, 429]
    assert [one.headers.get("retry-after") for one in (bare, patient)] == [None, "3"]
    assert patient.json()["error"]["code"] == "ServerOverloaded"
    assert bench.made == 0


def server_error(bench: Bench) -> None:
    for status in (500, 502, 503, 504):
        bench.order("server_error", operation="create", status=status)
        reply = bench.post()
        assert (reply.status_code, reply.json()["error"]["type"]) == (status, "InternalServerError")
    assert bench.made == 0


def html(bench: Bench) -> None:
    bench.order("html", operation="create")
    bench.order("html", operation="create", status=200)
    bad, good = bench.post(), bench.post()
    assert [bad.status_code, good.status_code] == [502, 200]
    assert {one.headers["content-type"].partition(";")[0] for one in (bad, good)} == {"text/html"}
    assert bench.made == 0


def refused(bench: Bench) -> None:
    bench.order("refused", operation="create", code="AccountOverdueError")
    reply = bench.post()
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "AccountOverdueError")
    assert bench.made == 0


def error_in_200(bench: Bench) -> None:
    bench.order("error_in_200", operation="create")
    reply = bench.post()
    assert (reply.status_code, set(reply.json())) == (200, {"error"})
    assert bench.made == 0


def job_failed(bench: Bench) -> None:
    codes = ("OutputVideoSensitiveContentDetected", "OutputAudioSensitiveContentDetected")
    bench.order("job_failed")
    bench.order("job_failed", code=codes[1])
    told = [bench.done() for _ in codes]
    assert [one["status"] for one in told] == ["failed", "failed"]
    assert tuple(one["error"]["code"] for one in told) == codes


def job_expired(bench: Bench) -> None:
    bench.order("job_expired")
    told = bench.done()
    assert (told["status"], "content" in told) == ("expired", False)


def job_takes(bench: Bench) -> None:
    bench.order("job_failed", times=2)
    bench.order("job_takes", seconds=25)
    jobs = [bench.vendor.create() for _ in range(2)]
    bench.vendor.clock.advance(10)
    seen = [bench.vendor.get(job).json()["status"] for job in jobs]
    bench.vendor.clock.advance(15)
    assert seen == ["running", "failed"]
    assert bench.vendor.get(jobs[0]).json()["status"] == "failed"


def job_stalls(bench: Bench) -> None:
    bench.order("job_stalls")
    job = bench.vendor.create(execution_expires_after=3600)
    bench.vendor.clock.advance(3599)
    running = bench.vendor.get(job).json()["status"]
    bench.vendor.clock.advance(1)
    assert (running, bench.vendor.get(job).json()["status"]) == ("running", "expired")


def links_expired(bench: Bench) -> None:
    bench.order("links_expired")
    assert bench.fetch(bench.link()).status_code == 403
    assert bench.fetch(bench.link()).status_code == 200


def jpeg_frame(bench: Bench) -> None:
    bench.order("jpeg_frame")
    links = [bench.done(**FRAME)["content"]["last_frame_url"] for _ in range(2)]
    assert all(".png?" in link for link in links)
    kinds = [sniff_mime(bench.fetch(link).content) for link in links]
    assert kinds == ["image/jpeg", "image/png"]


def other_picture(bench: Bench) -> None:
    usual = bench.fetch(bench.link(seed=7)).content
    bench.order("other_picture")
    other = bench.fetch(bench.link(seed=7)).content
    again = bench.fetch(bench.link(seed=7)).content
    assert usual == again
    assert usual != other


def _videos(bench: Bench, mount: str) -> tuple[Any, str]:
    there = bench.vendor.at(mount)
    words = {"prompt": "A cat.", "resolution": "480p"}
    if mount == "infinity-blue":
        body = {**words, "model": "doubao-seedance-2-0-260128", "seconds": "4", "ratio": "16:9"}
        return there, there.client.post(there.url("/videos"), json=body).json()["id"]
    told = {**words, "model": "doubao-seedance-1-0-pro", "seconds": "2"}
    parts = {name: (None, word) for name, word in told.items()}
    return there, there.client.post(there.url("/videos"), files=parts).json()["id"]


def newer_words(bench: Bench) -> None:
    bench.order("newer_words")
    bench.order("job_failed")
    there, job = _videos(bench, "cometapi-videos")
    before = there.client.get(there.url(f"/videos/{job}")).json()["status"]
    bench.vendor.clock.advance(10)
    after = there.client.get(there.url(f"/videos/{job}")).json()["status"]
    assert (before, after) == ("queued", "failed")


def content_redirects(bench: Bench) -> None:
    bench.order("content_redirects")
    there, job = _videos(bench, "infinity-blue")
    bench.vendor.clock.advance(10)
    there.finished(f"/videos/{job}")
    reply = there.client.get(there.url(f"/videos/{job}/content"))
    assert reply.status_code == 302
    assert reply.headers["location"].startswith("http://localhost:")


def _carried_out(bench: Bench, kind: str, *errors: type[Exception]) -> None:
    bench.order("job_stalls")
    bench.order(kind, operation="create")
    with pytest.raises(errors):
        bench.post()
    assert bench.made == bench.vendor.list()["total"] == 1


def lost_reply(bench: Bench) -> None:
    _carried_out(bench, "lost_reply", httpx.RemoteProtocolError)


def reset_midway(bench: Bench) -> None:
    _carried_out(bench, "reset_midway", httpx.ReadError)


def truncated(bench: Bench) -> None:
    _carried_out(bench, "truncated", httpx.RemoteProtocolError)


def cut_json(bench: Bench) -> None:
    bench.order("job_stalls")
    bench.order("cut_json", operation="create")
    reply = bench.post()
    assert reply.status_code == 200
    assert len(reply.content) == int(reply.headers["content-length"])
    assert reply.text.startswith('{"id":')
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        reply.json()
    assert bench.made == 1


def no_id(bench: Bench) -> None:
    bench.order("job_stalls")
    bench.order("no_id", operation="create")
    assert bench.post().json() == {}
    assert bench.made == 1


def short_download(bench: Bench) -> None:
    bench.order("short_download", operation="download")
    link = bench.link()
    with pytest.raises(httpx.RemoteProtocolError):
        bench.fetch(link)
    assert bench.fetch(link).content[4:8] == b"ftyp"


def slow_download(bench: Bench) -> None:
    bench.order("slow_download", seconds=0.3)
    link = bench.link()
    with httpx.Client(trust_env=False) as client, client.stream("GET", link) as slow:
        parts = list(slow.iter_raw())
    assert len(parts) > 1
    assert b"".join(parts) == bench.fetch(link).content


def download_error(bench: Bench) -> None:
    bench.order("download_error", status=404)
    link = bench.link()
    assert [bench.fetch(link).status_code for _ in range(2)] == [404, 200]


class Receiver:
    """Somebody on this machine who is called."""

    def __init__(self) -> None:
        self.told: list[str] = []
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told.append(json.loads(body)["status"])
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _called(bench: Bench, first: int, calls: int, *kinds: str) -> list[str]:
    """What is told of a job that fails: so many calls before it does, so many in all."""
    bench.order("job_failed")
    for kind in kinds:
        bench.order(kind)
    with Receiver() as receiver:
        bench.vendor.create(callback_url=receiver.url)
        _wait(bench, "callback", first)
        bench.vendor.clock.advance(10)
        _wait(bench, "callback", calls)
        return receiver.told


def _wait(bench: Bench, operation: str, times: int) -> None:
    """Until the ledger knows so many."""
    end = time.monotonic() + 20
    while [one.operation for one in bench.vendor.ledger()].count(operation) < times:
        assert time.monotonic() < end, bench.vendor.ledger()
        time.sleep(0.01)


def callback_twice(bench: Bench) -> None:
    assert _called(bench, 2, 3, "callback_twice") == ["queued", "queued", "failed"]


def callback_none(bench: Bench) -> None:
    # Written down, for it was struck, and not sent.
    assert _called(bench, 1, 2, "callback_none") == ["failed"]


PROOFS: dict[str, Proof] = {
    proof.__name__: proof
    for proof in (
        *(reset, stall, throttled, server_error, html, refused, error_in_200),
        *(job_failed, job_expired, job_takes, job_stalls, links_expired, jpeg_frame, other_picture),
        *(newer_words, content_redirects, lost_reply, reset_midway, truncated, cut_json, no_id),
        *(short_download, slow_download, download_error, callback_twice, callback_none),
    )
}


@pytest.mark.parametrize("name", TOLD)
def test_a_fault_does_what_the_help_says(vendor, order, name) -> None:
    """Ordered over HTTP and met over HTTP, by a name that the help tells."""
    PROOFS[name](Bench(vendor, order))


def test_a_callback_is_sent_where_nothing_is_ordered(vendor, order) -> None:
    """Once for each state that was seen."""
    assert _called(Bench(vendor, order), 1, 2) == ["queued", "failed"]


def test_every_fault_is_told_and_proved() -> None:
    """The help, the admin route's table and the proofs name the same faults."""
    from tasks.simulator.faults import describe_faults

    rows = describe_faults()

    assert sorted(TOLD) == sorted(PROOFS) == sorted(row["name"] for row in rows)
    assert all(row["says"] in HELP for row in rows)


def test_an_order_of_the_help_is_one(checking) -> None:
    """Each line of JSON can be sent as it stands, the example of the admin route too."""
    orders = re.findall(r"\{\"kind\".*?\}", HELP)
    admin = f"{checking.base_url}/admin/faults"

    replies = [httpx.post(admin, content=one, trust_env=False) for one in orders]
    pending = replies[-1].json()["pending"]
    # Left as it was found: every job stalls here.
    assert httpx.delete(admin, trust_env=False).json()["pending"] == []
    checking.faults.order("job_stalls", times=-1)

    assert {reply.status_code for reply in replies} == {200}
    assert len(orders) > 8
    assert [one["kind"] for one in pending[1:]] == [json.loads(one)["kind"] for one in orders]
