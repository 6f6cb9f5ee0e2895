"""The events of a `World` as steps that Hypothesis draws, shortens and prints.

What it prints for a failure are calls of these methods, which a test can repeat.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.support.hostile_vendor import (
    CANCEL_MOODS,
    CREATE_MOODS,
    FILE_MOODS,
    LIST_MOODS,
    QUERY_MOODS,
)
from tests.support.hostile_world import KEYS, SHOTS, World

HOUR, DAY = 3600.0, 86_400.0

names = st.sampled_from(SHOTS)
some_shots = st.sampled_from([*((name,) for name in SHOTS), SHOTS[:2], SHOTS[1:3], SHOTS])
kills = st.none() | st.integers(1, 90)
full_disks = st.sampled_from([None, None, None]) | st.integers(1, 12)
accounts = st.sampled_from([*KEYS, *KEYS, "nobody"])


class Adversary(RuleBasedStateMachine):
    """The events; each is a step."""

    provider: ClassVar[str]
    steps: ClassVar[Counter[str]] = Counter()
    """Number of steps by provider."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="shotchain-")
        self._world: World | None = None

    @property
    def world(self) -> World:
        assert self._world is not None
        self.steps[self.provider] += 1
        return self._world

    @initialize(budget=st.sampled_from(["0.60", "1.10", "10"]))
    def open_world(self, budget: str) -> None:
        self._world = World(Path(self._folder.name), self.provider, budget)

    @rule(mood=st.sampled_from(CREATE_MOODS))
    def misrespond_to_create(self, mood: str) -> None:
        self.world.vendor.creates.append(mood)

    @rule(mood=st.sampled_from(QUERY_MOODS), times=st.sampled_from([1, 1, 2, 5, 40]))
    def misrespond_to_queries(self, mood: str, times: int) -> None:
        self.world.vendor.queries.extend([mood] * times)

    @rule(mood=st.sampled_from(FILE_MOODS), times=st.sampled_from([1, 2, 8, 40]))
    def refuse_files(self, mood: str, times: int) -> None:
        self.world.vendor.files.extend([mood] * times)

    @rule(mood=st.sampled_from(LIST_MOODS))
    def misreport_list(self, mood: str) -> None:
        self.world.vendor.list_mood = mood

    @rule(usage=st.sampled_from([None, 0, 1, 10**12]))
    def misreport_usage(self, usage: int | None) -> None:
        self.world.vendor.usage = usage

    @rule(failure=st.sampled_from(["failed InternalServiceError", "failed OutputVideoRisk"]))
    def let_next_job_fail(self, failure: str) -> None:
        self.world.vendor.next_job = {"failure": failure}

    @rule(seconds=st.sampled_from([0.0, 300.0, 2 * HOUR]))
    def set_duration_of_next_job(self, seconds: float) -> None:
        self.world.vendor.next_job = {"seconds": seconds, "queued_seconds": seconds / 2}

    @rule()
    def be_honest(self) -> None:
        self.world.vendor.be_honest()

    @rule(seconds=st.sampled_from([5.0, 90.0, 900.0, 5 * HOUR, 30 * HOUR, 8 * DAY]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(skew=st.sampled_from([0.0, 0.0, 100.0, -100.0, HOUR, -HOUR, 2 * DAY, 9 * DAY, -9 * DAY]))
    def set_clock(self, skew: float) -> None:
        self.world.skew = skew

    @rule(account=accounts)
    def change_key(self, account: str) -> None:
        self.world.account = account

    @rule(shots=some_shots, kill_at=kills, fail_write_at=full_disks)
    def run_once(
        self, shots: tuple[str, ...], kill_at: int | None, fail_write_at: int | None
    ) -> None:
        self.world.run(shots=shots, kill_at=kill_at, fail_write_at=fail_write_at)

    @rule(shots=some_shots)
    def run_undisturbed(self, shots: tuple[str, ...]) -> None:
        self.world.run(shots=shots)

    @rule(shots=some_shots, kill_at=kills, other=accounts)
    def run_twice_at_once(self, shots: tuple[str, ...], kill_at: int | None, other: str) -> None:
        world = self.world
        world.run(
            world.process(shots=shots, kill_at=kill_at), world.process(shots=shots, account=other)
        )

    @rule(shot=names, kill_at=kills)
    def resubmit(self, shot: str, kill_at: int | None) -> None:
        self.world.run(shots=(shot,), resubmit=(shot,), kill_at=kill_at)

    @rule(shot=names, mood=st.sampled_from(CANCEL_MOODS), kill_at=kills)
    def cancel(self, shot: str, mood: str, kill_at: int | None) -> None:
        world = self.world
        world.vendor.cancel_mood = mood
        world.cancel(shot, kill_at=kill_at)

    def teardown(self) -> None:
        try:
            if self._world:
                self._world.finish()
        finally:
            self._folder.cleanup()
