"""Everything that may go wrong on the way from a storyboard to a film.

ShotchainError                  (storyboards.problems)
    InvalidStoryboard           the author: the board is wrong                        exit 2
    InvalidConfiguration        the user: a `shotchain.toml` is wrong                 exit 2
    NotBuilt                    the author: a known word that does not work yet       exit 2
    UsageError                  the user: the command is wrong                        exit 2
    NotConfigured               the operator: a key, ffmpeg or a folder is missing    exit 3
    Unpayable                   the author: a budget, an unknown price, no agreement  exit 4
    ProviderError               the vendor, or the way to it                          exit 1
        NotSent                 surely never arrived                                  ask again
        Unreachable             a question or a download got no answer                ask again
        Throttled               the vendor asks for patience                          ask again
        Unclear                 a create that may have arrived and may be charged     never again
        Rejected                we asked for something the vendor does not take       never again
        Unauthorized            key, rights, account or credit                exit 3  never again
            AuthenticationFailed  the API key was rejected                    exit 3  never again
        Refused                 moderation; the author changes the input              never again
        JobFailed               accepted, then failed on the vendor's side            new take
            OutputRefused       moderation turned down what was rendered              new take
            JobBroken           the vendor failed at it by itself                     new take
        JobOverdue              still not done at the deadline; kept                  resume
        JobLost                 the vendor knows the job no more, or lost its files   new take
        Unreadable              a reply that is not as documented                     never again
    MediaError                  a clip, a picture or a sound that can't be used       exit 1
    StoreError                  the store can't be read or written                    exit 1
    StaleSeam                   a kept shot starts on a frame that is gone            exit 1

``again`` says what may be done about it, and it is all that the retry policies read.
"""

from __future__ import annotations

from enum import Enum

from storyboards.problems import InvalidStoryboard, Problem, ShotchainError

__all__ = [
    "AccountError",
    "AuthenticationFailed",
    "BudgetExceeded",
    "InputModerated",
    "InvalidConfiguration",
    "InvalidRequest",
    "InvalidStoryboard",
    "JobFailed",
    "JobInternalError",
    "JobLost",
    "JobTimedOut",
    "MalformedResponse",
    "MediaError",
    "NotBuilt",
    "NotConfigured",
    "OutputModerated",
    "Problem",
    "ProviderError",
    "RateLimited",
    "Recovery",
    "RequestNotSent",
    "ShotchainError",
    "StaleSeam",
    "StoreError",
    "SubmissionUnclear",
    "Unreachable",
    "UsageError",
]


class Recovery(Enum):
    """What may be done after an error."""

    NONE = "never again"
    RETRY = "ask again"
    RESUME = "resume"
    NEW_TAKE = "new take"


class UsageError(ShotchainError):
    """The command asks for something that is not there. The user acts."""

    kind = "usage"
    exit_code = 2


class InvalidConfiguration(ShotchainError):
    """A `shotchain.toml` is wrong, or says what it may not say where it lies. The user acts.

    Carries every problem that was found, file by file.
    """

    kind = "invalid_configuration"
    exit_code = 2

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))

    def __str__(self) -> str:
        # One line for each.
        return Exception.__str__(self)


class NotBuilt(ShotchainError):
    """A known word of the language or the command line that does not work yet."""

    kind = "not_built"
    exit_code = 2


class NotConfigured(ShotchainError):
    """Something the machine needs is missing: a key, ffmpeg, a store. The operator acts."""

    kind = "not_configured"
    exit_code = 3


class BudgetExceeded(ShotchainError):
    """A budget forbids it, a price is unknown under a budget, or nobody agreed to pay."""

    kind = "unpayable"
    exit_code = 4


class ProviderError(ShotchainError):
    """A vendor said no, or could not be asked. Its message never holds a key or a signed URL."""

    kind = "provider"
    recovery = Recovery.NONE

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int = 0,
        retry_after_seconds: float | None = None,
        is_final: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        """The vendor's own code, as it was told."""
        self.status = status
        """The HTTP status, 0 where there was none."""
        self.retry_after_seconds = retry_after_seconds
        """How long the vendor asks to wait, where it says so."""
        self.is_final = is_final
        """Whether this is what a job ended with, and not only what came of asking after it."""


class RequestNotSent(ProviderError):
    """The request surely never arrived: DNS, refused, connect time-out, TLS, no free connection."""

    kind = "not_sent"
    recovery = Recovery.RETRY


class Unreachable(ProviderError):
    """A question or a download got no usable answer. Asking again costs nothing."""

    kind = "unreachable"
    recovery = Recovery.RETRY


class RateLimited(ProviderError):
    """Too many requests or jobs; nothing was accepted."""

    kind = "throttled"
    recovery = Recovery.RETRY


class SubmissionUnclear(ProviderError):
    """A create that may have arrived and may be charged. Only the author decides on another."""

    kind = "unclear"


class InvalidRequest(ProviderError):
    """The vendor does not take what was asked. The author or shotchain said it wrong."""

    kind = "rejected"


class AccountError(ProviderError):
    """The key, its rights, the account or its credit. The operator acts."""

    kind = "unauthorized"
    exit_code = 3


class AuthenticationFailed(AccountError):
    """The vendor rejects the API key. The operator acts."""


class InputModerated(ProviderError):
    """Moderation turned the input down. The author changes the prompt or the picture."""

    kind = "refused"


class JobFailed(ProviderError):
    """The vendor took the job and failed at it. It is not charged."""

    kind = "job_failed"
    recovery = Recovery.NEW_TAKE


class OutputModerated(JobFailed):
    """Moderation turned down what was rendered. It is not charged, and partly chance."""

    kind = "output_refused"


class JobInternalError(JobFailed):
    """The vendor failed at a job by itself. It is not charged."""

    kind = "job_broken"


class JobTimedOut(ProviderError):
    """The job is not done at its deadline. Its receipt is kept and the next run goes on."""

    kind = "job_overdue"
    recovery = Recovery.RESUME


class JobLost(ProviderError):
    """The vendor knows the job no more, or has lost what it made."""

    kind = "job_lost"
    recovery = Recovery.NEW_TAKE


class MalformedResponse(ProviderError):
    """A reply that is not as the vendor documents it."""

    kind = "unreadable"


class MediaError(ShotchainError):
    """A clip, a picture or a sound that can't be used; or ffmpeg failed, with its last words."""

    kind = "media"


class StoreError(ShotchainError):
    """The store can't be read or written: a full disk, missing rights, a damaged record."""

    kind = "store"


class StaleSeam(ShotchainError):
    """A kept shot starts on a frame that the shot before it no longer ends on. The author decides.

    Nothing is wrong with the board or the command, so it is no usage error.
    """

    kind = "stale_seam"


class UrlExpired(Unreachable):
    """A signed URL that is no longer served. Asking after the job again may name a fresh one."""

    kind = "link_expired"
