"""Mistakes of beginners, and what is printed about each.

Run ``python tests/storyboards/beginner_mistakes.py`` from the repository to print them as a table.
``test_beginner_mistakes`` checks each of them, and that none hides another.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from storyboards.loading import load_partial
from storyboards.problems import InvalidStoryboard, Problem
from tasks.planning.planner import make_plan

PICTURE = Path(__file__).parents[2] / "storyboards" / "refs" / "ember-end.jpg"
FILE = "board.yaml"


class Mistake(NamedTuple):
    """A board with one mistake, and what is printed about it."""

    name: str
    place: str
    """Line, column and path in the YAML, as they are printed."""
    message: str
    """The main words of the message."""
    remedy: str
    """The main words of the remedy."""
    shot: str = ""
    """The lines of the shot with the mistake, if it is one of a shot."""
    head: str = ""
    """Lines of the board in front of its model."""
    whole: str | bytes = ""
    """The whole file, if it is not a board with a shot."""
    is_warning: bool = False
    extra: int = 0
    """More problems that follow from the same mistake."""


def write_board(*mistakes: Mistake) -> str | bytes:
    """Return a board with these mistakes."""
    if mistakes[0].whole:
        return mistakes[0].whole
    heads = "".join(f"{mistake.head}\n" for mistake in mistakes if mistake.head)
    shots = "".join(f"{mistake.shot}\n" for mistake in mistakes if mistake.shot)
    return (
        f"{heads}model: seedance-2.0\n"
        "look: {resolution: 480p, seconds: 5}\n"
        "shots:\n"
        "  - id: first\n"
        "    prompt: The sun rises.\n"
        f"{shots}"
        "  - id: final\n"
        "    prompt: The sun sets.\n"
    )


def find_problems(folder: Path, board: str | bytes) -> tuple[tuple[Problem, ...], bool]:
    """Return what is printed about a board, and whether it is only warned about."""
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / "card.png").write_bytes(PICTURE.read_bytes())
    path = folder / FILE
    path.write_bytes(board if isinstance(board, bytes) else board.encode())
    try:
        return make_plan(load_partial(path, shown_as=FILE)).warnings, True
    except InvalidStoryboard as error:
        return error.problems, False


def _shot(*lines: str) -> str:
    """Return the lines of a shot, whose id and prompt may be among them."""
    keys = {line.partition(":")[0] for line in lines}
    ids = ["id: fox"] if "id" not in keys else []
    prompts = ["prompt: A fox runs."] if "prompt" not in keys else []
    ordered = [*ids, *lines, *prompts] if "id" in keys else [*ids, *prompts, *lines]
    return "\n".join([f"  - {ordered[0]}", *(f"    {line}" for line in ordered[1:])])


MISTAKES = (
    # Indentation and dashes
    Mistake(
        "a tab",
        "7:1: shots[1].prompt",
        "indented with a tab",
        "Indent with spaces",
        "  - id: fox\n\tprompt: A fox runs.",
    ),
    Mistake(
        "a key that is indented too little",
        "7:4: shots[1].prompt",
        "does not fit the lines above",
        "Indent it like its neighbours",
        "  - id: fox\n   prompt: A fox runs.",
    ),
    Mistake(
        "a key that is indented too far",
        "7:7: shots[1].prompt",
        "indented deeper than the keys above",
        "Indent it like its neighbours",
        "  - id: fox\n      prompt: A fox runs.",
    ),
    Mistake(
        "a shot without its dash",
        "6:3: shots[1].id",
        "begins without a dash",
        "Write `- id: ...`",
        "  id: fox\n  prompt: A fox runs.",
    ),
    Mistake(
        "a shot without its dash, indented",
        "6:5: shots[1].id",
        "begins without a dash",
        "Write `- id: ...`",
        "    id: fox\n    prompt: A fox runs.",
    ),
    Mistake(
        "a shot without its dash, its keys indented",
        "6:3: shots[1].id",
        "begins without a dash",
        "Write `- id: ...`",
        "  id: fox\n    prompt: A fox runs.",
    ),
    Mistake(
        "shots as a mapping",
        "2:3: shots",
        "expected a list, found a mapping",
        "`- id: dawn` instead of `dawn:`",
        whole="shots:\n  dawn:\n    prompt: The sun rises.\n  dusk:\n    prompt: The sun sets.\n",
    ),
    Mistake(
        "one shot without a dash",
        "2:3: shots",
        "expected a list, found a mapping",
        "Begin each shot with a dash",
        whole="shots:\n  id: dawn\n  prompt: The sun rises.\n",
    ),
    Mistake(
        "a list of sentences",
        "6:5: shots[1]",
        "expected keys, found `A fox runs.`",
        "Write `- id: ...` and `prompt: ...`",
        "  - A fox runs.",
    ),
    Mistake(
        "a typographic dash",
        "6:3: shots[1].id",
        "begins with `–`",
        "Write a plain hyphen",
        "  – id: fox\n    prompt: A fox runs.",
    ),
    Mistake(
        "a bullet",
        "6:3: shots[1].id",
        "begins with `•`",
        "Write a plain hyphen",
        "  • id: fox\n    prompt: A fox runs.",
    ),
    Mistake(
        "a numbered list",
        "6:3: shots[1].id",
        "begins with `2.`",
        "Write a plain hyphen",
        "  2. id: fox\n     prompt: A fox runs.",
    ),
    # Blanks, colons and quotes
    Mistake(
        "a non-breaking blank in the indentation",
        "7:1: shots[1].prompt",
        "non-breaking blank (U+00A0)",
        "Replace it by a plain blank",
        "  - id: fox\n\u00a0\u00a0\u00a0\u00a0prompt: A fox runs.",
    ),
    Mistake(
        "a non-breaking blank behind a key",
        "7:11: shots[1].prompt",
        "non-breaking blank (U+00A0)",
        "Replace it by a plain blank",
        "  - id: fox\n    prompt\u00a0: A fox runs.",
    ),
    Mistake(
        "a full-width colon",
        "7:11: shots[1].prompt",
        "full-width",
        "Write a plain colon",
        "  - id: fox\n    prompt：A fox runs.",
    ),
    Mistake(
        "no blank behind a colon",
        "7:11: shots[1].prompt",
        "blank behind the colon of `prompt` is missing",
        "Write `prompt: ...`",
        '  - id: fox\n    prompt:"A fox runs."',
    ),
    Mistake(
        "an equals sign",
        "7:12: shots[1].prompt",
        "`prompt` is followed by =",
        "Write a colon",
        "  - id: fox\n    prompt = A fox runs.",
    ),
    Mistake(
        "a quote that is not closed",
        "7:13: shots[1].prompt",
        "a quote is opened and never closed",
        "Close the quote",
        _shot('prompt: "A fox runs.'),
    ),
    Mistake(
        "quotes inside quotes",
        "7:17: shots[1].prompt",
        "continues after its closing quote",
        'Write \\" for a quote inside',
        _shot('prompt: "A "fox" runs."'),
    ),
    Mistake(
        "an apostrophe in single quotes",
        "7:17: shots[1].prompt",
        "continues after its closing quote",
        "Write '' for an apostrophe",
        _shot("prompt: 'It's a fox.'"),
    ),
    Mistake(
        "curly quotes around a prompt",
        "7:13: shots[1].prompt",
        "curly quotes",
        "Replace them by straight ones",
        _shot("prompt: “A fox runs.”"),
        is_warning=True,
    ),
    Mistake(
        "curly quotes around a prompt with a colon",
        "7:13: shots[1].prompt",
        "in curly quotes",
        "Replace them by straight ones",
        _shot("prompt: “Close-up: a fox.”"),
    ),
    Mistake(
        "curly quotes around a model",
        "8:12: shots[1].model",
        "curly quotes",
        "Replace them by straight ones",
        _shot("model: “seedance-2.0”"),
    ),
    Mistake(
        "curly quotes around a key",
        "7:5: shots[1].prompt",
        "is in curly quotes",
        "Write `prompt:` without them",
        "  - id: fox\n    “prompt”: A fox runs.",
    ),
    # Texts that YAML reads otherwise
    Mistake(
        "a hashtag in a prompt",
        "7:17: shots[1].prompt",
        "the text ends before `#1 runs.`",
        "Put the whole text in",
        _shot("prompt: Fox #1 runs."),
    ),
    Mistake(
        "a comment behind a prompt",
        "7:26: shots[1].prompt",
        "the text ends before `# fast`",
        "Put the whole text in",
        _shot("prompt: A fox runs.  # fast"),
        is_warning=True,
    ),
    Mistake(
        "a comment inside a prompt",
        "7:19: shots[1]",
        "the text ends before `# fast`",
        'Put the text in "quotes"',
        _shot("prompt: A fox # fast", "  runs home."),
    ),
    Mistake(
        "a prompt that begins with a hash",
        "7:13: shots[1].prompt",
        "the text is empty",
        "Put the whole text in",
        _shot("prompt: #1 fan waves."),
    ),
    Mistake(
        "a colon in a prompt",
        "7:21: shots[1].prompt",
        "there is a colon",
        'Put a text with a colon in "quotes"',
        _shot("prompt: Close-up: a fox."),
    ),
    Mistake(
        "a prompt that begins with {fox}",
        "7:19: shots[1].prompt",
        "begins with {",
        'Put the text in "quotes"',
        _shot("prompt: {fox} runs."),
    ),
    Mistake(
        "a prompt that is {fox}",
        "7:13: shots[1].prompt",
        "found a mapping",
        'Put the text in "quotes"',
        _shot("prompt: {fox}"),
    ),
    Mistake(
        "a prompt that begins with [wide]",
        "7:20: shots[1].prompt",
        "begins with [",
        'Put the text in "quotes"',
        _shot("prompt: [wide] A fox runs."),
    ),
    Mistake(
        "a prompt that begins with @",
        "7:13: shots[1].prompt",
        "can't begin with `@`",
        'Put the text in "quotes"',
        _shot("prompt: @Image1 runs."),
    ),
    Mistake(
        "a prompt that begins with a backtick",
        "7:13: shots[1].prompt",
        "can't begin with a backtick",
        'Put the text in "quotes"',
        _shot("prompt: `A fox` runs."),
    ),
    Mistake(
        "a prompt that begins with **",
        "7:13: shots[1].prompt",
        "can't begin with &, * or !",
        'Put the text in "quotes"',
        _shot("prompt: **A fox** runs."),
    ),
    Mistake(
        "a prompt that begins with &",
        "7:13: shots[1].prompt",
        "`&fox` is not part of the text",
        'Put the text in "quotes"',
        _shot("prompt: &fox runs."),
    ),
    Mistake(
        "a prompt that begins with !",
        "7:13: shots[1].prompt",
        "the tag `!Wow` is not allowed",
        "begins with ! in",
        _shot("prompt: !Wow a fox."),
    ),
    Mistake(
        "a prompt that begins with %",
        "7:13: shots[1].prompt",
        "can't begin with `%`",
        'Put the text in "quotes"',
        _shot("prompt: %fox runs."),
    ),
    Mistake(
        "text on the line of a bar",
        "7:15: shots[1].prompt",
        "begins with | or >",
        "on the lines below",
        _shot("prompt: | A fox runs."),
    ),
    Mistake(
        "a prompt as a list",
        "8:7: shots[1].prompt",
        "expected text, found a list",
        "Write one text",
        _shot("prompt:", "  - A fox", "  - runs."),
    ),
    Mistake(
        "a second line that is not indented",
        "8:5: shots[1]",
        "is not `key: value`",
        "indent the line under the text",
        _shot("prompt: A fox runs.", "It sleeps."),
    ),
    # Keys
    Mistake(
        "a misspelt key",
        "7:5: shots[1].promt",
        "unknown key `promt`",
        "Did you mean prompt?",
        "  - id: fox\n    promt: A fox runs.",
    ),
    Mistake(
        "a key with a capital",
        "7:5: shots[1].Prompt",
        "unknown key `Prompt`",
        "Did you mean prompt?",
        "  - id: fox\n    Prompt: A fox runs.",
    ),
    Mistake(
        "a prompt in another key",
        "7:5: shots[1].description",
        "unknown key `description`",
        "Did you mean prompt?",
        "  - id: fox\n    description: A fox runs.",
    ),
    Mistake(
        "camera words in a key",
        "8:5: shots[1].camera",
        "unknown key `camera`",
        "Describe it in the prompt",
        _shot("camera: push in"),
    ),
    Mistake(
        "a negative prompt",
        "8:5: shots[1].negative_prompt",
        "unknown key `negative_prompt`",
        "describe what is to be seen",
        _shot("negative_prompt: blurry"),
    ),
    Mistake(
        "a misspelt section",
        "1:1: flim",
        "unknown key `flim`",
        "Did you mean film?",
        head="flim: {join: cut}",
    ),
    Mistake(
        "a key of the look at the top",
        "1:1: ratio",
        "unknown key `ratio`",
        "It belongs under `look`",
        head="ratio: 16:9",
    ),
    Mistake(
        "no prompt",
        "6:5: shots[1]",
        "neither a `prompt` nor a `clip`",
        "`prompt: ...`",
        "  - id: fox",
    ),
    Mistake(
        "an empty prompt",
        "7:13: shots[1].prompt",
        "the text is empty",
        "Write it",
        _shot('prompt: ""'),
    ),
    Mistake(
        "no id", "6:5: shots[1].id", "`id` is missing", "Name the shot", "  - prompt: A fox runs."
    ),
    Mistake(
        "an id with blanks",
        "6:9: shots[1].id",
        "`the fox` is not a valid `id`",
        "Write the-fox",
        _shot("id: the fox"),
    ),
    Mistake(
        "an id that is used already",
        "6:9: shots[1].id",
        "already used by shots[0]",
        "an id of its own",
        _shot("id: first"),
    ),
    Mistake(
        "an id that differs in its capitals",
        "6:9: shots[1].id",
        "only in its capitals",
        "not mistaken for another",
        _shot("id: First"),
        is_warning=True,
    ),
    # Values
    Mistake(
        "seconds with a unit",
        "8:14: shots[1].seconds",
        "`5s` is not a length",
        "Write 5",
        _shot("seconds: 5s"),
    ),
    Mistake(
        "half a second",
        "8:14: shots[1].seconds",
        "`4.5` is not a length",
        "4 or 5",
        _shot("seconds: 4.5"),
    ),
    Mistake(
        "no seconds",
        "8:14: shots[1].seconds",
        "`0` is not a length",
        "at least 1",
        _shot("seconds: 0"),
    ),
    Mistake(
        "too many seconds",
        "8:14: shots[1].seconds",
        "takes 4 to 15 seconds, not 60",
        "Use 4 to 15",
        _shot("seconds: 60"),
    ),
    Mistake(
        "a resolution without its p",
        "8:17: shots[1].resolution",
        "`480` is not a valid `resolution`",
        "Write 480p.",
        _shot("resolution: 480"),
    ),
    Mistake(
        "a resolution in pixels",
        "8:17: shots[1].resolution",
        "`1920x1080` is not a valid",
        "Write 1080p.",
        _shot("resolution: 1920x1080"),
    ),
    Mistake(
        "a resolution that the model lacks",
        "9:17: shots[1].resolution",
        "seedance-2.0-fast does not support resolution: 1080p",
        "or use seedance-2.0",
        _shot("model: seedance-2.0-fast", "resolution: 1080p"),
    ),
    Mistake(
        "a ratio with x",
        "8:12: shots[1].ratio",
        "`16x9` is not a valid `ratio`",
        "Write 16:9.",
        _shot("ratio: 16x9"),
    ),
    Mistake(
        "a ratio in words",
        "8:12: shots[1].ratio",
        "`vertical` is not a valid `ratio`",
        "Write 9:16.",
        _shot("ratio: vertical"),
    ),
    Mistake(
        "another ratio in one shot",
        "6:5: shots[1]",
        "the film will be 864x496",
        "Set one ratio",
        _shot("first_frame: none", "ratio: 9:16"),
        extra=1,
        is_warning=True,
    ),
    Mistake(
        "a budget with a sign",
        "1:9: budget",
        "`$4` is not an amount of money",
        "Write 4 USD.",
        head="budget: $4",
    ),
    Mistake(
        "a budget without a currency",
        "1:9: budget",
        "`4` is not an amount of money",
        "4 USD",
        head="budget: 4",
    ),
    Mistake(
        "a transition in words",
        "8:17: shots[1].transition",
        "`fade` is not a transition",
        "Write {crossfade: 12f}",
        _shot("transition: fade"),
    ),
    Mistake(
        "yes instead of true",
        "8:12: shots[1].audio",
        "`yes` is neither true nor false",
        "Write true",
        _shot("audio: yes"),
    ),
    Mistake(
        "parameters in the prompt",
        "7:13: shots[1].prompt",
        "the prompt contains `—duration 5`",
        "Set the key of the shot: seconds",
        _shot("prompt: A fox runs —duration 5"),
        is_warning=True,
    ),
    # Models and providers
    Mistake(
        "an unknown model",
        "8:12: shots[1].model",
        "has no model 'sora-2'",
        "`shotchain providers`",
        _shot("model: sora-2"),
    ),
    Mistake(
        "a misspelt provider",
        "8:15: shots[1].provider",
        "there is no provider 'simulater'",
        "Did you mean simulator?",
        _shot("provider: simulater"),
    ),
    # Names and references
    Mistake(
        "an unknown name",
        "7:13: shots[1].prompt",
        "`{fox}` is not in the cast",
        "Add `fox` under `cast`",
        _shot('prompt: "{fox} runs."'),
    ),
    Mistake(
        "a lone brace",
        "7:13: shots[1].prompt",
        "a brace does not open or close a name",
        "Write {{ or }}",
        _shot('prompt: "A { fox."'),
    ),
    Mistake(
        "a number without a reference",
        "7:13: shots[1].prompt",
        "the prompt names `@Image1`",
        "`references: {images: [FILE]}`",
        _shot('prompt: "@Image1 runs."'),
        is_warning=True,
    ),
    Mistake(
        "references as a list",
        "8:17: shots[1].references",
        "expected keys, found a list",
        "{images: [refs/card.png]}",
        _shot("references: [refs/card.png]"),
    ),
    # First frames and files
    Mistake(
        "first_frame: last",
        "8:18: shots[1].first_frame",
        "`last` is read as a file",
        "Write previous.",
        _shot("first_frame: last"),
    ),
    Mistake(
        "first_frame: pervious",
        "8:18: shots[1].first_frame",
        "`pervious` is read as a file",
        "Write previous.",
        _shot("first_frame: pervious"),
    ),
    Mistake(
        "first_frame: no",
        "8:18: shots[1].first_frame",
        "`no` is read as a file",
        "Write none.",
        _shot("first_frame: no"),
    ),
    Mistake(
        "the id of a shot as first_frame",
        "8:18: shots[1].first_frame",
        "`first` is the id of a shot",
        "Write {shot: first}.",
        _shot("first_frame: first"),
    ),
    Mistake(
        "a shot without braces",
        "8:18: shots[1].first_frame",
        "written in braces",
        "Write {shot: first}.",
        _shot("first_frame: shot: first"),
    ),
    Mistake(
        "an unknown shot",
        "8:25: shots[1].first_frame.shot",
        "there is no shot `frist`",
        "Did you mean first?",
        _shot("first_frame: {shot: frist}"),
    ),
    Mistake(
        "a shot that continues itself",
        "8:18: shots[1].first_frame",
        "starts from its own last frame",
        "`first_frame: none`",
        _shot("first_frame: {shot: fox}"),
    ),
    Mistake(
        "a shot that continues a later one",
        "8:18: shots[1].first_frame",
        "waits for itself: `fox` -> `final`",
        "`first_frame: none`",
        _shot("first_frame: {shot: final}"),
    ),
    Mistake(
        "a file name in other capitals",
        "8:18: shots[1].first_frame",
        "no file Refs/Card.PNG",
        "Did you mean refs/card.png?",
        _shot("first_frame: Refs/Card.PNG"),
    ),
    Mistake(
        "a URL without https",
        "8:18: shots[1].first_frame",
        "no file www.example.com/fox.png",
        "Write https://www.example.com/fox.png",
        _shot("first_frame: www.example.com/fox.png"),
    ),
    Mistake(
        "a path of Windows",
        "8:18: shots[1].first_frame",
        "outside the board's folder",
        "Copy the file beside the board",
        _shot(r"first_frame: C:\Users\me\fox.png"),
    ),
    Mistake(
        "an end card of another shape",
        "9:17: shots[1].last_frame",
        "the vendor cuts off",
        "Save it as 640x640.",
        _shot("first_frame: refs/card.png", "last_frame: refs/card.png", "ratio: 1:1"),
        extra=3,
        is_warning=True,
    ),
    # Files that are not boards
    Mistake("an empty file", "1:1", "the board is empty", "`shotchain init FILE`", whole=b"\n"),
    Mistake(
        "a board inside Markdown",
        "3:1",
        "inside a Markdown code block",
        "Remove the ``` lines",
        whole="Your board:\n\n```yaml\nshots: [{id: dawn, prompt: The sun rises.}]\n```\nEnjoy!\n",
    ),
    Mistake(
        "a text file",
        "1:1",
        "the board is a text",
        "Begin with `shots:`",
        whole="A fox runs over the hill.\nThen it sleeps.\n",
    ),
    Mistake(
        "a picture",
        "",
        "this is a picture, not a storyboard",
        "Name the board's YAML file",
        whole=b"\x89PNG\r\n\x1a\n\x00",
    ),
    Mistake(
        "rich text",
        "",
        "this is rich text (RTF)",
        "Save it as plain text",
        whole=b"{\\rtf1\\ansi shots:}",
    ),
    Mistake(
        "UTF-16",
        "1:1",
        "the file is UTF-16",
        "Save the file as UTF-8",
        whole="shots:\n".encode("utf-16"),
    ),
    Mistake(
        "two boards in one file",
        "4:1",
        "a second document begins",
        "A file holds one board",
        whole="shots:\n  - {id: dawn, prompt: The sun rises.}\n\n---\nshots: []\n",
    ),
    # The edit
    Mistake(
        "one range without brackets",
        "8:10: shots[1].use",
        "expected a list, found a mapping",
        "Begin it with a dash",
        _shot("use: {from: 1.0, to: 2.0}"),
    ),
    Mistake(
        "a range that ends before it begins",
        "8:27: shots[1].use[0].to",
        "`to`, frame 24, is not after `from`, frame 48",
        "Write a later time",
        _shot("use: [{from: 2.0, to: 1.0}]"),
    ),
    Mistake(
        "a take as a bare number",
        "8:11: shots[1].use[0]",
        "expected keys, found `2`",
        "Write {take: 2}",
        _shot("use: [2]"),
    ),
    Mistake(
        "start instead of from",
        "8:12: shots[1].use[0].start",
        "unknown key `start`",
        "Did you mean from?",
        _shot("use: [{start: 1.0}]"),
    ),
    Mistake(
        "a time with a unit",
        "8:18: shots[1].use[0].from",
        "`1.5s` is not a time",
        "Write 1.5, the seconds",
        _shot("use: [{from: 1.5s}]"),
    ),
    Mistake(
        "a time of day",
        "8:18: shots[1].use[0].from",
        "`00:01.5` is not a time",
        "Write the seconds: 1.5",
        _shot('use: [{from: "00:01.5"}]'),
    ),
    Mistake(
        "a number of frames in words",
        "8:16: shots[1].use[0].to",
        "`36 frames` is not a time",
        "Write 36f",
        _shot("use: [{to: 36 frames}]"),
    ),
    Mistake(
        "another word for ranges",
        "8:5: shots[1].trim",
        "unknown key `trim`",
        "Did you mean use?",
        _shot("trim: [{to: 1.0}]"),
    ),
    Mistake(
        "another word for a crossfade",
        "8:18: shots[1].transition.dissolve",
        "unknown key `dissolve`",
        "Did you mean crossfade?",
        _shot("transition: {dissolve: 12f}"),
    ),
    Mistake(
        "a crossfade that is too long",
        "8:29: shots[1].transition.crossfade",
        "`300` is out of range",
        "at most 10 seconds",
        _shot("transition: {crossfade: 300}"),
    ),
    Mistake(
        "a dip to a colour that is not possible",
        "8:23: shots[1].transition.dip",
        "`red` is not a valid `dip`",
        "Write black or white",
        _shot("transition: {dip: red}"),
    ),
    Mistake(
        "a title with text and picture",
        "8:29: shots[1].title.image",
        "`text` and `image` both",
        "a list of two titles",
        _shot("title: {text: a, image: refs/card.png}"),
    ),
    Mistake(
        "a title with nothing",
        "8:12: shots[1].title",
        "neither a `text` nor an `image`",
        "Write the text",
        _shot("title: {place: upper}"),
    ),
    Mistake(
        "a title that ends before it begins",
        "8:34: shots[1].title.out",
        "`out`, frame 48, is not after `in`, frame 72",
        "Write a later time",
        _shot("title: {text: a, in: 3, out: 2}"),
    ),
    Mistake(
        "another word for a place",
        "8:29: shots[1].title.place",
        "`bottom` is not a valid `place`",
        "Write lower",
        _shot("title: {text: a, place: bottom}"),
    ),
    Mistake(
        "a colour by its name",
        "8:30: shots[1].title.colour",
        "`white` is not a valid `colour`",
        'Write "#ffffff"',
        _shot("title: {text: a, colour: white}"),
    ),
    Mistake(
        "the American colour",
        "8:22: shots[1].title.color",
        "unknown key `color`",
        "Did you mean colour?",
        _shot('title: {text: a, color: "#ffffff"}'),
    ),
    Mistake(
        "an unknown variable in a title",
        "8:19: shots[1].title.text",
        "`{claim}` is not a variable",
        "Add `claim` under `variables`",
        _shot('title: {text: "{claim}"}'),
    ),
    Mistake(
        "fades longer than their title",
        "8:38: shots[1].title.fade",
        "shown for 12 frames",
        "at most 6f",
        _shot("title: {text: a, out: 12f, fade: 12f}"),
    ),
    Mistake(
        "titles as a list of texts",
        "8:13: shots[1].title[0]",
        "expected keys, found `Ember`",
        "Write {text: Ember}",
        _shot("title: [Ember]"),
    ),
    Mistake(
        "a focus in percent",
        "8:12: shots[1].focus",
        "the focus is not a point",
        "from 0 to 1",
        _shot("focus: [30, 50]"),
    ),
    Mistake(
        "a fade of the film on a shot",
        "8:5: shots[1].fade_in",
        "unknown key `fade_in`",
        "It belongs under `film`",
        _shot("fade_in: 12f"),
    ),
    Mistake(
        "music as a file name",
        "1:15: film.music",
        "expected keys, found `refs/a.mp3`",
        "Write {file: refs/a.mp3}",
        head="film: {music: refs/a.mp3}",
    ),
    Mistake(
        "a volume",
        "1:34: film.music.volume",
        "unknown key `volume`",
        "Did you mean gain_db?",
        head="film: {music: {file: refs/a.mp3, volume: -14}}",
    ),
    Mistake(
        "decibels with a unit",
        "1:43: film.music.gain_db",
        "`-14 dB` is not a number",
        "Write -14",
        head="film: {music: {file: refs/a.mp3, gain_db: -14 dB}}",
    ),
    Mistake(
        "a loudness without a unit",
        "1:18: film.loudness",
        "`-16` is not a loudness",
        "Write -16 LUFS",
        head="film: {loudness: -16}",
    ),
    Mistake(
        "a loudness without its minus",
        "1:18: film.loudness",
        "`16 LUFS` is not a loudness",
        "Write -16 LUFS",
        head="film: {loudness: 16 LUFS}",
    ),
    Mistake(
        "a loudness that is too loud",
        "1:18: film.loudness",
        "`-3 LUFS` is out of range",
        "-50 to -5 LUFS",
        head="film: {loudness: -3 LUFS}",
    ),
    Mistake(
        "a voice over an unknown shot",
        "1:23: film.voice.firts",
        "no shot `firts`",
        "Did you mean first?",
        head="film: {voice: {firts: refs/a.wav}}",
    ),
    Mistake(
        "captions as a file name",
        "1:18: film.captions",
        "expected keys, found `refs/a.srt`",
        "Write {file: refs/a.srt}",
        head="film: {captions: refs/a.srt}",
    ),
    Mistake(
        "captions from two places",
        "1:47: film.captions.dialogue",
        "`file` and `dialogue` both",
        "Keep one",
        head="film: {captions: {file: refs/a.srt, dialogue: true}}",
    ),
    Mistake(
        "another word for captions",
        "1:8: film.subtitles",
        "unknown key `subtitles`",
        "Did you mean captions?",
        head="film: {subtitles: {file: refs/a.srt}}",
    ),
    Mistake(
        "a language in words",
        "1:45: film.captions.language",
        "`english` is not a valid `language`",
        "Write en",
        head="film: {captions: {dialogue: true, language: english}}",
    ),
    Mistake(
        "a card with nothing",
        "1:14: film.card",
        "neither an `image` nor a `text`",
        "Write one of them",
        head="film: {card: {seconds: 2}}",
    ),
    Mistake(
        "a transition longer than its card",
        "1:48: film.card.transition",
        "takes 48 frames of the card, which has 24",
        "Show the card longer",
        head="film: {card: {text: a, seconds: 1, transition: {crossfade: 2.0}}}",
    ),
    Mistake(
        "a rate that is not possible",
        "1:14: film.rate",
        "`30` is not a valid `rate`",
        "Write 29.97",
        head="film: {rate: 30}",
    ),
    Mistake(
        "music of the board",
        "1:1: music",
        "unknown key `music`",
        "It belongs under `film`",
        head="music: {file: refs/a.mp3}",
    ),
    Mistake(
        "a version without a name",
        "1:12: versions[0].name",
        "`name` is missing",
        "Name the file",
        head='versions: [{ratio: "9:16"}]',
    ),
    Mistake(
        "one version without a dash",
        "1:11: versions",
        "expected a list, found a mapping",
        "Begin it with a dash",
        head="versions: {name: a}",
    ),
    Mistake(
        "a ratio of a version in words",
        "1:29: versions[0].ratio",
        "`vertical` is not a valid `ratio`",
        "Write 9:16",
        head="versions: [{name: a, ratio: vertical}]",
    ),
    Mistake(
        "another word for a fit",
        "1:42: versions[0].fit",
        "`letterbox` is not a valid `fit`",
        "Write pad",
        head='versions: [{name: a, ratio: "9:16", fit: letterbox}]',
    ),
    Mistake(
        "a version of an unknown shot",
        "1:30: versions[0].shots[0]",
        "no shot `firts`",
        "Did you mean first?",
        head="versions: [{name: a, shots: [firts]}]",
    ),
    Mistake(
        "a shot twice in a version",
        "1:37: versions[0].shots[1]",
        "is already shots[0] of this version",
        "Show it once",
        head="versions: [{name: a, shots: [first, first]}]",
    ),
    Mistake(
        "two versions with one name",
        "1:30: versions[1].name",
        "versions[0] has this name too",
        "Add what differs",
        head="versions: [{name: a}, {name: A}]",
    ),
    Mistake(
        "a path as the name of a version",
        "1:19: versions[0].name",
        "a slash is not possible",
        "not a path",
        head='versions: [{name: "a/{ratio}"}]',
    ),
    Mistake(
        "a misspelt variable of a version",
        "2:34: versions[0].set.clam",
        "no text of the board has `{clam}`",
        "Did you mean claim?",
        head="variables: {claim: Warm}\nversions: [{name: a, set: {clam: Hot}}]",
    ),
    Mistake(
        "variables instead of set",
        "1:22: versions[0].variables",
        "unknown key `variables`",
        "Did you mean set?",
        head="versions: [{name: a, variables: {lang: de}}]",
    ),
    Mistake(
        "a ratio that no model renders",
        "1:29: versions[0].ratio",
        "no model renders the ratio 4:5",
        "Write fit: crop",
        head='versions: [{name: a, ratio: "4:5", fit: render}]',
    ),
    Mistake(
        "a misspelt limit of quality",
        "1:6: qc.freeze",
        "unknown key `freeze`",
        "Did you mean frozen?",
        head="qc: {freeze: 2}",
    ),
    Mistake(
        "a limit of quality in words",
        "1:13: qc.black",
        "`2 seconds` is not a time",
        "Write 2, the seconds",
        head="qc: {black: 2 seconds}",
    ),
    Mistake(
        "a broken film of a version",
        "1:35: versions[0].film.card",
        "neither an `image` nor a `text`",
        "Write one of them",
        head="versions: [{name: a, film: {card: {seconds: 2}}}]",
    ),
)


def main() -> None:
    """Print the table."""
    print("| | mistake | printed |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, "spot")
        folder.mkdir()
        for number, mistake in enumerate(MISTAKES, start=1):
            problems, is_warning = find_problems(folder, write_board(mistake))
            kind = "warning: " if is_warning else ""
            printed = "<br>".join(f"{kind}{problem}".replace("|", "\\|") for problem in problems)
            print(f"| {number} | {mistake.name} | {printed} |")


if __name__ == "__main__":
    main()
