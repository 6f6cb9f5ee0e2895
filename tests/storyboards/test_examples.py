"""The example boards and the starter board: each is clean and shows what it promises."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from storyboards import Board, load, parse
from storyboards.chains import find_links
from storyboards.models import FromShot
from storyboards.prompts import resolve_prompt
from storyboards.template import build_template

FOLDER = Path(__file__).parents[2] / "storyboards"


def open_example(name: str) -> Board:
    """Load an example board by its name."""
    return load(FOLDER / f"{name}.yaml")


def test_example_is_free_and_small(example: Path) -> None:
    """Every example renders on the simulator at 480p, for nothing."""
    board = load(example)
    assert board.name == example.stem
    assert board.storyboard.provider == "simulator"
    assert board.storyboard.look.resolution == "480p"
    assert board.storyboard.title
    for shot in board.storyboard.shots:
        assert shot.provider is None
        assert resolve_prompt(board.storyboard, shot).text


def test_example_pictures_exist_and_are_usable(example: Path) -> None:
    """Pictures are small enough for the repository and large enough for every model."""
    board = load(example)
    files = [image for member in board.storyboard.cast.values() for image in member.images]
    for shot in board.storyboard.shots:
        files += [frame for frame in (shot.first_frame, shot.last_frame) if isinstance(frame, str)]
    assert board.folder is not None
    for file in (board.folder / name for name in files if name != "none"):
        assert file.stat().st_size < 40_000
        with Image.open(file) as picture:
            assert min(picture.size) >= 480


def test_fruit_tea_has_references_of_each_type() -> None:
    """Two pictures, a clip and a sound, small, and named in the prompt."""
    board = open_example("fruit-tea")
    shot = board.storyboard.shots[0]
    references = shot.references
    assert references is not None
    files = (*references.images, *references.videos, *references.audio)
    assert list(map(len, (references.images, references.videos, references.audio))) == [2, 1, 1]
    assert board.folder is not None
    assert sum((board.folder / file).stat().st_size for file in files) < 100_000
    assert all(name in (shot.prompt or "") for name in ("Image 1", "Image 2", "Video 1", "Audio 1"))


def test_lighthouse_is_one_chain() -> None:
    """Three shots of four seconds, each from the one before, and no film settings."""
    storyboard = open_example("lighthouse").storyboard
    assert list(find_links(storyboard).values()) == [None, "dawn", "stairs"]
    assert storyboard.look.seconds == 4
    assert "film" not in storyboard.model_fields_set


def test_two_rooms_is_two_chains() -> None:
    """Each room continues from its own last frame."""
    links = find_links(open_example("two-rooms").storyboard)
    assert links == {"piano": None, "oven": None, "melody": "piano", "dance": "oven"}


def test_crossroads_branches_from_one_shot() -> None:
    """Two shots start from the same one, the second by its name."""
    storyboard = open_example("crossroads").storyboard
    assert list(find_links(storyboard).values()).count("signpost") == 2
    assert FromShot(shot="signpost") in [shot.first_frame for shot in storyboard.shots]


def test_end_card_has_first_and_last_frame() -> None:
    """One shot has a first and a last frame."""
    card = open_example("end-card").storyboard.shots[0]
    assert (card.first_frame, card.last_frame) == ("refs/ember-pack.jpg", "refs/ember-end.jpg")


def test_product_spot_shows_every_feature() -> None:
    """Twelve shots of mixed lengths in four chains, with cast, variables and pictures."""
    storyboard = open_example("product-spot").storyboard
    assert len(storyboard.shots) == 12
    assert list(find_links(storyboard).values()).count(None) == 4
    assert {shot.seconds for shot in storyboard.shots} == {None, 5}
    assert storyboard.variables
    used = {name for shot in storyboard.shots for name in resolve_prompt(storyboard, shot).cast}
    assert used == set(storyboard.cast)
    assert any(shot.last_frame for shot in storyboard.shots)


def test_template_is_clean_and_named_by_file() -> None:
    """The starter board loads unchanged, and has two chains."""
    board = parse(build_template("my-first_film").text.encode(), file="my-first_film.yaml")
    assert (board.name, board.storyboard.title) == ("my-first_film", "My first film")
    assert list(find_links(board.storyboard).values()) == [None, "wake", None]
    assert board.storyboard.provider == "simulator"


@pytest.mark.parametrize("stem", ["", "-", "…", "\u0301"])
def test_template_without_usable_stem_has_name(stem: str) -> None:
    """The starter board of a file whose stem has no letter or digit has a `name:`."""
    assert parse(build_template(stem).text.encode(), file=f"{stem}.yaml").name == "storyboard"


@given(st.text(alphabet=st.characters(exclude_characters="/")))
def test_template_is_clean_for_any_stem(stem: str) -> None:
    """No file name makes the starter board invalid, whatever has to be quoted or escaped."""
    assert parse(build_template(stem).text.encode(), file=f"{stem}.yaml").name
