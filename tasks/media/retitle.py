"""Writes a film again with another title and other titles of its chapters.

Its packets are copied: nothing is decoded or encoded, which takes a tenth of the time of a join.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from av.container import InputContainer
from av.stream import Stream

from tasks.film_rates import RATE_24, FilmRate
from tasks.media.container import audio_stream, open_clip, to_fraction, video_stream
from tasks.media.film_file import AUDIO_BIT_RATES, add_chapters, mux_packets, open_film
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.media.titles.caption_track import add_copied_track


def retitle(
    source: Path,
    film: Path,
    *,
    title: str,
    comment: str,
    chapter_titles: Sequence[str],
    suffix: str = ".mp4",
    rate: FilmRate = RATE_24,
) -> bool:
    """Write the film `source` to `film` with other titles.

    Args:
        source: A film that was joined here.
        film: The file to write; removed if it can't be written.
        title: Written to the file's tags.
        comment: Written to the file's tags.
        chapter_titles: The titles of its chapters.
        suffix: That of the finished film: `.mp4` or `.mov`.
        rate: The rate of the film.

    Returns:
        False, and nothing is written, if the film has another number of chapters.

    Raises:
        MediaError: The film is damaged, or can't be written.
    """
    with open_clip(source) as container:
        lengths = _chapter_frames(container, rate)
        if len(lengths) != len(chapter_titles):
            return False
        video = video_stream(container, source)
        streams: list[Stream] = [video]
        if (audio := audio_stream(container)) is not None:
            streams.append(audio)
        captions = container.streams.subtitles
        with open_film(film, suffix=suffix, rate=rate) as output:
            picture = output.add_stream_from_template(video)
            if suffix == ".mov":
                # Without the rate there is no time code track.
                picture.codec_context.framerate = rate.frames_per_second
            copies: dict[int, Stream] = {video.index: picture}
            if audio is not None:
                copies[audio.index] = output.add_stream_from_template(audio)
            tracks = [(each, add_copied_track(output, each)) for each in captions]
            output.metadata.update({"title": title, "comment": comment})
            add_chapters(output, list(zip(chapter_titles, lengths, strict=True)), rate)
            if audio is not None:
                # A declared maximum, which the copied packets do not show.
                bit_rate = AUDIO_BIT_RATES.get(audio.codec_context.channels, 0)
                copies[audio.index].codec_context.bit_rate = bit_rate
            for stream, track in tracks:
                # The captions are written first, as in a join.
                with open_clip(source) as again:
                    track.copy(again, again.streams.subtitles[captions.index(stream)])
            for packet in container.demux(*streams):
                if packet.size:
                    packet.stream = copies[packet.stream_index]
                    mux_packets(output, [packet])
    return True


def _chapter_frames(container: InputContainer, rate: FilmRate) -> list[int]:
    """Return the length of each chapter in frames at 24 per second."""
    return [
        round((chapter["end"] - chapter["start"]) * seconds * FRAMES_PER_SECOND / rate.stretch)
        for chapter in container.chapters()
        if (seconds := to_fraction(chapter["time_base"]))
    ]
