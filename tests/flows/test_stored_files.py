"""A file on disk is used only if its size and digest are as recorded."""

from __future__ import annotations

from PIL import Image

from tasks.errors import MediaError
from tasks.media.frames import first_frame, mean_difference
from tasks.store.atomic_files import digest_bytes
from tests.support.plain_tasks import render_plainly
from tests.support.reports import attempt_of, folder_of, last_frame_path


def test_frame_changed_on_disk_is_taken_from_clip(studio, chain, outcomes) -> None:
    """A picture of the same name and size is not continued; the last frame of the clip is."""
    first = studio.run(chain("one"))
    path = last_frame_path(first, "one")
    content = path.read_bytes()
    Image.new("RGB", (864, 480), "red").save(path)
    path.write_bytes(path.read_bytes().ljust(len(content), b"\0"))
    report = studio.run(chain("one", "two"))

    assert outcomes(report) == {"one": "kept", "two": "rendered"}
    assert mean_difference(content, first_frame(folder_of(report, "two") / "clip.mp4")) < 3
    assert attempt_of(report, "two").first_frame_sha256 == digest_bytes(path.read_bytes())


def test_clip_truncated_on_disk_is_fetched_again(studio, chain, outcomes) -> None:
    """Half a clip is downloaded again; no other job is created."""
    first = studio.run(chain("one"))
    clip = folder_of(first, "one") / "clip.mp4"
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) // 2])
    report = studio.run(chain("one"))

    assert outcomes(report) == {"one": "kept"}
    assert clip.read_bytes() == content
    assert studio.creates == 1


def test_input_changed_during_run_is_not_sent(studio, chain) -> None:
    """The key is made of the picture at the time of the plan; another one is not paid for."""
    picture = studio.folder / "start.png"
    Image.new("RGB", (864, 480), "teal").save(picture)
    run = studio.prepare(chain("one|first_frame: start.png", provider="ark"))
    Image.new("RGB", (864, 480), "navy").save(picture)
    report = render_plainly(run, studio.on_progress)

    assert isinstance(report.results[0].error, MediaError)
    assert "start.png was changed during the run" in str(report.results[0].error)
    assert studio.submits == 0
