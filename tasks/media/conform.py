"""A clip in the shape and the coding of its film: converted once, and kept by content.

`compatibility` decides which clips need it and what they become, `convert` does it, and the store
keeps the results.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from tasks.edit import EditClip, PictureEdit
from tasks.media.compatibility import find_mismatches, is_cropped, resolve_matrix
from tasks.media.convert import CRF, convert
from tasks.media.probe import Clip

_CONFORM_VERSION = 1
"""Part of the key of a conformed clip: another number lets every clip be converted again."""

_MASTER_CRF = 4
"""Of clips that are decoded again for a master: their loss is below a level."""

KeepFile = Callable[[str, Callable[[Path], None]], Path]
"""Returns the file of a key, which the function writes if it is not kept."""


def conform(
    edit_clip: EditClip,
    clip: Clip,
    target: Clip,
    picture: PictureEdit,
    keep: KeepFile,
    *,
    find_ffmpeg: Callable[[], Path],
) -> Path:
    """Return the file of a clip that can be joined with `target`: itself if it can already.

    Args:
        edit_clip: The clip in the edit.
        clip: Its measurements.
        target: What it has to match.
        picture: The shape and the coding of the film.
        keep: Keeps the result.
        find_ffmpeg: Returns the ffmpeg program, if it is needed.

    Raises:
        MediaError: It can't be converted.
        NotConfigured: ffmpeg is missing, or has no filter for the clip.
    """
    if not find_mismatches(clip, target):
        return clip.path
    has_shape = clip.display_size == (target.width, target.height)
    focus = edit_clip.focus if is_cropped(picture) and not has_shape else None
    crf = _MASTER_CRF if picture.is_master else CRF
    key = _conform_key(edit_clip.file.sha256, target, focus, crf)

    def make(out: Path) -> None:
        convert(clip.path, target, out, ffmpeg=find_ffmpeg(), crop_focus=focus, crf=crf)

    return keep(key, make)


def _conform_key(sha256: str, target: Clip, focus: tuple[float, float] | None, crf: int) -> str:
    parts = [
        _CONFORM_VERSION,
        sha256,
        [target.width, target.height, target.codec, target.pix_fmt, resolve_matrix(target)],
        focus,
        crf,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
