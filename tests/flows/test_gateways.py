"""Gateways that are defined only in a configuration file, from the file to the rendered film."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.cli.main import main
from flows.run import check_preconditions
from tasks.errors import InvalidConfiguration
from tasks.simulator.app import MOUNTS
from tasks.simulator.request_log import read_request_log
from tasks.store.status import ShotState
from tests.support.documents import read_block
from tests.support.reports import folder_of

SORA = """\
[providers.my-gateway]
dialect = "sora"
base_url = "{url}/infinity-blue/v1"
key = "SHOTCHAIN_MINE"
models = {{ "seedance-2.0" = "doubao-seedance-2-0-260128" }}
"""
ARK = """\
[providers.my-ark]
dialect = "ark"
base_url = "{url}/ark/api/v3"
key = "SHOTCHAIN_MINE"
models = {{ "seedance-1.0-pro" = "doubao-seedance-1-0-pro-250528" }}
jobs_at_once = 1
"""
BOARD = """\
provider: my-gateway
model: seedance-2.0
look: {resolution: 480p, seconds: 4, ratio: "16:9"}
shots:
  - {id: one, prompt: "Dawn over the sea."}
  - {id: two, provider: my-ark, model: seedance-1.0-pro, seconds: 2, prompt: "Rain."}
"""
SHORT = """\
provider: {provider}
model: seedance-1.0-pro
look: {{resolution: 480p, seconds: 2}}
shots: [{{id: one, prompt: "Dawn over the sea."}}]
"""
KEY = "canary-key-of-mine"


@pytest.fixture
def config_file(studio) -> Path:
    """The user's configuration file, with two gateways that lead to the served simulator."""
    file = studio.folder / "own.toml"
    file.write_text(SORA.format(url=studio.url) + ARK.format(url=studio.url))
    studio.env = {"SHOTCHAIN_CONFIG": str(file), "SHOTCHAIN_MINE": KEY}
    return file


@pytest.fixture
def run_main(
    studio, monkeypatch: pytest.MonkeyPatch, capsys
) -> Callable[..., tuple[int, str, str]]:
    """Run a command in the studio's folder; return its exit code and its outputs."""
    monkeypatch.chdir(studio.folder)
    monkeypatch.setenv("SHOTCHAIN_POLL_SECONDS", "0.2")

    def run(*argv: str) -> tuple[int, str, str]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in studio.env.items():
                patch.setenv(name, value)
            code = main(list(argv))
        return (code, *capsys.readouterr())

    return run


@pytest.mark.usefixtures("config_file")
def test_two_gateways_render_one_board(studio) -> None:
    """Each job is sent in the gateway's dialect, to its address, with the configured key."""
    report = studio.run(BOARD, yes=True)

    assert [(result.outcome, result.error) for result in report.results] == [("rendered", None)] * 2
    assert report.film.frame_count == 97 + 49 - 1
    accepted = [request for request in read_request_log(studio.root) if request.accepted]
    assert sorted(request.mount for request in accepted) == ["ark", "infinity-blue"]
    assert studio.prepare(BOARD).status.shots_in_state(ShotState.KEPT) == ("one", "two")


def test_readme_configuration_renders_board(studio, outcomes) -> None:
    """The README's file works unchanged; the environment sends its address to the simulator."""
    text = read_block("flows/README.md", "configuration")
    (studio.folder / "shotchain.toml").write_text(text)
    studio.env = {
        "SHOTCHAIN_CONFIG": str(studio.folder / "shotchain.toml"),
        "SHOTCHAIN_MY_GATEWAY_BASE_URL": studio.url + MOUNTS["ark"],
        "SHOTCHAIN_MY_GATEWAY_API_KEY": KEY,
    }
    board = SHORT.format(provider="my-gateway")

    assert str(studio.prepare(board).max_cost).endswith(" USD")
    assert outcomes(studio.run(board, yes=True)) == {"one": "rendered"}


def test_gateway_beside_board_needs_trust(studio, config_file, outcomes) -> None:
    """A configuration in the board's folder may define providers only with `trust`."""
    beside = config_file.rename(studio.folder / "shotchain.toml")
    del studio.env["SHOTCHAIN_CONFIG"]
    board = SHORT.format(provider="my-ark")

    with pytest.raises(InvalidConfiguration, match=rf"{beside}:1: providers\.my-gateway"):
        studio.run(board, yes=True)
    assert studio.submits == 0
    assert outcomes(studio.run(board, yes=True, trust=True)) == {"one": "rendered"}


@pytest.mark.parametrize(("command", "code"), [("check", 0), ("plan", 0), ("render", 4)])
def test_command_with_trust_accepts_gateway(
    studio, config_file, run_main, command: str, code: int
) -> None:
    """Without `--trust` the problems have file and line; with it only the consent is missing."""
    config_file.rename(studio.folder / "shotchain.toml")
    del studio.env["SHOTCHAIN_CONFIG"]
    studio.write(BOARD)

    untrusted_code, out, _ = run_main(command, "board.yaml", "--json")
    document = json.loads(out)
    assert untrusted_code == 2
    assert document["error"]["kind"] == "invalid_configuration"
    assert [(problem["file"], problem["line"]) for problem in document["problems"]] == [
        ("shotchain.toml", 1),
        ("shotchain.toml", 6),
    ]
    assert run_main(command, "board.yaml", "--trust")[0] == code
    assert studio.submits == 0


@pytest.mark.usefixtures("config_file")
def test_gateway_without_key_exits_3(studio, run_main) -> None:
    """The message names the variable of the configuration."""
    del studio.env["SHOTCHAIN_MINE"]
    studio.write(BOARD)
    code, _, err = run_main("render", "board.yaml", "--yes")

    assert code == 3
    assert "my-gateway needs an API key; set SHOTCHAIN_MINE" in err


def test_unknown_price_exceeds_budget(studio, config_file, run_main) -> None:
    """Under a budget a shot needs a price; with configured prices the budget decides."""
    studio.write(BOARD)
    code, _, err = run_main("render", "board.yaml", "--budget", "100 USD")
    assert code == 4
    assert "the price of one, two is not known" in err

    with config_file.open("a") as file:
        for name, family in (("my-gateway", "seedance-2.0"), ("my-ark", "seedance-1.0-pro")):
            file.write(f'[prices.{name}."{family}"]\nper_million_tokens = 5000\n')
            file.write('currency = "USD"\ndate = 2026-11-01\n')
    code, _, err = run_main("render", "board.yaml", "--budget", "100 USD")
    assert code == 4
    assert "more than the budget of this run: 100.00 USD" in err
    assert studio.submits == 0


def test_providers_lists_gateways_without_key(studio, config_file, run_main) -> None:
    """Gateways are listed with their file, as text and as JSON; their key is not printed."""
    code, text, _ = run_main("providers")
    json_code, document, _ = run_main("providers", "--json")
    providers = {provider["name"]: provider for provider in json.loads(document)["providers"]}

    assert (code, json_code) == (0, 0)
    assert f"my-gateway  (sora; SHOTCHAIN_MINE is set; from {config_file})" in text
    assert providers["my-ark"]["file"] == str(config_file)
    assert providers["my-ark"]["key_variable"] == "SHOTCHAIN_MINE"
    assert providers["my-ark"]["base_url"] == f"{studio.url}/ark/api/v3"
    assert providers["my-ark"]["models"]["seedance-1.0-pro"]["prices"] is None
    assert providers["ark"]["file"] is None
    assert providers["ark"]["models"]["seedance-2.0"]["prices"]["date"] == "2026-08"
    assert KEY not in text + document


def test_renamed_gateway_keeps_running_job(studio, config_file, run_main, outcomes) -> None:
    """Without `was` nothing is sent; with it the job of the former name is downloaded, unpaid."""
    first = studio.run(SHORT.format(provider="my-ark"), yes=True)
    path = folder_of(first, "one") / "receipt.json"
    record = json.loads(path.read_text())
    for fact in ("done_at", "clip", "last_frame", "tokens", "price", "frames"):
        record["attempts"][0].pop(fact, None)
    record["attempts"][0]["state"] = "submitted"
    path.write_text(json.dumps(record))
    (path.parent / "clip.mp4").unlink()
    renamed = ARK.format(url=studio.url).replace("my-ark", "new-ark")
    config_file.write_text(renamed)
    board = SHORT.format(provider="new-ark")
    studio.write(board)

    code, _, err = run_main("render", "board.yaml", "--yes", "--store", "store")
    assert code == 2
    assert err == (
        f"{config_file}: providers.new-ark: one was paid for as a shot of my-ark, which had the "
        "address of new-ark and is no longer configured: it would be paid again. "
        'If the gateway was renamed, add was = "my-ark" to its section.\n'
    )
    assert studio.creates == 1

    config_file.write_text(renamed + 'was = "my-ark"\n')
    assert studio.prepare(board).status["one"].state == "in flight"
    report = studio.run(board, yes=True)
    assert outcomes(report) == {"one": "rendered"}
    assert studio.creates == 1
    edited = studio.run(board.replace("Dawn", "Noon"), yes=True)
    assert edited.results[0].attempt.provider == "my-ark"


def test_gateway_of_other_address_is_another(studio, config_file) -> None:
    """Another vendor does not have the jobs of this one."""
    studio.run(SHORT.format(provider="my-ark"), yes=True)
    text = ARK.format(url=studio.url).replace("my-ark", "new-ark")
    config_file.write_text(text.replace("/ark/", "/modelark/"))
    run = studio.prepare(SHORT.format(provider="new-ark"), yes=True)
    check_preconditions(run)

    assert run.status["one"].state == "to render"


@pytest.mark.usefixtures("config_file")
def test_misspelt_gateway_is_suggested(studio, run_main) -> None:
    """Both the option and the board's field suggest the name of a gateway."""
    studio.write(BOARD)
    code, _, err = run_main("check", "board.yaml", "--provider", "my-gatway")
    assert code == 2
    assert "Did you mean my-gateway?" in err

    studio.write(BOARD.replace("my-ark", "my-arc"))
    code, _, err = run_main("check", "board.yaml")
    assert code == 2
    assert re.search(r"board\.yaml:6:\d+: .*my-ark", err)


@pytest.mark.parametrize("argv", [("check", "board.yaml"), ("plan", "board.yaml"), ("providers",)])
def test_wrong_configuration_ends_command(studio, config_file, run_main, argv) -> None:
    """The exit code is 2, and each problem is a line with its file and line number."""
    config_file.write_text('[providers.x]\nkey = "K"\n[budgets.a]\nmonht = "5 USD"\n')
    studio.write(BOARD)
    code, _, err = run_main(*argv)

    assert code == 2
    assert err.count(f"{config_file}:") == err.count("\n") >= 3
    assert f"{config_file}:4: budgets.a.monht: " in err
    assert "Did you mean month?" in err


def test_jobs_at_once_limits_submitted_shots(studio, chain) -> None:
    """A limit beside the board replaces the provider's own, for the first shots and all others."""
    text = chain("one", "two|first_frame: none", "three|first_frame: none", provider="ark")
    assert studio.count_submitted(text, 3, store=studio.folder / "unlimited") == 3

    (studio.folder / "shotchain.toml").write_text("[limits.ark]\njobs_at_once = 2\n")
    assert studio.count_submitted(text, 2) == 2
    plan = studio.prepare(text).plan
    assert {shot.provider.max_concurrent_jobs for shot in plan} == {2}


FLOW = """
import asyncio
from flows.render import render_storyboard
for parameters in ({}, {"trust": True}, {"provider": "my-gatway"}, {"provider": "my-arc"}):
    try:
        asyncio.run(render_storyboard.fn("board.yaml", **parameters))
    except Exception as error:
        print(type(error).__name__, error)
    if parameters:
        open("shotchain.toml", "w").close()
"""


@pytest.mark.usefixtures("config_file")
def test_flow_reads_same_configuration(studio, tmp_path) -> None:
    """A worker reads its own file, and a file beside the board needs `trust` as well."""
    (studio.folder / "shotchain.toml").write_text("[providers.x]\n")
    studio.write(BOARD)
    # In a process of its own, because Prefect needs a home folder.
    env = {**os.environ, **studio.env, "PREFECT_HOME": str(tmp_path / "prefect")}
    output = run_python(FLOW, studio.folder, env)

    assert "shotchain.toml:1: providers.x: " in output
    assert "shotchain.toml:1: providers.x.key: " in output
    assert "Did you mean my-gateway" in output
    assert "Did you mean my-ark" in output
    assert studio.submits == 0


LIST_MODULES = """
import sys
before = set(sys.modules)  # a tool that measures coverage reads TOML too
from flows.cli.main import main
code = main(["check", "board.yaml"])
new = sys.modules.keys() - before
print(code, [name for name in new if "toml" in name or name in sys.argv[1:]])
"""
CONFIG_MODULES = ("tasks.config.schema", "tasks.config.merge", "tasks.config.gateways")


@pytest.mark.parametrize(
    ("toml", "modules"),
    [
        (None, set()),
        ("[limits.ark]\njobs_at_once = 2\n", {*CONFIG_MODULES, "tomllib"}),
    ],
    ids=["without", "with"],
)
def test_toml_is_imported_only_for_configuration(studio, toml, modules: set[str]) -> None:
    """A board without a configuration imports neither TOML nor the modules that read it."""
    studio.write(BOARD.replace("my-gateway", "simulator").replace("my-ark", "simulator"))
    if toml:
        (studio.folder / "shotchain.toml").write_text(toml)
    output = run_python(LIST_MODULES, studio.folder, dict(os.environ), *CONFIG_MODULES)
    code, _, names = output.splitlines()[-1].partition(" ")

    assert code == "0"
    assert modules <= set(ast.literal_eval(names))
    assert bool(modules) == bool(ast.literal_eval(names))


def run_python(script: str, folder: Path, env: dict[str, str], *argv: str) -> str:
    """Run a script in a process of its own and return what it printed."""
    result = subprocess.run(
        [sys.executable, "-c", script, *argv],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout
