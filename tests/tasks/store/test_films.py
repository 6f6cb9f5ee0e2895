"""Films in the store, and their copies at the user's paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import UsageError
from tasks.store.atomic_files import write_bytes
from tasks.store.films import (
    FilmClip,
    StoredFilm,
    compute_film_identity,
    export_film,
    film_marker,
    find_film,
    is_exported,
    read_exports,
    record_film,
    require_own_destination,
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


def test_compute_film_identity_depends_on_every_part() -> None:
    """Content, chapters, dropped frames and title make another film; paths do not."""
    clip = FilmClip(Path("a.mp4"), "sha", "Dawn", drop_last_frame=True)
    identity = compute_film_identity([clip], "Film")

    assert compute_film_identity([clip._replace(path=Path("b.mp4"))], "Film") == identity
    others = [
        compute_film_identity([clip._replace(sha256="other")], "Film"),
        compute_film_identity([clip._replace(chapter_title="Dusk")], "Film"),
        compute_film_identity([clip._replace(drop_last_frame=False)], "Film"),
        compute_film_identity([clip, clip], "Film"),
        compute_film_identity([clip], "Other"),
    ]
    assert len({identity, *others}) == 6


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
