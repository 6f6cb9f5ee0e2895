"""Ducking: the music is lowered while a voice or a clip sounds.

The gain follows from what sounds around each moment, the near future included, so that the music is
low when speech begins, and stays low in the pauses between words.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tasks.media.audio.reader import Samples

BLOCK_SAMPLES = 960
"""20 ms, the resolution of the detection."""

DEPTH_DB = 10.5
"""In the middle of the 9 to 12 dB that are usual under speech."""

VOICE_THRESHOLD_DB = -50.0
CLIP_THRESHOLD_DB = -40.0
"""RMS of a block, in dB below full scale. A recorded voice has silence between its words, a clip
has room tone, which does not count as speech."""

_PAUSE_BLOCKS = 27
"""540 ms: the music stays low in shorter pauses, where it would be heard to pump."""
_ATTACK_BLOCKS = 8
"""160 ms before the speech."""
_RELEASE_BLOCKS = 20
"""400 ms after the speech."""

Activity = NDArray[np.bool_]


def detect_sound(samples: Samples, threshold_db: float) -> Activity:
    """Return for each block of 20 ms whether it is louder than a threshold.

    Args:
        samples: Any number of samples; the last block may be short.
        threshold_db: RMS in dB below full scale, of all channels together.
    """
    blocks = -(-samples.shape[1] // BLOCK_SAMPLES)
    padded = np.zeros((len(samples), blocks * BLOCK_SAMPLES), np.float32)
    padded[:, : samples.shape[1]] = samples
    power = (padded**2).reshape(len(samples), blocks, BLOCK_SAMPLES).mean(axis=(0, 2))
    active: Activity = power > 10 ** (threshold_db / 10)
    return active


def compute_gain(activity: Activity, first: int, samples: int) -> Samples:
    """Return the gain of the music for a stretch.

    Args:
        activity: Blocks with speech, those of a second before and after the stretch included.
        first: The block at which the stretch begins.
        samples: The length of the stretch.
    """
    closed = _fill_pauses(activity)
    shape = _shape_ramps()
    # The strongest ramp counts: that of the nearest speech.
    depth = np.zeros(len(closed))
    for offset, weight in zip(range(-_ATTACK_BLOCKS, _RELEASE_BLOCKS + 1), shape, strict=True):
        shifted = _shift(closed, offset)
        np.maximum(depth, weight * shifted, out=depth)
    centers = (np.arange(len(depth)) + 0.5 - first) * BLOCK_SAMPLES
    depth_of_samples = np.interp(np.arange(samples), centers, depth)
    gain: Samples = (10 ** (-DEPTH_DB / 20 * depth_of_samples)).astype(np.float32)
    return gain


def _fill_pauses(activity: Activity) -> Activity:
    """Return the activity with short pauses filled."""
    filled = activity.copy()
    (active,) = np.nonzero(activity)
    for left, right in pairwise(active):
        if right - left - 1 <= _PAUSE_BLOCKS:
            filled[left:right] = True
    return filled


def _shape_ramps() -> NDArray[np.float64]:
    """Return the depth before, at and after a block with speech, from 0 to 1."""
    before = np.arange(1, _ATTACK_BLOCKS + 1) / (_ATTACK_BLOCKS + 1)
    after = np.arange(_RELEASE_BLOCKS, 0, -1) / (_RELEASE_BLOCKS + 1)
    ramps: NDArray[np.float64] = np.sin(np.pi / 2 * np.concatenate([before, [1.0], after])) ** 2
    return ramps


def _shift(activity: Activity, offset: int) -> Activity:
    shifted = np.zeros_like(activity)
    if offset >= 0:
        shifted[offset:] = activity[: len(activity) - offset]
    else:
        shifted[:offset] = activity[-offset:]
    return shifted
