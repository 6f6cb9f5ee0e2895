"""A new dialect needs a class and a provider row; no existing code changes."""

import asyncio

import pytest
from pydantic import SecretStr

from tasks.errors import InvalidRequest, JobNotFound
from tasks.providers import Provider, UnknownName, catalog, find_provider
from tasks.providers.client import Client
from tasks.providers.dialect import Dialect
from tasks.providers.request_fields import reject_unsupported_fields
from tasks.providers.response_fields import parse_job_id, parse_task, parse_videos_status
from tasks.providers.types import ApiCall, RenderRequest
from tests.support.wire import respond, serve

MP4 = b"\0\0\0\x18ftypmp42" + b"\1" * 500


class Toy(Dialect):
    """A wire format with one path for everything."""

    name = "toy"
    jobs_path = "/toy"
    first_frame_anchor = "no"
    supported_fields = frozenset({"model", "prompt", "duration_seconds"})

    def build_create(self, request):
        reject_unsupported_fields(request, self.supported_fields)
        body = {"words": request.prompt, "long": request.duration_seconds}
        return ApiCall("POST", self.jobs_path, json=body)

    def parse_created(self, response):
        return parse_job_id(response, "ticket")

    def build_query(self, job):
        return ApiCall("GET", self.jobs_path, query=(("ticket", job),))

    def parse_status(self, response, *, job=""):
        return parse_videos_status(parse_task(response, job=job), end_words={}, job=job)


TOYBOX = Provider(
    name="toybox",
    dialect="toy",
    base_url="https://toys.example.com/v9",
    models={"seedance-1.0-pro": ("toy-1",)},
    price_table="toybox",
    currency="EUR",
)


@pytest.fixture
def run_toy_client(clock):
    """Run an action of a client of the toy dialect against a stub vendor."""

    def run(action, *handlers):
        async def run_action():
            async with serve(*handlers) as vendor:
                client = Client(
                    TOYBOX,
                    Toy(),
                    api_key=SecretStr("k"),
                    base_url=f"http://127.0.0.1:{vendor.port}/v9",
                    clock=clock,
                    sleep=clock.sleep,
                )
                async with client:
                    return await action(client), vendor

        return asyncio.run(run_action())

    return run


def test_new_dialect_renders_with_the_client(run_toy_client, tmp_path):
    """From the create to the clip on disk."""

    async def succeed(connection):
        host = connection.request.headers["host"]
        body = {"ticket": "t-1", "status": "COMPLETED", "url": f"http://{host}/clip.mp4"}
        await connection.respond(200, body)

    async def render(client):
        request = RenderRequest(model="toy-1", prompt="Rain.", duration_seconds=4)
        created = await client.create(request)
        result = await client.wait(created.job, started_at=client.now(), timeout_seconds=600)
        digest = await client.download(result.clip_url, tmp_path / "c.mp4", max_bytes=10_000)
        return created.job, digest.size_bytes

    result, vendor = run_toy_client(
        render,
        respond(201, {"ticket": "t-1"}),
        respond(200, {"status": "Pending"}),
        succeed,
        respond(200, MP4, {"Content-Type": "video/mp4"}),
    )

    assert result == ("t-1", len(MP4))
    assert (tmp_path / "c.mp4").read_bytes() == MP4
    assert [(request.method, request.target) for request in vendor.requests] == [
        ("POST", "/v9/toy"),
        ("GET", "/v9/toy?ticket=t-1"),
        ("GET", "/v9/toy?ticket=t-1"),
        ("GET", "/clip.mp4"),
    ]
    assert vendor.requests[0].json == {"words": "Rain.", "long": 4}


def test_new_dialect_rejects_unsupported_field(run_toy_client):
    """Before anything is sent, with the name of the provider."""

    async def create_with_seed(client):
        with pytest.raises(InvalidRequest, match="toybox: seed"):
            await client.create(RenderRequest(model="toy-1", prompt="Rain.", seed=7))

    _, vendor = run_toy_client(create_with_seed, respond(200))

    assert vendor.requests == []


def test_new_dialect_unknown_job_is_not_found(run_toy_client):
    """The default error parser applies."""

    async def query(client):
        with pytest.raises(JobNotFound, match="toybox"):
            await client.query("t-1")

    run_toy_client(query, respond(404, {"error": "no such ticket: task not found"}))


def test_new_dialect_has_no_list_and_no_cancel(run_toy_client):
    """These are the defaults, and nothing is sent."""

    async def list_and_cancel(client):
        with pytest.raises(InvalidRequest, match="no cancel"):
            await client.cancel("t-1")
        return await client.list_jobs("toy-1", created_after=0)

    jobs, vendor = run_toy_client(list_and_cancel, respond(200))

    assert jobs is None
    assert vendor.requests == []


def test_new_provider_row_is_found(monkeypatch):
    """With its models, and among the candidates of an error."""
    monkeypatch.setattr(catalog, "PROVIDERS", {**catalog.PROVIDERS, "toybox": TOYBOX})

    assert find_provider("toybox").resolve_model("seedance-1.0-pro", with_image=True).id == "toy-1"
    with pytest.raises(UnknownName, match="Did you mean toybox"):
        find_provider("toy-box")
