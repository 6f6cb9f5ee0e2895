"""A film whose every frame is encoded: masters for editing, and films that show frames twice.

Its frames are the composed frames of the edit, at 24 per second; they are conformed to the rate of
the film here. Films whose packets are copied are written by `join`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from av.video.frame import VideoFrame

from tasks.errors import MediaError
from tasks.film_rates import FilmRate, find_rate
from tasks.media.audio.film_sound import FilmSound, count_film_channels
from tasks.media.audio.rate_sound import ReadSamples
from tasks.media.compatibility import Coding
from tasks.media.compositor import iterate_frames
from tasks.media.encoders import (
    MasterSettings,
    PictureEncoder,
    SoundEncoder,
    choose_master_codec,
    require_encoders,
)
from tasks.media.film_file import add_chapters, open_film
from tasks.media.join import JoinResult, PreparedFilm, list_audio_sources, list_chapters
from tasks.media.titles.caption_track import write_captions


def join_master(film: PreparedFilm, path: Path, folder: Path, *, comment: str = "") -> JoinResult:
    """Write a film to exactly `path`; staging and renaming are up to the caller.

    Args:
        film: The film.
        path: The file to write; removed if it can't be written.
        folder: An existing folder for temporary files.
        comment: Written to the file's tags.

    Raises:
        MediaError: A clip can't be read, or the film can't be written.
        NotConfigured: The installed PyAV has no encoder for it.
    """
    edit, clips = film.edit, [source.clip for source in film.clips]
    channels = count_film_channels(edit, clips)
    coding = Coding(clips[0].codec, clips[0].pix_fmt)
    places = film.composition.places[: len(clips)]
    sources = list_audio_sources(film)
    settings = MasterSettings(
        choose_master_codec(edit.picture.codec, coding),
        clips[0],
        film.frames,
        find_rate(edit.picture.rate),
        channels,
        edit.title,
        comment,
        list_chapters(film.composition),
        edit.captions,
    )
    frames = iterate_frames(film.composition, film.clips)
    with FilmSound(edit, places, sources, film.frames, channels, folder) as sound:
        written = write_master(path, frames, sound.read if channels else None, settings)
        return JoinResult(
            path,
            written,
            channels,
            encoded_frames=written,
            sound=sound.report,
            stems=sound.stems,
            rate=settings.rate,
        )


def write_master(
    film: Path,
    frames: Iterable[VideoFrame],
    read_samples: ReadSamples | None,
    settings: MasterSettings,
) -> int:
    """Write a film from its composed frames, and return the number of its frames.

    Args:
        film: The file to write; removed if it can't be written.
        frames: The composed frames, at 24 per second.
        read_samples: Returns the samples of the next frames; None if the film has no sound.
        settings: Everything else.

    Raises:
        MediaError: A frame can't be made, or the film can't be written.
        NotConfigured: The installed PyAV has no encoder for it.
    """
    require_encoders(settings.codec)
    rate = settings.rate
    with open_film(film, suffix=settings.codec.suffix, rate=rate) as container:
        container.metadata.update({"title": settings.title, "comment": settings.comment})
        add_chapters(container, settings.chapters, rate)
        picture = PictureEncoder(container, settings)
        sound = SoundEncoder(container, settings, read_samples) if read_samples else None
        write_captions(container, settings.captions, settings.total_frames, rate)
        written = 0
        for frame in conform_frames(frames, settings.total_frames, rate):
            picture.encode(frame)
            written += 1
            if sound:
                sound.encode_until(written / rate.frames_per_second)
        picture.finish()
        if sound:
            sound.finish()
    return written


def conform_frames(
    frames: Iterable[VideoFrame], total_frames: int, rate: FilmRate
) -> Iterator[VideoFrame]:
    """Yield the frames of a film at a rate, from those at 24 per second.

    Raises:
        MediaError: There are too few frames.
    """
    numbered = enumerate(frames)
    position, frame = next(numbered, (-1, None))
    for number in range(rate.count_frames(total_frames)):
        while position < rate.source_frame(number, total_frames):
            position, frame = next(numbered, (total_frames, None))
        if frame is None:
            message = "the film has fewer frames than its edit"
            raise MediaError(message)
        yield frame
