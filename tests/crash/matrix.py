"""Kill a run at every durable step and at random moments, run again, and count what was paid.

    python tests/crash/matrix.py [--vendor ark] [--random 200] [--seed 1] [--only WORDS]

Each kill is -9, of a process that runs `render` without its engine over four shots in two chains;
then the command is run again until it has nothing more to do. Demanded of each: the vendor took as
many jobs as there are shots, no shot twice, every clip that it was paid for is in the store, and
the film shows the very pictures of a run that nobody killed. Where a vendor has no list, a shot
whose create was under way stays unclear instead: no second create, exit 1, its clip had by
`--resubmit`. Prints a table, and ends with 1 where anything was otherwise. `whole.py` kills the
whole command.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from stage import (
    SHOTS,
    VENDORS,
    Children,
    Ended,
    Place,
    children,
    digest,
    frame_digests,
    opened,
    remembered,
)

from storyboards.models import Money
from tasks.budgets.money import describe_price

RUNS_MOST = 3
SAME, UNCLEAR = "the same film", "unclear, told"


class Reference(NamedTuple):
    """What a run that nobody kills makes."""

    film: str
    frames: list[str]
    steps: tuple[str, ...]
    seconds: float


class Verdict(NamedTuple):
    """What became of a run that was killed."""

    outcome: str
    """SAME, UNCLEAR, or what is wrong."""
    killed: bool
    """Whether it still ran when it was to be killed."""
    sent: tuple[str, ...]
    """The shots whose create was under way, by what was on disk."""

    @property
    def good(self) -> bool:
        return self.outcome in (SAME, UNCLEAR)


def film_uninterrupted(kids: Children, scratch: Path, provider: str) -> Reference:
    """The film that every other must be, and the moments there are to kill at."""
    with opened(scratch, provider) as place:
        kids.run(place)  # the pictures are drawn
    with opened(scratch, provider) as place:
        ended = kids.run(place)
        assert ended.code == 0, ended.err
        assert set(place.creates().elements()) == set(SHOTS)
        frames = frame_digests(place.film)
        return Reference(digest(place.film), frames, ended.steps, ended.seconds)


def try_kill(
    kids: Children,
    scratch: Path,
    provider: str,
    reference: Reference,
    *,
    step: str | None = None,
    after: float | None = None,
) -> Verdict:
    """Kill one run, run again, and judge."""
    with opened(scratch, provider) as place:
        first = kids.run(place, kill=step, after=after)
        killed = first.code == -9
        if step and (not killed or first.steps[-1] != step):
            return Verdict(f"was not killed at {step}: {first.code} {first.err}", killed, ())
        sent = under_way(place)
        last = run_again(kids, place) if killed else first
        outcome = judge(place, last, reference, sent)
        if outcome == UNCLEAR:
            outcome = resubmit(kids, place, reference, sent)
        return Verdict(outcome, killed, sent)


def under_way(place: Place) -> tuple[str, ...]:
    """The shots of which nobody can tell from the disk whether they were sent."""
    return tuple(
        sorted(shot for shot, one in place.receipts().items() if one["state"] == "intended")
    )


def run_again(kids: Children, place: Place) -> Ended:
    """Run until the film is there, or until nothing changes any more."""
    for _ in range(RUNS_MOST):
        before = place.receipts()
        ended = kids.run(place)
        if ended.code == 0 or place.receipts() == before:
            break
    return ended


def judge(place: Place, last: Ended, reference: Reference, sent: tuple[str, ...]) -> str:
    """What is wrong, or SAME, or UNCLEAR."""
    creates, clips = place.creates(), place.clips()
    twice = sorted(shot for shot, count in creates.items() if count > 1)
    if twice:
        return f"PAID TWICE: {', '.join(twice)}"
    if last.code == 0:
        if sorted(creates) != sorted(SHOTS) or set(clips) != set(place.jobs()):
            return f"A CLIP IS LOST: paid {sorted(creates)}, kept {sorted(clips.values())}"
        return judge_film(place, reference)
    return judge_unclear(place, last, sent)


def judge_film(place: Place, reference: Reference) -> str:
    # Where the bytes are the same, so are the pictures.
    if digest(place.film) == reference.film or frame_digests(place.film) == reference.frames:
        return SAME
    return "ANOTHER FILM"


def judge_unclear(place: Place, last: Ended, sent: tuple[str, ...]) -> str:
    """Whether a run that did not come to its film had the one good reason for it."""
    states = {shot: one["state"] for shot, one in place.receipts().items()}
    unclear = sorted(shot for shot, state in states.items() if state in ("intended", "unclear"))
    told = f"exit {last.code}, {states}: {last.err.strip()}"
    if last.code != 1 or not unclear or not set(unclear) <= set(sent):
        return f"NO FILM: {told}"
    if not may_stay_unclear(place.provider, sent):
        return f"UNCLEAR WITH A LIST: {told}"
    silent = [word for shot in unclear for word in words_for(place, shot) if word not in last.err]
    if silent:
        return f"NOT TOLD: {silent} in {last.err.strip()}"
    kept = set(place.clips().values())
    lost = [shot for shot in place.creates() if shot not in kept and shot not in unclear]
    return f"A CLIP IS LOST: {lost}" if lost else UNCLEAR


def may_stay_unclear(provider: str, sent: tuple[str, ...]) -> bool:
    """Whether the vendor leaves no way to find out about the shots whose create was under way."""
    return bool(sent) and not VENDORS[provider]


def words_for(place: Place, shot: str) -> list[str]:
    """What the message about an unclear shot has to say: which, when, how much, and the way out."""
    attempt = place.receipts()[shot]
    price = Money.model_validate(attempt["max_price"]) if "max_price" in attempt else None
    told = (f"{shot} was sent", attempt["intended_at"][:19], describe_price(price))
    return [*told, f"--resubmit {shot}"]


def resubmit(kids: Children, place: Place, reference: Reference, sent: tuple[str, ...]) -> str:
    """What comes of the author's word to send unclear shots again: UNCLEAR where all is well."""
    paid = place.creates()
    for _ in SHOTS:
        states = {shot: one["state"] for shot, one in place.receipts().items()}
        doubtful = sorted(shot for shot, state in states.items() if state == "unclear")
        if not doubtful:
            break
        ended = kids.run(place, more=("--resubmit", ",".join(doubtful)))
    more = place.creates() - paid
    if ended.code != 0 or judge_film(place, reference) != SAME:
        return f"NO FILM AFTER --resubmit: exit {ended.code}: {ended.err.strip()}"
    wanted = {shot: 1 for shot in SHOTS if shot in sent or shot not in paid}
    return UNCLEAR if dict(more) == wanted else f"--resubmit PAID {dict(more)}, not {wanted}"


def kind_of(step: str) -> str:
    """A moment without its shot, for the table."""
    return step.partition("/")[2] if step.partition("/")[0] in SHOTS else step


def run_vendor(
    scratch: Path, provider: str, *, randoms: int, seed: int, only: str
) -> dict[str, list[Verdict]]:
    """Every kill at one vendor: by the kind of its moment."""
    found: dict[str, list[Verdict]] = {}
    with children() as kids:
        reference = film_uninterrupted(kids, scratch, provider)
        for step in dict.fromkeys(reference.steps):
            if only in step:
                verdict = try_kill(kids, scratch, provider, reference, step=step)
                note(found, kind_of(step), verdict, f"{provider}, killed at {step}")
        chance = random.Random(seed)
        for number in range(randoms):
            after = chance.uniform(0.0, reference.seconds * 1.05)
            verdict = try_kill(kids, scratch, provider, reference, after=after)
            said = f"{provider}, killed after {after:.3f} s (random {number})"
            note(found, "random moment", verdict, said)
    return found


def note(found: dict[str, list[Verdict]], kind: str, verdict: Verdict, said: str) -> None:
    found.setdefault(kind, []).append(verdict)
    if not verdict.good:
        print(f"WRONG  {said}: {verdict.outcome}", flush=True)


def show(provider: str, found: dict[str, list[Verdict]]) -> None:
    """Print one vendor's table: a line for each kind of moment."""
    width = max(map(len, found))
    head = f"{'moment':<{width}} {'runs':>5} {'killed':>7} {SAME:>14} {UNCLEAR:>14} {'wrong':>6}"
    print(f"\n{provider}\n{head}")
    everything = [one for verdicts in found.values() for one in verdicts]
    for kind, verdicts in [*found.items(), ("all", everything)]:
        counts = Counter(one.outcome for one in verdicts)
        wrong = sum(not one.good for one in verdicts)
        killed = sum(one.killed for one in verdicts)
        print(
            f"{kind:<{width}} {len(verdicts):>5} {killed:>7} {counts[SAME]:>14} "
            f"{counts[UNCLEAR]:>14} {wrong:>6}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--vendor", choices=VENDORS, action="append")
    parser.add_argument("--random", type=int, default=200, help="how many random moments")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only the steps with these words in their name")
    words = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, remembered():
        for provider in words.vendor or VENDORS:
            begun = time.perf_counter()
            found = run_vendor(
                Path(folder) / "trial",
                provider,
                randoms=words.random,
                seed=words.seed,
                only=words.only,
            )
            show(provider, found)
            print(f"{time.perf_counter() - begun:.0f} s", flush=True)
            wrong += sum(not one.good for verdicts in found.values() for one in verdicts)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
