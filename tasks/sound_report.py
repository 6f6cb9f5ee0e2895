"""The measurements of a film's sound, as a value of the store's records and of reports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple


class SoundReport(NamedTuple):
    """The loudness of a film, measured after encoding; only films with a loudness have a report."""

    loudness_lufs: float | None = None
    """Integrated loudness; None in silence."""
    true_peak_db: float | None = None
    """In dBTP; None in silence."""
    gain_db: float = 0.0
    """The gain of the mix."""

    @property
    def is_silent(self) -> bool:
        """True if there was nothing to measure."""
        return self.loudness_lufs is None

    def to_record(self) -> dict[str, float | None]:
        """Return it as plain data, rounded to what a meter shows."""
        return {
            name: None if value is None else round(value, 2)
            for name, value in self._asdict().items()
        }

    def describe(self) -> str:
        """Return it as a sentence without a verb."""
        if self.loudness_lufs is None or self.true_peak_db is None:
            return "silent, so that the loudness was not set"
        return (
            f"{self.loudness_lufs:.1f} LUFS, true peak {self.true_peak_db:.1f} dBTP, "
            f"gain {self.gain_db:+.1f} dB"
        )


def read_sound_report(record: Any) -> SoundReport | None:
    """Return a report from a record, which may be a stranger's; None if it has none."""
    if not isinstance(record, Mapping):
        return None
    values = [record.get(name) for name in SoundReport._fields]
    numbers = [value if _is_number(value) else None for value in values]
    loudness, peak, gain = numbers
    return SoundReport(loudness, peak, gain or 0.0)


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)
