"""A clip's sound as samples on the clock of its picture, and the seams between clips' sounds.

Everything is float32, 48 kHz, shape (channels, samples), 2000 samples to a frame of film. No
file is written here, and no more than one clip's samples are held at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from tasks.errors import MediaError
from tasks.media.container import fraction, opened
from tasks.media.film_format import FRAMES_PER_SECOND, SAMPLES_PER_FRAME, SAMPLES_PER_SECOND

FADE_SAMPLES = 480
"""10 ms: short enough for a cut to stay one, long enough to make no click."""

# A codec fills up its last block, at most twice 1024 samples, and the header knows where the sound
# really ends. Where the two are further apart, the header is wrong and what was decoded counts.
_CODEC_PADDING = 2048

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Source:
    """A clip whose sound goes into a film."""

    path: Path
    frames: int
    """How many pictures the clip has, the dropped one included."""
    starts_at: Fraction
    """When the first picture is shown, in seconds on the file's own clock."""
    keep: int
    """How many of its pictures the film shows."""
    has_audio: bool = True


@dataclass(frozen=True)
class Sound:
    """One clip's sound, cut or padded to its picture's length."""

    samples: Samples
    begin: int
    """Where sound begins; zeros stand before it."""
    end: int
    """Where sound ends; zeros stand from it on."""


def film_sound(sources: Iterable[Source], channels: int) -> Iterator[Samples]:
    """Yield each clip's share of the film's sound, exactly `keep` frames long.

    The sound under a dropped picture fades out over the beginning of the next clip, which shows
    that same picture. At other seams both sides fade for 10 ms.
    """
    carried: Sound | None = None
    sources = list(sources)
    for index, source in enumerate(sources):
        sound = read_sound(source, channels)
        if carried is not None:
            _blend(carried, sound)
        elif index > 0:
            fade_in(sound.samples, sound.begin)
        carried = None
        if index < len(sources) - 1:
            carried = _carry(sound, source.keep * SAMPLES_PER_FRAME)
        yield sound.samples[:, : source.keep * SAMPLES_PER_FRAME]


def read_sound(source: Source, channels: int) -> Sound:
    """Decode a clip's sound and place it by its own times on the clock of the picture.

    Raises MediaError where it can't be decoded. A mute clip gives zeros.
    """
    length = source.frames * SAMPLES_PER_FRAME
    if source.has_audio:
        with opened(source.path) as container:
            try:
                placed = _place(container, source)
            except ValueError as error:
                message = f"{source.path} changes its kind of sound midway, which is not joined"
                raise MediaError(message) from error
        if placed is not None:
            canvas, begin, end, rate = placed
            canvas = _with_channels(_resample(canvas, rate, length), channels)
            scale = Fraction(SAMPLES_PER_SECOND, rate)
            return Sound(canvas, round(begin * scale), min(length, round(end * scale)))
    return Sound(np.zeros((channels, length), np.float32), 0, 0)


def fade_in(samples: Samples, begin: int) -> None:
    """Let the sound that begins at `begin` come up within 10 ms, in place."""
    span = samples[:, begin : begin + FADE_SAMPLES]
    span *= _rising(span.shape[1])


def fade_out(samples: Samples, end: int) -> None:
    """Let the sound that ends before `end` go down within its last 10 ms, in place."""
    span = samples[:, max(0, end - FADE_SAMPLES) : end]
    span *= 1 - _rising(span.shape[1])


def _rising(length: int) -> Samples:
    # sin², whose mirror image is cos²: the two sum to 1, so that equal sounds keep their level.
    angles = np.linspace(0, np.pi / 2, length, endpoint=False, dtype=np.float32)
    weights: Samples = np.sin(angles) ** 2
    return weights


def _carry(sound: Sound, seam: int) -> Sound | None:
    """Return the sound from the seam on; where too little is left to blend, it fades before."""
    left = sound.end - seam
    if left < FADE_SAMPLES:
        fade_out(sound.samples, sound.end)
        left = 0
    if seam == sound.samples.shape[1]:
        return None
    return Sound(sound.samples[:, seam:].copy(), 0, left)


def _blend(carried: Sound, sound: Sound) -> None:
    """Fade the carried sound out over the beginning of the next, in place."""
    begin, end = sound.begin, carried.end
    head = sound.samples[:, : carried.samples.shape[1]]
    carried_samples = carried.samples[:, : head.shape[1]]
    if end - begin >= FADE_SAMPLES:
        weight = np.ones(carried_samples.shape[1], np.float32)
        weight[begin:end] -= _rising(end - begin)
        weight[end:] = 0
        head *= 1 - weight
        carried_samples *= weight
    else:
        # One of them has nothing to sound while the other does: each fades by itself.
        fade_out(carried_samples, end)
        fade_in(sound.samples, begin)
    head += carried_samples


def _place(container: InputContainer, source: Source) -> tuple[Samples, int, int, int] | None:
    """Return samples at their own rate from the first picture on, where they begin and end, and
    that rate; None where nothing sounds during the picture.
    """
    stream = container.streams.audio[0]
    frames = container.decode(stream)
    first = next(frames, None)
    if first is None:
        return None
    converter, rate = _to_float(first), first.sample_rate
    length = -(-source.frames * rate // FRAMES_PER_SECOND)
    canvas = np.zeros((min(2, first.layout.nb_channels), length), np.float32)
    begin, end, at = length, 0, 0
    for frame in chain([first], frames):
        if frame.pts is not None and frame.time_base:
            at = round((frame.pts * fraction(frame.time_base) - source.starts_at) * rate)
        for part in converter.resample(frame):
            block = part.to_ndarray()
            left, right = max(0, at), min(length, at + block.shape[1])
            if left < right:
                canvas[:, left:right] = block[:, left - at : right - at]
                begin, end = min(begin, left), max(end, right)
            at += block.shape[1]
    told = (_told_end(stream) - source.starts_at) * rate
    if stream.duration and 0 < end - told < _CODEC_PADDING:
        end = round(told)
        canvas[:, max(0, end) :] = 0
    return (canvas, begin, end, rate) if begin < end else None


def _told_end(stream: AudioStream) -> Fraction:
    """Return when the sound ends by its header, in seconds, which is not to be relied on."""
    return ((stream.start_time or 0) + (stream.duration or 0)) * fraction(stream.time_base)


def _to_float(frame: AudioFrame) -> AudioResampler:
    # Only the format changes here, and more than two channels become two. Mono must not become
    # stereo in a resampler, which would take 3 dB off it.
    layout = frame.layout.name if frame.layout.nb_channels <= 2 else "stereo"
    return AudioResampler(format="fltp", layout=layout, rate=frame.sample_rate)


def _resample(canvas: Samples, rate: int, length: int) -> Samples:
    """Bring samples to 48 kHz and exactly to length."""
    if rate != SAMPLES_PER_SECOND:
        layout = "mono" if len(canvas) == 1 else "stereo"
        resampler = AudioResampler(format="fltp", layout=layout, rate=SAMPLES_PER_SECOND)
        frame = AudioFrame.from_ndarray(canvas, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        parts = [*resampler.resample(frame), *resampler.resample(None)]
        canvas = np.concatenate([part.to_ndarray() for part in parts], axis=1)
    canvas = canvas[:, :length]
    return np.pad(canvas, ((0, 0), (0, length - canvas.shape[1])))


def _with_channels(samples: Samples, channels: int) -> Samples:
    if len(samples) == channels:
        return samples
    if len(samples) == 1:
        return np.repeat(samples, channels, axis=0)
    mixed: Samples = samples.mean(axis=0, keepdims=True)
    return mixed
