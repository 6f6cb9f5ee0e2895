"""The command line from outside: what it prints, where, and the code it ends with."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from flows.cli.main import main

CLEAN = """\
model: seedance-1.0-pro
look: {resolution: 480p, seconds: 2}
shots:
  - {id: one, prompt: "Dawn over the sea."}
  - {id: two, prompt: "A lighthouse."}
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a clean board in it."""
    place = tmp_path / "work"
    place.mkdir()
    (place / "board.yaml").write_text(CLEAN)
    monkeypatch.chdir(place)
    return place


def test_check_says_that_a_board_is_clean(folder: Path, capsys) -> None:
    """One line on stdout, nothing on stderr, 0."""
    assert main(["check", "board.yaml"]) == 0
    assert capsys.readouterr() == ("board.yaml is clean: 2 shots\n", "")


def test_a_problem_is_told_with_its_place_and_no_traceback(folder: Path, capsys) -> None:
    """File, line and column as an editor understands them, on stderr, 2."""
    (folder / "bad.yaml").write_text(CLEAN.replace("seconds: 2", "secconds: 2"))

    assert main(["check", "bad.yaml"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("bad.yaml:2:26: look.secconds: ")
    assert "seconds" in err
    assert "Traceback" not in err


def test_with_json_every_failure_is_one_document(folder: Path, capsys) -> None:
    """Kind, message and every problem with its place."""
    (folder / "bad.yaml").write_text(CLEAN.replace("prompt", "promt"))

    assert main(["plan", "bad.yaml", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["error"]["kind"] == "invalid_storyboard"
    assert document["problems"][0]["line"] == 4
    assert {"file", "line", "column", "path", "message", "remedy"} <= set(document["problems"][0])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["check", "nowhere.yaml"], 2, "no such file"),
        (["render", "board.yaml", "--only", "three"], 2, "there is no shot 'three'"),
        (["render", "board.yaml", "--only", ","], 2, "--only names no shot"),
        (["render", "board.yaml", "--until", "x"], 2, "there is no shot 'x'"),
        (["render", "board.yaml", "--jobs", "0"], 2, "at least 1"),
        (["render", "board.yaml", "--frobnicate"], 2, "--frobnicate"),
        (["render", "board.yaml", "--provider", "arc"], 2, "did you mean 'ark'"),
        (["render", "board.yaml", "--provider", "ark"], 3, "set SHOTCHAIN_ARK_API_KEY"),
        (["render", "board.yaml", "--stale", "ignore"], 2, "--stale"),
        (["takes", "board.yaml", "three"], 2, "there is no shot 'three'"),
        (["retake", "board.yaml", "three"], 2, "there is no shot 'three'"),
        (["retake", "board.yaml", "one", "--cascade", "--keep-rest"], 2, "--keep-rest"),
        (["pick", "board.yaml", "one", "2"], 2, "no render of take 2 of one; it has none"),
        (["frobnicate"], 2, "invalid choice"),
        ([], 2, "COMMAND"),
    ],
)
def test_what_a_user_gets_wrong_is_one_clear_sentence(
    folder: Path, capsys, words: list[str], code: int, said: str
) -> None:
    """The right code, one line, no traceback."""
    assert main(words) == code
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_nobody_agreed_to_pay(folder: Path, capsys, monkeypatch) -> None:
    """Without a terminal a run that costs money needs --yes or a budget; its price is told."""
    monkeypatch.setenv("SHOTCHAIN_ARK_API_KEY", "k")

    assert main(["render", "board.yaml", "--provider", "ark", "--json"]) == 4
    out, err = capsys.readouterr()
    assert "0.60 CNY" in err
    assert json.loads(out)["error"]["kind"] == "budget_exceeded"


@pytest.mark.parametrize(
    ("budget", "code", "said"),
    [
        ("0.5 CNY", 4, "more than the budget"),
        ("1 USD", 2, "in USD"),
        ("many", 2, "write it like"),
        ("0", 4, "more than the budget"),
    ],
)
def test_a_budget_is_a_wall(
    folder: Path, capsys, monkeypatch, budget: str, code: int, said: str
) -> None:
    """The plan's total is held against it before the first submit."""
    monkeypatch.setenv("SHOTCHAIN_ARK_API_KEY", "k")

    assert main(["render", "board.yaml", "--provider", "ark", "--budget", budget]) == code
    assert said in capsys.readouterr().err


def test_an_unknown_price_is_never_taken_for_nothing(folder: Path, capsys, monkeypatch) -> None:
    """Under a budget it is refused; without one somebody has to agree. The plan says unknown."""
    monkeypatch.setenv("SHOTCHAIN_KKIAI_API_KEY", "k")
    command = ["render", "board.yaml", "--provider", "kkiai"]

    assert main([*command, "--budget", "100 USD"]) == 4
    assert "the price of one, two is not known" in capsys.readouterr().err
    assert main(command) == 4
    assert "an unknown price" in capsys.readouterr().err
    assert main(["plan", "board.yaml", "--provider", "kkiai", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["shots"][0]["price"]["amount"] is None
    assert document["total"]["amount"] is None


def test_init_writes_a_board_that_is_clean_and_never_overwrites(folder: Path, capsys) -> None:
    """The starter checks and plans; a second init of the same file is refused."""
    assert main(["init", "mine/new.yaml"]) == 0
    assert main(["check", "mine/new.yaml"]) == 0
    assert main(["plan", "mine/new.yaml", "--json"]) == 0
    text = (folder / "mine" / "new.yaml").read_text()
    assert main(["init", "mine/new.yaml"]) == 2
    assert (folder / "mine" / "new.yaml").read_text() == text


def test_plan_tells_state_reason_key_and_price_of_every_shot(folder: Path, capsys) -> None:
    """The fields that other programs read."""
    assert main(["plan", "board.yaml", "--provider", "modelark", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    shot = document["shots"][1]
    told = (shot["id"], shot["state"], shot["chain"], shot["continues"], shot["seam"])

    assert told == ("two", "to render", "one", "one", None)
    assert shot["price"] == {"amount": 0.049612, "currency": "USD"}
    assert len(shot["key"]) == 64
    assert document["total"] == {"amount": 0.099225, "currency": "USD"}
    assert document["film_frames"] == 97
    assert not (folder / ".shotchain").exists()


def test_providers_never_show_a_key(folder: Path, capsys, monkeypatch) -> None:
    """Whether it is set, under which variable, with which models."""
    monkeypatch.setenv("SHOTCHAIN_ARK_API_KEY", "canary-key-1")
    assert main(["providers"]) == 0
    text = capsys.readouterr().out
    assert main(["providers", "--json"]) == 0
    document = capsys.readouterr().out

    assert "canary" not in text + document
    assert "SHOTCHAIN_ARK_API_KEY is set" in text
    rows = {row["name"]: row for row in json.loads(document)["providers"]}
    assert (rows["ark"]["key_set"], rows["modelark"]["key_set"]) == (True, False)
    assert rows["simulator"]["models"]["seedance-2.5"]["seconds"] == [4, 30]


def test_a_bug_is_one_line_and_a_log_without_secrets(folder: Path, capsys, monkeypatch) -> None:
    """70, the path of a log; the log has neither key nor signed URL in it."""
    monkeypatch.setenv("SHOTCHAIN_ARK_API_KEY", "canary-key-2")

    def broken(*_: object, **__: object) -> None:
        raise ValueError("canary-key-2 at https://v.example/a.mp4?X-Sig=canary-sig and more")

    monkeypatch.setattr("storyboards.loading.load_partial", broken)

    assert main(["check", "board.yaml"]) == 70
    err = capsys.readouterr().err
    log = Path(err.split("; ")[1].split(" tells")[0])
    text = log.read_text()
    log.unlink()
    assert "Traceback" not in err
    assert "canary" not in text
    assert "https://v.example/a.mp4" in text


def start(*words: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli.main", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


@pytest.mark.engine
def test_render_makes_a_film_on_the_engine_and_leaves_no_process(folder: Path, decode) -> None:
    """One JSON document on stdout, nothing else anywhere, a film, no server left behind."""
    code, out, err = finish(start("render", "board.yaml", "--json", cwd=folder))
    document = json.loads(out)

    assert (code, err) == (0, "")
    assert document["film"] == str(folder / "films" / "board.mp4")
    assert document["frames"] == decode(Path(document["film"])).frames == 97
    assert [one["outcome"] for one in document["shots"]] == ["rendered", "rendered"]
    assert document["spent"] == {"amount": 0.0, "currency": "USD"}
    assert not list((folder / ".shotchain" / "prefect").rglob("run-*"))
    assert not servers_of(folder)

    code, out, err = finish(start("render", "board.yaml", cwd=folder))
    assert (code, err) == (0, "")
    assert "2 kept; paid nothing" in out


def servers_of(folder: Path) -> list[str]:
    """The command lines of processes whose environment names this folder's Prefect home."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            environment = (path / "environ").read_bytes()
            words = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in environment and b"flows.server_process" in words:
            found.append(words.decode())
    return found


@pytest.fixture
def vendor(tmp_path: Path, folder: Path):
    """A served simulator in a process of its own, that outlives whoever renders."""
    process = start("simulate", "--store", str(tmp_path / "vendor"), cwd=folder,
                    SHOTCHAIN_SIMULATOR_JOB_SECONDS="6")  # fmt: skip
    ready = process.stdout.readline().split()
    yield {"url": ready[1], "root": tmp_path / "vendor" / "simulator"}
    process.terminate()
    process.communicate(timeout=20)


def wait_for(what, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def jobs_in(folder: Path) -> int:
    """How many receipts in the store have a job's id."""
    receipts = folder.rglob("receipt.json")
    return sum("job" in json.loads(path.read_bytes())["attempts"][-1] for path in receipts)


@pytest.mark.engine
@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGKILL, -9),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.long),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.long),
    ],
    ids=["kill -9", "Ctrl-C", "SIGTERM"],
)
def test_a_run_that_is_stopped_while_polling_goes_on_where_it_was(
    folder: Path, vendor, number: int, code: int
) -> None:
    """The next run fetches the job that was paid for: creates = shots, whatever ended the first."""
    from tasks.simulator.request_log import read_request_log

    def creates() -> int:
        return sum(one.accepted for one in read_request_log(vendor["root"]))

    words = {
        "SHOTCHAIN_ARK_BASE_URL": f"{vendor['url']}/ark/api/v3",
        "SHOTCHAIN_ARK_API_KEY": "k",
        "SHOTCHAIN_POLL_SECONDS": "0.2",
    }
    command = ("render", "board.yaml", "--provider", "ark", "--yes")
    first = start(*command, cwd=folder, **words)
    # Polling begins once the job's id is on disk; a kill before that would leave the shot unclear.
    wait_for(lambda: jobs_in(folder) == 2 or first.poll() is not None)
    first.send_signal(number)
    ended, _, err = finish(first)
    wait_for(lambda: not servers_of(folder), 15)
    plan, told, _ = finish(start("plan", "board.yaml", "--provider", "ark", "--json", cwd=folder,
                                 **words))  # fmt: skip
    resumed, out, _ = finish(start(*command, "--json", cwd=folder, **words))
    document = json.loads(out)

    assert ended == code
    assert "Traceback" not in err
    assert plan == 0
    states = [one["state"] for one in json.loads(told)["shots"]]
    # The second shot was sent as soon as the first one's frame was there; its clip may still come.
    assert states in (["kept", "in flight"], ["in flight", "in flight"])
    assert resumed == 0
    assert document["shots"][1]["outcome"] == "rendered"
    assert document["frames"] == 97
    assert creates() == 2


@pytest.mark.engine
def test_a_terminal_sees_every_shot_move_and_is_left_tidy(folder: Path) -> None:
    """A line per shot while it runs, none of it left behind, the summary at the end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 90, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli.main", "render", "board.yaml"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        close_fds=True,
    )
    os.close(theirs)
    seen = b""
    with os.fdopen(ours, "rb", buffering=0) as screen:
        while True:
            try:
                data = screen.read(65536)
            except OSError:  # Linux tells so that the other end is gone
                break
            if not data:
                break
            seen += data
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())

    assert process.wait(timeout=60) == 0
    for word in ("waiting", "submitting", "running", "downloading", "rendered", "to go"):
        assert word in text
    assert b"\x1b[?25h" in seen.rpartition(b"\x1b[?25l")[2], "the cursor stays hidden"
    assert text.rstrip().endswith("2 rendered; paid nothing")


@pytest.mark.engine
def test_a_failed_shot_ends_with_1_and_one_sentence(folder: Path) -> None:
    """The chain's neighbours are rendered, the film is not joined, stderr has one line."""
    bad = CLEAN.replace("A lighthouse.", "[fail:OutputVideoSensitiveContentDetected] A lighthouse.")
    (folder / "bad.yaml").write_text(bad)
    code, out, err = finish(start("render", "bad.yaml", "--json", cwd=folder))
    document = json.loads(out)

    assert code == 1
    assert document["film"] is None
    assert [one["outcome"] for one in document["shots"]] == ["rendered", "failed"]
    assert document["shots"][1]["error"]["kind"] == "output_moderated"
    assert err.count("\n") == 1
