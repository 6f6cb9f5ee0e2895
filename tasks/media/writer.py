"""Writes a new clip from YUV planes and audio samples: H.264 8-bit, BT.709, AAC mono, fast start.

Films joined from existing clips are written by `mux`.
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
_CRF = "21"
_AAC_SAMPLES = 1024

Plane = NDArray[np.uint8]


class ClipWriter:
    """Writes one MP4 (or MOV, by the suffix) at 24 frames per second.

    Used as a context manager. If the context ends with an exception, the file is removed. Errors of
    the encoder and of the disk are raised as MediaError, also at the end of the context.
    """

    def __init__(self, path: Path, width: int, height: int, *, audio: bool) -> None:
        if width % 2 or height % 2:
            message = f"A clip of {width}×{height} can't be written: both sides must be even"
            raise MediaError(message)
        self._path = path
        self._size = (width, height)
        self._has_audio = audio
        self._frame_count = 0
        self._sample_count = 0
        self._pending: NDArray[np.float32] = np.zeros(0, np.float32)

    def __enter__(self) -> Self:
        try:
            self._container: OutputContainer = av.open(
                str(self._path), "w", options={"movflags": "+faststart"}
            )
            self._video_stream = self._open_video()
            self._audio_stream = self._open_audio() if self._has_audio else None
        except (av.FFmpegError, OSError) as error:
            raise self._write_error(error) from error
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if error_type is not None:
            self._abandon()
            return
        try:
            self._finish()
        except (av.FFmpegError, OSError, MediaError) as error:
            self._abandon()
            raise self._write_error(error) from error

    def write_frame(self, luma: Plane, blue: Plane, red: Plane, *, intra: bool = False) -> None:
        """Append a frame as BT.709 planes in limited range.

        Args:
            luma: Height×width, both even.
            blue: Cb, half of both.
            red: Cr, half of both.
            intra: Encode it as a key frame, without reference to earlier frames.

        Raises:
            MediaError: The planes have another size, or the clip can't be written.
        """
        frame = _frame((luma, blue, red), self._size)
        frame.pts, frame.time_base = self._frame_count, FRAME_SECONDS
        if intra:
            frame.pict_type = PictureType.I
        self._frame_count += 1
        self._mux(self._video_stream.encode(frame))

    def write_samples(self, samples: NDArray[np.float32]) -> None:
        """Append mono samples from -1 to 1 at 48 kHz.

        Raises:
            MediaError: The clip was opened without audio, or can't be written.
        """
        self._pending = np.concatenate((self._pending, samples))
        complete = self._pending.size - self._pending.size % _AAC_SAMPLES
        ready, self._pending = self._pending[:complete], self._pending[complete:]
        for start in range(0, complete, _AAC_SAMPLES):
            self._encode_samples(ready[start : start + _AAC_SAMPLES])

    def _open_video(self) -> VideoStream:
        stream = self._container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        context = stream.codec_context
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        stream.time_base = context.time_base = FRAME_SECONDS
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED_RANGE
        context.gop_size = _GOP_FRAMES
        # One thread and no macroblock tree, so that the same planes give the same bytes. x264's
        # vectorised macroblock tree reads memory that it has not written: the sizes of the frames
        # depended on what the process had freed before.
        context.thread_count = 1
        context.options = {
            "preset": "veryfast",
            "crf": _CRF,
            "bf": "0",
            "forced-idr": "1",
            "mbtree": "0",
        }
        return stream

    def _open_audio(self) -> AudioStream:
        stream = self._container.add_stream("aac", rate=SAMPLES_PER_SECOND, layout="mono")
        stream.bit_rate = 96_000
        return stream

    def _encode_samples(self, samples: NDArray[np.float32]) -> None:
        if self._audio_stream is None:
            message = "This clip was opened without audio"
            raise MediaError(message)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples, np.float32).reshape(1, -1), format="fltp", layout="mono"
        )
        frame.sample_rate = SAMPLES_PER_SECOND
        frame.pts, frame.time_base = self._sample_count, Fraction(1, SAMPLES_PER_SECOND)
        self._sample_count += samples.size
        self._mux(self._audio_stream.encode(frame))

    def _mux(self, packets: Sequence[Packet[Any]]) -> None:
        try:
            self._container.mux(packets)
        except (av.FFmpegError, OSError) as error:
            raise self._write_error(error) from error

    def _finish(self) -> None:
        if not self._frame_count:
            message = f"The clip {self._path.name} was closed without a frame"
            raise MediaError(message)
        self._mux(self._video_stream.encode(None))
        if self._audio_stream is not None:
            if self._pending.size:
                self._encode_samples(self._pending)
            self._mux(self._audio_stream.encode(None))
        self._container.close()

    def _abandon(self) -> None:
        # Closing a file that can't be written fails again; the first error is raised already.
        with suppress(av.FFmpegError, OSError):
            self._container.close()
        self._path.unlink(missing_ok=True)

    def _write_error(self, error: Exception) -> MediaError:
        if isinstance(error, MediaError):
            return error
        return MediaError(f"The clip {self._path.name} could not be written: {error}")


def _frame(planes: tuple[Plane, Plane, Plane], size: tuple[int, int]) -> VideoFrame:
    width, height = size
    flat = np.concatenate([plane.ravel() for plane in planes])
    if flat.size != width * height * 3 // 2:
        message = f"The planes do not have the size of a {width}×{height} frame"
        raise MediaError(message)
    frame = av.VideoFrame.from_ndarray(flat.reshape(height * 3 // 2, width), format="yuv420p")
    frame.colorspace, frame.color_range = _BT709, _LIMITED_RANGE
    return frame
