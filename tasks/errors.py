"""All expected errors between a storyboard and a film.

Each class states who must act; `exit_code` is the exit code of a command that ends with it, and
`recovery` is the only attribute that retry policies read:

    error                         who acts, on what                         exit  recovery
    ShotchainError                (the root, in `storyboards.problems`)        1
        InvalidStoryboard         author: the board is wrong                   2
        InvalidConfiguration      user: a `shotchain.toml` is wrong            2
        UsageError                user: the command is wrong                   2
        NotConfigured             operator: a key, ffmpeg or a folder is       3
                                  missing
        BudgetExceeded            author: a budget is too low, a price is      4
                                  unknown, or the payment needs consent
        ProviderError             a vendor failed or is unreachable            1  none
            RequestNotSent        -: the request never arrived                 1  retry
            Unreachable           -: a query or download failed                1  retry
                UrlExpired        -: the job may have a new URL                1  retry
            RateLimited           -: wait, then send it again                  1  retry
            SubmissionUnclear     author: a job may exist and be charged       1  none
                JobNotFound       -: the vendor does not know a job that it    1  retry
                                  accepted
            InvalidRequest        author or shotchain: the request is wrong    1  none
            AccountError          operator: key, rights, account or credit     3  none
                AuthenticationFailed  operator: the API key was rejected       3  none
                KeyChanged        operator: the job belongs to another key     3  none
            InputModerated        author: change the prompt or the picture     1  none
            JobFailed             author: the accepted job failed              1  new take
                JobCancelled      -: the queued job was cancelled              1  new take
                OutputModerated   author: the result was moderated             1  new take
                JobInternalError  vendor: the job failed for an internal       1  new take
                                  reason
            JobTimedOut           -: the next run waits for the job            1  resume
            JobLost               author: the time is over for which the       1  new take
                                  vendor keeps the job or its files
            MalformedResponse     vendor: a response is not as documented      1  none
        MediaError                author: a clip, picture or sound is broken   1
        StoreError                operator: the store can't be used            1
            UnsafeStore           operator: the store has links or files that  3
                                  are not its own
        StaleSeam                 author: a kept shot starts on an old frame   1
        QualityExceeded           author: a shot is beyond a limit of the      1
                                  board, and nothing continues it

`kind` is the class name in snake case; `--json` prints it.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

from storyboards.problems import InvalidStoryboard, Problem, ShotchainError, did_you_mean

__all__ = [
    "AccountError",
    "AuthenticationFailed",
    "BudgetExceeded",
    "InputModerated",
    "InvalidConfiguration",
    "InvalidRequest",
    "InvalidStoryboard",
    "JobCancelled",
    "JobFailed",
    "JobInternalError",
    "JobLost",
    "JobNotFound",
    "JobTimedOut",
    "KeyChanged",
    "MalformedResponse",
    "MediaError",
    "NotConfigured",
    "OutputModerated",
    "Problem",
    "ProviderError",
    "QualityExceeded",
    "RateLimited",
    "Recovery",
    "RequestNotSent",
    "ShotchainError",
    "StaleSeam",
    "StoreError",
    "SubmissionUnclear",
    "Unreachable",
    "UnsafeStore",
    "UrlExpired",
    "UsageError",
    "severity",
    "unknown_shot_error",
]


class Recovery(Enum):
    """The step that may help after an error."""

    NONE = "none"
    RETRY = "retry"
    """Repeat the same call: it costs nothing, or surely nothing was accepted."""
    RESUME = "resume"
    """Wait for the same job in the next run."""
    NEW_TAKE = "new take"
    """Send another request, which is charged."""


def severity(error: ShotchainError) -> int:
    """Return the rank of an error's exit code: of several, 3 counts before 4, 4 before 2 and 1."""
    return (1, 2, 4, 3).index(error.exit_code)


class UsageError(ShotchainError):
    """The command requests something that does not exist. The user acts."""

    kind = "usage_error"
    exit_code = 2


def unknown_shot_error(shot_id: str, known_ids: Collection[str]) -> UsageError:
    """Return the error for a shot id that the board does not have, with similar ids."""
    remedy = did_you_mean(
        shot_id, known_ids, otherwise="`shotchain plan` lists the shots of the board."
    )
    return UsageError(f"there is no shot {shot_id!r}. {remedy}")


class InvalidConfiguration(ShotchainError):
    """A `shotchain.toml` is wrong, or sets something that it may not set there. The user acts.

    Attributes:
        problems: Every problem that was found, file by file.
    """

    kind = "invalid_configuration"
    exit_code = 2

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))

    def __str__(self) -> str:
        # The problems are escaped one by one: the line breaks between them stay.
        return Exception.__str__(self)


class NotConfigured(ShotchainError):
    """The machine lacks something: a key, ffmpeg, a store. The operator acts."""

    kind = "not_configured"
    exit_code = 3


class BudgetExceeded(ShotchainError):
    """A budget is too low, a price under a budget is unknown, or consent to pay is missing."""

    kind = "budget_exceeded"
    exit_code = 4


class ProviderError(ShotchainError):
    """A vendor rejected a call or did not answer. The message never holds a key or a signed URL.

    Attributes:
        code: The vendor's own error code, unchanged.
        status: The HTTP status; 0 without a response.
        retry_after_seconds: The delay that the vendor asks for, or None.
        is_final: True if the job ended with this error; False if only the call failed.
        vendor_time: The Date header of the response in Unix seconds, or None.
    """

    kind = "provider_error"
    recovery = Recovery.NONE

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int = 0,
        retry_after_seconds: float | None = None,
        is_final: bool = False,
        vendor_time: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.is_final = is_final
        self.vendor_time = vendor_time


class RequestNotSent(ProviderError):
    """The request surely never arrived: DNS, refused, connect time-out, TLS, no free connection."""

    kind = "request_not_sent"
    recovery = Recovery.RETRY


class Unreachable(ProviderError):
    """A query or a download got no usable response. Repeating it costs nothing."""

    kind = "unreachable"
    recovery = Recovery.RETRY


class UrlExpired(Unreachable):
    """A signed URL is no longer served. A new query of the job may return a fresh URL."""

    kind = "url_expired"


class RateLimited(ProviderError):
    """Too many requests or jobs; the vendor accepted nothing."""

    kind = "rate_limited"
    recovery = Recovery.RETRY


class SubmissionUnclear(ProviderError):
    """A create request may have arrived and may be charged. Only the author decides on another."""

    kind = "submission_unclear"


class JobNotFound(SubmissionUnclear):
    """The vendor does not know a job that it accepted, or contradicts itself about it.

    That proves nothing: a copy of its records may lag. The job may be charged, so the shot is
    unclear until the time is over for which the vendor keeps jobs.
    """

    kind = "job_not_found"
    recovery = Recovery.RETRY


class InvalidRequest(ProviderError):
    """The vendor does not accept the request. The author acts, or shotchain has a bug."""

    kind = "invalid_request"


class AccountError(ProviderError):
    """The vendor rejected the key, its rights, the account or its credit. The operator acts."""

    kind = "account_error"
    exit_code = 3


class AuthenticationFailed(AccountError):
    """The vendor rejects the API key. The operator acts."""

    kind = "authentication_failed"


class KeyChanged(AccountError):
    """A job was submitted with another API key, so answers to this one prove nothing about it."""

    kind = "key_changed"


class InputModerated(ProviderError):
    """Moderation rejected the input. The author changes the prompt or the picture."""

    kind = "input_moderated"


class JobFailed(ProviderError):
    """The vendor accepted the job and failed at it. It is not charged."""

    kind = "job_failed"
    recovery = Recovery.NEW_TAKE


class JobCancelled(JobFailed):
    """The job was cancelled while it was queued. It is not charged."""

    kind = "job_cancelled"


class OutputModerated(JobFailed):
    """Moderation rejected the rendered clip. It is not charged; another seed may pass."""

    kind = "output_moderated"


class JobInternalError(JobFailed):
    """The job failed for a reason inside the vendor's service. It is not charged."""

    kind = "job_internal_error"


class JobTimedOut(ProviderError):
    """The job is not done at its deadline. Its receipt is kept, and the next run resumes it."""

    kind = "job_timed_out"
    recovery = Recovery.RESUME


class JobLost(ProviderError):
    """The vendor no longer has the job or its files: its documented time is over."""

    kind = "job_lost"
    recovery = Recovery.NEW_TAKE


class MalformedResponse(ProviderError):
    """A response is not as the vendor documents it."""

    kind = "malformed_response"


class MediaError(ShotchainError):
    """A clip, a picture or a sound can't be used, or ffmpeg failed; quotes its last output."""

    kind = "media_error"


class StoreError(ShotchainError):
    """The store can't be read or written: a full disk, missing rights, a damaged record."""

    kind = "store_error"


class UnsafeStore(StoreError):
    """The store contains a link, a special file or a file of another user: it may be a stranger's.

    No retry helps, and nothing of it was followed, changed or removed. The operator acts.
    """

    kind = "unsafe_store"
    exit_code = 3


class StaleSeam(ShotchainError):
    """A kept shot starts on a frame that the shot before it no longer ends on. The author decides.

    Neither the board nor the command is wrong, so this is not a UsageError.
    """

    kind = "stale_seam"


class QualityExceeded(ShotchainError):
    """A shot exceeds a limit of a board with `qc: {stop: true}`. The author decides.

    Its clip is kept; what continues it is not sent.
    """

    kind = "quality_exceeded"
