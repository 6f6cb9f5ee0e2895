"""OpenAI's own client against the two mounts of `/videos`: CometAPI's form, Infinity Blue's JSON.

The client builds its objects without validating them and keeps what it does not know, so types are
asserted here. For `videos.create` it sends a form, which is CometAPI's; Infinity Blue takes JSON,
which is the client's plain post.
"""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

COMET, BLUE = "cometapi-videos", "infinity-blue"
MOUNTS = (COMET, BLUE)
SHORT = {"model": "doubao-seedance-1-0-pro", "seconds": "2", "size": "16:9"}
WITH_PICTURE = {"model": "doubao-seedance-2-0-fast", "seconds": "4", "size": "16:9"}
SMALL = {"extra_body": {"resolution": "480p"}}
BLUE_ORDER = {
    "model": "doubao-seedance-2-0-260128",
    "prompt": "A quiet valley at dawn.",
    "seconds": "4",
    "resolution": "480p",
    "ratio": "16:9",
    "generate_audio": False,
}


@pytest.fixture(scope="module")
def openai(vendors_own) -> Any:
    """The package."""
    return vendors_own("openai")


@pytest.fixture
def client_of(openai):
    """`client_of(vendor)`: the client, which never sends anything twice."""
    opened = []

    def make(vendor, **options: Any):
        http = httpx.Client(trust_env=False)
        opened.append(http)
        return openai.OpenAI(
            base_url=vendor.url(""),
            **{"api_key": "any", "max_retries": 0, "http_client": http} | options,
        )

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


def create(client, mount: str) -> Any:
    """The smallest job of that mount, in the way that it takes orders."""
    if mount == COMET:
        return client.videos.create(prompt="A quiet valley at dawn.", **SHORT, **SMALL)
    from openai.types import Video

    return client.post("/videos", body=BLUE_ORDER, cast_to=Video)


def finished(vendor, client, job: str) -> Any:
    """The job once it is done."""
    vendor.clock.advance(10)
    vendor.finished(f"/videos/{job}")
    return client.videos.retrieve(job)


def test_a_form_without_a_file_is_taken(vendor, client_of, fetched) -> None:
    """CometAPI's words from SUBMITTED to SUCCESS, and the clip by its URL."""
    there = vendor.at(COMET)
    client = client_of(there)

    made = create(client, COMET)
    vendor.clock.advance(3)
    running = client.videos.retrieve(made.id)
    done = finished(there, client, made.id)

    assert re.fullmatch(r"task_[0-9a-f]+", made.id)
    assert made.task_id == made.id
    assert [one.status for one in (made, running, done)] == ["SUBMITTED", "IN_PROGRESS", "SUCCESS"]
    for video in (made, running, done):
        assert (video.object, video.model) == ("video", SHORT["model"])
        assert type(video.progress) is type(video.created_at) is int
        assert video.error is None
    assert (made.progress, done.progress) == (0, 100)
    assert made.created_at == int(vendor.clock.now()) - 13
    assert type(done.completed_at) is int
    assert fetched(done.video_url)[4:8] == b"ftyp"


def test_a_form_with_a_file_is_taken(vendor, client_of, picture) -> None:
    """The picture arrives under its name and type, and the model renders."""
    there = vendor.at(COMET)
    client = client_of(there)
    file = ("frame.png", picture(864, 496), "image/png")

    made = client.videos.create(prompt="[Image 1]", input_reference=file, **WITH_PICTURE, **SMALL)

    assert [one["role"] for one in vendor.commission(made.id)["media"]] == ["input_reference"]
    assert finished(there, client, made.id).status == "SUCCESS"


def test_a_poll_ends_in_the_words_of_the_newer_pages(rendering, client_of) -> None:
    """In the older words it would return at once, for the client knows only its own."""
    there = rendering.at(COMET)
    client = client_of(there)
    rendering.faults.inject("newer_words", mount=COMET)

    newer = client.videos.poll(create(client, COMET).id, poll_interval_ms=20)
    older = client.videos.poll(create(client, COMET).id, poll_interval_ms=20)

    assert newer.status == "completed"
    assert type(newer.video_url) is str
    assert older.status in {"SUBMITTED", "IN_PROGRESS", "SUCCESS"}


def test_a_json_order_is_taken(vendor, client_of, fetched) -> None:
    """Infinity Blue's words are the client's own; its times are milliseconds."""
    there = vendor.at(BLUE)
    client = client_of(there)

    made = create(client, BLUE)
    vendor.clock.advance(3)
    running = client.videos.retrieve(made.id)
    done = finished(there, client, made.id)

    assert re.fullmatch(r"video_[0-9a-f]+", made.id)
    assert [one.status for one in (made, running, done)] == ["queued", "in_progress", "completed"]
    for video in (made, running, done):
        assert (video.object, video.model) == ("video", BLUE_ORDER["model"])
        assert type(video.progress) is type(video.created_at) is int
        assert video.seconds == "4"
        assert video.error is None
    assert made.created_at == int((vendor.clock.now() - 13) * 1000)
    assert made.created_at < done.completed_at < done.expires_at
    assert done.expires_at - done.completed_at == 24 * 3600 * 1000
    assert done.size == "864x496"
    assert fetched(done.metadata["url"])[4:8] == b"ftyp"


def test_a_picture_with_its_role_goes_as_nested_json(taking, client_of) -> None:
    """As the page declares it, in the metadata."""
    from openai.types import Video

    url = "https://example.com/frame.png"
    frame = {"type": "image_url", "image_url": {"url": url}, "role": "first_frame"}
    body = {**BLUE_ORDER, "ratio": "adaptive", "metadata": {"content": [frame]}}

    made = client_of(taking.at(BLUE)).post("/videos", body=body, cast_to=Video)

    assert [one["role"] for one in taking.commission(made.id)["media"]] == ["first_frame"]


def test_a_clip_is_downloaded_behind_the_key(vendor, openai, client_of, fetched) -> None:
    """Not before it is there, also where it is sent on to another host; never without the key."""
    there = vendor.at(BLUE)
    client = client_of(there)
    made = create(client, BLUE)

    with pytest.raises(openai.NotFoundError) as early:
        client.videos.download_content(made.id)
    done = finished(there, client, made.id)
    clip = client.videos.download_content(made.id)

    assert early.value.code == "video_not_ready"
    assert clip.response.headers["content-type"] == "video/mp4"
    assert clip.content == fetched(done.metadata["url"])
    with pytest.raises(openai.AuthenticationError):
        client.videos.download_content(made.id, extra_headers={"Authorization": ""})


def test_a_download_follows_to_another_host(vendor, client_of, ordered) -> None:
    """Where the gateway redirects; the key does not go along, which the link would refuse."""
    there = vendor.at(BLUE)
    client = client_of(there, http_client=httpx.Client(trust_env=False, follow_redirects=True))
    ordered("content_redirects", mount=BLUE)
    made = create(client, BLUE)
    finished(there, client, made.id)

    with client:
        clip = client.videos.download_content(made.id)

    assert clip.content[4:8] == b"ftyp"
    assert clip.response.url.host == "localhost"


def test_a_poll_ends_when_the_job_does(rendering, client_of) -> None:
    """Queued and in progress are the client's own words here."""
    client = client_of(rendering.at(BLUE))

    assert client.videos.poll(create(client, BLUE).id, poll_interval_ms=20).status == "completed"


REFUSED = [
    ("InvalidParameter", "BadRequestError", 400),
    ("AuthenticationError", "AuthenticationError", 401),
    ("AccountOverdueError", "PermissionDeniedError", 403),
    ("ModelNotOpen", "NotFoundError", 404),
    ("QuotaExceeded", "RateLimitError", 429),
    ("InternalServiceError", "InternalServerError", 500),
]


@pytest.mark.parametrize("mount", MOUNTS)
@pytest.mark.parametrize(("code", "error", "status"), REFUSED)
def test_each_class_of_error_is_known_to_the_client(
    vendor, openai, client_of, ordered, mount, code, error, status
) -> None:
    """By status; the code at the top, or Ark's own within the words of the gateway."""
    ordered("refused", mount=mount, operation="create", code=code)

    with pytest.raises(getattr(openai, error)) as told:
        create(client_of(vendor.at(mount)), mount)

    assert told.value.status_code == status
    if mount == BLUE and code != "AuthenticationError":
        assert told.value.code == "fail_to_fetch_task"
        assert f'"code": "{code}"' in told.value.body["message"]
    elif mount == BLUE:
        assert told.value.code == "invalid_api_key"
    else:
        assert told.value.code == code
    assert type(told.value.request_id) is str


def test_what_the_page_rules_out_has_those_classes_too(vendor, openai, client_of, picture) -> None:
    """A wrong length, a picture for an older model, an unknown job, no key."""
    comet, blue = client_of(vendor.at(COMET)), client_of(vendor.at(BLUE))
    file = ("frame.png", picture(), "image/png")

    with pytest.raises(openai.BadRequestError, match="duration") as long:
        comet.videos.create(prompt="A cat.", **{**SHORT, "seconds": "16"})
    with pytest.raises(openai.BadRequestError, match="r2v does not support model"):
        comet.videos.create(prompt="A cat.", input_reference=file, **SHORT)
    with pytest.raises(openai.BadRequestError, match="task_not_exist"):
        comet.videos.retrieve("task_0")
    with pytest.raises(openai.NotFoundError) as unknown:
        blue.videos.retrieve("video_0")
    with pytest.raises(openai.BadRequestError) as number:
        blue.post("/videos", body={**BLUE_ORDER, "seconds": 5}, cast_to=object)
    keyless = []
    for client in (comet, blue):
        with pytest.raises(openai.AuthenticationError) as told:
            client.videos.retrieve("x", extra_headers={"Authorization": ""})
        keyless.append(told.value.code)

    assert long.value.code == "InvalidParameter"
    assert (unknown.value.code, unknown.value.type) == ("task_not_found", "invalid_request_error")
    assert (number.value.code, number.value.param) == ("invalid_duration", "seconds")
    assert keyless == ["AuthenticationError", "invalid_api_key"]


@pytest.mark.parametrize("mount", MOUNTS)
def test_a_failed_job_is_a_200_with_its_error(vendor, client_of, ordered, mount) -> None:
    """With code and words, and without a clip."""
    client = client_of(vendor.at(mount))
    ordered("job_failed", mount=mount, code="OutputVideoSensitiveContentDetected")
    made = create(client, mount)
    vendor.clock.advance(10)

    failed = client.videos.retrieve(made.id)

    assert failed.status == ("FAILED" if mount == COMET else "failed")
    assert failed.error.code == "OutputVideoSensitiveContentDetected"
    assert type(failed.error.message) is str
    assert not hasattr(failed, "video_url")
    assert not hasattr(failed, "metadata")


@pytest.mark.parametrize("mount", MOUNTS)
def test_faults_of_the_line_reach_the_client(taking, openai, client_of, ordered, mount) -> None:
    """A web page, a 429 with patience, a reset, a lost and a cut reply."""
    client = client_of(taking.at(mount))
    expected = [
        ("html", {}, openai.InternalServerError),
        ("server_error", {"status": 503}, openai.InternalServerError),
        ("throttled", {"retry_after": "3"}, openai.RateLimitError),
        ("reset", {}, openai.APIConnectionError),
        ("lost_reply", {}, openai.APIConnectionError),
        ("truncated", {}, openai.APIConnectionError),
    ]
    raised = []
    for kind, options, error in expected:
        ordered(kind, mount=mount, operation="create", **options)
        with pytest.raises(error) as told:
            create(client, mount)
        raised.append(told.value)

    assert raised[0].code is None
    assert raised[1].status_code == 503
    assert raised[2].response.headers["retry-after"] == "3"
    assert type(create(client, mount).id) is str


@pytest.mark.parametrize("mount", MOUNTS)
@pytest.mark.parametrize("call", ["list", "delete", "remix"])
def test_what_no_page_documents_is_a_wrong_path(taking, openai, client_of, mount, call) -> None:
    """Neither a list nor a delete nor a remix."""
    videos = client_of(taking.at(mount)).videos
    asks = {
        "list": lambda: videos.list(),
        "delete": lambda: videos.delete("x"),
        "remix": lambda: videos.remix("x", prompt="A cat."),
    }

    with pytest.raises(openai.NotFoundError):
        asks[call]()


def test_cometapi_serves_no_clip_behind_the_key(taking, openai, client_of) -> None:
    """Its pages say to fetch the URL."""
    client = client_of(taking.at(COMET))

    with pytest.raises(openai.NotFoundError):
        client.videos.download_content(create(client, COMET).id)
