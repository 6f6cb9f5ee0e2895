"""The times of captions from dialogue, which prompts quote without times.

The lines of a shot share its length in the film by their length: models speak them in this order,
and the moment is not known before the clip is heard.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tasks.edit import Caption, EditClip, lay_out

_GAP_FRAMES = 2
"""Between two captions, so that a viewer sees that the text has changed."""
_MIN_FRAMES = 12


def place_dialogue(
    lines: Mapping[str, Sequence[str]], clips: Sequence[EditClip]
) -> tuple[Caption, ...]:
    """Return the captions of a film, with the frames of the shots in which they are spoken.

    Args:
        lines: The spoken lines of each shot, by its id.
        clips: The clips of the film, with the number of their frames.
    """
    places = lay_out(clips, [clip.file.frames or 0 for clip in clips])
    ranges: dict[str, tuple[int, int]] = {}
    for index, (clip, place) in enumerate(zip(clips, places, strict=True)):
        overlap_after = places[index + 1].overlap if index + 1 < len(places) else 0
        first, end = place.first_frame + place.overlap, place.end_frame - overlap_after
        first = min(ranges.get(clip.shot, (first, 0))[0], first)
        ranges[clip.shot] = first, end
    return tuple(
        caption
        for shot, (first, end) in ranges.items()
        for caption in _share(lines.get(shot, ()), first, end)
    )


def _share(lines: Sequence[str], first: int, end: int) -> Iterator[Caption]:
    """Yield the captions of a shot: each line has a share of the frames by its length.

    A line that is longer than a caption of two lines becomes several captions.
    """
    if not lines:
        return
    # Boards without dialogue do not need the module that wraps lines.
    from tasks.media.titles.reading_speed import divide_line

    lines = [text for line in lines for text in divide_line(line)]
    total = sum(map(len, lines))
    spoken = 0
    for line in lines:
        start = first + (end - first) * spoken // total
        spoken += len(line)
        stop = first + (end - first) * spoken // total
        if stop - start >= _MIN_FRAMES + _GAP_FRAMES and spoken < total:
            stop -= _GAP_FRAMES
        if stop > start:
            yield Caption(start, stop, line)
