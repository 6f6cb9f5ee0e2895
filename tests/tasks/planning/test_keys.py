"""The keys of the example boards: a surprise here would make every user pay again.

`python tests/tasks/planning/test_keys.py` writes the golden file anew; review its diff before
committing.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from storyboards import InvalidStoryboard, load
from tasks.planning.keys import derive_seed
from tasks.planning.planner import make_plan

ROOT = Path(__file__).parents[3]
GOLDEN = Path(__file__).parent / "goldens" / "keys.json"
BOARDS = sorted((ROOT / "storyboards").glob("*.yaml"))
PROVIDERS = ("simulator", "ark", "modelark")


def keys() -> dict[str, dict[str, str]]:
    """Board and provider to shot to key, where the provider takes the board."""
    found = {}
    for board in BOARDS:
        for provider in PROVIDERS:
            # A local clip goes to the simulator alone.
            with suppress(InvalidStoryboard):
                plan = make_plan(load(board), provider=provider)
                found[f"{board.stem} at {provider}"] = {shot.id: shot.key for shot in plan}
    return found


def test_no_key_of_an_example_board_has_changed() -> None:
    """Raise keys.FORMAT on purpose, or leave every key as it was."""
    assert keys() == json.loads(GOLDEN.read_text())


def test_keys_are_hex_and_never_shared_by_chance() -> None:
    """64 hex digits, all different over boards and providers."""
    found = [key for board in keys().values() for key in board.values()]

    assert all(len(key) == 64 and int(key, 16) for key in found)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(("key", "seed"), [("00000001" + "0" * 56, 1), ("f" * 64, 2**31 - 1)])
def test_a_derived_seed_fits_every_vendor(key: str, seed: int) -> None:
    """0 to 2^31 - 1, the narrowest range that a page tells."""
    assert derive_seed(key) == seed


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(keys(), indent=1) + "\n")
