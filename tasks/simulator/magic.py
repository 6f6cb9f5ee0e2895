"""Words in a prompt that order a failure, so that a board can rehearse one.

    [refuse:CODE]   the create is refused with that code, as by moderation
    [fail:CODE]     the job is taken and then fails with that code

CODE is any of Ark's, such as InputTextSensitiveContentDetected or
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


def refuse_if_told(prompt: str) -> None:
    """Raise the ApiError that the prompt orders, if it orders one."""
    if told := _REFUSE.search(prompt):
        raise ApiError(told[1], reason(told[1]))


def fate_of(prompt: str) -> Scenario:
    """Return the fate that the prompt orders for its job."""
    if told := _FAIL.search(prompt):
        return Scenario(error_code=told[1], error_message=reason(told[1]))
    return Scenario()


def reason(code: str) -> str:
    """Return the sentence that goes with a code, without the request id."""
    why = next((why for prefix, why in _REASONS if code.startswith(prefix)), f"of {code}")
    return f"The request failed because {why}."
