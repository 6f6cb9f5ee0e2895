"""The frame-exact join of clips to a film.

Packets are copied wherever the film shows the frames of a clip unchanged; `split` finds them.
The spans in between are encoded: ends of ranges, transitions, fades, and what overlays touch.
Clips that do not match are converted by `convert` before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.edit import FilmEdit, PictureEdit
from tasks.errors import MediaError
from tasks.film_rates import RATE_24, FilmRate, find_rate
from tasks.media.audio.clip_sound import AudioSource
from tasks.media.audio.encoded_sound import CopiedAudioTrack, EncodedSound, encode_film_sound
from tasks.media.audio.film_sound import count_film_channels
from tasks.media.compatibility import choose_target, find_mismatches
from tasks.media.composition import Composition, compose
from tasks.media.compositor import ClipPictures, Compositor
from tasks.media.film_file import add_chapters, open_film
from tasks.media.mux import VideoTrack
from tasks.media.probe import Clip
from tasks.media.reencode import encode_span, span_form, span_key
from tasks.media.split import EncodedSpan, Piece, split_film
from tasks.media.titles.caption_track import write_captions
from tasks.media.titles.overlays import Overlay, list_overlays
from tasks.sound_report import SoundReport

if TYPE_CHECKING:
    from tasks.store.edit_cache import CacheEntry, EditCache

WORKERS = 2
"""Threads that encode spans at the same time."""


@dataclass(frozen=True)
class PreparedFilm:
    """A film that is ready to be joined; it holds neither packets nor sound of the clips."""

    composition: Composition
    clips: tuple[ClipPictures, ...]
    pieces: tuple[Piece, ...]

    @property
    def edit(self) -> FilmEdit:
        """The edit, with the last clip cut to the film's length."""
        return self.composition.edit

    @property
    def frames(self) -> int:
        """The number of frames, 24 per second."""
        return self.composition.total_frames

    @property
    def spans(self) -> tuple[EncodedSpan, ...]:
        """The frames that are encoded."""
        return tuple(piece for piece in self.pieces if isinstance(piece, EncodedSpan))


@dataclass(frozen=True)
class JoinResult:
    """A joined film."""

    path: Path
    frames: int
    """Number of frames at its rate."""
    channels: int
    """2 stereo, 1 mono, 0 without an audio track."""
    spans: tuple[EncodedSpan, ...] = ()
    """The frames that are not packets of the clips."""
    encoded_frames: int = 0
    """Number of frames that were encoded now."""
    reused_spans: int = 0
    """Number of spans that had been encoded for an earlier film."""
    sound: SoundReport | None = None
    """None without a loudness to reach."""
    stems: tuple[Path, ...] = ()
    """Files in the folder for temporary files."""
    rate: FilmRate = RATE_24

    @property
    def reencoded_frames(self) -> tuple[int, ...]:
        """Numbers of the frames that are not packets of the clips."""
        return tuple(
            number for span in self.spans for number in range(span.first_frame, span.end_frame)
        )

    @property
    def duration_seconds(self) -> float:
        """Duration of the film."""
        return float(self.frames / self.rate.frames_per_second)


def prepare_film(edit: FilmEdit, clips: Sequence[ClipPictures]) -> PreparedFilm:
    """Find out what of a film is copied and what is encoded, without decoding anything.

    Args:
        edit: The film.
        clips: Its clips in order.

    Raises:
        MediaError: The clips do not match, are too short for the edit, or there is none; or an
            overlay does not fit into the picture.
    """
    _require_match(clips)
    composition = compose(edit, [source.clip.frames for source in clips])
    composition = replace(composition, overlays=_list_overlays(composition, clips[0]))
    pieces = split_film(composition, [source.timeline for source in clips])
    return PreparedFilm(composition, tuple(clips), pieces)


def encode_spans(film: PreparedFilm, cache: EditCache) -> dict[EncodedSpan, CacheEntry]:
    """Encode the spans of a film that the cache does not have.

    Raises:
        MediaError: A frame can't be decoded or encoded.
    """
    entries: dict[EncodedSpan, CacheEntry] = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        for encoded in pool.map(lambda spans: _encode(film, spans, cache), _group(film)):
            entries.update(encoded)
    return entries


def join(
    film: PreparedFilm, path: Path, cache: EditCache, folder: Path, *, comment: str = ""
) -> JoinResult:
    """Write a film to exactly `path`; staging and renaming are up to the caller.

    Args:
        film: The film.
        path: The file to write; removed if the join fails.
        cache: Has the encoded spans.
        folder: An existing folder for temporary files.
        comment: Written to the file's tags.

    Raises:
        MediaError: A clip can't be read, or the film can't be written.
    """
    clips, edit = [source.clip for source in film.clips], film.edit
    rate = find_rate(edit.picture.rate)
    channels = count_film_channels(edit, clips)
    places = film.composition.places[: len(clips)]
    sources = list_audio_sources(film)

    def encode_sound() -> EncodedSound | None:
        if not channels:
            return None
        frames = film.frames
        return encode_film_sound(edit, places, sources, frames, channels, cache, folder, rate=rate)

    with ThreadPoolExecutor(1) as pool:
        # At the same time as the pictures.
        encoding = pool.submit(encode_sound)
        entries = encode_spans(film, cache)
        sound = encoding.result()
    with ExitStack() as stack:
        container = stack.enter_context(open_film(path, rate=rate))
        video = VideoTrack(container, film.clips, film.pieces, _paths(entries), rate)
        audio = CopiedAudioTrack(container, sound.path) if sound else None
        if audio:
            stack.callback(audio.close)
        container.metadata.update({"title": edit.title, "comment": comment})
        add_chapters(container, list_chapters(film.composition), rate)
        write_captions(container, edit.captions, film.frames, rate)
        position = 0
        for piece in film.pieces:
            for frames in video.append(piece):
                position += frames
                if audio:
                    audio.copy_until(rate.duration(position))
        if audio:
            audio.copy_until(None)
    new = [span for span, entry in entries.items() if entry.is_new]
    return JoinResult(
        path,
        rate.count_frames(film.frames),
        channels,
        film.spans,
        encoded_frames=sum(span.frames for span in new),
        reused_spans=len(entries) - len(new),
        sound=sound.report if sound else None,
        stems=sound.stems if sound else (),
        rate=rate,
    )


def list_chapters(composition: Composition) -> list[tuple[str, int]]:
    """Return the title and the number of frames of each chapter of a film."""
    clips = composition.edit.clips
    begins = [
        (clip.chapter_title, place.first_frame)
        for clip, place in zip(clips, composition.places, strict=False)
        if clip.chapter_title is not None
    ]
    ends = [first for _, first in begins[1:]] + [composition.total_frames]
    # Frames before the first title belong to it.
    starts = [0, *ends[:-1]]
    return [
        (title, end - start) for (title, _), start, end in zip(begins, starts, ends, strict=True)
    ]


def list_audio_sources(film: PreparedFilm) -> list[AudioSource]:
    """Return the sound of each clip of a film."""
    return [
        AudioSource(
            path=source.clip.path,
            frames=source.clip.frames,
            start_seconds=source.timeline.first_time * source.timeline.time_base,
            has_audio=source.clip.has_audio,
        )
        for source in film.clips
    ]


def _encode(
    film: PreparedFilm, spans: Sequence[EncodedSpan], cache: EditCache
) -> dict[EncodedSpan, CacheEntry]:
    """Encode consecutive spans, so that their clips are opened once."""
    composition, entries = film.composition, {}
    with closing(Compositor(composition, film.clips)) as compositor:
        for span in spans:
            form = span_form(span, composition, film.clips)

            def make(path: Path, span: EncodedSpan = span, form: Clip = form) -> None:
                numbers = range(span.first_frame, span.end_frame)
                encode_span(map(compositor.make_frame, numbers), form, path)

            key = span_key(span, composition, film.clips)
            entries[span] = cache.get(key, form.codec, make)
    return entries


def _group(film: PreparedFilm) -> list[list[EncodedSpan]]:
    """Return the spans in groups; the spans of a group are made by one thread, in order.

    Spans that follow each other share clips, which are decoded in order. A clip that begins with a
    cut begins another group.
    """
    places = film.composition.places
    begins = {place.first_frame for place in places if not place.overlap}
    groups: list[list[EncodedSpan]] = []
    end = None
    for span in film.spans:
        if span.first_frame != end or span.first_frame in begins:
            groups.append([])
        groups[-1].append(span)
        end = span.end_frame
    return groups


def _paths(entries: Mapping[EncodedSpan, CacheEntry]) -> dict[EncodedSpan, Path]:
    return {span: entry.path for span, entry in entries.items()}


def _list_overlays(composition: Composition, source: ClipPictures) -> tuple[Overlay, ...]:
    edit, clip = composition.edit, source.clip
    places = composition.places[: len(edit.clips)]
    return list_overlays(edit, places, clip.width, clip.height)


def _require_match(clips: Sequence[ClipPictures]) -> None:
    target = choose_target([source.clip for source in clips], PictureEdit(codec="keep"))
    for clip, _, _ in clips:
        if reasons := find_mismatches(clip, target):
            message = f"{clip.path} can't be joined without conversion: it {' and '.join(reasons)}"
            raise MediaError(message)
