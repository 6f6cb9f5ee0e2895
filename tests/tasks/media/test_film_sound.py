"""The mix of a film: places to the sample, fades, loops, ducking, voices, stems, foreign files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tasks.edit import (
    CardEdit,
    ClipPlace,
    EditClip,
    FilmEdit,
    InputFile,
    MusicEdit,
    SoundEdit,
    Transition,
    TransitionKind,
    lay_out,
)
from tasks.errors import MediaError
from tasks.media.audio.clip_sound import AudioSource
from tasks.media.audio.film_sound import FilmSound
from tests.support.sounds import (
    RATE,
    Sound,
    levels,
    make_film_sound,
    make_noise,
    read_wav,
    write_wav,
)

FRAME = 2000


def write_clip(path: Path, *channels: Sound) -> Path:
    """Write the sound of a clip without loss, as a MOV file."""
    samples = np.stack(channels).astype(np.float32)
    with av.open(str(path), "w", format="mov") as container:
        stream = container.add_stream("pcm_s24le", rate=RATE)
        stream.layout = {1: "mono", 2: "stereo"}[len(channels)]
        values = np.ascontiguousarray(
            (np.clip(samples, -1, 1 - 2**-20).T * (2**31 - 1)).astype(np.int32).reshape(1, -1)
        )
        frame = av.AudioFrame.from_ndarray(values, format="s32", layout=stream.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_edit(clips: Sequence[Path], **options: Any) -> FilmEdit:
    """Return an edit of whole clips that are cut one after the other."""
    return FilmEdit(
        tuple(EditClip(InputFile(clip, clip.name), clip.stem, "") for clip in clips), **options
    )


def change_clip(edit: FilmEdit, index: int, **values: Any) -> FilmEdit:
    """Return an edit with another clip in a place."""
    clips = list(edit.clips)
    clips[index] = replace(clips[index], **values)
    return replace(edit, clips=tuple(clips))


def read_film(
    edit: FilmEdit,
    folder: Path,
    *,
    frames: Sequence[int] = (),
    total: int | None = None,
    channels: int = 1,
    has_audio: bool = True,
    block: int = 7,
) -> Sound:
    """Read all sound of a film, some frames at a time."""
    lengths = list(frames) or [24] * len(edit.clips)
    places = lay_out(edit.clips, lengths)
    sources = [
        AudioSource(clip.file.path, length, Fraction(0), has_audio)
        for clip, length in zip(edit.clips, lengths, strict=True)
    ]
    total = total or places[-1].end_frame
    with FilmSound(edit, places, sources, total, channels, folder) as sound:
        counts = [min(block, total - first) for first in range(0, total, block)]
        return np.concatenate([sound.read(count) for count in counts], axis=1)


def read_music(music: MusicEdit, seconds: int, folder: Path, **options: Any) -> Sound:
    """Read the sound of a film without clips."""
    edit = FilmEdit((), sound=SoundEdit(music=music, **options))
    with FilmSound(edit, (), (), 24 * seconds, 1, folder) as sound:
        return sound.read(24 * seconds)[0]


def step_ratio(samples: Sound, at: int) -> float:
    """Return the second difference near a sample, relative to the highest elsewhere."""
    bends = np.abs(np.diff(samples, 2))
    near = slice(at - 960, at + 960)
    return float(bends[near].max() / np.delete(bends, np.arange(near.start, near.stop)).max())


def as_music(path: Path, **options: Any) -> MusicEdit:
    return MusicEdit(InputFile(path, path.name), **options)


class TestClips:
    """The sound of clips at their places."""

    def test_cut_fades_both_sides(self, tmp_path: Path) -> None:
        """10 ms on each side; everything else is the clips' own sound, to the sample."""
        sounds = [make_noise(1, seed=seed) * 0.05 for seed in (1, 2)]
        clips = [write_clip(tmp_path / f"{k}.mov", sound) for k, sound in enumerate(sounds)]
        film = read_film(make_edit(clips), tmp_path)[0]
        assert film.shape == (96_000,)
        np.testing.assert_allclose(film[: 48_000 - 480], sounds[0][:-480], atol=1e-6)
        np.testing.assert_allclose(film[48_480:], sounds[1][480:], atol=1e-6)
        assert np.abs(film[47_990:48_010]).max() < 0.01
        assert film[-1] == pytest.approx(sounds[1][-1], abs=1e-6)

    def test_chained_seam_blends_dropped_frame(self, tmp_path: Path) -> None:
        """A sound that goes on over the seam keeps its level, wherever blocks are read."""
        whole = make_noise(2, seed=3) * 0.05
        parts = (whole[:48_000], whole[46_000:94_000])
        clips = [write_clip(tmp_path / f"{k}.mov", part) for k, part in enumerate(parts)]
        edit = change_clip(make_edit(clips), 0, drop_last_frame=True)
        for block in (1, 5, 47):
            film = read_film(edit, tmp_path, block=block)[0]
            np.testing.assert_allclose(film, whole[:94_000], atol=1e-5)

    def test_crossfade_has_equal_power(self, tmp_path: Path) -> None:
        """Different sounds keep their common level through a crossfade of 12 frames."""
        clips = [write_clip(tmp_path / f"{k}.mov", make_noise(2, seed=k) * 0.1) for k in (1, 2)]
        crossfade = Transition(TransitionKind.CROSSFADE, 12)
        edit = change_clip(make_edit(clips), 1, transition=crossfade)
        film = read_film(edit, tmp_path, frames=(48, 48))[0]
        assert len(film) == 84 * FRAME
        inside = film[36 * FRAME : 48 * FRAME]
        assert 20 * np.log10(inside.std() / 0.1) == pytest.approx(0, abs=0.7)
        assert np.abs(levels(inside, 0.1) + 20).max() < 2.5

    def test_dip_fades_halves(self, tmp_path: Path) -> None:
        """The earlier clip fades out over the first half, the next one in over the second."""
        clips = [write_clip(tmp_path / f"{k}.mov", make_noise(1, seed=k) * 0.1) for k in (1, 2)]
        dip = Transition(TransitionKind.DIP_TO_BLACK, 13)
        film = read_film(change_clip(make_edit(clips), 1, transition=dip), tmp_path)[0]
        assert len(film) == 48 * FRAME
        level = levels(film, 1 / 24)
        assert np.abs(level[:18] + 20).max() < 3
        assert level[23] < -32
        assert level[24] < -32
        assert np.abs(level[31:] + 20).max() < 3

    def test_film_fades_at_both_ends(self, tmp_path: Path) -> None:
        """The sound of the clips fades with the picture, with equal power."""
        clip = write_clip(tmp_path / "a.mov", make_noise(2) * 0.1)
        edit = replace(make_edit([clip]), fade_in_frames=12, fade_out_frames=24)
        film = read_film(edit, tmp_path, frames=(48,))[0]
        level = levels(film, 1 / 24)
        assert level[0] < -35
        assert level[5] == pytest.approx(-23, abs=2.5)
        assert level[35] == pytest.approx(-23, abs=2.5)
        assert level[47] < -40
        assert abs(film[-1]) < 1e-4

    def test_ranges_of_one_file_have_no_seam(self, tmp_path: Path) -> None:
        """Two ranges that follow each other are the sound itself; others fade for 10 ms."""
        sound = make_noise(2) * 0.1
        clip = write_clip(tmp_path / "a.mov", sound)
        edit = make_edit([clip, clip, clip])
        edit = change_clip(edit, 0, end_frame=20)
        edit = change_clip(edit, 1, first_frame=20, end_frame=30)
        edit = change_clip(edit, 2, first_frame=6, end_frame=12)
        film = read_film(edit, tmp_path, frames=(48, 48, 48))[0]
        np.testing.assert_allclose(film[: 30 * FRAME - 480], sound[: 30 * FRAME - 480], atol=1e-6)
        last = slice(30 * FRAME + 480, 36 * FRAME - 480)
        np.testing.assert_allclose(film[last], sound[6 * FRAME + 480 : 12 * FRAME - 480], atol=1e-6)
        assert abs(film[-1]) < 1e-4

    def test_clip_is_read_from_its_middle(self, tmp_path: Path) -> None:
        """A range far into a long clip is found by seeking, to the sample."""
        sound = make_noise(20) * 0.1
        clip = write_clip(tmp_path / "a.mov", sound)
        edit = change_clip(make_edit([clip]), 0, first_frame=400, end_frame=424)
        film = read_film(edit, tmp_path, frames=(480,))[0]
        middle = slice(480, 24 * FRAME - 480)
        np.testing.assert_allclose(film[middle], sound[400 * FRAME :][middle], atol=1e-6)

    def test_card_is_silent(self, tmp_path: Path) -> None:
        """The last clip fades out into a card, which has no sound."""
        clip = write_clip(tmp_path / "a.mov", make_noise(1) * 0.1)
        card = CardEdit(12, transition=Transition(TransitionKind.CROSSFADE, 6))
        film = read_film(replace(make_edit([clip]), card=card), tmp_path, total=30)[0]
        assert levels(film[21 * FRAME :], 1 / 24)[0] == pytest.approx(-23, abs=3)
        assert not film[24 * FRAME :].any()

    def test_seams_of_200_clips_stay_in_sync(self, tmp_path: Path) -> None:
        """The last clip is where its picture is; the film is as long as its frames."""
        sounds = [make_noise(0.25, seed=seed) * 0.05 for seed in range(4)]
        clips = [write_clip(tmp_path / f"{k}.mov", sound) for k, sound in enumerate(sounds)]
        edit = make_edit([clips[k % 4] for k in range(200)])
        for index in range(199):
            edit = change_clip(edit, index, drop_last_frame=True)
        film = read_film(edit, tmp_path, frames=[6] * 200, block=120)[0]
        assert len(film) == (200 * 5 + 1) * FRAME
        last = film[199 * 5 * FRAME :]
        np.testing.assert_allclose(last[2 * FRAME :], sounds[3][2 * FRAME :], atol=1e-6)


class TestMusic:
    """Music of any length under the film."""

    def test_loop_has_no_click(self, tmp_path: Path) -> None:
        """The end fades into the beginning: its bends are at most twice those elsewhere."""
        file = write_wav(tmp_path / "m.wav", make_film_sound(2) * 0.5 + make_noise(2) * 0.1)
        music = read_music(as_music(file, loop=True, fade_out_frames=0), 7, tmp_path)
        assert levels(music, 0.05).min() > -45
        for loop in (1, 2, 3):
            at = loop * (96_000 - 480)
            assert step_ratio(music, at) <= 2
            assert levels(music[at - 960 : at + 960], 0.005).min() > -35

    def test_music_ends_with_film(self, tmp_path: Path) -> None:
        """It fades out to the last sample; before, it is the file with its gain."""
        sound = make_noise(4) * 0.1
        file = write_wav(tmp_path / "m.wav", sound)
        edit = as_music(file, gain_db=-6.0206, fade_in_frames=12, fade_out_frames=24)
        music = read_music(edit, 3, tmp_path)
        assert len(music) == 144_000
        np.testing.assert_allclose(music[24_000:96_000], sound[24_000:96_000] / 2, atol=1e-4)
        assert levels(music, 0.25)[-1] < -33
        assert abs(music[-1]) < 1e-4

    def test_short_music_ends_without_click(self, tmp_path: Path) -> None:
        """Music that is not repeated ends before the film, and the rest is silent."""
        file = write_wav(tmp_path / "m.wav", make_noise(1) * 0.1)
        music = read_music(as_music(file), 3, tmp_path)
        assert not music[48_000:].any()
        assert np.abs(music[47_990:48_000]).max() < 1e-3

    def test_music_begins_within_file(self, tmp_path: Path) -> None:
        """`from` leaves out the beginning."""
        sound = make_noise(4) * 0.1
        file = write_wav(tmp_path / "m.wav", sound)
        music = read_music(as_music(file, start_frame=24, fade_out_frames=0), 2, tmp_path)
        np.testing.assert_allclose(music[480:95_000], sound[48_480 : 48_000 + 95_000], atol=1e-4)

    def test_music_that_ends_before_its_start_is_refused(self, tmp_path: Path) -> None:
        """Otherwise the film would be silent without a word."""
        file = write_wav(tmp_path / "m.wav", make_noise(1) * 0.1)
        with pytest.raises(MediaError, match="ends before 48f, where the music begins"):
            read_music(as_music(file, start_frame=48), 2, tmp_path)

    def test_too_short_loop_is_refused(self, tmp_path: Path) -> None:
        """A file of some milliseconds would be opened without end."""
        file = write_wav(tmp_path / "m.wav", make_noise(0.1) * 0.1)
        with pytest.raises(MediaError, match="shorter than half a second"):
            read_music(as_music(file, loop=True), 2, tmp_path)

    def test_sum_above_full_scale_is_limited(self, tmp_path: Path) -> None:
        """Music and clips may add up to more than a file can hold."""
        clip = write_clip(tmp_path / "a.mov", make_noise(2) * 0.25)
        file = write_wav(tmp_path / "m.wav", make_noise(2, seed=2) * 0.25)
        edit = make_edit([clip], sound=SoundEdit(music=as_music(file, gain_db=6)))
        film = read_film(edit, tmp_path, frames=(48,))
        assert np.abs(film).max() < 10 ** (-0.99 / 20)


class TestDucking:
    """Music under voices and clips, measured in its stem."""

    def find_gain(self, tmp_path: Path, voice: Sound, seconds: int) -> Sound:
        """Return the gain of the music over time, in steps of 50 ms."""
        file = write_wav(tmp_path / "music.wav", make_film_sound(seconds, seed=3) * 2)
        spoken = write_wav(tmp_path / "voice.wav", voice)
        stems = []
        for duck in (False, True):
            folder = tmp_path / str(duck)
            folder.mkdir()
            music = as_music(file, duck=duck, fade_out_frames=0)
            read_music(music, seconds, folder, voice=InputFile(spoken, ""), stems=True)
            stems.append(levels(read_wav(folder / "music.wav")[0]))
        return stems[1] - stems[0]

    def speak(self, seconds: int, *bursts: tuple[float, float]) -> Sound:
        """Return noise like speech between some times, and silence elsewhere."""
        voice = np.zeros(seconds * RATE)
        for first, end in bursts:
            span = voice[round(first * RATE) : round(end * RATE)]
            span[:] = make_noise(len(span) / RATE, seed=7, low=150, high=5000) * 0.08
        return voice

    def test_depth_and_times(self, tmp_path: Path) -> None:
        """9 to 12 dB within 200 ms of speech, and back within 600 ms."""
        gain = self.find_gain(tmp_path, self.speak(9, (3.0, 4.5), (6.5, 7.0)), 9)
        for first, end in ((3.0, 4.5), (6.5, 7.0)):
            low = gain[round((first + 0.2) * 20) : round(end * 20) - 1]
            assert low.min() > -12
            assert low.max() < -9
        for first, end in ((0.0, 2.75), (5.1, 6.25), (7.6, 9.0)):
            assert np.abs(gain[round(first * 20) : round(end * 20) - 1]).max() < 0.2

    def test_short_pauses_do_not_pump(self, tmp_path: Path) -> None:
        """The music stays low in pauses of less than 300 ms."""
        times = [1.0, 1.9, 2.19, 3.0, 3.25, 4.0]
        voice = self.speak(6, *((first, end) for first, end in list(pairwise(times))[::2]))
        gain = self.find_gain(tmp_path, voice, 6)
        assert gain[24:79].max() < -9

    def test_clip_sound_ducks_and_room_tone_does_not(self, tmp_path: Path) -> None:
        """The clips' own sound counts as speech if it is louder than room tone."""
        sound = make_noise(6) * 10 ** (-50 / 20)
        sound[96_000:144_000] += make_noise(1, seed=5) * 0.05
        clip = write_clip(tmp_path / "a.mov", sound)
        file = write_wav(tmp_path / "music.wav", make_noise(6, seed=3) * 0.1)
        folder = tmp_path / "stems"
        folder.mkdir()
        music = as_music(file, duck=True, fade_out_frames=0)
        edit = make_edit([clip], sound=SoundEdit(music=music, stems=True))
        read_film(edit, folder, frames=(144,))
        level = levels(read_wav(folder / "music.wav")[0], 0.25)
        assert np.abs(level[:7] + 20).max() < 1
        assert np.abs(level[9:11] + 30.5).max() < 1
        assert np.abs(level[15:] + 20).max() < 1


class TestVoices:
    """Recorded voices at their places."""

    def test_voice_begins_in_its_shot_and_goes_on(self, tmp_path: Path) -> None:
        """To the sample, with its gain, over the following cut, and not beyond the film."""
        clips = [write_clip(tmp_path / f"{k}.mov", np.zeros(48_000)) for k in range(3)]
        spoken = make_noise(3, seed=4) * 0.05
        voice = InputFile(write_wav(tmp_path / "v.wav", spoken), "")
        edit = change_clip(make_edit(clips), 1, voice=voice, voice_frame=6, voice_gain_db=6.0206)
        film = read_film(edit, tmp_path)[0]
        first = 30 * FRAME
        assert not film[:first].any()
        inside = film[first + 480 : -480]
        np.testing.assert_allclose(inside, 2 * spoken[480 : 480 + len(inside)], atol=1e-3)
        assert abs(film[-1]) < 1e-3

    def test_voice_over_film_and_shot_add_up(self, tmp_path: Path) -> None:
        """Both are heard."""
        clips = [write_clip(tmp_path / "0.mov", np.zeros(48_000))]
        sounds = [make_noise(1, seed=seed) * 0.05 for seed in (1, 2)]
        files = [
            InputFile(write_wav(tmp_path / f"{k}.wav", sound), "") for k, sound in enumerate(sounds)
        ]
        edit = make_edit(clips, sound=SoundEdit(voice=files[0]))
        film = read_film(change_clip(edit, 0, voice=files[1]), tmp_path)[0]
        both = sounds[0] + sounds[1]
        np.testing.assert_allclose(film[480:-480], both[480:-480], atol=1e-4)


class TestStems:
    """Stems beside the film."""

    def test_sum_of_stems_is_mix(self, tmp_path: Path) -> None:
        """48 kHz, 24 bits, as long as the film: gains, fades and ducking are in them."""
        clips = [
            write_clip(tmp_path / f"{k}.mov", *[make_noise(1, seed=k + c) * 0.05 for c in (0, 9)])
            for k in range(2)
        ]
        music = as_music(write_wav(tmp_path / "m.wav", make_noise(3) * 0.03), duck=True)
        voice = InputFile(write_wav(tmp_path / "v.wav", make_noise(1, seed=8) * 0.05), "")
        edit = make_edit(clips, sound=SoundEdit(music, voice=voice, stems=True))
        folder = tmp_path / "stems"
        folder.mkdir()
        film = read_film(edit, folder, channels=2)
        stems = [read_wav(folder / f"{name}.wav") for name in ("clips", "voice", "music")]
        assert [stem.shape for stem in stems] == [(2, 96_000)] * 3
        np.testing.assert_allclose(np.sum(stems, axis=0), film, atol=3e-7)

    def test_stem_of_missing_sound_is_not_written(self, tmp_path: Path) -> None:
        """A film without a voice has no stem of it."""
        clip = write_clip(tmp_path / "a.mov", make_noise(1) * 0.1)
        folder = tmp_path / "stems"
        folder.mkdir()
        read_film(make_edit([clip], sound=SoundEdit(stems=True)), folder)
        assert [path.name for path in folder.iterdir()] == ["clips.wav"]


class TestFiles:
    """Music and voices of any format."""

    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("mono-44100.mp3", ("-ar", "44100", "-ac", "1", "-b:a", "128k")),
            ("stereo-96000.flac", ("-ar", "96000", "-ac", "2")),
            ("stereo-44100.ogg", ("-ar", "44100", "-ac", "2", "-c:a", "libvorbis", "-q:a", "6")),
            ("mono.opus", ("-ac", "1", "-b:a", "96k")),
            ("surround.m4a", ("-ac", "6", "-c:a", "aac", "-b:a", "384k")),
            ("stereo.mka", ("-ac", "2", "-c:a", "pcm_s24le")),
            ("mono.aiff", ("-ac", "1", "-ar", "22050")),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_format_is_read(
        self, tmp_path: Path, studio: Any, name: str, options: tuple[str, ...]
    ) -> None:
        """At the level, the length and the time of the original, in a film in stereo."""
        sound = make_noise(2, low=100, high=4000) * 0.1
        sound[:48_000] *= 0.1
        is_mono = name.startswith("mono")
        source = write_wav(tmp_path / "source.wav", *[sound] * (1 if is_mono else 2))
        file = tmp_path / name
        studio.run("-i", str(source), *options, str(file))
        edit = FilmEdit((), sound=SoundEdit(music=as_music(file, fade_out_frames=0)))
        with FilmSound(edit, (), (), 72, 2, tmp_path) as film:
            music = film.read(72)
        matches = np.correlate(music[0][47_000:50_000], sound[47_500:49_500], "valid")
        assert abs(int(matches.argmax()) - 500) <= 2
        for channel in music:
            assert levels(channel, 0.5)[1] == pytest.approx(levels(sound, 0.5)[1], abs=0.6)
            assert levels(channel, 0.5)[2] == pytest.approx(levels(sound, 0.5)[2], abs=0.6)
            assert np.abs(channel[98_000:]).max() < 1e-3

    @pytest.mark.parametrize("suffix", ["flac", "m4a", "mp3", "ogg", "mka"])
    def test_damaged_file_is_reported(self, tmp_path: Path, studio: Any, suffix: str) -> None:
        """One sentence with the file and the place, although decoders skip what is damaged."""
        data, file = self.encode(tmp_path, studio, suffix)
        middle = len(data) // 2
        data[middle : middle + 3000] = np.random.default_rng(1).bytes(3000)
        file.write_bytes(data)
        with pytest.raises(MediaError, match=rf"music\.{suffix} is damaged at [123]\.\d seconds: "):
            read_music(as_music(file), 6, tmp_path)

    @pytest.mark.parametrize("suffix", ["flac", "mp3", "mka"])
    def test_file_that_is_cut_off_is_reported(
        self, tmp_path: Path, studio: Any, suffix: str
    ) -> None:
        """Its header has the whole length."""
        data, file = self.encode(tmp_path, studio, suffix)
        file.write_bytes(data[: len(data) // 3])
        with pytest.raises(MediaError, match=r"is cut off: it has [12]\.\d of 6\.0 seconds"):
            read_music(as_music(file), 6, tmp_path)

    def test_trailing_tag_is_no_damage(self, tmp_path: Path, studio: Any) -> None:
        """Other programs append their data to MP3 files."""
        data, file = self.encode(tmp_path, studio, "mp3")
        file.write_bytes(bytes(data) + b"LYRICSBEGIN" + bytes(range(256)) * 8)
        assert levels(read_music(as_music(file), 6, tmp_path), 1)[4] == pytest.approx(-20, abs=1)

    def encode(self, folder: Path, studio: Any, suffix: str) -> tuple[bytearray, Path]:
        """Encode six seconds of noise, and return the data and its file."""
        source = write_wav(folder / "source.wav", make_noise(6) * 0.1)
        file = folder / f"music.{suffix}"
        studio.run("-i", str(source), str(file))
        return bytearray(file.read_bytes()), file

    def test_other_file_is_refused(self, tmp_path: Path) -> None:
        """A playlist that names other files is not followed."""
        file = tmp_path / "music.mp3"
        write_wav(tmp_path / "other.wav", make_noise(1) * 0.1)
        file.write_text("ffconcat version 1.0\nfile other.wav\n")
        with pytest.raises(MediaError, match=r"music\.mp3 is not a sound file that can be read"):
            read_music(as_music(file), 1, tmp_path)

    def test_mute_clips_are_silence(self, tmp_path: Path) -> None:
        """A film of mute clips with music has the music alone."""
        file = write_wav(tmp_path / "m.wav", make_noise(1) * 0.1)
        edit = FilmEdit(
            (EditClip(InputFile(tmp_path / "no.mp4", ""), "a", ""),),
            sound=SoundEdit(music=as_music(file)),
        )
        source = AudioSource(tmp_path / "no.mp4", 24, Fraction(0), has_audio=False)
        with FilmSound(edit, (ClipPlace(0, 0, 24),), (source,), 24, 1, tmp_path) as sound:
            assert sound.read(24).std() > 0.05
