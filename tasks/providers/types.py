"""Values passed between client and dialects: render requests, API calls, responses, job states.

No I/O and no wire format. The class that uses them is in `dialect`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from tasks.errors import ProviderError

MediaRole = Literal[
    "first_frame", "last_frame", "reference_image", "reference_video", "reference_audio"
]


@dataclass(frozen=True)
class MediaInput:
    """An image, clip or sound that accompanies a request: its bytes, or a URL as written."""

    role: MediaRole
    url: str = ""
    """https, http or `asset://`; empty if the bytes are sent."""
    data: bytes = field(default=b"", repr=False)
    mime_type: str = ""
    """Determined from the bytes, never from the file name: `image/png`, …; empty for a URL."""


class RenderRequest(NamedTuple):
    """A request to render one shot, before a dialect encodes it.

    None means that the parameter is not sent: the model does not take it, or it is not set.
    """

    model: str
    """The provider's own model id."""
    prompt: str = ""
    media: tuple[MediaInput, ...] = ()
    resolution: str | None = None
    ratio: str | None = None
    duration_seconds: int | None = None
    """-1 lets the model decide."""
    frames: int | None = None
    seed: int | None = None
    camera_fixed: bool | None = None
    watermark: bool | None = None
    audio: bool | None = None
    return_last_frame: bool | None = None
    draft: bool | None = None
    draft_job: str | None = None
    """The id of the draft job that this request renders in full."""
    service_tier: str | None = None
    priority: int | None = None
    execution_expires_after_seconds: int | None = None
    callback_url: str | None = None
    safety_identifier: str | None = None
    tools: tuple[str, ...] = ()

    def find_media(self, role: MediaRole) -> MediaInput | None:
        """Return the first medium of that role, or None."""
        return next((medium for medium in self.media if medium.role == role), None)

    def with_prompt(self, prompt: str) -> RenderRequest:
        """Return the same request with another prompt."""
        return self._replace(prompt=prompt)

    def with_seed(self, seed: int) -> RenderRequest:
        """Return the same request with another seed."""
        return self._replace(seed=seed)


@dataclass(frozen=True)
class FormPart:
    """One part of a multipart form: a text field, or a file with its name and type."""

    name: str
    data: bytes = field(repr=False)
    filename: str = ""
    """Empty for a text field."""
    mime_type: str = ""
    """Empty for a text field."""


@dataclass(frozen=True)
class ApiCall:
    """One HTTP request without API key and base URL. At most one of `json` and `parts` is set."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    """Appended to the base URL; begins with a slash."""
    json: Mapping[str, Any] | None = field(default=None, repr=False)
    parts: tuple[FormPart, ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    """Besides those of every request."""


@dataclass(frozen=True)
class ApiResponse:
    """A complete HTTP response."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: Any = None
    """Decoded JSON, or None if the body is not JSON."""
    text: str = field(default="", repr=False)
    """The first characters of the body, for error messages."""


class LostResponse(NamedTuple):
    """A request without a complete response."""

    was_sent: bool
    """False if the request certainly never left this machine."""
    reason: str
    """A few words, without URL and key."""
    status: int = 0
    """The HTTP status if the response broke off after it; else 0."""


class Retry(NamedTuple):
    """A call that is repeated."""

    number: int
    """From 1."""
    max_retries: int
    delay_seconds: float
    error: ProviderError


class JobDetails(NamedTuple):
    """A job's reported properties besides its state. None if the vendor does not report it."""

    tokens: int | None = None
    seed: int | None = None
    resolution: str | None = None
    ratio: str | None = None
    duration_seconds: float | None = None
    frames: int | None = None
    audio: bool | None = None
    model: str | None = None
    service_tier: str | None = None
    created_at: float | None = None
    """Unix seconds."""
    updated_at: float | None = None
    """Unix seconds."""


class JobPending(NamedTuple):
    """The job is not finished."""

    state: Literal["queued", "running", "unknown"]
    progress: float | None = None
    """0 to 1, or None if the vendor does not report it."""
    details: JobDetails = JobDetails()
    vendor_text: str = ""
    """The vendor's own words if they are not documented; redacted and short."""


@dataclass(frozen=True)
class JobResult:
    """The job succeeded. The URLs are signed: never log, store or print them."""

    clip_url: str = field(default="", repr=False)
    """Empty if the vendor returns none: not ready yet, served by `clip_call` only, or deleted."""
    last_frame_url: str = field(default="", repr=False)
    """Empty if the vendor returns none."""
    details: JobDetails = JobDetails()  # noqa: RUF009 - it is frozen
    clip_call: ApiCall | None = None
    """The call that downloads the clip with the API key, if the vendor serves it that way."""
    vendor_text: str = ""
    """The vendor's status if it is not documented: the clip itself must prove the success."""
    vendor_time: float | None = None
    """Unix seconds of the response's Date header."""


class ListedJob(NamedTuple):
    """One job of the vendor's list of recent jobs."""

    job: str
    status: JobPending | JobResult | ProviderError
    details: JobDetails = JobDetails()


class CreatedJob(NamedTuple):
    """A job that the vendor accepted."""

    job: str
    vendor_time: float | None = None
    """Unix seconds of the response's Date header."""


class JobList(NamedTuple):
    """The vendor's recent jobs, in the vendor's order."""

    jobs: tuple[ListedJob, ...]
    vendor_time: float | None = None
    """Unix seconds of the last response's Date header, to compare the vendor's clock with ours."""


class FileDigest(NamedTuple):
    """Checksum and size of a downloaded file."""

    sha256: str
    """Hexadecimal."""
    size_bytes: int
