"""Edited films: ranges, transitions, fades and overlays, exact to the frame, with little encoded.

Each frame shows its number. Everything that is not encoded is compared packet by packet.
"""

from __future__ import annotations

import hashlib
import itertools
import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tasks.edit import CardEdit, EditClip, FilmEdit, Title, Transition, TransitionKind
from tasks.errors import MediaError
from tasks.media.compositor import iterate_frames
from tasks.media.join import JoinResult
from tasks.media.probe import probe
from tests.support.film_joins import chain_edit, join_edit, make_clip, prepare_edit

CROSSFADE, BLACK, WHITE = TransitionKind


def with_transition(clips: list[Path], seam: int, transition: Transition) -> FilmEdit:
    """Return the edit of chained clips with a transition into clip `seam`; nothing drops there."""
    edit = chain_edit(clips)
    parts = list(edit.clips)
    parts[seam - 1] = replace(parts[seam - 1], drop_last_frame=False)
    parts[seam] = replace(parts[seam], transition=transition)
    return replace(edit, clips=tuple(parts))


def planes(path: Path) -> list[np.ndarray]:
    """Return all planes of each frame of a film, in display order."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray().astype(np.int16) for frame in container.decode(video=0)]


def packets(path: Path) -> dict[int, bytes]:
    """Return the data of each video packet by the number of its frame, parameter sets excluded."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = {packet.pts: bytes(packet) for packet in container.demux(stream) if packet.size}
    return {number: strip_sets(times[pts]) for number, pts in enumerate(sorted(times))}


def strip_sets(data: bytes) -> bytes:
    """Return the pictures of a packet in MP4 format."""
    offset, parts = 0, []
    while offset < len(data):
        (length,) = struct.unpack_from(">I", data, offset)
        unit = data[offset + 4 : offset + 4 + length]
        if 1 <= unit[0] & 31 <= 5:
            parts.append(unit)
        offset += 4 + length
    return b"".join(parts)


def assert_evenly_timed(studio: Any, film: JoinResult) -> None:
    """Assert that a film has its frames at even times, and that ffmpeg decodes it silently."""
    times = studio.times(film.path)
    assert len(times) == film.frames
    assert times[0] == 0
    assert {b - a for a, b in itertools.pairwise(times)} <= {Fraction(1, 24)}
    assert studio.decode_errors(film.path) == ""


def assert_copied(film: JoinResult, edit: FilmEdit) -> None:
    """Assert that every frame that was not encoded is the packet of its clip."""
    prepared, copies = prepare_edit(edit), packets(film.path)
    encoded = set(film.reencoded_frames)
    sources = {clip.file.path: packets(clip.file.path) for clip in edit.clips}
    assert len(encoded) < film.frames
    for number in set(range(film.frames)) - encoded:
        picture = prepared.composition.recipe(number).plain_picture
        source = sources[edit.clips[picture.clip].file.path]
        assert copies[number] == source[picture.frame], number


def sync_samples(path: Path) -> list[int]:
    """Return the numbers of the packets that a player may seek to, in decode order."""
    data = path.read_bytes()
    offset = data.index(b"stss") + 8
    count = int.from_bytes(data[offset : offset + 4], "big")
    return [number - 1 for number in struct.unpack_from(f">{count}I", data, offset + 4)]


def test_one_crossfade_of_four_clips(studio: Any, four: list[Path], tmp_path: Path) -> None:
    """4x121 frames are 481; the crossfade drops nothing at its seam and overlaps 12 frames: 470."""
    edit = with_transition(four, 2, Transition(CROSSFADE, 12))
    film = join_edit(edit, tmp_path / "film.mp4", store=tmp_path / "store")
    assert film.frames == 470
    assert_evenly_timed(studio, film)
    assert_copied(film, edit)
    # The ends of three chained clips, the crossfade, and the rest of the group that it touches.
    touched = range(241 - 12 - 3, 241 - 12 + 121)
    assert len(set(film.reencoded_frames) - set(touched)) <= 6

    first, second, shown = planes(four[1]), planes(four[2]), planes(film.path)
    for step in range(12):
        share = (step + 1) / 13
        mix = first[109 + step] * (1 - share) + second[step] * share
        assert np.abs(shown[229 + step] - mix).mean() < 1.5
    numbers = studio.numbers(film.path)
    assert numbers[:229] == list(range(229))
    assert numbers[241:] == list(range(252, 481))


def test_second_run_encodes_nothing(four: list[Path], tmp_path: Path) -> None:
    """An equal film is every byte the same; another length encodes that seam only."""
    edit, store = with_transition(four, 2, Transition(CROSSFADE, 12)), tmp_path / "store"
    first = join_edit(edit, tmp_path / "1.mp4", store=store)
    second = join_edit(edit, tmp_path / "2.mp4", store=store)
    assert first.encoded_frames == len(first.reencoded_frames) > 0
    assert (second.encoded_frames, second.reused_spans) == (0, len(first.spans))
    assert first.path.read_bytes() == second.path.read_bytes()

    longer = with_transition(four, 2, Transition(CROSSFADE, 20))
    third = join_edit(longer, tmp_path / "3.mp4", store=store)
    assert third.frames == 462
    # The end of the earlier clip, and 48 frames from the beginning of the later clip.
    assert 20 < third.encoded_frames <= 48 + 3
    assert third.reused_spans >= 3


def test_titles_of_a_film_change_nothing_that_is_encoded(four: list[Path], tmp_path: Path) -> None:
    """Chapters, the film's title, and the place of a span in the film are not part of its key."""
    edit, store = with_transition(four, 2, Transition(CROSSFADE, 12)), tmp_path / "store"
    join_edit(edit, tmp_path / "1.mp4", store=store)
    titled = replace(edit, title="Another", clips=edit.clips[1:])
    assert join_edit(titled, tmp_path / "2.mp4", store=store).encoded_frames == 0


def test_damaged_span_is_encoded_again(four: list[Path], tmp_path: Path) -> None:
    """Of a span with a wrong byte nothing reaches the film."""
    edit, store = with_transition(four, 1, Transition(CROSSFADE, 12)), tmp_path / "store"
    first = join_edit(edit, tmp_path / "1.mp4", store=store)
    entry = next((store / "edits").glob("*.h264"))
    content = bytearray(entry.read_bytes())
    content[-20] ^= 1
    entry.write_bytes(content)
    second = join_edit(edit, tmp_path / "2.mp4", store=store)
    assert 0 < second.encoded_frames < first.encoded_frames
    assert second.reused_spans == len(first.spans) - 1
    assert first.path.read_bytes() == second.path.read_bytes()


def test_span_of_another_length_is_rejected(four: list[Path], tmp_path: Path) -> None:
    """A file in the store that fits its digest, but not the film, is named."""
    edit, store = with_transition(four, 1, Transition(CROSSFADE, 12)), tmp_path / "store"
    join_edit(edit, tmp_path / "1.mp4", store=store)
    entry = min((store / "edits").iterdir(), key=lambda path: path.stat().st_size)
    content = entry.read_bytes() * 2
    digest = hashlib.sha256(content).hexdigest()
    entry.unlink()
    name = f"{entry.name.partition('.')[0]}.{digest}.h264"
    (store / "edits" / name).write_bytes(content)
    with pytest.raises(MediaError, match=f"{name} has .* in place of .*; remove it"):
        join_edit(edit, tmp_path / "2.mp4", store=store)
    assert not (tmp_path / "2.mp4").exists()


RANGES: dict[str, list[tuple[int, int | None]]] = {
    "one range": [(10, 50)],
    "from the beginning": [(0, 31)],
    "to the end": [(33, None)],
    "on an IDR frame": [(48, 72)],
    "ranges in another order": [(60, 90), (5, 20), (20, 40)],
    "single frames": [(7, 8), (100, 101), (48, 49), (119, None)],
}
CODINGS: dict[str, dict[str, Any]] = {
    "one IDR frame": {},
    "short groups": {"gop": 12},
    "open groups": {"gop": 12, "x264": "open-gop=1:scenecut=0"},
    "deep B-frames": {"gop": 24, "bframes": 8, "x264": "b-adapt=0:b-pyramid=normal"},
    "without B-frames": {"gop": 24, "bframes": 0},
    "intra refresh": {"x264": "intra-refresh=1:keyint=12", "bframes": 0},
}


@pytest.mark.parametrize("coding", CODINGS)
def test_ranges_show_exactly_their_frames(
    studio: Any, video: Any, tmp_path: Path, coding: str
) -> None:
    """In and out points anywhere, in clips with any groups, show the frames of the range."""
    clip = studio.clip("a.mp4", frames=120, video=video(**CODINGS[coding]), tone=None)
    for name, ranges in RANGES.items():
        edit = FilmEdit(tuple(make_clip(clip, first_frame=a, end_frame=b) for a, b in ranges))
        film = join_edit(edit, tmp_path / "film.mp4", store=tmp_path / "store")
        expected = [n for a, b in ranges for n in range(a, 120 if b is None else b)]
        assert studio.numbers(film.path) == expected, name
        assert_evenly_timed(studio, film)
        if len(film.reencoded_frames) < film.frames:
            assert_copied(film, edit)


def test_range_of_short_groups_is_mostly_copied(studio: Any, video: Any, tmp_path: Path) -> None:
    """Only the frames before the first IDR frame and after the last clean cut are encoded."""
    clip = studio.clip("a.mp4", frames=120, video=video(gop=12, x264="scenecut=0"), tone=None)
    edit = FilmEdit((make_clip(clip, first_frame=10, end_frame=99),))
    film = join_edit(edit, tmp_path / "film.mp4")
    assert film.reencoded_frames[:2] == (0, 1)
    assert all(number in (0, 1) or number > 84 for number in film.reencoded_frames)
    assert len(film.reencoded_frames) <= 2 + 3


def test_different_encoders_and_edits(studio: Any, video: Any, tone: Any, tmp_path: Path) -> None:
    """Clips of several encoders, with ranges and transitions, are decoded and seekable."""
    options: list[dict[str, Any]] = [
        {"video": video(gop=12), "options": {"video_track_timescale": "24000"}},
        {"video": video(bframes=0, x264="cabac=0:ref=1:8x8dct=0"), "tone": None},
        {"video": video(gop=8, x264="open-gop=1"), "tone": tone(channels=2, rate=44_100)},
        {
            "video": video(x264="weightp=0:ref=4"),
            "options": {"movflags": "empty_moov+frag_keyframe"},
        },
        {"video": video(starts_at_seconds=0.5, gop=10)},
    ]
    clips = [
        studio.clip(f"{k}.mp4", frames=60, base=100 * k, **each) for k, each in enumerate(options)
    ]
    kinds = [None, Transition(CROSSFADE, 7), Transition(BLACK, 10), None, Transition(WHITE, 5)]
    edit = FilmEdit(
        tuple(
            make_clip(clip, transition=kind, first_frame=k, end_frame=55)
            for k, (clip, kind) in enumerate(zip(clips, kinds, strict=True))
        )
    )
    film = join_edit(edit, tmp_path / "film.mp4")
    assert film.frames == 55 * 5 - 10 - 7
    assert film.channels == 2
    assert_evenly_timed(studio, film)
    assert_copied(film, edit)
    with av.open(str(film.path)) as container:
        stream = container.streams.video[0]
        written = [packet for packet in container.demux(stream) if packet.size]
        idrs = [k for k, packet in enumerate(written) if strip_sets(bytes(packet))[:1] == b"\x65"]
    assert sync_samples(film.path) == idrs
    assert len(idrs) >= 8
    for index in idrs:
        with av.open(str(film.path)) as container:
            container.seek(written[index].pts, stream=container.streams.video[0])
            frame = next(container.decode(video=0))
            assert frame.pts == written[index].pts
            shown = planes(film.path)[round(frame.time * 24)]
            assert (frame.to_ndarray() == shown).all()


@pytest.mark.parametrize(("kind", "luma"), [(BLACK, 16), (WHITE, 235)])
def test_dip_fades_out_and_in(studio: Any, tmp_path: Path, kind: TransitionKind, luma: int) -> None:
    """The first half of a dip fades to the colour, the rest from it; no frame is lost."""
    clips = [studio.clip(f"{k}.mp4", frames=50, base=100 * k, tone=None) for k in range(2)]
    edit = FilmEdit((make_clip(clips[0]), make_clip(clips[1], transition=Transition(kind, 9))))
    film = join_edit(edit, tmp_path / "film.mp4")
    assert film.frames == 100
    assert_evenly_timed(studio, film)
    first, second, shown = planes(clips[0]), planes(clips[1]), planes(film.path)
    colour = np.full_like(first[0], 128)
    colour[:96] = luma
    for step, share in enumerate([3 / 4, 2 / 4, 1 / 4, 0]):
        mix = first[46 + step] * share + colour * (1 - share)
        assert np.abs(shown[46 + step] - mix).mean() < 1.5
    for step in range(5):
        mix = second[step] * (step / 5) + colour * (1 - step / 5)
        assert np.abs(shown[50 + step] - mix).mean() < 1.5
    assert np.abs(shown[49] - colour).max() <= 1
    assert np.abs(shown[55] - second[5]).mean() < 1.5


def test_film_fades_at_both_ends(studio: Any, tmp_path: Path) -> None:
    """The first and the last frame are black; a fade lasts as long as the board states."""
    clip = studio.clip("a.mp4", frames=60, tone=None)
    edit = FilmEdit((make_clip(clip),), fade_in_frames=8, fade_out_frames=6)
    film = join_edit(edit, tmp_path / "film.mp4")
    source, shown = planes(clip), planes(film.path)
    black = np.full_like(source[0], 128)
    black[:96] = 16
    shares = [k / 8 for k in range(8)] + [1.0] * 46 + [k / 6 for k in range(5, -1, -1)]
    for picture, before, share in zip(shown, source, shares, strict=True):
        assert np.abs(picture - (before * share + black * (1 - share))).mean() < 1.5
    assert_evenly_timed(studio, film)


def test_title_touches_only_its_frames(studio: Any, video: Any, tmp_path: Path) -> None:
    """Outside its frames' groups the packets are those of the clip, outside its box the picture."""
    clip = studio.clip(
        "a.mp4", frames=120, video=video(size=(320, 180), gop=24, x264="scenecut=0"), tone=None
    )
    title = Title("Warm", first_frame=30, end_frame=60, fade_frames=3)
    edit, store = FilmEdit((make_clip(clip, titles=(title,)),)), tmp_path / "store"
    film = join_edit(edit, tmp_path / "film.mp4", store=store)
    assert_copied(film, edit)
    assert set(range(30, 60)) <= set(film.reencoded_frames) <= set(range(27, 72))
    source, shown = planes(clip), planes(film.path)
    changes = [np.abs(a[:180].astype(int) - b[:180]) for a, b in zip(source, shown, strict=True)]
    assert changes[45].max() > 60
    assert all(change[:90].mean() < 1.5 for change in changes)
    assert changes[30].max() < changes[33].max()

    moved = replace(title, first_frame=40, end_frame=50)
    again = join_edit(
        FilmEdit((make_clip(clip, titles=(moved,)),)), tmp_path / "2.mp4", store=store
    )
    assert 0 < again.encoded_frames < 40


def test_card_is_still_and_fades(studio: Any, tmp_path: Path) -> None:
    """A card follows the last clip; its transition overlaps, and the film fades out over it."""
    clip = studio.clip("a.mp4", frames=40, tone=None)
    card = CardEdit(60, background="#808080", transition=Transition(CROSSFADE, 10))
    edit = FilmEdit((make_clip(clip),), card=card, fade_out_frames=12)
    film = join_edit(edit, tmp_path / "film.mp4", store=tmp_path / "store")
    assert film.frames == 90
    assert_evenly_timed(studio, film)
    shown = planes(film.path)
    # 16 + 219 * 128 / 255
    assert all(np.abs(picture[:96] - 126.0).max() <= 1 for picture in shown[40:78])
    assert np.abs(shown[89][:96] - 16.0).max() <= 1
    mix = planes(clip)[34] * (6 / 11)
    assert np.abs(shown[34][:96] - (mix[:96] + 126 * 5 / 11)).mean() < 1.5

    longer = replace(edit, card=replace(card, frames=108))
    again = join_edit(longer, tmp_path / "2.mp4", store=tmp_path / "store")
    assert again.frames == 138
    # Every other span of the card, 48 frames of the same picture, is kept.
    assert again.encoded_frames <= 60


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
def test_hevc_films_are_edited_in_their_bits(
    studio: Any, video: Any, tmp_path: Path, pix_fmt: str
) -> None:
    """Mixes, titles and cards of HEVC clips have the codec and the bits of the clips."""
    options = video(codec="libx265", pix_fmt=pix_fmt, size=(320, 180))
    clips = [studio.clip(f"{k}.mp4", frames=30, video=options, tone=None) for k in range(2)]
    title = Title("Warm", first_frame=2, end_frame=8)
    edit = FilmEdit(
        (
            make_clip(clips[0], titles=(title,)),
            make_clip(clips[1], transition=Transition(CROSSFADE, 6)),
        ),
        card=CardEdit(4, background="#808080"),
    )
    film = join_edit(edit, tmp_path / "film.mp4")
    assert film.frames == 58
    assert_evenly_timed(studio, film)
    measured, scale = probe(film.path), 4 if pix_fmt.endswith("10le") else 1
    assert (measured.codec, measured.pix_fmt) == ("hevc", pix_fmt)
    first, second, shown = (planes(path) for path in (*clips, film.path))
    mix = first[26] * (4 / 7) + second[2] * (3 / 7)
    assert np.abs(shown[26] - mix).mean() < 1.5 * scale
    assert np.abs(shown[5] - first[5])[:180].max() > 60 * scale
    assert np.abs(shown[57][:180] - 126 * scale).max() <= scale


@pytest.mark.parametrize(
    ("matrix", "expected"), [(1, (63, 102, 240)), (6, (81, 90, 240)), (5, (81, 90, 240))]
)
def test_card_has_the_colours_of_the_film(
    studio: Any, video: Any, tmp_path: Path, matrix: int, expected: tuple[int, int, int]
) -> None:
    """Red is red in the matrix with which the clips are tagged."""
    options = video(size=(160, 480), matrix=matrix)
    clip = studio.clip("a.mp4", frames=2, video=options, tone=None)
    edit = FilmEdit((make_clip(clip),), card=CardEdit(2, background="#ff0000"))
    shown = planes(join_edit(edit, tmp_path / "film.mp4").path)[3]
    values = (shown[:480].mean(), shown[480:600].mean(), shown[600:].mean())
    assert values == pytest.approx(expected, abs=1)


def test_iterate_frames_are_those_of_the_film(studio: Any, video: Any, tmp_path: Path) -> None:
    """The composed frames are the film's; copied frames are equal, encoded ones nearly."""
    clips = studio.chain(3, frames=40, video=video(gop=10), tone=None)
    edit = with_transition(clips, 1, Transition(CROSSFADE, 8))
    film = join_edit(edit, tmp_path / "film.mp4")
    prepared = prepare_edit(edit)
    shown, encoded = planes(film.path), set(film.reencoded_frames)
    composed = list(iterate_frames(prepared.composition, prepared.clips))
    assert len(composed) == film.frames == 40 * 3 - 8 - 1
    for number, (frame, picture) in enumerate(zip(composed, shown, strict=True)):
        difference = np.abs(frame.to_ndarray().astype(int) - picture)
        assert difference.mean() < 1.5 if number in encoded else not difference.any()


def test_length_cuts_the_last_clip(studio: Any, tmp_path: Path) -> None:
    """The film has its exact length, and its card is shown whole."""
    clips = [studio.clip(f"{k}.mp4", frames=40, base=100 * k, tone=None) for k in range(2)]
    edit = FilmEdit((make_clip(clips[0]), make_clip(clips[1])), card=CardEdit(10), length=70)
    film = join_edit(edit, tmp_path / "film.mp4")
    assert studio.numbers(film.path)[:60] == [*range(40), *range(100, 120)]
    assert film.frames == 70
    for length in (91, 61):
        with pytest.raises(MediaError, match="the shots give 62 to 90 frames"):
            prepare_edit(replace(edit, length=length))


def test_transitions_longer_than_a_clip_are_rejected(studio: Any) -> None:
    """A clip has to contain the frames of both of its transitions."""
    clips = [studio.clip(f"{k}.mp4", frames=20, tone=None) for k in range(3)]
    fade = Transition(CROSSFADE, 11)
    edit = FilmEdit(tuple(make_clip(clip, transition=fade) for clip in clips))
    message = "the clip of 1 has 20 frames in the film, and its transitions take 22"
    with pytest.raises(MediaError, match=message):
        prepare_edit(edit)
    short = replace(
        edit, clips=tuple(replace(c, transition=Transition(CROSSFADE, 10)) for c in edit.clips)
    )
    assert prepare_edit(short).frames == 40


def test_chapters_of_ranges_and_cards(studio: Any, tmp_path: Path) -> None:
    """Ranges of one shot are one chapter; a chapter begins with the transition into its clip."""
    clip = studio.clip("a.mp4", frames=60, tone=None)
    parts: list[EditClip] = [
        make_clip(clip, end_frame=20, chapter_title="One"),
        make_clip(clip, first_frame=30, end_frame=40, chapter_title=None),
        make_clip(clip, transition=Transition(CROSSFADE, 6), chapter_title="Two"),
    ]
    film = join_edit(FilmEdit(tuple(parts), card=CardEdit(10)), tmp_path / "film.mp4")
    with av.open(str(film.path)) as container:
        chapters = [
            (chapter["metadata"]["title"], round(chapter["start"] * chapter["time_base"] * 24))
            for chapter in container.chapters()
        ]
    assert chapters == [("One", 0), ("Two", 24)]
    assert film.frames == 94
