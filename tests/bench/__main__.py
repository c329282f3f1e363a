"""`make bench`: prints its progress and tables, and as its last line one JSON object."""

import asyncio
import json
import pstats
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Any, Final

import typer
from pymongo import MongoClient
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from contracts.programme import Programme
from runtime.local import LocalError, LocalServers, free_port
from runtime.local.servers import wait_for
from runtime.settings import Settings
from tests.bench.commands import WORKLOADS
from tests.bench.growth import Growth, Sizes
from tests.bench.latency import measure_latency
from tests.bench.report import WAYS, Report
from tests.bench.script import Workload, rehearse
from tests.bench.search import Searches
from tests.bench.ways import Run, Sample, Stuck
from tests.servers import named

SECTIONS: Final = ("throughput", "latency", "growth", "search")
RATES: Final = (50, 200, 500)
USUAL_SHARE: Final = 12
"""The usual way gets so many times fewer commands: it takes far longer for each."""
WARM_UP_SHARE: Final = 6
PROFILE_LINES: Final = 45

console = Console(width=None if sys.stdout.isatty() else 120)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Bench:
    """One run of the benchmark on servers that are there."""

    def __init__(
        self,
        servers: Settings,
        pids: Mapping[str, int],
        folder: Path,
        progress: Progress,
        restart: Callable[[], None] | None = None,
    ) -> None:
        self._servers = servers
        self._restart = restart
        self._pids = pids
        self._folder = folder
        self._progress = progress
        self._task = progress.add_task("starting", total=None)
        self._programme = Programme.read(servers.programme_file)
        self.report = Report()

    def _settings(self) -> Settings:
        host = self._servers.host
        own = {
            "prefix": f"bench-{token_hex(4)}",
            "gateway_port": free_port(host),
            "sms_port": free_port(host),
            "state_dir": self._folder,
            "keys_file": self._folder / "keys.yaml",
        }
        return self._servers.model_copy(update=own)

    def _say(self, text: str) -> None:
        self._progress.update(self._task, description=text, advance=1)

    async def throughput(self, rounds: int, commands: int, ways: tuple[str, ...]) -> None:
        """Every way in every round, in turn, so that what else the machine does meets all of them."""
        workloads = await self._workloads(commands)
        self._progress.update(self._task, total=rounds * len(ways) * len(workloads), completed=0)
        for number in range(rounds):
            for way in ways:
                where = f"round {number + 1} of {rounds}"
                self.report.add(way, {each.name: await self._sample(way, each, where) for each in workloads})

    async def _sample(self, way: str, workload: Workload, where: str, profile: Path | None = None) -> Sample:
        self._say(f"{where}: {WAYS[way]}, {workload.name}")
        count = len(workload.commands)
        if way.startswith("usual"):
            count = max(60, count // USUAL_SHARE)
        run = Run(way, workload, self._settings(), self._pids, self._folder / "logs")
        try:
            await run.prepare()
            return await run.measure(count, count // WARM_UP_SHARE, profile)
        finally:
            await run.clean()

    async def profile(self, commands: int, name: str) -> None:
        """Ours under cProfile; prints where the worker's time goes."""
        (workload,) = [each for each in await self._workloads(commands) if each.name == name]
        found = self._folder / "profile"
        sample = await self._sample("ours", workload, "profile", found)
        console.print(f"{name}: {sample.per_s:,.0f} commands/s under the profiler")
        statistics = pstats.Stats(str(found), stream=sys.stdout).strip_dirs()
        statistics.sort_stats("tottime").print_stats(PROFILE_LINES)
        statistics.sort_stats("cumtime").print_stats(PROFILE_LINES)

    async def latency(self, seconds: float) -> None:
        """The whole system, at each rate."""
        self.report.latency = await measure_latency(
            self._settings(), self._programme, self._folder / "logs", RATES, seconds, self._pids, self._say
        )

    async def growth(self, sizes: Sizes, rounds: int, commands: int) -> None:
        """The same beside little history and much of it."""

        def say(text: str, done: int, total: int) -> None:
            self._progress.update(self._task, description=text, completed=done, total=total or None)

        growth = Growth(self._settings, self._programme, self._folder / "logs", self._pids, say)
        self.report.growth = await growth.measure(sizes, rounds, commands)

    async def search(self, size: int, times: int) -> None:
        """Members looked for among many, by every kind of key."""

        def say(text: str, done: int, total: int) -> None:
            self._progress.update(self._task, description=text, completed=done, total=total or None)

        searches = Searches(self._settings(), self._programme, say, self._restart)
        self.report.search = await searches.measure(size, times)

    async def _workloads(self, commands: int) -> list[Workload]:
        self._say("rehearsing the commands")
        return await rehearse(self._programme, commands)


@contextmanager
def servers() -> Iterator[tuple[Settings, Mapping[str, int], Path, str, Callable[[], None] | None]]:
    """Servers that the environment names, else the local default.

    Where they are, which processes, a folder, what they are, and what starts the database anew, if it is ours.
    """
    folder = Path(tempfile.mkdtemp(prefix="punchcard-bench-"))
    try:
        (folder / "logs").mkdir()
        kafka, mongo = named("KAFKA_SERVERS"), named("MONGO_URL")
        if kafka and mongo:
            yield (
                Settings(kafka_servers=kafka, mongo_url=mongo),
                {},
                folder,
                f"Kafka and MongoDB {_mongo(mongo)} as named",
                None,
            )
            return
        with LocalServers(folder) as local:
            assert local.broker is not None
            assert local.database is not None
            pids = {"broker": local.broker.pid or 0, "database": local.database.pid or 0}
            kind = (
                f"local default: noida-db {version('noida-db')}, MongoDB {_mongo(local.mongo_url)}, on the same cores"
            )
            settings = Settings(kafka_servers=local.kafka_servers, mongo_url=local.mongo_url)
            yield settings, pids, folder, kind, partial(_restart, local)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _restart(local: LocalServers) -> None:
    """Start the database anew: it forgets what it has read."""
    assert local.database is not None
    local.database.stop()
    local.database.start()
    wait_for(local.database, local.database_is_ready)


def _mongo(url: str) -> str:
    with MongoClient[dict[str, Any]](url) as client:
        return str(client.server_info()["version"])


@app.command()
def bench(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How often every way is measured, in turn.")] = 3,
    commands: Annotated[int, typer.Option(min=720, help="Commands of each kind for ours and the bare pipe.")] = 2_400,
    seconds: Annotated[float, typer.Option(min=1, help="How long each rate is held.")] = 10.0,
    only: Annotated[str | None, typer.Option(help=f"{', '.join(SECTIONS)}.")] = None,
    ways: Annotated[str, typer.Option(help="Which ways, by comma.")] = ",".join(WAYS),
    sizes: Annotated[str, typer.Option(help="Growth: members there already, by comma.")] = "1000,100000,1000000",
    entries: Annotated[int, typer.Option(min=0, help="Growth: ledger entries beside the most members.")] = 0,
    account_entries: Annotated[str, typer.Option(help="Growth: ledger entries of one account.")] = "0,1000,100000",
    members: Annotated[int, typer.Option(min=1_000, help="Search: members among whom is searched.")] = 1_000_000,
    searches: Annotated[int, typer.Option(min=1, max=100, help="Search: of each kind.")] = 60,
    quick: Annotated[
        bool, typer.Option(help="One small round, short latencies, little history: about a minute.")
    ] = False,
    write: Annotated[bool, typer.Option(help="Put the figures into docs/benchmarks.md.")] = False,
    profile: Annotated[
        str | None, typer.Option(help=f"Profile ours on one workload instead: {', '.join(WORKLOADS)}.")
    ] = None,
) -> None:
    """Measure our loop, the usual way and the bare pipe, the gateway's latency, what history costs, and search."""
    history = Sizes(numbers(sizes, "--sizes"), entries, numbers(account_entries, "--account-entries"))
    chosen = tuple(ways.split(","))
    for option, given, known in (
        ("--only", {only}, SECTIONS),
        ("--ways", chosen, WAYS),
        ("--profile", {profile}, WORKLOADS),
    ):
        if unknown := {each for each in given if each is not None} - {*known}:
            raise typer.BadParameter(f"{', '.join(unknown)}: must be among {', '.join(known)}", param_hint=option)
    if quick:
        rounds, commands, seconds = 1, 1_800, 3.0
        history = Sizes((1_000, 10_000), 0, (0, 1_000))
        members, searches = 20_000, 10
        chosen = tuple(way for way in chosen if way != "usual_parallel")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with (
        servers() as (settings, pids, folder, kind, restart),
        Progress(*columns, console=console, transient=True) as progress,
    ):
        run = Bench(settings, pids, folder, progress, restart)
        run.report.servers = kind
        run.report.options = f"{rounds} rounds of {commands:,} commands of each kind, each rate for {seconds:g} s"
        if profile is not None:
            progress.stop()
            asyncio.run(run.profile(commands, profile))
            return
        sections: Mapping[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "throughput": lambda: run.throughput(rounds, commands, chosen),
            "latency": lambda: run.latency(seconds),
            "growth": lambda: run.growth(history, rounds, commands),
            "search": lambda: run.search(members, searches),
        }
        for section in SECTIONS if only is None else (only,):
            asyncio.run(sections[section]())
    for table in run.report.tables():
        console.print(table)
    if write:
        run.report.write()
        console.print("written into docs/benchmarks.md")
    print(json.dumps(run.report.summary()), flush=True)


def numbers(text: str, option: str) -> tuple[int, ...]:
    """Whole numbers by comma, rising.

    Raises:
        typer.BadParameter: they are none.
    """
    found = [int(part) for part in text.split(",") if part.strip().isdigit()]
    if len(found) != text.count(",") + 1 or found != sorted(set(found)) or not found:
        raise typer.BadParameter("must be whole numbers, by comma, each more than the one before", param_hint=option)
    return tuple(found)


def main() -> None:
    """Run; what can't be measured is one line, an interrupted run leaves nothing behind."""
    try:
        code = app(standalone_mode=False)
    except (Stuck, LocalError, typer.BadParameter) as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(1)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    if code:
        print("bench: interrupted", file=sys.stderr)
        sys.exit(code)


if __name__ == "__main__":
    main()
