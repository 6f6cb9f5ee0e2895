"""Fifty mistakes of beginners, and what is printed about each.

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
