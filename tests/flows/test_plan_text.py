"""The text of a plan: its width, chains, prices, budgets, and the command that checks it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.cli.main import main
from flows.cli.output.plan_text import PlanView, format_plan
from flows.cli.output.style import cell_width
from flows.consent import list_budgets
from flows.run import Run, RunOptions, prepare_run
from storyboards import load
from tasks.settings import read_settings
from tasks.store.status import ShotState, ShotStatus

WIDE_LETTERS = "灯塔守护者在黎明时分打开了门"
LONG = "storm-over-the-northern-lighthouse-rocks-at-dusk-and-dawn"
HEAD = """
provider: modelark
model: seedance-1.5-pro
look: {ratio: "16:9", resolution: 480p, seconds: 4}
shots:
"""

Plan = Callable[..., Run]


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Plan a board of these shots, with a head and options of the run."""
    monkeypatch.chdir(tmp_path)

    def prepare(*shots: str, head: str = "", **options: Any) -> Run:
        prompts = (
            shot if "prompt:" in shot else f"{shot}, prompt: p{index}"
            for index, shot in enumerate(shots)
        )
        lines = [head, HEAD.strip(), *(f"  - {{{shot}}}" for shot in prompts)]
        (tmp_path / "film.yaml").write_text("\n".join(lines) + "\n")
        settings = read_settings({"SHOTCHAIN_STORE": str(tmp_path / "store")})
        board = load(Path("film.yaml"))
        return prepare_run(board, RunOptions(**options), settings, working_folder=tmp_path)

    return prepare


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("width", [60, 72, 80])
@pytest.mark.parametrize(
    "shots",
    [
        ["id: a"],
        [f"id: {LONG}", f"id: {WIDE_LETTERS}", f"id: {LONG}2, first_frame: {{shot: {LONG}}}"],
        [f"id: {LONG}", "id: b, provider: infinity-blue, model: seedance-2.0, resolution: 720p"],
        ["id: a", "id: b, provider: ark, first_frame: none", "id: c, seconds: auto"],
        [f"id: s{index}" for index in range(200)],
    ],
    ids=["one shot", "long ids", "all settings vary", "two currencies", "200 shots"],
)
def test_plan_fits_width(plan: Plan, shots: list[str], width: int) -> None:
    """No line is wider than the terminal, whatever ids, providers and prices there are."""
    text = format_plan(plan(*shots, head="budget: 0.10 USD"), PlanView(width))

    too_wide = [line for line in text.splitlines() if cell_width(line) > width]
    assert too_wide == []


def test_plan_shows_chains_and_total(plan: Plan) -> None:
    """Marks join the shots of a chain; a total in the column of the prices ends the table."""
    lines = plain(format_plan(plan("id: a", "id: b", "id: c", "id: d, first_frame: none"))).split(
        "\n"
    )

    assert lines[0] == "film: modelark, seedance-1.5-pro, 864x496, 24 fps"
    assert [line[0] for line in lines[3:7]] == ["┌", "├", "└", " "]
    assert lines[3] == "┌ a      + to render     4 s  on     0.0244  0.0974"
    assert lines[7] == "  total                 16 s                 0.3898"
    assert lines[2].endswith("USD/s     USD")
    assert "4 shots: 4 to render (not rendered yet)" in lines
    assert "longest chain: a … c, 3 shots, 12 s" in lines


def test_plan_start_elsewhere_is_named(plan: Plan) -> None:
    """A shot that does not stand below the shot that it continues names it."""
    text = format_plan(plan("id: a", "id: b", "id: c, first_frame: {shot: a}"))

    assert "0.0974  continues a\n" in plain(text)


def test_plan_one_shot_is_singular(plan: Plan) -> None:
    """A count of one has no plural."""
    text = plain(format_plan(plan("id: a")))

    assert "1 shot: 1 to render" in text
    assert "longest chain" not in text


def test_plan_shared_key_counts_once(plan: Plan) -> None:
    """The column of the prices adds up: the second of two equal shots costs nothing."""
    text = plain(format_plan(plan("id: a, prompt: p", "id: b, prompt: p, first_frame: none")))

    assert re.search(r"a +\+ to render +4 s +on +0\.0244 +0\.0974\n", text)
    assert re.search(r"b +\+ to render +4 s +on +0\.0244 +–\n", text)
    assert re.search(r"total +8 s +0\.0975\n", text)


def test_plan_settings_without_space_move_below(plan: Plan) -> None:
    """In a narrow terminal the head has the usual settings, and unusual ones are below a shot."""
    long_id = "a-rather-long-name"
    run = plan(f"id: {long_id}", "id: b", "id: c, provider: ark, resolution: 720p")
    narrow = plain(format_plan(run, PlanView(60))).splitlines()

    assert narrow[0] == "film: modelark, seedance-1.5-pro, 864x496, 24 fps, unless"
    assert narrow[narrow.index(next(line for line in narrow if line[2:4] == "c ")) + 1] == (
        "    ark, 1280x720"
    )


def test_plan_model_in_a_column_is_short(plan: Plan) -> None:
    """Models that vary are named without the part that all families share."""
    text = plain(format_plan(plan("id: a", "id: b, model: seedance-2.0, first_frame: none")))

    assert re.search(r"a +\+ to render +1\.5-pro +4 s", text)
    assert re.search(r"b +\+ to render +2\.0 +4 s", text)


def keep(run: Run, shot_id: str) -> Run:
    """Return the run with a shot that was rendered already."""
    kept = ShotStatus(ShotState.KEPT, "rendered 2026-11-01")
    status = replace(run.status, shots={**run.status.shots, shot_id: kept})
    return replace(run, status=status)


def test_plan_kept_shots_cost_nothing(plan: Plan) -> None:
    """They have no price, and none without sound; before a question they are only counted."""
    run = keep(plan("id: a", "id: b"), "a")
    text = plain(format_plan(run))

    assert re.search(r"a +✓ kept +4 s +on +0\.0244 +–  rendered 2026-11-01\n", text)
    assert re.search(r"total +4 s +0\.0975\n", text)
    assert "costs 0.0488 USD at most, in place of 0.0975 USD" in " ".join(text.split())
    question = plain(format_plan(run, PlanView(hides_kept=True)))
    assert "✓ kept" not in question
    assert "2 shots: 1 kept, 1 to render" in question
    assert "continues a; not rendered yet" in question


def test_budget_of_run_is_listed_once(plan: Plan) -> None:
    """It counts all that the run sends, to vendors and to providers on this machine."""
    run = plan("id: a", "id: b, provider: powertokens", budget="9 USD")
    url = "http://127.0.0.1:9/byteplus/api/v3"
    variables = {"SHOTCHAIN_POWERTOKENS_BASE_URL": url}
    mixed = replace(run, settings=replace(run.settings, variables=variables))

    assert [balance.limit.owner for balance in list_budgets(mixed)] == ["this run"]


def test_budget_with_unknown_price_has_no_remainder(plan: Plan) -> None:
    """The rest is not known, and the plan states that a run is refused."""
    run = plan("id: a, provider: cometapi-volc", head="budget: 9 USD")
    text = " ".join(plain(format_plan(run)).split())

    assert "9.00 USD 0 an unknown price unknown" in text
    assert "a run would be refused: the price of a is not known" in text


def test_plan_wide_has_every_column(plan: Plan) -> None:
    """`--wide` shows keys, tokens, chains and settings in full."""
    run = plan(f"id: {LONG}", "id: b")
    text = plain(format_plan(run, PlanView(80, is_wide=True)))

    for part in (LONG, run.shots[0].key[:10], "40594", f"{LONG} < {LONG}", "seedance-1.5-pro"):
        assert part in text.partition("\n\n")[2]


@pytest.mark.parametrize(
    ("shots", "note"),
    [
        (["id: a", "id: b"], "costs 0.0975 USD at most, in place of 0.20 USD"),
        (["id: a", "id: b, audio: true"], "costs 0.15 USD at most, in place of 0.20 USD"),
        (["id: a, audio: true", "id: b, audio: false"], ""),
        (["id: a, model: seedance-2.0"], ""),
    ],
    ids=["two by default", "one by default", "set", "at the same price"],
)
def test_plan_default_sound_is_priced(plan: Plan, shots: list[str], note: str) -> None:
    """A note has the price without the sound that the board does not set, if that is less."""
    text = " ".join(plain(format_plan(plan(*shots))).split())

    assert ("sound is on by default" in text) is bool(note)
    assert note in text


@pytest.mark.parametrize(
    ("budget", "code", "message"),
    [
        ("9 USD", 0, ""),
        ("0.05 USD", 4, "this run may cost 0.097426 USD, more than the budget of the board film"),
        ("9 CNY", 2, "the budget of the board film is in CNY and 0.097426 USD is not"),
    ],
)
def test_plan_check_ends_as_a_run_would(
    plan: Plan, capsys: pytest.CaptureFixture[str], budget: str, code: int, message: str
) -> None:
    """The plan states it and ends with 0; with --check it ends with the code of the refusal."""
    plan("id: a", head=f"budget: {budget}")

    assert main(["plan", "film.yaml"]) == 0
    stated = " ".join(capsys.readouterr().out.split())
    assert (f"a run would be refused: {message}" in stated) is bool(message)
    assert ("next: shotchain render film.yaml" in stated) is not bool(message)
    assert main(["plan", "film.yaml", "--check"]) == code
    out, err = capsys.readouterr()
    assert "refused" not in out
    assert message in err
    assert main(["plan", "film.yaml", "--check", "--json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert (document["budget_error"] is None) is not bool(message)
    assert ("error" in document) is bool(message)
    assert document["shots"][0]["price_per_second"] == {"amount": 0.024356, "currency": "USD"}
    assert document["shots"][0]["audio"] is True


def test_dry_run_plans_the_selection(plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    """It shows the plan of that run, writes nothing, and needs no key."""
    plan("id: a", "id: b", "id: c, first_frame: none", head="budget: 0.10 USD")

    assert main(["render", "film.yaml", "--dry-run", "--only", "b", "--budget", "1 USD"]) == 0
    out, err = capsys.readouterr()
    assert "3 shots: 2 to render (not rendered yet), 1 not part of this run" in out
    assert "film: 2" not in out
    assert "this run" in out
    assert "a run would be refused" in out
    assert err == ""
    assert [path.name for path in Path().iterdir()] == ["film.yaml"]

    assert main(["render", "film.yaml", "--dry-run", "--only", "c", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [shot["selected"] for shot in document["shots"]] == [False, False, True]
    assert document["total"]["amount"] == 0.097426


def test_plan_prompts_are_as_sent(tmp_path, monkeypatch, capsys) -> None:
    """Each prompt has the flags of its wire format, and its pictures have their numbers."""
    monkeypatch.chdir(tmp_path)
    shots = "shots: [{id: a, prompt: Tea.}, {id: b, prompt: Cups.}]\n"
    head = "provider: cometapi-volc\nmodel: seedance-1.0-pro\nlook: {seconds: 2}\n"
    Path("flags.yaml").write_text(head + shots)

    assert main(["plan", "flags.yaml", "--prompts"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "a Tea. --duration 2" in text
    assert "first frame: the last frame of a" in text

    assert main(["plan", "flags.yaml", "--prompts", "--json"]) == 0
    second = json.loads(capsys.readouterr().out)["shots"][1]
    assert second["sent_prompt"].startswith("Cups. --duration 2")
    assert second["sent_media"] == [{"name": "first frame", "source": "the last frame of a"}]
