"""Creates without a response: adopted with proof, or left unclear for the author.

`ark` lists its recent jobs, `powertokens` does not; both have the same wire format.
"""

from __future__ import annotations

import json

import pytest

from flows.consent import check_consent
from flows.report import RunReport
from tasks.errors import BudgetExceeded, SubmissionUnclear, UsageError
from tasks.media.frames import first_frame, mean_difference
from tasks.store.receipts import AttemptState
from tests.support.reports import attempts_of, folder_of, last_frame_path


def forget_response(report: RunReport, shot: str) -> None:
    """Change a receipt to the one of a process that was killed between intent and response."""
    path = folder_of(report, shot) / "receipt.json"
    record = json.loads(path.read_text())
    attempt = record["attempts"][0]
    for fact in ("job", "submitted_at", "done_at", "clip", "last_frame", "tokens", "price"):
        attempt.pop(fact, None)
    attempt["state"] = "intended"
    path.write_text(json.dumps(record))


def without_seed(text: str) -> str:
    """Return the same board on a model that takes no seed."""
    return text.replace("seedance-1.0-pro", "seedance-2.0").replace("seconds: 2", "seconds: 4")


@pytest.mark.parametrize("fault", ["lost_reply", "truncated", "no_id", "server_error", "html"])
def test_unclear_shot_is_not_sent_again_without_list(studio, chain, outcomes, fault: str) -> None:
    """The shot is unclear in this run and in the next one; the other chain goes on."""
    studio.faults.inject(fault, operation="create", match="Picture of one")
    text = chain("one", "two", "x|first_frame: none", provider="powertokens")
    report = studio.run(text)
    following = studio.run(text)

    assert outcomes(report) == {"one": "unclear", "two": "skipped", "x": "rendered"}
    assert outcomes(following) == {"one": "unclear", "two": "skipped", "x": "kept"}
    assert isinstance(following.results[0].error, SubmissionUnclear)
    assert "--resubmit one" in str(following.results[0].error)
    assert studio.prepare(text).status["one"].state == "unclear"
    assert studio.submits == 2


@pytest.mark.parametrize("fault", ["lost_reply", "truncated", "no_id"])
def test_listed_job_with_our_seed_is_adopted(studio, chain, outcomes, fault: str) -> None:
    """The response was lost but not the job: the run goes on with it and pays once."""
    studio.faults.inject(fault, operation="create", match="Picture of one")
    report = studio.run(chain("one", "two", provider="ark"))

    assert outcomes(report) == {"one": "rendered", "two": "rendered"}
    assert [attempt.proof for attempt in attempts_of(report, "one")] == ["seed"]
    assert studio.submits == 2


@pytest.mark.parametrize(
    "fault",
    [("server_error", "create"), ("html", "create"), ("reset", "")],
    ids=lambda fault: fault[0],
)
def test_create_without_listed_job_stays_unclear(
    studio, chain, outcomes, fault: tuple[str, str]
) -> None:
    """A list without the job proves nothing: neither this run nor the next sends again."""
    kind, operation = fault
    studio.faults.inject(kind, operation=operation)
    text = chain("one", provider="ark")
    report = studio.run(text)
    following = studio.run(text)

    assert "shows no job that fits, which proves nothing" in str(report.results[0].error)
    assert outcomes(following) == {"one": "unclear"}
    assert attempts_of(report, "one")[0].state is AttemptState.UNCLEAR
    assert not studio.prepare(text).max_cost.as_money.amount
    assert len(attempts_of(following, "one")) == 1


def test_job_of_killed_process_is_adopted(studio, chain, outcomes) -> None:
    """The intent is on disk and the job at the vendor: it is found and not paid again."""
    text = chain("one", provider="ark")
    forget_response(studio.run(text), "one")
    following = studio.run(text)

    assert outcomes(following) == {"one": "rendered"}
    assert studio.submits == 1


def test_shot_of_killed_process_is_unclear_without_list(studio, chain, outcomes) -> None:
    """If the job cannot be looked up, nothing is sent."""
    text = chain("one", provider="powertokens")
    forget_response(studio.run(text), "one")
    following = studio.run(text)

    assert outcomes(following) == {"one": "unclear"}
    assert studio.submits == 1


def test_first_picture_proves_job_without_seed(studio, chain, outcomes) -> None:
    """A listed clip that starts on the very frame that was sent is ours."""
    studio.faults.inject("lost_reply", operation="create", match="Picture of two")
    report = studio.run(without_seed(chain("one", "two", provider="ark")))

    assert outcomes(report) == {"one": "rendered", "two": "rendered"}
    assert attempts_of(report, "two")[0].proof == "first picture"
    first = first_frame(folder_of(report, "two") / "clip.mp4")
    assert mean_difference(last_frame_path(report, "one").read_bytes(), first) < 3
    assert studio.submits == 2


def test_job_without_seed_and_picture_stays_unclear(studio, chain, outcomes) -> None:
    """A listed job without proof is neither adopted nor sent again."""
    text = without_seed(chain("one", provider="ark"))
    studio.faults.inject("lost_reply", operation="create")
    report = studio.run(text)
    following = studio.run(text)

    assert "nothing proves it" in str(report.results[0].error)
    assert outcomes(following) == {"one": "unclear"}
    assert studio.submits == 1


@pytest.mark.parametrize("fault", ["throttled", "server_error", "html"])
def test_failing_list_leaves_shot_unclear(studio, chain, outcomes, fault: str) -> None:
    """A list that cannot be read never causes a second charge."""
    studio.faults.inject("lost_reply", operation="create")
    studio.faults.inject(fault, operation="list", times=-1)
    report = studio.run(chain("one", provider="ark"))

    assert outcomes(report) == {"one": "unclear"}
    assert "list of jobs can't be read" in str(report.results[0].error)
    assert studio.submits == 1


def test_unclear_shots_with_equal_seed_stay_unclear(studio, chain, outcomes) -> None:
    """A seed that the board gives to two shots proves neither of their jobs."""
    studio.faults.inject("lost_reply", operation="create", times=2)
    text = chain("one", "x|first_frame: none", provider="ark").replace(
        "ratio: '16:9'", "ratio: '16:9', seed: 7"
    )
    report = studio.run(text)

    assert outcomes(report) == {"one": "unclear", "x": "unclear"}
    assert studio.submits == 2


def test_resubmit_pays_for_second_job(studio, chain, outcomes) -> None:
    """The unclear attempt stays booked, the new one is paid too, and the plan has its price."""
    studio.faults.inject("lost_reply", operation="create")
    studio.faults.inject("throttled", operation="list", times=-1)
    text = chain("one", provider="ark")
    studio.run(text)
    plain, resubmitting = studio.prepare(text), studio.prepare(text, resubmit=("one",))
    with pytest.raises(BudgetExceeded):
        check_consent(resubmitting)
    report = studio.run(text, resubmit=("one",))
    first, second = attempts_of(report, "one")

    assert plain.max_cost.as_money.amount == 0
    assert resubmitting.max_cost.as_money.amount > 0
    assert outcomes(report) == {"one": "rendered"}
    assert (first.state, second.state) == (AttemptState.ABANDONED, AttemptState.KEPT)
    assert first.booked_price.amount > 0
    assert studio.submits == 2


def test_resubmit_is_good_for_one_create(studio, chain, outcomes) -> None:
    """If the second response is lost too, the shot is unclear again and nothing more is sent."""
    studio.faults.inject("lost_reply", operation="create", times=2)
    text = chain("one", provider="powertokens")
    studio.run(text)
    report = studio.run(text, resubmit=("one",))

    assert outcomes(report) == {"one": "unclear"}
    assert studio.submits == 2


def test_resubmit_adopts_proven_job(studio, chain, outcomes) -> None:
    """A job that is proven to be ours is not paid again, although `--resubmit` was given."""
    text = chain("one", provider="ark")
    forget_response(studio.run(text), "one")
    following = studio.run(text, resubmit=("one",))

    assert outcomes(following) == {"one": "rendered"}
    assert studio.submits == 1


def test_resubmit_of_other_shots_is_rejected(studio, chain) -> None:
    """A kept shot and an unknown id are usage errors."""
    studio.run(chain("one"))

    with pytest.raises(UsageError, match="one is kept, not unclear"):
        studio.prepare(chain("one"), resubmit=("one",))
    with pytest.raises(UsageError, match="no shot 'two'"):
        studio.prepare(chain("one"), resubmit=("two",))
