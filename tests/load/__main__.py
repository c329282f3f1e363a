"""`make load`: prints its progress and tables, and as its last line one JSON object."""

import asyncio
import json
import logging
import os
import platform
import shutil
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Final, NamedTuple

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from contracts.programme import Programme
from runtime.local import LocalError
from runtime.settings import Settings
from tests.bench.ways import Stuck
from tests.chaos.fleet import Fleet
from tests.chaos.servers import NoKafka, Servers, check_apache
from tests.chaos.watchdog import Watchdog
from tests.load.comparing import members, processes
from tests.load.holding import system

NO_KAFKA: Final = 2
INTERRUPTED: Final = 130
PARTITIONS: Final = 4

console = Console(width=None if sys.stdout.isatty() else 140)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Load:
    """One measurement on servers of its own."""

    def __init__(self, folder: Path, watchdog: Watchdog, servers: Servers, progress: Progress, seed: int) -> None:
        self._folder = folder
        self._seed = seed
        self._watchdog = watchdog
        self._servers = servers
        self._progress = progress
        self._task = progress.add_task("starting Apache Kafka and MongoDB", total=None)
        self.found: dict[str, Any] = {
            "machine": f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
            "servers": "Apache Kafka and MongoDB, on the same cores",
            "seed": seed,
        }

    @property
    def settings(self) -> Settings:
        """Where the servers are."""
        return Settings(
            prefix="load",
            kafka_servers=self._servers.kafka_servers,
            mongo_url=SecretStr(self._servers.mongo_url),
            partitions=PARTITIONS,
            state_dir=self._folder,
            keys_file=self._folder / "keys.yaml",
        )

    def say(self, text: str) -> None:
        """Show what is done now."""
        self._progress.update(self._task, description=text)
        if not console.is_terminal:
            console.print(text, highlight=False)

    async def hold(self, minutes: float, share: float, saturate_seconds: float) -> None:
        """Find saturation, then hold a share of it."""
        fleet = Fleet(self.settings, self._folder / "logs", self._watchdog)
        try:
            async with system(self.settings, fleet, self._servers.pids, self.say, self._seed) as one:
                self.say(f"looking for saturation ({saturate_seconds:.0f} s)")
                saturation = await one.saturate(saturate_seconds)
                self.found["saturation_per_s"] = round(saturation, 1)
                rate = share * saturation
                self.say(f"holding {rate:,.0f} of {saturation:,.0f} commands/s for {minutes:g} minutes")
                self.found["held"] = {
                    "share": share,
                    **await one.hold(rate, 60 * minutes, self.say),
                }
        finally:
            await fleet.end()
        self.found["ended_unasked"] = dict(fleet.ended_unasked)

    async def compare(self, most: int, commands: int, rounds: int) -> None:
        """Several processes against one."""
        programme = Programme.read(self.settings.programme_file)
        ratios: list[float] = []
        rates: list[dict[str, float]] = []
        for number in range(rounds):
            self.say(f"{most} processes against one, round {number + 1} of {rounds}")
            found = await processes(self.settings, programme, self._folder / "logs", commands, most)
            rates.append({name: round(rate, 1) for name, rate in found.items()})
            ratios.append(found[str(most)] / found["1"])
        self.found["processes"] = {"rates": rates, "ratio": round(median(ratios), 2)}

    async def grow(self, sizes: list[int], commands: int) -> None:
        """The same commands among more and more members."""
        programme = Programme.read(self.settings.programme_file)
        found: dict[str, dict[str, float]] = {}
        for size in sizes:
            self.say(f"{size:,} members")
            rates = await members(self.settings, programme, self._folder / "logs", size, commands, self._seed)
            found[str(size)] = {name: round(rate, 1) for name, rate in rates.items()}
        first = found[str(sizes[0])]
        ratios = {
            size: {name: round(rates[name] / first[name], 3) for name in ("registration", "purchase")}
            for size, rates in found.items()
        }
        self.found["members"] = {"rates": found, "ratios_to_first": ratios}

    def tables(self) -> list[Table]:
        """What was found, for people."""
        tables: list[Table] = []
        held = self.found.get("held")
        if held is not None:
            title = (
                f"{held['per_s']:,} commands/s for {held['seconds'] / 60:.1f} min ({held['share']:.0%} of saturation)"
            )
            latency = Table("p50 ms", "p99 ms", "p99.9 ms", "longest ms", title=title)
            latency.add_row(*(str(held[name]) for name in ("p50_ms", "p99_ms", "p999_ms", "longest_ms")))
            each = Table("process", "CPU µs a command", "MiB at the end", "MiB more an hour")
            for name, (mib, grown) in held["rss_mib"].items():
                each.add_row(name, str(held["cpu_us"].get(name)), f"{mib:,}", f"{grown:+,}")
            lag = Table("worker", "longest lag", "growth a minute")
            for name, (longest, grown) in held["lag"].items():
                lag.add_row(name, f"{longest:,}", f"{grown:+,}")
            tables += [latency, each, lag]
        if "members" in self.found:
            grown_table = Table("members", "registrations/s", "purchases/s", "ratios to the first")
            for size, rates in self.found["members"]["rates"].items():
                ratios = self.found["members"]["ratios_to_first"][size]
                grown_table.add_row(
                    f"{int(size):,}", f"{rates['registration']:,}", f"{rates['purchase']:,}", str(list(ratios.values()))
                )
            tables.append(grown_table)
        return tables


class Wanted(NamedTuple):
    """What is to be measured."""

    minutes: float
    share: float
    saturate_seconds: float
    processes: int
    sizes: list[int]
    commands: int
    seed: int
    keep: Path | None


async def measure(folder: Path, progress: Progress, wanted: Wanted) -> Load:
    """Measure what was asked for; everything is ended and its files are gone when this returns, however it does."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    watchdog = Watchdog(folder)
    async with AsyncExitStack() as stack:
        stack.callback(watchdog.end)
        if wanted.keep is not None:
            stack.callback(shutil.copytree, folder / "logs", wanted.keep, dirs_exist_ok=True)
        servers = Servers(folder, watchdog)
        stack.push_async_callback(servers.stop)
        load = Load(folder, watchdog, servers, progress, wanted.seed)
        await servers.start()
        if wanted.minutes:
            await load.hold(wanted.minutes, wanted.share, wanted.saturate_seconds)
        if wanted.processes > 1:
            await load.compare(wanted.processes, wanted.commands, 3)
        if wanted.sizes:
            await load.grow(wanted.sizes, wanted.commands)
    return load


@app.command()
def load(
    minutes: Annotated[float, typer.Option(min=0, help="How long the rate is held; 0 leaves it out.")] = 30,
    share: Annotated[float, typer.Option(min=0.05, max=1, help="Of saturation.")] = 0.7,
    saturate: Annotated[float, typer.Option(min=5, help="Seconds in which saturation is measured.")] = 60,
    processes: Annotated[int, typer.Option(min=1, help="So many processes of rewards against one.")] = 1,
    members: Annotated[str, typer.Option(help="Members there already, by comma: 1000,100000,1000000.")] = "",
    commands: Annotated[int, typer.Option(min=1_000, help="Commands of each comparison.")] = 8_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed: the same tills and members.")] = 1,
    keep: Annotated[Path | None, typer.Option(help="Copy the logs there when it has ended.")] = None,
) -> None:
    """Measure saturation, a share of it over a long time, several processes, and many members; 1 if it isn't flat."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    check_apache()
    folder = Path(tempfile.mkdtemp(prefix="punchcard-load-"))
    (folder / "logs").mkdir()
    sizes = [int(size) for size in members.split(",") if size]
    wanted = Wanted(minutes, share, saturate, processes, sizes, commands, seed, keep)
    columns = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            done = asyncio.run(measure(folder, progress, wanted))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for table in done.tables():
        console.print(table)
    held = done.found.get("held", {"is_quiet": True, "is_flat": None, "not_flat": []})
    for line in held["not_flat"]:
        console.print(line, highlight=False, markup=False)
    print(json.dumps(done.found), flush=True)
    if not held["is_quiet"] or held["is_flat"] is False:
        raise typer.Exit(1)


def main() -> None:
    """Run; what can't be measured is one line, an interrupted run leaves nothing behind."""
    code = 0
    try:
        code = app(standalone_mode=False) or 0
    except NoKafka as error:
        print(f"load: {error}", file=sys.stderr)
        sys.exit(NO_KAFKA)
    except (LocalError, Stuck, typer.BadParameter) as error:
        print(f"load: {error}", file=sys.stderr)
        sys.exit(1)
    except (KeyboardInterrupt, asyncio.CancelledError, typer.Abort):
        print("load: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    sys.exit(code)


if __name__ == "__main__":
    main()
