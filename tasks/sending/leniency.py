"""Which failed jobs deserve another try at once, as data. A failed job costs nothing.

What may be asked again for a request or a download is told by `policies`; this is about a second
job for a shot, under a budget that both would have to fit.
"""

from __future__ import annotations

from typing import NamedTuple

from tasks.errors import JobBroken, OutputRefused, ProviderError
from tasks.plan import PlannedShot


class Leniency(NamedTuple):
    """One kind of failure that deserves another try."""

    error: type[ProviderError]
    word: str
    """The board's word that allows it; empty where it needs none."""
    reason: str


LENIENCIES = (
    Leniency(JobBroken, "", "the vendor failed by itself, and asked again it mostly does not"),
    Leniency(
        OutputRefused,
        "reseed",
        "another seed is another picture, but each refusal counts against the account",
    ),
)
"""At most one more try each; a given seed leaves nothing to change, so it stays as it is."""


def deserves_another(shot: PlannedShot, error: ProviderError) -> bool:
    """Whether a shot whose job ended so is rendered once more in the same run."""
    for leniency in LENIENCIES:
        if isinstance(error, leniency.error):
            return not leniency.word or leniency.word in shot.allows
    return False
