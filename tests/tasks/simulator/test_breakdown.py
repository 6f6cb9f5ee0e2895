"""The breakdown of a prompt: shot size, people, places, things, setting, text."""

from __future__ import annotations

import pytest

from tasks.simulator.footage.breakdown import Breakdown, Mention, break_down, find_title


def find(prompt: str, name: str) -> Mention:
    """Return the first mention with that name."""
    return next(mention for mention in break_down(prompt).mentions if mention.name == name)


def count_people(breakdown: Breakdown) -> dict[str, int]:
    return {mention.name: mention.count for mention in breakdown.people}


@pytest.mark.parametrize(
    ("prompt", "size"),
    [
        ("Extreme close-up of an eye.", "ECU"),
        ("ECU: a key turns.", "ECU"),
        ("Macro, steam drifts.", "ECU"),
        ("Close-up of a man.", "CU"),
        ("A portrait of a sailor.", "CU"),
        ("Medium close up, she smiles", "MCU"),
        ("MS of two women", "MS"),
        ("Over-the-shoulder shot of a clerk", "MS"),
        ("A medium wide of the yard", "MWS"),
        ("Full shot of a dancer", "FS"),
        ("The ferry leaves. Wide shot.", "WS"),
        ("Extreme wide shot of a valley", "XWS"),
        ("Establishing shot: a town", "XWS"),
        ("Aerial of the coast", "XWS"),
        ("特写，老人的脸", "CU"),
        ("全景，街道", "WS"),
        # The first one counts.
        ("Wide shot, then a close-up of the clock.", "WS"),
        # Words that only look like a size.
        ("He opens the door wide. It takes 20 ms.", "FS"),
        ("A portrait format poster of the sea", "WS"),
        # Sizes that suit the subject.
        ("A woman laughs.", "MS"),
        ("A man opens a gate.", "FS"),
        ("A bottle on a table.", "CU"),
        ("A boat at sea.", "WS"),
    ],
)
def test_size_follows_prompt(prompt: str, size: str) -> None:
    """The first shot size in the prompt counts; without one, the subject decides."""
    assert break_down(prompt).size == size


@pytest.mark.parametrize(
    ("prompt", "people"),
    [
        ("a woman waits", {"woman": 1}),
        ("two men argue with a woman", {"man": 2, "woman": 1}),
        ("three children run", {"child": 3}),
        ("children play", {"child": 3}),
        ("An old couple dances.", {"couple": 1}),
        ("A crowd cheers.", {"crowd": 1}),
        ("A family at breakfast, the mother laughs.", {"family": 1}),
        ("A man enters. The man sits down.", {"man": 1}),
        ("a man and another man", {"man": 1, "man ": 1}),
        ("A boatbuilder with grey strands in her hair", {"woman": 1}),
        ("She drinks.", {"woman": 1}),
        ("a deserted street, no people", {}),
        ("First-person view of a road", {}),
        ("A hand holds a cup.", {}),
    ],
)
def test_people_are_counted(prompt: str, people: dict[str, int]) -> None:
    """People are counted by kind; `the man` is the man of before."""
    names = [mention.name for mention in break_down(prompt).people]

    assert sorted(names) == sorted(name.strip() for name in people)
    assert sum(count_people(break_down(prompt)).values()) == sum(
        count for name, count in people.items() if not name.endswith(" ")
    )


@pytest.mark.parametrize(
    ("prompt", "name", "place"),
    [
        ("a woman on the left and a man on the right", "woman", "left"),
        ("a woman on the left and a man on the right", "man", "right"),
        ("On the left a woman, on the right a man", "man", "right"),
        ("a dog in the background", "dog", "background"),
        ("a man in the middle of the road", "man", "centre"),
        ("a man in the foreground, a car in the distance", "man", "foreground"),
        ("a man in the foreground, a car in the distance", "car", "background"),
        ("pan left over a boat", "boat", ""),
        ("a dog runs, waves in the background", "dog", ""),
        ("a man raises his left hand", "man", ""),
        ("a man walks from left to right", "man", ""),
    ],
)
def test_place_belongs_to_its_mention(prompt: str, name: str, place: str) -> None:
    """A place belongs to the person or thing beside it; camera moves and hands are not places."""
    assert find(prompt, name).place == place


@pytest.mark.parametrize(
    ("prompt", "name", "direction"),
    [
        ("a man walks from left to right", "man", 1),
        ("a car crosses from right to left", "car", -1),
        ("a dog runs along the beach", "dog", 1),
        ("a dog sleeps", "dog", 0),
        ("a woman looks up, a tear runs down", "woman", 0),
    ],
)
def test_direction_of_movement(prompt: str, name: str, direction: int) -> None:
    """Movement follows the words, and goes to the right if they name no direction."""
    travel = find(prompt, name).travel

    assert (travel > 0) - (travel < 0) == direction


@pytest.mark.parametrize(
    ("prompt", "things"),
    [
        ("A red sports car and two bicycles", ["car", "bicycle"]),
        ("A cup of coffee beside a laptop", ["cup", "laptop"]),
        ("A phone, a book and a lamp on a desk", ["phone", "book", "lamp", "table"]),
        ("A dog, a cat, a horse and a bird", ["dog", "cat", "horse", "bird"]),
        ("A train passes a house with a tree", ["train", "house", "tree"]),
        ("A plane above a boat", ["plane", "boat"]),
        ("The window, the door, the stairs", ["window", "door", "stairs"]),
        (
            "Flowers and a bottle of wine on a table beside a chair",
            ["flower", "bottle", "table", "chair"],
        ),
        ("A mug with a thin ring. The mug steams.", ["cup"]),
        ("Pack shot of the product", ["box"]),
        # Words that only look like a thing.
        ("Pan left. Frames glass towers. She planes a plank and steps out.", []),
        ("An orange dress, jet black hair", []),
    ],
)
def test_things_are_named(prompt: str, things: list[str]) -> None:
    """Each thing is named once, in the order of the prompt."""
    assert [mention.name for mention in break_down(prompt).things] == things


@pytest.mark.parametrize(
    ("prompt", "name", "colour"),
    [
        ("a red sports car", "car", "#d0312d"),
        ("a keeper in a yellow raincoat", "man", "#e8b923"),
        ("a man in a suit, a red car", "man", ""),
        ("a man in a suit, a red car", "car", "#d0312d"),
        ("blue hour behind the car", "car", ""),
    ],
)
def test_colour_belongs_to_its_mention(prompt: str, name: str, colour: str) -> None:
    """A colour belongs to the thing after it, or to the clothes of the person before it."""
    assert find(prompt, name).colour == colour


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ('The logo "NORDWIND" appears.', "NORDWIND"),
        ("End card with the text “Warm when you are”.", "Warm when you are"),
        ("The name appears: warm when you are.", "warm when you are"),
        ("The Ember logo on black.", "Ember"),
        ("The logo appears.", ""),
        ("标题 logo「海风」", "海风"),
        ('She whispers "hello" to him.', None),
        ('The logo "TEA HOUSE", and "Warm inside" below.', "TEA HOUSE\nWarm inside"),
        ('A voice asks "ready?", then the logo "ACME" appears.', "ACME"),
        ("A quiet sea.", None),
    ],
)
def test_title_is_the_quoted_text(prompt: str, title: str | None) -> None:
    """Quoted text is set in type if the prompt asks for type; speech is not."""
    assert find_title(prompt) == title


@pytest.mark.parametrize(
    ("prompt", "setting", "view"),
    [
        ("A kitchen at dawn", "room", ""),
        ("A street at night from above, drone shot", "city", "aerial"),
        ("Low angle of a man on a mountain road", "ridges", "low"),
        ("A beach. Depth of field.", "sea", ""),
        ("Top shot of a cup", "studio", "top"),
        ("A shoe, orbit", "studio", ""),
        ("A woman walks in the forest, from behind", "forest", "behind"),
        ("Shallow depth of field", "ridges", ""),
    ],
)
def test_setting_and_view_follow_prompt(prompt: str, setting: str, view: str) -> None:
    """The first setting counts; small things without one are in a studio."""
    breakdown = break_down(prompt)

    assert (breakdown.setting, breakdown.view) == (setting, view)


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("A guitarist plays.", ["man", "guitar"]),
        ("A woman climbs, one hand on the rail", ["woman"]),
        ("A cyclist waits.", ["man", "bicycle"]),
        ("A can of soda in the snow", ["can"]),
        ("Product hero: a shoe", ["shoe"]),
        ("An old woman reads a book on a bench", ["woman", "book", "bench"]),
        ("A village with a church tower", ["house", "church"]),
    ],
)
def test_implied_and_compound_nouns(prompt: str, names: list[str]) -> None:
    """A guitarist has a guitar; compound nouns are one thing; reading is not a text card."""
    breakdown = break_down(prompt)

    assert [mention.name for mention in breakdown.mentions] == names
    assert breakdown.title is None


@pytest.mark.parametrize(
    "prompt",
    [
        'The logo "TEA HOUSE" on a plain background.',
        "The name appears: tea house.",
        'She whispers "the house by the sea" into the dark.',
    ],
)
def test_words_in_type_or_speech_are_not_things(prompt: str) -> None:
    """A name or a sentence that mentions a thing does not put it into the picture."""
    assert break_down(prompt).things == ()
