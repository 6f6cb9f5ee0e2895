"""Writes a new clip from planes and samples: H.264 8-bit, bt709 tagged, AAC mono, fast start.

Pictures come in as yuv420p planes because whoever draws them works in YUV from the start. What is
cut, joined or normalised from existing clips is written elsewhere in this room.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from tasks.errors import MediaError
from tasks.media.film_format import FRAME_SECONDS, FRAMES_PER_SECOND, SAMPLES_PER_SECOND

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_BT709 = 1
_LIMITED_RANGE = 1
_GOP_FRAMES = 48
_AAC_SAMPLES = 1024

Plane = NDArray[np.uint8]


class ClipWriter:
    """Writes one MP4 (or MOV, by the suffix) at 24 frames a second; a failed one is removed.

    Planes have even sizes: luma height×width, each chroma half of both. Raises MediaError.
    """

    def __init__(
        self, path: Path, width: int, height: int, *, audio: bool, quality: int = 19
    ) -> None:
        if width % 2 or height % 2:
            message = f"A clip of {width}×{height} can't be written: both sides must be even"
            raise MediaError(message)
        self._path = path
        self._size = (width, height)
        self._audio = audio
        self._quality = quality
        self._frames = 0
        self._samples = 0
        self._pending: NDArray[np.float32] = np.zeros(0, np.float32)

    def __enter__(self) -> Self:
        try:
            self._container: OutputContainer = av.open(
                str(self._path), "w", options={"movflags": "+faststart"}
            )
            self._video = self._open_video()
            self._sound = self._open_sound() if self._audio else None
        except (av.FFmpegError, OSError) as broken:
            raise self._failed(broken) from broken
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._abandon()
            return
        try:
            self._finish()
        except (av.FFmpegError, OSError, MediaError) as broken:
            self._abandon()
            raise self._failed(broken) from broken

    def write_planes(self, luma: Plane, blue: Plane, red: Plane, *, key: bool = False) -> None:
        """Append one picture: bytes in limited range, bt709; `key` encodes it by itself."""
        frame = _frame((luma, blue, red), self._size)
        frame.pts, frame.time_base = self._frames, FRAME_SECONDS
        if key:
            frame.pict_type = PictureType.I
        self._frames += 1
        self._mux(self._video.encode(frame))

    def write_sound(self, samples: NDArray[np.float32]) -> None:
        """Append mono samples from -1 to 1 at 48 kHz."""
        self._pending = np.concatenate((self._pending, samples))
        whole = self._pending.size - self._pending.size % _AAC_SAMPLES
        ready, self._pending = self._pending[:whole], self._pending[whole:]
        for start in range(0, whole, _AAC_SAMPLES):
            self._encode_sound(ready[start : start + _AAC_SAMPLES])

    def _open_video(self) -> VideoStream:
        stream = self._container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        context = stream.codec_context
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        stream.time_base = context.time_base = FRAME_SECONDS
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED_RANGE
        context.gop_size = _GOP_FRAMES
        # One thread: the same planes give the same bytes on every machine.
        context.thread_count = 1
        context.options = {
            "preset": "veryfast",
            "crf": str(self._quality),
            "bf": "0",
            "forced-idr": "1",
        }
        return stream

    def _open_sound(self) -> AudioStream:
        stream = self._container.add_stream("aac", rate=SAMPLES_PER_SECOND, layout="mono")
        stream.bit_rate = 96_000
        return stream

    def _encode_sound(self, samples: NDArray[np.float32]) -> None:
        if self._sound is None:
            message = "This clip was opened without sound"
            raise MediaError(message)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples, np.float32).reshape(1, -1), format="fltp", layout="mono"
        )
        frame.sample_rate = SAMPLES_PER_SECOND
        frame.pts, frame.time_base = self._samples, Fraction(1, SAMPLES_PER_SECOND)
        self._samples += samples.size
        self._mux(self._sound.encode(frame))

    def _mux(self, packets: Sequence[Packet[Any]]) -> None:
        try:
            self._container.mux(packets)
        except (av.FFmpegError, OSError) as broken:
            raise self._failed(broken) from broken

    def _finish(self) -> None:
        if not self._frames:
            message = f"The clip {self._path.name} was closed without a picture in it"
            raise MediaError(message)
        self._mux(self._video.encode(None))
        if self._sound is not None:
            if self._pending.size:
                self._encode_sound(self._pending)
            self._mux(self._sound.encode(None))
        self._container.close()

    def _abandon(self) -> None:
        # What went wrong is on its way already; closing what can't be written fails again.
        with suppress(av.FFmpegError, OSError):
            self._container.close()
        self._path.unlink(missing_ok=True)

    def _failed(self, broken: Exception) -> MediaError:
        if isinstance(broken, MediaError):
            return broken
        return MediaError(f"The clip {self._path.name} could not be written: {broken}")


def _frame(planes: tuple[Plane, Plane, Plane], size: tuple[int, int]) -> VideoFrame:
    width, height = size
    flat = np.concatenate([plane.ravel() for plane in planes])
    if flat.size != width * height * 3 // 2:
        message = f"The planes do not make a picture of {width}×{height}"
        raise MediaError(message)
    frame = av.VideoFrame.from_ndarray(flat.reshape(height * 3 // 2, width), format="yuv420p")
    frame.colorspace, frame.color_range = _BT709, _LIMITED_RANGE
    return frame
