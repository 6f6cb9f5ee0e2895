"""Inject every fault of the simulator into a run of the command; check the outcome and the price.

    python tests/crash/faults.py [--vendor ark] [--only TEXT]

Each fault is injected into a run of a board of one shot (two if it needs a seam) at a vendor that
lists its jobs and provides last frames, and at a vendor that does neither. The command runs in this
process without Prefect's engine; what the retry settings repeat is repeated, without the delays.
Then it runs once more without the fault. Prints a table in Markdown; ends with 1 if an outcome is
not the expected one.
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

from trial import VENDORS, Trial, cached_clips, open_trial

BOARD = """\
provider: {provider}
model: seedance-1.0-pro
look: {{resolution: 480p, seconds: 2, ratio: "16:9"}}
shots:
  - {{id: one, prompt: "Picture of one."}}
"""
SECOND_SHOT = '  - {id: two, prompt: "Picture of two."}\n'


class Outcome(NamedTuple):
    """The outcome of a run."""

    state: str
    """The outcome of the shots in the JSON document."""
    creates: int
    """Number of jobs that the vendor created."""
    paid: int
    """Number of these jobs that it charges for: not those that failed or expired."""
    code: int
    message: str = ""
    """Text that the message contains; empty if there is no message."""


class FaultCase(NamedTuple):
    """A fault and the expected outcomes."""

    name: str
    fault: dict[str, Any]
    """Arguments of `Faults.inject`; empty for no fault."""
    with_list: Outcome
    """At the vendor that lists its jobs and provides last frames."""
    without_list: Outcome
    """At the vendor that does neither."""
    shots: int = 1
    next_state: str = ""
    """State after the next run, if it does not follow from the first one."""

    def expected(self, provider: str) -> Outcome:
        """Return the expected outcome of the run with the fault."""
        return self.with_list if VENDORS[provider] else self.without_list

    def expected_next_state(self, provider: str) -> str:
        """Return the expected state after the next run, without the fault."""
        following = {"rendered": "kept", "failed": "rendered", "unclear": "unclear"}
        return self.next_state or following[self.expected(provider).state]


def rendered(shots: int = 1) -> Outcome:
    return Outcome("rendered", shots, shots, 0)


def failed(message: str, *, creates: int = 0, paid: int = 0, code: int = 1) -> Outcome:
    return Outcome("failed", creates, paid, code, message)


def unclear(message: str, *, creates: int = 0) -> Outcome:
    return Outcome("unclear", creates, creates, 1, message)


def always(name: str, outcome: Outcome, *, shots: int = 1, **fault: Any) -> FaultCase:
    """Build a case with the same outcome at both vendors."""
    return FaultCase(name, fault, outcome, outcome, shots)


def create(
    kind: str, outcome: Outcome, *, without_list: Outcome | None = None, **fault: Any
) -> FaultCase:
    """Build a case with a fault of a create request."""
    name = f"{kind} {fault.get('code') or fault.get('status') or ''}".strip()
    fault = {"kind": kind, "operation": "create", **fault}
    return FaultCase(f"create: {name}", fault, outcome, without_list or outcome)


def query(kind: str, **fault: Any) -> FaultCase:
    """Build a case with a fault of a status query, which a run gets over."""
    return always(f"query: {kind}", rendered(), kind=kind, operation="get", times=2, **fault)


def download(kind: str, outcome: Outcome, name: str = "", **fault: Any) -> FaultCase:
    """Build a case with a fault of a clip's download."""
    return always(f"download: {name or kind}", outcome, kind=kind, match=".mp4", **fault)


RESUBMIT_TEXT = "render with --resubmit one to pay for another"
NOT_SERVED_TEXT = "does not serve its clip now"

CASES = (
    always("none", rendered()),
    create("reset", unclear(RESUBMIT_TEXT)),
    create("stall", rendered(), seconds=0.3),
    create("stall", unclear(RESUBMIT_TEXT), seconds=60)._replace(name="create: no answer in time"),
    create("throttled", rendered()),
    create("throttled", failed("RPM"), times=9)._replace(name="create: throttled for long"),
    create("server_error", unclear(RESUBMIT_TEXT), status=500),
    create("server_error", unclear(RESUBMIT_TEXT), status=504),
    create("html", unclear(RESUBMIT_TEXT)),
    create("refused", failed("InvalidParameter"), code="InvalidParameter"),
    create("refused", failed("(SHOTCHAIN_", code=3), code="AuthenticationError"),
    create("refused", failed("overdue", code=3), code="AccountOverdueError"),
    create("refused", failed("prompt"), code="InputTextSensitiveContentDetected"),
    create("error_in_200", unclear(RESUBMIT_TEXT)),
    create("error_in_200", failed("InvalidParameter"), code="InvalidParameter"),
    create("lost_reply", rendered(), without_list=unclear(RESUBMIT_TEXT, creates=1)),
    create("truncated", rendered(), without_list=unclear(RESUBMIT_TEXT, creates=1)),
    create("reset_midway", rendered(), without_list=unclear(RESUBMIT_TEXT, creates=1)),
    create("cut_json", rendered(), without_list=unclear(RESUBMIT_TEXT, creates=1)),
    create("no_id", rendered(), without_list=unclear(RESUBMIT_TEXT, creates=1)),
    always("job: fails, moderated", failed("OutputVideo", creates=1), kind="job_failed"),
    always("job: internal error", Outcome("rendered", 2, 1, 0), kind="job_failed",
         code="InternalServiceError"),
    always("job: expires", failed("time limit", creates=1), kind="job_expired"),
    always("job: never ends", failed("the next run waits for it again", creates=1, paid=1),
         kind="job_stalls")._replace(next_state="failed"),
    always("job: links have expired", failed(NOT_SERVED_TEXT, creates=1, paid=1),
           kind="links_expired")._replace(next_state="failed"),
    always("job: a JPEG frame named .png", rendered(2), kind="jpeg_frame", shots=2),
    always("job: another picture", rendered(2), kind="other_picture", shots=2),
    always("job: newer words", rendered(), kind="newer_words"),
    always("job: its clip redirects", rendered(), kind="content_redirects"),
    query("reset"),
    query("stall", seconds=0.2),
    query("throttled"),
    query("server_error"),
    query("html"),
    query("lost_reply"),
    query("truncated"),
    query("reset_midway"),
    query("cut_json"),
    query("other_body", body='{"id": "JOB", "status": "timeout"}'),
    always("query: unknown for minutes", unclear("only --resubmit one pays", creates=1),
           kind="other_body", operation="get", status=404, times=-1,
           body='{"error": {"code": "NotFound", "message": "task not found"}}',
           )._replace(next_state="rendered"),
    download("short_download", rendered()),
    download("reset_midway", rendered()),
    download("slow_download", rendered(), seconds=0.3),
    download("download_error", rendered(), "503"),
    download("download_error", rendered(), "403 once", status=403),
    download("download_error", failed(NOT_SERVED_TEXT, creates=1, paid=1), "404 for good",
             status=404, times=-1),
    download("download_error", failed("could not be downloaded", creates=1, paid=1), "503 for good",
             times=-1),
    always("last frame: 503 for good", rendered(2), shots=2, kind="download_error", match=".png",
         times=-1),
    always("last frame: breaks off", rendered(2), kind="short_download", match=".png", shots=2),
    always("callback: sent twice", rendered(), kind="callback_twice"),
    always("callback: never sent", rendered(), kind="callback_none"),
)  # fmt: skip


def retrying_tasks() -> dict[str, Any]:
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
def short_waits(case: FaultCase) -> Iterator[None]:
    """Run the command without engine within this block, with long waits made short."""
    import httpx

    from tests.support.plain_tasks import command_without_engine

    targets: dict[str, Any] = {
        "tasks.submission.reconcile.LOOPBACK_CLOCK_MARGIN_SECONDS": 0.5,
        "tasks.providers.polling.backoff_seconds": lambda _: 0.01,
    }
    if case.name == "create: no answer in time":
        target = "tasks.providers.http_transport.HttpTransport._create_timeout"
        targets[target] = lambda _: httpx.Timeout(10.0, read=3.0)
    if case.name == "job: never ends":
        targets["tasks.submission.await_job.job_timeout_seconds"] = lambda *_: 0.5
    with ExitStack() as stack:
        stack.enter_context(command_without_engine(**retrying_tasks()))
        for target, value in targets.items():
            stack.enter_context(mock.patch(target, value))
        yield


def run_command(trial: Trial) -> Outcome:
    """Run the command in this process."""
    from flows.cli.main import main

    out, err, before = io.StringIO(), io.StringIO(), Path.cwd()
    os.chdir(trial.folder)
    try:
        with mock.patch.dict(os.environ, trial.env), redirect_stdout(out), redirect_stderr(err):
            code = main(trial.argv)
    finally:
        os.chdir(before)
    states = dict.fromkeys(shot["outcome"] for shot in json.loads(out.getvalue())["shots"])
    creates = sum(trial.creates().values())
    return Outcome("; ".join(states), creates, count_charged(trial), code, err.getvalue().strip())


def count_charged(trial: Trial) -> int:
    """Return how many of the created jobs the vendor charges for."""
    jobs = [json.loads(path.read_bytes()) for path in (trial.vendor / "jobs").glob("*.json")]
    return sum(job["status"] not in ("failed", "expired") for job in jobs)


def run_case(scratch: Path, provider: str, case: FaultCase) -> tuple[Outcome, Outcome]:
    """Return the outcomes of a run with the fault, and of the next run without it."""
    from tasks.simulator.faults import Faults

    faults = Faults()
    with open_trial(scratch, provider, faults=faults) as trial, short_waits(case):
        text = BOARD.format(provider=provider) + SECOND_SHOT * (case.shots - 1)
        (trial.folder / "board.yaml").write_text(text)
        if case.fault:
            faults.inject(**case.fault)
        first = run_command(trial)
        faults.clear()
        return first, run_command(trial)


def find_deviation(case: FaultCase, provider: str, first: Outcome, following: Outcome) -> str:
    """Return how two outcomes deviate from the expected ones; empty if they do not."""
    expected, state = case.expected(provider), case.expected_next_state(provider)
    if first[:4] != expected[:4]:
        return f"expected {expected}, got {first}"
    if expected.message not in first.message or bool(expected.message) != bool(first.message):
        return f"expected the message {expected.message!r}, got {first.message!r}"
    if following.state != state or following.code != (state in ("failed", "unclear")):
        return f"expected the next run to end as {state}, got {following}"
    if following.paid > max(case.shots, first.paid):
        return f"a shot is paid twice: {following}"
    if state != "rendered" and following.creates != first.creates:
        return f"the next run paid again: {following}"
    return ""


def to_cell(message: str) -> str:
    """Return a message as one cell of the table, without what differs from run to run."""
    message = re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z", "TIME", message.replace("shotchain: ", ""))
    message = re.sub(r"http://127.0.0.1:\d+", "http://VENDOR", message)
    message = re.sub(r"Request id: \w+", "Request id: …", message)
    message = re.sub(r"cgt-\w+-\w+|\b[0-9a-f]{25}\b", "JOB", message)
    return message.replace("\n", "<br>").replace("|", "\\|")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--vendor", choices=VENDORS, action="append")
    parser.add_argument("--only", default="", help="only the faults whose name contains this text")
    options = parser.parse_args()
    wrong = 0
    print("| fault | vendor | outcome | creates | paid | exit | message | next run |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder, cached_clips():
        for case in CASES:
            if options.only not in case.name:
                continue
            for provider in options.vendor or VENDORS:
                first, following = run_case(Path(folder) / "trial", provider, case)
                cells = [
                    case.name,
                    provider,
                    *map(str, first[:4]),
                    to_cell(first.message),
                    f"{following.state}, exit {following.code}, {following.creates} creates in all",
                ]
                print("| " + " | ".join(cells) + " |", flush=True)
                deviation = find_deviation(case, provider, first, following)
                if deviation:
                    wrong += 1
                    print(f"WRONG: {deviation}", file=sys.stderr, flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
