"""`status` prints what stands where, since when and what it cost, without a change of anything."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.cli.main import main
from flows.cli.output import style
from storyboards import load
from storyboards.models import Money
from tasks.planning.planner import make_plan
from tasks.store.layout import Store
from tasks.store.receipts import AttemptState, StoredFile
from tests.support.paid_path import make_attempt, write_attempts

BOARD = """\
title: The spot
provider: modelark
model: seedance-1.0-pro
look: {resolution: 480p, seconds: 2, ratio: "16:9"}
shots:
  - {id: kept, prompt: "Dawn."}
  - {id: flying, prompt: "Noon.", first_frame: none}
  - {id: done, prompt: "Dusk.", first_frame: none}
  - {id: lost, prompt: "Rain.", first_frame: none}
  - {id: failed, prompt: "Snow.", first_frame: none}
  - {id: open, prompt: "Wind.", first_frame: none}
"""
HALF = Money(amount=Decimal("0.5"), currency="USD")
NOW = datetime.now(UTC)

Capture = pytest.CaptureFixture[str]


def ago(**time: float) -> str:
    """Return a time before now in the format of receipts."""
    return (NOW - timedelta(**time)).isoformat(timespec="milliseconds")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Create a store, which the environment names, and a board beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOTCHAIN_STORE", str(tmp_path / "store"))
    monkeypatch.delenv("COLUMNS", raising=False)
    (tmp_path / "spot.yaml").write_text(BOARD)
    store = Store(tmp_path / "store")
    store.initialize()
    return store


@pytest.fixture
def receipts(store: Store, tmp_path: Path) -> dict[str, str]:
    """Write a receipt for each shot but the last, and return the keys by shot."""
    keys = {shot.id: shot.key for shot in make_plan(load(tmp_path / "spot.yaml"))}
    records = store.records(loopback=False)
    clip = StoredFile("clip.mp4", "-", 3)
    attempts: dict[str, dict[str, Any]] = {
        "kept": {"state": AttemptState.KEPT, "clip": clip, "price": HALF, "done_at": ago(days=2)},
        "flying": {"state": AttemptState.SUBMITTED, "accepted_at": ago(hours=3)},
        "done": {"state": AttemptState.DONE, "done_at": ago(hours=2)},
        "lost": {"state": AttemptState.UNCLEAR, "job": None, "error": "a reset"},
        "failed": {"state": AttemptState.FAILED, "error": "a face in the picture"},
    }
    for shot_id, values in attempts.items():
        fields = {"board": "spot", "shot": shot_id, "job": f"cgt-{shot_id}", **values}
        state = fields.pop("state")
        attempt = make_attempt(state, **{"intended_at": ago(hours=4), **fields})
        write_attempts(records, attempt, key=keys[shot_id])
    records.folder_of(keys["kept"]).joinpath("clip.mp4").write_bytes(b"abc")
    return keys


def read_status(capsys: Capture, *arguments: str, code: int = 0) -> dict[str, Any]:
    """Return the document of `status`."""
    assert main(["status", "spot.yaml", "--json", *arguments]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_status_has_the_state_of_every_shot(receipts: dict[str, str], capsys: Capture) -> None:
    """State, time, job and the time until which the vendor has it, per shot."""
    document = read_status(capsys)

    shots = {shot["id"]: shot for shot in document["shots"]}
    assert shots.keys() == receipts.keys()
    assert {name: shot["state"] for name, shot in shots.items()} == {
        "kept": "kept",
        "flying": "in flight",
        "done": "in flight",
        "lost": "unclear",
        "failed": "failed",
        "open": "to render",
    }
    assert (shots["flying"]["job"], shots["open"]["job"]) == ("cgt-flying", None)
    assert shots["kept"]["expires"] is None
    assert shots["failed"]["reason"] == "a face in the picture"
    assert shots["kept"]["since"] == ago(days=2)[:19] + "+00:00"
    expires = datetime.fromisoformat(shots["flying"]["expires"])
    assert timedelta(days=6, hours=20) < expires - NOW < timedelta(days=7)
    files_expire = datetime.fromisoformat(shots["done"]["expires"])
    assert timedelta(hours=21) < files_expire - NOW < timedelta(hours=23)
    assert (shots["kept"]["price"]["amount"], shots["kept"]["price_is_actual"]) == (0.5, True)
    assert (shots["lost"]["price"]["amount"], shots["lost"]["price_is_actual"]) == (0.25, False)
    assert document["next"] == "shotchain render spot.yaml"


@pytest.mark.usefixtures("receipts")
def test_status_adds_up_what_was_paid(store: Store, capsys: Capture) -> None:
    """Paid, in flight, unclear and still to pay are apart; other boards and rehearsals as well."""
    other = make_attempt(AttemptState.KEPT, board="other", price=HALF)
    write_attempts(store.records(loopback=False), other, key="a" * 64)
    rehearsal = make_attempt(AttemptState.KEPT, board="spot", price=HALF)
    write_attempts(store.records(loopback=True), rehearsal, key="b" * 64)
    document = read_status(capsys)

    names = ("paid", "in_flight", "unclear", "rehearsed")
    assert {name: document[name]["amount"] for name in names} == {
        # The finished job counts with its maximum, as its usage is not reported.
        "paid": 0.75,
        "in_flight": 0.25,
        "unclear": 0.25,
        "rehearsed": 0.5,
    }
    prices = {shot["id"]: shot["price"]["amount"] for shot in document["shots"]}
    to_pay = prices["failed"] + prices["open"]
    assert document["to_pay"]["amount"] == pytest.approx(to_pay, rel=1e-4)


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
@pytest.mark.usefixtures("receipts")
def test_status_fits_the_terminal(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """Each shot has its word and its reason in lines that fit."""
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["status", "spot.yaml"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert max(map(style.cell_width, lines)) <= columns
    text = " ".join(" ".join(lines).split())
    assert "The spot: 1 kept, 2 in flight, 1 unclear, 1 failed, 1 to render" in text
    for part in ("rendering", "to download", "? unclear", "✗ failed", "+ to render", "a reset"):
        assert part in text
    assert "job cgt-flying at modelark; 6d" in text
    assert "still to pay: " in text


@pytest.mark.usefixtures("receipts")
def test_status_of_board_with_problems_shows_the_store(capsys: Capture) -> None:
    """The store is shown, then the problems; the exit code is that of `check`."""
    path = Path("spot.yaml")
    edited = BOARD.replace('"Dusk."', '"Dusk.", secondz: 3').replace('"Noon."', '"Noon.", take: 2')
    path.write_text(edited)

    assert main(["status", "spot.yaml"]) == 2
    captured = capsys.readouterr()
    assert "unknown key `secondz`" in captured.err
    assert "✓ kept" in captured.out
    assert "next: shotchain check spot.yaml" in captured.out
    document = read_status(capsys, code=2)
    assert document["error"]["kind"] == "invalid_storyboard"
    assert document["problems"][0]["path"] == "shots[2].secondz"
    assert [shot["state"] for shot in document["shots"][:4]] == [
        "kept",
        "to render",
        "in flight",
        "unclear",
    ]
    assert document["to_pay"] is None


@pytest.mark.usefixtures("receipts")
def test_status_of_unreadable_board_shows_the_totals(capsys: Capture) -> None:
    """A file without shots hides no payment."""
    Path("spot.yaml").write_text("- just a list\n")
    document = read_status(capsys, code=2)

    assert document["paid"]["amount"] == 0.75
    assert document["problems"]


@pytest.mark.usefixtures("receipts")
def test_status_damaged_receipt_is_named(store: Store, capsys: Capture) -> None:
    """A damaged receipt of an earlier version of the board is named, and the rest is shown."""
    folder = store.records(loopback=False).folder_of("e" * 64)
    folder.mkdir(parents=True)
    (folder / "receipt.json").write_text("{")
    document = read_status(capsys)

    assert len(document["warnings"]) == 1
    assert "e" * 64 in document["warnings"][0]
    assert len(document["shots"]) == 6


def test_status_without_a_store_writes_nothing(
    tmp_path: Path, store: Store, capsys: Capture
) -> None:
    """Before the first run everything is to render, and no store is created."""
    document = read_status(capsys, "--store", "none")

    assert {shot["state"] for shot in document["shots"]} == {"to render"}
    assert document["film"] is None
    assert document["in_use"] is False
    assert document["next"] == "shotchain render spot.yaml --store none"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["spot.yaml", "store"]
    assert sorted(path.name for path in store.root.iterdir()) == [".gitignore", "README"]


@pytest.mark.usefixtures("receipts")
def test_status_reports_an_active_run(store: Store, capsys: Capture) -> None:
    """While a run holds the lock of the store, that is printed."""
    with store.shared_lock():
        document = read_status(capsys)
        assert (document["in_use"], document["next"]) == (True, "shotchain status spot.yaml")
        assert main(["status", "spot.yaml"]) == 0
        assert "a run uses this store at this moment" in capsys.readouterr().out

    assert read_status(capsys)["in_use"] is False


@pytest.mark.usefixtures("receipts")
def test_status_of_unclear_shot_names_its_log(capsys: Capture) -> None:
    """If only the unclear shot is left, the next command prints what is known of it."""
    path = Path("spot.yaml")
    lines = [line for line in BOARD.splitlines() if "id:" not in line or "id: lost" in line]
    path.write_text("\n".join(lines) + "\n")
    document = read_status(capsys)

    assert [shot["id"] for shot in document["shots"]] == ["lost"]
    assert document["next"] == "shotchain log spot.yaml lost"
    assert "may be charged" in document["shots"][0]["reason"]


def test_status_of_film_follows_the_board(
    studio, chain, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The film is up to date until the board is edited; its place is the user's."""
    text = chain("one", provider="simulator")
    assert studio.run(text, name="spot").errors == ()
    monkeypatch.chdir(studio.folder)
    monkeypatch.setenv("SHOTCHAIN_SIMULATOR_BASE_URL", studio.url + "/simulator/api/v3")
    document = read_status(capsys, "--store", "store")
    film = document["film"]
    edited = text.replace("provider:", "title: Another\nprovider:", 1)
    (studio.folder / "spot.yaml").write_text(edited)
    edited_document = read_status(capsys, "--store", "store")

    assert (film["up_to_date"], film["frames"]) == (True, 49)
    assert film["path"] == str(studio.folder / "films" / "spot.mp4")
    assert document["next"] == "shotchain open spot.yaml --store store"
    assert edited_document["film"]["up_to_date"] is False
    assert edited_document["next"] == "shotchain render spot.yaml --store store"
