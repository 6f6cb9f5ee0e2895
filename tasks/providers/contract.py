"""What the two sides of a dialect agree on: orders, calls, replies and what a reply means.

No I/O lives here, nor in any dialect. The client holds the conversation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from tasks.errors import ProviderError, Unreachable

Role = Literal["first_frame", "last_frame", "reference_image", "reference_video", "reference_audio"]


@dataclass(frozen=True)
class Medium:
    """A picture, clip or sound that goes with an order: bytes in hand, or a URL as written."""

    role: Role
    url: str = ""
    """https, http or `asset://`; empty where the bytes are sent."""
    data: bytes = field(default=b"", repr=False)
    mime: str = ""
    """By the bytes, never by the name: `image/png`, `image/jpeg`, …; empty for a URL."""


@dataclass(frozen=True)
class Order:
    """What a dialect is asked to render. None: the model has no such word, or it is unsaid."""

    model: str
    """The provider's own id."""
    prompt: str = ""
    media: tuple[Medium, ...] = ()
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

    def medium(self, role: Role) -> Medium | None:
        """The one medium of that role, or None."""
        return next((medium for medium in self.media if medium.role == role), None)

    def with_seed(self, seed: int) -> Order:
        """The same order with a seed."""
        return Order(**{**vars(self), "seed": seed})


@dataclass(frozen=True)
class Part:
    """One part of a multipart form: a word, or a file with its name and type."""

    name: str
    data: bytes = field(repr=False)
    filename: str = ""
    mime: str = ""


@dataclass(frozen=True)
class Call:
    """One request, without key and base URL. At most one of json and parts is given."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    """Behind the base URL, with a leading slash."""
    json: Mapping[str, Any] | None = field(default=None, repr=False)
    parts: tuple[Part, ...] = ()
    query: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Reply:
    """What came back: status, headers in lower case, and the body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """Decoded JSON, or None where the body is none."""
    text: str = field(default="", repr=False)
    """The first characters of the body as text, for a message."""


@dataclass(frozen=True)
class Facts:
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


class Waiting(NamedTuple):
    """The job is not done."""

    state: Literal["queued", "running", "unknown"]
    progress: float | None = None
    """0 to 1, where the vendor tells."""
    facts: Facts = Facts()


@dataclass(frozen=True)
class Done:
    """The job succeeded. URLs are signed: they never go into a log, a record or an error."""

    clip_url: str = field(default="", repr=False)
    """Empty where the vendor names none: it is not ready, served behind the key, or gone."""
    last_frame_url: str = field(default="", repr=False)
    """Empty where the vendor gives none."""
    facts: Facts = Facts()
    clip_call: Call | None = None
    """Where the vendor serves the clip behind the key instead of (or beside) a URL."""


class Listed(NamedTuple):
    """One job of the vendor's list of recent jobs."""

    job: str
    status: Waiting | Done | ProviderError
    facts: Facts = Facts()


class Created(NamedTuple):
    """A create that the vendor took."""

    job: str
    vendor_time: float | None = None
    """Unix seconds of the vendor's Date header."""


class Recent(NamedTuple):
    """The vendor's recent jobs, newest first as far as it tells them so."""

    jobs: tuple[Listed, ...]
    vendor_time: float | None = None
    """Unix seconds of the vendor's Date header: its clock against ours."""


class Digest(NamedTuple):
    """What a downloaded file is: its sha256 in hexadecimal, and its bytes."""

    sha256: str
    size: int


class LinkExpired(Unreachable):
    """A signed URL that is no longer served. Asking after the job again may name a fresh one."""

    kind = "link_expired"


class Dialect(Protocol):
    """A wire format: turns an order into calls and replies into meaning. No I/O, no clock.

    Its methods raise nothing but ProviderError, whatever a vendor sends.
    """

    name: str
    gives_last_frame: bool
    """Whether a done job names its last frame by URL."""
    takes_first_frame: Literal["exact", "soft", "no"]
    """Whether the clip starts on the frame it is given, or only leans on it."""
    says: frozenset[str]
    """The fields of Order that have a place in this format; the others can't be asked for.

    A wish for the last frame is left unsaid in silence, for the clip itself ends on it.
    """
    inlines: frozenset[str]
    """The roles whose bytes can be sent; media of other roles must be URLs."""
    inlines_alone: bool
    """Whether a medium whose bytes are sent must be the only one."""
    links: frozenset[str]
    """The roles whose URLs can be sent; media of other roles must be bytes."""
    picture_types: frozenset[str]
    """The types of pictures whose bytes can be sent: `image/png`, …"""
    needs_prompt: bool
    """Whether there must be words also beside a picture."""
    flags_in_text: bool
    """Whether parameters go into the prompt."""
    reads_flags: bool
    """Whether the vendor reads parameters there, so that words like `--x` are dangerous."""

    def create(self, order: Order) -> Call:
        """The one request that costs money. Raises Rejected where the order can't be said."""
        ...

    def created(self, reply: Reply) -> str:
        """The job's id. Raises Unreadable where the reply holds none."""
        ...

    def query(self, job: str) -> Call:
        """Ask after a job."""
        ...

    def read(self, reply: Reply) -> Waiting | Done:
        """What the vendor says of the job.

        Raises JobFailed, Refused, Rejected or Unauthorized when it is over, and Unreadable where
        the reply is no job. A job that succeeded without a clip is Done with an empty URL.
        """
        ...

    def explain(self, reply: Reply, *, job: str = "") -> ProviderError | None:
        """The error that this reply is, also where the vendor hides it in a 200; else None.

        `job` is the job that was asked after, so that an unknown one is JobLost. A job that failed
        is no error of the reply: `read` tells it.
        """
        ...

    def recent(self, model: str, service_tier: str | None, page: int) -> Call | None:
        """Ask for a page (from 1) of the vendor's recent jobs; None where it has no such list."""
        ...

    def listed(self, reply: Reply) -> tuple[Listed, ...]:
        """The jobs of one page of that list; empty behind the last page."""
        ...

    def cancel(self, job: str) -> Call | None:
        """Give a queued job up, or None where the vendor can't."""
        ...
