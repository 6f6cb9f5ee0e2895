"""How soon we know that a vendor is done. Run by hand:

    python tests/benchmarks/polling.py [--jobs 30] [--seed 1]

The real client asks a served simulator on a real port. Job lengths are drawn at random, and time is
the simulator's own: it passes while the client sleeps and only then, so an hour takes seconds and
an answer takes no time; a round trip to a real vendor comes on top. No picture is drawn. Told are
the median and the worst of the time from "done" to "we know", as ratios to the job's length and in
seconds, how many questions a job took, and how long lay between two. One client polls the jobs of a
line one after another, as a run does.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from tasks.providers.client import Client
    from tasks.simulator.clock import ManualClock

ROOT = Path(__file__).parents[2]
START = 1_790_000_000.0
MODEL = "doubao-seedance-1-0-pro-250528"
Draw = Callable[[random.Random], float]


def short(chance: random.Random) -> float:
    """Any length, each as likely: nothing can be learned from it."""
    return chance.uniform(2, 60)


def usual(chance: random.Random) -> float:
    """As vendors' jobs are: about two minutes, some much longer."""
    return min(max(chance.lognormvariate(4.8, 0.35), 30), 600)


LINES: tuple[tuple[str, str, str, Draw], ...] = (
    ("the simulator's bounds, 2-60 s", "simulator", "", short),
    ("Ark's bounds, 2-60 s", "ark", "", short),
    ("Ark's bounds, about 2 min", "ark", "", usual),
    ("Infinity Blue's bounds, about 2 min", "ark", "infinity-blue", usual),
    ("CometAPI's bounds, about 2 min", "ark", "cometapi-videos", usual),
)
"""What is told, whose row is used, whose bounds, and how long jobs take."""


class Detour(httpx.AsyncBaseTransport):
    """Takes what goes to a vendor to the simulator: on loopback the client would ask more often."""

    def __init__(self, base_url: str) -> None:
        self._to = httpx.URL(base_url)
        self._way = httpx.AsyncHTTPTransport()
        self.questions = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it on."""
        self.questions += request.method == "GET"
        request.url = request.url.copy_with(
            scheme=self._to.scheme, host=self._to.host, port=self._to.port
        )
        return await self._way.handle_async_request(request)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._way.aclose()


@dataclass
class Bench:
    """A simulator whose time is moved by whoever sleeps."""

    url: str
    root: Path
    clock: ManualClock
    order: Callable[..., None]

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)
        await asyncio.sleep(0)

    @asynccontextmanager
    async def client(self, name: str, bounds: str) -> AsyncIterator[tuple[Client, Detour]]:
        """The client of a provider, with another one's bounds where they are named."""
        from pydantic import SecretStr

        from tasks.providers import PROVIDERS
        from tasks.providers.client import Client
        from tasks.providers.dialects import DIALECTS

        row, lender = PROVIDERS[name], PROVIDERS[bounds or name]
        row = replace(
            row,
            poll_least_seconds=lender.poll_min_seconds,
            poll_most_seconds=lender.poll_max_seconds,
        )
        detour = Detour(self.url)
        # The simulator is asked as what it is; a vendor by a name that is no machine's.
        base_url = self.url if name == "simulator" else "http://vendor.example"
        client = Client(
            row,
            DIALECTS[row.dialect],
            api_key=SecretStr("simulated"),
            base_url=f"{base_url}/{name}/api/v3",
            transport=detour,
            clock=self.clock.now,
            sleep=self.sleep,
        )
        async with client:
            yield client, detour

    async def known_after(self, client: Client, length: float) -> float:
        """Seconds from the end of a job of that length until the client knows."""
        from tasks.providers.types import RenderRequest

        self.order("job_takes", seconds=length)
        created = await client.create(
            RenderRequest(MODEL, "A lamp.", resolution="480p", ratio="16:9", frames=29)
        )
        begun = self.clock.now()
        await self._picture(created.job)
        await client.wait(created.job, started_at=begun, timeout_seconds=3600)
        return self.clock.now() - begun - length

    async def _picture(self, job: str) -> None:
        """Wait for what stands for the picture, which comes in real time."""
        from tasks.simulator.clock import SystemClock
        from tasks.simulator.jobs import JobStore

        end = time.monotonic() + 60
        jobs = JobStore(self.root, SystemClock())
        while (record := jobs._read(job)) is None or record.rendered_at is None:
            assert time.monotonic() < end, "the picture does not come"
            await asyncio.sleep(0.02)


async def measure(bench: Bench, line: tuple[str, str, str, Draw], jobs: int, seed: int) -> None:
    """Poll so many jobs and print a line."""
    title, name, bounds, draw = line
    chance = random.Random(seed)
    lengths = [draw(chance) for _ in range(jobs)]
    async with bench.client(name, bounds) as (client, detour):
        late = [await bench.known_after(client, length) for length in lengths]
        ratios = [one / length for one, length in zip(late, lengths, strict=True)]
        asked = detour.questions
    print(
        f"{title:38}{statistics.median(ratios):8.1%}{max(ratios):8.1%}"
        f"{statistics.median(late):9.2f} s{max(late):7.2f} s"
        f"{asked / jobs:9.1f}{sum(lengths) / asked:9.1f} s"
    )


def draw_nothing(_: object, path: Path, **__: object) -> bytes:
    """Stand for the rendering of a clip: only its end is asked about."""
    path.write_bytes(b"a clip")
    return b"its last frame"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    words = parser.parse_args()
    from tasks.simulator.clock import ManualClock
    from tasks.simulator.faults import Faults
    from tasks.simulator.footage import renderer
    from tasks.simulator.server import serve

    renderer.render_clip = draw_nothing
    print(f"{'':38}{'median':>8}{'worst':>8}{'median':>11}{'worst':>9}{'asked':>9}{'every':>11}")
    for line in LINES:
        with tempfile.TemporaryDirectory() as folder:
            clock, faults = ManualClock(START), Faults()
            with serve(Path(folder), clock=clock, faults=faults) as url:
                bench = Bench(url, Path(folder), clock, faults.inject)
                asyncio.run(measure(bench, line, words.jobs, words.seed))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
