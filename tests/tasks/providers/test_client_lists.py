"""The vendor's recent jobs and the cancel: where they are documented, and never by mistake."""

import asyncio

import pytest

from tasks.errors import AccountError, InvalidRequest, ProviderError
from tasks.providers.dialects import DIALECTS

QUEUED = {"id": "cgt-1", "status": "queued"}
RUNNING = {"id": "cgt-1", "status": "running"}
DONE = {"id": "cgt-1", "status": "succeeded", "content": {"video_url": "https://v.example.com/c"}}


def talk(serving, client_of, say, *acts, **more):
    """Let a client say something to a vendor that acts so: what came of it, and the vendor."""

    async def run():
        async with serving(*acts) as vendor, client_of(vendor.url, **more) as client:
            try:
                return await say(client), vendor
            except ProviderError as error:
                return error, vendor

    return asyncio.run(run())


def test_recent_jobs_are_listed_to_the_last_page(serving, client_of, answers):
    """Those since then, each once, with the vendor's time."""
    first = {
        "items": [{"id": f"cgt-{n}", "status": "queued", "created_at": 100 - n} for n in range(3)]
    }
    second = {"items": [{"id": "cgt-2", "status": "queued"}, {"id": "cgt-3", "status": "running"}]}

    def recent(client):
        return client.list_jobs("m", created_after=99)

    date = {"Date": "Thu, 01 Jan 1970 00:02:00 GMT"}
    told, vendor = talk(
        serving,
        client_of,
        recent,
        *(answers(200, body, date) for body in (first, second, {"items": []})),
    )

    assert [one.job for one in told.jobs] == ["cgt-0", "cgt-1", "cgt-3"]
    assert told.vendor_time == 120
    assert [request.target.split("?")[1][:10] for request in vendor.requests] == [
        f"page_num={page}" for page in (1, 2, 3)
    ]


def test_a_list_without_pages_ends(serving, client_of, answers):
    """A gateway that answers the same page for ever is asked twice."""
    body = {"items": [{"id": "cgt-1", "status": "queued"}]}

    told, vendor = talk(
        serving,
        client_of,
        lambda client: client.list_jobs("m", created_after=0),
        answers(200, body),
    )

    assert [one.job for one in told.jobs] == ["cgt-1"]
    assert len(vendor.requests) == 2


class Silent(type(DIALECTS["ark"])):
    """A dialect that has neither list nor cancel."""

    def build_list(self, model, service_tier, page):
        return None

    def build_cancel(self, job):
        return None


def test_a_dialect_without_a_list_has_no_recent_jobs(serving, client_of, answers):
    """None is not the same as none found."""

    def recent(client):
        client.dialect = Silent()
        return client.list_jobs("m", created_after=0)

    told, vendor = talk(serving, client_of, recent, answers(200))

    assert told is None
    assert vendor.requests == []


def test_a_provider_without_the_list_of_its_dialect_is_not_asked(serving, client_of, answers):
    """The row says so."""
    told, vendor = talk(
        serving,
        client_of,
        lambda client: client.list_jobs("m", created_after=0),
        answers(200, {"items": []}),
        row={"supports_listing": False},
    )

    assert told is None
    assert vendor.requests == []


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, {"error": {"code": "NotFound", "message": "no such route"}}), (404, b""), (405, b"")],
)
def test_a_list_that_is_not_answered_is_none(serving, client_of, answers, status, body):
    """Not every gateway says whether it has one."""
    told, _ = talk(
        serving,
        client_of,
        lambda client: client.list_jobs("m", created_after=0),
        answers(status, body),
    )

    assert told is None


def test_a_page_behind_the_last_may_be_missing(serving, client_of, answers):
    """What came before it counts."""
    told, _ = talk(
        serving,
        client_of,
        lambda client: client.list_jobs("m", created_after=0),
        answers(200, {"items": [{"id": "cgt-1", "status": "queued"}]}),
        answers(404, b""),
    )

    assert [one.job for one in told.jobs] == ["cgt-1"]


def test_a_list_that_the_key_may_not_see_is_an_error(serving, client_of, answers):
    """It is not the same as none."""
    told, _ = talk(
        serving, client_of, lambda client: client.list_jobs("m", created_after=0), answers(401, b"")
    )

    assert type(told) is AccountError


@pytest.mark.parametrize("reply", [(200, {}), (200, b""), (204, b"")])
def test_a_queued_job_is_cancelled(serving, client_of, answers, reply):
    """After a look at it; an empty answer is enough."""
    told, vendor = talk(
        serving,
        client_of,
        lambda client: client.cancel("cgt-1"),
        answers(200, QUEUED),
        answers(*reply),
    )

    assert told is True
    assert [request.method for request in vendor.requests] == ["GET", "DELETE"]


@pytest.mark.parametrize("body", [RUNNING, DONE])
def test_a_job_that_is_past_the_queue_is_never_deleted(serving, client_of, answers, body):
    """The same request would delete the record of what was paid for."""
    told, vendor = talk(
        serving, client_of, lambda client: client.cancel("cgt-1"), answers(200, body)
    )

    assert told is False
    assert [request.method for request in vendor.requests] == ["GET"]


def test_a_cancel_that_is_refused_says_so_once(serving, client_of, answers):
    """The job began to run in between."""
    refusal = answers(400, {"error": {"code": "InvalidParameter", "message": "running"}})

    told, vendor = talk(
        serving, client_of, lambda client: client.cancel("cgt-1"), answers(200, QUEUED), refusal
    )

    assert type(told) is InvalidRequest
    assert len(vendor.requests) == 2


def test_a_dialect_without_a_cancel_says_so(serving, client_of, answers):
    """Nothing is asked."""

    def cancel(client):
        client.dialect = Silent()
        return client.cancel("cgt-1")

    told, vendor = talk(serving, client_of, cancel, answers(200))

    assert type(told) is InvalidRequest
    assert vendor.requests == []


def test_a_provider_that_does_not_document_a_cancel_is_not_asked(serving, client_of, answers):
    """The row says so."""
    told, vendor = talk(
        serving,
        client_of,
        lambda client: client.cancel("cgt-1"),
        answers(200, QUEUED),
        row={"supports_cancel": False},
    )

    assert type(told) is InvalidRequest
    assert vendor.requests == []
