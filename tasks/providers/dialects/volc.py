"""CometAPI's "volc v3": Ark's tasks, with the parameters as flags behind the prompt.

Written from CometAPI's create and query pages (https://apidoc.cometapi.com/api/video/bytedance,
read 2026-11-20). They show words first, then pictures "only when you need first-frame or last-frame
guidance", and flags such as `--duration 5 --ratio 16:9`; JSON beside them is documented for the
callback alone. No parameter goes both ways. Pictures have Ark's shape, which the page leaves out.
"""

from __future__ import annotations

from typing import Any, Literal

from tasks.errors import ProviderError
from tasks.providers import ark_jobs, reading, saying
from tasks.providers.contract import Call, Done, Listed, Order, Reply, Waiting
from tasks.providers.flags import with_flags


class Volc:
    """Create and query; neither a list nor a cancel is documented."""

    name = "volc"
    # Untold on the page; one that comes is used.
    gives_last_frame = False
    takes_first_frame: Literal["exact", "soft", "no"] = "exact"
    says = frozenset(
        {
            *("model", "prompt", "media", "resolution", "ratio", "duration_seconds", "seed"),
            *("camera_fixed", "watermark", "audio", "callback_url"),
        }
    )
    inlines = frozenset({"first_frame", "last_frame"})
    inlines_alone = False
    links = inlines
    picture_types = saying.PICTURE_TYPES
    needs_prompt = True
    flags_in_text = True
    reads_flags = True

    def create(self, order: Order) -> Call:
        """The task: words with their flags, then pictures."""
        saying.refuse_unsaid(order, self.says)
        media = (ark_jobs.item(one, inlines=self.inlines, links=self.links) for one in order.media)
        content = [{"type": "text", "text": self._text(order)}, *media]
        body: dict[str, Any] = {"model": order.model, "content": content}
        if order.audio is False:
            # There is no flag for it, and sound, Ark's default, doubles the price of 1.5 pro.
            body["generate_audio"] = False
        if order.callback_url is not None:
            body["callback_url"] = order.callback_url
        return Call("POST", ark_jobs.PATH, json=body)

    def _text(self, order: Order) -> str:
        seed = order.seed if order.seed is not None and order.seed >= 0 else None
        flags = (
            ("duration", saying.seconds(order)),
            ("ratio", order.ratio),
            ("resolution", order.resolution),
            ("seed", seed),
            ("camerafixed", order.camera_fixed),
            ("watermark", order.watermark),
        )
        return with_flags(saying.prompt(order), flags)

    def created(self, reply: Reply) -> str:
        """The task's id. Raises Unreadable where there is none."""
        return reading.job_id(reply)

    def query(self, job: str) -> Call:
        """Ask after a task."""
        return Call("GET", ark_jobs.job_path(job))

    def read(self, reply: Reply) -> Waiting | Done:
        """The task's state; raises what it ended with, or Unreadable where there is no task."""
        return ark_jobs.status(reading.task(reply))

    def explain(self, reply: Reply, *, job: str = "") -> ProviderError | None:
        """Ark's errors, passed on, and the gateway's own in two shapes."""
        return reading.explain(reply, job=job)

    def recent(self, model: str, service_tier: str | None, page: int) -> Call | None:
        """None: no list is documented."""
        return None

    def listed(self, reply: Reply) -> tuple[Listed, ...]:
        """Nothing."""
        return ()

    def cancel(self, job: str) -> Call | None:
        """None: no cancel is documented."""
        return None
