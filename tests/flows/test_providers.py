"""One board at every provider by changing one word: the same frames, a chained picture each."""

from __future__ import annotations

import pytest

from flows.cli.output.text import format_report
from tasks.media.frames import first_frame, mean_difference
from tasks.providers import PROVIDERS
from tasks.providers.dialects import DIALECTS

BOARD = """\
provider: {provider}
model: {model}
look: {{resolution: 480p, seconds: {seconds}, ratio: "16:9"}}
shots:
  - {{id: one, prompt: "Dawn over the sea. Slow push in."}}
  - {{id: two, prompt: "A lighthouse on the cliff."}}
"""


def model_of(provider: str) -> tuple[str, int]:
    """The cheapest family of a provider that takes a first frame, and its shortest clip."""
    row = PROVIDERS[provider]
    names = ("seedance-1.0-pro", "seedance-1.5-pro", "seedance-2.0")
    families = [row.get_family(name) for name in names if name in row.models]
    family = next(one for one in families if one.first_frame)
    return family.name, family.duration_range_seconds[0]


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_one_board_is_rendered_by_every_provider(studio, provider: str) -> None:
    """Two shots, two jobs, one film; the second starts on the frame that the first ended on."""
    model, seconds = model_of(provider)
    text = BOARD.format(provider=provider, model=model, seconds=seconds)
    report = studio.run(text, yes=True)

    assert [(one.outcome, str(one.error or "")) for one in report.results] == [("rendered", "")] * 2
    assert report.film.frame_count == 2 * (24 * seconds + 1) - 1
    assert studio.creates == 2
    one, two = report.results
    home = report.run.records_of(one.shot).folder_of(one.shot.key)
    last = (home / one.attempt.last_frame.name).read_bytes()
    clip = report.run.records_of(two.shot).folder_of(two.shot.key) / "clip.mp4"
    apart = mean_difference(last, first_frame(clip))
    if DIALECTS[PROVIDERS[provider].dialect].first_frame_anchor == "exact":
        assert apart < 3
        assert (two.shot.anchor, two.attempt.seam_difference) == ("exact", None)
    else:
        assert 3 < apart < 80
        assert (two.shot.anchor, two.attempt.seam_difference) == ("soft", round(apart, 2))
        assert any("soft anchor" in note.message for note in report.run.plan.notes)
        assert f"{apart:.1f} of 255" in format_report(report, None)


def test_a_second_run_at_any_provider_is_free(studio) -> None:
    """What a gateway without list and without last frame rendered is kept like all else."""
    model, seconds = model_of("infinity-blue")
    text = BOARD.format(provider="infinity-blue", model=model, seconds=seconds)
    studio.run(text, yes=True)
    again = studio.prepare(text)

    assert again.status.shots_in_state("kept") == ("one", "two")
    assert again.max_cost.is_free
