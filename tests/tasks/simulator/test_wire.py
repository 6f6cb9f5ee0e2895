"""The exchanges saved from the vendors' pages: the simulator accepts each request in them."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import httpx
import pytest

from tests.support.simulator_requests import SimulatorClient, image_bytes

WIRE = Path(__file__).parents[2] / "wire"
MOUNTS = {
    "ark": "simulator",
    "volc": "cometapi-volc",
    "kkiai": "kkiai",
    "videos": "cometapi-videos",
    "sora": "infinity-blue",
}
OPTIONAL_FIELDS = {"safety_identifier", "task_id", "model", "created_at"}


def find_creates() -> list[Path]:
    """Return the creates that a page shows as successful.

    The ones that promote a draft are left out, because the draft's job does not exist.
    """
    paths = [path for wire in MOUNTS for path in sorted((WIRE / wire).glob("create-*.json"))]
    return [path for path in paths if is_success(path) and "draft_task" not in path.read_text()]


def is_success(path: Path) -> bool:
    """Return True if an exchange has a request, and a response with an id."""
    exchange = json.loads(path.read_text())
    reply = exchange.get("reply", {})
    return "request" in exchange and reply.get("status") == 200 and "id" in str(reply.get("body"))


CREATES = find_creates()


def send(simulator: SimulatorClient, path: Path) -> httpx.Response:
    """Send the request of an exchange, with real images in place of the page's examples."""
    request = json.loads(path.read_text())["request"]
    client = simulator.at(MOUNTS[path.parent.name])
    if "json" in request:
        body = json.loads(with_real_images(json.dumps(request["json"])))
        return client.post(body, request["path"])
    fields = {
        part["name"]: (part["filename"], image_bytes(864, 496), "image/png")
        if "filename" in part
        else (None, part["text"])
        for part in request["parts"]
    }
    return client.client.post(client.url(request["path"]), files=fields)


def with_real_images(text: str) -> str:
    """Return the text with real images in its data URIs."""

    def real_image(match: re.Match[str]) -> str:
        image = base64.b64encode(image_bytes(864, 480, match[1].upper())).decode()
        return f"data:image/{match[1]};base64,{image}"

    return re.sub(r"data:image/(\w+);base64,[^\"]*", real_image, text)


@pytest.mark.parametrize(
    "path", CREATES, ids=[f"{path.parent.name}-{path.stem}" for path in CREATES]
)
def test_documented_create_is_accepted(validating, path) -> None:
    """The response has the fields that the page shows."""
    documented = json.loads(path.read_text())["reply"]["body"]

    response = send(validating, path)

    assert response.status_code == 200, response.text
    assert set(response.json()) <= set(documented) | OPTIONAL_FIELDS
    assert set(documented) <= set(response.json()) | {"safety_identifier"}


def test_documented_creates_exist_for_each_wire() -> None:
    """Every wire format has at least one saved create; without any, the test above is empty."""
    assert {path.parent.name for path in CREATES} == set(MOUNTS)
