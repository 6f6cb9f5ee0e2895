"""Cache keys: what they depend on, and that those of the example boards do not change.

`PYTHONPATH=. python tests/tasks/planning/test_keys.py` writes the golden file again; review its
diff before committing, because every changed key is paid again by every user.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storyboards import InvalidStoryboard, load
from tasks.planning.keys import derive_seed
from tests.support.boards import board_text, plan_keys, plan_shots

ROOT = Path(__file__).parents[3]
GOLDEN = Path(__file__).parent / "goldens" / "keys.json"
BOARDS = sorted((ROOT / "storyboards").glob("*.yaml"))
PROVIDERS = ("simulator", "ark", "modelark")


def example_keys() -> dict[str, dict[str, str]]:
    """Return shot id to key by board and provider, for the providers that accept the board."""
    keys = {}
    for board in BOARDS:
        for provider in PROVIDERS:
            # Only the simulator accepts a local reference clip.
            with suppress(InvalidStoryboard):
                planned = plan_keys(load(board), provider=provider)
                keys[f"{board.stem} at {provider}"] = dict(planned)
    return keys


def test_example_boards_keep_their_keys() -> None:
    """A changed key is paid again: increase KEY_FORMAT_VERSION on purpose, or keep all keys."""
    assert example_keys() == json.loads(GOLDEN.read_text())


def test_example_keys_are_distinct_sha256_digests() -> None:
    """Keys have 64 hex digits and differ over boards and providers."""
    keys = [key for board in example_keys().values() for key in board.values()]

    assert all(len(key) == 64 and int(key, 16) for key in keys)
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(("key", "seed"), [("00000001" + "0" * 56, 1), ("f" * 64, 2**31 - 1)])
def test_derive_seed_stays_within_31_bits(key: str, seed: int) -> None:
    """The narrowest range of the vendors' pages is 0 to 2^31 - 1."""
    assert derive_seed(key) == seed


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ("title: Another", True),
        ("callback_url: 'https://x.example/y'", True),
        ("service_tier: flex", True),
        ("execution_expires_after: 7200", True),
        ("safety_identifier: abc", True),
        ("take: 2", False),
        ("seed: 7", False),
        ("camera_fixed: true", False),
        ("watermark: true", False),
        ("seconds: 3", False),
        ("ratio: '1:1'", False),
        ("model: seedance-1.0-pro-fast", False),
        ("resolution: 720p", False),
    ],
)
def test_key_depends_on_picture_and_sound_only(make_board, change: str, is_same: bool) -> None:
    """Titles and parameters of queue and billing do not change the key."""
    before = plan_keys(make_board(board_text("id: a, prompt: p")))
    after = plan_keys(make_board(board_text(f"id: a, prompt: p, {change}")))

    assert (before == after) is is_same


def test_key_ignores_ids_folders_and_order_of_yaml_keys(make_board, tmp_path) -> None:
    """The same request has the same key wherever and in whatever order it is written."""
    first = plan_keys(make_board(board_text("id: a, prompt: p, seed: 4, take: 2")))
    text = board_text("take: 2, seed: 4, prompt: p, id: b")
    second = plan_keys(make_board(text, name="x", folder=tmp_path / "elsewhere"))

    assert first["a"] == second["b"]


def test_key_depends_on_provider(make_board) -> None:
    """The same board at another provider is rendered and paid again."""
    board = make_board(board_text("id: a, prompt: p"))
    keys = {plan_keys(board, provider=name)["a"] for name in PROVIDERS}

    assert len(keys) == 3


def test_key_of_input_file_depends_on_its_bytes(make_board, make_picture) -> None:
    """A copy under another name is the same input; other bytes under the same name are not."""

    def key_with(name: str) -> str:
        return plan_keys(make_board(board_text(f"id: a, prompt: p, first_frame: {name}")))["a"]

    make_picture("a.png")
    make_picture("b.png")
    before, copy = key_with("a.png"), key_with("b.png")
    make_picture("a.png", colour="red")

    assert before == copy
    assert before != key_with("a.png")


def test_edit_changes_the_key_and_those_that_continue_it(make_board) -> None:
    """An edit of shot 2 of 4 leaves shot 1 alone."""
    shots = [f"id: s{n}, prompt: p{n}" for n in range(1, 5)]
    before = plan_keys(make_board(board_text(*shots)))
    shots[1] = "id: s2, prompt: other"
    after = plan_keys(make_board(board_text(*shots)))

    assert [before[shot] == after[shot] for shot in before] == [True, False, False, False]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(1, 7), st.data())
def test_new_take_changes_the_rest_of_its_chain(make_board, count: int, data) -> None:
    """For any shot of a chain: the keys before it stay, its own and those after it change."""
    edited = data.draw(st.integers(0, count - 1))
    shots = [f"id: s{n}, prompt: p{n}" for n in range(count)]
    before = plan_keys(make_board(board_text(*shots)))
    shots[edited] += ", take: 2"
    after = plan_keys(make_board(board_text(*shots)))

    assert [before[shot] == after[shot] for shot in before] == [n < edited for n in range(count)]


def test_derived_seed_is_sent_and_not_hashed(make_board) -> None:
    """If the model takes a seed and the provider lists jobs, each shot gets a seed from its key."""
    first, second = plan_shots(make_board(board_text("id: a, prompt: p", "id: b, prompt: q")))

    assert [shot.request.seed for shot in (first, second)] == [
        derive_seed(shot.key) for shot in (first, second)
    ]
    assert first.request.seed != second.request.seed


@pytest.mark.parametrize(
    ("model", "provider"), [("seedance-2.0", "simulator"), ("seedance-1.0-pro", "powertokens")]
)
def test_derived_seed_is_not_sent_if_useless(make_board, model: str, provider: str) -> None:
    """A model without seeds and a provider without a list of jobs get none."""
    (shot,) = plan_shots(make_board(board_text("id: a, prompt: p", model=model, provider=provider)))

    assert shot.request.seed is None


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(example_keys(), indent=1) + "\n")
