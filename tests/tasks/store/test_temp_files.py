"""Temporary files are abandoned once their writer is dead, and never before."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.providers.downloads import FileTarget
from tasks.store.atomic_files import staged_file, write_bytes
from tasks.store.films import StoredFilm, export_film
from tasks.store.layout import Store
from tasks.store.temp_files import (
    CONVERTED_FOLDER_INFIX,
    find_abandoned_files,
    remove_path,
)

WRITERS = {
    "store": "with staged_file(path) as temp_path: temp_path.write_bytes(b'half'); hang()",
    "download": "with FileTarget(path) as target: target.write(b'half'); hang()",
}
WRITER = """
import sys
from pathlib import Path
from tasks.store.atomic_files import staged_file
from tasks.providers.downloads import FileTarget
path = Path(sys.argv[1])
def hang():
    print("writing", flush=True)
    sys.stdin.read()
"""


def make_old(folder: Path) -> None:
    """Set the modification times of all files in a folder a minute back."""
    for path in folder.iterdir():
        os.utime(path, (time.time() - 60, time.time() - 60))


@pytest.mark.parametrize("writer", WRITERS)
def test_abandoned_files_only_of_dead_writers(tmp_path: Path, writer: str) -> None:
    """The lock of the file decides, neither its age nor a process id."""
    store = Store(tmp_path / "store")
    path = store.records(loopback=True).folder_of("k") / "clip.mp4"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER + WRITERS[writer], str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    with process:
        assert process.stdout
        process.stdout.readline()
        make_old(path.parent)
        while_alive = find_abandoned_files(store)
        process.send_signal(signal.SIGKILL)
        process.wait()
    abandoned = find_abandoned_files(store)

    assert while_alive == ()
    assert [file.parent for file in abandoned] == [path.parent]
    assert remove_path(abandoned[0]) == abandoned[0].name.endswith(".staging") * 4
    assert find_abandoned_files(store) == ()


def test_abandoned_files_new_empty_file_is_left(tmp_path: Path) -> None:
    """Between its creation and its lock a file is empty."""
    store = Store(tmp_path)
    new_file = tmp_path / "films" / ".a.mp4.1.2.staging"
    new_file.parent.mkdir()
    new_file.touch()
    while_new = find_abandoned_files(store)
    make_old(new_file.parent)

    assert while_new == ()
    assert find_abandoned_files(store) == (new_file,)


def test_converted_clips_stay_while_film_is_written(tmp_path: Path) -> None:
    """The folder of converted clips has no lock; the film next to it has one."""
    store = Store(tmp_path)
    with staged_file(store.films_folder / "a.mp4") as film:
        film.write_bytes(b"half")
        folder = film.with_name(f"{film.name}{CONVERTED_FOLDER_INFIX}abcdefg_")
        folder.mkdir()
        (folder / "0.mp4").write_bytes(b"0123456789")
        while_written = find_abandoned_files(store)

    assert while_written == ()
    assert find_abandoned_files(store) == (folder,)
    assert remove_path(folder) == 10


def test_export_removes_abandoned_copies_only(tmp_path: Path) -> None:
    """Outside of the store an export removes the abandoned temporary files of its own film."""
    store = Store(tmp_path / "store")
    write_bytes(store.films_folder / "a.mp4", b"film")
    film = tmp_path / "films" / "a[1].mp4"
    film.parent.mkdir()
    film.with_name(".a[1].mp4.1.2.staging").write_bytes(b"half")
    others = {film.with_name(name) for name in (".b.mp4.1.2.staging", ".a[1].mp4.x.2.staging")}
    for path in others:
        path.write_bytes(b"another program's")
    abandoned = find_abandoned_files(store)
    export_film(store, StoredFilm(store.films_folder / "a.mp4", 1, is_new=True), film, None)

    assert abandoned == ()
    assert set(film.parent.iterdir()) == {film, *others}


def test_abandoned_files_skip_prefect_and_simulator(tmp_path: Path) -> None:
    """Prefect and the simulator clean up their own folders."""
    for name in ("prefect", "simulator"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".x.1.2.staging").write_bytes(b"half")

    assert find_abandoned_files(Store(tmp_path)) == ()


def test_temp_files_are_written_without_lock_support(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A film may be exported to a file system without locks."""

    def fail(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", fail)
    with staged_file(tmp_path / "a.mp4") as path:
        path.write_bytes(b"film")
        with FileTarget(tmp_path / "b.mp4") as target:
            target.write(b"clip")
            target.commit()

    assert (tmp_path / "a.mp4").read_bytes() == b"film"
    assert (tmp_path / "b.mp4").read_bytes() == b"clip"
