"""Measure the delay from the end of a job until the client has learned of it.

Run by hand:

    python tests/benchmarks/polling.py [--jobs 30] [--seed 1]

The real client polls a served simulator on a real port. The durations of jobs are random, and time
is a manual clock that advances only while the client sleeps: an hour takes seconds, and a request
takes no time. No clip is rendered. Prints the median and the maximum of the delay, as a
ratio to the job's duration and in seconds; the number of queries
per job; and the mean interval between two queries. One client polls the jobs of a line one after
another, as a run does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx

if TYPE_CHECKING:
    from tasks.providers.client import Client
    from tasks.simulator.clock import ManualClock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

START = 1_790_000_000.0
MODEL = "doubao-seedance-1-0-pro-250528"


def uniform_duration(rng: random.Random) -> float:
    """Return a duration in seconds from which the next one cannot be estimated."""
    return rng.uniform(2, 60)


def typical_duration(rng: random.Random) -> float:
    """Return a duration as at the vendors: about two minutes, a few much longer."""
    return min(max(rng.lognormvariate(4.8, 0.35), 30), 600)


class Line(NamedTuple):
    """One line of the table."""

    title: str
    provider: str
    interval_provider: str
    """The provider whose poll intervals are used."""
    draw_duration: Callable[[random.Random], float]


LINES = (
    Line("the simulator's intervals, 2-60 s", "simulator", "simulator", uniform_duration),
    Line("Ark's intervals, 2-60 s", "ark", "ark", uniform_duration),
    Line("Ark's intervals, about 2 min", "ark", "ark", typical_duration),
    Line("Infinity Blue's, about 2 min", "ark", "infinity-blue", typical_duration),
    Line("CometAPI's, about 2 min", "ark", "cometapi-videos", typical_duration),
)


class RedirectingTransport(httpx.AsyncBaseTransport):
    """Sends requests to the simulator that are addressed to a vendor.

    The client would poll an address on loopback more often.
    """

    def __init__(self, base_url: str) -> None:
        self._target = httpx.URL(base_url)
        self._transport = httpx.AsyncHTTPTransport()
        self.queries = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to the simulator and count it if it is a query."""
        self.queries += request.method == "GET"
        request.url = request.url.copy_with(
            scheme=self._target.scheme, host=self._target.host, port=self._target.port
        )
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()


@dataclass
class Bench:
    """A simulator whose clock advances while the client sleeps."""

    url: str
    root: Path
    clock: ManualClock
    inject_fault: Callable[..., None]

    async def sleep(self, seconds: float) -> None:
        """Advance the clock instead of waiting."""
        self.clock.advance(seconds)
        await asyncio.sleep(0)

    @asynccontextmanager
    async def client(self, line: Line) -> AsyncIterator[tuple[Client, RedirectingTransport]]:
        """Open a provider's client with the poll intervals of another one."""
        from pydantic import SecretStr

        from tasks.providers import PROVIDERS
        from tasks.providers.client import Client
        from tasks.providers.dialects import DIALECTS

        intervals = PROVIDERS[line.interval_provider]
        provider = replace(
            PROVIDERS[line.provider],
            poll_min_seconds=intervals.poll_min_seconds,
            poll_max_seconds=intervals.poll_max_seconds,
        )
        transport = RedirectingTransport(self.url)
        base_url = self.url if line.provider == "simulator" else "http://vendor.example"
        client = Client(
            provider,
            DIALECTS[provider.dialect],
            api_key=SecretStr("simulated"),
            base_url=f"{base_url}/{line.provider}/api/v3",
            transport=transport,
            clock=self.clock.now,
            sleep=self.sleep,
        )
        async with client:
            yield client, transport

    async def measure_delay(self, client: Client, duration: float) -> float:
        """Return the seconds from the end of a job until `wait` returns."""
        from tasks.providers.types import RenderRequest

        self.inject_fault("job_takes", seconds=duration)
        created = await client.create(
            RenderRequest(MODEL, "A lamp.", resolution="480p", ratio="16:9", frames=29)
        )
        start = self.clock.now()
        await self._wait_for_clip(created.job)
        await client.wait(created.job, started_at=start, timeout_seconds=3600)
        return self.clock.now() - start - duration

    async def _wait_for_clip(self, job: str) -> None:
        """Wait until the simulator has written the clip, which happens in real time."""
        end = time.monotonic() + 60
        path = self.root / "jobs" / f"{job}.json"
        while json.loads(path.read_bytes())["rendered_at"] is None:
            assert time.monotonic() < end, "the clip was not written"
            await asyncio.sleep(0.02)


async def measure(bench: Bench, line: Line, jobs: int, seed: int) -> None:
    """Poll the jobs of a line and print it."""
    rng = random.Random(seed)
    durations = [line.draw_duration(rng) for _ in range(jobs)]
    async with bench.client(line) as (client, transport):
        delays = [await bench.measure_delay(client, duration) for duration in durations]
        ratios = [delay / duration for delay, duration in zip(delays, durations, strict=True)]
        queries = transport.queries
    print(
        f"{line.title:38}{statistics.median(ratios):8.1%}{max(ratios):8.1%}"
        f"{statistics.median(delays):9.2f} s{max(delays):7.2f} s"
        f"{queries / jobs:9.1f}{sum(durations) / queries:9.1f} s"
    )


def write_placeholder(_: object, path: Path, **__: object) -> bytes:
    """Write a placeholder instead of a clip; its content is not needed."""
    path.write_bytes(b"a clip")
    return b"its last frame"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1, help="seed of the durations")
    options = parser.parse_args()
    from tasks.simulator.clock import ManualClock
    from tasks.simulator.faults import Faults
    from tasks.simulator.footage import renderer
    from tasks.simulator.server import serve

    renderer.render_clip = write_placeholder  # type: ignore[assignment]
    print(f"{'':38}{'median':>8}{'max':>8}{'median':>11}{'max':>9}{'queries':>9}{'interval':>11}")
    for line in LINES:
        with tempfile.TemporaryDirectory() as folder:
            clock, faults = ManualClock(START), Faults()
            with serve(Path(folder), clock=clock, faults=faults) as url:
                bench = Bench(url, Path(folder), clock, faults.inject)
                asyncio.run(measure(bench, line, options.jobs, options.seed))


if __name__ == "__main__":
    main()
