"""The join: every picture once, in its place and unchanged, whatever the clips are made of.

Each picture carries its number, for no decoder complains about a join that shows wrong ones.
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

from tasks.errors import MediaError
from tasks.media.join import JoinInput, JoinResult, join, prepare


def cuts(clips: list[Path], *, chained: bool = True) -> list[JoinInput]:
    """Return the cuts of clips that all continue one another, or that none does."""
    last = len(clips) - 1
    return [JoinInput(clip, chained and k < last, f"Shot {k}") for k, clip in enumerate(clips)]


def joined(clips: list[Path], *, chained: bool = True) -> JoinResult:
    """Prepare and join clips to a film beside the first."""
    film = clips[0].parent / "film.staged"
    return join([prepare(cut) for cut in cuts(clips, chained=chained)], film)


def assert_exact(studio: Any, film: JoinResult, numbers: list[int]) -> None:
    """Assert that a film shows these pictures once each, evenly, and that ffmpeg is content."""
    assert studio.numbers(film.path) == numbers
    assert film.frames == len(numbers)
    times = studio.times(film.path)
    assert times[0] == 0
    assert {later - time for time, later in itertools.pairwise(times)} <= {Fraction(1, 24)}
    assert studio.complaints(film.path) == ""


def boxes(path: Path) -> list[bytes]:
    """Return the names of an MP4's outermost boxes."""
    data, at, names = path.read_bytes(), 0, []
    while at < len(data):
        names.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4], "big")
    return names


def test_four_chained_clips_show_each_picture_once(studio: Any, four: list[Path]) -> None:
    """4×121 pictures with three chained seams are 481, and all but a few are the clips' own."""
    film = joined(four)
    assert_exact(studio, film, list(range(481)))

    sources = [studio.digests(clip) for clip in four]
    wanted = [one for digests in sources[:-1] for one in digests[:-1]] + sources[-1]
    changed = [
        k for k, (a, b) in enumerate(zip(studio.digests(film.path), wanted, strict=True)) if a != b
    ]
    assert tuple(changed) == film.encoded_anew
    assert 0 < len(changed) <= 9
    assert film.duration_seconds == pytest.approx(481 / 24)


def test_pictures_encoded_anew_look_the_same(studio: Any, four: list[Path]) -> None:
    """The pictures at a cut that had to be encoded anew are visually lossless: above 42 dB."""
    film = joined(four[:2])
    with av.open(str(film.path)) as after, av.open(str(four[0])) as before:
        pairs = list(zip(after.decode(video=0), before.decode(video=0), strict=False))
    for number in film.encoded_anew:
        new, old = (frame.to_ndarray()[: frame.height].astype(float) for frame in pairs[number])
        assert 10 * np.log10(255**2 / np.mean((new - old) ** 2)) > 42


def test_a_film_starts_fast_and_keeps_its_colours(four: list[Path]) -> None:
    """The index comes before the data, and the BT.709 tags are the clips'."""
    film = joined(four)
    names = boxes(film.path)
    assert names.index(b"moov") < names.index(b"mdat")
    assert b"colrnclx" in film.path.read_bytes()[:20_000]
    with av.open(str(film.path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace) == (1, 1, 1)
        assert container.streams[0].type == "video"


def test_the_film_s_header_lists_what_all_its_pictures_need(four: list[Path]) -> None:
    """Some players read parameter sets from there only: the clips' and the tails' are listed."""
    with av.open(str(joined(four).path)) as container:
        header = container.streams.video[0].codec_context.extradata
    assert header
    assert header[5] & 31 == 2


def test_each_shot_is_a_chapter(studio: Any, four: list[Path]) -> None:
    """Chapters carry the shots' titles and begin where the shots do."""
    shots = [JoinInput(clip, k < 3, f"Café {k}") for k, clip in enumerate(four)]
    film = join(
        [prepare(shot) for shot in shots], studio.folder / "f.mp4", title="Film", comment="c"
    )
    with av.open(str(film.path)) as container:
        chapters = container.chapters()
        assert container.metadata["title"] == "Film"
        assert container.metadata["comment"] == "c"
    assert [chapter["metadata"]["title"] for chapter in chapters] == [f"Café {k}" for k in range(4)]
    starts = [float(chapter["start"] * Fraction(chapter["time_base"])) for chapter in chapters]
    assert starts == pytest.approx([0, 5, 10, 15], abs=0.001)


def test_cuts_that_are_not_chained_copy_everything(studio: Any) -> None:
    """Nothing is dropped and nothing encoded anew where no shot continues another."""
    clips = [studio.clip(f"{k}.mp4", base=100 * k) for k in range(3)]
    film = joined(clips, chained=False)
    assert_exact(studio, film, [100 * k + n for k in range(3) for n in range(25)])
    assert film.encoded_anew == ()
    assert studio.digests(film.path) == [one for clip in clips for one in studio.digests(clip)]


def test_chained_and_plain_cuts_mix(studio: Any) -> None:
    """Each seam follows its own rule."""
    a, b, c = (studio.clip(f"{k}.mp4", base=base) for k, base in enumerate((0, 24, 200)))
    shots = [JoinInput(a, True, "a"), JoinInput(b, False, "b"), JoinInput(c, False, "c")]
    film = join([prepare(shot) for shot in shots], studio.folder / "film.mp4")
    assert_exact(studio, film, [*range(49), *range(200, 225)])


def test_one_clip_makes_a_film(studio: Any) -> None:
    """A film of a single shot is that shot."""
    clip = studio.clip("a.mp4")
    film = joined([clip])
    assert_exact(studio, film, list(range(25)))
    assert studio.digests(film.path) == studio.digests(clip)


KINDS = {
    "without B-frames": {"picture": {"bframes": 0}},
    "many key frames": {"picture": {"gop": 8}},
    "deep B-frames": {"picture": {"bframes": 8, "x264": "b-adapt=0:b-pyramid=normal"}},
    "late first picture": {"picture": {"starts_at_seconds": 0.5}},
    "no colour tags": {"picture": {"matrix": 2}},
    "fragmented": {"options": {"movflags": "frag_keyframe+empty_moov"}},
    "milliseconds": {"options": {"video_track_timescale": "1000"}},
    "mute": {"tone": None},
    "44.1 kHz stereo": {"tone": {"rate": 44_100, "channels": 2}},
    "longer sound": {"tone": {"longer_by_seconds": 1.5}},
    "shorter sound": {"tone": {"longer_by_seconds": -0.6}},
}


def settings(kind: str, picture: Any, tone: Any) -> dict[str, Any]:
    """Return how a kind of clip is made."""
    made = dict(KINDS[kind])
    if "picture" in made:
        made["picture"] = picture(**made["picture"])
    if made.get("tone"):
        made["tone"] = tone(**made["tone"])
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_clips_of_every_kind_join_exactly(studio: Any, picture: Any, tone: Any, kind: str) -> None:
    """However the clips are encoded and packed, each picture is shown once and in time."""
    film = joined(studio.chain(3, frames=30, **settings(kind, picture, tone)))
    assert_exact(studio, film, list(range(88)))
    assert film.channels == {"mute": 0, "44.1 kHz stereo": 2}.get(kind, 1)
    if kind == "without B-frames":
        assert film.encoded_anew == ()


@pytest.mark.parametrize("frames", range(20, 30))
def test_open_gops_join_exactly_wherever_their_key_frames_lie(
    studio: Any, picture: Any, frames: int
) -> None:
    """With open GOPs, pictures at the cut may need what lies before the last key frame."""
    made = picture(gop=8, x264="open-gop=1:scenecut=0:b-adapt=0")
    film = joined(studio.chain(2, frames=frames, picture=made, tone=None))
    assert_exact(studio, film, list(range(2 * frames - 1)))


def test_only_pictures_that_stand_alone_are_marked_for_seeking(studio: Any, picture: Any) -> None:
    """Browsers stop when they seek to the key frame of an open GOP, which is no IDR."""
    made = picture(gop=8, x264="open-gop=1:scenecut=0")
    clips = studio.chain(2, frames=40, picture=made, tone=None)
    with av.open(str(clips[0])) as container:
        assert sum(packet.is_keyframe for packet in container.demux(video=0)) > 2
    film = joined(clips)
    # The file's own list, for FFmpeg marks more than that as it reads.
    data = film.path.read_bytes()
    at = data.index(b"stss") + 8
    count = int.from_bytes(data[at : at + 4], "big")
    keys = struct.unpack_from(f">{count}I", data, at + 4)
    assert keys == (1, film.encoded_anew[0] + 1, 40)


def test_clips_of_different_encoders_and_clocks_join_exactly(
    studio: Any, picture: Any, tone: Any
) -> None:
    """One film takes clips with and without B-frames, of any clock, mute and sounding."""
    settings = [
        {"picture": picture(), "options": {"video_track_timescale": "24000"}},
        {"picture": picture(bframes=0, x264="cabac=0:ref=1:8x8dct=0"), "tone": None},
        {"picture": picture(gop=8, x264="open-gop=1"), "tone": tone(channels=2, rate=44_100)},
        {
            "picture": picture(x264="weightp=0:ref=4"),
            "options": {"movflags": "empty_moov+frag_keyframe"},
        },
    ]
    clips = [
        studio.clip(f"{k}.mp4", frames=30, base=29 * k, **how) for k, how in enumerate(settings)
    ]
    film = joined(clips)
    assert_exact(studio, film, list(range(4 * 29 + 1)))
    assert film.channels == 2


def test_clips_are_prepared_in_parallel_with_the_same_result(four: list[Path]) -> None:
    """Preparing runs in threads as the clips arrive, and gives what preparing in turn gives."""
    shots = cuts(four)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(prepare, shots)) == [prepare(shot) for shot in shots]


def test_a_prepared_clip_is_small(four: list[Path]) -> None:
    """Of a clip only the pictures that were encoded anew are kept, not its packets."""
    prepared = prepare(cuts(four)[0])
    kept = sum(len(data) for data in prepared.piece.tail.pictures)
    assert 0 < kept < four[0].stat().st_size / 4


REFUSED = {
    "30 fps": ({"rate": Fraction(30)}, "runs at 30 pictures a second, the film at 24"),
    "left out": ({"left_out": (9,)}, "has its pictures at uneven times"),
    "hevc": ({"codec": "libx265"}, "is hevc, the film h264"),
    "4:4:4": ({"pix_fmt": "yuv444p"}, "has pixels as yuv444p"),
    "interlaced": ({"x264": "tff=1", "bframes": 0}, "is interlaced"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_clip_that_cannot_be_cut_is_refused_with_the_reason(
    studio: Any, picture: Any, kind: str
) -> None:
    """What would make a film wrong without a word is told before anything is written."""
    made, words = REFUSED[kind]
    clip = studio.clip("odd.mp4", frames=30, picture=picture(**made), tone=None)
    with pytest.raises(MediaError, match=words) as refused:
        prepare(JoinInput(clip, True, "odd"))
    assert str(clip) in str(refused.value)


def test_a_clip_with_hidden_pictures_is_refused(studio: Any) -> None:
    """An edit list that hides pictures is obeyed by some players only."""
    path = studio.clip("a.mp4", frames=30, tone=None)
    cut = studio.folder / "cut.mp4"
    studio.run("-ss", "0.5", "-i", str(path), "-c", "copy", str(cut))
    with pytest.raises(MediaError, match="hides 12 of its pictures"):
        prepare(JoinInput(cut, False, "cut"))


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"size": (176, 96)}, "is 176×96, the film 160×96"),
        ({"sar": Fraction(4, 3)}, "has pixels 4:3 wide"),
        ({"matrix": 6}, "has colours by BT.601, the film by BT.709"),
    ],
)
def test_clips_that_disagree_are_not_joined(
    studio: Any, picture: Any, odd: dict[str, Any], words: str
) -> None:
    """Another size, shape of pixel or colour is refused, and no film is left behind."""
    clips = [studio.clip(f"{k}.mp4", tone=None) for k in range(2)]
    clips.append(studio.clip("odd.mp4", picture=picture(**odd), tone=None))
    with pytest.raises(MediaError, match=words):
        joined(clips, chained=False)
    assert not (studio.folder / "film.staged").exists()


def test_nothing_to_join_is_refused(tmp_path: Path) -> None:
    """A film of no clip is an error and no empty file."""
    with pytest.raises(MediaError, match="no clip"):
        join([], tmp_path / "film.mp4")


def test_a_single_picture_that_would_be_dropped_is_refused(studio: Any) -> None:
    """A clip of one picture can't give it up to the next."""
    clip = studio.clip("a.mp4", frames=1, tone=None)
    assert prepare(JoinInput(clip, False, "a")).piece.frames == 1
    with pytest.raises(MediaError, match="single picture"):
        prepare(JoinInput(clip, True, "a"))


def test_a_join_that_fails_leaves_no_film(studio: Any) -> None:
    """A clip that vanished after it was prepared ends the join without half a film."""
    clips = studio.chain(3)
    prepared = [prepare(cut) for cut in cuts(clips)]
    clips[2].unlink()
    film = studio.folder / "film.mp4"
    with pytest.raises(MediaError, match="can't be read"):
        join(prepared, film)
    assert not film.exists()


def test_a_clip_replaced_after_it_was_prepared_is_noticed(studio: Any) -> None:
    """A shorter clip in the place of the prepared one is no silent gap in the film."""
    clips = studio.chain(2)
    prepared = [prepare(cut) for cut in cuts(clips)]
    studio.clip("shot-1.mp4", frames=9, base=24)
    with pytest.raises(MediaError, match="changed since it was prepared"):
        join(prepared, studio.folder / "film.mp4")


def test_a_film_that_cannot_be_written_is_a_media_error(studio: Any) -> None:
    """A folder that is not there is told with the film's path."""
    prepared = prepare(JoinInput(studio.clip("a.mp4"), False, "a"))
    with pytest.raises(MediaError, match=r"can't be written to .*nowhere"):
        join([prepared], studio.folder / "nowhere" / "film.mp4")


def test_a_full_disk_ends_the_join_without_a_film(studio: Any) -> None:
    """A film that can't be written to its end is told and removed, never left looking whole."""
    clip = studio.clip("a.mp4")
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from tasks.media.join import JoinInput, join, prepare\n"
        "prepared = prepare(JoinInput(Path(sys.argv[1]), False, 'a'))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, resource.RLIM_INFINITY))\n"
        "try:\n    join([prepared], Path(sys.argv[2]))\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    film = studio.folder / "film.mp4"
    command = [sys.executable, "-c", code, str(clip), str(film)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"MediaError The film can't be written to {film}")
    assert not film.exists()
