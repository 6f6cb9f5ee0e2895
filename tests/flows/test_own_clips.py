"""The user's own clips: refused before anything is paid, else shown and continued upright."""

from __future__ import annotations

import json
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flows.cli.main import main
from flows.cli.output.plan_text import format_plan
from flows.cli.output.text import format_report
from flows.documents import plan_document, report_document
from flows.report import report_kept
from flows.run import check_ready
from storyboards.problems import InvalidStoryboard
from tasks.errors import NotConfigured
from tasks.media.frames import first_frame, last_frame
from tasks.media.orientation import Orientation
from tasks.media.probe import probe
from tasks.store.atomic_files import digest_bytes
from tests.support.own_clips import (
    damage_middle,
    difference,
    draw_scene,
    read_pixels,
    store_turned,
    write_clip,
    write_hdr_clip,
    write_size_change,
    write_sound_only,
)
from tests.support.reports import folder_of

SIZE = (480, 320)
SCENES = [draw_scene(SIZE, step) for step in range(12)]
BLACK = np.zeros((320, 480, 3), np.uint8)


def truncate(path: Path) -> Path:
    """Cut a clip off after its index."""
    path.write_bytes(path.read_bytes()[:-2000])
    return path


BROKEN = {
    "damage in the middle": (
        # Its last frame can be decoded, from a key frame behind the damage.
        lambda path: damage_middle(write_clip(path, SCENES, key_every=2)),
        "own.mp4 is damaged",
    ),
    "truncated": (lambda path: truncate(write_clip(path, SCENES)), "own.mp4 is truncated"),
    "no video": (write_sound_only, "own.mp4 has no video, only audio"),
    "size change": (
        lambda path: write_size_change(path, [SIZE, (320, 480)]),
        "own.mp4 changes its size midway, from 480x320 to 320x480",
    ),
    "black end": (
        lambda path: write_clip(path, [*SCENES, BLACK]),
        "own.mp4 ends on black, and two would start from it",
    ),
    "single frame": (
        lambda path: write_clip(path, SCENES[:1]),
        "own.mp4 has a single frame, and two begins with it",
    ),
    "too narrow": (
        lambda path: write_clip(path, [draw_scene((96, 320))] * 3),
        "own.mp4 is 96x320, too narrow or too wide for a first frame",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_clip_is_refused_before_paying(
    studio, chain, monkeypatch, capsys, kind: str
) -> None:
    """The command ends with 2 and one sentence with the place, and no create is sent."""
    write, message = BROKEN[kind]
    write(studio.folder / "own.mp4")
    # A shot that does not need the clip would be paid for first.
    text = chain("zero", "own|clip: own.mp4", "two", provider="modelark")
    text = text.replace('prompt: "Picture of own.", ', "")
    file = studio.write(text)
    for name, value in studio.settings().variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(studio.folder)
    assert main(["render", file.name, "--yes", "--json", "--store", "store"]) == 2
    document = json.loads(capsys.readouterr().out)
    (problem,) = document["problems"]
    assert problem["message"].startswith(message)
    assert (problem["file"], problem["line"]) == ("board.yaml", 6)
    assert problem["path"] == "shots[1].clip"
    assert problem["remedy"]
    assert studio.submits == studio.creates == 0


@pytest.mark.parametrize("kind", ["black end", "single frame"])
def test_end_without_seam_may_be_black(studio, chain, kind: str) -> None:
    """A clip that nothing continues may end on black or have one frame."""
    BROKEN[kind][0](studio.folder / "own.mp4")
    text = chain("two|first_frame: none", provider="modelark")
    check_ready(studio.prepare(text.replace("shots:\n", "shots:\n  - {id: own, clip: own.mp4}\n")))


def test_hdr_clip_without_zscale_is_refused(studio, chain, tmp_path: Path) -> None:
    """An ffmpeg that can't convert the clip ends the run with 3 before a create."""
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho libx264\n")
    program.chmod(0o755)
    write_hdr_clip(studio.folder / "own.mp4", SCENES[0], "hlg")
    text = chain("two").replace("shots:\n", "shots:\n  - {id: own, clip: own.mp4}\n")
    # The clip was decoded by an earlier run, with another ffmpeg.
    check_ready(studio.prepare(text))
    studio.env["FFMPEG"] = str(program)
    with pytest.raises(NotConfigured, match=r"own\.mp4 is in HDR, .*set FFMPEG"):
        studio.run(text)
    assert studio.submits == 0


def test_damaged_reference_clip_is_refused(studio) -> None:
    """A reference clip is decoded too before it is sent."""
    size = (864, 496)
    pictures = [draw_scene(size, step % 24) for step in range(60)]
    damage_middle(write_clip(studio.folder / "ref.mp4", pictures))
    text = (
        "provider: simulator\nmodel: seedance-2.0\nshots:\n"
        "  - {id: one, prompt: Tea, references: {videos: [ref.mp4]}}\n"
    )
    with pytest.raises(InvalidStoryboard, match=r"shots\[0\]\.references: ref\.mp4 is damaged"):
        studio.run(text)
    assert studio.submits == 0


def test_clip_is_decoded_once_per_content(studio) -> None:
    """The result is kept in the store by content: a copy is not decoded, a change is."""
    clip = write_clip(studio.folder / "own.mp4", SCENES)
    text = "shots:\n  - {id: own, clip: own.mp4}\n"
    decoded: list[str] = []

    def check() -> list[str]:
        decoded.clear()
        check_ready(studio.prepare(text), on_check=decoded.append)
        return list(decoded)

    assert check() == ["own.mp4"]
    assert check() == []
    (studio.folder / "copy.mp4").write_bytes(clip.read_bytes())
    text = text.replace("own.mp4", "copy.mp4")
    assert check() == []
    write_clip(studio.folder / "copy.mp4", SCENES[:6])
    assert check() == ["copy.mp4"]
    (record,) = (studio.folder / "store" / "checked").glob(f"{studio.prepare(text).shots[0].key}*")
    record.write_text("{broken")
    assert check() == ["copy.mp4"]


def test_turned_clips_are_upright_for_vendor(studio, chain) -> None:
    """First, in the middle and continued: film, vendor and next shot see them upright."""
    size = (864, 480)
    pictures = [draw_scene(size, step) for step in range(12)]
    for degrees in (90, 180, 270):
        orientation = Orientation[f"ROTATED_{degrees}"]
        write_clip(studio.folder / f"{degrees}.mp4", pictures, orientation=orientation)
    text = chain("two", "middle|clip: 180.mp4", "four", "last|clip: 270.mp4")
    for shot in ("middle", "last"):
        text = text.replace(f'prompt: "Picture of {shot}.", ', "")
    text = text.replace("shots:\n", "shots:\n  - {id: first, clip: 90.mp4}\n")
    report = studio.run(text)

    assert report.errors == ()
    assert report.film.frame_count == 3 * 12 + 2 * 49 - 2
    assert plan_document(report.run)["film_frames"] == 3 * 12 + 2 * 49 - 2
    expected = [["rotated 90°"], [], ["rotated 180°"], [], ["rotated 270°"]]
    for described in (report, report_kept(studio.prepare(text))):
        shots = report_document(described, None)["shots"]
        assert [shot["conversions"] for shot in shots] == expected
        assert "converted: middle: rotated 180°" in format_report(described, None)
    assert probe(report.film.path).display_size == size
    assert difference(first_frame(report.film.path), pictures[0]) < 4
    assert difference(last_frame(report.film.path), pictures[-1]) < 4
    for shot in ("two", "four"):
        seen = read_pixels(first_frame(folder_of(report, shot) / "clip.mp4"))
        assert seen.shape == pictures[-1].shape
        assert np.abs(seen - pictures[-1].astype(int)).mean() < 6


def test_portrait_phone_clip_is_continued(studio, chain) -> None:
    """A portrait clip with a variable rate keeps its shape, and ends on its last picture."""
    size = (320, 480)
    pictures = [draw_scene(size, step) for step in range(18)]
    times = [step / 30 + (0.008 if step % 3 else 0) for step in range(18)]
    write_clip(
        studio.folder / "own.mp4",
        pictures,
        rate=Fraction(30),
        times=times,
        orientation=Orientation.ROTATED_90,
        tones=(300,),
    )
    text = chain("two|ratio: adaptive").replace(
        "shots:\n", "shots:\n  - {id: own, clip: own.mp4}\n"
    )
    expected = ("rotated 90°", "variable frame rate to 24 fps")
    run = studio.prepare(text)
    document = plan_document(run)
    assert document["shots"][0]["conversions"] == list(expected)
    assert f"converted: own: {', '.join(expected)}" in format_plan(run)
    report = studio.run(text)

    assert report.errors == ()
    assert report.results[0].shot.frames == 15
    assert report.film.frame_count == 15 + 49 - 1
    sent = read_pixels(first_frame(folder_of(report, "two") / "clip.mp4"))
    assert sent.shape[0] > sent.shape[1]
    mark = int(np.argmax(sent[-5, :, 0] - sent[-5, :, 2])) / sent.shape[1]
    assert mark == pytest.approx(17 / 24, abs=0.06)


def test_turned_picture_is_sent_upright(studio, chain) -> None:
    """A picture is turned by its EXIF before it is sent; the key is that of the file."""
    picture = draw_scene((864, 480), 20)
    exif = Image.Exif()
    exif[274] = 6
    file = BytesIO()
    stored = Image.fromarray(store_turned(picture, Orientation.ROTATED_90))
    stored.save(file, "JPEG", exif=exif.tobytes(), quality=95)
    (studio.folder / "start.jpg").write_bytes(file.getvalue())
    report = studio.run(chain("one|first_frame: start.jpg"))

    assert report.errors == ()
    seen = first_frame(folder_of(report, "one") / "clip.mp4")
    assert difference(seen, picture) < 6
    (source,) = report.results[0].shot.inputs
    assert (source.width, source.height, source.conversion) == (864, 480, "rotated 90°")
    assert plan_document(report.run)["shots"][0]["conversions"] == ["start.jpg rotated 90°"]
    assert source.identity == digest_bytes(file.getvalue())


def test_sound_damaged_in_the_middle_is_found_before_paying(studio, chain) -> None:
    """Music and voices of the film and of versions are decoded whole, each once per content."""
    sound = write_sound_only(studio.folder / "theme.mp4")
    whole = sound.read_bytes()
    damage_middle(sound)
    film = "film: {music: {file: theme.mp4}}\n"
    version = 'versions:\n  - {name: "{board}-voice", film: {voice: theme.mp4}}\n'
    for text, place in (
        (film, r"film\.music\.file"),
        (version, r"versions\[0\]: in board-voice, film\.voice"),
    ):
        with pytest.raises(InvalidStoryboard, match=rf"{place}: theme\.mp4 is damaged"):
            studio.run(chain("one", provider="modelark") + text)
    assert studio.submits == 0
    sound.write_bytes(whole)
    decoded: list[str] = []
    for _ in range(2):
        run = studio.prepare(chain("one") + film + version)
        check_ready(run, on_check=decoded.append)
    assert decoded == ["theme.mp4"]
