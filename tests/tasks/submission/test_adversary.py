"""Everything at once: a vendor that may do anything, kills, full disks, wrong clocks, two runs.

Hypothesis draws sequences of events and shortens those that break what must hold: no key is charged
twice without the author's word, every clip that the vendor serves ends in the store, the books hold
at least what is charged, and no secret is in any text. The test is here, beside the functions that
it calls; `tests/crash` kills real processes instead. What it has found is repeated in EXAMPLES.

To run more: ADVERSARY_FUZZ=400 pytest -n 2 -s tests/tasks/submission/test_adversary.py
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.adversary import DAY, HOUR, Adversary

FUZZ = int(os.environ.get("ADVERSARY_FUZZ", "6"))
"""Number of sequences for each provider."""
STEPS_PER_SEQUENCE = 50
PROVIDERS = ("modelark", "infinity-blue")
"""With a list of jobs, and without."""


@pytest.mark.timeout(120 + 10 * FUZZ)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_hostile_vendor_is_paid_once_per_shot(provider: str) -> None:
    """The invariants hold after each event, in any order of events."""
    machine = type("Adversary", (Adversary,), {"provider": provider})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=FUZZ,
            stateful_step_count=STEPS_PER_SEQUENCE,
            deadline=None,
            database=None,
            # The same sequences each time, unless more are requested.
            derandomize="ADVERSARY_FUZZ" not in os.environ,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"{provider}: {Adversary.steps[provider]} steps")


Example = Callable[[Adversary], None]

ALPHA, BETA, GAMMA = ("alpha",), ("beta",), ("gamma",)


def lose_response(state: Adversary, list_mood: str) -> None:
    """The response to a create is lost, and the list does not show the job as it was sent."""
    state.misrespond_to_create(mood="accepted reset")
    state.misreport_list(mood=list_mood)
    state.run_undisturbed(shots=ALPHA)
    state.pass_time(seconds=900.0)
    state.run_undisturbed(shots=ALPHA)


def lose_response_with_wrong_clock(state: Adversary) -> None:
    """The clock was wrong in the run that sent, and is right in the next one."""
    state.misrespond_to_create(mood="accepted reset")
    state.misreport_list(mood="500")
    state.set_clock(skew=HOUR)
    state.run_undisturbed(shots=ALPHA)
    state.be_honest()
    state.set_clock(skew=0.0)
    state.run_undisturbed(shots=ALPHA)


def accept_late(state: Adversary) -> None:
    """The vendor accepts a create after the client has stopped waiting."""
    state.misrespond_to_create(mood="accepted late")
    state.run_undisturbed(shots=ALPHA)


def lose_response_of_wrong_account(state: Adversary) -> None:
    """The job is in the list of another account."""
    state.misrespond_to_create(mood="accepted reset")
    state.misreport_list(mood="500")
    state.run_undisturbed(shots=ALPHA)
    state.be_honest()
    state.change_key(account="second")
    state.run_undisturbed(shots=ALPHA)


def repeat_response(state: Adversary, mood: str) -> None:
    """A proxy responds to a create with the id of an earlier job."""
    state.run_undisturbed(shots=ALPHA)
    state.misrespond_to_create(mood=mood)
    state.run_undisturbed(shots=BETA)


def repeat_response_to_failed_job(state: Adversary) -> None:
    """The second job of a shot seems to have the id of the failed first one."""
    state.let_next_job_fail(failure="failed InternalServiceError")
    state.misrespond_to_create(mood="accepted")
    state.misrespond_to_create(mood="accepted replay")
    state.run_undisturbed(shots=ALPHA)


def misrespond_to_query(state: Adversary, mood: str, times: int) -> None:
    """The vendor responds to queries with something else than the state of the job."""
    state.misrespond_to_queries(mood=mood, times=times)
    state.run_undisturbed(shots=ALPHA)
    state.run_undisturbed(shots=ALPHA)


def ask_with_another_key(state: Adversary, account: str) -> None:
    """A run is killed after its create, and the next one has another key."""
    state.run_once(shots=ALPHA, kill_at=16, fail_write_at=None)
    state.change_key(account=account)
    state.run_undisturbed(shots=ALPHA)


def ask_with_two_keys_at_once(state: Adversary) -> None:
    """Two runs at once have the keys of two accounts."""
    state.run_twice_at_once(shots=GAMMA, kill_at=None, other="second")


def hide_job_while_clock_is_wrong(state: Adversary) -> None:
    """By the local clock the job is older than vendors keep jobs, and the vendor hides it."""
    state.misrespond_to_queries(mood="unknown job", times=40)
    state.run_undisturbed(shots=ALPHA)
    state.set_clock(skew=9 * DAY)
    state.run_undisturbed(shots=ALPHA)


def hide_adopted_job(state: Adversary) -> None:
    """By the clock of the run that sent it, an adopted job is older than vendors keep jobs."""
    state.set_clock(skew=-9 * DAY)
    state.misrespond_to_create(mood="accepted reset")
    state.run_once(shots=ALPHA, kill_at=66, fail_write_at=None)
    state.set_clock(skew=0.0)
    state.misrespond_to_queries(mood="unknown job", times=40)
    state.run_undisturbed(shots=ALPHA)
    state.run_undisturbed(shots=ALPHA)


def hide_rescued_job(state: Adversary) -> None:
    """The same for a job whose id was kept outside of the full store."""
    state.set_clock(skew=-9 * DAY)
    state.run_once(shots=ALPHA, kill_at=None, fail_write_at=2)
    state.set_clock(skew=0.0)
    state.misrespond_to_queries(mood="unknown job", times=40)
    state.run_undisturbed(shots=ALPHA)
    state.run_undisturbed(shots=ALPHA)


def refuse_clip(state: Adversary, mood: str) -> None:
    """The file host refuses a clip that is minutes old."""
    state.refuse_files(mood=mood, times=40)
    state.run_undisturbed(shots=ALPHA)
    state.run_undisturbed(shots=ALPHA)


def refuse_clip_while_clock_is_wrong(state: Adversary) -> None:
    """By the local clock the clip is older than vendors keep files."""
    state.refuse_files(mood="404", times=40)
    state.run_undisturbed(shots=ALPHA)
    state.set_clock(skew=2 * DAY)
    state.run_undisturbed(shots=ALPHA)


def fill_disk(state: Adversary, fail_write_at: int) -> None:
    """The disk is full from one write on."""
    state.run_once(shots=ALPHA, kill_at=None, fail_write_at=fail_write_at)
    state.run_undisturbed(shots=ALPHA)


def misreport_usage(state: Adversary, usage: int | None) -> None:
    """The vendor reports a usage that the clip cannot have."""
    state.misreport_usage(usage=usage)
    state.run_undisturbed(shots=ALPHA)


def cancel_too_late(state: Adversary) -> None:
    """The job begins at the moment of the cancel, whose response is a success."""
    state.set_duration_of_next_job(seconds=2 * HOUR)
    state.run_undisturbed(shots=ALPHA)
    state.cancel(shot="alpha", mood="race", kill_at=None)


EXAMPLES: dict[str, Example] = {
    **{
        f"list: {mood}": partial(lose_response, list_mood=mood)
        for mood in ("empty", "partial", "lag", "no ids", "other model", "other tier", "time zone",
                     "hidden model", "html")
    },
    "list: of another account": lose_response_of_wrong_account,
    "create: wrong clock": lose_response_with_wrong_clock,
    "create: late": accept_late,
    "create: accepted replay": partial(repeat_response, mood="accepted replay"),
    "create: refused replay": partial(repeat_response, mood="refused replay"),
    "create: replay of failed job": repeat_response_to_failed_job,
    **{
        f"query: {mood}, {times}": partial(misrespond_to_query, mood=mood, times=times)
        for mood, times in (
            ("unknown job", 1), ("unknown job", 40), ("error body", 40), ("unnamed", 40),
            ("unnamed timeout", 40), ("other job", 40), ("word error", 40), ("word timeout", 40),
            ("word archived", 40), ("lie failed", 1), ("lie expired", 1), ("lie cancelled", 1),
            ("no url", 40),
        )
    },
    "query: key of another account": partial(ask_with_another_key, account="second"),
    "query: key of no account": partial(ask_with_another_key, account="nobody"),
    "query: two keys at once": ask_with_two_keys_at_once,
    "query: unknown job, wrong clock": hide_job_while_clock_is_wrong,
    "query: unknown job, adopted with wrong clock": hide_adopted_job,
    "query: unknown job, rescued with wrong clock": hide_rescued_job,
    "file: 403": partial(refuse_clip, mood="403"),
    "file: 404": partial(refuse_clip, mood="404"),
    "file: 404, wrong clock": refuse_clip_while_clock_is_wrong,
    **{f"disk full: write {number}": partial(fill_disk, fail_write_at=number)
       for number in range(1, 7)},
    "usage: 0": partial(misreport_usage, usage=0),
    "usage: 1": partial(misreport_usage, usage=1),
    "usage: none": partial(misreport_usage, usage=None),
    "cancel: too late": cancel_too_late,
}  # fmt: skip
"""The sequences that broke an invariant once, or nearly did."""


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_adversary_example_holds(name: str, provider: str) -> None:
    """The invariants hold during the events and after them."""
    state = type("Adversary", (Adversary,), {"provider": provider})()
    state.open_world(budget="10")
    try:
        EXAMPLES[name](state)
    finally:
        state.teardown()
