"""Fonts of titles: coverage, letters that no font has, and the order of mixed scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.edit import ClipPlace, EditClip, FilmEdit, InputFile, Title
from tasks.errors import MediaError
from tasks.media.titles import fonts as title_fonts
from tasks.media.titles.fonts import FontFile, FontSet, choose_fonts, find_direction
from tasks.media.titles.overlays import list_overlays
from tasks.media.titles.text_block import fit_text

OWN = FontFile("")
SYSTEM = FontFile("DejaVuSans.ttf")
"""Has Hebrew and Arabic letters; of many systems, and replaced by a picture of it in tests."""


@pytest.fixture
def without_system_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the machine have no fonts."""
    monkeypatch.setattr(title_fonts, "_find_system_fonts", lambda: ())


@pytest.fixture
def hebrew(monkeypatch: pytest.MonkeyPatch) -> FontSet:
    """Two fonts; only the second has the Hebrew letters."""
    monkeypatch.setattr(
        FontFile,
        "has",
        lambda font, letters: all(
            ("\u0590" <= letter <= "\u05ff") == (font == SYSTEM) for letter in letters
        ),
    )
    return FontSet((OWN, SYSTEM))


def draw(text: str) -> None:
    clip = EditClip(InputFile(Path("a"), "0"), "a", "a", titles=(Title(text),))
    list_overlays(FilmEdit((clip,)), (ClipPlace(0, 0, 48),), 320, 180)


@pytest.mark.parametrize(
    "text",
    ["Grüße für 2,49 €", "éàçñøåßłőűščřžğİı", "–—‘’“”„…©®™°•·×½²№«»", "Ελληνικά Кириллица đơ"],
)
def test_own_font_has_letters_of_europe(text: str, without_system_fonts: None) -> None:
    """The font of shotchain draws Latin, Greek and Cyrillic text without a font of the system."""
    del without_system_fonts

    assert choose_fonts(text).find_missing(text) == ""


def test_letters_without_a_font_are_named(without_system_fonts: None) -> None:
    """A text is refused with the letters that no font has; nothing is drawn as a box."""
    del without_system_fonts

    with pytest.raises(MediaError, match=r"no font here has 你 \(U\+4F60\) 好 \(U\+597D\) of"):
        draw("Hi 你好你")


def test_font_of_board_that_is_not_a_font_is_an_error(tmp_path: Path) -> None:
    """A broken font file is an error that names it, not a font of the system of that name."""
    (tmp_path / "DejaVuSans.ttf").write_bytes(b"no font")
    font = InputFile(tmp_path / "DejaVuSans.ttf", "1")

    with pytest.raises(MediaError, match="is not a font that can be used"):
        choose_fonts("abc", font).find_missing("abc")


def test_text_from_right_to_left_needs_fribidi(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library that orders letters, such a text is refused."""
    monkeypatch.setattr(FontFile, "has", lambda *_: True)
    monkeypatch.setattr("tasks.media.titles.layout.can_shape", lambda: False)

    with pytest.raises(MediaError, match="can't be put in order without FriBiDi"):
        draw("שלום")


@pytest.mark.parametrize(
    ("text", "direction"),
    [("שלום abc", "rtl"), ("20% مرحبا", "rtl"), ("abc שלום", "ltr"), ("1", "ltr")],
)
def test_direction_is_that_of_first_letter(text: str, direction: str) -> None:
    """Numbers and signs have no direction."""
    assert find_direction(text) == direction


@pytest.mark.parametrize(
    ("line", "base", "parts"),
    [
        ("abc שלום def", "ltr", ["abc ", "שלום ", "def"]),
        ("שלום abc 12 עולם", "rtl", [" עולם", "abc 12", "שלום "]),
        ("abc שלום xyz, עולם!", "ltr", ["abc ", "שלום ", "xyz, ", "עולם", "!"]),
        ("שלום abc 20% עולם", "rtl", [" עולם", "abc 20%", "שלום "]),
        ("שלום hi (you)!", "rtl", ["!", "hi (you)", "שלום "]),
        ("a שלום 😀 עולם b", "ltr", ["a ", "עולם ", "😀 ", "שלום ", "b"]),
    ],
)
def test_parts_of_two_fonts_are_in_visual_order(
    hebrew: FontSet, line: str, base: title_fonts.Direction, parts: list[str]
) -> None:
    """Parts that different fonts draw stand from left to right as they are read."""
    assert "".join(run.text for run in hebrew.split(line, base)).replace(" ", "") == "".join(
        parts
    ).replace(" ", "")


def test_lines_do_not_begin_with_closing_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text without blanks is broken between letters, and never before a closing mark."""
    monkeypatch.setattr(FontFile, "has", lambda *_: True)
    text = "你好，世界。「新」品，上市！今天，来吧！"

    block = fit_text(text, FontSet((OWN,)), (20, 20), (110, 400), 9)

    assert block is not None
    lines = [line.text for line in block.lines]
    assert len(lines) > 2
    assert "".join(lines) == text
    assert not [line for line in lines if line[0] in "，。」！"]
    assert not [line for line in lines if line[-1] == "「"]


def test_lines_are_balanced_and_keep_breaks() -> None:
    """No line has a single word if the lines can be even; line breaks of the text stay."""
    fonts = choose_fonts("")

    block = fit_text("one two three four five\nsix", fonts, (20, 20), (220, 200), 3)

    assert block is not None
    assert [line.text for line in block.lines] == ["one two three", "four five", "six"]


def test_no_break_space_keeps_words_together() -> None:
    """A price and its currency stay on one line."""
    fonts = choose_fonts("")

    block = fit_text("Breakfast for 2,49\u00a0€", fonts, (20, 20), (150, 200), 3)

    assert block is not None
    assert block.lines[-1].text.endswith("2,49\u00a0€")


def test_mark_that_a_font_lacks_is_missing() -> None:
    """A vowel sign without its letter is not taken for the dotted circle of complex layout."""
    assert not OWN.has("\u0947")


def test_blanks_between_emoji_are_those_of_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The blanks of emoji fonts are as wide as their pictures, and are not used."""
    emoji = FontFile("NotoColorEmoji.ttf")
    monkeypatch.setattr(
        FontFile, "has", lambda font, letters: (font == emoji) == any(map(_is_picture, letters))
    )

    runs = FontSet((OWN, emoji)).split("a 😀 😀 b", "ltr")

    assert [(run.font.is_emoji, run.text) for run in runs] == [
        (False, "a "),
        (True, "😀"),
        (False, " "),
        (True, "😀"),
        (False, " b"),
    ]


def _is_picture(letter: str) -> bool:
    return ord(letter) > 0x1F000
