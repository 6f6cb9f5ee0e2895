"""Audio of clips as samples aligned with their frames, and the cross-fades at the seams.

Samples are float32, 48 kHz, shape (channels, samples), 2000 per frame. Only the samples of one
clip are in memory at a time. `mux` writes them.
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
from tasks.media.container import audio_stream, open_clip, to_fraction
from tasks.media.film_format import FRAMES_PER_SECOND, SAMPLES_PER_FRAME, SAMPLES_PER_SECOND

FADE_SAMPLES = 480
"""10 ms: too short to be heard as a fade, long enough to prevent a click."""

# Codecs pad the last block, by up to twice 1024 samples, and the header has the real end. If the
# two differ by more, the header is wrong and the decoded samples count.
_CODEC_PADDING = 2048

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class AudioSource:
    """A clip whose audio goes into a film."""

    path: Path
    frames: int
    """Frames of the clip, including a dropped one."""
    start_seconds: Fraction
    """Timestamp of the first frame in the file."""
    kept_frames: int = 0
    """Frames of the clip in the film."""
    has_audio: bool = True


@dataclass(frozen=True)
class ClipAudio:
    """The audio of one clip, cut or padded to the length of its video."""

    samples: Samples
    start: int
    """First sample with audio; zeros precede it."""
    end: int
    """End of the audio; zeros follow it."""


def mix_film_audio(sources: Iterable[AudioSource], channels: int) -> Iterator[Samples]:
    """Yield the audio of each clip in the film, exactly `kept_frames` long.

    The audio of a dropped frame is cross-faded into the start of the next clip, which shows the
    same frame. At other seams both sides fade for 10 ms.

    Raises:
        MediaError: A clip's audio can't be decoded.
    """
    carried: ClipAudio | None = None
    sources = list(sources)
    for index, source in enumerate(sources):
        audio = read_clip_audio(source, channels)
        if carried is not None:
            _cross_fade(carried, audio)
        elif index > 0:
            _fade_in(audio.samples, audio.start)
        carried = None
        if index < len(sources) - 1:
            carried = _carry_over(audio, source.kept_frames * SAMPLES_PER_FRAME)
        yield audio.samples[:, : source.kept_frames * SAMPLES_PER_FRAME]


def read_clip_audio(source: AudioSource, channels: int) -> ClipAudio:
    """Decode the audio of a clip, aligned with its video by timestamp; zeros if it has none.

    Raises:
        MediaError: It can't be decoded.
    """
    length = source.frames * SAMPLES_PER_FRAME
    if source.has_audio:
        with open_clip(source.path) as container:
            try:
                decoded = _decode(container, source)
            except ValueError as error:
                message = f"{source.path} changes its audio format midway, which is not supported"
                raise MediaError(message) from error
        if decoded is not None:
            canvas, start, end, rate = decoded
            canvas = _with_channels(_resample(canvas, rate, length), channels)
            scale = Fraction(SAMPLES_PER_SECOND, rate)
            return ClipAudio(canvas, round(start * scale), min(length, round(end * scale)))
    return ClipAudio(np.zeros((channels, length), np.float32), 0, 0)


def _fade_in(samples: Samples, start: int) -> None:
    """Fade in the audio that starts at `start` over 10 ms, in place."""
    span = samples[:, start : start + FADE_SAMPLES]
    span *= _fade_curve(span.shape[1])


def _fade_out(samples: Samples, end: int) -> None:
    """Fade out the audio that ends before `end` over its last 10 ms, in place."""
    span = samples[:, max(0, end - FADE_SAMPLES) : end]
    span *= 1 - _fade_curve(span.shape[1])


def _fade_curve(length: int) -> Samples:
    # sin² and its mirror image cos² add up to 1, so that identical signals keep their level.
    angles = np.linspace(0, np.pi / 2, length, endpoint=False, dtype=np.float32)
    weights: Samples = np.sin(angles) ** 2
    return weights


def _carry_over(audio: ClipAudio, seam: int) -> ClipAudio | None:
    """Return the audio after the seam; if that is too short to blend, fade out before the seam."""
    remaining = audio.end - seam
    if remaining < FADE_SAMPLES:
        _fade_out(audio.samples, audio.end)
        remaining = 0
    if seam == audio.samples.shape[1]:
        return None
    return ClipAudio(audio.samples[:, seam:].copy(), 0, remaining)


def _cross_fade(carried: ClipAudio, audio: ClipAudio) -> None:
    """Fade the carried audio out over the start of the next, in place."""
    start, end = audio.start, carried.end
    head = audio.samples[:, : carried.samples.shape[1]]
    carried_samples = carried.samples[:, : head.shape[1]]
    if end - start >= FADE_SAMPLES:
        weight = np.ones(carried_samples.shape[1], np.float32)
        weight[start:end] -= _fade_curve(end - start)
        weight[end:] = 0
        head *= 1 - weight
        carried_samples *= weight
    else:
        # They do not overlap: each fades separately.
        _fade_out(carried_samples, end)
        _fade_in(audio.samples, start)
    head += carried_samples


def _decode(container: InputContainer, source: AudioSource) -> tuple[Samples, int, int, int] | None:
    """Decode audio at its own sample rate, aligned with the first frame.

    Returns:
        Samples, their start and end, and the sample rate; None if there is no audio while the video
        is shown.
    """
    stream = audio_stream(container)
    if stream is None:
        return None
    frames = container.decode(stream)
    first = next(frames, None)
    if first is None:
        return None
    converter, rate = _to_float(first), first.sample_rate
    length = -(-source.frames * rate // FRAMES_PER_SECOND)
    canvas = np.zeros((min(2, first.layout.nb_channels), length), np.float32)
    start, end, offset = length, 0, 0
    for frame in chain([first], frames):
        if frame.pts is not None and frame.time_base:
            offset = round((frame.pts * to_fraction(frame.time_base) - source.start_seconds) * rate)
        for converted in converter.resample(frame):
            block = converted.to_ndarray()
            left, right = max(0, offset), min(length, offset + block.shape[1])
            if left < right:
                canvas[:, left:right] = block[:, left - offset : right - offset]
                start, end = min(start, left), max(end, right)
            offset += block.shape[1]
    header_end = (_header_end(stream) - source.start_seconds) * rate
    if stream.duration and 0 < end - header_end < _CODEC_PADDING:
        end = round(header_end)
        canvas[:, max(0, end) :] = 0
    return (canvas, start, end, rate) if start < end else None


def _header_end(stream: AudioStream) -> Fraction:
    """Return the end of the audio in seconds according to the header, which may be wrong."""
    return ((stream.start_time or 0) + (stream.duration or 0)) * to_fraction(stream.time_base)


def _to_float(frame: AudioFrame) -> AudioResampler:
    # Changes the sample format, and more than two channels to two. Mono is not converted to stereo
    # here, because the resampler attenuates it by 3 dB.
    layout = frame.layout.name if frame.layout.nb_channels <= 2 else "stereo"
    return AudioResampler(format="fltp", layout=layout, rate=frame.sample_rate)


def _resample(canvas: Samples, rate: int, length: int) -> Samples:
    """Resample to 48 kHz, cut or padded to exactly `length` samples."""
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
