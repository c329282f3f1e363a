"""Watching: memory, processor time and lag of everybody, again and again, and which way they go."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression
from typing import Final

from runtime.admin import Backlog
from tests.bench.ways import cpu_times

EVERY_SECONDS: Final = 5.0
SAID_SECONDS: Final = 30.0
WARM_UP_SHARE: Final = 0.2
"""So large a part at the beginning tells nothing of a slope: caches fill, the collector learns."""
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at one moment."""

    at: float
    rss_mib: Mapping[str, float]
    lag: Mapping[str, int]

    @property
    def behind(self) -> str:
        """By worker, the records that wait."""
        return ", ".join(f"{name} {count:,}" for name, count in self.lag.items())


@dataclass(slots=True)
class Watch:
    """Looks, in order, and the processor time between the first and the last."""

    pids: Mapping[str, int]
    backlog: Callable[[], Awaitable[Mapping[str, Backlog]]]
    looks: list[Look] = field(default_factory=list)
    cpu_before: dict[str, float] = field(default_factory=dict)
    cpu_after: dict[str, float] = field(default_factory=dict)

    async def run(self, note: Callable[[str], None]) -> None:
        """Look until cancelled; now and then say what is seen."""
        self.cpu_before = cpu_times(self.pids)
        said_at = time.monotonic()
        while True:
            await self.look()
            if self.looks[-1].at - said_at >= SAID_SECONDS:
                said_at = self.looks[-1].at
                note(f"{(said_at - self.looks[0].at) / 60:.1f} min, behind: {self.looks[-1].behind}")
            await asyncio.sleep(EVERY_SECONDS)

    async def look(self) -> None:
        """Look once."""
        self.looks.append(Look(time.monotonic(), rss(self.pids), await self.lag()))
        self.cpu_after = cpu_times(self.pids)

    async def lag(self) -> dict[str, int]:
        """By worker, the records that wait now."""
        return {group.rpartition(".")[2]: each.behind for group, each in (await self.backlog()).items()}

    @property
    def cpu_seconds(self) -> dict[str, float]:
        """Processor time of each process."""
        return {name: self.cpu_after[name] - self.cpu_before[name] for name in self.cpu_after}

    @property
    def gone(self) -> list[str]:
        """Processes that are not there any more; nobody, where their memory can't be read."""
        return sorted(set(self.looks[0].rss_mib) - set(self.looks[-1].rss_mib))

    @property
    def settled(self) -> Sequence[Look]:
        """The looks after the warm-up."""
        return self.looks[int(len(self.looks) * WARM_UP_SHARE) :]

    def memory(self) -> dict[str, tuple[float, float]]:
        """By process, MiB at the end and MiB more with every hour."""
        return {
            name: (
                self.looks[-1].rss_mib[name],
                3_600 * slope([(each.at, each.rss_mib[name]) for each in self.settled]),
            )
            for name in self.looks[-1].rss_mib
        }

    def lags(self) -> dict[str, tuple[int, float]]:
        """By worker, the longest lag in records and how many records it grew by every minute."""
        return {
            name: (
                max(each.lag[name] for each in self.settled),
                60 * slope([(each.at, each.lag[name]) for each in self.settled]),
            )
            for name in self.looks[-1].lag
        }


def slope(points: Sequence[tuple[float, float]]) -> float:
    """By how much the second grows with the first, by least squares; 0 for fewer than three points."""
    if len(points) < 3:
        return 0.0
    return linear_regression(*zip(*points, strict=True)).slope


def rss(pids: Mapping[str, int]) -> dict[str, float]:
    """Resident memory in MiB (Linux; elsewhere nothing)."""
    found: dict[str, float] = {}
    for name, pid in pids.items():
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
        except OSError:
            continue
        found[name] = pages * PAGE_BYTES / 2**20
    return found


def share(sorted_values: Sequence[float], part: float) -> float:
    """The value below which so large a part lies (nearest rank); 0 of nothing."""
    if not sorted_values:
        return 0.0
    return sorted_values[min(len(sorted_values) - 1, int(part * len(sorted_values)))]
