"""The sound of a shot: a quiet chord and the air of the place, different for every shot."""

from __future__ import annotations

import re

import numpy as np

from tasks.simulator.animatic.colour import Floats

SAMPLES_PER_SECOND = 48_000
SAMPLES_PER_FRAME = 2_000

# Semitones above the root: open chords that lie well on top of each other, shot after shot.
_CHORDS = ((0, 7, 14, 16), (0, 7, 12, 19), (0, 5, 12, 16), (0, 9, 16, 19), (0, 7, 15, 22))
_SOMBRE = ((0, 7, 15, 19), (0, 7, 12, 15), (0, 3, 10, 17))
_ROOTS = (38, 40, 43, 45, 41)
_SOMBRE_WORDS = r"\b(?:night|dark\w*|storm\w*|rain|fire|ghost\w*|alone|cold|midnight)\b"
_FADE_SECONDS = 0.08


def compose(prompt: str, frames: int, seed: int) -> Floats:
    """Return the shot's sound, mono at 48 kHz, as long as its frames and silent at both ends."""
    chance = np.random.default_rng(seed + 13)
    count = frames * SAMPLES_PER_FRAME
    time = np.arange(count, dtype=np.float32) / SAMPLES_PER_SECOND
    chords = _SOMBRE if re.search(_SOMBRE_WORDS, prompt.lower()) else _CHORDS
    chord = chords[int(chance.integers(len(chords)))]
    root = _ROOTS[int(chance.integers(len(_ROOTS)))]
    sound = _pad(chance, time, [root + step for step in chord])
    sound = sound * 0.62 + _air(chance, prompt, count) * 0.30
    return np.asarray(sound * _fades(count), np.float32)


def _pad(chance: np.random.Generator, time: Floats, notes: list[int]) -> Floats:
    sound = np.zeros_like(time)
    for note in notes:
        pitch = 440.0 * 2 ** ((note - 69) / 12)
        slow = 0.12 + 0.10 * chance.random()
        swell = 0.62 + 0.38 * np.sin(2 * np.pi * slow * time + chance.uniform(0, 6.28))
        voice = np.sin(2 * np.pi * pitch * time + chance.uniform(0, 6.28))
        # A second voice a hair higher beats slowly against the first.
        voice += 0.7 * np.sin(2 * np.pi * pitch * 1.0035 * time + chance.uniform(0, 6.28))
        voice += 0.16 * np.sin(2 * np.pi * pitch * 2 * time)
        sound += swell * voice / (1 + max(0, note - 50) * 0.05)
    return np.asarray(sound * 0.1, np.float32)


def _air(chance: np.random.Generator, prompt: str, count: int) -> Floats:
    """Return filtered noise; waves come and go where there is water."""
    noise = chance.standard_normal(count).astype(np.float32)
    wet = bool(re.search(r"\b(?:sea|ocean|wave\w*|rain|storm\w*|river|lake)\b", prompt.lower()))
    width = 24 if wet else 90
    sums = np.cumsum(np.concatenate((np.zeros(width, np.float32), noise)), dtype=np.float64)
    soft = np.asarray((sums[width:] - sums[:-width]) / width**0.5, np.float32)
    time = np.arange(count, dtype=np.float32) / SAMPLES_PER_SECOND
    swell = 0.55 + 0.45 * np.sin(2 * np.pi * 0.16 * time + chance.uniform(0, 6.28))
    return np.asarray(soft * 0.11 * (swell if wet else 0.55), np.float32)


def _fades(count: int) -> Floats:
    length = int(_FADE_SECONDS * SAMPLES_PER_SECOND)
    shape = np.ones(count, np.float32)
    rise = 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, length, dtype=np.float32))
    shape[:length] *= rise
    shape[-length:] *= rise[::-1]
    return shape
