"""Callbacks: sent on every status change, repeated until acknowledged, only to this machine."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.simulator.callbacks import parse_loopback_url
from tasks.simulator.request_log import LoggedRequest
from tests.support.simulator_requests import (
    MODEL_1_0_PRO,
    MODEL_2_0,
    TIMEOUT_SECONDS,
    CallbackReceiver,
    SimulatorClient,
    request_with,
    served,
    wait_until,
)


@pytest.fixture
def calling(tmp_path: Path) -> Iterator[SimulatorClient]:
    """A simulator that waits 0.1 s for an acknowledgement."""
    with served(tmp_path / "simulator", job_seconds=10, callback_seconds=0.1) as client:
        yield client


def logged_callbacks(client: SimulatorClient) -> list[LoggedRequest]:
    """Return the callbacks in the request log."""
    return [entry for entry in client.log() if entry.operation == "callback"]


def test_callback_is_sent_on_each_status(calling, receiver) -> None:
    """Queued, running and succeeded are sent once each, with the object that a get returns."""
    job = calling.create(callback_url=receiver.url)
    receiver.wait_for("queued")
    calling.clock.advance(3)
    receiver.wait_for("queued", "running")
    calling.clock.advance(7)
    receiver.wait_for("queued", "running", "succeeded")

    assert receiver.bodies[-1] == calling.get(job).json()
    wait_until(lambda: len(logged_callbacks(calling)) == 3)
    entries = [(entry.status, entry.note, entry.path) for entry in logged_callbacks(calling)]
    assert entries == [(200, status, "/hook") for status in receiver.received]


@pytest.mark.parametrize(
    ("fault", "status"), [("job_failed", "failed"), ("job_expired", "expired")]
)
def test_callback_is_sent_for_job_without_clip(calling, receiver, fault, status) -> None:
    """A failed and an expired job are reported too."""
    calling.faults.inject(fault)
    calling.create(callback_url=receiver.url)
    receiver.wait_for("queued")
    calling.clock.advance(10)

    receiver.wait_for("queued", status)


def test_callback_is_not_sent_for_cancelled_job(calling, receiver) -> None:
    """The status `cancelled` is not documented for callbacks."""
    job = calling.create(callback_url=receiver.url)
    receiver.wait_for("queued")
    other = calling.create(callback_url=receiver.url)
    receiver.wait_for("queued", "queued")
    calling.delete(job)
    calling.clock.advance(3)

    receiver.wait_for("queued", "queued", "running")
    assert receiver.bodies[-1]["id"] == other


def test_callback_of_final_status_is_repeated(calling, receiver) -> None:
    """A failed callback of a final status is repeated three times, any other is not repeated."""
    calling.faults.inject("job_failed")
    receiver.statuses = [500] * 9
    calling.create(callback_url=receiver.url)
    receiver.wait_for("queued")
    calling.clock.advance(10)

    receiver.wait_for("queued", *["failed"] * 4)
    wait_until(lambda: len(logged_callbacks(calling)) == 5)
    assert {entry.status for entry in logged_callbacks(calling)} == {500}


def test_callback_acknowledged_is_not_repeated(calling, receiver) -> None:
    """After the second attempt is acknowledged there is no third."""
    calling.faults.inject("job_failed", times=2)
    calling.create(callback_url=receiver.url)
    receiver.wait_for("queued")
    receiver.statuses = [503, 204]
    calling.clock.advance(10)
    receiver.wait_for("queued", "failed", "failed")
    calling.create(callback_url=receiver.url)

    receiver.wait_for("queued", "failed", "failed", "queued")


def test_callback_without_response_is_repeated(calling) -> None:
    """A receiver that accepts the connection and never responds did not acknowledge."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        calling.faults.inject("job_failed")
        calling.create(callback_url=url)
        wait_until(lambda: len(logged_callbacks(calling)) == 1)
        calling.clock.advance(10)
        wait_until(lambda: len(logged_callbacks(calling)) == 5, lambda: logged_callbacks(calling))

    assert [entry.status for entry in logged_callbacks(calling)] == [0] * 5


def test_callback_faults_apply_to_one_callback(calling, receiver) -> None:
    """One callback is sent twice, another is not sent, the following ones are not affected."""
    calling.faults.inject("callback_twice")
    calling.faults.inject("callback_none", match="running")
    calling.create(callback_url=receiver.url)
    receiver.wait_for("queued", "queued")
    calling.clock.advance(3)
    wait_until(lambda: len(logged_callbacks(calling)) == 3)
    calling.clock.advance(7)

    receiver.wait_for("queued", "queued", "succeeded")
    assert logged_callbacks(calling)[2].faults == ("callback_none",)


@pytest.mark.parametrize(
    ("mount", "model"),
    [
        ("modelark", "seedance-1-0-pro-250528"),
        ("powertokens", "seedance-1-0-pro-250528"),
        ("cometapi-volc", MODEL_1_0_PRO),
        ("kkiai-2", MODEL_2_0),
    ],
)
def test_callback_is_sent_by_each_gateway(stalled, receiver, mount, model) -> None:
    """Every vendor that documents callbacks sends them, with its own ids."""
    response = stalled.at(mount).post(request_with(model, callback_url=receiver.url))

    receiver.wait_for("queued")
    assert receiver.bodies[0]["id"] == response.json()["id"]


def test_callback_is_not_sent_by_kkiai(stalled, receiver) -> None:
    """The gateway accepts the field, but its page does not document it."""
    body = request_with(MODEL_1_0_PRO, callback_url=receiver.url)
    response = stalled.at("kkiai").post(body)
    stalled.create(callback_url=receiver.url)

    receiver.wait_for("queued")
    assert receiver.bodies[0]["id"] != response.json()["id"]


def test_callbacks_continue_after_restart(tmp_path, receiver) -> None:
    """The next process sends the changes since the last callback, and no earlier one."""
    with served(tmp_path, job_seconds=10) as first:
        first.faults.inject("job_failed")
        first.create(callback_url=receiver.url)
        receiver.wait_for("queued")
        clock = first.clock
    clock.advance(10)
    with served(tmp_path, job_seconds=10, clock=clock):
        receiver.wait_for("queued", "failed")


def test_close_does_not_wait_for_silent_receiver(tmp_path) -> None:
    """A pending callback delays no shutdown and leaves no thread."""
    threads = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with served(tmp_path, callback_seconds=60) as client:
            client.faults.inject("job_stalls")
            client.create(callback_url=url)
            silent.settimeout(TIMEOUT_SECONDS)
            connection, _ = silent.accept()
            start = time.monotonic()
    connection.close()

    assert time.monotonic() - start < 10
    assert set(threading.enumerate()) <= threads


def test_unacknowledged_callback_is_sent_after_restart(tmp_path) -> None:
    """A status that was not acknowledged before the shutdown is sent by the next process."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with served(tmp_path, callback_seconds=60) as client:
            client.faults.inject("job_failed")
            client.create(callback_url=f"http://127.0.0.1:{port}/")
            silent.settimeout(TIMEOUT_SECONDS)
            connection, _ = silent.accept()
    connection.close()

    with CallbackReceiver(port) as receiver, served(tmp_path):
        receiver.wait_for("failed")


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
def test_parse_loopback_url_of_other_host_is_none(url) -> None:
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
def test_parse_loopback_url_returns_address(url, host, port, target) -> None:
    """A name for this machine is replaced by its address."""
    address = parse_loopback_url(url)

    assert address is not None
    assert (address.host, address.port, address.target) == (host, port, target)


def test_callback_to_other_host_is_noted(stalled) -> None:
    """The create is accepted as at a vendor, and the log notes that nothing is sent."""
    job = stalled.create(callback_url="https://example.com/hook")

    assert "nothing is sent" in stalled.log_note(job)
