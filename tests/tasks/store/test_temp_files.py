"""Half-written files: found when their writer is dead, left alone while it lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.providers.downloads import FileTarget
from tasks.store.atomic_files import staged_file, write_record
from tasks.store.layout import Store
from tasks.store.temp_files import find_abandoned_files, remove_path

WRITERS = {
    "store": "with staged_file(place) as path: path.write_bytes(b'half'); hang()",
    "download": "with FileTarget(place) as sink: sink.write(b'half'); hang()",
}
WRITER = """
import sys
from pathlib import Path
from tasks.store.atomic_files import staged_file
from tasks.providers.downloads import FileTarget
place = Path(sys.argv[1])
def hang():
    print("writing", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("how", WRITERS)
def test_what_a_killed_writer_left_is_found_and_what_a_living_one_writes_is_not(
    tmp_path: Path, how: str
) -> None:
    """The lock of the file itself tells, so neither its age nor a process id has to."""
    store = Store(tmp_path / "store")
    place = store.records(loopback=True).folder_of("k") / "clip.mp4"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER + WRITERS[how], str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    with writer:
        writer.stdout.readline()
        made_a_while_ago(place.parent)
        living = find_abandoned_files(store)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    left = find_abandoned_files(store)

    assert living == ()
    assert [one.parent for one in left] == [place.parent]
    assert remove_path(left[0]) == left[0].name.endswith(".staging") * 4
    assert find_abandoned_files(store) == ()


def made_a_while_ago(folder: Path) -> None:
    for path in folder.iterdir():
        os.utime(path, (time.time() - 60, time.time() - 60))


def test_a_file_that_was_only_just_made_is_left_alone(tmp_path: Path) -> None:
    """Between its making and its lock a file is empty and nobody's."""
    store = Store(tmp_path)
    fresh = tmp_path / "films" / ".a.mp4.1.2.staging"
    fresh.parent.mkdir()
    fresh.touch()
    young = find_abandoned_files(store)
    os.utime(fresh, (time.time() - 60, time.time() - 60))

    assert young == ()
    assert find_abandoned_files(store) == (fresh,)


def test_fitted_clips_stay_as_long_as_their_film_is_written(tmp_path: Path) -> None:
    """The folder has no lock; the film beside it has."""
    store = Store(tmp_path)
    with staged_file(store.films_folder / "a.mp4") as film:
        film.write_bytes(b"half")
        folder = film.with_name(f"{film.name}.fitted-x")
        folder.mkdir()
        (folder / "0.mp4").write_bytes(b"0123456789")
        during = find_abandoned_files(store)

    assert during == ()
    assert find_abandoned_files(store) == (folder,)
    assert remove_path(folder) == 10


def test_a_film_that_was_being_put_elsewhere_is_found_there(tmp_path: Path) -> None:
    """Only beside the films that the store put, only by their names."""
    store = Store(tmp_path / "store")
    elsewhere = tmp_path / "films" / "a[1].mp4"
    elsewhere.parent.mkdir()
    left = elsewhere.with_name(".a[1].mp4.1.2.staging")
    left.write_bytes(b"half")
    elsewhere.with_name(".b.mp4.1.2.staging").write_bytes(b"somebody else's")
    write_record(store.films_folder / "placed.json", {str(elsewhere): "a.yaml"})

    assert find_abandoned_files(store) == (left,)


def test_the_scheduler_and_the_simulator_look_after_their_own(tmp_path: Path) -> None:
    """What lies in their folders is not judged by our names."""
    for name in ("prefect", "simulator"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".x.1.2.staging").write_bytes(b"theirs")

    assert find_abandoned_files(Store(tmp_path)) == ()


def test_staging_survives_where_nothing_can_be_locked(tmp_path: Path, monkeypatch) -> None:
    """A film may be put on a disk that knows no locks."""
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with staged_file(tmp_path / "a.mp4") as path:
        path.write_bytes(b"film")
        with FileTarget(tmp_path / "b.mp4") as sink:
            sink.write(b"clip")
            sink.commit()

    assert (tmp_path / "a.mp4").read_bytes() == b"film"
    assert (tmp_path / "b.mp4").read_bytes() == b"clip"
