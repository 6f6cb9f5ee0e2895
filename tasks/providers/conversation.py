"""What is said to one provider: the create, the questions, the wait, the list, the cancel.

How a call travels is the client's matter. Here is what happens once, what is asked again and how
long is waited. No error that leaves here carries a key, a signed URL or where it came from.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

from pydantic import SecretStr

from tasks.errors import (
    Again,
    JobLost,
    JobOverdue,
    NotConfigured,
    ProviderError,
    Rejected,
    Unreadable,
)
from tasks.providers import Provider, outcomes
from tasks.providers.addresses import is_loopback, redact_text
from tasks.providers.contract import (
    Call,
    Created,
    Dialect,
    Done,
    Listed,
    Order,
    Part,
    Recent,
    Reply,
    Waiting,
)
from tasks.providers.outcomes import Lost
from tasks.providers.patience import (
    FLEX_POLL_SECONDS,
    Pace,
    back_off_seconds,
    http_date,
    poll_wait_seconds,
)
from tasks.providers.reading import clean
from tasks.redaction import strike

Key = SecretStr | Callable[[], SecretStr | None] | None
Answer = TypeVar("Answer")

TRIES = 4
"""How often a question is asked before its error counts."""

_PAGES_MOST = 20
_LOOPBACK_POLL_SECONDS = 0.1

# Files live 24 hours at the vendor; before that, a done job without one is not ready yet.
_FILES_LIVE_SECONDS = 23 * 3600.0

# One that is served behind the key is asked for until it surely is no more.
_CONTENT_LIVES_SECONDS = 25 * 3600.0

_NO_SUCH_PAGE = (404, 405, 501)

_STATE_WORDS = {"queued": "queued", "running": "running", "unknown": "not done"}


class Conversation(ABC):
    """A conversation with one provider in its dialect."""

    def __init__(
        self,
        provider: Provider,
        dialect: Dialect,
        *,
        api_key: Key,
        base_url: str,
        poll_seconds: float | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`poll_seconds` is the longest wait between two asks, in place of the row's own."""
        self.provider = provider
        self.dialect = dialect
        self.base_url = base_url
        self._api_key = api_key
        self._poll_most = poll_seconds
        self._clock, self._sleep = clock, sleep
        self._pace = Pace()

    @abstractmethod
    async def _exchange(self, call: Call, purpose: Literal["create", "question"]) -> Reply | Lost:
        """Send a call once and read its whole reply; what goes wrong on the way is told as Lost.

        Raises Rejected and NotConfigured before anything is sent.
        """

    @property
    @abstractmethod
    def create_limit_seconds(self) -> float:
        """How long a create may take before it is given up."""

    def now(self) -> float:
        """This moment in Unix seconds, by the clock that waits are measured with."""
        return self._clock()

    async def create(self, order: Order) -> Created:
        """Send the one request that costs money, once.

        Raises NotSent, Throttled, Rejected, Unauthorized or Refused where nothing was accepted,
        Unclear where a job may exist, and NotConfigured before anything is sent.
        """
        failed: ProviderError
        try:
            outcome = await self._exchange(self.dialect.create(order), "create")
        except ProviderError as error:
            failed = error
        else:
            result = outcomes.of_create(self.dialect, outcome, now=self._clock())
            if isinstance(result, str):
                return Created(result, _vendor_time(outcome))
            failed = result
        raise self._told(failed)

    async def upload(self, data: bytes, mime: str) -> str:
        """Leave a file with the vendor, and return the URL by which an order names it.

        Costs nothing, and the same file may be left twice. Raises Rejected where the vendor takes
        none, else as `query`.
        """
        place, ending = self.provider.uploads, mime.rpartition("/")[2]
        if not place:
            raise self._told(Rejected("the vendor takes no files beside an order; give a URL"))
        call = Call("POST", place, parts=(Part("file", data, f"reference.{ending}", mime),))
        return await self._ask(call, _asset)

    async def query(self, job: str) -> Waiting | Done:
        """Ask after a job, a few times where the answer is lost.

        Raises what the job ended with, JobLost where the vendor no longer has it or its files, and
        Unreachable, Throttled or Unreadable where there is no usable answer.
        """

        def read(reply: Reply) -> Waiting | Done:
            status = self.dialect.read(reply)
            if isinstance(status, Done) and not status.clip_url:
                return self._without_link(status, reply)
            return status

        return await self._ask(self.dialect.query(job), read, job=job)

    async def wait(
        self,
        job: str,
        *,
        started_at: float,
        deadline_seconds: float,
        service_tier: str | None = None,
        usual_seconds: float | None = None,
        on_progress: Callable[[Waiting], None] | None = None,
    ) -> Done:
        """Ask after a job until it is done; `started_at` is when it was created, in Unix seconds.

        It is asked most often around the time that jobs of `usual_seconds` (else the row's) take
        these days. Asks at least once. Raises as `query`, and JobOverdue where it is not done after
        `deadline_seconds` of waiting; the job goes on. How old it is already counts for nothing
        there: whoever resumes an overdue job waits for it again.
        """
        begun = self._clock()
        least, most = self._poll_bounds(service_tier)
        usual = usual_seconds or self.provider.typical_seconds
        # Offline jobs wait for a quiet hour: nothing is usual about that.
        pace = self._pace if service_tier != "flex" else None
        seen_waiting = False
        if self._clock() - started_at < least:
            await self._sleep(least)
        while True:
            status = await self.query(job)
            elapsed = max(self._clock() - started_at, 0.0)
            if isinstance(status, Done):
                if pace is not None:
                    pace.learn(elapsed if seen_waiting else _took_seconds(status), usual)
                return status
            seen_waiting = True
            if on_progress is not None:
                on_progress(status)
            left = deadline_seconds - (self._clock() - begun)
            if left <= 0:
                raise self._overdue(job, status, elapsed)
            expected = pace.expect(usual) if pace is not None else None
            pause = poll_wait_seconds(elapsed, least=least, most=most, expected_seconds=expected)
            await self._sleep(min(pause, max(left, least)))

    async def recent(
        self, model: str, *, service_tier: str | None = None, since: float
    ) -> Recent | None:
        """The vendor's jobs created since then (Unix seconds), or None where it has no list.

        No page tells how a list is sorted, so it is read to its end. Raises as `query`.
        """
        found: dict[str, Listed] = {}
        vendor_time: float | None = None
        for page in range(1, _PAGES_MOST + 1):
            call = self.dialect.recent(model, service_tier, page)
            if call is None or not self.provider.lists:
                return None
            try:
                jobs, vendor_time = await self._ask(call, self._listed)
            except ProviderError as error:
                if error.status not in _NO_SUCH_PAGE:
                    raise
                if page == 1:
                    return None
                break
            fresh = {one.job: one for one in jobs if one.job not in found}
            if not fresh:
                break
            found |= fresh
        return Recent(tuple(one for one in found.values() if _is_since(one, since)), vendor_time)

    async def cancel(self, job: str) -> bool:
        """Give a job up if it is queued now; False where it is not, and nothing was sent then.

        Once a job is over the same request would delete what was paid for, so it is asked first.
        Raises Rejected where the vendor cancels nothing, else as `query`.
        """
        call = self.dialect.cancel(job)
        if call is None or not self.provider.cancels:
            raise self._told(Rejected("the vendor can't cancel jobs; let it finish"))
        status = await self.query(job)
        if not isinstance(status, Waiting) or status.state != "queued":
            return False
        await self._ask(call, lambda reply: reply, job=job, tries=1)
        return True

    async def _ask(
        self, call: Call, read: Callable[[Reply], Answer], *, job: str = "", tries: int = TRIES
    ) -> Answer:
        attempt = 0
        while True:
            attempt += 1
            outcome = await self._exchange(call, "question")
            answer = outcomes.of_question(self.dialect, outcome, job=job, now=self._clock())
            error: ProviderError
            if isinstance(answer, Reply):
                try:
                    return read(answer)
                except ProviderError as raised:
                    error = raised
            else:
                error = answer
            again = error.again is Again.ASK or isinstance(error, Unreadable)
            if attempt >= tries or not again:
                raise self._told(error)
            await self._sleep(pause_seconds(error, attempt))

    def _listed(self, reply: Reply) -> tuple[tuple[Listed, ...], float | None]:
        return self.dialect.listed(reply), _vendor_time(reply)

    def _without_link(self, status: Done, reply: Reply) -> Waiting | Done:
        """A job that succeeded but names no clip: lost once it is old, else not ready.

        One that is served behind the key is there to be fetched, until it is lost as well.
        """
        ended = status.facts.updated_at or status.facts.created_at
        now = _vendor_time(reply) or self._clock()
        lives = _FILES_LIVE_SECONDS if status.clip_call is None else _CONTENT_LIVES_SECONDS
        if ended is not None and now - ended > lives:
            msg = "the vendor no longer has the clip of this job; render the shot again"
            raise JobLost(msg)
        return status if status.clip_call else Waiting("unknown", facts=status.facts)

    def _poll_bounds(self, service_tier: str | None) -> tuple[float, float]:
        least, most = self.provider.poll_least_seconds, self.provider.poll_most_seconds
        if is_loopback(self.base_url):
            least = min(least, _LOOPBACK_POLL_SECONDS)
        elif service_tier == "flex":
            most = max(most, FLEX_POLL_SECONDS)
        if self._poll_most is not None:
            most = self._poll_most
        return min(least, most), most

    def _overdue(self, job: str, status: Waiting, elapsed: float) -> ProviderError:
        msg = (
            f"job {clean(job, most=100)} is still {_STATE_WORDS[status.state]} after "
            f"{elapsed:.0f} s; it is kept, and the next run goes on with it"
        )
        return self._told(JobOverdue(msg))

    def seal(self) -> str:
        """Proves to whoever has the same key that it was used at this address; tells no key."""
        words = f"{self.provider.name} {self.base_url}"
        return hmac.new(self._key().encode(), words.encode(), "sha256").hexdigest()[:32]

    def _key(self) -> str:
        secret = self._api_key() if callable(self._api_key) else self._api_key
        key = secret.get_secret_value().strip() if secret is not None else ""
        variable = self.provider.key_variable
        if not key:
            msg = f"{self.provider.name} needs an API key; set {variable}"
            raise NotConfigured(msg)
        if not key.isascii() or not key.isprintable() or " " in key:
            msg = f"{variable} holds characters that no API key has; set it again"
            raise NotConfigured(msg)
        return key

    def _told(self, error: ProviderError) -> ProviderError:
        """The error under the provider's name, with nothing in it that is secret."""
        message, code = redact_text(str(error)), redact_text(error.code)
        secret = self._api_key() if callable(self._api_key) else self._api_key
        key = secret.get_secret_value().strip() if secret is not None else ""
        message, code = strike(message, [key]), strike(code, [key])
        if error.status == 401:
            message = f"{message} ({self.provider.key_variable})"
        return type(error)(
            f"{self.provider.name}: {message}",
            code=code,
            status=error.status,
            retry_after_seconds=error.retry_after_seconds,
            over=error.over,
        )


def pause_seconds(error: ProviderError, attempt: int) -> float:
    """How long to wait before asking again: what the vendor asks for, else longer each time."""
    asked = error.retry_after_seconds
    return back_off_seconds(attempt) if asked is None else asked


def _asset(reply: Reply) -> str:
    url = reply.body.get("url") if isinstance(reply.body, dict) else None
    if not isinstance(url, str) or not url.startswith("asset://"):
        msg = "its reply to an upload names no asset"
        raise Unreadable(msg, status=reply.status)
    return url


def _vendor_time(outcome: Reply | Lost) -> float | None:
    return http_date(outcome.headers.get("date")) if isinstance(outcome, Reply) else None


def _took_seconds(done: Done) -> float:
    """How long a job took that ended at some time in the past; 0 where the vendor doesn't tell."""
    begun, ended = done.facts.created_at, done.facts.updated_at
    return 0.0 if begun is None or ended is None else ended - begun


def _is_since(one: Listed, since: float) -> bool:
    return one.facts.created_at is None or one.facts.created_at >= since
