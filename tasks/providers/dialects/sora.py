"""Infinity Blue's `/v1/videos`: OpenAI's job in JSON, with Seedance's words on top.

Written from https://newdocs.getinfinityblue.com/en-videos/seedance-20/create-seedance-video-task,
its sister pages and the vendor's own specification (github.com/yzlltyyh/infinityblue-api-docs,
openapi/videos.en.yaml), read 2026-11-20. Parameters go to the top level and never to `metadata`
as well; media with roles go to `metadata.content`, by public URL. A file goes as `image`, which is
one picture: a first frame alone.
"""

from __future__ import annotations

from typing import Any, Literal

from tasks.errors import ProviderError, Rejected, Unreadable
from tasks.providers import ark_jobs, reading, saying, video_jobs
from tasks.providers.contract import Call, Done, Listed, Medium, Order, Reply, Waiting


class Sora:
    """Create, query and the clip behind the key; neither a list nor a cancel is documented."""

    name = "sora"
    # The wish is documented and the answer's place is not; one that comes is used.
    gives_last_frame = False
    takes_first_frame: Literal["exact", "soft", "no"] = "exact"
    says = frozenset(
        {
            *("model", "prompt", "media", "resolution", "ratio", "duration_seconds", "seed"),
            *("camera_fixed", "watermark", "audio", "return_last_frame", "safety_identifier"),
        }
    )
    inlines = frozenset({"first_frame"})
    inlines_alone = True
    links = frozenset(
        {"first_frame", "last_frame", "reference_image", "reference_video", "reference_audio"}
    )
    picture_types = saying.PICTURE_TYPES
    needs_prompt = True
    flags_in_text = False
    reads_flags = False

    def create(self, order: Order) -> Call:
        """The job as JSON; nothing that the order leaves unsaid."""
        saying.refuse_unsaid(order, self.says)
        seconds = saying.seconds(order)
        told = {
            "model": order.model,
            "prompt": saying.prompt(order),
            "seconds": None if seconds is None else str(seconds),
            "resolution": order.resolution,
            "ratio": order.ratio,
            "generate_audio": order.audio,
            "watermark": order.watermark,
            # Ark itself has no such word for 2.0, so it is said only where it is meant.
            "camera_fixed": order.camera_fixed or None,
            "return_last_frame": order.return_last_frame,
            "seed": order.seed,
            # "User identifier for auditing and abuse monitoring; not used in generation".
            "user": order.safety_identifier,
        }
        body = {name: value for name, value in told.items() if value is not None}
        return Call("POST", video_jobs.PATH, json={**body, **self._media(order.media)})

    def _media(self, media: tuple[Medium, ...]) -> dict[str, Any]:
        files = [one for one in media if not one.url]
        if not files:
            items = [ark_jobs.item(one, inlines=frozenset(), links=self.links) for one in media]
            return {"metadata": {"content": items}} if items else {}
        if len(media) > 1:
            msg = "a picture sent as a file must be the only one here; give URLs, or leave it alone"
            raise Rejected(msg)
        return {"image": saying.data_uri(files[0], self.inlines)}

    def created(self, reply: Reply) -> str:
        """The job's id. Raises Unreadable where there is none."""
        return reading.job_id(reply, "id", "task_id")

    def query(self, job: str) -> Call:
        """Ask after a job."""
        return Call("GET", video_jobs.job_path(job))

    def read(self, reply: Reply) -> Waiting | Done:
        """The job's state; raises what it ended with, or Unreadable where there is no job."""
        return video_jobs.status(reading.task(reply), clip_call=_content(reply))

    def explain(self, reply: Reply, *, job: str = "") -> ProviderError | None:
        """The gateway's errors, and those of the vendor behind it, wrapped into a message."""
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


def _content(reply: Reply) -> Call | None:
    """Where the gateway serves the clip itself."""
    try:
        job = reading.job_id(reply, "id", "task_id")
    except Unreadable:
        return None
    return Call("GET", f"{video_jobs.job_path(job)}/content")
