"""A way of processing commands as a process of its own, started when they lie in the topic, watched from outside.

Nothing that is measured measures itself: time is taken by the answers' arrival at the results topic, processor time by
what the operating system says of worker, broker and database between the same two moments.
"""

import asyncio
import os
import pickle
import re
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final
from urllib.request import urlopen

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from motor.motor_asyncio import AsyncIOMotorClient

from contracts.topics import results_topic
from runtime.admin import connection, create_topics, needed_topics
from runtime.local import free_port
from runtime.local.child import Child, last_words
from runtime.mongo import CODEC, MAJORITY
from runtime.publishing import Publisher, partition_of
from runtime.settings import Settings
from runtime.store import Store, connect
from tests.bench.script import Played, Workload

LOOK_SECONDS: Final = 0.01
IDLE_SECONDS: Final = 30.0
"""How long a way may say nothing before it counts as stuck."""
STEP: Final = re.compile(r'^punchcard_step_seconds_sum\{step="(\w+)"\} (\S+)$', re.MULTILINE)
TICKS: Final = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "ours": ("-m", "services.cli", "worker"),
    "usual": ("-m", "tests.bench.usual"),
    "usual_parallel": ("-m", "tests.bench.usual"),
    "bare": ("-m", "tests.bench.bare"),
    "bare_overlapped": ("-m", "tests.bench.bare", "--overlapped"),
}


class Stuck(RuntimeError):
    """A way ended, or stopped answering, before its commands were done; says what it said last."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured run."""

    count: int
    seconds: float
    cpu_seconds: Mapping[str, float]
    """By process (worker, broker, database), processor time within `seconds`."""
    step_seconds: Mapping[str, float]
    """Of ours: the time in each step of a batch, warm-up included, as its metrics say; the steps overlap."""

    @property
    def per_s(self) -> float:
        """Commands a second."""
        return self.count / self.seconds

    def cpu_us(self, process: str) -> float | None:
        """Microseconds of processor time that a command took in a process, where that is known."""
        return 1e6 * self.cpu_seconds[process] / self.count if process in self.cpu_seconds else None


class Run:
    """One way with one workload under a prefix of its own, on documents that are put there first."""

    def __init__(
        self, way: str, workload: Workload, settings: Settings, server_pids: Mapping[str, int], logs: Path
    ) -> None:
        self._way = way
        self._settings = settings
        self._workload = workload.under(settings.prefix)
        self._pids = dict(server_pids)
        self._logs = logs
        self._health_port = free_port(settings.host)
        self._environment = {
            "PUNCHCARD_PREFIX": settings.prefix,
            "PUNCHCARD_KAFKA_SERVERS": settings.kafka_servers,
            "PUNCHCARD_MONGO_URL": settings.mongo_url.get_secret_value(),
            "PUNCHCARD_HEALTH_PORT": str(self._health_port),
        }

    async def prepare(self) -> None:
        """Make topics, collections and indexes, and put the documents there that stand before."""
        worker = self._workload.worker
        await create_topics(self._settings)
        store = Store(self._settings, worker, import_module(f"workers.{worker}").worker.documents.values())
        await store.open()
        store.close()
        client = connect(self._settings)
        database = client.get_database(self._settings.database(worker), codec_options=CODEC, write_concern=MAJORITY)
        for name, documents in self._workload.seeds.items():
            await database[name].insert_many(documents, ordered=False)
        client.close()

    async def clean(self) -> None:
        """Remove what the run left: the local broker keeps its topics in memory and writes them out again and again."""
        client: AsyncIOMotorClient = connect(self._settings)
        await client.drop_database(self._settings.database(self._workload.worker))
        client.close()
        admin = AIOKafkaAdminClient(**connection(self._settings))
        await admin.start()
        await admin.delete_topics([topic.name for topic in needed_topics(self._settings)])
        await admin.close()

    async def measure(self, count: int, warm_up: int, profile: Path | None = None) -> Sample:
        """Process the first `count` commands; time what comes after the first `warm_up` answers.

        Raises:
            Stuck: they were not all answered.
        """
        plan = await self._publish(count)
        child = Child(self._way, self._command(plan, profile), self._logs / f"{self._way}.log", self._environment)
        consumer = AIOKafkaConsumer(**connection(self._settings))
        await consumer.start()
        try:
            places = [
                TopicPartition(results_topic(self._settings.prefix), number)
                for number in range(self._settings.partitions)
            ]
            before = sum((await consumer.end_offsets(places)).values())
            child.start()
            return await self._watch(consumer, places, before, child, count, warm_up)
        finally:
            await asyncio.to_thread(child.stop)
            await consumer.stop()

    def _command(self, plan: Path, profile: Path | None) -> list[str]:
        interpreter = [sys.executable]
        if profile is not None:
            interpreter += ["-m", "cProfile", "-o", str(profile)]
        arguments = [*COMMANDS[self._way], self._workload.worker]
        if self._way.startswith("bare"):
            arguments.append(str(plan))
        if self._way == "usual_parallel":
            arguments.append(str(self._settings.partitions))
        return [*interpreter, *arguments]

    async def _publish(self, count: int) -> Path:
        """Put the commands on their topic; notes for the bare pipe what belongs to which offset."""
        publisher = Publisher(self._settings, "bench")
        await publisher.start()
        plan: dict[tuple[int, int], Played] = {}
        sent: Counter[int] = Counter()
        commands = self._workload.commands[:count]
        for command, played in zip(commands, self._workload.played[:count], strict=True):
            assert command.key is not None
            partition = partition_of(command.key, self._settings.partitions)
            plan[partition, sent[partition]] = played
            sent[partition] += 1
        for start in range(0, count, 500):
            await publisher.publish(commands[start : start + 500])
        await publisher.stop()
        file = self._logs / "plan.pickle"
        if self._way.startswith("bare"):
            file.write_bytes(pickle.dumps(plan))
        return file

    async def _watch(
        self,
        consumer: AIOKafkaConsumer,
        places: Sequence[TopicPartition],
        before: int,
        child: Child,
        count: int,
        warm_up: int,
    ) -> Sample:
        """Look at the results topic's ends again and again; from the first look past the warm-up to the last answer."""
        assert child.pid is not None
        pids = {**self._pids, "worker": child.pid}
        first: tuple[int, float, dict[str, float]] | None = None
        seen, seen_at = 0, time.monotonic()
        while True:
            now = sum((await consumer.end_offsets(places)).values()) - before
            at = time.monotonic()
            if now > seen:
                seen, seen_at = now, at
                if first is None and seen >= warm_up:
                    first = (seen, at, cpu_times(pids))
            if seen >= count:
                break
            if child.ended() is not None:
                raise Stuck(f"{self._way} ended with {child.ended()}: {last_words(child.log)}")
            if at - seen_at > IDLE_SECONDS:
                raise Stuck(f"{self._way} answered {seen} of {count}: {last_words(child.log)}")
            await asyncio.sleep(LOOK_SECONDS)
        assert first is not None
        started_count, started_at, started_cpu = first
        cpu = {name: used - started_cpu[name] for name, used in cpu_times(pids).items()}
        steps = await asyncio.to_thread(self._steps) if self._way == "ours" else {}
        return Sample(count - started_count, at - started_at, cpu, steps)

    def _steps(self) -> dict[str, float]:
        with urlopen(f"http://{self._settings.host}:{self._health_port}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
        return {step: float(value) for step, value in STEP.findall(text)}


def cpu_times(pids: Mapping[str, int]) -> dict[str, float]:
    """Seconds of processor time, user and system, that processes have used (Linux; elsewhere nothing)."""
    found: dict[str, float] = {}
    for name, pid in pids.items():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        found[name] = (int(fields[11]) + int(fields[12])) / TICKS
    return found
