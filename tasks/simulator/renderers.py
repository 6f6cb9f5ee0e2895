"""The threads that render: two at a time, each job once, and again after a kill.

Everything that draws is imported by the first picture, so that serving starts at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import MediaError
from tasks.simulator.clock import Clock
from tasks.simulator.file_store import FileStore, write_atomically
from tasks.simulator.job_request import JobRequest
from tasks.simulator.jobs import Job, JobStore

if TYPE_CHECKING:
    from PIL.Image import Image

    from tasks.simulator.pictures import Brief

_LOG = logging.getLogger(__name__)
_THREADS = 2


class Renderers:
    """A small pool that makes the files of jobs."""

    def __init__(self, root: Path, jobs: JobStore, files: FileStore, clock: Clock) -> None:
        self._locks = root / "locks"
        self._locks.mkdir(parents=True, exist_ok=True)
        self._jobs = jobs
        self._files = files
        self._clock = clock
        self._closing = threading.Event()
        self._asked: set[str] = set()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="simulator-render")

    def ask(self, job: Job) -> None:
        """See to it that the job's picture gets made; asking twice does no harm."""
        if not job.needs_rendering or job.id in self._asked or self._closing.is_set():
            return
        self._asked.add(job.id)
        self._pool.submit(self._render, job.id)

    def close(self) -> None:
        """Stop within a frame; what is unfinished is rendered by whoever opens the root next."""
        self._closing.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _render(self, job_id: str) -> None:
        try:
            # Where another process renders it, this one is asked again at the next poll.
            with self._only_one(job_id) as alone:
                if alone and not self._closing.is_set():
                    self._render_alone(job_id)
        finally:
            self._asked.discard(job_id)

    def _render_alone(self, job_id: str) -> None:
        now = self._clock.now()
        job = self._jobs.update(job_id, lambda job: _started(job, now))
        if job is None or not job.needs_rendering:
            return
        trouble = self._make_files(job)
        if trouble is None:
            return
        done_at = self._clock.now()
        self._jobs.update(
            job_id, lambda job: replace(job, rendered_at=done_at, render_error=trouble)
        )

    def _make_files(self, job: Job) -> str | None:
        """Make clip and last frame; return what went wrong, empty for nothing, None if given up."""
        from tasks.simulator.pictures import Abandoned, render_clip

        staging = self._files.staging_path(job.clip_name)
        try:
            brief = make_brief(job.request, self._files)
            picture = render_clip(brief, staging, go_on=lambda: self._is_wanted(job.id))
            last_frame = _as_jpeg(picture) if job.scenario.jpeg_frame else picture
            write_atomically(self._files.path(job.last_frame_name), last_frame)
            staging.replace(self._files.path(job.clip_name))
        except Abandoned:
            return None
        except (MediaError, OSError) as broken:
            return f"The picture could not be made: {broken}"
        except Exception:
            # A bug here must fail the job, or whoever waits for it would wait for ever.
            _LOG.exception("rendering %s failed", job.id)
            return "The picture could not be made: an internal error"
        finally:
            staging.unlink(missing_ok=True)
        return ""

    def _is_wanted(self, job_id: str) -> bool:
        return not self._closing.is_set() and job_id in self._asked

    def forget(self, job_id: str) -> None:
        """Stop rendering a job that was cancelled or deleted."""
        self._asked.discard(job_id)

    @contextmanager
    def _only_one(self, job_id: str) -> Iterator[bool]:
        path = self._locks / f"{job_id}.lock"
        with path.open("wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True
            path.unlink(missing_ok=True)


def make_brief(request: JobRequest, files: FileStore) -> Brief:
    """Return what the pictures are made from. Raises OSError where an input is lost."""
    from tasks.simulator.pictures import Brief

    size = (request.width, request.height)
    first, last = request.find_medium("first_frame"), request.find_medium("last_frame")
    clip = request.find_medium("reference_video")
    anchor = request.find_medium("input_reference")
    # Whoever sends a clip along wants it continued: its last picture is kept as the input.
    start = first or clip or anchor
    begins = _open(start.source, size, files) if start else None
    seconds = round(request.frames / 24, 1)
    return Brief(
        prompt=request.prompt,
        width=request.width,
        height=request.height,
        frames=request.frames,
        seed=request.seed,
        label=f"{seconds:g} s  ·  {size[0]} x {size[1]}  ·  {request.digest}",
        audio=bool(request.audio),
        watermark=request.watermark,
        fixed=request.camera_fixed,
        first=_leaning(begins) if begins and start is anchor else begins,
        last=_open(last.source, size, files) if last else None,
        references=tuple(
            _open(medium.source, size, files)
            for medium in request.media
            if medium.role == "reference_image"
        ),
    )


def _open(source: str, size: tuple[int, int], files: FileStore) -> Image:
    if source.startswith("elsewhere-"):
        return _stand_in(source, size)
    from PIL import Image

    with Image.open(files.inputs / source) as image:
        return image.convert("RGB")


def _leaning(picture: Image) -> Image:
    """Return what a model makes of a picture that it only leans on: like it, but not it."""
    from PIL import Image, ImageEnhance

    width, height = picture.size
    box = (width // 10, height // 20, width - width // 50, height - height // 10)
    nearer = picture.crop(box).resize(picture.size, Image.Resampling.BICUBIC)
    faded = Image.blend(nearer, Image.new("RGB", picture.size, "#8a7a64"), 0.16)
    return ImageEnhance.Contrast(faded).enhance(0.9)


def _stand_in(source: str, size: tuple[int, int]) -> Image:
    """Draw a picture for one that lies on somebody's server: nothing is fetched from here."""
    from tasks.simulator.pictures import draw_still

    seed = int(hashlib.sha256(source.encode()).hexdigest()[:8], 16)
    return draw_still("", size, seed)


def _as_jpeg(picture: bytes) -> bytes:
    from PIL import Image

    target = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.save(target, "JPEG", quality=95, subsampling=0)
    return target.getvalue()


def _started(job: Job, now: float) -> Job:
    return job if job.started_at is not None else replace(job, started_at=now)
