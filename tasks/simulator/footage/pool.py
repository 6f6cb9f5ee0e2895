"""Worker threads that render the files of jobs: clip and last frame.

Each job is rendered once, by one process at a time, and again if the process was killed. Pillow,
numpy and av are imported when the first job is rendered, so that the server starts quickly.
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
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.own_files import open_folder
from tasks.simulator.clock import Clock
from tasks.simulator.file_store import FileStore
from tasks.simulator.job_request import JobRequest, is_placeholder
from tasks.simulator.jobs import Job, JobStore

if TYPE_CHECKING:
    from PIL.Image import Image

    from tasks.simulator.footage.renderer import ClipSpec

_LOG = logging.getLogger(__name__)
_THREADS = 2


class RenderPool:
    """A small thread pool that renders the files of jobs."""

    def __init__(self, root: Path, jobs: JobStore, files: FileStore, clock: Clock) -> None:
        self._locks = root / "locks"
        with open_folder(self._locks, create=True):
            pass
        self._jobs = jobs
        self._files = files
        self._clock = clock
        self._closing = threading.Event()
        self._pending: set[str] = set()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="simulator-render")

    def submit(self, job: Job) -> None:
        """Queue a job unless it is rendered or queued already."""
        if not job.needs_rendering or job.id in self._pending or self._closing.is_set():
            return
        self._pending.add(job.id)
        self._pool.submit(self._run, job.id)

    def cancel(self, job_id: str) -> None:
        """Stop rendering a job that was cancelled or deleted."""
        self._pending.discard(job_id)

    def close(self) -> None:
        """Stop within a frame; unfinished jobs are rendered by the next simulator at this root."""
        self._closing.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, job_id: str) -> None:
        try:
            # If another process renders the job, the next poll submits it here again.
            with self._lock(job_id) as is_locked:
                if is_locked and not self._closing.is_set():
                    self._render(job_id)
        finally:
            self._pending.discard(job_id)

    def _render(self, job_id: str) -> None:
        now = self._clock.now()
        job = self._jobs.update(job_id, lambda job: _started(job, now))
        if job is None or not job.needs_rendering:
            return
        error = self._write_files(job)
        if error is None:
            return
        done_at = self._clock.now()
        self._jobs.update(job_id, lambda job: replace(job, rendered_at=done_at, render_error=error))

    def _write_files(self, job: Job) -> str | None:
        """Write clip and last frame.

        Returns:
            The error message, empty on success, None if rendering was cancelled.
        """
        from tasks.simulator.footage.renderer import RenderCancelled, render_clip

        try:
            spec = _build_spec(job.request, self._files)
            with self._files.staged(job.clip_name) as staging:
                frame = render_clip(spec, staging, is_wanted=lambda: self._is_wanted(job.id))
                last_frame = _to_jpeg(frame) if job.scenario.jpeg_frame else frame
                self._files.write(job.last_frame_name, last_frame)
        except RenderCancelled:
            return None
        except (MediaError, OSError) as error:
            return f"The clip could not be rendered: {error}"
        except Exception:
            # An unexpected error must fail the job, or its client would poll without end.
            _LOG.exception("rendering %s failed", job.id)
            return "The clip could not be rendered: an internal error"
        return ""

    def _is_wanted(self, job_id: str) -> bool:
        return not self._closing.is_set() and job_id in self._pending

    @contextmanager
    def _lock(self, job_id: str) -> Iterator[bool]:
        name = f"{job_id}.lock"
        with open_folder(self._locks) as folder, folder.open(name, "ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True
            folder.remove(name)


def _build_spec(request: JobRequest, files: FileStore) -> ClipSpec:
    """Build the ClipSpec of a request. Raises OSError if an input file is missing."""
    from tasks.simulator.footage.renderer import ClipSpec

    size = (request.width, request.height)
    first, last = request.find_medium("first_frame"), request.find_medium("last_frame")
    clip = request.find_medium("reference_video")
    anchor = request.find_medium("input_reference")
    # A reference video is continued: its last frame is what was kept as the input.
    start = first or clip or anchor
    first_frame = _open_image(start.source, size, files) if start else None
    seconds = round(request.frames / FRAMES_PER_SECOND, 1)
    return ClipSpec(
        prompt=request.prompt,
        width=request.width,
        height=request.height,
        frames=request.frames,
        seed=request.seed,
        shot_id=request.shot_id,
        label=f"{seconds:g} s  ·  {size[0]} x {size[1]}  ·  {request.digest}",
        audio=bool(request.audio),
        watermark=request.watermark,
        camera_fixed=request.camera_fixed,
        first_frame=_reinterpret(first_frame) if first_frame and start is anchor else first_frame,
        last_frame=_open_image(last.source, size, files) if last else None,
        reference_images=tuple(
            _open_image(medium.source, size, files)
            for medium in request.media
            if medium.role == "reference_image"
        ),
    )


def _open_image(source: str, size: tuple[int, int], files: FileStore) -> Image:
    if is_placeholder(source):
        return _draw_stand_in(source, size)
    from PIL import Image

    with Image.open(io.BytesIO(files.read_input(source))) as image:
        return image.convert("RGB")


def _reinterpret(image: Image) -> Image:
    """Change an image the way a model does that takes it as a soft anchor: similar, not equal."""
    from PIL import Image, ImageEnhance

    width, height = image.size
    box = (width // 10, height // 20, width - width // 50, height - height // 10)
    zoomed = image.crop(box).resize(image.size, Image.Resampling.BICUBIC)
    faded = Image.blend(zoomed, Image.new("RGB", image.size, "#8a7a64"), 0.16)
    return ImageEnhance.Contrast(faded).enhance(0.9)


def _draw_stand_in(source: str, size: tuple[int, int]) -> Image:
    """Draw a replacement for an image on another server, since the simulator fetches nothing."""
    from tasks.simulator.footage.renderer import draw_still

    seed = int(hashlib.sha256(source.encode()).hexdigest()[:8], 16)
    return draw_still("", size, seed)


def _to_jpeg(png: bytes) -> bytes:
    from PIL import Image

    target = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.save(target, "JPEG", quality=95, subsampling=0)
    return target.getvalue()


def _started(job: Job, now: float) -> Job:
    return job if job.started_at is not None else replace(job, started_at=now)
