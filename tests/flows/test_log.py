"""`log` prints what each vendor was asked and what it answered, also of a stranger's store."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from flows.cli.main import main
from flows.run import check_ready
from flows.run_context import open_run
from tasks.store.layout import LOG_NAME, Store
from tasks.store.receipts import AttemptState
from tasks.submission.shot_log import log_exchanges
from tasks.submission.submit import submit
from tests.support.paid_path import make_attempt, write_attempts
from tests.support.simulator_requests import image_bytes

Capture = pytest.CaptureFixture[str]

DIALECTS = {
    "ark": ("ark", "seedance-1.0-pro", 2),
    "volc": ("cometapi-volc", "seedance-1.0-pro", 2),
    "kkiai": ("kkiai", "seedance-1.0-pro", 2),
    "videos": ("cometapi-videos", "seedance-2.0", 4),
    "sora": ("infinity-blue", "seedance-2.0", 4),
}
BOARD = """\
look: {resolution: 480p, seconds: 2, ratio: "16:9"}
shots:
"""
KEYS = {letter: letter * 64 for letter in "abc"}


@pytest.fixture
def write_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write receipts and logs of a board `film.yaml` into a store that the environment names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOTCHAIN_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("TZ", "UTC")
    shots = "".join(f'  - {{id: {shot}, prompt: "A {shot}."}}\n' for shot in ("one", "two"))
    (tmp_path / "film.yaml").write_text(f"{BOARD}{shots}")
    store = Store(tmp_path / "store")
    store.initialize()
    records = store.records(loopback=False)

    def write(letter: str, *lines: bytes | dict[str, Any], **values: Any) -> Path:
        defaults: dict[str, Any] = {"board": "film", "job": "cgt-1", "intended_at": time(letter)}
        state = values.pop("state", AttemptState.KEPT)
        write_attempts(records, make_attempt(state, **{**defaults, **values}), key=KEYS[letter])
        path = records.folder_of(KEYS[letter]) / LOG_NAME
        encoded = [
            line
            if isinstance(line, bytes)
            else json.dumps({"time": time(letter), "attempt": time(letter), **line}).encode()
            for line in lines
        ]
        if lines:
            path.write_bytes(b"\n".join(encoded) + b"\n")
        return path

    return write


def time(letter: str) -> str:
    """Return the time of an attempt."""
    return f"2026-11-2{ord(letter) - ord('a') + 1}T10:00:00.000+00:00"


def read_log(*arguments: str, capsys: Capture) -> dict[str, Any]:
    """Return the document of `log`."""
    assert main(["log", "film.yaml", "--json", *arguments]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_log_of_every_dialect_has_its_requests(
    queueing, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Over real HTTP: the create as sent with its picture described, and the state of the job."""
    rows = [
        f"  - {{id: {name}, provider: {provider}, model: {model}, seconds: {seconds}, "
        f'first_frame: a.png, prompt: "Dawn over {name}."}}'
        for name, (provider, model, seconds) in DIALECTS.items()
    ]
    (queueing.folder / "a.png").write_bytes(image_bytes(864, 480))
    run = queueing.prepare(BOARD + "\n".join(rows) + "\n", name="film", yes=True)
    check_ready(run)

    async def submit_all() -> None:
        async with open_run(run, queueing.on_progress) as context:
            for shot in run.plan.shots_to_render:
                attempt = await submit(shot, None, context.submission)
                client = context.submission.client_of(shot.provider, attempt)
                with log_exchanges(run.records_of(shot), shot.key, shot=shot.id, take=1):
                    await client.query(attempt.job or "")

    asyncio.run(submit_all())
    monkeypatch.chdir(queueing.folder)
    document = read_log("--store", "store", capsys=capsys)

    attempts = {attempt["shot"]: attempt for attempt in document["attempts"]}
    assert attempts.keys() == DIALECTS.keys()
    for name, attempt in attempts.items():
        create, state, query = attempt["entries"]
        assert (create["event"], create["status"]) == ("create", 200)
        assert f"Dawn over {name}." in json.dumps(create["request"])
        assert re.search(r"<png 864x480, sha256 [0-9a-f]{12}, ", json.dumps(create["request"]))
        assert create["outcome"] == f"accepted as job {attempt['job']}"
        assert (state["event"], state["state"]) == ("state", "submitted")
        assert (query["event"], query["outcome"]) == ("query", "queued")
        assert attempt["job"] in query["url"]
    text = "".join(path.read_text() for path in queueing.folder.rglob(LOG_NAME))
    assert "canary-key" not in text
    assert ";base64" not in text


def test_log_prints_a_line_per_exchange(write_log, capsys: Capture) -> None:
    """Times, status and decision are in a line; queries with one answer are joined."""
    write_log(
        "a",
        {"event": "create", "status": 200, "outcome": "accepted as job cgt-1", "request": {"p": 7}},
        {"event": "query", "status": 200, "outcome": "running"},
        {"event": "repeated", "count": 31, "outcome": "running"},
        {"event": "download", "outcome": "complete", "url": "https://v/c.mp4", "size_bytes": 2000},
    )
    assert main(["log", "film.yaml", "one"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert lines[0].startswith("one, take 1  ")
    assert "  10:00:00  create    200  accepted as job cgt-1" in lines
    assert "  10:00:00  query     200  running (and 31 more times until 10:00:00)" in lines
    assert '"p": 7' not in "\n".join(lines)
    assert max(map(len, lines)) <= 80

    assert main(["log", "film.yaml", "one", "--full"]) == 0
    assert '"p": 7' in capsys.readouterr().out


def test_log_selects_shot_take_and_last(write_log, capsys: Capture) -> None:
    """A shot, a take of it, or the newest attempts of all shots, in the order of time."""
    write_log("a", shot="one")
    write_log("b", shot="two")
    write_log("c", shot="one", take=2)

    def select(*arguments: str) -> list[tuple[str, int]]:
        document = read_log(*arguments, capsys=capsys)
        return [(attempt["shot"], attempt["take"]) for attempt in document["attempts"]]

    assert select() == [("one", 1), ("two", 1), ("one", 2)]
    assert select("one") == [("one", 1), ("one", 2)]
    assert select("one", "--take", "2") == [("one", 2)]
    assert select("--last", "2") == [("two", 1), ("one", 2)]
    assert read_log("--last", "2", capsys=capsys)["left_out"] == 1
    assert main(["log", "film.yaml", "--last", "0"]) == 2
    assert main(["log", "film.yaml", "onne"]) == 2
    assert "Did you mean one?" in capsys.readouterr().err


def test_log_of_an_earlier_version_shows_the_receipt(write_log, capsys: Capture) -> None:
    """A receipt without a log is shown with its times and its error."""
    write_log("a", state=AttemptState.UNCLEAR, job=None, error="a reset")

    assert main(["log", "film.yaml", "one"]) == 0
    text = capsys.readouterr().out
    assert "no log of it; the receipt has: requested 2" in text
    assert "a reset" in text
    assert "0.25 USD may be charged" in text


def test_log_of_board_with_problems_is_printed(write_log, tmp_path: Path, capsys: Capture) -> None:
    """A mistake in the board does not hide what was paid."""
    write_log("a")
    (tmp_path / "film.yaml").write_text(BOARD + "  - {id: one, prompt: x, secondz: 4}\n")

    assert [attempt["shot"] for attempt in read_log(capsys=capsys)["attempts"]] == ["one"]


def test_log_of_removed_shot_is_printed(write_log, capsys: Capture) -> None:
    """A shot that is no longer in the board has its log."""
    write_log("a", shot="gone")

    assert [attempt["shot"] for attempt in read_log("gone", capsys=capsys)["attempts"]] == ["gone"]


def test_log_of_other_board_is_left_out(write_log, capsys: Capture) -> None:
    """The store has several boards."""
    write_log("a", {"event": "upload", "attempt": None}, board="other")

    assert read_log(capsys=capsys)["attempts"] == []
    assert main(["log", "film.yaml"]) == 0
    assert capsys.readouterr().out.startswith("the store has no attempt of film")


def test_log_of_shared_key_has_own_attempts(write_log, capsys: Capture) -> None:
    """Two boards with the same shot share its key; each has the attempts that it sent."""
    write_log("a")
    records = Store(Path("store")).records(loopback=False)
    own, other = (
        make_attempt(AttemptState.CLEANED, board=board, intended_at=time(letter))
        for board, letter in (("film", "a"), ("other", "b"))
    )
    write_attempts(records, own, other, key=KEYS["a"])

    dates = [attempt["date"] for attempt in read_log(capsys=capsys)["attempts"]]
    assert dates == [time("a")]


HOSTILE_LINES = {
    "escapes": {"event": "\x1b]0;x\x07", "outcome": "\x1b[31m\x1b[2J\u202e", "status": 200},
    "types": {"event": "state", "state": {"a": 1}, "price": {"amount": "x"}, "error": [1]},
    "price": {"event": "state", "state": "done", "price": "x"},
    "numbers": {"event": "query", "status": "x", "outcome": 10**30, "count": None},
    "bodies": {"event": "create", "request": [[["\x1b[2J"]]], "response": "\x1b[2J", "url": 5},
    "long": {"event": "query", "outcome": "x" * 50_000},
    "download": {"event": "download", "url": None, "size_bytes": "many"},
    "repeated": {"event": "repeated", "count": {"a": "b"}},
    "shot": {"event": "query", "attempt": ["x"], "shot": {"id": 1}, "take": "one"},
}


@pytest.mark.parametrize("name", HOSTILE_LINES)
def test_log_of_stranger_harms_nothing(write_log, capsys: Capture, name: str) -> None:
    """Control characters are escaped, odd values are printed as text, long texts are cut."""
    write_log("a", HOSTILE_LINES[name], b"not json", b"\xff", {"event": "query", "outcome": "ok"})

    for arguments in ((), ("--full",), ("--json",)):
        assert main(["log", "film.yaml", *arguments]) == 0
        captured = capsys.readouterr()
        assert "\x1b" not in captured.out
        assert "\u202e" not in captured.out or "--json" in arguments
        assert "ok" in captured.out
        assert "2 lines of the log of aaaaaaaaaa are damaged" in captured.err
        assert len(captured.out) < (120_000 if "--json" in arguments else 20_000)


@pytest.mark.parametrize("arguments", [(), ("--full",)])
def test_log_of_stranger_has_no_colours_of_its_own(
    write_log, capsys: Capture, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """In a terminal with colours a log can't paint anything."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    cyan = "\x1b[36m"
    write_log("a", {"event": cyan, "outcome": cyan, "response": {"m": cyan}, "url": cyan})
    write_log("b", {"event": "create", "response": f"{cyan} page", "request_id": cyan})

    assert main(["log", "film.yaml", *arguments]) == 0
    assert cyan not in capsys.readouterr().out


def test_log_link_is_reported(write_log, tmp_path: Path, capsys: Capture) -> None:
    """A log that is a link is not followed; the receipt is shown."""
    path = write_log("a")
    (tmp_path / "mine").write_text('{"time": "x"}')
    path.symlink_to(tmp_path / "mine")

    assert main(["log", "film.yaml"]) == 0
    captured = capsys.readouterr()
    assert "is a symbolic link" in captured.err
    assert "no log of it" in captured.out


def test_log_writes_nothing(write_log, tmp_path: Path, capsys: Capture) -> None:
    """The store is as before, also if it does not exist."""
    write_log("a", {"event": "query", "outcome": "ok"})
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    assert main(["log", "film.yaml"]) == 0
    assert main(["log", "film.yaml", "--store", "none"]) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert "the store has no attempt" in capsys.readouterr().out
