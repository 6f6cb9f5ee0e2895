"""The join: every frame once, in order and unchanged, for all kinds of clips.

Each frame shows its number, since decoders do not report a join with wrong frames.
"""

from __future__ import annotations

import itertools
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tasks.edit import FilmEdit
from tasks.errors import MediaError
from tasks.media.join import JoinResult, prepare_film
from tasks.media.probe import probe
from tests.support.film_joins import (
    chain_edit,
    join_edit,
    join_prepared,
    make_clip,
    prepare_edit,
)


def join_clips(clips: list[Path], *, chained: bool = True) -> JoinResult:
    """Prepare and join clips to a film beside the first."""
    return join_edit(chain_edit(clips, chained=chained), clips[0].parent / "film.staged")


def assert_exact(studio: Any, film: JoinResult, numbers: list[int]) -> None:
    """Assert that a film has these frames, once each, evenly timed, and that ffmpeg decodes it."""
    assert studio.numbers(film.path) == numbers
    assert film.frames == len(numbers)
    times = studio.times(film.path)
    assert times[0] == 0
    assert {later - time for time, later in itertools.pairwise(times)} <= {Fraction(1, 24)}
    assert studio.decode_errors(film.path) == ""


def box_types(path: Path) -> list[bytes]:
    """Return the types of the top-level boxes of an MP4."""
    data, offset, types = path.read_bytes(), 0, []
    while offset < len(data):
        types.append(data[offset + 4 : offset + 8])
        offset += int.from_bytes(data[offset : offset + 4], "big")
    return types


def test_chained_clips_show_each_frame_once(studio: Any, four: list[Path]) -> None:
    """4×121 frames with three chained seams are 481, and few of them are re-encoded."""
    film = join_clips(four)
    assert_exact(studio, film, list(range(481)))

    sources = [studio.digests(clip) for clip in four]
    wanted = [digest for digests in sources[:-1] for digest in digests[:-1]] + sources[-1]
    changed = [
        k for k, (a, b) in enumerate(zip(studio.digests(film.path), wanted, strict=True)) if a != b
    ]
    assert tuple(changed) == film.reencoded_frames
    assert 0 < len(changed) <= 9
    assert film.duration_seconds == pytest.approx(481 / 24)


def test_reencoded_frames_look_the_same(four: list[Path]) -> None:
    """Re-encoded frames are visually lossless: above 42 dB."""
    film = join_clips(four[:2])
    with av.open(str(film.path)) as after, av.open(str(four[0])) as before:
        pairs = list(zip(after.decode(video=0), before.decode(video=0), strict=False))
    for number in film.reencoded_frames:
        new, old = (frame.to_ndarray()[: frame.height].astype(float) for frame in pairs[number])
        assert 10 * np.log10(255**2 / np.mean((new - old) ** 2)) > 42


def test_film_has_fast_start_and_colour_tags(four: list[Path]) -> None:
    """The index of the film precedes its data, and its BT.709 tags are those of the clips."""
    film = join_clips(four)
    types = box_types(film.path)
    assert types.index(b"moov") < types.index(b"mdat")
    assert b"colrnclx" in film.path.read_bytes()[:20_000]
    with av.open(str(film.path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace) == (1, 1, 1)
        assert container.streams[0].type == "video"


def test_header_has_all_parameter_sets(four: list[Path]) -> None:
    """The header of the film has the parameter sets of the clips and of the tails."""
    with av.open(str(join_clips(four).path)) as container:
        header = container.streams.video[0].codec_context.extradata
    assert header
    assert header[5] & 31 == 2


def test_each_shot_is_a_chapter(studio: Any, four: list[Path]) -> None:
    """Chapters have the titles of the shots and start with them."""
    clips = [
        make_clip(clip, drop_last_frame=k < 3, chapter_title=f"Café {k}")
        for k, clip in enumerate(four)
    ]
    film = join_edit(FilmEdit(tuple(clips), "Film"), studio.folder / "f.mp4", comment="c")
    with av.open(str(film.path)) as container:
        chapters = container.chapters()
        assert container.metadata["title"] == "Film"
        assert container.metadata["comment"] == "c"
    assert [chapter["metadata"]["title"] for chapter in chapters] == [f"Café {k}" for k in range(4)]
    starts = [float(chapter["start"] * Fraction(chapter["time_base"])) for chapter in chapters]
    assert starts == pytest.approx([0, 5, 10, 15], abs=0.001)


def test_unchained_clips_are_copied(studio: Any) -> None:
    """Without chained seams, no frame is dropped or re-encoded."""
    clips = [studio.clip(f"{k}.mp4", base=100 * k) for k in range(3)]
    film = join_clips(clips, chained=False)
    assert_exact(studio, film, [100 * k + n for k in range(3) for n in range(25)])
    assert film.reencoded_frames == ()
    assert studio.digests(film.path) == [
        digest for clip in clips for digest in studio.digests(clip)
    ]


def test_chained_and_unchained_seams_mix(studio: Any) -> None:
    """Only the clip at a chained seam drops its last frame."""
    a, b, c = (studio.clip(f"{k}.mp4", base=base) for k, base in enumerate((0, 24, 200)))
    clips = (make_clip(a, drop_last_frame=True), make_clip(b), make_clip(c))
    film = join_edit(FilmEdit(clips), studio.folder / "film.mp4")
    assert_exact(studio, film, [*range(49), *range(200, 225)])


def test_single_clip_is_a_film(studio: Any) -> None:
    """The frames of a film of one clip are those of the clip."""
    clip = studio.clip("a.mp4")
    film = join_clips([clip])
    assert_exact(studio, film, list(range(25)))
    assert studio.digests(film.path) == studio.digests(clip)


KINDS: dict[str, dict[str, Any]] = {
    "without B-frames": {"video": {"bframes": 0}},
    "many key frames": {"video": {"gop": 8}},
    "deep B-frames": {"video": {"bframes": 8, "x264": "b-adapt=0:b-pyramid=normal"}},
    "late first frame": {"video": {"starts_at_seconds": 0.5}},
    "no colour tags": {"video": {"matrix": 2}},
    "fragmented": {"options": {"movflags": "frag_keyframe+empty_moov"}},
    "milliseconds": {"options": {"video_track_timescale": "1000"}},
    "mute": {"tone": None},
    "44.1 kHz stereo": {"tone": {"rate": 44_100, "channels": 2}},
    "longer sound": {"tone": {"longer_by_seconds": 1.5}},
    "shorter sound": {"tone": {"longer_by_seconds": -0.6}},
}


def clip_options(kind: str, video: Any, tone: Any) -> dict[str, Any]:
    """Return the arguments for a kind of clip."""
    options = dict(KINDS[kind])
    if "video" in options:
        options["video"] = video(**options["video"])
    if options.get("tone"):
        options["tone"] = tone(**options["tone"])
    return options


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_clip_joins_exactly(studio: Any, video: Any, tone: Any, kind: str) -> None:
    """Each frame is shown once and in time, whatever the encoding and packaging of the clips."""
    film = join_clips(studio.chain(3, frames=30, **clip_options(kind, video, tone)))
    assert_exact(studio, film, list(range(88)))
    assert film.channels == {"mute": 0, "44.1 kHz stereo": 2}.get(kind, 1)
    if kind == "without B-frames":
        assert film.reencoded_frames == ()


@pytest.mark.parametrize("frames", range(20, 30))
def test_open_gops_join_exactly(studio: Any, video: Any, frames: int) -> None:
    """Clips with open GOPs join exactly wherever the last key frame is."""
    options = video(gop=8, x264="open-gop=1:scenecut=0:b-adapt=0")
    film = join_clips(studio.chain(2, frames=frames, video=options, tone=None))
    assert_exact(studio, film, list(range(2 * frames - 1)))


def test_only_idr_frames_are_sync_samples(studio: Any, video: Any) -> None:
    """Key frames of an open GOP are not marked as sync samples, where browsers would stop."""
    options = video(gop=8, x264="open-gop=1:scenecut=0")
    clips = studio.chain(2, frames=40, video=options, tone=None)
    with av.open(str(clips[0])) as container:
        assert sum(packet.is_keyframe for packet in container.demux(video=0)) > 2
    film = join_clips(clips)
    # Read from the file, since FFmpeg marks more packets as key frames when it reads them.
    data = film.path.read_bytes()
    offset = data.index(b"stss") + 8
    count = int.from_bytes(data[offset : offset + 4], "big")
    keys = struct.unpack_from(f">{count}I", data, offset + 4)
    assert keys == (1, film.reencoded_frames[0] + 1, 40)


def test_mixed_encoders_and_time_bases_join(studio: Any, video: Any, tone: Any) -> None:
    """Clips with different encoders, time bases and audio join exactly."""
    options = [
        {"video": video(), "options": {"video_track_timescale": "24000"}},
        {"video": video(bframes=0, x264="cabac=0:ref=1:8x8dct=0"), "tone": None},
        {"video": video(gop=8, x264="open-gop=1"), "tone": tone(channels=2, rate=44_100)},
        {
            "video": video(x264="weightp=0:ref=4"),
            "options": {"movflags": "empty_moov+frag_keyframe"},
        },
    ]
    clips = [
        studio.clip(f"{k}.mp4", frames=30, base=29 * k, **kwargs)
        for k, kwargs in enumerate(options)
    ]
    film = join_clips(clips)
    assert_exact(studio, film, list(range(4 * 29 + 1)))
    assert film.channels == 2


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
def test_hevc_clips_are_joined_by_copy(studio: Any, video: Any, pix_fmt: str) -> None:
    """A film of HEVC clips keeps their codec and their bits; only the ends are encoded again."""
    options = video(codec="libx265", pix_fmt=pix_fmt)
    clips = studio.chain(3, frames=41, video=options)
    film = join_clips(clips)
    assert_exact(studio, film, list(range(121)))
    measured = probe(film.path)
    assert (measured.codec, measured.pix_fmt, measured.starts_on_idr) == ("hevc", pix_fmt, True)
    assert len(film.reencoded_frames) <= 6
    sources = [digest for clip in clips for digest in studio.digests(clip)[:40]]
    changed = [
        number
        for number, (source, digest) in enumerate(
            zip(sources, studio.digests(film.path), strict=False)
        )
        if source != digest
    ]
    assert set(changed) <= set(film.reencoded_frames)


def test_prepare_is_thread_safe(four: list[Path]) -> None:
    """Preparing clips in threads gives the same result as one after the other."""
    edits = [FilmEdit((make_clip(clip),)) for clip in four]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(prepare_edit, edits)) == [prepare_edit(edit) for edit in edits]


UNJOINABLE: dict[str, tuple[dict[str, Any], str]] = {
    "30 fps": ({"rate": Fraction(30)}, "has 30 frames per second, the film has 24"),
    "variable rate": ({"missing": (9,)}, "has a variable frame rate"),
    "4:4:4 of hevc": ({"codec": "libx265", "pix_fmt": "yuv444p"}, "is hevc, the film is h264"),
    "4:4:4": ({"pix_fmt": "yuv444p"}, "has pixel format yuv444p"),
    "interlaced": ({"x264": "tff=1", "bframes": 0}, "is interlaced"),
}


@pytest.mark.parametrize("kind", UNJOINABLE)
def test_unjoinable_clip_is_rejected(studio: Any, video: Any, kind: str) -> None:
    """A clip that needs conversion is rejected with the reason."""
    options, message = UNJOINABLE[kind]
    clip = studio.clip("odd.mp4", frames=30, video=video(**options), tone=None)
    with pytest.raises(MediaError, match=message) as raised:
        prepare_edit(chain_edit([studio.clip("plain.mp4", frames=30, tone=None), clip]))
    assert str(clip) in str(raised.value)


def test_clip_with_hidden_frames_is_rejected(studio: Any) -> None:
    """A clip with an edit list is rejected, since not all players apply edit lists."""
    path = studio.clip("a.mp4", frames=30, tone=None)
    cut = studio.folder / "cut.mp4"
    studio.run("-ss", "0.5", "-i", str(path), "-c", "copy", str(cut))
    with pytest.raises(MediaError, match="12 frames that an edit list hides"):
        prepare_edit(chain_edit([path, cut]))


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ({"size": (176, 96)}, "is 176×96, the film is 160×96"),
        ({"sar": Fraction(4, 3)}, "has a pixel aspect ratio of 4:3"),
        ({"matrix": 6}, "has BT.601 colours, the film has BT.709"),
    ],
)
def test_mismatching_clips_are_not_join_clips(
    studio: Any, video: Any, odd: dict[str, Any], message: str
) -> None:
    """Clips of different size, pixel shape or colours are rejected, and no film is left."""
    clips = [studio.clip(f"{k}.mp4", tone=None) for k in range(2)]
    clips.append(studio.clip("odd.mp4", video=video(**odd), tone=None))
    with pytest.raises(MediaError, match=message):
        join_clips(clips, chained=False)
    assert not (studio.folder / "film.staged").exists()


def test_empty_film_is_rejected() -> None:
    """A film without clips is an error."""
    with pytest.raises(MediaError, match="no clip"):
        prepare_film(FilmEdit(()), [])


def test_single_frame_can_not_be_dropped(studio: Any) -> None:
    """A clip of one frame is accepted unless that frame has to be dropped."""
    clip = studio.clip("a.mp4", frames=1, tone=None)
    assert prepare_edit(chain_edit([clip])).frames == 1
    with pytest.raises(MediaError, match="has no frame in the film"):
        prepare_edit(chain_edit([clip, clip]))


def test_missing_clip_leaves_no_film(studio: Any) -> None:
    """If a prepared clip is missing, the join fails and no film is left."""
    clips = studio.chain(3)
    prepared = prepare_edit(chain_edit(clips))
    clips[2].unlink()
    film = studio.folder / "film.mp4"
    with pytest.raises(MediaError, match="can't be read"):
        join_prepared(prepared, film)
    assert not film.exists()


def test_replaced_clip_is_detected(studio: Any) -> None:
    """A clip that was replaced after it was prepared fails the join."""
    clips = studio.chain(2)
    prepared = prepare_edit(chain_edit(clips))
    studio.clip("shot-1.mp4", frames=9, base=24)
    with pytest.raises(MediaError, match="changed since it was prepared"):
        join_prepared(prepared, studio.folder / "film.mp4")


def test_unwritable_film_is_an_error(studio: Any) -> None:
    """The error about a missing folder has the path of the film."""
    edit = chain_edit([studio.clip("a.mp4")])
    with pytest.raises(MediaError, match=r"can't be written to .*nowhere"):
        join_edit(edit, studio.folder / "nowhere" / "film.mp4")


def test_full_disk_leaves_no_film(studio: Any) -> None:
    """If the disk is full, the join fails and the incomplete film is removed."""
    clip = studio.clip("a.mp4")
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from tests.support.film_joins import chain_edit, join_prepared, prepare_edit\n"
        "prepared = prepare_edit(chain_edit([Path(sys.argv[1])]))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, resource.RLIM_INFINITY))\n"
        "try:\n    join_prepared(prepared, Path(sys.argv[2]))\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    film = studio.folder / "film.mp4"
    command = [sys.executable, "-c", code, str(clip), str(film)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert output.startswith(f"MediaError The film can't be written to {film}")
    assert not film.exists()
