"""Letters of every script: fonts are chosen by letter, and lines are broken to a width."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from tasks.media import lettering
from tasks.media.lettering import Lettering, is_drawable, keep_drawable

BODY = Lettering(20)


@pytest.fixture
def no_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the machine have no other font than Pillow's own."""

    def forget() -> None:
        lettering.find_fallbacks.cache_clear()

    monkeypatch.setattr(lettering, "_FALLBACK_FILES", ())
    forget()
    yield
    forget()


@pytest.mark.usefixtures("no_fonts")
def test_letters_without_a_font_are_left_out() -> None:
    """The letters of Pillow's own font stay; of others, the letter without its accent."""
    assert not is_drawable("海")
    assert keep_drawable("A 海边\n  “naïve” – Größe…") == "A “naive” - Grosse…"
    assert keep_drawable("海边日出，镜头缓慢推近 (4K)") == ""
    assert BODY.wrap("海边日出", 500, max_lines=2) == []


def test_fallback_font_has_the_other_letters(
    no_fonts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A font of the system draws what Pillow's own lacks; DejaVu stands for it where it is."""
    del no_fonts
    monkeypatch.setattr(lettering, "_FALLBACK_FILES", ("missing.ttf", "DejaVuSans.ttf"))
    if not lettering.find_fallbacks():
        pytest.skip("DejaVu is not installed")

    assert lettering.find_fallbacks() == ("DejaVuSans.ttf",)
    assert keep_drawable("Ж 海 א") == "Ж א"
    assert BODY.width("aЖ") == pytest.approx(
        ImageFont.truetype("DejaVuSans.ttf", 20).getlength("aЖ")
    )
    assert BODY.width("a Ж") > BODY.width("aЖ")
    canvas = Image.new("L", (60, 30))
    BODY.draw(ImageDraw.Draw(canvas), (0, 22), "a Ж", "white")
    assert canvas.crop((round(BODY.width("a ")) + 1, 0, 60, 30)).getbbox() is not None


def test_font_in_the_working_folder_is_not_loaded(
    no_fonts: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may belong to a cloned repository, and parsers of fonts are large."""
    del no_fonts
    (tmp_path / "own.ttf").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    opened = []
    monkeypatch.setattr(ImageFont, "truetype", lambda name, _: opened.append(name))
    monkeypatch.setattr(lettering, "_FALLBACK_FILES", ("own.ttf",))
    lettering.find_fallbacks()

    assert [Path(name).name for name in opened] == ["own.ttf"]
    assert not Path(opened[0]).exists()


@pytest.mark.parametrize("max_lines", [1, 2, 3])
@pytest.mark.parametrize(
    "text", ["The old keeper climbs the stair. " * 3, "a" * 90, "b " + "a" * 90]
)
def test_wrapped_lines_fit(text: str, max_lines: int) -> None:
    """Each line fits, and an ellipsis stands for what is left out."""
    lines = BODY.wrap(text, 180, max_lines=max_lines)

    assert len(lines) <= max_lines
    assert max(map(BODY.width, lines)) <= 180
    assert lines[-1].endswith("…")
    assert text.startswith(lines[0].rstrip("…"))


def test_text_that_fits_stays_whole() -> None:
    """Words are not divided, and blanks become one."""
    assert BODY.wrap("one   two\nthree", 60, max_lines=3) == ["one two", "three"] or (
        BODY.wrap("one   two\nthree", 60, max_lines=3) == ["one", "two", "three"]
    )
    assert BODY.cut("one two", 500) == "one two"
    assert BODY.wrap("", 500, max_lines=3) == []
