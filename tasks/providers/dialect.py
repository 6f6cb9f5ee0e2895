"""The protocol that every wire format implements. No I/O, no clock.

The implementations are in `dialects/`, the values they exchange in `types`."""

from __future__ import annotations

from typing import Literal, Protocol

from tasks.errors import ProviderError
from tasks.providers.types import (
    ApiCall,
    ApiResponse,
    JobPending,
    JobResult,
    ListedJob,
    RenderRequest,
)


class Dialect(Protocol):
    """A wire format: turns an order into calls and replies into meaning. No I/O, no clock.

    Its methods raise nothing but ProviderError, whatever a vendor sends.
    """

    name: str
    returns_last_frame: bool
    """Whether a done job names its last frame by URL."""
    first_frame_anchor: Literal["exact", "soft", "no"]
    """Whether the clip starts on the frame it is given, or only leans on it."""
    supported_fields: frozenset[str]
    """The fields of Order that have a place in this format; the others can't be asked for.

    A wish for the last frame is left unsaid in silence, for the clip itself ends on it.
    """
    inline_roles: frozenset[str]
    """The roles whose bytes can be sent; media of other roles must be URLs."""
    inline_media_exclusive: bool
    """Whether a medium whose bytes are sent must be the only one."""
    url_roles: frozenset[str]
    """The roles whose URLs can be sent; media of other roles must be bytes."""
    inline_image_types: frozenset[str]
    """The types of pictures whose bytes can be sent: `image/png`, …"""
    requires_prompt: bool
    """Whether there must be words also beside a picture."""
    writes_prompt_flags: bool
    """Whether parameters go into the prompt."""
    parses_prompt_flags: bool
    """Whether the vendor reads parameters there, so that words like `--x` are dangerous."""

    def build_create(self, request: RenderRequest) -> ApiCall:
        """The one request that costs money. Raises Rejected where the order can't be said."""
        ...

    def parse_created(self, response: ApiResponse) -> str:
        """The job's id. Raises Unreadable where the reply holds none."""
        ...

    def build_query(self, job: str) -> ApiCall:
        """Ask after a job."""
        ...

    def parse_status(self, response: ApiResponse) -> JobPending | JobResult:
        """What the vendor says of the job.

        Raises JobFailed, Refused, Rejected or Unauthorized when it is over, and Unreadable where
        the reply is no job. A job that succeeded without a clip is Done with an empty URL.
        """
        ...

    def parse_error(self, response: ApiResponse, *, job: str = "") -> ProviderError | None:
        """The error that this reply is, also where the vendor hides it in a 200; else None.

        `job` is the job that was asked after, so that an unknown one is JobLost. A job that failed
        is no error of the reply: `read` tells it.
        """
        ...

    def build_list(self, model: str, service_tier: str | None, page: int) -> ApiCall | None:
        """Ask for a page (from 1) of the vendor's recent jobs; None where it has no such list."""
        ...

    def parse_list(self, response: ApiResponse) -> tuple[ListedJob, ...]:
        """The jobs of one page of that list; empty behind the last page."""
        ...

    def build_cancel(self, job: str) -> ApiCall | None:
        """Give a queued job up, or None where the vendor can't."""
        ...
