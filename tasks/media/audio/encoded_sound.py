"""The sound of a film as it was encoded, kept by content like encoded spans of pictures.

Another title, or another version with the same cuts, copies its packets: nothing is decoded, mixed,
measured or encoded again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from tasks.edit import ClipPlace, FilmEdit
from tasks.errors import MediaError
from tasks.film_rates import RATE_24, FilmRate
from tasks.media.audio.clip_sound import AudioSource
from tasks.media.audio.film_sound import FilmSound
from tasks.media.audio.rate_sound import RateSound
from tasks.media.audio.track import AudioTrack
from tasks.media.container import audio_stream, open_clip, open_clip_file, to_fraction
from tasks.media.film_file import AUDIO_BIT_RATES, mux_packets, open_film
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.sound_report import SoundReport, read_sound_report

if TYPE_CHECKING:
    from tasks.store.edit_cache import EditCache

_FORMAT_VERSION = 1
"""Part of the key: another number lets every sound be encoded again."""

_BLOCK_FRAMES = 10 * FRAMES_PER_SECOND


class EncodedSound(NamedTuple):
    """The encoded sound of a film."""

    path: Path
    """An MP4 file with the sound alone."""
    report: SoundReport | None
    """None without a loudness to reach."""
    stems: tuple[Path, ...] = ()
    """Files in the folder, if the edit asks for stems."""


def encode_film_sound(
    edit: FilmEdit,
    places: Sequence[ClipPlace],
    sources: Sequence[AudioSource],
    frames: int,
    channels: int,
    cache: EditCache,
    folder: Path,
    *,
    rate: FilmRate = RATE_24,
) -> EncodedSound:
    """Return the sound of a film, encoded now or for an earlier film.

    Stems are mixed with the sound, so that a film with stems is always mixed.

    Args:
        edit: The film.
        places: The place of each clip.
        sources: The file of each clip, as it is joined.
        frames: Frames of the film at 24 per second, its card included.
        channels: 1 or 2.
        cache: Has the sound of earlier films.
        folder: An existing folder for temporary files and stems.
        rate: The rate of the film.

    Raises:
        MediaError: A file can't be decoded, or the loudness can't be reached.
        StoreError: There is no space for the sound.
    """
    stems: tuple[Path, ...] = ()

    def make(path: Path) -> None:
        nonlocal stems
        with FilmSound(edit, places, sources, frames, channels, folder) as sound:
            _write(sound, path, frames, channels, rate)
            stems = sound.stems

    if edit.sound.stems:
        path = folder / "sound.mp4"
        make(path)
    else:
        key = _compute_key(edit, places, sources, frames, channels, rate)
        path = cache.get(key, "mp4", make).path
    return EncodedSound(path, _read_report(path), stems)


class CopiedAudioTrack:
    """The audio track of a film that is written, with packets of a sound that is encoded."""

    def __init__(self, container: OutputContainer, path: Path) -> None:
        """Add the track; nothing is copied yet.

        Raises:
            MediaError: The sound can't be read.
        """
        self._container = container
        self._source = open_clip_file(path)
        stream = audio_stream(self._source)
        if stream is None:
            message = f"{path} has no sound; run again"
            raise MediaError(message)
        self._stream = container.add_stream_from_template(stream)
        # A declared maximum, which the copied packets do not show.
        self._stream.codec_context.bit_rate = AUDIO_BIT_RATES[stream.codec_context.channels]
        self._seconds_per_tick = to_fraction(stream.time_base)
        self._packets: Iterator[Packet[Stream]] = iter(self._source.demux([stream]))

    def copy_until(self, seconds: Fraction | None) -> None:
        """Copy the packets up to a time, or the rest.

        Raises:
            MediaError: The film can't be written.
        """
        for packet in self._packets:
            if not packet.size:
                continue
            time = (packet.pts or 0) * self._seconds_per_tick
            packet.stream = self._stream
            mux_packets(self._container, [packet])
            if seconds is not None and time >= seconds:
                return

    def close(self) -> None:
        """Close the sound."""
        self._source.close()


def _write(sound: FilmSound, path: Path, frames: int, channels: int, rate: FilmRate) -> None:
    """Write the sound of a film to a file."""
    sound.prepare()
    with open_film(path, rate=rate) as container:
        report = sound.report
        container.metadata["comment"] = json.dumps(report.to_record() if report else None)
        if sound.encoded is not None and rate == RATE_24:
            track = CopiedAudioTrack(container, sound.encoded)
            track.copy_until(None)
            track.close()
            return
        samples = RateSound(sound.read, frames, rate, channels)
        encoder = AudioTrack(container, channels)
        while samples.unread_frames:
            encoder.append(samples.read(_BLOCK_FRAMES))
        encoder.finish()


def _read_report(path: Path) -> SoundReport | None:
    with open_clip(path) as container:
        return _parse_report(container)


def _parse_report(container: InputContainer) -> SoundReport | None:
    try:
        return read_sound_report(json.loads(container.metadata.get("comment", "null")))
    except ValueError:
        return None


def _compute_key(
    edit: FilmEdit,
    places: Sequence[ClipPlace],
    sources: Sequence[AudioSource],
    frames: int,
    channels: int,
    rate: FilmRate,
) -> str:
    """Return a digest of everything that changes the sound."""
    parts = [
        _FORMAT_VERSION,
        edit.sound_identity(),
        [list(place) for place in places],
        [[source.frames, str(source.start_seconds), source.has_audio] for source in sources],
        frames,
        channels,
        str(rate),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
