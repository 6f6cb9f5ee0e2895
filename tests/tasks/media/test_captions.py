"""Captions: strangers' files with their mistakes, the files beside a film, the samples in it."""

from __future__ import annotations

import pytest

from tasks.edit import Caption, CaptionsEdit
from tasks.film_rates import find_rate
from tasks.media.titles.caption_files import read_captions
from tasks.media.titles.captions import (
    format_sidecars,
    format_srt,
    format_vtt,
    limit_captions,
    list_samples,
    place_cues,
)
from tasks.media.titles.reading_speed import count_characters, divide_line, legal_seconds

SRT = """1
00:00:01,000 --> 00:00:02,500
Hello <i>there</i>

2
00:00:03,000 --> 00:00:04,000
Two
lines
"""
VTT = """WEBVTT - title

NOTE a comment
of two lines

STYLE
::cue { color: red }

intro
00:01.000 --> 00:02.500 line:80% align:left
<v Ana>Fish &amp; chips &lt;3</v>

00:00:03.000 --> 00:00:04.000
<c.loud>Two</c>
<00:00:03.500>lines
"""


def texts_of(data: str | bytes) -> list[str]:
    raw = data if isinstance(data, bytes) else data.encode()
    return [cue.text for cue in read_captions(raw).cues]


def mistakes_of(data: str) -> list[tuple[int, str]]:
    return [(each.line, each.message) for each in read_captions(data.encode()).problems]


def test_read_srt_returns_cues_with_lines() -> None:
    """Times are milliseconds, tags are left out, and each cue has the line of its times."""
    cues = read_captions(SRT.encode()).cues

    assert [tuple(cue) for cue in cues] == [
        (1000, 2500, "Hello there", 2),
        (3000, 4000, "Two\nlines", 6),
    ]


def test_read_vtt_skips_comments_and_settings() -> None:
    """Comments, styles, names and settings are left out; escapes are resolved."""
    cues = read_captions(VTT.encode()).cues

    assert [tuple(cue) for cue in cues] == [
        (1000, 2500, "Fish & chips <3", 10),
        (3000, 4000, "Two\nlines", 13),
    ]


@pytest.mark.parametrize(
    "data",
    [
        SRT.replace("\n", "\r\n").encode(),
        SRT.replace("\n", "\r").encode(),
        b"\xef\xbb\xbf" + SRT.encode(),
        SRT.encode("utf-16"),
        SRT.replace("1\n00", "00").replace("2\n00", "00").encode(),
        SRT.replace("\n\n2\n", "\n2\n").encode(),
        SRT.replace("Two\nlines", "Two\n\nlines").encode(),
        SRT.replace(",000", ",0").replace("00:00:", "0:0:").encode(),
        (SRT + "\n3\n00:00:05,000 --> 00:00:06,000\n\n").encode(),
    ],
    ids=["crlf", "cr", "bom", "utf-16", "unnumbered", "tight", "blank", "short-times", "empty"],
)
def test_read_srt_of_other_writers(data: bytes) -> None:
    """Line ends, encodings and the habits of other programs make no difference."""
    result = read_captions(data)

    assert [cue.text for cue in result.cues] == ["Hello there", "Two\nlines"]
    assert not result.problems
    assert not result.warnings


def test_read_latin_1_warns_with_line() -> None:
    """A file that is not UTF-8 is read as Windows-1252, with a warning at the first such line."""
    result = read_captions(SRT.replace("Two", "Grüße für 5 €").encode("cp1252"))

    assert result.cues[1].text == "Grüße für 5 €\nlines"
    assert [(each.line, each.message) for each in result.warnings] == [
        (7, "the file is not UTF-8; it is read as Windows-1252")
    ]


@pytest.mark.parametrize(
    ("change", "line", "message"),
    [
        ((" --> 00:00:02", " -> 00:00:02"), 2, "`00:00:01,000 -> 00:00:02,500` can't be read"),
        (("00:00:01,000", "00:00:1.x"), 2, "the text `00:00:1.x --> 00:00:02,500` has no times"),
        (("00:00:04,000", "00:00:03,000"), 6, "ends at 00:00:03.000, and begins at 00:00:03.000"),
        (("00:00:03,000 --> 00:00:04,000\n", ""), 6, "the text `Two` has no times"),
        (
            ("1\n00:00:01,000 --> 00:00:02,500\n", ""),
            1,
            "`Hello <i>there</i>` has no times",
        ),
        (("lines", "x" * 1001), 6, "the caption has 1005 characters"),
    ],
)
def test_read_srt_reports_mistake_with_line(
    change: tuple[str, str], line: int, message: str
) -> None:
    """Each mistake is reported at its line."""
    mistakes = mistakes_of(SRT.replace(*change))

    assert [number for number, _ in mistakes] == [line]
    assert message in mistakes[0][1]


def test_read_reports_every_mistake() -> None:
    """One check reports all mistakes of a file."""
    broken = SRT.replace(" --> ", " -> ")

    assert [line for line, _ in mistakes_of(broken)] == [2, 6]


@pytest.mark.parametrize("text", ["", "\n\n", "WEBVTT\n", "\0\0\0"])
def test_read_of_other_file_is_a_mistake(text: str) -> None:
    """An empty file, or a file that is not text, is reported as a whole."""
    assert [line for line, _ in mistakes_of(text)] == [0]


def test_times_in_text_are_text() -> None:
    """A time table in the text of a caption is not taken for the times of a caption."""
    text = SRT.replace("Hello", "Open\n10:30 - 18:00")

    assert texts_of(text)[0] == "Open\n10:30 - 18:00 there"
    assert not mistakes_of(text)


def test_unsorted_and_overlapping_cues_are_kept() -> None:
    """Captions are sorted, overlaps stay, and both are reported once with a line."""
    text = """3
00:00:03,000 --> 00:00:04,000
later

1
00:00:01,000 --> 00:00:02,500
first

2
00:00:02,000 --> 00:00:02,800
second
"""
    result = read_captions(text.encode())

    assert [cue.text for cue in result.cues] == ["first", "second", "later"]
    assert [(each.line, each.message[:34]) for each in result.warnings] == [
        (6, "the captions are not in the order "),
        (10, "a caption begins before the one be"),
        (10, "a caption has more than 20 charact"),
    ]


def test_captions_that_are_hard_to_read_warn_with_line() -> None:
    """Long lines, many lines and short times are each reported at the first caption."""
    text = """1
00:00:01,000 --> 00:00:02,000
A line of more than forty-two characters is hard to read

2
00:00:03,000 --> 00:00:03,500
short

3
00:00:04,000 --> 00:00:14,000
1
2
3
4
"""
    warnings = read_captions(text.encode()).warnings

    assert [(each.line, each.message[:42]) for each in warnings] == [
        (2, "2 captions have more than 20 characters a "),
        (2, "a caption has a line of more than 42 chara"),
        (10, "a caption has more than 3 lines: `1\\n2\\n3\\"),
    ]


@pytest.mark.parametrize(
    ("text", "count"), [("Grüße", 5), ("你好", 4), ("e\u0301", 1), ("नमस्ते", 4), ("a\nb", 2)]
)
def test_wide_letters_count_twice(text: str, count: int) -> None:
    """Chinese letters take the room and the time of two; marks take none."""
    assert count_characters(text) == count


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("Terms apply.", 2.4), ("one " * 9, 3.8), ("one " * 10, 5.0), ("仅限参与活动的门店", 3.0)],
)
def test_small_print_is_held_as_broadcasters_ask(text: str, seconds: float) -> None:
    """0.2 seconds a word, and 2 seconds, or 3 from ten words on, to notice it."""
    assert legal_seconds(text) == pytest.approx(seconds)


SPECIAL = (
    Caption(24, 48, "Fish & chips <b> 1 < 2 --> 3\n{\\an8}</i> `<3`"),
    Caption(48, 72, "שלום 😀 مرحبا"),
    Caption(72, 96, "一\n二\n三"),
)


def test_vtt_escapes_special_characters() -> None:
    """Ampersands and angle brackets are escaped, and no text contains an arrow."""
    written = format_vtt(SPECIAL)

    assert "Fish &amp; chips &lt;b&gt; 1 &lt; 2 --&gt; 3" in written
    assert written.startswith("WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n")
    assert written.count("-->") == len(SPECIAL)


def test_srt_keeps_tags_and_arrows_from_being_read() -> None:
    """SRT has no escapes: a text that looks like a tag or a time is broken invisibly."""
    written = format_srt(SPECIAL)

    assert written.count("-->") == len(SPECIAL)
    assert "<b>" not in written
    assert "{\\" not in written
    assert written.startswith("1\n00:00:01,000 --> 00:00:02,000\nFish & chips <\u2060b> 1 < 2 ")


@pytest.mark.parametrize("write", [format_srt, format_vtt])
def test_written_captions_read_back_equal(write) -> None:
    """Text and times of both formats are read back as they were."""
    result = read_captions(write(SPECIAL).encode())

    assert place_cues(result.cues) == SPECIAL
    assert not result.problems


def test_every_frame_reads_back_equal() -> None:
    """Milliseconds are fine enough for the frames of a long film."""
    captions = tuple(Caption(frame, frame + 1, "x") for frame in range(0, 3000, 7))

    assert place_cues(read_captions(format_srt(captions).encode()).cues) == captions


def test_captions_end_with_film() -> None:
    """A caption beyond the end of the film is left out, and the last one is cut."""
    captions = (Caption(90, 200, "cut"), Caption(0, 10, "kept"), Caption(120, 130, "gone"))

    assert limit_captions(captions, 100) == (Caption(0, 10, "kept"), Caption(90, 100, "cut"))


def test_samples_have_no_gap_and_no_overlap() -> None:
    """Captions of one moment are one sample with all lines; gaps are empty samples."""
    captions = (Caption(10, 30, "a"), Caption(20, 40, "b"))

    assert list(list_samples(captions, 50)) == [
        Caption(0, 10, ""),
        Caption(10, 20, "a"),
        Caption(20, 30, "a\nb"),
        Caption(30, 40, "b"),
        Caption(40, 50, ""),
    ]


def test_times_follow_the_rate_of_the_film() -> None:
    """A film at 23.976 is 0.1 % longer, and so are the times of its captions."""
    captions = CaptionsEdit((Caption(24_000, 24_024, "x"),))

    srt = format_sidecars(captions, 30_000, find_rate(23.976))[".en.srt"]

    assert "00:16:41,000 --> 00:16:42,001" in srt


def test_sidecars_are_named_by_language() -> None:
    """The files beside a film have the language in their names; without captions there are none."""
    edit = CaptionsEdit(SPECIAL, "zh-Hans")

    assert sorted(format_sidecars(edit, 100)) == [".zh-Hans.srt", ".zh-Hans.vtt"]
    assert format_sidecars(CaptionsEdit(()), 100) == {}


@pytest.mark.parametrize(
    ("line", "captions"),
    [
        ("Good morning.", ["Good morning."]),
        ("word " * 18, [("word " * 8).strip() + "\n" + ("word " * 8).strip(), "word word"]),
        ("你好" * 12, ["你好" * 10 + "你\n" + "好你好"]),
    ],
)
def test_spoken_line_becomes_captions_of_two_lines(line: str, captions: list[str]) -> None:
    """A long line is divided; lines have 42 letters, or 21 wide ones."""
    assert divide_line(line) == captions
