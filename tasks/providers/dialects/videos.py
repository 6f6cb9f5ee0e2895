"""CometAPI's `/v1/videos`: a form with one picture at most, and few words.

Written from CometAPI's create and query pages (https://apidoc.cometapi.com/api/video/seedance,
read 2026-11-20). It has no seed, sound, watermark, camera, last frame or callback. The picture is
called a first-frame anchor, but an error text of the vendor's calls such a task "r2v", so a clip
may only lean on it. Newer copies of the pages tell states in other words; both are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from tasks.errors import ProviderError, Rejected
from tasks.providers import reading, saying, video_jobs
from tasks.providers.contract import Call, Done, Listed, Medium, Order, Part, Reply, Waiting

_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


class Videos:
    """Create and query; neither a list nor a cancel nor a content route is documented."""

    name = "videos"
    gives_last_frame = False
    takes_first_frame: Literal["exact", "soft", "no"] = "soft"
    says = frozenset({"model", "prompt", "media", "resolution", "ratio", "duration_seconds"})
    inlines = frozenset({"first_frame", "reference_image"})
    inlines_alone = True
    links: frozenset[str] = frozenset()
    picture_types = frozenset(_ENDINGS)
    needs_prompt = True
    flags_in_text = False
    reads_flags = False

    def create(self, order: Order) -> Call:
        """The job as a form."""
        saying.refuse_unsaid(order, self.says)
        words = (
            ("prompt", saying.prompt(order)),
            ("model", order.model),
            ("seconds", saying.seconds(order)),
            ("size", _size(order)),
            ("resolution", order.resolution),
        )
        said = (saying.form_word(name, word) for name, word in words if word is not None)
        return Call("POST", video_jobs.PATH, parts=(*said, *self._files(order.media)))

    def _files(self, media: tuple[Medium, ...]) -> Iterator[Part]:
        if len(media) > 1:
            msg = "only one picture can be sent here; leave the others out"
            raise Rejected(msg)
        for medium in media:
            if medium.url:
                saying.link(medium, self.links)
            mime = saying.mime_of(medium, self.inlines)
            if mime not in _ENDINGS:
                msg = f"a picture can't be sent as {mime} here; use PNG, JPEG or WebP"
                raise Rejected(msg)
            yield Part("input_reference", medium.data, f"{medium.role}.{_ENDINGS[mime]}", mime)

    def created(self, reply: Reply) -> str:
        """The job's id, or its alias. Raises Unreadable where there is none."""
        return reading.job_id(reply, "id", "task_id")

    def query(self, job: str) -> Call:
        """Ask after a job."""
        return Call("GET", video_jobs.job_path(job))

    def read(self, reply: Reply) -> Waiting | Done:
        """The job's state; raises what it ended with, or Unreadable where there is no job."""
        return video_jobs.status(reading.task(reply), last_frame=False)

    def explain(self, reply: Reply, *, job: str = "") -> ProviderError | None:
        """The gateway's errors in two shapes; an unknown job is a 400 `task_not_exist`."""
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


def _size(order: Order) -> str | None:
    """The ratio: this form has it under `size`, and no word for `adaptive`."""
    if order.ratio == "adaptive":
        msg = "ratio adaptive can't be asked for here; name a ratio such as 16:9"
        raise Rejected(msg)
    return order.ratio
