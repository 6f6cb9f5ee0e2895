"""`shotchain takes`: the takes of every shot in 80 columns, offline and without planning."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from flows.cli.main import main
from flows.cli.output.style import cell_width
from storyboards.models import Money
from tasks.store.receipts import AttemptState
from tests.support.stored_takes import StoredTakes

BOARD = """\
model: seedance-1.5-pro
shots:
  - {id: dawn, title: The lamp room, take: 3, prompt: Dawn.}
  - {id: 海边日出, first_frame: {shot: dawn, take: 9}, prompt: Sea.}
  - {id: own, clip: refs/own.mp4}
  - {id: night, prompt: Night.}
"""

PRICE = Money(amount=Decimal("0.24"), currency="USD")

Run = Callable[..., str]


@pytest.fixture
def takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoredTakes:
    """Write the board; its store is empty."""
    (tmp_path / "film.yaml").write_text(BOARD)
    monkeypatch.chdir(tmp_path)
    return StoredTakes(tmp_path / ".shotchain")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `takes film.yaml` with more arguments and return its stdout."""

    def run_takes(*argv: str) -> str:
        assert main(["takes", "film.yaml", *argv]) == 0
        return capsys.readouterr().out

    return run_takes


def test_every_shot_is_listed_with_its_takes(takes: StoredTakes, run: Run) -> None:
    """Also a shot without takes, a shot that is a file, and a take that is not rendered yet."""
    takes.add("dawn", price=PRICE)
    takes.add("dawn", 2, clip=None, max_price=PRICE)
    takes.add("海边日出", state=AttemptState.SUBMITTED, clip=None, frames=None, seed=None)

    assert run().splitlines() == [
        "  take  state        model             seed        date        price     length",
        "dawn  The lamp room",
        "  1     ✓ kept       modelark/1.5-pro  1234567890  2026-11-28  0.24 USD  5.0 s",
        "  2     ✗ clip gone  modelark/1.5-pro  1234567890  2026-11-28  0.24 USD  5.0 s",
        "  3 *   + not rendered yet",
        "海边日出",
        "  1 *   ▸ in flight  modelark/1.5-pro  -           2026-11-28  unknown   -",
        "own  a file: refs/own.mp4",
        "night  not rendered yet",
        "",
        "* the take that the board requests; `shotchain pick` returns to another",
    ]


def test_board_without_takes_has_a_line_per_shot(takes: StoredTakes, run: Run) -> None:
    """The store does not have to exist, and is not created."""
    assert run() == (
        "dawn  not rendered yet\n"
        "海边日出  not rendered yet\n"
        "own  a file: refs/own.mp4\n"
        "night  not rendered yet\n"
    )
    assert not takes.root.exists()


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_lines_fit_the_terminal(
    takes: StoredTakes, run: Run, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """Long names are cut and columns left out; a wide terminal adds nothing."""
    long_id = "a-very-long-id-" * 3
    board = BOARD.replace("海边日出", long_id).replace("Sea.", f"Sea., title: {'海' * 90}")
    Path("film.yaml").write_text(board)
    takes.add("dawn", provider="my-gateway-with-a-name", price=PRICE)
    takes.add(long_id, state=AttemptState.SUBMITTED, price=PRICE)
    monkeypatch.setenv("COLUMNS", str(columns))
    text = run()

    assert max(map(cell_width, text.splitlines())) <= min(columns, 80)
    assert "in flight" in text
    assert "0.24 USD" in text


def test_take_of_the_boards_provider_is_present(takes: StoredTakes, run: Run) -> None:
    """A draft by the simulator and the final render have the same number."""
    takes.add("dawn", 3, provider="simulator", folder="previz")
    takes.add("dawn", 3, provider="modelark")

    def present() -> list[str]:
        document = json.loads(run("dawn", "--json"))
        return [take["provider"] for take in document["takes"] if take["present"]]

    assert present() == ["simulator", "modelark"]
    Path("film.yaml").write_text(f"provider: modelark\n{BOARD}")
    assert present() == ["modelark"]
    Path("film.yaml").write_text(f"provider: ark\n{BOARD}")
    assert present() == ["simulator", "modelark"]


def test_long_provider_is_cut_before_the_model(takes: StoredTakes, run: Run) -> None:
    """The model decides what a take looks like."""
    takes.add("dawn", provider="cometapi-videos", clip=None, price=PRICE, seed=4_294_967_295)

    assert "  cometapi…/1.5-pro  4294967295  " in run("dawn")


def test_wide_shows_models_and_files(takes: StoredTakes, run: Run) -> None:
    """Paths in the working folder are relative to it."""
    clip = takes.add("dawn", last_frame={"name": "last_frame.png", "sha256": "0", "size_bytes": 1})
    clip.with_name("last_frame.png").write_bytes(b"x")
    header, _, line, *_ = run("dawn", "--wide").splitlines()

    assert header.endswith("length  last frame")
    assert "modelark/seedance-1-5-pro-251215" in line
    assert line.endswith("  .shotchain/shots/dawn-1-shots/last_frame.png")


def test_rehearsal_is_not_shown_as_paid(takes: StoredTakes, run: Run) -> None:
    """A take over loopback stands before the paid take of its number, without a price."""
    takes.add("dawn", folder="previz", price=PRICE)
    takes.add("dawn", price=PRICE)
    _, _, rehearsed, paid, *_ = run("dawn").splitlines()

    assert "rehearsal" in rehearsed
    assert "0.24 USD" in paid


def test_json_has_every_shot(takes: StoredTakes, run: Run) -> None:
    """Without a shot `shots` has what the document of each shot has."""
    takes.add("dawn", price=PRICE)
    takes.add("dawn", 3, price=PRICE)
    document = json.loads(run("--json"))
    dawn = json.loads(run("dawn", "--json"))

    assert list(document) == ["board", "shots"]
    assert [shot["shot"] for shot in document["shots"]] == ["dawn", "海边日出", "own", "night"]
    assert dawn == {"board": "film", **document["shots"][0], "variants": []}
    assert (dawn["take"], dawn["file"]) == (3, None)
    assert [(take["take"], take["present"]) for take in dawn["takes"]] == [(1, False), (3, True)]
    assert dawn["takes"][0]["seconds"] == pytest.approx(121 / 24)
    assert document["shots"][2]["file"] == "refs/own.mp4"


def test_names_from_receipts_cannot_forge_lines(takes: StoredTakes, run: Run) -> None:
    """Control characters of a stranger's receipt are escaped."""
    takes.add("dawn", provider="ark\n\x1b[2Jfake", intended_at="\n\x1b[31m")
    out = run("dawn")

    assert "\x1b" not in out
    assert len(out.splitlines()) == 6


def test_renamed_board_has_its_takes(takes: StoredTakes, capsys: pytest.CaptureFixture) -> None:
    """The takes under the former name are those of the renamed board."""
    takes.add("night", prompt="Night.")
    assert main(["plan", "film.yaml", "--json"]) == 2
    board = BOARD.replace(", first_frame: {shot: dawn, take: 9}", "")
    Path("film.yaml").write_text(board.replace("  - {id: own, clip: refs/own.mp4}\n", ""))
    assert main(["retake", "film.yaml", "night"]) == 0
    Path("film.yaml").rename("second.yaml")
    capsys.readouterr()

    assert main(["takes", "second.yaml", "night"]) == 0
    assert "1     ✓ kept" in capsys.readouterr().out


def test_rehearsal_is_not_the_take_that_a_board_shows(takes: StoredTakes, run: Run) -> None:
    """Of two renders of a number, that of the board's provider has the range."""
    takes.add("dawn", 3, provider="simulator", folder="previz")
    takes.add("dawn", 3, provider="modelark")
    board = BOARD.replace("id: dawn,", "id: dawn, use: [{to: 24f}],")
    Path("film.yaml").write_text(f"provider: modelark\n{board}")
    takes_by_provider = {
        take["provider"]: take["used"] for take in json.loads(run("dawn", "--json"))["takes"]
    }

    assert takes_by_provider == {"simulator": [], "modelark": [{"from": 0, "to": 24}]}
