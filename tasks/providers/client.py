"""The jobs of one provider: create, upload, query, wait, list, cancel and download.

Decides what is sent once, what is retried and how long to wait. A create is one POST without any
loop around it; queries and downloads are retried a few times. Single HTTP exchanges belong in
`http_transport`. No error raised here contains a key, a signed URL or the exception that caused it.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx

from tasks.errors import (
    InvalidRequest,
    JobLost,
    JobTimedOut,
    MalformedResponse,
    ProviderError,
    Recovery,
)
from tasks.providers.api_key import ApiKey, ApiKeySource
from tasks.providers.dialect import Dialect
from tasks.providers.downloads import (
    DownloadProgress,
    DownloadTarget,
    FileTarget,
    MemoryTarget,
    receive_with_retries,
)
from tasks.providers.error_mapping import sanitize_text
from tasks.providers.exchanges import Exchange, ExchangeKind, report_exchange
from tasks.providers.http_transport import HostResolver, HttpTransport
from tasks.providers.outcomes import classify_create_response, classify_query_response
from tasks.providers.polling import (
    END_CONFIRMATION_SECONDS,
    FILE_LIFETIME_SECONDS,
    FLEX_POLL_SECONDS,
    MAX_UNKNOWN_SECONDS,
    LatencyEstimate,
    parse_http_date,
    poll_delay_seconds,
    retry_delay_seconds,
)
from tasks.providers.provider import Provider
from tasks.providers.types import (
    ApiCall,
    ApiResponse,
    CreatedJob,
    FileDigest,
    FormPart,
    JobList,
    JobPending,
    JobResult,
    ListedJob,
    LostResponse,
    RenderRequest,
    Retry,
)
from tasks.providers.url_policy import is_loopback_url, redact_url, redact_urls

ParsedT = TypeVar("ParsedT")

LookAtClip = Callable[[JobResult], Awaitable[bool]]
"""Returns True if the clip beside a status that the vendor does not document is sound."""

OnRetry = Callable[[Retry], None]
"""Called before a call is repeated."""

_MAX_ATTEMPTS = 4
_MAX_PAGES = 20
_LOOPBACK_POLL_SECONDS = 0.1

_LOOPBACK_CONFIRMATION_SECONDS = 0.3

_NO_LIST_STATUSES = (404, 405, 501)


class Client:
    """The jobs of one provider. Use it with `async with`, in one event loop."""

    def __init__(
        self,
        provider: Provider,
        dialect: Dialect,
        *,
        api_key: ApiKeySource,
        base_url: str = "",
        poll_max_seconds: float | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        resolve_host: HostResolver | None = None,
    ) -> None:
        """Create the client; nothing is sent yet.

        Args:
            provider: The provider.
            dialect: The provider's wire format.
            api_key: The key, or a function that is called at each request.
            base_url: Replaces the provider's base URL unless empty.
            poll_max_seconds: Replaces the provider's longest poll interval.
            transport: Replaces the network, for tests.
            clock: Returns Unix seconds.
            sleep: Waits for a number of seconds.
            resolve_host: Returns the addresses of a host name; None for the system's resolver.

        Raises:
            NotConfigured: The base URL is missing or not valid.
        """
        self.provider = provider
        self.dialect = dialect
        self._key = ApiKey(provider, api_key)
        self._http = HttpTransport(
            provider,
            base_url or provider.base_url,
            get_key=self._key.require,
            transport=transport,
            resolve_host=resolve_host,
        )
        self.base_url = self._http.base_url
        self._poll_max_seconds = poll_max_seconds
        self._clock, self._sleep = clock, sleep
        self._latency = LatencyEstimate()

    def __repr__(self) -> str:
        return f"Client({self.provider.name!r}, {redact_urls(self.base_url)!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    def now(self) -> float:
        """Return the current Unix seconds of the client's clock."""
        return self._clock()

    async def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds."""
        await self._sleep(seconds)

    @property
    def create_timeout_seconds(self) -> float:
        """The longest time that a create may take."""
        return self._http.create_timeout_seconds

    async def create(self, request: RenderRequest, *, shot_id: str = "") -> CreatedJob:
        """Send the only request that costs money, once.

        Args:
            request: What to render.
            shot_id: The shot, for a provider with a header for it.

        Raises:
            SubmissionUnclear: A job may exist.
            ProviderError: RequestNotSent, RateLimited, InvalidRequest, AccountError or
                InputModerated: the vendor accepted nothing.
            NotConfigured: The key is missing or not valid; nothing was sent.
        """
        failure: ProviderError
        outcome: ApiResponse | LostResponse | None = None
        started_at = self._clock()
        try:
            call = self.dialect.build_create(request)
            if self.provider.shot_header and shot_id:
                # A header is ASCII; an id may use letters of any script.
                call = replace(call, headers=((self.provider.shot_header, quote(shot_id)),))
            outcome = await self._http.send(call, is_create=True)
        except ProviderError as error:
            failure = error
        else:
            result = classify_create_response(self.dialect, outcome, now=self._clock())
            if isinstance(result, str):
                self._report("create", call, started_at, response=outcome, result=result)
                return CreatedJob(result, _vendor_time(outcome))
            failure = result
        failure = self._key.finish_error(failure)
        if outcome is not None:
            self._report("create", call, started_at, response=outcome, error=failure)
        raise failure

    async def upload(self, data: bytes, mime_type: str) -> str:
        """Upload a file and return the `asset://` URL that requests use for it.

        Uploads are free; the same file may be uploaded again.

        Raises:
            InvalidRequest: The vendor has no upload.
            ProviderError: The same errors as `query`, except for those of the job.
        """
        if not self.provider.upload_path:
            raise self._key.finish_error(
                InvalidRequest("the vendor has no upload for media files; use a URL")
            )
        filename = f"reference.{mime_type.rpartition('/')[2]}"
        part = FormPart("file", data, filename, mime_type)
        call = ApiCall("POST", self.provider.upload_path, parts=(part,))
        return await self._query_with_retries("upload", call, _parse_asset_url)

    async def query(self, job: str, *, on_retry: OnRetry | None = None) -> JobPending | JobResult:
        """Return the state of a job; a lost response is retried.

        A job that ended without a clip is queried a second time some seconds later, and the second
        answer counts: vendors have reported `failed` for jobs that succeeded.

        Args:
            job: The job id.
            on_retry: Called before a query is repeated.

        Returns:
            A JobPending if the job succeeded and its clip is not there yet.

        Raises:
            JobFailed: The job failed, expired or was cancelled; other final errors have `is_final`.
            JobNotFound: The vendor does not know the job.
            JobLost: The job succeeded so long ago that the vendor has deleted its files.
            ProviderError: Unreachable, RateLimited, AccountError or MalformedResponse: there was
                no usable response.
            NotConfigured: The key is missing or not valid; nothing was sent.
        """
        try:
            return await self._query_once(job, on_retry)
        except ProviderError as error:
            if not error.is_final:
                raise
        is_local = is_loopback_url(self.base_url)
        await self._sleep(_LOOPBACK_CONFIRMATION_SECONDS if is_local else END_CONFIRMATION_SECONDS)
        return await self._query_once(job, on_retry)

    async def _query_once(self, job: str, on_retry: OnRetry | None) -> JobPending | JobResult:
        def parse(response: ApiResponse) -> JobPending | JobResult:
            status = self.dialect.parse_status(response, job=job)
            if not isinstance(status, JobResult):
                return status._replace(vendor_text=self._key.redact(status.vendor_text))
            status = replace(
                status,
                vendor_text=self._key.redact(status.vendor_text),
                vendor_time=_vendor_time(response),
            )
            return status if status.clip_url else self._handle_missing_clip(status)

        call = self.dialect.build_query(job)
        return await self._query_with_retries("query", call, parse, job=job, on_retry=on_retry)

    async def wait(
        self,
        job: str,
        *,
        started_at: float,
        timeout_seconds: float,
        service_tier: str | None = None,
        typical_seconds: float | None = None,
        on_progress: Callable[[JobPending], None] | None = None,
        on_retry: OnRetry | None = None,
        look_at_clip: LookAtClip | None = None,
    ) -> JobResult:
        """Query a job until it succeeds, at least once.

        The job is queried most often around the time when it should end, estimated from the
        previous jobs of this client.

        Args:
            job: The job id.
            started_at: Unix seconds at which the job was created.
            timeout_seconds: The longest time to wait, counted from now, so that a resumed run can
                wait again for a job that timed out.
            service_tier: The request's service tier.
            typical_seconds: The typical duration of such a job; None for the provider's.
            on_progress: Called with every state before the last.
            on_retry: Called before a query is repeated.
            look_at_clip: Returns True if the clip beside a status that the vendor does not
                document is the clip of the job. None waits until the vendor's words are known.

        Raises:
            JobTimedOut: The job is not finished after `timeout_seconds`, or is in a state that the
                vendor does not document for some minutes; it continues.
            ProviderError: The same errors as `query`.
        """
        wait_started_at = self._clock()
        min_seconds, max_seconds = self._poll_bounds(service_tier)
        typical = typical_seconds or self.provider.typical_job_seconds
        latency = self._latency if service_tier != "flex" else None
        was_pending = False
        unknown_since: float | None = None
        if self._clock() - started_at < min_seconds:
            await self._sleep(min_seconds)
        while True:
            status = await self._query_and_look(job, on_retry, look_at_clip)
            now = self._clock()
            elapsed = max(now - started_at, 0.0)
            if isinstance(status, JobResult):
                if latency is not None:
                    latency.record(elapsed if was_pending else _job_seconds(status), typical)
                return status
            was_pending = True
            if on_progress is not None:
                on_progress(status)
            unknown_since = (unknown_since or now) if status.state == "unknown" else None
            is_unknown_for_long = now - (unknown_since or now) >= MAX_UNKNOWN_SECONDS
            remaining = timeout_seconds - (now - wait_started_at)
            if remaining <= 0 or (is_unknown_for_long and elapsed >= typical):
                raise self._build_timeout_error(job, status, elapsed)
            delay = poll_delay_seconds(
                elapsed,
                min_seconds=min_seconds,
                max_seconds=max_seconds,
                expected_seconds=self.expected_job_seconds(typical, service_tier),
            )
            await self._sleep(min(delay, max(remaining, min_seconds)))

    def expected_job_seconds(
        self, typical_seconds: float, service_tier: str | None = None
    ) -> float | None:
        """Return the expected duration of a job, estimated from the previous jobs of this client.

        Args:
            typical_seconds: The typical duration of such a job.
            service_tier: The request's service tier.

        Returns:
            None for a flex job: it runs when the vendor is idle.
        """
        return None if service_tier == "flex" else self._latency.estimate(typical_seconds)

    async def _query_and_look(
        self, job: str, on_retry: OnRetry | None, look_at_clip: LookAtClip | None
    ) -> JobPending | JobResult:
        """Query a job; a clip beside an undocumented status counts only if it is looked at."""
        status = await self.query(job, on_retry=on_retry)
        if not isinstance(status, JobResult) or not status.vendor_text:
            return status
        if look_at_clip is not None and await look_at_clip(status):
            return status
        return JobPending("unknown", None, status.details, status.vendor_text)

    async def list_jobs(
        self, model: str, *, service_tier: str | None = None, created_after: float
    ) -> JobList | None:
        """Return the vendor's jobs created since `created_after`, or None if it has no list.

        The list is read to its end, because no page documents its order. It may be incomplete: jobs
        may move between pages meanwhile, and vendors list jobs late.

        Args:
            model: The model id of the jobs.
            service_tier: The service tier of the jobs.
            created_after: Unix seconds.

        Raises:
            ProviderError: The same errors as `query`, except for those of the job.
        """
        jobs: dict[str, ListedJob] = {}
        vendor_time: float | None = None
        for page in range(1, _MAX_PAGES + 1):
            call = self.dialect.build_list(model, service_tier, page)
            if call is None or not self.provider.supports_listing:
                return None
            try:
                listed, vendor_time = await self._query_with_retries(
                    "list",
                    call,
                    lambda response: (self._parse_list(response), _vendor_time(response)),
                )
            except ProviderError as error:
                if error.status not in _NO_LIST_STATUSES:
                    raise
                if page == 1:
                    return None
                break
            new_jobs = {job.job: job for job in listed if job.job not in jobs}
            if not new_jobs:
                break
            jobs |= new_jobs
        recent = (
            job
            for job in jobs.values()
            if job.details.created_at is None or job.details.created_at >= created_after
        )
        return JobList(tuple(recent), vendor_time)

    def _parse_list(self, response: ApiResponse) -> tuple[ListedJob, ...]:
        mime_type = response.headers.get("content-type", "application/json")
        if "json" not in mime_type.lower():
            msg = f"the vendor's list of jobs is {sanitize_text(mime_type)} and not JSON"
            raise MalformedResponse(msg, status=response.status)
        return self.dialect.parse_list(response)

    async def cancel(self, job: str) -> JobPending | JobResult:
        """Cancel a job if it is queued now, and return its state after that.

        The job is queried first: for an ended job the same request would delete what was paid for.
        It is queried again after the request, because it may have begun or ended meanwhile.

        Returns:
            The state of a job that is not cancelled; `queued` if the vendor accepted the request
            and has not acted on it.

        Raises:
            JobCancelled: The vendor reports the job as cancelled.
            InvalidRequest: The vendor has no cancel, or rejected it.
            ProviderError: The same errors as `query`.
        """
        call = self.dialect.build_cancel(job)
        if call is None or not self.provider.supports_cancel:
            raise self._key.finish_error(
                InvalidRequest("the vendor has no cancel; wait for the job to end")
            )
        status = await self.query(job)
        if not _is_queued(status):
            return status
        failure: ProviderError | None = None
        try:
            await self._query_with_retries(
                "cancel", call, lambda response: response, job=job, max_attempts=1
            )
        except ProviderError as error:
            # The job may have begun, or only the response was lost.
            failure = error
        for attempt in range(1, _MAX_ATTEMPTS):
            status = await self.query(job)
            if not _is_queued(status):
                break
            if failure is not None:
                raise failure
            await self._sleep(retry_delay_seconds(attempt, None))
        return status

    async def download(
        self,
        source: str | ApiCall,
        path: Path,
        *,
        max_bytes: int,
        on_retry: OnRetry | None = None,
    ) -> FileDigest:
        """Download a file completely, or leave `path` as it was.

        Args:
            source: A signed URL, or a call that is sent with the API key.
            path: The destination.
            max_bytes: The largest accepted size.
            on_retry: Called before the file is requested again.

        Raises:
            UrlExpired: The URL is no longer served; query the job for a new one.
            Unreachable: The file could not be downloaded after several attempts.
            AccountError: The API key was rejected.
            MalformedResponse: The file is too large, or the URL is not allowed.
            StoreError: The file can't be written.
        """
        with FileTarget(path) as target:
            await self._receive(source, target, max_bytes, on_retry)
            return target.commit()

    async def fetch_bytes(
        self, source: str | ApiCall, *, max_bytes: int, on_retry: OnRetry | None = None
    ) -> bytes:
        """Return the bytes of a small file; the arguments are those of `download`.

        Raises:
            ProviderError: The same errors as `download`.
        """
        target = MemoryTarget()
        await self._receive(source, target, max_bytes, on_retry)
        return bytes(target.data)

    def sign_base_url(self) -> str:
        """Return a signature that proves that the same key was used at this base URL.

        Raises:
            NotConfigured: The key is missing or not valid.
        """
        return self._sign(self.base_url)

    def has_signed(self, base_url: str, signature: str | None) -> bool:
        """Return True if `sign_base_url` made a signature for that URL with the key of this client.

        Raises:
            NotConfigured: The key is missing or not valid.
        """
        return signature is not None and hmac.compare_digest(signature, self._sign(base_url))

    def _sign(self, base_url: str) -> str:
        return self._key.sign(f"{self.provider.record_name} {base_url}")

    async def _query_with_retries(
        self,
        kind: ExchangeKind,
        call: ApiCall,
        parse: Callable[[ApiResponse], ParsedT],
        *,
        job: str = "",
        max_attempts: int = _MAX_ATTEMPTS,
        on_retry: OnRetry | None = None,
    ) -> ParsedT:
        attempt = 0
        while True:
            attempt += 1
            started_at = self._clock()
            outcome = await self._http.send(call)
            result = classify_query_response(self.dialect, outcome, job=job, now=self._clock())
            error: ProviderError
            if isinstance(result, ApiResponse):
                try:
                    parsed = parse(result)
                except ProviderError as raised:
                    error = raised
                else:
                    text = _describe_parsed(parsed)
                    self._report(kind, call, started_at, response=outcome, job=job, result=text)
                    return parsed
            else:
                error = result
            can_retry = error.recovery is Recovery.RETRY or isinstance(error, MalformedResponse)
            finished = self._key.finish_error(error)
            self._report(kind, call, started_at, response=outcome, job=job, error=finished)
            if attempt >= max_attempts or not can_retry:
                raise finished
            delay = retry_delay_seconds(attempt, error.retry_after_seconds)
            if on_retry is not None:
                on_retry(Retry(attempt, max_attempts - 1, delay, finished))
            await self._sleep(delay)

    async def _receive(
        self,
        source: str | ApiCall,
        target: DownloadTarget,
        max_bytes: int,
        on_retry: OnRetry | None = None,
    ) -> None:
        started_at, requests = self._clock(), 0

        async def receive(progress: DownloadProgress) -> ProviderError | None:
            nonlocal requests
            requests += 1
            return await self._http.receive_file(source, progress)

        def report(retry: Retry) -> None:
            if on_retry is not None:
                on_retry(retry._replace(error=self._key.finish_error(retry.error)))

        error = await receive_with_retries(
            receive, DownloadProgress(target, max_bytes), self._sleep, report
        )
        finished = None if error is None else self._key.finish_error(error)
        self._report(
            "download",
            source,
            started_at,
            error=finished,
            requests=requests,
            size_bytes=target.size_bytes,
            sha256="" if error else target.sha256,
        )
        if finished is not None:
            raise finished

    def _report(
        self, kind: ExchangeKind, source: str | ApiCall, started_at: float, **values: Any
    ) -> None:
        """Report an exchange to the observer; `values` are further fields of `Exchange`."""
        call = source if isinstance(source, ApiCall) else None
        url = f"{self.base_url}{call.path}" if call else str(source)
        exchange = Exchange(
            kind,
            self.provider.name,
            redact_url(url),
            started_at,
            max(self._clock() - started_at, 0.0),
            self._key.redact,
            call,
            **values,
        )
        report_exchange(exchange)

    def _handle_missing_clip(self, result: JobResult) -> JobPending | JobResult:
        """Handle a succeeded job without a clip URL: lost if it is old, else not ready yet.

        A clip that is downloaded with the key is considered available until it is lost.
        """
        ended_at = result.details.updated_at or result.details.created_at
        now = result.vendor_time or self._clock()
        if ended_at is not None and now - ended_at > FILE_LIFETIME_SECONDS:
            msg = "the vendor no longer has the clip of this job; render the shot again"
            raise JobLost(msg, vendor_time=result.vendor_time)
        if result.clip_call:
            return result
        return JobPending("unknown", None, result.details, "succeeded, but names no clip")

    def _poll_bounds(self, service_tier: str | None) -> tuple[float, float]:
        min_seconds, max_seconds = self.provider.poll_min_seconds, self.provider.poll_max_seconds
        if is_loopback_url(self.base_url):
            min_seconds = min(min_seconds, _LOOPBACK_POLL_SECONDS)
        elif service_tier == "flex":
            max_seconds = max(max_seconds, FLEX_POLL_SECONDS)
        if self._poll_max_seconds is not None:
            max_seconds = self._poll_max_seconds
        return min(min_seconds, max_seconds), max_seconds

    def _build_timeout_error(self, job: str, status: JobPending, elapsed: float) -> ProviderError:
        state = f"still {status.state}"
        if status.state == "unknown":
            state = f"not finished by any documented word ({status.vendor_text or 'no status'})"
        job = sanitize_text(job, max_chars=100)
        return self._key.finish_error(
            JobTimedOut(
                f"job {job} is {state} after {elapsed:.0f} s; "
                "its receipt is kept, and the next run waits for it again"
            )
        )


def _describe_parsed(parsed: object) -> str:
    """Return in a few words what a response means."""
    if isinstance(parsed, JobPending):
        return f"unknown: {parsed.vendor_text}" if parsed.vendor_text else parsed.state
    if isinstance(parsed, JobResult):
        return f"unknown: {parsed.vendor_text}" if parsed.vendor_text else "succeeded"
    if isinstance(parsed, tuple) and isinstance(parsed[0], tuple):
        return f"{len(parsed[0])} jobs"
    return "accepted"


def _parse_asset_url(response: ApiResponse) -> str:
    url = response.body.get("url") if isinstance(response.body, dict) else None
    if not isinstance(url, str) or not url.startswith("asset://"):
        msg = "the vendor's response to the upload contains no asset URL"
        raise MalformedResponse(msg, status=response.status)
    return url


def _vendor_time(outcome: ApiResponse | LostResponse) -> float | None:
    if isinstance(outcome, LostResponse):
        return None
    return parse_http_date(outcome.headers.get("date"))


def _is_queued(status: JobPending | JobResult) -> bool:
    return isinstance(status, JobPending) and status.state == "queued"


def _job_seconds(result: JobResult) -> float:
    """Return how long an ended job took, or 0 if the vendor does not report it."""
    created_at, updated_at = result.details.created_at, result.details.updated_at
    return 0.0 if created_at is None or updated_at is None else updated_at - created_at
