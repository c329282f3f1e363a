"""What history costs: rates, processor time and reads beside much of it, each as a ratio to where there is least."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final, NamedTuple

from tests.bench.ways import Sample

PROCESSES: Final = ("worker", "database")
"""Whose processor time history could raise; the broker's is that of messages."""


class Read(NamedTuple):
    """A read of a worker's views: how long it took each time, and what MongoDB read for it."""

    ms: tuple[float, ...]
    documents: int
    keys: int

    @property
    def p50_ms(self) -> float:
        """Half of them took no longer."""
        return median(self.ms)

    @property
    def p99_ms(self) -> float:
        """Of a hundred one took longer."""
        return sorted(self.ms)[min(len(self.ms) - 1, int(0.99 * len(self.ms)))]

    def summary(self) -> dict[str, Any]:
        """For machines."""
        return {
            "p50_ms": round(self.p50_ms, 2),
            "p99_ms": round(self.p99_ms, 2),
            "documents_examined": self.documents,
            "keys_examined": self.keys,
        }


@dataclass(slots=True)
class Beside:
    """What was measured beside so much history."""

    entries: int
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    """By kind of command, one each round."""
    reads: dict[str, Read] = field(default_factory=dict)

    def rate(self, name: str) -> float:
        """Commands a second, the median of the rounds."""
        return median(each.per_s for each in self.samples[name])

    def cpu_us(self, name: str) -> float | None:
        """Processor time of worker and database for a command in microseconds, the median of the rounds."""
        used = [[each.cpu_us(process) for process in PROCESSES] for each in self.samples[name]]
        known = [[part for part in parts if part is not None] for parts in used]
        return median(sum(parts) for parts in known) if all(len(parts) == len(PROCESSES) for parts in known) else None

    def summary(self, least: "Beside") -> dict[str, Any]:
        """For machines."""
        found: dict[str, Any] = {"entries": self.entries}
        for name in self.samples:
            found[f"{name}_per_s"] = round(self.rate(name), 1)
            found[f"{name}_ratio"] = round(median(ratios(self, least, name)), 3)
            cpu = self.cpu_us(name)
            found |= {} if cpu is None else {f"{name}_cpu_us": round(cpu, 1)}
        return {**found, "reads": {name: read.summary() for name, read in self.reads.items()}}


def ratios(one: Beside, least: Beside, name: str) -> list[float]:
    """How one's rate stands to the least's, round by round."""
    return [mine.per_s / other.per_s for mine, other in zip(one.samples[name], least.samples[name], strict=True)]


@dataclass(slots=True)
class Grown:
    """Everything that was found."""

    members: dict[int, Beside] = field(default_factory=dict)
    """By how many members there are."""
    accounts: dict[tuple[int, int], Beside] = field(default_factory=dict)
    """By how many members there are, and how many ledger entries one account was asked to have."""
    options: str = ""

    def summary(self) -> dict[str, Any]:
        """The part of the last line's object."""
        members = {str(size): each for size, each in self.members.items()}
        accounts = {f"{entries} beside {size}": each for (size, entries), each in self.accounts.items()}
        return {
            name: {what: each.summary(next(iter(beside.values()))) for what, each in beside.items()}
            for name, beside in (("members", members), ("account", accounts))
            if beside
        }

    def tables(self) -> list[tuple[str, list[str], list[list[str]]]]:
        """Titles, heads and rows."""
        kinds = self._kinds(self.members)
        return [
            (
                "With history: median of the rounds, and as a ratio to the fewest members (lowest … highest)",
                ["members", "ledger entries", *kinds, "balance, ms", "documents read"],
                [
                    [f"{size:,}", f"{each.entries:,}", *self._cells(each, self.members), *self._balance(each)]
                    for size, each in self.members.items()
                ],
            ),
            (
                "One account with history, and as a ratio to a new account beside the fewest members",
                ["members", "ledger entries of one account", *self._kinds(self.accounts)],
                [
                    [f"{size:,}", f"{each.entries:,}", *self._cells(each, self.accounts)]
                    for (size, _), each in self.accounts.items()
                ],
            ),
            (
                "Reads of one account: p50 and p99 in ms, documents that MongoDB read",
                ["read", *(f"of {each.entries:,} beside {size:,}" for (size, _), each in self.accounts.items())],
                [
                    [name, *(self._read(each.reads.get(name)) for each in self.accounts.values())]
                    for name in self._reads()
                ],
            ),
        ]

    def _kinds(self, beside: Mapping[Any, Beside]) -> list[str]:
        names = list(next(iter(beside.values())).samples) if beside else []
        return [head for name in names for head in (f"{name}s/s", "ratio", "CPU µs: worker + database")]

    def _cells(self, each: Beside, beside: Mapping[Any, Beside]) -> list[str]:
        cells: list[str] = []
        least = next(iter(beside.values()))
        for name in each.samples:
            cpu = each.cpu_us(name)
            cells += [f"{each.rate(name):,.0f}", shown(ratios(each, least, name)), "" if cpu is None else f"{cpu:,.0f}"]
        return cells

    def _balance(self, each: Beside) -> list[str]:
        read = each.reads["balance"]
        return [f"{read.p50_ms:.1f}", str(read.documents)]

    def _reads(self) -> list[str]:
        return list(next(iter(self.accounts.values())).reads) if self.accounts else []

    def _read(self, read: Read | None) -> str:
        return "" if read is None else f"{read.p50_ms:.1f}, {read.p99_ms:.1f}; {read.documents:,}"


def shown(values: Sequence[float]) -> str:
    """A median with the lowest and the highest."""
    low, middle, high = (f"{value:.2f}" for value in (min(values), median(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({low} … {high})"
