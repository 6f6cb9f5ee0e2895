"""The list of recent jobs and the cancel, for vendors with and without them."""

import pytest

from tasks.errors import AuthenticationFailed, InvalidRequest, JobCancelled
from tasks.providers.dialect import Dialect
from tasks.providers.dialects.ark import Ark
from tests.support.wire import QUEUED, RUNNING, SUCCEEDED, respond, run_client


def list_all(client):
    """List all jobs of a model."""
    return client.list_jobs("m", created_after=0)


def cancel(client):
    """Cancel a job."""
    return client.cancel("cgt-1")


def test_list_reads_every_page():
    """Jobs created since then, each once, with the vendor's time."""
    first = {
        "items": [{"id": f"cgt-{n}", "status": "queued", "created_at": 100 - n} for n in range(3)]
    }
    second = {"items": [{"id": "cgt-2", "status": "queued"}, {"id": "cgt-3", "status": "running"}]}
    date = {"Date": "Thu, 01 Jan 1970 00:02:00 GMT"}

    job_list, vendor = run_client(
        lambda client: client.list_jobs("m", created_after=99),
        respond(200, first, date),
        respond(200, second, date),
        respond(200, {"items": []}, date),
    )

    assert [job.job for job in job_list.jobs] == ["cgt-0", "cgt-1", "cgt-3"]
    assert job_list.vendor_time == 120
    assert [request.target.split("?")[1][:10] for request in vendor.requests] == [
        f"page_num={page}" for page in (1, 2, 3)
    ]


def test_list_stops_at_repeated_page():
    """A gateway that ignores the page number is queried twice."""
    job_list, vendor = run_client(list_all, respond(200, {"items": [QUEUED]}))

    assert [job.job for job in job_list.jobs] == ["cgt-1"]
    assert len(vendor.requests) == 2


class PlainDialect(Ark):
    """Ark's dialect without list and cancel."""

    build_list = Dialect.build_list
    build_cancel = Dialect.build_cancel


def test_list_without_dialect_support_is_none():
    """None is different from an empty list."""

    def list_with_plain_dialect(client):
        client.dialect = PlainDialect()
        return list_all(client)

    job_list, vendor = run_client(list_with_plain_dialect, respond(200))

    assert job_list is None
    assert vendor.requests == []


def test_list_without_provider_support_is_none():
    """Even if the dialect has a list."""
    job_list, vendor = run_client(
        list_all, respond(200, {"items": []}), overrides={"supports_listing": False}
    )

    assert job_list is None
    assert vendor.requests == []


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, {"error": {"code": "NotFound", "message": "no such route"}}), (404, b""), (405, b"")],
)
def test_list_not_found_is_none(status, body):
    """Not every gateway documents whether it has a list."""
    job_list, _ = run_client(list_all, respond(status, body))

    assert job_list is None


def test_list_missing_second_page_ends_the_list():
    """The jobs of the first page count."""
    job_list, _ = run_client(list_all, respond(200, {"items": [QUEUED]}), respond(404, b""))

    assert [job.job for job in job_list.jobs] == ["cgt-1"]


def test_list_rejected_key_raises():
    """This is different from a vendor without a list."""
    error, _ = run_client(list_all, respond(401, b""))

    assert type(error) is AuthenticationFailed


@pytest.mark.parametrize("response", [(200, {}), (200, b""), (204, b"")])
def test_cancel_queued_job(response):
    """After a query, and confirmed by another; an empty response is a success."""
    cancelled = {**QUEUED, "status": "cancelled"}

    error, vendor = run_client(
        cancel, respond(200, QUEUED), respond(*response), respond(200, cancelled)
    )

    assert type(error) is JobCancelled
    assert vendor.methods[:3] == ["GET", "DELETE", "GET"]


def test_cancel_without_effect_returns_queued():
    """The vendor accepts the request and does not act on it."""
    status, vendor = run_client(cancel, respond(200, QUEUED))

    assert status.state == "queued"
    assert vendor.methods == ["GET", "DELETE", *["GET"] * 3]


@pytest.mark.parametrize("body", [RUNNING, SUCCEEDED])
def test_cancel_sends_nothing_after_the_queue(body):
    """The same request would delete the record of a paid job."""
    _, vendor = run_client(cancel, respond(200, body))

    assert vendor.methods == ["GET"]


def test_cancel_rejected_raises_without_retry():
    """The job started between query and cancel."""
    rejection = respond(400, {"error": {"code": "InvalidParameter", "message": "running"}})

    error, vendor = run_client(cancel, respond(200, QUEUED), rejection, respond(200, QUEUED))

    assert type(error) is InvalidRequest
    assert vendor.methods == ["GET", "DELETE", "GET"]


def test_cancel_without_dialect_support_raises():
    """Nothing is sent."""

    def cancel_with_plain_dialect(client):
        client.dialect = PlainDialect()
        return cancel(client)

    error, vendor = run_client(cancel_with_plain_dialect, respond(200))

    assert type(error) is InvalidRequest
    assert vendor.requests == []


def test_cancel_without_provider_support_raises():
    """Even if the dialect has a cancel."""
    error, vendor = run_client(cancel, respond(200, QUEUED), overrides={"supports_cancel": False})

    assert type(error) is InvalidRequest
    assert vendor.requests == []
