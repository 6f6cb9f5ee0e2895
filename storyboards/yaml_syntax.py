"""YAML syntax errors in terms of the author of a storyboard."""

from __future__ import annotations

import re
from typing import NamedTuple

import yaml

from storyboards.problems import Problem
from storyboards.terminal_text import quote

_QUOTE_TEXT = 'Put the text in "quotes".'
_FLOW_MAPPING_THEN_TEXT = re.compile(r"\s*(?:- +)?[\w-]+:\s+\{[^{}]*\}\s*[^\s#,}\]]")
_LIST_THEN_TEXT = re.compile(r"\s*(?:- +)?[\w-]+:\s+\[[^\[\]]*\]\s*[^\s#,}\]]")
_QUOTED_THEN_TEXT = re.compile(r"\s*(?:- +)?[\w-]+:\s+(\"[^\"]*\"|'[^']*')\s*(?=[^\s#])")

_CUT_BY_COMMENT = re.compile(
    r"""(?P<indent>\ *)(?:-\ +)?[\w-]+:\ +[^\s"'|>#{\[][^"']*?\ (?P<comment>\#.*)""", re.VERBOSE
)
_KEY = re.compile(r"\s*(?:- +)?([\w-]+):(?:\s|$)")
_VALUE_ABOVE = re.compile(r"\s*(?:- +)?[\w-]+:\s+[^\s\"'|>#{\[]")
_KEY_OR_ITEM = re.compile(r"\s*(?:[\w-]+:(?:\s|$)|-\s|#|$)")


class _Explanation(NamedTuple):
    signs: tuple[str, ...]
    """Parts of the messages of libyaml and of the Python parser; one of them is enough."""
    message: str
    remedy: str
    at_start: bool = False
    """True if the construct began at the place to report, and failed at another one."""


_WITHOUT_COLON = (
    "a line is not `key: value`",
    "Write a colon and a space after the key, or indent the line under the text it belongs to.",
)
_EXPLANATIONS = (
    _Explanation(
        ("mapping values are not allowed",),
        "there is a colon where no `key: value` can begin",
        'Put a text with a colon in "quotes", and check the indentation of the line.',
    ),
    _Explanation(
        ("found unexpected end of stream", "found unexpected document"),
        "a quote is opened and never closed",
        "Close the quote.",
        at_start=True,
    ),
    _Explanation(
        ("block sequence entries are not allowed", "sequence entries are not allowed"),
        "a list item is on the same line as its key",
        'Begin the list on the next line, or put the text in "quotes".',
    ),
    _Explanation(
        ("could not find expected ':'",),
        *_WITHOUT_COLON,
        at_start=True,
    ),
    _Explanation(
        ("escape character", "escape sequence", "escape code", "hexdec"),
        "a backslash in double quotes does not begin a known escape",
        "Put the text in 'single quotes', or write \\\\ for a backslash.",
    ),
    _Explanation(
        ("',' or ']'", "',' or '}'"),
        "a bracket is not closed, or a comma is missing",
        'Close it, or put a text with brackets in "quotes".',
        at_start=True,
    ),
    _Explanation(
        ("expected node content", "expected the node content"),
        "a value is missing here, or a bracket above is not closed",
        'Write the value, or put a text with brackets in "quotes".',
    ),
    _Explanation(
        ("<document start>", "<stream start>"),
        "the line is outside of the board's keys",
        'Write every key of the board at the left edge, and text in "quotes".',
    ),
    _Explanation(
        ("unexpected ':'", "mapping keys are not allowed"),
        "there is a colon or a question mark where a text can't have one",
        _QUOTE_TEXT,
    ),
    _Explanation(
        ("scanning an alias", "scanning an anchor", "scanning a tag", "parsing a tag"),
        "a text can't begin with &, * or !",
        _QUOTE_TEXT,
        at_start=True,
    ),
    _Explanation(
        ("scanning a directive",),
        "a line can't begin with %",
        "Remove the line.",
    ),
    _Explanation(
        ("scanning a block scalar",),
        "a text begins with | or > and continues on the same line",
        "Write the text on the lines below, indented by spaces.",
    ),
    _Explanation(
        ("while parsing a block",),
        "the line does not fit the lines above it",
        'Indent it like its neighbours, and put a text with quotes or brackets in it in "quotes".',
    ),
)


def explain_bare_line(line: int, column: int) -> Problem:
    """Return the problem of a line without a colon, at a 0-based place."""
    return Problem(*_WITHOUT_COLON, "", line + 1, column + 1)


def explain_syntax(error: Exception, text: str) -> Problem:
    """Return the parser's error as a problem in the author's terms, at the place to change."""
    mark = getattr(error, "problem_mark", None)
    line, column = (mark.line, mark.column) if mark else (0, 0)
    if problem := _explain_cut(text, line) or _explain_indent(error, text, (line, column)):
        return problem
    explanation = _explain(error, _line(text, line), column)
    context_mark = getattr(error, "context_mark", None)
    if context_mark and explanation.at_start:
        line, column = context_mark.line, context_mark.column
    return Problem(explanation.message, explanation.remedy, "", line + 1, column + 1)


def _explain_cut(text: str, line: int) -> Problem | None:
    """Return the problem of a comment that ends a text which continues on the error's line."""
    above, own = _line(text, line - 1) if line else "", _line(text, line)
    cut = _CUT_BY_COMMENT.match(above)
    if not cut or _KEY_OR_ITEM.match(own) or _indent(own) <= len(cut["indent"]):
        return None
    message = f"the text ends before {quote(cut['comment'])}, which YAML reads as a comment"
    return Problem(message, _QUOTE_TEXT, "", line, cut.start("comment") + 1)


def _explain_indent(error: Exception, text: str, place: tuple[int, int]) -> Problem | None:
    """Return the problem of a key that is indented otherwise than its neighbours."""
    line, column = place
    own, above = _line(text, line), _line(text, line - 1) if line else ""
    key = _KEY.match(own)
    if not key:
        return None
    is_own_colon = "mapping values" in str(error) and column == key.end(1)
    if is_own_colon and _VALUE_ABOVE.match(above) and not _is_item(own):
        message = "the line is indented deeper than the keys above, so YAML adds it to their text"
        return Problem(message, "Indent it like its neighbours.", "", line + 1, key.start(1) + 1)
    if key[1] == "id" and not _is_item(own) and "while parsing a block" in str(error):
        message = "a shot begins without a dash"
        return Problem(message, "Write `- id: ...`.", "", line + 1, key.start(1) + 1)
    return None


def _is_item(line: str) -> bool:
    return line.lstrip().startswith("- ")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _explain(error: Exception, line: str, column: int) -> _Explanation:
    if not isinstance(error, yaml.YAMLError):
        message = "an escape does not stand for a character"
        return _Explanation((), message, "Put the text in 'single quotes'.")
    report = _report(error)
    return _explain_line(report, line, column) or _explain_report(report)


def _explain_line(report: str, line: str, column: int) -> _Explanation | None:
    """Return what the line itself shows, if that explains more than the parser's report."""
    char = line[column : column + 1]
    if char == "\t" or "\t" in line[: len(line) - len(line.lstrip())]:
        return _Explanation((), "the line is indented with a tab", "Indent with spaces.")
    if _FLOW_MAPPING_THEN_TEXT.match(line):
        message = "a text begins with {, which YAML reads as a mapping"
        return _Explanation((), message, _QUOTE_TEXT)
    if _LIST_THEN_TEXT.match(line):
        message = "a text begins with [, which YAML reads as a list"
        return _Explanation((), message, _QUOTE_TEXT)
    quoted = _QUOTED_THEN_TEXT.match(line)
    if quoted and quoted.end() == column:
        remedy = 'Write \\" for a quote inside "quotes", or use \'single quotes\' around it.'
        if quoted[1].startswith("'"):
            remedy = "Write '' for an apostrophe inside 'quotes', or use \"quotes\" around it."
        return _Explanation((), "a text continues after its closing quote", remedy)
    if "cannot start any token" in report and char:
        sign = "a backtick" if char == "`" else quote(char)
        return _Explanation((), f"a text can't begin with {sign}", _QUOTE_TEXT)
    return None


def _explain_report(report: str) -> _Explanation:
    for explanation in _EXPLANATIONS:
        if any(sign in report for sign in explanation.signs):
            return explanation
    message = f"this is not valid YAML: {quote(report)}"
    return _Explanation(
        (), message, "Compare the line with the board that `shotchain init` writes."
    )


def _report(error: Exception) -> str:
    if not isinstance(error, yaml.MarkedYAMLError):
        return str(error)
    return ", ".join(part for part in (error.context, error.problem) if part)


def _line(text: str, index: int) -> str:
    lines = text.splitlines()
    return lines[index] if index < len(lines) else ""
