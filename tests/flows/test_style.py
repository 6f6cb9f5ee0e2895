"""Colour, symbols and widths of text in a terminal."""

from __future__ import annotations

import io

import pytest

from flows.cli.output.style import (
    STATE_STYLES,
    align_columns,
    cell_width,
    fit_to_stream,
    pad,
    paint,
    paint_state,
    terminal_width,
    truncate,
    use_colour,
    wrap,
)

CJK = "灯塔守护者"


class Terminal(io.TextIOWrapper):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def terminal(encoding: str = "utf-8") -> Terminal:
    return Terminal(io.BytesIO(), encoding=encoding)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_use_colour_terminal_and_pipe() -> None:
    """A terminal shows colours and a pipe does not."""
    assert use_colour(terminal())
    assert not use_colour(io.StringIO())


@pytest.mark.parametrize(
    ("variables", "in_terminal", "in_pipe"),
    [
        ({"NO_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "0"}, True, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
    ],
)
def test_use_colour_variables_decide(monkeypatch, variables, in_terminal, in_pipe) -> None:
    """The environment overrides what the stream would show."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert use_colour(terminal()) is in_terminal
    assert use_colour(io.StringIO()) is in_pipe


@pytest.mark.parametrize(
    ("columns", "width"), [("", 80), ("60", 60), ("0", 80), ("-3", 80), ("wide", 80), ("²", 80)]
)
def test_terminal_width_pipe(monkeypatch, columns, width) -> None:
    """A stream without columns has those of COLUMNS, or 80."""
    monkeypatch.setenv("COLUMNS", columns)

    assert terminal_width(io.StringIO()) == width


def test_fit_to_stream_colours() -> None:
    """Painted text keeps its colours in a terminal only."""
    text = paint_state("kept") + " " + paint("12", "bold")

    assert fit_to_stream(text, terminal()) == "\x1b[32m✓ kept\x1b[0m \x1b[1m12\x1b[0m"
    assert fit_to_stream(text, io.TextIOWrapper(io.BytesIO(), encoding="utf-8")) == "✓ kept 12"


def test_fit_to_stream_foreign_sequences_escaped() -> None:
    """Escape sequences that are not ours are escaped, inside painted text all of them."""
    text = "\x1b]0;title\x07\x1b[2J\n" + paint("\x1b[31mred\n", "bold")

    assert fit_to_stream(text, terminal()) == (
        "\\x1b]0;title\\x07\\x1b[2J\n\x1b[1m\\x1b[31mred\\n\x1b[0m"
    )


def test_fit_to_stream_ascii_fallbacks() -> None:
    """A stream that lacks a symbol gets another one of the same width."""
    text = "".join(style.symbol for style in STATE_STYLES.values()) + "┌│└├─…"

    fitted = fit_to_stream(text, terminal("ascii"))

    assert fitted.isascii()
    assert len(fitted) == len(text)
    assert fit_to_stream("x…", terminal("cp1252")) == "x…"


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("shot", 4), (CJK, 10), ("e\u0301", 1), ("\u200d", 0), (paint("ab", "red"), 2)],
)
def test_cell_width_counts_columns(text, width) -> None:
    """Wide letters take two columns; combining ones, joiners and colours none."""
    assert cell_width(text) == width


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("shot", 4, "shot"),
        ("shots", 4, "sho…"),
        (CJK, 10, CJK),
        (CJK, 9, "灯塔守护…"),
        (CJK, 8, "灯塔守…"),
        ("e\u0301e\u0301e\u0301", 2, "e\u0301…"),
    ],
)
def test_truncate_fits(text, width, expected) -> None:
    """A text that is too wide is cut between its letters, with an ellipsis."""
    assert truncate(text, width) == expected


def test_pad_counts_columns() -> None:
    """Blanks are added for columns, not for characters."""
    assert pad(CJK, 12) == CJK + "  "
    assert pad(paint("3", "red"), 3, right=True) == "  " + paint("3", "red")


def test_wrap_between_words() -> None:
    """Lines are broken between words, and inside a word that no line can hold."""
    assert wrap("note: one two three", 10, indent="  ") == ["note: one", "  two", "  three"]
    assert wrap(f"a {CJK}", 6, indent="") == ["a", "灯塔守", "护者"]
    assert wrap("", 10) == [""]


def test_wrap_control_characters_escaped() -> None:
    """A control character takes the columns of what is printed for it."""
    assert wrap("\x1b[2J and", 8) == ["\\x1b[2J", "and"]


def test_align_columns_wide_letters() -> None:
    """Columns are aligned for wide letters and painted cells, numbers to the right."""
    lines = align_columns([(CJK, "5", "x"), (paint("a", "red"), "10", "")], right=(1,))

    assert lines == [f"{CJK}   5  x", paint("a", "red") + " " * 11 + "10"]
