"""Signed links to clips and frames: their validity and their lifetime."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tasks.media.mime import sniff_mime
from tests.support.simulator_requests import SimulatorClient, image_item, minimal_request

DAY = 86_400


@pytest.fixture(scope="module")
def content(rendering: SimulatorClient) -> dict[str, str]:
    """The links of a finished job with a last frame."""
    links: dict[str, str] = rendering.wait_for_job(rendering.create(return_last_frame=True))[
        "content"
    ]
    return links


@pytest.fixture
def anonymous() -> Iterator[httpx.Client]:
    """An HTTP client without a key."""
    with httpx.Client(trust_env=False) as client:
        yield client


def test_link_needs_no_key(content, anonymous) -> None:
    """A link is signed for a day, as an object storage signs it."""
    clip = anonymous.get(content["video_url"])
    frame = anonymous.get(content["last_frame_url"])

    query = parse_qs(urlsplit(content["video_url"]).query)
    assert query["X-Tos-Expires"] == ["86400"]
    assert clip.headers["content-type"] == "video/mp4"
    assert clip.content[4:8] == b"ftyp"
    # Fast start: the index is in front of the media data.
    assert clip.content.index(b"moov") < clip.content.index(b"mdat")
    assert frame.headers["content-type"] == sniff_mime(frame.content) == "image/png"


def test_link_with_key_is_400(content, anonymous) -> None:
    """An Authorization header beside a signature is an error."""
    response = anonymous.get(content["video_url"], headers={"Authorization": "Bearer any"})

    assert (response.status_code, response.json()["Code"]) == (400, "InvalidArgument")


@pytest.mark.parametrize("name", ["X-Tos-Signature", "X-Tos-Date", "X-Tos-Expires"])
def test_link_with_changed_query_is_403(content, anonymous, name) -> None:
    """No query parameter can be changed or removed."""
    url = httpx.URL(content["video_url"])
    changed = url.copy_set_param(name, "20270101T000000Z")
    removed = url.copy_remove_param(name)

    assert [anonymous.get(link).status_code for link in (changed, removed)] == [403, 403]


def test_link_with_signature_of_other_file_is_403(content, anonymous) -> None:
    """The signature of the frame is not valid for the clip."""
    mixed = content["last_frame_url"].replace(".png?", ".mp4?")

    assert anonymous.get(mixed).status_code == 403


def test_link_supports_ranges(content, anonymous) -> None:
    """A range is a 206; a range behind the end is a 416."""
    whole = anonymous.get(content["video_url"]).content

    def get_range(spec: str) -> httpx.Response:
        return anonymous.get(content["video_url"], headers={"Range": f"bytes={spec}"})

    assert get_range("0-9").content == whole[:10]
    assert get_range("0-9").headers["content-range"] == f"bytes 0-9/{len(whole)}"
    assert get_range("1000-").content == whole[1000:]
    assert get_range("-7").content == whole[-7:]
    assert get_range("10-19").status_code == 206
    assert get_range(f"{len(whole)}-").status_code == 416


def test_link_expires_after_a_day(simulator, anonymous) -> None:
    """The day begins when the clip was finished; a later get returns the same link."""
    job = simulator.create()
    simulator.clock.advance(10)
    link = simulator.wait_for_job(job)["content"]["video_url"]
    simulator.clock.advance(DAY - 1)
    later_link = simulator.get(job).json()["content"]["video_url"]

    before = anonymous.get(link).status_code
    simulator.clock.advance(1)
    after = anonymous.get(link)

    assert later_link == link
    assert (before, after.status_code) == (200, 403)
    assert after.json()["Message"] == "Request has expired."


def test_own_link_is_accepted_as_first_frame(rendering, content) -> None:
    """A vendor accepts its own links, unless they have expired."""
    link = content["last_frame_url"]
    expired_link = link.replace("X-Tos-Date=2", "X-Tos-Date=1")

    accepted, rejected = (
        rendering.post(minimal_request(content=[image_item(url=url)], ratio=...))
        for url in (link, expired_link)
    )

    assert accepted.status_code == 200
    assert "resource download failed" in rejected.json()["error"]["message"]
    rendering.wait_for_job(accepted.json()["id"])
