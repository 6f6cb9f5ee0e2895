"""Failed jobs: which deserve another try, whom they take with them, and films with holes."""

from __future__ import annotations

import pytest

from tasks.errors import (
    AccountError,
    InputModerated,
    JobFailed,
    JobInternalError,
    JobTimedOut,
    OutputModerated,
    ProviderError,
)
from tasks.store.receipts import AttemptState, read_receipt
from tasks.submission.moderation import explain_moderation
from tasks.submission.retry_rules import RETRY_RULES, should_retry

MODERATED = "OutputVideoSensitiveContentDetected"


def attempts_of(report, shot: str):
    planned = report.run.plan.shot(shot)
    return read_receipt("", report.run.records_of(planned).read(planned.key)).attempts


@pytest.mark.parametrize(
    ("error", "words", "again"),
    [
        (JobInternalError, "", True),
        (OutputModerated, "", False),
        (OutputModerated, "reseed: true", True),
        (OutputModerated, "reseed: true, seed: 7", False),
        (JobFailed, "reseed: true", False),
        (InputModerated, "reseed: true", False),
        (AccountError, "reseed: true", False),
        (JobTimedOut, "reseed: true", False),
    ],
)
def test_the_policy_is_data(
    studio, chain, error: type[ProviderError], words: str, again: bool
) -> None:
    """Which failure is tried once more, with which word of the board."""
    shot = studio.prepare(chain(f"one|{words}" if words else "one")).plan.shot("one")

    assert should_retry(shot, error("why")) is again


def test_every_leniency_says_why() -> None:
    """A retry without a reason is a habit."""
    assert all(one.reason and issubclass(one.error, JobFailed) for one in RETRY_RULES)


@pytest.mark.parametrize("provider", ["ark", "powertokens"])
def test_a_moderated_picture_is_tried_once_more_where_the_board_allows_it(
    studio, chain, outcomes, provider: str
) -> None:
    """The second job goes out with another seed, and only one is paid."""
    studio.faults.inject("job_failed", match="Picture of one")
    report = studio.run(chain("one|reseed: true", provider=provider))
    first, second = attempts_of(report, "one")

    assert outcomes(report) == {"one": "rendered"}
    assert (first.state, second.state) == (AttemptState.FAILED, AttemptState.KEPT)
    assert first.booked_price.amount == 0
    assert (first.seed != second.seed) is (provider == "ark")
    assert report.spent.as_money == second.price


def test_without_the_word_a_moderated_picture_is_not_tried_again(studio, chain, outcomes) -> None:
    """Each refusal counts against the account, so the board decides."""
    studio.faults.inject("job_failed", match="Picture of one")
    report = studio.run(chain("one"))

    assert outcomes(report) == {"one": "failed"}
    assert isinstance(report.results[0].error, OutputModerated)
    assert studio.creates == 1


def test_no_more_than_one_more_try(studio, chain, outcomes) -> None:
    """Two refusals in a row are an answer."""
    studio.faults.inject("job_failed", match="Picture of one", times=-1)
    report = studio.run(chain("one|reseed: true"))

    assert outcomes(report) == {"one": "failed"}
    assert studio.creates == 2


def test_a_job_that_the_vendor_broke_is_tried_once_more(studio, chain, outcomes) -> None:
    """It costs nothing, and the same order mostly goes through."""
    studio.faults.inject("job_failed", code="InternalServiceError")
    report = studio.run(chain("one"))

    assert outcomes(report) == {"one": "rendered"}
    assert studio.creates == 2


def test_a_job_that_ended_for_the_account_s_sake_may_be_sent_again_later(
    studio, chain, outcomes
) -> None:
    """It is over and cost nothing; once the account is topped up, the next run renders."""
    studio.faults.inject("job_failed", code="AccountOverdueError")
    report = studio.run(chain("one"))
    again = studio.run(chain("one"))

    assert isinstance(report.results[0].error, AccountError)
    assert attempts_of(report, "one")[0].state is AttemptState.FAILED
    assert outcomes(again) == {"one": "rendered"}


def test_a_film_is_not_joined_with_a_hole_unless_asked(studio, chain, decode) -> None:
    """With --partial it is, under a name that says so, and the report names the holes."""
    studio.faults.inject("job_failed", match="Picture of two", times=-1)
    text = chain("one", "two", "x|first_frame: none", "y")
    report = studio.run(text)
    partial = studio.run(text, partial=True)
    film = studio.folder / "films" / "board.partial.mp4"

    assert report.film is None
    assert partial.missing == ("two",)
    assert partial.film.frame_count == 3 * 49 - 1
    assert decode(film).frames == 3 * 49 - 1
    assert not (studio.folder / "films" / "board.mp4").exists()


def test_behind_a_hole_a_shot_that_continues_the_one_before_it_repeats_no_picture(
    studio, chain
) -> None:
    """What stands directly behind the shot that it starts on is chained to it."""
    studio.faults.inject("job_failed", match="Picture of two", times=-1)
    text = chain("one", "two", "three|first_frame: {shot: one}")
    report = studio.run(text, partial=True)

    assert report.missing == ("two",)
    assert report.film.frame_count == 2 * 49 - 1


def test_a_whole_film_is_whole_with_partial_too(studio, chain) -> None:
    """The word changes nothing where nothing is missing."""
    report = studio.run(chain("one"), partial=True)

    assert report.missing == ()
    assert (studio.folder / "films" / "board.mp4").exists()


def test_a_face_in_a_chained_frame_names_the_shot_the_input_and_the_ways_out(studio, chain) -> None:
    """The author did not give that picture, so the message tells where it came from."""
    studio.faults.inject(
        "refused",
        operation="create",
        match="Picture of two",
        code="InputImageSensitiveContentDetected.PrivacyInformation",
    )
    error = studio.run(chain("one", "two")).results[1].error

    assert isinstance(error, InputModerated)
    assert str(error).startswith("two: ")
    for words in ("real person", "the last frame of one", "first_frame: none on two", "1.x model"):
        assert words in str(error)


def test_a_refusal_names_the_input_that_the_vendor_points_at(studio, chain) -> None:
    """`content[1]` is the vendor's name for it; the board has another."""
    planned = studio.prepare(chain("one", "two")).plan
    error = InputModerated("ark: no: 'content[1]' may contain a brand (X)", code="X")

    assert "content[1] is the last frame of one" in str(
        explain_moderation(planned.shot("two"), error)
    )
    assert "content[1] is" not in str(explain_moderation(planned.shot("one"), error))
