"""What a run found: medians with their spread, tables for people, one object for machines, the page under docs/."""

import os
import platform
import re
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import harmonic_mean, median
from typing import Any, Final

from rich.table import Table

from tests.bench.grown import Grown
from tests.bench.searched import Searched
from tests.bench.ways import Sample

PAGE: Final = Path("docs/benchmarks.md")
BEGIN, END = "<!-- figures: written by `python -m tests.bench --write` -->", "<!-- end of figures -->"
BEGIN_GROWTH: Final = "<!-- growth: written by `python -m tests.bench --only growth --write` -->"
END_GROWTH: Final = "<!-- end of growth -->"
BEGIN_SEARCH: Final = "<!-- search: written by `python -m tests.bench --only search --write` -->"
END_SEARCH: Final = "<!-- end of search -->"
WAYS: Final = {
    "ours": "ours",
    "usual": "the usual way",
    "usual_parallel": "the usual way, partitions in parallel",
    "bare": "the bare pipe",
    "bare_overlapped": "the bare pipe, overlapped",
}
PROCESSES: Final = ("worker", "database", "broker")
MAIN_RATE: Final = 200


def commit(folder: Path = Path(__file__).parent) -> str:
    """The commit that is checked out there, with `+` if something was changed since; empty where git can't say."""
    said: list[str] = []
    for question in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain")):
        try:
            asked = subprocess.run(["git", *question], cwd=folder, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return ""
        said.append(asked.stdout.strip())
    return said[0] + ("+" if said[1] else "")


@dataclass(slots=True)
class Report:
    """Everything that was found."""

    rounds: dict[str, list[dict[str, Sample]]] = field(default_factory=dict)
    """By way, for each round the samples by workload."""
    latency: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    growth: Grown = field(default_factory=Grown)
    search: Searched = field(default_factory=Searched)
    servers: str = ""
    options: str = ""
    commit: str = field(default_factory=commit)
    """What was measured, as it stood at the beginning: to write the page changes the tree."""

    def add(self, way: str, samples: dict[str, Sample]) -> None:
        """Take in a round of a way."""
        self.rounds.setdefault(way, []).append(samples)

    def rates(self, way: str, workload: str | None = None) -> list[float]:
        """Commands a second, by round; of all workloads in equal parts if none is named."""
        return [
            samples[workload].per_s if workload else harmonic_mean([each.per_s for each in samples.values()])
            for samples in self.rounds.get(way, [])
        ]

    def cpu_us(self, way: str) -> dict[str, float]:
        """Median microseconds of processor time a command, by process."""
        found: dict[str, float] = {}
        for process in PROCESSES:
            each = [sample.cpu_us(process) for samples in self.rounds.get(way, []) for sample in samples.values()]
            known = [used for used in each if used is not None]
            if known:
                found[process] = round(median(known), 1)
        return found

    def steps(self) -> dict[str, dict[str, int]]:
        """By workload, the share of each step of ours in the time of all steps, in percent."""
        found: dict[str, dict[str, int]] = {}
        for name in self.workloads:
            total: Counter[str] = Counter()
            for samples in self.rounds.get("ours", []):
                total.update(samples[name].step_seconds)
            found[name] = {step: round(100 * seconds / total.total()) for step, seconds in total.most_common()}
        return found

    def ratios(self, over: str) -> list[float]:
        """How often ours goes into another way, by round."""
        return [ours / other for ours, other in zip(self.rates("ours"), self.rates(over), strict=True)]

    @property
    def workloads(self) -> Sequence[str]:
        """Names of what was measured."""
        return list(next(iter(self.rounds.values()))[0]) if self.rounds else []

    def summary(self) -> dict[str, Any]:
        """The object of the last line."""
        found: dict[str, Any] = {}
        for way in self.rounds:
            found[f"{way}_per_s"] = round(median(self.rates(way)), 1)
        if "ours" in self.rounds:
            for over in set(self.rounds) - {"ours"}:
                found[f"ratio_{over}"] = round(median(self.ratios(over)), 3)
        at_main_rate = self.latency.get(MAIN_RATE, {})
        found |= {name: at_main_rate[name] for name in ("p50_ms", "p99_ms") if name in at_main_rate}
        if self.latency:
            found["latency"] = {str(rate): dict(each) for rate, each in self.latency.items()}
        if self.growth.members:
            found["growth"] = self.growth.summary()
        if self.search.kinds:
            found["search"] = self.search.summary()
        if self.rounds:
            found["workloads"] = {
                name: {f"{way}_per_s": round(median(self.rates(way, name)), 1) for way in self.rounds}
                for name in self.workloads
            }
            found["spread"] = {way: [round(min(rates), 1), round(max(rates), 1)] for way, rates in self._all_rates()}
            found["step_percent"] = self.steps()
            found["cpu_us"] = {way: self.cpu_us(way) for way in self.rounds}
        return found

    def _all_rates(self) -> list[tuple[str, list[float]]]:
        return [(way, self.rates(way)) for way in self.rounds]

    def throughput_rows(self) -> list[list[str]]:
        """A row for each way: its name, the workloads, all of them, ours as a multiple, processor time a command."""
        rows: list[list[str]] = []
        for way in self.rounds:
            times = "" if way == "ours" else spread(self.ratios(way), digits=2) if "ours" in self.rounds else ""
            cpu = self.cpu_us(way)
            rows.append(
                [
                    WAYS[way],
                    *(spread(self.rates(way, name)) for name in self.workloads),
                    spread(self.rates(way)),
                    times,
                    " + ".join(f"{cpu[process]:,.0f}" for process in PROCESSES if process in cpu),
                ]
            )
        return rows

    @property
    def throughput_head(self) -> list[str]:
        """The columns of `throughput_rows`."""
        return ["commands/s", *self.workloads, "all", "ours is × this", "CPU µs: worker + database + broker"]

    def latency_rows(self) -> list[list[str]]:
        """A row for each rate."""
        return [
            [
                f"{rate}/s",
                *(f"{each[name]:.1f}" for name in ("p50_ms", "p99_ms", "max_ms")),
                ", ".join(f"{count} × {status}" for status, count in sorted(each["answers"].items())),
                f"{sum(each['cpu_percent'].values())} %",
            ]
            for rate, each in self.latency.items()
        ]

    @property
    def latency_head(self) -> list[str]:
        """The columns of `latency_rows`."""
        return ["rate", "p50 ms", "p99 ms", "longest ms", "answers", "CPU in all"]

    @property
    def step_head(self) -> list[str]:
        """The columns of `step_rows`."""
        steps = {step for shares in self.steps().values() for step in shares}
        return ["ours, % of its steps", *sorted(steps)] if steps else []

    def step_rows(self) -> list[list[str]]:
        """A row for each workload: where ours spends its time."""
        return [
            [name, *(str(shares.get(step, "")) for step in self.step_head[1:])]
            for name, shares in self.steps().items()
            if shares
        ]

    def tables(self) -> list[Table]:
        """The tables for a terminal."""
        found: list[Table] = []
        for title, head, rows in (
            ("Throughput: median (lowest … highest round)", self.throughput_head, self.throughput_rows()),
            ("Where ours spends its time", self.step_head, self.step_rows()),
            ("Latency through the gateway", self.latency_head, self.latency_rows()),
            *self.growth.tables(),
            *self.search.tables(),
        ):
            if not rows:
                continue
            table = Table(*head, title=title, title_justify="left")
            for row in rows:
                table.add_row(*row)
            found.append(table)
        return found

    def page_section(self) -> str:
        """The figures as they stand on the page."""
        tables = (
            (self.throughput_head, self.throughput_rows()),
            (self.step_head, self.step_rows()),
            (self.latency_head, self.latency_rows()),
        )
        return "\n\n".join([BEGIN, self._taken(self.options), *(markdown(*table) for table in tables if table[1]), END])

    def growth_section(self) -> str:
        """What history costs, as it stands on the page."""
        tables = [markdown(head, rows) for _, head, rows in self.growth.tables() if rows]
        return "\n\n".join([BEGIN_GROWTH, self._taken(self.growth.options), *tables, END_GROWTH])

    def search_section(self) -> str:
        """What searches take, as it stands on the page."""
        tables = [markdown(head, rows) for _, head, rows in self.search.tables()]
        return "\n\n".join([BEGIN_SEARCH, self._taken(self.search.options), *tables, END_SEARCH])

    def _taken(self, options: str) -> str:
        at = f" at {self.commit}" if self.commit else ""
        return f"Taken on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC{at}, {machine()}; {self.servers}; {options}."

    def write(self, page: Path = PAGE) -> None:
        """Put what was measured on the page, between its marks; what wasn't stays as it stands there.

        Raises:
            ValueError: the page has no marks.
        """
        if self.rounds or self.latency:
            put_between(page, BEGIN, END, self.page_section())
        if self.growth.members:
            put_between(page, BEGIN_GROWTH, END_GROWTH, self.growth_section())
        if self.search.kinds:
            put_between(page, BEGIN_SEARCH, END_SEARCH, self.search_section())


def put_between(page: Path, begin: str, end: str, section: str) -> None:
    """Put a section in place of what stands between its marks.

    Raises:
        ValueError: the page has no marks.
    """
    text = page.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"{page} has no place for the figures: {begin} … {end}")
    page.write_text(pattern.sub(lambda _: section, text), encoding="utf-8")


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as pages have it."""
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rows))


def spread(values: Sequence[float], digits: int = 0) -> str:
    """A median with the lowest and the highest."""
    if not values:
        return ""
    low, middle, high = (f"{value:,.{digits}f}" for value in (min(values), median(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({low} … {high})"


def machine() -> str:
    """Processors, and the versions of what matters."""
    model = ""
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        found = re.search(r"model name\s*:\s*(.+)", cpus.read_text(encoding="utf-8"))
        model = f" ({found[1].strip()})" if found else ""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("faststream", "aiokafka", "motor", "pydantic"))
    return f"{os.cpu_count()} cores{model}, {platform.system()}, Python {platform.python_version()}, {libraries}"
