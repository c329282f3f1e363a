"""Saturation, and a share of it held for long: the whole system, from commands on Kafka to their outcomes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from contracts.programme import Programme
from runtime.admin import backlogs, create_topics
from runtime.local import LocalError
from runtime.serve import listen_topics
from runtime.settings import Settings
from tests.chaos.fleet import Fleet
from tests.chaos.workers import all_workers
from tests.load.judging import Course, judged
from tests.load.stream import Stream, Till
from tests.load.watching import Watch, share

WINDOW: Final = 3_000
"""Records that may wait, over all workers, while saturation is looked for: enough for full batches, and bounded."""
AT_ONCE: Final = 100
RAMP_SECONDS: Final = 10.0
PATIENCE_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.1
BASES: Final = (("p50_ms", 0.5), ("p99_ms", 0.99), ("p999_ms", 0.999))
Say = Callable[[str], None]


@dataclass(slots=True)
class System:
    """Everything running, a stream into it and a watch over it."""

    stream: Stream
    watch: Watch

    async def lag(self) -> int:
        """Records that wait, over all workers."""
        return sum((await self.watch.lag()).values())

    async def until_quiet(self) -> None:
        """Wait until nothing waits.

        Raises:
            LocalError: it doesn't come to that.
        """
        end = time.monotonic() + PATIENCE_SECONDS
        while self.stream.open or await self.lag():
            if time.monotonic() > end:
                behind = {name: count for name, count in (await self.watch.lag()).items() if count}
                raise LocalError(f"{self.stream.open} commands without outcome, records behind: {behind}")
            await asyncio.sleep(LOOK_SECONDS)

    async def saturate(self, seconds: float) -> float:
        """Commands a second, all that follows from them included: the lag is kept where it is.

        What is counted are outcomes, but what is waited for is everybody: a worker that falls behind holds the rate.
        """
        began = time.monotonic()
        counted_at, counted = 0.0, 0
        while (passed := time.monotonic() - began) < RAMP_SECONDS + seconds:
            lag = await self.lag()
            if passed >= RAMP_SECONDS and not counted_at:
                counted_at, counted = time.monotonic(), self.stream.answered
            if lag < WINDOW:
                await self.stream.send_next(AT_ONCE)
            else:
                await asyncio.sleep(LOOK_SECONDS / 10)
        return (self.stream.answered - counted) / (time.monotonic() - counted_at)

    async def hold(self, rate: float, seconds: float, note: Say) -> dict[str, Any]:
        """Hold a rate; what was seen meanwhile, whether or not everybody kept up with it."""
        await self.until_quiet()
        self.stream.latencies.clear()
        before, began = self.stream.sent, time.monotonic()
        watching = asyncio.create_task(self.watch.run(note))
        try:
            await self.stream.hold(rate, seconds)
        finally:
            watching.cancel()
            await asyncio.wait([watching])
        await self.watch.look()
        passed = time.monotonic() - began
        count = self.stream.sent - before
        left = self.stream.open
        latencies = sorted(self.stream.latencies)
        ended = time.monotonic()
        try:
            await self.until_quiet()
        except LocalError as error:
            note(str(error))
            is_quiet = False
        else:
            is_quiet = True
        memory, lags = self.watch.memory(), self.watch.lags()
        return {
            "is_quiet": is_quiet,
            **judged(Course(rate, passed, memory, lags, self.watch.gone)),
            "seconds_until_quiet": round(time.monotonic() - ended, 1),
            "rate": round(rate, 1),
            "seconds": round(passed, 1),
            "commands": count,
            "per_s": round((count - left) / passed, 1),
            **{name: round(1e3 * share(latencies, part), 1) for name, part in BASES},
            "longest_ms": round(1e3 * latencies[-1], 1) if latencies else None,
            "cpu_us": {name: round(1e6 * used / count) for name, used in self.watch.cpu_seconds.items()},
            "rss_mib": {name: [round(now, 1), round(grown, 1)] for name, (now, grown) in memory.items()},
            "lag": {name: [longest, round(grown, 1)] for name, (longest, grown) in lags.items()},
        }


@asynccontextmanager
async def system(
    settings: Settings, fleet: Fleet, server_pids: dict[str, int], say: Say, seed: int
) -> AsyncIterator[System]:
    """All workers running, and members who can buy.

    Raises:
        LocalError: something does not start.
    """
    await create_topics(settings)
    say("starting the workers")
    await fleet.start()
    groups = {settings.group(each.name): listen_topics(each, settings.prefix) for each in all_workers()}
    till = Till(Programme.read(settings.programme_file), seed)
    async with backlogs(settings, groups) as look, Stream(settings, till) as stream:
        one = System(stream, Watch({**server_pids, **fleet.pids}, look))
        say("cards and members")
        for part in till.beginning():
            await stream.send(part, [time.monotonic()] * len(part))
            await one.until_quiet()
        yield one
