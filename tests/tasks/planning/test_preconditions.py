"""Checks before spending: drafts, clips and URLs that a vendor must still be able to use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storyboards.board import Board
from storyboards.problems import Problem
from tasks.plan import Plan
from tasks.planning.planner import make_plan
from tasks.planning.preconditions import find_unmet_preconditions
from tasks.store.layout import RecordStore, Store
from tasks.store.receipts import Attempt, AttemptState, Receipt
from tasks.store.status import BoardStatus, ShotState, ShotStatus
from tests.support.boards import board_text

ARK_URL = "https://ark.example/api/v3"


@pytest.fixture
def records(tmp_path: Path) -> RecordStore:
    return Store(tmp_path / "store").records(loopback=False)


def attempt_of(shot: str, *, hours: float = 0.0, **changes: Any) -> Attempt:
    """Return a kept attempt at ark from `hours` ago."""
    started_at = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
    attempt = Attempt(
        state=AttemptState.KEPT,
        board="four",
        shot=shot,
        take=1,
        provider="ark",
        model="m",
        base_url=ARK_URL,
        request_sha256="r",
        intended_at=started_at,
        job="cgt-1",
    )
    return replace(attempt, **changes)


def check(
    plan: Plan,
    records: RecordStore,
    *,
    base_url: str = ARK_URL,
    **statuses: ShotStatus,
) -> list[Problem]:
    """Return the problems of a plan whose shots are to be rendered unless `statuses` differ."""
    to_render = ShotStatus(ShotState.TO_RENDER, "not rendered yet")
    status = BoardStatus(plan, {shot.id: statuses.get(shot.id, to_render) for shot in plan})
    return list(
        find_unmet_preconditions(
            status, plan.shots, records_of=lambda _: records, base_url_of=lambda _: base_url
        )
    )


class TestDraft:
    """The draft of a `draft: final` shot."""

    @pytest.fixture
    def plan(self, make_board: Callable[..., Board]) -> Plan:
        text = board_text(
            "id: a, prompt: p",
            model="seedance-1.5-pro",
            provider="ark",
            look="resolution: 720p, seconds: 4, draft: final",
        )
        return make_plan(make_board(text))

    @pytest.fixture
    def put(self, plan: Plan, records: RecordStore) -> Callable[[Attempt], None]:
        """Write the receipt of the shot's draft."""
        (shot,) = plan.shots_to_render
        assert shot.draft is not None
        key = shot.draft.key

        def put(attempt: Attempt) -> None:
            records.folder_of(key).mkdir(parents=True)
            records.write(key, Receipt(key, (attempt,)).to_record())

        return put

    def test_draft_of_this_provider_is_usable(self, plan, records, put) -> None:
        """A finished draft that is younger than seven days."""
        put(attempt_of("a", hours=24 * 6))

        assert check(plan, records) == []

    def test_draft_is_missing(self, plan, records) -> None:
        """The remedy is to render the draft."""
        (problem,) = check(plan, records)

        assert problem.path == "shots[0].draft"
        assert problem.message == "the store has no draft of a as it is written now"
        assert problem.remedy.startswith("Render a with `draft: true` at ark")

    @pytest.mark.parametrize(
        ("hours", "changes", "message"),
        [
            (0, {"state": AttemptState.FAILED}, "the store has no draft of a"),
            (0, {"state": AttemptState.SUBMITTED}, "the draft of a is still rendering"),
            (24 * 7 + 1, {}, "is older than the 7 days for which ark accepts it"),
            (0, {"base_url": "https://other.example/v3"}, "was rendered at https://other.example"),
        ],
    )
    def test_draft_is_not_usable(
        self, plan, records, put, hours: float, changes: dict[str, Any], message: str
    ) -> None:
        """It failed, is not finished, is too old, or belongs to another account."""
        put(attempt_of("a", hours=hours, **changes))
        (problem,) = check(plan, records)

        assert message in problem.message

    def test_draft_of_a_simulator_moves_with_its_port(self, plan, records, put) -> None:
        """A simulator has another address in each run and still has its jobs."""
        put(attempt_of("a", base_url="http://127.0.0.1:1000/simulator/api/v3"))

        assert check(plan, records, base_url="http://127.0.0.1:2000/simulator/api/v3") == []

    def test_kept_shot_needs_no_draft(self, plan, records) -> None:
        """Nothing is requested for it."""
        assert check(plan, records, a=ShotStatus(ShotState.KEPT, "rendered")) == []


class TestClip:
    """The clip that a `continue: clip` shot continues."""

    @pytest.fixture
    def plan(self, make_board: Callable[..., Board]) -> Plan:
        text = board_text(
            "id: a, prompt: p",
            "id: b, prompt: q, continue: clip",
            model="seedance-2.0",
            provider="ark",
        )
        return make_plan(make_board(text))

    def test_clip_of_this_run_is_usable(self, plan, records) -> None:
        """Its URL will be fresh."""
        assert check(plan, records) == []

    def test_fresh_clip_is_usable(self, plan, records) -> None:
        """Its URL is served for 24 hours and sent back for 20."""
        kept = ShotStatus(ShotState.KEPT, "rendered", attempt=attempt_of("a", hours=19))

        assert check(plan, records, a=kept) == []

    @pytest.mark.parametrize(
        ("hours", "base_url", "message"),
        [
            (21, ARK_URL, "the clip of a is older than the 20 hours"),
            (1, "https://other.example/v3", "the clip of a was rendered at https://other.example"),
        ],
    )
    def test_clip_is_not_usable(
        self, plan, records, hours: float, base_url: str, message: str
    ) -> None:
        """Its URL has expired, or belongs to another account."""
        attempt = attempt_of("a", hours=hours, base_url=base_url)
        (problem,) = check(plan, records, a=ShotStatus(ShotState.KEPT, "", attempt=attempt))

        assert problem.path == "shots[1].continue"
        assert message in problem.message
        assert "increase the take of a" in problem.remedy


def test_old_clip_is_usable_by_the_simulator(make_board, records) -> None:
    """The simulator takes the file itself."""
    text = board_text("id: a, prompt: p", "id: b, prompt: q, continue: clip", model="seedance-2.0")
    attempt = attempt_of("a", hours=24 * 9)
    status = ShotStatus(ShotState.KEPT, "", attempt=attempt)

    assert check(make_plan(make_board(text)), records, a=status) == []


@pytest.mark.parametrize(
    ("base_url", "is_reachable"),
    [(ARK_URL, False), ("http://127.0.0.1:1/v3", True), ("", True)],
)
def test_private_url_is_for_a_local_provider(
    make_board, records, base_url: str, is_reachable: bool
) -> None:
    """A vendor elsewhere can't fetch an image from this network."""
    text = board_text("id: a, prompt: p, first_frame: 'http://192.168.0.7/a.png'", provider="ark")
    problems = check(make_plan(make_board(text)), records, base_url=base_url)

    assert [problem.path for problem in problems] == (
        [] if is_reachable else ["shots[0].first_frame"]
    )
    assert all("ark can't reach http://192.168.0.7" in problem.message for problem in problems)
