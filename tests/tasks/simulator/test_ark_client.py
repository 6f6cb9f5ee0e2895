"""Volcengine's own client library against every mount with Ark's wire format.

The library builds its objects without validating them, so a call that succeeds proves paths and
names only; the types of the values are checked here. The library sends every unset parameter as
null, and a DELETE with a body.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.support.simulator_requests import (
    MODEL_1_0_PRO,
    MODEL_2_0,
    SimulatorClient,
    download,
    served,
    text_item,
)

PROMPT = "A quiet valley at dawn."
ARK_ID = r"cgt-\d{14}-[a-z0-9]{5}"
FIELDS_1_0 = {"resolution": "480p", "ratio": "16:9", "frames": 29, "return_last_frame": True}
FIELDS_2_0 = {"resolution": "480p", "ratio": "16:9", "duration": 4, "return_last_frame": True}
JOB_FIELDS = {"id", "model", "status", "content", "usage", "created_at", "updated_at"}
# Types of the further fields of a finished job.
TYPES = {
    "seed": int,
    "framespersecond": int,
    "execution_expires_after": int,
    "resolution": str,
    "ratio": str,
    "service_tier": str,
}
TYPES_1_0 = {**TYPES, "frames": int, "duration": type(None), "generate_audio": type(None)}
TYPES_2_0 = {
    **TYPES,
    "duration": int,
    "frames": type(None),
    "generate_audio": bool,
    "priority": int,
}


@dataclass(frozen=True)
class MountCase:
    """The documented behaviour of one vendor, and a small create."""

    model: str
    prompt: str
    fields: dict[str, Any]
    tokens: int
    job_id: str = ARK_ID
    types: dict[str, type] = field(default_factory=dict)
    """Types of the further fields of a finished job; empty if the pages have none."""
    has_last_frame: bool = True
    has_list: bool = False
    has_delete: bool = False


CASES = {
    "simulator": MountCase(
        MODEL_1_0_PRO, PROMPT, FIELDS_1_0, 11_745, types=TYPES_1_0, has_list=True, has_delete=True
    ),
    "ark": MountCase(
        MODEL_1_0_PRO, PROMPT, FIELDS_1_0, 11_745, types=TYPES_1_0, has_list=True, has_delete=True
    ),
    "modelark": MountCase(
        "seedance-1-0-pro-250528",
        PROMPT,
        FIELDS_1_0,
        11_745,
        types=TYPES_1_0,
        has_list=True,
        has_delete=True,
    ),
    "powertokens": MountCase(
        "seedance-1-0-pro-250528", PROMPT, FIELDS_1_0, 11_745, types=TYPES_1_0, has_delete=True
    ),
    # The page has flags in the text, and an id that is not in Ark's format.
    "cometapi-volc": MountCase(
        MODEL_1_0_PRO,
        f"{PROMPT} --duration 2 --ratio 16:9 --resolution 480p",
        {},
        19_845,
        job_id=r"[0-9a-z]{20,}",
        types={**TYPES, "duration": int},
        has_last_frame=False,
    ),
    # The list page shows 19,845 tokens for two seconds in 480p.
    "kkiai": MountCase(
        MODEL_1_0_PRO,
        f"{PROMPT} --resolution 480p --ratio 16:9 --duration 2 --camera_fixed false --seed 1",
        {},
        19_845,
        has_last_frame=False,
        has_list=True,
    ),
    # The pages have neither a list nor a delete.
    "kkiai-2": MountCase(MODEL_2_0, PROMPT, FIELDS_2_0, 40_594, types=TYPES_2_0),
}
WITH_ALL_FIELDS = [name for name, case in CASES.items() if case.types]
WITH_LAST_FRAME = [name for name, case in CASES.items() if case.has_last_frame]
WITH_LIST = [name for name, case in CASES.items() if case.has_list]
WITH_DELETE = [name for name, case in CASES.items() if case.has_delete]
WITHOUT_DELETE = [name for name, case in CASES.items() if not case.has_delete]
# The pages of kkiai-2 do not mention a list at all.
WITHOUT_LIST = ["powertokens", "cometapi-volc"]


@pytest.fixture(scope="module")
def sdk(import_sdk) -> Any:
    """The library."""
    return import_sdk("volcenginesdkarkruntime")


@pytest.fixture
def tasks_of(sdk) -> Iterator[Any]:
    """Return a function that opens the library's tasks at a mount, without retries."""
    opened = []

    def open_tasks(client: SimulatorClient, **options: Any) -> Any:
        http_client = httpx.Client(trust_env=False)
        opened.append(http_client)
        ark = sdk.Ark(
            base_url=client.url(""),
            api_key="any",
            max_retries=0,
            http_client=http_client,
            **options,
        )
        return ark.content_generation.tasks

    yield open_tasks
    for http_client in opened:
        http_client.close()


def create(tasks: Any, mount: str, **fields: Any) -> Any:
    """Create the small job of a mount."""
    case = CASES[mount]
    content = [text_item(case.prompt)]
    return tasks.create(model=case.model, content=content, **case.fields | fields)


def finish(client: SimulatorClient, tasks: Any, job: str) -> Any:
    """Return a job once it is finished."""
    client.clock.advance(10)
    client.wait_for_job(job)
    return tasks.get(task_id=job)


@pytest.mark.parametrize("mount", CASES)
def test_job_runs_from_queued_to_succeeded(simulator, tasks_of, mount) -> None:
    """The values have the types that the pages document."""
    case, client = CASES[mount], simulator.at(mount)
    tasks = tasks_of(client)

    created = create(tasks, mount)
    queued = tasks.get(task_id=created.id)
    simulator.clock.advance(3)
    running = tasks.get(task_id=created.id)
    done = finish(client, tasks, created.id)

    assert re.fullmatch(case.job_id, created.id)
    jobs = (queued, running, done)
    assert [job.status for job in jobs] == ["queued", "running", "succeeded"]
    for job in jobs:
        assert (job.id, job.model) == (created.id, case.model)
        assert type(job.created_at) is type(job.updated_at) is int
        assert job.error is None
    assert (queued.content, queued.usage) == (None, None)
    assert running.updated_at > running.created_at
    assert type(done.usage.completion_tokens) is int
    assert done.usage.completion_tokens == done.usage.total_tokens == case.tokens
    assert download(done.content.video_url)[4:8] == b"ftyp"


@pytest.mark.parametrize("mount", WITH_ALL_FIELDS)
def test_finished_job_has_documented_fields(simulator, tasks_of, mount) -> None:
    """Each field has the type that the pages document, or is missing."""
    case, client = CASES[mount], simulator.at(mount)
    tasks = tasks_of(client)

    done = finish(client, tasks, create(tasks, mount).id)

    assert {name: type(getattr(done, name)) for name in case.types} == case.types
    assert (done.resolution, done.ratio, done.framespersecond) == ("480p", "16:9", 24)


def test_finished_job_at_kkiai_has_only_listed_fields(simulator, tasks_of) -> None:
    """The list page of kkiai shows fewer fields than Ark's."""
    client = simulator.at("kkiai")
    tasks = tasks_of(client)

    done = finish(client, tasks, create(tasks, "kkiai").id)

    assert set(done.to_dict()) == JOB_FIELDS


@pytest.mark.parametrize("mount", WITH_LAST_FRAME)
def test_last_frame_is_returned_if_requested(simulator, tasks_of, mount) -> None:
    """The frame is a PNG behind its own link."""
    client = simulator.at(mount)
    tasks = tasks_of(client)

    with_frame = finish(client, tasks, create(tasks, mount).id)
    without = finish(client, tasks, create(tasks, mount, return_last_frame=None).id)

    assert download(with_frame.content.last_frame_url).startswith(b"\x89PNG")
    assert type(without.content.video_url) is str
    assert without.content.last_frame_url is None


@pytest.mark.parametrize("mount", CASES)
def test_unset_parameters_may_be_null(stalled, tasks_of, mount) -> None:
    """The library sends all of them, also those that model or vendor do not support."""
    requests: list[httpx.Request] = []
    tasks = tasks_of(stalled.at(mount))
    tasks._client._client.event_hooks["request"].append(requests.append)

    created = create(tasks, mount)

    assert b'"tools":null' in requests[0].content.replace(b" ", b"")
    assert type(created.id) is str
    assert created.safety_identifier is None


@pytest.mark.parametrize("mount", WITH_LIST)
def test_list_returns_page_of_jobs(stalled, tasks_of, mount) -> None:
    """The page is newest first and has a total; ids are filtered by a repeated parameter."""
    tasks = tasks_of(stalled.at(mount))
    jobs = []
    for _ in range(3):
        jobs.append(create(tasks, mount).id)
        stalled.clock.advance(1)

    page = tasks.list(page_num=1, page_size=2)
    chosen = tasks.list(task_ids=[jobs[0], jobs[2]])
    done = tasks.list(status="succeeded")

    assert type(page.total) is int
    assert (page.total, [item.id for item in page.items]) == (3, [jobs[2], jobs[1]])
    assert {type(item.created_at) for item in page.items} == {int}
    assert {item.id for item in chosen.items} == {jobs[0], jobs[2]}
    assert tasks.list(status="running").total + tasks.list(status="queued").total == 3
    assert (done.total, done.items) == (0, [])


@pytest.mark.parametrize("mount", WITHOUT_LIST)
def test_undocumented_list_is_not_found(simulator, sdk, tasks_of, mount) -> None:
    """The error is Ark's for an unknown path."""
    with pytest.raises(sdk._exceptions.ArkNotFoundError) as raised:
        tasks_of(simulator.at(mount)).list()

    assert (raised.value.code, raised.value.type) == ("InvalidAction", "NotFound")


@pytest.mark.parametrize("mount", WITH_DELETE)
def test_delete_depends_on_status(simulator, sdk, tasks_of, inject_by_admin, mount) -> None:
    """A queued job is cancelled, a running one is rejected, a failed one is removed.

    The response is never empty, which the library could not read.
    """
    tasks = tasks_of(simulator.at(mount))
    inject_by_admin("job_failed")
    failed = create(tasks, mount).id
    inject_by_admin("job_stalls", times=2)
    queued = create(tasks, mount).id
    response = tasks.delete(task_id=queued)
    running = create(tasks, mount).id
    simulator.clock.advance(10)

    with pytest.raises(sdk._exceptions.ArkPermissionDeniedError) as raised:
        tasks.delete(task_id=running)
    tasks.delete(task_id=failed)

    assert response.to_dict() == {}
    assert tasks.get(task_id=queued).status == "cancelled"
    assert raised.value.code == "OperationDenied.InvalidState"
    with pytest.raises(sdk._exceptions.ArkNotFoundError):
        tasks.get(task_id=failed)


@pytest.mark.parametrize("mount", WITHOUT_DELETE)
def test_undocumented_delete_is_not_found(stalled, sdk, tasks_of, mount) -> None:
    """The job continues."""
    tasks = tasks_of(stalled.at(mount))
    job = create(tasks, mount).id

    with pytest.raises(sdk._exceptions.ArkNotFoundError):
        tasks.delete(task_id=job)

    assert tasks.get(task_id=job).status == "queued"


ERRORS = [
    ("InvalidParameter", "ArkBadRequestError", 400, "BadRequest"),
    (
        "InputImageSensitiveContentDetected.PrivacyInformation",
        "ArkBadRequestError",
        400,
        "BadRequest",
    ),
    ("AuthenticationError", "ArkAuthenticationError", 401, "Unauthorized"),
    ("AccountOverdueError", "ArkPermissionDeniedError", 403, "Forbidden"),
    ("ModelNotOpen", "ArkNotFoundError", 404, "NotFound"),
    ("QuotaExceeded", "ArkRateLimitError", 429, "TooManyRequests"),
    ("InternalServiceError", "ArkInternalServerError", 500, "InternalServerError"),
]


@pytest.mark.parametrize("mount", CASES)
@pytest.mark.parametrize(("code", "error", "status", "error_type"), ERRORS)
def test_error_is_raised_by_status(
    simulator, sdk, tasks_of, inject_by_admin, mount, code, error, status, error_type
) -> None:
    """The library reads code and type; the request id is in the message."""
    inject_by_admin("refused", mount=mount, operation="create", code=code)

    with pytest.raises(getattr(sdk._exceptions, error)) as raised:
        create(tasks_of(simulator.at(mount)), mount)

    assert (raised.value.status_code, raised.value.code) == (status, code)
    assert raised.value.type == error_type
    assert raised.value.param == ""
    assert "Request id: 02" in raised.value.body["message"]


@pytest.mark.parametrize("mount", CASES)
def test_invalid_requests_raise_matching_errors(simulator, sdk, tasks_of, mount) -> None:
    """An invalid value, an unknown model, an unknown job, no key."""
    tasks, errors = tasks_of(simulator.at(mount)), sdk._exceptions

    with pytest.raises(errors.ArkBadRequestError) as invalid:
        tasks.create(model=CASES[mount].model, content=[{"type": "image_url", "image_url": {}}])
    with pytest.raises(errors.ArkNotFoundError) as unknown_model:
        tasks.create(model="doubao-seedance-9-9", content=[text_item("A cat.")])
    with pytest.raises(errors.ArkNotFoundError) as unknown_job:
        tasks.get(task_id="cgt-20250918165243-bfpzb")
    with pytest.raises(errors.ArkAuthenticationError) as without_key:
        tasks.get(task_id="x", extra_headers={"Authorization": ""})

    assert invalid.value.code == "MissingParameter"
    assert invalid.value.param == "content[0].image_url.url"
    assert unknown_model.value.code == "InvalidEndpointOrModel.NotFound"
    assert unknown_job.value.type == "NotFound"
    assert without_key.value.code == "AuthenticationError"


@pytest.mark.parametrize("mount", CASES)
def test_failed_job_is_200_with_error(simulator, tasks_of, inject_by_admin, mount) -> None:
    """A failed job has an error, an expired one has none; neither has content or usage."""
    tasks = tasks_of(simulator.at(mount))
    code = "OutputVideoSensitiveContentDetected.PolicyViolation"
    inject_by_admin("job_failed", mount=mount, code=code)
    inject_by_admin("job_expired", mount=mount, after=1)
    jobs = [create(tasks, mount).id for _ in range(2)]
    simulator.clock.advance(10)

    failed, expired = (tasks.get(task_id=job) for job in jobs)

    assert (failed.status, failed.error.code) == ("failed", code)
    assert type(failed.error.message) is str
    assert (expired.status, expired.error) == ("expired", None)
    assert [failed.content, failed.usage, expired.content] == [None, None, None]


@pytest.mark.parametrize("mount", CASES)
def test_connection_faults_raise_matching_errors(
    stalled, sdk, tasks_of, inject_by_admin, mount
) -> None:
    """Each fault is raised as the library's own error, and then a create succeeds."""
    tasks, errors = tasks_of(stalled.at(mount)), sdk._exceptions
    faults: list[tuple[str, dict[str, Any], type[Exception]]] = [
        ("html", {}, errors.ArkInternalServerError),
        ("server_error", {"status": 503}, errors.ArkInternalServerError),
        ("throttled", {"retry_after": "3"}, errors.ArkRateLimitError),
        ("reset", {}, errors.ArkAPIConnectionError),
        ("lost_reply", {}, errors.ArkAPIConnectionError),
        ("truncated", {}, errors.ArkAPIConnectionError),
    ]
    raised: list[Any] = []
    for kind, options, error in faults:
        inject_by_admin(kind, mount=mount, operation="create", **options)
        with pytest.raises(error) as caught:
            create(tasks, mount)
        raised.append(caught.value)

    assert raised[0].code is None
    assert raised[1].status_code == 503
    assert raised[2].response.headers["retry-after"] == "3"
    assert type(create(tasks, mount).id) is str


def test_stalled_create_raises_timeout(tmp_path, sdk, tasks_of) -> None:
    """A server of its own: it handles the create only after the client has left."""
    with served(tmp_path) as client:
        client.faults.inject("stall", operation="create", seconds=60)

        with pytest.raises(sdk._exceptions.ArkAPITimeoutError):
            create(tasks_of(client, timeout=0.1), "simulator")


def test_error_in_200_returns_object_without_id(stalled, tasks_of, inject_by_admin) -> None:
    """The library does not raise it; its caller must check the id."""
    inject_by_admin("error_in_200", operation="create")

    assert create(tasks_of(stalled), "simulator").id is None


def test_async_client_creates_jobs_concurrently(stalled, sdk) -> None:
    """Several creates at the same time give several jobs."""

    async def create_several() -> set[str]:
        async with httpx.AsyncClient(trust_env=False) as http_client:
            client = sdk.AsyncArk(
                base_url=stalled.url(""), api_key="any", max_retries=0, http_client=http_client
            )
            tasks = client.content_generation.tasks
            created = await asyncio.gather(*(create(tasks, "simulator") for _ in range(4)))
            jobs = await asyncio.gather(*(tasks.get(task_id=item.id) for item in created))
            return {job.id for job in jobs if job.status == "queued"}

    assert len(asyncio.run(create_several())) == 4
