"""Kill a run at every durable step and at random moments, run again, and count what was paid.

    python tests/crash/matrix.py [--vendor ark] [--random 200] [--seed 1] [--only TEXT]

Each run renders four shots in two chains without Prefect's engine. It is killed with SIGKILL; then
the command is repeated until it has nothing more to do. Required of each trial: the vendor created
one job per shot, every clip of these jobs is in the store, and the film shows the same pictures as
that of an uninterrupted run. A shot whose create was in flight stays unclear instead if the vendor
has no list of jobs, or no job of it: no second create, exit code 1, and `--resubmit` renders it.
Prints a table and ends with 1 if anything deviates. `whole_command.py` kills the command with its
engine.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from trial import (
    SHOTS,
    VENDORS,
    ForkServer,
    RunResult,
    Trial,
    cached_clips,
    digest,
    fork_server,
    frame_digests,
    open_trial,
)

from storyboards.models import Money
from tasks.budgets.money import describe_price

MAX_RUNS = 3
SAME_FILM, UNCLEAR = "same film", "unclear, reported"


class Reference(NamedTuple):
    """The outcome of an uninterrupted run."""

    film: str
    """Digest of the film."""
    frames: list[str]
    steps: tuple[str, ...]
    seconds: float


class KillResult(NamedTuple):
    """The outcome of a run that was killed and of the runs after it."""

    outcome: str
    """SAME_FILM, UNCLEAR, or a description of what is wrong."""
    was_killed: bool
    """False if the run had ended before it was to be killed."""
    in_flight: tuple[str, ...]
    """The shots that `find_in_flight` returned after the kill."""

    @property
    def is_good(self) -> bool:
        return self.outcome in (SAME_FILM, UNCLEAR)


def render_reference(server: ForkServer, scratch: Path, provider: str) -> Reference:
    """Render the film that all others must equal, and list the steps to kill at."""
    with open_trial(scratch, provider) as trial:
        server.run(trial)  # fills the cache of clips, so that the next run is timed without it
    with open_trial(scratch, provider) as trial:
        result = server.run(trial)
        assert result.code == 0, result.err
        assert set(trial.creates().elements()) == set(SHOTS)
        frames = frame_digests(trial.film)
        return Reference(digest(trial.film), frames, result.steps, result.seconds)


def try_kill(
    server: ForkServer,
    scratch: Path,
    provider: str,
    reference: Reference,
    *,
    step: str | None = None,
    after_seconds: float | None = None,
) -> KillResult:
    """Kill one run at a step or after a time, run again, and check the outcome."""
    with open_trial(scratch, provider) as trial:
        first = server.run(trial, kill_at=step, kill_after_seconds=after_seconds)
        was_killed = first.code == -signal.SIGKILL
        if step and (not was_killed or first.steps[-1] != step):
            outcome = f"was not killed at {step}: {first.code} {first.err}"
            return KillResult(outcome, was_killed, ())
        in_flight = find_in_flight(trial)
        last = run_to_end(server, trial) if was_killed else first
        outcome = check_result(trial, last, reference, in_flight)
        if outcome == UNCLEAR:
            outcome = resubmit(server, trial, reference, in_flight)
        return KillResult(outcome, was_killed, in_flight)


def find_in_flight(trial: Trial) -> tuple[str, ...]:
    """Return the shots whose create may have been sent, and whose job can't be looked up."""
    listed = trial.creates() if VENDORS[trial.provider] else ()
    attempts = trial.attempts().items()
    in_flight = (shot for shot, attempt in attempts if attempt["state"] == "intended")
    return tuple(sorted(shot for shot in in_flight if shot not in listed))


def run_to_end(server: ForkServer, trial: Trial) -> RunResult:
    """Run until the film is joined, or until a run changes nothing."""
    for _ in range(MAX_RUNS):
        before = trial.attempts()
        result = server.run(trial)
        if result.code == 0 or trial.attempts() == before:
            break
    return result


def check_result(
    trial: Trial, last: RunResult, reference: Reference, in_flight: tuple[str, ...]
) -> str:
    """Return SAME_FILM, UNCLEAR, or what is wrong."""
    creates, clips = trial.creates(), trial.clips()
    paid_twice = sorted(shot for shot, count in creates.items() if count > 1)
    if paid_twice:
        return f"PAID TWICE: {', '.join(paid_twice)}"
    if last.code == 0:
        if sorted(creates) != sorted(SHOTS) or set(clips) != set(trial.jobs()):
            return f"A CLIP IS LOST: paid {sorted(creates)}, stored {sorted(clips.values())}"
        return compare_films(trial, reference)
    return check_unclear(trial, last, in_flight)


def compare_films(trial: Trial, reference: Reference) -> str:
    # Equal bytes need no decoding.
    if digest(trial.film) == reference.film or frame_digests(trial.film) == reference.frames:
        return SAME_FILM
    return "ANOTHER FILM"


def check_unclear(trial: Trial, last: RunResult, in_flight: tuple[str, ...]) -> str:
    """Return UNCLEAR if a run without a film had the one valid reason for it."""
    states = {shot: attempt["state"] for shot, attempt in trial.attempts().items()}
    unclear = sorted(shot for shot, state in states.items() if state in ("intended", "unclear"))
    details = f"exit {last.code}, {states}: {last.err.strip()}"
    if last.code != 1 or not unclear or not set(unclear) <= set(in_flight):
        return f"NO FILM: {details}"
    texts = [text for shot in unclear for text in required_texts(trial, shot)]
    missing = [text for text in texts if text not in last.err]
    if missing:
        return f"NOT REPORTED: {missing} in {last.err.strip()}"
    stored = set(trial.clips().values())
    lost = [shot for shot in trial.creates() if shot not in stored and shot not in unclear]
    return f"A CLIP IS LOST: {lost}" if lost else UNCLEAR


def required_texts(trial: Trial, shot: str) -> list[str]:
    """Return what the message about an unclear shot must contain: shot, time, price and remedy."""
    attempt = trial.attempts()[shot]
    price = Money.model_validate(attempt["max_price"]) if "max_price" in attempt else None
    return [
        f"{shot} was sent",
        attempt["intended_at"][:19],
        describe_price(price),
        f"--resubmit {shot}",
    ]


def resubmit(
    server: ForkServer, trial: Trial, reference: Reference, in_flight: tuple[str, ...]
) -> str:
    """Resubmit unclear shots until none is left.

    Returns:
        UNCLEAR if only the required shots were paid again and the film is the same.
    """
    paid = trial.creates()
    for _ in SHOTS:
        states = {shot: attempt["state"] for shot, attempt in trial.attempts().items()}
        unclear = sorted(shot for shot, state in states.items() if state == "unclear")
        if not unclear:
            break
        result = server.run(trial, extra_argv=("--resubmit", ",".join(unclear)))
    extra = trial.creates() - paid
    if result.code != 0 or compare_films(trial, reference) != SAME_FILM:
        return f"NO FILM AFTER --resubmit: exit {result.code}: {result.err.strip()}"
    expected = {shot: 1 for shot in SHOTS if shot in in_flight or shot not in paid}
    return UNCLEAR if dict(extra) == expected else f"--resubmit PAID {dict(extra)}, not {expected}"


def describe_moment(step: str) -> str:
    """Return a step without its shot, for the table."""
    return step.partition("/")[2] if step.partition("/")[0] in SHOTS else step


def run_vendor(
    scratch: Path, provider: str, *, random_kills: int, seed: int, only: str
) -> dict[str, list[KillResult]]:
    """Try every kill at one vendor. Returns the results by the moment of the kill."""
    results: dict[str, list[KillResult]] = {}
    with fork_server() as server:
        reference = render_reference(server, scratch, provider)
        for step in dict.fromkeys(reference.steps):
            if only in step:
                result = try_kill(server, scratch, provider, reference, step=step)
                add_result(results, describe_moment(step), result, f"{provider}, killed at {step}")
        rng = random.Random(seed)
        for number in range(random_kills):
            seconds = rng.uniform(0.0, reference.seconds * 1.05)
            result = try_kill(server, scratch, provider, reference, after_seconds=seconds)
            title = f"{provider}, killed after {seconds:.3f} s (random {number})"
            add_result(results, "random moment", result, title)
    return results


def add_result(
    results: dict[str, list[KillResult]], moment: str, result: KillResult, title: str
) -> None:
    """Add a result to its moment, and print it if it is wrong."""
    results.setdefault(moment, []).append(result)
    if not result.is_good:
        print(f"WRONG  {title}: {result.outcome}", flush=True)


def count_wrong(results: dict[str, list[KillResult]]) -> int:
    return sum(not result.is_good for group in results.values() for result in group)


def print_table(provider: str, results: dict[str, list[KillResult]]) -> None:
    """Print one vendor's table: a line for each moment."""
    width = max(map(len, results))
    title = f"{'moment':<{width}} {'runs':>5} {'killed':>7}"
    print(f"\n{provider}\n{title} {SAME_FILM:>17} {UNCLEAR:>17} {'wrong':>6}")
    everything = [result for group in results.values() for result in group]
    for moment, group in [*results.items(), ("all", everything)]:
        counts = Counter(result.outcome for result in group)
        wrong = sum(not result.is_good for result in group)
        killed = sum(result.was_killed for result in group)
        print(
            f"{moment:<{width}} {len(group):>5} {killed:>7} {counts[SAME_FILM]:>17} "
            f"{counts[UNCLEAR]:>17} {wrong:>6}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--vendor", choices=VENDORS, action="append")
    parser.add_argument("--random", type=int, default=200, help="number of random moments")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random moments")
    parser.add_argument("--only", default="", help="kill only at steps that contain this text")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, cached_clips():
        for provider in options.vendor or VENDORS:
            start = time.perf_counter()
            results = run_vendor(
                Path(folder) / "trial",
                provider,
                random_kills=options.random,
                seed=options.seed,
                only=options.only,
            )
            print_table(provider, results)
            print(f"{time.perf_counter() - start:.0f} s", flush=True)
            wrong += count_wrong(results)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
