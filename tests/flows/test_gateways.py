"""A gateway by configuration alone, as a user meets it: files, commands, a vendor on a port."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli.main import main
from tasks.errors import InvalidConfiguration
from tasks.simulator.app import MOUNTS
from tasks.simulator.request_log import read_request_log
from tests.support.plain_tasks import FUNCTIONS, render_plainly

README = (Path(__file__).parents[2] / "README.md").read_text()

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
def own(studio) -> Path:
    """The user's own file, with two gateways that lead to the served simulator."""
    file = studio.folder / "own.toml"
    file.write_text(SORA.format(url=studio.url) + ARK.format(url=studio.url))
    studio.words = {"SHOTCHAIN_CONFIG": str(file), "SHOTCHAIN_MINE": KEY}
    return file


@pytest.fixture
def at_home(studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run in the studio's folder, with its own words as the environment."""
    monkeypatch.chdir(studio.folder)
    for name, word in studio.words.items():
        monkeypatch.setenv(name, word)
    monkeypatch.setenv("SHOTCHAIN_POLL_SECONDS", "0.2")


def test_two_gateways_render_one_board(studio, own) -> None:
    """Each in its dialect, at its address, with the key of the variable that is named."""
    report = studio.run(BOARD, yes=True)

    assert [(one.outcome, str(one.error or "")) for one in report.results] == [("rendered", "")] * 2
    assert report.film.frame_count == 97 + 49 - 1
    taken = [one for one in read_request_log(studio.root) if one.accepted]
    assert sorted(one.mount for one in taken) == ["ark", "infinity-blue"]
    assert studio.prepare(BOARD).status.shots_in_state("kept") == ("one", "two")


def test_the_file_of_the_readme_renders_a_board(studio) -> None:
    """As it stands; the environment sends its example address to the simulator."""
    text = re.search(r"<!-- configuration -->\n```toml\n(.*?)```", README, re.DOTALL)[1]
    (studio.folder / "shotchain.toml").write_text(text)
    studio.words = {
        "SHOTCHAIN_CONFIG": str(studio.folder / "shotchain.toml"),
        "SHOTCHAIN_MY_GATEWAY_BASE_URL": studio.url + MOUNTS["ark"],
        "SHOTCHAIN_MY_GATEWAY_API_KEY": KEY,
    }
    board = SHORT.format(provider="my-gateway")
    assert str(studio.prepare(board).max_cost).endswith(" USD")
    report = studio.run(board, yes=True)

    assert [one.outcome for one in report.results] == ["rendered"]


def test_a_gateway_beside_a_board_is_refused_and_works_when_trusted(studio, own) -> None:
    """By the command that opens a board first, and by the run itself."""
    beside = own.rename(studio.folder / "shotchain.toml")
    del studio.words["SHOTCHAIN_CONFIG"]

    board = SHORT.format(provider="my-ark")
    with pytest.raises(InvalidConfiguration, match=rf"{beside}:1: providers\.my-gateway"):
        studio.run(board, yes=True)
    assert studio.submits == 0
    report = studio.run(board, yes=True, trust=True)
    assert [one.outcome for one in report.results] == ["rendered"]


@pytest.mark.parametrize("command", ["check", "plan", "render"])
def test_every_command_that_opens_a_board_knows_trust(
    studio, own, at_home, capsys, monkeypatch, command: str
) -> None:
    """Without it exit 2 with file and line, and nobody is asked to pay; with it the words go on."""
    own.rename(studio.folder / "shotchain.toml")
    monkeypatch.delenv("SHOTCHAIN_CONFIG")
    studio.write(BOARD)

    assert main([command, "board.yaml", "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["error"]["kind"] == "invalid_configuration"
    assert [(one["file"], one["line"]) for one in told["problems"]] == [
        ("shotchain.toml", 1),
        ("shotchain.toml", 6),
    ]
    # Nobody agreed to a price that is unknown, so this render ends after it was understood.
    assert main([command, "board.yaml", "--trust"]) == (4 if command == "render" else 0)
    assert studio.submits == 0


def test_a_gateway_without_its_key_is_not_configured(studio, own, at_home, capsys, monkeypatch):
    """Exit 3, and the variable that is to be set is the one of the configuration."""
    monkeypatch.delenv("SHOTCHAIN_MINE")
    studio.write(BOARD)

    assert main(["render", "board.yaml", "--yes"]) == 3
    assert "my-gateway needs a key: set SHOTCHAIN_MINE" in capsys.readouterr().err


def test_a_price_that_nobody_told_is_unknown_under_a_budget(studio, own, at_home, capsys) -> None:
    """Exit 4; with a price of the user's own the budget counts."""
    studio.write(BOARD)

    assert main(["render", "board.yaml", "--budget", "100 USD"]) == 4
    assert "the price of one, two is not known" in capsys.readouterr().err
    with own.open("a") as file:
        for name, family in (("my-gateway", "seedance-2.0"), ("my-ark", "seedance-1.0-pro")):
            file.write(f'[prices.{name}."{family}"]\nper_million_tokens = 5000\n')
            file.write('currency = "USD"\ndate = 2026-11-01\n')
    assert main(["render", "board.yaml", "--budget", "100 USD"]) == 4
    assert "more than the budget of this run: 100.00 USD" in capsys.readouterr().err
    assert studio.submits == 0


def test_providers_lists_gateways_with_their_file_and_never_a_key(
    studio, own, at_home, capsys
) -> None:
    """Behind the built-in ones; as text and as JSON."""
    assert main(["providers"]) == 0
    text = capsys.readouterr().out
    assert f"my-gateway  (sora; SHOTCHAIN_MINE is set; from {own})" in text
    assert main(["providers", "--json"]) == 0
    document = capsys.readouterr().out
    rows = {one["name"]: one for one in json.loads(document)["providers"]}
    assert rows["my-ark"]["file"] == str(own)
    assert rows["my-ark"]["key_variable"] == "SHOTCHAIN_MINE"
    assert rows["my-ark"]["base_url"] == f"{studio.url}/ark/api/v3"
    assert rows["my-ark"]["models"]["seedance-1.0-pro"]["prices"] is None
    assert rows["ark"]["file"] is None
    assert rows["ark"]["models"]["seedance-2.0"]["prices"]["date"] == "2026-08"
    assert KEY not in text + document


def test_a_gateway_is_offered_where_a_provider_is_misspelt(studio, own, at_home, capsys) -> None:
    """On the command line and in the board."""
    studio.write(BOARD)
    assert main(["check", "board.yaml", "--provider", "my-gatway"]) == 2
    assert "did you mean 'my-gateway'" in capsys.readouterr().err
    studio.write(BOARD.replace("my-ark", "my-arc"))
    assert main(["check", "board.yaml"]) == 2
    assert re.search(r"board\.yaml:6:\d+: .*my-ark", capsys.readouterr().err)


def test_a_wrong_configuration_ends_every_command_that_reads_it(
    studio, own, at_home, capsys
) -> None:
    """Exit 2, each problem on a line with its file and line, no traceback."""
    own.write_text('[providers.x]\nkey = "K"\n[budgets.a]\nmonht = "5 USD"\n')
    studio.write(BOARD)
    for words in (["check", "board.yaml"], ["plan", "board.yaml"], ["providers"]):
        assert main(words) == 2
        err = capsys.readouterr().err
        assert err.count(f"{own}:") == err.count("\n") >= 3
        assert f"{own}:4: budgets.a.monht: unknown key `monht`. Did you mean `month`?" in err


def most_at_once(studio, text: str) -> int:
    """Return how many shots of a board were submitted before the first of them was done."""
    running, most = 0, 0

    async def submit_shot(*args, **kwargs):
        nonlocal running, most
        job = await FUNCTIONS["submit_shot"](*args, **kwargs)
        running += 1
        most = max(most, running)
        return job

    async def await_frame(job):
        nonlocal running
        # Every shot that has a place is submitted before the first frame comes.
        await asyncio.sleep(0.3)
        running -= 1
        return await FUNCTIONS["await_frame"](job)

    run = studio.prepare(text)
    render_plainly(run, submit_shot=submit_shot, await_frame=await_frame)
    return most


def test_no_more_jobs_than_a_limit_are_sent_at_once(studio, chain) -> None:
    """A limit beside the board holds the row down, for the first submits and for all behind."""
    text = chain("one", "two|first_frame: none", "three|first_frame: none", provider="ark")
    assert most_at_once(studio, text) == 3
    (studio.folder / "shotchain.toml").write_text("[limits.ark]\njobs_at_once = 2\n")
    production = studio.prepare(text)

    assert most_at_once(studio, text) == 2
    assert {one.provider.max_concurrent_jobs for one in production.plan} == {2}


FLOW = """\
import asyncio
from flows.render import render_storyboard
for more in ({}, {"trust": True}, {"provider": "x"}):
    try:
        asyncio.run(render_storyboard.fn("board.yaml", **more))
    except Exception as error:
        print(type(error).__name__, error)
    if more:
        open("shotchain.toml", "w").close()
"""


def test_the_flow_of_a_deployment_reads_the_same_files(studio, own, tmp_path) -> None:
    """A worker's own file counts, and one beside the board needs `trust` there as well."""
    (studio.folder / "shotchain.toml").write_text("[providers.x]\n")
    studio.write(BOARD)
    # One process for all, for Prefect takes its time to start and wants a home.
    environment = {**os.environ, **studio.words, "PREFECT_HOME": str(tmp_path / "prefect")}
    ended = subprocess.run(
        [sys.executable, "-c", FLOW],
        cwd=studio.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    told = ended.stdout

    assert "shotchain.toml:1: providers.x: a configuration beside a board may not" in told
    assert "shotchain.toml:1: providers.x.key: `key` is missing" in told
    assert "UsageError there is no provider 'x'; there are:" in told
    assert "my-gateway, my-ark" in told
    assert studio.submits == 0


def test_a_board_without_a_configuration_pays_nothing_for_it(studio) -> None:
    """No TOML is imported, nor the modules that read it."""
    studio.write(BOARD.replace("my-gateway", "simulator").replace("my-ark", "simulator"))
    code = (
        "import sys; from flows.cli.main import main; code = main(['check', 'board.yaml']); "
        "print(code, [name for name in sys.modules if 'toml' in name or 'configuring' in name])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=studio.folder, capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines()[-1] == "0 []"
