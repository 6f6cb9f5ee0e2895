"""Volcengine's own client against every mount that speaks Ark's wire.

The client builds its objects without validating them, so a call that passes proves paths and names
only: what type each value has is asserted here. It sends every unset parameter as null, and a
DELETE with a body.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

WORDS = "A quiet valley at dawn."
ARK_ID = r"cgt-\d{14}-[a-z0-9]{5}"
SHORT = {"resolution": "480p", "ratio": "16:9", "frames": 29, "return_last_frame": True}
SHORT_2 = {"resolution": "480p", "ratio": "16:9", "duration": 4, "return_last_frame": True}
NUMBERS = ("seed", "framespersecond", "execution_expires_after")
TEXTS = ("resolution", "ratio", "service_tier")


@dataclass(frozen=True)
class Host:
    """What one vendor documents: a small order, its id, and what a finished task tells."""

    model: str
    words: str
    asked: dict[str, Any]
    tokens: int
    job_id: str = ARK_ID
    has_last_frame: bool = True
    tells_all: bool = True
    lists: bool = False
    deletes: bool = False


HOSTS = {
    "simulator": Host(
        "doubao-seedance-1-0-pro-250528", WORDS, SHORT, 11_745, lists=True, deletes=True
    ),
    "ark": Host("doubao-seedance-1-0-pro-250528", WORDS, SHORT, 11_745, lists=True, deletes=True),
    "modelark": Host("seedance-1-0-pro-250528", WORDS, SHORT, 11_745, lists=True, deletes=True),
    "powertokens": Host("seedance-1-0-pro-250528", WORDS, SHORT, 11_745, deletes=True),
    # Its page shows the flags, and an id that is none of Ark's.
    "cometapi-volc": Host(
        "doubao-seedance-1-0-pro-250528",
        f"{WORDS} --duration 2 --ratio 16:9 --resolution 480p",
        {},
        19_845,
        job_id=r"[0-9a-z]{20,}",
        has_last_frame=False,
    ),
    # 19,845 tokens for two seconds at 480p is what its list page shows.
    "kkiai": Host(
        "doubao-seedance-1-0-pro-250528",
        f"{WORDS} --resolution 480p --ratio 16:9 --duration 2 --camera_fixed false --seed 1",
        {},
        19_845,
        has_last_frame=False,
        tells_all=False,
        lists=True,
    ),
    # Its pages tell of neither a list nor a delete.
    "kkiai-2": Host("doubao-seedance-2-0-260128", WORDS, SHORT_2, 40_594),
}
LISTING = [name for name, host in HOSTS.items() if host.lists]
DELETING = [name for name, host in HOSTS.items() if host.deletes]


@pytest.fixture(scope="module")
def sdk(vendors_own) -> Any:
    """The package."""
    return vendors_own("volcenginesdkarkruntime")


@pytest.fixture
def client_of(sdk):
    """`client_of(vendor)`: the client, which never sends anything twice, and its tasks."""
    opened = []

    def make(vendor, **options: Any):
        http = httpx.Client(trust_env=False)
        opened.append(http)
        base_url = vendor.url("")
        client = sdk.Ark(
            base_url=base_url, api_key="any", max_retries=0, http_client=http, **options
        )
        return client.content_generation.tasks

    yield make
    for http in opened:
        http.close()


@pytest.fixture
def ordered(vendor):
    """Order a fault through the admin route: `ordered("throttled", retry_after="3")`."""

    def order(kind: str, **options: Any) -> None:
        reply = vendor.client.post(f"{vendor.base_url}/admin/faults", json={"kind": kind} | options)
        assert reply.status_code == 200, reply.text

    return order


def create(tasks, mount: str, **more: Any) -> Any:
    host = HOSTS[mount]
    content = [{"type": "text", "text": host.words}]
    return tasks.create(model=host.model, content=content, **host.asked | more)


def succeeded(vendor, tasks, job: str) -> Any:
    """The task once it is done."""
    vendor.clock.advance(10)
    vendor.rendered(job)
    return tasks.get(task_id=job)


@pytest.mark.parametrize("mount", HOSTS)
def test_a_job_lives_as_the_client_expects(vendor, client_of, fetched, mount) -> None:
    """Created, queued, running, succeeded; each value of the type that the pages give it."""
    host, there = HOSTS[mount], vendor.at(mount)
    tasks = client_of(there)

    made = create(tasks, mount)
    queued = tasks.get(task_id=made.id)
    vendor.clock.advance(3)
    running = tasks.get(task_id=made.id)
    done = succeeded(there, tasks, made.id)

    assert re.fullmatch(host.job_id, made.id)
    assert [one.status for one in (queued, running, done)] == ["queued", "running", "succeeded"]
    for task in (queued, running, done):
        assert (task.id, task.model) == (made.id, host.model)
        assert type(task.created_at) is type(task.updated_at) is int
        assert task.error is None
    assert (queued.content, queued.usage) == (None, None)
    assert running.updated_at > running.created_at
    assert type(done.usage.completion_tokens) is int
    assert done.usage.completion_tokens == done.usage.total_tokens == host.tokens
    assert fetched(done.content.video_url)[4:8] == b"ftyp"


@pytest.mark.parametrize("mount", HOSTS)
def test_a_finished_task_tells_what_the_page_names(vendor, client_of, mount) -> None:
    """With Ark's types, or on kkiai no more than its page shows."""
    host, there = HOSTS[mount], vendor.at(mount)
    tasks = client_of(there)

    done = succeeded(there, tasks, create(tasks, mount).id)

    if not host.tells_all:
        told = set(done.to_dict())
        assert told == {"id", "model", "status", "content", "usage", "created_at", "updated_at"}
        return
    assert {type(getattr(done, name)) for name in NUMBERS} == {int}
    assert {type(getattr(done, name)) for name in TEXTS} == {str}
    assert (done.resolution, done.ratio, done.framespersecond) == ("480p", "16:9", 24)
    length, other = ("frames", "duration") if "frames" in host.asked else ("duration", "frames")
    assert type(getattr(done, length)) is int
    assert getattr(done, other) is None
    # Sound and order in the queue are the 2.0 models'.
    newer = "seedance-2" in host.model
    assert [type(done.generate_audio), type(done.priority)] == (
        [bool, int] if newer else [type(None)] * 2
    )


@pytest.mark.parametrize("mount", [name for name, host in HOSTS.items() if host.has_last_frame])
def test_the_last_frame_comes_where_it_was_asked_for(vendor, client_of, fetched, mount) -> None:
    """As a picture behind a link of its own, and else not at all."""
    there = vendor.at(mount)
    tasks = client_of(there)

    asked = succeeded(there, tasks, create(tasks, mount).id)
    unasked = succeeded(there, tasks, create(tasks, mount, return_last_frame=None).id)

    assert fetched(asked.content.last_frame_url).startswith(b"\x89PNG")
    assert type(unasked.content.video_url) is str
    assert unasked.content.last_frame_url is None


@pytest.mark.parametrize("mount", HOSTS)
def test_every_unset_parameter_may_be_null(taking, client_of, mount) -> None:
    """The client sends them all, also those that the model or the host does not take."""
    sent = []
    tasks = client_of(taking.at(mount))
    tasks._client._client.event_hooks["request"].append(lambda request: sent.append(request))

    made = create(tasks, mount)

    assert b'"tools":null' in sent[0].content.replace(b" ", b"")
    assert type(made.id) is str
    assert made.safety_identifier is None


@pytest.mark.parametrize("mount", LISTING)
def test_a_list_is_a_page_of_tasks(taking, client_of, mount) -> None:
    """With a total, newest first; a filter of ids is a key that is repeated."""
    tasks = client_of(taking.at(mount))
    jobs = []
    for _ in range(3):
        jobs.append(create(tasks, mount).id)
        taking.clock.advance(1)

    page = tasks.list(page_num=1, page_size=2)
    chosen = tasks.list(task_ids=[jobs[0], jobs[2]])
    running, done = tasks.list(status="running"), tasks.list(status="succeeded")

    assert type(page.total) is int
    assert (page.total, [one.id for one in page.items]) == (3, [jobs[2], jobs[1]])
    assert {type(one.created_at) for one in page.items} == {int}
    assert {one.id for one in chosen.items} == {jobs[0], jobs[2]}
    assert running.total + tasks.list(status="queued").total == 3
    assert (done.total, done.items) == (0, [])


@pytest.mark.parametrize("mount", sorted(set(HOSTS) - set(LISTING) - {"kkiai-2"}))
def test_a_host_without_a_list_says_so(vendor, sdk, client_of, mount) -> None:
    """As Ark does of any wrong path. (Of kkiai's other base no page says anything.)"""
    with pytest.raises(sdk._exceptions.ArkNotFoundError) as told:
        client_of(vendor.at(mount)).list()

    assert (told.value.code, told.value.type) == ("InvalidAction", "NotFound")


@pytest.mark.parametrize("mount", DELETING)
def test_a_queued_job_is_cancelled_and_a_failed_one_forgotten(
    vendor, sdk, client_of, ordered, mount
) -> None:
    """A running job is refused, and an answer is never an empty one, which breaks the client."""
    tasks = client_of(vendor.at(mount))
    ordered("job_failed")
    failing = create(tasks, mount).id
    ordered("job_stalls", times=2)
    queued, running = create(tasks, mount).id, None

    assert tasks.delete(task_id=queued).to_dict() == {}
    running = create(tasks, mount).id
    vendor.clock.advance(10)
    with pytest.raises(sdk._exceptions.ArkPermissionDeniedError) as told:
        tasks.delete(task_id=running)
    tasks.delete(task_id=failing)

    assert tasks.get(task_id=queued).status == "cancelled"
    assert told.value.code == "OperationDenied.InvalidState"
    with pytest.raises(sdk._exceptions.ArkNotFoundError):
        tasks.get(task_id=failing)


@pytest.mark.parametrize("mount", sorted(set(HOSTS) - set(DELETING)))
def test_a_host_without_a_delete_says_so(taking, sdk, client_of, mount) -> None:
    """And the job goes on."""
    tasks = client_of(taking.at(mount))
    job = create(tasks, mount).id

    with pytest.raises(sdk._exceptions.ArkNotFoundError):
        tasks.delete(task_id=job)

    assert tasks.get(task_id=job).status == "queued"


REFUSED = [
    ("InvalidParameter", "ArkBadRequestError", 400, "BadRequest"),
    ("InputImageSensitiveContentDetected.PrivacyInformation", "ArkBadRequestError", 400, None),
    ("AuthenticationError", "ArkAuthenticationError", 401, "Unauthorized"),
    ("AccountOverdueError", "ArkPermissionDeniedError", 403, "Forbidden"),
    ("ModelNotOpen", "ArkNotFoundError", 404, "NotFound"),
    ("QuotaExceeded", "ArkRateLimitError", 429, "TooManyRequests"),
    ("InternalServiceError", "ArkInternalServerError", 500, "InternalServerError"),
]


@pytest.mark.parametrize("mount", HOSTS)
@pytest.mark.parametrize(("code", "error", "status", "kind"), REFUSED)
def test_each_class_of_error_is_known_to_the_client(
    vendor, sdk, client_of, ordered, mount, code, error, status, kind
) -> None:
    """By status, with Ark's code and type and the request's id in the words."""
    ordered("refused", mount=mount, operation="create", code=code)

    with pytest.raises(getattr(sdk._exceptions, error)) as told:
        create(client_of(vendor.at(mount)), mount)

    assert (told.value.status_code, told.value.code) == (status, code)
    assert told.value.type == (kind or "BadRequest")
    assert told.value.param == ""
    assert "Request id: 02" in told.value.body["message"]


@pytest.mark.parametrize("mount", HOSTS)
def test_what_the_vendor_itself_refuses_has_those_classes_too(vendor, sdk, client_of, mount):
    """A wrong value, a model that is not there, an unknown job, no key."""
    tasks, errors = client_of(vendor.at(mount)), sdk._exceptions
    words = [{"type": "text", "text": "A cat."}]

    with pytest.raises(errors.ArkBadRequestError) as wrong:
        tasks.create(model=HOSTS[mount].model, content=[{"type": "image_url", "image_url": {}}])
    with pytest.raises(errors.ArkNotFoundError) as closed:
        tasks.create(model="doubao-seedance-9-9", content=words)
    with pytest.raises(errors.ArkNotFoundError) as unknown:
        tasks.get(task_id="cgt-20250918165243-bfpzb")
    with pytest.raises(errors.ArkAuthenticationError) as keyless:
        tasks.get(task_id="x", extra_headers={"Authorization": ""})

    assert wrong.value.code.startswith(("InvalidParameter", "MissingParameter", "InvalidImageURL"))
    assert wrong.value.param.startswith("content[0]")
    assert closed.value.code.startswith(("InvalidEndpointOrModel", "ModelNotOpen"))
    assert unknown.value.type == "NotFound"
    assert keyless.value.code == "AuthenticationError"


@pytest.mark.parametrize("mount", HOSTS)
def test_a_failed_job_is_a_200_with_its_error(vendor, client_of, ordered, mount) -> None:
    """Code and words, neither content nor usage; and one that expired has no error at all."""
    tasks = client_of(vendor.at(mount))
    code = "OutputVideoSensitiveContentDetected.PolicyViolation"
    ordered("job_failed", mount=mount, code=code)
    ordered("job_expired", mount=mount, after=1)
    failing, expiring = create(tasks, mount).id, create(tasks, mount).id
    vendor.clock.advance(10)

    failed, expired = tasks.get(task_id=failing), tasks.get(task_id=expiring)

    assert (failed.status, failed.error.code) == ("failed", code)
    assert type(failed.error.message) is str
    assert (expired.status, expired.error) == ("expired", None)
    assert [failed.content, failed.usage, expired.content] == [None, None, None]


@pytest.mark.parametrize("mount", HOSTS)
def test_faults_of_the_line_reach_the_client(taking, sdk, client_of, ordered, mount) -> None:
    """A web page, a 503, a reset, a lost and a cut reply: each as the client's own error."""
    tasks, errors = client_of(taking.at(mount)), sdk._exceptions
    where = {"mount": mount, "operation": "create"}
    expected = [
        ("html", {}, errors.ArkInternalServerError),
        ("server_error", {"status": 503}, errors.ArkInternalServerError),
        ("throttled", {"retry_after": "3"}, errors.ArkRateLimitError),
        ("reset", {}, errors.ArkAPIConnectionError),
        ("lost_reply", {}, errors.ArkAPIConnectionError),
        ("truncated", {}, errors.ArkAPIConnectionError),
    ]
    raised = []
    for kind, options, error in expected:
        ordered(kind, **where, **options)
        with pytest.raises(error) as told:
            create(tasks, mount)
        raised.append(told.value)

    assert raised[0].code is None
    assert raised[1].status_code == 503
    assert raised[2].response.headers["retry-after"] == "3"
    assert type(create(tasks, mount).id) is str


def test_a_stalled_create_is_the_client_s_time_out(tmp_path, serving, sdk, client_of) -> None:
    """On a server of its own, which gets to the create after the client has left."""
    with serving(tmp_path) as vendor:
        vendor.faults.inject("stall", operation="create", seconds=60)

        with pytest.raises(sdk._exceptions.ArkAPITimeoutError):
            create(client_of(vendor, timeout=0.1), "simulator")


def test_an_error_in_a_200_is_no_error_to_the_client(taking, client_of, ordered) -> None:
    """But an object without an id, which whoever uses it has to notice."""
    ordered("error_in_200", operation="create")

    assert create(client_of(taking), "simulator").id is None


def test_the_asynchronous_client_works_as_well(taking, sdk) -> None:
    """Several creates at the same moment are several jobs."""

    async def several() -> set[str]:
        async with httpx.AsyncClient(trust_env=False) as http:
            client = sdk.AsyncArk(
                base_url=taking.url(""), api_key="any", max_retries=0, http_client=http
            )
            tasks = client.content_generation.tasks
            made = await asyncio.gather(*(create(tasks, "simulator") for _ in range(4)))
            told = await asyncio.gather(*(tasks.get(task_id=one.id) for one in made))
            return {one.id for one in told if one.status == "queued"}

    assert len(asyncio.run(several())) == 4
