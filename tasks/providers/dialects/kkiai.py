"""kkiai's 1.x models: Ark's tasks, with the parameters as flags behind the prompt.

Written from kkiai's create, query and list pages (https://docs.kkiai.com/video-models/doubao, read
2026-11-20). Parameters "need to be added after the prompt"; only `generate_audio` is JSON. Its
ratios do not name `adaptive`, which it has as a default, so that one is said by silence.
"""

from __future__ import annotations

from typing import Any, Literal

from tasks.errors import ProviderError, Rejected
from tasks.providers import ark_jobs, reading, saying
from tasks.providers.contract import Call, Done, Listed, Order, Reply, Waiting
from tasks.providers.flags import with_flags


class Kkiai:
    """Create, query and list; no cancel is documented."""

    name = "kkiai"
    # Untold on the page; one that comes is used.
    gives_last_frame = False
    takes_first_frame: Literal["exact", "soft", "no"] = "exact"
    says = frozenset(
        {
            *("model", "prompt", "media", "resolution", "ratio", "duration_seconds", "seed"),
            *("camera_fixed", "watermark", "audio"),
        }
    )
    # The page does not speak of base64; there is no other way to send a file.
    inlines = frozenset({"first_frame", "last_frame", "reference_image"})
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
        if order.audio is not None:
            body["generate_audio"] = order.audio
        return Call("POST", ark_jobs.PATH, json=body)

    def _text(self, order: Order) -> str:
        # "Cannot input -1 when passing": a random seed is one that is not sent.
        seed = order.seed if order.seed is not None and order.seed >= 0 else None
        flags = (
            ("resolution", order.resolution),
            ("ratio", _ratio(order)),
            ("duration", saying.seconds(order)),
            ("camera_fixed", order.camera_fixed),
            ("watermark", order.watermark),
            ("seed", seed),
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
        """Undocumented: Ark's errors and a relay's own, whatever their shape."""
        return reading.explain(reply, job=job)

    def recent(self, model: str, service_tier: str | None, page: int) -> Call | None:
        """The tasks there are. Its page shows a page size; a page number that it ignores is one."""
        return ark_jobs.page_call(page)

    def listed(self, reply: Reply) -> tuple[Listed, ...]:
        """The tasks of one page; what can't be read as one is left out."""
        return ark_jobs.listed(reply)

    def cancel(self, job: str) -> Call | None:
        """None: no cancel is documented."""
        return None


def _ratio(order: Order) -> str | None:
    """The ratio, or silence where the default is meant: `adaptive`, but beside references 16:9."""
    if order.ratio != "adaptive":
        return order.ratio
    if order.medium("reference_image") is not None:
        msg = "ratio adaptive can't be asked for beside references here; name one such as 16:9"
        raise Rejected(msg)
    return None
