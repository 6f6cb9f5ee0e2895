"""A run end to end against the simulator on a real port, through bare steps: what is paid, when."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from flows.cli.render import report_kept
from tasks.errors import JobFailed, MediaError, RateLimited
from tasks.media.frames import first_frame, mean_difference
from tasks.store.receipts import AttemptState, read_receipt
from tests.support.plain_tasks import render_plainly

FOUR = ("one", "two", "three", "four")


def attempt_of(report, shot: str):
    return next(one.attempt for one in report.results if one.shot.id == shot)


def home_of(report, shot: str) -> Path:
    planned = next(one.shot for one in report.results if one.shot.id == shot)
    return report.run.records_of(planned).folder_of(planned.key)


def test_a_chain_becomes_a_film_of_exactly_the_frames_it_should_have(
    studio, chain, outcomes, decode
) -> None:
    """Four clips of 49 frames, three chained seams: 193 frames, a chapter per shot."""
    report = studio.run(chain(*FOUR))

    assert outcomes(report) == dict.fromkeys(FOUR, "rendered")
    film = decode(studio.folder / "films" / "board.mp4")
    assert film.frames == report.film.frame_count == 4 * 49 - 3
    assert film.chapters == list(FOUR)
    assert film.size == (864, 480)
    assert studio.creates == 4


def test_each_shot_starts_on_the_last_frame_of_the_one_before(studio, chain) -> None:
    """Frame 0 of a chained clip is the picture that the clip before ended on."""
    report = studio.run(chain("one", "two", "three"))

    for before, after in (("one", "two"), ("two", "three")):
        last = home_of(report, before) / attempt_of(report, before).last_frame.name
        first = first_frame(home_of(report, after) / "clip.mp4")
        assert mean_difference(last.read_bytes(), first) < 3


def test_a_second_run_renders_nothing_and_pays_nothing(studio, chain) -> None:
    """With everything kept the answer needs no step at all."""
    studio.run(chain("one", "two"))
    again = report_kept(studio.prepare(chain("one", "two")))

    assert [one.outcome for one in again.results] == ["kept", "kept"]
    assert again.film.frame_count == 97
    assert again.spent.is_free
    assert studio.creates == 2


def test_an_edited_prompt_renders_the_shot_and_what_continues_it(studio, chain, outcomes) -> None:
    """Shot 2 of 4 is edited: 2, 3 and 4 are rendered again, the plan said so before."""
    studio.run(chain(*FOUR))
    edited = chain(*FOUR, two="Something else.")
    standing = studio.prepare(edited).status
    report = studio.run(edited)

    assert {one: standing[one].state for one in FOUR} == {
        "one": "kept",
        "two": "to render",
        "three": "to render",
        "four": "to render",
    }
    assert standing["two"].reason == "changed since it was rendered"
    assert standing["three"].reason == "continues two, which is rendered again"
    assert outcomes(report) == {"one": "kept"} | dict.fromkeys(FOUR[1:], "rendered")
    assert studio.creates == 4 + 3


def test_a_new_title_joins_the_film_anew_and_renders_nothing(studio, chain, decode) -> None:
    """Titles are chapters: the film changes, no shot does."""
    studio.run(chain("one", "two"))
    report = studio.run(chain("one|title: First", "two"))

    assert [one.outcome for one in report.results] == ["kept", "kept"]
    assert decode(studio.folder / "films" / "board.mp4").chapters == ["First", "two"]
    assert studio.creates == 2


def test_a_clip_deleted_by_hand_is_fetched_again_without_a_create(studio, chain, outcomes) -> None:
    """While the vendor has the job, what was paid for is fetched, not bought."""
    first = studio.run(chain("one", "two"))
    clip = home_of(first, "one") / "clip.mp4"
    before = clip.read_bytes()
    clip.unlink()
    standing = studio.prepare(chain("one", "two")).status["one"]
    report = studio.run(chain("one", "two"))

    assert standing.state == "in flight"
    assert "is downloaded again from job" in standing.reason
    assert outcomes(report) == {"one": "kept", "two": "kept"}
    assert clip.read_bytes() == before
    assert studio.creates == 2


def test_a_clip_that_the_vendor_lost_too_is_rendered_again_once(studio, chain, outcomes) -> None:
    """Gone here and there: exactly one more create, and the one behind it is kept."""
    first = studio.run(chain("one", "two"))
    (home_of(first, "one") / "clip.mp4").unlink()
    (studio.root / "jobs" / f"{attempt_of(first, 'one').job}.json").unlink()
    report = studio.run(chain("one", "two"))

    assert outcomes(report) == {"one": "rendered", "two": "kept"}
    assert studio.creates == 3
    record = json.loads((home_of(report, "one") / "receipt.json").read_text())
    assert [one["state"] for one in record["attempts"]] == ["lost", "kept"]


def test_a_last_frame_deleted_by_hand_is_taken_from_the_clip(studio, chain) -> None:
    """The clip ends on the same picture: nothing is asked of anybody."""
    first = studio.run(chain("one"))
    frame = home_of(first, "one") / attempt_of(first, "one").last_frame.name
    picture = frame.read_bytes()
    frame.unlink()
    report = studio.run(chain("one", "two"))

    assert studio.creates == 2
    assert mean_difference(frame.read_bytes(), picture) < 3
    assert [one.outcome for one in report.results] == ["kept", "rendered"]


def test_a_failed_shot_fails_its_chain_and_not_its_neighbours(studio, chain, outcomes) -> None:
    """What continues it is skipped, the other chain is rendered, no film has a hole."""
    text = chain("a", "b", "c", "x|first_frame: none", "y",
                 b="[fail:OutputVideoSensitiveContentDetected] blood")  # fmt: skip
    report = studio.run(text)

    assert outcomes(report) == {
        "a": "rendered",
        "b": "failed",
        "c": "skipped",
        "x": "rendered",
        "y": "rendered",
    }
    assert report.film is None
    assert isinstance(report.results[1].error, JobFailed)
    assert not (studio.folder / "films").exists()


def test_a_refused_prompt_costs_nothing_and_may_be_sent_again_edited(studio, chain) -> None:
    """A refusal closes the intent; the edited shot is another one."""
    bad = "[refuse:InputTextSensitiveContentDetected] blood"
    report = studio.run(chain("one", one=bad))
    again = studio.run(chain("one"))

    assert report.results[0].outcome == "failed"
    assert report.results[0].attempt.state is AttemptState.CLOSED
    assert report.spent.is_free
    assert again.results[0].outcome == "rendered"


def test_a_throttled_create_closes_its_intent_and_the_next_run_sends_it(studio, chain) -> None:
    """429 proves that nothing was taken."""
    studio.faults.inject("throttled", operation="create")
    report = studio.run(chain("one"))
    again = studio.run(chain("one"))

    assert isinstance(report.results[0].error, RateLimited)
    assert again.results[0].outcome == "rendered"
    assert studio.creates == 1


def test_the_intent_is_on_disk_before_the_request(studio, chain, monkeypatch) -> None:
    """What a crash at the moment of sending would leave is a full intent."""
    from tasks.providers.client import Client

    seen = []
    create = Client.create

    async def watched(self, order):
        for path in (studio.folder / "store").rglob("receipt.json"):
            seen.append(read_receipt("k", json.loads(path.read_text())).current)
        return await create(self, order)

    monkeypatch.setattr(Client, "create", watched)
    studio.run(chain("one", provider="ark"))

    assert [one.state for one in seen] == [AttemptState.INTENDED]
    assert seen[0].base_url.startswith(studio.url)
    assert seen[0].max_price.amount > 0
    assert seen[0].request_sha256


def test_two_runs_at_once_pay_each_shot_once(studio, chain) -> None:
    """The second waits for the first one's job and uses it."""
    production = studio.prepare(chain("one", "two"))
    production.store.initialize()
    reports = []

    def run() -> None:
        reports.append(render_plainly(production, studio.on_progress))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert studio.creates == 2
    assert [one.film.frame_count for one in reports] == [97, 97, 97]


def test_chains_render_side_by_side_unless_one_at_a_time_is_asked(studio, chain) -> None:
    """`--jobs 1` sends the second shot only when the first is done."""
    text = chain("a", "b|first_frame: none")
    studio.run(text)
    side_by_side = [what for what in studio.progress if what[1] in ("submitting", "rendered")]
    studio.progress.clear()
    studio.run(text.replace("Picture", "Drawing"), jobs=1)
    in_turn = [what for what in studio.progress if what[1] in ("submitting", "running")]

    assert [one[1] for one in side_by_side][:2] == ["submitting", "submitting"]
    assert in_turn.index(("b", "submitting")) > max(
        index for index, what in enumerate(in_turn) if what == ("a", "running")
    )


def test_only_renders_the_named_shots_and_what_they_continue(studio, chain, outcomes) -> None:
    """A part of the board, and no film."""
    report = studio.run(chain("a", "b", "c", "x|first_frame: none"), only=("b",))

    assert outcomes(report) == {"a": "rendered", "b": "rendered"}
    assert report.film is None


def test_until_renders_up_to_a_shot(studio, chain, outcomes) -> None:
    """In the order of the board, and no film."""
    report = studio.run(chain("a", "b", "c"), until="b")

    assert outcomes(report) == {"a": "rendered", "b": "rendered"}
    assert report.film is None


def test_a_shot_may_continue_any_other(studio, chain) -> None:
    """A branch starts on the frame of the shot it names, and drops nothing where that is not
    the shot before it."""
    report = studio.run(chain("a", "b", "c|first_frame: {shot: a}"))

    last = home_of(report, "a") / attempt_of(report, "a").last_frame.name
    first = first_frame(home_of(report, "c") / "clip.mp4")
    assert mean_difference(last.read_bytes(), first) < 3
    assert report.film.frame_count == 3 * 49 - 1


def test_a_file_can_be_a_shot_and_be_continued(studio, chain, decode) -> None:
    """`clip: FILE` costs nothing, stands in the film, and its last frame is continued."""
    first = studio.run(chain("one"), name="source")
    clip = home_of(first, "one") / "clip.mp4"
    (studio.folder / "own.mp4").write_bytes(clip.read_bytes())
    text = chain("two").replace("shots:\n", "shots:\n  - {id: own, clip: own.mp4}\n")
    report = studio.run(text)

    assert [one.outcome for one in report.results] == ["kept", "rendered"]
    assert decode(studio.folder / "films" / "board.mp4").frames == 97
    last = home_of(first, "one") / attempt_of(first, "one").last_frame.name
    assert mean_difference(last.read_bytes(), first_frame(home_of(report, "two") / "clip.mp4")) < 3


def test_clips_of_two_sizes_still_become_one_film(studio, chain, decode) -> None:
    """What disagrees is fitted, so that what was paid for is seen."""
    report = studio.run(chain("a", "b|first_frame: none, ratio: '1:1'", "c|first_frame: none"))

    film = decode(studio.folder / "films" / "board.mp4")
    assert report.error is None
    assert (film.frames, film.size) == (3 * 49, (864, 480))


def test_a_black_frame_is_not_continued(studio, chain, outcomes) -> None:
    """No money is spent on going on from black."""
    first = studio.run(chain("one"), name="source")
    clip = make_black(home_of(first, "one") / "clip.mp4", studio.folder / "black.mp4")
    text = chain("two").replace("shots:\n", f"shots:\n  - {{id: own, clip: {clip.name}}}\n")
    report = studio.run(text)

    assert outcomes(report) == {"own": "kept", "two": "failed"}
    assert isinstance(report.results[1].error, MediaError)
    assert "black" in str(report.results[1].error)
    assert studio.creates == 1


def make_black(like: Path, to: Path) -> Path:
    import av
    import numpy as np

    with av.open(str(like)) as source:
        stream = source.streams.video[0]
        width, height = stream.width, stream.height
    with av.open(str(to), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8), format="rgb24")
        for _ in range(24):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return to


@pytest.mark.parametrize(
    "fault", ["short_download", "download_error", "jpeg_frame", "links_expired"]
)
def test_a_bad_download_never_becomes_a_second_create(studio, chain, fault: str) -> None:
    """A clip that breaks off, a vendor's hiccup, a JPEG for a PNG: fetched all the same."""
    studio.faults.inject(fault)
    report = studio.run(chain("one", "two"))

    if fault == "links_expired":
        assert report.results[0].outcome == "failed"
    else:
        assert [one.outcome for one in report.results] == ["rendered", "rendered"]
    assert studio.creates <= 2


def test_what_came_over_loopback_is_not_kept_for_the_real_vendor(studio, chain) -> None:
    """The same board without the loopback base URL has everything still to render."""
    text = chain("one", provider="ark")
    studio.run(text)
    here = studio.prepare(text).status["one"].state
    studio.words["SHOTCHAIN_ARK_BASE_URL"] = "https://ark.example/api/v3"
    there = studio.prepare(text).status["one"].state

    assert (here, there) == ("kept", "to render")


def test_what_a_vendor_bills_is_booked(studio, chain) -> None:
    """Estimate and actual stand side by side; the sum of a run is the vendor's."""
    report = studio.run(chain("one", "two", provider="modelark"))

    attempt = attempt_of(report, "one")
    assert attempt.tokens == 864 * 480 * 49 // 1024
    assert str(attempt.price.amount) == "0.0496125"
    assert attempt.max_price == attempt.price
    assert report.spent.to_json() == {"amount": 0.099225, "currency": "USD"}


def test_no_key_and_no_signature_is_in_anything_that_was_written(studio, chain) -> None:
    """Neither the key nor a signed URL's query is in the store, however a run went."""
    studio.faults.inject("server_error", operation="create", match="Picture of x")
    studio.run(chain("one", "two", "x|first_frame: none", provider="ark"))
    written = [
        path.read_bytes()
        for path in (studio.folder / "store").rglob("*")
        if path.is_file() and path.suffix not in (".mp4", ".png")
    ]

    assert len(written) > 5
    assert not [data for data in written if b"canary-key" in data or b"Signature" in data]


def test_another_board_s_film_is_not_overwritten(studio, chain) -> None:
    """A film in the place that is not this board's: refused before anything is spent."""
    from flows.run import check_ready
    from tasks.errors import UsageError

    (studio.folder / "films").mkdir()
    (studio.folder / "films" / "board.mp4").write_bytes(b"somebody's film")
    production = studio.prepare(chain("one"))

    with pytest.raises(UsageError, match="--out"):
        check_ready(production)

    assert studio.run(chain("one"), out=studio.folder / "here.mp4").film
    assert (studio.folder / "here.mp4").stat().st_size > 10_000
    assert (studio.folder / "films" / "board.mp4").read_bytes() == b"somebody's film"
