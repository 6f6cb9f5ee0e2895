"""What is on disk is believed only as far as its digest and size go."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tasks.errors import MediaError
from tasks.media.frames import first_frame, mean_difference
from tasks.store.atomic_files import digest_bytes
from tests.support.plain_tasks import render_plainly


def home_of(report, shot: str) -> Path:
    planned = next(one.shot for one in report.results if one.shot.id == shot)
    return report.run.records_of(planned).folder_of(planned.key)


def test_a_last_frame_that_was_changed_on_disk_is_not_continued(studio, chain, outcomes) -> None:
    """Same name, same size, another picture: the true one is taken from the clip."""
    first = studio.run(chain("one"))
    path = home_of(first, "one") / first.results[0].attempt.last_frame.name
    true, size = path.read_bytes(), path.stat().st_size
    Image.new("RGB", (864, 480), "red").save(path)
    path.write_bytes(path.read_bytes().ljust(size, b"\0"))
    report = studio.run(chain("one", "two"))

    assert outcomes(report) == {"one": "kept", "two": "rendered"}
    assert mean_difference(true, first_frame(home_of(report, "two") / "clip.mp4")) < 3
    assert report.results[1].attempt.first_frame_sha256 == digest_bytes(path.read_bytes())


def test_a_clip_cut_short_on_disk_is_fetched_again(studio, chain, outcomes) -> None:
    """Half a file is no clip: the vendor is asked for it again, and not for another."""
    first = studio.run(chain("one"))
    clip = home_of(first, "one") / "clip.mp4"
    whole = clip.read_bytes()
    clip.write_bytes(whole[: len(whole) // 2])
    report = studio.run(chain("one"))

    assert outcomes(report) == {"one": "kept"}
    assert clip.read_bytes() == whole
    assert studio.creates == 1


def test_a_picture_changed_during_the_run_is_not_sent(studio, chain) -> None:
    """The key was made of the picture that the plan has seen: no other is paid for under it."""
    picture = studio.folder / "start.png"
    Image.new("RGB", (864, 480), "teal").save(picture)
    production = studio.prepare(chain("one|first_frame: start.png", provider="ark"))
    production.store.initialize()
    Image.new("RGB", (864, 480), "navy").save(picture)
    report = render_plainly(production, studio.on_progress)

    assert isinstance(report.results[0].error, MediaError)
    assert "start.png was changed during the run" in str(report.results[0].error)
    assert studio.submits == 0
