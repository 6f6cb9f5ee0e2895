"""A studio that makes clips with numbered frames and timed ticks, and reads films back.

Decoders do not detect a wrong join. So every frame shows its number as twelve blocks of black and
white, and the audio is a tone that continues from clip to clip, with ticks at known frames.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import imageio_ffmpeg
import numpy as np
import pytest
from av.codec.context import Flags

BITS, BLOCK, EDGE = 12, 12, 6
TICK = 72  # samples at 48 kHz


@dataclass(frozen=True)
class VideoOptions:
    """Video options of a clip."""

    size: tuple[int, int] = (160, 96)
    rate: Fraction = Fraction(24)
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    bframes: int = 3
    gop: int = 250
    x264: str = ""
    sar: Fraction = Fraction(1)
    matrix: int = 1
    """Colour tag for primaries, transfer and matrix; 2 is unspecified."""
    starts_at_seconds: float = 0.0
    missing: tuple[int, ...] = ()
    """Numbers of missing frames, which make the rate variable."""
    luma: int | None = None
    """Luma of the whole frame, in place of the number."""


@dataclass(frozen=True)
class Tone:
    """Audio options of a clip."""

    channels: int = 1
    rate: int = 48_000
    hertz: float = 220.0
    level: float = 0.2
    ticks: tuple[int, ...] = ()
    """Frames of the clip that start with a tick."""
    longer_by_seconds: float = 0.0
    late_by_seconds: float = 0.0
    """Delay of the audio."""


@dataclass
class Studio:
    """Makes clips in a folder, and reads films."""

    folder: Path
    ffmpeg: Path

    def clip(
        self,
        name: str,
        *,
        frames: int = 25,
        base: int = 0,
        video: VideoOptions = VideoOptions(),
        tone: Tone | None = Tone(),
        options: dict[str, str] | None = None,
    ) -> Path:
        """Make a clip whose frames have the numbers base, base + 1 and so on."""
        path = self.folder / name
        with av.open(str(path), "w", format="mp4", options=options or {}) as container:
            stream = self._video(container, video)
            audio = self._audio(container, tone) if tone else None
            shown = [number for number in range(frames) if number not in video.missing]
            first = round(video.starts_at_seconds * 90_000)
            for number in shown:
                image = draw(base + number, video)
                frame = av.VideoFrame.from_ndarray(image, format="yuv420p")
                frame = frame.reformat(format=video.pix_fmt)
                frame.colorspace, frame.color_range = video.matrix, 1
                frame.pts = first + round(number * 90_000 / video.rate)
                frame.time_base = Fraction(1, 90_000)
                container.mux(stream.encode(frame))
            if tone and audio:
                self._sound(container, audio, tone, base, frames)
            container.mux(stream.encode(None))
            if audio:
                container.mux(audio.encode(None))
        return path

    def chain(self, count: int, *, frames: int = 25, **same: object) -> list[Path]:
        """Make clips that each start with the last frame of the previous one."""
        return [
            self.clip(f"shot-{k}.mp4", frames=frames, base=k * (frames - 1), **same)  # type: ignore[arg-type]
            for k in range(count)
        ]

    def run(self, *arguments: str) -> str:
        """Run ffmpeg and return its stderr."""
        process = subprocess.run(
            [str(self.ffmpeg), "-hide_banner", "-nostdin", "-y", *arguments],
            check=True,
            capture_output=True,
            text=True,
        )
        return process.stderr

    def decode_errors(self, film: Path) -> str:
        """Return what ffmpeg prints when it decodes all of a film in its strictest mode."""
        strict = ("-v", "warning", "-xerror", "-err_detect", "explode")
        return self.run(*strict, "-i", str(film), "-f", "null", "-")

    def numbers(self, path: Path) -> list[int]:
        """Read the number of each frame, in display order."""
        return [read_number(image) for image in lumas(path)]

    def digests(self, path: Path) -> list[str]:
        """Return a digest of each decoded frame, in display order."""
        return [hashlib.sha256(image.tobytes()).hexdigest() for image in lumas(path)]

    def times(self, path: Path) -> list[Fraction]:
        """Return the presentation time of each frame in seconds."""
        with av.open(str(path)) as container:
            return [
                frame.pts * Fraction(frame.time_base.numerator, frame.time_base.denominator)
                for frame in container.decode(video=0)
            ]

    def samples(self, path: Path) -> np.ndarray:
        """Decode the audio: float32, shape (channels, samples), from time 0 on."""
        blocks: list[np.ndarray] = []
        with av.open(str(path)) as container:
            for frame in container.decode(audio=0):
                start = round(
                    frame.pts * 48_000 * frame.time_base.numerator / frame.time_base.denominator
                )
                assert start == sum(block.shape[1] for block in blocks), "the audio has a gap"
                blocks.append(frame.to_ndarray())
        return np.concatenate(blocks, axis=1)

    def _video(
        self, container: av.container.OutputContainer, video: VideoOptions
    ) -> av.VideoStream:
        stream = cast(av.VideoStream, container.add_stream(video.codec, rate=video.rate))
        stream.width, stream.height = video.size
        stream.pix_fmt = video.pix_fmt
        stream.time_base = Fraction(1, 90_000)
        context = stream.codec_context
        context.time_base = Fraction(1, 90_000)
        context.sample_aspect_ratio = video.sar
        context.color_primaries = context.color_trc = context.colorspace = video.matrix
        context.color_range = 1
        context.flags |= int(Flags.global_header)
        if video.codec == "libx264":
            params = f"bframes={video.bframes}:keyint={video.gop}:threads=1"
            params += f":{video.x264}" if video.x264 else ""
            context.options = {"preset": "veryfast", "crf": "20", "x264-params": params}
        elif video.codec == "libx265":
            context.options = {"preset": "ultrafast", "x265-params": "log-level=none:pools=1"}
        return stream

    def _audio(self, container: av.container.OutputContainer, tone: Tone) -> av.AudioStream:
        audio = container.add_stream("aac", rate=tone.rate)
        audio.codec_context.layout = {1: "mono", 2: "stereo"}[tone.channels]
        audio.codec_context.bit_rate = 128_000
        return audio

    def _sound(
        self,
        container: av.container.OutputContainer,
        audio: av.AudioStream,
        tone: Tone,
        base: int,
        frames: int,
    ) -> None:
        samples = synthesise(tone, base, frames)
        frame = av.AudioFrame.from_ndarray(
            samples, format="fltp", layout={1: "mono", 2: "stereo"}[tone.channels]
        )
        frame.sample_rate = tone.rate
        frame.pts = round(tone.late_by_seconds * tone.rate)
        frame.time_base = Fraction(1, tone.rate)
        container.mux(audio.encode(frame))


def draw(number: int, video: VideoOptions) -> np.ndarray:
    """Draw a moving frame with its number in it, as planes of YUV 4:2:0."""
    width, height = video.size
    image = np.full((height * 3 // 2, width), 128, np.uint8)
    if video.luma is not None:
        image[:height] = video.luma
        return image
    y, x = np.mgrid[0:height, 0:width]
    waves = np.sin((x + 2 * number) / 9) + np.sin((y - number) / 7 + x / 23)
    grain = np.random.default_rng(7).normal(0, 4, (height, width))
    image[:height] = np.clip(125 + 40 * waves + grain, 16, 235)
    chroma = image[height:].reshape(2, height // 2, width // 2)
    chroma[0] = 128 + 30 * np.sin((x[::2, ::2] + number) / 20)
    chroma[1] = 128 + 30 * np.cos((y[::2, ::2] - number) / 15)
    for bit in range(BITS):
        left = EDGE + bit * BLOCK
        image[EDGE : EDGE + BLOCK, left : left + BLOCK] = 220 if number >> bit & 1 else 32
    return image


def synthesise(tone: Tone, base: int, frames: int) -> np.ndarray:
    """Make a tone that continues over all clips, with ticks at frames of this one."""
    count = round((frames / 24 + tone.longer_by_seconds) * tone.rate)
    seconds = base / 24 + np.arange(count) / tone.rate
    samples = tone.level * np.sin(2 * np.pi * tone.hertz * seconds)
    length = round(TICK * tone.rate / 48_000)
    tick = 0.6 * np.hanning(length) * np.sin(2 * np.pi * 3000 * np.arange(length) / tone.rate)
    for frame in tone.ticks:
        start = round(frame * tone.rate / 24)
        samples[start : start + length] += tick
    return np.repeat(samples[None].astype(np.float32), tone.channels, axis=0)


def lumas(path: Path) -> Iterator[np.ndarray]:
    """Yield the luma of each frame, in display order."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="yuv420p")[: frame.height]


def read_number(luma: np.ndarray) -> int:
    """Read the number that a frame shows."""
    number = 0
    for bit in range(BITS):
        left = EDGE + bit * BLOCK
        block = luma[EDGE + 3 : EDGE + BLOCK - 3, left + 3 : left + BLOCK - 3]
        number |= int(block.mean() > 126) << bit
    return number


@pytest.fixture(scope="session")
def ffmpeg() -> Path:
    """The ffmpeg program that comes with imageio-ffmpeg."""
    return Path(imageio_ffmpeg.get_ffmpeg_exe())


@pytest.fixture(scope="session")
def four(tmp_path_factory: pytest.TempPathFactory, ffmpeg: Path) -> list[Path]:
    """Four chained clips of 121 frames with B-frames and audio; tests must not change them."""
    studio = Studio(tmp_path_factory.mktemp("four"), ffmpeg)
    return studio.chain(4, frames=121, tone=Tone(ticks=(12, 60, 100)))


@pytest.fixture
def studio(tmp_path: Path, ffmpeg: Path) -> Studio:
    """A studio that works in the folder of the test."""
    return Studio(tmp_path, ffmpeg)


@pytest.fixture
def video() -> type[VideoOptions]:
    """Return the class of the stream options of a clip."""
    return VideoOptions


@pytest.fixture
def tone() -> type[Tone]:
    """Return the class of the audio options of a clip."""
    return Tone
