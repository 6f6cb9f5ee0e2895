"""Frame rate and sample rate of every film.

Imports nothing heavy, so that planning and providers can use it without loading av or numpy.
"""

from __future__ import annotations

from fractions import Fraction

from storyboards.frame_times import FRAMES_PER_SECOND as FRAMES_PER_SECOND

FRAME_SECONDS = Fraction(1, FRAMES_PER_SECOND)
SAMPLES_PER_SECOND = 48_000
SAMPLES_PER_FRAME = SAMPLES_PER_SECOND // FRAMES_PER_SECOND
