"""Sounds for tests: speech-like bursts, film-like noise, near-silence, and a meter.

No sine: meters, limiters and encoders treat it in ways that no film shows.
"""

from __future__ import annotations

import re
import subprocess
import wave
from pathlib import Path

import numpy as np

RATE = 48_000
Sound = np.ndarray


def make_noise(seconds: float, *, seed: int = 1, low: float = 60, high: float = 8000) -> Sound:
    """Return noise of a band with more power in its low part; its RMS is 1."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    shape = 1 / np.sqrt(np.maximum(hertz, 50))
    shape[(hertz < low) | (hertz > high)] *= 0.02
    noise = np.fft.irfft(spectrum * shape, count)
    return np.asarray(noise / noise.std())


def make_speech(seconds: float, *, seed: int = 1, level: float = 0.06) -> Sound:
    """Return syllables of 120 to 280 ms in phrases of 1 to 3 seconds, with pauses between them."""
    chance = np.random.default_rng(seed)
    envelope = np.zeros(round(seconds * RATE))
    at = 0.0
    while at < seconds:
        phrase_end = at + chance.uniform(1, 3)
        while at < min(phrase_end, seconds):
            length = chance.uniform(0.12, 0.28)
            first = round(at * RATE)
            span = envelope[first : first + round(length * RATE)]
            span[:] = np.sqrt(np.hanning(len(span))) * chance.uniform(0.4, 1)
            at += length + chance.uniform(0.02, 0.08)
        at += chance.uniform(0.4, 1.2)
    return make_noise(seconds, seed=seed, low=150, high=5000) * envelope * level


def make_film_sound(seconds: float, *, seed: int = 1, level: float = 0.05) -> Sound:
    """Return room tone that rises and falls, with hard knocks."""
    chance = np.random.default_rng(seed)
    sound = make_noise(seconds, seed=seed) * level
    points = np.linspace(0, len(sound), max(2, round(seconds / 2)))
    sound *= np.interp(np.arange(len(sound)), points, chance.uniform(0.2, 1, len(points)))
    for _ in range(max(1, round(seconds / 3))):
        first = int(chance.uniform(0, max(0.1, seconds - 0.5)) * RATE)
        knock = chance.standard_normal(round(0.3 * RATE)) * np.exp(
            -np.arange(round(0.3 * RATE)) / 3000
        )
        span = sound[first : first + len(knock)]
        span += 0.35 * knock[: len(span)]
    return sound


def make_near_silence(seconds: float) -> Sound:
    """Return noise at -50 dB."""
    return make_noise(seconds) * 10 ** (-50 / 20)


def write_wav(path: Path, *channels: Sound, rate: int = RATE) -> Path:
    """Write a 16-bit WAV file."""
    samples = np.clip(np.stack(channels), -1, 1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples.T * 32767).round().astype("<i2").tobytes())
    return path


def read_wav(path: Path) -> Sound:
    """Read a 24-bit WAV file: shape (channels, samples)."""
    with wave.open(str(path)) as file:
        assert (file.getsampwidth(), file.getframerate()) == (3, RATE)
        data = np.frombuffer(file.readframes(file.getnframes()), np.uint8).reshape(-1, 3)
        channels = file.getnchannels()
    values = np.zeros((len(data), 4), np.uint8)
    values[:, 1:] = data
    samples = values.view("<i4")[:, 0] / 2**31
    return samples.reshape(-1, channels).T


def measure_film(ffmpeg: Path, film: Path) -> tuple[float, float]:
    """Return loudness (LUFS) and true peak (dBTP) of a file, as ffmpeg's ebur128 prints them."""
    command = [str(ffmpeg), "-nostdin", "-hide_banner", "-i", str(film)]
    command += ["-map", "0:a:0", "-af", "ebur128=peak=true:framelog=quiet", "-f", "null", "-"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    summary = output[output.rindex("Summary:") :]
    loudness = re.search(r"I:\s+(\S+) LUFS", summary)
    peak = re.search(r"Peak:\s+(\S+) dBFS", summary)
    assert loudness
    assert peak
    return float(loudness[1]), float(peak[1])


def levels(samples: Sound, seconds: float = 0.05) -> Sound:
    """Return the level of each block of the first channel in dB."""
    length = round(seconds * RATE)
    count = len(samples) // length
    blocks = samples[: count * length].reshape(count, length)
    return np.asarray(10 * np.log10((blocks**2).mean(axis=1) + 1e-12))
