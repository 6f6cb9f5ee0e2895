"""The command line from outside: what it prints, where, and its exit codes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.cli.completion import SHELLS, format_completion
from flows.cli.main import COMMANDS, main
from tasks.simulator.request_log import read_request_log
from tests.support.terminal import capture

BOARD = """\
model: seedance-1.0-pro
look: {resolution: 480p, seconds: 2}
shots:
  - {id: one, prompt: "Dawn over the sea."}
  - {id: two, prompt: "A lighthouse."}
"""
ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "flows.cli"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to a working directory with a valid board in it."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "board.yaml").write_text(BOARD)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.usefixtures("folder")
def test_check_valid_board_prints_one_line(capsys: Capture) -> None:
    """A valid board is one line on stdout, nothing on stderr, exit code 0."""
    assert main(["check", "board.yaml"]) == 0
    assert capsys.readouterr() == ("board.yaml is clean: 2 shots\n", "")


def test_check_problem_has_place_and_no_traceback(folder: Path, capsys: Capture) -> None:
    """A problem is printed on stderr with file, line and column as editors expect them."""
    (folder / "bad.yaml").write_text(BOARD.replace("seconds: 2", "secconds: 2"))

    assert main(["check", "bad.yaml"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("bad.yaml:2:26: look.secconds: ")
    assert "seconds" in err
    assert "Traceback" not in err


def test_json_failure_is_one_document(folder: Path, capsys: Capture) -> None:
    """With --json a failure is a document with its kind and every problem with its place."""
    (folder / "bad.yaml").write_text(BOARD.replace("prompt", "promt"))

    assert main(["plan", "bad.yaml", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["error"]["kind"] == "invalid_storyboard"
    assert document["problems"][0]["line"] == 4
    assert {"file", "line", "column", "path", "message", "remedy"} <= set(document["problems"][0])


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["check", "nowhere.yaml"], 2, "no such file"),
        (["plan", "board.yaml", "other.yaml"], 2, "one argument too many: 'other.yaml'"),
        (["render", "board.yaml", "--only", "three"], 2, "there is no shot 'three'"),
        (["render", "board.yaml", "--only", ","], 2, "--only names no shot"),
        (["render", "board.yaml", "--until", "x"], 2, "there is no shot 'x'"),
        (["render", "board.yaml", "--jobs", "0"], 2, "at least 1"),
        (["render", "board.yaml", "--provider", "arc"], 2, "id you mean"),
        (["render", "board.yaml", "--provider", "ark"], 3, "set SHOTCHAIN_ARK_API_KEY"),
        (["render", "board.yaml", "--stale", "ignore"], 2, "--stale"),
        (["takes", "board.yaml", "three"], 2, "there is no shot 'three'"),
        (["retake", "board.yaml", "three"], 2, "there is no shot 'three'"),
        (["retake", "board.yaml", "one", "--cascade", "--keep-rest"], 2, "--keep-rest"),
        (["pick", "board.yaml", "one", "2"], 2, "no render of take 2 of one; it has none"),
        (["completion", "tcsh"], 2, "'tcsh'"),
        (["--json"], 2, "COMMAND"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_user_error_is_one_sentence(
    capsys: Capture, argv: list[str], code: int, message: str
) -> None:
    """A mistake of the user ends with its exit code and one line on stderr."""
    assert main(argv) == code
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["rendr"], "there is no command 'rendr'. Did you mean render?"),
        (["provider"], "there is no command 'provider'. Did you mean providers?"),
        (["--json", "chek"], "there is no command 'chek'. Did you mean check?"),
        (["frobnicate"], "there is no command 'frobnicate'. `shotchain --help` lists them."),
        (["--versoin"], "there is no option '--versoin'. Did you mean --version?"),
        (
            ["render", "board.yaml", "--budgt=3 USD"],
            "there is no option '--budgt'. Did you mean --budget?",
        ),
        (
            ["check", "board.yaml", "--frobnicate"],
            "there is no option '--frobnicate'. See `shotchain check --help`.",
        ),
    ],
)
@pytest.mark.usefixtures("folder")
def test_unknown_name_offers_similar_names(capsys: Capture, argv: list[str], sentence: str) -> None:
    """An unknown command or option is answered with similar names, or with the help to read."""
    assert main(argv) == 2
    assert capsys.readouterr().err == f"shotchain: {sentence}\n"


@pytest.mark.parametrize("name", ["review", "export", "approve", "limits", "listen"])
def test_command_of_a_later_version_is_unknown(name: str, capsys: Capture) -> None:
    """Commands that are not built are unknown to the parser."""
    assert main([name]) == 2
    assert f"there is no command {name!r}" in capsys.readouterr().err


def test_version_prints_name_and_number(capsys: Capture) -> None:
    """--version prints the version of the package and ends with 0."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])

    assert ended.value.code == 0
    assert re.fullmatch(r"shotchain \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_help_lists_every_command(capsys: Capture) -> None:
    """--help lists every command with its help, and a command's help lists its options."""
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    for name, text in COMMANDS.items():
        assert re.search(rf"^  {name}\s+{re.escape(text)}$", out, re.MULTILINE)

    with pytest.raises(SystemExit):
        main(["plan", "--help"])
    out = capsys.readouterr().out
    assert out.startswith("usage: shotchain plan ")
    assert "--stale" in out


@pytest.mark.parametrize("argv", [["check", "board.yaml"], ["plan", "board.yaml"], ["--help"]])
@pytest.mark.usefixtures("folder")
def test_instant_command_imports_nothing_else(argv: list[str]) -> None:
    """A command imports neither heavy libraries nor other commands."""
    code = (
        "import sys; from flows.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, *argv],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(process.stderr.split())

    assert "flows.cli.main" in modules
    assert not modules & {"prefect", "httpx", "av", "numpy", "PIL", "rich", "starlette", "shtab"}
    commands = {name for name in COMMANDS if f"flows.cli.{name}" in modules}
    assert commands <= set(argv)


def test_commands_do_not_import_prefect(tmp_path: Path) -> None:
    """No command imports Prefect at once: it would read settings in the working directory.

    `prefect_server` prepares that import, because a stranger's board may lie in the directory.
    """
    code = (
        "import sys; from flows.cli.main import build_parser\n"
        "build_parser(with_arguments=True); print(*sys.modules)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(process.stdout.split())

    assert {f"flows.cli.{name}" for name in COMMANDS} <= modules
    assert "prefect" not in modules


def test_module_runs_like_the_program(folder: Path) -> None:
    """`python -m flows.cli` is the program."""
    code, out, err = finish(start("check", "board.yaml", cwd=folder))

    assert (code, out, err) == (0, "board.yaml is clean: 2 shots\n", "")


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_script_has_commands_and_options(shell: str, capsys: Capture) -> None:
    """The script of each shell names every command, and options; the shell can parse it."""
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out

    assert [name for name in COMMANDS if not re.search(rf"\b{name}\b", script)] == []
    assert "keep-rest" in script
    assert "cascade" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)
    assert main(["completion", shell, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"shell": shell, "script": script[:-1]}


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize(
    ("line", "completions"),
    [
        ("shotchain re", {"render", "retake"}),
        ("shotchain plan bo", {"board.yaml"}),
        ("shotchain plan board.yaml --sta", {"--stale"}),
        ("shotchain plan board.yaml --stale ca", {"cascade"}),
        ("shotchain plan board.yaml --store cl", {"clips"}),
        ("shotchain render board.yaml --out bo", {"board.yaml"}),
        ("shotchain completion b", {"bash"}),
        ("shotchain sc", {"schema"}),
        ("shotchain schema --o", {"--out"}),
        ("shotchain init film --template end", {"end-card"}),
        ("shotchain check board.yaml cl", {"client.yaml", "clips"}),
        ("shotchain check --stdin-name bo", {"board.yaml"}),
    ],
)
def test_bash_completes_a_command_line(folder: Path, line: str, completions: set[str]) -> None:
    """Bash completes commands, options, their values, files and folders."""
    (folder / "clips").mkdir()
    (folder / "client.yaml").touch()
    arguments = line.split()
    call = (
        f"COMP_WORDS=({line}); COMP_CWORD={len(arguments) - 1}\n"
        f"_shtab_shotchain shotchain {arguments[-1]} {arguments[-2]}\n"
        "printf '%s\\n' \"${COMPREPLY[@]}\"\n"
    )
    process = subprocess.run(
        ["bash", "--norc"],
        input=f"{format_completion('bash')}\n{call}",
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )

    assert set(process.stdout.split()) == completions


@pytest.mark.usefixtures("folder")
def test_render_without_consent_ends_with_4(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal a run that costs money needs --yes or --budget; its price is printed."""
    monkeypatch.setenv("SHOTCHAIN_ARK_API_KEY", "k")

    assert main(["render", "board.yaml", "--provider", "ark", "--json"]) == 4
    out, err = capsys.readouterr()
    assert "0.60 CNY" in err
    assert json.loads(out)["error"]["kind"] == "budget_exceeded"


@pytest.mark.parametrize(
    ("budget", "code", "message"),
    [
        ("0.5 CNY", 4, "more than the budget"),
        ("1 USD", 2, "in USD"),
        ("many", 2, "write it like"),
        ("0", 4, "more than the budget"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_budget_below_the_price_ends_the_run(
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    budget: str,
    code: int,
    message: str,
) -> None:
    """The total of the plan is checked against the budget before the first request."""
    monkeypatch.setenv("SHOTCHAIN_ARK_API_KEY", "k")

    assert main(["render", "board.yaml", "--provider", "ark", "--budget", budget]) == code
    assert message in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_unknown_price_is_not_zero(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown price fits no budget, needs consent without a budget, and is null in the plan."""
    monkeypatch.setenv("SHOTCHAIN_KKIAI_API_KEY", "k")
    command = ["render", "board.yaml", "--provider", "kkiai"]

    assert main([*command, "--budget", "100 USD"]) == 4
    assert "one, two" in capsys.readouterr().err
    assert main(command) == 4
    assert "an unknown price" in capsys.readouterr().err
    assert main(["plan", "board.yaml", "--provider", "kkiai", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["shots"][0]["price"]["amount"] is None
    assert document["total"]["amount"] is None


def test_init_writes_a_valid_board_once(folder: Path, capsys: Capture) -> None:
    """The starter board can be checked and planned; `init` never overwrites a file."""
    assert main(["init", "mine/new.yaml"]) == 0
    assert main(["check", "mine/new.yaml"]) == 0
    assert main(["plan", "mine/new.yaml", "--json"]) == 0
    text = (folder / "mine" / "new.yaml").read_text()
    assert main(["init", "mine/new.yaml"]) == 2
    assert "exists" in capsys.readouterr().err
    assert (folder / "mine" / "new.yaml").read_text() == text


def test_plan_json_has_state_key_and_price(folder: Path, capsys: Capture) -> None:
    """The document of a plan has the fields that other programs read; nothing is written."""
    assert main(["plan", "board.yaml", "--provider", "modelark", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    shot = document["shots"][1]

    assert shot["id"] == "two"
    assert (shot["state"], shot["reason"]) == ("to render", "not rendered yet")
    assert (shot["chain"], shot["continues"], shot["seam"]) == ("one", "one", None)
    assert shot["price"] == {"amount": 0.049612, "currency": "USD"}
    assert len(shot["key"]) == 64
    assert document["total"] == {"amount": 0.099225, "currency": "USD"}
    assert document["film_frames"] == 97
    assert not (folder / ".shotchain").exists()


@pytest.mark.usefixtures("folder")
def test_providers_prints_no_key(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """`providers` prints the variable of each key and if it is set, but never the key."""
    monkeypatch.setenv("SHOTCHAIN_ARK_API_KEY", "canary-key-1")
    assert main(["providers"]) == 0
    text = capsys.readouterr().out
    assert main(["providers", "--json"]) == 0
    document = capsys.readouterr().out

    assert "canary" not in text + document
    assert "SHOTCHAIN_ARK_API_KEY is set" in text
    providers = {provider["name"]: provider for provider in json.loads(document)["providers"]}
    assert (providers["ark"]["key_set"], providers["modelark"]["key_set"]) == (True, False)
    assert providers["simulator"]["models"]["seedance-2.5"]["seconds"] == [4, 30]


@pytest.mark.usefixtures("folder")
def test_bug_is_one_line_and_a_log_without_secrets(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug ends with 70 and the path of a log, which holds neither a key nor a signed URL."""
    monkeypatch.setenv("SHOTCHAIN_ARK_API_KEY", "canary-key-2")

    def fail(*_: object, **__: object) -> None:
        raise ValueError("canary-key-2 at https://v.example/a.mp4?X-Sig=canary-sig and more")

    monkeypatch.setattr("flows.cli.check.load_partial", fail)

    assert main(["check", "board.yaml", "--json"]) == 70
    out, err = capsys.readouterr()
    log = Path(err.rstrip().partition("; see ")[2])
    text = log.read_text()
    log.unlink()
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert json.loads(out)["error"] == {"kind": "bug", "message": err.strip()[len("shotchain: ") :]}
    assert "canary" not in text
    assert "https://v.example/a.mp4" in text


def start(*argv: str, cwd: Path, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, *argv],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


@pytest.mark.engine
def test_render_makes_a_film_and_leaves_no_process(folder: Path, decode: Any) -> None:
    """A quiet run prints one JSON document and nothing else, makes a film, and ends its server."""
    code, out, err = finish(start("render", "board.yaml", "--json", "-q", cwd=folder))
    document = json.loads(out)

    assert (code, err) == (0, "")
    assert document["film"] == str(folder / "films" / "board.mp4")
    assert document["frames"] == decode(Path(document["film"])).frames == 97
    assert [shot["outcome"] for shot in document["shots"]] == ["rendered", "rendered"]
    assert document["spent"] == {"amount": 0.0, "currency": "USD"}
    assert not list((folder / ".shotchain" / "prefect").rglob("run-*"))
    assert not servers_of(folder)

    code, out, err = finish(start("render", "board.yaml", cwd=folder))
    assert (code, err) == (0, "")
    assert "2 kept; paid nothing" in out


@pytest.mark.engine
def test_render_after_an_edit_keeps_the_other_shots(folder: Path) -> None:
    """A run with kept shots and shots to render makes the film of both."""
    finish(start("render", "board.yaml", "--json", cwd=folder))
    (folder / "board.yaml").write_text(BOARD.replace("A lighthouse.", "A tower."))
    code, out, err = finish(start("render", "board.yaml", "--json", "-q", cwd=folder))
    document = json.loads(out)

    assert (code, err) == (0, "")
    assert [shot["outcome"] for shot in document["shots"]] == ["kept", "rendered"]
    assert document["frames"] == 97


def servers_of(folder: Path) -> list[str]:
    """Return the command lines of servers whose Prefect home is in a folder."""
    servers = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            env = (path / "environ").read_bytes()
            command = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in env and b"flows.server_process" in command:
            servers.append(command.decode())
    return servers


@pytest.fixture
def vendor(tmp_path: Path, folder: Path) -> Iterator[dict[str, Any]]:
    """Serve a simulator in its own process, which outlives the runs."""
    store = tmp_path / "vendor"
    env = {"SHOTCHAIN_SIMULATOR_JOB_SECONDS": "6"}
    process = start("simulate", "--store", str(store), cwd=folder, **env)
    ready = process.stdout.readline().split()
    yield {"url": ready[1], "root": store / "simulator"}
    process.terminate()
    process.communicate(timeout=20)


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def count_jobs(folder: Path) -> int:
    """Return the number of receipts in the store that have the id of a job."""
    receipts = folder.rglob("receipt.json")
    return sum("job" in json.loads(path.read_bytes())["attempts"][-1] for path in receipts)


@pytest.mark.engine
@pytest.mark.parametrize(
    ("signal_number", "code"),
    [
        (signal.SIGKILL, -9),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.long),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.long),
    ],
    ids=["kill -9", "Ctrl-C", "SIGTERM"],
)
def test_stopped_run_is_resumed_by_the_next(
    folder: Path, vendor: dict[str, Any], signal_number: int, code: int
) -> None:
    """The run after a stopped one fetches the paid jobs: as many creates as shots."""
    env = {
        "SHOTCHAIN_ARK_BASE_URL": f"{vendor['url']}/ark/api/v3",
        "SHOTCHAIN_ARK_API_KEY": "k",
        "SHOTCHAIN_POLL_SECONDS": "0.2",
    }
    board = ("board.yaml", "--provider", "ark")
    first = start("render", *board, "--yes", cwd=folder, **env)
    # Polling begins when the job's id is on disk; a kill before that leaves the shot unclear.
    wait_for(lambda: count_jobs(folder) == 2 or first.poll() is not None)
    first.send_signal(signal_number)
    first_code, _, err = finish(first)
    wait_for(lambda: not servers_of(folder), 15)
    plan_code, plan, _ = finish(start("plan", *board, "--json", cwd=folder, **env))
    next_code, out, _ = finish(start("render", *board, "--yes", "--json", cwd=folder, **env))
    document = json.loads(out)

    assert first_code == code
    assert "Traceback" not in err
    assert plan_code == 0
    states = [shot["state"] for shot in json.loads(plan)["shots"]]
    # The second shot is sent as soon as the first has its last frame; its clip may still come.
    assert states in (["kept", "in flight"], ["in flight", "in flight"])
    assert next_code == 0
    assert document["shots"][1]["outcome"] == "rendered"
    assert document["frames"] == 97
    assert sum(request.accepted for request in read_request_log(vendor["root"])) == 2


@pytest.mark.engine
def test_terminal_shows_every_shot_and_is_left_clean(folder: Path) -> None:
    """In a terminal every shot has a line while the run lasts; only the summary remains."""
    environment = {"PYTHONPATH": str(ROOT)}
    command = [*PROGRAM, "render", "board.yaml"]
    terminal = capture(command, columns=90, folder=folder, environment=environment)
    texts = [screen.text for screen in terminal.screens]

    assert terminal.exit_code == 0
    # "sending" is left out: a create takes less time than the display between two pictures.
    for state in ("starting Prefect", "waiting for", "rendering", "rendered", "0 of 2 shots"):
        assert any(state in text for text in texts), state
    assert (terminal.last.is_cursor_hidden, terminal.last.wraps) == (False, 0)
    assert "2 shots: 2 rendered; free (simulator)" in terminal.last.text
    assert terminal.last.text.endswith("next: shotchain open board.yaml")
    assert "of 2 shots" not in terminal.last.text


@pytest.mark.engine
def test_failed_shot_ends_with_1_and_one_sentence(folder: Path) -> None:
    """If a shot fails, the others are rendered, no film is joined, and stderr has one line."""
    text = BOARD.replace("A lighthouse.", "[fail:OutputVideoSensitiveContentDetected] A tower.")
    (folder / "bad.yaml").write_text(text)
    code, out, err = finish(start("render", "bad.yaml", "--json", "-q", cwd=folder))
    document = json.loads(out)

    assert code == 1
    assert document["film"] is None
    assert [shot["outcome"] for shot in document["shots"]] == ["rendered", "failed"]
    assert document["shots"][1]["error"]["kind"] == "output_moderated"
    assert err.count("\n") == 1
