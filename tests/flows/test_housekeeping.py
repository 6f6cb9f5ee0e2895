"""`verify` and `clean` from outside: what they print, what they end with, what is left on disk."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from flows.cli.main import main
from tasks.errors import MediaError
from tasks.store.board_records import record_board
from tasks.store.layout import Store

BOARD = """\
provider: ark
model: seedance-1.0-pro
look: {resolution: 480p, seconds: 2}
shots:
  - {id: one, prompt: "Dawn over the sea."}
  - {id: two, prompt: "A lighthouse."}
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The working directory's store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOTCHAIN_STORE", str(tmp_path / "store"))
    store = Store(tmp_path / "store")
    store.initialize()
    return store


def home(store: Store, key: str) -> Path:
    return store.records(loopback=False).folder_of(key)


def test_verify_names_damage_and_ends_with_1(store: Store, keep, capsys) -> None:
    """A line each, the sum, and the same as a document."""
    assert main(["verify"]) == 0
    key = keep("one", clip=b"0123456789")
    keep("two")
    (home(store, key) / "clip.mp4").write_bytes(b"012345678X")
    capsys.readouterr()

    assert main(["verify"]) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith(
        f"damaged: {key[:10]} film/one: the clip does not match its recorded digest"
    )
    assert last.endswith("4 files, 45 bytes; 1 damaged")

    assert main(["verify", "--json"]) == 1
    (damaged,) = json.loads(capsys.readouterr().out)["damaged"]
    assert (damaged["key"], damaged["board"], damaged["shot"]) == (key, "film", "one")
    assert damaged["aside"] is None


def test_verify_puts_damage_aside_only_where_it_is_asked_to(store: Store, keep, capsys) -> None:
    """The next run then takes the clip for gone, which `plan` says with its price."""
    key = keep("one", clip=b"0123456789")
    clip = home(store, key) / "clip.mp4"
    clip.write_bytes(b"012345678X")
    main(["verify"])
    untouched = clip.exists()

    assert main(["verify", "--repair"]) == 1
    assert "put aside as clip.mp4.damaged" in capsys.readouterr().out
    assert untouched
    assert not clip.exists()
    assert clip.with_name("clip.mp4.damaged").read_bytes() == b"012345678X"


@pytest.mark.parametrize("command", [["verify"], ["clean"], ["clean", "--older", "1d"]])
def test_a_store_that_is_not_there_is_a_usage_error_and_is_not_made(
    tmp_path: Path, monkeypatch, capsys, command: list[str]
) -> None:
    """Whoever mistypes --store is told."""
    monkeypatch.chdir(tmp_path)

    assert main([*command, "--store", "nowhere"]) == 2
    assert "there is no store at" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("age", ["30", "d", "-1d", "3y", "1.5d", "٣x", ""])
def test_an_age_has_a_number_and_a_unit(store: Store, capsys, age: str) -> None:
    """30d, 2w, 12h; nothing else is guessed."""
    assert main(["clean", f"--older={age}"]) == 2
    assert "is no age" in capsys.readouterr().err


def test_clean_alone_removes_half_written_files_and_no_clip(store: Store, keep, capsys) -> None:
    """What was paid goes only with --older."""
    key = keep("old", days=999)
    left = home(store, key) / ".clip.mp4.1.2.staging"
    left.write_bytes(b"0123456789")

    assert main(["clean", "--dry-run"]) == 0
    assert "would go: 1 unfinished file; 10 bytes" in capsys.readouterr().out
    assert left.exists()
    assert main(["clean"]) == 0
    assert "removed: 1 unfinished file; 10 bytes" in capsys.readouterr().out
    assert not left.exists()
    assert (home(store, key) / "clip.mp4").exists()
    assert main(["clean"]) == 0
    assert capsys.readouterr().out == "nothing is to remove\n"


def test_paid_clips_are_listed_with_their_price_and_need_a_yes(store: Store, keep, capsys) -> None:
    """Without a terminal nobody can be asked, so nothing goes without --yes."""
    keep("young", days=29)
    key = keep("old", days=31, clip=b"0123456789")

    assert main(["clean", "--older", "30d", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert f"{key[:10]}  film/old take 1" in told
    assert "would go: 1 clip (paid: 0.25 USD)" in told
    assert main(["clean", "--older", "30d"]) == 2
    assert "nobody agreed" in capsys.readouterr().err
    assert (home(store, key) / "clip.mp4").exists()
    assert main(["clean", "--older", "30d", "--yes", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["shot"] for one in document["clips"]] == ["old"]
    assert document["paid"] == {"amount": 0.25, "currency": "USD"}
    assert not (home(store, key) / "clip.mp4").exists()


class Terminal(io.StringIO):
    """Somebody who answers."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 2), ("", 2)])
def test_in_a_terminal_somebody_is_asked(
    store: Store, keep, monkeypatch, answer: str, code: int
) -> None:
    """The list comes before the question; anything but a yes is a no."""
    key = keep("old", days=31)
    asked = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", asked)

    assert main(["clean", "--older", "30d"]) == code
    assert (home(store, key) / "clip.mp4").exists() == bool(code)
    listed, question = asked.getvalue().index("film/old"), asked.getvalue().index("[y/N]")
    assert listed < question


def test_previz_costs_nothing_and_asks_nobody(store: Store, keep) -> None:
    """As elsewhere, what is free needs no agreement."""
    from storyboards.models import Money

    keep("old", days=31, loopback=True, price=Money(amount=0))

    assert main(["clean", "--older", "30d"]) == 0
    assert [path.name for path in store.root.glob("previz/*/clip.mp4")] == []


def keep_board(tmp_path: Path, store: Store, keep) -> dict[str, str]:
    """A board whose shots are kept under the keys that it has; returns those keys."""
    from storyboards import load
    from tasks.planning.planner import make_plan

    path = tmp_path / "film.yaml"
    path.write_text(BOARD)
    keys = {shot.id: shot.key for shot in make_plan(load(path))}
    for shot, key in keys.items():
        home(store, keep(shot, days=99)).rename(home(store, key))
    return keys


def clips(store: Store) -> set[str]:
    return {path.parent.name for path in store.root.glob("shots/*/clip.mp4")}


def test_what_a_board_given_refers_to_stays(store: Store, keep, tmp_path: Path) -> None:
    """Even one that was never run on this store."""
    keys = keep_board(tmp_path, store, keep)
    keep("forgotten", days=99)

    assert main(["clean", "film.yaml", "--older", "30d", "--yes"]) == 0
    assert clips(store) == set(keys.values())


def test_what_a_board_once_seen_refers_to_stays(store: Store, keep, tmp_path: Path) -> None:
    """By what it rendered last, also when its file is gone; and by its file, edited back since."""
    keys = keep_board(tmp_path, store, keep)
    rendered = keep("rendered", days=99)
    keep("forgotten", days=99)
    record_board(store.root, "film", tmp_path / "film.yaml",
               rendered_keys={"one": rendered}, shot_ids=["one"])  # fmt: skip

    assert main(["clean", "--older", "30d", "--yes"]) == 0
    assert clips(store) == {*keys.values(), rendered}
    (tmp_path / "film.yaml").unlink()
    assert main(["clean", "--older", "30d", "--yes"]) == 0
    assert clips(store) == {rendered}


def test_a_seen_board_that_is_broken_now_keeps_what_it_used_last(
    store: Store, keep, tmp_path: Path, capsys
) -> None:
    """A typing error in one board must not keep the store from being cleaned, nor be ignored."""
    key = keep("rendered", days=99)
    (tmp_path / "film.yaml").write_text("shots: 5\n")
    record_board(
        store.root, "film", tmp_path / "film.yaml", rendered_keys={"one": key}, shot_ids=["one"]
    )

    assert main(["clean", "--older", "30d", "--yes"]) == 0
    assert clips(store) == {key}
    assert "film.yaml has problems" in capsys.readouterr().err


def test_a_board_given_that_is_broken_ends_it(store: Store, keep, tmp_path: Path) -> None:
    """Nobody knows what it refers to."""
    keep("old", days=99)
    (tmp_path / "film.yaml").write_text("shots: 5\n")

    assert main(["clean", "film.yaml", "--older", "30d", "--yes"]) == 2
    assert len(clips(store)) == 1


def test_no_clip_goes_while_a_run_needs_the_store(store: Store, keep, capsys) -> None:
    """A board that is run for the first time may keep what no record names yet."""
    keep("old", days=99)
    with store.shared_lock():
        assert main(["clean", "--older", "30d", "--yes"]) == 1
        assert "a run needs this store" in capsys.readouterr().err
        assert len(clips(store)) == 1
    assert main(["clean", "--older", "30d", "--yes"]) == 0
    assert clips(store) == set()


def test_a_cleaned_shot_is_planned_with_its_date_and_price(studio, chain, outcomes) -> None:
    """And rendered again where somebody wants it again; both payments stay booked."""
    from flows.cli.clean import Cleaner
    from tasks.store.receipts import read_receipt

    report = studio.run(chain("one"))
    studio.run(chain("one", one="Something else."))
    broom = Cleaner(report.run.store, (), 0)
    going = broom.sweep(broom.look())
    standing = studio.prepare(chain("one")).status["one"]
    again = studio.run(chain("one"))

    assert [one.attempt.shot for one in going.clips] == ["one"]
    assert standing.state == "to render"
    assert standing.reason.startswith("was cleaned on 20")
    assert standing.reason.endswith("; it is rendered again for nothing")
    assert outcomes(again) == {"one": "rendered"}
    shelf, key = going.clips[0].records, going.clips[0].key
    states = [one.state.value for one in read_receipt(key, shelf.read(key)).attempts]
    assert states == ["cleaned", "kept"]


def test_no_film_is_joined_from_a_damaged_clip(studio, chain) -> None:
    """A bit that fell over is found before it is on air, and the way out is told and works."""
    from tasks.store.verify import quarantine, verify_store

    report = studio.run(chain("one"))
    shot = report.results[0].shot
    clip = report.run.records_of(shot).folder_of(shot.key) / "clip.mp4"
    whole = clip.read_bytes()
    clip.write_bytes(whole[:9000] + bytes([whole[9000] ^ 1]) + whole[9001:])
    broken = studio.run(chain("one|title: First"))
    (damage,) = verify_store(report.run.store).problems
    quarantine(damage)
    mended = studio.run(chain("one|title: First"))

    assert broken.film is None
    assert isinstance(broken.error, MediaError)
    assert "verify --repair" in str(broken.error)
    assert mended.film.frame_count == 49
    assert clip.read_bytes() == whole
    assert studio.creates == 1
