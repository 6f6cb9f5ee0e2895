"""The boards that we ship, and the starter: each is clean, and each shows what it promises."""

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

ROOM = Path(__file__).parents[2] / "storyboards"


def open_example(name: str) -> Board:
    """An example board by its name."""
    return load(ROOM / f"{name}.yaml")


def test_each_example_loads_on_the_simulator_at_480p(example: Path) -> None:
    """A stranger can render every example at once, for nothing."""
    board = load(example)
    assert board.name == example.stem
    assert board.storyboard.provider == "simulator"
    assert board.storyboard.look.resolution == "480p"
    assert board.storyboard.title
    for shot in board.storyboard.shots:
        assert shot.provider is None
        assert resolve_prompt(board.storyboard, shot).text


def test_each_picture_of_an_example_is_there_and_of_use(example: Path) -> None:
    """Files lie beside the board, small for the repository and large enough for every model."""
    board = load(example)
    written = [image for member in board.storyboard.cast.values() for image in member.images]
    for shot in board.storyboard.shots:
        written += [
            frame for frame in (shot.first_frame, shot.last_frame) if isinstance(frame, str)
        ]
    assert board.folder is not None
    for file in (board.folder / name for name in written if name != "none"):
        assert file.stat().st_size < 40_000
        with Image.open(file) as picture:
            assert min(picture.size) >= 480


def test_the_fruit_tea_refers_to_media_of_every_kind() -> None:
    """Two pictures, a clip and a sound, as small as they can be and named in the prompt."""
    board = open_example("fruit-tea")
    shot = board.storyboard.shots[0]
    given = shot.references
    assert given is not None
    files = (*given.images, *given.videos, *given.audio)
    assert [len(given.images), len(given.videos), len(given.audio)] == [2, 1, 1]
    assert board.folder is not None
    assert sum((board.folder / file).stat().st_size for file in files) < 100_000
    assert all(word in (shot.prompt or "") for word in ("Image 1", "Image 2", "Video 1", "Audio 1"))


def test_the_lighthouse_is_the_smallest_chain() -> None:
    """Three shots of four seconds, each from the one before, and no word about the film."""
    storyboard = open_example("lighthouse").storyboard
    assert list(find_links(storyboard).values()) == [None, "dawn", "stairs"]
    assert storyboard.look.seconds == 4
    assert "film" not in storyboard.model_fields_set


def test_two_rooms_are_two_chains_with_cuts_between_them() -> None:
    """Each room goes on from its own last frame."""
    links = find_links(open_example("two-rooms").storyboard)
    assert links == {"piano": None, "oven": None, "melody": "piano", "dance": "oven"}


def test_the_crossroads_branch_from_one_shot() -> None:
    """Two shots start from the same one, the second by its name."""
    storyboard = open_example("crossroads").storyboard
    assert list(find_links(storyboard).values()).count("signpost") == 2
    assert FromShot(shot="signpost") in [shot.first_frame for shot in storyboard.shots]


def test_the_end_card_goes_from_picture_to_picture() -> None:
    """One shot has a first and a last frame."""
    card = open_example("end-card").storyboard.shots[0]
    assert (card.first_frame, card.last_frame) == ("refs/ember-pack.jpg", "refs/ember-end.jpg")


def test_the_product_spot_is_an_agencys() -> None:
    """Twelve shots of mixed lengths in four chains, with cast, variables and client's pictures."""
    storyboard = open_example("product-spot").storyboard
    assert len(storyboard.shots) == 12
    assert list(find_links(storyboard).values()).count(None) == 4
    assert {shot.seconds for shot in storyboard.shots} == {None, 5}
    assert storyboard.variables
    used = {name for shot in storyboard.shots for name in resolve_prompt(storyboard, shot).cast}
    assert used == set(storyboard.cast)
    assert any(shot.last_frame for shot in storyboard.shots)


def test_the_starter_is_clean_and_named_after_its_file() -> None:
    """What init writes loads as it is, with two chains to show."""
    board = parse(build_template("my-first_film").encode(), file="my-first_film.yaml")
    assert (board.name, board.storyboard.title) == ("my-first_film", "My first film")
    assert list(find_links(board.storyboard).values()) == [None, "wake", None]
    assert board.storyboard.provider == "simulator"


@pytest.mark.parametrize("stem", ["灯台", "", "-", "…"])
def test_the_starter_names_itself_where_the_file_can_not(stem: str) -> None:
    """A stem without a letter or digit gets a `name:`."""
    assert parse(build_template(stem).encode(), file=f"{stem}.yaml").name == "storyboard"


@given(st.text(alphabet=st.characters(exclude_characters="/")))
def test_the_starter_is_clean_for_every_file_name(stem: str) -> None:
    """No name a file can have makes the starter invalid, whatever it quotes or escapes."""
    board = parse(build_template(stem).encode(), file=f"{stem}.yaml")
    assert board.name
