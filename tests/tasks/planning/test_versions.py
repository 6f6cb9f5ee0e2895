"""The versions of a board: names, values from tables, shots, lengths, and the shots they share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from storyboards.board import Board
from storyboards.loading import load_partial
from storyboards.problems import Problem
from tasks.errors import UsageError
from tasks.plan import Plan, PlannedVersion, ShotToRender
from tasks.planning.planner import make_plan
from tasks.planning.versions import MAX_VERSIONS
from tests.support.boards import plan_problems

BOARD = """\
model: seedance-1.0-pro
look: {{ratio: "16:9", resolution: 480p, seconds: 2}}
variables: {{lang: en, claim: Warm., who: an old man}}
shots:
  - {{id: kettle, prompt: A kettle.}}
  - {{id: pour, prompt: "{{who}} pours tea."}}
  - {{id: sip, prompt: "{{who}} sips."}}
versions:
{versions}"""
"""Clips of 49 frames, whose film has 145."""

FIRST_VERSION_LINE = 9


def write_board(folder: Path, *versions: str, text: str = BOARD) -> Board:
    """Write a board with these versions, each the content of braces, and load it."""
    lines = "".join(f"  - {{{version}}}\n" for version in versions)
    path = folder / "spot.yaml"
    path.write_text(text.format(versions=lines))
    return load_partial(path, shown_as="spot.yaml")


def plan(folder: Path, *versions: str, **options: Any) -> Plan:
    """Plan the board with these versions."""
    return make_plan(write_board(folder, *versions), **options)


def problems(folder: Path, *versions: str, table: bytes | None = None) -> list[Problem]:
    """Return the problems of the board with these versions, and a table `rows.csv`."""
    if table is not None:
        (folder / "rows.csv").write_bytes(table)
    return list(plan_problems(write_board(folder, *versions)))


def names(planned: Plan) -> list[str]:
    """Return the names of the versions of a plan."""
    return [version.name for version in planned.versions]


def ids(version: Plan | PlannedVersion) -> list[str]:
    """Return the ids of the shots of a film."""
    return [shot.id for shot in (version.plan if isinstance(version, PlannedVersion) else version)]


class TestNames:
    """The name of a version's file, from its template."""

    def test_name_has_board_ratio_length_and_variables(self, tmp_path: Path) -> None:
        planned = plan(
            tmp_path,
            """name: "{board}-{ratio}-{lang}-{length}", ratio: "9:16", length: 5""",
            """name: "{board}-{ratio}-{lang}-{length}", length: 130f, set: {lang: de}""",
        )
        assert names(planned) == ["spot-9x16-en-5s", "spot-16x9-de-130f"]

    def test_value_becomes_part_of_a_file_name(self, tmp_path: Path) -> None:
        """Every character that files can't have on every system becomes a dash."""
        planned = plan(tmp_path, 'name: "{board}-{claim}", set: {claim: "Heiß: & (süß)/../x"}')
        assert names(planned) == ["spot-Heiß-süß-x"]

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("con", "`con` can't be the name of a file on every system"),
            ("{board}.mp4", "it contains `.`"),
            ("_{board}", "it begins with _"),
            ("{board} {lang}", "it contains ` `"),
            ("x" * 121, "longer than 120 bytes"),
        ],
    )
    def test_name_that_files_cannot_have_is_a_problem(
        self, tmp_path: Path, name: str, message: str
    ) -> None:
        [problem] = problems(tmp_path, f'name: "{name}"')
        assert message in problem.message
        assert problem.line == FIRST_VERSION_LINE

    @pytest.mark.parametrize(
        ("versions", "owner"),
        [
            (['name: "{board}"'], "the film of the board itself"),
            (["name: SPOT"], "the film of the board itself"),
            (
                [
                    'name: "a-{claim}", set: {claim: x y}',
                    'name: "A-{claim}", set: {claim: X&Y}',
                ],
                "versions[0]",
            ),
            (["name: other"], "the film of other.yaml"),
        ],
    )
    def test_name_of_another_film_is_a_problem(
        self, tmp_path: Path, versions: list[str], owner: str
    ) -> None:
        """Also if the names differ only in their capitals."""
        (tmp_path / "other.yaml").write_text("shots: []\n")
        [problem] = problems(tmp_path, *versions)
        assert problem.message.endswith(f"is already that of {owner}")
        assert problem.path == f"versions[{len(versions) - 1}].name"

    def test_missing_length_and_ratio_are_problems(self, tmp_path: Path) -> None:
        text = BOARD.replace('ratio: "16:9", ', "")
        board = write_board(tmp_path, 'name: "{length}{ratio}x"', text=text)
        messages = [problem.message for problem in plan_problems(board)]
        assert messages == [
            "the name has {length}, and the version no length",
            "the name has {ratio}, and neither the version nor `look` a ratio",
        ]


class TestTables:
    """One version for each row of a CSV file."""

    NAME = 'name: "{board}-{lang}-{who}", csv: rows.csv'

    def read(self, folder: Path, table: bytes) -> list[dict[str, str]]:
        """Return the values that each version of the table sets."""
        (folder / "rows.csv").write_bytes(table)
        return [dict(version.values) for version in plan(folder, self.NAME).versions]

    @pytest.mark.parametrize(
        "table",
        [
            b"lang,who\nde,ein Mann\nfr,un homme\n",
            b"\xef\xbb\xbflang;who\r\nde;ein Mann\r\n\r\n;\r\nfr;un homme\r\n",
            b"lang\twho\nde\tein Mann\nfr\tun homme",
            b"sep=;\nlang;who\nde;ein Mann\nfr;un homme\n",
            b'"lang","who"\n"de","ein Mann"\n"fr","un homme"\n',
            b"lang,who,,\nde,ein Mann,,\n , ,\nfr,un homme,,\n",
            b"who,lang\n ein Mann , de\nun homme,fr\n",
        ],
    )
    def test_table_of_any_spreadsheet_is_read(self, tmp_path: Path, table: bytes) -> None:
        """With a byte order mark, other separators, quotes, empty rows and empty columns."""
        expected = [{"lang": "de", "who": "ein Mann"}, {"lang": "fr", "who": "un homme"}]
        assert self.read(tmp_path, table) == expected

    def test_quoted_cell_has_separators_quotes_and_line_breaks(self, tmp_path: Path) -> None:
        table = b'lang,who\nde,"ein ""alter"" Mann,\nallein"\n'
        assert self.read(tmp_path, table) == [{"lang": "de", "who": 'ein "alter" Mann,\nallein'}]

    @pytest.mark.parametrize(
        ("table", "line", "message"),
        [
            (b"lang;who\nde;x\n\nfr\n", 4, "the cell of `who` is empty"),
            (b"lang,who\nde,x,y\n", 2, "the row has 3 cells, and the header 2"),
            (b'lang,who\nde,"x\ny\n', 2, "the row is not valid CSV: unexpected end of data"),
            (b"lang,who\nde,x\nfr,caf\xe9\n", 3, "the byte 0xE9 is not valid UTF-8"),
            (b"\xff\xfel\0a\0", 1, "the table is UTF-16"),
            (b"lang,who\nde,\x1b[2J\n", 2, "the character U+001B is not allowed in a table"),
            (b"lang,lang\nde,x\n", 1, "the column `lang` is there twice"),
            (b"lang,,who\nde,x,y\n", 1, "column 2 has no name"),
            (b"lang,media budget\nde,x\n", 1, "`media budget` is not a name"),
            (b"\n\n", 1, "the table is empty"),
            (b"lang,who\n", 1, "the table has no rows"),
            (
                b"language,who\nde,x\nfr,x\n",
                3,
                "the name `spot-en-x` is already",
            ),
            (b"who\n" + b"x" * 20_001, 2, "the cell of `who` has more than 20,000 characters"),
            (b",".join([b"c%d" % number for number in range(101)]), 1, "more than 100"),
        ],
    )
    def test_problem_of_a_table_has_its_line(
        self, tmp_path: Path, table: bytes, line: int, message: str
    ) -> None:
        [problem] = problems(tmp_path, self.NAME, table=table)
        assert problem.message.startswith(message) or message in problem.message
        assert (problem.file, problem.line) == ("rows.csv", line)

    def test_missing_column_is_a_problem_of_each_row(self, tmp_path: Path) -> None:
        version = 'name: "{board}-{market}", csv: rows.csv'
        [problem] = problems(tmp_path, version, table=b"marked\nuk\n")
        assert problem.message == "`{market}` is not a variable of this version"
        assert problem.remedy == "Did you mean marked?"
        assert (problem.file, problem.line) == ("rows.csv", 2)

    def test_table_with_ten_thousand_rows_is_rejected(self, tmp_path: Path) -> None:
        table = b"lang,who\n" + b"".join(b"l%d,x\n" % number for number in range(10_000))
        [problem] = problems(tmp_path, self.NAME, table=table)
        assert problem.message == "the table has more than 1,000 rows"
        assert problem.line == MAX_VERSIONS + 2

    def test_versions_of_all_tables_are_limited_together(self, tmp_path: Path) -> None:
        table = b"lang,who\n" + b"".join(b"l%d,x\n" % number for number in range(600))
        other = 'name: "{board}-2-{lang}", csv: rows.csv'
        [problem] = problems(tmp_path, self.NAME, other, table=table)
        assert problem.message == "the board has more than 1,000 versions"

    @pytest.mark.parametrize("reference", ["../rows.csv", "missing.csv", "link.csv"])
    def test_file_outside_the_folder_is_not_read(self, tmp_path: Path, reference: str) -> None:
        folder = tmp_path / "boards"
        folder.mkdir()
        (tmp_path / "rows.csv").write_bytes(b"lang,who\nsecret,x\n")
        (folder / "link.csv").symlink_to(tmp_path / "rows.csv")
        [problem] = problems(folder, f'name: "{{lang}}", csv: {reference}')
        assert problem.path == "versions[0].csv"
        assert "secret" not in str(problem)

    def test_value_that_makes_a_text_wrong_is_a_problem_of_its_row(self, tmp_path: Path) -> None:
        """As here: the language of captions is a variable, and the table has no language."""
        (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHi.\n")
        captions = "film: {captions: {file: a.srt, language: '{lang}'}}"
        version = f'name: "{{lang}}", csv: rows.csv, {captions}'
        [problem] = problems(tmp_path, version, table=b"lang\nde\nSchwyzerdeutsch\n")
        assert "`Schwyzerdeutsch` is not a language" in problem.message
        assert (problem.file, problem.line) == ("rows.csv", 3)


class TestVariants:
    """The shots of versions: those of the film, or variants."""

    def test_version_of_another_shape_has_the_shots_of_the_film(self, tmp_path: Path) -> None:
        planned = plan(tmp_path, 'name: v, ratio: "9:16"', 'name: w, ratio: "1:1", fit: pad')
        assert [ids(version) for version in planned.versions] == [["kettle", "pour", "sip"]] * 2
        assert planned.variants == ()
        assert planned.version("w").plan.target.fit == "pad"

    def test_variable_outside_of_prompts_makes_no_variant(self, tmp_path: Path) -> None:
        planned = plan(tmp_path, "name: v, set: {lang: de, claim: Heiß.}")
        assert planned.variants == ()

    def test_variable_in_a_prompt_makes_variants_from_that_shot_on(self, tmp_path: Path) -> None:
        """The shot before is that of the film, and the chain goes on from it."""
        planned = plan(tmp_path, 'name: "{board}-{lang}", set: {lang: de, who: ein Mann}')
        assert ids(planned.versions[0]) == ["kettle", "pour@de", "sip@de"]
        pour, sip = planned.variants
        assert isinstance(pour, ShotToRender)
        assert isinstance(sip, ShotToRender)
        assert (pour.continues, sip.continues) == ("kettle", "pour@de")
        assert {pour.chain_id, sip.chain_id} == {"kettle"}
        assert pour.request.prompt == "ein Mann pours tea."

    def test_versions_with_equal_renders_share_variants(self, tmp_path: Path) -> None:
        planned = plan(
            tmp_path,
            'name: "{board}-{lang}-{length}", length: 5, set: {lang: de, who: ein Mann}',
            'name: "{board}-{lang}", set: {lang: de, who: ein Mann}',
            'name: "{board}-x-{lang}", set: {lang: de, who: ein Herr}',
        )
        assert ids(planned.versions[0]) == ids(planned.versions[1])
        assert ids(planned.versions[2]) == ["kettle", "pour@x-de", "sip@x-de"]
        assert len(planned.variants) == 4

    def test_label_of_other_renders_is_not_used_twice(self, tmp_path: Path) -> None:
        planned = plan(
            tmp_path,
            'name: "{board}-{lang}-{length}", length: 5, set: {lang: de, who: ein Mann}',
            'name: "{board}-{lang}", set: {lang: de, who: ein Herr}',
        )
        assert ids(planned.versions[1])[1] == "pour@spot-de"

    def test_rendered_version_has_another_size_and_every_shot(self, tmp_path: Path) -> None:
        planned = plan(tmp_path, 'name: "{board}-{ratio}", ratio: "1:1", fit: render')
        assert ids(planned.versions[0]) == ["kettle@1x1", "pour@1x1", "sip@1x1"]
        sizes = {(shot.width, shot.height) for shot in planned.variants}  # type: ignore[union-attr]
        assert sizes == {(640, 640)}

    def test_label_of_a_ratio_has_no_variable_of_the_texts(self, tmp_path: Path) -> None:
        """One render serves both languages, so its name has none of them."""
        shape = 'name: "{board}-{ratio}-{lang}", ratio: "1:1", fit: render'
        planned = plan(tmp_path, shape, f"{shape}, set: {{lang: de}}")
        assert [shot.id for shot in planned.variants] == ["kettle@1x1", "pour@1x1", "sip@1x1"]
        assert ids(planned.versions[0]) == ids(planned.versions[1])

    def test_rendered_version_in_the_own_ratio_renders_nothing(self, tmp_path: Path) -> None:
        planned = plan(tmp_path, 'name: "{ratio}", ratio: "16:9", fit: render')
        assert planned.variants == ()

    def test_variant_needs_the_shots_that_it_continues(self, tmp_path: Path) -> None:
        """The version shows one shot, and its chain is rendered."""
        planned = plan(tmp_path, 'name: v, ratio: "1:1", fit: render, shots: [sip]')
        assert ids(planned.versions[0]) == ["sip@v"]
        assert [shot.id for shot in planned.variants] == ["kettle@v", "pour@v", "sip@v"]

    def test_shot_keeps_its_key_without_the_shot_before(self, tmp_path: Path) -> None:
        planned = plan(tmp_path, "name: v, shots: [sip, kettle]")
        assert ids(planned.versions[0]) == ["sip", "kettle"]
        assert planned.variants == ()

    def test_problem_of_variants_names_the_version(self, tmp_path: Path) -> None:
        """As here: the wire format takes words that begin with two dashes as parameters."""
        version = 'name: v, set: {who: "a man --seed 3"}'
        board = write_board(tmp_path, version, text=f"provider: modelark\n{BOARD}")
        messages = {problem.message: problem.path for problem in plan_problems(board)}
        assert all(message.startswith("in v, shots[") for message in messages)
        assert set(messages.values()) == {"versions[0]"}

    def test_given_variable_keeps_the_shots_of_the_board(self, tmp_path: Path) -> None:
        """With `--set` the film shows variants, which are not those of the board."""
        planned = plan(tmp_path, "name: v, set: {who: ein Herr}", variables={"who": "a boy"})
        assert ids(planned) == ["kettle", "pour@a-boy", "sip@a-boy"]
        assert [shot.id for shot in planned.variants] == ["pour@v", "sip@v"]
        assert planned.board.storyboard.variables["who"] == "a boy"

    def test_given_variable_that_is_unknown_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"no variable `whom`\. Did you mean who\?"):
            plan(tmp_path, "name: v", variables={"whom": "a boy"})


class TestLengths:
    """The exact length of a version."""

    @pytest.mark.parametrize("length", ["145f", "144f", "109f"])
    def test_length_down_to_twelve_last_frames_is_possible(
        self, tmp_path: Path, length: str
    ) -> None:
        assert names(plan(tmp_path, f"name: v, length: {length}")) == ["v"]

    @pytest.mark.parametrize(
        ("length", "message"),
        [
            (
                "146f",
                "the shots of this version give 145 frames, 1 too few for 146 frames (6.08333 s)",
            ),
            (
                "107f",
                "the shots of this version give 145 frames, and 108 at least: 12 frames of the "
                "last shot stay. 107 frames (4.45833 s) need 1 fewer",
            ),
        ],
    )
    def test_other_length_is_a_problem_with_the_numbers(
        self, tmp_path: Path, length: str, message: str
    ) -> None:
        [problem] = problems(tmp_path, f"name: v, length: {length}")
        assert problem.message == message
        assert problem.path == "versions[0].length"

    def test_length_of_shots_that_are_left_out_does_not_count(self, tmp_path: Path) -> None:
        """Neither does the dropped frame of a seam that is a cut now: 49 + 49 frames."""
        [problem] = problems(tmp_path, "name: v, length: 99f, shots: [kettle, sip]")
        assert problem.message.startswith("the shots of this version give 98 frames, 1 too few")
