"""The simulator's own mount: Ark's wire, and a library for files that no URL leads to.

Ark takes reference clips by URL or `asset://` only, and its asset library is reached by a console.
Here a file is left by `POST /assets`, a form with one part `file`, and named by the URL it answers.
No other mount has the route or knows its ids.
"""

from __future__ import annotations

from dataclasses import dataclass

from tasks.simulator.bodies import read_form
from tasks.simulator.desk import Answer, Call, Desk, Operation
from tasks.simulator.refusals import reject
from tasks.simulator.vendors.ark import Ark


@dataclass(frozen=True)
class Own(Ark):
    """Ark's wire with uploads."""

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What Ark can do, and the upload."""
        return (*super().operations, Operation("upload", "POST", "/assets", self.upload))

    def upload(self, desk: Desk, call: Call) -> Answer:
        """Take a file."""
        parts = read_form(call)
        if len(parts) != 1 or parts[0].name != "file" or not parts[0].filename:
            reject("file", "send a form with one part, a file under the name `file`")
        asset = desk.keep_asset(parts[0].data)
        return Answer({"id": asset.id, "url": asset.url, "seconds": asset.seconds})


OWN = Own()
