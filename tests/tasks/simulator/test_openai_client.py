"""OpenAI's own client library against the two `/videos` mounts: CometAPI and Infinity Blue.

The library builds its objects without validating them and keeps unknown fields, so types are
checked here. `videos.create` sends a form, which is CometAPI's format; Infinity Blue takes JSON,
which is the library's plain post.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.simulator_requests import (
    MODEL_2_0,
    SimulatorClient,
    download,
    image_bytes,
    image_item,
)

COMET, BLUE = "cometapi-videos", "infinity-blue"
MOUNTS = (COMET, BLUE)
COMET_FIELDS = {"model": "doubao-seedance-1-0-pro", "seconds": "2", "size": "16:9"}
COMET_IMAGE_FIELDS = {"model": "doubao-seedance-2-0-fast", "seconds": "4", "size": "16:9"}
EXTRA_BODY = {"extra_body": {"resolution": "480p"}}
BLUE_BODY = {
    "model": MODEL_2_0,
    "prompt": "A quiet valley at dawn.",
    "seconds": "4",
    "resolution": "480p",
    "ratio": "16:9",
    "generate_audio": False,
}


@pytest.fixture(scope="module")
def openai(import_sdk) -> Any:
    """The library."""
    return import_sdk("openai")


@pytest.fixture
def open_client(openai) -> Iterator[Any]:
    """Return a function that opens the library's client at a mount, without retries."""
    opened = []

    def open_at(client: SimulatorClient, **options: Any) -> Any:
        http_client = httpx.Client(trust_env=False, **options)
        opened.append(http_client)
        return openai.OpenAI(
            base_url=client.url(""), api_key="any", max_retries=0, http_client=http_client
        )

    yield open_at
    for http_client in opened:
        http_client.close()


def create(client: Any, mount: str) -> Any:
    """Create the smallest job of a mount in its own format."""
    if mount == COMET:
        prompt = "A quiet valley at dawn."
        return client.videos.create(prompt=prompt, **COMET_FIELDS, **EXTRA_BODY)
    return post_json(client, BLUE_BODY)


def post_json(client: Any, body: dict[str, Any]) -> Any:
    """Create a job at Infinity Blue."""
    from openai.types import Video

    return client.post("/videos", body=body, cast_to=Video)


def finish(simulator: SimulatorClient, client: Any, job: str) -> Any:
    """Return a job once it is finished."""
    simulator.clock.advance(10)
    simulator.wait_for_end(f"/videos/{job}")
    return client.videos.retrieve(job)


def test_form_without_file_creates_job(simulator, open_client) -> None:
    """CometAPI's statuses go from SUBMITTED to SUCCESS."""
    gateway = simulator.at(COMET)
    client = open_client(gateway)

    created = create(client, COMET)
    simulator.clock.advance(3)
    running = client.videos.retrieve(created.id)
    done = finish(gateway, client, created.id)

    assert re.fullmatch(r"task_[0-9a-f]+", created.id)
    assert created.task_id == created.id
    videos = (created, running, done)
    assert [video.status for video in videos] == ["SUBMITTED", "IN_PROGRESS", "SUCCESS"]
    for video in videos:
        assert (video.object, video.model) == ("video", COMET_FIELDS["model"])
        assert type(video.progress) is type(video.created_at) is int
        assert video.error is None
    assert (created.progress, done.progress) == (0, 100)
    assert created.created_at == int(simulator.clock.now()) - 13
    assert type(done.completed_at) is int
    assert download(done.video_url)[4:8] == b"ftyp"


def test_form_with_file_creates_job(simulator, open_client) -> None:
    """The image is received with its name and type."""
    gateway = simulator.at(COMET)
    client = open_client(gateway)
    file = ("frame.png", image_bytes(864, 496), "image/png")

    created = client.videos.create(
        prompt="[Image 1]", input_reference=file, **COMET_IMAGE_FIELDS, **EXTRA_BODY
    )

    media = simulator.job_request(created.id)["media"]
    assert [medium["role"] for medium in media] == ["input_reference"]
    assert finish(gateway, client, created.id).status == "SUCCESS"


def test_poll_waits_with_newer_statuses_only(rendering, open_client) -> None:
    """The library waits only for its own statuses, so with the older ones it returns at once."""
    client = open_client(rendering.at(COMET))
    rendering.faults.inject("newer_words", mount=COMET)

    newer = client.videos.poll(create(client, COMET).id, poll_interval_ms=20)
    rendering.faults.inject("job_stalls", mount=COMET)
    older = client.videos.poll(create(client, COMET).id, poll_interval_ms=20)

    assert newer.status == "completed"
    assert type(newer.video_url) is str
    assert older.status == "IN_PROGRESS"


def test_json_creates_job_at_infinity_blue(simulator, open_client) -> None:
    """The statuses are the library's own; the times are milliseconds."""
    gateway = simulator.at(BLUE)
    client = open_client(gateway)

    created = create(client, BLUE)
    simulator.clock.advance(3)
    running = client.videos.retrieve(created.id)
    done = finish(gateway, client, created.id)

    assert re.fullmatch(r"video_[0-9a-f]+", created.id)
    videos = (created, running, done)
    assert [video.status for video in videos] == ["queued", "in_progress", "completed"]
    for video in videos:
        assert (video.object, video.model) == ("video", BLUE_BODY["model"])
        assert type(video.progress) is type(video.created_at) is int
        assert video.seconds == "4"
        assert video.error is None
    assert created.created_at == int((simulator.clock.now() - 13) * 1000)
    assert created.created_at < done.completed_at < done.expires_at
    assert done.expires_at - done.completed_at == 24 * 3600 * 1000
    assert done.size == "864x496"
    assert download(done.metadata["url"])[4:8] == b"ftyp"


def test_nested_json_sets_role_of_image(stalled, open_client) -> None:
    """The page documents roles in the metadata."""
    metadata = {"content": [image_item("first_frame")]}
    client = open_client(stalled.at(BLUE))

    created = post_json(client, {**BLUE_BODY, "ratio": "adaptive", "metadata": metadata})

    media = stalled.job_request(created.id)["media"]
    assert [medium["role"] for medium in media] == ["first_frame"]


def test_content_is_downloaded_with_key(simulator, openai, open_client) -> None:
    """The clip is not found before it is ready, and needs the key."""
    gateway = simulator.at(BLUE)
    client = open_client(gateway)
    created = create(client, BLUE)

    with pytest.raises(openai.NotFoundError) as raised:
        client.videos.download_content(created.id)
    done = finish(gateway, client, created.id)
    clip = client.videos.download_content(created.id)

    assert raised.value.code == "video_not_ready"
    assert clip.response.headers["content-type"] == "video/mp4"
    assert clip.content == download(done.metadata["url"])
    with pytest.raises(openai.AuthenticationError):
        client.videos.download_content(created.id, extra_headers={"Authorization": ""})


def test_content_redirect_is_followed_without_key(simulator, open_client, inject_by_admin) -> None:
    """The library follows to the other host, which would reject the key."""
    gateway = simulator.at(BLUE)
    client = open_client(gateway, follow_redirects=True)
    inject_by_admin("content_redirects", mount=BLUE)
    created = create(client, BLUE)
    finish(gateway, client, created.id)

    clip = client.videos.download_content(created.id)

    assert clip.content[4:8] == b"ftyp"
    assert clip.response.url.host == "localhost"


def test_poll_at_infinity_blue_waits_for_end(rendering, open_client) -> None:
    """The gateway's statuses are the library's own."""
    client = open_client(rendering.at(BLUE))

    assert client.videos.poll(create(client, BLUE).id, poll_interval_ms=20).status == "completed"


ERRORS = [
    ("InvalidParameter", "BadRequestError", 400),
    ("AuthenticationError", "AuthenticationError", 401),
    ("AccountOverdueError", "PermissionDeniedError", 403),
    ("ModelNotOpen", "NotFoundError", 404),
    ("QuotaExceeded", "RateLimitError", 429),
    ("InternalServiceError", "InternalServerError", 500),
]


@pytest.mark.parametrize(("code", "error", "status"), ERRORS)
def test_error_at_cometapi_is_raised_by_status(
    simulator, openai, open_client, inject_by_admin, code, error, status
) -> None:
    """The library reads Ark's code."""
    inject_by_admin("refused", mount=COMET, operation="create", code=code)

    with pytest.raises(getattr(openai, error)) as raised:
        create(open_client(simulator.at(COMET)), COMET)

    assert (raised.value.status_code, raised.value.code) == (status, code)
    assert type(raised.value.request_id) is str


@pytest.mark.parametrize(("code", "error", "status"), ERRORS)
def test_error_at_infinity_blue_is_raised_by_status(
    simulator, openai, open_client, inject_by_admin, code, error, status
) -> None:
    """A wrong key has the gateway's own code; for any other error Ark's is in the message."""
    inject_by_admin("refused", mount=BLUE, operation="create", code=code)

    with pytest.raises(getattr(openai, error)) as raised:
        create(open_client(simulator.at(BLUE)), BLUE)

    is_own = code == "AuthenticationError"
    assert raised.value.status_code == status
    assert raised.value.code == ("invalid_api_key" if is_own else "fail_to_fetch_task")
    assert (f'"code": "{code}"' in raised.value.body["message"]) != is_own
    assert type(raised.value.request_id) is str


def test_invalid_requests_at_cometapi_raise(simulator, openai, open_client) -> None:
    """A duration above the limit, an image for an older model, an unknown job, no key."""
    client = open_client(simulator.at(COMET))
    file = ("frame.png", image_bytes(), "image/png")

    with pytest.raises(openai.BadRequestError, match="duration") as invalid:
        client.videos.create(prompt="A cat.", **{**COMET_FIELDS, "seconds": "16"})
    with pytest.raises(openai.BadRequestError, match="r2v does not support model"):
        client.videos.create(prompt="A cat.", input_reference=file, **COMET_FIELDS)
    with pytest.raises(openai.BadRequestError, match="task_not_exist"):
        client.videos.retrieve("task_0")
    with pytest.raises(openai.AuthenticationError) as without_key:
        client.videos.retrieve("x", extra_headers={"Authorization": ""})

    assert invalid.value.code == "InvalidParameter"
    assert without_key.value.code == "AuthenticationError"


def test_invalid_requests_at_infinity_blue_raise(simulator, openai, open_client) -> None:
    """An unknown job, a duration as a number, no key."""
    client = open_client(simulator.at(BLUE))

    with pytest.raises(openai.NotFoundError) as unknown:
        client.videos.retrieve("video_0")
    with pytest.raises(openai.BadRequestError) as invalid:
        post_json(client, {**BLUE_BODY, "seconds": 5})
    with pytest.raises(openai.AuthenticationError) as without_key:
        client.videos.retrieve("x", extra_headers={"Authorization": ""})

    assert (unknown.value.code, unknown.value.type) == ("task_not_found", "invalid_request_error")
    assert (invalid.value.code, invalid.value.param) == ("invalid_duration", "seconds")
    assert without_key.value.code == "invalid_api_key"


@pytest.mark.parametrize(("mount", "status"), [(COMET, "FAILED"), (BLUE, "failed")])
def test_failed_job_is_200_with_error(
    simulator, open_client, inject_by_admin, mount, status
) -> None:
    """A failed job has a code, a message and no clip."""
    client = open_client(simulator.at(mount))
    inject_by_admin("job_failed", mount=mount, code="OutputVideoSensitiveContentDetected")
    created = create(client, mount)
    simulator.clock.advance(10)

    failed = client.videos.retrieve(created.id)

    assert failed.status == status
    assert failed.error.code == "OutputVideoSensitiveContentDetected"
    assert type(failed.error.message) is str
    assert not hasattr(failed, "video_url")
    assert not hasattr(failed, "metadata")


@pytest.mark.parametrize("mount", MOUNTS)
def test_connection_faults_raise_matching_errors(
    stalled, openai, open_client, inject_by_admin, mount
) -> None:
    """Each fault is raised as the library's own error, and then a create succeeds."""
    client = open_client(stalled.at(mount))
    faults: list[tuple[str, dict[str, Any], type[Exception]]] = [
        ("html", {}, openai.InternalServerError),
        ("server_error", {"status": 503}, openai.InternalServerError),
        ("throttled", {"retry_after": "3"}, openai.RateLimitError),
        ("reset", {}, openai.APIConnectionError),
        ("lost_reply", {}, openai.APIConnectionError),
        ("truncated", {}, openai.APIConnectionError),
    ]
    raised: list[Any] = []
    for kind, options, error in faults:
        inject_by_admin(kind, mount=mount, operation="create", **options)
        with pytest.raises(error) as caught:
            create(client, mount)
        raised.append(caught.value)

    assert raised[0].code is None
    assert raised[1].status_code == 503
    assert raised[2].response.headers["retry-after"] == "3"
    assert type(create(client, mount).id) is str


@pytest.mark.parametrize("mount", MOUNTS)
def test_undocumented_operations_are_not_found(stalled, openai, open_client, mount) -> None:
    """There is no list, no delete and no remix."""
    videos = open_client(stalled.at(mount)).videos

    with pytest.raises(openai.NotFoundError):
        videos.list()
    with pytest.raises(openai.NotFoundError):
        videos.delete("x")
    with pytest.raises(openai.NotFoundError):
        videos.remix("x", prompt="A cat.")


def test_cometapi_has_no_content_route(stalled, openai, open_client) -> None:
    """Its pages only have the clip's URL."""
    client = open_client(stalled.at(COMET))

    with pytest.raises(openai.NotFoundError):
        client.videos.download_content(create(client, COMET).id)
