"""Conversion of HDR clips to SDR, in films and in frames that are handed on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import NotConfigured
from tasks.media.compatibility import choose_target, find_obstacles
from tasks.media.convert import convert
from tasks.media.frames import last_frame
from tasks.media.orientation import Orientation
from tasks.media.probe import Colour, probe
from tests.support.own_clips import difference, draw_scene, read_pixels, write_hdr_clip

SIZE = (320, 192)
SCENE = draw_scene(SIZE, 20)


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
@pytest.mark.parametrize("orientation", [Orientation.UPRIGHT, Orientation.ROTATED_90])
def test_hdr_clip_looks_like_sdr(
    tmp_path: Path, ffmpeg: Path, transfer: str, orientation: Orientation
) -> None:
    """The film and the frame have the colours of the SDR picture, within 2 levels on average."""
    clip = write_hdr_clip(tmp_path / "hdr.mp4", SCENE, transfer, orientation=orientation)
    measured = probe(clip)
    assert measured.is_hdr
    assert f"is in HDR ({transfer.upper()})" in find_obstacles(measured)
    assert difference(last_frame(clip), SCENE) < 2

    out = tmp_path / "sdr.mp4"
    converted = convert(clip, choose_target([measured]), out, ffmpeg=ffmpeg)
    assert converted.colour == Colour(1, 1, 1, 1)
    assert (converted.pix_fmt, converted.frames) == ("yuv420p", 4)
    assert difference(last_frame(out), SCENE) < 3
    assert difference(last_frame(out), read_pixels(last_frame(clip))) < 2


def test_ffmpeg_without_zscale_is_refused(tmp_path: Path) -> None:
    """Without the filter, the error has the clip, the program and the remedy."""
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho ' .S tonemap V->V Conversion'\n")
    program.chmod(0o755)
    clip = write_hdr_clip(tmp_path / "hdr.mp4", SCENE, "hlg")
    remedy = r"hdr\.mp4 is in HDR, and .*ffmpeg has no zscale .*set FFMPEG"
    with pytest.raises(NotConfigured, match=remedy):
        last_frame(clip, ffmpeg=str(program))
    with pytest.raises(NotConfigured, match=remedy):
        convert(clip, probe(clip), tmp_path / "out.mp4", ffmpeg=program)
