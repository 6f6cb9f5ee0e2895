"""Versions of a board from the plan to the files: what is rendered and paid, kept and delivered."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from flows.cli.main import main
from flows.cli.output.plan_text import PlanView, format_plan
from flows.cli.output.style import cell_width
from flows.documents import plan_document, report_document
from flows.report import RunReport, export, export_versions, join_kept, report_kept
from flows.run import Run, check_ready
from storyboards.problems import InvalidStoryboard
from tasks.errors import MediaError, UsageError
from tasks.simulator.faults import Faults
from tasks.simulator.server import serve
from tasks.store.board_records import read_board_record, referenced_keys
from tasks.store.checksums import CHECKSUMS_NAME, write_checksums
from tasks.store.layout import Store
from tests.flows.conftest import Studio

BOARD = """\
model: seedance-1.0-pro
provider: simulator
look: {ratio: "16:9", resolution: 480p, seconds: 2}
variables: {lang: en, who: an old man}
shots:
  - {id: kettle, prompt: A kettle.}
  - {id: pour, prompt: "{who} pours tea."}
versions:
  - {name: "{board}-{lang}", set: {lang: de, who: ein Mann}}
  - {name: "{board}-{lang}-{length}", length: 3, set: {lang: de, who: ein Mann}}
  - {name: "{board}-{ratio}", ratio: "1:1", shots: [pour]}
"""
"""Three shots to render: `pour` is another one in German."""


def with_shots(text: str, **fields: str) -> str:
    """Return the board with more fields of its shots, by their ids."""
    for shot, more in fields.items():
        text = text.replace(f"{{id: {shot},", f"{{id: {shot}, {more},")
    return text


def render(studio: Studio, text: str = BOARD, **options: Any) -> RunReport:
    """Render a board and put its films in place."""
    report = studio.run(text, **options)
    return export_versions(report, export(report))


def files(folder: Path) -> list[str]:
    """Return the names of the files in the folder of the films."""
    return sorted(path.name for path in (folder / "films").iterdir())


@pytest.fixture(scope="module")
def films(
    tmp_path_factory: pytest.TempPathFactory,
    program: Callable[[str], ModuleType],
    pictures: dict[object, tuple[bytes, bytes]],
) -> Iterator[tuple[Studio, RunReport]]:
    """Provide a studio with the films of the board, for the tests that keep them."""
    folder, faults = tmp_path_factory.mktemp("films"), Faults()
    (folder / "work").mkdir()
    with (
        program("trial").cached_clips(pictures),
        serve(folder / "vendor", faults=faults) as url,
    ):
        studio = Studio(folder / "work", folder / "vendor", faults, url)
        yield studio, render(studio)


class TestRender:
    """All films in one run."""

    def test_equal_shots_are_rendered_once(
        self, films: tuple[Studio, RunReport], decode: Callable[[Path], SimpleNamespace]
    ) -> None:
        """Three creates for four films; each has the right frames and chapters."""
        studio, report = films
        assert report.errors == ()
        assert studio.creates == 3
        folder = studio.folder / "films"
        assert [result.path for result in report.versions] == [
            folder / "board-de.mp4",
            folder / "board-de-3s.mp4",
            folder / "board-1x1.mp4",
        ]
        decoded = {path.stem: decode(path) for path in folder.glob("*.mp4")}
        assert {name: film.frames for name, film in decoded.items()} == {
            "board": 97,
            "board-de": 97,
            "board-de-3s": 72,
            "board-1x1": 49,
        }
        assert decoded["board-de"].chapters == ["kettle", "pour"]
        assert decoded["board-1x1"].size == (480, 480)

    def test_second_run_needs_no_render_and_no_join(self, films: tuple[Studio, RunReport]) -> None:
        studio, _ = films
        report = report_kept(studio.prepare(BOARD))
        assert report is not None
        assert [result.film.is_new for result in report.versions if result.film] == [False] * 3
        assert studio.creates == 3

    def test_new_version_of_kept_shots_is_joined_without_a_render(
        self, films: tuple[Studio, RunReport]
    ) -> None:
        studio, _ = films
        text = BOARD + '  - {name: "{board}-tall", ratio: "9:16", fit: pad, shots: [kettle]}\n'
        run = studio.prepare(text)
        assert run.pending == ()
        assert report_kept(run) is None
        report = join_kept(run)
        report = export_versions(report, export(report))
        assert report.errors == ()
        assert "board-tall.mp4" in files(studio.folder)
        assert studio.creates == 3

    def test_checksums_list_the_film_and_its_versions(
        self, films: tuple[Studio, RunReport]
    ) -> None:
        studio, report = films
        assert report.checksums == studio.folder / "films" / CHECKSUMS_NAME
        listed = {line[66:] for line in report.checksums.read_text().splitlines()}
        assert listed >= {"board-1x1.mp4", "board-de-3s.mp4", "board-de.mp4", "board.mp4"}
        if shutil.which("sha256sum"):
            command = ["sha256sum", "--strict", "-c", CHECKSUMS_NAME]
            subprocess.run(command, cwd=report.checksums.parent, check=True, capture_output=True)

    def test_failed_version_does_not_stop_the_others(self, studio: Studio) -> None:
        """The film and the version in 1:1 are made; both errors name their versions."""
        joins = []

        async def join_film(name: str, *args: Any) -> Any:
            joins.append(name)
            if name == "board-de":
                message = "no space left"
                raise MediaError(message)
            from tests.support.plain_tasks import FUNCTIONS

            return await FUNCTIONS["join_film"](name, *args)

        report = render(studio, tasks={"join_film": join_film})
        assert joins == ["board", "board-de", "board-de-3s", "board-1x1"]
        assert [str(error) for error in report.errors] == ["board-de: no space left"]
        assert files(studio.folder) == [
            "SHA256SUMS",
            "board-1x1.mp4",
            "board-de-3s.mp4",
            "board.mp4",
        ]

    def test_failed_shot_leaves_its_versions_out(self, studio: Studio) -> None:
        """The film has no part in a shot of a version that fails, and the other way round."""
        studio.faults.inject("job_failed", match="ein Mann", times=-1)
        report = render(studio)
        assert report.holes == ()
        assert [result.missing for result in report.versions] == [("pour@de",), ("pour@de",), ()]
        assert files(studio.folder) == ["SHA256SUMS", "board-1x1.mp4", "board.mp4"]

    def test_out_has_the_versions_beside_it(self, studio: Studio) -> None:
        report = render(studio, out=Path("spots/tea.mp4"))
        folder = studio.folder / "spots"
        names = ["SHA256SUMS", "board-1x1.mp4", "board-de-3s.mp4", "board-de.mp4", "tea.mp4"]
        assert sorted(path.name for path in folder.iterdir()) == names
        assert report.versions[0].path == folder / "board-de.mp4"

    def test_selected_versions_and_their_shots_are_rendered(self, studio: Studio) -> None:
        report = render(studio, versions=("board-1x1",))
        assert studio.creates == 2
        assert files(studio.folder) == ["SHA256SUMS", "board-1x1.mp4", "board.mp4"]
        assert [result.version.name for result in report.versions] == ["board-1x1"]

    def test_part_of_the_board_makes_no_version(self, studio: Studio) -> None:
        assert studio.prepare(BOARD, only=("kettle",)).versions == ()
        with pytest.raises(UsageError, match="make no version"):
            studio.prepare(BOARD, only=("kettle",), versions=("board-1x1",))

    def test_variant_alone_is_rendered_by_its_id(self, studio: Studio) -> None:
        run = studio.prepare(BOARD, only=("pour@de",))
        assert [shot.id for shot in run.shots] == ["kettle", "pour@de"]


class TestRecords:
    """The store has records of the shots of versions beside those of the film."""

    def keys(self, studio: Studio) -> dict[str, str]:
        """Return the recorded key of each shot."""
        store = studio.folder / "store"
        return dict(read_board_record(store, "board", studio.folder / "board.yaml").shot_keys)

    def test_variants_have_records_of_their_own(self, films: tuple[Studio, RunReport]) -> None:
        studio, report = films
        assert self.keys(studio) == {shot.id: shot.key for shot in report.run.plan.all_shots}

    def test_changed_variable_changes_only_the_variant(
        self, films: tuple[Studio, RunReport]
    ) -> None:
        studio, _ = films
        run = studio.prepare(BOARD.replace("ein Mann", "ein Herr"))
        states = {shot.id: run.status[shot.id] for shot in run.plan.all_shots}
        assert [states[shot].state for shot in ("kettle", "pour")] == ["kept", "kept"]
        assert states["pour@de"].reason == "changed since it was rendered"

    def test_given_variable_does_not_change_the_film_of_the_board(self, studio: Studio) -> None:
        """After a render with `--set`, the board's own shot is neither changed nor forgotten."""
        render(studio, versions=())
        render(studio, versions=(), variables={"who": "a boy"})
        assert studio.creates == 3
        run = studio.prepare(BOARD, versions=())
        assert run.pending == ()
        assert set(self.keys(studio)) == {"kettle", "pour", "pour@a-boy"}

    def test_record_needs_every_key_of_a_version(self, films: tuple[Studio, RunReport]) -> None:
        """`clean` keeps what is referenced."""
        studio, report = films
        record = read_board_record(studio.folder / "store", "board", studio.folder / "board.yaml")
        assert referenced_keys(record) >= {shot.key for shot in report.run.plan.all_shots}

    def test_locked_shot_is_rendered_for_a_new_version_only_once(self, studio: Studio) -> None:
        locked = with_shots(BOARD, pour="lock: true")
        render(studio, BOARD, versions=())
        report = render(studio, locked)
        assert report.errors == ()
        assert studio.creates == 3
        changed = locked.replace("ein Mann", "ein Herr")
        with pytest.raises(InvalidStoryboard, match="pour@de is locked and would be rendered"):
            studio.prepare(changed)

    def test_locked_shot_without_any_take_is_not_rendered(self, studio: Studio) -> None:
        with pytest.raises(InvalidStoryboard, match="this store has no take of it"):
            check_ready(studio.prepare(with_shots(BOARD, pour="lock: true")))
        # Nor is it for a version alone: the board may have been copied without its store.
        with pytest.raises(InvalidStoryboard, match="pour@de is locked, and this store has no"):
            check_ready(studio.prepare(with_shots(BOARD, pour="lock: true"), only=("pour@de",)))


class TestPlan:
    """The versions in a plan."""

    def prepare(self, studio: Studio, text: str = BOARD, **options: Any) -> Run:
        """Plan the board at a provider with prices, without its address here."""
        studio.env = {"SHOTCHAIN_MODELARK_BASE_URL": "https://ark.example.com/api/v3"}
        return studio.prepare(text.replace("provider: simulator", "provider: modelark"), **options)

    def test_sum_counts_each_key_once(self, studio: Studio) -> None:
        run = self.prepare(studio)
        document = plan_document(run)
        alone = {version["name"]: version["price"]["amount"] for version in document["versions"]}
        shot = document["shots"][0]["price"]["amount"]
        assert document["total"]["amount"] == pytest.approx(3 * shot, abs=1e-4)
        assert alone == pytest.approx(dict.fromkeys(alone, 2 * shot), abs=1e-4)

    def test_matrix_has_own_and_shared_shots(self, studio: Studio) -> None:
        versions = {each["name"]: each for each in plan_document(self.prepare(studio))["versions"]}
        german = versions["board-de"]
        assert (german["own"], german["shared"]) == ([], ["kettle", "pour@de"])
        assert versions["board-1x1"]["shared"] == ["kettle", "pour"]
        assert versions["board-1x1"]["shots"] == ["pour"]
        square = (480, 480, 49, "1:1", "crop")
        fields = ("width", "height", "frames", "ratio", "fit")
        assert tuple(versions["board-1x1"][field] for field in fields) == square

    def test_most_expensive_version_is_listed_first(self, studio: Studio) -> None:
        text = BOARD + '  - {name: "{board}-{ratio}", ratio: "9:16", fit: render}\n'
        document = plan_document(
            self.prepare(studio, text.replace("shots: [pour]", "shots: [kettle]"))
        )
        prices = [version["price"]["amount"] for version in document["versions"]]
        assert prices == sorted(prices, reverse=True)
        assert document["versions"][-1]["name"] == "board-1x1"

    def test_seam_without_the_shot_before_is_a_cut(self, studio: Studio) -> None:
        text = (
            BOARD.replace("length: 3", "length: 6")
            .replace("versions:", '  - {id: sip, prompt: "{who} sips."}\nversions:')
            .replace("shots: [pour]", "shots: [kettle, sip]")
        )
        versions = {
            each["name"]: each for each in plan_document(self.prepare(studio, text))["versions"]
        }
        [seam] = versions["board-1x1"]["seams"]
        assert seam == {"from": "kettle", "to": "sip", "chained": False, "left_out": "pour"}
        assert [seam["chained"] for seam in versions["board-de"]["seams"]] == [True, True]
        lines = format_plan(self.prepare(studio, text), PlanView(100)).splitlines()
        assert any("kettle | sip (keeps its first frame, of pour)" in line for line in lines)

    @pytest.mark.parametrize("width", [60, 80])
    def test_text_fits_its_width(self, studio: Studio, width: int) -> None:
        long = BOARD + f'  - {{name: "{{board}}-{"long-" * 15}x", ratio: "1:1"}}\n'
        lines = format_plan(self.prepare(studio, long), PlanView(width)).splitlines()
        assert max(map(cell_width, lines)) <= width

    def test_name_of_another_board_in_the_store_is_a_problem(self, studio: Studio) -> None:
        render(studio, BOARD, name="board-de", versions=())
        (studio.folder / "board-de.yaml").rename(studio.folder / "elsewhere.txt")
        with pytest.raises(InvalidStoryboard, match="the store has a board of the name board-de"):
            studio.prepare(BOARD)

    def test_film_of_another_board_is_not_replaced(self, studio: Studio) -> None:
        (studio.folder / "films").mkdir()
        (studio.folder / "films" / "board-de.mp4").write_bytes(b"something else")
        with pytest.raises(UsageError, match=r"board-de\.mp4 is not the film of this board"):
            check_ready(studio.prepare(BOARD))


class TestCommands:
    """Options and documents of the command line."""

    def test_check_and_plan_take_versions_and_variables(
        self, studio: Studio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(studio.folder)
        studio.write(BOARD)
        assert main(["check", "board.yaml", "--json"]) == 0
        names = ["board-de", "board-de-3s", "board-1x1"]
        assert json.loads(capsys.readouterr().out)["versions"] == names
        arguments = ["plan", "board.yaml", "--json", "--versions", "none", "--set", "who=a = b"]
        assert main(arguments) == 0
        document = json.loads(capsys.readouterr().out)
        prompts = {shot["id"]: shot["prompt"] for shot in document["shots"] if shot["selected"]}
        assert prompts == {"kettle": "A kettle.", "pour@a-b": "a = b pours tea."}
        assert not any(version["selected"] for version in document["versions"])

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--versions", "board-fr"], "board has no version `board-fr`. Did you mean board-de"),
            (["--versions", ","], "--versions names no version"),
            (["--set", "whom=a"], "board.yaml has no variable `whom`. Did you mean who?"),
            (["--set", "who=a", "--set", "who=b"], "--set gives who two values"),
            (["--set", "who= "], "is not a variable and its value"),
        ],
    )
    def test_wrong_option_ends_with_two(
        self,
        studio: Studio,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        options: list[str],
        message: str,
    ) -> None:
        monkeypatch.chdir(studio.folder)
        studio.write(BOARD)
        assert main(["plan", "board.yaml", *options]) == 2
        assert message in capsys.readouterr().err

    def test_report_lists_each_version(self, films: tuple[Studio, RunReport]) -> None:
        _, report = films
        document = report_document(report, export(report))
        assert document["checksums"] == str(report.checksums)
        assert [shot["id"] for shot in document["shots"]] == ["kettle", "pour", "pour@de"]
        assert document["versions"][1] == {
            "name": "board-de-3s",
            "film": str(report.versions[1].path),
            "frames": 72,
            "holes": [],
            "shots": ["kettle", "pour@de"],
            "error": None,
        }


class TestChecksums:
    """`SHA256SUMS` in a folder with other files."""

    def test_lines_of_other_files_stay_until_they_are_gone(self, tmp_path: Path) -> None:
        store, digest = Store(tmp_path / "store"), "0" * 64
        store.initialize()
        (tmp_path / "user.mov").touch()
        sums = tmp_path / CHECKSUMS_NAME
        sums.write_text(f"{digest} *user.mov\n{digest}  gone.mov\nnot a checksum\n")
        write_checksums(store, tmp_path, {"a\\b.mp4": "1" * 64})
        assert sums.read_text() == f"\\{'1' * 64}  a\\\\b.mp4\n{digest} *user.mov\n"

    def test_unchanged_file_is_not_written(self, tmp_path: Path) -> None:
        store = Store(tmp_path / "store")
        store.initialize()
        path = write_checksums(store, tmp_path, {"a.mp4": "1" * 64})
        before = path.stat().st_ino
        assert write_checksums(store, tmp_path, {"a.mp4": "1" * 64}).stat().st_ino == before

    def test_link_is_not_followed(self, tmp_path: Path) -> None:
        store = Store(tmp_path / "store")
        store.initialize()
        target = tmp_path / "victim"
        target.write_text("text")
        (tmp_path / CHECKSUMS_NAME).symlink_to(target)
        with pytest.raises(Exception, match="is a symbolic link"):
            write_checksums(store, tmp_path, {"a.mp4": "1" * 64})
        assert target.read_text() == "text"
