"""Shots that continue a clip, and final versions of drafts, from the board to the vendor's job."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.documents import count_film_frames, plan_document, report_document
from flows.run import check_preconditions
from tasks.errors import InvalidStoryboard, MediaError
from tasks.simulator.request_log import read_request_log
from tasks.store.atomic_files import digest_bytes
from tests.support.reports import folder_of

HEAD = "provider: {provider}\nlook: {{resolution: 480p, ratio: '16:9'}}\nshots:\n"
FIRST = "  - {id: one, model: seedance-1.0-pro, seconds: 2, prompt: Dawn.}\n"
SECOND = (
    "  - {id: two, model: seedance-2.0, seconds: 4, audio: false, prompt: Noon, continue: clip}\n"
)
MINI = "  - {id: two, model: seedance-2.0-mini, seconds: 4, prompt: Noon, continue: clip}\n"


def board(*shots: str, provider: str = "ark") -> str:
    return HEAD.format(provider=provider) + "".join(shots)


def set_age(path: Path, **age: float) -> None:
    """Set the times of a receipt's latest attempt, such as `hours=21` ago."""
    record = json.loads(path.read_text())
    time = (datetime.now(UTC) - timedelta(**age)).isoformat(timespec="milliseconds")
    for name in ("intended_at", "submitted_at", "done_at"):
        record["attempts"][-1][name] = time
    path.write_text(json.dumps(record))


def job_request(studio, job: str) -> dict[str, Any]:
    """Return the request of a job as the vendor recorded it."""
    return json.loads((studio.root / "jobs" / f"{job}.json").read_text())["commission"]


def operations(studio) -> list[str]:
    return [request.operation for request in read_request_log(studio.root)]


def test_clip_is_continued_by_vendor_url(studio, decode) -> None:
    """The vendor gets the URL of its own new clip, and the seam drops no frame."""
    report = studio.run(board(FIRST, SECOND), yes=True)
    first, second = report.results

    assert [(result.outcome, result.error) for result in report.results] == [("rendered", None)] * 2
    media = job_request(studio, second.attempt.job)["media"]
    last = (studio.root / "files" / f"{first.attempt.job}.png").read_bytes()
    assert [(medium["role"], medium["source"]) for medium in media] == [
        ("reference_video", digest_bytes(last))
    ]
    assert "upload" not in operations(studio)
    assert second.attempt.first_frame_sha256 == first.attempt.last_frame.sha256
    assert count_film_frames(report.run) == report.film.frame_count == 49 + 97
    assert decode(studio.folder / "films" / "board.mp4").frames == 49 + 97
    # With an input clip, 2.0 bills at least five thirds of its own seconds.
    assert second.attempt.tokens == second.shot.tokens == 864 * 496 * 24 * 7 // 1024


def test_continued_clip_documents_have_its_kind(studio) -> None:
    """The plan shows what is continued, and the report measures no seam."""
    text = board(FIRST, SECOND)
    report = studio.run(text, yes=True)
    shot = plan_document(studio.prepare(text))["shots"][1]

    assert (shot["state"], shot["seam"]) == ("kept", "fresh")
    assert (shot["chain"], shot["continues"], shot["continues_by"]) == ("one", "one", "clip")
    assert report_document(report, None)["shots"][1]["seam_difference"] is None


def test_old_clip_url_is_rejected_before_sending(studio) -> None:
    """After 20 hours the vendor's URL is too old; the problem has the remedies."""
    first = studio.run(board(FIRST), yes=True)
    check_preconditions(studio.prepare(board(FIRST, SECOND)))
    set_age(folder_of(first, "one") / "receipt.json", hours=21)

    with pytest.raises(InvalidStoryboard) as raised:
        studio.run(board(FIRST, SECOND), yes=True)

    (problem,) = raised.value.problems
    assert problem.path == "shots[1].continue"
    assert "the clip of one is older than the 20 hours" in problem.message
    for remedy in ("Remove continue", "increase the take of one", "asset://"):
        assert remedy in problem.remedy
    assert studio.submits == 1
    check_preconditions(studio.prepare(board(FIRST, SECOND), only=("one",)))


def test_clip_of_another_base_url_is_rejected(studio) -> None:
    """Another base URL is another account, although the provider's name is the same."""
    path = folder_of(studio.run(board(FIRST), yes=True), "one") / "receipt.json"
    path.write_text(path.read_text().replace("127.0.0.1", "127.0.0.2"))

    with pytest.raises(InvalidStoryboard, match=r"was rendered at http://127\.0\.0\.2"):
        check_preconditions(studio.prepare(board(FIRST, SECOND)))


def test_clip_lost_by_vendor_costs_nothing(studio) -> None:
    """A kept clip that the vendor no longer has fails the next shot before its create."""
    first = studio.run(board(FIRST), yes=True)
    (studio.root / "jobs" / f"{first.results[0].attempt.job}.json").unlink()
    report = studio.run(board(FIRST, SECOND), yes=True)

    first, second = report.results
    assert (first.outcome, second.outcome) == ("kept", "failed")
    assert isinstance(second.error, MediaError)
    assert "two can't continue one" in str(second.error)
    assert second.attempt is None
    assert studio.submits == 1


def test_simulator_continues_uploaded_clip(studio) -> None:
    """The simulator is on this machine: the kept clip of any age is uploaded and continued."""
    first = studio.run(board(FIRST, provider="simulator"))
    set_age(folder_of(first, "one") / "receipt.json", days=9)
    (studio.root / "jobs" / f"{first.results[0].attempt.job}.json").unlink()
    report = studio.run(board(FIRST, MINI, provider="simulator"))

    first, second = report.results
    assert (first.outcome, second.outcome) == ("kept", "rendered")
    assert operations(studio).count("upload") == 1
    (medium,) = job_request(studio, second.attempt.job)["media"]
    assert (medium["role"], medium["width"]) == ("reference_video", 864)


def test_private_url_is_rejected_for_remote_vendor(studio) -> None:
    """A reference in the local network is valid only for a vendor on this machine."""
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


def test_final_is_made_of_draft_job(studio) -> None:
    """The final version names the job of its draft; both are paid, and a second run is free."""
    preview = studio.run(draft("true"), yes=True).results[0]
    report = studio.run(draft("final"), yes=True)
    (final,) = report.results

    assert (final.outcome, final.error) == ("rendered", None)
    request = job_request(studio, final.attempt.job)
    assert (request["draft_job"], request["draft"]) == (preview.attempt.job, False)
    assert request["prompt"] == "A lighthouse."
    assert final.attempt.tokens == final.shot.tokens == 864 * 496 * 97 // 1024
    assert preview.attempt.tokens == final.attempt.tokens * 7 // 10
    assert final.attempt.price.amount > preview.attempt.price.amount
    assert studio.prepare(draft("final")).status["a"].state == "kept"
    assert studio.creates == 2
    shot = plan_document(report.run)["shots"][0]
    assert (shot["draft"], shot["prompt"]) == ("final", "A lighthouse.")


@pytest.mark.long
def test_final_of_draft_is_never_stale(studio) -> None:
    """The draft has fixed the first frame, so a cascade does not pay for the final again."""
    text = draft("true").replace("lighthouse.}", "lighthouse.}, {id: b, prompt: Rain.}")
    studio.run(text, yes=True)
    final = text.replace("draft: true", "draft: final")
    studio.run(final, yes=True)
    creates = studio.creates
    report = studio.run(final, yes=True, stale="cascade")

    assert [result.outcome for result in report.results] == ["kept", "kept"]
    assert (studio.creates, creates) == (4, 4)


def test_final_without_draft_is_rejected(studio) -> None:
    """A draft that is missing or failed is a problem before anything is sent."""
    with pytest.raises(InvalidStoryboard, match="the store has no draft of a as it is written"):
        studio.run(draft("final"), yes=True)

    studio.faults.inject("job_failed", times=1, code="InternalServiceError")
    studio.faults.inject("job_failed", times=1, code="InternalServiceError")
    studio.run(draft("true"), yes=True)
    with pytest.raises(InvalidStoryboard, match="Render a with `draft: true` at ark"):
        studio.run(draft("final"), yes=True)
    assert studio.submits == 2


def test_final_of_old_draft_is_rejected(studio) -> None:
    """The vendor accepts drafts for seven days."""
    report = studio.run(draft("true"), yes=True)
    check_preconditions(studio.prepare(draft("final")))
    set_age(folder_of(report, "a") / "receipt.json", days=8)

    with pytest.raises(InvalidStoryboard, match="older than the 7 days for which ark accepts it"):
        studio.run(draft("final"), yes=True)
    assert studio.submits == 1
