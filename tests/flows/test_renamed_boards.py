"""A board that was renamed or moved keeps takes, locks and booked sums; a copy is another board."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.cli.main import main
from flows.consent import check_consent
from tasks.errors import BudgetExceeded, InvalidStoryboard, UsageError
from tests.support.plain_tasks import command_without_engine
from tests.support.terminal import run_in_terminal

LIMIT = "budget: 0.06 USD"
OVER = "0.049612 USD that is booked"


@pytest.fixture
def paid(studio, chain) -> Callable[..., str]:
    """Build the text of a board at a vendor with prices, and render the board `first`."""

    def build(*shots: str, head: str = LIMIT, **prompts: str) -> str:
        return chain(*shots, provider="modelark", head=head, **prompts)

    studio.run(build("one"), name="first")
    return build


@pytest.fixture
def rename(studio) -> Callable[..., Path]:
    """Rename the board `first`, into another folder if one is given."""

    def move(name: str, folder: str = ".") -> Path:
        target = studio.folder / folder / f"{name}.yaml"
        target.parent.mkdir(exist_ok=True)
        return (studio.folder / "first.yaml").rename(target)

    return move


@pytest.fixture
def command(studio, monkeypatch, capfd) -> Callable[..., SimpleNamespace]:
    """Run a command on `second.yaml`, in a terminal if there is an answer."""
    monkeypatch.chdir(studio.folder)
    for name, value in studio.settings().variables.items():
        monkeypatch.setenv(name, value)

    def run(name: str, *options: str, answer: bytes | None = None) -> SimpleNamespace:
        capfd.readouterr()
        argv = [name, "second.yaml", "--store", "store", *options]
        if answer is None:
            with command_without_engine():
                code = main([*argv, "--json"])
            out, err = capfd.readouterr()
            return SimpleNamespace(code=code, err=err, document=json.loads(out))
        with command_without_engine():
            code, text = run_in_terminal(lambda: main(argv), answer)
        return SimpleNamespace(code=code, err=text, document={})

    return run


def test_renamed_board_keeps_budget_and_takes(studio, paid, rename, command) -> None:
    """The file is gone and the shots are the same: the booked sum and the takes count on."""
    rename("second")
    planned = command("plan")
    assert "second.yaml was the board first" in planned.document["notes"][0]["message"]
    assert planned.document["budgets"][0]["booked"]["amount"] == 0.049612
    assert [shot["state"] for shot in planned.document["shots"]] == ["kept"]

    more = paid("one", "two")
    studio.write(more, "second")
    refused = command("render", "--yes")
    assert refused.code == 4
    assert f"two may cost 0.049612 USD beside {OVER}" in refused.err.replace("this run", "two")
    assert studio.creates == 1

    studio.write(more.replace("0.06", "0.10"), "second")
    assert command("render", "--yes").code == 0
    assert command("plan").document["notes"] == []
    assert command("plan").document["budgets"][0]["booked"]["amount"] == 0.099225
    code = main(["takes", "second.yaml", "one", "--store", "store"])
    assert code == 0
    assert studio.creates == 2


def test_renamed_board_leaves_its_name_free(studio, paid, rename, command) -> None:
    """A new board of the former name has a budget of its own."""
    rename("second")
    assert command("render", "--yes").code == 0
    new = studio.prepare(paid("x"), name="first", yes=True)

    assert new.identity.candidates == ()
    check_consent(studio.prepare(paid("x", head="budget: 0.05 USD"), name="third", yes=True))
    studio.run(paid("x", head=""), name="first")
    assert command("plan").document["budgets"][0]["booked"]["amount"] == 0.049612


def test_moved_board_keeps_budget_and_takes(studio, paid, rename) -> None:
    """The name is the same in another folder."""
    path = rename("first", "sub")
    text = paid("one", "two")
    path.write_text(text)
    run = studio.prepare(text, name="sub/first", yes=True)

    assert run.identity.candidates == ()
    assert run.status["one"].state == "kept"
    with pytest.raises(BudgetExceeded, match=OVER):
        check_consent(run)


def test_name_in_board_changed_keeps_budget(studio, paid) -> None:
    """`name:` is changed in the same file."""
    text = paid("one", "two").replace("provider:", "name: other\nprovider:")
    run = studio.prepare(text, name="first", yes=True)

    assert (run.board.name, run.identity.newly_recognised) == ("other", ("first",))
    with pytest.raises(BudgetExceeded, match=OVER):
        check_consent(run)


def test_client_budget_counts_renamed_board(studio, paid, rename, command) -> None:
    """A limit for `first` counts what the board of that name pays under its new name."""
    (studio.folder / "shotchain.toml").write_text(
        '[budgets.acme]\ntotal = "0.06 USD"\nboards = ["first"]\n'
    )
    rename("second")
    studio.write(paid("one", "two", head=""), "second")

    refused = command("render", "--yes")
    assert refused.code == 4
    assert "the budget of acme: 0.06 USD" in refused.err
    assert studio.creates == 1


@pytest.mark.parametrize("answer", [None, b"\n", b"n\n", b"y\n"])
def test_doubtful_rename_counts_both_until_decided(
    studio, paid, rename, command, answer: bytes | None
) -> None:
    """The ids are the same, the prompts are not: the user is asked, or gets the option to type."""
    rename("second")
    studio.write(paid("one", one="Another picture."), "second")
    ended = command("render", "--yes", answer=answer)

    if answer is None:
        assert "second.yaml may be the board first under a new name" in ended.err
        assert "--was first" in ended.err
        assert "--was none" in ended.err
    else:
        assert "Is second.yaml the board first, renamed? [y/n] " in ended.err
    if answer == b"n\n":
        assert (ended.code, studio.creates) == (0, 2)
        assert command("plan").document["notes"] == []
    else:
        assert (ended.code, studio.creates) == (4, 1)
        assert OVER in ended.err


def test_was_decides_and_is_recorded(studio, paid, rename, command) -> None:
    """With `none` the board has a budget of its own; with the name the takes are its own."""
    rename("second")
    studio.write(paid("one", one="Another picture."), "second")

    assert command("plan", "--was", "none").document["budgets"][0]["booked"]["amount"] == 0
    assert command("plan", "--was", "first").document["budgets"][0]["booked"]["amount"] == 0.049612
    assert command("render", "--was", "missing", "--yes").code == 2
    studio.write(paid("one", one="Another picture.", head="budget: 0.10 USD"), "second")
    assert command("render", "--was", "first", "--yes").code == 0
    assert command("plan").document["notes"] == []
    run = studio.prepare((studio.folder / "second.yaml").read_text(), name="second")
    assert [take.prompt for take in run.board_record.takes["one"]] == [
        "Picture of one.",
        "Another picture.",
    ]


def test_doubt_is_kept_until_decided(studio, paid, rename, command) -> None:
    """A run of the new name does not end the doubt: budgets count both afterwards as well."""
    rename("second")
    studio.write(paid("one", one="Another picture.", head="budget: 0.10 USD"), "second")
    assert command("render", "--yes").code == 0

    plan = command("plan")
    assert plan.document["budgets"][0]["booked"]["amount"] == 0.099225
    assert "may be the board first" in plan.document["notes"][0]["message"]


def test_copied_board_is_another_board(studio, paid) -> None:
    """The file of the first board still exists: the copy has a budget of its own."""
    run = studio.prepare(paid("one", "two"), name="copy", yes=True)

    assert run.identity.all_names == {"copy"}
    check_consent(run)


def test_gone_folder_is_a_doubt(studio, paid, rename) -> None:
    """It may be a folder of another machine that shares the store."""
    rename("second")
    record = studio.folder / "store" / "boards" / "first.json"
    record.write_text(record.read_text().replace(str(studio.folder), "/elsewhere"))
    run = studio.prepare(paid("one"), name="second")

    assert [candidate.name for candidate in run.identity.candidates] == ["first"]


def test_renamed_board_keeps_its_lock(studio, paid, rename) -> None:
    """A change of a locked shot is refused under the new name, with the reason."""
    rename("second")
    with pytest.raises(InvalidStoryboard, match="locked and would be rendered again: its prompt"):
        studio.prepare(paid("one|lock: true", one="Another picture."), name="second", was="first")
    with pytest.raises(UsageError, match="the store has no board 'missing'"):
        studio.prepare(paid("one"), name="second", was="missing")
