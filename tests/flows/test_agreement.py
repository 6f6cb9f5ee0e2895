"""Only the user agrees to pay: on the command line or in a terminal, never a file. From outside."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from flows.cli.main import main
from tasks.simulator.job_request import JobRequest
from tests.support.plain_tasks import command_without_engine
from tests.support.terminal import read_screen, run_in_terminal

ROOT = Path(__file__).parents[2]
BOARD_LIMIT = "budget: 9 USD"
BESIDE = '[budgets.acme]\ntotal = "9 USD"\n'
RATE = '[rates."USD/CNY"]\nrate = 0.001\ndate = 2026-11-01\n'
QUESTION = "Pay up to 0.0497 USD for 1 shot? [y/N] "
DECLINED = (
    "Nothing was sent and nothing is paid. To render without a question:\n"
    "  shotchain render board.yaml --budget '0.049613 USD'\n"
    "shotchain: the price was declined"
)
REMEDY = 'give --yes or --budget "0.049613 USD"'


class Ended(NamedTuple):
    """A command that has ended."""

    code: int
    text: str
    """The text on stderr, or in the terminal."""
    document: dict[str, Any]
    """Empty in a terminal."""


@pytest.fixture
def board(studio, chain, monkeypatch) -> Callable[..., None]:
    """Write a board of one paid shot, with a line at its head and a file beside it."""
    monkeypatch.chdir(studio.folder)

    def write(head: str = "", beside: str = "", own: str = "", **prompts: str) -> None:
        studio.write(chain("one", provider="modelark", head=head, **prompts))
        for text, name in ((beside, "shotchain.toml"), (own, "own.toml")):
            if text:
                (studio.folder / name).write_text(text)
        if own:
            studio.env["SHOTCHAIN_CONFIG"] = "own.toml"

    return write


@pytest.fixture
def render(studio, monkeypatch, capfd) -> Callable[..., Ended]:
    """Run `shotchain render board.yaml` without a terminal and without Prefect's engine."""

    def run(*options: str) -> Ended:
        set_environment(studio, monkeypatch)
        capfd.readouterr()
        with command_without_engine():
            code = main(["render", "board.yaml", "--json", *options])
        out, err = capfd.readouterr()
        return Ended(code, err, json.loads(out))

    return run


@pytest.fixture
def render_in_terminal(studio, monkeypatch) -> Callable[[bytes], Ended]:
    """Run the command with stdin and stderr in a terminal in which an answer was typed."""

    def run(answer: bytes) -> Ended:
        set_environment(studio, monkeypatch)
        with command_without_engine():
            code, text = run_in_terminal(lambda: main(["render", "board.yaml"]), answer)
        return Ended(code, text, {})

    return run


def set_environment(studio, monkeypatch) -> None:
    for name, value in {**studio.settings().variables, **studio.env}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("head", "beside", "own"),
    [(BOARD_LIMIT, "", ""), ("", BESIDE, ""), ("", "", BESIDE), ("", "", "")],
    ids=["budget in the board", "budget beside it", "budget of the user's file", "no budget"],
)
def test_budget_in_file_does_not_agree(studio, board, render, head, beside, own) -> None:
    """Without a terminal nothing is sent; the error has the options to type, and that is enough."""
    board(head, beside, own)
    refused = render()
    hint = " (a budget in a file limits, and does not agree)" if head or beside or own else ""

    assert refused.code == 4
    assert refused.text == (
        f"shotchain: this run may cost 0.0496 USD and was not agreed to{hint}: {REMEDY}\n"
    )
    assert refused.document["error"]["kind"] == "budget_exceeded"
    assert refused.document["problems"] == []
    assert studio.submits == 0

    agreed = render("--budget", "0.049613 USD", "-q")
    assert (agreed.code, agreed.text, studio.creates) == (0, "", 1)


def test_agreed_run_prints_its_plan_in_a_line(studio, board, monkeypatch, capfd) -> None:
    """With --yes the plan is a sentence on stderr, and nothing is asked."""
    board()
    set_environment(studio, monkeypatch)
    with command_without_engine():
        assert main(["render", "board.yaml", "--yes"]) == 0

    expected = "1 shot: 1 to render; to pay: 0.0497 USD at most\n"
    assert capfd.readouterr().err.startswith(expected)


@pytest.mark.parametrize("answer", [b"\n", b"n\n", b"\x04", b"yes!\n", b"\xe9\n"])
def test_terminal_answer_other_than_yes_declines(
    studio, board, render_in_terminal, answer: bytes
) -> None:
    """Enter, n, the end of the input and any other text decline; nothing is sent."""
    board(BOARD_LIMIT)
    ended = render_in_terminal(answer)

    assert ended.code == 4
    plan, question, end = ended.text.partition(QUESTION)
    assert question
    assert "+ to render" in plan
    assert "the board board  9.00 USD       0  0.049612 USD  8.950388 USD" in plan
    assert f"{DECLINED}\n" in end
    assert studio.submits == 0


@pytest.mark.parametrize("answer", [b"y\n", b"Yes\n"])
def test_terminal_yes_agrees(studio, board, render_in_terminal, answer: bytes) -> None:
    """A budget in a file does not answer; the user does."""
    board(BOARD_LIMIT, BESIDE)

    assert render_in_terminal(answer).code == 0
    assert studio.creates == 1
    assert render_in_terminal(b"").code == 0, "a kept board asks nothing"
    assert studio.creates == 1


def test_command_asks_and_ends_with_4(studio, board) -> None:
    """The program itself waits for the answer in its terminal, and Enter declines."""
    board(BOARD_LIMIT)
    screen, inside = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "render", "board.yaml"],
        cwd=studio.folder,
        env={**os.environ, **studio.settings().variables, "PYTHONPATH": str(ROOT)},
        stdin=inside,
        stdout=inside,
        stderr=inside,
    )
    os.close(inside)
    text = b""
    while not text.endswith(QUESTION.encode()):
        text += read_screen(screen)
    os.write(screen, b"\n")
    # To its end: a program that writes to a closed terminal ends in another way.
    text = b"".join(iter(lambda: read_screen(screen), b""))
    os.close(screen)
    assert DECLINED in text.decode().replace("\r\n", "\n")

    assert process.wait(timeout=60) == 4
    assert studio.submits == 0


def test_simulator_is_free_and_asks_nothing(studio, chain, render_in_terminal, board) -> None:
    """It costs nothing, so a budget of zero allows it, and no plan is printed."""
    board()
    studio.write(chain("one", head="budget: 0 USD"))

    ended = render_in_terminal(b"")
    assert ended.code == 0
    assert "not rendered yet" not in ended.text
    assert "Pay" not in ended.text
    assert studio.creates == 1


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        (
            {"own": '[budgets.acme]\ntotal = "1 CNY"\n', "beside": RATE},
            ("--yes",),
            "acme is in CNY",
        ),
        ({"beside": RATE}, ("--budget", "1 CNY"), "this run is in CNY"),
    ],
    ids=["budget of the user's file", "--budget"],
)
def test_rate_of_stranger_opens_no_user_limit(studio, board, render, files, options, message):
    """At 0.001 CNY per USD the user's 1 CNY would allow everything; it is exit 2 instead."""
    board(**files)
    ended = render(*options)

    assert ended.code == 2
    assert f"the budget of {message} and 0.049612 USD is not" in ended.text
    assert "set a rate in your own shotchain.toml" in ended.text
    assert ended.document["error"]["kind"] == "usage_error"
    assert studio.submits == 0


def test_rate_of_stranger_counts_for_own_budget(studio, board, render) -> None:
    """It compares the board's own limit, unless the user has a rate: then that counts."""
    board("budget: 0.01 CNY", RATE)
    assert render("--yes").code == 0
    assert studio.creates == 1

    board("budget: 0.01 CNY", own=RATE.replace("0.001", "7"), one="Another picture.")
    ended = render("--yes")
    assert ended.code == 4
    assert "more than the budget of the board board: 0.01 CNY" in ended.text
    assert studio.submits == 1


@pytest.mark.parametrize("tokens", [0, 1, 100, 10**12])
def test_implausible_usage_leaves_maximum_booked(
    studio, board, render, monkeypatch, tokens
) -> None:
    """A budget for one shot is used up by one shot, whatever usage the vendor reports."""
    monkeypatch.setattr(JobRequest, "tokens", property(lambda _: tokens))
    board("budget: 0.06 USD")
    first = render("--yes")
    board("budget: 0.06 USD", one="Another picture.")
    second = render("--yes")

    (shot,) = first.document["shots"]
    assert (first.code, shot["outcome"], shot["price"]["amount"]) == (0, "rendered", 0.049612)
    assert first.document["spent"]["amount"] == 0.049612
    assert f"warning: modelark reported {tokens} tokens for one, which does not fit" in first.text
    assert second.code == 4
    assert "may cost 0.049612 USD beside 0.049612 USD that is booked" in second.text
    assert studio.creates == 1
