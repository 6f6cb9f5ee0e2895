"""powertokens, which passes on to BytePlus ModelArk.

Written from its create page (POST https://api.powertokens.ai/byteplus/api/v3/contents/generations/tasks).
It is Ark's wire with fewer models; a list is not documented, offline inference is "not yet
integrated", and 4k does not occur.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.simulator.commission import Commission
from tasks.simulator.desk import Desk
from tasks.simulator.refusals import reject
from tasks.simulator.vendors.ark import Ark

MODELS: Mapping[str, str] = {
    "seedance-1-5-pro-251215": "seedance-1.5-pro",
    "seedance-1-0-pro-250528": "seedance-1.0-pro",
    "seedance-1-0-pro-fast-251015": "seedance-1.0-pro-fast",
    "dreamina-seedance-2-0-260128": "seedance-2.0",
    "dreamina-seedance-2-0-fast-260128": "seedance-2.0-fast",
}
"""Exact id to family."""


@dataclass(frozen=True)
class Powertokens(Ark):
    """Ark's wire with the limits of that page."""

    def check(self, desk: Desk, body: Mapping[str, Any]) -> Commission:
        """Read a create. Raises Refusal."""
        commission = desk.check(body)
        if commission.service_tier == "flex":
            reject("service_tier", "offline inference (flex) is not integrated yet")
        if commission.resolution == "4k":
            reject("resolution", "resolution must be one of 480p, 720p, 1080p")
        return commission

    def note(self, body: Mapping[str, Any], commission: Commission) -> str:
        """Say what the others say but for the seed: this page restricts it to no model."""
        return super().note({**body, "seed": None}, commission)


POWERTOKENS = Powertokens(names=("create", "get", "delete"))
