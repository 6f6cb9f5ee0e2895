"""Run the command against a vendor that lies about its jobs, and count what it charges.

    python tests/crash/hostile.py [--vendor ark] [--only TEXT]

The vendor is `tests/support/hostile_vendor.py`, served by real HTTP, with a list of jobs (`ark`) or
without one (`infinity-blue`). Each case is one or two runs with its faults, and two with an honest
vendor. The command runs in this process without Prefect's engine, and what
the retry settings repeat is repeated without the delays. No case may charge more than one job per
shot, because no run has `--resubmit`. Prints a table in Markdown; ends with 1 if a case deviates.
"""

from __future__ import annotations

import argparse
import errno
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from faults import retrying_tasks, to_cell
from trial import HERE

if str(HERE.parents[1]) not in sys.path:
    sys.path.insert(0, str(HERE.parents[1]))

from tests.support.hostile_server import serve_hostile_vendor
from tests.support.hostile_vendor import HostileVendor, job_of_clip

VENDORS = {"ark": "seedance-1.0-pro", "infinity-blue": "seedance-2.0"}
"""The model at each vendor; `ark` lists its jobs, `infinity-blue` does not."""

BOARD = """\
provider: {provider}
model: {model}
look: {{resolution: 480p, seconds: 4, ratio: "16:9"}}
shots:
  - {{id: one, prompt: "Picture of one."}}
"""
SECOND_SHOT = '  - {id: two, prompt: "Picture of two.", first_frame: none}\n'
FIRST_KEY, SECOND_KEY = "canary-key-9f2", "canary-key-3c7"


@dataclass
class HostileTrial:
    """A working folder with a board and its store, and the vendor."""

    folder: Path
    vendor: HostileVendor
    env: dict[str, str]
    provider: str
    skew: float = 0.0
    """The seconds by which the vendor's clock is ahead of this machine's."""

    def use_key(self, key: str) -> None:
        """Change the API key."""
        self.env[f"SHOTCHAIN_{self.provider.upper().replace('-', '_')}_API_KEY"] = key


Prepare = Callable[[HostileTrial], None]


class Result(NamedTuple):
    """The end of one run of the command."""

    state: str
    """The outcomes of the shots in the JSON document."""
    code: int
    message: str


class CaseResult(NamedTuple):
    """The end of a case."""

    first: Result
    last: Result
    creates: int
    charged: int
    is_stored: bool
    """True if the store has a clip of every charged job."""


class Expected(NamedTuple):
    """The expected result at one vendor."""

    state: str
    code: int
    message: str
    """Text that the message of the first run contains; empty if there is none."""
    last_state: str
    creates: int = 1
    charged: int = 1


class HostileCase(NamedTuple):
    """Moods of the vendor in one or two runs, and the expected results."""

    name: str
    moods: tuple[Prepare, ...]
    """Called before the first runs, one before each."""
    with_list: Expected
    without_list: Expected
    shots: int = 1
    disk_error: int = 0
    """The error of every write of a receipt after the create, in the first run."""
    runs_cancel: bool = False
    """True if the job is cancelled after these runs."""

    def expected(self, provider: str) -> Expected:
        """Return the expected result at a vendor."""
        return self.with_list if provider == "ark" else self.without_list


RESUBMIT_TEXT = "--resubmit one"
RENDERED = Expected("rendered", 0, "", "kept")
UNCLEAR = Expected("unclear", 1, RESUBMIT_TEXT, "unclear")
FOUND_LATER = UNCLEAR._replace(last_state="kept")
NOT_ACCEPTED = UNCLEAR._replace(charged=0)
ALL_REQUESTS = 99
"""More requests of a kind than a run sends."""


def failed(message: str, code: int = 1, *, creates: int = 1) -> Expected:
    """Return the result of a run that fails and leaves the job to the next one."""
    return Expected("failed", code, message, "kept", creates)


def set_moods(
    *,
    creates: tuple[str, ...] = (),
    queries: str = "",
    files: str = "",
    lists: str = "",
    key: str = FIRST_KEY,
    skew: float = 0.0,
) -> Prepare:
    """Return a function that sets the moods of the vendor, the key and the clock."""

    def prepare(trial: HostileTrial) -> None:
        trial.vendor.be_honest()
        trial.vendor.creates.extend(creates)
        trial.vendor.queries.extend([queries] * ALL_REQUESTS * bool(queries))
        trial.vendor.files.extend([files] * ALL_REQUESTS * bool(files))
        trial.vendor.list_mood = lists
        trial.use_key(key)
        trial.skew = skew

    return prepare


def create(mood: str, with_list: Expected, without_list: Expected | None = None) -> HostileCase:
    """Build a case with one create that goes wrong."""
    prepare = set_moods(creates=(mood,))
    return HostileCase(f"create: {mood}", (prepare,), with_list, without_list or with_list)


def always(name: str, moods: tuple[Prepare, ...], expected: Expected, **values: Any) -> HostileCase:
    """Build a case with the same result at both vendors."""
    return HostileCase(name, moods, expected, expected, **values)


def listed(mood: str, with_list: Expected) -> HostileCase:
    """Build a case with a lost response, and a list that misreports its job."""
    prepare = set_moods(creates=("accepted reset",), lists=mood)
    # A job that was not found is looked for once more before the vendor is honest.
    runs = 1 if with_list == RENDERED else 2
    return HostileCase(f"list: {mood}", (prepare,) * runs, with_list, UNCLEAR)


def query(mood: str, expected: Expected) -> HostileCase:
    """Build a case in which every query of a run goes wrong."""
    return always(f"query: {mood}", (set_moods(queries=mood),), expected)


def query_once(mood: str) -> HostileCase:
    """Build a case in which the first query goes wrong."""

    def prepare(trial: HostileTrial) -> None:
        trial.vendor.queries.append(mood)

    return always(f"query: {mood}, once", (prepare,), RENDERED)


def download(mood: str, with_url: Expected, with_key: Expected | None = None) -> HostileCase:
    """Build a case with a clip that is refused in two runs: at a URL, or by a call with the key."""
    prepare = set_moods(files=mood)
    return HostileCase(f"clip: {mood}", (prepare, prepare), with_url, with_key or with_url)


def fail_receipts(error: int) -> HostileCase:
    """Build a case with a disk that takes no receipt after the create."""
    name = f"disk: {errno.errorcode[error]} after the create"
    return always(name, (set_moods(),), failed("accepted job cgt-001"), disk_error=error)


def start_long_job(trial: HostileTrial) -> None:
    """Let the next job be queued for long, and begin at the moment of its cancel."""
    trial.vendor.next_job = {"seconds": 3600.0, "queued_seconds": 1800.0}
    trial.vendor.cancel_mood = "race"


CASES: tuple[HostileCase, ...] = (
    *(
        create(f"accepted {kind}", RENDERED, UNCLEAR)
        for kind in ("timeout", "reset", "protocol", "html", "cut", "no id", "empty body", "408",
                     "409", "500", "504")
    ),
    create("accepted 307", RENDERED, UNCLEAR._replace(message="the status is 307")),
    create("accepted 503", RENDERED, UNCLEAR._replace(message="no available channel")),
    create("accepted late", RENDERED, UNCLEAR),
    *(
        create(f"refused {kind}", NOT_ACCEPTED)
        for kind in ("timeout", "reset", "html", "409", "500", "503", "error body")
    ),
    create("refused 400", failed("InvalidParameter", creates=2)),
    create("refused 401", failed("_API_KEY)", 3, creates=2)),
    create("refused 429", RENDERED._replace(creates=2)),
    *(
        listed(kind, FOUND_LATER)
        for kind in ("empty", "partial", "lag", "other shape", "html", "error body", "reset",
                     "403", "500", "no ids", "other ids", "other model", "other tier",
                     "time zone", "no time", "zero time", "hidden model")
    ),
    *(
        listed(kind, RENDERED)
        for kind in ("shifted", "same page", "no model", "no seed", "other seed", "text seed",
                     "milliseconds", "other size")
    ),
    HostileCase(
        "list: of another account",
        (set_moods(creates=("accepted reset",), lists="500"), set_moods(key=SECOND_KEY)),
        FOUND_LATER,
        UNCLEAR,
    ),
    HostileCase(
        "list: the clock was wrong in the run that sent",
        (set_moods(creates=("accepted reset",), lists="500", skew=3600.0), set_moods()),
        UNCLEAR,
        UNCLEAR,
    ),
    HostileCase(
        "ids: a repeated id, accepted",
        (set_moods(creates=("", "accepted replay")),),
        RENDERED._replace(creates=2, charged=2),
        Expected("rendered; unclear", 1, "--resubmit two", "kept; unclear", 2, 2),
        shots=2,
    ),
    always(
        "ids: a repeated id, not accepted",
        (set_moods(creates=("", "refused replay")),),
        Expected("rendered; unclear", 1, "--resubmit two", "kept; unclear", 2, 1),
        shots=2,
    ),
    *map(query_once, ("unknown job", "unnamed", "unnamed timeout", "lie failed", "lie expired",
                      "lie cancelled", "other job", "word error", "error body", "html")),
    query("unknown job", UNCLEAR._replace(last_state="kept")),
    query("unnamed", failed("the service failed")),
    query("unnamed timeout", failed("'timeout'")),
    query("other job", failed("is about cgt-000")),
    query("error body", failed("the service failed")),
    query("error fail", failed("timeout (fail)")),
    query("error text", failed("upstream timeout")),
    query("html", failed("busy")),
    query("reset", failed("did not respond")),
    query("500", failed("internal error")),
    query("403", failed("permission", 3)),
    HostileCase(
        "query: no url", (set_moods(queries="no url"),), failed("names no clip"), RENDERED
    ),
    query("url with a space", RENDERED),
    query("word archived", RENDERED),
    query("word error", RENDERED),
    query("word timeout", RENDERED),
    always(
        "query: the key of another account",
        (set_moods(queries="500"), set_moods(key=SECOND_KEY)),
        failed("another API key", 3),
    ),
    always(
        "query: an unknown key",
        (set_moods(queries="500"), set_moods(key="canary-key-0d1")),
        failed("_API_KEY", 3),
    ),
    always(
        "query: unknown job, and the clock is 9 days ahead",
        (set_moods(queries="500"), set_moods(queries="unknown job", skew=-9 * 86_400.0)),
        UNCLEAR._replace(last_state="kept"),
    ),
    download("403", failed("does not serve its clip now"), failed("rejects the API key", 3)),
    download("404", failed("does not serve its clip now")),
    download("500", failed("could not be downloaded")),
    download("html", failed("is a web page")),
    download("truncated", failed("is truncated")),
    *map(fail_receipts, (errno.ENOSPC, errno.EFBIG, errno.EROFS)),
    HostileCase(
        "cancel: the job begins at that moment",
        (start_long_job,),
        failed("will be charged"),
        failed("does not cancel jobs"),
        runs_cancel=True,
    ),
)  # fmt: skip


@contextmanager
def short_waits() -> Iterator[None]:
    """Run the command without its engine within this block, with long waits made short."""
    import httpx

    from tests.support.plain_tasks import command_without_engine

    targets: dict[str, Any] = {
        "tasks.submission.reconcile.LOOPBACK_CLOCK_MARGIN_SECONDS": 0.1,
        "tasks.providers.polling.backoff_seconds": lambda _: 0.01,
        "tasks.providers.http_transport.HttpTransport._create_timeout": lambda _: httpx.Timeout(
            5.0, read=0.5
        ),
        "tasks.submission.await_job.job_timeout_seconds": lambda *_: 2.0,
    }
    with ExitStack() as stack:
        stack.enter_context(command_without_engine(**retrying_tasks()))
        for target, value in targets.items():
            stack.enter_context(mock.patch(target, value))
        yield


@contextmanager
def failing_receipts(trial: HostileTrial, error: int) -> Iterator[None]:
    """Fail every rename of a receipt once the vendor has received a create."""
    rename = os.replace

    def replace_file(source: Any, target: Any, **options: Any) -> None:
        if error and trial.vendor.create_log and Path(target).name == "receipt.json":
            raise OSError(error, os.strerror(error))
        rename(source, target, **options)

    with mock.patch("os.replace", replace_file):
        yield


@contextmanager
def open_hostile_trial(scratch: Path, provider: str, shots: int) -> Iterator[HostileTrial]:
    """Yield a trial with a served vendor."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    text = BOARD.format(provider=provider, model=VENDORS[provider])
    (folder / "board.yaml").write_text(text + SECOND_SHOT * (shots - 1))
    vendor = HostileVendor(
        lambda: time.time() + trial.skew,
        is_ark=provider == "ark",
        accounts={FIRST_KEY: "first", SECOND_KEY: "second"},
        clip_frames=97,
        clip_size=(864, 480),
        late_seconds=0.55,
        job_seconds=0.2,
        find_repeatable_id=lambda: min(vendor.announced, default=""),
    )
    with serve_hostile_vendor(vendor) as url:
        name = provider.upper().replace("-", "_")
        env = {
            f"SHOTCHAIN_{name}_BASE_URL": f"{url}/v1",
            "SHOTCHAIN_POLL_SECONDS": "0.1",
            "HOME": str(folder / "home"),
        }
        trial = HostileTrial(folder, vendor, env, provider)
        trial.use_key(FIRST_KEY)
        yield trial


def run_command(trial: HostileTrial, *argv: str) -> tuple[int, str, str]:
    """Run the command in this process; return its exit code, stdout and stderr."""
    from flows.cli.main import main

    out, err, before = io.StringIO(), io.StringIO(), Path.cwd()
    os.chdir(trial.folder)
    try:
        with mock.patch.dict(os.environ, trial.env), redirect_stdout(out), redirect_stderr(err):
            code = main([*argv, "board.yaml", "--json", "--store", "store"])
    finally:
        os.chdir(before)
    return code, out.getvalue(), err.getvalue().strip()


def render(trial: HostileTrial) -> Result:
    """Render the board, and return the outcomes of its shots."""
    code, out, err = run_command(trial, "render", "-q", "--yes", "--jobs", "1")
    shots = json.loads(out).get("shots", [])
    states = dict.fromkeys(shot["outcome"] for shot in shots)
    return Result("; ".join(states), code, err.replace(str(trial.folder), "."))


def run_case(scratch: Path, provider: str, case: HostileCase) -> CaseResult:
    """Run a case until nothing changes."""
    with open_hostile_trial(scratch, provider, case.shots) as trial, short_waits():
        for prepare in case.moods:
            prepare(trial)
            with failing_receipts(trial, case.disk_error):
                first = render(trial)
        if case.runs_cancel:
            out = run_command(trial, "cancel")[1]
            message = json.loads(out)["shots"][0]["message"]
            first = first._replace(message=f"{first.message}\n{message}")
        set_moods()(trial)
        for job in trial.vendor.jobs.values():
            job.seconds = job.queued_seconds = 0.0
        render(trial)
        last = render(trial)
        return CaseResult(
            first,
            last,
            len(trial.vendor.create_log),
            len(trial.vendor.charged_jobs()),
            is_everything_stored(trial),
        )


def is_everything_stored(trial: HostileTrial) -> bool:
    """Return True if the store has a clip of every charged job."""
    clips = (trial.folder / "store").rglob("clip*.mp4")
    stored = {job_of_clip(clip.read_bytes()) for clip in clips}
    return {job.id for job in trial.vendor.charged_jobs()} <= stored


def find_deviation(case: HostileCase, provider: str, result: CaseResult) -> str:
    """Return how a result deviates from the expected one; empty if it does not."""
    expected = case.expected(provider)
    if result.charged > case.shots:
        return f"PAID TWICE: {result}"
    if (result.first.state, result.first.code) != expected[:2]:
        return f"expected {expected}, got {result}"
    if expected.message not in result.first.message:
        return f"expected the message {expected.message!r}, got {result.first.message!r}"
    if (result.last.state, result.creates, result.charged) != expected[3:]:
        return f"expected at the end {expected[3:]}, got {result}"
    if "unclear" not in result.last.state and not result.is_stored:
        return f"A CLIP IS LOST: {result}"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--vendor", choices=VENDORS, action="append")
    parser.add_argument("--only", default="", help="only the cases whose name contains this text")
    options = parser.parse_args()
    wrong = 0
    print("| case | vendor | outcome | creates | charged | exit | message | at the end |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            if options.only not in case.name:
                continue
            for provider in options.vendor or VENDORS:
                result = run_case(Path(folder), provider, case)
                cells = [
                    case.name,
                    provider,
                    result.first.state,
                    str(result.creates),
                    str(result.charged),
                    str(result.first.code),
                    to_cell(result.first.message),
                    result.last.state,
                ]
                print("| " + " | ".join(cells) + " |", flush=True)
                deviation = find_deviation(case, provider, result)
                if deviation:
                    wrong += 1
                    print(f"WRONG: {deviation}", file=sys.stderr, flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
