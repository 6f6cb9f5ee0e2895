"""A film with other titles is every byte of the film that a join with these titles writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tasks.edit import FilmEdit
from tasks.errors import MediaError
from tasks.media.retitle import retitle
from tests.support.film_joins import join_edit, make_clip


def join_titled(clips: list[Path], film: Path, title: str, chapters: Sequence[str]) -> Path:
    """Join chained clips with these titles."""
    last = len(clips) - 1
    parts = [
        make_clip(clip, drop_last_frame=k < last, chapter_title=name)
        for k, (clip, name) in enumerate(zip(clips, chapters, strict=True))
    ]
    join_edit(FilmEdit(tuple(parts), title), film, comment="c")
    return film


@pytest.mark.parametrize("has_sound", [True, False])
def test_retitled_film_equals_joined_film(studio: Any, tmp_path: Path, has_sound: bool) -> None:
    """Pictures, sound, timestamps and the header are the same; the titles are the new ones."""
    clips = studio.chain(3, **({} if has_sound else {"tone": None}))
    before = join_titled(clips, tmp_path / "before.mp4", "Old", ["a", "b", "c"])
    wanted = join_titled(clips, tmp_path / "wanted.mp4", "灯台", ["a", "Café", "c" * 300])
    film = tmp_path / "film.staged"

    assert retitle(before, film, title="灯台", comment="c", chapter_titles=["a", "Café", "c" * 300])
    assert film.read_bytes() == wanted.read_bytes()


def test_film_with_other_chapters_is_not_retitled(studio: Any, tmp_path: Path) -> None:
    """It is not the film of these clips, and nothing is written."""
    before = join_titled(studio.chain(2), tmp_path / "before.mp4", "Old", ["a", "b"])
    film = tmp_path / "film.staged"

    assert not retitle(before, film, title="New", comment="c", chapter_titles=["a"])
    assert not film.exists()


def test_truncated_film_is_not_retitled(studio: Any, tmp_path: Path) -> None:
    """A film without its end is an error, and nothing is left."""
    before = join_titled(studio.chain(2), tmp_path / "before.mp4", "Old", ["a", "b"])
    before.write_bytes(before.read_bytes()[:-4000])
    film = tmp_path / "film.staged"

    with pytest.raises(MediaError):
        retitle(before, film, title="New", comment="c", chapter_titles=["a", "b"])
    assert not film.exists()
