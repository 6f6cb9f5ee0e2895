"""Clips that are continued and drafts that are promoted, end to end: by which URL, for how long."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.documents import count_film_frames, plan_document, render_document
from flows.run import check_preconditions
from tasks.errors import InvalidStoryboard, MediaError
from tasks.simulator.request_log import read_request_log
from tasks.store.atomic_files import digest_bytes

HEAD = "provider: {provider}\nlook: {{resolution: 480p, ratio: '16:9'}}\nshots:\n"
ONE = "  - {id: one, model: seedance-1.0-pro, seconds: 2, prompt: Dawn.}\n"
TWO = "  - {id: two, model: seedance-2.0, seconds: 4, audio: false, prompt: Noon, continue: clip}\n"
MINI = "  - {id: two, model: seedance-2.0-mini, seconds: 4, prompt: Noon, continue: clip}\n"


def board(*shots: str, provider: str = "ark") -> str:
    return HEAD.format(provider=provider) + "".join(shots)


def receipt_of(report, shot: str) -> Path:
    planned = next(one.shot for one in report.results if one.shot.id == shot)
    return report.run.records_of(planned).folder_of(planned.key) / "receipt.json"


def age(path: Path, **by: float) -> None:
    """Make a receipt older than it is."""
    record = json.loads(path.read_text())
    then = (datetime.now(UTC) - timedelta(**by)).isoformat(timespec="milliseconds")
    for name in ("intended_at", "submitted_at", "done_at"):
        record["attempts"][-1][name] = then
    path.write_text(json.dumps(record))


def commission(studio, job: str) -> dict:
    return json.loads((studio.root / "jobs" / f"{job}.json").read_text())["commission"]


def operations(studio) -> list[str]:
    return [one.operation for one in read_request_log(studio.root)]


def test_a_clip_is_continued_by_the_vendor_s_own_url(studio, decode) -> None:
    """The model gets the clip before, made a moment ago; the seam drops nothing."""
    text = board(ONE, TWO)
    report = studio.run(text, yes=True)
    one, two = report.results

    assert [(result.outcome, result.error) for result in report.results] == [("rendered", None)] * 2
    media = commission(studio, two.attempt.job)["media"]
    last = (studio.root / "files" / f"{one.attempt.job}.png").read_bytes()
    assert [(one["role"], one["source"]) for one in media] == [
        ("reference_video", digest_bytes(last))
    ]
    assert "upload" not in operations(studio)
    assert two.attempt.first_frame_sha256 == one.attempt.last_frame.sha256
    assert count_film_frames(report.run) == report.film.frame_count == 49 + 97
    assert decode(studio.folder / "films" / "board.mp4").frames == 49 + 97
    # With a clip, 2.0 bills five thirds of its own seconds at least.
    assert two.attempt.tokens == two.shot.tokens == 864 * 496 * 24 * 7 // 1024

    again = studio.prepare(text)
    told = plan_document(again)["shots"][1]
    assert (told["state"], told["seam"]) == ("kept", "fresh")
    assert (told["chain"], told["continues"], told["continues_by"]) == ("one", "one", "clip")
    assert render_document(report, None)["shots"][1]["seam_difference"] is None


def test_a_kept_clip_is_refused_at_a_vendor_once_its_url_is_too_old(studio) -> None:
    """After 20 hours, before anything is sent, with the ways there are; while it is young, not."""
    first = studio.run(board(ONE), yes=True)
    check_preconditions(studio.prepare(board(ONE, TWO)))
    age(receipt_of(first, "one"), hours=21)

    with pytest.raises(InvalidStoryboard) as raised:
        studio.run(board(ONE, TWO), yes=True)

    (problem,) = raised.value.problems
    assert problem.path == "shots[1].continue"
    assert "the clip of one is older than the 20 hours" in problem.message
    assert "Remove continue" in problem.remedy
    assert "increase the take of one" in problem.remedy
    assert "asset://" in problem.remedy
    assert studio.submits == 1
    check_preconditions(studio.prepare(board(ONE, TWO), only=("one",)))

    # Another base URL is another account's files, whatever the provider's name.
    path = receipt_of(first, "one")
    age(path, hours=1)
    path.write_text(path.read_text().replace("127.0.0.1", "127.0.0.2"))
    with pytest.raises(InvalidStoryboard, match=r"was rendered at http://127\.0\.0\.2"):
        check_preconditions(studio.prepare(board(ONE, TWO)))


def test_a_clip_that_its_vendor_has_no_more_costs_nothing(studio) -> None:
    """Kept here and young, but gone there: the shot fails before its create, the other is kept."""
    first = studio.run(board(ONE), yes=True)
    (studio.root / "jobs" / f"{first.results[0].attempt.job}.json").unlink()
    report = studio.run(board(ONE, TWO), yes=True)

    one, two = report.results
    assert (one.outcome, two.outcome) == ("kept", "failed")
    assert isinstance(two.error, MediaError)
    assert "two can't continue one" in str(two.error)
    assert two.attempt is None
    assert studio.submits == 1


def test_the_simulator_takes_the_kept_clip_itself(studio) -> None:
    """It stands on this machine: however old the clip, it is left there and continued."""
    first = studio.run(board(ONE, provider="simulator"))
    age(receipt_of(first, "one"), days=9)
    (studio.root / "jobs" / f"{first.results[0].attempt.job}.json").unlink()
    report = studio.run(board(ONE, MINI, provider="simulator"))

    one, two = report.results
    assert (one.outcome, two.outcome) == ("kept", "rendered")
    assert operations(studio).count("upload") == 1
    (medium,) = commission(studio, two.attempt.job)["media"]
    assert (medium["role"], medium["width"]) == ("reference_video", 864)


def test_a_url_that_a_vendor_can_not_reach_is_refused(studio) -> None:
    """A clip on this machine, for a vendor that is elsewhere; for one that is here it may be."""
    text = board(
        "  - {id: a, model: seedance-2.0, prompt: p, seconds: 4, "
        "references: {videos: ['http://192.168.0.7/a.mp4?key=1']}}\n"
    )
    check_preconditions(studio.prepare(text))
    studio.url = "https://vendor.example"
    with pytest.raises(InvalidStoryboard) as raised:
        check_preconditions(studio.prepare(text))

    (problem,) = raised.value.problems
    assert problem.path == "shots[0].references"
    assert problem.message == "ark can't reach http://192.168.0.7/a.mp4"
    assert "Give a public URL" in problem.remedy


DRAFT = """\
provider: {provider}
model: seedance-1.5-pro
look: {{resolution: 480p, seconds: 4, audio: false, ratio: '16:9', draft: {draft}}}
shots: [{{id: a, prompt: A lighthouse.}}]
"""


def draft(stage: str, provider: str = "ark") -> str:
    return DRAFT.format(draft=stage, provider=provider)


def test_a_draft_becomes_its_full_picture(studio) -> None:
    """By the job of just that draft; both are paid, a second run pays nothing."""
    preview = studio.run(draft("true"), yes=True).results[0]
    report = studio.run(draft("final"), yes=True)
    (final,) = report.results

    assert (final.outcome, final.error) == ("rendered", None)
    made = commission(studio, final.attempt.job)
    assert (made["draft_job"], made["draft"]) == (preview.attempt.job, False)
    assert made["prompt"] == "A lighthouse."
    assert final.attempt.tokens == final.shot.tokens == 864 * 496 * 97 // 1024
    assert preview.attempt.tokens == final.attempt.tokens * 7 // 10
    assert final.attempt.price.amount > preview.attempt.price.amount
    assert studio.prepare(draft("final")).status["a"].state == "kept"
    assert studio.creates == 2
    told = plan_document(report.run)["shots"][0]
    assert (told["draft"], told["prompt"]) == ("final", "A lighthouse.")


def test_a_full_picture_is_never_stale(studio) -> None:
    """Its draft settled where it starts; what stands before it now makes no second payment."""
    board = draft("true").replace("lighthouse.}", "lighthouse.}, {id: b, prompt: Rain.}")
    studio.run(board, yes=True)
    final = board.replace("draft: true", "draft: final")
    studio.run(final, yes=True)
    creates = studio.creates
    again = studio.run(final, yes=True, stale="cascade")

    assert [one.outcome for one in again.results] == ["kept", "kept"]
    assert (studio.creates, creates) == (4, 4)


def test_without_its_draft_there_is_no_full_picture(studio) -> None:
    """Told before anything is sent, and how to get there; also where the draft is too old."""
    with pytest.raises(InvalidStoryboard, match="the store has no draft of a as it is written"):
        studio.run(draft("final"), yes=True)

    studio.faults.inject("job_failed", times=1, code="InternalServiceError")
    studio.faults.inject("job_failed", times=1, code="InternalServiceError")
    studio.run(draft("true"), yes=True)
    with pytest.raises(InvalidStoryboard, match="Render a with `draft: true` at ark"):
        studio.run(draft("final"), yes=True)

    done = studio.run(draft("true"), yes=True)
    check_preconditions(studio.prepare(draft("final")))
    age(receipt_of(done, "a"), days=8)
    with pytest.raises(InvalidStoryboard, match="older than the 7 days in which ark takes it"):
        studio.run(draft("final"), yes=True)
    assert studio.submits == 3
