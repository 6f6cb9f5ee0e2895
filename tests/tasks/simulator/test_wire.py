"""The exchanges saved from the vendors' pages: the simulator takes each request they hold."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest

WIRE = Path(__file__).parents[2] / "wire"
MOUNTS = {
    "ark": "simulator",
    "volc": "cometapi-volc",
    "kkiai": "kkiai",
    "videos": "cometapi-videos",
    "sora": "infinity-blue",
}


def taken_creates() -> list[Path]:
    """The creates that a page answers with an id; a draft's id would be another job's."""
    paths = [path for wire in MOUNTS for path in sorted((WIRE / wire).glob("create-*.json"))]
    return [path for path in paths if _is_taken(path) and "draft_task" not in path.read_text()]


def _is_taken(path: Path) -> bool:
    told = json.loads(path.read_text())
    reply = told.get("reply", {})
    return "request" in told and reply.get("status") == 200 and "id" in str(reply.get("body"))


CREATES = taken_creates()


@pytest.fixture
def sent(checking, picture):
    """Send an exchange's request, with a real picture where the page's is made up."""

    def send(path: Path):
        request = json.loads(path.read_text())["request"]
        vendor = checking.at(MOUNTS[path.parent.name])
        if "json" in request:
            body = json.loads(_drawn(json.dumps(request["json"]), picture))
            return vendor.client.post(vendor.url(request["path"]), json=body)
        fields = {
            part["name"]: (part["filename"], picture(864, 496), "image/png")
            if "filename" in part
            else (None, part["text"])
            for part in request["parts"]
        }
        return vendor.client.post(vendor.url(request["path"]), files=fields)

    return send


def _drawn(text: str, picture) -> str:
    """Put real pictures into made-up data URIs."""

    def draw(match: re.Match[str]) -> str:
        drawn = base64.b64encode(picture(864, 480, match[1].upper())).decode()
        return f"data:image/{match[1]};base64,{drawn}"

    return re.sub(r"data:image/(\w+);base64,[^\"]*", draw, text)


@pytest.mark.parametrize(
    "path", CREATES, ids=[f"{path.parent.name}-{path.stem}" for path in CREATES]
)
def test_a_documented_request_is_taken(sent, path) -> None:
    """What the page shows as a good request is one here, on the host that it is shown for."""
    told = json.loads(path.read_text())["reply"]["body"]

    reply = sent(path)

    assert reply.status_code == 200, reply.text
    extra = {"safety_identifier", "task_id", "model", "created_at"}
    assert set(reply.json()) <= set(told) | extra
    assert set(told) <= set(reply.json()) | {"safety_identifier"}


def test_there_are_exchanges_to_take() -> None:
    """An empty folder would pass every test above."""
    assert len(CREATES) >= 3
