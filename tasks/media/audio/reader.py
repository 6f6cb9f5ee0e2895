"""Reads the sound of a file from any sample on, in blocks, at 48 kHz.

Samples are float32, shape (channels, samples), and are placed by their timestamps. What is read
where in a film is decided in `clip_sound` and `music`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from tasks.errors import MediaError
from tasks.media.audio.files import damaged
from tasks.media.container import to_fraction
from tasks.media.film_format import SAMPLES_PER_SECOND

# Codecs pad the last block, by up to twice 1024 samples, and the header has the real end. If the
# two differ by more, the header is wrong and the decoded samples count.
_CODEC_PADDING = 2048

# Before a point in the middle of a long clip, so that the decoder has settled there.
_PRE_ROLL_SECONDS = 1
_MIN_SEEK_SECONDS = 10

Samples = NDArray[np.float32]
Decode = Callable[[InputContainer, AudioStream], Iterator[AudioFrame]]


class AudioReader:
    """The sound of a file, read once from `first` on; zeros before and after it."""

    def __init__(
        self,
        container: InputContainer,
        stream: AudioStream | None,
        path: Path,
        channels: int,
        *,
        decode: Decode = InputContainer.decode,
        zero: Fraction | None = None,
        first: int = 0,
    ) -> None:
        """Prepare to read; nothing is decoded yet.

        Args:
            container: The open file, which `close` closes.
            stream: Its sound; None is silence.
            path: Named in errors.
            decode: Decodes the stream.
            channels: 1 or 2.
            zero: The timestamp of sample 0; None is the first sample of the file.
            first: The sample that is read first.
        """
        self._container = container
        self.path = path
        self._channels = channels
        self._decode_frames = decode
        self._zero = zero
        self._first = first
        self._buffer: deque[Samples] = deque()
        self._buffered = 0
        self._position = 0
        self.start: int | None = None
        """The first sample with sound, counted from `first`; None if it is not known yet."""
        self.end: int | None = 0 if stream is None else None
        """The end of the sound, counted from `first`; None if it is not known yet."""
        self._blocks = self._decode(stream) if stream is not None else iter(())

    @property
    def available(self) -> int:
        """Number of samples that are decoded already."""
        return self._buffered

    def look_ahead(self, count: int) -> None:
        """Decode the next `count` samples, so that `start` and `end` are known if they are there.

        Raises:
            MediaError: The sound can't be decoded.
        """
        while self.end is None and self._buffered < count:
            block = self._next_block()
            if block is None:
                self.end = self._position + self._buffered
            elif block.shape[1]:
                self._buffer.append(block)
                self._buffered += block.shape[1]

    def read(self, count: int) -> Samples:
        """Return the next samples, zeros before and after the sound.

        Raises:
            MediaError: The sound can't be decoded.
        """
        self.look_ahead(count)
        samples = np.zeros((self._channels, count), np.float32)
        filled = 0
        while filled < count and self._buffer:
            block = self._buffer.popleft()
            taken = min(count - filled, block.shape[1])
            samples[:, filled : filled + taken] = block[:, :taken]
            if taken < block.shape[1]:
                self._buffer.appendleft(block[:, taken:])
            filled += taken
        self._buffered -= filled
        self._position += count
        return samples

    def close(self) -> None:
        """Close the file."""
        self._buffer.clear()
        self._container.close()

    def _next_block(self) -> Samples | None:
        """Return more samples, or None at the end.

        Raises:
            MediaError: The sound can't be decoded.
        """
        try:
            return next(self._blocks, None)
        except av.FFmpegError as error:
            seconds = (self._first + self._position + self._buffered) / SAMPLES_PER_SECOND
            raise damaged(self.path, error, seconds) from error
        except ValueError as error:
            message = f"{self.path} changes its audio format midway, which is not supported"
            raise MediaError(message) from error

    def _decode(self, stream: AudioStream) -> Iterator[Samples]:
        """Yield the sound from `first` on at 48 kHz, zeros before it begins."""
        self._seek(stream)
        frames = self._decode_frames(self._container, stream)
        first = next(frames, None)
        if first is None:
            return
        rate = first.sample_rate
        if self._zero is None:
            self._zero = _time_of(first) or Fraction(0)
        blocks = self._place(chain([first], frames), rate, self._zero)
        if "mov" in self._container.format.name and stream.duration:
            end = (_header_end(stream) - self._zero) * rate
            blocks = _drop_padding(blocks, round(end) - self._first_at(rate))
        if rate != SAMPLES_PER_SECOND:
            blocks = _resample(blocks, rate)
        for block in blocks:
            yield _with_channels(block, self._channels)

    def _first_at(self, rate: int) -> int:
        """Return the sample that is read first, counted at another rate."""
        return self._first * rate // SAMPLES_PER_SECOND

    def _place(self, frames: Iterator[AudioFrame], rate: int, zero: Fraction) -> Iterator[Samples]:
        """Yield the samples of frames in their places, at the rate of the file."""
        first = position = self._first_at(rate)
        for offset, block in _number(frames, rate, zero):
            while position < offset:
                gap = min(rate, offset - position)
                yield np.zeros((len(block), gap), np.float32)
                position += gap
            # Samples before the first one, and repeated ones, are left out.
            new = block[:, position - offset :]
            if not new.shape[1]:
                continue
            if self.start is None:
                self.start = round(Fraction((position - first) * SAMPLES_PER_SECOND, rate))
            yield new
            position += new.shape[1]

    def _seek(self, stream: AudioStream) -> None:
        seconds = Fraction(self._first, SAMPLES_PER_SECOND)
        if self._zero is None or seconds < _MIN_SEEK_SECONDS:
            return
        time = self._zero + seconds - _PRE_ROLL_SECONDS
        self._container.seek(int(time / to_fraction(stream.time_base)), stream=stream)


def _number(
    frames: Iterator[AudioFrame], rate: int, zero: Fraction
) -> Iterator[tuple[int, Samples]]:
    """Yield the samples of each frame with the number of the first one, counted from `zero`."""
    clock: _Clock | None = None
    expected = 0
    for frame, block in _to_float(frames):
        offset = expected
        if frame.pts is not None:
            is_first = clock is None
            clock = clock or _Clock(to_fraction(frame.time_base) * rate, zero * rate)
            number = clock.find_sample(frame.pts)
            # Timestamps may be coarser than samples: those of Matroska have milliseconds.
            if is_first or abs(number - expected) > clock.tick_samples:
                offset = number
        yield offset, block
        expected = offset + block.shape[1]


class _Clock:
    """Converts timestamps to numbers of samples, in integers since it does so for each frame."""

    def __init__(self, samples_per_tick: Fraction, zero: Fraction) -> None:
        self.tick_samples = math.ceil(samples_per_tick)
        self._divisor = math.lcm(samples_per_tick.denominator, zero.denominator)
        self._factor = int(samples_per_tick * self._divisor)
        self._zero = int(zero * self._divisor)

    def find_sample(self, pts: int) -> int:
        """Return the sample nearest to a timestamp."""
        return (2 * (pts * self._factor - self._zero) + self._divisor) // (2 * self._divisor)


def _time_of(frame: AudioFrame) -> Fraction | None:
    if frame.pts is None or not frame.time_base:
        return None
    return frame.pts * to_fraction(frame.time_base)


def _to_float(frames: Iterator[AudioFrame]) -> Iterator[tuple[AudioFrame, Samples]]:
    """Yield each frame with its samples as float32, more than two channels mixed to two.

    Mono is not converted to stereo here, because the resampler attenuates it by 3 dB.

    Raises:
        ValueError: The format changes.
    """
    first = next(frames)
    rate, form = first.sample_rate, (first.format.name, first.layout.name)
    layout = first.layout.name if first.layout.nb_channels <= 2 else "stereo"
    is_plain = form == ("fltp", layout)
    resampler = AudioResampler(format="fltp", layout=layout, rate=rate)
    for frame in chain([first], frames):
        if frame.sample_rate != rate or (frame.format.name, frame.layout.name) != form:
            msg = "the format changes"
            raise ValueError(msg)
        for converted in [frame] if is_plain else resampler.resample(frame):
            yield frame, to_array(converted)


def to_array(frame: AudioFrame) -> Samples:
    """Return the samples of a frame of float32."""
    samples: Samples = np.asarray(frame.to_ndarray(), np.float32)
    return samples


def _drop_padding(blocks: Iterator[Samples], end: int) -> Iterator[Samples]:
    """Yield blocks up to the end that the header has, and what follows if it is more than padding.

    Args:
        blocks: The samples.
        end: Number of samples before the end.
    """
    position, held, held_samples = 0, list[Samples](), 0
    for block in blocks:
        if position + block.shape[1] <= end:
            position += block.shape[1]
            yield block
            continue
        inside = min(max(0, end - position), block.shape[1])
        position += block.shape[1]
        if held_samples >= _CODEC_PADDING:
            yield block
            continue
        if inside:
            yield block[:, :inside]
        held.append(block[:, inside:])
        held_samples += block.shape[1] - inside
        if held_samples >= _CODEC_PADDING:
            yield from held
            held.clear()


def _resample(blocks: Iterator[Samples], rate: int) -> Iterator[Samples]:
    """Yield blocks at 48 kHz."""
    resampler, position = None, 0
    for block in blocks:
        layout = "mono" if len(block) == 1 else "stereo"
        resampler = resampler or AudioResampler("fltp", layout, SAMPLES_PER_SECOND)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, position, Fraction(1, rate)
        position += block.shape[1]
        for resampled in resampler.resample(frame):
            yield to_array(resampled)
    if resampler is not None:
        for resampled in resampler.resample(None):
            yield to_array(resampled)


def _header_end(stream: AudioStream) -> Fraction:
    """Return the end of the sound in seconds according to the header, which may be wrong."""
    return ((stream.start_time or 0) + (stream.duration or 0)) * to_fraction(stream.time_base)


def _with_channels(samples: Samples, channels: int) -> Samples:
    if len(samples) == channels:
        return samples
    if len(samples) == 1:
        return np.repeat(samples, channels, axis=0)
    mixed: Samples = samples.mean(axis=0, keepdims=True)
    return mixed
