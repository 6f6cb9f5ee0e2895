"""Films in the store, and their copies at the user's paths."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.edit import FilmEdit, InputFile, MusicEdit, SoundEdit
from tasks.errors import MediaError, UnsafeStore, UsageError
from tasks.store.atomic_files import digest_bytes, write_bytes, write_record
from tasks.store.films import (
    EXPORTS_NAME,
    StoredFilm,
    export_film,
    film_marker,
    find_film,
    find_newest_film,
    is_exported,
    read_exports,
    record_film,
    require_own_destination,
    require_unchanged_sounds,
)
from tasks.store.layout import Store

BOARD_FILE = Path("/boards/film.yaml")
FILM = b"..." + film_marker("film", Path("/boards/moved.yaml")).encode()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


@pytest.fixture
def film(store: Store) -> StoredFilm:
    """A film in the store."""
    write_bytes(store.films_folder / "film.mp4", FILM)
    return record_film(store, "film", "identity", 5)


def test_find_film_needs_identity_and_size(store: Store, film: StoredFilm) -> None:
    """A film of other clips, or a film that was cut short, is not found."""
    stored = find_film(store, "film", "identity")

    assert stored == film._replace(is_new=False)
    assert find_film(store, "film", "other") is None
    film.path.write_bytes(b"fil")
    assert find_film(store, "film", "identity") is None


def test_export_film_records_its_board(store: Store, film: StoredFilm, tmp_path: Path) -> None:
    """The copy is complete, and the store records which board it belongs to."""
    path = tmp_path / "films" / "film.mp4"
    export_film(store, film, path, BOARD_FILE)

    assert path.read_bytes() == FILM
    assert is_exported(film, path)
    assert read_exports(store) == {str(path): str(BOARD_FILE)}


def check_destination(store: Store, path: Path, *, is_explicit: bool = False) -> None:
    """Check a destination of the film of `BOARD_FILE`."""
    require_own_destination(store, path, "film", BOARD_FILE, is_explicit=is_explicit)


def test_require_own_destination_other_film_is_kept(store: Store, tmp_path: Path) -> None:
    """A file of unknown origin is replaced only if the user named it."""
    path = tmp_path / "film.mp4"
    check_destination(store, path)
    path.write_bytes(b"another film")

    with pytest.raises(UsageError, match="is not the film of this board"):
        check_destination(store, path)
    check_destination(store, path, is_explicit=True)


def test_require_own_destination_recognises_own_film(
    store: Store, film: StoredFilm, tmp_path: Path
) -> None:
    """A film is recognised by the store's record, or by its marker without a record."""
    exported, marked = tmp_path / "a.mp4", tmp_path / "b.mp4"
    export_film(store, film, exported, BOARD_FILE)
    marked.write_bytes(b"..." + film_marker("film", BOARD_FILE).encode())

    check_destination(store, exported)
    check_destination(store, marked)


def test_require_own_destination_film_of_moved_board_is_replaced(
    store: Store, film: StoredFilm, tmp_path: Path
) -> None:
    """A film whose board file no longer exists may be replaced; one of another board may not."""
    other_board = tmp_path / "other.yaml"
    other_board.write_text("")
    path = tmp_path / "film.mp4"
    export_film(store, film, path, other_board)

    with pytest.raises(UsageError):
        check_destination(store, path)
    other_board.unlink()
    check_destination(store, path)


def test_require_own_destination_folder_is_an_error(store: Store, tmp_path: Path) -> None:
    """A folder can't be replaced, not even explicitly."""
    with pytest.raises(UsageError, match="is a folder; use --out with another file"):
        check_destination(store, tmp_path, is_explicit=True)


@pytest.fixture
def newest(store: Store, tmp_path: Path) -> Callable[[], Path | None]:
    """Find the newest film of the board; its default path is `films/film.mp4`."""
    return lambda: find_newest_film(
        store, ("film", "former"), BOARD_FILE, tmp_path / "films" / "film.mp4"
    )


def set_age(path: Path, seconds: int) -> None:
    """Set the modification time of a file."""
    os.utime(path, (10_000 - seconds, 10_000 - seconds))


def test_newest_film_is_a_copy_or_the_stored_film(
    store: Store, film: StoredFilm, newest: Callable[[], Path | None], tmp_path: Path
) -> None:
    """The copy of the same age, also that of `--out`; the film in the store after a deployment."""
    default, out = tmp_path / "films" / "film.mp4", tmp_path / "elsewhere.MOV"
    assert newest() == film.path
    for path, age in ((default, 30), (out, 20)):
        export_film(store, film, path, BOARD_FILE)
        set_age(path, age)
    set_age(film.path, 20)
    assert newest() == out
    set_age(out, 40)
    set_age(film.path, 30)
    assert newest() == default
    set_age(film.path, 10)
    assert newest() == film.path
    film.path.unlink()
    assert newest() == default


def test_newest_film_may_be_partial_or_of_a_former_name(
    store: Store, newest: Callable[[], Path | None]
) -> None:
    """A board that was renamed has its film under the former name until the next render."""
    assert newest() is None
    former = store.films_folder / "former.mp4"
    write_bytes(former, b"")
    set_age(former, 10)
    assert newest() == former
    write_bytes(store.films_folder / "film.partial.mp4", b"")
    assert newest() == store.films_folder / "film.partial.mp4"


@pytest.mark.parametrize("kind", ["unmarked", "script", "link", "folder", "gone", "null", "host"])
def test_newest_film_ignores_paths_of_a_prepared_store(
    store: Store, film: StoredFilm, newest: Callable[[], Path | None], tmp_path: Path, kind: str
) -> None:
    """The record of copies names files that are not films of this board."""
    name = {"script": "run.desktop", "null": "a\0.mp4", "host": "//host/share/a.mp4"}
    path = tmp_path / name.get(kind, "a.mp4")
    if kind in ("unmarked", "script"):
        path.write_bytes(b"mine" if kind == "unmarked" else FILM)
    elif kind == "link":
        path.symlink_to(film.path)
    elif kind == "folder":
        path.mkdir()
    write_record(store.films_folder / EXPORTS_NAME, {str(path): str(BOARD_FILE)})
    set_age(film.path, 9_000)

    assert newest() == film.path


def test_newest_film_is_not_the_copy_of_another_board(
    store: Store, film: StoredFilm, newest: Callable[[], Path | None], tmp_path: Path
) -> None:
    """A copy counts if it was exported for this file, also at the default path."""
    for name in ("out.mp4", "films/film.mp4"):
        export_film(store, film, tmp_path / name, Path("/boards/other.yaml"))
    assert newest() == film.path

    (tmp_path / "films" / "film.mp4").write_bytes(film_marker("film", BOARD_FILE).encode())
    assert newest() == tmp_path / "films" / "film.mp4"


def test_newest_film_in_the_store_may_not_be_a_link(
    store: Store, newest: Callable[[], Path | None], tmp_path: Path
) -> None:
    """Nothing of a prepared store is followed."""
    store.films_folder.mkdir(parents=True)
    (store.films_folder / "film.mp4").symlink_to(tmp_path)

    with pytest.raises(UnsafeStore):
        newest()


def test_changed_music_is_reported(tmp_path: Path) -> None:
    """The record of the film would name another content than that it was made of."""
    path = tmp_path / "music.wav"
    path.write_bytes(b"music")
    file = InputFile(path, digest_bytes(b"music"))
    require_unchanged_sounds(FilmEdit((), sound=SoundEdit(MusicEdit(file))))
    path.write_bytes(b"other")
    with pytest.raises(MediaError, match=r"music\.wav was changed since the run began"):
        require_unchanged_sounds(FilmEdit((), sound=SoundEdit(voice=file)))
