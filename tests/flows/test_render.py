"""Whole runs at a simulator on a real port: what is rendered, what is paid, and in which order."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from flows.render import render_storyboard
from flows.report import RunReport, report_kept
from flows.run import check_ready
from flows.run_context import Caller, called_by
from tasks.errors import JobFailed, MediaError, RateLimited, UrlExpired, UsageError
from tasks.media.frames import first_frame, mean_difference
from tasks.providers.client import Client
from tasks.store.receipts import Attempt, AttemptState, read_receipt
from tests.support.plain_tasks import plain_tasks, render_plainly
from tests.support.reports import attempt_of, folder_of, last_frame_path

FOUR = ("one", "two", "three", "four")


def first_frame_difference(report: RunReport, before: str, after: str) -> float:
    """Return how far the first picture of a clip is from the last frame of an earlier shot."""
    first = first_frame(folder_of(report, after) / "clip.mp4")
    return mean_difference(last_frame_path(report, before).read_bytes(), first)


def test_chain_becomes_film_without_double_frames(studio, chain, outcomes, decode) -> None:
    """Four clips of 49 frames and three chained seams give 193 frames and four chapters."""
    report = studio.run(chain(*FOUR))

    assert outcomes(report) == dict.fromkeys(FOUR, "rendered")
    film = decode(studio.folder / "films" / "board.mp4")
    assert film.frames == report.film.frame_count == 4 * 49 - 3
    assert film.chapters == list(FOUR)
    assert film.size == (864, 480)
    assert studio.creates == 4


def test_chained_shot_starts_on_last_frame(studio, chain) -> None:
    """Frame 0 of a chained clip is the last picture of the clip before it."""
    report = studio.run(chain("one", "two", "three"))

    assert first_frame_difference(report, "one", "two") < 3
    assert first_frame_difference(report, "two", "three") < 3


def test_second_run_pays_nothing(studio, chain) -> None:
    """With every shot kept and the film joined, no task is needed."""
    studio.run(chain("one", "two"))
    report = report_kept(studio.prepare(chain("one", "two")))

    assert [result.outcome for result in report.results] == ["kept", "kept"]
    assert report.film.frame_count == 97
    assert report.spent.is_free
    assert studio.creates == 2


def test_edited_prompt_renders_its_chain_again(studio, chain, outcomes) -> None:
    """If shot 2 of 4 is edited, 2, 3 and 4 are rendered again, as the plan announced."""
    studio.run(chain(*FOUR))
    edited = chain(*FOUR, two="Something else.")
    status = studio.prepare(edited).status
    report = studio.run(edited)

    assert [status[shot].state for shot in FOUR] == ["kept", *["to render"] * 3]
    assert status["two"].reason == "changed since it was rendered"
    assert status["three"].reason == "continues two, which is rendered again"
    assert outcomes(report) == {"one": "kept"} | dict.fromkeys(FOUR[1:], "rendered")
    assert studio.creates == 4 + 3


def test_new_title_only_joins_film_again(studio, chain, decode) -> None:
    """Titles are chapters of the film; no shot is rendered."""
    studio.run(chain("one", "two"))
    report = studio.run(chain("one|title: First", "two"))

    assert [result.outcome for result in report.results] == ["kept", "kept"]
    assert decode(studio.folder / "films" / "board.mp4").chapters == ["First", "two"]
    assert studio.creates == 2


def test_deleted_clip_is_downloaded_again(studio, chain, outcomes) -> None:
    """While the vendor has the job, its clip is downloaded and no other job is created."""
    first = studio.run(chain("one", "two"))
    clip = folder_of(first, "one") / "clip.mp4"
    content = clip.read_bytes()
    clip.unlink()
    status = studio.prepare(chain("one", "two")).status["one"]
    report = studio.run(chain("one", "two"))

    assert status.state == "in flight"
    assert "its clip is missing from the store and is downloaded again" in status.reason
    assert outcomes(report) == {"one": "kept", "two": "kept"}
    assert clip.read_bytes() == content
    assert studio.creates == 2


def test_lost_clip_is_rendered_again_once(studio, chain, outcomes) -> None:
    """If store and vendor have lost a clip, one job is created; the next shot stays kept."""
    first = studio.run(chain("one", "two"))
    (folder_of(first, "one") / "clip.mp4").unlink()
    (studio.root / "jobs" / f"{attempt_of(first, 'one').job}.json").unlink()
    unclear = studio.run(chain("one", "two"))
    assert outcomes(unclear) == {"one": "unclear", "two": "kept"}
    assert studio.creates == 2

    # Only after the seven days for which vendors keep jobs.
    receipt = folder_of(first, "one") / "receipt.json"
    record = json.loads(receipt.read_text())
    old = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    record["attempts"][0] |= dict.fromkeys(("intended_at", "submitted_at", "accepted_at"), old)
    receipt.write_text(json.dumps(record))
    report = studio.run(chain("one", "two"))

    assert outcomes(report) == {"one": "rendered", "two": "kept"}
    assert studio.creates == 3
    record = json.loads((folder_of(report, "one") / "receipt.json").read_text())
    assert [attempt["state"] for attempt in record["attempts"]] == ["lost", "kept"]


def test_deleted_last_frame_is_decoded_from_clip(studio, chain, outcomes) -> None:
    """The clip ends on the same picture, so the vendor is not asked for it."""
    first = studio.run(chain("one"))
    frame = last_frame_path(first, "one")
    content = frame.read_bytes()
    frame.unlink()
    report = studio.run(chain("one", "two"))

    assert outcomes(report) == {"one": "kept", "two": "rendered"}
    assert mean_difference(frame.read_bytes(), content) < 3
    assert studio.creates == 2


def test_failed_shot_skips_only_its_dependants(studio, chain, outcomes) -> None:
    """Shots that continue it are skipped and not sent; the other chain is rendered; no film."""
    text = chain("a", "b", "c", "d", "x|first_frame: none", "y",
                 b="[fail:OutputVideoSensitiveContentDetected] blood")  # fmt: skip
    report = studio.run(text)

    assert outcomes(report) == {
        "a": "rendered",
        "b": "failed",
        "c": "skipped",
        "d": "skipped",
        "x": "rendered",
        "y": "rendered",
    }
    assert isinstance(report.results[1].error, JobFailed)
    assert report.missing == ("b", "c", "d")
    assert report.film is None
    assert not (studio.folder / "films").exists()
    assert studio.submits == 4


def test_failed_first_shot_lets_other_chain_finish(studio, chain, outcomes) -> None:
    """A rejected create ends its own chain while the other chain goes on."""
    text = chain("a", "b", "x|first_frame: none", "y",
                 a="[refuse:InputTextSensitiveContentDetected] blood")  # fmt: skip
    report = studio.run(text)

    assert outcomes(report) == {"a": "failed", "b": "skipped", "x": "rendered", "y": "rendered"}
    assert report.results[1].attempt is None
    assert studio.creates == 2


def test_moderated_prompt_is_free_and_can_be_edited(studio, chain) -> None:
    """The refusal closes the attempt; the edited shot is another one."""
    report = studio.run(chain("one", one="[refuse:InputTextSensitiveContentDetected] blood"))
    edited = studio.run(chain("one"))

    assert report.results[0].outcome == "failed"
    assert report.results[0].attempt.state is AttemptState.CLOSED
    assert report.spent.is_free
    assert edited.results[0].outcome == "rendered"


def test_rate_limited_create_is_sent_by_next_run(studio, chain) -> None:
    """Status 429 proves that no job was created, so the attempt is closed."""
    studio.faults.inject("throttled", operation="create")
    report = studio.run(chain("one"))
    following = studio.run(chain("one"))

    assert isinstance(report.results[0].error, RateLimited)
    assert following.results[0].outcome == "rendered"
    assert studio.creates == 1


def test_submit_intent_is_written_before_request(studio, chain, monkeypatch) -> None:
    """A crash at the moment of sending leaves a complete intent in the receipt."""
    attempts: list[Attempt | None] = []
    create = Client.create

    async def record_and_create(self, request, **options):
        paths = (studio.folder / "store").rglob("receipt.json")
        attempts.extend(read_receipt("key", json.loads(path.read_text())).current for path in paths)
        return await create(self, request, **options)

    monkeypatch.setattr(Client, "create", record_and_create)
    studio.run(chain("one", provider="ark"))

    (attempt,) = attempts
    assert attempt.state is AttemptState.INTENDED
    assert attempt.base_url.startswith(studio.url)
    assert attempt.max_price.amount > 0
    assert attempt.request_sha256


def test_runs_at_same_time_pay_each_shot_once(studio, chain) -> None:
    """A run that finds a key locked waits and uses the job of the other run."""
    run = studio.prepare(chain("one", "two"))
    reports = []

    def render() -> None:
        reports.append(render_plainly(run, studio.on_progress))

    threads = [threading.Thread(target=render) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert studio.creates == 2
    assert [report.film.frame_count for report in reports] == [97, 97, 97]


def test_chains_are_submitted_together(studio, chain) -> None:
    """Two chains do not wait for each other."""
    assert studio.count_submitted(chain("a", "b|first_frame: none"), 2) == 2


def test_jobs_limit_submits_shots_in_turn(studio, chain) -> None:
    """With `--jobs 1` the second chain is submitted when the first one's job is done."""
    assert studio.count_submitted(chain("a", "b|first_frame: none"), 1, jobs=1) == 1


def test_only_renders_shot_and_what_it_continues(studio, chain, outcomes) -> None:
    """The other shots are left out, and no film is joined."""
    report = studio.run(chain("a", "b", "c", "x|first_frame: none"), only=("b",))

    assert outcomes(report) == {"a": "rendered", "b": "rendered"}
    assert report.film is None


def test_until_renders_up_to_shot(studio, chain, outcomes) -> None:
    """The order is that of the board, and no film is joined."""
    report = studio.run(chain("a", "b", "c"), until="b")

    assert outcomes(report) == {"a": "rendered", "b": "rendered"}
    assert report.film is None


def test_branch_starts_on_frame_of_named_shot(studio, chain) -> None:
    """A seam drops a frame only if the shots are neighbours in the film."""
    report = studio.run(chain("a", "b", "c|first_frame: {shot: a}"))

    assert first_frame_difference(report, "a", "c") < 3
    assert report.film.frame_count == 3 * 49 - 1


def test_own_clip_is_joined_and_continued(studio, chain, decode) -> None:
    """A shot with `clip: FILE` is free, is part of the film, and can be continued."""
    source = studio.run(chain("one"), name="source")
    (studio.folder / "own.mp4").write_bytes((folder_of(source, "one") / "clip.mp4").read_bytes())
    text = chain("two").replace("shots:\n", "shots:\n  - {id: own, clip: own.mp4}\n")
    report = studio.run(text)

    assert [result.outcome for result in report.results] == ["kept", "rendered"]
    assert decode(studio.folder / "films" / "board.mp4").frames == 97
    first = first_frame(folder_of(report, "two") / "clip.mp4")
    assert mean_difference(last_frame_path(source, "one").read_bytes(), first) < 3


def test_clips_of_two_sizes_become_one_film(studio, chain, decode) -> None:
    """A clip of another size is fitted, so that no paid shot is missing in the film."""
    report = studio.run(chain("a", "b|first_frame: none, ratio: '1:1'", "c|first_frame: none"))

    film = decode(studio.folder / "films" / "board.mp4")
    assert report.error is None
    assert (film.frames, film.size) == (3 * 49, (864, 480))


def test_black_last_frame_is_not_continued(studio, chain, outcomes) -> None:
    """No job is created for a shot that would start from black."""
    source = studio.run(chain("one"), name="source")
    write_black_clip(folder_of(source, "one") / "clip.mp4", studio.folder / "black.mp4")
    text = chain("two").replace("shots:\n", "shots:\n  - {id: own, clip: black.mp4}\n")
    # Without the check of own clips, which finds it earlier: the end of a render is known late.
    report = render_plainly(studio.prepare(text), studio.on_progress)

    assert outcomes(report) == {"own": "kept", "two": "failed"}
    assert isinstance(report.results[1].error, MediaError)
    assert "black" in str(report.results[1].error)
    assert studio.creates == 1


def write_black_clip(template: Path, target: Path) -> None:
    """Write a second of black in the size of another clip."""
    import av
    import numpy as np

    with av.open(str(template)) as source:
        stream = source.streams.video[0]
        width, height = stream.width, stream.height
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8), format="rgb24")
        for _ in range(24):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize("fault", ["short_download", "download_error", "jpeg_frame"])
def test_bad_download_is_repeated_without_create(studio, chain, outcomes, fault: str) -> None:
    """A truncated clip, a server error and a JPEG named PNG cost no second job."""
    studio.faults.inject(fault)
    report = studio.run(chain("one", "two"))

    assert outcomes(report) == {"one": "rendered", "two": "rendered"}
    assert studio.creates == 2


def test_expired_links_fail_shot_without_create(studio, chain, outcomes) -> None:
    """A job whose files are not served fails its shot, and stays done for the next run."""
    studio.faults.inject("links_expired")
    report = studio.run(chain("one", "two"))

    assert outcomes(report) == {"one": "failed", "two": "skipped"}
    assert isinstance(report.results[0].error, UrlExpired)
    assert attempt_of(report, "one").state == "done"
    assert studio.creates == 1


def test_loopback_render_is_not_kept_for_vendor(studio, chain) -> None:
    """Without the loopback base URL the same board has every shot to render."""
    text = chain("one", provider="ark")
    studio.run(text)
    at_loopback = studio.prepare(text).status["one"].state
    studio.env["SHOTCHAIN_ARK_BASE_URL"] = "https://ark.example/api/v3"
    at_vendor = studio.prepare(text).status["one"].state

    assert (at_loopback, at_vendor) == ("kept", "to render")


def test_billed_tokens_are_booked(studio, chain) -> None:
    """The receipt has the estimate and the actual price; the run adds up the actual ones."""
    report = studio.run(chain("one", "two", provider="modelark"))

    attempt = attempt_of(report, "one")
    assert attempt.tokens == 864 * 480 * 49 // 1024
    assert str(attempt.price.amount) == "0.0496125"
    assert attempt.max_price == attempt.price
    assert report.spent.to_json() == {"amount": 0.099225, "currency": "USD"}


def test_records_contain_no_key_and_no_signature(studio, chain) -> None:
    """Neither the key nor the query of a signed URL is in the store, after errors as well."""
    studio.faults.inject("server_error", operation="create", match="Picture of x")
    studio.run(chain("one", "two", "x|first_frame: none", provider="ark"))
    records = [
        path.read_bytes()
        for path in (studio.folder / "store").rglob("*")
        if path.is_file() and path.suffix not in (".mp4", ".png")
    ]

    assert len(records) > 5
    assert not [data for data in records if b"canary-key" in data or b"Signature" in data]


def test_film_of_another_board_is_not_replaced(studio, chain) -> None:
    """A foreign file at the film's place is an error before anything is sent; --out helps."""
    (studio.folder / "films").mkdir()
    (studio.folder / "films" / "board.mp4").write_bytes(b"a foreign film")

    with pytest.raises(UsageError, match="--out"):
        check_ready(studio.prepare(chain("one")))
    assert studio.submits == 0

    assert studio.run(chain("one"), out=studio.folder / "here.mp4").film
    assert (studio.folder / "here.mp4").stat().st_size > 10_000
    assert (studio.folder / "films" / "board.mp4").read_bytes() == b"a foreign film"


def test_flow_with_old_plan_digest_sends_nothing(studio, chain, monkeypatch) -> None:
    """A board that was edited after its plan was shown is not rendered at an unseen price."""
    for name, value in studio.settings().variables.items():
        monkeypatch.setenv(name, value)
    text = chain("one", "two", provider="ark")
    digest = studio.prepare(text).digest()
    path = studio.write(chain("one", "two", provider="ark", two="Something else."))

    def run_flow() -> dict:
        parameters = {"store": str(studio.folder / "store"), "yes": True, "plan_digest": digest}
        caller = Caller(studio.folder, studio.on_progress)
        with plain_tasks(), disable_run_logger(), called_by(caller):
            return asyncio.run(render_storyboard.fn(str(path), **parameters))

    with pytest.raises(UsageError, match="board was changed after its plan was shown: run again"):
        run_flow()
    assert studio.submits == 0
    assert studio.progress == []

    studio.write(text)
    assert [shot["outcome"] for shot in run_flow()["shots"]] == ["rendered", "rendered"]


def test_options_name_shots_in_any_unicode_form(studio, chain) -> None:
    """A file name or a terminal of macOS has letters and accents apart, and the board need not."""
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    board = chain("a", composed, "z")

    assert studio.prepare(board, only=(decomposed,)).shots[-1].id == composed
    assert studio.prepare(board, until=decomposed).shots[-1].id == composed
    with pytest.raises(UsageError, match="not unclear"):
        studio.prepare(board, resubmit=(decomposed,))
    assert studio.prepare(chain("a", decomposed), only=(composed,)).shots[-1].id == composed
