"""A validated request for one clip, with every default resolved: the same form for every vendor."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from tasks.media.film_format import FRAMES_PER_SECOND

RANDOM_SEED = -1


@dataclass(frozen=True)
class InputMedium:
    """An image, clip or sound that came with a request."""

    role: str
    """`first_frame`, `last_frame`, `reference_image`, `reference_video`, `reference_audio`,
    or `input_reference`."""
    source: str
    """The name of a stored input, or `elsewhere-<digest>` for a URL, which is never fetched."""
    width: int = 0
    """0 if unknown; likewise the height."""
    height: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class JobRequest:
    """The clip to render. The fields are stored in job records and hashed by `digest`."""

    model: str
    """The exact id in the request."""
    family: str
    prompt: str
    resolution: str
    ratio: str
    """Never `adaptive`, which is resolved already."""
    width: int
    height: int
    frames: int
    asked_in_frames: bool
    """True if the request gave `frames` instead of `duration`."""
    seed: int
    """At least 0. If the request gives none, it is derived from the request."""
    audio: bool | None
    """None for a model without sound."""
    media: tuple[InputMedium, ...] = ()
    watermark: bool = False
    camera_fixed: bool = False
    return_last_frame: bool = False
    draft: bool | None = None
    """None for a model without drafts."""
    draft_job: str = ""
    service_tier: str | None = "default"
    priority: int | None = None
    expires_after_seconds: int = 172_800
    safety_identifier: str = ""
    callback_url: str = ""
    tools: tuple[str, ...] = ()
    output_format: str = "mp4"
    shot_id: str = ""
    """The shot of the storyboard, for the slate; known for the provider `simulator` only."""

    @property
    def tokens(self) -> int:
        """The billed tokens: width × height × frames / 1024, input clips included.

        The formula agrees with every usage that vendors have published. A draft of 1.5 pro costs
        a share of it.
        """
        input_seconds = sum(item.seconds for item in self.media if item.role == "reference_video")
        frames = self.frames + int(input_seconds) * FRAMES_PER_SECOND
        if input_seconds and self.family.startswith("seedance-2.0"):
            # With an input clip, the 2.0 family bills at least five thirds of the output.
            billed_seconds = -(-5 * (self.frames // FRAMES_PER_SECOND) // 3)
            frames = max(frames, billed_seconds * FRAMES_PER_SECOND)
        tokens = self.width * self.height * frames // 1024
        if self.draft and self.family == "seedance-1.5-pro":
            return tokens * (6 if self.audio else 7) // 10
        return tokens

    @property
    def duration_seconds(self) -> int:
        """Whole seconds, as the vendors report them."""
        return self.frames // FRAMES_PER_SECOND

    @property
    def digest(self) -> str:
        """Eight hex digits that identify the clip; delivery options do not count."""
        fields = asdict(replace(self, callback_url="", safety_identifier="", priority=None))
        del fields["shot_id"]
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:8]

    def find_medium(self, role: str) -> InputMedium | None:
        """Return the first medium with that role, or None."""
        return next((medium for medium in self.media if medium.role == role), None)

    def with_seed(self, seed: int) -> JobRequest:
        """Return the request with that seed; RANDOM_SEED derives one from the request.

        No vendor promises that equal requests give equal clips, but tests need it.
        """
        if seed != RANDOM_SEED:
            return replace(self, seed=seed)
        return replace(self, seed=int(replace(self, seed=0).digest, 16) & 0x7FFFFFFF)


def is_placeholder(source: str) -> bool:
    """Return True if a medium stands for a URL, which is never fetched, and not for an input."""
    return source.startswith("elsewhere-")


def read_job_request(record: Mapping[str, Any]) -> JobRequest:
    """Return the request that was stored with `dataclasses.asdict`.

    Raises:
        KeyError, TypeError: The record was written by another version.
    """
    media = tuple(InputMedium(**medium) for medium in record["media"])
    return JobRequest(**{**record, "media": media, "tools": tuple(record["tools"])})
