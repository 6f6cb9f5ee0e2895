"""Creates whose answer never came: adopted with a proof, believed not made, or left to the author.

`ark` lists its recent jobs, `powertokens` does not; both speak the same wire.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.consent import check_consent
from tasks.errors import BudgetExceeded, RequestNotSent, SubmissionUnclear, UsageError
from tasks.media.frames import first_frame, mean_difference
from tasks.store.receipts import AttemptState, read_receipt


def attempts_of(report, shot: str):
    planned = report.run.plan.shot(shot)
    return read_receipt("", report.run.records_of(planned).read(planned.key)).attempts


def forget_answer(report, shot: str) -> None:
    """Put a receipt back to what a process leaves that is killed between intent and answer."""
    planned = report.run.plan.shot(shot)
    path = report.run.records_of(planned).folder_of(planned.key) / "receipt.json"
    record = json.loads(path.read_text())
    attempt = record["attempts"][0]
    for fact in ("job", "submitted_at", "done_at", "clip", "last_frame", "tokens", "price"):
        attempt.pop(fact, None)
    attempt["state"] = "intended"
    path.write_text(json.dumps(record))


def modern(text: str) -> str:
    """The same board on a model that takes no seed."""
    return text.replace("seedance-1.0-pro", "seedance-2.0").replace("seconds: 2", "seconds: 4")


@pytest.mark.parametrize("fault", ["lost_reply", "truncated", "no_id", "server_error", "html"])
def test_without_a_list_such_a_create_is_never_sent_again(
    studio, chain, outcomes, fault: str
) -> None:
    """The shot is unclear in this run and in the next; the other chain goes on."""
    studio.faults.inject(fault, operation="create", match="Picture of one")
    text = chain("one", "two", "x|first_frame: none", provider="powertokens")
    report = studio.run(text)
    again = studio.run(text)

    assert outcomes(report) == {"one": "unclear", "two": "skipped", "x": "rendered"}
    assert outcomes(again) == {"one": "unclear", "two": "skipped", "x": "kept"}
    assert isinstance(again.results[0].error, SubmissionUnclear)
    assert "--resubmit one" in str(again.results[0].error)
    assert studio.prepare(text).status["one"].state == "unclear"
    assert studio.submits == 2


@pytest.mark.parametrize("fault", ["lost_reply", "truncated", "no_id"])
def test_a_job_with_our_seed_is_adopted_from_the_list(studio, chain, outcomes, fault: str) -> None:
    """The answer was lost, the job was not: the run goes on with it and pays once."""
    studio.faults.inject(fault, operation="create", match="Picture of one")
    report = studio.run(chain("one", "two", provider="ark"))

    assert outcomes(report) == {"one": "rendered", "two": "rendered"}
    assert [one.proof for one in attempts_of(report, "one")] == ["seed"]
    assert studio.submits == 2


@pytest.mark.parametrize("fault", ["server_error", "html", "reset"])
def test_a_create_that_the_list_does_not_show_is_closed_and_may_be_sent_again(
    studio, chain, fault: str
) -> None:
    """Nothing was made, so nothing is paid twice; what comes next is the policy's decision."""
    studio.faults.inject(fault, **({} if fault == "reset" else {"operation": "create"}))
    report = studio.run(chain("one", provider="ark"))
    again = studio.run(chain("one", provider="ark"))

    assert isinstance(report.results[0].error, RequestNotSent)
    assert attempts_of(report, "one")[0].state is AttemptState.CLOSED
    assert report.spent.is_free
    assert again.results[0].outcome == "rendered"
    assert studio.creates == 1


def test_a_process_killed_before_the_answer_leaves_what_the_next_one_adopts(
    studio, chain, outcomes
) -> None:
    """The intent is on disk, the job is at the vendor: it is found and not paid again."""
    report = studio.run(chain("one", provider="ark"))
    forget_answer(report, "one")
    again = studio.run(chain("one", provider="ark"))

    assert outcomes(again) == {"one": "rendered"}
    assert studio.submits == 1


def test_a_process_killed_before_the_answer_leaves_an_unclear_shot_without_a_list(
    studio, chain
) -> None:
    """Nobody can tell, so nothing is sent."""
    report = studio.run(chain("one", provider="powertokens"))
    forget_answer(report, "one")
    again = studio.run(chain("one", provider="powertokens"))

    assert again.results[0].outcome == "unclear"
    assert studio.submits == 1


def test_without_a_seed_the_first_picture_proves_a_continued_shot(studio, chain, outcomes) -> None:
    """What starts on the very frame that was sent is ours."""
    text = modern(chain("one", "two", provider="ark"))
    studio.faults.inject("lost_reply", operation="create", match="Picture of two")
    report = studio.run(text)
    home = report.run.records_of(report.results[1].shot).folder_of(report.results[1].shot.key)

    assert outcomes(report) == {"one": "rendered", "two": "rendered"}
    assert attempts_of(report, "two")[0].proof == "first picture"
    before = Path(
        report.run.records_of(report.results[0].shot).folder_of(report.results[0].shot.key)
    )
    last = before / attempts_of(report, "one")[0].last_frame.name
    assert mean_difference(last.read_bytes(), first_frame(home / "clip.mp4")) < 3
    assert studio.submits == 2


def test_without_seed_and_picture_nothing_is_adopted_and_nothing_sent(studio, chain) -> None:
    """A job that may be ours, and that nothing proves to be, is the author's to judge."""
    text = modern(chain("one", provider="ark"))
    studio.faults.inject("lost_reply", operation="create")
    report = studio.run(text)
    again = studio.run(text)

    assert "nothing proves it" in str(report.results[0].error)
    assert again.results[0].outcome == "unclear"
    assert studio.submits == 1


@pytest.mark.parametrize("fault", ["throttled", "server_error", "html"])
def test_a_list_that_fails_counts_as_no_list(studio, chain, fault: str) -> None:
    """Silence never becomes a second bill."""
    studio.faults.inject("lost_reply", operation="create")
    studio.faults.inject(fault, operation="list", times=-1)
    report = studio.run(chain("one", provider="ark"))

    assert report.results[0].outcome == "unclear"
    assert "gives no list of its jobs" in str(report.results[0].error)
    assert studio.submits == 1


def test_two_shots_in_doubt_with_the_same_seed_are_not_told_apart(studio, chain, outcomes) -> None:
    """A seed that the board gives to both proves neither."""
    studio.faults.inject("lost_reply", operation="create", times=2)
    text = chain("one", "x|first_frame: none", provider="ark", head="").replace(
        "ratio: '16:9'", "ratio: '16:9', seed: 7"
    )
    report = studio.run(text)

    assert outcomes(report) == {"one": "unclear", "x": "unclear"}
    assert studio.submits == 2


def test_the_author_may_have_a_shot_sent_again(studio, chain, outcomes) -> None:
    """The doubtful one stays booked, the new one is paid as well, and the plan says so before."""
    studio.faults.inject("lost_reply", operation="create")
    studio.faults.inject("throttled", operation="list", times=-1)
    text = chain("one", provider="ark")
    studio.run(text)
    unasked, asked = studio.prepare(text), studio.prepare(text, resubmit=("one",))
    report = studio.run(text, resubmit=("one",))

    assert asked.max_cost == unasked.max_cost
    assert asked.max_cost.as_money.amount > 0
    with pytest.raises(BudgetExceeded):
        check_consent(asked)
    assert outcomes(report) == {"one": "rendered"}
    assert [one.state for one in attempts_of(report, "one")] == [
        AttemptState.ABANDONED,
        AttemptState.KEPT,
    ]
    assert attempts_of(report, "one")[0].booked_price.amount > 0
    assert studio.submits == 2


def test_a_resubmitted_shot_whose_answer_is_lost_again_stops(studio, chain) -> None:
    """One word of the author is worth one create."""
    studio.faults.inject("lost_reply", operation="create", times=2)
    text = chain("one", provider="powertokens")
    studio.run(text)
    report = studio.run(text, resubmit=("one",))

    assert report.results[0].outcome == "unclear"
    assert studio.submits == 2


def test_resubmitting_adopts_where_it_can(studio, chain, outcomes) -> None:
    """A job that is proven to be ours is never paid again, whatever is asked."""
    report = studio.run(chain("one", provider="ark"))
    forget_answer(report, "one")
    again = studio.run(chain("one", provider="ark"), resubmit=("one",))

    assert outcomes(again) == {"one": "rendered"}
    assert studio.submits == 1


def test_only_an_unclear_shot_can_be_sent_again(studio, chain) -> None:
    """A kept one, or one that there is not, is told."""
    studio.run(chain("one"))
    with pytest.raises(UsageError, match="one is kept, not unclear"):
        studio.prepare(chain("one"), resubmit=("one",))
    with pytest.raises(UsageError, match="no shot 'two'"):
        studio.prepare(chain("one"), resubmit=("two",))
