"""A sixth dialect is a class and a row: nothing that is there needs to know of it."""

import asyncio

import pytest
from pydantic import SecretStr

from tasks import providers
from tasks.errors import InvalidRequest, JobLost, UsageError
from tasks.providers import Provider, find_provider, request_fields, response_fields, video_jobs
from tasks.providers.client import Client
from tasks.providers.types import ApiCall, RenderRequest

MP4 = b"\0\0\0\x18ftypmp42" + b"\1" * 500


class Toy:
    """A vendor that has one route for everything."""

    name = "toy"
    returns_last_frame = False
    first_frame_anchor = "no"
    supported_fields = frozenset({"model", "prompt", "duration_seconds"})
    inline_roles = url_roles = inline_image_types = frozenset()
    inline_media_exclusive = False
    requires_prompt = True
    writes_prompt_flags = False
    parses_prompt_flags = False

    def build_create(self, request):
        request_fields.reject_unsupported_fields(request, self.supported_fields)
        return ApiCall(
            "POST", "/toy", json={"words": request.prompt, "long": request.duration_seconds}
        )

    def parse_created(self, response):
        return response_fields.parse_job_id(response, "ticket")

    def build_query(self, job):
        return ApiCall("GET", "/toy", query=(("ticket", job),))

    def parse_status(self, response):
        return video_jobs.parse_status(response_fields.parse_task(response))

    def parse_error(self, response, *, job=""):
        return response_fields.parse_error(response, job=job) if response.status >= 400 else None

    def build_list(self, model, service_tier, page):
        return None

    def parse_list(self, response):
        return ()

    def build_cancel(self, job):
        return None


ROW = Provider(
    name="toybox",
    dialect="toy",
    base_url="https://toys.example.com/v9",
    models={"seedance-1.0-pro": ("toy-1",)},
    price_table="toybox",
    currency="EUR",
)


@pytest.fixture
def talk(serving, clock):
    """Let a client speak the toy dialect to a vendor that acts so."""

    def run(say, *acts):
        async def go():
            async with serving(*acts) as vendor:
                client = Client(
                    ROW,
                    Toy(),
                    api_key=SecretStr("k"),
                    base_url=f"http://127.0.0.1:{vendor.port}/v9",
                    clock=clock,
                    sleep=clock.sleep,
                )
                async with client:
                    return await say(client, vendor), vendor

        return asyncio.run(go())

    return run


def test_a_new_dialect_renders_through_the_client_as_it_is(talk, answers, tmp_path):
    """From the create to the clip on disk."""
    clip = answers(200, MP4, {"Content-Type": "video/mp4"})

    async def done(connection):
        host = connection.request.headers["host"]
        body = {"ticket": "t-1", "status": "COMPLETED", "url": f"http://{host}/clip.mp4"}
        await connection.answer(200, body)

    async def say(client, vendor):
        created = await client.create(
            RenderRequest(model="toy-1", prompt="Rain.", duration_seconds=4)
        )
        status = await client.wait(created.job, started_at=client._clock(), timeout_seconds=600)
        digest = await client.download(status.clip_url, tmp_path / "c.mp4", max_bytes=10_000)
        return created.job, digest.size_bytes

    told, vendor = talk(
        say, answers(201, {"ticket": "t-1"}), answers(200, {"status": "Pending"}), done, clip
    )

    assert told == ("t-1", len(MP4))
    assert (tmp_path / "c.mp4").read_bytes() == MP4
    assert [(one.method, one.target) for one in vendor.requests] == [
        ("POST", "/v9/toy"),
        ("GET", "/v9/toy?ticket=t-1"),
        ("GET", "/v9/toy?ticket=t-1"),
        ("GET", "/clip.mp4"),
    ]
    assert vendor.requests[0].json == {"words": "Rain.", "long": 4}


def test_a_new_dialect_s_errors_are_told_as_all_others(talk, answers):
    """Before sending, and by the vendor."""

    async def seed(client, vendor):
        with pytest.raises(InvalidRequest, match="toybox: seed"):
            await client.create(RenderRequest(model="toy-1", prompt="Rain.", seed=7))

    async def lost(client, vendor):
        with pytest.raises(JobLost, match="toybox"):
            await client.query("t-1")

    _, vendor = talk(seed, answers(200))
    assert vendor.requests == []
    talk(lost, answers(404, {"error": "no such ticket: task not found"}))


def test_a_new_row_is_found_like_all_others(monkeypatch):
    """With its models, and in the list of an error."""
    monkeypatch.setattr(providers, "PROVIDERS", {**providers.PROVIDERS, "toybox": ROW})

    assert find_provider("toybox").resolve_model("seedance-1.0-pro", with_image=True).id == "toy-1"
    with pytest.raises(UsageError, match="toybox"):
        find_provider("nobody")
