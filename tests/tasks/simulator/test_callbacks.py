"""Callbacks: told on every change, insisted on, and never off this machine."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tasks.simulator.callbacks import parse_loopback_url

PATIENCE_SECONDS = 20


class Receiver:
    """Somebody on this machine who is called, and answers as it is told to."""

    def __init__(self, port: int = 0) -> None:
        self.bodies: list[dict] = []
        self.statuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.append(json.loads(body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?key=secret"

    @property
    def told(self) -> list[str]:
        return [body["status"] for body in self.bodies]

    def wait(self, *statuses: str) -> None:
        wait_until(lambda: self.told == list(statuses), lambda: self.told)


def wait_until(done, found=lambda: None) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < end, found()
        time.sleep(0.01)


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    receiver = Receiver(port)
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        thread.join()
        receiver.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def calling(tmp_path, serving):
    """A simulator that waits a tenth of a second for an acknowledgement."""
    with serving(tmp_path / "simulator", job_seconds=10, callback_seconds=0.1) as vendor:
        yield vendor


def calls(vendor) -> list:
    return [entry for entry in vendor.ledger() if entry.operation == "callback"]


def test_every_change_is_told_with_the_object_that_a_get_tells(calling, receiver) -> None:
    """Queued, running and succeeded, in this order and once each, with links that open."""
    job = calling.create(callback_url=receiver.url)
    receiver.wait("queued")
    calling.clock.advance(3)
    receiver.wait("queued", "running")
    calling.clock.advance(7)
    receiver.wait("queued", "running", "succeeded")

    assert receiver.bodies[-1] == calling.get(job).json()
    wait_until(lambda: len(calls(calling)) == 3)
    assert [(call.status, call.note, call.path) for call in calls(calling)] == [
        (200, status, "/hook") for status in receiver.told
    ]


@pytest.mark.parametrize(
    ("fault", "status"), [("job_failed", "failed"), ("job_expired", "expired")]
)
def test_an_end_without_a_clip_is_told_too(calling, receiver, fault, status) -> None:
    """Failed and expired."""
    calling.faults.inject(fault)
    calling.create(callback_url=receiver.url)
    receiver.wait("queued")
    calling.clock.advance(10)

    receiver.wait("queued", status)


def test_a_cancelled_job_is_told_no_more(calling, receiver) -> None:
    """No status of that name is documented for callbacks."""
    job = calling.create(callback_url=receiver.url)
    receiver.wait("queued")
    other = calling.create(callback_url=receiver.url)
    receiver.wait("queued", "queued")
    calling.delete(job)
    calling.clock.advance(3)

    receiver.wait("queued", "queued", "running")
    assert receiver.bodies[-1]["id"] == other


def test_a_refused_call_is_made_again_where_the_job_is_over(calling, receiver) -> None:
    """Three times more for an end, and never again for what comes before it."""
    calling.faults.inject("job_failed")
    receiver.statuses = [500] * 9
    calling.create(callback_url=receiver.url)
    receiver.wait("queued")
    calling.clock.advance(10)

    receiver.wait("queued", *["failed"] * 4)
    wait_until(lambda: len(calls(calling)) == 5)
    assert {call.status for call in calls(calling)} == {500}


def test_an_acknowledgement_ends_the_insisting(calling, receiver) -> None:
    """The second call is acknowledged, and there is no third."""
    calling.faults.inject("job_failed", times=2)
    calling.create(callback_url=receiver.url)
    receiver.wait("queued")
    receiver.statuses = [503, 204]
    calling.clock.advance(10)
    receiver.wait("queued", "failed", "failed")
    calling.create(callback_url=receiver.url)

    receiver.wait("queued", "failed", "failed", "queued")


def test_a_receiver_that_does_not_answer_is_called_again(calling) -> None:
    """Silence and a closed port count as no acknowledgement."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        calling.faults.inject("job_failed")
        calling.create(callback_url=url)
        wait_until(lambda: len(calls(calling)) == 1)
        calling.clock.advance(10)
        wait_until(lambda: len(calls(calling)) == 5, lambda: calls(calling))

    assert [call.status for call in calls(calling)] == [0] * 5


def test_a_callback_can_come_twice_or_never(calling, receiver) -> None:
    """As it is ordered, each for one change."""
    calling.faults.inject("callback_twice")
    calling.faults.inject("callback_none", match="running")
    calling.create(callback_url=receiver.url)
    receiver.wait("queued", "queued")
    calling.clock.advance(3)
    wait_until(lambda: len(calls(calling)) == 3)
    calling.clock.advance(7)

    receiver.wait("queued", "queued", "succeeded")
    assert calls(calling)[2].faults == ("callback_none",)


@pytest.mark.parametrize(
    ("mount", "model"),
    [
        ("modelark", "seedance-1-0-pro-250528"),
        ("powertokens", "seedance-1-0-pro-250528"),
        ("cometapi-volc", "doubao-seedance-1-0-pro-250528"),
        ("kkiai-2", "doubao-seedance-2-0-260128"),
    ],
)
def test_every_vendor_that_documents_callbacks_calls(taking, receiver, mount, model) -> None:
    """With its own ids."""
    host = taking.at(mount)
    content = [{"type": "text", "text": "A cat."}]
    job = host.post({"model": model, "content": content, "callback_url": receiver.url})

    receiver.wait("queued")
    assert receiver.bodies[0]["id"] == job.json()["id"]


def test_kkiai_takes_the_field_and_does_not_call(taking, receiver) -> None:
    """Its page does not have it."""
    content = [{"type": "text", "text": "A cat."}]
    order = {"model": "doubao-seedance-1-0-pro-250528", "content": content}
    told = taking.at("kkiai").post({**order, "callback_url": receiver.url})
    taking.create(callback_url=receiver.url)

    receiver.wait("queued")
    assert receiver.bodies[0]["id"] != told.json()["id"]


def test_the_next_process_goes_on_telling(tmp_path, serving, receiver) -> None:
    """What was told is not told again; what happened meanwhile is, with links that open."""
    with serving(tmp_path, job_seconds=10) as first:
        first.faults.inject("job_failed")
        first.create(callback_url=receiver.url)
        receiver.wait("queued")
        clock = first.clock
    clock.advance(10)
    with serving(tmp_path, job_seconds=10, clock=clock):
        receiver.wait("queued", "failed")


def test_a_silent_receiver_does_not_hold_up_the_end(tmp_path, serving) -> None:
    """Nor does one that is still to be called again, and no thread is left."""
    before = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with serving(tmp_path, callback_seconds=60) as vendor:
            vendor.faults.inject("job_stalls")
            vendor.create(callback_url=url)
            silent.settimeout(PATIENCE_SECONDS)
            connection, _ = silent.accept()
            start = time.monotonic()
    connection.close()

    assert time.monotonic() - start < 10
    assert set(threading.enumerate()) <= before


def test_what_a_stop_cut_short_is_told_by_the_next_process(tmp_path, serving) -> None:
    """A change that nobody acknowledged before the end is not taken for told."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with serving(tmp_path, callback_seconds=60) as vendor:
            vendor.faults.inject("job_failed")
            vendor.create(callback_url=f"http://127.0.0.1:{port}/")
            silent.settimeout(PATIENCE_SECONDS)
            connection, _ = silent.accept()
    connection.close()

    with receiving(port) as receiver, serving(tmp_path):
        receiver.wait("failed")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/hook",
        "http://example.com/hook",
        "http://10.0.0.1/hook",
        "http://169.254.169.254/latest",
        "http://127.0.0.1.example.com/hook",
        "http://localhost.example.com/hook",
        "http://0.0.0.0/hook",
        "http://[fe80::1]/hook",
        "http://127.0.0.1@example.com/hook",
        "http://[/hook",
        "http://127.0.0.1:99999/hook",
    ],
)
def test_no_callback_leaves_this_machine(url) -> None:
    """Only plain HTTP to loopback is called, and no name is looked up."""
    assert parse_loopback_url(url) is None


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("http://127.0.0.1:8080/hook?a=b", "127.0.0.1", 8080, "/hook?a=b"),
        ("http://localhost/hook", "127.0.0.1", 80, "/hook"),
        ("http://[::1]:81", "::1", 81, "/"),
    ],
)
def test_loopback_is_called(url, host, port, target) -> None:
    """By its address, whatever name it goes by."""
    address = parse_loopback_url(url)

    assert address is not None
    assert (address.host, address.port, address.target) == (host, port, target)


def test_an_address_elsewhere_is_noted_in_the_ledger(taking) -> None:
    """The create is taken as at a vendor, and the ledger says that nothing will be sent."""
    job = taking.create(callback_url="https://example.com/hook")

    note = next(entry.note for entry in taking.ledger() if entry.job == job)
    assert "nothing is sent to" in note
