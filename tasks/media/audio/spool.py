"""Sound in a temporary file, for what has to be read several times, such as a film's mix."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from tasks.errors import MediaError
from tasks.media.audio.reader import Samples
from tasks.media.film_format import SAMPLES_PER_SECOND

_SAMPLE_BYTES = 4


class SoundSpool:
    """Sound that is written once and read repeatedly, in blocks of a second."""

    def __init__(self, blocks: Iterable[Samples], channels: int, folder: Path) -> None:
        """Write the sound.

        Args:
            blocks: The sound.
            channels: 1 or 2.
            folder: Where the file is; the system removes it, even if the program is killed.

        Raises:
            MediaError: The file can't be written.
        """
        self._channels = channels
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
            for block in blocks:
                self._file.write(np.ascontiguousarray(block.T, np.float32).data)
        except OSError as error:
            message = f"The sound of the film can't be written to {folder}: {error.strerror}"
            raise MediaError(message) from error

    def read(self) -> Iterator[Samples]:
        """Yield the sound from its beginning."""
        self._file.seek(0)
        while data := self._file.read(SAMPLES_PER_SECOND * self._channels * _SAMPLE_BYTES):
            samples = np.frombuffer(data, np.float32).reshape(-1, self._channels)
            yield np.ascontiguousarray(samples.T)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()
