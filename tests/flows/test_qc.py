"""`shotchain qc`: the clips of a board are measured once, compared, and plotted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tasks.clip_measures as clip_measures
from flows.board_takes import read_board_takes
from flows.cli.main import main
from flows.cli.output.style import cell_width
from flows.take_sheet import build_groups
from storyboards import load
from tasks.errors import JobInternalError, Unreachable
from tasks.media.quality.measure import compare_lumas, read_lumas
from tests.support.footage import film, replace, write_footage
from tests.support.plain_tasks import FUNCTIONS
from tests.support.reports import folder_of

Command = Callable[..., SimpleNamespace]

OWN_BOARD = """\
title: 早晨 Ember
shots:
  - {id: 早晨, clip: refs/good.mp4}
  - {id: dark, clip: refs/dark.mp4}
  - {id: later, prompt: Fog., first_frame: none}
"""


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run `qc` in a folder of its own; return exit code, output, document with `--json`, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("SHOTCHAIN_STORE", str(tmp_path / "store"))

    def run(*argv: str, board: str = "board.yaml") -> SimpleNamespace:
        code = main(["qc", board, *argv])
        out, err = capsys.readouterr()
        document = json.loads(out) if "--json" in argv else None
        return SimpleNamespace(code=code, out=out, err=err, document=document)

    return run


@pytest.fixture(scope="module")
def own_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write two clips, one of them with a black stretch, and return their folder."""
    folder = tmp_path_factory.mktemp("clips")
    write_footage(folder / "good.mp4", film(1))
    dark = replace(film(2), 20, 32, lambda _, picture: np.zeros_like(picture))
    write_footage(folder / "dark.mp4", dark)
    return folder


@pytest.fixture
def own_board(tmp_path: Path, own_clips: Path) -> Path:
    """Write a board with the two clips and a shot that is not rendered."""
    shutil.copytree(own_clips, tmp_path / "refs")
    path = tmp_path / "board.yaml"
    path.write_text(OWN_BOARD)
    return path


@pytest.fixture
def count_decodes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list of the clips that are read from now on."""
    paths: list[str] = []
    read = clip_measures.ClipMeasurer._read

    def count(self: Any, file: Any, *args: Any, **values: Any) -> None:
        paths.append(file.path.name)
        read(self, file, *args, **values)

    monkeypatch.setattr(clip_measures.ClipMeasurer, "_read", count)
    return paths


@pytest.mark.usefixtures("own_board")
class TestOwnClips:
    """A board of files, without any render."""

    def test_verdict_is_first_and_names_the_frames(self, command: Command) -> None:
        """The fault with its frames; the shot that has no clip is named; exit 0."""
        result = command()
        lines = result.out.splitlines()

        assert result.code == 0
        assert lines[0] == "✗ 1 value exceeds its limit in 2 shots, 0 chained seams, 2 chains"
        assert lines[1] == "  dark: black in frames 20 to 31 (limit 6)"
        assert "without a clip: later" in lines
        assert max(map(cell_width, lines)) <= 80

    def test_check_exits_with_1(self, command: Command) -> None:
        """For CI."""
        assert command("--check").code == 1

    def test_limit_of_the_board_counts(self, command: Command, own_board: Path) -> None:
        """A longer black stretch is allowed."""
        own_board.write_text(OWN_BOARD + "qc: {black: 1.0}\n")
        result = command("--check", "--json")

        assert result.code == 0
        assert result.document["passed"] is True
        assert result.document["limits"]["black"] == "24f"

    def test_document_has_every_value(self, command: Command, tmp_path: Path) -> None:
        """Frames of the clip, and the film's frame at which a shot begins."""
        document = command("--json").document

        assert document["findings"] == [
            {
                "kind": "black",
                "shot": "dark",
                "message": "black in frames 20 to 31",
                "frames": [20, 32],
                "value": 12,
                "limit": 6,
            }
        ]
        good, dark = document["shots"]
        assert (good["id"], good["frames"], good["film_frame"]) == ("早晨", [0, 48], 0)
        assert (dark["film_frame"], dark["black"], dark["sound"]) == (48, [[20, 32]], None)
        assert document["missing"] == ["later"]
        (seam,) = document["seams"]
        assert (seam["same_picture"], seam["in_film"], seam["difference"]) == (False, True, None)
        assert [chain["plot"] for chain in document["chains"]] == [
            str(tmp_path / "store" / "sheets" / name)
            for name in ("board.qc-1-早晨.png", "board.qc-2-dark.png")
        ]

    def test_new_store_is_a_store(self, command: Command, tmp_path: Path) -> None:
        """Measures are not left in a folder that a repository would track."""
        command()

        assert (tmp_path / "store" / ".gitignore").read_text() == "*\n"

    def test_second_run_reads_no_clip(
        self, command: Command, count_decodes: list[str], tmp_path: Path
    ) -> None:
        """Measures and plots are kept; a damaged measure is made again."""
        first = command("--json").document
        plots = {path: path.stat().st_mtime_ns for path in (tmp_path / "store/sheets").iterdir()}
        second = command("--json").document

        assert count_decodes == ["good.mp4", "dark.mp4"]
        assert second == first
        assert {path: path.stat().st_mtime_ns for path in plots} == plots
        for path in (tmp_path / "store" / "measured").iterdir():
            path.write_text('{"format": 1, "frames": 48, "values": {}}')
        assert command("--json").document == first
        assert count_decodes == ["good.mp4", "dark.mp4"] * 2

    def test_plots_are_written_to_a_folder(self, command: Command, tmp_path: Path) -> None:
        """1600 pixels wide; another file of that name is not replaced."""
        document = command("--json", "--out", "qc plots").document
        plots = [Path(chain["plot"]) for chain in document["chains"]]

        assert all(path.parent == tmp_path / "qc plots" for path in plots)
        with Image.open(plots[1]) as plot:
            assert plot.width == 1600
        plots[0].write_text("mine")
        assert command("--out", "qc plots").code == 2
        assert plots[0].read_text() == "mine"

    def test_unreadable_clip_is_named(self, command: Command, own_board: Path) -> None:
        """The measures of the others are shown; `--check` fails."""
        path = own_board.parent / "refs" / "dark.mp4"
        data = bytearray(path.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 3000] = bytes(3000)
        path.write_bytes(data)
        result = command("--check")

        assert result.code == 1
        assert "not measured: dark: is damaged" in result.out
        assert "within all limits: 1 shot" in result.out

    def test_faults_outside_of_the_shown_range_do_not_count(
        self, command: Command, own_board: Path
    ) -> None:
        """The film leaves the clip before it is black; its frames stay those of the clip."""
        used = "clip: refs/dark.mp4, use: [{to: 20f}, {from: 30f}]"
        own_board.write_text(OWN_BOARD.replace("clip: refs/dark.mp4", used))
        document = command("--json").document

        assert document["findings"] == []
        dark = [shot for shot in document["shots"] if shot["id"] == "dark"]
        assert [shot["frames"] for shot in dark] == [[0, 20], [30, 48]]
        assert [shot["film_frame"] for shot in dark] == [48, 68]
        assert [shot["black"] for shot in dark] == [[], [[30, 32]]]

    def test_narrow_terminal_cuts_ids(
        self, command: Command, own_board: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Down to 60 columns nothing is wider."""
        monkeypatch.setenv("COLUMNS", "60")
        name = "an-id-of-a-shot-that-is-much-longer-than-any-column"
        own_board.write_text(OWN_BOARD.replace("dark,", f"{name},"))
        lines = command().out.splitlines()

        # The path of a plot is not cut, so that it can be copied.
        table = [line for line in lines if not line.endswith(".png")]
        assert max(map(cell_width, table)) <= 60


def draw_facts(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the lines of the first take of each shot on the contact sheet of a board."""
    takes = read_board_takes(load(folder / "board.yaml"), folder / "store")
    groups = zip(takes.shots, build_groups(takes), strict=True)
    return {shot_takes.shot.id: group.rows[0].facts for shot_takes, group in groups}


class TestRenderedBoard:
    """A chain of the simulator."""

    def test_shot_is_compared_with_the_out_point(
        self, studio: Any, chain: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
    ) -> None:
        """The next shot starts on frame 30, which the film does not show of the shot before."""
        monkeypatch.chdir(studio.folder)
        monkeypatch.setenv("SHOTCHAIN_STORE", str(studio.folder / "store"))
        studio.run(chain("one|use: [{to: 30f}]", "two"))

        assert main(["qc", "board.yaml", "--json", "--check"]) == 0
        document = json.loads(capsys.readouterr().out)
        (seam,) = document["seams"]
        assert (seam["before"], seam["after"], seam["in_film"]) == ("one", "two", True)
        assert seam["difference"] <= 1.5
        assert [shot["frames"] for shot in document["shots"]] == [[0, 30], [0, 49]]
        # Against the last frame it would be far off.
        lumas = read_lumas(Path(document["shots"][0]["clip"]), [30, -1])
        assert compare_lumas(lumas[30], lumas[48]) > 2

    def test_changed_clip_is_not_measured(
        self, studio: Any, chain: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
    ) -> None:
        """Its measures would be recorded under the digest of another clip."""
        monkeypatch.chdir(studio.folder)
        monkeypatch.setenv("SHOTCHAIN_STORE", str(studio.folder / "store"))
        report = studio.run(chain("one"))
        clip = folder_of(report, "one") / "clip.mp4"
        clip.write_bytes(clip.read_bytes()[:-1] + b"x")

        assert main(["qc", "board.yaml", "--check"]) == 1
        assert "not measured: one: is not the file that was stored" in capsys.readouterr().out

    @pytest.mark.long
    def test_equal_pictures_pass(
        self, studio: Any, chain: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
    ) -> None:
        """Chained seams differ by at most 1.5 levels, and nothing drifts; no vendor is asked."""
        monkeypatch.chdir(studio.folder)
        monkeypatch.setenv("SHOTCHAIN_STORE", str(studio.folder / "store"))
        studio.run(chain("one", "two", "three"))
        requests = len(studio.requests("create")), len(studio.requests("query"))

        assert main(["qc", "board.yaml", "--json", "--check"]) == 0
        document = json.loads(capsys.readouterr().out)

        assert (len(studio.requests("create")), len(studio.requests("query"))) == requests
        seams = [seam for seam in document["seams"] if seam["same_picture"]]
        assert [(seam["before"], seam["after"]) for seam in seams] == [
            ("one", "two"),
            ("two", "three"),
        ]
        assert max(seam["difference"] for seam in seams) <= 1.5
        (chain_document,) = document["chains"]
        assert abs(chain_document["drift"]["luma"]) < 0.2
        sheet = draw_facts(studio.folder)
        assert sheet["one"][-1] == "qc: within limits"
        # The film drops the last frame of the shots before a seam.
        assert [shot["frames"] for shot in document["shots"]] == [[0, 48], [0, 48], [0, 49]]


class TestStop:
    """`qc: {stop: true}` ends a chain before the next shot is paid for."""

    # The simulator's seams differ by 0.1 to 0.6 levels.
    TIGHT, WIDE = "qc: {seam: 0.01, stop: true}", "qc: {seam: 3, stop: true}"

    def test_chain_ends_before_the_next_create(
        self, studio: Any, chain: Any, outcomes: Any
    ) -> None:
        """The shot beyond a limit is kept and paid, nothing after it is sent, others go on."""
        shots = ("one", "two", "three", "four", "other|first_frame: none")
        text = chain(*shots, head=self.TIGHT)
        report = studio.run(text)

        assert outcomes(report) == {
            "one": "rendered",
            "two": "rendered",
            "three": "skipped",
            "four": "skipped",
            "other": "rendered",
        }
        assert studio.creates == 3
        assert report.film is None
        # The error has what the warning would have.
        assert report.warnings == ()
        stop, skipped = report.errors
        assert str(stop).startswith(
            "two is beyond a limit of the board: its first frame differs by"
        )
        assert str(stop).endswith("`shotchain retake` takes it again, or change qc.seam")
        assert str(skipped) == "three was not sent: it continues two, which is beyond a limit"
        assert (stop.kind, stop.exit_code) == ("quality_exceeded", 1)

        # Again: nothing is paid. With a higher limit the chain goes on.
        again = studio.run(text)
        assert outcomes(again)["two"] == "kept"
        assert str(again.errors[0]) == str(stop)
        assert studio.creates == 3
        report = studio.run(chain(*shots, head=self.WIDE))
        assert report.errors == ()
        assert studio.creates == 5
        assert report.film

    def test_retake_is_measured_again(self, studio: Any, chain: Any, outcomes: Any) -> None:
        """Another take is paid once; it is beyond the limit too, and nothing follows."""
        studio.run(chain("one", "two", "three", head=self.TIGHT))
        report = studio.run(chain("one", "two|take: 2", "three", head=self.TIGHT))

        assert outcomes(report) == {"one": "kept", "two": "rendered", "three": "skipped"}
        assert studio.creates == 3

    def test_job_at_the_vendor_is_fetched(self, studio: Any, chain: Any, outcomes: Any) -> None:
        """A shot that was sent before the limit was set may be charged, so its clip is fetched."""

        async def power_off(*_: object, **__: object) -> None:
            msg = "switched off"
            raise Unreachable(msg)

        async def download(job: Any, first_frame: Any) -> Any:
            return await (FUNCTIONS["download_clip"] if job.shot != "three" else power_off)(
                job, first_frame
            )

        shots = ("one", "two", "three", "four")
        studio.run(chain(*shots, head="qc: {seam: 3}"), tasks={"download_clip": download})
        creates = studio.creates
        assert studio.prepare(chain(*shots)).status["three"].state == "in flight"
        report = studio.run(chain(*shots, head=self.TIGHT))

        assert outcomes(report)["three"] == "rendered"
        assert studio.creates == creates

    def test_failed_job_is_not_created_again(self, studio: Any, chain: Any) -> None:
        """A job of an earlier run fails at the vendor: nothing replaces it behind a limit."""
        shots = ("one", "two", "three", "four")
        submitted: list[str] = []

        async def submit(shot: str, *args: Any) -> Any:
            submitted.append(shot)
            return await FUNCTIONS["submit_shot"](shot, *args)

        async def fail(job: Any) -> Any:
            if job.shot == "three":
                msg = "three: the vendor failed"
                raise JobInternalError(msg)
            return await FUNCTIONS["await_frame"](job)

        async def power_off(*_: object, **__: object) -> None:
            msg = "switched off"
            raise Unreachable(msg)

        async def leave(job: Any) -> Any:
            return await (power_off if job.shot == "three" else FUNCTIONS["await_frame"])(job)

        studio.run(chain(*shots, head="qc: {seam: 3}"), tasks={"await_frame": leave})
        report = studio.run(
            chain(*shots, head=self.TIGHT), tasks={"submit_shot": submit, "await_frame": fail}
        )

        assert submitted == ["three"]
        assert [str(error) for error in report.errors][1] == "three: the vendor failed"

    def test_last_shot_of_a_chain_only_warns(self, studio: Any, chain: Any) -> None:
        """Nothing continues it, so nothing could be saved; the film is made."""
        report = studio.run(chain("one", "two", head=self.TIGHT))

        assert report.errors == ()
        assert report.film
        (warning,) = report.warnings
        assert warning.startswith("two: its first frame differs by")

    def test_without_stop_the_run_warns(
        self, studio: Any, chain: Any, capsys: Any, monkeypatch: Any
    ) -> None:
        """At the end of `render`, and again if every shot is kept, with exit 0."""
        monkeypatch.chdir(studio.folder)
        text = chain("one", "two", head="qc: {seam: 0.01}")
        first = studio.run(text)

        assert first.film
        assert [warning.split(":")[0] for warning in first.warnings] == ["two"]
        store = str(studio.folder / "store")
        assert main(["render", str(studio.write(text)), "--store", store]) == 0
        assert capsys.readouterr().err.count("its first frame differs by") == 1

    def test_board_without_limits_is_not_measured(self, studio: Any, chain: Any) -> None:
        """No run takes time for measures that were not requested."""
        studio.run(chain("one", "two"))

        assert not (studio.folder / "store" / "measured").exists()
