"""Measures every frame of a clip, as a film shows it: levels, sharpness, changes, flashes, sound.

A clip is decoded once, from its first to its last frame, and few frames are in memory at a time.
`tasks.quality` decides which numbers are a fault, and `store.measured_clips` keeps them.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av.filter
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from numpy.typing import NDArray
from PIL import Image

from tasks.errors import MediaError
from tasks.media.compatibility import UNSPECIFIED, resolve_matrix
from tasks.media.container import audio_stream, open_clip, video_stream
from tasks.media.conversion import fit_size, format_arguments, picture_filters
from tasks.media.decode import decode_frames
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.media.orientation import Orientation
from tasks.media.probe import Clip, Colour, probe_with_timeline
from tasks.media.quality.flashes import FlashMeter
from tasks.media.quality.scene_cuts import CutFinder, block_means
from tasks.media.quality.sound_levels import SoundMeter
from tasks.media.timeline import Timeline
from tasks.quality import ClipMeasures, find_frame

Plane = NDArray[np.uint8]

MAX_FRAMES = 30 * 60 * FRAMES_PER_SECOND
"""Of a film at 24 frames per second; what follows in a longer clip is not measured."""

BLACK, WHITE = 16, 235
"""Luma of black and white in limited range, which films have."""
BLACK_LEVEL = 36
"""Luma up to this counts as black: 24 of 255 in full range, as for frames that are handed on."""

_SAMPLED_HEIGHT = 360
"""Levels of larger pictures are measured on every second or third pixel of every such row."""
_LEVELS = np.arange(256)
_DECIMALS = 4
_TIME_TOLERANCE = Fraction(1, 10)
"""In frames."""

_EMPTY, _FULL = 1, 254
"""R, G and B that count as 0 and 255: 8 bits of luma and chroma are rounded."""
_MIN_LEGAL, _MAX_LEGAL = -12.75, 267.75
"""EBU R 103: -5 % to 105 % of each colour."""

# BT.709, limited range, to R, G and B of 0 to 255.
_LUMA_GAIN, _RED, _GREEN_BLUE, _GREEN_RED, _BLUE = 1.1644, 1.7927, -0.2132, -0.5329, 2.1124


class Planes(NamedTuple):
    """A frame in 8 bits of BT.709, limited range, with half of the chroma in each direction."""

    luma: Plane
    blue: Plane
    red: Plane


class MeasuredClip(NamedTuple):
    """The measures of a clip, and the luma of the frames that were requested, by their number."""

    measures: ClipMeasures
    lumas: Mapping[int, Plane]


def measure_clip(
    path: Path,
    *,
    keep: Collection[int] = (),
    deadline_seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> MeasuredClip:
    """Decode a clip once and measure every frame that a film would show of it.

    Args:
        path: The clip. One in HDR is measured without tone mapping.
        keep: Numbers of the frames whose luma is returned, see `find_frame`.
        deadline_seconds: The time that decoding may take.
        clock: Returns the time in seconds.

    Raises:
        MediaError: The clip is damaged, or decoding takes longer than `deadline_seconds`.
    """
    clip, timeline = probe_with_timeline(path)
    ends_at = clock() + deadline_seconds
    total = min(clip.film_frames, MAX_FRAMES)
    wanted = {find_frame(number, total) for number in keep}
    meter, sound = _FrameMeter(), SoundMeter(clip, total)
    lumas: dict[int, Plane] = {}
    shown: Planes | None = None
    for number, planes in enumerate(_iterate_slots(clip, timeline, total, sound)):
        is_new = planes is not shown
        meter.add(planes, is_new=is_new)
        shown = planes
        if number in wanted:
            lumas[number] = planes.luma.copy()
        if clock() > ends_at:
            message = f"{path} was not measured within {deadline_seconds:g} seconds"
            raise MediaError(message)
    if meter.count < total:
        message = f"{path} is damaged: {meter.count} of its {total} frames can be decoded"
        raise MediaError(message)
    return MeasuredClip(meter.finish(clip, sound), lumas)


def _iterate_slots(
    clip: Clip, timeline: Timeline, total: int, sound: SoundMeter
) -> Iterator[Planes]:
    """Yield the picture of each frame of the film; the same object again if it is repeated.

    A frame of the film shows the picture that is seen when the frame begins, as `convert` does it.
    """
    shown: Planes | None = None
    count = 0
    for seconds, planes in _decode(clip, timeline, sound):
        first = _slot_of(seconds)
        while shown is not None and count < min(first, total):
            yield shown
            count += 1
        shown = planes
        if count >= total:
            break
    while shown is not None and count < total:
        yield shown
        count += 1


def _decode(clip: Clip, timeline: Timeline, sound: SoundMeter) -> Iterator[tuple[Fraction, Planes]]:
    """Yield each picture that is shown, with its time from the first; measure the sound as well.

    The decoder leaves out the frames that an edit list hides.
    """
    to_planes = _PlaneReader(clip)
    with open_clip(clip.path) as container:
        stream, audio = video_stream(container, clip.path), audio_stream(container)
        stream.thread_type = "AUTO"
        sound.start_seconds = timeline.first_time * timeline.time_base
        for packet in container.demux(stream, *([audio] if audio and clip.has_audio else [])):
            for frame in packet.decode():
                if isinstance(frame, AudioFrame):
                    sound.add(frame)
                elif isinstance(frame, VideoFrame) and frame.pts is not None:
                    time_base = timeline.time_base
                    yield (frame.pts - timeline.first_time) * time_base, to_planes(frame)
    sound.end()


class _PlaneReader:
    """Returns the planes of decoded frames, converted only if they are not in the film's form."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._graph: av.filter.Graph | None = None
        self._is_plain = (
            clip.pix_fmt == "yuv420p"
            and not clip.colour.is_full_range
            and resolve_matrix(clip) == "bt709"
            and clip.orientation is Orientation.UPRIGHT
            and clip.sar == 1
        )

    def __call__(self, frame: VideoFrame) -> Planes:
        if not self._is_plain or frame.format.name != "yuv420p":
            frame = self._convert(frame)
        luma, blue, red = map(_read_plane, frame.planes[:3])
        return Planes(luma, blue, red)

    def _convert(self, frame: VideoFrame) -> VideoFrame:
        if self._graph is None:
            self._graph = self._build_graph(frame)
        self._graph.vpush(frame)
        return self._graph.vpull()

    def _build_graph(self, frame: VideoFrame) -> av.filter.Graph:
        clip = self._clip
        size = fit_size(clip.display_size, clip.display_size)
        out: dict[str, object] = {"out_color_matrix": "bt709", "out_range": "tv"}
        plain = clip if not clip.is_hdr else replace(clip, colour=_without_transfer(clip.colour))
        filters = picture_filters(plain, size, flags="bicubic", out=out)
        graph = av.filter.Graph()
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        nodes = [
            graph.add(name, format_arguments(*values, **options))
            for name, values, options in (*filters, ("format", ("yuv420p",), {}))
        ]
        graph.link_nodes(source, *nodes, graph.add("buffersink")).configure()
        return graph


def _without_transfer(colour: Colour) -> Colour:
    return replace(colour, transfer=UNSPECIFIED)


def _read_plane(plane: VideoPlane) -> Plane:
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


class _FrameMeter:
    """Collects the values of each frame of a clip."""

    def __init__(self) -> None:
        self.count = 0
        self._values: dict[str, list[float]] = {}
        self._flashes, self._cuts = FlashMeter(), CutFinder()
        self._previous: Plane | None = None
        self._shown: dict[str, float] = {}
        self._first_thumbnail = self._last_thumbnail = b""

    def add(self, planes: Planes, *, is_new: bool) -> None:
        """Measure the next frame of the film; a picture that is repeated is measured once."""
        if is_new:
            self._shown = self._measure(planes)
        else:
            self._shown |= {"difference": 0.0, "motion": 0.0}
        for name, value in self._shown.items():
            self._values.setdefault(name, []).append(round(value, _DECIMALS))
        self.count += 1

    def finish(self, clip: Clip, sound: SoundMeter) -> ClipMeasures:
        """Return the measures of the clip."""
        values = {**self._values, **sound.finish(self.count)}
        return ClipMeasures(
            frames=self.count,
            values={name: tuple(series) for name, series in values.items()},
            flashes=self._flashes.finish(),
            cuts=self._cuts.finish(),
            first_thumbnail=self._first_thumbnail,
            last_thumbnail=self._last_thumbnail,
            is_hdr=clip.is_hdr,
        )

    def _measure(self, planes: Planes) -> dict[str, float]:
        step = max(1, planes.luma.shape[0] // _SAMPLED_HEIGHT)
        sample = np.ascontiguousarray(planes.luma[::step, ::step])
        blue, red = planes.blue[::step, ::step], planes.red[::step, ::step]
        changes = block_means(_absolute_difference(sample, self._previous))
        self._previous = sample
        thumbnail = block_means(sample)
        self._last_thumbnail = thumbnail.astype(np.uint8).tobytes()
        self._first_thumbnail = self._first_thumbnail or self._last_thumbnail
        self._flashes.add(self.count, sample)
        self._cuts.add(self.count, thumbnail)
        return {
            **_measure_levels(sample),
            "blue": float(blue.mean()),
            "red": float(red.mean()),
            "sharpness": _measure_sharpness(planes.luma, step),
            "difference": float(changes.mean()),
            "motion": float(changes.max()),
            **_measure_colours(sample[::2, ::2], blue, red),
        }


def _measure_levels(luma: Plane) -> dict[str, float]:
    shares = np.bincount(luma.ravel(), minlength=256) / luma.size
    mean = float(shares @ _LEVELS)
    return {
        "luma": mean,
        "contrast": float(shares @ (_LEVELS - mean) ** 2) ** 0.5,
        "black": float(shares[: BLACK_LEVEL + 1].sum()),
        "low": float(shares[: BLACK + 1].sum()),
        "high": float(shares[WHITE:].sum()),
    }


def _measure_sharpness(luma: Plane, step: int) -> float:
    """Return the mean absolute second difference along rows and columns, at full resolution."""
    lines = luma[::step].astype(np.int16), luma[:, ::step].T.astype(np.int16)
    means = [
        float(np.abs(2 * line[:, 1:-1] - line[:, :-2] - line[:, 2:]).mean())
        for line in lines
        if line.shape[1] > 2
    ]
    return sum(means) / max(1, len(means))


def _measure_colours(luma: Plane, blue: Plane, red: Plane) -> dict[str, float]:
    """Return the shares of pixels with a colour at or beyond 255, and outside of EBU R 103."""
    rows, columns = min(len(luma), len(blue)), min(luma.shape[1], blue.shape[1])
    y = (luma[:rows, :columns].astype(np.float32) - BLACK) * _LUMA_GAIN
    cb = blue[:rows, :columns].astype(np.float32) - 128
    cr = red[:rows, :columns].astype(np.float32) - 128
    rgb = np.stack((y + _RED * cr, y + _GREEN_BLUE * cb + _GREEN_RED * cr, y + _BLUE * cb))
    highest, lowest = rgb.max(axis=0), rgb.min(axis=0)
    is_illegal = (highest > _MAX_LEGAL) | (lowest < _MIN_LEGAL)
    return {
        "bright": float((highest >= _FULL).mean()),
        "dark": float((lowest <= _EMPTY).mean()),
        "illegal": float(is_illegal.mean()),
    }


def _absolute_difference(picture: Plane, other: Plane | None) -> NDArray[np.int16]:
    if other is None or other.shape != picture.shape:
        # The first frame, or one of another size in a damaged clip.
        return np.zeros(picture.shape, np.int16)
    difference: NDArray[np.int16] = np.abs(picture.astype(np.int16) - other)
    return difference


def compare_lumas(picture: Plane, other: Plane) -> float:
    """Return the mean absolute difference of two frames in levels of luma.

    The second is scaled to the size of the first.
    """
    if other.shape != picture.shape:
        height, width = picture.shape
        resized = Image.fromarray(other).resize((width, height), Image.Resampling.LANCZOS)
        other = np.asarray(resized)
    return float(np.abs(picture.astype(np.int16) - other).mean())


def read_lumas(path: Path, numbers: Collection[int]) -> Mapping[int, Plane]:
    """Return the luma of frames of a clip by their number in a film.

    Args:
        path: The clip.
        numbers: Numbers of the frames, see `find_frame`.

    Raises:
        MediaError: The clip is damaged.
    """
    clip, timeline = probe_with_timeline(path)
    total = min(clip.film_frames, MAX_FRAMES)
    wanted = {find_frame(number, total) for number in numbers}
    times = {number: _time_of_slot(timeline, number) for number in wanted}
    to_planes = _PlaneReader(clip)
    frames = decode_frames(path, timeline, list(times.values()))
    return {
        number: to_planes(frame).luma.copy() for number, frame in zip(times, frames, strict=True)
    }


def _time_of_slot(timeline: Timeline, number: int) -> int:
    """Return the timestamp of the picture that a frame of the film shows."""
    shown = sorted(
        time for index, time in enumerate(timeline.times) if index not in timeline.hidden
    )
    slots = [_slot_of((time - shown[0]) * timeline.time_base) for time in shown]
    return shown[max(0, bisect_right(slots, number) - 1)]


def _slot_of(seconds: Fraction) -> int:
    """Return the first frame of the film that begins when a picture is seen, or after."""
    # Times that were rounded to milliseconds do not move to the frame after.
    return math.ceil(seconds * FRAMES_PER_SECOND - _TIME_TOLERANCE)
