"""Runs against a hostile vendor with kills, full disks and wrong clocks, and their invariants.

A `World` is one store, one vendor and the author's shots. Its methods are events: a run, two runs
at once, a cancel, time that passes. The functions of `tasks.submission` do the work, with the real
client over a transport in memory and with virtual time. After each event `check` compares the
vendor's bill with the receipts.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import httpx
from pydantic import SecretStr

from storyboards.models import Money, Shot
from storyboards.problems import ShotchainError
from tasks.budgets.ledger import Ledger
from tasks.budgets.limits import BudgetGuard, BudgetLimit, make_reserve
from tasks.errors import JobFailed, JobLost
from tasks.plan import ShotToRender
from tasks.planning.keys import derive_seed
from tasks.progress import Progress
from tasks.providers import PROVIDERS, prices
from tasks.providers.client import Client
from tasks.providers.dialects import DIALECTS
from tasks.providers.types import RenderRequest
from tasks.retries import AWAIT_RETRIES, DOWNLOAD_RETRIES, SUBMIT_RETRIES, is_retryable
from tasks.store.atomic_files import digest_bytes
from tasks.store.board_records import BoardRecord
from tasks.store.layout import RecordStore, Store
from tasks.store.receipts import UNCLEAR_STATES, AttemptState, Receipt, read_receipt
from tasks.store.status import BoardStatus, ShotState, read_board_status
from tasks.submission.await_job import await_job
from tasks.submission.cancel import CancelOutcome, cancel
from tasks.submission.context import SubmissionContext
from tasks.submission.download import fetch_clip, fetch_last_frame
from tasks.submission.payload import LastFrame
from tasks.submission.retry_rules import should_retry
from tasks.submission.submit import submit
from tests.support.hostile_vendor import (
    SIGNATURE,
    TRUE_TOKENS,
    HostileVendor,
    Job,
    job_of_clip,
)
from tests.support.paid_path import make_plan, picture
from tests.support.virtual_time import run_virtually

T = TypeVar("T")

EPOCH = 1_800_000_000.0
KEYS = {"first": "sk-first-0123456789", "second": "sk-second-0123456789"}
"""The API keys of two accounts at the vendor."""
WRONG_KEY = "sk-unknown-0123456789"
MAX_PRICE = Money(amount=Decimal("0.25"), currency="USD")
BOARD_SEED = 7
SHOTS = ("alpha", "beta", "gamma", "delta")

KillAt = int | None
"""The number of the durable step, or of the send, that a run is killed at; None for no kill."""


class Killed(BaseException):
    """The process of a run was killed."""


@dataclass
class Process:
    """One run: a process with a clock, an API key, and an end that may come early."""

    account: str
    skew: float = 0.0
    """The seconds by which its clock is ahead of the vendor's."""
    kill_at: KillAt = None
    fail_write_at: int | None = None
    """The number of the first file of the store that can't be replaced, counted from 1."""
    resubmit: tuple[str, ...] = ()
    shots: tuple[str, ...] = SHOTS
    steps: int = 0
    writes: int = 0
    is_dead: bool = False
    messages: list[str] = field(default_factory=list)
    errors: dict[str, ShotchainError] = field(default_factory=dict)

    @property
    def api_key(self) -> str:
        return KEYS.get(self.account, WRONG_KEY)

    def step(self) -> None:
        """Count a durable step or a send; kill the process at its number."""
        if self.is_dead:
            raise Killed
        self.steps += 1
        if self.steps == self.kill_at:
            self.is_dead = True
            raise Killed

    def write(self) -> None:
        """Count a durable write to the store; fail if the disk is full by now."""
        self.step()
        self.writes += 1
        if self.fail_write_at is not None and self.writes >= self.fail_write_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


_CERTIFICATES = httpx.create_ssl_context()
"""Loading the certificates takes longer than a run."""

_PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


def make_shots(provider: str) -> tuple[ShotToRender, ...]:
    """Return shots with a derived seed, with a shared seed of the board, and with a frame."""
    vendor = PROVIDERS[provider]
    family = "seedance-1.0-pro" if "seedance-1.0-pro" in vendor.models else "seedance-2.0"
    model = vendor.models[family][0]
    has_seed = "seed" in DIALECTS[vendor.dialect].supported_fields
    shots = []
    for index, name in enumerate(SHOTS):
        key = digest_bytes(name.encode())
        seed = {"alpha": derive_seed(key), "delta": None}.get(name, BOARD_SEED)
        request = RenderRequest(
            model,
            prompt=f"Picture of {name}.",
            resolution="480p",
            ratio="16:9",
            duration_seconds=4,
            seed=seed if has_seed else None,
        )
        shots.append(
            ShotToRender(
                Shot(id=name, prompt=request.prompt),
                index,
                key,
                chain_id=name,
                provider=vendor,
                model=model,
                family=family,
                request=request,
                frames=5,
                width=64,
                height=64,
                tokens=TRUE_TOKENS,
                min_tokens=TRUE_TOKENS,
                max_price=MAX_PRICE,
            )
        )
    return tuple(shots)


FRAME_LEVEL = 60
FRAME = LastFrame(picture(FRAME_LEVEL), digest_bytes(picture(FRAME_LEVEL)))
"""The frame that `delta` starts on; its clip has the same grey."""


class World:
    """A store, a vendor, and everything that may happen to them."""

    def __init__(self, folder: Path, provider: str = "modelark", budget: str = "10") -> None:
        self.now = EPOCH
        self.skew = 0.0
        self.account = "first"
        self.shots = {shot.id: shot for shot in make_shots(provider)}
        self.provider = PROVIDERS[provider]
        self.store = Store(folder / "store")
        self.vendor = HostileVendor(
            self._vendor_time,
            is_ark=self.provider.dialect == "ark",
            levels={"delta": FRAME_LEVEL},
            accounts={key: account for account, key in KEYS.items()},
            find_repeatable_id=lambda: min(self._recorded_jobs(), default=""),
        )
        self.budget = Decimal(budget)
        self.resubmits: Counter[str] = Counter()
        """The number of times that the author asked for another attempt, by shot."""
        self.skewed: set[str] = set()
        """Jobs that were accepted while the clock of the run was wrong."""
        self.texts: list[str] = []
        self.loop_time: Callable[[], float] | None = None

    @property
    def records(self) -> RecordStore:
        return self.store.records(loopback=False)

    def _vendor_time(self) -> float:
        return self.loop_time() if self.loop_time else self.now

    # Events.

    def run(self, *processes: Process, **values: Any) -> tuple[Process, ...]:
        """Run one or several processes at once until all have ended, and check what must hold."""
        processes = processes or (self.process(**values),)
        for process in processes:
            process.resubmit = tuple(filter(self._is_unclear, process.resubmit))
            self.resubmits.update(process.resubmit)
        self.vendor.allows_lies = len(processes) == 1
        announced = frozenset(self.vendor.announced)
        self._execute(lambda: _gather(self._run_process(process) for process in processes))
        self.check()
        if not any(process.is_dead for process in processes):
            messages = "\n".join(message for process in processes for message in process.messages)
            for job in self.vendor.announced - announced - self._recorded_jobs():
                assert job in messages, f"{job} was announced, and is neither recorded nor printed"
        return processes

    def process(self, **values: Any) -> Process:
        """Return a process that has not begun, with the clock and the key of now."""
        return Process(**{"account": self.account, "skew": self.skew, **values})

    def cancel(self, name: str, **values: Any) -> CancelOutcome | None:
        """Cancel the job of a shot; None if the process was killed or the vendor failed."""
        process = self.process(**values)

        async def call() -> CancelOutcome | None:
            _PROCESS.set(process)
            with suppress(Killed):
                try:
                    async with self._client(process) as client:
                        result = await cancel(self.shots[name].key, self.records, client)
                    self.texts.append(result.message)
                    return result.outcome
                except ShotchainError as error:
                    self.texts.append(str(error))
            return None

        outcome = self._execute(call)
        self.check()
        return outcome

    def pass_time(self, seconds: float) -> None:
        """Let time pass, on every clock."""
        self.now += seconds

    def finish(self) -> None:
        """Let the vendor be honest and the right key be back, and run until nothing changes."""
        self.vendor.be_honest()
        self.skew = 0.0
        expected = {job.id: job for job in self._findable_jobs()}
        self.pass_time(3 * 3600)
        begun = tuple(name for name in self.shots if self.receipt(name).attempts)
        for account in (*KEYS, *KEYS):
            self.account = account
            self.pass_time(1200)
            self.run(shots=begun)
        self._check_clips(expected)

    # Checks.

    def check(self) -> None:
        """Compare the bill with the receipts, and search every text for secrets."""
        charged = Counter(job.shot for job in self.vendor.charged_jobs())
        lost = Counter(
            job.shot for job in self.vendor.charged_jobs() if job.was_lost or job.is_deleted
        )
        for name, count in charged.items():
            allowed = 1 + self.resubmits[name] + lost[name]
            assert count <= allowed, f"{name} is charged {count} times, not {allowed}"
        self._check_money()
        self._check_secrets()

    def _check_money(self) -> None:
        entries = Ledger(self.records).entries()
        booked = sum(entry.booked_price.amount for entry in entries)
        charged = sum(self.price_of(job) for job in self.vendor.charged_jobs())
        assert charged <= booked, f"{charged} is charged, and {booked} is booked"
        assert charged <= self.budget, f"{charged} is charged, with a budget of {self.budget}"

    def price_of(self, job: Job) -> Decimal:
        """Return what the vendor charges for a job."""
        shot = self.shots[job.shot]
        price = prices.calculate_price(
            shot.provider,
            shot.provider.get_family(shot.family),
            tokens=TRUE_TOKENS,
            resolution="480p",
        )
        # Without a price by usage the vendor charges the price that was announced.
        return price.amount if price else MAX_PRICE.amount

    def _check_secrets(self) -> None:
        self.texts += [path.read_text() for path in self.store.root.rglob("*.json")]
        text = "\n".join(self.texts)
        for secret in (*KEYS.values(), WRONG_KEY, SIGNATURE):
            assert secret not in text, f"{secret} is in a receipt, a log or a message"
        self.texts.clear()

    def _findable_jobs(self) -> Iterator[Job]:
        """Yield the charged jobs whose id is in a receipt, or whose proof is in the list."""
        for name in self.shots:
            receipt = self.receipt(name)
            known = {
                attempt.job
                for attempt in receipt.attempts
                if attempt.state is not AttemptState.ABANDONED
            }
            jobs = [job for job in self.vendor.charged_jobs() if job.shot == name]
            yield from (job for job in jobs if job.id in known and self._stays(job))
            if receipt.attempts and receipt.attempts[-1].state in UNCLEAR_STATES:
                yield from self._provable_jobs(name, receipt, jobs)

    def _stays(self, job: Job) -> bool:
        return self.vendor.clock() - job.created_at < 5 * 86_400 and not (
            job.was_lost or job.is_deleted
        )

    def _provable_jobs(self, name: str, receipt: Receipt, jobs: list[Job]) -> Iterator[Job]:
        """Yield the job of an unclear attempt that the list proves to be its job."""
        attempt = receipt.attempts[-1]
        if not self.provider.supports_listing or name != "alpha" or len(receipt.attempts) > 1:
            return
        sent_at = datetime.fromisoformat(attempt.intended_at).timestamp()
        for job in jobs:
            is_timely = abs(job.created_at - sent_at) < 50 and self._stays(job)
            if len(jobs) == 1 and is_timely and job.account == "first":
                yield job

    def _check_clips(self, expected: dict[str, Job]) -> None:
        for job in expected.values():
            receipt = self.receipt(job.shot)
            attempt = receipt.current
            states = [attempt.state.value for attempt in receipt.attempts]
            assert attempt.state is AttemptState.KEPT, f"{job.shot}: {job.id} is lost: {states}"
        for name, shot in self.shots.items():
            attempt = self.receipt(name).current
            if attempt and attempt.state is AttemptState.KEPT:
                data = (self.records.folder_of(shot.key) / attempt.clip.name).read_bytes()
                rendered = self.vendor.jobs[job_of_clip(data)]
                assert rendered.shot == name, f"{name} shows the clip of {rendered.shot}"

    def _is_unclear(self, name: str) -> bool:
        """Return True if the author may ask for another attempt of a shot."""
        return self._status()[name].state is ShotState.UNCLEAR

    def _status(self) -> BoardStatus:
        plan = make_plan(*self.shots.values())
        return read_board_status(plan, lambda _: self.records, BoardRecord("board"))

    def _recorded_jobs(self) -> set[str]:
        attempts = (attempt for name in self.shots for attempt in self.receipt(name).attempts)
        return {attempt.job for attempt in attempts if attempt.job}

    def receipt(self, name: str) -> Receipt:
        """Return the receipt of a shot."""
        key = self.shots[name].key
        return read_receipt(key, self.records.read(key))

    # The processes.

    def _execute(self, call: Callable[[], Awaitable[T]]) -> T:
        async def run() -> T:
            loop = asyncio.get_running_loop()
            self.loop_time = loop.time
            return await call()

        try:
            with self._installed():
                result, self.now = run_virtually(run(), self.now)
        finally:
            self.loop_time = None
        return result

    @contextmanager
    def _installed(self) -> Iterator[None]:
        """Count durable writes, and read the clock of the running process, within this block."""
        fsync, replace_file = os.fsync, os.replace

        def counted_fsync(file: int) -> None:
            process = _PROCESS.get()
            # Nothing is synced: this process is never really killed.
            if process:
                process.step()
            else:
                fsync(file)

        def counted_replace(*args: Any, **kwargs: Any) -> None:
            process = _PROCESS.get()
            if process:
                process.write()
            replace_file(*args, **kwargs)
            if process:
                process.step()

        world = self

        class LocalTime(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> LocalTime:
                return cls.fromtimestamp(world._local_time(), tz)

        handler = _TextHandler(self.texts)
        root = logging.getLogger()
        root.addHandler(handler)
        try:
            with ExitStack() as stack:
                for target, value in (
                    ("os.fsync", counted_fsync),
                    ("os.replace", counted_replace),
                    ("tasks.store.receipts.datetime", LocalTime),
                    ("tasks.store.locks.LOCK_POLL_SECONDS", 5.0),
                    ("httpx.create_ssl_context", lambda **_: _CERTIFICATES),
                ):
                    stack.enter_context(mock.patch(target, value))
                yield
        finally:
            root.removeHandler(handler)

    def _local_time(self) -> float:
        process = _PROCESS.get()
        return self._vendor_time() + (process.skew if process else self.skew)

    def _client(self, process: Process) -> Client:
        async def handle(request: httpx.Request) -> httpx.Response:
            process.step()
            try:
                return await self.vendor.handle(request)
            finally:
                process.step()

        return Client(
            self.provider,
            DIALECTS[self.provider.dialect],
            api_key=SecretStr(process.api_key),
            base_url="https://vendor.example/v1",
            transport=httpx.MockTransport(handle),
            clock=self._local_time,
        )

    async def _run_process(self, process: Process) -> None:
        _PROCESS.set(process)
        with suppress(Killed):
            async with self._client(process) as client:
                context = self._context(process, client)
                await _gather(
                    self._render(process, self.shots[name], context) for name in process.shots
                )

    def _context(self, process: Process, client: Client) -> SubmissionContext:
        limit = BudgetLimit("this board", Money(amount=self.budget, currency="USD"), ("board",))
        resubmit = {
            self.shots[name].key: self.receipt(name).current.intended_at
            for name in process.resubmit
        }

        def on_progress(progress: Progress) -> None:
            self.texts.append(str(progress))

        return SubmissionContext(
            "board",
            make_plan(*self.shots.values()),
            self.store,
            records_of=lambda _: self.records,
            client_of=lambda *_: client,
            on_progress=on_progress,
            resubmit=resubmit,
            reserve=make_reserve(BudgetGuard([limit]), self.store.ledger_lock_path),
            rescue_folders=(self.store.root.parent / "rescue",),
            alert=process.messages.append,
        )

    async def _render(
        self, process: Process, shot: ShotToRender, context: SubmissionContext
    ) -> None:
        """Render one shot as the flow does, errors included."""
        status = self._status()
        try:
            try:
                await self._submit_and_download(shot, context)
            except JobLost:
                if not status[shot.id].may_render_again:
                    raise
                await self._submit_and_download(shot, context)
            except JobFailed as error:
                if not should_retry(shot, error):
                    raise
                await self._submit_and_download(shot, context)
        except ShotchainError as error:
            process.errors[shot.id] = error
            process.messages.append(str(error))
            self.texts.append(str(error))

    async def _submit_and_download(self, shot: ShotToRender, context: SubmissionContext) -> None:
        frame = FRAME if shot.id == "delta" else None

        async def await_frame() -> Any:
            result = await await_job(shot, context)
            await fetch_last_frame(shot, result, context)
            return result

        await _retry(lambda: submit(shot, frame, context), SUBMIT_RETRIES)
        result = await _retry(await_frame, AWAIT_RETRIES)
        await _retry(lambda: fetch_clip(shot, result, context), DOWNLOAD_RETRIES)


async def _retry(call: Callable[[], Awaitable[T]], retries: dict[str, Any]) -> T:
    """Call a task as Prefect does, with its retries and their delays."""
    for delay in retries["retry_delay_seconds"]:
        try:
            return await call()
        except ShotchainError as error:
            if not is_retryable(error):
                raise
        await asyncio.sleep(delay)
    return await call()


async def _gather(coroutines: Any) -> None:
    """Run coroutines together; the first that raises something ends the others."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


class _TextHandler(logging.Handler):
    """Collects log records as text."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._texts = texts

    def emit(self, record: logging.LogRecord) -> None:
        self._texts.append(self.format(record))
