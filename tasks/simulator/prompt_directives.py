"""Directives in a prompt that request a failure, so that a storyboard can rehearse one.

    [refuse:CODE]   the create is refused with that code, as by input moderation
    [fail:CODE]     the job is accepted and fails later with that code

CODE is one of Ark's error codes, such as InputTextSensitiveContentDetected or
OutputVideoSensitiveContentDetected.
"""

from __future__ import annotations

import re

from tasks.simulator.api_errors import ApiError
from tasks.simulator.jobs import Scenario

_REFUSE = re.compile(r"\[refuse:([\w.]+)\]")
_FAIL = re.compile(r"\[fail:([\w.]+)\]")

_REASONS = (
    ("InputText", "the input text may contain sensitive information"),
    ("InputImage", "the input image may contain sensitive information"),
    ("InputVideo", "the input video may contain sensitive information"),
    ("OutputVideo", "the output video may contain sensitive information"),
    ("OutputAudio", "the output audio may contain sensitive information"),
)


def apply_refuse_directive(prompt: str) -> None:
    """Raise the error that a `[refuse:CODE]` directive requests.

    Raises:
        ApiError: The prompt has such a directive.
    """
    if match := _REFUSE.search(prompt):
        raise ApiError(match[1], error_message(match[1]))


def read_scenario(prompt: str) -> Scenario:
    """Return the scenario of a job: a failure if its prompt has a `[fail:CODE]` directive."""
    if match := _FAIL.search(prompt):
        return Scenario(error_code=match[1], error_message=error_message(match[1]))
    return Scenario()


def error_message(code: str) -> str:
    """Return the message of an error code, without the request id."""
    reason = next((reason for prefix, reason in _REASONS if code.startswith(prefix)), f"of {code}")
    return f"The request failed because {reason}."
