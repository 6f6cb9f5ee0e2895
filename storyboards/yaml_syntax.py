"""What a YAML parser's complaint means to somebody who writes a storyboard."""

from __future__ import annotations

import re
from typing import NamedTuple

import yaml

from storyboards.problems import Problem
from storyboards.terminal_text import quote

_TEXT_IN_QUOTES = 'Put the text in "quotes".'
_BEGINS_WITH_NAME = re.compile(r"\s*(?:- +)?[\w-]+:\s+\{[^{}]*\}\s*[^\s#,}\]]")
_QUOTED_THEN_MORE = re.compile(r"\s*(?:- +)?[\w-]+:\s+(?:\"[^\"]*\"|'[^']*')\s*(?=[^\s#])")


class _Complaint(NamedTuple):
    signs: tuple[str, ...]
    """Words of the C parser or the Python one, of which one is enough."""
    message: str
    remedy: str
    at_its_start: bool = False
    """Whether the place that has to change is where the thing began, not where it went wrong."""


_COMPLAINTS = (
    _Complaint(
        ("mapping values are not allowed",),
        "a colon stands where no `key: value` can begin",
        'Put a text with a colon in "quotes", and check the line\'s indentation.',
    ),
    _Complaint(
        ("found unexpected end of stream", "found unexpected document"),
        "a quote is opened and never closed",
        "Close the quote.",
        at_its_start=True,
    ),
    _Complaint(
        ("block sequence entries are not allowed", "sequence entries are not allowed"),
        "a list item stands behind a key on one line",
        'Begin the list on the next line, or put the text in "quotes".',
    ),
    _Complaint(
        ("could not find expected ':'",),
        "a line is no `key: value`",
        "Write a colon and a space after the key, or indent the line under the text it belongs to.",
        at_its_start=True,
    ),
    _Complaint(
        ("escape character", "escape sequence", "escape code", "hexdec"),
        "a backslash in double quotes begins no known escape",
        "Put the text in 'single quotes', or write \\\\ for a backslash.",
    ),
    _Complaint(
        ("',' or ']'", "',' or '}'"),
        "a bracket is not closed, or a comma is missing",
        'Close it, or put a text with brackets in "quotes".',
        at_its_start=True,
    ),
    _Complaint(
        ("expected node content", "expected the node content"),
        "a value is missing here, or a bracket above is not closed",
        'Write the value, or put a text with brackets in "quotes".',
    ),
    _Complaint(
        ("<document start>", "<stream start>"),
        "the line stands outside of the board's keys",
        'Write every key of the board at the left edge, and text in "quotes".',
    ),
    _Complaint(
        ("unexpected ':'", "mapping keys are not allowed"),
        "a colon or a question mark stands where a text can't have one",
        _TEXT_IN_QUOTES,
    ),
    _Complaint(
        ("scanning an alias", "scanning an anchor", "scanning a tag", "parsing a tag"),
        "a text can't begin with &, * or !",
        _TEXT_IN_QUOTES,
    ),
    _Complaint(
        ("scanning a directive",),
        "a line can't begin with %",
        "Take the line out.",
    ),
    _Complaint(
        ("scanning a block scalar",),
        "a text begins with | or > and goes on in the same line",
        "Write the text in the lines below, indented by spaces.",
    ),
    _Complaint(
        ("while parsing a block",),
        "the line does not fit what stands above it",
        'Indent it like its neighbours, and put a text with quotes or brackets in it in "quotes".',
    ),
)


def explain_syntax(error: Exception, text: str) -> Problem:
    """The complaint as a flaw in the author's words, at the place that has to change."""
    mark = getattr(error, "problem_mark", None)
    line, column = (mark.line, mark.column) if mark else (0, 0)
    complaint = _explain(error, _line(text, line), column)
    started = getattr(error, "context_mark", None)
    if started and complaint.at_its_start:
        line, column = started.line, started.column
    return Problem(complaint.message, complaint.remedy, "", line + 1, column + 1)


def _explain(error: Exception, line: str, column: int) -> _Complaint:
    if not isinstance(error, yaml.YAMLError):
        message = "an escape stands for no character"
        return _Complaint((), message, "Put the text in 'single quotes'.")
    return _explain_line(_tell(error), line, column) or _explain_sign(_tell(error))


def _explain_line(told: str, line: str, column: int) -> _Complaint | None:
    """What the line itself shows, where it says more than the parser does."""
    here = line[column : column + 1]
    if here == "\t" or "\t" in line[: len(line) - len(line.lstrip())]:
        return _Complaint((), "a tab stands where spaces belong", "Indent with spaces.")
    if _BEGINS_WITH_NAME.match(line):
        message = "a text begins with { and YAML takes that for a mapping"
        return _Complaint((), message, _TEXT_IN_QUOTES)
    quoted = _QUOTED_THEN_MORE.match(line)
    if quoted and quoted.end() == column:
        remedy = 'Write \\" for a quote inside "quotes", or use \'single quotes\' around it.'
        return _Complaint((), "a text goes on after its closing quote", remedy)
    if "cannot start any token" in told and here:
        return _Complaint((), f"a text can't begin with {quote(here)}", _TEXT_IN_QUOTES)
    return None


def _explain_sign(told: str) -> _Complaint:
    for complaint in _COMPLAINTS:
        if any(sign in told for sign in complaint.signs):
            return complaint
    message = f"this is no YAML: {quote(told)}"
    return _Complaint((), message, "Compare the line with `shotchain init`'s starter.")


def _tell(error: Exception) -> str:
    if not isinstance(error, yaml.MarkedYAMLError):
        return str(error)
    return ", ".join(part for part in (error.context, error.problem) if part)


def _line(text: str, index: int) -> str:
    lines = text.splitlines()
    return lines[index] if index < len(lines) else ""
