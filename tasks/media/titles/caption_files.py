"""Caption files: SRT and WebVTT read into cues, with the line of every mistake.

Strangers write these files, so that mistakes must be found with their lines, which pysubs2 and
webvtt-py do not report: the first passes over them, the second stops at the first one. Neither
writes `&`, `<` and `-->` escaped.

Writing them is done in `captions`. Nothing is imported here that takes long.
"""

from __future__ import annotations

import codecs
import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from storyboards.terminal_text import quote
from tasks.media.titles.reading_speed import (
    MAX_CHARACTERS_PER_SECOND,
    MAX_LINE_CHARACTERS,
    MAX_LINES,
    MIN_CAPTION_SECONDS,
    caption_seconds,
    count_characters,
)

MAX_FILE_BYTES = 2_000_000
MAX_CUES = 5_000
MAX_TEXT_LENGTH = 1_000
_MAX_MILLISECONDS = 100 * 3_600_000

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMING = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?$")
_LIKE_TIMING = re.compile(
    r"^\s*\d+[:.,;]\d[\d:.,;]*\s*(?:-+\s?>|[–—]+\s?>|→|=+>|--?)\s*\d+[:.,;]\d"
)
_EXAMPLE = "00:00:01,500 --> 00:00:03,000"
_SRT_TAG = re.compile(r"</?(?:i|b|u|s|font)(?:\s[^<>]*)?>|\{\\[^{}]*\}", re.IGNORECASE)
_VTT_TAG = re.compile(r"<(?:/?(?:i|b|u|c|v|lang|ruby|rt)(?:[.\s][^<>]*)?|[\d:.]+)>")
SRT_BREAK = "\u2060"
"""Written into SRT, which has no escapes, where a text would be read as a tag or a time."""


class Cue(NamedTuple):
    """A text of a caption file."""

    start_milliseconds: int
    end_milliseconds: int
    text: str
    """In lines, without tags and escapes."""
    line: int
    """The number of the line with its times, from 1."""


class CaptionProblem(NamedTuple):
    """A mistake in a caption file."""

    line: int
    """From 1; 0 is the whole file."""
    message: str
    remedy: str


class CaptionFile(NamedTuple):
    """The content of a caption file."""

    cues: tuple[Cue, ...]
    """In the order of their times."""
    problems: tuple[CaptionProblem, ...] = ()
    """Mistakes: the text is not used before they are corrected."""
    warnings: tuple[CaptionProblem, ...] = ()
    """Oddities that are understood, and probably not meant."""


class _Lines(NamedTuple):
    """The lines of a file in one of the formats."""

    lines: Sequence[str]
    is_vtt: bool


def read_captions(data: bytes) -> CaptionFile:
    """Return the cues of an SRT or WebVTT file, whichever it is by its content.

    Args:
        data: The content of the file: UTF-8 or UTF-16, else it is taken for Windows-1252.
    """
    if len(data) > MAX_FILE_BYTES:
        message = f"the captions have {len(data) / 1e6:.0f} MB"
        return CaptionFile((), (CaptionProblem(0, message, "Give an SRT or VTT file."),))
    text, warnings = _decode(data)
    if "\0" in text:
        problem = CaptionProblem(0, "the file is not text", "Give an SRT or VTT file.")
        return CaptionFile((), (problem,))
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    is_vtt = lines[0].startswith("WEBVTT")
    cues, problems = _parse(_Lines(lines, is_vtt))
    if not cues and not problems:
        problems = [CaptionProblem(0, "the file has no captions", f"Write {_EXAMPLE}.")]
    if len(cues) > MAX_CUES:
        message = f"the file has {len(cues)} captions, more than {MAX_CUES}"
        problems = [CaptionProblem(0, message, "Give the captions of one film.")]
    warnings += sorted(_find_warnings(cues))
    ordered = sorted(cues, key=lambda cue: (cue.start_milliseconds, cue.line))
    return CaptionFile(tuple(ordered), tuple(problems), tuple(warnings))


def _decode(data: bytes) -> tuple[str, list[CaptionProblem]]:
    """Return the text of a file, and a warning if its encoding is a guess."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace"), []
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = CaptionProblem(
            line, "the file is not UTF-8; it is read as Windows-1252", "Save it as UTF-8."
        )
        # Windows-1252 has no letter for five bytes; Latin-1 has control characters there.
        return data.decode("cp1252", "replace"), [problem]


def _parse(file: _Lines) -> tuple[list[Cue], list[CaptionProblem]]:
    cues: list[Cue] = []
    problems = list(_find_missing_times(file))
    starts = [number for number, line in enumerate(file.lines) if _TIMING.match(line)]
    for start, following in pairwise([*starts, len(file.lines)]):
        times = _TIMING.match(file.lines[start])
        begin, end = _read_times(times.groups() if times else ())
        text = _read_text(file, start + 1, following)
        if not begin < end <= _MAX_MILLISECONDS:
            message = f"the caption ends at {format_time(end)}, and begins at {format_time(begin)}"
            problems.append(CaptionProblem(start + 1, message, "Correct its times."))
        elif len(text) > MAX_TEXT_LENGTH:
            message = f"the caption has {len(text)} characters"
            problems.append(CaptionProblem(start + 1, message, "Divide it."))
        elif text:
            cues.append(Cue(begin, end, text, start + 1))
    return cues, sorted(problems)


def _find_missing_times(file: _Lines) -> Iterator[CaptionProblem]:
    """Yield the places at which times are expected and can't be read."""
    is_before_all = not file.is_vtt
    previous = ""
    for number, line in enumerate(file.lines, start=1):
        stripped, is_timing = line.strip(), bool(_TIMING.match(line))
        is_start = not previous or previous.isdigit()
        if is_timing:
            is_before_all = False
        elif is_start and _LIKE_TIMING.match(line):
            message = f"the times {quote(stripped)} can't be read"
            yield CaptionProblem(number, message, f"Write them like {_EXAMPLE}.")
            is_before_all = False
        elif stripped and not stripped.isdigit() and (is_before_all or _is_numbered(file, number)):
            message = f"the text {quote(stripped)} has no times"
            yield CaptionProblem(number, message, f"Write {_EXAMPLE} above it.")
            is_before_all = False
        previous = stripped


def _is_numbered(file: _Lines, number: int) -> bool:
    """Return True if only a number stands between a line, counted from 1, and a blank line."""
    if file.is_vtt or number < 3:
        return False
    return file.lines[number - 2].strip().isdigit() and not file.lines[number - 3].strip()


def _read_times(groups: Sequence[str | None]) -> tuple[int, int]:
    """Return start and end in milliseconds."""
    times = []
    for hours, minutes, seconds, fraction in (groups[:4], groups[4:]):
        whole = (int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)
        # "1,5" is half a second, as in a decimal fraction.
        times.append(whole * 1000 + int((fraction or "0").ljust(3, "0")))
    return times[0], times[1]


def _read_text(file: _Lines, start: int, following: int) -> str:
    """Return the text between two lines with times."""
    lines = list(file.lines[start:following])
    if file.is_vtt:
        # In WebVTT a blank line ends a cue; after it come its name, comments and styles.
        end = next((index for index, line in enumerate(lines) if not line.strip()), len(lines))
        return _tidy(html.unescape(_VTT_TAG.sub("", line)) for line in lines[:end])
    if following < len(file.lines) and lines and lines[-1].strip().isdigit():
        lines.pop()  # The number of the next caption.
    return _tidy(_SRT_TAG.sub("", line).replace(SRT_BREAK, "") for line in lines)


def _tidy(lines: Iterator[str]) -> str:
    """Return lines without blank ones and without control characters."""
    tidied = (
        "".join(char for char in line if unicodedata.category(char) != "Cc").strip()
        for line in lines
    )
    return "\n".join(line for line in tidied if line)


def _find_warnings(cues: Sequence[Cue]) -> Iterator[CaptionProblem]:
    """Yield at most one warning of each kind, at the first caption that it is about."""
    unsorted = [
        cue for before, cue in pairwise(cues) if cue.start_milliseconds < before.start_milliseconds
    ]
    if unsorted:
        message = "the captions are not in the order of their times; they are sorted"
        yield CaptionProblem(unsorted[0].line, message, "")
    ordered = sorted(cues, key=lambda cue: cue.start_milliseconds)
    overlapping = [
        cue for before, cue in pairwise(ordered) if cue.start_milliseconds < before.end_milliseconds
    ]
    yield from _warn(overlapping, "before the one before ends; both are shown", "begin", "begins")
    yield from _warn_about_reading(cues)


def _warn_about_reading(cues: Sequence[Cue]) -> Iterator[CaptionProblem]:
    """Yield warnings about captions that viewers can hardly read."""
    long = [cue for cue in cues if _longest_line(cue.text) > MAX_LINE_CHARACTERS]
    yield from _warn(long, f"a line of more than {MAX_LINE_CHARACTERS} characters")
    tall = [cue for cue in cues if cue.text.count("\n") >= MAX_LINES]
    yield from _warn(tall, f"more than {MAX_LINES} lines")
    fast = [cue for cue in cues if cue.end_milliseconds - cue.start_milliseconds < _needed(cue)]
    per_second = f"{MAX_CHARACTERS_PER_SECOND:g} characters a second"
    remedy = f"Show them longer, at the least {MIN_CAPTION_SECONDS:.1f} s, or shorten them."
    yield from _warn(fast, f"more than {per_second}, or too short a time", remedy=remedy)


def _needed(cue: Cue) -> int:
    # Times are rounded to milliseconds.
    return int(caption_seconds(cue.text) * 1000) - 1


def _longest_line(text: str) -> int:
    return max(map(count_characters, text.split("\n")))


def _warn(
    cues: Sequence[Cue], what: str, plural: str = "have", singular: str = "has", remedy: str = ""
) -> Iterator[CaptionProblem]:
    """Yield a warning about captions, at the first of them."""
    if cues:
        first = min(cues, key=lambda cue: cue.line)
        count = "a caption" if len(cues) == 1 else f"{len(cues)} captions"
        message = f"{count} {singular if len(cues) == 1 else plural} {what}: {quote(first.text)}"
        yield CaptionProblem(first.line, message, remedy)


def format_time(milliseconds: int, separator: str = ".") -> str:
    """Return a time as `00:00:01.500`."""
    seconds, fraction = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}{separator}{fraction:03}"
