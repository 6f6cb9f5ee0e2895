"""Files beside a film: written with it, copied with it, and never over a file of the user's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import UsageError
from tasks.store import films
from tasks.store.atomic_files import write_record
from tasks.store.layout import Store
from tasks.store.side_files import (
    find_missing_copies,
    require_own_side_files,
    write_side_files,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.initialize()
    return store


def make_film(store: Store, text: str = "hello") -> films.StoredFilm:
    """Write and record a film with captions."""
    path = store.films_folder / "dawn.mp4"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode())
    digests = write_side_files(path, {".en.srt": text.encode(), ".en.vtt": text.encode()})
    return films.record_film(store, "dawn", text, 1, side_files=digests)


def export(store: Store, film: films.StoredFilm, folder: Path) -> Path:
    path = folder / "films" / "ad.mp4"
    films.export_film(store, film, path, None)
    return path


def test_export_copies_side_files_with_names_of_film(store: Store, tmp_path: Path) -> None:
    """The copies have the name of the copied film, and the content of the files in the store."""
    path = export(store, make_film(store), tmp_path)

    assert sorted(copy.name for copy in path.parent.iterdir()) == [
        "ad.en.srt",
        "ad.en.vtt",
        "ad.mp4",
    ]
    assert path.with_name("ad.en.srt").read_text() == "hello"


def test_film_without_side_file_is_not_kept(store: Store) -> None:
    """A film whose captions were removed from the store is made again."""
    make_film(store)
    assert films.find_film(store, "dawn", "hello")

    (store.films_folder / "dawn.en.vtt").unlink()

    assert films.find_film(store, "dawn", "hello") is None


def test_missing_copy_is_written_again(store: Store, tmp_path: Path) -> None:
    """A film whose caption file the user has deleted counts as not exported."""
    film = make_film(store)
    path = export(store, film, tmp_path)
    path.with_name("ad.en.srt").unlink()

    assert not films.is_exported(film, path)
    assert find_missing_copies(film.path, path) == (".en.srt",)
    export(store, film._replace(is_new=False), tmp_path)

    assert films.is_exported(film, path)


def test_changed_copy_of_same_film_is_kept(store: Store, tmp_path: Path) -> None:
    """A caption that the user has corrected stays as long as the film is the same."""
    film = make_film(store)
    path = export(store, film, tmp_path)
    path.with_name("ad.en.srt").write_text("corrected")
    path.unlink()

    export(store, film._replace(is_new=False), tmp_path)

    assert path.with_name("ad.en.srt").read_text() == "corrected"


def test_own_copy_is_replaced(store: Store, tmp_path: Path) -> None:
    """The caption of an earlier film, unchanged since, is replaced by that of the new film."""
    path = export(store, make_film(store), tmp_path)

    require_own_side_files(store, path, [".en.srt", ".en.vtt"])
    export(store, make_film(store, "other"), tmp_path)

    assert path.with_name("ad.en.srt").read_text() == "other"


@pytest.mark.parametrize("was_exported", [True, False])
def test_file_of_user_is_not_replaced(store: Store, tmp_path: Path, was_exported: bool) -> None:
    """A file that was changed, or that was there before, is an error that names it."""
    path = tmp_path / "films" / "ad.mp4"
    if was_exported:
        export(store, make_film(store), tmp_path)
    path.parent.mkdir(exist_ok=True)
    path.with_name("ad.en.srt").write_text("the user's")

    with pytest.raises(UsageError, match=r"ad\.en\.srt was not written by shotchain"):
        require_own_side_files(store, path, [".en.srt"])
    with pytest.raises(UsageError, match=r"ad\.en\.srt was not written by shotchain"):
        export(store, make_film(store, "other"), tmp_path)

    assert path.with_name("ad.en.srt").read_text() == "the user's"


def test_record_of_stranger_copies_captions_and_sound_only(store: Store, tmp_path: Path) -> None:
    """Suffixes with folders, or of other kinds of files, are ignored."""
    film = make_film(store)
    suffixes = ("/../../x.srt", ".en.srt/../y.srt", ".bashrc", ".desktop", ".en.exe")
    films.record_film(store, "dawn", "hello", 1, side_files=dict.fromkeys(suffixes, "0"))

    path = export(store, film, tmp_path)

    assert [copy.name for copy in path.parent.iterdir()] == ["ad.mp4"]


def test_partial_record_of_older_store_has_no_side_files(store: Store, tmp_path: Path) -> None:
    """A film that an earlier version recorded has no files beside it."""
    film = make_film(store)
    write_record(film.path.with_suffix(".json"), {"identity": "hello", "frames": 1, "bytes": 5})

    assert films.find_film(store, "dawn", "hello")
    assert find_missing_copies(film.path, tmp_path / "ad.mp4") == ()
