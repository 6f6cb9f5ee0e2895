"""Failed jobs: retries, messages about moderation, and films without some shots."""

from __future__ import annotations

import pytest

from tasks.errors import AccountError, InputModerated, OutputModerated
from tasks.store.receipts import AttemptState
from tasks.submission.moderation import explain_moderation
from tasks.submission.retry_rules import should_retry
from tests.support.reports import attempts_of


@pytest.mark.parametrize(
    ("fields", "is_retried"),
    [("take: 1", False), ("reseed: true", True), ("reseed: true, seed: 7", False)],
)
def test_reseed_in_board_allows_retry(studio, chain, fields: str, is_retried: bool) -> None:
    """A shot with a fixed seed cannot be rendered with another one."""
    (shot,) = studio.prepare(chain(f"one|{fields}")).plan.shots_to_render

    assert should_retry(shot, OutputModerated("reason")) is is_retried


@pytest.mark.parametrize("provider", ["ark", "powertokens"])
def test_moderated_output_is_retried_with_reseed(studio, chain, outcomes, provider: str) -> None:
    """The second job has another seed if the vendor takes seeds, and only one job is paid."""
    studio.faults.inject("job_failed", match="Picture of one")
    report = studio.run(chain("one|reseed: true", provider=provider))
    first, second = attempts_of(report, "one")

    assert outcomes(report) == {"one": "rendered"}
    assert (first.state, second.state) == (AttemptState.FAILED, AttemptState.KEPT)
    assert first.booked_price.amount == 0
    assert (first.seed != second.seed) is (provider == "ark")
    assert report.spent.as_money == second.price


def test_moderated_output_without_reseed_fails(studio, chain, outcomes) -> None:
    """Vendors count moderated jobs against the account, so the board must allow a retry."""
    studio.faults.inject("job_failed", match="Picture of one")
    report = studio.run(chain("one"))

    assert outcomes(report) == {"one": "failed"}
    assert isinstance(report.results[0].error, OutputModerated)
    assert studio.creates == 1


def test_moderated_output_is_retried_only_once(studio, chain, outcomes) -> None:
    """Two moderated jobs in a row end the shot."""
    studio.faults.inject("job_failed", match="Picture of one", times=-1)
    report = studio.run(chain("one|reseed: true"))

    assert outcomes(report) == {"one": "failed"}
    assert studio.creates == 2


def test_internal_error_of_job_is_retried_once(studio, chain, outcomes) -> None:
    """Such a job is free, and the same request usually succeeds."""
    studio.faults.inject("job_failed", code="InternalServiceError")
    report = studio.run(chain("one"))

    assert outcomes(report) == {"one": "rendered"}
    assert studio.creates == 2


def test_job_failed_by_account_is_sent_by_next_run(studio, chain, outcomes) -> None:
    """The job has ended and is free; when the account is paid up, the next run renders."""
    studio.faults.inject("job_failed", code="AccountOverdueError")
    report = studio.run(chain("one"))
    following = studio.run(chain("one"))

    assert isinstance(report.results[0].error, AccountError)
    assert attempts_of(report, "one")[0].state is AttemptState.FAILED
    assert outcomes(following) == {"one": "rendered"}


def test_partial_film_needs_option(studio, chain, decode) -> None:
    """Without `--partial` there is no film; with it the film's name shows that it is partial."""
    studio.faults.inject("job_failed", match="Picture of two", times=-1)
    text = chain("one", "two", "x|first_frame: none", "y")
    report = studio.run(text)
    partial = studio.run(text, partial=True)
    film = studio.folder / "films" / "board.partial.mp4"

    assert report.film is None
    assert partial.missing == ("two",)
    assert partial.film.frame_count == decode(film).frames == 3 * 49 - 1
    assert not (studio.folder / "films" / "board.mp4").exists()


def test_partial_film_drops_double_frame_at_gap(studio, chain) -> None:
    """Two shots beside a missing one are chained if one continues the other."""
    studio.faults.inject("job_failed", match="Picture of two", times=-1)
    text = chain("one", "two", "three|first_frame: {shot: one}")
    report = studio.run(text, partial=True)

    assert report.missing == ("two",)
    assert report.film.frame_count == 2 * 49 - 1


def test_partial_option_of_whole_film_changes_nothing(studio, chain) -> None:
    """A film without missing shots has its usual name."""
    report = studio.run(chain("one"), partial=True)

    assert report.missing == ()
    assert (studio.folder / "films" / "board.mp4").exists()


def test_moderated_frame_names_its_source(studio, chain) -> None:
    """The author did not provide the picture, so the message names its shot and the remedies."""
    studio.faults.inject(
        "refused",
        operation="create",
        match="Picture of two",
        code="InputImageSensitiveContentDetected.PrivacyInformation",
    )
    error = studio.run(chain("one", "two")).results[1].error

    assert isinstance(error, InputModerated)
    assert str(error).startswith("two: ")
    for text in ("real person", "the last frame of one", "first_frame: none on two", "1.x model"):
        assert text in str(error)


def test_moderated_input_is_named_as_in_board(studio, chain) -> None:
    """The vendor's `content[1]` is explained if it is the frame of another shot."""
    plan = studio.prepare(chain("one", "two")).plan
    error = InputModerated("ark: no: 'content[1]' may contain a brand (X)", code="X")

    assert "content[1] is the last frame of one" in str(explain_moderation(plan.shot("two"), error))
    assert "content[1] is" not in str(explain_moderation(plan.shot("one"), error))
