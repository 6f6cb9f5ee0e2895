#!/usr/bin/env python3
"""Check the prose of the tree: docstrings, comments, messages, Markdown and names.

The rules are the table `RULES`; each has an id, a reason and an example of both sides. Grammar and
docstring layout do not belong here: ruff checks the layout.

    .ci/prose.py                       check the whole tree
    .ci/prose.py tasks README.md       check these files and folders
    .ci/prose.py --statistics          print counts per rule and per folder only
    .ci/prose.py --rules               print the rules

If a rule is wrong in one place, end that line with `# prose: ignore RULE`; in Markdown, with
`<!-- prose: ignore RULE -->`. For a string of several lines the comment follows the closing quotes.
"""

from __future__ import annotations

import argparse
import ast
import io
import os
import re
import sys
import tokenize
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

DOCSTRING, COMMENT, MESSAGE, MARKDOWN, NAME = "docstring", "comment", "message", "markdown", "name"
TEXT = (DOCSTRING, COMMENT, MESSAGE, MARKDOWN)
DESCRIPTION = (DOCSTRING, COMMENT)

HIDDEN_FOLDERS = {".ci", ".github"}
"""Hidden folders that are ours; all others are left out."""

OTHER_FOLDERS = {"__pycache__", "build", "dist"}

EXAMPLES = {".ci/prose.py", "tests/test_prose.py"}
"""Files that quote what the rules forbid."""


@dataclass(frozen=True)
class Rule:
    """One forbidden construction.

    Attributes:
        id: The name in the output and in `prose: ignore`.
        pattern: A regular expression without regard to case. A blank in it matches any white
            space, so that a match may run over a line break.
        reason: Why it is forbidden and what to write instead.
        bad: An example that the rule reports.
        good: The same content in plain words.
        kinds: The kinds of text that the rule reads. For `NAME` the pattern is matched against
            each name that is assigned or defined.
    """

    id: str
    pattern: str
    reason: str
    bad: str
    good: str
    kinds: tuple[str, ...] = TEXT

    def matches(self, text: str) -> Iterator[re.Match[str]]:
        """Return every place in `text` that the rule forbids."""
        return self._regex.finditer(text)

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        return re.compile(self.pattern.replace(" ", r"\s+"), re.IGNORECASE)


RULES = (
    Rule(
        "is-no",
        r"(?<!there\s)\b(?:is|are|was|were|be) no (?!longer\b|more\b|less\b|fewer\b|\w+er than\b)",
        "a thing is *not* something: 'is not a ...'",
        bad="{name} is no provider",
        good="{name} is not a provider",
    ),
    Rule(
        "that-there-is",
        r"\bthat there (?:is|are|was|were)\b",
        "name the thing itself, or use a verb",
        bad="the smallest resolution that there is",
        good="the smallest available resolution",
    ),
    Rule(
        "question-start",
        r"\A\s*(?:what|which|whether|where|how|that|who|whose|whom|whoever|whatever)\b",
        "begin with an imperative verb (functions) or a noun (values, classes, modules)",
        bad="Whether the shot is locked.",
        good="Return True if the shot is locked.",
        kinds=DESCRIPTION,
    ),
    Rule(
        "where-condition",
        r"\bwhere (?:one|there|nobody|nothing|none|it (?:is not|isn't|has|can|can't|lacks))\b",
        "'where' is a place; a condition is 'if' or 'when'",
        bad="The receipt, or None where there is none.",
        good="The receipt, or None if the key has none.",
    ),
    Rule(
        "one-that",
        r"\b(?<!no\s)(?<!only\s)one (?:that|which|who|whose)\b",
        "'one' stands for a thing that has a name; use the name",
        bad="an unknown id, or one that the provider lacks",
        good="an unknown id, or an id that the provider lacks",
    ),
    Rule(
        "but-for",
        r"\bbut for\b",
        "archaic; use 'except', 'other than' or a second sentence",
        bad="every option but for --help",
        good="every option except --help",
    ),
    Rule(
        "told",
        r"\btold\b",
        "programs do not talk: printed, reported, returned, documented, given",
        bad="the path of its log is told",
        good="the path of its log is printed",
    ),
    Rule(
        "tells",
        r"\btells\b|\A\s*tell\b",
        "programs do not talk: print, report, return, show",
        bad="`plan` tells what a run costs",
        good="`plan` prints what a run costs",
    ),
    Rule(
        "says",
        r"\b(?:says|said)\b|\A\s*say\b",
        "programs and files do not talk: state, print, report, contain, define, request",
        bad="the board says otherwise",
        good="the board sets another value",
    ),
    Rule(
        "personification",
        r"\b(?:wish(?:es|ed)?|know again|knows(?: again)?|judges?|judged|strikes?|struck)\b",
        "programs do not wish, know, judge or strike: require, support, classify, redact",
        bad="a vendor that knows the model",
        good="a vendor that offers the model",
    ),
    Rule(
        "next-to-none",
        r"\bnext to (?:none|nothing)\b",
        "give the amount: 'almost none', 'below 1 %'",
        bad="It costs next to nothing.",
        good="It takes less than a millisecond.",
    ),
    Rule(
        "of-which",
        r"(?<!each\s)(?<!both\s)(?<!some\s)(?<!all\s)\bof wh(?:ich|om)\b",
        "nominal construction; write two sentences, or 'without', 'whose'",
        bad="shots of which nothing is kept",
        good="shots without a kept clip",
    ),
    Rule(
        "as-it-is",
        r"\bas (?:it is|they are)(?=\s*(?:[.,;:)]|\Z))",
        "say in which form: 'unchanged', 'as written'",
        bad="The text is kept as it is.",
        good="The text is kept unchanged.",
    ),
    Rule(
        "nobody",
        r"\b(?:nobody|somebody|whoever)\b",
        "name the actor: no process, the user, the caller",
        bad="files that nobody is writing",
        good="files that no process is writing",
    ),
    Rule(
        "for-ever",
        r"\bfor ever\b",
        "archaic; use 'forever', 'indefinitely' or 'without limit'",
        bad="A lock file is waited for for ever.",
        good="The command waits indefinitely for the lock.",
    ),
    Rule(
        "by-itself",
        r"\bby (?:itself|themselves)\b",
        "say which is meant: alone, automatically, without a request, separately",
        bad="the vendor failed by itself",
        good="the vendor failed for an internal reason",
    ),
    Rule(
        "name-filler",
        r"\A_*(?:one|told|found|said|row|words|made|asked|given)\Z",
        "name the thing: shot, result, attempt, provider, params, cells, prompt",
        bad="one",
        good="shot",
        kinds=(NAME,),
    ),
    Rule(
        "name-underscore",
        r"\A(?!__\w+__\Z)\w*[^\W_]_+\Z",
        "no trailing underscore; rename one of the two things",
        bad="type_",
        good="media_type",
        kinds=(NAME,),
    ),
    Rule(
        "name-bound",
        r"\A(?!test_)(?:\w*_)?(?:least|most)(?:_\w*)?\Z",
        "bounds are `min_` and `max_`",
        bad="price_most",
        good="max_price",
        kinds=(NAME,),
    ),
    Rule(
        "test-name",
        r"\Atest_(?:\w{56,}|(?:\w*_)?(?:told|tells|says|said|nobody|whoever|knows|strikes)(?:_\w*)?)\Z",
        "`test_<unit>_<condition>_<result>`, at most 60 characters; the sentence is the docstring",
        bad="test_every_command_is_told",
        good="test_readme_lists_every_command",
        kinds=(NAME,),
    ),
)

IDS = {rule.id for rule in RULES}

UNUSED = "unused-ignore"
"""The id of the report about a `prose: ignore` that suppresses nothing."""


@dataclass(frozen=True)
class Segment:
    """A stretch of a file with one kind of content.

    `text` has the length of the source it stands for: quotes, comment signs and code inside it are
    blanked, so that an offset in it is an offset in the file.
    """

    kind: str
    start: int
    text: str

    @property
    def end(self) -> int:
        """The offset behind the last character."""
        return self.start + len(self.text)


@dataclass(frozen=True, order=True)
class Finding:
    """One forbidden construction at a place; line and column count from 1."""

    path: str
    line: int
    column: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.rule}: {self.message}"


class Source:
    """The text of a file, with lines and offsets converted into each other."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines = text.split("\n")
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def offset(self, position: tuple[int, int]) -> int:
        """Return the offset of a (line, column) of `tokenize`: from 1 and from 0."""
        line, column = position
        return self._starts[line - 1] + column

    def line(self, number: int) -> str:
        """Return a line, counted from 1."""
        return self._lines[number - 1]

    def place(self, offset: int) -> tuple[int, int]:
        """Return the line and column of an offset, both from 1."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


def blank(text: str, filler: str = " ") -> str:
    """Return `text` with every character except line breaks replaced by `filler`."""
    return re.sub(r"[^\n]", filler, text)


def blank_code(text: str) -> str:
    """Return `text` with code between backticks replaced by as many underscores."""
    return re.sub(r"(`+)[^`]+\1", lambda match: blank(match[0], "_"), text)


STRING = re.compile(
    r"(?P<prefix>[A-Za-z]*)(?P<quote>\"\"\"|'''|\"|')(?P<body>.*)(?P=quote)", re.DOTALL
)
PLACEHOLDER = re.compile(r"\{[^{}]*\}")
IGNORE = re.compile(r"(?:#|<!--)\s*prose: ignore (?P<ids>[a-z-]+(?:,\s*[a-z-]+)*)\b\s*(?:-->)?")


def string_text(token: str) -> str:
    """Return a string literal as prose of the same length: no quotes, escapes or placeholders."""
    match = STRING.fullmatch(token)
    if match is None:
        return blank(token)
    body, prefix = match["body"], match["prefix"].lower()
    if "r" not in prefix:
        body = re.sub(r"\\[nrt]", "  ", body)
    if "f" in prefix:
        body = body.replace("{{", "  ").replace("}}", "  ")
        while PLACEHOLDER.search(body):
            body = PLACEHOLDER.sub(lambda found: blank(found[0], "_"), body)
    start, end = match.span("body")
    return " " * start + body + " " * (len(token) - end)


def python_segments(source: Source) -> Iterator[Segment]:
    """Split a module into docstrings, comments, messages and names.

    Literals that Python joins are one segment, and so are comments on lines that follow each other.

    Raises:
        SyntaxError: The module is not valid Python.
    """
    tree = ast.parse(source.text)
    docstrings = {
        source.offset((node.lineno, node.col_offset))
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }
    strings, comments = spans(source)
    for start, text in join(source, strings):
        if start in docstrings:
            yield Segment(DOCSTRING, start, blank_code(text))
        elif " " in text.strip():
            # A single word is a key or an identifier.
            yield Segment(MESSAGE, start, blank_code(text))
    for start, text in join(source, comments):
        yield Segment(COMMENT, start, blank_code(text))
    yield from name_segments(source, tree)


Span = tuple[int, int, str]
"""Start and end of a token, and its text as prose of the same length."""


def spans(source: Source) -> tuple[list[Span | None], list[Span | None]]:
    """Return the string literals and the comments of a module; None separates two texts."""
    strings: list[Span | None] = []
    comments: list[Span | None] = []
    nested: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        kind = tokenize.tok_name[token.type]
        start, end = source.offset(token.start), source.offset(token.end)
        # From Python 3.12 on an f-string is several tokens, which may hold strings themselves.
        if kind == "FSTRING_START":
            nested.append(start)
        elif kind == "FSTRING_END":
            first = nested.pop()
            if not nested:
                strings.append((first, end, string_text(source.text[first:end])))
        elif nested or kind in ("NL", "INDENT", "DEDENT"):
            continue
        elif kind == "STRING":
            strings.append((start, end, string_text(token.string)))
        elif kind == "COMMENT":
            text = IGNORE.sub(lambda match: blank(match[0]), token.string)
            if comments and comments[-1] and source.text.count("\n", comments[-1][1], start) > 1:
                comments.append(None)
            comments.append((start, end, re.sub(r"\A#[:!]?", lambda match: blank(match[0]), text)))
            if token.line[: token.start[1]].strip():
                comments.append(None)
        else:
            strings.append(None)
            comments.append(None)
    return strings, comments


def join(source: Source, tokens: Iterable[Span | None]) -> Iterator[tuple[int, str]]:
    """Join neighbouring tokens, blank the source between them, and yield offset and text."""
    for is_gap, group in groupby(tokens, lambda token: token is None):
        if is_gap:
            continue
        parts = [token for token in group if token is not None]
        position, text = parts[0][0], ""
        for start, end, part in parts:
            text += blank(source.text[position:start]) + part
            position = end
        yield parts[0][0], text


def name_segments(source: Source, tree: ast.AST) -> Iterator[Segment]:
    """Yield every name that the module assigns or defines."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                pass
            case ast.Attribute(attr=name, ctx=ast.Store()):
                pass
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                pass
            case ast.ClassDef(name=name):
                pass
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                pass
            case _:
                continue
        # `ast` counts columns in bytes.
        line = source.line(node.lineno).encode()
        column = len(line[: node.col_offset].decode())
        yield Segment(NAME, source.offset((node.lineno, column)), name)


def markdown_segments(source: Source) -> Iterator[Segment]:
    """Split a Markdown file into paragraphs, without code, comments and addresses."""
    text = source.text
    for pattern in (r"^(`{3,}|~{3,}).*?^\1", r"<!--.*?-->", r"\]\([^)]*\)"):
        text = re.sub(pattern, lambda match: blank(match[0]), text, flags=re.DOTALL | re.MULTILINE)
    for match in re.finditer(r"(?:[^\n]|\n(?!\s*(?:\n|[-*#|>]|\d+\.)))+", text):
        yield Segment(MARKDOWN, match.start(), blank_code(match[0]))


class Ignores:
    """The `prose: ignore` comments of a file."""

    def __init__(self, source: Source) -> None:
        self._places = {
            (source.place(match.start())[0], rule.strip()): source.place(match.start())
            for match in IGNORE.finditer(source.text)
            for rule in match["ids"].split(",")
        }
        self._used: set[tuple[int, str]] = set()

    def cover(self, rule: str, lines: tuple[int, int]) -> bool:
        """Return True if a comment on one of the two lines suppresses `rule`."""
        used = {(line, rule) for line in lines} & self._places.keys()
        self._used |= used
        return bool(used)

    def unused(self) -> Iterator[tuple[int, int, str]]:
        """Yield line, column and message of every comment that suppresses nothing."""
        for key in self._places.keys() - self._used:
            why = "suppresses nothing here" if key[1] in IDS else "is not a rule"
            yield *self._places[key], f"{key[1]} {why}; remove the comment"


def check_text(text: str, path: str) -> list[Finding]:
    """Check the text of a file.

    Args:
        text: The whole text.
        path: The path for the report. Its suffix decides: `.py` is Python, the rest Markdown.

    Returns:
        The findings in the order of the text.

    Raises:
        SyntaxError: The module is not valid Python.
    """
    source = Source(text)
    ignores = Ignores(source)
    findings = []
    split = python_segments if path.endswith(".py") else markdown_segments
    for segment in split(source):
        last_line = source.place(segment.end)[0]
        for rule in RULES:
            if segment.kind not in rule.kinds:
                continue
            for match in rule.matches(segment.text):
                start = segment.start + match.start() + len(match[0]) - len(match[0].lstrip())
                line, column = source.place(start)
                if ignores.cover(rule.id, (line, last_line)):
                    continue
                message = f"{' '.join(match[0].split())!r}: {rule.reason}"
                findings.append(Finding(path, line, column, rule.id, message))
    findings += [
        Finding(path, line, column, UNUSED, message) for line, column, message in ignores.unused()
    ]
    return sorted(findings)


def find_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files given, and the Python and Markdown files of the folders given."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(
                name
                for name in folders
                if name not in OTHER_FOLDERS and (name[0] != "." or name in HIDDEN_FOLDERS)
            )
            yield from (
                Path(folder, name) for name in sorted(names) if name.endswith((".py", ".md"))
            )


def check_files(paths: Iterable[Path]) -> Iterator[Finding]:
    """Check files and folders; paths in the findings are relative to the repository."""
    for path in find_files(paths):
        resolved = path.resolve()
        shown = resolved.relative_to(ROOT) if resolved.is_relative_to(ROOT) else path
        if shown.as_posix() not in EXAMPLES:
            yield from check_text(path.read_text(encoding="utf-8"), shown.as_posix())


def statistics(findings: list[Finding]) -> str:
    """Format the counts per rule and per folder of two levels."""
    by_folder = Counter((*Path(finding.path).parts[:-1], ".")[:2] for finding in findings)
    folders = Counter({"/".join(folder): count for folder, count in by_folder.items()})
    rules = Counter(finding.rule for finding in findings)
    blocks = (("rule", rules), ("folder", folders))
    return (
        "\n\n".join(
            "\n".join(
                [
                    f"{title:30}  count",
                    *(f"{name:30}  {count:5}" for name, count in counts.most_common()),
                ]
            )
            for title, counts in blocks
        )
        + f"\n\n{'total':30}  {len(findings):5}"
    )


def rules_text() -> str:
    """Format the rules, each with its reason and both examples."""
    return "\n".join(
        f"{rule.id}: {rule.reason}\n    not:   {rule.bad}\n    write: {rule.good}" for rule in RULES
    )


def main(argv: list[str] | None = None) -> int:
    """Run the check and return the exit code: 1 if anything was found."""
    parser = argparse.ArgumentParser(description="Check docstrings, comments, messages and names.")
    parser.add_argument("paths", nargs="*", type=Path, default=[ROOT], metavar="PATH")
    parser.add_argument("--statistics", action="store_true", help="print counts only")
    parser.add_argument("--rules", action="store_true", help="print the rules and end")
    args = parser.parse_args(argv)
    if args.rules:
        print(rules_text())
        return 0
    findings = list(check_files(args.paths))
    if args.statistics:
        print(statistics(findings))
    else:
        print(*findings, sep="\n", end="\n" if findings else "")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
