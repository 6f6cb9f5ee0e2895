"""Every fault in the table, as a client meets it."""

from __future__ import annotations

import httpx
import pytest

from tasks.media.mime import sniff_mime
from tasks.simulator.faults import KINDS, MOMENTS, Faults, describe_faults
from tasks.simulator.ledger import count_creates


@pytest.fixture
def stranger():
    """A client without a key."""
    with httpx.Client(trust_env=False) as client:
        yield client


def created(vendor) -> int:
    return count_creates(vendor.ledger()).get("simulator", 0)


def test_a_429_comes_as_often_as_it_was_ordered(taking, order) -> None:
    """Then the same request goes through; only that one makes a job."""
    taking.faults.order("throttled", operation="create", times=2)

    replies = [taking.post(order()) for _ in range(3)]

    assert [reply.status_code for reply in replies] == [429, 429, 200]
    assert "retry-after" not in replies[0].headers
    assert replies[0].json()["error"]["type"] == "TooManyRequests"
    assert created(taking) == 1


def test_a_429_can_ask_for_patience(taking, order) -> None:
    """With a Retry-After, and with another code."""
    taking.faults.order("throttled", retry_after="3", code="ServerOverloaded")

    reply = taking.post(order())

    assert reply.headers["Retry-After"] == "3"
    assert reply.json()["error"]["code"] == "ServerOverloaded"


def test_a_5xx_makes_nothing(vendor, order) -> None:
    """With the status that was ordered and Ark's error body."""
    vendor.faults.order("server_error", status=503)

    reply = vendor.post(order())

    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "InternalServiceError")
    assert created(vendor) == 0


def test_a_gateway_can_answer_with_a_web_page(vendor, order) -> None:
    """Status 502 and HTML."""
    vendor.faults.order("html")

    reply = vendor.post(order())

    assert (reply.status_code, reply.headers["content-type"][:9]) == (502, "text/html")


def test_any_error_of_the_table_can_be_ordered(vendor, order) -> None:
    """With the status that goes with its code."""
    vendor.faults.order("refused", code="AccountOverdueError")

    assert vendor.post(order()).status_code == 403


def test_an_error_can_hide_in_a_200(vendor, order) -> None:
    """No job is made of it."""
    vendor.faults.order("error_in_200", code="InputTextSensitiveContentDetected")

    reply = vendor.post(order())

    assert reply.status_code == 200
    assert reply.json()["error"]["code"] == "InputTextSensitiveContentDetected"
    assert created(vendor) == 0


def test_a_lost_reply_leaves_a_paid_job(taking, order) -> None:
    """The connection closes without a word, and the job is in the list."""
    taking.faults.order("lost_reply", operation="create")

    with pytest.raises(httpx.RemoteProtocolError):
        taking.post(order())

    assert created(taking) == taking.list()["total"] == 1
    assert next(entry.status for entry in taking.ledger() if entry.accepted) == 0


def test_a_reset_before_reading_leaves_nothing(taking, order) -> None:
    """The request was never seen."""
    taking.faults.order("reset", operation="create")

    with pytest.raises((httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)):
        taking.post(order())

    assert created(taking) == taking.list()["total"] == 0


def test_a_reply_can_break_off(taking, order) -> None:
    """After half the body; the job is made all the same."""
    taking.faults.order("truncated", operation="create")

    with pytest.raises(httpx.RemoteProtocolError):
        taking.post(order())

    assert created(taking) == 1


def test_a_200_can_lack_the_id(taking, order) -> None:
    """The job is made all the same."""
    taking.faults.order("no_id", operation="create")

    reply = taking.post(order())

    assert (reply.status_code, reply.json()) == (200, {})
    assert created(taking) == 1


def test_a_reply_can_come_late(tmp_path, serving, order) -> None:
    """Later than a client waits; the job is made all the same, once the server gets to it."""
    with serving(tmp_path) as vendor:
        vendor.faults.order("job_stalls", times=-1)
        vendor.faults.order("stall", operation="create", seconds=0.6)

        with pytest.raises(httpx.ReadTimeout):
            vendor.post(order(), timeout=0.2)

        assert vendor.post(order()).status_code == 200


def test_a_stalled_reply_does_not_hold_up_the_end(tmp_path, serving, order) -> None:
    """The server stops at once, whatever it still owes."""
    import time

    with serving(tmp_path) as vendor:
        vendor.faults.order("job_stalls")
        vendor.faults.order("stall", operation="create", seconds=60)
        with pytest.raises(httpx.ReadTimeout):
            vendor.post(order(), timeout=0.2)
        start = time.monotonic()

    assert time.monotonic() - start < 10


@pytest.mark.parametrize(("kind", "status"), [("job_failed", "failed"), ("job_expired", "expired")])
def test_a_job_can_be_taken_and_lost(vendor, kind, status) -> None:
    """It is queued and running like any other, then over without a clip."""
    vendor.faults.order(kind)
    job = vendor.create()
    before = vendor.get(job).json()["status"]
    vendor.clock.advance(10)

    told = vendor.get(job).json()

    assert (before, told["status"]) == ("queued", status)
    assert "content" not in told


def test_a_failed_job_names_its_code(vendor) -> None:
    """The code that was ordered."""
    vendor.faults.order("job_failed", code="OutputAudioSensitiveContentDetected")
    job = vendor.create()
    vendor.clock.advance(10)

    assert vendor.get(job).json()["error"]["code"] == "OutputAudioSensitiveContentDetected"


def test_a_job_can_run_for_ever(vendor) -> None:
    """Until its own time limit."""
    vendor.faults.order("job_stalls")
    job = vendor.create()
    vendor.clock.advance(172_799)

    assert vendor.get(job).json()["status"] == "running"


def test_links_can_be_dead_on_arrival(vendor, stranger) -> None:
    """The job succeeds, and its link is refused as expired."""
    vendor.faults.order("links_expired")
    job = vendor.create()
    vendor.clock.advance(10)
    link = vendor.rendered(job)["content"]["video_url"]

    assert stranger.get(link).status_code == 403


def test_a_last_frame_can_be_a_jpeg_named_png(vendor, stranger) -> None:
    """As live vendors send it."""
    vendor.faults.order("jpeg_frame")
    job = vendor.create(return_last_frame=True)
    vendor.clock.advance(10)
    link = vendor.rendered(job)["content"]["last_frame_url"]

    reply = stranger.get(link)

    assert ".png?" in link
    assert sniff_mime(reply.content) == reply.headers["content-type"] == "image/jpeg"


def test_downloads_can_fail_in_every_way(rendering, stranger) -> None:
    """Too short, with an error, and slowly; at last the whole clip comes through."""
    link = rendering.rendered(rendering.create())["content"]["video_url"]
    rendering.faults.order("short_download", operation="download")
    rendering.faults.order("download_error", status=503)
    rendering.faults.order("slow_download", seconds=0.2)

    with pytest.raises(httpx.RemoteProtocolError):
        stranger.get(link)
    failed = stranger.get(link)
    slow, usual = stranger.get(link), stranger.get(link)

    assert failed.status_code == 503
    assert slow.content == usual.content
    assert len(usual.content) == int(slow.headers["content-length"])


def test_a_fault_strikes_only_what_it_was_ordered_for(taking, order) -> None:
    """By mount, operation and words; the others pass."""
    storm = [{"type": "text", "text": "A storm."}]
    taking.faults.order("server_error", mount="ark")
    taking.faults.order("server_error", operation="get", match="storm")

    usual, other = taking.create(), taking.create(content=storm)

    assert taking.get(usual).status_code == 200
    assert taking.get(other).status_code == 500
    assert taking.get(other).status_code == 200
    assert taking.at("ark").post(order()).status_code == 500
    assert taking.at("ark").post(order()).status_code == 200


def test_a_fault_can_wait_for_its_turn(taking, order) -> None:
    """`after` lets requests pass first."""
    taking.faults.order("server_error", operation="create", after=1)

    assert [taking.post(order()).status_code for _ in range(3)] == [200, 500, 200]


def test_faults_of_different_moments_strike_together(vendor, order) -> None:
    """A job that will fail, and a reply that is lost."""
    vendor.faults.order("job_failed")
    vendor.faults.order("lost_reply", operation="create")
    with pytest.raises(httpx.RemoteProtocolError):
        vendor.post(order())
    vendor.clock.advance(10)

    assert vendor.list()["items"][0]["status"] == "failed"


def test_the_admin_route_orders_and_tells(vendor, order) -> None:
    """Faults, ledger and clock, as a running `simulate` is steered."""
    admin = vendor.base_url + "/admin"
    told = {"kind": "throttled", "mount": "simulator", "operation": "create", "retry_after": "1"}

    ordered = vendor.client.post(f"{admin}/faults", json=told).json()
    refused = vendor.client.post(f"{admin}/faults", json={"kind": "earthquake"})
    throttled, taken = vendor.post(order()), vendor.post(order())
    ledger = vendor.client.get(f"{admin}/ledger").json()
    clock = vendor.client.post(f"{admin}/clock", json={"advance_seconds": 60}).json()

    assert [fault["kind"] for fault in ordered["pending"]] == ["throttled"]
    assert (refused.status_code, "earthquake" in refused.json()["error"]) == (400, True)
    assert (throttled.status_code, taken.status_code) == (429, 200)
    assert ledger["creates"] == {"simulator": 1}
    seen = [(entry["operation"], entry["status"], entry["faults"]) for entry in ledger["entries"]]
    assert seen == [("create", 429, ["throttled"]), ("create", 200, [])]
    assert clock == {"now": vendor.clock.now(), "manual": True}
    assert vendor.client.request("DELETE", f"{admin}/faults").json()["pending"] == []
    assert vendor.client.post(f"{admin}/clock", json={"advance_seconds": -1}).status_code == 400


def test_a_clock_that_is_the_machines_can_not_be_moved(tmp_path, serving) -> None:
    """The admin route says so."""
    from tasks.simulator.clock import SystemClock

    with serving(tmp_path, clock=SystemClock()) as vendor:
        reply = vendor.client.post(f"{vendor.base_url}/admin/clock", json={"advance_seconds": 1})

    assert reply.status_code == 409


def test_the_ledger_holds_no_signature_and_no_key(rendering, stranger) -> None:
    """Neither the key nor the query of a signed link is written down."""
    link = rendering.rendered(rendering.create())["content"]["video_url"]
    stranger.get(link)

    text = (rendering.root / "ledger.jsonl").read_text()

    assert "/files/" in text
    assert "X-Tos" not in text
    assert "Bearer" not in text


def test_an_order_for_an_unknown_fault_or_option_is_refused() -> None:
    """A typo in a test must not pass for a fault that never struck."""
    faults = Faults()

    with pytest.raises(ValueError, match="no fault 'trottled'"):
        faults.order("trottled")
    with pytest.raises(ValueError, match="no option 'status'"):
        faults.order("throttled", status=500)


@pytest.mark.parametrize(
    "wrong",
    [
        {"times": "2"},
        {"times": 1.5},
        {"times": -2},
        {"times": True},
        {"after": -1},
        {"operation": "creat"},
        {"seconds": "soon"},
        {"seconds": float("nan")},
        {"seconds": -1},
    ],
    ids=str,
)
def test_an_order_that_could_only_fail_later_is_refused(wrong) -> None:
    """When it strikes it would break the simulator, or never strike at all."""
    faults = Faults()

    with pytest.raises(ValueError, match=next(iter(wrong)).removesuffix("s")):
        faults.order("stall", **wrong)

    assert faults.pending() == []


def test_an_order_for_a_mount_that_there_is_not_is_refused(vendor) -> None:
    """By the admin route, which knows them all; so is an order that is none."""
    admin = f"{vendor.base_url}/admin/faults"

    refused = vendor.client.post(admin, json={"kind": "stall", "mount": "arc"})
    nothing = vendor.client.post(admin, content=b"kind=stall")

    assert (refused.status_code, nothing.status_code) == (400, 400)
    assert "'arc'" in refused.json()["error"]
    assert "kind" in nothing.json()["error"]
    assert vendor.faults.pending() == []


def test_the_table_of_faults_is_complete() -> None:
    """Each kind has its row, with a moment that exists and a sentence."""
    rows = describe_faults()

    assert [row["name"] for row in rows] == list(KINDS)
    assert all(row["moment"] in MOMENTS and row["says"] for row in rows)
