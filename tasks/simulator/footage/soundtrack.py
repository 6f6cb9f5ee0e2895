"""The audio of a clip: a quiet chord and ambient noise, both decided by prompt and seed."""

from __future__ import annotations

import re

import numpy as np

from tasks.media.film_format import SAMPLES_PER_FRAME, SAMPLES_PER_SECOND
from tasks.simulator.footage.colour import Floats

# Semitones above the root. All of these chords are consonant when shots follow one another.
_CHORDS = ((0, 7, 14, 16), (0, 7, 12, 19), (0, 5, 12, 16), (0, 9, 16, 19), (0, 7, 15, 22))
_DARK_CHORDS = ((0, 7, 15, 19), (0, 7, 12, 15), (0, 3, 10, 17))
_ROOTS = (38, 40, 43, 45, 41)
_DARK_KEYWORDS = r"\b(?:night|dark\w*|storm\w*|rain|fire|ghost\w*|alone|cold|midnight)\b"
_FADE_SECONDS = 0.08


def compose(prompt: str, frames: int, seed: int) -> Floats:
    """Return mono samples (-1 to 1, 48 kHz) for `frames` frames, faded at both ends."""
    rng = np.random.default_rng(seed + 13)
    count = frames * SAMPLES_PER_FRAME
    seconds = np.arange(count, dtype=np.float32) / SAMPLES_PER_SECOND
    chords = _DARK_CHORDS if re.search(_DARK_KEYWORDS, prompt.lower()) else _CHORDS
    chord = chords[int(rng.integers(len(chords)))]
    root = _ROOTS[int(rng.integers(len(_ROOTS)))]
    sound = _chord(rng, seconds, [root + step for step in chord])
    sound = sound * 0.62 + _ambience(rng, prompt, count) * 0.30
    return np.asarray(sound * _fades(count), np.float32)


def _chord(rng: np.random.Generator, seconds: Floats, notes: list[int]) -> Floats:
    sound = np.zeros_like(seconds)
    for note in notes:
        pitch = 440.0 * 2 ** ((note - 69) / 12)
        swell_hertz = 0.12 + 0.10 * rng.random()
        swell = 0.62 + 0.38 * np.sin(2 * np.pi * swell_hertz * seconds + rng.uniform(0, 6.28))
        voice = np.sin(2 * np.pi * pitch * seconds + rng.uniform(0, 6.28))
        # A second voice at a slightly higher pitch beats slowly against the first.
        voice += 0.7 * np.sin(2 * np.pi * pitch * 1.0035 * seconds + rng.uniform(0, 6.28))
        voice += 0.16 * np.sin(2 * np.pi * pitch * 2 * seconds)
        sound += swell * voice / (1 + max(0, note - 50) * 0.05)
    return np.asarray(sound * 0.1, np.float32)


def _ambience(rng: np.random.Generator, prompt: str, count: int) -> Floats:
    """Return low-pass noise, which swells like waves if the prompt mentions water."""
    noise = rng.standard_normal(count).astype(np.float32)
    has_water = bool(
        re.search(r"\b(?:sea|ocean|wave\w*|rain|storm\w*|river|lake)\b", prompt.lower())
    )
    width = 24 if has_water else 90
    sums = np.cumsum(np.concatenate((np.zeros(width, np.float32), noise)), dtype=np.float64)
    soft = np.asarray((sums[width:] - sums[:-width]) / width**0.5, np.float32)
    seconds = np.arange(count, dtype=np.float32) / SAMPLES_PER_SECOND
    swell = 0.55 + 0.45 * np.sin(2 * np.pi * 0.16 * seconds + rng.uniform(0, 6.28))
    return np.asarray(soft * 0.11 * (swell if has_water else 0.55), np.float32)


def _fades(count: int) -> Floats:
    length = int(_FADE_SECONDS * SAMPLES_PER_SECOND)
    envelope = np.ones(count, np.float32)
    rise = 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, length, dtype=np.float32))
    envelope[:length] *= rise
    envelope[-length:] *= rise[::-1]
    return envelope
