"""Pictures of titles and cards: colours of every kind of file, turned and with transparency."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from tasks.errors import MediaError
from tasks.media.titles.picture_files import load_picture, picture_size

ORANGE = (242, 140, 40)


def pixel(path: Path) -> tuple[int, ...]:
    return tuple(np.asarray(load_picture(path))[4, 4].tolist())


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "1", "LA"])
def test_every_mode_is_read_as_rgba(tmp_path: Path, mode: str) -> None:
    """Palettes, greys and bilevel pictures become opaque colours."""
    image = Image.new("RGB", (8, 8), "white").convert(mode)
    image.save(tmp_path / "a.png")

    assert pixel(tmp_path / "a.png") == (255, 255, 255, 255)


def test_transparency_of_a_palette_is_kept(tmp_path: Path) -> None:
    """A colour that a palette declares transparent is transparent."""
    image = Image.new("P", (8, 8), 0)
    image.putpalette([10, 20, 30] * 256)
    image.save(tmp_path / "a.png", transparency=0)

    assert pixel(tmp_path / "a.png")[3] == 0


def test_sixteen_bits_are_scaled(tmp_path: Path) -> None:
    """A middle grey of 16 bits is a middle grey, and not white."""
    levels = np.full((8, 8), 32768, np.uint16)
    Image.fromarray(levels).save(tmp_path / "a.png")

    assert pixel(tmp_path / "a.png")[:3] == (128, 128, 128)


def test_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    """Colours of another profile are converted; those of sRGB stay exactly."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    Image.new("RGB", (8, 8), ORANGE).save(tmp_path / "a.png", icc_profile=profile.tobytes())
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    Image.new("RGB", (8, 8), ORANGE).save(tmp_path / "b.png", icc_profile=lab)
    Image.new("RGB", (8, 8), ORANGE).save(tmp_path / "c.png", icc_profile=b"broken")

    assert pixel(tmp_path / "a.png") == (*ORANGE, 255)
    # A profile that does not fit the picture, or is broken, is ignored.
    assert pixel(tmp_path / "b.png") == (*ORANGE, 255)
    assert pixel(tmp_path / "c.png") == (*ORANGE, 255)


def test_photo_is_turned_upright(tmp_path: Path) -> None:
    """The orientation of a photo counts for its size and its pixels."""
    image = Image.new("RGB", (16, 8), ORANGE)
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif, quality=95)

    assert picture_size(tmp_path / "a.jpg") == (8, 16)
    assert load_picture(tmp_path / "a.jpg").size == (8, 16)


def test_file_that_is_not_a_picture_is_an_error(tmp_path: Path) -> None:
    """Text with the name of a picture is refused."""
    (tmp_path / "a.png").write_text("no picture")

    with pytest.raises(MediaError):
        load_picture(tmp_path / "a.png")
