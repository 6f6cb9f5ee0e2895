"""CometAPI's `volc/v3` route, which passes Ark's tasks on.

Written from its create page (POST https://api.cometapi.com/volc/v3/contents/generations/tasks).
Documented are `model`, `content` with the text first, and `callback_url`; parameters stand as
flags in the text. Whatever else Ark takes as JSON is passed on to it. No list, no delete.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.simulator.commission import Commission
from tasks.simulator.desk import Desk
from tasks.simulator.refusals import reject
from tasks.simulator.vendors.ark import Ark


@dataclass(frozen=True)
class Volc(Ark):
    """Ark's wire with ids of the gateway's own."""

    def check(self, desk: Desk, body: Mapping[str, Any]) -> Commission:
        """Read a create. Raises Refusal."""
        commission = desk.check(body)
        if body["content"][0].get("type") != "text":
            reject("content[0]", "the content must begin with the text instruction")
        return commission

    def new_id(self, desk: Desk, commission: Commission) -> str:
        """Return an opaque id; the page's example begins with `02` and milliseconds."""
        return f"02{int(desk.clock.now() * 1000):013d}{secrets.token_hex(5)}"


VOLC = Volc(names=("create", "get"))
