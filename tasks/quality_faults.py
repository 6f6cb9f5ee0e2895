"""Faults of clips, seams and chains: the measures that exceed the limits of a board."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from storyboards.models import Quality
from tasks.quality import ChainQuality, Range, SeamQuality, ShotQuality

_CLIPPED_FRAMES = 6
"""A quarter of a second: shorter highlights, such as a reflection, are not a fault."""


class Fault(StrEnum):
    """The kinds of faults; `LIMIT_WORDS` has the word of the board that limits each."""

    SEAM = "seam"
    LUMA = "luma step"
    CHROMA = "chroma step"
    SHARPNESS = "sharpness step"
    DRIFT = "drift"
    BLACK = "black"
    FROZEN = "frozen"
    FLASH = "flashes"
    CUT = "cut"
    CLIPPING = "clipped picture"
    SOUND = "clipped sound"
    SILENCE = "silence"


LIMIT_WORDS = {
    Fault.SEAM: "seam",
    Fault.LUMA: "luma",
    Fault.CHROMA: "chroma",
    Fault.SHARPNESS: "sharpness",
    Fault.DRIFT: "drift",
    Fault.BLACK: "black",
    Fault.FROZEN: "frozen",
    Fault.FLASH: "flash",
    Fault.CUT: "cuts",
    Fault.CLIPPING: "clipping",
    Fault.SOUND: "full_scale",
    Fault.SILENCE: "silence",
}


class Finding(NamedTuple):
    """A value that exceeds its limit."""

    fault: Fault
    shot: str
    """Id of the shot, or of the shot after a seam."""
    message: str
    first_frame: int
    """In the clip."""
    end_frame: int
    value: float
    limit: float

    @property
    def sentence(self) -> str:
        """The message with the limit."""
        return f"{self.message} (limit {self.limit:g})" if self.limit else self.message


def find_shot_faults(shot: ShotQuality, limits: Quality) -> Iterator[Finding]:
    """Yield what exceeds the limits in a shot."""
    yield from _find_long(shot, Fault.BLACK, shot.black, limits.black)
    yield from _find_long(shot, Fault.FROZEN, shot.frozen, limits.frozen)
    yield from _find_flashes(shot, limits)
    if not limits.cuts:
        for cut in shot.cuts:
            message = f"a cut at frame {cut}"
            yield Finding(Fault.CUT, shot.shot, message, cut, cut + 1, 1, 0)
    for first, end in shot.bright(limits.clipping / 100):
        if end - first >= _CLIPPED_FRAMES:
            share = 100 * max(shot.measures.values["bright"][first:end])
            message = f"{share:.0f} % of the picture is clipped in {_describe_range(first, end)}"
            yield Finding(Fault.CLIPPING, shot.shot, message, first, end, share, limits.clipping)
    if clipped := shot.full_scale(limits.full_scale):
        first, end = clipped[0][0], clipped[-1][1]
        samples = sum(shot.measures.values["full_scale"][first:end])
        message = (
            f"the sound is clipped in {_describe_range(first, end)}: {samples:.0f} samples at full "
            f"scale, true peak {shot.peak_db:+.1f} dB"
        )
        yield Finding(Fault.SOUND, shot.shot, message, first, end, samples, limits.full_scale)
    yield from _find_long(shot, Fault.SILENCE, shot.silent, limits.silence)


def _find_long(
    shot: ShotQuality, fault: Fault, stretches: Sequence[Range], limit: int
) -> Iterator[Finding]:
    for first, end in stretches:
        if end - first >= limit:
            message = f"{_ADJECTIVES[fault]} in {_describe_range(first, end)}"
            yield Finding(fault, shot.shot, message, first, end, end - first, limit)


_ADJECTIVES = {Fault.BLACK: "black", Fault.FROZEN: "frozen", Fault.SILENCE: "silent"}


def _find_flashes(shot: ShotQuality, limits: Quality) -> Iterator[Finding]:
    """Yield each stretch with too many flashes; overlapping seconds are one stretch."""
    stretches: list[tuple[Range, int]] = []
    for (first, end), count in shot.flash_windows():
        if count <= limits.flash:
            continue
        if stretches and first < stretches[-1][0][1]:
            (start, _), earlier = stretches.pop()
            stretches.append(((start, end), max(count, earlier)))
        else:
            stretches.append(((first, end), count))
    for (first, end), count in stretches:
        message = f"{count} flashes within a second in {_describe_range(first, end)}"
        yield Finding(Fault.FLASH, shot.shot, message, first, end, count, limits.flash)


def find_seam_faults(seam: SeamQuality, limits: Quality) -> Iterator[Finding]:
    """Yield what exceeds the limits at a seam whose two pictures should be the same."""
    if seam.difference is None:
        return
    step = seam.step
    chroma = max(step.blue, step.red, key=abs)
    values = (
        (Fault.SEAM, seam.difference, limits.seam, f"differs by {seam.difference:.1f} levels"),
        (Fault.LUMA, step.luma, limits.luma, f"has {step.luma:+.1f} levels of luma"),
        (Fault.CHROMA, chroma, limits.chroma, f"has {chroma:+.1f} levels of chroma"),
        (
            Fault.SHARPNESS,
            step.sharpness,
            limits.sharpness,
            f"has {step.sharpness:+.0f} % of sharpness",
        ),
    )
    for fault, value, limit, text in values:
        if abs(value) > limit:
            message = f"its first frame {text} against the frame of {seam.before} it starts on"
            yield Finding(fault, seam.after, message, 0, 1, value, limit)


def find_drift(chain: ChainQuality, limits: Quality) -> Iterator[Finding]:
    """Yield the change of luma along a chain if it exceeds the limit."""
    if abs(chain.drift.luma) > limits.drift:
        message = (
            f"luma drifts by {chain.drift.luma:+.1f} levels over {len(chain.shots)} shots of "
            f"chain {chain.id}"
        )
        yield Finding(Fault.DRIFT, chain.shots[-1], message, 0, 0, chain.drift.luma, limits.drift)


def _describe_range(first: int, end: int) -> str:
    return f"frame {first}" if end - first == 1 else f"frames {first} to {end - 1}"
