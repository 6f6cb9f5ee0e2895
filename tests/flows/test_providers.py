"""The same board at every provider: equal length, and each shot starts on the frame before it."""

from __future__ import annotations

import pytest

from flows.cli.output.text import format_report
from flows.report import RunReport
from tasks.media.frames import first_frame, mean_difference
from tasks.providers import PROVIDERS
from tasks.providers.dialects import DIALECTS
from tasks.store.status import ShotState
from tests.support.reports import attempt_of, folder_of, last_frame_path

BOARD = """\
provider: {provider}
model: {model}
look: {{resolution: 480p, seconds: {seconds}, ratio: "16:9"}}
shots:
  - {{id: one, prompt: "Dawn over the sea. Slow push in."}}
  - {{id: two, prompt: "A lighthouse on the cliff."}}
"""


def find_model(name: str) -> tuple[str, int]:
    """Return the provider's cheapest family that takes a first frame, and its shortest duration."""
    provider = PROVIDERS[name]
    families = [
        provider.get_family(family)
        for family in ("seedance-1.0-pro", "seedance-1.5-pro", "seedance-2.0")
        if family in provider.models
    ]
    family = next(family for family in families if family.first_frame)
    return family.name, family.duration_range_seconds[0]


def providers_with_anchor(anchor: str) -> list[str]:
    return sorted(
        name
        for name, provider in PROVIDERS.items()
        if DIALECTS[provider.dialect].first_frame_anchor == anchor
    )


def render_board(studio, provider: str) -> RunReport:
    """Render two shots and check what is the same at every provider."""
    model, seconds = find_model(provider)
    text = BOARD.format(provider=provider, model=model, seconds=seconds)
    report = studio.run(text, yes=True)

    assert [(result.outcome, result.error) for result in report.results] == [("rendered", None)] * 2
    assert report.film.frame_count == 2 * (24 * seconds + 1) - 1
    assert studio.creates == 2
    return report


def measure_seam(report: RunReport) -> float:
    """Return how far the second clip's first picture is from the first clip's last frame."""
    first = first_frame(folder_of(report, "two") / "clip.mp4")
    return mean_difference(last_frame_path(report, "one").read_bytes(), first)


def test_every_provider_has_anchor() -> None:
    """The two tests below cover all providers."""
    names = providers_with_anchor("exact") + providers_with_anchor("soft")

    assert sorted(names) == sorted(PROVIDERS)


@pytest.mark.parametrize("provider", providers_with_anchor("exact"))
def test_exact_anchor_starts_on_last_frame(studio, provider: str) -> None:
    """The second clip starts on the picture that the first one ends on."""
    report = render_board(studio, provider)
    shot = report.run.plan.shots_to_render[1]

    assert measure_seam(report) < 3
    assert (shot.anchor, attempt_of(report, "two").seam_difference) == ("exact", None)


@pytest.mark.parametrize("provider", providers_with_anchor("soft"))
def test_soft_anchor_is_measured_and_reported(studio, provider: str) -> None:
    """The second clip only resembles the picture; receipt, plan and report show by how much."""
    report = render_board(studio, provider)
    shot, difference = report.run.plan.shots_to_render[1], measure_seam(report)

    assert 3 < difference < 80
    assert shot.anchor == "soft"
    assert attempt_of(report, "two").seam_difference == round(difference, 2)
    assert any("soft anchor" in warning.message for warning in report.run.plan.warnings)
    assert f"{difference:.1f} of 255" in format_report(report, None)


def test_second_run_at_gateway_is_free(studio) -> None:
    """Shots of a gateway without a job list and last frames are kept like all others."""
    report = render_board(studio, "infinity-blue")
    run = studio.prepare((studio.folder / "board.yaml").read_text())

    assert run.status.shots_in_state(ShotState.KEPT) == ("one", "two")
    assert run.max_cost.is_free
    assert report.film
