"""The jobs of one provider: create, upload, query, wait, list and cancel.

Decides what is sent once, what is retried and how long to wait. Sending over HTTP belongs in
`client`. No error raised here contains a key or a signed URL."""

from __future__ import annotations

import asyncio
import hmac
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

from pydantic import SecretStr

from tasks.errors import (
    InvalidRequest,
    JobLost,
    JobTimedOut,
    MalformedResponse,
    NotConfigured,
    ProviderError,
    Recovery,
)
from tasks.providers import Provider, error_mapping
from tasks.providers.dialect import Dialect
from tasks.providers.error_mapping import LostResponse
from tasks.providers.polling import (
    FLEX_POLL_SECONDS,
    LatencyEstimate,
    backoff_seconds,
    parse_http_date,
    poll_delay_seconds,
)
from tasks.providers.response_fields import sanitize_text
from tasks.providers.types import (
    ApiCall,
    ApiResponse,
    CreatedJob,
    FormPart,
    JobList,
    JobPending,
    JobResult,
    ListedJob,
    RenderRequest,
)
from tasks.providers.url_policy import is_loopback_url, redact_urls
from tasks.redaction import redact_secrets

ApiKeySource = SecretStr | Callable[[], SecretStr | None] | None
ParsedT = TypeVar("ParsedT")

MAX_ATTEMPTS = 4
"""How often a question is asked before its error counts."""

_MAX_PAGES = 20
_LOOPBACK_POLL_SECONDS = 0.1

# Files live 24 hours at the vendor; before that, a done job without one is not ready yet.
_FILE_LIFETIME_SECONDS = 23 * 3600.0

# One that is served behind the key is asked for until it surely is no more.
_CONTENT_LIFETIME_SECONDS = 25 * 3600.0

_NO_LIST_STATUSES = (404, 405, 501)

_STATE_TEXTS = {"queued": "queued", "running": "running", "unknown": "not done"}


class JobClient(ABC):
    """A conversation with one provider in its dialect."""

    def __init__(
        self,
        provider: Provider,
        dialect: Dialect,
        *,
        api_key: ApiKeySource,
        base_url: str,
        poll_max_seconds: float | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`poll_seconds` is the longest wait between two asks, in place of the row's own."""
        self.provider = provider
        self.dialect = dialect
        self.base_url = base_url
        self._api_key = api_key
        self._poll_most = poll_max_seconds
        self._clock, self._sleep = clock, sleep
        self._pace = LatencyEstimate()

    @abstractmethod
    async def _send_once(
        self, call: ApiCall, purpose: Literal["create", "question"]
    ) -> ApiResponse | LostResponse:
        """Send a call once and read its whole reply; what goes wrong on the way is told as Lost.

        Raises Rejected and NotConfigured before anything is sent.
        """

    @property
    @abstractmethod
    def create_timeout_seconds(self) -> float:
        """How long a create may take before it is given up."""

    def now(self) -> float:
        """This moment in Unix seconds, by the clock that waits are measured with."""
        return self._clock()

    async def create(self, request: RenderRequest) -> CreatedJob:
        """Send the one request that costs money, once.

        Raises NotSent, Throttled, Rejected, Unauthorized or Refused where nothing was accepted,
        Unclear where a job may exist, and NotConfigured before anything is sent.
        """
        failed: ProviderError
        try:
            outcome = await self._send_once(self.dialect.build_create(request), "create")
        except ProviderError as error:
            failed = error
        else:
            result = error_mapping.classify_create_response(
                self.dialect, outcome, now=self._clock()
            )
            if isinstance(result, str):
                return CreatedJob(result, _vendor_time(outcome))
            failed = result
        raise self._finish_error(failed)

    async def upload(self, data: bytes, mime_type: str) -> str:
        """Leave a file with the vendor, and return the URL by which an order names it.

        Costs nothing, and the same file may be left twice. Raises Rejected where the vendor takes
        none, else as `query`.
        """
        place, ending = self.provider.upload_path, mime_type.rpartition("/")[2]
        if not place:
            raise self._finish_error(
                InvalidRequest("the vendor takes no files beside an order; give a URL")
            )
        call = ApiCall(
            "POST", place, parts=(FormPart("file", data, f"reference.{ending}", mime_type),)
        )
        return await self._query_with_retries(call, _parse_asset_url)

    async def query(self, job: str) -> JobPending | JobResult:
        """Ask after a job, a few times where the answer is lost.

        Raises what the job ended with, JobLost where the vendor no longer has it or its files, and
        Unreachable, Throttled or Unreadable where there is no usable answer.
        """

        def read(reply: ApiResponse) -> JobPending | JobResult:
            status = self.dialect.parse_status(reply)
            if isinstance(status, JobResult) and not status.clip_url:
                return self._handle_missing_clip(status, reply)
            return status

        return await self._query_with_retries(self.dialect.build_query(job), read, job=job)

    async def wait(
        self,
        job: str,
        *,
        started_at: float,
        timeout_seconds: float,
        service_tier: str | None = None,
        typical_seconds: float | None = None,
        on_progress: Callable[[JobPending], None] | None = None,
    ) -> JobResult:
        """Ask after a job until it is done; `started_at` is when it was created, in Unix seconds.

        It is asked most often around the time that jobs of `usual_seconds` (else the row's) take
        these days. Asks at least once. Raises as `query`, and JobOverdue where it is not done after
        `deadline_seconds` of waiting; the job goes on. How old it is already counts for nothing
        there: whoever resumes an overdue job waits for it again.
        """
        begun = self._clock()
        least, most = self._poll_bounds(service_tier)
        usual = typical_seconds or self.provider.typical_job_seconds
        # Offline jobs wait for a quiet hour: nothing is usual about that.
        pace = self._pace if service_tier != "flex" else None
        seen_waiting = False
        if self._clock() - started_at < least:
            await self._sleep(least)
        while True:
            status = await self.query(job)
            elapsed = max(self._clock() - started_at, 0.0)
            if isinstance(status, JobResult):
                if pace is not None:
                    pace.record(elapsed if seen_waiting else _job_seconds(status), usual)
                return status
            seen_waiting = True
            if on_progress is not None:
                on_progress(status)
            left = timeout_seconds - (self._clock() - begun)
            if left <= 0:
                raise self._build_timeout_error(job, status, elapsed)
            expected = pace.estimate(usual) if pace is not None else None
            pause = poll_delay_seconds(
                elapsed, min_seconds=least, max_seconds=most, expected_seconds=expected
            )
            await self._sleep(min(pause, max(left, least)))

    async def list_jobs(
        self, model: str, *, service_tier: str | None = None, created_after: float
    ) -> JobList | None:
        """The vendor's jobs created since then (Unix seconds), or None where it has no list.

        No page tells how a list is sorted, so it is read to its end. Raises as `query`.
        """
        found: dict[str, ListedJob] = {}
        vendor_time: float | None = None
        for page in range(1, _MAX_PAGES + 1):
            call = self.dialect.build_list(model, service_tier, page)
            if call is None or not self.provider.supports_listing:
                return None
            try:
                jobs, vendor_time = await self._query_with_retries(call, self._parse_list)
            except ProviderError as error:
                if error.status not in _NO_LIST_STATUSES:
                    raise
                if page == 1:
                    return None
                break
            fresh = {one.job: one for one in jobs if one.job not in found}
            if not fresh:
                break
            found |= fresh
        return JobList(
            tuple(one for one in found.values() if _is_created_after(one, created_after)),
            vendor_time,
        )

    async def cancel(self, job: str) -> bool:
        """Give a job up if it is queued now; False where it is not, and nothing was sent then.

        Once a job is over the same request would delete what was paid for, so it is asked first.
        Raises Rejected where the vendor cancels nothing, else as `query`.
        """
        call = self.dialect.build_cancel(job)
        if call is None or not self.provider.supports_cancel:
            raise self._finish_error(InvalidRequest("the vendor can't cancel jobs; let it finish"))
        status = await self.query(job)
        if not isinstance(status, JobPending) or status.state != "queued":
            return False
        await self._query_with_retries(call, lambda reply: reply, job=job, max_attempts=1)
        return True

    async def _query_with_retries(
        self,
        call: ApiCall,
        read: Callable[[ApiResponse], ParsedT],
        *,
        job: str = "",
        max_attempts: int = MAX_ATTEMPTS,
    ) -> ParsedT:
        attempt = 0
        while True:
            attempt += 1
            outcome = await self._send_once(call, "question")
            answer = error_mapping.classify_query_response(
                self.dialect, outcome, job=job, now=self._clock()
            )
            error: ProviderError
            if isinstance(answer, ApiResponse):
                try:
                    return read(answer)
                except ProviderError as raised:
                    error = raised
            else:
                error = answer
            again = error.recovery is Recovery.RETRY or isinstance(error, MalformedResponse)
            if attempt >= max_attempts or not again:
                raise self._finish_error(error)
            await self._sleep(retry_delay_seconds(error, attempt))

    def _parse_list(self, reply: ApiResponse) -> tuple[tuple[ListedJob, ...], float | None]:
        return self.dialect.parse_list(reply), _vendor_time(reply)

    def _handle_missing_clip(self, status: JobResult, reply: ApiResponse) -> JobPending | JobResult:
        """A job that succeeded but names no clip: lost once it is old, else not ready.

        One that is served behind the key is there to be fetched, until it is lost as well.
        """
        ended = status.details.updated_at or status.details.created_at
        now = _vendor_time(reply) or self._clock()
        lives = _FILE_LIFETIME_SECONDS if status.clip_call is None else _CONTENT_LIFETIME_SECONDS
        if ended is not None and now - ended > lives:
            msg = "the vendor no longer has the clip of this job; render the shot again"
            raise JobLost(msg)
        return status if status.clip_call else JobPending("unknown", details=status.details)

    def _poll_bounds(self, service_tier: str | None) -> tuple[float, float]:
        least, most = self.provider.poll_min_seconds, self.provider.poll_max_seconds
        if is_loopback_url(self.base_url):
            least = min(least, _LOOPBACK_POLL_SECONDS)
        elif service_tier == "flex":
            most = max(most, FLEX_POLL_SECONDS)
        if self._poll_most is not None:
            most = self._poll_most
        return min(least, most), most

    def _build_timeout_error(self, job: str, status: JobPending, elapsed: float) -> ProviderError:
        msg = (
            f"job {sanitize_text(job, max_chars=100)} is still {_STATE_TEXTS[status.state]} after "
            f"{elapsed:.0f} s; it is kept, and the next run goes on with it"
        )
        return self._finish_error(JobTimedOut(msg))

    def sign_base_url(self) -> str:
        """Proves to whoever has the same key that it was used at this address; tells no key."""
        words = f"{self.provider.name} {self.base_url}"
        return hmac.new(self._require_key().encode(), words.encode(), "sha256").hexdigest()[:32]

    def _require_key(self) -> str:
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

    def _finish_error(self, error: ProviderError) -> ProviderError:
        """The error under the provider's name, with nothing in it that is secret."""
        message, code = redact_urls(str(error)), redact_urls(error.code)
        secret = self._api_key() if callable(self._api_key) else self._api_key
        key = secret.get_secret_value().strip() if secret is not None else ""
        message, code = redact_secrets(message, [key]), redact_secrets(code, [key])
        if error.status == 401:
            message = f"{message} ({self.provider.key_variable})"
        return type(error)(
            f"{self.provider.name}: {message}",
            code=code,
            status=error.status,
            retry_after_seconds=error.retry_after_seconds,
            is_final=error.is_final,
        )


def retry_delay_seconds(error: ProviderError, attempt: int) -> float:
    """How long to wait before asking again: what the vendor asks for, else longer each time."""
    asked = error.retry_after_seconds
    return backoff_seconds(attempt) if asked is None else asked


def _parse_asset_url(reply: ApiResponse) -> str:
    url = reply.body.get("url") if isinstance(reply.body, dict) else None
    if not isinstance(url, str) or not url.startswith("asset://"):
        msg = "its reply to an upload names no asset"
        raise MalformedResponse(msg, status=reply.status)
    return url


def _vendor_time(outcome: ApiResponse | LostResponse) -> float | None:
    return (
        parse_http_date(outcome.headers.get("date")) if isinstance(outcome, ApiResponse) else None
    )


def _job_seconds(done: JobResult) -> float:
    """How long a job took that ended at some time in the past; 0 where the vendor doesn't tell."""
    begun, ended = done.details.created_at, done.details.updated_at
    return 0.0 if begun is None or ended is None else ended - begun


def _is_created_after(one: ListedJob, since: float) -> bool:
    return one.details.created_at is None or one.details.created_at >= since
