"""Checks before anything is paid that the installed programs can make the film of a plan."""

from __future__ import annotations

from tasks.errors import UsageError
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.plan import Plan
from tasks.planning.conversions import find_expected_clips

_MIN_DNXHR = (256, 120)
"""Width and height of the smallest pictures that SMPTE ST 2019-1 allows."""


def require_film_tools(plan: Plan, *, ffmpeg: str | None) -> None:
    """Check that PyAV and ffmpeg have the encoders that a film needs, as far as that is known.

    Args:
        plan: The plan of the board, or of one of its versions.
        ffmpeg: The configured ffmpeg program, if any.

    Raises:
        NotConfigured: One of them lacks an encoder, or there is no ffmpeg program.
        MediaError: The program can't be started.
        UsageError: The film is too small for its codec.
    """
    expected, film = find_expected_clips(plan), plan.board.storyboard.film
    if expected is None and film.codec == "h264" and film.rate == FRAMES_PER_SECOND:
        return
    # `check` of a film that is only joined does not need the values of an edit.
    from tasks.planning.film_edit import build_edit

    picture = build_edit(plan, {}).picture
    if expected is None and not picture.encodes_every_frame:
        return
    # av takes long to import, and most films need none of this.
    from tasks.media.compatibility import H264_CODING, Coding, find_mismatches
    from tasks.media.convert import require_program_encoder
    from tasks.media.encoders import choose_master_codec, require_encoders
    from tasks.media.ffmpeg_binary import find_ffmpeg

    target = expected.target if expected else None
    if target and picture.codec == "dnxhr":
        _require_size(target.width, target.height)
    coding = Coding(target.codec, target.pix_fmt) if target else H264_CODING
    require_encoders(choose_master_codec(picture.codec, coding))
    if expected and any(find_mismatches(clip, expected.target) for clip in expected.clips):
        require_program_encoder(find_ffmpeg(ffmpeg), coding.codec)


def _require_size(width: int, height: int) -> None:
    if width < _MIN_DNXHR[0] or height < _MIN_DNXHR[1]:
        smallest = "x".join(map(str, _MIN_DNXHR))
        message = (
            f"film.codec: dnxhr needs pictures of {smallest} or more, and the film is "
            f"{width}x{height}; use prores"
        )
        raise UsageError(message)
