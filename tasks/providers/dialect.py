"""The base class of the wire formats. No I/O, no clock.

The implementations are in `dialects/`, the values they exchange in `types`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal
from urllib.parse import quote

from tasks.errors import ProviderError
from tasks.providers.families import IMAGE_LIMITS
from tasks.providers.response_fields import parse_error, parse_job_id
from tasks.providers.types import (
    ApiCall,
    ApiResponse,
    JobPending,
    JobResult,
    ListedJob,
    MediaRole,
    RenderRequest,
)


class Dialect(ABC):
    """A wire format: encodes render requests as API calls and parses the responses.

    The defaults describe a vendor without a list of jobs and without a cancel. Methods raise
    nothing but ProviderError, whatever a vendor sends.
    """

    name: ClassVar[str]
    jobs_path: ClassVar[str]
    """Path of the jobs, appended to the base URL."""
    first_frame_anchor: ClassVar[Literal["exact", "soft", "no"]]
    """`exact` if the clip starts on its first frame input, `soft` if it only resembles it."""
    supported_fields: ClassVar[frozenset[str]]
    """The fields of RenderRequest that the format can send; the others are rejected.

    Exception: `return_last_frame` is ignored if it is missing here, because the clip ends on that
    frame anyway.
    """
    inline_roles: ClassVar[frozenset[str]] = frozenset()
    """The media roles that can be sent as bytes."""
    url_roles: ClassVar[frozenset[str]] = frozenset()
    """The media roles that can be sent as a URL."""
    inline_media_exclusive: ClassVar[bool] = False
    """True if a medium that is sent as bytes must be the only medium."""
    inline_image_types: ClassVar[frozenset[str]] = frozenset(IMAGE_LIMITS.mime_types)
    """The MIME types of images that can be sent as bytes."""
    requires_prompt: ClassVar[bool] = True
    """True if a prompt is required even with an image."""
    parses_prompt_flags: ClassVar[bool] = False
    """True if the vendor parses words such as `--duration` in the prompt as parameters."""

    @abstractmethod
    def build_create(self, request: RenderRequest) -> ApiCall:
        """Return the call that creates a job; it is the only call that costs money.

        Raises:
            InvalidRequest: The format can't express the request.
        """

    def parse_created(self, response: ApiResponse) -> str:
        """Return the id of the created job.

        Raises:
            MalformedResponse: The response contains no id.
        """
        return parse_job_id(response)

    def build_query(self, job: str) -> ApiCall:
        """Return the call that queries a job."""
        return ApiCall("GET", self.job_path(job))

    @abstractmethod
    def parse_status(self, response: ApiResponse, *, job: str = "") -> JobPending | JobResult:
        """Return the state of the queried job.

        An end without a clip counts only in the vendor's documented words, and in an object that
        names the job: another job may be paid for after it.

        Args:
            response: The response.
            job: The id of the queried job; empty to accept any.

        Returns:
            A JobResult with an empty `clip_url` if the job succeeded but the response contains no
            clip, and one with a `vendor_text` if there is a clip beside an unknown status.

        Raises:
            JobFailed: The job failed, expired or was cancelled.
            InputModerated: Moderation rejected the input during the job.
            InvalidRequest: The vendor rejected the request during the job.
            AccountError: The account could not pay for the job.
            MalformedResponse: The response contains no job, or names another one.
        """

    def parse_error(self, response: ApiResponse, *, job: str = "") -> ProviderError | None:
        """Return the error that a response contains, also inside a 200, or None.

        A job that failed is not an error of the response; `parse_status` raises it.

        Args:
            response: The response.
            job: The id of the queried job, so that an unknown job becomes JobNotFound; empty for
                calls.
        """
        return parse_error(response, job=job)

    def build_list(self, model: str, service_tier: str | None, page: int) -> ApiCall | None:
        """Return the call that lists recent jobs, or None if the format has no list.

        Args:
            model: The model id of the jobs that are wanted.
            service_tier: The service tier of the jobs that are wanted.
            page: The page, from 1.
        """
        del model, service_tier, page
        return None

    def parse_list(self, response: ApiResponse) -> tuple[ListedJob, ...]:
        """Return the jobs of one page; empty after the last page.

        Raises:
            MalformedResponse: The response contains no list.
        """
        del response
        return ()

    def build_cancel(self, job: str) -> ApiCall | None:
        """Return the call that cancels a queued job, or None if the format has no cancel."""
        del job
        return None

    def name_reference(self, role: MediaRole, number: int) -> str:
        """Return the name by which a prompt refers to a reference.

        Args:
            role: The role of the reference.
            number: Its place among the references of that role, from 1, as they are sent.
        """
        # "the first frame is Image 1" (the example of BytePlus ModelArk's create page).
        return f"{role.removeprefix('reference_').capitalize()} {number}"

    def job_path(self, job: str) -> str:
        """Return the path of one job; the id can't leave `jobs_path`."""
        return f"{self.jobs_path}/{quote(job, safe='')}"
