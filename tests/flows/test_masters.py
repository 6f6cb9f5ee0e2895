"""Masters and conformed films of a board: where they are, what plan and run state, other titles."""

from __future__ import annotations

from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

from flows.cli.output.plan_text import PlanView, format_plan
from flows.documents import count_film_frames, plan_document, report_document
from flows.report import export, export_versions, join_kept, report_kept
from flows.run import check_ready
from tasks.errors import UsageError
from tasks.film_rates import find_rate
from tasks.media.probe import probe
from tasks.store.verify import verify_store
from tests.support.own_clips import write_clip
from tests.tasks.media.conftest import Studio as ClipStudio
from tests.tasks.media.conftest import Tone, VideoOptions

MASTER = "film: {codec: dnxhr, rate: 25}\n"


@pytest.fixture
def clips(studio) -> ClipStudio:
    """Two numbered clips of 36 frames beside the board, which follow each other."""
    clips = ClipStudio(studio.folder, Path(imageio_ffmpeg.get_ffmpeg_exe()))
    for k in range(2):
        tone = Tone(ticks=(12,))
        video = VideoOptions(size=(320, 180))
        clips.clip(f"{k}.mp4", frames=36, base=36 * k, video=video, tone=tone)
    return clips


def board(film: str = MASTER, *, title: str = "First") -> str:
    """Return the text of a board of both clips."""
    return (
        f"title: {title}\n{film}shots:\n"
        f"  - {{id: a, clip: 0.mp4, title: {title}}}\n  - {{id: b, clip: 1.mp4}}\n"
    )


def test_master_of_a_board(studio, clips) -> None:
    """A master is a MOV file in the store and beside the user; a second run keeps it."""
    run = studio.prepare(board())
    assert report_kept(run) is None
    report = join_kept(run)
    path = export(report)
    assert path == studio.folder / "films" / "board.mov"
    assert report.film.path == studio.folder / "store" / "films" / "board.mov"
    rate = find_rate(25)
    assert clips.numbers(path) == [rate.source_frame(k, 72) for k in range(75)]
    document = report_document(report, path)
    assert (document["frames"], document["rate"]) == (75, 25)
    plan = plan_document(run)
    assert (plan["film_frames"], plan["film_rate"]) == (75, 25) == (count_film_frames(run), 25)

    again = report_kept(studio.prepare(board()))
    assert again is not None
    assert (again.film.frame_count, again.film.rate, again.film.is_new) == (75, 25, False)
    paths = [problem.path for problem in verify_store(run.store).problems]
    assert run.store.films_folder not in [path.parent for path in paths]


def test_master_gets_other_titles_without_being_encoded(studio, clips) -> None:
    """Frames and sound are copied; chapters, time code, title and marker are those of the board."""
    first = join_kept(studio.prepare(board())).film
    digests = clips.digests(first.path)
    film = join_kept(studio.prepare(board(title="Second"))).film
    assert film.is_new
    assert film.encoded_frames == 0
    assert clips.digests(film.path) == digests
    with av.open(str(film.path)) as container:
        assert container.metadata["title"] == "Second"
        assert container.metadata["comment"].startswith("shotchain:board:")
        assert container.streams.video[0].metadata["timecode"] == "01:00:00:00"
        chapters = [
            (chapter["metadata"]["title"], float(chapter["end"] * chapter["time_base"]))
            for chapter in container.chapters()
        ]
    assert chapters == [("Second", 1.5), ("b", 3.0)]
    assert probe(film.path).audio_codec == "pcm_s24le"


def test_other_codec_replaces_the_film(studio, clips) -> None:
    """The store has one film of a board: that of its present codec."""
    master = join_kept(studio.prepare(board()))
    export(master)
    film = join_kept(studio.prepare(board("film: {rate: 23.976}\n"))).film
    assert not master.film.path.exists()
    assert film.path.name == "board.mp4"
    assert clips.numbers(film.path) == list(range(72))
    assert (film.frame_count, film.encoded_frames) == (72, 0)
    again = join_kept(studio.prepare(board())).film
    assert (again.path.name, again.is_new) == ("board.mov", True)
    assert not film.path.exists()


@pytest.mark.parametrize(
    ("name", "is_right"), [("cut.mov", True), ("CUT.MOV", True), ("cut.mp4", False), ("cut", False)]
)
def test_name_of_a_master_ends_in_mov(studio, clips, name: str, is_right: bool) -> None:  # noqa: ARG001
    """A master is not put into a file whose name is that of another format."""
    run = studio.prepare(board(), out=Path(name))
    if is_right:
        check_ready(run)
        return
    with pytest.raises(UsageError, match=r"codec: dnxhr, which is a MOV file; use cut\.mov"):
        check_ready(run)


@pytest.mark.parametrize(
    ("film", "line"),
    [
        (
            "rate: 23.976",
            "film: 72 frames at 23.976 per second, 3.00 s; every frame once",
        ),
        ("rate: 25", "film: 75 frames at 25 per second, 3.00 s; one frame in 24 shown twice"),
        ("codec: prores", "film: 72 frames, 3.00 s; ProRes 422 HQ"),
        (
            "codec: keep",
            "film: 72 frames, 3.00 s; in the codec of most clips",
        ),
    ],
)
def test_plan_states_codec_rate_and_length(studio, clips, film: str, line: str) -> None:  # noqa: ARG001
    """The frames and the seconds are those of the finished film, with the rule of its rate."""
    run = studio.prepare(board(f"film: {{{film}}}\n"))
    assert line in format_plan(run, PlanView(width=200))


def test_version_crops_around_the_focus_of_its_shot(studio) -> None:
    """A bright square at the focus is in the middle of a version in 9:16, and a master is a MOV."""
    picture = np.full((180, 320, 3), 40, np.uint8)
    picture[80:100, 230:250] = 240
    write_clip(studio.folder / "a.mp4", [picture] * 12)
    text = (
        "shots:\n  - {id: a, clip: a.mp4, focus: [0.75, 0.5]}\nversions:\n"
        '  - {name: "{board}-tall", ratio: "9:16"}\n'
        '  - {name: "{board}-wide", ratio: "9:16", fit: pad, film: {codec: prores, rate: 25}}\n'
    )
    report = join_kept(studio.prepare(text))
    export_versions(report, export(report))
    folder = studio.folder / "films"
    tall, wide = probe(folder / "board-tall.mp4"), probe(folder / "board-wide.mov")
    assert (tall.width, tall.height, tall.frames) == (180, 320, 12)
    assert (wide.width, wide.height, wide.frames) == (180, 320, 13)
    with av.open(str(tall.path)) as container:
        luma = next(container.decode(video=0)).to_ndarray()[:320]
    rows, columns = np.nonzero(luma > 150)
    assert (rows.mean(), columns.mean()) == (pytest.approx(160, abs=1.5), pytest.approx(90, abs=2))
