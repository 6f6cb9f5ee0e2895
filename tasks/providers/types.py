"""Values passed between client and dialects: render requests, API calls, responses, job states.

No I/O and no wire format. The protocol that uses them is in `dialect`."""

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
    """A picture, clip or sound that goes with an order: bytes in hand, or a URL as written."""

    role: MediaRole
    url: str = ""
    """https, http or `asset://`; empty where the bytes are sent."""
    data: bytes = field(default=b"", repr=False)
    mime_type: str = ""
    """By the bytes, never by the name: `image/png`, `image/jpeg`, …; empty for a URL."""


@dataclass(frozen=True)
class RenderRequest:
    """What a dialect is asked to render. None: the model has no such word, or it is unsaid."""

    model: str
    """The provider's own id."""
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
    """The draft that this order promotes."""
    service_tier: str | None = None
    priority: int | None = None
    execution_expires_after_seconds: int | None = None
    callback_url: str | None = None
    safety_identifier: str | None = None
    tools: tuple[str, ...] = ()

    def find_media(self, role: MediaRole) -> MediaInput | None:
        """The one medium of that role, or None."""
        return next((medium for medium in self.media if medium.role == role), None)

    def with_seed(self, seed: int) -> RenderRequest:
        """The same order with a seed."""
        return RenderRequest(**{**vars(self), "seed": seed})


@dataclass(frozen=True)
class FormPart:
    """One part of a multipart form: a word, or a file with its name and type."""

    name: str
    data: bytes = field(repr=False)
    filename: str = ""
    mime_type: str = ""


@dataclass(frozen=True)
class ApiCall:
    """One request, without key and base URL. At most one of json and parts is given."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    """Behind the base URL, with a leading slash."""
    json: Mapping[str, Any] | None = field(default=None, repr=False)
    parts: tuple[FormPart, ...] = ()
    query: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ApiResponse:
    """What came back: status, headers in lower case, and the body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """Decoded JSON, or None where the body is none."""
    text: str = field(default="", repr=False)
    """The first characters of the body as text, for a message."""


@dataclass(frozen=True)
class JobDetails:
    """What the vendor tells about a job, beside its state. None where it tells nothing."""

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


class JobPending(NamedTuple):
    """The job is not done."""

    state: Literal["queued", "running", "unknown"]
    progress: float | None = None
    """0 to 1, where the vendor tells."""
    details: JobDetails = JobDetails()


@dataclass(frozen=True)
class JobResult:
    """The job succeeded. URLs are signed: they never go into a log, a record or an error."""

    clip_url: str = field(default="", repr=False)
    """Empty where the vendor names none: it is not ready, served behind the key, or gone."""
    last_frame_url: str = field(default="", repr=False)
    """Empty where the vendor gives none."""
    details: JobDetails = JobDetails()
    clip_call: ApiCall | None = None
    """Where the vendor serves the clip behind the key instead of (or beside) a URL."""


class ListedJob(NamedTuple):
    """One job of the vendor's list of recent jobs."""

    job: str
    status: JobPending | JobResult | ProviderError
    details: JobDetails = JobDetails()


class CreatedJob(NamedTuple):
    """A create that the vendor took."""

    job: str
    vendor_time: float | None = None
    """Unix seconds of the vendor's Date header."""


class JobList(NamedTuple):
    """The vendor's recent jobs, newest first as far as it tells them so."""

    jobs: tuple[ListedJob, ...]
    vendor_time: float | None = None
    """Unix seconds of the vendor's Date header: its clock against ours."""


class FileDigest(NamedTuple):
    """What a downloaded file is: its sha256 in hexadecimal, and its bytes."""

    sha256: str
    size_bytes: int
