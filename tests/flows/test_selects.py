"""Ranges of takes: the frame that the next shot starts on, what is paid, what the film shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from flows.cli.main import main
from flows.cli.output.plan_text import format_plan
from flows.cli.output.text import format_report
from flows.documents import plan_document
from flows.report import RunReport
from flows.run import check_ready
from storyboards.problems import InvalidStoryboard
from tasks.media.frames import read_frame
from tasks.plan import ShotToRender
from tasks.store.board_records import read_board_record
from tasks.store.verify import verify_store
from tests.support.own_clips import draw_scene, write_clip
from tests.support.plain_tasks import FUNCTIONS
from tests.support.reports import attempt_of, folder_of
from tests.support.stored_takes import StoredTakes
from tests.tasks.media.conftest import Studio as ClipStudio
from tests.tasks.media.conftest import VideoOptions, read_number

Outcomes = Callable[[RunReport], dict[str, str]]
FRAMES = 49
"""Of a shot of two seconds."""


def read_picture(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"), np.int16)


def decode_with_pyav(clip: Path, number: int) -> np.ndarray:
    """Decode a frame by counting, without the code under test."""
    with av.open(str(clip)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index == number:
                return frame.to_ndarray(format="rgb24").astype(np.int16)
    raise AssertionError(number)


def sent_pictures(studio: Any, report: RunReport, shot: str) -> list[str]:
    """Return the digests of the pictures that the vendor got with the request of a shot."""
    job = attempt_of(report, shot).job
    request = json.loads((studio.root / "jobs" / f"{job}.json").read_text())["commission"]
    return [medium["source"] for medium in request["media"]]


@pytest.fixture
def text(chain: Callable[..., str]) -> Callable[..., str]:
    """Build the text of a chain of three shots at a vendor, with fields of shot `a`."""

    def build(fields: str = "", **prompts: str) -> str:
        return chain(f"a|{fields}" if fields else "a", "b", "c", provider="ark", **prompts)

    return build


def test_out_point_reprices_what_continues_it(
    studio: Any, text: Callable[..., str], outcomes: Outcomes
) -> None:
    """The next shot starts on the frame at the out point; in points render nothing."""
    studio.run(text())
    studio.run(text("use: [{from: 12f}]"))
    assert studio.creates == 3

    moved = text("use: [{from: 12f, to: 30f}]")
    planned = studio.prepare(moved)
    assert {shot: status.state for shot, status in planned.status.shots.items()} == {
        "a": "kept",
        "b": "to render",
        "c": "to render",
    }
    assert planned.status["b"].reason == (
        "it starts on another frame: the out point of a moved from the last frame to frame 30"
    )
    assert planned.status["c"].reason == "continues b, which is rendered again"
    plan_text = " ".join(format_plan(planned).replace("│", " ").split())
    assert "shows 0.5-1.25 s" in plan_text
    assert (
        "continues a at frame 30; it starts on another frame: the out point of a moved" in plan_text
    )

    report = studio.run(moved)
    assert (studio.creates, outcomes(report)) == (
        5,
        {"a": "kept", "b": "rendered", "c": "rendered"},
    )
    (frame,) = attempt_of(report, "a").out_frames
    assert (frame.number, frame.file.sha256) == (30, attempt_of(report, "b").first_frame_sha256)
    assert sent_pictures(studio, report, "b") == [frame.file.sha256]
    picture = read_picture(folder_of(report, "a") / frame.file.name)
    clip = folder_of(report, "a") / "clip.mp4"
    before, expected, after = (decode_with_pyav(clip, number) for number in (29, 30, 31))
    # PyAV's own conversion to RGB darkens by a level.
    assert np.abs(picture - expected).mean() < 1.5
    assert all(np.abs(picture - other).mean() > 1.5 for other in (before, after))
    assert attempt_of(report, "b").continues_frame == 30

    # Another in point, the old out point, and no range at all: all is there.
    for fields in ("use: [{from: 20f, to: 30f}]", "use: [{to: 30f}]", ""):
        again = studio.run(text(fields))
        assert set(outcomes(again).values()) == {"kept"}
    status = studio.prepare(moved).status
    assert [status[shot].seam for shot in ("b", "c")] == ["fresh", "fresh"]
    assert studio.creates == 5
    store = report.run.store
    assert (verify_store(store).problems, verify_store(store).unknown_files) == ([], [])


def test_other_takes_are_shown_without_rendering_another(
    studio: Any, text: Callable[..., str], outcomes: Outcomes
) -> None:
    """A take that the film does not show and nothing continues is not paid for, unless asked."""
    first = studio.run(text())
    second = studio.run(text("take: 2"))
    assert studio.creates == 6

    selects = text("take: 3, use: [{take: 2, to: 24f}, {take: 1, from: 30f}]")
    planned = studio.prepare(selects)
    assert planned.status["a"].reason == "the film shows take 2 and take 1 of it"
    assert [shot.id for shot in planned.pending] == []
    assert planned.max_cost.is_free
    report = studio.run(selects)
    assert set(outcomes(report).values()) == {"kept"}
    assert studio.creates == 6
    # Take 1 is shown to its end, so what continued it stays, and the seam is chained.
    assert planned.plan.shot("b").key == first.run.plan.shot("b").key
    assert report.film.frame_count == 24 + 19 - 1 + 2 * FRAMES - 1
    document = plan_document(planned)["shots"]
    assert document[0]["use"] == [
        {"take": 2, "from": 0, "to": 24, "frames": 24},
        {"take": 1, "from": 30, "to": None, "frames": 19},
    ]
    assert (document[1]["continues"], document[1]["continues_take"]) == ("a", 1)
    # The take that the board requests is not used, so it is not on record.
    record = read_board_record(planned.store.root, "board", studio.folder / "board.yaml")
    assert [take.number for take in record.takes_of("a")] == [1, 2]
    used = [run.plan.shot("a").key for run in (first.run, second.run)]
    assert set(used) <= record.pinned_keys
    assert record.shot_keys["a"] == used[1]

    requested = studio.run(selects, only=("a",))
    assert (outcomes(requested), studio.creates) == ({"a": "rendered"}, 7)


def test_shot_waits_for_clip_only_at_out_point(studio: Any, text: Callable[..., str]) -> None:
    """A whole clip is continued before it is downloaded; an out point needs its pictures."""

    def order(board: str) -> list[str]:
        calls: list[str] = []

        async def submit_shot(shot: str, *args: Any) -> Any:
            calls.append(f"submit {shot}")
            return await FUNCTIONS["submit_shot"](shot, *args)

        async def download_clip(job: Any, frame: Any) -> Any:
            clip = await FUNCTIONS["download_clip"](job, frame)
            calls.append(f"have {job.shot}")
            return clip

        tasks = {"submit_shot": submit_shot, "download_clip": download_clip}
        assert studio.run(board, tasks=tasks, only=("a", "b")).errors == ()
        return calls

    trimmed = order(text("use: [{to: 30f}]"))
    assert trimmed.index("have a") < trimmed.index("submit b")
    whole = order(text("take: 2"))
    assert whole.index("submit b") < whole.index("have a")


@pytest.mark.long
def test_range_of_own_clip_at_another_rate(
    studio: Any, chain: Callable[..., str], ffmpeg: Path
) -> None:
    """The frames of a clip with 30 pictures a second count as in the film, 24 a second."""
    clips = ClipStudio(studio.folder, ffmpeg)
    clips.clip("own.mp4", frames=60, video=VideoOptions((640, 384), Fraction(30)))
    text = chain("two", provider="modelark").replace(
        "shots:\n", "shots:\n  - {id: own, clip: own.mp4, use: [{from: 4f, to: 20f}]}\n"
    )
    report = studio.run(text)
    assert report.errors == ()
    sent = sent_pictures(studio, report, "two")
    shown = clips.numbers(report.film.path)

    assert attempt_of(report, "two").first_frame_sha256 == sent[0]
    # 24 frames a second show 30 pictures a second: frame n shows picture n * 5 / 4.
    assert shown[:16] == [number * 5 // 4 for number in range(4, 20)]
    assert read_number(luma_of(studio, report, "two")) == 25
    assert (studio.creates, report.film.frame_count) == (1, 16 + FRAMES)


def luma_of(studio: Any, report: RunReport, shot: str) -> np.ndarray:
    """Return the luma of the picture that a shot started on, as the board's own clip has it."""
    planned = report.run.plan.shot(shot)
    assert isinstance(planned, ShotToRender)
    data = read_frame(studio.folder / "own.mp4", planned.continues_frame or 0)
    rgb = np.asarray(Image.open(BytesIO(data)).convert("RGB")).astype(float)
    return 16 + rgb @ np.array([0.2126, 0.7152, 0.0722]) * 219 / 255


@pytest.fixture
def ffmpeg() -> Path:
    """The ffmpeg program that comes with imageio-ffmpeg."""
    import imageio_ffmpeg

    return Path(imageio_ffmpeg.get_ffmpeg_exe())


def test_black_out_point_is_refused_before_paying(studio: Any, chain: Callable[..., str]) -> None:
    """A black frame at the out point of a file ends the run with the place and the remedy."""
    scenes = [draw_scene((480, 320), step) for step in range(12)]
    black = np.zeros((320, 480, 3), np.uint8)
    write_clip(studio.folder / "own.mp4", [*scenes, black, *scenes])
    text = chain("zero", "two|first_frame: {shot: own}", provider="modelark").replace(
        "shots:\n", "shots:\n  - {id: own, clip: own.mp4}\n"
    )
    text = text.replace("id: zero,", "id: zero, first_frame: none,")
    # The clip as a whole was decoded before: its frames are looked at again.
    check_ready(studio.prepare(text))
    with pytest.raises(InvalidStoryboard) as raised:
        check_ready(studio.prepare(text.replace("own.mp4}", "own.mp4, use: [{to: 12f}]}")))
    (problem,) = raised.value.problems

    assert problem.message == "own.mp4 is black at frame 12, and two would start from it"
    assert "Move the out point in `use`" in problem.remedy
    assert studio.submits == 0


def test_failed_shot_ends_what_waits_for_its_out_point(
    studio: Any, text: Callable[..., str], outcomes: Outcomes
) -> None:
    """The shots that continue it are skipped, and the reason names the frame."""
    studio.faults.inject("job_failed", match="Picture of a", times=9)
    report = studio.run(text("use: [{to: 30f}]"))

    assert outcomes(report) == {"a": "failed", "b": "skipped", "c": "skipped"}
    assert "continues a, which has no frame 30" in format_report(report, None)


@pytest.mark.long
def test_clip_that_is_rendered_again_has_its_out_frames(
    studio: Any, text: Callable[..., str], outcomes: Outcomes
) -> None:
    """Frames that kept shots start on are decoded as well, so that a stale seam is found."""
    board = text("use: [{to: 30f}]")
    first = studio.run(board, only=("b",))
    (folder_of(first, "a") / "clip.mp4").unlink()
    (studio.root / "jobs" / f"{attempt_of(first, 'a').job}.json").unlink()
    studio.run(board, only=("b",))
    again = studio.run(board, only=("b",), resubmit=("a",))

    assert outcomes(again) == {"a": "rendered", "b": "kept"}
    assert [frame.number for frame in attempt_of(again, "a").out_frames] == [30]
    assert studio.prepare(board).status["b"].seam == "fresh"


def test_missing_clip_of_used_take_is_a_problem(
    studio: Any, text: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A film is not planned with a take whose clip is gone; the place is that of the range."""
    path = StoredTakes(studio.folder / "store", "board").add("a", 2, frames=FRAMES)
    board = text("use: [{take: 2, to: 30f}]")
    # A rehearsal on this machine may show a take that a vendor rendered.
    used = studio.prepare(board).plan.shot("a").used_takes
    assert [recorded.clip_path for recorded in used] == [path]
    versions = "versions:\n  - {name: short, shots: [{id: a, use: [{take: 2}]}, b]}\n"
    studio.write(text() + versions)
    monkeypatch.chdir(studio.folder)
    monkeypatch.setenv("SHOTCHAIN_STORE", str(studio.folder / "store"))
    assert main(["check", "board.yaml"]) == 0
    path.unlink()
    with pytest.raises(InvalidStoryboard, match="take 2 of a has no clip in the store") as raised:
        studio.prepare(board)
    assert raised.value.problems[0].path == "shots[0].use[0].take"
    # A version has ranges of its own.
    with pytest.raises(InvalidStoryboard, match=r"in short, .* has no clip") as raised:
        studio.prepare(text() + versions)
    assert raised.value.problems[0].path == "versions[0]"


def test_clean_keeps_used_takes(
    studio: Any,
    text: Callable[..., str],
    chain: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    """A take that the film of a board shows is never removed, also before a run recorded that."""
    first = studio.run(text("use: [{to: 30f}]"), only=("b",))
    studio.run(text("take: 2"), only=("b",))
    studio.write(chain("a|take: 2, use: [{take: 1, from: 12f, to: 30f}]", provider="ark"))
    monkeypatch.chdir(studio.folder)
    for name, value in studio.settings().variables.items():
        monkeypatch.setenv(name, value)
    assert main(["clean", "--store", "store", "--older", "0h", "--dry-run", "--json"]) == 0
    removable = {clip["key"] for clip in json.loads(capsys.readouterr().out)["clips"]}

    # The shot that continued the take is not part of the board any more.
    assert removable == {first.run.plan.shot("b").key}


def test_takes_marks_used_ranges(
    studio: Any, text: Callable[..., str], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """The list has the ranges that the film shows; without `use` there is no column for it."""
    studio.run(text(), only=("a",))
    monkeypatch.chdir(studio.folder)
    assert main(["takes", "board.yaml", "a", "--store", "store"]) == 0
    assert "used" not in capsys.readouterr().out
    studio.write(text("take: 2, use: [{take: 1, from: 12f, to: 30f}, {take: 1, from: 1.5}]"))
    assert main(["takes", "board.yaml", "a", "--store", "store"]) == 0
    assert "0.5-1.25 s, from 1.5 s" in capsys.readouterr().out
    assert main(["takes", "board.yaml", "a", "--store", "store", "--json"]) == 0
    (take,) = json.loads(capsys.readouterr().out)["takes"]
    assert take["used"] == [{"from": 12, "to": 30}, {"from": 36, "to": None}]
