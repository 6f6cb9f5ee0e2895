"""The audio track of a film: AAC from a single encoder, appended clip by clip.

What sounds in it is decided in `film_sound`.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer

from tasks.media.audio.reader import Samples
from tasks.media.film_file import AUDIO_BIT_RATES, mux_packets
from tasks.media.film_format import SAMPLES_PER_SECOND

LAYOUTS = {1: "mono", 2: "stereo"}
# At this rate the bits that these tools save are not needed, and they take time: a quarter for two
# different channels, and most of it for two equal ones, as a mono clip has in a film in stereo.
# The error of film-like noise is 2 dB lower without them than at 160 kbit/s per channel with them.
_AAC_OPTIONS = {"aac_coder": "fast", "aac_is": "0", "aac_ms": "0", "aac_pns": "0", "aac_tns": "0"}


class AudioTrack:
    """The audio track of a film that is written."""

    def __init__(self, container: OutputContainer, channels: int) -> None:
        self._container = container
        self._position = 0
        self._stream: AudioStream = container.add_stream("aac", rate=SAMPLES_PER_SECOND)
        self._stream.codec_context.layout = LAYOUTS[channels]
        self._stream.codec_context.bit_rate = AUDIO_BIT_RATES[channels]
        self._stream.codec_context.options = dict(_AAC_OPTIONS)

    def append(self, samples: Samples) -> None:
        """Append samples: float32, shape (channels, samples).

        Raises:
            MediaError: The film can't be written.
        """
        frame = to_frame(samples, self._position)
        self._position += samples.shape[1]
        mux_packets(self._container, self._stream.encode(frame))

    def finish(self) -> None:
        """Flush the encoder.

        Raises:
            MediaError: The film can't be written.
        """
        mux_packets(self._container, self._stream.encode(None))


def to_frame(samples: Samples, position: int) -> AudioFrame:
    """Return samples as a frame of PyAV.

    Args:
        samples: The samples.
        position: The number of the first one.
    """
    block = np.ascontiguousarray(samples)
    frame = AudioFrame.from_ndarray(block, format="fltp", layout=LAYOUTS[len(block)])
    frame.sample_rate, frame.pts = SAMPLES_PER_SECOND, position
    frame.time_base = Fraction(1, SAMPLES_PER_SECOND)
    return frame
