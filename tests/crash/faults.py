"""Every fault of the simulator through the command: what becomes of the shot, and what is paid.

    python tests/crash/faults.py [--vendor ark] [--only WORDS]

Each fault strikes a board of one shot (two where it needs a seam) at Ark's own wire, which lists
its jobs and gives last frames, and at one that does neither. The command runs in this process
without its engine; what the engine's policies try again is tried again, without their delays. Then
it runs once more without the fault. Prints a table in Markdown; ends with 1 where it is not as
expected.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from stage import VENDORS, Place, opened, remembered

BOARD = """\
provider: {provider}
model: seedance-1.0-pro
look: {{resolution: 480p, seconds: 2, ratio: "16:9"}}
shots:
  - {{id: one, prompt: "Picture of one."}}
"""
SECOND = '  - {id: two, prompt: "Picture of two."}\n'


class Outcome(NamedTuple):
    """What becomes of a run."""

    word: str
    creates: int
    """Jobs that the vendor took."""
    paid: int
    """Those of them that it charges for: not what failed or expired."""
    code: int
    says: str = ""
    """Words of the message; empty where nothing is said."""


class Row(NamedTuple):
    """A fault and what is expected."""

    name: str
    order: dict[str, Any]
    """What is ordered from the simulator."""
    ark: Outcome
    plain: Outcome
    """At the vendor without list and last frame."""
    shots: int = 1
    later: str = ""
    """What the next run comes to, where that is not what follows from the first."""

    def expected(self, provider: str) -> Outcome:
        return self.ark if VENDORS[provider] else self.plain

    def next(self, provider: str) -> str:
        """What the next run comes to, without the fault."""
        follows = {"rendered": "kept", "failed": "rendered", "unclear": "unclear"}
        return self.later or follows[self.expected(provider).word]


def fine(shots: int = 1) -> Outcome:
    return Outcome("rendered", shots, shots, 0)


def failed(says: str, *, creates: int = 0, paid: int = 0, code: int = 1) -> Outcome:
    return Outcome("failed", creates, paid, code, says)


def unclear(says: str, *, creates: int = 0) -> Outcome:
    return Outcome("unclear", creates, creates, 1, says)


def both(name: str, outcome: Outcome, *, shots: int = 1, **order: Any) -> Row:
    return Row(name, order, outcome, outcome, shots)


def create(kind: str, outcome: Outcome, *, lost: Outcome | None = None, **order: Any) -> Row:
    """A fault of a create; `lost` is what becomes of it where the vendor has no list."""
    name = f"{kind} {order.get('code') or order.get('status') or ''}".strip()
    told = {"kind": kind, "operation": "create", **order}
    return Row(f"create: {name}", told, outcome, lost or outcome)


def question(kind: str, **order: Any) -> Row:
    return both(f"query: {kind}", fine(), kind=kind, operation="get", times=2, **order)


def download(kind: str, outcome: Outcome, name: str = "", **order: Any) -> Row:
    return both(f"download: {name or kind}", outcome, kind=kind, match=".mp4", **order)


RESUBMIT = "render with --resubmit one to pay for another"
LOST = "no longer has the clip of one; run again to render it anew for"

ROWS = (
    both("none", fine()),
    create("reset", fine(), lost=unclear(RESUBMIT)),
    create("stall", fine(), seconds=0.3),
    create("stall", fine(), lost=unclear(RESUBMIT), seconds=60)._replace(
        name="create: no answer in time"
    ),
    create("throttled", fine()),
    create("throttled", failed("RPM"), times=9)._replace(name="create: throttled for long"),
    create("server_error", fine(), lost=unclear(RESUBMIT), status=500),
    create("server_error", fine(), lost=unclear(RESUBMIT), status=504),
    create("html", fine(), lost=unclear(RESUBMIT)),
    create("refused", failed("InvalidParameter"), code="InvalidParameter"),
    create("refused", failed("(SHOTCHAIN_", code=3), code="AuthenticationError"),
    create("refused", failed("overdue", code=3), code="AccountOverdueError"),
    create("refused", failed("prompt"), code="InputTextSensitiveContentDetected"),
    create("error_in_200", failed("InternalServiceError")),
    create("lost_reply", fine(), lost=unclear(RESUBMIT, creates=1)),
    create("truncated", fine(), lost=unclear(RESUBMIT, creates=1)),
    create("reset_midway", fine(), lost=unclear(RESUBMIT, creates=1)),
    create("cut_json", fine(), lost=unclear(RESUBMIT, creates=1)),
    create("no_id", fine(), lost=unclear(RESUBMIT, creates=1)),
    both("job: fails, moderated", failed("OutputVideo", creates=1), kind="job_failed"),
    both("job: fails by itself", Outcome("rendered", 2, 1, 0), kind="job_failed",
         code="InternalServiceError"),
    both("job: expires", failed("at its time limit", creates=1), kind="job_expired"),
    both("job: never ends", failed("the next run goes on with it", creates=1, paid=1),
         kind="job_stalls")._replace(later="failed"),
    both("job: links have expired", failed(LOST, creates=1, paid=1), kind="links_expired"),
    both("job: a JPEG frame named .png", fine(2), kind="jpeg_frame", shots=2),
    both("job: another picture", fine(2), kind="other_picture", shots=2),
    both("job: newer words", fine(), kind="newer_words"),
    both("job: its clip redirects", fine(), kind="content_redirects"),
    question("reset"),
    question("stall", seconds=0.2),
    question("throttled"),
    question("server_error"),
    question("html"),
    question("lost_reply"),
    question("truncated"),
    question("reset_midway"),
    question("cut_json"),
    download("short_download", fine()),
    download("reset_midway", fine()),
    download("slow_download", fine(), seconds=0.3),
    download("download_error", fine(), "503"),
    download("download_error", fine(), "403 once", status=403),
    download("download_error", failed(LOST, creates=1, paid=1), "404 for good",
             status=404, times=-1),
    download("download_error", failed("could not be downloaded", creates=1, paid=1), "503 for good",
             times=-1),
    both("last frame: 503 for good", fine(2), shots=2, kind="download_error", match=".png",
         times=-1),
    both("last frame: breaks off", fine(2), kind="short_download", match=".png", shots=2),
    both("callback: sent twice", fine(), kind="callback_twice"),
    both("callback: never sent", fine(), kind="callback_none"),
)  # fmt: skip


def patient_tasks() -> dict[str, Any]:
    """Return the flow's tasks with the engine's retries and without its delays."""
    from tasks.retries import AWAIT_RETRIES, DOWNLOAD_RETRIES, SUBMIT_RETRIES
    from tests.support.plain_tasks import retried

    settings = {
        "submit_shot": SUBMIT_RETRIES,
        "await_frame": AWAIT_RETRIES,
        "download_clip": DOWNLOAD_RETRIES,
    }
    return {name: retried(name, values["retries"]) for name, values in settings.items()}


@contextmanager
def hurried(row: Row) -> Iterator[None]:
    """Long waits made short; what is waited for stays the same."""
    import httpx

    from tests.support.plain_tasks import command_without_engine

    targets: dict[str, Any] = {
        "tasks.submission.reconcile.LOOPBACK_CLOCK_MARGIN_SECONDS": 0.5,
        "tasks.providers.polling.backoff_seconds": lambda attempt: 0.01,
    }
    if row.name == "create: no answer in time":
        target = "tasks.providers.http_transport.HttpTransport._create_timeout"
        targets[target] = lambda _: httpx.Timeout(10.0, read=3.0)
    if row.name == "job: never ends":
        targets["tasks.submission.await_job.job_timeout_seconds"] = lambda *_: 0.5
    with ExitStack() as stack:
        stack.enter_context(command_without_engine(**patient_tasks()))
        for target, value in targets.items():
            stack.enter_context(mock.patch(target, value))
        yield


def run_command(place: Place) -> Outcome:
    """Run the command in this process."""
    from flows.cli.main import main

    out, err, before = io.StringIO(), io.StringIO(), Path.cwd()
    os.chdir(place.folder)
    try:
        with mock.patch.dict(os.environ, place.words), redirect_stdout(out), redirect_stderr(err):
            code = main(place.argv)
    finally:
        os.chdir(before)
    words = dict.fromkeys(one["outcome"] for one in json.loads(out.getvalue())["shots"])
    creates = sum(place.creates().values())
    return Outcome("; ".join(words), creates, charged(place), code, err.getvalue().strip())


def charged(place: Place) -> int:
    """How many of the jobs that the vendor took it charges for."""
    told = [json.loads(path.read_bytes()) for path in (place.vendor / "jobs").glob("*.json")]
    return sum(one["status"] not in ("failed", "expired") for one in told)


def strike(scratch: Path, provider: str, row: Row) -> tuple[Outcome, Outcome]:
    """What comes of the fault, and then of the next run without it."""
    from tasks.simulator.faults import Faults

    faults = Faults()
    with opened(scratch, provider, faults=faults) as place, hurried(row):
        text = BOARD.format(provider=provider) + SECOND * (row.shots - 1)
        (place.folder / "board.yaml").write_text(text)
        if row.order:
            faults.inject(**row.order)
        first = run_command(place)
        faults.clear()
        return first, run_command(place)


def objection(row: Row, provider: str, first: Outcome, again: Outcome) -> str:
    """What is not as expected, or nothing."""
    expected, later = row.expected(provider), row.next(provider)
    if first[:4] != expected[:4]:
        return f"expected {expected}, and it is {first}"
    if expected.says not in first.says or bool(expected.says) != bool(first.says):
        return f"expected it to say {expected.says!r}, and it says {first.says!r}"
    if again.word != later or again.code != (later in ("failed", "unclear")):
        return f"expected the next run to be {later}, and it is {again}"
    if later != "rendered" and again.creates != first.creates:
        return f"the next run paid again: {again}"
    return ""


def plain(message: str) -> str:
    """A message without what differs from run to run, in one cell."""
    message = re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z", "TIME", message.replace("shotchain: ", ""))
    message = re.sub(r"http://127.0.0.1:\d+", "http://VENDOR", message)
    message = re.sub(r"Request id: \w+", "Request id: …", message)
    message = re.sub(r"cgt-\w+-\w+|\b[0-9a-f]{25}\b", "JOB", message)
    return message.replace("\n", "<br>").replace("|", "\\|")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--vendor", choices=VENDORS, action="append")
    parser.add_argument("--only", default="", help="only the faults with these words in their name")
    words = parser.parse_args()
    wrong = 0
    print("| fault | vendor | outcome | creates | paid | exit | message | next run |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder, remembered():
        for row in (one for one in ROWS if words.only in one.name):
            for provider in words.vendor or VENDORS:
                first, again = strike(Path(folder) / "trial", provider, row)
                later = f"{again.word}, exit {again.code}, {again.creates} creates in all"
                cells = [
                    row.name,
                    provider,
                    *map(str, first[:4]),
                    plain(first.says),
                    later,
                ]
                print("| " + " | ".join(cells) + " |", flush=True)
                if why := objection(row, provider, first, again):
                    wrong += 1
                    print(f"WRONG: {why}", file=sys.stderr, flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
