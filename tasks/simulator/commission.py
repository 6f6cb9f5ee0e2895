"""What a vendor was asked for, checked and with every default resolved: one form for all wires."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

FRAMES_PER_SECOND = 24
_RANDOM_SEED = -1


@dataclass(frozen=True)
class Medium:
    """A picture, clip or sound that came with the request."""

    role: str
    """`first_frame`, `last_frame`, `reference_image`, `reference_video`, `reference_audio`."""
    source: str
    """The name of a kept input, or `elsewhere-<digest>` for what only its owner could fetch."""
    width: int = 0
    """0 where it is unknown; likewise the height."""
    height: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Commission:
    """One clip to be made."""

    model: str
    """The id as it was asked for."""
    family: str
    prompt: str
    resolution: str
    ratio: str
    """Never `adaptive`: that is decided by now."""
    width: int
    height: int
    frames: int
    asked_in_frames: bool
    seed: int
    """From 0 on; where none was asked for, one that the request itself decides."""
    audio: bool | None
    """None for a model without sound."""
    media: tuple[Medium, ...] = ()
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

    @property
    def tokens(self) -> int:
        """What is billed: width × height × frames / 1024, with the clips that were sent along.

        Fits every usage that vendors have published; a draft of 1.5 pro costs a share of it.
        """
        sent = sum(medium.seconds for medium in self.media if medium.role == "reference_video")
        frames = self.frames + int(sent) * FRAMES_PER_SECOND
        if sent and self.family.startswith("seedance-2.0"):
            # The 2.0 family bills at least five thirds of the output once a clip goes in.
            billed_seconds = -(-5 * (self.frames // FRAMES_PER_SECOND) // 3)
            frames = max(frames, billed_seconds * FRAMES_PER_SECOND)
        tokens = self.width * self.height * frames // 1024
        if self.draft and self.family == "seedance-1.5-pro":
            return tokens * (6 if self.audio else 7) // 10
        return tokens

    @property
    def duration_seconds(self) -> int:
        """Whole seconds, as the vendors tell them."""
        return self.frames // FRAMES_PER_SECOND

    @property
    def label(self) -> str:
        """A short digest of what was asked for."""
        told = asdict(replace(self, callback_url="", safety_identifier="", priority=None))
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]

    def medium(self, role: str) -> Medium | None:
        """Return the first medium of that role, or None."""
        return next((medium for medium in self.media if medium.role == role), None)

    def with_seed(self, seed: int) -> Commission:
        """Return the commission with its seed decided; -1 lets the request itself decide.

        The same request so gives the same clip, as no vendor promises but every test needs.
        """
        if seed != _RANDOM_SEED:
            return replace(self, seed=seed)
        return replace(self, seed=int(replace(self, seed=0).label, 16) & 0x7FFFFFFF)


def read_commission(told: Mapping[str, Any]) -> Commission:
    """Return the commission that was written down with `dataclasses.asdict`."""
    media = tuple(Medium(**medium) for medium in told["media"])
    return Commission(**{**told, "media": media, "tools": tuple(told["tools"])})
