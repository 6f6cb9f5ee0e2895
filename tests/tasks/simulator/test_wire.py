"""The exchanges saved from the vendor's pages: the simulator takes each request they hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

WIRE = Path(__file__).parents[2] / "wire" / "ark"


def exchanges(prefix: str, *, status: int) -> list[Path]:
    paths = sorted(WIRE.glob(f"{prefix}*.json"))
    return [path for path in paths if _answered(path) == status]


def _answered(path: Path) -> int:
    told = json.loads(path.read_text())
    replied = told.get("reply", {})
    return int(replied.get("status", 0)) if "id" in str(replied.get("body")) else 0


CREATES = [
    path
    for path in exchanges("create-", status=200)
    if "request" in json.loads(path.read_text())
    # A draft's id is another job's, and an inline picture of the page is no picture.
    and not {"draft_task", ";base64,"}.intersection(
        word for word in ("draft_task", ";base64,") if word in path.read_text()
    )
]


@pytest.mark.parametrize("path", CREATES, ids=[path.stem for path in CREATES])
def test_a_documented_request_is_taken(checking, path) -> None:
    """What the page shows as a good request is one here, on the host that it is shown for."""
    told = json.loads(path.read_text())
    body = told["request"]["json"]

    reply = checking.at("simulator").post(body)

    assert reply.status_code == 200, reply.text
    assert set(reply.json()) <= set(told["reply"]["body"]) | {"safety_identifier"}


def test_there_are_exchanges_to_take() -> None:
    """An empty folder would pass every test above."""
    assert len(CREATES) >= 3
