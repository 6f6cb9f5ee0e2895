"""Orientation of clips and images: read from headers, and honoured in frames and films."""

from __future__ import annotations

import struct
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tasks.media.compatibility import choose_target
from tasks.media.convert import convert
from tasks.media.frames import first_frame, last_frame, upright_image
from tasks.media.mime import sniff_mime
from tasks.media.orientation import Orientation, read_image_orientation
from tasks.media.probe import probe
from tests.support.film_joins import chain_edit, join_edit
from tests.support.own_clips import (
    difference,
    draw_scene,
    read_pixels,
    store_turned,
    write_clip,
)

SIZE = (160, 96)
SCENE = draw_scene(SIZE, 20)
TURNED = [orientation for orientation in Orientation if orientation.description]


def make_turned(folder: Path, orientation: Orientation, *, frames: int = 6) -> Path:
    """Write a clip that is upright only if its display matrix is honoured."""
    pictures = [draw_scene(SIZE, 21 - frames + number) for number in range(frames)]
    return write_clip(folder / "turned.mp4", pictures, orientation=orientation)


@pytest.mark.parametrize("orientation", Orientation)
def test_orientation_is_what_ffmpeg_shows(
    studio: Any, tmp_path: Path, orientation: Orientation
) -> None:
    """The frame is upright, as in ffmpeg, which reads the matrix by its own code."""
    clip = make_turned(tmp_path, orientation)
    assert probe(clip).orientation == orientation
    assert probe(clip).display_size == SIZE
    assert difference(last_frame(clip), SCENE) < 3
    shown = tmp_path / "shown.png"
    studio.run("-i", str(clip), "-update", "1", str(shown))
    assert difference(shown.read_bytes(), SCENE) < 4


def test_matrix_of_movie_turns_too(studio: Any, tmp_path: Path) -> None:
    """The matrices of movie and track are multiplied, as in ffmpeg."""
    clip = make_turned(tmp_path, Orientation.ROTATED_90)
    data = bytearray(clip.read_bytes())
    start = data.index(b"mvhd") + 4 + 36
    struct.pack_into(">5i", data, start, -1 << 16, 0, 0, 0, -1 << 16)
    clip.write_bytes(data)
    assert probe(clip).orientation is Orientation.ROTATED_270
    shown = tmp_path / "shown.png"
    studio.run("-i", str(clip), "-update", "1", str(shown))
    assert difference(last_frame(clip), read_pixels(shown.read_bytes())) < 3


@pytest.mark.parametrize("orientation", TURNED)
def test_turned_clip_is_upright_in_film(
    tmp_path: Path, ffmpeg: Path, orientation: Orientation
) -> None:
    """A converted clip is upright, and no player turns it again."""
    clip = make_turned(tmp_path, orientation)
    target = choose_target([probe(clip)])
    assert (target.width, target.height) == SIZE
    out = tmp_path / "out.mp4"
    converted = convert(clip, target, out, ffmpeg=ffmpeg)
    assert converted.orientation is Orientation.UPRIGHT
    assert converted.frames == 6
    assert difference(last_frame(out), SCENE) < 3


@pytest.mark.parametrize("place", [0, 1])
def test_film_does_not_turn_with_a_clip(tmp_path: Path, ffmpeg: Path, place: int) -> None:
    """A turned clip, first or in the middle, turns neither itself nor the other clips."""
    turned = make_turned(tmp_path, Orientation.ROTATED_90)
    plain = [write_clip(tmp_path / f"{k}.mp4", [SCENE] * 4) for k in range(2)]
    out = tmp_path / "converted.mp4"
    convert(turned, choose_target([probe(clip) for clip in plain]), out, ffmpeg=ffmpeg)
    clips = list(plain)
    clips.insert(place, out)
    film = tmp_path / "film.mp4"
    join_edit(chain_edit(clips, chained=False), film)
    assert probe(film).orientation is Orientation.UPRIGHT
    assert probe(film).display_size == SIZE
    assert difference(last_frame(film), SCENE) < 3
    assert difference(first_frame(film), draw_scene(SIZE, 15) if place == 0 else SCENE) < 3


def test_turned_clip_with_wide_pixels(tmp_path: Path, ffmpeg: Path) -> None:
    """The pixel aspect belongs to the stored frame: 72×160 with 4:3 pixels shows 160×96."""
    scene = draw_scene((160, 72), 20)
    clip = write_clip(
        tmp_path / "a.mp4", [scene], orientation=Orientation.ROTATED_270, sar=Fraction(4, 3)
    )
    assert probe(clip).display_size == (160, 96)
    assert difference(last_frame(clip), SCENE) < 6
    out = tmp_path / "out.mp4"
    assert convert(clip, choose_target([probe(clip)]), out, ffmpeg=ffmpeg).sar == 1
    assert difference(last_frame(out), SCENE) < 6


def test_last_frame_has_square_pixels(tmp_path: Path) -> None:
    """The frame that is handed on has the shape that is seen."""
    clip = write_clip(tmp_path / "a.mp4", [draw_scene((96, 96), 20)], sar=Fraction(5, 3))
    assert difference(last_frame(clip), SCENE) < 6


def save(format_name: str, orientation: int | None) -> bytes:
    """Save the scene as an image whose EXIF turns it back."""
    stored = store_turned(SCENE, Orientation(orientation or 1))
    exif = Image.Exif()
    if orientation is not None:
        exif[274] = orientation
    file = BytesIO()
    Image.fromarray(stored).save(file, format_name, exif=exif.tobytes(), quality=95)
    return file.getvalue()


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", Orientation)
def test_orientation_of_image_is_read(format_name: str, orientation: Orientation) -> None:
    """The orientation is found where each format keeps it."""
    assert read_image_orientation(save(format_name, orientation)) == orientation


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_image_is_turned_in_its_format(format_name: str) -> None:
    """A turned image is upright, in the same format and without an orientation."""
    turned = upright_image(save(format_name, 8))
    assert sniff_mime(turned) == sniff_mime(save(format_name, 8))
    assert read_image_orientation(turned) is Orientation.UPRIGHT
    assert difference(turned, SCENE) < 3
    plain = save(format_name, 1)
    assert upright_image(plain) is plain


def test_damaged_exif_is_upright() -> None:
    """An image that ends in its header or is damaged there is not an error."""
    for format_name in ("JPEG", "PNG", "WEBP", "TIFF"):
        data = save(format_name, 6)
        for cut in range(0, 200, 9):
            noise = np.random.default_rng(cut).bytes(64)
            assert read_image_orientation(data[:cut]) in Orientation
            assert read_image_orientation(data[:cut] + noise + data[cut + 64 :]) in Orientation
    for other in (save("JPEG", None), save("GIF", None), b""):
        assert read_image_orientation(other) is Orientation.UPRIGHT
