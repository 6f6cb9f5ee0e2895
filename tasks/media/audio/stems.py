"""Stems: the music, the voices and the sound of the clips of a film, each as a WAV file.

48 kHz, 24 bits, of exactly the film's length. Their sum is the mix of the film before its loudness
is set: gains, fades and ducking are in them, the limiter is not.
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from tasks.errors import MediaError
from tasks.media.audio.reader import Samples
from tasks.media.film_format import SAMPLES_PER_SECOND

_SAMPLE_BYTES = 3
_FULL_SCALE = 2**23 - 1


class StemWriter:
    """Writes one stem."""

    def __init__(self, path: Path, channels: int) -> None:
        """Create the file.

        Raises:
            MediaError: It can't be written.
        """
        self.path = path
        try:
            self._file = wave.open(str(path), "wb")  # noqa: SIM115
        except OSError as error:
            raise self._error(error) from error
        self._file.setnchannels(channels)
        self._file.setsampwidth(_SAMPLE_BYTES)
        self._file.setframerate(SAMPLES_PER_SECOND)

    def write(self, samples: Samples) -> None:
        """Append samples; those above full scale are clipped.

        Raises:
            MediaError: The file can't be written, or becomes larger than a WAV file can be.
        """
        values = np.rint(np.clip(samples.T, -1, 1) * np.float64(_FULL_SCALE)).astype("<i4")
        data = np.ascontiguousarray(values).view(np.uint8).reshape(-1, 4)[:, :_SAMPLE_BYTES]
        try:
            self._file.writeframesraw(data.tobytes())
        except (OSError, wave.Error) as error:
            raise self._error(error) from error

    def close(self) -> None:
        """Complete the header.

        Raises:
            MediaError: The file can't be written.
        """
        try:
            self._file.close()
        except (OSError, wave.Error) as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> MediaError:
        reason = error.strerror if isinstance(error, OSError) else error
        return MediaError(f"The stem {self.path.name} can't be written: {reason}")
