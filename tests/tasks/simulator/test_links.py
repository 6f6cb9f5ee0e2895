"""Signed links: what opens them, what does not, and for how long."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tasks.media.mime import sniff_mime

DAY = 86_400


@pytest.fixture(scope="module")
def made(rendering):
    """A finished job with both links."""
    return rendering.rendered(rendering.create(return_last_frame=True))["content"]


@pytest.fixture
def stranger():
    """A client without a key."""
    with httpx.Client(trust_env=False) as client:
        yield client


def test_a_link_needs_no_key(made, stranger) -> None:
    """It is signed, as an object storage signs it, for a day from when the clip was made."""
    clip = stranger.get(made["video_url"])
    frame = stranger.get(made["last_frame_url"])

    query = parse_qs(urlsplit(made["video_url"]).query)
    assert query["X-Tos-Expires"] == ["86400"]
    assert clip.headers["content-type"] == "video/mp4"
    assert clip.content[4:8] == b"ftyp"
    # Fast start: what a player needs first comes first.
    assert clip.content.index(b"moov") < clip.content.index(b"mdat")
    assert frame.headers["content-type"] == sniff_mime(frame.content) == "image/png"


def test_a_link_refuses_a_key(made, stranger) -> None:
    """A presigned link with an Authorization header beside it is an error."""
    reply = stranger.get(made["video_url"], headers={"Authorization": "Bearer any"})

    assert (reply.status_code, reply.json()["Code"]) == (400, "InvalidArgument")


@pytest.mark.parametrize("part", ["X-Tos-Signature", "X-Tos-Date", "X-Tos-Expires"])
def test_a_changed_link_is_refused(made, stranger, part) -> None:
    """Nothing in the query can be changed or left out."""
    url = httpx.URL(made["video_url"])
    changed = url.copy_set_param(part, "20270101T000000Z")
    without = url.copy_remove_param(part)

    assert [stranger.get(link).status_code for link in (changed, without)] == [403, 403]


def test_a_link_does_not_open_another_file(made, stranger) -> None:
    """The signature of the frame does not open the clip."""
    mixed = made["last_frame_url"].replace(".png?", ".mp4?")

    assert stranger.get(mixed).status_code == 403


def test_a_part_of_a_clip_can_be_asked_for(made, stranger) -> None:
    """Ranges are answered with 206, and one beyond the end with 416."""
    whole = stranger.get(made["video_url"]).content

    def part(spec: str) -> httpx.Response:
        return stranger.get(made["video_url"], headers={"Range": f"bytes={spec}"})

    assert part("0-9").content == whole[:10]
    assert part("0-9").headers["content-range"] == f"bytes 0-9/{len(whole)}"
    assert part("1000-").content == whole[1000:]
    assert part("-7").content == whole[-7:]
    assert part("10-19").status_code == 206
    assert part(f"{len(whole)}-").status_code == 416


def test_a_link_dies_a_day_after_the_clip_was_made(vendor, stranger) -> None:
    """Asking again signs nothing anew."""
    job = vendor.create()
    vendor.clock.advance(10)
    link = vendor.rendered(job)["content"]["video_url"]
    vendor.clock.advance(DAY - 1)
    again = vendor.get(job).json()["content"]["video_url"]

    alive = stranger.get(link).status_code
    vendor.clock.advance(1)

    assert again == link
    assert (alive, stranger.get(link).status_code) == (200, 403)
    assert stranger.get(link).json()["Message"] == "Request has expired."


def test_our_own_link_is_taken_as_a_first_frame(rendering, order, made, picture) -> None:
    """As a vendor takes its own links; one that has expired can't be downloaded."""
    content = [{"type": "image_url", "image_url": {"url": made["last_frame_url"]}}]
    taken = rendering.post(order(content=content, ratio=...))
    broken = made["last_frame_url"].replace("X-Tos-Date=2", "X-Tos-Date=1")
    content = [{"type": "image_url", "image_url": {"url": broken}}]
    refused = rendering.post(order(content=content, ratio=...))

    assert taken.status_code == 200
    assert "resource download failed" in refused.json()["error"]["message"]
    rendering.rendered(taken.json()["id"])
