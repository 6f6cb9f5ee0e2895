"""A value changed in a board's own text: the result, and what stays unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storyboards.problems import InvalidStoryboard
from storyboards.yaml_editor import Edit, apply_edits, replace_file
from storyboards.yaml_nodes import compose, to_data

TAKE, SEED, PROMPT, FRAME = (("shots", 0, key) for key in ("take", "seed", "prompt", "first_frame"))


def change(text: str, *edits: Edit) -> str:
    """Return the text with the edits applied."""
    return apply_edits(text.encode(), edits, file="b.yaml").decode()


def read(text: str) -> Any:
    """Return the plain data of a YAML text without problems."""
    composed = compose(text)
    assert composed.tree
    assert not composed.problems
    return to_data(composed.tree)


@pytest.mark.parametrize(
    ("before", "edit", "after"),
    [
        ("shots:\n  - id: a\n    prompt: x\n", Edit(TAKE, 2),
         "shots:\n  - id: a\n    take: 2\n    prompt: x\n"),
        ("shots:\n  - prompt: x  # why\n    id: a   # name\n", Edit(TAKE, 2),
         "shots:\n  - prompt: x  # why\n    id: a   # name\n    take: 2\n"),
        ("shots: [{id: a, prompt: x}]", Edit(TAKE, 2), "shots: [{id: a, take: 2, prompt: x}]"),
        ("shots:\n- {id: a,   # the one\n   prompt: x}\n", Edit(TAKE, 2),
         "shots:\n- {id: a, take: 2,   # the one\n   prompt: x}\n"),
        ('{"shots": [{"id":"a","prompt":"x"}]}', Edit(TAKE, 2),
         '{"shots": [{"id":"a", "take": 2,"prompt":"x"}]}'),
        ("shots:\n  - id: a\n    take: 1  # first\n    prompt: x", Edit(TAKE, 2),
         "shots:\n  - id: a\n    take: 2  # first\n    prompt: x"),
        ("shots:\n  - id: a\n    prompt: x\n    take:   # later\n", Edit(TAKE, 2),
         "shots:\n  - id: a\n    prompt: x\n    take: 2   # later\n"),
        ("shots:\n  - prompt: x\n    id: a", Edit(TAKE, 2),
         "shots:\n  - prompt: x\n    id: a\n    take: 2"),
        ("shots:\r\n  -   id: a\r\n      prompt: x\r\n", Edit(TAKE, 2),
         "shots:\r\n  -   id: a\r\n      take: 2\r\n      prompt: x\r\n"),
        ("shots:\n  - id: a\n    take: 2\n    prompt: x\n", Edit(SEED, 7),
         "shots:\n  - id: a\n    take: 2\n    seed: 7\n    prompt: x\n"),
        ("shots:\n  - id: a\n    seed: 5\n    prompt: x\n", Edit(SEED, None),
         "shots:\n  - id: a\n    prompt: x\n"),
        ("shots:\n  - id: a\n    seed: 5  # lucky\n    prompt: x\n", Edit(SEED, None),
         "shots:\n  - id: a\n    # lucky\n    prompt: x\n"),
        ("shots:\n  - seed: 5\n    id: a\n", Edit(SEED, None), "shots:\n  - id: a\n"),
        ("shots:\n  - seed: 5  # lucky\n    id: a\n", Edit(SEED, None),
         "shots:\n  - seed: null  # lucky\n    id: a\n"),
        ("shots:\n  - id: a\n    seed: 5", Edit(SEED, None), "shots:\n  - id: a"),
        ("shots: [{id: a, seed: 5, prompt: x}]", Edit(SEED, None), "shots: [{id: a, prompt: x}]"),
        ("shots: [{id: a, seed: 5}]", Edit(SEED, None), "shots: [{id: a}]"),
        ("shots:\n  - id: a\n", Edit(SEED, None), "shots:\n  - id: a\n"),
        ("shots:\n  - id: a\n    prompt: 'it''s'  # why\n", Edit(PROMPT, "it's new"),
         "shots:\n  - id: a\n    prompt: 'it''s new'  # why\n"),
        ("shots:\n  - id: a\n    prompt: old words\n", Edit(PROMPT, "new words"),
         "shots:\n  - id: a\n    prompt: new words\n"),
        ("shots:\n  - id: a\n    prompt: old words\n", Edit(PROMPT, "new: words"),
         'shots:\n  - id: a\n    prompt: "new: words"\n'),
        ("shots:\n  - id: a\n    prompt: |  # why\n      old\n      words\n\n    seed: 5\n",
         Edit(PROMPT, "new\n\nwords\n"),
         "shots:\n  - id: a\n    prompt: |  # why\n      new\n\n      words\n\n    seed: 5\n"),
        ("shots:\n  - id: a\n    prompt: >-\n      old\n      words\n    # next\n    seed: 5\n",
         Edit(PROMPT, "new words"),
         "shots:\n  - id: a\n    prompt: >-\n      new words\n    # next\n    seed: 5\n"),
        ("shots:\n  - {id: a, prompt: x}\n", Edit(PROMPT, "two\nlines"),
         'shots:\n  - {id: a, prompt: "two\\nlines"}\n'),
        ("shots:\n  - id: a\n    prompt: x\n", Edit(FRAME, {"shot": "b", "take": 1}),
         "shots:\n  - id: a\n    first_frame: {shot: b, take: 1}\n    prompt: x\n"),
        ("shots:\n  - id: a\n    first_frame: previous # c\n",
         Edit(FRAME, {"shot": "1", "take": 1}),
         'shots:\n  - id: a\n    first_frame: {shot: "1", take: 1} # c\n'),
        ("shots:\n  - id: a\n    first_frame:\n      shot: b\n", Edit((*FRAME, "take"), 3),
         "shots:\n  - id: a\n    first_frame:\n      shot: b\n      take: 3\n"),
        ("shots:\n  - {id: a, first_frame: {shot: b}}\n", Edit((*FRAME, "take"), 3),
         "shots:\n  - {id: a, first_frame: {shot: b, take: 3}}\n"),
        ("\ufeffshots:\n  - id: a\n", Edit(TAKE, 2), "\ufeffshots:\n  - id: a\n    take: 2\n"),
    ],
)  # fmt: skip
def test_edit_keeps_style_of_shot(before: str, edit: Edit, after: str) -> None:
    """A value is changed in place in every style of writing a shot."""
    assert change(before, edit) == after


@pytest.mark.parametrize(
    "text",
    [
        "shots:\n  - &s {id: a, prompt: x}\n  - {id: b, last: *s}\n",
        "shots:\n  - {id: b, seed: &n 5, take: &t 1}\n  - {id: c, take: *t}\n",
        "shots: [id: a]\n",
    ],
)
def test_edit_of_shared_value_is_rejected(text: str) -> None:
    """A value behind an alias would change twice: nothing is changed and the line is reported."""
    with pytest.raises(InvalidStoryboard, match="by hand") as caught:
        change(text, Edit(TAKE, 2))

    assert caught.value.problems[0].line >= 1


LINE = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), include_characters=" "),
    min_size=1,
    max_size=12,
).filter(lambda text: text.strip())
TEXTS = st.lists(LINE, min_size=1, max_size=3).map("\n".join)
COMMENT = st.sampled_from(["", "  # keep: {this} one", " #x"])


@st.composite
def blocks(draw: st.DrawFn) -> str:
    """Draw a shot in block style, its keys in any order."""
    dash = draw(st.sampled_from(["- ", "-   "]))
    pad = " " * (2 + len(dash))
    lines = [f"id: shot{draw(COMMENT)}"]
    if draw(st.booleans()):
        lines.append(f"take: 1{draw(COMMENT)}")
    if draw(st.booleans()):
        lines.append(f"seed: {draw(st.sampled_from(['5', '~', '']))}{draw(COMMENT)}")
    prompt = draw(
        st.sampled_from(
            [
                "a plain text",
                "a plain\n  text of two lines",
                "'single: quoted'",
                '"double \\u00e9"',
                f"|{draw(COMMENT)}\n  literal\n\n    text",
                f">-{draw(COMMENT)}\n  folded\n  text",
                "|+\n  kept\n",
                "|2\n    more",
            ]
        )
    )
    lines.append(f"prompt: {prompt}")
    if draw(st.booleans()):
        lines.append(f"# on its own\ntitle: {draw(st.sampled_from(['x', '日本 🎬']))}")
    text = "\n".join(draw(st.permutations(lines)))
    return f"  {dash}" + text.replace("\n", f"\n{pad}") + "\n"


@st.composite
def flows(draw: st.DrawFn) -> str:
    """Draw a shot in braces, on one line or on several."""
    gap = draw(st.sampled_from([", ", ",", "  ,\n     ", ", # why\n     "]))
    prompt = draw(st.sampled_from(["plain", "'q'", '"d, }"']))
    pairs = ["id: shot", f"prompt: {prompt}"]
    if draw(st.booleans()):
        pairs.append("take: 1")
    if draw(st.booleans()):
        pairs.append("seed: 5")
    text = gap.join(draw(st.permutations(pairs)))
    return f"  - {{{text}{draw(st.sampled_from(['', ' ', ',']))}}}{draw(COMMENT)}\n"


EDIT = st.one_of(
    st.builds(Edit, st.just(("shots", 1, "take")), st.integers(1, 99)),
    st.builds(Edit, st.just(("shots", 1, "seed")), st.none() | st.integers(0, 2**31)),
    st.builds(Edit, st.just(("shots", 1, "prompt")), st.none() | TEXTS | TEXTS.map("{}\n".format)),
    st.just(Edit(("shots", 1, "first_frame"), {"shot": "one", "take": 1})),
)


@settings(max_examples=300, deadline=None)
@given(
    shot=blocks() | flows(),
    edit=EDIT,
    behind=st.sampled_from(["", "\n# the end\n", "  - {id: z}\n", "\nfilm: {join: cut}\n"]),
    line_break=st.sampled_from(["\n", "\r\n"]),
    ends=st.booleans(),
)
def test_edit_changes_only_the_value(
    shot: str, edit: Edit, behind: str, line_break: str, ends: bool
) -> None:
    """The text around the shot and every comment stay; the data differ in one place."""
    before = "# a board\ntitle: über  # yes\nshots:\n  - id: one   # first\n    prompt: x\n"
    text = before + shot + behind
    text = (text if ends else text.rstrip("\n")).replace("\n", line_break)
    wanted = read(text)
    if edit.value is None:
        wanted["shots"][1].pop(edit.path[-1], None)
    else:
        wanted["shots"][1][edit.path[-1]] = edit.value
    after = change(text, edit)

    drop = {key: value for key, value in wanted["shots"][1].items() if value is not None}
    result = read(after)
    shown = result["shots"][1]
    assert {key: value for key, value in shown.items() if value is not None} == drop
    assert {**result, "shots": 0} == {**wanted, "shots": 0}
    assert after.startswith(before.replace("\n", line_break))
    assert after.endswith((behind if ends else behind.rstrip("\n")).replace("\n", line_break))
    assert after.count("#") - str(shown).count("#") == text.count("#") - count_in_values(text)
    assert ("\r" in after) == (line_break == "\r\n")
    if line_break == "\r\n":
        assert "\n" not in after.replace("\r\n", "")


def count_in_values(text: str) -> int:
    """Return how many # are part of the shot's values."""
    return str(read(text)["shots"][1]).count("#")


def test_replace_file_keeps_mode_and_link(tmp_path: Path) -> None:
    """A symbolic link stays one, the mode stays, and no temporary file is left."""
    (tmp_path / "boards").mkdir()
    real, link = tmp_path / "boards" / "b.yaml", tmp_path / "link.yaml"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to(real)
    replace_file(link, b"old", b"new", shown="link.yaml")

    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert real.stat().st_mode & 0o777 == 0o640
    assert [file.name for file in real.parent.iterdir()] == ["b.yaml"]


def test_replace_file_changed_meanwhile_is_rejected(tmp_path: Path) -> None:
    """A file that another program changed is left alone."""
    file = tmp_path / "b.yaml"
    file.write_bytes(b"theirs")
    with pytest.raises(InvalidStoryboard, match="changed meanwhile"):
        replace_file(file, b"old", b"new", shown="b.yaml")

    assert file.read_bytes() == b"theirs"
    assert [file.name for file in tmp_path.iterdir()] == ["b.yaml"]


USE = ("shots", 0, "use")
RANGE = {"take": 2, "from": 1.5, "to": "36f"}


@pytest.mark.parametrize(
    ("before", "edit", "after"),
    [
        ("shots:\n  - id: a  # why\n    prompt: x\n", Edit(USE, [RANGE, {"to": 2}]),
         "shots:\n  - id: a  # why\n    use: [{take: 2, from: 1.5, to: 36f}, {to: 2}]\n"
         "    prompt: x\n"),
        ("shots: [{id: a, use: [{take: 1}]}]", Edit((*USE, 1), RANGE),
         "shots: [{id: a, use: [{take: 1}, {take: 2, from: 1.5, to: 36f}]}]"),
        ("shots:\n  - id: a\n    use:  # kept\n      - {take: 1}  # good\n\n  - id: b\n",
         Edit((*USE, 1), RANGE),
         "shots:\n  - id: a\n    use:  # kept\n      - {take: 1}  # good\n"
         "      - {take: 2, from: 1.5, to: 36f}\n\n  - id: b\n"),
        ("shots:\n- id: a\n  use:\n  - take: 1\n    from: 2\n  # end\n  prompt: x\n",
         Edit((*USE, 1), RANGE),
         "shots:\n- id: a\n  use:\n  - take: 1\n    from: 2\n"
         "  - {take: 2, from: 1.5, to: 36f}\n  # end\n  prompt: x\n"),
        ("shots:\n- id: a\n  use:\n  - take: 1\n    from: 2", Edit((*USE, 1), RANGE),
         "shots:\n- id: a\n  use:\n  - take: 1\n    from: 2\n"
         "  - {take: 2, from: 1.5, to: 36f}"),
        ("shots:\r\n- id: a\r\n  use:\r\n  - take: 1\r\n", Edit((*USE, 1), RANGE),
         "shots:\r\n- id: a\r\n  use:\r\n  - take: 1\r\n"
         "  - {take: 2, from: 1.5, to: 36f}\r\n"),
        ("shots: [{id: a, use: [{take: 1}, {take: 3}]}]", Edit((*USE, 1), RANGE),
         "shots: [{id: a, use: [{take: 1}, {take: 2, from: 1.5, to: 36f}]}]"),
        ("shots: [{id: a, use: [{take: 1}, {take: 3}]}]", Edit((*USE, 1), None),
         "shots: [{id: a, use: [{take: 1}]}]"),
        ("shots:\n- id: a\n  use:\n  - take: 1  # one\n  - take: 2\n    to: 3  # two\n  # end\n",
         Edit((*USE, 1), None),
         "shots:\n- id: a\n  use:\n  - take: 1  # one\n  # end\n"),
        ("shots:\n- id: a\n  use:\n  - take: 1\n  - take: 2", Edit((*USE, 1), None),
         "shots:\n- id: a\n  use:\n  - take: 1"),
        ("shots:\n- id: a\n  use: [{take: 1, to: 3}]  # cut\n", Edit((*USE, 0, "from"), "12f"),
         "shots:\n- id: a\n  use: [{take: 1, from: 12f, to: 3}]  # cut\n"),
        ("shots:\n- id: a\n  use:\n  - from: 1  # in\n    # note\n", Edit((*USE, 0, "to"), 2.5),
         "shots:\n- id: a\n  use:\n  - from: 1  # in\n    to: 2.5\n    # note\n"),
    ],
)  # fmt: skip
def test_items_of_a_list_are_edited(before: str, edit: Edit, after: str) -> None:
    """Appended, changed or removed; comments and the other items stay unchanged."""
    assert change(before, edit) == after


@pytest.mark.parametrize(
    "text",
    [
        "shots:\n- {id: a, use: &r [{take: 1}]}\n- {id: b, use: *r}\n",
        "shots:\n- {id: a, use: []}\n",
    ],
)
def test_list_that_is_shared_or_empty_is_not_edited(text: str) -> None:
    """An alias would change another shot; the error names the line."""
    with pytest.raises(InvalidStoryboard, match=r"shots\[0\].use\[\d\]: \{take: 2"):
        change(text, Edit((*USE, text.count("take")), RANGE))
