"""The text at the end of a run: outcomes, reasons, what was paid, and the next command."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.cli.main import main, parse_arguments
from flows.cli.next_command import build_command, list_next_commands
from flows.cli.output.style import cell_width
from flows.cli.output.text import format_report
from flows.documents import report_document
from flows.report import Outcome, RunReport, ShotResult, describe_outcome
from flows.run import RunOptions, prepare_run
from storyboards import load
from storyboards.problems import ShotchainError
from tasks.errors import BudgetExceeded, OutputModerated, StoreError, SubmissionUnclear
from tasks.settings import read_settings
from tasks.store.films import StoredFilm

LONG = "storm-over-the-northern-lighthouse-rocks-at-dusk-and-dawn"
HEAD = "model: seedance-1.5-pro\nlook: {resolution: 480p, seconds: 4}\nshots:\n"
LOOPBACK = {"SHOTCHAIN_MODELARK_BASE_URL": "http://127.0.0.1:9/modelark/api/v3"}

Report = Callable[..., RunReport]


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
    """Report a run of shots `ID=OUTCOME` at a provider; `errors` has errors by shot id."""
    monkeypatch.chdir(tmp_path)

    def build(
        *outcomes: str,
        provider: str = "modelark",
        env: dict[str, str] | None = None,
        errors: dict[str, ShotchainError] | None = None,
        **values: Any,
    ) -> RunReport:
        pairs = [outcome.partition("=") for outcome in outcomes]
        shots = "".join(f"  - {{id: {name}, prompt: {name}}}\n" for name, _, _ in pairs)
        Path("film.yaml").write_text(f"provider: {provider}\n{HEAD}{shots}")
        settings = read_settings({"SHOTCHAIN_STORE": str(tmp_path / "store"), **(env or {})})
        run = prepare_run(load(Path("film.yaml")), RunOptions(), settings, working_folder=tmp_path)
        results = tuple(
            ShotResult(shot, Outcome(outcome), None, (errors or {}).get(shot.id))
            for shot, (_, _, outcome) in zip(run.plan, pairs, strict=True)
        )
        return RunReport(run, results, **values)

    return build


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_report_counts_and_lists_shots_of_the_run(report: Report) -> None:
    """Kept shots are counted and not listed."""
    text = plain(format_report(report("a=kept", "b=rendered"), None))

    assert text.splitlines() == [
        "b  ✓ rendered    0.0974 USD",
        "",
        "2 shots: 1 kept, 1 rendered; paid 0.0974 USD",
    ]


def test_report_of_one_shot_is_singular(report: Report) -> None:
    """A count of one has no plural."""
    assert plain(format_report(report("a=kept"), None)) == "1 shot: 1 kept; paid nothing"


def test_report_has_each_reason_once(report: Report) -> None:
    """Shots with the same reason share its sentence, and it does not repeat their name."""
    shared = StoreError("the disk is full")
    errors = {"a": StoreError("a: the clip is damaged"), **dict.fromkeys("bcde", shared)}
    outcomes = [f"{shot}=failed" for shot in "abcde"]
    text = plain(format_report(report(*outcomes, "f=skipped", errors=errors), None))

    assert text.count("the disk is full") == text.count("the clip is damaged") == 1
    assert "failed: a: the clip is damaged\n" in text
    assert "failed: b, c, d and 1 more: the disk is full\n" in text
    assert "skipped: f: continues e, which has no last frame\n" in text
    assert "6 shots: 5 failed, 1 skipped; paid nothing" in text


@pytest.mark.parametrize("has_film", [True, False])
def test_report_error_of_film_is_printed(report: Report, has_film: bool) -> None:
    """A film that is not joined, or can't be put in its place, is in the report too."""
    film = StoredFilm(Path("film.mp4"), 97, is_new=True) if has_film else None
    error = StoreError("films is read-only")
    text = plain(format_report(report("a=rendered", film=film, error=error), None))

    cause = "not put in place" if has_film else "not joined"
    assert f"the film is {cause}: films is read-only" in text


@pytest.mark.parametrize("width", [60, 80])
def test_report_fits_width(report: Report, width: int) -> None:
    """Long ids are cut, and long reasons are wrapped."""
    errors = {LONG: StoreError("the vendor " + "answered with something long " * 9)}
    text = format_report(report(f"{LONG}=failed", "b=skipped", errors=errors), None, width=width)

    assert [line for line in text.splitlines() if cell_width(line) > width] == []


@pytest.mark.parametrize(
    ("values", "sentence", "rehearsal"),
    [
        ({}, "paid 0.0974 USD", 0),
        (
            {"env": LOOPBACK},
            "would have cost 0.0974 USD at list price; this was a rehearsal on this machine",
            0.097426,
        ),
        ({"provider": "simulator"}, "free (simulator)", 0),
    ],
    ids=["vendor", "loopback", "simulator"],
)
def test_report_of_rehearsal_names_list_price(
    report: Report, values: dict[str, Any], sentence: str, rehearsal: float
) -> None:
    """A vendor on this machine is a rehearsal, which pays nothing."""
    rendered = report("a=rendered", **values)
    text = " ".join(plain(format_report(rendered, None)).split())

    assert text.endswith(f"1 shot: 1 rendered; {sentence}")
    assert report_document(rendered, None)["rehearsal"]["amount"] == rehearsal


def test_report_has_page_of_run(report: Report) -> None:
    """The page of the flow run on a Prefect server is in text and document."""
    url = "http://127.0.0.1:4200/runs/flow-run/1"
    rendered = report("a=rendered", run_url=url)

    assert f"\nrun: {url}\n" in format_report(rendered, None, next_commands=["next: x"])
    assert report_document(rendered, None)["run_url"] == url
    assert report_document(report("a=kept"), None)["run_url"] is None


def test_progress_of_failed_shot_names_it_once(report: Report) -> None:
    """The line of a progress begins with the shot, so the reason does not."""
    failed = report("a=failed", errors={"a": StoreError("a: the disk is full")})

    assert describe_outcome(failed.results[0]).detail == "the disk is full"


def test_next_command_after_a_film_opens_it(report: Report) -> None:
    """Names with spaces are quoted for a shell."""
    film = StoredFilm(Path("film.mp4"), 97, is_new=True)
    arguments = parse_arguments(["render", "my film.yaml", "--provider", "ark", "--store", "a b"])

    assert list_next_commands(report("a=rendered", film=film), arguments) == [
        "next: shotchain open 'my film.yaml' --store 'a b'"
    ]


def test_next_command_after_a_part_renders_the_rest(report: Report) -> None:
    """A run of some shots makes no film; the next one does."""
    arguments = parse_arguments(["render", "film.yaml", "--only", "a", "--stale", "cascade"])

    assert list_next_commands(report("a=rendered"), arguments) == [
        "next: shotchain render film.yaml --stale cascade"
    ]


@pytest.mark.parametrize(
    ("error", "outcome", "expected"),
    [
        (StoreError("full"), "failed", ["next: shotchain render film.yaml --jobs 1"]),
        (BudgetExceeded("more"), "skipped", ["next: shotchain plan film.yaml"]),
        (
            OutputModerated("the clip"),
            "failed",
            [
                "next: shotchain render film.yaml --jobs 1",
                "or, for another take: shotchain retake film.yaml a",
            ],
        ),
        (
            SubmissionUnclear("lost"),
            "unclear",
            [
                "next: shotchain render film.yaml --jobs 1",
                "or, at the risk of paying twice: shotchain render film.yaml --resubmit a --jobs 1",
            ],
        ),
    ],
)
def test_next_command_after_an_error(
    report: Report, error: ShotchainError, outcome: str, expected: list[str]
) -> None:
    """A run resumes; an unclear shot has the choice, and a budget is looked at first."""
    arguments = parse_arguments(["render", "film.yaml", "--jobs", "1", "--yes"])
    failed = report(f"a={outcome}", errors={"a": error})

    assert list_next_commands(failed, arguments) == expected


def test_next_command_of_a_board_like_an_option() -> None:
    """A name that begins with a dash does not become an option."""
    arguments = parse_arguments(["plan", "--trust", "--", "-film.yaml"])

    assert build_command("render", arguments) == "shotchain render ./-film.yaml --trust"


@pytest.mark.parametrize("as_json", [False, True])
def test_render_prints_an_error_once(
    report: Report, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_json
) -> None:
    """It is in the report on stdout, or on stderr beside the document."""
    failed = report("a=failed", provider="simulator", errors={"a": StoreError("the disk is full")})
    monkeypatch.setenv("SHOTCHAIN_STORE", str(failed.run.store.root))
    monkeypatch.setattr("flows.cli.render._render", lambda *_, **__: failed)

    assert main(["render", "film.yaml", *(["--json"] if as_json else [])]) == 1
    out, err = capsys.readouterr()
    assert out.count("the disk is full") == 1
    assert err == ("shotchain: a: the disk is full\n" if as_json else "")
